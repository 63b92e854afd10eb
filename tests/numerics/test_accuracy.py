"""The bounds of docs/accuracy.md hold at random cases, by the oracle of benchmarks/accuracy.py."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "accuracy.md").read_text()


def load_benchmark():
    spec = importlib.util.spec_from_file_location("accuracy", ROOT / "benchmarks" / "accuracy.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


accuracy = load_benchmark()


def documented_bounds():
    """Return (functions, families, whether the range is the hard one, bound) of every row."""
    rows = re.findall(r"^\| (`.*?) \| (.*?) \| (.*?) \|.*\| (1e-\d+) \|$", PAGE, re.MULTILINE)
    return [
        (re.findall(r"`(\w+)`", functions), families, reach.endswith("1e15"), float(bound))
        for functions, families, reach, bound in rows
    ]


def test_the_page_documents_every_measured_function():
    named = {name for functions, *_ in documented_bounds() for name in functions}
    measured = {"logpdf", "cdf", "sf", "logcdf", "logsf", "ppf", "isf", "entropy"}
    assert measured | {"log_predictive", "log_evidence"} <= named


@pytest.mark.parametrize("seed", [11, 12])
def test_documented_bounds_hold(seed):
    worst = accuracy.worst_errors(2, seed)
    checked = 0
    for ((family, name), bounds, library), size in worst.items():
        if library != "seqbayes":
            continue
        allowed = [
            bound
            for functions, families, hard, bound in documented_bounds()
            if name in functions
            and re.search(rf"\b{family.split(',')[0]}\b", families)
            and (hard or bounds == accuracy.ORDINARY)
        ]
        if allowed:
            checked += 1
            assert size <= min(allowed), (family, name, bounds, size)
    assert checked > 40
