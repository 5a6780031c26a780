"""What people may type, checked where they typed it."""

from __future__ import annotations

from uuid import uuid4

from django import forms
from django.conf import settings

from catalog.models import Route
from conversations.models.conversation import TITLE_LIMIT


class TypedField(forms.CharField):
    """What was typed into a text area. A browser sends each line's end as CRLF, and counts it as one character."""

    def to_python(self, value: object) -> str:
        text = super().to_python(value) or ""
        return text.replace("\r\n", "\n").replace("\r", "\n")


class QuestionForm(forms.Form):
    """A question. It carries a key, so that sending it twice asks once."""

    key = forms.UUIDField(widget=forms.HiddenInput, error_messages={"required": "Reload the page and send again."})
    route = forms.CharField(required=False, max_length=60)
    text = TypedField(
        strip=False,
        max_length=settings.QUESTION_LIMIT,
        error_messages={
            "required": "Type a question first.",
            "max_length": f"A question may have {settings.QUESTION_LIMIT:,} characters; this one has %(show_value)d.",
        },
    )

    def clean_text(self) -> str:
        # PostgreSQL takes no NUL; Django's field has refused it by now.
        text: str = self.cleaned_data["text"].strip("\n")
        if not text.strip():
            raise forms.ValidationError("Type a question first.", code="required")
        return text

    def chosen_route(self) -> Route:
        """The route that was picked, or the default. Raises NoRouteError."""
        return Route.objects.named(self.cleaned_data["route"])


def fresh_question(text: str = "", route: str = "") -> QuestionForm:
    """A form that has asked nothing yet."""
    return QuestionForm(initial={"key": uuid4(), "text": text, "route": route})


class TitleForm(forms.Form):
    title = forms.CharField(
        max_length=TITLE_LIMIT,
        error_messages={
            "required": "A conversation needs a title.",
            "max_length": f"A title may have {TITLE_LIMIT} characters.",
        },
    )

    def clean_title(self) -> str:
        return " ".join(str(self.cleaned_data["title"]).split())
