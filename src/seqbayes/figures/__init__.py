"""Figures of beliefs, as inline SVG and with matplotlib, and data frames of their estimates."""
