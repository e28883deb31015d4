"""What an upload leaves out: the files that git's rules over .hsignore exclude, those
that the official client excludes, and hs's own secrets. Nothing else overrides these
but --exclude '!pattern', and the last ones nothing."""
import json
import os
import pathlib
import random
import re
import shlex
import shutil
import stat
import subprocess

import pytest

from calls import failed
from files import ended, files, is_root, place, portal, stored, token  # noqa: F401
from official import official_client, official_env  # noqa: F401

GIT = shutil.which("git")


@pytest.fixture
def project(hs):
    """A project whose .hsignore excludes private/, secret.txt and *.key, with a
    folder beside it that links lead to."""
    root = hs.cwd / "project"
    place(root / ".hsignore", "private/\nsecret.txt\n*.key\n/dist/maps\n")
    for name in (
        "a.txt",
        "private/s.pdf",
        "private/deep/t.pdf",
        "sub/secret.txt",
        "sub/b.txt",
        "sub/Secret.TXT",
        "k.key",
        "K.KEY",
        "assets/l.png",
        "assets/l.psd",
        "assets/m.key",
        "assets/.hsignore",
        ".secretdir/u.txt",
        "dist/maps/v.txt",
        "dist/w.txt",
        "sub/Private/x.txt",
    ):
        place(root / name, "*.psd\n!*.key\n!secret.txt\n" if name.endswith(".hsignore") else name)
    for name in (
        "css/o.css",
        "css/n.key",
        "css/secret.txt",
        "css/private/q.txt",
        "maps/r.txt",
        "private/y.txt",
    ):
        place(hs.cwd / "out3" / name, name)
    return root


def uploaded(files, portal, source, cwd, *more, **how):
    """What an upload sends, from the destination on. Its plan must be the same."""
    portal.files.clear()
    plan = files("upload", source, "d", "--dry-run", "--json", *more, cwd=cwd, **how)
    real = files("upload", source, "d", *more, cwd=cwd, **how)
    assert (plan.code, real.code) in ((0, 0), (2, 2), (8, 8)), (plan.err, real.err)
    planned = (
        {e["remote"] for e in json.loads(plan.out)["items"] if e["status"] == "upload"}
        if plan.out
        else set()
    )
    assert planned == set(stored(portal))
    return {path.removeprefix("d").removeprefix("/") for path in stored(portal)}


@pytest.mark.parametrize("git", [False, True], ids=["no git", "git"])
@pytest.mark.parametrize("cwd", [".", "sub", "private", "assets"])
@pytest.mark.parametrize("form", ["relative", "absolute", "dots"])
@pytest.mark.parametrize(
    "source, sent",
    [
        ("a.txt", {""}),
        ("private", None),
        ("private/s.pdf", None),
        ("private/deep", None),
        ("private/deep/t.pdf", None),
        ("sub/secret.txt", None),
        ("sub/Secret.TXT", None),
        ("k.key", None),
        ("K.KEY", None),
        ("sub", {"b.txt"}),
        ("sub/Private", None),
        ("assets", {"l.png"}),
        ("assets/m.key", None),
        ("assets/l.psd", None),
        (".secretdir", None),
        (".secretdir/u.txt", None),
        ("dist", {"w.txt"}),
        ("dist/maps", None),
        ("dist/maps/v.txt", None),
        (".", {"a.txt", "sub/b.txt", "assets/l.png", "dist/w.txt"}),
    ],
)
def test_every_way_to_name_a_source(files, project, portal, git, cwd, form, source, sent):
    """From any folder of the project, whether git's or not."""
    if git:
        if not GIT:
            pytest.skip("git is missing")
        subprocess.run([GIT, "init", "-q", project], check=True)
    path = project / source
    given = {
        "relative": os.path.relpath(path, project / cwd),
        "absolute": path,
        "dots": f"{project}/sub/../assets/./../{source}",
    }[form]
    if cwd == "assets":
        # the one that the official client reads there has no rule for these: what git
        # uses counts, in which case matters and assets/.hsignore takes *.key back
        sent = {
            "sub/Secret.TXT": {""},
            "K.KEY": {""},
            "sub/Private": {"x.txt"},
            "sub": {"b.txt", "Secret.TXT", "Private/x.txt"},
            "assets": {"l.png", "m.key"},
            "assets/m.key": {""},
            ".": {
                "a.txt",
                "sub/b.txt",
                "sub/Secret.TXT",
                "sub/Private/x.txt",
                "K.KEY",
                "assets/l.png",
                "assets/m.key",
                "dist/w.txt",
            },
        }.get(source, sent)
    assert uploaded(files, portal, given, project / cwd) == (sent or set())


def test_the_refusal_names_the_rule_and_an_override_that_works(files, hs, sim, project, portal):
    for source, rule, shown, sent in (
        ("private", r"\.hsignore line 1 \('private/'\)", "private", {"s.pdf", "deep/t.pdf"}),
        ("private/s.pdf", r"\.hsignore line 1 \('private/'\)", "private", {""}),
        ("k.key", r"\.hsignore line 3 \('\*\.key'\)", "k.key", {""}),
        ("dist/maps", r"\.hsignore line 4 \('/dist/maps'\)", "dist/maps", {"v.txt"}),
        ("assets/l.psd", r"assets/\.hsignore line 1 \('\*\.psd'\)", "assets/l.psd", {""}),
        (".secretdir", r"the built-in rule '\.\*'", ".secretdir", {"u.txt"}),
    ):
        sim.log.clear()
        for more in ([], ["--dry-run"], ["--json"], ["--include", "*"]):
            done = files("upload", source, "d", *more, cwd=project)
            failed(done, 2, f"nothing to upload: {rule} excludes '{shown}'")
            assert not done.out
        assert not sim.log
        hint = re.search(r"Upload it anyway with (--exclude .*)\.$", done.err, re.MULTILINE)[1]
        assert uploaded(files, portal, source, project, *shlex.split(hint)) == sent


def test_an_override_may_be_the_rule_itself(files, project, portal):
    for source, pattern in (
        ("private/s.pdf", "!private/"),
        ("dist/maps", "!/dist/maps"),
        ("k.key", "!*.key"),
        (".secretdir", "!.*"),
    ):
        assert uploaded(files, portal, source, project, "--exclude", pattern)
        assert uploaded(files, portal, project / source, project / "sub", "--exclude", pattern)
    # what is in an excluded folder is not taken back by its own name, as with git
    assert not uploaded(files, portal, "private/s.pdf", project, "--exclude", "!s.pdf")
    assert uploaded(files, portal, ".", project, "--exclude", "!*.key") == {
        "a.txt",
        "sub/b.txt",
        "assets/l.png",
        "dist/w.txt",
        "k.key",
        "assets/m.key",
    }


@pytest.mark.parametrize(
    "name", ["it's.key", "[x]*.key", " a ?.key", "!b.key", "#c.key", "d\\e.key"]
)
def test_the_override_that_a_message_names_matches_any_name(files, project, portal, name):
    place(project / name, "x")
    done = files("upload", f"./{name}", "d", cwd=project)
    hint = re.search(r"Upload it anyway with (--exclude .*)\.$", done.err, re.MULTILINE)[1]
    assert uploaded(files, portal, f"./{name}", project, *shlex.split(hint)) == {""}


@pytest.mark.parametrize(
    "links, source, sent",
    [
        ({"dist2": "../out3"}, "dist2", {"css/o.css", "maps/r.txt"}),
        ({"dist2": "../out3"}, "dist2/css", {"o.css"}),
        ({"dist2": "../out3"}, "dist2/private", None),
        ({"dist2": "../out3"}, "dist2/private/y.txt", None),
        ({"dist2": "../out3"}, "dist2/css/n.key", None),
        ({"dist2": "../out3"}, "dist2/css/secret.txt", None),
        # the link has an excluded name, and leads to a file that has none
        ({"secret.txt": "a.txt"}, "secret.txt", None),
        ({"x.key": "../out3/css/o.css"}, "x.key", None),
        ({"hidden": ".secretdir"}, "hidden", None),
        # the link leads to what is excluded
        ({"p": "private"}, "p", None),
        ({"p": "private"}, "p/s.pdf", None),
        ({"p.txt": "private/s.pdf"}, "p.txt", None),
        ({"k.txt": "k.key"}, "k.txt", None),
        ({"k.txt": "../out3/css/n.key"}, "k.txt", None),
        # by way of what is excluded
        ({"one": "private/two", "private/two": "../../out3/css"}, "one", None),
        ({"one": ".secretdir/two", ".secretdir/two": "../assets"}, "one", None),
        ({"one": "two", "two": "assets"}, "one", {"l.png"}),
        # a link in the middle, and ".." behind one
        ({"way": "private/deep"}, "way/../s.pdf", None),
        ({"way": "sub"}, "way/../a.txt", {""}),
        ({"way": "../out3/css"}, "way/../maps", {"r.txt"}),
        ({"way": "../out3/css"}, "way/../private", None),
    ],
)
def test_links_are_judged_as_given_and_by_their_targets(
    files, project, portal, links, source, sent
):
    for name, to in links.items():
        (project / name).symlink_to(to)
    assert uploaded(files, portal, source, project) == (sent or set())
    assert uploaded(files, portal, project / source, project / "sub") == (sent or set())


def test_anchored_rules_judge_links_by_their_own_path(files, project, portal):
    place(project / ".hsignore", "/dist2\n/sub/up/css\n")
    (project / "dist2").symlink_to("../out3")
    (project / "sub" / "up").symlink_to("../../out3")
    assert not uploaded(files, portal, "dist2", project)
    assert not uploaded(files, portal, "dist2/css", project)
    assert not uploaded(files, portal, "up/css", project / "sub")
    assert uploaded(files, portal, "up", project / "sub") == {"maps/r.txt", "private/y.txt"}
    assert uploaded(files, portal, "../out3/css", project)


@pytest.mark.parametrize("git", [False, True], ids=["no git", "git"])
def test_outside_of_the_project_rules_without_a_slash_match_names(files, hs, project, portal, git):
    if git:
        if not GIT:
            pytest.skip("git is missing")
        subprocess.run([GIT, "init", "-q", project], check=True)
    out = hs.cwd / "out3"
    for cwd in (project, project / "sub"):
        assert uploaded(files, portal, out, cwd) == {"css/o.css", "maps/r.txt"}
        assert uploaded(files, portal, os.path.relpath(out, cwd), cwd) == {
            "css/o.css",
            "maps/r.txt",
        }
        for name in ("private", "private/y.txt", "css/n.key", "css/secret.txt"):
            assert not uploaded(files, portal, out / name, cwd)
        assert uploaded(files, portal, out / "css" / "o.css", cwd)
    # an anchored rule does not match there
    place(out / "dist" / "maps" / "z.txt")
    assert uploaded(files, portal, out / "dist", project) == {"maps/z.txt"}
    # and it keeps its own rules
    place(out / ".hsignore", "*.css\n!*.key\n")
    assert uploaded(files, portal, out, project) == {"maps/r.txt", "dist/maps/z.txt"}
    assert not uploaded(files, portal, out / "css" / "o.css", project)
    # names above the folder that both are in do not count
    assert uploaded(files, portal, out / "maps", project) == {"r.txt"}


def test_all_rules_from_the_top_to_the_current_directory_match_names_outside(
    files, hs, project, portal
):
    place(project / "sub" / ".hsignore", "*.css\n")
    assert uploaded(files, portal, hs.cwd / "out3", project / "sub") == {"maps/r.txt"}


def test_the_top_is_gits_root_and_else_the_highest_hsignore(files, hs, portal):
    place(hs.cwd / ".hsignore", "top.txt\n")
    place(hs.cwd / "r" / "s" / ".hsignore", "near.txt\n!top.txt\n")
    for name in ("top.txt", "near.txt", "mid.txt", "c.txt"):
        place(hs.cwd / "r" / "s" / "t" / name, "x")
    here = hs.cwd / "r" / "s"
    assert uploaded(files, portal, "t", here) == {"mid.txt", "c.txt", "top.txt"}
    assert uploaded(files, portal, "r/s/t", hs.cwd) == {"mid.txt", "c.txt"}
    place(hs.cwd / "r" / ".hsignore", "mid.txt\n")
    assert uploaded(files, portal, "t", here) == {"c.txt", "top.txt"}
    if not GIT:
        pytest.skip("git is missing")
    place(hs.cwd / "r" / "s" / ".hsignore", "near.txt\n")
    assert uploaded(files, portal, "t", here) == {"c.txt"}
    subprocess.run([GIT, "init", "-q", hs.cwd / "r"], check=True)
    assert uploaded(files, portal, "t", here) == {"c.txt", "top.txt"}
    # the nearest one counts, also above git's root
    (hs.cwd / "r" / "s" / ".hsignore").unlink()
    (hs.cwd / "r" / ".hsignore").unlink()
    assert uploaded(files, portal, "t", here) == {"c.txt", "mid.txt", "near.txt"}


@pytest.mark.skipif(not GIT, reason="git is missing")
def test_a_work_tree_or_submodule_with_a_git_file_is_a_top(files, hs, portal):
    """.git is a file there; the rules above it are those of another tree."""
    env = {**os.environ, "HOME": str(hs.home), "GIT_CONFIG_NOSYSTEM": "1"}

    def git(*args, at):
        subprocess.run(
            [
                GIT,
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@b.invalid",
                "-c",
                "protocol.file.allow=always",
                *map(str, args),
            ],
            cwd=at,
            env=env,
            check=True,
            capture_output=True,
        )

    main, inner = hs.cwd / "main", hs.cwd / "inner"
    for folder in (main, inner):
        folder.mkdir()
        git("init", "-q", at=folder)
        git("commit", "-q", "--allow-empty", "-m", "one", at=folder)
    place(main / ".hsignore", "no.txt\n")
    git("submodule", "--quiet", "add", inner, "mod", at=main)
    git("worktree", "add", "-q", main / ".trees" / "x", at=main)
    for at in (main / "mod", main / ".trees" / "x"):
        assert (at / ".git").is_file()
        place(at / ".hsignore", "own.txt\n")
        for name in ("own.txt", "no.txt", "c.txt"):
            place(at / "t" / name, "x")
        assert uploaded(files, portal, "t", at) == {"no.txt", "c.txt"}
        assert uploaded(files, portal, ".", at) == {"t/no.txt", "t/c.txt"}
    # from above, both count
    assert uploaded(files, portal, "mod", main) == {"t/c.txt"}
    assert not uploaded(files, portal, ".trees/x/t", main)


def test_a_git_repository_is_never_sent_whatever_hsignore_allows(files, hs, portal):
    place(hs.cwd / ".hsignore", "!.*\n")
    for name in (".git/config", ".well-known/x", "c.txt", "sub/.git"):
        place(hs.cwd / "t" / name, "x")
    assert uploaded(files, portal, "t", hs.cwd) == {".well-known/x", "c.txt"}


def test_case_matters_to_git_and_not_to_the_official_client(files, hs, portal):
    place(hs.cwd / ".hsignore", "Secret*\n!Secret-no\n/ÄB\n*.log\n!KEEP.log\n")
    place(hs.cwd / "t" / ".hsignore", "*.psd\n")
    for name in (
        "secret.txt",
        "SECRET-no",
        "Secret-no",
        "a.PSD",
        "a.psd",
        "keep.log",
        "KEEP.log",
        "THUMBS.DB",
        "Node_Modules/x",
        "c.txt",
    ):
        place(hs.cwd / "t" / name, "x")
    place(hs.cwd / "äb" / "x", "x")
    assert uploaded(files, portal, "t", hs.cwd) == {
        "Secret-no",
        "SECRET-no",
        "a.PSD",
        "KEEP.log",
        "c.txt",
    }
    assert not uploaded(files, portal, "äb", hs.cwd)


def test_a_question_mark_is_a_character_to_the_official_client_and_a_byte_to_git(files, hs, portal):
    place(hs.cwd / ".hsignore", "?.key\nx[!a].key\n??.pdf\nn[à-ï].txt\n")
    place(hs.cwd / "t" / ".hsignore", "?.psd\n")
    for name in (
        "é.key",
        "日.key",
        "b.key",
        "ab.key",
        "xé.key",
        "xa.key",
        "é.pdf",
        "😀.pdf",
        "é.psd",
        "p.psd",
        "né.txt",
        "nÉ.txt",
        "nz.txt",
    ):
        place(hs.cwd / "t" / name, "x")
    # two bytes, or two of the units that JavaScript counts
    assert uploaded(files, portal, "t", hs.cwd) == {"ab.key", "xa.key", "é.psd", "nz.txt"}


def test_lines_are_those_of_a_gitignore_file(files, hs, portal):
    place(
        hs.cwd / ".hsignore",
        b"\xef\xbb\xbffirst\r\n# no\r\nsp\\ \r\ntrail   \r\n\r\n/an/ch\r\n"
        b"**/deep/*.txt\r\nonly/\r\n\\!x\r\nlast",
    )
    names = (
        "first",
        "sp ",
        "trail",
        "an/ch",
        "b/an/ch",
        "q/deep/a.txt",
        "deep/b.txt",
        "deep/c.md",
        "only/f",
        "b/only",
        "!x",
        "last",
        "# no",
        "sp",
        "c",
    )
    for name in names:
        place(hs.cwd / "t" / name, "x")
        place(hs.cwd / name, "x")
    assert uploaded(files, portal, "t", hs.cwd) == {
        "an/ch",
        "b/an/ch",
        "deep/c.md",
        "b/only",
        "# no",
        "sp",
        "c",
    }
    assert not uploaded(files, portal, "an/ch", hs.cwd)
    assert uploaded(files, portal, "b/an/ch", hs.cwd)


def test_the_current_directory_of_npm_applies_in_addition(files, hs, portal):
    """npm sets INIT_CWD; the official client resolves sources there, and looks for
    .hsignore at the process's own."""
    place(hs.cwd / "pkg" / ".hsignore", "a.txt\n")
    place(hs.cwd / "user" / ".hsignore", "b.txt\n")
    for name in "abc":
        place(hs.cwd / "user" / "t" / f"{name}.txt", "x")
    assert uploaded(files, portal, "t", hs.cwd / "pkg", env={"INIT_CWD": str(hs.cwd / "user")}) == {
        "c.txt"
    }


# ---- .hsignore files that cannot be used

BAD = {
    "utf-16": ("a.key\r\n*.txt\r\n".encode("utf-16"), "UTF-16"),
    "utf-16 be": (b"\xfe\xff" + "a.key\n".encode("utf-16-be"), "UTF-16"),
    "utf-16 le, no mark": ("a.key\n".encode("utf-16-le"), "UTF-16"),
    "utf-16 be, no mark": ("a.key\n".encode("utf-16-be"), "UTF-16"),
    "utf-32": ("a.key\n".encode("utf-32"), "UTF-16|NUL"),
    "nul": (b"*.key\n\0\n", "NUL"),
    "nul at the end": (b"*.txt\0", "NUL"),
    "large": (b"#" * ((1 << 20) + 1), "1 MiB"),
    "long line": (b"*" * 5000, "4 KiB"),
    "folder": ("mkdir", "regular file"),
    "fifo": ("mkfifo", "regular file"),
    "device": ("/dev/zero", "regular file"),
    "null": ("/dev/null", "regular file"),
    "nowhere": ("nowhere", "regular file"),
    "loop": (".hsignore", "regular file"),
    "socket": ("socket", "regular file"),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("where", [".", "sub", "sub/t", "sub/t/deep"])
def test_an_unusable_hsignore_is_refused_and_named(files, hs, sim, kind, where):
    """Above, at, and below the source; nothing is sent, and nothing waited for."""
    place(hs.cwd / "sub" / "t" / "a.txt", "x")
    place(hs.cwd / "sub" / "t" / "deep" / "b.txt", "x")
    at = hs.cwd / where / ".hsignore"
    what, word = BAD[kind]
    if isinstance(what, bytes):
        place(at, what)
    elif what == "mkdir":
        at.mkdir()
    elif what == "mkfifo":
        os.mkfifo(at)
    elif what == "socket":
        os.mknod(at, stat.S_IFSOCK | 0o600)
    else:
        at.symlink_to(what)
    named = re.escape(str(at))
    for more in ([], ["--dry-run"]):
        failed(
            files("upload", "t", "d", *more, cwd=hs.cwd / "sub", timeout=20),
            2,
            f"cannot use {named}: .*({word})",
        )
    assert not sim.log


def test_an_hsignore_that_cannot_be_read_is_an_error(outsider, portal):
    place(outsider.cwd / "t" / "a.txt", "x")
    place(outsider.cwd / "t" / ".hsignore", "a.txt").chmod(0)
    for path in (outsider.cwd / "t", outsider.cwd / "t" / "a.txt"):
        os.chown(path, 65534, 65534) if is_root() else None
    done = outsider("filemanager", "upload", "t", "d", env=token(portal))
    ended(done, 1, r"cannot use .*/t/\.hsignore: Permission denied")
    assert not stored(portal)


def test_unusual_hsignore_files_that_are_usable(files, hs, portal):
    """A mark of UTF-8, a link to a file, Latin-1, no line end, no line."""
    place(hs.cwd / "rules", "*.key\n")
    for n, text in enumerate(
        (b"\xef\xbb\xbf*.key\r\n", None, b"\xe4\n*.key", b"#" * 9000 + b"\n*.key")
    ):
        at = hs.cwd / f"t{n}"
        place(at / "a.key", "x")
        place(at / "b.txt", "x")
        if text is None:
            (at / ".hsignore").symlink_to("../rules")
        else:
            place(at / ".hsignore", text)
        assert uploaded(files, portal, f"t{n}", hs.cwd) == {"b.txt"}


@pytest.mark.skipif(not GIT, reason="git is missing")
@pytest.mark.parametrize("where", [".gitignore", ".git/info/exclude", ".git/config"])
def test_a_pipe_in_place_of_gits_rules_does_not_block(hs, sim, where):
    """They tell whether git would add a new .hs folder."""
    subprocess.run([GIT, "init", "-q", hs.cwd], check=True)
    (hs.cwd / where).unlink(missing_ok=True)
    os.mkfifo(hs.cwd / where)
    hs.write_config(sim.portal(202))
    done = hs("account", "link", "--account", "202", "--default", "202", timeout=20)
    assert done.code in (0, 1, 3), done.err


# ---- hs's own secrets


@pytest.mark.parametrize("how", ["option", "variable", "deprecated option", "linked option"])
def test_the_config_in_use_is_never_uploaded_under_any_name(hs, sim, how):
    portal = sim.portal(202)
    path = hs.write_config(portal, path=hs.cwd / "t" / "deep" / "my.yml")
    os.link(path, hs.cwd / "t" / "hard.txt")
    place(hs.cwd / "t" / "c.txt", "x")
    named = path
    if how == "linked option":
        named = hs.cwd / "elsewhere.yml"
        named.symlink_to(path)
    env = {"HUBSPOT_CONFIG_PATH": str(named)} if how == "variable" else {}
    args = [] if how == "variable" else ["--config", named]
    force = ["--include", "*", "--exclude", "!*"]

    def run(*more, **kwargs):
        return hs("filemanager", "upload", *more, *args, env=env, **kwargs)

    ended(run("t", "d", *force), 0)
    assert stored(portal) == {"d/c.txt": b"x"}
    plan = run("t", "d", *force, "--dry-run")
    assert "ignore deep/my.yml (it is hs's config)" in plan.out
    assert "ignore hard.txt (it is hs's config)" in plan.out or "token" in path.read_text()
    (hs.cwd / "link").symlink_to(path)
    (hs.cwd / "way").symlink_to("t/deep")
    sim.log.clear()
    for source in (path, "t/deep/my.yml", "link", "way/my.yml", "t/deep/../deep/my.yml"):
        for more in ([], ["--dry-run"]):
            failed(run(source, "d", *force, *more), 2, "cannot upload '.*': it is hs's config")
    assert not sim.log


def test_both_configs_are_kept_if_the_option_and_the_variable_are_used(hs, sim):
    portal = sim.portal(202)
    one = hs.write_config(portal, path=hs.cwd / "t" / "one.txt")
    two = hs.write_config(portal, path=hs.cwd / "t" / "two.txt")
    place(hs.cwd / "t" / "c.txt", "x")
    ended(
        hs(
            "filemanager",
            "upload",
            "t",
            "d",
            "--config",
            one,
            env={"HUBSPOT_CONFIG_PATH": str(two)},
        ),
        0,
    )
    assert stored(portal) == {"d/c.txt": b"x"}


def test_the_global_config_and_its_folder_are_found_through_links(files, hs, sim, portal):
    real = hs.cwd / "dotfiles" / "hubspot"
    place(real / "config.yml", "accounts: []\n")
    place(real / "state.json", "{}")
    place(hs.cwd / "dotfiles" / "c.txt", "x")
    (hs.home / ".hscli").symlink_to(real)
    assert uploaded(files, portal, "dotfiles", hs.cwd) == {"c.txt"}
    for source in (
        real,
        real / "config.yml",
        real / "state.json",
        hs.home / ".hscli" / "state.json",
    ):
        failed(
            files("upload", source, "d", "--exclude", "!*", "--exclude", "!.*"), 2, "cannot upload"
        )


@pytest.mark.parametrize("name", ["HUBSPOT_PERSONAL_ACCESS_KEY_FILE", "HUBSPOT_ACCESS_TOKEN_FILE"])
def test_a_file_that_holds_a_key_is_never_uploaded(hs, sim, portal, name):
    key = place(hs.cwd / "t" / "key.txt", portal.static_token)
    os.link(key, hs.cwd / "t" / "other.txt")
    place(hs.cwd / "t" / "c.txt", "x")
    env = {name: str(key)}
    if name == "HUBSPOT_PERSONAL_ACCESS_KEY_FILE":
        env |= token(portal)
    else:
        env |= {"HUBSPOT_ACCOUNT_ID": "101"}
    done = hs("filemanager", "upload", "t", "d", "--dry-run", env=env)
    assert f"ignore key.txt ({name} names it)" in done.out
    assert f"ignore other.txt ({name} names it)" in done.out
    failed(hs("filemanager", "upload", "t/key.txt", "d", env=env), 2, name)
    assert not stored(portal)


def test_a_config_that_this_run_has_just_written_is_not_uploaded(hs, sim):
    """Its inode is another one than when the run began: the token was renewed."""
    portal = sim.portal(202)
    path = hs.write_config(portal, path=hs.cwd / "t" / "z.yml")
    for n in range(20):
        place(hs.cwd / "t" / f"{n}.txt", "x")
    before = path.stat().st_ino
    ended(hs("filemanager", "upload", "t", "d", "--config", path), 0)
    assert path.stat().st_ino != before
    assert len(portal.files) == 20


# ---- names


@pytest.mark.parametrize(
    "name",
    [
        "a\tb.txt",
        "a\nb.txt",
        "a\rb.txt",
        "a\x1bb.txt",
        "a\x7fb.txt",
        "\x01",
        "x\n::stop-commands::tok",
    ],
)
def test_a_name_with_control_characters_fails(files, hs, sim, portal, name):
    """As in fetch: other files are sent."""
    for path in (name, "c.txt", f"{name}d/e.txt"):
        place(hs.cwd / "t" / path, "x")
    plan = files("upload", "t", "d", "--dry-run", "--json")
    ended(plan, 8, "2 of 3 files would fail")
    assert {e["path"] for e in plan.json["items"] if e["status"] == "fail"} == {
        name,
        f"{name}d/e.txt",
    }
    done = files("upload", "t", "d", "--manifest", "m")
    ended(done, 8, "its name contains control characters", "2 of 3 files failed")
    assert stored(portal) == {"d/c.txt": b"x"}
    assert not [line for line in done.err.splitlines() if line.startswith("::")]
    sim.log.clear()
    for source in (f"t/{name}", f"t/{name}d"):
        failed(
            files("upload", source, "d/x.txt"), 2, "cannot upload '.*': its name contains control"
        )
    os.symlink(name, hs.cwd / "t" / "clean")
    failed(files("upload", "t/clean", "x.txt"), 2, "its name contains control")
    assert not sim.log
    ended(files("upload", f"t/{name}d/e.txt", "x.txt"), 0)


# ---- against git and the official client

PIECES = [
    "a",
    "b",
    "ab",
    "A",
    "*",
    "**",
    "?",
    "[ab]",
    "[!a]",
    "a*",
    "*b",
    "/",
    "/",
    "/",
    "/**/",
    "**/",
    "/**",
    "x.key",
    "*.key",
    ".h",
    ".*",
]
WHOLE = [
    "a/",
    "b/",
    "*.key",
    "/a",
    "/a/",
    "a/b",
    "**/b",
    "a/**",
    "!a",
    "!*.key",
    "/a/*",
    "*",
    "!b/",
    "ab\\ ",
    "!.h",
    "ab ",
]


def random_rules(pick):
    lines = []
    for _ in range(pick.randint(1, 4)):
        line = pick.choice(WHOLE)
        if pick.random() < 0.6:
            line = "".join(pick.choice(PIECES) for _ in range(pick.randint(1, 5)))
            line = pick.choice(["", "", "", "!"]) + line + pick.choice(["", "", "/"])
        # stars that git before 2.53 reads in another way than its manual
        if re.match(r"!?/?[^*?\[\\]*[^*?\[\\/]\*\*+(/|$)", line):
            line = "a"
        lines.append(line)
    return pick.choice(["\n", "\r\n"]).join(lines) + pick.choice(["", "\n"])


@pytest.mark.skipif(not GIT, reason="git is missing")
@pytest.mark.parametrize("seed", range(40))
def test_what_git_excludes_is_not_uploaded(files, hs, portal, tmp_path, seed):
    """Random rules at random depths, from a random folder: `git check-ignore` on a copy
    of the tree in which they are .gitignore files."""
    pick = random.Random(seed)
    root = hs.cwd / "p"
    folders = [root]
    root.mkdir()
    for _ in range(30):
        at = pick.choice(folders) / pick.choice(["a", "b", "ab", "A", "x.key", ".h", "c", "ab "])
        if not at.exists() and len(at.relative_to(root).parts) < 5:
            if pick.random() < 0.4:
                at.mkdir()
                folders.append(at)
            else:
                place(at, "x")
    for folder in folders:
        if folder == root or pick.random() < 0.4:
            (folder / ".hsignore").write_text(random_rules(pick))
    copy = pathlib.Path(shutil.copytree(root, tmp_path / "copy"))
    for path in copy.rglob(".hsignore"):
        path.rename(path.with_name(".gitignore"))
    env = {"PATH": os.environ["PATH"], "HOME": str(hs.home), "LC_ALL": "C"}
    subprocess.run([GIT, "init", "-q", copy], check=True, env=env)
    source, cwd = pick.choice(folders), pick.choice(folders)
    names = [str(p.relative_to(root)) for p in source.rglob("*") if p.is_file()]
    by_git = subprocess.run(
        [GIT, "check-ignore", "--no-index", "-z", "--stdin"],
        cwd=copy,
        env=env,
        input="\0".join(names) + "\0",
        capture_output=True,
        text=True,
        check=False,
    )
    excluded = set(by_git.stdout.split("\0"))
    here = source.relative_to(root)
    sent = {str(here / name) for name in uploaded(files, portal, source, cwd)}
    assert not sent & excluded
    # and no more than that, but for what the nearest one, in any case, and the built-in rules say
    if cwd == root and not any(p.name in (".h", "A") for p in root.rglob("*")):
        assert sent == {n for n in names if not n.endswith(".hsignore")} - excluded


@pytest.mark.parametrize("tree", ["plain", "nested"])
def test_what_the_official_client_excludes_is_not_uploaded(
    files, hs, portal, project, tree, official_client
):  # noqa: F811
    """Its own uploads of the same sources: nothing of what it leaves out is sent."""
    if tree == "nested":
        place(project / "sub" / ".hsignore", "!secret.txt\nb.txt\n")
    hs.write_config(portal)
    for cwd, sources in (
        (
            project,
            [
                "a.txt",
                "sub",
                "assets",
                ".secretdir",
                "sub/secret.txt",
                "K.KEY",
                "private/s.pdf",
                "dist",
            ],
        ),
        (project / "sub", [".", "../sub"]),
    ):
        for source in sources:
            portal.files.clear()
            subprocess.run(
                [official_client, "filemanager", "upload", source, "d"],
                cwd=cwd,
                env=official_env(hs),
                capture_output=True,
                timeout=60,
                check=False,
            )
            theirs = {path.removeprefix("d").removeprefix("/") for path in stored(portal)}
            ours = uploaded(files, portal, source, cwd)
            assert ours <= theirs, (source, ours - theirs)
            if source == "a.txt":
                assert ours == theirs == {""}
