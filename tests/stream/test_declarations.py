"""Beliefs that a store has with the former default prior of their family."""

import msgspec
import pytest
from memory import Listed, lines

from seqbayes import Decayed, NormalInverseGamma, Product, cli, stream
from seqbayes.likelihoods import LogNormal
from seqbayes.river import ConjugateLinearRegression, ConjugateNB
from seqbayes.stream import Belief, Pipeline, open_store
from seqbayes.stream.config import parse_config
from seqbayes.stream.stores import DeclarationError

# as version 0.1 wrote it for a declaration without a prior
FORMER = {"prior_mean": 0.0, "kappa": 1.0, "alpha": 1.0, "beta": 1.0}
STATE = {
    "seqbayes": 1,
    "family": "NormalInverseGamma",
    "prior": FORMER,
    "likelihood": ["Normal", {"pairs": []}],
    "statistics": [0.0] * 9,
    "seed": None,
}
DECAYED = {"seqbayes": 1, "decayed": "events", "half_life": 100.0, "clock": 0.0, "state": STATE}
PRODUCT = {
    "seqbayes": 1,
    "family": "Product",
    "fields": {"pairs": [["x", STATE]]},
    "statistics": [0.0, 0.0],
    "seed": None,
}
FORMS = {
    "plain": (STATE, NormalInverseGamma()),
    "log-normal": (
        STATE | {"likelihood": ["LogNormal", {"pairs": []}]},
        NormalInverseGamma(likelihood=LogNormal()),
    ),
    "decayed": (DECAYED, Decayed(NormalInverseGamma(), 100.0)),
    "product": (PRODUCT, Product({"x": NormalInverseGamma()})),
}


def declare(url, state):
    with open_store(url) as store, store.transaction():
        text = msgspec.json.encode({"state": state, "by": ["k"]}).decode()
        store.write_declaration("b", text)


def declared(url):
    with open_store(url, "read") as store:
        return store.beliefs()["b"]["state"]


@pytest.mark.parametrize("form", FORMS)
def test_a_declaration_without_a_prior_keeps_the_stored_prior(form, tmp_path):
    url = str(tmp_path / "b.db")
    stored, state = FORMS[form]
    declare(url, stored)
    belief = Belief("b", state, field=() if form == "product" else "x", by="k")
    for xs in ([4.0], [6.0, 8.0]):
        records = lines(*({"x": x, "k": "a"} for x in xs))
        source = Listed(records)
        source.name = str(xs)
        with Pipeline(source, [belief], open_store(url)) as pipeline:
            list(pipeline)
        (notice,) = pipeline.notices
        assert "keeps its stored prior" in notice
    assert declared(url) == stored
    (found,) = stream.show(url, "b")
    if form == "plain":  # kappa = 1 + 3, and the mean of 0, 4, 6 and 8
        assert (found.state.posterior.kappa, found.state.posterior.mean) == (4.0, 4.5)


@pytest.mark.parametrize(
    "state",
    [
        NormalInverseGamma(0, 1, 1, 2),
        NormalInverseGamma(1.0),
        NormalInverseGamma(likelihood=LogNormal()),
    ],
)
def test_a_different_declaration_is_rejected_with_the_difference(state, tmp_path):
    url = str(tmp_path / "b.db")
    declare(url, STATE)
    with (
        open_store(url) as store,
        pytest.raises(DeclarationError, match=r"state\.(prior\.|likelihood)"),
    ):
        Pipeline(Listed([]), [Belief("b", state, field="x", by="k")], store)
    assert declared(url) == STATE


def test_error_names_a_difference_within_a_product(tmp_path):
    url = str(tmp_path / "b.db")
    declare(url, PRODUCT)
    belief = Belief("b", Product({"x": NormalInverseGamma(beta=3)}), by="k")
    message = r"state\.fields\.pairs\[0\]\[1\]\.prior\.beta is 1\.0, not 3\.0"
    with open_store(url) as store, pytest.raises(DeclarationError, match=message):
        Pipeline(Listed([]), [belief], store)


def test_adding_a_title_later_keeps_the_stored_prior(tmp_path):
    url = str(tmp_path / "b.db")
    declare(url, STATE)
    config = """
    store = "unused.db"
    source = { kind = "stdin" }
    belief.b = { state = "normal-inverse-gamma", field = "x", by = "k", title = "Waits" }
    """
    (belief,) = parse_config(config.encode()).beliefs
    for _ in range(2):
        with Pipeline(Listed([]), [belief], open_store(url)) as pipeline:
            assert len(pipeline.notices) == 1
    assert declared(url) == STATE


def test_a_new_store_uses_the_current_default(tmp_path):
    url = str(tmp_path / "b.db")
    with Pipeline(Listed([]), [Belief("b", NormalInverseGamma(), field="x")], open_store(url)) as p:
        assert p.notices == []
    assert declared(url)["prior"]["alpha"] == 0.5


def test_run_and_retry_continue_with_the_stored_prior(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    declare("b.db", STATE)
    (tmp_path / "e.jsonl").write_text('{"x": 4, "k": "a"}\n{"x": "6", "k": "a"}\n')
    text = """
    store = "b.db"
    source = { kind = "file", path = "e.jsonl" }
    belief.b = { state = "normal-inverse-gamma", field = "x", by = "k" }
    """
    (tmp_path / "c.toml").write_text(text)
    assert cli.main(["run", "c.toml"]) == 0
    assert "belief 'b' keeps its stored prior" in capsys.readouterr().err
    assert cli.main(["dead-letters", "b.db", "--retry", "c.toml"]) == 1
    assert declared("b.db") == STATE
    (tmp_path / "c.toml").write_text(text.replace("field", "prior = { kappa = 2 }, field"))
    assert cli.main(["run", "c.toml"]) == 2
    assert "state.prior.kappa is 1.0, not 2.0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("former", "present", "changed"),
    [
        (
            ConjugateLinearRegression(0.01, alpha=2.0),
            ConjugateLinearRegression(alpha=2.0),
            ConjugateLinearRegression(0.02, alpha=2.0),
        ),
        (
            ConjugateNB({"n": "count"}, temper=False),
            ConjugateNB({"n": "count"}),
            ConjugateNB({"n": "count"}, strength=2.0),
        ),
    ],
    ids=["regression", "naive Bayes"],
)
def test_an_estimator_keeps_the_former_defaults_of_its_parameters(
    former, present, changed, tmp_path
):
    url = str(tmp_path / "b.db")
    declare(url, former.to_dict())
    options = {"features": ("n",), "field": "y", "by": "k"}
    belief = Belief("b", present, **options)
    with Pipeline(Listed(lines({"n": 2, "y": 3, "k": "a"})), [belief], open_store(url)) as pipeline:
        list(pipeline)
    (notice,) = pipeline.notices
    assert "keeps its stored parameters" in notice
    assert declared(url) == former.to_dict()
    other = Belief("b", changed, **options)
    with open_store(url) as store, pytest.raises(DeclarationError):
        Pipeline(Listed([]), [other], store)
