"""asyncio bare: start_server and open_connection, HTTP/1.1 by hand, a pool of connections behind a semaphore."""
import asyncio
import os
from urllib.parse import parse_qs, urlsplit

from async_shape import handle

NEXT = urlsplit(os.environ["NEXT"])
idle = []
places = asyncio.Semaphore(int(os.environ.get("POOL", 256)))


async def read_head(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    return head.decode("latin-1")


async def read_body(reader, head):
    lower = head.lower()
    if "chunked" in lower:
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    elif "content-length:" in lower:
        await reader.readexactly(int(lower.split("content-length:")[1].split("\r\n")[0]))


async def call(path):
    async with places:
        reader, writer = idle.pop() if idle else await asyncio.open_connection(NEXT.hostname, NEXT.port)
        done = False
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: next\r\n\r\n".encode())
            head = await read_head(reader)
            await read_body(reader, head)
            done = True
            return int(head.split(" ", 2)[1])
        finally:
            if done:
                idle.append((reader, writer))
            else:
                writer.close()


async def serve(reader, writer):
    try:
        while True:
            url = urlsplit((await read_head(reader)).split(" ", 2)[1])
            query = {key: values[0] for key, values in parse_qs(url.query).items()}
            await handle(url.path[3:], query, url.query, call)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(os.environ["PORT"]), backlog=256)
    await server.serve_forever()


asyncio.run(main())
