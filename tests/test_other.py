"""Both clients on one machine: commands that only the official client has run its hs."""
import json
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from calls import failed, ok
from official import official_client, official_env  # noqa: F401

PROBE = """#!/usr/bin/python3
import json, os, sys
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
json.dump({"args": [os.fsencode(a).hex() for a in sys.argv[1:]],
           "mark": os.environ.get("HS_HANDED_OVER"),
           "env": sorted(os.environ),
           "fds": sorted(int(n) for n in os.listdir("/proc/self/fd"))[:-1],
           "ignored": int(status["SigIgn"], 16), "blocked": int(status["SigBlk"], 16),
           "pid": os.getpid(),
           "core": __import__("resource").getrlimit(4)[0], "path": sys.argv[0]}, sys.stdout)
sys.exit(43)
"""


def program(path, text=PROBE):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def path_of(*folders):
    return {"PATH": ":".join([*map(str, folders), "/usr/bin", "/bin"])}


@pytest.fixture
def other(tmp_path):
    """Another program called hs."""
    return program(tmp_path / "official" / "hs")


def seen(done):
    assert done.code == 43, (done.code, done.err)
    told = json.loads(done.out)
    told["args"] = [bytes.fromhex(a) for a in told["args"]]
    return told


FOREIGN = [
    "project",
    "projects",
    "app",
    "apps",
    "cms",
    "hubdb",
    "custom-object",
    "custom-objects",
    "co",
    "test-account",
    "test-accounts",
    "get-started",
    "feedback",
    "open",
    "doctor",
    "mcp",
    "upgrade",
    "update",
    "theme",
    "module",
    "function",
    "functions",
    "upload",
    "fetch",
    "watch",
    "lint",
    "logs",
    "list",
    "mv",
    "remove",
    "create",
]


@pytest.mark.parametrize("word", FOREIGN)
def test_commands_of_the_official_client(hs, other, word):
    told = seen(hs(word, "x", "--unknown", env=path_of(other.parent)))
    assert told["args"] == [word.encode(), b"x", b"--unknown"] and told["mark"] == "1"
    hint = "Did you mean" if word in ("create", "remove") else "official client"
    failed(hs(word, "x", "--unknown"), 2, f"unknown command '{word}'", hint)
    failed(
        hs(word, env={**path_of(other.parent), "HS_HANDED_OVER": "1"}),
        2,
        f"unknown command '{word}'",
    )


@pytest.mark.parametrize(
    "args",
    [
        ["--debug", "project", "upload"],
        ["-d", "project"],
        ["--account", "prod", "project", "list"],
        ["-a", "cms", "project"],
        ["--account=prod", "cms", "fetch"],
        ["-c", "file", "hubdb"],
        ["--no-color", "project"],
        ["project", "--help"],
        ["--help", "project"],
        ["help", "project"],
        ["project", "help"],
        ["--", "project", "upload"],
        ["project", ""],
        ["project", "", "--", "-x"],
        ["project", "upload", "--pak", "CiRuYTEt" + "x" * 60],
        ["project", "a b", "\t\n", "'\"$x", "é", "*"],
        ["project", b"\xff\xfe\x80"],
    ],
)
def test_arguments_stay_as_they_are(hs, other, args):
    done = subprocess.run(
        [hs.bin, *args], env=hs.env(path_of(other.parent)), cwd=hs.cwd, capture_output=True
    )
    assert done.returncode == 43 and done.stderr == b""
    assert [bytes.fromhex(a) for a in json.loads(done.stdout)["args"]] == [
        os.fsencode(a) for a in args
    ]


@pytest.mark.parametrize(
    "args",
    [
        ["account", "list"],
        ["accounts"],
        ["secrets", "upload"],
        ["account", "project"],
        ["api", "project"],
        ["--account", "project", "account", "list"],
        ["-a", "project"],
        ["nonsense"],
        ["pro"],
        ["--version"],
        ["help"],
        [],
        ["completion", "bash"],
        ["__complete", "hs", "project", ""],
        ["--get-yargs-completions", "hs", "project", ""],
        ["--unknown", "x", "project"],
    ],
)
def test_own_commands_never_run_the_official_client(hs, other, args):
    assert hs(*args, env=path_of(other.parent)).code != 43


def test_the_official_client_inherits_nothing(hs, other):
    """No descriptor, no signal disposition, no limit, and the process itself."""
    run = subprocess.Popen(
        [hs.bin, "project"],
        env=hs.env({**path_of(other.parent), "HUBSPOT_X": "kept"}),
        cwd=hs.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_DFL),
    )
    out, err = run.communicate()
    told = json.loads(out)
    assert told["fds"] == [0, 1, 2] and told["pid"] == run.pid and err == b""
    assert not told["ignored"] & ~(
        1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1
    ), "Python ignores these two"
    assert told["blocked"] == 0 and "HUBSPOT_X" in told["env"]
    plain = subprocess.run([other], env=hs.env(), capture_output=True)
    assert told["core"] == json.loads(plain.stdout)["core"]


def test_stdin_and_signals_reach_it(hs, tmp_path):
    cat = program(tmp_path / "o" / "hs", "#!/bin/sh\nexec cat\n")
    assert ok(hs("project", input="as it is\0\n", env=path_of(cat.parent))).out == "as it is\0\n"
    killed = program(tmp_path / "k" / "hs", "#!/bin/sh\nkill -TERM $$\n")
    assert hs("project", env=path_of(killed.parent)).code == -signal.SIGTERM


def test_the_order_in_path(hs, other, tmp_path):
    """Links and hard links to this hs are this hs; only what comes after it counts."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "hs").symlink_to(hs.bin)
    hard = tmp_path / "hard"
    hard.mkdir()
    try:
        os.link(hs.bin, hard / "hs")
    except OSError:
        hard = own
    second = program(tmp_path / "second" / "hs", "#!/bin/sh\nexit 44\n")
    cases = (
        (43, [own, other.parent]),
        (43, [own, hard, other.parent, second.parent]),
        (44, [own, second.parent, other.parent]),
        (43, [own, other.parent, own]),
        (44, [other.parent, own, second.parent]),
        (2, [own, hard]),
        (2, [other.parent, own]),
        (43, [other.parent, second.parent]),
    )
    for code, folders in cases:
        assert hs("project", env=path_of(*folders)).code == code, folders


def test_what_is_no_program_is_passed_over(hs, other, tmp_path):
    (tmp_path / "folder" / "hs").mkdir(parents=True)
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "hs").symlink_to("nowhere")
    (tmp_path / "fifo").mkdir()
    os.mkfifo(tmp_path / "fifo" / "hs")
    plain = program(tmp_path / "plain" / "hs")
    plain.chmod(0o644)
    folders = [tmp_path / n for n in ("none", "folder", "gone", "fifo", "plain")]
    assert hs("project", env=path_of(*folders)).code == 2
    assert hs("project", env=path_of(*folders, other.parent)).code == 43


def test_relative_entries_are_passed_over(hs):
    """What is in the current directory is not meant."""
    program(hs.cwd / "hs")
    program(hs.cwd / "bin" / "hs")
    for path in ("", ".", "bin", ":/usr/bin", "/usr/bin:", "./bin"):
        assert hs("project", env={"PATH": path}).code == 2, path
    assert hs("project", env={"PATH": None}).code == 2


def test_a_script_that_leads_back(hs, tmp_path):
    program(tmp_path / "wrap" / "hs", f'#!/bin/sh\nexec "{hs.bin}" "$@"\n')
    failed(
        hs("project", "upload", env=path_of(tmp_path / "wrap")),
        2,
        "unknown command 'project'",
        "official client",
    )
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(hs.bin, copy / "hs")
    failed(hs("project", "upload", env=path_of(copy)), 2, "unknown command 'project'")


def test_one_that_cannot_run(hs, tmp_path):
    broken = program(tmp_path / "b" / "hs", "#!/nowhere/node\n")
    failed(
        hs("project", env=path_of(broken.parent)),
        1,
        f"cannot run {broken}",
        "interpreter",
        "official client",
    )
    nothing = program(tmp_path / "n" / "hs", "")
    failed(hs("project", env=path_of(nothing.parent)), 1, "cannot run")


def test_why_names_the_other_hs(hs, sim, other):
    hs.write_config(sim.portal(101))
    assert (
        f"Other hs:     {other}\n"
        in ok(hs("account", "info", "--why", env=path_of(other.parent))).out
    )
    assert "Other hs:     none\n" in ok(hs("account", "info", "--why")).out
    why = ok(hs("account", "info", "--why", "--json", env=path_of(other.parent))).json["why"]
    assert why["otherHs"] == str(other)


def test_completion_offers_them_if_they_run(hs, other):
    def words(line, **more):
        return [w.partition("\t")[0] for w in ok(hs("__complete", *line, **more)).out.splitlines()]

    assert "project" in words(["hs", ""], env=path_of(other.parent))
    assert words(["hs", "proj"], env=path_of(other.parent)) == ["project"]
    assert "project" not in words(["hs", ""]) and words(["hs", "proj"]) == []
    assert "filemanager" in words(["hs", ""], env=path_of(other.parent))


def test_the_official_client_itself(hs, official_client):
    node = pathlib.Path(shutil.which("node")).parent
    done = hs(
        "project",
        "--help",
        timeout=120,
        env={**official_env(hs), **path_of(official_client.parent, node)},
    )
    assert done.code == 0 and "hs project" in done.out and "upload" in done.out
