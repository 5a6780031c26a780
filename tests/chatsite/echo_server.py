"""A WebServer over a tiny application, for test_server.py: it echoes what a socket says; /slow takes its time.

python -m tests.chatsite.echo_server PORT
"""

from chatsite.server import WebServer  # isort: skip  # first, as in manage.py web

import asyncio
import sys
from typing import Any


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await _page(scope["path"], send)
        return
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        if "text" in message:
            await send({"type": "websocket.send", "text": message["text"]})


async def _page(path: str, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"begun ", "more_body": True})
    await asyncio.sleep({"/slow": 1.0, "/endless": 600.0}.get(path, 0))
    await send({"type": "http.response.body", "body": b"done"})


if __name__ == "__main__":
    server = WebServer(application, "127.0.0.1", int(sys.argv[1]))
    server.run()
    sys.exit(server.failure or 0)
