"""Streaming Bayesian inference with exact conjugate states.

A state is a prior, the sufficient statistics of the data learned so far, and a likelihood. It
learns one observation at a time, as River's models do:

>>> from seqbayes import Beta
>>> belief = Beta(1, 1)
>>> for converted in [True, False, True]:
...     belief.learn_one(converted)
>>> belief.posterior
BetaHyperparameters(alpha=3.0, beta=2.0)
>>> belief.mean, belief.mle, belief.predict_one()
(0.6, 0.6666666666666666, True)

States
    Beta, Gamma, Normal, NormalInverseGamma, NormalInverseWishart, Dirichlet, DirichletProcess and
    Product. Every state has `learn_one`, `learn_many`, `unlearn_one`, `merge`, `forget`,
    `predict_one`, `log_predictive`, `posterior`, `interval`, `mle`, `map`, `log_evidence`,
    `explain` and `to_dict`; see ``help(seqbayes.Beta)``.
Decayed, Windowed
    A state whose old data lose weight with a half-life, or that has only the data of a time window.

Modules
    likelihoods
        Models of the observations, passed as ``Beta(likelihood=Binomial(10))``.
    table
        One belief for each of many keys, stored in columns.
    mixture
        Mixtures fitted by EM or learned online, and the choice of their number of components.
    river
        Classifiers, regressors and anomaly detectors on feature dictionaries.
    sklearn
        Estimators with the scikit-learn interface.
    compare
        Which of several beliefs is best, and the expected loss of a wrong choice.
    bandit
        Choice between arms by their rewards.
    stream
        Durable beliefs on files, queues and databases: Pipeline, run, show, predict.
    datasets
        The data of the examples.

The command line has a verb for each task: ``seqbayes --help``. Errors derive from `SeqbayesError`;
invalid observations and priors are also ValueErrors.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if sys.version_info < (3, 11):  # noqa: UP036 - a checkout is not checked by pip
    raise ImportError(
        "seqbayes requires Python 3.11 or later; this is Python {}.{}".format(*sys.version_info)
    )

from seqbayes.errors import (
    MergeError,
    ObservationError,
    PriorError,
    SeqbayesError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from seqbayes import (
        bandit,
        compare,
        datasets,
        likelihoods,
        mixture,
        river,
        sklearn,
        stream,
        table,
    )
    from seqbayes.explanation import Explanation
    from seqbayes.families import (
        Beta,
        Dirichlet,
        DirichletProcess,
        Gamma,
        Hurdle,
        Normal,
        NormalInverseGamma,
        NormalInverseWishart,
        Product,
    )
    from seqbayes.forgetting import Decayed
    from seqbayes.registry import register
    from seqbayes.state import State
    from seqbayes.windowed import Windowed

__version__ = "0.2.0"

__all__ = [
    "Beta",
    "Decayed",
    "Dirichlet",
    "DirichletProcess",
    "Explanation",
    "Gamma",
    "Hurdle",
    "MergeError",
    "Normal",
    "NormalInverseGamma",
    "NormalInverseWishart",
    "ObservationError",
    "PriorError",
    "Product",
    "SeqbayesError",
    "State",
    "UnsupportedError",
    "Windowed",
    "bandit",
    "compare",
    "datasets",
    "likelihoods",
    "mixture",
    "register",
    "river",
    "sklearn",
    "stream",
    "table",
]

# Imported on first use, so the command line's help and completion start quickly.
_MODULES = (
    "bandit",
    "compare",
    "datasets",
    "likelihoods",
    "mixture",
    "river",
    "sklearn",
    "stream",
    "table",
)
_MODULE_OF = {
    "Decayed": "seqbayes.forgetting",
    "Explanation": "seqbayes.explanation",
    "State": "seqbayes.state",
    "Windowed": "seqbayes.windowed",
    "register": "seqbayes.registry",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in __all__:
        found = getattr(import_module(_MODULE_OF.get(name, "seqbayes.families")), name)
        globals()[name] = found
        return found
    from seqbayes.misplaced import missing

    raise missing(__name__, name)


def __dir__() -> list[str]:
    return __all__
