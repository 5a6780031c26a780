"""The next version of this product, as far as today's can tell: its migrations add a column and an index.

`manage.py prepare` runs them with DJANGO_SETTINGS_MODULE=tests.faults.tomorrow.settings.
"""
