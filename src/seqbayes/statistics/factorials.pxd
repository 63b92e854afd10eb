cdef double log_factorial(double k) noexcept
cdef double stirling_error(double n) noexcept
cdef double LARGE, HUGE
cdef double _remainder(double x) noexcept
cdef double log_low(double x, double high) noexcept
cdef double times_log_low(double a, double a_low, double x, double x_low, double high) noexcept
cdef double log_factorial_low(double k, double k_low, double high) noexcept
cdef double log_choose_low(double k, double k_low, double m, double m_low, double high) noexcept
cdef double fast_log_choose(double n, double k) noexcept
