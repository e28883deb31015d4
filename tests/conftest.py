"""Fixtures for the black-box tests: the stand-in, the binaries, a clean house.

    def test_x(sim, hs):
        portal = sim.portal(101)
        assert hs("account", "auth", "--pak-stdin", input=hs.key(portal)).code == 0

Every test with `hs` or `tty` runs once for each binary in HS_BINS (paths joined
by ":", build/hs where it is unset). Nothing but loopback is reached, and nothing
of the caller's HOME or environment is seen.
"""
import contextlib
import ctypes
import dataclasses
import fcntl
import itertools
import json
import os
import pathlib
import re
import resource
import select
import shutil
import signal
import stat
import subprocess
import tempfile
import time

import pexpect
import pytest
import yaml

from hubsim import HubSim

REPO = pathlib.Path(__file__).resolve().parent.parent
BINS = [
    pathlib.Path(p).resolve()
    for p in os.environ.get("HS_BINS", str(REPO / "build" / "hs")).split(":")
    if p
]
NOBODY = 65534
# A shell has its background ignore these: hs would, too, and the tests send them.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)
os.umask(0o022)  # whatever the caller's is: users other than this one run some tests
COUNTER = itertools.count(1)
SANITIZER = ("AddressSanitizer", "LeakSanitizer", "runtime error:")


@pytest.fixture
def tmp_path(request, tmp_path_factory):
    """As pytest's own, but quick: that one lists the folders of all other tests to
    find a free number."""
    name = re.sub(r"\W", "_", request.node.name)[:30]
    path = tmp_path_factory.getbasetemp() / f"{name}{next(COUNTER)}"
    path.mkdir(0o700)
    return path


@pytest.fixture(scope="session")
def shared_sim(tmp_path_factory):
    sim = HubSim(tmp_path_factory.mktemp("hubsim"))
    yield sim
    sim.close()


@pytest.fixture
def sim(shared_sim):
    """The stand-in, as new."""
    shared_sim.reset()
    yield shared_sim
    shared_sim.spy = None
    shared_sim.reset()


@pytest.fixture(scope="session")
def strace():
    """The name of the tracer, on a machine where it may trace."""
    program = shutil.which("strace")
    if (
        not program
        or subprocess.run(
            [program, "-qq", "-o", "/dev/null", "/bin/true"], capture_output=True
        ).returncode
    ):
        pytest.skip("nothing can be traced here")
    return program


@pytest.fixture(scope="session", params=BINS, ids=lambda p: p.name)
def bin(request):
    """The path of the binary under test."""
    if not os.access(request.param, os.X_OK):
        pytest.fail(f"{request.param} is missing: run ./build.sh")
    return str(request.param)


@dataclasses.dataclass
class Result:
    """How a run ended. Bytes that are no UTF-8 stand as surrogate escapes."""

    args: tuple
    code: int  # negative: the signal that ended it
    out: str
    err: str
    seconds: float
    usage: resource.struct_rusage = dataclasses.field(repr=False)

    @property
    def json(self):
        return json.loads(self.out)


class Process(subprocess.Popen):
    """Keeps what a run used (RUSAGE_CHILDREN mixes all runs up)."""

    usage = None

    def _try_wait(self, flags):
        pid, status, self.usage = os.wait4(self.pid, flags)
        return pid, status


class Yaml(yaml.SafeDumper):
    """Quotes whatever any reader of YAML, 1.1 or 1.2, could misread."""


Yaml.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str",
        text,
        style=None
        if re.fullmatch("[a-zA-Z]{4,}[a-zA-Z0-9-]*", text)
        and text.lower() not in ("true", "false", "null")
        else "'",
    ),
)


class Yaml12(yaml.SafeLoader):
    """Reads scalars as the official client does (YAML 1.2's core schema, and
    timestamps), where PyYAML on its own takes yes, 1_0 and 1:30 for no strings."""

    yaml_implicit_resolvers = {}


for tag, pattern, first in (
    ("bool", "true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", "[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("timestamp", r"\d{4}-\d\d-\d\d(T[0-9:.]+Z)?", "0123456789"),
    ("merge", "<<", "<"),
    ("null", "~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    Yaml12.add_implicit_resolver(
        f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})$"), list(first)
    )


class Home:
    """An empty home and working directory, and what a run sees of the world."""

    def __init__(self, binary, sim, folder):
        self.bin, self.sim = binary, sim
        self.home = folder / "home"
        self.cwd = folder / "work"
        self.home.mkdir()
        self.cwd.mkdir()
        self.hidden = set()  # more texts that must not be printed
        self.config_path = self.home / ".hscli" / "config.yml"

    def key(self, portal):
        """The personal access key of an account of the stand-in (or its id)."""
        return (self.sim.portals[portal] if isinstance(portal, int) else portal).key

    def env(self, more=None):
        """The environment of a run. A value of None takes a name away."""
        env = {
            "HOME": str(self.home),
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
            # hs forbids ptrace of itself, which the leak checker needs
            "ASAN_OPTIONS": "detect_leaks=0",
            **self.sim.env,
            **(more or {}),
        }
        return {k: str(v) for k, v in env.items() if v is not None}

    def read_config(self, path=None):
        path = pathlib.Path(path or self.config_path)
        return yaml.load(path.read_text(), Loader=Yaml12)

    def write_config(self, *accounts, path=None, **settings):
        """A global config with these accounts: portals of the stand-in, or
        dicts as they shall stand there. The first one is the default."""
        accounts = [a if isinstance(a, dict) else self.account(a) for a in accounts]
        first = {"defaultAccount": accounts[0]["accountId"]} if accounts else {}
        return self.write_yaml({**first, **settings, "accounts": accounts}, path)

    def write_yaml(self, value, path=None):
        """Any value, or text as it stands, as a config file."""
        path = pathlib.Path(path or self.config_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            value
            if isinstance(value, str)
            else yaml.dump(value, Dumper=Yaml, sort_keys=False, allow_unicode=True, width=10000)
        )
        path.chmod(0o600)
        # as if written long ago: hs looks twice at a file that was written just now
        os.utime(path, (then := time.time() - 60, then))
        if path.parent.name == ".hscli":
            path.parent.chmod(0o700)
        return path

    def account(self, portal, **fields):
        """How an account of the stand-in stands in a config, without a token."""
        return {
            "name": portal.name.lower().replace(" ", "-"),
            "accountId": portal.hub_id,
            "env": "prod",
            "authType": "personalaccesskey",
            "accountType": portal.type,
            "personalAccessKey": portal.key,
            "auth": {"tokenInfo": {}},
            **fields,
        }

    def files(self):
        """All that stands in the home and the working directory, to compare
        before and after: path -> its mode, and its bytes or where it points."""
        found = {}
        for top in (self.home, self.cwd):
            for path in sorted(top.rglob("*")):
                name = str(path.relative_to(top.parent))
                if ".git" in path.parts:
                    continue
                if path.is_symlink():
                    found[name] = os.readlink(path)
                elif path.is_dir():
                    found[name] = mode(path)
                else:
                    found[name] = (mode(path), path.read_bytes())
        return found

    def check_output(self, text, where):
        """No secret and no sanitizer's report in what was printed."""
        for secret in self.sim.confidential() | self.hidden:
            assert secret not in text, f"a secret stands in {where}"
        for word in SANITIZER:
            assert word not in text, f"sanitizer report in {where}:\n{text}"


class Runner(Home):
    """hs("account", "list") runs the binary without a terminal."""

    def __call__(
        self,
        *args,
        input=b"",
        env=None,
        cwd=None,
        timeout=60,
        stdout=subprocess.PIPE,
        check_secrets=True,
        **popen,
    ):
        """Run to the end. `check_secrets=False` is for what is meant to print
        one. stdout may be a file, then Result.out is empty."""
        args = [str(a) for a in args]
        data = input.encode() if isinstance(input, str) else input
        stdin = subprocess.PIPE if isinstance(data, bytes) else data
        started = time.monotonic()
        process = Process(
            [self.bin, *args],
            env=self.env(env),
            cwd=cwd or self.cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            **popen,
        )
        command_lines = []
        self.sim.spy = lambda: command_lines.append(command_line(process.pid))
        try:
            out, err = process.communicate(data if stdin == subprocess.PIPE else None, timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(
                f"hs {' '.join(args)} took over {timeout} s; "
                f"stderr: {err.decode(errors='replace')}"
            )
        finally:
            self.sim.spy = None
        result = Result(
            tuple(args),
            process.returncode,
            decode(out or b""),
            decode(err),
            time.monotonic() - started,
            process.usage,
        )
        if check_secrets:
            self.check_output(result.out, "stdout")
            self.check_output(result.err, "stderr")
            for line in command_lines:
                self.check_output(line, "the command line, while a request was made")
        return result

    def start(self, *args, cwd=None, env=None):
        """Start a run, which the caller must wait for (see `ends`)."""
        return subprocess.Popen(
            [self.bin, *map(str, args)],
            env=self.env(env),
            cwd=cwd or self.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def ends(self, run):
        """Wait for a run that was started: its exit code and its stderr."""
        _, err = run.communicate(timeout=120)
        self.check_output(decode(err), "stderr")
        return run.returncode, decode(err)

    def sign_in(self, *portals):
        """`hs account auth` for each; the first becomes the default."""
        for portal in portals:
            done = self(
                "account",
                "auth",
                "--pak-stdin",
                "--use-default-name",
                input=self.key(portal) + "\n",
            )
            assert done.code == 0, done.err


class Terminal(Home):
    """tty("account", "auth") runs the binary on a terminal of its own (pexpect)."""

    def __init__(self, *args):
        super().__init__(*args)
        self.children = []

    def __call__(self, *args, env=None, cwd=None, timeout=60, rows=24, columns=80):
        child = pexpect.spawn(
            self.bin,
            [str(a) for a in args],
            timeout=timeout,
            env=self.env({"TERM": "xterm-256color", **(env or {})}),
            cwd=str(cwd or self.cwd),
            dimensions=(rows, columns),
            encoding="utf-8",
            codec_errors="surrogateescape",
        )
        child.delaybeforesend = None
        child.logfile_read = Transcript()
        self.children.append(child)
        return child

    def end(self, child):
        """Let it come to its end; its exit code (negative: a signal)."""
        child.expect(pexpect.EOF)
        child.close()
        return -child.signalstatus if child.signalstatus else child.exitstatus

    def close(self):
        for child in self.children:
            child.close(force=True)
            self.check_output(child.logfile_read.text, "the terminal")


class Transcript:
    """All that a terminal showed."""

    text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass


@pytest.fixture
def hs(bin, sim, tmp_path):
    return Runner(bin, sim, tmp_path)


@pytest.fixture
def three(hs, sim):
    """acme (101, the default), box (202) and third (303), and an unknown key."""
    hs.write_config(
        *(sim.portal(n, name) for n, name in ((101, "Acme"), (202, "Box"), (303, "Third"))),
        mine={"x": [1, "2"]},
    )
    return hs


@pytest.fixture
def outsider(hs, sim, tmp_path):
    """The same home, somewhere that another user reaches, and run as that user:
    root may read and write anything."""
    with tempfile.TemporaryDirectory(prefix="hs-tests-") as folder:
        folder = pathlib.Path(folder)
        binary = shutil.copy(hs.bin, folder / "hs")
        runner = Runner(binary, sim, folder)
        ca = shutil.copy(sim.ca_file, folder / "ca.pem")
        env = {"SSL_CERT_FILE": ca}
        who = {}
        if os.getuid() == 0:
            who = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            for path in (folder, runner.home, runner.cwd, ca):
                os.chown(path, NOBODY, NOBODY)

        def run(*args, **more):
            more["env"] = {**env, **more.get("env", {})}
            return runner(*args, **who, **more)

        run.home, run.cwd, run.sim, run.files = runner.home, runner.cwd, sim, runner.files
        run.runner = runner
        run.config_path = runner.config_path

        def own():
            for path in [*folder.rglob("*")]:
                if os.getuid() == 0:
                    os.chown(path, NOBODY, NOBODY)

        run.own = own
        yield run
        for path in [runner.home, *runner.home.rglob("*")]:
            with contextlib.suppress(OSError):
                path.chmod(0o700)


@pytest.fixture
def tty(bin, sim, tmp_path, request):
    """On a terminal; in one test with `hs` both share the home."""
    terminal = Terminal.__new__(Terminal)
    if "hs" in request.fixturenames:
        hs = request.getfixturevalue("hs")
        terminal.__dict__.update(hs.__dict__)
        terminal.children = []
    else:
        terminal.__init__(bin, sim, tmp_path)
    yield terminal
    terminal.close()


def decode(data):
    return data.decode("utf-8", "surrogateescape")


def mode(path):
    """The permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def write_links(hs, settings, folder=None):
    """A folder's .hs/settings.json (the working folder's): a value, or its text."""
    path = (folder or hs.cwd) / ".hs" / "settings.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(settings if isinstance(settings, str) else json.dumps(settings))
    return path


def read_links(hs, folder=None):
    return json.loads(((folder or hs.cwd) / ".hs" / "settings.json").read_text())


@contextlib.contextmanager
def held(path):
    """Holds the lock of a file, as another run would. Gives a function that waits for a
    run to stand at it: it opens the lock when it has read what it needs, and once. (What
    it has open in /proc is root's to see, so the kernel is asked to tell of it.)"""
    libc = ctypes.CDLL(None, use_errno=True)
    folder = path.parent / ".hs-tmp" / ".git"
    folder.mkdir(0o700, parents=True)
    with open(folder / f"_{path.name}.lock", "w") as lock, open(
        libc.inotify_init1(os.O_CLOEXEC), "rb", 0
    ) as news:
        fcntl.flock(lock, fcntl.LOCK_EX)
        in_open = 0x20
        if libc.inotify_add_watch(news.fileno(), os.fsencode(lock.name), in_open) < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch")

        def met(run):
            assert select.select([news], [], [], 60)[0] and run.poll() is None
            news.read(4096)

        yield met


def command_line(pid):
    """The arguments of a running program, as any user of the machine sees them."""
    try:
        return decode(pathlib.Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return ""
