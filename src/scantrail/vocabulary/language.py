"""In which language people are told why: English templates, and what each becomes in another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scantrail.vocabulary.korean import KOREAN

#: Fills a template, given in English, with values: `say("left {here}", here="Alder Plant")`.
Say = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Language:
    """A language by its templates: English ones (`str.format`) to its own, with the same values.

    What a language lacks is said in English; English lacks all.
    """

    templates: Mapping[str, str]

    def of(self, text: str) -> str:
        """A text without values, or a template that is yet to be filled."""
        return self.templates.get(text, text)

    def say(self, template: str, /, **values: Any) -> str:
        """A template filled with values.

        >>> LANGUAGES["ko"].say("suspect {kind}: {reason}", kind="jump", reason="…")
        'jump 의심: …'
        >>> LANGUAGES["ko"].say("{item} of an extension", item="A word")
        'A word of an extension'
        """
        return self.templates.get(template, template).format_map(values)


ENGLISH: Final = Language({})
#: Every language by its name in the settings.
LANGUAGES: Final = {"en": ENGLISH, "ko": Language(KOREAN)}
