"""Beliefs on a page that people keep open, and an API for pages of their own.

Needs the extra ``dashboard``.
"""
