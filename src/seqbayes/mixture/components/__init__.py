"""Components of mixtures: readers of observations, and kernels with their statistics."""
