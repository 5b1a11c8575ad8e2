"""What happens in the year, chapter by chapter: done over HTTP, and told as it was answered."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Collection
from typing import Final

from rich.markup import escape

from scantrail.lifecycle.noticing import noticed, tell_place, tell_rates, tell_symptoms
from scantrail.lifecycle.place import ADMIN, MONITORING, PlaceError
from scantrail.lifecycle.weighing import tell_agreement, tell_arms, tell_gate
from scantrail.lifecycle.world import HISTORY, PLAN, Planned, monday, write_log
from scantrail.lifecycle.year import Year
from scantrail.simulate.changes import CHANGES, NEW_HUB, NEW_PRODUCT
from scantrail.wiring import DEMO

Chapter = Callable[[Year], None]
AUTUMN: Final = "autumn.tsv"  #: the log that the bad candidate learns from, in the datasets' folder
AUTUMN_WEEKS: Final = 6
_FIRST: Final = "first.tsv"  # the log that the first version learns from
_LEFT_WEEKS: Final = 2  # that are left for the gate
DRIFT_DAYS: Final = 70  #: of lasting drift, after which a retraining starts by itself
_DUE: Final = 26  # the week until which it has to have started
_SHORT: Final = 70  # letters of what was told before
_WATCHED: Final = 3  # weeks that a change for good is watched before the next one
_FOLLOWED: Final = 2.0  # seconds in which each process follows a trial
_PATIENCE: Final = 30.0  # seconds in which a promotion has to be taken back
_HUB, _LANES, _PRODUCT, _SCANNER = PLAN


def begins(year: Year) -> None:
    """Rules judge; a first version is learned from the autumn, and promoted."""
    page, place = year.page, year.place
    page.chapter(monday(-HISTORY), "A first version learns, passes the gate, and serves")
    history = year.world.came(-HISTORY * 3, 0)
    year.progress("the autumn's scans come in", 0.0)
    found = place.send(history)
    logs = place.folder / "logs"
    write_log(history.filter(history["at"] < monday(AUTUMN_WEEKS - HISTORY)), logs / AUTUMN)
    write_log(history.filter(history["at"] < monday(-_LEFT_WEEKS)), logs / _FIRST)
    page.row("Happened", f"{len(history):,} scans of the autumn came in; rules alone judged them, "
             f"{len(found):,} were suspect")  # fmt: skip
    year.progress("training", 0.0)
    artifact = str(place.folder / "first")
    place.command("train", str(logs / _FIRST), "--sites", str(DEMO), "--out", artifact,
                  "--seed", str(year.seed), "--epochs", str(year.epochs))  # fmt: skip
    first = place.command("models", "add", artifact).split(";")[0].removeprefix("registered ")
    page.row("Done", f"{first} was trained on them, but for the last {_LEFT_WEEKS} weeks, and "
             "registered")  # fmt: skip
    year.job(f"models/{first}/gate", "at the gate")
    told = tell_gate(year, first)
    page.expect(holds=told["passed"], fault="the gate refuses the first version")
    _promote(year, first, "the first one; it passed the gate")
    page.ways((f"train {_FIRST} --sites network/ --out first/", f"POST {ADMIN}/retrain"),
              ("models add first/", "the same"),
              (f"models gate {first}", f"POST {ADMIN}/models/{{version}}/gate"),
              (f"models promote {first}", f"POST {ADMIN}/models/{{version}}/promote"))  # fmt: skip
    year.versions["first"] = first


def is_quiet(year: Year) -> None:
    """Weeks in which nothing changes."""
    page = year.page
    year.go_on(_HUB.begin - year.week - 1)
    year.go_on(1)
    page.chapter(year.today, "A quiet winter")
    drift, alerts = year.place.get(f"{MONITORING}/drift"), year.alerts()
    usual = drift["baseline"]
    if not page.expect(holds=usual is not None, fault="what is usual has not been learned"):
        return
    page.row("Happened", f"{_HUB.begin} weeks as ever; what is usual was learned from "
             f"{usual['scans']:,} scans, {usual['first']} to {usual['last']}")  # fmt: skip
    lines = [f"by chance, {tell_place(year, one)}" for one in alerts]
    page.row("Noticed", *(lines or ["nothing: all as usual"]))
    page.ways(("monitor show", f"GET {MONITORING}/drift"))


def opens_a_hub(year: Year) -> None:
    """A hub that no list names: noticed, explained by people, and dismissed."""
    name = f"A new hub opens: {NEW_HUB[1]} ({NEW_HUB[0]})"
    if not _changes(year, _HUB, name, {"new value"}):
        return
    given = year.place.post(
        "/api/feedback", verdict="dismiss", days=366, reason="our new hub",
        group={"kind": "locErr", "site": NEW_HUB[0]},
    )  # fmt: skip
    year.page.row("Done", f"people say that it is theirs (feedback {given['id']}): its scans are "
                  "judged as ever, and alert no more")  # fmt: skip
    year.page.ways(
        ("monitor show; scantrail alerts list", f"GET {MONITORING}/drift, /api/alerts"),
        (f'feedback dismiss --kind locErr --site {NEW_HUB[0]} --reason "our new hub"',
         "POST /api/feedback"),
    )  # fmt: skip


def slows_down(year: Year) -> None:
    """Roads to a hub take longer."""
    year.go_on(_LANES.begin - year.week)
    if _changes(year, _LANES, "Roads become slower", {"drift", "alert rate"}):
        year.page.ways(("alerts list", "GET /api/alerts"))


def sells_something_new(year: Year) -> None:
    """A product that nobody has seen before."""
    year.go_on(_PRODUCT.begin - year.week)
    if _changes(year, _PRODUCT, f"A new product: {NEW_PRODUCT}", {"new value"}, NEW_PRODUCT):
        year.page.ways(("monitor show", f"GET {MONITORING}/alerts-rate"))


def breaks_a_scanner(year: Year) -> None:
    """A scanner loses the dots of codes, until it is mended."""
    year.go_on(_SCANNER.begin - year.week)
    if not _changes(year, _SCANNER, "A scanner breaks, and is mended", {"alert rate"}):
        return
    tell_rates(year)
    year.page.row("Done", "the scanner was set right; nothing is learned from what it read")
    year.page.ways(("alerts show ID", "GET /api/alerts/{alert}"))


def learns_anew(year: Year) -> None:
    """Drift that lasts starts a retraining; the candidate is compared on later data."""
    page, place = year.page, year.place
    started = None
    while started is None and year.week < _DUE:
        year.go_on(1)
        jobs = place.get(f"{ADMIN}/jobs")
        started = next((one for one in jobs if one["actor"].startswith("trigger ")), None)
    page.chapter(year.today, "The drift lasts: a retraining starts by itself")
    due = place.get(f"{MONITORING}/performance")["retraining"]
    if page.expect(holds=started is not None, fault=f"no retraining has started until week {_DUE}"):
        assert started is not None
        job = year.followed(started, "retraining")
        page.row("Happened", f"{escape(started['reason'])}: after {DRIFT_DAYS} days of it, the "
                 f"worker began job {job['id']}")  # fmt: skip
    else:
        job = year.job("retrain", "retraining", seed=year.seed, epochs=year.epochs)
        page.row("Done", f"somebody asked for it: job {job['id']}; due are {len(due)} reasons")
    year.versions["candidate"] = str(job["version"])
    told = tell_gate(year, job["version"])
    page.row("", f"measured by {told['data']['events']:,} scans after "
             f"{str(told['data']['since'])[:10]}, which neither learned from")  # fmt: skip
    page.expect(holds=told["passed"], fault="the gate refuses the retrained version")
    page.ways(
        ("monitor show", f"GET {MONITORING}/performance"),
        ("models retrain", f"POST {ADMIN}/retrain, GET {ADMIN}/jobs/{job['id']}"),
        (f"models gate {job['version']}", f"POST {ADMIN}/models/{{version}}/gate"),
    )


def is_shadowed(year: Year) -> None:
    """The candidate judges all, without effect."""
    page, place, candidate = year.page, year.place, year.versions["candidate"]
    page.chapter(year.today, "In the shadow")
    trial = place.post(f"{ADMIN}/trials", mode="shadow", challenger=candidate,
                       reason="what would it say?")["id"]  # fmt: skip
    time.sleep(_FOLLOWED)
    year.go_on(2, looking=True)
    until = time.monotonic() + _PATIENCE
    while place.get(f"{ADMIN}/trials")["shadow"]["waiting"] and time.monotonic() < until:
        time.sleep(0.2)
    told = place.get(f"{ADMIN}/trials/{trial}")
    place.post(f"{ADMIN}/trials/{trial}/stop", reason="seen enough")
    tell_agreement(year, told)
    page.expect(
        holds=(told["scored"] or 0) > 0.9,
        fault="the shadow has missed a tenth of the scans or more",
    )
    page.ways(
        (f"trial start {candidate} --mode shadow", f"POST {ADMIN}/trials"),
        (f"trial show {trial}", f"GET {ADMIN}/trials/{trial}"),
        (f"trial stop {trial}", f"POST {ADMIN}/trials/{trial}/stop"),
    )


def is_tried(year: Year) -> None:
    """The candidate judges half of the items; people look at alerts; then it is promoted."""
    page, place, candidate = year.page, year.place, year.versions["candidate"]
    page.chapter(year.today, "A/B, and the promotion")
    trial = place.post(f"{ADMIN}/trials", mode="ab", challenger=candidate, share=0.5,
                       reason="learned the new ways")["id"]  # fmt: skip
    time.sleep(_FOLLOWED)
    year.go_on(3, looking=True)
    told = place.get(f"{ADMIN}/trials/{trial}")
    tell_arms(year, told)
    page.expect(holds=told["state"] == "running", fault=f"the trial is {told['state']}")
    try:
        place.post(f"{ADMIN}/trials/{trial}/promote", reason="the gate and the trial speak for it")
    except PlaceError as error:
        page.expect(holds=False, fault=f"the promotion is refused: {error}")
        return
    judges = year.serving()
    page.expect(holds=judges == candidate, fault=f"{judges} judges, not the candidate {candidate}")
    page.row("Done", f"{judges} judges: only what passed the gate against the version before may")
    first, last = f"{monday(year.week - 4):%Y-%m-%d}", f"{monday(year.week - 1):%Y-%m-%d}"
    year.followed(place.post(f"{MONITORING}/baseline", first=first, last=last), "what is usual")
    year.go_on(3, looking=True)
    open_now = year.alerts()
    page.row("After it", f"{first} to {last} is usual now; three weeks later there "
             f"{'is 1 open alert' if len(open_now) == 1 else f'are {len(open_now)} open alerts'}",
             *(tell_place(year, one) for one in open_now[:2]),
             f"people looked at {sum(year.looked)} alerts so far, {year.looked[0]} were "
             "confirmed")  # fmt: skip
    page.ways(
        (f"trial start {candidate} --mode ab --share 0.5", f"POST {ADMIN}/trials"),
        (f"trial promote {trial}", f"POST {ADMIN}/trials/{trial}/promote"),
        (f"monitor baseline {first} {last}", f"POST {MONITORING}/baseline"),
    )


def is_refused(year: Year) -> None:
    """Somebody trains on an old log: the gate refuses what comes of it."""
    page, place = year.page, year.place
    page.chapter(year.today, "A bad candidate is refused")
    job = year.job("retrain", "training", dataset=AUTUMN, seed=year.seed, epochs=year.epochs)
    bad = year.versions["bad"] = str(job["version"])
    page.row("Happened", f"somebody retrains on an old log, {AUTUMN}: job {job['id']} made {bad}")
    year.job(f"models/{bad}/gate", "at the gate")
    told = tell_gate(year, bad)
    page.expect(holds=not told["passed"], fault="the gate lets the bad candidate pass")
    try:
        place.post(f"{ADMIN}/models/{bad}/promote", reason="it is new")
    except PlaceError as error:
        said = textwrap.shorten(str(error), _SHORT, placeholder=" …")
        page.row("Refused", escape(f"its promotion, too: {said}"))
    else:
        page.expect(holds=False, fault=f"version {bad} was promoted though it was refused")
    page.ways((f"models gate {bad}", f"POST {ADMIN}/models/{{version}}/gate"),
              (f"models promote {bad}", f"POST {ADMIN}/models/{{version}}/promote"))  # fmt: skip


def is_rolled_back(year: Year) -> None:
    """It gets through all the same, past the gate, and is taken back by itself."""
    page, place, bad = year.page, year.place, year.versions["bad"]
    page.chapter(year.today, "It gets through all the same, and is rolled back")
    said = place.command("models", "promote", bad, "--reason", "it is new, no time for the gate",
                         GATE__REQUIRED="false")  # fmt: skip
    page.row("Happened", f"from a shell in which the gate is not required: {escape(said)}")
    back = None
    for _ in range(3):
        year.go_on(1, looking=True)
        until = time.monotonic() + _PATIENCE / 3
        while back is None and time.monotonic() < until:
            newest = place.get(f"{ADMIN}/deployments")[0]
            back = newest if newest["action"] == "rollback" else None
            time.sleep(0.3)
        if back:
            break
    if page.expect(holds=back is not None, fault=f"version {bad} still judges"):
        assert back is not None
        page.row("Noticed", escape(back["reason"]))
        page.row("Done", f"{back['version']} judges again, by {back['actor']}; {bad} is never "
                 "promoted by itself again")  # fmt: skip
    page.ways(("models rollback", f"POST {ADMIN}/models/{{version}}/rollback"),
              ("models history", f"GET {ADMIN}/deployments"))  # fmt: skip


CHAPTERS: Final[tuple[Chapter, ...]] = (
    begins, is_quiet, opens_a_hub, slows_down, sells_something_new, breaks_a_scanner, learns_anew,
    is_shadowed, is_tried, is_refused, is_rolled_back,
)  # fmt: skip


def _promote(year: Year, version: str, reason: str) -> None:
    done = year.place.post(f"{ADMIN}/models/{version}/promote", reason=reason)
    year.page.row("Done", f"{done['version']} judges: deployment {done['id']}")


def _changes(
    year: Year, change: Planned, title: str, checks: Collection[str], word: str = ""
) -> bool:
    """Let a change happen and weeks go on; whether monitoring noticed it, which is told."""
    begun, place = year.today, year.world.places[change.name]
    weeks = (change.end or change.begin + _WATCHED) - change.begin
    found = [one for _ in range(weeks) for one in year.go_on(1)]
    year.page.chapter(begun, title)
    year.page.row("Happened", f"{CHANGES[change.name].about}: {year.called(str(place))}; "
                  f"{len(found):,} suspect scans in {weeks} weeks")  # fmt: skip
    told = noticed(year, str(place), checks, begun, word)
    fault = f"nobody noticed it within {weeks} weeks"
    if not year.page.expect(holds=bool(told), fault=fault):
        return False
    tell_symptoms(year, told)
    return True
