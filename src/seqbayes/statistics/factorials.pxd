cdef double log_factorial(double k) noexcept
cdef double stirling_error(double n) noexcept
cdef double fast_log_choose(double n, double k) noexcept
