# SPDX-License-Identifier: Apache-2.0
"""The origin and the contenders: how each is configured and started.

Used by the workloads.  Every configuration is written into the run's temporary directory; why
each line is there stands in bench/README.md.
"""

import http.client
import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass

from .proc import BenchError, Server, port_free, tool_path

SMALL = (b'{"id":10170,"name":"Ada Lovelace","email":"ada@example.org",'
         b'"role":"editor","active":true}')
KIB_10 = b"0123456789abcdef" * 640
MIB_1_SIZE = 1 << 20

FOREVER = 1000000000


@dataclass(frozen=True)
class Variant:
    """What of a contender's configuration a workload changes."""
    routes: int = 0         # routes /r/<n>/{id} beside the one that takes everything
    services: int = 1       # /r/<n>/ goes to service n modulo this
    filters: int = 0        # no-op filters on every route (gatehouse only)
    log: bool = False
    workers: int = 1
    once: bool = False      # one request to a connection (only the limit must be told)


def file_write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def command_first_line(argv):
    """The first line that a command such as `nginx -v` prints, on either stream."""
    out = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, timeout=20, check=False).stdout
    return (out.decode("utf-8", "replace").splitlines() or [""])[0].strip()


NGINX_HEAD = """\
daemon off;
pid {dir}/nginx.pid;
error_log stderr warn;
worker_processes {workers};
worker_rlimit_nofile {files};
events {{
    worker_connections {connections};
    use epoll;
    accept_mutex off;
    multi_accept on;
}}
http {{
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    tcp_nodelay on;
    keepalive_requests {forever};
    server_tokens off;
"""


def nginx_start(name, directory, body, cores, workers, files):
    head = NGINX_HEAD.format(dir=directory, workers=workers, files=files,
                             connections=files * 9 // 10, forever=FOREVER)
    conf = file_write(f"{directory}/nginx.conf", head + body + "}\n")
    return Server(name, [tool_path("nginx", "nginx"), "-p", directory, "-c", conf,
                         "-e", "stderr"], cores, f"{directory}/out")


ORIGIN_BODY = """\
    access_log off;
    keepalive_timeout 1h;
    sendfile on;
    sendfile_max_chunk 256k;
    open_file_cache max=16;
    open_file_cache_valid 1h;
    client_body_buffer_size 128k;
    server {{
        listen 127.0.0.1:{port} backlog=8192 reuseport;
        default_type application/json;
        location / {{ return 200 '{small}'; }}
        location = /json-hangup {{ add_header Connection close; return 200 '{small}'; }}
        location = /10k {{ set $k "{kib}"; return 200 "$k$k$k$k$k$k$k$k$k$k"; }}
        location = /1m {{ root {dir}; }}
        # The mirror is what makes nginx read a request's body to its end before it answers; the
        # static handler then refuses the POST, and that becomes the answer.
        location = /post {{ mirror /nowhere; error_page 405 =200 @post; root {dir}; }}
        location @post {{ return 200 '{small}'; }}
        location = /nowhere {{ internal; return 204; }}
    }}
"""


class Origin:
    """The cheap origin: nginx answering from memory."""

    def __init__(self, rig, name, cores):
        directory = rig.directory(name)
        self.port = port_free()
        with open(f"{directory}/1m", "wb") as f:
            f.write(KIB_10 * (MIB_1_SIZE // len(KIB_10)) + KIB_10[:MIB_1_SIZE % len(KIB_10)])
        file_write(f"{directory}/post", "")
        body = ORIGIN_BODY.format(port=self.port, dir=directory, small=SMALL.decode(),
                                  kib=KIB_10[:1024].decode())
        self.server = nginx_start(name, directory, body, cores, len(cores), rig.files)
        self.server.wait_listening(self.port)


class Contender:
    """What all have in common: a name, a listening port, a server, perhaps a log file."""

    name = ""
    routed = True       # knows routes, services and logs; the limit does not

    def __init__(self, rig, variant, origin_port, cores, label):
        self.rig = rig
        self.variant = variant
        self.origin_port = origin_port
        self.cores = cores
        self.label = label
        self.directory = rig.directory(re.sub(r"\W+", "-", label))
        self.port = port_free()
        self.server = None
        self.log_offset = 0

    def start(self):
        self.server = self.launch()
        try:
            self.server.wait_listening(self.port)
            self.wait_ready()
        except BenchError:
            self.stop()
            raise
        return self

    def launch(self):
        raise NotImplementedError

    def wait_ready(self):
        """Returns when the contender relays; listening is enough for most."""

    def log_path(self):
        return f"{self.directory}/access.log"

    def log_lines(self):
        """Counts the lines that the access log has got since the last call."""
        with open(self.log_path(), "rb") as f:
            f.seek(self.log_offset)
            count = sum(chunk.count(b"\n") for chunk in iter(lambda: f.read(1 << 20), b""))
            self.log_offset = f.tell()
        return count

    def log_cut(self):
        """Empties the access log, which all contenders open for appending."""
        os.truncate(self.log_path(), 0)
        self.log_offset = 0

    def stop(self):
        if self.server:
            self.server.stop()
            self.server = None


class Limit(Contender):
    name = "limit"
    routed = False

    def launch(self):
        argv = [self.rig.built["limit"], str(self.port), str(self.origin_port)]
        return Server(self.label, argv + (["once"] if self.variant.once else []), self.cores,
                      f"{self.directory}/out")


NGINX_BODY = """\
    access_log {log};
    keepalive_timeout 75s;
    client_body_buffer_size 64k;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_buffering off;
    proxy_buffer_size 64k;
    proxy_buffers 8 64k;
{upstreams}
    server {{
        listen 127.0.0.1:{port} reuseport deferred backlog=8192;
        location / {{ proxy_pass http://s0; }}
{locations}
    }}
"""

NGINX_UPSTREAM = ("    upstream s{n} {{ server 127.0.0.1:{port}; keepalive {keep}; "
                  "keepalive_requests {forever}; keepalive_timeout 1h; }}")


class Nginx(Contender):
    name = "nginx"

    def launch(self):
        v = self.variant
        keep = 256 if v.services == 1 else 64
        upstreams = [NGINX_UPSTREAM.format(n=n, port=self.origin_port, keep=keep, forever=FOREVER)
                     for n in range(v.services)]
        locations = [f"        location ^~ /r/{n}/ {{ proxy_pass http://s{n % v.services}; }}"
                     for n in range(v.routes)]
        log = f"{self.log_path()} combined buffer=64k flush=1s" if v.log else "off"
        body = NGINX_BODY.format(log=log, port=self.port, upstreams="\n".join(upstreams),
                                 locations="\n".join(locations))
        return nginx_start(self.label, self.directory, body, self.cores, v.workers, self.rig.files)


HAPROXY_CONF = """\
global
    nbthread {threads}
    maxconn {maxconn}
    tune.bufsize 32768
    tune.maxrewrite 1024
    tune.maxpollevents 200
    tune.maxaccept 200
    tune.pool-low-fd-ratio 90
    tune.pool-high-fd-ratio 95
{log_global}
defaults
    mode http
    option http-keep-alive
    option splice-response
    http-reuse always
    timeout connect 1s
    timeout client 75s
    timeout server 15s
    timeout http-keep-alive 75s
{log_defaults}
frontend in
    bind 127.0.0.1:{port} backlog 8192 defer-accept
{rules}
    default_backend s0

{backends}
"""

HAPROXY_BACKEND = """\
backend s{n}
    server origin 127.0.0.1:{port} pool-max-conn -1 pool-purge-delay 1h
"""


class Haproxy(Contender):
    name = "haproxy"

    def launch(self):
        v = self.variant
        rules = ""
        if v.routes:
            routes = file_write(f"{self.directory}/routes.map",
                                "".join(f"/r/{n}/ s{n % v.services}\n" for n in range(v.routes)))
            rules = f"    use_backend %[path,map_beg({routes},s0)]"
        conf = HAPROXY_CONF.format(
            threads=v.workers, maxconn=self.rig.files * 3 // 8, port=self.port, rules=rules,
            backends="\n".join(HAPROXY_BACKEND.format(n=n, port=self.origin_port)
                               for n in range(v.services)),
            log_global="    log stdout format raw local0 info" if v.log else "",
            log_defaults="    log global\n    option httplog" if v.log else "")
        path = file_write(f"{self.directory}/haproxy.cfg", conf)
        return Server(self.label, [tool_path("haproxy", "haproxy"), "-db", "-f", path],
                      self.cores, self.log_path())


class Gatehouse(Contender):
    name = "gatehouse"

    def launch(self):
        v = self.variant
        self.admin = port_free()
        filters = [{"plugin": "noop"}] * v.filters
        extra = {"filters": filters} if filters else {}
        endpoints = [f"127.0.0.1:{self.origin_port}"]

        def route(path, service):
            return {"path": path, "plugin": "relay", "config": {"service": service}, **extra}

        names = ["origin"] + [f"origin-{n}" for n in range(1, v.services)]
        conf = {
            "listen": [f"127.0.0.1:{self.port}"],
            "admin": f"127.0.0.1:{self.admin}",
            "workers": v.workers,
            "plugin_dir": self.rig.plugin_dir(with_noop=bool(filters)),
            # No routes but those measured: the samples' would ask for a Consul.
            "autoload": False,
            "access_log": self.log_path() if v.log else "off",
            "services": {name: {"endpoints": endpoints} for name in names},
            "routes": [route("/*", "origin")] +
                      [route(f"/r/{n}/{{id}}", names[n % v.services]) for n in range(v.routes)],
        }
        path = file_write(f"{self.directory}/gateway.json", json.dumps(conf, indent=1))
        return Server(self.label, [self.rig.gatehouse] + self.rig.gatehouse_args(path),
                      self.cores, f"{self.directory}/out")

    def wait_ready(self, limit=15.0):
        deadline = time.monotonic() + limit
        last = "no answer"
        while time.monotonic() < deadline:
            connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=2)
            try:
                connection.request("GET", "/readyz")
                last = str(connection.getresponse().status)
                if last == "200":
                    return
            except (OSError, http.client.HTTPException) as e:
                last = str(e)
            finally:
                connection.close()
            time.sleep(0.02)
        raise BenchError(f"{self.label}: /readyz not 200 within {limit:.0f} s ({last}): "
                         f"{self.server.last_words()}")


CONTENDERS = {c.name: c for c in (Gatehouse, Nginx, Haproxy, Limit)}


def plugin_build(source, include, out):
    """Compiles a plugin as its author would: installed headers only, nothing undefined."""
    argv = [tool_path("cc", "gcc"), "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra",
            "-fPIC", "-shared", "-fvisibility=hidden", "-Wl,-z,defs", "-I", include,
            "-o", out, source]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise BenchError(f"{os.path.basename(source)} does not compile: {done.stderr.strip()}")
    os.chmod(out, 0o755)


def program_build(source, out):
    argv = [tool_path("cc", "gcc"), "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra",
            "-Werror", "-o", out, source]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise BenchError(f"{os.path.basename(source)} does not compile: {done.stderr.strip()}")


def plugins_copy(source, target):
    """Copies a folder's plugins; the gateway refuses files that others may write."""
    os.makedirs(target, mode=0o755, exist_ok=True)
    names = sorted(n for n in os.listdir(source) if n.endswith(".so"))
    if "relay.so" not in names:
        raise BenchError(f"no relay.so in {source}: set PLUGIN_DIR to the folder of the plugins")
    for name in names:
        shutil.copy(os.path.join(source, name), os.path.join(target, name))
        os.chmod(os.path.join(target, name), 0o755)
