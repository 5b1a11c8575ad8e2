"""Do scores keep their promises? `python experiments/scans/reliability.py --work DIR --out FILE`.

Judges the test logs of `run.py`, with what was trained there, and draws two things: how many false
alarms a score promises and how many are seen; and what share of the items at each confidence is
anomalous. Everything is kept in the work folder, so that the training of `run.py` is used again.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import polars as pl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from run import CHAINS, PREVALENCE, TEST_ITEMS, TEST_SEEDS, judged, log, trained

from scantrail.calibration import TOP_EVIDENCE

Floats = npt.NDArray[np.float64]

PICTURE: Final = "reliability.svg"
#: Score column to what people call its judge.
VOICES: Final = {
    "lstmSequenceScore": "LSTM",
    "svmOutlierScore": "one-class SVM",
    "mlCombinedScore": "models together",
}
LEVELS: Final = np.linspace(5, 100, 39)
TOLD: Final = (25.0, 50.0, 65.0, 75.0, 100.0)
BUDGETS: Final = (1.0, 3.0, 10.0, 30.0)
BINS: Final = np.array([0.0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100.001])
RARER: Final = 0.01  # a prevalence nearer to that of most logs than the test logs' own
_COLOURS: Final = {"demo": "#0b6e99", "second": "#c4541a"}
_STYLES: Final = dict(zip(VOICES, (":", "--", "-"), strict=True))


@dataclass(frozen=True, slots=True)
class Log:
    """One judged log.

    `items`: one row per item, the highest of each score and whether it is anomalous. `events`: one
    per scan of an honest item. `per_item`: scans per item of the log that was learned from.
    """

    items: pl.DataFrame
    events: pl.DataFrame
    per_item: float


def main() -> None:
    """Measure, draw, and write a Markdown fragment; the picture goes beside the page."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--work", type=Path, required=True, help="folder for logs and artifacts")
    asked.add_argument("--out", type=Path, required=True, help="Markdown file to write")
    given = asked.parse_args()
    logs = {chain: list(tested(chain, given.work)) for chain in CHAINS}
    draw(logs, Path("docs") / PICTURE)
    given.out.write_text(page(logs), encoding="utf-8")


def tested(chain: str, work: Path) -> Iterator[Log]:
    """The test logs of a chain, judged."""
    engine, _ = trained(work, chain)
    assert engine.artifact is not None
    data = engine.artifact.card.about["data"]
    for seed in TEST_SEEDS:
        folder = log(work, chain, seed, TEST_ITEMS, PREVALENCE)
        labels = pl.read_csv(folder / "labels.csv")
        yield measured(judged(engine, folder), labels, data["events"] / data["items"])


def measured(verdicts: pl.DataFrame, labels: pl.DataFrame, per_item: float) -> Log:
    """Scores per item and per honest scan."""
    scores = [*VOICES, "finalConfidence"]
    told = labels.select(pl.col("event_id").cast(pl.String), "kind")
    marked = verdicts.with_columns(pl.col("event_id").cast(pl.String)).join(
        told, on="event_id", how="left"
    )
    anomalous = pl.col("kind").is_not_null().any()
    items = marked.group_by("epc_code").agg(pl.col(scores).max(), anomalous=anomalous)
    honest = marked.filter(pl.col("kind").is_null().all().over("epc_code"))
    return Log(items, honest.select(scores), per_item)


def seen(logs: list[Log], score: str, levels: Floats, *, of_events: bool) -> Floats:
    """Share of honest items (or of their scans) that reach each level, (logs, levels)."""
    shares = []
    for one in logs:
        honest = one.events if of_events else one.items.filter(~pl.col("anomalous"))
        values = np.sort(honest[score].fill_null(-1.0).to_numpy())
        shares.append(1 - np.searchsorted(values, levels, "left") / len(values))
    return np.array(shares)


def promised(levels: Floats) -> Floats:
    """Share of honest items that a score promises."""
    share: Floats = 10 ** (-levels / 100 * TOP_EVIDENCE)
    return share


def draw(logs: dict[str, list[Log]], path: Path) -> None:
    """Three panels side by side."""
    mpl.rcParams |= {"svg.hashsalt": "scantrail", "font.size": 9, "axes.grid": True,
                     "grid.alpha": 0.3, "svg.fonttype": "none"}  # fmt: skip
    figure, (items, events, shares) = plt.subplots(1, 3, figsize=(12, 4.2), layout="constrained")
    _rates(items, logs, of_events=False)
    items.set(title="False alarms per item", xlabel="promised share of honest items",
              ylabel="seen share of honest items")  # fmt: skip
    items.legend(fontsize=7)
    _rates(events, logs, of_events=True)
    events.set(title="False alarms per scan", xlabel="promised share of honest scans",
               ylabel="seen share of honest scans")  # fmt: skip
    _confidence(shares, logs)
    figure.savefig(path, metadata={"Date": None, "Creator": "scantrail"})
    plt.close(figure)


def _rates(axes: Axes, logs: dict[str, list[Log]], *, of_events: bool) -> None:
    """Promised against seen, log-log; a band from the lowest to the highest log."""
    for chain, runs in logs.items():
        promise = promised(LEVELS) / (runs[0].per_item if of_events else 1.0)
        for score, name in VOICES.items():
            rates = seen(runs, score, LEVELS, of_events=of_events)
            mean = np.where(rates.mean(axis=0) > 0, rates.mean(axis=0), np.nan)
            label = f"{name}, {chain} chain"
            axes.plot(promise, mean, _STYLES[score], color=_COLOURS[chain], lw=1.3, label=label)
            if score == "mlCombinedScore":
                low, high = rates.min(axis=0), rates.max(axis=0)
                axes.fill_between(promise, low, high, color=_COLOURS[chain], alpha=0.15, lw=0)
    ends = np.array([1e-5, 1.0])
    axes.plot(ends, ends, color="black", lw=0.8)
    axes.set(xscale="log", yscale="log", xlim=(1e-5 if of_events else 8e-5, 1), ylim=(1e-5, 1))


def _confidence(axes: Axes, logs: dict[str, list[Log]]) -> None:
    """Share of anomalous items by confidence, with 95 % intervals and counts."""
    for place, (chain, runs) in enumerate(logs.items()):
        middle = (BINS[:-1] + BINS[1:]) / 2 + (place - 0.5) * 1.5
        count, share, low, high = by_confidence(runs)
        bars = [np.maximum(share - low, 0), np.maximum(high - share, 0)]
        colour = _COLOURS[chain]
        axes.errorbar(middle, share, bars, fmt="o", color=colour, ms=4, lw=1, capsize=2,
                      label=f"{chain}, {PREVALENCE:.0%} anomalous")  # fmt: skip
        axes.plot(middle, at_prevalence(share, runs, RARER), "x", color=colour, ms=5,
                  label=f"{chain}, as if {RARER:.0%} were")  # fmt: skip
        for x, n in zip(middle, count, strict=True):
            many = f"{n:,}" if n < 10_000 else f"{n / 1000:.0f}k"
            axes.text(x, 1.04 + 0.06 * place, many, color=colour, fontsize=6, ha="center")
    axes.set(title="What a confidence means", xlim=(-4, 104), ylim=(-0.03, 1.18))
    axes.set(xlabel="highest finalConfidence of the item", ylabel="share of items anomalous")
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(0.0, 0.75))


def by_confidence(runs: list[Log]) -> tuple[npt.NDArray[np.int64], Floats, Floats, Floats]:
    """Per bin of confidence: items, share anomalous, and its 95 % interval (Wilson 1927)."""
    items = pl.concat([run.items for run in runs])
    where = np.digitize(items["finalConfidence"].fill_null(0.0).to_numpy(), BINS) - 1
    count = np.bincount(where, minlength=len(BINS) - 1)
    hits = np.bincount(where, items["anomalous"].to_numpy(), minlength=len(BINS) - 1)
    n = np.maximum(count, 1)
    share, z = np.where(count > 0, hits / n, np.nan), 1.96
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return count, share, np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def at_prevalence(share: Floats, runs: list[Log], rate: float) -> Floats:
    """The shares, had the logs held anomalies at this rate."""
    own = float(pl.concat([run.items for run in runs])["anomalous"].mean() or 0.0)
    wanted = rate / own * share
    rest = (1 - rate) / (1 - own) * (1 - share)
    weighed: Floats = wanted / (wanted + rest)
    return weighed


def page(logs: dict[str, list[Log]]) -> str:
    """The numbers as Markdown."""
    lines = [f"![Promised and seen false alarms; confidence and share anomalous]({PICTURE})", "",
             "| score | promised: honest items | "
             + " | ".join(f"{name}, {chain}" for chain in logs for name in VOICES.values()) + " |",
             "|---|---|" + "---|" * (len(logs) * len(VOICES))]  # fmt: skip
    levels = np.array(TOLD)
    for place, level in enumerate(TOLD):
        cells = [_percent(seen(runs, score, levels, of_events=False)[:, place])
                 for runs in logs.values() for score in VOICES]  # fmt: skip
        lines.append(f"| {level:g} | {promised(levels)[place]:.3%} | " + " | ".join(cells) + " |")
    lines += ["", "| false alerts asked for, per 10,000 scans | score that gives them | "
              + " | ".join(f"seen, {chain}" for chain in logs) + " |",
              "|---|---|" + "---|" * len(logs)]  # fmt: skip
    for budget in BUDGETS:
        rows = [_alerts(runs, budget) for runs in logs.values()]
        scores = " / ".join(f"{score:.0f}" for score, _ in rows)
        lines.append(f"| {budget:g} | {scores} | " + " | ".join(cell for _, cell in rows) + " |")
    lines += ["", "| highest finalConfidence of the item | " + " | ".join(
        f"items, {chain} | anomalous | as if {RARER:.0%} were" for chain in logs) + " |",
        "|---|" + "---|---|---|" * len(logs)]  # fmt: skip
    told = [(*by_confidence(runs), runs) for runs in logs.values()]
    for place in range(len(BINS) - 1):
        cells = []
        for count, share, low, high, runs in told:
            weighed = at_prevalence(share, runs, RARER)[place]
            interval = f"{share[place]:.1%} ({low[place]:.1%}-{high[place]:.1%})"
            cells += [
                f"{count[place]:,}",
                *((interval, f"{weighed:.1%}") if count[place] else "--"),
            ]
        lines.append(f"| {BINS[place]:.0f}-{BINS[place + 1]:.0f} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _alerts(runs: list[Log], budget: float) -> tuple[float, str]:
    """The models' score for a budget, and the alerts per 10,000 scans of honest items at it."""
    share = min(budget / 10_000 * runs[0].per_item, 1.0)
    score = float(-np.log10(share) / TOP_EVIDENCE * 100)
    rates = seen(runs, "mlCombinedScore", np.array([score]), of_events=False)[:, 0]
    per_10k = rates / runs[0].per_item * 10_000
    return score, f"{per_10k.mean():.2f} ({per_10k.min():.2f}-{per_10k.max():.2f})"


def _percent(shares: Floats) -> str:
    return f"{shares.mean():.3%}"


if __name__ == "__main__":
    main()
