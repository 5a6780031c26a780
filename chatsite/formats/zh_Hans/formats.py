"""2026年3月14日 19:21 is Django's own already; numbers in groups of three, as tables have them."""

NUMBER_GROUPING = 3
THOUSAND_SEPARATOR = ","
