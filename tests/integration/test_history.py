"""Scans that come one after the other, on both databases: what is known, said, amended, kept."""

import threading
from itertools import pairwise

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scantrail.errors import ScantrailError
from scantrail.history.posts import Post
from scantrail.history.taking import take, take_apart
from scantrail.ingest.quality import standardise
from scantrail.settings import Settings
from scantrail.simulate import SimulationConfig, simulate
from scantrail.stores.database import Database
from scantrail.stores.tables import METADATA
from scantrail.vocabulary.events import RAW, Events, RawLog
from scantrail.wiring import Stores, engine

EPC = "001.8804823.1293291.010004.20250701.000004002"
OUT = (EPC, 1013, "W_Stock_Outbound", "2025-08-14 20:00:00")
BACK = (EPC, 1013, "W_Stock_Inbound", "2025-08-14 21:03:38")
LATE = (EPC, 1013, "W_Stock_Inbound", "2025-08-14 09:00:00")


@pytest.fixture(scope="module")
def demo():
    return engine(Settings())


@pytest.fixture(scope="module")
def rules():
    return engine(Settings(artifacts="none"))


@pytest.fixture
def stores(database_url):
    opened = Stores(Database(database_url))
    yield opened
    opened.close()


def scans(*rows, first=1, file=3):
    """Events of (EPC, location, step, time) each."""
    raw = pl.DataFrame(
        {
            "line": range(len(rows)),
            "event_id": [str(first + at) for at in range(len(rows))],
            "file_id": [str(file)] * len(rows),
            "epc_code": [row[0] for row in rows],
            "location_id": [str(row[1]) for row in rows],
            "business_step": [row[2] for row in rows],
            "event_type": [row[2] for row in rows],
            "event_time": [row[3] for row in rows],
            "scan_location": None,
        },
        schema_overrides=RAW,
    )
    return standardise(RawLog(raw.select(*RAW)), zone="Asia/Seoul")


def post(events, *, key=None, said=None):
    """A request whose answer is the kinds that were found; `said` collects (report, amended)."""

    def word(report, amended):
        if said is not None:
            said.append((report, amended))
        return ",".join(kind or "-" for kind in report.verdicts["kind"]).encode()

    return Post(events, "a test", b"\0" * 16, word, key)


def judge_with(engine, stores, *posts, now=0):
    return take(stores.trails, posts, engine.judge_journeys, now)


def everything(stores):
    """All rows of all tables."""
    with stores.database.reading() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(sa.select(table)).all()))
            for table in METADATA.sorted_tables
        }


def standing(stores):
    """Event id to what is said of it now: (kind, confidence to 2 digits)."""
    with stores.database.reading() as connection:
        rows = connection.execute(
            sa.text(
                "SELECT e.event_id, v.kind, v.confidence FROM events e JOIN verdicts v "
                "ON v.event = e.digest ORDER BY v.revision"
            )
        )
        return {int(row[0]): (row[1], round(row[2] or 0, 2)) for row in rows}


@pytest.fixture(scope="module")
def lots():
    """A simulated log in the order of time: the events, cut into what was scanned together."""
    log = simulate(SimulationConfig(150, seed=77, anomaly_rate=0.1)).scans
    raw = log.cast(pl.String).with_row_index("line").select(*RAW).cast(RAW)
    frame = standardise(RawLog(raw), zone="Asia/Seoul").frame.sort("time", "row")
    frame = frame.with_columns(row=pl.int_range(len(frame), dtype=pl.UInt32))
    return frame, frame.partition_by("time", maintain_order=True)


def test_scans_that_come_lot_by_lot_are_judged_like_the_whole_log(stores, demo, lots):
    frame, parts = lots
    for part in parts:
        judge_with(demo, stores, post(Events(part)))
    whole = demo.judge_journeys(frame)[0].verdicts
    expected = {
        row["event_id"]: (row["kind"], round(row["finalConfidence"] or 0, 2))
        for row in whole.rows(named=True)
    }
    assert sum(kind is not None for kind, _ in expected.values()) > 10
    got = standing(stores)
    assert {at: kind for at, (kind, _) in got.items()} == {
        at: kind for at, (kind, _) in expected.items()
    }


def test_requests_that_are_taken_together_are_judged_like_one(stores, rules, lots):
    frame, parts = lots
    judge_with(rules, stores, *[post(Events(part)) for part in parts])
    whole = rules.judge_journeys(frame)[0].verdicts
    got = standing(stores)
    assert {at: kind for at, (kind, _) in got.items()} == dict(
        whole.select("event_id", "kind").iter_rows()
    )
    assert len(stores.reports.lines(1000)) == len(parts)


def test_the_same_again_changes_nothing(stores, demo, lots):
    _, parts = lots
    batch = Events(pl.concat(parts[:40]))
    [first] = judge_with(demo, stores, post(batch))
    before = everything(stores)
    renamed = Events(
        batch.frame.with_columns(event_id=pl.col("event_id") + 1_000, file_id=pl.lit(9, pl.Int64))
    )
    [again] = judge_with(demo, stores, post(batch), now=5)
    [also] = judge_with(demo, stores, post(renamed), now=6)
    assert first == again == also
    assert everything(stores) == before


def test_a_late_scan_amends_what_was_said_and_both_are_kept(stores, rules):
    said = []
    [first] = judge_with(rules, stores, post(scans(OUT, BACK)))
    assert first.answer == b"-,evtOrderErr"
    [second] = judge_with(rules, stores, post(scans(LATE, first=6), said=said))
    [(_, [amended])] = said
    assert amended.event_id == 2
    assert (amended.was.kind, amended.now.kind) == ("evtOrderErr", None)
    assert standing(stores) == {1: (None, 0), 2: (None, 0), 6: (None, 0)}
    trail = [(row["event_id"], row["revision"], row["kind"]) for row in stores.reports.trail(EPC)]
    assert sorted(trail) == [(1, 0, None), (2, 0, "evtOrderErr"), (2, 1, None), (6, 0, None)]
    [told] = stores.reports.amendments_of(second.report_id)
    assert (told["event_id"], told["kind"]) == (2, None)
    assert stores.reports.suspects(10) == []


def test_an_earlier_event_becomes_suspect_by_a_late_scan(stores, rules):
    said = []
    judge_with(rules, stores, post(scans(BACK)))
    judge_with(rules, stores, post(scans(OUT, first=6), said=said))
    [(_, [amended])] = said
    assert (amended.was.kind, amended.now.kind) == (None, "evtOrderErr")
    assert amended.now.confidence > 0


def test_what_only_some_detectors_say_takes_nothing_back_until_all_judge_again(
    stores, demo, monkeypatch, lots
):
    frame, _ = lots
    whole = demo.judge_journeys(frame)[0].verdicts
    suspect = whole.filter(pl.col("kind") == "model")["epc_code"]
    assert len(suspect)
    judge_with(demo, stores, post(Events(frame)))
    before = standing(stores)

    def fail(*_):
        raise ScantrailError("no memory")

    with monkeypatch.context() as patch:
        for one in (demo.artifact.lstm, demo.artifact.svm):
            patch.setattr(type(one), "judge", fail)
        judge_with(demo, stores, post(Events(frame)))
        fresh = scans((EPC, 1013, "W_Stock_Inbound", "2025-08-14 21:03:38"), first=90_001)
        [told] = judge_with(demo, stores, post(fresh))
    assert {at: one for at, one in standing(stores).items() if at < 90_001} == before
    with stores.database.reading() as connection:
        degraded = sa.text("SELECT degraded FROM reports ORDER BY id DESC LIMIT 1")
        assert connection.execute(degraded).scalar() == "lstm,svm"
    assert told.report_id is not None


def test_a_key_is_answered_as_before_whatever_has_come_meanwhile(stores, rules):
    [told] = judge_with(rules, stores, post(scans(OUT, BACK), key="k1"))
    judge_with(rules, stores, post(scans(LATE, first=6)))
    assert stores.trails.answered("k1") == (b"\0" * 16, told.answer)
    assert stores.trails.answered("k2") is None


def test_a_request_apart_joins_no_journey_but_is_a_report(stores, rules):
    told = take_apart(stores.trails, post(scans(OUT)), rules.judge_journeys, 7)
    [next_] = judge_with(rules, stores, post(scans(BACK, first=2)))
    assert next_.answer == b"-"  # nothing is known of it having gone out
    again = take_apart(stores.trails, post(scans(OUT)), rules.judge_journeys, 8)
    ids = [line.id for line in stores.reports.lines(10)]
    assert ids == [again.report_id, next_.report_id, told.report_id]
    assert len(stores.reports.scans_of(told.report_id).digests) == 1
    assert stores.reports.figures()["events"] == 1


def test_a_scan_read_twice_in_one_request_is_kept_twice(stores, rules):
    judge_with(rules, stores, post(scans(OUT, OUT)))
    judge_with(rules, stores, post(scans(OUT, OUT)), post(scans(OUT, first=9)))
    assert len(stores.reports.journeys([EPC]).digests) == 2


def test_spellings_of_one_item_are_one_journey(stores, rules):
    urn = ("urn:epc:id:sgtin:0614141.112345.400", *OUT[1:])
    elements = ("(01)10614141123459(21)400", *BACK[1:])
    judge_with(rules, stores, post(scans(urn)))
    [told] = judge_with(rules, stores, post(scans(elements, first=2)))
    assert b"evtOrderErr" in told.answer


def test_rejects_alone_are_a_report(stores, rules):
    bad = scans((EPC, 1013, "W_Stock_Inbound", "some day"))
    [told] = judge_with(rules, stores, post(bad))
    assert told.report_id is not None
    with stores.database.reading() as connection:
        assert "some day" in connection.execute(sa.text("SELECT rejects FROM reports")).scalar()


@pytest.mark.parametrize("part", ["judge", "word"])
def test_what_fails_half_way_leaves_nothing(stores, rules, part):
    judge_with(rules, stores, post(scans(OUT)))
    before = everything(stores)

    def fail(*_):
        raise ZeroDivisionError

    request = post(scans(BACK, first=2))
    if part == "word":
        request = Post(request.events, request.label, request.asked, fail)
    with pytest.raises(ZeroDivisionError):
        take(stores.trails, [request], fail if part == "judge" else rules.judge_journeys, 0)
    assert everything(stores) == before


def test_two_processes_that_judge_one_item_at_once_lose_nothing(database_url, rules):
    times = [f"2025-08-{day:02d} {hour:02d}:00:00" for day in range(1, 11) for hour in (9, 15)]
    rows = [
        (EPC, 1013, f"W_Stock_{'In' if at % 2 else 'Out'}bound", t) for at, t in enumerate(times)
    ]
    opened = [Stores(Database(database_url)) for _ in range(4)]
    failed = []

    def work(number):
        try:
            for at in range(number, len(rows), 4):
                judge_with(rules, opened[number], post(scans(rows[at], first=at)))
        except Exception as error:  # noqa: BLE001 - told by the test
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    got = standing(opened[0])
    whole = rules.judge_journeys(scans(*rows, first=0).frame)[0].verdicts
    assert {at: kind for at, (kind, _) in got.items()} == dict(
        whole.select("event_id", "kind").iter_rows()
    )
    for one in opened:
        one.close()


def test_what_is_kept_outlives_the_process(database_url, rules):
    first = Stores(Database(database_url))
    judge_with(rules, first, post(scans(OUT)))
    first.close()
    second = Stores(Database(database_url))
    [told] = judge_with(rules, second, post(scans(BACK, first=2)))
    second.close()
    assert told.answer == b"evtOrderErr"


def test_figures_and_stock_follow_each_scan(stores, rules):
    steps = [
        (1001, "Aggregation", "2025-08-01 10:00:00"),
        (1005, "WMS_Inbound", "2025-08-01 12:00:00"),
        (1005, "WMS_Outbound", "2025-08-02 12:00:00"),
        (1060, "POS_Sell", "2025-08-05 10:00:00"),
    ]
    stock = []
    for at, (place, step, time) in enumerate(steps):
        judge_with(rules, stores, post(scans((EPC, place, step, time), first=at)))
        stock.append([(row["place"], row["step"], row["items"]) for row in stores.reports.stock()])
    assert stock == [
        [("Haneul Plant", "Aggregation", 1)],
        [("Haneul Plant Warehouse", "WMS_Inbound", 1)],
        [("Haneul Plant Warehouse", "WMS_Outbound", 1)],
        [],
    ]
    figures = stores.reports.figures()
    assert (figures["items"], figures["moves"], figures["events"], figures["sold"]) == (1, 2, 4, 1)
    assert float(figures["lead"]) / 3.6e9 == 96.0


@pytest.fixture(scope="module")
def trail():
    """A journey of one item, with a scan that is out of order and one at another place."""
    steps = ["WMS_Inbound", "WMS_Outbound", "HUB_Outbound", "HUB_Inbound", "R_Stock_Inbound"]
    return [
        (EPC, [1005, 1005, 1009, 1009, 1055][at], step, f"2025-08-0{1 + at} 10:00:00")
        for at, step in enumerate(steps)
    ]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(order=st.permutations(range(5)), cuts=st.sets(st.integers(1, 4)))
def test_any_order_in_any_parts_ends_with_the_same_verdicts(rules, trail, order, cuts):
    bounds = [0, *sorted(cuts), 5]
    stores = Stores(Database("sqlite://"))
    for begin, end in pairwise(bounds):
        parts = [scans(trail[at], first=at).frame for at in order[begin:end]]
        frame = pl.concat(parts).with_columns(row=pl.int_range(end - begin, dtype=pl.UInt32))
        judge_with(rules, stores, post(Events(frame)))
    whole = rules.judge_journeys(scans(*trail, first=0).frame)[0].verdicts
    assert {at: kind for at, (kind, _) in standing(stores).items()} == dict(
        whole.select("event_id", "kind").iter_rows()
    )
    stores.close()
