import numpy as np
import pytest

from scantrail.artifact import read_artifact
from scantrail.detectors.lstm.cache import CachedRuntime
from scantrail.detectors.lstm.encoding import encode
from scantrail.features.coding import code
from scantrail.pipeline import see
from scantrail.settings import Settings
from scantrail.wiring import DEMO, DEMO_ARTIFACT, engine, read_events


@pytest.fixture(scope="module")
def lstm():
    return read_artifact(DEMO_ARTIFACT).lstm


@pytest.fixture(scope="module")
def sequences(lstm):
    demo = engine(Settings(artifacts="none"))
    events = read_events(DEMO / "sample.json", demo.settings, demo.network.sites)
    return encode(code(see(events.frame, demo.network), lstm.known))


def test_a_journey_asked_about_again_is_not_computed_again(lstm, sequences):
    cached = CachedRuntime(lstm.runtime)
    first, again = cached.scores(sequences), cached.scores(sequences)
    assert (cached.misses, cached.hits) == (len(sequences), len(sequences))
    for ours, theirs, plain in zip(first, again, lstm.runtime.scores(sequences), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_allclose(ours, plain, atol=1e-5)


def test_known_and_new_journeys_come_back_in_their_order(lstm, sequences):
    cached = CachedRuntime(lstm.runtime)
    cached.scores(sequences.take(np.array([2, 0])))
    mixed = cached.scores(sequences)
    assert (cached.misses, cached.hits) == (len(sequences), 2)
    np.testing.assert_allclose(mixed[0], lstm.runtime.scores(sequences)[0], atol=1e-5)


def test_a_journey_that_changed_is_another(lstm, sequences):
    cached = CachedRuntime(lstm.runtime)
    one = sequences.take(np.array([0]))
    cached.scores(one)
    later = sequences.take(np.array([0]))
    later.times[-1] *= 2
    cached.scores(later)
    assert (cached.misses, cached.hits) == (2, 0)


def test_it_keeps_no_more_events_than_it_may(lstm, sequences):
    longest = int(sequences.lengths.max())
    cached = CachedRuntime(lstm.runtime, kept=longest)
    for item in range(len(sequences)):
        cached.scores(sequences.take(np.array([item])))
        assert sum(len(scores) for scores, _ in cached._known.values()) <= longest
    last = sequences.take(np.array([len(sequences) - 1]))
    cached.scores(last)
    assert cached.hits == 1


def test_no_journey_at_all(lstm, sequences):
    scores, expected = CachedRuntime(lstm.runtime).scores(sequences.take(np.zeros(0, np.int64)))
    assert scores.shape == expected.shape == (0, len(lstm.spec.heads))
