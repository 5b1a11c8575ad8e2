"""The registry: a folder of artifact versions, each in a folder named by its version.

A version is the digest of an artifact's card, and the card holds the digests of all other files: so
a version names every byte, and what was changed since is refused. Versions are only ever added.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scantrail.artifact import Artifact, Card, read_artifact, read_card
from scantrail.errors import ArtifactError, NotFoundError

#: Stands for no artifact: rules judge alone.
NONE: Final = "none"
_VERSION: Final = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered version: its card, or what is wrong with it."""

    version: str
    card: Card | None
    fault: str | None = None


class Registry:
    """Artifact versions in a folder. Nothing but the names of its own folders is ever opened."""

    def __init__(self, folder: Path) -> None:
        """Use a folder; it is made when the first version is added."""
        self.folder = folder

    def versions(self) -> list[str]:
        """The names of all registered versions."""
        if not self.folder.is_dir():
            return []
        return sorted(
            each.name
            for each in self.folder.iterdir()
            if _VERSION.fullmatch(each.name) and each.is_dir() and not each.is_symlink()
        )

    def entries(self) -> list[Entry]:
        """All registered versions, the newest training first, those that can't be used last.

        Cards are read; the digests of other files are checked when a version is loaded.
        """
        entries = [self._entry(version) for version in self.versions()]
        return sorted(entries, key=lambda one: one.card.created if one.card else "", reverse=True)

    def add(self, source: Path) -> str:
        """Copy an artifact into the registry, once it and its copy have been checked.

        Returns:
            Its version. What is registered already stays as it is.

        Raises:
            ArtifactError: It can't be used, or the folder can't be written.
        """
        version = read_artifact(source).version
        if version in self.versions():
            self.load(version)
            return version
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".incoming-", dir=self.folder) as scratch:
                part = Path(scratch) / version
                _copy(source, part)
                _checked(part, version)
                if not (self.folder / version).exists():  # another may have been quicker
                    part.rename(self.folder / version)
                    _sync(self.folder)
        except OSError as error:
            raise ArtifactError(
                f"the artifact can't be copied to {self.folder}: {error.strerror}; nothing of it "
                "was registered"
            ) from error
        return version

    def load(self, version: str) -> Artifact:
        """Read a registered version, every byte checked.

        Raises:
            NotFoundError: No such version is registered.
            ArtifactError: It was damaged or changed, or is for other features.
        """
        return _checked(self._folder_of(version), version)

    def _entry(self, version: str) -> Entry:
        try:
            card, seen = read_card(self.folder / version)
        except ArtifactError as error:
            return Entry(version, None, str(error))
        return Entry(version, card, None if seen == version else _changed(version))

    def check(self, version: str) -> None:
        """Refuse a version that is not registered.

        Raises:
            NotFoundError: It isn't.
        """
        if version != NONE:
            self._folder_of(version)

    def _folder_of(self, version: str) -> Path:
        """Where a version is, looked up among those there are: no name ever becomes a path."""
        known = self.versions()
        for each in known:
            if each == version:
                return self.folder / each
        listed = ", ".join(known) or "none"
        raise NotFoundError(
            f"no version {version[:40]!r} is registered; there are: {listed}. "
            "'scantrail models add FOLDER' registers one"
        )


def _checked(folder: Path, version: str) -> Artifact:
    artifact = read_artifact(folder)
    if artifact.version != version:
        raise ArtifactError(_changed(version))
    return artifact


def _changed(version: str) -> str:
    return (
        f"the card of version {version} was changed after it was registered: its digest is another "
        "one; remove that folder and add the artifact again"
    )


def _copy(source: Path, target: Path) -> None:
    """Copy the files that the card names, and bring them to the disk."""
    card, _ = read_card(source)
    target.mkdir()
    for name in ("card.json", *card.digests):
        if Path(name).name != name:
            raise ArtifactError(f"{source} names a file outside of itself: {name!r}")
        shutil.copyfile(source / name, target / name)
        _sync(target / name)
    _sync(target)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
