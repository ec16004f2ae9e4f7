"""An identity provider's key endpoint: a real HTTP server whose keys and manners a test changes as it goes."""

import asyncio
import json
import ssl
import time
from contextlib import asynccontextmanager

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

NAME = "https://id.example"


class Issuer:
    """Signs with its newest key; publishes those that are in `published`, and counts who asks for them in `asked`."""

    def __init__(self):
        self.keys = {}
        self.published = {}
        self.headers = {"Cache-Control": "public, max-age=300"}
        self.asked = 0
        self.answer = self.keys_published
        self.url = ""

    def rotate(self, *, publish=True, keep=True):
        """Sign with a fresh key from now on."""
        kid = f"key-{len(self.keys) + 1}"
        self.keys[kid] = ec.generate_private_key(ec.SECP256R1())
        if publish:
            self.published = (self.published if keep else {}) | {kid: self.jwk(kid)}
        return kid

    def publish(self):
        """Publish the key that it signs with."""
        kid = list(self.keys)[-1]
        self.published[kid] = self.jwk(kid)

    def jwk(self, kid, **fields):
        return json.loads(ECAlgorithm.to_jwk(self.keys[kid].public_key())) | {"kid": kid, "use": "sig"} | fields

    def token(self, kid=None, *, named=True, **claims):
        kid = kid or list(self.keys)[-1]
        body = {"sub": "alice", "ops": ["*"], "iss": NAME, "exp": time.time() + 600} | claims
        return jwt.encode(body, self.keys[kid], "ES256", {"kid": kid} if named else {})

    async def keys_published(self, _):
        return web.json_response({"keys": list(self.published.values())}, headers=self.headers)

    async def serve(self, request):
        self.asked += 1
        return await self.answer(request)


async def hangs(_):
    await asyncio.Event().wait()


async def redirects(request):
    raise web.HTTPFound(f"{request.url.with_query(elsewhere=1)}")


def says(text, **more):
    async def answer(_):
        return web.Response(text=text, **more)

    return answer


@asynccontextmanager
async def issuing(pair=None):
    """An issuer with one key, on loopback; by https with a certificate and its key (`real.certificates`)."""
    issuer = Issuer()
    issuer.rotate()
    app = web.Application()
    app.router.add_get("/keys", issuer.serve)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    tls = None
    if pair is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(pair.certificate, pair.key)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    issuer.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}/keys"
    try:
        yield issuer
    finally:
        await runner.cleanup()
