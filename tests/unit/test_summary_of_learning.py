"""What is told of a training that may have learned from too dirty a log."""

from pathlib import Path

import pytest

from scantrail.summary_of_learning import show_training

RATES = {"0.1": 0.1, "0.01": 0.01, "0.001": 0.001}
PARTS = {"train": 700, "valid": 150, "test": 150}


def told(capsys, left_out):
    about = {
        "data": {
            "events": 4600,
            "items": 1000,
            "parts": PARTS,
            "left_out": left_out,
            "strange": 7,
        },
        "history": [{"valid_loss": 3.4}],
        "best_epoch": 0,
        "seen_rates": {"lstm": RATES, "svm": RATES, "ml": RATES},
        "settings": {"contamination": 0.02},
    }
    show_training(about, "0123456789ab", Path("artifact"), 60.0)
    return capsys.readouterr().out


def test_a_dirty_log_is_warned_of(capsys):
    assert (
        "rules suspect 9.1% of the items, training reckons with 2%: what rules can't see may be as "
        "frequent, was learned from, and will look normal; mend the causes that 'scantrail detect' "
        "names first, or give a better log\n"
    ) in told(capsys, left_out=91)


def test_how_many_were_left_out_and_why(capsys):
    assert (
        "9 left out, since rules suspect them, and 7 that are strange by what the others teach\n"
    ) in told(capsys, left_out=9)


@pytest.mark.parametrize("left_out", [0, 20])
def test_a_clean_log_is_not(capsys, left_out):
    assert "reckons" not in told(capsys, left_out)
