"""Standard descriptors that are closed, or cannot be read or written; and what is at the
start of a key that comes from a file."""
import itertools
import json
import os

import pytest

from calls import failed, oauth_account, ok

READERS = {
    "--data -": ["api", "/test/echo", "--data", "-"],
    "account auth --pak-stdin": ["account", "auth", "--pak-stdin"],
    "auth --pak-stdin": ["auth", "--pak-stdin"],
    "init --pak-stdin": ["init", "--pak-stdin"],
    "--client-secret-stdin": [
        "account",
        "auth",
        "--auth-type",
        "oauth2",
        "-a",
        "101",
        "--client-id",
        "client-1",
        "--scopes",
        "content",
        "--client-secret-stdin",
    ],
    "secrets add": ["secrets", "add", "NAME"],
    "secrets update": ["secrets", "update", "NAME"],
    "--value-stdin": ["secrets", "add", "NAME", "--value-stdin"],
    "apply -f -": ["secrets", "apply", "-f", "-"],
}


@pytest.fixture(params=READERS.values(), ids=READERS)
def reader(request, hs, sim):
    if request.param[0] in ("api", "secrets"):
        hs.write_config(sim.portal(101))
    if request.param[0] == "auth":
        hs.write_yaml(
            {
                "portals": [
                    {
                        "portalId": 101,
                        "authType": "personalaccesskey",
                        "personalAccessKey": sim.portal(101).key,
                    }
                ]
            },
            hs.cwd / "hubspot.config.yml",
        )
    return request.param


def test_a_closed_stdin_is_named(hs, sim, reader):
    done = hs(*reader, input=None, preexec_fn=lambda: os.close(0))
    failed(done, 2, "stdin is closed")
    assert "directory" not in done.err and not sim.log


@pytest.mark.parametrize(
    "words",
    [
        ["api", "/test/echo", "--data", "@/dev/stdin"],
        ["secrets", "add", "NAME", "--value-file", "/dev/stdin"],
        ["secrets", "apply", "-f", "/dev/stdin"],
    ],
)
def test_a_closed_stdin_by_its_path(hs, sim, words):
    hs.write_config(sim.portal(101))
    done = hs(*words, input=None, preexec_fn=lambda: os.close(0))
    failed(done, 2, "closed")
    assert "directory" not in done.err and not sim.log


@pytest.mark.parametrize("path", ["/dev/stdin", "/proc/self/fd/0", "/dev/stdin/etc"])
def test_a_closed_stdin_is_not_a_folder_to_upload(hs, sim, path):
    """hs once opened the root directory in its place, which would upload the whole disk."""
    hs.write_config(sim.portal(101))
    done = hs(
        "filemanager", "upload", path, "d", "--dry-run", input=None, preexec_fn=lambda: os.close(0)
    )
    assert done.code == 2 and not done.out.count("upload ") and not sim.log


def test_stdin_opened_for_writing(hs, sim, reader, tmp_path):
    """The writing end of a pipe never becomes readable, so hs does not wait for it."""
    (tmp_path / "out").write_text("as it was")
    with open(tmp_path / "out", "r+b") as file:
        file.seek(0, os.SEEK_END)
        with open(tmp_path / "out", "ab") as only:
            failed(hs(*reader, input=only), 2, "stdin is closed or not readable")
    reading, writing = os.pipe()
    with open(reading), open(writing, "w") as end:
        failed(hs(*reader, input=end, timeout=20), 2, "stdin is closed or not readable")
    assert (tmp_path / "out").read_text() == "as it was" and not sim.log


def test_a_directory_as_stdin(hs, sim, reader, tmp_path):
    folder = os.open(tmp_path, os.O_RDONLY)
    done = hs(*reader, input=folder)
    os.close(folder)
    failed(done, 2, "from stdin: Is a directory")
    assert not sim.log


@pytest.mark.parametrize(
    "words",
    [
        ["secrets", "delete", "NAME"],
        ["secrets", "delete"],
        ["account", "auth"],
        ["account", "remove", "acme"],
        ["sandbox", "create"],
        ["account", "use"],
    ],
)
def test_a_prompt_without_stdin(hs, sim, words):
    hs.write_config(sim.portal(101, "Acme"), sim.portal(202, "Box"), sim.portal(303, "Cup"))
    failed(
        hs(*words, input=None, preexec_fn=lambda: os.close(0), env={"BROWSER": "none"}),
        2,
        "stdin is closed",
    )


@pytest.mark.parametrize(
    "fds", [c for n in (1, 2, 3) for c in itertools.combinations((0, 1, 2), n)]
)
def test_nothing_is_written_into_a_wrong_file(hs, sim, fds):
    """A file that hs opens does not become stdout or stderr."""
    portal = sim.portal(101, "Acme", secrets={"NAME": "value-of-name"})
    hs.write_config(portal)

    def close():
        for fd in fds:
            os.close(fd)

    how = {"input": None, "stdout": None if 1 in fds else -1, "preexec_fn": close}
    done = hs("config", "set", "--http-timeout", "20000", "--debug", **how)
    assert done.code == 0
    done = hs("secrets", "list", "--debug", **how)
    assert done.code == (1 if 1 in fds else 0)
    if 1 in fds and 2 not in fds:
        assert "cannot write to stdout: it is closed" in done.err
    config = hs.read_config()
    assert config["httpTimeout"] == 20000 and set(config) == {
        "defaultAccount",
        "accounts",
        "httpTimeout",
    }
    assert [*config["accounts"][0]] == [*hs.account(portal)]


# ---- the start of a key


@pytest.fixture
def ways(hs, sim, tmp_path):
    """Each way to pass a key's bytes to hs account auth."""

    def run(way, data):
        (tmp_path / "key").write_bytes(data)
        if way == "--pak-stdin":
            return hs("account", "auth", way, "--name", "acme", input=data)
        name = "HUBSPOT_PERSONAL_ACCESS_KEY"
        env = (
            {name: os.fsdecode(data)}
            if way == "environment"
            else {f"{name}_FILE": tmp_path / "key"}
        )
        return hs("account", "auth", "--name", "acme", env=env)

    return run


@pytest.mark.parametrize("way", ["--pak-stdin", "file", "environment"])
def test_a_bom_at_the_start_of_a_key_is_removed(hs, sim, ways, way):
    portal = sim.portal(101)
    done = ok(ways(way, b"\xef\xbb\xbf" + portal.key.encode() + b"\r\n"))
    assert "byte order mark" in done.err
    assert hs.read_config()["accounts"][0]["personalAccessKey"] == portal.key


@pytest.mark.parametrize("way", ["--pak-stdin", "file"])
@pytest.mark.parametrize("code", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_key_in_utf_16_is_named(hs, sim, ways, way, code):
    failed(ways(way, sim.portal(101).key.encode(code)), 2, "UTF-16", "UTF-8")
    assert not sim.log


def test_a_bom_at_the_start_of_a_client_secret_is_removed(hs, sim):
    portal = sim.portal(101)
    secret = portal.oauth["client_secret"]
    done = hs(
        "account",
        "auth",
        "--auth-type",
        "oauth2",
        "-a",
        "101",
        "--client-id",
        portal.oauth["client_id"],
        "--scopes",
        "content",
        "--client-secret-stdin",
        "--max-wait",
        "1",
        input=b"\xef\xbb\xbf" + secret.encode(),
    )
    assert "byte order mark" in done.err and done.code == 1, done.err
    failed(
        hs(
            "account",
            "auth",
            "--auth-type",
            "oauth2",
            "-a",
            "101",
            "--client-id",
            "c",
            "--scopes",
            "content",
            "--client-secret-stdin",
            input=secret.encode("utf-16"),
        ),
        2,
        "UTF-16",
    )


# ---- tokens that cannot be sent

BAD = [
    "a\nb",
    "a\r\nX-Evil: 1",
    "a\0b",
    "a b",
    "a\tb",
    "a\x7fb",
    "a\x1b[2J",
    "tök",
    'a"b',
    "a\u2028b",
]


@pytest.mark.parametrize("bad", BAD)
def test_a_token_with_control_bytes_is_not_saved(hs, sim, bad):
    """Neither from a key, nor from OAuth2, nor from the config."""
    portal = sim.portal(101, "Acme", secrets={"NAME": "value-of-name"})
    before = hs.write_config(portal).read_text()
    token = {"oauthAccessToken": bad, "hubId": 101, "expiresAtMillis": 4000000000000}
    sim.fail("POST /localdevauth/v1/auth/refresh", status=200, body=token, times=2)
    failed(hs("secrets", "list", env={"HS": "1"}), 1, "token")
    failed(hs("account", "auth", "--pak-stdin", input=portal.key), 1, "token")
    assert hs.config_path.read_text() == before
    account = hs.account(portal)
    account["auth"]["tokenInfo"] = {"accessToken": bad, "expiresAt": "2100-01-01T00:00:00.000Z"}
    hs.write_config(account)
    assert ok(hs("secrets", "list")).out == "NAME\n"
    sent = [r.header("Authorization") for r in sim.requests("GET /cms")]
    assert sent and all(bad not in a for a in sent)


@pytest.mark.parametrize("field", ["access_token", "refresh_token"])
@pytest.mark.parametrize("bad", BAD)
def test_an_oauth_token_with_control_bytes_is_not_saved(hs, sim, bad, field):
    portal = sim.portal(101, "Acme")
    before = hs.write_config(oauth_account(portal, "acme")).read_text()
    answer = {
        "access_token": "good-token-1",
        "refresh_token": "good-token-2",
        "expires_in": 1800,
        field: bad,
    }
    sim.fail("POST /oauth", status=200, body=answer, times=None)
    failed(hs("secrets", "list"), 1, "token")
    assert hs.config_path.read_text() == before
    assert not sim.requests("GET /cms")


@pytest.mark.parametrize(
    "words",
    [
        ["secrets", "list"],
        ["account", "list"],
        ["account", "list", "--json"],
        ["account", "info", "--why"],
        ["account", "info"],
        ["api", "/x"],
    ],
)
def test_a_key_as_the_default_account_is_not_shown(hs, sim, words):
    portal = sim.portal(101, "Acme")
    for key in (portal.key, portal.api_key, portal.static_token):
        config = {"defaultAccount": key, "accounts": [hs.account(portal)]}
        hs.write_yaml(config)
        hs.hidden.add(key)
        hs(*words)


@pytest.mark.parametrize(
    "field",
    [
        "defaultAccount",
        "name",
        "accountId",
        "authType",
        "accountType",
        "-a",
        "argument",
        "twice",
        ".hsaccount",
        ".hs/settings.json",
        "key of settings",
        "HUBSPOT_ACCOUNT_ID",
    ],
)
def test_a_key_passed_as_a_name_is_not_shown(hs, sim, field):
    portal = sim.portal(101, "Acme")
    for key in (portal.key, portal.api_key, portal.static_token):
        hs.hidden.add(key)
        account, more, env = hs.account(portal), [], {}
        config = {"defaultAccount": 101, "accounts": [account]}
        if field == "defaultAccount":
            config[field] = key
        elif field in ("name", "accountId", "authType", "accountType"):
            account[field] = key
        elif field == "-a":
            more = ["-a", key]
        elif field == "argument":
            more = [key]
        elif field == "twice":
            more = ["-a", key, key]
        elif field == "HUBSPOT_ACCOUNT_ID":
            env = {field: key, "HUBSPOT_ACCESS_TOKEN": portal.static_token}
        hs.write_yaml(config)
        (hs.cwd / ".hs").mkdir(exist_ok=True)
        if field == ".hsaccount":
            (hs.cwd / field).write_text(key)
        if field == ".hs/settings.json":
            (hs.cwd / field).write_text(json.dumps({"localDefaultAccount": key, "accounts": [key]}))
        if field == "key of settings":
            (hs.cwd / ".hs/settings.json").write_text(f'{{"{key}": 1, "{key}": 2}}')
        for words in (
            ["account", "list"],
            ["account", "info"],
            ["account", "info", "--why"],
            ["secrets", "list"],
            ["api", "/x"],
            ["account", "use"],
            ["account", "clean"],
            ["account", "remove"],
        ):
            hs(*words, *more, env=env)
            hs(*words, *more, "--json", env=env)


def test_a_long_name_is_shown(hs, sim):
    portal = sim.portal(101, "Acme")
    for name in ("Acme-Production-2026-Main", "acme-production-of-the-north-2026-main", "pat-1"):
        hs.write_yaml({"defaultAccount": name, "accounts": [{**hs.account(portal), "name": name}]})
        for words in (["account", "list"], ["account", "list", "--json"], ["account", "info"]):
            assert name in hs(*words).out
