"""Prompts as a terminal shows them: build/unit asks one, pyte or tmux is the terminal.

pyte cuts rows when it becomes narrower (as xterm does); tmux rewraps them (as most do).
"""
import os
import re
import shlex
import signal
import subprocess
import termios
import time

import pexpect
import pyte
import pytest
import wcwidth

from test_unit import UNITS

LONG = [f"account-{n:02}" for n in range(40)]
WIDE = ["日本支社のテスト環境アカウントです", "Zu\u0308rich e\u0301te\u0301", "plain", "한국어 계정 이름이 아주 깁니다"]
ENV = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "ASAN_OPTIONS": "detect_leaks=0",
    "UBSAN_OPTIONS": "halt_on_error=1",
}
WAYS = {
    "text": ["Name of the account:", "acme-prod"],
    "masked": ["Personal access key:"],
    "confirm": ["Make it the default account?"],
    "select": ["Default account:", *LONG],
    "checkbox": ["Accounts to link:", *("  " + name for name in LONG)],
}


class Screen:
    """A program on a terminal, and the screen that it draws."""

    def __init__(self, argv, columns, rows, env):
        self.screen = pyte.HistoryScreen(columns, rows, history=500, ratio=0.5)
        self.screen.write_process_input = self.answer
        self.stream = pyte.Stream(self.screen)
        self.child = pexpect.spawn(
            argv[0],
            argv[1:],
            timeout=60,
            encoding="utf-8",
            env={**ENV, "TERM": "xterm-256color", **env},
            dimensions=(rows, columns),
        )
        self.child.delaybeforesend = None
        self.answers = True  # whether the terminal reports the position of its cursor
        self.raw = ""

    def answer(self, data):
        if self.answers:
            self.child.send(data)

    def rows(self):
        """The screen's rows down to the last one that is not empty."""
        rows = [row.rstrip() for row in self.screen.display]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def all(self):
        """Also the rows that have left the screen."""
        gone = [
            "".join(row[x].data for x in range(self.screen.columns)).rstrip()
            for row in self.screen.history.top
        ]
        return gone + self.rows()

    def feed(self):
        text = self.child.read_nonblocking(4096, timeout=60)
        self.raw += text
        self.stream.feed(text)

    def whole(self):
        """Is no prompt half drawn? A frame stands between wrapping off and wrapping on, and the
        system may pass it on row by row."""
        return self.raw.rfind("\x1b[?7l") <= self.raw.rfind("\x1b[?7h")

    def until(self, *wanted, gone=()):
        """Read on until all these stand on the screen and none of those; regular expressions."""
        while True:
            text = "\n".join(self.rows())
            if (
                self.whole()
                and all(re.search(w, text, re.M) for w in wanted)
                and not any(re.search(g, text, re.M) for g in gone)
            ):
                return self.rows()
            try:
                self.feed()
            except (pexpect.TIMEOUT, pexpect.EOF) as stop:
                raise AssertionError(f"{type(stop).__name__}; wanted {wanted}, not {gone}:\n{text}")

    def send(self, keys, *wanted, gone=()):
        self.child.send(keys)
        return self.until(*wanted, gone=gone) if wanted or gone else None

    def resize(self, columns, rows):
        self.screen.resize(rows, columns)
        # pyte leaves the cursor outside, where every terminal clamps it
        self.screen.ensure_hbounds()
        self.screen.ensure_vbounds()
        self.child.setwinsize(rows, columns)

    def finish(self, keys, code=0):
        """Send the last keys; all rows at the end, but that of the exit code."""
        self.child.send(keys)
        assert self.end() == 0
        rows = self.all()
        assert rows.pop() == f"code={code}"
        return rows

    def end(self):
        while True:
            try:
                self.feed()
            except pexpect.EOF:
                break
        self.child.close()
        assert "Sanitizer" not in self.raw and "runtime error" not in self.raw
        return -self.child.signalstatus if self.child.signalstatus else self.child.exitstatus


@pytest.fixture(scope="module", params=UNITS, ids=lambda p: p.name)
def unit(request):
    if not request.param.exists():
        pytest.skip(f"{request.param} is not built")
    return str(request.param.resolve())


@pytest.fixture
def start():
    """start(argv, ...) runs a program on a terminal of its own."""
    screens = []

    def run(argv, columns=80, rows=24, **env):
        screens.append(Screen(argv, columns, rows, env))
        return screens[-1]

    yield run
    for screen in screens:
        screen.child.close(force=True)


@pytest.fixture
def ask(unit, start):
    """ask("select", question, labels...) below a row "above", before a row "code=N"."""

    def run(kind, *words, columns=80, rows=24, **env):
        script = 'trap : INT TERM; echo above; "$@"; echo code=$?'
        return start(["/bin/sh", "-c", script, "sh", unit, kind, *words], columns, rows, **env)

    return run


def hs_pid(screen):
    """The program under the shell of `ask`."""
    return int(open(f"/proc/{screen.child.pid}/task/{screen.child.pid}/children").read().split()[0])


def stopped(pid):
    """Wait until a process is stopped."""
    end = time.monotonic() + 60
    while open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < end, "it does not stop"
        time.sleep(0.01)


# ---- questions and lists


def letters(*texts):
    """The text of rows without spaces, since wrapping replaces some."""
    return re.sub(r"\s", "", "".join(texts))


@pytest.mark.parametrize("columns", [80, 40, 20, 10])
@pytest.mark.parametrize("kind", WAYS)
def test_a_prompt_shows_the_whole_question_and_keeps_it_with_the_answer(ask, kind, columns):
    """Rows are wrapped, never cut, and none is wider than the screen."""
    screen = ask(kind, *WAYS[kind], columns=columns, rows=30)
    question = WAYS[kind][0]
    hint = {"text": "(acme-prod)", "confirm": "[y/N]"}.get(kind, "")
    while letters("?", question, hint) not in letters(*screen.all()):
        screen.feed()
    assert columns < 40 or screen.rows()[1].startswith("? " + question)
    if kind in ("select", "checkbox"):
        screen.until("^>", r"^ *(Spa|Sp$|Up)")
    screen.child.send({"checkbox": "a", "text": "x" * 60, "masked": "y" * 60}.get(kind, "") + "\r")
    assert screen.end() == 0
    rows = screen.all()
    begin = next(i for i, row in enumerate(rows) if row.startswith("?"))
    end = next(i for i, row in enumerate(rows) if row.startswith("got"))
    left = letters(*rows[begin:end])
    asked = letters("?", question)
    answer = {"text": "x", "masked": "*", "confirm": "n"}.get(kind, "a")
    assert any(left.startswith(asked + hint[:n] + answer) for n in range(len(hint) + 1))


CLEAN = (
    "Delete the sandbox acme-box (2000001) and everything in it? This cannot be undone, "
    "not even by HubSpot's support."
)


@pytest.mark.parametrize(
    "columns, rows",
    [
        (
            80,
            [
                "? Delete the sandbox acme-box (2000001) and everything in it? This cannot be",
                "  undone, not even by HubSpot's support.",
            ],
        ),
        (
            40,
            [
                "? Delete the sandbox acme-box (2000001)",
                "  and everything in it? This cannot be",
                "  undone, not even by HubSpot's",
                "  support.",
            ],
        ),
    ],
)
def test_a_long_confirmation_is_wrapped(ask, columns, rows):
    screen = ask("confirm", CLEAN, columns=columns)
    assert screen.until(r"\[y/N\]$")[1:] == [*rows[:-1], rows[-1] + " [y/N]"]
    assert screen.send("y", r"\[y/N\] y$")[1:] == [*rows[:-1], rows[-1] + " [y/N] y"]
    assert screen.finish("\r")[1:] == [*rows[:-1], rows[-1] + " y", "got yes"]


def test_a_wrapped_question_survives_a_narrower_screen(ask):
    screen = ask("confirm", CLEAN, columns=80)
    screen.until(r"\[y/N\]$")
    screen.resize(24, 24)
    screen.until(r"HubSpot's support.\n *\[y/N\]$")
    assert screen.finish("y\r")[-1] == "got yes"


@pytest.mark.parametrize(
    "columns, frame, answer",
    [
        (
            80,
            ["? Which one?", "> alpha", "  beta", "Up/Down move, type to filter, Enter selects"],
            ["? Which one? beta"],
        ),
        (
            40,
            ["? Which one?", "> alpha", "  beta", "Up/Down move, type to filter, Enter sel"],
            ["? Which one? beta"],
        ),
        (20, ["? Which one?", "> alpha", "  beta", "Up/Down move, type"], ["? Which one? beta"]),
    ],
)
def test_select(ask, columns, frame, answer):
    screen = ask("select", "Which one?", "alpha", "beta", columns=columns)
    assert [r.strip() for r in screen.until("Up/Down")] == ["above", *(r.strip() for r in frame)]
    assert screen.finish("\x1b[B\r") == ["above", *answer, "got 1"]


@pytest.mark.parametrize(
    "columns, answer",
    [
        (80, ["? Link which accounts? beta, delta"]),
        (40, ["? Link which accounts? beta, delta"]),
        (20, ["? Link which", "  accounts? beta, d"]),
    ],
)
def test_checkbox(ask, columns, answer):
    screen = ask(
        "checkbox",
        "Link which accounts?",
        "  alpha",
        "+ beta",
        "- gamma",
        "  delta",
        columns=columns,
    )
    rows = screen.until("Space")
    assert rows[-5:-1] == [
        "> [ ] alpha",
        "  [x] beta",
        "  [-] gamma (linked already)"[: columns - 1],
        "  [ ] delta",
    ]
    screen.send("jj ", "^  linked already|^linked already")
    screen.send("j ", r"> \[x\] delta")
    assert screen.finish("\r") == ["above", *answer, "got 1 3"]


def test_a_checkbox_requires_one_mark(ask):
    screen = ask("checkbox", "Which?", "  a", "  b", "- c", rows=6)
    screen.until("Space marks")
    screen.send("\r", "Mark at least one", gone=["Space marks"])
    screen.send("a", r"\[x\] a\n.*\[x\] b\n.*\[-\] c", gone=["Mark at least one"])
    screen.send("a", r"\[ \] a\n.*\[ \] b\n.*\[-\] c")
    screen.send("i", r"\[x\] a\n.*\[x\] b\n.*\[-\] c")
    assert screen.finish(" \r") == ["above", "? Which? b", "got 1"]


def test_slash_filters_a_checkbox(ask):
    screen = ask("checkbox", "Which?", *WAYS["checkbox"][1:])
    screen.until("account-09", gone=["account-10"])
    screen.send("/7", r"^\? Which\? 7$", "account-37", gone=["account-01"])
    screen.send(" ", r"> \[x\] account-07")
    screen.send("a", "Nothing matches")
    screen.send("\x1b", "account-02", gone=[r"\? Which\? 7"])
    assert screen.finish("\r") == ["above", "? Which? account-07", "got 7"]


def test_a_list_longer_than_the_screen(ask):
    """The page is as high as the screen allows; marks show that the list continues."""
    screen = ask("select", "Which?", *LONG, rows=6, columns=40)
    rows = screen.until("Up/Down")
    assert rows == [
        "? Which?",
        "> account-00",
        "  account-01",
        "  account-02",
        "v account-03",
        rows[5],
    ]
    rows = screen.send("\x1b[B" * 20, "> account-20")
    assert rows[1:5] == ["^ account-18", "  account-19", "> account-20", "v account-21"]
    rows = screen.send("\x1b[6~", "> account-24")
    rows = screen.send("\x1b[F", "> account-39")
    assert rows[1:5] == ["^ account-36", "  account-37", "  account-38", "> account-39"]
    rows = screen.send("\x1b[B", "> account-00")
    assert screen.finish("\r") == ["above", "? Which? account-00", "got 0"]


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_list_on_a_screen_of_few_rows(ask, rows):
    screen = ask("select", "Which?", *LONG, rows=rows)
    screen.until("account-00")
    screen.send("\x1b[B\x1b[B", "account-02")
    assert screen.finish("\r")[-2:] == ["? Which? account-02", "got 2"]


@pytest.mark.parametrize("columns", [40, 20, 13, 12])
def test_labels_are_clipped_between_wide_and_combining_characters(ask, columns):
    screen = ask("checkbox", "どれ?", *(f"  {label}" for label in WIDE), columns=columns)
    rows = screen.until("Space|  Spa", "plain")
    assert "どれ?" in rows[1] + rows[2] and len(rows) >= 7
    for row, label in zip(rows[-5:-1], WIDE):
        shown = row[6:].replace("\u00fc", "u\u0308").replace("\u00e9", "e\u0301")
        assert label.startswith(shown) and shown
        wide = sum(wcwidth.wcwidth(c) for c in label[len(shown) : len(shown) + 1])
        assert (
            shown == label
            or wcwidth.wcswidth(row) + wide >= columns - 1
            or label[len(shown)] == " "
        )
    assert len(screen.finish("a\r")) == len(rows) - 4


def test_control_characters_in_a_label_become_visible(ask):
    screen = ask("select", "Which?", "a\tb\x1b[2Jc\u009bz", "x")
    assert r"> a\tb\u001b[2Jc\u009bz" in screen.until("^  x")
    assert r"? Which? a\tb\u001b[2Jc\u009bz" in screen.finish("\r")


# ---- editing a line


@pytest.mark.parametrize("columns", [80, 20, 11])
def test_the_cursor_is_where_the_next_character_appears(ask, columns):
    """Next to wide and combining characters, in a line wider than the screen."""
    screen = ask("text", "Name:", columns=columns)
    screen.until(r"\? N")
    text = "ab漢字e\u0301x" * 4
    screen.child.send(text + "\x1b[D\x1b[D" + "!" + "\x1b[D")
    screen.until("!")
    screen.until("!.?x?") if columns < 80 else screen.until("字!\u00e9x$")
    cursor = screen.screen.cursor
    assert screen.screen.buffer[cursor.y][cursor.x].data == "!"
    rows = screen.finish("\x1b[3~\x1b[C\x1b[C\x7f\x7f\r")
    begin = next(i for i, row in enumerate(rows) if row.startswith("got"))
    assert "got " + text[:-3] == "".join(rows[begin:]).replace("\u00e9", "e\u0301")


def test_a_masked_line_shows_a_star_for_each_character(ask):
    screen = ask("masked", "Key:")
    screen.until("Key:")
    screen.send("a漢e\u0301", r"^\? Key: \*\*\*$")
    screen.send("\x7f", r"^\? Key: \*\*$")
    assert screen.finish("\r") == ["above", "? Key: **", "got a漢"]


@pytest.mark.parametrize(
    "keys, row, got", [("\r", "? Name: acme", "got acme"), ("  b c \r", "? Name: b c", "got b c")]
)
def test_the_answer_replaces_the_preset(ask, keys, row, got):
    screen = ask("text", "Name:", "acme")
    screen.until(r"^\? Name: \(acme\)$")
    assert screen.finish(keys) == ["above", row, got]


@pytest.mark.parametrize(
    "keys, word, preset",
    [("\r", "no", []), ("\r", "yes", ["y"]), ("y\r", "yes", []), ("No\r", "no", ["y"])],
)
def test_a_confirmation_keeps_its_answer_on_the_screen(ask, keys, word, preset):
    screen = ask("confirm", "Sure?", *preset)
    screen.until(r"^\? Sure\? \[%s\]" % ("Y/n" if preset else "y/N"))
    assert screen.finish(keys) == ["above", "? Sure? " + (keys.strip() or word), "got " + word]


# ---- colour, dumb terminals


@pytest.mark.parametrize("kind", WAYS)
@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}])
def test_colour_depends_on_the_environment(ask, kind, env):
    screen = ask(kind, *WAYS[kind], **env)
    screen.until(r"^\?")
    screen.finish({"checkbox": "a"}.get(kind, "") + "\r")
    assert bool(re.search(r"\x1b\[\d+m", screen.raw)) == (not env)


@pytest.mark.parametrize(
    "answer, got", [("2,4", "got 1 3"), ("1 2", "got 0 1"), ("all", "got 0 1 3"), ("", "got 1")]
)
def test_a_dumb_terminal_uses_numbers(ask, answer, got):
    screen = ask("checkbox", "Which?", "  alpha", "+ beta", "- gamma", "  delta", TERM="dumb")
    rows = screen.until(r"Which\? \(2\)")
    assert rows[1:5] == ["  1  alpha", "  2  beta", "  -  gamma (linked already)", "  4  delta"]
    for wrong in ("none", "3", "5", "1-2", "x"):
        screen.child.send(wrong + "\n")
        # the next line is for the next prompt: wait for that
        screen.until(
            r"\) %s\n(?s:.*)Enter numbers from 1 to 4, or all\.\n\? Which\? \(2\)\s*\Z" % wrong
        )
    assert screen.finish(answer + "\n")[-1] == got
    assert "\x1b" not in screen.raw


# ---- resizing


@pytest.mark.parametrize("answers", [True, False], ids=["", "silent"])
@pytest.mark.parametrize("kind", WAYS)
def test_resize_on_a_terminal_that_cuts_rows(ask, kind, answers):
    """As xterm does. Only the row above the prompt remains."""
    screen = ask(kind, *WAYS[kind], columns=80, rows=14)
    screen.answers = answers
    screen.until(r"^\?")
    if kind in ("text", "masked"):
        screen.send("x" * 100, "[x*]{40}$")
    for columns, rows in ((40, 14), (20, 14), (60, 15), (80, 16), (21, 16)):
        mark = len(screen.raw)
        screen.resize(columns, rows)
        while "\x1b[?7h" not in screen.raw[mark:]:
            screen.feed()
        frame = screen.until("^above", r"^\?")
        assert (
            frame[0] == "above"
            and frame[1].startswith("?")
            and not any(row.startswith("?") for row in frame[2:])
        )
        assert len(frame) <= {"select": 14, "checkbox": 14}.get(kind, 4)
    rows = screen.finish({"checkbox": "a"}.get(kind, "") + "\r")
    assert (
        rows[0] == "above" and rows[1].startswith("?") and sum(r.startswith("?") for r in rows) == 1
    )
    assert any(row.startswith("got") for row in rows[2:4])


ABOVE = [str(n) for n in range(1, 25)]


class Tmux:
    """A command in its own tmux, whose window can be resized."""

    def __init__(self, folder, argv, columns, rows):
        self.socket = str(folder / "tmux")
        self.env = {
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "SHELL": "/bin/sh",
        }
        command = shlex.join(["env", *(f"{k}={v}" for k, v in ENV.items()), *argv])
        (folder / "conf").write_text(
            "set -g status off\n" "set -g remain-on-exit on\nset -g escape-time 0\n"
        )
        self(
            "-f",
            str(folder / "conf"),
            "new-session",
            "-d",
            "-x",
            str(columns),
            "-y",
            str(rows),
            command,
        )

    def __call__(self, *args):
        done = subprocess.run(
            ["tmux", "-u", "-S", self.socket, *args],
            env=self.env,
            timeout=60,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rows(self):
        """What it shows, with what has left the screen."""
        return self("capture-pane", "-p", "-S", "-").rstrip("\n").split("\n")

    def resize(self, columns, rows):
        """tmux tells the program a little later; a key that comes before finds it unaware."""
        self("resize-window", "-x", str(columns), "-y", str(rows))
        with open(self("display-message", "-p", "#{pane_tty}").strip()) as tty:
            self.until(lambda _: os.get_terminal_size(tty.fileno()).columns == columns)

    def until(self, good):
        end = time.monotonic() + 60
        while not good(rows := [row.rstrip() for row in self.rows()]):
            assert time.monotonic() < end, "\n".join(rows)
            time.sleep(0.02)
        return rows


@pytest.fixture
def tmux(unit, tmp_path):
    """tmux("select", question, labels..., columns=, rows=): as `ask`, but in a tmux. There are
    24 rows above the prompt: those at the top go into tmux's history when rows are wrapped."""
    running = []

    def run(kind, *words, columns=80, rows=40):
        script = 'seq 1 24; "$@"; echo code=$?; sleep 100'
        running.append(
            Tmux(tmp_path, ["sh", "-c", script, "sh", unit, kind, *words], columns, rows)
        )
        return running[-1]

    yield run
    for it in running:
        it("kill-server")


@pytest.mark.parametrize("kind", WAYS)
def test_resize_on_a_terminal_that_wraps_rows(tmux, kind):
    """As most terminals do: rows are rewrapped, and the cursor moves with them."""
    words = list(WAYS[kind])
    if kind in ("select", "checkbox"):
        words[1:] = [word + " and more of a name" for word in words[1:7]]
    terminal = tmux(kind, *words)
    terminal.until(lambda rows: any(row.startswith("?") for row in rows))
    if kind in ("text", "masked"):
        terminal("send-keys", "-l", "x" * 100)
        terminal.until(lambda rows: len(rows[-1]) == 78)
    asked = letters("?", words[0], {"text": "(acme-prod)", "confirm": "[y/N]"}.get(kind, ""))
    listed = kind in ("select", "checkbox")

    def drawn(rows):
        left = letters(*rows[24:])
        if kind in ("text", "masked"):
            typed = left[len(asked) :]
            whole = len(rows[-1]) == columns - 2 and (
                set(typed) == {"*"}
                if kind == "masked"
                else re.fullmatch(f"x*Z{{{min(n + 1, len(typed))}}}", typed)
            )
        elif kind == "confirm":
            whole = left == asked + "Z" * (n + 1)
        else:
            row = rows[n - 6]
            whole = (
                row.startswith(">")
                and f"account-0{n + 1}"[: columns - 7] in row
                and sum("account-" in row for row in rows) == 6
            )
        return whole and left.startswith(asked)

    for n, columns in enumerate((45, 20, 33, 80, 19)):
        terminal.resize(columns, 40)
        terminal("send-keys", *(["Down"] if listed else ["-l", "Z"]))
        rows = terminal.until(drawn)
        assert rows[:24] == ABOVE and max(map(len, rows)) <= columns
    terminal("send-keys", {"checkbox": "a", "confirm": "C-u"}.get(kind, ""), "Enter")
    rows = terminal.until(lambda rows: rows[-1] == "code=0")
    assert rows[:24] == ABOVE and rows[24].startswith("?")
    assert (
        sum(row.startswith("?") for row in rows) == sum(row.startswith("got") for row in rows) == 1
    )


# ---- stopping and continuing

PROMPT = "SHELL> "


@pytest.fixture
def shell(start, unit, tmp_path):
    """An interactive bash with job control."""
    screen = start(
        ["/bin/bash", "--norc", "--noprofile", "-i"],
        columns=60,
        rows=14,
        PS1=PROMPT,
        HISTFILE="",
        INPUTRC="/dev/null",
        UNIT=unit,
    )
    screen.until(f"^{PROMPT}".rstrip())
    screen.child.send(
        "bind 'set enable-bracketed-paste off'; clear; stty -a >before; echo rea''dy\r".replace(
            "before", str(tmp_path / "before")
        )
    )
    screen.until("^ready")
    return screen


def foreground(shell):
    """The process group that has the terminal: the program's own id."""
    return os.tcgetpgrp(shell.child.child_fd)


def job(shell, state):
    """Wait until the shell reports this state of its job."""
    shell.child.send(f"until jobs | grep -q '{state}'; do sleep .02; done; echo j''ob\r")
    shell.until("^job")


def same_mode(shell, folder):
    shell.child.send(f"stty -a >{folder}/after; clear; echo d''one\r")
    shell.until("^done")
    shell.send("clear\r", gone=["done"])
    assert (folder / "before").read_text() == (folder / "after").read_text()
    return True


@pytest.mark.parametrize(
    "kind, keys, before, answer, got",
    [
        ("text", "some", r"^\? Name of the account: .* some$", "thing\r", "got something"),
        ("masked", "some", r"^\? Personal access key: \*\*\*\*$", "thing\r", "got something"),
        ("confirm", "ye", r"\[y/N\] ye$", "s\r", "got yes"),
        ("select", "01", r"^\? Default account: 01$", "\r", "got 1"),
        ("checkbox", "j ", r"^> \[x\] account-01", "k \r", "got 0 1"),
    ],
)
def test_ctrl_z_and_fg(shell, tmp_path, kind, keys, before, answer, got):
    """The shell gets its screen and its mode back; fg restores what was typed."""
    start = len(shell.raw)
    shell.child.send("$UNIT " + shlex.join([kind, *WAYS[kind][:3]]) + "\r")
    shell.until(r"^\? ")
    shell.send(keys, before)
    shell.send("\x1a", "Stopped", gone=[r"^\?"])
    assert same_mode(shell, tmp_path)
    mark = len(shell.raw)
    shell.send("fg\r", before)
    assert "\x1b[?2004h" in shell.raw[mark:]
    shell.send("\x1a", "Stopped", gone=[r"^\?"])
    shell.send("fg\r", before)
    shell.send(answer, f"^{got}$")
    assert same_mode(shell, tmp_path)
    assert shell.raw[start:].count("\x1b[?2004h") == shell.raw[start:].count("\x1b[?2004l") == 3


def test_fg_draws_a_wrapped_question_again(shell):
    shell.child.send("$UNIT confirm " + shlex.quote(CLEAN) + "; echo co''de=$?\r")
    shell.until(r"^  \[y/N\]$")
    shell.send("\x1a", "Stopped")
    shell.send("clear\r", gone=["Stopped"])
    shell.send("fg\r", r"^\? Delete the sandbox", r"^  \[y/N\]$")
    shell.send("y\r", "^got yes$")


@pytest.mark.parametrize(
    "kind, words, label, answer, got",
    [
        ("text", ["Name:"], r"^\? Name:", "thing\r", "got thing"),
        ("masked", ["Key:"], r"^\? Key:", "thing\r", "got thing"),
        ("select", ["Which?", "a", "b"], r"^\? Which\?", "2\r", "got 1"),
    ],
)
def test_ctrl_z_and_fg_on_a_dumb_terminal(shell, tmp_path, kind, words, label, answer, got):
    """The question is repeated after each fg, and echo is restored."""
    shell.child.send("TERM=dumb $UNIT " + shlex.join([kind, *words]) + "\r")
    shell.until(label)
    echo = termios.tcgetattr(shell.child.child_fd)[3] & termios.ECHO
    for _ in range(2):
        shell.send("\x1a", "Stopped")
        shell.send("clear\r", gone=["Stopped"])
        shell.send("fg\r", label)
        assert termios.tcgetattr(shell.child.child_fd)[3] & termios.ECHO == echo
    shell.send(answer, f"^{got}$")
    assert same_mode(shell, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTSTP, signal.SIGSTOP])
def test_stopped_by_another_process(shell, tmp_path, number):
    """After SIGSTOP, which no program can catch, the mode is set again."""
    shell.child.send("$UNIT masked Key:\r")
    shell.until(r"^\? Key:")
    shell.send("ab", r"^\? Key: \*\*$")
    pid = foreground(shell)
    os.kill(pid, number)
    shell.until("Stopped")
    shell.send("clear; fg\r", r"^\? Key: \*\*$", gone=["Stopped"])
    assert not termios.tcgetattr(shell.child.child_fd)[3] & termios.ECHO
    shell.send("c\r", "^got abc$")
    assert same_mode(shell, tmp_path)


def test_bg_waits_for_fg(shell, tmp_path):
    """In the background a prompt leaves the terminal to the shell."""
    shell.child.send("$UNIT text Name: &\r")
    job(shell, "Stopped")
    shell.send("clear; fg\r", r"^\? Name:$", gone=["Stopped"])
    shell.send("ab", r"^\? Name: ab$")
    shell.send("\x1a", "Stopped", gone=[r"^\?"])
    shell.send("clear; bg\r", r"^\[1\]\+ .*&")
    job(shell, "Stopped")
    shell.send("clear; fg\r", r"^\? Name: ab$", gone=["Stopped"])
    shell.send("c\r", "^got abc$")
    assert same_mode(shell, tmp_path)


def test_ended_in_the_background(shell, tmp_path):
    """A stopped prompt ends on a signal and does not change the shell's mode."""
    shell.child.send("$UNIT text Name:\r")
    shell.until(r"^\? Name:$")
    shell.send("\x1a", "Stopped", gone=[r"^\?"])
    # not with wait: the shell may still believe that the job is stopped
    shell.child.send("clear; kill %1; while jobs %1 2>/dev/null; do sleep .02; done\r")
    shell.until("Exit 143")
    assert same_mode(shell, tmp_path)


def test_ctrl_z_without_a_shell(unit, start):
    """Nobody could continue the program, so the prompt goes on."""
    screen = start([unit, "text", "Name:"])
    screen.until(r"^\? Name:$")
    screen.send("ab\x1ac", r"^\? Name: abc$")
    screen.child.send("\r")
    assert screen.end() == 0
    assert screen.rows() == ["? Name: abc", "got abc"]


# ---- ending


@pytest.mark.parametrize("kind", WAYS)
@pytest.mark.parametrize(
    "how, code", [("\x03", 130), ("\x04", 2), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_every_exit_leaves_one_row(ask, kind, how, code):
    """The cursor is on a new row, bracketed paste is off, wrapping is on."""
    screen = ask(kind, *WAYS[kind], columns=40, rows=14)
    screen.until(r"^\?")
    if isinstance(how, str):
        screen.child.send(how)
    else:
        os.kill(hs_pid(screen), how)
    assert screen.end() == 0
    rows = screen.all()
    assert rows[0] == "above" and rows[1] == "? " + WAYS[kind][0]
    assert rows[2].startswith("hs: ") and rows[-1] == f"code={code}"
    assert screen.raw.count("\x1b[?2004h") == screen.raw.count("\x1b[?2004l") == 1
    assert screen.raw.count("\x1b[?7h") == screen.raw.count("\x1b[?7l")


def test_a_second_signal_ends_the_program_at_once(ask):
    """Even if the first has no effect because the terminal accepts no output."""
    screen = ask("text", "Name:")
    screen.until(r"^\? Name:$")
    mode = termios.tcgetattr(screen.child.child_fd)
    assert not mode[3] & termios.ICANON
    pid = hs_pid(screen)
    os.kill(pid, signal.SIGSTOP)
    stopped(pid)
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGCONT)
    assert screen.end() == 0
    assert "\x1b[?2004l" in screen.raw and re.search("code=1(30|43)", screen.raw)
