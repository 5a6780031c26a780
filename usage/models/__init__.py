"""What was sent, what came of it, what it cost; what people may spend, and what of it is promised."""

from usage.models.act import Act
from usage.models.alert import Alert, Notice
from usage.models.at_once import AtOnce
from usage.models.balance import Balance, Hold
from usage.models.call import Call, Reply
from usage.models.charge import Charge
from usage.models.limit import Limit, Raise, RaiseRequest, Unit
from usage.models.reading import Reading
from usage.models.total import DayTotal, Of, Total, TotalsCalendar, Unsummed

__all__ = [
    "Act",
    "Alert",
    "AtOnce",
    "Balance",
    "Call",
    "Charge",
    "DayTotal",
    "Hold",
    "Limit",
    "Notice",
    "Of",
    "Raise",
    "RaiseRequest",
    "Reading",
    "Reply",
    "Total",
    "TotalsCalendar",
    "Unit",
    "Unsummed",
]
