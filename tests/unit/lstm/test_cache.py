import numpy as np
import pytest

from scantrail.artifact import read_artifact
from scantrail.detectors.lstm.cache import CachedRuntime
from scantrail.detectors.lstm.encoding import encode
from scantrail.features.coding import code
from scantrail.pipeline import see
from scantrail.settings import Settings
from scantrail.stores.cache import InProcess
from scantrail.wiring import DEMO, DEMO_ARTIFACT, engine, read_events


@pytest.fixture(scope="module")
def lstm():
    return read_artifact(DEMO_ARTIFACT).lstm


@pytest.fixture(scope="module")
def sequences(lstm):
    demo = engine(Settings(artifacts="none"))
    events = read_events(DEMO / "sample.json", demo.settings, demo.network.sites)
    return encode(code(see(events.frame, demo.network), lstm.known))


def remembering(lstm, version="1", cache=None):
    return CachedRuntime(lstm.runtime, InProcess(10**7) if cache is None else cache, version)


def test_a_journey_asked_about_again_is_not_computed_again(lstm, sequences):
    cached = remembering(lstm)
    first, again = cached.scores(sequences), cached.scores(sequences)
    assert (cached.misses, cached.hits) == (len(sequences), len(sequences))
    for ours, theirs, plain in zip(first, again, lstm.runtime.scores(sequences), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_allclose(ours, plain, atol=1e-5)


def test_known_and_new_journeys_come_back_in_their_order(lstm, sequences):
    cached = remembering(lstm)
    cached.scores(sequences.take(np.array([2, 0])))
    mixed = cached.scores(sequences)
    assert (cached.misses, cached.hits) == (len(sequences), 2)
    np.testing.assert_allclose(mixed[0], lstm.runtime.scores(sequences)[0], atol=1e-5)


def test_a_journey_that_changed_is_another(lstm, sequences):
    cached = remembering(lstm)
    one = sequences.take(np.array([0]))
    cached.scores(one)
    later = sequences.take(np.array([0]))
    later.times[-1] *= 2
    cached.scores(later)
    assert (cached.misses, cached.hits) == (2, 0)


def test_another_version_shares_nothing(lstm, sequences):
    cache = InProcess(10_000_000)
    remembering(lstm, "1", cache).scores(sequences)
    other = remembering(lstm, "2", cache)
    other.scores(sequences)
    assert other.hits == 0
    again = remembering(lstm, "1", cache)
    again.scores(sequences)
    assert again.misses == 0


class Damaged(InProcess):
    def get(self, keys):
        return [value and value[:-4] for value in super().get(keys)]


def test_what_is_kept_of_another_length_is_computed_again(lstm, sequences):
    cached = remembering(lstm, "1", Damaged(10_000_000))
    cached.scores(sequences)
    again = cached.scores(sequences)
    assert cached.hits == 0
    np.testing.assert_allclose(again[0], lstm.runtime.scores(sequences)[0], atol=1e-5)


def test_a_detector_without_a_cache_computes(lstm):
    assert lstm.cached is lstm.runtime


def test_no_journey_at_all(lstm, sequences):
    scores, expected = remembering(lstm).scores(sequences.take(np.zeros(0, np.int64)))
    assert scores.shape == expected.shape == (0, len(lstm.spec.heads))
