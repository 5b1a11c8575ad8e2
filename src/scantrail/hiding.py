"""Keys, tokens, passwords and items' serial numbers never reach a log, whoever writes it."""

from __future__ import annotations

import re
from typing import Final

_SECRET: Final = re.compile(
    r"(sk_[0-9a-f]{12}_)[A-Za-z0-9_-]{8,}"  # an API key; its id may be told
    r"|(eyJ[A-Za-z0-9_-]{4,}\.)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"  # a token
    r"|(\b[a-z][a-z0-9+.]*://[^\s/@:]*:)[^\s/@]+(?=@)"  # the password of a URL
    # items, as tag URIs, in the earlier service's form, as digital links and element strings
    r"|(\burn:epc:[a-z]+:[a-z0-9-]+:)[^\s'\"<>]+"
    r"|(\b[0-9]{3}\.[0-9]{7}\.)[0-9]{7}\.[0-9]{6}\.[0-9]{8}\.[0-9]{9}\b"
    r"|(/01/[0-9]{14}/21/)[^\s'\"<>?]+"
    r"|(\(01\)[0-9]{14}\(21\))[^\s'\"<>]+"
)


def hide(text: str) -> str:
    """A text without what opens anything, and without what names an item.

    >>> hide("refused: sk_4f6d1c0a9b2e_fzlsO2ABtKZkFKVPJOUu17")
    'refused: sk_4f6d1c0a9b2e_…'
    >>> hide("redis://user:secret@cache:6379/0 is down")
    'redis://user:…@cache:6379/0 is down'
    >>> hide("can't read '001.8804823.1293291.010004.20250701.000000001'")
    "can't read '001.8804823.…'"
    >>> hide("urn:epc:id:sgtin:8804823.012932.77 twice")
    'urn:epc:id:sgtin:… twice'
    """
    return _SECRET.sub(lambda found: f"{found[found.lastindex or 0]}…", text)
