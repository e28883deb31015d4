"""Files that hs shares with programs that write them without a lock: the official client
empties its config and then writes it, an editor replaces .gitignore, a script an .hsaccount.

Nothing that another program writes is lost, and nothing that hs writes either.
"""
import json
import os
import pathlib
import random
import subprocess
import threading
import time

import pytest

import conftest
from calls import ECHO, refused
from conftest import mode, read_links, write_links
from official import official_client, official_env  # noqa: F401 (the first: a fixture)

INCOMPLETE = "is incomplete; another program may be writing it"
OLD = "hubspot.config.yml"
SECONDS = float(os.environ.get("HS_SHARED_SECONDS", "3"))  # of each half of the long test


def ids(hs, path=None):
    config = hs.read_config(path)
    return [
        a.get("accountId") or a["portalId"] for a in config.get("accounts") or config["portals"]
    ]


def torn(path, text):
    """A file that another program has just begun to write."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


class Writer(threading.Thread):
    """A program that keeps writing a file as the official client does: it reads the file,
    empties it, and writes it 2 to 50 ms later."""

    def __init__(self, path, change=lambda text: text, pieces=1):
        super().__init__(daemon=True)
        self.path, self.change, self.pieces = pathlib.Path(path), change, pieces
        self.over, self.written = threading.Event(), 0

    def run(self):
        dice = random.Random(7)
        while not self.over.is_set():
            text = self.change(self.path.read_text())
            with open(self.path, "r+b", buffering=0) as file:
                file.truncate(0)
                data, size = text.encode(), len(text) // self.pieces + 1
                for at in range(0, len(data), size):
                    time.sleep(dice.uniform(0.002, 0.05) / self.pieces)
                    file.write(data[at : at + size])
            self.written += 1
            self.over.wait(dice.uniform(0.02, 0.15))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *failure):
        self.over.set()
        self.join(30)


# ---- a file that is being written


@pytest.mark.parametrize("pieces", [1, 3])
def test_readers_never_see_a_part_of_the_config(hs, sim, pieces):
    hs.write_config(*(sim.portal(1001 + n) for n in range(42)))
    with Writer(hs.config_path, pieces=pieces) as writer:
        reads = 0
        while reads < 25 or writer.written < 4:
            assert writer.is_alive()
            result = hs("account", "list", "--json")
            assert result.code == 0, result.err
            assert len(result.json["accounts"]) == 42
            reads += 1
        assert hs("api", ECHO, "-a", "1042").code == 0


def test_a_sign_in_beside_another_writer_keeps_every_account(hs, sim):
    """And what the other program changes, too."""
    hs.write_config(*(sim.portal(1001 + n) for n in range(42)), theirs=0)
    more = [sim.portal(2001 + n) for n in range(5)]

    def change(text):
        head, tail = text.split("theirs: ")
        number, rest = tail.split("\n", 1)
        return f"{head}theirs: {int(number) + 1}\n{rest}"

    with Writer(hs.config_path, change) as writer:
        for n, portal in enumerate(more):
            hs.sign_in(portal)
            assert hs("config", "set", "--http-timeout", str(4000 + n)).code == 0
        while writer.written < 4:
            assert writer.is_alive()
            time.sleep(0.01)
    config = hs.read_config()
    assert ids(hs) == [1001 + n for n in range(42)] + [p.hub_id for p in more]
    assert config["httpTimeout"] == 4004 and config["theirs"] == writer.written


PART = "defaultAccount: 101\naccounts:\n  - name: acme\n    accountId: 101\n    personalAcc"
TORN = {
    "empty": "",
    "blank": " \n\n",
    "bom": b"\xef\xbb\xbf",
    "first key": "defaultAcc",
    "settings": "defaultAccount: 101\nhttpTimeout: 5000\n",
    "key": PART,
    "list": "defaultAccount: 101\naccounts:\n",
    "quote": "httpTimeout: 5000\naccounts:\n  - name: 'ac",
    "character": "accounts:\n  - name: Zürich".encode()[:-5],
}
COMMANDS = [
    ["account", "list"],
    ["account", "info"],
    ["account", "use", "acme"],
    ["account", "clean"],
    ["account", "rename", "acme", "new"],
    ["account", "remove", "acme"],
    ["api", ECHO],
    ["config", "set", "--http-timeout", "5000"],
    ["secrets", "list"],
    ["account", "link", "-a", "101"],
    ["account", "create-override", "101"],
    ["sandbox", "delete", "-a", "101", "--force"],
]


@pytest.mark.parametrize("args", COMMANDS, ids=" ".join)
def test_a_config_that_stays_incomplete_is_not_used(hs, sim, args):
    torn(hs.config_path, "defaultAccount: 101\naccounts:\n")
    refused(hs, args, 3, f"{hs.config_path} {INCOMPLETE}", "Nothing was changed. Try again.")
    assert not sim.log


@pytest.mark.parametrize("age", [0, 3600])
@pytest.mark.parametrize("text", TORN.values(), ids=TORN)
def test_every_way_to_be_incomplete(hs, text, age):
    """Also where it was long ago: the file may be written any moment now."""
    torn(hs.config_path, text)
    then = time.time() - age
    os.utime(hs.config_path, (then, then))
    result = refused(hs, ["account", "list"], 3, INCOMPLETE)
    assert "sign in" not in result.err.lower() and 0.9 < result.seconds < 10


@pytest.mark.parametrize(
    "args",
    [
        ["account", "list"],
        ["config", "set", "--http-timeout", "5000"],
        ["account", "use", "box"],
        ["api", ECHO],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("text", ["", PART])
def test_a_config_is_waited_for(three, args, text):
    whole = three.config_path.read_text()
    torn(three.config_path, text)
    writer = threading.Timer(0.3, three.config_path.write_text, [whole])
    writer.start()
    result = three(*args)
    writer.join()
    assert result.code == 0, result.err
    assert ids(three) == [101, 202, 303]


def test_a_file_that_is_open_to_write_is_waited_for(three):
    """Its beginning is valid YAML, but not all that comes."""
    whole = three.config_path.read_text()
    part = whole[: whole.index("- name: third")]
    with open(three.config_path, "w") as file:
        file.write(part)
        file.flush()
        run = subprocess.Popen(
            [three.bin, "account", "list", "--json"],
            env=three.env(),
            cwd=three.cwd,
            stdout=subprocess.PIPE,
        )
        time.sleep(0.2)
        file.write(whole[len(part) :])
    out, _ = run.communicate(timeout=30)
    assert run.returncode == 0 and len(json.loads(out)["accounts"]) == 3


@pytest.mark.parametrize("name", [n for n in TORN if n != "bom"])
def test_a_sign_in_may_write_what_stays_incomplete(hs, sim, name):
    torn(hs.config_path, TORN[name])
    hs.sign_in(sim.portal(202))
    config = hs.read_config()
    assert config["accounts"][-1]["accountId"] == 202 and mode(hs.config_path) == 0o600
    if name == "settings":
        assert config["httpTimeout"] == 5000


def test_a_sign_in_keeps_the_accounts_before_the_break(three, sim):
    text = three.config_path.read_text()
    torn(three.config_path, text[: text.index("'third'" if "'third'" in text else "third") + 3])
    three.sign_in(sim.portal(404))
    assert ids(three) == [101, 202, 404]
    assert three("account", "list").code == 0


@pytest.mark.parametrize("args", [["auth"], ["init"]], ids=" ".join)
def test_init_and_auth_of_an_empty_deprecated_config(hs, sim, args):
    torn(hs.cwd / OLD, "")
    done = hs(*args, "--pak-stdin", input=sim.portal(101).key)
    assert done.code == 0, done.err
    assert ids(hs, hs.cwd / OLD) == [101]


def test_init_still_refuses_a_config_that_is_one(three, sim):
    path = three.config_path.rename(three.cwd / OLD)
    refused(three, ["init", "--pak-stdin"], 3, "a config already", path, input=sim.portal(404).key)


def test_settings_of_a_folder_that_are_being_written(three):
    path = write_links(three, '{"localDefaultAccount": 202, "acc')
    for args in (
        ["api", ECHO],
        ["account", "use", "box"],
        ["account", "link", "-a", "box"],
        ["account", "unlink", "--all"],
    ):
        refused(three, args, 3, path, INCOMPLETE)
    writer = threading.Timer(
        0.3, path.write_text, ['{"localDefaultAccount": 202, "accounts": [202]}']
    )
    writer.start()
    done = three("account", "link", "-a", "third", "--default", "third")
    writer.join()
    assert done.code == 0, done.err
    assert read_links(three) == {"localDefaultAccount": 303, "accounts": [202, 303]}


def test_an_override_that_is_being_written(three, sim):
    path = three.cwd / ".hsaccount"
    path.write_text("")
    writer = threading.Timer(0.3, path.write_text, ["202"])
    writer.start()
    done = three("api", ECHO)
    writer.join()
    assert done.code == 0 and sim.requests(ECHO)[-1].param("portalId") == "202"


def test_a_gitignore_that_is_being_written(three):
    subprocess.run(["git", "init", "-q"], cwd=three.cwd, env=three.env(), check=True)
    path = three.cwd / ".gitignore"
    path.write_text("")
    writer = threading.Timer(0.3, path.write_text, ["node_modules\n"])
    writer.start()
    done = three("account", "link", "-a", "box")
    writer.join()
    assert done.code == 0, done.err
    assert path.read_text().startswith("node_modules\n") and "\n.hs\n" in path.read_text()


def test_an_old_deprecated_config_that_is_incomplete_is_not_archived(three, sim):
    path = torn(three.cwd / OLD, "defaultPortal: x\nportals:\n  - name: 'x")
    refused(three, ["config", "migrate", "--force"], 3, path, INCOMPLETE)


# ---- a file that another program writes after hs


class Undoer(threading.Thread):
    """Writes a file's old text back, in place, whenever it has another one."""

    def __init__(self, path, times=10**6):
        super().__init__(daemon=True)
        self.path, self.times, self.over = pathlib.Path(path), times, threading.Event()
        self.text, self.undone = self.path.read_text(), 0

    def run(self):
        while not self.over.is_set() and self.undone < self.times:
            time.sleep(0.001)
            try:
                if self.path.read_text() != self.text:
                    self.path.write_text(self.text)
                    self.undone += 1
            except FileNotFoundError:
                pass

    __enter__, __exit__ = Writer.__enter__, Writer.__exit__


UNDONE = {
    "config": (["config", "set", "--http-timeout", "7000"], lambda hs: hs.config_path),
    "use": (["account", "use", "box"], lambda hs: hs.config_path),
    "remove": (["account", "remove", "box"], lambda hs: hs.config_path),
    "rename": (["account", "rename", "box", "crate"], lambda hs: hs.config_path),
    "settings": (
        ["account", "link", "-a", "box", "--default", "box"],
        lambda hs: hs.cwd / ".hs" / "settings.json",
    ),
    "override": (
        ["account", "create-override", "box", "--force"],
        lambda hs: hs.cwd / ".hsaccount",
    ),
}


@pytest.mark.parametrize("name", UNDONE)
def test_a_change_that_is_undone_is_made_again(three, name):
    write_links(three, {"accounts": [303], "localDefaultAccount": 303})
    (three.cwd / ".hsaccount").write_text("303")
    args, path = UNDONE[name]
    cwd = three.home if name == "use" else three.cwd
    with Undoer(path(three), 2) as undoer:
        done = three(*args, cwd=cwd)
    assert done.code == 0, done.err
    assert undoer.undone in (1, 2) and path(three).read_text() != undoer.text


@pytest.mark.parametrize("name", UNDONE)
def test_hs_gives_up_if_a_change_is_always_undone(three, name):
    write_links(three, {"accounts": [303], "localDefaultAccount": 303})
    (three.cwd / ".hsaccount").write_text("303")
    args, path = UNDONE[name]
    cwd = three.home if name == "use" else three.cwd
    with Undoer(path(three)) as undoer:
        result = three(*args, cwd=cwd)
    assert result.code == 3 and f"{path(three)}: another program keeps changing it" in result.err
    assert 1 <= undoer.undone <= 7 and path(three).read_text() == undoer.text


def test_accounts_of_another_program_are_kept_by_a_second_try(three, sim):
    """It added one between our reading and our writing, again and again."""

    def change(text):
        number = text.count("accountId:") + 500
        return text + (
            f"- {{name: 'x{number}', accountId: {number}, authType: personalaccesskey, "
            "personalAccessKey: k}\n"
        )

    with Writer(three.config_path, change) as writer:
        for n in range(6):
            assert three("config", "set", "--http-timeout", str(5000 + n)).code == 0
    assert len(ids(three)) == 3 + writer.written


@pytest.mark.parametrize("args", [["auth"], ["account", "auth"]], ids=" ".join)
def test_a_config_that_is_not_a_file_is_not_replaced(hs, sim, args):
    """Nor waited for: nobody writes to the pipe."""
    fifo = hs.cwd / "fifo.yml"
    os.mkfifo(fifo)
    for path in (fifo, hs.cwd):
        result = hs(
            *args,
            "--pak-stdin",
            timeout=20,
            env={"HUBSPOT_CONFIG_PATH": path},
            input=sim.portal(101).key,
        )
        assert result.code == 3 and str(path) in result.err
    assert fifo.is_fifo() and not sim.log


def make_fifo(path):
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)


def make_folder(path):
    path.mkdir(parents=True)


def make_device(path):
    path.parent.mkdir(exist_ok=True)
    path.symlink_to("/dev/zero")


ODD = pytest.mark.parametrize("make", [make_fifo, make_folder, make_device])


@ODD
@pytest.mark.parametrize("name", [".hsaccount", ".hs/settings.json"])
@pytest.mark.parametrize(
    "args",
    [["account", "info"], ["secrets", "list"], ["api", "/x"], ["account", "list"]],
    ids=" ".join,
)
def test_what_names_the_account_must_be_a_regular_file(three, sim, make, name, args):
    make(three.cwd / name)
    result = three(*args, timeout=30)
    assert result.code == (0 if args[1] == "list" and args[0] == "account" else 3)
    assert name in result.err and "regular file" in result.err
    assert not sim.log


@ODD
@pytest.mark.parametrize("how", ["--config", "variable", "upward", "global"])
def test_a_config_that_nobody_writes_is_not_waited_for(hs, make, how):
    path = {"upward": hs.cwd / "hubspot.config.yml", "global": hs.config_path}.get(
        how, hs.cwd / "odd"
    )
    make(path)
    named = ["--config", path] if how == "--config" else []
    env = {"HUBSPOT_CONFIG_PATH": path} if how == "variable" else {}
    for args in (["account", "list"], ["config", "set", "--http-timeout", "5000"]):
        result = hs(*args, *named, env=env, timeout=30)
        assert result.code == 3 and str(path) in result.err


def test_a_config_from_a_pipe_is_read_to_its_end(three):
    text = three.config_path.read_text()
    fifo = three.cwd / "pipe"
    os.mkfifo(fifo)

    def write():
        with open(fifo, "w", encoding="utf-8") as pipe:
            pipe.write(text[:40])
            pipe.flush()
            time.sleep(0.2)
            pipe.write(text[40:])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        result = three("account", "list", "--config", fifo, timeout=30)
    finally:
        writer.join(timeout=30)
    assert result.code == 0 and all(str(i) in result.out for i in ids(three))


# ---- what was decided about an account that has changed since


def again(hs, sim, portal):
    """Signs in to an account again, with its key."""
    portal.state = "active"
    done = hs("account", "auth", "--pak-stdin", "--no-default", input=portal.key)
    assert done.code == 0, done.err


def test_clean_keeps_what_was_signed_in_to_again(three, tty, sim):
    sim.portals[202].state = sim.portals[303].state = "inactive"
    child = tty("account", "clean")
    child.expect("Remove 2 inactive accounts")
    again(three, sim, sim.portals[202])
    child.send("y\r")
    assert tty.end(child) == 8
    assert ids(three) == [101, 202]
    shown = " ".join(child.logfile_read.text.split())
    assert "(202) was not removed" in shown and "3 accounts checked, 1 removed" in shown


def test_clean_keeps_an_account_with_another_key(three, sim):
    """While the keys were checked; nothing is asked with --force."""
    sim.portals[202].state = "inactive"
    config = three.read_config()

    def change():
        config["accounts"][1]["personalAccessKey"] = "another-key-of-the-same-account"
        three.write_yaml(config)

    sim.fail("/localdevauth", times=1, then=change)
    three.hidden.add("another-key-of-the-same-account")
    result = three("account", "clean", "--force", "--json")
    assert ids(three) == [101, 202, 303], result
    assert result.code == 8 and result.json["removed"] == []
    assert [a["accountId"] for a in result.json["unchecked"]] == [202]


def test_remove_keeps_what_was_signed_in_to_again(three, tty, sim):
    (three.cwd / ".hsaccount").write_text("202")
    child = tty("account", "remove", "box")
    child.expect("Remove that file")
    again(three, sim, sim.portals[202])
    child.send("y\r")
    assert tty.end(child) == 3
    assert "was not removed" in " ".join(child.logfile_read.text.split())
    assert ids(three) == [101, 202, 303] and (three.cwd / ".hsaccount").read_text() == "202"


def test_a_default_stays_with_an_account_that_stays(three, tty, sim):
    child = tty("account", "remove", "acme")
    child.expect("New default account")
    again(three, sim, sim.portals[101])
    child.send("\r")
    assert tty.end(child) == 3
    assert ids(three) == [101, 202, 303] and three.read_config()["defaultAccount"] == 101


def test_sandbox_delete_keeps_what_was_signed_in_to_again(hs, tty, sim):
    parent, box = sim.portal(101, "Acme"), None
    hs.write_config(parent)
    assert hs("sandbox", "create", "--name", "Box", "--type", "developer").code == 0
    box = max(sim.portals)
    child = tty("sandbox", "delete", "--account", str(box))
    child.expect("Delete sandbox")
    config = hs.read_config()
    config["accounts"][1]["personalAccessKey"] = "another-key-of-the-same-account"
    hs.write_yaml(config)
    child.send("y\r")
    assert tty.end(child) == 3
    shown = " ".join(child.logfile_read.text.split())
    assert "the sandbox was deleted, but is still in the config" in shown
    assert ids(hs) == [101, box]


def test_an_override_of_another_account_stays(three, tty, sim):
    """It was changed while the question whether to remove it was on the screen."""
    path = three.cwd / ".hsaccount"
    for args in (["account", "remove", "box"], ["account", "remove-override"]):
        path.write_text("202")
        child = tty(*args)
        child.expect("Remove that file")
        path.write_text("303")
        child.send("y\r")
        assert tty.end(child) == 3 and path.read_text() == "303"
        assert "has just been changed" in " ".join(child.logfile_read.text.split())


def test_create_override_replaces_only_what_it_asked_about(three, tty):
    path = three.cwd / ".hsaccount"
    path.write_text("101")
    child = tty("account", "create-override", "box")
    child.expect("Replace")
    path.write_text("303")
    child.send("y\r")
    assert tty.end(child) == 3 and path.read_text() == "303"


def test_migrate_takes_a_new_key(hs, tty, sim):
    """The deprecated config is written while the question is on the screen."""
    account = hs.account(sim.portal(101))
    account["portalId"] = account.pop("accountId")
    path = hs.write_yaml({"defaultPortal": account["name"], "portals": [account]}, hs.cwd / OLD)
    child = tty("config", "migrate")
    child.expect("Move the accounts")
    account["personalAccessKey"] = "another-key-of-the-same-account"
    hs.write_yaml({"defaultPortal": account["name"], "portals": [account]}, path)
    child.send("y\r")
    assert tty.end(child) == 0
    assert hs.read_config()["accounts"][0]["personalAccessKey"] == "another-key-of-the-same-account"


# ---- no account, and files of other programs


def test_the_last_account_can_be_removed(three, sim):
    for name in ("box", "third", "acme"):
        assert three("account", "remove", name, "--force").code == 0
    assert three.read_config() == {"mine": {"x": [1, "2"]}, "accounts": []}
    result = three("account", "list")
    assert result.code == 0 and "No accounts in" in result.out
    result = three("account", "list", "--json")
    assert (
        result.code == 0 and result.json["accounts"] == [] and result.json["defaultAccount"] is None
    )
    for args in (
        ["api", ECHO],
        ["secrets", "list"],
        ["account", "info"],
        ["account", "use", "acme"],
        ["account", "remove", "acme"],
        ["account", "rename", "acme", "x"],
        ["api", ECHO, "-a", "101"],
        ["account", "link", "-a", "acme"],
        ["sandbox", "create", "--name", "x", "--type", "developer"],
        ["sandbox", "delete", "-a", "101", "--force"],
        ["account", "create-override", "acme"],
        ["filemanager", "fetch", "x"],
    ):
        refused(three, args, 3, "no accounts in", "hs account auth")
    assert three("config", "set", "--http-timeout", "5000").code == 0
    three.sign_in(sim.portals[202])
    assert three.read_config()["defaultAccount"] == 202 and ids(three) == [202]


def test_the_last_account_of_a_deprecated_config(hs, sim):
    account = hs.account(sim.portal(101))
    account["portalId"] = account.pop("accountId")
    path = hs.write_yaml({"defaultPortal": account["name"], "portals": [account]}, hs.cwd / OLD)
    assert hs("account", "remove", "101").code == 0
    assert hs.read_config(path) == {"portals": []}
    assert hs("account", "list").code == 0
    done = hs("auth", "--pak-stdin", input=hs.key(101))
    assert done.code == 0 and ids(hs, path) == [101]


FOREIGN = {
    "compose": "version: '3'\nservices:\n  web:\n    image: nginx\n",
    "json": '{"name": "x", "version": "1.0.0"}\n',
    "empty map": "{}\n",
    "list": "- a\n- b\n",
    "scalar": "just text\n",
    "number": "5\n",
    "documents": "kind: A\n---\nkind: B\n",
    "comment": "# nothing\n",
    "null": "~\n",
    "accounts of a bank": "accounts:\n- owner: x\n  balance: 5\n",
    "names": "accounts: [alice, bob]\n",
    "map": "accounts: {alice: {uid: 5}}\n",
    "text": "name,balance\nx,5\n",
    "tabs": "a:\n\tb: 1\n",
    "workflow": "on: push\njobs:\n  a: {}\n",
}


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("args", [["auth"], ["init"], ["account", "auth"]], ids=" ".join)
def test_a_file_of_another_program_is_unchanged(hs, sim, args, text):
    """Named by --config or by HUBSPOT_CONFIG_PATH; nothing is asked of HubSpot."""
    path = hs.write_yaml(text, hs.cwd / "docker-compose.yml")
    key = sim.portal(101).key
    refused(hs, [*args, "--pak-stdin"], 3, path, input=key, env={"HUBSPOT_CONFIG_PATH": path})
    if args != ["account", "auth"]:
        refused(hs, [*args, "--pak-stdin", "--config", path], 3, path, input=key)
    assert not sim.log


@pytest.mark.parametrize(
    "args",
    [
        ["account", "list"],
        ["account", "use", "x"],
        ["account", "rename", "x", "y"],
        ["account", "remove", "x"],
        ["account", "clean", "--force"],
        ["config", "set", "--http-timeout", "5000"],
        ["api", ECHO],
    ],
    ids=" ".join,
)
def test_no_command_writes_a_file_of_another_program(hs, sim, args):
    path = hs.write_yaml(FOREIGN["compose"], hs.cwd / "docker-compose.yml")
    refused(hs, args, 3, path, "not a HubSpot config", env={"HUBSPOT_CONFIG_PATH": path})
    refused(hs, ["config", "migrate", "--force"], 3, path, env={"HUBSPOT_CONFIG_PATH": path})


# ---- never another account


def test_both_forms_in_one_file(hs, sim):
    """The official client reads portals where there are both."""
    one, two = hs.account(sim.portal(101)), hs.account(sim.portal(202))
    old, other = ({**a, "portalId": a["accountId"]} for a in (one, two))
    del old["accountId"], other["accountId"]
    for portals in ([other], [old, other], [], [{**old, "personalAccessKey": "x" * 40}], {"a": 1}):
        hs.write_yaml({"defaultAccount": 101, "accounts": [one], "portals": portals})
        for args in (
            ["account", "list"],
            ["api", ECHO],
            ["config", "set", "--http-timeout", "5000"],
        ):
            refused(hs, args, 3, hs.config_path, "accounts and portals disagree")
        refused(hs, ["account", "auth", "--pak-stdin"], 3, "disagree", input=hs.key(202))
    hs.write_yaml({"accounts": [one, two], "defaultAccount": 101, "defaultPortal": two["name"]})
    refused(hs, ["api", ECHO], 3, "defaultAccount and defaultPortal disagree")
    hs.write_yaml({"accounts": [{**one, "portalId": 202}], "defaultAccount": 101})
    refused(hs, ["api", ECHO], 3, "accountId and portalId of an account disagree")


def test_both_forms_that_agree(hs, sim):
    """Are one after the next change, so that they cannot disagree later."""
    one = hs.account(sim.portal(101))
    old = {**one, "portalId": 101}
    del old["accountId"]
    hs.write_yaml(
        {"defaultPortal": one["name"], "defaultAccount": 101, "accounts": [one], "portals": [old]}
    )
    assert hs("account", "info").code == 0
    hs.sign_in(sim.portal(202))
    config = hs.read_config()
    assert ids(hs) == [101, 202] and config["defaultAccount"] == 101
    assert "portals" not in config and "defaultPortal" not in config


def test_the_default_of_the_other_form_counts(hs, sim):
    """As it does for the official client."""
    hs.write_config(sim.portal(101), sim.portal(202))
    config = hs.read_config()
    del config["defaultAccount"]
    hs.write_yaml({"defaultPortal": config["accounts"][1]["name"], **config})
    assert hs("api", ECHO).code == 0 and sim.requests(ECHO)[-1].param("portalId") == "202"
    assert hs("config", "set", "--http-timeout", "5000").code == 0
    assert hs("api", ECHO).code == 0 and sim.requests(ECHO)[-1].param("portalId") == "202"


@pytest.mark.parametrize(
    "text",
    [
        '{"localDefaultAccount": 101, "accounts": [101], "localDefaultAccount": 202}',
        '{"accounts": [101], "accounts": [202]}',
        '{"accounts": [101], "acc\\u006funts": [202]}',
        '{"accounts": [101], "mine": {"a": 1, "b": [{"c": 1, "c": 2}]}}',
    ],
)
def test_a_duplicate_key_in_a_directorys_settings(three, text):
    path = write_links(three, text)
    for args in (
        ["api", ECHO],
        ["account", "use", "box"],
        ["account", "link", "-a", "box"],
        ["account", "unlink", "--all"],
        ["account", "create-override", "box"],
    ):
        refused(three, args, 3, path, "duplicate key")
    assert three("api", ECHO, "-a", "box").code == 0


def test_many_keys_in_a_folders_settings(three):
    write_links(three, json.dumps({"accounts": [], **{f"k{n}": n for n in range(2000)}}))
    assert three("api", ECHO).code == 0
    path = write_links(three, json.dumps({f"k{n}": n for n in range(60000)}))
    assert refused(three, ["api", ECHO], 3, path, "too many keys").usage.ru_utime < 5


@pytest.mark.parametrize(
    "args",
    [
        ["api", ECHO, "-a", "acme", "-a", "box"],
        ["api", ECHO, "--account", "acme", "-a", "acme"],
        ["api", "-abox", ECHO, "--account=acme"],
        ["secrets", "list", "-a=acme", "-a=box"],
        ["account", "info", "-a", "acme", "-a", "box"],
        ["account", "info", "acme", "-a", "box"],
        ["account", "use", "-a", "acme", "-a", "box"],
        ["account", "remove", "--account", "acme", "-a", "box"],
        ["sandbox", "create", "-a", "acme", "-a", "box"],
        ["filemanager", "upload", "x", "y", "-a", "acme", "-a", "box"],
        ["filemanager", "fetch", "x", "-a", "acme", "-a", "box"],
        ["secrets", "delete", "X", "--force", "-a", "acme", "-a", "box"],
        ["account", "auth", "-a", "101", "-a", "202", "--pak-stdin"],
        ["sandbox", "delete", "-a", "acme", "-a", "box", "-f"],
        ["account", "remove", "acme", "--new-default", "box", "--new-default", "third"],
        ["account", "list", "--config", "a.yml", "--config", "b.yml"],
        ["account", "link", "-a", "acme", "--default", "acme", "--default", "box"],
    ],
    ids=" ".join,
)
def test_two_accounts_for_a_command_that_works_on_one(three, sim, args):
    result = refused(three, args, 2)
    as_argument = args == ["account", "info", "acme", "-a", "box"]
    expected = "two values for the account" if as_argument else "can be passed only once"
    assert expected in result.err
    assert not sim.log


def test_link_and_unlink_accept_several_accounts(three):
    assert three("account", "link", "-a", "acme", "--account", "box", "--default", "box").code == 0
    assert read_links(three)["accounts"] == [101, 202]
    assert three("account", "unlink", "-a", "acme", "-a", "box").code == 0


OVERRIDES = {
    "bom": b"\xef\xbb\xbf202",
    "crlf": b"202\r\n",
    "comment": b"202 # box\n",
    "slashes": b"202 // box",
    "close": b"202# box",
    "lines": b"202\n# box\n101\n",
    "blanks": b"\n\t  202\n",
    "letters": b"202abc",
    "nbsp": b"\xc2\xa0202",
    "plus": b"+202",
    "hex": b"0xCA",
    "zeros": b"000202",
    "fraction": b"202.9",
    "exponent": b"202e1",
    "bom crlf comment": b"\xef\xbb\xbf202\t# box\r\n",
}


@pytest.mark.parametrize("text", OVERRIDES.values(), ids=OVERRIDES)
def test_an_override_as_people_write_it(three, sim, text):
    (three.cwd / ".hsaccount").write_bytes(text)
    assert three("api", ECHO).code == 0 and sim.requests(ECHO)[-1].param("portalId") == "202"


# ---- beside the official client itself


@pytest.fixture
def official(official_client, hs):
    """official("account", "list") in the same home and folder as hs(...)."""
    if hs.bin != str(conftest.BINS[0]):
        pytest.skip("what is on disk does not depend on the build")

    def run(*args, code=0, cwd=None):
        done = subprocess.run(
            [official_client, *map(str, args)],
            env=official_env(hs),
            cwd=cwd or hs.cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_neither_client_loses_what_the_other_wrote(hs, sim, official, capsys):
    """First one after the other, then both at the same time, each for HS_SHARED_SECONDS. The
    official client counts up httpTimeout, hs an account's name. What the official client
    loses of hs's (it has read the file before hs wrote it, and writes it back later) is
    counted; hs loses nothing of the official client's, and no account."""
    hs.write_config(
        *(sim.portal(1001 + n) for n in range(42)),
        {**hs.account(sim.portal(9)), "name": "ours0"},
        httpTimeout=5000,
    )
    count = {
        "official": 0,
        "hs": 0,
        "hs refused": 0,
        "lost by hs": 0,
        "lost by the official client": 0,
    }
    theirs, ours = 5000, 0

    def now():
        config = hs.read_config()
        assert len(config["accounts"]) == 43
        return config["httpTimeout"], int(config["accounts"][-1]["name"].removeprefix("ours"))

    def official_step():
        nonlocal theirs
        official("config", "set", "--http-timeout", theirs + 1)
        theirs += 1
        count["official"] += 1

    def our_step():
        nonlocal ours
        result = hs("account", "rename", f"ours{ours}", f"ours{ours + 1}")
        if result.code == 3 and ("keeps changing" in result.err or "no account" in result.err):
            count["hs refused"] += 1
            return
        assert result.code == 0, result.err
        ours += 1
        count["hs"] += 1

    until = time.monotonic() + SECONDS
    while time.monotonic() < until or not count["hs"]:
        official_step()
        assert now() == (theirs, ours)
        our_step()
        assert now() == (theirs, ours)

    over, failures = threading.Event(), []

    def official_loop():
        nonlocal theirs
        try:
            while not over.is_set():
                official_step()
                time.sleep(0.2)  # hs has time to lose it
                settled = json.loads(hs_list())["timeout"]
                if settled < theirs:
                    count["lost by hs"] += 1
                    theirs = settled
        except Exception as failure:  # pylint: disable=broad-except
            failures.append(failure)

    def hs_list():
        while True:  # as hs reads it: whole
            text = hs.config_path.read_text()
            with open(hs.config_path, "rb") as file:
                again = file.read().decode()
            if text == again and text.endswith("\n") and "accounts:" in text:
                config = conftest.yaml.load(text, Loader=conftest.Yaml12)
                if len(config["accounts"]) == 43:
                    return json.dumps(
                        {
                            "timeout": config["httpTimeout"],
                            "ours": int(config["accounts"][-1]["name"].removeprefix("ours")),
                        }
                    )
            time.sleep(0.002)

    thread = threading.Thread(target=official_loop)
    thread.start()
    until = time.monotonic() + SECONDS
    while (time.monotonic() < until or not count["official"]) and not failures:
        our_step()
        there = json.loads(hs_list())["ours"]
        if there < ours:
            count["lost by the official client"] += 1
            ours = there
    over.set()
    thread.join(200)
    with capsys.disabled():
        print(f"\n{SECONDS:g} s each: {count}")
    assert not failures, failures
    assert (
        count["lost by hs"] == 0 and count["hs refused"] <= count["lost by the official client"] + 1
    )
    assert len(hs.read_config()["accounts"]) == 43


def test_the_official_client_and_a_config_without_accounts(hs, sim, official):
    """It refuses it in its own words, leaves it as it is, and can sign in again."""
    hs.write_config(sim.portal(101))
    assert hs("account", "remove", "101").code == 0
    before = hs.config_path.read_bytes()
    official("account", "list", code=None)
    assert hs.config_path.read_bytes() == before
    official("account", "auth", "--pak", hs.key(101), "--use-default-name", "--default")
    assert ids(hs) == [101] and hs("account", "list").code == 0


@pytest.mark.parametrize(
    "text",
    [OVERRIDES["bom crlf comment"], OVERRIDES["hex"], OVERRIDES["letters"]],
    ids=["bom crlf comment", "hex", "letters"],
)
def test_the_official_client_reads_an_override_so(hs, sim, official, text):
    hs.write_config(sim.portal(101), sim.portal(202))
    (hs.cwd / ".hsaccount").write_bytes(text)
    official("api", ECHO, "--json")
    assert sim.requests(ECHO)[-1].param("portalId") == "202"


def test_the_official_client_reads_portals_first(hs, sim, official):
    """That is why a config whose accounts differ from its portals is refused."""
    one, two = hs.account(sim.portal(101)), hs.account(sim.portal(202))
    hs.write_yaml(
        {
            "defaultAccount": 202,
            "accounts": [one, {**two, "accountId": 202}],
            "portals": [{**two, "portalId": 202}],
        }
    )
    refused(hs, ["api", ECHO], 3, "accounts and portals disagree")
    official("api", ECHO, "--json")  # and it writes accounts alone from then on
    assert sim.requests(ECHO)[-1].param("portalId") == "202"
    assert ids(hs) == [202]
