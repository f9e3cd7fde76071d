"""What a handler does before, between and after its calls: shared by the synchronous Python programs."""
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from threading import local
from urllib.parse import parse_qs, urlsplit

NEXT = urlsplit(os.environ["NEXT"])
_connections = local()
_fan_out = ThreadPoolExecutor(64)
# Each call is made by a thread of its own.
_BY_THREADS = os.environ.get("CALLS_BY") == "threads"
# Of a greenlet of its own.
_BY_GREENLETS = os.environ.get("CALLS_BY") == "greenlets"


def call(path, patience):
    """The status; 504 when nobody answers in time."""
    connection = getattr(_connections, "connection", None)
    if connection is None:
        connection = _connections.connection = HTTPConnection(NEXT.hostname, NEXT.port)
    connection.timeout = patience
    if connection.sock:
        connection.sock.settimeout(patience)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        return response.status
    except OSError:
        connection.close()
        return 504


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
    """Returns what is to be done after the answer, or None."""
    url = urlsplit(target)
    query = {key: values[0] for key, values in parse_qs(url.query).items()}
    request_id = url.path[3:]
    patience = int(query["t"]) / 1000 if "t" in query else None

    def one(index):
        work(query.get("w", "none"))
        for _ in range(2 if "r" in query else 1):
            if call(f"/h/{request_id}.{index}?{url.query}", patience) != 503:
                return

    def calls():
        for index in indexes:
            one(index)

    indexes = range(1, int(query.get("n", 1)) + 1)
    if query.get("m") == "after":
        return lambda: threading.Thread(target=calls).start()
    if _BY_GREENLETS:
        import gevent

        if query.get("m") == "par":
            gevent.joinall([gevent.spawn(one, index) for index in indexes])
        else:
            for index in indexes:
                gevent.spawn(one, index).join()
    elif _BY_THREADS:
        threads = [threading.Thread(target=one, args=(index,)) for index in indexes]
        for thread in threads:
            thread.start()
            if query.get("m") != "par":
                thread.join()
        for thread in threads:
            thread.join()
    elif query.get("m") == "par":
        list(_fan_out.map(one, indexes))
    else:
        calls()
    if "p" in query:
        time.sleep(int(query["p"]) / 1000)
    return None
