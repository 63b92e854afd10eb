"""Published candies: the figures, their sums, and the dealing of bags."""

import math
import statistics
import tomllib
from collections import Counter
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqbayes import Dirichlet, PriorError
from seqbayes.datasets import (
    COLOURS,
    Mix,
    factory_mixes,
    madison,
    rat_tumours,
    walk_in_the_park,
    wicklin,
)

# As published, in the order of the table in Madison's and Wicklin's pages: see candies.toml.
MADISON = {"blue": 481, "brown": 371, "green": 483, "orange": 544, "red": 372, "yellow": 369}
WICKLIN = {"blue": 133, "brown": 96, "green": 139, "orange": 133, "red": 108, "yellow": 103}
MIXES = {
    "mars_2008": (0.24, 0.13, 0.16, 0.20, 0.13, 0.14),
    "cleveland": (0.207, 0.124, 0.198, 0.205, 0.131, 0.135),
    "hackettstown": (0.25, 0.125, 0.125, 0.25, 0.125, 0.125),
}


def test_counts():
    assert dict(madison().counts) == MADISON
    assert madison().total == 2620
    assert madison().bags == 48
    assert f"{madison().total / madison().bags:.2f}" == "54.58"
    assert dict(wicklin().counts) == WICKLIN
    assert wicklin().total == 712


def test_mixes():
    assert {
        name: tuple(m.shares[c] for c in COLOURS) for name, m in factory_mixes().items()
    } == MIXES


def test_published_shares_sum_to_one_without_rescaling():
    text = resources.files("seqbayes.datasets").joinpath("candies.toml").read_text("utf-8")
    tables = tomllib.loads(text)
    for entry in (*tables["mixes"].values(), *tables["guesses"].values()):
        shares = [entry[colour] for colour in COLOURS if colour in entry]
        assert math.isclose(math.fsum(shares), 1.0, abs_tol=1e-12)
    for mix in factory_mixes().values():
        assert dict(mix.shares) == {c: tables["mixes"][mix.name][c] for c in COLOURS}


def test_walk_in_the_park_names_four_colours():
    shares = walk_in_the_park().shares
    assert dict(shares) == {"green": 0.40, "red": 0.25, "yellow": 0.15, "blue": 0.20}


def test_everything_names_its_source():
    for item in (madison(), wicklin(), walk_in_the_park(), *factory_mixes().values()):
        assert item.source
        assert item.title


def test_an_invalid_mix_is_rejected():
    # the frequentist's bags of the story: 30 % red, 20 % green, 25 % blue, 35 % yellow
    published = {"red": 0.30, "green": 0.20, "blue": 0.25, "yellow": 0.35}
    with pytest.raises(PriorError, match=r"sum to 1\.10"):
        Mix("bags", "100 bags", "the story", published)


def test_rat_tumours():
    groups = rat_tumours()
    assert len(groups) == 71
    # mean and standard deviation of the 70 historical proportions: Gelman et al. (2013), page 103
    shares = [group.tumours / group.rats for group in groups[:-1]]
    assert (round(statistics.mean(shares), 3), round(statistics.stdev(shares), 3)) == (0.136, 0.103)
    assert groups[-1] == (4, 14)


def test_data_are_immutable():
    with pytest.raises(TypeError):
        madison().counts["blue"] = 0
    with pytest.raises(TypeError):
        factory_mixes()["cleveland"].shares["blue"] = 0.0


@given(st.integers(0, 2**63))
def test_deal_is_a_permutation_into_bags_of_the_published_sizes(seed):
    bags = madison().deal(seed)
    assert len(bags) == 48
    assert all(52 <= len(bag) <= 57 for bag in bags)
    assert Counter(candy for bag in bags for candy in bag) == MADISON
    assert bags == madison().deal(seed)


def test_other_seeds_deal_other_bags():
    assert madison().deal(1) != madison().deal(2)


def test_every_bag_size_occurs():
    sizes = {len(bag) for seed in range(20) for bag in madison().deal(seed)}
    assert sizes == {52, 53, 54, 55, 56, 57}


def test_candies_are_shuffled_within_and_between_bags():
    """The colour frequencies of first candies are close to the totals."""
    first = Counter(bag[0] for seed in range(100) for bag in madison().deal(seed))
    for colour, count in MADISON.items():
        p = count / 2620
        assert abs(first[colour] - 4800 * p) < 5 * math.sqrt(4800 * p * (1 - p))


def test_wicklins_bags_were_not_published():
    with pytest.raises(PriorError, match="the number of bags of"):
        wicklin().deal(1)


def test_figures_of_madison():
    """Log Bayes factors of the fixed mixes over the uniform prior, from logs by hand."""
    belief = Dirichlet.flat(COLOURS)
    for colour, count in madison().counts.items():
        belief.learn_one(colour, w=count)
    expected = {"cleveland": 6.169, "mars_2008": -10.938, "hackettstown": -60.105}
    for name, mix in factory_mixes().items():
        log_likelihood = math.fsum(n * math.log(mix.shares[c]) for c, n in MADISON.items())
        assert round(log_likelihood - belief.log_evidence, 3) == expected[name]
