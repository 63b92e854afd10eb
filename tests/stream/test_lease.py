"""At most one runner holds a store, however runners start, stop, halt and lose connections."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import msgspec
import pytest
from databases import named, terminate
from killing import contents, events, write
from memory import Listed
from servers import Proxy

from seqbayes import Beta
from seqbayes.events.keys import write_key
from seqbayes.stream import Belief, LeaseError, Pace, Pipeline, StoreError, open_store
from seqbayes.stream.stores import Changes, RunnerStatus, Store, StoreReader, postgres

PAIRS = 200
PATIENCE = 60.0


def test_only_one_of_two_concurrent_runners_holds_the_lease(url):
    open_store(url).close()
    start, end = threading.Barrier(2, timeout=PATIENCE), threading.Barrier(2, timeout=PATIENCE)
    held = [[], []]
    errors = []

    def compete(n):
        try:
            with open_store(url) as store:
                for _ in range(PAIRS):
                    start.wait()
                    try:
                        store.acquire()
                        store.commit(Changes("src", n, 1))
                        held[n].append(True)
                    except LeaseError:
                        held[n].append(False)
                    end.wait()
                    store.release()
        except BaseException as error:
            errors.append(error)
            start.abort()
            end.abort()

    threads = [threading.Thread(target=compete, args=[n]) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert [sum(pair) for pair in zip(*held, strict=True)] == [1] * PAIRS
    with open_store(url) as store:
        assert store.events("src") == PAIRS


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_only_one_of_two_concurrent_runners_learns_the_stream(jump, url, monkeypatch):
    """The clock of one of them may be wrong; the store ends as after an uninterrupted run."""
    belief = Belief("b", Beta(), field="high", by="k")
    pairs = 20
    records = [record for record in events(210, 5) if b"perhaps" not in record][: 10 * pairs]
    per_pair = len(records) // pairs
    clock = threading.local()
    monkeypatch.setattr(time, "time", lambda now=time.time: now() + getattr(clock, "jump", 0.0))
    start = threading.Barrier(2, timeout=PATIENCE)
    refused, failures = [], []

    def compete(n):
        clock.jump = jump * n
        try:
            for i in range(1, pairs + 1):
                start.wait()
                try:
                    source = Listed(records[: per_pair * i], size=7)
                    with open_store(url) as store, Pipeline(source, [belief], store) as pipeline:
                        start.wait()
                        list(pipeline)
                except LeaseError:
                    refused.append(i)
                    start.wait()
                start.wait()
        except BaseException as error:
            failures.append(error)
            start.abort()

    open_store(url).close()
    keep = open_store(url)  # keeps a store in memory
    threads = [threading.Thread(target=compete, args=[n]) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert refused == list(range(1, pairs + 1))
    keep.close()
    with Pipeline(Listed(records), [belief], open_store("memory:")) as whole:
        list(whole)
        expected = sorted(row[:3] for row in whole.store.states("b"))
    with open_store(url) as store:
        assert sorted(row[:3] for row in store.states("b")) == expected
        assert store.events("listed") == len(records)


def test_only_one_of_two_runners_with_slow_connections_holds_the_lease(postgres, postgres_url):
    open_store(postgres_url).close()
    start = threading.Barrier(2, timeout=PATIENCE)
    held, failures = [], []

    def compete(n, url):
        try:
            with open_store(url) as store:
                for i in range(PAIRS):
                    start.wait()
                    try:
                        store.acquire()
                        store.commit(Changes("src", [n, i], 1))
                        held.append(i)
                    except LeaseError:
                        pass
                    start.wait()
                    store.release()
        except BaseException as error:
            failures.append(error)
            start.abort()

    # each message of one runner takes longer than those of the other
    with Proxy(postgres.directory, 0.0005) as slow, Proxy(postgres.directory, 0.0012) as slower:
        threads = [
            threading.Thread(target=compete, args=[n, proxy.route(postgres_url)])
            for n, proxy in enumerate((slow, slower))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures
    assert held == list(range(PAIRS))
    with open_store(postgres_url) as store:
        assert store.events("src") == PAIRS


COMPETE = """
import sys
from seqbayes.stream import LeaseError, open_store
with open_store(sys.argv[1]) as store:
    for line in sys.stdin:
        try:
            store.acquire()
            print("held", flush=True)
        except LeaseError:
            print("refused", flush=True)
        sys.stdin.readline()
        store.release()
        print("released", flush=True)
"""


def test_only_one_of_two_concurrent_processes_holds_the_lease(durable_url):
    open_store(durable_url).close()
    pair = [
        subprocess.Popen(
            [sys.executable, "-c", COMPETE, durable_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]

    def ask():
        for process in pair:
            process.stdin.write("\n")
            process.stdin.flush()
        return sorted(process.stdout.readline().strip() for process in pair)

    try:
        for _ in range(PAIRS):
            assert ask() == ["held", "refused"]
            assert ask() == ["released", "released"]
    finally:
        for process in pair:
            process.communicate()


def test_a_runner_with_the_same_epoch_cannot_commit(url):
    with open_store(url) as first, open_store(url) as second:
        first.acquire()
        second.held = first.held._replace(holder=second.holder.write())
        for act in (
            lambda: second.commit(Changes("src", 1, 1)),
            lambda: second.remove_position("src"),
            lambda: second.remove_belief("b"),
        ):
            with pytest.raises(LeaseError, match="was taken over by another runner"):
                act()
        second.release()
        first.commit(Changes("src", 2, 2))
        assert (first.token("src"), first.events("src")) == (2, 2)


def test_a_commit_by_another_runner_is_detected(url):
    with open_store(url) as store:
        store.acquire()
        store.commit(Changes("src", 1, 1))
        store.held = store.held._replace(serial=store.held.serial - 1)
        with pytest.raises(LeaseError):
            store.commit(Changes("src", 1, 1))
        assert store.events("src") == 1


def test_a_store_is_acquired_once_and_again_after_its_release(url):
    with open_store(url) as store, open_store(url) as other:
        store.acquire()
        for each in (store, other):
            with pytest.raises(LeaseError, match="one runner at a time"):
                each.acquire()
        store.release()
        other.acquire()
        other.commit(Changes("src", 1, 1))
        with pytest.raises(LeaseError):
            store.commit(Changes("src", 2, 1))
        other.release()
        store.acquire()
        store.commit(Changes("src", 3, 1))
        assert (store.token("src"), store.events("src")) == (3, 2)


@pytest.mark.parametrize("statement", [b"BEGIN", b"UPDATE seqbayes_lease", b"COMMIT"])
def test_acquire_retries_after_a_lost_connection(statement, postgres, postgres_url):
    with Proxy(postgres.directory) as proxy, open_store(proxy.route(postgres_url)) as store:
        proxy.lose_answer_to(statement)
        store.acquire()
        assert proxy.lost == 1
        with open_store(postgres_url) as other, pytest.raises(LeaseError):
            other.acquire()
        store.commit(Changes("src", 1, 1))
        assert store.events("src") == 1


def test_a_runner_that_lost_its_connection_and_its_lease_commits_nothing(postgres_url, monkeypatch):
    first, second = open_store(named(postgres_url, "first")), open_store(postgres_url)
    first.acquire()
    terminate(postgres_url, "first")
    now = second.now()
    monkeypatch.setattr(type(first.holder), "local", False)
    monkeypatch.setattr(second, "now", lambda: now + Store.lease_seconds + 1.0)
    second.acquire()
    with pytest.raises(LeaseError):
        first.commit(Changes("src", 1, 1))
    second.commit(Changes("src", 2, 1))
    assert (second.token("src"), second.events("src")) == (2, 1)
    first.close()
    second.close()


def test_no_commit_follows_a_commit_with_unknown_outcome(postgres_url, monkeypatch):
    store = open_store(named(postgres_url, "runner"))
    store.acquire()
    monkeypatch.setattr(postgres, "PAUSES", ())
    terminate(postgres_url, "runner")
    with pytest.raises(StoreError):
        store.commit(Changes("src", 1, 1))
    with pytest.raises(StoreError, match="open the store again"):
        store.commit(Changes("src", 2, 1))
    with pytest.raises(StoreError):
        store.close()
    with open_store(postgres_url) as again:  # this process has dropped the lease
        again.acquire()
        assert again.token("src") is None


def test_a_runner_halted_within_a_commit_blocks_others_no_longer_than_its_lease(
    postgres_url, monkeypatch
):
    open_store(postgres_url).close()  # creates the tables
    monkeypatch.setattr(Store, "lease_seconds", 1.0)
    first, second = open_store(postgres_url), open_store(postgres_url)
    first.acquire()
    monkeypatch.setattr(type(first.holder), "local", False)
    apply = first.apply

    def halt(changes, at):
        apply(changes, at)
        second.acquire()  # waits for the row that the commit has locked

    monkeypatch.setattr(first, "apply", halt)
    with pytest.raises(LeaseError):
        first.commit(Changes("src", 1, 1))
    second.commit(Changes("src", 2, 1))
    assert (second.token("src"), second.events("src")) == (2, 1)
    first.close()
    second.close()


def test_the_lease_is_exclusive_under_another_default_isolation(postgres_url):
    url = f"{postgres_url}%20-cdefault_transaction_isolation%3Dserializable"
    with open_store(url) as first, open_store(url) as second:
        first.acquire()
        with pytest.raises(LeaseError):
            second.acquire()
        first.commit(Changes("src", 1, 1))


RUN = """
import socket, sys
from seqbayes import cli
from seqbayes.stream.stores import Store
Store.lease_seconds = 1.0
name = sys.argv[1]
socket.gethostname = lambda: name
sys.exit(cli.main(["run", *sys.argv[3:]]))
"""


def start(host, url, *words):
    """Start a runner as if on another machine, with a short lease."""
    command = [sys.executable, "-c", RUN, host, url, *words]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def killed(process):
    """Kill a process, and return what it wrote to standard error."""
    process.kill()
    return process.communicate()[1]


def wait_until(condition, *processes):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, [killed(process) for process in processes]
        time.sleep(0.02)


def halt(process, url):
    """Stop a runner by a signal, outside of a transaction that would lock a whole file."""
    deadline = time.monotonic() + PATIENCE
    while True:
        process.send_signal(signal.SIGSTOP)
        # a process that has ended never stops
        wait_until(
            lambda: os.waitid(
                os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT | os.WNOHANG
            ),
            process,
        )
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "the runner was always stopped within a transaction"
        if url.startswith("postgres"):
            return
        connection = sqlite3.connect(url, timeout=0.0, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
            return
        except sqlite3.OperationalError:
            process.send_signal(signal.SIGCONT)
            time.sleep(0.01)
        finally:
            connection.close()


@pytest.mark.skipif(os.name != "posix", reason="SIGSTOP")
def test_a_runner_paused_beyond_its_lease_loses_and_repeats_nothing(
    durable_url, tmp_path, monkeypatch
):
    monkeypatch.setattr(Store, "lease_seconds", 1.0)
    log = tmp_path / "events.jsonl"
    records = events(3000, 11)
    source = {"kind": "file", "path": str(log), "follow": True}
    config = write(tmp_path / "run.toml", durable_url, source)
    log.touch()

    def publish(first, last):
        with log.open("ab") as out:
            out.write(b"".join(record + b"\n" for record in records[first:last]))

    open_store(durable_url).close()
    reader = StoreReader(durable_url)

    def read():
        return sum(source.events for source in reader.sources())

    publish(0, 1000)
    first = start("one", durable_url, config)
    wait_until(lambda: read() == 1000, first)
    halt(first, durable_url)
    publish(1000, 2000)
    wait_until(lambda: reader.runner().silent > 1.0, first)
    second = start("two", durable_url, config)
    wait_until(lambda: read() == 2000, second)
    first.send_signal(signal.SIGCONT)
    assert "taken over by another runner" in first.communicate(timeout=PATIENCE)[1]
    assert first.returncode == 3
    second.kill()
    second.communicate()
    publish(2000, 3000)
    third = start("two", durable_url, config, "--once")
    output = third.communicate(timeout=PATIENCE)[1]
    assert third.returncode == 0, output
    reader.close()

    whole = str(tmp_path / "whole.db")
    uninterrupted = start("one", whole, write(tmp_path / "whole.toml", whole, source), "--once")
    uninterrupted.communicate()
    found = contents(durable_url)
    assert found == contents(whole)
    assert found[2][0][2] == len(records)


@pytest.mark.parametrize("jump", [0.0, -3600.0, 3600.0])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_paused_pipeline_loses_and_repeats_nothing(elsewhere, jump, url, monkeypatch):
    """Within a process, so that it includes the store in memory, which no other one can open.

    The first runner stops between two steps, as a thread that gets no time does. A lease expires if
    its holder is on another machine; one of this process is kept for as long as it is held.
    """
    belief = Belief("b", Beta(), field="high", by="k")
    records = [record for record in events(100, 5) if b"perhaps" not in record]
    open_store(url).close()
    keep = open_store(url)  # keeps a store in memory
    first, second = open_store(url), open_store(url)
    if elsewhere:
        first.holder = msgspec.structs.replace(first.holder, host="elsewhere")
        for store in (first, second):
            monkeypatch.setattr(store, "lease_seconds", 0.05)
        real = second.now
        monkeypatch.setattr(second, "now", lambda: real() + abs(jump))  # its clock is fast
        monkeypatch.setattr(time, "time", lambda now=time.time: now() + jump)
    pace = Pace(seconds=0.0)
    paused = Pipeline(Listed(records, size=20), [belief], first, pace)
    steps = iter(paused)
    next(steps)
    if elsewhere:
        wait_until(lambda: second.now() > second.lease().expires)
        with second, Pipeline(Listed(records, size=30), [belief], second, pace) as pipeline:
            others = iter(pipeline)
            next(others)
            with pytest.raises(LeaseError, match="taken over"):
                next(steps)
            with pytest.raises(LeaseError, match="taken over"):
                paused.commit()
            list(others)
    else:
        with second, pytest.raises(LeaseError, match="is held by"):
            Pipeline(Listed(records, size=30), [belief], second, pace)
        list(steps)
    paused.close()
    with Pipeline(Listed(records), [belief], open_store("memory:")) as whole:
        list(whole)
    found = {row.key: row.state for row in keep.states("b")}
    table = whole.tables["b"]
    assert found == {write_key(key): table.codec.write(s) for key, s in table.states.items()}
    assert keep.events("listed") == len(records)
    keep.close()


def test_a_heartbeat_is_rejected_after_the_lease_was_taken_over(url):
    with open_store(url) as first, open_store(url) as second:
        first.acquire()
        second.held = first.held._replace(holder=second.holder.write())
        second.heartbeat_seconds = 0.0
        with pytest.raises(LeaseError):
            second.renew(RunnerStatus())
