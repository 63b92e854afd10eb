"""The integral of a normal variance-mean mixture agrees with Bessel functions of many digits."""

import mpmath as mp
import numpy as np
import pytest

from seqbayes.numerics.mixing_integral import log_mixing_integral


def exact(power, a, b):
    """Return the logarithm of the integral plus ``root``, and ``root``."""
    power, a, b = map(mp.mpf, (power, a, b))
    z = 2 * mp.sqrt(a * b)
    root = mp.sqrt(power**2 + z**2)
    return mp.log(2 * (b / a) ** (power / 2) * mp.besselk(power, z)) + root, root


@pytest.mark.parametrize(
    ("power", "a", "b"),
    [
        (0.5, 2.0, 3.0),
        (0.6, 4000.0, 250.0),  # large only by the product
        (2.0, 0.01, 1e-6),
        (3.4, 2.9, 0.09),
        (8.55, 1.84, 1.8e-6),  # small product: the integrand has an asymmetric tail
        (19.9, 0.3, 0.4),  # on both sides of the expansion's range
        (20.1, 0.3, 0.4),
        (49.0, 5.0, 8.0),
        (51.0, 700.0, 8.0),
        (240.0, 60.0, 5.0),
    ],
)
def test_the_integral_is_a_bessel_function(power, a, b):
    found, root = log_mixing_integral(power, np.array([a]), b)
    expected, expected_root = exact(power, a, b)
    assert root[0] == pytest.approx(float(expected_root), rel=1e-14)
    assert found[0] == pytest.approx(float(expected), rel=1e-13, abs=2e-13)


def test_powers_may_differ_between_rows():
    power, b = np.array([[1.5], [12.0], [80.0]]), np.array([[0.2], [3.0], [9.0]])
    a = np.array([[0.1, 2.0, 500.0], [1.0, 20.0, 60.0], [4.0, 5.0, 6.0]])
    found, root = log_mixing_integral(power, a, b)
    for row in range(3):
        alone = log_mixing_integral(float(power[row, 0]), a[row], float(b[row, 0]))
        np.testing.assert_allclose(found[row], alone[0], rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(root[row], alone[1], rtol=1e-14)
