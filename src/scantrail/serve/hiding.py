"""Keys and tokens never reach a log, whoever writes it."""

from __future__ import annotations

import logging
import re
from typing import Any, Final

_SECRET: Final = re.compile(
    r"(sk_[0-9a-f]{12}_)[A-Za-z0-9_-]{8,}"  # an API key; its id may be told
    r"|(eyJ[A-Za-z0-9_-]{4,}\.)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"  # a token
    r"|(\b[a-z][a-z0-9+.]*://[^\s/@:]*:)[^\s/@]+(?=@)"  # the password of a URL
)


def hide(text: str) -> str:
    """A text without what opens anything.

    >>> hide("refused: sk_4f6d1c0a9b2e_fzlsO2ABtKZkFKVPJOUu17")
    'refused: sk_4f6d1c0a9b2e_…'
    >>> hide("redis://user:secret@cache:6379/0 is down")
    'redis://user:…@cache:6379/0 is down'
    """
    return _SECRET.sub(lambda found: f"{found[1] or found[2] or found[3]}…", text)


def hide_secrets() -> None:
    """From now on, whatever is logged in this process is without secrets."""
    make = logging.getLogRecordFactory()
    if getattr(make, "hides", False):
        return

    def record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        made = make(*args, **kwargs)
        said = _said(made)
        if (hidden := hide(said)) != said:
            made.msg, made.args = hidden, ()
        if made.exc_info:
            made.exc_text = hide(_FORMATTER.formatException(made.exc_info))
        return made

    record.hides = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(record)


_FORMATTER: Final = logging.Formatter()


def _said(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # its words don't fit; show them as they are
        return f"{record.msg} {record.args}"
