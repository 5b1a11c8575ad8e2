import json

import pytest

torch = pytest.importorskip("torch", reason="needs the extra `train`")

from scantrail.errors import TrainingError  # noqa: E402
from scantrail.training.parameters import nested, read_parameters, settings_of  # noqa: E402
from scantrail.training.space import (  # noqa: E402
    GRIDS,
    SPACES,
    parameters,
    settings,
    usual,
)
from scantrail.training.train import TrainSettings  # noqa: E402


def test_what_is_left_out_stays_as_it_is(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text("hidden = 32\n[fit]\nlearning_rate = 0.01\n[svm]\nnu = 0.2\n", encoding="utf-8")
    read = read_parameters(path)
    assert (read.hidden, read.fit.learning_rate, read.svm.nu) == (32, 0.01, 0.2)
    assert (read.fit.epochs, read.svm.unit, read.dropout) == (4, 10.0, 0.3)


def test_an_empty_file_changes_nothing(tmp_path):
    path = tmp_path / "p.json"
    path.write_text("{}")
    assert read_parameters(path) == TrainSettings()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("p.json", '{"hiden": 32}', "'hiden' is no parameter; expected one of attention, cont"),
        ("p.json", '{"svm": {"gama": 1}}', "'svm.gama' is no parameter; expected one of dirty"),
        ("p.json", '{"svm": 7}', "'svm' is a table of parameters, got 7"),
        ("p.json", '{"hidden": "many"}', "a parameter can't be used: Expected `int`, got `str`"),
        ("p.json", "{", "p.json is damaged: Input data was truncated"),
        ("p.json", "[]", "p.json holds no table of parameters"),
        ("p.toml", "= 7", "p.toml is damaged"),
        ("p.yaml", "", "p.yaml has no known ending; expected .json or .toml"),
    ],
)
def test_files_that_are_no_parameters_are_refused(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(TrainingError) as caught:
        read_parameters(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(TrainingError, match="nope.json can't be read: No such file or directory"):
        read_parameters(tmp_path / "nope.json")


@pytest.mark.parametrize("model", ["lstm", "svm"])
def test_spaces_and_grids_speak_of_real_parameters_and_hold_the_usual_ones(model):
    values = usual(model, epochs=4)
    for name, distribution in SPACES[model].items():
        assert distribution._contains(distribution.to_internal_repr(values[name])), name
    for name, choices in GRIDS[model].items():
        assert values[name] in choices, name
    assert settings(model, {name: each[0] for name, each in GRIDS[model].items()}, 5).seed == 5


def test_the_usual_values_are_the_usual_settings():
    assert settings_of(nested(usual("svm", 4))) == TrainSettings()
    assert settings_of(nested(usual("lstm", 4))) == TrainSettings()


def test_tuned_passes_are_all_passes():
    assert parameters("lstm", {"fit.epochs": 7}) == {"fit": {"epochs": 7}, "least_steps": 0}
    assert json.dumps(parameters("svm", {"svm.nu": 0.1})) == '{"svm": {"nu": 0.1}}'
