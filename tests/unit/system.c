/* Unit tests: System and Safe files. */
#include "check.h"

static void test_os_paths(void)
{
    static const struct {
        Str path;
        Str dir;
        Str base;
    } rows[] = {
        {L("/a/b"), L("/a"), L("b")},  {L("/a"), L("/"), L("a")},
        {L("a"), L("."), L("a")},      {L("a/b"), L("a"), L("b")},
        {L("./a"), L("."), L("a")},    {L("/"), L("/"), L("")},
        {L("/a//b"), L("/a"), L("b")}, {L("//a"), L("/"), L("a")},
        {L(""), L("."), L("")},
    };
    Arena arena = {0};
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(rows[i].path);
        CHECK_STR(os_path_dir(rows[i].path), rows[i].dir);
        CHECK_STR(os_path_base(rows[i].path), rows[i].base);
    }
    CHECK_STR(os_path_join(&arena, S("/a"), S("b")), S("/a/b"));
    CHECK_STR(os_path_join(&arena, S("/"), S("b")), S("/b"));
    arena_free(&arena);
}

static void test_os_read_file(void)
{
    static const int sizes[] = {0, 1, 255, 256, 257, 999, 1000};
    Arena arena = {0};
    Str out = {0};
    for (int i = 0; i < COUNT(sizes); i++) {
        snprintf(unit_row, sizeof(unit_row), "file of %d", sizes[i]);
        Str text = unit_repeat(&arena, S("x"), sizes[i]);
        unit_write_file("file", text);
        CHECK_INT(os_read_file(&arena, S("file"), 1000, &out), 0);
        CHECK_STR(out, text);
    }
    unit_write_file("file", unit_repeat(&arena, S("x"), 1001));
    CHECK_INT(os_read_file(&arena, S("file"), 1000, &out), EFBIG);
    CHECK_INT(os_read_file(&arena, S("."), 1000, &out), EISDIR);
    CHECK_INT(os_read_file(&arena, S("not-there"), 1000, &out), ENOENT);
    unlink("file");
    arena_free(&arena);
}

static void test_os_lock(void)
{
    Arena arena = {0};
    int first = -1;
    int second = -1;
    unit_at(S("lock"));
    CHECK_INT(os_lock(&arena, S("locked"), 0, &first), 0);
    CHECK_INT(os_lock(&arena, S("locked"), 20, &second), EAGAIN);
    os_unlock(&arena, S("locked"), first);
    CHECK(!os_exists(&arena, S(OS_TMP)));
    CHECK_INT(os_lock(&arena, S("locked"), 0, &second), 0);
    os_unlock(&arena, S("locked"), second);
    CHECK_INT(os_lock(&arena, S("no/such/dir"), 0, &first), ENOENT);
    CHECK_INT(symlink("elsewhere", OS_TMP), 0);
    CHECK_INT(os_lock(&arena, S("link"), 0, &first), OS_BLOCKED);
    unlink(OS_TMP);
    CHECK_INT(mkdir(OS_TMP, 0700), 0);
    CHECK_INT(symlink("elsewhere", OS_TMP "/.git"), 0);
    CHECK_INT(os_lock(&arena, S("link"), 0, &first), OS_BLOCKED);
    unlink(OS_TMP "/.git");
    rmdir(OS_TMP);
    arena_free(&arena);
}

static void test_os_address(void)
{
    OsAddresses out;
    unit_at(S("addresses"));
    CHECK(os_address_literal("127.0.0.1", &out) && out.count == 1 &&
          out.at[0].ss_family == AF_INET);
    CHECK(os_address_literal("::1", &out) && out.at[0].ss_family == AF_INET6);
    CHECK(!os_address_literal("127.1", &out));
    CHECK(!os_address_literal("localhost", &out) && !out.count);
    CHECK(!os_address_literal("", &out));
}

static void test_os_browser_words(void)
{
    static const struct {
        Str command;
        const char *words; /* each followed by a bar */
    } rows[] = {
        {L("firefox"), "firefox|URL|"},
        {L("  firefox   -P x "), "firefox|-P|x|URL|"},
        {L("lynx %s -dump"), "lynx|URL|-dump|"},
        {L("b --u=%s,%s"), "b|--u=URL,URL|"},
        {L("sh -c 'x; %s'"), "sh|-c|'x;|URL'|"},
        {L("b %%s %d"), "b|%URL|%d|"},
        {L(""), ""},
        {L("   "), ""},
        {L("a 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7"),
         "a|1|2|3|4|5|6|7|8|9|0|1|2|3|4|5|URL|"},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        Buf all = buf_new(&arena, 4 * KIB);
        char **words = os_browser_words(&arena, rows[i].command, S("URL"));
        for (; *words; words++)
            buf_printf(&all, "%s|", *words);
        unit_at(rows[i].command);
        CHECK_STR(buf_str(&all), str_from(rows[i].words));
        arena_free(&arena);
    }
}
