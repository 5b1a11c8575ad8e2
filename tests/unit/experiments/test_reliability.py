"""What the pictures and tables of reliability are made of."""

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

pytest.importorskip("matplotlib", reason="needs the tools for development: make dev")

FOLDER = Path(__file__).resolve().parents[3] / "experiments" / "scans"
MODULES = ("baseline", "contamination", "reliability", "run")


@pytest.fixture
def scans(monkeypatch):
    """The experiment's modules by name."""
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in MODULES:
        sys.modules.pop(name, None)
    import contamination
    import reliability

    yield {"contamination": contamination, "reliability": reliability}
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def reliability(scans):
    return scans["reliability"]


def log(reliability, honest, anomalous, per_item=4.0):
    """One item per score; honest ones have a second scan that looks ordinary."""
    scores = np.array([*honest, *anomalous], float)
    columns = dict.fromkeys([*reliability.VOICES, "finalConfidence"], scores)
    odd = np.repeat([False, True], (len(honest), len(anomalous)))
    items = pl.DataFrame(columns | {"anomalous": odd})
    of_honest = items.filter(~pl.col("anomalous")).drop("anomalous")
    return reliability.Log(items, pl.concat([of_honest, of_honest * 0]), per_item)


def test_scores_are_gathered_per_item_and_per_scan_of_honest_items(reliability):
    scores = {name: [10.0, 70.0, 30.0, 90.0] for name in [*reliability.VOICES, "finalConfidence"]}
    verdicts = pl.DataFrame({"event_id": [1, 2, 3, 4], "epc_code": ["a", "a", "b", "b"]} | scores)
    labels = pl.DataFrame({"event_id": [4], "kind": ["jump"]})
    made = reliability.measured(verdicts, labels, 2.0)
    items = made.items.sort("epc_code")
    assert items["finalConfidence"].to_list() == [70.0, 90.0]
    assert items["anomalous"].to_list() == [False, True]
    assert made.events["finalConfidence"].to_list() == [10.0, 70.0], "no scan of a labelled item"


def test_what_is_seen_is_counted_among_the_honest(reliability):
    runs = [log(reliability, [0, 20, 50, 80], [100]), log(reliability, [0, 0, 0, 60], [])]
    seen = reliability.seen(runs, "svmOutlierScore", np.array([50.0, 80.5]), of_events=False)
    assert seen.tolist() == [[0.5, 0.0], [0.25, 0.0]]
    seen = reliability.seen(runs, "svmOutlierScore", np.array([50.0]), of_events=True)
    assert seen.tolist() == [[0.25], [0.125]]


def test_a_score_promises_what_the_calibration_says(reliability):
    assert reliability.promised(np.array([0.0, 25, 50, 75, 100])) == pytest.approx(
        [1.0, 0.1, 0.01, 0.001, 0.0001]
    )


def test_confidence_is_compared_with_the_share_that_is_anomalous(reliability):
    runs = [log(reliability, [5] * 90 + [95] * 2, [95] * 8)]
    count, share, low, high = reliability.by_confidence(runs)
    assert count[[0, -1]].tolist() == [90, 10]
    assert share[[0, -1]].tolist() == [0.0, 0.8]
    assert (low[-1], high[-1]) == pytest.approx((0.490, 0.943), abs=1e-3), "Wilson's interval"
    assert low[0] == 0.0
    assert np.isnan(share[4]), "no item, no share"


def test_a_share_falls_where_anomalies_are_rarer(reliability):
    runs = [log(reliability, [5] * 90 + [95] * 2, [95] * 8)]
    _, share, _, _ = reliability.by_confidence(runs)
    assert reliability.at_prevalence(share, runs, 0.08)[-1] == pytest.approx(share[-1])
    # one in a hundred anomalous: .01 found by all, 2 of 92 honest ones
    expected = 0.01 / (0.01 + 0.99 * 2 / 92)
    assert reliability.at_prevalence(share, runs, 0.01)[-1] == pytest.approx(expected)


def test_the_page_and_the_picture_show_every_chain(reliability, tmp_path):
    logs = {chain: [log(reliability, range(100), [95] * 5)] for chain in ("demo", "second")}
    path = tmp_path / "picture.svg"
    reliability.draw(logs, path)
    first = path.read_bytes()
    reliability.draw(logs, path)
    assert path.read_bytes() == first, "drawn again, the same bytes"
    page = reliability.page(logs)
    assert "| 50 | 1.000% | 50.000% | 50.000% | 50.000% | 50.000% | 50.000% | 50.000% |" in page
    assert "| 90-100 | 15 | 33.3% (15.2%-58.3%)" in page
    assert "| 40-50 | 10 | 0.0% (0.0%-27.8%) | 0.0% |" in page


def test_a_log_that_was_refused_has_a_row_and_its_reason(scans):
    contamination = scans["contamination"]
    page = contamination.page([contamination.Row("30%", [], "", "rules find too much")])
    assert "| 30% | refused | -- | -- | -- | -- | -- |" in page
    assert 'With 30%: "rules find too much"' in page
