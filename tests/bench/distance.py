"""Speed of hs at a distance, against curl with TLS 1.3 and the official client.

    ./build.sh bench distance [--quick] [PART...]

The parts are get, expired, upload, fetch, cpu and accounts. All of them take
three minutes. --quick runs each command once, and prints no verdict.

The server is nginx with keep-alive, session tickets, TLS 1.2 and 1.3, and three
certificates as large as those of HubSpot's API. It is in a network namespace of
its own. line.c connects the two namespaces and delays each packet, so a TCP
handshake takes a round trip too. Name resolution is not delayed.

Without the right to create namespaces, a relay on loopback delays what each
connection transfers, but not its handshake. Then there are no verdicts.

Commands run in turn (A B A B ...), with real-time priority if that is allowed. A
ratio is the median of the ratios of all rounds, and the spread is the distance
between their quartiles. If it exceeds 10%, there is no verdict. Exit code 1: a
target is missed, or there is no verdict.
"""
import argparse
import asyncio
import collections
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

from bench import API, CONTACTS, CURL, REPO, Bench, spread_of

sys.path.insert(0, str(REPO / "tests"))
from pki import CA, Pki  # noqa: E402

PARTS = ("get", "expired", "upload", "fetch", "cpu", "accounts")
NEAR, FAR = 25, 100  # round-trip times in ms
HOSTS = ("api.hubapi.com", "cdn.example.com")
SERVER = "192.0.2.2"  # line.c
COUNT, SIZE, WIDE = 200, 4096, 32
PAGE = 20  # HubSpot's default
SLACK = 0.15  # round trips: what a round trip may take beyond its delay
URGENT = ["/usr/bin/chrt", "--rr", "1"]
DISTANT = "/usr/bin/unshare --net --mount".split()

NGINX_BIN = shutil.which("nginx", path="/usr/sbin:/usr/bin")
NGINX = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
    log_format tls '$connection $ssl_session_reused';
    access_log {folder}/access.log tls;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_body_buffer_size 64k;
    default_type application/json;
    keepalive_requests 10000;
    upstream api {{ server unix:{folder}/api; keepalive 64; }}
    server {{
        # Requests with a body come here, so that each is read to its end
        # before it is answered.
        listen unix:{folder}/api;
        access_log off;
        location /localdevauth/ {{ return 200 '{token}'; }}
        location / {{ return 200 '{uploaded}'; }}
    }}
    server {{
        listen {listen} ssl;
        ssl_certificate {chain};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_tickets on;
        ssl_session_cache shared:tls:1m;
        root {folder}/www;
        location = {contacts} {{ try_files /contacts.json =404; }}
        location /hubfs/ {{ default_type application/octet-stream; }}
        location /filemanager/api/v2/files/stat/ {{ try_files /stat.json =404; }}
        location = /filemanager/api/v2/files/ {{
            try_files /files-$arg_offset.json /files-none.json =404;
        }}
        location = /filemanager/api/v2/folders/ {{ try_files /folders.json =404; }}
        location / {{
            proxy_pass http://api;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


# ---- the server


def make_chain(folder):
    """A leaf and an intermediate certificate on P-256, and one on P-384 that an
    RSA root has signed too. Returns the chain, its key, and the CA that clients
    trust."""
    pki = Pki(folder)
    name = "/C=US/O=Test Trust Services LLC/CN="
    ids = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    # What public CAs add, with names as long as theirs.
    public = (
        ids + "certificatePolicies=2.23.140.1.2.1\n"
        "crlDistributionPoints=URI:http://c.example.com/issuer/AbCdEfGhIjK.crl\n"
        "authorityInfoAccess=caIssuers;URI:http://i.example.com/issuer.crt"
    )
    old = pki.make("old", key="rsa:2048", subject=name + "Old Root", ext=CA)
    root = pki.make("root", key="P-384", subject=name + "Root R4", ext=CA + ids, md="sha384")
    cross = pki.make("cross", old, name + "Root R4", share=root, ext=CA + public)
    purpose = "extendedKeyUsage=serverAuth,clientAuth\n"
    middle = pki.make("middle", root, name + "WE1", ext=CA + purpose + public, md="sha384")
    leaf = pki.make(
        "leaf",
        middle,
        "/CN=" + HOSTS[0],
        ext="subjectAltName=" + ",".join(f"DNS:{h}" for h in HOSTS) + "\n"
        "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
        # As large as the signed timestamps of two logs (RFC 6962).
        "1.3.6.1.4.1.11129.2.4.2=DER:0481F0"
        + "5A" * 240
        + "\n"
        + public
        + ",OCSP;URI:http://o.example.com/s/we1/Abc",
    )
    chain = folder / "chain.pem"
    chain.write_text("".join(p.read_text() for p in (leaf, middle, cross)))
    return chain, leaf.with_suffix(".key"), root


def write_site(www):
    """The responses of the API."""
    content = os.urandom(SIZE)
    (www / "hubfs").mkdir(parents=True)
    entries = []
    for n in range(COUNT):
        name = f"file-{n:04}"
        (www / "hubfs" / f"{name}.bin").write_bytes(content)
        entries.append(
            {
                "id": 40000 + n,
                "name": name,
                "extension": "bin",
                "folder_id": 9000,
                "size": SIZE,
                "type": "OTHER",
                "archived": False,
                "hidden": False,
                "updated": 1700000000000,
                "url": f"https://{HOSTS[1]}/hubfs/{name}.bin",
            }
        )

    def page(name, objects, total, offset=0):
        body = {"objects": objects, "total_count": total, "offset": offset, "limit": PAGE}
        (www / f"{name}.json").write_text(json.dumps(body))

    for offset in range(0, COUNT, PAGE):
        page(f"files-{offset}", entries[offset : offset + PAGE], COUNT, offset)
    page("files-none", [], COUNT, COUNT)
    page("folders", [], 0)
    stat = {"folder": {"id": 9000, "name": "assets", "parent_folder_id": None}}
    (www / "stat.json").write_text(json.dumps(stat))
    contacts = [
        {"id": str(n), "properties": {"email": f"person-{n}@example.com"}, "archived": False}
        for n in range(10)
    ]
    (www / "contacts.json").write_text(json.dumps({"results": contacts}))


class Names(threading.Thread):
    """Answers DNS queries in this namespace, and counts them."""

    def __init__(self):
        super().__init__(daemon=True)
        self.count = 0
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 53))
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        while True:
            query, client = self.sock.recvfrom(512)
            self.count += 1
            end = query.index(b"\0", 12) + 5
            name = re.sub(rb"[\0-\x1f]", b".", query[13 : end - 5]).decode("latin-1")
            known = name in HOSTS
            kind = struct.unpack(">H", query[end - 4 : end - 2])[0]
            answer = b""
            if known and kind == 1:
                answer = struct.pack(">HHHIH", 0xC00C, 1, 1, 300, 4) + socket.inet_aton(SERVER)
            flags = 0x8180 if known else 0x8183
            head = query[:2] + struct.pack(">HHHHH", flags, 1, bool(answer), 0, 0)
            self.sock.sendto(head + query[12:end] + answer, client)


class Relay:
    """An HTTP proxy on loopback that delays what it transfers by half a round
    trip in each direction."""

    def __init__(self, port):
        self.target, self.delay = port, 0
        self.ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self.serve()), daemon=True).start()
        self.ready.wait()

    async def serve(self):
        server = await asyncio.start_server(self.accept, "127.0.0.1", 0, backlog=256)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        await server.serve_forever()

    async def accept(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(self.carry(reader, far_writer), self.carry(far_reader, writer))

    async def carry(self, reader, writer):
        """Each piece is due at a time of its own; they stay in order."""
        queue = asyncio.Queue()
        asyncio.create_task(self.send(queue, writer))
        while piece := await reader.read(1 << 16):
            queue.put_nowait((time.monotonic() + self.delay, piece))
        queue.put_nowait((time.monotonic() + self.delay, b""))

    async def send(self, queue, writer):
        with contextlib.suppress(OSError):
            while True:
                due, piece = await queue.get()
                await asyncio.sleep(max(0, due - time.monotonic()))
                if not piece:
                    writer.close()
                    return
                writer.write(piece)


# ---- the bench


class Distance(Bench):
    def __init__(self, tools, folder, options):
        super().__init__(tools, folder)
        self.quick, self.relay = options.quick, None
        self.theirs = options.official and pathlib.Path(options.official)
        self.line = tools / "line"
        self.urgent = (
            URGENT
            if subprocess.call([*URGENT, "/bin/true"], stderr=subprocess.DEVNULL) == 0
            else []
        )
        self.namespaces = options.inside
        self.names = None
        self.chain, self.key, self.ca = make_chain(folder / "certificates")
        write_site(folder / "www")
        self.port = 443 if self.namespaces else free_port()
        self.write_nginx()
        self.header = folder / "header"
        self.header.write_text(f"Authorization: Bearer {self.token}\n")
        self.env.update(SSL_CERT_FILE=str(self.ca), NODE_EXTRA_CA_CERTS=str(self.ca))
        self.env.update(HUBSPOT_CONFIG_PATH=str(self.one), NO_COLOR="1", CI="1")
        if self.namespaces:
            resolv = folder / "resolv.conf"
            resolv.write_text("nameserver 127.0.0.1\n")
            subprocess.run(["mount", "--bind", resolv, "/etc/resolv.conf"], check=True)

    def write_nginx(self):
        token = {
            "hubId": "$arg_portalId",
            "userId": 7001,
            "oauthAccessToken": self.token,
            "expiresAtMillis": int((time.time() + 1800) * 1000),
            "scopeGroups": ["crm.objects.contacts.read", "files"],
            "enabledFeatures": {},
            "encodedOAuthRefreshToken": "x" * 250,
            "hubName": "Acme",
            "accountType": "STANDARD",
        }
        uploaded = {"objects": [{"id": 1, "name": "x", "url": f"https://{HOSTS[1]}/hubfs/x"}]}
        conf = NGINX.format(
            folder=self.folder,
            listen=f"{SERVER if self.namespaces else '127.0.0.1'}:{self.port}",
            chain=self.chain,
            key=self.key,
            contacts=CONTACTS,
            token=json.dumps(token).replace('"$arg_portalId"', "$arg_portalId"),
            uploaded=json.dumps(uploaded),
        )
        (self.folder / "nginx.conf").write_text(conf)

    # ---- a server at a distance

    @contextlib.contextmanager
    def at(self, rtt):
        """The server is `rtt` ms away. Session tickets of before are invalid."""
        nginx = [NGINX_BIN, "-e", "stderr", "-c", self.folder / "nginx.conf"]
        line = [self.line, str(rtt * 500)] if self.namespaces else []
        server = subprocess.Popen([*self.urgent, *line, *nginx], stdin=subprocess.DEVNULL)
        try:
            self.await_server(server)
            if not self.namespaces:
                self.relay = self.relay or Relay(self.port)
                self.relay.delay = rtt / 2000
                self.env["HTTPS_PROXY"] = f"http://127.0.0.1:{self.relay.port}"
            elif not self.names:
                self.names = Names()
            yield
        finally:
            server.kill()
            server.wait()
            (self.folder / "api").unlink(missing_ok=True)

    def await_server(self, server):
        address = (SERVER if self.namespaces else "127.0.0.1", self.port)
        for _ in range(250):
            with contextlib.suppress(OSError):
                socket.create_connection(address, timeout=1).close()
                return
            if server.poll() is not None:
                break
            time.sleep(0.02)
        sys.exit("bench: nginx did not start")

    # ---- commands

    def curl_get(self, *trust):
        trust = trust or ("--cacert", self.ca)
        return [CURL, "-q", "-sS", "-f", *trust, "-H", f"@{self.header}", API + CONTACTS]

    def curl_all(self, name, requests):
        """Two commands in which one curl makes all requests, WIDE at a time. The
        first connection of the first tells it that the server has no HTTP/2. The
        second does not ask."""
        common = f'cacert = "{self.ca}"\nheader = "@{self.header}"\nsilent\nshow-error\nfail\n'
        commands = []
        for more in ("", "http1.1\n"):
            script = self.folder / f"{name}{len(more)}"
            script.write_text("next\n".join(common + more + r for r in requests))
            command = [CURL, "-q", "--parallel", "--parallel-max", str(WIDE), "-K", script]
            commands.append(command)
        return commands

    def runs(self, rounds, *commands):
        return super().runs(1 if self.quick else rounds, *commands)

    def official(self, rounds, *args):
        """The median time of the official client, or None if it is missing."""
        if not self.theirs or self.quick:
            return None
        [rows] = self.runs(rounds, [self.theirs, *args])
        return statistics.median(r[0] for r in rows)

    # ---- the table

    def introduce(self):
        size = sum(len(ssl.PEM_cert_to_DER_cert(c)) for c in split_pem(self.chain.read_text()))
        nginx = first_line(NGINX_BIN, "-v").removeprefix("nginx version: ")
        curl = " ".join(first_line(CURL, "--version").split()[:2])
        print(
            f"{nginx}, HTTP/1.1 with TLS 1.2 and 1.3, three certificates of {size:,} bytes;\n"
            f"hs {first_line(self.hs, '--version')}, {curl}",
            flush=True,
        )

    def heading(self, text, *columns):
        names = columns or ("hs", "curl", "official")
        print(f"\n{text}\n  {'':34}", *(f"{n:>9}" for n in names), end="")
        print(f" {'ratio':>6} {'spread':>7} {'target':>7}", flush=True)

    def line_of(self, what, figures, ratio, spread, target, verdict):
        shown = (
            f"{f:9.{1 if f < 1000 else 0}f}" if f is not None else f"{'-':>9}" for f in figures
        )
        ratio = f"{ratio:5.2f}x" if ratio is not None else f"{'':6}"
        spread = f"{spread:7.0%}" if spread is not None else f"{'-':>7}"
        row = f"  {what:34} {' '.join(shown)} {ratio} {spread} {target:>7}  {verdict}"
        print(row.rstrip(), flush=True)

    def judge(self, what, value, target, spread=0.0):
        if self.quick or not self.namespaces:
            return "no verdict"
        return super().judge(what, value, target, spread)

    def conclude(self):
        if not self.quick and self.namespaces:
            return super().conclude()
        print("\nbench: no verdicts")
        return int(bool(self.missed))  # what hs refused

    def pair(self, what, hs, curl, third=None, target=None):
        """Prints the row of two lists of values, taken in the same rounds."""
        ratios = [a / b for a, b in zip(hs, curl)]
        ratio, spread = statistics.median(ratios), spread_of(ratios)
        shown_spread = spread if len(ratios) > 1 else None
        figures = [statistics.median(hs), statistics.median(curl), third]
        verdict = self.judge(what, ratio, target, spread) if target else ""
        shown = f"{target:.2f}x" if target else "-"
        self.line_of(what, figures, ratio, shown_spread, shown, verdict)

    def trips(self, what, near, far, target=None):
        """Round trips: how much longer a command takes per ms of delay, which
        leaves out the time that it computes."""
        counts = [
            (statistics.median(f) - statistics.median(n)) / (FAR - NEAR) if n and f else None
            for n, f in zip(near, far)
        ]
        verdict = self.judge(what, counts[0], target + SLACK) if target else ""
        self.line_of(what, counts, None, None, str(target or "-"), verdict)

    def notes(self, hs, curl):
        """What else a run of both used."""
        found = [
            f"{who}: {statistics.median(r[1] for r in rows):.0f} ms of CPU, "
            f"{max(r[2] for r in rows) / 1024:.1f} MiB of memory"
            for who, rows in (("hs", hs), ("curl", curl))
        ]
        print(f"    {found[0]}; {found[1]}", flush=True)

    def transfer(self, what, rows, third, target):
        """The rows of hs and the commands of curl_all()."""
        ours, theirs, theirs11 = columns(rows)
        self.pair(what, ours, theirs, third, target)
        self.pair("  curl --http1.1", ours, theirs11)
        self.notes(*rows[:2])

    def count_traffic(self, **commands):
        """Prints how many connections and DNS queries each command makes."""
        log = self.folder / "access.log"
        for who, command in commands.items():
            os.truncate(log, 0)
            before = self.names and self.names.count
            self.check(command)
            lines = {tuple(line.split()) for line in log.read_text().splitlines()}
            resumed = len({number for number, reused in lines if reused == "r"})
            found = f"{len({number for number, _ in lines})} connections, {resumed} resumed"
            if self.names:
                found += f", {self.names.count - before} DNS queries"
            print(f"    {who}: {found}", flush=True)

    # ---- the parts

    def get(self):
        self.heading("get: hs api, one GET (ms)")
        times = {}
        for rtt in (NEAR, FAR):
            with self.at(rtt):
                what = f"GET, RTT {rtt} ms"
                hs, curl = columns(self.runs(20, self.api(CONTACTS), self.curl_get()))
                third = self.official(2, "api", CONTACTS)
                self.pair(what, hs, curl, third, target=0.95)
                times[rtt] = (hs, curl, third and [third])
        self.trips("GET, round trips", times[NEAR], times[FAR], target=3)

    def expired(self):
        self.heading("expired: hs api with an expired token; curl makes the same two requests (ms)")
        old, now = self.write_config("expired.yml", 1, age=86400), self.folder / "now.yml"
        body = json.dumps({"encodedOAuthRefreshToken": "x" * 250})
        common = ["-sS", "-f", "--cacert", self.ca, "-o", "/dev/null"]
        curl = [CURL, "-q", *common, "-H", "Content-Type: application/json", "-d", body]
        curl += [API + "/localdevauth/v1/auth/refresh?portalId=1000001", "--next"]
        curl += [*common, "-H", f"@{self.header}", API + CONTACTS]
        reset = ["/bin/cp", "-p", old, now]
        hs = [self.hs, "api", CONTACTS, "--config", now]
        times = {}
        for rtt in (NEAR, FAR):
            with self.at(rtt):
                _, ours, theirs = columns(self.runs(12, reset, hs, curl))
                self.pair(f"expired, RTT {rtt} ms", ours, theirs)
                times[rtt] = (ours, theirs, None)
        self.trips("expired, round trips", times[NEAR], times[FAR], target=4)

    def upload(self):
        self.heading(f"upload: {COUNT} files of {SIZE // 1024} KiB, {WIDE} at a time (ms)")
        up = self.folder / "up"
        up.mkdir()
        for n in range(COUNT):
            (up / f"file-{n:04}.bin").write_bytes(os.urandom(SIZE))
        curl, curl11 = self.curl_all(
            "send",
            [
                f'url = "{API}/filemanager/api/v3/files/upload?portalId=1000001"\n'
                f'form = "file=@{path}"\nform = "fileName={path.name}"\n'
                r'form-string = "options={\"access\":\"PUBLIC_INDEXABLE\",\"overwrite\":true}"'
                '\nform = "folderPath=up"\noutput = "/dev/null"\n'
                for path in sorted(up.iterdir())
            ],
        )
        args = ["filemanager", "upload", up, "up"]
        hs = [self.hs, *args, "--concurrency", str(WIDE)]
        with self.at(NEAR):
            rows = self.runs(16, hs, curl, curl11)
            self.transfer(f"upload, RTT {NEAR} ms", rows, self.official(1, *args), 1.1)
            self.count_traffic(hs=hs, curl=curl)

    def fetch(self):
        self.heading(
            f"fetch: {COUNT} files of {SIZE // 1024} KiB, {WIDE} at a time, to disk; curl gets no\n"
            "listing, and sync follows it (ms)"
        )
        to, theirs_to = self.folder / "down", self.folder / "assets"
        urls = [
            f'url = "https://{HOSTS[1]}/hubfs/file-{n:04}.bin"\n'
            f'output = "{theirs_to}/file-{n:04}.bin"\ncreate-dirs\n'
            for n in range(COUNT)
        ]
        sync = '"$@" && /bin/sync -f ' + str(theirs_to)
        curl, curl11 = (["/bin/sh", "-c", sync, "sh", *c] for c in self.curl_all("take", urls))
        args = ["filemanager", "fetch", "assets", to, "--overwrite"]
        hs = [self.hs, *args, "--concurrency", str(WIDE)]
        clean, make = ["/bin/rm", "-rf", to, theirs_to], ["/bin/mkdir", to]
        times = {}
        for rtt, rounds in ((NEAR, 10), (FAR, 8)):
            with self.at(rtt):
                rows = self.runs(rounds, clean, make, hs, clean, curl, clean, curl11)
                rows, third = [rows[2], rows[4], rows[6]], None
                self.check(make)
                if rtt == NEAR:
                    third = self.official(1, *args)
                self.transfer(f"fetch, RTT {rtt} ms", rows, third, 1.5)
                times[rtt] = [*columns(rows[:2]), third and [third]]
                if rtt == FAR:
                    self.count_traffic(hs=hs, curl=curl)
            self.check(clean)
        self.trips("fetch, round trips", times[NEAR], times[FAR])

    # ---- trust stores

    def write_stores(self):
        """A bundle and a directory as Debian has them, with one CA more: in the
        directory, each certificate is a file, a link by name and by hash, and
        part of the bundle."""
        source = REPO / "vendor/src/ca-certificates/usr/share/ca-certificates/mozilla"
        store, folder = self.folder / "mozilla", self.folder / "certs"
        store.mkdir()
        folder.mkdir()
        for path in sorted(source.glob("*.crt")):
            shutil.copy(path, store)
        shutil.copy(self.ca, store / "Distance.crt")
        files = sorted(store.iterdir())
        for path in files:
            (folder / f"{path.stem}.pem").symlink_to(path)
        subprocess.run(["openssl", "rehash", folder], check=True, stderr=subprocess.DEVNULL)
        bundle = folder / "ca-certificates.crt"
        bundle.write_text("".join(p.read_text() for p in files))
        return bundle, folder, len(files)

    def counters(self):
        """What the cost of a command can be measured in: (unit, rounds, function).
        The first includes the kernel's share, so it is the one that is judged."""
        event = ["perf", "stat", "-x,", "-e", "instructions"]
        if counts([*event, "true"]):
            yield "million instructions", 5, lambda c: count_perf(self.errors_of([*event, *c]))
        else:
            yield "ms of CPU", 30, lambda c: self.runs(1, c)[0][0][1]
        if shutil.which("valgrind"):
            grind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
            unit = "million instructions without the kernel, valgrind"
            yield unit, 1, lambda c: count_valgrind(self.errors_of([*grind, *c]))

    def errors_of(self, command):
        done = subprocess.run(
            [str(a) for a in command], env=self.env, text=True, capture_output=True
        )
        if done.returncode:
            sys.exit(f"bench: exit code {done.returncode}: {command}\n{done.stderr}")
        return done.stderr

    def cpu(self):
        bundle, folder, count = self.write_stores()
        stores = {
            "one CA": ({"SSL_CERT_FILE": self.ca}, ["--cacert", self.ca], None),
            f"bundle of {count} CAs": ({"SSL_CERT_FILE": bundle}, ["--cacert", bundle], 1.15),
            "SSL_CERT_DIR": ({"SSL_CERT_DIR": folder}, ["--capath", folder], 1.7),
        }
        with self.at(0):
            for number, counter in enumerate(self.counters()):
                self.compare_stores(stores, counter, judged=number == 0)

    def compare_stores(self, stores, counter, judged):
        unit, rounds, cost = counter
        self.heading(f"cpu: one GET without a delay ({unit})", "hs", "one CA", "curl")
        found, curl = collections.defaultdict(list), {}
        for n in range(1 if self.quick else rounds):
            for name, (env, option, _) in stores.items():
                with self.trusting(env):
                    found[name].append(cost(self.api(CONTACTS)))
                    curl[name] = curl.get(name) or cost(self.curl_get(*option))
        for name, (_, _, target) in stores.items():
            self.pair(name, found[name], found["one CA"], curl[name], judged and target)

    @contextlib.contextmanager
    def trusting(self, env):
        before = self.env
        rest = {k: v for k, v in before.items() if not k.startswith(("SSL_", "NODE_"))}
        self.env = {**rest, **{k: str(v) for k, v in env.items()}}
        try:
            yield
        finally:
            self.env = before

    # ---- large configs

    def accounts(self):
        small, large = 2000, 20000
        self.heading(
            "accounts: CPU per account of a config (us)", f"{large:,}", f"{small:,}", "total ms"
        )
        configs = {n: self.write_config(f"{n}.yml", n, parents=True) for n in (large, small)}
        (self.folder / "linked").mkdir()
        with self.at(0):
            for what in ("list", "use", "rename", "remove", "link", "clean"):
                commands = []
                for count, config in configs.items():
                    commands += self.account_commands(what, config, f"account-{count // 3}")
                if self.refused(what, commands[:3]):
                    continue
                rows = self.runs(4 if what == "clean" else 7, *commands)
                per = [[r[1] * 1e3 / n for r in rows[i]] for i, n in ((2, large), (5, small))]
                total = statistics.median(r[0] for r in rows[2])
                self.pair(what, *per, total, target=1.25)

    def account_commands(self, what, config, name):
        """Two commands that restore what the third one changes."""
        now, linked = self.folder / f"now-{config.name}", self.folder / "linked"
        args = {
            "list": ["list"],
            "use": ["use", name],
            "rename": ["rename", name, "renamed"],
            "remove": ["remove", name],
            "link": ["link", "--account", name, "--force"],
            "clean": ["clean", "--force"],
        }
        where = ["/usr/bin/env", "-C", linked, f"HUBSPOT_CONFIG_PATH={now}"]
        return (
            ["/bin/cp", "-p", config, now],
            ["/bin/rm", "-rf", linked / ".hs"],
            [*where, self.hs, "account", *args[what]],
        )

    def refused(self, what, commands):
        """Whether hs refuses to run the command; prints its message."""
        *before, command = commands
        for reset in before:
            self.check(reset)
        done = subprocess.run(
            [str(a) for a in command], env=self.env, text=True, capture_output=True
        )
        if done.returncode == 0:
            return False
        self.missed.append(what)
        print(f"  {what:34} exit code {done.returncode}: {done.stderr.splitlines()[0]}", flush=True)
        return True


def split_pem(text):
    return re.findall("-----BEGIN.*?END CERTIFICATE-----\n", text, re.S)


def first_line(*command):
    done = subprocess.run(
        [str(a) for a in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.stdout.partition("\n")[0]


def columns(rows):
    """The times of each command."""
    return [[r[0] for r in command] for command in rows]


def count_perf(text):
    return int(text.split(",")[0]) / 1e6


def count_valgrind(text):
    """Valgrind prints a count for each process, also for the one that resolves
    the name."""
    return sum(int(n.replace(",", "")) for n in re.findall(r"refs: +([\d,]+)", text)) / 1e6


def counts(command):
    """Whether perf is installed and can count on this machine."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return False
    return done.returncode == 0 and done.stderr.split(",")[0].isdigit()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


# ---- outside of the namespaces


def namespaces(tools):
    """How to run a command in network and mount namespaces, or None."""
    unshare = DISTANT + ([] if os.geteuid() == 0 else ["--map-root-user"])
    test = 'mount --bind /dev/null /etc/resolv.conf && exec "$0" 0 true'
    try:
        done = subprocess.run(
            [*unshare, "/bin/sh", "-c", test, tools / "line"], capture_output=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return unshare if done.returncode == 0 else None


def find_official():
    """The official client, which is installed from npm if that is possible."""
    try:
        import official
    except ImportError:  # without pytest
        return None
    program, why_not = official.install()
    if why_not:
        print(f"bench: without the official client: {why_not}")
    return program


def enter(options):
    """Runs this program again in namespaces; returns only if that is impossible."""
    command = ["/usr/bin/python3", "-B", __file__, *sys.argv[1:]]
    if program := not options.quick and find_official():
        options.official = str(program)
        command += ["--official", program]
    sys.stdout.flush()
    if unshare := namespaces(options.tools):
        os.execv(unshare[0], [str(a) for a in [*unshare, *command, "--inside"]])
    print(
        "bench: cannot create network namespaces with a delay line, so a relay delays the\n"
        "data of each connection. It does not delay the TCP handshake: all times lack a\n"
        "round trip, and there are no verdicts."
    )


def parse():
    parser = argparse.ArgumentParser(prog="./build.sh bench distance")
    parser.add_argument("tools", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("parts", nargs="*", metavar="PART", help=" ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="run each command once")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--official", help=argparse.SUPPRESS)
    options = parser.parse_intermixed_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"unknown part: {' '.join(unknown)} (the parts are {' '.join(PARTS)})")
    return options


def main():
    options = parse()
    if not NGINX_BIN:
        sys.exit("bench: the distance part needs nginx: apt-get install -y nginx")
    if not options.inside:
        enter(options)
    with tempfile.TemporaryDirectory(prefix="hs-bench-") as folder:
        bench = Distance(options.tools, pathlib.Path(folder), options)
        bench.introduce()
        for part in options.parts or PARTS:
            getattr(bench, part)()
    sys.exit(bench.conclude())


if __name__ == "__main__":
    main()
