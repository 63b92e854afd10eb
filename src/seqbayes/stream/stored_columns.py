"""Reads many stored states of a belief as columns."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from seqbayes.errors import SeqbayesError, UnsupportedError
from seqbayes.statistics.columns import Columns
from seqbayes.stream.codec import StateCodec
from seqbayes.stream.column_json import ColumnJson


def read_columns(codec: StateCodec, texts: Sequence[str]) -> Columns | None:
    """Return the statistics of stored states as columns, which is faster than reading each state.

    Parameters
    ----------
    codec
        The codec of the states.
    texts
        The JSON of the states.

    Returns
    -------
    Columns or None
        A row for each state; None if the states have to be read one at a time.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> state = Beta()
    >>> state.learn_many([True, False, True])
    >>> codec = StateCodec(Beta())
    >>> columns = read_columns(codec, [codec.write(state), codec.write(Beta())])
    >>> columns.statistics(0).value
    PairStatistic(a=2.0, b=1.0)
    """
    if not codec.is_compact:
        return None
    state = codec.make()
    try:
        columns = Columns(state.new_statistics)
    except UnsupportedError:
        return None
    reader, row = ColumnJson(codec, columns), 0
    columns.reserve(len(texts))
    while row < len(texts):
        row = reader.append(texts, row)
        if row < len(texts):  # this is the first state, or an unusual one
            statistics = state.new_statistics()
            try:
                codec.load(codec.extract_statistics(texts[row]), statistics)
            except (SeqbayesError, msgspec.MsgspecError):
                return None
            columns.resize(row + 1)
            columns.write(row, statistics)
            row += 1
    with np.errstate(all="ignore"):
        possible = columns.scratch.possible_rows(columns.leading_parts(slice(None)))
    return columns if possible.all() else None
