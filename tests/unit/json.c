/* Unit tests: JSON. */
#include "check.h"

static const Str unit_json_valid[] = {
    L("0"),
    L("-0"),
    L("1"),
    L("10"),
    L("-1"),
    L("0.0"),
    L("-0.5"),
    L("1.0"),
    L("12345678901234567890"),
    L("0e0"),
    L("0E-5"),
    L("1e5"),
    L("1E+5"),
    L("1e-05"),
    L("1.25e10"),
    L("123.456e789"),
    L("true"),
    L("false"),
    L("null"),
    L("\"\""),
    L("\"a\""),
    L("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    L("\"\\u0000\\uD800\\uabCD\""),
    L("\"\x7f\xc3\xbc\xff\""),
    L("\"[{,:}]\""),
    L("[]"),
    L("{}"),
    L("[ ]"),
    L("{ }"),
    L("[1]"),
    L("[1,2]"),
    L("[[],{},\"\",0,true,null]"),
    L("{\"\":0}"),
    L("{\"a\":1,\"a\":2}"),
    L("{\"a\":{\"b\":[{\"c\":1.50}]}}"),
    L(" \t\r\n1 \t\r\n"),
    L(" { \"a\" : [ 1 , 2 ] , \"b\" : -0.0e+1 } "),
    L("[-0,1,-2.5e-3]"),
    L("{\"a\":true,\"b\":false,\"c\":null}"),
};

static const Str unit_json_invalid[] = {
    L(""),           L(" "),
    L("01"),         L("-"),
    L("-a"),         L("+1"),
    L(".5"),         L("1."),
    L("1.e5"),       L("1e"),
    L("1e+"),        L("1e5.5"),
    L("0x10"),       L("-01"),
    L("1 2"),        L("1,"),
    L("NaN"),        L("Infinity"),
    L("-Infinity"),  L("tru"),
    L("truex"),      L("True"),
    L("nul"),        L("nulll"),
    L("\""),         L("\"a"),
    L("\"\\\""),     L("\"\\x\""),
    L("\"\\u12\""),  L("\"\\u12g4\""),
    L("\"\\\0\""),   L("\"\n\""),
    L("\"\t\""),     L("\"\0\""),
    L("'a'"),        L("["),
    L("]"),          L("[1"),
    L("[1,"),        L("[1,]"),
    L("[,1]"),       L("[1 2]"),
    L("[1:2]"),      L("[}"),
    L("{"),          L("}"),
    L("{]"),         L("{\"a\"}"),
    L("{\"a\":}"),   L("{\"a\":1,}"),
    L("{,\"a\":1}"), L("{\"a\" 1}"),
    L("{\"a\"::1}"), L("{\"a\":1 \"b\":2}"),
    L("{a:1}"),      L("{1:1}"),
    L("{null:1}"),   L("[1]]"),
    L("{}{}"),       L("[] []"),
    L("1 \v"),       L("\xef\xbb\xbf{}"),
    L("\0"),         L("// c\n1"),
};

/* `text` indented, passed in pieces that end at `a` and `b`. */
static Str unit_indent(Arena *arena, Str text, ptrdiff_t a, ptrdiff_t b)
{
    Buf out = buf_new(arena, 4L * MIB);
    JsonIndent indent = {.sink = json_to_buf, .to = &out};
    json_indent(&indent, str_slice(text, 0, a));
    json_indent(&indent, str_slice(text, a, b));
    json_indent(&indent, str_slice(text, b, text.len));
    json_indent_flush(&indent);
    return buf_str(&out);
}

/* JSON without the white space outside of strings. */
static Str unit_strip(Arena *arena, Str text)
{
    Buf out = buf_new(arena, 4L * MIB);
    bool string = false;
    for (ptrdiff_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!string && (c == ' ' || c == '\n' || c == '\t' || c == '\r'))
            continue;
        buf_add_char(&out, c);
        if (string && c == '\\' && i + 1 < text.len)
            buf_add_char(&out, text.ptr[++i]);
        else if (c == '"')
            string = !string;
    }
    return buf_str(&out);
}

static void test_json_grammar(void)
{
    Arena arena = {0};
    for (int i = 0; i < COUNT(unit_json_valid); i++) {
        Err err = {0};
        Str text = unit_json_valid[i];
        unit_at(text);
        CHECK(json_validate(text, 0, &err));
        Str out = unit_indent(&arena, text, 0, 0);
        CHECK(json_validate(out, 0, &err));
        CHECK_STR(unit_strip(&arena, out), unit_strip(&arena, text));
        CHECK_STR(unit_indent(&arena, out, 0, 0), out);
    }
    for (int i = 0; i < COUNT(unit_json_invalid); i++) {
        Err err = {0};
        unit_at(unit_json_invalid[i]);
        CHECK(!json_validate(unit_json_invalid[i], 0, &err));
        CHECK_INT(err.code, EXIT_USAGE);
        CHECK(!json_read(&arena, unit_json_invalid[i]));
    }
    arena_free(&arena);
}

/* Pieces change nothing, wherever they end. */
static void test_json_pieces(void)
{
    for (int i = 0; i < COUNT(unit_json_valid) + COUNT(unit_json_invalid);
         i++) {
        Arena arena = {0};
        int k = i - COUNT(unit_json_valid);
        Str text = k < 0 ? unit_json_valid[i] : unit_json_invalid[k];
        Str whole = unit_indent(&arena, text, 0, text.len);
        bool same = true;
        for (ptrdiff_t a = 0; a <= text.len; a++)
            for (ptrdiff_t b = a; b <= text.len; b++)
                same &= str_eq(unit_indent(&arena, text, a, b), whole);
        unit_at(text);
        CHECK(same);
        arena_free(&arena);
    }
}

static void test_json_indent(void)
{
    static const struct {
        Str text;
        Str out;
    } rows[] = {
        {L("{\"a\":1,\"b\":[1,2],\"c\":{}}"),
         L("{\n  \"a\": 1,\n  \"b\": [\n    1,\n    2\n  ],\n  \"c\": {}\n}")},
        {L("[ ]"), L("[]")},
        {L(" 1.0 "), L("1.0")},
        {L("[12345678901234567890,1.0,-0,1E+05]"),
         L("[\n  12345678901234567890,\n  1.0,\n  -0,\n  1E+05\n]")},
        {L("{\"a\" : \" x : , \"}"), L("{\n  \"a\": \" x : , \"\n}")},
        /* from the fault on, everything as it came */
        {L("[1, x y  z]"), L("[\n  1,\n  x y  z]")},
        {L("<html> a </html>"), L("<html> a </html>")},
        {L("{\"a\":1}\n{\"a\":2}\n"), L("{\n  \"a\": 1\n}\n{\"a\":2}\n")},
        {L("404 page not found"), L("404 page not found")},
        {L("null and void"), L("null and void")},
        {L("{\"a\":1}  x"), L("{\n  \"a\": 1\n}  x")},
    };
    Arena arena = {0};
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(rows[i].text);
        CHECK_STR(unit_indent(&arena, rows[i].text, 0, 0), rows[i].out);
    }
    arena_free(&arena);
}

static void test_json_limits(void)
{
    Arena arena = {0};
    Err err = {0};
    Str open = unit_repeat(&arena, S("["), JSON_DEPTH + 1);
    Str close = unit_repeat(&arena, S("]"), JSON_DEPTH + 1);
    for (int depth = JSON_DEPTH - 1; depth <= JSON_DEPTH + 1; depth++) {
        Str text = arena_printf(&arena, "%.*s%.*s",
                                P(str_slice(open, 0, depth)),
                                P(str_slice(close, 0, depth)));
        snprintf(unit_row, sizeof(unit_row), "depth %d", depth);
        CHECK_INT(json_validate(text, 0, &err), depth <= JSON_DEPTH);
        CHECK(unit_strip(&arena, unit_indent(&arena, text, 0, 0)).len ==
              text.len);
    }
    unit_at(S("documents"));
    Str deep = arena_printf(&arena, "%.*s%.*s",
                            P(str_slice(open, 0, JSON_DOC_DEPTH)),
                            P(str_slice(close, 0, JSON_DOC_DEPTH)));
    CHECK(json_read(&arena, deep) != NULL);
    CHECK(!json_read(&arena, arena_printf(&arena, "[%.*s]", P(deep))));
    Str fill = unit_repeat(&arena, S(" "), JSON_DOC_MAX - 1);
    CHECK(json_read(&arena, arena_printf(&arena, "1%.*s", P(fill))) != NULL);
    CHECK(!json_read(&arena, arena_printf(&arena, "11%.*s", P(fill))));
    err = (Err){0};
    json_validate(S("{\n \"a\": x}"), 0, &err);
    CHECK_STR(str_from(err.message), S("invalid JSON: line 2, column 7"));
    err = (Err){0};
    json_validate(S("[1"), 0, &err);
    CHECK_STR(str_from(err.message), S("invalid JSON: unexpected end"));
    arena_free(&arena);
}

static void test_json_int(void)
{
    static const struct {
        Str text;
        int64_t value;
    } rows[] = {
        {L("0"), 0},
        {L("123456"), 123456},
        {L("1.0"), 1},
        {L("1e3"), 1000},
        {L("9007199254740991"), 9007199254740991},
        {L("9007199254740993"), 9007199254740992},
        {L("90071992547409930"), -1},
        {L("1e300"), -1},
        {L("1e999"), -1},
        {L("1.5"), -1},
        {L("-1"), -1},
        {L("-0"), 0},
        {L("\"123\""), 123},
        {L("\"\""), -1},
        {L("\"12x\""), -1},
        {L("\"-7\""), -1},
        {L("true"), -1},
        {L("null"), -1},
        {L("[1]"), -1},
        {L("{}"), -1},
    };
    Arena arena = {0};
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(rows[i].text);
        CHECK_INT(json_int_of(json_read(&arena, rows[i].text)), rows[i].value);
    }
    CHECK_INT(json_int_of(NULL), -1);
    arena_free(&arena);
}

static void test_json_document(void)
{
    Arena arena = {0};
    cJSON *document = json_read(&arena, S("{\"b\":1,\"B\":\"two\",\"c\":[]}"));
    unit_at(S("json document"));
    CHECK_INT(json_int(document, "b"), 1);
    CHECK_STR(json_text(document, "B"), S("two"));
    CHECK_STR(json_text(document, "b"), S(""));
    CHECK_STR(json_text(document, "none"), S(""));
    CHECK_STR(json_text(NULL, "none"), S(""));
    CHECK(!json_get(json_get(document, "c"), "b"));
    json_set(document, "b", cJSON_CreateNumber(7));
    json_set(document, "new", cJSON_CreateTrue());
    CHECK_STR(json_write_line(&arena, document),
              S("{\"b\":7,\"B\":\"two\",\"c\":[],\"new\":true}"));
    cJSON *built = json_new(&arena);
    json_add_text(built, "t", S("x\"\n"));
    json_add_text(built, "e", S(""));
    json_add_id(built, "i", 123456789012);
    json_add_id(built, "n", 0);
    json_add_bool(built, "f", false);
    CHECK_STR(json_write_indented(&arena, built),
              S("{\n  \"t\": \"x\\\"\\n\",\n  \"e\": null,\n"
                "  \"i\": 123456789012,\n  \"n\": null,\n  \"f\": false\n}\n"));
    arena_free(&arena);
}

/* Numbers keep their digits, in the document's order. */
static void test_json_keep_numbers(void)
{
    static const char *const texts[] = {
        "0",
        "-1.50",
        "[]",
        "{\"a\":9007199254740993,\"b "
        "7\":[1,[-0.10,{}],1e400],\"c\":\"4\\\"5\"}",
        "{\"x\":[[[1.0e+5]]],\"y\":{\"z\":-12345678901234567890},\"w\":12}",
        "[{\"\\\\\":2.25},true,null,false,\"\",[[],{\"-1\":-2}],123456789012]",
    };
    for (int i = 0; i < COUNT(texts); i++) {
        Arena arena = {0};
        Str text = str_from(texts[i]);
        cJSON *document = json_read(&arena, text);
        unit_at(text);
        json_keep_numbers(document, text);
        CHECK_STR(json_write_line(&arena, document), text);
        arena_free(&arena);
    }
    Arena arena = {0};
    Buf deep = buf_new(&arena, KIB);
    for (int i = 0; i < JSON_DOC_DEPTH; i++)
        buf_add(&deep, S("["));
    buf_add(&deep, S("0.30"));
    for (int i = 0; i < JSON_DOC_DEPTH; i++)
        buf_add(&deep, S("]"));
    cJSON *document = json_read(&arena, buf_str(&deep));
    unit_at(S("the deepest document"));
    CHECK(document != NULL);
    json_keep_numbers(document, buf_str(&deep));
    CHECK_STR(json_write_line(&arena, document), buf_str(&deep));
    document = json_read(&arena, S("{\"id\":9007199254740992,\"no\":1.5}"));
    json_keep_numbers(document, S("{\"id\":9007199254740992,\"no\":1.5}"));
    CHECK_INT(json_int(document, "id"), 9007199254740992);
    CHECK_INT(json_int(document, "no"), -1);
    arena_free(&arena);
}

/* Small documents need no malloc(), freed blocks are wiped wherever they are,
 * and what does not fit is malloc()'s. */
static void test_json_first_blocks(void)
{
    enum { SMALL = 5, WHOLE = 32 }; /* with its header, rounded up */
    Arena arena = {0};
    json_init(&arena);
    char *small = json_block_new(SMALL);
    char *large = json_block_new(JSON_FIRST);
    CHECK(small == json_first.memory + JSON_BLOCK_HEADER);
    CHECK(large != NULL);
    CHECK_INT((int64_t)json_first.used, WHOLE);
    memcpy(small, "abcd", SMALL);
    json_block_free(small);
    CHECK_INT(small[0], 0);
    CHECK_INT(small[SMALL - 2], 0);
    json_block_free(large);
    for (int i = 0; i < 2 * JSON_FIRST / WHOLE; i++) {
        char *block = json_block_new(SMALL);
        CHECK(block != NULL);
        memcpy(block, "abcd", SMALL);
        json_block_free(block);
    }
    CHECK_INT((int64_t)json_first.used, JSON_FIRST);
    json_init(NULL);
    arena_free(&arena);
}
