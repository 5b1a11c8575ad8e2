"""Balanced sets: as many honest as odd, matched, drawn by a seed, never of unknown honesty."""

import polars as pl
import pytest

from scantrail import wiring
from scantrail.datasets.balance import JOURNEYS, SCANS, SETS, balanced
from scantrail.datasets.labels import HONEST, LABELS
from scantrail.datasets.manifest import Balance, Recipe
from scantrail.errors import DatasetError
from scantrail.evaluation import read_labels
from scantrail.settings import read_settings


@pytest.fixture(scope="module")
def dataset(simulated):
    settings = read_settings({}, sites=str(simulated / "sites.csv"), artifacts="none")
    labels = read_labels(simulated / "labels.csv")
    return wiring.dataset_of([simulated / "scans.tsv"], settings, Recipe(), labels)


def draw(dataset, labels=None, per_kind=4, seed=0):
    known = dataset.tables["labels"] if labels is None else labels
    return balanced(dataset.tables["events"], known, Balance(per_kind, seed))


def test_half_of_each_set_is_honest(dataset):
    sets = draw(dataset)
    assert sets.schema == SETS
    for name in (JOURNEYS, SCANS):
        members = sets.filter(set=name)
        assert members["kind"].null_count() == len(members) / 2
        counts = members["kind"].drop_nulls().value_counts()["count"]
        assert counts.max() <= 4


def test_members_are_what_they_say(dataset):
    sets = draw(dataset).with_columns(pl.col("event").cast(pl.UInt32))
    kinds = sets.join(dataset.tables["labels"], on="event", how="left", suffix="_told")
    assert kinds.filter(pl.col("kind").is_not_null())["kind"].equals(
        kinds.filter(pl.col("kind").is_not_null())["kind_told"].rename("kind")
    )
    odd_codes = dataset.labels["epc_code"].unique()
    honest = sets.filter(pl.col("kind").is_null())
    assert not set(honest["epc_code"]) & set(odd_codes)
    codes = dataset.tables["events"]["epc_code"].gather(sets["event"])
    assert codes.equals(sets["epc_code"])
    assert sets.filter(set=JOURNEYS)["epc_code"].is_unique().all()


def test_honest_journeys_are_as_long_and_honest_scans_of_the_same_steps(dataset):
    sets = draw(dataset, per_kind=50)
    events = dataset.tables["events"]
    length = events.group_by("epc_code").len()
    journeys = sets.filter(set=JOURNEYS).join(length, on="epc_code")
    lengths = [
        journeys.filter(where)["len"].clip(upper_bound=12).value_counts().sort("len")
        for where in (pl.col("kind").is_null(), pl.col("kind").is_not_null())
    ]
    assert lengths[0].equals(lengths[1])
    scans = sets.filter(set=SCANS).with_columns(
        step=events["event_type"].gather(sets.filter(set=SCANS)["event"])
    )
    steps = [
        scans.filter(where)["step"].value_counts().sort("step")
        for where in (pl.col("kind").is_null(), pl.col("kind").is_not_null())
    ]
    assert steps[0].equals(steps[1])


def test_the_seed_draws_the_sets(dataset):
    assert draw(dataset, seed=1).equals(draw(dataset, seed=1))
    assert not draw(dataset, seed=1).equals(draw(dataset, seed=2))


def test_with_feedback_only_what_was_looked_at_counts_as_honest(dataset):
    events = dataset.tables["events"]
    odd = dataset.tables["labels"]
    free = ~events["epc_code"].is_in(dataset.labels["epc_code"].implode())
    looked = events.with_row_index("event").filter(free).head(25)
    honest = looked.select(
        pl.col("event").cast(pl.UInt32), kind=pl.lit(HONEST), rule_visible=pl.lit(None, pl.Boolean)
    )
    sets = draw(dataset, pl.concat([odd, honest.cast(LABELS)]), per_kind=50)
    members = sets.filter(pl.col("kind").is_null())
    assert set(members["epc_code"]) <= set(looked["epc_code"])
    for name in (JOURNEYS, SCANS):
        part = sets.filter(set=name)
        assert part["kind"].null_count() * 2 == len(part)


def test_one_class_is_refused(dataset):
    with pytest.raises(
        DatasetError, match="only 0 are labelled as anomalous; a balanced set needs"
    ):
        draw(dataset, pl.DataFrame(schema=LABELS))
