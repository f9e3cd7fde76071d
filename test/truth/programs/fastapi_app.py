"""FastAPI on uvicorn (uvloop where installed): an asynchronous and a synchronous endpoint."""
import os

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

from async_shape import handle
from shape import handle as handle_sync

NEXT = os.environ["NEXT"]
POOL = int(os.environ.get("POOL", 256))
app = FastAPI()
client = httpx.AsyncClient(limits=httpx.Limits(max_connections=POOL), timeout=60)


async def call(path):
    response = await client.get(NEXT + path)
    return response.status_code


async def serve(id: str, request: Request):
    await handle(id, request.query_params, request.url.query, call)
    return PlainTextResponse("ok\n")


def serve_sync(id: str, request: Request):
    handle_sync(f"/h/{id}?{request.url.query}")
    return PlainTextResponse("ok\n")


app.get("/h/{id}")(serve_sync if os.environ.get("ENDPOINT") == "sync" else serve)

if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="error", backlog=256)
