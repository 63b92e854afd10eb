cdef class Conditioning:
    cdef Py_ssize_t _d
    cdef Py_ssize_t _seen
    cdef double _divisor
    cdef double[::1] _x
    cdef double[::1] _mean
    cdef double[::1] _scale
    cdef double[::1] _z
    cdef double[:, ::1] _work
    cdef double[:, ::1] _spread
    cdef Py_ssize_t[::1] _order
    cdef double _density(self, double divisor) noexcept
    cdef void _add_spread(self, double[::1] statistic, double gain) noexcept
    cdef Py_ssize_t _reorder(self) noexcept
    cdef void _complete(self) noexcept
    cdef double _covariance(self, Py_ssize_t i, Py_ssize_t j) noexcept
