"""What can go wrong with a deed, in words for the person who did it.

DeedError
├── KeyReusedError        the form's key already asked something else
├── InByGroupError        who is in by a group can't leave alone
├── LastOwnerError        nobody would own the conversation any more
├── NotAllowedError       they may read here, but not do that
├── NotInGroupError       the space is of a group that they are not in
├── NotAnswerableError    there is nothing to answer again here
├── NotWaitingError       what would be taken back is under way, or not theirs
├── StillWrittenError     what would be deleted is still being written
├── TooManyPeopleError    nobody more can be invited
└── SharingError          no link is made, or opened
    ├── NothingToShareError   there is no message yet
    ├── NothingToContinueError  there is no answer to go on from
    ├── UnfinishedError       a snapshot would end with an answer that is being written
    ├── TooManyLinksError     a member has as many open as administrators allow
    └── TooManyGuessesError   wrong passwords, too many in a short time
"""

from django.utils.translation import gettext_lazy as _


class DeedError(Exception):
    sentence = _("That did not work.")


class KeyReusedError(DeedError):
    sentence = _("This form already asked another question. Send again to ask this one too.")


class InByGroupError(DeedError):
    sentence = _("You are here with one of your groups, for as long as you are in it.")


class LastOwnerError(DeedError):
    sentence = _("A conversation needs an owner. Make somebody else one first, or delete it.")


class NotAllowedError(DeedError):
    sentence = _("You may not do that here. An owner of this conversation can let you.")


class NotInGroupError(DeedError):
    sentence = _("You are not in that group any more. Reload the page to begin elsewhere.")


class NotAnswerableError(DeedError):
    sentence = _("There is no question here that could be answered again.")


class NotWaitingError(DeedError):
    sentence = _("It can't be taken back any more: it is being answered, or something was asked below it.")


class StillWrittenError(DeedError):
    sentence = _("An answer is still being written there. Stop it first, then delete.")


class TooManyPeopleError(DeedError):
    sentence = _("No more people and groups can be invited into this conversation.")


class SharingError(DeedError):
    pass


class GoneError(SharingError):
    sentence = _("Something that this needs was deleted just now. Look again at what is left.")


class NothingToShareError(SharingError):
    sentence = _("There is nothing to share here yet.")


class NothingToContinueError(SharingError):
    sentence = _("There is no answer yet from which you could go on.")


class UnfinishedError(SharingError):
    sentence = _("That answer is still being written. Wait for its end, or share the conversation as it goes on.")


class TooManyLinksError(SharingError):
    sentence = _("You have as many links open as you may. Close some that nobody needs any more.")


class TooManyGuessesError(SharingError):
    sentence = _("That was tried too often in a short time. Wait a few minutes, then try again.")
