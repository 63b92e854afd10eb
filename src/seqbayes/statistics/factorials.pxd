cdef double log_factorial(double k) noexcept
cdef double stirling_error(double n) noexcept
cdef double LARGE, HUGE
cdef double fast_log_choose(double n, double k) noexcept
cdef (double, double) log_pair(double x) noexcept
cdef (double, double) times_log(double a, double a_low, double x, double x_low) noexcept
cdef (double, double) shifted_log_factorial(double k, double k_low) noexcept
cdef (double, double) log_factorial_pair(double k, double k_low) noexcept
cdef (double, double) log_choose_pair(double k, double k_low, double m, double m_low) noexcept
