from seqbayes.statistics.sums cimport Sum

cdef double NEGLIGIBLE_SHARE, MIN_ROUNDING_SHARE, MAX_ROUNDING_SHARE, UNLEARN_TOLERANCE

cdef class Statistics:
    cdef Sum _n, _h
    cdef double _log_base, _log_base_low, _smallest_weight
    cdef int read_terms(self, object x) except -1
    cdef int add_terms(self, double w) except -1
    cdef int observe_weighted(self, object x, double w) except -1
    cdef int observe_unit(self, object x) except -1
    cdef bint fits(self, double w) except -1
    cdef int read_numbers(self, double x, double y) except -1
    cdef int list_terms(self, double w, int* where, double* terms) except? -2
    cdef int check_remove(self, double v) except -1
    cdef int subtract(self, double v) except -1
    cdef int check_removable(self, double w, bint last) except -1
    cdef int _count(self, double w) except -1
    cdef bint _is_last(self, Sum weights, double v) except -1

cdef class Learner:
    cdef public Statistics _statistics
    cdef int learn_unweighted(self, object x) except -1
