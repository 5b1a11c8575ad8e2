"""Explanations in Korean: from the setting to what people read; nothing else changes."""

import json
import re
import sys

import polars as pl
import pytest

from scantrail import cli, wiring
from scantrail.detectors.catalog import RULES
from scantrail.settings import read_settings
from scantrail.testing import app_in_memory

DETECT = "/api/v1/barcode-anomaly-detect"
LEGACY = "/api/manager/export-and-analyze-async-legacy"
EPC = "001.8804823.1293291.10004.20250701.000004002"
WORDS = ("reason", "expected", "runbook")
#: What stays as it is, whatever the language: names of steps, units, a date's form, a standard.
STAYS = re.compile(r"Aggregation|(WMS|HUB|[WR]_Stock)_(In|Out)bound|POS_Sell|km(/h)?|YYYYMMDD|GS1")
CODE = re.compile(r"'[^']*'|[0-9]{3}(\.[0-9]+){5}")
NUMBER = re.compile(r"[0-9]+(?:[.,:-][0-9]+)*%?")


def engine(language, **given):
    return wiring.engine(read_settings({"SCANTRAIL_LANGUAGE": language}, **given))


@pytest.fixture(scope="module")
def reports(simulated):
    """What is said of the small simulated log in English and in Korean, and its sites' names."""
    both = {language: engine(language) for language in ("en", "ko")}
    english = both["en"]
    events = wiring.read_events(simulated / "scans.tsv", english.settings, english.network.sites)
    names = english.network.sites.table["scan_location"].to_list()
    return {language: one.judge(events) for language, one in both.items()}, names, both, events


def test_the_language_changes_words_alone(reports):
    said, *_ = reports
    english, korean = said["en"], said["ko"]
    words = ("explanation", "expected")
    assert korean.verdicts.drop(words).equals(english.verdicts.drop(words))
    assert korean.claims.drop(WORDS).equals(english.claims.drop(WORDS))
    assert korean.versions == english.versions
    assert set(korean.claims["kind"]) == {*(rule.kind for rule in RULES), "model"}


def test_no_english_is_left_and_every_number_is_said(reports):
    said, names, *_ = reports
    listed = re.compile("|".join(map(re.escape, sorted([*names, "Unlisted Depot"], key=len)[::-1])))
    for word in WORDS:
        both = zip(said["en"].claims[word], said["ko"].claims[word], strict=True)
        for english, korean in set(both):
            left = STAYS.sub("", listed.sub("", CODE.sub("", korean)))
            assert not re.search(r"[A-Za-z]", left), korean
            assert sorted(NUMBER.findall(korean)) == sorted(NUMBER.findall(english))


def test_the_earlier_services_profile_speaks_english_only(reports):
    *_, both, events = reports
    english, korean = (both[language].judge(events, "source") for language in ("en", "ko"))
    assert korean.verdicts["anomaly"].any()
    assert korean.verdicts.equals(english.verdicts)
    assert korean.claims.equals(english.claims)


RECORD = {
    "epc_code": EPC,
    "location_id": 1013,
    "business_step": "W_Stock_Inbound",
    "event_type": "W_Stock_Inbound",
    "event_time": "2025-08-14 21:03:38",
    "file_id": 3,
}
INVERTED = [
    RECORD | {"event_id": 7, "event_type": "W_Stock_Outbound", "event_time": "2025-08-14 20:00:00"},
    RECORD | {"event_id": 8},
]


def test_a_request_is_answered_in_korean(call):
    send = call(app_in_memory(engine("ko", artifacts="none")))
    answer = send("POST", DETECT, content=json.dumps({"data": INVERTED})).json()
    first, second = answer["EventHistory"]
    wanted = (
        "001.업체.상품.로트.YYYYMMDD.일련번호 (각각 숫자 3, 7, 7, 6, 8, 9자리), 업체는 다음 중 하나: "
        "8804823, 8805843, 8809437, 스캔 전 1825일 이내에 제조; 또는 유효한 GS1 코드"
    )
    assert (first["primaryAnomaly"], first["cause"]) == ("epcFake", "item")
    assert (
        first["explanation"] == f"epcFake 의심: 코드 '{EPC}': 로트 '10004': 숫자 6자리가 아닙니다"
    )
    assert first["expected"] == wanted
    assert (second["primaryAnomaly"], second["cause"]) == ("evtOrderErr", "data")
    assert second["explanation"] == (
        "evtOrderErr 의심: Hangang_Wholesaler1에서 출고(2025-08-14 20:00:00)된 뒤에 "
        "입고(2025-08-14 21:03:38)되었으며, 그 전의 입고 스캔이 없습니다; "
        f"epcFake 의심: 코드 '{EPC}': 로트 '10004': 숫자 6자리가 아닙니다"
    )
    assert second["expected"] == "W_Stock_Outbound 이전에 W_Stock_Inbound"


def test_the_legacy_endpoint_answers_alike_in_any_language(call):
    record = {"epc_code": "X", "event_time": "2025-08-14 21:03:38", "scan_location": "서울공장",
              "event_type": "Inbound"}  # fmt: skip
    request = json.dumps({"data": [record, record | {"scan_location": "부산매장"}]})
    english, korean = (
        call(app_in_memory(engine(language, artifacts="none")))("POST", LEGACY, content=request)
        for language in ("en", "ko")
    )
    assert korean.json()["totalAnomalyCount"] == 1
    assert korean.content == english.content


def test_a_log_is_explained_in_korean_on_demand(simulated, tmp_path, monkeypatch, capsys):
    out = tmp_path / "verdicts.csv"
    words = ["detect", simulated / "scans.tsv", "--sites", simulated / "sites.csv", "--out", out]
    monkeypatch.setattr(sys, "argv", ["scantrail", *map(str, words), "--language", "ko"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    told = pl.read_csv(out, infer_schema_length=None)["explanation"].drop_nulls()
    assert len(told) > 10
    assert told.str.contains(r"^[a-zA-Z]+ 의심: .*[가-힣]").all()
    assert " 의심: " in capsys.readouterr().out


def test_an_unknown_language_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["scantrail", "detect", "x.tsv", "--language", "fr"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "'fr' is not one of 'en', 'ko'" in capsys.readouterr().err
