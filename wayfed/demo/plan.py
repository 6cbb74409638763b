"""The demo's one plan: flights with the weather at their departure and the plane that flew them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from wayfed.dataset import Dataset

LABEL: Final = "late"
TIME: Final = "departs"
CATEGORIES: Final = ("origin", "weekday")
FEATURES: Final = (
    *CATEGORIES,
    "scheduled",
    "from_noon",
    "distance",
    "age",
    "seats",
    "temperature",
    "dew_spread",
    "humidity",
    "wind",
    "rain",
    "pressure",
    "visibility",
)
"""What is known of a flight before it leaves."""
FIRST_TEST_DAY: Final = "2013-10-01"

PUBLISHED: Final = {
    "flights": {
        "time_hour": "timestamp_utc",
        "hour": "int64",
        "minute": "int64",
        "carrier": "text",
        "tailnum": "text",
        "origin": "text",
        "distance": "int64",
        "arr_delay": "int64",
    },
    "weather": {
        "origin": "text",
        "time_hour": "timestamp_utc",
        "temp": "float64",
        "dewp": "float64",
        "humid": "float64",
        "wind_speed": "float64",
        "precip": "float64",
        "pressure": "float64",
        "visib": "float64",
    },
    "planes": {"tailnum": "text", "year": "int64", "seats": "int64"},
}
"""What the airlines agreed on: the columns that plans may name, and their types."""


class Reads(Protocol):
    """A context, federated or local: the plan is the same."""

    def read(self, source: Any) -> Dataset:
        """Return a table of the catalog."""
        ...


def late_flights(context: Reads) -> Dataset:
    """Return, for each flight that arrived, what was known before it left, and whether it was late.

    A flight is late that arrives more than 15 minutes after its schedule.
    """
    weather = context.read("weather")
    planes = context.read("planes").rename({"year": "built"})
    return (
        context.read("flights")
        .filter(lambda flight: flight.arr_delay.is_not_null())
        .join(weather, on=["origin", "time_hour"], how="left")
        .join(planes, on="tailnum", how="left")
        .map(
            lambda flight: {
                TIME: flight.time_hour,
                "carrier": flight.carrier,
                LABEL: flight.arr_delay > 15,
                "origin": flight.origin,
                "weekday": flight.time_hour.day_of_week(),
                "scheduled": flight.hour + flight.minute / 60,
                "from_noon": (flight.hour - 12) * (flight.hour - 12),
                "distance": flight.distance,
                "age": flight.time_hour.year() - flight.built,
                "seats": flight.seats,
                "temperature": flight.temp,
                "dew_spread": flight.temp - flight.dewp,
                "humidity": flight.humid,
                "wind": flight.wind_speed,
                "rain": flight.precip,
                "pressure": flight.pressure,
                "visibility": flight.visib,
            }
        )
    )
