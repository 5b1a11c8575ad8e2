"""A promotion that turns out worse in use is taken back, once, and versions never take turns."""

import hashlib
import json
import shutil
import time

import pytest
import sqlalchemy as sa

from scantrail import wiring
from scantrail.errors import ConflictError
from scantrail.serve.api import create_app
from scantrail.settings import read_settings
from scantrail.stores.feedback import NewFeedback
from scantrail.stores.tables import EVENTS, REPORTS, VERDICTS

DEMO = wiring.version_of(wiring.DEMO_ARTIFACT)
HOUR = 3_600_000_000
CODE = "001.8804823.1293291.{:06}.20250701.{:09}"


class Place:
    """A service's parts on one database, and what has become of items there."""

    def __init__(self, url, **given):
        self.settings = read_settings({}, database_url=url, **given)
        self.stores = wiring.stores(self.settings)
        self.engine = wiring.engine(self.settings, learned=False)
        self.rollout = wiring.rollout(self.engine, self.stores)
        self.care = wiring.aftercare(self.engine, self.stores)
        self._number = 0

    def judged(self, begin, lots, alerted, kind="model", scanned=None):
        """One item of each lot is judged in the hour from `begin`; of some lots, it is suspect."""
        with self.stores.database.writing() as connection:
            for lot in range(lots):
                self._number += 1
                report = connection.execute(sa.insert(REPORTS), {
                    "label": "", "created_at": begin + lot, "asked": b"a" * 16, "degraded": "",
                    "rejects": "[]", "events": 1, "suspects": 0, "answer": b"",
                    "judgement": b"j" * 16,
                }).inserted_primary_key[0]  # fmt: skip
                digest = f"{self._number:016}".encode()
                item = CODE.format(lot, self._number)
                connection.execute(sa.insert(EVENTS), {
                    "digest": digest, "report_id": report, "position": 0, "item": item,
                    "epc_code": item, "time": scanned or begin, "offset": 0, "flags": 0, "moment": 0,
                    "apart": False,
                })  # fmt: skip
                connection.execute(sa.insert(VERDICTS), {
                    "event": digest, "revision": 0, "report_id": report, "item": item,
                    "journey": digest, "anomaly": lot < alerted,
                    "kind": kind if lot < alerted else None, "scores": "{}",
                })  # fmt: skip

    def said(self, begin, numbers, verdict):
        for number in numbers:
            item = CODE.format((number - 1) % 400, number)
            self.stores.feedback.add(NewFeedback(
                actor="kim", verdict=verdict, reason="", target="item", item=item, epc_code=item,
            ), begin)  # fmt: skip

    def versions(self):
        return [one.version for one in self.rollout.deployments.all()]


@pytest.fixture
def place(database_url, tmp_path, another):
    made = Place(database_url, models=str(tmp_path / "models"))
    made.new = made.rollout.registry.add(another)
    yield made
    made.stores.close()


def promote(place, version=None):
    deployed, _ = place.rollout.promote(version or place.new, "kim", "newer")
    return deployed.at


def test_more_alerts_take_a_promotion_back(place):
    begin = promote(place)
    place.judged(begin - 20 * HOUR, 400, 8)
    assert place.care.tend() is None  # nothing was judged yet
    place.judged(begin + 1000, 300, 60)
    done = place.care.tend()
    assert (done.action, done.version, done.actor) == ("rollback", DEMO, "automatic")
    assert done.reason == "learned detectors alert on 20.0% of lots an hour, before on 2.0%"
    [line] = place.stores.audit.lines(10)
    assert (line.actor, line.action, line.subject) == (
        "automatic", "roll back", f"version {place.new}",
    )  # fmt: skip
    assert line.detail == {"to": DEMO, "reason": done.reason}
    assert place.care.tend() is None


def test_alerts_of_rules_say_nothing_of_a_version(place):
    begin = promote(place)
    place.judged(begin - 20 * HOUR, 400, 8)
    place.judged(begin + 1000, 300, 60, kind="jump")
    assert place.care.tend() is None
    place.judged(begin + HOUR, 300, 9)
    assert place.care.tend() is None


def test_alerts_that_people_dismiss_take_it_back_too(place):
    begin = promote(place)
    place.judged(begin - 20 * HOUR, 400, 80)
    place.said(begin - 10 * HOUR, range(1, 61), "confirm")
    place.judged(begin + 1000, 400, 80)
    place.said(begin + 2000, range(401, 461), "dismiss")
    done = place.care.tend()
    assert done.reason == "0% of the alerts are confirmed, before 100%"


def test_two_versions_never_take_turns(place):
    begin = promote(place)
    place.judged(begin - 20 * HOUR, 400, 8)
    place.judged(begin + 1000, 300, 60)
    place.care.tend()
    place.judged(time.time_ns() // 1000 + 5_000_000, 300, 150)
    assert place.care.tend() is None  # a rollback is not taken back
    assert place.care.bars(place.new).startswith(f"version {place.new} was rolled back before (")
    assert (
        place.care.bars("none") == f"version {place.new} was rolled back within the last 24 hours"
    )
    begin = promote(place)  # people may
    place.judged(begin + 1000, 300, 290)
    assert place.care.tend() is None  # within the cool-down
    assert place.versions() == [DEMO, place.new, DEMO, place.new]


def test_what_is_old_pinned_on_trial_or_switched_off_is_left_alone(place):
    begin = promote(place)
    place.judged(begin - 20 * HOUR, 400, 8)
    place.judged(begin + 1000, 300, 60)
    trialing = wiring.trialing(place.engine, place.stores)
    trialing.start("ab", "none", "kim", "")
    assert place.care.tend() is None
    trialing.stop(1, "kim", "")
    off = Place(place.settings.database_url, models=place.settings.models,
                aftercare={"rollback": False})  # fmt: skip
    assert off.care.tend() is None
    off.stores.close()
    short = Place(place.settings.database_url, models=place.settings.models,
                  aftercare={"hours": 0.0})  # fmt: skip
    assert short.care.tend() is None
    short.stores.close()
    place.rollout.promote(place.new, "kim", "audit", pin=True)
    assert place.care.tend() is None
    place.rollout.unpin("kim", "over")
    assert place.care.tend() is None  # what was unpinned is no promotion any more


def test_what_counts_as_before_is_what_the_version_before_judged(place):
    promote(place, "none")
    first = time.time_ns() // 1000
    place.judged(first - 20 * HOUR, 400, 200)  # by what served before `none`
    begin = promote(place)
    place.judged(first + 10, 2, 0)
    place.judged(begin + 1000, 300, 200)
    period = place.care._period(place.care._judged_since(place.rollout.deployments.last()), begin)
    assert sum(period.lots) <= 2


def test_of_two_processes_one_takes_it_back(place):
    begin = promote(place)
    place.judged(begin - 20 * HOUR, 400, 8)
    place.judged(begin + 1000, 300, 60)

    def overtaken(actor, reason, away_from):
        place.rollout.roll_back("lee", "quicker", away_from=away_from)
        place.rollout.roll_back(actor, reason, away_from=away_from)

    with pytest.raises(ConflictError, match="is not deployed"):
        place.care.tend(overtaken)
    assert place.rollout.deployments.last().actor == "lee"


def test_the_service_looks_and_follows_at_once(call, tmp_path, another):
    place = Place(f"sqlite:///{tmp_path / 'x.sqlite'}")
    app = create_app(wiring.engine(place.settings), place.stores, insecure_local=True)
    place.new = place.rollout.registry.add(another)
    send = call(app)
    send("POST", f"/api/admin/ml/models/{place.new}/promote")
    begin = place.rollout.deployments.last().at
    place.judged(begin - 20 * HOUR, 400, 8)
    place.judged(begin + 1000, 300, 60)
    caretaker = app.state.caretaker
    caretaker.tend_promotion()
    caretaker.tend_promotion()
    caretaker.tend_trial()
    assert send("GET", "/api/admin/ml/health").json()["serving"] == DEMO
    chain = send("GET", "/api/admin/ml/deployments").json()
    assert [one["action"] for one in chain] == ["rollback", "promote", "start"]
    assert chain[0]["actor"] == "automatic"
    place.stores.close()


def test_a_registry_copies_all_files_of_a_version(tmp_path):
    folder = shutil.copytree(wiring.DEMO_ARTIFACT, tmp_path / "more")
    card = json.loads((folder / "card.json").read_text("utf-8"))
    (folder / "svm_state.npz").write_bytes(b"state")
    card["digests"]["svm_state.npz"] = hashlib.sha256(b"state").hexdigest()
    (folder / "card.json").write_text(json.dumps(card), "utf-8")
    registry = wiring.registry(read_settings({}, models=str(tmp_path / "models")))
    version = registry.add(folder)
    assert (registry.folder / version / "svm_state.npz").read_bytes() == b"state"


def test_after_rules_alone_learned_alerts_are_no_sign(place):
    """There were none before, as nobody raised any: each would be more."""
    promote(place, "none")
    begin = promote(place)
    place.judged(begin - 1000, 400, 0)
    place.judged(begin + 1000, 300, 60)
    assert place.care.tend() is None
    assert place.versions()[-1] == place.new


def test_by_the_clock_of_scans_hours_are_those_of_the_scans(database_url, tmp_path, another):
    place = Place(database_url, models=str(tmp_path / "m"), monitoring={"clock": "scan"})
    place.new = place.rollout.registry.add(another)
    begin = promote(place)
    for hour in range(3):
        place.judged(begin + 1000, 50, 10, scanned=begin + hour * HOUR)
    after = place.care._period(begin, None)
    assert after.lots == (30, 120)
    place.stores.close()
