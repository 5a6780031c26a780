"""How a question is to be answered, as it is kept."""

from __future__ import annotations

import json

import pytest

from conversations.parameters import DEFAULT, Parameters

FULL = Parameters(effort="low", temperature=0.7, top_p=0.9, max_tokens=400, stop=("END", " ##"), format="json")


@pytest.mark.parametrize("parameters", [DEFAULT, FULL, Parameters(temperature=0.0)], ids=["default", "all", "zero"])
def test_what_was_set_comes_back_out_of_a_json_column_as_it_was(parameters: Parameters) -> None:
    assert Parameters.stored(json.loads(json.dumps(parameters.to_store()))) == parameters


def test_only_what_was_set_is_kept() -> None:
    assert DEFAULT.to_store() == {}
    assert Parameters(temperature=0.0).to_store() == {"temperature": 0.0}  # zero is a choice


def test_what_an_older_or_newer_version_kept_besides_is_passed_over() -> None:
    assert Parameters.stored({"temperature": 1.5, "frequency_penalty": 2}) == Parameters(temperature=1.5)
