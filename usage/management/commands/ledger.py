"""`manage.py ledger`: does it add up, what would it have cost at today's prices, what nobody has charged yet."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from usage import checking, spending, totalling


class Command(BaseCommand):
    help = "Looks after the ledger. Nothing that stands in it is ever changed."

    def add_arguments(self, parser: CommandParser) -> None:
        deeds = parser.add_subparsers(dest="deed", required=True)
        deeds.add_parser(
            "check", help="prove that balances and the totals of days are the sums of the ledger; fails if not"
        )
        rerate = deeds.add_parser("rerate", help="what these days would have cost by the prices entered now")
        rerate.add_argument("begin", type=self._day, help="the first day, like 2026-11-01, in the team's time zone")
        rerate.add_argument("end", type=self._day, help="the day after the last")
        deeds.add_parser("charge", help="charge what was answered before there were charges, at the prices of then")
        deeds.add_parser("totals", help="have all days added up anew, should `check` say that their totals are wrong")

    @staticmethod
    def _day(said: str) -> datetime:
        return datetime.fromisoformat(said).replace(tzinfo=settings.TEAM_ZONE)

    def handle(self, *args: Any, **options: Any) -> None:
        match options["deed"]:
            case "check":
                self._check()
            case "rerate":
                self._rerate(options["begin"], options["end"])
            case "totals":
                totalling.begin_anew()
                self.stdout.write("The totals of all days are forgotten. A worker adds them up again.")
            case _:
                self.stdout.write(f"Charged {spending.charge_history()} calls.")

    def _check(self) -> None:
        if complaints := checking.complaints():
            raise CommandError("\n".join(complaints))
        self.stdout.write(
            "All balances and totals are the sums of the ledger, and every call that has ended is charged once."
        )

    def _rerate(self, begin: datetime, end: datetime) -> None:
        for it in checking.rerated(begin, end):
            unpriced = f", {it.unpriced} without a price" if it.unpriced else ""
            self.stdout.write(
                f"{it.model}: {it.charges} charges{unpriced}, {it.was:.6f} {settings.CURRENCY} as charged, "
                f"{it.would_be:.6f} at the prices of now"
            )
