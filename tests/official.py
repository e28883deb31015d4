"""HubSpot's own client, to run beside ours.

It comes from the npm registry, once, into a cache folder; where npm is not at
hand, or the registry is not, the tests that want it are skipped. It takes some
two seconds a run, so each run has to show something.
"""
import fcntl
import os
import pathlib
import shutil
import subprocess

import pytest

VERSION = "8.14.0"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()


@pytest.fixture(scope="session")
def official_client():
    """The path of the official client's program, installed if need be."""
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("npm is not at hand: the official client cannot be installed")
    folder = CACHE / "hs-tests" / f"hubspot-cli-{VERSION}"
    program = folder / "node_modules" / ".bin" / "hs"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:  # for pytest's parallel workers
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            try:
                done = subprocess.run(
                    [
                        npm,
                        "install",
                        "--ignore-scripts",
                        "--no-audit",
                        "--no-fund",
                        "--prefix",
                        folder,
                        f"@hubspot/cli@{VERSION}",
                    ],
                    cwd=folder,
                    capture_output=True,
                    text=True,
                    timeout=300,
                )
            except subprocess.TimeoutExpired:
                pytest.skip("npm install came to no end: the registry is out of reach")
            if done.returncode:
                pytest.skip(f"npm install failed: {done.stderr.strip()[-300:]}")
    return program


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
