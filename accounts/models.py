"""A member of the team."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, Permission, PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import names
from accounts.preferences import Preferences


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Make a member. Without a password they can sign in only after following a set-password link."""
        user = self.model(email=User.normalize_username(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=User.normalize_username(username or ""))

    def lock_superusers(self) -> set[uuid.UUID]:
        """Who can do everything. Locks their rows: of two who demote each other, the second sees what the first did."""
        superusers = self.select_for_update().filter(is_superuser=True, is_staff=True, is_active=True)
        return set(superusers.order_by("pk").values_list("pk", flat=True))


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in with an address. Groups are Django's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(_("address"), unique=True)
    name = models.CharField(_("name"), max_length=80, blank=True)
    is_staff = models.BooleanField(
        _("administrator"), default=False, help_text=_("May open the admin, and do there what their groups allow.")
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Take this away instead of deleting a member.")
    )
    date_joined = models.DateTimeField(_("member since"), default=timezone.now, editable=False)
    link_version = models.PositiveIntegerField(default=0, editable=False)  # counts links; only the newest one works
    # A Preferences. Its default stands in the database, for processes of the version before this.
    preferences = models.JSONField(default=dict, db_default={}, blank=True, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        verbose_name, verbose_name_plural = _("member"), _("members")
        constraints = [
            # With the column's own unique index: one member per address. Signing in looks for the lower case, exactly.
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="addresses_are_lower_case"),
        ]

    def __str__(self) -> str:
        return self.get_short_name()

    @classmethod
    def normalize_username(cls, username: str) -> str:
        """Django's own forms, `clean` and `createsuperuser` come through here."""
        return super().normalize_username(username).strip().lower()

    def clean(self) -> None:
        """A name says who somebody is: it is nobody else's in disguise. Forms come through here."""
        super().clean()
        if User.objects.filter(pk=self.pk, name=self.name).exists():
            return  # what stands already keeps nobody from changing the rest: an impostor can be made inactive
        if names.unseen(self.name):
            raise ValidationError({"name": _("A name can't hold characters that nobody sees.")})
        if names.is_reserved(self.name):
            raise ValidationError({"name": _("That is the name of something that is no member.")})
        others = User.objects.exclude(pk=self.pk).exclude(name="").values_list("name", flat=True)
        if any(names.passes_for(self.name, other) for other in others):
            raise ValidationError({"name": _("That looks like another member's name, and is written differently.")})

    @property
    def prefers(self) -> Preferences:
        return Preferences.stored(self.preferences)

    def get_short_name(self) -> str:
        return self.name or self.email.partition("@")[0]

    def choose_password(self, password: str) -> bool:
        """Set a password, unless what a link vouches for has changed since this member was read: one of many wins."""
        chosen = make_password(password)
        unchanged = User.objects.filter(
            pk=self.pk, password=self.password, email=self.email, link_version=self.link_version, is_active=True
        )
        if unchanged.update(password=chosen) == 0:
            return False
        self.password = chosen
        return True

    def may_manage(self, other: User) -> bool:
        """Nobody manages a member who may do more than they may: whoever makes the link can use it."""
        return self.is_superuser or (not other.is_superuser and other.rights() <= self.rights())

    def rights(self) -> set[int]:
        """Permissions of their own and of their groups, active or not: an inactive member can be made active again."""
        mine = models.Q(user=self) | models.Q(group__user=self)
        return set(Permission.objects.filter(mine).values_list("pk", flat=True))
