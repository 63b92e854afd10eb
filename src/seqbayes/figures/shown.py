"""The methods that notebooks and data frame libraries call: HTML, columns and plots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seqbayes.checks import check_count
from seqbayes.errors import UnsupportedError

if TYPE_CHECKING:
    from seqbayes.figures.panels import Panel
    from seqbayes.figures.samples import Samples


class Tabular:
    """An object whose estimates can be shown in notebooks, plots and data frames."""

    def figure_panels(self, level: float = 0.95) -> list[Panel]:
        """Return the panels of `plot`; see `seqbayes.figures.panels`.

        Parameters
        ----------
        level
            Probability of the credible intervals.
        """
        raise NotImplementedError

    def as_columns(self, level: float = 0.95) -> dict[str, Sequence[Any]]:
        """Return the estimates as columns of equal length, keyed by name.

        Parameters
        ----------
        level
            Probability of the credible intervals.
        """
        raise NotImplementedError

    def _repr_html_(self) -> str:
        """Return figures as inline SVG, and a table of estimates, for notebooks."""
        from seqbayes.figures.html import page

        return page(str(self), self.figure_panels(), self.as_columns())

    def plot(self, ax: Any = None, level: float = 0.95) -> Any:
        """Plot with matplotlib, in the colours of Bayes' rule.

        The prior is green, the likelihood red and the posterior orange. MLE, MAP and mean are
        marked on the axis, and the credible interval is shaded.

        Parameters
        ----------
        ax
            The axes to draw on; by default those of a new figure. For several numbers, one axes
            object for each panel of `figure_panels`.
        level
            Probability of the credible intervals.

        Returns
        -------
        matplotlib.axes.Axes, or an array of several

        Raises
        ------
        SeqbayesError
            If there is nothing to plot, or matplotlib is not installed (extra ``plot``).

        Examples
        --------
        >>> from seqbayes import Beta
        >>> state = Beta(2, 2)
        >>> state.learn_many([True, True, False])
        >>> from matplotlib.figure import Figure
        >>> ax = state.plot(Figure().add_subplot())
        >>> [text.get_text() for text in ax.get_legend().get_texts()][:2]
        ['prior', 'likelihood (scaled)']
        """
        from seqbayes.figures.plots import plot

        return plot(self.figure_panels(level), ax)

    def to_pandas(self, level: float = 0.95) -> Any:
        """Return the estimates as a pandas.DataFrame (extra ``frames``).

        Parameters
        ----------
        level
            Probability of the credible intervals.

        Raises
        ------
        SeqbayesError
            If narwhals or pandas is not installed.

        Examples
        --------
        >>> from seqbayes import Dirichlet
        >>> Dirichlet({"red": 3.0, "blue": 1.0}).to_pandas()["mean"].tolist()
        [0.75, 0.25]
        """
        return frame(self.as_columns(level), "pandas")

    def to_polars(self, level: float = 0.95) -> Any:
        """Return the estimates as a polars.DataFrame (extra ``frames``); see `to_pandas`."""
        return frame(self.as_columns(level), "polars")

    def to_arrow(self, level: float = 0.95) -> Any:
        """Return the estimates as a pyarrow.Table (extra ``frames``); see `to_pandas`."""
        return frame(self.as_columns(level), "pyarrow")


class Sampled:
    """A model that can be sampled for ArviZ."""

    def samples(self, chains: int, draws: int) -> Samples:
        """Return the samples of `to_arviz`.

        Parameters
        ----------
        chains, draws
            The shape of the samples.
        """
        raise NotImplementedError

    def to_arviz(self, draws: int = 1000, chains: int = 4) -> Any:
        """Return samples of the posterior, prior and next observation for ArviZ (extra ``arviz``).

        The variables of a mixture have a dimension for the components, and those of a table have a
        dimension for the keys. Samples of a mixture are conditional on the responsibilities: they
        do not include the uncertainty about which component an observation belongs to.

        Parameters
        ----------
        draws, chains
            The shape of the samples. Samples are independent; chains exist only because ArviZ
            expects them.

        Returns
        -------
        xarray.DataTree
            With the groups posterior, prior (for states and tables, if it is proper) and
            posterior_predictive.

        Raises
        ------
        UnsupportedError
            If the model has no samples of a posterior, such as an estimator or a mixture with
            restricted covariances, or if the samples of a table would take too much memory.
        PriorError
            If `draws` or `chains` is invalid, or a posterior is improper.
        SeqbayesError
            If arviz-base is not installed.

        Examples
        --------
        >>> from seqbayes import Beta
        >>> state = Beta(2, 2, seed=1)
        >>> state.learn_many([True, True, False])
        >>> tree = state.to_arviz(draws=500, chains=2)  # doctest: +SKIP
        >>> tree["posterior"]["theta"].shape  # doctest: +SKIP
        (2, 500)
        """
        from seqbayes.figures.samples import to_tree

        shape = check_count("chains", chains), check_count("draws", draws)
        return to_tree(self.samples(*shape))


class Plotted(Tabular, Sampled):
    """A model whose parameter, predictions and history can be plotted."""

    def figure_panels(self, level: float = 0.95) -> list[Panel]:
        """Return the panels of `plot`: the densities or estimates of the parameter."""
        from seqbayes.figures.models import panels

        return panels(self, level)

    def as_columns(self, level: float = 0.95) -> dict[str, Sequence[Any]]:
        """Return the estimates, with one row for each number of the parameter."""
        from seqbayes.figures.models import ParameterEstimate, estimates

        found = [each._replace(name=each.name or "parameter") for each in estimates(self, level)]
        columns = zip(*found, strict=True) if found else [()] * len(ParameterEstimate._fields)
        names = ("parameter", *ParameterEstimate._fields[1:])
        return {name: list(column) for name, column in zip(names, columns, strict=True)}

    def plot_predictive(self, ax: Any = None, level: float = 0.95) -> Any:
        """Plot the predictive distribution of the next observation with matplotlib.

        The distribution is magenta, the colour of the evidence, because p(x) for the next
        observation x is its evidence.

        Parameters
        ----------
        ax
            The axes to draw on; by default those of a new figure.
        level
            Probability of the predictive interval.

        Returns
        -------
        matplotlib.axes.Axes, or an array of several

        Raises
        ------
        SeqbayesError
            If there is nothing to plot, or matplotlib is not installed (extra ``plot``).
        """
        from seqbayes.figures.models import predicted
        from seqbayes.figures.plots import plot

        return plot(predicted(self, level), ax)

    def plot_history(self, xs: Iterable[Any], ax: Any = None, level: float = 0.95) -> Any:
        """Plot how the first number changes as a copy learns observations one at a time.

        Parameters
        ----------
        xs
            The observations; this state does not learn them.
        ax
            The axes to draw on; by default those of a new figure.
        level
            Probability of the credible intervals.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ObservationError
            If an observation is invalid.
        SeqbayesError
            If matplotlib is not installed (extra ``plot``).
        """
        from seqbayes.figures.models import history
        from seqbayes.figures.plots import plot

        return plot(history(self, xs, level), ax)


def frame(columns: Mapping[str, Sequence[Any]], backend: str) -> Any:
    """Return a data frame.

    Parameters
    ----------
    columns
        Columns of equal length, keyed by name.
    backend
        "pandas", "polars" or "pyarrow".

    Raises
    ------
    SeqbayesError
        If narwhals or the library is not installed.
    UnsupportedError
        If the library cannot store a string, because it has a lone surrogate.

    Examples
    --------
    >>> frame({"mean": [0.5, 0.25]}, "pandas")["mean"].tolist()
    [0.5, 0.25]
    """
    try:
        import narwhals

        return narwhals.from_dict(dict(columns), backend=backend).to_native()
    except ImportError as error:
        from seqbayes.extras import missing_extra  # a slow import, rarely needed

        name = error.name or backend
        raise missing_extra("a data frame", name, "frames") from None
    except UnicodeEncodeError as error:
        raise UnsupportedError(
            f"a data frame of {backend} cannot contain {error.object!r}, which has a lone surrogate"
            " (half of a character): replace it before learning, for example with"
            " text.encode(errors='replace').decode()"
        ) from None
