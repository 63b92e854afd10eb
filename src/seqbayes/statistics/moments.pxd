cimport cython
from seqbayes.statistics.base cimport Statistics
from seqbayes.statistics.sums cimport Sum

cdef double CANCELLATION_SHARE

@cython.final
cdef class Moments(Statistics):
    cdef bint _logarithm
    cdef Sum _s1, _s2
    cdef double _y
    cdef double _shift(self, double origin) noexcept
    cdef double _squares(self, double origin, double shift) noexcept
    cdef double _move(self, Moments other, double origin) except -1.0
    cdef int set_sums(self, Sum n, Sum s1, Sum s2, double y) except -1
