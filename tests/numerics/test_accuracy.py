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
    """Return (functions, names, whether the range is the hard one, bound) of every row.

    Names are those of a family, or of a family and a likelihood.
    """
    rows = re.findall(r"^\| (`.*?) \| (.*?) \| (.*?) \|.*\| (1e-\d+) \|$", PAGE, re.MULTILINE)
    found = []
    for functions, families, reach, bound in rows:
        names = set()
        for part in families.split("; "):
            family, _, others = part.partition(" with ")
            names |= {(family, name) for name in others.split(", ")} if others else set()
            names |= {(name,) for name in part.split(", ")} if not others else set()
        hard = reach.endswith("1e15")
        found.append((re.findall(r"`(.*?)`", functions), names, hard, float(bound)))
    return found


@pytest.fixture(scope="module")
def worst():
    return accuracy.worst_errors(1, seed=11)


def test_every_measured_function_is_documented_and_within_its_bound(worst):
    checked = 0
    for ((family, name), bounds, library), size in worst.items():
        if library != "seqbayes":
            continue
        allowed = [
            bound
            for functions, names, hard, bound in documented_bounds()
            if name in functions
            and tuple(family.split(", ")) in names
            and (hard or bounds == accuracy.ORDINARY)
        ]
        assert allowed, f"{name} of {family} is not documented"
        assert size <= min(allowed), (family, name, bounds, size)
        checked += 1
    assert checked > 200


@pytest.mark.parametrize("library", ["scipy", "River"])
def test_other_libraries_are_measured_on_the_same_cases(worst, library):
    assert any(key[2] == library for key in worst)
