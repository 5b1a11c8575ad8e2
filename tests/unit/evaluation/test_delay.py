import pytest

from scantrail.errors import InputError
from scantrail.evaluation import judged
from scantrail.evaluation.delay import delays


def test_time_to_detect_counts_from_the_first_anomalous_scan(given, code):
    seen = given({
        code(1, 1): [(0, 1.0, None), (1, 90.0, "jump"), (2, 95.0, None)],  # at once
        code(1, 2): [(0, 1.0, "jump"), (5, 2.0, None), (12, 90.0, None)],  # two scans later
        code(1, 3): [(0, 1.0, "jump"), (5, 2.0, None)],  # never
        code(1, 4): [(0, 99.0, None), (3, 1.0, "burst")],  # before only
        code(1, 5): [(0, 99.0, None)],  # no anomaly
    })  # fmt: skip
    told = delays(seen, 50.0)
    assert told.items.select("hours", "scans", "early").rows() == [
        (0.0, 0, False), (12.0, 2, False), (None, None, False), (None, None, True),
    ]  # fmt: skip
    every, burst, jump = told.by_kind.to_dicts()
    assert (every["kind"], every["items"], every["found"], every["early"]) == ("all", 4, 2, 1)
    assert (burst["kind"], burst["found"], burst["hours_median"]) == ("burst", 0, None)
    assert (jump["items"], jump["found"], jump["at_once"]) == (3, 2, 0.5)
    assert (jump["hours_median"], jump["scans_median"]) == (6.0, 1.0)
    assert jump["hours_90"] == pytest.approx(10.8)


def test_scans_are_put_in_order_of_time_first(given, code):
    seen = given({code(1, 1): [(9, 90.0, None), (2, 1.0, "jump"), (5, 1.0, None)]})
    assert delays(seen, 50.0).items.select("hours", "scans").rows() == [(7.0, 2)]


def test_scans_without_a_score_are_no_alert(given, code):
    seen = given({code(1, 1): [(0, None, "jump"), (1, 90.0, None)]})
    assert delays(seen, 50.0).items["scans"].to_list() == [1]


def test_without_the_log_there_is_no_time(log, code):
    verdicts, labels, _ = log({code(1, 1): [(0, 80.0, "jump")]})
    with pytest.raises(InputError, match="time to detect needs the log's times; name the log"):
        delays(judged(verdicts, labels), 50.0)
