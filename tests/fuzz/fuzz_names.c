/* Names: converting a kebab-cased name again changes nothing, and the name is
 * valid; distances are symmetric; untrusted text in its visible form has no
 * control character and starts no CI command. */
#define HS_TEST 1
#include "../../hs.c"

static void fuzz_check(bool ok)
{
    if (!ok)
        abort();
}

static void fuzz_kebab(Arena *arena, Str input)
{
    Err err = {0};
    Config config = {0};
    Str name = config_kebab_case(arena, input);
    fuzz_check(!str_starts(name, S("-")) && !str_ends(name, S("-")));
    fuzz_check(str_find(name, S("--")) < 0);
    fuzz_check(name.len <= input.len * 2);
    for (ptrdiff_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        fuzz_check(c >= 0x80 || c == '-' || islower(c) || isdigit(c));
    }
    bool text = true;
    for (Str rest = input; rest.len && text;) {
        uint32_t c = 0;
        int n = str_utf8(rest, &c);
        text = n > 0;
        rest = str_slice(rest, n, rest.len);
    }
    if (name.len && text)
        fuzz_check(config_check_name(&config, name, 1, &err));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena = {0};
    Err err = {0};
    Str input = {(const char *)data, (ptrdiff_t)size};
    Str rest = input;
    Str head = str_cut(&rest, '\n');
    Buf safe = buf_new(&arena, input.len * TERM_FORM + TERM_FORM);
    fuzz_kebab(&arena, input);
    fuzz_check(str_distance(head, rest) == str_distance(rest, head));
    term_add_line(&safe, input);
    fuzz_check(!safe.full);
    for (Str s = buf_str(&safe); s.len;) {
        uint32_t c = 0;
        int n = str_utf8(s, &c);
        fuzz_check(n && !term_is_control(c) && !term_is_command(s));
        s = str_slice(s, n, s.len);
    }
    fuzz_check(!str_starts(str_trim(buf_str(&safe)), S("::")));
    fuzz_check(term_width(input) <= term_width(buf_str(&safe)));
    fuzz_check(term_clip(input, 10).len <= input.len);
    hub_check_key(input, &err);
    arena_free(&arena);
    return 0;
}
