"""The endpoints for what people say of alerts."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import FastAPI, Path, Query, Request

from scantrail.serve import answers_of_monitoring as answers
from scantrail.serve.auth import caller_of
from scantrail.serve.document import REFUSALS, told
from scantrail.serve.service import Service
from scantrail.serve.views_of_monitoring import feedback_line
from scantrail.stores.feedback import Group
from scantrail.work.reviewing import Saying, take

_PATH: Final = "/api/feedback"
_TAG: Final = "feedback"


def add_feedback(app: FastAPI, service: Service) -> None:
    """Add the endpoint that lists it."""
    feedback = service.stores.feedback

    @app.get(_PATH, **told(list[answers.FeedbackLine], "What people said", _TAG))
    def listed(
        most: Annotated[int, Query(ge=1, le=10_000, description="At most so many.")] = 100,
        before: Annotated[
            int | None, Query(ge=1, lt=2**63, description="Only what is older than this id.")
        ] = None,
    ) -> list[dict[str, Any]]:
        """All feedback, withdrawals too, the newest first."""
        return [feedback_line(one) for one in feedback.all(most, before)]


def add_review(app: FastAPI, service: Service) -> None:
    """Add the endpoints that take it."""
    about = told(answers.GivenFeedback, "Confirm or dismiss", _TAG)
    about["responses"] |= REFUSALS
    about["responses"][201] = about["responses"].pop(200)

    @app.post(_PATH, status_code=201, **about)
    def give(request: Request, asked: answers.FeedbackRequest) -> dict[str, Any]:
        """Confirm or dismiss an event, an item, or a group of alerts, with the reason.

        A dismissal of an item or a group speaks of what comes until it expires: it is judged and
        told as ever, marked `dismissed`, and counts as no alert. Nothing that was said is changed.
        """
        given, events = take(
            service.stores, service.engine.network, _saying(asked), caller_of(request).id
        )
        service.dismissals.forget()
        return feedback_line(given) | {"events": events}

    about = told(answers.FeedbackLine, "Take feedback back", _TAG)
    about["responses"] |= REFUSALS

    @app.post(_PATH + "/{number}/withdraw", **about)
    def withdraw(
        request: Request,
        number: Annotated[int, Path(ge=1, lt=2**63, description="From `/api/feedback`.")],
        why: answers.Why,
    ) -> dict[str, Any]:
        """From now on it is as if it had not been given; both stay on record."""
        given = service.stores.feedback.withdraw(number, caller_of(request).id, why.reason)
        service.dismissals.forget()
        return feedback_line(given)


def _saying(asked: answers.FeedbackRequest) -> Saying:
    group = asked.group or answers.GroupOfAlerts.model_validate({})
    lane = group.lane
    return Saying(
        verdict=asked.verdict,
        reason=asked.reason,
        epc_code=asked.epcCode,
        event_id=None if asked.eventId is None else str(asked.eventId),
        group=Group(
            kind=group.kind,
            product=group.product,
            site=None if group.site is None else str(group.site),
            lane=None if lane is None else (str(lane.start), str(lane.end)),
        ),
        week=asked.week,
        days=asked.days,
    )
