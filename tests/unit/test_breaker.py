from scantrail.breaker import Breaker


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def opened(clock, failures=2):
    breaker = Breaker(failures, 10, clock)
    for _ in range(failures):
        breaker.failed()
    return breaker


def test_failures_in_a_row_open_it():
    breaker = Breaker(3, 10)
    for _ in range(5):
        breaker.failed()
        breaker.failed()
        breaker.succeeded()
    assert breaker.allows()
    for _ in range(3):
        assert breaker.state == "closed"
        breaker.failed()
    assert not breaker.allows()
    assert breaker.state == "open"


def test_after_a_while_one_may_try_and_closes_it():
    clock = Clock()
    breaker = opened(clock)
    clock.now += 9.9
    assert not breaker.allows()
    clock.now += 0.2
    assert breaker.state == "half-open"
    assert [breaker.allows() for _ in range(3)] == [True, False, False]
    assert breaker.state == "half-open"
    breaker.succeeded()
    assert breaker.state == "closed"
    assert breaker.allows()


def test_a_trial_that_fails_opens_it_for_as_long_again():
    clock = Clock()
    breaker = opened(clock)
    clock.now += 11
    assert breaker.allows()
    breaker.failed()
    assert breaker.state == "open"
    clock.now += 9.9
    assert not breaker.allows()
    clock.now += 0.2
    assert breaker.allows()


def test_a_trial_of_which_nothing_is_heard_blocks_nobody_for_ever():
    clock = Clock()
    breaker = opened(clock)
    clock.now += 11
    assert breaker.allows()
    assert not breaker.allows()
    clock.now += 11
    assert breaker.allows()


def test_what_has_a_name_is_logged_when_that_changes_and_only_then(logged):
    lines = logged("info")
    clock = Clock()
    breaker = Breaker(2, 10, clock, name="svm")
    breaker.succeeded()
    for _ in range(3):
        breaker.failed()
    clock.now += 11
    assert breaker.allows()
    breaker.failed()
    breaker.succeeded()
    breaker.succeeded()
    told = [(line["level"], line["happened"], line["breaker"], line["message"]) for line in lines()]
    assert told == [
        ("warning", "breaker_open", "svm", "svm keeps failing and is left alone"),
        ("info", "breaker_closed", "svm", "svm works again"),
    ]


def test_failures_beyond_the_last_keep_it_closed_to_all():
    clock = Clock()
    breaker = opened(clock)
    clock.now += 9
    breaker.failed()  # a call that began before
    clock.now += 9
    assert not breaker.allows()
