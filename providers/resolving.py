"""Only addresses that anybody can reach: a name must not lead into the network that we stand in."""

import ipaddress
import socket
from contextlib import suppress

from aiohttp.abc import ResolveResult
from aiohttp.resolver import ThreadedResolver

# IPv6 addresses that carry an IPv4 address in their last bits, and lead there: compatible, NAT64 and translated ones.
_CARRYING = [ipaddress.IPv6Network(net) for net in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96")]


class PublicResolver(ThreadedResolver):
    """Knows public addresses alone. Asked at every connection, so a name that changes its mind gains nothing."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises OSError when the name leads nowhere else than into a private network."""
        found = [it for it in await super().resolve(host, port, family) if is_public(it["host"])]
        if not found:
            raise OSError(None, f"{host} is in a private network")
        return found


def literal(host: str) -> str:
    """The IP address that `host` spells, in its usual form; "" for a name.

    127.1, 2130706433, 0x7f.0.0.1 and 017700000001 are all 127.0.0.1 to the C library, which connects us.
    """
    with suppress(ValueError):
        return str(ipaddress.ip_address(host.partition("%")[0]))
    with suppress(OSError, ValueError):
        if host[:1].isdigit():
            return socket.inet_ntoa(socket.inet_aton(host))
    return ""


def is_public(address: str) -> bool:
    """Whether it is one of the open internet: not private, loopback, link-local, shared, reserved or multicast."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and (inner := _carried(ip)):
        return is_public(str(inner))
    return ip.is_global and not ip.is_multicast and not getattr(ip, "is_site_local", False)


def _carried(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if inner := ip.ipv4_mapped or ip.sixtofour:
        return inner
    return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if any(ip in net for net in _CARRYING) else None
