"""Wiring, no behaviour: settings, urls, the ASGI entry point and the commands that start the product."""
