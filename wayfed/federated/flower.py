"""`run_flower`: Flower clients, strategies and servers of the user's own over parties' arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from flwr.app import ArrayRecord, Message
from flwr.serverapp import ServerApp

from wayfed.federated.grids.local import LocalGrid
from wayfed.federated.participants import participants_of
from wayfed.federated.parties.flower_clients import ClientLike, client_party
from wayfed.federated.parties.tensors import check_engine
from wayfed.federated.rounds.binding import first_weights
from wayfed.federated.rounds.guard import GuardedGrid
from wayfed.federated.rounds.launch import check_rounds, play
from wayfed.federated.rounds.playing import Rounds, no_table, own_figures, pool_by_strategy
from wayfed.federated.rounds.server_app import ServerAppGrid
from wayfed.federated.rounds.strategies import check_parties, quorum_of, resolve_strategy
from wayfed.federated.runs.journal import Journal
from wayfed.federated.runs.results import ClientModel, FederatedRun, OnRound, PartyReport
from wayfed.federated.wire import flower_process, question, weights_of
from wayfed_optimizer.errors import InvalidOption, PartyError

if TYPE_CHECKING:
    from flwr.serverapp.strategy import Strategy

    from wayfed.arrays import Arrays
    from wayfed.federated.models.adapter import Weights
    from wayfed.federated.participants import Participants
    from wayfed.federated.parties.party import Party
    from wayfed.federated.releases import Recorder
    from wayfed.federated.runs.store import RunStore
    from wayfed_optimizer.cancellation import CancellationToken

_SERVER_OPTIONS: Final = ("num_rounds", "strategy", "initial_arrays", "round_timeout")


def run_flower(
    parties: Mapping[str, Arrays] | Participants,
    *,
    server: Mapping[str, Any] | Strategy | ServerApp,
    client: ClientLike,
    flower_engine: str = "numpy",
    seed: int = 0,
    quorum: float | None = None,
    on_round: OnRound | None = None,
    progress: bool | None = None,
    threads: int | None = None,
    token: CancellationToken | None = None,
    record: Recorder | None = None,
    min_rows: int = 1,
    store: RunStore | None = None,
) -> FederatedRun:
    """Run Flower clients of one's own over the parties' arrays.

    Parameters
    ----------
    parties
        Arrays by party.
    server
        ``{"num_rounds": 3}``, with a ``strategy``, ``initial_arrays`` (by name, or a list) and
        ``round_timeout`` in seconds where wanted; or a Flower strategy, for three rounds; or a
        ServerApp, whose messages are checked like ours: the run's model is what it last sent.
    client
        A ClientApp, which finds its rows as ``context.arrays``; or a callable that makes a
        NumPyClient of a party's arrays, called once for each party.
    flower_engine
        As what the columns are handed over: ``numpy``, or tensors of ``jax``, ``keras``, ``torch``.
    seed, quorum, on_round, progress, threads, token, record, min_rows, store
        As in `wayfed.federated.run.run_federated`.

    Examples
    --------
    >>> import numpy as np
    >>> import pyarrow as pa
    >>> from flwr.client import NumPyClient
    >>> from wayfed.arrays import Arrays
    >>> class Mean(NumPyClient):
    ...     def __init__(self, arrays):
    ...         self.x = arrays["x"]
    ...     def get_parameters(self, config):
    ...         return [np.zeros(1)]
    ...     def fit(self, parameters, config):
    ...         return [np.array([self.x.mean()])], len(self.x), {}
    ...     def evaluate(self, parameters, config):
    ...         return float(np.square(self.x - parameters[0]).mean()), len(self.x), {}
    >>> rows = Arrays.from_table(pa.table({"bank": ["a", "a", "b"], "x": [1.0, 2.0, 6.0]}))
    >>> run = run_flower(rows.partition_by("bank"), server={"num_rounds": 3}, client=Mean)
    >>> run.arrays["0"]
    array([3.])
    """
    check_engine(flower_engine)
    participants = participants_of(parties, min_rows)
    made, rows = participants.clients(
        lambda name, own: client_party(name, own, client, flower_engine), min_rows
    )
    reports = _reports(rows, {party.name for party in made}, min_rows)
    if isinstance(server, ServerApp):
        return _run_server_app(
            server,
            made,
            reports=reports,
            description=_name_of(client),
            quorum=quorum,
            on_round=on_round,
            threads=threads,
            token=token,
            record=record,
            store=store,
        )
    options = _server_options(server)
    rounds, deadline = options.get("num_rounds", 3), options.get("round_timeout")
    check_rounds(rounds, quorum, deadline)
    with flower_process(), closing(LocalGrid(made, threads=threads)) as local:
        strategy = resolve_strategy(options.get("strategy", "fedavg"))
        grid = GuardedGrid(
            local,
            quorum=quorum_of(strategy, quorum),
            deadline=deadline,
            token=token,
            record=record,
        )
        check_parties(strategy, len(grid.parties), quorum)
        weights = _initial_arrays(options.get("initial_arrays"), grid)
        return play(
            Rounds(
                grid=grid,
                strategy=strategy,
                seed=seed,
                pool=pool_by_strategy,
                own=own_figures,
                table=no_table,
                model=ClientModel,
                evaluate=True,
            ),
            weights,
            description=_name_of(client),
            rounds=rounds,
            parties=reports,
            on_round=on_round,
            progress=progress,
            journal=Journal(store=store),
        )


def _run_server_app(
    server: ServerApp,
    parties: Sequence[Party],
    *,
    reports: Mapping[str, PartyReport],
    description: str,
    quorum: float | None,
    on_round: OnRound | None,
    threads: int | None,
    token: CancellationToken | None,
    record: Recorder | None,
    store: RunStore | None,
) -> FederatedRun:
    journal = Journal(store=store)
    run = FederatedRun(
        id=journal.run,
        description=description,
        strategy="ServerApp",
        rounds=0,
        model=ClientModel({}),
        parties=reports,
    )
    check_rounds(1, quorum, None)
    with flower_process(), closing(LocalGrid(parties, threads=threads)) as local:
        grid = ServerAppGrid(
            local,
            run,
            quorum=1 if quorum is None else quorum,
            deadline=None,
            token=token,
            record=record,
            on_round=on_round,
        )
        journal.begin(run, None)
        try:
            grid.play(server)
        finally:
            journal.note_history(run)
            journal.end(run)
    return run


def _reports(rows: Mapping[str, int], made: Set[str], min_rows: int) -> dict[str, PartyReport]:
    few = f"fewer rows than min_rows={min_rows:,}"
    reports = {
        name: PartyReport(name, count, count, 0, left_out=None if name in made else few)
        for name, count in sorted(rows.items())
    }
    if not made:
        told = "".join(f"\n  party '{r.name}': {r.left_out}" for r in reports.values())
        raise PartyError(f"no party can take part{told}")
    return reports


def _name_of(client: ClientLike) -> str:
    name: str = getattr(client, "__name__", type(client).__name__)
    return name


def _initial_arrays(given: object, grid: GuardedGrid) -> Weights:
    if isinstance(given, ArrayRecord):
        return first_weights(weights_of(given))
    if isinstance(given, Mapping):
        return first_weights(given)
    if isinstance(given, Sequence):
        return first_weights({str(number): array for number, array in enumerate(given)})
    first, name = next(iter(grid.parties.items()))
    told = _ask_for_arrays(grid, first)
    if not told:
        raise InvalidOption(
            f"there are no arrays to begin with: the client of party '{name}' gives none",
            hint="implement get_parameters, or server={'initial_arrays': [...], …}",
        )
    return first_weights(told)


def _ask_for_arrays(grid: GuardedGrid, node_id: int) -> dict[str, Any]:
    asked = Message(question({}), node_id, "query.begin")
    try:
        (reply,) = grid.send_and_receive([asked])
    except PartyError as error:
        if isinstance(error.__cause__, ValueError):  # a ClientApp without an answer to it
            return {}
        raise
    records = (r for r in reply.content.values() if isinstance(r, ArrayRecord))
    record: ArrayRecord | None = next(records, None)
    return weights_of(record) if record is not None else {}


def _server_options(server: object) -> Mapping[str, Any]:
    if not isinstance(server, Mapping):
        return {"strategy": server}
    for name in server:
        if name not in _SERVER_OPTIONS:
            raise InvalidOption.unknown(str(name), _SERVER_OPTIONS, of="server")
    return {name: value for name, value in server.items() if value is not None}
