cdef class Row:
    cdef double[::1] values
    cdef readonly object array

cdef class RowReader:
    cdef public Py_ssize_t at, size
    cpdef int read(self, object x, Row row) except -1
    cpdef int skip(self, Row row) except -1

cdef double number(object x) except? -1.0
