"""./build.sh install: what it writes, and where."""
import os
import pathlib
import stat
import subprocess

import pytest

REPO = pathlib.Path(__file__).resolve().parent.parent
HS = REPO / "build" / "hs"


def install(**env):
    """Run ./build.sh install with these variables."""
    clean = {k: v for k, v in os.environ.items() if k not in ("PREFIX", "DESTDIR")}
    return subprocess.run(
        [REPO / "build.sh", "install"],
        env={**clean, **env},
        cwd="/",
        umask=0o077,
        capture_output=True,
        text=True,
        timeout=600,
    )


def printed(*args):
    return subprocess.run([HS, *args], capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def built():
    if not HS.exists():
        pytest.skip("build/hs is not built: run ./build.sh")


@pytest.mark.parametrize(
    "prefix, top", (("/usr", "usr"), ("/opt/hs/", "opt/hs"), (None, "usr/local"))
)
def test_install_writes_program_manual_and_completions(built, tmp_path, prefix, top):
    dest = tmp_path / "dest dir"
    done = install(DESTDIR=str(dest), **({"PREFIX": prefix} if prefix else {}))
    assert done.returncode == 0, done.stderr
    expected = {
        "bin/hs": (0o755, HS.read_bytes()),
        "share/man/man1/hs.1": (0o644, printed("man")),
        "share/bash-completion/completions/hs": (0o644, printed("completion", "bash")),
        "share/zsh/site-functions/_hs": (0o644, printed("completion", "zsh")),
        "share/fish/vendor_completions.d/hs.fish": (0o644, printed("completion", "fish")),
    }
    found = {
        str(path.relative_to(dest / top)): (stat.S_IMODE(path.stat().st_mode), path.read_bytes())
        for path in dest.rglob("*")
        if path.is_file()
    }
    assert found == expected
    for name in expected:
        assert f"installed {dest / top / name}\n" in done.stderr
    assert expected["share/man/man1/hs.1"][1].startswith(b".")


def test_install_refuses_a_relative_prefix(built, tmp_path):
    done = install(DESTDIR=str(tmp_path), PREFIX="usr")
    assert done.returncode == 1
    assert "PREFIX must be an absolute path: usr" in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_installed_program_runs(built, tmp_path):
    assert install(PREFIX=str(tmp_path)).returncode == 0
    program = tmp_path / "bin" / "hs"
    done = subprocess.run([program, "--version"], capture_output=True, check=True)
    assert done.stdout == printed("--version")
