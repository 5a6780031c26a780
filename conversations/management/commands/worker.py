"""`manage.py worker`: the process that answers."""

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand

from conversations.worker import Worker


class Command(BaseCommand):
    help = "Claims queued questions and writes their answers until it is told to stop (SIGTERM or Ctrl-C)."

    def handle(self, *args: Any, **options: Any) -> None:
        asyncio.run(work())


async def work() -> None:
    worker = Worker()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.leave)
    await worker.run()
