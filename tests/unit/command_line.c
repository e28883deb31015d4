/* Unit tests: Command line. */
#include "check.h"

static void test_cli_long(void)
{
    static const struct {
        Str text;
        const char *name;
        bool same;
    } rows[] = {
        {L("use-env"), "use-env", true},
        {L("useEnv"), "use-env", true},
        {L("useenv"), "use-env", false},
        {L("use-Env"), "use-env", false},
        {L("UseEnv"), "use-env", false},
        {L("useEn"), "use-env", false},
        {L("useEnvs"), "use-env", false},
        {L("use-"), "use-env", false},
        {L("personalAccessKey"), "personal-access-key", true},
        {L("personal-accessKey"), "personal-access-key", false},
        {L("formatOutputAsJson"), "format-output-as-json", true},
        {L("json"), "json", true},
        {L("Json"), "json", false},
        {L(""), "json", false},
        {L(""), "", true},
        {L("json"), NULL, false},
        {L(""), NULL, false},
        {L("use-env\0"), "use-env", false},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(rows[i].text);
        CHECK_INT(cli_is_long(rows[i].text, rows[i].name), rows[i].same);
    }
}

static char *unit_word(Arena *arena, Str word)
{
    char *copy = arena_alloc(arena, word.len + 1);
    memcpy(copy, word.ptr, (size_t)word.len);
    return copy;
}

/* Parses a line of words; "" stands for an empty word. */
static bool unit_parse(Arena *arena, const char *line, Cmd *cmd,
                       CliParse *parse, char **argv, Err *err)
{
    static Term term;
    Str rest = str_from(line);
    int argc = 0;
    argv[argc++] = unit_word(arena, S("hs"));
    while (rest.len) {
        Str word = str_cut(&rest, ' ');
        if (str_eq(word, S("\"\"")))
            word = S("");
        argv[argc++] = unit_word(arena, word);
    }
    argv[argc] = NULL;
    *cmd = (Cmd){.arena = arena, .term = &term};
    *parse = (CliParse){.cmd = cmd, .argc = argc, .argv = argv};
    return cli_parse(parse, err);
}

static void test_cli_parse(void)
{
    static const struct {
        const char *line;
        const char *command; /* NULL: none, or a fault */
        const char *fault;   /* in the message or the hint */
    } rows[] = {
        {"", NULL, NULL},
        {"account list", "list", NULL},
        {"accounts ls", "list", NULL},
        {"account list --json", "list", NULL},
        {"--json account list", "list", NULL},
        {"account --json list", "list", NULL},
        {"account list --json=false", "list", NULL},
        {"account list --no-json", "list", NULL},
        {"account list --formatOutputAsJson", "list", NULL},
        {"-c file account list", "list", NULL},
        {"-cfile account list", "list", NULL},
        {"--config=file account list", "list", NULL},
        {"api /a -XPOST -d --data {}", "api", NULL},
        {"api /a -dX post", "api", NULL},
        {"api -X=PATCH -- /a", "api", NULL},
        {"api -- --a", "api", NULL},
        {"help account list", "list", NULL},
        {"account list --max-wait 0", "list", NULL},
        {"account list --max-wait 86400", "list", NULL},
        {"acount list", NULL, "Did you mean hs account?"},
        {"account lsit", NULL, "Did you mean hs account list?"},
        {"account list extra", NULL, "unexpected argument"},
        {"account list --jsn", NULL, "Did you mean --json?"},
        {"account list --pak x", NULL, "unknown option --pak"},
        {"account list -z", NULL, "unknown option -z"},
        {"account list --json=maybe", NULL, "true or false"},
        {"api /a -a", NULL, "--account requires a value"},
        {"api /a -a --json", NULL, "--account requires a value"},
        {"api /a -a \"\"", NULL, "is empty"},
        {"api /a --account=", NULL, "is empty"},
        {"api \"\"", NULL, "empty argument"},
        {"api /a -X FETCH", NULL, "--method must be"},
        {"account list --max-wait x", NULL, "a number from 0"},
        {"account list --max-wait -1", NULL, "a number from 0"},
        {"account list --max-wait 86401", NULL, "a number from 0"},
        {"account list --", "list", NULL},
        {"account list ---", NULL, "unknown option"},
        {"account list --=x", NULL, "unknown option"},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        Err err = {0};
        Cmd cmd;
        CliParse parse;
        char *argv[32];
        unit_at(str_from(rows[i].line));
        bool ok = unit_parse(&arena, rows[i].line, &cmd, &parse, argv, &err);
        CHECK_INT(ok, !rows[i].fault);
        CHECK_INT(err.code, rows[i].fault ? EXIT_USAGE : 0);
        if (rows[i].fault && !strstr(err.message, rows[i].fault) &&
            !strstr(err.hint, rows[i].fault)) {
            CHECK(false);
            printf("    no '%s' in: %s %s\n", rows[i].fault, err.message,
                   err.hint);
        }
        if (ok && rows[i].command)
            CHECK_STR(str_from(parse.command ? parse.command->name : NULL),
                      str_from(rows[i].command));
        arena_free(&arena);
    }
}

static void test_cli_values(void)
{
    Arena arena = {0};
    Err err = {0};
    Cmd cmd;
    CliParse parse;
    char *argv[32];
    unit_at(S("values"));
    CHECK(unit_parse(&arena, "api /a -dX post -a 12 --data=a=b -c x", &cmd,
                     &parse, argv, &err));
    CHECK_STR(cmd_text(&cmd, &opt_method), S("POST"));
    CHECK_STR(cmd_text(&cmd, &opt_account), S("12"));
    CHECK_STR(cmd_text(&cmd, &opt_data), S("a=b"));
    CHECK_STR(cmd.args[0], S("/a"));
    CHECK(cmd_on(&cmd, &opt_debug));
    unit_at(S("a negated flag"));
    CHECK(unit_parse(&arena, "account auth --no-default --no-no-input", &cmd,
                     &parse, argv, &err));
    CHECK(cmd_is_set(&cmd, &opt_default) && !cmd_on(&cmd, &opt_default));
    CHECK(cmd_is_set(&cmd, &opt_no_input) && !cmd_on(&cmd, &opt_no_input));
    unit_at(S("a secret leaves argv"));
    CHECK(unit_parse(&arena, "account auth --pak top-secret", &cmd, &parse,
                     argv, &err));
    CHECK_STR(cmd_text(&cmd, &opt_pak), S("top-secret"));
    CHECK(!argv[4][0] && !argv[4][9]);
    CHECK(unit_parse(&arena, "account auth --personalAccessKey=top-secret",
                     &cmd, &parse, argv, &err));
    CHECK_STR(cmd_text(&cmd, &opt_pak), S("top-secret"));
    CHECK(!strstr(argv[3], "secret"));
    unit_at(S("also where the line has a fault before it"));
    unit_parse(&arena, "account auth --bogus --pak top-secret", &cmd, &parse,
               argv, &err);
    CHECK(!strstr(argv[5], "secret"));
    arena_free(&arena);
}

/* Two options of a command with the same name. */
static bool unit_options_clash(const CliCommand *command, int i, int k)
{
    const CliOption *a = cli_option(command, i);
    const CliOption *b = cli_option(command, k);
    return a && b && i != k && !strcmp(a->name, b->name);
}

/* One name can be a flag and a text; a text can be repeated; the argument
 * after a flag is its value if it is true or false. */
static void test_cli_lists(void)
{
    Arena arena = {0};
    Err err = {0};
    Cmd cmd;
    CliParse parse;
    char *argv[160];
    Buf line = buf_new(&arena, 4 * KIB);
    unit_at(S("a list"));
    CHECK(unit_parse(&arena,
                     "account link -a one --account=two --account 3 -afour",
                     &cmd, &parse, argv, &err));
    const CmdValue *list = cmd_value(&cmd, &opt_account);
    CHECK_INT(list->count, 4);
    CHECK_STR(list->list[0], S("one"));
    CHECK_STR(list->list[1], S("two"));
    CHECK_STR(list->list[2], S("3"));
    CHECK_STR(list->list[3], S("four"));
    unit_at(S("as many as fit, and one more"));
    buf_add(&line, S("account link"));
    for (int i = 0; i < CMD_VALUES; i++)
        buf_printf(&line, " -a %d", i);
    buf_add_char(&line, '\0');
    CHECK(unit_parse(&arena, buf_str(&line).ptr, &cmd, &parse, argv, &err));
    CHECK_INT(cmd_value(&cmd, &opt_account)->count, CMD_VALUES);
    line.len--;
    buf_add(&line, S(" -a more"));
    buf_add_char(&line, '\0');
    CHECK(!unit_parse(&arena, buf_str(&line).ptr, &cmd, &parse, argv, &err));
    CHECK_INT(err.code, EXIT_USAGE);
    CHECK(strstr(err.message, "--account"));
    arena_free(&arena);
}

static void test_cli_flags(void)
{
    static const struct {
        const char *line;
        const CliOption *option;
        int on;           /* -1: not set */
        const char *text; /* of the option, or of the first argument */
    } rows[] = {
        {"account link -a x --default acme", &opt_link_default, 0, "acme"},
        {"account link -a x --default acme", &opt_default, -1, NULL},
        {"account link -a x --default=true", &opt_link_default, 0, "true"},
        {"account unlink -a x --default 12", &opt_link_default, 0, "12"},
        {"account auth --default", &opt_default, 1, NULL},
        {"account auth --default --name x", &opt_default, 1, NULL},
        {"account auth --default false", &opt_default, 0, NULL},
        {"account auth --default true --name x", &opt_default, 1, NULL},
        {"account auth --default=FALSE", &opt_default, 0, NULL},
        {"account auth --no-default", &opt_default, 0, NULL},
        {"account auth --no-default=true", &opt_default, 0, NULL},
        {"account auth --no-default=false", &opt_default, 1, NULL},
        {"account auth --name x", &opt_default, -1, NULL},
        {"account remove --force false acme", &opt_force, 0, "acme"},
        {"account remove acme --force", &opt_force, 1, "acme"},
        {"account remove -f acme", &opt_force, 1, "acme"},
        {"account remove -- true", &opt_force, -1, "true"},
        {"account remove --force -- true", &opt_force, 1, "true"},
        {"config set --allow-usage-tracking false", &config_keys[3].option, 0,
         NULL},
        {"config set --allowAutoUpdates", &config_keys[4].option, 1, NULL},
        {"config set --no-auto-open-browser", &config_keys[6].option, 0, NULL},
        {"config set --no-autoOpenBrowser", &config_keys[6].option, 0, NULL},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        Err err = {0};
        Cmd cmd;
        CliParse parse;
        char *argv[32];
        unit_at(str_from(rows[i].line));
        CHECK(unit_parse(&arena, rows[i].line, &cmd, &parse, argv, &err));
        const CmdValue *value = cmd_value(&cmd, rows[i].option);
        CHECK_INT(value->set, rows[i].on >= 0);
        CHECK_INT(value->on, rows[i].on == 1);
        if (rows[i].text)
            CHECK_STR(value->text.len ? value->text : cmd.args[0],
                      str_from(rows[i].text));
        else
            CHECK(!cmd.arg_count);
        arena_free(&arena);
    }
}

/* What the readers of the tables take for granted. */
static void test_cli_table(void)
{
    for (int i = 0; cli_command(i); i++) {
        const CliCommand *command = cli_command(i);
        unit_at(str_from(command->name));
        CHECK(command->summary && command->examples && command->run);
        CHECK(cli_most(command) >= cli_least(command));
        CHECK(cli_most(command) <= COUNT(((Cmd *)0)->args));
        CHECK(!cli_option(command, CMD_OPTIONS));
        for (int k = 0; cli_option(command, k); k++) {
            const CliOption *option = cli_option(command, k);
            CHECK(option->name && option->help);
            CHECK((option->kind == CLI_FLAG) == !option->value);
            for (int other = 0; cli_option(command, other); other++)
                CHECK(!unit_options_clash(command, k, other));
        }
    }
}
