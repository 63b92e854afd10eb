from seqbayes.statistics.sums cimport Sum

cdef double NEGLIGIBLE_SHARE, ROUNDED_SHARE, SLACK

cdef class Statistics:
    cdef Sum _n, _h
    cdef double _log_base, _log_base_low, _lightest
    cdef int _read(self, object x) except -1
    cdef int _add(self, double w) except -1
    cdef int _observe(self, object x, double w) except -1
    cdef int _observe_one(self, object x) except -1
    cdef bint _fits(self, double w) except -1
    cdef int _check_remove(self, double v) except -1
    cdef int _subtract(self, double v) except -1
    cdef int _check_removable(self, double w, bint last) except -1
    cdef int _count(self, double w) except -1
    cdef bint _is_last(self, Sum weights, double v) except -1

cdef class PythonStatistics(Statistics):
    cdef public tuple sums
    cdef object _term

cdef class Learner:
    cdef public Statistics _statistics
    cdef int learn_unweighted(self, object x) except -1
