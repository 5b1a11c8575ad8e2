import numpy as np
import pytest
from hypothesis import given as holds
from hypothesis import strategies as st
from scipy.stats import binomtest

from scantrail.errors import InputError
from scantrail.evaluation.blocks import Interval, Resampling
from scantrail.evaluation.comparison import Outcome, compare, decide, mcnemar
from scantrail.evaluation.words import sentence

FEW = Resampling(200)


@pytest.fixture(scope="module")
def version(given, crowd):
    """Verdicts that find this share of each lot's ten anomalies."""

    def make(share, *, lots=30, luck=0):
        rng = np.random.default_rng(luck)

        def score(lot, n):
            if n >= 10:
                return float(n - 10)
            return 90.0 if rng.random() < share(lot) else 5.0

        return given(crowd(lots, 40, lambda _lot, n: n < 10, score))

    return make


def test_a_version_that_finds_more_is_better_and_the_other_way_round(version):
    a, b = version(lambda _lot: 0.6, luck=1), version(lambda _lot: 0.9, luck=2)
    told = compare(a, b, resampling=FEW)
    assert told.outcome is Outcome.BETTER
    assert told.main.difference.low > 0.2
    assert told.main.b - told.main.a == pytest.approx(told.main.difference.value)
    assert compare(b, a, resampling=FEW).outcome is Outcome.WORSE
    assert told.mcnemar.p < 1e-6
    alone = told.only["found_by"].value_counts().rows()
    assert dict(alone) == {"A": told.mcnemar.only_a, "B": told.mcnemar.only_b}


def test_a_version_is_not_worse_than_itself(version):
    a = version(lambda _lot: 0.7)
    told = compare(a, a, resampling=FEW)
    assert told.outcome is Outcome.NOT_WORSE
    assert told.main.difference == (0.0, 0.0, 0.0)
    assert told.mcnemar == (0, 0, 1.0)
    assert len(told.only) == 0
    assert sentence(told) == (
        "B is not worse than A within 2 points: at 3 false alerts per 10,000 scans it finds "
        f"{told.main.a * 100:.1f} % against {told.main.a * 100:.1f} %, a difference of 0.0 points "
        "(95 % interval 0.0 to 0.0)."
    )


def test_what_two_bad_lots_decide_can_not_be_told(version):
    """Single items would call it sure: many differ, but all of them are in a few lots."""
    a, b = version(lambda _lot: 1.0), version(lambda lot: 0.0 if lot < 2 else 1.0)
    told = compare(a, b, resampling=FEW)
    assert told.mcnemar.p < 0.001
    assert told.outcome is Outcome.UNKNOWN
    assert sentence(told).startswith("Cannot tell whether B is better or worse than A: at 3 false")


def test_shared_luck_cancels_out(version):
    """Lots differ greatly; versions hardly: the difference is surer than either figure."""

    def hard(lot):
        return 1.0 if lot % 2 else 0.1

    a, b = version(hard, luck=1), version(hard, luck=1)
    told = compare(a, b, resampling=FEW)
    assert told.main.difference.high - told.main.difference.low < 0.01


@pytest.mark.parametrize(
    ("interval", "outcome"),
    [
        ((0.03, 0.01, 0.05), Outcome.BETTER),
        ((0.00, -0.01, 0.01), Outcome.NOT_WORSE),
        ((-0.01, -0.019, -0.001), Outcome.NOT_WORSE),
        ((-0.05, -0.08, -0.01), Outcome.WORSE),
        ((-0.01, -0.05, 0.03), Outcome.UNKNOWN),
        ((np.nan, np.nan, np.nan), Outcome.UNKNOWN),
    ],
)
def test_the_interval_decides(interval, outcome):
    assert decide(Interval(*interval), margin=0.02) is outcome


@holds(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_the_exact_binomial_test(only_a, only_b):
    a = np.arange(only_a + only_b) < only_a
    expected = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert mcnemar(a, ~a) == (only_a, only_b, pytest.approx(expected, rel=1e-6))


def test_versions_of_other_logs_are_refused(version):
    message = (
        "the versions judge other items (1,200 of 1,200 scans against 400 of 400); compare verdicts "
        "of one log"
    )
    with pytest.raises(InputError) as refused:
        compare(version(lambda _lot: 0.5), version(lambda _lot: 0.5, lots=10))
    assert str(refused.value) == message


def test_a_margin_is_a_share(version):
    a = version(lambda _lot: 0.5, lots=2)
    with pytest.raises(InputError, match="a margin of 2 can't be; give a share of the items, e.g."):
        compare(a, a, margin=2)
    with pytest.raises(InputError, match="-1 false alerts per 10,000 scans can't be"):
        compare(a, a, per_10k=-1)
