"""Speed, size and memory of hs against its targets, as ratios of one run.

    tests/bench/run.sh [NAME...]    only the parts named: start list get size big official

Each comparison runs its commands in turn (A B A B ...) and takes medians, so
that what else the machine does falls on all alike. Times of a run end when the
process is reaped; CPU is user and system time; memory is the peak resident
set. curl asks the stand-in (tests/hubsim.py, in a process of its own) for the
same thing as hs: same proxy, same CA file, same token. Exit 1: a target is missed.
"""
import json
import os
import pathlib
import random
import shutil
import statistics
import string
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
"""


class Bench:
    def __init__(self, tools, folder):
        self.folder = folder
        self.hs = self.install(pathlib.Path(os.environ["HS_BIN"]))
        self.noop, self.spawn = self.install(tools / "noop"), tools / "spawn"
        self.missed = []
        self.env = {"HOME": str(folder), "PATH": os.environ.get("PATH", "/usr/bin:/bin")}
        random.seed(1)      # the same text in every run
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

    def write_config(self, name, count):
        """A config as the official client writes it; the first account is the
        stand-in's, and its token is good for another day."""
        expires = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + 86400))
        path = self.folder / name
        path.write_text(
            "defaultAccount: 1000001\nallowUsageTracking: false\naccounts:\n" +
            "".join(ACCOUNT.format(name=f"account-{i}", id=1000000 + i, key=text(250),
                                   token=self.token if i == 1 else text(300), expires=expires)
                    for i in range(1, count + 1)))
        path.chmod(0o600)
        return path

    # ---- the stand-in

    def start_sim(self):
        (self.folder / "sim").mkdir()
        self.sim = subprocess.Popen(
            ["/usr/bin/python3", "-B", REPO / "tests" / "hubsim.py", "--dir", self.folder / "sim"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.sim.stdout.readline() != "ready\n":
            sys.exit("bench: the stand-in did not start")
        for line in (self.folder / "sim" / "env").read_text().splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            self.env[name] = value
        self.proxy, self.ca = self.env["HTTPS_PROXY"], self.env["SSL_CERT_FILE"]
        self.control("portal", hub_id=1000001, name="Acme",
                     tokens={self.token: time.time() + 86400})
        self.bundle = self.folder / "bundle.pem"
        mozilla = REPO / "vendor/src/ca-certificates/usr/share/ca-certificates/mozilla"
        certificates = sorted(mozilla.glob("*.crt"))
        self.bundle.write_text("".join(c.read_text() for c in certificates)
                               + pathlib.Path(self.ca).read_text())
        self.bundled = len(certificates) + 1
        self.header = self.folder / "header"
        self.header.write_text(f"Authorization: Bearer {self.token}\n")
        for name in ("ada", "grace", "edsger"):
            self.check(self.api(CONTACTS, "--data",
                                json.dumps({"properties": {"email": f"{name}@example.com"}})))

    def control(self, what, **arguments):
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        direct.open(f"{self.proxy}/_sim/{what}", json.dumps(arguments).encode()).read()

    # ---- commands

    def api(self, *args):
        return [self.hs, "api", *args, "--config", self.one]

    def curl(self, path, *args):
        return [CURL, "-q", "-sS", "-f", "--cacert", self.env["SSL_CERT_FILE"], "-x", self.proxy,
                "-H", f"@{self.header}", *args, API + path]

    def check(self, command):
        subprocess.run([str(a) for a in command], env=self.env, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def measure(self, rounds, *commands):
        """For each command: median wall ms, median CPU ms, most KiB."""
        line = [self.spawn, rounds]
        for command in commands:
            line += ["::", *command] if len(line) > 2 else command
        done = subprocess.run([str(a) for a in line], env=self.env, text=True,
                              stdout=subprocess.PIPE)
        runs = [[int(n) for n in row.split()] for row in done.stdout.splitlines()]
        if done.returncode:
            sys.exit("bench: a command could not be run")
        for number, _, _, _, code in runs:
            if code:
                sys.exit(f"bench: exit code {code}: {' '.join(map(str, commands[number]))}")
        of = [[r for r in runs if r[0] == i] for i in range(len(commands))]
        return [(statistics.median(r[1] for r in rs) / 1e6,
                 statistics.median(r[2] for r in rs) / 1e3,
                 max(r[3] for r in rs)) for rs in of]

    # ---- the table

    def head(self, text):
        print(f"\n{text}")
        print(f"  {'':46} {'hs':>9} {'other':>9} {'ratio':>7}  {'target':>7}")

    def row(self, what, hs, other, unit, target=None):
        ratio = hs / other
        met = target is None or ratio <= target
        if not met:
            self.missed.append(what)
        shown = f"{ratio:.2f}x" if ratio > 0.01 else f"1/{other / hs:.0f}"
        print(f"  {what:46} {hs:9.3f} {other:9.3f} {shown:>7}  "
              + (f"{target:6.1f}x  {'met' if met else 'MISSED'}" if target else "      -")
              + ("" if unit == "ms" else f"  ({unit})"), flush=True)

    def limit(self, what, value, most, unit):
        met = value <= most
        if not met:
            self.missed.append(what)
        print(f"  {what:46} {value:9.0f} {'':9} {'':7}  {most:7}  {'met' if met else 'MISSED'}"
              f"  ({unit})", flush=True)

    def compare(self, what, hs, other, wall=None, cpu=None):
        self.row(f"{what}, wall", hs[0], other[0], "ms", wall)
        self.row(f"{what}, CPU", hs[1], other[1], "ms", cpu)

    # ---- the parts

    def start(self):
        self.head("start: against a static program that does nothing")
        noop, version = self.measure(1000, [self.noop], [self.hs, "--version"])
        self.compare("hs --version", version, noop, wall=1.5)

    def list(self):
        self.head("list: 100 accounts, keys of 250 and tokens of 300 characters")
        noop, listing = self.measure(
            500, [self.noop], [self.hs, "account", "list", "--config", self.hundred])
        self.compare("hs account list", listing, noop, wall=3)

    def get(self):
        self.head("get: hs api GET against curl, same request, token, CA file and proxy")
        for what, path in (("one CA", self.ca), (f"{self.bundled} CAs", self.bundle)):
            self.env["SSL_CERT_FILE"] = str(path)
            hs, curl, curl12 = self.measure(
                100, self.api(CONTACTS), self.curl(CONTACTS),
                self.curl(CONTACTS, "--tls-max", "1.2"))
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
            self.check(self.curl(path))     # the stand-in keeps what it made
            hs, curl = self.measure(5, self.api(path), self.curl(path))
            self.limit(f"{kind}, peak memory", hs[2], 4096, "KiB")
            self.compare(f"{kind}, against curl", hs, curl)
            self.row(f"{kind}, throughput", BIG / MIB / hs[0] * 1e3,
                     BIG / MIB / curl[0] * 1e3, "MiB/s")

    def official(self):
        homes = [pathlib.Path("/tmp/official"),
                 *(pathlib.Path.home() / ".cache" / "hs-tests").glob("hubspot-cli-*")]
        found = [h / "node_modules/.bin/hs" for h in homes
                 if (h / "node_modules/.bin/hs").exists()]
        if not found or not shutil.which("node"):
            print("\nofficial: the official client is not at hand: left out")
            return
        self.head("official: against HubSpot's own client (Node.js); no target")
        self.env["HUBSPOT_CONFIG_PATH"] = str(self.hundred)
        for args in (["--version"], ["account", "list"]):
            ours, theirs = self.measure(3, [self.hs, *args], [found[0], *args])
            self.compare("hs " + " ".join(args), ours, theirs)
            self.row("hs " + " ".join(args) + ", peak memory", ours[2] / 1024,
                     theirs[2] / 1024, "MiB")
        del self.env["HUBSPOT_CONFIG_PATH"]


def text(length):
    return "".join(random.choices(string.ascii_letters + string.digits + "_-", k=length))


def main():
    tools, *names = sys.argv[1:]
    parts = ("start", "list", "get", "size", "big", "official")
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
            bench.sim.kill()
            bench.sim.wait()
    print()
    if bench.missed:
        sys.exit("bench: missed: " + "; ".join(bench.missed))
    print("bench: every target is met")


if __name__ == "__main__":
    main()
