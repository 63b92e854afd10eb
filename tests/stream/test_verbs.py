"""`show`, `predict`, `merge`, `export`, `reset` and `dead-letters`, on both stores."""

import csv
import inspect
import io
import itertools
import json
import os
import random
import re
import shutil
import stat
import subprocess
import sys

import pytest
from memory import Listed, lines

from seqbayes import Beta, Dirichlet, NormalInverseGamma, NormalInverseWishart, Product, cli, stream
from seqbayes.forgetting import Decayed
from seqbayes.likelihoods import MultivariateNormal
from seqbayes.mixture import DirichletProcessMixture, Mixture
from seqbayes.river import ConjugateLinearRegression, ConjugateNB
from seqbayes.stream import (
    Belief,
    DeadLetter,
    History,
    LeaseError,
    MissingError,
    Pace,
    Pipeline,
    StoreError,
    open_store,
)
from seqbayes.stream.stores import Changes, SeenId

TRUTH = Belief("truth", Beta(2, 3), field="x", by="k")


def learn(url, records, beliefs=TRUTH, name="listed", collectors=()):
    beliefs = [beliefs] if isinstance(beliefs, Belief) else beliefs
    source = Listed(records, name=name)
    with Pipeline(source, beliefs, open_store(url), Pace(), collectors) as pipeline:
        list(pipeline)
    return {name: dict(table.states) for name, table in pipeline.tables.items()}


def run_command(capsys, *words):
    """Run a command; return its exit status, standard output and standard error."""
    status = cli.main([str(word) for word in words])
    out, err = capsys.readouterr()
    return status, out, err


def sales(n=60, seed=1, keys="abc"):
    rng = random.Random(seed)
    return lines(*({"x": rng.random() < 0.4, "k": rng.choice(keys)} for _ in range(n)))


def stored(url, belief="truth"):
    with open_store(url, "read") as store:
        return {row.key: row.state for row in store.states(belief)}


def test_every_verb_of_stores_is_a_command_a_function_and_a_module():
    home = "seqbayes.stream.verbs."
    commands = {
        name.replace("-", "_"): command.module
        for name, command in cli.COMMANDS.items()
        if command.module.startswith(home)
    }
    functions = {name: getattr(stream, name) for name in stream.__all__}
    assert {"run", "show"} < set(commands)
    assert commands == {
        name: function.__module__
        for name, function in functions.items()
        if inspect.isfunction(function) and function.__module__.startswith(home)
    }
    assert all(module == home + name for name, module in commands.items())


# show


def test_show_prints_what_was_learned(url, capsys):
    states = learn(url, sales())["truth"]
    answered = {answer.key["k"]: answer for answer in stream.show(url)}
    assert {key: answer.state for key, answer in answered.items()} == states
    status, out, _ = run_command(capsys, "show", url, "--json", "--level", "0.5")
    assert status == 0
    for line in map(json.loads, out.splitlines()):
        state = states[line["key"]["k"]]
        assert line["belief"] == "truth"
        assert line["posterior"] == state.posterior._asdict()
        assert (line["n"], line["mean"], line["mle"], line["map"]) == (
            state.n_samples,
            state.mean,
            state.mle,
            state.map,
        )
        assert line["interval"] == list(state.interval(0.5))
        assert line["since"] <= line["updated"]
        assert line["since"].endswith("Z")
    rows = list(csv.DictReader(io.StringIO(run_command(capsys, "show", url, "--csv")[1])))
    assert {row["key.k"]: float(row["map"]) for row in rows} == {
        key: state.map for key, state in states.items()
    }
    status, out, _ = run_command(capsys, "show", url, "truth", "b")
    assert status == 0
    assert "truth by k: 1 key, since 20" in out
    assert "Beta(2, 3) prior, Bernoulli likelihood" in out
    assert f"{states['b'].mean:.4g}" in out
    assert run_command(capsys, "show", url, "--top", "2")[1].count("2 of 3 keys") == 1


def test_a_narrow_table_omits_the_less_important_columns(tmp_path, capsys, monkeypatch):
    url = str(tmp_path / "b.db")
    learn(url, sales())
    monkeypatch.setenv("COLUMNS", "120")
    assert "since" in run_command(capsys, "show", url)[1].splitlines()[3]
    for width in (24, 40, 60, 80):
        monkeypatch.setenv("COLUMNS", str(width))
        out = run_command(capsys, "show", url)[1]
        assert max(map(len, out.splitlines())) <= width
        assert "mean" in out


def test_a_missing_belief_key_or_source_is_status_1(url, capsys):
    learn(url, sales())
    for words, message in (
        (["show", url, "lies"], "has no belief 'lies'; beliefs: truth"),
        (["show", url, "truth", "z"], "belief 'truth' has no key 'z'"),
        (["show", url, "truth", "--rest"], "belief 'truth' has no pooled rest"),
        (["predict", url, "truth", "z"], "has no key 'z'"),
        (["export", url, "-", "--format", "csv", "--belief", "lies"], "has no belief 'lies'"),
        (["reset", url, "lies", "--yes"], "has no belief 'lies'"),
        (["reset", url, "truth", "z", "--yes"], "has no key 'z'"),
        (["reset", url, "--source", "z", "--yes"], "has no source 'z'; sources: listed"),
    ):
        status, _, err = run_command(capsys, *words)
        assert (status, message in err) == (1, True), err
    assert run_command(capsys, "show", url, "truth", "a", "b")[0] == 2
    assert run_command(capsys, "predict", url, "truth")[0] == 2


def test_a_missing_store_is_not_created(tmp_path, postgres_url, capsys):
    path = tmp_path / "none.db"
    for words in (["show"], ["predict"], ["reset"], ["dead-letters", "--drop", "--yes"]):
        belief = ["b"] if words[0] in ("predict", "reset") else []
        more = ["--yes"] if words[0] == "reset" else words[1:]
        status, _, err = run_command(capsys, words[0], path, *belief, *more)
        assert (status, "no such file" in err) == (4, True), err
        assert run_command(capsys, words[0], postgres_url, *belief, *more)[0] == 4
    assert not path.exists()
    path.touch()
    assert run_command(capsys, "show", path)[::2] == (
        4,
        f"seqbayes show: {path} is not a seqbayes store\n",
    )


def test_a_store_can_be_read_while_another_process_writes_it(url):
    source = Listed(sales(30), size=10)
    with Pipeline(source, [TRUTH], open_store(url), Pace(seconds=0)) as pipeline:
        steps = iter(pipeline)
        next(steps)
        answers = stream.show(url)
        seen = next(answers).state.n_samples
        list(steps)
        seen += sum(answer.state.n_samples for answer in answers)
        assert seen == 10  # as of the moment when it was opened
        assert sum(answer.state.n_samples for answer in stream.show(url)) == 30
        with pytest.raises(LeaseError, match="one runner at a time"):
            stream.reset(url, "truth")


def test_a_read_only_store_can_be_read(tmp_path, monkeypatch):
    path = tmp_path / "b.db"
    learn(str(path), sales())
    before = path.read_bytes()
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write any file
    path.chmod(stat.S_IRUSR)
    assert len(list(stream.show(str(path)))) == 3
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["b.db"]
    with (
        pytest.raises(StoreError, match="readonly database"),
        open_store(str(path), "read") as store,
    ):
        store.acquire()


VARIED = [
    Belief("shares", Dirichlet({"u": 1, "v": 2}), field="word"),
    Belief("level", Decayed(NormalInverseGamma(), 60.0, by="time"), field="y", time="t", by="k"),
    Belief(
        "both",
        NormalInverseWishart(prior_mean=[0, 0], likelihood=MultivariateNormal(("y", "z"))),
        field=["y", "z"],
    ),
    Belief("fields", Product({"x": Beta(), "y": NormalInverseGamma()})),
    Belief(
        "mix", Mixture({"lo": NormalInverseGamma(), "hi": NormalInverseGamma(9.0)}, buffer=5), "y"
    ),
    Belief("open", DirichletProcessMixture(NormalInverseGamma(), seed=1, buffer=9), "y"),
    Belief("line", ConjugateLinearRegression(), field="z", features=["y"]),
    Belief("class", ConjugateNB(), field="word", features=["y"]),
]


def various(n=40, seed=3):
    rng = random.Random(seed)
    return lines(
        *(
            {
                "x": rng.random() < 0.5,
                "y": rng.gauss(0, 1) + 9 * (i % 2),
                "z": rng.gauss(0, 1),
                "word": rng.choice("uv"),
                "t": float(i),
                "k": rng.choice("ab"),
            }
            for i in range(n)
        )
    )


def test_every_kind_of_belief_can_be_shown_predicted_and_exported(url, tmp_path, capsys):
    parquet = pytest.importorskip("pyarrow.parquet")
    learn(url, various(), VARIED, collectors=[History(every=0.0)])
    status, out, err = run_command(capsys, "show", url)
    assert (status, err) == (0, "")
    for text in (
        "covariance y,z",
        "hi weight",
        "lo variance",
        "half-life 1 minute",
        "x ",
        "y mean",
    ):
        assert text in out, text
    answered = {
        line["belief"]: line
        for line in map(json.loads, run_command(capsys, "show", url, "--json")[1].splitlines())
    }
    assert set(answered) == {belief.name for belief in VARIED}
    assert answered["level"]["clock"].startswith("1970-01-01T00:00:3")
    assert set(answered["mix"]["components"]) == {"lo", "hi"}
    (counted,) = stream.show(url, "open")
    assert list(map(int, answered["open"]["components"])) == [
        counted.state.names[k] for k in counted.state.ranking
    ]
    assert answered["line"]["document"]["estimator"] == "ConjugateLinearRegression"
    for words in (
        ["shares", "--value", "u"],
        ["level", "a", "--value", "2.5", "--as-of", "now"],
        ["both", "--value", "[1, 2]"],
        ["fields", "--value", '{"x": true, "y": 1.5}'],
        ["mix", "--value", "9"],
        ["open", "--value", "9"],
        ["line", "--value", '{"y": 2}'],
        ["class", "--value", '{"y": 2}'],
        ["level", "--prior"],
    ):
        status, out, err = run_command(capsys, "predict", url, *words)
        assert (status, err) == (0, ""), err
        assert out.startswith(words[0])
        assert json.loads(run_command(capsys, "predict", url, *words, "--json")[1])
    for what, count in (("beliefs", None), ("history", None), ("dead-letters", 0)):
        rows = {}
        for form in ("parquet", "csv"):
            path = tmp_path / f"{what}.{form}"
            rows[form] = stream.export(url, str(path), what)
        assert (
            rows["parquet"]
            == rows["csv"]
            == parquet.read_table(tmp_path / f"{what}.parquet").num_rows
        )
        assert count is None or count == rows["csv"]
        assert stream.export(url, str(tmp_path / f"{what}.json"), what) <= rows["csv"]
    table = parquet.read_table(tmp_path / "beliefs.parquet").to_pylist()
    state = next(stream.show(url, "level", "b")).state
    (row,) = [r for r in table if (r["belief"], r["key.k"], r["part"]) == ("level", "b", "mean")]
    assert (row["n"], row["mean"], row["map"]) == (state.n_samples, state.mean.mean, state.map.mean)
    assert row["since"].year >= 2024
    history = parquet.read_table(tmp_path / "history.parquet").to_pylist()
    parts = {(row["belief"], row["part"]) for row in history}
    assert {("both", "covariance 0,1"), ("level", "mean"), ("line", "y"), ("class", "u")} <= parts


# predict


def test_predictions_equal_the_predictions_of_the_state(url, capsys):
    state = learn(url, sales())["truth"]["a"]
    answered = stream.predict(url, "truth", "a", [True])
    assert answered["prediction"] is state.predict_one()
    assert answered["probabilities"] == {
        "false": state.predictive.p(0),
        "true": state.predictive.p(1),
    }
    assert answered["values"] == [{"value": True, "log_predictive": state.log_predictive(True)}]
    out = run_command(capsys, "predict", url, "truth", "a", "--value", "1")[1]
    assert out.startswith(f"truth a: n = {state.n_samples:g}\n")
    assert f"log predictive {state.log_predictive(1):.6g}" in out
    assert stream.predict(url, "truth", prior=True)["mean"] == pytest.approx(0.4)
    for bad in ("2", "maybe", "nan"):
        status, _, err = run_command(capsys, "predict", url, "truth", "a", "--value", bad)
        assert (status, "expected" in err) == (2, True)


def test_predict_returns_the_responsibilities_of_a_mixture(url, capsys):
    states = learn(url, various(), [b for b in VARIED if b.name in ("mix", "open")])
    for name, found in states.items():
        state = found[()]
        assert stream.predict(url, name, values=[9.0])["values"] == [
            {
                "value": 9.0,
                "prediction": state.predict_one(9.0),
                "log_predictive": state.log_predictive(9.0),
                "probabilities": {str(k): p for k, p in state.predict_proba_one(9.0).items()},
            }
        ]
    out = run_command(capsys, "predict", url, "open", "--value", "9")[1]
    assert f"9: prediction {states['open'][()].predict_one(9.0)}, log predictive " in out
    weights = states["open"][()].weights
    parts = [
        row.split(",")[1]
        for row in run_command(capsys, "show", url, "open", "--csv")[1].splitlines()
    ]
    assert sum(part.endswith(" weight") for part in parts) == len(weights) > 1


def test_a_mixture_without_priors_can_be_shown_and_predicted(url, capsys):
    clusters = Belief("clusters", DirichletProcessMixture(seed=1, buffer=9), ["y", "z"])
    state = learn(url, various(), [clusters])["clusters"][()]
    value = {"y": 9.0, "z": 0.0}
    (answered,) = stream.predict(url, "clusters", values=[value])["values"]
    assert answered["prediction"] == state.predict_one(value)
    status, out, _ = run_command(capsys, "predict", url, "clusters", "--value", json.dumps(value))
    assert (status, "log predictive" in out) == (0, True)
    assert "mean y" in run_command(capsys, "show", url)[1]


# merge


def shards(directory, belief, records, cuts):
    """Learn a stream in shards; return their URLs and the states of the whole."""
    urls = []
    bounds = [0, *cuts, len(records)]
    for i, (start, end) in enumerate(itertools.pairwise(bounds)):
        urls.append(str(directory / f"{i}.db"))
        learn(urls[-1], records[start:end], belief, f"shard {i}")
    return urls, learn(":memory:", records, belief)[belief.name]


def test_merged_shards_equal_the_whole_with_the_prior_counted_once(url, tmp_path, capsys):
    urls, whole = shards(tmp_path, TRUTH, sales(100), [30, 70])
    status, out, err = run_command(capsys, "merge", *urls, "-o", url)
    assert (status, out, err) == (0, f"{url}: 1 beliefs, 3 keys, 0 dead letters\n", "")
    assert {a.key["k"]: a.state for a in stream.show(url)} == whole
    with open_store(url, "read") as store:
        assert [(p.source, p.events) for p in store.positions()] == [
            ("shard 0", 30),
            ("shard 1", 40),
            ("shard 2", 30),
        ]
    assert (
        learn(url, [], TRUTH, "shard 1")["truth"] == whole
    )  # a run continues with the merged store


def test_a_merge_aligns_clocks(tmp_path):
    belief = Belief("level", Decayed(NormalInverseGamma(), 7.0, by="time"), "y", by="k", time="t")
    urls, whole = shards(tmp_path, belief, various(90), [20, 50])
    target = str(tmp_path / "all.db")
    stream.merge(list(reversed(urls)), target)
    for answer in stream.show(target):
        state = whole[answer.key["k"]]
        assert answer.state.clock == state.clock
        assert answer.state.posterior == pytest.approx(state.posterior, rel=1e-12)


def test_a_merge_keeps_dead_letters_history_times_and_the_pooled_rest(url, tmp_path):
    pooled = Belief("truth", Beta(2, 3), field="x", by="k", max_keys=1, over="pool")
    first, second = str(tmp_path / "a.db"), str(tmp_path / "b.db")
    keep = [History(every=0.0)]
    learn(first, [*sales(20, keys="ab"), b"{"], pooled, "one", keep)
    learn(second, [b"[", *sales(20, 2, keys="ab")], pooled, "two", keep)
    merged = stream.merge([first, second], url)
    assert (merged.dead_letters, merged.warnings) == (2, [])
    with open_store(url, "read") as store:
        assert [(n, letter.source, letter.raw) for n, letter, _ in store.letters()] == [
            (1, "one", b"{"),
            (2, "two", b"["),
        ]
        assert len(list(store.points("truth"))) == 4
    firsts = [answer.since for answer in stream.show(first)]
    assert {answer.since for answer in stream.show(url, "truth", "a")} <= set(firsts)
    (rest,) = stream.show(url, "truth", rest=True)
    assert rest.key is None
    total = sum(answer.state.n_samples for answer in stream.show(url))
    assert total == 40


def test_a_merge_keeps_idempotency_ids(url, tmp_path):
    seen = {
        "a": [SeenId("e:1", 1, ""), SeenId("k:x", 2, "first")],
        "b": [SeenId("e:2", 1, ""), SeenId("k:x", 3, "second"), SeenId("e:3", 4, "")],
    }
    urls = [str(tmp_path / f"{name}.db") for name in seen]
    for at, ids in zip(urls, seen.values(), strict=True):
        learn(at, sales(5))
        with open_store(at) as store:
            store.acquire()
            store.commit(Changes("listed", 5, ids=ids))
    stream.merge(urls, url)
    with open_store(url, "read") as store:
        assert list(store.ids("listed")) == [
            SeenId("e:2", 1, ""),
            SeenId("e:1", 2, ""),
            SeenId("k:x", 3, "first"),
            SeenId("e:3", 4, ""),
        ]


def test_different_declarations_are_rejected_and_leave_no_file(url, tmp_path, capsys):
    first, second, third = (str(tmp_path / f"{name}.db") for name in "abc")
    learn(first, sales(5))
    learn(second, sales(5), Belief("truth", Beta(2, 4), field="x", by="k"))
    status, _, err = run_command(capsys, "merge", first, second, "-o", third)
    assert status == 4
    assert f"belief 'truth' differs between {first} and {second}: " in err
    assert "state.prior.beta is 3.0, not 4.0" in err
    assert not os.path.exists(third)
    learn(url, [])
    assert run_command(capsys, "merge", first, url, "-o", first)[0] == 4
    assert len(stored(first)) > 0
    assert run_command(capsys, "merge", first, "-o", third)[0] == 2
    assert run_command(capsys, "merge", first, f"sqlite:{first}", "-o", third)[0] == 2


def test_estimators_cannot_be_merged_and_mixtures_can(tmp_path):
    for i in (1, 2):
        learn(str(tmp_path / f"{i}.db"), various(seed=i), VARIED[4])
        learn(str(tmp_path / f"e{i}.db"), various(seed=i), VARIED[6])
    target = str(tmp_path / "all.db")
    with pytest.raises(StoreError, match="ConjugateLinearRegression objects cannot be merged"):
        stream.merge([str(tmp_path / f"e{i}.db") for i in (1, 2)], target)
    stream.merge([str(tmp_path / f"{i}.db") for i in (1, 2)], target)
    (answer,) = stream.show(target)
    assert answer.state.n_samples == 80


def test_a_source_with_different_offsets_cannot_be_resumed_by_mistake(url, tmp_path, capsys):
    first, second = str(tmp_path / "a.db"), str(tmp_path / "b.db")
    learn(first, sales(5), name="same")
    learn(second, sales(9), name="same")
    (warning,) = stream.merge([first, second], url).warnings
    assert "'same' has different offsets" in warning
    where = "had read 'same' up to different positions"
    with open_store(url) as store, pytest.raises(StoreError, match=where):
        Pipeline(Listed([], name="same"), [TRUTH], store)
    assert run_command(capsys, "reset", url, "--source", "same", "--yes")[0] == 0
    assert sum(s.n_samples for s in learn(url, sales(9), name="same")["truth"].values()) == 23
    other = str(tmp_path / "c.db")
    copy = shutil.copy(first, tmp_path / "d.db")
    (warning,) = stream.merge([first, str(copy)], other).warnings
    assert "these are now counted twice" in warning


# export


def test_an_export_is_atomic(tmp_path, capsys, monkeypatch):
    url = str(tmp_path / "b.db")
    learn(url, sales())
    target = tmp_path / "out.csv"
    target.write_text("old")
    with open_store(url) as store:
        store.acquire()
        row = next(store.states("truth"))._replace(key='["z"]', state='{"seqbayes":1}', used=99)
        store.commit(Changes("listed", 60, 0, [row]))
    status, _, err = run_command(capsys, "export", url, target)
    assert (status, 'the stored state of ["z"] of belief' in err) == (4, True)
    assert target.read_text() == "old"
    assert not list(tmp_path.glob("*.part"))
    assert run_command(capsys, "export", url, tmp_path / "x.xlsx")[0] == 2
    assert run_command(capsys, "export", url, tmp_path / "no" / "x.csv")[0] == 2


@pytest.mark.parametrize("kind", ["store", "log", "linked", "relative"])
def test_an_export_never_replaces_its_own_store(kind, tmp_path, capsys, monkeypatch):
    url = str(tmp_path / "b.db")
    learn(url, sales())
    if kind == "linked":
        os.link(url, tmp_path / "hard")
        os.symlink(url, tmp_path / "soft")
    monkeypatch.chdir(tmp_path)
    names = {"store": [url], "log": [f"{url}-wal", f"{url}-shm"], "linked": ["hard", "soft"]}
    for name in names.get(kind, ["./b.db", f"../{tmp_path.name}/b.db"]):
        status, _, err = run_command(capsys, "export", url, name, "--format", "csv")
        assert (status, "belongs to the store" in err) == (2, True)
    assert run_command(capsys, "export", f"sqlite:{url}", url, "--format", "csv")[0] == 2
    assert len(list(stream.show(url))) == 3


def test_an_export_never_replaces_another_store(tmp_path, capsys):
    url, other = str(tmp_path / "b.db"), str(tmp_path / "b.partition-0.db")
    learn(url, sales())
    learn(other, sales())
    status, _, err = run_command(capsys, "export", url, other, "--format", "csv")
    assert (status, "is a database; choose another file" in err) == (2, True)
    assert len(list(stream.show(other))) == 3


@pytest.mark.parametrize("target", ["/dev/stdout", "link", "out.csv"])
@pytest.mark.parametrize("piped", [False, True])
def test_an_export_does_not_replace_standard_output(target, piped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    learn("b.db", sales())
    (tmp_path / "link").symlink_to("/dev/stdout")
    words = [sys.executable, "-m", "seqbayes", "export", "b.db", target, "--format", "csv"]
    with open("out.csv", "wb") as out:
        done = subprocess.run(
            words, stdout=subprocess.PIPE if piped else out, stderr=subprocess.PIPE, check=False
        )
    if piped and target == "out.csv":
        assert (done.returncode, (tmp_path / "out.csv").read_text().count("\n")) == (0, 4)
    else:
        reason = b"is not a regular file" if piped else b"is standard input or output"
        assert (done.returncode, reason in done.stderr) == (2, True)
        assert (tmp_path / "out.csv").read_bytes() == b""


def test_a_link_to_a_store_is_the_same_store(tmp_path, capsys):
    first = tmp_path / "a.db"
    learn(str(first), sales())
    (tmp_path / "hard.db").hardlink_to(first)
    (tmp_path / "soft.db").symlink_to(first)
    for other in ("hard.db", "soft.db"):
        status, _, err = run_command(
            capsys, "merge", first, tmp_path / other, "-o", tmp_path / "c.db"
        )
        assert (status, "expected at least two different stores" in err) == (2, True)
    assert not (tmp_path / "c.db").exists()


def test_an_export_replaces_only_regular_files(tmp_path, capsys):
    url = str(tmp_path / "b.db")
    learn(url, sales())
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    for target in (pipe, folder, "/dev/null"):
        status, _, err = run_command(capsys, "export", url, target, "--format", "csv")
        assert (status, "not a regular file" in err) == (2, True)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    link, target = tmp_path / "link.csv", tmp_path / "target.csv"
    link.symlink_to(target)
    bystander = tmp_path / "target.csv.part"
    bystander.write_text("mine")
    assert run_command(capsys, "export", url, link)[0] == 0
    assert link.is_symlink()
    assert target.read_text().startswith("belief,key.k,")
    assert bystander.read_text() == "mine"


def test_a_missing_pyarrow_is_reported_with_the_install_command(tmp_path, monkeypatch, capsys):
    url = str(tmp_path / "b.db")
    learn(url, sales(3))
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    status, _, err = run_command(capsys, "export", url, tmp_path / "x.parquet")
    assert (status, "[parquet]'" in err) == (2, True)
    assert not (tmp_path / "x.parquet").exists()


# reset


def test_a_reset_deletes_only_its_target(url, capsys, monkeypatch):
    other = Belief("other", Beta(), field="x")
    learn(url, sales(), [TRUTH, other], collectors=[History(every=0.0)])
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    status, _, err = run_command(capsys, "reset", url, "truth", "a")
    assert (status, "pass --yes" in err) == (2, True)
    assert len(stored(url)) == 3
    assert run_command(capsys, "reset", url, "truth", "a", "--yes")[0] == 0
    assert set(stored(url)) == {'["b"]', '["c"]'}
    with open_store(url, "read") as store:
        assert store.history("truth", '["a"]') == []
        assert store.history("truth", '["b"]') != []
    assert run_command(capsys, "reset", url, "truth", "--yes")[1].endswith(
        "with all its keys, 2 keys\n"
    )
    with open_store(url, "read") as store:
        assert list(store.beliefs()) == ["other"]
        assert store.events("listed") == 60
    learn(url, [], Belief("truth", Beta(9, 9), field="x"))  # it can be declared again
    assert run_command(capsys, "reset", url)[0] == 2


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("no\n", 1), ("", 1)])
def test_a_reset_asks_for_confirmation_on_a_terminal(answer, status, tmp_path, capsys, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    url = str(tmp_path / "b.db")
    learn(url, sales())
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert run_command(capsys, "reset", url, "truth")[0] == status
    with open_store(url, "read") as store:
        assert store.entry_count("truth") == (3 if status else 0)


# dead letters


BAD = [
    b'{"x": true, "k": "a"}',
    b'{"x": true',
    b'{"y": true, "k": "a"}',
    b'{"x": true, "k": "b"}',
    b'{"y": false, "k": "b"}',
    b'{"y": 7, "k": "b"}',
    b'{"x": true, "k": "b", "z": "?"}',
]


def config(path, url, more="", field="x", source=None):
    events = path / "events.jsonl"
    if not events.exists():
        events.write_bytes(b"".join(line + b"\n" for line in BAD))
    file = path / "c.toml"
    file.write_text(
        f"""
        store = '{url}'
        source = {{ kind = "file", path = '{source or events}' }}
        [belief.truth]
        state = "beta"
        prior = {{ alpha = 2, beta = 3 }}
        field = "{field}"
        by = "k"
        {more}
        """
    )
    return file


def numbers(url):
    return [letter.number for letter in stream.dead_letters(url)]


def test_a_retry_learns_usable_dead_letters_exactly_once(url, tmp_path, capsys):
    assert cli.main(["run", str(config(tmp_path, url))]) == 0
    assert numbers(url) == [1, 2, 3, 4]
    fixed = config(tmp_path, url, field="y")
    for words, status in (((2, 2), 0), ((0, 2), 1)):
        capsys.readouterr()
        assert cli.main(["dead-letters", url, "--retry", str(fixed)]) == status
        used, left = words
        assert f"{used} used, {left} left" in capsys.readouterr().err
        states = {a.key["k"]: (a.state.n_samples, a.state.mle) for a in stream.show(url)}
        assert states == {"a": (2.0, 1.0), "b": (3.0, 2.0 / 3.0)}
        assert [(n.letter.raw) for n in stream.dead_letters(url)] == [BAD[1], BAD[5]]
    with open_store(url, "read") as store:
        assert [position.events for position in store.positions()] == [7]


def test_dead_letters_can_be_listed_and_deleted(url, tmp_path, capsys):
    cli.main(["run", str(config(tmp_path, url))])
    capsys.readouterr()
    status, out, _ = run_command(capsys, "dead-letters", url, "--json")
    letters = [json.loads(line) for line in out.splitlines()]
    assert [(each["number"], each["position"], each["belief"]) for each in letters] == [
        (1, 22, None),
        (2, 33, "truth"),
        (3, 77, "truth"),
        (4, 100, "truth"),
    ]
    assert letters[1]["raw"] == BAD[2].decode()
    assert letters[1]["reason"] == "field 'x' is missing"
    out = run_command(capsys, "dead-letters", url, "--top", "2")[1]
    assert out.endswith('{"y": 7, "k": "b"}\n4 dead letters, the last 2 shown\n')
    assert run_command(capsys, "dead-letters", url, "--drop", "2", "3", "--yes")[0] == 0
    assert numbers(url) == [1, 4]
    status, out, err = run_command(capsys, "dead-letters", url, "--source", "other")
    assert (status, out) == (1, "")
    assert "has no source 'other'" in err
    assert run_command(capsys, "dead-letters", url, "--drop", "--yes")[0] == 0
    assert numbers(url) == []


def test_a_retry_of_an_undecoded_event_is_learned_by_all_beliefs(tmp_path):
    url = str(tmp_path / "b.db")
    cli.main(["run", str(config(tmp_path, url))])
    with open_store(url) as store:
        store.acquire()
        source = store.positions()[0].source
        raw = b'{"x": true, "k": "c"}'
        store.commit(Changes(None, None, dead_letters=[DeadLetter(source, "9", "", raw, "odd")]))
    more = '[belief.other]\nstate = "beta"\nfield = "z"'
    done = stream.dead_letters(url).retry(stream.check(config(tmp_path, url, more)))
    assert (done.used, done.left) == (1, 4)
    assert [a.state.n_samples for a in stream.show(url, "truth", "c")] == [1.0]
    last = list(stream.dead_letters(url))[-1].letter
    assert (last.belief, last.raw, last.reason) == ("other", raw, "field 'z' is missing")


def test_csv_cells_are_parsed_again(tmp_path):
    url = str(tmp_path / "b.db")
    events = tmp_path / "e.csv"
    events.write_text("x,y,k\ntrue,false,a\nmaybe,true,a\nfalse,true,b,c\n")
    cli.main(["run", str(config(tmp_path, url, source=events))])
    assert numbers(url) == [1, 2]
    done = stream.dead_letters(url).retry(stream.check(config(tmp_path, url, "", "y", events)))
    assert (done.used, done.left) == (1, 1)
    (answer,) = stream.show(url)
    assert answer.state.n_samples == 2.0


def test_an_interrupted_retry_learns_no_event_twice(durable_url, tmp_path, monkeypatch):
    path = config(tmp_path, durable_url)
    rows = lines(*({"y": i % 2 == 0, "k": "a"} for i in range(50)))
    (tmp_path / "events.jsonl").write_bytes(b"".join(row + b"\n" for row in rows))
    assert cli.main(["run", str(path)]) == 1
    fixed = stream.check(config(tmp_path, durable_url, field="y"))
    monkeypatch.setattr("seqbayes.stream.verbs.dead_letters.CHUNK", 20)
    with open_store(durable_url, "read") as store:
        kind = type(store)
    apply, calls = kind.apply, []

    def broken(self, changes, at):
        apply(self, changes, at)
        calls.append(changes)
        if len(calls) in (2, 4):
            raise StoreError("the process was interrupted")

    monkeypatch.setattr(kind, "apply", broken)
    for used, left in ((20, 30), (40, 10)):
        with pytest.raises(StoreError, match="interrupted"):
            stream.dead_letters(durable_url).retry(fixed)
        assert [a.state.n_samples for a in stream.show(durable_url)] == [used]
        assert len(numbers(durable_url)) == left
    stream.dead_letters(durable_url).retry(fixed)
    (answer,) = stream.show(durable_url)
    assert (answer.state.n_samples, answer.state.mle) == (50.0, 0.5)
    assert numbers(durable_url) == []


def test_verbs_from_a_configuration(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [path.name for path in stream.init()] == ["seqbayes.toml", "events.jsonl"]
    assert [belief.name for belief in stream.check("seqbayes.toml").beliefs] == [
        "conversion",
        "seconds",
    ]
    assert stream.run("seqbayes.toml", once=True).events == 24
    assert len(list(stream.show("beliefs.db"))) == 4
    with pytest.raises(MissingError):
        list(stream.show("beliefs.db", "none"))


def test_show_and_predict_title_keys_alike(url, capsys):
    pooled = Belief("pooled", Beta(), field="x", by=["k", "l"], max_keys=1, over="pool")
    beliefs = [Belief("all", Beta(), field="x"), Belief("one", Beta(), field="x", by="k"), pooled]
    learn(url, lines({"x": True, "k": "", "l": "v"}, {"x": True, "k": "u", "l": ""}), beliefs)
    assert run_command(capsys, "predict", url, "all")[1].startswith("all all: n = 2\n")
    assert run_command(capsys, "predict", url, "one", "")[1].startswith("one (empty): n = 1\n")
    assert run_command(capsys, "predict", url, "pooled", "--rest")[1].startswith(
        "pooled (rest): n = 1\n"
    )
    out = run_command(capsys, "show", url)[1]
    for key in ("all", "(empty)", "(empty) / v", "(rest)"):
        assert re.search(rf"^{re.escape(key)} ", out, re.MULTILINE), (key, out)
    assert (
        list(csv.reader(run_command(capsys, "show", url, "one", "--csv")[1].splitlines()))[1][1]
        == ""
    )


def test_a_reset_without_a_target_is_rejected(url, capsys):
    learn(url, sales())
    for words in (["--yes"], ["--rest", "--yes"], ["truth", "--source", "listed", "--yes"]):
        status, _, err = run_command(capsys, "reset", url, *words)
        assert (status, "name what to reset" in err) == (2, True)
    assert stored(url)


def test_dead_letters_of_another_source_are_not_deleted(url, capsys):
    learn(url, lines({"truth": 5, "k": "a"}), name="one")
    learn(url, lines({"truth": 5, "k": "a"}, {"truth": 6, "k": "a"}), name="two")
    first, *others = [letter.number for letter in stream.dead_letters(url)]
    assert stream.dead_letters(url, "two").drop([first]) == 0
    assert stream.dead_letters(url, "two").drop() == len(others) == 2
    assert run_command(capsys, "dead-letters", url, "--drop", str(first), "--yes")[0] == 0
    assert list(stream.dead_letters(url)) == []


def test_a_count_of_one_uses_the_singular(url, capsys):
    learn(url, lines({"x": True, "k": "a"}))
    assert "listed: 1 event, last commit" in run_command(capsys, "show", url)[1]
