"""Help topics, man page, versions and licences: all generated from the commands' objects."""

import json
import os
import pathlib
import re
import subprocess

import pytest

from calls import is_sanitized

SOURCE = (pathlib.Path(__file__).parents[1] / "hs.c").read_text()

TOPICS = {
    "options": ["--no-input", "--max-wait SECONDS", "--no-<flag>"],
    "environment": ["HUBSPOT_ACCESS_TOKEN", "HTTPS_PROXY", "SSL_CERT_FILE", "NO_COLOR"],
    "exit-codes": ["  6  rate limit", "143  ended by SIGTERM"],
    "config": ["~/.hscli/config.yml", ".hs/settings.json"],
    "json": ["hs account list", "accounts"],
}


def mandoc(text, *args):
    return subprocess.run(
        args,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )


@pytest.mark.parametrize("topic", TOPICS)
def test_topic(hs, topic):
    result = hs("help", topic)
    assert result.code == 0 and result.err == ""
    assert max(map(len, result.out.splitlines())) <= 80
    for words in TOPICS[topic]:
        assert words in result.out


def test_topics_are_listed(hs):
    text = hs("--help").out
    for topic in TOPICS:
        assert re.search(rf"^  help {topic}  +\w", text, re.M), topic


def test_help_of_the_group_config_has_the_topic(hs):
    text = hs("help", "config").out
    assert "hs config <command>" in text and "~/.hscli/config.yml" in text


@pytest.mark.parametrize("args", [["help", "nothing"], ["nothing", "--help"], ["options"]])
def test_unknown_topic(hs, args):
    result = hs(*args)
    assert result.code == 2 and result.out == ""
    assert f"'{next(a for a in args if a[0] != '-' and a != 'help')}'" in result.err


# Variables that hs reads and does not document: they belong to the system and the terminal.
SYSTEM = set(
    """HOME PATH SHELL XDG_CONFIG_HOME INIT_CWD VTE_VERSION TERM_PROGRAM WT_SESSION KONSOLE_VERSION
    DISPLAY WAYLAND_DISPLAY SSH_CONNECTION SSH_TTY no_proxy""".split()
)


def test_every_variable_that_is_read_is_documented(hs):
    read = re.findall(r'\b(?:os_env|config_env)\("(\w+)"\)|\.env = "(\w+)"', SOURCE)
    names = {name for pair in read for name in pair if name}
    assert SYSTEM <= names and len(names - SYSTEM) > 15
    text = " ".join(hs("help", "environment").out.split())
    secrets = re.search(r"contains the secret: ([\w, ]+)\.", text).group(1)
    files = {f"HUBSPOT_{name}_FILE" for name in secrets.split(", ")}
    missing = [name for name in names - SYSTEM - files if not re.search(rf"\b{name}\b", text)]
    assert missing == []


def test_every_exit_code_is_documented(hs):
    codes = re.findall(r"^    EXIT_[A-Z_]+ = (\d+)", SOURCE, re.M)
    assert len(codes) > 12
    text = hs("help", "exit-codes").out
    assert re.findall(r"^ +(\d+) ", text, re.M) == codes


def test_man_page_is_clean(hs):
    page = hs("man")
    assert page.code == 0 and page.err == "" and page.out == hs("help", "man").out
    lint = mandoc(page.out, "mandoc", "-T", "lint")
    assert (lint.returncode, lint.stdout, lint.stderr) == (0, "", "")
    groff = mandoc(page.out, "groff", "-mdoc", "-Tutf8", "-ww")
    assert groff.returncode == 0 and groff.stderr == ""


def test_man_page_has_every_command_option_and_code(hs):
    page = mandoc(hs("man").out, "mandoc", "-T", "ascii").stdout
    page = re.sub(r".\x08", "", page)
    for line in re.findall(r"^  ([a-z-]+(?: [a-z-]+)?) .*$", hs("--help").out, re.M):
        if not line.startswith(("help", "man")):
            assert f"hs {line}" in page
    for words in ("--no-input", "HUBSPOT_ACCESS_TOKEN", "NODE_EXTRA_CA_CERTS", "143"):
        assert words in page


def test_version_names_every_part(hs):
    result = hs("version", "--json")
    parts = json.loads(result.out)
    assert parts.pop("version") == hs("--version").out.strip()
    assert list(parts) == [
        "commit",
        "compiler",
        "bearssl",
        "libyaml",
        "cjson",
        "musl",
        "trustAnchors",
    ]
    assert all(parts.values())
    assert hs("--version", "--json").out == result.out
    text = hs("version").out
    for name, value in parts.items():
        assert re.search(rf"^{name} +{re.escape(value)}$", text, re.M)


def test_version_of_what_ships(hs):
    """The release binary knows its parts; the one with sanitizers is built without them."""
    parts = json.loads(hs("version", "--json").out)
    if is_sanitized(hs):
        assert parts["musl"] == "unknown"
    else:
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", parts["trustAnchors"])
        assert parts["bearssl"] == "0.6" and re.fullmatch(r"[\d.]+", parts["musl"])


def test_licences_have_each_copyright_and_the_permission(hs):
    text = hs("licenses").out
    for words in ("The hs authors", "Thomas Pornin", "Kirill Simonov", "Dave Gamble"):
        assert re.search(rf"Copyright.*{words}", text), words
    assert "Rich Felker" in text
    assert "Permission is hereby granted" in text and "WITHOUT WARRANTY" in text
