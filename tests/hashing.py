"""Passwords that are checked as everybody's are, and hashed at once: half a second for each member is saved."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class OneRound(PBKDF2PasswordHasher):
    """The hash says how many rounds it took, so the processes that tests start check it like any other."""

    iterations = 1
