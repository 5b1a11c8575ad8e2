"""Where things come from, and how two versions differ."""

import polars as pl

from scantrail.datasets.difference import difference
from scantrail.datasets.folder import write
from scantrail.datasets.lineage import of_dataset, origin


def code(item):
    return f"001.8804823.1293291.010004.20250701.{item:09}"


def labels(*rows):
    return pl.DataFrame(rows, schema=["event_id", "epc_code", "kind"], orient="row")


def test_a_dataset_is_traced_back_to_its_logs(log, made, tmp_path):
    root = tmp_path / "store"
    parent = write(made(log), root)
    child = write(made(parent, without_sites=(2,)), root)
    node = of_dataset(child, root)
    assert node.name == f"dataset {child.name}"
    assert node.facts[0] == "24 events of 12 items, 0 labelled"
    assert node.facts[2] == "site: 12 events left out"
    [middle] = node.parents
    assert middle.name == f"dataset {parent.name}"
    [first] = middle.parents
    assert first.name == "log log.csv"
    assert first.facts[0] == "36 rows"


def test_a_parent_that_is_not_there_is_named_all_the_same(log, made, tmp_path):
    parent = write(made(log), tmp_path / "elsewhere")
    child = write(made(parent, without_sites=(2,)), tmp_path / "store")
    [node] = of_dataset(child, tmp_path / "store").parents
    assert (node.name, node.facts) == (f"dataset {parent.name}", ("not here",))


def test_a_card_gets_version_parents_and_sources(log, made, tmp_path):
    parent = write(made(log), tmp_path)
    child = made(parent, without_sites=(2,))
    told = origin(child)
    assert told == {
        "dataset": child.version,
        "parents": [parent.name],
        "sources": [{"name": parent.name, "kind": "dataset", "digest": parent.name}],
    }


def test_the_same_content_from_another_format_differs_in_its_source_only(log, made, tmp_path):
    parquet = tmp_path / "log.parquet"
    pl.read_csv(log, infer_schema=False).write_parquet(parquet)
    found = difference(made(log), made(parquet))
    assert (found.events.first, found.events.both, found.events.second) == (0, 36, 0)
    assert found.recipe == found.quality == {}
    assert found.sources == (("log.csv",), ("log.parquet",))


def test_versions_are_told_apart(tmp_path, write_log, rows, made):
    one = write_log(tmp_path / "one.csv", rows(range(1, 5)))
    two = write_log(tmp_path / "two.csv", rows(range(1, 7)))
    found = difference(
        made(one, labels=labels((1, code(1), "jump"), (2, code(1), "jump"))),
        made(two, keep_repeats=True, labels=labels((1, code(1), "epcDup"), (2, code(1), "jump"))),
    )
    assert (found.events.first, found.events.both, found.events.second) == (0, 12, 6)
    assert (found.items.both, found.items.second) == (4, 2)
    assert (found.labels.first, found.labels.both, found.labels.second) == (1, 1, 1)
    assert found.relabelled == 1
    assert found.recipe == {"keep_repeats": (False, True)}
    assert found.quality == {"events": (12, 18), "items": (4, 6)}
