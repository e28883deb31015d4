"""tests/bogo/check.py, which judges the results of BoringSSL's tests; ./build.sh
prove runs them."""

import json
import pathlib
import subprocess
import sys

import pytest

BOGO = pathlib.Path(__file__).parent / "bogo"
EXPECTED = """# a comment
passed 2

fails: not offered
    *-TLS13
skipped: a client
    -server
"""
RESULTS = {"A": "PASS", "B": "PASS", "C-TLS13": "FAIL", "D": "SKIP"}
REFUSED = "unexpected failure: child error 'exit status 1'"


def check(tmp_path, results, said=REFUSED, skipped="-server\n"):
    log = "".join(
        f"FAILED ({name})\n{said}\n\n" if result == "FAIL" else f"PASSED ({name})\n"
        for name, result in results.items()
    )
    tests = {name: {"actual": result} for name, result in results.items()}
    files = (EXPECTED, json.dumps({"tests": tests}), log, skipped)
    paths = [tmp_path / str(i) for i in range(4)]
    for path, text in zip(paths, files):
        path.write_text(text)
    return subprocess.run(
        [sys.executable, "-B", BOGO / "check.py", *paths], capture_output=True, text=True
    )


def test_expected_results(tmp_path):
    done = check(tmp_path, RESULTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1  not offered" in done.stdout and "1  a client" in done.stdout


@pytest.mark.parametrize(
    "results, more, message",
    [
        ({"A": "FAIL"}, {}, "A failed: unexpected failure"),
        ({"A": "SKIP"}, {}, "1 tests passed, not 2"),
        ({"E": "PASS"}, {}, "3 tests passed, not 2"),
        ({"E-TLS13": "PASS"}, {}, "E-TLS13 passed, but should fail: not offered"),
        ({"C-TLS13": "SKIP"}, {}, "no test matches *-TLS13"),
        ({}, {"said": "child error 'exit status 90'"}, "C-TLS13 crashed"),
        ({}, {"said": "child error 'signal: segmentation fault'"}, "C-TLS13 crashed"),
        ({}, {"skipped": "-server\n-new\n"}, "1 tests were skipped for a flag that is not"),
    ],
)
def test_unexpected_results(tmp_path, results, more, message):
    done = check(tmp_path, {**RESULTS, **results}, **more)
    assert done.returncode == 1
    assert f"UNEXPECTED: {message}" in done.stdout


def test_each_entry_has_a_reason():
    lines = (BOGO / "expected").read_text().splitlines()
    heads = [line for line in lines if line and line[0] not in "# " and "passed" not in line[:6]]
    assert len(heads) > 20
    for head in heads:
        kind, _, reason = head.partition(": ")
        assert kind in ("fails", "skipped") and len(reason) > 15, head


def test_unknown_job_of_prove():
    build = BOGO.parents[1] / "build.sh"
    done = subprocess.run([build, "prove", "nothing"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "no such job: nothing. Jobs: bogo" in done.stderr
