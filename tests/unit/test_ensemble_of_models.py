"""How rules and learned detectors become one decision."""

import numpy as np
import polars as pl
import pytest

from scantrail.calibration import Calibration
from scantrail.ensemble import Combination, EnsembleSettings, combine
from scantrail.explain import explain, model_claims, ranked
from scantrail.vocabulary.findings import AnomalyKind, Cause
from scantrail.vocabulary.protocols import FOUND, Findings, Told

#: Evidence as it comes, so that scores can be read off.
PLAIN = Calibration(np.array([0.0]), np.array([0.0]), 1.0, 1000)
BOTH = Combination({"lstm": 1.0, "svm": 1.0}, PLAIN, {"locErrScore": [(30.0, 0.01)]})
NOTHING = pl.DataFrame(schema=FOUND)


def says(found=NOTHING, **scores):
    return Findings({name: np.array(values, float) for name, values in scores.items()}, found)


def claim(row, kind, score):
    return (row, kind, score, f"{kind} happened", "", Cause.ITEM.value, "look")


def decide(rule=(0.0,), lstm=(0.0,), svm=(0.0,), *, crowd=np.ones_like, column="locErrScore"):
    answers = {
        "rules": says(**{column: list(rule)}),
        "lstm": says(lstmSequenceScore=list(lstm)),
        "svm": says(svmOutlierScore=list(svm)),
    }
    return combine(answers, len(rule), BOTH, EnsembleSettings(), crowd)


def test_the_stronger_voice_leads_and_agreement_adds():
    alone, agreed = decide(lstm=[80.0]).combined[0], decide(lstm=[80.0], svm=[80.0]).combined[0]
    assert 70 < alone < agreed == pytest.approx(80)


def test_two_voices_are_one_when_the_other_cannot_say():
    decision = decide(lstm=[None], svm=[80.0])
    assert decision.combined[0] == pytest.approx(80)
    assert decision.alarmed[0]


def test_a_missing_detector_leaves_the_other_calibrated():
    answers = {"svm": says(svmOutlierScore=[40.0])}
    assert combine(answers, 1, BOTH).combined[0] == pytest.approx(40)


def test_nobody_can_say():
    decision = decide(rule=[None], lstm=[None], svm=[None])
    assert np.isnan([decision.confidence, decision.combined]).all()
    assert not decision.anomaly[0]


def test_a_rule_of_high_confidence_decides_whatever_the_models_say():
    decision = decide(rule=[90.0])
    assert decision.confidence[0] >= 90
    assert decision.anomaly[0]
    assert not decision.alarmed[0]


def test_a_rare_claim_of_a_weak_rule_is_worth_its_rarity():
    """One honest item in a hundred gets 30 by this rule, none more."""
    assert decide(rule=[30.0]).confidence[0] == pytest.approx(50)
    assert decide(rule=[31.0]).confidence[0] == pytest.approx(100)


def test_a_weak_claim_that_a_whole_batch_shares_is_worth_little():
    decision = decide(rule=[30.0] * 100, lstm=[0.0] * 100, svm=[0.0] * 100,
                      crowd=lambda places: np.full(len(places), 100))  # fmt: skip
    assert decision.confidence == pytest.approx([30.0] * 100)  # the rule's own


def test_rules_and_models_that_agree_lift_each_other():
    alone, agreed = decide(svm=[80.0]), decide(rule=[30.0], svm=[80.0])
    assert agreed.confidence[0] == pytest.approx(alone.confidence[0] + 10)


def test_models_below_the_alert_score_make_no_anomaly():
    decision = decide(svm=[60.0])
    assert not decision.anomaly[0]
    assert decision.confidence[0] > 0


def test_without_models_the_highest_rule_is_the_confidence():
    decision = combine({"rules": says(locErrScore=[30.0, None], jumpScore=[70.0, None])}, 2)
    assert decision.confidence.tolist() == pytest.approx([70.0, np.nan], nan_ok=True)
    assert np.isnan(decision.combined).all()
    assert decision.anomaly.tolist() == [True, False]


@pytest.mark.parametrize(("rule", "first"), [(70.0, "locErr"), (69.0, "model"), (30.0, "model")])
def test_the_deciding_claim_comes_first(rule, first):
    claims = pl.DataFrame([claim(4, "locErr", rule)], schema=FOUND, orient="row")
    told = [[Told("it came late", "in 3 h", "sooner", Cause.ITEM)]]
    models = model_claims(np.array([4], np.uint32), np.array([80.0]), told)
    explained = explain(ranked(pl.concat([claims, models]), 70.0))
    assert explained["kind"].to_list() == [first]
    assert "suspect locErr: locErr happened" in explained["explanation"][0]
    assert "unusual: it came late" in explained["explanation"][0]


def test_what_models_say_is_put_together():
    told = [
        [Told("this place is a surprise", "usual next: at A", "at A", Cause.ITEM)],
        [Told("many of its batch lack the same scan", "", "with it read", Cause.SCANNER)],
    ]
    (row,) = model_claims(np.array([7], np.uint32), np.array([91.0]), told).rows(named=True)
    assert row == {
        "row": 7,
        "kind": AnomalyKind.MODEL,
        "score": 91.0,
        "reason": "this place is a surprise; many of its batch lack the same scan",
        "expected": "usual next: at A; it would be ordinary at A",
        "cause": "scanner",
        "runbook": "Check the reader: its aim, its rate, its clock.",
    }


def test_detectors_without_words_still_have_their_say():
    claims = model_claims(np.array([1], np.uint32), np.array([80.0]), [])
    assert claims["reason"][0] == "it departs from what history shows"
