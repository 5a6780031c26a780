"""Whether this web process has been told to go. A module of its own: server.py knows nothing of Django."""

from threading import Event

DRAINING = Event()
