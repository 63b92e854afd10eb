"""Rotated files: a process that is paused by SIGSTOP while its file is rotated misses nothing."""

import itertools
import os
import signal
import time
from pathlib import Path

import pytest
from killing import committed, wait_until_committed
from test_rotation import Log

from seqbayes import stream
from seqbayes.stream import open_store

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")

CONFIG = """
store = "{url}"
commit = {{ every = "10 ms" }}
history = false
source = {{ kind = "file", path = "{path}", follow = true }}
[belief.i]
state = "normal-inverse-gamma"
prior = {{ prior_mean = 0, kappa = 1, alpha = 1, beta = 1 }}
field = "i"
"""


def pause(process):
    """Stop the runner; return when it no longer runs."""
    os.kill(process.pid, signal.SIGSTOP)
    for _ in itertools.count():
        text = Path(f"/proc/{process.pid}/stat").read_text()
        if text.rpartition(") ")[2][0] == "T":
            return
        time.sleep(0.001)


SCHEMES = ["rename", "copytruncate", "delayed", "dated", "infix"]
LOSING = ["copytruncate", "delayed"]  # they copy or compress, and may lose the times


@pytest.mark.parametrize(
    ("scheme", "kept"), [*((each, True) for each in SCHEMES), *((each, False) for each in LOSING)]
)
def test_a_paused_run_reads_every_rotated_file_once(scheme, kept, tmp_path, process):
    log = Log(tmp_path, scheme, kept)
    log.write(5)
    url = str(tmp_path / "b.db")
    config = tmp_path / "c.toml"
    config.write_text(CONFIG.format(url=url, path=log.path))
    process.start("run", str(config))
    for rotations in (1, 2, 3):
        wait_until_committed(process, url, log.written)
        if rotations == 2:  # behind when it is paused
            log.write(20_000)
        pause(process)
        for _ in range(rotations):
            log.write(4)
            log.rotate()
        log.write(3)
        os.kill(process.pid, signal.SIGCONT)
    wait_until_committed(process, url, log.written)
    assert process.kill(signal.SIGTERM) == 128 + signal.SIGTERM
    assert committed(url) == log.written
    with open_store(url) as store:
        assert store.dead_letter_count() == 0
    check_beliefs(url, log.written)


def check_beliefs(url, count):
    """Check that the belief has learned 0, 1, 2, … once each."""
    (found,) = stream.show(url, "i")
    mean = count * (count - 1) / 2 / (1 + count)
    assert found.state.n_samples == count
    assert found.state.posterior.mean == pytest.approx(mean, rel=1e-12)
