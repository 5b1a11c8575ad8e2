"""Every template that code says has a Korean one with the same values, and no other has."""

import ast
import string
from pathlib import Path

import pytest

import scantrail
from scantrail import explain
from scantrail.detectors.catalog import RULES
from scantrail.detectors.lstm import words as lstm
from scantrail.detectors.rule import Rule
from scantrail.detectors.rule_set import RuleSet
from scantrail.detectors.rules import loc_err
from scantrail.detectors.svm import words as svm
from scantrail.features.tabular import TABULAR
from scantrail.ingest.epc import PARTS
from scantrail.testing import SETTINGS, journeys, network
from scantrail.vocabulary.korean import KOREAN
from scantrail.vocabulary.language import ENGLISH, LANGUAGES

SOURCE = Path(scantrail.__file__).parent
#: What is said by another name than a literal, and all that it may be.
NAMED = {
    "template": [],  # passed on
    "rule.runbook": [rule.runbook for rule in RULES],
    "_RUNBOOK[cause]": explain._RUNBOOK.values(),
    "_SILENT": [explain._SILENT],
    "_ORDINARY": [explain._ORDINARY],
    "part": PARTS,
    "name": loc_err._TIERS,
    "_TIERS[tier]": loc_err._TIERS,
    "step": ["read again"],  # all other steps are names that logs use
    "strange": lstm._STRANGE.values(),
    "_NORMAL[head]": lstm._NORMAL.values(),
    "TABULAR[names[i]]": TABULAR.values(),
    "_NORMAL[first]": svm._NORMAL.values(),
    "_VALUES[name]": svm._VALUES.values(),
}


def said():
    """What every `say(…)` and `.of(…)` is given first."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                name = getattr(node.func, "attr", getattr(node.func, "id", None))
                owner = getattr(getattr(node.func, "value", None), "id", "")
                if (
                    name in {"say", "of"} and not owner.strip("_")[:1].isupper()
                ):  # no `Ranking.of(…)`
                    yield from choices(node.args[0])


def choices(node):
    if isinstance(node, ast.IfExp):
        return [*choices(node.body), *choices(node.orelse)]
    return [node]


def templates():
    nodes = list(said())
    literal = {node.value for node in nodes if isinstance(node, ast.Constant)}
    named = {ast.unparse(node) for node in nodes if not isinstance(node, ast.Constant)}
    return literal, named


def places(template):
    """What stands in braces: names, conversions and formats."""
    return sorted(part[1:] for part in string.Formatter().parse(template) if part[1] is not None)


def test_korean_has_every_template_and_no_other():
    literal, named = templates()
    assert named == set(NAMED)
    assert set(KOREAN) == literal.union(*NAMED.values())


@pytest.mark.parametrize("template", KOREAN)
def test_a_translation_says_the_same_values_in_the_same_form(template):
    assert places(KOREAN[template]) == places(template)


def test_translations_are_korean_and_never_accuse():
    for template, korean in KOREAN.items():
        if letters(template):
            assert any("가" <= letter <= "힣" for letter in korean), template
        assert not any(word in korean for word in ("가짜", "위조", "범죄", "사기", "절도"))
        if "suspect" in template:
            assert "의심" in korean


def letters(template):
    """Whether anything but values stands in it."""
    parts = string.Formatter().parse(template)
    return any(letter.isalpha() for text, *_ in parts for letter in text)


def test_what_a_language_lacks_is_said_in_english():
    for language in LANGUAGES.values():
        assert language.say("{item} of an extension", item="a word") == "a word of an extension"
        assert language.of("a runbook with {braces}") == "a runbook with {braces}"
    assert ENGLISH.say("suspect {kind}: {reason}", kind="jump", reason="{x}") == "suspect jump: {x}"


def test_runbooks_of_other_rules_may_hold_braces():
    rule = RULES[4]
    fields = {name: getattr(rule, name) for name in Rule.__slots__}
    wiki = Rule(**fields | {"runbook": "see {wiki}"})
    found = RuleSet((wiki,), SETTINGS, network()).judge(journeys(rule.cases)).found
    assert found["runbook"].to_list() == ["see {wiki}"]
