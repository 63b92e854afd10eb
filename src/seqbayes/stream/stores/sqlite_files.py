"""SQLite files: how they are opened and identified, and the messages for their errors."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from seqbayes.stream.stores.base import Mode


def access_parameters(path: str, mode: Mode) -> str:
    """Return the URI parameters to open a file; reading a log requires files next to it."""
    folder = os.path.dirname(os.path.abspath(path))
    if mode == "open" or (os.access(path, os.W_OK) and os.access(folder, os.W_OK)):
        return "mode=rw"
    log = Path(f"{path}-wal")
    return "mode=ro" if log.exists() and log.stat().st_size else "immutable=1"


def file_url(path: str, parameters: str) -> str:
    r"""Return the URI of a file, whose name may contain bytes that are not UTF-8.

    Examples
    --------
    >>> file_url("/data/gr\udcf6sse.db", "mode=ro")
    'file:/data/gr%F6sse.db?mode=ro'
    """
    return f"file:{quote(os.fsencode(os.path.abspath(path)))}?{parameters}"


def file_id(path: str) -> tuple[int, int] | None:
    """Return the device and the inode of a file; None if it does not exist."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_other_file(path: str) -> bool:
    """Return whether SQLite would report that a file is not a database.

    The file is opened by SQLite, because closing a Python file descriptor would release the locks
    of all connections of this process (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    Without locks, another process that closes its connection deletes the log.
    """
    try:
        with closing(_connect_immutable(path)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error as error:
        return result_code(error) == sqlite3.SQLITE_NOTADB
    return False


def _connect_immutable(path: str) -> sqlite3.Connection:
    """Connect to a file without locks, ignoring its log."""
    return sqlite3.connect(file_url(path, "immutable=1"), uri=True)


def read_serial(path: str) -> tuple[str | None, int, int]:
    """Return the identity, epoch and serial number of a store, ignoring its log.

    If the store cannot be read, the identity is None.
    """
    sql = "SELECT value, epoch, serial FROM seqbayes_meta, seqbayes_lease WHERE name = 'id'"
    for pause in (0.0, 0.05, 0.2):  # another process may be in a checkpoint
        time.sleep(pause)
        reading = suppress(sqlite3.Error, TypeError, ValueError)
        with reading, closing(_connect_immutable(path)) as connection:
            identity, epoch, serial = connection.execute(sql).fetchone()
            return identity, int(epoch), int(serial)
    return None, 0, 0


REMEDIES = {
    sqlite3.SQLITE_BUSY: "another program is writing to it; try again when that program has ended",
    sqlite3.SQLITE_CANTOPEN: "check that its directory exists and that you may write to it",
    sqlite3.SQLITE_FULL: "free some space, then run again",
    sqlite3.SQLITE_NOTADB: "it is not a seqbayes store, or it is damaged; choose another file",
    sqlite3.SQLITE_IOERR: "check that the disk has free space and no errors",
    sqlite3.SQLITE_READONLY: "check the permissions of the file and its directory",
}


def result_code(error: BaseException | None) -> int:
    """Return the primary result code of SQLite; 0 for other errors."""
    return int(vars(error).get("sqlite_errorcode", 0)) & 0xFF if error else 0


def explain(path: str, error: sqlite3.Error | UnicodeDecodeError) -> str:
    """Return the message for an SQLite error: the cause and the remedy."""
    text, code = " ".join(str(error).split()), result_code(error)
    # the statements are correct, so the tables or their contents must be damaged
    damaged = code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR)
    if damaged or isinstance(error, UnicodeDecodeError) or "UTF-8" in text:
        return f"{path} is damaged ({text[:300]}): restore a backup"
    return f"{path}: {text}{f'; {REMEDIES[code]}' if code in REMEDIES else ''}"
