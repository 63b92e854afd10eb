"""One belief for each of many keys, stored in columns."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seqbayes.misplaced import missing

if TYPE_CHECKING:
    from seqbayes.table.answers import Answers
    from seqbayes.table.pooling import Pool, PooledPrior
    from seqbayes.table.table import Table

__all__ = ["Answers", "Pool", "PooledPrior", "Table"]

# Imported on first use, because a stream needs only the index of keys.
_HOMES = {"Answers": "answers", "Pool": "pooling", "PooledPrior": "pooling", "Table": "table"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise missing(__name__, name)
    found = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return __all__
