"""Beliefs on Apache Spark, in batches and streams; they need the extra `spark`."""

import importlib
from typing import TYPE_CHECKING, Any

from seqbayes.extras import missing_extra
from seqbayes.misplaced import missing

if TYPE_CHECKING:
    from seqbayes.spark.batch import Beliefs, learn
    from seqbayes.spark.estimates import answers
    from seqbayes.spark.parquet import learn_parquet
    from seqbayes.spark.sessions import session
    from seqbayes.spark.streaming import learn_stream
    from seqbayes.spark.writing import StoreWriter

_MODULES = {
    "Beliefs": "batch",
    "StoreWriter": "writing",
    "answers": "estimates",
    "learn": "batch",
    "learn_parquet": "parquet",
    "learn_stream": "streaming",
    "session": "sessions",
}

__all__ = ["Beliefs", "StoreWriter", "answers", "learn", "learn_parquet", "learn_stream", "session"]


# imported on first use, so that seqbayes can list its modules without PySpark
def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise missing(__name__, name)
    try:
        module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in ("pyspark", "py4j", "pyarrow", "google"):
            raise
        raise ImportError(str(missing_extra(__name__, package, "spark"))) from None
    return getattr(module, name)
