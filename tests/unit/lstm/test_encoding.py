"""Encoding: what the network reads, and how its surprises become one number per scan."""

import numpy as np
import pytest

from scantrail.detectors.lstm.encoding import by_head, encode, nats, spec_of
from scantrail.features.coding import Vocabulary, code

HEADS = ("step", "site", "company", "clock", "hours")


@pytest.fixture
def goods(batch):
    goods = batch(6)
    goods[1].insert(2, ("2025-07-01 12:00:10", "store"))
    goods[1].insert(3, ("2025-07-01 12:00:30", "store"))
    return goods


@pytest.fixture
def coded(see, goods):
    journeys = see(goods)
    return journeys, code(journeys, Vocabulary.learn(journeys))


def surprised(coded, by_scan, at, **heads):
    """The number for each scan if the network is surprised at one only; hours in log10."""
    journeys, events = coded
    scores = np.zeros((len(events), len(HEADS)), np.float32)
    keys = by_scan(journeys, np.arange(len(events)))
    for place in at:
        for name, value in heads.items():
            scores[keys[place], HEADS.index(name)] = value
    return by_scan(journeys, nats(scores, np.zeros_like(scores), events))


def test_sequences_are_what_the_network_reads(coded):
    journeys, events = coded
    sequences = encode(events)
    sequences.check(spec_of(Vocabulary.learn(journeys)))
    assert sequences.lengths.tolist() == [5, 3, 3, 3, 3, 3]
    assert np.isfinite(sequences.numerics).all()
    assert np.isnan(sequences.times[:, 0]).sum() == 6, "only first scans have no time"


def test_a_read_in_the_same_second_has_a_time_above_0(see):
    journeys = see({1: [("2025-07-01 10:00:00", "made"), ("2025-07-01 10:00:00", "store")]})
    times = encode(code(journeys, Vocabulary((), (), ()))).times[:, 0]
    assert times[1] == pytest.approx(1 / 3600)


def test_what_a_batch_does_together_is_shared(coded, by_scan):
    assert surprised(coded, by_scan, [(2, 2)], site=9.0)[2, 2] == pytest.approx(1.5)


def test_what_an_item_does_alone_is_its_own(see, by_scan, goods):
    goods[2][2] = ("2025-07-04 09:00:00", "ship")
    journeys = see(goods)
    events = code(journeys, Vocabulary.learn(journeys))
    assert surprised((journeys, events), by_scan, [(2, 2)], company=9.0)[2, 2] == 9.0


def test_aspects_combine_like_sides_of_a_right_angle(coded, by_scan):
    both = surprised(coded, by_scan, [(2, 2)], site=18.0, clock=24.0)
    assert both[2, 2] == pytest.approx(5.0)


def test_a_repeat_is_judged_by_coming_and_by_its_time_alone(coded, by_scan):
    assert surprised(coded, by_scan, [(1, 2)], site=9.0, clock=9.0, company=9.0)[1, 2] == 0.0
    assert surprised(coded, by_scan, [(1, 2)], hours=1.0)[1, 2] == pytest.approx(np.log(10))
    assert surprised(coded, by_scan, [(1, 2)], step=10.0)[1, 2] == pytest.approx(7.0)


def test_repeats_in_a_row_add_up_until_the_item_moves_on(coded, by_scan):
    seen = surprised(coded, by_scan, [(1, 2), (1, 3)], step=10.0)
    assert [seen[1, at] for at in range(5)] == pytest.approx([0, 0, 7, 14, 0])


def test_a_first_scan_has_no_company_to_be_surprised_at(coded, by_scan):
    assert surprised(coded, by_scan, [(2, 0)], company=20.0)[2, 0] == 0.0


def test_who_was_never_seen_with_others_is_not_surprising_alone(see, by_scan, batch):
    journeys = see(batch(1))
    events = code(journeys, Vocabulary.learn(journeys))
    assert surprised((journeys, events), by_scan, [(1, 2)], company=20.0)[1, 2] == 0.0
    assert surprised((journeys, events), by_scan, [(1, 2)], site=20.0)[1, 2] == 20.0


def test_an_unknown_place_says_nothing_but_the_rest_does(see, by_scan, goods):
    goods[2][2] = ("2025-07-04 09:00:00", "ship", 99)
    journeys = see(goods)
    events = code(journeys, Vocabulary.learn(see({1: goods[1]})))
    seen = surprised((journeys, events), by_scan, [(2, 2)], site=np.nan, hours=2.0)
    assert seen[2, 2] == pytest.approx(2 * np.log(10))


def test_an_unknown_step_is_not_judged(coded, by_scan):
    _, events = coded
    events.step[:] = 0
    scores = np.ones((len(events), 5), np.float32)
    assert np.isnan(nats(scores, scores * 0, events)).all()


def test_only_surprise_beyond_the_expected_counts(coded):
    _, events = coded
    scores = np.full((len(events), 5), 3.0, np.float32)
    assert nats(scores, scores, events).max() == 0.0
    assert nats(scores, scores + 1, events).max() == 0.0
    assert by_head(scores * 100, scores).max() == 25.0, "one head alone says no more than that"


def test_no_events_encode_to_nothing(see):
    journeys = see({})
    coded = code(journeys, Vocabulary((1,), (), ()))
    assert len(encode(coded)) == 0
    assert len(nats(np.zeros((0, 5), np.float32), np.zeros((0, 5), np.float32), coded)) == 0
