"""Keys and the audit log promise the same on every database."""

import threading

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scantrail.errors import KeyRefused, StoreError, UnknownKey
from scantrail.stores.audit import Act, Audit, Outcome
from scantrail.stores.database import Database
from scantrail.stores.keys import Keys, hash_of, is_key
from scantrail.stores.tables import API_KEYS
from scantrail.vocabulary.access import Scope

NOW = 1_755_000_000_000_000
HOUR = 3_600_000_000


@pytest.fixture
def database(database_url):
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def keys(database):
    return Keys(database)


@pytest.fixture
def audit(database):
    return Audit(database)


def test_a_key_opens_what_it_was_made_for(keys):
    made = keys.create("gateway", [Scope.READ, Scope.DETECT, Scope.READ], NOW)
    found = keys.find(made.text, NOW)
    assert found == made.key
    assert found.scopes == {Scope.DETECT, Scope.READ}
    assert (found.name, found.created_at, found.expires_at) == ("gateway", NOW, None)
    assert made.text.startswith(f"sk_{found.id}_")
    assert len(made.text) == 3 + 12 + 1 + 43  # 32 random bytes


def test_what_opens_is_kept_nowhere(keys, database):
    text = keys.create("gateway", [Scope.DETECT], NOW).text
    with database.reading() as connection:
        [row] = connection.execute(sa.select(API_KEYS)).all()
    secret = text.split("_", 2)[2][:20]
    assert secret not in repr(row)
    assert row.hashed == hash_of(text)


@pytest.mark.parametrize("change", ["", "x", "secret", "id"])
def test_another_key_opens_nothing(keys, change):
    made = keys.create("gateway", [Scope.DETECT], NOW)
    other = keys.create("other", [Scope.DETECT], NOW)
    wrong = {
        "": made.text[:-1],
        "x": made.text + "x",
        "secret": f"sk_{made.key.id}_{other.text[16:]}",
        "id": f"sk_{other.key.id}_{made.text[16:]}",
    }[change]
    with pytest.raises(KeyRefused, match="^the key is not known here$"):
        keys.find(wrong, NOW)


@given(st.text(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # one database for all
def test_no_text_breaks_the_search(database, text):
    with pytest.raises(KeyRefused, match="^the key is not known here$"):
        Keys(database).find("sk_" + text, NOW)
    with pytest.raises(UnknownKey, match="^there is no key "):
        Keys(database).revoke(text, NOW)


def test_a_key_ends_when_it_was_to_end(keys):
    made = keys.create("gateway", [Scope.DETECT], NOW, NOW + HOUR)
    assert keys.find(made.text, NOW + HOUR - 1).state(NOW + HOUR - 1) == "active"
    with pytest.raises(KeyRefused) as caught:
        keys.find(made.text, NOW + HOUR)
    assert str(caught.value) == f"the key {made.key.id} (gateway) has expired"
    assert keys.all()[0].state(NOW + HOUR) == "expired"


def test_a_revoked_key_opens_nothing_for_ever(keys):
    made = keys.create("gateway", [Scope.DETECT], NOW)
    ended = keys.revoke(made.key.id, NOW + 5)
    assert (ended.revoked_at, ended.state(NOW + 5)) == (NOW + 5, "revoked")
    assert keys.revoke(made.key.id, NOW + 9).revoked_at == NOW + 5  # again: nothing changes
    with pytest.raises(KeyRefused) as caught:
        keys.find(made.text, NOW + 6)
    assert str(caught.value) == f"the key {made.key.id} (gateway) was revoked"


def test_rotation_leaves_time_to_change(keys):
    old = keys.create("gateway", [Scope.DETECT, Scope.READ], NOW, NOW + 10 * HOUR)
    new = keys.rotate(old.key.id, NOW + HOUR, 2 * HOUR)
    assert new.key.replaces == old.key.id
    assert (new.key.name, new.key.scopes) == ("gateway", old.key.scopes)
    assert new.key.expires_at == NOW + 11 * HOUR  # as long a life
    assert keys.find(old.text, NOW + 3 * HOUR - 1).id == old.key.id
    with pytest.raises(KeyRefused, match="has expired"):
        keys.find(old.text, NOW + 3 * HOUR)
    assert keys.find(new.text, NOW + 3 * HOUR).id == new.key.id


def test_rotation_never_lengthens_a_life(keys):
    old = keys.create("gateway", [Scope.DETECT], NOW, NOW + HOUR)
    keys.rotate(old.key.id, NOW, 9 * HOUR)
    with pytest.raises(KeyRefused, match="has expired"):
        keys.find(old.text, NOW + HOUR)


def test_what_has_ended_is_not_rotated(keys):
    made = keys.create("gateway", [Scope.DETECT], NOW)
    keys.revoke(made.key.id, NOW)
    with pytest.raises(UnknownKey) as caught:
        keys.rotate(made.key.id, NOW, HOUR)
    assert str(caught.value) == (
        f"the key {made.key.id} was revoked; make a new one with 'scantrail keys create'"
    )
    assert len(keys.all()) == 1


def test_the_last_use_only_moves_on(keys):
    one = keys.create("one", [Scope.DETECT], NOW)
    two = keys.create("two", [Scope.DETECT], NOW)
    keys.used({one.key.id: NOW + 9, two.key.id: NOW + 1})
    keys.used({one.key.id: NOW + 5})
    assert {key.name: key.last_used_at for key in keys.all()} == {"one": NOW + 9, "two": NOW + 1}


def test_the_first_key_is_made_once_whoever_asks(database_url, keys):
    others = [Keys(Database(database_url)) for _ in range(6)]
    barrier, made = threading.Barrier(len(others)), []

    def ask(one):
        barrier.wait()
        made.append(one.create_first("administrator", NOW))

    threads = [threading.Thread(target=ask, args=(one,)) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [first] = [one for one in made if one]
    assert keys.find(first.text, NOW).scopes == set(Scope)
    keys.revoke(first.key.id, NOW)
    assert keys.create_first("administrator", NOW) is None  # there was one
    for one in others:
        one._database.close()


def test_an_act_is_begun_and_ended_once(audit):
    act = Act("key 1", "POST /api/admin/keys", request_id="r1")
    line = audit.add(act, Outcome.BEGUN, NOW)
    assert audit.lines(1)[0].outcome is Outcome.BEGUN
    audit.end(line, Outcome.DONE, "key 2", {"scopes": ["detect"]})
    audit.end(line, Outcome.FAILED, "key 3")  # too late
    [told] = audit.lines(1)
    assert (told.outcome, told.subject, told.detail) == (
        Outcome.DONE, "key 2", {"scopes": ["detect"]},
    )  # fmt: skip
    assert (told.actor, told.action, told.at, told.request_id) == (
        "key 1", "POST /api/admin/keys", NOW, "r1",
    )  # fmt: skip


def test_lines_are_told_newest_first_page_by_page(audit):
    ids = [audit.add(Act("a", str(i)), Outcome.REFUSED, NOW + i) for i in range(5)]
    assert [line.id for line in audit.lines(2)] == ids[:-3:-1]
    assert [line.id for line in audit.lines(2, before=ids[3])] == [ids[2], ids[1]]


@given(st.text(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # one log for all
def test_whatever_was_asked_stays_on_its_line(audit, text):
    audit.add(Act(text, text, text, text), Outcome.REFUSED, NOW, {"text": text.encode().hex()}
              if text.isascii() else None)  # fmt: skip
    [told] = audit.lines(1)
    assert len(told.actor) == min(len(text), 200)
    assert told.actor == "" or told.actor.isprintable()


def test_a_database_that_is_gone_is_one_sentence(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'gone.sqlite'}")
    with database.writing() as connection:
        connection.exec_driver_sql("DROP TABLE api_keys")
    with pytest.raises(StoreError, match="no such table: api_keys"):
        Keys(database).find("sk_0123456789ab_x", NOW)


@pytest.mark.parametrize("text", ["sk_", "sk_1_2"])
def test_a_key_is_told_by_its_beginning(text):
    assert is_key(text)
    assert not is_key("x" + text)
