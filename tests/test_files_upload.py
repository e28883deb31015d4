"""hs filemanager upload, as a user sees it: what is sent, what is left out and
why, what happens when something goes wrong, and how a run goes on after that."""
import json
import os
import re
import resource
import signal
import subprocess
import threading
import time

import pytest

from calls import failed, is_sanitized
from files import (  # noqa: F401 (some are fixtures)
    LIST,
    NAMES,
    UPLOAD,
    by_status,
    ended,
    files,
    is_root,
    manifest,  # noqa: F401
    peak_memory,
    place,
    portal,
    stored,
    token,
    tree_of,
)
from hubsim import multipart
from official import official_client  # noqa: F401

DAILY = {"status": 429, "policy": "DAILY", "times": None}


def sent(sim):
    """The names of the files that were sent, in order, and how often."""
    return [multipart(r)["fileName"][1].decode() for r in sim.requests(UPLOAD)]


# ---- where files go, and what the request is


@pytest.mark.parametrize(
    "dest, path",
    [
        ("images/logo.png", "images/logo.png"),
        ("/images/logo.png", "images/logo.png"),
        ("images/", "images/a.png"),
        ("/", "a.png"),
        (".", "a.png"),
        ("other.png", "other.png"),
        ("a//b/./c.png", "a/b/c.png"),
        ("images", "images"),
    ],
)
def test_a_file_goes_to_its_path_or_into_a_folder(files, hs, portal, dest, path):
    place(hs.cwd / "a.png", b"PNG")
    ended(files("upload", "a.png", dest), 0)
    assert stored(portal) == {path: b"PNG"}


def test_the_request_has_the_form_that_hubspot_expects(files, hs, sim, portal):
    place(hs.cwd / "a.png", b"\x89PNG\r\n--not-a-boundary\r\n")
    ended(files("upload", "a.png", "images/x/logo.png"), 0)
    [request] = sim.requests(UPLOAD)
    parts = multipart(request)
    assert list(parts) == ["file", "fileName", "options", "folderPath"]
    assert 'filename="a.png"' in parts["file"][0] and "image/png" in parts["file"][0]
    assert parts["file"][1] == b"\x89PNG\r\n--not-a-boundary\r\n"
    assert json.loads(parts["options"][1]) == {"access": "PUBLIC_INDEXABLE", "overwrite": True}
    assert parts["folderPath"][1] == b"images/x" and parts["fileName"][1] == b"logo.png"
    assert request.header("content-length") == str(len(request.body))
    assert request.header("transfer-encoding") is None
    assert request.params == [("portalId", "101")]


@pytest.mark.parametrize("dest", ["images/logo", "logo", "images/logo.old"])
def test_the_media_type_comes_from_the_local_name(files, hs, sim, dest):
    """As in the official client: the destination need not have an extension."""
    place(hs.cwd / "in" / "a.png", b"PNG")
    ended(files("upload", "in/a.png", dest), 0)
    parts = multipart(sim.requests(UPLOAD)[0])
    assert 'filename="a.png"' in parts["file"][0] and "image/png" in parts["file"][0]
    assert parts["fileName"][1].decode() == dest.rpartition("/")[2]


TYPES = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "eot": "application/vnd.ms-fontobject",
    "ics": "text/calendar",
    "heic": "image/heic",
    "tiff": "image/tiff",
    "tif": "image/tiff",
    "webmanifest": "application/manifest+json",
    "gz": "application/gzip",
    "m4a": "audio/mp4",
    "ogg": "audio/ogg",
    "ogv": "video/ogg",
    "epub": "application/epub+zip",
    "rtf": "application/rtf",
    "js": "application/javascript",
    "mjs": "application/javascript",
    "ico": "image/vnd.microsoft.icon",
    "wav": "audio/wave",
    "PNG": "image/png",
    "tar.GZ": "application/gzip",
    "svgz": "image/svg+xml",
    "vtt": "text/vtt",
    "jxl": "application/octet-stream",
    "dat": "application/octet-stream",
    "": "application/octet-stream",
}


def sent_types(sim):
    return {
        multipart(r)["fileName"][1].decode(): re.search(
            r"Content-Type: (.*)", multipart(r)["file"][0]
        )[1]
        for r in sim.requests(UPLOAD)
    }


def test_media_types_are_those_that_the_official_client_sends(files, hs, sim):
    names = {f"a.{extension}": media for extension, media in TYPES.items()}
    names |= {"png": "application/octet-stream", ".png": "application/octet-stream"}
    for name in names:
        place(hs.cwd / "t" / name)
    ended(files("upload", "t", "d", "--exclude", "!.png"), 0)
    assert sent_types(sim) == names


def test_no_media_type_differs_from_the_official_clients(files, hs, sim, official_client):
    """For each extension in its table, hs sends the same type or application/octet-stream."""
    table = json.loads(
        subprocess.run(
            ["node", "-p", "JSON.stringify(require('mime-types').types)"],
            check=True,
            capture_output=True,
            cwd=official_client.parent,
        ).stdout
    )
    assert len(table) > 1000
    for extension in table:
        place(hs.cwd / "t" / f"a.{extension}")
    ended(files("upload", "t", "d", "--exclude", "!*"), 0)
    types = {name.removeprefix("a."): media for name, media in sent_types(sim).items()}
    assert len(types) == len(table)
    ours = {e: t for e, t in types.items() if t != "application/octet-stream"}
    assert {e: (t, table[e]) for e, t in ours.items() if t != table[e]} == {}
    assert len(ours) > 130


def test_a_local_name_cannot_end_a_header(files, hs, sim):
    place(hs.cwd / 'a"; X=1.png', b"PNG")
    ended(files("upload", 'a"; X=1.png', "a.png"), 0)
    parts = multipart(sim.requests(UPLOAD)[0])
    assert 'filename="a%22; X=1.png"' in parts["file"][0]


@pytest.mark.parametrize(
    "args, options",
    [
        (["--access", "private"], {"access": "PRIVATE", "overwrite": True}),
        (["--access", "public-noindex"], {"access": "PUBLIC_NOT_INDEXABLE", "overwrite": True}),
        (["--no-overwrite"], {"access": "PUBLIC_INDEXABLE", "overwrite": False}),
    ],
)
def test_access_and_overwrite_are_sent_to_hubspot(files, hs, sim, args, options):
    place(hs.cwd / "a.txt", "x")
    done = files("upload", "a.txt", "a.txt", *args)
    ended(done, 0)
    assert json.loads(multipart(sim.requests(UPLOAD)[0])["options"][1]) == options
    assert ("will be public" in done.err) == (options["access"] != "PRIVATE")


def test_no_notice_if_public_access_was_chosen(files, hs, sim):
    place(hs.cwd / "a.txt", "x")
    for value in ("public", "PUBLIC"):
        done = files("upload", "a.txt", "a.txt", f"--access={value}")
        ended(done, 0)
        assert "public" not in done.err.lower()
    assert (
        json.loads(multipart(sim.requests(UPLOAD)[0])["options"][1])["access"] == "PUBLIC_INDEXABLE"
    )


def test_no_overwrite_keeps_a_file_and_reports_it(files, hs, portal):
    portal.add_file("a.txt", b"old")
    place(hs.cwd / "a.txt", "new")
    failed(files("upload", "a.txt", "a.txt", "--no-overwrite"), 1, "exists")
    assert stored(portal) == {"a.txt": b"old"}


@pytest.mark.parametrize("dest", ["../x", "a/../../b", "a\nb"])
def test_an_invalid_destination_is_refused(files, hs, sim, dest):
    place(hs.cwd / "a.txt", "x")
    failed(files("upload", "a.txt", dest), 2, "is not a valid path")
    assert not sim.log


def test_a_missing_source_is_an_error(files, sim):
    failed(files("upload", "nowhere", "x"), 2, "cannot read nowhere", "No such file")
    assert not sim.log


def test_a_folder_is_uploaded_with_everything_in_it(files, hs, portal):
    for n, name in enumerate(NAMES):
        place(hs.cwd / "tree" / name, str(n))
        place(hs.cwd / "tree" / "sub dir" / "ü%#?" / name, b"\0" * n)
    done = files("upload", "tree", "site/assets")
    ended(done, 0, rf"Uploaded {2 * len(NAMES)} files")
    assert stored(portal) == {f"site/assets/{p}": d for p, d in tree_of(hs.cwd / "tree").items()}


def test_an_empty_file_and_a_large_one(files, hs, portal):
    big = os.urandom(5 << 20)
    place(hs.cwd / "t" / "empty.bin")
    place(hs.cwd / "t" / "big.bin", big)
    ended(files("upload", "t", "t"), 0)
    assert stored(portal) == {"t/empty.bin": b"", "t/big.bin": big}


def test_the_official_alias(hs, portal):
    place(hs.cwd / "a.txt", "x")
    ended(hs("files", "upload", "a.txt", "a.txt", env=token(portal)), 0)
    assert stored(portal) == {"a.txt": b"x"}


def test_a_config_account_is_used_and_its_token_kept(hs, sim):
    here = sim.portal(202)
    hs.write_config(here)
    for n in range(30):
        place(hs.cwd / "t" / f"{n}.txt", str(n))
    ended(hs("filemanager", "upload", "t", "t"), 0)
    assert len(here.files) == 30
    assert len(sim.requests("POST /localdevauth")) == 1
    assert hs.read_config()["accounts"][0]["auth"]["tokenInfo"]["accessToken"]


@pytest.mark.parametrize(
    "line",
    [
        "filemanager upload a.txt a.txt",
        "filemanager fetch /",
        "secrets list",
        "secrets delete X --force",
        "secrets add X --value-env HOME",
        "secrets update X --value-env HOME",
        "secrets apply -f env",
        "sandbox create --name x --type developer",
        "sandbox delete --force",
    ],
)
@pytest.mark.parametrize("which", ["porta", "1010"])
def test_an_unknown_account_is_never_replaced_by_another(hs, sim, line, which):
    """The official client uses the default account, even to delete."""
    hs.write_config(sim.portal(101, secrets={"X": "value-of-x"}), sim.portal(102))
    place(hs.cwd / "a.txt", "x")
    place(hs.cwd / "env", "X=1\n")
    failed(hs(*line.split(), "--account", which), 3, which)
    assert not sim.log


# ---- what is left out


def test_the_built_in_rules_exclude_files_that_are_not_assets(files, hs, portal):
    for name in (
        ".env",
        ".git/config",
        "node_modules/x/y.js",
        "a.log",
        "b.swp",
        "Thumbs.db",
        "__MACOSX/z",
        "~",
        "x~",
        "package-lock.json",
        "hubspot.config.yml",
        "sub/.hidden",
        "Icon\r",
        "Icon",
        "node_modules_too/a",
        "good.txt",
    ):
        place(hs.cwd / "t" / name, "x")
    ended(files("upload", "t", "d"), 0)
    assert set(stored(portal)) == {"d/good.txt", "d/Icon", "d/node_modules_too/a"}


OWN = [
    "hubspot.config.yml",
    "hubspot.config.yaml",
    "hubspot.config.yxml",
    "HubSpot.Config.YML",
    "hub\u200cspot.config.yml",
    "hub\u017fpot.config.yml",
    "hubspot.config.yml.lock",
    "hubspot.config.yml.LOCK",
    "hubspot.config.yml. ",
    "archived.hubspot.config.yml",
    "archived.hubspot.config.yml.1",
    "Archived.hubspot.config",
    ".hubspot.config.yml.hs-new",
    ".custom.yml.hs-new",
    ".a.png.hs-part",
    ".hs-tmp",
    ".HS-tmp-1000/a",
    ".hs-tmp/.git/_config.yml.lock",
    ".hsaccount",
    ".HSACCOUNT",
    ".hs/settings.json",
    ".hscli/config.yml",
    ".HSCLI/state.json",
    "sub/.hs/x/y.txt",
]


@pytest.mark.parametrize("name", OWN)
def test_a_file_that_belongs_to_hs_is_never_uploaded(files, hs, sim, portal, name):
    """Whatever the options or an ignore file say."""
    place(hs.cwd / "t" / name, "key")
    place(hs.cwd / "t" / "a.txt", "x")
    place(hs.cwd / ".hsignore", "!*\n")
    force = ["--include", "*", "--exclude", "!*", "--exclude", "!.*"]
    ended(files("upload", "t", "d", *force), 0)
    assert stored(portal) == {"d/a.txt": b"x"}
    sim.log.clear()
    for more in ([], ["--dry-run"]):
        failed(files("upload", f"t/{name}", "d", *force, *more), 2, "hs's own files")
    if "/" in name:
        folder = os.path.dirname(f"t/{name}")
        failed(files("upload", folder, "d", *force), 2, "hs's own files")
        failed(files("upload", ".", "d", *force, cwd=hs.cwd / folder), 2, "hs's own files")
    assert not sim.log


def test_names_that_only_resemble_those_of_hs_are_uploaded(files, hs, portal):
    names = [
        "hubspot.config.md",
        "my-hubspot.config.yml.txt",
        "hs",
        ".hsx",
        "x.hs-new",
        "yarn.lock",
        "a.hs",
        "hsaccount",
    ]
    for name in names:
        place(hs.cwd / "t" / name, "x")
    ended(files("upload", "t", "d", "--exclude", "!.*"), 0)
    assert set(stored(portal)) == {f"d/{name}" for name in names}


def test_hsignore_rules_are_relative_to_their_folder_as_in_git(files, hs, portal):
    for name in ("a.txt", "a.tmp", "keep.tmp", "build/x", "src/build/y", "docs/z.txt", ".x"):
        place(hs.cwd / "t" / name, "x")
    place(hs.cwd / ".hsignore", "*.tmp\n!keep.tmp\n/t/build\n!.x\n# a comment\n")
    ended(files("upload", "t", "d"), 0)
    assert set(stored(portal)) == {"d/a.txt", "d/keep.tmp", "d/src/build/y", "d/docs/z.txt", "d/.x"}


def test_the_path_above_the_current_directory_is_not_judged(files, hs, portal):
    """The official client uploads nothing from below a folder called .cache."""
    here = hs.cwd / ".cache" / "node_modules" / "w"
    place(here / "t" / "a.txt", "x")
    ended(files("upload", "t", "d", cwd=here), 0)
    ended(files("upload", here / "t", "e", cwd=here), 0)
    place(here / ".hsignore", "b\n")
    ended(files("upload", "../w/t", "f", cwd=here), 0)
    assert set(stored(portal)) == {"d/a.txt", "e/a.txt", "f/a.txt"}


def test_an_hsignore_applies_in_addition_to_the_one_above_it(files, hs, portal):
    place(hs.cwd / ".hsignore", "a.txt\n")
    place(hs.cwd / "t" / ".hsignore", "b.txt\n!a.txt\n")
    for name in "abc":
        place(hs.cwd / "t" / f"{name}.txt", "x")
    ended(files("upload", "t", "d"), 0)
    assert set(stored(portal)) == {"d/c.txt"}


def test_exclude_and_include(files, hs, portal):
    for name in ("a.png", "b.svg", "c.txt", "sub/d.png", "old/e.png", ".well-known/f"):
        place(hs.cwd / "t" / name, "x")
    ended(
        files("upload", "t", "d", "--include", "*.png", "--include=/c.txt", "--exclude", "/old"), 0
    )
    assert set(stored(portal)) == {"d/a.png", "d/sub/d.png", "d/c.txt"}
    portal.files.clear()
    ended(files("upload", "t", "d", "--exclude", "!.well-known", "--exclude", "*.*g"), 0)
    assert set(stored(portal)) == {"d/c.txt", "d/.well-known/f"}


def test_nothing_to_upload_is_an_error_that_names_the_rules(files, hs, sim):
    place(hs.cwd / ".hsignore", "\n*.txt\n")
    place(hs.cwd / "t" / "a.txt", "x")
    place(hs.cwd / "t" / ".b", "x")
    failed(
        files("upload", "t", "d"),
        2,
        "nothing to upload",
        r"a\.txt: .*\.hsignore line 2: \*\.txt",
        r"\.b: built-in line 5: \.\*",
    )
    failed(files("upload", "t/a.txt", "d"), 2, r"\.hsignore line 2")
    (hs.cwd / "empty").mkdir()
    failed(files("upload", "empty", "d"), 2, "no files in empty")
    (hs.cwd / "empty" / "link").symlink_to("../t")
    failed(files("upload", "empty", "d"), 2, "nothing to upload in empty: 1 links")
    failed(
        files("upload", place(hs.cwd / "one.css"), "d", "--include", "*.png"),
        2,
        "that no --include matches",
    )
    assert not sim.log


def test_dry_run_shows_the_plan_and_sends_nothing(hs, sim):
    """Also without an account: no request is made."""
    place(hs.cwd / "t" / "a.png", "x" * 2048)
    place(hs.cwd / "t" / ".b", "x")
    place(hs.cwd / "t" / "c.txt", "x")
    os.symlink("a.png", hs.cwd / "t" / "link")
    done = hs("filemanager", "upload", "t", "d", "--dry-run", "--include", "*.png")
    ended(done, 0)
    assert set(done.out.splitlines()) == {
        "upload a.png -> d/a.png (2.0 KiB)",
        "ignore .b (built-in line 5: .*)",
        "leave out c.txt (no --include matches)",
        "skip link (not a regular file)",
    }
    done = hs("filemanager", "upload", "t", "d", "--dry-run", "--json")
    assert {e["path"]: e["status"] for e in done.json["items"]} == {
        "a.png": "upload",
        ".b": "ignore",
        "c.txt": "upload",
        "link": "skip",
    }
    assert not sim.log


def test_links_and_pipes_are_reported_and_not_followed(files, hs, portal):
    place(hs.cwd / "t" / "a.txt", "x")
    place(hs.cwd / "secret.txt", "s")
    os.symlink("../secret.txt", hs.cwd / "t" / "link.txt")
    os.symlink("..", hs.cwd / "t" / "up")
    os.mkfifo(hs.cwd / "t" / "pipe")
    done = files("upload", "t", "d")
    ended(
        done,
        0,
        "skipped link.txt: symbolic links are not followed",
        "skipped up: symbolic links are not followed",
        "skipped pipe: not a regular file",
        "3 skipped",
    )
    assert stored(portal) == {"d/a.txt": b"x"}


def test_a_link_given_as_the_source_is_followed(files, hs, portal):
    place(hs.cwd / "t" / "a.txt", "x")
    os.symlink("t", hs.cwd / "here")
    os.symlink("t/a.txt", hs.cwd / "one.txt")
    ended(files("upload", "here", "d"), 0)
    ended(files("upload", "one.txt", "one.txt"), 0)
    assert stored(portal) == {"d/a.txt": b"x", "one.txt": b"x"}


@pytest.mark.parametrize(
    "dest, path",
    [
        ("images/", "images/logo.png"),
        (".", "logo.png"),
        ("/", "logo.png"),
        ("images/x.png", "images/x.png"),
    ],
)
def test_a_link_has_its_own_name_as_with_cp(files, hs, sim, portal, dest, path):
    place(hs.cwd / "store" / "blob-1a2b.bin", b"PNG")
    place(hs.cwd / "in" / "x")
    (hs.cwd / "in" / "logo.png").symlink_to("../store/blob-1a2b.bin")
    (hs.cwd / "two.jpg").symlink_to("in/logo.png")
    done = files("upload", "in/logo.png", dest, "--json")
    ended(done, 0)
    assert stored(portal) == {path: b"PNG"}
    assert done.json["items"][0]["path"] == "logo.png"
    part = multipart(sim.requests(UPLOAD)[0])["file"][0]
    assert 'filename="logo.png"' in part and "image/png" in part
    ended(files("upload", "./in/../two.jpg", "images/"), 0)
    assert "images/two.jpg" in stored(portal)


# ---- what the run says


def test_json_is_a_manifest_on_stdout(files, hs, portal):
    place(hs.cwd / "t" / "a.txt", "abc")
    place(hs.cwd / "t" / "b\u0085.txt", "")
    done = files("upload", "t", "d", "--json")
    ended(done, 0)
    one = next(e for e in done.json["items"] if e["path"] == "a.txt")
    made = next(f for f in portal.files.values() if f["name"] == "a")
    assert (one["remote"], one["id"], one["url"], one["bytes"], one["status"], one["account"]) == (
        "d/a.txt",
        made["id"],
        made["url"],
        3,
        "uploaded",
        101,
    )
    assert {k: v for k, v in done.json.items() if k != "items"} == {
        "uploaded": 2,
        "skipped": 0,
        "failed": 0,
        "interrupted": 0,
        "notTried": 0,
        "bytes": 3,
    }
    assert "\u0085" not in done.out


def test_progress_on_a_terminal(tty, hs, sim, portal):
    for n in range(4):
        place(hs.cwd / "t" / f"file-{n}.bin", os.urandom(300_000))
    sim.fail(UPLOAD, times=None, at="start", then=0.7)
    child = tty("filemanager", "upload", "t", "d", "--concurrency", "2", env=token(portal))
    child.expect(r"%[^\r\n]*file-\d\.bin")
    child.expect(r"[0-4] of 4 files, ")
    child.expect("Uploaded 4 files")
    assert tty.end(child) == 0
    assert len(portal.files) == 4


def test_a_failure_stays_readable_on_a_terminal(tty, hs, sim, portal):
    place(hs.cwd / "t" / "a.txt", "x")
    place(hs.cwd / "t" / "b.txt", "x")
    sim.fail(UPLOAD, status=500)
    child = tty("filemanager", "upload", "t", "d", "--concurrency", "1", env=token(portal))
    child.expect(r"failed [ab]\.txt: HubSpot returned 500")
    child.expect("1 of 2 files failed")
    assert tty.end(child) == 8


# ---- what goes wrong


def test_a_failed_file_does_not_stop_the_others(files, hs, sim, portal):
    for n in range(20):
        place(hs.cwd / "t" / f"{n}.txt", str(n))
    sim.fail(UPLOAD, after=5, status=500)
    done = files("upload", "t", "d", "--manifest", "m")
    ended(done, 8, "1 of 20 files failed", r"failed \d+\.txt: HubSpot returned 500")
    assert len(portal.files) == 19
    assert {k: len(v) for k, v in by_status(manifest(hs.cwd / "m")).items()} == {
        "uploaded": 19,
        "failed": 1,
    }


def test_fail_fast_starts_no_more_files(files, hs, sim, portal):
    for n in range(20):
        place(hs.cwd / "t" / f"{n:02}.txt", str(n))
    sim.fail(UPLOAD, after=3, times=None, status=500)
    done = files("upload", "t", "d", "--fail-fast", "--concurrency", "1", "--json")
    ended(done, 8, "1 of 4 files failed", "1 failed; 16 not tried")
    assert len(sim.requests(UPLOAD)) == 4
    assert counts(done.json) == {
        "uploaded": 3,
        "skipped": 0,
        "failed": 1,
        "interrupted": 0,
        "notTried": 16,
    }


def counts(document):
    return {k: v for k, v in document.items() if k not in ("items", "bytes")}


@pytest.mark.parametrize(
    "how, code, tries",
    [
        ({"status": 500}, 1, 3),
        ({"status": 403}, 4, 3),
        ({"status": 401}, 4, 1),
        (DAILY, 6, 1),
        ({"status": 413, "body": "<html>too large</html>"}, 1, 3),
    ],
)
def test_if_all_fail_alike_the_exit_code_names_the_cause(files, hs, sim, how, code, tries):
    for n in range(3):
        place(hs.cwd / "t" / f"{n}.txt", str(n))
    sim.fail(UPLOAD, **{**how, "times": None})
    done = files("upload", "t", "d", "--concurrency", "1")
    ended(done, code, "nothing was uploaded: HubSpot returned")
    assert len(sim.requests(UPLOAD)) == tries


def test_the_daily_limit_stops_the_run_and_is_reported(files, hs, sim, portal):
    for n in range(50):
        place(hs.cwd / "t" / f"{n}.txt", str(n))
    sim.fail(UPLOAD, after=10, **DAILY)
    done = files("upload", "t", "d", "--concurrency", "2", "--json")
    ended(done, 8, "midnight", r"[12] failed; \d+ not tried")
    assert len(portal.files) == 10 and len(sim.requests(UPLOAD)) <= 12
    found = counts(done.json)
    assert found["uploaded"] == 10 and found["failed"] in (1, 2)
    assert (
        found["notTried"] == 40 - found["failed"] and found["skipped"] + found["interrupted"] == 0
    )


def test_a_deactivated_account_stops_the_run(files, hs, sim):
    for n in range(100):
        place(hs.cwd / "t" / f"{n}.txt", str(n))
    sim.fail(UPLOAD, times=None, status=403, body={"category": "MISSING_SCOPES"})
    ended(files("upload", "t", "d"), 4, "scopes", "not tried")
    assert len(sim.requests(UPLOAD)) < 30


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "1"}], ids=["bare", "retry-after"])
def test_a_rate_limit_is_waited_out(files, hs, sim, portal, headers):
    for n in range(10):
        place(hs.cwd / "t" / f"{n}.txt", str(n))
    sim.fail(UPLOAD, after=2, times=4, status=429, headers=headers)
    ended(files("upload", "t", "d"), 0)
    assert len(portal.files) == 10


def test_a_second_refusal_does_not_shorten_the_servers_wait(files, hs, sim, portal):
    """One response said 3 seconds, another none: all were retried after half a second."""
    times = []
    for n in range(8):
        place(hs.cwd / "t" / f"{n}.txt", str(n))
    sim.fail(
        UPLOAD,
        status=429,
        headers={"Retry-After": "3"},
        then=lambda: times.append(time.monotonic()),
    )
    sim.fail(UPLOAD, status=429, at="head", then=0.2)
    sim.fail(UPLOAD, times=None, then=lambda: times.append(time.monotonic()))
    ended(files("upload", "t", "d", "--concurrency", "2"), 0)
    assert len(portal.files) == 8 and min(times[1:]) - times[0] > 2.5


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "500"}], ids=["bare", "retry-after"])
def test_a_rate_limit_that_does_not_end(files, hs, sim, portal, headers):
    for n in range(3):
        place(hs.cwd / "t" / f"{n}.txt", str(n))
    sim.fail(UPLOAD, times=None, status=429, headers=headers)
    ended(
        files("upload", "t", "d", "--max-wait", "2"),
        6,
        "nothing was uploaded: HubSpot returned 429",
    )
    assert not portal.files


def test_the_rate_limits_headers_are_followed(files, hs, sim, portal):
    """20 requests in 3 s: nothing is refused."""
    portal.rate = (20, 3, 2)
    for n in range(60):
        place(hs.cwd / "t" / f"{n}.txt", str(n))
    done = files("upload", "t", "d")
    ended(done, 0)
    assert len(portal.files) == 60 and len(sim.requests(UPLOAD)) == 60
    assert done.seconds > 6


def test_waiting_for_the_rate_limit_is_not_a_failure(files, hs, portal):
    """--max-wait limits retries; pacing within the rate limit may take longer."""
    portal.rate = (5, 0.6, 0.4)
    for n in range(20):
        place(hs.cwd / "t" / f"{n}.txt", str(n))
    ended(files("upload", "t", "d", "--max-wait", "2"), 0)
    assert len(portal.files) == 20


@pytest.mark.parametrize(
    "how",
    [
        {"at": "start", "then": "reset"},
        {"at": "mid-head", "then": "close"},
        {"at": "head", "then": "reset"},
        {"status": 502},
        {"status": 503},
        {"early": True, "status": 503},
        {"drip": (20, 0.01)},
    ],
)
def test_network_errors_are_retried(files, hs, sim, portal, how):
    data = os.urandom(300_000)
    place(hs.cwd / "t" / "a.bin", data)
    place(hs.cwd / "t" / "b.bin", data[::-1])
    sim.fail(UPLOAD, **how)
    ended(files("upload", "t", "d"), 0)
    assert stored(portal) == {"d/a.bin": data, "d/b.bin": data[::-1]}


@pytest.mark.parametrize(
    "body, code",
    [
        (b"<html>back soon</html>", 8),
        ({"status": "error", "message": "no"}, 8),
        (b"", 0),
        ({}, 0),
        ({"objects": []}, 0),
    ],
)
def test_only_a_valid_response_confirms_an_upload(files, hs, sim, body, code):
    """Fields of the response may be missing, but a proxy's page confirms nothing."""
    place(hs.cwd / "t" / "a.txt", "x")
    place(hs.cwd / "t" / "b.txt", "x")
    sim.fail(UPLOAD, status=200, body=body)
    ended(files("upload", "t", "d", "--manifest", "m"), code)
    assert len(by_status(manifest(hs.cwd / "m"))["uploaded"]) == 2 - (code != 0)


def test_a_slow_network_does_not_time_out(hs, sim):
    """What the system has taken may be long on its way: the time-out is for a
    server that is silent after the last byte."""
    here = sim.portal(202)
    hs.write_config(here, httpTimeout=3000)
    data = os.urandom(1_200_000)
    place(hs.cwd / "a.bin", data)
    sim.fail(UPLOAD, times=None, sip=(16_000, 0.08))
    ended(hs("filemanager", "upload", "a.bin", "a.bin"), 0)
    assert stored(here) == {"a.bin": data}
    assert len(sim.requests(UPLOAD)) == 1


@pytest.mark.parametrize("size", [1000, 8 << 20])
def test_an_interim_response_does_not_end_the_upload(files, hs, sim, portal, size):
    """A 1xx response while the body was sent stopped the upload, which timed out."""
    data = place(hs.cwd / "a.bin", os.urandom(size)).read_bytes()
    sim.fail(UPLOAD, hint=b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n")
    ended(files("upload", "a.bin", "a.bin", "--max-wait", 5), 0)
    assert stored(portal) == {"a.bin": data} and len(sim.requests(UPLOAD)) == 1


def test_interim_responses_alone_do_not_extend_the_timeout(files, hs, sim):
    place(hs.cwd / "a.bin", bytes(8 << 20))
    stop = threading.Event()
    word = b"HTTP/1.1 102 Processing\r\n\r\n"

    def talk(stream, request, sip=None):
        while not stop.wait(0.05):
            stream.sock.sendall(word)

    read, sim.read_body = sim.read_body, talk
    try:
        done = files("upload", "a.bin", "a.bin", "--max-wait", 2, timeout=20)
    finally:
        stop.set()
        sim.read_body = read
    failed(done, 7, "timed out while")


def test_unsafe_requests_are_not_repeated(files, hs, sim):
    """Without --overwrite, a second attempt would find the file of the first."""
    place(hs.cwd / "a.txt", "x")
    sim.fail(UPLOAD, at="start", then="reset")
    failed(files("upload", "a.txt", "a.txt", "--no-overwrite"), 7, "reset")
    assert len(sim.requests(UPLOAD)) == 1


def test_a_token_that_expires_during_the_run_is_renewed_once(hs, sim):
    here = sim.portal(202)
    hs.write_config(here)
    for n in range(12):
        place(hs.cwd / "t" / f"{n}.txt", str(n))
    ended(hs("filemanager", "upload", "t", "one"), 0)
    sim.revoke(202)
    ended(hs("filemanager", "upload", "t", "two"), 0)
    assert len(here.files) == 24
    assert len(sim.requests("POST /localdevauth")) == 2


def test_an_unreadable_file_fails(files, hs, portal):
    if is_root():
        pytest.skip("root reads everything")
    place(hs.cwd / "t" / "a.txt", "x")
    place(hs.cwd / "t" / "b.txt", "x").chmod(0)
    place(hs.cwd / "t" / "sub" / "c.txt", "x")
    (hs.cwd / "t" / "sub").chmod(0)
    done = files("upload", "t", "d")
    (hs.cwd / "t" / "sub").chmod(0o755)
    ended(
        done,
        8,
        r"failed b\.txt: cannot read the file: Permission",
        "failed sub: cannot read the folder",
        "2 of 3 files failed",
    )
    assert stored(portal) == {"d/a.txt": b"x"}


@pytest.mark.parametrize("change", ["grows", "shrinks"])
def test_a_file_that_changes_while_it_is_read_is_not_uploaded(files, hs, portal, change):
    size = 40 << 20
    path = place(hs.cwd / "t" / "a.bin", b"x" * size)
    place(hs.cwd / "t" / "b.txt", "x")

    stop = threading.Event()

    def keep_changing():
        while not stop.wait(0.002):
            os.truncate(path, size + 5 if change == "grows" else size // 2)
            os.utime(path)

    worker = threading.Thread(target=keep_changing)
    worker.start()
    try:
        done = files("upload", "t", "d")
    finally:
        stop.set()
        worker.join()
    ended(done, 8, r"failed a\.bin: it (changed|became shorter) during the upload")
    assert stored(portal) == {"d/b.txt": b"x"}


def test_files_that_disappear_are_reported(files, hs, sim, portal):
    """They were counted as not tried, and the run as a success."""
    for name in "abcd":
        place(hs.cwd / "t" / name, "x")
    sim.fail(UPLOAD, then=lambda: [p.unlink() for p in (hs.cwd / "t").iterdir()])
    done = files("upload", "t", "d", "--concurrency", "1")
    failed(done, 8, "3 of 4 files disappeared before upload", "3 not tried")
    assert len(portal.files) == 1  # that was open


def test_files_added_during_the_run_are_not_a_failure(files, hs, sim, portal):
    """They were "-1 of 2 files" that "disappeared"."""
    place(hs.cwd / "t" / "a", "x")
    place(hs.cwd / "t" / "s" / "b", "x")
    sim.fail(
        UPLOAD,
        status=503,
        then=lambda: [place(hs.cwd / "t" / name, "y") for name in ("s/c", "s/d")],
    )
    done = files("upload", "t", "d", "--concurrency", "1", "--json")
    ended(done, 0)
    assert done.json["notTried"] == 0 and done.json["uploaded"] == len(portal.files) >= 2


@pytest.mark.parametrize("name", ["t", "."])
def test_a_source_that_no_longer_has_a_current_directory(files, hs, sim, name):
    (hs.cwd / "gone").mkdir()

    def leave():
        os.chdir(hs.cwd / "gone")
        os.rmdir(hs.cwd / "gone")

    failed(
        files("upload", name, "d", preexec_fn=leave), 2, "cannot read .*: No such file or directory"
    )


@pytest.mark.parametrize("command", ["upload", "fetch"])
def test_a_top_folder_that_failed_has_a_name_in_the_manifest(
    files, hs, sim, portal, strace, command
):
    """Its path was empty, so --resume did not recognize the manifest."""
    if command == "fetch":
        portal.add_file("d/a.txt", b"x")
        sim.fail(LIST.removesuffix("?"), status=400)
        done = files("fetch", "/", "out", "--manifest", "m")
    else:
        place(hs.cwd / "t" / "a.txt", "x")
        done = subprocess.run(
            [
                strace,
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                "inject=getdents64:error=EIO:when=3+",
                hs.bin,
                "filemanager",
                "upload",
                "t",
                "d",
                "--manifest",
                "m",
            ],
            cwd=hs.cwd,
            text=True,
            env=hs.env(token(portal)),
            capture_output=True,
        )
        done.code, done.err = done.returncode, done.stderr
    assert done.code == 1 and r"failed .: " in done.err
    ended(files(command, *(["/", "out"] if command == "fetch" else ["t", "d"]), "--resume", "m"), 0)


def test_a_folder_that_becomes_unreadable_fails(files, hs, portal):
    """The first walk has one more descriptor than the upload itself."""
    place(hs.cwd / "t" / "a.txt", "x")
    failed(
        files(
            "upload",
            "t",
            "d",
            "--manifest",
            "m",
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5)),
        ),
        1,
        r"cannot (read|use) .*\bt(/.hsignore)?: (Too many|No file desc)",
    )
    assert not portal.files


def test_a_name_that_is_not_utf8_fails(files, hs, portal):
    place(hs.cwd / "t" / "a.txt", "x")
    with open(os.fsencode(hs.cwd / "t") + b"/\xff.txt", "wb"):
        pass
    plan = files("upload", "t", "d", "--dry-run")
    ended(plan, 8, "1 of 2 files would fail")
    assert "fail \\xff.txt (its name is not UTF-8)" in plan.out
    ended(files("upload", "t", "d"), 8, "its name is not UTF-8")
    assert stored(portal) == {"d/a.txt": b"x"}


def few_descriptors(count):
    return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))}


@pytest.mark.parametrize("count", [16, 20, 32])
@pytest.mark.parametrize("args", [[], ["--concurrency", "64"], ["--manifest", "m"]])
def test_few_descriptors_mean_fewer_connections(files, hs, sim, portal, count, args):
    for n in range(60):
        place(hs.cwd / "t" / f"{n % 3}" / "sub" / f"{n}.txt", str(n))
    done = files("upload", "t", "d", *args, **few_descriptors(count))
    ended(done, 0, "Uploaded 60 files")
    assert len(portal.files) == 60
    if count > 16:  # else connections may have to be closed to make room
        assert len({r.conn for r in sim.requests(UPLOAD)}) <= (count - 10) / 3
    assert not re.search("descriptors|open files", done.err)
    done = files("fetch", "d", ".", *args, **few_descriptors(count))
    ended(done, 0, "Fetched 60 files")
    assert tree_of(hs.cwd / "d") == tree_of(hs.cwd / "t") and not re.search(
        "descriptors|open files", done.err
    )


@pytest.mark.parametrize("args", [[], ["--manifest", "m"]])
@pytest.mark.parametrize(
    "shape", ["w{n}/{n}.txt", "w{n}/x/y/z/{n}.txt", "w{third}/x{n}/y/{n}.txt", "{chain}{n}.txt"]
)
def test_few_descriptors_and_many_folders(files, hs, portal, shape, args):
    """A folder needs one only while something is created in it; files come before listings."""
    for n in range(60):
        place(hs.cwd / "t" / shape.format(n=n, third=n % 20, chain="c/" * (n % 7)), str(n))
    ended(files("upload", "t", "d", *args, **few_descriptors(16)), 0, "Uploaded 60 files")
    ended(files("fetch", "d", "out", *args, **few_descriptors(16)), 0, "Fetched 60 files")
    assert tree_of(hs.cwd / "out" / "d") == tree_of(hs.cwd / "t")
    assert not [p for p in hs.cwd.rglob(".*")]


def test_few_descriptors_and_a_deep_folder(files, hs, portal):
    """Each folder keeps one while those below it are read: a folder that is too deep fails."""
    for n in range(20):
        place(hs.cwd / "t" / ("x/" * 4) / f"{n}.txt", str(n))
    ended(files("upload", "t", "d", **few_descriptors(16)), 0)
    place(hs.cwd / "t" / ("x/" * 20) / "deep.txt", "x")
    failed(
        files("upload", "t", "e", **few_descriptors(16)),
        1,
        "No file descriptors available|Too many open files",
    )
    ended(files("upload", "t", "e"), 0)


@pytest.mark.parametrize("path", ["/proc/version", "/proc/self/status"])
def test_a_file_with_content_but_size_0_is_refused(files, sim, path):
    """It was uploaded as an empty file."""
    failed(
        files("upload", path, "v.txt"),
        1,
        "it contains more than the 0 bytes that the system reports",
        "upload a copy",
    )
    assert not sim.requests(UPLOAD)


def test_a_file_shorter_than_its_size_fails(files, sim, portal):
    sizes = [
        p
        for p in (
            "/sys/kernel/mm/transparent_hugepage/enabled",
            "/sys/kernel/uevent_seqnum",
            "/sys/devices/system/cpu/online",
        )
        if os.path.exists(p)
    ]
    if not sizes:
        pytest.skip("there is no such file on this machine")
    failed(
        files("upload", sizes[0], "v.txt", "--max-wait", "1"),
        1,
        "it became shorter during the upload",
    )
    assert not portal.files


def test_a_file_that_keeps_growing_fails(files, hs, sim, portal):
    path = place(hs.cwd / "t" / "a.txt", "x" * 20_000_000)
    sim.fail(UPLOAD, hint=b"")
    read, sim.read_body = (
        sim.read_body,
        lambda stream, request, sip=None: (
            path.open("a").write("more"),
            read(stream, request, sip),
        )[1],
    )
    try:
        done = files("upload", "t", "d", "--max-wait", "1")
    finally:
        sim.read_body = read
    ended(done, 1, r"failed a\.txt: it changed during the upload")
    assert not portal.files


# ---- the manifest, and going on with it


def test_resume_sends_only_what_is_missing(files, hs, sim, portal):
    for n in range(10):
        place(hs.cwd / "t" / f"{n}.txt", str(n))
    sim.fail(UPLOAD, after=6, times=4, status=500)
    ended(files("upload", "t", "d", "--manifest", "m"), 8)
    ended(files("upload", "t", "d", "--resume", "m"), 0, "Uploaded 4 files", "6 skipped")
    assert len(portal.files) == 10 and len(sim.requests(UPLOAD)) == 14
    ended(files("upload", "t", "d", "--resume", "m"), 0, "Uploaded 0 files")
    assert len(sim.requests(UPLOAD)) == 14


def test_resume_sends_what_has_changed_since(files, hs, sim, portal):
    place(hs.cwd / "t" / "a.txt", "old")
    place(hs.cwd / "t" / "b.txt", "old")
    ended(files("upload", "t", "d", "--manifest", "m"), 0)
    place(hs.cwd / "t" / "a.txt", "new")
    os.utime(hs.cwd / "t" / "a.txt", (1, 1))
    ended(files("upload", "t", "d", "--resume", "m"), 0)
    assert stored(portal) == {"d/a.txt": b"new", "d/b.txt": b"old"}
    assert len(sim.requests(UPLOAD)) == 3
    ended(files("upload", "t", "elsewhere", "--resume", "m"), 0, "Uploaded 2 files")


def test_a_killed_run_resumes_and_sends_nothing_confirmed_twice(files, hs, sim, portal):
    for n in range(40):
        place(hs.cwd / "t" / f"{n}.txt", str(n))
    sim.fail(UPLOAD, after=25, times=None, at="start", then="hang")
    run = subprocess.Popen(
        [hs.bin, "filemanager", "upload", "t", "d", "--manifest", "m"],
        cwd=hs.cwd,
        env=hs.env(token(portal)),
        stderr=subprocess.PIPE,
    )
    for line in run.stderr:
        if len(list(manifest_lines(hs.cwd / "m"))) >= 20:
            break
    run.kill()
    run.wait()
    run.stderr.close()
    confirmed = {e["path"] for e in manifest_lines(hs.cwd / "m")}
    with open(hs.cwd / "m", "a") as f:
        f.write('{"path":"torn')
    sim.rules.clear()
    before = len(sim.requests(UPLOAD))
    ended(files("upload", "t", "d", "--resume", "m"), 0)
    assert not confirmed & set(sent(sim)[before:])
    assert len(stored(portal)) == 40
    good = list(manifest_lines(hs.cwd / "m"))
    assert {e["path"] for e in good if e["status"] == "uploaded"} == {f"{n}.txt" for n in range(40)}


def manifest_lines(path):
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            yield json.loads(line)
        except ValueError:
            pass


def test_ctrl_c_ends_the_run_with_130_and_a_good_manifest(files, hs, sim, portal):
    for n in range(20):
        place(hs.cwd / "t" / f"{n}.txt", str(n))
    sim.fail(UPLOAD, after=10, times=None, at="start", then="hang")
    run = subprocess.Popen(
        [hs.bin, "filemanager", "upload", "t", "d", "--manifest", "m", "--json"],
        cwd=hs.cwd,
        env=hs.env(token(portal)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    sim.wait(UPLOAD, 18)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    assert b"interrupted" in err
    assert counts(json.loads(out)) == {
        "uploaded": 10,
        "skipped": 0,
        "failed": 0,
        "interrupted": 8,
        "notTried": 2,
    }
    assert b"8 interrupted; 2 not tried" in err and b"Run again with --resume m." in err
    assert len(manifest(hs.cwd / "m")) == 10


@pytest.mark.parametrize("name", ["m.jsonl", "my manifest's.jsonl", "-m", "sub/ü.jsonl"])
def test_a_failed_run_suggests_resume(files, hs, sim, portal, name):
    (hs.cwd / "sub").mkdir()
    for n in range(4):
        place(hs.cwd / "t" / f"{n}.txt", "x")
    sim.fail(UPLOAD, after=2, status=500)
    done = files("upload", "t", "d", f"--manifest={name}")
    ended(done, 8, "1 of 4 files failed")
    [word] = re.findall(r"; run again with --resume (.*)$", done.err, re.MULTILINE)
    again = subprocess.run(
        f"{hs.bin} filemanager upload t d --resume {word}",
        shell=True,
        cwd=hs.cwd,
        env=hs.env(token(portal)),
        capture_output=True,
        text=True,
    )
    assert again.returncode == 0 and "Uploaded 1 file," in again.stderr, again.stderr
    assert "--resume" not in again.stderr


@pytest.mark.parametrize(
    "how", [{"status": 500}, {"status": 403, "body": {"category": "MISSING_SCOPES"}}, DAILY]
)
@pytest.mark.parametrize("option", ["--manifest", "--resume"])
@pytest.mark.parametrize("command", ["upload", "fetch"])
def test_a_run_in_which_all_failed_suggests_resume(files, hs, sim, portal, how, option, command):
    place(hs.cwd / "a.txt", "x")
    portal.add_file("t/a.txt", b"x")
    place(hs.cwd / "t" / "a.txt", "x")
    sim.fail(UPLOAD, **{**how, "times": None})
    sim.fail("GET cdn.example.com/hubfs/", **{**how, "times": None})
    for source in ("t", "t/a.txt"):
        done = files(command, source, "d", option, "m", "--max-wait", "1")
        assert done.code and "Run again with --resume m." in done.err, done.err
        assert "--resume" not in files(command, source, "d", "--max-wait", "1").err


def test_resume_is_not_suggested_without_a_manifest_to_read(files, hs, sim):
    place(hs.cwd / "a.txt", "x")
    sim.fail(UPLOAD, status=500)
    (hs.cwd / "out").symlink_to("/dev/stdout")
    done = files("upload", "a.txt", "a.txt", "--manifest", "out")
    assert done.code == 1 and "--resume" not in done.err


def test_manifest_and_resume_cannot_be_combined(files, hs, sim):
    place(hs.cwd / "a.txt", "x")
    failed(files("upload", "a.txt", "a.txt", "--manifest", "m", "--resume", "n"), 2, "--resume")
    assert not sim.requests(UPLOAD)


def test_an_unwritable_manifest_is_reported_before_anything_is_sent(files, hs, sim):
    place(hs.cwd / "a.txt", "x")
    failed(files("upload", "a.txt", "a.txt", "--manifest", "no/such/m"), 1, "manifest")
    assert not sim.requests(UPLOAD)


NOT_A_MANIFEST = {
    "--manifest": "cannot write the manifest {}: the file exists and is not a manifest\n"
    "    --manifest overwrites only an earlier manifest",
    "--resume": "cannot resume from {}: it is not a manifest",
}


def test_a_file_that_is_not_a_manifest_is_not_written_to(files, hs, sim):
    place(hs.cwd / "a.txt", "x")
    place(hs.cwd / "logo.png", b"\x89PNG\r\n")
    (hs.cwd / "link").symlink_to("logo.png")
    for option, name in [
        ("--resume", "logo.png"),
        ("--manifest", "logo.png"),
        ("--resume", "link"),
        ("--manifest", "link"),
    ]:
        failed(
            files("upload", "a.txt", "a.txt", option, name),
            1,
            NOT_A_MANIFEST[option].format(name),
        )
        assert (hs.cwd / "logo.png").read_bytes() == b"\x89PNG\r\n" and not sim.requests(UPLOAD)


NOT_MANIFESTS = {
    "package.json": '{\n  "name": "site",\n  "path": "x"\n}\n',
    "one-line.json": '{"name":"site","version":"1.0.0"}\n',
    "places.geojson": '{"type":"FeatureCollection","features":[]}\n',
    "log.jsonl": '{"path":"/index.html","status":200}\n{"path":"/a","status":404}\n',
    "status.jsonl": '{"path":"a","remote":"b","status":"ok"}\n',
    "torn.json": '{"path":"a"}',
    "text": "uploaded\n",
    "list": "[]\n",
    "blank": "\n",
    "space": ' {"path":"a","remote":"b","status":"uploaded"',
    "number": "1",
    "nul": "\0" * 600,
}
OLD_ENTRY = (
    json.dumps(
        {
            "path": "old.txt",
            "remote": "old.txt",
            "id": 1,
            "bytes": 1,
            "modified": 1,
            "account": 101,
            "status": "uploaded",
        }
    )
    + "\n"
)


@pytest.mark.parametrize("name", NOT_MANIFESTS)
@pytest.mark.parametrize("option", ["--manifest", "--resume"])
@pytest.mark.parametrize("command", ["upload", "fetch"])
def test_json_that_is_not_a_manifest_is_kept(files, hs, sim, name, option, command):
    place(hs.cwd / "a.txt", "x")
    path = place(hs.cwd / name, NOT_MANIFESTS[name])
    failed(
        files(command, "a.txt", "d", option, name),
        1,
        NOT_A_MANIFEST[option].format(name),
    )
    assert path.read_text() == NOT_MANIFESTS[name] and not sim.log


def test_the_first_line_of_a_manifest_can_have_any_length(files, hs, portal):
    place(hs.cwd / "a.txt", "x")
    entry = {**json.loads(OLD_ENTRY), "url": "https://cdn.example.com/" + "x" * 300_000}
    path = place(hs.cwd / "m", json.dumps(entry) + "\n")
    ended(files("upload", "a.txt", "a.txt", "--resume", "m"), 0)
    assert [e["path"] for e in manifest(path)] == ["old.txt", "a.txt"]
    ended(files("upload", "a.txt", "a.txt", "--manifest", "m"), 0)
    assert [e["path"] for e in manifest(path)] == ["a.txt"]


CHANGES = [["--access", "private"], ["--access", "public-noindex"], ["--no-overwrite"]]


@pytest.mark.parametrize("args", CHANGES)
def test_resume_sends_again_what_was_sent_with_other_options(files, hs, sim, portal, args):
    place(hs.cwd / "a.txt", "x")
    ended(files("upload", "a.txt", "a.txt", "--manifest", "m"), 0)
    portal.files.clear()
    ended(files("upload", "a.txt", "a.txt", "--resume", "m", *args), 0, "Uploaded 1 file")
    ended(
        files("upload", "a.txt", "a.txt", "--resume", "m", *args),
        0,
        "Uploaded 0 files",
        "1 skipped",
    )
    ended(files("upload", "a.txt", "a.txt", "--resume", "m"), 0, "1 skipped")
    assert len(sim.requests(UPLOAD)) == 2
    options = [(e["access"], e["overwrite"]) for e in manifest(hs.cwd / "m")]
    assert len(set(options)) == 2 and options[0] == ("PUBLIC_INDEXABLE", True)


def test_resume_looks_at_destination_size_and_time(files, hs, sim, portal):
    path = place(hs.cwd / "t" / "a.txt", "one")
    ended(files("upload", "t", "d", "--manifest", "m"), 0)
    time = path.stat().st_mtime_ns
    for content, shift, dest, count in (
        ("one", 0, "d", 0),
        ("one", 0, "e", 1),
        ("four", 0, "d", 1),
        ("four", 2_000_000, "d", 1),
        ("four", 2_000_000, "d", 0),
    ):
        path.write_text(content)
        os.utime(path, ns=(time, time + shift))
        ended(files("upload", "t", dest, "--resume", "m"), 0, f"Uploaded {count} file")


@pytest.mark.parametrize("command", ["upload", "fetch"])
def test_a_manifest_of_another_account_is_refused(files, hs, sim, portal, command):
    other = sim.portal(202)
    for one in (portal, other):
        one.add_file("b.txt", b"b")
    place(hs.cwd / "b.txt", "x")
    args = [command, "b.txt", "d"]
    ended(files(*args, "--manifest", "m", env=token(other)), 0)
    before = (hs.cwd / "m").read_bytes()
    assert {e["account"] for e in manifest(hs.cwd / "m")} == {202}
    sim.log.clear()
    failed(
        files(*args, "--resume", "m"),
        3,
        "the manifest m belongs to account 202, not to 101",
        "--manifest FILE",
    )
    assert (hs.cwd / "m").read_bytes() == before and not sim.log
    hs.write_config(portal, other)
    failed(hs("files", *args, "--resume", "m"), 3, "202", "101")
    assert (hs.cwd / "m").read_bytes() == before
    place(hs.cwd / "m", OLD_ENTRY.encode() + before)  # the strange entry need not be the first
    failed(files(*args, "--resume", "m"), 3, "202")


@pytest.mark.parametrize("account", [0, None, -5, "all", 101.5, 1e30])
def test_a_manifest_without_an_account_is_refused(files, hs, sim, account):
    """Earlier versions wrote account 0 if HUBSPOT_ACCOUNT_ID was not set."""
    place(hs.cwd / "a.txt", "x")
    place(hs.cwd / "m", json.dumps({**json.loads(OLD_ENTRY), "account": account}) + "\n")
    failed(files("upload", "a.txt", "a.txt", "--resume", "m"), 3, "names no account")
    assert not sim.log


DETAILS = "GET api.hubapi.com/account-info/v3/details"
TOKEN_INFO = "POST api.hubapi.com/oauth/v2/private-apps/get/access-token-info"
NO_ID = {"HUBSPOT_ACCOUNT_ID": None}


@pytest.mark.parametrize("command", ["upload", "fetch"])
def test_the_account_of_a_token_is_requested_once_for_the_manifest(files, hs, sim, portal, command):
    for n in range(3):
        place(hs.cwd / "t" / f"{n}.txt", "x")
        portal.add_file(f"t/{n}.txt", b"x")
    ended(files(command, "t", "d", "--manifest", "m", env=NO_ID), 0)
    assert {e["account"] for e in manifest(hs.cwd / "m")} == {101}
    assert len(sim.requests(DETAILS)) == 1
    ended(files(command, "t", "d", "--resume", "m"), 0, "3 skipped")
    ended(files(command, "t", "d", "--resume", "m", env=NO_ID), 0, "3 skipped")
    assert len(sim.requests(DETAILS)) == 2


def test_a_token_without_the_scope_uses_the_second_endpoint(files, hs, sim, portal):
    place(hs.cwd / "a.txt", "x")
    sim.fail(DETAILS, times=None, status=403, body={"category": "MISSING_SCOPES"})
    sim.fail(TOKEN_INFO, status=200, body={"hubId": 101, "userId": 1})
    ended(files("upload", "a.txt", "a.txt", "--manifest", "m", env=NO_ID), 0)
    assert [e["account"] for e in manifest(hs.cwd / "m")] == [101]
    [request] = sim.requests(TOKEN_INFO)
    assert request.json == {"tokenKey": portal.static_token}


@pytest.mark.parametrize(
    "how", [{"status": 403}, {"status": 200, "body": {}}, {"status": 200, "body": {"portalId": 0}}]
)
def test_without_an_account_no_manifest_is_created(files, hs, sim, how):
    place(hs.cwd / "a.txt", "x")
    place(hs.cwd / "m", OLD_ENTRY)
    sim.fail(DETAILS, times=None, **how)
    sim.fail(TOKEN_INFO, times=None, **how)
    done = files("upload", "a.txt", "a.txt", "--manifest", "m", env=NO_ID)
    assert done.code in (1, 3, 4) and "HUBSPOT_ACCOUNT_ID" in done.err, done.err
    assert (hs.cwd / "m").read_text() == OLD_ENTRY and not sim.requests(UPLOAD)
    sim.rules.clear()
    done = files("upload", "a.txt", "a.txt", "--json", env=NO_ID)
    ended(done, 0)
    assert done.json["items"][0]["account"] is None and not sim.requests(DETAILS)[1:]


def test_a_manifest_overwrites_an_earlier_one(files, hs):
    place(hs.cwd / "a.txt", "x")
    for before in ("", OLD_ENTRY, '{"path":"torn'):
        place(hs.cwd / "m", before)
        ended(files("upload", "a.txt", "a.txt", "--manifest", "m"), 0)
        assert [e["path"] for e in manifest(hs.cwd / "m")] == ["a.txt"]


@pytest.mark.parametrize("name", ["m.jsonl", "sub/m [1] !#.jsonl", "link"])
def test_the_manifest_itself_is_not_uploaded(files, hs, portal, name):
    """It would be public, and lists private files."""
    place(hs.cwd / "t" / "a.txt", "a")
    place(hs.cwd / "t" / "sub" / "m.jsonl", "{} of another run")
    if name == "link":
        (hs.cwd / "t" / "link").symlink_to("sub/real.jsonl")
    for option in ("--manifest", "--resume"):
        ended(files("upload", ".", "d", option, name, cwd=hs.cwd / "t"), 0)
        assert set(stored(portal)) == {"d/a.txt", "d/sub/m.jsonl"}
    done = files("upload", "t", "d", "--dry-run", "--resume", hs.cwd / "t" / name)
    real = "sub/real.jsonl" if name == "link" else name
    assert f"ignore {real} (the manifest of --resume)\n" in done.out


def test_uploading_the_manifest_itself_is_refused_with_a_hint_that_works(files, hs, portal):
    """The name was shown with a backslash before each character, and the hint did not help."""
    place(hs.cwd / "t" / "m.jsonl", OLD_ENTRY)
    for option, args in (("--manifest", ["t"]), ("--resume", ["t/m.jsonl"])):
        done = files("upload", *args, "d", option, "t/m.jsonl")
        failed(
            done,
            2,
            "(nothing to upload in t: m.jsonl|cannot upload 't/m.jsonl'): "
            f"the manifest of {option}",
            f"pass another file to {option}",
        )
        assert "\\" not in done.err and "--exclude" not in done.err
        ended(files("upload", *args, "d", option, "n.jsonl"), 0, "Uploaded 1 file")


def test_a_manifest_that_is_not_a_regular_file_is_kept(files, hs, sim):
    """--manifest /dev/stdout removed the link, as root that of the machine."""
    place(hs.cwd / "a.txt", "x")
    place(hs.cwd / "real", OLD_ENTRY)
    (hs.cwd / "link").symlink_to("real")
    ended(files("upload", "a.txt", "a.txt", "--manifest", "link"), 0)
    assert (hs.cwd / "link").is_symlink()
    assert [e["path"] for e in manifest(hs.cwd / "real")] == ["a.txt"]
    (hs.cwd / "out").symlink_to("/dev/stdout")
    done = files("upload", "a.txt", "a.txt", "--manifest", "out")
    ended(done, 0)
    assert (hs.cwd / "out").is_symlink() and done.json["path"] == "a.txt"


# ---- many, and large


def test_transfers_share_a_few_connections(files, hs, sim):
    for n in range(50):
        place(hs.cwd / "t" / f"{n}.txt", str(n))
    ended(files("upload", "t", "d", "--concurrency", "3"), 0)
    assert len({r.conn for r in sim.requests(UPLOAD)}) <= 3


def test_a_request_is_not_held_back_by_nagle(files, hs, portal, strace):
    """As the official client's are: 40 ms for each small file, where the other
    side delays its ACKs."""
    trace = hs.cwd / "trace"
    if is_sanitized(hs):
        pytest.skip("the sanitizers' runtime is traced as well")
    place(hs.cwd / "a.txt", "x")
    done = subprocess.run(
        [
            strace,
            "-f",
            "-qq",
            "-o",
            trace,
            "-e",
            "trace=setsockopt",
            hs.bin,
            "filemanager",
            "upload",
            "a.txt",
            "a.txt",
        ],
        cwd=hs.cwd,
        env=hs.env(token(portal)),
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert "TCP_NODELAY, [1]" in trace.read_text()


@pytest.mark.parametrize("n", ["0", "65", "x"])
def test_concurrency_has_limits(files, hs, n):
    place(hs.cwd / "a.txt", "x")
    failed(files("upload", "a.txt", "a.txt", "--concurrency", n), 2, "concurrency")


def test_memory_does_not_grow_with_size_or_number(hs, portal):
    with open(place(hs.cwd / "t" / "big.bin"), "wb") as f:
        f.truncate(100 << 20)
    for n in range(300):
        place(hs.cwd / "t" / f"{n}.txt", "x" * 1000)
    code, peak = peak_memory(hs, ["filemanager", "upload", "t", "d"], token(portal))
    assert code == 0 and len(portal.files) == 301
    if not is_sanitized(hs):
        assert peak < 6 * 1024
