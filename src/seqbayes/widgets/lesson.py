"""The lessons in a notebook."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anywidget
import traitlets

from seqbayes.errors import SeqbayesError
from seqbayes.pages import candies_page, coins_page, estimates_page
from seqbayes.replay.coins import CoinStory
from seqbayes.replay.mms import CandyStory, Prior

LESSONS: dict[str, Callable[[], str]] = {
    "estimates": estimates_page,
    "mms": lambda: candies_page(CandyStory(Prior.park())),
    "coins": lambda: coins_page(CoinStory()),
}
"""The pages, keyed by the name of the lesson."""


class Lesson(anywidget.AnyWidget):
    """Show a lesson in a notebook, in a frame that is isolated from the notebook.

    Parameters
    ----------
    name
        "estimates" (MLE, MAP and EM), "mms" or "coins".
    height
        Height of the frame in pixels.

    Raises
    ------
    SeqbayesError
        If the lesson does not exist.

    Examples
    --------
    >>> Lesson("estimates").page.startswith("<!doctype html>")
    True
    """

    _esm = Path(__file__).parent / "lesson.js"

    page = traitlets.Unicode().tag(sync=True)
    height = traitlets.Int(720).tag(sync=True)

    def __init__(self, name: str = "estimates", height: int = 720) -> None:
        if name not in LESSONS:
            raise SeqbayesError(f"expected one of the lessons {', '.join(LESSONS)}, got {name!r}")
        super().__init__(page=LESSONS[name](), height=height)
