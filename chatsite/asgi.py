"""The ASGI entry point: pages by Django, the one socket by Channels."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")

from django.core.asgi import get_asgi_application

pages = get_asgi_application()  # first: it loads the models that routing needs

from channels.auth import AuthMiddlewareStack  # noqa: E402  # after get_asgi_application, see above
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from chatsite.origin import ExactOrigin  # noqa: E402
from conversations.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": pages,
        "websocket": ExactOrigin(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
