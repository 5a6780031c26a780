"""What travels shows neither keys nor prompts."""

from traceback import TracebackException

import pytest

from providers import ChatMessage, ChatRequest, Endpoint, Secret
from providers.messages import FillRequest, Image, Tool, ToolUse
from tests.providers.asking import KEY, Asking
from tests.upstream import Script


def test_a_secret_is_never_printed() -> None:
    secret = Secret("sk-1234")
    endpoint = Endpoint("DeepSeek", "deepseek", "https://api.deepseek.com", secret)
    for shown in (str(secret), repr(secret), f"{secret}", f"{secret!r}", repr(endpoint)):
        assert "1234" not in shown
    assert secret.reveal() == "sk-1234"


def test_a_pasted_line_break_is_not_part_of_a_secret() -> None:
    assert Secret(" sk-1234\n") == Secret("sk-1234")


def test_endpoints_with_other_keys_are_other_endpoints() -> None:
    one, other = (Endpoint("a", "openai", "http://x", Secret(key)) for key in ("1", "2"))
    assert one != other
    assert len({one, other}) == 2


def test_a_request_does_not_show_its_prompt() -> None:
    image = Image("image/png", b"secret plan", "secret plan")
    call = ToolUse("1", "search", "secret plan")
    turn = ChatMessage("user", "secret plan", "secret plan", images=(image,), tool_calls=(call,))
    assert "secret plan" not in repr(ChatRequest("m", (turn,)))
    assert "secret plan" not in repr(FillRequest("m", "secret plan", "secret plan"))


@pytest.mark.parametrize("name", ["get_weather", "Get-Weather-2", "a" * 64])
def test_a_tool_has_a_name_that_every_provider_takes(name: str) -> None:
    assert Tool(name, "Tells it").name == name


@pytest.mark.parametrize("name", ["", "get weather", "mcp.search", "wetter_für", "a\n", "a" * 65])
def test_a_tool_with_a_name_that_a_provider_would_refuse_is_a_mistake(name: str) -> None:
    with pytest.raises(ValueError, match="No provider"):
        Tool(name, "Tells it")


@pytest.mark.parametrize("script", [Script().reset(), Script.error(400, "bad"), Script().text_delta("a").cut()])
async def test_an_error_report_with_local_variables_shows_neither(ask: Asking, script: Script) -> None:
    request = ChatRequest("m", (ChatMessage("user", "secret plan"),))
    error = (await ask(script, request)).error
    assert error
    report = "".join(TracebackException.from_exception(error, capture_locals=True).format())
    assert "providers/client.py" in report
    assert KEY not in report
    assert "secret plan" not in report
