"""The hash table of strings distinguishes all strings, also those with equal hash values."""

import numpy as np
import pytest

from seqbayes.table.integer_rows import COMPILED
from seqbayes.table.keys import ArrowTexts
from seqbayes.table.text_rows import TextRows

pytestmark = pytest.mark.skipif(not COMPILED, reason="it needs compiled modules")


@pytest.mark.parametrize("size", [7, 8, 9, 17])
def test_strings_with_equal_hash_values_have_different_rows(size):
    n = 300_000  # about ten pairs agree in the stored 32 bits
    characters = np.random.default_rng(size).integers(97, 123, (n, size), np.uint8)
    characters[:, :6] = 48 + (np.arange(n)[:, None] // 10 ** np.arange(6)) % 10  # distinct
    characters = np.roll(characters, size % 3, axis=1)
    texts = ArrowTexts(np.arange(0, n * size + 1, size), characters.ravel())
    table = TextRows()
    assert np.array_equal(texts.rows(table, True), np.arange(n))
    assert np.array_equal(texts.rows(table, False), np.arange(n))


def test_strings_that_differ_in_one_byte_have_different_rows():
    texts = ["x" * size for size in range(80)]
    texts += [text[:k] + "é" + text[k + 1 :] for text in texts for k in range(len(text))]
    table = TextRows()
    assert table.rows_of_list(texts, True).tolist() == list(range(len(texts)))
    assert table.rows_of_list(texts[::-1], False).tolist() == list(range(len(texts)))[::-1]
    assert table.at(np.arange(len(texts))) == texts
