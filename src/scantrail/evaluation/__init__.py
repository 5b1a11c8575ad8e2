"""How good verdicts are against labels, and which of two versions is better."""

from scantrail.evaluation.files import read_labels, read_verdicts
from scantrail.evaluation.items import JUDGES, Judged, judged
from scantrail.evaluation.measuring import Evaluation, Found, evaluate, measure
from scantrail.evaluation.ranking import average_precision, roc_auc

__all__ = [
    "JUDGES",
    "Evaluation",
    "Found",
    "Judged",
    "average_precision",
    "evaluate",
    "judged",
    "measure",
    "read_labels",
    "read_verdicts",
    "roc_auc",
]
