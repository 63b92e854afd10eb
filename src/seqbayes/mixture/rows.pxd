cdef class Reader:
    cdef double[::1] _row
    cdef public Py_ssize_t at, size
    cdef int _read(self, object x) except -1
    cdef int _skip(self) except -1

cdef double number(object x) except? -1.0
