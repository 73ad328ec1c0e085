"""Serve the admin side over HTTP on a port of its own, to whoever holds the token."""

from __future__ import annotations

import hmac

from attrs import define
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from kalshi_ext.errors import KalshiError
from kalshi_ext.sandbox.console import Console


@define
class Backstage:
    """Hold the token and the console."""

    console: Console
    token: str

    def app(self) -> Starlette:
        """Build the application."""
        return Starlette(routes=[Route("/run/{word}", self._run, methods=["POST"])])

    def admits(self, request: Request) -> bool:
        """Compare the token a request carries with ours."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), self.token.encode())

    async def _run(self, request: Request) -> JSONResponse:
        if not self.admits(request):
            return JSONResponse({"error": "the admin token is missing or wrong"}, status_code=401)
        try:
            result = self.console.run(request.path_params["word"], await request.json())
        except KalshiError as error:
            data = {"error": str(error), "kind": type(error).__name__}
            return JSONResponse(data, status_code=400)
        return JSONResponse({"result": result})
