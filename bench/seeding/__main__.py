"""`python -m bench.seeding`: see the package."""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import fields

import django
from django.db import connection


def main() -> None:
    from accounts.models import User  # noqa: PLC0415  # once Django is set up
    from bench.seeding.filling import Size, fill  # noqa: PLC0415  # the same

    parser = argparse.ArgumentParser(description="Fills the database of DATABASE_URL with a made-up team's years.")
    for field in fields(Size):
        parser.add_argument(f"--{field.name}", type=int, default=field.default)
    parser.add_argument("--beside-members", action="store_true", help="though the database has members already")
    options = vars(parser.parse_args())
    if not options.pop("beside_members") and User.objects.exists():
        raise SystemExit(f"The database {connection.settings_dict['NAME']} has members. It is left alone.")
    begin = time.monotonic()
    fill(Size(**options), lambda done: print(f"{time.monotonic() - begin:6.0f} s  {done}", flush=True))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
    django.setup()
    main()
