"""HubSpot's own client, to compare hs with it.

It is installed once from the npm registry, into a cache folder. Tests that need
it are skipped if npm is not installed or the registry cannot be reached. Each
run takes about two seconds, so the tests run it seldom.
"""
import fcntl
import functools
import os
import pathlib
import shutil
import subprocess

import pytest

VERSION = "8.14.0"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()


@pytest.fixture
def official_client(request):
    """The path of the official client's program. What it does does not depend on
    the build of hs, so only one build is compared with it."""
    if "bin" in request.fixturenames and "debug" in request.getfixturevalue("bin"):
        pytest.skip("the official client is compared with build/hs only")
    program, why_not = install()
    if why_not:
        pytest.skip(why_not)
    return program


@functools.cache
def install():
    """Installs the program if necessary: its path, or why there is none."""
    npm = shutil.which("npm")
    if not npm:
        return None, "npm is not installed, so the official client cannot be"
    folder = CACHE / "hs-tests" / f"hubspot-cli-{VERSION}"
    program = folder / "node_modules" / ".bin" / "hs"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:  # for pytest's parallel workers
        fcntl.flock(lock, fcntl.LOCK_EX)
        if program.exists():
            return program, None
        command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            done = subprocess.run(
                [*command, "--prefix", folder, f"@hubspot/cli@{VERSION}"],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=300,
            )
        except subprocess.TimeoutExpired:
            return None, "npm install timed out: the registry cannot be reached"
    if done.returncode:
        return None, f"npm install failed: {done.stderr.strip()[-300:]}"
    return program, None


def official_env(home):
    """What the official client sees of the world, in a home of ours."""
    return home.env(
        {
            "NODE_EXTRA_CA_CERTS": home.sim.ca_file,
            "BROWSER": "none",
            "NO_COLOR": "1",
            "PATH": os.environ["PATH"],
        }
    )
