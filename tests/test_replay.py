"""The M&M story: its steps, its output and its exit status."""

import dataclasses
import itertools
import json
import math
import signal
import subprocess
from collections import Counter

import numpy as np
import pytest

from programs import Program, command, environment, on_a_terminal, posix, replay
from seqbayes import PriorError
from seqbayes.cli import main
from seqbayes.datasets import COLOURS, factory_mixes, madison
from seqbayes.replay.mms import CandyStory, Prior


@pytest.fixture
def response(capsys):
    """Run the program in this process and return its output."""

    def run(*args):
        assert main(["replay", "mms", *args]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return run


def events(text):
    return [json.loads(line) for line in text.splitlines()]


# The story.


@pytest.fixture(scope="module")
def story():
    return CandyStory(Prior.uniform(), seed=7, bags=3)


@pytest.fixture(scope="module")
def steps(story):
    return list(story)


def test_bayes_rule_holds_at_every_candy(steps):
    for step in steps:
        for rule in (step.rule, step.next_rule):
            assert math.isclose(
                rule.prior * rule.likelihood / rule.evidence, rule.posterior, rel_tol=1e-12
            )


def test_the_factors_of_bayes_rule_match_their_definitions(steps):
    mars = factory_mixes()["mars_2008"].shares
    seen = Counter()
    share = mars["green"]
    for step in steps:
        n, k = sum(seen.values()), seen["green"]
        a, b = 1 + k, 5 + n - k
        green = step.colour == "green"
        assert step.rule.at == share
        assert math.isclose(step.rule.likelihood, share if green else 1 - share, rel_tol=1e-12)
        assert math.isclose(step.rule.evidence, (a if green else b) / (a + b), rel_tol=1e-12)
        log_density = (a - 1) * math.log(share) + (b - 1) * math.log1p(-share)
        log_density += math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
        assert math.isclose(step.rule.prior, math.exp(log_density), rel_tol=1e-10)
        seen[step.colour] += 1


def test_tonights_posterior_is_tomorrows_prior(steps):
    """The hypothesis never changes: every posterior is the prior of the next candy."""
    for one, other in itertools.pairwise(steps):
        assert math.isclose(one.rule.posterior, other.rule.prior, rel_tol=1e-12)
        if one.fits == other.fits:
            assert one.next_rule.posterior == other.rule.posterior


def test_log_evidence_is_the_sum_of_log_predictions(story, steps):
    total, belief = 0.0, story.opening.belief
    for step in steps:
        total += math.log(belief.share(step.colour).mean)
        belief = step.belief
        assert math.isclose(step.belief.log_evidence, total, rel_tol=1e-12)


def test_predictions_are_made_before_the_candy_is_learned(story, steps):
    belief, hits = story.opening.belief, 0
    for step in steps:
        means = {share.colour: share.mean for share in belief.shares}
        assert step.predicted == belief.next
        assert step.predicted.probability == max(means.values()) == means[step.predicted.colour]
        assert step.predicted.tied == list(means.values()).count(step.predicted.probability)
        hits += step.colour == step.predicted.colour
        assert step.hits == hits
        belief = step.belief


def test_mix_probabilities_sum_to_one_and_are_ordered_as_the_bayes_factors(steps):
    for step in steps:
        belief = step.belief
        assert math.isclose(
            math.fsum(r.probability for r in belief.rivals) + belief.other_probability, 1.0
        )
        for rival in belief.rivals:
            assert math.isclose(
                math.log(rival.probability / belief.other_probability),
                rival.log_bayes_factor,
                abs_tol=1e-9,
            )
            assert rival.log_bayes_factor == rival.log_likelihood - belief.log_evidence


def test_bags_are_used_in_order(steps):
    dealt = madison().deal(7)
    assert [step.colour for step in steps] == [candy for bag in dealt[:3] for candy in bag]
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert {step.bag: step.contents for step in steps} == dict(enumerate(dealt[:3], 1))
    assert all(step.contents[step.place - 1] == step.colour for step in steps)


def test_steps_are_immutable_and_the_story_can_be_repeated(story, steps):
    with pytest.raises(dataclasses.FrozenInstanceError):
        steps[0].colour = "tan"
    assert list(story) == steps


@pytest.mark.parametrize("bags", [0, 49, -1])
def test_there_are_48_bags(bags):
    with pytest.raises(PriorError, match=f"1 to 48 bags, got {bags}"):
        CandyStory(Prior.uniform(), bags=bags)


# The priors.


def test_named_priors():
    assert Prior.parse("uniform").alpha == dict.fromkeys(COLOURS, 1.0)
    assert Prior.parse("Jeffreys").alpha == dict.fromkeys(COLOURS, 0.5)
    park = Prior.parse("park", 20.0)
    assert park.alpha == pytest.approx(
        {"green": 8, "red": 5, "yellow": 3, "blue": 4, "brown": 1, "orange": 1}
    )
    assert park.strength == pytest.approx(22)
    assert "green 40 %" in park.notes[0]
    assert "20 imagined candies" in park.notes[0]
    assert "brown and orange" in park.notes[1]


def test_nothing_is_added_to_a_prior_that_names_all_colours():
    prior = Prior.parse("blue=.24,brown=.13,green=.16,orange=.20,red=.13,yellow=.14", 50)
    assert prior.strength == pytest.approx(50)
    assert len(prior.notes) == 1


@pytest.mark.parametrize(
    ("text", "strength", "why"),
    [
        ("red=.30,green=.20,blue=.25,yellow=.35", None, r"sum to 1\.10"),
        ("red=.5,green=.4", None, r"sum to 0\.90"),
        ("red=1.5,green=-.5", None, "green"),
        ("red=nan,green=1", None, "red"),
        ("red=.5,tan=.5", None, "unknown colour 'tan'"),
        ("red=.5,red=.5", None, "two shares"),
        ("red=half,green=.5", None, "colour=share"),
        ("red", None, "got 'red'"),
        ("", None, "uniform, jeffreys, park"),
        ("red=1,green=0", None, "'green' could not be changed by data"),
        ("park", 0.0, "strength"),
        ("park", math.inf, "strength"),
        ("uniform", 3.0, "fixed strength"),
    ],
)
def test_invalid_priors_are_rejected(text, strength, why):
    with pytest.raises(PriorError, match=why):
        Prior.parse(text, strength)


def test_priors_wash_out():
    """The total variation distance of two beliefs that learn the same candies shrinks."""
    response = [CandyStory(Prior.parse(text), seed=3, bags=12) for text in ("uniform", "park")]

    def distance(one, other):
        pairs = zip(one.shares, other.shares, strict=True)
        return sum(abs(a.mean - b.mean) for a, b in pairs) / 2

    apart = [distance(*(story.opening.belief for story in response))]
    apart += [distance(a.belief, b.belief) for a, b in zip(*response, strict=True)][99::200]
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] < apart[0] / 5


# The program: figures.


def test_all_bags_under_the_uniform_prior(response):
    """The figures of the whole story, from the output of the program."""
    start, *candies, end = events(response("--json", "--prior", "uniform"))
    assert (start["event"], end["event"]) == ("start", "end")
    assert [event["number"] for event in candies] == list(range(1, 2621))
    belief = end["belief"]
    assert list(belief["alpha"].values()) == [482, 372, 484, 545, 373, 370]
    assert list(belief["alpha"]) == list(COLOURS)
    assert f"{belief['log_evidence']:.6f}" == "-4677.555657"
    factors = {name: round(mix["log_bayes_factor"], 3) for name, mix in belief["mixes"].items()}
    assert factors == {
        "cleveland": 6.169,
        "mars_2008": -10.938,
        "equal": -16.854,
        "hackettstown": -60.105,
    }
    assert [f"{end:.5f}" for end in belief["interval"]["red"]] == ["0.12895", "0.15565"]
    assert belief["mle"] == belief["map"]  # the prior is flat
    assert end["candies"] == 2620
    assert end["hits"] == sum(event["predicted"]["came_true"] for event in candies)
    assert end["interrupted"] is False
    assert candies[-1]["belief"] == belief
    assert any("Cleveland" in line and "478 times more probable" in line for line in end["summary"])
    total = math.fsum(math.log(event["rule"]["evidence"]) for event in candies)
    # of green or not, 483 times in 2,620: a ratio of beta functions
    log_ratio = math.lgamma(484) + math.lgamma(2142) - math.lgamma(2626)
    log_ratio -= math.lgamma(1) + math.lgamma(5) - math.lgamma(6)
    assert math.isclose(total, log_ratio, rel_tol=1e-10)


def test_the_final_belief_does_not_depend_on_the_order():
    *_, last = CandyStory(Prior.jeffreys(), seed=2, bags=8)
    counts = Counter(candy for bag in madison().deal(2)[:8] for candy in bag)
    belief = last.belief
    assert [share.alpha for share in belief.shares] == [counts[c] + 0.5 for c in COLOURS]
    log_evidence = math.lgamma(3) - math.lgamma(counts.total() + 3)
    log_evidence += sum(math.lgamma(n + 0.5) - math.lgamma(0.5) for n in counts.values())
    assert math.isclose(belief.log_evidence, log_evidence, rel_tol=1e-11)


def test_the_seed_determines_the_story(response):
    first, again = (response("--json", "--bags", "1", "--seed", "5") for _ in range(2))
    assert first == again
    assert first != response("--json", "--bags", "1", "--seed", "6")


def test_plain_output_has_one_line_per_candy(response):
    text = response("--plain", "--bags", "2", "--prior", "park", "--strength", "20")
    candies = [line for line in text.splitlines() if not line.startswith("#")]
    assert [int(line.split()[0]) for line in candies] == list(range(1, len(candies) + 1))
    assert len(candies) == sum(map(len, madison().deal(1)[:2]))
    assert "\x1b" not in text
    assert ": 20 imagined candies" in text
    assert "brown and orange: 1 imagined candy of each was added" in text


def test_plain_output_is_the_default_in_a_pipe(response):
    done = replay("mms", "--bags", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == response("--bags", "1", "--plain")


def test_plain_output_in_ascii():
    done = replay("mms", "--bags", "1", "--prior", "park", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    assert "?" not in done.stdout.replace("made these?", "")


def test_bayes_rule_holds_in_the_json(response):
    for event in events(response("--json", "--bags", "1", "--prior", "jeffreys"))[1:-1]:
        rule = event["rule"]
        assert math.isclose(
            rule["prior"] * rule["likelihood"] / rule["evidence"], rule["posterior"], rel_tol=1e-12
        )


# The program: refusals and exit statuses.


def test_invalid_proportions_are_rejected_with_their_sum():
    done = replay("mms", "--prior", "red=.30,green=.20,blue=.25,yellow=.35")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "sum to 1.10" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("--bags", "0"),
        ("--bags", "49"),
        ("--bags", "many"),
        ("--speed", "-1"),
        ("--speed", "nan"),
        ("--speed", "fast"),
        ("--seed", "-1"),
        ("--plain", "--json"),
        ("--prior", "uniform", "--strength", "3"),
    ],
)
def test_invalid_options_are_rejected(args, capsys):
    try:
        status = main(["replay", "mms", *args])
    except SystemExit as refusal:
        status = refusal.code
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.startswith(("usage:", "seqbayes replay:"))


@pytest.mark.parametrize("form", ["--plain", "--json"])
def test_a_closed_pipe_stops_without_an_error(form):
    with Program(
        command("replay", "mms", form),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as program:
        program.stdout.readline()
        program.stdout.close()
        assert program.stderr.read() == b""
        assert program.wait() == 141


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@posix
def test_an_interruption_stops_after_a_complete_line_and_prints_a_summary(number, status):
    with Program(
        command("replay", "mms", "--json", "--speed", "20"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        encoding="utf-8",
    ) as program:
        lines = [program.stdout.readline() for _ in range(4)]
        program.send_signal(number)
        lines += program.stdout.readlines()
        assert program.stderr.read() == ""
        assert program.wait() == status
    response = [json.loads(line) for line in lines]
    end = response[-1]
    assert (end["event"], end["interrupted"]) == ("end", True)
    assert end["candies"] == response[-2]["number"] == len(response) - 2 < 2620
    assert end["belief"] == response[-2]["belief"]
    assert end["summary"][0].startswith("Stopped after")


@posix
def test_on_a_terminal_a_summary_follows_the_screens():
    status, written = on_a_terminal("mms", "--bags", "2", "--speed", "max")
    assert status == 0
    screens, _, after = written.rpartition("\x1b[?1049l")  # the alternate screen is left
    assert "\x1b[?1049h" in screens
    assert "evidence" in screens
    assert "candies eaten, 2 bags empty." in after
    assert "\x1b[?25h" in written  # the cursor is back


@posix
def test_an_interruption_on_a_terminal_prints_a_summary():
    status, written = on_a_terminal("mms", "--speed", "20", until=b"Predicted")
    assert status == 130
    after = written.rpartition("\x1b[?1049l")[2]
    assert "Stopped after" in after
    assert "\x1b[?25h" in written
    assert "Traceback" not in written


@posix
def test_no_color_is_respected():
    status, written = on_a_terminal("mms", "--bags", "1", "--speed", "max", NO_COLOR="1")
    assert status == 0
    assert "38;" not in written
    assert "\x1b[3" not in written


@posix
def test_a_dumb_terminal_gets_plain_lines():
    status, written = on_a_terminal("mms", "--bags", "1", "--speed", "max", TERM="dumb")
    assert status == 0
    assert "\x1b" not in written
    assert written.replace("\r\n", "\n") == replay("mms", "--bags", "1").stdout


def test_eleven_shares_follow_bayes_rule(story, steps):
    shares = np.arange(11) / 10
    before = np.array(story.opening.eleven)
    assert story.opening.prior == Prior.uniform()  # the share of one of six colours: Beta(1, 5)
    ends = np.array([0.0, *(np.arange(10) / 10 + 0.05), 1.0])
    assert before == pytest.approx(-np.diff((1.0 - ends) ** 5))
    for step in (steps[0], steps[40], steps[-1]):
        green = sum(each.fits for each in steps[: step.number])
        joint = before * shares**green * (1.0 - shares) ** (step.number - green)
        assert step.eleven.posterior == pytest.approx(joint / joint.sum(), rel=1e-9)
        likelihood = shares if step.fits else 1.0 - shares
        assert step.eleven.evidence == pytest.approx(np.dot(step.eleven.prior, likelihood))


def test_the_reader_can_enter_a_bag(capsys):
    assert main(["replay", "mms", "--bag", "GGR brown", "--prior", "uniform", "--json"]) == 0
    start, *candies, end = events(capsys.readouterr().out)
    assert (start["source"], start["seed"], start["bags"]) == ("your bag", None, 1)
    assert [event["colour"] for event in candies] == ["green", "green", "red", "brown"]
    # of a uniform mix: 1/6 × 2/7 × 1/8 × 1/9
    assert math.isclose(end["belief"]["log_evidence"], math.log(2 / (6 * 7 * 8 * 9)), rel_tol=1e-12)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--bag", "GX"), "got 'gx'"),
        (("--bag", " "), "expected the candies of a bag"),
        (("--bag", "G", "--bags", "2"), "expected 1 to 1 bags"),
    ],
)
def test_an_invalid_bag_is_rejected(args, message, capsys):
    assert main(["replay", "mms", *args]) == 2
    assert message in capsys.readouterr().err
