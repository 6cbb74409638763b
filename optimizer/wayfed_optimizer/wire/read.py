"""Reading plans from bytes that anybody may have written: a plan or a clear error, nothing else."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import InvalidPlan, Unsupported, suggestion
from wayfed_optimizer.relations import Relation
from wayfed_optimizer.wire.fields import CLASSES, read_fields
from wayfed_optimizer.wire.values import Refused, refuse
from wayfed_optimizer.wire.versions import (
    FUNCTION_VERSIONS,
    MAX_BYTES,
    PLAN_VERSIONS,
    Size,
    Totals,
    check_count,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from wayfed_optimizer.node import Node

_KEYS: Final = ("wayfed", "functions", "plan")
_INT64_DIGITS: Final = 20


def from_wire(data: bytes) -> Relation:
    """Read a plan.

    Raises
    ------
    InvalidPlan
        Where the bytes are not a plan, or one beyond the limits: 1 MB, 10,000 nodes, 200 deep.
    Unsupported
        Where they are of a version that this wayfed does not read.
    PlanError
        Where the plan is of the form of one, but means nothing (columns or functions that are not
        there, types that do not fit). Each says the place, as a path into the JSON.

    Examples
    --------
    >>> from wayfed_optimizer.relations import Read
    >>> from wayfed_optimizer.types import Schema
    >>> from wayfed_optimizer.wire import to_wire
    >>> plan = Read("flights", Schema.of(origin="text"))
    >>> from_wire(to_wire(plan)) == plan
    True
    """
    document = _parse(data)
    if not isinstance(document, dict):
        raise refuse(document, "an object", "$")
    for key in document:
        if key not in _KEYS:
            hint = suggestion(key[:60], _KEYS)
            raise InvalidPlan(f"a plan has no '{key:.60}'", available=_KEYS, hint=hint, where="$")
    for key in _KEYS:
        if key not in document:
            raise InvalidPlan(f"a plan needs '{key}'", where="$")
    _require_version(document["wayfed"], PLAN_VERSIONS, "wayfed", "a plan")
    _require_version(document["functions"], FUNCTION_VERSIONS, "functions", "the function table")
    plan = document["plan"]
    if not isinstance(plan, list) or not plan:
        raise refuse(plan, "a list of nodes", "$.plan")
    check_count(len(plan), "$.plan")
    root = _Reader().read(plan)
    if not isinstance(root, Relation):
        raise refuse(type(root).__name__, "a relation as the last node", f"$.plan[{len(plan) - 1}]")
    return root


def _parse(data: bytes) -> object:
    if len(data) > MAX_BYTES:
        raise InvalidPlan(f"the plan is {len(data):,} bytes, more than {MAX_BYTES:,}", where="$")
    try:
        text = data.decode()
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_constant=lambda name: Refused(f"{name}, which is not JSON"),
        )
    except UnicodeDecodeError as error:
        raise InvalidPlan(f"byte {error.start} is not UTF-8", where="$") from error
    except json.JSONDecodeError as error:
        raise InvalidPlan(f"not JSON: {error.msg} at character {error.pos}", where="$") from error
    except RecursionError:
        raise InvalidPlan("lists and objects are nested too deeply", where="$") from None


def _object(pairs: list[tuple[str, object]]) -> object:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
    return Refused(f"an object with two keys '{twice:.60}'")


def _integer(text: str) -> object:
    return int(text) if len(text) <= _INT64_DIGITS else Refused(f"{text:.30}…, beyond 64 bits")


def _require_version(found: object, known: Collection[int], key: str, of: str) -> None:
    if type(found) is not int:
        raise refuse(found, "a version", f"$.{key}")
    if found not in known:
        raise Unsupported(
            f"version {found} of {of}",
            reason=f"this wayfed has version {', '.join(map(str, known))}",
            hint="update wayfed, or let both sides negotiate a version first",
            where=f"$.{key}",
        )


class _Reader:
    """Reads a list of entries in order; each may only refer to those before it."""

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._sizes: list[Size] = []
        self._size = Size()
        self._totals = Totals()

    def read(self, entries: list[object]) -> Node:
        for position, entry in enumerate(entries):
            self._add(entry, f"$.plan[{position}]")
        return self._nodes[-1]

    def _add(self, entry: object, place: str) -> None:
        if not isinstance(entry, dict):
            raise refuse(entry, "a node", place)
        name = entry.get("node")
        kind = CLASSES.get(name) if isinstance(name, str) else None
        if kind is None:
            error = refuse(name, "the name of a node", f"{place}.node")
            error.available = tuple(CLASSES)
            error.hint = suggestion(name[:60], CLASSES) if isinstance(name, str) else None
            raise error
        self._size = Size()
        node = read_fields(kind, entry, place, self._resolve)
        self._nodes.append(node)
        self._sizes.append(self._size)
        columns = len(node.schema) if isinstance(node, Relation) else 0
        self._totals.add(self._size, columns, place)

    def _resolve(self, found: object, place: str, kind: type[Node]) -> Node:
        if type(found) is not int or not 0 <= found < len(self._nodes):
            raise refuse(found, "the index of an earlier node", place)
        node = self._nodes[found]
        if not isinstance(node, kind):
            raise refuse(
                f"node {found}, a {type(node).__name__}", f"a {kind.__name__.lower()}", place
            )
        # Checked before the node above is made, because making a node walks over its parts.
        self._size = self._size.over(self._sizes[found], place)
        return node
