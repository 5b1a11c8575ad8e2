import datetime as dt
import re

import polars as pl
import pytest

from scantrail.errors import MonitoringError
from scantrail.monitoring.baseline import from_json, learn_baseline, read_baseline
from scantrail.monitoring.views import VIEWS, View, classes, crowds, labels_of, tally


def test_a_baseline_survives_json_and_names_its_content(baseline):
    again = from_json(baseline.to_json())
    assert again == baseline
    assert again.digest == baseline.digest
    assert re.fullmatch(r"[0-9a-f]{12}", baseline.digest)


def test_the_same_scans_in_any_order_give_the_same_baseline(usual, baseline):
    shuffled = usual.sample(fraction=1.0, shuffle=True, seed=3)
    assert learn_baseline(shuffled, {"rules": "1"}).digest == baseline.digest
    assert learn_baseline(usual.head(-1), {"rules": "1"}).digest != baseline.digest


def test_it_keeps_counts_and_no_scans(usual, baseline):
    text = baseline.to_json().decode()
    assert usual["epc_code"][0] not in text
    assert len(text) < 60_000
    assert (baseline.first, baseline.last) == (dt.date(2025, 3, 3), dt.date(2025, 4, 26))
    assert baseline.known == {"site": ["1", "2", "3"], "product": ["A", "B", "C"]}
    assert sum(baseline.references["step"][""].counts) == len(usual)
    assert baseline.rates["1"].share == pytest.approx(0.01, rel=0.2)
    assert 8 < baseline.references["travel"]["1"].design < 30  # batches of ten


def test_too_few_days_are_refused(usual):
    short = usual.filter(pl.col("day") < dt.date(2025, 3, 16))
    said = "a baseline needs 14 days at least, to know how days differ; this log has 13"
    with pytest.raises(MonitoringError, match=f"^{said}$"):
        learn_baseline(short)
    with pytest.raises(MonitoringError, match="this log has 0$"):
        learn_baseline(short.clear())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "the baseline is damaged: "),
        (b"[]", r"this is no baseline of format 1 (found None)"),
        (b'{"format": 7}', "this is no baseline of format 1 (found 7)"),
        (b'{"format": 1}', "the baseline is damaged: Object missing required field `first`"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, content, said):
    path = tmp_path / "usual.json"
    path.write_bytes(content)
    with pytest.raises(MonitoringError, match="^" + re.escape(f"{path}: {said}")):
        read_baseline(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(MonitoringError, match="can't be read: No such file or directory$"):
        read_baseline(tmp_path / "none.json")


def test_rare_names_are_counted_together():
    frame = pl.DataFrame({"x": ["a"] * 3000 + ["b"] * 20 + ["rare", None]})
    view = View("x", "x", "features")
    labels = labels_of(frame, view)
    assert labels == ["a", "b"]
    counted = classes(frame, view, labels).value_counts().sort("class").rows()
    assert counted == [(None, 1), (0, 3000), (1, 20), (2, 1)]


def test_a_number_on_an_edge_belongs_below_it():
    frame = pl.DataFrame({"x": [0.0, 1.0, 1.5, 2.0, 9.0, None]})
    view = View("x", "x", "features", (1.0, 2.0))
    assert classes(frame, view, []).to_list() == [0, 0, 1, 1, 2, None]


def test_every_scan_is_counted_once_per_view(days):
    some = days(3, 1)
    calendar = some["day"].unique().sort().to_list()
    for view in VIEWS:
        counted = tally(some, view, labels_of(some, view), calendar)
        total = counted.pop("").sum()
        assert total == len(some) - some[view.name].null_count()
        if view.by:
            assert sum(counts.sum() for counts in counted.values()) == total


def test_scans_are_made_with_so_many_others():
    frame = pl.DataFrame({"site": ["1"] * 4 + ["2", None], "together": [4.0] * 4 + [1.0, None]})
    assert crowds(frame) == {"": 3.4, "1": 4.0, "2": 1.0}  # 17 / 5
    assert crowds(frame.clear()) == {}


def test_a_design_effect_is_at_least_a_batch_where_scans_share_a_view(baseline):
    designs = {name: [one.design for one in places.values()]
               for name, places in baseline.references.items()}  # fmt: skip
    assert min(designs["hour"]) >= 10
    assert min(designs["kind"]) < 3
