"""What becomes of an image that is put into a question: upright, small, and nothing in it but what one sees."""

from __future__ import annotations

import base64
import threading
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from accounts.models import User
from catalog.models import LanguageModel, Route
from conversations import asking, attachments
from conversations.attachments import BYTES, PIXELS, SIDE, UnfitImageError, clean_name, prepare
from conversations.errors import KeyReusedError
from conversations.models import Attachment, Generation, Message
from conversations.prompting import IMAGE_BYTES, IMAGES, Told, prompt
from tests.conversations.conftest import working
from tests.images import (
    BLUE,
    GREEN,
    RED,
    animation,
    bomb,
    is_about,
    noise,
    opened,
    painted,
    photo,
    saved,
    two_halves,
    upload,
)
from tests.upstream import Upstream
from tests.workers import at_once, has_ended


def prepared(data: bytes, name: str = "image.png") -> Attachment:
    (image,) = prepare([upload(name, data)])
    seen = opened(image.data)
    assert (image.width, image.height, image.bytes) == (*seen.size, len(image.data))
    assert image.media_type == f"image/{(seen.format or '').lower()}"
    return image


def refusal(*files: tuple[str, bytes]) -> str:
    with pytest.raises(UnfitImageError) as refused:
        prepare([upload(name, data) for name, data in files])
    return refused.value.sentence


# What is kept.


@pytest.mark.parametrize(
    ("format", "media_type"),
    [("PNG", "image/png"), ("GIF", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/jpeg")],
)
def test_every_format_becomes_one_that_all_servers_take(format: str, media_type: str) -> None:
    image = prepared(saved(two_halves(), format))
    assert (image.media_type, image.width, image.height) == (media_type, 80, 40)
    seen = opened(image.data).convert("RGB")
    assert is_about(seen.getpixel((10, 20)), RED)
    assert is_about(seen.getpixel((70, 20)), BLUE)


def test_an_image_is_judged_by_its_content_not_by_its_name() -> None:
    assert prepared(painted("JPEG"), "holiday.png").media_type == "image/jpeg"
    assert prepared(painted("PNG"), "no suffix at all").media_type == "image/png"


def test_where_and_with_what_it_was_taken_is_gone() -> None:
    taken = photo()
    assert b"Maker of phones" in taken
    image = prepared(taken)
    for trace in (b"Exif", b"Maker", b"secret", b"ICC_PROFILE", b"colour profile"):
        assert trace in taken
        assert trace not in image.data
    assert not opened(image.data).getexif()


def test_a_png_keeps_no_texts_and_no_profile() -> None:
    texts = PngInfo()
    texts.add_text("Comment", "a secret comment")
    texts.add_itxt("XML:com.adobe.xmp", "a secret place")
    exif = Image.Exif()
    exif[0x010F] = "Maker of phones"
    made = saved(two_halves(), "PNG", pnginfo=texts, exif=exif, icc_profile=b"a colour profile", dpi=(300, 300))
    image = prepared(made)
    kinds = {kind for kind in (b"tEXt", b"iTXt", b"zTXt", b"eXIf", b"iCCP", b"pHYs") if kind in made}
    assert kinds == {b"tEXt", b"iTXt", b"eXIf", b"iCCP", b"pHYs"}
    assert not any(kind in image.data for kind in kinds)


@pytest.mark.parametrize(
    ("orientation", "size", "red"),
    [
        (1, (80, 40), (10, 20)),
        (2, (80, 40), (70, 20)),
        (3, (80, 40), (70, 20)),
        (6, (40, 80), (20, 10)),
        (8, (40, 80), (20, 70)),
    ],
)
def test_a_photo_that_was_taken_sideways_stands_upright(
    orientation: int, size: tuple[int, int], red: tuple[int, int]
) -> None:
    seen = opened(prepared(photo(orientation)).data)
    assert seen.size == size
    assert is_about(seen.getpixel(red), RED)
    assert is_about(seen.getpixel((size[0] - 1 - red[0], size[1] - 1 - red[1])), BLUE)


@pytest.mark.parametrize("size", [(1, 1), (30, 20), (1920, 1080), (2560, 1440), (1440, 2560)])
def test_an_image_up_to_a_large_screen_keeps_every_pixel(size: tuple[int, int]) -> None:
    image = prepared(painted(size=size))
    assert (image.width, image.height) == size


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF"])
@pytest.mark.parametrize("size", [(3840, 2160), (4000, 3000), (1200, 12_000), (8000, 100), (7000, 7000)])
def test_a_larger_one_is_made_smaller_in_proportion(format: str, size: tuple[int, int]) -> None:
    image = prepared(painted(format, size))
    assert image.width * image.height <= PIXELS
    assert max(image.width, image.height) <= SIDE
    assert image.width * image.height > PIXELS * 0.99 or max(image.width, image.height) == SIDE
    assert image.width / image.height == pytest.approx(size[0] / size[1], rel=0.02)
    assert is_about(opened(image.data).convert("RGB").getpixel((0, 0)), RED)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_even_noise_becomes_small_enough_that_ten_fit_into_a_request(format: str) -> None:
    whole = noise((1800, 1800), "RGB")
    image = prepared(saved(whole, format))
    assert image.bytes <= BYTES


def test_what_is_seen_through_stays_so() -> None:
    seen = opened(prepared(painted(colour=(*GREEN, 0))).data)
    assert seen.getchannel("A").getextrema() == (0, 0)


def test_what_is_seen_through_and_has_to_be_a_jpeg_lies_on_white_paper() -> None:
    made = noise((1200, 1200), "RGBA")
    made.paste((0, 0, 0, 0), (0, 0, 200, 200))
    image = prepared(saved(made, "PNG"))
    assert image.media_type == "image/jpeg"
    assert is_about(opened(image.data).getpixel((50, 50)), (255, 255, 255))


def test_of_what_moves_the_first_picture_is_kept() -> None:
    image = prepared(animation())
    seen = opened(image.data)
    assert getattr(seen, "n_frames", 1) == 1
    assert is_about(seen.convert("RGB").getpixel((5, 5)), RED)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
def test_every_way_to_write_a_pixel_is_read(mode: str) -> None:
    image = prepared(saved(Image.new(mode, (50, 40)), "JPEG" if mode == "CMYK" else "PNG"))
    assert (image.width, image.height) == (50, 40)


def test_sixteen_bits_of_grey_do_not_become_white() -> None:
    made = Image.new("I;16", (256, 1))
    made.putdata([value * 256 for value in range(256)])
    seen = opened(prepared(saved(made.resize((256, 10)), "PNG")).data).convert("L")
    assert [seen.getpixel((x, 5)) for x in (0, 64, 128, 255)] == [0, 64, 128, 255]


def test_images_keep_their_order() -> None:
    names = [f"{number}.png" for number in range(10)]
    assert [image.name for image in prepare([upload(name) for name in names])] == names


def test_the_same_file_becomes_the_same_bytes() -> None:
    """A question that is sent twice is known by them."""
    assert prepared(photo()).data == prepared(photo()).data


# What is refused, and in which words.


def test_the_eleventh_image_is_refused() -> None:
    assert refusal(*[("a.png", b"")] * 11) == "A question may have 10 images; these are 11."


def test_an_image_of_more_than_ten_megabytes_is_refused_by_name() -> None:
    assert refusal(("ok.png", painted()), ("large.png", bytes(10_000_001))) == "“large.png” is larger than 10 MB."


def test_images_of_more_than_25_megabytes_together_are_refused() -> None:
    assert refusal(*[("a.png", bytes(9_000_000))] * 3) == "The images of a question may have 25 MB together."


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"%PDF-1.7\n",
        b"\x00\x00\x00\x20ftypavif" + bytes(100),
        painted("BMP"),
        painted("TIFF"),
        painted("ICO"),
        painted("PPM"),
        bomb(100, 100),
    ],
)
def test_what_is_no_whole_image_of_the_four_kinds_is_refused(data: bytes) -> None:
    assert refusal(("evil.png", data)) == "“evil.png” is not a whole JPEG, PNG, GIF or WebP image."


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "WEBP"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_an_image_that_was_cut_off_is_refused(format: str, part: float) -> None:
    whole = saved(noise((100, 100)), format)
    assert "not a whole" in refusal(("half.png", whole[: int(len(whole) * part)]))


@pytest.mark.parametrize("size", [(50_000, 50_000), (8000, 6251), (2**31 - 1, 1), (100_000, 1000)])
def test_a_bomb_is_refused_by_what_its_head_says(size: tuple[int, int]) -> None:
    assert refusal(("bomb.png", bomb(*size))) == "“bomb.png” is too large: it may have 50 megapixels."


@pytest.mark.parametrize("size", [(1, 50_000), (50_000, 1), (10, 1001)])
def test_a_thread_of_pixels_is_refused(size: tuple[int, int]) -> None:
    assert refusal(("thread.png", painted(size=size))).startswith("“thread.png” is too thin:")


def test_a_jpeg_that_is_drawn_over_and_over_is_refused() -> None:
    """Each scan of 75 bytes costs as much as decoding the whole image."""
    whole = painted("JPEG", (500, 500), progressive=True)
    scan = whole[whole.rindex(b"\xff\xda") : -2]
    assert "too many layers" in refusal(("slow.jpg", whole[:-2] + scan * 60 + b"\xff\xd9"))
    assert prepared(whole)


def test_what_stands_behind_a_photo_is_no_part_of_it() -> None:
    """A phone's moving photo has a film there; its bytes look like anything, scans too."""
    assert prepared(photo() + b"\xff\xda" * 1000).width == 80


def test_all_images_are_decoded_in_one_thread_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thread that has ever decoded keeps memory of its own for it: ten would keep ten times as much."""
    decoders: list[int] = []
    open_image = Image.open  # Pillow is not ours

    def look(*args: Any, **named: Any) -> Any:
        decoders.append(threading.get_ident())
        return open_image(*args, **named)

    monkeypatch.setattr(Image, "open", look)
    askers = [threading.Thread(target=prepare, args=([upload()],)) for _ in range(10)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(decoders) == 10
    assert len(set(decoders)) == 1
    assert not set(decoders) & {asker.ident for asker in askers}


def test_what_is_not_waited_for_any_more_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments, "PATIENCE", 0.05)
    looked_at: list[Any] = []
    begun, may_go_on = threading.Event(), threading.Event()
    open_image = Image.open

    def look(*args: Any, **named: Any) -> Any:
        looked_at.append(args)
        begun.set()
        may_go_on.wait()
        return open_image(*args, **named)

    monkeypatch.setattr(Image, "open", look)
    slow: list[Attachment] = []
    first = threading.Thread(target=lambda: slow.extend(prepare([upload()])))
    first.start()
    begun.wait()
    assert refusal(("a.png", painted())) == "Many images are being looked at just now. Try again in a moment."
    may_go_on.set()
    first.join()
    assert len(slow) == 1  # what was begun is finished, however long it takes
    prepare([upload()])
    assert len(looked_at) == 2


def test_a_refusal_holds_no_pixels() -> None:
    """It lives until its page is written, and others decode meanwhile."""
    with pytest.raises(UnfitImageError) as refused:
        prepare([upload("half.png", painted("PNG", (900, 900))[:-60])])
    assert refused.value.__context__ is None


# Names.


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("cat.png", "cat.png"),
        ("猫 و قطة.png", "猫 و قطة.png"),
        ("../../etc/passwd", "passwd"),
        (r"C:\Users\me\cat.png", "cat.png"),
        ("a\r\nSet-Cookie: x=1.png", "a Set-Cookie: x=1.png"),
        ("annexe\u202egnp.exe", "annexe gnp.exe"),
        ("a\u200bb\x00c\u2066d.png", "a b c d.png"),
        ("x" * 300 + ".png", "x" * 100),
        ("", "image"),
        (None, "image"),
        ("\u202e\u200b", "image"),
        ("dir/", "image"),
        ("half \ud800.png", "half .png"),
    ],
)
def test_a_name_is_only_a_label(raw: str | None, name: str) -> None:
    assert clean_name(raw) == name


@pytest.mark.parametrize(
    ("name", "saved_as"), [("a.png", "a.jpg"), ("a.b.gif", "a.b.jpg"), ("image", "image.jpg"), (".png", ".png.jpg")]
)
def test_it_is_saved_under_the_suffix_of_what_it_is(name: str, saved_as: str) -> None:
    assert Attachment(name=name, media_type="image/jpeg").file_name == saved_as


# In a question.


def images(*colours: tuple[int, ...]) -> list[Attachment]:
    return prepare([upload(f"{number}.png", painted(colour=colour)) for number, colour in enumerate(colours)])


def form(text: str, *files: object, **more: object) -> dict[str, Any]:
    return {"text": text, "key": str(uuid4()), "route": "quick", "images": list(files), **more}


@pytest.fixture
def seen(alice: User, route: Route) -> Message:
    """A question with two images, its answer queued."""
    return asking.start(alice, "What is this?", uuid4(), route, images=images(RED, BLUE))


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["without script", "with script"])
def test_a_question_takes_its_images_along(browser_of_alice: Client, route: Route, headers: dict[str, str]) -> None:
    posted = form("What is this?", upload("cat.png", painted()), upload("dog.jpg", photo()))
    assert browser_of_alice.post("/c/", posted, headers=headers).status_code == (200 if headers else 303)
    question = Message.objects.get(pk=posted["key"])
    kept = [(image.name, image.media_type, image.conversation_id) for image in question.attachments.all()]
    assert kept == [
        ("cat.png", "image/png", question.conversation_id),
        ("dog.jpg", "image/jpeg", question.conversation_id),
    ]


def test_the_next_question_has_images_of_its_own(browser_of_alice: Client, seen: Message) -> None:
    address = f"/c/{seen.conversation_id}/ask/"
    for posted, count in ((form("And this?", upload()), 1), (form("And without?"), 0)):
        assert browser_of_alice.post(address, posted).status_code == 303
        assert Message.objects.get(pk=posted["key"]).attachments.count() == count


def test_a_question_sent_twice_has_its_images_once(browser_of_alice: Client, route: Route) -> None:
    posted = form("What is this?")
    answers = [browser_of_alice.post("/c/", {**posted, "images": [upload()]}) for _ in range(2)]
    assert {answer["Location"] for answer in answers} == {answers[0]["Location"]}
    assert (Message.objects.filter(role="user").count(), Attachment.objects.count()) == (1, 1)


def test_a_question_sent_twenty_times_at_once_has_its_images_once(alice: User, route: Route) -> None:
    key = uuid4()
    asked = at_once(20, lambda _: asking.start(alice, "What is this?", key, route, images=images(RED, BLUE)))
    assert {question.pk for question in asked} == {key}
    assert Attachment.objects.count() == 2


@pytest.mark.parametrize("other", [[], [BLUE], [RED, BLUE]])
def test_a_key_that_asked_with_other_images_asks_nothing(
    alice: User, route: Route, other: list[tuple[int, ...]]
) -> None:
    key = uuid4()
    asking.start(alice, "What is this?", key, route, images=images(RED))
    with pytest.raises(KeyReusedError):
        asking.start(alice, "What is this?", key, route, images=images(*other))
    assert Attachment.objects.count() == 1


def test_other_words_keep_the_images_that_stay_chosen_and_take_new_ones(
    browser_of_alice: Client, seen: Message
) -> None:
    address = f"/c/{seen.conversation_id}/m/{seen.pk}/edit/"
    first, second = seen.attachments.all()
    offered = browser_of_alice.get(address).content.decode()
    for image in (first, second):
        assert f'name="kept" value="{image.pk}"' in offered
    posted = form("And what is that?", upload("new.png", painted(colour=GREEN)), kept=[str(second.pk)])
    assert browser_of_alice.post(address, posted).status_code == 303
    edited = Message.objects.get(pk=posted["key"])
    assert [image.name for image in edited.attachments.all()] == ["1.png", "new.png"]
    assert bytes(edited.attachments.all()[0].data) == bytes(second.data)
    assert [image.pk for image in seen.attachments.all()] == [first.pk, second.pk]


def test_kept_images_count_among_the_ten(browser_of_alice: Client, seen: Message) -> None:
    address = f"/c/{seen.conversation_id}/m/{seen.pk}/edit/"
    kept = [str(image.pk) for image in seen.attachments.all()]
    response = browser_of_alice.post(address, form("More", *[upload() for _ in range(9)], kept=kept))
    assert response.status_code == 422
    assert "these are 11." in response.content.decode()


def test_images_go_with_their_conversation(seen: Message) -> None:
    seen.conversation.delete()
    assert not Attachment.objects.exists()


def test_no_connection_is_held_while_images_are_looked_at(
    browser_of_alice: Client, route: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool has ten. With ten questions in line for the one decoder, nobody could read anything."""
    held: list[bool] = []
    asking_thread = connections["default"]  # each thread has its own
    open_image = Image.open  # Pillow is not ours: it looks whether who waits for it has a connection out of the pool

    def look(*args: Any, **named: Any) -> Any:
        held.append(asking_thread.connection is not None)
        return open_image(*args, **named)

    monkeypatch.setattr(Image, "open", look)
    assert browser_of_alice.post("/c/", form("What is this?", upload())).status_code == 303
    assert held == [False]


# On the page.


def test_a_question_shows_its_images_in_their_size_each_with_its_name(browser_of_alice: Client, seen: Message) -> None:
    page = browser_of_alice.get(f"/c/{seen.conversation_id}/").content.decode()
    first = seen.attachments.all()[0]
    address = first.get_absolute_url()
    link = f'<a href="{address}" target="_blank" rel="noopener">'
    assert f'{link}<img src="{address}" width="60" height="40" alt="0.png" loading="lazy"></a>' in page
    assert page.count('<img src="/c/') == 2
    assert browser_of_alice.get(address).status_code == 200


def test_a_page_reads_no_bytes_of_its_images_and_all_of_them_at_once(browser_of_alice: Client, seen: Message) -> None:
    with CaptureQueriesContext(connection) as queries:
        browser_of_alice.get(f"/c/{seen.conversation_id}/")
    asked = [it["sql"] for it in queries if "conversations_attachment" in it["sql"]]
    assert len(asked) == 1
    assert '"conversations_attachment"."data"' not in asked[0]


def test_a_frame_holds_the_same_message_as_the_page(browser_of_alice: Client, seen: Message) -> None:
    page = browser_of_alice.get(f"/c/{seen.conversation_id}/").content.decode()
    news = browser_of_alice.get(f"/c/{seen.conversation_id}/news/?seq=0").content.decode()
    start = f'<article class="message user" id="{seen.dom_id}"'
    shown = page[page.index(start) : page.index("</article>", page.index(start))]
    assert "<img" in shown
    assert shown in news


def test_the_draft_of_somebody_signed_out_says_that_images_have_to_be_chosen_again(
    client: Client, route: Route
) -> None:
    page = client.post("/c/", form("What is this?", upload())).content.decode()
    assert "have to be chosen again" in page
    assert "have to be chosen again" not in client.post("/c/", form("What is this?")).content.decode()


# As models read it.


async def body_of(question: Message, upstream: Upstream) -> list[dict[str, Any]]:
    """The turns that were sent for a question."""
    async with working():
        await has_ended(await Generation.objects.aget(message__parent=question))
    (request,) = [it for it in upstream.requests if "title" not in it.says("system")]
    turns: list[dict[str, Any]] = request.body["messages"]
    return turns


def image_in(part: dict[str, Any]) -> Image.Image:
    kind, data = part["image_url"]["url"].split(";base64,")
    assert (part["type"], kind) == ("image_url", "data:image/png")
    return opened(base64.b64decode(data))


async def test_a_model_that_sees_is_sent_the_images_themselves(seen: Message, upstream: Upstream) -> None:
    await LanguageModel.objects.aupdate(sees=True)
    (*_, question) = await body_of(seen, upstream)
    words, *pictures = question["content"]
    assert words == {"type": "text", "text": "What is this?"}
    shown = [image_in(it).convert("RGB").getpixel((5, 5)) for it in pictures]
    assert len(shown) == 2
    assert is_about(shown[0], RED)
    assert is_about(shown[1], BLUE)


async def test_a_model_that_does_not_see_reads_their_names(seen: Message, upstream: Upstream) -> None:
    (*_, question) = await body_of(seen, upstream)
    notes = "[image: 0.png, not shown to this model]\n[image: 1.png, not shown to this model]"
    assert question["content"] == f"What is this?\n\n{notes}"


def test_images_of_all_questions_of_the_path_are_handed_over(seen: Message, alice: User, route: Route) -> None:
    second = asking.ask(seen.conversation, alice, "And this?", uuid4(), route, images=images(GREEN))
    third = asking.ask(seen.conversation, alice, "Which is the largest?", uuid4(), route)
    handed = [
        [image.name for image in turn.images]
        for turn in prompt(Told(third, 100_000), 100_000, 1000, sees=True)
        if turn.role == "user"
    ]
    assert handed == [["0.png", "1.png"], ["0.png"], []]
    asking.edit(second, alice, "Without", uuid4(), route)
    other = Message.objects.get(text="Without")
    assert [len(turn.images) for turn in prompt(Told(other, 100_000), 100_000, 1000, sees=True)] == [0, 2, 0, 0]


def test_the_newest_twenty_are_handed_over_and_of_older_ones_the_names(alice: User, route: Route) -> None:
    question = asking.start(alice, "0", uuid4(), route, images=images(*[RED] * 10))
    for number in (1, 2):
        question = asking.ask(question.conversation, alice, str(number), uuid4(), route, images=images(*[BLUE] * 9))
    first, *others = [turn for turn in prompt(Told(question, 100_000), 100_000, 1000, sees=True) if turn.role == "user"]
    assert [image.name for image in first.images] == ["8.png", "9.png"]
    assert first.content.count("not shown to this model") == 8
    assert [len(turn.images) for turn in others] == [9, 9]


def test_no_more_bytes_are_handed_over_than_a_request_may_have(seen: Message, alice: User, route: Route) -> None:
    second = asking.ask(seen.conversation, alice, "And this?", uuid4(), route, images=images(GREEN))
    left = IMAGE_BYTES - second.attachments.get().bytes
    seen.attachments.filter(name="1.png").update(bytes=left)  # as if: not a byte more for the first one
    turns = [turn for turn in prompt(Told(second, 100_000), 100_000, 1000, sees=True) if turn.role == "user"]
    assert [[image.name for image in turn.images] for turn in turns] == [["1.png"], ["0.png"]]


def test_ten_images_of_the_largest_size_fit_into_one_prompt() -> None:
    assert attachments.COUNT_LIMIT * BYTES <= IMAGE_BYTES
    assert attachments.COUNT_LIMIT <= IMAGES


def test_an_image_takes_its_room_in_the_window(seen: Message, alice: User, route: Route) -> None:
    last = asking.ask(seen.conversation, alice, "Why?", uuid4(), route)

    def questions(context: int, *, sees: bool) -> list[str]:
        return [turn.content for turn in prompt(Told(last, context), context, 100, sees=sees) if turn.role == "user"]

    assert len(questions(1500, sees=True)) == 1
    assert len(questions(3000, sees=True)) == 2
    assert len(questions(1500, sees=False)) == 2  # a name is short


# Auto.


def test_auto_takes_the_route_for_images_also_when_the_next_question_is_about_one(alice: User, route: Route) -> None:
    model = route.steps.get().model
    auto = Route.objects.create(name="auto", label="Auto", auto=Route.Auto.CHOOSER)
    Route.objects.through(model, name="vision", label="Vision", auto=Route.Auto.IMAGES)
    Route.objects.filter(pk=route.pk).update(auto=Route.Auto.OTHERWISE)

    def chosen_for(question: Message) -> str:
        generation = Generation.objects.select_related("route").get(message__parent=question)
        assert generation.route
        return generation.route.name

    plain = asking.start(alice, "What is a monad?", uuid4(), auto)
    first = asking.ask(plain.conversation, alice, "What is this?", uuid4(), auto, images=images(RED))
    second = asking.ask(plain.conversation, alice, "And its left corner?", uuid4(), auto)
    other = asking.edit(first, alice, "Without an image, then", uuid4(), auto)
    assert [chosen_for(it) for it in (plain, first, second, other)] == ["quick", "vision", "vision", "quick"]
