"""Speaking to models over HTTP. Plain Python: knows no Django and nothing of ours.

`stream` asks and yields deltas; `Clients` holds the connections; everything it raises is a ProviderError.
"""

from providers.client import Clients, stream
from providers.deltas import Delta, Finished, Reasoning, Started, Text, Usage
from providers.errors import ProviderError
from providers.messages import ChatMessage, ChatRequest, Clocks, Effort, Endpoint, Role, Secret
from providers.retrying import retry_delay

__all__ = [
    "ChatMessage",
    "ChatRequest",
    "Clients",
    "Clocks",
    "Delta",
    "Effort",
    "Endpoint",
    "Finished",
    "ProviderError",
    "Reasoning",
    "Role",
    "Secret",
    "Started",
    "Text",
    "Usage",
    "retry_delay",
    "stream",
]
