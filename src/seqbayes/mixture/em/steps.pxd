from seqbayes.mixture.components.rows cimport RowReader, Row

cdef class Steps:
    cdef readonly list kernels
    cdef readonly RowReader reader
    cdef public double n, memory
    cdef Row _row
    cdef bint _learns_weights
    cdef double[::1] _weights, _prior, _live, _explained, _r
    cdef double _e_step(self, Row row, bint exact) except? -1.0
    cdef int _m_step(self, bint streaming) except -1
