"""Scores through a plan: a dataset in, the same rows with what a model says of them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.errors import ColumnNotFound, DuplicateColumn, Unsupported
from wayfed_optimizer.types import BOOL, FLOAT64, INT64, TEXT, DataType, Field, Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from wayfed.arrays import Arrays
    from wayfed.dataset import Dataset
    from wayfed.federated.runs.results import TrainedModel

PREDICTION: Final = "prediction"
PROBABILITY: Final = "probability"

# A class is what JSON brought: whole numbers, texts, or yes and no.
_CLASS_TYPES: Final[Mapping[type, DataType]] = {bool: BOOL, int: INT64, str: TEXT}


def with_prediction(model: TrainedModel, dataset: Dataset, name: str) -> Dataset:
    """Add a column with the likeliest class, or the value, of each row."""
    kind = FLOAT64 if model.classes is None else _CLASS_TYPES[type(model.classes[0])]
    return _scored(model, dataset, {name: kind}, lambda arrays: [model.predict(arrays)])


def with_probabilities(model: TrainedModel, dataset: Dataset, name: str) -> Dataset:
    """Add a column for each class, with its probability."""
    names = [f"{name}_{each}" for each in model.classes or ()]

    def columns(arrays: Arrays) -> Sequence[Any]:
        return list(model.predict_proba(arrays).T)

    return _scored(model, dataset, dict.fromkeys(names, FLOAT64), columns)


def _scored(
    model: TrainedModel,
    dataset: Dataset,
    added: Mapping[str, DataType],
    score: Callable[[Arrays], Sequence[Any]],
) -> Dataset:
    from wayfed.federated.dataset import FederatedDataset

    if isinstance(dataset, FederatedDataset):
        raise Unsupported(
            "scoring a dataset",
            "a federated context",
            "its rows stay with the parties, and what scores them is no plan",
            hint="whoever has the rows scores them: wf.models.load(…).predict(…)",
        )
    for column in model.features.columns:
        if column not in dataset.schema:
            raise ColumnNotFound(column, dataset.columns, of="the dataset to be scored")
    for name in added:
        if name in dataset.schema:
            raise DuplicateColumn(
                f"the dataset has a column '{name}' already", hint="predict(dataset, name='score')"
            )
    fields = [Field(name, kind, nullable=False) for name, kind in added.items()]
    schema = Schema((*dataset.schema, *fields))

    def predict(batch: pa.RecordBatch) -> pa.Table:
        import pyarrow as pa

        from wayfed.arrays import Arrays
        from wayfed_arrow.types import arrow_type

        table = pa.Table.from_batches([batch])
        arrays = Arrays.from_table(table.select(dict.fromkeys(model.features.columns)))
        for (name, kind), values in zip(added.items(), score(arrays), strict=True):
            table = table.append_column(name, pa.array(values, arrow_type(kind)))
        return table

    return dataset.map_batches(predict, schema=schema)
