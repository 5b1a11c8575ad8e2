"""A network's losses and scores for whole sets of sequences, in torch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from scantrail.detectors.lstm.network import Network
from scantrail.detectors.lstm.sequences import Rows, Sequences

Table = npt.NDArray[np.float32]


def losses(network: Network, sequences: Sequences) -> Table:
    """Negative log-likelihood per event and head, `[N, H]`, without dropout."""
    return _over(network, sequences, network.losses)


def scores(network: Network, sequences: Sequences) -> Table:
    """Surprise per event and head, `[N, H]`, as `Network.scores` says."""
    return _over(network, sequences, network.scores)


def expected(network: Network, sequences: Sequences) -> Table:
    """What `scores` would be on average if the network were right, `[N, H]`."""
    return _over(network, sequences, lambda outputs, _codes, _times: network.expected(outputs))


def tensors(
    sequences: Sequences, rows: Rows, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Codes, numerics and times of the rows `[B, T]`."""
    arrays = (sequences.codes[rows], sequences.numerics[rows], sequences.times[rows])
    codes, numerics, times = (torch.from_numpy(array).to(device) for array in arrays)
    return codes, numerics, times


def _over(
    network: Network,
    sequences: Sequences,
    judge: Callable[[list[Tensor], Tensor, Tensor], Tensor],
) -> Table:
    sequences.check(network.spec)
    network.eval()
    result = np.zeros((sequences.events, len(network.spec.heads)), dtype=np.float32)
    with torch.inference_mode():
        for rows, skip in sequences.buckets():
            codes, numerics, times = tensors(sequences, rows, network.start.device)
            judged = judge(network(codes, numerics), codes, times)
            result[rows[:, skip:]] = judged[:, skip:].cpu().numpy()
    return result
