"""A web page with live beliefs, and an API for other programs.

Both need the extra ``dashboard``.
"""
