cdef double NOTHING, NOISE, ROUNDING, SLACK

cdef class Statistics:
    cdef double _n, _n_low, _h, _h_low, _log_base, _log_base_low
    cdef int _read(self, object x) except -1
    cdef int _add(self, double w) except -1
    cdef int _observe(self, object x, double w) except -1
    cdef int _observe_one(self, object x) except -1
    cdef bint _fits(self, double w) except -1
    cdef int _check_remove(self, double v) except -1
    cdef int _subtract(self, double v) except -1
    cdef void _add_common(self, double n, double h) noexcept
    cdef void _add_base_low(self, double w) noexcept

cdef class PythonStatistics(Statistics):
    cdef public tuple sums
    cdef object _term

cdef class Learner:
    cdef public Statistics _statistics
