import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra `train`")

FOLDER = Path(__file__).resolve().parents[3] / "experiments" / "event_logs"


@pytest.fixture
def event_logs(monkeypatch):
    """The experiment's modules by name."""
    monkeypatch.syspath_prepend(str(FOLDER))
    import logs
    import models
    import repairs
    import run
    import tables

    yield {"logs": logs, "models": models, "repairs": repairs, "run": run, "tables": tables}
    for name in ("logs", "models", "repairs", "run", "tables"):
        sys.modules.pop(name, None)


def case(number, names, label="normal"):
    events = [
        {
            "name": name,
            "timestamp": f"2020-01-01T00:{number:02d}:{place:02d}",
            "attributes": {"id": f"{number}-{place}", "who": f"clerk {name}", "once": number % 2},
        }
        for place, name in enumerate(names)
    ]
    for event in events[1:]:
        del event["attributes"]["once"]
    return {"attributes": {"label": label}, "events": events}


@pytest.fixture
def folder(tmp_path):
    """A process of six steps, the third left out by half; three traces tampered with."""
    cases = [case(i, "abcdef" if i % 2 else "abdef") for i in range(56)]
    cases += [
        case(57, "abcedf", {"anomaly": "Early"}),
        case(58, "abcf", {"anomaly": "SkipSequence"}),
        case(59, "abcdbcdef", {"anomaly": "Rework"}),
    ]
    path = tmp_path / "tiny-0.10-1.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"cases": cases}).encode()))
    return tmp_path


def test_reading_takes_neither_times_nor_identifiers_nor_what_some_events_lack(event_logs, folder):
    log = event_logs["logs"].read(folder / "tiny-0.10-1.json.gz")
    assert log.name == "tiny-0.10-1"
    assert log.attributes == ("who",)
    assert log.sizes == (8, 8)  # unknown, six steps, the end
    assert log.sequences.lengths[:2].tolist() == [6, 7]
    ends = log.sequences.codes[log.sequences.offsets[1:] - 1]
    assert len(np.unique(ends, axis=0)) == 1
    assert log.suspect.sum() == 3
    assert log.kinds[-1] == "Rework"


def test_repairs_propose_what_makes_a_trace_likely_again(event_logs, folder):
    repairs = event_logs["repairs"]
    log = event_logs["logs"].read(folder / "tiny-0.10-1.json.gz")
    counts = event_logs["models"].Counts.fit(log)
    found = repairs.variants(log)
    assert len(found.first) == 5
    assert found.variant[:3].tolist() == [0, 1, 0]
    proposed = repairs.propose(log, found, counts.log_likelihood)
    events = repairs.pool(log)
    edited = {
        (int(owner), "".join("?abcdef."[_letter(log, code)] for code in events[rows, 0]))
        for owner, rows in zip(
            proposed.owner, np.split(proposed.rows, proposed.offsets[1:-1]), strict=True
        )
    }
    assert {(2, "abcdef."), (3, "abcdef."), (4, "abcdef.")} <= edited
    gain = repairs.gains(log, found, proposed, counts.log_likelihood)
    assert gain[log.suspect].min() > gain[~log.suspect].max()


def _letter(log, code):
    """Codes are in the order of the names, and the end's name sorts first."""
    return 7 if code == 1 else code - 1


def test_fusion_adds_what_voices_agree_on(event_logs):
    fused = event_logs["models"].fused(np.array([1.0, 2, 3, 4]), np.array([1.0, 1, 1, 5]))
    np.testing.assert_allclose(fused, -np.log([1, 0.75, 0.5, 0.25 * 0.25]))


@pytest.mark.slow
def test_a_log_is_measured_and_its_network_kept(event_logs, folder):
    results = event_logs["run"].measure(folder / "tiny-0.10-1.json.gz", 1, folder / "cache")
    assert (results["traces"], results["events"]) == (59, 327)
    assert set(results["mean"]["repair"]) == {"all", "Early", "SkipSequence", "Rework"}
    assert results["mean"]["repair"]["all"] > 0.9
    assert (folder / "cache" / "tiny-0.10-1-0.safetensors").exists()


def test_the_table_has_a_row_per_family_and_means(event_logs):
    methods, kinds = event_logs["tables"].METHODS, event_logs["tables"].KINDS

    def result(name, value):
        precision = dict.fromkeys(["all", *kinds], value)
        both = dict.fromkeys(methods, precision)
        return {"log": name, "suspect": 0.1, "mean": both, "ensemble": both}

    logs = [result("small-0.10-1", 0.8), result("small-0.10-2", 0.9), result("wide-0.10-1", 0.5)]
    text = event_logs["tables"].table(logs, 2)
    assert "| small (2 logs) | 10.0% | 0.997 |" + " 0.850 |" * 6 in text
    assert "| *mean of the synthetic logs* | 10.0% | 0.990 |" + " 0.733 |" * 6 in text
    assert "BPIC20" not in text
