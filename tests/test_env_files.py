"""Secrets of the environment as files: NAME_FILE, as Docker and Kubernetes mount them."""
import os

import pytest

from calls import failed, ok

TOKEN, KEY = "HUBSPOT_ACCESS_TOKEN", "HUBSPOT_PERSONAL_ACCESS_KEY"
DETAILS = "/account-info/v3/details"


@pytest.fixture(params=["token", "use-env", "auth"])
def run(request, hs, sim, tmp_path):
    """run(text) puts the text in a file and runs a command that reads it there."""
    portal = sim.portal(101)
    name = TOKEN if request.param == "token" else KEY
    args = {
        "token": ["api", DETAILS],
        "use-env": ["api", DETAILS, "--use-env"],
        "auth": ["account", "auth"],
    }
    path = tmp_path / "secret"

    def call(text=None, file=None, **env):
        if text is not None:
            path.write_bytes(text)
        more = {"HUBSPOT_ACCOUNT_ID": "101"} if request.param != "auth" else {}
        return hs(
            *args[request.param],
            env={f"{name}_FILE": path if file is None else file, **more, **env},
        )

    call.name, call.path = name, path
    call.secret = (portal.static_token if name == TOKEN else portal.key).encode()
    return call


@pytest.mark.parametrize(
    "before, after",
    [
        (b"", b""),
        (b"", b"\n"),
        (b"", b"\r\n"),
        (b" \t", b" \n\n"),
        (b"\n", b"\n"),
        (b"\xef\xbb\xbf", b"\r\n"),
    ],
)
def test_the_file_is_used(run, before, after):
    done = ok(run(before + run.secret + after))
    assert ("byte order mark" in done.err and f"{run.name}_FILE" in done.err) == before.startswith(
        b"\xef"
    ), done.err


def test_a_link_is_followed(run, tmp_path):
    """Kubernetes mounts secrets as links."""
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "secret").write_bytes(run.secret)
    run.path.symlink_to("..data/secret")
    ok(run())


@pytest.mark.parametrize(
    "text, word",
    [
        (b"", "the file is empty"),
        (b" \r\n\n", "the file is empty"),
        (b"\xef\xbb\xbf\n", "the file is empty"),
        (b"SECRET\nSECRET\n", "more than one line"),
        (b"SECRET\rX", "more than one line"),
        ("SECRET".encode("utf-16"), "UTF-16"),
        (b"\xfe\xff\0S", "UTF-16"),
        (b"SECRET" * 20000, "larger than 64 KiB"),
        (b"\0SECRET", "is not"),
        (b"'SECRET'", "is not"),
        (b"SECRET SECRET", "is not"),
    ],
)
def test_what_cannot_be_used(run, sim, text, word):
    done = run(text.replace(b"SECRET", run.secret))
    failed(done, 2, word)
    assert run.secret.decode() not in done.err and sim.requests() == []


def test_not_a_regular_file(run, tmp_path, sim):
    failed(run(), 2, rf"cannot use {run.path} \(set in {run.name}_FILE\): No such file")
    failed(run(file=tmp_path), 2, f"{run.name}_FILE", "not a regular file")
    os.mkfifo(run.path)
    failed(run(), 2, f"{run.name}_FILE", "not a regular file")
    failed(run(file="/dev/null"), 2, f"{run.name}_FILE")
    assert sim.requests() == []


def test_the_secret_in_the_place_of_its_path_is_not_shown(run):
    secret = run.secret.decode()
    done = run(file=secret)
    failed(done, 2, f"{run.name}_FILE is not the path of a file", f"set {run.name} instead")
    assert secret not in done.err


def test_an_unreadable_file(outsider, sim):
    path = outsider.cwd / "secret"
    path.write_text(sim.portal(101).static_token)
    outsider.own()
    path.chmod(0)
    failed(
        outsider("api", DETAILS, env={f"{TOKEN}_FILE": path}),
        2,
        f"{TOKEN}_FILE",
        "Permission denied",
    )


def test_both_forms_are_set(run, sim):
    done = run(run.secret, **{run.name: run.secret.decode()})
    failed(done, 2, f"{run.name} and {run.name}_FILE are both set")
    assert sim.requests() == []
    ok(run(run.secret, **{run.name: ""}))
    ok(run(run.secret, **{run.name: " \n"}))
    ok(run(file="", **{run.name: run.secret.decode()}))


@pytest.mark.parametrize(
    "name, more",
    [("HUBSPOT_REFRESH_TOKEN", {}), ("HUBSPOT_CLIENT_SECRET", {}), ("HUBSPOT_API_KEY", None)],
)
def test_the_other_secrets_of_use_env(hs, sim, tmp_path, name, more):
    portal = sim.portal(101)
    values = (
        {"HUBSPOT_API_KEY": portal.api_key}
        if more is None
        else {
            "HUBSPOT_CLIENT_ID": portal.oauth["client_id"],
            "HUBSPOT_CLIENT_SECRET": portal.oauth["client_secret"],
            "HUBSPOT_REFRESH_TOKEN": portal.oauth["refresh_token"],
        }
    )
    env = {"HUBSPOT_ACCOUNT_ID": "101", **values}
    (tmp_path / "secret").write_text(env.pop(name) + "\n")
    env[f"{name}_FILE"] = tmp_path / "secret"
    ok(hs("api", DETAILS, "--use-env", env=env))
    failed(
        hs("api", DETAILS, "--use-env", env={**env, name: "x"}),
        2,
        f"{name} and {name}_FILE are both set",
    )


def test_messages_name_the_variable_that_is_set(hs, sim, tmp_path):
    portal = sim.portal(101)
    (tmp_path / "secret").write_text(portal.static_token)
    env = {f"{TOKEN}_FILE": tmp_path / "secret"}
    hs.write_config(sim.portal(202, "beta"))
    sim.fail("/b/", status=401, times=None)
    done = hs("api", "/b/", env=env)
    failed(done, 4, f"{TOKEN}_FILE is invalid or has expired")
    assert f"Using {TOKEN}_FILE instead" in done.err
    assert f"Access token: {TOKEN}_FILE" in ok(hs("account", "list", env=env)).out
    assert f"{TOKEN}_FILE" in ok(hs("account", "info", "--why", env=env)).out
    (tmp_path / "secret").write_text(portal.key)
    env = {"HUBSPOT_ACCOUNT_ID": "303", f"{KEY}_FILE": tmp_path / "secret"}
    failed(
        hs("api", "/a", "--use-env", env=env), 3, f"{KEY}_FILE belongs to account 101, not to 303"
    )


@pytest.mark.parametrize(
    "args", [["account", "list"], ["api", "/a"], ["secrets", "list"], ["account", "info"]]
)
def test_without_a_config_the_message_names_the_token(hs, args):
    failed(hs(*args), 3, TOKEN, "hs account auth")


def test_the_names_are_in_the_help(hs):
    assert f"{KEY}_FILE" in ok(hs("account", "auth", "--help")).out
    assert TOKEN in ok(hs("api", "--help")).out and f"{TOKEN}_FILE" in ok(hs("api", "--help")).out


@pytest.mark.parametrize(
    "args", [["list"], ["list", "--json"], ["use", "beta"], ["info"], ["info", "--why"]]
)
def test_both_forms_of_the_token_are_set_for_account_commands(hs, sim, tmp_path, args):
    portal = sim.portal(101, "acme")
    (tmp_path / "secret").write_text(portal.static_token)
    hs.write_config(portal, sim.portal(202, "beta"))
    before = hs.config_path.read_bytes()
    env = {TOKEN: portal.static_token, f"{TOKEN}_FILE": tmp_path / "secret"}
    failed(hs("account", *args, env=env), 2, f"{TOKEN} and {TOKEN}_FILE are both set")
    assert hs.config_path.read_bytes() == before and not sim.log
