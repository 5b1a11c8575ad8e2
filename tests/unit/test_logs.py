"""One pipe for everything that is logged."""

import io
import json
import logging

import pytest
from structlog.contextvars import bound_contextvars

from scantrail.logs import configure

LOG = logging.getLogger("scantrail.somewhere")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_line_has_its_words_and_what_belongs_to_it(logged):
    lines = logged("info")
    with bound_contextvars(request_id="mine"):
        LOG.warning("job %d ended", 3, extra={"happened": "job_done", "job": 3})
    [line] = lines()
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "message": "job 3 ended",
        "logger": "scantrail.somewhere",
        "request_id": "mine",
        "happened": "job_done",
        "job": 3,
    }


def test_what_is_less_important_is_left_out_of_others_even_more(logged):
    lines = logged("info")
    LOG.debug("a trifle")
    LOG.info("told")
    logging.getLogger("uvicorn.error").info("a trifle of another package")
    logging.getLogger("uvicorn.error").warning("told", extra={"color_message": "in colours"})
    assert [(line["logger"], line["message"]) for line in lines()] == [
        ("scantrail.somewhere", "told"),
        ("uvicorn.error", "told"),
    ]
    assert "color_message" not in lines()[1]


def test_an_error_is_one_line_with_its_traceback(logged):
    lines = logged("error")
    try:
        int("001.8804823.1293291.010004.20250701.000000001")
    except ValueError:
        LOG.exception("it failed")
    [line] = lines()
    assert line["message"] == "it failed"
    assert line["exception"].startswith("Traceback (most recent call last):")
    assert line["exception"].endswith("with base 10: '001.8804823.…'")


@pytest.mark.parametrize(
    ("form", "stream", "is_json"),
    [
        ("auto", io.StringIO, True),
        ("auto", Terminal, False),
        ("text", io.StringIO, False),
        ("json", Terminal, True),
    ],
)
def test_text_is_for_terminals_unless_otherwise_said(logged, form, stream, is_json):
    made = stream()
    configure(form, "info", made)
    LOG.info("told", extra={"job": 3})
    told = made.getvalue()
    if is_json:
        assert json.loads(told)["job"] == 3
    else:
        assert "told" in told
        assert "job" in told
        assert not told.startswith("{")


def test_what_is_no_json_is_told_as_text(logged):
    lines = logged("info")
    LOG.info("told", extra={"what": object})
    assert lines()[0]["what"] == "<class 'object'>"
