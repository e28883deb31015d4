/* Unit tests: YAML. */
#include "check.h"

/* Do two trees mean the same, with the same names, tags and kinds of style?
 * The first difference is named in `why`. */
static bool unit_same_name(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static bool unit_same(const YamlNode *a, const YamlNode *b, const char **why)
{
    if (!a || !b) {
        *why = "one ends";
        return a == b;
    }
    if (yaml_is_null(a) && yaml_is_null(b) &&
        unit_same_name(yaml_anchor(a), yaml_anchor(b)))
        return true; /* `null`, `~` and nothing are the same */
    Str text_a = a->kind == YAML_TEXT ? a->text : (Str){0};
    Str text_b = b->kind == YAML_TEXT ? b->text : (Str){0};
    bool text = yaml_reads_as_text(text_a);
    bool plain_a = a->style == YAML_PLAIN_SCALAR_STYLE && !text;
    bool plain_b = b->style == YAML_PLAIN_SCALAR_STYLE && !text;
    *why = a->kind != b->kind                                ? "kind"
           : !str_eq(text_a, text_b)                         ? "text"
           : !unit_same_name(yaml_tag(a), yaml_tag(b))       ? "tag"
           : !unit_same_name(yaml_anchor(a), yaml_anchor(b)) ? "anchor"
           : a->count != b->count                            ? "count"
           : a->flow != b->flow && a->count                  ? "flow"
           : a->kind == YAML_TEXT && !yaml_tag(a) && plain_a != plain_b ? "type"
           : yaml_is_null(a) != yaml_is_null(b)                         ? "null"
                                                                        : NULL;
    if (*why)
        return false;
    if (a->kind == YAML_ALIAS) {
        *why = "alias";
        return unit_same_name(yaml_anchor(a->target), yaml_anchor(b->target));
    }
    if (a->kind == YAML_TEXT)
        return true;
    const YamlNode *x = a->first;
    const YamlNode *y = b->first;
    for (; x && y; x = x->next, y = y->next)
        if ((a->kind == YAML_MAP && !unit_same(x->key, y->key, why)) ||
            !unit_same(x, y, why))
            return false;
    *why = "count";
    return !x && !y;
}

/* Reads, writes, reads again: the same tree; writes again: the same text. */
static void unit_yaml_round(Str text)
{
    Arena arena = {0};
    Err err = {0};
    YamlNode *first = NULL;
    YamlNode *second = NULL;
    Str once = {0};
    Str twice = {0};
    const char *why = NULL;
    unit_at(text);
    bool ok = yaml_read(&arena, text, &first, &err);
    CHECK(ok);
    if (ok && first) {
        CHECK(yaml_write(&arena, first, &once));
        ok = yaml_read(&arena, once, &second, &err);
        CHECK(ok);
        bool same = unit_same(first, second, &why);
        CHECK(same);
        if (!ok || !same)
            printf("    differs in: %s\n    written: %.*s\n",
                   ok ? why : err.message, P(once));
        CHECK(yaml_write(&arena, second, &twice));
        CHECK_STR(twice, once);
    }
    arena_free(&arena);
}

static void test_yaml_round_trip(void)
{
    static const Str documents[] = {
        L("a: 1\n"),
        L("defaultAccount: 123456\naccounts:\n  - name: my-portal\n"
          "    accountId: 123456\n    env: prod\n"
          "    authType: personalaccesskey\n    personalAccessKey: >-\n"
          "      CiRuYTEtMDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6\n"
          "    auth:\n      tokenInfo:\n        accessToken: >-\n"
          "          CJjk\n        expiresAt: '2026-11-23T19:30:00.000Z'\n"),
        L("defaultPortal: x\nportals:\n- portalId: 1\n  name: x\n"),
        L("a:\nb: ~\nc: null\nd: ''\ne: \"\"\n"),
        L("a: 'it''s'\nb: \"tab\\t nl\\n nul\\0 \\u263a\"\nc: \xe2\x98\xba\n"),
        L("yes: no\non: off\n'1': '2'\n"),
        L("a: &x 1\nb: *x\n"),
        L("base: &b {x: 1, y: [1, 2]}\nc:\n  <<: *b\n  z: 3\n"),
        L("one: &o {a: 1}\ntwo: &t {b: 2}\nall:\n  <<: [*o, *t]\n"),
        L("- &a x\n- *a\n- &a y\n- *a\n"),
        L("a: !!str 1\nb: !custom x\nc: !!map {}\nd: ! y\n"),
        L("%TAG !e! tag:example.com,2026:\n---\na: !e!thing [1]\n"),
        L("a: !<tag:example.com,2026:x> 1\n"),
        L("a: |\n  one\n  two\nb: |-\n  one\n\n  two\nc: |+\n  one\n\n"),
        L("a: >\n  folded\n  text\n\n  second\nb: >-\n  folded\n"),
        L("a: |2\n    indented\n  text\n"),
        L("a: {}\nb: []\nc: {d: {}}\n"),
        L("a: [1, [2, {b: c}], 'd', \"e\"]\n"),
        L("a: {b: , c: 1}\n"),
        L("a: [~, null, '']\n"),
        L("a: plain\n  over lines\n"),
        L("a: 'quoted\n  over lines'\n"),
        L("'key with: colon': 1\n\"# no comment\": 2\n"),
        L("? long key\n: 1\n"),
        L("a: '- x'\nb: '[1]'\nc: '{a}'\nd: '&x'\ne: '*x'\nf: '!x'\ng: '%x'\n"
          "h: '@x'\ni: '`x'\nj: '# x'\nk: 'a # b'\nl: 'a: b'\nm: ' x '\n"),
        L("- - - a\n    - b\n  - c\n- d\n"),
        L("just text\n"),
        L("--- |\n literal\n"),
        L("# only a comment\na: 1 # and another\n"),
        L("\xef\xbb\xbf"
          "a: 1\n"),
        L("a: 1\r\nb: 2\r\n"),
        L("--- \na: 1\n...\n"),
        L("a: \"\\x7f\\x85\\u2028\\ufeff\"\n"),
        L("a: \"x\\ry\"\nb: \"  \"\n"),
        L("a: \xf0\x9f\x98\x80\n"),
    };
    for (int i = 0; i < COUNT(documents); i++)
        unit_yaml_round(documents[i]);
}

/* A fault, and the line that it names. */
static void test_yaml_faults(void)
{
    static const struct {
        Str text;
        Str message;
    } rows[] = {
        {L("a: 1\na: 2\n"), L("line 2: duplicate key")},
        {L("a: 1\n---\nb: 2\n"), L("line 2: more than one document")},
        {L("a: &x\n  b: *x\n"), L("line 2: alias inside its own anchor")},
        {L("&x [*x]\n"), L("line 1: alias inside its own anchor")},
        {L("a: 1\nb: *none\n"), L("line 2: alias without an anchor")},
        {L("a: 1\n? [x]\n: 1\n"), L("line 2: a key must be plain text")},
        {L("a: &k x\n*k : 1\n"), L("line 2: a key must be plain text")},
        {L("a: 'open\n"), L("line 2: found unexpected end of stream")},
        {L("a: [1, 2\n"), L("line 2: did not find expected ',' or ']'")},
        {L("a:\n\t- x\n"), L("line 2: found character that cannot start any "
                             "token")},
        {L("a: 1\n b: 2\n"), L("line 2: mapping values are not allowed in "
                               "this context")},
        {L("a: 1\nb: @x\n"), L("line 2: found character that cannot start "
                               "any token")},
        {L("a: 1\nb: \xff\n"), L("line 2: invalid leading UTF-8 octet")},
        {L("a: 1\nb: \x01\n"), L("line 2: control characters are not "
                                 "allowed")},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        Err err = {0};
        YamlNode *root = NULL;
        unit_at(rows[i].text);
        CHECK(!yaml_read(&arena, rows[i].text, &root, &err));
        CHECK_INT(err.code, EXIT_CONFIG);
        CHECK_STR(str_from(err.message), rows[i].message);
        arena_free(&arena);
    }
}

static void unit_yaml_limit(const char *row, Str text, const char *fault)
{
    Arena arena = {0};
    Err err = {0};
    YamlNode *root = NULL;
    unit_at(str_from(row));
    CHECK_INT(yaml_read(&arena, text, &root, &err), !fault);
    CHECK(!fault || str_ends(str_from(err.message), str_from(fault)));
    arena_free(&arena);
}

static void test_yaml_limits(void)
{
    Arena arena = {0};
    Str open = unit_repeat(&arena, S("["), YAML_DEPTH + 1);
    Str close = unit_repeat(&arena, S("]"), YAML_DEPTH + 1);
    Str deep = arena_printf(&arena, "%.*s%.*s",
                            P(str_slice(open, 0, YAML_DEPTH)),
                            P(str_slice(close, 0, YAML_DEPTH)));
    unit_yaml_limit("64 levels", deep, NULL);
    unit_yaml_limit("65 levels", arena_printf(&arena, "[%.*s]", P(deep)),
                    "nested too deeply");
    unit_yaml_limit("a million brackets",
                    unit_repeat(&arena, S("["), 1000 * 1000),
                    "nested too deeply");
    const struct {
        ptrdiff_t bytes;
        const char *fault;
    } sizes[] = {{YAML_MAX, NULL}, {YAML_MAX + 1, "larger than 16 MiB"}};
    for (int i = 0; i < COUNT(sizes); i++) {
        Arena scratch = {0};
        Str text = unit_repeat(&scratch, S("x"), (int)sizes[i].bytes - 3);
        text = arena_join(&scratch, (const Str[]){S("a: "), text}, 2);
        unit_yaml_limit("a scalar of 16 MiB", text, sizes[i].fault);
        arena_free(&scratch);
    }
    unit_yaml_limit("999999 values", unit_repeat(&arena, S("- x\n"), 999999),
                    NULL);
    unit_yaml_limit("1000000 values", unit_repeat(&arena, S("- x\n"), 1000000),
                    "too many values (over 1,000,000)");
    Buf map = buf_new(&arena, MIB);
    for (int i = 0; i < YAML_ENTRIES; i++)
        buf_printf(&map, "k%d: 1\n", i);
    unit_yaml_limit("2000 entries", buf_str(&map), NULL);
    buf_add(&map, S("more: 1\n"));
    unit_yaml_limit("2001 entries", buf_str(&map),
                    "too many entries (over 2,000)");
    unit_yaml_limit("a billion laughs",
                    S("a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\n"),
                    NULL);
    unit_yaml_limit("empty", S(""), NULL);
    arena_free(&arena);
}

/* A string that we write is read back unchanged, and is quoted
 * if another reader would see another type. */
static void test_yaml_quoting(void)
{
    static const struct {
        Str text;
        Str written; /* of {k: text}; empty: only the round trip counts */
        bool as_text;
    } rows[] = {
        {L("my-portal"), L("k: my-portal\n"), true},
        {L("a b"), L("k: a b\n"), true},
        {L(""), L("k: ''\n"), false},
        {L("123"), L("k: '123'\n"), false},
        {L("0x1f"), L("k: '0x1f'\n"), false},
        {L("1e3"), L("k: '1e3'\n"), false},
        {L(".5"), L("k: '.5'\n"), false},
        {L(".inf"), L("k: '.inf'\n"), false},
        {L(".NaN"), L("k: '.NaN'\n"), false},
        {L("-1"), L("k: '-1'\n"), false},
        {L("+1"), L("k: '+1'\n"), false},
        {L("2026-11-23"), L("k: '2026-11-23'\n"), false},
        {L("2026-11-23T19:30:00.000Z"), L("k: '2026-11-23T19:30:00.000Z'\n"),
         false},
        {L("null"), L("k: 'null'\n"), false},
        {L("NULL"), L("k: 'NULL'\n"), false},
        {L("~"), L("k: '~'\n"), false},
        {L("true"), L("k: 'true'\n"), false},
        {L("False"), L("k: 'False'\n"), false},
        {L("yes"), L("k: 'yes'\n"), false},
        {L("NO"), L("k: 'NO'\n"), false},
        {L("on"), L("k: 'on'\n"), false},
        {L("Off"), L("k: 'Off'\n"), false},
        {L("y"), L("k: 'y'\n"), false},
        {L("N"), L("k: 'N'\n"), false},
        {L("<<"), L("k: '<<'\n"), false},
        {L("="), L("k: '='\n"), false},
        {L("nullable"), L("k: nullable\n"), true},
        {L("truely"), L("k: truely\n"), true},
        {L("a: b"), L("k: 'a: b'\n"), true},
        {L("a:"), L("k: 'a:'\n"), true},
        {L("a #b"), L("k: 'a #b'\n"), true},
        {L("#a"), L("k: '#a'\n"), true},
        {L("[a]"), L("k: '[a]'\n"), true},
        {L("{a}"), L("k: '{a}'\n"), true},
        {L("&a"), L("k: '&a'\n"), true},
        {L("*a"), L("k: '*a'\n"), true},
        {L("!a"), L("k: '!a'\n"), true},
        {L("|"), L("k: '|'\n"), true},
        {L(">"), L("k: '>'\n"), true},
        {L("%a"), L("k: '%a'\n"), true},
        {L("@a"), L("k: '@a'\n"), true},
        {L("'a'"), L("k: '''a'''\n"), true},
        {L("\"a\""), L("k: '\"a\"'\n"), true},
        {L("- a"), L("k: '- a'\n"), false},
        {L("---"), L("k: '---'\n"), false},
        {L(" a "), L("k: ' a '\n"), true},
        {L("\xc3\xbc"), L("k: \xc3\xbc\n"), true},
        {L("a\nb"), L(""), true},
        {L("a\n"), L(""), true},
        {L("\n"), L(""), true},
        {L("a\tb"), L(""), true},
        {L("\x01"), L(""), true},
        {L("\x7f"), L(""), true},
        {L("a\0b"), L(""), true},
        {L("\r"), L(""), true},
        {L("\xc2\x85"), L(""), true},
        {L("\xe2\x80\xa8"), L(""), true},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        Err err = {0};
        Str out = {0};
        YamlNode *map = yaml_new(&arena, YAML_MAP);
        YamlNode *back = NULL;
        unit_at(rows[i].text);
        CHECK_INT(yaml_reads_as_text(rows[i].text), rows[i].as_text);
        yaml_set(&arena, map, "k", yaml_new_text(&arena, rows[i].text));
        CHECK(yaml_write(&arena, map, &out));
        if (rows[i].written.len)
            CHECK_STR(out, rows[i].written);
        CHECK(yaml_read(&arena, out, &back, &err));
        YamlNode *value = yaml_get(back, "k");
        CHECK(value && value->kind == YAML_TEXT && !yaml_is_null(value));
        CHECK_STR(value ? value->text : S("?"), rows[i].text);
        arena_free(&arena);
    }
}

/* Long strings are folded blocks; they are also read back unchanged. */
static void test_yaml_long_text(void)
{
    static const Str tails[] = {
        L(""),     L("\t"),        L("\r"),
        L("\rx"),  L("\xc2\x85x"), L("\xe2\x80\xa8x"),
        L("\x01"), L("\xc3\xbc"),  L(" x"),
        L("\nx"),  L("\n"),        L(": #"),
    };
    for (int i = 0; i < 2 * COUNT(tails); i++) {
        Arena arena = {0};
        Err err = {0};
        Str out = {0};
        Str pad = unit_repeat(&arena, S("x"), 100);
        Str tail = tails[i / 2];
        Str text = arena_printf(&arena, "%.*s%.*s", P(i % 2 ? tail : pad),
                                P(i % 2 ? pad : tail));
        YamlNode *map = yaml_new(&arena, YAML_MAP);
        YamlNode *back = NULL;
        snprintf(unit_row, sizeof(unit_row), "long text %d", i);
        yaml_set(&arena, map, "k", yaml_new_text(&arena, text));
        CHECK(yaml_write(&arena, map, &out));
        CHECK(yaml_read(&arena, out, &back, &err));
        CHECK_STR(yaml_text(yaml_get(back, "k")), text);
        if (i == 0)
            CHECK_STR(out, arena_printf(&arena, "k: >-\n  %.*s\n", P(pad)));
        arena_free(&arena);
    }
}

static void test_yaml_set(void)
{
    Arena arena = {0};
    Err err = {0};
    Str out = {0};
    YamlNode *root = NULL;
    unit_at(S("set in place"));
    CHECK(
        yaml_read(&arena, S("a: 1\n'b': {x: 1}\nc: three # c\n"), &root, &err));
    yaml_set(&arena, root, "b", yaml_new_int(&arena, -2));
    yaml_set(&arena, root, "d", yaml_new_text(&arena, S("new")));
    yaml_set(&arena, root, "c", yaml_new_text(&arena, S("3")));
    yaml_set(&arena, root, "a", yaml_new_int(&arena, 7));
    CHECK(yaml_write(&arena, root, &out));
    CHECK_STR(out, S("a: 7\n'b': -2\nc: '3'\nd: new\n"));
    CHECK_INT(root->count, 4);
    CHECK_STR(root->last->key->text, S("d"));
    unit_at(S("lost anchor"));
    CHECK(yaml_read(&arena, S("a: &x 1\nb: *x\n"), &root, &err));
    yaml_set(&arena, root, "a", yaml_new_int(&arena, 2));
    CHECK(!yaml_write(&arena, root, &out));
    arena_free(&arena);
}

static void test_yaml_get(void)
{
    Arena arena = {0};
    Err err = {0};
    YamlNode *root = NULL;
    unit_at(S("get"));
    CHECK(yaml_read(&arena,
                    S("base: &b {x: 1, y: 2}\nother: &o {x: 9, z: 3}\n"
                      "m:\n  <<: *b\n  y: own\nl:\n  <<: [*b, *o]\n"
                      "n: ~\ns: 'null'\ni: '12'\nneg: -3\nt: TRUE\n"),
                    &root, &err));
    const YamlNode *m = yaml_get(root, "m");
    const YamlNode *l = yaml_get(root, "l");
    CHECK_STR(yaml_text(yaml_get(m, "x")), S("1"));
    CHECK_STR(yaml_text(yaml_get(m, "y")), S("own"));
    CHECK_STR(yaml_text(yaml_get(l, "x")), S("1"));
    CHECK_STR(yaml_text(yaml_get(l, "z")), S("3"));
    CHECK(!yaml_get(m, "none") && !yaml_get(NULL, "x"));
    CHECK(!yaml_get(yaml_get(root, "i"), "x"));
    CHECK(yaml_is_null(yaml_get(root, "n")));
    CHECK(!yaml_is_null(yaml_get(root, "s")));
    CHECK_INT(yaml_int(yaml_get(root, "i")), 12);
    CHECK_INT(yaml_int(yaml_get(root, "neg")), -1);
    CHECK_INT(yaml_int(NULL), -1);
    arena_free(&arena);
}
