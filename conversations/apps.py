from functools import partial
from typing import Any

from django.apps import AppConfig
from django.db import transaction
from django.db.models.signals import post_save
from django.utils.translation import gettext_lazy as _


class ConversationsConfig(AppConfig):
    name = "conversations"
    verbose_name = _("Conversations")

    def ready(self) -> None:
        from accounts.models import User  # noqa: PLC0415  # models are there only now

        post_save.connect(_stop_what_nobody_may_read, sender=User)


def _stop_what_nobody_may_read(instance: Any, **_: Any) -> None:
    """Who was deactivated is written no more answers. By a signal: `accounts` knows nothing of conversations."""
    from conversations import asking  # noqa: PLC0415  # models are there only now

    if not instance.is_active:
        # After the commit: before it they could still ask. And each conversation in a transaction of its own: locks of
        # several, held together, would cross those of a flush.
        transaction.on_commit(partial(asking.stop_for, instance))
