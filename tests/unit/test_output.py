"""Files of verdicts: refused before work is spent, whole or not at all."""

import re

import polars as pl
import pytest

from scantrail import output
from scantrail.output import OutputError, check_folder, check_targets, folder_at, write
from scantrail.vocabulary.events import REJECTS, Flag
from scantrail.vocabulary.findings import Report
from scantrail.vocabulary.protocols import FOUND


def report(rejects=0):
    verdicts = pl.DataFrame(
        {
            "row": [0, 1],
            "event_id": [7, 8],
            "epc_code": ['A,"1', None],
            "finalConfidence": [70.0, None],
            "anomaly": [True, False],
            "explanation": ["왜\nso", None],
            "flags": pl.Series([Flag.SITE_MISSING | Flag.STEP_INFERRED, 0], dtype=pl.UInt16),
        }
    )  # fmt: skip
    bad = [{"file": "log.csv", "line": i, "reason": "the time is missing"} for i in range(rejects)]
    return Report(verdicts, pl.DataFrame(bad, schema=REJECTS), pl.DataFrame(schema=FOUND))


def refused(message, call, *given):
    with pytest.raises(OutputError, match=f"^{re.escape(message)}$"):
        call(*given)


TOLD = [
    {"event_id": 7, "epc_code": 'A,"1', "finalConfidence": 70.0, "anomaly": True,
     "explanation": "왜\nso", "flags": "site_missing|step_inferred"},
    {"event_id": 8, "epc_code": None, "finalConfidence": None, "anomaly": False,
     "explanation": None, "flags": None},
]  # fmt: skip


@pytest.mark.parametrize(
    ("ending", "read"),
    [(".parquet", pl.read_parquet), (".csv", pl.read_csv), (".json", pl.read_json),
     (".jsonl", pl.read_ndjson), (".CSV", pl.read_csv)],
)  # fmt: skip
def test_every_ending_gives_the_same_rows(tmp_path, ending, read):
    out = tmp_path / f"v{ending}"
    assert write(report(), out, None) == [out]
    assert read(out).to_dicts() == TOLD
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_rejects_go_beside_the_verdicts_or_where_asked(tmp_path):
    out, beside, asked = (tmp_path / name for name in ("v.csv", "v.rejects.csv", "r.json"))
    assert write(report(2), out, None) == [out, beside]
    assert pl.read_csv(beside)["reason"].to_list() == ["the time is missing"] * 2
    assert write(report(1), None, asked) == [asked]
    assert write(report(0), out, None) == [out, beside]  # an earlier run's rejects are gone
    assert len(pl.read_csv(beside)) == 0
    assert write(report(3), None, None) == []


def test_an_impossible_output_is_refused_beforehand(tmp_path):
    scans, gone = tmp_path / "scans.csv", tmp_path / "gone"
    for out, rejects, message in (
        (tmp_path / "v.xlsx", None,
         f"{tmp_path / 'v.xlsx'} has no known ending; expected .parquet, .csv, .json, .jsonl"),
        (tmp_path, None, f"{tmp_path} can't be written: it is a folder; name a file in it"),
        (gone / "v.csv", None, f"{gone / 'v.csv'} can't be written: there is no folder {gone}"),
        (scans, None, f"{scans} would overwrite the input; name another file"),
        (None, scans, f"{scans} would overwrite the input; name another file"),
        (tmp_path / "a.csv", tmp_path / "a.csv",
         f"{tmp_path / 'a.csv'} would overwrite the verdicts; name another file"),
    ):  # fmt: skip
        refused(message, check_targets, out, rejects, scans)
    check_targets(tmp_path / "v.csv", None, scans)
    check_targets(None, None, scans)


def test_rejects_beside_the_verdicts_may_not_overwrite_the_input_either(tmp_path):
    scans = tmp_path / "v.rejects.csv"
    refused(f"{scans} would overwrite the input; name another file",
            check_targets, tmp_path / "v.csv", None, scans)  # fmt: skip


def test_a_failure_leaves_the_old_files_and_no_half_ones(tmp_path, monkeypatch):
    out, rejects = tmp_path / "v.csv", tmp_path / "r.csv"
    out.write_text("old", encoding="utf-8")

    def full(frame, path):
        path.write_text("half", encoding="utf-8")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(output._WRITERS, ".csv", full)
    refused(f"{out} can't be written: No space left on device", write, report(1), out, rejects)
    assert out.read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["v.csv"]


def test_a_writers_own_error_is_one_line(tmp_path, monkeypatch):
    def broken(_frame, _path):
        raise pl.exceptions.ComputeError("first line\nsecond line")

    monkeypatch.setitem(output._WRITERS, ".csv", broken)
    out = tmp_path / "v.csv"
    refused(f"{out} can't be written: first line", write, report(), out, None)


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    path = tmp_path / "x"
    check_folder(path)
    path.touch()
    refused(f"{path} can't be written: it is a file; name a folder", check_folder, path)


def test_what_goes_wrong_in_a_folder_is_one_sentence(tmp_path):
    def fill():
        with folder_at(tmp_path):
            raise PermissionError(13, "Permission denied")

    refused(f"{tmp_path} can't be written: Permission denied", fill)
