"""Is it alive, is it ready? For load balancers and orchestrators, who come by IP address and without a session.

`/healthz`: this process answers. It asks nobody; a database that is away is no reason to restart a web process.
`/readyz`: and what it needs is there. 503 with what is missing, a line each.
"""

from __future__ import annotations

import asyncio
from functools import cache

import psycopg
from django.conf import settings
from django.db.migrations.loader import MigrationLoader

from chatsite.draining import DRAINING
from chatsite.replies import Reply, Scope
from conversations.aside import Aside

aside = Aside()

MIGRATIONS = "SELECT app, name FROM django_migrations"
WORKERS = "SELECT count(*) FROM conversations_pulse WHERE seen_at > now() - make_interval(secs => %s)"

# Workers of versions before the pulse are not seen. Their leases would be no better a sign: web processes that were
# ready only while an answer is written would replace the older ones, and then all be away, with nobody able to ask.
NO_WORKER = "worker: none was heard of within its lease; workers are updated and started before web\n"


async def healthz(scope: Scope) -> Reply:
    return Reply(200, "alive\n")


async def readyz(scope: Scope) -> Reply:
    missing = "process: is about to end\n" if DRAINING.is_set() else await _what_the_database_lacks()
    return Reply(503 if missing else 200, missing or "ready\n")


async def _what_the_database_lacks() -> str:
    try:
        known = await asyncio.to_thread(known_migrations)
        applied = set(await aside.ask(MIGRATIONS))
        if not known <= applied:
            return "migrations: some are not applied; `manage.py prepare` does\n"
        ((workers,),) = await aside.ask(WORKERS, settings.LEASE_SECONDS)
        return "" if workers else NO_WORKER
    except psycopg.errors.UndefinedTable:
        return "migrations: none is applied; `manage.py prepare` does\n"
    except (psycopg.Error, TimeoutError):
        return "database: does not answer\n"


@cache
def known_migrations() -> frozenset[tuple[str, str]]:
    """Those of this version. More may be applied: a newer version is being rolled out."""
    return frozenset(MigrationLoader(None).graph.nodes)
