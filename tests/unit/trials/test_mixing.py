"""One report of two: whole verdicts are picked, nothing is blended."""

import polars as pl

from scantrail.trials.assignment import Assignment, versions_of
from scantrail.trials.mixing import mixed
from scantrail.vocabulary.events import empty_rejects
from scantrail.vocabulary.findings import Challenge, Report
from scantrail.vocabulary.protocols import FOUND

CHALLENGE = Challenge(3, 0.5, "salt", {"rules": "r", "lstm": "new"})


def report(scores, version, degraded=(), **more):
    rows = pl.Series(range(len(scores)), dtype=pl.UInt32)
    verdicts = pl.DataFrame({"row": rows, "finalConfidence": scores, **more})
    claims = pl.DataFrame(
        [(row, "model", 50.0, version, "", "item", "") for row in range(len(scores))], FOUND,
        orient="row",
    )  # fmt: skip
    return Report(verdicts, empty_rejects(), claims, degraded, {"rules": "r", "lstm": version})


def test_each_row_is_whole_of_one_version():
    drawn = pl.Series([True, False, True])
    told = mixed(
        report([1.0, 2.0, 3.0], "old"),
        report([10.0, 20.0, 30.0], "new", ("svm",), lstmSequenceScore=[7.0, 8.0, 9.0]),
        drawn,
        CHALLENGE,
    )
    assert told.verdicts["finalConfidence"].to_list() == [10.0, 2.0, 30.0]
    assert told.verdicts["lstmSequenceScore"].to_list() == [7.0, None, 9.0]
    assert told.verdicts["challenger"].to_list() == [True, False, True]
    assert dict(told.claims.select("row", "reason").iter_rows()) == {0: "new", 1: "old", 2: "new"}
    assert (told.versions["lstm"], told.challenge, told.degraded) == ("old", CHALLENGE, ("svm",))


def test_who_judged_an_item_follows_from_what_is_stored():
    made_by = {"versions": {"lstm": "old"}, "scores": []}
    assert versions_of("an item", made_by) == {"lstm": "old"}
    made_by["challenge"] = {"trial": 3, "share": 0.5, "salt": "salt", "versions": {"lstm": "new"}}
    said = {item: versions_of(item, made_by)["lstm"] for item in map(str, range(50))}
    drawn = Assignment(0.5, "salt")
    assert said == {item: "new" if drawn.challenger(item) else "old" for item in said}
    assert set(said.values()) == {"old", "new"}
