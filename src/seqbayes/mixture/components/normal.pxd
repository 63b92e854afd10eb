from seqbayes.mixture.components.kernel cimport Kernel
from seqbayes.mixture.components.rows cimport Row

cdef class NormalKernel(Kernel):
    cdef Py_ssize_t _d, _weight_at
    cdef bint _packed
    cdef readonly bint is_proper
    cdef double _kappa, _df, _limit, _constant
    cdef double[::1] _prior_mean, _mean, _z
    cdef bint _leaves_values(self, double keep, double gain) noexcept
    cdef double _bounded(self, double squares) noexcept
