"""A thread per connection: http.server, and http.client, redis-py or psycopg, as NEXT names what is called."""
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import shape

NEXT = os.environ["NEXT"]


def call_redis(path, _):
    _redis.get(path.partition("?")[0])
    return 200


def call_postgres(path, _):
    with _pool.connection() as connection:
        connection.execute(f'SELECT 1 AS "{path.partition("?")[0]}"')
    return 200


if NEXT.startswith("redis:"):
    import redis

    _redis = redis.Redis(connection_pool=redis.BlockingConnectionPool.from_url(NEXT, max_connections=80, timeout=60))
    call = call_redis
elif NEXT.startswith("postgres:"):
    from psycopg_pool import ConnectionPool

    _pool = ConnectionPool(NEXT, min_size=1, max_size=80, timeout=60, kwargs={"autocommit": True}, open=True)
    call = call_postgres
else:
    call = shape.call


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        after = shape.handle(self.path, call)
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")
        if after:
            after()

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 256


Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
