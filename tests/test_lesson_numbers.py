"""The pages' JavaScript calculates the numbers that Python does, to 1e-12, in Node.

tests/dashboard/test_html_files.py does the same in Chromium.
"""

import json
import shutil
import subprocess

import pytest

import lesson_vectors


@pytest.fixture(scope="module")
def committed():
    return json.loads(lesson_vectors.FILE.read_text("utf-8"))


def test_the_committed_vectors_are_those_of_python(committed):
    assert (
        list(
            lesson_vectors.differences(json.loads(json.dumps(lesson_vectors.vectors())), committed)
        )
        == []
    )


def test_node_agrees_with_python(committed):
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    done = subprocess.run(
        [node, "--input-type=module"],
        input=f"{lesson_vectors.program()}console.log(calculated);",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert list(lesson_vectors.differences(json.loads(done.stdout), committed)) == []


def test_a_wrong_number_would_be_found(committed):
    wrong = json.loads(json.dumps(committed))
    wrong["candies"][0]["steps"][3]["rivals"][2] *= 1.0 + 1e-11
    wrong["coins"][0]["path"][2]["thetas"][0] += 1e-11
    assert len(list(lesson_vectors.differences(wrong, committed))) == 2
