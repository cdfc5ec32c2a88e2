# SPDX-License-Identifier: BSD-3-Clause
"""Over TLS a checked address is connected to, and the certificate must be the host's all the same."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from mcp_jupyter.client.auth.discovery import Fetcher
from mcp_jupyter.client.auth.metadata import Hosts
from mcp_jupyter.errors import AuthorizationFailed

pytestmark = pytest.mark.anyio


class Document(RequestHandler):
    def get(self) -> None:
        self.finish({"host": self.request.host})


def certificate(folder: Path, host: str) -> Path:
    """A self-signed one, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.mark.parametrize(("host", "good"), [("localhost", True), ("evil.example", False)])
async def test_the_certificate_must_be_the_hosts(host: str, good: bool, tmp_path: Path) -> None:
    path = certificate(tmp_path, host)
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(path)
    (socket,) = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(Application([(r"/.*", Document)]), ssl_options=ours)
    server.add_socket(socket)
    url = f"https://localhost:{socket.getsockname()[1]}/metadata"
    fetcher = Fetcher(Hosts(["localhost"]))
    fetcher._trust = ssl.create_default_context(cafile=path)  # instead of the system's
    try:
        if good:
            answer = await fetcher.get(url, "document")
            assert answer.document == {"host": url.removeprefix("https://").partition("/")[0]}
        else:
            with pytest.raises(AuthorizationFailed, match="ConnectError"):
                await fetcher.get(url, "document")
    finally:
        server.stop()
        await server.close_all_connections()
