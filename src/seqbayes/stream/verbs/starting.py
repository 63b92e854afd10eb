"""``init``, ``check`` and ``run``: from a configuration to beliefs."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from seqbayes.stream.config import Config, load_config
from seqbayes.stream.pipeline import Collector, Pipeline

EVENTS = "events.jsonl"


def init(path: str | Path = "seqbayes.toml") -> list[Path]:
    """Write a commented configuration, and a few events to try it on where there are none.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    list of Path
        The files that were written.

    Raises
    ------
    OSError
        If the file is there already, or cannot be written.
    """
    target = Path(path)
    written = [_write(target, "init.toml")]
    events = target.parent / EVENTS
    if not events.exists():
        written.append(_write(events, "init.jsonl"))
    return written


def _write(path: Path, template: str) -> Path:
    text = (resources.files("seqbayes.stream") / template).read_text(encoding="utf-8")
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
    return path


def check(path: str | Path) -> Config:
    """Return what a configuration asks for.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    ConfigError
        If it has mistakes; it names all of them, each with its line or the path of its key.
    OSError
        If the file cannot be read.
    """
    return load_config(path)


def run(path: str | Path, once: bool = False, collectors: Sequence[Collector] = ()) -> Pipeline:
    """Keep the beliefs of a configuration until its source ends; return the pipeline, closed.

    Parameters
    ----------
    path
        The file.
    once
        Whether to stop where nothing more is there at present.
    collectors
        What looks on.

    Raises
    ------
    ConfigError
        If the configuration has mistakes.
    LeaseError
        If another runner has the store.
    StoreError, SourceError
        If store or source fails; what was committed stays.
    """
    with load_config(path).open(collectors) as pipeline:
        for step in pipeline:
            if once and step.idle:
                break
    return pipeline
