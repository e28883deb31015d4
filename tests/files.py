"""What the tests of `hs filemanager` share: a call with a static token, trees
of files, and what a run wrote down."""
import json
import os
import re
import subprocess
import time

import pytest

UPLOAD = "POST api.hubapi.com/filemanager/api/v3/files/upload"
LIST = "GET api.hubapi.com/filemanager/api/v2/files/?"
CDN = "GET cdn.example.com/hubfs/"
SIGN = "GET api.hubapi.com/files/v3/files/"


@pytest.fixture
def portal(sim):
    return sim.portal(101)


@pytest.fixture
def files(hs, portal):
    """files("upload", …) runs `hs filemanager` with HUBSPOT_ACCESS_TOKEN."""

    def call(*args, env=None, **how):
        return hs("filemanager", *args, env=token(portal, env), **how)

    return call


def token(portal, more=None):
    return {
        "HUBSPOT_ACCESS_TOKEN": portal.static_token,
        "HUBSPOT_ACCOUNT_ID": str(portal.hub_id),
        **(more or {}),
    }


def plant(folder, **more):
    """Files by path, text or bytes; a path's "/" makes folders."""
    for path, data in more.items():
        place(folder / path, data)
    return folder


def place(path, data=b""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def tree_of(folder):
    """path -> bytes of every file below a folder."""
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and not p.is_symlink()
    }


def stored(portal):
    """path -> bytes of every file of an account of the stand-in."""
    return {path_of(portal, f): f["data"] for f in portal.files.values()}


def path_of(portal, entry):
    name = entry["name"] + ("." + entry["extension"] if entry["extension"] else "")
    folder = entry["folder_id"]
    while folder is not None:
        above = portal.folders[folder]
        name = f"{above['name']}/{name}"
        folder = above["parent_folder_id"]
    return name


def manifest(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def by_status(entries):
    """status -> the paths that have it."""
    found = {}
    for entry in entries:
        found.setdefault(entry["status"], set()).add(entry["path"])
    return found


def ended(done, code, *words):
    """The run ended with this code, and said these words."""
    assert done.code == code, (done.code, done.err)
    for word in words:
        assert re.search(word, done.err, re.IGNORECASE), (word, done.err)


def parts_left(folder):
    return [p for p in folder.rglob("*") if p.name.endswith(".hs-part")]


# Names as people give them: each is one path on both sides.
NAMES = [
    "plain.txt",
    "with space.txt",
    "quo\"te's.txt",
    "ümläut-日本.txt",
    "100%.txt",
    "%41.txt",
    "a#b.txt",
    "what?.txt",
    "semi;colon&amp.txt",
    "plus+equals=.txt",
    "no-extension",
    "two.dots.tar.gz",
    "-dash.txt",
    "back\\slash.txt",
    "$HOME`x`.txt",
    "[1]{2}.txt",
    "e\u0301.txt",
]


def is_root():
    return os.geteuid() == 0


def peak_memory(hs, args, env):
    """Runs to the end: its exit code, and the most memory that it held, in KiB.
    (The ru_maxrss of a child counts its parent's memory, too.)"""
    peak = 0
    with subprocess.Popen(
        [hs.bin, *args],
        env=hs.env(env),
        cwd=hs.cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None:
            with open(f"/proc/{process.pid}/status") as status:
                if found := re.search(r"VmHWM:\s+(\d+)", status.read()):
                    peak = int(found[1])
            time.sleep(0.01)
    return process.returncode, peak
