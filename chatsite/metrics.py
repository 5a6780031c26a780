"""`/metrics` for Prometheus: there for whoever carries METRICS_TOKEN, not there for anybody else."""

from __future__ import annotations

import asyncio
from contextvars import Context
from secrets import compare_digest

from django.conf import settings
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from chatsite.health import aside
from chatsite.replies import Reply, Scope
from conversations import vitals

_watching: list[asyncio.Task[None]] = []  # Daphne tells nobody that it has started: from the first look on


async def metrics(scope: Scope) -> Reply | None:
    if not _may(scope):
        return None
    if not _watching:
        # Not in this request's context: all that it ever logs would name this request.
        _watching.append(asyncio.create_task(vitals.watch(vitals.show(aside)), context=Context()))
    return Reply(200, (await asyncio.to_thread(generate_latest)).decode(), CONTENT_TYPE_PLAIN_0_0_4)


def _may(scope: Scope) -> bool:
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    token = f"Bearer {settings.METRICS_TOKEN}".encode()
    return bool(settings.METRICS_TOKEN) and len(given) == 1 and compare_digest(given[0], token)
