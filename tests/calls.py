"""What the tests of requests share: a call with a static token, and what to
expect of one that ended well, or failed."""
import os
import re
import subprocess

import pytest

API = "api.hubapi.com"
ECHO = "/test/echo"


@pytest.fixture
def api(hs, sim):
    """api("/crm/…", …) runs `hs api` with HUBSPOT_ACCESS_TOKEN: no config, and
    no request but the one that is asked for."""
    portal = sim.portal(101)

    def call(*args, env=None, **how):
        env = {"HUBSPOT_ACCESS_TOKEN": portal.static_token, **(env or {})}
        return hs("api", *args, env=env, **how)

    return call


def ok(done):
    assert done.code == 0, done.err
    return done


def failed(done, code, *words):
    """The run ended with this code and one message that has these words."""
    told = [line for line in done.err.splitlines() if line.startswith("hs: ")]
    assert done.code == code, (done.code, done.err)
    assert len(told) == 1, done.err
    for word in words:
        assert re.search(word, done.err, re.IGNORECASE), (word, done.err)


def refused(hs, args, code, *words, sends=False, **more):
    """The run fails with this code and these texts. It prints no data, changes no file, and
    unless `sends` is set, makes no request."""
    before, sent = hs.files(), len(hs.sim.log)
    done = hs(*args, **more)
    assert done.code == code and done.out == "", done
    for word in words:
        assert str(word) in done.err, (word, done.err)
    assert hs.files() == before
    assert sends or len(hs.sim.log) == sent
    return done


def raw(done):
    """The bytes of stdout."""
    return done.out.encode("utf-8", "surrogateescape")


def answer(sim, body, path="/a", kind="application/json", **how):
    """Has one request for `path` be answered with this body."""
    return sim.fail(path, **{"status": 200, "body": body, "headers": {"Content-Type": kind}, **how})


def http(*lines, body=b""):
    """An answer's bytes: its head's lines, and what follows."""
    return "\r\n".join((*lines, "", "")).encode() + body


def is_sanitized(hs):
    """Is this the build with ASan? Its memory and speed say nothing."""
    return "debug" in hs.bin.rpartition("/")[2]


def used(hs, *args, code=0, **more):
    """The id of the account that `hs api` used."""
    result = hs("api", ECHO, *args, **more)
    assert result.code == code, result.err
    return int(hs.sim.requests(f"GET {ECHO}")[-1].param("portalId"))


def names(hs, path=None):
    """The names of the accounts in a config, the global one or another."""
    config = hs.read_config(path)
    return [a["name"] for a in config.get("accounts") or config["portals"]]


def write_old(hs, *portals, path=None, **fields):
    """A deprecated config of these portals, or numbers of portals; the first is the default."""
    accounts = []
    for portal in portals:
        if isinstance(portal, int):
            portal = hs.sim.portals.get(portal) or hs.sim.portal(portal)
        account = hs.account(portal)
        del account["accountType"]
        accounts.append({**account, "portalId": account.pop("accountId")})
    config = {"defaultPortal": accounts[0]["name"], **fields, "portals": accounts}
    return hs.write_yaml(config, path or hs.cwd / "hubspot.config.yml")


def git(hs, *args, at=None, check=True):
    """Runs git with the tests' home, in the working directory or in `at`: how it ended."""
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.invalid", *map(str, args)],
        cwd=at or hs.cwd,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(hs.home),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CEILING_DIRECTORIES": str(hs.cwd.parent),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def ignored(hs, path):
    """Does git ignore it?"""
    path = hs.cwd / path
    at = path.parent if path.parent.exists() else None
    code = git(hs, "check-ignore", "-q", "--no-index", path, at=at, check=False).returncode
    assert code in (0, 1), path
    return code == 0


def oauth_account(portal, name="o", **token):
    """An account that signs in with OAuth2, in a config: with a refresh token only, unless
    `token` has more for its tokenInfo."""
    return {
        "name": name,
        "accountId": portal.hub_id,
        "authType": "oauth2",
        "auth": {
            "clientId": portal.oauth["client_id"],
            "clientSecret": portal.oauth["client_secret"],
            "scopes": ["content"],
            "tokenInfo": {"refreshToken": portal.oauth["refresh_token"], **token},
        },
    }
