"""Evaluate policies on the Open Bandit data: estimates from one log, compared with another log.

ZOZOTOWN showed items to visitors by two policies, uniformly at random and by Thompson sampling, and
logged clicks and propensities (Saito et al., 2021). The package `obp` contains 10,000 records of
each policy for three campaigns. Each policy's click rate can be estimated from the log of the other
one, and compared with its own log. Run::

    pip download --no-deps obp
    python benchmarks/open_bandit.py obp-*.whl

The package is read, not installed. Writes open_bandit.md.
"""

import csv
import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from seqbayes import Beta
from seqbayes.bandit import Bandit, InversePropensity
from seqbayes.likelihoods import Binomial

CAMPAIGNS = ("all", "men", "women")
MAX_WEIGHT = 100.0


class Record(NamedTuple):
    """An item that was shown, whether it was clicked, and with which probability it was chosen."""

    item: int
    click: int
    propensity: float


def read(wheel: str, policy: str, campaign: str) -> list[Record]:
    """Return the records of a policy in a campaign."""
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"obp/dataset/obd/{policy}/{campaign}/{campaign}.csv").decode()
    return [
        Record(int(row["item_id"]), int(row["click"]), float(row["propensity_score"]))
        for row in csv.DictReader(io.StringIO(text))
    ]


def own_rate(log: list[Record]) -> Beta:
    """Return the belief about the click rate of the policy that wrote a log."""
    belief = Beta.jeffreys(likelihood=Binomial())
    belief.learn_one((sum(each.click for each in log), len(log)))
    return belief


def thompson_shares(log: list[Record], items: list[int]) -> dict[int, float]:
    """Return the exact probability of each item in Thompson sampling after learning a log."""
    bandit = Bandit(Beta(1.0, 100.0))  # clicks are rare
    for each in log:
        bandit.update(each.item, bool(each.click))
    shares: dict[int, float] = bandit.shares(items)
    return shares


def estimate(log: list[Record], shares: dict[int, float]) -> InversePropensity:
    """Estimate from a log the click rate of a policy with these probabilities of items."""
    found = InversePropensity(max_weight=MAX_WEIGHT)
    for each in log:
        found.learn_one(each.click, each.propensity, shares[each.item])
    return found


def percent(rate: float | None) -> str:
    return "" if rate is None else f"{100.0 * rate:.2f} %"


def interval(ends: tuple[float, float]) -> str:
    return f"{100.0 * max(ends[0], 0.0):.2f} to {100.0 * ends[1]:.2f} %"


def report(wheel: str) -> Iterator[str]:
    """Yield the lines of open_bandit.md."""
    logs = {(p, c): read(wheel, p, c) for p in ("random", "bts") for c in CAMPAIGNS}
    yield "# Open Bandit data\n"
    yield "Written by `python benchmarks/open_bandit.py obp-*.whl`. Click rates with 95 %"
    yield "intervals:\n"
    yield "* own log: credible intervals from 10,000 records of the policy, with Jeffreys' prior;"
    yield "* estimate: confidence intervals by inverse propensity (`InversePropensity`,"
    yield "  normalised) from 10,000 records of the other policy.\n"
    yield "## The random policy, estimated from the log of Thompson sampling\n"
    yield "| campaign | own log | interval | estimate | interval | effective records |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for campaign in CAMPAIGNS:
        random, bts = logs["random", campaign], logs["bts", campaign]
        items = sorted({each.item for each in random + bts})
        own, found = own_rate(random), estimate(bts, dict.fromkeys(items, 1.0 / len(items)))
        yield (
            f"| {campaign} | {percent(own.mean)} |"
            f" {interval(own.interval())} | {percent(found.normalised)} |"
            f" {interval(found.interval(normalised=True))} | {found.effective_n:,.0f} |"
        )
    yield "\n## Thompson sampling, estimated from the log of the random policy\n"
    yield "The policy of seqbayes learns the log of the published Thompson sampling, without the"
    yield "features of visitors, and keeps its beliefs; its exact probabilities (`shares`) are then"
    yield "evaluated. The published policy had learned for over a month before its log.\n"
    yield "| campaign | own log, published policy | interval | seqbayes, estimate | interval |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for campaign in CAMPAIGNS:
        random, bts = logs["random", campaign], logs["bts", campaign]
        items = sorted({each.item for each in random + bts})
        own, found = own_rate(bts), estimate(random, thompson_shares(bts, items))
        yield (
            f"| {campaign} | {percent(own.mean)} |"
            f" {interval(own.interval())} | {percent(found.normalised)} |"
            f" {interval(found.interval(normalised=True))} |"
        )


if __name__ == "__main__":
    text = "\n".join(report(sys.argv[1])) + "\n"
    Path(__file__).with_suffix(".md").write_text(text)
    print(text)
