import re
from collections import Counter
from html.parser import HTMLParser

import pytest

from scantrail.evaluation import judged
from scantrail.evaluation.assessment import assess
from scantrail.evaluation.blocks import Resampling
from scantrail.evaluation.comparison import compare
from scantrail.evaluation.html import assessment_page, comparison_page, write_page

FEW = Resampling(20)
EVIL = "<script>alert('$x')</script>"


class Page(HTMLParser):
    """Collects tags, ids and text of a page, and checks that what opens also closes."""

    VOID = ("meta", "br", "link", "img", "path", "use", "rect", "line", "polyline")

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.open, self.words = Counter(), Counter(), [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.ids.update(value for name, value in attrs if name == "id")
        for name, value in attrs:
            assert name not in ("src", "onclick", "onload")
            assert name != "href" or value.startswith("#")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def items(crowd):
    def score(lot, n):
        if n < 4:  # labelled
            return 90.0 - lot if n < 2 else 3.0
        return 70.0 if (lot, n) == (0, 29) else float(n % 20)

    made = crowd(12, 30, lambda _lot, n: n < 4, score)
    first = next(iter(made))
    made[first + EVIL] = [(5, 99.0, None), (6, 1.0, EVIL)]
    return made


@pytest.fixture(scope="module")
def page(given, items):
    seen = given(items)
    return assessment_page(assess(seen, 30.0, FEW), seen, f"How good is {EVIL}?")


def test_a_page_stands_alone(page):
    seen = Page(page)
    assert not seen.tags.keys() & {"script", "link", "img", "iframe", "object"}
    without_namespaces = re.sub(r'xmlns(:xlink)?="[^"]*"', "", page)
    assert "http" not in without_namespaces
    assert "@import" not in page
    assert seen.tags["svg"] == 4
    assert max(seen.ids.values()) == 1


def test_a_page_tells_what_was_measured(page):
    text = Page(page).text
    for words in ("Found", "Precision", "By kind", "Time to detect", "Do scores keep their promise",
                  "What was told for what", "The worst errors", "missed", "false alarm",
                  "Birch Hub", "2025-07-01 09:00:00"):  # fmt: skip
        assert words in text
    assert "With fewer than 20 of either" in text


def test_colours_follow_the_reader(page):
    assert "prefers-color-scheme: dark" in page
    assert "var(--a)" in page
    drawn = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert not any(re.search(r"#[0-9a-f]{6}\b", svg.replace("url(#", "")) for svg in drawn)


def test_foreign_text_stays_text(page):
    assert "<script>" not in page
    assert EVIL in Page(page).text


def test_the_same_gives_the_same_bytes(given, items, page):
    seen = given(items)
    assert assessment_page(assess(seen, 30.0, FEW), seen, f"How good is {EVIL}?") == page


def test_without_a_log_the_page_goes_without_times(log, items):
    verdicts, labels, _ = log(items)
    seen = judged(verdicts, labels)
    text = Page(assessment_page(assess(seen, 30.0, FEW), seen, "How good?")).text
    assert "Time to detect" not in text
    assert "Give the log to see when and where." in text


def test_two_versions_stand_side_by_side(given, log, items):
    a = given(items)
    better = {
        code: [(hour, 95.0 if kind else score, kind) for hour, score, kind in trail]
        for code, trail in items.items()
    }
    b = given(better)
    told = compare(a, b, resampling=FEW)
    page = Page(comparison_page(told, a, b, ("old.parquet", EVIL), "Which is better?"))
    for words in ("B is better than A", "only B", "McNemar", "A: old.parquet", "Time to detect"):
        assert words in page.text
    assert page.tags["svg"] == 3
    plain = [judged(*log(each)[:2]) for each in (items, items)]
    told = compare(*plain, resampling=FEW)
    text = Page(comparison_page(told, *plain, ("a", "b"), "Which is better?")).text
    assert "Both find the same items at this budget." in text
    assert "Time to detect" not in text


def test_a_page_is_written_whole(tmp_path):
    write_page("<p>ü</p>", tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == "<p>ü</p>"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
