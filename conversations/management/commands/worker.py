"""`manage.py worker`: the process that answers."""

import asyncio
import os
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from prometheus_client import start_http_server

from conversations import crashing, vitals
from conversations.aside import Aside
from conversations.worker import Worker


class Command(BaseCommand):
    help = "Claims queued questions and writes their answers until it is told to stop (SIGTERM or Ctrl-C)."

    def handle(self, *args: Any, **options: Any) -> None:
        crashing.arm(os.environ.get("CRASH_AT", ""))
        if settings.METRICS_PORT is not None:
            _show_metrics(settings.METRICS_PORT, settings.METRICS_HOST)
        asyncio.run(work())


async def work() -> None:
    worker = Worker()
    aside = Aside()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.leave)
    watching = asyncio.create_task(vitals.watch(vitals.show(aside)))
    await worker.run()
    watching.cancel()
    await aside.close()


def _show_metrics(port: int, host: str) -> None:
    """To whoever can reach the port: by itself that is this machine."""
    try:
        start_http_server(port, host)
    except OSError as error:
        raise CommandError(f"Can't show metrics on {host}:{port} ({error.strerror}): set METRICS_PORT.") from error
