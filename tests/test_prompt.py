"""Prompts, on a pseudo-terminal."""
import os
import re
import signal
import termios
import time

import pexpect
import pytest

import conftest

PASTE_ON, PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"
KEY_LABEL = "Personal access key:"
NAME_LABEL = "Name of the account:"
DEFAULT_LABEL = "default account\\? \\[y/N\\]"


def paste(text):
    return f"\x1b[200~{text}\x1b[201~"


def modes(child):
    """The terminal's mode, as stty shows it."""
    return termios.tcgetattr(child.child_fd)


def seen(child):
    return child.logfile_read.text


def ready(child, label):
    """Wait for a prompt to be drawn. Its mode stands before its first frame."""
    child.expect(label)
    return child


@pytest.fixture
def two(hs, tty, sim):
    hs.sign_in(sim.portal(101, "Acme"), sim.portal(202, "Box"))
    sim.log.clear()
    return tty


# ---- the masked prompt


@pytest.mark.parametrize("how", ["typed", "pasted", "pasted with its line break"])
def test_the_key_is_asked_for(tty, sim, how):
    portal = sim.portal(101, "Acme Prod")
    child = tty("account", "auth", "--use-default-name")
    child.expect("personal-access-key")
    ready(child, KEY_LABEL)
    if how == "typed":
        child.send(portal.key + "\r")
    elif how == "pasted":
        child.send(paste(portal.key))
        child.send("\r")
    else:
        child.send(paste(portal.key + "\n"))
        child.send("\r")
    assert tty.end(child) == 0, seen(child)
    assert tty.read_config()["accounts"][0]["personalAccessKey"] == portal.key
    assert "*" in seen(child) and seen(child).count(PASTE_ON) == seen(child).count(PASTE_OFF) == 1
    assert seen(child).index(PASTE_ON) < seen(child).index(PASTE_OFF)


def test_a_paste_with_a_line_break_does_not_answer(tty, sim):
    portal = sim.portal(101)
    child = tty("account", "auth", "--use-default-name")
    ready(child, KEY_LABEL)
    half = len(portal.key) // 2
    child.send(paste(portal.key[:half] + "\r\n" + portal.key[half:] + "\r"))
    ready(child, r"\*{20}")
    assert not sim.log
    child.send("\r")
    assert tty.end(child) == 0
    assert tty.read_config()["accounts"][0]["personalAccessKey"] == portal.key


def test_a_long_key_fits_a_narrow_terminal(tty, sim):
    portal = sim.portal(101)
    child = tty("account", "auth", "--use-default-name", columns=30)
    ready(child, "Personal")
    child.send(paste(portal.key) + "\r")
    assert tty.end(child) == 0, seen(child)
    for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", seen(child))):
        if "*" in line:
            assert len(line) <= 30


def test_the_key_can_be_edited(tty, sim):
    portal = sim.portal(101)
    child = tty("account", "auth", "--use-default-name")
    ready(child, KEY_LABEL)
    child.send("wrong words\x17\x15" + portal.key[1:] + "x\x7f\x01" + portal.key[0] + "\x05")
    child.send("\x1b[D\x1b[D\x1b[C\x1b[H\x1b[F\x1bOH\x1bOF\r")
    assert tty.end(child) == 0, seen(child)
    assert tty.read_config()["accounts"][0]["personalAccessKey"] == portal.key


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "   ",
        "•" * 30,
        "short",
        "pat-na1-" + "1234-" * 8,
        "CiRuYTEt CiRuYTEt CiRuYTEt",
        "CiRu\x7f" * 2,
    ],
)
def test_an_invalid_key_is_refused(tty, sim, answer):
    child = tty("account", "auth")
    ready(child, KEY_LABEL)
    child.send(answer + "\r")
    child.expect("hs:")
    ready(child, KEY_LABEL)  # it asks again
    child.send("\x04")
    assert tty.end(child) == 2
    assert not sim.log and not tty.config_path.parent.exists()


def test_a_key_longer_than_the_line_does_no_harm(tty, sim):
    child = tty("account", "auth")
    ready(child, KEY_LABEL)
    for _ in range(12):
        child.send("x" * 512)
    child.send("\r")
    child.expect("hs:")
    ready(child, KEY_LABEL)
    child.send("\x04")
    assert tty.end(child) == 2
    assert not sim.log


# ---- the name, and the default


def test_the_name_is_asked_for(tty, sim):
    portal = sim.portal(101, "Acme Prod")
    child = tty("account", "auth", env={"HUBSPOT_PERSONAL_ACCESS_KEY": portal.key})
    ready(child, r"Name of the account: \(acme-prod\)")
    child.send("\r")
    assert tty.end(child) == 0
    assert [a["name"] for a in tty.read_config()["accounts"]] == ["acme-prod"]


def test_a_name_edited_at_the_prompt(tty, sim):
    portal = sim.portal(101)
    child = tty("account", "auth", env={"HUBSPOT_PERSONAL_ACCESS_KEY": portal.key})
    ready(child, NAME_LABEL)
    child.send("  Zürich\x1b[D\x1b[D\x1b[3~\x7f日本\r")
    assert tty.end(child) == 0, seen(child)
    assert [a["name"] for a in tty.read_config()["accounts"]] == ["Zür日本h"]


def test_a_bad_name_is_asked_for_again(two, sim):
    portal = sim.portal(303)
    child = two("account", "auth", "--no-default", env={"HUBSPOT_PERSONAL_ACCESS_KEY": portal.key})
    for answer, word in (
        ("two words", "white space"),
        ("ACME", "already used"),
        ("202", "already used"),
    ):
        ready(child, NAME_LABEL)
        child.send(answer + "\r")
        child.expect(word)
    ready(child, NAME_LABEL)
    child.send("three\r")
    assert two.end(child) == 0, seen(child)
    assert two.read_config()["accounts"][2]["name"] == "three"


@pytest.mark.parametrize(
    "answer, default", [("", 101), ("n", 101), ("No", 101), ("y", 303), ("YES", 303)]
)
def test_the_default_is_asked_for(two, sim, answer, default):
    portal = sim.portal(303)
    child = two(
        "account", "auth", "--use-default-name", env={"HUBSPOT_PERSONAL_ACCESS_KEY": portal.key}
    )
    ready(child, DEFAULT_LABEL)
    child.send("what\r")
    ready(child, DEFAULT_LABEL)
    child.send(answer + "\r")
    assert two.end(child) == 0, seen(child)
    assert two.read_config()["defaultAccount"] == default


def test_an_account_that_is_known_asks_nothing(two, sim):
    child = two("account", "auth", env={"HUBSPOT_PERSONAL_ACCESS_KEY": sim.portals[101].key})
    assert two.end(child) == 0
    assert PASTE_ON not in seen(child) and "Name" not in seen(child)


def test_options_answer_prompts(tty, sim):
    portal = sim.portal(101)
    child = tty(
        "account",
        "auth",
        "--name",
        "x",
        "--default",
        env={"HUBSPOT_PERSONAL_ACCESS_KEY": portal.key},
    )
    assert tty.end(child) == 0
    assert PASTE_ON not in seen(child)


def test_a_hostile_name_is_shown_without_its_escapes(tty, sim):
    portal = sim.portal(101, "Ev\x1b]0;owned\x07il\u009b31m")
    child = tty("account", "auth", env={"HUBSPOT_PERSONAL_ACCESS_KEY": portal.key})
    ready(child, NAME_LABEL)
    child.send("\r")
    assert tty.end(child) == 0
    for bad in ("\x1b]", "\x07", "\u009b"):
        assert bad not in seen(child)


# ---- the list


@pytest.mark.parametrize(
    "keys, default",
    [  # the last entry signs in to another account
        ("\r", 101),
        ("\x1b[B\r", 202),
        ("\x1b[B\x1b[B\x1b[A\r", 202),
        ("\x1b[A\x1b[A\r", 303),
        ("j\x7f\x1b[A\x1b[A\r", 303),
        ("\x1b[B\x1b[B\x1b[B\x1b[B\r", 101),
        ("\x1b[F\x1b[A\r", 303),
        ("\x1bOB\r", 202),
        ("\x0e\x0e\x10\r", 202),
        ("box\r", 202),
        ("BOX\r", 202),
        ("zzz\r\x15box\r", 202),
        ("bo\x7f\x7fthird\r", 303),
        ("303\r", 303),
        ("\x1b[5~\x1b[6~\x1b[A\r", 303),
        ("\x1b[99;99X\x1bx\x1b[B\r", 202),
    ],
)
def test_an_account_is_chosen(two, hs, sim, keys, default):
    hs.sign_in(sim.portal(303, "Third"))
    child = two("account", "use")
    ready(child, "> acme")
    child.send(keys)
    assert two.end(child) == 0, seen(child)
    assert two.read_config()["defaultAccount"] == default


def test_a_list_longer_than_the_screen(tty, sim):
    tty.write_config(*(sim.portal(1001 + n, f"acct {n:02} " + "long " * 40) for n in range(40)))
    child = tty("account", "use", rows=12, columns=40)
    ready(child, "> acct-00")
    child.send("\x1b[B" * 25 + "\r")
    assert tty.end(child) == 0
    assert tty.read_config()["defaultAccount"] == 1026
    for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", seen(child))):
        if line.startswith((">", "  acct")):
            assert len(line) < 40


def test_a_linked_folder_asks_before_linking(two, sim):
    path = two.cwd / ".hs" / "settings.json"
    path.parent.mkdir()
    for answer, linked in (("\r", True), ("n\r", False)):
        path.write_text('{"localDefaultAccount": 101, "accounts": [101]}')
        child = two("account", "use", "box")
        ready(child, r"Link it here and use it\? \[Y/n\]")
        child.send(answer)
        assert two.end(child) == 0
        assert ("202" in path.read_text()) == linked
        assert two.read_config()["defaultAccount"] == (101 if linked else 202)


# ---- the ways out

PROMPTS = {
    "masked": (["account", "auth"], {}, KEY_LABEL),
    "name": (["account", "auth"], {"HUBSPOT_PERSONAL_ACCESS_KEY": 303}, NAME_LABEL),
    "confirm": (
        ["account", "auth", "--use-default-name"],
        {"HUBSPOT_PERSONAL_ACCESS_KEY": 303},
        DEFAULT_LABEL,
    ),
    "select": (["account", "use"], {}, "> acme"),
}


def at_prompt(two, sim, which, **env):
    args, more, label = PROMPTS[which]
    portal = sim.portal(303, "Third")
    child = two(*args, env={**{k: portal.key for k in more}, **env})
    return child, label


@pytest.mark.parametrize("which", PROMPTS)
@pytest.mark.parametrize("keys, code", [("\x03", 130), ("\x04", 2), ("some\x03", 130)])
def test_the_ways_out_of_a_prompt(two, sim, which, keys, code):
    before = two.config_path.read_bytes()
    child, label = at_prompt(two, sim, which)
    ready(child, label)
    child.send(keys)
    child.expect(pexpect.EOF)
    assert seen(child).count(PASTE_ON) == seen(child).count(PASTE_OFF)
    child.close()
    assert child.exitstatus == code, seen(child)
    assert ("interrupted" in seen(child)) == (code == 130)
    assert two.config_path.read_bytes() == before


@pytest.mark.parametrize("which", PROMPTS)
@pytest.mark.parametrize("how", ["answer", "interrupt", "end", "terminate"])
def test_the_terminal_is_as_it_was(two, sim, which, how):
    """A shell that stays on the terminal shows its mode before and after."""
    args, more, label = PROMPTS[which]
    portal = sim.portal(303, "Third")
    env = two.env({"TERM": "xterm", **{k: portal.key for k in more}})
    child = pexpect.spawn(
        "/bin/sh",
        [
            "-c",
            'trap : INT; stty -a; echo @one; "$@"; echo code=$?; ' "stty -a; echo @two",
            "sh",
            two.bin,
            *args,
        ],
        env=env,
        cwd=str(two.cwd),
        timeout=60,
        encoding="utf-8",
    )
    two.children.append(child)
    child.delaybeforesend = None
    child.logfile_read = conftest.Transcript()
    child.expect("@one")
    first = child.before
    child.expect(label)
    inside = modes(child)[3]
    assert not inside & termios.ECHO and not inside & termios.ICANON
    assert inside & termios.ISIG
    if how == "terminate":
        pid = re.findall(r"\d+", open(f"/proc/{child.pid}/task/{child.pid}/children").read())[0]
        os.kill(int(pid), signal.SIGTERM)
    else:
        child.send({"answer": portal.key + "\r", "interrupt": "\x03", "end": "\x04"}[how])
        if how == "answer" and which == "masked":
            child.expect(NAME_LABEL)
            child.send("\x03")
        if how == "answer" and which in ("name", "confirm", "select"):
            child.send("\x15\x03")
    child.expect(r"code=(\d+)")
    code = int(child.match[1])
    assert code == {"interrupt": 130, "end": 2, "terminate": 143}.get(how, code)
    child.expect("@two")
    assert child.before.strip() == first.strip()
    child.expect(pexpect.EOF)


def test_ctrl_c_while_a_request_hangs(two, sim):
    sim.fail("GET /test/echo", times=None, then="hang")
    child = two("api", "/test/echo")
    sim.wait("GET /test/echo")
    child.sendintr()
    assert two.end(child) == 130
    assert "interrupted" in seen(child)


# ---- no prompt


@pytest.mark.parametrize(
    "args, env", [(["--no-input"], {}), ([], {"CI": "true"}), ([], {"CI": "1"})]
)
def test_prompts_can_be_turned_off(two, sim, args, env):
    for command, word in (
        (["account", "auth"], "--pak-stdin"),
        (["account", "use"], "hs account use"),
    ):
        child = two(*command, *args, env=env)
        assert two.end(child) == 2
        assert word in seen(child) and PASTE_ON not in seen(child)
    portal = sim.portal(303, "Third")
    child = two("account", "auth", *args, env={"HUBSPOT_PERSONAL_ACCESS_KEY": portal.key, **env})
    assert two.end(child) == 0
    assert "--name" in seen(child) and "--default" in seen(child)
    assert two.read_config()["accounts"][2]["name"] == "third"


@pytest.mark.parametrize(
    "args, env, why",
    [
        (["--no-input"], {}, "prompts are off because --no-input is set"),
        ([], {"CI": "true"}, "prompts are off because CI is set"),
    ],
)
def test_the_message_explains_why_prompts_are_off(two, args, env, why):
    child = two("account", "use", *args, env=env)
    assert two.end(child) == 2
    assert why in seen(child) and "without a terminal" not in seen(child)


@pytest.mark.parametrize("value", ["", "false", "False", "0"])
def test_ci_that_is_off(two, value):
    child = two("account", "use", env={"CI": value})
    child.expect("Default account:")
    child.send("\r")
    assert two.end(child) == 0


def test_stdin_is_not_a_terminal(hs, sim):
    for data in (b"", b"y\n", None):
        result = hs("account", "auth", input=data if data is not None else open(os.devnull))
        assert result.code == 2 and "--pak-stdin" in result.err


@pytest.mark.parametrize(
    "option", [["--pak-stdin"], ["--auth-type", "oauth2", "-a", "101", "--client-secret-stdin"]]
)
def test_stdin_that_would_show_a_key_is_refused(tty, sim, option):
    child = tty("account", "auth", *option)
    child.expect("stdin is a terminal.*Omit " + option[-1])
    assert tty.end(child) == 2 and sim.log == []


# ---- TERM=dumb


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_dumb_terminal_gets_no_escapes(two, hs, sim, term):
    portal = sim.portal(303, "Third")
    child = two("account", "auth", env={"TERM": term})
    ready(child, KEY_LABEL)
    child.send(portal.key + "\n")
    ready(child, NAME_LABEL)
    child.send("Zürich\n")
    ready(child, DEFAULT_LABEL)
    child.send("y\n")
    assert two.end(child) == 0, seen(child)
    assert "\x1b" not in seen(child)
    config = two.read_config()
    assert config["accounts"][2]["name"] == "Zürich" and config["defaultAccount"] == 303
    assert config["accounts"][2]["personalAccessKey"] == portal.key


def test_a_dumb_terminal_chooses_by_number(two, sim):
    child = two("account", "use", env={"TERM": "dumb"})
    child.expect("2  box")
    ready(child, "Default account:")
    for answer in ("0", "4", "x", ""):  # 3 signs in to another account
        child.send(answer + "\n")
        child.expect("from 1 to 3")
    child.send("2\n")
    assert two.end(child) == 0
    assert two.read_config()["defaultAccount"] == 202 and "\x1b" not in seen(child)


@pytest.mark.parametrize(
    "which, label",
    [
        ("masked", KEY_LABEL),
        ("name", NAME_LABEL),
        ("confirm", DEFAULT_LABEL),
        ("select", "Default account:"),
    ],
)
@pytest.mark.parametrize("keys, code", [("\x03", 130), ("\x04", 2)])
def test_the_ways_out_on_a_dumb_terminal(two, sim, which, label, keys, code):
    child, _ = at_prompt(two, sim, which, TERM="dumb")
    ready(child, label)
    child.send(keys)
    assert two.end(child) == code, seen(child)


# ---- what is shown


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"CLICOLOR": "0"}, {"TERM": "dumb"}])
def test_colour_can_be_turned_off(two, env):
    child = two("account", "use", "nobody", env=env)
    assert two.end(child) == 3
    assert "\x1b" not in seen(child)
    child = two("account", "list", "--no-color")
    assert two.end(child) == 0 and "\x1b" not in seen(child)


def test_what_is_typed_ahead_is_the_next_prompts(hs, tty, sim):
    hs.write_config(sim.portal(101), sim.portal(202))
    child = tty("config", "set")
    ready(child, "Setting:")
    child.send("\x1b[B\r20000\r")
    assert tty.end(child) == 0
    assert hs.read_config()["httpTimeout"] == 20000


def test_what_follows_a_pasted_key_is_refused_with_it(tty, sim):
    """It is the rest of the paste, on a terminal that does not mark pastes."""
    portal = sim.portal(101, "Acme")
    child = tty("account", "auth")
    ready(child, KEY_LABEL)
    child.send(portal.key + "\rmore-of-it\r")
    child.expect("one line")
    assert tty.end(child) == 2
    assert not tty.config_path.exists() and not sim.log


# ---- an answer that is no good is asked for again


@pytest.mark.parametrize("columns", [80, 40])
def test_the_prompt_repeats_until_a_key_is_valid(tty, sim, columns):
    """Empty, mistyped, and refused by HubSpot; the page is opened, and its address shown, once."""
    portal, dead = sim.portal(101, "Acme Prod"), sim.portal(202)
    dead.state = "inactive"
    child = tty("account", "auth", "--use-default-name", columns=columns)
    for bad, why in (
        ("", "key is empty"),
        ("abc", "too short"),
        ("not a key at all " * 8, "not a personal"),
        (dead.key, "Create a new one"),
    ):
        ready(child, KEY_LABEL)
        child.send(paste(bad))
        child.send("\r")
        child.expect(why)
    ready(child, KEY_LABEL)
    child.send(paste(portal.key))
    child.send("\r")
    assert tty.end(child) == 0, seen(child)
    assert seen(child).count("Create or copy a key at") == 1 and dead.key not in seen(child)
    assert [a["accountId"] for a in tty.read_config()["accounts"]] == [101]


def test_a_key_that_was_not_typed_is_not_asked_for_again(tty, sim):
    dead = sim.portal(202)
    dead.state = "inactive"
    child = tty("account", "auth", env={"HUBSPOT_PERSONAL_ACCESS_KEY": dead.key})
    assert tty.end(child) == 4 and KEY_LABEL not in seen(child)


def test_trouble_that_no_other_key_ends_is_not_asked_about(tty, sim):
    portal = sim.portal(101)
    sim.fail("POST /localdevauth/v1/auth/refresh", status=500, times=None)
    child = tty("account", "auth", "--max-wait", "0")
    ready(child, KEY_LABEL)
    child.send(portal.key + "\r")
    assert tty.end(child) == 1 and seen(child).count(KEY_LABEL) <= 2


def test_the_end_of_input_ends_the_asking(tty, sim):
    child = tty("account", "auth")
    ready(child, KEY_LABEL)
    child.send("\r")
    child.expect("empty")
    ready(child, KEY_LABEL)
    child.send("\x04")
    assert tty.end(child) == 2


def test_a_number_is_asked_for_again(two):
    child = two("config", "set")
    ready(child, "> ")
    child.send("timeout\r")
    for bad in ("x", "100", "-5000", "1e9"):
        ready(child, "Milliseconds:")
        child.send(bad + "\r")
        child.expect("from 3000 to 2147483647")
    ready(child, "Milliseconds:")
    child.send("20000\r")
    assert two.end(child) == 0 and two.read_config()["httpTimeout"] == 20000


@pytest.mark.parametrize("gap", [0, 0.3])
@pytest.mark.parametrize("arrow", ["\x1b[B", "\x1bOB"])
def test_an_arrow_whose_bytes_come_apart(two, arrow, gap):
    """Over a slow line; what is late is not typed into the filter."""
    child = two("account", "use")
    ready(child, "> acme")
    for byte in arrow:
        child.send(byte)
        time.sleep(gap)  # the time that the bytes take, not a wait for hs
    child.send("\r")
    assert two.end(child) == 0, seen(child)
    assert two.read_config()["defaultAccount"] == 202


@pytest.mark.parametrize("name, wanted", [("jk-box", 303), ("kite", 404)])
def test_every_letter_filters_a_list(two, hs, sim, name, wanted):
    hs.sign_in(sim.portal(303, "Third"), sim.portal(404, "Fourth"))
    for account, to in (("third", "jk-box"), ("fourth", "kite")):
        assert hs("account", "rename", account, to).code == 0
    child = two("account", "use")
    ready(child, "> acme")
    child.send(name[:2] + "\r")
    assert two.end(child) == 0, seen(child)
    assert two.read_config()["defaultAccount"] == wanted
