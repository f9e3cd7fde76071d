"""FastAPI on uvicorn (uvloop where installed): an asynchronous and a synchronous endpoint."""
import asyncio
import os
import random

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

from shape import handle as handle_sync

NEXT = os.environ["NEXT"]
app = FastAPI()
client = httpx.AsyncClient(limits=httpx.Limits(max_connections=256))


async def serve(id: str, request: Request):
    query = request.query_params

    async def one(index):
        if query.get("w") == "sleep":
            await asyncio.sleep(random.uniform(0.001, 0.009))
        await client.get(f"{NEXT}/h/{id}.{index}?{request.url.query}")

    indexes = range(1, int(query.get("n", 1)) + 1)
    if query.get("m") == "par":
        await asyncio.gather(*(one(index) for index in indexes))
    else:
        for index in indexes:
            await one(index)
    return PlainTextResponse("ok\n")


def serve_sync(id: str, request: Request):
    handle_sync(f"/h/{id}?{request.url.query}")
    return PlainTextResponse("ok\n")


app.get("/h/{id}")(serve_sync if os.environ.get("ENDPOINT") == "sync" else serve)

if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="error", backlog=256)
