from seqbayes.statistics.base cimport Statistics
from seqbayes.statistics.sums cimport Sum

cdef class PairSums(Statistics):
    cdef Sum _a, _b
    cdef double _read_a, _read_b
    cpdef int write_terms(self, object x, double[::1] row, Py_ssize_t at) except -1
    cdef void _set_terms(self, double x, double y) noexcept
