# SPDX-License-Identifier: Apache-2.0
"""fake_agent -- a server in Consul's place that answers as no Consul should.

Used by test_discovery.py.  In the mode "good" it does what an agent does: X-Consul-Index, and
a question with the current index blocks.  Every other mode is one way of going wrong.
"""
import json
import socket
import struct
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def instance(ident, port, address="127.0.0.1"):
    """Returns one element of /v1/health/service."""
    return {"Node": {"Node": "fake", "Address": "127.0.0.1"},
            "Service": {"ID": ident, "Service": "web", "Address": address, "Port": port,
                        "Weights": {"Passing": 1, "Warning": 1}},
            "Checks": [{"CheckID": "serfHealth", "Name": "Serf", "Status": "passing"}]}


class FakeService:
    """What the agent says of one service, and how.

    questions are (time, index) pairs; fresh holds the times of those that were the first on
    their connection.
    """

    def __init__(self, mode, instances):
        self.mode = mode
        self.instances = instances
        self.index = 10
        self.questions = []
        self.fresh = []
        self.changed = threading.Condition()

    def change(self, mode=None, instances=None):
        """Changes what is answered, and ends the questions that wait.  Returns the time."""
        with self.changed:
            if mode is not None:
                self.mode = mode
            if instances is not None:
                self.instances = instances
            self.index += 1
            self.changed.notify_all()
        return time.monotonic()

    def asked_since(self, begun, fresh=False):
        """Returns the times of the questions since then; fresh: on new connections alone."""
        times = list(self.fresh) if fresh else [at for at, _ in list(self.questions)]
        return [at for at in times if at >= begun]

    def block(self, asked, wait):
        """Waits as a blocking query does: until the index has moved on."""
        deadline = time.monotonic() + wait
        with self.changed:
            while self.mode == "good" and self.index == asked:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self.changed.wait(left)


class FakeAgent:
    """Listens at once.  A service that nobody set() has no instance."""

    def __init__(self):
        self.services = {}
        agent = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                agent.answer(self)

        class Server(ThreadingHTTPServer):
            request_queue_size = 256  # all watches may connect in one moment

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        # A client that goes away in the middle is what some tests are about.
        self.server.handle_error = lambda *_: None
        self.address = "127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def set(self, name, instances=(), mode="good"):
        """Returns the service's record, made anew."""
        self.services[name] = FakeService(mode, list(instances))
        return self.services[name]

    def answer(self, http):
        """One request."""
        parts = urllib.parse.urlsplit(http.path)
        query = urllib.parse.parse_qs(parts.query, keep_blank_values=True)
        if not parts.path.startswith("/v1/health/service/"):
            self.send(http, 200, b'"127.0.0.1:8300"')
            return
        name = urllib.parse.unquote(parts.path.rpartition("/")[2])
        service = self.services.get(name) or self.set(name)
        asked = int(query.get("index", ["0"])[0])
        now = time.monotonic()
        if not getattr(http, "was_asked", False):
            service.fresh.append(now)
        http.was_asked = True
        service.questions.append((now, asked))
        if asked:
            service.block(asked, int(query["wait"][0][:-2]) / 1000)
        body = json.dumps(service.instances).encode()
        getattr(self, "as_" + service.mode)(http, body, service)

    @staticmethod
    def send(http, status, body, index=None, length=None, **headers):
        """One answer."""
        http.send_response(status)
        if index is not None:
            headers["X-Consul-Index"] = str(index)
        headers.setdefault("X-Consul-Knownleader", "true")
        headers.setdefault("X-Consul-Lastcontact", "0")
        for name, value in headers.items():
            http.send_header(name.replace("_", "-"), value)
        http.send_header("Content-Length", str(len(body) if length is None else length))
        http.end_headers()
        http.wfile.write(body)

    def as_good(self, http, body, service):
        self.send(http, 200, body, service.index)

    def as_bad_json(self, http, body, service):
        self.send(http, 200, body[:-3], service.index)

    def as_wrong_json(self, http, _body, service):
        self.send(http, 200, b'{"error":"what?"}', service.index)

    def as_truncated(self, http, body, service):
        self.send(http, 200, body, service.index, length=len(body) + 10)
        http.close_connection = True

    def as_index_0(self, http, body, _service):
        self.send(http, 200, body, 0)

    def as_no_index(self, http, body, _service):
        self.send(http, 200, body)

    def as_odd_index(self, http, body, _service):
        self.send(http, 200, body, "-7")

    def as_flapping(self, http, body, service):
        service.index += 1
        self.send(http, 200, body, service.index)

    def as_early(self, http, body, service):
        self.send(http, 200, body, service.index)

    def as_too_many(self, http, _body, _service):
        self.send(http, 429, b"Your IP is issuing too many concurrent connections")

    def as_denied(self, http, _body, _service):
        self.send(http, 403, b"Permission denied", 1, X_Consul_Knownleader="false")

    def as_failing(self, http, _body, _service):
        self.send(http, 500, b"No cluster leader", 1, X_Consul_Knownleader="false")

    def as_redirect(self, http, _body, _service):
        self.send(http, 301, b"", Location="http://127.0.0.1:1/")

    def as_web_page(self, http, _body, _service):
        self.send(http, 200, b"<html>Sign in</html>", Content_Type="text/html")

    def as_leaderless(self, http, _body, service):
        self.send(http, 200, b"[]", service.index, X_Consul_Knownleader="false")

    def as_stale(self, http, _body, service):
        self.send(http, 200, b"[]", service.index, X_Consul_Lastcontact="60000")

    def as_reset(self, http, _body, _service):
        http.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                   struct.pack("ii", 1, 0))
        http.close_connection = True

    def as_hung_up(self, http, _body, _service):
        http.close_connection = True
