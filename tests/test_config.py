"""Config files: sources, the choice of account, validation, what a rewrite keeps."""
import contextlib
import datetime
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import time

import pytest
import yaml

import conftest
from calls import ECHO, is_sanitized, refused, used
from conftest import held, mode, write_links

OFFICIAL = pathlib.Path("/tmp/official/node_modules/js-yaml")
KEY = "CiRuYTEt" * 10
LIST = ["account", "list"]


@pytest.fixture
def live(hs, sim):
    """Three accounts in the global file, 101 the default, with live tokens."""
    hs.sign_in(*(sim.portal(n) for n in (101, 202, 303)))
    sim.log.clear()
    return hs


# ---- which file


def deprecated(sim, *portals, name="defaultPortal", **fields):
    """A config of the old form, with live tokens."""
    accounts = []
    for portal in portals:
        token, expiry = portal.issue()
        when = datetime.datetime.fromtimestamp(expiry, datetime.timezone.utc)
        accounts.append(
            {
                "name": f"portal-{portal.hub_id}",
                "portalId": portal.hub_id,
                "authType": "personalaccesskey",
                "personalAccessKey": portal.key,
                "auth": {"tokenInfo": {"accessToken": token, "expiresAt": when.isoformat()}},
                **fields,
            }
        )
    return {name: accounts[0]["name"], "portals": accounts}


def test_the_order_of_the_sources(live, sim, tmp_path):
    named, env_file, near = (sim.portal(n) for n in (404, 505, 606))
    file = live.write_yaml(deprecated(sim, named), tmp_path / "named.yml")
    other = live.write_yaml(deprecated(sim, env_file), tmp_path / "other.yml")
    live.write_yaml(deprecated(sim, near), live.cwd / "hubspot.config.yml")
    env = {"HUBSPOT_CONFIG_PATH": other}
    assert used(live) == 101
    assert used(live, env=env) == 505
    assert used(live, "--config", file) == 404
    assert used(live, "-c", file, env=env) == 404
    live.config_path.unlink()
    assert used(live) == 606


def test_a_named_file_that_is_missing_is_no_other(live, tmp_path):
    refused(live, ["api", ECHO, "-c", tmp_path / "none.yml"], 3, tmp_path / "none.yml")
    refused(live, LIST, 3, "none.yml", env={"HUBSPOT_CONFIG_PATH": "none.yml"})


def test_a_broken_global_file_is_no_other(live, sim):
    """The deprecated one is used where there is no global one, not where it is bad."""
    live.write_yaml(deprecated(sim, sim.portal(606)), live.cwd / "hubspot.config.yml")
    for text in ("", "{", "accounts: []", "- x"):
        live.write_yaml(text)
        refused(live, ["api", ECHO], 3, live.config_path)


@pytest.mark.parametrize("name", ["hubspot.config.yml", "hubspot.config.yaml"])
def test_the_deprecated_file_is_found_upward(hs, sim, name):
    hs.write_yaml(deprecated(sim, sim.portal(101)), hs.cwd / name)
    below = hs.cwd / "a" / "b"
    below.mkdir(parents=True)
    assert used(hs, cwd=below) == 101
    assert used(hs, cwd=hs.home, env={"INIT_CWD": below}) == 101
    refused(hs, LIST, 3, cwd=hs.home)


def test_the_nearest_deprecated_file_counts(hs, sim):
    below = hs.cwd / "a"
    below.mkdir()
    hs.write_yaml(deprecated(sim, sim.portal(101)), hs.cwd / "hubspot.config.yml")
    hs.write_yaml(deprecated(sim, sim.portal(202)), below / "hubspot.config.yaml")
    assert used(hs, cwd=below) == 202
    hs.write_yaml(deprecated(sim, sim.portal(303)), below / "hubspot.config.yml")
    assert used(hs, cwd=below) == 303


def test_a_deprecated_file_is_written_back_in_its_form(hs, sim):
    portal = sim.portal(101)
    before = {
        "defaultPortal": "portal-101",
        "defaultMode": "draft",
        "mine": {"x": [1, "2"]},
        **deprecated(sim, portal),
    }
    before["portals"][0].update(auth={"tokenInfo": {}}, sandboxAccountType="DEVELOPER")
    path = hs.write_yaml(before, hs.cwd / "hubspot.config.yml")
    assert used(hs) == 101
    after = hs.read_config(path)
    assert after["portals"][0]["auth"]["tokenInfo"].pop("accessToken") in portal.tokens
    assert after["portals"][0]["auth"]["tokenInfo"].pop("expiresAt")
    assert after == before and list(after) == list(before)
    assert not hs.config_path.parent.exists() and mode(path) == 0o600


@pytest.mark.parametrize("form", ["global", "deprecated"])
def test_a_named_file_keeps_its_form(hs, sim, tmp_path, form):
    portal = sim.portal(101)
    path = tmp_path / "x.yml"
    if form == "global":
        hs.write_config(portal, path=path)
    else:
        hs.write_yaml(deprecated(sim, portal), path)
    keys = list(hs.read_config(path))
    env = {"HUBSPOT_CONFIG_PATH": path}
    second = sim.portal(202)
    assert hs("account", "auth", "--pak", second.key, "--default", env=env).code == 0
    assert used(hs, env=env) == 202
    config = hs.read_config(path)
    assert list(config) == keys
    if form == "global":
        assert config["defaultAccount"] == 202
        assert [a["accountId"] for a in config["accounts"]] == [101, 202]
    else:
        assert config["defaultPortal"] == "portal-202"
        assert [a["portalId"] for a in config["portals"]] == [101, 202]
        assert "accountId" not in config["portals"][1]


def test_account_types_of_old_files(hs, sim):
    data = deprecated(sim, *(sim.portal(n) for n in (1, 2, 3)))
    data["portals"][0]["sandboxAccountType"] = "DEVELOPER"
    data["portals"][1]["sandboxAccountType"] = "STANDARD"
    data["portals"][2].update(sandboxAccountType="STANDARD", accountType="APP_DEVELOPER")
    hs.write_yaml(data, hs.cwd / "hubspot.config.yml")
    assert [a["accountType"] for a in hs("account", "list", "--json").json["accounts"]] == [
        "DEVELOPMENT_SANDBOX",
        "STANDARD_SANDBOX",
        "APP_DEVELOPER",
    ]


# ---- the environment

ENV_KEYS = (
    "HUBSPOT_PERSONAL_ACCESS_KEY",
    "HUBSPOT_API_KEY",
    "HUBSPOT_CLIENT_ID",
    "HUBSPOT_CLIENT_SECRET",
    "HUBSPOT_REFRESH_TOKEN",
)


@pytest.mark.parametrize("id_name", ["HUBSPOT_ACCOUNT_ID", "HUBSPOT_PORTAL_ID"])
@pytest.mark.parametrize("how", ["--use-env", "variable", "--useEnv"])
def test_use_env(live, sim, id_name, how):
    portal = sim.portal(404)
    env = {id_name: 404, "HUBSPOT_PERSONAL_ACCESS_KEY": portal.key}
    before = live.config_path.read_bytes()
    args = [how] if how.startswith("-") else []
    if not args:
        env["USE_ENVIRONMENT_HUBSPOT_CONFIG"] = "true"
    assert used(live, *args, env=env) == 404
    assert live.config_path.read_bytes() == before


def test_use_env_writes_nothing(hs, sim):
    portal = sim.portal(404)
    env = {"HUBSPOT_ACCOUNT_ID": 404, "HUBSPOT_PERSONAL_ACCESS_KEY": portal.key}
    assert used(hs, "--use-env", env=env) == 404
    assert list(hs.home.iterdir()) == [] and list(hs.cwd.iterdir()) == []


def test_use_env_ignores_a_linked_directory(live, sim):
    portal = sim.portal(404)
    write_links(live, {"localDefaultAccount": 202, "accounts": [202]})
    (live.cwd / ".hsaccount").write_text("303")
    env = {"HUBSPOT_ACCOUNT_ID": 404, "HUBSPOT_PERSONAL_ACCESS_KEY": portal.key}
    assert used(live, "--use-env", env=env) == 404


def test_use_env_of_the_other_kinds(hs, sim):
    portal = sim.portal(404)
    oauth = {
        "HUBSPOT_CLIENT_ID": portal.oauth["client_id"],
        "HUBSPOT_CLIENT_SECRET": portal.oauth["client_secret"],
        "HUBSPOT_REFRESH_TOKEN": portal.oauth["refresh_token"],
    }
    assert used(hs, "--use-env", env={"HUBSPOT_ACCOUNT_ID": 404, **oauth}) == 404
    assert sim.log[0].path == "/oauth/2026-03/token"
    assert (
        used(hs, "--use-env", env={"HUBSPOT_ACCOUNT_ID": 404, "HUBSPOT_API_KEY": portal.api_key})
        == 404
    )
    assert sim.log[-1].param("hapikey") == portal.api_key
    env = {
        "HUBSPOT_ACCOUNT_ID": 404,
        "HUBSPOT_PERSONAL_ACCESS_KEY": portal.key,
        **oauth,
        "HUBSPOT_API_KEY": portal.api_key,
        "HUBSPOT_ENVIRONMENT": "qa",
    }
    assert used(hs, "--use-env", env=env) == 404
    assert sim.log[-1].host == "api.hubapiqa.com"
    assert sim.log[-2].path == "/localdevauth/v1/auth/refresh"


@pytest.mark.parametrize(
    "env, word",
    [
        ({}, "HUBSPOT_ACCOUNT_ID"),
        ({"HUBSPOT_ACCOUNT_ID": "acme"}, "HUBSPOT_ACCOUNT_ID"),
        ({"HUBSPOT_PORTAL_ID": "acme"}, "HUBSPOT_PORTAL_ID"),
        ({"HUBSPOT_ACCOUNT_ID": "-5"}, "HUBSPOT_ACCOUNT_ID"),
        ({"HUBSPOT_ACCOUNT_ID": "0"}, "HUBSPOT_ACCOUNT_ID"),
        ({"HUBSPOT_ACCOUNT_ID": "101"}, "HUBSPOT_PERSONAL_ACCESS_KEY"),
        ({"HUBSPOT_ACCOUNT_ID": "101", "HUBSPOT_CLIENT_ID": "x"}, "HUBSPOT_PERSONAL_ACCESS_KEY"),
        (
            {"HUBSPOT_ACCOUNT_ID": "101", "HUBSPOT_API_KEY": "x", "HTTP_TIMEOUT": "5s"},
            "HTTP_TIMEOUT",
        ),
    ],
)
def test_use_env_incomplete(live, env, word):
    refused(live, ["api", ECHO, "--use-env"], 3, word, env=env)


def test_white_space_around_what_the_environment_says(hs, sim):
    """What a CI system keeps as a secret often ends with a line break."""
    portal = sim.portal(404)
    for more in (
        {"HUBSPOT_PERSONAL_ACCESS_KEY": portal.key},
        {"HUBSPOT_API_KEY": portal.api_key},
        {
            "HUBSPOT_CLIENT_ID": portal.oauth["client_id"],
            "HUBSPOT_CLIENT_SECRET": portal.oauth["client_secret"],
            "HUBSPOT_REFRESH_TOKEN": portal.oauth["refresh_token"],
        },
    ):
        env = {"HUBSPOT_ACCOUNT_ID": 404, "HTTP_TIMEOUT": 5000, **more}
        assert used(hs, "--use-env", env={k: f" {v}\r\n" for k, v in env.items()}) == 404


@pytest.mark.parametrize(
    "key", ["•" * 40, "pat-na1-0123456789abcdef0123", "two words of a key that is long"]
)
def test_use_env_never_sends_an_invalid_key(hs, sim, key):
    done = hs(
        "api",
        ECHO,
        "--use-env",
        env={"HUBSPOT_ACCOUNT_ID": 404, "HUBSPOT_PERSONAL_ACCESS_KEY": key},
    )
    assert done.code == 2 and "personal access key" in done.err, done.err
    assert sim.proxy.seen == []


def test_use_env_goes_with_nothing_else(live, sim, tmp_path):
    env = {"HUBSPOT_ACCOUNT_ID": 101, "HUBSPOT_PERSONAL_ACCESS_KEY": sim.portals[101].key}
    refused(live, ["api", ECHO, "--use-env", "-a", "101"], 2, "--account", env=env)
    refused(live, ["api", ECHO, "--use-env", "-c", "x"], 2, "--use-env", env=env)
    refused(
        live,
        ["api", ECHO, "--use-env"],
        2,
        "HUBSPOT_CONFIG_PATH",
        env={**env, "HUBSPOT_CONFIG_PATH": tmp_path / "x"},
    )
    refused(
        live,
        ["account", "list"],
        2,
        env={**env, "HUBSPOT_CONFIG_PATH": "x", "USE_ENVIRONMENT_HUBSPOT_CONFIG": "true"},
    )
    refused(
        live,
        ["api", ECHO, "-a", "303"],
        3,
        "303",
        env={**env, "USE_ENVIRONMENT_HUBSPOT_CONFIG": "true"},
    )


# ---- which account


def test_the_order_of_what_chooses(live):
    assert used(live) == 101
    (live.cwd / ".hsaccount").write_text("202")
    assert used(live) == 202
    write_links(live, {"localDefaultAccount": 303, "accounts": [303]})
    assert used(live) == 303
    assert used(live, "-a", "101") == 101
    assert used(live, "--account=portal-202") == 202


def test_files_above_the_working_folder_choose(live):
    below = live.cwd / "a" / "b"
    below.mkdir(parents=True)
    (live.cwd / ".hsaccount").write_text("202")
    (live.cwd / "a" / ".hsaccount").write_text("303\n")
    assert used(live, cwd=below) == 303
    assert used(live) == 202
    assert used(live, cwd=live.home) == 101
    assert used(live, cwd=live.home, env={"INIT_CWD": below}) == 303
    write_links(live, {"localDefaultAccount": 101, "accounts": [101]})
    assert used(live, cwd=below) == 101
    write_links(live, {"localDefaultAccount": 202, "accounts": [202]}, below)
    assert used(live, cwd=below) == 202


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"accounts": [101]},
        {"localDefaultAccount": None},
        {"accounts": [], "localDefaultAccount": None},
    ],
)
def test_a_linked_folder_without_a_default(live, settings):
    write_links(live, settings)
    assert used(live) == 101


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "acme",
        "1e2",
        "0",
        "-101",
        "x101",
        "# 101",
        "999",
        "{}",
        "\0",
        "1" * 2000,
        "portal-101",
    ],
)
def test_a_bad_override_is_named(live, text):
    path = live.cwd / ".hsaccount"
    path.write_text(text)
    refused(live, ["api", ECHO, "-X", "DELETE"], 3, path, "--account")
    refused(live, ["account", "info"], 3, path)
    assert used(live, "-a", "202") == 202
    listing = live("account", "list")
    assert listing.code == 0 and str(path) in listing.err


def test_an_override_that_is_a_folder(live):
    (live.cwd / ".hsaccount").mkdir()
    refused(live, ["api", ECHO], 3, live.cwd / ".hsaccount")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "12",
        '{"localDefaultAccount": 999}',
        '{"localDefaultAccount": "acme"}',
        '{"localDefaultAccount": 1.5}',
        '{"localDefaultAccount": -101}',
        '{"localDefaultAccount": [101]}',
        '{"localDefaultAccount": 1e300}',
        '{"localDefaultAccount": true}',
        "[" * 100000,
        '{"accounts": [101]',
        "\0",
        "localDefaultAccount: 202",
    ],
)
def test_bad_settings_of_a_folder_are_named(live, text):
    """Nothing may fall back to another account than the one that was meant."""
    path = write_links(live, text)
    refused(live, ["api", ECHO, "-X", "DELETE"], 3, path, "--account")
    assert used(live, "-a", "202") == 202
    listing = live("account", "list")
    assert listing.code == 0 and str(path) in listing.err


@pytest.mark.parametrize("form", ["global", "deprecated"])
def test_an_override_counts_for_the_global_file_alone(live, sim, tmp_path, form):
    portal = sim.portal(404)
    path = tmp_path / "named.yml"
    if form == "global":
        live.write_config(portal, path=path)
    else:
        live.write_yaml(deprecated(sim, portal), path)
    (live.cwd / ".hsaccount").write_text("202")
    assert used(live, "-c", path) == 404
    assert used(live, env={"HUBSPOT_CONFIG_PATH": path}) == 404


@pytest.mark.parametrize(
    "value, counts",
    [
        ("fast", 15000),
        (-1, 15000),
        ([3000], 15000),
        ("1e4", 15000),
        (2999, 3000),
        (0, 3000),
        (3000, None),
        ("20000", None),
        (None, None),
    ],
)
def test_a_time_out_that_cannot_be_meant(hs, sim, value, counts):
    """It is said, and a sensible one counts."""
    hs.write_config(sim.portal(101), httpTimeout=value)
    done = hs("api", ECHO)
    assert done.code == 0
    assert ("warning" in done.err) == (counts is not None)
    assert counts is None or re.search(f"httpTimeout in .*; using {counts}\\b", done.err), done.err


def test_the_longest_time_out_is_no_end_at_once(hs, sim):
    """It was added to the clock, and came out before now."""
    hs.write_config(sim.portal(101), httpTimeout=2**63 - 1)
    assert used(hs, "--max-wait", "0") == 101


@pytest.mark.parametrize("default", [None, "", 999, "nobody", "portal", "10", "0x65"])
def test_a_default_that_does_not_exist(hs, sim, default):
    hs.write_config(sim.portal(101), defaultAccount=default)
    refused(hs, ["api", ECHO], 3, hs.config_path, "--account")


def test_a_default_by_name(hs, sim):
    hs.write_config(sim.portal(101), sim.portal(202), defaultAccount="portal-202")
    assert used(hs) == 202


# ---- validation


@pytest.mark.parametrize(
    "account, fault",
    [
        ({"authType": "apikey", "apiKey": "x"}, "account ID"),
        ({"accountId": "acme", "authType": "apikey", "apiKey": "x"}, "account ID"),
        ({"accountId": -1, "authType": "apikey", "apiKey": "x"}, "account ID"),
        ({"accountId": 0, "authType": "apikey", "apiKey": "x"}, "account ID"),
        ({"accountId": 1.5, "authType": "apikey", "apiKey": "x"}, "account ID"),
        ({"accountId": 2**63, "authType": "apikey", "apiKey": "x"}, "account ID"),
        ({"accountId": [5], "authType": "apikey", "apiKey": "x"}, "account ID"),
        ({"accountId": 5}, "authType"),
        ({"accountId": 5, "authType": None}, "authType"),
        ({"accountId": 5, "authType": "magic"}, "authType"),
        ({"accountId": 5, "authType": ["apikey"]}, "authType"),
        ({"accountId": 5, "authType": "personalaccesskey"}, "key"),
        ({"accountId": 5, "authType": "personalaccesskey", "personalAccessKey": None}, "key"),
        ({"accountId": 5, "authType": "personalaccesskey", "personalAccessKey": {"a": 1}}, "key"),
        ({"accountId": 5, "authType": "apikey", "personalAccessKey": "x"}, "key"),
        ({"accountId": 5, "authType": "oauth2"}, "auth"),
        ({"accountId": 5, "authType": "oauth2", "auth": "x"}, "auth"),
        ({"accountId": 5, "authType": "oauth2", "auth": {"clientId": "x"}}, "auth"),
        ({"accountId": 5, "authType": "apikey", "apiKey": "x", "name": "two words"}, "white space"),
        ({"accountId": 5, "authType": "apikey", "apiKey": "x", "name": "a\tb"}, "white space"),
        ({"accountId": 5, "authType": "apikey", "apiKey": "x", "name": ["a"]}, "name"),
        ({"accountId": 101, "authType": "apikey", "apiKey": "x"}, "duplicate"),
        ({"accountId": 5, "authType": "apikey", "apiKey": "x", "name": "PORTAL-101"}, "duplicate"),
        (None, "account ID"),
        ("text", "account ID"),
        ([], "account ID"),
        (7, "account ID"),
    ],
)
def test_a_fault_of_an_account(hs, sim, account, fault):
    good = hs.account(sim.portal(101))
    hs.write_yaml({"defaultAccount": 101, "accounts": [good, account]})
    before = hs.config_path.read_bytes()
    for args in (
        ["account", "list"],
        ["account", "info"],
        ["account", "use", "101"],
        ["api", ECHO],
    ):
        refused(hs, args, 3, hs.config_path, fault, "account 2")
    assert hs.config_path.read_bytes() == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "# nothing\n",
        "---\n",
        "~\n",
        "null\n",
        "{}\n",
        "accounts:\n",
        "accounts: ~\n",
        "accounts: text\n",
        "accounts: {a: 1}\n",
        "accounts: 5\n",
        "defaultAccount: 1\n",
        "Accounts: [{accountId: 1}]\n",
    ],
)
def test_a_config_without_accounts(hs, text):
    hs.write_yaml(text)
    refused(hs, LIST, 3, hs.config_path)


def test_every_fault_is_named(hs, sim):
    accounts = [{"name": f"n{n}", "accountId": n} for n in range(1, 31)]
    hs.write_yaml({"accounts": accounts})
    result = refused(hs, LIST, 3, hs.config_path)
    assert sum("authType" in line for line in result.err.splitlines()) == 30
    hs.write_yaml({"accounts": [{"name": "x" * 900 + " y"}, {"name": "n2"}]})
    result = refused(hs, LIST, 3, hs.config_path)
    for fault in ("account 1", "account 2", "white space", "authType", "account ID"):
        assert fault in result.err


def test_sign_in_goes_on_with_an_invalid_config(hs, sim):
    hs.write_yaml({"accounts": [{"name": "x", "accountId": 5}]})
    sim.portal(101)
    hs.sign_in(sim.portals[101])
    config = hs.read_config()
    assert config["accounts"][0] == {"name": "x", "accountId": 5}
    assert config["accounts"][1]["accountId"] == 101


@pytest.mark.parametrize(
    "text",
    [
        "accounts: {acme: {accountId: 5}}\n",
        "accounts: text\n",
        "- a\n- b\n",
        "just text\n",
        "a: 1\na: 2\n",
        "a: [\n",
        "a: &x\n  b: *x\n",
        "accounts: 5\n",
    ],
)
def test_sign_in_never_replaces_what_it_cannot_read(hs, sim, text):
    """A wrongly typed list of accounts is somebody's data too."""
    hs.write_yaml(text)
    result = hs("account", "auth", "--pak-stdin", input=sim.portal(101).key)
    assert result.code == 3 and str(hs.config_path) in result.err
    assert hs.config_path.read_text() == text


def test_a_key_account_without_an_auth_block(hs, sim):
    account = hs.account(sim.portal(101))
    for auth in (
        {},
        {"auth": None},
        {"auth": {}},
        {"auth": {"tokenInfo": None}},
        {"auth": "text"},
        {"auth": []},
    ):
        account.pop("auth", None)
        hs.write_config({**account, **auth})
        assert used(hs) == 101
        kept = hs.read_config()["accounts"][0]["auth"]["tokenInfo"]["accessToken"]
        assert kept in sim.portals[101].tokens


@pytest.mark.parametrize(
    "env, host",
    [
        ("prod", "api.hubapi.com"),
        ("", "api.hubapi.com"),
        (None, "api.hubapi.com"),
        ("QA", "api.hubapiqa.com"),
        ("qa", "api.hubapiqa.com"),
    ],
)
def test_env_of_an_account(hs, sim, env, host):
    hs.write_config(hs.account(sim.portal(101), env=env))
    assert used(hs) == 101
    assert {r.host for r in sim.log} == {host}


# ---- what cannot be read


def doubled(text, times):
    return (
        "".join(
            f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10) if n else 'x'}]\n" for n in range(times)
        )
        + text
    )


BAD_FILES = {
    "flow brackets": (b"a: " + b"[" * 500000, None),
    "flow braces": (b"{a: " * 200000, None),
    "closed flow": (b"a: " + b"[" * 65 + b"]" * 65 + b"\naccounts: []\n", "deep"),
    "block list": (b"- " * 400000 + b"x\n", None),
    "block map": (b"".join(b" " * n + b"a:\n" for n in range(1000)), "deep"),
    "large": (b"x: " + b"y" * (17 << 20) + b"\n", "16 MiB"),
    "cycle": (b"a: &a [*a]\n", "alias"),
    "cycle of maps": (b"accounts: &a\n  - b: &b {c: *a}\n", "alias"),
    "cycle by merge": (b"a: &a {<<: *a}\n", "alias"),
    "no anchor": (b"a: *nothing\n", "alias"),
    "second document": (b"a: 1\n---\nb: 2\n", "document"),
    "duplicate key": (b"accounts: []\naccounts: []\n", "duplicate key"),
    "duplicate key, quoted": (b"accounts: []\n'accounts': []\n", "duplicate key"),
    "tab": (b"accounts:\n\t- name: x\n", "line 2"),
    "binary": (bytes(range(256)) * 20, None),
    "NUL": (b"accounts: \0\n", None),
    "Latin-1": (b"name: caf\xe9\n", None),
    "unfinished quote": (b"name: 'abc\n", None),
    "unfinished list": (b"accounts: [1, 2\n", None),
    "key is a list": (b"? [a, b]\n: c\n", "key"),
    "bad indent": (b"accounts:\n  - name: x\n   id: 5\n", "line"),
    "a list": (b"- a\n- b\n", "map"),
    "text": (b"just text\n", "map"),
    "escape": (b'a: "\\q"\n', None),
    "directive": (b"%YAML 9.9\n---\na: 1\n", None),
    "many anchors": (
        b"a:\n" + b"".join(b"- &a%d x\n" % n for n in range(45000)) + b"- *a0\n" * 45000,
        None,
    ),
    "many keys": (b"".join(b"k%d: 1\n" % n for n in range(90000)), None),
    "many values": (b"a: [" + b"1," * 400000 + b"]\n", None),
    "many small maps": (b"accounts:\n" + b"- a: 1\n" * 30000, None),
    "merges of merges": (
        b"a8: &a8 {x: 1}\n"
        + b"".join(
            b"a%d: &a%d\n  <<: [%s]\n" % (n, n, b"*a%d, " % (n + 1) * 40) for n in range(7, -1, -1)
        )
        + b"accounts:\n- <<: *a0\n",
        "alias",
    ),
    "many merges": (
        b"a: &a {"
        + b"".join(b"k%d: 1, " % n for n in range(1900))
        + b"}\nb: &b\n  <<: ["
        + b"*a, " * 4000
        + b"]\naccounts:\n"
        + b"- <<: *b\n" * 9000,
        "alias",
    ),
    "many merges of no maps": (
        b"a: &a [" + b"1, " * 40000 + b"]\naccounts:\n" + b"- <<: *a\n" * 9000,
        "alias",
    ),
}


@pytest.mark.parametrize("data, word", BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_no_config(hs, sim, data, word):
    hs.write_yaml("")
    hs.config_path.write_bytes(data)
    result = refused(hs, LIST, 3, hs.config_path)
    assert word is None or word in result.err, result.err
    assert len(result.err) < 8000 and "\0" not in result.err
    assert result.usage.ru_utime < (5 if "debug" not in hs.bin else 20)
    result = hs("account", "auth", "--pak-stdin", input=sim.portal(101).key)
    if result.code:
        assert hs.config_path.read_bytes() == data


@pytest.mark.parametrize(
    "account",
    [
        "{accountId: 1, authType: apikey, apiKey: k}",
        "{name: x, accountId: %d, authType: apikey, apiKey: k}",
        "a: 1",
    ],
)
def test_faults_of_many_accounts_are_found_in_time(hs, account):
    """Each is looked for once, not once for each account before it."""
    hs.write_yaml(
        "accounts:\n" + "".join(f"- {account.replace('%d', str(n))}\n" for n in range(1, 10_000))
    )
    assert refused(hs, LIST, 3, "account 2", "account 3").usage.ru_utime < 4


def test_an_alias_bomb_stays_small(hs, sim):
    hs.write_yaml(doubled("accounts: []\n", 30))
    result = hs("account", "list")
    assert result.code == 0 and "No accounts in" in result.out
    assert result.seconds < 20
    hs.sign_in(sim.portal(101))
    text = hs.config_path.read_text()
    assert len(text) < 10000 and text.count("*a28") == 10


def test_a_file_just_under_the_limit(hs, sim):
    hs.write_config(sim.portal(101), padding="x" * ((1 << 20) - 2000))
    assert used(hs) == 101
    assert len(hs.read_config()["padding"]) == (1 << 20) - 2000


def test_other_encodings_and_marks(hs, sim):
    hs.write_config(sim.portal(101), note="Zürich")
    text = hs.config_path.read_text()
    for data in (
        b"\xef\xbb\xbf" + text.encode(),
        text.replace("\n", "\r\n").encode(),
        ("---\n" + text + "...\n").encode(),
        text.encode("utf-16"),
    ):
        hs.config_path.write_bytes(data)
        assert used(hs) == 101
        assert hs("account", "use", "101").code == 0
        assert hs.read_config()["note"] == "Zürich"


def test_not_a_regular_file(hs, tmp_path):
    for make in (
        lambda p: p.mkdir(),
        lambda p: os.symlink("config.yml", p),
        lambda p: os.symlink("/proc/self/mem", p),
    ):
        path = tmp_path / "odd.yml"
        make(path)
        refused(hs, ["account", "list", "-c", path], 3, path)
        path.unlink() if path.is_symlink() else path.rmdir()
    refused(hs, ["account", "list", "-c", "/dev/zero"], 3, "16 MiB")


def test_a_file_that_may_not_be_read(outsider):
    path = outsider.runner.write_config({"accountId": 1, "authType": "apikey", "apiKey": "k" * 20})
    outsider.own()
    path.chmod(0)
    refused(outsider, LIST, 3, path, "ermission")
    path.chmod(0o600)
    path.parent.chmod(0)
    refused(outsider, LIST, 3, path, "ermission")


def test_a_global_file_out_of_reach_is_no_other(outsider, sim):
    outsider.runner.write_config(sim.portal(101))
    outsider.runner.write_yaml(
        deprecated(sim, sim.portal(606)), outsider.cwd / "hubspot.config.yml"
    )
    outsider.own()
    outsider.config_path.parent.chmod(0)
    refused(outsider, ["api", ECHO], 3, outsider.config_path)


# ---- what a rewrite keeps

RICH = """\
# a comment
defaultAccount: 101
defaultCmsPublishMode: 'publish'
httpTimeout: "30000"
allowUsageTracking: no
flags: [one, 'two', "three", 4]
empty: {}
none: []
nil:
tilde: ~
base: &base
  env: prod
  authType: personalaccesskey
  extra: &extra {a: 1, 'b': "2", c: [x, {y: z}]}
accounts:
  - <<: *base
    name: portal-101
    accountId: 101
    accountType: STANDARD
    personalAccessKey: >-
      KEY
    auth: {tokenInfo: {}}
    again: *extra
  - &second
    name: "zwei"
    accountId: 202
    authType: apikey
    apiKey: 'abc''def'
    parentAccountId: 101
numbers: [0x1F, 0o17, 1e3, 1.0, -0, .5, .inf, 12345678901234567890, 1_000]
words: [yes, 'yes', "no", on, 'null', null, '~', "", ' lead', 'trail ', 2026-11-23]
dates: {plain: 2026-11-23, quoted: '2026-11-23', time: 2026-11-23T10:00:00Z}
literal: |
  one
    two

  three
keep: |+
  text

folded: >
  a b
  c

  d
strip: >-
  x
  y
quoted: 'a

  b'
plain: several words
  in two lines
escapes: "\\x1b[0m \\u263a \\t \\\\ \\" \\n"
unicode: Zürich 日本 🙂
colon: 'a: b # c'
tagged: !!str 123
own: !secret {x: !thing y}
set: !!set {a, b}
holes: {a: , b, c: [~, null, {d: }]}
binary: !!binary aGVsbG8=
last: *second
? complex key text
: value
"quoted key": 1
123: number key
'~': tilde key
"""


class Tagged(conftest.Yaml12):
    """Keeps what it does not know as (tag, value)."""


def unknown(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        return suffix, loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return suffix, loader.construct_sequence(node, deep=True)
    return suffix, loader.construct_mapping(node, deep=True)


Tagged.add_multi_constructor("!", unknown)


def load(path):
    return yaml.load(path.read_text(), Loader=Tagged)


@pytest.mark.parametrize("action", ["token", "use", "auth"])
def test_a_rewrite_keeps_everything_else(hs, sim, action):
    portal = sim.portal(101)
    hs.write_yaml(RICH.replace("KEY", portal.key))
    before = load(hs.config_path)
    if action == "token":
        assert used(hs) == 101
    elif action == "use":
        assert hs("account", "use", "202").code == 0
    else:
        hs.sign_in(portal)
    after = load(hs.config_path)
    assert list(after) == list(before)
    if action == "use":
        assert after.pop("defaultAccount") == 202
        before.pop("defaultAccount")
    else:
        token = after["accounts"][0]["auth"].pop("tokenInfo")
        assert token["accessToken"] in portal.tokens
        before["accounts"][0]["auth"].pop("tokenInfo")
    assert repr(after) == repr(before)
    text = hs.config_path.read_text()
    for kept in (
        "&base",
        "<<: *base",
        "*extra",
        "&second",
        "last: *second",
        "'publish'",
        '"30000"',
        "!secret",
        "!thing",
        "!!binary",
        "!!str 123",
        "literal: |",
        "Zürich 日本",
        "0x1F",
        "1_000",
        "[one, 'two', \"three\", 4]",
        "tilde: ~",
    ):
        assert kept in text, kept
    again = hs.config_path.read_text()
    if action == "use":
        assert hs("account", "use", "202").code == 0
        assert hs.config_path.read_text() == again


def test_many_random_documents_survive(hs, sim):
    """Everything that PyYAML writes, in each of its styles, reads the same after."""
    portal = sim.portal(101)
    for seed in range(40):
        rng = random.Random(seed)
        value = tangle(rng, 4)
        data = {
            "first": value,
            "defaultAccount": 101,
            "accounts": [hs.account(portal, extra=tangle(rng, 3))],
            "last": tangle(rng, 4),
        }
        text = yaml.dump(
            data,
            Dumper=yaml.SafeDumper,
            sort_keys=False,
            allow_unicode=rng.random() < 0.5,
            width=rng.choice([20, 80, 10000]),
            default_flow_style=rng.choice([True, False, None]),
            default_style=rng.choice([None, None, "'", '"']),
            indent=rng.choice([2, 4, 7]),
        )
        hs.write_yaml(text)
        before = yaml.safe_load(text)
        result = hs("account", "use", "101")
        assert result.code == 0, (seed, result.err)
        assert repr(yaml.safe_load(hs.config_path.read_text())) == repr(before), seed


def tangle(rng, depth):
    texts = [
        "",
        " ",
        "a",
        "a b",
        "yes",
        "null",
        "1",
        "1.0",
        "- a",
        "a: b",
        "a #b",
        "#b",
        "'",
        '"',
        "\\",
        "a\nb",
        "\n",
        "a\n\n  b\n",
        " lead\ntrail ",
        "x" * 100,
        "w " * 60,
        "\ttab",
        "Zürich",
        "🙂",
        "é\u2028é",
        "\u0085",
        "\ufeffx",
        "\x1b[0m",
        "&a",
        "*a",
        "!t",
        "%",
        "@",
        "`",
        "{",
        "[",
        "}",
        ",",
        "?",
        "? a",
        ":",
        "|",
        ">",
        "---",
        "...",
        "=",
        "<<",
        "0x1F",
        "2026-11-23",
        "a\n b\n  c\n",
        "trail \n",
        "\n\nx",
        "x\n\n\n",
    ]
    kind = rng.random()
    if depth == 0 or kind < 0.5:
        return rng.choice(
            [rng.choice(texts), rng.choice(texts), rng.choice(texts), None, True, 7, -1.5, 10**20]
        )
    size = rng.randrange(4)
    if kind < 0.75:
        return [tangle(rng, depth - 1) for _ in range(size)]
    return {rng.choice(texts[2:30]) + str(n): tangle(rng, depth - 1) for n in range(size)}


NAMES = [
    "123",
    "1e3",
    "1_0",
    "2026-11-23",
    "~",
    "<<",
    "0x1F",
    "yes",
    "No",
    "on",
    "OFF",
    "Null",
    "true",
    "False",
    "y",
    "N",
    ".inf",
    ".NaN",
    "-",
    "--",
    "---",
    "...",
    "-1",
    "+1",
    "0o17",
    "0b1",
    "1:30",
    "12:30:45",
    "=",
    "?",
    ":",
    "#x",
    "x#",
    "a:b",
    "a:",
    "'",
    '"',
    "{}",
    "[x]",
    "&a",
    "*a",
    "!a",
    "%a",
    "@a",
    "`a`",
    ",",
    "|",
    ">",
    "\\",
    "1.5",
    "1.",
    "0",
    "é",
    "日本",
    "🙂",
    "x" * 200,
    "1" * 100,
    "2026-11-23T10:00:00.000Z",
    "!!str",
    "-x",
    "x-",
    "null1",
]


def written_names(hs, sim):
    """A config with an account of each name, written by hs."""
    portals = {}
    for number, name in enumerate(NAMES):
        portals[1001 + number] = sim.portal(1001 + number)
        result = hs(
            "account", "auth", "--pak-stdin", f"--name={name}", input=portals[1001 + number].key
        )
        assert result.code == 0, (name, result.err)
    return [[1001 + number, name] for number, name in enumerate(NAMES)]


def test_names_that_read_as_another_type(hs, sim):
    wanted = written_names(hs, sim)
    text = hs.config_path.read_text()
    for loader in (yaml.SafeLoader, conftest.Yaml12, yaml.BaseLoader):
        got = yaml.load(text, Loader=loader)["accounts"]
        assert [[int(a["accountId"]), a["name"]] for a in got] == wanted
    got = yaml.load(text, Loader=yaml.SafeLoader)
    assert isinstance(got["defaultAccount"], int)
    assert all(isinstance(a["auth"]["tokenInfo"]["expiresAt"], str) for a in got["accounts"])
    if OFFICIAL.exists() and shutil.which("node"):
        script = (
            "const y = require(process.argv[1]); console.log(JSON.stringify(y.load(require("
            "'fs').readFileSync(process.argv[2], 'utf8'))))"
        )
        done = subprocess.run(
            ["node", "-e", script, OFFICIAL, hs.config_path],
            capture_output=True,
            text=True,
            check=True,
        )
        config = json.loads(done.stdout)
        assert [[a["accountId"], a["name"]] for a in config["accounts"]] == wanted
        assert all(isinstance(a["auth"]["tokenInfo"]["expiresAt"], str) for a in config["accounts"])
        assert all(isinstance(a["personalAccessKey"], str) for a in config["accounts"])


def test_a_default_by_an_odd_name_in_a_deprecated_file(hs, sim):
    for name in ("123", "yes", "null", "2026-11-23", "<<"):
        path = hs.write_yaml(
            {
                "portals": [
                    {"name": name, "portalId": 101, "authType": "apikey", "apiKey": "k" * 30}
                ]
            },
            hs.cwd / "hubspot.config.yml",
        )
        assert hs("account", "use", "101").code == 0
        assert hs.read_config(path)["defaultPortal"] == name
        assert yaml.safe_load(path.read_text())["defaultPortal"] == name


def test_what_a_first_config_looks_like(hs, sim):
    """As the official client writes it: ids plain, times quoted, keys folded."""
    hs.sign_in(sim.portal(101))
    text = hs.config_path.read_text()
    assert text.startswith("defaultAccount: 101\naccounts:\n")
    assert re.search(r"personalAccessKey: >-\n +Ci", text)
    assert re.search(r"accessToken: >-\n +CJjk", text)
    assert re.search(r"expiresAt: '\d{4}-", text)


def test_an_alias_never_comes_to_mean_another_node_of_its_anchor(hs):
    """A new setting goes before the accounts, which go to the end of the file: there
    `*t` would be the second one."""
    text = (
        "base: &t {tokenInfo: {accessToken: ours}}\n%s"
        "accounts:\n- {accountId: 7, authType: apikey, apiKey: k, auth: *t}\n%s"
    )
    again = "other: &t {tokenInfo: {accessToken: theirs}}\n"
    hs.write_yaml(text % ("", again))
    refused(hs, ("config", "set", "--http-timeout", "5000"), 3, "alias")
    assert hs.config_path.read_text() == text % ("", again)
    hs.write_yaml(text % (again, ""))
    assert hs("config", "set", "--http-timeout", "5000").code == 0
    assert hs.config_path.read_text() == text % (again + "httpTimeout: 5000\n", "")


# ---- tokens belong to one account

SHARED = {
    "alias": """\
accounts:
  - {name: one, accountId: 101, authType: personalaccesskey, personalAccessKey: KEY1,
     auth: &auth {tokenInfo: {}}}
  - {name: two, accountId: 202, authType: personalaccesskey, personalAccessKey: KEY2,
     auth: *auth}
""",
    "alias within": """\
accounts:
  - {name: one, accountId: 101, authType: personalaccesskey, personalAccessKey: KEY1,
     auth: {tokenInfo: &token {}}}
  - {name: two, accountId: 202, authType: personalaccesskey, personalAccessKey: KEY2,
     auth: {tokenInfo: *token}}
""",
    "merge of a base": """\
base: &base {authType: personalaccesskey, env: prod, auth: {tokenInfo: {}}}
accounts:
  - {<<: *base, name: one, accountId: 101, personalAccessKey: KEY1}
  - {<<: *base, name: two, accountId: 202, personalAccessKey: KEY2}
""",
    "merge of an account": """\
accounts:
  - &one
    name: one
    accountId: 101
    authType: personalaccesskey
    personalAccessKey: KEY1
    auth: {tokenInfo: {}}
  - <<: *one
    name: two
    accountId: 202
    personalAccessKey: KEY2
""",
}


def test_a_token_takes_nothing_from_what_is_merged_into_a_shared_block(hs, sim):
    portal = sim.portal(101)
    hs.write_yaml(
        f"""\
base: &base {{tokenInfo: {{mine: kept}}}}
shared: &shared {{<<: *base, more: kept}}
defaultAccount: 101
accounts:
  - {{name: one, accountId: 101, authType: personalaccesskey, personalAccessKey: {portal.key},
     auth: *shared}}
"""
    )
    assert used(hs) == 101
    auth = hs.read_config()["accounts"][0]["auth"]
    assert auth["more"] == auth["tokenInfo"]["mine"] == "kept"
    assert auth["tokenInfo"]["accessToken"] in portal.tokens


@pytest.mark.parametrize("text", SHARED.values(), ids=SHARED)
def test_a_token_never_serves_another_account(hs, sim, text):
    one, two = sim.portal(101), sim.portal(202)
    hs.write_yaml(text.replace("KEY1", one.key).replace("KEY2", two.key))
    for portal in (one, two, one, two):
        assert used(hs, "-a", str(portal.hub_id)) == portal.hub_id
        assert sim.log[-1].header("Authorization")[7:] in portal.tokens
    assert [a["name"] for a in hs.read_config()["accounts"]] == ["one", "two"]


@pytest.mark.parametrize("auth", ["<<: *shared", "auth: *auth", "auth: {<<: *auth}"])
def test_what_an_account_shares_is_still_there_after_its_token(hs, sim, auth):
    """A token of its own may not hide the rest of a shared auth block."""
    one, _ = sim.portal(101), sim.portal(202)
    sim.portals[202].oauth = one.oauth
    hs.write_yaml(
        f"""\
shared: &shared
  auth: &auth
    clientId: {one.oauth["client_id"]}
    clientSecret: {one.oauth["client_secret"]}
    scopes: [content]
    tokenInfo: {{refreshToken: {one.oauth["refresh_token"]}}}
accounts:
  - {{name: one, accountId: 101, authType: oauth2, {auth}}}
  - {{name: two, accountId: 202, authType: oauth2, {auth}}}
"""
    )
    before = hs.read_config()["shared"]
    for which in ("one", "two", "one", "two"):
        used(hs, "-a", which)
    config = hs.read_config()
    assert config["shared"] == before
    for account in config["accounts"]:
        assert account["auth"]["clientId"] == one.oauth["client_id"]
        assert account["auth"]["scopes"] == ["content"]
        assert account["auth"]["tokenInfo"]["refreshToken"] == one.oauth["refresh_token"]


def test_merges_are_followed_as_far_as_they_go(hs, sim):
    portal = sim.portal(101)
    hs.write_yaml(
        f"""\
a: &a {{env: qa, authType: apikey}}
b: &b {{<<: *a, authType: personalaccesskey}}
c: &c {{name: never}}
accounts:
  - <<: [*b, *c]
    accountId: 101
    name: mine
    personalAccessKey: {portal.key}
"""
    )
    assert used(hs, "-a", "mine") == 101
    assert {r.host for r in sim.log} == {"api.hubapiqa.com"}


# ---- tokens and their time


def token_config(hs, portal, expires, **fields):
    token, _ = portal.issue()
    hs.write_config(
        hs.account(
            portal, auth={"tokenInfo": {"accessToken": token, "expiresAt": expires}}, **fields
        )
    )
    return token


def iso(seconds):
    when = datetime.datetime.fromtimestamp(time.time() + seconds, datetime.timezone.utc)
    return when.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_a_token_is_used_until_five_minutes_before_its_end(hs, sim):
    portal = sim.portal(101)
    for seconds, fresh in (
        (1800, False),
        (330, False),
        (270, True),
        (-5, True),
        (-(10**6), True),
    ):
        token = token_config(hs, portal, iso(seconds))
        before = hs.config_path.read_bytes()
        sim.log.clear()
        assert used(hs) == 101
        assert len(sim.log) == 1 + fresh, seconds
        assert (sim.log[-1].header("Authorization") == f"Bearer {token}") is not fresh
        assert (hs.config_path.read_bytes() == before) is not fresh


@pytest.mark.parametrize(
    "pattern, ahead",
    [
        ("%Y-%m-%dT%H:%M:%S.123456Z", 0),
        ("%Y-%m-%dT%H:%M:%SZ", 0),
        ("%Y-%m-%dT%H:%M:%S+00:00", 0),
        ("%Y-%m-%dT%H:%M:%S.5+02:00", 2),
        ("%Y-%m-%d %H:%M:%S-0500", -5),
        ("%Y-%m-%d %H:%M:%S", 0),
        ("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)", 0),
        ("%a %b %d %Y %H:%M:%S GMT+0200 (Central European Summer Time)", 2),
        ("%a, %d %b %Y %H:%M:%S GMT", 0),
        ("%a, %d %b %Y %H:%M:%S +0200", 2),
        ("millis", 0),
    ],
)
@pytest.mark.parametrize("quoted", [True, False])
def test_other_forms_of_the_date(hs, sim, pattern, ahead, quoted):
    portal = sim.portal(101)
    for seconds, fresh in ((600, False), (60, True)):
        when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(
            seconds=seconds, hours=ahead
        )
        text = (
            str(int((time.time() + seconds) * 1000))
            if pattern == "millis"
            else when.strftime(pattern)
        )
        token_config(hs, portal, "WHEN")
        file = hs.config_path.read_text()
        assert "WHEN" in file
        hs.write_yaml(re.sub("'?WHEN'?", f"'{text}'" if quoted else text, file))
        sim.log.clear()
        assert used(hs) == 101
        assert len(sim.log) == 1 + fresh, text
        if fresh:
            kept = hs.read_config()["accounts"][0]["auth"]["tokenInfo"]["expiresAt"]
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", kept)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2026",
        "2026-13-45T99:99:99Z",
        "99999999999999999999",
        "-1",
        "Invalid date",
        "9" * 5000,
        [],
        {"a": 1},
        None,
        True,
    ],
)
def test_a_date_that_is_none_means_expired(hs, sim, text):
    token_config(hs, sim.portal(101), text)
    assert used(hs) == 101
    assert len(sim.log) == 2


def test_oauth_tokens_are_kept(hs, sim):
    portal = sim.portal(101)
    hs.write_config(
        {
            "name": "o",
            "accountId": 101,
            "authType": "oauth2",
            "auth": {
                "clientId": portal.oauth["client_id"],
                "clientSecret": portal.oauth["client_secret"],
                "scopes": ["content", "files"],
                "tokenInfo": {
                    "refreshToken": portal.oauth["refresh_token"],
                    "accessToken": "old" * 10,
                    "expiresAt": "Mon Nov 23 2020 10:00:00 GMT+0000",
                },
            },
        }
    )
    assert used(hs) == 101 and used(hs) == 101
    assert [r.path for r in sim.log] == ["/oauth/2026-03/token", ECHO, ECHO]
    auth = hs.read_config()["accounts"][0]["auth"]
    assert auth["scopes"] == ["content", "files"]
    assert auth["tokenInfo"]["refreshToken"] == portal.oauth["refresh_token"]
    assert auth["tokenInfo"]["accessToken"] in portal.tokens
    end = datetime.datetime.fromisoformat(auth["tokenInfo"]["expiresAt"].replace("Z", "+00:00"))
    ahead = end.timestamp() - time.time()
    assert 0.7 * portal.lifetime < ahead < 0.8 * portal.lifetime


def test_a_token_of_a_removed_account_is_not_saved(hs, sim):
    """Another run removed it meanwhile: it does not come back."""
    one, two = sim.portal(101), sim.portal(202)
    hs.write_config(hs.account(one), hs.account(two))
    rest = hs.write_config(hs.account(two), path=hs.home / "rest.yml").read_bytes()
    original = one.issue

    def issue():
        hs.config_path.write_bytes(rest)
        return original()

    one.issue = issue
    assert used(hs, "-a", "101") == 101
    assert hs.config_path.read_bytes() == rest


# ---- writing: whole, alone, in place


def test_a_token_of_a_replaced_key_is_not_saved(hs, sim):
    """Somebody signed in anew while it was fetched: the old key's token stood
    beside the new key, and was used."""
    portal = sim.portal(101)
    hs.write_config(portal)
    new = hs.account(
        portal,
        personalAccessKey=KEY,
        auth={
            "tokenInfo": {"accessToken": "of-the-new-key", "expiresAt": "2099-01-01T00:00:00.000Z"}
        },
    )
    sim.fail("POST /localdevauth", then=lambda: hs.write_config(new))
    assert used(hs) == 101
    assert hs.read_config()["accounts"] == [new]


def test_a_home_that_may_not_be_written(outsider, sim):
    portal = sim.portal(101)
    outsider.runner.write_config(portal)
    outsider.own()
    before = outsider.config_path.read_bytes()
    outsider.config_path.parent.chmod(0o500)
    for args in (["api", ECHO], ["account", "info"]):
        result = outsider(*args)
        assert result.code == 0 and result.out
        warnings = [line for line in result.err.splitlines() if "warning" in line]
        assert len(warnings) == 1 and str(outsider.config_path) in warnings[0]
    for args in (["account", "use", "101"], ["account", "auth", "--pak", portal.key]):
        result = outsider(*args)
        assert result.code == 3 and str(outsider.config_path) in result.err
    assert outsider.config_path.read_bytes() == before
    assert [p.name for p in outsider.config_path.parent.iterdir()] == ["config.yml"]


def test_an_unwritable_home(outsider, sim):
    sim.portal(101)
    outsider.home.chmod(0o500)
    result = outsider("account", "auth", "--pak", sim.portals[101].key)
    assert result.code == 3 and "ermission" in result.err
    assert list(outsider.home.iterdir()) == []


def test_a_disk_that_is_full(outsider, sim):
    """RLIMIT_FSIZE is as good as a full disk: the old file stays, whole."""
    outsider.runner.write_config(sim.portal(101), padding="x" * 8000)
    outsider.own()
    before = outsider.config_path.read_bytes()

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    result = outsider("account", "use", "101", preexec_fn=limit)
    assert result.code == 3 and str(outsider.config_path) in result.err
    assert outsider.config_path.read_bytes() == before
    assert [p.name for p in outsider.config_path.parent.iterdir()] == ["config.yml"]
    result = outsider("api", ECHO, preexec_fn=limit)
    assert result.code == 0 and "warning" in result.err


@pytest.mark.parametrize("what", ["file", "folder", "dangling", "relative", "chain"])
def test_a_symbolic_link_stays_one(hs, sim, tmp_path, what):
    store = tmp_path / "dotfiles"
    store.mkdir()
    target = store / "hubspot.yml"
    if what == "folder":
        os.symlink(store, hs.home / ".hscli")
        target = store / "config.yml"
        link_at = hs.home / ".hscli"
    else:
        (hs.home / ".hscli").mkdir()
        link_at = hs.config_path
        if what == "chain":
            os.symlink(target, store / "between")
            os.symlink(store / "between", link_at)
        else:
            os.symlink(
                os.path.relpath(target, link_at.parent) if what == "relative" else target, link_at
            )
    if what != "dangling":
        hs.write_config(sim.portal(101), path=target)
    hs.sign_in(sim.portal(202))
    assert link_at.is_symlink()
    assert 202 in [a["accountId"] for a in hs.read_config(target)["accounts"]]
    assert sorted(p.name for p in store.iterdir() if not p.is_symlink()) == [target.name]


def test_the_folder_that_a_symbolic_link_leads_to_keeps_its_mode(hs, sim, tmp_path):
    """~/.hscli is ours to close; the folder of somebody's dotfiles is not."""
    store = tmp_path / "dotfiles"
    store.mkdir(mode=0o755)
    hs.write_config(sim.portal(101), sim.portal(202), path=store / "hubspot.yml")
    hs.config_path.parent.mkdir(mode=0o755)
    hs.config_path.symlink_to(store / "hubspot.yml")
    assert hs("account", "use", "202").code == 0
    assert mode(store) == 0o755 and mode(hs.config_path.parent) == 0o700


def test_left_overs_of_a_dead_run_do_no_harm(hs, sim):
    hs.sign_in(sim.portal(101))
    folder = hs.config_path.parent
    (folder / "config.yml.lock").write_text("")
    (folder / ".config.yml.hs-new").write_text("half")
    hs.sign_in(sim.portal(202))
    assert [a["accountId"] for a in hs.read_config()["accounts"]] == [101, 202]
    assert [p.name for p in folder.iterdir()] == ["config.yml"]
    place = folder / ".hs-tmp" / ".git"
    place.mkdir(parents=True)
    (place / "_config.yml.lock").write_text("")
    (place / "_config.yml.0123abcd.hs-part").write_text("half")
    (place / "_other.01234567.hs-part").write_text("half")
    hs.sign_in(sim.portal(303))
    assert [a["accountId"] for a in hs.read_config()["accounts"]] == [101, 202, 303]
    assert [p.name for p in folder.iterdir()] == ["config.yml"]


def test_a_planted_link_is_not_followed(hs, sim, tmp_path):
    """In the place of anything that hs makes for itself beside a config."""
    hs.sign_in(sim.portal(101), sim.portal(202))
    folder = hs.config_path.parent
    victim = tmp_path / "victim"
    victim.write_text("precious")
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / ".git").mkdir(parents=True)
    for name, target, code in (
        (".config.yml.hs-new", victim, 0),
        ("config.yml.lock", victim, 0),
        (".hs-tmp/.git", elsewhere / ".git", 3),
        (".hs-tmp", elsewhere, 3),
    ):
        if name == ".hs-tmp/.git":
            (folder / ".hs-tmp").mkdir()
        os.symlink(target, folder / name)
        result = hs("account", "use", "101")
        assert result.code == code, result.err
        assert not code or ".hs-tmp" in result.err
        assert victim.read_text() == "precious" and list((elsewhere / ".git").iterdir()) == []
        (folder / name).unlink(missing_ok=True)
        if name == ".hs-tmp/.git":
            (folder / ".hs-tmp").rmdir()
    (folder / ".hs-tmp" / ".git").mkdir(parents=True)
    os.symlink(victim, folder / ".hs-tmp" / ".git" / "_config.yml.lock")
    result = hs("account", "use", "101")
    assert result.code == 3 and victim.read_text() == "precious"


def start(hs, *args):
    return subprocess.Popen(
        [hs.bin, *map(str, args)],
        env=hs.env(),
        cwd=hs.cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_fifty_at_once_lose_nothing(hs, sim):
    portals = [sim.portal(1001 + n) for n in range(50)]
    runs = [start(hs, "account", "auth", "--pak-stdin") for _ in portals]
    for run, portal in zip(runs, portals):
        run.stdin.write(portal.key.encode())
        run.stdin.close()
    for run in runs:
        error = run.stderr.read().decode()
        assert run.wait(60) == 0, error
        run.stderr.close()
        run.stdout.close()
    config = hs.read_config()
    assert sorted(a["accountId"] for a in config["accounts"]) == [p.hub_id for p in portals]
    assert len({a["name"] for a in config["accounts"]}) == 50
    assert config["defaultAccount"] in sim.portals
    assert [p.name for p in hs.config_path.parent.iterdir()] == ["config.yml"]


def test_a_kill_at_any_instant_leaves_a_whole_file(hs, sim):
    """Every run makes 101 or 202 the default; the file is one or the other."""
    hs.write_config(sim.portal(101), sim.portal(202), padding=["x" * 50] * 2000)
    config = hs.read_config()
    rng = random.Random(7)
    killed = 0
    for n in range(40):
        run = start(hs, "account", "use", (101, 202)[n % 2])
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(rng.random() * (0.02 if "debug" not in hs.bin else 0.15))
        run.kill()
        killed += run.wait() == -signal.SIGKILL
        for stream in (run.stdin, run.stdout, run.stderr):
            stream.close()
        if n % 5 == 0:
            now = hs.read_config()
            assert now["defaultAccount"] in (101, 202)
            assert {**now, "defaultAccount": 101} == {**config, "defaultAccount": 101}
    result = hs("account", "use", "202")
    assert result.code == 0 and result.seconds < 15  # no lock is waited for
    assert hs.read_config() == {**config, "defaultAccount": 202}
    assert [p.name for p in hs.config_path.parent.iterdir()] == ["config.yml"]


def test_a_held_lock_is_waited_for(hs, sim):
    hs.sign_in(sim.portal(101), sim.portal(202))
    with held(hs.config_path) as met:
        run = start(hs, "account", "use", "202")
        met(run)
        run.send_signal(signal.SIGINT)
        assert run.wait(60) == 130
        run = start(hs, "account", "use", "202")
        met(run)
        with pytest.raises(subprocess.TimeoutExpired):
            run.wait(0.1)
    assert run.wait(60) == 0
    assert hs.read_config()["defaultAccount"] == 202


def test_a_lock_that_another_user_left_is_named(outsider, sim):
    outsider.runner.write_config(sim.portal(101), sim.portal(202))
    outsider.own()
    folder = outsider.config_path.with_name(".hs-tmp")
    (folder / ".git").mkdir(parents=True)
    folder.chmod(0)
    done = outsider("account", "use", "202")
    assert (
        done.code == 3
        and "cannot write" in done.err
        and ".hs-tmp beside it is not a directory" in done.err
    )
    shutil.rmtree(folder)
    assert outsider("account", "use", "202").code == 0


def test_an_old_config_is_read_with_few_system_calls(hs, sim, strace):
    if is_sanitized(hs):
        pytest.skip("the sanitizers' runtime is traced as well")
    path = hs.write_config(sim.portal(101, "acme"))
    os.utime(path, (1, 1))
    trace = hs.cwd / "trace"
    run = subprocess.run(
        [strace, "-qq", "-o", trace, hs.bin, *LIST], cwd=hs.cwd, env=hs.env(), capture_output=True
    )
    assert run.returncode == 0, run.stderr
    calls = trace.read_text().splitlines()
    opened = next(n for n, call in enumerate(calls) if f'"{path}", O_RDONLY' in call)
    names = [call.partition("(")[0] for call in calls[opened:]]
    names = names[: names.index("close") + 1]
    assert [n for n in names if n not in ("clock_gettime", "madvise")] == [
        "openat" if "openat" in names else "open",
        "fstat",
        "read",
        "read",
        "fstat",
        "close",
    ]
