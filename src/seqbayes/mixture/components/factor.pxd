cdef double log_gamma_ratio(double a, Py_ssize_t d) noexcept

cdef class Factor:
    cdef Py_ssize_t _d
    cdef double[::1] _lower, _inverse, _mean, _x, _z
    cdef void attach(self, double[::1] mean, double[::1] x, double[::1] z) noexcept
    cdef double factorise(self, double[::1] scale, double divisor) noexcept
    cdef double whiten(self) noexcept
    cdef double log_det(self) noexcept
    cdef double trace_of(self, double[::1] matrix) noexcept
    cdef double log_largest(self) noexcept
    cdef void copy_from(self, Factor other) noexcept

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
