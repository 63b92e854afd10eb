"""A store and a configuration in a temporary folder, for the examples of the documentation."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from seqbayes.events.belief import Belief
from seqbayes.families import Beta
from seqbayes.stream.config import load_config
from seqbayes.stream.pipeline import Collector, Pipeline
from seqbayes.stream.sources import Iterated
from seqbayes.stream.stores import open_store


def example_store(*events: Mapping[str, Any], collectors: Iterable[Collector] = ()) -> str:
    """Return the path of a new store, with a belief about the sales per offer of each shop.

    Parameters
    ----------
    events
        Events with ``shop`` and ``sold``; by default a single sale of the shop "north".
    collectors
        Collectors of the pipeline.

    Examples
    --------
    >>> from seqbayes import stream
    >>> [found.key for found in stream.show(example_store())]
    [{'shop': 'north'}]
    """
    path = f"{tempfile.mkdtemp()}/beliefs.db"
    source = Iterated(events or [{"shop": "north", "sold": True}], name="sales")
    belief = Belief("sales", Beta(), field="sold", by="shop")
    with Pipeline(source, [belief], open_store(path), collectors=list(collectors)) as pipeline:
        for _ in pipeline:
            pass
    return path


def example_choice() -> str:
    """Return the path of a configuration with a choice between two layouts, and create its store.

    Examples
    --------
    >>> from seqbayes import stream
    >>> stream.choose(example_choice(), "layout").propensity
    0.5
    """
    folder = tempfile.mkdtemp()
    path = Path(folder, "seqbayes.toml")
    path.write_text(f"""
store = "{folder}/beliefs.db"
source = {{ kind = "http", id = "id" }}
belief.sales = {{ state = "beta", field = "sold", by = "layout" }}
choice.layout = {{ belief = "sales", arm = "layout", arms = ["red", "blue"] }}
""")
    load_config(path).open().close()
    return str(path)
