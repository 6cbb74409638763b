"""`run_federated`: from arrays by party to a trained model."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from wayfed.federated.features.recipe import Recipe
from wayfed.federated.features.split import Split, as_split
from wayfed.federated.flower import run_flower
from wayfed.federated.grids.local import LocalGrid
from wayfed.federated.models.adapter import Task, resolve_model
from wayfed.federated.models.spec import ModelSpec, OwnModel
from wayfed.federated.participants import participants_of
from wayfed.federated.parties.flower_clients import ClientLike, is_client
from wayfed.federated.parties.question import Question
from wayfed.federated.privacy.client_level import noisy_average
from wayfed.federated.privacy.compatibility import Trait, check_together
from wayfed.federated.privacy.dp import DifferentialPrivacy
from wayfed.federated.privacy.masking.rounds import summed_in_secret
from wayfed.federated.privacy.traits import privacy_trait, traits_of
from wayfed.federated.rounds.binding import bind
from wayfed.federated.rounds.guard import GuardedGrid
from wayfed.federated.rounds.joining import Joining
from wayfed.federated.rounds.launch import check_rounds, play
from wayfed.federated.rounds.playing import Rounds, check_weighting, own_sums, pool_sums
from wayfed.federated.rounds.pooling import check_pooled, strategy_of
from wayfed.federated.rounds.private_binding import bind_privately
from wayfed.federated.rounds.rebinding import rebind
from wayfed.federated.rounds.strategies import (
    StrategyLike,
    check_parties,
    name_of,
    resolve_strategy,
)
from wayfed.federated.runs.journal import Journal
from wayfed.federated.runs.places import CheckpointLike, checkpoint_place, new_id
from wayfed.federated.runs.request import request_of
from wayfed.federated.runs.results import FederatedRun, OnRound, Predictor, TrainedModel
from wayfed.federated.runs.stopping import EarlyStopping, as_early_stopping
from wayfed.federated.runs.strategy_state import restore_strategy
from wayfed.federated.wire import flower_process
from wayfed_optimizer.errors import ColumnNotFound, InvalidOption, Unsupported, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from wayfed.arrays import Arrays
    from wayfed.federated.features.fitting import Category
    from wayfed.federated.grids.base import PartyGrid
    from wayfed.federated.models.adapter import Weights
    from wayfed.federated.participants import Participants
    from wayfed.federated.releases import Recorder
    from wayfed.federated.runs.checkpoint import Checkpoint
    from wayfed.federated.runs.results import PartyReport
    from wayfed.federated.runs.store import RunStore
    from wayfed_optimizer.cancellation import CancellationToken

__all__ = ["run_federated", "run_flower"]

RUNNERS: Final = ("local", "processes", "grpc", "flower")


def run_federated(
    parties: Mapping[str, Arrays] | Participants,
    *,
    label: str | None = None,
    features: Sequence[str] | None = None,
    preprocess: Recipe | None = None,
    model: ModelSpec | ClientLike,
    rounds: int,
    strategy: StrategyLike = "fedavg",
    test: float | Split | None = 0.2,
    sample_weight: str | None = None,
    classes: Sequence[Category] | None = None,
    privacy: DifferentialPrivacy | None = None,
    secure_aggregation: bool = False,
    runner: str | None = None,
    seed: int = 0,
    checkpoint: CheckpointLike = None,
    early_stopping: EarlyStopping | str | None = None,
    quorum: float | None = None,
    deadline: float | None = None,
    on_round: OnRound | None = None,
    refresh: str = "once",
    min_rows: int = 1,
    progress: bool | None = None,
    threads: int | None = None,
    token: CancellationToken | None = None,
    record: Recorder | None = None,
    store: RunStore | None = None,
    resumed: Checkpoint | None = None,
    allow_changed: bool = False,
) -> FederatedRun:
    """Train a model over the arrays of several parties, of which only updates are shared.

    Equal rows and an equal `seed` give an equal model, bit for bit, whatever the order of the rows
    and the number of threads: each party's rows are put in a canonical order, and updates are
    combined in the order of the parties' names.

    Parameters
    ----------
    parties
        Arrays by party, such as ``arrays.partition_by("bank")`` gives, or the arrays of a
        federated context.
    label
        The column to be predicted; a clustering has none.
    features
        The columns to predict it from; by default all others, but for the weight, the columns of
        `test`, and the column that the arrays were partitioned by.
    preprocess
        How columns become numbers (`wayfed.federated.features.recipe.features`).
    model
        One of ``wayfed.models``; or a Flower ClientApp, or a callable that makes a Flower
        NumPyClient of a party's arrays.
    rounds
        How many times the parties train.
    strategy
        One of Flower's, by name, with options (``{"name": "fedadam", "eta": 0.01}``), or as an
        object.
    test
        Which rows are held out to measure on: a fraction, ``by_time(column, cut)``,
        ``by_hash(key)``, or None.
    sample_weight
        A column that says how much each row counts in training.
    classes
        The label's values; by default those that the parties hold.
    privacy
        How much the run may reveal of a row, or of a party (`wayfed.federated.privacy.dp.dp`);
        docs/privacy.md says what is protected from whom, and what then must be named beforehand.
    secure_aggregation
        Whether updates are summed under masks, so that nobody reads one: SecAgg+, from three
        parties on, of which more than half must stay in each round.
    refresh
        Not in this version, beyond its default.
    checkpoint
        Where to write after each round what `resume` goes on from: a directory, or True for one of
        the user's own (docs/runs.md); by default nowhere.
    early_stopping
        Ends the run when a measure on held-out rows has stopped to become better: its name, or
        `wayfed.federated.runs.stopping.early_stopping`.
    runner
        How messages travel: ``local``, ``processes``, ``grpc`` for parties elsewhere, or ``flower``
        over a Flower SuperLink; by default as the context reaches its parties.
    seed
        What chance depends on: first weights, batches, the choice of parties.
    quorum
        How many parties must give a usable update each round: a number, or a fraction of those
        asked; by default one.
    deadline
        Seconds that a party has for a round's step; who is late is left out of it.
    on_round
        Called with the run after each round; ``run.model`` is the round's model, ``run.stop()``
        ends the run.
    min_rows
        The least number of training rows that a party needs to take part, where the arrays are
        here; parties of a federation have policies of their own.
    progress
        Whether to report; by default in a terminal or a notebook.
    threads
        How many parties work at once.
    token
        Cancels the run.
    record
        Is told of everything that leaves a party, as typed releases.
    store
        Where the run is kept; by default nowhere.
    resumed, allow_changed
        Where an interrupted run was, to go on from there, and whether parties may have other rows
        than they had.

    Returns
    -------
    FederatedRun
        The model, its history on held-out rows, and the parties, those left out with the reason.

    Raises
    ------
    ColumnNotFound, TypeMismatch, InvalidOption, Unsupported
        Something does not fit; said of all parties at once, before training.
    PartyError
        Nobody, or fewer than the quorum, gave a usable answer.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from wayfed import models
    >>> from wayfed.arrays import Arrays
    >>> rows = pa.table({
    ...     "bank": ["a", "b"] * 50,
    ...     "x": [float(i % 10) for i in range(100)],
    ...     "late": [i % 10 > 4 for i in range(100)],
    ... })
    >>> run = run_federated(
    ...     Arrays.from_table(rows).partition_by("bank"),
    ...     label="late",
    ...     model=models.logistic_regression(learning_rate=0.5, local_epochs=20),
    ...     rounds=5,
    ... )
    >>> run.metrics["auc"]
    1.0
    """
    _check_runner(runner)
    _check_later(
        refresh=refresh != "once",
    )
    if privacy is not None and not isinstance(privacy, DifferentialPrivacy):
        raise InvalidOption(
            f"privacy={privacy!r} is no budget", hint="wf.dp(epsilon=2.0, delta=1e-5, clip=1.0)"
        )
    participants = participants_of(parties, min_rows)
    check_rounds(rounds, quorum, deadline)
    directory, stopping = checkpoint_place(checkpoint), as_early_stopping(early_stopping)
    if not isinstance(model, ModelSpec):
        _check_own_code(model, privacy, directory, stopping, secure=secure_aggregation)
        return run_flower(
            participants,
            server={"num_rounds": rounds, "strategy": strategy, "round_timeout": deadline},
            client=model,
            seed=seed,
            quorum=quorum,
            on_round=on_round,
            progress=progress,
            threads=threads,
            token=token,
            record=record,
            min_rows=min_rows,
            store=store,
        )
    split = as_split(test)
    label = _label(label, model)
    names = _features(participants, label, features, sample_weight, split)
    recipe = preprocess if preprocess is not None else Recipe()
    for column in recipe.named_columns:
        if column not in names:
            raise ColumnNotFound(column, names, of="the features")
    asked = Question(
        label=label,
        features=names,
        sample_weight=sample_weight,
        split=split,
        model=model,
        recipe=recipe,
        classes=None if classes is None else tuple(classes),
        seed=seed,
        rounds=rounds,
        strategy=name_of(strategy),
        privacy=privacy,
        secure_aggregation=secure_aggregation,
    )
    # A first look, before anything is asked of a party: is it installed, are its parameters right?
    built = resolve_model(model, Task(len(names), 2 if model.task == "classification" else None))
    with flower_process(), ExitStack() as stack:
        resolved = resolve_strategy(strategy)
        journal = Journal(
            run=new_id() if resumed is None else resumed.run,
            store=store,
            directory=directory,
            request=request_of(
                asked,
                strategy,
                resolved,
                checkpoint=directory is not None,
                runner=runner,
                quorum=quorum,
                deadline=deadline,
                min_rows=min_rows,
                early_stopping=stopping,
                plan=participants.plan,
            ),
        )
        check_weighting(resolved)
        check_pooled(built, str(model), resolved, private=privacy is not None)
        bools = participants.bools(names)
        check_together(
            traits_of(asked, resolved, built, bools=bools, secure_aggregation=secure_aggregation)
        )
        reached = participants.grid(runner, threads=threads, features=len(names))
        stack.callback(participants.done, reached)
        _check_reach(model, reached, kept=directory is not None)
        grid = GuardedGrid(
            reached,
            quorum=1 if quorum is None else quorum,
            deadline=deadline,
            token=token,
            record=record,
        )
        if resumed is not None:
            bound, spent = rebind(grid, asked, resumed, allow_changed=allow_changed), None
            restore_strategy(resolved, resumed.strategy)
        elif privacy is None:
            bound, spent = bind(grid, asked, bools=bools), None
        else:
            bound, spent = bind_privately(grid, asked, bools=bools, types=participants.types(names))
            if privacy.unit == "client":
                resolved = noisy_average(privacy, rounds)
        grid.expect(_work(bound.parties, len(names)))
        check_parties(resolved, len(grid.parties), quorum)
        begun = resolve_model(model, bound.task)
        resolved = strategy_of(begun, resolved)
        first = begun.initial_weights(seed)
        measured = any(report.testing for report in bound.parties.values())
        _check_measured(test, stopping, measured=measured or privacy is not None)

        reports = dict(bound.parties)
        digests = {} if resumed is None or allow_changed else resumed.digests
        inputs = participants.types(bound.features.columns)

        def trained(weights: Weights) -> Predictor:
            return TrainedModel(model, weights, bound.features, bound.classes, label, inputs)

        return play(
            Rounds(
                grid=grid,
                strategy=resolved,
                seed=seed,
                pool=pool_sums,
                own=own_sums,
                model=trained,
                evaluate=split is not None and measured,
                stopping=stopping,
                # Nobody joins a run that every party pays for before it begins.
                joining=None
                if participants.plan is None or privacy is not None
                else Joining(grid, participants.plan, asked, bound, reports, digests=digests),
                secure=summed_in_secret(grid, quorum) if secure_aggregation else None,
            ),
            first if resumed is None else resumed.weights,
            description=f"{model.name} of '{label}'" if label else model.name,
            rounds=rounds,
            parties=reports,
            on_round=on_round,
            progress=progress,
            privacy_spent=spent,
            journal=journal,
            resumed=resumed,
        )


def _check_reach(model: ModelSpec, grid: PartyGrid, *, kept: bool) -> None:
    if not isinstance(model, OwnModel):
        return
    if kept:
        raise Unsupported(
            "checkpoint=",
            reason=f"model {model.name} is code of your own, which cannot be written down",
            hint="leave checkpoint out, or wf.models.custom('name') of an installed package",
        )
    if not isinstance(grid, LocalGrid):
        raise Unsupported(
            f"model {model.name} of your own",
            reason="parties elsewhere run what they have installed, never code that arrives",
            hint="runner='local'; or wf.models.custom('name'), installed at the parties",
        )


def _work(reports: Mapping[str, PartyReport], features: int) -> int:
    """Give how many numbers a party works through, where a row lies on the average."""
    rows = [report.rows for report in reports.values()]
    return int(sum(n * n for n in rows) / max(1, sum(rows)) * features)


def _label(label: str | None, model: ModelSpec) -> str:
    """Return the label that a model learns; a clustering's is no name."""
    clustering = model.task == "clustering"
    if clustering is not (label is None):
        told = "has no label" if clustering else "learns a label"
        raise InvalidOption(
            f"{model} {told}", hint="leave label out" if clustering else "label='column'"
        )
    return label or ""


def _features(
    participants: Participants,
    label: str,
    features: Sequence[str] | None,
    sample_weight: str | None,
    split: Split | None,
) -> tuple[str, ...]:
    beside = [*([label] if label else []), *([sample_weight] if sample_weight is not None else [])]
    beside += split.columns if split is not None else ()
    participants.require((*beside, *(features or ())))
    if features is not None:
        if not features:
            raise InvalidOption("features=[] leaves nothing to learn from")
        if label in features:
            raise InvalidOption(f"the label '{label}' is among the features")
        participants.check_features(features)
        return tuple(features)
    names = participants.features(beside)
    if not names:
        raise InvalidOption(f"beside the label '{label}' there are no columns to learn from")
    return names


def _check_own_code(
    model: object,
    privacy: DifferentialPrivacy | None,
    directory: Path | None,
    stopping: EarlyStopping | None,
    *,
    secure: bool,
) -> None:
    if secure:
        check_together({Trait.SECURE_AGGREGATION, Trait.OWN_CODE})
    if privacy is not None:
        check_together({privacy_trait(privacy), Trait.OWN_CODE})
    if not is_client(model):
        raise InvalidOption(
            f"{model!r} is not a model",
            hint="wf.models.logistic_regression(), a ClientApp, or what makes a NumPyClient",
        )
    if directory is not None:
        raise Unsupported(
            "checkpoint=",
            reason="code of your own cannot be written down, to go on with it later",
            hint="leave checkpoint out, or train one of wf.models",
        )
    if stopping is not None:
        raise Unsupported(
            "early_stopping=",
            reason="which measures of a client of your own are better is not known",
            hint="on_round=lambda run: run.stop() if … else None",
        )


def _check_measured(
    test: float | Split | None, stopping: EarlyStopping | None, *, measured: bool
) -> None:
    if test is not None and not measured:
        raise InvalidOption(
            f"no party holds rows for test={test!r}", hint="test=None measures nothing"
        )
    if test is None and stopping is not None:
        raise InvalidOption("early_stopping= measures held-out rows", hint="test=0.2 holds some")


def _check_runner(runner: str | None) -> None:
    if runner is not None and runner not in RUNNERS:
        raise InvalidOption(
            f"runner={runner!r} is not one", available=RUNNERS, hint=suggestion(runner, RUNNERS)
        )


def _check_later(**asked: bool) -> None:
    for option, is_asked in asked.items():
        if is_asked:
            raise Unsupported(
                f"{option}=", reason="it comes with a later version", hint=f"leave {option} out"
            )
