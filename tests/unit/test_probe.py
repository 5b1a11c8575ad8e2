"""The probe: a fit artifact passes on any list of sites, a dead or foreign one doesn't."""

from dataclasses import replace

import numpy as np
import pytest

from scantrail.calibration import Calibration
from scantrail.errors import ArtifactError
from scantrail.probe import Stop, backwards, elsewhere, probe, usual_way
from scantrail.settings import Settings
from scantrail.testing import network
from scantrail.wiring import engine


@pytest.fixture(scope="module")
def demo():
    return engine(Settings())


def with_calibration(artifact, name, calibration):
    detector = replace(getattr(artifact, name), calibration=calibration)
    return replace(artifact, **{name: detector})


def constant(score):
    """A calibration that gives everything the same score."""

    class Same(Calibration):
        def __call__(self, raw):
            return np.full(len(raw), score / 25)

    return Same(np.array([0.0]), np.array([0.0]), 1.0, 0)


def test_a_fit_artifact_tells_odd_journeys_from_ordinary_ones(demo):
    judged = demo.with_artifact(demo.artifact)
    listed = demo.artifact.card.vocabulary.sites
    seen = probe(demo.artifact, lambda raw: judged.judge(judged.understand(raw)), listed)
    assert set(seen) == {"lstmSequenceScore", "svmOutlierScore", "mlCombinedScore"}
    for probed in seen.values():
        assert (len(probed.ordinary), len(probed.odd)) == (66, 6)
        assert max(probed.ordinary) < 40
        assert min(probed.odd) > max(probed.ordinary) + 20


@pytest.mark.parametrize("name", ["lstm", "svm"])
@pytest.mark.parametrize(("score", "seen"), [(0.0, "0% of the odd"), (100.0, "0% of the ordinary")])
def test_a_detector_that_says_the_same_of_everything_is_refused(demo, name, score, seen):
    dead = with_calibration(demo.artifact, name, constant(score))
    with pytest.raises(ArtifactError) as caught:
        demo.try_out(dead)
    assert "doesn't tell ordinary journeys from odd ones: by " in str(caught.value)
    assert seen in str(caught.value)


def test_a_detector_that_fails_is_refused(demo, caplog):
    broken = replace(demo.artifact, lstm=replace(demo.artifact.lstm, network=b"nothing"))
    with pytest.raises(ArtifactError, match="fails on its own journeys: lstm"):
        demo.try_out(broken)


def test_an_artifact_of_another_chain_is_refused(demo):
    message = (
        "was trained on other sites: of its 60, 0 are listed here; train it on this chain's log"
    )
    with pytest.raises(ArtifactError, match=message):
        replace(demo, network=network()).try_out(demo.artifact)


def test_the_usual_way_runs_down_the_chain_at_the_artifacts_own_sites(demo):
    way = usual_way(demo.artifact, 0)
    assert [stop.stage for stop in way] == list(range(10))
    assert {stop.site for stop in way} <= set(demo.artifact.card.vocabulary.sites)
    assert all(stop.hours > 0 for stop in way[1:])


def test_odd_ways_are_what_they_say():
    way = [Stop(1, 0, 0.0), Stop(2, 1, 3.0), Stop(3, 2, 5.0)]
    assert backwards(way) == [Stop(3, 2, 0.0), Stop(2, 1, 5.0), Stop(1, 0, 3.0)]
    assert elsewhere(way, (1, 2, 3, 9)) == [way[0], Stop(9, 1, 0.05), way[2]]
