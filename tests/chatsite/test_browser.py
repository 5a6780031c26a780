"""The browser fixture: a real page of a real web process over the test database."""

from __future__ import annotations

from pathlib import Path

from django.contrib.auth.models import Group
from playwright.sync_api import Page

from tests.chatsite.processes import free_port, listens, program, until


def test_a_real_browser_opens_a_page_of_a_real_web_process(
    page: Page, process_environment: dict[str, str], tmp_path: Path
) -> None:
    port = free_port()
    environment = process_environment | {"PORT": str(port)}
    with program("manage.py", "web", said=tmp_path / "said", environment=environment):
        until(lambda: listens(port), "to listen")
        page.goto(f"http://127.0.0.1:{port}/accounts/login/")
        assert page.locator("input[type=password]").count() == 1
        assert not Group.objects.exists()  # the database can be asked while Playwright's loop runs
