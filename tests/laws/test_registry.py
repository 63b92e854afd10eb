"""The laws cover every registered class."""

import os

import pytest

import seqbayes
from cases import CASES, LIKELIHOODS, ONE_CASE_PER_LIKELIHOOD, PRIORS
from oracles import GRIDS, LOG_DENSITIES, PRIOR_DRAWS
from seqbayes import registry

FAMILIES = {
    name: family
    for name, family in registry.families().items()
    if family.__module__.startswith("seqbayes.")
}
PAIRS = {
    (name, kind)
    for name, family in FAMILIES.items()
    for kind in registry.likelihoods_of(family).values()
    if kind.__module__.startswith("seqbayes.")
}
pytestmark = pytest.mark.skipif(
    "SEQBAYES_LAWS" in os.environ, reason="the laws are checked for another package"
)


def test_every_family_is_registered():
    things = [getattr(seqbayes, name) for name in seqbayes.__all__]
    classes = [thing for thing in things if isinstance(thing, type)]
    public = {c.__name__ for c in classes if issubclass(c, seqbayes.State) and c.likelihoods}
    assert set(FAMILIES) == public


@pytest.mark.parametrize("cases", [CASES, ONE_CASE_PER_LIKELIHOOD], ids=["all", "first"])
def test_every_pair_is_under_the_laws(cases):
    assert {(case.family.__name__, type(case.likelihood)) for case in cases} == PAIRS


def test_every_family_has_a_quadrature_oracle():
    # a Dirichlet process has no density: its oracle is the urn; a product has those of its fields
    assert set(FAMILIES) - set(GRIDS) == {"DirichletProcess", "Product", "Hurdle"}
    assert set(PRIOR_DRAWS) == set(GRIDS) | {"Product", "Hurdle"}


def test_every_likelihood_has_a_density_oracle():
    # for fields, it is the product over the fields
    assert {kind.__name__ for _, kind in PAIRS} - {"Fields", "Hurdle"} == set(LOG_DENSITIES)


def test_settings_belong_to_registered_families_and_likelihoods():
    assert set(PRIORS) <= set(FAMILIES)
    assert set(LIKELIHOODS) <= {kind for _, kind in PAIRS}


def test_cases_have_unique_names():
    assert len({case.id for case in CASES}) == len(CASES)
