"""A change of code that finds less in known journeys fails here.

What is found at a budget of false alerts is held against what was recorded. If less is found on
purpose, `python scripts/known_journeys.py --record "why"` records it anew.
"""

import json
import os
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"

pytestmark = pytest.mark.regression


@pytest.fixture
def known_journeys(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    sys.modules.pop("known_journeys", None)
    import known_journeys

    return known_journeys


@pytest.fixture
def recorded(known_journeys):
    return json.loads(known_journeys.RECORDED.read_text("utf-8"))


def test_the_bundled_artifact_finds_what_it_found(known_journeys, recorded):
    was = recorded["bundled"]
    assert known_journeys.falls(was["found"], known_journeys.bundled(), was["tolerance"]) == []


@pytest.mark.slow
def test_what_is_trained_now_finds_what_was_found(known_journeys, recorded):
    if not os.environ.get("CI"):  # there it must be present
        pytest.importorskip("torch", reason="needs torch: pip install 'scantrail[train]'")
    was = recorded["trained"]
    assert known_journeys.falls(was["found"], known_journeys.trained(), was["tolerance"]) == []


def test_a_change_that_finds_less_is_told(known_journeys, recorded, monkeypatch):
    from scantrail.detectors.svm.model import SvmModel

    score = SvmModel.score
    monkeypatch.setattr(SvmModel, "score", lambda model, matrix: score(model, matrix) * 0)
    was = recorded["bundled"]
    told = known_journeys.falls(was["found"], known_journeys.bundled(), was["tolerance"])
    assert any(line.startswith("finalConfidence, all: ") for line in told)
    assert any(
        line.startswith("svmOutlierScore, all: 0.0% are found around 3 false") for line in told
    )


def test_every_record_has_a_reason(recorded):
    assert recorded["reasons"]
    assert all(recorded["reasons"])
