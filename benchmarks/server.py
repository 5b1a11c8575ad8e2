"""The service with an echo beside it, on a free port; prints the port. It keeps what it judges.

The echo parses a body of JSON and answers it again: the least that any endpoint could cost here.
"""

from __future__ import annotations

import socket

import msgspec
import uvicorn
from fastapi import APIRouter, Request, Response

from scantrail.serve.api import create_app
from scantrail.serve.auth import needs
from scantrail.settings import read_settings
from scantrail.vocabulary.access import Scope
from scantrail.wiring import engine


def main() -> None:
    """Serve until killed."""
    app = create_app(engine(read_settings()), insecure_local=True)
    router = APIRouter(route_class=needs(Scope.DETECT))

    @router.post("/echo")
    async def echo(request: Request) -> Response:
        body = b"".join([chunk async for chunk in request.stream()])
        answer = msgspec.json.encode(msgspec.json.decode(body))
        return Response(answer, media_type="application/json")

    app.include_router(router)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main()
