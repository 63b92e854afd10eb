"""Exit statuses of the program."""

from __future__ import annotations

NO_RESULT = 1
USAGE_ERROR = 2
STORE_IN_USE = 3
FAILED = 4
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
PIPE_CLOSED = 141  # with SIGPIPE

MEANINGS = {
    0: "success",
    NO_RESULT: "no usable input, or no such belief, key or source in the store",
    USAGE_ERROR: "usage error, or a configuration or file that cannot be read",
    STORE_IN_USE: "another process is using the store",
    FAILED: "the store or the source failed; everything committed before is kept",
    129: "stopped by SIGHUP",
    INTERRUPTED: "stopped by Ctrl-C",
    PIPE_CLOSED: "output pipe closed",
    143: "stopped by SIGTERM",
}
"""The meaning of every exit status."""
