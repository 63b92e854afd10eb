"""The commands that choose an arm and learn the reward of a decision."""

import json

import pytest

from choice_of_layout import CONFIG
from seqbayes import cli
from seqbayes.stream import LeaseError, StoreError, choose, open_store, reward
from seqbayes.stream.config import load_config


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text(CONFIG)
    load_config("c.toml").open().close()  # makes the store
    return "c.toml"


def run(capsys, *arguments):
    status = cli.main(list(arguments))
    captured = capsys.readouterr()
    return status, captured.out and json.loads(captured.out), captured.err


def test_a_reward_of_a_chosen_arm_is_learned_once(config, capsys):
    status, chosen, _ = run(capsys, "choose", config, "layout", "--context", "country=de")
    assert (status, chosen["propensity"]) == (0, 0.5)
    status, outcome, _ = run(capsys, "reward", config, chosen["decision"], "true")
    assert (status, outcome["accepted"], outcome["duplicates"]) == (0, 1, 0)
    status, outcome, _ = run(capsys, "reward", config, chosen["decision"], "false")
    assert (status, outcome["accepted"], outcome["duplicates"]) == (0, 0, 1)
    # P(Beta(2, 1) > Beta(1, 1)) = 2/3
    again = choose(config, "layout", {"country": "de"})
    share = 2 / 3 if again.arm == chosen["arm"] else 1 / 3
    assert again.propensity == pytest.approx(share, rel=1e-10)
    assert choose(config, "layout", {"country": "fr"}).propensity == 0.5


def test_the_first_choice_creates_the_store(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text(CONFIG)
    assert run(capsys, "choose", "c.toml", "layout")[0] == 2  # the context is missing
    assert not (tmp_path / "beliefs.db").exists()
    status, chosen, _ = run(capsys, "choose", "c.toml", "layout", "--context", "country=de")
    assert (status, chosen["propensity"]) == (0, 0.5)
    assert run(capsys, "reward", "c.toml", chosen["decision"], "true")[1]["accepted"] == 1


def test_a_choice_by_a_belief_that_is_new_in_the_configuration(config):
    with open(config, "w") as file:
        file.write(CONFIG.replace("conversion", "purchase"))
    with load_config(config).open() as pipeline, open_store("beliefs.db", "read") as store:
        assert "purchase" in store.declarations()
        assert pipeline is not None
    with open(config, "w") as file:
        file.write(CONFIG.replace("conversion", "signup"))
    running = CONFIG.replace("conversion", "purchase")
    with open("running.toml", "w") as file:
        file.write(running)
    with load_config("running.toml").open(), pytest.raises(StoreError, match="no belief 'signup'"):
        choose(config, "layout", {"country": "de"})
    assert choose(config, "layout", {"country": "de"}).propensity == 0.5


def test_an_invalid_reward_is_rejected_and_can_be_corrected(config, capsys):
    decision = choose(config, "layout", {"country": "de"}).decision
    status, outcome, _ = run(capsys, "reward", config, decision, "7")
    assert (status, outcome["unused"]) == (1, 1)
    assert "expected True, False, 1 or 0" in outcome["refusals"][0]["reason"]
    assert reward(config, decision, True, {"page": "start"}).accepted == 1


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["choose", "layout"], 2, "field 'country' of the context is missing"),
        (["choose", "colour"], 2, "no choice 'colour'; the configuration has 'layout'"),
        (["reward", "abc", "true"], 2, "was not issued by 'layout', or was changed"),
    ],
)
def test_wrong_arguments_are_reported(config, capsys, arguments, status, message):
    verb, *rest = arguments
    found, _, error = run(capsys, verb, config, *rest)
    assert found == status
    assert message in error


def test_wrong_options_are_reported(config, capsys):
    for arguments in (
        ["choose", config, "layout", "--context", "country"],
        ["reward", config, "x", "1", "--event", "3"],
    ):
        with pytest.raises(SystemExit):
            cli.main(arguments)
        assert "expected" in capsys.readouterr().err


def test_error_mentions_the_server_while_it_uses_the_store(config):
    decision = choose(config, "layout", {"country": "de"}).decision
    with load_config(config).open(), pytest.raises(LeaseError, match="/api/reward"):
        reward(config, decision, True)
    assert reward(config, decision, True).accepted == 1
    with open_store("beliefs.db", "read") as store:
        assert store.events("http") == 1


def test_a_configuration_without_choices_is_reported(config, capsys):
    with open(config, "w") as file:
        file.write(CONFIG.partition("[choice")[0])
    assert "has no choices" in run(capsys, "choose", config, "layout")[2]
    assert "has no choices" in run(capsys, "reward", config, "x", "1")[2]
