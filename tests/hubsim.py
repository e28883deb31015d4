"""hubsim: a stand-in for HubSpot's API, for tests and for `./build.sh try`.

The binary under test needs no hook: HTTPS_PROXY points at the proxy that runs
here and SSL_CERT_FILE at the test authority made here, so it speaks real TLS to
`api.hubapi.com` while every byte stays on loopback.

Three listeners on 127.0.0.1 (the TLS one on ::1 too), a thread a connection:

    proxy   an HTTP proxy: CONNECT any.host:port ends in this process's server.
            Also absolute-form requests (plain http), and under /_sim/ control.
    socks   the same by SOCKS5, with names or addresses.
    direct  the TLS server itself, without a proxy.

Use in process:  sim = HubSim(folder); p = sim.portal(101); sim.fail("GET /crm", status=429)
As a program:    hubsim.py --dir D   writes D/env, says "ready", ends with its stdin.
Over HTTP:       curl $HTTPS_PROXY/_sim/portal -d '{"hub_id": 101}'   (POST calls
                 the method of that name with the JSON's members; GET /_sim/log)

Standard library and the openssl command only.
"""
import argparse
import base64
import dataclasses
import datetime
import itertools
import json
import os
import pathlib
import re
import secrets
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid
import warnings

CHUNK = 64 * 1024
MAX_HEAD = 1 << 20
LOOPBACK = ("127.0.0.1", "::1")

# What the ordinary certificates are good for. Names of ours stand beside
# HubSpot's, so that a test can see whether a credential goes astray.
NAMES = [
    "api.hubapi.com",
    "*.hubapi.com",
    "*.hubapiqa.com",
    "*.hubspot.com",
    "*.hubspotqa.com",
    "*.hubspotusercontent.net",
    "example.com",
    "*.example.com",
    "evil.test",
    "*.evil.test",
    "override.com",
    "overrideqa.com",
    "localhost",
]


# ==== Certificates ==========================================================

CA_CONFIG = """\
[ca]
default_ca = d
[d]
new_certs_dir = .
database = index-{name}
default_md = sha256
policy = p
serial = serial-{name}
unique_subject = no
copy_extensions = none
[p]
commonName = supplied
[req]
distinguished_name = dn
[dn]
"""

# kind -> how its leaf certificate differs from the ordinary one
CERTS = {
    "normal": {},
    "rsa": {"key": "rsa:2048"},
    "rsa1024": {"key": "rsa:1024"},
    "p384": {"key": "P-384"},
    "p521": {"key": "P-521"},
    "sha1": {"md": "sha1"},
    "expired": {"days": (-30, -1)},
    "not-yet-valid": {"days": (2, 30)},
    "wrong-host": {"names": ["other.invalid"]},
    "self-signed": {"issuer": None},
    "unknown-issuer": {"issuer": "stranger"},
    "intermediate": {"issuer": "middle"},
    "critical-extension": {"more": "1.2.3.4=critical,DER:0500\n"},
    "missing-intermediate": {"issuer": "middle", "chain": False},
}
# kind -> what the server's TLS context does differently
VERSIONS = {
    "tls10-only": (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1),
    "tls11-only": (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1),
    "tls12-only": (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2),
    "tls13-only": (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3),
}
CIPHERS = {"cbc-only": "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"}
# kinds that never get as far as a handshake, and the one that ends rudely
BROKEN = {"handshake-reset", "handshake-hang", "handshake-close", "garbage", "alert"}
RUDE = "no-close-notify"
TLS_KINDS = {*CERTS, *VERSIONS, *CIPHERS, *BROKEN, RUDE}


class Authority:
    """Test certificates, made by the openssl command when first asked for."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = threading.RLock()
        self.contexts = {}
        self.root = self.issuer("root")

    def openssl(self, *args):
        done = subprocess.run(
            ["openssl", *args], cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True
        )
        if done.returncode:
            raise RuntimeError(f"openssl {' '.join(args)}: " + done.stderr.decode(errors="replace"))

    def key(self, name, kind, subject):
        """A new key and a request for a certificate on it."""
        algorithm = (
            ["-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{kind}"]
            if kind.startswith("P-")
            else ["-newkey", kind]
        )
        return ["req", *algorithm, "-nodes", "-keyout", f"{name}.key", "-subj", f"/CN={subject}"]

    def issuer(self, name):
        """The PEM file of an authority: root, stranger, or middle (a P-384
        one that the root has signed)."""
        pem = self.folder / f"{name}.pem"
        if pem.exists():
            return pem
        (self.folder / f"{name}.cnf").write_text(CA_CONFIG.format(name=name))
        (self.folder / f"index-{name}").touch()
        subject = f"hubsim test authority ({name})"
        if name == "middle":
            self.sign(
                name,
                self.key(name, "P-384", subject),
                "root",
                "basicConstraints=critical,CA:TRUE,pathlen:0\n"
                "keyUsage=critical,keyCertSign,cRLSign\n",
            )
        else:
            self.openssl(
                *self.key(name, "P-256", subject),
                "-x509",
                "-days",
                "30",
                "-out",
                pem.name,
                "-addext",
                "keyUsage=critical,keyCertSign,cRLSign",
            )
        return pem

    def sign(self, name, request, issuer, extensions, days=(-1, 30), md="sha256"):
        (self.folder / f"{name}.ext").write_text(extensions)
        self.openssl(*request, "-out", f"{name}.csr")
        now = datetime.datetime.now(datetime.timezone.utc)
        start, end = ((now + datetime.timedelta(days=d)).strftime("%Y%m%d%H%M%SZ") for d in days)
        self.openssl(
            "ca",
            "-batch",
            "-notext",
            "-config",
            f"{issuer}.cnf",
            "-cert",
            f"{issuer}.pem",
            "-keyfile",
            f"{issuer}.key",
            "-create_serial",
            "-md",
            md,
            "-startdate",
            start,
            "-enddate",
            end,
            "-extfile",
            f"{name}.ext",
            "-in",
            f"{name}.csr",
            "-out",
            f"{name}.pem",
        )

    def leaf(self, kind, key="P-256", names=NAMES, issuer="root", chain=True, more="", **how):
        """The files (chain, key) of a server certificate, made once: what a
        browser was told to trust is what all contexts of the kind serve."""
        pem = self.folder / f"{kind}.pem"
        if pem.exists():
            return pem, self.folder / f"{kind}.key"
        request = self.key(kind, key, names[0])
        alt = ",".join(
            [f"DNS:{n}" for n in names]
            if names is not NAMES
            else [f"DNS:{n}" for n in names] + [f"IP:{a}" for a in LOOPBACK]
        )
        if issuer is None:
            self.openssl(
                *request,
                "-x509",
                "-days",
                "30",
                "-out",
                pem.name,
                "-addext",
                f"subjectAltName={alt}",
            )
        else:
            above = self.issuer(issuer)
            self.sign(kind, request, issuer, f"subjectAltName={alt}\n{more}", **how)
            if issuer == "middle" and chain:
                pem.write_text(pem.read_text() + above.read_text())
        return pem, self.folder / f"{kind}.key"

    def context(self, kind):
        """The server's TLS context for a kind; kept, so sessions resume."""
        with self.lock:
            if kind not in self.contexts:
                self.contexts[kind] = self.make_context(kind)
            return self.contexts[kind]

    def make_context(self, kind):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if kind in VERSIONS:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                low, high = VERSIONS[kind]
                context.minimum_version, context.maximum_version = low, high
        if kind in CIPHERS:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(CIPHERS[kind])
        elif kind in ("tls10-only", "tls11-only", "rsa1024", "sha1"):
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
        cert = kind if kind in CERTS else "normal"
        context.load_cert_chain(*self.leaf(cert, **CERTS[cert]))
        context.set_alpn_protocols(["http/1.1"])
        return context


# ==== State =================================================================


def isotime(seconds):
    when = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03}Z"


def make_key(hub_id):
    """A key shaped like HubSpot's: one line of base64, some 150 characters."""
    seed = b"\n$na1-" + str(hub_id).encode() + b"\x10\xcb" + secrets.token_bytes(100)
    return base64.b64encode(seed).decode()


@dataclasses.dataclass
class Portal:
    """An account as HubSpot knows it, and every credential it has given out."""

    hub_id: int
    name: str
    type: str = "STANDARD"
    scopes: list = dataclasses.field(default_factory=lambda: list(ALL_SCOPES))
    parent: int = None
    state: str = "active"  # active | inactive | gone
    lifetime: float = 1800  # seconds that an access token lives
    key: str = None
    api_key: str = None
    static_token: str = None
    oauth: dict = None  # client_id, client_secret, refresh_token
    rotates: bool = False  # each refresh gives a new refresh token
    replaced: list = dataclasses.field(default_factory=list)  # those before
    secrets: dict = dataclasses.field(default_factory=dict)
    unlisted: set = dataclasses.field(default_factory=set)  # names that its list leaves out
    secrets_page: int = 0  # names on a page of that list; 0: all
    contacts: dict = dataclasses.field(default_factory=dict)
    tokens: dict = dataclasses.field(default_factory=dict)  # token -> expiry
    files: dict = dataclasses.field(default_factory=dict)
    folders: dict = dataclasses.field(default_factory=dict)
    page: int = 20  # entries of a listing's page
    lie: int = 0  # added to the totals of listings
    rate: tuple = None  # (requests, seconds, the seconds that are insisted on)
    calls: list = dataclasses.field(default_factory=list)  # when they came
    sandbox_limits: dict = dataclasses.field(
        default_factory=lambda: {"DEVELOPER": 1, "STANDARD": 1}
    )

    def __post_init__(self):
        self.key = self.key or make_key(self.hub_id)
        self.api_key = self.api_key or str(uuid.uuid4())
        self.static_token = self.static_token or f"pat-na1-{uuid.uuid4()}"
        self.oauth = self.oauth or {
            "client_id": str(uuid.uuid4()),
            "client_secret": str(uuid.uuid4()),
            "refresh_token": secrets.token_urlsafe(40),
        }

    def issue(self):
        """A new access token and when it ends (seconds since 1970)."""
        token = "CJjk" + secrets.token_urlsafe(90)
        self.tokens[token] = time.time() + self.lifetime
        return token, self.tokens[token]

    def add_folder(self, path):
        """The id of a folder of the file manager, made if need be. "" has None."""
        if not path:
            return None
        above, _, name = path.rpartition("/")
        parent = self.add_folder(above)
        for folder in self.folders.values():
            if (folder["parent_folder_id"], folder["name"]) == (parent, name):
                return folder["id"]
        number = max(self.folders, default=8999) + 1
        self.folders[number] = {"id": number, "name": name, "parent_folder_id": parent}
        return number

    def add_file(self, path, data, host="cdn.example.com", **fields):
        """A file of the file manager; fields as the listing shows them."""
        folder, _, name = path.strip("/").rpartition("/")
        stem, dot, extension = name.rpartition(".")
        number = fields.get("id", max(self.files, default=39999) + 1)
        self.files[number] = {
            "id": number,
            "name": stem if dot else name,
            "extension": extension if dot else "",
            "folder_id": self.add_folder(folder),
            "size": len(data),
            "type": "OTHER",
            "archived": False,
            "hidden": False,
            "updated": int(time.time() * 1000),
            "url": f"https://{host}/hubfs/{self.hub_id}/{number}/{urllib.parse.quote(name)}",
            "data": data,
            **fields,
        }
        return self.files[number]

    def limit(self):
        """Count a request: what the rate limit's headers say, and whether it
        is over the limit. Where a machine is busy requests come closer together
        than they were sent: so a shorter time is insisted on than is said."""
        most, span, least = self.rate
        now = time.monotonic()
        self.calls = [t for t in self.calls if t > now - least]
        over = len(self.calls) >= most
        if not over:
            self.calls.append(now)
        return over, [
            ("X-HubSpot-RateLimit-Max", str(most)),
            ("X-HubSpot-RateLimit-Remaining", str(most - len(self.calls))),
            ("X-HubSpot-RateLimit-Interval-Milliseconds", str(int(span * 1000))),
        ]

    def confidential(self):
        yield from (self.key, self.api_key, self.static_token)
        yield from (self.oauth["client_secret"], self.oauth["refresh_token"], *self.replaced)
        yield from self.tokens
        yield from self.secrets.values()


@dataclasses.dataclass
class Request:
    """One request as it came in: a line of the log."""

    host: str
    port: int
    method: str
    target: str
    headers: list
    conn: int
    tls: tuple = None  # (version, cipher, resumed) or None
    body: bytes = b""
    time: float = dataclasses.field(default_factory=time.time)

    def __post_init__(self):
        self.path, _, self.query = self.target.partition("?")

    def header(self, name, default=None):
        values = [v for k, v in self.headers if k.lower() == name.lower()]
        return ", ".join(values) if values else default

    @property
    def params(self):
        """The query, decoded, in order, as pairs."""
        return urllib.parse.parse_qsl(self.query, keep_blank_values=True)

    def param(self, name, default=None):
        return dict(self.params).get(name, default)

    @property
    def json(self):
        return json.loads(self.body)

    def plain(self):
        """As JSON can hold it."""
        fields = dataclasses.asdict(self)
        return {**fields, "body": self.body.decode("latin-1")}


@dataclasses.dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: list = dataclasses.field(default_factory=list)
    framing: str = "length"  # length | chunked | close
    raw: bytes = None  # stands for head and body

    def head_and_body(self, request):
        if self.raw is not None:
            head, gap, body = self.raw.partition(b"\r\n\r\n")
            return head + gap, body
        empty = request.method == "HEAD" or self.status in (204, 304)
        lines = [f"HTTP/1.1 {self.status} {reason(self.status)}"]
        lines += [f"{k}: {v}" for k, v in self.headers]
        body = self.body
        if self.framing == "length" and self.status not in (204, 304):
            lines.append(f"Content-Length: {len(body)}")
        elif self.framing == "chunked" and not empty:
            lines.append("Transfer-Encoding: chunked")
            body = chunked(body)
        elif self.framing == "close":
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), b"" if empty else body

    def ends_connection(self):
        return self.framing == "close" or self.raw is not None


REASONS = {
    200: "OK",
    201: "Created",
    204: "No Content",
    207: "Multi-Status",
    301: "Moved Permanently",
    302: "Found",
    304: "Not Modified",
    307: "Temporary Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    407: "Proxy Authentication Required",
    409: "Conflict",
    415: "Unsupported Media Type",
    423: "Locked",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


def reason(status):
    return REASONS.get(status, "Unnamed")


def chunked(body, size=CHUNK):
    parts = [
        b"%x\r\n%b\r\n" % (len(body[i : i + size]), body[i : i + size])
        for i in range(0, len(body), size)
    ]
    return b"".join(parts) + b"0\r\n\r\n"


def send_json(value, status=200, **headers):
    return Answer(
        status,
        json.dumps(value, default=list).encode(),  # a set of names in a portal
        [
            ("Content-Type", "application/json;charset=utf-8"),
            *((k.replace("_", "-"), v) for k, v in headers.items()),
        ],
    )


def error(status, message=None, category=None, sub=None, **more):
    """HubSpot's error envelope."""
    body = {
        "status": "error",
        "message": message or f"{reason(status)} (hubsim)",
        "correlationId": str(uuid.uuid4()),
    }
    if category:
        body["category"] = category
    if sub:
        body["subCategory"] = sub
    return send_json({**body, **more}, status)


def rate_limited(policy="TEN_SECONDLY_ROLLING"):
    return error(429, "You have reached your limit.", errorType="RATE_LIMIT", policyName=policy)


@dataclasses.dataclass
class Rule:
    """What goes wrong, with which requests, how often.

    match    "GET /path-prefix", "/prefix", "cdn.example.com/prefix" or "*"
    times    how many requests it takes (None: all); `after` lets some by first
    status, headers, body, framing, policy, raw
             another answer instead of the real one (body: bytes, text or JSON)
    at, then where in the answer something happens ("start", "mid-head", "head"
             is after it, "body" is half-way) and what: "reset", "close",
             "hang", a pause in seconds, or a function to call (which may wait
             until other requests are there)
    drip     (bytes, seconds): send so many, wait so long, and so on
    early    answer on the head, without reading the request's body
    hint     bytes to send on the head, before the body is read (a 1xx)
    sip      (bytes, seconds): read so many of the body, wait so long, and so on
    """

    match: str
    times: int = 1
    after: int = 0
    status: int = None
    headers: list = ()
    body: object = None
    framing: str = "length"
    policy: str = "TEN_SECONDLY_ROLLING"
    raw: bytes = None
    at: str = "start"
    then: object = None
    drip: tuple = None
    early: bool = False
    hint: bytes = b""
    sip: tuple = None
    hits: int = 0

    def takes(self, request):
        if not matches(self.match, request) or self.times == 0:
            return False
        if self.after:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        self.hits += 1
        return True

    def answer(self):
        """The answer in place of the real one, or None."""
        if self.raw is not None:
            return Answer(raw=as_bytes(self.raw))
        if self.status is None:
            return None
        extra = list(dict(self.headers).items())
        if self.body is None and self.status not in (204, 304):
            answer = rate_limited(self.policy) if self.status == 429 else error(self.status)
            answer.headers += extra
        else:
            named = {k.lower() for k, _ in extra}
            kind = [] if "content-type" in named else [("Content-Type", "application/json")]
            answer = Answer(self.status, as_bytes(self.body or b""), kind + extra)
        answer.framing = self.framing
        return answer


def as_bytes(value):
    """Bytes as they are, text as Latin-1 where it can be (so that JSON control
    requests can carry any byte), anything else as JSON."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        try:
            return value.encode("latin-1")
        except UnicodeEncodeError:
            return value.encode()
    return json.dumps(value).encode()


def matches(match, request):
    """Whether a request is meant by "[METHOD ][host][/path-prefix]" or "*". A prefix with a "?"
    is one of the path with its query."""
    method, _, where = match.rpartition(" ")
    host, slash, path = where.partition("/")
    return (
        method in ("", request.method)
        and (host in ("", "*") or host == request.host)
        and ((request.target if "?" in path else request.path).startswith(slash + path))
    )


@dataclasses.dataclass
class Proxy:
    """How the proxies behave, and whom they were asked for."""

    auth: tuple = None  # (user, password) that they insist on
    status: int = 200  # any other: CONNECT is answered with it
    then: str = None  # "reset" | "close" | "hang" instead
    raw: bytes = None  # these bytes instead of an answer
    unresolved: set = dataclasses.field(default_factory=set)  # hosts not found
    seen: list = dataclasses.field(default_factory=list)


# ==== The API ===============================================================

ROUTES = []  # (methods, compiled path, scope, function), the first wins
ALL_SCOPES = [
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "cms.functions.read",
    "cms.functions.write",
    "files",
    "sandboxes",
    "account-info.security.read",
]
ANY = ""  # any valid token will do; None as scope: no token at all


def route(methods, path, scope=ANY):
    def keep(function):
        ROUTES.append((methods.split(), re.compile(path + r"\Z"), scope, function))
        return function

    return keep


@route("POST", "/localdevauth/v1/auth/refresh", None)
def refresh(sim, request, _):
    key = request.json.get("encodedOAuthRefreshToken")
    portal = next((p for p in sim.portals.values() if p.key == key), None)
    if portal is None:
        return error(
            401,
            "The personal access key cannot be decoded.",
            "INVALID_AUTHENTICATION",
            "LocalDevAuthErrorType.FAILED_TO_SIGN_REFRESH_TOKEN_DECODE",
        )
    if portal.state == "inactive":
        return error(
            401,
            "The account is not active.",
            "INVALID_AUTHENTICATION",
            "LocalDevAuthErrorType.PORTAL_NOT_ACTIVE",
        )
    if portal.state == "gone":
        return error(
            404,
            "There is no such account.",
            "INVALID_AUTHENTICATION",
            "LocalDevAuthErrorType.INVALID_PORTAL_ID",
        )
    token, expiry = portal.issue()
    return send_json(
        {
            "hubId": portal.hub_id,
            "userId": 7000 + portal.hub_id % 1000,
            "oauthAccessToken": token,
            "expiresAtMillis": int(expiry * 1000),
            "scopeGroups": portal.scopes,
            "enabledFeatures": {},
            "encodedOAuthRefreshToken": key,
            "hubName": portal.name,
            "accountType": portal.type,
        }
    )


@route("POST", "/oauth/(v1|2026-03)/token", None)
def oauth_token(sim, request, *_):
    """Both versions: the official client uses the one that ends in 2027."""
    form = dict(urllib.parse.parse_qsl(request.body.decode()))
    fresh = form.get("grant_type") == "authorization_code"
    secret = "code" if fresh else "refresh_token"
    if fresh and form.get("redirect_uri") != "http://localhost:3000/oauth-callback":
        return oauth_error("BAD_REDIRECT_URI", "redirect_uri differs from the one before")
    for portal in sim.portals.values():
        wanted = {"code": f"code-{portal.hub_id}", **portal.oauth}
        if all(form.get(k) == wanted[k] for k in ("client_id", "client_secret", secret)):
            token, _ = portal.issue()
            if portal.rotates and not fresh:
                portal.replaced.append(portal.oauth["refresh_token"])
                portal.oauth["refresh_token"] = secrets.token_urlsafe(40)
            return send_json(
                {
                    "token_type": "bearer",
                    "access_token": token,
                    "refresh_token": portal.oauth["refresh_token"],
                    "expires_in": int(portal.lifetime),
                }
            )
    return oauth_error(
        "BAD_AUTH_CODE" if fresh else "BAD_REFRESH_TOKEN", f"missing or unknown {secret}"
    )


def oauth_error(code, message, kind="invalid_grant", status=400):
    """The token call's own envelope: its status is a code."""
    return send_json(
        {"error": kind, "error_description": message, "status": code, "message": message}, status
    )


@route("GET", r"/account-info/(v3|20\d\d-\d\d)/details")
def account_details(sim, request, portal, *_):
    return send_json(
        {
            "portalId": portal.hub_id,
            "accountType": portal.type,
            "timeZone": "Europe/Dublin",
            "companyCurrency": "EUR",
            "additionalCurrencies": [],
            "utcOffset": "+00:00",
            "utcOffsetMilliseconds": 0,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        }
    )


@route("GET", "/sandbox-hubs/v1/self")
def sandbox_self(sim, request, portal):
    return send_json(
        {"sandboxHubId": portal.hub_id, "parentHubId": portal.parent, "name": portal.name}
    )


@route("GET", "/integrators/test-portals/v2/self")
def test_portal_self(sim, request, portal):
    return send_json({"testPortalId": portal.hub_id, "parentPortalId": portal.parent})


CONTACTS = r"/crm/(?:v3/objects|20\d\d-\d\d/objects|objects/20\d\d-\d\d)/contacts"


def contact(number, properties):
    stamp = isotime(time.time())
    return {
        "id": str(number),
        "properties": {"createdate": stamp, **properties},
        "createdAt": stamp,
        "updatedAt": stamp,
        "archived": False,
    }


@route("GET", CONTACTS, "crm.objects.contacts.read")
def contacts_list(sim, request, portal):
    limit = int(request.param("limit", "10"))
    if not 1 <= limit <= 100:
        return error(400, "limit must be from 1 to 100", "VALIDATION_ERROR")
    after = int(request.param("after", "0") or 0)
    ids = sorted(i for i in portal.contacts if i > after)
    answer = {"results": [portal.contacts[i] for i in ids[:limit]]}
    if len(ids) > limit:
        cursor = str(ids[limit - 1])
        answer["paging"] = {
            "next": {
                "after": cursor,
                "link": f"https://api.hubapi.com{request.path}?after={cursor}",
            }
        }
    return send_json(answer)


@route("POST", CONTACTS, "crm.objects.contacts.write")
def contacts_add(sim, request, portal):
    properties = request.json.get("properties")
    if not isinstance(properties, dict):
        return error(
            400,
            "Property values were not valid",
            "VALIDATION_ERROR",
            errors=[{"message": "properties is required", "code": "REQUIRED", "in": "properties"}],
        )
    number = max(portal.contacts, default=500) + 1
    portal.contacts[number] = contact(number, properties)
    return send_json(portal.contacts[number], 201)


@route("GET PATCH DELETE", CONTACTS + r"/(\d+)", "crm.objects.contacts.read")
def contacts_one(sim, request, portal, number):
    number = int(number)
    if number not in portal.contacts:
        return error(404, "resource not found", "OBJECT_NOT_FOUND")
    if request.method == "DELETE":
        del portal.contacts[number]
        return Answer(204)
    if request.method == "PATCH":
        portal.contacts[number]["properties"].update(request.json["properties"])
    return send_json(portal.contacts[number])


SECRETS = "/cms/v3/functions/secrets"


@route("GET", SECRETS, "cms.functions.read")
def secrets_list(sim, request, portal):
    names = sorted(set(portal.secrets) - portal.unlisted)
    page = portal.secrets_page or len(names)
    first = int(request.param("after", 0))
    paging = {"paging": {"next": {"after": str(first + page)}}} if first + page < len(names) else {}
    return send_json({"results": names[first : first + page], **paging})


@route("POST PUT", SECRETS, "cms.functions.write")
def secrets_set(sim, request, portal):
    name, value = request.json["key"], request.json["secret"]
    if (name in portal.secrets) != (request.method == "PUT"):
        return (
            error(409, f"secret {name} exists", "CONFLICT")
            if request.method == "POST"
            else error(404, f"no secret {name}", "OBJECT_NOT_FOUND")
        )
    portal.secrets[name] = value
    return send_json({"key": name}, 201 if request.method == "POST" else 200)


@route("DELETE", SECRETS + "/([^/]+)", "cms.functions.write")
def secrets_delete(sim, request, portal, name):
    if portal.secrets.pop(urllib.parse.unquote(name), None) is None:
        return error(404, "no such secret", "OBJECT_NOT_FOUND")
    return Answer(204)


@route("GET", r"/sandbox-hubs/v1/parent/(\d+)/usage", "sandboxes")
def sandbox_usage(sim, request, portal, parent):
    usage = {}
    for kind, limit in portal.sandbox_limits.items():
        used = sum(
            p.parent == portal.hub_id and p.type == SANDBOXES[kind] and p.state == "active"
            for p in sim.portals.values()
        )
        usage[kind] = {"used": used, "available": max(0, limit - used), "limit": limit}
    return send_json({"usage": usage})


SANDBOXES = {"STANDARD": "STANDARD_SANDBOX", "DEVELOPER": "DEVELOPMENT_SANDBOX"}


@route("POST", "/sandbox-hubs/v2/sandboxes", "sandboxes")
def sandbox_create(sim, request, portal):
    wanted = request.json
    made = sim.portal(
        max(sim.portals) + 1, wanted["name"], parent=portal.hub_id, type=SANDBOXES[wanted["type"]]
    )
    return send_json(
        {
            "sandboxHubId": made.hub_id,
            "parentHubId": portal.hub_id,
            "name": made.name,
            "type": wanted["type"],
        }
    )


def sandbox_of(sim, portal, number):
    made = sim.portals.get(int(number))
    return made if made and made.parent == portal.hub_id and made.state == "active" else None


@route("POST", r"/sandbox-hubs/v2/sandboxes/(\d+)/personal-access-key", "sandboxes")
def sandbox_key(sim, request, portal, number):
    made = sandbox_of(sim, portal, number)
    if not made:
        return error(404, "no such sandbox", "OBJECT_NOT_FOUND", "SandboxErrors.SANDBOX_NOT_FOUND")
    return send_json({"personalAccessKey": {"encodedOAuthRefreshToken": made.key}})


@route("DELETE", r"/sandbox-hubs/v1/(\d+)", "sandboxes")
def sandbox_delete(sim, request, portal, number):
    made = sandbox_of(sim, portal, number)
    if not made:
        return error(404, "no such sandbox", "OBJECT_NOT_FOUND", "SandboxErrors.SANDBOX_NOT_FOUND")
    made.state = "gone"
    return Answer(204)


FILES = "/filemanager/api/v2"


def shown(entry):
    return {k: v for k, v in entry.items() if k not in ("data", "signature")}


@route("POST", "/filemanager/api/v3/files/upload", "files")
def file_upload(sim, request, portal):
    parts = multipart(request)
    name, data = parts["fileName"][1].decode(), parts["file"][1]
    options = json.loads(parts["options"][1])
    path = (parts["folderPath"][1].decode().strip("/") + "/" + name).strip("/")
    folder = portal.add_folder(path.rpartition("/")[0])
    for number, old in list(portal.files.items()):
        if (old["folder_id"], full_name(old)) == (folder, name):
            if not options.get("overwrite"):
                return error(409, "the file exists", "CONFLICT")
            del portal.files[number]
    made = portal.add_file(path, data, access=options.get("access"))
    return send_json({"objects": [shown(made)]})


def full_name(entry):
    return entry["name"] + ("." + entry["extension"] if entry["extension"] else "")


def multipart(request):
    """name -> (headers, bytes) of a multipart/form-data body, in order."""
    boundary = re.search(r'boundary="?([^";]+)', request.header("content-type"))[1]
    *parts, end = request.body.split(b"--" + boundary.encode())[1:]
    if not end.startswith(b"--"):
        raise ValueError("the multipart body has no end")
    found = {}
    for part in parts:
        head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(r'[; ]name="([^"]*)"', head.decode())[1]
        found[name] = head.decode(), data.removesuffix(b"\r\n")
    return found


@route("GET", FILES + "/files/stat/(.*)", "files")
def file_stat(sim, request, portal, path):
    *folders, name = urllib.parse.unquote(path).strip("/").split("/")
    parent = None
    for folder in folders:
        parent = next(
            (
                f["id"]
                for f in portal.folders.values()
                if (f["parent_folder_id"], f["name"]) == (parent, folder)
            ),
            -1,
        )
    for entry in portal.files.values():
        if (entry["folder_id"], full_name(entry)) == (parent, name):
            return send_json({"file": shown(entry)})
    for folder in portal.folders.values():
        if (folder["parent_folder_id"], folder["name"]) == (parent, name):
            return send_json({"folder": folder})
    return error(404, "no such file or folder", "OBJECT_NOT_FOUND")


@route("GET", FILES + "/(files|folders)/", "files")
def file_listing(sim, request, portal, what):
    """A page of what is in one folder ("None": the top)."""
    field = "folder_id" if what == "files" else "parent_folder_id"
    wanted = request.param(field)
    found = [
        e
        for e in getattr(portal, what).values()
        if str(e[field]) == wanted and not (request.param("archived") == "0" and e.get("archived"))
    ]
    offset, limit = int(request.param("offset", "0")), portal.page
    return send_json(
        {
            "objects": [shown(e) for e in found[offset : offset + limit]],
            "total_count": len(found) + portal.lie,
            "offset": offset,
            "limit": limit,
        }
    )


@route("GET", r"/files/v3/files/(\d+)/signed-url", "files")
def file_signed_url(sim, request, portal, number):
    """An address at which a private file can be had; an earlier one is void."""
    entry = portal.files.get(int(number))
    if entry is None:
        return error(404, "no such file", "OBJECT_NOT_FOUND")
    entry["signature"] = secrets.token_hex(8)
    return send_json(
        {
            "url": f"{entry['url']}?Expires=1&Signature={entry['signature']}",
            "name": entry["name"],
            "size": entry["size"],
        }
    )


@route("GET HEAD", r"/hubfs/(\d+)/(\d+)/[^/]*", None)
def file_data(sim, request, _, hub_id, number):
    """The bytes, from the CDN. A private file's need the address's signature,
    and nothing else behind it."""
    entry = sim.portals[int(hub_id)].files[int(number)]
    signed = f"Expires=1&Signature={entry.get('signature')}"
    if (entry.get("access") or "").endswith("PRIVATE") and request.query != signed:
        return Answer(
            403, b"<Error><Code>AccessDenied</Code></Error>", [("Content-Type", "application/xml")]
        )
    return Answer(200, entry["data"], [("Content-Type", "application/octet-stream")])


# ---- the website's pages that take part in a sign-in

KEY_PAGE = """<!doctype html><title>Personal access key</title><script>
const query = new URLSearchParams(location.search), heard = [];
const told = %s, key = {type: "client:personalAccessKey", data: {
  personalAccessKey: told.key, cliCallbackToken: told.token || query.get("cliCallbackToken")}};
const socket = new WebSocket("ws://localhost:" + query.get("cliCallbackPort"));
socket.onmessage = event => {
  heard.push(JSON.parse(event.data));
  if (heard.length == 1)
    for (let i = 0; i < told.times; i++) socket.send(JSON.stringify(key));
};
socket.onclose = event => fetch("/test/heard", {method: "POST",
  headers: {"Content-Type": "application/json"}, body: JSON.stringify(
    {origin: location.origin, heard: heard, code: event.code, clean: event.wasClean})});
</script>"""


@route("GET", r"/l/personal-access-key|/personal-access-key/(\d+)", None)
def key_page(sim, request, _, hub_id):
    """Hands the key over to whoever opened the page (`website` of the stand-in
    says how), and notes what it was told."""
    portal = sim.portals[int(hub_id)] if hub_id else next(iter(sim.portals.values()))
    told = {"key": portal.key, "token": None, "times": 1, **sim.website}
    return Answer(
        200, (KEY_PAGE % json.dumps(told)).encode(), [("Content-Type", "text/html; charset=utf-8")]
    )


@route("POST", "/test/heard", None)
def page_heard(sim, request, *_):
    return Answer(204)


@route("GET", r"/oauth/(\d+)/authorize", None)
def consent_page(sim, request, _, hub_id):
    """Consents at once, or does what `website` says."""
    portal = sim.portals[int(hub_id)]
    given = dict(request.params)
    if given["client_id"] != portal.oauth["client_id"] or not given["scope"]:
        return error(400, "no such app")
    answer = {"code": f"code-{hub_id}", "state": given["state"], **sim.website}
    query = urllib.parse.urlencode({k: v for k, v in answer.items() if v is not None})
    return Answer(302, b"", [("Location", given["redirect_uri"] + "?" + query)])


# ---- for tests alone


@route("GET HEAD POST PUT PATCH DELETE", "/test/echo(/.*)?", None)
def echo(sim, request, *_):
    """What arrived; credentials are left out, since the answer is printed."""
    query = re.sub("(hapikey=)[^&]*", r"\1(redacted)", request.query)
    headers = [[k, "(redacted)" if k.lower() == "authorization" else v] for k, v in request.headers]
    return send_json(
        {
            "method": request.method,
            "path": request.path,
            "query": query,
            "headers": headers,
            "body": request.body.decode("utf-8", "backslashreplace"),
        }
    )


@route("GET POST PUT PATCH DELETE", "/test/raw", None)
def raw_answer(sim, *_):
    """The bytes that sim.raw was set to, whole."""
    return Answer(raw=as_bytes(sim.raw))


@route("GET POST PUT PATCH DELETE", "/test/status", None)
def status_answer(sim, request, *_):
    """?code=N: that status with HubSpot's envelope; ?type=html: with a page."""
    code = int(request.param("code", "200"))
    if request.param("type") == "html":
        return Answer(code, b"<html><body>hubsim</body></html>\n", [("Content-Type", "text/html")])
    return Answer(code) if code in (204, 304) else error(code)


@route("GET", "/test/bytes", None)
def bytes_answer(sim, request, *_):
    """?n=N[&framing=chunked|close][&type=json]: that many bytes."""
    count, kind = int(request.param("n", "0")), request.param("type", "text")
    return Answer(
        200,
        filler(count, kind),
        [("Content-Type", {"json": "application/json", "text": "text/plain"}[kind])],
        request.param("framing", "length"),
    )


def filler(count, kind, cache={}):
    """Bytes of a known pattern, kept since a benchmark asks again and again."""
    if (count, kind) not in cache:
        cache.clear()
        if kind == "json":
            record = b'{"id":12345678901234567890,"price":1.0,"name":"contact"},'
            body = b"[" + record * max(0, (count - 4) // len(record))
            cache[count, kind] = body + b'"' + b"x" * (count - len(body) - 3) + b'"]'
        else:
            cache[count, kind] = (b"0123456789abcde\n" * (count // 16 + 1))[:count]
    return cache[count, kind]


# What a body must be: JSON, but for these.
BODIES = {
    oauth_token: "application/x-www-form-urlencoded",
    file_upload: "multipart/form-data",
    echo: "",
    raw_answer: "",
    status_answer: "",
}


# ==== Connections ===========================================================


class Over(Exception):
    """This connection is done with; it is closed as it stands."""


class Stream:
    """A socket with a buffer in front, and the three rude ways to leave it."""

    def __init__(self, sock, ahead=b""):
        self.sock, self.ahead = sock, ahead

    def fill(self):
        data = self.sock.recv(CHUNK)
        if not data:
            raise Over
        self.ahead += data

    def line_block(self):
        """Up to and with the empty line, or None where the peer has left."""
        while (end := self.ahead.find(b"\r\n\r\n")) < 0:
            try:
                self.fill()
            except Over:
                return None
            if len(self.ahead) > MAX_HEAD:
                raise Over
        block, self.ahead = self.ahead[:end], self.ahead[end + 4 :]
        return block

    def line(self):
        while (end := self.ahead.find(b"\r\n")) < 0:
            self.fill()
        line, self.ahead = self.ahead[:end], self.ahead[end + 2 :]
        return line

    def take(self, count):
        parts = [self.ahead[:count]]
        self.ahead = self.ahead[count:]
        left = count - len(parts[0])
        while left:
            data = self.sock.recv(min(left, 1 << 20))
            if not data:
                raise Over
            parts.append(data)
            left -= len(data)
        return b"".join(parts)


def reset(sock):
    """Close with RST, whatever is still unsent or unread."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Over


def recv_exactly(sock, count):
    data = sock.recv(count, socket.MSG_WAITALL)
    if len(data) < count:
        raise Over
    return data


def recv_head(sock):
    """A head read to its last byte and no further: TLS may follow."""
    head = b""
    while True:
        data = sock.recv(CHUNK, socket.MSG_PEEK)
        if not data or len(head) > MAX_HEAD:
            raise Over
        end = (head + data).find(b"\r\n\r\n")
        if end >= 0:
            return head + recv_exactly(sock, end + 4 - len(head))
        head += recv_exactly(sock, len(data))


def parse_head(block):
    """(method, target, headers) of a request's head."""
    first, *rest = block.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = [(k, v.strip(" \t")) for k, _, v in (line.partition(":") for line in rest)]
    return method, target, headers


# ==== The server ============================================================


class HubSim:
    """The stand-in: its state, its log, its faults, its listeners."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.authority = Authority(self.folder / "authority")
        self.authority.context("normal")  # no client waits for it to be made
        self.ca_file = str(self.authority.root)
        self.lock = threading.RLock()
        self.news = threading.Condition(self.lock)
        self.numbers = itertools.count(1)
        self.open = set()
        self.let_go = threading.Event()
        self.spy = None  # called on every new connection
        self.listeners = []
        self.port_of_proxy = self.listen(self.serve_proxy)
        self.port_of_socks = self.listen(self.serve_socks)
        self.port_direct = self.listen(self.serve_direct)
        self.listen(self.serve_direct, "::1", self.port_direct)
        self.deaf = socket.socket()
        self.deaf.bind(("127.0.0.1", 0))
        self.reset()

    # ---- what tests say and ask

    def reset(self):
        """Back to the start: no accounts, faults, log or open connections."""
        with self.lock:
            self.portals, self.rules, self.log = {}, [], []
            self.kinds, self.proxy, self.raw = {}, Proxy(), b""
            self.website = {}  # how its pages differ from the ordinary
            self.let_go.set()  # whoever hangs or waits stops doing so
            self.let_go = threading.Event()
            for sock in list(self.open):
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def portal(self, hub_id=101, name=None, **fields):
        """A new account; see Portal for the fields."""
        portal = Portal(hub_id, name or f"Portal {hub_id}", **fields)
        with self.lock:
            self.portals[hub_id] = portal
        return portal

    def revoke(self, hub_id=None):
        """Every access token of one account, or of all, is worth nothing now.
        (They stay known as confidential.)"""
        with self.lock:
            for portal in self.portals.values():
                if hub_id in (None, portal.hub_id):
                    portal.tokens = dict.fromkeys(portal.tokens, 0)

    def fail(self, match="*", times=1, **how):
        """Let something go wrong: see Rule. The first rule that takes a request wins."""
        rule = Rule(match, times, **how)
        with self.lock:
            self.rules.append(rule)
        return rule

    def tls(self, kind, host="*"):
        """How TLS behaves for a host (direct connections: the address)."""
        if kind not in TLS_KINDS:
            raise ValueError(f"{kind} is none of {sorted(TLS_KINDS)}")
        if kind not in BROKEN:  # made before a client looks at its clock
            self.authority.context(kind)
        self.kinds[host] = kind

    def requests(self, match="*"):
        """The log's requests that match, as in Rule."""
        with self.lock:
            return [r for r in self.log if matches(match, r)]

    def wait(self, match="*", count=1, timeout=60):
        """The log's matching requests, as soon as there are so many."""
        with self.news:
            if not self.news.wait_for(lambda: len(self.requests(match)) >= count, timeout):
                raise TimeoutError(f"no {count} requests {match} in {timeout} s")
            return self.requests(match)

    def confidential(self):
        """Every text that must never be printed."""
        with self.lock:
            return set().union(*(p.confidential() for p in self.portals.values()))

    @property
    def env(self):
        """What makes a client come here."""
        return {
            "HTTPS_PROXY": f"http://127.0.0.1:{self.port_of_proxy}",
            "SSL_CERT_FILE": self.ca_file,
        }

    @property
    def socks(self):
        return f"127.0.0.1:{self.port_of_socks}"

    @property
    def dead_port(self):
        """A port of loopback where nothing listens, nor will: it is kept."""
        return self.deaf.getsockname()[1]

    def close(self):
        self.reset()
        for listener in [*self.listeners, self.deaf]:
            listener.close()

    # ---- listeners

    def listen(self, serve, address="127.0.0.1", port=0):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
        except OSError:
            listener.close()
            if address == "::1":  # a container without IPv6
                return None
            raise
        listener.listen(128)
        self.listeners.append(listener)
        threading.Thread(target=self.accept, args=(listener, serve), daemon=True).start()
        return listener.getsockname()[1]

    def accept(self, listener, serve):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            spy = self.spy  # a test may end, and take it away, meanwhile
            if spy:
                spy()
            threading.Thread(target=self.handle, args=(sock, serve), daemon=True).start()

    def handle(self, sock, serve):
        self.open.add(sock)
        try:
            serve(sock)
        except (Over, OSError, ValueError):
            pass  # the client left, or sent what is no request
        finally:
            self.open.discard(sock)
            sock.close()

    def pause(self, seconds=None):
        """Wait, or for ever: but not past a reset of the stand-in."""
        if self.let_go.wait(seconds):
            raise Over

    # ---- proxies

    def serve_proxy(self, sock):
        head = recv_head(sock)
        method, target, headers = parse_head(head[:-4])
        if method != "CONNECT":
            return self.serve_http(Stream(sock, head), "", 80, None)
        host, _, port = target.rpartition(":")
        host = host.strip("[]")
        given = dict((k.lower(), v) for k, v in headers)
        self.meet(sock, "connect", host, port, given.get("proxy-authorization"))
        status = self.proxy.status
        if self.proxy.auth:
            pair = ":".join(self.proxy.auth).encode()
            if given.get("proxy-authorization") != "Basic " + base64.b64encode(pair).decode():
                status = 407
        if host in self.proxy.unresolved:
            status = 502
        if status != 200:
            challenge = 'Proxy-Authenticate: Basic realm="hubsim"\r\n' if status == 407 else ""
            sock.sendall(
                f"HTTP/1.1 {status} {reason(status)}\r\n{challenge}"
                "Content-Length: 0\r\n\r\n".encode()
            )
            raise Over
        sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.serve_tunnel(sock, host, int(port))

    def serve_socks(self, sock):
        """SOCKS5 as in RFC 1928 and 1929."""
        _, count = recv_exactly(sock, 2)
        methods = recv_exactly(sock, count)
        wanted = 2 if self.proxy.auth else 0
        if wanted not in methods:
            sock.sendall(b"\x05\xff")
            raise Over
        sock.sendall(bytes([5, wanted]))
        credentials = None
        if wanted == 2:
            user = recv_exactly(sock, recv_exactly(sock, 2)[1])
            word = recv_exactly(sock, recv_exactly(sock, 1)[0])
            credentials = (user.decode(), word.decode())
            sock.sendall(b"\x01\x00" if credentials == tuple(self.proxy.auth) else b"\x01\x01")
        _, command, _, kind = recv_exactly(sock, 4)
        if kind == 3:
            host = recv_exactly(sock, recv_exactly(sock, 1)[0]).decode()
        else:
            family, size = {1: (socket.AF_INET, 4), 4: (socket.AF_INET6, 16)}[kind]
            host = socket.inet_ntop(family, recv_exactly(sock, size))
        port = struct.unpack(">H", recv_exactly(sock, 2))[0]
        self.meet(sock, "socks5", host, port, credentials)
        code = 0 if self.proxy.status == 200 else 5
        if host in self.proxy.unresolved:
            code = 4
        sock.sendall(bytes([5, code, 0, 1]) + bytes(6))
        if code or command != 1:
            raise Over
        self.serve_tunnel(sock, host, port)

    def meet(self, sock, kind, host, port, credentials):
        """Note whom a proxy was asked for, and fail here where it should."""
        with self.lock:
            self.proxy.seen.append(
                {"kind": kind, "host": host, "port": int(port), "credentials": credentials}
            )
        if self.proxy.then:
            self.leave(sock, self.proxy.then)
        if self.proxy.raw is not None:
            sock.sendall(as_bytes(self.proxy.raw))
            raise Over

    def serve_tunnel(self, sock, host, port):
        if port == 80:
            self.serve_http(Stream(sock), host, port, None)
        else:
            self.serve_tls(sock, host, port)

    def serve_direct(self, sock):
        self.serve_tls(sock, *sock.getsockname()[:2])

    # ---- TLS

    def serve_tls(self, sock, host, port):
        kind = self.kinds.get(host, self.kinds.get("*", "normal"))
        if kind in BROKEN:
            sock.recv(CHUNK)
            if kind == "alert":
                sock.sendall(b"\x15\x03\x03\x00\x02\x02\x28")  # handshake_failure
            elif kind == "garbage":
                sock.sendall(b"SSH-2.0-this is not TLS\r\n" * 4)
            self.leave(sock, kind.removeprefix("handshake-"))
        tls = self.authority.context(kind).wrap_socket(sock, server_side=True)
        self.open.discard(sock)
        self.open.add(tls)
        try:
            info = (tls.version(), (tls.cipher() or ("",))[0], tls.session_reused)
            self.serve_http(Stream(tls), host, port, info)
            if kind != RUDE:
                tls.settimeout(0)  # send close_notify, wait for none
                tls.unwrap()
        finally:
            self.open.discard(tls)
            tls.close()

    def leave(self, sock, how):
        """End a connection: "reset", "hang" (till the other side gives up, or
        the test is over) or in any other case just close."""
        if how == "reset":
            reset(sock)
        if how == "hang":
            self.pause()
        raise Over

    # ---- HTTP

    def serve_http(self, stream, host, port, tls):
        conn = next(self.numbers)
        log = self.log  # what comes late does not come to the next test
        while (block := stream.line_block()) is not None:
            method, target, headers = parse_head(block)
            if tls is None and not target.startswith("/"):
                url = urllib.parse.urlsplit(target)
                host, port = url.hostname, url.port or 80
                target = urllib.parse.urlunsplit(("", "", url.path or "/", url.query, ""))
            request = Request(host, port, method, target, headers, conn, tls)
            control = tls is None and target.startswith("/_sim/")
            rule = None if control else self.rule_for(request)
            early = rule is not None and rule.early
            if rule is not None and rule.hint:
                stream.sock.sendall(rule.hint)
                self.pause(0.2)  # it is there while the body still comes
            if not early:
                request.body = self.read_body(stream, request, rule and rule.sip)
            if control:
                answer = self.control(request)
            else:
                with self.news:
                    log.append(request)
                    self.news.notify_all()
                    answer = rule and rule.answer() or self.answer(request)
            self.deliver(stream.sock, answer, request, rule)
            if early or answer.ends_connection() or request.header("connection") == "close":
                return

    def read_body(self, stream, request, sip=None):
        if (request.header("expect") or "").lower() == "100-continue":
            stream.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if (request.header("transfer-encoding") or "").lower() == "chunked":
            parts = []
            while size := int(stream.line().split(b";")[0], 16):
                parts.append(stream.take(size))
                stream.line()
            while stream.line():  # trailers
                pass
            return b"".join(parts)
        left = int(request.header("content-length", "0"))
        if not sip:
            return stream.take(left)
        parts = []
        while left:
            parts.append(stream.take(min(left, sip[0])))
            left -= len(parts[-1])
            self.pause(sip[1])
        return b"".join(parts)

    def rule_for(self, request):
        with self.lock:
            return next((r for r in self.rules if r.takes(request)), None)

    def deliver(self, sock, answer, request, rule):
        head, body = answer.head_and_body(request)
        if rule is None:
            if len(body) < CHUNK:
                sock.sendall(head + body)
            else:
                sock.sendall(head)
                self.send(sock, body)
            return
        middle, half = len(head) // 2, len(body) // 2
        for place, piece in (
            ("start", head[:middle]),
            ("mid-head", head[middle:]),
            ("head", body[:half]),
            ("body", body[half:]),
        ):
            if place == rule.at and rule.then is not None:
                if isinstance(rule.then, str):
                    self.leave(sock, rule.then)
                elif callable(rule.then):
                    rule.then()
                else:
                    self.pause(rule.then)
            self.send(sock, piece, rule.drip)

    def send(self, sock, data, drip=None):
        size, seconds = drip or (CHUNK, 0)
        view = memoryview(data)
        for start in range(0, len(data), size):
            sock.sendall(view[start : start + size])
            if seconds:
                self.pause(seconds)

    def answer(self, request):
        """HubSpot's part: find the handler, check the credential, call it."""
        found = [(r, m) for r in ROUTES if (m := r[1].match(request.path))]
        if not found:
            return error(404, "No such endpoint (hubsim)", "OBJECT_NOT_FOUND")
        for (methods, _, scope, function), match in found:
            if request.method in methods:
                break
        else:
            return error(405, "Method not allowed")
        portal = None
        if scope is not None:
            portal, refusal = self.authorise(request, scope)
            if refusal:
                return refusal
        if portal and portal.rate:
            over, headers = portal.limit()
            answer = rate_limited() if over else self.call(function, request, portal, match)
            answer.headers += headers
            return answer
        return self.call(function, request, portal, match)

    def call(self, function, request, portal, match):
        kind = BODIES.get(function, "application/json")
        if request.body and kind not in request.header("content-type", ""):
            return error(415, f"Content-Type must be {kind}")
        try:
            return function(self, request, portal, *match.groups())
        except (ValueError, KeyError, AttributeError) as fault:
            return error(400, f"Invalid input: {fault!r}", "VALIDATION_ERROR")

    def authorise(self, request, scope):
        """(portal, None), or (None, why not)."""
        token = (request.header("authorization") or "").removeprefix("Bearer ")
        key = request.param("hapikey")
        for portal in self.portals.values():
            alive = portal.tokens.get(token, 0) > time.time()
            if alive or token == portal.static_token or key == portal.api_key:
                break
        else:
            return None, error(
                401,
                "Authentication credentials not found, or " "no longer valid",
                "INVALID_AUTHENTICATION",
            )
        if request.param("portalId", str(portal.hub_id)) != str(portal.hub_id):
            return None, error(403, "The token is for another account", "BANNED")
        if scope and scope not in portal.scopes:
            return None, error(
                403,
                "This key lacks a scope",
                "MISSING_SCOPES",
                errors=[
                    {
                        "message": "one or more scopes are needed",
                        "context": {"requiredScopes": [scope]},
                    }
                ],
                context={"missingScopes": [scope]},
            )
        return portal, None

    # ---- control over HTTP

    def control(self, request):
        name = request.path.removeprefix("/_sim/")
        if request.method == "GET":
            return send_json(
                {"log": lambda: [r.plain() for r in self.requests()], "env": lambda: self.env}[
                    name
                ]()
            )
        arguments = json.loads(request.body or b"{}")
        if name == "proxy":
            self.proxy = Proxy(**arguments)
            return send_json({})
        if name == "raw":
            self.raw = arguments["raw"]
            return send_json({})
        if name in ("portal", "fail", "revoke", "tls", "reset"):
            made = getattr(self, name)(**arguments)
            return send_json(dataclasses.asdict(made) if made else {})
        return error(404, f"no control called {name}")


# ==== The program ===========================================================


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dir", required=True, help="folder for certificates and env")
    folder = pathlib.Path(parser.parse_args().dir)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    sim = HubSim(folder)
    lines = [f"export {name}={value}\n" for name, value in sim.env.items()]
    (folder / "env").write_text("".join(lines))
    print("ready", flush=True)
    sys.stdin.read()
    sim.close()


if __name__ == "__main__":
    main()
