"""Checks the structure of hs.c.

    lint_sections.py hs.c

The first comment of hs.c lists the sections, one per line: name and the
prefixes of their functions. The checks:

  - each section starts with its banner, "/* ==== JSON ==== ...", in that order,
    and has at most 2,000 lines;
  - a function is static and has a prefix of its section;
  - no function is called above its definition, and there are no prototypes
    unless a comment "forward: why" is on the same line or the one before;
  - functions have at most 60 lines and 5 parameters, lines have at most 80
    columns, no tabs, no merge conflict markers;
  - P() is never passed a call, because it evaluates its argument twice;
  - only System and Safe files make system calls;
  - unsafe calls are not made at all;
  - the format of a function that prints a line has a line break at its end and
    nowhere else: any other comes from untrusted text, which is made visible.
"""

import bisect
import re
import sys
from typing import NamedTuple

LINES, PARAMETERS, COLUMNS, SECTION = 60, 5, 80, 2000

BANNED = {
    "strcpy": "str_ and buf_",
    "strcat": "buf_",
    "strncpy": "str_",
    "strncat": "buf_",
    "stpcpy": "buf_",
    "sprintf": "snprintf or buf_",
    "vsprintf": "vsnprintf or buf_",
    "gets": "read",
    "strtok": "str_",
    "atoi": "a checked parser",
    "atol": "a checked parser",
    "atoll": "a checked parser",
    "atof": "a checked parser",
    "scanf": "a checked parser",
    "sscanf": "a checked parser",
    "fscanf": "a checked parser",
    "system": "fork and exec",
    "popen": "fork and exec",
    "alloca": "an arena",
    "tmpnam": "os_",
    "mktemp": "os_",
    "rand": "os_",
    "srand": "os_",
}

# Words before a "(" that begin no call.
KEYWORDS = set(
    """if for while switch return sizeof do else case void char short
    int long float double signed unsigned _Bool bool _Static_assert _Alignof
    static_assert _Alignas _Generic __attribute__ defined""".split()
)

NOT_CODE = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'
      | ^[ \t]*\#(?:\\\n|/\*.*?\*/|[^\n])*""",
    re.S | re.M | re.X,
)
# What only System and Safe files call: close(), getenv() and the like.
SYSTEM = set(
    """access chmod chdir close closedir connect dup dup2 execve execv
    fchmod fcntl fdopendir flock fork fstat fstatat fsync ftruncate getcwd getenv
    getrandom getuid geteuid ioctl kill listen lseek lstat mkdir mkdirat mmap
    open openat opendir pipe pipe2 poll pread pwrite read readdir readlink recv
    rename renameat rmdir send setenv setsockopt shutdown signal sigaction socket
    stat symlink unlink unlinkat unsetenv usleep waitpid write""".split()
)
SEAM = ("System", "Safe files")

BANNER = re.compile(r"^/\* ==== (\w[\w -]*?) ====", re.M)
LISTED = re.compile(r"^ \*   (\w[\w -]*?) {2,}((?:\w+_ )*\w+_|main)$", re.M)
DOUBLE = re.compile(r"\bP\((?!\*?[\w.\[\]>+-]*\))")
ONE_LINE = re.compile(
    r"\b(term_(?:printf|say|warn|debug|complain)|" r"err_(?:set|hint|row))\((?!\))"
)
TOKEN = re.compile(r"[A-Za-z_]\w*|\S")


class Section(NamedTuple):
    name: str
    prefixes: tuple = ()
    line: int = 0


class Function(NamedTuple):
    name: str
    line: int
    end: int
    is_static: bool
    parameters: int


class Source:
    """hs.c in tokens: what it defines, declares and calls, and on which line."""

    def __init__(self, text):
        self.text = text
        self.lines = text.split("\n")
        self.starts = [0] + [m.end() for m in re.finditer("\n", text)]
        # Comments and literals become blanks, so that offsets stay.
        bare = NOT_CODE.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
        self.tokens = [(m[0], self.line_at(m.start())) for m in TOKEN.finditer(bare)]
        self.functions, self.prototypes, self.calls = [], [], []
        self.scan()

    def line_at(self, offset):
        return bisect.bisect_right(self.starts, offset)

    def token(self, i):
        return self.tokens[i][0] if i < len(self.tokens) else ""

    def past(self, i, opening, closing):
        """The index after the bracket that closes the one at i."""
        depth = 0
        while i < len(self.tokens):
            depth += (self.token(i) == opening) - (self.token(i) == closing)
            i += 1
            if depth == 0:
                break
        return i

    def past_attributes(self, i):
        while re.fullmatch(r"__attribute__|[A-Z][A-Z_]+", self.token(i)):
            i += 1
            if self.token(i) == "(":
                i = self.past(i, "(", ")")
        return i

    def is_call(self, i):
        name = self.token(i)
        return self.token(i + 1) == "(" and name not in KEYWORDS and re.match(r"[A-Za-z_]", name)

    def take_calls(self, i, end):
        self.calls += [self.tokens[k] for k in range(i, end) if self.is_call(k)]

    def scan(self):
        """Walks the top level; begin is where the present declaration does."""
        i = begin = 0
        while i < len(self.tokens):
            word = self.token(i)
            if word == "{":
                end = self.past(i, "{", "}")
                self.take_calls(i, end)
                i = end
            elif word == ";":
                i += 1
                begin = i
            elif self.is_call(i):
                i, begin = self.declarator(i, begin)
            else:
                i += 1

    def count_parameters(self, i):
        """Those between the bracket at i and the one that closes it."""
        depth, count = 0, 1
        for k in range(i, self.past(i, "(", ")")):
            depth += (self.token(k) == "(") - (self.token(k) == ")")
            count += self.token(k) == "," and depth == 1
        return count

    def declarator(self, i, begin):
        """At "name (" of the top level: a function, a prototype or neither."""
        name, line = self.tokens[i]
        words = {t for t, _ in self.tokens[begin:i]}
        after = self.past_attributes(self.past(i + 1, "(", ")"))
        if self.token(after) == "{":
            end = self.past(after, "{", "}")
            self.take_calls(after, end)
            self.functions.append(
                Function(
                    name,
                    line,
                    self.tokens[end - 1][1],
                    "static" in words,
                    self.count_parameters(i + 1),
                )
            )
            return end, end
        if self.token(after) == ";" and words and "typedef" not in words:
            self.prototypes.append((name, self.tokens[begin][1]))
        return after, begin


class Lint:
    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as file:
            self.source = Source(file.read())
        first_page = self.source.text.split("*/", 1)[0]
        self.listed = [
            Section(name, tuple(prefixes.split())) for name, prefixes in LISTED.findall(first_page)
        ]
        self.failed = False

    def fail(self, line, message):
        self.failed = True
        print(f"{self.path}:{line}: {message}")

    def check_banners(self):
        """Returns the sections as they are in the file, with their lines."""
        found = [(self.source.line_at(m.start()), m[1]) for m in BANNER.finditer(self.source.text)]
        listed = [section.name for section in self.listed]
        if not listed:
            self.fail(1, "the first page lists no sections")
        if listed != [name for _, name in found]:
            self.fail(1, "the sections of the first page are not the banners:")
            print("    listed: ", ", ".join(listed))
            print("    banners:", ", ".join(name for _, name in found))
        by_name = {section.name: section for section in self.listed}
        ends = [line for line, _ in found[1:]] + [len(self.source.lines)]
        for (line, name), end in zip(found, ends):
            if end - line > SECTION:
                self.fail(
                    line, f"section {name} has {end - line} lines; " f"the limit is {SECTION}"
                )
        return [by_name.get(name, Section(name))._replace(line=line) for line, name in found]

    def section_at(self, sections, line):
        at = bisect.bisect_right([s.line for s in sections], line) - 1
        return sections[at] if at >= 0 else Section("before the first")

    def check_prefixes(self, sections):
        for function in self.source.functions:
            section = self.section_at(sections, function.line)
            if function.name == "main" and "main" in section.prefixes:
                continue
            if not function.is_static:
                self.fail(function.line, f"{function.name} is not static")
            if not function.name.startswith(section.prefixes or ("?",)):
                self.fail(
                    function.line,
                    f"{function.name} is in section "
                    f"{section.name}, whose prefixes are: "
                    f"{' '.join(section.prefixes)}",
                )

    def check_seam(self, sections):
        for name, line in self.source.calls:
            section = self.section_at(sections, line)
            if name in SYSTEM and section.name not in SEAM:
                self.fail(line, f"{name}() is called outside of System")

    def is_labelled(self, line):
        return any("forward:" in text for text in self.source.lines[max(0, line - 2) : line])

    def check_order(self):
        defined = {}
        for function in self.source.functions:
            defined.setdefault(function.name, function.line)
        forward = {}
        for name, line in self.source.prototypes:
            forward.setdefault(name, line)
            if not self.is_labelled(line):
                self.fail(
                    line,
                    f"{name} is declared ahead of its definition "
                    'without a comment "forward: why"',
                )
        for name, line in self.source.calls:
            if line < defined.get(name, 0) and not forward.get(name, sys.maxsize) < line:
                self.fail(
                    line, f"{name} is called above its definition " f"on line {defined[name]}"
                )

    def check_shape(self):
        for function in self.source.functions:
            length = function.end - function.line + 1
            if length > LINES:
                self.fail(
                    function.line, f"{function.name} has {length} lines; " f"the limit is {LINES}"
                )
            if function.parameters > PARAMETERS:
                self.fail(
                    function.line,
                    f"{function.name} has "
                    f"{function.parameters} parameters; "
                    f"the limit is {PARAMETERS}",
                )
        for call in DOUBLE.finditer(self.source.text):
            if "#define P(" not in self.source.lines[self.source.line_at(call.start()) - 1]:
                self.fail(self.source.line_at(call.start()), "P() evaluates its argument twice")
        for line, text in enumerate(self.source.lines, 1):
            if len(text) > COLUMNS:
                self.fail(line, f"{len(text)} columns; the limit is {COLUMNS}")
            if "\t" in text:
                self.fail(line, "a tab")
            if text != text.rstrip():
                self.fail(line, "white space at the end")
            if re.match("(<<<<<<<|\\|{7}|=======|>>>>>>>)( |$)", text):
                self.fail(line, "a merge conflict marker")

    def check_banned(self):
        for name, line in self.source.calls:
            if name in BANNED:
                self.fail(line, f"use {BANNED[name]} instead of {name}")

    def check_lines(self):
        text = self.source.text
        for call in ONE_LINE.finditer(text):
            formats = re.match(r'[^"]*?((?:"(?:\\.|[^"\\])*"\s*|PRI\w+\s*)+)', text[call.end() :])
            literal = "".join(re.findall(r'"((?:\\.|[^"\\])*)"', formats[1] if formats else ""))
            at_end = literal.endswith("\\n") and call[1] == "term_printf"
            if "\\n" in (literal[:-2] if at_end else literal):
                self.fail(
                    self.source.line_at(call.start()),
                    f"{call[1]} prints one line; " "its format has a line break",
                )

    def run(self):
        sections = self.check_banners()
        self.check_prefixes(sections)
        self.check_seam(sections)
        self.check_order()
        self.check_shape()
        self.check_banned()
        self.check_lines()
        return 1 if self.failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(Lint(sys.argv[1]).run())
