from seqbayes.mixture.components.rows cimport Row

cdef double IMPOSSIBLE, SMALLEST_SHARE, NEGLIGIBLE_GAIN

cdef class Kernel:
    cdef double[::1] _live
    cdef double[::1] _averaged
    cdef public Py_ssize_t at
    cdef public bint far
    cdef public double m_step_rows
    cpdef double log_density(self, Row row) except? -1.0
    cpdef double log_predictive(self, Row row) except? -1.0
    cpdef int learn(self, Row row, double keep, double gain) except -1
    cpdef int average(self, double step) except -1
    cpdef int m_step(self, double n) except -1
    cpdef bint has_moved(self) except -1
    cpdef int copy_statistics(self, Kernel other, bint averaged) except -1
