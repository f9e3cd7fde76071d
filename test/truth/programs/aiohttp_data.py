"""aiohttp as server; commands to Redis (redis.asyncio) or statements to PostgreSQL (asyncpg), whichever NEXT names."""
import os

from aiohttp import web

from async_shape import handle

NEXT = os.environ["NEXT"]
POOL = min(80, int(os.environ.get("POOL", 80)))


async def redis_call():
    from redis.asyncio import BlockingConnectionPool, Redis

    client = Redis(connection_pool=BlockingConnectionPool.from_url(NEXT, max_connections=POOL, timeout=None))
    return client.get


async def postgres_call():
    import asyncpg

    pool = await asyncpg.create_pool(NEXT, min_size=1, max_size=POOL)
    return lambda path: pool.fetchval(f'SELECT 1 AS "{path}"')


async def serve(request):
    ask = request.app["ask"]

    async def call(path):
        await ask(path.partition("?")[0])
        return 200

    await handle(request.match_info["id"], request.query, request.query_string, call)
    return web.Response(text="ok\n")


async def connect(app):
    app["ask"] = await (redis_call() if NEXT.startswith("redis:") else postgres_call())


app = web.Application()
app.on_startup.append(connect)
app.router.add_get("/h/{id}", serve)
web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None, access_log=None, backlog=256)
