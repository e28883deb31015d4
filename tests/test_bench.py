"""The bench at a distance starts and prints its table."""
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import BINS

BENCH = pathlib.Path(__file__).resolve().parent / "bench"


def run(*command):
    """Runs a command for the first build only: the bench measures releases."""
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HS_BIN": str(BINS[0])}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)


@pytest.fixture
def nginx():
    if not shutil.which("nginx", path="/usr/sbin:/usr/bin"):
        pytest.skip("nginx is not installed")


def test_the_bench_at_a_distance_prints_a_table(nginx):
    """A GET of curl takes three round trips: TCP, TLS 1.3 and the request. A relay
    does not delay the first."""
    done = run(BENCH / "run.sh", "distance", "--quick", "get", "upload")
    assert done.returncode == 0, done.stderr
    for row in ("GET, RTT 25 ms", "GET, RTT 100 ms", "GET, round trips", "upload, RTT 25 ms"):
        assert re.search(rf"^  {row} +[\d.]+ +[\d.]+ ", done.stdout, re.M), done.stdout
    relay = "cannot create network namespaces" in done.stdout
    took = re.search(r"^  GET, RTT 100 ms +[\d.]+ +([\d.]+) ", done.stdout, re.M)
    assert float(took[1]) >= (200 if relay else 300), done.stdout


def test_the_bench_at_a_distance_refuses_an_unknown_part():
    done = run("/usr/bin/python3", "-B", BENCH / "distance.py", "tools", "nonsense")
    assert done.returncode == 2
    assert "unknown part: nonsense" in done.stderr
