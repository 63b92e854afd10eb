"""The M&M story on screens of any size: layout, pace and summary."""

import argparse
import io
import itertools
import math

import numpy as np
import pytest
from rich.console import Console

from seqbayes.console.charts import curve, interval_bar, progress
from seqbayes.console.palette import ASCII, CANDY, LETTER, RULE, UNICODE
from seqbayes.console.signals import Interruption
from seqbayes.datasets import COLOURS, madison
from seqbayes.replay.command import add_arguments
from seqbayes.replay.mms import CandyStory, Prior
from seqbayes.replay.mms.story import accelerating
from seqbayes.replay.player import Clock
from seqbayes.replay.story import even


@pytest.fixture(scope="module")
def story():
    return CandyStory(Prior.uniform(), seed=7, bags=3)


@pytest.fixture(scope="module")
def steps(story):
    return list(story)


# The screen.

SIZES = [(120, 40), (108, 34), (107, 33), (80, 24), (72, 24), (71, 50), (40, 20), (40, 10), (20, 8)]


def drawn(screen, step, width, height):
    """Return the lines of a screen, drawn on a wider console so that nothing is wrapped."""
    console = Console(width=300, height=height, file=io.StringIO(), color_system=None)
    console.print(screen.draw(step, width, height), soft_wrap=True)
    return console.file.getvalue().rstrip("\n").split("\n")


@pytest.mark.parametrize("text", ["uniform", "jeffreys", "park", "red=.5,green=.5"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_screens_fit(text, width, height):
    story = CandyStory(Prior.parse(text), bags=2)
    moments = [None, *itertools.islice(story, 0, None, 9)]
    for signs in (UNICODE, ASCII):
        screen = story.screen(signs)
        for step in moments:
            lines = drawn(screen, step, width, height)
            assert len(lines) <= height
            assert max(map(len, lines)) <= width


@pytest.mark.parametrize(("width", "height"), [(120, 40), (80, 24), (40, 20)])
def test_every_screen_shows_all_parts(steps, story, width, height):
    screen, step = story.screen(UNICODE), steps[100]
    response = "\n".join(drawn(screen, step, width, height))
    for word in ("prior", "likelihood", "evidence", "posterior", "MLE", "MAP", "mean"):
        assert word in response
    for defined in ("MLE: ", "MAP: ", "Mean: "):
        assert defined in response
    for share in step.belief.shares:
        assert share.colour in response
        assert f"{100 * share.mean:.1f}" in response
    assert f"{step.number:,} of {step.total:,}" in response
    assert f"Next: {step.belief.next.colour}" in response
    assert f"{step.hits} of {step.number}" in response
    assert "log evidence −" in response
    assert step.belief.leading_mix.title in response
    if width >= 72:
        assert "share of green   0%  10%" in response
        assert "".join(f"{p:5.2f}" for p in step.eleven.posterior) in response


@pytest.mark.parametrize(("width", "height"), [(120, 40), (80, 24), (40, 20)])
def test_the_opening_describes_the_prior_and_additions(width, height):
    screen = CandyStory(Prior.parse("park", 20), bags=1).screen(UNICODE)
    response = " ".join(map(str.strip, drawn(screen, None, width, height)))
    assert "Prior: walk in the park" in response
    if (width, height) == (80, 24):
        assert "weight: 22 imagined candies (1 each for brown, orange)" in response
    else:
        assert ": 20 imagined candies" in response
        assert "brown and orange: 1 imagined candy of each was added" in response


def test_no_sentence_is_cut_on_a_large_screen(steps, story):
    screen, step = story.screen(UNICODE), steps[100]
    response = "\n".join(drawn(screen, step, 108, 34))
    assert "green, as Mars said in 2008? " in response
    assert " times as probable." in response
    assert "which predicts." in response


def test_ascii_screens_are_ascii(steps, story):
    # the console replaces the minus sign and the box
    screen = story.screen(ASCII)
    response = "\n".join(drawn(screen, steps[50], 80, 24)).replace("−", "-")
    assert response.isascii()


def test_interval_bar_marks_its_ends():
    bar = interval_bar(0.25, 0.5, 0.75, 1.0, 8, "red", UNICODE).plain
    assert bar == "██▒▒┃▒▒ "
    assert interval_bar(0.0, 0.0, 1.0, 1.0, 4, "red", ASCII).plain == "|---"


def test_curves_and_progress():
    assert [line.plain for line in curve([0, 0.5, 1], 1, 0, "red", UNICODE)] == [" ▄█"]
    assert [line.plain for line in curve([0, 0.75, 1], 1, 0, "red", UNICODE, 2)] == [" ▄█", " ██"]
    assert progress(0.5, 4, ASCII).plain == "==--"


def contrast(one, other):
    """Return the WCAG 2 contrast of two colours."""

    def luminance(colour):
        channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        return linear @ [0.2126, 0.7152, 0.0722]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("paper", ["#000000", "#ffffff"])
def test_colours_have_enough_contrast_on_dark_and_light(paper):
    assert list(RULE) == ["prior", "likelihood", "evidence", "posterior", "next"]
    for colour in RULE.values():
        assert contrast(colour, paper) >= 4.5
    for colour in CANDY.values():
        assert contrast(colour, paper) >= 3.0


def test_each_colour_has_its_own_letter():
    assert set(LETTER) == set(CANDY) == set(COLOURS)
    assert len(set(LETTER.values())) == 6


# The pace.


def test_default_pace_ends_within_a_minute_and_starts_slowly():
    pace = accelerating
    moments = [pace(n) for n in range(2621)]
    gaps = np.diff(moments)
    assert np.all(gaps > 0)
    assert np.all(np.diff(gaps) < 0)
    assert gaps[0] > 1.5
    assert moments[-1] < 60


@pytest.mark.parametrize(("speed", "after"), [(4.0, 2.5), (0.0, 0.0), (math.inf, 0.0)])
def test_even_pace(speed, after):
    assert even(speed)(9) == after


def test_the_clock_returns_the_remaining_time():
    times = iter([100.0, 100.5, 107.0])
    clock = Clock(even(1.0), Interruption(), now=lambda: next(times))
    assert clock.left(2) == 2.5
    assert clock.left(2) == -4.0


# Words.


def test_summaries_of_a_stopped_story(story, steps):
    assert story.summary(None, True) == [
        "Stopped before the first candy: the belief is still the prior."
    ]
    response = " ".join(story.summary(steps[9], True))
    assert "Stopped after 10 of" in response
    assert "10 candies" not in response


def test_the_summary_prefers_another_mix_if_no_published_one_fits():
    """With a strong prior on the true shares, no published mix is more probable."""
    counts = madison().counts
    shares = {colour: count / 2620 for colour, count in counts.items()}
    story = CandyStory(Prior.from_proportions(shares, strength=1e6))
    *_, last = story
    assert last.belief.leading_mix.log_bayes_factor < 0
    response = " ".join(story.summary(last, False))
    assert "less probable" in response
    assert "the learned mix is now the most probable" in response


def test_help_describes_every_option():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args(["mms"])
    assert (args.prior, args.seed, args.bags, args.speed) == ("park", 1, None, None)
