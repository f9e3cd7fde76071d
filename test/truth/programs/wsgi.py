"""One WSGI application for gunicorn (sync, gthread, gevent) and waitress."""
from shape import handle


class Body(list):
    """close() is called when it has been sent (PEP 3333)."""

    def __init__(self, chunks, close):
        super().__init__(chunks)
        self.close = close


def app(environ, start_response):
    target = environ["PATH_INFO"] + "?" + environ.get("QUERY_STRING", "")
    after = handle(target)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
    return Body([b"ok\n"], after or (lambda: None))


if __name__ == "__main__":
    import os

    from waitress import serve

    serve(app, host="127.0.0.1", port=int(os.environ["PORT"]), threads=64, _quiet=True)
