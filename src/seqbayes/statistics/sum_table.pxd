cimport cython
from seqbayes.statistics.sums cimport Sum

@cython.final
cdef class SumTable:
    cdef double[::1] high, low, third, fourth, fifth
    cdef list more
    cdef double smallest_term
    cdef Sum column(self, Py_ssize_t k)
    cdef int renormalise(self) except -1
    cdef int put_terms(self, double[::1] terms, double[::1] term_low) except -1
    cdef int put(self, Py_ssize_t k, double v) except -1
    cdef int put_rest(self, Py_ssize_t k, double v) except -1
    cdef int _put_low(self, Py_ssize_t k, double v) except -1
