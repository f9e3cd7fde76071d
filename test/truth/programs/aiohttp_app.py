"""asyncio: aiohttp as server and client."""
import asyncio
import os
import random
import time

import aiohttp
from aiohttp import web

NEXT = os.environ["NEXT"]
POOL = int(os.environ.get("POOL", 256))


async def work(kind):
    if kind == "cpu":
        end = time.perf_counter() + 0.001
        while time.perf_counter() < end:
            pass
    elif kind == "sleep":
        await asyncio.sleep(random.uniform(0.001, 0.009))
    elif kind == "file":
        await asyncio.to_thread(lambda: open("/etc/services", "rb").read())


async def handle(request):
    query = request.query
    session = request.app["session"]

    async def one(index):
        await work(query.get("w", "none"))
        async with session.get(f"{NEXT}/h/{request.match_info['id']}.{index}?{request.query_string}") as response:
            await response.read()

    indexes = range(1, int(query.get("n", 1)) + 1)
    if query.get("m") == "par":
        await asyncio.gather(*(one(index) for index in indexes))
    else:
        for index in indexes:
            await one(index)
    if "p" in query:
        await asyncio.sleep(int(query["p"]) / 1000)
    return web.Response(text="ok\n")


async def session(app):
    connector = aiohttp.TCPConnector(limit=POOL)
    async with aiohttp.ClientSession(connector=connector) as client:
        app["session"] = client
        yield


app = web.Application()
app.cleanup_ctx.append(session)
app.router.add_get("/h/{id}", handle)
web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None, access_log=None, backlog=256)
