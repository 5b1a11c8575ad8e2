"""What every cache of predictions promises, in process or in Redis; and what faults of Redis cost."""

import os
import socket
import threading
import time
import uuid

import pytest
import redis

from scantrail.errors import SettingsError
from scantrail.settings import Settings, read_settings
from scantrail.stores.cache import CacheSettings, InProcess
from scantrail.stores.redis import Redis
from scantrail.wiring import cache_of

URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0")


class CacheContract:
    @pytest.fixture
    def cache(self):
        raise NotImplementedError

    def test_nothing_is_kept_at_first(self, cache):
        assert cache.get([b"a", b"b"]) == [None, None]

    def test_what_is_put_is_got_in_the_order_asked(self, cache):
        cache.put({b"a": b"1", b"b": b"2"})
        assert cache.get([b"b", b"x", b"a", b"b"]) == [b"2", None, b"1", b"2"]

    def test_any_bytes_are_kept_as_they_are(self, cache):
        every = bytes(range(256))
        cache.put({every: every * 40, b"": b""})
        assert cache.get([every, b""]) == [every * 40, b""]

    def test_the_later_value_counts(self, cache):
        cache.put({b"a": b"1"})
        cache.put({b"a": b"22"})
        assert cache.get([b"a"]) == [b"22"]

    def test_nothing_asked_nothing_put(self, cache):
        assert cache.get([]) == []
        cache.put({})

    def test_many_threads_at_once(self, cache):
        wrong = []

        def work(number):
            for at in range(20):
                key = f"{number} {at}".encode()
                cache.put({key: key})
                if cache.get([key]) != [key]:
                    wrong.append(key)

        threads = [threading.Thread(target=work, args=[n]) for n in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert wrong == []


class TestInProcess(CacheContract):
    @pytest.fixture
    def cache(self):
        return InProcess(most_bytes=1_000_000)

    def test_it_takes_no_more_memory_than_it_may_and_the_longest_unused_go(self):
        cache = InProcess(most_bytes=10_000)
        for at in range(100):
            cache.get([b"first"])
            cache.put({b"first" if at == 0 else f"{at}".encode(): b"x" * 800})
            assert cache.size <= 10_000
        assert len(cache) == 10
        assert cache.get([b"first", b"1", b"99"]) == [b"x" * 800, None, b"x" * 800]

    def test_what_is_larger_than_all_of_it_is_not_kept(self):
        cache = InProcess(most_bytes=1_000)
        cache.put({b"a": b"1", b"large": b"x" * 2_000})
        assert cache.get([b"a", b"large"]) == [b"1", None]
        cache.put({b"a": b"x" * 2_000})
        assert cache.get([b"a"]) == [None]
        assert (len(cache), cache.size) == (0, 0)


@pytest.fixture(scope="module")
def server():
    try:
        client = redis.Redis.from_url(URL, socket_connect_timeout=1)
        client.ping()
    except redis.RedisError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"needs a Redis server (apt-get install redis-server): {error}")
    yield client
    client.close()


@pytest.fixture
def prefix(server):
    mine = f"test-{uuid.uuid4()}:"
    yield mine
    for key in server.scan_iter(match=f"{mine}*"):
        server.delete(key)


class TestRedis(CacheContract):
    @pytest.fixture
    def cache(self, prefix):
        cache = Redis(URL, CacheSettings(prefix=prefix, timeout_ms=2_000))
        yield cache
        assert cache.state == "closed"
        cache.close()

    def test_keys_have_the_prefix_and_an_end(self, cache, server, prefix):
        cache.put({b"a": b"1"})
        assert server.get(f"{prefix}a") == b"1"
        assert 0 < server.ttl(f"{prefix}a") <= 86_400

    def test_other_processes_see_it(self, cache, prefix):
        cache.put({b"a": b"1"})
        other = Redis(URL, CacheSettings(prefix=prefix, timeout_ms=2_000))
        assert other.get([b"a"]) == [b"1"]
        other.close()

    def test_a_key_of_another_kind_costs_the_value_only(self, cache, server, prefix):
        server.rpush(f"{prefix}a", "x")
        assert cache.get([b"a"]) == [None]
        cache.put({b"a": b"1"})
        assert cache.get([b"a"]) == [b"1"]


@pytest.fixture
def hanging():
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"redis://127.0.0.1:{listening.getsockname()[1]}/0"


def test_a_redis_that_hangs_costs_little_and_soon_nothing(hanging, caplog):
    cache = Redis(hanging, CacheSettings(timeout_ms=50, failures=3, retry_s=60))
    began = time.monotonic()
    for _ in range(3):
        assert cache.get([b"a"]) == [None]
    assert time.monotonic() - began < 2
    assert cache.state == "open"
    assert "Redis does not answer, so more is computed: Timeout" in caplog.text
    began = time.monotonic()
    for _ in range(100):
        assert cache.get([b"a", b"b"]) == [None, None]
        cache.put({b"a": b"1"})
    assert time.monotonic() - began < 0.05
    cache.close()


def test_a_redis_that_is_down_costs_nothing_but_speed():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    cache = Redis(f"redis://127.0.0.1:{port}/0")
    for _ in range(5):
        cache.put({b"a": b"1"})
        assert cache.get([b"a"]) == [None]
    assert cache.state == "open"


def test_a_redis_that_comes_back_is_used_again(server, prefix):
    settings = CacheSettings(prefix=prefix, timeout_ms=2_000, failures=1, retry_s=0.05)
    cache = Redis(URL, settings)
    cache._breaker.failed()
    cache.put({b"a": b"1"})
    assert server.get(f"{prefix}a") is None
    time.sleep(0.1)
    cache.put({b"a": b"1"})
    assert cache.state == "closed"
    assert cache.get([b"a"]) == [b"1"]
    cache.close()


def test_settings_say_where_predictions_are_kept():
    assert isinstance(cache_of(Settings()), InProcess)
    assert cache_of(read_settings({"SCANTRAIL_CACHE__MB": "0"})) is None
    given = {"SCANTRAIL_REDIS_URL": "redis://127.0.0.1:1/3", "SCANTRAIL_CACHE__PREFIX": "mine:"}
    cache = cache_of(read_settings(given))
    assert isinstance(cache, Redis)
    assert cache._prefix == b"mine:"


def test_a_url_of_no_redis_is_refused():
    with pytest.raises(SettingsError, match="redis_url can't be used: .*expected redis://HOST"):
        Redis("http://127.0.0.1/0")
