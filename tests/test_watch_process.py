"""`seqbayes watch` as a process: standard input, pipes, signals."""

import json
import os
import subprocess
import sys

import pytest

from programs import Program, command, open_pipe


def run(*words, **kwargs):
    return subprocess.run(command("watch", *words), capture_output=True, check=False, **kwargs)


def test_standard_input_and_a_plain_table():
    done = run("-", "--state=beta", "--value=c", input=b'{"c": true}\n{"c": tru\n{"c": 1}')
    assert done.returncode == 0
    table = done.stdout.decode()
    assert "0.75" in table
    assert "2 events, 1 malformed" in table
    assert "\x1b" not in table
    assert "line 2" in done.stderr.decode()


def test_a_terminal_without_unicode_gets_ascii():
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    event = json.dumps({"c": True, "k": "日本"}).encode()
    done = run("-", "--state=beta", "--value=c", "--by=k", input=event, env=environment)
    assert "\\u65e5\\u672c" in done.stdout.decode("ascii")


def test_escapes_in_keys_do_not_reach_the_terminal():
    event = json.dumps({"c": True, "k": "a\x1b[2J\x07"}).encode()
    done = run("-", "--state=beta", "--value=c", "--by=k", input=event + b"\n\x1b[31m")
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"a\\x1b[2J\\x07" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes as POSIX has them")
class TestPosix:
    def start(self, *words):
        pipe = subprocess.PIPE
        words = command("watch", "-", *words)
        return Program(words, stdin=pipe, stdout=pipe, stderr=pipe)

    @pytest.mark.parametrize(("number", "status"), [(2, 130), (15, 143)])
    def test_a_signal_prints_the_beliefs(self, number, status):
        with self.start(
            "--state=gamma", "--value=n", "--by=k", "--max-keys=1", "--json"
        ) as process:
            process.stdin.write(b'{"n": 3, "k": "a"}\n{"n": 3, "k": "b"}\n')
            process.stdin.flush()
            assert b"--max-keys 1 is reached" in process.stderr.readline()
            process.send_signal(number)
            output = json.loads(process.stdout.read())
            assert process.wait() == status
            assert b"Traceback" not in process.stderr.read()
        assert output["posterior"] == {"shape": 4.0, "rate": 2.0}

    def test_a_closed_pipe_prints_no_error(self):
        with self.start("--state=gamma", "--value=n", "--by=n", "--json") as process:
            process.stdout.close()
            process.stdin.close()
            assert process.wait() == 2
            assert b"requested 2 times" in process.stderr.read()
        with self.start("--state=gamma", "--value=n", "--by=k", "--json") as process:
            process.stdout.close()
            process.stdin.write(b"".join(b'{"n": 1, "k": %d}\n' % k for k in range(2000)))
            process.stdin.close()
            assert process.wait() == 141
            assert process.stderr.read() == b""

    @pytest.mark.parametrize("form", ["jsonl", "csv"])
    def test_a_named_pipe_is_read(self, form, tmp_path):
        data = b'{"c": true}\n{"c": 1}\n' if form == "jsonl" else b"c\ntrue\n1\n"
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        words = command("watch", str(pipe), "--state=beta", "--value=c", "--json")
        with Program(words, stdout=subprocess.PIPE) as process:
            with open_pipe(pipe, process) as file:
                file.write(data)
            assert json.loads(process.stdout.read())["n"] == 2.0
            assert process.wait() == 0

    def test_a_line_that_is_still_being_written_is_reported(self, tmp_path):
        path = tmp_path / "e.jsonl"
        path.write_bytes(b'{"c": true}\n{"c": tr')
        done = run(str(path), "--state=beta", "--value=c", "--json")
        assert json.loads(done.stdout)["n"] == 1.0
        assert b"skipped the incomplete last line: 8 bytes" in done.stderr

    def test_closed_standard_input(self):
        line = f"{sys.executable} -m seqbayes watch - --state beta --value c <&-"
        done = subprocess.run(line, shell=True, capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (2, b"")
        assert b"standard input is closed" in done.stderr
