import datetime as dt
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scantrail.errors import MonitoringError
from scantrail.monitoring.alerts import AlertSettings, Book, advance, snooze
from scantrail.monitoring.signals import Signal

START = dt.datetime.fromisoformat("2025-09-01")
PLAIN = AlertSettings()
DAY = dt.timedelta(days=1)
CHAIN = {("1", "2"), ("2", "3")}


def near(a, b):
    return (a, b) in CHAIN or (b, a) in CHAIN


def signal(place="1", view="travel", since=0, strength=2.0):
    return Signal(
        check="drift", view=view, place=place, since=(START + since * DAY).date(), p=1e-9,
        effect={"psi": 0.4}, strength=strength, what=f"{view} at {place}",
    )  # fmt: skip


def run(days, book=None, given=PLAIN, begin=0):
    """Evaluate day by day; the book at the end and all notices as (day, what, key)."""
    book, notices = book or Book(), []
    for i, signals in enumerate(days, begin):
        book, new = advance(book, signals, START + i * DAY, given, near)
        notices += [(i, one.what, one.alert.key) for one in new]
    return book, notices


def test_what_lasts_starts_once_and_ends_after_quiet():
    one = signal()
    _, notices = run([[one]] * 4 + [[]] * 4)
    assert notices == [(1, "start", one.key), (5, "end", one.key)]


def test_what_is_there_for_a_day_is_never_told():
    book, notices = run([[signal()], [], [signal()], [], []])
    assert notices == []
    assert book.open == []


def test_it_says_when_it_grows_and_when_another_symptom_comes():
    one, grown = signal(), signal(strength=3.5)
    hour = signal(view="hour", since=1)
    _, notices = run([[one], [one], [one], [grown], [grown], [grown, hour], [grown, hour]])
    assert [(day, what) for day, what, _ in notices] == [(1, "start"), (3, "update"), (5, "update")]


def test_updates_are_bounded_in_time():
    given = AlertSettings(update_every=3 * DAY)
    days = [[signal(strength=2.0 * 2**i)] for i in range(9)]
    _, notices = run(days, given=given)
    assert [(day, what) for day, what, _ in notices] == [(1, "start"), (4, "update"), (7, "update")]


def test_neighbours_that_changed_together_are_one_alert_named_after_the_strongest():
    there = [signal("1", strength=9), signal("2", since=1), signal("", "site", strength=3)]
    book, notices = run([there, there])
    assert notices == [(1, "start", "drift/travel/1")]
    assert set(book.alerts["drift/travel/1"].symptoms) == {one.key for one in there}
    assert book.open[0].since == START.date()


def test_places_far_apart_or_days_apart_are_two_alerts():
    far = [signal("1"), signal("3")]
    assert len(run([far, far])[1]) == 2
    later = [signal("1"), signal("2", since=4)]
    assert len(run([later, later])[1]) == 2


def test_a_chain_of_neighbours_is_one_alert():
    there = [signal("1"), signal("3"), signal("2", strength=1.0)]
    assert run([there, there])[1] == [(1, "start", "drift/travel/3")]


def test_what_shows_everywhere_joins_the_strongest_and_bridges_nothing():
    there = [signal("1", strength=3), signal("3", strength=9), signal("", "site", strength=20)]
    book, notices = run([there, there])
    assert [key for _, _, key in notices] == ["drift/site/", "drift/travel/1"]
    assert set(book.alerts["drift/site/"].symptoms) == {"drift/site/", "drift/travel/3"}
    alone = [signal("", "site"), signal("", "step")]
    assert len(run([alone, alone])[1]) == 1


def test_an_alert_keeps_its_name_when_another_symptom_becomes_the_strongest():
    first, second = signal("1", strength=2), signal("2", strength=8)
    book, notices = run([[first], [first], [first, second], [second]])
    assert {key for _, _, key in notices} == {first.key}
    assert book.open[0].lead.key == second.key


def test_snoozed_it_is_silent_and_lives_on():
    one = signal()
    book, _ = run([[one], [one]])
    book = snooze(book, one.key, START + 6 * DAY)
    book, notices = run([[signal(strength=9)]] * 3, book, begin=2)
    assert notices == []
    assert book.open[0].key == one.key
    _, notices = run([[signal(strength=9)]] * 3, book, begin=5)
    assert notices == [(6, "update", one.key)]


def test_what_starts_while_snoozed_is_told_when_the_snooze_is_over():
    one = signal()
    book, _ = run([[one]])
    book = snooze(book, one.key, START + 4 * DAY)
    _, notices = run([[one]] * 5, book, begin=1)
    assert notices == [(4, "start", one.key)]


def test_there_must_be_an_alert_to_snooze():
    book, _ = run([[signal()]])
    said = "there is no alert 'x' to snooze; alerts now: drift/travel/1"
    with pytest.raises(MonitoringError, match=f"^{re.escape(said)}$"):
        snooze(book, "x", START)


def test_what_comes_and_goes_becomes_one_alert():
    flap = ([[signal()]] * 2 + [[]] * 3) * 8
    _, notices = run(flap)
    starts = [day for day, what, _ in notices if what == "start"]
    assert len(starts) == 2  # the second one outlasts the gaps
    assert notices[-1][1] == "start"


def test_it_ends_for_good_however_often_it_flapped():
    book, _ = run(([[signal()]] * 2 + [[]] * 3) * 20)
    assert book.open
    _, notices = run([[]] * 80, book, begin=100)
    assert [what for _, what, _ in notices] == ["end"]


def test_old_alerts_are_forgotten():
    book, _ = run([[signal()]] * 3 + [[]] * 20)
    assert book.alerts == {}


def test_a_book_survives_json():
    book, _ = run([[signal("1"), signal("2")]] * 3 + [[signal("2")]])
    again = msgspec.json.decode(msgspec.json.encode(book), type=Book)
    assert again == book
    assert run([[]] * 5, again, begin=4) == run([[]] * 5, book, begin=4)


SIGNALS = st.lists(
    st.builds(
        signal,
        place=st.sampled_from(["", "1", "2", "3"]),
        view=st.sampled_from(["travel", "hour"]),
        since=st.integers(0, 6),
        strength=st.floats(1, 40),
    ),
    max_size=5,
    unique_by=lambda one: one.key,
)
HISTORY = st.lists(SIGNALS, min_size=1, max_size=25)


@given(HISTORY)
@settings(deadline=None, max_examples=50)
def test_every_alert_is_told_in_order_and_no_symptom_is_in_two(history):
    book, state = Book(), {}
    for day, signals in enumerate(history):
        book, notices = advance(book, signals, START + day * DAY, near=near)
        for one in notices:
            key = one.alert.key
            assert (one.what == "start") == (not state.get(key, False))
            state[key] = one.what != "end"
        assert sorted(key for key, told in state.items() if told) == sorted(
            one.key for one in book.open
        )
        living = [key for one in book.alerts.values() if one.phase != "ended"
                  for key in one.symptoms]  # fmt: skip
        assert len(living) == len(set(living))
        assert {one.key for one in signals} <= set(living)


@given(HISTORY, st.integers(0, 10), st.integers(1, 12))
@settings(deadline=None, max_examples=40)
def test_a_snoozed_alert_never_notifies(history, begin, length):
    book = Book()
    until = {}
    for day, signals in enumerate(history):
        now = START + day * DAY
        if day == begin:
            until = dict.fromkeys(book.alerts, now + length * DAY)
            for key, when in until.items():
                book = snooze(book, key, when)
        book, notices = advance(book, signals, now, near=near)
        for one in notices:
            assert not (one.alert.key in until and now < until[one.alert.key])


@given(HISTORY)
@settings(deadline=None, max_examples=40)
def test_after_quiet_all_alerts_end(history):
    book, _ = run(history)
    for day in range(len(history), len(history) + 90):
        book, _ = advance(book, [], START + day * DAY, near=near)
    assert book.alerts == {}


@given(st.lists(st.booleans(), min_size=30, max_size=90))
@settings(deadline=None, max_examples=40)
def test_flapping_is_damped(pattern):
    _, notices = run([[signal()] if on else [] for on in pattern])
    starts = [day for day, what, _ in notices if what == "start"]
    assert all(later - first >= 14 for first, later in zip(starts, starts[4:], strict=False))
