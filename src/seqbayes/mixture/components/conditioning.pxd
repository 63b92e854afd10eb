cdef class Conditioning:
    cdef readonly double squares, log_det
    cdef readonly Py_ssize_t present
    cdef Py_ssize_t _d
    cdef double[::1] _x, _mean, _scale, _z
    cdef double[:, ::1] _work, _spread
    cdef Py_ssize_t[::1] _order
    cdef bint complete(self, double divisor) noexcept
    cdef Py_ssize_t _reorder(self) noexcept
    cdef void _complete(self) noexcept
    cdef double _covariance(self, Py_ssize_t i, Py_ssize_t j, double divisor) noexcept
    cdef void add_spread(self, double[::1] statistic, double gain) noexcept
