"""Nothing but the binary: an empty root, read-only, an unknown user."""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

UID = 54321

# In a name space of its own: a root file system with just the program in it
# (and what the test has put into the folder), then read-only.
SCRIPT = r"""
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
shift
exec "$@"
"""


@pytest.fixture(scope="session")
def unshared():
    """Whether this machine lets us make a root of our own."""
    if os.getuid() != 0:
        pytest.skip("an empty root takes root to make: not run")
    for tool in ("unshare", "chroot", "mount"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is missing: not run")
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", "mount --make-rprivate / && " "mount -t tmpfs none /mnt"],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"no mounts may be made here: {done.stderr.strip()}")


@pytest.fixture
def bare(unshared, hs, sim, tmp_path):
    """bare("api", "/x", env={}) in a root that holds bin/hs alone."""
    if b"/ld-" in pathlib.Path(hs.bin).read_bytes()[:4096]:
        pytest.skip("this build has a loader: only the static one runs alone")
    root = tmp_path / "root"
    root.mkdir(mode=0o755)
    shutil.copy(hs.bin, root / "hs")
    (root / "hs").chmod(0o755)

    def run(*args, env=None, input="", uid=UID, writable=False):
        script = SCRIPT.replace('ro "$1"', 'rw "$1"') if writable else SCRIPT
        # chroot(8) changes the user after the root, and looks up no name.
        done = subprocess.run(
            [
                "unshare",
                "-m",
                "sh",
                "-c",
                script,
                "sh",
                root,
                "chroot",
                f"--userspec=+{uid}:+{uid}",
                "--groups=",
                root,
                "/hs",
                *map(str, args),
            ],
            input=input,
            capture_output=True,
            text=True,
            timeout=60,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(env or {})},
        )
        hs.check_output(done.stdout, "stdout")
        hs.check_output(done.stderr, "stderr")
        return done

    run.root = root
    run.online = {"HTTPS_PROXY": sim.env["HTTPS_PROXY"], "SSL_CERT_FILE": "/ca.pem"}
    shutil.copy(sim.ca_file, root / "ca.pem")
    (root / "ca.pem").chmod(0o644)
    return run


@pytest.mark.parametrize("args", [["--version"], ["--help"], ["account", "auth", "--help"]])
def test_it_runs(bare, args):
    (bare.root / "ca.pem").unlink()
    done = bare(*args)
    assert done.returncode == 0 and done.stdout and not done.stderr
    assert os.listdir(bare.root) == ["hs"]


@pytest.mark.parametrize("env", [{}, {"HOME": "/"}, {"HOME": "/none"}, {"HOME": "relative"}])
@pytest.mark.parametrize("command", [["account", "list"], ["account", "info"], ["api", "/x"]])
def test_a_missing_config_is_reported(bare, env, command):
    done = bare(*command, env=env)
    assert done.returncode == 3 and done.stdout == ""
    assert "HOME" in done.stderr or "hs account auth" in done.stderr


def test_sign_in_reports_an_unwritable_home(bare, sim):
    portal = sim.portal(101)
    done = bare("account", "auth", "--pak-stdin", input=portal.key, env=bare.online)
    assert done.returncode == 3 and "HOME" in done.stderr and not sim.log
    done = bare(
        "account", "auth", "--pak-stdin", input=portal.key, env={**bare.online, "HOME": "/"}
    )
    assert done.returncode == 3 and "/.hscli" in done.stderr
    assert sorted(os.listdir(bare.root)) == ["ca.pem", "hs"]


def test_a_request_with_the_environment_alone(bare, sim):
    portal = sim.portal(101)
    done = bare(
        "api",
        "/crm/v3/objects/contacts",
        "--use-env",
        env={**bare.online, "HUBSPOT_ACCOUNT_ID": "101", "HUBSPOT_PERSONAL_ACCESS_KEY": portal.key},
    )
    assert done.returncode == 0, done.stderr
    assert '"results"' in done.stdout
    done = bare(
        "api",
        "/crm/v3/objects/contacts",
        env={**bare.online, "HUBSPOT_ACCESS_TOKEN": portal.static_token},
    )
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(bare.root)) == ["ca.pem", "hs"]


def test_localhost_is_known_without_a_hosts_file(bare, sim):
    """RFC 6761: the name means this machine, whoever is asked."""
    portal = sim.portal(101)
    proxy = bare.online["HTTPS_PROXY"].replace("127.0.0.1", "localhost")
    assert "localhost" in proxy
    done = bare(
        "api",
        "/crm/v3/objects/contacts",
        env={**bare.online, "HTTPS_PROXY": proxy, "HUBSPOT_ACCESS_TOKEN": portal.static_token},
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def names(bare):
    """A name server that the bare root uses: what it answers is up to
    names.code(n), a function of the question's number (from 1); 0: 127.0.0.1."""
    address = (f"127.91.{os.getpid() >> 8 & 255}.{os.getpid() & 255}", 53)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.bind(address)
    except OSError as fault:
        pytest.skip(f"no name server can be had here: {fault}")
    (bare.root / "etc").mkdir()
    (bare.root / "etc/resolv.conf").write_text(
        f"nameserver {address[0]}\noptions timeout:2 attempts:1\n"
    )

    class Names:
        asked = 0
        code = staticmethod(lambda number: 0)

    def serve():
        while True:
            question, sender = sock.recvfrom(512)
            if not question:
                return
            Names.asked += 1
            code = Names.code(Names.asked)
            end = question.index(b"\0", 12) + 5
            found = not code and question[end - 4 : end - 2] == b"\0\1"  # of type A
            if code is not None:
                sock.sendto(
                    question[:2]
                    + struct.pack(">5H", 0x8180 | code, 1, found, 0, 0)
                    + question[12:end]
                    + found * (b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f\0\0\1"),
                    sender,
                )

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield Names
    sock.sendto(b"", address)
    thread.join(10)
    sock.close()


def through(bare, sim, *args):
    """A request through the proxy, whose name the name server has to know."""
    proxy = bare.online["HTTPS_PROXY"].replace("127.0.0.1", "proxy.test")
    assert "proxy.test" in proxy
    return bare(
        "api",
        "/crm/v3/objects/contacts",
        *args,
        env={
            **bare.online,
            "HTTPS_PROXY": proxy,
            "HUBSPOT_ACCESS_TOKEN": sim.portal(101).static_token,
        },
    )


def test_a_host_name_is_resolved(bare, names, sim):
    done = through(bare, sim)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("code", [0, 3])
def test_a_name_is_resolved_once_for_many_requests(bare, names, hs, sim, code):
    """16 connections are opened at a time. If the name is unknown, they all fail at once."""
    names.code = lambda number: code
    path = hs.write_config(*[sim.portal(n) for n in range(101, 133)], path=bare.root / "config.yml")
    os.chown(path, UID, UID)
    proxy = bare.online["HTTPS_PROXY"].replace("127.0.0.1", "proxy.test")
    env = {**bare.online, "HTTPS_PROXY": proxy, "HUBSPOT_CONFIG_PATH": "/config.yml"}
    done = bare("account", "clean", "--force", env=env)
    assert done.returncode == (7 if code else 0), done.stderr
    assert len(sim.log) == (0 if code else 32)
    if not code:
        assert names.asked == 2  # A and AAAA
    assert names.asked <= 8


def test_an_unknown_host(bare, names, sim):
    """That is final."""
    names.code = lambda number: 3
    done = through(bare, sim)
    assert done.returncode == 7 and "cannot resolve proxy.test" in done.stderr
    assert names.asked == 2 and not sim.log  # A and AAAA


def test_a_name_server_that_fails_is_asked_again(bare, names, sim):
    """Nothing was sent: so this goes for a POST as well. (Six questions are
    those of one look-up.)"""
    names.code = lambda number: 2 if number <= 6 else 0
    done = through(bare, sim, "--data", "{}")
    assert "HubSpot returned 400" in done.stderr, done.stderr
    assert len(sim.requests()) == 1


@pytest.mark.parametrize(
    "code, wait, words",
    [
        (2, 0, "no name server responded"),
        (None, 0, "no name server responded"),
        (None, 1, "timed out while looking up"),
    ],
)
def test_a_name_server_that_keeps_failing(bare, names, sim, code, wait, words):
    names.code = lambda number: code
    done = through(bare, sim, "--max-wait", wait)
    assert done.returncode == 7 and words in done.stderr, done.stderr
    assert done.stderr.count("hs: ") == 1 and not sim.log


def test_a_look_up_ends_with_the_run(bare, names, sim):
    """However that ends: the look-up's process has copies of its open files."""

    def runs():
        """{process: its parent} of all that run this hs."""
        found = {}
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (folder / "exe").samefile(bare.root / "hs"):
                    found[int(folder.name)] = int(
                        (folder / "stat").read_text().rpartition(")")[2].split()[1]
                    )
        return found

    def silent(number):
        if number == 1:
            seen.update(runs())
            os.kill(next(pid for pid, parent in seen.items() if parent not in seen), signal.SIGKILL)

    seen = {}
    names.code = silent
    (bare.root / "etc/resolv.conf").write_text(
        (bare.root / "etc/resolv.conf").read_text().replace("timeout:2", "timeout:60")
    )
    done = through(bare, sim)
    assert done.returncode == -signal.SIGKILL and len(seen) == 2
    end = time.monotonic() + 60
    while runs():
        assert time.monotonic() < end, "the look-up goes on"
        time.sleep(0.02)


def test_the_built_in_authorities_serve_where_no_file_does(bare, sim):
    """They do not know the stand-in's, so this has to fail, and in that way."""
    portal = sim.portal(101)
    done = bare(
        "api",
        "/crm/v3/objects/contacts",
        env={
            "HTTPS_PROXY": bare.online["HTTPS_PROXY"],
            "HUBSPOT_ACCESS_TOKEN": portal.static_token,
        },
    )
    assert done.returncode == 7 and done.stdout == ""
    assert "certificate" in done.stderr and not sim.log


def test_a_config_in_a_read_only_root(bare, hs, sim):
    """An expired token is fetched, not kept, and that is one line."""
    portal = sim.portal(101)
    path = hs.write_config(portal, path=bare.root / "config.yml")
    os.chown(path, UID, UID)
    before = (bare.root / "config.yml").read_bytes()
    env = {**bare.online, "HUBSPOT_CONFIG_PATH": "/config.yml"}
    done = bare("api", "/crm/v3/objects/contacts", env=env)
    assert done.returncode == 0, done.stderr
    assert [("warning" in line) for line in done.stderr.splitlines()].count(True) == 1
    assert "Read-only" in done.stderr or "read-only" in done.stderr
    assert bare("account", "list", env=env).returncode == 0
    done = bare("account", "use", "101", env=env)
    assert done.returncode == 3 and "/config.yml" in done.stderr
    assert (bare.root / "config.yml").read_bytes() == before


@pytest.mark.parametrize("uid", [UID, 0])
def test_all_commands_with_a_private_home(bare, hs, sim, uid):
    portal = sim.portal(101)
    home = bare.root / "home"
    home.mkdir(mode=0o700)
    os.chown(home, uid, uid)
    env = {**bare.online, "HOME": "/home"}
    for args in (
        ["account", "auth", "--pak-stdin"],
        ["account", "list"],
        ["account", "use", "101"],
        ["account", "info"],
        ["api", "/crm/v3/objects/contacts"],
    ):
        done = bare(*args, env=env, uid=uid, input=portal.key, writable=True)
        assert done.returncode == 0, (args, done.stderr)
    path = home / ".hscli" / "config.yml"
    assert hs.read_config(path)["defaultAccount"] == 101
    assert path.stat().st_uid == uid and path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == ["config.yml"]


def test_a_home_from_passwd(bare, hs, sim):
    portal = sim.portal(101)
    (bare.root / "etc").mkdir()
    (bare.root / "etc" / "passwd").write_text(f"me:x:{UID}:{UID}::/house:/bin/sh\n")
    (bare.root / "house").mkdir()
    os.chown(bare.root / "house", UID, UID)
    done = bare("account", "auth", "--pak-stdin", input=portal.key, env=bare.online, writable=True)
    assert done.returncode == 0, done.stderr
    assert hs.read_config(bare.root / "house/.hscli/config.yml")["defaultAccount"] == 101
