"""Access to the database of a store that bypasses seqbayes."""

import sqlite3
import zlib


def query(url, *statements):
    """Execute SQL statements in the database of a store; return the rows of the last one."""
    if url.startswith("postgres"):
        import psycopg

        connection = psycopg.connect(url, autocommit=True)
    else:
        connection = sqlite3.connect(url.removeprefix("sqlite:"), isolation_level=None)
    try:
        for statement in statements:
            cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def named(url, name):
    """Return the URL of a PostgreSQL store whose connections have a name."""
    return f"{url}&application_name={name}"


def terminate(url, name):
    """Close all connections with a name on the PostgreSQL server."""
    found = f"pg_stat_activity WHERE application_name = '{name}'"
    query(url, f"SELECT pg_terminate_backend(pid, 5000) FROM {found}")


def downgrade(url, version):
    """Turn a store into one of an older version of the tables."""
    rows = query(url, "SELECT belief, key, state FROM seqbayes_states")
    drops = ["seqbayes_states DROP COLUMN since_crc", "seqbayes_lease DROP COLUMN crc"]
    drops = [] if version >= 6 else drops
    if version < 5:
        tables = ["beliefs", "sources", "dead_letters", "history", "ids"]
        tables += ["states"] if version < 4 else []
        drops += [f"seqbayes_{table} DROP COLUMN crc" for table in tables]
    if version < 3:
        drops.append("seqbayes_lease DROP COLUMN pulse")
    query(
        url,
        *(f"ALTER TABLE {drop}" for drop in drops),
        *(["DROP TABLE seqbayes_ids"] if version < 2 else []),
        *([] if version == 7 else ["DROP TABLE seqbayes_alerts", "DROP TABLE seqbayes_messages"]),
        "DROP TABLE seqbayes_annotations",
        "DELETE FROM seqbayes_meta WHERE name = 'id'",
        f"UPDATE seqbayes_meta SET value = '{version}'",
    )
    if version < 4 or version >= 6:
        return
    for belief, key, state in rows:  # of the texts alone
        crc = zlib.crc32(f"{key}{state}".encode())
        where = f"belief = '{belief}' AND key = '{key}'"
        query(url, f"UPDATE seqbayes_states SET crc = {crc} WHERE {where}")
    if version == 5:
        for name, token in query(url, "SELECT name, token FROM seqbayes_sources"):
            crc = zlib.crc32(f"{name}{token}".encode())
            query(url, f"UPDATE seqbayes_sources SET crc = {crc} WHERE name = '{name}'")
