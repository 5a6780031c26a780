"""The sockets: of a conversation for its members, and of a link."""

from channels.security.websocket import WebsocketDenier
from django.urls import path, re_path

from conversations.consumers import ConversationConsumer, LinkConsumer

websocket_urlpatterns = [
    path("ws/c/<uuid:conversation_id>/", ConversationConsumer.as_asgi()),
    path("s/<link_token>/live/", LinkConsumer.as_asgi()),
    re_path("", WebsocketDenier.as_asgi()),  # anything else is 403; by itself Channels answers 500 with a traceback
]
