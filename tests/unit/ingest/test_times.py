from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scantrail.errors import SettingsError
from scantrail.ingest.times import parse_times

SEOUL = "Asia/Seoul"


def one(text: str, zone: str = SEOUL) -> tuple[str, int] | None:
    """The instant in UTC and the offset, None where unreadable."""
    frame = parse_times(pl.Series([text]), zone)
    assert frame.schema == {"time": pl.Datetime("us", "UTC"), "offset": pl.Int16}
    time, offset = frame.row(0)
    assert (time is None) == (offset is None)
    return None if time is None else (time.replace(tzinfo=None).isoformat(" "), offset)


@pytest.mark.parametrize(
    "text",
    [
        "2025-07-01 10:34:17",
        "2025-07-01T10:34:17",
        "2025-07-01 10:34:17.000",
        "2025-07-01T10:34:17+09:00",
        "2025-07-01T01:34:17Z",
        "2025-06-30T21:34:17-04:00",
        "20250701T103417",
        "2025-W27-2T10:34:17",
        " 2025-07-01 10:34:17 ",
        "2025-7-1 10:34:17",
    ],
)
def test_one_instant_in_many_forms(text):
    read = one(text)
    assert read is not None
    assert read[0] == "2025-07-01 01:34:17"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-07-01T01:34:17Z", ("2025-07-01 01:34:17", 0)),
        ("2025-06-30T21:34:17-04:00", ("2025-07-01 01:34:17", -240)),
        ("2025-07-01 10:34:17+0530", ("2025-07-01 05:04:17", 330)),
        ("2025-07-01", ("2025-06-30 15:00:00", 540)),
        ("2025-07-01 10:34", ("2025-07-01 01:34:00", 540)),
        ("2025-7-1 9:05", ("2025-07-01 00:05:00", 540)),
        ("2025-07-01 10:34:17.123456789", ("2025-07-01 01:34:17.123456", 540)),
        ("2024-02-29 12:00:00", ("2024-02-29 03:00:00", 540)),
        ("2000-02-29T12:00:00", ("2000-02-29 03:00:00", 540)),
        ("2025-07-01 24:00:00", ("2025-07-01 15:00:00", 540)),
        ("2025-07-01T24:00", ("2025-07-01 15:00:00", 540)),
        ("2025-12-31T24:00:00.000+01:00", ("2025-12-31 23:00:00", 60)),
        ("9999-12-31 23:59:59", ("9999-12-31 14:59:59", 540)),
        ("0001-01-02 00:00:00Z", ("0001-01-02 00:00:00", 0)),
    ],
)
def test_iso_forms(text, expected):
    assert one(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "?",
        "2025-02-29 12:00:00",
        "1900-02-29T12:00:00",
        "2025-06-31 00:00:00",
        "2025-07-01 24:00:01",
        "2025-07-01 24:30",
        "2025-07-01 25:00:00",
        "2016-12-31 23:59:60",
        "2016-12-31T23:59:60Z",
        "2025-07-01 10:34:1",
        "2025-07-01 10:3",
        "2025-07-01 10:34:17+25:00",
        "0001-01-01 00:00:00",  # in Seoul, before the year 1 in UTC
        "0000-01-01 00:00:00",
        "9999-12-31T23:59:59-10:00",
        "10000-01-01 00:00:00",
        "-001-07-01 10:34:17",
        "+025-07-01 10:34:17",
        " 025-07-01 10:34:17",
        "01/07/2025 10:34:17",
        "1751333657",
        "2025-07-01 10:34:17\x00",
        "2025-07-01 10:34:17 nonsense",
        "２０２５-07-01 10:34:17",
        "x" * 10_000_000,
    ],
)
def test_what_is_no_time_is_null(text):
    assert one(text) is None


def test_a_clock_change_gap_takes_the_offset_before_it_in_every_form():
    for text in ("2025-03-30 02:30:00", "2025-03-30T02:30:00", "2025-03-30 02:30"):
        assert one(text, "Europe/Vienna") == ("2025-03-30 01:30:00", 60)


def test_a_clock_change_overlap_takes_the_first_hour_in_every_form():
    for text in ("2025-10-26 02:30:00", "2025-10-26T02:30:00", "2025-10-26 02:30"):
        assert one(text, "Europe/Vienna") == ("2025-10-26 00:30:00", 120)


def test_a_column_of_mixed_forms_keeps_its_order_and_nulls():
    texts = ["2025-07-01T10:00:00", None, "no", "2025-07-01 10:00:00", "2025-07-01T10:00:00"]
    frame = parse_times(pl.Series(texts), SEOUL)
    hour = datetime(2025, 7, 1, 1, tzinfo=UTC)
    assert frame["time"].to_list() == [hour, None, None, hour, hour]
    assert frame["offset"].to_list() == [540, None, None, 540, 540]


@pytest.mark.parametrize("texts", [[], [None, None]])
def test_nothing_to_parse(texts):
    frame = parse_times(pl.Series(texts, dtype=pl.String), SEOUL)
    assert frame.schema == {"time": pl.Datetime("us", "UTC"), "offset": pl.Int16}
    assert frame["time"].to_list() == texts


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "asia/seoul", "../etc/passwd", "Factory", "posix/Asia/Seoul"]
)
def test_an_unknown_zone_is_a_settings_error(name):
    with pytest.raises(SettingsError) as caught:
        parse_times(pl.Series(["2025-07-01 10:00:00"]), name)
    assert str(caught.value) == (
        f"'{name}' is no time zone; expected an IANA name such as Asia/Seoul or Europe/Vienna"
    )


ZONES = st.sampled_from([SEOUL, "UTC", "Europe/Vienna", "America/New_York", "Asia/Kathmandu"])
NAIVE = st.datetimes(datetime(1950, 1, 1), datetime(2090, 1, 1))  # noqa: DTZ001
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
FORMS = st.sampled_from(
    [
        lambda t: t.isoformat(),
        lambda t: t.isoformat(" "),
        lambda t: t.isoformat(" ", "seconds"),
        lambda t: t.isoformat("T", "minutes"),
        lambda t: t.isoformat().replace("-", "", 2).replace(":", ""),
    ]
)


@given(st.lists(st.tuples(NAIVE, FORMS), min_size=1, max_size=20), ZONES)
def test_local_times_agree_with_python(moments, zone):
    texts = [form(moment) for moment, form in moments]
    expected = [datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)) for text in texts]
    frame = parse_times(pl.Series(texts), zone)
    assert frame["time"].to_list() == [moment.astimezone(UTC) for moment in expected]
    assert frame["offset"].to_list() == [
        int(moment.utcoffset().total_seconds() / 60) for moment in expected
    ]


@given(NAIVE, OFFSETS, FORMS)
def test_times_with_an_offset_agree_with_python(moment, zone, form):
    text = form(moment.replace(tzinfo=zone))
    expected = datetime.fromisoformat(text)
    frame = parse_times(pl.Series([text]), SEOUL)
    assert frame["time"].item() == expected
    assert frame["offset"].item() == expected.utcoffset() // timedelta(minutes=1)


@given(st.lists(st.text(alphabet="0123456789-+: TZ./W\n٣", max_size=24) | st.text(), min_size=1))
def test_any_text_is_a_time_or_null_and_python_can_hold_it(texts):
    frame = parse_times(pl.Series(texts), SEOUL)
    assert len(frame["time"].to_list()) == len(texts)
    for text, time in zip(texts, frame["time"], strict=True):
        if "\x00" in text:
            assert time is None
            continue
        try:
            expected = datetime.fromisoformat(text.strip())
            expected = expected.replace(tzinfo=expected.tzinfo or ZoneInfo(SEOUL)).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
        assert time == expected
