cdef inline double lost(double high, double v, double s) noexcept:
    cdef double t = s - high
    return (high - (s - t)) + (v - t)

cdef inline double lost_product(double x, double y, double p) noexcept:
    cdef double t = 134217729.0 * x
    cdef double xh = t - (t - x)
    cdef double xl = x - xh
    cdef double u = 134217729.0 * y
    cdef double yh = u - (u - y)
    cdef double yl = y - yh
    return ((xh * yh - p) + xh * yl + xl * yh) + xl * yl
