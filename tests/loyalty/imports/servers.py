"""A counter that answers over HTTP, in threads of this process, on the test's own database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application


class Quiet(WSGIRequestHandler):
    disable_nagle_algorithm = True  # head and body are two writes: the second would wait 40 ms

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def counter() -> Iterator[str]:
    """The address of a running counter. The database must be a committed one (`live_db`)."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.set_app(get_wsgi_application())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
