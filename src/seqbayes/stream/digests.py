"""Digests of bytes."""

from __future__ import annotations

try:
    # importing hashlib loads OpenSSL, which takes 4 ms and 3.5 MB
    from _blake2 import blake2b
except ImportError:  # another implementation of Python
    from hashlib import blake2b


def digest_of(data: bytes, size: int) -> str:
    """Return a digest of bytes, in hexadecimal.

    Parameters
    ----------
    data
        The bytes.
    size
        Number of bytes of the digest.

    Examples
    --------
    >>> digest_of(b"north", 4)
    '49128dd4'
    """
    return blake2b(data, digest_size=size).hexdigest()
