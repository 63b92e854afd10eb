"""An A/B test as a marimo notebook: marimo edit docs/gallery/ab_test_marimo.py."""

import marimo

app = marimo.App()


@app.cell
def _():
    from seqbayes import Beta
    from seqbayes.compare import compare

    return Beta, compare


@app.cell
def _(Beta):
    variants = {"A": Beta(), "B": Beta()}
    variants["A"].learn_many([True] * 80 + [False] * 920)
    variants["B"].learn_many([True] * 114 + [False] * 886)
    variants["B"]
    return (variants,)


@app.cell
def _(compare, variants):
    found = compare(variants, control="A")
    found
    return (found,)


if __name__ == "__main__":
    app.run()
