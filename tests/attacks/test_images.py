"""Images by somebody who means no good: files that are something else, bodies too large, others' images."""

from __future__ import annotations

import http.client
import re
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from catalog.models import Provider, Route
from chatsite.server import BODY_LIMIT
from conversations import asking, markdown
from conversations.attachments import QUESTION_LIMIT, prepare
from conversations.models import Attachment, Conversation, Message
from tests.images import BLUE, animation, bomb, noise, painted, photo, saved, upload
from tests.serving import Web

HTMX = {"HX-Request": "true"}
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def question_with(member: User, route: Route, *files: bytes) -> Message:
    images = prepare([upload(f"{number}.png", data) for number, data in enumerate(files)])
    return asking.start(member, "What is this?", uuid4(), route, images=images)


@pytest.fixture
def question(alice: User, route: Route) -> Message:
    """Alice's, with an image."""
    return question_with(alice, route, painted())


@pytest.fixture
def hers(question: Message) -> Attachment:
    return question.attachments.get()


@pytest.fixture
def browser_of_charlie(charlie: User) -> Client:
    browser = Client()
    browser.force_login(charlie)
    return browser


def post(browser: Client, to: str, *files: Any, **more: Any) -> Any:
    data = {"text": "What is this?", "key": str(uuid4()), "route": "quick", "images": list(files), **more}
    return browser.post(to, data)


def refusals(response: Any) -> str:
    found = re.search(r'<div id="refusal" role="alert">(.*?)</div>', response.content.decode(), re.DOTALL)
    assert found
    return unescape(found[1])


# Files.


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("cat.png", SVG),
        ("cat.svg", SVG),
        ("cat.jpg", b"<!doctype html><script>alert(1)</script>"),
        ("cat.gif", b"GIF89a=1;alert(1)//"),
        ("cat.png", b""),
        ("cat.png", b"\x89PNG\r\n\x1a\n"),
        ("cat.webp", b"RIFF\xff\xff\xff\xffWEBPVP8X"),
        ("cat.jpg", photo()[:900]),
        ("cat.png", bomb(60_000, 60_000)),
        ("cat.png", painted(size=(1, 50_000))),
        ("cat.tiff", painted("TIFF")),
        ("cat.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n{ loop }"),
        ("cat.png", b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n%%EOF"),
        ("cat.txt", b'<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="//evil.tld/x.xsl"?><x/>'),
        ("cat.csv", b"MIME-Version: 1.0\nContent-Type: multipart/related; type=text/html\n\n<script>alert(1)</script>"),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["without script", "with script"])
def test_a_file_that_is_no_image_is_refused_in_words_and_the_question_kept(
    browser_of_alice: Client, route: Route, name: str, data: bytes, headers: dict[str, str]
) -> None:
    posted = {"text": "Typed with care", "key": str(uuid4()), "route": "quick", "images": [upload(name, data)]}
    response = browser_of_alice.post("/c/", posted, headers=headers)
    assert response.status_code == 422
    assert f"“{name}” is" in refusals(response)
    if not headers:
        assert ">\nTyped with care</textarea>" in response.content.decode()
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("data", "evil"),
    [
        (painted("GIF") + b"*/=1;alert(1)//<script>alert(1)</script>", b"alert"),
        (painted("PNG") + b"PK\x03\x04 a zip behind it", b"zip"),
        (photo() + b"<html><script>alert(1)</script>", b"script"),
        (painted("JPEG", comment=b"<?php system($_GET[0]); ?>"), b"php"),
    ],
)
def test_of_a_file_that_is_two_things_at_once_only_the_pixels_are_kept(
    browser_of_alice: Client, route: Route, data: bytes, evil: bytes
) -> None:
    assert evil in data
    assert post(browser_of_alice, "/c/", upload("both.html", data)).status_code == 303
    image = Attachment.objects.get()
    served = browser_of_alice.get(image.get_absolute_url())
    assert evil not in served.content
    assert served["Content-Type"] in {"image/png", "image/jpeg"}


def test_eleven_images_are_refused_and_none_of_them_is_kept(browser_of_alice: Client, route: Route) -> None:
    response = post(browser_of_alice, "/c/", *[upload(data=painted()) for _ in range(11)])
    assert (response.status_code, Attachment.objects.count()) == (422, 0)
    assert "A question may have 10 images; these are 11." in refusals(response)


def test_a_hundred_and_one_files_are_refused_before_they_are_looked_at(browser_of_alice: Client, route: Route) -> None:
    assert post(browser_of_alice, "/c/", *[upload(data=b"x") for _ in range(101)]).status_code == 400


@pytest.mark.parametrize(
    "name",
    [
        'a"; filename="b.html',
        "a\r\nSet-Cookie: evil=1\r\n.png",
        "a\n<script>alert(1)</script>.png",
        "\u202egnp.exe",
        "../../../etc/passwd",
        "..\\..\\boot.ini",
        "<img src=x onerror=alert(1)>.png",
        "😀" * 300,
        "%0d%0aX: 1",
    ],
)
def test_a_name_makes_no_header_no_markup_and_no_path(
    alice: User, browser_of_alice: Client, route: Route, name: str
) -> None:
    """Past Django's own cleaning, which a form's files go through."""
    file = upload(data=painted())
    vars(file)["_name"] = name
    question = asking.start(alice, "What is this?", uuid4(), route, images=prepare([file]))
    image = question.attachments.get()
    assert len(image.name) <= 100
    assert image.name.isprintable()
    assert "/" not in image.name
    served = browser_of_alice.get(image.get_absolute_url())
    assert set(served.headers) & {"Set-Cookie", "X"} == set()
    assert served["Content-Disposition"].startswith("inline; filename")
    assert "\n" not in served["Content-Disposition"]
    page = browser_of_alice.get(question.conversation.get_absolute_url()).content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page


# Whose they are.


def test_an_image_is_given_to_its_owner_and_to_nobody_else(
    browser_of_alice: Client, browser_of_charlie: Client, client: Client, charlie: User, route: Route, hers: Attachment
) -> None:
    address = hers.get_absolute_url()
    assert browser_of_alice.get(address).status_code == 200
    none = browser_of_charlie.get(address.replace(str(hers.pk), str(uuid4())))
    his = browser_of_charlie.get(address)
    assert (his.status_code, his.content, dict(his.headers)) == (404, none.content, dict(none.headers))
    # Nor below a conversation of his own.
    own = question_with(charlie, route, painted())
    for conversation, image in ((own.conversation_id, hers.pk), (hers.conversation_id, own.attachments.get().pk)):
        assert browser_of_charlie.get(f"/c/{conversation}/i/{image}/").status_code == 404
    stranger = Client().get(address)
    assert (stranger.status_code, stranger["Location"].split("?")[0]) == (302, "/accounts/login/")


def test_an_image_of_a_deleted_conversation_is_gone_at_once(browser_of_alice: Client, hers: Attachment) -> None:
    asking.delete(hers.conversation)
    assert browser_of_alice.get(hers.get_absolute_url()).status_code == 404
    Conversation.objects.get().delete()
    assert not Attachment.objects.exists()


def test_another_members_image_can_not_be_kept_in_ones_own_question(
    browser_of_charlie: Client, charlie: User, route: Route, hers: Attachment
) -> None:
    own = question_with(charlie, route, painted(colour=BLUE))
    address = f"/c/{own.conversation_id}/m/{own.pk}/edit/"
    key, kept = str(uuid4()), [str(hers.pk), "no id", "", str(own.attachments.get().pk)]
    assert post(browser_of_charlie, address, key=key, kept=kept).status_code == 303
    (image,) = Message.objects.get(pk=key).attachments.all()
    assert bytes(image.data) == bytes(own.attachments.get().data) != bytes(hers.data)


# How they are served.


@pytest.mark.parametrize("data", [painted(), photo(), animation()])
def test_an_image_is_served_as_what_it_is_and_can_do_nothing(
    browser_of_alice: Client, alice: User, route: Route, data: bytes
) -> None:
    image = question_with(alice, route, data).attachments.get()
    served = browser_of_alice.get(image.get_absolute_url())
    assert served.content == bytes(image.data)
    assert served["Content-Type"] == image.media_type
    assert served["X-Content-Type-Options"] == "nosniff"
    assert served["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert served["X-Frame-Options"] == "DENY"
    assert served["Content-Disposition"] == f'inline; filename="{image.file_name}"'


def test_only_the_members_own_browser_keeps_an_image(browser_of_alice: Client, hers: Attachment) -> None:
    served = browser_of_alice.get(hers.get_absolute_url())
    assert served["Cache-Control"] == "private, max-age=31536000, immutable"
    assert "Expires" not in served.headers
    assert "Cookie" in served["Vary"]  # the next person at this browser asks anew
    refused = Client().get(hers.get_absolute_url())
    assert "no-store" in refused["Cache-Control"]


@pytest.mark.parametrize("verb", ["post", "put", "patch", "delete"])
def test_an_image_is_only_looked_at(browser_of_alice: Client, hers: Attachment, verb: str) -> None:
    assert getattr(browser_of_alice, verb)(hers.get_absolute_url()).status_code == 405
    assert Attachment.objects.count() == 1


def test_its_head_alone_says_the_same_and_a_part_of_it_is_all_of_it(browser_of_alice: Client, hers: Attachment) -> None:
    whole = browser_of_alice.get(hers.get_absolute_url())
    head = browser_of_alice.head(hers.get_absolute_url())
    assert (head.status_code, head.content, head["Content-Type"]) == (200, b"", whole["Content-Type"])
    for wanted in ("bytes=0-0", "bytes=5-2", "bytes=-1", "bytes=0-0,1-1", "lines=1"):
        part = browser_of_alice.get(hers.get_absolute_url(), headers={"Range": wanted})
        assert (part.status_code, part.content) == (200, whole.content)


# What models write.


def test_a_model_that_names_an_image_of_ours_makes_nobody_load_it(hers: Attachment) -> None:
    address = hers.get_absolute_url()
    for target in (address, f"http://127.0.0.1:8000{address}", f"//127.0.0.1{address}", f"<{address}>"):
        for text in (f"![x]({target})", f'<img src="{target}">', f"![x][r]\n\n[r]: {target}", f"[![x]({target})](/)"):
            shown = markdown.render(text)
            assert "<img" not in shown
            assert not re.search(r"<[^>]*(src|srcset|style)=", shown)


# Bodies, through a real server.


def multipart(fields: dict[str, str], files: list[tuple[str, bytes]]) -> bytes:
    parts = [(f'name="{name}"', value.encode()) for name, value in fields.items()]
    parts += [(f'name="images"; filename="{name}"', data) for name, data in files]
    pieces = [b"--x\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % (it.encode(), data) for it, data in parts]
    return b"".join([*pieces, b"--x--\r\n"])


def send(server: Web, member: User, files: list[tuple[str, bytes]]) -> tuple[int, str]:
    signed_in = Client()
    signed_in.force_login(member)
    token = "a" * 32
    typed = {"csrfmiddlewaretoken": token, "key": str(uuid4()), "route": "quick", "text": "Typed with care"}
    headers = {
        "Content-Type": "multipart/form-data; boundary=x",
        "Cookie": f"csrf={token}; session={signed_in.cookies['session'].value}",
        "Origin": server.origin,
    }
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", "/c/", multipart(typed, files), headers)
    response = connection.getresponse()
    return response.status, response.read().decode()


def test_as_many_and_as_large_images_as_are_allowed_arrive(server: Web, alice: User, route: Route) -> None:
    image = saved(noise((900, 900)), "PNG")  # 2.4 MB, which becomes a JPEG of less
    Provider.objects.update(key_setting="", base_url="https://models.example.org")  # ready, and never asked
    status, _ = send(server, alice, [(f"{number}.png", image) for number in range(10)])
    assert status == 303
    assert Message.objects.get(text="Typed with care").attachments.count() == 10


def test_more_than_is_allowed_is_refused_in_words_with_the_question_as_it_was_typed(
    server: Web, alice: User, route: Route
) -> None:
    """All three walls stand in this order: what a question may have, what a request may have, what is read at all."""
    assert QUESTION_LIMIT < BODY_LIMIT - 5_000_000
    status, page = send(server, alice, [(f"{number}.png", bytes(9_900_000)) for number in range(3)])
    assert status == 422
    assert "The images of a question may have 25 MB together." in page
    assert ">\nTyped with care</textarea>" in page
    status, page = send(server, alice, [("large.png", bytes(15_000_000))])
    assert status == 422
    assert "“large.png” is larger than 10 MB." in page
