"""evaluate, compare and backtest on a simulated log, and what they say when they can't."""

import sys

import pytest

from scantrail import wiring
from scantrail.output import verdict_table
from scantrail.settings import read_settings


@pytest.fixture(scope="module")
def work(simulated, tmp_path_factory):
    """Verdicts of rules alone, and of the bundled artifact, on the small simulated log."""
    folder = tmp_path_factory.mktemp("work")
    for name in ("none", "demo"):
        settings = read_settings({}, artifacts=name)
        engine = wiring.engine(settings)
        events = wiring.read_events(simulated / "scans.tsv", settings, engine.network.sites)
        verdict_table(engine.judge(events)).write_parquet(folder / f"{name}.parquet")
    return folder


@pytest.fixture
def same(simulated):
    """Log and options that go with every measurement here."""
    return ["--rounds", 20, "--log", simulated / "scans.tsv"]


def test_evaluation_tells_what_is_found_how_surely_and_how_soon(run, work, simulated, same):
    code, told, _ = run("evaluate", work / "demo.parquet", simulated / "labels.csv", *same)
    assert code == 0
    for words in ("Found at 3 false alerts per 10,000 scans", "precision", "F1", "PR-AUC",
                  "at 10 per 10,000", "at their first anomalous scan", "whole lots or days"):  # fmt: skip
        assert words in told


def test_a_page_is_written(run, work, simulated, same, tmp_path):
    page = tmp_path / "page.html"
    code, told, _ = run(
        "evaluate", work / "demo.parquet", simulated / "labels.csv", *same, "--html", page
    )
    assert code == 0
    assert f"wrote {page}" in told
    assert "How good is demo.parquet?" in page.read_text(encoding="utf-8")


def test_versions_are_compared(run, work, simulated, same, tmp_path):
    page = tmp_path / "page.html"
    files = (work / "none.parquet", work / "demo.parquet", simulated / "labels.csv")
    code, told, _ = run("compare", *files, *same, "--html", page)
    assert code == 0
    assert "B is better than A: at 3 false alerts per 10,000 scans it finds" in told
    assert "McNemar's exact test" in " ".join(told.split())
    assert "B is better than A" in page.read_text(encoding="utf-8")


def test_some_items_can_be_measured_by(run, work, simulated):
    labels, log = simulated / "labels.csv", simulated / "scans.tsv"
    arguments = ["evaluate", work / "demo.parquet", labels, "--rounds", 5, "--log", log]
    whole, later, touching = (
        run(*arguments, *more)[1].partition(" scans;")[0]
        for more in ([], ["--since", "2025-07-08"], ["--touching", "1005"])
    )
    scans = [int(text.split()[-1].replace(",", "")) for text in (whole, later, touching)]
    assert scans[0] > scans[1] > 0
    assert scans[0] > scans[2] > 0


def test_a_budget_a_day_is_tried_on_a_log(run, simulated, tmp_path):
    cases = tmp_path / "cases.csv"
    files = simulated / "scans.tsv", "--labels", simulated / "labels.csv", "--out", cases
    code, told, _ = run("backtest", *files, "--alerts-per-day", 0.1)
    assert code == 0
    for words in ("On a log of", "at present", "found besides", "lost", "labelled items", "site",
                  "No setting, artifact or stored verdict was touched."):  # fmt: skip
        assert words in told
    [tried] = [line for line in told.splitlines() if line.strip().startswith("tried")]
    assert float(tried.split()[2]) <= 0.1
    header, *rows = cases.read_text(encoding="utf-8").splitlines()
    assert header == "change,epc_code,day,site,kind,score"
    assert {row.split(",")[0] for row in rows} == {"lost"}


def test_anything_can_be_tried_and_nothing_is_left_behind(run, simulated, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(path.name for path in simulated.iterdir())
    code, told, _ = run(
        "backtest", simulated / "scans.tsv", "--without", "epcFake", "--weight", "lstm=2",
        "--set", "thresholds.jump_score=80", "--every-day",
    )  # fmt: skip
    assert code == 0
    [fake] = [line.split() for line in told.splitlines() if line.strip().startswith("epcFake")]
    assert int(fake[1]) > int(fake[2]) == 0
    assert not list(tmp_path.iterdir())
    assert sorted(path.name for path in simulated.iterdir()) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evaluate", "{v}", "{l}", "--since", "2025-07-08"],
         "--since and --touching need the log's times and places; give --log"),
        (["evaluate", "{v}", "{l}", "--log", "{s}", "--since", "soon"],
         "--since: 'soon' is no time; write e.g. 2025-07-10T00:00"),
        (["evaluate", "{v}", "{l}", "--log", "{s}", "--touching", "hub"],
         "--touching: 'hub' is no list of location ids; write e.g. 1005,1006"),
        (["evaluate", "{v}", "{l}", "--html", "{v}"], "would overwrite an input; name another file"),
        (["evaluate", "{v}", "{l}", "--html", "no/such/page.html"],
         "can't be written; name a file in a folder that is there"),
        (["evaluate", "{v}", "{l}", "--per-10k", "-1"], "-1.0 false alerts per 10,000 scans can't"),
        (["compare", "{v}", "{v}", "{l}", "--margin", "2"], "a margin of 2.0 can't be; give a share"),
        (["backtest", "{s}", "--threshold", "5", "--alerts-per-day", "5"],
         "give --threshold or --alerts-per-day, not both"),
        (["backtest", "{s}", "--out", "{s}"], "has no known ending; expected .parquet, .csv, .json"),
        (["backtest", "{s}", "--labels", "{l}", "--out", "{l}"], "would overwrite the input; name"),
        (["backtest", "{s}", "--weight", "lstm=much"], "--weight: 'much' is no number; write e.g."),
        (["backtest", "{s}", "--set", "zone"], "--set: 'zone' sets nothing; write NAME=VALUE"),
        (["backtest", "{s}", "--set", "nope=1"], "a setting can't be used: "),
        (["backtest", "{s}", "--without", "nope"], "there is no rule or detector 'nope' to switch"),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_told_in_a_sentence(run, work, simulated, words, message):
    names = {
        "v": work / "none.parquet",
        "l": simulated / "labels.csv",
        "s": simulated / "scans.tsv",
    }
    code, _, told = run(*(word.format(**names) for word in words))
    assert code == 1
    assert message in " ".join(told.split())
    assert told.startswith("error: ")


def test_pages_need_an_extra_and_say_so(run, work, simulated, tmp_path, monkeypatch):
    import scantrail.evaluation

    for name in ("html", "plots"):
        monkeypatch.delitem(sys.modules, f"scantrail.evaluation.{name}", raising=False)
        monkeypatch.delattr(scantrail.evaluation, name, raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, told = run("evaluate", work / "none.parquet", simulated / "labels.csv",
                        "--html", tmp_path / "page.html")  # fmt: skip
    assert code == 1
    assert "pages need more than scoring does (matplotlib is missing): pip install " in told


def test_the_log_must_be_the_one_that_was_judged(run, work, simulated, tmp_path):
    rows = (simulated / "scans.tsv").read_text(encoding="utf-8").splitlines()
    other = tmp_path / "other.tsv"
    other.write_text("\n".join(rows[:-5]), encoding="utf-8")
    code, _, told = run("evaluate", work / "none.parquet", simulated / "labels.csv", "--log", other)
    assert code == 1
    assert "verdicts are not of this log" in told
