"""The two coins on screens of any size: layout, colours and pace."""

import io
import re

import numpy as np
import pytest
from rich.console import Console

from seqbayes.console.palette import ASCII, COIN, RULE, UNICODE
from seqbayes.replay.coins import CoinStory
from seqbayes.replay.coins.story import reading


@pytest.fixture(scope="module", params=["flat", "beta22"])
def story(request):
    weights = request.param == "beta22"
    return CoinStory(prior=request.param, learn_weights=weights, iterations=30)


@pytest.fixture(scope="module")
def steps(story):
    return list(story)


def drawn(screen, step, width, height):
    """Return the lines of a screen, drawn on a wider console so that nothing is wrapped."""
    console = Console(width=300, height=height, file=io.StringIO(), color_system=None)
    console.print(screen.draw(step, width, height), soft_wrap=True)
    return console.file.getvalue().rstrip("\n").split("\n")


SIZES = [(140, 50), (120, 40), (112, 30), (111, 29), (80, 24), (60, 24), (40, 20), (40, 10), (9, 4)]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("signs", [UNICODE, ASCII])
def test_screens_fit(story, steps, width, height, signs):
    screen = story.screen(signs)
    for step in [None, *steps[:16], *steps[16::9], steps[-1]]:
        lines = drawn(screen, step, width, height)
        assert len(lines) <= height
        assert max(map(len, lines)) <= width


@pytest.mark.parametrize(("width", "height"), [(120, 40), (80, 24), (40, 20)])
def test_every_screen_shows_all_parts(width, height):
    story = CoinStory()
    steps, screen = list(story), story.screen(UNICODE)
    response = ["\n".join(drawn(screen, step, width, height)) for step in steps]
    assert re.search(r"A: 24 ÷ \(24 \+ 6\) = 0\.80", response[5])
    assert "0.45" in response[5]
    row = response[7]
    for word in ("coin A, 0.60", "coin B, 0.50", "0.45", "2.2", "0.55", "2.8"):
        assert word in row
    for word in ("prior", "likelihood", "evidence", "posterior"):
        assert word in row
    sums, division = response[12], response[13]
    assert re.search(r"21\.3 +8\.6 +2\.0 +11\.7 +8\.4", sums)
    assert "A: 21.3 ÷ (21.3 + 8.6) = 0.71" in division
    assert "log likelihood rose by 1.23" in division
    assert "−10.086" in division
    assert "0.7967" in response[-1]
    assert "0.5197" in response[-1]
    for number, text in enumerate(response, 1):
        assert f"{number} of 32" in text


def test_ascii_screens_are_ascii():
    story = CoinStory(prior="beta22")
    screen = story.screen(ASCII)
    for step in story:
        response = "\n".join(drawn(screen, step, 80, 24))
        assert response.replace("−", "-").isascii()  # the console replaces the minus sign


def test_the_final_table(story, steps):
    lines = [line.plain for line in story.screen(UNICODE).table(steps[-1], 40)]
    assert max(map(len, lines)) <= 40
    thetas = [f"{theta:.4f}" for theta in steps[-1].thetas]
    assert lines[-1].split()[:3] == ["30", *thetas]


# Colours: simulated dichromacy (Machado, Oliveira and Fernandes 2009, severity 1).

EYES = {
    "trichromat": np.eye(3),
    "protanope": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranope": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanope": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def linear(colour):
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ np.clip(rgb, 0, 1) / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eye", EYES)
def test_the_coins_are_distinguishable_with_colour_vision_deficiency(eye):
    a, b = (lab(np.array(EYES[eye]) @ linear(colour)) for colour in COIN.values())
    assert np.linalg.norm(a - b) > 50  # about 2 is just noticeable


def test_coin_colours_have_enough_contrast_and_differ_from_the_rule():
    for colour in COIN.values():
        luminance = linear(colour) @ [0.2126, 0.7152, 0.0722]
        assert 1.05 / (luminance + 0.05) >= 4.5
        assert (luminance + 0.05) / 0.05 >= 4.5
        for other in RULE.values():
            assert np.linalg.norm(lab(linear(colour)) - lab(linear(other))) > 20


def test_default_pace_ends_within_a_minute_and_accelerates():
    plan = CoinStory().plan
    pace = reading(plan)
    shown = np.diff([0.0, *(pace(n) for n in range(len(plan) + 1))])
    assert np.all(shown > 0)
    assert np.all(np.diff(shown[14::2]) < 0)
    assert pace(len(plan)) < 60
