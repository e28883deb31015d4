"""hs sandbox create, delete."""
import json
import re
import threading

import pexpect
import pytest

from calls import failed, is_sanitized, ok

USAGE = "GET /sandbox-hubs/v1/parent"
MAKE = "POST /sandbox-hubs/v2/sandboxes"
KEY = "POST /sandbox-hubs/v2/sandboxes/102/personal-access-key"
DELETE = "DELETE /sandbox-hubs/v1/"
REFRESH = "POST /localdevauth/v1/auth/refresh"
DEV = ["--name", "My Box One", "--type", "developer"]


@pytest.fixture
def acme(hs, sim):
    """A production account, signed in to."""
    portal = sim.portal(101, "Acme")
    hs.sign_in(portal)
    sim.log.clear()
    return portal


@pytest.fixture
def box(hs, sim, acme):
    """A sandbox of it, signed in to as well; the default stays acme."""
    portal = sim.portal(102, "Box", type="DEVELOPMENT_SANDBOX", parent=101)
    hs.sign_in(portal)
    sim.log.clear()
    return portal


def create(hs, *options, **how):
    return hs("sandbox", "create", *(options or DEV), **how)


def delete(hs, *options, **how):
    return hs("sandbox", "delete", *(options or ["--account", "box", "--force"]), **how)


def calls(sim):
    return [(r.method, r.path) for r in sim.log]


def posted(sim):
    return [r for r in sim.requests(MAKE) if r.path.endswith("sandboxes")]


def account(hs, number):
    return next((a for a in hs.read_config()["accounts"] if a["accountId"] == number), None)


# ---- create


@pytest.mark.parametrize("group", ["sandbox", "sandboxes"])
def test_create_creates_and_saves_a_sandbox(hs, sim, acme, group):
    done = ok(hs(group, "create", *DEV))
    made = sim.portals[102]
    kept = account(hs, 102)
    token = kept.pop("auth")["tokenInfo"]
    assert kept == {
        "name": "my-box-one",
        "accountId": 102,
        "env": "prod",
        "authType": "personalaccesskey",
        "accountType": "DEVELOPMENT_SANDBOX",
        "personalAccessKey": made.key,
        "parentAccountId": 101,
    }
    assert token["accessToken"] in made.tokens
    assert hs.read_config()["defaultAccount"] == 101
    assert done.out == "" and "my-box-one [dev sandbox] (102)" in done.err
    assert calls(sim) == [
        ("GET", "/sandbox-hubs/v1/parent/101/usage"),
        ("POST", "/sandbox-hubs/v2/sandboxes"),
        ("POST", "/sandbox-hubs/v2/sandboxes/102/personal-access-key"),
        ("POST", "/localdevauth/v1/auth/refresh"),
    ]
    (request,) = posted(sim)
    assert request.json == {"name": "My Box One", "type": "DEVELOPER", "syncObjectRecords": False}
    assert request.param("portalId") == "101"
    empty = sim.requests(KEY)[0]
    assert empty.body == b"" and empty.header("Content-Type") == "application/json"
    assert ok(hs("account", "info", "my-box-one")).code == 0


@pytest.mark.parametrize(
    "word, kind",
    [
        ("dev", "DEVELOPER"),
        ("developer", "DEVELOPER"),
        ("DEVELOPMENT", "DEVELOPER"),
        ("standard", "STANDARD"),
        ("Standard", "STANDARD"),
    ],
)
def test_the_names_of_the_types(hs, sim, acme, word, kind):
    ok(create(hs, "--name", "x", "--type", word, "--force"))
    assert posted(sim)[0].json["type"] == kind
    assert account(hs, 102)["accountType"] == sim.portals[102].type


@pytest.mark.parametrize(
    "options, copied",
    [
        (["--copy-contacts"], True),
        (["--no-copy-contacts"], False),
        ([], False),
        (["--force"], False),
        (["-f"], False),
    ],
)
def test_contacts_are_copied_on_request(hs, sim, acme, options, copied):
    done = ok(create(hs, "--name", "x", "--type", "standard", *options))
    assert posted(sim)[0].json["syncObjectRecords"] is copied
    assert ("--copy-contacts" in done.err) == (not any("contacts" in o for o in options))


def test_create_as_json(hs, sim, acme):
    done = ok(create(hs, *DEV, "--json")).json
    assert (done["sandbox"], done["type"], done["saved"]) == ("My Box One", "developer", True)
    assert done["account"]["accountId"] == 102
    assert done["account"]["name"] == "my-box-one"
    assert done["account"]["parentAccountId"] == 101


@pytest.mark.parametrize(
    "options, words",
    [
        ([], "--type"),
        (["--name", "x"], "--type"),
        (["--type", "dev"], "--name"),
        (["--name", "x", "--type", "big"], "developer"),
        (["--name", "", "--type", "dev"], "empty"),
        (["--name", "  ", "--type", "dev"], "empty"),
        (["--name", "a\nb", "--type", "dev"], "control"),
        (["--name", "n" * 300, "--type", "dev"], "bytes"),
        (["--name", "x", "--type", "dev", "--copy-contacts"], "standard"),
        (["--force"], "--type"),
    ],
)
def test_required_options(hs, sim, acme, options, words):
    failed(create(hs, *(options or ["--no-input"])), 2, words)
    assert not sim.log


@pytest.mark.parametrize(
    "kind, label",
    [
        ("DEVELOPMENT_SANDBOX", "dev sandbox"),
        ("STANDARD_SANDBOX", "standard sandbox"),
        ("DEVELOPER_TEST", "test account"),
        ("APP_DEVELOPER", "dev account"),
    ],
)
def test_only_production_accounts_have_sandboxes(hs, sim, kind, label):
    hs.sign_in(sim.portal(101, "Acme", type=kind))
    sim.log.clear()
    failed(create(hs), 3, "not a production account", re.escape(label))
    assert not sim.log


def test_a_type_that_is_not_in_the_config_is_fetched(hs, sim):
    portal = sim.portal(101, "Acme")
    known = hs.account(portal)
    del known["accountType"]
    hs.write_config(known)
    ok(create(hs))
    portal.type = "DEVELOPER_TEST"
    failed(create(hs), 3, "test account")
    assert len(posted(sim)) == 1


def test_create_of_another_account(hs, sim, acme):
    hs.sign_in(sim.portal(202, "Other"))
    ok(create(hs, *DEV, "-a", "other"))
    assert posted(sim)[0].param("portalId") == "202"
    failed(create(hs, *DEV, "-a", "othr"), 3, "othr")


def test_a_full_account_is_reported_before_anything_is_created(hs, sim, acme, box):
    failed(create(hs), 1, "1 of 1", "sandbox delete")
    assert [m for m, _ in calls(sim)] == ["GET"]


@pytest.mark.parametrize(
    "body", ["{}", '{"usage":{}}', '{"usage":{"DEVELOPER":{}}}', "null", "<p>"]
)
def test_an_unknown_usage_does_not_prevent_creation(hs, sim, acme, body):
    sim.fail(USAGE, status=200, body=body)
    ok(create(hs))


@pytest.mark.parametrize(
    "name, kept",
    [
        ("My  Box", "my--box"),
        ("ÄB c", "Äb-c"),
        ("a\u3000b", "a-b"),
        ("acme", "acme_102"),
        ("ACME", "acme_102"),
        ("101", "101_102"),
    ],
)
def test_the_name_in_the_config(hs, sim, acme, name, kept):
    ok(create(hs, "--name", name, "--type", "dev"))
    assert account(hs, 102)["name"] == kept
    assert posted(sim)[0].json["name"] == name


def test_with_the_environments_account_nothing_is_saved(hs, sim):
    portal = sim.portal(101, "Acme")
    env = {"HUBSPOT_ACCOUNT_ID": 101, "HUBSPOT_PERSONAL_ACCESS_KEY": portal.key}
    done = ok(create(hs, *DEV, "--use-env", "--json", env=env))
    assert "not saved" in done.err and not hs.config_path.exists()
    assert done.json["saved"] is False and done.json["account"]["accountId"] == 102
    assert not sim.requests(KEY)


def test_a_deprecated_config_keeps_its_form(hs, sim):
    portal = sim.portal(101, "Acme")
    old = hs.account(portal)
    old["portalId"] = old.pop("accountId")
    path = hs.write_yaml({"defaultPortal": "acme", "portals": [old]}, hs.cwd / "hubspot.config.yml")
    ok(create(hs))
    kept = hs.read_config(path)["portals"][1]
    assert (kept["name"], kept["portalId"], kept["parentAccountId"]) == ("my-box-one", 102, 101)
    assert "accountId" not in kept
    ok(delete(hs, "--account", "my-box-one", "--force"))
    assert [p["portalId"] for p in hs.read_config(path)["portals"]] == [101]


def test_with_an_oauth2_account(hs, sim):
    portal = sim.portal(101, "Acme")
    hs.write_config(
        {
            "name": "acme",
            "accountId": 101,
            "env": "prod",
            "authType": "oauth2",
            "auth": {
                "clientId": portal.oauth["client_id"],
                "clientSecret": portal.oauth["client_secret"],
                "scopes": ["x"],
                "tokenInfo": {"refreshToken": portal.oauth["refresh_token"]},
            },
        }
    )
    ok(create(hs))
    assert account(hs, 102)["personalAccessKey"] == sim.portals[102].key


# ---- create: on a terminal


def test_a_terminal_asks(tty, hs, sim, acme):
    child = tty("sandbox", "create")
    child.expect("Type of the sandbox:")
    child.expect("> .*Development sandbox")  # as HubSpot's page calls them
    child.expect("Standard sandbox")
    child.send("\x1b[B\r")
    child.expect("Name of the sandbox:")
    child.send("My Box\r")
    child.expect(r"[Cc]ontacts.*\[y/N\]")
    child.send("y\r")
    assert tty.end(child) == 0
    assert posted(sim)[0].json == {"name": "My Box", "type": "STANDARD", "syncObjectRecords": True}
    assert account(hs, 102)["name"] == "my-box"


def test_a_developer_sandbox_asks_about_no_contacts(tty, sim, acme):
    child = tty("sandbox", "create", "--name", "x")
    child.expect("Type of the sandbox:")
    child.send("\r")
    assert tty.end(child) == 0
    assert "ontacts" not in child.logfile_read.text


def test_a_full_account_asks_for_no_name(tty, sim, acme, box):
    child = tty("sandbox", "create", "--type", "dev")
    child.expect("1 of 1")
    assert tty.end(child) == 1
    assert "Name" not in child.logfile_read.text


def test_a_terminal_shows_how_long_it_takes(tty, sim, acme):
    shown = threading.Event()
    sim.fail(MAKE, then=lambda: shown.wait(60))
    child = tty("sandbox", "create", *DEV)
    child.expect("Creating the sandbox: 0 s")
    child.expect("Creating the sandbox: 1 s")
    shown.set()
    child.expect("\r\x1b\\[J")
    child.expect("Created my-box-one")
    assert tty.end(child) == 0


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, None])
def test_without_a_terminal_progress_is_one_line(tty, hs, sim, acme, env):
    sim.fail(MAKE, then=1.5)
    if env:
        child = tty("sandbox", "create", *DEV, env=env)
        assert tty.end(child) == 0
        told = child.logfile_read.text
    else:
        told = ok(create(hs)).err
    assert "Creating the sandbox:" not in told and "\x1b" not in told
    assert len(re.findall("Creating", told)) == 1


# ---- create: what can go wrong


def refusal(sim, match, status, category, sub, **more):
    return sim.fail(
        match,
        status=status,
        body=json.dumps(
            {
                "status": "error",
                "message": "hubsim says no",
                "correlationId": "c0ffee",
                "category": category,
                "subCategory": sub,
            }
        ),
        **more
    )


@pytest.mark.parametrize(
    "status, category, sub, words",
    [
        (403, "BANNED", "SandboxErrors.USER_ACCESS_NOT_ALLOWED", "super admin"),
        (403, "BANNED", "SandboxErrors.DEVELOPMENT_SANDBOX_ACCESS_NOT_ALLOWED", "plan"),
        (403, "MISSING_SCOPES", None, "scopes"),
        (401, "INVALID_AUTHENTICATION", None, "key of account 101"),
    ],
)
@pytest.mark.parametrize("match", [USAGE, MAKE])
def test_each_refusal_has_its_message(hs, sim, acme, match, status, category, sub, words):
    refusal(sim, match, status, category, sub, times=None)
    failed(create(hs), 4, words, "c0ffee")
    assert list(sim.portals) == [101] and account(hs, 102) is None


@pytest.mark.parametrize("match", [USAGE, MAKE])
@pytest.mark.parametrize(
    "how, code",
    [
        ({"status": 500}, 1),
        ({"status": 400}, 1),
        ({"status": 429, "policy": "DAILY"}, 6),
        ({"status": 418, "body": "<html>"}, 1),
        ({"status": 500, "then": "reset"}, 7),
        ({"status": 500, "at": "body", "then": "close"}, 7),
    ],
)
def test_a_failure_that_created_nothing(hs, sim, acme, match, how, code):
    sim.fail(match, times=None, **how)
    done = create(hs, *DEV, "--max-wait", "3")
    assert done.code == code, done.err
    if match == MAKE and how["status"] == 500:
        assert "was not created" in done.err and "101" in done.err
    assert list(sim.portals) == [101] and account(hs, 102) is None
    assert len(posted(sim)) <= 1


@pytest.mark.parametrize(
    "how",
    [
        {"then": "reset"},
        {"then": "close"},
        {"at": "body", "then": "reset"},
        {"at": "mid-head", "then": "close"},
    ],
)
def test_a_response_lost_after_the_creation(hs, sim, acme, how):
    sim.fail(MAKE, **how)
    failed(create(hs), 7, "was created", "account auth", "account 101")
    assert 102 in sim.portals and len(posted(sim)) == 1


def test_a_second_try_that_meets_the_sandbox_of_the_first(hs, sim, acme):
    """The retry is refused because the first try created the sandbox."""
    sim.fail(
        MAKE,
        status=503,
        headers={"Retry-After": "0"},
        then=lambda: sim.portal(102, "Box", type="DEVELOPMENT_SANDBOX", parent=101),
    )
    sim.fail(MAKE, status=400, body={"message": "the limit is reached"})
    failed(create(hs), 1, "was created", "account auth", "account 101")
    assert len(posted(sim)) == 2


def test_a_response_that_never_arrives(hs, sim, acme):
    """hs waits as long as a sandbox may take: a minute."""
    if is_sanitized(hs):
        pytest.skip("a minute for each binary is too long")
    sim.fail(MAKE, then="hang")
    done = create(hs, timeout=120)
    failed(done, 7, "was created", "account auth")
    assert 60 <= done.seconds and len(posted(sim)) == 1


def test_a_response_without_an_id(hs, sim, acme):
    sim.fail(MAKE, status=200, body="{}")
    failed(create(hs), 1, "not created", "has no sandbox ID")


def test_a_lost_response_and_no_usage(hs, sim, acme):
    sim.fail(MAKE, then="reset")
    sim.fail(USAGE, status=500, after=1, times=None)
    failed(create(hs), 7, "cannot tell whether", "account 101")


def test_a_request_that_never_left(hs, sim, acme):
    """Without a connection, nothing can have been created."""
    sim.fail(
        USAGE,
        status=200,
        body="{}",
        framing="close",
        then=lambda: setattr(sim.proxy, "then", "reset"),
    )
    done = create(hs, *DEV, "--max-wait", "3")
    assert done.code == 7 and "reset" in done.err, done.err
    assert "was created" not in done.err and "cannot tell" not in done.err and not posted(sim)


@pytest.mark.parametrize(
    "status, headers", [(429, {"Retry-After": "0"}), (503, {"Retry-After": "0"}), (423, {})]
)
@pytest.mark.parametrize("match", [USAGE, MAKE, KEY, REFRESH])
def test_retry_after_is_obeyed(hs, sim, acme, match, status, headers):
    sim.fail(match, status=status, headers=headers)
    ok(create(hs))
    assert account(hs, 102)["personalAccessKey"] == sim.portals[102].key


@pytest.mark.parametrize(
    "how", [{"then": "reset"}, {"at": "body", "then": "close"}, {"status": 502}, {"status": 503}]
)
@pytest.mark.parametrize("match", [MAKE, KEY])
def test_a_post_is_not_repeated_if_it_may_have_been_done(hs, sim, acme, match, how):
    sim.fail(match, **how)
    failed(create(hs), 1 if "status" in how else 7, "may have taken effect")
    assert len(sim.requests(match)) == 1


@pytest.mark.parametrize(
    "how, code",
    [
        ({"status": 500}, 1),
        ({"status": 403}, 4),
        ({"status": 404}, 5),
        ({"status": 429, "policy": "DAILY"}, 6),
        ({"then": "reset"}, 7),
        ({"status": 200, "body": "{}"}, 1),
    ],
)
def test_a_sandbox_without_a_key_is_not_forgotten(hs, sim, acme, how, code):
    sim.fail(KEY, times=None, **how)
    done = create(hs, *DEV, "--json", "--max-wait", "2")
    failed(
        done,
        code,
        "102",
        "was created, but not saved",
        "personal-access-key/102",
        "account auth",
    )
    assert done.json["saved"] is False and done.json["account"]["accountId"] == 102


@pytest.mark.parametrize(
    "how, code",
    [
        ({"status": 500}, 1),
        ({"status": 401}, 4),
        ({"then": "reset"}, 7),
        ({"status": 429, "policy": "DAILY"}, 6),
        ({"status": 200, "body": "{}"}, 1),
    ],
)
def test_a_sandbox_is_saved_if_the_sign_in_fails(hs, sim, acme, how, code):
    sim.fail(REFRESH, times=None, **how)
    done = create(hs, *DEV, "--json", "--max-wait", "2")
    failed(
        done,
        code,
        "102",
        "saved in",
        "was created, but hs cannot sign in",
        "account info my-box-one",
    )
    assert done.json["saved"] is True
    assert account(hs, 102)["personalAccessKey"] == sim.portals[102].key
    sim.rules.clear()
    ok(hs("account", "info", "my-box-one"))


def test_a_key_of_another_account_is_not_saved(hs, sim, acme):
    sim.fail(KEY, status=200, body={"personalAccessKey": {"encodedOAuthRefreshToken": acme.key}})
    failed(create(hs), 3, "the key belongs to account 101, not to 102")
    assert [a["accountId"] for a in hs.read_config()["accounts"]] == [101]


def test_a_config_that_cannot_be_written(hs, sim, acme):
    """A file has the name of the lock's directory."""
    (hs.config_path.parent / ".hs-tmp").touch()
    failed(create(hs), 3, "102", "was created, but not saved", "account auth")


def test_ctrl_c_during_the_creation_warns(tty, sim, acme):
    sim.fail(MAKE, then="hang")
    child = tty("sandbox", "create", *DEV)
    child.expect("Creating the sandbox: 1 s")
    child.sendintr()
    child.expect("may still be created")
    child.expect("interrupted")
    assert tty.end(child) == 130


def test_ctrl_c_after_the_creation_prints_the_id(tty, sim, acme):
    sim.fail(KEY, then="hang")
    child = tty("sandbox", "create", *DEV)
    while not sim.requests(KEY):
        child.expect(["nothing is said", pexpect.TIMEOUT], timeout=0.05)
    child.sendintr()
    child.expect(r"Created .*\(102\)")
    assert tty.end(child) == 130


# ---- delete


def test_delete(hs, sim, acme, box):
    done = ok(delete(hs))
    assert box.state == "gone" and account(hs, 102) is None
    assert hs.read_config()["defaultAccount"] == 101
    assert "Deleted" in done.err and "box [dev sandbox] (102)" in done.err
    (request,) = sim.log
    assert (request.method, request.path) == ("DELETE", "/sandbox-hubs/v1/102")
    assert request.param("portalId") == "101"


def test_delete_as_json(hs, sim, acme, box):
    done = ok(delete(hs, "--account", "102", "-f", "--json")).json
    assert done["account"]["accountId"] == 102 and done["wasGone"] is False


@pytest.mark.parametrize(
    "options, words",
    [(["--force"], "--account"), (["--account", "box"], "--force"), ([], "--account")],
)
def test_delete_needs_an_account_and_confirmation(hs, sim, acme, box, options, words):
    failed(delete(hs, *(options or ["--no-input"])), 2, words)
    assert not sim.log and account(hs, 102)


@pytest.mark.parametrize(
    "which, code, words",
    [("acme", 3, "not a sandbox"), ("bax", 3, "bax"), ("101", 3, "not a sandbox")],
)
def test_an_account_that_is_not_a_sandbox_is_not_deleted(hs, sim, acme, box, which, code, words):
    failed(delete(hs, "--account", which, "--force"), code, words)
    assert not sim.log


def test_the_parent_is_the_default_afterwards(hs, sim, acme, box):
    hs.sign_in(sim.portal(303, "Third"))
    ok(hs("account", "use", "box"))
    done = ok(delete(hs))
    assert hs.read_config()["defaultAccount"] == 101
    assert "default account is now acme" in done.err


def test_new_default_sets_another_default(hs, sim, acme, box):
    hs.sign_in(sim.portal(303, "Third"))
    ok(hs("account", "use", "box"))
    ok(delete(hs, "--account", "box", "--force", "--new-default", "third"))
    assert hs.read_config()["defaultAccount"] == 303
    failed(delete(hs, "--account", "third", "--force", "--new-default", "third"), 3)


@pytest.mark.parametrize("parent", [None, 999])
def test_the_parent_must_be_known(hs, sim, acme, box, parent):
    config = hs.read_config()
    config["accounts"] = [a for a in config["accounts"] if a["accountId"] == 102]
    config["defaultAccount"] = 102
    hs.write_yaml(config)
    failed(delete(hs), 3, "parent account 101", "account auth")
    assert box.state == "active" and not sim.requests(DELETE)


def test_the_parent_is_read_from_the_sandbox(hs, sim, acme, box):
    """If it is not in the config."""
    config = hs.read_config()
    del config["accounts"][1]["parentAccountId"]
    hs.write_yaml(config)
    ok(delete(hs))
    assert box.state == "gone"
    assert calls(sim)[0] == ("GET", "/sandbox-hubs/v1/self")


def test_a_sandbox_deleted_elsewhere_is_removed_from_the_config(hs, sim, acme, box):
    box.state = "gone"
    done = ok(delete(hs, "--account", "box", "--force", "--json"))
    assert account(hs, 102) is None and done.json["wasGone"] is True


def test_a_404_of_another_kind_removes_nothing(hs, sim, acme, box):
    for body in (
        "<html>",
        "{}",
        '{"category":"OBJECT_NOT_FOUND"}',
        '{"subCategory":"SandboxErrors.SANDBOX_NOT_FOUND"}',
    ):
        sim.fail(DELETE, status=404, body=body)
        failed(delete(hs), 5, "404")
    assert account(hs, 102) and box.state == "active"


@pytest.mark.parametrize(
    "status, category, sub, words",
    [
        (403, "BANNED", "SandboxErrors.USER_ACCESS_NOT_ALLOWED", "super admin"),
        (403, "BANNED", "SandboxErrors.DEVELOPMENT_SANDBOX_ACCESS_NOT_ALLOWED", "plan"),
        (403, "MISSING_SCOPES", None, "scopes"),
        (401, "INVALID_AUTHENTICATION", None, "key of account 101"),
    ],
)
def test_refused_deletions(hs, sim, acme, box, status, category, sub, words):
    refusal(sim, DELETE, status, category, sub, times=None)
    failed(delete(hs), 4, words, "c0ffee")
    assert account(hs, 102) and box.state == "active"


@pytest.mark.parametrize(
    "how, code",
    [
        ({"status": 500}, 1),
        ({"status": 429, "policy": "DAILY"}, 6),
        ({"status": 429}, 6),
        ({"status": 500, "then": "reset"}, 7),
        ({"status": 503}, 1),
    ],
)
def test_a_deletion_that_fails(hs, sim, acme, box, how, code):
    sim.fail(DELETE, times=None, **how)
    done = delete(hs, "--account", "box", "--force", "--max-wait", "1")
    assert done.code == code, done.err
    assert account(hs, 102) and box.state == "active"


@pytest.mark.parametrize(
    "how",
    [
        {"then": "reset"},
        {"status": 503},
        {"status": 502},
        {"status": 429, "headers": {"Retry-After": "0"}},
    ],
)
def test_a_deletion_is_tried_again(hs, sim, acme, box, how):
    """Even if it took effect and the response was lost."""
    sim.fail(DELETE, **how)
    ok(delete(hs))
    assert account(hs, 102) is None and box.state == "gone"


def test_a_deletion_updates_the_files_in_the_directory(hs, sim, acme, box):
    (hs.cwd / ".hsaccount").write_text("102")
    ok(delete(hs))
    assert not (hs.cwd / ".hsaccount").exists()


def test_with_the_environments_account_an_id_is_needed(hs, sim):
    portal = sim.portal(101, "Acme")
    box = sim.portal(102, "Box", type="DEVELOPMENT_SANDBOX", parent=101)
    env = {"HUBSPOT_ACCOUNT_ID": 101, "HUBSPOT_PERSONAL_ACCESS_KEY": portal.key}
    for which, words in (("box", "id"), ("101", "is the environment's account")):
        failed(delete(hs, "--use-env", "--account", which, "--force", env=env), 2, words)
    ok(delete(hs, "--use-env", "--account", "102", "--force", env=env))
    assert box.state == "gone" and not hs.config_path.exists()
    failed(delete(hs, "--use-env", "--account", "103", "--force", env=env), 5, "no such sandbox")


# ---- delete: on a terminal


@pytest.mark.parametrize("answer, code", [("y", 0), ("n", 1), ("", 1)])
def test_a_terminal_asks_for_sandbox_and_confirmation(tty, hs, sim, acme, box, answer, code):
    child = tty("sandbox", "delete")
    child.expect("Sandbox to delete:")
    child.expect(r"box \[dev sandbox\] \(102\)")
    child.send("\r")
    child.expect(r"Delete sandbox box .*\[y/N\]")
    child.send(answer + "\r")
    assert tty.end(child) == code
    assert "acme [standard]" not in child.logfile_read.text
    assert (account(hs, 102) is None) == (code == 0) == (box.state == "gone")


def test_a_terminal_asks_for_the_new_default(tty, hs, sim, acme, box):
    hs.sign_in(sim.portal(303, "Third"))
    ok(hs("account", "use", "box"))
    child = tty("sandbox", "delete", "--account", "box")
    child.expect("New default account:")
    child.expect("third")
    child.send("\x1b[B\r")
    child.expect("Delete sandbox")
    child.send("y\r")
    assert tty.end(child) == 0
    assert hs.read_config()["defaultAccount"] == 303


def test_all_is_asked_before_anything_is_deleted(tty, hs, acme, box):
    """Ctrl-C at the last question changes nothing."""
    (hs.cwd / ".hsaccount").write_text("102")
    child = tty("sandbox", "delete", "--account", "box")
    child.expect("Delete sandbox")
    child.send("y\r")
    child.expect("Remove that file")
    child.send("\x03")
    assert tty.end(child) == 130
    assert account(hs, 102) and box.state == "active" and (hs.cwd / ".hsaccount").exists()


def test_no_sandbox_to_pick(tty, sim, acme):
    child = tty("sandbox", "delete")
    child.expect("no sandbox in ")
    child.expect("create one with hs sandbox create")
    assert tty.end(child) == 3
