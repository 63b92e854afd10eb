cdef double weight(object w) except? -1.0
cdef double real(object x, str expected) except? -1.0
cdef double count(object x, str expected) except? -1.0
