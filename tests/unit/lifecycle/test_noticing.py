"""What is told of a change: its own symptoms, not those of what went before or elsewhere."""

import datetime as dt
import io

import pytest
from rich.console import Console

from scantrail.lifecycle.noticing import noticed, tell_place, tell_rates, tell_symptoms
from scantrail.lifecycle.telling import Page
from scantrail.lifecycle.world import World
from scantrail.lifecycle.year import Year
from scantrail.simulate.stream import STREAM

BEGUN = dt.datetime.fromisoformat("2025-03-17")


def symptom(place, what, since="2025-03-18", strength=2.0, check="drift"):
    return {"place": place, "what": what, "since": since, "strength": strength, "check": check}


class Told:
    """A place whose service tells what it is given."""

    def __init__(self, **answers):
        self.answers = answers

    def get(self, path):
        return self.answers[path.rsplit("/", 1)[-1]]


@pytest.fixture
def year():
    scans = STREAM.to_frame()
    page = Page(Console(file=io.StringIO(), width=90, highlight=False))
    return Year(World(scans, {}, frozenset()), Told(), page, lambda *_: None, 0, 1)


def test_symptoms_at_the_place_or_with_its_name_are_of_the_change(year):
    year.place = Told(alerts=[
        {"symptoms": [symptom("1950", "far"), symptom("7", "product 12.34 is new", strength=9.0)]},
        {"symptoms": [symptom("8", "else"), symptom("1950", "earlier", since="2025-03-01")]},
        {"symptoms": [symptom("1950", "silence", check="silent")]},
    ])  # fmt: skip
    found = noticed(year, "1950", {"drift"}, BEGUN, "12.34")
    assert [one["what"] for one in found] == ["product 12.34 is new", "far"]
    assert [one["what"] for one in noticed(year, "1950", {"drift"}, BEGUN)] == ["far"]
    tell_symptoms(year, found * 2)
    said = year.page.console.file.getvalue()
    assert "● 7: drift, product 12.34 is new (strength 9.0, since 2025-03-18)" in said
    assert said.endswith("           and 1 more\n")


def test_rates_are_told_where_they_are_high(year):
    calm = {"site": "7", "chart": [0.1], "rate": 20.0, "usualRate": 19.0}
    year.place = Told(**{"alerts-rate": {"sites": [calm, calm | {"chart": []}]}})
    tell_rates(year)
    assert year.page.console.file.getvalue() == ""
    year.place = Told(**{"alerts-rate": {"sites": [calm | {"site": "", "chart": [9.0]}]}})
    tell_rates(year)
    assert "the whole chain: 20 alerts per 10,000 scans, usual 19" in (
        year.page.console.file.getvalue()
    )


def test_an_alert_in_a_line(year):
    assert tell_place(year, {"places": [], "what": "more [x]"}) == r"the whole chain: more \[x]"
