"""Configurations: every error is listed before anything runs."""

import re
import sys
from pathlib import Path

import pytest
from memory import Lines, Listed, lines

from seqbayes import (
    Beta,
    Dirichlet,
    Gamma,
    Normal,
    NormalInverseGamma,
    NormalInverseWishart,
    PriorError,
    Product,
    registry,
)
from seqbayes.cli import main
from seqbayes.events.durations import parse_duration, parse_half_life
from seqbayes.forgetting import Decayed
from seqbayes.likelihoods import Binomial, Exponential, Geometric, MultivariateNormal
from seqbayes.mixture import DirichletProcessMixture, Mixture
from seqbayes.model import TableForm
from seqbayes.river import ConjugateNB, MixtureDiscriminant
from seqbayes.stream import Belief, Pace, Pipeline, Times, open_store
from seqbayes.stream.config import load_config, parse_config
from seqbayes.stream.schema import ConfigError

BASE = 'store = "a.db"\nsource = { kind = "lines", path = "x" }\n'


def belief(text):
    """Return the belief that the lines of a belief declare."""
    return parse_config(f"{BASE}[belief.b]\n{text}".encode()).beliefs[0]


def errors(text):
    with pytest.raises(ConfigError) as caught:
        parse_config(text.encode() if isinstance(text, str) else text)
    return caught.value.errors


def test_a_complete_configuration_is_read():
    config = parse_config(
        b"""
        store = "postgresql://me@there/db"
        source = { kind = "lines", path = "x.jsonl", pause = 1 }
        dead_letters = { most = 7 }
        commit = { every = "2 s", events = 10, keys = 20 }
        history = { every = "1 h", keys = 3, points = 4 }
        [belief.a]
        state = "beta"
        field = "x"
        by = ["k", "l"]
        weight = "w"
        where = { type = ["click", "tap"], ok = true }
        half_life = "7d"
        time = "t"
        time_unit = "ms"
        missing = "clock"
        late = "1 week"
        future = "never"
        max_keys = 5
        over = "pool"
        [belief."a b"]
        state = "gamma"
        field = "n"
        """
    )
    first, second = config.beliefs
    assert first == Belief(
        "a",
        Decayed(Beta(), 604800.0, by="time"),
        field="x",
        by=("k", "l"),
        weight="w",
        time="t",
        times=Times(1e-3, "clock", 604800.0, None),
        where={"type": ["click", "tap"], "ok": True},
        max_keys=5,
        over="pool",
    )
    assert (second.name, second.state) == ("a b", Gamma())
    assert config.pace == Pace(2.0, 10, 20)
    assert config.history == {"every": 3600.0, "keys": 3, "points": 4}
    assert config.most_dead_letters == 7
    assert config.store == "postgresql://me@there/db"
    assert config.source == (Lines, {"path": "x.jsonl", "pause": 1.0})


def test_omitted_options_have_defaults():
    config = parse_config(f'{BASE}history = false\nbelief.b = {{state="beta", field="x"}}'.encode())
    assert config.beliefs == [Belief("b", Beta(), field="x")]
    assert config.pace == Pace()
    assert config.history is None


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ('state = "beta"\nprior = { alpha = 2, beta = 0.5 }', Beta(2, 0.5)),
        ('state = "Beta"\nprior = "alpha=2,beta=0.5"', Beta(2, 0.5)),
        ('state = "beta"\nprior = "jeffreys"', Beta.jeffreys()),
        (
            'state = "beta"\nprior = { from = "from-mean", mean = 0.2, strength = 9 }',
            Beta.from_mean(0.2, 9),
        ),
        ('state = "beta"\nlikelihood = "geometric"', Beta(likelihood=Geometric())),
        (
            'state = "beta"\nlikelihood = { name = "binomial", trials = 10 }',
            Beta(likelihood=Binomial(trials=10)),
        ),
        ('state = "dirichlet"\ncategories = ["a", "b"]', Dirichlet.flat(["a", "b"])),
        (
            'state = "dirichlet"\nprior = { red = 3, "a,b" = 1.5 }',
            Dirichlet({"red": 3, "a,b": 1.5}),
        ),
        ('state = "normal-inverse-gamma"', NormalInverseGamma()),
        ('state = "beta"\nhalf_life = "1000 events"', Decayed(Beta(), 1000.0)),
    ],
)
def test_states(text, state):
    assert belief(f'field = "x"\n{text}').state == state


def test_states_of_several_fields():
    both = belief('state="product"\nfields={x={state="beta"}, n={state="gamma", prior="jeffreys"}}')
    assert both.state == Product({"x": Beta(), "n": Gamma.jeffreys()})
    assert both.slots == [("x", "boolean"), ("n", "number")]
    vector = belief('state="normal-inverse-wishart"\nfield="v"\nprior={prior_mean=[0, 1]}')
    assert vector.state == NormalInverseWishart([0, 1])
    text = 'state="normal-inverse-wishart"\nfield=["v","w"]\nprior={prior_mean=[0, 1], kappa=2}'
    named = MultivariateNormal(features=("v", "w"))
    assert belief(text).state == NormalInverseWishart([0, 1], kappa=2, likelihood=named)
    assert belief(text).slots == [("v", "number"), ("w", "number")]


def test_estimators():
    model = belief(
        'state="conjugate-nb"\nfield="y"\nfeatures=["a", "b"]\n'
        'parameters={strength=2.0, features={a="count"}}'
    )
    assert model.state.to_dict() == ConjugateNB({"a": "count"}, strength=2.0).to_dict()
    assert model.slots == [("a", "feature"), ("b", "feature"), ("y", "label")]
    mixtures = belief(
        'state="mixture-discriminant"\nfield="y"\nfeatures=["a"]\nparameters={components=2, seed=1}'
    )
    assert mixtures.state.to_dict() == MixtureDiscriminant(2, seed=1).to_dict()
    for text, error in [
        ("", "belief.b.features: required, but missing"),
        ('features=["a"]\nparameters={colour=1}', "belief.b.parameters: .*'colour'"),
        ('features=["a"]\nparameters={strength=-1}', "belief.b.parameters: expected strength > 0"),
        ('features=["a"]\nhalf_life=3', "belief.b.half_life: cannot be combined with"),
    ]:
        found = errors(f'{BASE}[belief.b]\nstate="conjugate-nb"\nfield="y"\n{text}')
        assert any(re.search(error, each) for each in found), found


def test_the_default_seed_is_zero():
    plain = belief(MIXTURE.replace("seed = 3", "")).state
    assert plain == Mixture({"low": Normal(0, 1), "high": Normal(9, 1)}, [0.4, 0.6], seed=0)
    assert belief(OPEN_MIXTURE.replace("seed = 3", "")).state.seed == 0
    text = 'state="mixture-discriminant"\nfield="y"\nfeatures=["a"]'
    assert belief(text).state.to_dict() == MixtureDiscriminant(seed=0).to_dict()


def test_pairs_have_two_fields():
    two = belief('state = "beta"\nlikelihood = "binomial"\nfield = ["sold", "shown"]')
    assert two.state == Beta(likelihood=Binomial(trials=None))


MIXTURE = """
state = "mixture"
field = "x"
weights = [0.4, 0.6]
seed = 3
[belief.b.components.low]
state = "normal"
prior = { prior_mean = 0, prior_variance = 1 }
[belief.b.components.high]
state = "normal"
prior = { prior_mean = 9, prior_variance = 1 }
"""


def test_a_mixture_learns_from_a_stream(tmp_path):
    declared = belief(MIXTURE)
    normals = {"low": Normal(0, 1), "high": Normal(9, 1)}
    assert declared.state == Mixture(normals, [0.4, 0.6], seed=3)
    records = lines(*({"x": 9.0 * (i % 3 == 0) + (i % 7) / 7} for i in range(400)), {"x": "a"})
    url = str(tmp_path / "b.db")
    wanted = Mixture(normals, [0.4, 0.6], seed=3)
    for i in range(400):
        wanted.learn_one(9.0 * (i % 3 == 0) + (i % 7) / 7)
    for cut in (5, 40, 230, 401):
        source = Listed(records[:cut], size=50)
        with Pipeline(source, [declared], open_store(url)) as pipeline:
            list(pipeline)
    store = open_store(url)
    ((_, letter, _),) = store.letters()
    assert letter.position == "400"
    store.close()
    assert pipeline.tables["b"].states[()].to_dict() == wanted.to_dict()


PRODUCTS = """
state = "mixture"
seed = 3
[belief.b.components.short]
state = "product"
fields.seconds = { state = "gamma", prior = { shape = 2, rate = 1 }, likelihood = "exponential" }
fields.bought = { state = "beta" }
[belief.b.components.long]
state = "product"
fields.seconds = { state = "gamma", prior = { shape = 2, rate = 99 }, likelihood = "exponential" }
fields.bought = { state = "beta" }
"""

VECTORS = """
state = "mixture"
field = ["x", "y"]
seed = 3
components.left = { state = "normal-inverse-wishart", prior = { prior_mean = [-5, 0] } }
components.right = { state = "normal-inverse-wishart", prior = { prior_mean = [5, 0] } }
"""


def wishart(x):
    return NormalInverseWishart([x, 0], likelihood=MultivariateNormal(features=("x", "y")))


def product(rate):
    seconds = Gamma(2, rate, likelihood=Exponential())
    return Product({"seconds": seconds, "bought": Beta()})


@pytest.mark.parametrize(
    ("text", "states", "events"),
    [
        (
            PRODUCTS,
            {"short": product(1), "long": product(99)},
            [{"seconds": 1.0 + 99.0 * (i % 3 == 0), "bought": i % 3 == 0} for i in range(300)],
        ),
        (
            VECTORS,
            {"left": wishart(-5), "right": wishart(5)},
            [{"x": 5.0 * (-1) ** (i % 3) + i % 7 / 7, "y": i % 5 / 5} for i in range(300)],
        ),
    ],
)
def test_mixtures_of_products_and_of_vectors_learn_from_a_stream(tmp_path, text, states, events):
    declared = belief(text)
    wanted = Mixture(states, seed=3)
    assert declared.state == wanted
    wanted.learn_many(events)
    records = lines(*events, {"x": "a", "seconds": 1})
    url = str(tmp_path / "b.db")
    for cut in (150, 301):
        with Pipeline(Listed(records[:cut], size=50), [declared], open_store(url)) as pipeline:
            list(pipeline)
    learned = pipeline.tables["b"].states[()]
    assert learned.weights == pytest.approx(wanted.weights, rel=0.05)
    assert min(learned.weights) > 0.3


def test_a_product_within_a_product():
    inner = 'fields.a = {state = "product", fields.x = {state = "beta"}}'
    found = belief(f'state = "product"\nfields.y = {{state = "beta"}}\n{inner}')
    assert found.state == Product({"y": Beta(), "a": Product({"x": Beta()})})


def test_components_of_mixtures_can_have_heavy_tails():
    part = '{state = "normal-inverse-gamma", prior = {prior_mean = 0, kappa = 1}}'
    text = f'state = "mixture"\nfield = "x"\ndf = 4\ncomponents = {{a = {part}, b = {part}}}'
    assert belief(text).state.df == 4
    assert belief(text.replace("df = 4", 'df = "learned"')).state.df == "learned"
    assert belief(OPEN_MIXTURE.replace("seed", "df = 3.5\nseed")).state.df == 3.5
    assert errors(f"{BASE}[belief.b]\n{text.replace('df = 4', 'df = -1')}") == [
        "belief.b.df: expected df > 0, got -1.0"
    ]


OPEN_MIXTURE = """
state = "dirichlet-process-mixture"
field = "x"
concentration = 0.5
most = 4
seed = 3
[belief.b.component]
state = "normal-inverse-gamma"
prior = { prior_mean = 0, kappa = 0.1, alpha = 2, beta = 1 }
"""


def test_a_dirichlet_process_mixture_is_resumed_by_the_next_run(tmp_path):
    declared = belief(OPEN_MIXTURE)
    wanted = DirichletProcessMixture(NormalInverseGamma(0, 0.1, 2, 1), 0.5, 4, 3)
    assert declared.state == wanted
    events = [{"x": 40.0 * (i % 3 == 0) + (i % 7) / 7} for i in range(600)]
    for event in events:
        wanted.learn_one(event["x"])
    url = str(tmp_path / "b.db")
    for cut in (5, 290, 600):
        with Pipeline(Listed(lines(*events[:cut]), size=50), [declared], open_store(url)) as run:
            list(run)
    assert run.tables["b"].states[()].to_dict() == wanted.to_dict()
    assert len(wanted.names) == 2


def test_every_error_is_listed():
    found = errors(
        """
        stor = "a.db"
        dead_letters = 3
        [source]
        kind = "lines"
        paht = "x"
        pause = "long"
        [commit]
        every = "soon"
        keys = 0
        [history]
        keys = "many"
        [belief.a]
        state = "bta"
        field = "x"
        halflife = 3
        [belief.b]
        state = "beta"
        prior = { alpha = -1 }
        where = { x = [1, {}] }
        [belief.c]
        state = "beta"
        likelihood = { name = "binomial", trials = 10, colour = 3 }
        field = "x"
        [belief.d]
        field = 3
        [belief.e]
        state = "beta"
        field = "x"
        half_life = "7d"
        [belief.f]
        state = "gamma"
        field = "x"
        over = "explode"
        [belief.g]
        state = "normal"
        prior = { prior_mean = "x" }
        field = "x"
        time_unit = "years"
        late = "soon"
        """
    )
    for key, text in [
        ("stor", "unknown key: did you mean 'store'?"),
        ("store", "required, but missing"),
        ("dead_letters", "expected"),
        ("source.paht", "unknown key: did you mean 'path'?"),
        ("source.path", "required, but missing"),
        ("source.pause", "expected a number, got a string"),
        ("commit.every", "expected a duration such as"),
        ("commit.keys", "above 0"),
        ("history.keys", "expected a whole number, got a string"),
        ("belief.a.halflife", "unknown key: did you mean 'half_life'?"),
        ("belief.b.where.x[1]", "expected"),
        ("belief.c.likelihood", "has no parameter 'colour'"),
        ("belief.d.state", "required, but missing"),
        ("belief.d.field", "expected a string or a list, got a whole number"),
        (
            "belief.e",
            "has a half-life in time or windows, and requires 'time', the field of the event time",
        ),
        ("belief.f.over", "expected 'refuse' or 'drop' or 'pool', got 'explode'"),
        ("belief.g.time_unit", "expected 's' or 'ms' or 'us' or 'ns', got 'years'"),
        ("belief.g.prior", "expected a number as prior_mean, got 'x'"),
        ("belief.g.late", "expected a duration such as"),
        ("belief.a.state", "no state 'bta': did you mean 'beta'?"),
        ("belief.b.prior", "expected alpha >= 0, got -1"),
    ]:
        assert any(each.startswith(f"{key}: ") and text in each for each in found), (key, found)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("store = ", r"line 1"),
        ("store = 'a'\nstore = 'b'", "line 2"),
        (b"store = 'a'\n\nx = '\xff'", "line 3: not UTF-8"),
        (f"{BASE}belief = {{}}", "belief: expected at least one"),
        (f"{BASE}belief = {{}}\nhistory = true", "history: expected a table, got True"),
        (f"{BASE}belief = 3", "belief: expected a table, got a whole number"),
        (
            "store = 'a'\nbelief = {}\nsource = {}",
            r"source.kind: required, but missing; expected one of .*lines",
        ),
        (
            "store = 'a'\nbelief = {}\nsource = {kind = 'x'}",
            "source.kind: unknown kind 'x'; expected",
        ),
        (
            f"{BASE}belief.b = {{state = 'bta', field = 'x'}}",
            "belief.b.state: no state 'bta': did you mean 'beta'\\?",
        ),
        (
            f"{BASE}belief.b = {{state = 'x', field = 'x'}}",
            "belief.b.state: no state 'x'; expected one of",
        ),
        (f"{BASE}belief.\"\\n\" = {{state = 'beta', field = 'x'}}", "a printable name, got"),
        (f"{BASE}belief.b = {{state = 'beta', field = '\"'}}", "expected fields without quotes"),
        ("store = ''", "store: expected a file, or postgresql:"),
        ("store = 'postgresql://u:${NONE}@h/d'", "store: the environment has no variable 'NONE'"),
        ("store = 'mysql://h/d'", "store: expected a file, or a URL with one of the schemes"),
        ("store = 'sqlite:///b.db'", "store: expected sqlite:PATH, such as sqlite:b.db"),
        ("store = 'postgresql://['", "store: invalid URL of a PostgreSQL database: "),
        (
            f"{BASE}belief.b = {{state = 'beta', field = 'x', weight = 'x'}}",
            "belief.b.weight: 'x' is also the observed field",
        ),
        (
            f"{BASE}belief.b = {{state = 'beta', field = 'x', late = '1h'}}",
            "belief.b.late: requires 'time', the field of the event time",
        ),
        (
            f"{BASE}belief.b = {{state = 'beta', field = 'x', prior = {{alpha = inf}}}}",
            "belief.b.prior: expected a finite alpha >= 0, got inf",
        ),
        (f"{BASE}belief.b = {{state = 'beta'}}", "belief.b: belief 'b' has no field to observe"),
        (
            f"{BASE}belief.b = {{state = 'beta', field = 'x', prior = {{alpha = -1}}}}",
            "belief.b.prior: expected alpha >= 0, got -1",
        ),
        (
            f"{BASE}belief.b = {{state = 'dirichlet', field = 'x'}}",
            "belief.b.prior: dirichlet needs its categories",
        ),
        (
            f"{BASE}belief.b = {{state = 'mixture', field = 'x', prior = 'flat'}}",
            "belief.b.prior: cannot be combined with state = 'mixture'",
        ),
        (
            f"{BASE}belief.b = {{state = 'dirichlet-process-mixture', field = 'x', most = 3}}",
            "belief.b.component.state: required, but missing",
        ),
        (
            f"{BASE}belief.b = {{state = 'dirichlet-process-mixture', field = 'x', most = 0,"
            " component = {state = 'normal', prior = {prior_mean = 0, prior_variance = 1}}}",
            "belief.b.most: expected most >= 1, got 0",
        ),
        (
            f"{BASE}belief.b = {{state = 'beta', field = 'x', weights = [1]}}",
            "belief.b.weights: cannot be combined with state = 'beta'",
        ),
        (
            f"{BASE}belief.b = {{state = 'mixture', field = 'x', components = [1]}}",
            "belief.b.components: expected a table, got a list",
        ),
        (
            f"{BASE}belief.b = {{state = 'mixture', components.a = {{state = 'produkt'}}}}",
            "belief.b.components.a.state: no state 'produkt': did you mean 'product'",
        ),
        (
            f"{BASE}belief.b = {{state = 'mixture', components.a = {{state = 'mixture'}}}}",
            "belief.b.components.a.state: no state 'mixture'; expected one of beta, .*, product",
        ),
        (
            f"{BASE}belief.b = {{state = 'mixture', components.a = {{state = 'product',"
            " fields = {x = {state = 'beta'}}, prior = {alpha = 1}}}",
            "belief.b.components.a.prior: cannot be combined with state = 'product'",
        ),
        (
            f"{BASE}belief.b = {{state = 'mixture', field = ['x', 'y'],"
            " components.a = {state = 'normal-inverse-wishart'}}",
            "belief.b.components.a.prior: expected a table with prior_mean",
        ),
        (
            f"{BASE}belief.b = {{state = 'beta', field = 'x', late = 0}}",
            "belief.b.late: expected a duration",
        ),
        (
            f"{BASE}belief.b = {{state = 'beta', field = 'x', time = 't'}}",
            "belief.b: belief 'b' has an event time, which requires a half-life in time or a",
        ),
        (
            f"{BASE}belief.b = {{state = 'beta', field = 'x', better = 'hihger'}}",
            "belief.b.better: expected 'higher' or 'lower', got 'hihger': did you mean 'higher'",
        ),
        (
            f"{BASE}belief.b = {{state = 'beta', field = 'x', control = 'a'}}",
            "belief.b.control: the belief has no keys; set `by`",
        ),
        (
            f"{BASE}belief.b = {{state = 'beta', field = 'x', by = ['k', 'l'], control = 'a'}}",
            r"belief.b.control: expected a value for each of k, l, got \['a'\]",
        ),
        (
            f"{BASE}belief.b = {{state = 'beta', field = 'x', threshold = 20}}",
            "belief.b.threshold: expected a share between 0 and 1, got 20",
        ),
        (
            f"{BASE}belief.b = {{state = 'normal-inverse-gamma', field = 'x',"
            " likelihood = 'log-normal', threshold = 0}",
            "belief.b.threshold: expected a number above 0, got 0",
        ),
        (
            f"{BASE}belief.b = {{state = 'beta', field = 'x', equivalence = 0}}",
            "belief.b.equivalence: expected a number above 0, got 0",
        ),
        (
            f"{BASE}belief.b = {{state = 'beta', field = 'x', by = 'k',"
            " planned = {A = 0, B = 1}}",
            "belief.b.planned: expected weights above 0 for two or more keys",
        ),
        (
            f"{BASE}belief.b = {{state = 'beta', field = 'x', planned = {{A = 1, B = 1}}}}",
            "belief.b.planned: the belief must have one key field",
        ),
        (
            f"{BASE}belief.b = {{state = 'gamma', field = 'x', equivalence = nan}}",
            "belief.b.equivalence: expected a number above 0, got nan",
        ),
        (
            f"{BASE}belief.b = {{state = 'mixture', components.a = {{state = 'beta'}},"
            " field = 'x', threshold = 0.5}",
            "belief.b.threshold: only beliefs about one number or about labels can be compared",
        ),
        (
            f"{BASE}belief.b = {{state = 'beta', field = 'x', titel = 'X'}}",
            "belief.b.titel: unknown key: did you mean 'title'",
        ),
    ],
)
def test_errors_name_their_path(text, error):
    found = errors(text)
    assert any(re.search(error.replace("${", r"\${"), each) for each in found), found


def test_a_byte_order_mark_is_ignored():
    text = f"{BASE}belief.b = {{state = 'beta', field = 'x'}}"
    assert parse_config(b"\xef\xbb\xbf" + text.encode()) == parse_config(text.encode())


@pytest.mark.parametrize(
    ("kind", "client"), [("redis", "redis"), ("nats", "nats"), ("kafka", "confluent_kafka")]
)
def test_a_missing_client_library_is_reported(kind, client, monkeypatch):
    monkeypatch.setitem(sys.modules, client, None)
    for name in (kind, f"{kind}_feed"):
        monkeypatch.delitem(sys.modules, f"seqbayes.stream.sources.{name}", raising=False)
    (found,) = errors(
        f"store = 'a'\nsource = {{kind = '{kind}'}}\nbelief.b = {{state='beta', field='x'}}"
    )
    assert found.startswith("source.kind: ")
    assert found.endswith(f"[{kind}]'")


@pytest.mark.parametrize(
    ("source", "response"),
    [
        (
            'kind = "file", path = "x", delimiter = "ab"',
            "expected one character as delimiter, got 'ab'",
        ),
        ('kind = "redis", url = "http://h", stream = "s"', "expected url 'redis://host:port/db'"),
        ('kind = "file", path = "x", delimiter = ";"', "a delimiter requires CSV"),
        ('kind = "redis", url = "redis://:sEkret#@h", stream = "s"', "expected a port from"),
        ('kind = "redis", url = "redis://h/shop", stream = "s"', "the number of a database"),
        (
            'kind = "redis", url = "redis://h?pasword=sEkret", stream = "s"',
            "unknown option 'pasword' in the URL: did you mean 'password'?",
        ),
        ('kind = "nats", url = "nats://a:sEkret@h:x", stream = "s"', "expected a port from"),
        ('kind = "kafka", brokers = "a:1,h:x", topic = "s"', "expected a port from"),
        (
            'kind = "query", url = "postgresql://a:sEkret/1@h/d", query = "t", cursor = "id"',
            "expected a port from",
        ),
        (
            'kind = "query", url = "mysql://a:sEkret@h/d", query = "t", cursor = "id"',
            "expected an SQLite file or postgresql://…, got mysql://…",
        ),
        (
            'kind = "query", url = "a.db", query = "delete from t", cursor = "id"',
            "expected a SELECT statement or the name of a table, got 'delete from t'",
        ),
        ('kind = "query", url = "a.db", query = " ", cursor = "id"', "got ' '"),
        ('kind = "directory", path = "/dev/null"', "/dev/null is not a directory"),
        ('kind = "directory", path = "x", pattern = "a/*.csv"', "a pattern of file names"),
        ('kind = "http", linger = -1', "expected 'linger' >= 0 seconds"),
        ('kind = "stdin", format = "parquet"', "or 'msgpack', got 'parquet'"),
        ('kind = "directory", path = "x", pattern = "*.parquet"', "only from a single file"),
        ('kind = "directory", path = "x", pattern = "*.avro"', "only from a single file"),
        ('kind = "redis", url = "redis://h", stream = ""', "expected the key of a stream"),
        ('kind = "redis", url = "redis://${NONE}@h", stream = "s"', "no variable 'NONE'"),
        ('kind = "nats", url = "h:4222", stream = "s"', "expected url 'nats://host:port'"),
        ('kind = "nats", url = "nats://h", stream = "a.b"', "expected the name of a stream"),
        ('kind = "nats", url = "nats://h", stream = "s", patience = 0', "'patience' above 0"),
        ('kind = "kafka", brokers = "h", topic = "t", partitions = [-1]', "such as [0, 1]"),
        (
            'kind = "kafka", brokers = "h", topic = "t", settings = { "group.id" = "g" }',
            "setting 'group.id' cannot be set: it is determined by group",
        ),
        ('kind = "kafka", brokers = "h", topic = "t", settings = { "no.such" = 1 }', "no.such"),
    ],
)
def test_options_of_sources_are_checked(source, response, monkeypatch):
    monkeypatch.delenv("NONE", raising=False)
    (found,) = errors(
        f"store = 'a'\nsource = {{ {source} }}\nbelief.b = {{state='beta', field='x'}}"
    )
    assert found.startswith("source")
    assert response in found
    assert "sEkret" not in found


def test_errors_name_the_file(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text("x = 1")
    with pytest.raises(ConfigError, match=r"my.toml has 4 errors:\n  x: unknown key"):
        load_config(path)
    with pytest.raises(FileNotFoundError):
        load_config(tmp_path / "other.toml")


def test_a_configuration_runs(tmp_path):
    events = tmp_path / "e.jsonl"
    events.write_bytes(b"\n".join(lines({"x": True}, {"x": False})))
    text = f"""
        store = '{tmp_path / "b.db"}'
        source = {{ kind = "lines", path = '{events}' }}
        belief.b = {{ state = "beta", field = "x" }}
        """
    config = parse_config(text.encode())
    for _ in range(2):
        with config.open() as pipeline:
            list(pipeline)
        assert pipeline.tables["b"].states[()].n_samples == 2.0
    events.unlink()
    with pytest.raises(FileNotFoundError):
        config.open()
    events.write_bytes(b"")
    config.open().close()  # what failed to open has given the lease back


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (1.5, 1.5),
        ("90", 90.0),
        ("250 ms", 0.25),
        ("90s", 90.0),
        ("2 minutes", 120.0),
        ("1.5 h", 5400.0),
        ("7days", 604800.0),
        ("1 week", 604800.0),
    ],
)
def test_durations(given, seconds):
    assert parse_duration(given) == pytest.approx(seconds, rel=1e-15)
    assert parse_half_life(given)[1] == "time"


@pytest.mark.parametrize(
    "given", [0, -1, "", "x", "1 fortnight", "1 hh", "-3 s", True, None, "٣ s"]
)
def test_invalid_durations_are_rejected(given):
    with pytest.raises(PriorError, match="expected a duration"):
        parse_duration(given)


def test_the_initial_configuration_is_valid(tmp_path):
    import seqbayes.stream

    config = load_config(Path(seqbayes.stream.__file__).with_name("init.toml"))
    assert [belief.name for belief in config.beliefs] == ["conversion", "seconds"]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("concentration = 0", "concentration"),
        ("most = 0", "most"),
        ("df = 0", "df"),
        ("seed = 0", "seed"),
        ("weights = []", "weights"),
        ("components = {}", "components"),
        ("component = {}", "component"),
        ("fields = {}", "fields"),
        ("features = []", "features"),
        ("parameters = {}", "parameters"),
    ],
)
def test_keys_of_other_states_are_rejected_even_if_empty(text, key):
    assert errors(f"{BASE}[belief.b]\nstate = 'beta'\nfield = 'x'\n{text}") == [
        f"belief.b.{key}: cannot be combined with state = 'beta'"
    ]


def test_no_error_hides_another():
    found = errors(
        f"""{BASE}
        dead_letters = {{ most = -1 }}
        [belief.a]
        state = "beta"
        field = "x"
        prior = {{ alpha = -1 }}
        half_life = "soon"
        max_keys = 0
        by = ["k", "k"]
        where = {{ a = [], b = {{}} }}
        [belief.c]
        state = "dirichlet-process-mixture"
        field = "x"
        concentration = -1
        most = 0
        df = 0
        seed = -1
        component = {{ state = "normal", prior = {{ prior_variance = -1 }} }}
        [belief.m]
        state = "mixture"
        field = "x"
        weights = [0.5]
        components = {{ a = {{ state = "normal" }}, b = {{ state = "nrmal" }} }}
        [belief.n]
        state = "mixture-discriminant"
        field = "y"
        features = ["a", "a"]
        parameters = {{ seed = "x" }}
        [belief.o]
        field = "x"
        half_life = "soon"
        max_keys = -1
        """
    )
    assert {each.partition(": ")[0] for each in found} == {
        "dead_letters.most",
        *(f"belief.a.{key}" for key in ("prior", "half_life", "max_keys", "by", "where")),
        "belief.a.where.b",
        *(f"belief.c.{key}" for key in ("concentration", "most", "df", "seed", "component.prior")),
        *("belief.m.weights", "belief.m.components.b.state"),
        *("belief.n.features", "belief.n.parameters.seed"),
        *(f"belief.o.{key}" for key in ("state", "half_life", "max_keys")),
    }


@pytest.mark.parametrize(
    ("state", "key", "given"),
    [
        ("mixture", "components", ""),
        ("dirichlet-process-mixture", "component", "{ state = 'gamma', prior = 'jeffreys' }"),
    ],
)
def test_errors_name_invalid_mixture_components(state, key, given):
    text = f"state = '{state}'\nfield = 'x'\n{key} = {given or '{}'}"
    (found,) = errors(f"{BASE}[belief.b]\n{text}")
    assert found.startswith(f"belief.b.{key}: ")


def test_a_field_cannot_be_repeated():
    with pytest.raises(PriorError, match="b', by: expected each field once, got 'k' twice"):
        Belief("b", Beta(), field="x", by=["k", "k"])


class Box(NormalInverseWishart):
    """A family of another package, whose table differs from those of the built-in ones."""

    table_form = TableForm(("prior",))

    @classmethod
    def table_errors(cls, values):
        if "corner" not in values.get("prior", {}):
            yield "prior", "expected a corner"

    @classmethod
    def from_table(cls, values, names):
        return cls(values["prior"]["corner"], likelihood=MultivariateNormal(features=names))


class Pair(Product):
    """A family of another package whose parts are states."""

    table_form = TableForm(("fields",), states=("fields",), by_field=True)


@pytest.fixture
def other_families(monkeypatch):
    known = registry.families()
    monkeypatch.setattr(registry, "families", lambda: {**known, "Box": Box, "Pair": Pair})


def test_a_family_declares_the_schema_of_its_table(other_families):
    text = 'state = "box"\nfield = ["x", "y"]\nprior = { corner = [1.0, 2.0] }'
    assert belief(text).state == Box([1.0, 2.0], likelihood=MultivariateNormal(("x", "y")))
    text = """state = "pair"
    fields.x = { state = "box", prior = { corner = [3.0] } }
    fields.y = { state = "beta" }"""
    assert belief(text).state == Pair({"x": Box([3.0]), "y": Beta()})
    text = """state = "mixture"
    field = ["x", "y"]
    components.a = { state = "box", prior = { corner = [0.0, 0.0] } }
    components.b = { state = "box", prior = { corner = [9.0, 9.0] } }"""
    vector = MultivariateNormal(("x", "y"))
    parts = {name: Box([at] * 2, likelihood=vector) for name, at in (("a", 0.0), ("b", 9.0))}
    assert belief(text).state == Mixture(parts, seed=0)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('state = "box"\nfield = ["x", "y"]', "belief.b.prior: expected a corner"),
        (
            'state = "box"\nfield = ["x"]\nprior = { corner = "x" }',
            "belief.b.prior: expected",
        ),
        (
            'state = "box"\nfield = ["x"]\nprior = { corner = [1] }\nlikelihood = "normal"',
            "belief.b.likelihood: cannot be combined with state = 'box'",
        ),
        (
            'state = "pair"\nfields.x = { state = "box" }',
            "belief.b.fields.x.prior: expected a corner",
        ),
        ('state = "pair"\nfields.x = { state = "bx" }', "did you mean 'box'?"),
    ],
)
def test_errors_in_tables_of_external_families(text, error, other_families):
    with pytest.raises(ConfigError) as caught:
        belief(text)
    assert error in str(caught.value)


@pytest.mark.parametrize(
    ("text", "response"),
    [
        ("prior = {alhpa = 1, beta = 2}", "beta has no 'alhpa': expected alpha or beta; did you"),
        ("prior = 'jefreys'", "; did you mean 'jeffreys'?"),
        ("prior = {from = 'from-mean', mean = 0.2, strenght = 1}", "; did you mean 'strength'?"),
        ("likelihood = 'binomal'", "; did you mean 'binomial'?"),
        ("likelihood = {name = 'binomial', trails = 3}", "expected trials; did you mean 'trials'?"),
        ("commit = {events = 3}", "unknown key of a [belief.b]; put the top-level key before the"),
    ],
)
def test_misspelt_and_misplaced_names_get_a_suggestion_at_every_level(text, response):
    (found,) = errors(
        f"store = 'a'\nsource = {{kind = 'file', path = 'x'}}\n"
        f"[belief.b]\nstate = 'beta'\nfield = 'x'\n{text}"
    )
    assert response in found


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:sEkret@h:port/d",
        "postgresql://me:sEkret@h:70000/d",
        "postgresql://me:sEkret%zz@h/d",
        "postgresql://me:sEkret@[::1/d",
        "postgresql://me@h/d?password=sEkret%zz",
        "mysql://me:sEkret@h/d",
    ],
)
def test_invalid_urls_of_stores_are_reported_without_their_password(url):
    (found,) = errors(
        f"store = '{url}'\nsource = {{kind = 'file', path = 'x'}}\n"
        "belief.b = {state = 'beta', field = 'x'}"
    )
    assert found.startswith("store: ")
    assert "sEkret" not in found


def test_check_prints_the_url_of_a_store_without_its_password(tmp_path, capsys):
    path = tmp_path / "seqbayes.toml"
    path.write_text(
        "store = 'postgresql://me:sEkret@h:5432,i:5433/d?sslpassword=sEkret'\n"
        "source = {kind = 'stdin'}\nbelief.b = {state = 'beta', field = 'x'}"
    )
    assert main(["check", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "postgresql://me@h:5432,i:5433/d" in printed
    assert "sEkret" not in printed


def test_a_store_that_is_another_file_is_rejected(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"x": true}\n')
    (found,) = errors(
        f"store = '{path}'\nsource = {{kind = 'file', path = '{path}'}}\n"
        "belief.b = {state = 'beta', field = 'x'}"
    )
    assert "it is not a seqbayes store" in found
