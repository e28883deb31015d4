"""A file manager for the benchmark of transfers: does next to nothing itself.

    store.py --dir D [--latency S]    writes D/env, says "ready", ends with its stdin

An HTTP proxy on loopback whose CONNECT ends in a TLS server of its own, a thread
a connection. Uploads are read and dropped; the folder "<count>x<size>" lists
that many files of that many bytes. Each answer comes S seconds late. Unlike the
stand-in (../hubsim.py) it keeps nothing, so that a GiB costs it no memory.
"""
import argparse
import json
import os
import pathlib
import re
import signal
import socket
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from hubsim import Authority, recv_head  # noqa: E402

BLOCK = 1 << 20
PAGE = 20
BYTES = memoryview(os.urandom(BLOCK))


class Store:
    def __init__(self, folder, latency):
        authority = Authority(folder / "authority")
        self.context = authority.context("normal")
        self.latency = latency
        self.count = self.size = 0
        listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.env = {
            "HTTPS_PROXY": f"http://127.0.0.1:{listener.getsockname()[1]}",
            "SSL_CERT_FILE": str(authority.root),
        }
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            sock, _ = listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        try:
            recv_head(sock)
            sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with self.context.wrap_socket(sock, server_side=True) as tls:
                buffer = bytearray(BLOCK)
                while self.one(tls, buffer):
                    pass
        except (OSError, ValueError):
            pass
        finally:
            sock.close()

    def one(self, tls, buffer):
        """Serves a request; false where there is none."""
        got = 0
        view = memoryview(buffer)
        while (end := buffer.find(b"\r\n\r\n", 0, got)) < 0:
            n = tls.recv_into(view[got:])
            if not n:
                return False
            got += n
        head = bytes(buffer[:end]).decode("latin-1")
        length = re.search(r"\r\ncontent-length: *(\d+)", head, re.I)
        if re.search(r"\r\nexpect: *100", head, re.I):
            tls.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        left = int(length[1]) if length else 0
        left -= got - end - 4
        while left > 0:
            n = tls.recv_into(view)
            if not n:
                return False
            left -= n
        if self.latency:
            time.sleep(self.latency)
        method, target, _ = head.split(" ", 2)
        self.answer(tls, method, urllib.parse.urlsplit(target))
        return True

    def answer(self, tls, method, url):
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path.startswith("/hubfs/"):
            return self.send_bytes(tls, int(url.path.split("/")[2]))
        if method == "POST":
            body = {"objects": [{"id": 1, "name": "x", "url": "https://cdn.example.com/hubfs/1/x"}]}
        elif url.path.startswith("/filemanager/api/v2/files/stat/"):
            name = url.path.rpartition("/")[2]
            self.count, self.size = map(int, name.split("x"))
            body = {"folder": {"id": 1, "name": name}}
        elif url.path == "/filemanager/api/v2/files/":
            offset = int(query["offset"])
            body = {
                "objects": [self.entry(n) for n in range(offset, min(offset + PAGE, self.count))],
                "total_count": self.count,
                "offset": offset,
                "limit": PAGE,
            }
        else:
            body = {"objects": [], "total_count": 0}
        text = json.dumps(body).encode()
        tls.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(text) + text
        )

    def entry(self, n):
        return {
            "id": n + 1,
            "name": f"file-{n:06}",
            "extension": "bin",
            "size": self.size,
            "archived": False,
            "hidden": False,
            "type": "OTHER",
            "url": f"https://cdn.example.com/hubfs/{self.size}/file-{n:06}.bin",
        }

    def send_bytes(self, tls, size):
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
        if size < BLOCK:
            tls.sendall(head + BYTES[:size])
            return
        tls.sendall(head)
        for at in range(0, size, BLOCK):
            tls.sendall(BYTES[: min(BLOCK, size - at)])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", type=pathlib.Path, required=True)
    parser.add_argument("--latency", type=float, default=0)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    options.dir.mkdir(parents=True, exist_ok=True)
    store = Store(options.dir, options.latency)
    lines = [f"export {name}={value}\n" for name, value in store.env.items()]
    (options.dir / "env").write_text("".join(lines))
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
