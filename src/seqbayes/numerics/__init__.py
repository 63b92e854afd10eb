"""Numerical functions that are accurate where scipy.special loses digits."""
