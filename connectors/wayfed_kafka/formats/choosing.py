"""The format that a request means, with its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wayfed_kafka.formats.raw import RawFormat
from wayfed_optimizer.errors import InvalidOption
from wayfed_optimizer.types import check_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wayfed_kafka.cluster import Cluster
    from wayfed_kafka.formats.interface import Format
    from wayfed_kafka.location import Location
    from wayfed_kafka.ranges import Range
    from wayfed_optimizer.platform import SourceRequest

FORMATS: Final = ("json", "avro", "raw")


def format_for(
    request: SourceRequest,
    cluster: Cluster,
    location: Location,
    ranges: Sequence[Range],
    *,
    committed: bool,
) -> Format:
    """Return the format of a topic's values.

    Raises
    ------
    InvalidOption
        Where none is given, or it does not go with the options.
    SourceError, TypeMismatch
        Where the columns cannot be known.
    """
    if request.format is None:
        raise InvalidOption(
            f"the values of {location} are bytes: format= says of what",
            available=FORMATS,
            hint="for example format='json'",
        )
    name = check_option(request.format, FORMATS, name="format")
    if name == "raw":
        if request.schema is not None and request.schema != RawFormat.schema:
            raise InvalidOption(
                "format='raw' has one column: value, binary", hint="leave schema= out"
            )
        return RawFormat()
    from wayfed_kafka.formats.json import JsonFormat

    if request.schema is None:
        raise InvalidOption("format='json' needs schema=")
    return JsonFormat(request.schema)
