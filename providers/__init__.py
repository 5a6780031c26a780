"""Speaking to models over HTTP. Plain Python: knows no Django and nothing of ours.

`stream` asks and yields deltas, `fill` does so for a hole in a text, `ask_json` for one JSON object, and `list_models`
asks what there is. `Clients` holds the connections; everything they raise is a ProviderError.
"""

from providers.client import fill, stream
from providers.connections import Clients
from providers.deltas import (
    Delta,
    Finished,
    Logprobs,
    Reasoning,
    Started,
    Text,
    ToolCall,
    ToolCallBegun,
    Usage,
)
from providers.errors import ProviderError
from providers.json_mode import ask_json
from providers.messages import (
    Ability,
    ChatMessage,
    ChatRequest,
    Clocks,
    Effort,
    Endpoint,
    FillRequest,
    Format,
    Image,
    Role,
    Secret,
    Tool,
    ToolUse,
)
from providers.models_list import list_models
from providers.retrying import retry_delay

__all__ = [
    "Ability",
    "ChatMessage",
    "ChatRequest",
    "Clients",
    "Clocks",
    "Delta",
    "Effort",
    "Endpoint",
    "FillRequest",
    "Finished",
    "Format",
    "Image",
    "Logprobs",
    "ProviderError",
    "Reasoning",
    "Role",
    "Secret",
    "Started",
    "Text",
    "Tool",
    "ToolCall",
    "ToolCallBegun",
    "ToolUse",
    "Usage",
    "ask_json",
    "fill",
    "list_models",
    "retry_delay",
    "stream",
]
