"""One party's side of training: it binds, tells statistics, trains, evaluates, keeps its rows."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

from wayfed.arrays import numeric_column
from wayfed.federated import metrics
from wayfed.federated.features import canonical, fitting, split
from wayfed.federated.models.adapter import Examples, Model, Task, in_round, resolve_model
from wayfed.federated.models.class_weight import checked_weights, weighed
from wayfed.federated.models.spec import OwnModel
from wayfed.federated.models.statistics import Clustering
from wayfed.federated.parties.answered import Answered
from wayfed.federated.parties.party import Party
from wayfed.federated.parties.question import Problem, Question, label_of, problems, refusals
from wayfed.federated.parties.rules import Rules
from wayfed.federated.privacy.charges import KEPT, run_name
from wayfed.federated.privacy.masking.answering import MaskedTraining
from wayfed.federated.privacy.party import PrivateRun
from wayfed.federated.releases import ReleaseKind
from wayfed.federated.statistics.withholding import withheld
from wayfed.federated.wire import (
    QUESTION,
    Reply,
    answer,
    figures_of,
    lent_in,
    read_json,
    record_of,
    reply_to,
    weights_of,
)
from wayfed_optimizer.errors import InvalidOption, PartyError, PolicyViolation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from wayfed.arrays import Arrays
    from wayfed.federated.models.adapter import Weights


def learning_party(name: str, arrays: Arrays, rules: Rules | None = None) -> Party:
    """Make a party that trains the models of ``wayfed.models`` on `arrays`."""

    def rows() -> Arrays:
        return arrays

    return Party(name, Learner(name, rows, rules or Rules()).app(), rows)


class Learner:
    """The state of one party in one run, made once and kept between messages.

    Parameters
    ----------
    name
        The party's name.
    rows
        Gives its arrays.
    rules
        What it insists on.
    """

    def __init__(self, name: str, rows: Callable[[], Arrays], rules: Rules) -> None:
        self._private: PrivateRun | None = None
        self._is_bound = False
        self._name_word = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
        self._rows = rows
        self._rules = rules
        self._question: Question
        self._train_rows: NDArray[np.intp]
        self._test_rows: NDArray[np.intp]
        self._model: Model
        self._training: Examples
        self._testing: Examples
        self._shapes: Mapping[str, tuple[int, ...]] | None = None
        self._answered: Answered

    @property
    def arrays(self) -> Arrays:
        """The party's arrays."""
        return self._rows()

    def app(self) -> ClientApp:
        """Give the ClientApp that answers the messages of a run."""
        app = ClientApp()
        app.query("bind")(self._bind)
        app.query("statistics")(answering(self._statistics))
        app.query("begin")(answering(self._begin))
        app.train()(self._openly)
        MaskedTraining(self._train).serve(app)
        app.evaluate()(self._evaluate)
        return app

    def _bind(self, message: Message, context: Context) -> Message:
        # Who was refused, or has too few rows, is not begun with by whoever does not mind.
        self._is_bound = False
        self._shapes = None
        plain = dict(read_json(message.content, QUESTION))
        kept = plain.pop(KEPT, None)
        asked = Question.from_dict(plain)
        lent = lent_in(message.content)
        if isinstance(lent, OwnModel):
            asked = replace(asked, model=lent)
        key = None
        if kept is not None and asked.privacy is not None:
            key = self._rules.key_of(run_name(kept), asked, self._name_word)
        return Message(self._bound(asked, key), reply_to=message)

    def _bound(self, asked: Question, key: str | None) -> RecordDict:
        self._question = asked
        if violations := self._rules.violations(self._question, key):
            return answer({ReleaseKind.BINDING: {"violations": list(violations)}})
        self._private = None
        if self._question.privacy is not None:
            self._private = PrivateRun(self._rows, self._rules, asked, self._name_word, key)
            self._is_bound = True
            return self._private.bind()
        arrays = self.arrays
        if found := list(problems(arrays, self._question, self._rules.min_rows)):
            return answer({ReleaseKind.BINDING: {"problems": [asdict(each) for each in found]}})
        hashes = canonical.hash_rows(arrays)
        order = canonical.canonical_order(hashes)
        held = split.held_out(self._question.split, arrays, hashes, order)[order]
        self._train_rows, self._test_rows = order[~held], order[held]
        if reason := self._rules.too_few(arrays.rows, len(self._train_rows)):
            return answer({ReleaseKind.BINDING: {"left_out": reason}})
        if len(self._test_rows) < self._rules.min_rows:
            # A measure of few rows tells of each: a split can be chosen so that it is of one. So
            # would their number, which is what is missing among those that are learned from.
            self._train_rows, self._test_rows = order, order[:0]
        self._is_bound = True
        self._answered = Answered(self._question.rounds)
        binding = {
            "rows": arrays.rows,
            "training": len(self._train_rows),
            "testing": len(self._test_rows),
            "digest": canonical.digest(arrays, hashes, order, self._rules.secret),
        }
        return answer({ReleaseKind.BINDING: binding, ReleaseKind.LABELS: self._labels()})

    def _labels(self) -> dict[str, Any]:
        if self._question.model.task == "clustering":
            return {}
        label = label_of(self.arrays, self._question)
        if self._question.model.task == "regression":
            moments = fitting.Moments.of(np.ma.getdata(label)[self._train_rows])
            return {"moments": [moments.count, moments.mean, moments.squares]}
        counts = fitting.count_categories(label, self._question.label)
        least = self._rules.least_of(self._question.label)
        told = withheld(list(counts.values()), least)
        if self._question.is_balanced:
            # In place of the others: what is learned from and all there is would tell of the rest.
            told = self._learned_from(label, counts, told)
        # A value that few rows have may say who they are; what was named is known already.
        named = self._question.classes is not None
        pairs = zip(counts.items(), told, strict=True)
        return {"counts": [[value, n] for (value, rows), n in pairs if named or rows >= least]}

    def _has_untold(self, label: NDArray[Any]) -> bool:
        """Say whether there are classes that were not named to whoever would balance them."""
        if self._question.classes is not None:
            return False
        counts = fitting.count_categories(label, self._question.label)
        return any(rows < self._rules.least_of(self._question.label) for rows in counts.values())

    def _rare_classes(self) -> Problem:
        name, least = self._question.label, self._rules.min_rows
        return Problem(
            name,
            f"the label '{name}' has values of fewer rows than min_rows={least:,}, which are not "
            "told",
            "classes=[…] names all its values; or group rare ones in the plan",
        )

    def _learned_from(
        self, label: NDArray[Any], counts: Iterable[Any], told: Sequence[int | None]
    ) -> list[int | None]:
        """Count the rows of each class that are learned from; none where `told` has none."""
        here = fitting.count_categories(label[self._train_rows], self._question.label)
        least = self._rules.least_of(self._question.label)
        learned = withheld([here.get(value, 0) for value in counts], least)
        return [None if all_ is None else each for all_, each in zip(told, learned, strict=True)]

    def _require_bound(self) -> None:
        if not self._is_bound:
            raise PolicyViolation("no question was accepted", hint="query.bind comes first")

    def _statistics(self, asked: Mapping[str, Any]) -> RecordDict:
        self._require_bound()
        if self._private is not None:
            return self._private.statistics()
        told = fitting.gather(
            self._question.recipe,
            self.arrays,
            self._question.features,
            self._train_rows,
            least=self._rules.min_rows,
            least_of=self._rules.least_of,
        )
        moments = {name: [m.count, m.mean, m.squares] for name, m in told.moments.items()}
        counts = {name: [[*pair] for pair in v.items()] for name, v in told.vocabularies.items()}
        quantiles = {name: sketch.to_plain() for name, sketch in told.sketches.items()}
        kinds: dict[str, dict[str, Any]] = {
            ReleaseKind.STATISTICS: moments,
            ReleaseKind.VOCABULARY: counts,
        }
        if quantiles:
            kinds[ReleaseKind.QUANTILES] = quantiles
        return answer(kinds)

    def _begin(self, asked: Mapping[str, Any]) -> RecordDict:
        self._require_bound()
        fitted = fitting.FittedFeatures.from_dict(_list(asked, "features"))
        fitted.require_of(self._question.features)
        self._rules.check_matrix(1, fitted.width)
        classes = asked.get("classes")
        if classes is not None:
            classes = fitting.checked_categories(classes)
        by_class = checked_weights(asked.get("class_weight"), classes)
        if (by_class is None) is not (self._question.class_weight is None):
            raise InvalidOption("class_weight is not as the question asks for it")
        if self._private is not None:
            after = _rounds(asked.get("after", 0), self._question.rounds)
            run = run_name(asked.get("run", ""))
            return self._private.begin(fitted, classes, by_class, run=run, after=after)
        self._rules.check_matrix(self.arrays.rows, fitted.width)
        task = Task(fitted.width, None if classes is None else len(classes))
        self._model = resolve_model(self._question.model, task, self._rules.models)
        label = label_of(self.arrays, self._question)
        y = np.ma.getdata(label) if classes is None else fitting.encode(label, classes)
        numbers = y.astype(np.float64)
        if classes is not None and (numbers < 0).any():
            if self._question.classes is None and self._rules.min_rows > 1:
                return answer({ReleaseKind.BINDING: {"problems": [asdict(self._rare_classes())]}})
            raise PartyError("it has labels that are not among the classes that were sent")
        if self._question.is_balanced and self._has_untold(label):
            return answer({ReleaseKind.BINDING: {"problems": [asdict(self._rare_classes())]}})
        if not all(part.usable(self.arrays).all() for part in fitted.parts):
            raise PartyError("it has rows without a value that the fitted features do not fill")
        weight = None
        if self._question.sample_weight is not None:
            column = numeric_column(self.arrays, self._question.sample_weight)
            weight = np.ma.getdata(column).astype(np.float64)[self._train_rows]
        learned = numbers[self._train_rows]
        weight = weighed(weight, learned, by_class)
        if weight is not None and _rows_that_count(weight) < self._rules.min_rows != 1:
            raise PolicyViolation(f"{self._rules.too_few_told}, as the run's weights weigh them")
        self._training = Examples(fitted.matrix(self.arrays, self._train_rows), learned, weight)
        self._testing = Examples(
            fitted.matrix(self.arrays, self._test_rows), numbers[self._test_rows]
        )
        self._shapes = {
            name: np.shape(value) for name, value in self._model.initial_weights(0).items()
        }
        refused = [asdict(each) for each in refusals(self._model, fitted.names, self._training.x)]
        told = {"problems": refused} if refused else {"features": task.features}
        return answer({ReleaseKind.BINDING: told})

    def _openly(self, message: Message, context: Context) -> Message:
        self._require_bound()
        if self._question.secure_aggregation:
            raise PolicyViolation("its updates were to be summed in secret, and leave it masked")
        return self._train(message, context)

    def _train(self, message: Message, context: Context) -> Message:
        self._require_bound()
        arrays, config = _arrays_and_config(message.content)
        if self._private is not None:
            return Message(self._private.train(arrays, config), reply_to=message)
        number, mu = _number(config, "server-round"), _number(config, "proximal-mu")
        weights = self._checked(arrays)
        self._answered.note("train", weights, number, mu)
        update = in_round(self._model, int(number)).train(
            weights,
            self._training,
            seed=(self._question.seed, int(number), self._name_word),
            proximal_mu=mu,
        )
        told = figures_of({metrics.WEIGHT: self._training.total_weight})
        content = {ReleaseKind.UPDATE.value: record_of(update), ReleaseKind.TRAINING.value: told}
        return reply_to(message, Reply(content))

    def _evaluate(self, message: Message, context: Context) -> Message:
        self._require_bound()
        arrays, config = _arrays_and_config(message.content)
        if self._private is not None:
            return Message(self._private.evaluate(arrays, config), reply_to=message)
        sums: metrics.Sums = {metrics.WEIGHT: 0}
        weights = self._checked(arrays)
        # Of a round's number the measures know nothing: the same model has the same ones.
        self._answered.note("evaluate", weights, 0)
        if len(self._testing):
            sums = self._sums(weights, self._testing)
        return reply_to(message, Reply({ReleaseKind.METRICS.value: figures_of(sums)}))

    def _sums(self, weights: Weights, held_out: Examples) -> metrics.Sums:
        if isinstance(self._model, Clustering):
            return metrics.clustering_sums(self._model.squared_distances(weights, held_out.x))
        predicted = self._model.predict(weights, held_out.x)
        regression = self._question.model.task == "regression"
        measure = metrics.regression_sums if regression else metrics.classification_sums
        return measure(predicted, held_out.y)

    def _checked(self, record: ArrayRecord) -> dict[str, NDArray[Any]]:
        """Return weights that arrived; of other shapes numpy would make another model."""
        if self._shapes is None:
            raise PartyError("this run has not begun", hint="query.begin comes first")
        weights = weights_of(record)
        shapes = {name: np.shape(value) for name, value in weights.items()}
        if shapes != self._shapes or any(v.dtype.kind not in "fiub" for v in weights.values()):
            raise PartyError(f"these are no weights of {self._question.model.name}")
        return weights


def _list(asked: Mapping[str, Any], key: str) -> list[Any]:
    found = asked.get(key)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InvalidOption(f"'{key}' is a list of objects")
    return found


def _rows_that_count(weight: NDArray[np.float64]) -> float:
    """Return how many rows of equal weight are worth as much (Kish, Survey Sampling, 1965)."""
    largest = weight.max(initial=0.0)
    if not largest:
        return 0.0
    scaled = weight / largest
    return float(scaled.sum() ** 2 / np.square(scaled).sum()) * (1 + 1e-9)


def _rounds(found: object, most: int) -> int:
    if isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= most:
        return found
    raise InvalidOption(f"'after' is a number of rounds up to {most}, not {str(found)[:50]}")


def _number(config: Mapping[str, Any], key: str) -> float:
    found = config.get(key, 0)
    if isinstance(found, int | float) and 0 <= found < math.inf:
        return found
    raise InvalidOption(f"'{key}' is a finite number from 0 up, not {str(found)[:50]}")


def answering(
    handle: Callable[[Mapping[str, Any]], RecordDict],
) -> Callable[[Message, Context], Message]:
    """Make what answers a message of what answers its question."""

    def reply(message: Message, context: Context) -> Message:
        return Message(handle(read_json(message.content, QUESTION)), reply_to=message)

    return reply


def _arrays_and_config(content: RecordDict) -> tuple[ArrayRecord, Mapping[str, Any]]:
    arrays: ArrayRecord | None = None
    config: Mapping[str, Any] = {}
    for record in content.values():
        if isinstance(record, ArrayRecord):
            arrays = record
        elif isinstance(record, ConfigRecord):
            config = record
    return ArrayRecord() if arrays is None else arrays, config
