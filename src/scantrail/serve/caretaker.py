"""What the service does about models by itself: trials go on or are stopped, promotions taken back.

Every process looks; of those that would do the same at once, one does it, as the chains of moves
and of deployments let only one follow the last.
"""

from __future__ import annotations

import logging

from scantrail.aftercare import Aftercare
from scantrail.errors import ConflictError
from scantrail.serve.models import Models
from scantrail.serve.trying import Trying
from scantrail.serve.watching import Watcher

_log = logging.getLogger(__name__)


class Caretaker:
    """Looks after trials and promotions."""

    def __init__(self, models: Models, trying: Trying, aftercare: Aftercare) -> None:
        """Look after nothing yet."""
        self._models, self.trying, self._aftercare = models, trying, aftercare
        seconds = trying.trialing.settings.check_seconds
        self._watchers = (
            Watcher("the trial", self.tend_trial, seconds),
            Watcher("the promotion", self.tend_promotion, aftercare.settings.check_seconds),
        )

    def open(self) -> None:
        """Begin."""
        for watcher in self._watchers:
            watcher.open()

    def close(self) -> None:
        """End."""
        for watcher in self._watchers:
            watcher.close()

    def tend_trial(self) -> None:
        """Look once how the trial goes."""
        try:
            moved = self.trying.trialing.tend(self._models.promote)
        except ConflictError as error:  # another process was quicker
            _log.info("%s", error)
            return
        if moved is not None:
            known = {"happened": f"trial_{moved.action}", "trial": moved.trial}
            _log.warning("trial %d: %s, %s", moved.trial, moved.action, moved.reason, extra=known)
            self.trying.look()
        self.trying.read()

    def tend_promotion(self) -> None:
        """Look once how the newest promotion does."""
        try:
            done = self._aftercare.tend(self._models.roll_back)
        except ConflictError as error:  # another process was quicker
            _log.info("%s", error)
            return
        if done is not None:
            known = {"happened": "promotion_taken_back", "version": done.version}
            _log.warning("version %s judges again: %s", done.version, done.reason, extra=known)
