"""Plots as inline SVG whose colours follow the page, light or dark.

Matplotlib draws with stand-in colours, which become CSS variables, and leaves text as text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scantrail.evaluation.blocks import Interval
from scantrail.evaluation.items import JUDGES

Floats = npt.NDArray[np.float64]

#: Stand-in colours, and the page's variables that they become.
_COLOURS: Final = {
    "ink": "#010101", "dim": "#020202", "line": "#030303", "a": "#040404", "b": "#050505",
    "c": "#060606", "d": "#070707", "e": "#080808", "good": "#090909", "bad": "#0a0a0a",
}  # fmt: skip
#: Judges and versions keep their colours from plot to plot.
_SERIES: Final = {
    **dict(zip(JUDGES.values(), ("a", "b", "c", "d", "e"), strict=True)), "A": "a", "B": "b",
}  # fmt: skip
_STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "scantrail",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _COLOURS["line"],
    "axes.labelcolor": _COLOURS["dim"],
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _COLOURS["line"],
    "grid.linewidth": 0.7,
    "text.color": _COLOURS["ink"],
    "text.parse_math": False,
    "xtick.color": _COLOURS["dim"],
    "ytick.color": _COLOURS["dim"],
    "xtick.labelcolor": _COLOURS["ink"],
    "ytick.labelcolor": _COLOURS["ink"],
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
_RATES: Final = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
_HOURS: Final = {0.0: "at once", 1.0: "1 hour", 24.0: "1 day", 168.0: "1 week", 720.0: "30 days"}


def recall_curves(
    curves: Mapping[str, tuple[Floats, Floats]],
    marks: Mapping[str, Mapping[float, Interval]],
) -> str:
    """Recall against false alerts per 10,000 scans, a line per judge or version.

    Args:
        curves: Name to false alerts and recall.
        marks: Name of a line to budget and the interval to draw on it there.
    """
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(5.2, 3.3)
        for name, (false, recall) in curves.items():
            colour = _COLOURS[_SERIES[name]]
            axes.step(np.maximum(false, _RATES[0]), recall * 100, where="post", color=colour,
                      label=name, linewidth=2.4 if name in marks else 1.4)  # fmt: skip
            for per_10k, found in marks.get(name, {}).items():
                _bar(axes, per_10k, found, colour)
        axes.set_xscale("log")
        axes.set_xticks(_RATES, [f"{rate:g}" for rate in _RATES])
        axes.minorticks_off()
        axes.set(xlim=(_RATES[0], _RATES[-1]), ylim=(0, 103), ylabel="found, %",
                 xlabel="false alerts per 10,000 scans")  # fmt: skip
        _legend(axes, len(curves))
        return _svg(figure, "curves", "Share found against false alerts per 10,000 scans")


def _bar(axes: Axes, x: float, found: Interval, colour: str) -> None:
    axes.plot([x, x], [found.low * 100, found.high * 100], color=colour, linewidth=1.4)
    axes.plot(x, found.value * 100, "o", color=colour, markersize=5.5)


def shares_by_kind(found: Mapping[str, Interval]) -> str:
    """Share found per kind, with intervals, the least found on top."""
    ranked = sorted(found.items(), key=lambda item: (item[1].value, item[0]))
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(5.2, 0.7 + 0.215 * len(ranked))
        for place, (_, share) in enumerate(ranked):
            axes.plot([share.low * 100, share.high * 100], [place, place], linewidth=5, alpha=0.3,
                      color=_COLOURS["a"], solid_capstyle="butt")  # fmt: skip
            axes.plot(share.value * 100, place, "o", color=_COLOURS["a"], markersize=5)
        axes.set(xlim=(-1, 101), xlabel="found, % (band: 95 % interval)")
        _names(axes, [name for name, _ in ranked])
        return _svg(figure, "kinds", "Share found by kind")


def differences_by_kind(differences: Mapping[str, Interval], margin: float) -> str:
    """Difference of recall per kind, second version less first, in percentage points."""
    ranked = sorted(differences.items(), key=lambda item: (item[1].value, item[0]))
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(5.2, 0.7 + 0.215 * len(ranked))
        axes.axvspan(-margin * 100, 0, color=_COLOURS["dim"], alpha=0.15, linewidth=0)
        axes.axvline(0, color=_COLOURS["ink"], linewidth=1)
        for place, (_, each) in enumerate(ranked):
            sign = "good" if each.low > 0 else "bad" if each.high < 0 else "dim"
            axes.plot([each.low * 100, each.high * 100], [place, place], linewidth=5, alpha=0.35,
                      color=_COLOURS[sign], solid_capstyle="butt")  # fmt: skip
            axes.plot(each.value * 100, place, "o", color=_COLOURS[sign], markersize=5)
        widest = max([5.0, *(abs(v) * 105 for _, each in ranked for v in each if v == v)])  # noqa: PLR0124 - NaN
        axes.set(xlim=(-widest, widest), xlabel="B less A, percentage points found")
        _names(axes, [name for name, _ in ranked])
        return _svg(figure, "differences", "Difference of the share found by kind")


def found_within(hours: Mapping[str, Floats]) -> str:
    """Share of labelled items that had their first alert within so many hours.

    Args:
        hours: Name to (n,) hours until the alert, NaN where there was none.
    """
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(5.2, 3.3)
        for name, waited in hours.items():
            known = np.sort(waited[~np.isnan(waited)])
            share = np.arange(1, len(known) + 1) / max(len(waited), 1) * 100
            at = np.concatenate([[0.0], known, [1000.0]])
            last = share[-1] if len(share) else 0.0
            begin = share[known == 0][-1] if (known == 0).any() else 0.0
            axes.step(at, np.concatenate([[begin], share, [last]]), where="post", linewidth=2,
                      color=_COLOURS[_SERIES[name]], label=name)  # fmt: skip
        axes.set_xscale("symlog", linthresh=1.0, linscale=0.6)
        axes.set_xticks(list(_HOURS), list(_HOURS.values()))
        axes.minorticks_off()
        axes.set(xlim=(0, 1000), ylim=(0, 103), ylabel="found, %",
                 xlabel="after the first anomalous scan")  # fmt: skip
        _legend(axes, len(hours))
        return _svg(figure, "delays", "Share found within so many hours")


def kept_promises(
    promised: Sequence[float], seen: Mapping[str, Sequence[Interval]], least: float
) -> str:
    """How rare scores were against how rare they say they are, a line per judge.

    Args:
        promised: Shares of honest items that scores promise.
        seen: Judge to the shares seen.
        least: The smallest share that can be seen: one item.
    """
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(5.2, 3.3)
        low = min(least, *promised) / 2
        axes.plot([low, 1], [low, 1], color=_COLOURS["dim"], linewidth=1, linestyle=(0, (4, 3)))
        for place, (name, shares) in enumerate(seen.items()):
            colour = _COLOURS[_SERIES[name]]
            points = [(p, s) for p, s in zip(promised, shares, strict=True) if s.value > 0]
            axes.plot([p for p, _ in points], [s.value for _, s in points], "o-", color=colour,
                      markersize=4.5, linewidth=2 if not place else 1.2, label=name)  # fmt: skip
            if not place:
                axes.fill_between([p for p, _ in points], [max(s.low, low) for _, s in points],
                                  [s.high for _, s in points], color=colour, alpha=0.18,
                                  linewidth=0)  # fmt: skip
        axes.set(xscale="log", yscale="log", xlim=(0.2, low), ylim=(low, 0.3),
                 xlabel="honest items promised to reach the score", ylabel="seen")  # fmt: skip
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda share, _: f"1 in {1 / share:,.0f}")
        axes.minorticks_off()
        _legend(axes, len(seen))
        return _svg(figure, "promises", "Share of honest items seen against promised")


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _names(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _legend(axes: Axes, lines: int) -> None:
    if lines > 1:
        axes.figure.legend(loc="outside lower center", handlelength=1.4, columnspacing=1.4,
                           ncols=2 if lines == 4 else min(lines, 3))  # fmt: skip


def _svg(figure: Figure, name: str, what: str) -> str:
    """The figure as an `<svg>` that stands in a page beside others."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=nothing)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{name}-", text)
    text = re.sub(r"font: ([0-9.]+px)[^;\"]*", r"font-size: \1", text)
    for variable, colour in _COLOURS.items():
        text = text.replace(colour, f"var(--{variable})")
    text = re.sub(r"\s*\n\s*", "\n", text)
    return re.sub(r"<svg [^>]*(viewBox=\"[^\"]*\")[^>]*>", rf'<svg \1 role="img" '
                  rf'aria-label="{what}" xmlns:xlink="http://www.w3.org/1999/xlink">',
                  text, count=1)  # fmt: skip
