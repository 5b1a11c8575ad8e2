"""The OpenAPI document: true of every answer, with examples, and shown without the internet."""

import json
import re

import pytest
import schemathesis
from hypothesis import settings
from jsonschema_rs import validator_for
from schemathesis.specs.openapi.checks import positive_data_acceptance

from scantrail.serve.gate import now
from scantrail.settings import Settings
from scantrail.testing import app_in_memory
from scantrail.vocabulary.access import Scope
from scantrail.wiring import DEMO, engine

APP = app_in_memory(engine(Settings()))
DOCUMENT = APP.openapi()
#: What fits the description here may still mean nothing.
BY_MEANING = "/api/(manager/upload|feedback|monitoring/backtests)$"
schema = schemathesis.openapi.from_dict(DOCUMENT)
schema.app = APP
# the other names of detection run the same function
schema = schema.exclude(path_regex="/(svm|lstm|export-and-analyze-async)$")
schema = schema.exclude(path_regex=BY_MEANING)
# it asks without keys, and with wrong ones, more often than strangers may
KEYED = app_in_memory(engine(Settings(failure_limit="none")), insecure_local=False)
keyed = schemathesis.openapi.from_dict(KEYED.openapi())
keyed.app = KEYED
keyed = keyed.exclude(path_regex="/(svm|lstm|export-and-analyze-async)$")
keyed = keyed.exclude(path_regex=BY_MEANING)
meant = schemathesis.openapi.from_dict(DOCUMENT).include(path_regex=BY_MEANING)
meant.app = APP


@pytest.fixture(scope="module")
def send(call):
    return call(APP)


@pytest.fixture(scope="module")
def history(send):
    """Some detections, so that reports, trips and stock are not empty."""
    send("POST", "/api/v1/barcode-anomaly-detect", content=(DEMO / "sample.json").read_bytes())


@schema.parametrize()
@settings(max_examples=5, deadline=None, derandomize=True, database=None)
def test_whatever_is_asked_the_answer_is_as_described(case, history):
    case.call_and_validate(base_url="http://localhost")


@pytest.fixture(scope="module")
def key():
    """What opens everything."""
    made = KEYED.state.gate._stores.keys.create("tester", list(Scope), now())
    return {"Authorization": f"Bearer {made.text}"}


@keyed.parametrize()
@settings(max_examples=5, deadline=None, derandomize=True, database=None)
def test_with_keys_the_answer_is_as_described_too(case, key):
    """A caller with a key is answered as described, and one without is refused."""
    case.call_and_validate(base_url="http://localhost", headers=key)


@meant.parametrize()
@settings(max_examples=5, deadline=None, derandomize=True, database=None)
def test_whatever_is_sent_where_meaning_counts_the_answer_is_as_described(case, history):
    """Any file fits the description, but not any file is a log."""
    case.call_and_validate(base_url="http://localhost", excluded_checks=[positive_data_acceptance])


def test_every_answer_has_an_example_that_fits_its_schema():
    schemas = DOCUMENT["components"]["schemas"]
    told = {name: one["example"] for name, one in schemas.items() if "example" in one}
    assert set(told) >= {
        "EventRecord", "DetectionAnswer", "ReportLine", "ReportEvent", "Node", "Figures", "Trip",
        "Stock", "Upload", "Health", "About",
    }  # fmt: skip
    for name, example in told.items():
        whole = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
        errors = [error.message for error in validator_for(whole).iter_errors(example)]
        assert errors == [], name


def test_every_operation_has_a_summary_of_its_own():
    told = [one["summary"] for methods in DOCUMENT["paths"].values() for one in methods.values()]
    assert [text for text in told if text.istitle() and " " in text] == []  # made of a name
    assert all(told)


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_pages_need_nothing_from_elsewhere(send, page):
    text = send("GET", page).text
    assert re.findall(r"https?://[^\"' ]+", text) == []
    files = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert len(files) >= 2
    for file in files:
        assert send("GET", file).status_code == 200, file


def test_the_version_is_the_packages(send):
    from importlib.metadata import version

    assert json.loads(send("GET", "/").text)["version"] == version("scantrail")
