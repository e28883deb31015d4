"""Signing in with a browser: hs opens a page of HubSpot's, and the page hands
the key over to a WebSocket server on loopback.

The server is tried with an off-the-shelf client (python3-websockets), with
bytes of our own making, and with Chromium.
"""
import asyncio
import json
import os
import pathlib
import signal
import socket
import struct

import pytest

import browser as browsers
from test_ask import Screen
from test_prompt import KEY_LABEL, PASTE_OFF, PASTE_ON, modes, paste, ready, seen

ORIGIN = "https://app.hubspot.com"
GREETING = "server:cliMetadata"
MISMATCH = {"type": "server:authFailed", "data": {"reason": "cliCallbackTokenMismatch"}}


@pytest.fixture
def browser(tmp_path):
    made = browsers.Browser(tmp_path / "browser")
    yield made
    made.close()


@pytest.fixture
def signing_in(tty, sim, browser):
    """hs account auth, as far as its prompt; the portal and what was opened."""
    portal = sim.portal(101, "Acme")
    child = tty("account", "auth", "--use-default-name", env=browser.env)
    child.portal, child.url = portal, browser.opened()
    ready(child, KEY_LABEL)
    child.asked = browsers.parameters(child.url)
    child.listens = int(child.asked["cliCallbackPort"])
    return child


def key_message(child, **data):
    return json.dumps(
        {
            "type": "client:personalAccessKey",
            "data": {
                "personalAccessKey": child.portal.key,
                "cliCallbackToken": child.asked["cliCallbackToken"],
                **data,
            },
        }
    )


def finish(tty, child):
    """What every one of these ends with, whatever came before: the key that the
    page has is taken, and the port is closed."""
    with Raw(child.listens) as ws:
        ws.hello()
        ws.text(key_message(child))
        assert ws.message() == {"type": "server:authReceived"}
        assert ws.closed() == 1000
    assert tty.end(child) == 0, seen(child)
    assert tty.read_config()["accounts"][0]["personalAccessKey"] == child.portal.key
    closed(child.listens)


def closed(port):
    for address in ("127.0.0.1", "::1"):
        with pytest.raises(OSError):
            socket.create_connection((address, port), 5)


class Raw:
    """A WebSocket client that can do everything wrong."""

    def __init__(self, port, address="127.0.0.1"):
        self.sock = socket.create_connection((address, port), 60)
        self.sock.settimeout(60)
        self.data = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def read(self):
        """What comes; b"" at the end."""
        try:
            return self.sock.recv(65536)
        except ConnectionResetError:
            return b""

    def take(self, count):
        while len(self.data) < count:
            more = self.read()
            assert more, f"the connection ended after {self.data!r}"
            self.data += more
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def rest(self):
        while more := self.read():
            self.data += more
        return self.data

    def request(self, *fields, line="GET / HTTP/1.1"):
        self.send("\r\n".join([line, "Host: localhost", *fields, "", ""]).encode())

    def open(self, origin=ORIGIN, key="dGhlIHNhbXBsZSBub25jZQ=="):
        """The handshake; the answer's head."""
        self.knock(origin, key)
        return self.head()

    def knock(self, origin=ORIGIN, key="dGhlIHNhbXBsZSBub25jZQ=="):
        self.request(
            "Upgrade: websocket",
            "Connection: keep-alive, Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            *([f"Origin: {origin}"] if origin else []),
        )

    def head(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.take(1)
        return head.decode()

    def hello(self):
        assert self.open().startswith("HTTP/1.1 101 ")
        assert self.message()["type"] == GREETING
        return self

    def frame(self, opcode, payload=b"", fin=True, masked=True, rsv=0, size=None):
        size = len(payload) if size is None else size
        head = bytes([fin << 7 | rsv << 4 | opcode])
        bit = masked << 7
        head += (
            bytes([bit | size])
            if size < 126
            else struct.pack(">BH", bit | 126, size)
            if size < 65536
            else struct.pack(">BQ", bit | 127, size)
        )
        mask = os.urandom(4) if masked else b""
        if masked:
            payload = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
        self.send(head + mask + payload)

    def text(self, text, **how):
        self.frame(1, text.encode(), **how)

    def received(self):
        """The next frame's opcode and payload."""
        first, size = self.take(2)
        assert first & 0xF0 == 0x80 and size < 127, "a whole frame, not masked"
        if size == 126:
            (size,) = struct.unpack(">H", self.take(2))
        return first & 15, self.take(size)

    def message(self):
        opcode, payload = self.received()
        assert opcode == 1, (opcode, payload)
        return json.loads(payload)

    def closed(self):
        """The code of the close frame, after which nothing comes."""
        opcode, payload = self.received()
        assert opcode == 8 and not self.rest()
        return struct.unpack(">H", payload[:2])[0]


# ---- what a person sees


def test_the_page_sends_the_key(tty, sim, signing_in):
    assert signing_in.url.startswith("https://app.hubspot.com/l/personal-access-key?")
    assert len(signing_in.asked["cliCallbackToken"]) == 36
    assert signing_in.url in seen(signing_in).replace("\r\n", "")
    finish(tty, signing_in)
    assert seen(signing_in).count(PASTE_ON) == seen(signing_in).count(PASTE_OFF) == 1


def test_over_ipv6_too(tty, signing_in):
    with Raw(signing_in.listens, "::1") as ws:
        ws.hello()
    finish(tty, signing_in)


def test_two_runs_have_different_tokens_and_ports(tty, sim, signing_in, browser):
    other = tty("account", "auth", env=browser.env)
    asked = browsers.parameters(browser.opened())
    assert asked["cliCallbackToken"] != signing_in.asked["cliCallbackToken"]
    assert asked["cliCallbackPort"] != signing_in.asked["cliCallbackPort"]
    ready(other, KEY_LABEL).sendintr()
    assert tty.end(other) == 130
    finish(tty, signing_in)


def test_pasting_works_while_the_browser_is_open(tty, signing_in):
    signing_in.send(paste(signing_in.portal.key))
    signing_in.send("\r")
    assert tty.end(signing_in) == 0, seen(signing_in)
    assert tty.read_config()["accounts"][0]["personalAccessKey"] == signing_in.portal.key
    closed(signing_in.listens)


def test_an_empty_answer_waits_on_and_half_a_paste_gives_way(tty, signing_in):
    signing_in.send("\r")
    ready(signing_in, KEY_LABEL)
    signing_in.send("typed")  # no word that a random token could have in it
    ready(signing_in, r"\*{5}")
    finish(tty, signing_in)
    assert "typed" not in seen(signing_in)


def test_what_the_page_sends_is_checked_like_a_paste(tty, sim, signing_in):
    with Raw(signing_in.listens) as ws:
        ws.hello().text(key_message(signing_in, personalAccessKey="not a key at all, is it?"))
        assert ws.message() == {"type": "server:authReceived"}
    signing_in.expect("not a personal access key")
    signing_in.expect(KEY_LABEL)
    signing_in.send("\x04")
    assert tty.end(signing_in) == 2
    assert not sim.log and not tty.config_path.exists()


@pytest.fixture
def on_screen(tty, sim, browser):
    """on_screen(argv): as `signing_in`, but with the screen that a person sees."""
    screens = []

    def run(argv, begin=lambda screen: None):
        portal = sim.portal(101, "Acme")
        screens.append(Screen(argv, 80, 24, tty.env({**browser.env, "PS1": "SHELL> "})))
        (child,) = screens
        begin(child)
        child.portal, child.url = portal, browser.opened()
        child.until(r"^\? " + KEY_LABEL)
        child.asked = browsers.parameters(child.url)
        child.listens = int(child.asked["cliCallbackPort"])
        return child

    yield run
    for screen in screens:
        tty.check_output(screen.raw, "the terminal")
        screen.child.close(force=True)


def deliver(child):
    """The key, by way of the page."""
    with Raw(child.listens) as ws:
        ws.hello().text(key_message(child))
        assert ws.message() == {"type": "server:authReceived"}


def test_a_resize_while_the_browser_is_open(tty, on_screen):
    screen = on_screen([tty.bin, "account", "auth", "--use-default-name"])
    screen.child.send("abc")
    screen.until(r"^\? .*\*\*\*$")
    for columns, rows in ((40, 12), (20, 6), (100, 30)):
        screen.resize(columns, rows)
        screen.child.send("d")
        screen.until(r"\*\*\*")
    deliver(screen)
    assert screen.end() == 0, screen.rows()
    assert tty.read_config()["accounts"][0]["personalAccessKey"] == screen.portal.key


def test_ctrl_z_and_fg_while_the_browser_is_open(tty, on_screen):
    """A page that comes while hs is stopped is answered when it goes on."""

    def begin(shell):
        shell.until("^SHELL>")
        shell.child.send(f"{tty.bin} account auth --use-default-name\r")

    shell = on_screen(["/bin/bash", "--norc", "--noprofile", "-i"], begin)
    shell.send("\x1a", "Stopped", gone=[r"^\?"])
    with Raw(shell.listens) as ws:
        ws.knock()
        shell.send("clear; fg\r", r"^\? " + KEY_LABEL, gone=["Stopped"])
        assert ws.head().startswith("HTTP/1.1 101 ")
        assert ws.message()["type"] == GREETING
        ws.text(key_message(shell))
        assert ws.message() == {"type": "server:authReceived"}
    shell.until("^Signed in", "^SHELL>$")
    shell.send("echo it was $?\r", "^it was 0")
    assert tty.read_config()["accounts"][0]["personalAccessKey"] == shell.portal.key


def test_the_browser_inherits_nothing(tty, sim, tmp_path):
    """No terminal, a session of its own, and no open file but /dev/null."""
    facts = tmp_path / "facts"
    browser = browsers.Browser(  # noqa: F823 (a false positive)
        tmp_path / "browser",
        f"""
        cat /proc/$$/stat >"{facts}.stat"
        for fd in /proc/$$/fd/*; do readlink $fd; done >"{facts}.fd"
        echo ended >"{tmp_path}/browser/opened" """,
    )
    child = tty("account", "auth", env=browser.env)
    browser.opened()
    assert browser.opened() == "ended"
    ready(child, KEY_LABEL).sendintr()
    assert tty.end(child) == 130
    _, parent, group, session, terminal = (
        facts.with_suffix(".stat").read_text().rpartition(")")[2].split()[:5]
    )
    assert terminal == "0" and int(group) == int(session)
    assert child.pid not in (int(parent), int(group), int(session))
    ours = {"/dev/null", str(browser.program), f"{facts}.fd"}
    assert set(facts.with_suffix(".fd").read_text().split()) <= ours
    browser.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it(tty, signing_in, number):
    before = signing_in.listens
    signing_in.kill(number)
    assert tty.end(signing_in) == 128 + number
    assert not tty.config_path.exists()
    closed(before)


def test_ctrl_c_gives_the_terminal_back(tty, sim, browser):
    import pexpect

    shell = pexpect.spawn(
        "/bin/sh",
        env=tty.env({**browser.env, "TERM": "xterm", "PS1": "> "}),
        encoding="utf-8",
        timeout=60,
        cwd=str(tty.cwd),
    )
    tty.children.append(shell)
    from conftest import Transcript

    shell.logfile_read = Transcript()
    shell.expect("> ")
    old = modes(shell)
    shell.sendline(f"{tty.bin} account auth; echo it was $?")
    port = int(browsers.parameters(browser.opened())["cliCallbackPort"])
    ready(shell, KEY_LABEL)
    shell.sendintr()
    shell.expect("it was 130")
    shell.expect("> ")
    assert modes(shell) == old
    closed(port)


def test_nobody_answers_in_time(tty, sim, browser):
    child = tty("account", "auth", "--max-wait", "1", env=browser.env)
    port = int(browsers.parameters(browser.opened())["cliCallbackPort"])
    child.expect("within 1 seconds")
    assert tty.end(child) == 1
    assert "no response from the browser" in seen(child) and "--max-wait" in seen(child)
    assert not tty.config_path.exists()
    closed(port)


@pytest.mark.parametrize(
    "env",
    [
        {"BROWSER": "none"},
        {"DISPLAY": None},
        {"SSH_CONNECTION": "192.0.2.1 5 192.0.2.2 22"},
        {"SSH_TTY": "/dev/pts/9"},
        {"BROWSER": "/nowhere/at/all:", "PATH": "/nowhere"},
    ],
)
def test_where_no_browser_can_open_pasting_is_asked_at_once(tty, sim, browser, env):
    portal = sim.portal(101)
    child = tty("account", "auth", "--use-default-name", env={**browser.env, **env})
    child.expect("https://app.hubspot.com/l/personal-access-key\r")
    ready(child, KEY_LABEL)
    child.send(portal.key + "\r")
    assert tty.end(child) == 0
    assert browser.nothing()


def test_the_config_can_forbid_it(tty, hs, sim, browser):
    portal = sim.portal(101)
    hs.write_config(portal, autoOpenBrowser=False)
    child = tty("account", "auth", "-a", "101", env=browser.env)
    child.expect("https://app.hubspot.com/personal-access-key/101\r")
    ready(child, KEY_LABEL).send(portal.key + "\r")
    assert tty.end(child) == 0
    assert browser.nothing()


def test_a_known_account_has_its_own_page(tty, hs, sim, browser):
    hs.write_config(hs.account(sim.portal(101), env="qa"))
    child = tty("account", "auth", "-a", "101", env=browser.env)
    assert browser.opened().startswith("https://app.hubspotqa.com/personal-access-key/101?cli")
    ready(child, KEY_LABEL).sendintr()
    assert tty.end(child) == 130


@pytest.mark.parametrize("give", ["stdin", "env", "ci", "no-input"])
def test_no_browser_opens_without_a_prompt(tty, hs, sim, browser, give):
    key = hs.key(sim.portal(101))
    if give == "stdin":
        assert hs("account", "auth", "--pak-stdin", input=key, env=browser.env).code == 0
    elif give == "env":
        child = tty(
            "account",
            "auth",
            "--use-default-name",
            env={**browser.env, "HUBSPOT_PERSONAL_ACCESS_KEY": key},
        )
        assert tty.end(child) == 0
    else:
        child = tty(
            "account",
            "auth",
            *(["--no-input"] if give == "no-input" else []),
            env={**browser.env, **({"CI": "1"} if give == "ci" else {})},
        )
        assert tty.end(child) == 2
    assert browser.nothing()


def test_a_list_of_browsers_with_arguments(tty, sim, browser, tmp_path):
    """The first that is there counts; %s is the URL's place; no shell is asked."""
    wrapper = tmp_path / "say"
    wrapper.write_text(
        f'#!/bin/sh\nprintf "%s|" "$@" >"{browser.pipe}"\n'
        f'env >"{browser.pipe}.env"\n'
        f'readlink /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 >"{browser.pipe}.x"\n'
        f'echo >"{browser.pipe}"\n'
    )
    wrapper.chmod(0o700)
    child = tty(
        "account",
        "auth",
        env={
            **browser.env,
            "BROWSER": "/nowhere:say  -a --url=%s $(false) ;x",
            "PATH": f"{tmp_path}:/bin:/usr/bin",
            "HUBSPOT_CLIENT_SECRET": "a-secret-in-the-environment",
        },
    )
    words = browser.opened().split("|")
    ready(child, KEY_LABEL).sendintr()
    assert tty.end(child) == 130
    assert words[0] == "-a" and words[1].startswith("--url=https://app.hubspot.com/l/")
    assert words[2:] == ["$(false)", ";x", ""]
    variables = pathlib.Path(f"{browser.pipe}.env").read_text()
    assert "DISPLAY=:99" in variables and "HUBSPOT_" not in variables


@pytest.mark.parametrize(
    "there, opens",
    [
        (("xdg-open", "open", "wslview"), "xdg-open"),
        (("wslview", "open"), "open"),
        (("wslview",), "wslview"),
    ],
)
def test_the_desktops_own_way_to_open(tty, sim, browser, tmp_path, there, opens):
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in there:
        (programs / name).write_text(
            f'#!/bin/sh\nprintf "%s %s\\n" {name} "$1" >"{browser.pipe}"\n'
        )
        (programs / name).chmod(0o700)
    child = tty("account", "auth", env={**browser.env, "BROWSER": None, "PATH": programs})
    assert browser.opened().startswith(f"{opens} https://app.hubspot.com/l/personal-access-key?")
    ready(child, KEY_LABEL).sendintr()
    assert tty.end(child) == 130


def test_the_address_is_a_hyperlink_if_the_terminal_supports_them(tty, sim):
    page = "https://app.hubspot.com/l/personal-access-key"
    for args, env, links in (
        ((), {"VTE_VERSION": "7006"}, True),
        ((), {}, False),
        (("--noHyperlinks",), {"VTE_VERSION": "7006"}, False),
    ):
        child = tty("account", "auth", *args, env=env)
        ready(child, KEY_LABEL).sendintr()
        assert tty.end(child) == 130
        assert (f"\x1b]8;;{page}\x1b\\{page}\x1b]8;;\x1b\\" in seen(child)) == links
        assert page in seen(child)


def test_a_dumb_terminal(tty, sim, browser):
    portal = sim.portal(101)
    child = tty("account", "auth", "--use-default-name", env={**browser.env, "TERM": "dumb"})
    child.portal = portal
    child.asked = browsers.parameters(browser.opened())
    child.listens = int(child.asked["cliCallbackPort"])
    ready(child, KEY_LABEL)
    finish(tty, child)


# ---- the server


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.hubspot.com",
        "https://local.hubspot.com",
        "https://app-eu1.hubspot.com",
        "https://app-na2.hubspot.com",
        "https://app-na3.hubspotqa.com",
        "https://app-ap1.hubspotqa.com",
        "https://local.hubspotqa.com",
    ],
)
def test_pages_of_hubspot_may_connect(tty, signing_in, origin):
    with Raw(signing_in.listens) as ws:
        assert "101" in ws.open(origin)
        greeting = ws.message()
        assert greeting["type"] == GREETING
        assert greeting["data"]["accountAuthWebsocketServerVersion"] == 1
        assert greeting["data"]["cliVersion"]
    signing_in.sendintr()
    assert tty.end(signing_in) == 130


def test_other_pages_are_closed_out(tty, signing_in):
    for origin in (
        "https://evil.test",
        "http://app.hubspot.com",
        "https://app.hubspot.com.evil.test",
        "https://app.hubspot.com:8443",
        "https://evil.hubspot.com",
        "https://appxhubspot.com",
        "https://app.hubspot.com/",
        "null",
        "",
        "https://",
        "https://.hubspot.com",
    ):
        with Raw(signing_in.listens) as ws:
            assert "101" in ws.open(origin)
            assert ws.closed() == 1008, origin  # and no greeting before it
    finish(tty, signing_in)


def test_a_wrong_token_is_refused(tty, signing_in):
    token = signing_in.asked["cliCallbackToken"]
    for wrong in ("", "x", token[:-1], token + "x", token.upper(), token[:-1] + "x", None, 7):
        if wrong == token:
            continue
        with Raw(signing_in.listens) as ws:
            ws.hello().text(key_message(signing_in, cliCallbackToken=wrong))
            assert ws.message() == MISMATCH
            assert ws.closed() == 1008
    finish(tty, signing_in)


def test_a_second_delivery_is_refused(tty, sim, signing_in):
    """Two pages have the token; the first to send counts."""
    other = sim.portal(202, "Other")
    with Raw(signing_in.listens) as one, Raw(signing_in.listens) as two:
        one.hello()
        two.hello()
        one.text(key_message(signing_in))
        assert one.message() == {"type": "server:authReceived"}
        try:
            two.text(key_message(signing_in, personalAccessKey=other.key))
        except OSError:
            pass
        assert b"authReceived" not in two.rest()
    assert tty.end(signing_in) == 0
    assert [a["accountId"] for a in tty.read_config()["accounts"]] == [101]


def test_two_deliveries_in_one_piece(tty, sim, signing_in):
    other = sim.portal(202, "Other")
    with Raw(signing_in.listens) as ws:
        ws.hello()
        pieces = []
        ws.send = pieces.append
        ws.text(key_message(signing_in))
        ws.text(key_message(signing_in, personalAccessKey=other.key))
        ws.sock.sendall(b"".join(pieces))
        assert ws.message() == {"type": "server:authReceived"}
        assert ws.closed() == 1000
    assert tty.end(signing_in) == 0
    assert [a["accountId"] for a in tty.read_config()["accounts"]] == [101]


def test_what_is_no_delivery_is_passed_over(tty, signing_in):
    with Raw(signing_in.listens) as ws:
        ws.hello()
        for text in (
            "",
            "{}",
            "[]",
            "null",
            "hello",
            '{"type":"client:other"}',
            "{" * 9000,
            '"' * 100,
            '{"type":"client:personalAccessKey2"}',
            "\x00",
            '{"type":{}}',
        ):
            ws.text(text)
        for key in ("", None, 7, {}):
            ws.text(key_message(signing_in, personalAccessKey=key))
        ws.frame(9, b"still there?")
        assert ws.received() == (10, b"still there?")
    finish(tty, signing_in)


def bad_frames():
    big = 1 << 30
    yield "1 GiB", dict(opcode=1, size=big), 1009
    yield "one byte more than a message", dict(opcode=1, payload=b"x" * (16 * 1024 + 1)), 1009
    yield "2^63", dict(opcode=1, size=(1 << 63) + 5), 1002
    yield "not masked", dict(opcode=1, payload=b"{}", masked=False), 1002
    yield "not UTF-8", dict(opcode=1, payload=b"\xff\xfe"), 1007
    yield "a surrogate", dict(opcode=1, payload=b"\xed\xa0\x80"), 1007
    yield "half a character", dict(opcode=1, payload="ä".encode()[:1]), 1007
    yield "binary", dict(opcode=2, payload=b"x"), 1003
    yield "RSV1: an extension", dict(opcode=1, payload=b"x", rsv=4), 1002
    yield "unknown opcode", dict(opcode=3), 1002
    yield "unknown control opcode", dict(opcode=11), 1002
    yield "continues nothing", dict(opcode=0, payload=b"x"), 1002
    yield "a ping in fragments", dict(opcode=9, fin=False), 1002
    yield "a ping of 126 bytes", dict(opcode=9, payload=b"x" * 126), 1002
    yield "close with half a code", dict(opcode=8, payload=b"\x03"), 1002
    yield "close with a code that is never sent", dict(opcode=8, payload=b"\x03\xed"), 1002
    yield "close with 999", dict(opcode=8, payload=b"\x03\xe7"), 1002
    yield "close with a reason that is not UTF-8", dict(opcode=8, payload=b"\x03\xe8\xff"), 1007
    yield "close", dict(opcode=8), 1000
    yield "close, going away", dict(opcode=8, payload=b"\x03\xe9bye"), 1001
    yield "close of its own kind", dict(opcode=8, payload=b"\x0f\xa0"), 4000


def test_frames_that_break_the_rules_end_their_connection_alone(tty, signing_in):
    with Raw(signing_in.listens) as bystander:
        bystander.hello()
        for name, frame, code in bad_frames():
            with Raw(signing_in.listens) as ws:
                ws.hello().frame(**frame)
                assert ws.closed() == code, name
        bystander.frame(9, b"x")
        assert bystander.received() == (10, b"x")
    finish(tty, signing_in)


@pytest.mark.parametrize("head", [b"\x81\xfe\x00\x05", b"\x81\xff" + bytes(7) + b"\x05"])
def test_a_length_in_more_bytes_than_it_needs(tty, signing_in, head):
    with Raw(signing_in.listens) as ws:
        ws.hello().send(head + b"mask" + b"12345")
        assert ws.closed() == 1002
    finish(tty, signing_in)


def test_fragments_with_a_ping_between(tty, signing_in):
    text = key_message(signing_in).encode()
    with Raw(signing_in.listens) as ws:
        ws.hello().frame(1, text[:10], fin=False)
        ws.frame(9, b"ping")
        assert ws.received() == (10, b"ping")
        ws.frame(0, b"", fin=False)
        ws.frame(10, b"a pong that nobody asked for")
        ws.frame(0, text[10:])
        assert ws.message() == {"type": "server:authReceived"}
        assert ws.closed() == 1000
    assert tty.end(signing_in) == 0


def test_fragments_that_add_up_to_too_much(tty, signing_in):
    with Raw(signing_in.listens) as ws:
        ws.hello().frame(1, b"x" * 16000, fin=False)
        ws.frame(0, b"x" * 1000)
        assert ws.closed() == 1009
    with Raw(signing_in.listens) as ws:
        ws.hello().frame(1, b"x", fin=False)
        ws.frame(1, b"x")
        assert ws.closed() == 1002
    finish(tty, signing_in)


def test_a_byte_at_a_time(tty, signing_in):
    with Raw(signing_in.listens) as ws:
        whole, pieces = ws.send, []
        ws.send = pieces.append
        ws.request(
            "Upgrade: WebSocket",
            "Connection: upgrade",
            f"Origin: {ORIGIN}",
            "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==",
            "Sec-WebSocket-Version: 13",
        )
        ws.text(key_message(signing_in))
        for byte in b"".join(pieces):
            whole(bytes([byte]))
        assert b"authReceived" in ws.rest()
    assert tty.end(signing_in) == 0


def test_a_flood_of_pings_whose_replies_are_not_read(tty, signing_in):
    with Raw(signing_in.listens) as ws:
        ws.hello().sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            while True:
                ws.frame(9, b"x" * 125)
        finish(tty, signing_in)


def test_the_answer_to_the_key_of_the_rfc(tty, signing_in):
    with Raw(signing_in.listens) as ws:
        head = ws.open()
        assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head
        assert "Extensions" not in head and "Protocol:" not in head
    finish(tty, signing_in)


def bad_requests():
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    upgrade = ("Upgrade: websocket", f"Origin: {ORIGIN}")
    yield "a page", (), {}, 404
    yield "another method", (), {"line": "POST / HTTP/1.1"}, 405
    yield "another version of WebSocket", (
        *upgrade,
        "Connection: Upgrade",
        key,
        "Sec-WebSocket-Version: 8",
    ), {}, 426
    yield "no key", (*upgrade, "Connection: Upgrade", "Sec-WebSocket-Version: 13"), {}, 400
    yield "a short key", (
        *upgrade,
        "Connection: Upgrade",
        "Sec-WebSocket-Key: AAAA",
        "Sec-WebSocket-Version: 13",
    ), {}, 400
    yield "no connection field", (*upgrade, key, "Sec-WebSocket-Version: 13"), {}, 400
    yield "a long head", ("X: " + "y" * 9000,), {}, 431
    yield "another protocol", (), {"line": "GET / HTTP/2.0"}, 400
    yield "a proxy's request", (), {"line": "GET http://evil.test/ HTTP/1.1"}, 400
    yield "a folded field", ("X: y", " z"), {}, 400
    yield "a field without a colon", ("what is this",), {}, 400
    yield "a space before the colon", ("Origin : x",), {}, 400
    yield "a NUL", ("X: \0",), {}, 400
    yield "a bare CR", ("X: a\rb",), {}, 400
    yield "nothing", (), {"line": ""}, 400


def test_requests_that_are_not_for_it(tty, signing_in):
    for name, fields, how, status in bad_requests():
        with Raw(signing_in.listens) as ws:
            ws.request(*fields, **how)
            answer = ws.rest().decode()
            assert answer.startswith(f"HTTP/1.1 {status} "), name
            assert "\r\nCache-Control: no-store\r\n" in answer
            assert "\r\nContent-Type: text/html; charset=utf-8\r\n" in answer
    for garbage in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600) + b"\r\n\r\n",
        b"\r\n\r\n",
        b"SSH-2.0-x\r\n\r\n",
        bytes(9000),
    ):
        with Raw(signing_in.listens) as ws:
            ws.send(garbage)
            assert b" 400 " in (answer := ws.rest()) or b" 431 " in answer
    finish(tty, signing_in)


def test_silent_connections_are_replaced(tty, signing_in):
    """Twenty of them; the page still gets in, and the oldest are let go."""
    silent = [Raw(signing_in.listens) for _ in range(20)]
    silent[-1].send(b"GET / HT")
    with Raw(signing_in.listens) as ws:
        ws.hello()
        assert silent[0].rest() == b""
        finish(tty, signing_in)
    for one in silent:
        one.sock.close()


def test_sockets_that_stay_open_are_replaced(tty, signing_in):
    """Any program can claim an origin, and keep its socket without a word."""
    with Raw(signing_in.listens) as first:
        first.hello()
        more = [Raw(signing_in.listens).hello() for _ in range(20)]
        assert first.rest() == b""
        finish(tty, signing_in)
    for one in more:
        one.sock.close()


def test_connections_that_are_broken_off(tty, signing_in):
    for data in (b"", b"GET / HTTP/1.1\r\n", None):
        ws = Raw(signing_in.listens)
        if data is None:
            ws.hello()
        else:
            ws.send(data)
        ws.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        ws.sock.close()
    finish(tty, signing_in)


# ---- an off-the-shelf client


def test_websockets_agrees_with_the_framing(tty, signing_in):
    websockets = pytest.importorskip("websockets", reason="python3-websockets is not installed")

    async def talk():
        url = f"ws://127.0.0.1:{signing_in.listens}/"
        with pytest.raises(websockets.ConnectionClosed) as refused:
            async with websockets.connect(url, origin="https://evil.test") as ws:
                await ws.recv()
        assert refused.value.rcvd.code == 1008
        async with websockets.connect(url, origin=ORIGIN) as ws:
            assert json.loads(await ws.recv())["type"] == GREETING
            await (await ws.ping(b"x" * 125))
            await ws.send(["{", '"type":', '"x"}'])
            await ws.close(4001, "bye")
            assert ws.close_code == 4001
        async with websockets.connect(url, origin=ORIGIN) as ws:
            await ws.recv()
            await ws.send(key_message(signing_in, cliCallbackToken="x"))
            assert json.loads(await ws.recv()) == MISMATCH
            await ws.wait_closed()
            assert ws.close_code == 1008
        async with websockets.connect(url, origin=ORIGIN) as ws:
            await ws.recv()
            with pytest.raises(websockets.ConnectionClosed) as refused:
                await ws.send("x" * 20000)
                await ws.recv()
            assert refused.value.rcvd.code == 1009
        async with websockets.connect(url, origin=ORIGIN) as ws:
            await ws.recv()
            text = key_message(signing_in)
            await ws.send([text[:7], text[7:50], text[50:]])
            assert json.loads(await ws.recv()) == {"type": "server:authReceived"}
            await ws.wait_closed()
            assert ws.close_code == 1000

    asyncio.run(asyncio.wait_for(talk(), 60))
    assert tty.end(signing_in) == 0


# ---- Chromium


@pytest.fixture
def chromium(sim, tmp_path, request):
    made = browsers.Chromium(sim, tmp_path / "chromium", **getattr(request, "param", {}))
    yield made
    made.close()


def heard(sim):
    """What the page was told, once its socket has closed."""
    return sim.wait("POST /test/heard", timeout=60)[-1].json


def test_the_certificate_that_the_browser_trusts_stays(sim):
    sim.authority.context("normal")
    pem = sim.authority.folder / "normal.pem"
    before = pem.read_bytes()
    sim.authority.make_context("tls12-only")
    assert pem.read_bytes() == before


def test_chromium_sends_the_key(tty, sim, chromium):
    portal = sim.portal(101, "Acme")
    sim.website = {"times": 2}
    child = tty("account", "auth", "--use-default-name", env=chromium.env, timeout=60)
    chromium.opened()
    assert tty.end(child) == 0, seen(child)
    assert tty.read_config()["accounts"][0]["personalAccessKey"] == portal.key
    page = heard(sim)
    assert page["origin"] == ORIGIN
    assert [m["type"] for m in page["heard"]] == [GREETING, "server:authReceived"]
    assert (page["code"], page["clean"]) == (1000, True)


def test_chromium_gets_an_error_for_a_wrong_token(tty, sim, chromium):
    sim.portal(101)
    sim.website = {"token": "00000000-0000-4000-8000-000000000000"}
    child = tty("account", "auth", env=chromium.env, timeout=60)
    page = heard(sim)
    assert page["heard"][1:] == [MISMATCH] and page["code"] == 1008
    ready(child, KEY_LABEL).sendintr()
    assert tty.end(child) == 130


@pytest.mark.parametrize("chromium", [{"host": "evil.test"}], indirect=True, ids=["evil.test"])
def test_chromium_on_a_foreign_page_gets_nothing(tty, sim, chromium):
    sim.portal(101)
    child = tty("account", "auth", env=chromium.env, timeout=60)
    page = heard(sim)
    assert page["origin"] == "https://evil.test"
    assert page["heard"] == [] and page["code"] == 1008
    ready(child, KEY_LABEL).sendintr()
    assert tty.end(child) == 130
