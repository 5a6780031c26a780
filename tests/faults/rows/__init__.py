"""All rows, one kind of fault a file; importing them fills the table."""

from tests.faults.rows import processes, workers, databases, upgrades, providers, readers, proxies  # isort: skip  # the table's order

__all__ = ["databases", "processes", "providers", "proxies", "readers", "upgrades", "workers"]
