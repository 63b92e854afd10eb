"""Beliefs with ``pool``: `show` returns the posterior of each key with and without pooling."""

import csv
import io
import json
import random

import numpy as np
import pytest

from seqbayes import Beta, Decayed, Gamma, MergeError, Normal
from seqbayes.cli import main
from seqbayes.stream import show
from seqbayes.stream.pooling import PooledStates
from seqbayes.table import Table

CONFIG = """
store = "beliefs.db"
source = {{ kind = "file", path = "events.jsonl" }}
[belief.sold]
state = "beta"
field = "sold"
by = {by}
max_keys = 10
over = "pool"
{options}
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """Write events about ten items of two shops, and two items beyond the limit of keys."""
    monkeypatch.chdir(tmp_path)
    rng = random.Random(5)
    events = [
        {"shop": "ab"[i % 2], "item": f"item {i % 12}", "sold": rng.random() < 0.05 * (i % 12)}
        for i in range(300)
    ]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(each) + "\n" for each in events))

    def run(options, by='"item"'):
        (tmp_path / "seqbayes.toml").write_text(CONFIG.format(by=by, options=options))
        return main(["run", "seqbayes.toml", "--once"])

    run.events = [each for each in events if int(each["item"].split()[1]) < 10]
    return run


@pytest.mark.parametrize("pool", [True, "empirical", "grid"])
def test_the_estimates_are_those_of_a_pooled_table(shop, pool):
    assert shop(f"pool = {json.dumps(pool)}") == 0
    table = Table(Beta(), pool=pool)
    table.learn_many([each["item"] for each in shop.events], [e["sold"] for e in shop.events])
    low, high = table.interval(0.9)
    found = {each.key and each.key["item"]: each for each in show("beliefs.db")}
    assert found[None].pooled() is None  # the keys beyond the limit
    for i, key in enumerate(table.keys):
        expected = (table.mean[i], low[i], high[i])
        assert found[key].pooled(0.9) == pytest.approx(expected, rel=1e-12)
        assert found[key].state.mean == table.unpooled().mean[i]
    (one,) = show("beliefs.db", "sold", "item 3")
    assert one.pooled(0.9) == found["item 3"].pooled(0.9)


def test_nested_levels_are_the_fields_of_the_key(shop):
    assert shop('pool = "nested"', by='["shop", "item"]') == 0
    table = Table(Beta(), pool="nested")
    table.learn_many(
        [(each["shop"], each["item"]) for each in shop.events], [e["sold"] for e in shop.events]
    )
    means = dict(zip(table.keys, table.mean, strict=True))
    for found in show("beliefs.db"):
        if found.key is not None:
            assert found.pooled().mean == pytest.approx(means[tuple(found.key.values())])


def test_show_prints_both_estimates_in_every_format(shop, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert shop('pool = "empirical"') == 0
    pooled = {each.key["item"]: each.pooled() for each in show("beliefs.db") if each.key}
    capsys.readouterr()
    assert main(["show", "beliefs.db", "--json"]) == 0
    for line in capsys.readouterr().out.splitlines():
        row = json.loads(line)
        if row["key"] is None:
            assert "pooled" not in row
        else:
            mean, *interval = pooled[row["key"]["item"]]
            assert row["pooled"] == {"mean": mean, "interval": interval}
    assert main(["show", "beliefs.db", "--csv"]) == 0
    for row in csv.DictReader(io.StringIO(capsys.readouterr().out)):
        mean = pooled[row["key.item"]].mean if row["key.item"] else ""
        assert row["pooled_mean"] == str(mean)
        assert row["updated"].endswith("Z")
    assert main(["show", "beliefs.db"]) == 0
    text = capsys.readouterr().out
    assert "common prior Beta(" in text
    assert "pooled 95 % interval" in text
    assert f"{pooled['item 3'].mean:.4g}" in text
    assert main(["show", "beliefs.db", "--html", "beliefs.html"]) == 0
    with open("beliefs.html", encoding="utf-8") as page:
        assert '["pooled",null,' in page.read()


def test_pooling_can_be_changed_in_the_configuration_of_a_store(shop):
    for options, pooled in (("", False), ("pool = true", True), ("pool = false", False)):
        assert shop(options) == 0
        assert {each.pooled() is not None for each in show("beliefs.db") if each.key} == {pooled}


@pytest.mark.parametrize(
    ("options", "by", "message"),
    [
        ('pool = "grd"', '"item"', "expected a pooling method of ('auto', 'empirical'"),
        ("pool = 3", '"item"', "belief.sold.pool"),
        ("pool = true", "[]", "the belief has no keys; set `by`"),
        ('pool = "nested"', '"item"', "nested levels need several fields in `by`"),
    ],
)
def test_an_invalid_option_is_refused_with_the_reason(shop, options, by, message, capsys):
    assert shop(options, by) == 2
    assert message in capsys.readouterr().err


def test_other_families_are_refused(shop, capsys, tmp_path):
    shop("")
    text = (tmp_path / "seqbayes.toml").read_text()
    (tmp_path / "other.toml").write_text(
        text.replace('"beta"', '"normal-inverse-gamma"\npool=true')
    )
    assert main(["check", "other.toml"]) == 2
    output = capsys.readouterr()
    assert "only Beta, Gamma and Normal beliefs can be pooled" in output.out + output.err


@pytest.mark.parametrize(
    "prior", [Beta(), Gamma(1, 1), Normal(0, 10, known_variance=1), Decayed(Beta(), 50)]
)
def test_states_are_pooled_with_the_data_that_they_remember(prior):
    rng, states = random.Random(2), {}
    for key in range(30):
        states[key] = prior.clone()
        for _ in range(rng.randrange(1, 20)):
            states[key].learn_one(rng.random() < key / 30)
    pooled = PooledStates(states, prior, "empirical")
    common = pooled.prior.hyperparameters
    for key, state in states.items():
        plain = state.as_of()
        expected = plain.with_prior(common).with_statistics(plain.statistics)
        assert pooled.estimate(key).mean == pytest.approx(expected.mean)
    assert pooled.estimate("another") is None
    assert pooled.in_words().startswith("common prior ")


def test_states_with_another_prior_are_not_put_into_a_table():
    with pytest.raises(MergeError, match="priors differ"):
        Table.from_states({"a": Beta(2, 3)}, Beta())


def test_a_table_of_states_continues_like_the_one_that_learned_them():
    xs = [1e17, 3.0, -1e17, 1e-9, 5.0]
    learned = Table(Normal(0, 1e20, known_variance=1))
    learned.learn_many(["a", "b", "a", "a", "b"], xs)
    copied = Table.from_states({key: learned[key] for key in learned}, learned["a"].clone())
    for table in (learned, copied):
        table.learn_many(["b", "c"], [7.0, 8.0])
    assert copied.keys == learned.keys
    for mine, theirs in zip(copied.posterior, learned.posterior, strict=True):
        np.testing.assert_array_equal(mine, theirs)
