"""Backups: consistent copies of stores that are in use, complete or absent, never over others."""

import os
import random
import time

import pytest
from databases import query
from killing import contents, events, toml, wait_until_committed
from memory import Listed, lines

from seqbayes import Beta, stream
from seqbayes.stream import Belief, Pace, Pipeline, StoreError, open_store
from seqbayes.stream.history import History
from seqbayes.stream.stores import Annotation, Changes, SeenId, StoredAlert, StoredMessage

BELIEF = Belief("b", Beta(), field="x", by="k")


def learn(url, count=200, **options):
    told = [{"k": str(i % 7), "x": i % 3 == 0} for i in range(count)] + [{"k": "a", "x": 9}]
    source = Listed(lines(*told), name="src", size=10)
    collectors = [History(every=1.0, now=iter(range(10**6)).__next__)]
    return Pipeline(source, [BELIEF], open_store(url), Pace(**options), collectors)


def everything(url):
    """Return all contents of a store, without the numbers of dead letters and times."""
    with open_store(url, "read") as store, store.snapshot():
        found = store.contents()
        letters = [(each.letter, each.at) for each in found.letters]
        return (
            *(found.declarations, list(found.entries), found.positions, letters),
            *(list(found.history), list(found.ids), found.alerts, found.messages),
            list(found.annotations),
        )


def fill(url):
    with learn(url, seconds=0.0) as pipeline:
        list(pipeline)
        changes = Changes("src", 201, 0, ids=[SeenId("e:1", 1, "1")])
        changes.alerts = [StoredAlert("a", "", "{}", 1.0)]
        changes.messages = [StoredMessage("m", "a", b"{}", 1.0, 2.0, "late")]
        pipeline.store.commit(changes)
        pipeline.store.annotate(Annotation("r", 1.0, "", "release"))


def test_a_backup_has_everything_and_can_be_restored(url, tmp_path):
    fill(url)
    target = str(tmp_path / "copy.db")
    saved = stream.backup(url, target)
    assert saved[:4] == (1, 7, 201, 1)
    assert saved.points > 7
    assert everything(target) == everything(url)
    assert os.listdir(tmp_path).count("copy.db") == 1
    assert not [name for name in os.listdir(tmp_path) if "part" in name or "copy.db-" in name]
    with learn(target, 300) as pipeline:  # the copy continues where the store was
        list(pipeline)
        assert pipeline.events == 100


def test_a_backup_is_restored_in_an_empty_database(postgres_url, tmp_path):
    path = str(tmp_path / "a.db")
    fill(path)
    stream.backup(path, postgres_url)
    assert everything(postgres_url) == everything(path)
    with pytest.raises(StoreError, match="is not empty"):
        stream.backup(path, postgres_url)


def test_backups_while_events_are_learned_are_consistent(durable_url, tmp_path):
    with learn(durable_url, 600, seconds=0.0) as pipeline:
        for step in pipeline:
            if step.commits % 20 == 0:
                target = str(tmp_path / f"{step.commits}.db")
                assert stream.backup(durable_url, target).events == step.events
                with open_store(target) as copy:
                    copy.acquire()  # the runner of the store is not one of the copy
                    table = step.tables["b"]
                    stored = {row.key: row.state for row in copy.states("b")}
                    assert stored == {
                        f'["{key}"]': table.codec.write(table.state(key)) for key in table.states
                    }


def test_a_backup_never_overwrites(url, tmp_path):
    fill(url)
    target = tmp_path / "copy.db"
    for make in (lambda: target.write_text("mine"), lambda: target.symlink_to("nowhere")):
        make()
        with pytest.raises(StoreError, match=r"copy\.db exists"):
            stream.backup(url, str(target))
        assert target.is_symlink() or target.read_text() == "mine"
        target.unlink()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE seqbayes_states SET used = used + 1 WHERE key = '[\"3\"]'",
        "UPDATE seqbayes_history SET summary = '{}'",
        "UPDATE seqbayes_ids SET number = 7",
        "UPDATE seqbayes_messages SET note = 'x'",
    ],
)
def test_damage_is_reported_and_leaves_no_backup(durable_url, tmp_path, damage):
    fill(durable_url)
    query(durable_url, damage)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(StoreError, match="its checksum is wrong"):
        stream.backup(durable_url, str(tmp_path / "copy.db"))
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_a_backup_that_is_killed_is_complete_or_absent(durable_url, tmp_path, process):
    rng = random.Random(f"backup {durable_url.partition(':')[0]}")
    path, config = tmp_path / "e.jsonl", tmp_path / "c.toml"
    path.write_bytes(b"".join(record + b"\n" for record in events(500, 6)))
    source = toml({"kind": "file", "path": str(path)})
    belief = "[belief.high]\nstate = 'beta'\nfield = 'high'\nby = 'k'\n"
    config.write_text(f"store = '{durable_url}'\nsource = {source}\n{belief}")
    process.run("run", str(config))
    wait_until_committed(process, durable_url, 500)
    expected = contents(durable_url)
    for i in range(6):
        target = tmp_path / f"{i}.db"
        process.start("backup", durable_url, str(target))
        time.sleep(rng.uniform(0.0, 0.15))
        process.kill()
        if target.exists():
            assert contents(str(target)) == expected
    process.run("backup", durable_url, str(tmp_path / "last.db"))
    assert contents(str(tmp_path / "last.db")) == expected
