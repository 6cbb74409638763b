"""Kafka's clients as producers: the same transaction, whichever library speaks to the brokers."""

from wayfed_kafka.producers.choosing import producer_for
from wayfed_kafka.producers.interface import Producer, Records, Transaction

__all__ = ["Producer", "Records", "Transaction", "producer_for"]
