"""The results in Markdown."""

from __future__ import annotations

from typing import Any

import numpy as np

METHODS = ("n-gram", "LSTM", "LSTM + n-gram", "repair", "all three")
KINDS = ("Attribute", "Early", "Insert", "Late", "Rework", "SkipSequence")

#: The best unsupervised figure published for the same files, average precision over traces.
PUBLISHED = {
    "BPIC20_DomesticDeclarations": 0.904,
    "BPIC20_InternationalDeclarations": 0.867,
    "BPIC20_PermitLog": 0.735,
    "BPIC20_PrepaidTravelCost": 0.747,
    "BPIC20_RequestForPayment": 0.916,
    "Receipt": 0.682,
    "gigantic": 0.905,
    "huge": 0.980,
    "large": 0.979,
    "medium": 0.951,
    "p2p": 0.994,
    "paper": 0.994,
    "small": 0.997,
    "wide": 0.982,
}

Results = list[dict[str, Any]]


def table(results: Results, seeds: int) -> str:
    """Two tables: per log or family of logs, and per kind of anomaly."""
    families = _families(results)
    real = [name for name in families if name.startswith("BPIC20")]
    made = [name for name in families if name.islower()]
    lines = [
        f"Average precision over traces, mean of {seeds} seeds; a family of logs is one row.",
        "",
        f"| log | suspect | published | {' | '.join(METHODS)} | all three, seeds averaged |",
        "|---|" + "---|" * (len(METHODS) + 3),
    ]
    lines += [_row(name, families[name]) for name in families]
    for title, names in (
        ("*mean of the BPIC20 logs*", real),
        ("*mean of the synthetic logs*", made),
    ):
        if names:
            published = float(np.mean([PUBLISHED[name] for name in names]))
            some = [result for name in names for result in families[name]]
            lines.append(_line(title, some, published))
    lines += ["", *_by_kind("BPIC20 logs", [r for n in real for r in families[n]])]
    lines += ["", *_by_kind("synthetic logs", [r for n in made for r in families[n]])]
    return "\n".join(lines) + "\n"


def _families(results: Results) -> dict[str, Results]:
    """Results by the name before the ratio, so that -0.10-1 to -0.10-4 are one family."""
    families: dict[str, Results] = {}
    for result in results:
        families.setdefault(result["log"].split("-0.")[0], []).append(result)
    return families


def _row(name: str, results: Results) -> str:
    shown = name if len(results) == 1 else f"{name} ({len(results)} logs)"
    return _line(shown, results, PUBLISHED.get(name))


def _line(name: str, results: Results, published: float | None) -> str:
    cells = [np.mean([r["mean"][method]["all"] for r in results]) for method in METHODS]
    cells.append(np.mean([r["ensemble"]["all three"]["all"] for r in results]))
    suspect = np.mean([r["suspect"] for r in results])
    known = "" if published is None else f"{published:.3f}"
    return f"| {name} | {suspect:.1%} | {known} | {' | '.join(f'{c:.3f}' for c in cells)} |"


def _by_kind(title: str, results: Results) -> list[str]:
    """Mean average precision of one kind among the normal traces; chance is its share, ~1.7 %."""
    if not results:
        return []
    lines = [f"By kind, {title}, each kind against the normal traces alone:", ""]
    lines += [f"| kind | {' | '.join(METHODS)} |", "|---|" + "---|" * len(METHODS)]
    for kind in KINDS:
        cells = [np.mean([r["mean"][method][kind] for r in results]) for method in METHODS]
        lines.append(f"| {kind} | {' | '.join(f'{c:.3f}' for c in cells)} |")
    return lines
