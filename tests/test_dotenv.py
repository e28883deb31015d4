"""What hs secrets apply reads from a dotenv file is what other programs read, too."""
import pytest

import dotenvs
from calls import failed, ok

# Lines that all programs read alike, and the value of A.
ALIKE = [
    ("A=value", "value"),
    ("A=value\n", "value"),
    ("A=value\r\n", "value"),
    ("A=1", "1"),
    (" A=value", "value"),
    ("A =value", "value"),
    ("A= value", "value"),
    ("A = value ", "value"),
    ("  A  =  value  \r\n", "value"),
    ("export A=value", "value"),
    (" export A = value", "value"),
    ("# note\n\nA=value\n# a=b\n", "value"),
    ("#A=1\n#\nA=value\n#", "value"),
    ("# it's \"x\nA=value", "value"),
    ("B=1\nA=value\nC='2'\n", "value"),
    ("A=two words", "two words"),
    ("A=two  words\tand a tab", "two  words\tand a tab"),
    ("A=it's", "it's"),
    ('A=5"disk', '5"disk'),
    ("A=a`b`c", "a`b`c"),
    ("A=a'b'c\"d\"", "a'b'c\"d\""),
    ("A=a=b", "a=b"),
    ("A==", "="),
    ("A=a:b", "a:b"),
    ("A=https://u:p@h/x?y=1&z=2", "https://u:p@h/x?y=1&z=2"),
    ("A=C:\\new\\temp", "C:\\new\\temp"),
    ("A=a\\\\b\\", "a\\\\b\\"),
    ('A=[1,{"a":2}]', '[1,{"a":2}]'),
    ("A=*.example.com", "*.example.com"),
    ("A=~/x;y|z&(w)<v>!%^", "~/x;y|z&(w)<v>!%^"),
    ("A=null", "null"),
    ("A=true", "true"),
    ("A=-", "-"),
    ("A=üñ€😀", "üñ€😀"),
    ("A=a\xa0b", "a\xa0b"),
    ("A=value # note", "value"),
    ('A=value  # it\'s "x"', "value"),
    ("A=value #", "value"),
    ("A=value # a=b#c", "value"),
    ("A=it's # x\nB=it's", "it's"),
    ("A=value #note", "value"),
    ("A='value'", "value"),
    ("A=' value '", " value "),
    ("A='a#b'", "a#b"),
    ("A='a # b'", "a # b"),
    ("A='$HOME'", "$HOME"),
    ("A='a$'", "a$"),
    ("A='$$'", "$$"),
    ('A=\'{"a":"b"}\'', '{"a":"b"}'),
    ("A='a\\nb'", "a\\nb"),
    ("A='C:\\temp\\x'", "C:\\temp\\x"),
    ("A='`'", "`"),
    ("A='\"'", '"'),
    ("A='a=b'", "a=b"),
    ("A='value' # note", "value"),
    ("A='value'#note", "value"),
    ("A='value' # it's", "value"),
    ("A='value'  ", "value"),
    ("A='value'\t", "value"),
    ("A='line 1\nline 2'\n", "line 1\nline 2"),
    ("A='\n'", "\n"),
    ("A='a\n\n# b\nB=c\n'", "a\n\n# b\nB=c\n"),
    ("A='\t'", "\t"),
    ("A='\xa0'", "\xa0"),
    ("A='ü€😀'", "ü€😀"),
    ("A='\x01\x7f'", "\x01\x7f"),
    ('A="value"', "value"),
    ('A=" value "', " value "),
    ('A="a#b"', "a#b"),
    ('A="a # b" # c', "a # b"),
    ('A="a\\nb"', "a\nb"),
    ('A="\\n"', "\n"),
    ('A="\\n\\n" # "x"', "\n\n"),
    ('A="it\'s"', "it's"),
    ('A="a`b"', "a`b"),
    ('A="line 1\nline 2\n"', "line 1\nline 2\n"),
    ('A="a\\n\nb"', "a\n\nb"),
    (
        'A="-----BEGIN KEY-----\nMIIab+/=\n-----END KEY-----\n"',
        "-----BEGIN KEY-----\nMIIab+/=\n-----END KEY-----\n",
    ),
    ('A="a=b: c"', "a=b: c"),
    ('A="ü"#x', "ü"),
    ('export A="value"\r\nB=1\r\n', "value"),
    ("A='value'\nB=\"it's\"\nC='\"'\nD=it's", "value"),
]

# Lines that they read differently: the line that is faulty, and what is said of it.
DIFFERENT = [
    ('A="a\\tb"', 1, "escape"),
    ('A="a\\rb"', 1, "escape"),
    ('A="a\\\\b"', 1, "escape"),
    ('A="a\\"b"', 1, "escape"),
    ('A="a\\$b"', 1, "escape"),
    ('A="a\\\'b"', 1, "escape"),
    ('A="a\\qb"', 1, "escape"),
    ('A="a\\\\nb"', 1, "escape"),
    ('A="C:\\"', 1, "escape"),
    ('A="a\\x41"', 1, "escape"),
    ('A="a\\101"', 1, "escape"),
    ('B=1\nA="a\\`b"', 2, "escape"),
    ("A=$NAME", 1, "expand"),
    ("A=${NAME}", 1, "expand"),
    ("A=a$NAME", 1, "expand"),
    ("A=a$", 1, "expand"),
    ("A=$$", 1, "expand"),
    ("A=a$1", 1, "expand"),
    ("A=\\$NAME", 1, "expand"),
    ("A=$(date)", 1, "expand"),
    ('A="$NAME"', 1, "expand"),
    ('A="${NAME}"', 1, "expand"),
    ('A="a$"', 1, "expand"),
    ('A="pa$$word"', 1, "expand"),
    ("A='${NAME}'", 1, "single quotes"),
    ("A='a${B:-c}d'", 1, "single quotes"),
    ("A=a#b", 1, "#"),
    ("A=#b", 1, "#"),
    ("A= #b", 1, "#"),
    ("A=a\t# b", 1, "#"),
    ("A=a # b # c", 1, "#"),
    ("A=a #b\t#c", 1, "#"),
    ("A=a # b\xa0# c", 1, "#"),
    ('A="a"b', 1, "closing"),
    ("A='a' b", 1, "closing"),
    ("A='a'b'c'", 1, "closing"),
    ('A="a""b"', 1, "closing"),
    ("A='a''b'", 1, "closing"),
    ("A='it\\'s'", 1, "single quotes"),
    ("A='a\\\\b'", 1, "single quotes"),
    ("A='a\\'", 1, "single quotes"),
    ("A=`a`", 1, "backtick"),
    ("A=`a'\"b`", 1, "backtick"),
    ("A=`a\nb`", 1, "backtick"),
    ("A='a", 1, "closing quote is missing"),
    ('A="a\nB=1\n', 1, "closing quote is missing"),
    ("B=1\n\nA='a\nC=d", 3, "closing quote is missing"),
    ("A-B=value", 1, "name"),
    ("export  A=value", 1, "export"),
    ("export\tA=value", 1, "export"),
    ("export =value", 1, "name"),
    ("9A=value", 1, "name"),
    ("A: value", 1, "no ="),
    ("A", 1, "no ="),
    ("A B=value", 1, "no ="),
    ("-A=value", 1, "name"),
    (".A=value", 1, None),
    ("\tA=value", 1, "tab"),
    ("A\t=value", 1, "tab"),
    ("A=\tvalue", 1, "tab"),
    ("A=value\t", 1, "white space"),
    ("A=value\xa0", 1, "white space"),
    ("A=\u3000value", 1, "white space"),
    ("A=value\ufeff", 1, "white space"),
    ("A=\x85value", 1, "white space"),
    ("A=\u2003value", 1, "white space"),
    ("A=a\x0b", 1, "control"),
    ("A=\x0ca", 1, "control"),
    ("A=a\x1c", 1, "control"),
    ("A=a\rB=b", 1, "CR|control"),
    ("A='a\rb'", 1, "CR"),
    ("A='a\r\nb'\r\n", 1, "CR"),
    ("# a\rB=b\nA=1", 1, "CR"),
    ("# a\u2028B=b\nA=1", 1, "2028"),
    ("B=1\n \nA=value\n", 2, "empty line"),
    ("# a\n # b\nA=value", 2, "comment"),
    ("A=value\n# b=c", 2, "comment"),
    ("A=value\n\t\nB=1", 2, "tab"),
    (b"A=a\xff", 1, "UTF-8"),
    (b"# \xff\nA=a", 1, "UTF-8"),
    (b"A='\xc3'", 1, "UTF-8"),
]

ALIKE_BUT_REFUSED = {".A=value", "9A=value"}  # for the name, as ever


def data(text):
    return text if isinstance(text, bytes) else text.encode()


def agreed(readings):
    """Is there one reading, of A, and of nothing that is not in the file?"""
    first = readings[0]
    return first is not None and all(reading == first for reading in readings)


@pytest.mark.parametrize("name", dotenvs.NAMES)
def test_programs_agree_on_what_is_accepted(name, tmp_path):
    files = [data(text) for text, _ in ALIKE]
    assert len(files) >= 80
    for reading, (text, value) in zip(dotenvs.read(name, files, tmp_path), ALIKE):
        assert reading is not None and reading.get("A") == value.encode(), (name, text, reading)


def test_programs_disagree_on_what_is_refused(tmp_path):
    files = [data(text) for text, *_ in DIFFERENT]
    readings = zip(*[dotenvs.read(name, files, tmp_path) for name in dotenvs.NAMES])
    for reading, (text, *_) in zip(readings, DIFFERENT):
        assert not agreed(reading) or text in ALIKE_BUT_REFUSED, (text, reading)


@pytest.fixture
def acme(hs, sim):
    portal = sim.portal(101, "Acme")
    hs.sign_in(portal)
    return portal


@pytest.mark.parametrize("text, value", ALIKE)
def test_a_line_that_programs_read_alike(hs, acme, text, value):
    ok(hs("secrets", "apply", "-f", "-", input=data(text), check_secrets=False))  # "1" is one
    assert acme.secrets["A"] == value


@pytest.mark.parametrize("text, line, words", DIFFERENT)
def test_a_line_that_programs_read_differently(hs, sim, acme, text, line, words):
    sim.log.clear()
    done = hs("secrets", "apply", "-f", "-", input=data(text))
    failed(done, 2, f"stdin: line {line}: .*{words or ''}")
    assert len(done.err.splitlines()) == 2, "the line, and what to do about it"
    assert not sim.log
