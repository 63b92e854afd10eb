"""The story of the two coins: its figures, its output and its exit status.

Published figures are from Do and Batzoglou (2008), with more digits recomputed by hand-written EM.
"""

import json
import math
import re
import signal
import subprocess

import numpy as np
import pytest

from programs import Program, command, environment, on_a_terminal, posix, replay
from published_coins import E_STEP, HEADS, ITERATIONS
from seqbayes import PriorError
from seqbayes.cli import main
from seqbayes.replay.coins import CoinStory, StepKind

SUMS = {"A": (21.297482, 8.572247), "B": (11.702518, 8.427753)}


@pytest.fixture
def response(capsys):
    """Run the program in this process and return its output."""

    def run(*args):
        assert main(["replay", "coins", *args]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return run


@pytest.fixture
def events(response):
    def run(*args):
        return [json.loads(line) for line in response("--json", *args).splitlines()]

    return run


def of(events, kind, iteration=None):
    return [e for e in events if e["event"] == kind and iteration in (None, e.get("iteration"))]


def thetas(event):
    return event["thetas"]["A"], event["thetas"]["B"]


# Figures in the output of the program.


def test_known_coins(events):
    all_events = events()
    assert all_events[0]["noted"] == list("BAABA")
    rows = of(all_events, "row", 0)
    assert [row["B"]["heads"] for row in rows] == [5, 0, 0, 4, 0]
    [known] = of(all_events, "divide", 0)
    assert thetas(known) == (0.8, 0.45)
    assert known["sums"]["A"] == {"sets": 3, "heads": 24, "tails": 6}
    assert known["sums"]["B"] == {"sets": 2, "heads": 9, "tails": 11}


def test_the_first_e_step_row_by_row(events):
    all_events = events()
    rows = of(all_events, "row", 1)
    table = [
        (
            row["A"]["responsibility"],
            *(row[coin][side] for coin in "AB" for side in ("heads", "tails")),
        )
        for row in rows
    ]
    np.testing.assert_allclose(table, E_STEP, atol=5e-7)
    [sums] = of(all_events, "sums", 1)
    for coin, (heads, tails) in SUMS.items():
        assert sums["sums"][coin]["heads"] == pytest.approx(heads, abs=5e-7)
        assert sums["sums"][coin]["tails"] == pytest.approx(tails, abs=5e-7)


def test_the_rules_of_the_first_e_step(events):
    """Prior × likelihood ÷ evidence, from binomial probabilities."""
    for row, h in zip(of(events(), "row", 1), HEADS, strict=True):
        likelihood = {
            coin: math.comb(10, h) * theta**h * (1 - theta) ** (10 - h)
            for coin, theta in (("A", 0.6), ("B", 0.5))
        }
        evidence = (likelihood["A"] + likelihood["B"]) / 2
        for coin in "AB":
            assert row[coin]["rule"] == pytest.approx(
                {
                    "prior": 0.5,
                    "likelihood": likelihood[coin],
                    "evidence": evidence,
                    "posterior": row[coin]["responsibility"],
                },
                rel=1e-12,
            )
            assert row[coin]["responsibility"] == pytest.approx(
                likelihood[coin] / 2 / evidence, rel=1e-12
            )


def test_ten_iterations(events):
    all_events = events()
    steps = [e for e in of(all_events, "divide") if e["iteration"]]
    for step, published in zip(steps, ITERATIONS, strict=True):
        assert thetas(step) == pytest.approx(published, abs=5e-7)
        heads, tails = (step["sums"]["A"][side] for side in ("heads", "tails"))
        assert step["thetas"]["A"] == pytest.approx(heads / (heads + tails), rel=1e-12)
    [start] = of(all_events, "hide")
    assert thetas(start) == (0.6, 0.5)
    climb = [start["log_likelihood"], *(step["log_likelihood"] for step in steps)]
    assert climb[:2] == pytest.approx([-11.320587, -10.085982], abs=5e-7)
    assert climb == sorted(climb)
    end = all_events[-1]
    assert thetas(end) == thetas(steps[-1])
    assert [end["interrupted"], end["iterations"]] == [False, 10]


@pytest.mark.parametrize(
    ("args", "limit", "weight"),
    [
        ((), (0.796789066923, 0.519583120145), 0.5),
        (("--learn-weights",), (0.793367649613, 0.513916591214), 0.522751316897),
        (("--prior", "beta22"), (0.763242047671, 0.519856577631), 0.5),
        (
            ("--prior", "beta22", "--learn-weights"),
            (0.758071129653, 0.510585362399),
            0.543077496819,
        ),
        (("--start", ".5,.5"), (0.66, 0.66), 0.5),
        (("--start", ".5,.6"), (0.519583120145, 0.796789066923), 0.5),
    ],
)
def test_limits(events, args, limit, weight):
    end = events("--iterations", "180", *args)[-1]
    assert thetas(end) == pytest.approx(limit, abs=1e-9)
    assert end["weights"]["A"] == pytest.approx(weight, abs=1e-9)
    assert end["weights"]["A"] + end["weights"]["B"] == pytest.approx(1.0, abs=1e-15)


def test_map_iterations(events):
    all_events = events("--prior", "beta22")
    for i, published in [
        (1, (0.699645, 0.573988)),
        (2, (0.722751, 0.565937)),
        (10, (0.763005, 0.520228)),
    ]:
        [step] = of(all_events, "divide", i)
        assert thetas(step) == pytest.approx(published, abs=5e-7)
    [known] = of(all_events, "divide", 0)
    assert thetas(known) == pytest.approx((25 / 32, 10 / 22), rel=1e-12)
    climb = [e["log_posterior"] for e in of(all_events, "divide") if e["iteration"]]
    assert climb == sorted(climb)


def test_plain_lines_show_the_published_figures(response):
    text = response("--plain")
    for line in (
        "known A: 24 ÷ (24 + 6) = 0.80; B: 9 ÷ (9 + 11) = 0.45",
        "start A 0.60, B 0.50; log likelihood −11.321",
        "1 E-step sums: A 21.3 heads, 8.6 tails; B 11.7 heads, 8.4 tails",
        "1 M-step A: 21.3 ÷ (21.3 + 8.6) = 0.71; B: 11.7 ÷ (11.7 + 8.4) = 0.58;"
        " log likelihood −11.321 → −10.086",
    ):
        assert line in text.splitlines()
    assert "= 0.45; A 2.2 heads, 2.2 tails; B 2.8 heads, 2.8 tails" in text
    assert "10 M-step A: 20.2 ÷ (20.2 + 5.1) = 0.80; B: 12.8 ÷ (12.8 + 11.9) = 0.52" in text
    assert "the probability of heads is 0.80 for coin A and 0.52 for coin B" in text
    assert "true one for 5 of 5 sets" in text
    assert "\x1b" not in text


def test_plain_m_step_with_a_prior_and_weights(response):
    text = response("--plain", "--prior", "beta22", "--learn-weights", "--iterations", "1")
    assert "A: (21.3 + 1) ÷ (21.3 + 8.6 + 2) = 0.70" in text
    responsibility = sum(row[0] for row in E_STEP)
    weight = (responsibility + 1) / 7
    assert f"A picked: ({responsibility:.2f} + 1) ÷ (5 + 2) = {weight:.2f}" in text
    assert "EM took 1 iteration from" in text


def test_plain_output_is_the_default_in_a_pipe(response):
    done = replay("coins", "--iterations", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == response("--iterations", "2", "--plain")


def test_plain_output_in_ascii():
    done = replay("coins", "--prior", "beta22", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    assert done.stdout.count("?") == 1
    assert "(21.3 + 1) / (21.3 + 8.6 + 2) = 0.70" in done.stdout


# Sentences.


def last_sentence_of(story, number=None):
    steps = list(story)
    step = steps[-1] if number is None else steps[number - 1]
    return " ".join(story.summary(step, number is not None))


def test_summaries():
    assert "a saddle point, not a maximum" in last_sentence_of(CoinStory(start=(0.5, 0.5)))
    assert "A and B swapped" in last_sentence_of(CoinStory(start=(0.4, 0.6)))
    assert "Beta(2, 2)" in last_sentence_of(CoinStory(prior="beta22"))
    assert "picked with probability 0.52" in last_sentence_of(
        CoinStory(iterations=200, learn_weights=True)
    )


def test_summaries_of_a_stopped_story():
    story = CoinStory()
    assert story.summary(None, True) == ["Stopped before the first set."]
    assert "while the coins are known" in last_sentence_of(story, 3)
    assert "0.80 for coin A and 0.45 for coin B" in last_sentence_of(story, 6)
    assert "0.60 for coin A and 0.50 for coin B, the initial guess" in last_sentence_of(story, 9)
    assert "Stopped after 1 iteration of 10" in last_sentence_of(story, 14)


# The story.


@pytest.fixture(scope="module", params=["flat", "beta22"])
def story(request):
    weights = request.param == "beta22"
    return CoinStory(prior=request.param, learn_weights=weights, iterations=30)


@pytest.fixture(scope="module")
def steps(story):
    return list(story)


def test_steps_are_numbered_in_order(steps):
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert {step.total for step in steps} == {len(steps)}
    kinds = "".join(step.kind[0] for step in steps)
    assert kinds == "rrrrrd" + "h" + "rrrrr" + "sd" * 30
    for step in steps:
        if step.kind == StepKind.DIVIDE and step.iteration:
            assert len(step.path) == step.iteration + 1
        assert [row.tosses.number for row in step.rows] == list(range(1, len(step.rows) + 1))


def test_rows_add_up(steps):
    for step in steps:
        for row in step.rows:
            for side in ("heads", "tails"):
                total = sum(getattr(portion, side) for portion in row.portions)
                assert total == pytest.approx(getattr(row.tosses, side), abs=1e-12)
        for coin, sums in enumerate(step.sums or ()):
            for i, total in enumerate(sums):
                parts = [row.portions[coin][i] for row in step.rows]
                assert math.fsum(parts) == pytest.approx(total, rel=1e-12)


# Refusals and exit statuses.


@pytest.mark.parametrize(
    "args",
    [
        ("--iterations", "0"),
        ("--iterations", "1001"),
        ("--iterations", "ten"),
        ("--speed", "-1"),
        ("--start", ".6"),
        ("--start", ".6,.5,.4"),
        ("--start", "a,b"),
        ("--start", "0,.5"),
        ("--start", ".5,1"),
        ("--start", "nan,.5"),
        ("--prior", "beta33"),
        ("--plain", "--json"),
        ("--bags", "3"),
    ],
)
def test_invalid_options_are_rejected(args, capsys):
    try:
        status = main(["replay", "coins", *args])
    except SystemExit as refusal:
        status = refusal.code
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.startswith(("usage:", "seqbayes replay:"))


def test_invalid_stories_are_rejected():
    with pytest.raises(PriorError, match="unknown prior 'beta33': expected flat or beta22"):
        CoinStory(prior="beta33")
    with pytest.raises(PriorError, match=r"between 0 and 1, got \(0\.6, 1\.0\)"):
        CoinStory(start=(0.6, 1.0))
    with pytest.raises(PriorError, match="two probabilities"):
        CoinStory(start=(0.6,))
    with pytest.raises(PriorError, match="at least one iteration, got 0"):
        CoinStory(iterations=0)


@pytest.mark.parametrize("form", ["--plain", "--json"])
def test_a_closed_pipe_stops_without_an_error(form):
    with Program(
        command("replay", "coins", form, "--iterations", "1000"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as program:
        program.stdout.readline()
        program.stdout.close()
        assert program.stderr.read() == b""
        assert program.wait() == 141


@posix
def test_an_interruption_stops_after_a_complete_line_and_prints_a_summary():
    with Program(
        command("replay", "coins", "--json", "--speed", "20", "--iterations", "1000"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        encoding="utf-8",
    ) as program:
        lines = [program.stdout.readline() for _ in range(17)]
        program.send_signal(signal.SIGINT)
        lines += program.stdout.readlines()
        assert program.stderr.read() == ""
        assert program.wait() == 130
    end = json.loads(lines[-1])
    assert (end["event"], end["interrupted"]) == ("end", True)
    assert end["thetas"] == json.loads(lines[-2])["thetas"]
    assert end["summary"][0].startswith("Stopped after")


@posix
@pytest.mark.parametrize("columns", [40, 120])
def test_on_a_terminal_a_summary_follows_the_screens(columns):
    status, written = on_a_terminal("coins", "--speed", "max", columns=columns, lines=40)
    assert status == 0
    screens, _, after = written.rpartition("\x1b[?1049l")  # the alternate screen is left
    assert "\x1b[?1049h" in screens
    assert "32 of 32" in screens
    assert "EM took 10" in after
    assert "\x1b[?25h" in written  # the cursor is back
    assert "38;2;" in written or "38;5;" in written


@posix
def test_an_interruption_on_a_terminal_prints_a_summary():
    status, written = on_a_terminal(
        "coins", "--speed", "20", "--iterations", "500", until=b"iteration "
    )
    assert status == 130
    after = written.rpartition("\x1b[?1049l")[2]
    assert re.search("Stopped (after|in the first) ", after)
    assert "\x1b[?25h" in written
    assert "Traceback" not in written


@posix
def test_no_color_is_respected():
    status, written = on_a_terminal("coins", "--speed", "max", NO_COLOR="1")
    assert status == 0
    assert "38;" not in written
    assert "\x1b[3" not in written.replace("\x1b[3m", "")  # italics are no colour


@posix
def test_a_dumb_terminal_gets_plain_lines():
    status, written = on_a_terminal("coins", "--speed", "max", TERM="dumb")
    assert status == 0
    assert "\x1b" not in written
    assert written.replace("\r\n", "\n") == replay("coins").stdout


def test_known_coins_have_an_mle_and_a_map_and_the_expectation_is_explained():
    story = CoinStory()
    lines = [line for step in story for line in story.step_lines(step)]
    # (24 + 1) / (30 + 2) and (9 + 1) / (20 + 2)
    assert "# These are the MLE. The MAP with the prior Beta(2, 2) is A 0.781, B 0.455" in lines
    assert any("expectation" in line for line in lines)
