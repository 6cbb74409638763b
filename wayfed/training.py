"""What a context does with arrays: training over parties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wayfed_optimizer.errors import PlanError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from flwr.serverapp.strategy import Strategy

    from wayfed.arrays import Arrays
    from wayfed.display import Listing
    from wayfed.federated.arrays import FederatedArrays
    from wayfed.federated.features.fitting import Category
    from wayfed.federated.features.recipe import Recipe
    from wayfed.federated.features.split import Split
    from wayfed.federated.listing import PartyInfo
    from wayfed.federated.models.class_weight import ClassWeightLike
    from wayfed.federated.models.spec import ModelSpec
    from wayfed.federated.participants import Participants
    from wayfed.federated.parties.flower_clients import ClientLike
    from wayfed.federated.privacy.dp import DifferentialPrivacy
    from wayfed.federated.releases import Recorder
    from wayfed.federated.rounds.strategies import StrategyLike
    from wayfed.federated.runs.kept import Runs
    from wayfed.federated.runs.places import CheckpointLike
    from wayfed.federated.runs.results import FederatedRun, OnRound
    from wayfed.federated.runs.stopping import EarlyStopping
    from wayfed.federated.runs.store import RunStore
    from wayfed_optimizer.cancellation import CancellationToken


class Training:
    """The training methods of a context."""

    _runs_place: str | None = None
    _run_store: RunStore | None = None

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
        on_release: Recorder | None = None,
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
            The column to be predicted; a clustering has none.
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
        class_weight
            How much the rows of each class count in training, beside `sample_weight`: weights by
            class (1 where none is named), or ``"balanced"``, by which classes count alike, however
            many rows the parties have of them.
        classes
            The label's values; by default those that the parties hold.
        checkpoint
            Where to write after each round what `resume` goes on from: a directory, or True for
            one of your own; by default nowhere.
        early_stopping
            Ends the run when a measure on held-out rows has stopped to become better: its name,
            or ``wf.early_stopping("auc", patience=5)``.
        secure_aggregation
            Whether updates are summed under masks, so that nobody reads one: from three parties
            on, of which more than half must stay in each round.
        privacy
            How much the run may reveal of a row, or of a party:
            ``wf.dp(epsilon=2.0, delta=1e-5, clip=1.0)``.
        refresh
            When parties of a federated context make their arrays: ``"once"``, or anew before each
            ``"round"``, where rows come in while the run lasts. What was fitted in the beginning
            stays.
        runner
            How messages travel: ``local``, ``processes``, ``grpc`` for parties elsewhere, or
            ``flower`` over a Flower SuperLink; by default as the context reaches its parties.
        seed
            What chance depends on: equal rows and seed give an equal model, bit for bit.
        quorum
            How many parties must give a usable update each round: a number or a fraction.
        deadline
            Seconds that a party has for a round's step; by default an hour, where parties are
            processes of their own.
        on_round
            Called with the run after each round; ``run.stop()`` ends the run.
        on_release
            Called with each thing that a party tells: whose it is, of which of the kinds that
            docs/privacy.md lists, and what is in it.
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
            class_weight=class_weight,
            classes=classes,
            privacy=privacy,
            secure_aggregation=secure_aggregation,
            runner=runner,
            seed=seed,
            checkpoint=checkpoint,
            early_stopping=early_stopping,
            quorum=quorum,
            deadline=deadline,
            on_round=on_round,
            record=on_release,
            refresh=refresh,
            progress=progress,
            token=self.new_token(),
            store=self.run_store,
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
            As what the client gets its columns: ``numpy``, or tensors of ``jax``, ``keras`` or
            ``torch``, where that is installed.
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
            store=self.run_store,
        )

    def resume(
        self,
        run_id: str | os.PathLike[str],
        arrays: Mapping[str, Arrays] | FederatedArrays | None = None,
        *,
        runner: str | None = None,
        rounds: int | None = None,
        on_round: OnRound | None = None,
        progress: bool | None = None,
        allow_changed: bool = False,
    ) -> FederatedRun:
        """Go on with a run from its checkpoint, at the round after the last one that it ended.

        The parties bind the same question again, and must have the rows that they had. The model
        is that of an undisturbed run, bit for bit; but for noise of ``privacy=``, which is drawn
        afresh, and paid for where a round is told again. A run that had come to its end is given as
        it was, unless `rounds` asks for more.

        Parameters
        ----------
        run_id
            The run's id, as ``ctx.runs()`` lists it; or the path of its checkpoint.
        arrays
            In a local context, the arrays again. In a federated one the plan is written down with
            the run, and bound anew where no arrays are given.
        runner
            How parties are reached, where that is to be another way than before.
        rounds
            How many rounds there are to be in all, where that is to be another number.
        on_round, progress
            As in `run_federated`.
        allow_changed
            Whether to go on with parties whose rows have changed, or other versions of packages;
            the model is then another one.

        Raises
        ------
        SourceError
            There is no checkpoint, or it is damaged.
        SourceChanged
            Parties have other rows than they had, the plan or packages are others; named.
        InvalidOption, PartyError
            As of `run_federated`.

        Examples
        --------
        >>> import tempfile
        >>> import wayfed as wf
        >>> directory = tempfile.TemporaryDirectory()
        >>> with wf.context({"runs": {"store": f"{directory.name}/runs.db"}}) as ctx:
        ...     rows = ctx.read({
        ...         "bank": ["a", "b"] * 50,
        ...         "x": [float(i % 10) for i in range(100)],
        ...         "late": [i % 10 > 4 for i in range(100)],
        ...     }).to_numpy().partition_by("bank")
        ...     run = ctx.run_federated(
        ...         rows,
        ...         label="late",
        ...         model=wf.models.logistic_regression(),
        ...         rounds=5,
        ...         checkpoint=directory.name,
        ...         on_round=lambda run: run.stop(),
        ...     )
        ...     len(run.history), len(ctx.resume(run.id, rows).history)
        (1, 5)
        >>> directory.cleanup()
        """
        from wayfed.federated.runs.resuming import resume

        return resume(
            self,
            run_id,
            arrays,
            runner=runner,
            rounds=rounds,
            on_round=on_round,
            progress=progress,
            allow_changed=allow_changed,
            token=self.new_token(),
        )

    def planned(self, plan: bytes) -> FederatedArrays:
        """Refuse: only a federated context has parties that bind a plan."""
        raise PlanError(
            "this run was one of a federated context",
            hint="wf.context(env='federated', parties='parties.toml').resume(…)",
        )

    def runs(self) -> Runs:
        """List the runs that were kept, the newest first; ``ctx.runs().open(id)`` gives one back.

        They are in a SQLite file of the user's, unless ``[runs] store`` or the environment's
        ``WAYFED_RUNS`` names another one, or ``off``.
        """
        from wayfed.federated.runs.kept import Runs

        return Runs(self.run_store)

    @property
    def run_store(self) -> RunStore:
        """Where this context's runs are kept."""
        if self._run_store is None:
            from wayfed.federated.runs.places import store_place
            from wayfed.federated.runs.store import RunStore

            self._run_store = RunStore(store_place(self._runs_place))
        return self._run_store

    def close_runs(self) -> None:
        """Let go of the store of runs."""
        if self._run_store is not None:
            self._run_store.close()

    def parties(self) -> Listing[PartyInfo]:
        """Refuse: only a federated context has parties."""
        raise PlanError(
            "a local context has no parties",
            hint="wf.context(env='federated', parties='parties.toml') has;"
            " here, arrays.partition_by('column') makes a party of each value",
        )
