"""Spark sessions with the settings that beliefs need."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from pyspark.sql import SparkSession

from seqbayes.errors import SeqbayesError

OLDEST_JAVA = 17

SETTINGS: Mapping[str, str] = {
    # the store of `transformWithState`, whose schema can gain columns only in this format
    "spark.sql.streaming.stateStore.providerClass": (
        "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    ),
    "spark.sql.streaming.stateStore.encodingFormat": "avro",
    # fewer and larger batches between Spark and Python
    "spark.sql.execution.arrow.maxRecordsPerBatch": "100000",
    # no limit: with a limit, Spark computes the size of the batch after every row
    "spark.sql.execution.arrow.maxBytesPerBatch": "2147483647",
    # small partitions of cached results are combined: each one requires a call to Python
    "spark.sql.optimizer.canChangeCachedPlanOutputPartitioning": "true",
}
"""Settings of a session that learns beliefs; those of a running session are not changed."""


def session(
    master: str = "local[*]", name: str = "seqbayes", settings: Mapping[str, str] | None = None
) -> SparkSession:
    """Start a Spark session with the settings for beliefs, or return the running session.

    Parameters
    ----------
    master
        The cluster: "local[*]" is this machine, "local-cluster[2,1,1024]" two processes on this
        machine with one core and 1024 MiB each.
    name
        Name of the application.
    settings
        More settings, which replace `SETTINGS`.

    Raises
    ------
    SeqbayesError
        If Java is not installed, or too old.

    Examples
    --------
    >>> from seqbayes.spark import session  # doctest: +SKIP
    >>> spark = session("local[2]")  # doctest: +SKIP
    """
    check_java()
    if master.startswith("local"):
        # otherwise Spark uses the address of the host name, and the Python on the PATH
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master(master).appName(name)
    for key, value in {**SETTINGS, **(settings or {})}.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def check_java() -> None:
    """Raise an error unless a version of Java that Spark supports is installed.

    Raises
    ------
    SeqbayesError
        If Java is not installed, or too old; the message contains the remedy.
    """
    remedy = (
        f"install Java {OLDEST_JAVA} or later, such as Debian's openjdk-17-jre-headless, and set"
        " JAVA_HOME if it is not on the PATH"
    )
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    try:
        if java is None:
            raise FileNotFoundError("java")
        # the version is printed to standard error
        found = subprocess.run([java, "-version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        where = f"in JAVA_HOME={home}" if home else "on the PATH"
        raise SeqbayesError(f"Spark needs Java, which was not found {where}: {remedy}") from None
    version = re.search(r'version "(?:1\.)?(\d+)', found.stderr)
    if version is not None and int(version[1]) < OLDEST_JAVA:
        raise SeqbayesError(
            f"Spark needs a newer version of Java than {version[1]} ({java}): {remedy}"
        )
