cdef enum:
    STRIDE = 6

cdef inline int append(int* where, double* terms, int k, int place, double v) noexcept:
    where[k] = place
    terms[k] = v
    return k + (v != 0.0)
