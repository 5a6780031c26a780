"""What a browser needs to install the chat: public, the same for everybody, and with nothing of anybody in it."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client
from PIL import Image

from accounts.models import User


@pytest.mark.django_db
def test_the_manifest_names_the_program_and_icons_that_are_there(client: Client) -> None:
    response = client.get("/manifest.webmanifest")
    assert response["Content-Type"] == "application/manifest+json"
    content = response.json()
    assert (content["start_url"], content["display"], content["scope"]) == ("/", "standalone", "/")
    for icon in content["icons"]:
        with Image.open(settings.BASE_DIR / icon["src"].removeprefix("/")) as image:
            assert f"{image.width}x{image.height}" == icon["sizes"]
    assert {icon["purpose"] for icon in content["icons"]} == {"any", "maskable"}
    chinese = client.get("/manifest.webmanifest", headers={"Accept-Language": "zh-CN"}).json()
    assert chinese["lang"] == "zh-hans"
    assert chinese["name"] != content["name"]


@pytest.mark.django_db
def test_the_worker_is_served_from_the_root_and_is_looked_at_anew_every_time(client: Client) -> None:
    response = client.get("/offline.js")
    assert response["Content-Type"].startswith("text/javascript")
    assert response["Cache-Control"] == "no-cache"
    source = response.content.decode()
    # All that it ever keeps: a page that says nothing of anybody, and how it looks.
    assert re.findall(r'"(/[^"]*)"', source) == ["/offline/", "/static/css/chat.css", "/static/icon.svg"]
    assert source.count("caches.open") == source.count("addAll") == 1
    assert ".put(" not in source
    assert all(finders.find(path) for path in re.findall(r'"/static/([^"]*)"', source))


@pytest.mark.django_db
def test_the_page_without_a_network_says_nothing_of_whoever_fetched_it(client: Client) -> None:
    client.force_login(User.objects.create_user("alice@example.org", name="Alice Liddell"))
    html = client.get("/offline/").content.decode()
    assert "You are offline" in html
    assert "Alice" not in html
    assert "csrf" not in html
    assert "<script" not in html


@pytest.mark.django_db
def test_pages_lead_to_them_and_the_policy_lets_them_pass(client: Client) -> None:
    response = client.get("/accounts/login/")
    html, policy = response.content.decode(), response["Content-Security-Policy"]
    assert '<link rel="manifest" href="/manifest.webmanifest">' in html
    assert "manifest-src 'self'" in policy
    assert "worker-src 'self'" in policy
    assert settings.SECURE_CSP["default-src"] == ["'none'"]
