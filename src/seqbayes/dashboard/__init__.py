"""A web page with live beliefs, and an API for other programs.

The page and the API need the extra ``dashboard``.
"""
