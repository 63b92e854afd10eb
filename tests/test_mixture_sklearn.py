"""Mixtures with scikit-learn's interface: its own checks, and its figures from the same data."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.utils.estimator_checks import parametrize_with_checks

from seqbayes.mixture import Mixture
from seqbayes.sklearn import (
    SequentialBernoulliMixture,
    SequentialGaussianMixture,
    SequentialMultinomialMixture,
    SequentialPoissonMixture,
)

KINDS = [
    SequentialGaussianMixture,
    SequentialBernoulliMixture,
    SequentialMultinomialMixture,
    SequentialPoissonMixture,
]
QUICK = {"n_init": 2, "max_iter": 200, "tol": 1e-3}


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(
    [kind(2, **QUICK) for kind in KINDS]
    + [
        SequentialGaussianMixture(covariance_type=shape, **QUICK)
        for shape in ("tied", "diag", "spherical")
    ]
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_figures_are_those_of_scikit_learn_at_the_same_parameters():
    """Density, information criteria and shapes, where scikit-learn continues from our fit."""
    X = load_iris().data
    for shape in ("full", "tied", "diag", "spherical"):
        ours = SequentialGaussianMixture(3, covariance_type=shape, random_state=1).fit(X)
        theirs = GaussianMixture(3, covariance_type=shape)
        theirs.weights_, theirs.means_ = ours.weights_, ours.means_
        theirs.covariances_ = ours.covariances_
        if shape in ("full", "tied"):
            lower = np.linalg.cholesky(np.linalg.inv(ours.covariances_))
            theirs.precisions_cholesky_ = lower
        else:
            theirs.precisions_cholesky_ = 1.0 / np.sqrt(ours.covariances_)
        assert ours.score_samples(X) == pytest.approx(theirs.score_samples(X), rel=1e-9)
        assert ours.predict_proba(X) == pytest.approx(theirs.predict_proba(X), abs=1e-9)
        assert (ours.predict(X) == theirs.predict(X)).all()
        assert (ours.bic(X), ours.aic(X)) == pytest.approx((theirs.bic(X), theirs.aic(X)))
        assert ours.score(X) == pytest.approx(theirs.score(X))
        best = GaussianMixture(3, covariance_type=shape, n_init=5, random_state=1).fit(X)
        assert ours.score(X) > best.score(X) - 0.1  # the prior keeps covariances regular


def clusters(n, seed=1):
    rng = np.random.default_rng(seed)
    which = rng.random(n) < 0.4
    return np.where(which[:, None], rng.normal(0, 1, (n, 2)), rng.normal(7, 2, (n, 2))), which


def test_successive_batches_equal_one_stream():
    X, _ = clusters(1000)
    model = SequentialGaussianMixture(2, random_state=3, buffer=200)
    alone = Mixture(2, seed=int(np.random.RandomState(3).randint(2**31 - 1)), buffer=200)
    for batch in np.array_split(X, 7):
        model.partial_fit(batch)
        alone.learn_many(batch)
    assert model.mixture_ == alone
    assert np.sort(model.means_[:, 0]) == pytest.approx([0.0, 7.0], abs=0.5)
    again = pickle.loads(pickle.dumps(model))
    assert (again.partial_fit(X[:9]).means_ == model.partial_fit(X[:9]).means_).all()
    fitted = clone(model).fit(X)
    assert fitted.mixture_.n_samples == 1000
    assert fitted.partial_fit(X[:10], sample_weight=np.full(10, 2.0)).mixture_.n_samples == 1020


def test_missing_values_are_integrated_out():
    X, which = clusters(600)
    X[::3, 0] = np.nan
    found = SequentialGaussianMixture(2, random_state=1).fit(X)
    same = found.predict(X) == found.predict(X)[0]
    agreement = np.mean(same == (which == which[0]))
    assert agreement > 0.95
    with pytest.raises(ValueError, match="NaN"):
        SequentialPoissonMixture().fit(np.abs(X))


def test_draws_have_the_distribution_of_the_fit():
    X, _ = clusters(2000)
    model = SequentialGaussianMixture(2, random_state=1).fit(X)
    drawn, which = model.sample(2000)
    assert drawn.shape == (2000, 2)
    assert stats.ks_2samp(drawn[:, 0], X[:, 0]).pvalue > 1e-3
    assert np.bincount(which) / 2000 == pytest.approx(model.weights_, abs=0.05)


@pytest.mark.parametrize(
    ("kind", "log_density"),
    [
        (
            SequentialBernoulliMixture,
            lambda x, means: stats.bernoulli.logpmf(x, means).sum(axis=1),
        ),
        (SequentialPoissonMixture, lambda x, means: stats.poisson.logpmf(x, means).sum(axis=1)),
        (
            SequentialMultinomialMixture,
            lambda x, means: stats.multinomial.logpmf(x, x.sum(axis=1).astype(int), means),
        ),
    ],
)
def test_discrete_mixtures_have_the_density_of_their_parameters(kind, log_density):
    X = np.floor(load_digits(n_class=3).data)
    if kind is SequentialBernoulliMixture:
        X = (X > 4).astype(float)
    model = kind(3, random_state=1, n_init=3).fit(X)
    parts = np.array([log_density(X, mean) for mean in model.means_]).T + np.log(model.weights_)
    assert model.score_samples(X) == pytest.approx(np.logaddexp.reduce(parts, axis=1), rel=1e-9)
    digits = load_digits(n_class=3).target
    purity = sum(np.bincount(digits[model.predict(X) == k]).max() for k in range(3)) / len(X)
    assert purity > 0.85
    assert model.bic(X) - model.aic(X) == pytest.approx(
        (np.log(len(X)) - 2) * (model.means_.size + 2)
    )
    drawn, _ = model.sample(50)
    assert drawn.shape == (50, 64)
    streamed = kind(3, random_state=1, buffer=100)
    streamed.partial_fit(X[:250]).partial_fit(X[250:])
    assert streamed.score(X) > model.score(X) - 0.1 * abs(model.score(X))


def test_values_outside_the_support_are_refused():
    X, _ = clusters(50)
    with pytest.raises(ValueError, match="expected True, False, 1 or 0"):
        SequentialBernoulliMixture(binarize=None).fit(X)
    for kind in (SequentialPoissonMixture, SequentialMultinomialMixture):
        with pytest.raises(ValueError, match="Negative values"):
            kind().fit(-np.abs(X))


def test_a_fit_that_does_not_converge_warns():
    X, _ = clusters(100)
    with pytest.warns(ConvergenceWarning, match="2 iterations"):
        model = SequentialGaussianMixture(2, max_iter=2, tol=1e-12).fit(X)
    assert (model.n_iter_, model.converged_) == (2, False)


def test_an_unfitted_estimator_raises_not_fitted_error():
    model = SequentialGaussianMixture(2)
    assert not hasattr(model, "means_")
    with pytest.raises(NotFittedError):
        model.predict([[1.0]])
    with pytest.raises(ValueError, match="n_components = 2"):
        model.fit([[1.0]])


def test_import_error_without_scikit_learn_mentions_the_extra():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import seqbayes; from seqbayes import *\n"
        "from seqbayes.sklearn import SequentialGaussianMixture"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.returncode == 1
    assert "ImportError: seqbayes.sklearn needs scikit-learn: " in found.stderr
    assert "[sklearn]" in found.stderr
