"""The ASGI entry point: pages by Django, the one socket by Channels."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")

import django

django.setup(set_prefix=False)  # first: it loads the models that routing needs

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402  # after django.setup, see above

from chatsite.health import healthz, readyz  # noqa: E402
from chatsite.metrics import metrics  # noqa: E402
from chatsite.origin import ExactOrigin  # noqa: E402
from chatsite.pages import Pages  # noqa: E402
from chatsite.replies import Replies  # noqa: E402
from chatsite.request_ids import RequestIds  # noqa: E402
from conversations.routing import websocket_urlpatterns  # noqa: E402

OPERATORS = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}

application = RequestIds(
    ProtocolTypeRouter(
        {
            "http": Replies(OPERATORS, Pages()),
            "websocket": ExactOrigin(URLRouter(websocket_urlpatterns)),
        }
    )
)
