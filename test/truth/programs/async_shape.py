"""What a handler does before, between and after its calls: shared by the asynchronous Python programs."""
import asyncio
import random
import time

_behind = set()


async def work(kind):
    if kind == "cpu":
        end = time.perf_counter() + 0.001
        while time.perf_counter() < end:
            pass
    elif kind == "sleep":
        await asyncio.sleep(random.uniform(0.001, 0.009))
    elif kind == "file":
        await asyncio.to_thread(lambda: open("/etc/services", "rb").read())


async def handle(request_id, query, query_string, call):
    """call(path) gives the status. Returns a task that goes on after the answer, or None."""
    patience = int(query["t"]) / 1000 if "t" in query else None

    async def one(index):
        await work(query.get("w", "none"))
        for _ in range(2 if "r" in query else 1):
            try:
                status = await asyncio.wait_for(call(f"/h/{request_id}.{index}?{query_string}"), patience)
            except (asyncio.TimeoutError, OSError):
                status = 504
            if status != 503:
                return

    async def calls():
        for index in indexes:
            await one(index)

    indexes = range(1, int(query.get("n", 1)) + 1)
    if query.get("m") == "after":
        # The loop holds tasks by weak references only.
        task = asyncio.ensure_future(calls())
        _behind.add(task)
        task.add_done_callback(_behind.discard)
        return task
    if query.get("m") == "par":
        await asyncio.gather(*(one(index) for index in indexes))
    else:
        await calls()
    if "p" in query:
        await asyncio.sleep(int(query["p"]) / 1000)
    return None
