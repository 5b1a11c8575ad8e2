import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra `train`")

from scantrail.detectors.lstm.ngram import BackOff, preceding  # noqa: E402
from scantrail.detectors.lstm.runtime import Runtime  # noqa: E402
from scantrail.detectors.lstm.sequences import Sequences  # noqa: E402
from scantrail.detectors.lstm.spec import (  # noqa: E402
    CategoricalHead,
    DensityHead,
    Field,
    NetworkSpec,
)
from scantrail.errors import InputError, TrainingError  # noqa: E402
from scantrail.training import judge  # noqa: E402
from scantrail.training.export import export  # noqa: E402
from scantrail.training.fit import FitSettings, fit  # noqa: E402

SPEC = NetworkSpec(
    (Field("step", 7, 6), Field("way", 3, 2, known=True)),
    (CategoricalHead("step", "step"), DensityHead("hours", 2, ("step",))),
    ("last",),
    hidden=24,
    dropout=0.1,
)
QUICK = FitSettings(epochs=4, batch=256)


def walks(items, seed=0):
    """Steps 1 to 6 in a circle, one or two at a time by the way; hours double with the step."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 9, items)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    place = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    way = np.repeat(rng.integers(1, 3, items), lengths)
    step = (place * way) % 6 + 1
    hours = np.exp2(step + rng.normal(0, 0.1, len(step)))
    hours[place == 0] = np.nan
    last = np.where(place == 0, 0, rng.normal(size=len(step)))
    return Sequences(
        np.stack([step, way], axis=1).astype(np.int32),
        last[:, None].astype(np.float32),
        hours[:, None].astype(np.float32),
        offsets,
    )


@pytest.fixture(scope="module")
def learned():
    return fit(SPEC, walks(400), walks(100, 1), FitSettings(epochs=25, batch=64))


def weights(fitted):
    return {name: value.numpy() for name, value in fitted.network.state_dict().items()}


def same(one, other):
    return all(np.array_equal(weights(one)[name], value) for name, value in weights(other).items())


def test_it_learns_what_there_is_to_learn(learned):
    test = walks(50, 2)
    scores = judge.scores(learned.network, test)
    assert np.nanmax(scores[:, 0]) < 1
    test.codes[test.offsets[1:] - 1, 0] = 3  # a step that the way rules out for most
    after = judge.scores(learned.network, test)[test.offsets[1:] - 1, 0]
    assert np.median(after) > 3


def test_times_off_by_a_factor_of_twenty_stand_out(learned):
    test = walks(50, 2)
    normal = judge.scores(learned.network, test)[:, 1]
    test.times[:] *= 20
    assert np.nanmedian(judge.scores(learned.network, test)[:, 1]) > np.nanmax(normal)


def test_the_same_seed_gives_the_same_weights_and_another_does_not():
    train, valid = walks(60), walks(20, 1)
    one = fit(SPEC, train, valid, QUICK)
    assert same(one, fit(SPEC, train, valid, QUICK))
    assert not same(one, fit(SPEC, train, valid, FitSettings(epochs=4, batch=256, seed=1)))


class KilledError(Exception):
    pass


@pytest.mark.parametrize("trim", [0.0, 0.2])
def test_a_run_that_was_killed_ends_where_the_other_does(tmp_path, trim):
    settings = FitSettings(epochs=5, batch=256, trim=trim, trim_after=1)
    train, valid, path = walks(60), walks(20, 1), tmp_path / "run" / "checkpoint"

    def kill(epoch):
        if epoch.number == 2:
            raise KilledError

    with pytest.raises(KilledError):
        fit(SPEC, train, valid, settings, checkpoint=path, progress=kill)
    seen = []
    resumed = fit(SPEC, train, valid, settings, checkpoint=path, progress=seen.append)
    assert [epoch.number for epoch in seen] == [3, 4]
    whole = fit(SPEC, train, valid, settings)
    assert same(resumed, whole)
    assert [e.train_loss for e in resumed.history] == [e.train_loss for e in whole.history]


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    path = tmp_path / "checkpoint"
    fit(SPEC, walks(20), walks(10, 1), QUICK, checkpoint=path)
    with pytest.raises(TrainingError) as caught:
        fit(SPEC, walks(21), walks(10, 1), QUICK, checkpoint=path)
    assert str(caught.value) == (
        f"{path} was written while training on other data or with other settings; "
        "delete it to start afresh, or name another file"
    )


def test_a_truncated_checkpoint_is_refused(tmp_path):
    path = tmp_path / "checkpoint"
    fit(SPEC, walks(20), walks(10, 1), QUICK, checkpoint=path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TrainingError, match="is no checkpoint of scantrail, or was cut short"):
        fit(SPEC, walks(20), walks(10, 1), QUICK, checkpoint=path)


def test_it_stops_when_nothing_improves_and_keeps_the_best(tmp_path):
    noise = walks(30)
    noise.codes[:, 0] = np.random.default_rng(0).integers(1, 7, noise.events)
    other = walks(30, 1)
    settings = FitSettings(epochs=200, batch=64, patience=3, learning_rate=0.02)
    fitted = fit(SPEC, noise, other, settings)
    assert len(fitted.history) == fitted.best_epoch + 1 + 3
    best = fitted.history[fitted.best_epoch].valid_loss
    assert best == min(epoch.valid_loss for epoch in fitted.history)
    assert judge.losses(fitted.network, other).sum(axis=1).mean() == pytest.approx(best)


def test_trimming_leaves_out_the_most_surprising_items():
    train = walks(200)
    odd = np.arange(0, 200, 20)
    for item in odd:
        rows = slice(train.offsets[item], train.offsets[item + 1])
        train.codes[rows, 0] = 7 - train.codes[rows, 0]
        train.times[rows] = 0.001
    settings = FitSettings(epochs=8, batch=64, trim=0.06, trim_after=5)
    fitted = fit(SPEC, train, walks(50, 1), settings)
    assert [epoch.items for epoch in fitted.history] == [200] * 5 + [188] * 3
    plain = fit(SPEC, train, walks(50, 1), FitSettings(epochs=8, batch=64))
    clean = walks(100, 2)
    assert judge.losses(fitted.network, clean).mean() < judge.losses(plain.network, clean).mean()


def test_nothing_to_learn_from():
    empty = walks(5).take(np.zeros(0, dtype=np.int64))
    with pytest.raises(TrainingError, match=r"^there are no events to train on$"):
        fit(SPEC, empty, walks(5), QUICK)
    with pytest.raises(TrainingError, match=r"^there are no events to validate on$"):
        fit(SPEC, walks(5), empty, QUICK)


def test_input_of_another_shape_is_refused():
    wrong = Sequences(walks(5).codes[:, :1], walks(5).numerics, walks(5).times, walks(5).offsets)
    with pytest.raises(InputError, match="sequences have the shapes"):
        fit(SPEC, wrong, walks(5), QUICK)


def test_a_network_beats_counting_where_the_past_reaches_far(learned):
    train, test = walks(400), walks(100, 2)
    steps = [part.codes[:, 0].astype(np.int64) for part in (train, test)]
    contexts = [
        preceding(step, part.offsets, 3) for step, part in zip(steps, (train, test), strict=True)
    ]
    chance, _ = BackOff.fit(steps[0], contexts[0], 7).chances(steps[1], contexts[1])
    assert judge.losses(learned.network, test)[:, 0].mean() < -np.log(chance).mean()


@pytest.mark.slow
@pytest.mark.parametrize("attention", [False, True])
def test_the_exported_graph_gives_the_scores_of_torch(tmp_path, attention):
    spec = NetworkSpec(SPEC.fields, SPEC.heads, SPEC.numerics, hidden=24, attention=attention)
    network = fit(spec, walks(40), walks(20, 1), QUICK).network
    export(network, tmp_path / "network.onnx")
    graph = (tmp_path / "network.onnx").read_bytes()
    assert b".py" not in graph  # nothing of the machine that it was made on
    runtime = Runtime(spec, graph)
    test = walks(200, 2)
    test.codes[::7, 0] = 0
    (ours, expected), theirs = runtime.scores(test), judge.scores(network, test)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert np.isnan(ours[::7, 0]).all()
    assert (expected >= 0).all()
    predicted = runtime.predictions(test)
    assert {name: array.shape for name, array in predicted.items()} == {
        "step": (test.events, 7),
        "hours": (test.events, 6),
    }


def test_a_graph_that_cannot_be_written_is_an_error(tmp_path, learned, monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(TrainingError, match="the network could not be exported to"):
        export(learned.network, tmp_path / "network.onnx")
