"""Display options of a belief, and options for decisions based on it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from seqbayes.console.suggestions import did_you_mean
from seqbayes.errors import PriorError

BETTER = ("higher", "lower")

_DECISIONS = ("better", "control", "threshold", "equivalence", "planned")

_COMPARABLE = ("number", "normal", "labels", "hurdle")
"""Kinds of beliefs that can be compared."""


class Display(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The part of a declaration that can be changed while a store has states of the belief.

    The configuration, the stored declaration, the API and the page have these fields.

    Attributes
    ----------
    title
        Displayed name; if empty, the name of the belief is displayed.
    unit
        Unit of the observed number, such as "ms"; the names of dashboard metrics contain it.
    description
        A sentence about the belief.
    better
        Whether "higher" or "lower" values are better; empty if it is unknown.
    control
        Key that the others are compared with: a value for each key field.
    threshold
        A value; the probability of exceeding it is computed.
    equivalence
        Largest difference that does not matter in practice; under the log-normal likelihood, the
        largest relative difference.
    planned
        The planned shares of the keys, as weights keyed by name; a sample ratio mismatch is
        reported.
    pool
        Whether the keys borrow strength from each other: True, or a method of
        `seqbayes.table.Pool`. The posterior of each key is displayed with and without pooling.
    """

    title: str = ""
    unit: str = ""
    description: str = ""
    better: str = ""
    control: str | list[str] | None = None
    threshold: float | None = None
    equivalence: float | None = None
    planned: dict[str, float] | None = None
    pool: bool | str = False

    @classmethod
    def of(cls, declared: Any) -> Display:
        """Return the display part of a struct that extends this one, or of a stored declaration.

        Unknown fields, such as those of a newer version, are ignored.
        """
        fields = (
            msgspec.structs.asdict(declared) if isinstance(declared, msgspec.Struct) else declared
        )
        return msgspec.convert(
            {name: fields[name] for name in cls.__struct_fields__ if name in fields}, cls
        )

    @property
    def control_values(self) -> list[str] | None:
        """The values of the key fields of the control, or None."""
        return [self.control] if isinstance(self.control, str) else self.control

    def equivalence_for(self, state: Any) -> float | None:
        """Return the equivalence as a difference in the parameter of a state.

        Examples
        --------
        >>> from seqbayes import Normal
        >>> from seqbayes.likelihoods import LogNormal
        >>> state = Normal(0.0, 1.0, known_variance=1.0, likelihood=LogNormal())
        >>> round(Display(equivalence=0.05).equivalence_for(state), 4)
        0.0488
        """
        if self.equivalence is None or not state.as_of().likelihood.of_logarithm:
            return self.equivalence
        return math.log1p(self.equivalence)

    def find_errors(self, by: Sequence[str], state: Any) -> Iterator[tuple[str, str]]:
        """Yield each error as a pair: the name of the option, and a message.

        Parameters
        ----------
        by
            The key fields.
        state
            The prior of the belief.

        Examples
        --------
        >>> from seqbayes import Beta
        >>> list(Display(better="hihger", threshold=2.0).find_errors(["variant"], Beta()))
        ... # doctest: +NORMALIZE_WHITESPACE
        [('better', "expected 'higher' or 'lower', got 'hihger': did you mean 'higher'?"),
         ('threshold', 'expected a share between 0 and 1, got 2.0')]
        """
        if self.better not in ("", *BETTER):
            hint = did_you_mean(self.better, BETTER)
            yield "better", f"expected 'higher' or 'lower', got {self.better!r}{hint}"
        yield from self._find_errors_of_pool(by, state)
        if state.display_kind not in _COMPARABLE:
            for name in _DECISIONS:
                if getattr(self, name) not in ("", None):
                    yield name, "only beliefs about one number or about labels can be compared"
            return
        values = self.control_values
        if values is not None and not by:
            yield "control", "the belief has no keys; set `by`"
        elif values is not None and len(values) != len(by):
            fields = ", ".join(by)
            yield "control", f"expected a value for each of {fields}, got {values}"
        yield from self._find_errors_of_numbers(state)
        yield from self._find_errors_of_plan(by, state)

    def _find_errors_of_plan(self, by: Sequence[str], state: Any) -> Iterator[tuple[str, str]]:
        if self.planned is None:
            return
        if len(by) != 1:
            yield "planned", "the belief must have one key field, whose values are the variants"
        if state.timed or state.clock is not None:
            yield "planned", "a belief that forgets does not keep the number of events of each key"
        weights = self.planned.values()
        if len(weights) < 2 or not all(0.0 < weight < math.inf for weight in weights):
            yield "planned", f"expected weights above 0 for two or more keys, got {self.planned}"

    def _find_errors_of_pool(self, by: Sequence[str], state: Any) -> Iterator[tuple[str, str]]:
        if self.pool is False:
            return
        if not by:
            yield "pool", "the belief has no keys; set `by`"
        if not state.conjugate or state.as_of().population is None:
            yield "pool", "only Beta, Gamma and Normal beliefs can be pooled"
        from seqbayes.table.pooling.options import read_pool  # a slow import that few beliefs need

        try:
            read_pool(self.pool)
        except PriorError as error:
            yield "pool", str(error)
        if self.pool == "nested" and len(by) < 2:
            yield "pool", "nested levels need several fields in `by`, from the outermost level"

    def _find_errors_of_numbers(self, state: Any) -> Iterator[tuple[str, str]]:
        share = state.display_kind == "labels" or state.as_of().unit == "share"
        if self.threshold is not None:
            if not math.isfinite(self.threshold):
                yield "threshold", f"expected a finite number, got {self.threshold}"
            elif share and not 0.0 < self.threshold < 1.0:
                yield "threshold", f"expected a share between 0 and 1, got {self.threshold}"
            elif state.likelihood.of_logarithm and self.threshold <= 0.0:
                yield "threshold", f"expected a number above 0, got {self.threshold}"
        if self.equivalence is not None and not 0.0 < self.equivalence < math.inf:
            yield "equivalence", f"expected a number above 0, got {self.equivalence}"
        elif self.equivalence is not None and share and self.equivalence >= 1.0:
            yield (
                "equivalence",
                f"expected a difference between shares below 1, got {self.equivalence}",
            )
