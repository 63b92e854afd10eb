cdef class Adder:
    cdef int[::1] _places
    cdef int[::1] _where
    cdef double[::1] _terms
    cdef double[::1] _before
    cdef int* where
    cdef double* terms
    cdef int _n_columns
    cdef bint add(self, double* row, int m) noexcept
