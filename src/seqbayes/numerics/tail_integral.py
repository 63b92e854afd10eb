"""Integrals for the tails of beta and gamma distributions at any depth.

The logit of a beta variable and the logarithm of a gamma variable have log-concave densities. A
tail is the density at its end times the integral of the ratio of densities beyond this end. This
ratio decreases monotonically from 1, so Gauss-Legendre quadrature computes the integral to full
precision for all parameters. The module is compiled, and also runs as plain Python.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import exp, expm1, fabs, fmin, log, log1p, sqrt
else:
    from math import exp, expm1, fabs, log, log1p, sqrt

    fmin = min

_NODES = cython.declare(cython.int, 32)
# Decrease of the logarithm of the integrand within the range of integration.
_LOG_DECREASE = cython.declare(cython.double, 42.0)
_WIDTH = cython.declare(cython.double, 8.0)
# Number of panels after which a non-increasing integrand is a pure exponential.
_DECAY_PANELS = cython.declare(cython.int, 6)
_MAX_PANELS = cython.declare(cython.int, 100)
# Largest argument of exp, which overflows above 709.78.
_LARGEST = cython.declare(cython.double, 709.0)
_LOWEST = cython.declare(cython.double, -np.inf)

# numpy.polynomial.legendre.leggauss(32): the positive nodes and their weights. They are literals
# because importing numpy.polynomial is slow.
_NODE = (
    0.048307665687738324,
    0.1444719615827965,
    0.23928736225213706,
    0.33186860228212767,
    0.42135127613063533,
    0.5068999089322294,
    0.5877157572407623,
    0.6630442669302152,
    0.7321821187402897,
    0.7944837959679424,
    0.84936761373257,
    0.8963211557660521,
    0.9349060759377397,
    0.9647622555875064,
    0.9856115115452684,
    0.9972638618494816,
)
_NODE_WEIGHT = (
    0.09654008851472766,
    0.09563872007927471,
    0.09384439908080451,
    0.09117387869576378,
    0.08765209300440378,
    0.08331192422694671,
    0.07819389578707023,
    0.07234579410884834,
    0.06582222277636168,
    0.058684093478535565,
    0.05099805926237609,
    0.042835898022226836,
    0.034273862913021765,
    0.025392065309262024,
    0.016274394730905743,
    0.007018610009470506,
)
if cython.compiled:
    _POINT = cython.declare("double[32]")
    _WEIGHT = cython.declare("double[32]")
else:
    _POINT, _WEIGHT = [0.0] * 32, [0.0] * 32


def _fill_table() -> None:
    i: cython.int
    for i in range(16):
        _POINT[15 - i] = 0.5 - 0.5 * _NODE[i]
        _POINT[16 + i] = 0.5 + 0.5 * _NODE[i]
        _WEIGHT[15 - i] = _WEIGHT[16 + i] = 0.5 * _NODE_WEIGHT[i]


_fill_table()


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _exp_remainder(t: cython.double, e: cython.double) -> cython.double:
    """Return exp(t) - 1 - t, given e = exp(t) - 1."""
    if fabs(t) > 0.5:
        return e - t
    k: cython.int
    total: cython.double = 1.0
    for k in range(15, 2, -1):
        total = 1.0 + total * t / k
    return 0.5 * t * t * total


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
@cython.cdivision(True)
def _log_remainder(s: cython.double) -> cython.double:
    """Return log(1 + s) - s for s >= -1; -inf at -1."""
    if s <= -1.0:
        return _LOWEST
    if fabs(s) > 0.25:
        return log1p(s) - s
    # log(1 + s) = 2 artanh(r), and s - 2 r = s r
    r: cython.double = s / (2.0 + s)
    q: cython.double = r * r
    total: cython.double = 1.0 / 19.0
    total = total * q + 1.0 / 17.0
    total = total * q + 1.0 / 15.0
    total = total * q + 1.0 / 13.0
    total = total * q + 1.0 / 11.0
    total = total * q + 1.0 / 9.0
    total = total * q + 1.0 / 7.0
    total = total * q + 0.2
    total = total * q + 1.0 / 3.0
    return 2.0 * r * q * total - s * r


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
@cython.cdivision(True)
def _negative_log(
    t: cython.double, d: cython.double, v: cython.double, p: cython.double, grows: cython.bint
) -> cython.double:
    """Return the negative logarithm of the integrand."""
    e: cython.double = expm1(fmin(t, _LARGEST)) if grows else expm1(-t)
    s: cython.double = p * e
    if s > 1.0:  # log(1 + s) - p t, where exp(t) may overflow
        return d * t + (v / p) * ((1.0 - p) * t + log(p + (1.0 - p) * exp(-t)))
    total: cython.double = v * _exp_remainder(t if grows else -t, e)
    if p > 0.0:
        total += (v / p) * _log_remainder(s)
    return d * t + total


@cython.cfunc
@cython.exceptval(check=False)
@cython.cdivision(True)
def _length(
    d: cython.double, v: cython.double, p: cython.double, grows: cython.bint
) -> cython.double:
    """Return the length of the range of integration: where the integrand is exp(-42).

    The length is found by Newton's method. Divisors are checked, since a division by zero is an
    error in Python.
    """
    divisor: cython.double = d + sqrt(d * d + 2.0 * _LOG_DECREASE * v)
    t: cython.double = 2.0 * _LOG_DECREASE / divisor if divisor > 0.0 else -_LOWEST
    e: cython.double
    decrease: cython.double
    slope: cython.double
    _i: cython.int
    if grows and v > 0.0:
        t = fmin(t, log1p(_LOG_DECREASE / v) + 1.0)
    for _i in range(60):
        decrease = _negative_log(t, d, v, p, grows)
        if 0.9 * _LOG_DECREASE <= decrease <= 1.4 * _LOG_DECREASE:
            break
        e = expm1(fmin(t, _LARGEST)) if grows else expm1(-t)
        slope = d
        if 1.0 + p * e > 0.0:
            slope += v * fabs(e) * (1.0 - p) / (1.0 + p * e)
        if slope == 0.0:
            break
        t -= (decrease - _LOG_DECREASE) / slope
    return t


@cython.ccall
@cython.exceptval(check=False)
@cython.cdivision(True)
def log_tail_integral(
    d: cython.double, v: cython.double, p: cython.double, grows: cython.bint
) -> cython.double:
    """Log of the integral over t > 0 of exp(-d t - v (e - s t) - v / p (log(1 + p e) - p e)).

    Here s is 1 if `grows` is true, otherwise -1, and e = exp(s t) - 1. The tail of the gamma
    distribution has p = 0; `d` and `v` are not both 0. The result is -inf if the integral cannot be
    computed.

    Examples
    --------
    >>> round(log_tail_integral(2.0, 0.0, 0.0, False), 6)  # -log 2
    -0.693147
    """
    length: cython.double = _length(d, v, p, grows)
    start: cython.double = 0.0
    width: cython.double
    total: cython.double = 0.0
    sum_: cython.double
    decrease: cython.double
    i: cython.int
    panel: cython.int = 0
    while start < length:
        panel += 1
        width = length - start
        if panel < (_MAX_PANELS if grows else _DECAY_PANELS):
            width = fmin(width, _WIDTH)
        sum_ = 0.0
        for i in range(_NODES):
            decrease = _negative_log(start + width * _POINT[i], d, v, p, grows)
            sum_ += -_LOWEST if decrease < -_LARGEST else _WEIGHT[i] * exp(-decrease)
        total += sum_ * width
        if width == length - start:
            break
        start += width
    return log(total) if total > 0.0 else _LOWEST


@cython.boundscheck(False)
@cython.wraparound(False)
def log_tail_integrals(d: Any, v: Any, p: Any, grows: Any) -> Any:
    """Return `log_tail_integral` for each row of four arrays of floats (0 or 1 in the last one)."""
    out = np.empty(len(d))
    result = cython.declare("double[::1]", out)
    d_view = cython.declare("const double[::1]", d)
    v_view = cython.declare("const double[::1]", v)
    p_view = cython.declare("const double[::1]", p)
    grows_view = cython.declare("const double[::1]", grows)
    i: cython.Py_ssize_t
    for i in range(len(d)):
        result[i] = log_tail_integral(d_view[i], v_view[i], p_view[i], grows_view[i] != 0.0)
    return out
