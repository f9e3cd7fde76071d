"""asyncio, or uvloop (LOOP=uvloop): aiohttp as server and client."""
import os

import aiohttp
from aiohttp import web

from async_shape import handle

NEXT = os.environ["NEXT"]
POOL = int(os.environ.get("POOL", 256))


async def serve(request):
    session = request.app["session"]

    async def call(path):
        async with session.get(NEXT + path) as response:
            await response.read()
            return response.status

    await handle(request.match_info["id"], request.query, request.query_string, call)
    return web.Response(text="ok\n")


async def session(app):
    connector = aiohttp.TCPConnector(limit=POOL)
    async with aiohttp.ClientSession(connector=connector) as client:
        app["session"] = client
        yield


if os.environ.get("LOOP") == "uvloop":
    import uvloop

    uvloop.install()
app = web.Application()
app.cleanup_ctx.append(session)
app.router.add_get("/h/{id}", serve)
web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None, access_log=None, backlog=256)
