"""Programs that tests start are ended, also if the test fails."""

import subprocess
import sys

import pytest

import programs
from programs import Program

ENDLESS = [sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(3600)"]


def test_a_failed_test_ends_its_program():
    program = Program(ENDLESS, stdout=subprocess.PIPE)

    def check():
        with program:
            assert program.stdout.readline() == b"begun\n"
            raise AssertionError("as in a test")

    with pytest.raises(AssertionError, match="as in a test"):
        check()
    assert program.returncode not in (None, 0)


def test_a_program_that_does_not_answer_is_killed_and_named(monkeypatch, capsys):
    monkeypatch.setattr(programs, "PATIENCE", 0.1)
    with Program(ENDLESS, stdout=subprocess.PIPE) as program:
        assert program.stdout.read() in (b"", b"begun\n")
    assert program.returncode not in (None, 0)
    assert "it did not end within 0.1 s" in capsys.readouterr().err


def test_a_named_pipe_that_no_program_reads(tmp_path, monkeypatch):
    os = pytest.importorskip("posix")
    monkeypatch.setattr(programs, "PATIENCE", 0.1)
    os.mkfifo(tmp_path / "pipe")
    with (
        Program(ENDLESS, stdout=subprocess.DEVNULL) as program,
        pytest.raises(AssertionError, match=r"did not open|ended without reading"),
    ):
        programs.open_pipe(tmp_path / "pipe", program)
