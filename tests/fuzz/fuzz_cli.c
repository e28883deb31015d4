/* The command line: arguments are separated by NUL bytes. It is parsed, and
 * no command runs. */
#define HS_TEST 1
#include "../../hs.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MOST = 32 };
    static Term term;
    Arena arena = {0};
    Err err = {0};
    char *argv[MOST + 1] = {0};
    int argc = 0;
    Str rest = {(const char *)data, (ptrdiff_t)size};
    for (argv[argc++] = arena_alloc(&arena, 1); rest.len && argc < MOST;) {
        Str word = str_cut(&rest, '\0');
        char *copy = arena_alloc(&arena, word.len + 1);
        memcpy(copy, word.ptr, (size_t)word.len);
        argv[argc++] = copy;
    }
    term = (Term){.arena = &arena};
    Cmd cmd = {.arena = &arena, .term = &term};
    CliParse parse = {.cmd = &cmd, .argc = argc, .argv = argv};
    bool ok = cli_parse(&parse, &err);
    if (ok == (err.code != EXIT_DONE) || (!ok && err.code != EXIT_USAGE))
        abort();
    if (cmd.arg_count > COUNT(cmd.args))
        abort();
    for (int i = 0; ok && i < cmd.value_count; i++)
        if (!cmd.values[i].option->may_be_empty && cmd.values[i].set &&
            cmd.values[i].option->kind != CLI_FLAG && !cmd.values[i].text.len)
            abort();
    arena_free(&arena);
    return 0;
}
