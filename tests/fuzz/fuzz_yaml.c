/* YAML: what is read and written again reads as the same tree, and a string
 * that we set is read back unchanged. */
#define HS_TEST 1
#include "../../hs.c"

/* May a plain `s` be a number, a date, a boolean to some reader? */
static bool fuzz_may_be_typed(Str s)
{
    bool digit = false;
    if (str_in_words(s, "true false yes no on off y n .inf -.inf +.inf .nan"))
        return true;
    for (ptrdiff_t i = 0; i < s.len; i++) {
        digit |= str_is_digit(s.ptr[i]);
        if (str_index(S("0123456789abcdefABCDEFxo_+-.:TZtz"), s.ptr[i]) < 0)
            return false;
    }
    return digit && !yaml_reads_as_text(s) && !str_ends(s, S(":")) &&
           !str_starts(s, S("---")) && !str_starts(s, S("..."));
}

static bool fuzz_same_name(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

/* Do the trees hold the same keys, texts, tags, names and types? */
static bool fuzz_same(const YamlNode *a, const YamlNode *b)
{
    if (!a || !b)
        return a == b;
    if (yaml_is_null(a) && yaml_is_null(b) &&
        fuzz_same_name(yaml_anchor(a), yaml_anchor(b)))
        return true;
    bool plain_a = a->style == YAML_PLAIN_SCALAR_STYLE;
    bool plain_b = b->style == YAML_PLAIN_SCALAR_STYLE;
    if (a->kind != b->kind || a->count != b->count ||
        !fuzz_same_name(yaml_tag(a), yaml_tag(b)) ||
        !fuzz_same_name(yaml_anchor(a), yaml_anchor(b)))
        return false;
    if (a->kind == YAML_TEXT)
        return str_eq(a->text, b->text) &&
               (yaml_tag(a) || !fuzz_may_be_typed(a->text) ||
                plain_a == plain_b);
    if (a->kind == YAML_ALIAS)
        return fuzz_same_name(yaml_anchor(a->target), yaml_anchor(b->target));
    const YamlNode *x = a->first;
    const YamlNode *y = b->first;
    for (; x && y; x = x->next, y = y->next)
        if ((a->kind == YAML_MAP && !fuzz_same(x->key, y->key)) ||
            !fuzz_same(x, y))
            return false;
    return !x && !y;
}

static void fuzz_fail(const char *what, Str text)
{
    fprintf(stderr, "%s:\n%.*s\n", what, P(text));
    abort();
}

/* `odd`: the input has tags. libyaml's emitter does not escape all of them; a
 * save that could not be read back is refused by config_edit_text(). */
static void fuzz_round(Arena *arena, YamlNode *root, bool odd)
{
    Err err = {0};
    YamlNode *back = NULL;
    Str text = {0};
    if (!yaml_write(arena, root, &text))
        fuzz_fail("not written", S(""));
    if (text.len > YAML_MAX)
        return;
    if (!yaml_read(arena, text, &back, &err)) {
        if (!odd)
            fuzz_fail(err.message, text);
        return;
    }
    if (!fuzz_same(root, back))
        fuzz_fail("not the same", text);
}

static void fuzz_text(Arena *arena, Str input)
{
    Err err = {0};
    Str text = {0};
    YamlNode *back = NULL;
    YamlNode *map = yaml_new(arena, YAML_MAP);
    for (Str rest = input; rest.len;) {
        uint32_t c = 0;
        int n = str_utf8(rest, &c);
        if (!n || c == 0xfeff)
            return;
        rest = str_slice(rest, n, rest.len);
    }
    yaml_set(arena, map, "a", yaml_new_text(arena, input));
    yaml_set(arena, map, "b", yaml_new_text(arena, S("after")));
    if (!yaml_write(arena, map, &text))
        fuzz_fail("text not written", input);
    if (!yaml_read(arena, text, &back, &err))
        fuzz_fail(err.message, text);
    YamlNode *a = yaml_get(back, "a");
    if (!a || yaml_is_null(a) || !str_eq(a->text, input) ||
        !str_eq(yaml_text(yaml_get(back, "b")), S("after")))
        fuzz_fail("text not the same", text);
}

/* Where the short way reads a file, libyaml reads the same from it. */
static void fuzz_short(Arena *arena, Str input)
{
    Err err = {0};
    YamlNode *root = NULL;
    YamlReader *reader = arena_alloc(arena, sizeof(*reader));
    reader->arena = arena;
    if (input.len > YAML_MAX - 4 || !yaml_short_read(reader, input))
        return;
    const Str parts[] = {S("---\n"), input}; /* the short way gives up at --- */
    if (!yaml_read(arena, arena_join(arena, parts, 2), &root, &err))
        fuzz_fail(err.message, input);
    if (!fuzz_same(reader->root, root) || !fuzz_same(root, reader->root))
        fuzz_fail("the short way differs", input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena = {0};
    Err err = {0};
    YamlNode *root = NULL;
    Str input = {(const char *)data, (ptrdiff_t)size};
    fuzz_short(&arena, input);
    if (yaml_read(&arena, input, &root, &err) && root)
        fuzz_round(&arena, root, str_index(input, '!') >= 0);
    fuzz_text(&arena, input);
    arena_free(&arena);
    return 0;
}
