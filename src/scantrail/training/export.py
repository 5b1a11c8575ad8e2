"""Write a trained network as an ONNX graph that scores, in a process of its own.

Only the first export of a process keeps batch and length dynamic; later ones freeze them without a
word. So each export starts a fresh process, and checks three shapes against torch before it counts.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import onnx
import onnxruntime as ort
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from scantrail.detectors.lstm.network import Network
from scantrail.detectors.lstm.spec import NetworkSpec
from scantrail.errors import TrainingError

#: Names of the graph's inputs, in order.
INPUTS: Final = ("codes", "numerics", "times")
_SHAPES: Final = ((1, 1), (3, 17), (64, 5))  # batch, length
_TOLERANCE: Final = 1e-4


def export(network: Network, path: Path) -> None:
    """Write `network` to `path`.

    The graph takes `codes` `[B, T, K]` int64, `numerics` `[B, T, D]` and `times` `[B, T, M]`
    float32, and gives `scores` and `expected` `[B, T, H]` and each head's prediction
    `[B, T, …]` by its name, float32. Inputs of width 0 are not part of it.

    Raises:
        TrainingError: If the graph can't be written or does not agree with torch.
    """
    with tempfile.TemporaryDirectory() as folder:
        spec, weights = Path(folder) / "spec.json", Path(folder) / "weights.safetensors"
        spec.write_bytes(msgspec.json.encode(network.spec))
        save_file(network.state_dict(), weights)
        command = [sys.executable, "-m", __name__, str(spec), str(weights), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if done.returncode:
        raise TrainingError(f"the network could not be exported to {path}: {done.stderr[-2000:]}")


class _Scoring(nn.Module):
    """Scores and predictions in one graph."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, codes: Tensor, numerics: Tensor, times: Tensor) -> tuple[Tensor, ...]:
        outputs = self.network(codes, numerics)
        scores = self.network.scores(outputs, codes, times)
        return (scores, self.network.expected(outputs), *outputs)


def _write(network: Network, path: Path) -> None:
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length")
    torch.onnx.export(
        _Scoring(network).eval(),
        _sample(network.spec, 2, 3),
        path,
        dynamo=True,
        external_data=False,
        input_names=list(INPUTS),
        output_names=["scores", "expected", *(head.name for head in network.spec.heads)],
        dynamic_shapes={name: {0: batch, 1: length} for name in INPUTS},
        verbose=False,
    )


def _bare(path: Path) -> None:
    """Leave out what the exporter notes of this machine: stack traces with paths, by node."""
    model = onnx.load(path)
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info,
                 *graph.initializer, *model.functions):  # fmt: skip
        del part.metadata_props[:]
        part.doc_string = ""
    for function in model.functions:
        for node in function.node:
            del node.metadata_props[:]
            node.doc_string = ""
    onnx.save(model, path)


def _check(network: Network, path: Path) -> None:
    """Raise unless ONNX Runtime and torch agree on three shapes."""
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    for batch, length in _SHAPES:
        sample = _sample(network.spec, batch, length)
        with torch.inference_mode():
            wanted = _Scoring(network)(*sample)
        feed = {
            name: tensor.numpy()
            for name, tensor in zip(INPUTS, sample, strict=True)
            if name in {each.name for each in session.get_inputs()}
        }
        for ours, theirs in zip(wanted, session.run(None, feed), strict=True):
            np.testing.assert_allclose(theirs, ours.numpy(), rtol=_TOLERANCE, atol=_TOLERANCE)


def _sample(spec: NetworkSpec, batch: int, length: int) -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(batch)
    sizes = torch.tensor([field.size for field in spec.fields])
    shares = torch.rand(batch, length, len(spec.fields), generator=draw)
    numerics = torch.randn(batch, length, len(spec.numerics), generator=draw)
    times = torch.randn(batch, length, len(spec.densities), generator=draw).exp()
    return (shares * sizes).long(), numerics, times


def _main(spec: Path, weights: Path, path: Path) -> None:
    torch.set_num_threads(1)
    network = Network(msgspec.json.decode(spec.read_bytes(), type=NetworkSpec))
    network.load_state_dict(load_file(weights))
    network.eval()
    _write(network, path)
    _bare(path)
    _check(network, path)


if __name__ == "__main__":
    _main(*map(Path, sys.argv[1:]))
