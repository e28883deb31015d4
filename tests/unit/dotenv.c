/* Unit tests: Dotenv. */
#include "check.h"

/* The entries of a dotenv text, as "NAME=value@line;" each, or what is wrong
 * with which lines. */
static Str unit_env(Arena *arena, Str text)
{
    DotenvFile *file = arena_alloc(arena, sizeof(*file));
    Buf out = buf_new(arena, MIB);
    dotenv_read(arena, text, file);
    for (int i = 0; i < file->fault_count && i < DOTENV_FAULTS; i++)
        buf_printf(&out, "%d: %s; ", file->faults[i].line,
                   file->faults[i].what);
    for (int i = 0; i < file->count && !file->fault_count; i++) {
        buf_add(&out, file->items[i].name);
        buf_add_char(&out, '=');
        buf_add(&out, secret_text(file->items[i].value));
        buf_printf(&out, "@%d;", file->items[i].line);
    }
    return buf_str(&out);
}

/* What programs agree on; tests/test_dotenv.py asks them. */
static void test_env_read(void)
{
    static const struct {
        Str text;
        Str want;
    } rows[] = {
        {L(""), L("")},
        {L("\n# x\n# A=1\r\n\r\n"), L("")},
        {L("A=1"), L("A=1@1;")},
        {L("A=1\nB=2\n"), L("A=1@1;B=2@2;")},
        {L("A=1\r\nB=2\r\n"), L("A=1@1;B=2@2;")},
        {L("A=1\r"), L("A=1@1;")},
        {L(" export A = a b "), L("A=a b@1;")},
        {L("export=1"), L("export=1@1;")},
        {L("_a.b9=1"), L("_a.b9=1@1;")},
        {L("A=1 # x\nB=2 #\n"), L("A=1@1;B=2@2;")},
        {L("A=a'b\"c`D\\n"), L("A=a'b\"c`D\\n@1;")},
        {L("A=\xc3\xa4"), L("A=\xc3\xa4@1;")},
        {L("A='a#$\\n\"b'#c"), L("A=a#$\\n\"b@1;")},
        {L("A=' a '"), L("A= a @1;")},
        {L("A=\"\\n#'`\"\t"), L("A=\n#'`@1;")},
        {L("A=\"a\nb\n\nc\"\nB=2"), L("A=a\nb\n\nc@1;B=2@5;")},
        {L("A='a\n\nb'\r\n\r\nB=2"), L("A=a\n\nb@1;B=2@5;")},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        unit_at(rows[i].text);
        CHECK_STR(unit_env(&arena, rows[i].text), rows[i].want);
        arena_free(&arena);
    }
}

/* All faulty lines of a file, and no line that is not. */
static void test_env_faults(void)
{
    static const struct {
        Str text;
        Str want;
    } rows[] = {
        {L("A=1\n\nB"), L("3: no = after the name; ")},
        {L("A B=1\nC: 1\n=2\n9=3\nD=ok\n-=4"),
         L("1: no = after the name; 2: no = after the name; "
           "3: invalid name; "
           "4: invalid name; "
           "6: invalid name; ")},
        {L("A=$B\nC='ok'\nD=\"x\ny$\"\nE=x\n\nF=\"\\t\"\n"),
         L("1: some programs expand $ in unquoted values; "
           "3: some programs expand $ in double quotes; "
           "7: programs disagree on escapes other than \\n in double "
           "quotes; ")},
        {L("A='x\nB=$C\nD=1\n"), L("1: the closing quote is missing; "
                                   "2: some programs expand $ in "
                                   "unquoted values; ")},
        {L("A=\"x\\\"\nB='it\\'s'\nC='a\\'\nD=1"),
         L("1: programs disagree on escapes other than \\n in double "
           "quotes; "
           "2: programs disagree on \\\\ and \\' in single quotes; "
           "3: programs disagree on \\\\ and \\' in single quotes; ")},
        {L("A='x' y\nB=\nC= # x\nD=\"\"\nE=a#b"),
         L("1: unexpected text after the closing quote; "
           "2: the value is empty; 3: a value with # needs quotes; "
           "4: the value is empty; 5: a value with # needs quotes; ")},
        {L("A=1\nB=2\nA=3\nB=4"), L("3: A is already set on line 1; "
                                    "4: B is already set on line 2; ")},
        {L("A=\xff\nB='\0'\n# \xff\nC=1\n"),
         L("1: the value is not valid UTF-8; 2: the value contains a NUL byte; "
           "3: invalid UTF-8; ")},
        {L("A='a\rb'\n# a\rB=1\nC='x\r\ny'\nD=a\rb"),
         L("1: some programs read a CR as a line break; "
           "2: some programs read a CR as a line break; "
           "3: some programs keep the CR of a CRLF line break in quotes; "
           "5: control character in an unquoted value; ")},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        unit_at(rows[i].text);
        CHECK_STR(unit_env(&arena, rows[i].text), rows[i].want);
        arena_free(&arena);
    }
}

/* Lines and items beyond what is kept are counted. */
static void test_env_many(void)
{
    Arena arena = {0};
    Buf text = buf_new(&arena, MIB);
    DotenvFile *file = arena_alloc(&arena, sizeof(*file));
    for (int i = 0; i < 60; i++)
        buf_printf(&text, "A%d=1\n", i);
    dotenv_read(&arena, buf_str(&text), file);
    CHECK(file->count == 50 && file->more == 10 && !file->fault_count);
    for (int i = 0; i < 60; i++)
        buf_printf(&text, "B%d=\n", i);
    dotenv_read(&arena, buf_str(&text), file);
    CHECK(file->count == 50 && file->more == 10 && file->fault_count == 60);
    CHECK(file->faults[DOTENV_FAULTS - 1].line == 60 + DOTENV_FAULTS);
    arena_free(&arena);
}

/* No message quotes a value, wherever a file is cut or damaged. */
static void test_env_quotes_nothing(void)
{
    static const char whole[] = "export A=\"XYZZYX\\nXYZZYX\" # XYZZYX\n"
                                "B='XYZZYX\nXYZZYX'\nC=XYZZYX XYZZYX\n";
    static const char spoil[] = {'\0', '\r', '\\', '"', '\'', '#', '=', '\xff'};
    char text[sizeof(whole)];
    for (int at = 0; at < COUNT(whole) - 1; at++)
        for (int i = 0; i < COUNT(spoil); i++) {
            Arena arena = {0};
            DotenvFile *file = arena_alloc(&arena, sizeof(*file));
            memcpy(text, whole, sizeof(whole));
            text[at] = spoil[i];
            unit_at(arena_printf(&arena, "byte %d is %d", at, spoil[i]));
            dotenv_read(&arena, (Str){text, COUNT(whole) - 1}, file);
            for (int k = 0; k < file->fault_count; k++)
                CHECK(!strchr(file->faults[k].what, 'X') &&
                      !strchr(file->faults[k].fix, 'Z'));
            arena_free(&arena);
        }
}
