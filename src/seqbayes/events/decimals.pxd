cdef char *number_end(char *at, double *found) noexcept
