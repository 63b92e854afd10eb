"""Settings and independent reference values, with which the laws test the example."""

import math

import numpy as np
import scipy.stats as st
from seqbayes_example import Gumbel  # installed by tests/test_plugin.py

PRIORS = {"Pareto": [{"scale": 2.0, "shape": 3.0}, {"scale": 0.5, "shape": 1.5}]}
LIKELIHOODS = {Gumbel: [{"scale": 1.0}, {"scale": 2.5}]}
TRUTHS = {"Pareto": lambda case, rng: case.prior["scale"] * rng.uniform(0.7, 3.0)}
LOG_DENSITIES = {
    "Gumbel": lambda known, theta, x: st.gumbel_r.logpdf(
        x, known.scale * np.log(theta), known.scale
    ),
    "Uniform": lambda known, theta, x: np.where(x <= theta, -np.log(theta), -np.inf),
}
PRIOR_DRAWS = {
    "Pareto": lambda prior, rng, n: (
        prior["scale"] * (1.0 + rng.pareto(prior["shape"], n))
    ).tolist()
}
LOG_Z = {"Pareto": lambda h: -math.log(h.shape) - h.shape * math.log(h.scale)}
