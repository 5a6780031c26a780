"""`manage.py web`: one web process."""

# First: Daphne chooses Twisted's reactor when it is imported, and nothing may have imported Twisted before.
from chatsite.server import WebServer  # isort: skip

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.module_loading import import_string


class Command(BaseCommand):
    help = "Serves pages and sockets. SIGTERM lets requests finish and sends sockets away in good order."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.HOST)
        parser.add_argument("--port", type=int, default=settings.PORT)

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        server = WebServer(import_string(settings.ASGI_APPLICATION), host, port)
        server.run()
        if server.failure:
            raise CommandError(f"Can't listen on {host}:{port}: set HOST and PORT. ({server.failure})")
