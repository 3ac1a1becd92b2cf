# SPDX-License-Identifier: Apache-2.0
"""dns_server -- a small DNS server over UDP and TCP, for what no real one should do.

Used by test_dns.py.
"""
import ipaddress
import socket
import struct
import threading
import time

A, AAAA, SRV, CNAME = 1, 28, 33, 5
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5


def name_bytes(name):
    """A name as it goes over the wire, without pointers."""
    labels = [label.encode() for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def address(ip, ttl=0):
    """A record of an address: (type, ttl, data)."""
    ip = ipaddress.ip_address(ip)
    return (A if ip.version == 4 else AAAA, ttl, ip.packed)


def srv(port, host, priority=1, weight=1, ttl=0):
    """A SRV record: (type, ttl, data)."""
    return (SRV, ttl, struct.pack("!HHH", priority, weight, port) + name_bytes(host))


def record_bytes(name, record):
    kind, ttl, data = record
    return name_bytes(name) + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


class DnsServer:
    """Answers with zone[name], a list of records.

    extra: whether addresses of hosts come along.  mode: "well"; a number, the code that every
    answer has; "silent"; "garbage"; "cut", half of each answer; "closed", connections are ended
    unread.  truncate: over UDP, the flag TC and nothing else.
    asked: (time, transport, name, type).
    """

    def __init__(self):
        self.zone, self.mode, self.extra, self.truncate, self.asked = {}, "well", True, False, []
        self.broken = {}  # (name, type): mode
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for _ in range(50):
            self.tcp.bind(("127.0.0.1", 0))
            self.port = self.tcp.getsockname()[1]
            try:
                self.udp.bind(("127.0.0.1", self.port))
                break
            except OSError:
                self.tcp.close()
                self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.listen(64)
        self.address = "127.0.0.1:%d" % self.port
        for target in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=target, daemon=True).start()

    def close(self):
        """No answer any more, and connections are refused."""
        for sock in (self.udp, self.tcp):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()

    def answer(self, query, transport):
        """The bytes to send back, or None."""
        ident, at, labels = query[:2], 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        question = query[12:at + 5]
        kind = struct.unpack("!H", query[at + 1:at + 3])[0]
        name = ".".join(labels)
        self.asked.append((time.monotonic(), transport, name, kind))
        mode = self.broken.get((name, kind), self.mode)
        if mode == "silent":
            return None
        if mode == "garbage":
            return ident + b"\x84\0" + b"\xff" * 30
        all_records = self.zone.get(name)
        records = [r for r in all_records or [] if r[0] in (kind, CNAME)]
        code = mode if isinstance(mode, int) else NXDOMAIN if all_records is None else NOERROR
        if code != NOERROR:
            records = []
        flags = 0x8580 | code
        if self.truncate and transport == "udp":
            return ident + struct.pack("!HHHHH", flags | 0x200, 1, 0, 0, 0) + question
        body, extra = b"", b""
        for record in records:
            body += record_bytes(name, record)
        count = 0
        if kind == SRV and self.extra:
            for host, its in self.zone.items():
                for r in its:
                    if r[0] in (A, AAAA):
                        extra += record_bytes(host, r)
                        count += 1
        head = struct.pack("!HHHHH", flags, 1, len(records), 0, count)
        out = ident + head + question + body + extra
        return out[:len(out) // 2] if mode == "cut" else out

    def serve_udp(self):
        while True:
            try:
                query, peer = self.udp.recvfrom(65535)
                if not query:
                    return  # shut down
                out = self.answer(query, "udp")
                if out is not None:
                    self.udp.sendto(out, peer)
            except OSError:
                return

    def serve_tcp(self):
        while True:
            try:
                conn, _ = self.tcp.accept()
            except OSError:
                return
            if self.mode == "closed":
                conn.close()
            else:
                threading.Thread(target=self.serve_one, args=(conn,), daemon=True).start()

    def serve_one(self, conn):
        with conn, conn.makefile("rb") as f:
            try:
                while True:
                    head = f.read(2)
                    if len(head) < 2:
                        return
                    out = self.answer(f.read(struct.unpack("!H", head)[0]), "tcp")
                    if out is not None:
                        conn.sendall(struct.pack("!H", len(out)) + out)
            except OSError:
                return
