"""Trio bare: serve_tcp and open_tcp_stream, HTTP/1.1 by hand, a pool of connections behind a semaphore."""
import os
import random
import time
from urllib.parse import parse_qs, urlsplit

import trio

NEXT = urlsplit(os.environ["NEXT"])
idle = []
places = trio.Semaphore(int(os.environ.get("POOL", 256)))


class Reader:
    def __init__(self, stream):
        self.stream = stream
        self.bytes = b""

    async def until(self, end):
        while end not in self.bytes:
            chunk = await self.stream.receive_some()
            if not chunk:
                raise trio.BrokenResourceError
            self.bytes += chunk
        found, _, self.bytes = self.bytes.partition(end)
        return found.decode("latin-1")

    async def exactly(self, size):
        while len(self.bytes) < size:
            chunk = await self.stream.receive_some()
            if not chunk:
                raise trio.BrokenResourceError
            self.bytes += chunk
        self.bytes = self.bytes[size:]

    async def body(self, head):
        lower = head.lower()
        if "chunked" in lower:
            while size := int(await self.until(b"\r\n"), 16):
                await self.exactly(size + 2)
            await self.until(b"\r\n")
        elif "content-length:" in lower:
            await self.exactly(int(lower.split("content-length:")[1].split("\r\n")[0]))


async def call(path):
    async with places:
        reader = idle.pop() if idle else Reader(await trio.open_tcp_stream(NEXT.hostname, NEXT.port))
        done = False
        try:
            await reader.stream.send_all(f"GET {path} HTTP/1.1\r\nHost: next\r\n\r\n".encode())
            head = await reader.until(b"\r\n\r\n")
            await reader.body(head)
            done = True
            return int(head.split(" ", 2)[1])
        finally:
            if done:
                idle.append(reader)
            else:
                await trio.aclose_forcefully(reader.stream)


async def work(kind):
    if kind == "cpu":
        end = time.perf_counter() + 0.001
        while time.perf_counter() < end:
            pass
    elif kind == "sleep":
        await trio.sleep(random.uniform(0.001, 0.009))
    elif kind == "file":
        await trio.to_thread.run_sync(lambda: open("/etc/services", "rb").read())


async def handle(request_id, query, query_string):
    """Returns what goes on behind the answer, or None."""

    async def one(index):
        await work(query.get("w", "none"))
        for _ in range(2 if "r" in query else 1):
            status = 504
            with trio.move_on_after(int(query["t"]) / 1000 if "t" in query else float("inf")):
                status = await call(f"/h/{request_id}.{index}?{query_string}")
            if status != 503:
                return

    async def calls():
        for index in indexes:
            await one(index)

    indexes = range(1, int(query.get("n", 1)) + 1)
    if query.get("m") == "after":
        return calls
    if query.get("m") == "par":
        async with trio.open_nursery() as nursery:
            for index in indexes:
                nursery.start_soon(one, index)
    else:
        await calls()
    if "p" in query:
        await trio.sleep(int(query["p"]) / 1000)
    return None


async def main():
    async with trio.open_nursery() as behind:

        async def serve(stream):
            reader = Reader(stream)
            try:
                while True:
                    url = urlsplit((await reader.until(b"\r\n\r\n")).split(" ", 2)[1])
                    query = {key: values[0] for key, values in parse_qs(url.query).items()}
                    after = await handle(url.path[3:], query, url.query)
                    await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")
                    if after is not None:
                        behind.start_soon(after)
            except trio.BrokenResourceError:
                await trio.aclose_forcefully(stream)

        await trio.serve_tcp(serve, int(os.environ["PORT"]), host="127.0.0.1", backlog=256)


trio.run(main)
