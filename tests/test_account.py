"""hs account auth, list, info, use."""
import json
import os
import re

import pytest

from conftest import mode, write_links

REFRESH = "POST /localdevauth/v1/auth/refresh"


def auth(hs, *args, key=None, portal=None, code=0, **more):
    """Sign in with the key on stdin; the result."""
    key = key if key is not None else hs.key(portal)
    result = hs("account", "auth", "--pak-stdin", *args, input=key + "\n", **more)
    assert result.code == code, result.err
    return result


def clean(text):
    """True if a terminal would interpret nothing in it."""
    return not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)


# ---- auth: where the key comes from


def test_key_from_stdin_makes_the_first_config(hs, sim):
    portal = sim.portal(101, "Acme Prod")
    result = auth(hs, portal=portal)
    assert result.out == ""
    assert "acme-prod" in result.err and "101" in result.err
    assert hs.read_config() == {
        "defaultAccount": 101,
        "accounts": [
            {
                "name": "acme-prod",
                "accountId": 101,
                "env": "prod",
                "authType": "personalaccesskey",
                "accountType": "STANDARD",
                "personalAccessKey": portal.key,
                "auth": {"tokenInfo": hs.read_config()["accounts"][0]["auth"]["tokenInfo"]},
            }
        ],
    }
    token = hs.read_config()["accounts"][0]["auth"]["tokenInfo"]
    assert token["accessToken"] in portal.tokens
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", token["expiresAt"])
    assert mode(hs.config_path) == 0o600
    assert mode(hs.config_path.parent) == 0o700
    assert [p.name for p in hs.config_path.parent.iterdir()] == ["config.yml"]
    (request,) = sim.log
    assert request.host == "api.hubapi.com" and request.header("Authorization") is None
    assert request.json == {"encodedOAuthRefreshToken": portal.key}


@pytest.mark.parametrize("umask", [0, 0o277])
def test_modes_do_not_depend_on_the_umask(hs, sim, umask):
    sim.portal(101)
    auth(hs, portal=101, umask=umask)
    assert mode(hs.config_path) == 0o600
    assert mode(hs.config_path.parent) & 0o077 == 0


def test_an_open_file_is_closed_to_others(hs, sim):
    sim.portal(101)
    hs.write_config(sim.portals[101]).chmod(0o644)
    auth(hs, portal=101)
    assert mode(hs.config_path) == 0o600


@pytest.mark.parametrize(
    "form",
    [
        lambda k: ["--pak", k],
        lambda k: [f"--pak={k}"],
        lambda k: ["--personal-access-key", k],
        lambda k: [f"--personal-access-key={k}"],
        lambda k: [f"--personalAccessKey={k}"],
        lambda k: ["--personalAccessKey", k],
    ],
)
def test_key_in_argv_is_wiped(hs, sim, form):
    """hs() inspects the command line during a request."""
    portal = sim.portal(101)
    result = hs("account", "auth", *form(portal.key))
    assert result.code == 0, result.err
    assert hs.read_config()["accounts"][0]["personalAccessKey"] == portal.key


def test_key_in_argv_before_the_command(hs, sim):
    portal = sim.portal(101)
    assert hs("--pak", portal.key, "account", "auth").code == 0


def test_key_from_the_environment(hs, sim):
    portal = sim.portal(101)
    result = hs("account", "auth", env={"HUBSPOT_PERSONAL_ACCESS_KEY": portal.key})
    assert result.code == 0, result.err
    assert hs.read_config()["defaultAccount"] == 101


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n\n"])
def test_key_from_a_file(hs, sim, tmp_path, ending):
    portal = sim.portal(101)
    file = tmp_path / "key"
    file.write_bytes((portal.key + ending).encode())
    result = hs("account", "auth", env={"HUBSPOT_PERSONAL_ACCESS_KEY_FILE": file})
    assert result.code == 0, result.err
    assert hs.read_config()["accounts"][0]["personalAccessKey"] == portal.key


def test_an_option_wins_over_the_environment(hs, sim):
    one, two = sim.portal(101), sim.portal(202)
    auth(hs, portal=one, env={"HUBSPOT_PERSONAL_ACCESS_KEY": two.key})
    assert [a["accountId"] for a in hs.read_config()["accounts"]] == [101]


def test_a_key_file_that_cannot_be_read(hs, sim, tmp_path):
    for path in (tmp_path / "none", tmp_path):
        result = hs("account", "auth", env={"HUBSPOT_PERSONAL_ACCESS_KEY_FILE": path})
        assert result.code == 2 and str(path) in result.err
    assert not sim.log and not hs.config_path.parent.exists()


def test_no_key_and_no_terminal(hs, sim):
    result = hs("account", "auth")
    assert result.code == 2
    assert "--pak-stdin" in result.err and "HUBSPOT_PERSONAL_ACCESS_KEY" in result.err
    assert not sim.log and not hs.config_path.parent.exists()


def test_two_ways_to_pass_the_key(hs, sim):
    portal = sim.portal(101)
    result = hs("account", "auth", "--pak", portal.key, "--pak-stdin", input=portal.key)
    assert result.code == 2 and not sim.log


# ---- auth: invalid keys

BAD_KEYS = {
    "empty": "",
    "blank": " \t\n",
    "spaces": "CiRuYTEt" * 10 + " " + "YzVi" * 10,
    "line break": "CiRuYTEt" * 10 + "\n" + "YzVi" * 10,
    "bullets": "•" * 40,
    "stars": "*" * 40,
    "token": "pat-na1-" + "12ab-" * 8,
    "short": "CiRuYTEt",
    "long": "CiRu" * 2000,
    "control": "CiRuYTEt" * 10 + "\x1b[0m",
    "quotes": '"' + "CiRuYTEt" * 10 + '"',
    "not UTF-8": "CiRuYTEt" * 10 + "\udcff",
}


@pytest.mark.parametrize("key", BAD_KEYS.values(), ids=BAD_KEYS)
@pytest.mark.parametrize("way", ["stdin", "env", "file", "option"])
def test_an_invalid_key_is_refused_before_anything_is_sent(hs, sim, tmp_path, way, key):
    data = key.encode("utf-8", "surrogateescape")
    (tmp_path / "key").write_bytes(data)
    args, env, text = [], {}, b""
    if way == "stdin":
        args, text = ["--pak-stdin"], data
    elif way == "option":
        args = ["--pak", key]
    elif way == "file":
        env = {"HUBSPOT_PERSONAL_ACCESS_KEY_FILE": tmp_path / "key"}
    else:
        env = {"HUBSPOT_PERSONAL_ACCESS_KEY": key}
    if len(key.strip()) > 8:
        hs.hidden.add(key.strip())
    result = hs("account", "auth", *args, env=env, input=text)
    assert result.code == 2, result.err
    assert "key" in result.err and clean(result.err)
    assert not sim.log and not hs.config_path.parent.exists()


def test_a_token_is_recognized_as_such(hs, sim):
    result = auth(hs, key="pat-na1-0123-4567-89ab-cdef", code=2)
    assert "access token" in result.err and "HUBSPOT_ACCESS_TOKEN" in result.err


def test_a_key_passed_as_an_argument_is_not_printed(hs, sim):
    """hs account auth KEY, without the option."""
    portal = sim.portal(101)
    result = hs("account", "auth", portal.key)
    assert result.code == 2 and not sim.log


# ---- auth: HubSpot's responses


def test_a_refused_key_leaves_nothing(hs, sim):
    key = "CiRuYTEt" * 16
    hs.hidden.add(key)
    result = auth(hs, key=key, code=4)
    assert "key" in result.err and "personal-access-key" in result.err
    assert len(sim.log) == 1
    assert list(hs.home.iterdir()) == []


@pytest.mark.parametrize(
    "fault, code",
    [
        ({"status": 500}, 1),
        ({"then": "reset"}, 7),
        ({"body": b"<html>"}, 1),
        ({"status": 200, "body": {}}, 1),
        ({"status": 200, "body": []}, 1),
        ({"status": 200, "body": {"oauthAccessToken": "x" * 40, "hubId": "no"}}, 1),
    ],
)
def test_a_failed_first_sign_in_leaves_nothing(hs, sim, fault, code):
    sim.portal(101)
    if "body" in fault:
        fault = {"status": 200, **fault}
    sim.fail(REFRESH, times=None, **fault)
    auth(hs, "--max-wait", 0, portal=101, code=code)
    assert list(hs.home.iterdir()) == []


def test_a_failed_sign_in_changes_nothing(hs, sim):
    before = hs.write_config(sim.portal(101), sim.portal(202)).read_bytes()
    sim.portals[101].state = "inactive"
    auth(hs, portal=101, code=4)
    assert hs.config_path.read_bytes() == before


def test_hostile_names_do_not_get_through(hs, sim):
    sim.portal(101, "Ev\x1b[2Jil\x00\nhub\u009b31m \x07Name\u202e", type="STAN\x1b[31mDARD\n")
    sim.portals[101].scopes = ["crm\x1b]0;x\x07", "ok\nscope\u009bx"]
    for run in (
        auth(hs, portal=101),
        auth(hs, "--json", portal=101),
        hs("account", "list"),
        hs("account", "list", "--json"),
        hs("account", "info"),
        hs("account", "info", "--json"),
        hs("account", "use", "101"),
        hs("account", "use", "101", "--json"),
    ):
        assert run.code == 0, run.err
        assert clean(run.out) and clean(run.err), run
    text = hs.config_path.read_text()
    assert clean(text)
    assert not re.search(r"\s", hs.read_config()["accounts"][0]["name"])


@pytest.mark.parametrize(
    "name",
    [
        "Acme\u00a0Inc",
        "Acme\u2028Inc",
        "Acme\ufeff",
        "Acme\u0085Inc",
        "日本 株式会社",
        "Café Zürich",
        "🙂",
        "---",
        "  ",
        "x" * 3000,
    ],
)
def test_odd_hub_names_become_valid_account_names(hs, sim, name):
    """No white space for any reader, such as the official client's \\s."""
    sim.portal(101, name)
    auth(hs, "--use-default-name", portal=101)
    got = hs.read_config()["accounts"][0]["name"]
    assert isinstance(got, str) and got
    assert not re.search(r"[\s\x00-\x1f\x7f-\x9f\ufeff\u200b-\u200f\u2028-\u202e]", got)
    assert hs("account", "use", got).code == 0


def test_a_hub_name_that_is_not_utf8(hs, sim):
    portal = sim.portal(101)
    token, expiry = portal.issue()
    answer = json.dumps(
        {
            "hubId": 101,
            "oauthAccessToken": token,
            "hubName": "Caf#",
            "expiresAtMillis": int(expiry * 1000),
            "accountType": "STANDARD",
        }
    )
    sim.fail(REFRESH, status=200, body=answer.encode().replace(b"#", b"\xe9"))
    auth(hs, portal=101)
    assert hs.read_config()["accounts"][0]["accountId"] == 101


# ---- auth: names


def kebab(text):
    """The official client's conversion."""
    text = re.sub(r"""[.,/#!$%^&*;:{}=\-_'"`~()]""", "", text)
    return "-".join(
        re.findall(
            r"[A-Z]{2,}(?=[A-Z][a-z]+[0-9]*|\b)|[A-Z]?[a-z]+[0-9]*|[A-Z]|[0-9]+", text, re.ASCII
        )
    ).lower()


HUB_NAMES = [
    "HTTPServer2 east",
    "Acme Prod 2",
    "devTest",
    "ABC",
    "ABCDef",
    "ABC123",
    "A1B2",
    "iPhone 12Pro",
    "O'Neil & Sons",
    "a.b,c",
    "x_y",
    "Acme (EU)",
    "XMLHttpRequest",
    "Test2U",
    "ab12cd",
    "A",
    "aB",
    "ABc",
    "12ab",
    "HTTP2",
    "FOO2Bar",
    "A+B",
    "[x]z",
    "foo?bar",
    "  two   words  ",
    "9 lives",
]


def test_default_names_are_kebab_cased(hs, sim):
    assert kebab("HTTPServer2 east") == "http-server2-east"
    for number, name in enumerate(HUB_NAMES):
        sim.portal(1001 + number, name)
        hs.config_path.unlink(missing_ok=True)
        auth(hs, "--use-default-name", portal=1001 + number)
        assert hs.read_config()["accounts"][0]["name"] == kebab(name), name


def test_a_taken_default_name_gets_the_id(hs, sim):
    hs.sign_in(sim.portal(101, "Acme"), sim.portal(202, "ACME"))
    assert [a["name"] for a in hs.read_config()["accounts"]] == ["acme", "acme-202"]
    assert hs("account", "list").code == 0


def test_name_option(hs, sim):
    sim.portal(101, "Acme")
    auth(hs, "--name", "my_Portal", portal=101)
    assert hs.read_config()["accounts"][0]["name"] == "my_Portal"


@pytest.mark.parametrize(
    "name",
    [
        "two words",
        "tab\tbed",
        "line\nbreak",
        " ",
        "a\x1bb",
        "nbsp\u00a0name",
        "line\u2028sep",
        "caf\udce9",
        "",
    ],
)
def test_an_invalid_name(hs, sim, name):
    sim.portal(101)
    result = auth(hs, "--name", name, portal=101, code=2)
    assert "name" in result.err and clean(result.err)
    assert not sim.log and not hs.config_path.exists()


@pytest.mark.parametrize("name", ["portal-101", "PORTAL-101", "101"])
def test_a_name_that_is_in_use(hs, sim, name):
    hs.sign_in(sim.portal(101))
    before = hs.config_path.read_bytes()
    sim.portal(202)
    result = auth(hs, "--name", name, portal=202, code=2)
    assert "already used by account 101" in result.err
    assert hs.config_path.read_bytes() == before


def test_name_and_use_default_name(hs, sim):
    sim.portal(101)
    auth(hs, "--name", "x", "--use-default-name", portal=101, code=2)
    assert not sim.log


# ---- auth: the default


def test_the_first_account_is_the_default_and_later_ones_are_not(hs, sim):
    hs.sign_in(sim.portal(101), sim.portal(202))
    assert hs.read_config()["defaultAccount"] == 101
    sim.portal(303)
    result = auth(hs, portal=303)
    assert "--default" in result.err and hs.read_config()["defaultAccount"] == 101


@pytest.mark.parametrize(
    "option, default",
    [("--default", 202), ("--default=true", 202), ("--no-default", 101), ("--default=false", 101)],
)
def test_default_option(hs, sim, option, default):
    hs.sign_in(sim.portal(101))
    sim.portal(202)
    auth(hs, option, portal=202)
    assert hs.read_config()["defaultAccount"] == default


def test_no_default_leaves_no_config_without_one(hs, sim):
    sim.portal(101)
    auth(hs, "--no-default", portal=101)
    assert hs.read_config()["defaultAccount"] == 101


def test_no_default_reports_the_actual_default(hs, sim):
    """It does not remove the default, so the result must not claim that."""
    hs.sign_in(sim.portal(101))
    result = auth(hs, "--no-default", "--json", portal=101)
    assert hs.read_config()["defaultAccount"] == 101
    assert result.json["default"] is True


# ---- auth: again, for an account, qa, parents


def test_signing_in_again_updates_in_place(hs, sim):
    one, two = sim.portal(101, "New Name"), sim.portal(202)
    hs.write_config(
        {**hs.account(two), "extra": {"a": [1, "1"]}},
        {
            **hs.account(one),
            "name": "mine",
            "personalAccessKey": "CiRu" * 20,
            "note": "yes",
            "auth": {"tokenInfo": {"accessToken": "old"}, "kept": True},
        },
        httpTimeout=30000,
        unknown={"x": None},
    )
    auth(hs, portal=one)
    config = hs.read_config()
    assert list(config) == ["defaultAccount", "httpTimeout", "unknown", "accounts"]
    assert config["defaultAccount"] == 202 and config["unknown"] == {"x": None}
    assert [a["accountId"] for a in config["accounts"]] == [202, 101]
    assert config["accounts"][0]["extra"] == {"a": [1, "1"]}
    mine = config["accounts"][1]
    assert mine["name"] == "mine" and mine["note"] == "yes"
    assert mine["personalAccessKey"] == one.key
    assert mine["auth"]["kept"] is True
    assert mine["auth"]["tokenInfo"]["accessToken"] in one.tokens


def test_signing_in_again_may_rename(hs, sim):
    hs.sign_in(sim.portal(101))
    auth(hs, "--name", "better", portal=101)
    assert [a["name"] for a in hs.read_config()["accounts"]] == ["better"]


def test_signing_in_fixes_an_invalid_name(hs, sim):
    """The official client accepts such names; every other command refuses them."""
    portal = sim.portal(101)
    hs.write_config(hs.account(portal, name="two words"))
    assert hs("account", "list").code == 3
    auth(hs, "--name", "good", portal=portal)
    assert hs("account", "list").code == 0
    hs.write_config(hs.account(portal, name="two words"))
    result = hs("account", "auth", "--pak-stdin", input=portal.key)
    assert result.code == 0 or "--name" in result.err


@pytest.mark.parametrize("which", ["101", "portal-101"])
def test_account_option(hs, sim, which):
    hs.sign_in(sim.portal(101), sim.portal(202))
    auth(hs, "--account", which, portal=101)
    before = hs.config_path.read_bytes()
    result = auth(hs, "-a", which, portal=202, code=3)
    assert "101" in result.err and "202" in result.err
    assert hs.config_path.read_bytes() == before


def test_account_option_for_a_new_account(hs, sim):
    sim.portal(101)
    auth(hs, "-a", "101", portal=101)
    assert hs.read_config()["defaultAccount"] == 101
    auth(hs, "-a", "999", portal=101, code=3)


def test_account_option_unknown_sends_nothing(hs, sim):
    hs.sign_in(sim.portal(101))
    sim.log.clear()
    result = auth(hs, "-a", "portal-1O1", portal=101, code=3)
    assert "portal-1O1" in result.err and not sim.log


def test_account_option_empty(hs, sim):
    sim.portal(101)
    auth(hs, "-a", "", portal=101, code=2)
    assert not sim.log


def test_qa(hs, sim):
    sim.portal(101)
    auth(hs, "--qa", portal=101)
    assert sim.log[0].host == "api.hubapiqa.com"
    assert hs.read_config()["accounts"][0]["env"] == "qa"
    auth(hs, "--account", "101", portal=101)
    assert sim.log[-1].host == "api.hubapiqa.com"
    assert hs.read_config()["accounts"][0]["env"] == "qa"


@pytest.mark.parametrize(
    "kind, path",
    [
        ("STANDARD_SANDBOX", "/sandbox-hubs/v1/self"),
        ("DEVELOPMENT_SANDBOX", "/sandbox-hubs/v1/self"),
        ("DEVELOPER_TEST", "/integrators/test-portals/v2/self"),
    ],
)
def test_the_parent_is_found(hs, sim, kind, path):
    sim.portal(202, type=kind, parent=101)
    auth(hs, portal=202)
    (account,) = hs.read_config()["accounts"]
    assert account["parentAccountId"] == 101 and account["accountType"] == kind
    request = sim.log[1]
    assert (request.path, request.params) == (path, [("portalId", "202")])
    assert (
        request.header("Authorization") == f"Bearer {account['auth']['tokenInfo']['accessToken']}"
    )


def test_a_missing_parent_is_not_an_error(hs, sim):
    sim.portal(202, type="STANDARD_SANDBOX", parent=101)
    sim.fail("/sandbox-hubs", times=None, status=403)
    auth(hs, portal=202)
    assert "parentAccountId" not in hs.read_config()["accounts"][0]


def test_auth_json(hs, sim):
    sim.portal(202, "Box", type="STANDARD_SANDBOX", parent=101)
    answer = auth(hs, "--json", portal=202).json
    assert answer["account"].pop("tokenExpiresAt").endswith("Z")
    assert answer == {
        "account": {
            "name": "box",
            "accountId": 202,
            "accountType": "STANDARD_SANDBOX",
            "authType": "personalaccesskey",
            "env": "prod",
            "parentAccountId": 101,
        },
        "default": True,
        "config": str(hs.config_path),
    }


def test_auth_goes_to_the_global_file_beside_a_deprecated_one(hs, sim):
    sim.portal(101)
    old = hs.write_yaml({"portals": []}, hs.cwd / "hubspot.config.yml")
    before = old.read_bytes()
    result = auth(hs, portal=101)
    assert "hubspot.config.yml" in result.err
    assert hs.read_config()["defaultAccount"] == 101 and old.read_bytes() == before


# ---- list


def family(hs, sim):
    prod = sim.portal(101, "Prod")
    box = sim.portal(202, "Box", type="DEVELOPMENT_SANDBOX", parent=101)
    lone = sim.portal(303, "Lone", type="DEVELOPER_TEST", parent=999)
    bare = hs.account(sim.portal(404, "Bare"))
    del bare["accountType"]
    hs.write_config(
        hs.account(box, parentAccountId=101),
        bare,
        hs.account(prod),
        hs.account(lone, parentAccountId=999),
        defaultAccount=101,
    )


def test_list(hs, sim):
    family(hs, sim)
    result = hs("account", "list")
    assert result.code == 0 and result.err == ""
    lines = result.out.splitlines()
    head = next(i for i, l in enumerate(lines) if l.startswith("Name"))
    assert re.fullmatch(r"Name +Account ID +Auth type +Default", lines[head])
    assert [line.split() for line in lines[head + 1 :]] == [
        ["bare", "404", "personalaccesskey"],
        ["prod", "[standard]", "101", "personalaccesskey", "*"],
        ["box", "[dev", "sandbox]", "202", "personalaccesskey"],
        ["lone", "[test", "account]", "303", "personalaccesskey"],
    ]
    assert "\n  box [dev sandbox]" in result.out
    assert [line for line in lines if line != line.rstrip()] == []
    assert "prod" in lines[0] and str(hs.config_path) in result.out
    assert not sim.log


def test_list_json(hs, sim):
    family(hs, sim)
    result = hs("account", "ls", "--json")
    assert result.code == 0 and result.err == ""
    answer = result.json
    assert answer["config"] == answer["defaultSource"] == str(hs.config_path)
    assert answer["defaultAccount"] == 101 and answer["linkedAccounts"] == []
    assert [(a["accountId"], a["default"]) for a in answer["accounts"]] == [
        (404, False),
        (101, True),
        (202, False),
        (303, False),
    ]
    assert answer["accounts"][2] == {
        "name": "box",
        "accountId": 202,
        "accountType": "DEVELOPMENT_SANDBOX",
        "authType": "personalaccesskey",
        "env": "prod",
        "parentAccountId": 101,
        "tokenExpiresAt": None,
        "default": False,
    }


def test_list_lists_each_account_once(hs, sim):
    """Parents of themselves, of each other, and three levels of them."""

    def account(number, parent):
        return hs.account(sim.portal(number), parentAccountId=parent)

    hs.write_config(
        account(1, 1), account(2, 3), account(3, 2), account(4, 9), account(5, 4), account(6, 5)
    )
    answer = hs("account", "list", "--json").json
    assert sorted(a["accountId"] for a in answer["accounts"]) == [1, 2, 3, 4, 5, 6]


def test_list_in_a_linked_directory(hs, sim):
    hs.sign_in(sim.portal(101), sim.portal(202))
    write_links(hs, {"localDefaultAccount": 202, "accounts": [202, 909]})
    result = hs("account", "list")
    assert result.code == 0
    assert "portal-202" in result.out.splitlines()[0]
    assert "909" in result.out and "not in the config" in result.out
    answer = hs("account", "list", "--json").json
    assert answer["defaultAccount"] == 202 and answer["linkedAccounts"] == [202, 909]
    assert answer["defaultSource"].endswith(".hs/settings.json")


def test_list_of_a_hundred_aligned(hs, sim):
    hs.write_config(
        *(
            {
                "name": f"acct-{n}" + "x" * (n % 7) + "é" * (n % 3),
                "accountId": 1000 + n,
                "authType": "personalaccesskey",
                "personalAccessKey": "CiRu" * 10,
            }
            for n in range(100)
        )
    )
    lines = hs("account", "list").out.splitlines()
    assert len({line.index("personalaccesskey") for line in lines if "personal" in line}) == 1
    assert sum("personalaccesskey" in line for line in lines) == 100


def test_list_with_no_default_left(hs, sim):
    hs.write_config(sim.portal(101), defaultAccount=999)
    result = hs("account", "list")
    assert result.code == 0 and "999" in result.err and "portal-101" in result.out


def test_a_name_with_escapes_in_the_file(hs, sim):
    hs.write_config(
        hs.account(
            sim.portal(101),
            name="a\x1b[31mb\u009bc",
            authType="oauth2",
            accountType="X\x1b[0m",
            auth={"clientId": "a" * 9, "clientSecret": "b" * 9, "tokenInfo": {}},
        )
    )
    for args in (["list"], ["list", "--json"], ["info"], ["info", "--json"], ["use", "101"]):
        run = hs("account", *args)
        assert run.code == 0, run.err
        assert clean(run.out) and clean(run.err), run


# ---- info


def test_info(hs, sim):
    portal = sim.portal(101, "Acme Ltd", scopes=["crm.objects.contacts.read", "files"])
    hs.sign_in(portal)
    sim.log.clear()
    result = hs("account", "info")
    assert result.code == 0 and result.err == ""
    for word in (
        "acme-ltd",
        "101",
        "Acme Ltd",
        "standard",
        "personalaccesskey",
        "prod",
        str(hs.config_path),
        "crm.objects.contacts.read",
        "files",
    ):
        assert word in result.out
    (request,) = sim.log
    assert request.path == "/localdevauth/v1/auth/refresh"
    assert request.params == [("portalId", "101")]


def test_info_json(hs, sim):
    hs.sign_in(sim.portal(101, "Acme Ltd"), sim.portal(202, "Box", scopes=["files"]))
    answer = hs("account", "info", "box", "--json").json
    assert answer.pop("tokenExpiresAt").endswith("Z")
    assert answer == {
        "name": "box",
        "accountId": 202,
        "accountType": "STANDARD",
        "authType": "personalaccesskey",
        "env": "prod",
        "parentAccountId": None,
        "hubName": "Box",
        "source": "the command line",
        "scopes": ["files"],
    }
    assert hs("account", "info", "--json").json["source"] == str(hs.config_path)


def test_info_keeps_the_fresh_token(hs, sim):
    portal = sim.portal(101)
    hs.sign_in(portal)
    hs("account", "info")
    kept = hs.read_config()["accounts"][0]["auth"]["tokenInfo"]["accessToken"]
    assert kept == list(portal.tokens)[-1]


def test_info_of_other_auth_types_sends_nothing(hs, sim):
    hs.write_config(
        {"name": "old", "accountId": 7, "authType": "apikey", "apiKey": sim.portal(7).api_key}
    )
    result = hs("account", "info", "--json")
    assert result.code == 0 and result.json["authType"] == "apikey"
    assert result.json["scopes"] == [] and not sim.log


def test_info_of_an_inactive_account(hs, sim):
    hs.sign_in(sim.portal(101))
    sim.portals[101].state = "inactive"
    result = hs("account", "info")
    assert result.code == 4 and result.out == ""


@pytest.mark.parametrize(
    "which",
    ["portal-102", "portal", "10", "1011", "101x", "PORTAL-9", "101.0", "1e2", "0x65", " 101"],
)
def test_an_unknown_account_never_becomes_another(hs, sim, which):
    hs.sign_in(sim.portal(101), sim.portal(202))
    before = hs.config_path.read_bytes()
    sim.log.clear()
    for args in (
        ["account", "info", which],
        ["account", "use", which],
        ["api", "/test/echo", "-a", which],
        ["-a", which, "api", "/test/echo"],
        ["api", "/test/echo", "-X", "DELETE", f"--account={which}"],
    ):
        result = hs(*args)
        assert result.code == 3 and result.out == ""
        assert which in result.err
    assert not sim.log and hs.config_path.read_bytes() == before


def test_a_misspelt_account_is_suggested(hs, sim):
    hs.sign_in(sim.portal(101, "Acme"))
    for args in (["account", "use", "acne"], ["api", "/x", "-a", "acne"]):
        assert "'acme'" in hs(*args).err


def test_an_empty_account_is_an_error(hs, sim):
    hs.sign_in(sim.portal(101))
    sim.log.clear()
    for args in (
        ["account", "info", ""],
        ["account", "use", ""],
        ["api", "/x", "-a", ""],
        ["api", "/x", "--account="],
        ["-a", "", "api", "/x"],
        ["api", "/x", "-a="],
    ):
        result = hs(*args)
        assert result.code == 2 and result.out == "", args
    assert not sim.log


def test_names_that_begin_with_digits(hs, sim):
    one, two, three = sim.portal(1000001), sim.portal(202), sim.portal(303)
    hs.write_config(
        hs.account(one, name="prod"),
        hs.account(two, name="1000001-sandbox"),
        hs.account(three, name="4711"),
    )
    for which, portal in (("1000001-sandbox", two), ("1000001", one), ("4711", three)):
        result = hs("api", "/test/echo", "-a", which)
        assert result.code == 0, result.err
        assert sim.log[-1].param("portalId") == str(portal.hub_id)
        assert sim.log[-1].header("Authorization")[7:] in portal.tokens


def test_an_id_takes_precedence_over_a_name(hs, sim):
    hs.write_config(hs.account(sim.portal(101), name="202"), hs.account(sim.portal(202)))
    assert hs("account", "info", "202", "--json").json["accountId"] == 202


# ---- use


@pytest.mark.parametrize("which", ["202", "portal-202"])
def test_use(hs, sim, which):
    hs.sign_in(sim.portal(101), sim.portal(202))
    before = hs.read_config()
    result = hs("account", "use", which)
    assert result.code == 0 and result.out == "" and "portal-202" in result.err
    assert hs.read_config() == {**before, "defaultAccount": 202}


def test_use_json(hs, sim):
    hs.sign_in(sim.portal(101), sim.portal(202))
    answer = hs("account", "use", "202", "--json").json
    assert answer["account"]["accountId"] == 202 and answer["source"] == str(hs.config_path)


def test_use_without_an_account_and_a_terminal(hs, sim):
    hs.sign_in(sim.portal(101))
    result = hs("account", "use")
    assert result.code == 2 and "hs account use" in result.err


def test_use_fixes_a_stale_default(hs, sim):
    hs.write_config(sim.portal(101), defaultAccount=999)
    result = hs("account", "use", "101")
    assert result.code == 0 and hs.read_config()["defaultAccount"] == 101
    assert "999" not in result.err and "warning" not in result.err


def test_use_in_a_linked_directory(hs, sim):
    hs.sign_in(sim.portal(101), sim.portal(202), sim.portal(303))
    before = hs.config_path.read_bytes()
    path = write_links(hs, {"localDefaultAccount": 101, "accounts": [101, 202], "kept": {"x": 1.5}})
    below = hs.cwd / "a" / "b"
    below.mkdir(parents=True)
    result = hs("account", "use", "202", cwd=below)
    assert result.code == 0 and str(path) in result.err
    assert json.loads(path.read_text()) == {
        "localDefaultAccount": 202,
        "accounts": [101, 202],
        "kept": {"x": 1.5},
    }
    assert path.read_text().startswith('{\n  "localDefaultAccount": 202,')
    assert hs.config_path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["settings.json"]


def test_use_of_an_account_that_is_not_linked(hs, sim):
    """Without a terminal, sets the config's default and says so."""
    hs.sign_in(sim.portal(101), sim.portal(202), sim.portal(303))
    path = write_links(hs, {"localDefaultAccount": 101, "accounts": [101, 202]})
    before = path.read_bytes()
    result = hs("account", "use", "303")
    assert result.code == 0
    assert "not linked" in result.err and str(path) in result.err
    assert hs.read_config()["defaultAccount"] == 303 and path.read_bytes() == before


def test_use_with_empty_links(hs, sim):
    hs.sign_in(sim.portal(101), sim.portal(202))
    path = write_links(hs, {"accounts": []})
    before = path.read_bytes()
    assert hs("account", "use", "202").code == 0
    assert hs.read_config()["defaultAccount"] == 202 and path.read_bytes() == before


def test_use_warns_of_an_override(hs, sim):
    hs.sign_in(sim.portal(101), sim.portal(202))
    (hs.cwd / ".hsaccount").write_text("101")
    result = hs("account", "use", "202")
    assert result.code == 0 and hs.read_config()["defaultAccount"] == 202
    assert "warning" in result.err and ".hsaccount" in result.err
    assert "warning" not in hs("account", "use", "202", cwd=hs.home).err


def test_use_of_the_environment(hs, sim):
    env = {
        "USE_ENVIRONMENT_HUBSPOT_CONFIG": "true",
        "HUBSPOT_ACCOUNT_ID": "101",
        "HUBSPOT_PERSONAL_ACCESS_KEY": sim.portal(101).key,
    }
    assert hs("account", "use", "101", env=env).code == 2
    assert list(hs.home.iterdir()) == []


def test_use_in_a_deprecated_file(hs, sim):
    path = hs.write_yaml(
        {
            "defaultPortal": "one",
            "portals": [
                {"name": "one", "portalId": 101, "authType": "apikey", "apiKey": "k" * 30},
                {"name": "two", "portalId": 202, "authType": "apikey", "apiKey": "k" * 31},
                {"portalId": 303, "authType": "apikey", "apiKey": "k" * 32},
            ],
        },
        hs.cwd / "hubspot.config.yml",
    )
    for which, default in (("202", "two"), ("one", "one"), ("303", 303)):
        assert hs("account", "use", which).code == 0
        config = hs.read_config(path)
        assert config["defaultPortal"] == default
        assert list(config) == ["defaultPortal", "portals"]
    assert list(hs.home.iterdir()) == []


@pytest.mark.parametrize("command", [["list"], ["info"], ["use", "x"]])
def test_no_config(hs, sim, command):
    result = hs("account", *command)
    assert result.code == 3 and result.out == ""
    assert "hs account auth" in result.err and str(hs.config_path) in result.err
    assert "hs api, secrets and filemanager use HUBSPOT_ACCESS_TOKEN or --use-env" in result.err
    assert list(hs.home.iterdir()) == []


def test_no_config_at_a_named_path(hs, sim):
    """The hint does not suggest signing in, which would not create that file."""
    result = hs("account", "list", "-c", "nope.yml")
    assert result.code == 3 and "nope.yml does not exist" in result.err
    assert "Check the path in --config." in result.err and "account auth" not in result.err


def test_no_home_at_all_for_auth(hs, sim):
    sim.portal(101)
    target = hs.cwd / "named.yml"
    env = {"HOME": None, "HUBSPOT_CONFIG_PATH": target}
    auth(hs, portal=101, env=env)
    config = hs.read_config(target)
    assert list(config) == ["defaultPortal", "portals"]
    assert config["portals"][0]["portalId"] == 101
    assert mode(target) == 0o600 and os.listdir(hs.cwd) == ["named.yml"]
