import numpy as np
import pytest

from scantrail.detectors.lstm.sequences import Sequences
from scantrail.detectors.lstm.spec import CategoricalHead, DensityHead, Field, NetworkSpec
from scantrail.errors import InputError

SPEC = NetworkSpec(
    (Field("site", 5, 3),), (CategoricalHead("site", "site"), DensityHead("hours")), ("km",)
)


def sequences(lengths):
    n = sum(lengths)
    return Sequences(
        (np.arange(n)[:, None] % 5).astype(np.int32),
        np.arange(n, dtype=np.float32)[:, None],
        np.ones((n, 1), dtype=np.float32),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
    )


def test_buckets_score_every_row_once_and_hold_one_length_each():
    some = sequences([3, 1, 0, 3, 700, 2, 1200, 512, 513])
    scored = []
    for rows, skip in some.buckets(most=1024):
        assert rows.shape[1] <= 512
        assert (np.diff(rows, axis=1) == 1).all()
        scored.extend(rows[:, skip:].ravel())
    assert sorted(scored) == list(range(some.events))


@pytest.mark.parametrize("lengths", [[3, 1, 2], [7], [], [3, 0, 2], [2] * 400 + [30, 700]])
def test_every_row_counts_once_in_batches(lengths):
    some = sequences(lengths)

    counted = [rows[which].ravel() for rows, which in some.batches(1024)]

    assert sorted(np.concatenate([*counted, []])) == list(range(some.events))


def test_few_sequences_are_one_batch():
    [(rows, counted)] = sequences([3, 1, 2]).batches(1024)

    assert rows.tolist() == [[0, 1, 2], [3, 3, 3], [4, 5, 5]]
    assert counted.tolist() == [[True] * 3, [True, False, False], [True, True, False]]


def test_where_a_row_is_scored_does_not_depend_on_what_follows():
    def places(length):
        return {
            int(row): column
            for rows, skip in sequences([length]).buckets()
            for piece in rows
            for column, row in enumerate(piece)
            if column >= skip
        }

    longer = places(1300)
    for length in (1, 512, 513, 768, 769, 1299):
        assert places(length) == {row: longer[row] for row in range(length)}


def test_cut_keeps_all_events_in_order():
    some = sequences([3, 0, 1300])
    cut = some.cut()
    assert cut.offsets.tolist() == [0, 3, 515, 1027, 1303]
    assert cut.codes is some.codes


def test_take_picks_sequences_in_the_order_asked_for():
    taken = sequences([2, 3, 1]).take(np.array([2, 0]))
    assert taken.offsets.tolist() == [0, 1, 3]
    assert taken.numerics[:, 0].tolist() == [5, 0, 1]


def test_padded_repeats_the_last_row():
    assert sequences([2, 3, 1]).padded(np.array([1, 2])).tolist() == [[2, 3, 4], [5, 5, 5]]


def test_the_digest_changes_with_the_data():
    assert sequences([2, 3]).digest() == sequences([2, 3]).digest()
    assert sequences([2, 3]).digest() != sequences([3, 2]).digest()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("codes", 5, "codes of 'site' run from 0 to 5, the network knows 0 to 4"),
        ("codes", -1, "codes of 'site' run from -1 to 4, the network knows 0 to 4"),
        ("numerics", np.nan, "numeric inputs of the network must be finite; some are not"),
        ("numerics", np.inf, "numeric inputs of the network must be finite; some are not"),
        ("times", 0, "times must be above 0 hours, or NaN where there is none"),
    ],
)
def test_values_that_a_network_cannot_read_are_refused(column, value, message):
    bad = sequences([10])
    getattr(bad, column)[3] = value
    with pytest.raises(InputError) as caught:
        bad.check(SPEC)
    assert str(caught.value) == message


def test_arrays_of_another_shape_are_refused():
    bad = sequences([2])
    other = Sequences(bad.codes, np.ones((2, 3), dtype=np.float32), bad.times, bad.offsets)
    with pytest.raises(InputError) as caught:
        other.check(SPEC)
    assert str(caught.value) == (
        "sequences have the shapes ((2, 1), (2, 3), (2, 1)), "
        "the network reads ((2, 1), (2, 1), (2, 1))"
    )
