"""ID15, AU8: who gets which answer, for every route of the product. AU3: looking changes nothing.

A route without a line here fails the suite, and so does a line without a route. `in` is sent to sign in; a page that a
POST brings back with 200 is a form shown again. Nobody but its owner sees a conversation, administrators neither; they
are not told that it is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chatsite import urls
from chatsite.asgi import OPERATORS
from conversations.routing import websocket_urlpatterns
from tests.attacks.routes import HTMX, WHO, World, all_routes, build_world, digests, form_of, undone, walk
from tests.attacks.wire import said
from tests.serving import Web
from tests.sockets import closed, opened_at

# GET, then POST, by: anonymous, disabled, stranger, owner, staff without any permission, administrator
TABLE = """
/admin/                                                              in  in  in  in  200 200  in  in  in  in  200 200
/admin/login/                                                        in  in  403 403 302 302  in  in  403 403 200 200
/admin/logout/                                                       302 302 302 302 405 405  302 302 302 302 200 200
/admin/password_change/                                              in  in  in  in  302 302  in  in  in  in  302 302
/admin/password_change/done/                                         in  in  in  in  200 200  in  in  in  in  405 405
/admin/autocomplete/                                                 in  in  in  in  403 403  in  in  in  in  405 405
/admin/jsi18n/                                                       in  in  in  in  200 200  in  in  in  in  405 405
/admin/auth/group/                                                   in  in  in  in  403 200  in  in  in  in  403 200
/admin/auth/group/add/                                               in  in  in  in  403 200  in  in  in  in  403 200
/admin/auth/group/<path:object_id>/history/                          in  in  in  in  403 200  in  in  in  in  403 200
/admin/auth/group/<path:object_id>/delete/                           in  in  in  in  403 200  in  in  in  in  403 302
/admin/auth/group/<path:object_id>/change/                           in  in  in  in  403 200  in  in  in  in  403 200
/admin/auth/group/<path:object_id>/                                  in  in  in  in  302 302  in  in  in  in  302 302
/admin/accounts/user/<path:object_id>/link/                          in  in  in  in  403 405  in  in  in  in  403 200
/admin/accounts/user/                                                in  in  in  in  403 200  in  in  in  in  403 200
/admin/accounts/user/add/                                            in  in  in  in  403 200  in  in  in  in  403 200
/admin/accounts/user/<path:object_id>/history/                       in  in  in  in  403 200  in  in  in  in  403 200
/admin/accounts/user/<path:object_id>/delete/                        in  in  in  in  403 403  in  in  in  in  403 403
/admin/accounts/user/<path:object_id>/change/                        in  in  in  in  403 200  in  in  in  in  403 200
/admin/accounts/user/<path:object_id>/                               in  in  in  in  302 302  in  in  in  in  302 302
/admin/catalog/provider/health/                                      in  in  in  in  403 200  in  in  in  in  403 405
/admin/catalog/provider/<int:pk>/ask/                                in  in  in  in  403 405  in  in  in  in  403 302
/admin/catalog/provider/                                             in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/provider/add/                                         in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/provider/<path:object_id>/history/                    in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/provider/<path:object_id>/delete/                     in  in  in  in  403 200  in  in  in  in  403 302
/admin/catalog/provider/<path:object_id>/change/                     in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/provider/<path:object_id>/                            in  in  in  in  302 302  in  in  in  in  302 302
/admin/catalog/languagemodel/                                        in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/languagemodel/add/                                    in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/languagemodel/<path:object_id>/history/               in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/languagemodel/<path:object_id>/delete/                in  in  in  in  403 200  in  in  in  in  403 302
/admin/catalog/languagemodel/<path:object_id>/change/                in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/languagemodel/<path:object_id>/                       in  in  in  in  302 302  in  in  in  in  302 302
/admin/catalog/route/                                                in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/route/add/                                            in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/route/<path:object_id>/history/                       in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/route/<path:object_id>/delete/                        in  in  in  in  403 200  in  in  in  in  403 302
/admin/catalog/route/<path:object_id>/change/                        in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/route/<path:object_id>/                               in  in  in  in  302 302  in  in  in  in  302 302
/admin/catalog/price/                                                in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/price/add/                                            in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/price/<path:object_id>/history/                       in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/price/<path:object_id>/delete/                        in  in  in  in  403 200  in  in  in  in  403 302
/admin/catalog/price/<path:object_id>/change/                        in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/price/<path:object_id>/                               in  in  in  in  302 302  in  in  in  in  302 302
/admin/catalog/band/                                                 in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/band/add/                                             in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/band/<path:object_id>/history/                        in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/band/<path:object_id>/delete/                         in  in  in  in  403 200  in  in  in  in  403 302
/admin/catalog/band/<path:object_id>/change/                         in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/band/<path:object_id>/                                in  in  in  in  302 302  in  in  in  in  302 302
/admin/catalog/billedas/                                             in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/billedas/add/                                         in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/billedas/<path:object_id>/history/                    in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/billedas/<path:object_id>/delete/                     in  in  in  in  403 200  in  in  in  in  403 302
/admin/catalog/billedas/<path:object_id>/change/                     in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/billedas/<path:object_id>/                            in  in  in  in  302 302  in  in  in  in  302 302
/admin/catalog/rate/                                                 in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/rate/add/                                             in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/rate/<path:object_id>/history/                        in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/rate/<path:object_id>/delete/                         in  in  in  in  403 200  in  in  in  in  403 302
/admin/catalog/rate/<path:object_id>/change/                         in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/rate/<path:object_id>/                                in  in  in  in  302 302  in  in  in  in  302 302
/admin/catalog/rule/                                                 in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/rule/add/                                             in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/rule/<path:object_id>/history/                        in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/rule/<path:object_id>/delete/                         in  in  in  in  403 200  in  in  in  in  403 302
/admin/catalog/rule/<path:object_id>/change/                         in  in  in  in  403 200  in  in  in  in  403 200
/admin/catalog/rule/<path:object_id>/                                in  in  in  in  302 302  in  in  in  in  302 302
/admin/usage/call/                                                   in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/call/add/                                               in  in  in  in  403 403  in  in  in  in  403 403
/admin/usage/call/<path:object_id>/history/                          in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/call/<path:object_id>/delete/                           in  in  in  in  403 403  in  in  in  in  403 403
/admin/usage/call/<path:object_id>/change/                           in  in  in  in  403 200  in  in  in  in  403 403
/admin/usage/call/<path:object_id>/                                  in  in  in  in  302 302  in  in  in  in  302 302
/admin/usage/charge/overview/                                        in  in  in  in  403 200  in  in  in  in  403 405
/admin/usage/charge/sheet/                                           in  in  in  in  403 200  in  in  in  in  403 405
/admin/usage/charge/                                                 in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/charge/add/                                             in  in  in  in  403 403  in  in  in  in  403 403
/admin/usage/charge/<path:object_id>/history/                        in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/charge/<path:object_id>/delete/                         in  in  in  in  403 403  in  in  in  in  403 403
/admin/usage/charge/<path:object_id>/change/                         in  in  in  in  403 200  in  in  in  in  403 403
/admin/usage/charge/<path:object_id>/                                in  in  in  in  302 302  in  in  in  in  302 302
/admin/usage/limit/                                                  in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/limit/add/                                              in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/limit/<path:object_id>/history/                         in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/limit/<path:object_id>/delete/                          in  in  in  in  403 200  in  in  in  in  403 302
/admin/usage/limit/<path:object_id>/change/                          in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/limit/<path:object_id>/                                 in  in  in  in  302 302  in  in  in  in  302 302
/admin/usage/raise/                                                  in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/raise/add/                                              in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/raise/<path:object_id>/history/                         in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/raise/<path:object_id>/delete/                          in  in  in  in  403 200  in  in  in  in  403 302
/admin/usage/raise/<path:object_id>/change/                          in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/raise/<path:object_id>/                                 in  in  in  in  302 302  in  in  in  in  302 302
/admin/usage/raiserequest/                                           in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/raiserequest/add/                                       in  in  in  in  403 403  in  in  in  in  403 403
/admin/usage/raiserequest/<path:object_id>/history/                  in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/raiserequest/<path:object_id>/delete/                   in  in  in  in  403 403  in  in  in  in  403 403
/admin/usage/raiserequest/<path:object_id>/change/                   in  in  in  in  403 200  in  in  in  in  403 302
/admin/usage/raiserequest/<path:object_id>/                          in  in  in  in  302 302  in  in  in  in  302 302
/admin/usage/balance/                                                in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/balance/add/                                            in  in  in  in  403 403  in  in  in  in  403 403
/admin/usage/balance/<path:object_id>/history/                       in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/balance/<path:object_id>/delete/                        in  in  in  in  403 403  in  in  in  in  403 403
/admin/usage/balance/<path:object_id>/change/                        in  in  in  in  403 200  in  in  in  in  403 403
/admin/usage/balance/<path:object_id>/                               in  in  in  in  302 302  in  in  in  in  302 302
/admin/usage/hold/                                                   in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/hold/add/                                               in  in  in  in  403 403  in  in  in  in  403 403
/admin/usage/hold/<path:object_id>/history/                          in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/hold/<path:object_id>/delete/                           in  in  in  in  403 403  in  in  in  in  403 403
/admin/usage/hold/<path:object_id>/change/                           in  in  in  in  403 200  in  in  in  in  403 403
/admin/usage/hold/<path:object_id>/                                  in  in  in  in  302 302  in  in  in  in  302 302
/admin/usage/reading/                                                in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/reading/add/                                            in  in  in  in  403 403  in  in  in  in  403 403
/admin/usage/reading/<path:object_id>/history/                       in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/reading/<path:object_id>/delete/                        in  in  in  in  403 403  in  in  in  in  403 403
/admin/usage/reading/<path:object_id>/change/                        in  in  in  in  403 200  in  in  in  in  403 403
/admin/usage/reading/<path:object_id>/                               in  in  in  in  302 302  in  in  in  in  302 302
/admin/usage/act/                                                    in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/act/add/                                                in  in  in  in  403 403  in  in  in  in  403 403
/admin/usage/act/<path:object_id>/history/                           in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/act/<path:object_id>/delete/                            in  in  in  in  403 403  in  in  in  in  403 403
/admin/usage/act/<path:object_id>/change/                            in  in  in  in  403 200  in  in  in  in  403 403
/admin/usage/act/<path:object_id>/                                   in  in  in  in  302 302  in  in  in  in  302 302
/admin/usage/atonce/                                                 in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/atonce/add/                                             in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/atonce/<path:object_id>/history/                        in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/atonce/<path:object_id>/delete/                         in  in  in  in  403 200  in  in  in  in  403 302
/admin/usage/atonce/<path:object_id>/change/                         in  in  in  in  403 200  in  in  in  in  403 200
/admin/usage/atonce/<path:object_id>/                                in  in  in  in  302 302  in  in  in  in  302 302
/admin/conversations/generation/                                     in  in  in  in  403 200  in  in  in  in  403 200
/admin/conversations/generation/add/                                 in  in  in  in  403 403  in  in  in  in  403 403
/admin/conversations/generation/<path:object_id>/history/            in  in  in  in  403 200  in  in  in  in  403 200
/admin/conversations/generation/<path:object_id>/delete/             in  in  in  in  403 403  in  in  in  in  403 403
/admin/conversations/generation/<path:object_id>/change/             in  in  in  in  403 200  in  in  in  in  403 403
/admin/conversations/generation/<path:object_id>/                    in  in  in  in  302 302  in  in  in  in  302 302
/admin/conversations/share/                                          in  in  in  in  403 200  in  in  in  in  403 200
/admin/conversations/share/add/                                      in  in  in  in  403 403  in  in  in  in  403 403
/admin/conversations/share/<path:object_id>/history/                 in  in  in  in  403 200  in  in  in  in  403 200
/admin/conversations/share/<path:object_id>/delete/                  in  in  in  in  403 403  in  in  in  in  403 403
/admin/conversations/share/<path:object_id>/change/                  in  in  in  in  403 200  in  in  in  in  403 403
/admin/conversations/share/<path:object_id>/                         in  in  in  in  302 302  in  in  in  in  302 302
/admin/conversations/sharingrules/                                   in  in  in  in  403 200  in  in  in  in  403 200
/admin/conversations/sharingrules/add/                               in  in  in  in  403 403  in  in  in  in  403 403
/admin/conversations/sharingrules/<path:object_id>/history/          in  in  in  in  403 200  in  in  in  in  403 200
/admin/conversations/sharingrules/<path:object_id>/delete/           in  in  in  in  403 200  in  in  in  in  403 302
/admin/conversations/sharingrules/<path:object_id>/change/           in  in  in  in  403 200  in  in  in  in  403 200
/admin/conversations/sharingrules/<path:object_id>/                  in  in  in  in  302 302  in  in  in  in  302 302
/admin/^(?P<app_label>catalog|usage|accounts|auth|conversations)/$   in  in  in  in  404 200  in  in  in  in  404 200
/admin/(?P<url>.*)$                                                  in  in  in  in  404 404  in  in  in  in  404 404
/accounts/login/                                                     200 200 302 302 302 302  302 302 302 302 302 302
/accounts/logout/                                                    in  in  200 200 200 200  in  in  in  in  in  in
/accounts/inactive/                                                  200 200 200 200 200 200  405 405 405 405 405 405
/accounts/password/change/                                           in  in  200 200 200 200  in  in  302 302 302 302
/accounts/password/set/                                              in  in  302 302 302 302  in  in  302 302 302 302
/accounts/password/reset/                                            200 200 200 200 200 200  200 200 200 200 200 200
/accounts/password/reset/done/                                       200 200 200 200 200 200  405 405 405 405 405 405
/accounts/welcome/<uidb64>/<token>/                                  302 302 302 302 302 302  302 302 302 302 302 302
/                                                                    in  in  200 200 200 200  405 405 405 405 405 405
/manifest.webmanifest                                                200 200 200 200 200 200  405 405 405 405 405 405
/offline.js                                                          200 200 200 200 200 200  405 405 405 405 405 405
/offline/                                                            200 200 200 200 200 200  405 405 405 405 405 405
/older/                                                              in  in  404 404 404 404  405 405 405 405 405 405
/listed/                                                             in  in  200 200 200 200  405 405 405 405 405 405
/settings/                                                           in  in  200 200 200 200  401 401 302 302 302 302
/notices/<uuid:notice_id>/dismiss/                                   405 405 405 405 405 405  401 401 303 303 303 303
/parameters/                                                         in  in  200 200 200 200  405 405 405 405 405 405
/usage/                                                              in  in  200 200 200 200  405 405 405 405 405 405
/usage/left/                                                         in  in  200 200 200 200  405 405 405 405 405 405
/usage/charges.csv                                                   in  in  200 200 200 200  405 405 405 405 405 405
/usage/raise/                                                        405 405 405 405 405 405  401 401 422 422 422 422
/c/                                                                  405 405 405 405 405 405  401 401 303 303 303 303
/c/<uuid:conversation_id>/                                           in  in  404 200 404 404  405 405 405 405 405 405
/c/<uuid:conversation_id>/news/                                      in  in  404 200 404 404  405 405 405 405 405 405
/c/<uuid:conversation_id>/cost/                                      in  in  404 200 404 404  405 405 405 405 405 405
/c/<uuid:conversation_id>/ask/                                       405 405 405 405 405 405  401 401 404 303 404 404
/c/<uuid:conversation_id>/i/<uuid:attachment_id>/                    in  in  404 200 404 404  405 405 405 405 405 405
/c/<uuid:conversation_id>/stop/                                      405 405 405 405 405 405  401 401 404 303 404 404
/c/<uuid:conversation_id>/rename/                                    in  in  404 200 404 404  401 401 404 303 404 404
/c/<uuid:conversation_id>/delete/                                    in  in  404 200 404 404  401 401 404 303 404 404
/c/<uuid:conversation_id>/seen/                                      405 405 405 405 405 405  401 401 404 303 404 404
/c/<uuid:conversation_id>/people/                                    in  in  404 200 404 404  401 401 404 422 404 404
/c/<uuid:conversation_id>/people/<uuid:membership_id>/               405 405 405 405 405 405  401 401 404 303 404 404
/c/<uuid:conversation_id>/names/                                     in  in  404 200 404 404  405 405 405 405 405 405
/c/<uuid:conversation_id>/leave/                                     in  in  404 200 404 404  401 401 404 422 404 404
/c/<uuid:conversation_id>/m/<uuid:message_id>/                       in  in  404 302 404 404  405 405 405 405 405 405
/c/<uuid:conversation_id>/m/<uuid:message_id>/earlier/               in  in  404 200 404 404  405 405 405 405 405 405
/c/<uuid:conversation_id>/m/<uuid:message_id>/later/                 in  in  404 200 404 404  405 405 405 405 405 405
/c/<uuid:conversation_id>/m/<uuid:message_id>/edit/                  in  in  404 200 404 404  401 401 404 303 404 404
/c/<uuid:conversation_id>/m/<uuid:message_id>/now/                   405 405 405 405 405 405  401 401 404 303 404 404
/c/<uuid:conversation_id>/m/<uuid:message_id>/back/                  405 405 405 405 405 405  401 401 404 303 404 404
/c/<uuid:conversation_id>/m/<uuid:message_id>/again/                 405 405 405 405 405 405  401 401 404 303 404 404
/c/<uuid:conversation_id>/m/<uuid:message_id>/continue/              405 405 405 405 405 405  401 401 404 303 404 404
/c/<uuid:conversation_id>/m/<uuid:message_id>/show/                  405 405 405 405 405 405  401 401 404 303 404 404
/c/<uuid:conversation_id>/m/<uuid:message_id>/source/                in  in  404 200 404 404  405 405 405 405 405 405
/c/<uuid:conversation_id>/m/<uuid:message_id>/delete/                in  in  404 200 404 404  401 401 404 303 404 404
/c/<uuid:conversation_id>/share/                                     in  in  404 200 404 404  401 401 404 302 404 404
/shares/                                                             in  in  200 200 200 200  405 405 405 405 405 405
/shares/<uuid:share_id>/                                             in  in  404 200 404 404  401 401 404 302 404 404
/shares/<uuid:share_id>/close/                                       405 405 405 405 405 405  401 401 404 302 404 404
/shares/<uuid:share_id>/renew/                                       405 405 405 405 405 405  401 401 404 302 404 404
/s/<link_token>/                                                     in  in  404 200 404 404  in  in  404 302 404 404
/s/<link_token>/i/<hidden>/                                          in  in  404 200 404 404  405 405 405 405 405 405
/s/<link_token>/continue/                                            in  in  404 200 404 404  in  in  404 422 404 404
"""
REFUSALS = ("in", "401", "403", "404", "405")
# A sign-out ends its session, and whoever comes to the sign-in page is counted in the cache, against guessing.
NOT_LOOKED_AT = frozenset({"django_session", "cache"})


def lines(table: str) -> dict[str, list[str]]:
    """A route's twelve answers."""
    rows = [line.rsplit(maxsplit=12) for line in table.strip().splitlines()]
    assert len({row[0] for row in rows}) == len(rows), "a route stands there twice"
    return {row[0]: row[1:] for row in rows}


MATRIX = lines(TABLE)
CELLS = [(verb, who) for verb in ("get", "post") for who in WHO]


def ask(world: World, route: str, verb: str, who: str, headers: dict[str, str]) -> str:
    data = form_of(route) if verb == "post" else {}
    response: Any = getattr(world.browser(who), verb)(world.address(route), data, headers=headers)
    to_sign_in = response.status_code == 302 and "/login/" in response["Location"]
    return "in" if to_sign_in else str(response.status_code)


def missing_and_stale(routes: list[str], rows: set[str]) -> tuple[set[str], set[str]]:
    named = {f"/{route}" for route in routes}
    return named - rows, rows - named


def test_every_route_has_a_line_and_every_line_a_route() -> None:
    assert missing_and_stale(all_routes(), set(MATRIX)) == (set(), set())


def test_a_route_that_somebody_adds_has_no_line() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        raise AssertionError

    added = [*urls.urlpatterns, path("more/", include([path("<int:pk>/secret/", view)]))]
    assert missing_and_stale(list(walk(added)), set(MATRIX)) == ({"/more/<int:pk>/secret/"}, set())
    assert missing_and_stale(list(walk(urls.urlpatterns[1:])), set(MATRIX))[1]


def test_everybody_gets_the_answer_that_is_theirs(world: World) -> None:
    """And who is refused has changed nothing."""
    found, before = {}, digests(NOT_LOOKED_AT)
    for route, expected in MATRIX.items():
        refused = {cell for cell, answer in zip(CELLS, expected, strict=True) if answer in REFUSALS}
        with undone():
            answers = {cell: ask(world, route[1:], *cell, {}) for cell in refused}
            assert digests(NOT_LOOKED_AT) == before, route
        answers |= {cell: _undone(world, route, *cell) for cell in CELLS if cell not in refused}
        found[route] = " ".join(answers[cell] for cell in CELLS)
    assert found == {route: " ".join(expected) for route, expected in MATRIX.items()}


def _undone(world: World, route: str, verb: str, who: str) -> str:
    with undone():
        return ask(world, route[1:], verb, who, {})


@pytest.mark.parametrize("route", [route for route in MATRIX if not route.startswith("/admin/")])
def test_a_page_with_script_is_refused_what_one_without_is(world: World, route: str) -> None:
    before = digests(NOT_LOOKED_AT)
    for (verb, who), expected in zip(CELLS, MATRIX[route], strict=True):
        if expected in REFUSALS:
            assert ask(world, route[1:], verb, who, HTMX) == expected, f"{verb} by {who}"
    assert digests(NOT_LOOKED_AT) == before


@pytest.mark.parametrize("who", ["owner", "administrator"])
def test_looking_changes_nothing(world: World, who: str) -> None:
    """Whatever it says that it would rather be."""
    before = digests(NOT_LOOKED_AT)
    query = "?_method=POST&text=x&title=x&key=x&post=yes&action=delete_selected&seq=0"
    rather = {"X-HTTP-Method-Override": "POST", "X-HTTP-Method": "DELETE", "X-Method-Override": "PUT"}
    for route in MATRIX:
        for verb in ("get", "head", "options"):
            for headers in ({}, HTMX):
                getattr(world.browser(who), verb)(world.address(route[1:]) + query, headers=headers | rather)
        assert digests(NOT_LOOKED_AT) == before, route


# The socket: how it is closed, for whom.
SOCKETS = {
    "ws/c/<uuid:conversation_id>/": ("4401", "4401", "4404", "open", "4404", "4404"),
    "s/<link_token>/live/": ("4403", "4403", "4403", "open", "4403", "4403"),
    "": ("403",) * 6,
}


@pytest.fixture
def committed(transactional_db: None) -> Iterator[World]:
    yield build_world()


def test_every_socket_has_a_line() -> None:
    assert set(walk(websocket_urlpatterns)) == set(SOCKETS)


@pytest.mark.parametrize("route", SOCKETS)
def test_everybody_gets_the_socket_that_is_theirs(committed: World, server: Web, route: str) -> None:
    at = committed.address(route) if route else "/ws/c/nowhere/"
    found = []
    for who in WHO:
        try:
            with opened_at(server, at, committed.browser(who) if who in committed.sessions else None) as socket:
                found.append(_fate(socket))
        except InvalidStatus as refused:
            found.append(str(refused.response.status_code))
    assert tuple(found) == SOCKETS[route]


# Asked by load balancers and by Prometheus, whoever they are, before Django is; here nobody has a token for /metrics.
OPERATORS_TABLE = """
/healthz  200 200 200 200 200 200  404 404 404 404 404 404
/readyz   503 503 503 503 503 503  404 404 404 404 404 404
/metrics  404 404 404 404 404 404  404 404 404 404 404 404
"""


def test_every_path_that_is_answered_before_django_has_a_line() -> None:
    assert set(OPERATORS) == set(lines(OPERATORS_TABLE))


def test_operators_paths_say_the_same_to_everybody(committed: World, server: Web) -> None:
    found = {}
    for at in OPERATORS:
        answers = []
        for verb, who in CELLS:
            cookie = f"Cookie: {settings.SESSION_COOKIE_NAME}={committed.sessions.get(who, '')}"
            status, _ = said(server, f"{verb.upper()} {at} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", cookie)
            answers.append(str(status))
        found[at] = answers
    assert found == lines(OPERATORS_TABLE)


def _fate(socket: Any) -> str:
    with suppress(ConnectionClosed):
        socket.send('{"seq": 0}')
    with suppress(TimeoutError):
        return str(closed(socket, 2))
    return "open"
