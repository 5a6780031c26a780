"""How the servers differ: what the page may offer, and where a path is."""

import pytest

from providers.dialects import DIALECTS
from providers.messages import Ability, Effort

EVERYTHING = frozenset(Ability)


def test_every_server_we_promise_is_a_row() -> None:
    promised = {"deepseek", "openai", "openrouter", "vllm", "ollama", "llamacpp", "litellm", "anthropic"}
    assert set(DIALECTS) == promised
    assert len({dialect.label for dialect in DIALECTS.values()}) == len(promised)


@pytest.mark.parametrize("name", DIALECTS)
def test_every_server_is_told_explicitly_how_much_to_think(name: str) -> None:
    dialect = DIALECTS[name]
    assert set(dialect.efforts) == set(Effort)
    assert all(dialect.efforts.values())
    assert dialect.efforts[Effort.OFF] not in [dialect.efforts[effort] for effort in Effort if effort is not Effort.OFF]


@pytest.mark.parametrize(
    ("name", "effort", "hidden"),
    [
        ("deepseek", Effort.OFF, {"top_p"}),
        ("deepseek", Effort.HIGH, {"top_p", "temperature"}),
        ("openai", Effort.OFF, set()),
        ("openai", Effort.LOW, {"temperature", "top_p", "stop"}),
        ("openrouter", Effort.MAX, set()),
        ("vllm", Effort.HIGH, set()),
        ("ollama", Effort.HIGH, set()),
        ("llamacpp", Effort.HIGH, set()),
        ("litellm", Effort.HIGH, set()),
        ("anthropic", Effort.OFF, {"format"}),
        ("anthropic", Effort.HIGH, {"format", "temperature", "top_p"}),
    ],
)
def test_the_page_hides_what_changes_nothing(name: str, effort: Effort, hidden: set[str]) -> None:
    everything = {"effort", "temperature", "top_p", "max_tokens", "stop", "format"}
    assert DIALECTS[name].takes(EVERYTHING, effort) == everything - hidden


def test_a_model_that_cannot_think_is_not_asked_how_much() -> None:
    assert "effort" not in DIALECTS["deepseek"].takes(frozenset(), Effort.OFF)


def test_a_model_that_cannot_think_is_sampled_whatever_effort_was_chosen() -> None:
    assert "temperature" in DIALECTS["deepseek"].takes(frozenset(), Effort.MAX)


def test_json_is_offered_where_the_model_has_it() -> None:
    assert "format" not in DIALECTS["deepseek"].takes(EVERYTHING - {Ability.JSON}, Effort.OFF)


@pytest.mark.parametrize(
    ("base_url", "path", "url"),
    [
        ("https://api.deepseek.com", "/chat/completions", "https://api.deepseek.com/chat/completions"),
        ("https://api.deepseek.com/", "/chat/completions", "https://api.deepseek.com/chat/completions"),
        ("https://api.deepseek.com/v1", "/chat/completions", "https://api.deepseek.com/v1/chat/completions"),
        ("https://api.deepseek.com/beta", "/chat/completions", "https://api.deepseek.com/chat/completions"),
        ("https://api.deepseek.com", "/beta/completions", "https://api.deepseek.com/beta/completions"),
        ("https://api.deepseek.com/v1/", "/beta/completions", "https://api.deepseek.com/beta/completions"),
        ("https://api.deepseek.com/beta/", "/beta/completions", "https://api.deepseek.com/beta/completions"),
        ("https://api.deepseek.com/beta", "/models", "https://api.deepseek.com/models"),
    ],
)
def test_deepseeks_versions_do_not_pile_up(base_url: str, path: str, url: str) -> None:
    assert DIALECTS["deepseek"].url(base_url, path) == url


@pytest.mark.parametrize("base_url", ["http://host:8000/v1", "http://host:8000/beta", "http://host/team/beta/"])
def test_other_servers_keep_their_address_whole(base_url: str) -> None:
    assert DIALECTS["vllm"].url(base_url, "/models") == base_url.rstrip("/") + "/models"
