"""The errors that users meet, to be caught by name; `wayfed_optimizer.errors` draws their tree.

>>> from wayfed.errors import ColumnNotFound
>>> import wayfed as wf
>>> wf.errors.ColumnNotFound is ColumnNotFound
True
"""

from wayfed_optimizer.errors import (
    Cancelled,
    ColumnNotFound,
    DuplicateColumn,
    ExecutionError,
    FunctionNotFound,
    InvalidOption,
    InvalidPlan,
    InvalidSql,
    NotConverged,
    NotEnoughMemory,
    PartyError,
    PlacedElsewhere,
    PlanError,
    PlatformNotFound,
    PolicyViolation,
    SourceChanged,
    SourceError,
    StatisticsMissing,
    TableNotFound,
    TransferError,
    TypeMismatch,
    UnboundedResult,
    Unsupported,
    WayfedError,
)

__all__ = [
    "Cancelled",
    "ColumnNotFound",
    "DuplicateColumn",
    "ExecutionError",
    "FunctionNotFound",
    "InvalidOption",
    "InvalidPlan",
    "InvalidSql",
    "NotConverged",
    "NotEnoughMemory",
    "PartyError",
    "PlacedElsewhere",
    "PlanError",
    "PlatformNotFound",
    "PolicyViolation",
    "SourceChanged",
    "SourceError",
    "StatisticsMissing",
    "TableNotFound",
    "TransferError",
    "TypeMismatch",
    "UnboundedResult",
    "Unsupported",
    "WayfedError",
]
