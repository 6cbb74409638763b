"""Queries that Spark puts to a database itself, on as many connections as it has cores."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from wayfed_java.jars import jars, wrong_jars
from wayfed_java.sets import jar_set
from wayfed_optimizer.types import DATE, TIMESTAMP, TIMESTAMP_UTC, DataType
from wayfed_spark.names import quoted
from wayfed_sql import SPARK

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

    from wayfed_optimizer.platform import JdbcQuery

_SET: Final = "postgresql"
_DRIVER: Final = "org.postgresql.Driver"
_ROWS_AT_ONCE: Final = "20000"
_CARRIED: Final = {
    DATE: ("INT", "date_from_unix_date({})"),
    TIMESTAMP: ("BIGINT", "CAST(timestamp_micros({}) AS TIMESTAMP_NTZ)"),
    TIMESTAMP_UTC: ("BIGINT", "timestamp_micros({})"),
}
"""How times come, see `JdbcQuery`, and what makes them times again."""


@cache
def driver_jars() -> tuple[Path, ...]:
    """Return the jars of the drivers, if they are on this machine; nothing is fetched for them."""
    return () if wrong_jars(jar_set(_SET)) else jars(_SET)


def knows_driver(session: SparkSession) -> bool:
    """Say whether a session of the user's was started with the driver."""
    from py4j.protocol import Py4JError

    jvm = session.sparkContext._jvm
    if jvm is None:
        return False
    try:
        jvm.org.apache.spark.util.Utils.classForName(_DRIVER, False, False)
    except (Py4JError, OSError):
        return False
    return True


def read_jdbc(session: SparkSession, query: JdbcQuery) -> DataFrame:
    """Return a query's rows as a frame with the columns and types that it means.

    Filters stay above it: what the database may do has been put into the query.
    """
    columns = ", ".join(f"{quoted(f.name)} {_carried(f.type)}" for f in query.schema)
    options = {
        "url": query.url,
        "dbtable": f"({query.sql}) AS asked",
        "driver": query.driver,
        "customSchema": columns,
        "fetchsize": _ROWS_AT_ONCE,
        "sessionInitStatement": query.begin,
        "pushDownPredicate": "false",
    }
    if query.user is not None:
        options["user"] = query.user
    if query.password is not None:
        options["password"] = query.password
    cores = session.sparkContext.defaultParallelism
    if query.key is not None and cores > 1:
        name, low, high = query.key
        options |= {
            "partitionColumn": name,
            "lowerBound": str(low),
            # Says how wide parts are, not where they end: the last one has all that is above.
            "upperBound": str(high),
            "numPartitions": str(cores),
        }
    rows = session.read.format("jdbc").options(**options).load()
    return rows.selectExpr(
        *(f"{_value(f.type, quoted(f.name))} AS {quoted(f.name)}" for f in query.schema)
    )


def _carried(kind: DataType) -> str:
    return _CARRIED[kind][0] if kind in _CARRIED else SPARK.type_name(kind)


def _value(kind: DataType, sql: str) -> str:
    return _CARRIED[kind][1].format(sql) if kind in _CARRIED else sql
