"""Django as ASGI application on uvicorn: an asynchronous view, or a synchronous one (VIEW=sync)."""
import os

import django
import httpx
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path

from async_shape import handle
from shape import handle as handle_sync

NEXT = os.environ["NEXT"]
POOL = int(os.environ.get("POOL", 256))
client = httpx.AsyncClient(limits=httpx.Limits(max_connections=POOL), timeout=60)


async def call(path):
    response = await client.get(NEXT + path)
    return response.status_code


async def serve(request, id):
    await handle(id, request.GET, request.META["QUERY_STRING"], call)
    return HttpResponse("ok\n")


def serve_sync(request, id):
    handle_sync(request.get_full_path())
    return HttpResponse("ok\n")


settings.configure(
    ALLOWED_HOSTS=["*"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=__name__,
)
django.setup()
urlpatterns = [path("h/<str:id>", serve_sync if os.environ.get("VIEW") == "sync" else serve)]
app = get_asgi_application()

if __name__ == "__main__":
    import sys

    import uvicorn

    # The module of the addresses, by its name.
    sys.modules["django_app"] = sys.modules["__main__"]
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="error", backlog=256)
