"""What is the same for everybody travels compressed, and nothing else does."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from django.test import Client

from accounts.models import User

STATIC = Path(__file__).resolve().parents[2] / "static"
TAKES_GZIP = {"Accept-Encoding": "gzip, br"}


@pytest.mark.parametrize("path", ["css/chat.css", "js/chat.js", "vendor/htmx-4.0.1.min.js"])
def test_style_sheets_and_scripts_are_compressed_for_whoever_takes_it(client: Client, path: str) -> None:
    plain = client.get(f"/static/{path}")
    small = client.get(f"/static/{path}", headers=TAKES_GZIP)
    body, compressed = b"".join(plain), b"".join(small)
    assert body == gzip.decompress(compressed) == (STATIC / path).read_bytes()
    assert len(compressed) < len(body) / 2
    assert "Content-Encoding" not in plain.headers
    assert small["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in small["Vary"]


@pytest.mark.django_db
def test_pages_are_not(client: Client) -> None:
    client.force_login(User.objects.create_user("alice@example.org", "correct horse battery", name="Alice"))
    for path in ("/", "/nowhere/"):
        assert "Content-Encoding" not in client.get(path, headers=TAKES_GZIP).headers
