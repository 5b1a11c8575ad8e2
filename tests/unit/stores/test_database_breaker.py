"""A database that fails is left alone for a while; one that only refuses something is not."""

import pytest
import sqlalchemy as sa

from scantrail.errors import StoreError
from scantrail.stores.database import Database


@pytest.fixture
def database(tmp_path):
    opened = Database(f"sqlite:///{tmp_path / 'scans.sqlite'}")
    yield opened
    opened.close()


def write(database, statement="INSERT INTO judgements (digest, made_by) VALUES (x'01', '{}')"):
    with database.writing() as connection:
        connection.exec_driver_sql(statement)


def test_after_some_failures_calls_fail_at_once_and_reading_goes_on(database):
    write(database)
    with database.writing() as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")  # as of a disk that became read-only
    for _ in range(3):
        with pytest.raises(StoreError, match="readonly database"):
            write(database, "DELETE FROM judgements")
    assert database.states() == {"reading": "closed", "writing": "open"}
    with pytest.raises(
        StoreError,
        match=r"scans.sqlite failed several times in a row; it is tried again within 5 s",
    ):
        write(database)
    with database.reading() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM judgements")).scalar() == 1


def test_it_is_tried_again_and_heals(database):
    for _ in range(3):
        database._writes.failed()
    database._writes._retry_at = 0.0
    write(database)
    assert database.states()["writing"] == "closed"


def test_what_the_database_refuses_or_the_caller_breaks_opens_nothing(database):
    write(database)
    for _ in range(5):
        with pytest.raises(StoreError, match="UNIQUE"):
            write(database)
        with pytest.raises(ZeroDivisionError), database.writing():
            raise ZeroDivisionError
    assert database.states() == {"reading": "closed", "writing": "closed"}


def test_a_server_that_is_not_there_is_not_waited_for_again():
    database = Database("sqlite://")
    database.engine = sa.create_engine(
        "postgresql+psycopg://nobody@127.0.0.1:9/none", connect_args={"connect_timeout": 2}
    )
    database.sqlite = False
    for _ in range(3):
        with pytest.raises(StoreError, match="connection failed"), database.writing():
            pass
    with pytest.raises(StoreError, match="several times in a row"), database.writing():
        pass
