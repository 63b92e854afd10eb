from libc.math cimport INFINITY, fabs
from seqbayes.statistics.exact cimport product_error, rounding_error
from seqbayes.statistics.sums cimport Sum

cdef inline Sum new_sum():
    cdef Sum total = Sum.__new__(Sum)
    total.smallest_term = INFINITY
    return total

cdef inline int add_third(Sum total, double v) except -1:
    cdef double s = total.third + v
    cdef double e = rounding_error(total.third, v, s)
    total.third = s
    if e != 0.0:
        s = total.fourth + e
        v = rounding_error(total.fourth, e, s)
        total.fourth = s
        if v != 0.0:
            return total._add_fifth(v)
    return 0

cdef inline int add_low(Sum total, double v) except -1:
    cdef double s = total.low + v
    cdef double e = rounding_error(total.low, v, s)
    total.low = s
    if e != 0.0:
        return add_third(total, e)
    return 0

cdef inline int add(Sum total, double v) except -1:
    cdef double s = total.high + v
    cdef double e = rounding_error(total.high, v, s)
    total.high = s
    v = fabs(v)
    if v < total.smallest_term and v != 0.0:
        total.smallest_term = v
    if e != 0.0:
        return add_low(total, e)
    return 0

cdef inline int add_one(Sum total) except -1:
    cdef double s = total.high + 1.0
    if s - 1.0 != total.high or s > 9e15:
        return add(total, 1.0)
    total.high = s
    if total.smallest_term > 1.0:
        total.smallest_term = 1.0
    return 0

cdef inline int add_product(Sum total, double x, double y) except -1:
    cdef double p
    if x == 0.0:
        return 0
    if x == 1.0:
        return add(total, y)
    if fabs(x) > 1e280 or fabs(y) > 1e280:
        return total.add_product(x, y)
    p = x * y
    add(total, p)
    return add_low(total, product_error(x, y, p))
