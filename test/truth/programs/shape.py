"""What a handler does between reading its request and calling on: shared by the synchronous Python programs."""
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from threading import local
from urllib.parse import parse_qs, urlsplit

NEXT = urlsplit(os.environ["NEXT"])
_connections = local()
_fan_out = ThreadPoolExecutor(64)


def call(path):
    connection = getattr(_connections, "connection", None)
    if connection is None:
        connection = _connections.connection = HTTPConnection(NEXT.hostname, NEXT.port)
    connection.request("GET", path)
    connection.getresponse().read()


def work(kind):
    if kind == "cpu":
        end = time.perf_counter() + 0.001
        while time.perf_counter() < end:
            pass
    elif kind == "sleep":
        time.sleep(random.uniform(0.001, 0.009))
    elif kind == "file":
        with open("/etc/services", "rb") as file:
            file.read()


def handle(target, call=call):
    url = urlsplit(target)
    query = {key: values[0] for key, values in parse_qs(url.query).items()}
    request_id = url.path[3:]

    def one(index):
        work(query.get("w", "none"))
        call(f"/h/{request_id}.{index}?{url.query}")

    indexes = range(1, int(query.get("n", 1)) + 1)
    if query.get("m") == "par":
        list(_fan_out.map(one, indexes))
    else:
        for index in indexes:
            one(index)
    if "p" in query:
        time.sleep(int(query["p"]) / 1000)
