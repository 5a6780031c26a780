"""A JSON schema as strict tools demand it.

DeepSeek's docs of 2026-09-18: every property is required, nothing else may be there, and of JSON Schema's words only
these count; OpenAI asks for the same. A word that is taken out only makes the schema wider: whoever carries the call
out still checks the arguments.
"""

from collections.abc import Mapping
from typing import Any

WORDS = {"type", "description", "enum", "anyOf", "$ref", "$defs", "$def", "properties", "items"}
NUMBERS = {"const", "default", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
WORDS_OF = {"string": {"pattern", "format"}, "number": NUMBERS, "integer": NUMBERS}
FORMATS = {"email", "hostname", "ipv4", "ipv6", "uuid"}

BY_NAME = {"properties", "$defs", "$def"}  # these hold schemas by names of the tool's own


def strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    known = WORDS | WORDS_OF.get(str(schema.get("type")), set())
    kept = {word: _inside(word, value) for word, value in schema.items() if word in known}
    if kept.get("format", "email") not in FORMATS:
        del kept["format"]
    if kept.get("type") == "object":
        properties = kept.setdefault("properties", {})
        kept |= {"required": list(properties), "additionalProperties": False}
    return kept


def _inside(word: str, value: Any) -> Any:
    if word in BY_NAME:
        return {name: strict(schema) for name, schema in value.items()}
    if word == "anyOf":
        return [strict(schema) for schema in value]
    return strict(value) if word == "items" else value
