"""Money on the administrator's desk: accounts to read, limits and prices to set, requests to decide, an overview.

Prices stand in the catalog; their pages are here, because what a price does is told by the ledger.
"""

from usage.admin import acts, balances, dashboard, ledger, limits, people, prices, raises

__all__ = ["acts", "balances", "dashboard", "ledger", "limits", "people", "prices", "raises"]
