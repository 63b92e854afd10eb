cdef class Kernel:
    cdef double[::1] _row
    cdef double[::1] _hat
    cdef double[::1] _bar
    cdef public Py_ssize_t at
    cdef double _density(self) noexcept
    cdef void _learn(self, double keep, double gain) noexcept
    cdef void _average(self, double step) noexcept
    cdef void _maximise(self, double n) noexcept
