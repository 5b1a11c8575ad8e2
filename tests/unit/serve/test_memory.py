"""Whether the process holds too much memory."""

from scantrail.serve.memory import Memory, resident


def test_more_than_allowed_is_too_much():
    assert resident() > 10_000_000
    megabytes = resident() // 2**20

    assert Memory(megabytes // 2).short()
    assert not Memory(megabytes * 4).short()


def test_it_is_measured_now_and_then_only():
    memory = Memory(1_000_000)
    assert not memory.short()

    memory._most = 0

    assert not memory.short()
