"""Versions follow from content and recipe; nothing goes silently."""

import datetime as dt
import shutil

import polars as pl
import pytest

from scantrail.datasets.build import Input, build, take
from scantrail.datasets.folder import read, write
from scantrail.datasets.manifest import Balance, Recipe
from scantrail.errors import DatasetError, InputError
from scantrail.testing import sites


def labels(*rows):
    return pl.DataFrame(rows, schema=["event_id", "epc_code", "kind"], orient="row")


def code(item):
    return f"001.8804823.1293291.010004.20250701.{item:09}"


def test_the_same_again_is_the_same_version(log, made, tmp_path):
    first = made(log)
    shutil.copy(log, tmp_path / "renamed.csv")
    assert made(log).version == made(tmp_path / "renamed.csv").version == first.version
    assert len(first.version) == 16


def test_the_order_of_the_logs_does_not_matter(tmp_path, write_log, rows, made):
    one = write_log(tmp_path / "one.csv", rows(range(1, 5)))
    two = write_log(tmp_path / "two.csv", rows(range(5, 9)))
    both, other = made(one, two), made(two, one)
    assert both.version == other.version
    for name, table in both.tables.items():
        assert table.equals(other.tables[name])


def test_other_options_other_content_or_other_sources_make_another_version(
    tmp_path, write_log, rows, made, log
):
    parquet = tmp_path / "log.parquet"
    pl.read_csv(log, infer_schema=False).write_parquet(parquet)
    fewer = write_log(tmp_path / "fewer.csv", rows(range(1, 12)))
    versions = {
        made(log).version,
        made(log, keep_repeats=True).version,
        made(parquet).version,
        made(fewer).version,
    }
    assert len(versions) == 4


def test_events_stand_in_canonical_order_and_say_where_they_were_read(log, made):
    dataset = made(log)
    table = dataset.tables["events"]
    assert table["time"].is_sorted()
    assert sorted(table["source_row"]) == list(range(36))
    frame = dataset.events.frame
    assert frame["row"].to_list() == list(range(36))
    assert frame.schema["event_id"] == pl.Int64
    raw = pl.read_csv(log)
    assert frame["epc_code"].to_list() == raw["epc_code"].gather(table["source_row"]).to_list()


def test_what_cleaning_takes_out_is_counted_kept_and_explained(tmp_path, write_log, rows, made):
    plain = rows(range(1, 9))
    never_set = (code(1), 1, "1970-01-01 00:00:07", "Factory", "Aggregation")
    log = write_log(tmp_path / "log.csv", [*plain, never_set, *plain[:3]])
    dataset = made(log, without_sites=(3,), until=dt.datetime(2025, 7, 2, 4, tzinfo=dt.UTC))
    steps = {step.what: step for step in dataset.manifest.cleaning}
    assert set(steps) == {"clock never set", "after", "site", "repeat"} - {"site"}
    assert (steps["clock never set"].removed, steps["clock never set"].items) == (1, 1)
    assert steps["clock never set"].example == f"{code(1)} at 1, 1970-01-01T00:00:07+00:00"
    assert steps["repeat"].why == "the same scan is there already: it was uploaded twice"
    removed = dataset.tables["removed"]
    assert dict(removed["why"].value_counts().iter_rows()) == {
        name: step.removed for name, step in steps.items()
    }
    assert len(removed) + len(dataset.tables["events"]) == 28


def test_a_site_left_out_is_gone(log, made):
    dataset = made(log, without_sites=(2,))
    assert set(dataset.events.frame["location_id"]) == {1, 3}
    [step] = dataset.manifest.cleaning
    assert (step.what, step.removed, step.items) == ("site", 12, 12)


def test_repeats_can_be_kept(tmp_path, write_log, rows, made):
    log = write_log(tmp_path / "log.csv", [*rows([1]), *rows([1])])
    assert len(made(log).events.frame) == 3
    kept = made(log, keep_repeats=True)
    assert len(kept.events.frame) == 6
    assert kept.manifest.cleaning == ()


def test_rejected_rows_are_kept_and_name_their_file(tmp_path, write_log, rows, made):
    bad = (code(1), 1, "yesterday", "Factory", "Aggregation")
    dataset = made(write_log(tmp_path / "log.csv", [*rows([1, 2]), bad]))
    [reject] = dataset.rejects.to_dicts()
    assert (reject["file"], reject["column"], reject["value"]) == (
        "log.csv",
        "event_time",
        "yesterday",
    )
    assert dataset.manifest.sources[0].rejected == 1
    assert dataset.manifest.sources[0].rows == 7
    [told] = dataset.manifest.quality.rejects
    assert (told.reason, told.rows, told.first) == ("the time can't be read", 1, "log.csv:8")


def test_event_ids_become_text_where_one_log_has_text(tmp_path, write_log, rows, made):
    one = write_log(tmp_path / "one.csv", rows([1]))
    two = write_log(tmp_path / "two.csv", rows([2]), ids=["a", "b", "c"])
    dataset = made(one, two)
    assert set(dataset.events.frame["event_id"]) == {"1", "2", "3", "a", "b", "c"}
    [step] = dataset.manifest.cleaning
    assert (step.what, step.changed) == ("event ids", 6)


def test_labels_are_attached_and_come_along_with_a_parent(log, made, tmp_path):
    parent = made(log, labels=labels((1, code(1), "jump"), (5, code(2), "")))
    assert parent.labels.sort("event_id").select("event_id", "kind").rows() == [
        (1, "jump"),
        (5, "honest"),
    ]
    folder = write(parent, tmp_path / "store")
    child = made(folder, without_sites=(2,))
    assert child.manifest.parents == (parent.version,)
    assert child.labels.select("event_id", "epc_code", "kind").rows() == [(1, code(1), "jump")]
    assert child.manifest.cleaning[0].labels == 1


def test_new_labels_go_before_those_of_a_parent(log, made, tmp_path):
    folder = write(made(log, labels=labels((1, code(1), "jump"))), tmp_path)
    child = made(folder, labels=labels((1, code(1), "dismissed")))
    assert child.labels["kind"].to_list() == ["honest"]


def test_the_label_of_a_repeat_is_not_lost(tmp_path, write_log, rows, made):
    log = write_log(tmp_path / "log.csv", [*rows([1]), *rows([1])])
    dataset = made(log, labels=labels((4, code(1), "burst")))
    assert dataset.labels.select("event_id", "kind").rows() == [(1, "burst")]


def test_the_label_of_a_rejected_row_is_noted(tmp_path, write_log, rows, made):
    bad = (code(1), 1, "yesterday", "Factory", "Aggregation")
    log = write_log(tmp_path / "log.csv", [*rows([1]), bad])
    dataset = made(log, labels=labels((4, code(1), "jump")))
    [step] = dataset.manifest.cleaning
    assert (step.what, step.labels) == ("label", 1)
    assert dataset.labels is None


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (
            labels((99, code(1), "jump"), (98, code(2), "jump")),
            "2 labels are about events that are none of these 36, the first about event '99' of "
            f"{code(1)}; are they labels of another log?",
        ),
        (
            labels((1, code(2), "jump")),
            f"1 labels are about events that are none of these 36, the first about event '1' of {code(2)}",
        ),
        (
            labels((1, code(1), "jump"), (1, code(1), "epcDup")),
            f"event '1' of {code(1)} is labelled both 'jump' and 'epcDup'; keep one label an event",
        ),
    ],
)
def test_labels_that_fit_no_event_are_refused(log, made, told, message):
    with pytest.raises(DatasetError) as caught:
        made(log, labels=told)
    assert str(caught.value).startswith(message)


def test_labels_that_fit_several_scans_are_refused(tmp_path, write_log, rows, made):
    one = write_log(tmp_path / "one.csv", rows([1]))
    two = write_log(tmp_path / "two.csv", rows([1], sites_of=(2, 1, 3)))
    with pytest.raises(DatasetError, match="the label of event '1' fits 2 different scans of"):
        made(one, two, labels=labels((1, code(1), "jump")))


def test_datasets_of_logs_whose_event_ids_collide_keep_their_labels(
    tmp_path, write_log, rows, made
):
    one = write_log(tmp_path / "one.csv", rows([1]))
    two = write_log(tmp_path / "two.csv", rows([1], sites_of=(2, 1, 3)))
    folders = [
        write(made(log, labels=labels((1, code(1), "jump"))), tmp_path / "s") for log in (one, two)
    ]
    both = made(*folders)
    assert both.labels["kind"].to_list() == ["jump", "jump"]
    assert set(both.manifest.parents) == {folder.name for folder in folders}


def test_a_log_given_twice_is_refused(log, made, tmp_path):
    copy = shutil.copy(log, tmp_path / "copy.csv")
    with pytest.raises(DatasetError, match=r"are the same; give each log once"):
        made(log, tmp_path / copy)


@pytest.mark.parametrize("recipe", [{}, {"since": dt.datetime(2030, 1, 1, tzinfo=dt.UTC)}])
def test_an_empty_dataset_is_refused(tmp_path, made, log, recipe):
    empty = tmp_path / "empty.csv"
    empty.write_text("epc_code,event_time,location_id\n")
    message = "no event is left of .* that were read; widen --since, --until and --without-site"
    with pytest.raises(DatasetError, match=message):
        made(log if recipe else empty, **recipe)


def test_a_log_that_is_not_there_is_named(tmp_path, made):
    with pytest.raises(InputError, match="nope.csv does not exist; check the path"):
        made(tmp_path / "nope.csv")


def test_events_from_anywhere_can_be_built_from(log, read_log):
    """A store hands over `Events`; it needs no file."""
    from scantrail.datasets.manifest import Source

    events = read_log(log)
    source = Source("store 2025-07", "log", "0" * 64, len(events.frame), 0)
    dataset = build([Input(source, events)], Recipe(), sites())
    assert len(dataset.events.frame) == 36


def test_balance_needs_two_classes(log, made):
    message = "only 0 are labelled as anomalous; a balanced set needs at least 10 of each class"
    with pytest.raises(DatasetError, match=message):
        made(log, balance=Balance(5))
    every = labels(*((1 + 3 * item, code(1 + item), "jump") for item in range(12)))
    with pytest.raises(DatasetError, match="only 0 are known to be honest"):
        made(log, labels=every, balance=Balance(5))


def test_what_was_written_is_what_is_read(log, made, tmp_path):
    dataset = made(log, labels=labels((1, code(1), "jump")))
    back = read(write(dataset, tmp_path / "store"))
    assert back.manifest == dataset.manifest
    assert back.events.frame.equals(dataset.events.frame)


def test_a_dataset_is_taken_by_its_folder(log, made, tmp_path, read_log):
    folder = write(made(log), tmp_path)
    taken = take(folder, read_log)
    assert (taken.source.kind, taken.source.digest) == ("dataset", folder.name)
