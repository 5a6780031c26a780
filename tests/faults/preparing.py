"""The tables, the catalog, and members who are signed in. Prints their session keys as JSON.

python -m tests.faults.preparing 40        with the environment of a house
"""

from __future__ import annotations

import json
import sys

import django


def main(count: int) -> None:
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415  # once Django is set up

    call_command("migrate", verbosity=0)
    call_command("catalog")
    # More than all of them ask for: so that every answer is promised, and has to be settled.
    from usage.models import Limit  # noqa: PLC0415  # once Django is set up

    Limit.objects.create(amount=1_000_000)
    Limit.objects.create(amount=10**9, unit="tokens", window="hour")
    print(json.dumps([_session_key(f"member{number}@example.org") for number in range(count)]))  # noqa: T201  # read by house.py


def _session_key(email: str) -> str:
    from django.conf import settings  # noqa: PLC0415  # once Django is set up
    from django.test import Client  # noqa: PLC0415  # the same

    from accounts.models import User  # noqa: PLC0415  # the same

    client = Client()
    client.force_login(User.objects.create_user(email))
    return client.cookies[settings.SESSION_COOKIE_NAME].value


if __name__ == "__main__":
    main(int(sys.argv[1]))
