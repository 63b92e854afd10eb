"""``reset``: a store forgets a belief, a key, or where a source stands."""

from __future__ import annotations

from collections.abc import Sequence

from seqbayes.errors import SeqbayesError
from seqbayes.stream.store import Store, open_store
from seqbayes.stream.verbs.answers import MissingError, kept_beliefs, missing


def reset(
    url: str,
    belief: str | None = None,
    key: str | Sequence[str] = (),
    rest: bool = False,
    source: str | None = None,
) -> int:
    """Let a store forget a belief with its declaration, one key of it, or where a source stands.

    What is forgotten is gone, with its history; dead letters stay. A belief that was forgotten can
    be declared anew, with another prior; it learns from where the source stands. A source whose
    place was forgotten is read from its beginning, so that beliefs that have learned from it learn
    the same again: forget them as well.

    Parameters
    ----------
    url
        Of the store.
    belief
        The name of a belief.
    key
        The texts of one of its keys; all of the belief by default.
    rest
        Whether the pooled rest alone is forgotten.
    source
        The name of a source, instead of a belief.

    Returns
    -------
    int
        How many states, or places, are gone.

    Raises
    ------
    MissingError
        If there is no such belief, key or source.
    LeaseError
        If a runner has the store.
    StoreError
        If the store cannot be written.
    """
    if (belief is None) == (source is None):
        raise SeqbayesError("expected either a belief or a source to reset")
    with open_store(url, "open") as store:
        store.acquire()
        if source is not None:
            return _forget_place(store, source)
        (kept,) = kept_beliefs(store, belief)
        one = "null" if rest else kept.stored(key) if key else None
        count = store.remove_belief(kept.name, one)
        if one is not None and not count:
            raise missing(kept, key, rest)
        return count


def _forget_place(store: Store, source: str) -> int:
    known = [place.source for place in store.places()]
    if source not in known:
        raise MissingError(
            f"{store.url} has no source {source!r}; it has {', '.join(known) or 'none'}"
        )
    return store.remove_place(source)
