"""Kafka's clients behind one interface: confluent-kafka for speed, kafka-python where it is all."""

from wayfed_kafka.clients.choosing import client_for
from wayfed_kafka.clients.interface import (
    EARLIEST,
    LATEST,
    Client,
    Consumer,
    Instant,
    Messages,
    Moment,
    Place,
    Polled,
    Topic,
)

__all__ = [
    "EARLIEST",
    "LATEST",
    "Client",
    "Consumer",
    "Instant",
    "Messages",
    "Moment",
    "Place",
    "Polled",
    "Topic",
    "client_for",
]
