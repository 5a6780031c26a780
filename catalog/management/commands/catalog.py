"""`manage.py catalog`: the rows of a fresh install."""

from typing import Any

from django.core.management.base import BaseCommand

from catalog import defaults


class Command(BaseCommand):
    help = "Creates the providers, models and routes of a fresh install; leaves existing rows as they are."

    def handle(self, *args: Any, **options: Any) -> None:
        defaults.ensure()
