"""Finds wording that reads like a translation.

    lint_words.py [--by-section] FILE...

Prints the phrases that it finds, and fails if there are any.

C and shell files: comments and strings. Python files: names of tests. Other
files: everything.

The README and the messages are written as the manuals of git, gh and curl are:
short, direct, in the present tense. Each row of WORDS is a phrase to avoid and
what to write instead. A rule has few false positives; text that must stay
(a quotation, a term of a standard) is listed in ALLOWED.
"""

# flake8: noqa: E501 (long patterns)
import bisect
import re
import sys

# Phrases of a row are alternatives. A space matches a line break too.
WORDS = [
    # Words that mean something else in English.
    (
        r"where(?=( (it|they|one|none|nothing|both|no|there) )?(is|are|was|were|has|have|can|does|do)\b)"
        r"|(?<=, )where (?:the|a|an|no|nothing|none) \w+ (?:is|are|was|has|can|does)\b"
        r"|[.;,:] where (?:there|one|it|they|that|none|both)\b"
        r"|but where\b|except where\b|save where\b|elsewhere than\b",
        "if, when, or unless",
    ),
    (
        r"stands?(?= (?:in|on|at|there|under|for itself|twice|alone|before|after|above|below|between|still|as|with|where|here|once))"
        r"|(?:may|must|can|could|should|would|to|that|it|they|which) stands?\b(?! for\b)|as it stands|standing in",
        "is, exists, appears",
    ),
    (
        r"is there\b(?! a\b| an\b| any)|are there(?! any)|(?:that|which|what) there (?:is|are|was|were)|what there is"
        r"|is (?:not )?there(?= (?:yet|already|anyway|anymore))|was (?:not )?there\b|is not there\b",
        "exists",
    ),
    (r"(?:goes|go|went|going) before", "takes precedence"),
    (
        r"(?<!there )is no such\b|is no (?:number|name|word|folder|file|account|id|key|command|option|list|text|object|regular|longer a|url|address|"
        r"directory|link|date|time|JSON|YAML|valid|good|secret|flag|path|terminal|letter|string|more|header|status)\b",
        "is not a …; or: no longer exists",
    ),
    (
        r"there (?:is|are|was) no [\w-]+ any ?more|(?:is|are|has|have|was) no(?:t)? [\w ]{0,20}any ?more",
        "no longer exists",
    ),
    (
        r"of HubSpot's(?! API\b)|of git's|of curl's|of theirs|of ours|of its own\b|of their own\b|of one's own",
        "HubSpot's, git's, its own …",
    ),
    (r"mend(?:s|ed|ing)?\b", "fix"),
    (r"anew\b", "again"),
    (r"at its goal|the goal\b|its goal\b|a goal\b", "destination, in place"),
    (
        r"its own words?|(?:the|a|one|by|this|last|whose|their) word\b(?! list| of\b|s\b| split| being completed)|has the last word|in plain letters",
        "message, term, argument",
    ),
    (
        r"(?:what|as|that|which|all) (?:it|they|he|she) (?:says|say|said)\b|what (?:is|was) said|all that is said|is said\b|are said\b|was said\b|"
        r"(?:says|said) (?:so|that|which|whose|what|why|how|where)\b|is told|are told|be told|was told|to tell of|tells of|told of",
        "message, prints, reports",
    ),
    (
        r"answers?(?=[’']s (?:head|body|status|form))|(?:the|an|no|whole|this|that|first|last|its|each|HubSpot's|server's|"
        r"every|a late|late) answers? (?:is|has|was|were|are|of|from|came|comes|ended|ends|to a request|with|without|may|that|in|whose)\b",
        "response",
    ),
    (
        r"head(?=[’']s|s? (?:of|and|is|that|in|line|ends|was|before|with|comes|lines)\b)(?<!ahead)(?<!the list's head)",
        "header",
    ),
    (r"folder here\b|this folder here|the folder one is in", "current directory"),
    (
        r"(?:have|has|had) (?:be|the \w+ (?:be|come|taken|read|made|asked|used))\b|\bhas (?:a|the) shell \w+\b",
        "makes; or rewrite",
    ),
    (
        r"(?:take|takes|took|taken|taking) (?:the place|every|it for|them for|for answered|part|over the|the next|no |one that|the first|what)\b|"
        r"(?:is|are|be|was|were) (?:taken|given|handed)(?! by value)\b|hand(?:s|ed|ing)? (?:over|out|in|on|it|them|the)\b|"
        r"give (?:it|one|them|the|a|an|its|your|no|another|every|each)\b|gives (?:it|them) (?:with|as|to|back|a )|taken for|"
        r"takes its|(?:^|\. |: )Give\b|(?:is|are) not to be had|to be had\b",
        "use, pass, set, return",
    ),
    (
        r"in each other|one in (?:the|an)other|one after the other|into each other",
        "nested; in turn",
    ),
    (
        r"(?:before|out of|after) (?:its|their) turn|it is the turn of|comes? to its turn|whose turn",
        "before upload; next",
    ),
    (r"\brooms?\b(?! for\b| to\b| is (?:left|made)| left| in\b)", "section"),
    (r"the house\b|the door\b|house rules", "project, entry point"),
    (
        r"(?:Should|Had|Were|Has|Have|Could) (?:it|they|that|the|a|this|an|one|there)\b(?= [\w' ]+[,.])(?![^.]*\?)",
        "If …",
    ),
    (r"\bis (?:it|that|this|the [\w ]+?) (?:spelt|right|so|good|meant)\b.{0,60}\?", "Check …"),
    (r"spelt\b", "spelled; or rewrite"),
    (
        r"too many\b(?<=there is an argument too many)|(?:argument|word|character|byte|one) too (?:many|much)",
        "unexpected …",
    ),
    (r"of (?:\d+|one|two|three) (?:in all|all told)|all told", "in total"),
    (r"(?:a|the) yes\b(?= (?:to|is|needs|for))|says? yes\b|said yes\b|a no is\b", "confirm"),
    (r"not, or no longer, |no longer, or never", "invalid or has expired"),
    (r"went away|goes away|gone away|has gone\b|are gone\b|is gone\b", "disappeared, was deleted"),
    (
        r"(?:nothing|nobody|none|no one|no \w+) but\b|takes? the place of|all but (?:the|one|its|what)\b|nothing else than",
        "only",
    ),
    (r"not kept\b|is not kept|are not kept", "could not save"),
    (
        r"nobody is asked|nobody to ask|there is no terminal to ask|nobody (?:else )?(?:reads|waits|listens|sees|has|can)\b",
        "prompts are off",
    ),
    (
        r"be it\b|may it be|so be it|whatever (?:fails|is|was|it|they|comes|stands|happens|the)\b|whoever",
        "if …; any …",
    ),
    (
        r"(?:in|at|on|of|from|to|with) which (?:it|they|one)\b|by whose|in whose|on whose|for whose|to whose",
        "simpler sentence",
    ),
    (
        r"hereby|thereof|therein|thereby|therefrom|whereof|wherein|whereby|herewith|hence\b|thus\b|yonder|lest\b|betwixt|"
        r"amidst|nought|aught\b|ere\b|thrice\b|withal|save for|forthwith|unto\b|upon\b|whence|thence",
        "plain word",
    ),
    (r"still stands?|stands? still|no longer stands?", "still valid"),
    (
        r"(?:is|are|was|were|be|does) (?:of|for) (?:no use|use|no good|no help)|makes? no sense of|makes? of\b(?! \w+ files)|"
        r"made nothing of|nothing came of|comes? of it|came of it|makes of (?:it|them)",
        "rewrite",
    ),
    (
        r"must not be let|let (?:it|them|him) be|leaves? (?:it|them|all|everything|what) (?:alone|be|is|as (?:it|they))\b|left alone",
        "unchanged",
    ),
    (
        r"come (?:in|out) (?:as|from)\b|comes? (?:in|out) as\b|comes? to (?:an end|nothing|the same|be)\b|comes? back as",
        "is, becomes",
    ),
    (
        r"as (?:it|they) (?:come|comes|was|were) (?:in|given|written|spelt|typed)\b|as (?:is|are) given",
        "unchanged",
    ),
    (r"for (?:good|ever and)\b(?! reason)|not for long|in a while\b", "permanently; briefly"),
    (
        r"(?:what|that|which) (?:is|are) (?:ours|theirs|not ours|nobody's|his|yours)\b|is (?:ours|theirs|nobody's)\b|nobody else's|"
        r"not ours\b|(?:a|another|the) run's\b|another's",
        "belongs to",
    ),
    (r"just (?:the|that|this|one|those|as|what|once|so)\b", "only, exactly, or drop"),
    (
        r"\bby (?:itself|themselves|hand|heart|mistake|the way|far|day)\b(?<=by heart)|of itself\b|of themselves\b",
        "automatically",
    ),
    (
        r"needs? (?:be|not be|not have|none|no other|nobody|nothing)\b|dare\b|ought to\b|shall\b",
        "does not have to; must",
    ),
    (r"at fault\b", "invalid"),
    (r"whole\b (?=(?:of|and|in|as) )|(?:is|are|be|was) whole\b|as a whole", "complete"),
    (r"speaks?\b|spoke\b|spoken\b|speaking\b|talks?\b|hears?\b|heard\b", "uses, prints"),
    (r"knows? (?:of|no|nothing|none|it|them|better)\b", "supports, has, rewrite"),
    (
        r"look(?:s|ed|ing)? (?:for|at|up|into) (?:it|them|what|again|that)\b(?<=look at that)|is looked (?:at|for|up|into)|are looked",
        "checked, searched",
    ),
    (
        r"as (?:far|long|soon|much|many) as\b(?<=as much as)(?!.)|so (?:that|as) nobody|in (?:that|this) case\b(?<=in that case)(?!.)",
        "if",
    ),
    (
        r"(?:^|[.:;] )(?:Who|What|Which) (?:replaces|wants|has|is|was|comes|reads|writes|gets|asks|needs|waits|calls|cannot|does|may|must|it|they|"
        r"we|he|git|HubSpot|the|a|there|another|hs)\b(?![^.]*\?)|but for\b",
        "noun as subject; except",
    ),
    (
        r"(?:is|are|was|were|be|has|have) (?:meant|wanted|asked|needed|begun|done|said|had)(?: for| of| with)? (?:of|here|there|anyway)\b|"
        r"asked for\b(?<=asked for)(?= (?:by|with) )",
        "rewrite",
    ),
    (r"\bpieces?\b(?= (?:by piece|of it))|bit by bit|little by little", "in parts"),
    (r"(?:hs|we|he|she|one) (?:is|are) (?:asked|told|meant|taken|given)\b", "rewrite"),
    (
        r"(?:no|any|every|each)thing (?:is|was|that) (?:there|left|made|to be)\b|what is left\b(?= of)",
        "rewrite",
    ),
    (r"(?:one|it|they|he) (?:wants|wishes|likes|pleases)\b|to one's liking|at will\b", "rewrite"),
    (r"as yet\b|at all events", "yet"),
    (
        r"a good (?:key|name|file|one)\b|no good\b|(?:is|are|was|not) good\b|good (?:any|no) ?(?:more|longer)",
        "valid",
    ),
]

# Findings that stay, for example quotations: (phrase as found, path).
ALLOWED = set()

COMMENTS_AND_STRINGS = {
    "c": re.compile(r'/\*.*?\*/|//[^\n]*|(?:"(?:\\.|[^"\\\n])*"\s*)+|\'(?:\\.|[^\'\\\n])+\'', re.S),
    "py": re.compile(r"\bdef test_\w+"),
    "sh": re.compile(
        r'(?:^|(?<=\s))#[^\n]*(?:\n\s*#[^\n]*)*|"(?:\\.|[^"\\])*"|\'[^\']*\'|<<.*?^END$',
        re.S | re.M,
    ),
}
BANNER = re.compile(r"^/\* ==== (\w[\w -]*?) ====", re.M)


def kind_of(path):
    if path.endswith((".c", ".h")):
        return "c"
    if path.endswith(".py"):
        return "py"
    return "sh" if path.endswith(".sh") or path.endswith(".ci/run") else ""


def plain(piece, kind):
    """The words of a piece, of the same length, so that offsets stay."""
    if kind == "c" and piece.startswith(("/*", "//")):
        return re.sub(r"(?m)^ ?/?\*+|^//|\*/$|(?<=\n) \*", lambda m: " " * len(m[0]), piece)
    if kind == "c":
        piece = re.sub(r'"(\s*)"', lambda m: " " * 0 + "\0" * len(m[0]), piece)
        return re.sub(r"\\n|\\t", "\n\n", piece)
    if kind and piece.startswith("#"):
        return re.sub(r"(?m)^\s*#+", lambda m: " " * len(m[0]), piece)
    if kind == "py":
        return piece.replace("_", " ")
    return piece


def compile_rules():
    rules = []
    for phrase, better in WORDS:
        rules.append((re.compile(r"(?<![\w-])(?:" + phrase + r")"), better))
    return rules


def squeeze(text):
    """Text with runs of blanks as one space, and where each character was."""
    out, places, blank = [], [], False
    for i, c in enumerate(text):
        if c == "\0":
            continue
        if c.isspace():
            if blank:
                continue
            c = " "
        blank = c == " "
        out.append(c)
        places.append(i)
    return "".join(out), places


def findings(path, text, rules):
    kind = kind_of(path)
    starts = [0] + [m.end() for m in re.finditer("\n", text)]
    pieces = COMMENTS_AND_STRINGS[kind].finditer(text) if kind else [re.match(r"(?s).*", text)]
    for piece in pieces:
        words, places = squeeze(plain(piece[0], kind))
        for rule, better in rules:
            for found in rule.finditer(words):
                phrase = found[0].strip(" .,;:")
                if not phrase or (phrase, path) in ALLOWED:
                    continue
                at = piece.start() + places[found.start()]
                around = words[max(0, found.start() - 30) : found.end() + 35]
                yield bisect.bisect_right(starts, at), phrase, better, around


def main():
    arguments = sys.argv[1:]
    by_section = "--by-section" in arguments
    paths = [a for a in arguments if not a.startswith("--")]
    rules = compile_rules()
    count = 0
    for path in paths:
        with open(path, encoding="utf-8") as f:
            text = f.read()
        banners = [(text.count("\n", 0, m.start()) + 1, m[1]) for m in BANNER.finditer(text)]
        section = None
        for line, phrase, better, around in sorted(findings(path, text, rules)):
            count += 1
            if by_section:
                now = [name for start, name in banners if start <= line][-1:] or [path]
                if now[0] != section:
                    section = now[0]
                    print(f"\n## {section}")
            print(f"{path}:{line}: '{phrase}' ({better}): …{around}…")
    print(f"{count} findings", file=sys.stderr)
    return count > 0


if __name__ == "__main__":
    sys.exit(main())
