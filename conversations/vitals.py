"""What Prometheus is told of the house as a whole: asked of the database when it looks, never counted up by us.

And the event loop's own pulse. Every process may be asked; the figures of the database are the same at each.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import psycopg
from django.conf import settings
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from conversations import metrics
from conversations.aside import SECONDS, Aside

LOOP_SECONDS = 0.5  # between two looks at the event loop's lag

# By the partial index `generations_live`.
QUEUE = """
    SELECT count(*) FILTER (WHERE state = 'queued' AND not_before <= now()),
           coalesce(extract(epoch FROM now() - min(greatest(not_before, created_at))
               FILTER (WHERE state = 'queued' AND not_before <= now())), 0)::float,
           count(*) FILTER (WHERE state = 'running'),
           (SELECT count(*) FROM conversations_pulse WHERE seen_at > now() - make_interval(secs => %s))
      FROM conversations_generation WHERE state IN ('queued', 'running')
"""
CIRCUITS = """
    SELECT p.name, (c.opened_at IS NOT NULL)::int
      FROM catalog_provider AS p LEFT JOIN catalog_circuit AS c ON c.provider_id = p.id WHERE p.enabled
"""


class House(Collector):
    """The database's figures. Prometheus asks from a thread; the connection belongs to the event loop."""

    def __init__(self, aside: Aside, loop: asyncio.AbstractEventLoop) -> None:
        self._aside, self._loop = aside, loop

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            figures = self._ask(QUEUE, settings.LEASE_SECONDS)[0]
            circuits = self._ask(CIRCUITS)
        except (psycopg.Error, TimeoutError):
            yield GaugeMetricFamily("chat_database_up", "Whether the database answers.", 0)
            return
        yield GaugeMetricFamily("chat_database_up", "Whether the database answers.", 1)
        for (name, meaning), figure in zip(FIGURES, figures, strict=True):
            yield GaugeMetricFamily(name, meaning, figure)
        is_open = GaugeMetricFamily("chat_circuit_open", "Whether a provider is left alone.", labels=["provider"])
        for provider, figure in circuits:
            is_open.add_metric([provider], figure)
        yield is_open

    def describe(self) -> list[GaugeMetricFamily]:
        return []  # else the registry would collect to learn our names

    def _ask(self, question: str, *values: Any) -> list[Any]:
        asking = asyncio.run_coroutine_threadsafe(self._aside.ask(question, *values), self._loop)
        return asking.result(2 * SECONDS)  # the loop itself may be blocked


FIGURES = (
    ("chat_queued", "Answers that wait for a worker."),
    ("chat_queued_oldest_seconds", "How long the oldest of them has waited."),
    ("chat_running", "Answers that are being written."),
    ("chat_workers", "Workers that were heard of within their lease."),
)


def show(aside: Aside) -> House:
    """Add the house's figures to those of this process, from now on."""
    house = House(aside, asyncio.get_running_loop())
    REGISTRY.register(house)
    return house


async def watch(house: House) -> None:
    """Look after the event loop for as long as it runs; then the house's figures are shown no more."""
    try:
        while True:
            asleep = time.monotonic()
            await asyncio.sleep(LOOP_SECONDS)
            metrics.LOOP_LAG.observe(max(0.0, time.monotonic() - asleep - LOOP_SECONDS))
    finally:
        REGISTRY.unregister(house)
