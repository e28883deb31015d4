"""Side by side with HubSpot's own client: one config, either program, any order.

Where the official client cannot be had, these tests are skipped (official.py).
The commands one by one are in test_matrix.py.
"""
import subprocess

import pytest

import conftest
from calls import ECHO
from official import official_client, official_env  # noqa: F401 (the first: a fixture)


@pytest.fixture(scope="session")
def bin():
    """The first binary only: what is on disk does not depend on the build."""
    return str(conftest.BINS[0])


@pytest.fixture
def official(official_client, hs, sim):
    """official("account", "list") in the same home and folder as hs(...)."""

    def run(*args, code=0, cwd=None):
        done = subprocess.run(
            [official_client, *args],
            env=official_env(hs),
            cwd=cwd or hs.cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def portals(sim):
    """Production, and a sandbox and a test account of it."""
    return [
        sim.portal(1000001, "Acme Prod 2"),
        sim.portal(2000002, "My Sandbox", type="STANDARD_SANDBOX", parent=1000001),
        sim.portal(3000003, "devTest", type="DEVELOPER_TEST", parent=1000001),
    ]


def accounts(config):
    """What must survive either program: everything but the access tokens."""
    kept = {}
    for account in config["accounts"]:
        account = {k: v for k, v in account.items() if k != "auth"}
        kept[account["accountId"]] = account
    return kept


def stored_token(config, account_id):
    found = [a for a in config["accounts"] if a["accountId"] == account_id]
    return found[0]["auth"]["tokenInfo"]["accessToken"]


def asked_for(sim, path=ECHO):
    """(portalId, bearer token) of the last request for a path."""
    request = sim.requests(path)[-1]
    bearer = request.header("authorization", "").removeprefix("Bearer ")
    return request.param("portalId"), bearer


def ours(hs, *args, **how):
    done = hs(*args, **how)
    assert done.code == 0, done.err
    return done.out


def test_official_uses_what_we_wrote(sim, hs, official, portals):
    hs.sign_in(*portals)
    written = hs.read_config()
    assert written["defaultAccount"] == 1000001
    assert written["accounts"][1]["parentAccountId"] == 1000001
    assert written["accounts"][2]["parentAccountId"] == 1000001

    rows = official("account", "list").splitlines()
    for name, kind, number in (
        ("acme-prod-2", "standard", 1000001),
        ("my-sandbox", "standard sandbox", 2000002),
        ("dev-test", "test account", 3000003),
    ):
        assert any(f"{name} [{kind}]" in r and str(number) in r for r in rows), rows

    official("api", ECHO, "-a", "my-sandbox", "--json")
    assert asked_for(sim) == ("2000002", stored_token(written, 2000002))

    assert "my-sandbox" in official("account", "use", "my-sandbox")
    rewritten = hs.read_config()
    assert rewritten["defaultAccount"] == 2000002
    assert accounts(rewritten) == accounts(written)

    ours(hs, "api", ECHO)
    assert asked_for(sim)[0] == "2000002"


def test_we_use_what_official_wrote(sim, hs, official, portals):
    official("account", "auth", "--pak", hs.key(portals[0]), "--use-default-name", "--default")
    official("account", "auth", "--pak", hs.key(portals[1]), "--name", "box", "--no-default")
    written = hs.read_config()
    assert accounts(written).keys() == {1000001, 2000002}

    out = ours(hs, "account", "list", "--json")
    assert "acme-prod-2" in out and "box" in out
    ours(hs, "api", ECHO, "-a", "box")
    assert asked_for(sim) == ("2000002", stored_token(written, 2000002))
    assert hs.read_config() == written

    ours(hs, "account", "use", "box")
    assert hs.read_config() == {**written, "defaultAccount": 2000002}
    hs.sign_in(portals[0])  # again: in place, under the name that it had
    assert accounts(hs.read_config()) == accounts(written)


def test_same_default_name(sim, hs, official, portals):
    """Both make the same account name of the same hub name."""
    names = ["HTTPServer2 east", "Müller & Söhne GmbH (DE)", "ALLCAPS Inc.", "a1b2 42"]
    made = [sim.portal(10 + i, name) for i, name in enumerate(names)]
    hs.sign_in(*made)
    our_names = [a["name"] for a in hs.read_config()["accounts"]]
    hs.config_path.unlink()
    for portal in made:
        official("account", "auth", "--pak", hs.key(portal), "--use-default-name", "--default")
    assert our_names == [a["name"] for a in hs.read_config()["accounts"]]


def test_names_that_read_as_other_types(sim, hs, official):
    """Each program must quote what the other would take for something else."""
    names = [
        "123",
        "yes",
        "null",
        "2026-11-23",
        "1e3",
        "0x1f",
        "~",
        "true",
        "#x",
        "a:b",
        "-",
        "<<",
        "é",
        "'q'",
        '"',
        "*a",
        "!t",
        "%d",
        "012",
        ".5",
        "1_0",
    ]
    made = [sim.portal(100 + i) for i in range(len(names))]
    hs.write_config(*(hs.account(p, name=n) for p, n in zip(made, names)))
    ours(hs, "account", "use", "100")
    assert [a["name"] for a in hs.read_config()["accounts"]] == names
    official("account", "use", "102")
    ours(hs, "account", "use", "101")
    assert [a["name"] for a in hs.read_config()["accounts"]] == names
    ours(hs, "api", ECHO, "-a", "0x1f")
    assert asked_for(sim)[0] == "105"


def test_oauth_account(sim, hs, official):
    """Each uses the token that the other has fetched: the official client dates
    it in words (Mon Nov 23 2026 …), we write ISO 8601."""
    portal = sim.portal(5)
    oauth = portal.oauth
    hs.write_config(
        {
            "name": "oa",
            "accountId": 5,
            "authType": "oauth2",
            "accountType": "STANDARD",
            "env": "prod",
            "auth": {
                "clientId": oauth["client_id"],
                "clientSecret": oauth["client_secret"],
                "scopes": ["content"],
                "tokenInfo": {"refreshToken": oauth["refresh_token"]},
            },
        }
    )
    official("api", ECHO, "--json")
    written = hs.read_config()
    ours(hs, "api", ECHO)
    assert asked_for(sim) == ("5", stored_token(written, 5))
    assert len(sim.requests("/oauth/v1/token")) == 1

    sim.revoke()  # now we fetch one, and the official uses it
    ours(hs, "api", "/account-info/v3/details")
    rewritten = hs.read_config()
    assert stored_token(rewritten, 5) != stored_token(written, 5)
    assert rewritten["accounts"][0]["auth"]["tokenInfo"]["refreshToken"] == oauth["refresh_token"]
    official("api", ECHO, "--json")
    assert asked_for(sim) == ("5", stored_token(rewritten, 5))


def test_deprecated_file(sim, hs, official):
    """Both work from a hubspot.config.yml and leave it in the deprecated form."""
    portal = sim.portal(1000001)
    path = hs.write_yaml(
        {
            "defaultPortal": "acme",
            "defaultMode": "draft",
            "portals": [
                {
                    "name": "acme",
                    "portalId": 1000001,
                    "env": "prod",
                    "mine": [1, "x"],
                    "authType": "personalaccesskey",
                    "personalAccessKey": hs.key(portal),
                    "auth": {"tokenInfo": {}},
                }
            ],
        },
        hs.cwd / "hubspot.config.yml",
    )
    for fetch, use in (
        (lambda: ours(hs, "api", ECHO), lambda: official("api", ECHO, "--json")),
        (lambda: official("api", ECHO, "--json"), lambda: ours(hs, "api", ECHO)),
    ):
        fetch()
        config = hs.read_config(path)
        assert config["defaultPortal"] == "acme" and "accounts" not in config
        account = config["portals"][0]
        assert account["portalId"] == 1000001 and account["mine"] == [1, "x"]
        assert account["personalAccessKey"] == hs.key(portal)
        token = account["auth"]["tokenInfo"]["accessToken"]
        use()
        assert asked_for(sim) == ("1000001", token)
        # the other way round: as if the token were used up
        account["auth"]["tokenInfo"]["expiresAt"] = "2020-01-01T00:00:00.000Z"
        hs.write_yaml(config, path)
    assert not hs.config_path.exists()


def test_override_file(sim, hs, official, portals):
    """An .hsaccount that the official client wrote decides for us, too."""
    hs.write_config(*portals)
    official("account", "create-override", "dev-test".replace("-", ""))
    assert (hs.cwd / ".hsaccount").read_text() == "3000003"
    ours(hs, "api", ECHO)
    assert asked_for(sim)[0] == "3000003"


def test_official_uses_the_sandbox_that_we_made(sim, hs, official, portals):
    hs.sign_in(portals[0])
    ours(hs, "sandbox", "create", "--name", "My Box", "--type", "developer")
    made = max(sim.portals)
    rows = official("account", "list").splitlines()
    assert any("my-box [dev sandbox]" in r and str(made) in r for r in rows), rows
    ours(hs, "secrets", "add", "API_KEY", "-a", "my-box", input="value-of-api-key")
    assert "API_KEY" in official("secrets", "list", "-a", "my-box")
    official("sandbox", "delete", "--account", "my-box", "--force")
    assert made not in accounts(hs.read_config())
