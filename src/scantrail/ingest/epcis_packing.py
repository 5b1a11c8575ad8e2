"""What is packed in what: the hierarchy of parents and children as aggregation events build it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


#: Nesting beyond this is no packing (item, case, pallet, container, ship) and is not followed.
MAX_DEPTH: Final = 32


class Packing:
    """A forest of codes: item in case in pallet, each in at most one parent at a time.

    >>> packing = Packing()
    >>> packing.add("pallet", ["case"])
    []
    >>> packing.add("case", ["a", "b"])
    []
    >>> packing.leaves("pallet")
    ['a', 'b']
    >>> packing.add("a", ["pallet"])  # a loop: refused
    ['pallet']
    >>> packing.remove("case", ["a"])
    >>> packing.leaves("pallet"), packing.leaves("a")
    (['b'], ['a'])
    """

    def __init__(self, same: Callable[[str], str] = str) -> None:
        """Start empty; `same` gives all spellings of a code one form, by which they are known."""
        self._same = same
        self._written: dict[str, str] = {}
        self._parent: dict[str, str] = {}
        self._children: dict[str, dict[str, None]] = {}
        self._carriers: set[str] = set()

    def add(self, parent: str, children: Iterable[str], *, carrier: bool = False) -> list[str]:
        """Put children into a parent, out of any parent that they were in.

        Args:
            parent: The pallet, case, or for an association the asset.
            children: What goes into it.
            carrier: Whether the parent is a thing of its own beside its children (an association:
                a container with a sensor), and so counted beside them.

        Returns:
            The children refused: they hold the parent, directly or not, or would be nested too
            deeply.
        """
        holder = self._same(parent)
        above = {holder}
        node = holder
        while node in self._parent:
            node = self._parent[node]
            above.add(node)
            if len(above) >= MAX_DEPTH:
                return list(children)
        refused = []
        for code in children:
            child = self._same(code)
            if child in above:
                refused.append(code)
                continue
            self._take_out(child)
            self._written[child] = code
            self._parent[child] = holder
            self._children.setdefault(holder, {})[child] = None
        if carrier and holder in self._children:
            self._carriers.add(holder)
        return refused

    def remove(self, parent: str, children: Iterable[str]) -> None:
        """Take the named children out of a parent, or all if none is named."""
        holder = self._same(parent)
        named = [self._same(code) for code in children]
        for child in named or list(self._children.get(holder, ())):
            if self._parent.get(child) == holder:
                self._take_out(child)

    def has_children(self, code: str) -> bool:
        """Whether anything is known to be inside."""
        return self._same(code) in self._children

    def leaves(self, code: str) -> list[str]:
        """The items inside a code at any depth, in packing order; the code itself if it is one."""
        top = self._same(code)
        if top not in self._children:
            return [code]
        found: list[str] = []
        waiting = [(top, code, 0)]
        while waiting:
            node, written, depth = waiting.pop()
            inside = self._children.get(node, {}) if depth < MAX_DEPTH else {}
            if not inside or node in self._carriers:
                found.append(written)
            waiting.extend((child, self._written[child], depth + 1) for child in reversed(inside))
        return found

    def _take_out(self, child: str) -> None:
        holder = self._parent.pop(child, None)
        if holder is not None:
            del self._children[holder][child]
            if not self._children[holder]:
                del self._children[holder]
                self._carriers.discard(holder)
