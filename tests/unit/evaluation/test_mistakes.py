from scantrail.evaluation.mistakes import confusion, journey_of, worst


def test_kinds_labelled_stand_against_kinds_told(given, code):
    seen = given({
        code(1, 1): [(0, 90.0, "jump"), (1, 1.0, None)],
        code(1, 2): [(0, 60.0, "jump")],  # an alert at this budget, but no kind named
        code(1, 3): [(0, 10.0, "burst")],
        code(1, 4): [(0, 80.0, None)],
        code(1, 5): [(0, None, None)],
    })  # fmt: skip
    assert confusion(seen, 50.0).to_dicts() == [
        {"kind": "burst", "model": 0, "no kind": 0, "no alert": 1},
        {"kind": "jump", "model": 1, "no kind": 1, "no alert": 0},
        {"kind": "not labelled", "model": 1, "no kind": 0, "no alert": 1},
    ]


def test_the_worst_errors_are_the_lowest_misses_and_the_highest_false_alarms(given, code):
    items = {code(1, n): [(0, 1.0, None), (n, float(n), "jump")] for n in range(1, 6)}
    items |= {code(2, n): [(0, 60.0 + n, None)] for n in range(1, 4)}
    items[code(3, 1)] = [(0, 20.0, "burst")]
    told = worst(given(items), 50.0, most=3, per_kind=2)
    assert [(each.missed, each.kind or each.told, each.score) for each in told] == [
        (True, "jump", 1.0), (True, "jump", 2.0), (True, "burst", 20.0),
        (False, None, 63.0), (False, None, 62.0),
    ]  # fmt: skip
    assert told[0].scans["finalConfidence"].to_list() == [1.0, 1.0]
    assert told[0].scans["kind"].to_list() == [None, "jump"]


def test_a_long_journey_is_shown_around_what_matters(given, code):
    trail = [(hour, 1.0, "burst" if hour == 70 else None) for hour in range(100)]
    scans, more = journey_of(given({code(1, 1): trail}), code(1, 1))
    assert (len(scans), more) == (30, 70)
    assert scans["kind"].to_list().index("burst") == 15
