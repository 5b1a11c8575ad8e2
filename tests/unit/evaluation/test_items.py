import datetime as dt

import polars as pl
import pytest

from scantrail.errors import InputError
from scantrail.evaluation import judged
from scantrail.evaluation.items import beside


def test_an_item_has_its_highest_score_its_label_and_its_scans(given, code):
    seen = given({code(1, 1): [(0, 10.0, None), (5, 90.0, "jump"), (9, None, None)],
                  code(1, 2): [(0, None, None)]})  # fmt: skip
    assert seen.items.select("finalConfidence", "kind", "scans").rows() == [
        (90.0, "jump", 3),
        (-1.0, None, 1),
    ]
    assert seen.scans["item"].to_list() == [0, 0, 0, 1]
    assert seen.labelled.tolist() == [True, False]


def test_an_item_belongs_to_the_day_of_its_first_labelled_or_else_last_scan_at_the_site(
    given, code
):
    seen = given({code(1, 1): [(0, 1.0, None), (26, 2.0, "jump"), (99, 1.0, "jump")],
                  code(1, 2): [(0, 1.0, None), (14.9, 1.0, None)],
                  code(1, 3): [(15, 1.0, None)]})  # fmt: skip
    # nine hours ahead of UTC
    assert seen.items["day"].to_list() == [
        dt.date(2025, 7, 2),
        dt.date(2025, 7, 1),
        dt.date(2025, 7, 2),
    ]


def test_items_of_one_lot_are_known_as_such(given, code):
    lots = given({code(lot, n): [(0, 1.0, "jump")] for lot in (1, 2) for n in (1, 2)}).items["lot"]
    assert lots[0] == lots[1] != lots[2] == lots[3]


def test_what_the_log_does_not_tell_is_not_needed(log, code):
    verdicts, labels, _ = log({code(1, 1): [(0, 80.0, "jump")]})
    seen = judged(verdicts.select("event_id", "epc_code", "finalConfidence"), labels)
    assert not seen.timed
    assert seen.scans["told"].null_count() == 1
    assert "day" not in seen.items.columns


def test_verdicts_of_another_log_are_refused(log, code):
    verdicts, labels, events = log({code(1, 1): [(0, 80.0, "jump"), (1, 0.0, None)]})
    message = (
        "the 2 verdicts are not of this log, which has 1 readable events; name the log that detect "
        "judged, whole and in the same order"
    )
    with pytest.raises(InputError, match=message):
        judged(verdicts, labels, events.head(1))


def test_a_scan_that_is_labelled_twice_counts_once(log, code):
    verdicts, labels, events = log({code(1, 1): [(0, 80.0, "jump")], code(1, 2): [(0, 0.0, None)]})
    twice = pl.concat([labels, labels.with_columns(kind=pl.lit("burst"))])
    seen = judged(verdicts, twice, events)
    assert len(seen.scans) == 2
    assert seen.items["kind"].to_list() == ["jump", None]


def test_some_items_stand_alone(given, code):
    seen = given({code(1, 1): [(0, 80.0, "jump")], code(1, 2): [(0, 7.0, None)]})
    few = seen.only(pl.Series([code(1, 2)]))
    assert few.items.select("epc_code", "finalConfidence").rows() == [(code(1, 2), 7.0)]
    with pytest.raises(InputError, match="0 of the 1 items are labelled, so what is found can't"):
        few.check()
    with pytest.raises(InputError, match="1 of the 1 items are labelled, so false alerts can't be"):
        seen.only(pl.Series([code(1, 1)])).check()


def test_rows_of_what_was_put_side_by_side_can_be_filtered(log, code):
    verdicts, _, events = log({code(1, n): [(n, 90.0, None)] for n in range(1, 6)})
    pieces = pl.concat([verdicts.head(2), verdicts.tail(3)], rechunk=False)
    table = beside(pieces, events)
    assert set(table.n_chunks("all")) == {1}
    later = table.filter(pl.col("location_id") > 0)
    assert later.select(pl.format("location {}", "location_id")).height == 5
