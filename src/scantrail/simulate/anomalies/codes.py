"""Anomalies of the code itself: fakes, damaged scans, products that a plant never makes."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import numpy as np

from scantrail.simulate.anomalies.draw import any_slot, one_each
from scantrail.simulate.network import DAY
from scantrail.simulate.trails import AGG, WMS_OUT

if TYPE_CHECKING:
    from collections.abc import Callable

    from scantrail.simulate.network import Ints
    from scantrail.simulate.trails import Trails

_COMPANY, _PRODUCT, _LOT, _DATE, _SERIAL = 1, 2, 3, 4, 5


def code_parts(trails: Trails, item: int) -> list[str]:
    """The six parts of an item's own code."""
    items, chain = trails.items, trails.net.chain
    company, product = chain.products[int(items.product[item])]
    lot = f"{chain.plants[int(items.plant[item])].lots}{int(items.lot[item]):04d}"
    day = dt.date(1970, 1, 1) + dt.timedelta(days=int(items.made[item]) // DAY)
    return ["001", company, product, lot, day.strftime("%Y%m%d"), f"{int(items.serial[item]):09d}"]


def _with(place: int, text: str, parts: list[str]) -> str:
    return ".".join([*parts[:place], text, *parts[place + 1 :]])


def _without(place: int, parts: list[str]) -> str:
    return ".".join([*parts[:place], *parts[place + 1 :]])


def _year(parts: list[str], years: int) -> str:
    return _with(_DATE, f"{int(parts[_DATE][:4]) + years}{parts[_DATE][4:6]}28", parts)


def _digits(rng: np.random.Generator, count: int) -> str:
    return "".join(str(d) for d in rng.integers(1, 10, count))


_FAKES: Final[tuple[Callable[[list[str], np.random.Generator], str], ...]] = (
    lambda p, rng: _without(int(rng.integers(1, 5)), p),  # a part is missing
    lambda p, _: ".".join([*p, "01"]),  # a part too many
    lambda p, rng: _with(0, f"0{int(rng.integers(11, 99))}", p),  # unknown header
    lambda p, rng: _with(_COMPANY, "99" + _digits(rng, 5), p),  # unknown company
    lambda p, rng: _with(_PRODUCT, p[_PRODUCT] + _digits(rng, 1), p),  # product too long
    lambda p, rng: _with(_LOT, p[_LOT][: int(rng.integers(2, 6))], p),  # lot too short
    lambda p, rng: _with(_LOT, _digits(rng, 8), p),  # lot too long
    lambda p, rng: _year(p, int(rng.integers(2, 15))),  # made in the future
    lambda p, rng: _year(p, -int(rng.integers(7, 40))),  # made long before it shipped
    lambda p, rng: _with(_DATE, f"{p[_DATE][:4]}{int(rng.integers(13, 99))}45", p),  # no such day
    lambda p, rng: _with(_SERIAL, _digits(rng, int(rng.integers(3, 8))), p),  # serial too short
    lambda p, rng: _with(_SERIAL, "X" + p[_SERIAL][1:-2] + _digits(rng, 2), p),  # letters in it
    lambda p, rng: f"00{_digits(rng, 1)}.99{_digits(rng, 5)}.{p[2]}.{p[3]}.20991399.{p[5]}",
)


def fake_codes(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    """Give items a code that no producer would write, on all their scans."""
    item = trails.pick(any_slot(trails.visible), count, rng)
    which = np.arange(item.size) % len(_FAKES)
    for i, variant in zip(item, which, strict=True):
        trails.code[i] = len(trails.codes)
        trails.codes.append(_FAKES[variant](code_parts(trails, int(i)), rng))
    trails.kind[item] = kind


_WIDE: Final = str.maketrans("0123456789", "０１２３４５６７８９")
_SWAPPED: Final = ("", ",", "-", "_", ":", " ", ">", "。")


def _damage(parts: list[str], neighbour: list[str], variant: int, rng: np.random.Generator) -> str:
    code = ".".join(parts)
    if variant == 0:  # separators lost, or another keyboard layout's
        return str(rng.choice(_SWAPPED)).join(parts)
    if variant == 1:  # one separator lost
        gap = int(rng.integers(1, 6))
        return ".".join(parts[:gap]) + ".".join(parts[gap:])
    if variant == 2:  # full-width digits
        return code.translate(_WIDE)
    return code + ".".join(neighbour)  # two codes in one read


def corrupt_scans(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    """Damage the code of one scan of an item; its other scans stay right."""
    seen = trails.visible
    item = trails.pick(seen.sum(axis=1) > 1, count, rng)
    slot = one_each(seen[item], rng)
    last = len(trails.items.serial) - 1
    for n, (i, s) in enumerate(zip(item, slot, strict=True)):
        parts = code_parts(trails, int(i))
        neighbour = code_parts(trails, int(i) + 1 if int(i) < last else int(i) - 1)
        trails.code[i, s] = len(trails.codes)
        trails.codes.append(_damage(parts, neighbour, n % 4, rng))
    trails.kind[item, slot] = kind


def foreign_products(trails: Trails, count: int, kind: int, rng: np.random.Generator) -> None:
    """Let a plant commission a genuine product of this chain that it never makes."""
    chain, items = trails.net.chain, trails.items
    item = trails.pick(trails.visible[:, AGG], count, rng)
    made = np.zeros((len(chain.plants), len(chain.products)), dtype=np.bool_)
    for i, plant in enumerate(chain.plants):
        made[i, list(plant.products)] = True
    items.product[item] = one_each(~made[items.plant[item]], rng)
    _label_range(trails, item, slice(AGG, WMS_OUT + 1), kind)


def _label_range(trails: Trails, item: Ints, slots: slice, kind: int) -> None:
    trails.kind[item, slots] = kind
