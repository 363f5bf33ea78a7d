"""The Prefect server that `offband serve` starts: Prefect's own, answering only requests that name this machine."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from prefect.server.api.server import create_app

from flows.servers import LOOPBACK_NAMES


def host_checked_app() -> FastAPI:
    """Give Prefect's server with a check of the Host header, which it has none of itself.

    A page of the web whose name is made to point at this machine (DNS rebinding) is answered with status 400.
    """
    app = create_app(ignore_cache=True)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK_NAMES), www_redirect=False)
    return app
