"""Checks that hs.c keeps the order of its house.

    lint_rooms.py hs.c

The first comment of hs.c lists the rooms, a line each: number, name and the
prefixes of their functions. What is checked against that list:

  - each room opens with its banner, "/* ==== 09 HTTP ==== ...", in that order;
  - a function is static and carries a prefix of the room that it stands in;
  - no function is called above its definition, and no prototype stands there
    unless a comment "forward: why" is on its line or the one before;
  - functions are short, lines fit 80 columns, tabs are spaces, and no merge
    left its markers;
  - calls that cannot be made safely are not made at all;
  - what prints a line has a line break at the end of its format and nowhere
    else: any other comes from untrusted text, and is made visible.
"""

import bisect
import re
import sys
from typing import NamedTuple

LONG, TOO_LONG, COLUMNS = 60, 90, 80

BANNED = {
    "strcpy": "str_ and buf_", "strcat": "buf_", "strncpy": "str_",
    "strncat": "buf_", "stpcpy": "buf_", "sprintf": "snprintf or buf_",
    "vsprintf": "vsnprintf or buf_", "gets": "read", "strtok": "str_",
    "atoi": "a checked parser", "atol": "a checked parser",
    "atoll": "a checked parser", "atof": "a checked parser",
    "scanf": "a checked parser", "sscanf": "a checked parser",
    "fscanf": "a checked parser", "system": "fork and exec",
    "popen": "fork and exec", "alloca": "an arena", "tmpnam": "os_",
    "mktemp": "os_", "rand": "os_", "srand": "os_",
}

# Words before a "(" that begin no call.
KEYWORDS = set("""if for while switch return sizeof do else case void char short
    int long float double signed unsigned _Bool bool _Static_assert _Alignof
    static_assert _Alignas _Generic __attribute__ defined""".split())

NOT_CODE = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'
      | ^[ \t]*\#(?:\\\n|/\*.*?\*/|[^\n])*""", re.S | re.M | re.X)
BANNER = re.compile(r"^/\* ==== (\d\d) (\w[\w ]*?) ====", re.M)
ROOM = re.compile(r"^[ *]*(\d\d) (\w[\w ]*?) {2,}((?:\w+_ )*\w+_|main)\b",
                  re.M)
ONE_LINE = re.compile(r"\b(term_(?:printf|say|warn|debug|complain)|"
                      r"err_(?:set|hint|row))\((?!\))")
TOKEN = re.compile(r"[A-Za-z_]\w*|\S")


class Room(NamedTuple):
    number: str
    name: str
    prefixes: tuple = ()


class Function(NamedTuple):
    name: str
    line: int
    end: int
    is_static: bool


class Source:
    """hs.c in tokens: what it defines, declares and calls, and on which line."""

    def __init__(self, text):
        self.text = text
        self.lines = text.split("\n")
        self.starts = [0] + [m.end() for m in re.finditer("\n", text)]
        # Comments and literals become blanks, so that offsets stay.
        bare = NOT_CODE.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
        self.tokens = [(m[0], self.line_at(m.start()))
                       for m in TOKEN.finditer(bare)]
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
        return (self.token(i + 1) == "(" and name not in KEYWORDS
                and re.match(r"[A-Za-z_]", name))

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

    def declarator(self, i, begin):
        """At "name (" of the top level: a function, a prototype or neither."""
        name, line = self.tokens[i]
        words = {t for t, _ in self.tokens[begin:i]}
        after = self.past_attributes(self.past(i + 1, "(", ")"))
        if self.token(after) == "{":
            end = self.past(after, "{", "}")
            self.take_calls(after, end)
            self.functions.append(Function(
                name, line, self.tokens[end - 1][1], "static" in words))
            return end, end
        if self.token(after) == ";" and words and "typedef" not in words:
            self.prototypes.append((name, self.tokens[begin][1]))
        return after, begin


class Lint:
    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as file:
            self.source = Source(file.read())
        self.rooms = self.listed_rooms()
        self.failed = False

    def listed_rooms(self):
        first_page = self.source.text.split("*/", 1)[0]
        return [Room(number, name, tuple(prefixes.split()))
                for number, name, prefixes in ROOM.findall(first_page)]

    def fail(self, line, message):
        self.failed = True
        print(f"{self.path}:{line}: {message}")

    def check_banners(self):
        """Also tells where each room begins: (line, room)."""
        text, source = self.source.text, self.source
        found = [(source.line_at(m.start()), Room(m[1], m[2]))
                 for m in BANNER.finditer(text)]
        listed = [room[:2] for room in self.rooms]
        if not listed:
            self.fail(1, "the first page lists no rooms")
        if listed != [room[:2] for _, room in found]:
            self.fail(1, "the rooms of the first page are not the banners:")
            print("    listed: ", ", ".join(" ".join(r) for r in listed))
            print("    banners:", ", ".join(" ".join(r[:2]) for _, r in found))
        by_number = {room.number: room for room in self.rooms}
        return [(line, by_number.get(room.number, room)) for line, room in found]

    def check_prefixes(self, begins):
        lines = [line for line, _ in begins]
        for function in self.source.functions:
            at = bisect.bisect_right(lines, function.line) - 1
            room = begins[at][1] if at >= 0 else Room("00", "no room")
            if function.name == "main" and "main" in room.prefixes:
                continue
            if not function.is_static:
                self.fail(function.line, f"{function.name} is not static")
            if not function.name.startswith(room.prefixes or ("?",)):
                self.fail(function.line, f"{function.name} stands in room "
                          f"{room.number} {room.name}, whose prefixes are: "
                          f"{' '.join(room.prefixes)}")

    def is_labelled(self, line):
        return any("forward:" in text
                   for text in self.source.lines[max(0, line - 2):line])

    def check_order(self):
        defined = {}
        for function in self.source.functions:
            defined.setdefault(function.name, function.line)
        forward = {}
        for name, line in self.source.prototypes:
            forward.setdefault(name, line)
            if not self.is_labelled(line):
                self.fail(line, f"{name} is declared ahead of its definition "
                          "without a comment \"forward: why\"")
        for name, line in self.source.calls:
            if line < defined.get(name, 0) and not forward.get(
                    name, sys.maxsize) < line:
                self.fail(line, f"{name} is called above its definition "
                          f"on line {defined[name]}")

    def check_shape(self):
        for function in self.source.functions:
            length = function.end - function.line + 1
            if length > TOO_LONG:
                self.fail(function.line, f"{function.name} has {length} lines; "
                          f"{TOO_LONG} are the most")
            elif length > LONG:
                print(f"{self.path}:{function.line}: note: {function.name} "
                      f"has {length} lines; {LONG} is long")
        for line, text in enumerate(self.source.lines, 1):
            if len(text) > COLUMNS:
                self.fail(line, f"{len(text)} columns; {COLUMNS} are the most")
            if "\t" in text:
                self.fail(line, "a tab")
            if text != text.rstrip():
                self.fail(line, "blanks at the end")
            if re.match("(<<<<<<<|\\|{7}|=======|>>>>>>>)( |$)", text):
                self.fail(line, "a marker of a merge conflict")

    def check_banned(self):
        for name, line in self.source.calls:
            if name in BANNED:
                self.fail(line, f"{name} is not used here; "
                          f"there is: {BANNED[name]}")

    def check_lines(self):
        text = self.source.text
        for call in ONE_LINE.finditer(text):
            formats = re.match(r'[^"]*?((?:"(?:\\.|[^"\\])*"\s*|PRI\w+\s*)+)',
                               text[call.end():])
            literal = "".join(re.findall(r'"((?:\\.|[^"\\])*)"',
                                         formats[1] if formats else ""))
            at_end = literal.endswith("\\n") and call[1] == "term_printf"
            if "\\n" in (literal[:-2] if at_end else literal):
                self.fail(self.source.line_at(call.start()),
                          f"{call[1]} prints one line; "
                          "its format has a line break")

    def run(self):
        self.check_prefixes(self.check_banners())
        self.check_order()
        self.check_shape()
        self.check_banned()
        self.check_lines()
        return 1 if self.failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(Lint(sys.argv[1]).run())
