"""The package, its documentation and its tests avoid phrases that are not plain English."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = {".py", ".pxd", ".pyx", ".md", ".js", ".css", ".html", ".toml"}
VENDORED = ROOT / "src/seqbayes/dashboard/static/vendor"

# Regular expressions, and plain words instead.
PHRASES = {
    r"nobody|no one": "the passive voice, or name the person or program",
    r"somebody|someone": "name the person or program",
    r"whoever": "name the person or program, such as 'the caller'",
    r"(is|are) none": "'is invalid', 'does not exist', or name the missing thing",
    r"of none": "'without'",
    r"looks? on": "'observes'",
    r"(is|are|was|were|be|being) told": "'receives', 'is notified of' or 'is printed'",
    r"tells? of": "'describes' or 'reports'",
    r"says? so": "'reports it'",
    r"at work": "'running'",
    r"for ever|forever": "'indefinitely'",
    r"to all digits": "'to double precision'",
    r"right also": "'also accurate'",
    r"for the \w+ to refuse": "'raises an error'",
    r"better than by": "'more accurately than'",
    r"now and then": "'periodically'",
    r"cost(s)? that many": "'loses'",
    r"the rest of that": "'the remainder'",
    r"another one when": "name it: 'the other rule'",
    r"these sum to": "'but they sum to'",
    r"no json form": "'cannot be represented as JSON'",
    r"as people do": "describe the convention, such as 'natural sort order'",
    r"thereof|therein|whereupon|thereby|herein|hitherto|lest": "a modern word",
    r"mended": "'fixed' or 'repaired'",
    r"misfit": "'invalid value'",
    r"it is not so": "'this is not the case'",
    r"from there on": "'from that point'",
    r"fit for": "'suitable for'",
    r"(go|goes|went) on": "'continues'",
    r"in mid-\w+": "'during'",
    r"there (is|are|was|were) none": "'does not exist', 'without' or 'no <noun>'",
    r"of its own": "'separate' or 'its'",
    r"so (many|much)(?! as)": "name the quantity",
    r"by itself|on its own": "'alone' or 'independently'",
    r"(has|have|is|are) gone": "'was deleted', 'was closed' or 'disappeared'",
    r"where there (is|are)": "'if'",
    r"nothing (is|was) (lost|said)": "say what is kept",
    r"what (was|is) seen": "'the observed data'",
    r"likeliest|likelier": "'most probable' or 'more probable'",
    r"lately": "'recently'",
    r"anew": "'again'",
    r"asked for": "'requested'",
    r"passed over": "'skipped' or 'ignored'",
    r"(?<!there.)is no (finite )?number": "'is not a number'",
    r"told apart|tell apart": "'distinguished'",
    r"of which one (is|are)": "'if one of them is'",
    r"from here on|from then on": "'above this value' or 'afterwards'",
    r"on trial": "'in a trial'",
    r"each (component|number) its own": "'for each component'",
    r"what comes (next|before|after)": "name it, such as 'the next record'",
    r"nothing comes": "'no data arrive'",
    r"rounding took": "'the rounding error'",
    r"as it stands": "'unchanged'",
    r"hung up on": "'closed the connection'",
    r"other than by": "'except by'",
    r"in whatever|whatever (comes|becomes)": "'in any' or 'despite'",
    r"own business": "name the owner",
    r"(rows?|cells?|headers?|messages?) of (csv|avro|messagepack|protobuf|polars)": "'CSV rows'",
    r"in one piece": "'as one block'",
    r"nothing is \w+ then": "'in this case, nothing changes'",
    r"is no error": "'is not an error'",
    r"as it is now": "'current'",
    r"one a line": "'one per line'",
    r"half of a surrogate": "'a lone surrogate'",
    r"what(ever)? (came|comes) later": "name it, such as 'later records'",
    r"worth `?\w+`? observations?": "'equivalent to' or 'with the weight of'",
    r"(is|are|be|something|nothing) odd|an odd (one|value|line)": "'unexpected' or 'invalid'",
}


# A space also matches a line break in a comment. One expression of all phrases is ten times faster
# than one after the other.
EXPRESSION = re.compile(rf"\b(?:(?:{'|'.join(PHRASES)})\b)".replace(" ", r"(?:\s|#|\*|//)+"))


def texts():
    """Yield the files that users and contributors read, and their texts."""
    files = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    for folder in ("src", "docs", "demos", "tests", "benchmarks"):
        files += sorted(file for file in (ROOT / folder).rglob("*") if file.suffix in SUFFIXES)
    skipped = {VENDORED, Path(__file__).resolve()}
    for file in files:
        if skipped.isdisjoint({file, *file.parents}):
            yield file, file.read_text(encoding="utf-8")


def find(text):
    """Yield the unclear phrases of a text, each with its line, counted from 1, and with advice."""
    text = text.replace("None", "null").lower()  # the code `is None` is not a phrase
    for match in EXPRESSION.finditer(text):
        found = " ".join(re.split(r"(?:\s|#|\*|//)+", match[0]))
        advice = next(
            advice for each, advice in PHRASES.items() if re.match(rf"(?:{each})\b", found)
        )
        yield found, text.count("\n", 0, match.start()) + 1, advice


def test_no_text_has_an_unclear_phrase():
    places = [
        f"{file.relative_to(ROOT)}:{line}: instead of {phrase!r} write {advice}"
        for file, text in texts()
        for phrase, line, advice in find(text)
    ]
    assert not places, "\n".join(places)


def test_a_phrase_is_found_across_the_lines_of_a_comment():
    assert list(find("x = 1\n# a blue bus that is\n    # asked for\n")) == [
        ("asked for", 3, "'requested'")
    ]
    assert [line for _, line, _ in find("x = 1\n# it is asked\n    # for\n * goes on")] == [2, 4]
    assert list(find("x is None, nobodys atwork, lasked for, asked forty\n")) == []


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("where there is", "where there is"),
        ("there is no number", None),
        ("it is no number", "is no number"),
    ],
)
def test_the_words_before_a_phrase_are_considered(text, phrase):
    assert next(find(text), (None,))[0] == phrase
