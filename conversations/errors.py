"""What can go wrong with a deed, in words for the person who did it.

DeedError
├── KeyReusedError        the form's key already asked something else
├── NotAnswerableError    there is nothing to answer again here
└── StillWrittenError     what would be deleted is still being written
"""

from django.utils.translation import gettext_lazy as _


class DeedError(Exception):
    sentence = _("That did not work.")


class KeyReusedError(DeedError):
    sentence = _("This form already asked another question. Send again to ask this one too.")


class NotAnswerableError(DeedError):
    sentence = _("There is no question here that could be answered again.")


class StillWrittenError(DeedError):
    sentence = _("An answer is still being written there. Stop it first, then delete.")
