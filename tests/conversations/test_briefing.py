"""What a worker gathers before it asks anybody."""

from __future__ import annotations

from uuid import uuid4

from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from catalog.models import LanguageModel, Route, Step
from conversations import asking, attachments, briefing
from conversations.briefing import Brief
from conversations.models import Generation
from tests.images import painted, upload


def begun(chain: Route, author: User) -> tuple[Brief, list[str]]:
    """What is gathered for a question with an image, and the statements that it took."""
    images = attachments.prepare([upload("a.png", painted())])
    asking.start(author, "What is this?", uuid4(), chain, images=images)
    (generation,) = Generation.objects.claim("a worker", 1)
    with CaptureQueriesContext(connection) as statements:
        brief = briefing.begin(generation)
    assert isinstance(brief, Brief)
    return brief, [each["sql"] for each in statements]


def test_a_longer_chain_costs_no_more_and_its_images_are_loaded_once(alice: User, route: Route) -> None:
    LanguageModel.objects.update(sees=True)
    model = LanguageModel.objects.get()
    _, for_one = begun(route, alice)
    Step.objects.bulk_create([Step(route=route, position=n, model=model) for n in (2, 3, 4)])
    brief, for_four = begun(route, alice)
    assert len(brief.candidates) == 4
    assert len({id(candidate.request.messages[-1].images[0].data) for candidate in brief.candidates}) == 1
    assert len(for_four) == len(for_one)
