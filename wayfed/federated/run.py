"""`run_federated`: from arrays by party to a trained model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wayfed.federated.flower import run_flower
from wayfed.federated.models.spec import ModelSpec
from wayfed.federated.participants import participants_of
from wayfed.federated.rounds.asking import check_fresh, check_options, check_own_code, question_of
from wayfed.federated.rounds.launch import check_rounds
from wayfed.federated.rounds.learning import Learning
from wayfed.federated.runs.places import CheckpointLike, checkpoint_place, new_id
from wayfed.federated.runs.stopping import EarlyStopping, as_early_stopping
from wayfed.federated.runs.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wayfed.arrays import Arrays
    from wayfed.federated.features.fitting import Category
    from wayfed.federated.features.recipe import Recipe
    from wayfed.federated.features.split import Split
    from wayfed.federated.models.class_weight import ClassWeightLike
    from wayfed.federated.participants import Participants
    from wayfed.federated.parties.flower_clients import ClientLike
    from wayfed.federated.privacy.dp import DifferentialPrivacy
    from wayfed.federated.releases import Recorder
    from wayfed.federated.rounds.strategies import StrategyLike
    from wayfed.federated.runs.checkpoint import Checkpoint
    from wayfed.federated.runs.results import FederatedRun, OnRound
    from wayfed.federated.runs.store import RunStore
    from wayfed_optimizer.cancellation import CancellationToken

__all__ = ["run_federated", "run_flower"]


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
    class_weight: ClassWeightLike | None = None,
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
    class_weight
        How much the rows of each class count in training, beside `sample_weight`: weights by class
        (1 where none is named), or ``"balanced"``, by which classes count alike, however many rows
        the parties have of them.
    classes
        The label's values; by default those that the parties hold.
    privacy
        How much the run may reveal of a row, or of a party (`wayfed.federated.privacy.dp.dp`);
        docs/privacy.md says what is protected from whom, and what then must be named beforehand.
    secure_aggregation
        Whether updates are summed under masks, so that nobody reads one: SecAgg+, from three
        parties on, of which more than half must stay in each round.
    refresh
        When parties make their arrays: ``"once"``, or anew before each ``"round"``, where rows come
        in while the run lasts. What was fitted in the beginning stays.
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
        asked; by default one, and as many as krum takes for the parties that may lie.
    deadline
        Seconds that a party has for a round's step; who is late is left out of it. By default an
        hour where parties are processes of their own, and no end where all are in this one.
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

    Where a class is rare, it is weighed up; how far the probabilities hold, a table tells.

    >>> rare = pa.table({
    ...     "bank": ["a", "b"] * 50,
    ...     "x": [float(i % 10) for i in range(100)],
    ...     "fraud": [i % 10 > 8 for i in range(100)],
    ... })
    >>> run = run_federated(
    ...     Arrays.from_table(rare).partition_by("bank"),
    ...     label="fraud",
    ...     model=models.logistic_regression(
    ...         learning_rate=models.schedule("step", 0.5, factor=0.5, every=2), local_epochs=20
    ...     ),
    ...     class_weight="balanced",
    ...     rounds=5,
    ... )
    >>> sum(each.rows for each in run.reliability.ranges)
    18
    """
    check_options(runner, refresh, privacy)
    participants = participants_of(parties, min_rows)
    check_rounds(rounds, quorum, deadline)
    terms = Terms(
        run=new_id() if resumed is None else resumed.run,
        runner=runner,
        quorum=quorum,
        deadline=deadline,
        min_rows=min_rows,
        directory=checkpoint_place(checkpoint),
        stopping=as_early_stopping(early_stopping),
        on_round=on_round,
        progress=progress,
        threads=threads,
        token=token,
        record=record,
        store=store,
        resumed=resumed,
        allow_changed=allow_changed,
        refresh=refresh,
    )
    if not isinstance(model, ModelSpec):
        check_own_code(
            model,
            terms,
            privacy=privacy,
            secure=secure_aggregation,
            weighed=class_weight is not None,
        )
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
    if terms.afresh:
        check_fresh(participants, privacy)
    asked = question_of(
        participants,
        label=label,
        features=features,
        preprocess=preprocess,
        model=model,
        rounds=rounds,
        strategy=strategy,
        test=test,
        sample_weight=sample_weight,
        class_weight=class_weight,
        classes=classes,
        privacy=privacy,
        secure_aggregation=secure_aggregation,
        seed=seed,
    )
    return Learning(participants, asked, terms).run(strategy)
