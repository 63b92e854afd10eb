cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define seqbayes_prefetch(address) __builtin_prefetch(address, 1)
    #else
    #define seqbayes_prefetch(address)
    #endif
    """
    void prefetch "seqbayes_prefetch" (void *address) noexcept nogil
