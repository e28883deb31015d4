"""Signing in with OAuth2: consent in the browser, a code that comes back to
port 3000 of loopback, tokens for it, and an account that either client uses."""
import datetime
import fcntl
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import pytest

import browser as browsers
from calls import failed, oauth_account
from official import official_client, official_env  # noqa: F401 (the first: a fixture)
from test_browser import Raw, closed
from test_prompt import ready, seen

PORT = 3000
BACK = f"http://localhost:{PORT}/oauth-callback"
TYPE = ("--auth-type", "oauth2")
ADDRESS = "Address:"
AGAIN = "hs account auth --auth-type oauth2 --account 101"


@pytest.fixture(autouse=True)
def port():
    """The one port that HubSpot's apps know: a test at a time has it."""
    with open(f"{tempfile.gettempdir()}/hs-tests-{os.getuid()}-port-{PORT}", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for address in ("127.0.0.1", "::1"):
            with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
                if probe.connect_ex((address, PORT)) == 0:
                    pytest.skip(f"something else listens on port {PORT} of {address}")
        yield PORT


@pytest.fixture
def browser(tmp_path):
    made = browsers.Browser(tmp_path / "browser")
    yield made
    made.close()


def client(portal, **more):
    return {
        "HUBSPOT_CLIENT_ID": portal.oauth["client_id"],
        "HUBSPOT_CLIENT_SECRET": portal.oauth["client_secret"],
        **more,
    }


@pytest.fixture
def waiting(tty, sim, browser):
    """hs account auth with all that it needs, as far as its prompt."""
    portal = sim.portal(101, "Acme")
    child = tty(
        "account",
        "auth",
        *TYPE,
        "-a",
        "101",
        "--scopes",
        "content",
        "--use-default-name",
        env={**browser.env, **client(portal)},
    )
    child.portal, child.url = portal, browser.opened()
    child.asked = browsers.parameters(child.url)
    return ready(child, ADDRESS)


def back(child, **answer):
    """The address that the browser ends on."""
    answer = {"code": f"code-{child.portal.hub_id}", "state": child.asked["state"], **answer}
    return BACK + "?" + urllib.parse.urlencode({k: v for k, v in answer.items() if v is not None})


def get(url):
    """The status, the head and the page of a loopback address. A bare machine
    has no /etc/hosts that knows localhost; browsers know it by themselves."""
    url = url.replace("//localhost:", "//127.0.0.1:")
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            url, timeout=30
        ) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, refused.read().decode()


def saved(home, portal, scopes=("content",)):
    """The account that stands in the config; it is what it should be."""
    (account,) = [a for a in home.read_config()["accounts"] if a["accountId"] == portal.hub_id]
    info = account["auth"].pop("tokenInfo")
    assert account["authType"] == "oauth2" and "personalAccessKey" not in account
    assert account["auth"] == {
        "clientId": portal.oauth["client_id"],
        "clientSecret": portal.oauth["client_secret"],
        "scopes": list(scopes),
    }
    assert info["accessToken"] in portal.tokens
    assert info["refreshToken"] == portal.oauth["refresh_token"]
    life = conftest_time(info["expiresAt"]) - datetime.datetime.now(datetime.timezone.utc)
    assert abs(life.total_seconds() - 0.75 * portal.lifetime) < 120
    return account


def conftest_time(text):
    if isinstance(text, datetime.datetime):
        return text.replace(tzinfo=text.tzinfo or datetime.timezone.utc)
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


# ---- the way that goes well


def test_consent_in_the_browser(tty, sim, waiting):
    assert waiting.url.startswith("https://app.hubspot.com/oauth/101/authorize?")
    assert waiting.asked["client_id"] == waiting.portal.oauth["client_id"]
    assert waiting.asked["redirect_uri"] == BACK and waiting.asked["scope"] == "content"
    uuid.UUID(waiting.asked["state"])
    status, head, page = get(back(waiting))
    assert status == 200 and "Signed in" in page
    assert head["Content-Type"] == "text/html; charset=utf-8"
    assert head["Cache-Control"] == "no-store" and head["Referrer-Policy"] == "no-referrer"
    assert "code-101" not in page and "://" not in page
    assert tty.end(waiting) == 0, seen(waiting)
    account = saved(tty, waiting.portal)
    assert account["accountType"] == "STANDARD" and account["name"] == "account-101"
    assert tty.read_config()["defaultAccount"] == 101
    (trade,) = sim.requests("POST /oauth/2026-03/token")
    assert trade.header("content-type") == "application/x-www-form-urlencoded"
    assert dict(urllib.parse.parse_qsl(trade.body.decode())) == {
        "grant_type": "authorization_code",
        "code": "code-101",
        "redirect_uri": BACK,
        "client_id": waiting.portal.oauth["client_id"],
        "client_secret": waiting.portal.oauth["client_secret"],
    }
    closed(PORT)


def test_the_address_can_be_pasted(tty, sim, waiting):
    """The browser runs elsewhere and ends on a page that it cannot load."""
    waiting.send("https://example.com/\r")
    ready(waiting, "not the address of this sign-in")
    ready(waiting, ADDRESS)
    waiting.send(f"{BACK}?code=code-101&state={uuid.uuid4()}\r")
    ready(waiting, "not the address of this sign-in")
    ready(waiting, ADDRESS)
    waiting.send("  " + back(waiting) + "#x \r")
    assert tty.end(waiting) == 0, seen(waiting)
    saved(tty, waiting.portal)
    closed(PORT)


def test_everything_is_asked_for(tty, sim, tmp_path):
    portal = sim.portal(101, "Acme")
    child = tty("init", *TYPE)
    ready(child, "Account ID:").send("acme\r")
    ready(child, "number")
    ready(child, "Account ID:").send("101\r")
    ready(child, "Client ID:").send("too short\r")
    ready(child, "36 letters")
    ready(child, "Client ID:").send(portal.oauth["client_id"] + "\r")
    ready(child, "Client secret:").send(portal.oauth["client_secret"] + "\r")
    ready(child, r"\[x\] content")
    child.send("j \r")
    child.expect(r"\x1b\[36mcontent, hubdb")
    child.expect("Open this in a browser: (https://[^\r]*(\r\n[^ ]*)*)\r\nAllow")
    child.portal, child.asked = portal, browsers.parameters(child.match[1].replace("\r\n", ""))
    assert child.asked["scope"] == "content hubdb"
    ready(child, ADDRESS)
    assert get(back(child))[0] == 200
    ready(child, "Name of the account:").send("acme\r")
    assert tty.end(child) == 0, seen(child)
    config = tty.read_config(tty.cwd / "hubspot.config.yml")
    assert config["defaultPortal"] == "acme"
    (account,) = config["portals"]
    assert account["portalId"] == 101 and account["auth"]["scopes"] == ["content", "hubdb"]


def test_hs_auth_adds_to_the_deprecated_config(tty, hs, sim, browser):
    portal = sim.portal(101, "Acme")
    path = hs.cwd / "hubspot.config.yml"
    hs.write_yaml(
        {
            "defaultPortal": "old",
            "portals": [
                {
                    "name": "old",
                    "portalId": 5,
                    "authType": "personalaccesskey",
                    "personalAccessKey": "x" * 40,
                }
            ],
        },
        path,
    )
    child = tty(
        "auth",
        *TYPE,
        "-a",
        "101",
        "--scopes",
        "hubdb, files",
        "--name",
        "new",
        "--no-default",
        env={**browser.env, **client(portal)},
    )
    child.portal, child.asked = portal, browsers.parameters(browser.opened())
    ready(child, ADDRESS)
    assert get(back(child))[0] == 200
    assert tty.end(child) == 0, seen(child)
    config = hs.read_config(path)
    assert config["defaultPortal"] == "old"
    assert [a["name"] for a in config["portals"]] == ["old", "new"]
    assert config["portals"][1]["auth"]["scopes"] == ["hubdb", "files"]
    assert hs("api", "/test/echo", "-a", "new").code == 0


def test_signing_in_again_needs_only_the_account(tty, hs, sim, browser):
    """The app's id, secret and scopes are in the config; a person is asked for
    scopes alone, a script for nothing."""
    portal = sim.portal(101)
    hs.write_config(
        {
            "name": "o",
            "accountId": 101,
            "authType": "oauth2",
            "mine": "kept",
            "auth": {
                "clientId": portal.oauth["client_id"],
                "clientSecret": portal.oauth["client_secret"],
                "scopes": ["content", "tickets"],
                "tokenInfo": {},
            },
        }
    )
    child = tty("account", "auth", *TYPE, "-a", "o", env=browser.env)
    ready(child, r"\[x\] tickets").send("\r")
    child.portal, child.asked = portal, browsers.parameters(browser.opened())
    assert child.asked["scope"] == "content tickets"
    ready(child, ADDRESS)
    assert get(back(child))[0] == 200
    assert tty.end(child) == 0, seen(child)
    assert saved(hs, portal, ("content", "tickets"))["mine"] == "kept"


def test_signing_in_again_asks_for_all_scopes_however_many(tty, hs, sim, browser):
    scopes = [f"crm.objects.x{n}.read" for n in range(100)]
    hs.write_config(
        {
            "name": "o",
            "accountId": 101,
            "authType": "oauth2",
            "auth": {
                "clientId": sim.portal(101).oauth["client_id"],
                "clientSecret": sim.portals[101].oauth["client_secret"],
                "scopes": scopes,
                "tokenInfo": {},
            },
        }
    )
    child = tty("account", "auth", *TYPE, "-a", "o", env=browser.env)
    ready(child, r"\[x\] crm").send("\r")
    assert browsers.parameters(browser.opened())["scope"].split() == scopes
    ready(child, ADDRESS).sendintr()
    assert tty.end(child) == 130


def test_a_key_account_becomes_one_of_oauth2(tty, hs, sim, browser):
    portal = sim.portal(101)
    hs.write_config(portal)
    child = tty(
        "account",
        "auth",
        *TYPE,
        "-a",
        "101",
        "--scopes",
        "content",
        env={**browser.env, **client(portal)},
    )
    child.portal, child.asked = portal, browsers.parameters(browser.opened())
    ready(child, ADDRESS)
    assert get(back(child))[0] == 200
    assert tty.end(child) == 0, seen(child)
    saved(hs, portal)


def start(hs, portal, *args, secret=None, **env):
    """Without a terminal; what it asks the browser for."""
    process = subprocess.Popen(
        [hs.bin, "account", "auth", *TYPE, "-a", "101", *args],
        env=hs.env({**client(portal), **env}),
        cwd=hs.cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdin.write(secret or "")
    process.stdin.close()
    process.stdin = None
    process.portal, process.said = portal, ""
    while "Waiting" not in process.said:
        line = process.stderr.readline()
        assert line, process.said
        process.said += line
    url = process.said.partition("https://")[2].split()[0]
    process.asked = browsers.parameters("https://" + url)
    return process


def end(hs, process):
    out, err = process.communicate(timeout=60)
    hs.check_output(out + err + process.said, "the output")
    return process.returncode, process.said + err


def test_without_a_terminal_it_waits_for_the_browser(hs, sim):
    portal = sim.portal(101)
    secret = portal.oauth["client_secret"]
    process = start(
        hs,
        portal,
        "--client-id",
        portal.oauth["client_id"],
        "--client-secret-stdin",
        secret=secret + "\n",
        HUBSPOT_CLIENT_ID=None,
        HUBSPOT_CLIENT_SECRET=None,
    )
    assert process.asked["scope"] == "content" and "choose others with --scopes" in process.said
    assert get(back(process))[0] == 200
    assert end(hs, process)[0] == 0
    saved(hs, portal)


@pytest.mark.parametrize(
    "take,word",
    [
        ("HUBSPOT_CLIENT_ID", "--client-id"),
        ("HUBSPOT_CLIENT_SECRET", "--client-secret-stdin"),
        ("account", "--account"),
    ],
)
def test_missing_values_are_reported_in_a_script(hs, sim, take, word):
    env = {k: v for k, v in client(sim.portal(101)).items() if k != take}
    done = hs("account", "auth", *TYPE, *(() if take == "account" else ("-a", "101")), env=env)
    assert done.code == 2 and word in done.err
    assert not sim.log


@pytest.mark.parametrize(
    "args,env",
    [
        (("--client-id", "12345"), {}),
        (("--client-id", "x" * 35 + "é"), {}),
        (("--scopes", ","), {}),
        (("--scopes", "a&b"), {}),
        (("--scopes", ""), {}),
        ((), {"HUBSPOT_CLIENT_SECRET": "short"}),
        (("--pak-stdin",), {}),
        (("-a", "0"), {}),
        (("-a", "-1"), {}),
    ],
)
def test_what_cannot_be_is_refused_at_once(hs, sim, args, env):
    done = hs("account", "auth", *TYPE, "-a", "101", *args, env={**client(sim.portal(101)), **env})
    assert done.code == 2, done.err
    assert not sim.log and not hs.config_path.exists()


def test_options_of_oauth2_are_for_it_alone(hs, sim):
    done = hs(
        "account", "auth", "--pak-stdin", "--scopes", "content", input=hs.key(sim.portal(101))
    )
    assert done.code == 2 and "--auth-type oauth2" in done.err


# ---- the ways that do not


def test_access_denied(tty, sim, waiting):
    status, _, page = get(
        back(waiting, code=None, error="access_denied", error_description="<b>no</b>")
    )
    assert status == 200 and "Not signed in" in page and "<b>" not in page
    assert tty.end(waiting) == 4
    assert "access_denied" in seen(waiting)
    assert not sim.requests("POST /oauth") and not tty.config_path.exists()


@pytest.mark.parametrize("error", ["x\r\nhs: all is well", "x\u202ey"])
def test_a_reason_that_would_paint_over_the_screen_is_not_shown(tty, waiting, error):
    assert get(back(waiting, code=None, error=error))[0] == 200
    assert tty.end(waiting) == 4
    assert "for an unreadable reason" in seen(waiting)
    assert "all is well" not in seen(waiting) and "\u202e" not in seen(waiting)


def test_denied_by_paste(tty, waiting):
    waiting.send(back(waiting, code=None, error="access_denied") + "\r")
    assert tty.end(waiting) == 4


def test_a_redirect_without_a_code(tty, waiting):
    assert get(back(waiting, code=None))[0] == 200
    assert tty.end(waiting) == 4


def test_who_does_not_know_the_state_is_not_believed(tty, sim, waiting):
    state = waiting.asked["state"]
    for wrong in (None, "", "x", state[:-1], state + "x", state.upper() + "0", str(uuid.uuid4())):
        status, _, page = get(back(waiting, state=wrong, code="code-of-another"))
        assert status == 400 and "still waiting" in page
        assert get(back(waiting, state=wrong, code=None, error="access_denied"))[0] == 400
    for path in ("/", "/favicon.ico", "/oauth-callback2?code=1", "/oauth-callback/?code=1"):
        assert get(f"http://127.0.0.1:{PORT}{path}")[0] == 404
    assert get(back(waiting))[0] == 200
    assert tty.end(waiting) == 0
    saved(tty, waiting.portal)


def test_the_browser_learns_that_the_code_was_refused(tty, sim, waiting):
    status, _, page = get(back(waiting, code="no-such-code"))
    assert status == 200 and "The sign-in failed" in page
    assert tty.end(waiting) == 4
    assert "redirect URLs" in seen(waiting)
    assert len(sim.requests("POST /oauth")) == 1
    assert not tty.config_path.exists()


def test_a_code_is_not_sent_twice(tty, sim, waiting):
    sim.fail("POST /oauth", times=9, at="start", then="reset")
    get(back(waiting))
    assert tty.end(waiting) == 7
    assert len(sim.requests("POST /oauth")) == 1
    assert not tty.config_path.exists()


def test_access_to_another_account(tty, sim, browser):
    """The person picked another account on the page."""
    portal = sim.portal(202, "Other")
    child = tty(
        "account",
        "auth",
        *TYPE,
        "-a",
        "101",
        "--scopes",
        "content",
        env={**browser.env, **client(portal)},
    )
    child.portal, child.asked = portal, browsers.parameters(browser.opened())
    sim.fail("GET /account-info", status=200, body={"portalId": 202})
    ready(child, ADDRESS)
    get(back(child))
    assert tty.end(child) == 3, seen(child)
    assert not tty.config_path.exists()


def test_an_app_that_may_not_ask_about_the_account(tty, sim, waiting):
    sim.fail("GET /account-info", times=9, status=403)
    assert "Signed in" in get(back(waiting))[2]
    assert tty.end(waiting) == 0
    saved(tty, waiting.portal)


def test_a_second_browser_comes_too_late(tty, sim, waiting):
    one, two = Raw(PORT), Raw(PORT)
    sent = threading.Event()
    hold = sim.fail("POST /oauth", at="start", then=lambda: sent.wait(60) and time.sleep(0.5))
    one.request(line="GET " + back(waiting).removeprefix(f"http://localhost:{PORT}") + " HTTP/1.1")
    sim.wait("POST /oauth")
    two.request(
        line="GET "
        + back(waiting, code="code-202").removeprefix(f"http://localhost:{PORT}")
        + " HTTP/1.1"
    )
    sent.set()
    assert b"Signed in" in one.rest()
    assert b" 200 " not in two.rest()
    assert hold and tty.end(waiting) == 0
    assert len(sim.requests("POST /oauth")) == 1
    saved(tty, waiting.portal)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_port_is_in_use(hs, sim, address):
    with socket.create_server(
        (address, PORT), family=socket.AF_INET6 if ":" in address else socket.AF_INET
    ):
        done = hs("account", "auth", *TYPE, "-a", "101", env=client(sim.portal(101)))
    assert done.code == 1 and f"port {PORT}" in done.err and "another program" in done.err
    assert not sim.log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(tty, waiting, number):
    waiting.kill(number)
    assert tty.end(waiting) == 128 + number
    assert not tty.config_path.exists()
    closed(PORT)


@pytest.mark.parametrize("at", ["POST /oauth", "GET /account-info"])
def test_a_signal_while_hubspot_is_asked(tty, sim, waiting, at):
    sim.fail(at, at="start", then="hang")
    with Raw(PORT) as one:
        one.request(
            line="GET " + back(waiting).removeprefix(f"http://localhost:{PORT}") + " HTTP/1.1"
        )
        sim.wait(at)
        waiting.sendintr()
        assert b"Not signed in" in one.rest()
    assert tty.end(waiting) == 130
    assert not tty.config_path.exists()
    closed(PORT)


def test_a_signal_ends_it_without_a_terminal(hs, sim):
    process = start(hs, sim.portal(101))
    process.terminate()
    assert end(hs, process)[0] == 128 + signal.SIGTERM
    closed(PORT)


def test_nobody_comes_in_time(hs, sim):
    process = start(hs, sim.portal(101), "--max-wait", "1")
    code, said = end(hs, process)
    assert code == 1 and "within 1 seconds" in said
    closed(PORT)


def test_a_browser_that_says_nothing_holds_nobody_up(tty, sim, waiting):
    silent = [Raw(PORT) for _ in range(12)]
    for one in silent[:6]:
        one.send(b"GET /oauth-callback?code=")
    assert get(back(waiting))[0] == 200
    assert tty.end(waiting) == 0
    for one in silent:
        one.sock.close()


def test_the_port_can_be_used_again_at_once(hs, sim):
    portal = sim.portal(101)
    for _ in range(3):
        process = start(hs, portal)
        assert get(back(process))[0] == 200
        assert end(hs, process)[0] == 0


def test_no_websocket_there(tty, waiting):
    with Raw(PORT) as ws:
        ws.request(
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Origin: https://app.hubspot.com",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
        )
        assert b" 404 " in ws.rest()
    waiting.sendintr()
    assert tty.end(waiting) == 130


# ---- afterwards


@pytest.mark.parametrize("where", ["global", "deprecated", "environment"])
def test_a_refused_refresh_explains_how_to_sign_in_again(hs, sim, where):
    portal = sim.portal(101)
    account = {
        "name": "o",
        "authType": "oauth2",
        "auth": {
            "clientId": portal.oauth["client_id"],
            "clientSecret": portal.oauth["client_secret"],
            "scopes": ["content"],
            "tokenInfo": {"refreshToken": "gone-gone-gone-gone"},
        },
    }
    if where == "global":
        hs.write_config({**account, "accountId": 101})
    elif where == "deprecated":
        hs.write_yaml(
            {"defaultPortal": 101, "portals": [{**account, "portalId": 101}]},
            hs.cwd / "hubspot.config.yml",
        )
    env = client(portal, HUBSPOT_ACCOUNT_ID=101, HUBSPOT_REFRESH_TOKEN="gone-gone-gone-gone")
    done = hs(
        "api",
        "/test/echo",
        *(("--use-env",) if where == "environment" else ()),
        env=env if where == "environment" else {},
    )
    assert done.code == 4
    assert {
        "global": "hs account auth --auth-type oauth2 --account 101",
        "deprecated": "hs auth --auth-type oauth2 --account 101",
        "environment": "HUBSPOT_REFRESH_TOKEN",
    }[where] in done.err


def o(hs, portal):
    """A config with an account that has just its refresh token."""
    hs.write_config(oauth_account(portal))


@pytest.mark.parametrize(
    "status,again",
    [(400, True), (401, True), (403, True), (429, False), (500, False), (503, False)],
)
def test_signing_in_again_is_the_advice_only_where_it_helps(hs, sim, status, again):
    o(hs, sim.portal(101))
    sim.fail("POST /oauth/2026-03/token", times=99, status=status)
    done = hs("api", "/test/echo", "--max-wait", "1")
    assert (
        str(status) in done.err
        and (AGAIN in done.err) == again
        and ("Sign in" in done.err) == again
    )


def token_calls(sim):
    return [r.path for r in sim.requests("POST /oauth/")]


DATED, OLD = "/oauth/2026-03/token", "/oauth/v1/token"


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"body": b"<html>no such page</html>", "headers": {"Content-Type": "text/html"}},
        {"body": b""},
    ],
)
def test_the_dated_token_call_and_its_predecessor(hs, sim, how):
    o(hs, sim.portal(101))
    assert hs("api", "/test/echo").code == 0
    assert token_calls(sim) == [DATED]
    sim.log.clear()
    o(hs, sim.portals[101])
    sim.fail(f"POST {DATED}", times=None, status=404, **how)
    done = hs("api", "/test/echo")
    assert done.code == 0, done.err
    assert token_calls(sim) == [DATED, OLD]
    assert sim.requests("POST /oauth/")[0].body == sim.requests("POST /oauth/")[1].body


@pytest.mark.parametrize("status", [400, 401, 403, 405, 410, 500])
def test_v1_is_only_for_a_404(hs, sim, status):
    o(hs, sim.portal(101))
    sim.fail(f"POST {DATED}", times=None, status=status)
    assert hs("api", "/test/echo").code != 0
    assert token_calls(sim) == [DATED]


def test_a_code_is_traded_at_v1_where_the_dated_call_is_unknown(hs, sim):
    sim.fail(f"POST {DATED}", times=None, status=404)
    process = start(hs, sim.portal(101))
    assert get(back(process))[0] == 200
    assert end(hs, process)[0] == 0
    assert token_calls(sim) == [DATED, OLD]
    saved(hs, process.portal)


@pytest.mark.parametrize(
    "how, repeated",
    [
        ({"status": 502}, False),
        ({"status": 503}, False),
        ({"then": "close"}, False),
        ({"status": 503, "headers": {"Retry-After": "0"}}, True),
        ({"status": 429}, True),
        ({"status": 477}, True),
    ],
)
def test_a_code_is_traded_once_unless_nothing_was_done(hs, sim, how, repeated):
    """HubSpot takes a code once; a refresh can be repeated."""
    sim.fail(f"POST {DATED}", **how)
    process = start(hs, sim.portal(101))
    assert get(back(process))[0] == 200
    code, _ = end(hs, process)
    assert (code == 0) == repeated and len(token_calls(sim)) == 1 + repeated
    sim.log.clear()
    o(hs, sim.portals[101])
    sim.fail(f"POST {DATED}", **how)
    assert hs("api", "/test/echo").code == 0
    assert len(token_calls(sim)) == 2


def test_a_new_refresh_token_is_kept(hs, sim):
    """One that HubSpot has replaced is worth nothing any more."""
    portal = sim.portal(101, rotates=True)
    o(hs, portal)
    for _ in range(3):
        before = portal.oauth["refresh_token"]
        done = hs("api", "/test/echo")
        assert done.code == 0 and done.err.count("\n") == 2, done.err
        config = hs.read_config()
        info = config["accounts"][0]["auth"]["tokenInfo"]
        assert info["refreshToken"] == portal.oauth["refresh_token"] != before
        info["expiresAt"] = "2020-01-01T00:00:00.000Z"
        hs.write_yaml(config)


def test_a_refresh_token_that_cannot_be_saved_is_reported(hs, sim):
    portal = sim.portal(101, rotates=True)
    done = hs(
        "api",
        "/test/echo",
        "--use-env",
        env=client(
            portal, HUBSPOT_ACCOUNT_ID=101, HUBSPOT_REFRESH_TOKEN=portal.oauth["refresh_token"]
        ),
    )
    assert done.code == 0 and "refresh token" in done.err, done.err


@pytest.mark.parametrize(
    "status, body, code, words",
    [
        (
            400,
            {
                "error": "invalid_grant",
                "error_description": "d0",
                "status": "BAD_REFRESH_TOKEN",
                "message": "m0",
            },
            4,
            ["m0", "BAD_REFRESH_TOKEN", AGAIN],
        ),
        (400, {"error": "invalid_grant", "error_description": "d0"}, 4, ["400.*d0", AGAIN]),
        (400, {"error": "invalid_grant"}, 4, ["400.*invalid_grant", AGAIN]),
        (400, {"status": "BAD_REFRESH_TOKEN"}, 4, ["BAD_REFRESH_TOKEN", AGAIN]),
        (
            401,
            {"error": "invalid_client", "status": "BAD_CLIENT_ID", "message": "m0"},
            4,
            ["m0", "BAD_CLIENT_ID", "HUBSPOT_CLIENT_ID"],
        ),
        (
            400,
            {"status": "BAD_CLIENT_SECRET", "message": "m0"},
            4,
            ["m0", "BAD_CLIENT_SECRET", "client secret"],
        ),
        (
            403,
            {"error": "access_denied", "status": "BAD_HUB", "message": "m0"},
            4,
            ["m0", "BAD_HUB", AGAIN],
        ),
        (400, {"status": "error", "message": "m0", "category": "X"}, 4, ["m0", AGAIN]),
        (400, {"status": "x\nhs: all is well", "message": "m0"}, 4, ["m0", AGAIN]),
        (500, {"error": "server_error", "error_description": "d0"}, 1, ["500.*d0"]),
    ],
)
def test_error_bodies_of_the_token_call(hs, sim, status, body, code, words):
    o(hs, sim.portal(101))
    sim.fail("POST /oauth/", times=None, status=status, body=body)
    failed(hs("api", "/test/echo"), code, *words)


@pytest.mark.parametrize("status", [401, 403])
def test_advice_about_an_account_of_oauth2_is_not_about_keys(hs, sim, status):
    o(hs, sim.portal(101))
    sim.fail(
        "GET /test/echo",
        times=99,
        status=status,
        body={"category": "MISSING_SCOPES", "errors": [{"context": {"requiredScopes": ["crm.x"]}}]}
        if status == 403
        else {},
    )
    done = hs("api", "/test/echo")
    assert (
        done.code == 4
        and (AGAIN if status == 401 else "scopes: crm.x. Sign in again with --scopes") in done.err
    )
    assert "personal-access-key" not in done.err


def test_the_official_client_uses_the_account(hs, sim, official_client):
    """With the token that hs has fetched, and, when that has ended, by itself."""
    portal = sim.portal(101, "Acme")
    process = start(hs, portal)
    assert get(back(process))[0] == 200
    assert end(hs, process)[0] == 0
    for renewed in (False, True):
        sim.log.clear()
        if renewed:
            config = hs.read_config()
            config["accounts"][0]["auth"]["tokenInfo"]["expiresAt"] = "2020-01-01T00:00:00.000Z"
            hs.write_yaml(config)
            sim.revoke()
        done = subprocess.run(
            [official_client, "secrets", "list"],
            env=official_env(hs),
            cwd=hs.cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert bool(sim.requests("POST /oauth/v1/token")) == renewed
        bearer = sim.requests("GET /cms/v3/functions/secrets")[-1].header("authorization")
        assert bearer.removeprefix("Bearer ") in portal.tokens
    assert hs("api", "/test/echo").code == 0


# ---- Chromium


@pytest.fixture
def chromium(sim, tmp_path):
    made = browsers.Chromium(sim, tmp_path / "chromium", dump=True)
    yield made
    made.close()


def visit(tty, sim, chromium, want, **website):
    """Signs in with Chromium: the account, and the page that it ended on."""
    portal = sim.portal(101, "Acme")
    sim.website = website
    child = tty(
        "account",
        "auth",
        *TYPE,
        "-a",
        "101",
        "--scopes",
        "content,files",
        "--use-default-name",
        env={**chromium.env, **client(portal)},
        timeout=60,
    )
    chromium.opened()
    assert tty.end(child) == want, seen(child)
    return portal, chromium.shown()


def test_chromium_consents(tty, sim, chromium):
    portal, page = visit(tty, sim, chromium, 0)
    assert "<h1>Signed in</h1>" in page
    saved(tty, portal, ("content", "files"))


def test_chromium_denies(tty, sim, chromium):
    _, page = visit(tty, sim, chromium, 4, code=None, error="access_denied")
    assert "<h1>Not signed in</h1>" in page
    assert not tty.config_path.exists()
