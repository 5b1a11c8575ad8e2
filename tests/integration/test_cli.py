"""The command line, from a simulated log to verdicts on disk, and what it says when it can't."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys

import polars as pl
import pytest

RUN = [sys.executable, "-c", "from scantrail.cli import main; main()"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    subprocess.run(
        [*RUN, "simulate", "--epcs", "3000", "--seed", "11", "--out", str(folder)],
        check=True,
        capture_output=True,
    )
    return folder


def detect(run, demo, *words):
    return run("detect", demo / "scans.tsv", "--sites", demo / "sites.csv", *words)


def test_a_log_is_judged_and_summed_up(run, demo, tmp_path):
    out = tmp_path / "verdicts.parquet"
    code, told, _ = detect(run, demo, "--out", out)
    assert code == 0
    for word in ("events of", "EPCs in scans.tsv", "epcFake", "worst sites", "worst lanes",
                 "likeliest cause:", "measured against", "verdicts.parquet"):  # fmt: skip
        assert word in told
    verdicts = pl.read_parquet(out)
    scans = pl.read_csv(demo / "scans.tsv", separator="\t", infer_schema_length=None)
    assert verdicts["event_id"].to_list() == scans["event_id"].to_list()
    assert verdicts["epc_code"].to_list() == scans["epc_code"].to_list()
    for name in ("epcFakeScore", "epcDupScore", "jumpScore", "evtOrderErrScore", "locErrScore",
                 "finalConfidence", "anomaly", "kind", "explanation"):  # fmt: skip
        assert name in verdicts.columns
    assert verdicts["finalConfidence"].is_between(0, 100).all()


def test_planted_anomalies_are_found_and_ordinary_noise_is_not(run, demo, tmp_path):
    detect(run, demo, "--out", tmp_path / "v.parquet", "-q")
    verdicts = pl.read_parquet(tmp_path / "v.parquet")
    labels = pl.read_csv(demo / "labels.csv", infer_schema_length=None)
    items = verdicts.group_by("epc_code").agg(pl.col("finalConfidence").max())
    planted = labels.filter("rule_visible")["epc_code"].unique()
    found = items.filter(pl.col("epc_code").is_in(planted.implode()))
    assert len(found) > 50
    assert (found["finalConfidence"] > 0).mean() >= 0.97
    clean = items.filter(~pl.col("epc_code").is_in(labels["epc_code"].unique().implode()))
    false = int((clean["finalConfidence"] >= 40).sum())
    assert false / len(verdicts) * 10_000 <= 3


def test_every_output_format_says_the_same(run, demo, tmp_path):
    for ending in ("parquet", "csv", "json", "jsonl"):
        assert detect(run, demo, "-q", "--out", tmp_path / f"v.{ending}")[0] == 0
    parquet = pl.read_parquet(tmp_path / "v.parquet")
    csv = pl.read_csv(tmp_path / "v.csv", schema=parquet.schema)
    assert csv.equals(parquet)
    assert len(json.loads((tmp_path / "v.json").read_text(encoding="utf-8"))) == len(parquet)
    assert pl.read_ndjson(tmp_path / "v.jsonl", schema=parquet.schema).equals(parquet)


def test_a_learned_network_serves_as_well_as_learning_on_the_fly(run, demo, tmp_path):
    network = tmp_path / "network"
    code, told, _ = run(
        "sites", "learn", demo / "scans.tsv", "--sites", demo / "sites.csv", "--out", network
    )
    assert code == 0
    assert "lanes learned from" in told
    assert {p.name for p in network.iterdir()} >= {"sites.csv", "lanes.csv", "dwells.csv"}
    detect(run, demo, "-q", "--out", tmp_path / "a.parquet")
    run("detect", demo / "scans.tsv", "--sites", network, "-q", "--out", tmp_path / "b.parquet",
        "--companies", "8804823,8805843,8809437")  # fmt: skip
    a, b = pl.read_parquet(tmp_path / "a.parquet"), pl.read_parquet(tmp_path / "b.parquet")
    assert a["anomaly"].equals(b["anomaly"])


def test_unreadable_rows_are_counted_explained_and_written(run, demo, tmp_path):
    rows = (demo / "scans.tsv").read_text(encoding="utf-8").splitlines()[:50]
    cells = rows[5].split("\t")
    cells[rows[0].split("\t").index("event_time")] = "yesterday"
    rows[5] = "\t".join(cells)
    log = tmp_path / "log.tsv"
    log.write_text("\n".join(rows), encoding="utf-8")
    code, told, _ = run("detect", log, "--sites", demo / "sites.csv", "--out", tmp_path / "v.csv")
    assert code == 0
    assert "1 row" in told.replace("rows rejected", "row rejected")
    assert "the time can't be read" in told
    assert "at log.tsv:6, column event_time 'yesterday'" in told
    [reject] = pl.read_csv(tmp_path / "v.rejects.csv").to_dicts()
    assert (reject["line"], reject["column"], reject["value"]) == (6, "event_time", "yesterday")
    assert len(pl.read_csv(tmp_path / "v.csv", infer_schema_length=None)) == 48


def test_a_log_with_a_header_only_is_no_error(run, demo, tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("epc_code,event_time,location_id\n", encoding="utf-8")
    code, told, _ = run("detect", log, "--sites", demo / "sites.csv", "--out", tmp_path / "v.csv")
    assert code == 0
    assert "0 events" in told


def test_epcis_documents_are_judged(run, demo, tmp_path):
    from pathlib import Path

    data = Path(__file__).parents[1] / "data" / "epcis"
    for name in ("shipment.json", "shipment.xml"):
        assert run("detect", data / name, "--sites", demo / "sites.csv")[0] == 0


def test_fail_on_tells_pipelines(run, demo):
    assert detect(run, demo, "-q", "--fail-on", 1)[0] == 3
    assert detect(run, demo, "-q", "--fail-on", 10_000_000)[0] == 0


def test_quiet_says_nothing(run, demo):
    assert detect(run, demo, "--quiet") == (0, "", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["detect", "nope.tsv"], "error: nope.tsv does not exist; check the path"),
        (["detect"], "error: Missing argument 'log'; see 'scantrail detect --help'"),
        (["detect", "{scans}", "--sites", "no.csv"],
         "error: no.csv does not exist; give a CSV file of sites with --sites"),
        (["detect", "{scans}", "--zone", "Mars/Olympus"],
         "error: 'Mars/Olympus' is no time zone; expected an IANA name such as Asia/Seoul or Europe/Vienna"),
        (["detect", "{scans}", "--out", "v.xlsx"],
         "error: v.xlsx has no known ending; expected .parquet, .csv, .json, .jsonl"),
        (["detect", "{scans}", "--companies", "8804823,x"],
         "error: --companies: 'x' is no company code; expected digits, e.g. 8804823,8805843"),
        (["detect", "{scans}", "--companies", ","],
         "error: --companies: no company code is given; expected digits, e.g. 8804823,8805843"),
        (["simulate", "--chain", "third", "--out", "x"],
         "error: chain is 'third'; it must be one of demo, second"),
        (["frobnicate"], "error: No such command 'frobnicate'; see 'scantrail --help'"),
        (["serve", "--host", "10.0.0.1", "--insecure-local"],
         "error: '10.0.0.1' is refused: with --insecure-local the service listens on 127.0.0.1 only; leave --insecure-local out, and callers need keys"),
        (["simulate", "--epcs", "0", "--out", "x"],
         "error: Invalid value for '--epcs': Input should be greater than or equal to 1; see 'scantrail simulate --help'"),
    ],
)  # fmt: skip
def test_errors_are_one_sentence(run, demo, words, message):
    code, out, err = run(*(word.format(scans=demo / "scans.tsv") for word in words))
    assert code == 1
    assert out == ""
    assert err.strip() == message


def test_every_help_shows_an_example(run):
    for command in (["detect"], ["sites", "learn"], ["simulate"]):
        code, told, _ = run(*command, "--help")
        assert code == 0
        assert "Example:" in told


@pytest.mark.parametrize(
    ("words", "lines", "told"),
    [
        (["--insecure-local"], 5, "No keys are asked for, and only this machine is answered."),
        ([], 5, "The first administrator's key, shown this once: sk_"),
    ],
)
def test_the_service_starts_says_what_to_do_and_stops(tmp_path, words, lines, told):
    environ = os.environ | {
        "PYTHONUNBUFFERED": "1",
        "COLUMNS": "300",
        "SCANTRAIL_DATABASE_URL": f"sqlite:///{tmp_path / 'scantrail.sqlite'}",
    }
    with subprocess.Popen(
        [*RUN, "serve", "--port", "0", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
    ) as server:
        assert server.stdout is not None
        banner = [server.stdout.readline() for _ in range(lines)]
        try:
            assert "listens on http://127.0.0.1:" in "".join(banner)
            assert told in "".join(banner)
            done = subprocess.run(["bash", "-c", banner[-1]], capture_output=True, check=False)
            if done.returncode != 127:  # curl is there
                assert json.loads(done.stdout)["EventHistory"]
        finally:
            server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=20)
    assert "Traceback" not in errors


def test_keys_are_made_shown_replaced_and_ended(run, tmp_path, monkeypatch):
    monkeypatch.setenv("SCANTRAIL_DATABASE_URL", f"sqlite:///{tmp_path / 'scantrail.sqlite'}")
    assert run("keys", "list")[1] == "no key was ever made; 'scantrail keys create' makes one\n"
    code, text, note = run("keys", "create", "gate [x]", "--scope", "detect", "--days", "3")
    assert code == 0
    assert re.fullmatch(r"sk_[0-9a-f]{12}_[A-Za-z0-9_-]{43}\n", text)  # alone, for scripts
    key = text[3:15]
    assert f"the key {key}; it is shown this once" in note
    assert run("keys", "rotate", key, "--hours", "1")[1].startswith("sk_")
    assert "opens nothing any more" in run("keys", "revoke", key)[2]
    _, listed, _ = run("keys", "list")
    assert re.search(rf"{key} +gate \[x\] +detect +revoked", listed)
    assert re.search(r"gate \[x\] +detect +active", listed)
    _, told, _ = run("audit")
    assert [re.search(r"keys \w+", line)[0] for line in told.splitlines()[1:]] == [
        "keys revoke", "keys rotate", "keys create",
    ]  # fmt: skip
    assert text.strip() not in told + listed
    assert run("keys", "revoke", "0123456789ab")[2].strip() == (
        "error: there is no key '0123456789ab'; 'scantrail keys list' shows all"
    )


# ------------------------------------------------------------------------------- bad input

GOOD = (
    "epc_code,event_time,location_id\n"
    "001.8804823.1293291.010004.20250701.000004002,2025-07-01 10:00:00,1001\n"
)
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]><x>&i;</x>"
)
PROMISE = "expected a header line with at least epc_code and event_time, found: "


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "{log} is empty; expected a scan log with a header line"),
        (b"\n\n", "{log} has no column epc_code and no column event_time; " + PROMISE + "none"),
        (b"\x00\x01\x02\x03\n", "{log} is no text file: its first line holds null bytes"),
        (b"PK\x03\x04whatever", "{log} is a zip archive (or a spreadsheet); unpack it, or export it as CSV"),
        (b"hello world\n",
         "{log} has no column epc_code and no column event_time; " + PROMISE + "hello world"),
        (b"{}", 'log holds no list of records; expected {{"data": [{{"epc_code": …}}, …]}}'),
        (BOMB.encode(),
         "log: the document has a DOCTYPE with declarations, which EPCIS does not use and attacks on "
            "XML readers do. Remove the <!DOCTYPE …> declaration and send it again."),
        (gzip.compress(b"x" * 100, mtime=0)[:-12],
         "{log} is a damaged gzip file (Compressed file ended before the end-of-stream marker was "
         "reached); pack or copy it again"),
    ],
    ids=["empty", "blank", "nulls", "zip", "prose", "json", "bomb", "gzip"],
)  # fmt: skip
def test_what_is_no_log_is_one_sentence(run, tmp_path, content, message):
    log = tmp_path / "log"
    log.write_bytes(content)
    code, out, err = run("detect", log, "-q")
    assert (code, out) == (1, "")
    assert err.strip() == "error: " + message.format(log=log)


def test_a_folder_as_log_is_one_sentence(run, tmp_path):
    code, out, err = run("detect", tmp_path)
    assert (code, out) == (1, "")
    assert err.strip() == (
        f"error: {tmp_path} is a folder; expected a file (CSV, TSV, Parquet, JSON or XML)"
    )


def test_an_unreadable_file_is_one_sentence(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text(GOOD, encoding="utf-8")
    log.chmod(0)
    if os.access(log, os.R_OK):
        pytest.skip("this user may read everything; the reader's own test covers it")
    done = subprocess.run([*RUN, "detect", str(log)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        done.stderr.strip()
        == f"error: {log} can't be read: Permission denied; check its permissions"
    )


@pytest.mark.parametrize(
    ("rows", "reasons"),
    [
        ("{good}{half}", ["the file ends within this row: it has 2 of 3 fields"]),
        ("a\x00b,2025-07-01 10:00:00,1001\n{good}", ["the line holds null bytes"]),
        ("{good}X,2025-02-29 10:00:00,1\nX,2024-02-29T10:00:00+05:45,1\n", ["the time can't be read"]),
        ("X,9999-12-31 23:59:59,1\n{good}", []),
        ("X,NaN,1\nX,Infinity,NaN\n{good}", ["the time can't be read"] * 2),
        (f"{'x' * 10_000_000},2025-07-01 10:00:00,1\n" + "{good}", []),
    ],
    ids=["cut", "null", "leap", "9999", "nan", "ten megabytes"],
)  # fmt: skip
def test_bad_rows_are_rejected_and_the_good_ones_judged(run, tmp_path, rows, reasons):
    header, good = GOOD.splitlines(keepends=True)
    log, out = tmp_path / "log.csv", tmp_path / "v.parquet"
    log.write_text(header + rows.format(good=good, half=good.rpartition(",")[0]), encoding="utf-8")
    assert run("detect", log, "-q", "--out", out)[0] == 0
    rejects = tmp_path / "v.rejects.csv"
    told = pl.read_csv(rejects)["reason"].to_list() if reasons else []
    assert told == reasons
    assert rejects.exists() == bool(reasons)
    assert good.split(",")[0] in pl.read_parquet(out)["epc_code"].to_list()
    assert len(pl.read_parquet(out)) + len(reasons) == rows.count("\n") + rows.count("{")


def test_one_item_with_ten_thousand_scans_unsorted_and_twice_the_same_id(run, tmp_path):
    code = GOOD.splitlines()[1].split(",")[0]
    times = [f"2025-07-{1 + i // 1440:02} {i // 60 % 24:02}:{i % 60:02}:00" for i in range(10_000)]
    lines = [f"{i // 2},{code},{time},1001" for i, time in enumerate(reversed(times))]
    log, out = tmp_path / "log.csv", tmp_path / "v.csv"
    log.write_text(
        "\n".join(["event_id,epc_code,event_time,location_id", *lines]), encoding="utf-8"
    )
    assert run("detect", log, "-q", "--out", out)[0] == 0
    told = pl.read_csv(out, infer_schema_length=None)
    assert told["event_id"].to_list() == [i // 2 for i in range(10_000)]
