"""How two versions compare, as a page tells it."""

import io

import pytest
from rich.console import Console

from scantrail.lifecycle.telling import Page
from scantrail.lifecycle.weighing import tell_agreement, tell_arms, tell_gate
from scantrail.lifecycle.world import World
from scantrail.lifecycle.year import Year
from scantrail.simulate.stream import STREAM


class Told:
    """A place whose service tells one thing."""

    def __init__(self, answer):
        self.answer = answer

    def get(self, _path):
        return self.answer


@pytest.fixture
def year():
    page = Page(Console(file=io.StringIO(), width=90, highlight=False))
    world = World(STREAM.to_frame(), {}, frozenset())
    return Year(world, Told(None), page, lambda *_: None, 0, 1)


def lines(year):
    return year.page.console.file.getvalue().splitlines()


def test_every_check_of_the_gate_is_told(year):
    checks = [{"passed": True, "reason": "fit: well"}, {"passed": False, "reason": "size: large"}]
    year.place = Told({"champion": "a", "passed": False, "checks": checks})
    assert not tell_gate(year, "b")["passed"]
    assert lines(year) == [
        "Gate       b against a: refused", "           ✓ fit: well", "           ✗ size: large",
    ]  # fmt: skip


def test_what_the_shadow_thought(year):
    said = {name: {"confirmed": 3, "dismissed": 4} for name in ("both", "champion", "challenger")}
    agreement = {"both": 10, "champion": 2, "challenger": 1, "neither": 1_000, "agreed": 0.99704}
    tell_agreement(year, {"scored": 1.0, "agreement": agreement, "said": said})
    assert lines(year) == [
        "Shadow     it judged 100.0% of the scans; both say the same of 99.70% of the items",
        "           items suspect to     items  confirmed  dismissed",
        "           both                    10          3          4",
        "           the champion alone       2          3          4",
        "           the candidate alone      1          3          4",
        "           neither              1,000",
    ]


def test_what_became_of_the_arms(year):
    arm = {"scans": 9_497, "items": 2_075, "alerts": 108, "per10k": 113.7, "confirmed": 3,
           "dismissed": 5}  # fmt: skip
    split = {"meant": 0.5, "effective": 0.49, "items": 4_000, "p": 0.2913}
    told = {
        "split": split, "outcome": "cannot tell yet",
        "arms": {"champion": arm, "challenger": arm | {"per10k": None}},
        "alerts": {"difference": -0.021, "low": -0.03, "high": 0.01},
    }  # fmt: skip
    tell_arms(year, told)
    assert lines(year) == [
        "Split      50% meant, 49.0% of 4,000 items (p = 0.29)",
        "Arms                  scans  items  alerts  per 10,000  confirmed  dismissed",
        "           champion   9,497  2,075     108         114          3          5",
        "           candidate  9,497  2,075     108           0          3          5",
        "           items with an alert: -2.1% (-3.0% to +1.0%); of precision: cannot tell yet",
    ]
    year.page.console.file.truncate(0)
    tell_arms(year, told | {"alerts": {"difference": None, "low": 0, "high": 0}})
    assert "items with an alert" not in year.page.console.file.getvalue()
