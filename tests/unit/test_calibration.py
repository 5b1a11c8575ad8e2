import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scantrail.calibration import Calibration, highest_per_item, to_evidence, to_score
from scantrail.errors import ArtifactError, InputError


def learned(items=5_000, strange=0.0, seed=0, **given):
    """Exponential scores, one event an item, and a share of items far above them."""
    rng = np.random.default_rng(seed)
    raw = rng.exponential(1.0, items)
    raw[: int(strange * items)] += 50
    return Calibration.learn(raw, np.arange(items), **given)


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01, 0.001, 0.0001])
def test_a_score_has_the_false_alarm_rate_that_it_states(share):
    fresh = np.random.default_rng(1).exponential(1.0, 400_000)
    seen = (learned(20_000)(fresh) >= -np.log10(share)).mean()
    assert share * 0.55 < seen < share * 1.8


def test_anomalies_among_the_held_out_items_make_it_cautious_but_not_blind():
    clean, soiled = learned(20_000), learned(20_000, strange=0.015)
    raw = np.array([3.0, 5.0, 8.0])
    assert (soiled(raw) < clean(raw)).all()
    assert (soiled(raw) > 0.7 * clean(raw)).all()


def test_an_item_counts_by_its_strangest_event():
    values = np.array([1.0, 7.0, np.nan, 2.0])
    assert highest_per_item(values, np.array([0, 0, 1, 2])).tolist() == [7.0, -np.inf, 2.0]


def test_evidence_and_scores_are_one_scale():
    scores = np.array([0.0, 25.0, 75.0, 100.0])
    np.testing.assert_allclose(to_score(to_evidence(scores)), scores)
    assert np.isnan(to_score(np.array([np.nan]))).all()


@given(arrays(float, 20, elements=st.floats(-1e6, 1e6)))
def test_a_stranger_event_never_scores_lower(raw):
    evidence = CALIBRATION(np.sort(raw))
    assert (np.diff(evidence) >= 0).all()
    assert (evidence >= 0).all()


def test_too_few_items_know_nothing_of_rare_events():
    message = (
        "only 99 held-out items can be scored; at least 100 are needed to know how rare a score "
        "is: train on a longer log"
    )
    with pytest.raises(InputError, match=message):
        Calibration.learn(np.arange(99.0), np.arange(99))


def test_scores_that_are_all_alike_calibrate_too():
    calibration = Calibration.learn(np.zeros(500), np.arange(500))
    assert calibration(np.array([0.0])).tolist() == [0.0]
    assert calibration(np.array([1.0]))[0] > 4


def test_what_is_stored_comes_back():
    again = Calibration.from_arrays(CALIBRATION.arrays())
    raw = np.linspace(-1, 20, 50)
    np.testing.assert_array_equal(again(raw), CALIBRATION(raw))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"raw": None}, "a calibration lacks 'raw'; fetch the artifact again"),
        ({"raw": np.array([1.0, 1.0])}, "a calibration does not rise with the score"),
        ({"evidence": np.array([1.0])}, "a calibration does not rise with the score"),
        ({"slope": np.array(np.nan)}, "a calibration does not rise with the score"),
    ],
)
def test_a_damaged_calibration_is_refused(damage, message):
    stored = CALIBRATION.arrays() | damage
    stored = {name: array for name, array in stored.items() if array is not None}
    with pytest.raises(ArtifactError, match=message):
        Calibration.from_arrays(stored)


CALIBRATION = learned()
