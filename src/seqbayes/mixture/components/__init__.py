"""Components of mixtures: readers of observations, and kernels that keep statistics."""
