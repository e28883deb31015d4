"""The unit tests are C programs that include hs.c: run them, believe their count."""
import os
import pathlib
import re
import subprocess

import pytest

REPO = pathlib.Path(__file__).resolve().parent.parent
UNITS = [
    pathlib.Path(p)
    for p in os.environ.get("HS_UNITS", f"{REPO}/build/unit:{REPO}/build/unit-debug").split(":")
    if p
]


@pytest.mark.parametrize("program", UNITS, ids=lambda p: p.name)
def test_unit(program, tmp_path):
    if not program.exists() and "HS_UNITS" not in os.environ:
        pytest.skip(f"{program} is not built")
    done = subprocess.run(
        [program.resolve()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=300,
    )
    print(done.stdout, done.stderr)  # pytest shows it where the test fails
    assert done.returncode == 0
    assert "runtime error:" not in done.stderr and "Sanitizer" not in done.stderr
    last = (done.stdout.strip() or "(nothing)").splitlines()[-1]
    count = re.fullmatch(r"unit: (\d+) checks passed", last)
    assert count and int(count[1]) > 0, f"unexpected closing line: {last}"
