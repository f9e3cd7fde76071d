"""eventlet.wsgi: a greenlet for each connection, under the patches of eventlet."""
import eventlet

eventlet.monkey_patch()

import os  # noqa: E402

from eventlet import wsgi  # noqa: E402

from wsgi import app  # noqa: E402

wsgi.server(eventlet.listen(("127.0.0.1", int(os.environ["PORT"])), backlog=256), app, log_output=False, max_size=256)
