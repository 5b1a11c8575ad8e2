"""The training loop, on one screen: next-event prediction without labels.

Everything random is drawn from the seed and the number of the epoch, so that a run that was killed
and resumed gives the weights of one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor

from scantrail.detectors.lstm.network import Network
from scantrail.detectors.lstm.sequences import Rows, Sequences
from scantrail.detectors.lstm.spec import UNKNOWN, NetworkSpec
from scantrail.errors import TrainingError
from scantrail.training.checkpoint import Checkpoint, Epoch, State
from scantrail.training.judge import losses, tensors


class FitSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to train.

    `batch`: events per step. `patience`: epochs without progress before stopping. `unknown`: share
    of input codes replaced by "unknown", so that it has a meaning. `trim`: share of training items,
    the most surprising ones, to leave out after `trim_after` epochs. `device`: "cpu", "cuda", or
    "auto" for a GPU where there is one. `threads`: CPU threads; one is fastest for small networks.
    """

    epochs: int = 20
    batch: int = 2048
    learning_rate: float = 4e-3
    weight_decay: float = 1e-4
    clip: float = 1.0
    patience: int = 4
    unknown: float = 0.015
    trim: float = 0.0
    trim_after: int = 3
    seed: int = 0
    threads: int = 1
    device: str = "auto"


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained network with its best weights, on the CPU, and how it went."""

    network: Network
    history: tuple[Epoch, ...]
    best_epoch: int


def fit(
    spec: NetworkSpec,
    train: Sequences,
    valid: Sequences,
    settings: FitSettings,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[Epoch], None] = lambda _: None,
) -> Fitted:
    """Train a network; resumes from `checkpoint` where that exists, and keeps it up to date.

    Raises:
        TrainingError: If there is nothing to learn from, or the checkpoint is of another run.
        InputError: If the sequences are not what the spec says.
    """
    for part, sequences in (("train", train), ("validate", valid)):
        sequences.check(spec)
        if not sequences.events:
            raise TrainingError(f"there are no events to {part} on")
    run = _Run(spec, train.cut(), settings)
    state, best = run.resume(checkpoint, valid)
    while len(state.history) < settings.epochs and not _stuck(state, settings):
        epoch = run.epoch(len(state.history), valid)
        state.history.append(epoch)
        if epoch.valid_loss < state.best_loss:
            state.best_epoch, state.best_loss = epoch.number, epoch.valid_loss
            best = {name: value.clone() for name, value in run.network.state_dict().items()}
        if checkpoint:
            Checkpoint(checkpoint).save(state, run.network, best, run.optimizer, run.kept)
        progress(epoch)
    if state.best_epoch < 0:
        raise TrainingError(
            "training diverged: no epoch had a finite loss; lower the learning rate"
        )
    run.network.load_state_dict(best)
    return Fitted(run.network.cpu().eval(), tuple(state.history), state.best_epoch)


def _stuck(state: State, settings: FitSettings) -> bool:
    return len(state.history) - 1 - state.best_epoch >= settings.patience


class _Run:
    """Network, optimizer and kept items of one training."""

    def __init__(self, spec: NetworkSpec, train: Sequences, settings: FitSettings) -> None:
        torch.set_num_threads(settings.threads)
        torch.manual_seed(settings.seed)
        wanted = settings.device
        if wanted == "auto":
            wanted = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(wanted)
        self.half = self.device.type == "cuda" and torch.cuda.is_bf16_supported()
        self.settings, self.train = settings, train
        self.network = Network(spec).to(self.device)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.kept = torch.ones(len(train), dtype=torch.bool)

    def resume(self, checkpoint: Path | None, valid: Sequences) -> tuple[State, dict[str, Tensor]]:
        """The state and best weights to go on from."""
        spec, settings = msgspec.json.encode(self.network.spec), msgspec.json.encode(self.settings)
        data = self.train.digest() + valid.digest()
        run = f"{spec.decode()} {settings.decode()} {data}"
        if checkpoint and (
            loaded := Checkpoint(checkpoint).load(run, self.network, self.optimizer)
        ):
            state, best, self.kept = loaded
            return state, best
        return State(run), {}

    def epoch(self, number: int, valid: Sequences) -> Epoch:
        """One pass over the kept items."""
        begun, settings = time.monotonic(), self.settings
        torch.manual_seed(settings.seed * 100_003 + number + 1)
        if settings.trim and number == settings.trim_after:
            self._trim()
        batches = list(self._batches(np.random.default_rng([settings.seed, number])))
        total, events = 0.0, 0
        for step, items in enumerate(batches):
            self._set_rate((number + step / len(batches)) / settings.epochs)
            loss, count = self._step(items)
            total, events = total + loss * count, events + count
        return Epoch(
            number,
            total / events,
            float(losses(self.network, valid).sum(axis=1).mean()),
            int(self.kept.sum()),
            time.monotonic() - begun,
        )

    def _batches(self, rng: np.random.Generator) -> Iterator[Rows]:
        """Batches of items of similar length, in random order."""
        items = np.flatnonzero(self.kept.numpy() & (self.train.lengths > 0))
        lengths = self.train.lengths[items]
        order = np.lexsort((rng.random(len(items)), lengths))
        ends = np.cumsum(lengths[order])
        which = (ends - 1) // self.settings.batch
        parts = np.split(items[order], np.flatnonzero(np.diff(which)) + 1)
        return (parts[i] for i in rng.permutation(len(parts)))

    def _step(self, items: Rows) -> tuple[float, int]:
        rows = self.train.padded(items)
        codes, numerics, times = tensors(self.train, rows, self.device)
        lengths = torch.from_numpy(self.train.lengths[items])
        hidden = torch.rand(codes.shape, device=self.device) < self.settings.unknown
        self.network.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            outputs = self.network(
                codes.masked_fill(hidden, UNKNOWN),
                numerics,
                None if bool((lengths == rows.shape[1]).all()) else lengths,
            )
        real = torch.arange(rows.shape[1]) < lengths[:, None]
        each = self.network.losses(outputs, codes, times).sum(dim=-1)
        count = int(lengths.sum())
        loss = each[real.to(self.device)].sum() / count
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        self.optimizer.step()
        return float(loss.detach()), count

    def _set_rate(self, progress: float) -> None:
        """Warm up over the first half epoch, then fall to a hundredth along a cosine."""
        warm = min(1.0, (progress * self.settings.epochs + 0.02) / 0.5)
        share = warm * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * share

    def _trim(self) -> None:
        """Leave out the items with the most surprising events: likely not normal."""
        worst = np.zeros(len(self.train))
        owner = np.repeat(np.arange(len(self.train)), self.train.lengths)
        np.maximum.at(worst, owner, losses(self.network, self.train).sum(axis=1))
        keep = worst <= np.quantile(worst, 1 - self.settings.trim)
        self.kept = torch.from_numpy(keep)
