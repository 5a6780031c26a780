"""What was sent, what came of it, what it cost."""

from usage.models.call import Call, Reply
from usage.models.charge import Charge

__all__ = ["Call", "Charge", "Reply"]
