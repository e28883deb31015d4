"""The programs whose reading of dotenv files `hs secrets apply` agrees with.

dotenv comes from the npm registry, python-dotenv and godotenv from Debian, once, into
the cache folder of the official client; Node is the one on PATH. docker-compose's
reader is in neither: `compose()` follows its rules. What cannot be had is skipped.
"""
import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess

import pytest

from official import CACHE

DOTENV = ("15.0.1", "16.6.1", "17.4.2")
NAMES = (
    *(f"dotenv {v}" for v in DOTENV),
    "node --env-file",
    "python-dotenv",
    "godotenv",
    "docker-compose",
)


@contextlib.contextmanager
def made(name):
    """A folder of the cache, for one process at a time; it yields the folder, and a file
    whose existence says that it is complete."""
    folder = CACHE / "hs-tests" / name
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder, folder / "complete"


def run(*words, **how):
    """Runs an installer; what fails is a reason to skip."""
    if not shutil.which(words[0]):
        pytest.skip(f"there is no {words[0]}")
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=300, **how)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{words[0]} does not end: what it gets is out of reach")
    if done.returncode:
        pytest.skip(f"{' '.join(map(str, words[:2]))} failed: {done.stderr.strip()[-300:]}")


def npm(version):
    with made(f"dotenv-{version}") as (folder, complete):
        if not complete.exists():
            run(
                "npm",
                "install",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--prefix",
                folder,
                f"dotenv@{version}",
                cwd=folder,
            )
            complete.touch()
    return folder / "node_modules" / "dotenv"


def debian(package):
    """The files of a Debian package, not installed."""
    with made(package) as (folder, complete):
        if not complete.exists():
            run("apt-get", "download", package, cwd=folder)
            run("dpkg", "-x", *folder.glob("*.deb"), folder)
            complete.touch()
    return folder


def each(files, *words, **how):
    """Has a program read the files, which it gets as a list of hex texts; the answer is
    a list of maps, or of null where a file is refused. Values are in hex, too."""
    done = subprocess.run(
        words,
        input=json.dumps([f.hex() for f in files]),
        text=True,
        capture_output=True,
        timeout=120,
        **how,
    )
    assert done.returncode == 0, done.stderr
    return [
        None if m is None else {k: bytes.fromhex(v) for k, v in m.items()}
        for m in json.loads(done.stdout)
    ]


def read_dotenv(version, files):
    return each(
        files,
        "node",
        "-e",
        """
        const parse = require(process.argv[1]).parse;
        const hex = m => Object.fromEntries(Object.entries(m).map(
            ([k, v]) => [k, Buffer.from(v).toString('hex')]));
        const files = JSON.parse(require('fs').readFileSync(0));
        console.log(JSON.stringify(files.map(f => hex(parse(Buffer.from(f, 'hex'))))));
        """,
        npm(version),
    )


def read_node(files, folder):
    """Node itself, once a file: what is in its environment afterwards."""
    if not shutil.which("node"):
        pytest.skip("there is no node")
    if b"--env-file" not in subprocess.run(["node", "--help"], capture_output=True).stdout:
        pytest.skip("this node has no --env-file")
    found = []
    for text in files:
        (folder / "f.env").write_bytes(text)
        done = subprocess.run(
            ["node", f"--env-file={folder / 'f.env'}", "-p", "JSON.stringify(process.env)"],
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            timeout=60,
        )
        found.append(
            None
            if done.returncode
            else {k: v.encode() for k, v in json.loads(done.stdout).items() if k != "PATH"}
        )
    return found


def read_python(files):
    return each(
        files,
        "/usr/bin/python3",
        "-c",
        """if True:
        import json, logging, os, sys, tempfile
        sys.path.insert(0, sys.argv[1])
        import dotenv
        logging.disable(logging.CRITICAL)
        found = []
        for text in json.load(sys.stdin):
            with tempfile.NamedTemporaryFile() as file:
                file.write(bytes.fromhex(text))
                file.flush()
                try:
                    values = dotenv.dotenv_values(file.name)
                    found.append({k: v.encode().hex() for k, v in values.items()
                                  if v is not None})
                except UnicodeDecodeError:
                    found.append(None)
        print(json.dumps(found))
        """,
        debian("python3-dotenv") / "usr/lib/python3/dist-packages",
        env={},
    )


GO = """package main

import (
    "encoding/hex"
    "encoding/json"
    "os"

    "github.com/joho/godotenv"
)

func main() {
    var files []string
    found := []map[string]string{}
    if json.NewDecoder(os.Stdin).Decode(&files) != nil {
        os.Exit(1)
    }
    for _, file := range files {
        text, _ := hex.DecodeString(file)
        values, err := godotenv.UnmarshalBytes(text)
        for name, value := range values {
            values[name] = hex.EncodeToString([]byte(value))
        }
        if err != nil {
            values = nil
        }
        found = append(found, values)
    }
    json.NewEncoder(os.Stdout).Encode(found)
}
"""


def read_godotenv(files):
    sources = debian("golang-github-joho-godotenv-dev") / "usr/share/gocode"
    with made("godotenv") as (folder, complete):
        if not complete.exists():
            (folder / "main.go").write_text(GO)
            run(
                "go",
                "build",
                "-o",
                "read",
                "main.go",
                cwd=folder,
                env={**os.environ, "GO111MODULE": "off", "GOPATH": str(sources), "GOFLAGS": ""},
            )
            complete.touch()
    return each(files, folder / "read")


class Refused(Exception):
    pass


BLANK = r"[\t\v\f\r \x85\xa0]*"
ESCAPES = dict(zip('abfnrtv"\\', '\a\b\f\n\r\t\v"\\'))


def unescape(found):
    """An escape that docker-compose knows in double quotes; "$" is for expand()."""
    escape = found[1]
    if escape.isdigit():
        return chr(int(escape[1:], 8)) if re.fullmatch("0[0-3][0-7]{2}", escape) else found[0]
    return "$$" if escape == "$" else ESCAPES.get(escape, found[0])


def expand(value):
    """Each "$" begins a variable, or is an error, or is the first of two."""
    if "$" in value:
        raise Refused
    return value


def compose(data):
    """Reads a file as docker-compose 2 does (compose-go, dotenv/parser.go)."""
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    values, at = {}, 0
    while True:
        at = re.compile(r"(?:\s|#[^\n]*(?:\n|$))*").match(text, at).end()
        if at == len(text):
            return {k: v.encode("utf-8", "surrogateescape") for k, v in values.items()}
        name = re.compile(rf"(?:export[\t\n\f\r ]{BLANK})?([^=:\n]*)[=:]{BLANK}").match(text, at)
        key = name and name[1].strip()
        if not name or not re.fullmatch(r"[\w.\-\[\]]*", key):
            raise Refused
        at = name.end()
        quote = text[at : at + 1]
        if quote and quote in "'\"":
            quoted = re.compile(rf"{quote}((?:\\.|[^\\{quote}])*){quote}", re.DOTALL).match(
                text, at
            )
            if not quoted:
                raise Refused
            value = quoted[1].replace("\\" + quote, quote)
            if quote == '"':
                value = expand(re.sub(r'\\([abcfnrtv$"\\]|0\d{0,3})', unescape, value))
            at = quoted.end()
        else:
            line = re.compile(r"[^\n]*").match(text, at)
            value = expand(line[0].split(" #")[0].rstrip())
            at = line.end()
        values[key] = value


def read_compose(files):
    found = []
    for text in files:
        try:
            found.append(compose(text))
        except Refused:
            found.append(None)
    return found


def read(name, files, folder):
    """What one of NAMES reads from each file: a map of bytes, or None."""
    if name.startswith("dotenv "):
        return read_dotenv(name.split()[1], files)
    if name == "node --env-file":
        return read_node(files, folder)
    return {
        "python-dotenv": read_python,
        "godotenv": read_godotenv,
        "docker-compose": read_compose,
    }[name](files)
