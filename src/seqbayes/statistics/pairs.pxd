from seqbayes.statistics.base cimport Statistics

cdef class PairSums(Statistics):
    cdef double _a, _a_low, _b, _b_low, _read_a, _read_b
    cpdef int write_terms(self, object x, double[::1] row, Py_ssize_t at) except -1
    cdef void _set_terms(self, double x, double y) noexcept
    cdef int _add_sums(self, double n, double a, double b, double h) except -1
