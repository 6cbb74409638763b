"""Arrays of this process, handed to parties in processes of their own."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import numpy as np

from wayfed.federated.grids.processes import DOORS, ProcessRunner
from wayfed.federated.parties.configuration import (
    Federation,
    PartyConfiguration,
    PartyPolicy,
    PartyTable,
    PrivacyTable,
)
from wayfed.federated.rounds.binding import bind_plan
from wayfed.federated.rounds.guard import GuardedGrid
from wayfed_arrow.types import from_arrow_type
from wayfed_optimizer.errors import Unsupported
from wayfed_optimizer.relations import Read
from wayfed_optimizer.types import Schema
from wayfed_optimizer.wire import to_wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from wayfed.arrays import Arrays
    from wayfed.federated.grids.base import PartyGrid
    from wayfed.federated.privacy.account import PrivacyPolicy

_TABLE: Final = "arrays"


def handed_over(
    parties: Mapping[str, Arrays], min_rows: int, paying: PrivacyPolicy | None = None
) -> tuple[PartyGrid, ExitStack]:
    """Start a process for each party, which reads its arrays from a private file.

    Parameters
    ----------
    parties
        Arrays by party, all of the same columns.
    min_rows
        The least number of training rows that a party needs.
    paying
        How a private run is paid for; None where nobody keeps an account.

    Returns
    -------
    tuple
        What carries messages to them, and what ends them and removes the files.

    Raises
    ------
    Unsupported
        The parties' columns differ, or are of a type that no plan has.
    PartyError
        The processes did not start.
    """
    arrow = next(iter(parties.values())).schema
    if not all(arrays.schema.equals(arrow) for arrays in parties.values()):
        raise Unsupported(
            "runner='processes'",
            reason="the parties' arrays have different columns",
            hint="runner='local'",
        )
    schema = Schema.of(
        **{field.name: str(from_arrow_type(field.type, field.name)) for field in arrow}
    )
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="wayfed-")))
        privacy = None if paying is None else PrivacyTable.of(paying)
        policy = PartyPolicy(min_rows=min_rows, privacy=privacy)
        told = {}
        for number, (name, arrays) in enumerate(parties.items()):
            path = directory / f"{number}.arrow"
            _write(arrays, path)
            tables = {_TABLE: PartyTable(source=str(path))}
            told[name] = PartyConfiguration(tables=tables, policy=policy)
        runner = ProcessRunner(Federation({_TABLE: schema}, {}, told), DOORS["processes"])
        stack.callback(runner.close)
        grid = runner.open()
        plan = to_wire(Read(_TABLE, schema), names=(_TABLE,))
        bind_plan(GuardedGrid(grid), plan)
        return grid, stack.pop_all()


def _write(arrays: Arrays, path: Path) -> None:
    import pyarrow as pa

    table = pa.table([_column(arrays, field) for field in arrays.schema], schema=arrays.schema)
    with pa.ipc.new_file(path, table.schema) as file:
        file.write_table(table)


def _column(arrays: Arrays, field: pa.Field) -> pa.Array:
    import pyarrow as pa

    column = arrays[field.name]
    missing = np.ma.getmaskarray(column)
    return pa.array(np.ma.getdata(column), field.type, mask=missing if missing.any() else None)
