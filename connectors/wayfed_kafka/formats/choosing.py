"""The format that a request means, with its columns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from wayfed_kafka.failures import ClientError, planning_failure
from wayfed_kafka.formats.interface import Undecodable
from wayfed_kafka.formats.raw import RawFormat
from wayfed_optimizer.errors import InvalidOption, SourceError
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
    if name != "avro" and "avro_schema" in request.options:
        raise InvalidOption("avro_schema= is for format='avro'")
    if name == "avro":
        return _avro(request, cluster, location)
    if name == "raw":
        if request.schema is not None and request.schema != RawFormat.schema:
            raise InvalidOption(
                "format='raw' has one column: value, binary", hint="leave schema= out"
            )
        return RawFormat()
    from wayfed_kafka.formats.json import JsonFormat

    if request.schema is not None:
        return JsonFormat(request.schema)
    return _inferred(request, cluster, location, ranges, committed=committed)


def _inferred(
    request: SourceRequest,
    cluster: Cluster,
    location: Location,
    ranges: Sequence[Range],
    *,
    committed: bool,
) -> Format:
    from wayfed_kafka.formats.inference import inferred_json, json_object
    from wayfed_kafka.sampling import sample

    try:
        found = sample(cluster, location.topic or "", ranges, committed=committed)
    except ClientError as error:
        raise planning_failure(error, location) from error
    good = []
    for each in found:
        try:
            json_object(each.value)
        except Undecodable as error:
            if request.options.get("on_error", "fail") == "fail":
                raise SourceError(
                    f"a record of topic {location.topic} (partition {each.partition}, offset "
                    f"{each.offset}) is not JSON of columns: {error}",
                    hint="on_error='skip' leaves such records out and counts them",
                ) from error
        else:
            good.append(each.value)
    return inferred_json(good, f"topic {location.topic}")


def _avro(request: SourceRequest, cluster: Cluster, location: Location) -> Format:
    from wayfed_kafka.formats.avro import AvroFormat
    from wayfed_kafka.registry import Registry, UnknownSchema

    given, settings = request.options.get("avro_schema"), cluster.settings
    registry = Registry(settings) if settings.registry is not None else None
    if given is not None:
        return AvroFormat(_schema(given), request.schema, registry, "avro_schema=")
    if registry is None:
        raise InvalidOption(
            f"the Avro values of {location} do not say their schema",
            hint="registry= is the URL of a schema registry that knows it, avro_schema= the schema",
        )
    subject = f"{location.topic}-value"
    try:
        number, schema = registry.latest(subject)
    except UnknownSchema as error:
        raise SourceError(
            f"the schema registry {registry} has no subject '{subject}'",
            hint="avro_schema= says the columns, where the topic's schema has another name",
        ) from error
    return AvroFormat(schema, request.schema, registry, f"schema {number} of {registry}")


def _schema(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except ValueError as error:
        raise InvalidOption(
            f"avro_schema= is not JSON: {error}", hint="it is the schema itself, or its text"
        ) from error
