/* JSON: the scanner accepts what cJSON accepts; indenting keeps every
 * token; pieces and the whole have the same result. */
#define HS_TEST 1
#include "../../hs.c"

static Str fuzz_indent(Arena *arena, Str text, ptrdiff_t at)
{
    Buf out = buf_new(arena, 64L * MIB);
    JsonIndent indent = {.sink = json_to_buf, .to = &out};
    json_indent(&indent, str_slice(text, 0, at));
    json_indent(&indent, str_slice(text, at, text.len));
    json_indent_flush(&indent);
    return buf_str(&out);
}

static Str fuzz_strip(Arena *arena, Str text)
{
    Buf out = buf_new(arena, text.len + 1);
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

static void fuzz_check(bool ok)
{
    if (!ok)
        abort();
}

/* cJSON takes more (numbers such as 01, control bytes) and less (surrogates
 * without a pair, numbers of 64 digits). */
static bool fuzz_cjson_differs(Str text)
{
    int digits = 0;
    for (ptrdiff_t i = 0; i < text.len; i++) {
        digits = strchr("0123456789+-.eE", text.ptr[i]) ? digits + 1 : 0;
        if (digits > 60)
            return true;
    }
    return str_find(text, S("\\u")) >= 0;
}

/* A document that is written back has every number that it had. */
static void fuzz_keep(Arena *arena, cJSON *document, Str text)
{
    json_keep_numbers(document, text);
    Str written = json_write_line(arena, document);
    for (Str number = {0}; (number = json_take_number(&text)).len;) {
        Str kept = json_take_number(&written);
        int64_t before = 0;
        int64_t after = 1;
        fuzz_check(str_eq(number, kept) ||
                   (number.len <= 15 && str_int(number, &before) &&
                    str_int(kept, &after) && before == after));
    }
    fuzz_check(!json_take_number(&written).len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena = {0};
    Err err = {0};
    json_init(NULL);
    if (size < 2)
        return 0;
    Str text = {(const char *)data + 1, (ptrdiff_t)size - 1};
    ptrdiff_t at = data[0] * text.len / 255;
    bool valid = json_validate(text, 0, &err);
    Str whole = fuzz_indent(&arena, text, 0);
    fuzz_check(str_eq(fuzz_indent(&arena, text, at), whole));
    if (valid) {
        Err again = {0};
        fuzz_check(json_validate(whole, 0, &again));
        fuzz_check(str_eq(fuzz_strip(&arena, text), fuzz_strip(&arena, whole)));
        fuzz_check(str_eq(fuzz_indent(&arena, whole, 0), whole));
    }
    cJSON *document = json_read(&arena, text);
    fuzz_check(valid || !document);
    if (valid && !document && json_validate(text, JSON_DOC_DEPTH, &err))
        fuzz_check(fuzz_cjson_differs(text));
    json_int_of(document);
    if (document) {
        fuzz_check(json_write_indented(&arena, document).len > 0);
        fuzz_keep(&arena, document, text);
    }
    arena_free(&arena);
    return 0;
}
