from seqbayes.statistics.base cimport Statistics

cdef class PythonStatistics(Statistics):
    cdef public tuple sums
    cdef object _term
