"""Numerical functions that keep their digits where scipy.special loses them."""
