"""Conversations that were stopped, edited and cut are legal for every server."""

from hypothesis import given
from hypothesis import strategies as st

from providers.messages import ChatMessage, Image, Role, ToolUse
from providers.turns import legal, with_images_in_words, with_instruction, with_tools_in_words

QUESTION = ChatMessage("user", "weather?")


def calling(*ids: str, content: str = "") -> ChatMessage:
    return ChatMessage("assistant", content, tool_calls=tuple(ToolUse(id, "get_weather", "{}") for id in ids))


def result(id: str, content: str = "sunny") -> ChatMessage:
    return ChatMessage("tool", content, tool_call_id=id)


def test_what_is_legal_stays_as_it_is() -> None:
    turns = [
        ChatMessage("system", "be kind"),
        QUESTION,
        calling("1", "2"),
        result("1"),
        result("2"),
        ChatMessage("assistant", "sunny"),
    ]
    assert legal(turns) == turns


def test_two_questions_in_a_row_become_one() -> None:
    one, other = Image("image/png", b"1"), Image("image/png", b"2")
    merged = legal([ChatMessage("user", "a", images=(one,)), ChatMessage("user", "b", images=(other,))])
    assert merged == [ChatMessage("user", "a\n\nb", images=(one, other))]


def test_an_answer_stopped_before_its_first_word_leaves_no_turn() -> None:
    assert legal([QUESTION, ChatMessage("assistant", " ", reasoning="hm"), QUESTION]) == [
        ChatMessage("user", "weather?\n\nweather?")
    ]


def test_two_answers_in_a_row_keep_their_reasoning() -> None:
    merged = legal([ChatMessage("assistant", "a", "thought a"), ChatMessage("assistant", "b", "thought b")])
    assert merged == [ChatMessage("assistant", "a\n\nb", "thought a\n\nthought b")]


def test_a_call_that_nobody_answered_is_not_sent() -> None:
    assert legal([QUESTION, calling("1"), QUESTION])[-1].content == "weather?\n\nweather?"
    assert legal([QUESTION, calling("1", "2"), result("2")]) == [QUESTION, calling("2"), result("2")]
    assert legal([QUESTION, calling("1", content="let me see")]) == [QUESTION, ChatMessage("assistant", "let me see")]


def test_an_answer_that_nobody_asked_for_is_not_sent() -> None:
    assert legal([QUESTION, result("1")]) == [QUESTION]
    assert legal([QUESTION, calling("1"), result("1"), result("1", "twice")]) == [QUESTION, calling("1"), result("1")]
    late = legal([QUESTION, calling("1"), ChatMessage("user", "well?"), result("1")])
    assert late == [ChatMessage("user", "weather?\n\nwell?")]


def test_ids_may_come_again_in_a_later_turn() -> None:
    turns = [QUESTION, calling("call_0"), result("call_0"), calling("call_0"), result("call_0", "rain")]
    assert legal(turns) == turns


def test_without_tools_their_results_are_told() -> None:
    told = legal(list(with_tools_in_words([QUESTION, calling("1"), result("1"), result("none")])))
    assert told == [ChatMessage("user", "weather?\n\n[Result of get_weather]\nsunny")]


def test_an_image_becomes_a_note_with_its_name() -> None:
    noted = with_images_in_words(ChatMessage("user", "what is it?", images=(Image("image/png", b"", "cat.png"),)))
    assert noted == ChatMessage("user", "what is it?\n\n[image: cat.png, not shown to this model]")


def test_an_instruction_joins_what_the_system_says() -> None:
    assert with_instruction([ChatMessage("system", "a"), QUESTION], "b") == [ChatMessage("system", "a\n\nb"), QUESTION]
    assert with_instruction([QUESTION], "b") == [ChatMessage("system", "b"), QUESTION]


roles: st.SearchStrategy[Role] = st.sampled_from(["system", "user", "assistant", "tool"])
ids = st.sampled_from(["1", "2", "3"])
turns = st.builds(
    ChatMessage,
    role=roles,
    content=st.sampled_from(["", "text"]),
    tool_call_id=ids,
    tool_calls=st.lists(st.builds(ToolUse, ids, st.just("f"), st.just("{}")), max_size=2).map(tuple),
)


@given(st.lists(turns, max_size=12))
def test_any_history_at_all_becomes_legal(history: list[ChatMessage]) -> None:
    owed: set[str] = set()
    last = ""
    for turn in legal(history):
        assert turn.role != last or turn.role == "tool"
        if turn.role == "tool":
            owed.remove(turn.tool_call_id)
        else:
            assert not owed
            owed = {call.id for call in turn.tool_calls}
            assert turn.role != "assistant" or turn.content or turn.tool_calls
        last = turn.role
    assert not owed


@given(st.lists(turns, max_size=12))
def test_making_it_legal_twice_changes_nothing(history: list[ChatMessage]) -> None:
    assert legal(legal(history)) == legal(history)
