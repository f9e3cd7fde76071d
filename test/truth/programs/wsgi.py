"""One WSGI application for gunicorn (sync, gthread, gevent) and waitress."""
from shape import handle


def app(environ, start_response):
    target = environ["PATH_INFO"] + "?" + environ.get("QUERY_STRING", "")
    handle(target)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
    return [b"ok\n"]


if __name__ == "__main__":
    import os

    from waitress import serve

    serve(app, host="127.0.0.1", port=int(os.environ["PORT"]), threads=64, _quiet=True)
