"""The lessons as pages of the site."""

from __future__ import annotations

from seqbayes.pages.lessons import candies_page, coins_page, estimates_page
from seqbayes.replay.coins import CoinStory
from seqbayes.replay.mms import CandyStory, Prior

INDEX = """\
# Lessons

Three interactive pages, without installation. Each is one file that makes no requests: save it, open it from disk, or send it.
The arrow keys change the step, and *Link to this step* is an address with your own numbers.

* **[MLE, MAP and EM](lessons/estimates.html)**: for readers who can program, but find the theory confusing. Sixteen steps, each with one
  sentence and an interactive chart, from likelihood and probability to EM as clustering.
* **[M&M’s, one candy at a time](lessons/mms.html)**: Bayes' rule in small steps. Which factory made them? Which of eleven shares is green?
  Then all shares as a density. Choose a prior, and enter the candies of your own bag.
* **[Two coins](lessons/coins.html)**: MLE, MAP and EM on the same tosses. Drag the initial values, and enter your own tosses.

[The original example](story.md) has the numbers behind them, and [replays](replay.md) describes how
to write these files with other data: `seqbayes replay mms --html mms.html --bag GGRBN`.
"""


def files() -> dict[str, str]:
    """Return the lessons and the page that lists them, keyed by their path on the site."""
    return {
        "lessons.md": INDEX,
        "lessons/mms.html": candies_page(CandyStory(Prior.park())),
        "lessons/coins.html": coins_page(CoinStory()),
        "lessons/estimates.html": estimates_page(),
    }
