import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scantrail.detectors.lstm.ngram import BackOff, preceding
from scantrail.errors import InputError

NONE = np.zeros((3, 0), dtype=np.int64)


def test_preceding_symbols_stop_at_the_beginning():
    symbols, offsets = np.array([5, 6, 7, 8, 9]), np.array([0, 3, 3, 5])
    assert preceding(symbols, offsets, 2).tolist() == [[0, 0], [6, 0], [7, 6], [0, 0], [9, 0]]


def test_witten_bell_by_hand():
    # Three symbols, two distinct: each share of 3 / 5, and 2 / 5 spread evenly over four.
    counts = BackOff.fit(np.array([0, 0, 1]), NONE, 4)
    chance, best = counts.chances(np.array([0, 1, 3]), NONE)
    np.testing.assert_allclose(chance, [0.5, 0.3, 0.1])
    np.testing.assert_allclose(best, 0.5)
    # In context 1, seen once: half its own share, half the coarser chance.
    contexts = np.array([[0], [0], [1]])
    finer = BackOff.fit(np.array([0, 0, 1]), contexts, 4)
    chance, best = finer.chances(np.array([1, 0, 2]), np.array([[1], [1], [1]]))
    np.testing.assert_allclose(chance, [0.5 + 0.15, 0.25, 0.05])
    np.testing.assert_allclose(best, 0.65)


def test_an_unseen_context_backs_off():
    counts = BackOff.fit(np.array([0, 0, 1]), np.array([[0, 2], [0, 2], [1, 2]]), 4)
    seen = counts.chances(np.array([0]), np.array([[0]])[:, :0])[0]
    assert counts.chances(np.array([0]), np.array([[7, 7]]))[0] == pytest.approx(seen)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 2)), min_size=1),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
)
@settings(deadline=None)
def test_chances_sum_to_one_and_the_best_is_their_maximum(rows, context):
    table = np.array(rows)
    counts = BackOff.fit(table[:, 0], table[:, 1:], 5)
    chance, best = counts.chances(np.arange(5), np.tile(context, (5, 1)))
    assert chance.sum() == pytest.approx(1)
    np.testing.assert_allclose(best, chance.max())
    assert (counts.scores(np.arange(5), np.tile(context, (5, 1))) >= -1e-12).all()


def test_counts_survive_as_plain_arrays():
    rng = np.random.default_rng(0)
    symbols, offsets = rng.integers(0, 9, 500), np.arange(0, 501, 10)
    contexts = preceding(symbols, offsets, 3)
    counts = BackOff.fit(symbols, contexts, 9)
    again = BackOff.from_arrays(counts.arrays())
    np.testing.assert_array_equal(again.scores(symbols, contexts), counts.scores(symbols, contexts))


@pytest.mark.parametrize(
    ("symbols", "contexts", "message"),
    [
        ([], np.zeros((0, 1)), "there are no events to count"),
        ([4], np.zeros((1, 1)), "symbols run from 4 to 4, expected 0 to 3"),
        ([1, 2], np.zeros((1, 1)), "symbols (2,) and contexts (1, 1) do not belong together"),
        ([1], [[-1]], "codes of contexts must be at least 0"),
    ],
)
def test_bad_input_is_refused(symbols, contexts, message):
    with pytest.raises(InputError) as caught:
        BackOff.fit(np.array(symbols), np.array(contexts), 4)
    assert str(caught.value) == message
