"""Servers of one's own for tests and demonstrations: on loopback, and they end with their owner."""

from __future__ import annotations

from wayfed.testing.servers.flink import FlinkCluster
from wayfed.testing.servers.kafka import KafkaServer
from wayfed.testing.servers.process import ProcessGroup
from wayfed.testing.servers.spark import SparkCluster

__all__ = ["FlinkCluster", "KafkaServer", "ProcessGroup", "SparkCluster"]
