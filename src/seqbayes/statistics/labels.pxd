from seqbayes.statistics.base cimport Statistics
from seqbayes.statistics.sums cimport Sum

cdef class LabelCounts(Statistics):
    cdef readonly dict cells
    cdef bint _closed
    cdef object _label
    cdef list _labels
    cdef dict _positions
    cdef int _position
    cdef Sum _cell(self, object label)
    cdef double _weight(self, object label) except? -1.0
    cdef int _check_total(self, double w) except -1
