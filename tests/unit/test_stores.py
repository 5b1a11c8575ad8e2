"""Past detections in memory: bounded, newest first, ids never used again."""

from scantrail.stores.memory import MemoryReports
from scantrail.testing import events
from scantrail.vocabulary.events import Events

SCAN = ("2025-07-01 10:00:00", 1, "Factory", "Aggregation")


def add(store, label, count=1):
    return store.add(label, "2025-07-01T00:00:00+00:00", Events(events([SCAN] * count)), None)


def test_what_is_kept_is_found_again():
    store = MemoryReports(10)
    first, second = add(store, "a"), add(store, "b", 2)
    assert [kept.label for kept in store.newest_first()] == ["b", "a"]
    assert store.get(first).label == "a"
    assert len(store.get(second).events) == 2
    assert store.get(99) is None


def test_the_oldest_is_forgotten_when_there_are_too_many_and_its_id_stays_unused():
    store = MemoryReports(2)
    ids = [add(store, str(i)) for i in range(4)]
    assert [kept.report_id for kept in store.newest_first()] == ids[:1:-1]
    assert store.get(ids[0]) is None
    assert len(set(ids)) == 4


def test_too_many_events_are_too_many_but_the_newest_is_always_kept():
    store = MemoryReports(10, most_events=5)
    add(store, "a", 3)
    add(store, "b", 2)
    assert [kept.label for kept in store.newest_first()] == ["b", "a"]
    add(store, "c", 2)
    assert [kept.label for kept in store.newest_first()] == ["c", "b"]
    add(store, "d", 9)
    assert [kept.label for kept in store.newest_first()] == ["d"]
