"""Access to the database of a store that bypasses seqbayes."""

import sqlite3


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
