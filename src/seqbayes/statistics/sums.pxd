cimport cython

cdef double LARGE, NEGLIGIBLE, ASSUMED_SMALLEST

@cython.final
cdef class Sum:
    cdef double high, low, third, fourth, fifth, smallest_term
    cdef list extra_parts
    cdef int add(self, double v) except -1
    cdef int add_low(self, double v) except -1
    cdef int add_third(self, double v) except -1
    cdef int _add_fifth(self, double v) except -1
    cdef int _add_more(self, double v) except -1
    cdef int add_product(self, double x, double y) except -1
    cdef int renormalise(self) except -1
    cdef int merge(self, Sum other) except -1
    cdef int copy_from(self, Sum other) except -1
    cdef int clear(self) except -1
    cdef int scale(self, double factor) except -1
    cdef int change_unit(self, double unit) except -1
    cdef int add_scaled(self, Sum other, double factor) except -1
    cdef double total(self) except? -1.0
    cpdef bint fits(self, double v) noexcept
