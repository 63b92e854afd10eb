"""Printing and plotting shared by all demos."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.theme import Theme

from seqbayes.console.palette import RULE
from seqbayes.extras import install_command

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DASHES: dict[str, Any] = {
    "prior": "--",
    "likelihood": ":",
    "evidence": "-.",
    "posterior": "-",
    "next": (0, (5, 1, 1, 1, 1, 1)),
}
"""A dash pattern for every part of Bayes' rule, so that colour is not the only distinction."""

_MAX_TEXT_WIDTH = 88
_PIPE_WIDTH = 100
_UNBOUNDED = 10_000


class Screen:
    """Output of text and tables, in the colours of Bayes' rule if it goes to a terminal.

    Text may contain rich markup with the styles ``prior``, ``likelihood``, ``evidence``,
    ``posterior`` and ``next``.
    """

    def __init__(self) -> None:
        # when piped, the width is constant, and a character missing from the encoding becomes "?"
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
        width = None if sys.stdout.isatty() else _PIPE_WIDTH
        self._console = Console(theme=Theme(RULE), width=width, highlight=False, emoji=False)

    def title(self, text: str) -> None:
        """Print the demo's title."""
        self._console.print(f"[bold]{text}[/]", width=min(self._console.width, _MAX_TEXT_WIDTH))

    def say(self, text: str) -> None:
        """Print one paragraph."""
        self._console.print()
        self._console.print(" ".join(text.split()), width=min(self._console.width, _MAX_TEXT_WIDTH))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table with words aligned to the left and numbers to the right.

        If the screen is too narrow, every cell is printed on a separate line instead.

        Parameters
        ----------
        columns
            Headers; one that starts with ``<`` marks a column of words.
        rows
            One cell per column.
        """
        rows = [list(row) for row in rows]
        grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
        for column in columns:
            words = column.startswith("<")
            grid.add_column(column.removeprefix("<"), justify="left" if words else "right")
        for row in rows:
            grid.add_row(*row)
        options = self._console.options.update(max_width=_UNBOUNDED)
        if Measurement.get(self._console, options, grid).minimum <= self._console.width:
            self._console.print()
            self._console.print(grid)
            return
        for row in rows:
            self._console.print()
            for column, cell in zip(columns, row, strict=True):
                self._console.print(f"{column.removeprefix('<')}: {cell}".removeprefix(": "))


def run_demo(
    about: str | None,
    print_results: Callable[[Screen], None],
    figure: Callable[[Figure], None],
    arguments: Sequence[str] | None = None,
) -> int:
    """Print a demo's numbers and plot them if requested.

    Parameters
    ----------
    about
        The docstring of the demo; its first line is the title.
    print_results
        Prints the numbers.
    figure
        Plots the numbers in an empty figure.
    arguments
        Command-line arguments.

    Returns
    -------
    int
        The exit status.
    """
    about = about or ""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--plot",
        nargs="?",
        const="",
        metavar="FILE",
        help="draw the figure to FILE (.png, .svg or .pdf), or in a window if no file is named",
    )
    plot = parser.parse_args(arguments).plot
    screen = Screen()
    screen.title(about.partition("\n")[0])
    print_results(screen)
    if plot is None:
        return 0
    try:
        draw(figure, plot)
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        parser.exit(1, f"--plot needs matplotlib: {install_command('plot')}\n")
    except OSError as error:
        parser.exit(1, f"--plot: {error}\n")
    if plot:
        print(f"\nThe figure is in {plot}")  # print() does not wrap a path
    return 0


def draw(figure: Callable[[Figure], None], path: str = "") -> None:
    """Draw a figure to a file, or show it if no path is given.

    Raises
    ------
    ModuleNotFoundError
        If matplotlib is not installed.
    OSError
        If the file cannot be written.
    """
    import matplotlib
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
    }
    size = (8.0, 4.5)
    with matplotlib.rc_context(style):
        if path:
            canvas = Figure(figsize=size, dpi=150, layout="constrained")
            figure(canvas)
            canvas.savefig(path)
            return
        from matplotlib import pyplot

        figure(pyplot.figure(figsize=size, layout="constrained"))
        pyplot.show()


def curve(axes: Axes, part: str, x: Any, y: Any, label: str, **style: Any) -> None:
    """Draw one part of Bayes' rule as a line with its colour and dashes."""
    style = {"color": RULE[part], "linestyle": DASHES[part], "linewidth": 2.0, **style}
    axes.plot(x, y, label=label, **style)
