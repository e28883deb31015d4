/* Dotenv files: what is read has whole names and values, each once, in the
 * order of their lines; written down again, in quotes, it reads as the same.
 * What is refused is refused with its line and what to do about it, without
 * control bytes. */
#define HS_TEST 1
#include "../../hs.c"

static void fuzz_check(bool ok)
{
    if (!ok)
        abort();
}

static void fuzz_items(const DotenvFile *file)
{
    Err err = {0};
    for (int i = 0; i < file->count; i++) {
        const DotenvItem *item = &file->items[i];
        fuzz_check(secrets_check_name(item->name, &err));
        fuzz_check(!dotenv_value_fault(secret_text(item->value)));
        fuzz_check(!i || item->line > item[-1].line);
        for (int k = 0; k < i; k++)
            fuzz_check(!str_eq(file->items[k].name, item->name));
    }
}

static void fuzz_faults(const DotenvFile *file)
{
    int count = file->fault_count < DOTENV_FAULTS ? file->fault_count
                                                  : DOTENV_FAULTS;
    for (int i = 0; i < count; i++) {
        const DotenvFault *fault = &file->faults[i];
        fuzz_check(fault->line > 0 && (!i || fault->line > fault[-1].line));
        fuzz_check(fault->fix != NULL);
        for (const char *c = fault->what; *c; c++)
            fuzz_check(*c >= ' ' && *c < 0x7f);
    }
}

/* In double quotes, or in single ones if it has what these may not, or
 * without if neither may have it. */
static Str fuzz_write(Arena *arena, const DotenvFile *file)
{
    Buf out = buf_new(arena, 64 * MIB);
    for (int i = 0; i < file->count; i++) {
        Str value = secret_text(file->items[i].value);
        bool single = str_index(value, '"') >= 0 ||
                      str_index(value, '$') >= 0 || str_index(value, '\\') >= 0;
        bool plain = single && (str_index(value, '\'') >= 0 ||
                                str_find(value, S("\\\\")) >= 0 ||
                                str_ends(value, S("\\")));
        const char *quote = plain ? "" : single ? "'" : "\"";
        buf_printf(&out, "%.*s=%s%.*s%s\n", P(file->items[i].name), quote,
                   P(value), quote);
    }
    return buf_str(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena = {0};
    DotenvFile *file = arena_alloc(&arena, sizeof(*file));
    DotenvFile *again = arena_alloc(&arena, sizeof(*again));
    Str input = {(const char *)data, (ptrdiff_t)size};
    dotenv_read(&arena, input, file);
    fuzz_items(file);
    fuzz_faults(file);
    dotenv_read(&arena, fuzz_write(&arena, file), again);
    fuzz_check(!again->fault_count && again->count == file->count);
    for (int i = 0; i < file->count; i++)
        fuzz_check(str_eq(file->items[i].name, again->items[i].name) &&
                   str_eq(secret_text(file->items[i].value),
                          secret_text(again->items[i].value)));
    arena_free(&arena);
    return 0;
}
