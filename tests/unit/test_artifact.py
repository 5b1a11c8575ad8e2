"""What was learned, as files: read back whole, or refused with the cure."""

import hashlib
import json
import shutil

import numpy as np
import pytest

from scantrail.artifact import features_fingerprint, read_artifact, read_card
from scantrail.errors import ArtifactError, SettingsError
from scantrail.settings import read_settings
from scantrail.wiring import DEMO_ARTIFACT, engine


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(DEMO_ARTIFACT, tmp_path / "artifact")


def change_card(folder, **given):
    path = folder / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | given))


def test_the_bundled_artifact_says_what_it_is():
    card, version = read_card(DEMO_ARTIFACT)
    assert card.features == features_fingerprint()
    assert set(card.about) >= {"data", "code", "seed", "settings", "history", "seen_rates"}
    assert set(card.digests) == {"network.onnx", "arrays.npz", "svm_state.npz"}
    assert len(version) == 12
    assert read_artifact(DEMO_ARTIFACT).version == version


def test_it_is_small_enough_to_ship():
    assert sum(path.stat().st_size for path in DEMO_ARTIFACT.iterdir()) < 2_000_000


def test_the_version_names_every_byte(folder):
    change_card(folder, created="another day")
    assert read_card(folder)[1] != read_card(DEMO_ARTIFACT)[1]


@pytest.mark.parametrize("name", ["network.onnx", "arrays.npz"])
@pytest.mark.parametrize("how", ["cut", "changed", "gone"])
def test_a_damaged_file_is_refused(folder, name, how):
    path = folder / name
    content = path.read_bytes()
    if how == "gone":
        path.unlink()
        message = "can't be read \\(No such file or directory\\); fetch the artifact again"
    else:
        path.write_bytes(content[:-7] if how == "cut" else b"\0" + content[1:])
        message = (
            "is not the file that the artifact's card names: it was cut short or changed; fetch "
            "the artifact again"
        )
    with pytest.raises(ArtifactError, match=f"{name} {message}"):
        read_artifact(folder)


def test_an_artifact_of_a_later_format_is_refused(folder):
    change_card(folder, format=99)
    message = (
        "has format 99, this version of scantrail reads 1; train it again, or use the version that "
        "wrote it"
    )
    with pytest.raises(ArtifactError, match=message):
        read_artifact(folder)


def test_an_artifact_of_other_features_is_refused(folder):
    change_card(folder, features="0123456789abcdef")
    message = (
        r"was trained on other features \(fingerprint 0123456789abcdef, this version of scantrail "
        rf"has {features_fingerprint()}\); train it again"
    )
    with pytest.raises(ArtifactError, match=message):
        read_artifact(folder)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', '{"format": 1, "features": 7}', "\0"])
def test_a_card_that_is_none_is_refused(folder, text):
    (folder / "card.json").write_text(text)
    with pytest.raises(ArtifactError, match="damaged|has format None"):
        read_artifact(folder)


def test_a_folder_without_an_artifact_is_refused(tmp_path):
    message = (
        r"is no artifact: .*card.json can't be read \(No such file or directory\); name a folder "
        "written by 'scantrail train'"
    )
    with pytest.raises(ArtifactError, match=message):
        read_artifact(tmp_path)


def test_nothing_that_could_run_is_ever_unpacked(folder):
    """An array of objects would need pickle, which is never allowed, digest or not."""
    path = folder / "arrays.npz"
    np.savez(path, evil=np.array([{"a": 1}], dtype=object))
    digests = json.loads((folder / "card.json").read_text())["digests"]
    change_card(folder, digests=digests | {
        "arrays.npz": hashlib.sha256(path.read_bytes()).hexdigest()})  # fmt: skip
    with pytest.raises(ArtifactError, match="arrays.npz is damaged"):
        read_artifact(folder)


def test_an_artifact_that_lacks_a_part_names_it(folder):
    path = folder / "arrays.npz"
    with np.load(path) as archive:
        kept = {name: archive[name] for name in archive.files if not name.startswith("usual/")}
    np.savez(path, **kept)
    digests = json.loads((folder / "card.json").read_text())["digests"]
    change_card(folder, digests=digests | {
        "arrays.npz": hashlib.sha256(path.read_bytes()).hexdigest()})  # fmt: skip
    with pytest.raises(ArtifactError, match="lacks parts: usual; fetch the artifact again"):
        read_artifact(folder)


def test_a_budget_of_alerts_becomes_a_score():
    """3 of 10,000 scans at 4.6 scans an item: 1 item in 720."""
    artifact = read_artifact(DEMO_ARTIFACT)
    data = artifact.card.about["data"]
    share = 3 / 10_000 * data["events"] / data["items"]
    assert artifact.alert_score(3) == pytest.approx(-25 * np.log10(share))
    assert artifact.alert_score(1) > artifact.alert_score(3) > artifact.alert_score(10)
    assert artifact.alert_score(10_000) == 0


def test_the_budget_is_a_setting():
    settings = read_settings({"SCANTRAIL_ENSEMBLE__ALERTS_PER_10K": "3"})
    built = engine(settings)
    assert built.settings.ensemble.alert_score == built.artifact.alert_score(3)
    rules = read_settings({"SCANTRAIL_ENSEMBLE__ALERTS_PER_10K": "3"}, artifacts="none")
    assert engine(rules).settings.ensemble.alert_score == 65


def test_a_budget_of_none_is_refused():
    with pytest.raises(SettingsError, match=r"Expected `float` > 0.0"):
        read_settings({"SCANTRAIL_ENSEMBLE__ALERTS_PER_10K": "0"})
