"""What a context does with arrays: training over parties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from wayfed.display import Listing
from wayfed_optimizer.errors import PlanError, Unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flwr.serverapp.strategy import Strategy

    from wayfed.arrays import Arrays
    from wayfed.federated.arrays import FederatedArrays
    from wayfed.federated.context import PartyInfo
    from wayfed.federated.features.fitting import Category
    from wayfed.federated.features.recipe import Recipe
    from wayfed.federated.features.split import Split
    from wayfed.federated.models.spec import ModelSpec
    from wayfed.federated.participants import Participants
    from wayfed.federated.parties.flower_clients import ClientLike
    from wayfed.federated.rounds.strategies import StrategyLike
    from wayfed.federated.runs.results import FederatedRun, OnRound
    from wayfed_optimizer.cancellation import CancellationToken


class Training:
    """The training methods of a context."""

    __slots__ = ()

    def new_token(self) -> CancellationToken:
        """Return a token that closing the context cancels."""
        raise NotImplementedError

    def participants(self, arrays: object) -> Participants:
        """Return who takes part in a run over arrays: here, each value of a column is a party."""
        from wayfed.federated.participants import participants_of

        return participants_of(arrays)

    def run_federated(
        self,
        arrays: Mapping[str, Arrays] | FederatedArrays,
        *,
        label: str,
        features: Sequence[str] | None = None,
        preprocess: Recipe | None = None,
        model: ModelSpec | ClientLike,
        rounds: int,
        strategy: StrategyLike = "fedavg",
        test: float | Split | None = 0.2,
        sample_weight: str | None = None,
        classes: Sequence[Category] | None = None,
        privacy: object | None = None,
        secure_aggregation: bool = False,
        runner: str | None = None,
        seed: int = 0,
        checkpoint: object | None = None,
        quorum: float | None = None,
        deadline: float | None = None,
        on_round: OnRound | None = None,
        refresh: str = "once",
        progress: bool | None = None,
    ) -> FederatedRun:
        """Train a model over the arrays of several parties; only updates are shared.

        Columns that some party's policy calls a join key or a label are no features by themselves.

        Parameters
        ----------
        arrays
            Arrays by party: ``dataset.to_numpy().partition_by("bank")``; in a federated context,
            ``dataset.to_numpy()``.
        label
            The column to be predicted.
        features
            The columns to predict it from; by default all others.
        preprocess
            How columns become numbers: ``wf.features(impute="mean", standardize=True)``.
        model
            One of ``wf.models``; or a Flower ClientApp, or a callable that makes a Flower
            NumPyClient of a party's arrays.
        rounds
            How many times the parties train.
        strategy
            One of Flower's, by name, with options (``{"name": "fedadam", "eta": 0.01}``), or as
            an object.
        test
            Which rows are held out to measure on: a fraction, ``wf.by_time(column, cut)``,
            ``wf.by_hash(key)``, or None.
        sample_weight
            A column that says how much each row counts in training.
        classes
            The label's values; by default those that the parties hold.
        privacy, secure_aggregation, checkpoint, refresh
            Not in this version, beyond their defaults.
        runner
            How messages travel: ``local``, ``processes``, or ``grpc`` for parties elsewhere; by
            default as the context reaches its parties.
        seed
            What chance depends on: equal rows and seed give an equal model, bit for bit.
        quorum
            How many parties must give a usable update each round: a number or a fraction.
        deadline
            Seconds that a party has for a round's step.
        on_round
            Called with the run after each round; ``run.stop()`` ends the run.
        progress
            Whether to report; by default in a terminal or a notebook.

        Raises
        ------
        ColumnNotFound, TypeMismatch, InvalidOption, Unsupported
            Something does not fit; said of all parties at once, before training.
        PolicyViolation
            A feature is named that a party's policy forbids.
        PartyError
            Too few parties gave a usable answer.

        Examples
        --------
        >>> import wayfed as wf
        >>> with wf.context() as ctx:
        ...     rows = ctx.read({
        ...         "bank": ["a", "b"] * 50,
        ...         "x": [float(i % 10) for i in range(100)],
        ...         "late": [i % 10 > 4 for i in range(100)],
        ...     })
        ...     run = ctx.run_federated(
        ...         rows.to_numpy().partition_by("bank"),
        ...         label="late",
        ...         model=wf.models.logistic_regression(learning_rate=0.5, local_epochs=20),
        ...         rounds=5,
        ...     )
        >>> run.metrics["auc"]
        1.0
        """
        from wayfed.federated.run import run_federated

        return run_federated(
            self.participants(arrays),
            label=label,
            features=features,
            preprocess=preprocess,
            model=model,
            rounds=rounds,
            strategy=strategy,
            test=test,
            sample_weight=sample_weight,
            classes=classes,
            privacy=privacy,
            secure_aggregation=secure_aggregation,
            runner=runner,
            seed=seed,
            checkpoint=checkpoint,
            quorum=quorum,
            deadline=deadline,
            on_round=on_round,
            refresh=refresh,
            progress=progress,
            token=self.new_token(),
        )

    def runFlower(
        self,
        arrays: Mapping[str, Arrays] | FederatedArrays,
        *,
        server: Mapping[str, Any] | Strategy,
        client: ClientLike,
        flowerEngine: str = "numpy",
        seed: int = 0,
    ) -> FederatedRun:
        """Run Flower clients of one's own over the parties' arrays.

        Parameters
        ----------
        arrays
            Arrays by party.
        server
            ``{"num_rounds": 3}``, with a ``strategy`` where wanted; or a Flower strategy.
        client
            A ClientApp, or a callable that makes a NumPyClient of a party's arrays.
        flowerEngine
            As what tensors the arrays are handed over; in this version ``numpy``.
        seed
            What chance depends on.
        """
        from wayfed.federated.run import run_flower

        return run_flower(
            self.participants(arrays),
            server=server,
            client=client,
            flower_engine=flowerEngine,
            seed=seed,
            token=self.new_token(),
        )

    def resume(self, run_id: str) -> NoReturn:
        """Go on with a run that was interrupted; not in this version."""
        raise Unsupported(
            f"resume({run_id!r})",
            reason="runs leave no checkpoints in this version",
            hint="start it again with the same seed: it takes the same way",
        )

    def runs(self) -> Listing[FederatedRun]:
        """List the runs that could be resumed: none in this version, which keeps no checkpoints."""
        return Listing("run", ())

    def parties(self) -> Listing[PartyInfo]:
        """Refuse: only a federated context has parties."""
        raise PlanError(
            "a local context has no parties",
            hint="wf.context(env='federated', parties='parties.toml') has;"
            " here, arrays.partition_by('column') makes a party of each value",
        )
