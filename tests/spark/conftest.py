"""One session of Spark on a local cluster, shared by the tests of a module."""

import importlib.util
import os

import pytest

# a cluster on this machine needs the version of Scala if Spark comes from PyPI
os.environ.setdefault("SPARK_SCALA_VERSION", "2.13")
# the tests are too short for an optimised compilation
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.default.parallelism": "2",
    "spark.log.level": "ERROR",
    "spark.sql.adaptive.enabled": "false",
}


def pytest_ignore_collect(collection_path, config):
    """Do not import tests whose packages are missing; one test reports that they are skipped."""
    absent = importlib.util.find_spec("pyspark") is None
    return True if absent and collection_path.name != "test_spark_available.py" else None


@pytest.fixture(scope="module")
def spark():
    """A local cluster with two worker processes."""
    from seqbayes.errors import SeqbayesError
    from seqbayes.spark import session

    try:
        started = session("local-cluster[2,1,1024]", settings=SETTINGS)
    except SeqbayesError as error:
        pytest.skip(str(error))
    yield started
    started.stop()
