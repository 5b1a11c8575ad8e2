"""Where a dataset or an artifact comes from, back to the files of the first logs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from scantrail.artifact import read_card
from scantrail.datasets.folder import Dataset, find
from scantrail.datasets.manifest import Manifest, read_manifest
from scantrail.errors import DatasetError


class Node(msgspec.Struct, frozen=True):
    """Something that was made, facts about it, and what it was made of."""

    name: str
    facts: tuple[str, ...] = ()
    parents: tuple[Node, ...] = ()


def origin(dataset: Dataset) -> dict[str, Any]:
    """What an artifact's card says of the dataset that it learned from."""
    manifest = dataset.manifest
    return {
        "dataset": manifest.version,
        "parents": list(manifest.parents),
        "sources": [
            {"name": one.name, "kind": one.kind, "digest": one.digest} for one in manifest.sources
        ],
    }


def of_dataset(folder: Path, root: Path) -> Node:
    """A dataset's origins; parents are looked for beside it and below `root`.

    Raises:
        DatasetError: The dataset itself can't be read. A parent that is not there is named as such.
    """
    return _of(read_manifest(folder), (folder.absolute().parent, root))


def of_artifact(folder: Path, root: Path) -> Node:
    """An artifact's origins: the dataset named by its card, below `root`.

    Raises:
        ArtifactError: The artifact can't be read.
    """
    card, version = read_card(folder)
    about = card.about
    data = about.get("data", {})
    facts = (
        f"made {card.created} by scantrail {about.get('code', '?')}",
        f"seed {about.get('seed', '?')}",
        *_settings(about.get("settings", {})),
    )
    dataset = data.get("dataset")
    if not dataset:
        said = f"events {data.get('digest', '?')}"
        return Node(f"artifact {version}", facts, (Node(said, ("of no stored dataset",)),))
    parent = _parent(str(dataset), (root,), data)
    return Node(f"artifact {version}", facts, (parent,))


def _settings(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Parameters, group by group."""
    groups = {name: value for name, value in settings.items() if isinstance(value, Mapping)}
    plain = {name: value for name, value in settings.items() if name not in groups}
    return tuple(
        f"{name}: " + ", ".join(f"{key} {value}" for key, value in group.items())
        for name, group in ({"parameters": plain} | groups).items()
        if group
    )


def _of(manifest: Manifest, roots: tuple[Path, ...]) -> Node:
    events = manifest.tables["events"].rows
    facts = (
        f"{events:,} events of {manifest.items:,} items, "
        f"{manifest.tables['labels'].rows:,} labelled",
        f"built {manifest.created} by scantrail {manifest.code}",
        *(
            f"{step.what}: {step.removed:,} events left out"
            for step in manifest.cleaning
            if step.removed
        ),
    )
    parents = [
        _parent(one.digest, roots, {})
        if one.kind == "dataset"
        else Node(f"log {one.name}", (f"{one.rows:,} rows", f"SHA-256 {one.digest}"))
        for one in manifest.sources
    ]
    return Node(f"dataset {manifest.version}", facts, tuple(parents))


def _parent(version: str, roots: tuple[Path, ...], known: Mapping[str, Any]) -> Node:
    """A dataset by its version, or what is known of one that is not there."""
    for root in roots:
        try:
            return _of(read_manifest(find(version, root)), roots)
        except DatasetError:
            continue
    logs = tuple(
        Node(f"{one['kind']} {one['name']}", (f"digest {one['digest']}",))
        for one in known.get("sources", ())
    )
    return Node(f"dataset {version}", ("not here",), logs)
