"""Never another account: whose key it is, and what HUBSPOT_ACCESS_TOKEN decides."""
import pytest

from calls import failed, ok
from conftest import write_links
from files import plant

REFRESH = "/localdevauth/v1/auth/refresh"
TOKEN = "oauthAccessToken"


@pytest.fixture
def swapped(hs, sim):
    """acme (101) has its own key; beta (202), the default, has acme's."""
    acme, beta = sim.portal(101, "acme"), sim.portal(202, "beta")
    hs.write_config(hs.account(beta, personalAccessKey=acme.key), acme)
    return hs


def only_refreshed(sim):
    """No request but the one for a token was made."""
    assert {r.path for r in sim.requests()} <= {REFRESH}, sim.requests()


def env_of(sim, **more):
    return {
        "HUBSPOT_ACCOUNT_ID": "202",
        "HUBSPOT_PERSONAL_ACCESS_KEY": sim.portals[101].key,
        **more,
    }


COMMANDS = {
    "api": ["api", "/crm/v3/objects/contacts"],
    "api-post": ["api", "/crm/v3/objects/contacts", "--data", "{}"],
    "secrets-list": ["secrets", "list"],
    "secrets-add": ["secrets", "add", "A", "--value-env", "VALUE"],
    "secrets-delete": ["secrets", "delete", "A", "--force"],
    "secrets-apply": ["secrets", "apply", "-f", ".env", "--force"],
    "upload": ["filemanager", "upload", "a.txt", "a.txt"],
    "upload-folder": ["filemanager", "upload", "in", "in"],
    "fetch": ["filemanager", "fetch", "/", "out"],
    "sandbox-create": ["sandbox", "create", "--name", "x", "--type", "developer"],
    "info": ["account", "info"],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_a_key_of_another_account(swapped, sim, command):
    hs = swapped
    plant(hs.cwd, **{"a.txt": "a", ".env": "A=b", "in/b.txt": "b"})
    before = hs.files()
    done = hs(*command, env={"VALUE": "some value"})
    failed(
        done,
        3,
        r"the key of 'beta' \(202\) belongs to account 101",
        "Sign in again: hs account auth --account 202",
    )
    only_refreshed(sim)
    after = hs.files()
    after.pop("work/out", None)  # the folder of a fetch
    assert after == before, "nothing is kept"


@pytest.mark.parametrize(
    "command",
    [c for n, c in COMMANDS.items() if n != "info"],
    ids=[n for n in COMMANDS if n != "info"],
)
def test_a_key_of_another_account_in_the_environment(hs, sim, command):
    sim.portal(101)
    plant(hs.cwd, **{"a.txt": "a", ".env": "A=b", "in/b.txt": "b"})
    done = hs(*command, "--use-env", env=env_of(sim, VALUE="some value"))
    failed(
        done,
        3,
        r"HUBSPOT_PERSONAL_ACCESS_KEY belongs to account 101, not to 202 \(HUBSPOT_ACCOUNT_ID\)",
    )
    only_refreshed(sim)


def test_the_account_has_no_name(hs, sim):
    acme, beta = sim.portal(101, "acme"), sim.portal(202, "beta")
    hs.write_config({**hs.account(beta, personalAccessKey=acme.key), "name": None})
    failed(hs("api", "/a"), 3, "the key of account 202 belongs to account 101")


def test_a_deprecated_config_names_its_own_command(hs, sim):
    acme, beta = sim.portal(101, "acme"), sim.portal(202, "beta")
    account = hs.account(beta, personalAccessKey=acme.key)
    account["portalId"] = account.pop("accountId")
    hs.write_yaml({"defaultPortal": "beta", "portals": [account]}, hs.cwd / "hubspot.config.yml")
    failed(hs("api", "/a"), 3, r"'beta' \(202\)", "hs auth --account 202")
    only_refreshed(sim)


@pytest.mark.parametrize("shared", ["key", "token"])
def test_a_cached_token_that_two_accounts_share(hs, sim, shared):
    """A config that was copied by hand, or written before tokens were compared."""
    acme, beta = sim.portal(101, "acme"), sim.portal(202, "beta")
    access = acme.issue()[0]

    def token():  # not one object: that would be written as an alias
        return {
            "auth": {"tokenInfo": {"accessToken": access, "expiresAt": "2099-01-01T00:00:00.000Z"}}
        }

    key = acme.key if shared == "key" else beta.key
    hs.write_config(
        hs.account(beta, personalAccessKey=key, **token()),
        hs.account(acme, **(token() if shared == "token" else {})),
    )
    done = hs("api", "/account-info/v3/details")
    if shared == "key":
        failed(done, 3, "belongs to account 101")
        only_refreshed(sim)
    else:
        assert ok(done).json["portalId"] == 202
    assert ok(hs("api", "/account-info/v3/details", "-a", "acme")).json["portalId"] == 101


@pytest.mark.parametrize(
    "hub_id, code",
    [
        (101, 0),
        ("101", 0),
        (101.0, 0),
        (102, 3),
        ("102", 3),
        (1.02e2, 3),
        (2**53 + 2, 1),
        (None, 1),
        (-101, 1),
        (0, 1),
        ("x", 1),
        ("101x", 1),
        (True, 1),
        ([101], 1),
        (101.5, 1),
        (10**30, 1),
    ],
)
def test_what_names_the_account(hs, sim, hub_id, code):
    """A token is used only if its account is certain."""
    hs.write_config(sim.portal(101))
    token = "t" * 40
    sim.fail(REFRESH, status=200, body={"hubId": hub_id, TOKEN: token, "expiresAtMillis": 9e12})
    sim.fail("/a", status=200, body={})
    assert hs("api", "/a").code == code
    assert (len(sim.requests("/a")) == 1) == (code == 0)
    assert (token in hs.config_path.read_text()) == (code == 0)


@pytest.mark.parametrize(
    "body",
    [
        b'{"hubId":101,"hubId":102,"oauthAccessToken":"%s"}',
        b'{"hubId":102,"hubId":101,"oauthAccessToken":"%s"}',
        b'{"hubId":101,"hubId":101,"oauthAccessToken":"%s"}',
        b'{"oauthAccessToken":"%s"}',
        b'{"hubid":101,"oauthAccessToken":"%s"}',
        b'{"data":{"hubId":101},"oauthAccessToken":"%s"}',
        b'{"hubId":1e2,"oauthAccessToken":"%s"}',
    ],
)
def test_a_response_that_names_no_one_account(hs, sim, body):
    hs.write_config(sim.portal(101))
    sim.fail(
        REFRESH, status=200, body=body % (b"t" * 40), headers={"Content-Type": "application/json"}
    )
    assert hs("api", "/a").code in (1, 3)
    assert sim.requests("/a") == [] and "tttt" not in hs.config_path.read_text()


def test_a_token_that_is_renewed_in_the_middle(hs, sim):
    """A 401 fetches another token: for the same account, or it is not used."""
    hs.write_config(sim.portal(101, "acme"))
    ok(hs("api", "/account-info/v3/details"))
    sim.log.clear()
    sim.revoke()
    before = hs.files()
    sim.fail(REFRESH, status=200, body={"hubId": 202, TOKEN: "t" * 40})
    failed(hs("api", "/account-info/v3/details"), 3, r"'acme' \(101\) belongs to account 202")
    assert [r.path for r in sim.requests()] == ["/account-info/v3/details", REFRESH]
    assert hs.files() == before


@pytest.mark.parametrize(
    "command",
    [
        ["filemanager", "upload", "in", "in", "--concurrency", "1"],
        ["secrets", "apply", "-f", ".env"],
    ],
    ids=lambda c: c[0],
)
def test_many_items_and_a_token_of_another_account(hs, sim, command):
    hs.write_config(sim.portal(101, "acme"))
    plant(hs.cwd, **{".env": "A=b\nB=c\n", **{f"in/{n}.txt": "x" for n in range(9)}})
    ok(hs("secrets", "list"))
    sim.log.clear()
    work = "POST api.hubapi.com"
    sim.fail("POST api.hubapi.com/filemanager", status=401, times=None)
    sim.fail("POST api.hubapi.com/cms", status=401, times=None)
    sim.fail(REFRESH, status=200, body={"hubId": 202, TOKEN: "t" * 40}, times=None)
    done = hs(*command)
    assert done.code == 3 and "belongs to account 202" in done.err, done.err
    assert len(sim.requests(REFRESH)) == 1
    assert all("tttt" not in (r.header("authorization") or "") for r in sim.requests()), work


def test_oauth2_response_with_another_account(hs, sim):
    portal = sim.portal(101)
    account = {
        "name": "o",
        "accountId": 101,
        "authType": "oauth2",
        "auth": {
            "clientId": portal.oauth["client_id"],
            "clientSecret": portal.oauth["client_secret"],
            "tokenInfo": {"refreshToken": portal.oauth["refresh_token"]},
        },
    }
    for hub_id, code in ((202, 3), ("202", 3), ("x", 1), (None, 0), (101, 0)):
        hs.write_config(account)
        before = hs.config_path.read_bytes()
        sim.reset()
        sim.portal(101)
        sim.fail(
            "/oauth/",
            status=200,
            body={"access_token": "t" * 40, "expires_in": 1800, "hub_id": hub_id},
        )
        sim.fail("/a", status=200, body={})
        done = hs("api", "/a")
        assert done.code == code, (hub_id, done.err)
        assert (len(sim.requests("/a")) == 1) == (code == 0)
        assert (hs.config_path.read_bytes() == before) == (code != 0)
        if code == 3:
            failed(
                done,
                3,
                r"the refresh token of 'o' \(101\) belongs to account 202",
                "hs account auth --auth-type oauth2 --account 101",
            )


def test_clean_keeps_an_account_whose_key_is_of_another(swapped, sim):
    hs = swapped
    sim.portals[101].state = "active"
    before = hs.files()
    done = hs("account", "clean", "--force", "--json")
    assert done.code == 3, done.err
    assert "the key of 'beta' (202) belongs to account 101" in done.err
    assert [a["accountId"] for a in done.json["unchecked"]] == [202]
    assert [a["accountId"] for a in done.json["active"]] == [101]
    assert hs.files() == before


def test_sign_in_suggests_the_account_of_the_key(hs, sim):
    sim.portal(101)
    done = hs("account", "auth", "--pak-stdin", "--account", "202", input=hs.key(101))
    failed(done, 3, "the key belongs to account 101, not to 202", "--account 101")
    assert not hs.config_path.exists()


# ---- HUBSPOT_ACCESS_TOKEN


@pytest.fixture
def both(hs, sim):
    """acme (101) is the config's default; the token is that of 303."""
    hs.write_config(sim.portal(101, "acme"), sim.portal(202, "beta"))
    sim.portal(303, "third")
    return hs


def pat(sim, hub_id=303, **more):
    return {"HUBSPOT_ACCESS_TOKEN": sim.portals[hub_id].static_token, **more}


def test_the_default_is_not_used(both, sim):
    hs = both
    done = ok(hs("api", "/account-info/v3/details", env=pat(sim, HUBSPOT_ACCOUNT_ID="303")))
    assert done.json["portalId"] == 303
    (line,) = [x for x in done.err.splitlines() if "instead" in x]
    assert (
        "HUBSPOT_ACCESS_TOKEN" in line
        and "account 303 (HUBSPOT_ACCOUNT_ID)" in line
        and "acme" in line
    )
    done = ok(hs("api", "/account-info/v3/details", env=pat(sim)))
    (line,) = [x for x in done.err.splitlines() if "instead" in x]
    assert "HUBSPOT_ACCESS_TOKEN" in line and "(0)" not in done.err
    assert len(sim.requests()) == 2, "no request only for a message"
    done = ok(hs("api", "/account-info/v3/details", "-a", "beta", env=pat(sim)))
    assert done.json["portalId"] == 202 and "instead" not in done.err


@pytest.mark.parametrize("config", [None, "", "a: [", "accounts: []\n", "accounts: 1\n"])
def test_no_default_no_note(hs, sim, config):
    """The config plays no part, in whatever state it is."""
    sim.portal(303)
    if config is not None:
        hs.write_yaml(config)
    done = ok(hs("api", "/account-info/v3/details", env=pat(sim)))
    assert "instead" not in done.err and "warning" not in done.err


FOLDERS = {
    "linked": lambda hs: write_links(hs, {"localDefaultAccount": 202, "accounts": [202]}),
    "linked-above": lambda hs: write_links(
        hs, {"localDefaultAccount": 202, "accounts": [202]}, hs.cwd.parent
    ),
    "linked-without-default": lambda hs: write_links(hs, {"accounts": [202, 101]}),
    "hsaccount": lambda hs: (hs.cwd / ".hsaccount").write_text("202"),
}


@pytest.mark.parametrize("folder", FOLDERS.values(), ids=FOLDERS.keys())
@pytest.mark.parametrize(
    "command",
    [c for n, c in COMMANDS.items() if not n.startswith("sandbox")],
    ids=[n for n in COMMANDS if not n.startswith("sandbox")],
)
def test_a_directory_that_names_an_account(both, sim, folder, command):
    hs = both
    folder(hs)
    plant(hs.cwd, **{"a.txt": "a", ".env": "A=b", "in/b.txt": "b"})
    for env in (pat(sim), pat(sim, HUBSPOT_ACCOUNT_ID="303")):
        failed(
            hs(*command, env={**env, "VALUE": "some value"}),
            3,
            "HUBSPOT_ACCESS_TOKEN",
            "settings.json|.hsaccount",
            "--account",
        )
    assert sim.requests() == []


@pytest.mark.parametrize("folder", FOLDERS.values(), ids=FOLDERS.keys())
def test_a_directory_that_agrees(both, sim, folder):
    hs = both
    folder(hs)
    details = ["api", "/account-info/v3/details"]
    assert ok(hs(*details, env=pat(sim, 202, HUBSPOT_ACCOUNT_ID="202"))).json["portalId"] == 202
    assert ok(hs(*details, "-a", "acme", env=pat(sim))).json["portalId"] == 101
    assert (
        ok(hs(*details, "-c", hs.config_path, "-a", "acme", env=pat(sim))).json["portalId"] == 101
    )


@pytest.mark.parametrize("text", ["x", "", "-5", "202x"])
def test_an_hsaccount_that_cannot_be_read(both, sim, text):
    (both.cwd / ".hsaccount").write_text(text)
    failed(both("api", "/a", env=pat(sim, HUBSPOT_ACCOUNT_ID="303")), 3, ".hsaccount", "--account")
    assert sim.requests() == []


@pytest.mark.parametrize("folder", FOLDERS.values(), ids=FOLDERS.keys())
def test_what_keeps_working(both, sim, folder):
    hs = both
    folder(hs)
    done = ok(hs("account", "list", env=pat(sim)))
    assert "HUBSPOT_ACCESS_TOKEN" in done.err and "acme" in done.out
    done = ok(hs("account", "list", "--json", env=pat(sim)))
    assert done.json["accessToken"] == {
        "source": "HUBSPOT_ACCESS_TOKEN",
        "accountId": None,
        "used": False,
    }
    done = ok(hs("account", "info", "--why", env=pat(sim)))
    assert "Access token:" in done.out and "HUBSPOT_ACCESS_TOKEN" in done.out
    done = ok(hs("account", "info", "--why", "--json", env=pat(sim)))
    assert "HUBSPOT_ACCESS_TOKEN" in done.json["why"]["accessToken"]
    ok(hs("account", "info", "acme", env=pat(sim)))
    ok(hs("account", "link", "--account", "acme", "--default", "acme", env=pat(sim)))
    ok(hs("account", "unlink", "--all", env=pat(sim)))
    assert all(
        sim.portals[303].static_token not in (r.header("authorization") or "")
        for r in sim.requests()
    )


def test_list_use_and_info_name_the_token(both, sim):
    hs = both
    env = pat(sim, HUBSPOT_ACCOUNT_ID="303")
    done = ok(hs("account", "list", env=env))
    assert "Access token: HUBSPOT_ACCESS_TOKEN, for account 303 (HUBSPOT_ACCOUNT_ID)" in done.out
    assert ok(hs("account", "list", "--json", env=env)).json["accessToken"] == {
        "source": "HUBSPOT_ACCESS_TOKEN",
        "accountId": 303,
        "used": True,
    }
    assert "accessToken" not in ok(hs("account", "list", "--json")).json
    assert (
        "HUBSPOT_ACCESS_TOKEN" not in ok(hs("account", "list", "-c", hs.config_path, env=env)).out
    )
    assert "HUBSPOT_ACCESS_TOKEN" in ok(hs("account", "use", "beta", env=env)).err
    for env in (env, pat(sim)):
        for why in ([], ["--why"]):
            done = ok(hs("account", "info", *why, env=env))
            assert (
                "HUBSPOT_ACCESS_TOKEN" in done.out
                and " 303\n" in done.out
                and "101" not in done.out
            )
            done = ok(hs("account", "info", "--json", *why, env=env))
            assert done.json["accountId"] == 303 and "HUBSPOT_ACCESS_TOKEN" in done.json["source"]
    assert "HUBSPOT_ACCESS_TOKEN" not in ok(hs("account", "info", "acme", env=env)).out


def test_info_of_a_token_without_a_config(hs, sim):
    sim.portal(303)
    done = ok(hs("account", "info", "--why", env=pat(sim)))
    assert " 303\n" in done.out and "Config:       none" in done.out
    failed(
        hs("account", "info", env=pat(sim, HUBSPOT_ACCOUNT_ID="101")),
        3,
        r"HUBSPOT_ACCESS_TOKEN belongs to account 303, not to 101 \(HUBSPOT_ACCOUNT_ID\)",
    )


def test_no_message_says_account_0(both, tty, sim):
    hs = both
    plant(hs.cwd, **{".env": "A=another value\n"})
    sim.portals[303].secrets["OLD"] = "an old value"
    for command in (
        ["secrets", "list"],
        ["secrets", "add", "A", "--value-env", "VALUE"],
        ["secrets", "delete", "NONE", "--force"],
        ["secrets", "apply", "-f", ".env", "--prune"],
        ["secrets", "apply", "-f", ".env", "--prune", "--force"],
        ["account", "info"],
        ["account", "list"],
        ["api", "/none"],
    ):
        done = hs(*command, "--debug", env=pat(sim, VALUE="some value"))
        assert "(0)" not in done.out + done.err and "account 0" not in done.err, done.err
    child = tty("secrets", "delete", "A", env=pat(sim))
    child.expect("Delete secret A")
    child.send("n\r")
    tty.end(child)
    assert (
        "(0)" not in child.logfile_read.text
        and "the account of HUBSPOT_ACCESS_TOKEN" in child.logfile_read.text
    )


@pytest.mark.parametrize(
    "token, good",
    [
        ("{}", True),
        ("{}\n", True),
        ("{}\r\n", True),
        ("\t {} ", True),
        ('"{}"', False),
        ("'{}'", False),
        ("{}\n{}", False),
        ("{} x", False),
        ("Bearer {}", False),
        ("{}\x01", False),
        ("{}\x7f", False),
        ("{}\u200b", False),
    ],
)
def test_the_form_of_a_token(hs, sim, token, good):
    portal = sim.portal(303)
    done = hs(
        "api",
        "/account-info/v3/details",
        env={"HUBSPOT_ACCESS_TOKEN": token.replace("{}", portal.static_token)},
    )
    if good:
        ok(done)
    else:
        failed(done, 2, "HUBSPOT_ACCESS_TOKEN is not an access token")
        assert sim.requests() == []
