"""One pipe for everything that is logged: JSON for machines, or text for who sits in front of it.

Whoever logs uses the standard library's `logging`; what belongs to a line beside its words goes
into `extra`. A line that programs may wait for is named by `happened`; docs/operations/observing.md
lists these.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final, Literal, TextIO

import msgspec
import structlog
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name

from scantrail.hiding import hide

Format = Literal["auto", "json", "text"]
Level = Literal["debug", "info", "warning", "error"]
_Line = MutableMapping[str, Any]


def configure(form: Format, level: Level, stream: TextIO | None = None) -> None:
    """From now on, log everything in this process in one form.

    Args:
        form: `auto` is text where `stream` is a terminal, and JSON elsewhere.
        level: What is less important is left out; of other packages', all below a warning is.
        stream: Where to; standard error if None.
    """
    stream = stream or sys.stderr
    terminal = stream.isatty()
    text = form == "text" or (form == "auto" and terminal)
    render: Any = (
        structlog.dev.ConsoleRenderer(colors=terminal, event_key="message", timestamp_key="time")
        if text
        else structlog.processors.JSONRenderer(_encode)
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=_CHAIN,
            processors=[ProcessorFormatter.remove_processors_meta, render],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("scantrail").setLevel(level.upper())


def _tidy(_: Any, __: str, line: _Line) -> _Line:
    """Words under `message`; nothing that opens anything, or that names an item."""
    line.pop("color_message", None)  # uvicorn says some things twice
    tidy = {"time": line.pop("time"), "level": line.pop("level"), "message": line.pop("event")}
    tidy.update(line)
    for name, value in tidy.items():
        if isinstance(value, str):
            tidy[name] = hide(value)
    return tidy


def _encode(line: _Line, **_: Any) -> str:
    return msgspec.json.encode(line, enc_hook=str).decode()


_CHAIN: Final[Any] = (
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    add_log_level,
    add_logger_name,
    structlog.contextvars.merge_contextvars,
    ExtraAdder(),
    structlog.processors.format_exc_info,
    _tidy,
)
