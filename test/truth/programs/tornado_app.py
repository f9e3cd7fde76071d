"""Tornado as server and client; with the simple client each call has a connection of its own."""
import asyncio
import os

from tornado.httpclient import AsyncHTTPClient
from tornado.web import Application, RequestHandler

from async_shape import handle

NEXT = os.environ["NEXT"]
POOL = int(os.environ.get("POOL", 256))


class Serve(RequestHandler):
    async def get(self, request_id):
        client = AsyncHTTPClient(max_clients=POOL)

        async def call(path):
            return (await client.fetch(NEXT + path, raise_error=False)).code

        query = {name: values[0].decode() for name, values in self.request.query_arguments.items()}
        await handle(request_id, query, self.request.query, call)
        self.write("ok\n")


async def main():
    Application([(r"/h/(.*)", Serve)]).listen(int(os.environ["PORT"]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
