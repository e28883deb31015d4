"""What is on the disk when things go wrong: killed at any system call, many runs
at once, a lock that is held, a folder that may not be written, a full disk.

Whatever happens, each file is the old one or the new one, and running the
command again comes to its end.
"""
import collections
import json
import os
import re
import resource
import shutil
import signal
import subprocess

import pytest

from calls import git, names, write_old
from conftest import held, mode

OLD, ARCHIVE = "hubspot.config.yml", "archived.hubspot.config.yml"
# What changes something on the disk, or comes just before it ("?": where the
# machine has it); strace counts each of them by itself.
CALLS = (
    "?open",
    "openat",
    "write",
    "writev",
    "fsync",
    "flock",
    "fchmod",
    "?chmod",
    "fchmodat",
    "?mkdir",
    "mkdirat",
    "?link",
    "linkat",
    "?rename",
    "renameat",
    "?unlink",
    "unlinkat",
)


def settings(hs):
    path = hs.cwd / ".hs" / "settings.json"
    return json.loads(path.read_text()) if path.exists() else None


def litter(hs, locks=True):
    """What a run should have cleared away: files half written, and locks. (The lock of
    a killed run is an empty file, and stays until a run writes in that folder.)"""
    end = ".hs-tmp" if locks else ".hs-part"
    return [p for top in (hs.home, hs.cwd) for p in top.rglob("*") if p.name.endswith(end)]


def git_prints(hs, folder, *args):
    """What git prints, on both streams."""
    done = git(hs, *args, at=folder)
    return [*done.stdout.splitlines(), *done.stderr.splitlines()]


def work_tree(hs, *folders):
    for folder in folders or (hs.home, hs.cwd):
        git(hs, "init", "-q", at=folder)


def added(hs, folder):
    """The paths that git would add in a folder, by each command that lists them."""
    found = set()
    for args in (
        ["status", "--porcelain", "-uall"],
        ["status", "--porcelain", "-uall", "--ignored"],
        ["add", "-n", "."],
        ["add", "-An"],
        ["add", "-n", "-f", "."],
        ["add", "-n", "-f", "--ignore-errors", ":/"],
    ):
        for line in git_prints(hs, folder, *args):
            assert line.startswith(("?? ", "!! ", "add '", "A  ", "AM ")), line
            found.add(line[3:] if line[2] == " " else line[5:-1])
    return found


class Killer:
    """Runs hs again and again from the same files, each time killed at its
    next system call, until a run comes to its end."""

    def __init__(self, hs, tmp_path, strace):
        self.hs, self.store, self.strace = hs, tmp_path / "store", strace

    def keep(self):
        for top in (self.hs.home, self.hs.cwd):
            shutil.copytree(top, self.store / top.name, symlinks=True)

    def put_back(self):
        for top in (self.hs.home, self.hs.cwd):
            shutil.rmtree(top)
            shutil.copytree(self.store / top.name, top, symlinks=True)

    def __call__(self, *args, data=b"", **more):
        """Yields the call and its number that a run was killed at, with the
        files as it left them. In the end they are as a whole run leaves them."""
        self.keep()
        killed = 0
        points = collections.deque((call, 1) for call in CALLS)
        while points:
            call, n = points.popleft()
            self.put_back()
            done = subprocess.run(
                [
                    self.strace,
                    "-f",
                    "-qq",
                    "-o",
                    "/dev/null",
                    "-e",
                    f"inject={call}:signal=KILL:when={n}",
                    self.hs.bin,
                    *map(str, args),
                ],
                env=self.hs.env(),
                cwd=self.hs.cwd,
                capture_output=True,
                input=data,
                **more,
            )
            if done.returncode:
                assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), done.stderr
                killed += 1
                points.appendleft((call, n + 1))
                yield call, n
        assert killed > 5, "hardly a call was seen"


@pytest.fixture
def killed(hs, tmp_path, strace):
    if "debug" in hs.bin.rpartition("/")[2]:
        pytest.skip("the binary that ships is looked at")
    return Killer(hs, tmp_path, strace)


# ---- killed

COMMANDS = {
    "rename": ["account", "rename", "box", "crate"],
    "remove": ["account", "remove", "box"],
    "remove the default": ["account", "remove", "acme", "--new-default", "box", "--force"],
    "use": ["account", "use", "third"],
    "config set": ["config", "set", "--http-timeout", "30000"],
}


@pytest.mark.parametrize("args", COMMANDS.values(), ids=COMMANDS)
def test_killed_while_writing_the_config(three, killed, args):
    """The config is the old one or the new one, never something in between."""
    before = three.config_path.read_bytes()
    found = {three.config_path.read_bytes() for _ in killed(*args)}
    assert found == {before, three.config_path.read_bytes()} != {before}
    assert litter(three) == []


KILLED = {
    "config": (["config", "set", "--http-timeout", "4000"], set()),
    "link": (
        ["account", "link", "-a", "box"],
        {".hs/README.txt", ".hs/settings.json", ".gitignore"},
    ),
    "override": (["account", "create-override", "third", "--force"], {".hsaccount"}),
    "migrate": (["config", "migrate", "--force"], {OLD, ARCHIVE, ".gitignore"}),
    "init": (["init", "--pak-stdin"], {OLD, ".gitignore"}),
    "auth": (["account", "auth", "--pak-stdin"], set()),
    "fetch": (
        ["files", "fetch", "d", ".", "--manifest", "m.jsonl"],
        {"m.jsonl", "d/a.txt", "d/b.txt", "d/s/c.txt"},
    ),
    "fetch over": (
        ["files", "fetch", "d", ".", "--overwrite"],
        {"d/a.txt", "d/b.txt", "d/s/c.txt"},
    ),
    "upload": (
        ["files", "upload", "up.txt", "up.txt", "--manifest", "m.jsonl"],
        {"m.jsonl", "up.txt"},
    ),
}


@pytest.mark.parametrize("name", KILLED)
def test_a_killed_run_leaves_nothing_for_git_to_add(hs, sim, killed, name):
    """Both folders are work trees: git sees the final names, each complete, and no
    others; the next run removes what the killed one left."""
    args, final = KILLED[name]
    portals = [sim.portal(n, t) for n, t in ((101, "Acme"), (202, "Box"), (303, "Third"))]
    for path in ("d/a.txt", "d/b.txt", "d/s/c.txt"):
        portals[0].add_file(path, path.encode() * 9000)
    if name in ("init", "migrate"):
        write_old(hs, 44) if name == "migrate" else None
    else:
        hs.write_config(*portals)
    if name == "fetch over":
        (hs.cwd / "d").mkdir()
        (hs.cwd / "d" / "a.txt").write_text("old")
    (hs.cwd / "up.txt").write_text("up") if name == "upload" else None
    (hs.cwd / ".hsaccount").write_text("202") if name == "override" else None
    work_tree(hs)
    final = final | {"d/a.txt"} if name == "fetch over" else final
    data = sim.portal(55).key.encode() if name in ("init", "auth") else b""
    left, seen = 0, set()
    for _ in killed(*args, data=data):
        left += bool(litter(hs))
        names = frozenset(
            re.sub("[0-9a-f]{8}[.]hs-part", "part", str(p))
            for top in (hs.home, hs.cwd)
            for p in top.rglob("*")
        )
        if names not in seen:
            seen.add(names)
            assert added(hs, hs.cwd) <= final
            assert added(hs, hs.home) <= {".hscli/config.yml"}
        for path in (p for p in (hs.cwd / "d").rglob("*") if p.is_file() and ".git" not in p.parts):
            assert path.read_bytes() in (str(path.relative_to(hs.cwd)).encode() * 9000, b"old")
    assert left or name == "upload", "it was never killed while it wrote"
    assert litter(hs) == []


@pytest.mark.parametrize("name", ["link", "fetch over"])
def test_the_next_run_removes_what_a_killed_one_left(hs, sim, killed, name):
    args = KILLED[name][0]
    portal = sim.portal(101)
    hs.write_config(portal, sim.portal(202, "Box"))
    portal.add_file("d/a.txt", b"a" * 9000)
    for _ in killed(*args):
        done = hs(*args)
        assert done.code == 0, done.err
        for more in (
            ["config", "set", "--http-timeout", "4000"],
            ["account", "create-override", 101, "-f"],
        ):
            assert hs(*more).code == 0
        assert litter(hs) == []


def test_what_a_killed_run_leaves_is_not_a_repository_in_a_submodule(hs, sim, strace):
    """Killed just before the rename, with the whole config in place."""
    hs.write_config(sim.portal(101), sim.portal(202, "Box"))
    work_tree(hs, hs.home)
    (hs.home / "made").mkdir()
    git(hs, "init", "-q", at=hs.home / "made")
    git(hs, "commit", "-q", "--allow-empty", "-m", "x", at=hs.home / "made")
    git(
        hs,
        "-c",
        "protocol.file.allow=always",
        "-c",
        "advice.addEmbeddedRepo=false",
        "submodule",
        "add",
        "-q",
        "./made",
        "sub",
        at=hs.home,
    )
    config = hs.home / "sub" / ".hscli" / "config.yml"
    hs.config_path.parent.rename(config.parent)
    for call in ("renameat", "fsync", "flock"):
        subprocess.run(
            [
                strace,
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                f"inject={call}:signal=KILL",
                hs.bin,
                "account",
                "use",
                "box",
            ],
            env={**hs.env(), "HOME": hs.home / "sub"},
            cwd=hs.cwd,
            capture_output=True,
        )
        assert [p for p in config.parent.rglob("*") if p.is_file() and p != config]
        assert added(hs, hs.home / "sub") == {".hscli/config.yml"}
        assert git_prints(hs, hs.home / "sub", "status", "--porcelain", "-uall", "-z") == [
            "?? .hscli/config.yml\0"
        ]
        for folder in (config.parent / ".hs-tmp", config.parent / ".hs-tmp" / ".git"):
            assert git_prints(hs, folder, "rev-parse", "--show-toplevel") == [str(hs.home / "sub")]
            assert git_prints(hs, folder, "add", "-n", "-f", ".") == []
        assert not any(
            "hs-tmp" in line for line in git_prints(hs, hs.home, "status", "--porcelain", "-uall")
        )
    assert hs("account", "use", "box", env={"HOME": str(hs.home / "sub")}).code == 0
    assert [p.name for p in config.parent.iterdir()] == ["config.yml"]


def test_the_next_run_cleans_up(three, killed):
    for _ in killed("account", "rename", "box", "crate"):
        done = three("config", "set", "--http-timeout", "4000")
        assert done.code == 0, done.err
        assert litter(three) == [] and three.read_config()["httpTimeout"] == 4000
        assert names(three)[1] in ("box", "crate")


@pytest.mark.parametrize("umask", [0, 0o377])
def test_what_a_killed_run_leaves_is_private(three, killed, umask):
    """The lock, the half-written file and their folder, with any umask."""
    modes = set()
    for _ in killed("account", "rename", "box", "crate", umask=umask):
        for path in three.config_path.parent.rglob("*"):
            modes.add((path.name.rpartition(".")[2], path.is_dir(), mode(path)))
    assert {name for name, _, _ in modes} == {"yml", "hs-tmp", "git", "lock", "hs-part"}
    assert {(folder, bits) for _, folder, bits in modes} <= {
        (True, 0o700),
        (False, 0o600),
        (False, 0o600 & ~umask),
    }


def test_killed_while_a_folder_is_linked(three, killed):
    """Each file is complete or missing; running the command again does the rest."""
    subprocess.run(["git", "init", "-q"], cwd=three.cwd, env=three.env(), check=True)
    (three.cwd / ".gitignore").write_text("x\n")
    seen = []
    for _ in killed("account", "link", "-a", "box"):
        found = settings(three)
        assert found in (None, {"accounts": [202], "localDefaultAccount": 202})
        ignore = (three.cwd / ".gitignore").read_text()
        assert ignore == "x\n" or (ignore.startswith("x\n") and ignore.endswith("\n.hs\n"))
        seen.append((found is not None, ignore != "x\n"))
        done = three("account", "link", "-a", "box")
        assert done.code == 0, done.err
        assert settings(three) == {"accounts": [202], "localDefaultAccount": 202}
        assert (three.cwd / ".gitignore").read_text().splitlines().count(".hs") == 1
        assert (three.cwd / ".hs" / "README.txt").exists() and litter(three, locks=False) == []
    assert {(False, False), (True, False), (True, True)} == set(seen)


def test_killed_while_a_folder_is_unlinked(three, killed):
    assert three("account", "link", "-a", "box", "-a", "acme", "--default", "box").code == 0
    seen = []
    for _ in killed("account", "unlink", "-a", "box"):
        seen.append(settings(three)["accounts"])
        assert settings(three)["localDefaultAccount"] == (202 if 202 in seen[-1] else 101)
    assert [202, 101] in seen and [101] in seen


def test_killed_while_migrating(hs, sim, killed):
    """No account is ever lost, and the command can be run again."""
    subprocess.run(["git", "init", "-q"], cwd=hs.cwd, env=hs.env(), check=True)
    old = write_old(hs, 11, 22, httpTimeout=9000).read_bytes()
    seen = set()
    for _ in killed("config", "migrate", "--force"):
        kept = [p for p in (hs.cwd / OLD, hs.cwd / ARCHIVE) if p.exists()]
        assert kept and all(p.read_bytes() == old for p in kept)
        written = hs.config_path.exists()
        if written:
            assert names(hs) == ["portal-11", "portal-22"] and mode(hs.config_path) == 0o600
        assert written or kept == [hs.cwd / OLD]
        seen.add((written, *(p.name for p in kept)))
        done = hs("config", "migrate", "--force")
        if (hs.cwd / OLD) in kept:
            assert done.code == 0, done.err
        else:
            assert done.code == 3 and "nothing to migrate" in done.err
        config = hs.read_config()
        assert config["defaultAccount"] == 11 and config["httpTimeout"] == 9000
        assert names(hs) == ["portal-11", "portal-22"]
        archives = list(hs.cwd.glob("archived.*"))
        assert archives and all(p.read_bytes() == old and mode(p) == 0o600 for p in archives)
        assert not (hs.cwd / OLD).exists() and litter(hs, locks=False) == []
    assert {(False, OLD), (True, OLD), (True, ARCHIVE)} <= seen


def test_killed_while_merging(three, sim, killed):
    before = three.config_path.read_bytes()
    sim.portal(22, "Acme")
    old = write_old(three, 22, 44).read_bytes()
    seen = []
    for _ in killed("config", "migrate", "--force"):
        seen.append(three.config_path.read_bytes() != before)
        if (three.cwd / OLD).exists():
            assert (three.cwd / OLD).read_bytes() == old
            assert three("config", "migrate", "--force").code == 0
        assert names(three) == ["acme", "box", "third", "acme_22", "portal-44"]
        assert three.read_config()["defaultAccount"] == 22
    assert set(seen) == {True, False}


@pytest.mark.parametrize("args", [["account", "auth"], ["init"]], ids=" ".join)
def test_killed_at_the_first_sign_in(hs, sim, killed, args):
    """The config is complete or missing."""
    portal = sim.portal(11)
    path = hs.config_path if args != ["init"] else hs.cwd / OLD
    seen = []
    for _ in killed(*args, "--pak-stdin", data=portal.key.encode()):
        seen.append(path.exists())
        if path.exists():
            assert names(hs, path) == ["portal-11"] and mode(path) == 0o600
    assert set(seen) == {True, False}


def test_killed_while_an_override_is_replaced(three, killed):
    path = three.cwd / ".hsaccount"
    path.write_text("202")
    seen = {path.read_text() for _ in killed("account", "create-override", "third", "--force")}
    assert seen == {"202", "303"}


# ---- many at once


def test_use_and_link_at_once_lose_nothing(hs, sim):
    """In a linked folder and next to it."""
    hs.write_config(*(sim.portal(1001 + n) for n in range(12)), mine="kept")
    (hs.cwd / ".hs").mkdir()
    (hs.cwd / ".hs" / "settings.json").write_text(
        '{"accounts": [1001, 1002], "localDefaultAccount": 1001, "mine": "kept"}'
    )
    runs = [hs.start("account", "link", "-a", 1003 + n) for n in range(10)]
    runs += [hs.start("account", "use", 1001 + n % 2) for n in range(10)]
    runs += [hs.start("account", "use", 1001 + n, cwd=hs.home) for n in range(10)]
    runs += [hs.start("account", "create-override", 1001 + n, "-f") for n in range(10)]
    runs += [
        hs.start("config", "set", "--allow-auto-updates", "--http-timeout", 4000 + n)
        for n in range(10)
    ]
    for code, err in map(hs.ends, runs):
        assert code == 0, err
    config, folder = hs.read_config(), settings(hs)
    assert [a["accountId"] for a in config["accounts"]] == [1001 + n for n in range(12)]
    assert 1001 <= config["defaultAccount"] <= 1010 and 4000 <= config["httpTimeout"] < 4010
    assert config["allowAutoUpdates"] is True and config["mine"] == folder["mine"] == "kept"
    assert sorted(folder["accounts"]) == [1001 + n for n in range(12)]
    assert folder["localDefaultAccount"] in (1001, 1002)
    assert 1001 <= int((hs.cwd / ".hsaccount").read_text()) <= 1010
    assert litter(hs) == []


def test_two_migrations_at_once(hs, sim):
    """One migrates; the other finds it done, or finds nothing to migrate."""
    old = write_old(hs, *range(11, 41)).read_bytes()
    runs = [hs.start("config", "migrate", "--force") for _ in range(8)]
    codes = sorted(code for code, _ in map(hs.ends, runs))
    assert codes[0] == 0 and set(codes) <= {0, 3}
    assert len(names(hs)) == 30
    assert [p.read_bytes() for p in hs.cwd.iterdir()] == [old] and litter(hs) == []


def test_removing_one_account_twice_at_once(three):
    runs = [three.start("account", "remove", "box") for _ in range(6)]
    codes = sorted(code for code, _ in map(three.ends, runs))
    assert codes[0] == 0 and set(codes) <= {0, 3} and names(three) == ["acme", "third"]


def test_renaming_two_accounts_to_one_name_at_once(three):
    """Names stay unique: one of the runs is refused."""
    runs = [three.start("account", "rename", which, "new") for which in ("box", "third")]
    assert sorted(code for code, _ in map(three.ends, runs)) == [0, 2]
    assert names(three) in (["acme", "new", "third"], ["acme", "box", "new"])


@pytest.mark.parametrize(
    "args, code",
    [
        (["account", "rename", "box", "crate"], 3),
        (["account", "use", "box"], 3),
        (["account", "remove", "box"], 0),
        (["config", "set", "--http-timeout", "5000"], 0),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else None,
)
def test_changes_by_another_run_are_respected(three, args, code):
    """Another run holds the lock and removes box from the config."""
    config = three.read_config()
    with held(three.config_path) as met:
        run = three.start(*args)
        met(run)
        del config["accounts"][1]
        config["theirs"] = "kept"
        three.write_yaml(config)
    got, err = three.ends(run)
    assert got == code, err
    now = three.read_config()
    assert now["theirs"] == "kept" and names(three) == ["acme", "third"]
    assert now["defaultAccount"] == 101 and litter(three) == []


@pytest.mark.parametrize("args", [["box"], ["acme", "--new-default", "box"]], ids=" ".join)
def test_a_default_that_another_run_changed_is_not_lost(three, args):
    """Another run holds the lock and makes box the default, or removes it."""
    config = three.read_config()
    with held(three.config_path) as met:
        run = three.start("account", "remove", *args)
        met(run)
        if args == ["box"]:
            config["defaultAccount"] = 202
        else:
            del config["accounts"][1]
        three.write_yaml(config)
    code, err = three.ends(run)
    assert code == 3 and "another program has just changed the default account" in err
    assert three.read_config() == config


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize(
    "args", [*COMMANDS.values(), ["config", "migrate", "--force"]], ids=[*COMMANDS, "migrate"]
)
def test_a_signal_while_waiting_for_the_lock(three, sim, args, number, code):
    if args[1] == "migrate":
        write_old(three, 44)
    with held(three.config_path) as met:
        before = three.files()
        run = three.start(*args)
        met(run)
        run.send_signal(number)
        got, err = three.ends(run)
        assert got == code, err
        assert three.files() == before


@pytest.mark.parametrize(
    "args", [*COMMANDS.values(), ["config", "migrate", "--force"]], ids=[*COMMANDS, "migrate"]
)
def test_max_wait_limits_the_wait_for_the_lock(three, sim, args):
    """A long wait is announced."""
    if args[1] == "migrate":
        write_old(three, 44)
    with held(three.config_path):
        before = three.files()
        done = three(*args, "--max-wait", 3, input="")
        assert done.code != 0 and 2.5 < done.seconds < 15, done.err
        assert done.err.count("Waiting for another hs process to unlock ") == 1, done.err
        assert three.files() == before


# ---- where nothing can be written

WRITERS = {
    **COMMANDS,
    "create-override": ["account", "create-override", "box"],
    "link": ["account", "link", "-a", "box"],
    "migrate": ["config", "migrate", "--force"],
}


def full():
    """No file may grow, as on a full disk. (hs itself ignores SIGXFSZ.)"""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk(three, sim, name):
    if name == "migrate":
        write_old(three, 44)
    before = three.files()
    result = three(*WRITERS[name], preexec_fn=full)
    assert result.code == 3 and result.out == "" and "cannot write" in result.err, result
    assert "File too large" in result.err
    after = three.files()
    if name == "link":
        after.pop("work/.hs", None)  # the folder may have been made
    assert after == before


@pytest.mark.parametrize("name", WRITERS)
def test_an_unwritable_config(outsider, sim, name):
    """In read-only folders: an error, exit 3, and nothing changes."""
    files = outsider.runner
    files.write_config(
        *(sim.portal(n, title) for n, title in ((101, "Acme"), (202, "Box"), (303, "Third")))
    )
    if name == "migrate":
        write_old(files, 44)
    outsider.own()
    before = files.files()
    for folder in (outsider.config_path.parent, outsider.cwd):
        folder.chmod(0o500)
    result = outsider(*WRITERS[name])
    for folder in (outsider.config_path.parent, outsider.cwd):
        folder.chmod(0o700)
    assert result.code == 3 and "ermission" in result.err, result
    after = files.files()
    for folder in (outsider.config_path.parent, outsider.cwd):
        before.pop(str(folder.relative_to(folder.parents[0])), None)
    modes = ("home/.hscli", "work")
    assert {k: v for k, v in after.items() if k not in modes} == {
        k: v for k, v in before.items() if k not in modes
    }


@pytest.mark.parametrize("where", ["old", "new"])
def test_a_migration_from_or_to_an_unwritable_folder(outsider, sim, where):
    """Neither config changes, so no account is in both."""
    files = outsider.runner
    files.write_config(sim.portal(11))
    old = write_old(files, 22)
    outsider.own()
    before = old.read_bytes(), outsider.config_path.read_bytes()
    folder = outsider.cwd if where == "old" else outsider.config_path.parent
    folder.chmod(0o500)
    result = outsider("config", "migrate", "--force")
    folder.chmod(0o700)
    assert result.code == 3 and "ermission" in result.err, result
    assert (old.read_bytes(), outsider.config_path.read_bytes()) == before
    assert os.listdir(outsider.cwd) == [OLD]


def test_init_in_an_unwritable_folder(outsider, sim):
    portal = sim.portal(11)
    outsider.cwd.chmod(0o500)
    result = outsider("init", "--pak-stdin", input=portal.key)
    assert result.code == 3 and "ermission" in result.err, result
    assert os.listdir(outsider.cwd) == []


@pytest.mark.parametrize("name", [n for n in COMMANDS])
def test_a_config_that_is_a_symbolic_link_stays_one(three, tmp_path, name):
    target = tmp_path / "dotfiles.yml"
    three.config_path.rename(target)
    three.config_path.symlink_to(target)
    before = target.read_bytes()
    done = three(*COMMANDS[name])
    assert done.code == 0, done.err
    assert three.config_path.is_symlink() and target.read_bytes() != before
    assert os.listdir(three.config_path.parent) == ["config.yml"] and mode(target) == 0o600
    assert three.read_config()["mine"] == {"x": [1, "2"]}


def test_a_migration_through_symbolic_links(three, sim, tmp_path):
    target = tmp_path / "dotfiles.yml"
    three.config_path.rename(target)
    three.config_path.symlink_to(target)
    real = write_old(three, 44, path=tmp_path / "shared.yml")
    text = real.read_bytes()
    (three.cwd / OLD).symlink_to(real)
    done = three("config", "migrate", "--force")
    assert done.code == 0, done.err
    assert three.config_path.is_symlink() and names(three, target)[-1] == "portal-44"
    assert os.listdir(three.cwd) == [ARCHIVE]
    assert (three.cwd / ARCHIVE).read_bytes() == text and real.exists()


# ---- unusual file systems


def failing(hs, strace, args, *faults, data=b""):
    """Runs hs while these system calls fail. Returns its exit code and stderr."""
    done = subprocess.run(
        [
            strace,
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            *(f"-einject={f}" for f in faults),
            hs.bin,
            *map(str, args),
        ],
        env=hs.env(),
        cwd=hs.cwd,
        capture_output=True,
        input=data,
    )
    return done.returncode, done.stderr.decode()


def check_written(hs, name):
    """The command had its effect and left no other files."""
    assert litter(hs) == []
    if name == "config":
        assert hs.read_config()["httpTimeout"] == 4000 and mode(hs.config_path) == 0o600
    elif name == "link":
        assert settings(hs) == {"accounts": [202], "localDefaultAccount": 202}
        assert (hs.cwd / ".hs" / "README.txt").exists()
        assert (hs.cwd / ".gitignore").read_text().endswith("\n.hs\n")
    elif name == "override":
        assert (hs.cwd / ".hsaccount").read_text() == "303"
    elif name == "migrate":
        assert names(hs) == ["portal-44"] and not (hs.cwd / OLD).exists()
        assert b"portal-44" in (hs.cwd / ARCHIVE).read_bytes()
    else:
        for path in ("d/a.txt", "d/s/c.txt"):
            assert (hs.cwd / path).read_bytes() == path.encode() * 9000


@pytest.fixture(params=["config", "link", "override", "migrate", "fetch", "fetch over"])
def written(request, hs, sim):
    portals = [sim.portal(n, t) for n, t in ((101, "Acme"), (202, "Box"), (303, "Third"))]
    for path in ("d/a.txt", "d/s/c.txt"):
        portals[0].add_file(path, path.encode() * 9000)
    work_tree(hs)
    (hs.cwd / ".hsaccount").write_text("202") if request.param == "override" else None
    if request.param == "migrate":
        write_old(hs, 44)
    else:
        hs.write_config(*portals)
    if request.param == "fetch over":
        (hs.cwd / "d").mkdir()
        (hs.cwd / "d" / "a.txt").write_text("old")
    return request.param


@pytest.mark.parametrize("code", ["ENOLCK", "ENOSYS", "EOPNOTSUPP", "EBADF", "EINVAL"])
def test_a_file_system_without_locks(hs, strace, written, code):
    got, err = failing(hs, strace, KILLED[written][0], f"flock:error={code}")
    assert got == 0 and err.count("hs: warning: ") == err.count("does not support locks") == 1, err
    check_written(hs, written)


@pytest.mark.parametrize("code", ["EINVAL", "ENOSYS", "EROFS", "EOPNOTSUPP"])
def test_a_file_system_without_fsync(hs, strace, written, code):
    got, err = failing(
        hs, strace, KILLED[written][0], f"fsync:error={code}", f"syncfs:error={code}"
    )
    assert got == 0 and err.count("hs: warning: ") == err.count("does not support sync") == 1, err
    check_written(hs, written)


@pytest.mark.parametrize("code", ["EIO", "ENOSPC", "EDQUOT"])
def test_a_disk_that_fails_in_fsync(hs, strace, written, code):
    if written == "config":
        before = hs.config_path.read_bytes()
        got, err = failing(hs, strace, KILLED[written][0], f"fsync:error={code}:when=1")
        assert got == 3 and f"cannot write {hs.config_path}: " in err, err
        assert hs.config_path.read_bytes() == before and litter(hs) == []
    got, err = failing(
        hs, strace, KILLED[written][0], f"fsync:error={code}", f"syncfs:error={code}"
    )
    assert got in ((1, 8) if "fetch" in written else (3,)) and "cannot write" in err, err
    assert [p for p in litter(hs) if p.parent == hs.cwd] == []


@pytest.mark.parametrize("code", ["EPERM", "ENOSYS", "EOPNOTSUPP"])
def test_a_file_system_without_modes(hs, strace, written, code):
    for path in (hs.cwd / ".hsaccount", hs.cwd / "d" / "a.txt"):
        path.chmod(0o666) if path.exists() else None
    got, err = failing(
        hs, strace, KILLED[written][0], f"fchmod:error={code}", f"chmod:error={code}"
    )
    assert got == 0, err
    check_written(hs, written)


@pytest.mark.parametrize("links", ["ENOSYS", "EPERM", "EOPNOTSUPP", "EINVAL", None])
@pytest.mark.parametrize("code", ["ENOSYS", "EINVAL", "EPERM", "EOPNOTSUPP"])
def test_a_file_system_whose_rename_always_replaces(hs, strace, written, code, links):
    """With hard links and without."""
    faults = [f"renameat2:error={code}"] + [f"linkat:error={links}"] * bool(links)
    got, err = failing(hs, strace, KILLED[written][0], *faults)
    assert got == 0 and "warning" not in err, err
    check_written(hs, written)


def test_a_download_that_is_too_large_for_the_limit(hs, sim):
    portal = sim.portal(101)
    hs.write_config(portal)
    hs("account", "info")
    portal.add_file("d/a.txt", b"a" * 9000)
    done = hs(
        "files",
        "fetch",
        "d",
        ".",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
    )
    assert done.code == 1 and "File too large" in done.err, done.err
    assert [p.name for p in (hs.cwd / "d").rglob("*")] == []


def test_child_programs_inherit_the_original_signals(hs, sim, tmp_path):
    """Otherwise a program that hs runs would ignore the same signals."""
    program = tmp_path / "bin" / "hs"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\ngrep SigIgn /proc/self/status\n")
    program.chmod(0o755)
    path = {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    want = subprocess.run([program], env=path, capture_output=True, text=True).stdout
    assert hs("project", "upload", env=path).out == want


def test_a_manifest_that_cannot_be_synced(hs, sim, strace):
    portal = sim.portal(101)
    hs.write_config(portal)
    assert hs("account", "info").code == 0  # the token is kept
    (hs.cwd / "a.txt").write_text("a")
    got, err = failing(
        hs, strace, ["files", "upload", "a.txt", "a.txt", "--manifest", "m"], "fsync:error=EIO"
    )
    assert got == 1 and "hs: cannot write the manifest m: " in err, err
