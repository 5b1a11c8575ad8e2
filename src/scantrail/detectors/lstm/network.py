"""The network: a causal LSTM that predicts each next event, field by field.

Event t is predicted from the events before it (and from what is known beforehand), never from
itself or later ones. Only this module and `scantrail.training` import torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from scantrail.detectors.lstm.spec import (
    UNKNOWN,
    CategoricalHead,
    Head,
    NetworkSpec,
)

_QUERY: Final = 16  # numbers per query and key of the attention
_LEAST_SPREAD: Final = 0.02  # of log hours; keeps a density from collapsing onto one value
_ERFC: Final = (  # Chebyshev fit of log erfc, Numerical Recipes 6.2: relative error below 1.2e-7
    -1.26551223,
    1.00002368,
    0.37409196,
    0.09678418,
    -0.18628806,
    0.27886807,
    -1.13520398,
    1.48851587,
    -0.82215223,
    0.17087277,
)


class Network(nn.Module):
    """Embeddings and numerics, LSTM, attention over past states if asked for, one part per head."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.spec = spec
        self.embeddings = nn.ModuleList(nn.Embedding(f.size, f.width) for f in spec.fields)
        past = sum(f.width for f in spec.fields if not f.known) + len(spec.numerics)
        known = sum(f.width for f in spec.fields if f.known)
        self.start = nn.Parameter(torch.zeros(past))
        between = spec.dropout if spec.layers > 1 else 0.0
        self.lstm = nn.LSTM(
            past + known, spec.hidden, spec.layers, batch_first=True, dropout=between
        )
        for name, bias in self.lstm.named_parameters():
            if name.startswith("bias_ih"):  # remember by default (Gers et al. 2000)
                nn.init.ones_(bias.data[spec.hidden : 2 * spec.hidden])
        self.attention = _Attention(spec.hidden) if spec.attention else None
        self.dropout = nn.Dropout(spec.dropout)
        state = spec.hidden * (2 if spec.attention else 1)
        self.heads = nn.ModuleList(self._head(head, state) for head in spec.heads)

    def _head(self, head: Head, state: int) -> nn.Module:
        spec = self.spec
        widths = {f.name: f.width for f in spec.fields} | dict.fromkeys(spec.numerics, 1)
        seen = sum(widths[name] for name in head.conditions)
        if isinstance(head, CategoricalHead):
            return _layers(state, seen, spec.hidden, spec.fields[spec.position(head.field)].size)
        layers = _layers(state, seen, spec.hidden, 3 * head.components)
        last = layers[-1]
        assert isinstance(last, nn.Linear)
        with torch.no_grad():  # from minutes to weeks
            middle = last.bias[head.components : 2 * head.components]
            middle.copy_(torch.linspace(-3.0, 6.0, head.components + 2)[1:-1])
        return layers

    def forward(
        self, codes: Tensor, numerics: Tensor, lengths: Tensor | None = None
    ) -> list[Tensor]:
        """What each head predicts of each event.

        Args:
            codes: `[B, T, K]` integers.
            numerics: `[B, T, D]` floats.
            lengths: `[B]` events per row of the batch, on the CPU; None if all have T.

        Returns:
            Per head of the spec `[B, T, size]` logits, or `[B, T, 3 C]`: logits of the weights,
            means and spreads (before `softplus`) of the log of the time.
        """
        embedded = [self.embeddings[i](codes[..., i]) for i in range(len(self.spec.fields))]
        states = self._states(embedded, numerics, lengths)
        seen = {f.name: e for f, e in zip(self.spec.fields, embedded, strict=True)}
        seen |= {name: numerics[..., i, None] for i, name in enumerate(self.spec.numerics)}
        return [
            layers(torch.cat([states, *(seen[name] for name in head.conditions)], dim=-1))
            for head, layers in zip(self.spec.heads, self.heads, strict=True)
        ]

    def _states(
        self, embedded: Sequence[Tensor], numerics: Tensor, lengths: Tensor | None
    ) -> Tensor:
        """What is remembered just before each event, `[B, T, S]`."""
        fields = self.spec.fields
        past = [e for f, e in zip(fields, embedded, strict=True) if not f.known]
        known = [e for f, e in zip(fields, embedded, strict=True) if f.known]
        events = torch.cat([*past, numerics], dim=-1)
        start = self.start.expand(events.shape[0], 1, -1)
        inputs = torch.cat([torch.cat([start, events[:, :-1]], dim=1), *known], dim=-1)
        inputs = self.dropout(inputs)
        if lengths is None:
            states, _ = self.lstm(inputs)
        else:
            packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
            states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        if self.attention is not None:
            states = torch.cat([states, self.attention(states)], dim=-1)
        dropped: Tensor = self.dropout(states)
        return dropped

    def losses(self, outputs: Sequence[Tensor], codes: Tensor, times: Tensor) -> Tensor:
        """Negative log-likelihood per event and head, `[B, T, H]`; 0 where there is no value.

        Of a time it is that of its logarithm.
        """
        columns: list[Tensor] = []
        density = 0
        for head, output in zip(self.spec.heads, outputs, strict=True):
            if isinstance(head, CategoricalHead):
                actual = codes[..., self.spec.position(head.field)].long()
                loss = nn.functional.cross_entropy(
                    output.flatten(0, -2).float(),
                    actual.flatten(),
                    ignore_index=UNKNOWN,
                    reduction="none",
                )
                columns.append(loss.view(actual.shape))
            else:
                columns.append(-log_density(output.float(), times[..., density]))
                density += 1
        return torch.stack(columns, dim=-1)

    def expected(self, outputs: Sequence[Tensor]) -> Tensor:
        """What `scores` would be on average if the network were right, `[B, T, H]`."""
        columns: list[Tensor] = []
        for head, output in zip(self.spec.heads, outputs, strict=True):
            if isinstance(head, CategoricalHead):
                logs = torch.log_softmax(output[..., UNKNOWN + 1 :], dim=-1)
                columns.append(logs.amax(dim=-1) - (logs.exp() * logs).sum(dim=-1))
            else:  # a tail probability is uniform
                columns.append(torch.full_like(output[..., 0], 1 / math.log(10.0)))
        return torch.stack(columns, dim=-1)

    def scores(self, outputs: Sequence[Tensor], codes: Tensor, times: Tensor) -> Tensor:
        """Surprise per event and head, `[B, T, H]`, 0 and above; NaN where it cannot be judged.

        Of a field log(p of the likeliest value / p of the actual one), NaN if that is unknown; of
        a time -log10 of its two-sided tail probability, NaN if there is none.
        """
        columns: list[Tensor] = []
        density = 0
        for head, output in zip(self.spec.heads, outputs, strict=True):
            if isinstance(head, CategoricalHead):
                actual = codes[..., self.spec.position(head.field), None].long()
                best = output[..., UNKNOWN + 1 :].amax(dim=-1)
                short = best - output.gather(-1, actual)[..., 0]
                columns.append(torch.where(actual[..., 0] == UNKNOWN, math.nan, short))
            else:
                columns.append(log_tail(output, times[..., density]) / -math.log(10.0))
                density += 1
        return torch.stack(columns, dim=-1)


def _layers(state: int, seen: int, hidden: int, out: int) -> nn.Sequential:
    """A linear map of the state, or a small network where it must be combined with conditions."""
    if not seen:
        return nn.Sequential(nn.Linear(state, out))
    return nn.Sequential(nn.Linear(state + seen, hidden), nn.ReLU(), nn.Linear(hidden, out))


class _Attention(nn.Module):
    """Scaled dot-product attention of each state over itself and the states before it."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.query = nn.Linear(hidden, _QUERY, bias=False)
        self.key = nn.Linear(hidden, _QUERY, bias=False)

    def forward(self, states: Tensor) -> Tensor:
        query, key = self.query(states), self.key(states)
        context: Tensor = nn.functional.scaled_dot_product_attention(
            query[:, None], key[:, None], states[:, None], is_causal=True
        )[:, 0]
        return context


def log_density(mixture: Tensor, hours: Tensor) -> Tensor:
    """Log density of log `hours` under `[…, 3 C]` mixtures of normals; 0 where hours is NaN."""
    weights, z, spread = _standardised(mixture, hours)
    each = weights - z.square() / 2 - spread.log() - math.log(2 * math.pi) / 2
    return torch.where(hours.isnan(), 0.0, torch.logsumexp(each, dim=-1))


def log_tail(mixture: Tensor, hours: Tensor) -> Tensor:
    """Log of the two-sided tail probability, 2 min(P(t ≤ hours), P(t ≥ hours)), at most 0.

    Exact far out in the tails, where probabilities themselves would round to 0. NaN where hours is.
    """
    weights, z, _ = _standardised(mixture, hours)
    upper = torch.logsumexp(weights + _log_upper(z), dim=-1)
    lower = torch.logsumexp(weights + _log_upper(-z), dim=-1)
    tail = (torch.minimum(upper, lower) + math.log(2.0)).clamp(max=0.0)
    return torch.where(hours.isnan(), math.nan, tail)


def _standardised(mixture: Tensor, hours: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Log weights, z values and spreads per component."""
    weights, middle, raw = mixture.chunk(3, dim=-1)
    spread = nn.functional.softplus(raw) + _LEAST_SPREAD
    value = torch.where(hours.isnan(), 1.0, hours).log().unsqueeze(-1)
    return torch.log_softmax(weights, dim=-1), (value - middle) / spread, spread


def _log_upper(z: Tensor) -> Tensor:
    """Log of P(Z ≥ z) of a standard normal, in operations that ONNX has."""
    x = z.abs() / math.sqrt(2.0)
    t = 1.0 / (1.0 + x / 2.0)
    fit = torch.full_like(t, _ERFC[-1])
    for coefficient in reversed(_ERFC[:-1]):
        fit = fit * t + coefficient
    outer = t.log() - x.square() + fit - math.log(2.0)
    return torch.where(z >= 0, outer, torch.log1p(-outer.exp()))
