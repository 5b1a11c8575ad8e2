"""The database itself: its tables, its transactions, and what is said where it can't be used."""

import threading

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from scantrail.errors import StoreError
from scantrail.stores.database import Database, rows
from scantrail.stores.jobs import Jobs
from scantrail.stores.tables import API_KEYS, METADATA, VERSION

KEY = ("k1", "a key", b"\0" * 32, "read", 1, None, None, None, None)


@pytest.fixture
def database(database_url):
    opened = Database(database_url)
    yield opened
    opened.close()


def keys(database):
    with database.reading() as connection:
        return connection.execute(sa.select(API_KEYS.c.id)).scalars().all()


def test_the_migrations_make_the_tables_that_the_code_knows(database):
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_the_newest_migration_is_the_one_that_the_code_expects(database):
    with database.reading() as connection:
        context = MigrationContext.configure(connection)
        assert context.get_current_revision() == VERSION


def test_what_an_older_version_kept_is_there_after_it_was_brought_to_this_one(database_url):
    opened = Database(database_url)
    job = Jobs(opened).add("monitor", {}, "kim")
    with opened.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE jobs DROP COLUMN result")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    opened.close()
    again = Database(database_url)
    assert Jobs(again).get(job.id) == job
    assert Jobs(again).result(job.id) is None
    again.close()


def test_opening_it_again_keeps_everything(database_url):
    for expected in ([], ["k1"]):
        database = Database(database_url)
        assert keys(database) == expected
        if not expected:
            with database.writing() as connection:
                rows(connection, API_KEYS, [KEY])
        database.close()


def test_many_processes_may_open_an_empty_one_at_once(database_url):
    failed = []

    def work():
        try:
            Database(database_url).close()
        except StoreError as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_transaction_that_fails_leaves_nothing(database):
    def fail():
        with database.writing() as connection:
            rows(connection, API_KEYS, [KEY])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert keys(database) == []


def test_what_the_database_refuses_is_a_store_error(database):
    def add_twice():
        with database.writing() as connection:
            rows(connection, API_KEYS, [KEY, KEY])

    with pytest.raises(StoreError, match="the database .* can't be used: "):
        add_twice()
    assert keys(database) == []


def test_readers_go_on_while_one_writes(database):
    with database.writing() as connection:
        rows(connection, API_KEYS, [KEY])
        assert keys(database) == []  # on another connection
    assert keys(database) == ["k1"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "mysql://root@localhost/x",
            "the database mysql://root@localhost/x is of no kind that is known here; expected "
            "sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME",
        ),
        (
            "nonsense",
            "the database URL can't be used: Could not parse SQLAlchemy URL from given URL "
            "string; expected sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME "
            "(pip install 'scantrail[postgresql]')",
        ),
    ],
)
def test_a_url_that_names_no_database_says_so(url, message):
    with pytest.raises(StoreError) as caught:
        Database(url)
    assert str(caught.value) == message


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(StoreError) as caught:
        Database(f"sqlite:///{tmp_path}/no/such.sqlite")
    assert str(caught.value) == (
        f"the database sqlite:///{tmp_path}/no/such.sqlite can't be used: "
        "unable to open database file"
    )


def test_a_file_that_is_no_database_is_told(tmp_path):
    file = tmp_path / "notes.sqlite"
    file.write_text("no database " * 100)
    with pytest.raises(StoreError, match="can't be used: file is not a database$"):
        Database(f"sqlite:///{file}")


def test_nobody_listening_is_told_without_the_password():
    with pytest.raises(StoreError) as caught:
        Database("postgresql+psycopg://someone:secret@127.0.0.1:9/x")
    assert "secret" not in str(caught.value)
    assert "someone:***@127.0.0.1:9/x can't be used: " in str(caught.value)
