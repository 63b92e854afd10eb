"""The store of a group of runners: partitions with separate leases, read as one store."""

import json

import pytest
from databases import query

from seqbayes import Beta, PriorError, cli
from seqbayes.stream import Belief, LeaseError, Pace, Pipeline, StoreError, open_store, show, status
from seqbayes.stream.sources import Iterated
from seqbayes.stream.stores import Changes, DeadLetter, RunnerStatus, StoreReader
from seqbayes.stream.stores.group import Group, Membership, members_of
from seqbayes.stream.verbs.backup import backup
from seqbayes.stream.verbs.dead_letters import dead_letters
from seqbayes.stream.verbs.reset import reset

BELIEF = Belief("sales", Beta(2, 3), field="sold", by="shop")
NAMES = ("0", "1", "eu-west")


def learn(store, source, records, belief=BELIEF):
    with Pipeline(Iterated(records, name=source), [belief], store, Pace(0.0)) as pipeline:
        list(pipeline)


def sale(shop, sold):
    return {"shop": shop, "sold": sold}


def declared(url, belief=BELIEF):
    """Open the store of a group that has declared the belief, and return it."""
    store = open_store(url)
    member = Membership(store, Group(NAMES))
    learn(store.open_partition("0"), "p0", [sale("a", True), sale("a", True), sale("b", False)])
    with store.open_partition("0") as part:
        store.declare("sales", part.declarations()["sales"])
    learn(store.open_partition("1"), "p1", [sale("a", False), sale("c", True), sale("c", "?")])
    return store, member


def test_states_of_a_key_in_several_partitions_are_merged_with_the_prior_counted_once(group_url):
    store, member = declared(group_url)
    found = {each.key["shop"]: each.state.posterior for each in show(group_url)}
    assert found == {"a": (4.0, 4.0), "b": (2.0, 4.0), "c": (3.0, 3.0)}
    (only,) = show(group_url, "sales", "a")
    assert (only.state.n_samples, only.since <= only.updated) == (3.0, True)
    member.leave()
    store.close()


def test_the_whole_has_the_positions_letters_and_counts_of_its_partitions(local_url):
    store, member = declared(local_url)
    with open_store(local_url, "read") as whole, whole.snapshot():
        assert [(each.source, each.events) for each in whole.positions()] == [("p0", 3), ("p1", 3)]
        assert whole.entry_count("sales") == 3
        assert [each.key for each in whole.entries("sales")] == ['["b"]', '["a"]', '["c"]']
        assert whole.dead_letter_count() == 1
        assert [each.letter.source for each in whole.letters()] == ["p1"]
        found = whole.partitions()
        assert [(each.name, each.source, each.events) for each in found] == [
            ("0", "p0", 3),
            ("1", "p1", 3),
            ("eu-west", None, 0),
        ]
        assert not any(each.runner.alive for each in found)
    member.leave()
    store.close()


def test_a_reader_sees_only_the_changed_keys_but_all_their_partitions(group_url):
    store, member = declared(group_url)
    with StoreReader(group_url) as reader:
        before, serial = max(row.updated for row in reader.rows("sales")), reader.serial()
        part = store.open_partition("eu-west")
        learn(part, "p2", [sale("b", True)])
        assert reader.serial() > serial
        changed = {row.key for row in reader.rows("sales", before) if row.updated > before}
        assert changed == {'["b"]'}
        (row,) = (row for row in reader.rows("sales", before) if row.key == '["b"]')
        assert row.since < row.updated
        assert reader.count("sales") == 3
    (only,) = show(group_url, "sales", "b")
    assert only.state.posterior == (3.0, 4.0)
    member.leave()
    store.close()


def test_a_reader_reads_partitions_that_are_added(local_url):
    store, member = declared(local_url)
    with StoreReader(local_url) as reader:
        assert len(reader.rows("sales")) == 3
        later = Membership(store, Group((*NAMES, "new")))
        learn(store.open_partition("new"), "p3", [sale("d", True)])
        reader.serial()
        assert len(reader.rows("sales")) == 4
        later.leave()
    with pytest.raises(StoreError, match="partition 'new' that the configuration lacks"):
        Membership(store, Group(NAMES))
    member.leave()
    store.close()


def test_a_single_runner_cannot_use_the_store_of_a_group_nor_a_group_that_of_a_runner(local_url):
    store, member = declared(local_url)
    with pytest.raises(StoreError, match="belongs to a group of runners"):
        Pipeline(Iterated([], name="p"), [BELIEF], store)
    member.leave()
    with (
        store.open_partition("0") as part,
        pytest.raises(StoreError, match="contains the beliefs of a single runner"),
    ):
        Membership(part, Group(NAMES))
    store.close()


def test_a_lease_of_a_partition_expires_although_its_holder_is_running(group_url):
    store = open_store(group_url)
    Membership(store, Group(NAMES)).leave()
    first, second = store.open_partition("0"), store.open_partition("0")
    first.share(30.0)
    second.share(30.0)
    first.acquire()
    with pytest.raises(LeaseError, match="lease expires in"):
        second.acquire()
    with first.transaction() as lease:  # the first one was stopped for longer than its lease
        first.write_lease(lease._replace(expires=first.now() - 1.0))
    second.acquire()
    second.commit(Changes("src", 1, 1))
    with pytest.raises(LeaseError, match="taken over"):
        first.commit(Changes("src", 1, 1))
    first.close()
    assert second.events("src") == 1
    second.commit(Changes("src", 2, 1))  # the release of the former holder has no effect
    second.close()
    store.close()


def test_members_share_the_partitions_evenly_and_expired_ones_leave(group_url):
    names = tuple(map(str, range(8)))
    stores = [open_store(group_url) for _ in range(3)]
    members = [Membership(store, Group(names, 20.0 + i)) for i, store in enumerate(stores)]
    owned = [[], [], []]
    for _ in range(3):
        for i, member in enumerate(members):
            share, free = member.beat(owned[i])
            owned[i] = [*owned[i][:share], *free[: max(0, share - len(owned[i]))]]
            member.beat(owned[i])
    assert sorted(map(len, owned)) == [2, 3, 3]
    assert sorted(name for each in owned for name in each) == list(names)
    assert len(members_of(stores[0])) == 3
    stored = members_of(stores[0])
    (name,) = (each for each, member in stored.items() if set(member.owned) == set(owned[2]))
    with stores[0].transaction():  # the third one was stopped
        text = stores[0].settings()[name].replace('"expires":', '"expires":0,"was":')
        stores[0].write_setting(name, text)
    assert {members[0].beat(owned[0]).share, members[1].beat(owned[1]).share} == {4}
    assert {*members[0].beat(owned[0]).free} == {*owned[0], *owned[2]}
    for member, store in zip(members, stores, strict=True):
        member.leave()
        store.close()


def test_reset_removes_a_belief_and_a_source_from_all_partitions(group_url):
    store, member = declared(group_url)
    assert reset(group_url, "sales", "a") == 2
    assert [each.key["shop"] for each in show(group_url)] == ["b", "c"]
    part = store.open_partition("1")
    part.acquire()
    with pytest.raises(LeaseError):
        reset(group_url, "sales")
    part.close()
    assert reset(group_url, "sales") == 2
    assert reset(group_url, source="p1") == 1
    with open_store(group_url, "read") as whole:
        assert (whole.declarations(), [each.source for each in whole.positions()]) == ({}, ["p0"])
    member.leave()
    store.close()


def test_dead_letters_of_all_partitions_have_unique_numbers(local_url):
    store, member = declared(local_url)
    part = store.open_partition("0")
    part.acquire()
    part.commit(Changes("p0", 9, 1, dead_letters=[DeadLetter("p0", "8", "", b"x", "no JSON")]))
    part.close()
    found = list(dead_letters(local_url))
    assert [each.letter.source for each in found] == ["p1", "p0"]
    assert len({each.number for each in found}) == 2
    assert dead_letters(local_url).drop([found[0].number]) == 1
    assert [each.letter.source for each in dead_letters(local_url)] == ["p0"]
    member.leave()
    store.close()


def test_a_group_is_backed_up_by_partition(local_url, tmp_path):
    store, member = declared(local_url)
    with pytest.raises(StoreError, match="back up its 3 partitions"):
        backup(local_url, str(tmp_path / "copy.db"))
    assert not (tmp_path / "copy.db").exists()
    member.leave()
    store.close()


def test_a_damaged_state_of_one_partition_does_not_hide_the_others(postgres_url):
    store, member = declared(postgres_url)
    schema = query(postgres_url, "SELECT current_schema()")[0][0]
    query(postgres_url, f"UPDATE {schema}_partition_1.seqbayes_states SET crc = crc + 1")
    with StoreReader(postgres_url) as reader:
        assert {row.key: bool(row.state) for row in reader.rows("sales")} == {
            '["a"]': False,
            '["b"]': True,
            '["c"]': False,
        }
    with pytest.raises(StoreError, match="checksum"):
        list(show(postgres_url))
    member.leave()
    store.close()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "from 1 to 1,024 partitions"),
        (("a b",), "hyphens and underscores"),
        (("a", "a"), "'a' twice"),
    ],
)
def test_invalid_partitions_are_refused(names, message):
    with pytest.raises(PriorError, match=message):
        Group(names)


def test_stores_that_do_not_support_groups_are_refused(tmp_path):
    for url in ("memory:", ":memory:", f"directory:{tmp_path / 'd'}"):
        with open_store(url) as store, pytest.raises(StoreError, match="group"):
            Membership(store, Group(("0",)))


def test_status_shows_who_owns_each_partition(local_url, capsys):
    store, member = declared(local_url)
    with store.open_partition("1") as part:
        part.acquire()
        part.renew(RunnerStatus(lag=12))
        with part.transaction() as lease:
            report = '{"lag":12,"trouble":"refused"}'
            part.write_lease(lease._replace(status=report, expires=part.now() + 30.0))
        found = {each.name: each for each in status(local_url)}
        assert [each.runner.alive for each in found.values()] == [False, True, False]
        assert found["1"].runner.status.lag == 12
        with open_store(local_url, "read") as whole:
            runner = whole.runner()
        assert (runner.alive, runner.status.lag) == (True, 12)
        assert runner.status.connection_error == "refused"
        assert cli.main(["status", local_url]) == 1
        head, *lines = capsys.readouterr().out.splitlines()
        assert head.split()[:3] == ["partition", "source", "runner"]
        assert [line.split()[0] for line in lines] == list(NAMES)
        assert "12" in lines[1]
        assert lines[1].endswith("disconnected")
        assert lines[2].endswith("no runner")
        assert cli.main(["status", local_url, "--json"]) == 1
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(row["partition"], row["lag"], row["events"]) for row in rows] == [
            ("0", None, 3),
            ("1", 12, 3),
            ("eu-west", None, 0),
        ]
    member.leave()
    store.close()


def test_status_of_a_single_runner_is_that_of_its_sources(local_url, capsys):
    with open_store(local_url) as store:
        store.acquire()
        store.commit(Changes("src", 1, 5))
        assert cli.main(["status", local_url]) == 0
        head, line = capsys.readouterr().out.splitlines()
        assert "partition" not in head
        assert line.split()[0] == "src"
        assert line.endswith("running")
    assert cli.main(["status", local_url]) == 1
    assert cli.main(["status", f"{local_url}-missing"]) == 4
