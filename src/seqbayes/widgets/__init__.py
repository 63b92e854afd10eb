"""Widgets for Jupyter, marimo and other notebooks: a live card of a belief, and the lessons."""

from seqbayes.extras import missing_extra

try:
    from seqbayes.widgets.card import LiveCard
    from seqbayes.widgets.lesson import Lesson
except ModuleNotFoundError as error:
    if error.name not in ("anywidget", "traitlets"):
        raise
    raise missing_extra("seqbayes.widgets", str(error.name), "notebook") from None

__all__ = ["Lesson", "LiveCard"]
