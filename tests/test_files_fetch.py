"""hs filemanager fetch, as a user sees it: what lands where, what never does,
whatever the server says, and what happens when something goes wrong."""
import os
import re
import shutil
import signal
import stat
import subprocess
import threading
import time

import pytest

from calls import failed, is_sanitized, raw
from files import (  # noqa: F401 (some are fixtures)
    CDN,
    LIST,
    NAMES,
    SIGN,
    by_status,
    ended,
    files,
    manifest,  # noqa: F401
    parts_left,
    peak_memory,
    place,
    portal,
    stored,
    token,
    tree_of,
)


def until(ready):
    end = time.monotonic() + 60
    while not ready() and time.monotonic() < end:
        time.sleep(0.01)


def fill(portal, **data):
    for path, content in data.items():
        portal.add_file(path, content)


# ---- what lands where


def test_a_file_is_written_into_the_folder(files, hs, portal):
    portal.add_file("images/logo.png", b"PNG")
    ended(files("fetch", "images/logo.png", "here/there"), 0, "Fetched 1 file, 3 B")
    assert tree_of(hs.cwd) == {"here/there/logo.png": b"PNG"}
    ended(files("fetch", "/images/logo.png"), 0)
    assert (hs.cwd / "logo.png").read_bytes() == b"PNG"


def test_a_folder_is_written_into_one_of_the_same_name(files, hs, portal):
    fill(portal, **{"site/assets/a.txt": b"a", "site/assets/sub/b.txt": b"b", "site/c.txt": b"c"})
    portal.add_folder("site/assets/empty")
    ended(files("fetch", "site/assets", "out"), 0)
    assert tree_of(hs.cwd / "out") == {"assets/a.txt": b"a", "assets/sub/b.txt": b"b"}
    assert (hs.cwd / "out" / "assets" / "empty").is_dir()


def test_the_destination_as_an_option(files, hs, portal):
    """hs filemanager fetch X --dest Y, which the official client also accepts."""
    fill(portal, **{"x.txt": b"x"})
    ended(files("fetch", "x.txt", "--dest", "out"), 0)
    assert tree_of(hs.cwd) == {"out/x.txt": b"x"}
    ended(files("fetch", "x.txt", "here", "--dest", "there"), 2, "two values for the dest: --dest")


def test_everything(files, hs, portal):
    fill(portal, **{"top.txt": b"t", "x/y/z.txt": b"z"})
    ended(files("fetch", "/", "all"), 0)
    assert tree_of(hs.cwd / "all") == {"top.txt": b"t", "x/y/z.txt": b"z"}


def test_what_is_uploaded_comes_back_with_the_same_bytes_and_names(files, hs, portal):
    for n, name in enumerate(NAMES):
        place(hs.cwd / "tree" / name, os.urandom(n * 1000))
        place(hs.cwd / "tree" / "sub dir" / "ü%#?" / name, b"\0" * n)
    place(hs.cwd / "tree" / "big.bin", os.urandom(3_000_000))
    ended(files("upload", "tree", "site/tree"), 0)
    ended(files("fetch", "site/tree", "back"), 0)
    assert tree_of(hs.cwd / "back" / "tree") == tree_of(hs.cwd / "tree")
    assert not parts_left(hs.cwd) and not [*hs.cwd.rglob(".hs-tmp*")]


def test_all_pages_of_files_and_of_folders(files, hs, portal):
    """The official client reads the first page of folders only."""
    for n in range(75):
        portal.add_file(f"many/{n}.txt", str(n).encode())
        portal.add_file(f"many/folder {n}/in.txt", str(n).encode())
    ended(files("fetch", "many", "out"), 0, "Fetched 150 files")
    assert len(tree_of(hs.cwd / "out")) == 150


def test_deep_folders(files, hs, portal):
    path = "/".join(f"d{n}" for n in range(60))
    portal.add_file(f"{path}/x.txt", b"x")
    ended(files("fetch", "d0", "."), 0)
    assert tree_of(hs.cwd) == {f"{path}/x.txt": b"x"}


def test_the_requests_have_the_form_that_hubspot_expects(files, sim, portal):
    portal.add_file("a b/x.txt", b"x")
    ended(files("fetch", "a b", "out"), 0)
    targets = [r.target for r in sim.log]
    number = next(iter(portal.folders))
    assert targets[0] == "/filemanager/api/v2/files/stat/a%20b?portalId=101"
    # both at the same time, and the files on the open connection
    assert sim.requests(LIST)[0].conn == sim.log[0].conn
    assert set(targets[1:3]) == {
        f"/filemanager/api/v2/files/?hidden=0&offset=0&folder_id={number}&archived=0&portalId=101",
        f"/filemanager/api/v2/folders/?hidden=0&offset=0&parent_folder_id={number}&portalId=101",
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_path_is_requested_exactly_as_given(files, hs, portal, name):
    portal.add_file(f"f/{name}", b"x")
    ended(files("fetch", f"f/{name}"), 0)
    assert tree_of(hs.cwd) == {name: b"x"}


def test_a_missing_source_is_reported(files, hs):
    failed(files("fetch", "no/such.txt", "out"), 5, "404")
    assert not (hs.cwd / "out").exists()


@pytest.mark.parametrize("path", ["..", "../x", "a/../../../../crm/v3/objects/contacts", "a\nb"])
def test_an_invalid_path_is_not_requested(files, sim, path):
    """A server that resolves ".." would return something else."""
    failed(files("fetch", path, "out"), 2, "is not a valid path in the file manager")
    assert not sim.log


def test_extra_slashes_and_dots_are_ignored(files, hs, portal):
    portal.add_file("a/b/c.txt", b"c")
    ended(files("fetch", "//a/./b//", "one"), 0)
    assert tree_of(hs.cwd / "one") == {"b/c.txt": b"c"}
    ended(files("fetch", "//", "two"), 0)
    assert tree_of(hs.cwd / "two") == {"a/b/c.txt": b"c"}


# ---- to stdout


def fetch_raw(files, *args, **how):
    """A fetch to a pipe: the exit code and the bytes of stdout."""
    done = files("fetch", *args, **how)
    return done, raw(done)


@pytest.mark.parametrize(
    "size", [0, 1, 4096, 70_000, (512 << 10) - 1, 512 << 10, (512 << 10) + 1, 3_000_000]
)
def test_one_file_is_printed_to_stdout(files, hs, portal, size):
    data = os.urandom(size)
    portal.add_file("d/a.bin", data)
    done, out = fetch_raw(files, "d/a.bin", "-")
    ended(done, 0, "Fetched 1 file")
    assert out == data and tree_of(hs.cwd) == {} and [*hs.cwd.iterdir()] == []
    done, out = fetch_raw(files, "d/a.bin", "--dest", "-")
    assert done.code == 0 and out == data


def test_stdout_allows_any_name_and_private_files(files, hs, sim, portal):
    """No file is written, so no name is refused."""
    portal.add_file("d/.hsignore", b"rules")
    portal.add_file("d/p.txt", b"private", access="PRIVATE")
    assert [fetch_raw(files, f"d/{n}", "-")[1] for n in (".hsignore", "p.txt")] == [
        b"rules",
        b"private",
    ]
    sim.fail(CDN, status=403)
    assert fetch_raw(files, "d/p.txt", "-")[1] == b"private"
    assert tree_of(hs.cwd) == {}


@pytest.mark.parametrize("source", ["d", "/", "d/sub/"])
def test_a_folder_is_not_printed_to_stdout(files, hs, sim, portal, source):
    portal.add_file("d/sub/a.txt", b"a")
    done = files("fetch", source, "-")
    failed(done, 2, "to stdout: it is a folder")
    assert done.out == "" and not sim.requests(CDN) and [*hs.cwd.iterdir()] == []


@pytest.mark.parametrize("option", [["--json"], ["--manifest", "m"], ["--resume", "m"]])
def test_options_that_print_to_stdout_are_refused(files, hs, sim, portal, option):
    portal.add_file("a.txt", b"a")
    failed(files("fetch", "a.txt", "-", *option), 2, "when writing to stdout")
    assert not sim.log and [*hs.cwd.iterdir()] == []
    ended(files("fetch", "a.txt", "./-", *option), 0)
    assert (hs.cwd / "-" / "a.txt").read_bytes() == b"a"


def test_a_missing_hidden_or_archived_file_is_not_printed_to_stdout(files, portal):
    portal.add_file("h.txt", b"h", hidden=True)
    portal.add_file("o.txt", b"o", archived=True)
    for name, code in (("no.txt", 5), ("h.txt", 1), ("o.txt", 1)):
        done, out = fetch_raw(files, name, "-")
        assert done.code == code and out == b"", (name, done.err)
    assert fetch_raw(files, "o.txt", "-", "--include-archived")[1] == b"o"


@pytest.mark.parametrize("size", [1000, 2_000_000])
@pytest.mark.parametrize("lie", [-1, 1])
def test_a_wrong_length_on_stdout_is_a_failure(files, portal, size, lie):
    portal.add_file("a.bin", b"x" * size, size=size + lie)
    done, out = fetch_raw(files, "a.bin", "-")
    failed(done, 1, str(size + lie))
    assert len(out) <= size and (size > 1000 or out == b"")


@pytest.mark.parametrize("size", [200_000, 2_000_000])
@pytest.mark.parametrize("how", [{"at": "body", "then": "reset"}, {"at": "body", "then": "close"}])
def test_a_transfer_to_stdout_that_breaks_off(files, sim, portal, size, how):
    """It is repeated while nothing was printed; bytes are never printed twice."""
    data = os.urandom(size)
    portal.add_file("a.bin", data)
    sim.fail(CDN, **how)
    done, out = fetch_raw(files, "a.bin", "-")
    assert done.code == 0 if size < 512 << 10 else done.code in (0, 7)
    assert out == data if done.code == 0 else data.startswith(out) and "a.bin" in done.err


def test_an_error_page_is_not_printed_to_stdout(files, sim, portal):
    portal.add_file("a.bin", b"data")
    for status in (500, 404, 206, 204):
        sim.fail(CDN, times=None, status=status, body=b"<html>")
        done, out = fetch_raw(files, "a.bin", "-", "--max-wait", "1")
        assert done.code and out == b"", (status, done.err)
        sim.rules.clear()


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_a_closed_pipe_is_a_failure(files, hs, portal, size):
    portal.add_file("a.bin", b"x" * size)
    read, write = os.pipe()
    os.close(read)
    try:
        failed(files("fetch", "a.bin", "-", stdout=write), 1, "stdout: Broken pipe")
    finally:
        os.close(write)
    with open("/dev/full", "wb") as full:
        failed(files("fetch", "a.bin", "-", stdout=full), 1, "stdout: No space left")


def test_stdout_on_a_terminal_shows_no_control_bytes(tty, hs, portal):
    portal.add_file("a.txt", b"text \x1b]0;evil\x07\n")
    child = tty("filemanager", "fetch", "a.txt", "-", env=token(portal))
    assert tty.end(child) == 0
    assert "text \\u001b]0;evil\\u0007" in child.logfile_read.text


# ---- hidden, archived, private


def test_archived_files_are_fetched_only_on_request(files, hs, portal):
    portal.add_file("d/old.txt", b"o", archived=True)
    portal.add_file("d/new.txt", b"n")
    ended(files("fetch", "d", "one"), 0)
    assert tree_of(hs.cwd / "one") == {"d/new.txt": b"n"}
    ended(files("fetch", "d", "two", "-i"), 0)
    assert tree_of(hs.cwd / "two") == {"d/new.txt": b"n", "d/old.txt": b"o"}
    failed(files("fetch", "d/old.txt", "one"), 1, "archived", "--include-archived")
    ended(files("fetch", "d/old.txt", "one", "--include-archived"), 0)


def test_a_hidden_file_is_not_fetched(files, portal):
    portal.add_file("d/h.txt", b"h", hidden=True)
    failed(files("fetch", "d/h.txt"), 1, "hidden")


def test_a_private_file_is_fetched_from_a_signed_url(files, hs, sim, portal):
    portal.add_file("d/p.txt", b"private", access="PRIVATE")
    portal.add_file("d/q.txt", b"hidden private", access="HIDDEN_PRIVATE")
    ended(files("fetch", "d", "."), 0)
    assert tree_of(hs.cwd) == {"d/p.txt": b"private", "d/q.txt": b"hidden private"}
    assert len(sim.requests(SIGN)) == 2


def test_a_signed_url_is_not_shown(files, hs, sim, portal):
    """Anyone who has it can use it."""
    portal.add_file("d/p.txt", b"private", access="PRIVATE")
    sim.fail(CDN, status=302, headers={"Location": "https://cdn.example.com/there?Signature=other"})
    done = files("fetch", "d", ".", "--debug", "--max-wait", "1")
    assert sim.requests(SIGN) and "Signature=" in sim.requests(CDN)[0].query
    assert "https://cdn.example.com/there?" in done.err and "Signature=" not in done.err


def test_an_expired_url_is_requested_once_more(files, hs, sim, portal):
    portal.add_file("d/p.txt", b"private", access="PRIVATE")
    portal.add_file("d/a.txt", b"public")
    for name, body in (("p.txt", b"private"), ("a.txt", b"public")):
        sim.fail(CDN, status=403, body=b"<Error/>")
        ended(files("fetch", f"d/{name}", "."), 0)
        assert (hs.cwd / name).read_bytes() == body
    assert len(sim.requests(SIGN)) == 3


def test_a_url_that_keeps_failing_fails_the_file(files, hs, sim, portal):
    portal.add_file("d/a.txt", b"a")
    portal.add_file("d/b.txt", b"b")
    sim.fail(f"GET cdn.example.com/hubfs/101/{next(iter(portal.files))}", times=None, status=403)
    ended(files("fetch", "d", "."), 8, r"failed d/a\.txt: cdn\.example\.com returned 403")
    assert tree_of(hs.cwd) == {"d/b.txt": b"b"}


# ---- credentials


def test_neither_token_nor_account_reaches_the_file_host(hs, sim):
    here = sim.portal(202)
    hs.write_config(here)
    here.add_file("d/a.txt", b"a", host="cdn.evil.test")
    here.add_file("d/b.txt", b"b", host="api.hubapi.com")
    ended(hs("filemanager", "fetch", "d", "."), 0)
    for r in sim.requests("/hubfs/"):
        assert r.header("authorization") is None and "portalId" not in r.query, r.host
        assert "hapikey" not in r.query


def test_a_plain_http_url_is_requested_over_tls(files, hs, sim, portal):
    made = portal.add_file("d/a.txt", b"a")
    made["url"] = made["url"].replace("https:", "http:")
    other = portal.add_file("d/b.txt", b"b")
    other["url"] = other["url"].removeprefix("https:")
    ended(files("fetch", "d", "."), 0)
    assert tree_of(hs.cwd) == {"d/a.txt": b"a", "d/b.txt": b"b"}
    assert all(r.tls for r in sim.log)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x/y", "nonsense", "https://", "https://a b/c"]
)
def test_an_invalid_url_fails_the_file(files, hs, portal, url):
    portal.add_file("d/a.txt", b"a", url=url)
    portal.add_file("d/b.txt", b"b")
    ended(files("fetch", "d", "."), 8, r"failed d/a\.txt")
    assert tree_of(hs.cwd) == {"d/b.txt": b"b"}


def test_redirects_are_followed_but_never_to_plain_http(files, hs, sim, portal):
    a = portal.add_file("d/a.txt", b"a")
    b = portal.add_file("d/b.txt", b"b")
    to = f"https://cdn2.example.com/hubfs/101/{a['id']}/a.txt"
    sim.fail(
        f"GET cdn.example.com/hubfs/101/{a['id']}", status=302, headers={"Location": to}, body=b""
    )
    sim.fail(
        f"GET cdn.example.com/hubfs/101/{b['id']}",
        times=None,
        status=302,
        body=b"",
        headers={"Location": f"http://cdn2.example.com/hubfs/101/{b['id']}/b.txt"},
    )
    ended(files("fetch", "d", "."), 8, r"failed d/b\.txt: .*302")
    assert tree_of(hs.cwd) == {"d/a.txt": b"a"}
    assert all(r.tls for r in sim.log)


# ---- nothing outside the destination

HOSTILE = [
    "..",
    ".",
    "../up.txt",
    "/etc/abs.txt",
    "a/b.txt",
    "",
    "new\nline.txt",
    "bell\x07.txt",
    "nul\0.txt",
    "del\x7f.txt",
    "n" * 256,
    "x.hs-part",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_name_fails_the_file(files, hs, portal, name):
    fill(portal, **{"d/good.txt": b"g"})
    portal.add_file("d/x", b"evil", name=name, extension="")
    done = files("fetch", "d", "out")
    ended(done, 8, "1 of 2 files failed")
    assert tree_of(hs.cwd) == {"out/d/good.txt": b"g"}
    assert "\x07" not in done.err and "\x7f" not in done.err


@pytest.mark.parametrize("name, extension", [("a", "/../../up"), ("..", "./x"), (".", "")])
def test_a_hostile_extension_cannot_leave_the_folder(files, hs, portal, name, extension):
    fill(portal, **{"d/good.txt": b"g"})
    portal.add_file("d/x", b"evil", name=name, extension=extension)
    ended(files("fetch", "d", "out"), 8)
    assert tree_of(hs.cwd) == {"out/d/good.txt": b"g"}


# What hs reads as configuration or rules, and names that are these for other file systems.
READ = [
    "hubspot.config.yml",
    "hubspot.config.yaml",
    ".hsaccount",
    ".hs",
    ".hscli",
    ".hsignore",
    ".gitignore",
    ".git",
    "archived.hubspot.config.yml",
    "HubSpot.Config.YML",
    ".HSIGNORE",
    ".hSaccount",
    ".HS",
    ".HsCli",
    ".GIT",
    ".h\u017fignore",
    "hub\u017fpot.config.yml",
    "hubspot.con\ufb01g.yml",
    ".hs\u200cignore",
    "\ufeff.hsaccount",
    ".hs\u00ad",
    ".hs\ufe0fcli",
    ".h\U000e0020s",
    ".hsignore.",
    ".hsignore ",
    ".hs. .",
    "hubspot.config.yml...",
    ".hs::$INDEX_ALLOCATION",
    ".hsignore:x",
    ".hsaccount::$DATA",
    "hubspot.config.yml:$DATA",
    "HUBSPO~1.YML",
    "hsigno~2",
    "HS~1",
    "HSACCO~1",
    "HSCLI~1",
    "GIT~1",
    "GITIGN~4",
    "x\\.hs",
    "..\\.hsignore",
]
NOT_READ = [
    ".hsignored",
    "hsignore",
    ".hs-theme",
    "hubspot.config.txt",
    "my.hubspot.config.yml",
    ".gitattributes",
    ".gitkeep",
    "hs",
    "hs~",
    "a~1.yml",
    "hub\u00dfpot.config.yml",
    "config.yml",
    "settings.json",
    "caf\u00e9.yml",
    "\u212a.txt",
    "a:b.txt",
]


@pytest.mark.parametrize("name", READ)
def test_a_file_that_hs_would_read_is_never_written(files, hs, portal, name):
    fill(portal, **{"d/good.txt": b"g"})
    portal.add_file("d/x", b"evil", name=name, extension="")
    done = files("fetch", "d", "out", "--json")
    ended(done, 8, "1 of 2 files failed", "read it as configuration or rules")
    assert tree_of(hs.cwd) == {"out/d/good.txt": b"g"}
    assert {e["path"]: e["status"] for e in done.json["items"]} == {
        "d/good.txt": "fetched",
        f"d/{name}": "failed",
    }
    place(hs.cwd / "out" / "d" / name, "mine")
    ended(files("fetch", "d", "out", "--overwrite"), 8)
    assert (hs.cwd / "out" / "d" / name).read_bytes() == b"mine"


@pytest.mark.parametrize("name", READ[:-2])
def test_nothing_in_a_folder_that_hs_would_read_is_written(files, hs, sim, portal, name):
    fill(portal, **{"d/good.txt": b"g", "d/sub/settings.json": b"e", "d/sub/more/x.txt": b"e"})
    next(f for f in portal.folders.values() if f["name"] == "sub")["name"] = name
    ended(files("fetch", "d", "out"), 8, "read it as configuration or rules")
    assert tree_of(hs.cwd) == {"out/d/good.txt": b"g"} and len(sim.requests(CDN)) == 1
    assert [*(hs.cwd / "out" / "d").iterdir()] == [hs.cwd / "out" / "d" / "good.txt"]


@pytest.mark.parametrize("path", [".hsignore", "d/.hs/settings.json", "d/.hs"])
def test_a_file_that_hs_would_read_is_refused_as_the_source(files, hs, portal, path):
    fill(portal, **{".hsignore": b"e", "d/.hs/settings.json": b"e"})
    if path == "d/.hs/settings.json":  # no name in the way: it lands in the folder itself
        ended(files("fetch", path, "out"), 0)
        assert tree_of(hs.cwd) == {"out/settings.json": b"e"}
        return
    failed(files("fetch", path, "out"), 8, path, "read it as configuration or rules")
    assert tree_of(hs.cwd) == {}


@pytest.mark.parametrize("name", NOT_READ)
def test_similar_names_are_fetched(files, hs, portal, name):
    portal.add_file("d/x", b"fine", name=name, extension="")
    ended(files("fetch", "d", "."), 0)
    assert tree_of(hs.cwd) == {f"d/{name}": b"fine"}


@pytest.mark.parametrize(
    "dest",
    [".hs", ".hscli/x", "a/.HSIGNORE", ".git/hooks", "link", "link/new", "hubspot.config.yml"],
)
def test_a_destination_that_hs_would_read_is_refused(files, hs, sim, portal, dest):
    portal.add_file("settings.json", b"e")
    (hs.home / ".hscli").mkdir()
    (hs.cwd / "link").symlink_to(hs.home / ".hscli")
    failed(files("fetch", "settings.json", dest), 2, "cannot write to", "configuration or rules")
    assert tree_of(hs.cwd) == {} and tree_of(hs.home) == {} and not sim.requests(CDN)


@pytest.mark.parametrize("how", ["option", "variable", "link", "token file", "ca", "manifest"])
def test_a_file_that_the_run_itself_uses_is_never_replaced(hs, sim, portal, how):
    """Whatever its name: --config, a manifest, a file with a token, trusted CAs."""
    portal.add_file("d/used", b"theirs")
    portal.add_file("d/other", b"theirs")
    used = hs.cwd / "d" / "used"
    env, args = token(portal), []
    if how in ("option", "variable", "link"):
        where = hs.cwd / "config" if how == "link" else used
        want = hs.write_config(portal, path=where).read_text()[:20]
        env = {}
    used.parent.mkdir(exist_ok=True)
    if how == "link":
        used.symlink_to("../config")
    if how in ("option", "link"):
        args = ["--config", "d/used"]
    elif how == "variable":
        env["HUBSPOT_CONFIG_PATH"] = str(used)
    elif how == "token file":
        want = env.pop("HUBSPOT_ACCESS_TOKEN")
        place(used, want)
        env["HUBSPOT_ACCESS_TOKEN_FILE"] = "d/../d/used"
    elif how == "ca":
        shutil.copy(sim.env["SSL_CERT_FILE"], used)
        want, args = "-----BEGIN", ["--ca-file", "d/used"]
    elif how == "manifest":
        want, args = '{"path":"d/', ["--manifest", "d/used"]
    for source in ("d", "d/used") if how != "manifest" else ("d",):
        dest = "." if source == "d" else "d"
        done = hs("filemanager", "fetch", source, dest, "--overwrite", *args, env=env)
        ended(done, 8, "used: this run uses the local file")
        assert used.read_text().startswith(want)
        assert used.is_symlink() == (how == "link")
    assert (hs.cwd / "d" / "other").read_bytes() == b"theirs"


@pytest.mark.parametrize("name", HOSTILE[:-1])
def test_a_hostile_folder_name_fails_the_folder(files, hs, portal, name):
    fill(portal, **{"d/good.txt": b"g", "d/sub/evil.txt": b"e"})
    next(f for f in portal.folders.values() if f["name"] == "sub")["name"] = name
    ended(files("fetch", "d", "out"), 8)
    assert tree_of(hs.cwd) == {"out/d/good.txt": b"g"}


def test_a_folder_with_a_false_name_stays_inside(files, hs, portal):
    number = portal.add_folder("d")
    portal.add_file("d/a.txt", b"a")
    stat = {"folder": {"id": number, "name": "../../up"}}
    hs.sim.fail("GET api.hubapi.com/filemanager/api/v2/files/stat/d", status=200, body=stat)
    failed(files("fetch", "d", "out"), 1, "points outside")
    assert tree_of(hs.cwd) == {}


def test_backslashes_are_part_of_a_name(files, hs, portal):
    portal.add_file("d/x", b"w", name="..\\..\\win", extension="txt")
    ended(files("fetch", "d", "."), 0)
    assert tree_of(hs.cwd) == {"d/..\\..\\win.txt": b"w"}


def test_a_link_planted_in_the_destination_is_not_followed(files, hs, portal, tmp_path):
    fill(portal, **{"d/sub/a.txt": b"a", "d/b.txt": b"b", "d/c.txt": b"c"})
    outside = tmp_path / "outside"
    outside.mkdir()
    (hs.cwd / "d").mkdir()
    (hs.cwd / "d" / "sub").symlink_to(outside)
    (hs.cwd / "d" / "b.txt").symlink_to(outside / "b.txt")
    (hs.cwd / "d" / ".c.txt.hs-part").symlink_to(outside / "c.txt")
    done = files("fetch", "d", ".", "--overwrite")
    ended(
        done,
        8,
        "failed d/sub/?: cannot create the folder: a symbolic link has that name",
    )
    assert list(outside.iterdir()) == []
    assert (hs.cwd / "d" / "b.txt").read_bytes() == b"b" and not (
        hs.cwd / "d" / "b.txt"
    ).is_symlink()
    assert (hs.cwd / "d" / "c.txt").read_bytes() == b"c"


def test_a_destination_that_is_a_link_is_followed(files, hs, portal):
    portal.add_file("a.txt", b"a")
    (hs.cwd / "real").mkdir()
    (hs.cwd / "link").symlink_to("real")
    ended(files("fetch", "a.txt", "link"), 0)
    assert tree_of(hs.cwd) == {"real/a.txt": b"a"}


@pytest.mark.parametrize("to", ["nowhere", "file", "link"])
def test_a_destination_that_is_a_broken_link_is_reported_as_one(files, hs, portal, to):
    fill(portal, **{"a.txt": b"a", "d/sub/b.txt": b"b", "d/c.txt": b"c"})
    place(hs.cwd / "file", "x")
    (hs.cwd / "link").symlink_to(to)
    failed(
        files("fetch", "a.txt", "link"), 1, r"cannot write to link: .* \(link is a symbolic link\)"
    )
    failed(
        files("fetch", "a.txt", "link/below"),
        1,
        r"cannot write to link/below: .* \(link is a symbolic link\)",
    )
    place(hs.cwd / "d" / "sub", "x")
    ended(files("fetch", "d", "."), 8, "cannot create the folder: a file has that name")


def test_two_files_of_one_name_do_not_overwrite_each_other(files, hs, portal):
    portal.add_file("d/x.txt", b"first")
    portal.add_file("d/y", b"second", name="x.txt", extension="")
    done = files("fetch", "d", ".", "--overwrite")
    ended(done, 8, r"failed d/x\.txt: another file has the same name")
    assert tree_of(hs.cwd) == {"d/x.txt": b"first"}


@pytest.mark.parametrize("args", [[], ["--overwrite"], ["--resume", "m"]])
def test_names_that_are_the_same_for_the_file_system(files, hs, sim, portal, args):
    """As "A" and "a" on a disk of Windows. Here a rename behind its back has to
    stand for that."""
    for name in ("A.txt", "slow.txt", "a.txt"):
        portal.add_file(f"d/{name}", name.encode())
    first, slow, _ = portal.files
    folder = hs.cwd / "d"

    def rename():
        until((folder / "A.txt").exists)
        (folder / "A.txt").rename(folder / "a.txt")

    sim.fail(f"GET cdn.example.com/hubfs/101/{slow}", then=rename)
    ended(
        files("fetch", "d", ".", "--concurrency", "1", *args),
        8,
        r"failed d/a\.txt: on this file system, another fetched file has the same name",
    )
    assert tree_of(folder) == {"a.txt": b"A.txt", "slow.txt": b"slow.txt"}


def test_folders_that_are_the_same_for_the_file_system(files, hs, sim, portal):
    for name in ("Sub", "slow", "sub"):
        portal.add_file(f"d/{name}/x.txt", name.encode())
    number = {f["name"]: k for k, f in portal.folders.items()}
    old = sim.rule_for

    def rule_for(request):
        if f"&folder_id={number['Sub']}&" in request.target:
            (hs.cwd / "d" / "Sub").rename(hs.cwd / "d" / "sub")
        elif f"&folder_id={number['slow']}&" in request.target:
            until((hs.cwd / "d" / "sub").exists)
        return old(request)

    sim.rule_for = rule_for
    try:
        ended(
            files("fetch", "d", ".", "--concurrency", "1", "--overwrite"),
            8,
            "failed d/sub/?: cannot create the folder: on this file system, "
            "another folder has the same name",
        )
    finally:
        del sim.rule_for
    assert tree_of(hs.cwd) == {"d/sub/x.txt": b"Sub", "d/slow/x.txt": b"slow"}


def test_the_inode_of_a_replaced_file_can_be_used_again(files, hs, sim, portal):
    """It was remembered, and its next owner taken for the file. A rename stands in for the
    file system, which chooses the numbers."""
    for name in ("a.txt", "slow.txt", "z.txt"):
        portal.add_file(f"d/{name}", name.encode())
    first, slow, _ = portal.files
    folder = hs.cwd / "d"
    place(folder / "a.txt", "old")

    def rename():
        (folder / "a.txt").rename(folder / "z.txt")

    sim.fail(f"GET cdn.example.com/hubfs/101/{first}", then=rename)
    sim.fail(f"GET cdn.example.com/hubfs/101/{slow}", then=lambda: until((folder / "a.txt").exists))
    ended(files("fetch", "d", ".", "--concurrency", "1", "--overwrite"), 0, "Fetched 3 files")
    assert tree_of(folder) == {n: n.encode() for n in ("a.txt", "slow.txt", "z.txt")}


def test_a_file_and_a_folder_of_one_name(files, hs, portal):
    portal.add_file("d/x", b"file")
    portal.add_file("d/x/in.txt", b"in")
    ended(files("fetch", "d", "."), 8, "another file or folder has the same name")
    assert tree_of(hs.cwd) == {"d/x": b"file"}


def test_a_cyclic_listing_ends(files, hs, portal):
    portal.add_file("d/e/a.txt", b"a")
    outer, inner = list(portal.folders)
    portal.folders[7] = {"id": outer, "name": "again", "parent_folder_id": inner}
    ended(files("fetch", "d", "."), 8, "the folder was already listed")
    assert tree_of(hs.cwd) == {"d/e/a.txt": b"a"}


@pytest.mark.parametrize("lie", [5, -3])
def test_a_wrong_total_neither_loops_nor_loses_files(files, hs, sim, portal, lie):
    for n in range(25):
        portal.add_file(f"d/{n}.txt", b"x")
    portal.lie = lie
    done = files("fetch", "d", ".")
    assert len(tree_of(hs.cwd)) == 25
    if lie > 0:
        ended(done, 8, "HubSpot reports 30 files here, but lists 25")
    else:
        ended(done, 0)


def test_a_total_on_one_page_applies_to_the_others(files, sim, portal):
    for n in range(50):
        portal.add_file(f"d/{n}.txt", b"x")
    sim.fail(listing(20), status=200, body={"objects": []})
    ended(files("fetch", "d", "."), 8, "HubSpot reports 50 files here, but lists 20")


# ---- listing ahead


def listing(offset, what="files"):
    """The requests for one page of a listing."""
    return f"GET /filemanager/api/v2/{what}/?hidden=0&offset={offset}&"


def many(portal, count):
    """Fill folder d; the content of each file."""
    tree = {f"d/{n}.txt": b"%d" % n for n in range(count)}
    fill(portal, **tree)
    return tree


def test_pages_are_requested_ahead_four_at_a_time(files, hs, sim, portal):
    tree = many(portal, 240)
    counted = threading.Event()
    flying = []

    def count():
        sim.wait(listing(80))
        time.sleep(0.3)  # for a fifth request, which must not come
        flying.append(len(sim.requests(LIST)))
        counted.set()

    sim.fail(listing(20), then=count)
    for n in (40, 60, 80):
        sim.fail(listing(n), then=lambda: counted.wait(60))
    ended(files("fetch", "d", "."), 0)
    assert tree_of(hs.cwd) == tree
    assert flying == [5]  # the first page and four
    assert len(sim.requests(LIST)) == 12  # each page once


def test_pages_that_arrive_out_of_order_are_all_fetched(files, hs, sim, portal):
    tree = many(portal, 100)
    sim.fail(listing(20), then=lambda: sim.wait(listing(80)))
    sim.fail(listing(40), then=lambda: sim.wait(listing(80)))
    ended(files("fetch", "d", "."), 0)
    assert tree_of(hs.cwd) == tree


def test_pages_that_arrive_before_a_late_one_are_few(files, hs, sim, portal):
    """The memory that they use is bounded: eight with the late one and one of folders."""
    tree = many(portal, 400)
    held = []

    def count():
        sim.wait(listing(140))
        time.sleep(0.3)  # for another request, which must not come
        held.append(len(sim.requests(LIST)))

    sim.fail(listing(20), then=count)
    ended(files("fetch", "d", "."), 0)
    assert tree_of(hs.cwd) == tree
    assert held == [8]  # the first page and seven


def test_a_shorter_page_loses_no_file(files, hs, sim, portal):
    """The pages that were requested ahead no longer fit, and are requested again."""
    tree = many(portal, 100)
    entries = list(portal.files.values())[20:30]
    page = {"objects": [dict(e, data=None) for e in entries], "total_count": 100}
    sim.fail(listing(20), status=200, body=page)
    ended(files("fetch", "d", "."), 0)
    assert tree_of(hs.cwd) == tree
    assert len(sim.requests(listing(30))) == 1


def test_a_page_that_fails_ends_the_listing_in_order(files, hs, sim, portal):
    tree = many(portal, 100)
    sim.fail(listing(20), then=lambda: sim.wait(listing(80)))
    sim.fail(listing(40), status=400, body={"message": "no third page"})
    done = files("fetch", "d", ".")
    ended(done, 8, "no third page", "1 of 41 files failed")
    assert tree_of(hs.cwd) == {f"d/{n}.txt": tree[f"d/{n}.txt"] for n in range(40)}


def test_a_page_is_repeated_after_a_server_error(files, hs, sim, portal):
    tree = many(portal, 100)
    sim.fail(listing(40), status=502)
    ended(files("fetch", "d", "."), 0)
    assert tree_of(hs.cwd) == tree


def test_a_new_token_is_used_for_all_pages_ahead(hs, sim):
    here = sim.portal(202)
    hs.write_config(here)
    tree = many(here, 100)
    ended(hs("filemanager", "fetch", "d/1.txt", "saved"), 0)  # saves a token
    sim.fail(listing(0), at="body", then=lambda: sim.revoke(202))
    ended(hs("filemanager", "fetch", "d", "."), 0)
    assert tree_of(hs.cwd / "d") == {k[2:]: v for k, v in tree.items()}
    assert len(sim.requests("POST /localdevauth")) == 2  # and once for all pages


def test_an_interrupt_while_pages_are_ahead(files, hs, sim, portal):
    """Nothing is lost or left behind: the pages that wait are freed."""
    many(portal, 100)
    sim.fail(listing(20), then="hang")
    run = subprocess.Popen(
        [hs.bin, "filemanager", "fetch", "d", "."],
        cwd=hs.cwd,
        env=hs.env(token(portal)),
        stderr=subprocess.PIPE,
    )
    sim.wait(listing(80))
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    assert not parts_left(hs.cwd) and not [*hs.cwd.rglob(".hs-tmp*")]


# ---- what is there already


def test_an_existing_file_is_skipped_and_reported(files, hs, sim, portal):
    fill(portal, **{"d/a.txt": b"new", "d/b.txt": b"b"})
    place(hs.cwd / "d" / "a.txt", b"mine")
    ended(files("fetch", "d", "."), 0, r"skipped d/a\.txt: already exists; use --overwrite")
    assert tree_of(hs.cwd) == {"d/a.txt": b"mine", "d/b.txt": b"b"}
    ended(files("fetch", "d", ".", "-o"), 0)
    assert tree_of(hs.cwd) == {"d/a.txt": b"new", "d/b.txt": b"b"}


@pytest.mark.parametrize(
    "mode, kept",
    [
        (0o600, 0o600),
        (0o640, 0o640),
        (0o755, 0o755),
        (0o444, 0o444),
        (0o666, 0o666),
        (0o000, 0o000),
        (0o4755, 0o755),
        (0o2755, 0o755),
        (0o6711, 0o711),
        (0o1644, 0o644),
    ],
)
def test_overwriting_keeps_the_mode(files, hs, portal, mode, kept):
    """But not the setuid bits: the content is the server's."""
    portal.add_file("d/a.txt", b"new")
    portal.add_file("d/b.txt", b"b")
    place(hs.cwd / "d" / "a.txt", "old").chmod(mode)
    for args in (["--overwrite"], ["--overwrite", "--manifest", "m"], ["-o", "--resume", "m"]):
        ended(files("fetch", "d", ".", *args), 0)
        assert stat.S_IMODE((hs.cwd / "d" / "a.txt").stat().st_mode) == kept
    assert stat.S_IMODE((hs.cwd / "d" / "b.txt").stat().st_mode) == 0o644
    (hs.cwd / "d" / "a.txt").chmod(0o644)
    assert tree_of(hs.cwd / "d") == {"a.txt": b"new", "b.txt": b"b"}


def test_the_mode_is_kept_while_the_file_is_fetched(files, hs, sim, portal):
    portal.add_file("a.txt", b"new")
    place(hs.cwd / "a.txt", "old").chmod(0o600)
    modes = []
    sim.fail(
        CDN,
        at="head",
        then=lambda: modes.extend(stat.S_IMODE(p.stat().st_mode) for p in parts_left(hs.cwd)),
    )
    ended(files("fetch", "a.txt", "--overwrite"), 0)
    assert modes == [0o600]


def test_overwriting_a_link_ignores_the_mode_of_its_target(files, hs, portal):
    portal.add_file("a.txt", b"new")
    place(hs.cwd / "real", "old").chmod(0o777)
    (hs.cwd / "a.txt").symlink_to("real")
    ended(files("fetch", "a.txt", "--overwrite"), 0)
    assert stat.S_IMODE((hs.cwd / "a.txt").lstat().st_mode) == 0o644
    assert (hs.cwd / "real").read_bytes() == b"old"


def test_a_folder_with_the_name_of_a_file_is_a_failure(files, hs, portal):
    fill(portal, **{"d/a.txt": b"new", "d/b.txt": b"b"})
    (hs.cwd / "d" / "a.txt").mkdir(parents=True)
    ended(files("fetch", "d", ".", "-o"), 8, "a folder has that name")
    assert tree_of(hs.cwd) == {"d/b.txt": b"b"}


# ---- what goes wrong


@pytest.mark.parametrize(
    "how",
    [
        {"at": "start", "then": "reset"},
        {"at": "body", "then": "reset"},
        {"at": "body", "then": "close"},
        {"at": "head", "then": "close"},
        {"status": 503},
        {"status": 429},
        {"drip": (40_000, 0.01)},
        {"status": 429, "headers": {"Retry-After": "1"}},
    ],
)
def test_network_errors_are_retried(files, hs, sim, portal, how):
    data = {f"d/{n}.bin": os.urandom(200_000 + n) for n in range(4)}
    fill(portal, **data)
    sim.fail(CDN, **how)
    ended(files("fetch", "d", "."), 0)
    assert tree_of(hs.cwd) == data


@pytest.mark.parametrize(
    "how, word",
    [
        ({"at": "body", "then": "reset"}, "reset"),
        ({"at": "body", "then": "close"}, "closed after [0-9]+ bytes of the response"),
        ({"status": 500}, "500"),
    ],
)
def test_a_file_that_never_completes_fails_and_leaves_nothing(files, hs, sim, portal, how, word):
    fill(portal, **{"d/a.bin": os.urandom(900_000), "d/b.bin": b"b"})
    sim.fail(f"GET cdn.example.com/hubfs/101/{next(iter(portal.files))}", times=None, **how)
    ended(files("fetch", "d", ".", "--max-wait", "5"), 8, rf"failed d/a\.bin: .*{word}")
    assert tree_of(hs.cwd) == {"d/b.bin": b"b"}


@pytest.mark.parametrize("size", [5, 500])
def test_a_length_other_than_the_listed_one_fails_the_file(files, hs, portal, size):
    portal.add_file("d/a.txt", b"x" * 100, size=size)
    portal.add_file("d/b.txt", b"b")
    ended(files("fetch", "d", "."), 8, r"failed d/a\.txt: .*(5|500)")
    assert tree_of(hs.cwd) == {"d/b.txt": b"b"}


def test_impossible_sizes_do_not_overflow(files, hs, sim):
    sim.fail(
        LIST.removesuffix("?"),
        status=200,
        body={
            "total_count": 1100,
            "objects": [
                {"id": n, "name": f"{n}", "hidden": True, "size": 2**53} for n in range(1, 1101)
            ],
        },
    )
    ended(files("fetch", "/", "d"), 0, "1100 skipped")


def test_a_listing_that_fails_is_a_failure_and_the_rest_is_fetched(files, hs, sim, portal):
    fill(portal, **{"d/a.txt": b"a", "d/e/b.txt": b"b", "d/f/c.txt": b"c"})
    number = next(k for k, f in portal.folders.items() if f["name"] == "e")
    old = sim.rule_for
    sim.rule_for = lambda r: (
        sim_500()
        if f"parent_folder_id={number}" in r.target or f"folder_id={number}&" in r.target
        else old(r)
    )
    try:
        ended(files("fetch", "d", "."), 8, "failed d/e/?: HubSpot returned 500")
    finally:
        del sim.rule_for
    assert tree_of(hs.cwd) == {"d/a.txt": b"a", "d/f/c.txt": b"c"}


def sim_500():
    from hubsim import Rule

    return Rule("*", status=500)


@pytest.mark.parametrize(
    "how, code",
    [({"status": 500}, 1), ({"status": 401}, 4), ({"status": 429, "policy": "DAILY"}, 6)],
)
def test_if_all_fail_alike_the_exit_code_names_the_cause(files, sim, portal, how, code):
    fill(portal, **{"d/a.txt": b"a"})
    sim.fail(LIST.removesuffix("?"), after=1, times=None, **how)
    ended(files("fetch", "d", "."), code)


def test_a_single_file_fails_with_its_own_code(files, hs, sim, portal):
    portal.add_file("a.bin", os.urandom(100_000))
    sim.fail(CDN, times=None, at="body", then="reset")
    failed(
        files("fetch", "a.bin", "--max-wait", "4"), 7, "a.bin: cdn.example.com: the connection was"
    )
    assert tree_of(hs.cwd) == {}


def test_fail_fast(files, sim, portal):
    for n in range(30):
        portal.add_file(f"d/{n}.txt", b"x")
    sim.fail(CDN, after=3, times=None, status=500)
    done = files("fetch", "d", ".", "--fail-fast", "--concurrency", "1", "--json")
    ended(done, 8, "1 of 4 files failed", r"1 failed; (at least )?\d+ not tried")
    assert len(sim.requests(CDN)) == 4
    assert done.json["failed"] == 1 and done.json["notTried"] >= 16


def test_untried_files_are_counted_separately(files, sim, portal):
    for n in range(20):
        portal.add_file(f"d/{n}.txt", b"x", access="PRIVATE")
    sim.fail(SIGN, after=5, times=None, status=429, policy="DAILY")
    done = files("fetch", "d", ".", "--concurrency", "1", "--json")
    ended(done, 8, "1 failed; (at least )?14 not tried")
    assert {k: done.json[k] for k in ("fetched", "failed", "interrupted", "notTried")} == {
        "fetched": 5,
        "failed": 1,
        "interrupted": 0,
        "notTried": 14,
    }


def test_a_full_disk_is_reported(files, hs, portal):
    """Simulated with a limit on the size of files."""
    portal.add_file("d/a.bin", b"x" * 300_000)
    portal.add_file("d/b.bin", b"x")
    done = files("fetch", "d", ".", preexec_fn=lambda: limit_size(100_000))
    ended(done, 8, r"failed d/a\.bin: cannot write the file: File too large")
    assert tree_of(hs.cwd) == {"d/b.bin": b"x"}


def limit_size(size):
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


# ---- manifests, interruptions


def test_json_and_manifest(files, hs, portal):
    portal.add_file("s/d/a.txt", b"abc")
    done = files("fetch", "s/d", "out", "--json", "--manifest", "m")
    ended(done, 0)
    [entry] = done.json["items"]
    made = next(iter(portal.files.values()))
    assert (
        entry["path"],
        entry["remote"],
        entry["id"],
        entry["url"],
        entry["bytes"],
        entry["status"],
    ) == ("d/a.txt", "s/d/a.txt", made["id"], made["url"], 3, "fetched")
    assert manifest(hs.cwd / "m") == [entry]


def test_json_and_manifest_hold_the_longest_url(files, hs, sim, portal):
    """An entry over 64 KiB was omitted, and the JSON was broken."""
    ids = [portal.add_file(f"{name}.txt", b"x")["id"] for name in "abc"]
    sim.fail(
        LIST.removesuffix("?"),
        status=200,
        body={
            "total_count": 3,
            "objects": [
                {
                    "id": i,
                    "name": n,
                    "extension": "txt",
                    "size": 1,
                    "url": f"https://cdn.example.com/hubfs/101/{i}/{n}.txt"
                    + ("#" + "y" * 70000) * (n == "b"),
                }
                for i, n in zip(ids, "abc")
            ],
        },
    )
    done = files("fetch", "/", "out", "--json", "--manifest", "m")
    ended(done, 0)
    assert sorted(e["path"] for e in done.json["items"]) == ["a.txt", "b.txt", "c.txt"]
    assert len(manifest(hs.cwd / "m")) == 3


def test_resume_fetches_only_what_is_missing(files, hs, sim, portal):
    for n in range(10):
        portal.add_file(f"d/{n}.txt", str(n).encode())
    sim.fail(CDN, after=6, times=4, status=500)
    ended(files("fetch", "d", ".", "--manifest", "m"), 8)
    (hs.cwd / next(iter(by_status(manifest(hs.cwd / "m"))["fetched"]))).unlink()
    ended(
        files("fetch", "d", ".", "--resume", "m", "--overwrite"),
        0,
        "Fetched 5 files",
        "5 skipped",
    )
    assert len(sim.requests(CDN)) == 15
    assert len(tree_of(hs.cwd)) == 11


def test_resume_fetches_again_what_has_changed(files, hs, sim, portal):
    """Compares account, destination, size, the server's time and the local file's time."""
    entry = portal.add_file("d/a.txt", b"one")
    entry["updated"] = 1_700_000_000_000

    def fetch(dest=".", *args):
        done = files("fetch", "d", dest, "--resume", "m", "--overwrite", *args)
        ended(done, 0)
        return int(re.search(r"Fetched (\d+)", done.err)[1])

    assert [fetch(), fetch()] == [1, 0]
    entry["updated"] += 1
    assert [fetch(), fetch()] == [1, 0]
    entry["updated"] = "2023-11-14T22:13:20.500Z"
    assert [fetch(), fetch()] == [1, 0]
    del entry["updated"]
    assert [fetch(), fetch()] == [1, 0]
    (hs.cwd / "d" / "a.txt").write_text("two")
    os.utime(hs.cwd / "d" / "a.txt", (5, 5))
    assert [fetch(), fetch()] == [1, 0]
    assert tree_of(hs.cwd / "d") == {"a.txt": b"one"}
    place(hs.cwd / "other" / "d" / "a.txt", "two")
    shutil.copystat(hs.cwd / "d" / "a.txt", hs.cwd / "other" / "d" / "a.txt")
    assert [fetch("other"), fetch("./other"), fetch(hs.cwd / "other")] == [1, 0, 0]
    assert tree_of(hs.cwd / "other") == {"d/a.txt": b"one"}
    assert {e["into"] for e in manifest(hs.cwd / "m")} == {str(hs.cwd), str(hs.cwd / "other")}


def test_ctrl_c_leaves_only_complete_files(files, hs, sim, portal):
    for n in range(10):
        portal.add_file(f"d/{n}.bin", os.urandom(100_000))
    sim.fail(CDN, after=5, times=None, at="body", then="hang")
    run = subprocess.Popen(
        [hs.bin, "filemanager", "fetch", "d", ".", "--manifest", "m"],
        cwd=hs.cwd,
        env=hs.env(token(portal)),
        stderr=subprocess.PIPE,
    )
    sim.wait(CDN, 10)
    until(lambda: len([*(hs.cwd / "d").glob("*.bin")]) == 5)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    assert not parts_left(hs.cwd) and not [*hs.cwd.rglob(".hs-tmp*")]
    whole = tree_of(hs.cwd / "d")
    assert len(whole) == 5 and {len(d) for d in whole.values()} == {100_000}
    assert len(manifest(hs.cwd / "m")) == 5
    assert b"5 interrupted" in err and b"failed" not in err and b"--resume m" in err


def test_a_killed_run_resumes(files, hs, sim, portal):
    for n in range(60):
        portal.add_file(f"d/{n}.bin", os.urandom(50_000))
    sim.fail(CDN, after=40, times=None, at="body", then="hang")
    run = subprocess.Popen(
        [hs.bin, "filemanager", "fetch", "d", ".", "--manifest", "m"],
        cwd=hs.cwd,
        env=hs.env(token(portal)),
        stderr=subprocess.PIPE,
    )
    for line in run.stderr:
        if line.startswith(b"fetched "):
            break
    run.kill()
    run.communicate()
    confirmed = {e["id"] for e in manifest(hs.cwd / "m")}
    assert confirmed
    sim.rules.clear()
    before = len(sim.requests(CDN))
    ended(files("fetch", "d", ".", "--resume", "m"), 0)
    again = {int(r.path.split("/")[3]) for r in sim.requests(CDN)[before:]}
    assert not confirmed & again
    assert tree_of(hs.cwd / "d") == {k.removeprefix("d/"): v for k, v in stored(portal).items()}
    assert not parts_left(hs.cwd) and not [*hs.cwd.rglob(".hs-tmp*")]


@pytest.mark.parametrize("call", ["mkdirat", "openat", "flock", "unlinkat", "renameat2"])
def test_two_runs_at_once_keep_their_files_apart(files, hs, sim, portal, strace, call):
    """One is slow at each of these calls; the other one starts, ends and cleans up."""
    data = os.urandom(200_000)
    portal.add_file("a.bin", data)
    slow = subprocess.Popen(
        [
            strace,
            "-o",
            hs.cwd / "trace",
            "-e",
            f"inject={call}:delay_enter=100000",
            hs.bin,
            "filemanager",
            "fetch",
            "/",
            "d",
        ],
        env=hs.env(token(portal)),
        cwd=hs.cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(8):
        ended(files("fetch", "/", "d", "--overwrite"), 0)
        assert (hs.cwd / "d" / "a.bin").read_bytes() == data
        (hs.cwd / "d" / "a.bin").unlink()
    _, err = slow.communicate()
    # the other run's file may be there when this one's gets its name
    assert slow.returncode == 0 or err.startswith(
        "failed a.bin: cannot write the file: File exists\n"
    ), err
    assert not parts_left(hs.cwd) and not [*hs.cwd.rglob(".hs-tmp*")]
    files("fetch", "/", "d")
    assert tree_of(hs.cwd / "d") == {"a.bin": data}


def test_progress_on_a_terminal(tty, hs, sim, portal):
    for n in range(4):
        portal.add_file(f"d/file-{n}.bin", os.urandom(300_000))
    sim.fail(CDN, times=None, at="body", then=0.7)
    child = tty("filemanager", "fetch", "d", ".", "--concurrency", "2", env=token(portal))
    child.expect(r"%[^\r\n]*file-\d\.bin")
    child.expect(r"[0-4] of 4\+? files, ")
    child.expect("Fetched 4 files")
    assert tty.end(child) == 0


# ---- many, and large


def test_memory_does_not_grow_with_size_or_number(hs, portal):
    portal.add_file("d/big.bin", b"x" * (60 << 20))
    for n in range(400):
        portal.add_file(f"d/{n}.txt", b"x" * 1000)
    code, peak = peak_memory(hs, ["filemanager", "fetch", "d", "."], token(portal))
    assert code == 0 and len(tree_of(hs.cwd)) == 401
    if not is_sanitized(hs):
        assert peak < 6 * 1024


def test_downloads_share_a_few_connections(files, sim, portal):
    for n in range(50):
        portal.add_file(f"d/{n}.txt", b"x")
    ended(files("fetch", "d", ".", "--concurrency", "3"), 0)
    assert len({r.conn for r in sim.requests(CDN)}) <= 3


@pytest.mark.parametrize("source", ["/", "a"])
def test_a_source_that_cannot_be_listed_is_counted_once(hs, sim, source):
    """It is counted when it fails, so nothing remains untried, and it has a name."""
    portal, other = sim.portal(101), sim.portal(202)
    portal.add_file("a/b.txt", b"x")
    done = hs(
        "files",
        "fetch",
        source,
        "out",
        "--json",
        "--use-env",
        env={"HUBSPOT_PERSONAL_ACCESS_KEY": portal.key, "HUBSPOT_ACCOUNT_ID": other.hub_id},
    )
    assert done.code == 3 and "not tried" not in done.err and "failed :" not in done.err, done.err
    if source == "/":
        assert (done.json["failed"], done.json["notTried"]) == (1, 0)
        assert "failed .: " in done.err
