"""The whole comparison of the last days with a baseline, as one family of tests.

Every test gives a probability; together they are held to a rate of false discoveries, and each
besides to an effect that is worth a person's time: with a million scans, trifles are certain too.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.monitoring.baseline import Baseline, daily, visits
from scantrail.monitoring.batches import batch_signals
from scantrail.monitoring.clashes import clash_signals, clashes
from scantrail.monitoring.distance import Distance, compare, shares_moved
from scantrail.monitoring.paces import pace_signals
from scantrail.monitoring.peers import peer_chances
from scantrail.monitoring.rates import control_chart, volume_chance
from scantrail.monitoring.rejects import READ, reject_signals
from scantrail.monitoring.rhythm import EPOCH, silence
from scantrail.monitoring.signals import Signal, onset
from scantrail.monitoring.tails import false_discovery
from scantrail.monitoring.views import REJECTED, View, class_names, crowds, tally, views_of

Floats = npt.NDArray[np.float64]


class DriftSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When a departure is worth a word."""

    days: int = 7  #: compared with the baseline; whole weeks, since weekdays differ
    false_discoveries: float = 0.005  #: accepted rate among signals
    psi: float = 0.10  #: bearable population stability index, chance taken off
    ks: float = 0.10  #: bearable distance of distribution functions
    new_share: float = 0.003  #: bearable share of scans with a value never seen before
    volume: float = 1.5  #: bearable factor on a site's scans a week, either way
    volume_share: float = 0.005  #: bearable change of a site's scans, as a share of all scans
    alert_rate: float = (
        2.0  #: bearable factor on shares that should stay low: suspect, clashing, unreadable
    )
    alerts: float = 4.0  #: bearable suspect scans above the usual number, in the days compared
    shift_hours: float = 0.5  #: bearable hours that goods take longer, or less, than usual
    batch: float = 1.25  #: bearable factor on the size of batches, either way
    shift: float = 0.3  #: bearable shift of hours on the way and of batches, in standard deviations
    rejects: float = 0.005  #: bearable rise of the share of rows that can't be read
    missed_visits: float = 1.5  #: bearable visits missed in a row
    closed: tuple[dt.date, ...] = ()  #: holidays, on which no site is expected to work


_DEFAULT: Final = DriftSettings()


def drift(
    baseline: Baseline,
    observed: pl.DataFrame,
    now: dt.datetime,
    settings: DriftSettings = _DEFAULT,
) -> list[Signal]:
    """What is not as it was, the strongest first.

    Args:
        baseline: What is usual.
        observed: `observe.OBSERVED` and scores; rows that came in before the days compared, or
            after `now`, don't count.
        now: Until when (naive, by the sites' clock); mostly a midnight.
        settings: What is bearable.
    """
    last = (now - dt.timedelta(microseconds=1)).date()
    days = [last - dt.timedelta(days=settings.days - 1 - i) for i in range(settings.days)]
    window = observed.filter(pl.col("seen") < now, pl.col("day") >= days[0])
    read = window.filter(pl.col("rejected") == "read")
    tested = [
        *_histograms(baseline, window, days, settings),
        *_rejects(baseline, window, days, settings),
        *_news(baseline, read, days, settings),
        *_volumes(baseline, read, days, settings),
        *_alert_rates(baseline, read, days, settings),
        *_clashes(baseline, read, days, settings),
        *pace_signals(baseline.paces, read, days, (settings.shift_hours, settings.shift)),
        *batch_signals(baseline.batches, read, days, (settings.batch, settings.shift)),
        *_silences(baseline, observed.filter(pl.col("seen") < now), now, settings),
    ]
    if not tested:
        return []
    q = false_discovery(np.array([signal.p for signal in tested]))
    found = [
        _plain(signal, float(rate))
        for signal, rate in zip(tested, q, strict=True)
        if rate <= settings.false_discoveries and signal.strength >= 1
    ]
    return sorted(found, key=lambda signal: (-signal.strength, signal.key))


def _plain(signal: Signal, q: float) -> Signal:
    """The signal with its rate of false discoveries; its numbers are Python's, for JSON."""
    effect = {name: float(size) for name, size in signal.effect.items()}
    return msgspec.structs.replace(
        signal, p=float(signal.p), q=q, effect=effect, strength=float(signal.strength)
    )


def _histograms(
    baseline: Baseline, window: pl.DataFrame, days: list[Any], settings: DriftSettings
) -> Iterator[Signal]:
    crowded = crowds(window)
    for view in views_of(window.columns):
        labels = baseline.labels.get(view.name)
        if labels is None or view is REJECTED:
            continue
        for place, counts in tally(window, view, labels, days).items():
            known = baseline.references[view.name].get(place)
            if known is None:
                continue
            reference = np.array(known.counts, float)
            odd = np.argmax(_day_evidence(reference, counts))  # one bad day is no drift
            rest = np.delete(counts, odd, axis=0).sum(axis=0)
            design = max(known.design, crowded.get(place, 1.0) if view.shared else 1.0)
            distance = compare(reference, rest, design, ordered=bool(view.edges))
            if distance:
                yield _drifted(view, place, (reference, counts, labels), distance, days, settings)


def _drifted(
    view: View,
    place: str,
    table: tuple[Floats, Floats, list[str]],
    distance: Distance,
    days: list[Any],
    settings: DriftSettings,
) -> Signal:
    reference, counts, labels = table
    strength = distance.psi / settings.psi
    if view.edges:
        strength = min(strength, distance.ks / settings.ks)
    return Signal(
        check="drift",
        view=view.name,
        place=place,
        since=days[onset(_day_evidence(reference, counts))],
        p=distance.p,
        effect={"psi": distance.psi, "js": distance.js, "ks": distance.ks},
        strength=strength,
        what=f"{view.about}: {_most_moved(reference, counts, class_names(view, labels))}",
    )


def _day_evidence(reference: Floats, counts: Floats) -> list[float]:
    """Log-likelihood of each day under the sample's own shares against the reference's."""
    p = (reference + 0.5) / (reference + 0.5).sum()
    new = counts.sum(axis=0) + 0.5
    ratio = np.log(new / new.sum() / p)
    evidence: list[float] = (counts @ ratio).tolist()
    return evidence


def _most_moved(reference: Floats, counts: Floats, names: list[str]) -> str:
    sample = counts.sum(axis=0)
    moved = shares_moved(reference, sample)
    old, new = reference / reference.sum(), sample / sample.sum()
    order = np.argsort(-np.abs(moved), kind="stable")[:2]
    return ", ".join(f"{names[i]} {old[i]:.1%} → {new[i]:.1%}" for i in order)


def _rejects(
    baseline: Baseline, window: pl.DataFrame, days: list[Any], settings: DriftSettings
) -> Iterator[Signal]:
    labels = baseline.labels.get(REJECTED.name, [])
    if READ in labels:
        usual = baseline.references[REJECTED.name]
        counted = tally(window, REJECTED, labels, days)
        bearable = settings.alert_rate, settings.rejects
        yield from reject_signals(usual, counted, labels.index(READ), days, bearable)


def _news(
    baseline: Baseline, read: pl.DataFrame, days: list[Any], settings: DriftSettings
) -> Iterator[Signal]:
    """Values that the baseline never had: how likely is each visit of one, if it was just missed?

    With no visit in m days of the past, the next one falls into the n new days by chance with
    probability n / (n + m), each time anew.
    """
    length = (baseline.last - baseline.first).days + 1
    factor = len(days) / (len(days) + length)
    for name, known in baseline.known.items():
        fresh = read.filter(~pl.col(name).is_in(pl.Series(known, dtype=pl.String).implode()))
        table = fresh.group_by(name).agg(
            n=pl.len(),
            visits=pl.struct("site", pl.col("seen").dt.truncate("1h")).n_unique(),
            since=pl.col("day").min(),
            place=pl.col("site").mode().sort().first(),
        )
        for value, n, seen, since, place in table.iter_rows():
            share = n / len(read)
            yield Signal(
                check="new value",
                view=f"{name} {value}",
                place=value if name == "site" else place,
                since=since,
                p=max(factor**seen, 1e-300),
                effect={"share": share, "scans": float(n)},
                strength=share / settings.new_share,
                what=f"{name} {value} was never seen before: {n:,} scans, {share:.1%} of all",
            )


def _volumes(
    baseline: Baseline, read: pl.DataFrame, days: list[Any], settings: DriftSettings
) -> Iterator[Signal]:
    """Scans a week, by a site's own swing, and against what sites of its kind scan."""
    none = np.zeros(len(days))
    counted = {**dict.fromkeys(baseline.volumes, none), **daily(read, None, days)}
    expected = {
        site: usual.weekly * _open_shares(baseline, site, days, settings)
        for site, usual in baseline.volumes.items()
    }
    odd = {site: _odd_day(counted[site], each) for site, each in expected.items()}
    shares = peer_chances(baseline.peers, counted, odd)
    for site, usual in baseline.volumes.items():
        here, due = counted[site], float(expected[site].sum())
        if due < 1:
            continue
        count, day = float(here.sum()), odd[site]
        rest = count - float(here[day] - expected[site][day])  # one bad day is no trend
        moved = abs(rest - due) / max(len(read), 1.0) / settings.volume_share
        change = abs(math.log((rest + 1) / (due + 1))) / math.log(settings.volume)
        evidence = np.sign(count - due) * (here - expected[site] * (1 + count / due) / 2)
        yield Signal(
            check="volume",
            view="scans",
            place=site,
            since=days[onset(evidence.tolist())],
            p=min(2 * min(volume_chance(rest, due, usual), shares.get(site, 1.0)), 1.0),
            effect={"ratio": count / due, "scans": count},
            strength=min(change, moved),
            what=f"scans a week: {due:,.0f} → {count:,.0f}",
        )


def _odd_day(here: Floats, expected: Floats) -> int:
    """The day that speaks loudest for what the week as a whole seems to show."""
    departure = here - expected
    return int(np.argmax(np.sign(departure.sum()) * departure))


def _open_shares(baseline: Baseline, site: str, days: list[Any], settings: DriftSettings) -> Floats:
    """What part of a week's scans each day should have, (days,); holidays have none."""
    rhythm = baseline.rhythms.get(site)
    weekdays = rhythm.weekdays if rhythm else [1 / 7] * 7
    return np.array([0.0 if d in settings.closed else weekdays[d.weekday()] for d in days])


def _alert_rates(
    baseline: Baseline, read: pl.DataFrame, days: list[Any], settings: DriftSettings
) -> Iterator[Signal]:
    alerts, scans = daily(read, "alert", days), daily(read, None, days)
    for site, usual in baseline.rates.items():
        if site not in scans or not scans[site].any():
            continue
        p, chart = control_chart(alerts[site], scans[site], usual)
        found, expected = float(alerts[site].sum()), float(scans[site].sum() * usual.share)
        ratio = found / max(expected, 1e-9)
        excess = (found - expected) / settings.alerts
        high = usual.share * (1 + ratio) / 2
        per_10k = 1e4 * found / scans[site].sum()
        yield Signal(
            check="alert rate",
            view="alerts",
            place=site,
            since=days[onset((alerts[site] - scans[site] * high).tolist())],
            p=p,
            effect={"ratio": ratio, "per_10k": per_10k, "chart": float(chart[-1])},
            strength=max(min(ratio / settings.alert_rate, excess), 0.0),
            what=f"suspect scans per 10,000: {1e4 * usual.share:.0f} → {per_10k:.0f}",
        )


def _clashes(
    baseline: Baseline, read: pl.DataFrame, days: list[Any], settings: DriftSettings
) -> Iterator[Signal]:
    table = clashes(read)
    found = table, daily(table, None, days), daily(read, None, days)
    return clash_signals(baseline.clashes, found, days, (settings.alert_rate, settings.alerts))


def _silences(
    baseline: Baseline, seen: pl.DataFrame, now: dt.datetime, settings: DriftSettings
) -> Iterator[Signal]:
    hours = visits(seen.filter(pl.col("rejected") == "read"))
    for site, rhythm in baseline.rhythms.items():
        heard = int(hours[site][-1]) if site in hours else None
        last = (
            EPOCH + dt.timedelta(hours=heard)
            if heard is not None
            else dt.datetime.combine(baseline.last, dt.time(23))
        )
        p, missed = silence(rhythm, last, now, settings.closed)
        yield Signal(
            check="silent",
            view="silence",
            place=site,
            since=last.date(),
            p=p,
            effect={"missed_visits": missed},
            strength=missed / settings.missed_visits,
            what=f"nothing since {last:%Y-%m-%d %H}h; usual by now: {missed:.1f} hours with scans",
        )
