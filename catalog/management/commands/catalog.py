"""`manage.py catalog`: the rows of a fresh install, the models that a provider has, and its key under a new secret."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog import defaults, discovering, rotating
from catalog.models import Provider
from providers.errors import ProviderError


class Command(BaseCommand):
    help = "Creates the providers, models and routes of a fresh install; leaves existing rows as they are."

    def add_arguments(self, parser: CommandParser) -> None:
        deeds = parser.add_subparsers(dest="deed", title="or")
        discover = deeds.add_parser("discover", help="ask a provider which models it has, and add the new ones")
        discover.add_argument("provider")
        deeds.add_parser("rotate", help="encrypt the entered keys anew, under the first of PROVIDER_KEYS_SECRET")

    def handle(self, *args: Any, **options: Any) -> None:
        match options["deed"]:
            case "discover":
                self._discover(options["provider"])
            case "rotate":
                self._rotate()
            case _:
                defaults.ensure()

    def _discover(self, name: str) -> None:
        try:
            found = discovering.discover(Provider.objects.get(name=name))
        except Provider.DoesNotExist:
            known = ", ".join(Provider.objects.order_by("name").values_list("name", flat=True))
            raise CommandError(f"There is no provider {name}. There are: {known}.") from None
        except (discovering.NotReadyError, ProviderError) as error:
            raise CommandError(f"{name}: {error.sentence}") from None
        self.stdout.write(str(found))

    def _rotate(self) -> None:
        done, lost = rotating.rotate()
        self.stdout.write(f"Encrypted anew: {', '.join(done) or 'no key'}.")
        if lost:
            raise CommandError(f"No secret opens the keys of {', '.join(lost)}. Enter them again in the admin.")
