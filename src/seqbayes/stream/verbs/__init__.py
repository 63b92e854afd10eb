"""Verbs of the command line that work on streams and stores.

Each module contains one function and its command, both named after the module; the functions are
exported by `seqbayes.stream`.
"""
