"""The classes of the example work in every part of seqbayes; run by tests/test_plugin.py.

This runs in a process that has not imported the example: names are found by its entry point.
"""

import csv
import io
import json
import math
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

import seqbayes as sb
from seqbayes import cli, registry
from seqbayes.dashboard import views
from seqbayes.mixture import Mixture

CONFIG = """
store = "beliefs.db"
source = { kind = "file", path = "events.jsonl" }
history = { every = "0.001 s" }

[belief.floods]
state = "gamma"
likelihood = { name = "gumbel", scale = 2.0 }
prior = { shape = 2.5, rate = 1.5 }
field = "level"
by = "site"

[belief.waits]
state = "pareto"
prior = { scale = 2, shape = 3 }
field = "wait"
by = "site"
"""

LEVELS = [1.5, -0.5, 4.0, 2.25]
WAITS = [1.0, 4.5, 3.0, 0.5]
T = sum(math.exp(-x / 2.0) for x in LEVELS)
# (mean of the posterior, MLE), by hand
FLOODS = (2.5 + 4) / (1.5 + T), 4 / T
LIMIT = 4.5 * 7 / 6, 4.5


def floods(xs=LEVELS):
    state = sb.Gamma(2.5, 1.5, likelihood=registry.find_likelihood("Gumbel")(2.0))
    state.learn_many(xs)
    return state


def limit(xs=WAITS):
    state = registry.find_family("Pareto")(2.0, 3.0)
    state.learn_many(xs)
    return state


both = pytest.mark.parametrize(
    ("state", "estimates"), [(floods, FLOODS), (limit, LIMIT)], ids=["likelihood", "family"]
)


@both
def test_estimates(state, estimates):
    assert (state().mean, state().mle) == pytest.approx(estimates)


@both
def test_documents_and_pickles_are_read_in_a_process_that_knows_only_the_entry_point(
    state, estimates
):
    document, dumped = json.dumps(state().to_dict()), pickle.dumps(state())
    program = (
        "import json, pickle, sys\n"
        "import seqbayes\n"
        "read = seqbayes.State.from_dict(json.loads(sys.argv[1]))\n"
        "assert read == pickle.loads(bytes.fromhex(sys.argv[2]))\n"
        "print(read.mean, read.mle)\n"
    )
    words = [sys.executable, "-W", "error", "-c", program, document, dumped.hex()]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [float(word) for word in done.stdout.split()] == pytest.approx(estimates)


def test_the_likelihood_works_in_mixtures():
    """The exponential of a Gumbel observation is exponential: both mixtures learn the same."""
    rng, kind = np.random.default_rng(1), registry.find_likelihood("Gumbel")()

    def mixture(likelihood):
        low, high = (sb.Gamma(a, b, likelihood=likelihood) for a, b in ((1, 20), (1, 0.05)))
        return Mixture({"low": low, "high": high}, seed=1)

    ours, theirs = mixture(kind), mixture(sb.likelihoods.Exponential())
    for i in range(400):
        x = float(kind.sample(0.05 if i % 2 else 20.0, rng))
        ours.learn_one(x)
        theirs.learn_one(math.exp(-x))
    # the start of a mixture draws rows by their content, which differs
    assert ours.weights == pytest.approx(theirs.weights, rel=1e-7)
    assert ours.parameters == pytest.approx(theirs.parameters, rel=1e-7)
    assert ours.weights == pytest.approx((0.5, 0.5), abs=0.08)
    assert max(ours.parameters) > 50 * min(ours.parameters)


def test_the_likelihood_works_with_decay():
    decayed = sb.Decayed(floods([]), half_life=1.0)
    decayed.learn_many([0.0, 0.0])
    assert decayed.posterior == pytest.approx((2.5 + 1.5, 1.5 + 1.5))


def test_the_family_is_refused_with_the_reason():
    with pytest.raises(sb.PriorError, match="the largest observation cannot be scaled"):
        Mixture([limit([]), limit([])])
    with pytest.raises(sb.PriorError, match="a maximum has no weight"):
        sb.Decayed(limit([]), half_life=10.0)


def test_both_can_be_fields_of_a_product():
    pair = sb.Product({"level": floods([]), "wait": limit([])})
    for level, wait in zip(LEVELS, WAITS, strict=True):
        pair.learn_one({"level": level, "wait": wait})
    assert pair.mean == pytest.approx({"level": FLOODS[0], "wait": LIMIT[0]})
    assert sb.State.from_dict(json.loads(json.dumps(pair.to_dict()))) == pair
    with pytest.raises(sb.UnsupportedError, match=r"field 'wait'.*only the largest"):
        pair.unlearn_one({"level": LEVELS[0], "wait": WAITS[0]})


@pytest.fixture
def events(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        {"level": level, "wait": wait, "site": site}
        for site in ("north", "south")
        for level, wait in zip(LEVELS, WAITS, strict=True)
    ]
    text = "".join(json.dumps(row) + "\n" for row in [*rows, {"site": "north", "level": "high"}])
    (tmp_path / "events.jsonl").write_text(text)
    (tmp_path / "pipeline.toml").write_text(CONFIG)
    return "events.jsonl"


def printed(capsys, *words):
    status = cli.main(list(words))
    out, err = capsys.readouterr()
    assert status == 0, err
    return out


@pytest.mark.parametrize(
    ("words", "estimates"),
    [
        (
            "--state gamma --likelihood gumbel --scale 2 --prior shape=2.5,rate=1.5 --value level",
            FLOODS,
        ),
        ("--state pareto --prior scale=2,shape=3 --value wait", LIMIT),
    ],
    ids=["likelihood", "family"],
)
def test_watch(words, estimates, events, capsys):
    out = printed(capsys, "watch", events, *words.split(), "--by", "site", "--json")
    found = [json.loads(line) for line in out.splitlines()]
    found = {row["key"]["site"]: row for row in found if "key" in row}
    for site in ("north", "south"):
        assert (found[site]["mean"], found[site]["mle"]) == pytest.approx(estimates)


@pytest.fixture
def store(events, capsys):
    printed(capsys, "run", "pipeline.toml")
    return "beliefs.db"


@pytest.mark.parametrize(
    ("belief", "estimates"), [("floods", FLOODS), ("waits", LIMIT)], ids=["likelihood", "family"]
)
class TestVerbs:
    def test_show(self, belief, estimates, store, capsys):
        out = printed(capsys, "show", store, belief, "--json")
        row = json.loads(out.splitlines()[0])
        assert (row["mean"], row["mle"]) == pytest.approx(estimates)
        assert belief in printed(capsys, "show", store)

    def test_predict(self, belief, estimates, store, capsys):
        row = json.loads(printed(capsys, "predict", store, belief, "north", "--json"))
        state = floods() if belief == "floods" else limit()
        assert row["mean"] == pytest.approx(state.predictive.mean)

    def test_merge(self, belief, estimates, store, capsys):
        shutil.copy("events.jsonl", "others.jsonl")
        config = CONFIG.replace("events.jsonl", "others.jsonl").replace("beliefs.db", "others.db")
        Path("others.toml").write_text(config)
        printed(capsys, "run", "others.toml")
        printed(capsys, "merge", store, "others.db", "-o", "merged.db")
        row = json.loads(printed(capsys, "show", "merged.db", belief, "--json").splitlines()[0])
        twice = floods(LEVELS * 2) if belief == "floods" else limit(WAITS * 2)
        assert (row["mean"], row["mle"]) == pytest.approx((twice.mean, estimates[1]))

    def test_export(self, belief, estimates, store, capsys):
        out = printed(capsys, "export", store, "-", "--format", "csv", "--belief", belief)
        for row in csv.DictReader(io.StringIO(out)):
            assert float(row["mean"]) == pytest.approx(estimates[0])

    def test_dashboard(self, belief, estimates, store, serve):
        """Card, detail and history of the page come from its API."""
        site = serve(str(store))
        shown = site.get(f"/api/beliefs/{belief}")
        (card,) = [card for card in shown["cards"] if card["key"] == ["north"]]
        assert card["kind"] == "number"
        assert card["mean"] == pytest.approx(estimates[0], rel=1e-3)
        detail = site.get(f"/api/beliefs/{belief}/{quote(card['id'], safe='')}")
        assert detail["mean"] == pytest.approx(estimates[0], rel=1e-3)
        assert detail["density"]["posterior"]
        assert detail["history"]["mean"][-1] == pytest.approx(estimates[0], rel=1e-3)


@both
def test_views(state, estimates):
    shown = json.loads(json.dumps(views.detail(state(), 2.0), allow_nan=False))
    assert shown["mean"] == pytest.approx(estimates[0])
    assert shown["predictive"]["p"]
