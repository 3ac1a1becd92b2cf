# SPDX-License-Identifier: Apache-2.0
"""moody -- an instance of a service that a test makes well, ill, silent or dead, and back.

Used by test_ejection.py and test_active_checks.py.  Every answer's body is the instance's
name, or body when that is set.
The mood rules what clients get; health, when set, what GET /health gets instead.
"""
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HANG = "hang"
LIMIT = 30.0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        moody = self.server.moody
        mood = moody.take(self.path, dict(self.headers.items()))
        if mood == HANG:
            moody.awake.wait(LIMIT)
            self.close_connection = True
            return
        body = moody.body or moody.name.encode()
        self.send_response(mood)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port, moody):
        self.moody = moody
        self.open = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request, client_address):
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        """Connections that are cut on purpose are not worth a line."""


class Moody:
    """port, name; mood: a status, HANG, or a list of those that is played over and over."""

    def __init__(self, name):
        self.name = name
        self.mood = 200
        self.health = None
        self.body = None
        self.awake = threading.Event()
        self.lock = threading.Lock()
        self.taken = []  # (path, fields) of each request
        self.played = 0
        self.port = 0
        self.start()

    def take(self, path, fields):
        """Records a request and returns what it gets."""
        with self.lock:
            self.taken.append((path, fields))
            mood = self.health if path == "/health" and self.health is not None else self.mood
            if isinstance(mood, list):
                self.played += 1
                mood = mood[self.played % len(mood)]
            return mood

    def count(self, path=None):
        """Returns how many requests came, of that path."""
        with self.lock:
            return sum(path in (None, p) for p, _ in self.taken)

    def start(self):
        """Accepts connections, on the port that it had before."""
        self.server = _Server(self.port, self)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02},
                         daemon=True).start()

    def die(self):
        """Cuts all connections and refuses new ones, as after kill -9."""
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.server.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        """Ends it for good."""
        self.awake.set()
        self.die()
