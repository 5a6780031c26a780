"""One noun a file, its QuerySet beside it."""

from conversations.models.attachment import Attachment
from conversations.models.chunk import Chunk
from conversations.models.conversation import Conversation
from conversations.models.generation import Generation
from conversations.models.membership import Membership, Role
from conversations.models.message import Message
from conversations.models.pulse import Pulse
from conversations.models.seen import Mention, Seen
from conversations.models.share import Guess, Share, SharingRules, Visit

__all__ = [
    "Attachment",
    "Chunk",
    "Conversation",
    "Generation",
    "Guess",
    "Membership",
    "Mention",
    "Message",
    "Pulse",
    "Role",
    "Seen",
    "Share",
    "SharingRules",
    "Visit",
]
