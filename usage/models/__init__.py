"""What was sent, what came of it, what it cost; what people may spend, and what of it is promised."""

from usage.models.act import Act
from usage.models.alert import Alert, Notice
from usage.models.at_once import AtOnce
from usage.models.balance import Balance, Hold
from usage.models.call import Call, Reply
from usage.models.charge import Charge
from usage.models.limit import Limit, Raise, RaiseRequest, Unit
from usage.models.reading import Reading

__all__ = [
    "Act",
    "Alert",
    "AtOnce",
    "Balance",
    "Call",
    "Charge",
    "Hold",
    "Limit",
    "Notice",
    "Raise",
    "RaiseRequest",
    "Reading",
    "Reply",
    "Unit",
]
