from seqbayes.statistics.base cimport Statistics

cdef class Adder:
    cdef int[::1] _places
    cdef int[::1] _where
    cdef double[::1] _terms
    cdef double[::1] _before
    cdef int* where
    cdef double* terms
    cdef int _n_columns
    cdef bint add_read(self, Statistics st, double* row, double w) noexcept
    cdef bint add(self, double* row, int m) noexcept

cdef class DecayClock:
    cdef double now
    cdef double _half_life
    cdef int _n_columns
    cdef double[:] _clocks
    cdef double[:] _landmarks
    cdef double weight(self, Py_ssize_t i, double* row, double at, double w) noexcept
