"""People look at some alerts, each item once, and say what they find."""

import pytest

from scantrail.ingest.gs1 import item_of
from scantrail.lifecycle.people import LOOKS, look
from scantrail.lifecycle.place import PlaceError
from scantrail.lifecycle.world import World
from scantrail.simulate.stream import STREAM

CODE = "001.8804823.1293291.010004.20250701.{:09}"


class Desk:
    """Takes down what is said; refuses what it is told to."""

    def __init__(self, refused=()):
        self.said, self.refused = [], refused

    def post(self, _path, **body):
        if body["epcCode"] in self.refused:
            raise PlaceError("nothing of it is suspect; there is nothing to dismiss")
        self.said.append((body["verdict"], body["epcCode"]))


@pytest.fixture
def world():
    return World(STREAM.to_frame(), {}, frozenset({item_of(CODE.format(1))}))


def suspects(*numbers, **more):
    return [{"epcCode": CODE.format(number), **more} for number in numbers]


def test_what_was_planted_is_confirmed_and_the_rest_dismissed(world):
    desk = Desk()
    assert look(desk, world, [*suspects(2, 1, 1), {"eventId": 7}]) == (1, 1)
    assert desk.said == [("dismiss", CODE.format(2)), ("confirm", CODE.format(1))]


def test_they_have_a_week_and_leave_what_is_dismissed(world):
    desk = Desk(refused={CODE.format(5)})
    found = suspects(*range(2, 200)) + suspects(1, dismissed=True)
    assert look(desk, world, found) == (0, LOOKS - 1)
    assert look(desk, world, suspects(1, dismissed=True)) == (0, 0)
