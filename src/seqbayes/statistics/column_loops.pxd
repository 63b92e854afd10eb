cdef class Adder:
    cdef int[::1] _places
    cdef int[::1] _where
    cdef double[::1] _terms
    cdef double[::1] _before
    cdef int* where
    cdef double* terms
    cdef int _n_columns
    cdef bint add(self, double* row, int m) noexcept

cdef class Journal:
    cdef object _columns, _saved_rows, _saved_cells, _saved_clocks
    cdef dict _more
    cdef unsigned char[::1] noted
    cdef long long[::1] _rows
    cdef double[:, ::1] _cells, _saved
    cdef double[::1] _clocks, _landmarks
    cdef double[:, ::1] _times
    cdef Py_ssize_t _n
    cdef int _width
    cdef bint _decayed
    cdef void note(self, Py_ssize_t row) noexcept
