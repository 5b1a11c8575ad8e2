"""What is to be done about a trial with effect, by what it has taught so far."""

from __future__ import annotations

from typing import Literal, NamedTuple

from scantrail.trials.plan import Mode, TrialSettings
from scantrail.trials.reading import Outcome, Trial


class Next(NamedTuple):
    """What is to be done, and why; `share` is the challenger's from then on."""

    action: Literal["wait", "step", "ready", "abort"]
    share: float
    reason: str


def next_of(mode: Mode, share: float, settings: TrialSettings, told: Trial, hours: float) -> Next:
    """Decide.

    Args:
        mode: Its kind; only a canary grows.
        share: The challenger's now.
        settings: Those that the trial began with.
        told: What it taught since the share is what it is.
        hours: Since then.
    """
    harm = harm_of(settings, told)
    if harm:
        return Next("abort", 0.0, harm)
    if mode != "canary":
        return Next("wait", share, "people decide when it ends")
    if hours < settings.step_hours:
        return Next("wait", share, f"{hours:.1f} of {settings.step_hours:g} hours at this share")
    seen = told.challenger.items
    if seen < settings.least_items:
        return Next("wait", share, f"{seen:,} of {settings.least_items:,} items at this share")
    larger = [step for step in settings.steps if step > share]
    if larger:
        return Next("step", larger[0], f"{seen:,} items at {share:.0%} show no harm")
    return Next("ready", share, f"all steps are done; {seen:,} items at {share:.0%} show no harm")


def harm_of(settings: TrialSettings, told: Trial) -> str | None:
    """Why the trial must not go on; None where nothing speaks against it."""
    if told.outcome is Outcome.BROKEN:
        return (
            f"the split is broken: the challenger judged {told.split.effective:.2%} of the items "
            f"instead of {told.split.share:.2%} (p = {told.split.p:.1g})"
        )
    usual = told.champion.alerts / told.champion.items if told.champion.items else 0.0
    if told.champion.items and told.alerts.low > settings.more_alerts * usual:
        return (
            f"the challenger alerts on more items: by {told.alerts.difference:+.2%} "
            f"(at least {told.alerts.low:+.2%}), where the champion alerts on {usual:.2%}"
        )
    if told.precision.high < -settings.less_precision:
        return (
            "the challenger's alerts are confirmed less often: by "
            f"{told.precision.difference:+.1%} (at best {told.precision.high:+.1%})"
        )
    return None
