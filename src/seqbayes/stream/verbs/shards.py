"""``merge``: several stores become one."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path

import msgspec

from seqbayes.console.log import Tracker
from seqbayes.errors import SeqbayesError
from seqbayes.stream.sql import difference
from seqbayes.stream.sql_reader import CLASH
from seqbayes.stream.store import (
    Contents,
    Place,
    SeenId,
    Store,
    StoredEntry,
    StoredLetter,
    StoreError,
    open_store,
)
from seqbayes.stream.verbs.answers import Kept


@dataclass
class Merged:
    """What was merged: numbers of beliefs, keys and dead letters, and what is to be known."""

    beliefs: int = 0
    keys: int = 0
    dead_letters: int = 0
    warnings: list[str] = field(default_factory=list)


def merge(urls: Sequence[str], target: str, tracker: Tracker | None = None) -> Merged:
    """Make one store of several, such as shards of one stream: all they have seen, the prior once.

    Each is read as of one moment. Beliefs that forget by time are brought to one clock. Dead
    letters, history, the identities of events, and where the sources stand are taken along; a
    source that stands at different places is marked, so that no run reads it by mistake.

    Parameters
    ----------
    urls
        Of two stores or more.
    target
        URL of the new store.
    tracker
        What tells how far it is.

    Raises
    ------
    StoreError
        If a belief is declared differently in two stores, or states under one key cannot be merged,
        or the target is not empty. It is left as it was then.

    Notes
    -----
    Mixtures that have learned from different events are matched component by component. The
    estimators of River's interface cannot be merged: no two stores may have one under the same key.
    """
    if len({_identity(url) for url in urls}) < max(len(urls), 2):
        raise SeqbayesError(f"expected two different stores or more, got {', '.join(urls)}")
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
        places = list(_places(stores, bool(shared), merged))
        with _created(target) as store:
            store.fill(
                Contents(
                    {name: store.declarations()[name] for name, (store, *_) in declared.items()},
                    _entries(declared, merged, tracker or Tracker()),
                    places,
                    _counted(stores, merged),
                    (p for name in declared for each in stores for p in each.points(name)),
                    _ids(stores, {place.source for place in places}),
                )
            )
    merged.beliefs = len(declared)
    return merged


def _identity(url: str) -> str:
    return url if "://" in url else os.path.realpath(url.removeprefix("sqlite:"))


@contextmanager
def _created(url: str) -> Iterator[Store]:
    """Open a store to be filled; a file that was made for it goes where that fails."""
    path = Path(url.removeprefix("sqlite:"))
    new = "://" not in url and not path.exists()
    store = open_store(url)
    try:
        with store:
            store.acquire()
            yield store
    except BaseException:
        if new:
            path.unlink(missing_ok=True)
        raise


def _declarations(stores: Sequence[Store]) -> dict[str, list[Store]]:
    """Return the stores that have each belief, which must be the same in all of them."""
    found: dict[str, list[Store]] = {}
    texts: dict[str, str] = {}
    for store in stores:
        for name, text in store.declarations().items():
            if texts.setdefault(name, text) != text:
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
    """Yield the states of all beliefs, in the order in which their keys were last used."""
    for name, stores in declared.items():
        kept = Kept(name, stores[0].declarations()[name])
        entries: dict[str, StoredEntry] = {}
        for store in stores:
            for entry in tracker.track(store.entries(name)):
                mine = entries.get(entry.key)
                entries[entry.key] = entry if mine is None else _sum(kept, mine, entry)
        ordered = sorted(entries.values(), key=lambda entry: (entry.updated, entry.used))
        merged.keys += len(ordered)
        for i, entry in enumerate(ordered, 1):
            yield entry._replace(used=i)


def _sum(kept: Kept, mine: StoredEntry, theirs: StoredEntry) -> StoredEntry:
    state, other = kept.state(mine), kept.state(theirs)
    if not hasattr(state, "merge"):
        raise StoreError(
            f"belief {kept.name!r} has {mine.key} in several stores, and a {type(state).__name__}"
            f" cannot be merged"
        )
    try:
        state.merge(other)
    except SeqbayesError as error:
        raise StoreError(f"belief {kept.name!r}, {mine.key}: {error}") from None
    return StoredEntry(
        kept.name,
        mine.key,
        kept.forms.write(state),
        max(mine.used, theirs.used),
        min(mine.since, theirs.since),
        max(mine.updated, theirs.updated),
    )


def _places(stores: Sequence[Store], shared: bool, merged: Merged) -> Iterator[Place]:
    """Yield where each source stands, marked where that is not one place."""
    everywhere = sorted(
        ((place, store.url) for store in stores for place in store.places()),
        key=lambda item: item[0].source,
    )
    for source, group in itertools.groupby(everywhere, key=lambda item: item[0].source):
        found = list(group)
        place = found[0][0]
        urls = " and ".join(url for _, url in found)
        if len({each.token for each, _ in found}) > 1:
            tokens = {url: msgspec.json.decode(each.token) for each, url in found}
            place = Place(
                source,
                msgspec.json.encode({CLASH: tokens}).decode(),
                sum(each.events for each, _ in found),
                max(each.updated for each, _ in found),
            )
            merged.warnings.append(
                f"source {source!r} stands at different places in {urls}: no run can go on with it"
            )
        elif len(found) > 1 and shared:
            merged.warnings.append(
                f"source {source!r} stands at the same place in {urls}: if they have read the same"
                " events, these count twice now"
            )
        yield place


def _ids(stores: Sequence[Store], sources: set[str]) -> Iterator[tuple[str, SeenId]]:
    """Yield what each source has seen in any store, so that a retry counts once here as well."""
    for source in sorted(sources):
        ages: list[tuple[int, SeenId]] = []
        for store in stores:
            ids = list(store.ids(source))
            # numbers are a store's own: what is newest in any is newest in all
            ages += [(each.number - ids[-1].number, each) for each in ids]
        seen: dict[str, SeenId] = {}
        for _, each in sorted(ages, key=itemgetter(0)):
            seen.pop(each.id, None)
            seen[each.id] = each
        for number, each in enumerate(seen.values(), 1):
            yield source, each._replace(number=number)


def _counted(stores: Sequence[Store], merged: Merged) -> Iterator[StoredLetter]:
    for store in stores:
        for letter in store.letters():
            merged.dead_letters += 1
            yield letter
