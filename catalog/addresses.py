"""Where providers may be: anywhere in the open internet, and in our own network only where the operator says so.

An administrator of the catalog is not the operator of the network: an address they enter must not become a way to the
machine's own services or to a cloud's metadata. Names are looked at again when they are connected to, see
providers.resolving.
"""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext, gettext_noop

from providers.resolving import is_public, literal

MALFORMED = gettext_noop("Enter an address like https://api.example.com/v1.")
CREDENTIALS = gettext_noop("An address may hold no user name or password. Enter the key below.")
MORE_THAN_A_PATH = gettext_noop("An address ends with its path: no “?” and no “#”.")
PRIVATE = gettext_noop("{host} is in a private network. The operator can allow it: PRIVATE_PROVIDERS={host}")
LEADS_INSIDE = gettext_noop(
    "{host} leads to {found}, in a private network. The operator can allow it: PRIVATE_PROVIDERS={host}"
)
IN_THE_OPEN = gettext_noop(
    "Over http everybody on the way can read the key. Use https, or let the operator allow PRIVATE_PROVIDERS={host}"
)

# What a browser, a resolver and a URL library would each read differently is no address: blanks, backslashes, percent
# signs, letters and digits beyond ASCII. International names have a form in ASCII, xn--….
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?", re.IGNORECASE)


def refusal(url: str, *, has_key: bool) -> str:
    """Why a provider may not be at this address, in a sentence; "" if it may. Looks no name up."""
    if sentence := _malformed(url):
        return gettext(sentence)
    if is_the_operators(url):
        return ""
    host = host_of(url)
    ip = literal(host)
    if not is_public(ip) if ip else _is_local_name(host):
        return gettext(PRIVATE).format(host=host)
    return gettext(IN_THE_OPEN).format(host=host) if has_key and urlsplit(url).scheme == "http" else ""


def leads_inside(url: str) -> str:
    """Why not, for a name that leads into a private network right now; "" also when nobody knows the name.

    Looks it up, which takes seconds when the name server does not answer.
    """
    host = host_of(url)
    if is_the_operators(url):
        return ""
    with suppress(OSError, UnicodeError):
        for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
            if not is_public(str(address[0])):
                return gettext(LEADS_INSIDE).format(host=host, found=address[0])
    return ""


def is_the_operators(url: str) -> bool:
    """Whether the operator allowed this host, or set this very address, in the environment."""
    return url in {settings.DEEPSEEK_BASE_URL, settings.LOCAL_MODEL_URL} or host_of(url) in settings.PRIVATE_PROVIDERS


def host_of(url: str) -> str:
    """In lower case; an IP address in its usual spelling, whatever it was written like."""
    host = (urlsplit(url).hostname or "").removesuffix(".")
    return literal(host) or host


def origin(url: str) -> str:
    """Scheme, host and port: who gets what is sent there."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{host_of(url)}:{parts.port or {'https': 443}.get(parts.scheme, 80)}"


def _malformed(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in {"http", "https"} and _is_host(parts) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number, a bracket too few
        return MALFORMED
    if "@" in parts.netloc:
        return CREDENTIALS
    if "?" in url or "#" in url:
        return MORE_THAN_A_PATH
    return "" if is_whole and url.isascii() and url.isprintable() and not re.search(r"[\s\\]", url) else MALFORMED


def _is_host(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    return bool(_HOST.fullmatch(host) or ("[" in parts.netloc and literal(host)))


def _is_local_name(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")
