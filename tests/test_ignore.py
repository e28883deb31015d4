"""Ignore rules: room 07 of hs.c gives git's own answers.

Each test makes a work tree, asks `git check-ignore -v --no-index` about every
path in it, and the driver tests/ignore.c about the same paths: which line of
which file ignores it. Where the page gitignore(5) and git up to 2.52 differ
(see the room's head), no pattern of that kind is made.
"""
import os
import pathlib
import random
import re
import shutil
import subprocess

import pytest

REPO = pathlib.Path(__file__).resolve().parent.parent
DRIVER = REPO / "build" / "ignore"

pytestmark = pytest.mark.skipif(
    not DRIVER.exists() or not shutil.which("git"),
    reason="build/ignore or git is missing: run ./build.sh test",
)


class Tree:
    """A work tree, with a home of its own."""

    def __init__(self, folder):
        self.home = folder / "home"
        self.root = folder / "tree"
        self.home.mkdir(exist_ok=True)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C"}

    def git(self, *args, at=None, **kwargs):
        return subprocess.run(
            ["git", *args],
            cwd=at or self.root,
            env=self.env,
            check=True,
            capture_output=True,
            timeout=60,
            **kwargs,
        ).stdout

    def init(self):
        self.root.mkdir()
        self.git("init", "-q")
        return self

    def commit(self):
        self.git(
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b.invalid",
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "one",
        )

    def write(self, name, data=b"", at=None):
        path = os.path.join(os.fsencode(at or self.root), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)

    def paths(self, at=None):
        """All there is in the tree but .git, folders too, as bytes."""
        root = os.fsencode(at or self.root)
        found = []
        for folder, names, files in os.walk(root):
            if folder == root:
                names[:] = [n for n in names if n != b".git"]
                files = [n for n in files if n != b".git"]
            found += [os.path.join(folder, n) for n in names + files]
        return sorted(found)

    def by_git(self, paths, at=None):
        at = os.fsencode(at or self.root)
        done = subprocess.run(
            ["git", "check-ignore", "-z", "-v", "-n", "--no-index", "--stdin"],
            cwd=at,
            env=self.env,
            input=b"".join(p + b"\0" for p in paths),
            capture_output=True,
            timeout=60,
        )
        assert done.returncode in (0, 1), done.stderr
        fields = done.stdout.split(b"\0")
        answers = {}
        for i in range(0, len(fields) - 1, 4):
            file, line, pattern, path = fields[i : i + 4]
            if file and not pattern.startswith(b"!"):
                file = os.path.realpath(os.path.join(at, file))
                answers[path] = (file, int(line), pattern)
            else:
                answers[path] = None
        return answers

    def driver(self, paths, at=None):
        done = subprocess.run(
            [DRIVER, at or self.root],
            env=self.env,
            capture_output=True,
            input=b"".join(p + b"\0" for p in paths),
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def by_hs(self, paths, at=None):
        head, rest = self.driver(paths, at).split(b"\n", 1)
        assert head == b"tree " + os.path.realpath(os.fsencode(at or self.root))
        fields = rest.split(b"\0")
        assert len(fields) == 3 * len(paths) + 1
        answers = {}
        for i, path in enumerate(paths):
            file, line, pattern = fields[3 * i : 3 * i + 3]
            answers[path] = (os.path.realpath(file), int(line), pattern) if file else None
        return answers

    def compare(self, at=None, paths=None):
        """Same answers? Gives the names, below the root, of what is ignored."""
        paths = paths or self.paths(at)
        assert paths
        git, hs = self.by_git(paths, at), self.by_hs(paths, at)
        wrong = {p: (git[p], hs[p]) for p in paths if git[p] != hs[p]}
        assert not wrong, "\n".join(
            f"{p}: git {g}, hs {h}" for p, (g, h) in sorted(wrong.items())[:20]
        )
        root = os.fsencode(at or self.root)
        return {os.fsdecode(p[len(root) + 1 :]) for p in paths if git[p]}


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path).init()


# A tree with names of all kinds; what ends in "/" is an empty folder.
NAMES = """
.hs/config.yml hubspot.config.yml archived.hubspot.config.yml .hsignore
a b ab abc a.c a.b.c aab aaab a/b a/c a/b/c a/b/c/d a/x/b a/x/y/b b/a b/a/b c/ab
x/a/b x/y/a/b x/.a x/a.log x/a.log.1 log/a.log log/keep.log dir/dir/dir/f
foo/bar foo/bar/baz foo/x/bar foo/x/y/bar foo/foo/foo bar/foo foobar foo-bar
Z z 0 9 A0 a0 a-z a] ] [a] a[b ^ ! !a -a #a \\a a\\b a\\ *  ?x  ** a*b a?b
""".split() + [
    "sp ",
    "sp",
    "sp  x",
    " sp",
    "tab\t",
    "cr\r",
    "cr",
    "é",
    "x/é",
    "\udcff",
    "v\v",
    "d/e f/g",
    "d/e f/h ",
    "new\nline",
    "only/",
    "only2/only/",
    "q/~",
    "q/a~",
]

PATTERNS = (
    r"""
a|/a|a/|/a/|a/b|/a/b|a/b/|a/*|/*|*|!a|*/b|*/*/b|**/b|**/a/b|a/**|a/**/b|a/**/|**
**/|/**|/**/b|/**/a/b|a/b/**|**/**/b|a/**/**/b|**/*|*/**|**/x/**|***/b|a/***/b|a/***
a*|*b|a*b|a*b*c|*a*b*|a**b|*.c|*.log|a.*|?|??|a?|?b|a?b|[a]|[a-c]|[!a]|[^a]|[a-]|[-a]
[]]|a[]]|[]a]|[!]a]|[a-z]|[z-a]|[a-c-e]|[\]]|[a\-z]|[\a-\c]|[[]|[[a]|[[:digit:]]|a[[:digit:]]
[[:alpha:]]|[[:upper:]]|[[:lower:]]|[[:alnum:]]|[[:punct:]]|[[:space:]]sp|[[:blank:]]sp|v[[:space:]]
tab[[:cntrl:]]|cr[[:space:]]|[![:alpha:]]|[[:alpha:][:digit:]]|[[:alpha:]0]|[[:nope:]]|[[:]|[[:alpha:
[[::]]|[[:a]|[a-[:digit:]]|[[:digit:]-z]|[[:graph:]]|[[:print:]]|[[:xdigit:]]|[|[a|a[|[]|[!]|a[b|a\[b
\a|\!a|\#a|#a|!!a|\\a|\\\a|a\\b|a\b|a\|a\\|\*|\?x|\*\*|a\*b|a\?b|a\/b|a\/|\/a|a/\b|**\/b|a/**\/b
foo/**\/bar|foo**|foo*|foo*/bar|foo/*|foo/**|foo/**/bar|**foo|**/foo|**/foo/**|*foo*|foo/*/bar
*/bar|foo?bar|foo[/]bar|foo[!a]bar|foo[.-0]bar|/foo/*|/foo/x|foo/x/|x/**/b|**/a.log|log/*|x/*.log*
sp\ |sp\  |sp|\ sp|d/e f/g|d/e\ f|d/*|?p|é|??|x/*|[é]|[à-ï]|only|only/|/only/|*/only|q/*~|~|*~|.*
.hs/|.hs|hubspot.config.yml|*hubspot.config.yml|archived.*|//a|//|/|a//b|!|!/|*/|*/*|*/*/|**/*/|/*/|.|..
dir|dir/dir|**/dir|dir/dir/|/dir/dir/dir/|dir/**/f|dir/*/f|*/**/f|**/**|x/*/b|x/*/*/b|new*|new?line
*?|?*|*?*|**?|[*]|[?]|[\\]|a[\\]b|a[\\]|[!-~]|[ -~]|[a-zA-Z0-9]|[^]]|[]-a]|[a-]]|[]-]|[--a]|[+--]
""".replace(
        "\n", "|"
    )
    .strip("|")
    .split("|")
)


def fill(tree):
    """All the names, the deep ones first. Where a file should be and a folder is,
    or the other way round, the name goes into a folder that has none of its kind."""
    for name in sorted(NAMES, key=lambda name: -name.count("/")):
        for group in ("", "second/", "third/", "fourth/"):
            try:
                if name.endswith("/"):
                    os.makedirs(tree.root / (group + name), exist_ok=True)
                else:
                    tree.write(group + name)
                break
            except (FileExistsError, IsADirectoryError, NotADirectoryError):
                continue
        else:
            pytest.fail(f"no place for {name!r}")
    return tree


def test_each_pattern_alone_matches_what_git_matches(tree):
    """A few hundred patterns, each against all names at two depths."""
    fill(tree)
    paths = tree.paths()
    assert len(paths) > 100
    met = 0
    for pattern in PATTERNS:
        tree.write(".gitignore", pattern + "\n")
        met += len(tree.compare(paths=paths))
    assert len(PATTERNS) > 200 and met > 3000


@pytest.mark.parametrize(
    "text",
    [
        b"a\r\nfoo/\r\n",
        b"a\r",
        b"\r\n\r\na",
        b"cr\r\r\n",
        b"a\rb\nab",
        b"\xef\xbb\xbfa\nb\n",
        b"b\n\xef\xbb\xbfa\n",
        b"a\0b\nb\n",
        b"\0\na",
        b"a  \nb\t\n",
        b"sp\\ \nsp\\  \n",
        b"sp \\ \n",
        b"sp\\",
        b"  \n\t\na",
        b" a\n",
        b"#a\n\\#a\n",
        b"!a\n\\!a\n",
        b"*\n!a\n!foo/\n",
        b"*\n!*/\n!*.log\n",
        b"log/*\n!log/keep.log\n",
        b"log/\n!log/keep.log\n",
        b"/*\n!/foo\n/foo/*\n!/foo/bar\n",
        b"",
        b"\n\n",
        b"a",
        b"a\n" * 1000 + b"!a\n",
        b"x" * 4096 + b"\na\n",
        b"foo/**\n!foo/**/\n!foo/x/bar\n",
    ],
    ids=lambda text: repr(text)[:40],
)
def test_lines_are_read_as_git_reads_them(tree, text):
    """Line ends, marks, blanks, NULs, comments, and lines that take back others."""
    fill(tree)
    tree.write(".gitignore", text)
    tree.compare()


def old_git_differs(pattern):
    """Stars that git before 2.53 takes for "**" though text stands before them."""
    return re.match(r"!?/?[^*?\[\\]*[^*?\[\\/]\*\*+(\\?/|$)", pattern)


def random_pattern(pick):
    pieces = [
        "a",
        "b",
        "ab",
        "*",
        "**",
        "?",
        "[ab]",
        "[!a]",
        "[a-b]",
        "\\a",
        "a*",
        "*b",
        "/",
        "/",
        "/",
        "/**/",
        "**/",
        "/**",
        "/*/",
        "[[:alpha:]]",
        "\\*",
        "[^b]",
    ]
    text = "".join(pick.choice(pieces) for _ in range(pick.randint(1, 6)))
    if pick.random() < 0.2:
        text += "/"
    if pick.random() < 0.25:
        text = "!" + text
    return "a" if old_git_differs(text) else text


@pytest.mark.parametrize("seed", range(24))
def test_random_files_at_three_depths(tree, seed):
    """Ignore files at the root and below, of random lines, over names of a and b."""
    pick = random.Random(seed)
    for _ in range(60):
        parts = [
            "".join(pick.choice("ab") for _ in range(pick.randint(1, 3)))
            for _ in range(pick.randint(1, 5))
        ]
        at = tree.root
        for part in parts[:-1]:
            if (at / part).is_file():
                break
            at = at / part
            at.mkdir(exist_ok=True)
        if not (at / parts[-1]).exists():
            (at / parts[-1]).touch()
    folders = [tree.root] + [
        f for f in tree.root.rglob("*") if f.is_dir() and ".git" not in f.parts
    ]
    for _ in range(8):
        for folder in folders:
            if folder == tree.root or pick.random() < 0.3:
                lines = [random_pattern(pick) for _ in range(pick.randint(1, 6))]
                (folder / ".gitignore").write_text("\n".join(lines))
        tree.compare()


def test_nearer_files_take_precedence(tree):
    tree.write(".gitignore", "*.log\n/top\nsub/deep/x\n")
    tree.write("sub/.gitignore", "!keep.log\n/top\ndeep/*\n")
    tree.write("sub/deep/.gitignore", "!x\n")
    for name in (
        "top",
        "a.log",
        "keep.log",
        "sub/top",
        "sub/a.log",
        "sub/keep.log",
        "sub/deep/x",
        "sub/deep/y",
        "sub/deep/top",
    ):
        tree.write(name)
    assert tree.compare() == {
        "top",
        "a.log",
        "keep.log",
        "sub/top",
        "sub/a.log",
        "sub/deep/y",
        "sub/deep/top",
        "sub/deep/.gitignore",
    }


def test_info_exclude_is_between_gitignore_and_excludes_file(tree):
    tree.write("excludes", "one\ntwo\nthree\n", at=tree.home)
    tree.git("config", "core.excludesFile", "~/excludes")
    tree.write(".git/info/exclude", "!two\nfour\n")
    tree.write(".gitignore", "!three\n!four\n")
    for name in ("one", "two", "three", "four", "sub/one", "sub/four"):
        tree.write(name)
    assert tree.compare() == {"one", "sub/one"}


@pytest.mark.parametrize(
    "place, line",
    [
        (".gitconfig", "[core]\n\texcludesFile = ~/mine\n"),
        (".gitconfig", "[CORE] EXCLUDESFILE=~/mine"),
        (".gitconfig", '[core]\nexcludesfile = "~/mine" ; not "this"\n'),
        (".gitconfig", '[core]\nexcludesfile = ~/mi"ne"   # so\n'),
        (".gitconfig", "[core]\r\nexcludesfile = ~/mine\r\n"),
        (".gitconfig", "[core]\nexcludesfile = ~/mi\\\nne\n"),
        (".gitconfig", "\ufeff[core]\nexcludesfile = ~/mine\n"),
        (".gitconfig", '[alias]\nx = "a\\"b" \\\n[core]\n[core]\nexcludesfile = ~/mine\n'),
        (
            ".gitconfig",
            '[core "sub"]\nexcludesfile = ~/other\n[a "]"]\nb\n[core]\nexcludesfile = ~/mine\n',
        ),
        (
            ".gitconfig",
            "[core]\nexcludesfile = ~/other\n# [x]\nexcludesfile = ~/mine\n[x]\nexcludesfile = no",
        ),
        (".gitconfig", '[core]\nexcludesfile = ~/a b\\\\c\\"\n'),
        (".gitconfig", '[core]\nexcludesfile = ~/"t  "\n'),
        (".gitconfig", "[core]\nexcludesfile = ~/missing\n"),
        (".gitconfig", "[core]\nexcludesfile =\n"),
        (".gitconfig", "[core]\nexcludesfile = in tree\n"),
        (".gitconfig", "[core]\nexcludesfile = /dev/null\n"),
        (".config/git/config", "[core]\nexcludesfile = ~/mine\n"),
        (".config/git/ignore", None),
    ],
    ids=repr,
)
@pytest.mark.parametrize("xdg", [False, True])
def test_the_excludes_file_is_found_as_git_finds_it(tree, place, line, xdg):
    if xdg:
        tree.env["XDG_CONFIG_HOME"] = str(tree.home / "xdg")
        place = place.replace(".config", "xdg")
    for file, name in (
        ("mine", "mine"),
        ("other", "other"),
        ('a b\\c"', "odd"),
        ("t  ", "blank"),
        (".config/git/ignore", "usual"),
        ("xdg/git/ignore", "usual"),
    ):
        tree.write(file, name + "-file\n", at=tree.home)
        tree.write(name + "-file")
    tree.write("in tree", "inside\n")
    tree.write("inside")
    if line is not None:
        tree.write(place, line, at=tree.home)
    found = tree.compare()
    nothing = line and ("missing" in line or "=\n" in line or "null" in line)
    assert len(found) == (0 if nothing else 1)


def test_the_nearest_config_wins(tree):
    for i, place in enumerate((".config/git/config", ".gitconfig")):
        tree.write(f"list{i}", f"f{i}\n", at=tree.home)
        tree.write(place, f"[core]\nexcludesfile = ~/list{i}\n", at=tree.home)
    tree.write("list2", "f2\n", at=tree.home)
    for i in range(3):
        tree.write(f"f{i}")
    assert tree.compare() == {"f1"}
    tree.git("config", "core.excludesfile", "~/list2")
    assert tree.compare() == {"f2"}


def test_a_linked_gitignore_is_ignored_and_a_linked_excludes_file_is_read(tree):
    tree.write("list", "one\n", at=tree.home)
    (tree.root / ".gitignore").symlink_to(tree.home / "list")
    (tree.home / ".gitignore").symlink_to(tree.home / "list2")
    tree.write("list2", "two\n", at=tree.home)
    tree.git("config", "core.excludesfile", "~/.gitignore")
    tree.write("one")
    tree.write("two")
    assert tree.compare() == {"two"}


def test_a_folder_named_gitignore_is_not_an_error(tree):
    tree.write(".gitignore/x")
    tree.write("sub/a")
    tree.write("sub/.gitignore", "a\n")
    assert tree.compare() == {"sub/a"}


def test_a_link_to_a_folder_is_not_a_folder(tree):
    tree.write(".gitignore", "link/\nreal/\n")
    tree.write("real/f")
    (tree.root / "link").symlink_to("real")
    (tree.root / "link2").symlink_to("nowhere")
    assert tree.compare() == {"real", "real/f"}


def test_a_missing_path_is_judged_by_its_name(tree):
    tree.write(".gitignore", ".hs\nhubspot.config.yml\nsub/later/\n")
    root = os.fsencode(tree.root)
    paths = [
        root + b"/" + p
        for p in (
            b".hs",
            b".hs/config.yml",
            b"hubspot.config.yml",
            b"sub/later",
            b"sub/later/f",
            b"x/y/hubspot.config.yml",
        )
    ]
    tree.write("sub/x")
    assert tree.compare(paths=paths) == {
        ".hs",
        ".hs/config.yml",
        "hubspot.config.yml",
        "sub/later/f",
        "x/y/hubspot.config.yml",
    }


def test_linked_work_trees_share_info_exclude_and_config(tree, tmp_path):
    tree.write("excludes", "everywhere\n", at=tree.home)
    tree.git("config", "core.excludesFile", "~/excludes")
    tree.commit()
    tree.write(".git/info/exclude", "shared\n")
    other = tmp_path / "other"
    tree.git("worktree", "add", "-q", other)
    for name in ("everywhere", "shared", "own", "sub/shared"):
        tree.write(name, at=other)
    tree.write(".gitignore", "own\n", at=other)
    assert tree.compare(at=other) == {"everywhere", "shared", "own", "sub/shared"}


def test_a_submodule_is_a_separate_tree(tree, tmp_path):
    inner = Tree(tmp_path)
    inner.root = tmp_path / "inner"
    inner.init().commit()
    tree.commit()
    tree.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.root), "mod"
    )
    assert (tree.root / "mod" / ".git").is_file()
    tree.write(".gitignore", "f\n")
    for name in ("f", "g", "sub/h"):
        tree.write(name, at=tree.root / "mod")
    tree.write(".git/modules/mod/info/exclude", "g\n")
    tree.write(".gitignore", "h\n", at=tree.root / "mod")
    assert tree.compare(at=tree.root / "mod") == {"g", "sub/h"}


def top(tree, at):
    """The root of the work tree, by git and by the driver, which must agree."""
    done = subprocess.run(
        ["git", "rev-parse", "--is-inside-work-tree", "--show-toplevel"],
        cwd=at,
        env=tree.env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    by_git = done.stdout.split("\n")[1] if done.stdout.startswith("true\n") else None
    line = tree.driver([], at).decode().rstrip("\n")
    by_hs = None if line == "none" else line.removeprefix("tree ")
    assert by_hs == by_git
    return by_hs


def test_the_root_is_found_from_below_through_links_and_past_bogus_ones(tree, tmp_path):
    tree.env["GIT_CEILING_DIRECTORIES"] = str(tmp_path.parent)
    root = os.path.realpath(tree.root)
    for name in ("sub/deep/f", "empty/.git/config", "noref/.git/HEAD", "badhead/f"):
        tree.write(name, "ref: refs/heads/main\n")
    shutil.copytree(tree.root / ".git", tree.root / "badhead" / ".git")
    tree.write("badhead/.git/HEAD", "nonsense\n")
    for folder in ("", "sub", "sub/deep", "empty", "noref", "badhead"):
        assert top(tree, tree.root / folder) == root
    (tmp_path / "link").symlink_to(tree.root / "sub")
    assert top(tree, tmp_path / "link") == root
    assert top(tree, tmp_path / "link" / "deep") == root
    # a .git that is a link to the real one
    moved = tmp_path / "moved"
    (tree.root / ".git").rename(moved)
    (tree.root / ".git").symlink_to(moved)
    assert top(tree, tree.root / "sub") == root


def test_inside_git_or_a_bare_repository_there_is_no_work_tree(tree, tmp_path):
    tree.env["GIT_CEILING_DIRECTORIES"] = str(tmp_path.parent)
    assert top(tree, tree.root / ".git") is None
    assert top(tree, tree.root / ".git" / "refs") is None
    tree.git("init", "-q", "--bare", tmp_path / "bare")
    assert top(tree, tmp_path / "bare") is None
    assert top(tree, tmp_path / "bare" / "objects") is None
    assert top(tree, tmp_path) is None


def test_a_bogus_git_file_does_not_hide_the_tree_around_it(tree):
    """git gives up there; what lies below can still be added from above."""
    tree.write("sub/.git", "nonsense\n")
    tree.write("lost/.git", "gitdir: ../nowhere\n")
    for name in ("sub", "lost"):
        assert tree.driver([], tree.root / name).decode() == f"tree {os.path.realpath(tree.root)}\n"
