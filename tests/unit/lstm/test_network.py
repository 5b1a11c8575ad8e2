import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra `train`")

from scantrail.detectors.lstm.network import Network, log_density, log_tail  # noqa: E402
from scantrail.detectors.lstm.spec import (  # noqa: E402
    CategoricalHead,
    DensityHead,
    Field,
    NetworkSpec,
)

FIELDS = (Field("kind", 4, 3), Field("site", 6, 5), Field("product", 5, 3, known=True))
HEADS = (
    CategoricalHead("kind", "kind"),
    CategoricalHead("site", "site", ("kind", "product")),
    DensityHead("hours", 3, ("kind", "km")),
)


def network(**settings):
    torch.manual_seed(0)
    return Network(NetworkSpec(FIELDS, HEADS, ("km", "load"), hidden=16, **settings)).eval()


def events(batch, length, seed=0):
    draw = torch.Generator().manual_seed(seed)
    codes = torch.stack(
        [torch.randint(1, f.size, (batch, length), generator=draw) for f in FIELDS], dim=-1
    )
    numerics = torch.randn(batch, length, 2, generator=draw)
    times = torch.randn(batch, length, 1, generator=draw).exp()
    return codes, numerics, times


both = pytest.mark.parametrize("attention", [False, True])


@both
def test_shapes(attention):
    net = network(attention=attention, layers=2)
    codes, numerics, times = events(3, 7)
    outputs = net(codes, numerics)
    assert [tuple(out.shape) for out in outputs] == [(3, 7, 4), (3, 7, 6), (3, 7, 9)]
    assert net.losses(outputs, codes, times).shape == (3, 7, 3)
    scores = net.scores(outputs, codes, times)
    assert scores.shape == (3, 7, 3)
    assert (scores > -1e-5).all()


@both
@pytest.mark.parametrize("changed", range(5))
def test_a_prediction_sees_only_what_came_before(attention, changed):
    net = network(attention=attention)
    codes, numerics, _ = events(2, 5)
    before = net(codes, numerics)
    codes = codes.clone()
    codes[:, changed, :2] = 1 + codes[:, changed, :2] % 3
    numerics = numerics.clone()
    numerics[:, changed] += 1
    after = net(codes, numerics)
    for head, old, new in zip(HEADS, before, after, strict=True):
        known = changed if head.conditions else changed + 1
        torch.testing.assert_close(new[:, :known], old[:, :known])
        if changed < 4:
            assert not torch.allclose(new[:, changed + 1], old[:, changed + 1])
        if head.conditions:  # the chain rule: fields of the same event
            assert not torch.allclose(new[:, changed], old[:, changed])


def test_what_is_known_beforehand_speaks_from_the_first_event_on():
    net = network()
    codes, numerics, _ = events(1, 3)
    other = codes.clone()
    other[:, :, 2] = 1 + codes[:, :, 2] % 4
    assert not torch.allclose(net(codes, numerics)[0][:, 0], net(other, numerics)[0][:, 0])


@both
def test_packed_batches_equal_single_sequences(attention):
    net = network(attention=attention)
    codes, numerics, _ = events(4, 6)
    lengths = torch.tensor([6, 2, 5, 1])
    padded = net(codes, numerics, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = net(codes[row : row + 1, :length], numerics[row : row + 1, :length])
        for one, many in zip(alone, padded, strict=True):
            torch.testing.assert_close(many[row, :length], one[0])


def test_scores_are_odds_against_the_likeliest_value_and_tails_of_times():
    net = network()
    codes, numerics, times = events(2, 4)
    outputs = net(codes, numerics)
    scores = net.scores(outputs, codes, times)
    chance = torch.softmax(outputs[1], dim=-1)
    actual = chance.gather(-1, codes[..., 1:2])[..., 0]
    wanted = (chance[..., 1:].amax(dim=-1) / actual).log()
    torch.testing.assert_close(scores[..., 1], wanted)
    torch.testing.assert_close(scores[..., 2], -log_tail(outputs[2], times[..., 0]) / math.log(10))


def test_what_is_unknown_is_not_judged_and_teaches_nothing():
    net = network()
    codes, numerics, times = events(1, 3)
    codes[0, 1, 1] = 0
    times[0, 2, 0] = math.nan
    outputs = net(codes, numerics)
    scores, losses = net.scores(outputs, codes, times), net.losses(outputs, codes, times)
    assert scores[0, :, 1].isnan().tolist() == [False, True, False]
    assert scores[0, :, 2].isnan().tolist() == [False, False, True]
    assert (losses[0, 1, 1], losses[0, 2, 2]) == (0, 0)
    losses.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


def test_every_weight_learns():
    net = network(attention=True)
    codes, numerics, times = events(4, 6)
    net.losses(net(codes, numerics), codes, times).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def mixture(weights, middles, spreads):
    raw = np.log(np.expm1(np.array(spreads) - 0.02))
    return torch.tensor([*np.log(weights), *middles, *raw], dtype=torch.float32)


def normal_tail(z):
    return math.erfc(z / math.sqrt(2)) / 2


def test_density_of_a_mixture_against_the_formula():
    hours, parts = 5.0, [(0.3, 1.0, 0.5), (0.7, 2.5, 0.2)]
    wanted = sum(
        w * math.exp(-(((math.log(hours) - m) / s) ** 2) / 2) / s / math.sqrt(2 * math.pi)
        for w, m, s in parts
    )
    found = log_density(mixture(*zip(*parts, strict=True)), torch.tensor(hours))
    assert found.exp().item() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("z", [-30, -8, -3, -0.5, -1e-3, 0.2, 1, 4, 10, 25])
def test_tails_are_exact_far_out(z):
    found = log_tail(mixture([1.0], [1.0], [0.5]), torch.tensor(math.exp(1.0 + 0.5 * z)))
    wanted = math.log(2 * normal_tail(abs(z)))
    assert found.item() == pytest.approx(wanted, rel=2e-4, abs=1e-5)


def test_the_middle_of_a_density_is_no_surprise():
    assert log_tail(mixture([0.5, 0.5], [0.0, 2.0], [0.3, 0.3]), torch.tensor(math.e)).item() == (
        pytest.approx(0, abs=1e-4)
    )
