"""The page: chapters, lines beside labels, figures, commands, and what went otherwise."""

import datetime as dt
import io

import pytest
from rich.console import Console

from scantrail.lifecycle.telling import Page


@pytest.fixture
def page():
    return Page(Console(file=io.StringIO(), width=60, highlight=False))


def told(page):
    return page.console.file.getvalue()


def test_chapters_are_numbered_and_dated(page):
    page.chapter(dt.datetime.fromisoformat("2025-03-07"), "A quiet [winter]")
    page.chapter(dt.datetime.fromisoformat("2025-04-01"), "Spring")
    assert told(page) == "\n 1  A quiet [winter]  7 March 2025\n\n 2  Spring  1 April 2025\n"


def test_long_lines_are_broken_beside_their_label_without_blanks_at_the_end(page):
    page.row("Noticed", "[bold]one[/] " + "word " * 14, "two")
    assert told(page).splitlines() == [
        "Noticed    one word word word word word word word word word",
        "           word word word word word",
        "           two",
    ]


def test_figures_stand_in_columns(page):
    page.table("Arms", ("", "scans"), [("champion", "7"), ("candidate", "1,234")])
    assert told(page).splitlines() == [
        "Arms                  scans",
        "           champion       7",
        "           candidate  1,234",
    ]


def test_commands_stand_beside_their_endpoints_where_they_fit(page):
    page.ways(("alerts list", "GET /api/alerts"), ("alerts list " + "x" * 20, "GET /api/alerts"))
    assert told(page).splitlines() == [
        "           $ scantrail alerts list   GET /api/alerts",
        f"           $ scantrail alerts list {'x' * 20}",
        "             GET /api/alerts",
    ]


def test_what_comes_out_otherwise_is_told_and_kept(page):
    assert page.expect(holds=True, fault="never said")
    assert not page.expect(holds=False, fault="nobody noticed it")
    assert page.faults == ["nobody noticed it"]
    assert told(page) == "but        nobody noticed it\n"
