"""The commands `dataset …`, in process: what they write, what they tell, what they refuse."""

import json
import shutil

import polars as pl
import pytest

from scantrail.simulate import SimulationConfig, simulate, write


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    write(simulate(SimulationConfig(2_000, seed=3)), folder)
    return folder


@pytest.fixture
def run(run, monkeypatch, tmp_path):
    """Runs a command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return run


@pytest.fixture
def build(run, demo, tmp_path):
    def made(*words):
        known = set((tmp_path / "datasets").glob("*"))
        options = ["--sites", demo / "sites.csv", *words]
        code, told, error = run("dataset", "build", demo / "scans.tsv", *options)
        assert code == 0, error
        [folder] = set((tmp_path / "datasets").glob("*")) - known
        return folder, told

    return made


def test_a_build_tells_what_a_log_is_like(build, demo):
    folder, told = build("--labels", demo / "labels.csv", "--balance", "5")
    for word in (f"dataset {folder.name}:", "items, 2025-07-01 to", "log scans.tsv", "late rows",
                 "at unknown sites", "sites, least", "lanes, busiest first", "with fewer than 5",
                 "cleaning: nothing had to be left out or changed", "balanced sets:",
                 f"wrote datasets/{folder.name}; use it in place of a log in train and tune"):  # fmt: skip
        assert word in told, word
    assert len(pl.read_parquet(folder / "labels.parquet")) == len(pl.read_csv(demo / "labels.csv"))


def test_the_same_build_is_already_there(build, run, demo, tmp_path):
    folder, told = build()
    code, again, _ = run("dataset", "build", demo / "scans.tsv", "--sites", demo / "sites.csv")
    assert code == 0
    assert [path.name for path in (tmp_path / "datasets").iterdir()] == [folder.name]
    assert again.splitlines()[0] == told.splitlines()[0]


def test_show_list_and_check(build, run):
    folder, _ = build("--without-site", "1035")
    code, told, _ = run("dataset", "show", folder.name[:6])
    assert code == 0
    assert "it was scanned at a site" in told
    code, told, _ = run("dataset", "show", folder.name[:6], "--all")
    assert told.count("→") > 20
    code, told, _ = run("dataset", "show", folder, "--json")
    assert json.loads(told)["version"] == folder.name
    code, told, _ = run("dataset", "list")
    assert folder.name in told
    code, told, _ = run("dataset", "check")
    assert code == 0
    assert told.startswith(f"unchanged {folder.name}: ")


def test_diff_and_lineage(build, run, demo, tmp_path):
    first, _ = build()
    code, _, error = run(
        "dataset", "build", first, "--without-site", "1035", "--sites", demo / "sites.csv"
    )
    assert code == 0, error
    [second] = set((tmp_path / "datasets").iterdir()) - {first}
    code, told, _ = run("dataset", "diff", first.name, second.name)
    assert code == 0
    for word in (f"only {first.name}", "option without_sites", "scans.tsv"):
        assert word in told
    code, told, _ = run("dataset", "diff", first, first)
    assert "They hold the same." in told
    code, told, _ = run("dataset", "lineage", second.name)
    assert told.index(second.name) < told.index(first.name) < told.index("log scans.tsv")


def test_an_artifact_of_no_stored_dataset_is_traced_as_far_as_it_goes(run):
    from scantrail.wiring import DEMO_ARTIFACT

    code, told, _ = run("dataset", "lineage", DEMO_ARTIFACT)
    assert code == 0
    assert "of no stored dataset" in told
    assert "seed 0" in told


def test_models_are_measured_on_balanced_sets(build, run, demo):
    folder, _ = build("--labels", demo / "labels.csv", "--balance", "20")
    code, told, error = run("dataset", "measure", folder, "--artifacts", "demo")
    assert code == 0, error
    assert f"ROC-AUC on the balanced sets of dataset {folder.name}:" in told
    [row] = [line.split() for line in told.splitlines() if line.split()[:1] == ["dwellLong"]]
    assert float(row[2]) > 0.95
    assert float(row[4]) > 0.95


def test_sets_must_be_there_to_measure_on(build, run):
    folder, _ = build()
    code, _, error = run("dataset", "measure", folder, "--artifacts", "demo")
    assert code == 1
    assert "has no balanced sets; build it with --labels and --balance" in error
    code, _, error = run("dataset", "measure", folder, "--artifacts", "none")
    assert code == 1


def test_an_empty_store_says_so(run):
    assert run("dataset", "list")[:2] == (0, "datasets has no dataset\n")
    assert run("dataset", "check")[:2] == (0, "datasets has no dataset\n")


def test_a_changed_dataset_is_found_out(build, run):
    folder, _ = build()
    pl.read_parquet(folder / "events.parquet").head(5).write_parquet(folder / "events.parquet")
    for words in (["check"], ["diff", folder, folder]):
        code, _, error = run("dataset", *words)
        assert code == 1
        assert "events.parquet is not what the manifest names: it was changed" in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["show", "ffff"],
            "'ffff' is no dataset: neither a folder with a manifest.json nor a version",
        ),
        (["build", "nope.csv"], "nope.csv does not exist; check the path"),
        (["build", "{scans}", "--labels", "{sites}"], "lacks the column 'event_id'"),
        (
            ["build", "{scans}", "--since", "2025-08-01", "--until", "2025-07-01"],
            "--since is not before --until; nothing would be left",
        ),
        (["build", "{scans}", "--since", "2031-01-01"], "no event is left of"),
        (["build", "{scans}", "--out", "{scans}"], "it is a file; name a folder"),
        (["build", "{scans}", "{scans}"], "are the same; give each log once"),
        (["build", "{scans}", "--balance", "5"], "only 0 are labelled as anomalous"),
        (["lineage", "nowhere"], "'nowhere' is no dataset"),
    ],
)
def test_what_can_not_be_done_is_said_in_one_sentence(run, demo, words, message):
    files = {"scans": demo / "scans.tsv", "sites": demo / "sites.csv"}
    code, _, error = run("dataset", *(word.format(**files) for word in words))
    assert code == 1
    assert message in error
    assert error.startswith("error: ")
    assert len(error.splitlines()) == 1


def test_labels_of_another_log_are_refused(run, demo, tmp_path):
    other = tmp_path / "labels.csv"
    other.write_text("event_id,epc_code,kind\n1,nobody,jump\n")
    code, _, error = run(
        "dataset", "build", demo / "scans.tsv", "--sites", demo / "sites.csv", "--labels", other
    )
    assert code == 1
    assert "1 labels are about events that are none of these" in error
    assert not (tmp_path / "datasets").exists()


def test_a_copy_elsewhere_is_as_good(build, run, tmp_path):
    folder, _ = build()
    copy = shutil.copytree(folder, tmp_path / "backup" / folder.name)
    assert run("dataset", "check", "--in", tmp_path / "backup")[0] == 0
    assert run("dataset", "diff", folder, copy)[1].rstrip().endswith("They hold the same.")
