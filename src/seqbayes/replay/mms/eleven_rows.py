"""Bayes' rule for eleven shares as lines in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from seqbayes.console.charts import fit
from seqbayes.console.palette import RULE, Signs
from seqbayes.console.text import percent
from seqbayes.replay.mms.eleven import SHARES
from seqbayes.replay.mms.steps import HYPOTHESIS, CandyOpening, CandyStep

LABEL = 14
"""Width of the names of the rows."""

CELL = 5
"""Width of a probability."""


def eleven_rows(
    opening: CandyOpening, step: CandyStep | None, width: int, signs: Signs
) -> list[Text]:
    """Return the prior, likelihood, evidence and posterior as five lines, including a heading."""
    if step is None:
        return eleven_in_short(opening, step, width, signs)
    found, times = step.eleven, signs.times
    observed = HYPOTHESIS if step.fits else f"not {HYPOTHESIS}"
    evidence = f"{found.evidence:>{CELL}.2f}, the sum of prior {times} likelihood: of {observed}"
    rows = [
        ("  prior", "prior", _cells(found.prior)),
        (f"{times} likelihood", "likelihood", _cells(found.likelihood)),
        (f"{signs.over} evidence", "evidence", evidence),
        ("= posterior", "posterior", _cells(found.posterior)),
    ]
    lines = [Text(f"{name:<{LABEL}}{text}", RULE[key]) for name, key, text in rows]
    return [_heading(width), *(fit(line, width) for line in lines)]


def eleven_in_short(
    opening: CandyOpening, step: CandyStep | None, width: int, signs: Signs
) -> list[Text]:
    """Return the probabilities after a step, or the prior ones, under a heading."""
    name, key, row = (
        ("  prior", "prior", opening.eleven)
        if step is None
        else ("= posterior", "posterior", step.eleven.posterior)
    )
    return [_heading(width), fit(Text(f"{name:<{LABEL}}{_cells(row)}", RULE[key]), width)]


def _heading(width: int) -> Text:
    shares = "".join(f"{f'{percent(share, 0)}%':>{CELL}}" for share in SHARES)
    return fit(Text(f"{f'share of {HYPOTHESIS}':<{LABEL}}{shares}"), width)


def _cells(probabilities: Sequence[float]) -> str:
    return "".join(f"{probability:>{CELL}.2f}" for probability in probabilities)
