"""Schemas of strict tools."""

from typing import Any

import pytest

from providers.strict import strict


def test_every_object_is_closed_and_all_of_it_required() -> None:
    inner = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a"]}
    found = strict({"type": "object", "properties": {"inner": inner, "list": {"type": "array", "items": inner}}})
    closed = {**inner, "required": ["a", "b"], "additionalProperties": False}
    assert found == {
        "type": "object",
        "properties": {"inner": closed, "list": {"type": "array", "items": closed}},
        "required": ["inner", "list"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("schema", "kept"),
    [
        ({"type": "string", "minLength": 1, "maxLength": 9, "pattern": "a+"}, {"type": "string", "pattern": "a+"}),
        ({"type": "string", "format": "email"}, {"type": "string", "format": "email"}),
        ({"type": "string", "format": "date-time"}, {"type": "string"}),
        ({"type": "array", "items": {"type": "number"}, "minItems": 1}, {"type": "array", "items": {"type": "number"}}),
        ({"type": "integer", "minimum": 1, "pattern": "x"}, {"type": "integer", "minimum": 1}),
        ({"type": ["string", "null"], "minLength": 1}, {"type": ["string", "null"]}),
        ({"enum": ["a", "b"], "title": "A", "$comment": "c"}, {"enum": ["a", "b"]}),
        ({"anyOf": [{"type": "string", "minLength": 1}]}, {"anyOf": [{"type": "string"}]}),
        ({"$defs": {"x": {"type": "string", "maxLength": 2}}}, {"$defs": {"x": {"type": "string"}}}),
    ],
)
def test_words_that_providers_do_not_know_are_left_out(schema: dict[str, Any], kept: dict[str, Any]) -> None:
    assert strict(schema) == kept


def test_a_property_may_be_called_like_a_word_of_the_language() -> None:
    found = strict({"type": "object", "properties": {"title": {"type": "string"}, "minLength": {"type": "integer"}}})
    assert list(found["properties"]) == found["required"] == ["title", "minLength"]


def test_the_tools_own_schema_stays_as_it_is() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}}
    strict(schema)
    assert schema == {"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}}
