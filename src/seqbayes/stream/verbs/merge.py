"""``merge``: combine several stores into one."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import msgspec

from seqbayes.console.log import Log, Tracker, add_format
from seqbayes.errors import SeqbayesError
from seqbayes.stream.partials import merge_entries
from seqbayes.stream.sources.posted import HORIZON
from seqbayes.stream.stores import (
    CLASH,
    STREAM,
    Contents,
    SeenId,
    SourcePosition,
    Store,
    StoredEntry,
    StoredLetter,
    StoreError,
    difference,
    open_store,
    store_path,
)
from seqbayes.stream.verbs.shared import EPILOG, STORE_HELP, created_store, reports_errors
from seqbayes.stream.verbs.stored import StoredBelief

EXAMPLES = f"""\
examples:
  seqbayes merge monday.db tuesday.db -o week.db
  seqbayes merge shard*.db -o postgresql://user@host/database

The data of all stores are added key by key, and the prior is counted once; beliefs with a half-life
in time are decayed to the same time. The input stores do not change.

{EPILOG}"""


@dataclass
class Merged:
    """The result of a merge: numbers of beliefs, keys and dead letters, and warnings."""

    beliefs: int = 0
    keys: int = 0
    dead_letters: int = 0
    warnings: list[str] = field(default_factory=list)


def merge(urls: Sequence[str], target: str, tracker: Tracker | None = None) -> Merged:
    """Combine several stores, such as shards of a stream; the prior is counted once.

    Each store is read in a single snapshot. Beliefs with a half-life in time are decayed to the
    same time. Dead letters, history, idempotency ids and source offsets are copied; a source with
    different offsets is marked, so that it cannot be resumed by mistake.

    Parameters
    ----------
    urls
        URLs or paths of two or more stores.
    target
        URL or path of the new store.
    tracker
        Reports the progress.

    Raises
    ------
    StoreError
        If a belief is declared differently in two stores, states under one key cannot be merged, or
        the target is not empty. The target is then left unchanged.

    Notes
    -----
    Mixtures are matched component by component. Estimators with the River interface cannot be
    merged: for each key, at most one store may contain an estimator.
    """
    if len({_identity(url) for url in urls}) < max(len(urls), 2):
        raise SeqbayesError(f"expected at least two different stores, got {', '.join(urls)}")
    merged = Merged()
    with ExitStack() as opened:
        stores: list[Store] = []
        for url in urls:
            stores.append(opened.enter_context(open_store(url, "read")))
            opened.enter_context(stores[-1].snapshot())
        if tracker is not None:
            names = ((store, name) for store in stores for name in store.declarations())
            tracker.total = sum(store.entry_count(name) for store, name in names)
        declared = _declarations(stores)
        shared = {name for name, owners in declared.items() if len(owners) > 1}
        positions = list(_positions(stores, bool(shared), merged))
        with created_store(target) as store:
            store.fill(
                Contents(
                    {name: store.declarations()[name] for name, (store, *_) in declared.items()},
                    _entries(declared, merged, tracker or Tracker()),
                    positions,
                    _letters(stores, merged),
                    (
                        point
                        for name in (STREAM, *declared)
                        for each in stores
                        for point in each.points(name)
                    ),
                    _ids(stores, {position.source for position in positions}),
                    annotations=(note for each in stores for note in each.annotations()),
                )
            )
    merged.beliefs = len(declared)
    return merged


def _identity(url: str) -> object:
    """Return a value that is the same for all names of a store, such as links to its file."""
    path = store_path(url)
    if path is None or not path.exists():
        return url
    found = path.stat()
    return found.st_dev, found.st_ino


def _declarations(stores: Sequence[Store]) -> dict[str, list[Store]]:
    """Return the stores that contain each belief; raise an error if its declarations differ."""
    found: dict[str, list[Store]] = {}
    texts: dict[str, str] = {}
    for store in stores:
        for name, text in store.declarations().items():
            if difference(texts.setdefault(name, text), text):
                first = found[name][0]
                raise StoreError(
                    f"belief {name!r} differs between {first.url} and {store.url}:"
                    f" {difference(texts[name], text)}"
                )
            found.setdefault(name, []).append(store)
    return found


def _entries(
    declared: dict[str, list[Store]], merged: Merged, tracker: Tracker
) -> Iterator[StoredEntry]:
    """Yield the states of all beliefs, ordered by the last use of their keys."""
    for name, stores in declared.items():
        stored = StoredBelief(name, stores[0].declarations()[name])
        entries: dict[str, StoredEntry] = {}
        for store in stores:
            for entry in tracker.track(store.entries(name)):
                earlier = entries.get(entry.key)
                entries[entry.key] = (
                    entry if earlier is None else merge_entries(stored.codec, [earlier, entry])
                )
        ordered = sorted(entries.values(), key=lambda entry: (entry.updated, entry.used))
        merged.keys += len(ordered)
        for i, entry in enumerate(ordered, 1):
            yield entry._replace(used=i)


def _positions(stores: Sequence[Store], shared: bool, merged: Merged) -> Iterator[SourcePosition]:
    """Yield the offset of each source, marked if the stores disagree."""
    everywhere = sorted(
        ((position, store) for store in stores for position in store.positions()),
        key=lambda item: item[0].source,
    )
    for source, group in itertools.groupby(everywhere, key=lambda item: item[0].source):
        found = list(group)
        position = found[0][0]
        urls = " and ".join(store.url for _, store in found)
        if len({each.token for each, _ in found}) > 1:
            what = f"the token of {source!r}"
            tokens = {store.url: store.decode(each.token, what) for each, store in found}
            position = SourcePosition(
                source,
                msgspec.json.encode({CLASH: tokens}).decode(),
                sum(each.events for each, _ in found),
                max(each.updated for each, _ in found),
            )
            merged.warnings.append(
                f"source {source!r} has different offsets in {urls}: no run can resume it"
            )
        elif len(found) > 1 and shared:
            merged.warnings.append(
                f"source {source!r} has the same offset in {urls}: if these stores have read the"
                " same events, these are now counted twice"
            )
        yield position


def _ids(stores: Sequence[Store], sources: set[str]) -> Iterator[tuple[str, SeenId]]:
    """Yield the idempotency ids of each source across all stores, renumbered by age."""
    for source in sorted(sources):
        ages: list[tuple[int, SeenId]] = []
        for store in stores:
            ids = list(store.ids(source))
            # numbers are relative to a store: the newest ids of all stores are aligned
            ages += [(each.number - ids[-1].number, each) for each in ids]
        seen: dict[str, SeenId] = {}
        for _, each in sorted(ages, key=itemgetter(0)):
            former = seen.pop(each.id, None)
            if former is not None and each.id == HORIZON:
                each = each._replace(note=str(max(int(former.note), int(each.note))))
            seen[each.id] = each
        for number, each in enumerate(seen.values(), 1):
            yield source, each._replace(number=number)


def _letters(stores: Sequence[Store], merged: Merged) -> Iterator[StoredLetter]:
    """Yield the dead letters of all stores, and count them."""
    for store in stores:
        for letter in store.letters():
            merged.dead_letters += 1
            yield letter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("stores", metavar="STORE", nargs="+", help=STORE_HELP)
    parser.add_argument(
        "-o", "--output", metavar="STORE", required=True, help="the new store, which must be empty"
    )
    add_format(parser)


@reports_errors
def command(args: argparse.Namespace, log: Log) -> int:
    """Merge the stores and return the exit status."""
    with Tracker(log) as tracker:
        merged = merge(args.stores, args.output, tracker)
    for warning in merged.warnings:
        log.event("offsets", warning, "warning")
    counts: dict[str, Any] = {
        "beliefs": merged.beliefs,
        "keys": merged.keys,
        "dead_letters": merged.dead_letters,
    }
    if args.log_format == "json":
        log.event("merged", **counts, output=args.output)
    else:
        parts = (f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
        sys.stdout.write(f"{args.output}: {', '.join(parts)}\n")
    return 0
