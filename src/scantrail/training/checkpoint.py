"""Training that was killed goes on where it was: one safetensors file, replaced in one move."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from scantrail.errors import TrainingError

_FORMAT: Final = 1


class Epoch(msgspec.Struct, frozen=True):
    """One pass over the training items: losses are per event, in nats, summed over the heads."""

    number: int
    train_loss: float
    valid_loss: float
    items: int
    seconds: float


class State(msgspec.Struct):
    """What training knows besides tensors; `run` identifies spec, settings and data."""

    run: str
    history: list[Epoch] = msgspec.field(default_factory=list)
    best_epoch: int = -1
    best_loss: float = float("inf")
    format: int = _FORMAT


class Checkpoint:
    """Weights, best weights, optimizer state and kept items, all by name in one file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(
        self,
        state: State,
        network: nn.Module,
        best: dict[str, Tensor],
        optimizer: torch.optim.Optimizer,
        kept: Tensor,
    ) -> None:
        """Write all; a reader sees the old file or the new one, never a part."""
        tensors = {f"now.{name}": value for name, value in network.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in best.items()}
        for place, entries in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{place}.{name}": value for name, value in entries.items()}
        tensors["kept"] = kept
        tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        partial = self.path.with_name(self.path.name + ".partial")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, partial, {"state": msgspec.json.encode(state).decode()})
        partial.replace(self.path)

    def load(
        self, run: str, network: nn.Module, optimizer: torch.optim.Optimizer
    ) -> tuple[State, dict[str, Tensor], Tensor] | None:
        """Put `network` and `optimizer` where they were; None if nothing was saved.

        TrainingError if the file can't be read, or belongs to other data or settings.
        """
        if not self.path.exists():
            return None
        state, tensors = self._read()
        if state.run != run:
            raise TrainingError(
                f"{self.path} was written while training on other data or with other settings; "
                "delete it to start afresh, or name another file"
            )
        try:
            network.load_state_dict(_below("now", tensors))
        except RuntimeError as error:
            raise TrainingError(f"{self.path} lacks weights: {error}") from error
        stored = optimizer.state_dict()
        for name, value in _below("optimizer", tensors).items():
            place, _, entry = name.partition(".")
            stored["state"].setdefault(int(place), {})[entry] = value
        optimizer.load_state_dict(stored)
        return state, _below("best", tensors), tensors["kept"]

    def _read(self) -> tuple[State, dict[str, Tensor]]:
        try:
            with safe_open(self.path, framework="pt") as file:
                text = (file.metadata() or {}).get("state", "")
                state = msgspec.json.decode(text, type=State)
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        except (SafetensorError, msgspec.DecodeError) as error:
            raise TrainingError(
                f"{self.path} is no checkpoint of scantrail, or was cut short: {error}; "
                "delete it to start afresh"
            ) from error
        if state.format != _FORMAT:
            raise TrainingError(
                f"{self.path} has checkpoint format {state.format}, this version reads {_FORMAT}; "
                "delete it to start afresh"
            )
        return state, tensors


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    start = prefix + "."
    return {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}
