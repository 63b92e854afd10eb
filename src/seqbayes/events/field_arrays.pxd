cdef class FieldArrays:
    cdef tuple _arrays
    cdef list _names
    cdef int[::1] _kinds
    cdef double[:, ::1] _numbers
    cdef long long[:, ::1] _ends
    cdef char[:, ::1] _texts
    cdef long long[:, ::1] _plan
    cdef bint _read_object(self, char *at, char *stop, Py_ssize_t row) noexcept
    cdef int _slot_of(self, char *name, Py_ssize_t size, int expected) noexcept
    cdef char *_read_value(self, char *at, int slot, Py_ssize_t row) noexcept
    cdef bint _put_text(self, int slot, Py_ssize_t row, char *begin, Py_ssize_t size) noexcept
    cdef bint _read_cells(self, char *at, char delimiter, Py_ssize_t row) except? -1
    cdef bint _read_cell(self, char *cell, Py_ssize_t size, int slot, Py_ssize_t row) except? -1
