cdef class Journal:
    cdef object _columns, _saved_rows, _saved_cells, _saved_clocks
    cdef dict _more
    cdef unsigned char[::1] noted
    cdef long long[::1] _rows
    cdef double[:, ::1] _cells, _saved
    cdef double[::1] _clocks, _landmarks
    cdef double[:, ::1] _times
    cdef Py_ssize_t _n, n_used
    cdef int _width
    cdef bint _decayed
    cdef void note(self, Py_ssize_t row) noexcept
