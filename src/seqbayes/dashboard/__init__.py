"""A web page with live beliefs, and an API for other programs.

Needs the extra ``dashboard``.
"""
