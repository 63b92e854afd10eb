from seqbayes.mixture.components.factor cimport Conditioning, Factor
from seqbayes.mixture.components.kernel cimport Kernel
from seqbayes.mixture.components.normal cimport NormalKernel
from seqbayes.mixture.components.rows cimport Row

cdef class GaussianKernel(NormalKernel):
    cdef bint _tied, _logarithm, _partial, _has_student
    cdef Py_ssize_t _present
    cdef double _divisor, _strength, _squares, _height, _student, _prior_log_det
    cdef double[::1] _prior_scale, _scale, _x
    cdef Factor _factor
    cdef Conditioning _conditioning
    cdef public list group
    cpdef double log_density(self, Row row) except? -1.0
    cpdef double log_predictive(self, Row row) except? -1.0
    cpdef int learn(self, Row row, double keep, double gain) except -1
    cpdef int m_step(self, double n) except -1
    cdef bint _measure(self, Row row) noexcept
    cdef void _move(self, double keep, double old, double gain) noexcept
    cdef void _set_mode(self, double n, double factor, double weight) noexcept
    cdef double _log_peak_density(self, Py_ssize_t d, double freedom, double log_det) noexcept
    cdef void _tie(self) noexcept
    cdef void pool(self, GaussianKernel other) noexcept
    cdef void share(self, GaussianKernel other) noexcept
    cdef void _factorise(self) noexcept
