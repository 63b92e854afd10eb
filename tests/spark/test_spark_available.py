"""Errors of seqbayes.spark if PySpark or Java is missing."""

import importlib.util
import sys

import pytest

import seqbayes.spark
from seqbayes.errors import SeqbayesError

REASON = "tests of Spark need its extra: pip install -e '.[spark]'"
INSTALLED = importlib.util.find_spec("pyspark") is not None


def test_the_tests_of_spark_run():
    if not INSTALLED:
        pytest.skip(REASON)


def test_without_pyspark_the_error_names_the_extra(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("seqbayes.spark.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(ImportError, match=r"seqbayes\.spark needs pyspark: .*\[spark\]"):
        seqbayes.spark.learn  # noqa: B018


@pytest.mark.skipif(not INSTALLED, reason=REASON)
@pytest.mark.parametrize("home", ["", "/nowhere"])
def test_without_java_the_error_names_the_package(monkeypatch, tmp_path, home):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    if home:
        monkeypatch.setenv("JAVA_HOME", home)
    with pytest.raises(SeqbayesError, match=r"Spark needs Java.*openjdk-17-jre-headless"):
        seqbayes.spark.session("local[1]")


@pytest.mark.skipif(not INSTALLED, reason=REASON)
def test_an_old_java_is_refused_with_its_version(monkeypatch, tmp_path):
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_402\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(SeqbayesError, match="newer version of Java than 8"):
        seqbayes.spark.session("local[1]")
