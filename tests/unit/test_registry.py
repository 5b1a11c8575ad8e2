"""The registry: what is registered is whole, fits, and is found by name only."""

import json
import shutil

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scantrail.artifact import features_fingerprint, read_artifact
from scantrail.errors import ArtifactError, NotFoundError
from scantrail.registry import Registry
from scantrail.wiring import DEMO_ARTIFACT


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "models")


@pytest.fixture
def source(tmp_path):
    return shutil.copytree(DEMO_ARTIFACT, tmp_path / "artifact")


def rewrite(folder, **changes):
    path = folder / "card.json"
    card = json.loads(path.read_text("utf-8")) | changes
    path.write_text(json.dumps(card), "utf-8")


def test_what_is_added_is_listed_and_loads(registry, source):
    assert registry.versions() == []
    version = registry.add(source)
    shutil.rmtree(source)
    assert registry.versions() == [version]
    assert registry.load(version).version == version
    [entry] = registry.entries()
    assert (entry.version, entry.fault, entry.card.about["seed"]) == (version, None, 0)
    assert [path.name for path in registry.folder.iterdir()] == [version]


def test_adding_again_changes_nothing(registry, source):
    version = registry.add(source)
    before = (registry.folder / version / "network.onnx").stat().st_mtime_ns
    assert registry.add(source) == version
    assert (registry.folder / version / "network.onnx").stat().st_mtime_ns == before


@pytest.mark.parametrize("name", ["network.onnx", "arrays.npz"])
@pytest.mark.parametrize("spoil", [lambda b: b[:-100], lambda b: b[:50] + b"x" + b[51:]])
def test_a_file_that_was_cut_or_changed_is_refused_before_and_after(registry, source, name, spoil):
    version = registry.add(source)
    for folder in (source, registry.folder / version):
        path = folder / name
        path.write_bytes(spoil(path.read_bytes()))
    message = "is not the file that the artifact's card names: it was cut short or changed"
    with pytest.raises(ArtifactError, match=message):
        registry.load(version)
    with pytest.raises(ArtifactError, match=message):
        Registry(registry.folder.parent / "others").add(source)
    assert not (registry.folder.parent / "others").exists()


def test_a_card_that_was_changed_is_refused_though_its_digests_hold(registry, source):
    version = registry.add(source)
    rewrite(registry.folder / version, weights={"lstm": 0.0, "svm": 0.0})
    message = (
        f"the card of version {version} was changed after it was registered: its digest is another "
        "one; remove that folder and add the artifact again"
    )
    with pytest.raises(ArtifactError) as caught:
        registry.load(version)
    assert str(caught.value) == message
    assert registry.entries()[0].fault == message


def test_an_artifact_for_other_features_is_refused(registry, source):
    rewrite(source, features="0123456789abcdef")
    with pytest.raises(ArtifactError, match=r"was trained on other features \(fingerprint 0123456"):
        registry.add(source)
    assert features_fingerprint() != "0123456789abcdef"


def test_a_card_that_names_files_elsewhere_is_refused(registry, source):
    card = msgspec.json.decode((source / "card.json").read_bytes())
    rewrite(source, digests=card["digests"] | {"../outside": "00"})
    (source.parent / "outside").write_text("secret")
    with pytest.raises(ArtifactError, match=r"names a file outside of itself: '../outside'"):
        registry.add(source)
    assert list(registry.folder.iterdir()) == []


def test_what_is_no_artifact_is_refused(registry, tmp_path):
    with pytest.raises(ArtifactError, match="is no artifact"):
        registry.add(tmp_path)


def test_a_folder_that_cannot_be_written_is_told(source, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="can't be copied to .* nothing of it was registered"):
        Registry(tmp_path / "file" / "models").add(source)


def test_links_and_strays_are_no_versions(registry, source):
    version = registry.add(source)
    (registry.folder / "abcdefabcdef").symlink_to(source)
    (registry.folder / "notes.txt").write_text("")
    (registry.folder / ("0" * 12)).write_text("")
    assert registry.versions() == [version]
    with pytest.raises(NotFoundError):
        registry.load("abcdefabcdef")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.text(),
        st.sampled_from(
            ["..", ".", "", "/etc", "../models", "..%2f..", "\0", "card.json", "*", "a" * 5000]
        ),
    )
)
def test_no_name_becomes_a_path(name):
    registry = Registry(DEMO_ARTIFACT.parent)
    with pytest.raises(NotFoundError, match=r"no version .* is registered; there are: none\. "):
        registry.load(name)


def test_versions_are_those_of_the_artifacts(registry, source):
    assert registry.add(source) == read_artifact(source).version
