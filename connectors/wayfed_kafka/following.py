"""What a read without an end looks at now and then: new partitions, and how far it is behind.

Where nothing is written nothing arrives: these looks also tell whether the cluster is there.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from wayfed_kafka.clients import EARLIEST, LATEST
from wayfed_kafka.conditions import narrowed
from wayfed_kafka.failures import ClientError, Trouble
from wayfed_kafka.ranges import Range

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wayfed_kafka.cluster import Cluster
    from wayfed_kafka.progress import Progress
    from wayfed_kafka.scan import Scan

_SECONDS: Final = 3.0


class Following:
    """Partitions that are added while a topic is read, from their beginnings.

    Parameters
    ----------
    cluster, scan
        What is read.
    progress
        Is told where the ends are by now.
    """

    def __init__(self, cluster: Cluster, scan: Scan, progress: Progress) -> None:
        self._cluster = cluster
        self._scan = scan
        self._progress = progress
        self._known = {each.partition for each in scan.table.ranges}
        self._looked = monotonic()
        self._silent: float | None = None

    def __call__(self) -> Mapping[int, int]:
        """Return the partitions that are new, and where each begins; mostly asks nobody.

        Raises
        ------
        ClientError
            Where no broker has answered for as long as the settings say.
        """
        began = monotonic()
        if began - self._looked < _SECONDS:
            return {}
        try:
            found = self._look()
        except ClientError as error:
            if error.trouble is not Trouble.UNREACHABLE:
                raise
            self._silent = self._silent or began
            if monotonic() - self._silent > self._cluster.settings.timeout:
                raise
            return {}
        else:
            self._silent = None
            return found
        finally:
            self._looked = monotonic()

    def _look(self) -> Mapping[int, int]:
        client, table = self._cluster.client, self._scan.table
        partitions = client.describe(table.topic).partitions
        new = tuple(each for each in partitions if each not in self._known)
        first = client.offsets(table.topic, new, EARLIEST, committed=table.committed)
        ranges = narrowed([Range(each, first[each], None) for each in new], self._scan.comparisons)
        self._known.update(new)
        read = [each for each in partitions if each in self._progress or each in first]
        self._progress.extended(
            client.offsets(table.topic, read, LATEST, committed=table.committed)
        )
        return {each.partition: each.start for each in ranges}
