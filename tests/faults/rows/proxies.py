"""What a reverse proxy does between readers and us."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from chatsite.supervising import dies_with_us
from tests.chatsite.processes import ROOT, free_port, listens
from tests.faults.crowd import Crowd
from tests.faults.house import House, eventually
from tests.faults.pages import TOKEN
from tests.faults.table import row

IDLE = 25  # seconds; a socket carries a byte every 15 s
TOO_MANY = "Too many failed login attempts"
# What surrounds the documented file: one process, everything it writes in one folder.
AROUND = """
daemon off; master_process off; error_log stderr; pid {folder}/pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {documented}
}}
"""


def _nginx() -> str | None:
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")  # where Debian has it


def _without_nginx() -> str:
    return "" if _nginx() else "nginx is not installed"


@row("F42", seconds=240, lacks=_without_nginx, settings={"BEHIND_PROXY": "1"})
async def nginx_is_in_front(house: House, crowd: Crowd) -> None:
    """nginx as docs/nginx.conf has it: words arrive as they are said; a socket on which nothing happens lives longer
    than nginx's patience; what visitors say about where they come from counts for nothing."""
    with _proxy(house) as port:
        await eventually(lambda: listens(port), "nginx listens")
        async with crowd.person().http.get(f"{house.origin}/healthz") as health:
            assert health.status == 200
            assert health.headers["Server"].startswith("nginx")
        tabs = await crowd.ask(10, rate=5)
        await crowd.shown(tabs, 5)
        assert not any(tab.has_ended for tab in tabs), "words were held back"
        await crowd.done(tabs, 15)
        await asyncio.sleep(IDLE + 7)
        assert all(tab.connected == 1 and not tab.codes for tab in tabs), "sockets were closed"
        await _nobody_is_believed(house, crowd)


@contextmanager
def _proxy(house: House) -> Iterator[int]:
    """Between the front door and the web processes: its port."""
    folder = house.folder / "nginx"
    folder.mkdir()
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(AROUND.format(folder=folder, documented=_documented(house, port)))
    process = subprocess.Popen(
        [str(_nginx()), "-p", folder, "-c", config],
        preexec_fn=dies_with_us(signal.SIGKILL),  # noqa: PLW1509  # two system calls, see supervising.py
    )
    house.front.lead_to(port)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)
        house.front.lead_to(*(web.port for web in house.webs))
        shutil.rmtree(folder)


def _documented(house: House, port: int) -> str:
    """The file, with our ports, without TLS, and with less patience."""
    text = (ROOT / "docs" / "nginx.conf").read_text()
    webs = " ".join(f"server 127.0.0.1:{web.port};" for web in house.webs)
    for found, put in (
        ("server 127.0.0.1:8000;", webs),
        ("listen 80;", f"listen 127.0.0.1:{free_port()};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port};"),
        ("access_log /var/log/nginx/access.log", f"access_log {house.folder / 'nginx' / 'access.log'}"),
        ("ssl_certificate ", "# "),
        ("ssl_certificate_key ", "# "),
        ("proxy_read_timeout 60s;", f"proxy_read_timeout {IDLE}s;"),
    ):
        assert text.count(found) == 1, found
        text = text.replace(found, put)
    return text


async def _nobody_is_believed(house: House, crowd: Crowd) -> None:
    """A guesser who says to be somebody else each time, and to come by https, where a Referer would be asked for."""
    http, pages = crowd.person().http, []
    for number in range(11):
        fields = {"csrfmiddlewaretoken": TOKEN, "login": f"nobody{number}@example.org", "password": "wrong"}
        said = {"Cookie": f"csrf={TOKEN}", "X-Forwarded-For": f"203.0.113.{number}", "X-Forwarded-Proto": "https"}
        async with http.post(f"{house.origin}/accounts/login/", data=fields, headers=said) as reply:
            assert reply.status == 200, "that it came by https was believed"
            pages.append(await reply.text())
    assert [TOO_MANY in page for page in pages] == [*10 * [False], True], "an address of the visitor's own was believed"
