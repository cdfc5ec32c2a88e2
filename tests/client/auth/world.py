# SPDX-License-Identifier: BSD-3-Clause
"""A protected server and its authorization server, on two ports of the loopback, and a person with a browser.

Knows the rules as an honest party keeps them; a test changes what it is about.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx2
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest, url_concat
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from mcp_jupyter.client.auth import AuthorizationResponse, OAuth

from .proofs import Proof, proof_of

REDIRECT_URI = "http://127.0.0.1:3000/callback"


@dataclass
class World:
    """What the two servers say, and what they were asked.

    `seen` holds (path, form or query) of what the authorization server was asked; `tokens` the scopes of each
    token that the protected server takes; `names_scopes` whether a refusal says what it `needs`. `proofs` are
    what came to either, by path, and all checked; `keys` the thumbprint of each token that is bound to a key;
    `nonces` what proofs must hold at a path.
    """

    server: str = ""
    issuer: str = ""
    resource: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    challenge: str = 'Bearer scope="read"'
    needs: set[str] = field(default_factory=lambda: {"read"})
    names_scopes: bool = True
    answer: dict[str, Any] = field(default_factory=dict)
    token: dict[str, Any] = field(default_factory=dict)
    tokens: dict[str, set[str]] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    headers: list[str | None] = field(default_factory=list)
    registered: list[dict[str, Any]] = field(default_factory=list)
    refusal: dict[str, str] | None = None
    routes: dict[str, Callable[[RequestHandler], None]] = field(default_factory=dict)
    granted: dict[str, Any] = field(default_factory=dict)
    proofs: list[tuple[str, Proof]] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    nonces: dict[str, str] = field(default_factory=dict)

    def proven(self, path: str) -> list[Proof]:
        """The proofs that came to one endpoint."""
        return [proof for at, proof in self.proofs if at == path]

    def _proof(self, handler: RequestHandler, token: str | None = None) -> Proof | None:
        """A request's proof; None when it has none, or lacks the nonce, which is told."""
        if "DPoP" not in handler.request.headers:
            return None
        proof, path = proof_of(handler.request, token), handler.request.path
        self.proofs.append((path, proof))
        if path in self.nonces:
            handler.set_header("DPoP-Nonce", self.nonces[path])
        return proof if proof.claims.get("nonce") == self.nonces.get(path) else None

    def asked(self, path: str) -> list[dict[str, str]]:
        """What came to one endpoint of the authorization server."""
        return [form for at, form in self.seen if at == path]

    # -- the person ----------------------------------------------------------------------------

    async def visit(self, url: str) -> None:
        """Follow the URL, agree, and remember where the browser was sent."""
        async with httpx2.AsyncClient(trust_env=False) as browser:
            response = await browser.get(url)
        self.granted["location"] = response.headers["location"]

    async def come_back(self) -> AuthorizationResponse:
        return AuthorizationResponse.from_url(self.granted["location"])

    async def browse(self, url: str) -> None:
        """Follow the URL to its end, as a browser does."""
        async with httpx2.AsyncClient(trust_env=False, follow_redirects=True) as browser:
            self.granted["page"] = await browser.get(url)

    def oauth(self, **options: Any) -> OAuth:
        """A client whose person agrees at once."""
        options = {
            "redirect_handler": self.visit,
            "callback_handler": self.come_back,
            "client_metadata": {"redirect_uris": [REDIRECT_URI]},
            **options,
        }
        return OAuth(self.server, **options)

    # -- the protected server ------------------------------------------------------------------

    def protected(self, handler: RequestHandler) -> None:
        path = handler.request.path
        if path in self.routes:
            self.routes[path](handler)
        elif path == "/.well-known/oauth-protected-resource/mcp":
            handler.finish(self.resource)
        elif path == "/mcp":
            self._serve(handler)
        else:
            handler.set_status(404)

    def _serve(self, handler: RequestHandler) -> None:
        header = handler.request.headers.get("Authorization")
        self.headers.append(header)
        scheme, _, token = (header or "").partition(" ")
        scopes = self.tokens.get(token) if scheme == ("DPoP" if token in self.keys else "Bearer") else None
        proof = self._proof(handler, token)
        if scopes is not None and token in self.keys and proof is None:
            handler.set_status(401)
            handler.set_header("WWW-Authenticate", 'DPoP algs="ES256", error="use_dpop_nonce"')
        elif scopes is None or (proof and proof.thumbprint != self.keys[token]):
            handler.set_status(401)
            handler.set_header("WWW-Authenticate", self.challenge)
            handler.finish("who are you?")
        elif not self.needs <= scopes:
            handler.set_status(403)
            scope = f', scope="{" ".join(sorted(self.needs))}"' if self.names_scopes else ""
            handler.set_header(
                "WWW-Authenticate", f'Basic realm="x", Bearer error="insufficient_scope"{scope}'
            )
        else:
            handler.finish("welcome")

    # -- the authorization server --------------------------------------------------------------

    def authority(self, handler: RequestHandler) -> None:
        path = handler.request.path
        if path in self.routes:
            self.routes[path](handler)
        elif path == "/.well-known/oauth-authorization-server":
            handler.finish(self.metadata)
        elif path == "/authorize":
            self._authorize(handler)
        elif path == "/token":
            self._token(handler)
        elif path == "/register":
            self._register(handler)
        else:
            handler.set_status(404)

    def _register(self, handler: RequestHandler) -> None:
        wish = json.loads(handler.request.body)
        self.registered.append(wish)
        handler.set_status(201)
        handler.finish(
            {
                "client_id": f"client-{len(self.registered)}",
                "token_endpoint_auth_method": wish["token_endpoint_auth_method"],
            }
        )

    def _authorize(self, handler: RequestHandler) -> None:
        query = flat(handler.request.query)
        self.seen.append(("/authorize", query))
        self.granted |= {"challenge": query["code_challenge"], "scope": query.get("scope", "")}
        answer = {"code": "the-code-of-this-sign-in", "state": query["state"], "iss": self.issuer}
        answer = {name: value for name, value in {**answer, **self.answer}.items() if value is not None}
        handler.redirect(url_concat(query["redirect_uri"], answer))

    def _token(self, handler: RequestHandler) -> None:
        form = flat(handler.request.body.decode())
        self.seen.append(("/token", form))
        self.granted["basic"] = handler.request.headers.get("Authorization")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if form["grant_type"] == "authorization_code" and proof != self.granted["challenge"]:
            self.refusal = {"error": "invalid_grant"}
        if self.refusal is not None:
            handler.set_status(400)
            handler.finish(self.refusal)
            return
        bound_by = self._proof(handler)
        if bound_by is None and "DPoP" in handler.request.headers:
            handler.set_status(400)
            handler.finish({"error": "use_dpop_nonce"})
            return
        number = len(self.asked("/token"))
        token = {
            "access_token": f"access-token-number-{number}",
            "token_type": "DPoP" if bound_by else "bearer",
            "expires_in": 3600,
            "refresh_token": f"refresh-token-number-{number}",
            **self.token,
        }
        self.tokens[token["access_token"]] = set((form.get("scope") or self.granted.get("scope", "")).split())
        if bound_by is not None and token["token_type"] == "DPoP":
            self.keys[token["access_token"]] = bound_by.thumbprint
        handler.finish(token)


def flat(encoded: str) -> dict[str, str]:
    """A form or query, in which nothing may come twice."""
    return {name: value for name, (value,) in parse_qs(encoded, strict_parsing=True).items()}


@asynccontextmanager
async def listening(answer: Callable[[RequestHandler], None]) -> AsyncIterator[str]:
    """Serve whatever is asked for; gives the origin."""

    class Handler(RequestHandler):
        def get(self) -> None:
            answer(self)

        post = get

        def log_request(self, request: HTTPServerRequest) -> None: ...

    application = Application([(r"/.*", Handler)], log_function=lambda handler: None)
    (socket,) = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(application)
    server.add_socket(socket)
    try:
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        server.stop()
        await server.close_all_connections()


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Both servers, honest."""
    made = World()
    async with listening(made.protected) as server, listening(made.authority) as issuer:
        made.server, made.issuer = f"{server}/mcp", issuer
        made.resource = {"resource": made.server, "authorization_servers": [issuer]}
        made.metadata = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "registration_endpoint": f"{issuer}/register",
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "authorization_response_iss_parameter_supported": True,
        }
        yield made


@asynccontextmanager
async def client(auth: httpx2.Auth) -> AsyncIterator[httpx2.AsyncClient]:
    """An HTTP client as the transports have it."""
    async with httpx2.AsyncClient(auth=auth, trust_env=False, timeout=10) as made:
        yield made
