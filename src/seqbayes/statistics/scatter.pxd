from seqbayes.statistics.base cimport Statistics
from seqbayes.statistics.moments cimport Moments
from seqbayes.statistics.sum_table cimport SumTable

cdef class Scatter(Statistics):
    cdef readonly Py_ssize_t dimension
    cdef tuple _features
    cdef SumTable _sums
    cdef double[::1] _y, _y_high, _y_low, _term, _term_low
    # Pointers to the elements of these arrays, which C compilers can keep in registers.
    cdef double *y
    cdef double *y_high
    cdef double *y_low
    cdef double *term
    cdef double *term_low
    cdef Moments _coordinate(self, Py_ssize_t i)
    cdef int _compute_mean(self, double n, double[::1] origin, double[::1] shift) except -1
    cdef bint _compute_scatter(
        self, double n, double[::1] origin, double[::1] shift, double[:, ::1] table
    ) except -1
    cdef int _split(self, double w) except -1
    cdef int _put_errors(self, double w) except -1
    cdef bint _has_room(self, double w, double largest) except -1

cdef bint _is_singular(double[:, ::1] table) except -1
