/* Dotenv files: what is read has whole names and values, each once, in the
 * order of their lines; written down again, in double quotes, it reads as the
 * same. What is refused is refused with its line, without control bytes. */
#define HS_TEST 1
#include "../../hs.c"

enum { MOST = 50 };

static void fuzz_check(bool ok)
{
    if (!ok)
        abort();
}

static void fuzz_items(const CmdEnvItem *items, int count)
{
    Err err = {0};
    for (int i = 0; i < count; i++) {
        Str value = secret_text(items[i].value);
        fuzz_check(cmd_secret_check_name(items[i].name, &err));
        fuzz_check(!cmd_secret_fault(value));
        fuzz_check(!i || items[i].line > items[i - 1].line);
        for (int k = 0; k < i; k++)
            fuzz_check(!str_eq(items[k].name, items[i].name));
    }
}

static Str fuzz_write(Arena *arena, const CmdEnvItem *items, int count)
{
    Buf out = buf_new(arena, 64 * MIB);
    for (int i = 0; i < count; i++) {
        Str value = secret_text(items[i].value);
        buf_add(&out, items[i].name);
        buf_add(&out, S("=\""));
        for (ptrdiff_t k = 0; k < value.len; k++) {
            char c = value.ptr[k];
            if (c == '\r') { /* as it stands, before a line feed, it goes */
                buf_add(&out, S("\\r"));
                continue;
            }
            if (strchr("\\\"", c))
                buf_add_char(&out, '\\');
            buf_add_char(&out, c);
        }
        buf_add(&out, S("\"\n"));
    }
    return buf_str(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena = {0};
    Err err = {0};
    Err fault = {0};
    CmdEnvItem items[MOST];
    CmdEnvItem again[MOST];
    int count = 0;
    int count_again = 0;
    Str input = {(const char *)data, (ptrdiff_t)size};
    bool ok = cmd_env_read(&arena, input, S("f"), items, MOST, &count, &err);
    fuzz_items(items, count);
    fuzz_check(ok == !err.code);
    for (const char *c = err.message; *c; c++)
        fuzz_check(*c >= ' ' && *c < 0x7f);
    if (!ok)
        fuzz_check(str_starts(str_from(err.message), S("f: line ")) ||
                   count == MOST);
    Str text = fuzz_write(&arena, items, count);
    fuzz_check(
        cmd_env_read(&arena, text, S("f"), again, MOST, &count_again, &fault));
    fuzz_check(count == count_again);
    for (int i = 0; i < count; i++)
        fuzz_check(
            str_eq(items[i].name, again[i].name) &&
            str_eq(secret_text(items[i].value), secret_text(again[i].value)));
    arena_free(&arena);
    return 0;
}
