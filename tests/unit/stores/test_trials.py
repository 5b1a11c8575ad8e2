"""Trials, verdicts in the shadow, and what became of items, on every database."""

import msgspec
import polars as pl
import pytest
import sqlalchemy as sa

from scantrail.errors import ConflictError, NotFoundError
from scantrail.stores.database import Database
from scantrail.stores.outcomes import Outcomes
from scantrail.stores.shadows import Shadow, Shadows
from scantrail.stores.tables import EVENTS, JUDGEMENTS, REPORTS, VERDICTS
from scantrail.stores.trials import Move, Trials
from scantrail.trials.plan import TrialSettings

PLAN = TrialSettings(step_hours=7.0)
HOUR = 3_600_000_000


@pytest.fixture
def database(database_url):
    opened = Database(database_url)
    yield opened
    opened.close()


def move(trial=1, action="start", mode="ab", share=0.1):
    return Move(
        trial=trial, action=action, mode=mode, champion="old", challenger="new", share=share,
        salt="salt", plan=msgspec.json.encode(PLAN).decode(), actor="kim", reason="",
    )  # fmt: skip


def test_a_trial_is_the_chain_of_its_moves(database):
    trials = Trials(database)
    assert (trials.running(), trials.trials()) == (None, [])
    first = trials.add([move()], None)
    assert trials.running() == first
    assert (first.settings, first.assignment.share) == (PLAN, 0.1)
    second = trials.add([move(action="step", share=0.5)], first)
    last = trials.add([move(action="stop", share=0.5)], second)
    trials.add([move(2, mode="shadow", share=0.0)], last)
    one, other = trials.trials()
    assert (one.number, one.state, one.period) == (1, "stopped", (second.at, last.at))
    assert (other.number, other.state, other.period[1]) == (2, "running", None)
    assert other.start.assignment is None
    assert trials.trial(2) == other
    with pytest.raises(NotFoundError, match="there is no trial 3; 'scantrail trial list' lists"):
        trials.trial(3)


def test_of_two_moves_at_once_one_wins(database):
    trials = Trials(database)
    first = trials.add([move()], None)
    trials.add([move(action="stop")], first)
    said = "another move was made meanwhile: kim has made stop of trial 1 at "
    with pytest.raises(ConflictError, match=said):
        trials.add([move(action="promote")], first)


REPORT = {
    "label": "", "asked": b"a" * 16, "idempotency_key": None, "degraded": "", "rejects": "[]",
    "events": 1, "suspects": 0, "answer": b"",
}  # fmt: skip


@pytest.fixture
def keep(database):
    """Stores a verdict on a scan of an item: (item, hour, judgement, anomaly, kind, apart)."""

    def kept(item, hour=0, judgement=b"j" * 16, anomaly=False, kind=None, apart=False):
        at = hour * HOUR
        with database.writing() as connection:
            added = connection.execute(
                sa.insert(REPORTS), {**REPORT, "created_at": at, "judgement": judgement}
            ).inserted_primary_key[0]
            digest = f"{added:016}".encode()
            connection.execute(sa.insert(EVENTS), {
                "digest": digest, "report_id": added, "position": 0, "item": item,
                "epc_code": item, "time": at, "offset": 0, "flags": 0, "moment": 0, "apart": apart,
            })  # fmt: skip
            connection.execute(sa.insert(VERDICTS), {
                "event": digest, "revision": 0, "report_id": added, "item": item,
                "journey": digest, "anomaly": anomaly, "kind": kind, "scores": "{}",
            })  # fmt: skip
        return digest

    return kept


def test_the_first_verdict_in_the_shadow_on_a_scan_is_kept(database, keep):
    shadows = Shadows(database)
    one, two, three = keep("a", 1), keep("a", 2), keep("b", 3)
    keep("c", 4), keep("d", 4, apart=True)
    shadows.add(
        1, [Shadow(one, 20.0, False, None, True), Shadow(two, 80.0, True, "model", False)], 5
    )
    shadows.add(
        1, [Shadow(two, 1.0, False, None, False), Shadow(three, None, False, None, False)], 9
    )
    shadows.add(1, [], 9)
    shadows.add(2, [Shadow(one, 90.0, True, "model", False)], 9)
    assert sorted(shadows.items(1).rows()) == [("a", True, True), ("b", False, False)]
    assert shadows.items(7).schema == {
        "item": pl.String, "champion": pl.Boolean, "challenger": pl.Boolean,
    }  # fmt: skip
    assert shadows.scored(1, 2 * HOUR, None) == (3, 3)
    assert shadows.scored(1, 0, 3 * HOUR) == (3, 2)
    assert shadows.prune(9) == 2
    assert shadows.items(1).rows() == [("b", False, False)]


def test_outcomes_are_summed_up_by_item(database, keep):
    outcomes = Outcomes(database)
    keep("a", 1), keep("a", 2, anomaly=True, kind="model"), keep("a", 2)
    keep("b", 2, anomaly=True, kind="jump"), keep("b", 3, b"k" * 16), keep("c", 2, apart=True)
    told = outcomes.items(1 * HOUR, 3 * HOUR)
    assert sorted(told.rows()) == [
        ("a", b"j" * 16, 3, True, True), ("b", b"j" * 16, 1, True, False),
    ]  # fmt: skip
    assert len(outcomes.items(2 * HOUR)) == 3
    hours = outcomes.hours(1 * HOUR, 3 * HOUR)
    assert sorted(hours.rows()) == [("a", 1, False), ("a", 2, True), ("b", 2, False)]
    assert outcomes.items(99 * HOUR).is_empty()
    with database.writing() as connection:
        connection.execute(
            sa.insert(JUDGEMENTS), {"digest": b"j" * 16, "made_by": '{"versions": {"lstm": "x"}}'}
        )
    assert outcomes.made_by() == {b"j" * 16: {"versions": {"lstm": "x"}}}
