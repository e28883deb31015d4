"""Compares the results of BoringSSL's tests with what is expected of hs.

    check.py EXPECTED RESULTS LOG SKIPPED

EXPECTED explains its own format; RESULTS is the runner's JSON, LOG what it
printed; SKIPPED has a line for each test that the shim did not run: the flag
that it does not know. Prints a summary by reason. Fails if a result is not
expected, or if the shim crashed in any test.
"""
import collections
import fnmatch
import json
import pathlib
import re
import sys

# How a process ends that was neither refused nor killed by the runner.
CRASH = r"exit status (?!1'|89')\d+|signal: (?!killed)"


def read_expected(text):
    """Returns the number of passes, and {"fails": {pattern: reason}, ...}."""
    passed, rows, kind, reason = 0, {"fails": {}, "skipped": {}}, "", ""
    for line in text.splitlines():
        if line.startswith("passed "):
            passed = int(line.split()[1])
        elif line.startswith(" "):
            rows[kind][line.strip()] = reason
        elif line and not line.startswith("#"):
            kind, reason = line.split(": ", 1)
    return passed, rows


def read_log(text):
    """Returns {name: what the runner printed} of the tests that failed."""
    end = r"(?=^(?:PASSED|FAILED|UNIMPLEMENTED) \(|\Z)"
    found = re.findall(rf"^FAILED \((.*?)\)\n(.*?){end}", text, re.S | re.M)
    return {name: " ".join(body.split()) for name, body in found}


def reason_of(patterns, name):
    for pattern, reason in patterns.items():
        if fnmatch.fnmatchcase(name, pattern):
            return reason
    return None


def judge_results(results, fails, failures):
    """Returns what is not expected, and a count for each reason to fail."""
    bad, counts = [], collections.Counter()
    for name, result in sorted(results.items()):
        reason = reason_of(fails, name)
        said = failures.get(name, "")
        if result == "FAIL" and re.search(CRASH, said):
            bad.append(f"{name} crashed: {said}")
        elif result == "FAIL" and not reason:
            bad.append(f"{name} failed: {said}")
        elif result == "PASS" and reason:
            bad.append(f"{name} passed, but should fail: {reason}")
        counts[reason] += result == "FAIL"
    for pattern in fails:
        if not any(fnmatch.fnmatchcase(n, pattern) for n, r in results.items() if r == "FAIL"):
            bad.append(f"no test matches {pattern}")
    return bad, counts


def main():
    files = [pathlib.Path(arg).read_text(errors="replace") for arg in sys.argv[1:5]]
    wanted, rows = read_expected(files[0])
    results = {name: row["actual"] for name, row in json.loads(files[1])["tests"].items()}
    bad, failed = judge_results(results, rows["fails"], read_log(files[2]))
    skipped = collections.Counter()
    for flag, count in collections.Counter(files[3].splitlines()).items():
        if flag not in rows["skipped"]:
            bad.append(f"{count} tests were skipped for a flag that is not listed: {flag}")
        skipped[rows["skipped"].get(flag)] += count
    total = collections.Counter(results.values())
    if total["PASS"] != wanted:
        bad.append(f"{total['PASS']} tests passed, not {wanted}")
    for title, counts in (("FAIL", failed), ("SKIP", skipped)):
        print(f"{total[title]:5} {'fail' if title == 'FAIL' else 'skipped'}, as expected:")
        for reason, count in counts.most_common():
            print(f"{count:9}  {reason}" if count else "", end="\n" if count else "")
    print(f"{total['PASS']:5} pass, of {len(results)}")
    print("".join(f"UNEXPECTED: {line}\n" for line in bad), end="")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
