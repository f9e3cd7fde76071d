"""Twisted's own reactor: Deferreds on a thread, neither tasks nor contexts; Agent with a pool of connections."""
import os
import random
import time

from twisted.internet import defer, reactor, task
from twisted.web.client import Agent, HTTPConnectionPool, readBody
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

NEXT = os.environ["NEXT"].encode()
pool = HTTPConnectionPool(reactor)
pool.maxPersistentPerHost = 256
agent = Agent(reactor, pool=pool)


@defer.inlineCallbacks
def work(kind):
    if kind == b"cpu":
        end = time.perf_counter() + 0.001
        while time.perf_counter() < end:
            pass
    elif kind == b"sleep":
        yield task.deferLater(reactor, random.uniform(0.001, 0.009))
    elif kind == b"file":
        with open("/etc/services", "rb") as file:
            file.read()


@defer.inlineCallbacks
def one(request, index):
    path, _, query = request.uri.partition(b"?")
    yield work(request.args.get(b"w", [b"none"])[0])
    response = yield agent.request(b"GET", NEXT + path + b".%d?" % index + query)
    yield readBody(response)


@defer.inlineCallbacks
def serve(request):
    indexes = range(1, int(request.args.get(b"n", [b"1"])[0]) + 1)
    if request.args.get(b"m") == [b"par"]:
        yield defer.gatherResults([one(request, index) for index in indexes])
    else:
        for index in indexes:
            yield one(request, index)
    if b"p" in request.args:
        yield task.deferLater(reactor, int(request.args[b"p"][0]) / 1000)
    request.write(b"ok\n")
    request.finish()


class Serve(Resource):
    isLeaf = True

    def render_GET(self, request):
        serve(request)
        return NOT_DONE_YET


reactor.listenTCP(int(os.environ["PORT"]), Site(Serve()), interface="127.0.0.1", backlog=256)
reactor.run()
