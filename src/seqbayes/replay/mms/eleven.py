"""Eleven hypotheses about a share: Bayes' rule with probabilities, as a step toward densities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqbayes import distributions

BELOW_ONE = 1.0 - 2.0**-53
"""The largest number below 1."""

SHARES = tuple(i / 10 for i in range(11))
"""The possible shares."""


@dataclass(frozen=True, slots=True)
class ElevenShares:
    """One step of Bayes' rule for the eleven shares.

    Attributes
    ----------
    prior : tuple of float
        The probability of each share before the candy.
    likelihood : tuple of float
        The probability of the candy under each share.
    evidence : float
        The probability of the candy, averaged over the eleven shares.
    posterior : tuple of float
        The probability of each share after the candy: the prior for the next candy.
    """

    prior: tuple[float, ...]
    likelihood: tuple[float, ...]
    evidence: float
    posterior: tuple[float, ...]


def round_shares(alpha: float, beta: float) -> tuple[float, ...]:
    """Return, for each of the eleven shares, the probability that a Beta variable is nearest to it.

    Parameters
    ----------
    alpha, beta
        The hyperparameters of the Beta distribution.

    Examples
    --------
    >>> [round(p, 2) for p in round_shares(1.0, 1.0)]
    [0.05, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.05]
    """
    belief = distributions.Beta(alpha, beta)
    found = []
    for share in SHARES:
        low, high = max(0.0, share - 0.05), min(1.0, share + 0.05)
        if low < belief.mean:  # subtract in the smaller tail
            found.append(belief.cdf(high) - belief.cdf(low))
        else:
            found.append(belief.sf(low) - belief.sf(high))
    return tuple(found)


def learn_candy(prior: tuple[float, ...], fits: bool) -> ElevenShares:
    """Apply Bayes' rule to the eleven shares.

    Parameters
    ----------
    prior
        The probability of each share.
    fits
        Whether the candy has the colour that the shares are about.

    Examples
    --------
    >>> step = learn_candy((0.0, 0.5, 0.5) + (0.0,) * 8, True)
    >>> round(step.evidence, 2), [round(p, 2) for p in step.posterior[:3]]
    (0.15, [0.0, 0.33, 0.67])
    """
    likelihood = np.array(SHARES) if fits else 1.0 - np.array(SHARES)
    joint = np.array(prior) * likelihood
    evidence = float(joint.sum())
    posterior = tuple((joint / evidence).tolist())
    return ElevenShares(prior, tuple(likelihood.tolist()), evidence, posterior)


def most_probable(probabilities: tuple[float, ...]) -> tuple[float, float]:
    """Return the most probable share and its probability, which is 1 only if the share is certain.

    Examples
    --------
    >>> most_probable((0.0, 0.25, 0.75) + (0.0,) * 8)
    (0.2, 0.75)
    >>> most_probable((0.0, 1e-20, 1.0) + (0.0,) * 8)[1] < 1.0
    True
    """
    best = max(range(len(SHARES)), key=probabilities.__getitem__)
    certain = sum(p > 0.0 for p in probabilities) == 1
    return SHARES[best], probabilities[best] if certain else min(probabilities[best], BELOW_ONE)
