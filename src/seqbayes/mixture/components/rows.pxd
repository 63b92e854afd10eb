cdef class Row:
    cdef double[::1] values
    cdef readonly object array

cdef class RowReader:
    cdef public Py_ssize_t at, size
    cpdef int read(self, object x, Row row) except -1
    cpdef int skip(self, Row row) except -1

cdef class PastRows:
    cdef readonly Py_ssize_t count
    cdef Py_ssize_t _width, _size, _first
    cdef double due, _stride, _next_check
    cdef double[:, ::1] _rows
    cdef double[::1] _logs
    cdef bint keep(self, Row row, double log_density, double n) except -1
    cdef double read(self, Py_ssize_t i, Row row) except? -1.0

cdef double number(object x) except? -1.0
