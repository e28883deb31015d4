"""Speed, size and memory of hs against its targets, as ratios of one run.

    tests/bench/run.sh [NAME...]    only the parts named: start list get size big
                               official files stream distance

Each comparison runs its commands in turn (A B A B ...) and takes medians, so
that what else the machine does falls on all alike. Times of a run end when the
process is reaped; CPU is user and system time; memory is the peak resident
set. curl asks the stand-in (tests/hubsim.py, in a process of its own) for the
same thing as hs: same proxy, same CA file, same token. If the ratios vary by more
than 10%, there is no verdict. Exit 1: a target is missed, or there is no verdict.
"""
import base64
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

REPO = pathlib.Path(__file__).resolve().parent.parent.parent
MIB = 1 << 20
API = "https://api.hubapi.com"
CONTACTS = "/crm/v3/objects/contacts"
CURL = shutil.which("curl", path="/usr/bin:/bin:/usr/local/bin")
HUBSPOT = ("HUBSPOT_", "HUBAPI_", "USE_ENVIRONMENT_")
BIG = 200 * MIB
NOISE = 0.10  # more than this, and there is no verdict

ACCOUNT = """\
  - name: {name}
    accountId: {id}
    env: prod
    authType: personalaccesskey
    accountType: STANDARD
    auth:
      tokenInfo:
        accessToken: >-
          {token}
        expiresAt: '{expires}'
    personalAccessKey: >-
      {key}
{more}"""


class Bench:
    def __init__(self, tools, folder):
        self.folder = folder
        self.tools, self.urgent = tools, []
        self.hs = self.install(pathlib.Path(os.environ["HS_BIN"]))
        self.noop, self.spawn = self.install(tools / "noop"), tools / "spawn"
        self.missed, self.noisy = [], []
        self.servers = []
        self.env = {"HOME": str(folder), "PATH": os.environ.get("PATH", "/usr/bin:/bin")}
        random.seed(1)  # the same text in every run
        self.token = text(300)
        self.one = self.write_config("one.yml", 1)
        self.hundred = self.write_config("hundred.yml", 100)

    def install(self, program):
        """A copy in one piece, as an installed program is. What the linker has
        written here and there lies in small pieces in the page cache too, and
        takes a tenth longer to start."""
        copy = self.folder / program.name
        copy.write_bytes(program.read_bytes())
        copy.chmod(0o755)
        return copy

    def write_config(self, name, count, age=-86400, parents=False):
        """A config as the official client writes it. The tokens expired `age`
        seconds ago. The first account is that of the simulated API. With
        `parents`, each account of the second half has one in the first half."""
        expires = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - age))
        path = self.folder / name
        path.write_text(
            "defaultAccount: 1000001\nallowUsageTracking: false\naccounts:\n"
            + "".join(
                ACCOUNT.format(
                    name=f"account-{i}",
                    id=1000000 + i,
                    key=text(250),
                    token=self.token if i == 1 else text(300),
                    expires=expires,
                    more=f"    parentAccountId: {1000000 + count - i + 1}\n"
                    if parents and i > count // 2
                    else "",
                )
                for i in range(1, count + 1)
            )
        )
        path.chmod(0o600)
        # as if written long ago: hs looks twice at a file that was written just now
        os.utime(path, (then := time.time() - 3600, then))
        return path

    # ---- the stand-in

    def spawn_server(self, program, name, *args):
        """Starts a server of ours; what makes a client come to it."""
        server = subprocess.Popen(
            [
                "/usr/bin/python3",
                "-B",
                REPO / "tests" / program,
                "--dir",
                self.folder / name,
                *args,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.servers.append(server)
        if server.stdout.readline() != "ready\n":
            sys.exit(f"bench: {program} did not start")
        lines = (self.folder / name / "env").read_text().splitlines()
        return server, dict(line.removeprefix("export ").split("=", 1) for line in lines)

    def start_sim(self):
        (self.folder / "sim").mkdir()
        _, env = self.spawn_server("hubsim.py", "sim")
        self.env.update(env)
        self.proxy, self.ca = self.env["HTTPS_PROXY"], self.env["SSL_CERT_FILE"]
        self.control(
            "portal", hub_id=1000001, name="Acme", tokens={self.token: time.time() + 86400}
        )
        self.bundle = self.folder / "bundle.pem"
        mozilla = REPO / "vendor/src/ca-certificates/usr/share/ca-certificates/mozilla"
        certificates = sorted(mozilla.glob("*.crt"))
        self.bundle.write_text(
            "".join(c.read_text() for c in certificates) + pathlib.Path(self.ca).read_text()
        )
        self.bundled = len(certificates) + 1
        self.header = self.folder / "header"
        self.header.write_text(f"Authorization: Bearer {self.token}\n")
        for name in ("ada", "grace", "edsger"):
            self.check(
                self.api(
                    CONTACTS, "--data", json.dumps({"properties": {"email": f"{name}@example.com"}})
                )
            )

    def control(self, what, **arguments):
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        direct.open(f"{self.proxy}/_sim/{what}", json.dumps(arguments).encode()).read()

    # ---- commands

    def api(self, *args):
        return [self.hs, "api", *args, "--config", self.one]

    def curl(self, path, *args):
        return [
            CURL,
            "-q",
            "-sS",
            "-f",
            "--cacert",
            self.env["SSL_CERT_FILE"],
            "-x",
            self.proxy,
            "-H",
            f"@{self.header}",
            *args,
            API + path,
        ]

    def check(self, command):
        subprocess.run(
            [str(a) for a in command],
            env=self.env,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def runs(self, rounds, *commands):
        """For each command, its runs in order: (wall ms, CPU ms, peak KiB)."""
        line = [*self.urgent, self.spawn, rounds]
        for number, command in enumerate(commands):
            line += ["::", *command] if number else command
        done = subprocess.run(
            [str(a) for a in line], env=self.env, text=True, stdout=subprocess.PIPE
        )
        runs = [[int(n) for n in row.split()] for row in done.stdout.splitlines()]
        if done.returncode:
            sys.exit("bench: a command could not be run")
        for number, _, _, _, code in runs:
            if code:
                sys.exit(f"bench: exit code {code}: {' '.join(map(str, commands[number]))}")
        return [
            [(r[1] / 1e6, r[2] / 1e3, r[3]) for r in runs if r[0] == i]
            for i in range(len(commands))
        ]

    def measure(self, rounds, *commands, middle=statistics.median):
        """For each command: median wall ms, median CPU ms, most KiB, and its runs."""
        return [
            (middle(r[0] for r in rs), middle(r[1] for r in rs), max(r[2] for r in rs), rs)
            for rs in self.runs(rounds, *commands)
        ]

    # ---- the table

    def conclude(self):
        """Prints what the bench has found; returns the exit code."""
        for what, names in (("missed", self.missed), ("too noisy to judge", self.noisy)):
            if names:
                print(f"\nbench: {what}: " + "; ".join(names))
        if not self.missed and not self.noisy:
            print("\nbench: every target is met")
        return int(bool(self.missed or self.noisy))

    def head(self, text):
        print(f"\n{text}")
        print(f"  {'':46} {'hs':>9} {'other':>9} {'ratio':>7}  {'target':>7}")

    def judge(self, what, value, target, spread=0.0):
        if spread > NOISE:
            self.noisy.append(what)
            return f"no verdict: noise above {NOISE:.0%}"
        if value <= target:
            return "met"
        self.missed.append(what)
        return "MISSED"

    def row(self, what, hs, other, unit, target=None, spread=0.0):
        ratio = hs / other
        verdict = self.judge(what, ratio, target, spread) if target else ""
        shown = f"{ratio:.2f}x" if ratio > 0.01 else f"1/{other / hs:.0f}"
        print(
            f"  {what:46} {hs:9.3f} {other:9.3f} {shown:>7}  "
            + (f"{target:6.2f}x  {verdict}" if target else "      -")
            + ("" if unit == "ms" else f"  ({unit})"),
            flush=True,
        )

    def limit(self, what, value, most, unit):
        verdict = self.judge(what, value, most)
        print(
            f"  {what:46} {value:9.0f} {'':9} {'':7}  {most:7}  {verdict}  ({unit})",
            flush=True,
        )

    def compare(self, what, hs, other, wall=None, cpu=None):
        for i, kind, target in ((0, "wall", wall), (1, "CPU", cpu)):
            spread = spread_of([a[i] / b[i] for a, b in zip(hs[3], other[3]) if b[i]])
            self.row(f"{what}, {kind}", hs[i], other[i], "ms", target, spread)

    # ---- the parts

    def start(self):
        self.head("start: against a static program that does nothing")
        noop, version = self.measure(1000, [self.noop], [self.hs, "--version"])
        self.compare("hs --version", version, noop, wall=1.5)

    def list(self):
        self.head("list: 100 accounts, keys of 250 and tokens of 300 characters")
        noop, listing = self.measure(
            500, [self.noop], [self.hs, "account", "list", "--config", self.hundred]
        )
        self.compare("hs account list", listing, noop, wall=3)

    def get(self):
        self.head("get: hs api GET against curl, same request, token, CA file and proxy")
        for what, path in (("one CA", self.ca), (f"{self.bundled} CAs", self.bundle)):
            self.env["SSL_CERT_FILE"] = str(path)
            hs, curl, curl12 = self.measure(
                100,
                self.api(CONTACTS),
                self.curl(CONTACTS),
                self.curl(CONTACTS, "--tls-max", "1.2"),
            )
            self.compare(f"GET, {what}", hs, curl, wall=1, cpu=0.5)
            self.compare(f"GET, {what}, curl --tls-max 1.2", hs, curl12)
        self.env["SSL_CERT_FILE"] = self.ca

    def size(self):
        self.head("size")
        self.limit("build/hs", os.stat(self.hs).st_size / 1024, 700, "KiB")

    def big(self):
        self.head(f"big: hs api with an answer of {BIG // MIB} MiB")
        for kind in ("json", "text"):
            path = f"/test/bytes?n={BIG}&type={kind}"
            self.check(self.curl(path))  # the stand-in keeps what it made
            hs, curl = self.measure(5, self.api(path), self.curl(path))
            self.limit(f"{kind}, peak memory", hs[2], 4096, "KiB")
            self.compare(f"{kind}, against curl", hs, curl)
            self.row(
                f"{kind}, throughput", BIG / MIB / hs[0] * 1e3, BIG / MIB / curl[0] * 1e3, "MiB/s"
            )

    def find_official(self):
        homes = [
            pathlib.Path("/tmp/official"),
            *(pathlib.Path.home() / ".cache" / "hs-tests").glob("hubspot-cli-*"),
        ]
        found = [h / "node_modules/.bin/hs" for h in homes if (h / "node_modules/.bin/hs").exists()]
        if not found or not shutil.which("node"):
            print("\nThe official client is not at hand: it is left out")
            return None
        return found[0]

    def official(self):
        theirs_at = self.find_official()
        if not theirs_at:
            return
        self.head("official: against HubSpot's own client (Node.js); no target")
        self.env["HUBSPOT_CONFIG_PATH"] = str(self.hundred)
        for args in (["--version"], ["account", "list"]):
            ours, theirs = self.measure(3, [self.hs, *args], [theirs_at, *args])
            self.compare("hs " + " ".join(args), ours, theirs)
            self.row(
                "hs " + " ".join(args) + ", peak memory", ours[2] / 1024, theirs[2] / 1024, "MiB"
            )
        del self.env["HUBSPOT_CONFIG_PATH"]

    def distance(self):
        if run_distance(self.tools):
            self.missed.append("distance")

    # ---- files up and down

    def with_store(self, latency, folder, run):
        """Runs a part against a file manager of its own."""
        before = dict(self.env)
        server, env = self.spawn_server(
            "bench/store.py", f"store-{latency}", "--latency", str(latency)
        )
        self.env.update(
            env, HUBSPOT_CONFIG_PATH=str(self.one), NODE_EXTRA_CA_CERTS=env["SSL_CERT_FILE"]
        )
        folder.mkdir()
        try:
            run(folder)
        finally:
            self.env = before
            server.kill()
            shutil.rmtree(folder)

    def curl_many(self, script, requests):
        """One curl that makes these requests, eight at a time."""
        common = (
            f'cacert = "{self.env["SSL_CERT_FILE"]}"\nproxy = "{self.env["HTTPS_PROXY"]}"\n'
            f'header = "@{self.header}"\nsilent\nshow-error\nfail\n'
        )
        script.write_text("next\n".join(common + r for r in requests))
        return [CURL, "-q", "--parallel", "--parallel-max", "8", "-K", script]

    def curl_upload(self, path, more=""):
        return (
            f'url = "{API}/filemanager/api/v3/files/upload?portalId=1000001"\n'
            f'form = "file=@{path}"\nform = "fileName={path.name}"\n'
            r'form-string = "options={\"access\":\"PUBLIC_INDEXABLE\",\"overwrite\":true}"'
            f'\nform = "folderPath=up"\noutput = "/dev/null"\n{more}'
        )

    def curl_download(self, size, name, to):
        return f'url = "https://cdn.example.com/hubfs/{size}/{name}"\noutput = "{to / name}"\n'

    def files(self):
        """1,000 files of 4 KiB, each answer 50 ms late. What curl asks for is the
        same: the listing's pages too, and it need not wait for them."""
        self.head("files: 1,000 files of 4 KiB at 50 ms of latency")
        self.with_store(0.05, self.folder / "many", self.run_files)

    def run_files(self, folder):
        count, size = 1000, 4096
        up, down = folder / "up", folder / f"{count}x{size}"
        up.mkdir()
        down.mkdir()
        for n in range(count):
            (up / f"file-{n:06}.bin").write_bytes(os.urandom(size))
        pages = [
            f'url = "{API}/filemanager/api/v2/files/?hidden=0&offset={n}&folder_id=1&archived=0"\n'
            'output = "/dev/null"\n'
            for n in range(0, count + 60, 20)
        ]
        send = self.curl_many(folder / "send", [self.curl_upload(p) for p in sorted(up.iterdir())])
        take = self.curl_many(
            folder / "take",
            pages + [self.curl_download(size, f"file-{n:06}.bin", down) for n in range(count)],
        )
        ours_up = ["filemanager", "upload", up, "up"]
        ours_down = ["filemanager", "fetch", f"{count}x{size}", folder, "--overwrite"]
        self.check([self.hs, *ours_down])
        for what, args, theirs in (("up", ours_up, send), ("down", ours_down, take)):
            mine, curl = self.measure(3, [self.hs, *args], theirs)
            self.compare(f"{what}, against curl --parallel", mine, curl, wall=1.0)
            self.limit(f"{what}, peak memory", mine[2], 6144, "KiB")
            self.run_official(args, what, mine[0])

    def run_official(self, args, what, ours):
        """The official client goes one by one: some minute for each way, once."""
        program = self.find_official()
        if program:
            [theirs] = self.measure(1, [program, *args])
            self.row(f"{what}, against the official client", ours, theirs[0], "ms", 1 / 7)

    def stream(self):
        """One file of a GiB, to and from memory (/dev/shm), so that no disk is
        measured. The best of seven: where a virtual machine's memory is given
        to it anew, that alone can take longer than the transfer."""
        self.head("stream: one file of 1 GiB")
        shared = pathlib.Path("/dev/shm")
        free = shared.is_dir() and os.access(shared, os.W_OK) and shutil.disk_usage(shared).free
        place = shared if free and free > 3 << 30 else self.folder
        with tempfile.TemporaryDirectory(prefix="hs-bench-", dir=place) as folder:
            self.with_store(0, pathlib.Path(folder) / "one", self.run_stream)

    def run_stream(self, folder):
        size = 1 << 30
        big, to = folder / "big.bin", folder / f"1x{size}"
        to.mkdir()
        with open(big, "wb") as f:
            block = os.urandom(MIB)
            for _ in range(size // MIB):
                f.write(block)
        hs = [self.hs, "filemanager"]
        pairs = (
            ("up", [*hs, "upload", big, "up/big.bin"], self.curl_upload(big)),
            (
                "down",
                [*hs, "fetch", f"1x{size}", folder],
                self.curl_download(size, "file-000000.bin", to),
            ),
        )
        for what, ours, request in pairs:
            theirs = self.curl_many(folder / what, [request])
            older = self.curl_many(folder / f"{what}-12", [request + "tls-max = 1.2\n"])
            # All write a new file: to free the pages of an old one takes time.
            anew = ["/bin/sh", "-c", f'rm -f {to}/*; exec "$@"', "sh"]
            mine, curl, curl12 = self.measure(
                7, *([*anew, *command] for command in (ours, theirs, older)), middle=min
            )
            self.row(f"{what}, wall", mine[0], curl[0], "ms", 1 / 0.95)
            self.row(f"{what}, wall, curl --tls-max 1.2", mine[0], curl12[0], "ms")
            self.row(f"{what}, CPU", mine[1], curl[1], "ms")
            self.limit(f"{what}, peak memory", mine[2], 6144, "KiB")
            print(
                f"  {what + ', throughput':46} {size / MIB / mine[0] * 1e3:9.0f} "
                f"{size / MIB / curl[0] * 1e3:9.0f} {'':18} (MiB/s)"
            )


def spread_of(ratios):
    """The noise of a comparison: the distance between the quartiles of the ratios,
    relative to their median. Many rounds are summarised as ten first, because
    the noise of the result decreases with their number."""
    size = max(1, len(ratios) // 10)
    groups = [statistics.median(ratios[i : i + size]) for i in range(0, len(ratios), size)]
    if len(groups) < 2:
        return 0.0
    low, middle, high = statistics.quantiles(groups, n=4)
    return (high - low) / middle


def run_distance(*args):
    return subprocess.run(
        ["/usr/bin/python3", "-B", REPO / "tests/bench/distance.py", *args]
    ).returncode


def text(length):
    return base64.urlsafe_b64encode(random.randbytes(length)).decode()[:length]


def main():
    tools, *names = sys.argv[1:]
    if names[:1] == ["distance"]:
        sys.exit(run_distance(tools, *names[1:]))
    parts = ("start", "list", "get", "size", "big", "official", "files", "stream", "distance")
    if unknown := set(names) - set(parts):
        sys.exit(f"bench: no such part: {' '.join(unknown)} (there are: {' '.join(parts)})")
    if CURL is None:
        sys.exit("bench: needs curl: apt-get install -y curl")
    with tempfile.TemporaryDirectory(prefix="hs-bench-") as folder:
        bench = Bench(pathlib.Path(tools), pathlib.Path(folder))
        try:
            bench.start_sim()
            for name in names or parts:
                getattr(bench, name)()
        finally:
            for server in bench.servers:
                server.kill()
                server.wait()
    sys.exit(bench.conclude())


if __name__ == "__main__":
    main()
