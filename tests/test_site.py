"""The documentation site: generated pages, formulas of conjugate pairs, links and navigation."""

import importlib
import inspect
import math
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import seqbayes
from seqbayes import registry

pytest.importorskip("starlette", reason="the extra 'dashboard' is not installed")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def site():
    """Return a function that imports a module of `docs/site`."""
    sys.path.insert(0, str(ROOT / "docs/site"))
    yield importlib.import_module
    sys.path.remove(str(ROOT / "docs/site"))


def built_in():
    """Return the pairs of public classes; other tests may have registered more."""
    return [
        (name, each)
        for name, family in registry.families(plugins=False).items()
        if getattr(seqbayes, name, None) is family
        for each, likelihood in registry.likelihoods_of(family, plugins=False).items()
        if getattr(seqbayes.likelihoods, each, None) is likelihood
    ]


def evaluate(text, names):
    functions = {"log": math.log, "abs": abs, "outer": np.outer}
    return eval(text, {"__builtins__": {}}, functions | names)


def by_label(values, labels):
    return [values[label] for label in labels] if isinstance(values, dict) else list(values)


@pytest.mark.parametrize(("family", "likelihood"), built_in())
def test_the_formula_of_each_pair_gives_the_posterior(family, likelihood, site):
    pairs = site("pairs")
    example = pairs.EXAMPLES[family, likelihood]
    state = pairs.state(family, likelihood)
    before = state.posterior
    state.learn_one(example.x)
    if family in ("Hurdle", "Product"):
        assert state.n_samples == 1.0
        return
    after = state.posterior._asdict()
    names = {"x": example.x, "known": SimpleNamespace(**state.likelihood.parameters())}
    assert set(example.update) == set(after) & set(example.update)
    for name, text in example.update.items():
        if name in ("alpha", "atoms") and family.startswith("Dirichlet"):
            labels = list(example.prior[name])
            old, new = (by_label(each[name], labels) for each in (before._asdict(), after))
            expected = [
                evaluate(text, names | {name: value, "label": label})
                for label, value in zip(labels, old, strict=True)
            ]
            assert new == pytest.approx(expected)
            continue
        values = {key: np.asarray(value) for key, value in before._asdict().items()}
        vector = isinstance(example.x, tuple)
        x = {"x": np.array(example.x)} if vector else {}
        np.testing.assert_allclose(after[name], evaluate(text, names | values | x), rtol=1e-12)
    changed = {name for name in after if not _equal(after[name], getattr(before, name))}
    assert changed <= set(example.update), "a hyperparameter without a formula has changed"


def _equal(a, b):
    return a == b if isinstance(a, dict) else np.array_equal(a, b)


def test_the_page_of_pairs_names_every_pair_and_prior(site):
    page = site("pairs").page()
    for family, likelihood in built_in():
        assert f"### {family}: {likelihood}\n" in page
        assert f"(#{family.lower()}-{likelihood.lower()})" in page
    assert page.count("<svg") >= 15


def test_the_page_of_pairs_states_the_verified_range_of_every_pair(site):
    verified = site("verified")
    table = verified.rows()
    pairs = built_in()
    for row in table:
        named = {family for family in row.of if any(family == name for name, _ in pairs)}
        assert named, f"{row.functions} of no family"
        for family in named:
            unknown = row.of[family] - {each for name, each in pairs if name == family}
            assert not unknown, row
    cells = {pair: verified.ranges(*pair) for pair in pairs}
    assert "`logpmf`" in cells["Gamma", "Poisson"]
    assert "`logpmf`" not in cells["Beta", "Bernoulli"]
    assert "correlations up to" in cells["NormalInverseWishart", "MultivariateNormal"]
    unlisted = {name for (name, _), cell in cells.items() if not re.search(r"\d", cell)}
    assert unlisted == {"DirichletProcess", "Hurdle"}
    page = site("pairs").page()
    for (family, likelihood), cell in cells.items():
        _, text = page.split(f"### {family}: {likelihood}\n")
        assert f"| verified range | {cell} |" in text.split("\n#")[0]


def test_the_reference_names_every_public_name(site):
    api = site("api")
    modules = [name for name in seqbayes.__all__ if inspect.ismodule(getattr(seqbayes, name))]
    assert {f"seqbayes.{name}" for name in modules} <= set(api.MODULES)
    for module in api.MODULES:
        text = api.page(module)
        assert [name for name in api.names(module) if f"::: {module}.{name}\n" not in text] == []
    assert api.names("seqbayes.table") == seqbayes.table.__all__


def test_a_module_with_public_names_is_in_the_reference_or_internal(site):
    internal = {
        *("family", "decay"),  # former locations, in pickles
        *("families", "numerics.tails", "console.palette", "dashboard.schema"),
    }
    source = Path(seqbayes.__file__).parent
    found = {
        ".".join(path.relative_to(source.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in source.rglob("*.py")
        if "\n__all__ = " in path.read_text(encoding="utf-8")
    }
    assert found == {*site("api").MODULES, *(f"seqbayes.{name}" for name in internal)}


IMPORT = re.compile(r"^(?:>>> )?from (seqbayes\b[\w.]*) import ([\w, ]+)$", re.MULTILINE)


def test_the_reference_has_what_the_pages_import(site):
    api = site("api")
    known = {(module, name) for module in api.MODULES for name in api.names(module)}
    modules = {tuple(module.rpartition(".")[::2]) for module in api.MODULES}
    missing = {
        (module, name, page.name)
        for page in [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
        for module, names in IMPORT.findall(page.read_text(encoding="utf-8"))
        for name in re.sub(r" as \w+", "", names).split(", ")
        if (module, name) not in known | modules
    }
    assert missing == set()


def test_the_configuration_page_has_the_defaults(site):
    page = site("listings").configuration()
    for row in (
        "| `max_keys` | `int` | `100000` |",
        '| `over` | `"refuse"`, `"drop"`, `"pool"` | `"refuse"` |',
        "| `brokers` | `str` | required |",
        "| `every` | `str` or `int` or `float` | `60.0` |",
    ):
        assert row in page


def test_the_pages_of_errors_and_http_are_complete(site):
    listings = site("listings")
    errors = listings.errors()
    for name in ("seqbayes.ObservationError", "seqbayes.stream.LeaseError", "DecisionError"):
        assert name in errors
    http = listings.http()
    for path in ("GET `/api/health`", "POST `/api/events`", "GET `/api/beliefs/{name}`"):
        assert f"## {path}\n" in http


def test_links_to_other_folders_keep_their_target(site):
    pytest.importorskip("yaml", reason="PyYAML is not installed: install the extra 'docs'")
    pytest.importorskip("latex2mathml", reason="latex2mathml is not installed: install 'docs'")
    build = site("build")
    known = {
        "docs/a.md": "a.md",
        "docs/guides/b.md": "guides/b.md",
        "CONTRIBUTING.md": "CONTRIBUTING.md",
        "benchmarks/README.md": "benchmarks/index.md",
    }

    def change(text, source="docs/guides/b.md"):
        return build.relink(text, source, known)

    assert change("[x](../a.md#part)") == "[x](../a.md#part)"
    assert change("[x](../../CONTRIBUTING.md)") == "[x](../CONTRIBUTING.md)"
    assert change("[x](../../benchmarks/README.md)") == "[x](../benchmarks/index.md)"
    assert change("[x](docs/a.md)", "CONTRIBUTING.md") == "[x](a.md)"
    assert change("[x](../../pyproject.toml)") == "x", "a file that is not a page"
    assert change("[x](missing.md)") == "[x](missing.md)", "the site generator reports it"
    assert change("[x](https://example.org/a.md)") == "[x](https://example.org/a.md)"
    assert build.typeset("a $x^2$ and `$y$`").startswith("a <math")
    assert build.typeset("a `$y$` b") == "a `$y$` b"


def test_notebooks_become_pages(site):
    page = site("notebooks").page(ROOT / "docs/gallery/mms.ipynb")
    assert page.startswith("# ")
    assert "```python\n" in page
    assert "<svg" in page or "data:image/png" in page
    outputs = site("notebooks").output
    assert outputs({"output_type": "stream", "text": ["a\n", "b\n"]}) == "```text\na\nb\n```\n"
    rich = {"output_type": "display_data", "data": {"text/html": "<b>\n\nx</b>", "text/plain": "x"}}
    assert outputs(rich) == '<div class="output"><b> x</b></div>\n'


def test_requests_to_other_hosts_are_found(tmp_path, site):
    pytest.importorskip("yaml", reason="PyYAML is not installed: install the extra 'docs'")
    pytest.importorskip("latex2mathml", reason="latex2mathml is not installed: install 'docs'")
    build = site("build")
    (tmp_path / "good.html").write_text('<a href="https://example.org">x</a><img src="/a.png">')
    assert build.requests(tmp_path) == []
    for bad in (
        '<script src="https://cdn.example.org/a.js">',
        '<link rel="stylesheet" href="//fonts.example.org/a.css">',
        "a { background: url(https://example.org/a.png) }",
    ):
        (tmp_path / "bad.html").write_text(bad)
        assert len(build.requests(tmp_path)) == 1, bad


def test_the_site_has_the_lessons(site):
    files = site("lessons").files()
    linked = re.findall(r"\]\((lessons/[^)]+)\)", files["lessons.md"])
    assert sorted(linked) == sorted(name for name in files if name.endswith(".html"))
    for name in linked:
        assert files[name].startswith("<!doctype html>")
        assert len(files[name].encode()) < 300_000


def test_pages_of_the_navigation_exist(site):
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: install 'docs'")
    pytest.importorskip("latex2mathml", reason="latex2mathml is not installed: install 'docs'")
    build = site("build")
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    listed = list(build.listed(nav))
    assert len(listed) == len(set(listed))
    assert set(listed) <= set(build.pages().values()) | set(build.generated())


def test_the_index_links_to_every_page():
    folder = ROOT / "docs"
    index = (folder / "index.md").read_text(encoding="utf-8")
    guides = re.sub(r"\((?=\w)", "(guides/", (folder / "guides/index.md").read_text("utf-8"))
    linked = set(re.findall(r"\(([^)#]+\.md)", index + guides)) | {"index.md"}
    pages = {path.relative_to(folder).as_posix() for path in folder.rglob("*.md")}
    assert {page for page in pages if not page.startswith("changelog.d/")} - linked == set()


def test_local_links_of_the_documentation_exist():
    generated = {"conjugate-pairs", "configuration", "http", "errors", "lessons"}
    for page in [*ROOT.glob("docs/**/*.md"), ROOT / "README.md", ROOT / "SECURITY.md"]:
        if "changelog.d" in page.parts:
            continue
        text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
        for url in re.findall(r"\]\(([^)\s#]+)", re.sub(r"`[^`\n]*`", "", text)):
            if (
                not re.match(r"\w+:", url)
                and "/api/" not in url
                and Path(url).stem not in generated
            ):
                assert (page.parent / url).exists(), f"{page.name}: {url}"
