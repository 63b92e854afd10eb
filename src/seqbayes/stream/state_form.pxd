cdef class StateForm:
    cdef char* between
    cdef long long* ends
    cdef long long* slots
    cdef double* powers
    cdef readonly Py_ssize_t n, size
    cdef Py_ssize_t head, tail
    cdef tuple _kept
    cdef bint read(self, char* text, Py_ssize_t size, bint brief, double* values) except? -1
    cdef Py_ssize_t write(self, char* to, double* values) except? -1
