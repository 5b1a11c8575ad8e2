"""One base class for everything scantrail raises on purpose.

A message says what is wrong, the value, what was expected, and where; the reader of it is a
person who wants to mend their input, not a developer of scantrail.
"""


class ScantrailError(Exception):
    """Base of every error that scantrail raises on purpose; its text is one clear sentence."""


class InputError(ScantrailError):
    """The whole input can't be read (a single bad row is a Reject instead)."""


class TooLargeError(InputError):
    """An input holds more than may be taken at a time; sent in parts, it can be."""


class SitesError(ScantrailError):
    """A site list, lane list or dwell list can't be used."""


class SettingsError(ScantrailError):
    """A setting has a value that scantrail can't use."""


class TrainingError(ScantrailError):
    """Nothing can be learned, or a training can't go on."""


class ArtifactError(ScantrailError):
    """A stored model can't be used: damaged, from another version, or for other features."""


class StoreError(ScantrailError):
    """The database can't be reached, read or written."""


class KeyRefused(ScantrailError):  # noqa: N818 - a refusal, no error of the service
    """What a caller shows opens nothing: unknown, expired or revoked."""


class UnknownKey(ScantrailError):  # noqa: N818 - likewise
    """There is no such API key to change."""


class DatasetError(ScantrailError):
    """A stored dataset can't be made or used: unknown, damaged, or not what was asked for."""


class MonitoringError(ScantrailError):
    """Nothing can be compared, or what was stored of earlier days can't be used."""


class ExportError(ScantrailError):
    """What was made can't be told to another system."""


class ConflictError(ScantrailError):
    """What was asked can't be done as things stand: another came first, or something forbids it."""


class NotFoundError(ScantrailError):
    """What was named is not there."""
