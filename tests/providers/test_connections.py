"""Connections that are used again, and those that are not."""

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from providers import Clients, Secret
from providers.errors import ConnectionFailedError
from tests.providers.asking import KEY, Asking
from tests.upstream import Script, Upstream


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of its own for 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "upstream")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    signed = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "upstream.pem"
    path.write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def safe_upstream(certificate: Path) -> Iterator[Upstream]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with Upstream(tls=context) as upstream:
        yield upstream


async def test_questions_over_tls_share_a_connection(
    safe_upstream: Upstream, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with Clients() as clients:
        ask = Asking(safe_upstream, clients)
        texts = [(await ask(Script.text("a"))).text for _ in range(3)]
        assert texts == ["a", "a", "a"]
        assert [request.closed_at for request in safe_upstream.requests] == [None, None, None]


async def test_an_unknown_certificate_is_no_connection(safe_upstream: Upstream, clients: Clients) -> None:
    assert isinstance((await Asking(safe_upstream, clients)(Script.text("a"))).error, ConnectionFailedError)
    assert safe_upstream.requests == []


async def test_at_home_every_question_has_its_own_connection(ask: Asking) -> None:
    for _ in range(3):
        assert (await ask(Script.text("a"))).text == "a"
        await ask.upstream.requests[-1].closed()


async def test_one_provider_has_one_client_and_one_limit(ask: Asking) -> None:
    same, other = replace(ask.endpoint, api_key=Secret(KEY)), replace(ask.endpoint, name="other")
    assert ask.clients.of(ask.endpoint) is ask.clients.of(same)
    assert ask.clients.of(ask.endpoint) is not ask.clients.of(other)
    async with ask.clients.turn(ask.endpoint) as http:
        assert http is ask.clients.of(same)
