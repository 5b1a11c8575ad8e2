"""Detectors side by side: bounded in time, left alone when they fail, never piling up."""

import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass

import pytest

from scantrail.guard import Budgets, Guard

QUICK = Budgets(rules_ms=2_000, lstm_ms=50, svm_ms=2_000, per_1000_ms=0, failures=2, retry_s=0.2)
WHO = ContextVar("who", default="nobody")


@dataclass(frozen=True)
class One:
    name: str
    version: str = "1"
    columns: tuple[str, ...] = ()

    def judge(self, _journeys):
        raise NotImplementedError


RULES, LSTM, SVM = ALL = One("rules"), One("lstm"), One("svm")


@pytest.fixture
def noted():
    return []


@pytest.fixture
def guard(noted):
    return Guard(QUICK, lambda *what: noted.append(what))


@pytest.fixture
def gate():
    """Opens at the end, so that no thread outlives its test."""
    event = threading.Event()
    yield event
    event.set()


def test_all_answer_in_their_order(guard, noted):
    assert guard(ALL, lambda one: one.name.upper(), 10) == ["RULES", "LSTM", "SVM"]
    assert noted == []
    assert set(guard.states().values()) == {"closed"}


def test_they_work_side_by_side(guard):
    together = threading.Barrier(3, timeout=2)
    assert guard(ALL, lambda _: together.wait() >= 0, 10) == [True] * 3


def test_one_that_raises_is_noted_and_the_others_answer(guard, noted, caplog):
    def work(one):
        if one is SVM:
            raise ZeroDivisionError("on purpose")
        return one.name

    assert guard(ALL, work, 10) == ["rules", "lstm", None]
    assert noted == [("svm", "failed")]
    assert "detector svm failed; the verdicts are degraded" in caplog.text


def test_one_that_raises_a_timeout_of_its_own_is_not_called_late(guard, noted):
    def work(_):
        raise TimeoutError

    assert guard([RULES], work, 10) == [None]
    assert noted == [("rules", "failed")]


def test_one_that_hangs_is_not_waited_for(guard, noted, gate, caplog):
    def work(one):
        if one is LSTM:
            gate.wait()
        return one.name

    began = time.monotonic()
    assert guard(ALL, work, 10) == ["rules", None, "svm"]
    assert time.monotonic() - began < 1.5
    assert noted == [("lstm", "late")]
    assert "detector lstm takes too long; the verdicts are degraded" in caplog.text


def test_larger_batches_have_more_time(gate):
    budgets = Budgets(lstm_ms=0, per_1000_ms=1_000)
    assert budgets.seconds("lstm", 2_500) == 2.5
    assert budgets.seconds("a detector of one's own", 0) == budgets.seconds("rules", 0) == 5


def test_after_some_failures_it_is_left_alone_and_then_tried_again(guard, noted):
    calls = []

    def fail(one):
        calls.append(one)
        raise ValueError

    for _ in range(5):
        guard([SVM], fail, 10)
    assert len(calls) == 2
    assert [why for _, why in noted] == ["failed"] * 2 + ["open"] * 3
    assert guard.states() == {"svm 1": "open"}
    time.sleep(0.25)
    assert guard([SVM], lambda _: "back", 10) == ["back"]
    assert guard.states() == {"svm 1": "closed"}


def test_another_version_begins_anew(guard):
    def fail(_):
        raise ValueError

    for _ in range(3):
        guard([SVM], fail, 10)
    assert guard([One("svm", "2")], lambda one: one.version, 10) == ["2"]


def test_calls_that_hang_never_pile_up(guard, noted, gate):
    running = []

    def hang(_):
        running.append(1)
        gate.wait()

    for _ in range(2):
        guard([LSTM], hang, 10)
    for _ in range(3):
        time.sleep(0.25)  # its breaker would let one try
        guard([LSTM], hang, 10)
    assert len(running) == 2
    assert [why for _, why in noted] == ["late"] * 2 + ["open"] * 3
    gate.set()
    deadline = time.monotonic() + 2
    while guard([LSTM], lambda _: "back", 10) != ["back"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_threads_are_used_again(guard):
    for _ in range(20):
        guard(ALL, lambda one: one.name, 10)
    before = threading.active_count()
    for _ in range(20):
        guard(ALL, lambda one: one.name, 10)
    assert threading.active_count() <= before + 1


def test_detectors_see_the_caller_s_context(guard):
    WHO.set("request 7")
    assert guard([RULES], lambda _: WHO.get(), 10) == ["request 7"]


def test_nobody_to_ask(guard):
    assert guard([], lambda one: one, 0) == []
