"""TLS False Start (RFC 7918): the request is sent before the server's Finished
has arrived, but nothing that the server sends is used before it is verified.
tests/unit/false_start.c has the attacks that need the keys of the connection."""
import contextlib
import select
import shutil
import socket
import ssl
import subprocess
import time

import pytest

from calls import api, failed  # noqa: F401 (api: a fixture)
from files import files, place, portal  # noqa: F401 (two are fixtures)
from hubsim import Over, reset

CIPHER_SPEC, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
WAIT = 30  # seconds; nothing takes that long
QUIET = 0.3  # seconds without a record are silence
CLOSE_NOTIFY = b"\x15\x03\x03\x00\x02\x01\x00"
FORGED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n" b'["evil"]'
)


def http_response(body=b"[1]", *lines):
    head = [b"HTTP/1.1 200 OK", b"Content-Type: application/json", *lines]
    return b"\r\n".join([*head, b"Content-Length: %d" % len(body), b"", body])


def record_of(kind, data):
    """A record in clear text."""
    return bytes([kind, 3, 3]) + len(data).to_bytes(2, "big") + data


def records(data):
    """Splits bytes into records, as (kind, record)."""
    found = []
    while data:
        size = 5 + int.from_bytes(data[3:5], "big")
        found.append((data[0], data[:size]))
        data = data[size:]
    return found


def read_record(sock):
    record, size = b"", 5
    while len(record) < size:
        data = sock.recv(size - len(record))
        if not data:
            raise Over
        record += data
        if len(record) == 5:
            size += int.from_bytes(record[3:5], "big")
    return record


class Peer:
    """The server's side of a connection. The test sends its records itself."""

    def __init__(self, sock, context):
        self.sock = sock
        sock.settimeout(WAIT)
        self.input, self.output = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.input, self.output, server_side=True)
        self.hello = b""
        self.seen = []  # the requests' first lines
        self.body = b""  # of the last one
        self.early = False  # did one arrive before the Finished was sent?

    def handshake(self):
        """Runs the handshake, and returns its last records, which are not sent:
        ChangeCipherSpec and Finished; none if the session is resumed."""
        while True:
            try:
                self.tls.do_handshake()
                return self.output.read()
            except ssl.SSLWantReadError:
                self.send(self.output.read())
                record = read_record(self.sock)
                self.hello = self.hello or record
                self.input.write(record)

    def request(self):
        """Reads a request with its body."""
        data = b""
        while True:
            head, end, body = data.partition(b"\r\n\r\n")
            size = 0
            for line in head.split(b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    size = int(line.partition(b":")[2])
            if end and len(body) >= size:
                self.seen.append(head.split(b"\r\n")[0].decode())
                self.body = body
                return
            try:
                data += self.tls.read(65536)
            except ssl.SSLWantReadError:
                self.input.write(read_record(self.sock))

    def encrypted(self, data):
        self.tls.write(data)
        return self.output.read()

    def send(self, data):
        self.sock.sendall(data)

    def is_silent(self):
        return not select.select([self.sock], [], [], QUIET)[0]

    def offers_session(self):
        """Does its ClientHello have a session ID?"""
        return self.hello[5 + 4 + 2 + 32] > 0

    def end(self):
        """Sends close_notify, and waits for the client to close."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        self.send(self.output.read())
        with contextlib.suppress(OSError, Over):
            while self.sock.recv(4096):
                pass


def early(peer):
    """A server that sends its Finished only after it has the request."""
    finished = peer.handshake()
    assert [kind for kind, _ in records(finished)] == [CIPHER_SPEC, HANDSHAKE]
    peer.request()
    peer.early = True
    peer.send(finished)
    peer.send(peer.encrypted(http_response()))
    peer.end()


def late(peer):
    """A server whose client must send nothing before the Finished."""
    finished = peer.handshake()
    assert [kind for kind, _ in records(finished)] == [CIPHER_SPEC, HANDSHAKE]
    assert peer.is_silent()
    peer.send(finished)
    peer.request()
    peer.send(peer.encrypted(http_response()))
    peer.end()


def after_request(act):
    """A server that has the request, and then acts before its Finished."""

    def serve(peer):
        finished = peer.handshake()
        peer.request()
        peer.early = True
        act(peer, finished)
        with contextlib.suppress(OSError, Over):
            while peer.sock.recv(4096):
                pass

    return serve


@pytest.fixture
def meet(sim):
    """meet(f, g) has f(peer) serve the first connection and g(peer) all others.
    Returns the list of peers."""
    wrong = []

    def start(*serves, alpn=("http/1.1",), kind="tls12-only"):
        sim.authority.context(kind)
        context = sim.authority.make_context(kind)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(list(alpn))
        peers = []

        def serve(sock, host, port):
            peer = Peer(sock, context)
            peers.append(peer)
            try:
                serves[min(len(peers), len(serves)) - 1](peer)
            except (AssertionError, ssl.SSLError) as error:
                wrong.append(error)
                raise Over

        sim.serve_tls = serve
        return peers

    yield start
    vars(sim).pop("serve_tls", None)
    assert not wrong


METHODS = {
    "GET": [],
    "DELETE": ["-X", "DELETE"],
    "PUT": ["-X", "PUT", "--data", "{}"],
    "POST": ["--data", "{}"],
    "PATCH": ["-X", "PATCH", "--data", "{}"],
}
REPEATABLE = ("GET", "PUT", "DELETE")
proxies = pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])


def through(sim, scheme):
    port = sim.port_of_proxy if scheme == "http" else sim.port_of_socks
    return {"HTTPS_PROXY": f"{scheme}://127.0.0.1:{port}"}


# ---- when


@pytest.mark.parametrize("method", METHODS)
def test_the_request_is_sent_before_the_finished(meet, api, method):
    peers = meet(early)
    done = api("/a", "--raw", *METHODS[method])
    assert (done.code, done.out) == (0, "[1]"), done.err
    assert [p.seen for p in peers] == [[f"{method} /a HTTP/1.1"]]


@proxies
def test_through_a_proxy(sim, meet, api, scheme):
    peers = meet(early)
    done = api("/a", "--raw", env=through(sim, scheme))
    assert (done.code, done.out) == (0, "[1]"), done.err
    assert len(peers) == 1 and peers[0].early


@pytest.mark.parametrize("kind", ["tls12-only", "rsa", "p384", "intermediate"])
def test_every_kind_of_key(meet, api, kind):
    peers = meet(early, kind=kind)
    assert api("/a").code == 0
    assert peers[0].early


def early_in_the_middle(peer):
    """A server that sends its Finished after the request's first record."""
    finished = peer.handshake()
    record = read_record(peer.sock)
    assert record[0] == DATA
    peer.input.write(record)
    peer.send(finished)
    peer.request()
    peer.early = True
    peer.send(peer.encrypted(http_response()))
    peer.end()


@pytest.mark.parametrize("serve", [early, early_in_the_middle])
@pytest.mark.parametrize("size", [100, 300_000])
def test_a_body_from_a_file(meet, files, hs, size, serve):
    """Its records are sent while the Finished is on its way."""
    place(hs.cwd / "a.bin", b"x" * size)
    peers = meet(serve)
    files("upload", "a.bin", "a.bin", "--max-wait", 5)
    assert len(peers) == 1 and peers[0].early
    assert peers[0].seen[0].startswith("POST /filemanager/")
    assert peers[0].body.count(b"x" * size) == 1


@pytest.mark.parametrize("alpn", [(), ("h2",)])
def test_not_without_alpn(meet, api, alpn):
    peers = meet(late, alpn=alpn)
    done = api("/a", "--raw")
    assert (done.code, done.out) == (0, "[1]"), done.err
    assert len(peers) == 1


def test_not_if_a_client_certificate_is_requested(meet, api, sim):
    """The server may refuse only after the client's part of the handshake."""

    def ask(peer):
        peer.tls.context.load_verify_locations(sim.ca_file)
        peer.tls.context.verify_mode = ssl.CERT_OPTIONAL
        peer.tls = peer.tls.context.wrap_bio(peer.input, peer.output, server_side=True)
        late(peer)

    peers = meet(ask)
    assert api("/a").code == 0
    assert len(peers) == 1


def test_not_if_a_session_is_resumed(meet, api):
    """The server's Finished comes first there. The session is one whose Finished
    was verified."""

    def first(peer):
        finished = peer.handshake()
        peer.request()
        peer.send(finished)
        peer.send(peer.encrypted(b"HTTP/1.1 302 x\r\nLocation: /b\r\nConnection: close\r\n\r\n"))
        peer.end()

    def second(peer):
        assert peer.handshake() == b""
        assert peer.tls.session_reused
        peer.request()
        peer.send(peer.encrypted(http_response()))
        peer.end()

    peers = meet(first, second)
    done = api("/a", "--raw", "--debug")
    assert (done.code, done.out) == (0, "[1]"), done.err
    assert [p.seen for p in peers] == [["GET /a HTTP/1.1"], ["GET /b HTTP/1.1"]]
    assert [p.offers_session() for p in peers] == [False, True]
    assert done.err.count("(TLS False Start)") == 1


# ---- what is not used


def in_clear(peer, finished):
    peer.send(record_of(DATA, FORGED))


def in_clear_in_pieces(peer, finished):
    for at in range(len(FORGED)):
        peer.send(record_of(DATA, FORGED[at : at + 1]))


def in_clear_after_cipher_spec(peer, finished):
    peer.send(records(finished)[0][1] + record_of(DATA, FORGED))


def before_cipher_spec(peer, finished):
    peer.send(peer.encrypted(FORGED) + finished)


def before_finished(peer, finished):
    (_, spec), (_, last) = records(finished)
    peer.send(spec + peer.encrypted(FORGED) + last)


def instead_of_finished(peer, finished):
    peer.send(records(finished)[0][1] + peer.encrypted(FORGED))


def without_cipher_spec(peer, finished):
    peer.send(records(finished)[1][1] + peer.encrypted(FORGED))


def finished_changed(peer, finished):
    peer.send(finished[:-1] + bytes([finished[-1] ^ 1]) + peer.encrypted(FORGED))


def finished_in_clear(peer, finished):
    peer.send(record_of(HANDSHAKE, b"\x14\0\0\x0c" + bytes(12)) + record_of(DATA, FORGED))


def no_finished_at_all(peer, finished):
    peer.send(records(finished)[0][1] + record_of(HANDSHAKE, bytes(40)) + record_of(DATA, FORGED))


FORGERIES = [
    in_clear,
    in_clear_in_pieces,
    in_clear_after_cipher_spec,
    before_cipher_spec,
    before_finished,
    instead_of_finished,
    without_cipher_spec,
    finished_changed,
    finished_in_clear,
    no_finished_at_all,
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("forge", FORGERIES)
def test_a_forged_response_is_an_error(meet, api, forge, method):
    """Nothing of it is used, and the request is not sent again."""
    peers = meet(after_request(forge), early)
    done = api("/a", "--raw", *METHODS[method])
    failed(done, 7, "TLS with api.hubapi.com failed")
    assert done.out == ""
    assert len(peers) == 1
    assert ("may have taken effect" in done.err) == (method == "POST")


def test_an_alert_is_an_error(meet, api):
    peers = meet(after_request(lambda peer, _: peer.send(record_of(ALERT, b"\2\x33"))), early)
    failed(api("/a"), 7, r"alert 51 \(decrypt_error\)")
    assert len(peers) == 1


def test_a_handshake_that_was_changed_on_its_way(sim, meet, api):
    """Only the Finished shows that somebody has changed the ClientHello, here
    the order of the ciphers. The server sees it first."""
    changed = []

    def tamper(peer):
        hello = bytearray(read_record(peer.sock))
        at = 5 + 4 + 2 + 32 + 1 + 2  # after the version, random and session ID
        hello[at : at + 4] = hello[at + 2 : at + 4] + hello[at : at + 2]
        peer.input.write(hello)
        with pytest.raises(ssl.SSLError):
            peer.handshake()
        changed.append(peer)
        peer.send(peer.output.read())
        with contextlib.suppress(OSError, Over):
            while peer.sock.recv(4096):
                pass

    peers = meet(tamper, early)
    failed(api("/a"), 7, r"alert 51 \(decrypt_error\)")
    assert len(peers) == len(changed) == 1


# ---- a connection that ends before the Finished


def close(peer, finished):
    raise Over


def close_by_reset(peer, finished):
    reset(peer.sock)


def close_with_notify(peer, finished):
    peer.send(CLOSE_NOTIFY)


def close_after_cipher_spec(peer, finished):
    peer.send(records(finished)[0][1])
    raise Over


def close_within_finished(peer, finished):
    peer.send(finished[:-1])
    raise Over


ENDS = [close, close_by_reset, close_with_notify, close_after_cipher_spec, close_within_finished]


@pytest.mark.parametrize("method", REPEATABLE)
@pytest.mark.parametrize("end", ENDS)
def test_a_close_is_retried_without_false_start(meet, api, end, method):
    """Once, at once, and as in a first connection: no session is kept from a
    handshake whose Finished was not verified."""
    peers = meet(after_request(end), late)
    done = api("/a", "--raw", *METHODS[method], "--max-wait", 1)
    assert (done.code, done.out) == (0, "[1]"), done.err
    assert [p.seen for p in peers] == 2 * [[f"{method} /a HTTP/1.1"]]
    assert not peers[1].offers_session()


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("end", ENDS)
def test_a_post_is_never_sent_twice(meet, api, end, method):
    peers = meet(after_request(end), early)
    done = api("/a", "--raw", *METHODS[method])
    failed(done, 7, "; the request may have taken effect")
    assert done.out == ""
    assert [p.seen for p in peers] == [[f"{method} /a HTTP/1.1"]]


def test_without_patience_a_request_is_sent_once(meet, api):
    peers = meet(after_request(close), early)
    failed(api("/a", "--max-wait", 0), 7, "closed during the TLS handshake")
    assert [len(p.seen) for p in peers] == [1]


@proxies
def test_a_close_through_a_proxy(sim, meet, api, scheme):
    peers = meet(after_request(close), late)
    done = api("/a", "--raw", env=through(sim, scheme))
    assert (done.code, done.out) == (0, "[1]"), done.err
    assert [len(p.seen) for p in peers] == [1, 1]
    peers = meet(after_request(close), early)
    failed(api("/a", "--data", "{}", env=through(sim, scheme)), 7, "may have taken effect")
    assert [len(p.seen) for p in peers] == [1]


def test_a_post_is_retried_if_nothing_was_sent(meet, api):
    """The connection is closed after the server's hello."""

    def hello_only(peer):
        peer.input.write(read_record(peer.sock))
        with contextlib.suppress(ssl.SSLWantReadError):
            peer.tls.do_handshake()
        peer.send(records(peer.output.read())[0][1])
        raise Over

    peers = meet(hello_only, early)
    assert api("/a", "--data", "{}").code == 0
    assert [len(p.seen) for p in peers] == [0, 1]


# ---- a server that stops


def test_a_server_that_stops_after_its_hello(meet, api, sim):
    def hello_only(peer):
        peer.input.write(read_record(peer.sock))
        with contextlib.suppress(ssl.SSLWantReadError):
            peer.tls.do_handshake()
        peer.send(records(peer.output.read())[0][1])
        assert peer.is_silent()
        with contextlib.suppress(OSError, Over):
            peer.sock.recv(1)

    meet(hello_only)
    done = api("/a", "--max-wait", 1)
    failed(done, 7, "timed out while negotiating TLS")
    assert done.seconds < 9


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("sent", [0, 6, -1])
def test_a_server_that_stops_before_its_finished_ends(meet, api, sent, method):
    """`sent` bytes of ChangeCipherSpec and Finished arrive."""
    peers = meet(after_request(lambda peer, finished: peer.send(finished[:sent])))
    done = api("/a", *METHODS[method], "--max-wait", 1)
    failed(done, 7, "timed out while negotiating TLS")
    assert done.out == ""
    assert done.seconds < 9
    assert method == "GET" or len(peers) == 1


def test_the_limit_of_a_request_begins_after_the_handshake(meet, api):
    """A handshake that needs a second, and a response that needs another one."""

    def slow(peer):
        finished = peer.handshake()
        peer.request()
        for part in (finished, peer.encrypted(http_response())):
            time.sleep(1.2)
            peer.send(part)
        peer.end()

    peers = meet(slow)
    assert api("/a", env={"HTTP_TIMEOUT": "2000"}).code == 0
    assert len(peers) == 1


# ---- real servers


def relay_gated(sock, port, gated):
    """Relays records to a server, but keeps what it sends after the client's
    ChangeCipherSpec until the client has sent data, which is added to `gated`."""
    server = socket.create_connection(("127.0.0.1", port))
    server.settimeout(WAIT)
    kept, gate = b"", False
    with server:
        while True:
            ready, _, _ = select.select([sock, server], [], [], WAIT)
            if sock in ready:
                record = read_record(sock)
                server.sendall(record)
                gate |= record[0] == CIPHER_SPEC
                if gate and record[0] == DATA:
                    gate = False
                    gated.append(True)
            if server in ready:
                data = server.recv(65536)
                kept += data
                if not data and not gate:
                    return
            if kept and not gate:
                sock.sendall(kept)
                kept = b""


@contextlib.contextmanager
def running(command, folder, port):
    """A server's process, from when it listens on."""
    server = subprocess.Popen(
        [str(c) for c in command],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            assert server.poll() is None
            time.sleep(0.05)
        yield
    finally:
        server.terminate()
        server.wait(WAIT)


def openssl(folder, port, pem, key):
    (folder / "a").write_bytes(http_response())
    return [*f"openssl s_server -accept {port} -cert {pem} -key {key}".split()] + [
        *"-tls1_2 -alpn http/1.1 -HTTP -quiet".split()
    ]


def nginx(folder, port, pem, key):
    (folder / "a").write_bytes(b"[1]")
    (folder / "nginx.conf").write_text(
        f"""
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
    access_log off; root {folder};
    client_body_temp_path {folder}/t; proxy_temp_path {folder}/t; fastcgi_temp_path {folder}/t;
    uwsgi_temp_path {folder}/t; scgi_temp_path {folder}/t;
    server {{
        listen 127.0.0.1:{port} ssl; ssl_certificate {pem}; ssl_certificate_key {key};
        default_type application/json;
    }}
}}
"""
    )
    return ["nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr"]


def node(folder, port, pem, key):
    return [
        "node",
        "-e",
        'const fs = require("fs"), [pem, key, port] = process.argv.slice(1);'
        'require("https").createServer({cert: fs.readFileSync(pem), key: fs.readFileSync(key)},'
        '(q, s) => {s.setHeader("Content-Type", "application/json"); s.end("[1]")})'
        '.listen(+port, "127.0.0.1")',
        pem,
        key,
        port,
    ]


def gnutls_serv(folder, port, pem, key):
    (folder / "a").write_bytes(http_response())
    return [
        *f"gnutls-serv --disable-client-cert --http --port {port} --alpn http/1.1".split(),
        *f"--httpdata {folder}/a".split(),
        *f"--x509certfile {pem} --x509keyfile {key}".split(),
    ]


def selfserv(folder, port, pem, key):
    """NSS; its certificates are in a database."""
    commands = [
        ["openssl", "pkcs12", "-export", "-in", pem, "-inkey", key, "-name", "x"]
        + ["-passout", "pass:", "-out", "p12"],
        ["certutil", "-N", "-d", "sql:.", "--empty-password"],
        ["pk12util", "-i", "p12", "-d", "sql:.", "-W", "", "-K", ""],
    ]
    if shutil.which("selfserv"):
        for command in commands:
            subprocess.run(command, cwd=folder, check=True)
    return f"selfserv -d sql:. -e x -Q -p {port} -V tls1.2:tls1.2".split()


SERVERS = [openssl, nginx, node, gnutls_serv, selfserv]


@pytest.mark.parametrize("make", SERVERS, ids=lambda s: s.__name__)
def test_with_real_servers(sim, api, tmp_path, make):
    pem, key = sim.authority.leaf("normal")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = make(tmp_path, port, pem, key)
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    gated = []
    sim.serve_tls = lambda sock, *_: relay_gated(sock, port, gated)
    try:
        with running(command, tmp_path, port):
            # NSS's server repeats the request, with the token
            done = api("/a", "--raw", "--max-wait", 5, check_secrets=make is not selfserv)
            assert done.code == 0, done.err
            assert ("[1]" in done.out) != (make is selfserv)
            assert gated == [True]
    finally:
        del sim.serve_tls
