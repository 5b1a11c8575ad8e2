"""The chain of deployments: it only grows, in one line, and answers for every moment."""

import threading

import pytest

from scantrail.errors import ConflictError
from scantrail.stores import chain as chains
from scantrail.stores.database import Database
from scantrail.stores.deployments import Deployments, Order, before_last


@pytest.fixture
def chain(database_url):
    database = Database(database_url)
    yield Deployments(database)
    database.close()


def order(version, action="promote"):
    return Order(action=action, version=version, actor="kim", reason="")


def test_nothing_is_deployed_at_first(chain):
    assert chain.last() is None
    assert chain.all() == []
    assert chain.at(2**60) is None


def test_the_last_one_rules_and_every_moment_is_answered(chain, monkeypatch):
    times = iter([1_000, 5_000, 3_000])  # the clock steps back
    monkeypatch.setattr(chains.time, "time_ns", lambda: next(times) * 1000)
    first = chain.add([order("a", "start"), order("b")], None)
    chain.add([order("c")], first)
    assert [(one.version, one.at) for one in chain.all()] == [
        ("a", 1_000), ("b", 5_000), ("c", 5_000),
    ]  # fmt: skip
    asked = {at: chain.at(at) for at in (999, 1_000, 4_999, 5_000, 9_000)}
    told = {at: one and one.version for at, one in asked.items()}
    assert told == {999: None, 1_000: "a", 4_999: "a", 5_000: "c", 9_000: "c"}
    assert chain.last().version == "c"


def test_no_two_follow_the_same(chain):
    first = chain.add([order("a")], None)
    chain.add([order("b")], first)
    with pytest.raises(
        ConflictError, match="deployment was made meanwhile: kim has made promote b"
    ):
        chain.add([order("c")], first)
    with pytest.raises(ConflictError):
        chain.add([order("c")], None)
    assert [one.version for one in chain.all()] == ["a", "b"]


def test_of_many_at_once_one_wins(database_url):
    results = []
    databases = [Database(database_url) for _ in range(4)]
    barrier = threading.Barrier(4)

    def run(number):
        barrier.wait()
        try:
            Deployments(databases[number]).add([order(f"v{number}")], None)
            results.append("won")
        except ConflictError:
            results.append("lost")

    threads = [threading.Thread(target=run, args=(n,)) for n in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(results) == ["lost", "lost", "lost", "won"]
    assert len(Deployments(databases[0]).all()) == 1
    [database.close() for database in databases]


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ([], None),
        (["a"], None),
        (["a", "b"], "a"),
        (["a", "b", "c", "<b"], "a"),
        (["a", "b", "c", "<b", "<a"], None),
        (["a", "b", "<a", "c"], "a"),
        (["a", "b", "b"], "a"),  # pinned and unpinned
    ],
)
def test_rollbacks_undo_promotions_one_by_one(actions, expected):
    chain = [
        order(text.lstrip("<"), "rollback" if text[0] == "<" else "promote") for text in actions
    ]
    assert before_last(chain) == expected
