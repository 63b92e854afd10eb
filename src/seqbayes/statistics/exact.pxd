cdef inline double rounding_error(double high, double v, double s) noexcept:
    cdef double t = s - high
    return (high - (s - t)) + (v - t)

cdef inline double product_error(double x, double y, double p) noexcept:
    cdef double t = 134217729.0 * x
    cdef double xh = t - (t - x)
    cdef double xl = x - xh
    cdef double u = 134217729.0 * y
    cdef double yh = u - (u - y)
    cdef double yl = y - yh
    return ((xh * yh - p) + xh * yl + xl * yh) + xl * yl

cdef inline double square_error(double y, double p) noexcept:
    cdef double t = 134217729.0 * y
    cdef double yh = t - (t - y)
    cdef double yl = y - yh
    return ((yh * yh - p) + 2.0 * yh * yl) + yl * yl
