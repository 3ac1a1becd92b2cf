# SPDX-License-Identifier: Apache-2.0
"""backend -- a well-behaved service for tests of the gateway's processes.

GET /N/slow/MS answers after MS milliseconds, anything else at once, with the path as body.
Called by test_processes.py and test_admin.py.  Never checks what it is sent: that is origin.py.
"""
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SLOW = re.compile(r"/slow/(\d+)$")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536    # head and body go out together: nobody waits for an acknowledgement

    def log_message(self, *_):
        pass

    def do_GET(self):
        match = SLOW.search(self.path)
        if match:
            self.server.slow_started.set()
            time.sleep(int(match.group(1)) / 1000)
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        """A gateway that was killed leaves broken connections behind: not worth a line."""


class Backend:
    """A running service: port, and slow_started, set once a slow request has arrived."""

    def __init__(self):
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.slow_started = self.slow_started = threading.Event()
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        """Refuses connections from now on."""
        self.server.shutdown()
        self.server.server_close()
