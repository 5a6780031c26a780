"""What may be set for a question: the fields that the chosen model takes, their ranges, and what they become."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from accounts.models import User
from catalog.models import LanguageModel, Provider, Route
from conversations.forms import PARAMETERS, ParametersForm, QuestionForm, fresh_question
from conversations.models import Conversation
from conversations.parameters import DEFAULT, Parameters


@pytest.fixture
def model(route: Route) -> LanguageModel:
    """Of a server that takes everything, whether its model thinks or not."""
    Provider.objects.update(dialect="llamacpp")
    model = LanguageModel.objects.get()
    model.output_tokens = 4096
    model.save(update_fields=["output_tokens"])
    return model


def typed(**fields: Any) -> QuestionForm:
    """What was sent, for the routes as they are now."""
    return QuestionForm({"key": str(uuid4()), "text": "Hello", **fields}, routes=Route.objects.offered())


def asked(**fields: Any) -> Parameters:
    form = typed(**fields)
    assert form.is_valid(), form.errors
    return form.parameters


def refusal(**fields: Any) -> str:
    """The one sentence at the one field."""
    form = typed(**fields)
    assert not form.is_valid()
    assert list(form.errors) == list(fields)[:1]
    (sentence,) = form.errors[next(iter(fields))]
    return str(sentence)


# What is set becomes Parameters.


def test_nothing_set_leaves_everything_as_it_is_by_itself(model: LanguageModel) -> None:
    assert asked() == DEFAULT
    assert asked(**dict.fromkeys(PARAMETERS, "")) == DEFAULT
    assert asked(temperature=" ", stop="\r\n \r\n") == DEFAULT


def test_everything_set_is_asked_for(model: LanguageModel) -> None:
    assert asked(
        effort="max", temperature="0.7", top_p="0.9", max_tokens="400", stop="END\r\n  ##\r\n\r\nHuman: ", format="json"
    ) == Parameters("max", 0.7, 0.9, 400, ("END", "  ##", "Human: "), "json")


@pytest.mark.parametrize(("said", "meant"), [("0", 0.0), ("2", 2.0), ("0,7", 0.7), (" 1.5 ", 1.5), (".5", 0.5)])
def test_a_temperature_is_read_as_people_write_it(model: LanguageModel, said: str, meant: float) -> None:
    assert asked(temperature=said).temperature == meant


def test_the_ends_of_the_ranges_belong_to_them(model: LanguageModel) -> None:
    assert asked(top_p="1").top_p == 1
    assert asked(top_p="0.001").top_p == 0.001
    assert [asked(max_tokens=it).max_tokens for it in ("1", "4096")] == [1, 4096]
    stops = tuple(str(number).rjust(100, "-") for number in range(16))
    assert asked(stop="\r\n".join(stops)).stop == stops


# Beyond its range a field says so, in a sentence.


@pytest.mark.parametrize("said", ["-0.1", "2.01", "hot", "nan", "inf", "1e3", "1;5", "0x1"])
def test_a_temperature_out_of_range_is_refused(model: LanguageModel, said: str) -> None:
    assert refusal(temperature=said) == "The temperature is a number from 0 to 2."


@pytest.mark.parametrize("said", ["0", "-1", "1.01", "most", "nan"])
def test_a_top_p_out_of_range_is_refused(model: LanguageModel, said: str) -> None:
    assert refusal(top_p=said) == "Top p is a number above 0, up to 1."


@pytest.mark.parametrize("said", ["0", "-5", "4097", "1.5", "many", "9" * 5000])
def test_a_length_beyond_the_models_own_is_refused(model: LanguageModel, said: str) -> None:
    assert refusal(max_tokens=said) == "The longest answer is a whole number of tokens, from 1 to 4,096."


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("\n".join(["END"] * 17), "There may be 16 of them; these are 17."),
        ("END\n" + "x" * 101, "Each may have 100 characters; one of these has 101."),
        ("a\0b", "Null characters are not allowed."),
    ],
    ids=["too many", "too long", "NUL"],
)
def test_stop_texts_that_no_server_takes_are_refused(model: LanguageModel, said: str, sentence: str) -> None:
    assert refusal(stop=said) == sentence


def test_what_is_on_no_list_is_refused(model: LanguageModel) -> None:
    assert refusal(effort="ultra") == "Choose from the list how much to think."
    assert refusal(format="xml")


# Only what the chosen model takes.


def test_the_shown_fields_are_those_the_model_takes_with_so_much_thinking(route: Route) -> None:
    for effort in Route.Effort.values:
        for model in LanguageModel.objects.all():
            form = typed(effort=effort)
            assert {"effort", *(field.name for field in form.settings)} == model.takes(effort), effort


def test_a_thinking_deepseek_takes_no_temperature_and_one_that_does_not_think_does(route: Route) -> None:
    assert asked(temperature="0.7").temperature == 0.7
    assert asked(temperature="0.7", effort="off").temperature == 0.7
    assert asked(temperature="0.7", effort="high") == Parameters(effort="high")
    Route.objects.update(effort="high")
    assert asked(temperature="0.7") == DEFAULT
    assert asked(temperature="0.7", effort="off") == Parameters(effort="off", temperature=0.7)


def test_what_is_not_shown_is_not_even_read(route: Route) -> None:
    assert asked(temperature="nonsense", effort="high") == Parameters(effort="high")


def test_a_model_that_cannot_think_is_not_told_to(model: LanguageModel) -> None:
    model.thinks = False
    model.save(update_fields=["thinks"])
    Provider.objects.update(dialect="deepseek")
    form = typed(effort="high", temperature="0.7")
    assert form.is_valid()
    assert "effort" not in form.fields
    assert form.parameters == Parameters(temperature=0.7)  # which a thinking one would not take


def test_auto_takes_how_much_to_think_and_leaves_the_rest_to_what_it_chooses(route: Route) -> None:
    Route.objects.update(auto=Route.Auto.OTHERWISE)
    Route.objects.through(route.steps.get().model, name="code", label="Code", auto=Route.Auto.CODE)
    Route.objects.create(name="auto", label="Auto", auto=Route.Auto.CHOOSER)
    form = typed(route="auto", effort="max", temperature="0.7", stop="END")
    assert form.is_valid()
    assert form.settings == []
    assert form.parameters == Parameters(effort="max")


def test_the_length_may_be_that_of_the_chosen_model_and_not_of_another(model: LanguageModel) -> None:
    small = LanguageModel.objects.create(
        provider=model.provider, name="small", output_tokens=100, unpriced_allowed=True
    )
    Route.objects.through(small, name="small", label="Small", position=99)
    assert asked(max_tokens="4096").max_tokens == 4096
    assert not typed(max_tokens="4096", route="small").is_valid()


def test_without_any_model_there_is_nothing_to_set(route: Route) -> None:
    Provider.objects.update(enabled=False)
    form = typed(effort="max", temperature="0.7")
    assert form.is_valid()
    assert form.parameters == DEFAULT


# The next form shows what the last question was asked with.


def shown(form: ParametersForm) -> dict[str, Any]:
    return {name: form[name].value() for name in PARAMETERS if name in form.fields}


def test_a_fresh_form_shows_what_the_last_question_was_asked_with(
    model: LanguageModel, conversation: Conversation, alice: User
) -> None:
    last = Parameters("low", 0.7, 0.9, 400, ("END", " ##"), "json")
    conversation.parameters = last.to_store()
    form = fresh_question(alice, conversation)
    assert shown(form) == {
        "effort": "low",
        "format": "json",
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 400,
        "stop": "END\n ##",
    }
    assert asked(**{name: str(value) for name, value in shown(form).items()}) == last


def test_what_the_model_takes_no_more_is_not_shown_again(conversation: Conversation, route: Route, alice: User) -> None:
    conversation.parameters = {"temperature": 0.7}
    assert shown(fresh_question(alice, conversation))["temperature"] == 0.7
    Route.objects.update(effort="high")
    assert "temperature" not in shown(fresh_question(alice, conversation))


def test_a_form_of_no_conversation_sets_nothing(model: LanguageModel, alice: User) -> None:
    assert not any(shown(fresh_question(alice)).values())
