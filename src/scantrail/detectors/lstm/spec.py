"""What a network reads and predicts, in plain values that fit in an artifact's card."""

from __future__ import annotations

from typing import Final

import msgspec

from scantrail.errors import SettingsError

#: Code of every field for "unknown": a value never seen in training, or none.
UNKNOWN: Final = 0


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A categorical input: codes 0 (unknown) to `size - 1`, embedded in `width` numbers.

    `known`: whether it is known before the event happens, as an item's product is; then the
    network reads it together with the event that it predicts, and not one event later.
    """

    name: str
    size: int
    width: int
    known: bool = False


class CategoricalHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="categorical"):
    """Predicts `field` of the next event.

    `conditions`: fields and numerics *of the same event* that the head may see, in the manner of
    the chain rule: p(type), p(site | type), ….
    """

    name: str
    field: str
    conditions: tuple[str, ...] = ()


class DensityHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="density"):
    """Predicts a positive time in hours, as a mixture of `components` log-normals."""

    name: str
    components: int = 4
    conditions: tuple[str, ...] = ()


Head = CategoricalHead | DensityHead


class NetworkSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Inputs, heads and size of a network.

    `fields` and `numerics` are in the order of the columns of `Sequences`; its `times` have one
    column per density head, in their order.
    """

    fields: tuple[Field, ...]
    heads: tuple[Head, ...]
    numerics: tuple[str, ...] = ()
    hidden: int = 64
    layers: int = 1
    dropout: float = 0.3
    attention: bool = False

    def __post_init__(self) -> None:
        """Refuse heads that speak of inputs that are not there."""
        fields = {field.name for field in self.fields}
        inputs = fields | set(self.numerics)
        if len(inputs) < len(self.fields) + len(self.numerics):
            raise SettingsError(f"two inputs of the network share a name: {self._names()}")
        if not self.heads or len({head.name for head in self.heads}) < len(self.heads):
            raise SettingsError("a network needs heads, each with a name of its own")
        for head in self.heads:
            if isinstance(head, CategoricalHead) and head.field not in fields:
                raise SettingsError(
                    f"head {head.name!r} predicts {head.field!r}, which is none of the fields "
                    f"{sorted(fields)}"
                )
            for condition in head.conditions:
                if condition not in inputs:
                    raise SettingsError(
                        f"head {head.name!r} sees {condition!r}, which is none of the inputs "
                        f"{sorted(inputs)}"
                    )
                if isinstance(head, CategoricalHead) and condition == head.field:
                    raise SettingsError(f"head {head.name!r} sees what it is to predict")

    def _names(self) -> list[str]:
        return [*(field.name for field in self.fields), *self.numerics]

    @property
    def densities(self) -> tuple[DensityHead, ...]:
        """The density heads, in the order of the columns of `times`."""
        return tuple(head for head in self.heads if isinstance(head, DensityHead))

    def position(self, field: str) -> int:
        """Column of a field in `codes`."""
        return [each.name for each in self.fields].index(field)
