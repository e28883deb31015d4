/*
 * Unit tests: row tests of rooms 01 to 14, one function a topic.
 *
 * hs.c is included whole, so that its static functions can be called. Each
 * check counts; a failed one prints where it stands and which row it is, and
 * the run goes on. Prints "unit: N checks passed" and exits 0, else 1.
 * With arguments it asks one prompt instead; see unit_prompt().
 *
 * Tests write into a folder of their own under the working directory, and
 * reach no network.
 */
#define HS_TEST 1
#include "../hs.c"

static int unit_checks;
static int unit_failures;
static char unit_row[256]; /* what the row under test is, for the message */

#define CHECK(condition) unit_check(__LINE__, (condition), #condition)
#define CHECK_INT(got, want) unit_check_int(__LINE__, #got, (got), (want))
#define CHECK_STR(got, want) unit_check_str(__LINE__, #got, (got), (want))
/* The initializer of a Str in a static table. */
#define L(literal) \
    { \
        "" literal, (ptrdiff_t)sizeof(literal) - 1 \
    }

static void unit_fail(int line)
{
    unit_failures++;
    printf("tests/unit.c:%d: [%s] ", line, unit_row);
}

static void unit_check(int line, bool ok, const char *what)
{
    unit_checks++;
    if (ok)
        return;
    unit_fail(line);
    printf("not true: %s\n", what);
}

static void unit_check_int(int line, const char *what, int64_t got,
                           int64_t want)
{
    unit_checks++;
    if (got == want)
        return;
    unit_fail(line);
    printf("%s is %" PRId64 ", not %" PRId64 "\n", what, got, want);
}

static void unit_print(Str s)
{
    putchar('\'');
    for (ptrdiff_t i = 0; i < s.len && i < 200; i++)
        if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
            printf("\\x%02x", (unsigned)(unsigned char)s.ptr[i]);
        else
            putchar(s.ptr[i]);
    printf(s.len > 200 ? "…' (%td bytes)" : "'", s.len);
}

static void unit_check_str(int line, const char *what, Str got, Str want)
{
    unit_checks++;
    if (str_eq(got, want))
        return;
    unit_fail(line);
    printf("%s is ", what);
    unit_print(got);
    printf(", not ");
    unit_print(want);
    putchar('\n');
}

/* Names the row that the checks after this one are about. */
static void unit_at(Str row)
{
    memset(unit_row, 0, sizeof(unit_row));
    for (ptrdiff_t i = 0; i < row.len && i < COUNT(unit_row) - 1; i++)
        unit_row[i] = row.ptr[i];
}

static Str unit_repeat(Arena *arena, Str piece, int count)
{
    Buf out = buf_new(arena, 8L * MIB);
    for (int i = 0; i < count; i++)
        buf_add(&out, piece);
    return buf_str(&out);
}

/* ---- 01 Base ------------------------------------------------------------ */

static void test_str_utf8(void)
{
    static const struct {
        Str text;
        int n;
        uint32_t c;
    } rows[] = {
        {L(""), 0, 0},
        {L("a"), 1, 'a'},
        {L("\0"), 1, 0},
        {L("\x7f"), 1, 0x7f},
        {L("\xc2\x80"), 2, 0x80},
        {L("\xdf\xbf"), 2, 0x7ff},
        {L("\xe0\xa0\x80"), 3, 0x800},
        {L("\xed\x9f\xbf"), 3, 0xd7ff},
        {L("\xee\x80\x80"), 3, 0xe000},
        {L("\xef\xbf\xbf"), 3, 0xffff},
        {L("\xf0\x90\x80\x80"), 4, 0x10000},
        {L("\xf4\x8f\xbf\xbf"), 4, 0x10ffff},
        {L("\xe2\x82\xac tail"), 3, 0x20ac},
        /* lone and missing continuation bytes */
        {L("\x80"), 0, 0},
        {L("\xbf"), 0, 0},
        {L("\xc2"), 0, 0},
        {L("\xe2\x82"), 0, 0},
        {L("\xf0\x9f\x98"), 0, 0},
        {L("\xc2\x20"), 0, 0},
        {L("\xe2\x28\xa1"), 0, 0},
        {L("\xe2\x82\x28"), 0, 0},
        {L("\xf0\x9f\x98\xc0"), 0, 0},
        /* overlong */
        {L("\xc0\x80"), 0, 0},
        {L("\xc1\xbf"), 0, 0},
        {L("\xe0\x9f\xbf"), 0, 0},
        {L("\xf0\x8f\xbf\xbf"), 0, 0},
        /* surrogates, above the range, never in UTF-8 */
        {L("\xed\xa0\x80"), 0, 0},
        {L("\xed\xbf\xbf"), 0, 0},
        {L("\xf4\x90\x80\x80"), 0, 0},
        {L("\xf5\x80\x80\x80"), 0, 0},
        {L("\xf8\x88\x80\x80\x80"), 0, 0},
        {L("\xfe"), 0, 0},
        {L("\xff"), 0, 0},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        uint32_t c = 0;
        snprintf(unit_row, sizeof(unit_row), "utf8 row %d", i);
        CHECK_INT(str_utf8(rows[i].text, &c), rows[i].n);
        CHECK_INT(c, rows[i].c);
    }
}

static void test_str_int(void)
{
    static const struct {
        Str text;
        bool ok;
        int64_t value;
    } rows[] = {
        {L("0"), true, 0},
        {L("-0"), true, 0},
        {L("+7"), true, 7},
        {L("007"), true, 7},
        {L("9223372036854775807"), true, INT64_MAX},
        {L("-9223372036854775807"), true, -INT64_MAX},
        {L("9223372036854775808"), false, 0},
        {L("18446744073709551617"), false, 0},
        {L("99999999999999999999999"), false, 0},
        {L(""), false, 0},
        {L("-"), false, 0},
        {L("+"), false, 0},
        {L("--1"), false, 0},
        {L("1 "), false, 0},
        {L(" 1"), false, 0},
        {L("1.0"), false, 0},
        {L("1e3"), false, 0},
        {L("0x10"), false, 0},
        {L("1\0"), false, 0},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        int64_t value = -99;
        unit_at(rows[i].text);
        bool ok = str_int(rows[i].text, &value);
        CHECK_INT(ok, rows[i].ok);
        CHECK_INT(value, rows[i].ok ? rows[i].value : -99);
    }
}

static void test_str_cut(void)
{
    static const struct {
        Str text;
        Str head;
        Str rest;
    } rows[] = {
        {L("a:b"), L("a"), L("b")},     {L("a"), L("a"), L("")},
        {L(":b"), L(""), L("b")},       {L("a:"), L("a"), L("")},
        {L("a:b:c"), L("a"), L("b:c")}, {L(""), L(""), L("")},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Str rest = rows[i].text;
        unit_at(rows[i].text);
        CHECK_STR(str_cut(&rest, ':'), rows[i].head);
        CHECK_STR(rest, rows[i].rest);
    }
    Str none = {0};
    CHECK_STR(str_cut(&none, ':'), (Str){0});
}

static void test_str_parts(void)
{
    unit_at(S("slices"));
    CHECK_STR(str_slice(S("abc"), 1, 2), S("b"));
    CHECK_STR(str_slice(S("abc"), -5, 99), S("abc"));
    CHECK_STR(str_slice(S("abc"), 2, 1), S(""));
    CHECK_STR(str_slice(S("abc"), 9, 12), S(""));
    CHECK_STR(str_slice((Str){0}, 0, 5), S(""));
    CHECK(str_starts(S("abc"), S("ab")) && !str_starts(S("a"), S("ab")));
    CHECK(str_starts(S("a"), S("")) && str_ends((Str){0}, S("")));
    CHECK(str_ends(S("abc"), S("bc")) && !str_ends(S("c"), S("bc")));
    CHECK(str_eq((Str){0}, S("")) && !str_eq(S("a"), S("b")));
    CHECK(str_eq_nocase(S("aBc"), S("AbC")) && !str_eq_nocase(S("a"), S("")));
    CHECK_INT(str_find(S("hay needle"), S("needle")), 4);
    CHECK_INT(str_find(S("ab"), S("abc")), -1);
    CHECK_INT(str_find((Str){0}, S("a")), -1);
    CHECK_INT(str_index(S("a\0b"), '\0'), 1);
    CHECK_INT(str_index((Str){0}, 'a'), -1);
    CHECK_STR(str_trim(S(" \t\r\n\v\f a b \n")), S("a b"));
    CHECK_STR(str_trim(S("  ")), S(""));
    CHECK(str_in_words(S("TWO"), "one two three"));
    CHECK(!str_in_words(S("tw"), "one two three"));
    CHECK(!str_in_words(S("one two"), "one two three"));
}

static void test_str_distance(void)
{
    static const struct {
        Str a;
        Str b;
        int distance;
    } rows[] = {
        {L(""), L(""), 0},
        {L("abc"), L("abc"), 0},
        {L(""), L("abc"), 3},
        {L("abc"), L(""), 3},
        {L("kitten"), L("sitting"), 3},
        {L("acount"), L("account"), 1},
        {L("lsit"), L("list"), 1},
        {L("josn"), L("json"), 1},
        {L("tsil"), L("list"), 3},
        {L("ab"), L("ba"), 1},
        {L("bca"), L("abc"), 2},
    };
    Arena arena = {0};
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(rows[i].a);
        CHECK_INT(str_distance(rows[i].a, rows[i].b), rows[i].distance);
    }
    Str long32 = unit_repeat(&arena, S("x"), 32);
    Str long33 = unit_repeat(&arena, S("x"), 33);
    CHECK_INT(str_distance(long32, long32), 0);
    CHECK_INT(str_distance(long32, S("")), 32);
    CHECK_INT(str_distance(long33, S("")), 99);
    CHECK_INT(str_distance(S(""), long33), 99);
    arena_free(&arena);
}

static int64_t unit_utc(int year, int month, int day, int hour, int minute,
                        int second)
{
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_sec = second};
    return (int64_t)timegm(&tm) * 1000;
}

static void test_time_parse(void)
{
    const int64_t at = unit_utc(2026, 11, 23, 22, 46, 47);
    const int64_t day = unit_utc(2026, 11, 23, 0, 0, 0);
    const struct {
        const char *text;
        int64_t millis;
    } rows[] = {
        {"2026-11-23T22:46:47.000Z", at},
        {"2026-11-23T22:46:47Z", at},
        {"2026-11-23T22:46:47z", at},
        {"2026-11-23t22:46:47Z", at},
        {"2026-11-23 22:46:47", at},
        {"2026-11-23T22:46:47.5Z", at + 500},
        {"2026-11-23T22:46:47,05Z", at + 50},
        {"2026-11-23T22:46:47.123456789Z", at + 123},
        {"2026-11-23T22:46Z", at - 47000},
        {"2026-11-23", day},
        {"  2026-11-23  ", day},
        {"2026-11-23T23:46:47+01:00", at},
        {"2026-11-23T23:46:47+0100", at},
        {"2026-11-23T23:46:47+01", at},
        {"2026-11-23T17:16:47-05:30", at},
        {"2026-11-24T00:00:00Z", day + 86400000},
        {"2026-11-23T24:00:00Z", day + 86400000},
        {"2024-02-29", unit_utc(2024, 2, 29, 0, 0, 0)},
        {"2000-02-29", unit_utc(2000, 2, 29, 0, 0, 0)},
        {"1970-01-01T00:00:00.000Z", 0},
        {"9999-12-31T23:59:59Z", unit_utc(9999, 12, 31, 23, 59, 59)},
        {"Mon Nov 23 2026 22:46:47 GMT+0000 (Coordinated Universal Time)", at},
        {"Mon Nov 23 2026 22:46:47 GMT+0000", at},
        {"Mon Nov 23 2026 14:46:47 GMT-0800 (Pacific Standard Time)", at},
        {"Nov 23 2026 22:46:47", at},
        {"Mon, 23 Nov 2026 22:46:47 GMT", at},
        {"Mon, 23 Nov 2026 22:46:47 +0000", at},
        {"23 Nov 2026 23:46:47 +0100", at},
        {"Mon, 23  Nov  2026 22:46:47 UTC", at},
        {"23 Nov 2026", day},
        {"1795474007000", 1795474007000},
        {"0", 0},
        {"9223372036854775807", INT64_MAX},
        /* no point in time */
        {"", -1},
        {"   ", -1},
        {"garbage", -1},
        {"null", -1},
        {"Nov", -1},
        {"Nov 23", -1},
        {"2026-11", -1},
        {"2026-1-1", -1},
        {"2026-13-01", -1},
        {"2026-00-01", -1},
        {"2026-11-00", -1},
        {"2026-11-32", -1},
        {"2026-11-23X", -1},
        {"2026-11-23T", day},
        {"2026-11-23T22", -1},
        {"2026-11-23T25:00Z", -1},
        {"2026-11-23T22:60Z", -1},
        {"2026-11-23T22:46:61Z", -1},
        {"2026-11-23Tnoon", -1},
        {"12:30", -1},
        {"1.5", -1},
        {"-5", -1},
        {"2026-11-23T22:46:47 PST", -1},
        {"2026-11-23T22:46:47Z and more", -1},
        {"2026-02-30", -1},
        {"99999999999999999999", -1},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(str_from(rows[i].text));
        CHECK_INT(time_parse(str_from(rows[i].text)), rows[i].millis);
    }
}

static void test_time_days(void)
{
    Arena arena = {0};
    snprintf(unit_row, sizeof(unit_row), "days");
    bool same = true;
    for (int year = 1600; year < 2800; year++)
        for (int month = 1; month <= 12; month++)
            for (int day = 1; day <= 28; day += 27)
                same &= time_days(year, month, day) * 86400000 ==
                        unit_utc(year, month, day, 0, 0, 0);
    CHECK(same);
    for (int64_t t = 0; t < 4102444800000; t += 86400000LL * 17 + 12345678) {
        char want[40];
        time_t seconds = (time_t)(t / 1000);
        struct tm tm = {0};
        gmtime_r(&seconds, &tm);
        strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S", &tm);
        Str iso = time_iso(&arena, t);
        same &= str_starts(iso, str_from(want)) && iso.len == 24;
        same &= time_parse(iso) == t;
    }
    CHECK(same);
    CHECK_STR(time_iso(&arena, 951782399999), S("2000-02-28T23:59:59.999Z"));
    CHECK_STR(time_iso(&arena, 951782400000), S("2000-02-29T00:00:00.000Z"));
    CHECK_STR(time_iso(&arena, -1), S("1970-01-01T00:00:00.000Z"));
    CHECK(time_iso(&arena, INT64_MAX).len > 0);
    arena_free(&arena);
}

static void test_buf(void)
{
    Arena arena = {0};
    unit_at(S("buf"));
    Buf buf = buf_new(&arena, 10);
    buf_add(&buf, S("12345"));
    buf_add(&buf, S(""));
    CHECK(!buf.full);
    buf_add(&buf, S("67890"));
    CHECK(!buf.full && buf.len == 10);
    buf_add_char(&buf, 'x');
    CHECK(buf.full);
    CHECK_STR(buf_str(&buf), S("1234567890"));
    Buf big = buf_new(&arena, 1000);
    for (int i = 0; i < 1000; i++)
        buf_add_char(&big, (char)('a' + i % 26));
    CHECK(!big.full && big.len == 1000 && big.ptr[999] == 'a' + 999 % 26);
    buf_add(&big, S("x"));
    CHECK(big.full && big.len == 1000);
    Buf repeat = buf_new(&arena, 5);
    buf_add_repeat(&repeat, '-', 0);
    buf_add_repeat(&repeat, '-', -3);
    buf_add_repeat(&repeat, '-', 5);
    CHECK_STR(buf_str(&repeat), S("-----"));
    buf_add_repeat(&repeat, '-', 1);
    CHECK(repeat.full);
    Buf none = buf_new(&arena, 0);
    buf_add_char(&none, 'x');
    CHECK(none.full && !none.len);
    Buf text = buf_new(&arena, 100);
    buf_printf(&text, "%s", "");
    buf_printf(&text, "%d-%s", 5, "x");
    CHECK_STR(buf_str(&text), S("5-x"));
    arena_free(&arena);
}

static int unit_released[3];

static void unit_release(void *object)
{
    int *at = object;
    static int order;
    *at = ++order;
}

static void test_arena(void)
{
    Arena arena = {0};
    bool aligned = true;
    bool zeroed = true;
    unit_at(S("arena"));
    for (int i = 0; i < 200; i++) {
        char *memory = arena_alloc(&arena, i * 37);
        aligned &= (uintptr_t)memory % 16 == 0;
        for (int k = 0; k < i * 37; k++)
            zeroed &= !memory[k];
        memset(memory, 0xff, (size_t)i * 37);
    }
    char *large = arena_alloc(&arena, 3L * MIB);
    zeroed &= !large[0] && !large[3L * MIB - 1];
    CHECK(aligned && zeroed);
    CHECK_STR(arena_copy(&arena, S("a\0b")), S("a\0b"));
    CHECK(!strcmp(arena_cstr(&arena, str_slice(S("abc"), 0, 2)), "ab"));
    CHECK(!strcmp(arena_cstr(&arena, (Str){0}), ""));
    CHECK_STR(arena_printf(&arena, "%s/%d", "x", 7), S("x/7"));
    for (int i = 0; i < 3; i++)
        arena_defer(&arena, unit_release, &unit_released[i]);
    arena_free(&arena);
    CHECK(unit_released[2] == 1 && unit_released[0] == 3);
    CHECK(!arena.chunks && !arena.hooks);
}

static void test_err(void)
{
    Err err = {0};
    unit_at(S("err"));
    CHECK(!err_set(&err, EXIT_CONFIG, "first %d", 1));
    err_set(&err, EXIT_NETWORK, "second");
    err_hint(&err, "do %s", "this");
    err_hint(&err, "or that");
    CHECK_INT(err.code, EXIT_CONFIG);
    CHECK_STR(str_from(err.message), S("first 1"));
    CHECK_STR(str_from(err.hint), S("do this"));
}

/* ---- 02 System ---------------------------------------------------------- */

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

static void unit_write_file(const char *path, Str text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    /* as if written long ago: a young file may be one that is being written */
    const struct timespec old[] = {{1700000000, 0}, {1700000000, 0}};
    CHECK(fd >= 0 && !os_write_all(fd, text));
    CHECK(!futimens(fd, old));
    close(fd);
}

static Str unit_read_file(Arena *arena, const char *path)
{
    Str text = {0};
    CHECK_INT(os_read_file(arena, str_from(path), 16L * MIB, &text), 0);
    return text;
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

/* ---- 03 Terminal -------------------------------------------------------- */

static void test_term_visible(void)
{
    static const struct {
        Str text;
        Str piece; /* inside a line */
        Str line;  /* as a whole line */
    } rows[] = {
        {L("plain \xc3\xbc"), L("plain \xc3\xbc"), L("plain \xc3\xbc")},
        {L("a\tb\nc\rd"), L("a\\tb\\nc\\rd"), L("a\\tb\\nc\\rd")},
        {L("\x1b[31m"), L("\\u001b[31m"), L("\\u001b[31m")},
        {L("\b\a\0"), L("\\u0008\\u0007\\u0000"), L("\\u0008\\u0007\\u0000")},
        {L("\x7f"), L("\\u007f"), L("\\u007f")},
        {L("\xc2\x80\xc2\x9b\xc2\xa0"), L("\\u0080\\u009b\xc2\xa0"),
         L("\\u0080\\u009b\xc2\xa0")},
        {L("\x9b"), L("\\x9b"), L("\\x9b")},
        {L("\xff\xfe"), L("\\xff\\xfe"), L("\\xff\\xfe")},
        {L("\xed\xa0\x80"), L("\\xed\\xa0\\x80"), L("\\xed\\xa0\\x80")},
        {L("\xe2\x82"), L("\\xe2\\x82"), L("\\xe2\\x82")},
        {L("a\xe2\x80\xa8"
           "b\xe2\x80\xa9"),
         L("a\\u2028b\\u2029"), L("a\\u2028b\\u2029")},
        {L("\xe2\x80\xaegpj.\xe2\x81\xa6\xd8\x9c\xe2\x80\x8f"),
         L("\\u202egpj.\\u2066\\u061c\\u200f"),
         L("\\u202egpj.\\u2066\\u061c\\u200f")},
        {L("\xe2\x80\x94\xe2\x81\xa5"), L("\xe2\x80\x94\xe2\x81\xa5"),
         L("\xe2\x80\x94\xe2\x81\xa5")},
        {L("x\n::stop-commands::t"), L("x\\n::stop-commands::t"),
         L("x\\n::stop-commands::t")},
        {L("::error::x"), L("::error::x"), L("\\u003a:error::x")},
        {L("  \xc2\xa0\xe3\x80\x80::x"), L("  \xc2\xa0\xe3\x80\x80::x"),
         L("  \xc2\xa0\xe3\x80\x80\\u003a:x")},
        {L("\t::x"), L("\\t::x"), L("\\t::x")},
        {L(":"), L(":"), L(":")},
        {L("a##[group]b"), L("a\\u0023#[group]b"), L("a\\u0023#[group]b")},
        {L("##vso[task.x]##"), L("\\u0023#vso[task.x]##"),
         L("\\u0023#vso[task.x]##")},
        {L("###[x] ## [ #[ ##1["), L("#\\u0023#[x] ## [ #[ ##1["),
         L("#\\u0023#[x] ## [ #[ ##1[")},
        {L(""), L(""), L("")},
    };
    Arena arena = {0};
    for (int i = 0; i < COUNT(rows); i++) {
        Buf piece = buf_new(&arena, KIB);
        Buf line = buf_new(&arena, KIB);
        snprintf(unit_row, sizeof(unit_row), "visible row %d", i);
        term_add_visible(&piece, rows[i].text);
        term_add_line(&line, rows[i].text);
        CHECK_STR(buf_str(&piece), rows[i].piece);
        CHECK_STR(buf_str(&line), rows[i].line);
        CHECK_INT(term_width(rows[i].text), term_width(rows[i].piece));
        for (int n = 0; n < 12; n++) {
            Str head = term_clip(rows[i].text, n);
            CHECK(term_width(head) <= n);
        }
    }
    arena_free(&arena);
}

static void test_err_rows(void)
{
    static Err err;
    char name[KIB];
    err = (Err){0};
    memset(name, 'n', sizeof(name));
    unit_at(S("rows of an error"));
    err_set(&err, EXIT_CONFIG, "list");
    for (int i = 0; i < 2; i++)
        CHECK(!err_row(&err, "row %d", i));
    CHECK_INT(err.rows, 2);
    CHECK(!strcmp(err.row, "row 0") && !strcmp(err.row + 6, "row 1"));
    for (int i = 0; i < 4; i++)
        err_row(&err, "%.*s", (int)sizeof(name), name);
    err_row(&err, "short");
    CHECK_INT(err.rows, 4);
    CHECK_INT(err.rows_left_out, 3);
}

/* From here on stderr is a pipe; unit_caught() ends that. */
static int unit_stderr = -1;
static int unit_pipe[2];

static void unit_catch(void)
{
    unit_stderr = dup(STDERR_FILENO);
    if (pipe2(unit_pipe, O_NONBLOCK | O_CLOEXEC) ||
        dup2(unit_pipe[1], STDERR_FILENO) < 0)
        abort();
}

/* What went to stderr since unit_catch(). */
static Str unit_caught(Arena *arena)
{
    char *text = arena_alloc(arena, 64L * KIB);
    dup2(unit_stderr, STDERR_FILENO);
    close(unit_stderr);
    close(unit_pipe[1]);
    ssize_t n = read(unit_pipe[0], text, 64L * KIB);
    close(unit_pipe[0]);
    return (Str){text, n < 0 ? 0 : n};
}

static void test_term_talk(void)
{
    static const Str rows[][2] = {
        {L("nothing"), L("nothing\n")},
        {L("a secret-key-0123456789 b"), L("a [hidden] b\n")},
        {L("secret-key-0123456789"), L("[hidden]\n")},
        {L("secret-key-0123456789secret-key-0123456789"),
         L("[hidden][hidden]\n")},
        {L("other-secret-9 secret-key-0123456789"), L("[hidden] [hidden]\n")},
        /* cut at the end of the line */
        {L("key: secret-key-01"), L("key: [hidden]\n")},
        {L("key: secret-key-012 b"), L("key: [hidden] b\n")},
        {L("key: secret-"), L("key: secret-\n")},
        /* one secret is the head of another */
        {L("other-secret-9-and-more"), L("[hidden]\n")},
        {L("short-1"), L("short-1\n")},
        {L("\x1b[2J\x9b secret-key-0123456789"),
         L("\\u001b[2J\\x9b [hidden]\n")},
    };
    static Term term;
    Arena arena = {0};
    term.arena = &arena;
    term_hide(&term, secret_from(S("secret-key-0123456789")));
    term_hide(&term, secret_from(S("secret-key-0123456789")));
    term_hide(&term, secret_from(S("other-secret-9")));
    term_hide(&term, secret_from(S("other-secret-9-and-more")));
    term_hide(&term, secret_from(S("short-1")));
    unit_at(S("secrets"));
    CHECK_INT(term.secrets, 3);
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(rows[i][0]);
        unit_catch();
        term_say(&term, "%.*s", P(rows[i][0]));
        CHECK_STR(unit_caught(&arena), rows[i][1]);
    }
    arena_free(&arena);
}

/* A message that was cut in the middle of a secret, as main says it. */
static void test_term_cut_error(void)
{
    static Term term;
    Arena arena = {0};
    Err err = {0};
    Str secret = S("CiRuYTEtMDEyMzQ1Njc4OWFiY2RlZg");
    unit_at(S("a secret cut by the end of an error's message"));
    term.arena = &arena;
    term_hide(&term, secret_from(secret));
    Str pad = unit_repeat(&arena, S("x"), (int)sizeof(err.message) - 21);
    err_set(&err, EXIT_CONFIG, "%.*s%.*s", P(pad), P(secret));
    unit_catch();
    term_error(&term, &err);
    Str shown = unit_caught(&arena);
    CHECK_INT(str_find(shown, str_slice(secret, 0, 8)), -1);
    unit_at(S("a secret cut by the end of a line"));
    pad = unit_repeat(&arena, S("y"), 4 * KIB - 22);
    unit_catch();
    term_say(&term, "%.*s%.*s", P(pad), P(secret));
    shown = unit_caught(&arena);
    CHECK(str_ends(shown, S("\n")));
    CHECK_INT(str_find(shown, str_slice(secret, 0, 8)), -1);
    arena_free(&arena);
}

static void test_term_foreign(void)
{
    static Term term;
    unit_at(S("foreign output"));
    term.out_terminal = true;
    term_out_foreign(&term, S("a\x1b[\n\t\x7f \xc3\xbc\xc2"));
    term_out_foreign(&term, S("\x9b."));
    CHECK_STR(((Str){term.out, term.out_len}),
              S("a\\u001b[\n\t\\u007f \xc3\xbc\\u009b."));
    term.out_len = 0;
    term_out_foreign(&term, S("\x9b[\xe4\xb8"));
    term_out_foreign(&term, S("\x80\x9b\xf0\x9f\x8e\x88\x88\xff\x9b\xe4.\x9b"));
    CHECK_STR(
        ((Str){term.out, term.out_len}),
        S("\\x9b[\xe4\xb8\x80\\x9b\xf0\x9f\x8e\x88\\x88\\xff\\x9b\\xe4.\\x9b"));
    term.out_len = 0;
    term_out_foreign(&term, S("\xe2\x80\xae\xe2\x80"));
    term_out_character(&term);
    CHECK_STR(((Str){term.out, term.out_len}), S("\\u202e\\xe2\\x80"));
    term.out_len = 0;
    term.out_terminal = false;
    term_out_foreign(&term, S("a\x1b[\xc2\x9b"));
    CHECK_STR(((Str){term.out, term.out_len}), S("a\x1b[\xc2\x9b"));
}

static void test_term_width(void)
{
    unit_at(S("width"));
    CHECK_INT(term_width(S("abc")), 3);
    CHECK_INT(term_width(S("\xe6\xbc\xa2")), 2);
    CHECK_INT(term_width(S("e\xcc\x81")), 1);
    CHECK_INT(term_width(S("\xff")), 4);
    CHECK_INT(term_width(S("\n\xe2\x80\xae##[x]")), 2 + 6 + 6 + 4);
    CHECK_STR(term_clip(S("a\xe6\xbc\xa2z"), 2), S("a"));
    CHECK_STR(term_clip(S("a\xe6\xbc\xa2z"), 3), S("a\xe6\xbc\xa2"));
    CHECK_STR(term_clip(S("abc"), 0), S(""));
    CHECK_STR(term_clip(S("abc"), -1), S(""));
}

/* Feeds bytes to a prompt's line as the terminal would send them; gives the
 * key that ended it. */
static Key unit_type(Line *line, Str bytes)
{
    static Term term;
    Ask ask = {.term = &term};
    Key key = KEY_NONE;
    memcpy(ask.bytes, bytes.ptr, (size_t)bytes.len);
    ask.len = (int)bytes.len;
    while (ask.at < ask.len) {
        key = ask_key(&ask);
        if (key == KEY_ENTER || key == KEY_EOF || key == KEY_STOP)
            break;
        ask_line_edit(line, key, ask.text);
    }
    return key;
}

static void test_ask_line(void)
{
    static const struct {
        Str keys;
        Str text;
        int at;
    } rows[] = {
        {L("abc"), L("abc"), 3},
        {L("abc\x7f\x08"), L("a"), 1},
        {L("\x7f\x7f"), L(""), 0},
        {L("abc\x02\x02x"), L("axbc"), 2},
        {L("abc\x1b[D\x1b[D\x1b[3~"), L("ac"), 1},
        {L("abc\x1b[3~"), L("abc"), 3},
        {L("abc\x01x\x05z"), L("xabcz"), 5},
        {L("abc\x1b[Hx\x1b[Fz"), L("xabcz"), 5},
        {L("abc\x1bOHx\x1bOFz"), L("xabcz"), 5},
        {L("abc\x1b[1~x\x1b[4~z"), L("xabcz"), 5},
        {L("abc\x02\x0b"), L("ab"), 2},
        {L("abc\x02\x15"), L("c"), 0},
        {L("one two  \x17"), L("one "), 4},
        {L("one\x17\x17"), L(""), 0},
        {L("\x1b[D\x1b[D\x1b[Cx"), L("x"), 1},
        /* characters of more than one byte */
        {L("\xc3\xbc\xe2\x82\xac\x7f"), L("\xc3\xbc"), 2},
        {L("\xc3\xbc\xe2\x82\xac\x02\x02x"), L("x\xc3\xbc\xe2\x82\xac"), 1},
        {L("\xc3\xbc\xe2\x82\xac\x01\x06\x1b[3~"), L("\xc3\xbc"), 2},
        {L("\xf0\x9f\x98\x80\x02\x1b[3~"), L(""), 0},
        /* what combines goes with its character */
        {L("ae\xcc\x81\x7f"), L("a"), 1},
        {L("ae\xcc\x81\xcc\xa3\x02x"), L("axe\xcc\x81\xcc\xa3"), 2},
        {L("e\xcc\x81"
           "b\x01\x06x"),
         L("e\xcc\x81"
           "xb"),
         4},
        {L("e\xcc\x81"
           "b\x01\x1b[3~"),
         L("b"), 0},
        {L("\xcc\x81x\x7f\x7f"), L(""), 0},
        {L("\xe6\xbc\xa2\xe5\xad\x97\x02\x7f"), L("\xe5\xad\x97"), 0},
        /* what no prompt knows */
        {L("a\x1b[1;5Cb"), L("ab"), 2},
        {L("a\x1b[15~b"), L("ab"), 2},
        {L("a\x1bxb"), L("ab"), 2},
        {L("a\x03\x0c\x1c"), L("a"), 1},
        /* paste: line breaks do not answer, control bytes are no keys */
        {L("\x1b[200~a\rb\nc\x1b[201~d"), L("abcd"), 4},
        {L("\x1b[200~\x15\x04x\x1b[201~"), L("x"), 1},
    };
    Line line;
    for (int i = 0; i < COUNT(rows); i++) {
        snprintf(unit_row, sizeof(unit_row), "line row %d", i);
        memset(&line, 0, sizeof(line));
        unit_type(&line, rows[i].keys);
        CHECK_STR(((Str){line.text, line.len}), rows[i].text);
        CHECK_INT(line.at, rows[i].at);
    }
    unit_at(S("a full line"));
    memset(&line, 0, sizeof(line));
    for (int i = 0; i < ASK_MAX + 10; i++)
        ask_line_edit(&line, KEY_TEXT, 'x');
    CHECK_INT(line.len, ASK_MAX);
    ask_line_edit(&line, KEY_CUT_LINE, 0);
    CHECK_INT(line.len, 0);
}

static void test_ask_keys(void)
{
    static const struct {
        Str bytes;
        Key key;
    } rows[] = {
        {L("\r"), KEY_ENTER},
        {L("\n"), KEY_ENTER},
        {L("\x04"), KEY_EOF},
        {L("\x1b[A"), KEY_UP},
        {L("\x1bOA"), KEY_UP},
        {L("\x1b[B"), KEY_DOWN},
        {L("\x10"), KEY_UP},
        {L("\x0e"), KEY_DOWN},
        {L("\x1b[5~"), KEY_PAGE_UP},
        {L("\x1b[6~"), KEY_PAGE_DOWN},
        {L("\x1b[7~"), KEY_HOME},
        {L("\x1b[8~"), KEY_END},
        {L("\x1b"), KEY_ESCAPE},
        {L("\x1b["), KEY_NONE},
        {L("\x1b[9"), KEY_NONE},
        {L(""), KEY_STOP},
        {L("\x1b[123456789012345678901~"), KEY_NONE},
    };
    static Term term;
    for (int i = 0; i < COUNT(rows); i++) {
        Ask ask = {.term = &term};
        memcpy(ask.bytes, rows[i].bytes.ptr, (size_t)rows[i].bytes.len);
        ask.len = (int)rows[i].bytes.len;
        snprintf(unit_row, sizeof(unit_row), "key row %d", i);
        CHECK_INT(ask_key(&ask), rows[i].key);
    }
}

/* Plays keys on a list: capitals stand for those that are no text. */
static void unit_choose(Choice *choice, const char *keys)
{
    static const struct {
        char name;
        Key key;
    } known[] = {
        {'U', KEY_UP},     {'D', KEY_DOWN},      {'H', KEY_HOME},
        {'E', KEY_END},    {'P', KEY_PAGE_UP},   {'N', KEY_PAGE_DOWN},
        {'X', KEY_ESCAPE}, {'B', KEY_BACKSPACE}, {'C', KEY_CUT_LINE},
    };
    for (; *keys; keys++) {
        Key key = KEY_TEXT;
        for (int i = 0; i < COUNT(known); i++)
            if (known[i].name == *keys)
                key = known[i].key;
        ask_choice_key(choice, key, *keys);
    }
}

static void test_ask_choice(void)
{
    static const struct {
        const char *keys;
        int matches;
        int at;
    } rows[] = {
        {"", 3, 0},    {"U", 3, 2},  {"UD", 3, 0},  {"D", 3, 1},
        {"DDU", 3, 1}, {"E", 3, 2},  {"EH", 3, 0},  {"N", 3, 2},
        {"NP", 3, 0},  {"m", 1, 0},  {"mx", 0, 0},  {"mxUEN", 0, 0},
        {"mxC", 3, 0}, {"mC", 3, 2}, {"mX", 3, 2},  {"mBD", 3, 0},
        {"et", 1, 0},  {" ", 3, 0},  {"j", 0, 0},   {"/j", 0, 0},
        {"/BD", 3, 1}, {"ta", 1, 0}, {"Det", 1, 0}, {"et a", 0, 0},
    };
    AskItem items[] = {
        {.label = S("alpha")}, {.label = S("beta")}, {.label = S("gamma")}};
    int shown[3];
    static Choice choice;
    for (int i = 0; i < COUNT(rows); i++) {
        choice = (Choice){.items = items, .count = 3, .shown = shown};
        choice.page = 3;
        snprintf(unit_row, sizeof(unit_row), "choice: %s", rows[i].keys);
        ask_choice_filter(&choice);
        unit_choose(&choice, rows[i].keys);
        CHECK_INT(choice.matches, rows[i].matches);
        CHECK_INT(choice.at, rows[i].at);
        CHECK_INT(ask_choice_chosen(&choice), 0);
    }
}

/* Which entries of a checkbox are chosen: "x" each, "-" where fixed. */
static void test_ask_checkbox(void)
{
    static const struct {
        const char *keys;
        const char *chosen;
    } rows[] = {
        {"", ".x-."},     {" ", "xx-."},       {"  ", ".x-."},
        {"j ", "..-."},   {"a", "xx-x"},       {"aa", "..-."},
        {"i", "x.-x"},    {"ii", ".x-."},      {"jj ", ".x-."},
        {"E ", ".x-x"},   {"/delta ", ".x-x"}, {"/aX ", "xx-."},
        {"/aBa", "xx-x"}, {"/ai", ".x-."},     {"zq", ".x-."},
    };
    int shown[4];
    static Choice choice;
    AskItem items[4]; /* they outlive the loop in `choice` */
    for (int i = 0; i < COUNT(rows); i++) {
        items[0] = (AskItem){.label = S("alpha")};
        items[1] = (AskItem){.label = S("beta"), .chosen = true};
        items[2] = (AskItem){.label = S("gamma"), .fixed = "linked already"};
        items[3] = (AskItem){.label = S("delta")};
        char chosen[5] = "....";
        choice = (Choice){.items = items, .count = 4, .shown = shown};
        choice.many = true;
        choice.page = 4;
        snprintf(unit_row, sizeof(unit_row), "checkbox: %s", rows[i].keys);
        ask_choice_filter(&choice);
        unit_choose(&choice, rows[i].keys);
        for (int k = 0; k < 4; k++)
            chosen[k] = items[k].fixed ? '-' : items[k].chosen ? 'x' : '.';
        CHECK_STR(str_from(chosen), str_from(rows[i].chosen));
        CHECK(!items[2].chosen);
    }
    unit_at(S("the notices of a checkbox"));
    unit_choose(&choice, "XjX");
    CHECK(!choice.notice);
    choice.at = 2;
    unit_choose(&choice, " ");
    CHECK_STR(str_from(choice.notice), S("linked already"));
    ask_choice_key(&choice, KEY_NONE, 0);
    CHECK(choice.notice != NULL);
    unit_choose(&choice, "j");
    CHECK(!choice.notice);
}

static void test_ask_numbers(void)
{
    static const struct {
        Str answer;
        const char *many; /* what it chooses in a checkbox; "" is refused */
        const char *one;
    } rows[] = {
        {L("1"), "x.-.", "x..."},
        {L("4"), "..-x", "...x"},
        {L("1,4"), "x.-x", ""},
        {L("1 4"), "x.-x", ""},
        {L("4, 1,"), "x.-x", ""},
        {L("1,1"), "x.-.", ""},
        {L("all"), "xx-x", ""},
        {L("ALL"), "xx-x", ""},
        {L("none"), "", ""},
        {L(""), "", ""},
        {L(","), "", ""},
        {L("0"), "", ""},
        {L("5"), "", ""},
        {L("-1"), "", ""},
        {L("3"), "", "..x."},
        {L("1,3"), "", ""},
        {L("1 x"), "", ""},
        {L("1.5"), "", ""},
        {L("99999999999999999999"), "", ""},
    };
    for (int i = 0; i < COUNT(rows) * 2; i++) {
        bool many = i % 2;
        const char *want = many ? rows[i / 2].many : rows[i / 2].one;
        AskItem items[4] = {{.chosen = false}};
        Choice *choice = calloc(1, sizeof(*choice));
        char chosen[5] = "";
        snprintf(unit_row, sizeof(unit_row), "numbers row %d", i);
        items[2].fixed = many ? "linked already" : NULL;
        choice->items = items;
        choice->count = 4;
        choice->many = many;
        bool ok = ask_choice_parse(choice, rows[i / 2].answer);
        for (int k = 0; k < 4; k++)
            chosen[k] = items[k].fixed ? '-' : items[k].chosen ? 'x' : '.';
        CHECK_INT(ok, want[0] != 0);
        CHECK_STR(str_from(chosen), str_from(ok     ? want
                                             : many ? "..-."
                                                    : "...."));
        free(choice);
    }
}

static void test_ask_page(void)
{
    static const struct {
        int matches, at, first, page, want;
    } rows[] = {
        {3, 0, 0, 10, 0},     {3, 2, 0, 10, 0},   {30, 0, 0, 10, 0},
        {30, 8, 0, 10, 0},    {30, 9, 0, 10, 1},  {30, 29, 0, 10, 20},
        {30, 20, 20, 10, 19}, {30, 0, 20, 10, 0}, {30, 5, 20, 1, 5},
        {30, 5, 0, 2, 4},     {30, 5, 0, 3, 4},   {0, 0, 5, 10, 0},
        {4, 3, 20, 10, 0},
    };
    static Choice choice;
    for (int i = 0; i < COUNT(rows); i++) {
        snprintf(unit_row, sizeof(unit_row), "page row %d", i);
        choice.matches = rows[i].matches;
        choice.at = rows[i].at;
        choice.first = rows[i].first;
        choice.page = rows[i].page;
        CHECK_INT(ask_choice_first(&choice), rows[i].want);
    }
}

/* Where the frame is after a resize, and the terminal's report about it. */
static void test_ask_resize(void)
{
    static const struct {
        Str bytes;
        int column;
        Str left;
    } rows[] = {
        {L("\x1b[7;12R"), 12, L("")},
        {L("ab\x1b[7;12Rc\x1b[A"), 12, L("abc\x1b[A")},
        {L("\x1b[A\x1b[1;1R"), 1, L("\x1b[A")},
        {L("\x1b[7;12"), 0, L("\x1b[7;12")},
        {L("R\x1b[R"), 0, L("R\x1b[R")},
        {L("\x1b[1;0R"), 0, L("\x1b[1;0R")},
        {L("\x1b[1;999999999999R"), 0, L("\x1b[1;999999999999R")},
        {L(""), 0, L("")},
    };
    unit_at(S("rows above the cursor"));
    CHECK_INT(ask_rows_above(45, 20, 6), 2);
    CHECK_INT(ask_rows_above(45, 20, 20), 0);
    CHECK_INT(ask_rows_above(45, 20, 0), 0);
    CHECK_INT(ask_rows_above(40, 20, 1), 2);
    CHECK_INT(ask_rows_above(40, 20, 20), 1);
    CHECK_INT(ask_rows_above(20, 20, 20), 0);
    for (int i = 0; i < COUNT(rows); i++) {
        Ask ask = {.len = (int)rows[i].bytes.len};
        snprintf(unit_row, sizeof(unit_row), "report row %d", i);
        memcpy(ask.bytes, rows[i].bytes.ptr, (size_t)rows[i].bytes.len);
        CHECK_INT(ask_take_report(&ask), rows[i].column);
        CHECK_STR(((Str){ask.bytes, ask.len}), rows[i].left);
    }
}

/* The first row of a frame: nothing of it is wider than it may be, and the
 * cursor stands beside the text before it. */
static void test_ask_frame(void)
{
    static Term term;
    static Line line;
    Ask ask = {.term = &term};
    Str text = S("ab\xe6\xbc\xa2"
                 "e\xcc\x81"
                 "cdefghij\xe6\xbc\xa2\xe6\xbc\xa2klm\xff");
    memcpy(line.text, text.ptr, (size_t)text.len);
    line.len = (int)text.len;
    for (int columns = 1; columns < 60; columns++) {
        for (int at = 0; at <= line.len; at = ask_line_step(&line, at, 1)) {
            for (int masked = 0; masked < 2; masked++) {
                Frame frame;
                snprintf(unit_row, sizeof(unit_row), "%d columns, at %d",
                         columns, at);
                line.at = at;
                ask_frame_begin(&frame, &ask);
                frame.columns = frame.left = columns;
                frame.out.len = 0;
                ask.masked = masked;
                ask.whole_question = S("Q\xc3\xbc:");
                ask_begin_question(&ask);
                int column = ask_frame_line(&frame, &ask, &line);
                Str row = buf_str(&frame.out);
                while (str_index(row, '\n') >= 0)
                    str_cut(&row, '\n');
                CHECK(term_width(row) <= columns);
                CHECK(column >= 0 && column <= columns);
                CHECK_INT(term_width(row), columns - frame.left);
                arena_free(&frame.arena);
            }
            if (at == line.len)
                break;
        }
    }
}

/* ---- 04 JSON ------------------------------------------------------------ */

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

/* What `text` comes out as, fed in pieces that end at `a` and `b`. */
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
    CHECK_STR(str_from(err.message), S("not valid JSON: line 2, column 7"));
    err = (Err){0};
    json_validate(S("[1"), 0, &err);
    CHECK_STR(str_from(err.message), S("not valid JSON: it ends too early"));
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

/* Numbers stand in documents' order, whatever lies between them. */
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

/* ---- 05 YAML ------------------------------------------------------------ */

/* Do two trees mean the same, with the same names, tags and kinds of style?
 * The first difference is named in `why`. */
static bool unit_same_name(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static bool unit_same(const YamlNode *a, const YamlNode *b, const char **why)
{
    if (!a || !b) {
        *why = "one ends";
        return a == b;
    }
    if (yaml_is_null(a) && yaml_is_null(b) &&
        unit_same_name(yaml_anchor(a), yaml_anchor(b)))
        return true; /* `null`, `~` and nothing are the same */
    Str text_a = a->kind == YAML_TEXT ? a->text : (Str){0};
    Str text_b = b->kind == YAML_TEXT ? b->text : (Str){0};
    bool text = yaml_reads_as_text(text_a);
    bool plain_a = a->style == YAML_PLAIN_SCALAR_STYLE && !text;
    bool plain_b = b->style == YAML_PLAIN_SCALAR_STYLE && !text;
    *why = a->kind != b->kind                                ? "kind"
           : !str_eq(text_a, text_b)                         ? "text"
           : !unit_same_name(yaml_tag(a), yaml_tag(b))       ? "tag"
           : !unit_same_name(yaml_anchor(a), yaml_anchor(b)) ? "anchor"
           : a->count != b->count                            ? "count"
           : a->flow != b->flow && a->count                  ? "flow"
           : a->kind == YAML_TEXT && !yaml_tag(a) && plain_a != plain_b ? "type"
           : yaml_is_null(a) != yaml_is_null(b)                         ? "null"
                                                                        : NULL;
    if (*why)
        return false;
    if (a->kind == YAML_ALIAS) {
        *why = "alias";
        return unit_same_name(yaml_anchor(a->target), yaml_anchor(b->target));
    }
    if (a->kind == YAML_TEXT)
        return true;
    const YamlNode *x = a->first;
    const YamlNode *y = b->first;
    for (; x && y; x = x->next, y = y->next)
        if ((a->kind == YAML_MAP && !unit_same(x->key, y->key, why)) ||
            !unit_same(x, y, why))
            return false;
    *why = "count";
    return !x && !y;
}

/* Reads, writes, reads again: the same tree; writes again: the same text. */
static void unit_yaml_round(Str text)
{
    Arena arena = {0};
    Err err = {0};
    YamlNode *first = NULL;
    YamlNode *second = NULL;
    Str once = {0};
    Str twice = {0};
    const char *why = NULL;
    unit_at(text);
    bool ok = yaml_read(&arena, text, &first, &err);
    CHECK(ok);
    if (ok && first) {
        CHECK(yaml_write(&arena, first, &once));
        ok = yaml_read(&arena, once, &second, &err);
        CHECK(ok);
        bool same = unit_same(first, second, &why);
        CHECK(same);
        if (!ok || !same)
            printf("    differs in: %s\n    written: %.*s\n",
                   ok ? why : err.message, P(once));
        CHECK(yaml_write(&arena, second, &twice));
        CHECK_STR(twice, once);
    }
    arena_free(&arena);
}

static void test_yaml_round_trip(void)
{
    static const Str documents[] = {
        L("a: 1\n"),
        L("defaultAccount: 123456\naccounts:\n  - name: my-portal\n"
          "    accountId: 123456\n    env: prod\n"
          "    authType: personalaccesskey\n    personalAccessKey: >-\n"
          "      CiRuYTEtMDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6\n"
          "    auth:\n      tokenInfo:\n        accessToken: >-\n"
          "          CJjk\n        expiresAt: '2026-11-23T19:30:00.000Z'\n"),
        L("defaultPortal: x\nportals:\n- portalId: 1\n  name: x\n"),
        L("a:\nb: ~\nc: null\nd: ''\ne: \"\"\n"),
        L("a: 'it''s'\nb: \"tab\\t nl\\n nul\\0 \\u263a\"\nc: \xe2\x98\xba\n"),
        L("yes: no\non: off\n'1': '2'\n"),
        L("a: &x 1\nb: *x\n"),
        L("base: &b {x: 1, y: [1, 2]}\nc:\n  <<: *b\n  z: 3\n"),
        L("one: &o {a: 1}\ntwo: &t {b: 2}\nall:\n  <<: [*o, *t]\n"),
        L("- &a x\n- *a\n- &a y\n- *a\n"),
        L("a: !!str 1\nb: !custom x\nc: !!map {}\nd: ! y\n"),
        L("%TAG !e! tag:example.com,2026:\n---\na: !e!thing [1]\n"),
        L("a: !<tag:example.com,2026:x> 1\n"),
        L("a: |\n  one\n  two\nb: |-\n  one\n\n  two\nc: |+\n  one\n\n"),
        L("a: >\n  folded\n  text\n\n  second\nb: >-\n  folded\n"),
        L("a: |2\n    indented\n  text\n"),
        L("a: {}\nb: []\nc: {d: {}}\n"),
        L("a: [1, [2, {b: c}], 'd', \"e\"]\n"),
        L("a: {b: , c: 1}\n"),
        L("a: [~, null, '']\n"),
        L("a: plain\n  over lines\n"),
        L("a: 'quoted\n  over lines'\n"),
        L("'key with: colon': 1\n\"# no comment\": 2\n"),
        L("? long key\n: 1\n"),
        L("a: '- x'\nb: '[1]'\nc: '{a}'\nd: '&x'\ne: '*x'\nf: '!x'\ng: '%x'\n"
          "h: '@x'\ni: '`x'\nj: '# x'\nk: 'a # b'\nl: 'a: b'\nm: ' x '\n"),
        L("- - - a\n    - b\n  - c\n- d\n"),
        L("just text\n"),
        L("--- |\n literal\n"),
        L("# only a comment\na: 1 # and another\n"),
        L("\xef\xbb\xbf"
          "a: 1\n"),
        L("a: 1\r\nb: 2\r\n"),
        L("--- \na: 1\n...\n"),
        L("a: \"\\x7f\\x85\\u2028\\ufeff\"\n"),
        L("a: \"x\\ry\"\nb: \"  \"\n"),
        L("a: \xf0\x9f\x98\x80\n"),
    };
    for (int i = 0; i < COUNT(documents); i++)
        unit_yaml_round(documents[i]);
}

/* A fault, and the line that it names. */
static void test_yaml_faults(void)
{
    static const struct {
        Str text;
        Str message;
    } rows[] = {
        {L("a: 1\na: 2\n"), L("line 2: a key stands twice in one map")},
        {L("a: 1\n---\nb: 2\n"), L("line 2: a second document begins")},
        {L("a: &x\n  b: *x\n"), L("line 2: an alias stands inside its own "
                                  "anchor")},
        {L("&x [*x]\n"), L("line 1: an alias stands inside its own anchor")},
        {L("a: 1\nb: *none\n"), L("line 2: an alias names no anchor")},
        {L("a: 1\n? [x]\n: 1\n"), L("line 2: a key must be plain text")},
        {L("a: &k x\n*k : 1\n"), L("line 2: a key must be plain text")},
        {L("a: 'open\n"), L("line 2: found unexpected end of stream")},
        {L("a: [1, 2\n"), L("line 2: did not find expected ',' or ']'")},
        {L("a:\n\t- x\n"), L("line 2: found character that cannot start any "
                             "token")},
        {L("a: 1\n b: 2\n"), L("line 2: mapping values are not allowed in "
                               "this context")},
        {L("a: 1\nb: @x\n"), L("line 2: found character that cannot start "
                               "any token")},
        {L("a: 1\nb: \xff\n"), L("line 2: invalid leading UTF-8 octet")},
        {L("a: 1\nb: \x01\n"), L("line 2: control characters are not "
                                 "allowed")},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        Err err = {0};
        YamlNode *root = NULL;
        unit_at(rows[i].text);
        CHECK(!yaml_read(&arena, rows[i].text, &root, &err));
        CHECK_INT(err.code, EXIT_CONFIG);
        CHECK_STR(str_from(err.message), rows[i].message);
        arena_free(&arena);
    }
}

static void unit_yaml_limit(const char *row, Str text, const char *fault)
{
    Arena arena = {0};
    Err err = {0};
    YamlNode *root = NULL;
    unit_at(str_from(row));
    CHECK_INT(yaml_read(&arena, text, &root, &err), !fault);
    CHECK(!fault || str_ends(str_from(err.message), str_from(fault)));
    arena_free(&arena);
}

static void test_yaml_limits(void)
{
    Arena arena = {0};
    Str open = unit_repeat(&arena, S("["), YAML_DEPTH + 1);
    Str close = unit_repeat(&arena, S("]"), YAML_DEPTH + 1);
    Str deep = arena_printf(&arena, "%.*s%.*s",
                            P(str_slice(open, 0, YAML_DEPTH)),
                            P(str_slice(close, 0, YAML_DEPTH)));
    unit_yaml_limit("64 levels", deep, NULL);
    unit_yaml_limit("65 levels", arena_printf(&arena, "[%.*s]", P(deep)),
                    "nested too deeply");
    unit_yaml_limit("a million brackets",
                    unit_repeat(&arena, S("["), 1000 * 1000),
                    "nested too deeply");
    unit_yaml_limit("1 MiB",
                    arena_printf(&arena, "a: %.*s",
                                 P(unit_repeat(&arena, S("x"), MIB - 3))),
                    NULL);
    unit_yaml_limit("1 MiB and a byte",
                    arena_printf(&arena, "a: %.*s",
                                 P(unit_repeat(&arena, S("x"), MIB - 2))),
                    "larger than 1 MiB");
    unit_yaml_limit("99999 values", unit_repeat(&arena, S("- x\n"), 99999),
                    NULL);
    unit_yaml_limit("100000 values", unit_repeat(&arena, S("- x\n"), 100000),
                    "too many values");
    Buf map = buf_new(&arena, MIB);
    for (int i = 0; i < YAML_ENTRIES; i++)
        buf_printf(&map, "k%d: 1\n", i);
    unit_yaml_limit("10000 entries", buf_str(&map), NULL);
    buf_add(&map, S("more: 1\n"));
    unit_yaml_limit("10001 entries", buf_str(&map), "too many entries");
    unit_yaml_limit("a billion laughs",
                    S("a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\n"),
                    NULL);
    unit_yaml_limit("empty", S(""), NULL);
    arena_free(&arena);
}

/* A string that we write is read back as just that string, and is quoted
 * where another reader would see another type. */
static void test_yaml_quoting(void)
{
    static const struct {
        Str text;
        Str written; /* of {k: text}; empty: only the round trip counts */
        bool as_text;
    } rows[] = {
        {L("my-portal"), L("k: my-portal\n"), true},
        {L("a b"), L("k: a b\n"), true},
        {L(""), L("k: ''\n"), false},
        {L("123"), L("k: '123'\n"), false},
        {L("0x1f"), L("k: '0x1f'\n"), false},
        {L("1e3"), L("k: '1e3'\n"), false},
        {L(".5"), L("k: '.5'\n"), false},
        {L(".inf"), L("k: '.inf'\n"), false},
        {L(".NaN"), L("k: '.NaN'\n"), false},
        {L("-1"), L("k: '-1'\n"), false},
        {L("+1"), L("k: '+1'\n"), false},
        {L("2026-11-23"), L("k: '2026-11-23'\n"), false},
        {L("2026-11-23T19:30:00.000Z"), L("k: '2026-11-23T19:30:00.000Z'\n"),
         false},
        {L("null"), L("k: 'null'\n"), false},
        {L("NULL"), L("k: 'NULL'\n"), false},
        {L("~"), L("k: '~'\n"), false},
        {L("true"), L("k: 'true'\n"), false},
        {L("False"), L("k: 'False'\n"), false},
        {L("yes"), L("k: 'yes'\n"), false},
        {L("NO"), L("k: 'NO'\n"), false},
        {L("on"), L("k: 'on'\n"), false},
        {L("Off"), L("k: 'Off'\n"), false},
        {L("y"), L("k: 'y'\n"), false},
        {L("N"), L("k: 'N'\n"), false},
        {L("<<"), L("k: '<<'\n"), false},
        {L("="), L("k: '='\n"), false},
        {L("nullable"), L("k: nullable\n"), true},
        {L("truely"), L("k: truely\n"), true},
        {L("a: b"), L("k: 'a: b'\n"), true},
        {L("a:"), L("k: 'a:'\n"), true},
        {L("a #b"), L("k: 'a #b'\n"), true},
        {L("#a"), L("k: '#a'\n"), true},
        {L("[a]"), L("k: '[a]'\n"), true},
        {L("{a}"), L("k: '{a}'\n"), true},
        {L("&a"), L("k: '&a'\n"), true},
        {L("*a"), L("k: '*a'\n"), true},
        {L("!a"), L("k: '!a'\n"), true},
        {L("|"), L("k: '|'\n"), true},
        {L(">"), L("k: '>'\n"), true},
        {L("%a"), L("k: '%a'\n"), true},
        {L("@a"), L("k: '@a'\n"), true},
        {L("'a'"), L("k: '''a'''\n"), true},
        {L("\"a\""), L("k: '\"a\"'\n"), true},
        {L("- a"), L("k: '- a'\n"), false},
        {L("---"), L("k: '---'\n"), false},
        {L(" a "), L("k: ' a '\n"), true},
        {L("\xc3\xbc"), L("k: \xc3\xbc\n"), true},
        {L("a\nb"), L(""), true},
        {L("a\n"), L(""), true},
        {L("\n"), L(""), true},
        {L("a\tb"), L(""), true},
        {L("\x01"), L(""), true},
        {L("\x7f"), L(""), true},
        {L("a\0b"), L(""), true},
        {L("\r"), L(""), true},
        {L("\xc2\x85"), L(""), true},
        {L("\xe2\x80\xa8"), L(""), true},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        Err err = {0};
        Str out = {0};
        YamlNode *map = yaml_new(&arena, YAML_MAP);
        YamlNode *back = NULL;
        unit_at(rows[i].text);
        CHECK_INT(yaml_reads_as_text(rows[i].text), rows[i].as_text);
        yaml_set(&arena, map, "k", yaml_new_text(&arena, rows[i].text));
        CHECK(yaml_write(&arena, map, &out));
        if (rows[i].written.len)
            CHECK_STR(out, rows[i].written);
        CHECK(yaml_read(&arena, out, &back, &err));
        YamlNode *value = yaml_get(back, "k");
        CHECK(value && value->kind == YAML_TEXT && !yaml_is_null(value));
        CHECK_STR(value ? value->text : S("?"), rows[i].text);
        arena_free(&arena);
    }
}

/* Long strings are folded blocks; they too come back as they were. */
static void test_yaml_long_text(void)
{
    static const Str tails[] = {
        L(""),     L("\t"),        L("\r"),
        L("\rx"),  L("\xc2\x85x"), L("\xe2\x80\xa8x"),
        L("\x01"), L("\xc3\xbc"),  L(" x"),
        L("\nx"),  L("\n"),        L(": #"),
    };
    for (int i = 0; i < 2 * COUNT(tails); i++) {
        Arena arena = {0};
        Err err = {0};
        Str out = {0};
        Str pad = unit_repeat(&arena, S("x"), 100);
        Str tail = tails[i / 2];
        Str text = arena_printf(&arena, "%.*s%.*s", P(i % 2 ? tail : pad),
                                P(i % 2 ? pad : tail));
        YamlNode *map = yaml_new(&arena, YAML_MAP);
        YamlNode *back = NULL;
        snprintf(unit_row, sizeof(unit_row), "long text %d", i);
        yaml_set(&arena, map, "k", yaml_new_text(&arena, text));
        CHECK(yaml_write(&arena, map, &out));
        CHECK(yaml_read(&arena, out, &back, &err));
        CHECK_STR(yaml_text(yaml_get(back, "k")), text);
        if (i == 0)
            CHECK_STR(out, arena_printf(&arena, "k: >-\n  %.*s\n", P(pad)));
        arena_free(&arena);
    }
}

static void test_yaml_set(void)
{
    Arena arena = {0};
    Err err = {0};
    Str out = {0};
    YamlNode *root = NULL;
    unit_at(S("set in place"));
    CHECK(
        yaml_read(&arena, S("a: 1\n'b': {x: 1}\nc: three # c\n"), &root, &err));
    yaml_set(&arena, root, "b", yaml_new_int(&arena, -2));
    yaml_set(&arena, root, "d", yaml_new_text(&arena, S("new")));
    yaml_set(&arena, root, "c", yaml_new_text(&arena, S("3")));
    yaml_set(&arena, root, "a", yaml_new_int(&arena, 7));
    CHECK(yaml_write(&arena, root, &out));
    CHECK_STR(out, S("a: 7\n'b': -2\nc: '3'\nd: new\n"));
    CHECK_INT(root->count, 4);
    CHECK_STR(root->last->key->text, S("d"));
    unit_at(S("lost anchor"));
    CHECK(yaml_read(&arena, S("a: &x 1\nb: *x\n"), &root, &err));
    yaml_set(&arena, root, "a", yaml_new_int(&arena, 2));
    CHECK(!yaml_write(&arena, root, &out));
    arena_free(&arena);
}

static void test_yaml_get(void)
{
    Arena arena = {0};
    Err err = {0};
    YamlNode *root = NULL;
    unit_at(S("get"));
    CHECK(yaml_read(&arena,
                    S("base: &b {x: 1, y: 2}\nother: &o {x: 9, z: 3}\n"
                      "m:\n  <<: *b\n  y: own\nl:\n  <<: [*b, *o]\n"
                      "n: ~\ns: 'null'\ni: '12'\nneg: -3\nt: TRUE\n"),
                    &root, &err));
    const YamlNode *m = yaml_get(root, "m");
    const YamlNode *l = yaml_get(root, "l");
    CHECK_STR(yaml_text(yaml_get(m, "x")), S("1"));
    CHECK_STR(yaml_text(yaml_get(m, "y")), S("own"));
    CHECK_STR(yaml_text(yaml_get(l, "x")), S("1"));
    CHECK_STR(yaml_text(yaml_get(l, "z")), S("3"));
    CHECK(!yaml_get(m, "none") && !yaml_get(NULL, "x"));
    CHECK(!yaml_get(yaml_get(root, "i"), "x"));
    CHECK(yaml_is_null(yaml_get(root, "n")));
    CHECK(!yaml_is_null(yaml_get(root, "s")));
    CHECK_INT(yaml_int(yaml_get(root, "i")), 12);
    CHECK_INT(yaml_int(yaml_get(root, "neg")), -1);
    CHECK_INT(yaml_int(NULL), -1);
    CHECK(yaml_is_true(yaml_get(root, "t")));
    arena_free(&arena);
}

/* ---- 06 URL ------------------------------------------------------------- */

static void test_url_parse(void)
{
    static const struct {
        Str text;
        bool ok;
        Str host;
        int port;
        Str path;
        Str user;
    } rows[] = {
        {L("https://api.hubapi.com/a?b=c"), true, L("api.hubapi.com"), 443,
         L("/a?b=c"), L("")},
        {L("http://h"), true, L("h"), 80, L("/"), L("")},
        {L("HTTPS://H"), true, L("H"), 443, L("/"), L("")},
        {L("https://h:8443/x"), true, L("h"), 8443, L("/x"), L("")},
        {L("https://h:/x"), true, L("h"), 443, L("/x"), L("")},
        {L("https://h/x#frag"), true, L("h"), 443, L("/x"), L("")},
        {L("https://h#frag"), true, L("h"), 443, L("/"), L("")},
        {L("https://h?q=1"), true, L("h"), 443, L("?q=1"), L("")},
        {L("https://u:p@h/x"), true, L("h"), 443, L("/x"), L("u:p")},
        {L("https://a@b@h/x"), true, L("h"), 443, L("/x"), L("a@b")},
        {L("https://h/a@b"), true, L("h"), 443, L("/a@b"), L("")},
        {L("https://h?a@b"), true, L("h"), 443, L("?a@b"), L("")},
        {L("https://[::1]/x"), true, L("::1"), 443, L("/x"), L("")},
        {L("https://[::1]:8443"), true, L("::1"), 8443, L("/"), L("")},
        {L("socks5://p:1"), true, L("p"), 1, L("/"), L("")},
        {L("socks5h://p"), true, L("p"), 1080, L("/"), L("")},
        {L("https://h:65535"), true, L("h"), 65535, L("/"), L("")},
        {L(""), false, L(""), 0, L(""), L("")},
        {L("h/x"), false, L(""), 0, L(""), L("")},
        {L("://h"), false, L(""), 0, L(""), L("")},
        {L("https://"), false, L(""), 0, L(""), L("")},
        {L("https:///x"), false, L(""), 0, L(""), L("")},
        {L("https://:443/x"), false, L(""), 0, L(""), L("")},
        {L("https://u@/x"), false, L(""), 0, L(""), L("")},
        {L("https://h:0"), false, L(""), 0, L(""), L("")},
        {L("https://h:65536"), false, L(""), 0, L(""), L("")},
        {L("https://h:-1"), false, L(""), 0, L(""), L("")},
        {L("https://h:+80"), false, L(""), 0, L(""), L("")},
        {L("https://h:8x"), false, L(""), 0, L(""), L("")},
        {L("https://h:1:2"), false, L(""), 0, L(""), L("")},
        {L("https://[::1"), false, L(""), 0, L(""), L("")},
        {L("https://[::1]x"), false, L(""), 0, L(""), L("")},
        {L("https://[]"), false, L(""), 0, L(""), L("")},
        {L("https://a b/"), false, L(""), 0, L(""), L("")},
        {L("https://h\\@evil/"), true, L("evil"), 443, L("/"), L("h\\")},
        {L("https://h\\evil/"), false, L(""), 0, L(""), L("")},
        {L("https://h\r\nX: y/"), false, L(""), 0, L(""), L("")},
        {L("https://h\0.evil/"), false, L(""), 0, L(""), L("")},
        {L("https://h\xc3\xbc/"), false, L(""), 0, L(""), L("")},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Url url = {0};
        unit_at(rows[i].text);
        bool ok = url_parse(rows[i].text, &url);
        CHECK_INT(ok, rows[i].ok);
        if (!ok || !rows[i].ok)
            continue;
        CHECK_STR(url.host, rows[i].host);
        CHECK_INT(url.port, rows[i].port);
        CHECK_STR(url.path, rows[i].path);
        CHECK_STR(url.user, rows[i].user);
    }
    Arena arena = {0};
    Url url;
    unit_at(S("long host"));
    CHECK(url_parse(arena_printf(&arena, "https://%.*s",
                                 P(unit_repeat(&arena, S("h"), 253))),
                    &url));
    CHECK(!url_parse(arena_printf(&arena, "https://%.*s",
                                  P(unit_repeat(&arena, S("h"), 254))),
                     &url));
    arena_free(&arena);
}

static void test_url_redact(void)
{
    static const Str rows[][2] = {
        {L("https://h/x?sig=1"), L("https://h/x?...")},
        {L("https://u:p@h/x#f?y"), L("https://h/x#...")},
        {L("https://u:p@q@h"), L("https://h")},
        {L("//u@h/a@b?c@d"), L("//h/a@b?...")},
        {L("/a@b?c"), L("/a@b?...")},
        {L("a//b@c"), L("a//c")},
        {L("?"), L("?...")},
        {L("#f"), L("#...")},
        {L(""), L("")},
    };
    Arena arena = {0};
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(rows[i][0]);
        CHECK_STR(url_redact(&arena, rows[i][0]), rows[i][1]);
    }
    arena_free(&arena);
}

/* Addresses of both families in turn, none twice, and at most OS_ADDRESSES:
 * the digit is the family, the letter the address. */
static void test_os_take_addresses(void)
{
    static const char *const rows[][2] = {
        {"4a4b6c", "4a6c4b"},
        {"6a6b4c4d", "6a4c6b4d"},
        {"4a", "4a"},
        {"4a4b4c6d6e", "4a6d4b6e4c"},
        {"6a6b", "6a6b"},
        {"6a6a4b6a4b", "6a4b"},
        {"6a6b6c6d6e6f6g6h4i", "6a4i6b6c6d6e6f6g6h"},
        {"", ""},
    };
    static const char many[] = "6a6b6c6d6e6f6g6h6i6j6k6l6m6n6o6p6q6r6s6t6u6v6w"
                               "6x6y6z4a";
    for (int i = 0; i <= COUNT(rows); i++) {
        const char *from = i < COUNT(rows) ? rows[i][0] : many;
        const char *want = i < COUNT(rows)
                               ? rows[i][1]
                               : "6a4a6b6c6d6e6f6g6h6i6j6k6l6m6n6o6p6q6r6s6t6u"
                                 "6v6w";
        struct addrinfo list[40] = {0};
        struct sockaddr_in6 v6[40] = {0};
        struct sockaddr_in v4[40] = {0};
        OsAddresses out = {0};
        char text[2 * OS_ADDRESSES + 1] = {0};
        int n = (int)strlen(from) / 2;
        for (int k = 0; k < n; k++) {
            bool is4 = from[2 * k] == '4';
            v4[k].sin_family = AF_INET;
            v4[k].sin_addr.s_addr = (in_addr_t)from[2 * k + 1];
            v6[k].sin6_family = AF_INET6;
            v6[k].sin6_addr.s6_addr[0] = (uint8_t)from[2 * k + 1];
            list[k].ai_family = is4 ? AF_INET : AF_INET6;
            list[k].ai_addr = is4 ? (struct sockaddr *)&v4[k]
                                  : (struct sockaddr *)&v6[k];
            list[k].ai_addrlen = is4 ? sizeof(v4[k]) : sizeof(v6[k]);
            list[k].ai_next = k + 1 < n ? &list[k + 1] : NULL;
        }
        os_take_addresses(n ? list : NULL, &out);
        for (int k = 0; k < out.count; k++) {
            bool is4 = out.at[k].ss_family == AF_INET;
            text[2 * k] = is4 ? '4' : '6';
            text[2 * k + 1] =
                is4 ? (char)((struct sockaddr_in *)&out.at[k])->sin_addr.s_addr
                    : (char)((struct sockaddr_in6 *)&out.at[k])
                          ->sin6_addr.s6_addr[0];
        }
        unit_at(str_from(from));
        CHECK_STR(str_from(text), str_from(want));
    }
}

static void test_url_encoding(void)
{
    static const struct {
        Str text;
        Str encoded;
        Str decoded; /* of the text itself */
    } rows[] = {
        {L("aZ09-._~"), L("aZ09-._~"), L("aZ09-._~")},
        {L("a b&c=d"), L("a%20b%26c%3Dd"), L("a b&c=d")},
        {L("\xc3\xbc\0\xff"), L("%C3%BC%00%FF"), L("\xc3\xbc\0\xff")},
        {L("%41%zz%4"), L("%2541%25zz%254"), L("A%zz%4")},
        {L("%"), L("%25"), L("%")},
        {L("%00%0a"), L("%2500%250a"), L("\0\n")},
        {L("a+b"), L("a%2Bb"), L("a+b")},
        {L(""), L(""), L("")},
    };
    Arena arena = {0};
    for (int i = 0; i < COUNT(rows); i++) {
        Buf out = buf_new(&arena, KIB);
        unit_at(rows[i].text);
        url_add_encoded(&out, rows[i].text, "");
        CHECK_STR(buf_str(&out), rows[i].encoded);
        CHECK_STR(url_decode(&arena, rows[i].text), rows[i].decoded);
        CHECK_STR(url_decode(&arena, buf_str(&out)), rows[i].text);
    }
    Buf path = buf_new(&arena, KIB);
    unit_at(S("query"));
    buf_add(&path, S("/a"));
    url_add_query(&path, S("x y"), S("1&2"));
    url_add_query(&path, S("z"), S(""));
    CHECK_STR(buf_str(&path), S("/a?x%20y=1%262&z="));
    CHECK(url_has_query(S("/a?b=1&portalId=2"), S("portalId")));
    CHECK(url_has_query(S("/a?portalId"), S("portalId")));
    CHECK(!url_has_query(S("/portalId=1?b=portalId"), S("portalId")));
    CHECK(!url_has_query(S("/a"), S("portalId")));
    CHECK(!url_has_query(S("/a?portalIds=1"), S("portalId")));
    arena_free(&arena);
}

static void test_url_no_proxy(void)
{
    static const struct {
        const char *list;
        const char *host;
        int port;
        bool bypass;
    } rows[] = {
        {"", "api.hubapi.com", 443, false},
        {"*", "api.hubapi.com", 443, true},
        {"hubapi.com", "api.hubapi.com", 443, true},
        {".hubapi.com", "api.hubapi.com", 443, true},
        {"*.hubapi.com", "api.hubapi.com", 443, true},
        {"hubapi.com", "hubapi.com", 443, true},
        {".hubapi.com", "hubapi.com", 443, true},
        {"HubApi.COM", "api.hubapi.com", 443, true},
        {"hubapi.com", "evilhubapi.com", 443, false},
        {"api.hubapi.com", "hubapi.com", 443, false},
        {"a.com,hubapi.com", "api.hubapi.com", 443, true},
        {"a.com , hubapi.com", "api.hubapi.com", 443, true},
        {"a.com hubapi.com", "api.hubapi.com", 443, true},
        {",, ,hubapi.com,", "api.hubapi.com", 443, true},
        {"a.com,b.com", "api.hubapi.com", 443, false},
        {"hubapi.com:443", "api.hubapi.com", 443, true},
        {"hubapi.com:8443", "api.hubapi.com", 443, false},
        {"*:443", "x", 443, true},
        {"*:80", "x", 443, false},
        {"hubapi.com:x", "hubapi.com", 443, false},
        {"10.0.0.1", "10.0.0.1", 443, true},
        {"10.0.0.1", "10.0.0.11", 443, false},
        {"10.0.0.1", "110.0.0.1", 443, false},
        {"10.0.0.0/8", "10.255.1.2", 443, true},
        {"10.0.0.0/8", "11.0.0.1", 443, false},
        {"192.168.1.0/25", "192.168.1.127", 443, true},
        {"192.168.1.0/25", "192.168.1.128", 443, false},
        {"0.0.0.0/0", "8.8.8.8", 443, true},
        {"0.0.0.0/0", "host", 443, false},
        {"10.0.0.1/32", "10.0.0.1", 443, true},
        {"10.0.0.0/33", "10.0.0.1", 443, false},
        {"10.0.0.0/-1", "10.0.0.1", 443, false},
        {"10.0.0.0/", "10.0.0.1", 443, false},
        {"10.0.0.0/8x", "10.0.0.1", 443, false},
        {"::1", "::1", 443, true},
        {"[::1]", "::1", 443, true},
        {"[::1]:443", "::1", 443, true},
        {"[::1]:80", "::1", 443, false},
        {"fd00::/8", "fd12::1", 443, true},
        {"fd00::/8", "fe80::1", 443, false},
        {"fd00::/8", "10.0.0.1", 443, false},
        {"::/0", "2001:db8::1", 443, true},
        {"::/129", "::1", 443, false},
        {".", "host", 443, false},
        {"*.", "host", 443, false},
        {":443", "host", 443, false},
        {"longer.than.the.host", "h", 443, false},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        snprintf(unit_row, sizeof(unit_row), "NO_PROXY=%s %s:%d", rows[i].list,
                 rows[i].host, rows[i].port);
        CHECK_INT(url_bypasses_proxy(str_from(rows[i].list),
                                     str_from(rows[i].host), rows[i].port),
                  rows[i].bypass);
    }
}

/* ---- 07 Ignore rules ---------------------------------------------------- */

static void test_ignore_match(void)
{
    static const struct {
        const char *pattern;
        const char *path; /* a slash at its end: a folder */
        bool hit;
    } rows[] = {
        /* names, at any depth */
        {"a", "a", true},
        {"a", "x/a", true},
        {"a", "a/x", false},
        {"a", "A", false},
        {"*.log", "x/y/.log", true},
        {"a*b*c", "aXbYbZc", true},
        {"a*b*c", "aXbYbZ", false},
        {"?", "\xc3\xa9", false}, /* bytes, as with git */
        {"\?\?", "\xc3\xa9", true},
        {"a**b", "a--b", true},
        {"**", "x/y", true},
        /* folders */
        {"a/", "a/", true},
        {"a/", "a", false},
        {"a/", "x/a/", true},
        /* a slash ties the pattern to its base */
        {"/a", "a", true},
        {"/a", "x/a", false},
        {"a/b", "a/b", true},
        {"a/b", "x/a/b", false},
        {"a/*", "a/b", true},
        {"a/*", "a/b/c", false},
        {"a/?b", "a//b", false},
        {"a[/]b", "a/b", false},
        {"a[!x]b", "a/b", false},
        {"//a", "a", false},
        /* two stars between slashes */
        {"**/a", "a", true},
        {"**/a", "x/y/a", true},
        {"**/a", "x/ya", false},
        {"a/**", "a/b/c", true},
        {"a/**", "a", false},
        {"a/**/b", "a/b", true},
        {"a/**/b", "a/x/y/b", true},
        {"a/**/b", "a/x/yb", false},
        {"a/**/b/**/c", "a/x/b/b/y/c", true},
        {"a/***/b", "a/x/y/b", true},
        {"a/**/*.c", "a/x/y/.c", true},
        {"**/x*/y", "x/x1/z/x2/y", true},
        {"a/x**/b", "a/xy/b", true},
        {"a/x**/b", "a/x/y/b", false},
        {"foo**/bar", "foo/x/bar", false}, /* git before 2.53 says yes */
        {"foo**/bar", "foox/bar", true},
        {"a/**\\/b", "a/b", false},
        {"a/**\\/b", "a/x/b", true},
        /* sets */
        {"[a-c]", "b", true},
        {"[!a-c]", "b", false},
        {"[^a-c]", "d", true},
        {"[]]", "]", true},
        {"[!]a]", "]", false},
        {"[a-]", "-", true},
        {"[-a]", "-", true},
        {"[a-c-e]", "d", false},
        {"[a-c-e]", "-", true},
        {"[\\]]", "]", true},
        {"[\\a-\\c]", "b", true},
        {"[[]", "[", true},
        {"[[:digit:]x]", "7", true},
        {"[[:digit:]x]", "x", true},
        {"[![:digit:]]", "7", false},
        {"[[:digit:]-z]", "-", true},
        {"[[:space:]]", "\v", false},
        {"[[:space:]]", "\t", true},
        {"[[:punct:]]", "_", true},
        {"[[:alpha:]]", "\xe9", false},
        {"[[:nope:]]", "n", false},
        {"[[:a]", ":", true},
        {"[\xe0-\xef]", "\xe9", true},
        /* what does not end matches nothing, not even itself */
        {"[a", "[a", false},
        {"[]", "[]", false},
        {"[[:alpha:", "a", false},
        {"a\\", "a\\", false},
        /* escapes */
        {"\\a", "a", true},
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"\\!a", "!a", true},
        {"\\#a", "#a", true},
        {"a\\/b", "a/b", true},
        {"", "a", false},
        {"/", "a/", false},
        {"!", "a", false},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        IgnoreRules rules = {.arena = &arena};
        Str path = str_from(rows[i].path);
        bool folder = str_ends(path, S("/"));
        path.len -= folder;
        snprintf(unit_row, sizeof(unit_row), "'%s' on '%s'", rows[i].pattern,
                 rows[i].path);
        ignore_add_text(&rules, S(""), S("rows"), str_from(rows[i].pattern));
        CHECK_INT(ignore_find(&rules, path, folder) != NULL, rows[i].hit);
        arena_free(&arena);
    }
}

/* What would take an innocent matcher longer than the world has been. */
static void test_ignore_is_bounded(void)
{
    Arena arena = {0};
    IgnoreRules rules = {.arena = &arena};
    const Str patterns[] = {
        unit_repeat(&arena, S("a*"), 1000),
        unit_repeat(&arena, S("a/**/"), 500),
        unit_repeat(&arena, S("*a/**/*a*/"), 200),
        unit_repeat(&arena, S("*[a-z]"), 500),
        unit_repeat(&arena, S("**/*a*"), 400),
    };
    const Str paths[] = {
        unit_repeat(&arena, S("a"), 4000),
        unit_repeat(&arena, S("a/"), 2000),
        unit_repeat(&arena, S("aaaaaaaaaaaaaaa/"), 250),
    };
    for (int i = 0; i < COUNT(patterns); i++)
        ignore_add_text(&rules, S(""), S("rows"),
                        arena_printf(&arena, "%.*sb\n", P(patterns[i])));
    unit_at(S("long patterns"));
    CHECK_INT(rules.count, COUNT(patterns));
    for (int i = 0; i < COUNT(paths); i++) {
        Str path = arena_printf(&arena, "%.*sc", P(paths[i]));
        CHECK(!ignore_find(&rules, path, IGNORE_FILE));
    }
    ignore_add_text(&rules, S(""), S("rows"),
                    unit_repeat(&arena, S("*"), IGNORE_PATTERN_MAX + 1));
    CHECK_INT(rules.count, COUNT(patterns));
    arena_free(&arena);
}

static void test_ignore_text(void)
{
    Arena arena = {0};
    IgnoreRules rules = {.arena = &arena};
    static const struct {
        Str pattern;
        int line;
        bool negated, folders_only, anchored;
    } rows[] = {
        {L("a"), 1, false, false, false},
        {L("!b/"), 4, true, true, false},
        {L("/c"), 5, false, false, true},
        {L("d\\ "), 6, false, false, false},
        {L("e\t"), 7, false, false, false},
        {L("f\r"), 8, false, false, false},
        {L("\\#g"), 9, false, false, false},
        {L(" #h"), 10, false, false, false},
        {L("i"), 11, false, false, false},
        {L("j/k/"), 12, false, true, true},
    };
    ignore_add_text(&rules, S("/base"), S("name"),
                    S("\xef\xbb\xbf"
                      "a  \r\n#\n\r\n!b/\n/c\nd\\  \ne\t\nf\r\r\n\\#g\n #h\n"
                      "i\0x\nj/k/"));
    unit_at(S("lines"));
    CHECK_INT(rules.count, COUNT(rows));
    for (int i = 0; i < COUNT(rows) && i < rules.count; i++) {
        const IgnoreRule *rule = &rules.rule[i];
        unit_at(rows[i].pattern);
        CHECK_STR(rule->pattern, rows[i].pattern);
        CHECK_STR(rule->base, S("/base"));
        CHECK_STR(rule->file, S("name"));
        CHECK_INT(rule->line, rows[i].line);
        CHECK_INT(rule->negated, rows[i].negated);
        CHECK_INT(rule->folders_only, rows[i].folders_only);
        CHECK_INT(rule->anchored, rows[i].anchored);
    }
    arena_free(&arena);
}

/* Which rule has the last word, by its line; 0 where nothing is ignored. */
static void test_ignore_judge(void)
{
    static const struct {
        const char *top;
        const char *path;
        int find, judge;
    } rows[] = {
        {"/t", "/t/a.log", 1, 1},
        {"/t", "/t/keep.log", 2, 0},
        {"/t", "/t/sub/keep.log", 2, 0},
        {"/t", "/t/out/keep.log", 2, 3}, /* its folder is ignored */
        {"/t", "/t/out/x", 0, 3},
        {"/t", "/t/out", 0, 0}, /* a file of that name */
        {"/t/out", "/t/out/x", 0, 0},
        {"/t/", "/t/out/x", 0, 3},
        {"/", "/t/out/x", 0, 3},
        {"", "/t/out/x", 0, 3},
        {"/t", "/t", 0, 0},
        {"/t", "/tt/a.log", 0, 0},
        {"/t", "/u/a.log", 0, 0},
        {"/t", "/t/sub/only", 4, 4},
        {"/t", "/t/only", 0, 0},
    };
    Arena arena = {0};
    IgnoreRules rules = {.arena = &arena};
    ignore_add_text(&rules, S("/t"), S("top"), S("*.log\n!keep.log\nout/\n"));
    ignore_add_text(&rules, S("/t/sub"), S("sub"), S("\n\n\n/only"));
    for (int i = 0; i < COUNT(rows); i++) {
        Str path = str_from(rows[i].path);
        const IgnoreRule *found = ignore_find(&rules, path, IGNORE_FILE);
        const IgnoreRule *judged = ignore_judge(&rules, str_from(rows[i].top),
                                                path, IGNORE_FILE);
        snprintf(unit_row, sizeof(unit_row), "%s below %s", rows[i].path,
                 rows[i].top);
        CHECK_INT(found ? found->line : 0, rows[i].find);
        CHECK_INT(judged ? judged->line : 0, rows[i].judge);
    }
    unit_at(S("the root as base, and no base"));
    IgnoreRules wide = {.arena = &arena};
    ignore_add_text(&wide, S("/"), S("root"), S("/a\n"));
    ignore_add_text(&wide, S(""), S("built-in"), S("/b/c\nd\n"));
    CHECK(ignore_find(&wide, S("/a"), IGNORE_FILE));
    CHECK(ignore_find(&wide, S("b/c"), IGNORE_FILE));
    CHECK(ignore_find(&wide, S("/x/d"), IGNORE_FILE));
    CHECK(!ignore_find(&wide, S(""), IGNORE_FOLDER));
    CHECK(!ignore_find(&wide, S("/"), IGNORE_FOLDER));
    arena_free(&arena);
}

/* Which paths a list of rules reaches outside of its folder, and in any
 * case. */
static void test_ignore_reach(void)
{
    static const struct {
        const char *path;
        int below, beside, anywhere, any_case; /* the line that matches */
    } rows[] = {
        {"/p/q/a", 1, 1, 1, 1},
        {"/p/q/A", 0, 0, 0, 1},
        {"/p/a", 0, 1, 1, 1},
        {"/x/a", 0, 1, 1, 1},
        {"/p/q/b/c", 2, 2, 2, 2},
        {"/x/b/c", 0, 0, 0, 0},
        {"/p/q", 0, 0, 3, 0},
        {"/x/q", 0, 3, 3, 3},
        {"/p", 0, 0, 4, 0},
        {"/p/q/p", 4, 4, 4, 4},
        {"/p/q/\xc3\x84", 0, 0, 0, 5},
        {"/p/q/\xc3\xa4", 5, 5, 5, 5},
        {"/", 0, 0, 0, 0},
        {"/p/q/B/C", 0, 0, 0, 2},
    };
    Arena arena = {0};
    for (int kind = 0; kind < 4; kind++) {
        IgnoreRules rules = {
            .arena = &arena,
            .reach = kind == 3 ? IGNORE_BESIDE : (IgnoreReach)kind,
            .any_case = kind == 3,
        };
        ignore_add_text(&rules, S("/p/q"), S("rows"),
                        S("a\nb/c\nq\np\n\xc3\xa4\n"));
        for (int i = 0; i < COUNT(rows); i++) {
            const int want[] = {rows[i].below, rows[i].beside, rows[i].anywhere,
                                rows[i].any_case};
            const IgnoreRule *rule = ignore_find(&rules, str_from(rows[i].path),
                                                 true);
            snprintf(unit_row, sizeof(unit_row), "%s, list %d", rows[i].path,
                     kind);
            CHECK_INT(rule ? rule->line : 0, want[kind]);
        }
    }
    arena_free(&arena);
}

static void test_ignore_own_text(void)
{
    static const struct {
        Str text;
        const char *fault;
    } rows[] = {
        {L(""), NULL},
        {L("*.key\r\n"), NULL},
        {L("\xef\xbb\xbf*.key\n"), NULL},
        {L("\xe4.key\n"), NULL},
        {L("\xff\xfe*\0"), "UTF-16"},
        {L("\xfe\xff\0*"), "UTF-16"},
        {L("*\0\n\0"), "UTF-16"},
        {L("\0*\0\n"), "UTF-16"},
        {L("a\0b"), "NUL"},
        {L("*.key\n\0"), "NUL"},
    };
    Arena arena = {0};
    for (int i = 0; i < COUNT(rows); i++) {
        const char *fault = ignore_text_fault(rows[i].text);
        unit_at(rows[i].text);
        CHECK(rows[i].fault ? fault && strstr(fault, rows[i].fault) : !fault);
    }
    unit_at(S("long lines"));
    CHECK(!ignore_text_fault(unit_repeat(&arena, S("x"), IGNORE_PATTERN_MAX)));
    CHECK(
        ignore_text_fault(unit_repeat(&arena, S("x"), IGNORE_PATTERN_MAX + 1)));
    CHECK(!ignore_text_fault(
        unit_repeat(&arena, S("#"), IGNORE_PATTERN_MAX + 1)));
    arena_free(&arena);
}

static void test_follow_links(void)
{
    Arena arena = {0};
    Str forms[8];
    Str here = os_resolve_links(&arena, os_process_cwd(&arena));
    unit_at(S("links"));
    CHECK(!mkdir("real", 0700) && !mkdir("real/sub", 0700));
    CHECK(!symlink("real/sub", "one") && !symlink("one", "two"));
    CHECK(!symlink("loop", "loop"));
    Str path = arena_printf(&arena, "%.*s/./two//../x", P(here));
    CHECK_INT(os_follow_links(&arena, path, forms, COUNT(forms)), 3);
    const char *const want[] = {"/x", "/x", "/real/x"};
    for (int i = 0; i < COUNT(want); i++)
        CHECK_STR(forms[i], arena_printf(&arena, "%.*s%s", P(here), want[i]));
    path = os_path_join(&arena, here, S("loop"));
    CHECK_INT(os_follow_links(&arena, path, forms, COUNT(forms)), 0);
    CHECK_INT(os_follow_links(&arena, S("/../.."), forms, 1), 1);
    CHECK_STR(forms[0], S("/"));
    CHECK_INT(os_follow_links(&arena, here, forms, 1), 1);
    CHECK_STR(forms[0], here);
    unlink("loop");
    unlink("two");
    unlink("one");
    rmdir("real/sub");
    rmdir("real");
    arena_free(&arena);
}

static void test_ignore_files(void)
{
    Arena arena = {0};
    IgnoreRules rules = {.arena = &arena};
    Err err = {0};
    unit_at(S("ignore files"));
    CHECK(ignore_add_file(&rules, S(""), S("nothing/.hsignore"), IGNORE_FOLLOW,
                          &err));
    CHECK_INT(rules.count, 0);
    unit_write_file(".hsignore", S("a\nb\n"));
    CHECK(ignore_add_file(&rules, S(""), S(".hsignore"), IGNORE_FOLLOW, &err));
    CHECK(
        ignore_add_file(&rules, S(""), S(".hsignore/x"), IGNORE_FOLLOW, &err));
    CHECK_INT(rules.count, 2);
    CHECK(!symlink(".hsignore", ".gitignore") && !symlink(".hsignore", "x"));
    CHECK(
        ignore_add_file(&rules, S(""), S(".gitignore"), IGNORE_NO_LINK, &err));
    CHECK_INT(rules.count, 2);
    CHECK(ignore_add_file(&rules, S(""), S("x"), IGNORE_FOLLOW, &err));
    CHECK_INT(rules.count, 4);
    CHECK_INT(err.code, 0);
    os_test_countdown = 1;
    CHECK(!ignore_add_file(&rules, S(""), S(".hsignore"), IGNORE_FOLLOW, &err));
    CHECK_INT(err.code, EXIT_FAILED);
    CHECK(strstr(err.message, ".hsignore"));
    err = (Err){0};
    unit_write_file(".hsignore", unit_repeat(&arena, S("#"), MIB + 1));
    CHECK(!ignore_add_file(&rules, S(""), S(".hsignore"), IGNORE_FOLLOW, &err));
    CHECK(strstr(err.message, "larger than 1 MiB"));
    unlink(".gitignore");
    unlink(".hsignore");
    unlink("x");
    arena_free(&arena);
}

static void test_ignore_git(void)
{
    Arena arena = {0};
    Err err = {0};
    GitTree tree = {0};
    bool covered = false;
    Str here = os_resolve_links(&arena, S("."));
    Str root = os_path_join(&arena, here, S("tree"));
    Str deep = os_path_join(&arena, root, S("sub/deep"));
    unit_at(S("a work tree"));
    static const char *const folders[] = {
        "tree",           "tree/.git", "tree/.git/objects",
        "tree/.git/refs", "tree/sub",  "tree/sub/deep"};
    for (int i = 0; i < COUNT(folders); i++)
        CHECK_INT(os_mkdir(&arena, str_from(folders[i]), 0755), 0);
    unit_write_file("tree/.git/HEAD", S("ref: refs/heads/main\n"));
    unit_write_file("tree/sub/.gitignore", S("*.yml\n!b.yml\n"));
    CHECK(ignore_git_tree(&arena, deep, &tree));
    CHECK_STR(tree.root, root);
    CHECK_STR(tree.git_dir, os_path_join(&arena, root, S(".git")));
    CHECK_STR(tree.common_dir, tree.git_dir);
    CHECK_STR(ignore_git_nearest(&arena, &tree, deep),
              os_path_join(&arena, root, S("sub/.gitignore")));
    CHECK_STR(ignore_git_nearest(&arena, &tree, root), S(""));
    CHECK_STR(ignore_git_nearest(&arena, &tree, here), S(""));
    static const struct {
        Str path;
        bool covered;
    } rows[] = {
        {L("sub/a.yml"), true},       {L("sub/b.yml"), false},
        {L("a.yml"), false},          {L("sub/deep/new/a.yml"), true},
        {L("sub/deep/b.yml"), false}, {L("../a.yml"), false},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(rows[i].path);
        CHECK(ignore_git_covers(&tree, os_path_join(&arena, root, rows[i].path),
                                IGNORE_FILE, &covered, &err));
        CHECK_INT(covered, rows[i].covered);
    }
    unlink("tree/.git/HEAD");
    unlink("tree/sub/.gitignore");
    for (int i = COUNT(folders); i-- > 0;)
        rmdir(folders[i]);
    arena_free(&arena);
}

/* ---- 08 TLS ------------------------------------------------------------- */

static void test_tls_base64(void)
{
    static const struct {
        Str text;
        Str bytes;
    } rows[] = {
        {L(""), L("")},
        {L("Zg=="), L("f")},
        {L("Zm8="), L("fo")},
        {L("Zm9v"), L("foo")},
        {L("Zm9vYg=="), L("foob")},
        {L("Zm9vYmE="), L("fooba")},
        {L("Zm9v\r\nYmFy"), L("foobar")},
        {L(" Z m\t9v\n"), L("foo")},
        {L("Zm9v=YmFy"), L("foo")},
        {L("Z"), L("")},
        {L("Zm"), L("f")},
        {L("+/+/"), L("\xfb\xff\xbf")},
        {L("AAAA"), L("\0\0\0")},
    };
    Arena arena = {0};
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(rows[i].text);
        CHECK_STR(tls_base64(&arena, rows[i].text), rows[i].bytes);
    }
    arena_free(&arena);
}

#define PEM_BEGIN "-----BEGIN CERTIFICATE-----\n"
#define PEM_END "-----END CERTIFICATE-----\n"
/* A P-256 authority, "CN=Unit CA", made for these tests. */
#define PEM_CA_BODY \
    "MIIBeDCCAR+gAwIBAgIUPM50xkEGP5h0Cyv/tnr8LDlI/HowCgYIKoZIzj0EAwIw\n" \
    "EjEQMA4GA1UEAwwHVW5pdCBDQTAeFw0yNjExMjMyMzAyNTlaFw0zNjExMjAyMzAy\n" \
    "NTlaMBIxEDAOBgNVBAMMB1VuaXQgQ0EwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n" \
    "AAT2WStfvAmW/5jY21UqC5OcxMCdxmUq/cisCstl/ZMwblmSGQmbzWgf8BgwDF5u\n" \
    "Q/g5F45+3vgOw8wub1cWxeFLo1MwUTAdBgNVHQ4EFgQUZfBuEQRLXneYsgSZdI2W\n" \
    "sNTvsv8wHwYDVR0jBBgwFoAUZfBuEQRLXneYsgSZdI2WsNTvsv8wDwYDVR0TAQH/\n" \
    "BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiBR566gBGKv2wrGzjom6kqxPKk57izo\n" \
    "rp0kuvcG+jzHdgIgJJRKCup2HilwTIBVTne04aEprfSOs2esGsFbf+E2bBA=\n"
#define PEM_CA PEM_BEGIN PEM_CA_BODY PEM_END
#define PEM_HALF \
    PEM_BEGIN \
    "MIIBeDCCAR+gAwIBAgIUPM50xkEGP5h0Cyv/tnr8LDlI/HowCgYIKoZIzj0EAwIw\n"

static void test_tls_pem(void)
{
    static const struct {
        const char *row;
        Str text;
        int count;
        int skipped;
    } rows[] = {
        {"empty", L(""), 0, 0},
        {"no PEM", L("hello\n"), 0, 0},
        {"one", L(PEM_CA), 1, 0},
        {"two", L(PEM_CA PEM_CA), 2, 0},
        {"text between", L("# Unit CA\n" PEM_CA "\nmore = text\n" PEM_CA "x"),
         2, 0},
        {"a key before",
         L("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE "
           "KEY-----\n" PEM_CA),
         1, 0},
        {"truncated at the end", L(PEM_CA PEM_HALF), 1, 1},
        {"truncated, then a whole one", L(PEM_HALF PEM_END PEM_CA), 1, 1},
        {"an END is missing", L(PEM_HALF PEM_CA), 1, 1},
        {"empty block", L(PEM_BEGIN PEM_END PEM_CA), 1, 1},
        {"garbage in it", L(PEM_BEGIN "!!!!\nAAAA\n" PEM_END), 0, 1},
        {"no final line break",
         L(PEM_BEGIN PEM_CA_BODY "-----END CERTIFICATE-----"), 1, 0},
        {"OpenSSL's own label",
         L("-----BEGIN TRUSTED CERTIFICATE-----\n" PEM_CA_BODY
           "-----END TRUSTED CERTIFICATE-----\n"),
         1, 0},
        {"the oldest label",
         L("-----BEGIN X509 CERTIFICATE-----\n" PEM_CA_BODY
           "-----END X509 CERTIFICATE-----\n"),
         1, 0},
        {"a label's end is another's",
         L(PEM_BEGIN PEM_CA_BODY "-----END X509 CERTIFICATE-----\n" PEM_CA), 1,
         1},
        {"another label",
         L("-----BEGIN CERTIFICATE REQUEST-----\n" PEM_CA_BODY
           "-----END CERTIFICATE REQUEST-----\n"),
         0, 0},
        {"dashes", L("----------BEGIN \n-----BEGIN\n-" PEM_CA "-----"), 1, 0},
        {"a mark of the byte order", L("\xef\xbb\xbf" PEM_CA), 1, 0},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        TlsAnchors to = {.arena = &arena};
        TlsAnchors crlf = {.arena = &arena};
        Buf text = buf_new(&arena, 64L * KIB);
        unit_at(str_from(rows[i].row));
        tls_add_pem(&to, rows[i].text);
        CHECK_INT(to.count, rows[i].count);
        CHECK_INT(to.skipped, rows[i].skipped);
        for (ptrdiff_t k = 0; k < rows[i].text.len; k++) {
            if (rows[i].text.ptr[k] == '\n')
                buf_add_char(&text, '\r');
            buf_add_char(&text, rows[i].text.ptr[k]);
        }
        tls_add_pem(&crlf, buf_str(&text));
        CHECK_INT(crlf.count, rows[i].count);
        arena_free(&arena);
    }
}

static void test_tls_anchor(void)
{
    Arena arena = {0};
    TlsAnchors to = {.arena = &arena};
    unit_at(S("anchor"));
    for (int i = 0; i < 300; i++) /* past the first growth */
        tls_add_pem(&to, S(PEM_CA));
    CHECK_INT(to.count, 300);
    TlsCert cert = tls_anchor_certificate(&to.anchors[299]);
    CHECK_INT(cert.flags, TLS_HAS_BASIC | TLS_IS_CA);
    CHECK_INT(cert.path_len, -1);
    CHECK_INT(cert.from, 1795474979);
    CHECK_INT(cert.until, 2110834979);
    CHECK(cert.key.key_type == BR_KEYTYPE_EC && cert.key.key.ec.qlen == 65);
    CHECK_STR(tls_common_name(cert.subject), S("Unit CA"));
    CHECK_STR(tls_common_name(to.anchors[299].subject), S("Unit CA"));
    CHECK(tls_same_name(cert.subject, cert.issuer, false));
    CHECK_INT(cert.own_id.len, 20);
    CHECK_STR(cert.issuer_id, cert.own_id);
    CHECK(tls_same_anchor(&(TlsTrust){.anchors = to.anchors, .count = 300},
                          &cert));
    arena_free(&arena);
}

static void test_tls_built_in(void)
{
    Arena arena = {0};
    TlsAnchors to = {.arena = &arena};
    int limited = 0;
    unit_at(S("built in"));
    tls_add_built_in(&to);
    CHECK_INT(to.count, COUNT(ANCHORS));
    for (int i = 0; i < to.count; i++) {
        TlsCert cert = tls_anchor_certificate(&to.anchors[i]);
        Str name = cert.subject;
        Str list = {0};
        CHECK(tls_der(&name, DER_SEQUENCE, &list) && !name.len && list.len);
        CHECK(cert.until > cert.from && cert.until > 1700000000);
        CHECK(cert.key.key_type == BR_KEYTYPE_EC ||
              (cert.key.key.rsa.nlen >= TLS_RSA_MIN &&
               cert.key.key.rsa.n[0] >= 0x80));
        limited += cert.path_len >= 0;
    }
    CHECK(limited > 0 && limited < 10);
    arena_free(&arena);
}

static void test_tls_der(void)
{
    static const struct {
        Str bytes;
        int tag;
        ptrdiff_t content; /* its length */
        ptrdiff_t rest;
    } rows[] = {
        {L(""), -1, 0, 0},
        {L("\x30"), -1, 0, 0},
        {L("\x30\x00"), 0x30, 0, 0},
        {L("\x04\x01x"), 0x04, 1, 0},
        {L("\x04\x01xy"), 0x04, 1, 1},
        {L("\x04\x02x"), -1, 0, 0},
        {L("\x04\x81\x01xyz"), 0x04, 1, 2},
        {L("\x04\x82\x00\x02xy"), 0x04, 2, 0},
        {L("\x04\x83\x00\x00\x02xy"), 0x04, 2, 0},
        {L("\x04\x84\x00\x00\x00\x02xy"), -1, 0, 0}, /* too long a length */
        {L("\x04\x82\x00"), -1, 0, 0},
        {L("\x04\xff"), -1, 0, 0},
        {L("\x30\x80xy\x00\x00"), -1, 0, 0},   /* indefinite */
        {L("\x1f\x81\x01\x00"), -1, 0, 0},     /* a tag of many bytes */
        {L("\x04\x83\xff\xff\xff"), -1, 0, 0}, /* more than there is */
    };
    static const struct {
        Str bytes;
        int64_t time; /* -1: none */
    } times[] = {
        {L("\x17\x0d"
           "700101000000Z"),
         0},
        {L("\x17\x0d"
           "491231235959Z"),
         2524607999},
        {L("\x17\x0d"
           "500101000000Z"),
         -631152000},
        {L("\x18\x0f"
           "20500101000000Z"),
         2524608000},
        {L("\x18\x0f"
           "99991231235959Z"),
         253402300799},
        {L("\x17\x0d"
           "240229000000Z"),
         1709164800},
        {L("\x17\x0d"
           "230229000000Z"),
         -1},
        {L("\x17\x0d"
           "231301000000Z"),
         -1},
        {L("\x17\x0d"
           "230101250000Z"),
         -1},
        {L("\x17\x0d"
           "23010100000-Z"),
         -1},
        {L("\x17\x0b"
           "2301010000Z"),
         -1},
        {L("\x17\x0c"
           "230101000000"),
         -1},
        {L("\x18\x0d"
           "700101000000Z"),
         -1},
        {L("\x04\x0d"
           "700101000000Z"),
         -1},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Str rest = rows[i].bytes;
        Str content = {0};
        unit_at(rows[i].bytes);
        CHECK_INT(tls_der_next(&rest, &content), rows[i].tag);
        if (rows[i].tag >= 0) {
            CHECK_INT(content.len, rows[i].content);
            CHECK_INT(rest.len, rows[i].rest);
        } else {
            CHECK_INT(rest.len, rows[i].bytes.len);
        }
    }
    for (int i = 0; i < COUNT(times); i++) {
        Str rest = times[i].bytes;
        int64_t time = -1;
        unit_at(times[i].bytes);
        CHECK_INT(tls_der_time(&rest, &time), times[i].time != -1);
        if (times[i].time != -1)
            CHECK_INT(time, times[i].time);
    }
}

static void test_tls_host(void)
{
    static const struct {
        Str name;
        Str host;
        bool same;
    } rows[] = {
        {L("a.b.c"), L("a.b.c"), true},
        {L("A.b.C"), L("a.B.c"), true},
        {L("*.b.c"), L("a.b.c"), true},
        {L("*.b.c"), L("b.c"), false},
        {L("*.b.c"), L("x.a.b.c"), false},
        {L("*.b.c"), L(".b.c"), false},
        {L("*.c"), L("b.c"), false},
        {L("*"), L("a"), false},
        {L("*."), L("a."), false},
        {L("a*.b.c"), L("ab.b.c"), false},
        {L(""), L("a"), false},
        {L("a.b.c\0"), L("a.b.c"), false},
        {L("*.*.c"), L("a.b.c"), false},
        {L("a.b.c."), L("a.b.c"), false},
    };
    static const struct {
        Str name;
        Str base;
        bool within;
    } trees[] = {
        {L("a.b"), L("b"), true},     {L("a.b"), L("a.b"), true},
        {L("a.b"), L(".b"), true},    {L("b"), L(".b"), false},
        {L("ab"), L("b"), false},     {L("a.B"), L("b"), true},
        {L("a.b"), L(""), true},      {L("b"), L("a.b"), false},
        {L("*.a.b"), L("a.b"), true}, {L("x.xa.b"), L("a.b"), false},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(rows[i].name);
        CHECK_INT(tls_is_for(rows[i].name, rows[i].host), rows[i].same);
    }
    for (int i = 0; i < COUNT(trees); i++) {
        unit_at(trees[i].base);
        CHECK_INT(tls_is_within(TLS_DNS, trees[i].name, trees[i].base),
                  trees[i].within);
    }
    CHECK(tls_is_within(TLS_IP, S("\x0a\x01\x02\x03"),
                        S("\x0a\0\0\0\xff\0\0\0")));
    CHECK(!tls_is_within(TLS_IP, S("\x0b\x01\x02\x03"),
                         S("\x0a\0\0\0\xff\0\0\0")));
    CHECK(!tls_is_within(TLS_IP, S("\x0a\x01\x02\x03"), S("\0\0\0\0")));
}

/* Whatever the engine's error or the fault of a chain: the message says it in
 * words. */
static void test_tls_messages(void)
{
    static Tls tls;
    const Str start = S("no secure connection to h.x: ");
    for (int code = 1; code < 768; code++) {
        Err err = {0};
        tls.client.eng.err = code;
        CHECK(!tls_fail(&tls, S("h.x"), &err));
        CHECK_INT(err.code, EXIT_NETWORK);
        Str text = str_from(err.message);
        unit_at(text);
        CHECK(str_starts(text, start));
        text = str_slice(text, start.len, text.len);
        int words = 0;
        for (Str word = {0}; text.len;) {
            word = str_cut(&text, ' ');
            words += word.len > 0 && !str_is_digit(word.ptr[0]);
        }
        CHECK(words >= 4);
    }
    for (int fault = 1; fault <= TLS_TOO_LONG; fault++) {
        static const char *const about[] = {"", "An Authority"};
        for (int i = 0; i < COUNT(about); i++) {
            Err err = {0};
            tls.judge.fault = fault;
            snprintf(tls.judge.about, sizeof(tls.judge.about), "%s", about[i]);
            CHECK(!tls_fail(&tls, S("h.x"), &err));
            unit_at(str_from(err.message));
            CHECK(str_starts(str_from(err.message), S("cannot verify h.x: ")));
            CHECK(strstr(err.message, about[i]));
            CHECK(strlen(err.message) > 40 && !strstr(err.message, "(null)"));
        }
    }
}

/* ---- 09 HTTP ------------------------------------------------------------ */

/* A transfer whose answer's head is `head`, and a connection that holds
 * `bytes` to read and has no socket. */
static HttpXfer *unit_xfer(Arena *arena, Str head, Str bytes)
{
    HttpXfer *x = arena_alloc(arena, sizeof(*x));
    HttpConn *conn = arena_alloc(arena, sizeof(*conn));
    x->arena = *arena;
    x->req.url = (Url){
        .scheme = S("https"), .host = S("h"), .port = 443, .path = S("/")};
    x->conn = conn;
    conn->fd = -1;
    http_begin_answer(x);
    buf_add(&x->head, head);
    conn->in_len = (int)bytes.len;
    memcpy(conn->in, bytes.ptr, (size_t)bytes.len);
    *arena = x->arena;
    return x;
}

/* Gives the transfer's memory back to the arena that unit_xfer() took. */
static void unit_xfer_end(Arena *arena, HttpXfer *x)
{
    *arena = x->arena;
    arena_free(arena);
}

static void test_http_head(void)
{
    static const struct {
        Str head;
        bool ok;
        int status;
        Str reason;
        int headers;
    } rows[] = {
        {L("HTTP/1.1 200 OK\r\n\r\n"), true, 200, L("OK"), 0},
        {L("HTTP/1.0 404 Not Found\r\nA: b\r\n\r\n"), true, 404, L("Not Found"),
         1},
        {L("HTTP/1.1 200\r\n\r\n"), true, 200, L(""), 0},
        {L("HTTP/1.1 200 \r\n\r\n"), true, 200, L(""), 0},
        {L("HTTP/1.1 204 No Content\n\n"), true, 204, L("No Content"), 0},
        {L("HTTP/1.1 200 OK\r\nA:b\r\nA: \t c \t\r\nB:\r\n\r\n"), true, 200,
         L("OK"), 3},
        {L("HTTP/1.1 200 OK\r\nX: a:b:c\r\n\r\n"), true, 200, L("OK"), 1},
        {L("HTTP/1.1 200 OK\r\n!#$%&'*+-.^_`|~1a: x\r\n\r\n"), true, 200,
         L("OK"), 1},
        {L("HTTP/2 200\r\n\r\n"), false, 0, L(""), 0},
        {L("HTTP/1.1  200 OK\r\n\r\n"), false, 0, L(""), 0},
        {L("HTTP/1.1 20 OK\r\n\r\n"), false, 0, L(""), 0},
        {L("HTTP/1.1 2000 OK\r\n\r\n"), false, 0, L(""), 0},
        {L("HTTP/1.1 +20 OK\r\n\r\n"), false, 0, L(""), 0},
        {L("HTTP/1.1 -99 OK\r\n\r\n"), false, 0, L(""), 0},
        {L("HTTP/1.1 099 OK\r\n\r\n"), false, 0, L(""), 0},
        {L("HTTP/1.1 abc OK\r\n\r\n"), false, 0, L(""), 0},
        {L("HTTP/1.1\r\n\r\n"), false, 0, L(""), 0},
        {L("HTTP/1.x 200 OK\r\n\r\n"), false, 0, L(""), 0},
        {L("http/1.1 200 OK\r\n\r\n"), false, 0, L(""), 0},
        {L("ICY 200 OK\r\n\r\n"), false, 0, L(""), 0},
        {L("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), false, 0, L(""), 0},
        {L("HTTP/1.1 200 OK\r\n: no name\r\n\r\n"), false, 0, L(""), 0},
        {L("HTTP/1.1 200 OK\r\nA : b\r\n\r\n"), false, 0, L(""), 0},
        {L("HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n"), true, 200, L("OK"),
         1},
        {L("HTTP/1.1 200 OK\nA: b\n\tc\n \nB: d\n\n"), true, 200, L("OK"), 2},
        {L("HTTP/1.1 200 OK\r\n A: b\r\n\r\n"), false, 0, L(""), 0},
        {L("HTTP/1.1 200 OK\r\n \r\n\r\n"), false, 0, L(""), 0},
        {L("HTTP/1.1 200 OK\r\nA\0: b\r\n\r\n"), false, 0, L(""), 0},
        {L("HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n"), false, 0, L(""), 0},
        {L("HTTP/1.1 200 OK\r\nA: b\r\n \0\r\n\r\n"), false, 0, L(""), 0},
        {L("HTTP/1.1 200 O\0K\r\nA: b\r\n\r\n"), false, 0, L(""), 0},
        {L("HTTP/1.1 200 OK\r\nA\xc3: b\r\n\r\n"), false, 0, L(""), 0},
        {L(""), false, 0, L(""), 0},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        HttpXfer *x = unit_xfer(&arena, rows[i].head, S(""));
        unit_at(rows[i].head);
        bool ok = http_parse_head(x);
        CHECK_INT(ok, rows[i].ok);
        if (ok && rows[i].ok) {
            CHECK_INT(x->res.status, rows[i].status);
            CHECK_STR(x->res.reason, rows[i].reason);
            Str fields = x->res.fields;
            HttpHeader field;
            int headers = 0;
            while (http_next_field(&fields, &field))
                headers++;
            CHECK_INT(headers, rows[i].headers);
        }
        unit_xfer_end(&arena, x);
    }
    unit_at(S("whole heads"));
    CHECK(http_head_is_whole(S("HTTP/1.1 200 OK\r\n\r\n")));
    CHECK(http_head_is_whole(S("HTTP/1.1 200 OK\n\n")));
    CHECK(!http_head_is_whole(S("HTTP/1.1 200 OK\r\n")));
    CHECK(!http_head_is_whole(S("HTTP/1.1 200 OK\r\n\r")));
}

static void test_http_headers(void)
{
    Arena arena = {0};
    Buf many = buf_new(&arena, HTTP_HEAD_MAX);
    buf_add(&many, S("HTTP/1.1 200 OK\r\n"));
    for (int i = 0; i < 3000; i++)
        buf_printf(&many, "H%d: %d\r\n", i, i);
    Arena other = {0};
    HttpXfer *x = unit_xfer(&other, buf_str(&many), S(""));
    unit_at(S("3000 headers"));
    CHECK(!many.full);
    CHECK(http_parse_head(x));
    CHECK_STR(http_header(&x->res, S("h0")), S("0"));
    CHECK_STR(http_header(&x->res, S("h2999")), S("2999"));
    CHECK_STR(http_header(&x->res, S("h3000")), S(""));
    unit_xfer_end(&other, x);
    x = unit_xfer(&other,
                  S("HTTP/1.1 200 OK\r\nA:\r\n b\r\n\t c \r\n  \r\nB: d\r\n"
                    "\r\n"),
                  S(""));
    unit_at(S("folded headers"));
    CHECK(http_parse_head(x));
    CHECK_STR(http_header(&x->res, S("a")), S("b  \t c"));
    CHECK_STR(http_header(&x->res, S("b")), S("d"));
    unit_xfer_end(&other, x);
    x = unit_xfer(&other,
                  S("HTTP/1.1 200 OK\r\nConnection: keep-alive, Close\r\n"
                    "connection: x\r\n\r\n"),
                  S(""));
    unit_at(S("list headers"));
    CHECK(http_parse_head(x));
    CHECK(http_header_has(&x->res, S("connection"), S("close")));
    CHECK(http_header_has(&x->res, S("connection"), S("x")));
    CHECK(!http_header_has(&x->res, S("connection"), S("keep")));
    unit_xfer_end(&other, x);
    arena_free(&arena);
}

static void test_http_framing(void)
{
    static const struct {
        Str head; /* after "HTTP/1.1 " */
        bool ok;
        HttpFraming framing;
        int64_t left;
    } rows[] = {
        {L("200 OK\r\n\r\n"), true, HTTP_TO_CLOSE, -1},
        {L("200 OK\r\nContent-Length: 5\r\n\r\n"), true, HTTP_LENGTH, 5},
        {L("200 OK\r\ncontent-length: 0\r\n\r\n"), true, HTTP_NO_BODY, 0},
        {L("200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"), true,
         HTTP_LENGTH, 5},
        {L("200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n"), true,
         HTTP_LENGTH, INT64_MAX},
        {L("200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), true, HTTP_CHUNKED,
         0},
        {L("200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: 5\r\n"
           "\r\n"),
         true, HTTP_CHUNKED, 0},
        {L("204 No Content\r\nContent-Length: 5\r\n\r\n"), true, HTTP_NO_BODY,
         0},
        {L("304 Not Modified\r\nContent-Length: 5\r\n\r\n"), true, HTTP_NO_BODY,
         0},
        {L("200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"), false,
         HTTP_NO_BODY, 0},
        {L("200 OK\r\nContent-Length: 5, 6\r\n\r\n"), false, HTTP_NO_BODY, 0},
        {L("200 OK\r\nContent-Length: 5, 5 ,05\r\n\r\n"), true, HTTP_LENGTH, 5},
        {L("200 OK\r\nContent-Length: 5, 5\r\nContent-Length: 6\r\n\r\n"),
         false, HTTP_NO_BODY, 0},
        {L("200 OK\r\nContent-Length: 5,\r\n\r\n"), false, HTTP_NO_BODY, 0},
        {L("200 OK\r\nContent-Length: 5,\r\n 5\r\n\r\n"), true, HTTP_LENGTH, 5},
        {L("200 OK\r\nContent-Length: 5\r\n 5\r\n\r\n"), false, HTTP_NO_BODY,
         0},
        {L("200 OK\r\nTransfer-Encoding: chunked, Chunked\r\n\r\n"), true,
         HTTP_CHUNKED, 0},
        {L("200 OK\r\nTransfer-Encoding: chunked\r\n"
           "Transfer-Encoding: chunked\r\n\r\n"),
         true, HTTP_CHUNKED, 0},
        {L("200 OK\r\nTransfer-Encoding:\r\n chunked\r\n\r\n"), true,
         HTTP_CHUNKED, 0},
        {L("200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: "
           "5\r\n\r\n"),
         true, HTTP_LENGTH, 5},
        {L("200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n"), false,
         HTTP_NO_BODY, 0},
        {L("200 OK\r\nContent-Length: -5\r\n\r\n"), false, HTTP_NO_BODY, 0},
        {L("200 OK\r\nContent-Length: +5\r\n\r\n"), false, HTTP_NO_BODY, 0},
        {L("200 OK\r\nContent-Length: 0x5\r\n\r\n"), false, HTTP_NO_BODY, 0},
        {L("200 OK\r\nContent-Length:\r\n\r\n"), false, HTTP_NO_BODY, 0},
        {L("200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"), false,
         HTTP_NO_BODY, 0},
        {L("200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"), false,
         HTTP_NO_BODY, 0},
        {L("200 OK\r\nTransfer-Encoding: chunked\r\n"
           "Transfer-Encoding: gzip\r\n\r\n"),
         false, HTTP_NO_BODY, 0},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        HttpXfer *x = unit_xfer(&arena, S("HTTP/1.1 "), S(""));
        unit_at(rows[i].head);
        buf_add(&x->head, rows[i].head);
        CHECK(http_parse_head(x));
        bool ok = http_find_framing(x);
        CHECK_INT(ok, rows[i].ok);
        CHECK_INT(x->err.code, rows[i].ok ? 0 : EXIT_NETWORK);
        if (ok && rows[i].ok) {
            CHECK_INT(x->framing, rows[i].framing);
            CHECK(rows[i].framing == HTTP_NO_BODY || x->left == rows[i].left);
        }
        unit_xfer_end(&arena, x);
    }
}

/* Decodes a chunked body that comes in two pieces. Gives whether it is well
 * formed and whole; `rest` is what is left unread. */
static bool unit_chunks(Arena *arena, Str wire, ptrdiff_t at, Str *body,
                        ptrdiff_t *rest)
{
    Arena own = {0};
    HttpXfer *x = unit_xfer(&own, S(""), S(""));
    HttpConn *conn = x->conn;
    bool ok = true;
    x->framing = HTTP_CHUNKED;
    for (int part = 0; part < 2 && ok; part++) {
        Str piece = part ? str_slice(wire, at, wire.len)
                         : str_slice(wire, 0, at);
        memcpy(conn->in, piece.ptr, (size_t)piece.len);
        conn->in_at = 0;
        conn->in_len = (int)piece.len;
        while (ok && x->framing == HTTP_CHUNKED && conn->in_at < conn->in_len)
            ok = http_take_body(x);
        if (x->framing != HTTP_CHUNKED) {
            *rest = part ? conn->in_len - conn->in_at
                         : wire.len - at + conn->in_len - conn->in_at;
            break;
        }
    }
    ok &= x->framing == HTTP_NO_BODY;
    *body = arena_copy(arena, buf_str(&x->hold));
    unit_xfer_end(&own, x);
    return ok;
}

static void test_http_chunks(void)
{
    static const struct {
        Str wire;
        bool ok;
        Str body;
        int rest;
    } rows[] = {
        {L("0\r\n\r\n"), true, L(""), 0},
        {L("3\r\nabc\r\n0\r\n\r\n"), true, L("abc"), 0},
        {L("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), true, L("abcde"), 0},
        {L("A\r\n0123456789\r\n000\r\n\r\n"), true, L("0123456789"), 0},
        {L("0a\r\n0123456789\r\n0\r\n\r\n"), true, L("0123456789"), 0},
        {L("3;name=value\r\nabc\r\n0;x\r\n\r\n"), true, L("abc"), 0},
        {L("3 ; n=\"v\"\r\nabc\r\n0\r\n\r\n"), true, L("abc"), 0},
        {L("3\r\nabc\r\n0\r\nX-Trailer: 1\r\nY: 2\r\n\r\n"), true, L("abc"), 0},
        {L("3\nabc\n0\n\n"), true, L("abc"), 0},
        {L("3\r\nabc\r\n0\r\n\r\nHTTP/1.1"), true, L("abc"), 8},
        {L("2\r\n\r\n\r\n0\r\n\r\n"), true, L("\r\n"), 0},
        /* ends too early */
        {L(""), false, L(""), 0},
        {L("3\r\nab"), false, L("ab"), 0},
        {L("3\r\nabc\r\n"), false, L("abc"), 0},
        {L("3\r\nabc\r\n0\r\n"), false, L("abc"), 0},
        {L("3\r\nabc\r\n0\r\n\r"), false, L("abc"), 0},
        /* malformed */
        {L("\r\n"), false, L(""), 0},
        {L(";x\r\n"), false, L(""), 0},
        {L("g\r\n"), false, L(""), 0},
        {L("3\r3\r\nabc\r\n0\r\n\r\n"), false, L(""), 0},
        {L("-1\r\n"), false, L(""), 0},
        {L("0x3\r\nabc"), false, L(""), 0},
        {L(" 3\r\nabc"), false, L(""), 0},
        {L("3\r\nabcd\r\n"), false, L("abc"), 0},
        {L("3\r\nabc0\r\n\r\n"), false, L("abc"), 0},
        {L("fffffffffffffffff\r\n"), false, L(""), 0},
        {L("10000000000000000\r\n"), false, L(""), 0},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(rows[i].wire);
        for (ptrdiff_t at = 0; at <= rows[i].wire.len; at++) {
            Arena arena = {0};
            Str body = {0};
            ptrdiff_t rest = 0;
            bool ok = unit_chunks(&arena, rows[i].wire, at, &body, &rest);
            CHECK_INT(ok, rows[i].ok);
            CHECK_STR(body, rows[i].body);
            CHECK_INT(rest, rows[i].rest);
            arena_free(&arena);
        }
    }
    Arena arena = {0};
    Str body = {0};
    ptrdiff_t rest = 0;
    unit_at(S("endless lines"));
    Str digits = unit_repeat(&arena, S("0"), 5000);
    CHECK(!unit_chunks(&arena, digits, 0, &body, &rest));
    CHECK(!unit_chunks(&arena, arena_printf(&arena, "1;%.*s", P(digits)), 0,
                       &body, &rest));
    CHECK(!unit_chunks(&arena, arena_printf(&arena, "0\r\n%.*s", P(digits)), 0,
                       &body, &rest));
    arena_free(&arena);
}

static void test_http_length(void)
{
    Arena arena = {0};
    HttpXfer *x = unit_xfer(&arena, S(""), S("abcdeHTTP"));
    unit_at(S("a body with a length"));
    x->framing = HTTP_LENGTH;
    x->left = 5;
    while (x->framing == HTTP_LENGTH && http_take_body(x))
        continue;
    CHECK_INT(x->framing, HTTP_NO_BODY);
    CHECK_STR(buf_str(&x->hold), S("abcde"));
    CHECK_INT(x->conn->in_len - x->conn->in_at, 4);
    unit_xfer_end(&arena, x);
}

static void test_http_asked_pause(void)
{
    static const struct {
        Str head; /* after "HTTP/1.1 " */
        int64_t pause;
    } rows[] = {
        {L("429 x\r\n\r\n"), -1},
        {L("429 x\r\nRetry-After: 0\r\n\r\n"), 0},
        {L("429 x\r\nRetry-After: 7\r\n\r\n"), 7000},
        {L("503 x\r\nRetry-After: 86400\r\n\r\n"), 86400000},
        {L("503 x\r\nRetry-After: 86401\r\n\r\n"), 86400000},
        {L("503 x\r\nRetry-After: 9223372036854775807\r\n\r\n"), 86400000},
        {L("503 x\r\nRetry-After: -7\r\n\r\n"), -1},
        {L("503 x\r\nRetry-After: soon\r\n\r\n"), -1},
        {L("503 x\r\nRetry-After: Mon, 23 Nov 1998 22:46:47 GMT\r\n\r\n"), 0},
        {L("429 x\r\nX-HubSpot-RateLimit-Remaining: 0\r\n"
           "X-HubSpot-RateLimit-Interval-Milliseconds: 10000\r\n\r\n"),
         10000},
        {L("429 x\r\nX-HubSpot-RateLimit-Remaining: 1\r\n"
           "X-HubSpot-RateLimit-Interval-Milliseconds: 10000\r\n\r\n"),
         -1},
        {L("503 x\r\nX-HubSpot-RateLimit-Remaining: 0\r\n"
           "X-HubSpot-RateLimit-Interval-Milliseconds: 10000\r\n\r\n"),
         -1},
        {L("429 x\r\nX-HubSpot-RateLimit-Remaining: 0\r\n"
           "X-HubSpot-RateLimit-Interval-Milliseconds: 90000\r\n\r\n"),
         -1},
        {L("429 x\r\nX-HubSpot-RateLimit-Remaining: 0\r\n"
           "X-HubSpot-RateLimit-Interval-Milliseconds: -7\r\n\r\n"),
         -1},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        HttpXfer *x = unit_xfer(&arena, S("HTTP/1.1 "), S(""));
        unit_at(rows[i].head);
        buf_add(&x->head, rows[i].head);
        CHECK(http_parse_head(x));
        int64_t pause = http_asked_pause(&x->res);
        CHECK_INT(pause < 0 ? -1 : pause, rows[i].pause);
        unit_xfer_end(&arena, x);
    }
    char when[64];
    time_t soon = time(NULL) + 30;
    struct tm tm = {0};
    gmtime_r(&soon, &tm);
    strftime(when, sizeof(when), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    Arena arena = {0};
    HttpRes res = {.status = 503};
    res.fields = arena_printf(&arena, "Retry-After: %s\r\n\r\n", when);
    unit_at(S("Retry-After with a date"));
    CHECK(http_asked_pause(&res) > 27000 && http_asked_pause(&res) <= 30000);
    arena_free(&arena);
}

static void test_http_redirect(void)
{
    static const struct {
        int status;
        Str location;
        bool follow;
        const char *host; /* NULL: not followed */
        const char *path;
        bool foreign;
    } rows[] = {
        {302, L("/b?c=d"), true, "h", "/b?c=d", false},
        {301, L("https://h/b"), true, "h", "/b", false},
        {303, L("https://H/b"), true, "H", "/b", false},
        {307, L("https://other/b"), true, "other", "/b", true},
        {308, L("https://h:8443/b"), true, "h", "/b", true},
        {302, L("https://h:443"), true, "h", "/", false},
        {302, L("/b#frag"), true, "h", "/b", false},
        {302, L("https://h/b#frag"), true, "h", "/b", false},
        {302, L("https://h?q"), true, "h", "/?q", false},
        {302, L("/b"), false, NULL, NULL, false},
        {302, L(""), true, NULL, NULL, false},
        {302, L("http://h/b"), true, NULL, NULL, false},
        {302, L("//evil/b"), true, "evil", "/b", true},
        {302, L("//h/b?q#f"), true, "h", "/b?q", false},
        {302, L("HTTPS://h/b"), true, "h", "/b", false},
        {302, L("https://u:p@h/b"), true, "h", "/b", false},
        {302, L("https://h/a/../b"), true, "h", "/b", false},
        {302, L("https://h/../../b"), true, "h", "/b", false},
        {302, L("https://h?x/../y"), true, "h", "/?x/../y", false},
        {302, L("x"), true, "h", "/p/q/x", false},
        {302, L("./x"), true, "h", "/p/q/x", false},
        {302, L("../x"), true, "h", "/p/x", false},
        {302, L("../../../x"), true, "h", "/x", false},
        {302, L(".."), true, "h", "/p/", false},
        {302, L("."), true, "h", "/p/q/", false},
        {302, L("x/"), true, "h", "/p/q/x/", false},
        {302, L("x/./y/.."), true, "h", "/p/q/x/", false},
        {302, L("x?../y"), true, "h", "/p/q/x?../y", false},
        {302, L("x:y"), true, NULL, NULL, false},
        {302, L("./x:y"), true, "h", "/p/q/x:y", false},
        {302, L("?q=2"), true, "h", "/p/q/r?q=2", false},
        {302, L("#f"), true, "h", "/p/q/r?old/x", false},
        {302, L("..x"), true, "h", "/p/q/..x", false},
        {302, L("%2e%2e/x"), true, "h", "/p/q/%2e%2e/x", false},
        {302, L("\\\\evil/x"), true, "h", "/p/q/%5C%5Cevil/x", false},
        {302, L("/\\evil/x"), true, "h", "/%5Cevil/x", false},
        {302, L("x y"), true, "h", "/p/q/x%20y", false},
        {302, L("https:x"), true, NULL, NULL, false},
        {302, L("https:/x?u=https://h/"), true, NULL, NULL, false},
        {302, L("///x"), true, NULL, NULL, false},
        {302, L("http:"), true, NULL, NULL, false},
        {302, L("1x://h/"), true, "h", "/p/q/1x://h/", false},
        {302, L("ftp://h/b"), true, NULL, NULL, false},
        {302, L("javascript:alert(1)"), true, NULL, NULL, false},
        {302, L("https://"), true, NULL, NULL, false},
        {302, L("https://h\\@evil/"), true, "evil", "/", true},
        {302, L("/a\tb"), true, NULL, NULL, false},
        {302, L("x\x7fy"), true, NULL, NULL, false},
        {302, L("/a HTTP/1.1"), true, "h", "/a%20HTTP/1.1", false},
        {200, L("/b"), true, NULL, NULL, false},
        {304, L("/b"), true, NULL, NULL, false},
        {404, L("/b"), true, NULL, NULL, false},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        HttpXfer *x = unit_xfer(&arena, S(""), S(""));
        unit_at(rows[i].location);
        x->req.follow = rows[i].follow;
        x->req.url.path = S("/p/q/r?old/x");
        x->res.status = rows[i].status;
        x->res.fields = arena_printf(&x->arena, "location: %.*s\r\n\r\n",
                                     P(rows[i].location));
        bool followed = http_redirect(x);
        CHECK_INT(followed, rows[i].host != NULL);
        if (followed && rows[i].host) {
            CHECK_STR(x->req.url.host, str_from(rows[i].host));
            CHECK_STR(x->req.url.path, str_from(rows[i].path));
            CHECK_INT(x->foreign, rows[i].foreign);
        }
        unit_xfer_end(&arena, x);
    }
    Arena arena = {0};
    HttpXfer *x = unit_xfer(&arena, S(""), S(""));
    x->req.follow = true;
    x->res = (HttpRes){.status = 302, .fields = S("Location: //other/\r\n")};
    int hops = 0;
    while (hops < 100 && http_redirect(x))
        hops++;
    unit_at(S("redirects without end"));
    CHECK_INT(hops, HTTP_REDIRECTS);
    x->redirects = 0;
    x->res.fields = S("Location: https://h/\r\n");
    CHECK(http_redirect(x) && x->foreign); /* once away, always away */
    unit_xfer_end(&arena, x);
}

static void test_http_pause(void)
{
    for (int tries = 1; tries < 40; tries++) {
        int64_t base = tries > 6 ? 16000 : 500LL << (tries - 1);
        bool fits = true;
        for (int i = 0; i < 50; i++) {
            int64_t pause = pool_pause(tries);
            fits &= pause >= base && pause < base + base / 5 && base <= 16000;
        }
        snprintf(unit_row, sizeof(unit_row), "try %d", tries);
        CHECK(fits);
    }
}

static void test_http_request(void)
{
    Arena arena = {0};
    HttpXfer *x = unit_xfer(&arena, S(""), S(""));
    unit_at(S("request"));
    x->req.method = S("POST");
    x->req.url.host = S("api.hubapi.com");
    x->req.url.path = S("/a?b=c");
    x->req.accept = S("application/json");
    x->req.content_type = S("application/json");
    x->req.authorization = secret_from(S("Bearer abc"));
    x->req.body = S("{}");
    x->req.has_body = true;
    http_build_request(x);
    CHECK_STR(x->out,
              S("POST /a?b=c HTTP/1.1\r\nHost: api.hubapi.com\r\n"
                "Authorization: Bearer abc\r\nUser-Agent: hs/" HS_VERSION
                "\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n"
                "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n"
                "{}"));
    x->foreign = true;
    http_build_request(x);
    CHECK_INT(str_find(x->out, S("Bearer")), -1);
    x->req.url.host = S("::1");
    x->req.url.port = 8443;
    http_build_request(x);
    CHECK(str_find(x->out, S("\r\nHost: [::1]:8443\r\n")) > 0);
    unit_xfer_end(&arena, x);
}

static void test_http_add(void)
{
    static const Str bad[] = {L("/a\r\nX: y"), L("/a\n"), L("/a\0b"),
                              L("/\x7f")};
    for (int i = 0; i < COUNT(bad); i++) {
        HttpPool pool = {0};
        HttpReq req = {.method = S("GET"),
                       .url = {.host = S("h"), .port = 443, .path = bad[i]}};
        snprintf(unit_row, sizeof(unit_row), "bad path %d", i);
        HttpXfer *x = pool_add(&pool, &req);
        CHECK_INT(x->state, HTTP_FAILED);
        CHECK_INT(x->err.code, EXIT_USAGE);
        CHECK(!pool.active);
        pool_end(x);
        req.url.path = S("/");
        req.authorization = secret_from(bad[i]);
        x = pool_add(&pool, &req);
        CHECK_INT(x->state, HTTP_FAILED);
        pool_end(x);
    }
}

static void test_http_proxy(void)
{
    static const struct {
        const char *name;
        const char *value;
        bool ok;
        const char *host; /* NULL: none */
        int port;
        bool socks;
    } rows[] = {
        {"HTTPS_PROXY", "", true, NULL, 0, false},
        {"HTTPS_PROXY", "http://p:3128", true, "p", 3128, false},
        {"https_proxy", "p:3128", true, "p", 3128, false},
        {"ALL_PROXY", "socks5://u:p@s", true, "s", 1080, true},
        {"all_proxy", "SOCKS5H://s:9", true, "s", 9, true},
        {"HTTP_PROXY", " http://p/ ", true, "p", 80, false},
        {"HTTPS_PROXY", "https://p", false, NULL, 0, false},
        {"HTTPS_PROXY", "socks4://p", false, NULL, 0, false},
        {"HTTPS_PROXY", "http://", false, NULL, 0, false},
        {"HTTPS_PROXY", "http://p:99999", false, NULL, 0, false},
        {"HTTPS_PROXY", "ftp://p", false, NULL, 0, false},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        Err err = {0};
        HttpPool pool;
        unit_at(str_from(rows[i].value));
        setenv(rows[i].name, rows[i].value, 1);
        CHECK_INT(http_init(&pool, &arena, NULL, NULL, 0, &err), rows[i].ok);
        CHECK_INT(err.code, rows[i].ok ? 0 : EXIT_USAGE);
        unsetenv(rows[i].name);
        if (rows[i].ok) {
            CHECK_STR(pool.proxy.host, str_from(rows[i].host));
            CHECK_INT(pool.proxy.port, rows[i].port);
            CHECK_INT(pool.socks, rows[i].socks);
        }
        arena_free(&arena);
    }
    unit_at(S("order of the variables"));
    Arena arena = {0};
    Err err = {0};
    HttpPool pool;
    setenv("HTTP_PROXY", "http://c", 1);
    setenv("ALL_PROXY", "http://b", 1);
    setenv("HTTPS_PROXY", "http://a", 1);
    CHECK(http_init(&pool, &arena, NULL, NULL, 0, &err));
    CHECK_STR(pool.proxy.host, S("a"));
    unsetenv("HTTPS_PROXY");
    CHECK(http_init(&pool, &arena, NULL, NULL, 0, &err));
    CHECK_STR(pool.proxy.host, S("b"));
    unsetenv("ALL_PROXY");
    unsetenv("HTTP_PROXY");
    arena_free(&arena);
}

static void test_http_proxy_basic(void)
{
    static const struct {
        Str user;
        Str basic;
    } rows[] = {
        {L("u"), L("dTo=")},
        {L("u:"), L("dTo=")},
        {L("u:p"), L("dTpw")},
        {L("u:pw"), L("dTpwdw==")},
        {L("a%40b:p%3Aw"), L("YUBiOnA6dw==")},
        {L("\xff\xff"), L("//86")},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        HttpPool pool = {.proxy = {.user = rows[i].user}};
        unit_at(rows[i].user);
        CHECK_STR(http_proxy_basic(&pool, &arena), rows[i].basic);
        arena_free(&arena);
    }
}

/* Only HubSpot's API sets its pace, and waits for it. */
static void test_http_pace(void)
{
    static const struct {
        bool api;
        bool foreign;
        bool paced;
    } rows[] = {
        {true, false, true}, {true, true, false}, {false, false, false}};
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        HttpPool pool = {.max_wait = 60000};
        HttpXfer *x = unit_xfer(&arena, S(""), S(""));
        x->req.api = rows[i].api;
        x->foreign = rows[i].foreign;
        x->res.fields = S("X-HubSpot-RateLimit-Max: 5\n"
                          "X-HubSpot-RateLimit-Remaining: 0\n"
                          "X-HubSpot-RateLimit-Interval-Milliseconds: 9000\n");
        snprintf(unit_row, sizeof(unit_row), "pace %d", i);
        pool_note_pace(&pool, x);
        CHECK_INT(pool.pace.most, rows[i].paced ? 5 : 0);
        pool.hold_until = os_now() + 9000;
        CHECK_INT(pool_wake_at(&pool, x), rows[i].paced ? pool.hold_until : 0);
        unit_xfer_end(&arena, x);
    }
}

/* An idle connection is not used after HTTP_IDLE_MS. (That of the test has no
 * TLS: it must not come to a look at it.) */
static void test_http_idle(void)
{
    Arena arena = {0};
    HttpPool pool = {0};
    HttpXfer *x = unit_xfer(&arena, S(""), S(""));
    unit_at(S("idle for too long"));
    pool.idle = http_new_conn(x, -1);
    pool.idle->idle_since = os_now() - HTTP_IDLE_MS - 1;
    CHECK(!http_take_idle(&pool, x));
    CHECK(!pool.idle);
    unit_xfer_end(&arena, x);
}

/* ---- 10 Loopback -------------------------------------------------------- */

static void test_loop_frame(void)
{
    static const struct {
        Str bytes;
        ptrdiff_t room;
        int got;
        int opcode;
        ptrdiff_t head;
        ptrdiff_t size;
    } rows[] = {
        {L(""), 9, 0, 0, 0, 0},
        {L("\x81"), 9, 0, 0, 0, 0},
        {L("\x81\x80"), 9, 0, 0, 0, 0},
        {L("\x81\x80mas"), 9, 0, 0, 0, 0},
        {L("\x81\x80mask"), 9, 1, LOOP_TEXT, 6, 0},
        {L("\x81\x89mask"), 9, 1, LOOP_TEXT, 6, 9},
        {L("\x01\x89mask123456789more"), 9, 1, LOOP_TEXT, 6, 9},
        {L("\x80\x83mask"), 9, 1, LOOP_MORE, 6, 3},
        {L("\x82\x83mask"), 9, 1, LOOP_BINARY, 6, 3},
        {L("\x88\x80mask"), 9, 1, LOOP_CLOSE, 6, 0},
        {L("\x89\xfdmask"), 9, 1, LOOP_PING, 6, 125}, /* no part of a message */
        {L("\x8a\x81mask"), 0, 1, LOOP_PONG, 6, 1},
        {L("\x81\x8amask"), 9, LOOP_TOO_BIG, 0, 0, 0},
        {L("\x81\x8a"), 9, LOOP_TOO_BIG, 0, 0, 0}, /* the mask is not needed */
        {L("\x81\xfe\x00"), 999, 0, 0, 0, 0},
        {L("\x81\xfe\x00\x7emask"), 999, 1, LOOP_TEXT, 8, 126},
        {L("\x81\xfe\x00\x7dmask"), 999, LOOP_PROTOCOL, 0, 0, 0},
        {L("\x81\xff\0\0\0\0\0\1\0"), 999, 0, 0, 0, 0},
        {L("\x81\xff\0\0\0\0\0\1\0\0mask"), 70000, 1, LOOP_TEXT, 14, 65536},
        {L("\x81\xff\0\0\0\0\0\0\xff\xffmask"), 70000, LOOP_PROTOCOL, 0, 0, 0},
        {L("\x81\xff\0\0\0\0\x40\0\0\0"), 16384, LOOP_TOO_BIG, 0, 0, 0},
        {L("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff"), 999, LOOP_TOO_BIG, 0, 0,
         0},
        {L("\x81\xff\x80\0\0\0\0\0\0\0"), 999, LOOP_PROTOCOL, 0, 0, 0},
        {L("\x81\x01x"), 9, LOOP_PROTOCOL, 0, 0, 0}, /* not masked */
        {L("\xc1\x81"), 9, LOOP_PROTOCOL, 0, 0, 0},  /* reserved bits */
        {L("\xa1\x81"), 9, LOOP_PROTOCOL, 0, 0, 0},
        {L("\x91\x81"), 9, LOOP_PROTOCOL, 0, 0, 0},
        {L("\x83\x81"), 9, LOOP_PROTOCOL, 0, 0, 0}, /* unknown opcodes */
        {L("\x87\x81"), 9, LOOP_PROTOCOL, 0, 0, 0},
        {L("\x8b\x81"), 9, LOOP_PROTOCOL, 0, 0, 0},
        {L("\x8f\x81"), 9, LOOP_PROTOCOL, 0, 0, 0},
        {L("\x09\x81"), 9, LOOP_PROTOCOL, 0, 0, 0},   /* control in fragments */
        {L("\x89\xfe"), 999, LOOP_PROTOCOL, 0, 0, 0}, /* and too long */
        {L("\x88\xff"), 999, LOOP_PROTOCOL, 0, 0, 0},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        LoopFrame frame = {0};
        unit_at(rows[i].bytes);
        int got = loop_frame(rows[i].bytes, rows[i].room, &frame);
        CHECK_INT(got, rows[i].got);
        if (got != 1)
            continue;
        CHECK_INT(frame.opcode, rows[i].opcode);
        CHECK_INT(frame.head, rows[i].head);
        CHECK_INT(frame.size, rows[i].size);
        CHECK(!memcmp(frame.mask, "mask", 4));
    }
}

static void test_loop_close_code(void)
{
    static const struct {
        Str payload;
        int code;
    } rows[] = {
        {L(""), 1000},
        {L("\x03"), LOOP_PROTOCOL},
        {L("\x03\xe7"), LOOP_PROTOCOL},
        {L("\x03\xe8"), 1000},
        {L("\x03\xe9gone"), 1001},
        {L("\x03\xec"), LOOP_PROTOCOL},
        {L("\x03\xed"), LOOP_PROTOCOL},
        {L("\x03\xee"), LOOP_PROTOCOL},
        {L("\x03\xf3"), 1011},
        {L("\x03\xf7"), LOOP_PROTOCOL},
        {L("\x0b\xb7"), LOOP_PROTOCOL},
        {L("\x0b\xb8"), 3000},
        {L("\x13\x87"), 4999},
        {L("\x13\x88"), LOOP_PROTOCOL},
        {L("\xff\xff"), LOOP_PROTOCOL},
        {L("\x03\xe8\xc3\xa4"), 1000},
        {L("\x03\xe8\xc3"), LOOP_NOT_UTF8},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(rows[i].payload);
        CHECK_INT(loop_close_code(rows[i].payload), rows[i].code);
    }
}

static void test_loop_request(void)
{
    static const struct {
        Str head;
        const char *method; /* NULL: refused */
        const char *target;
    } rows[] = {
        {L("GET / HTTP/1.1\r\n"), "GET", "/"},
        {L("GET /a?b=c HTTP/1.0\r\nHost: x\r\nA:\tb\r\n"), "GET", "/a?b=c"},
        {L("POST / HTTP/1.1\r\nA:\r\n"), "POST", "/"},
        {L("GET / HTTP/1.1\r\nA: \xc3\xa4\r\n"), "GET", "/"},
        {L("\r\n"), NULL, NULL},
        {L("GET /\r\n"), NULL, NULL},
        {L("GET  / HTTP/1.1\r\n"), NULL, NULL},
        {L("GET / HTTP/1.1 x\r\n"), NULL, NULL},
        {L("GET * HTTP/1.1\r\n"), NULL, NULL},
        {L("GET http://x/ HTTP/1.1\r\n"), NULL, NULL},
        {L("GET / HTTP/1.2\r\n"), NULL, NULL},
        {L("GET / HTTP/1.1\n"), NULL, NULL},
        {L("GET / HTTP/1.1\r\nA\r\n"), NULL, NULL},
        {L("GET / HTTP/1.1\r\n: b\r\n"), NULL, NULL},
        {L("GET / HTTP/1.1\r\nA : b\r\n"), NULL, NULL},
        {L("GET / HTTP/1.1\r\n A: b\r\n"), NULL, NULL},
        {L("GET / HTTP/1.1\r\nA: b\rc\r\n"), NULL, NULL},
        {L("GET / HTTP/1.1\r\nA: b\nC: d\r\n"), NULL, NULL},
        {L("GET / HTTP/1.1\r\nA: \0\r\n"), NULL, NULL},
        {L("GET / HTTP/1.1\r\nA: \x7f\r\n"), NULL, NULL},
        {L("GET / HTTP/1.1\r\nA: \x1b\r\n"), NULL, NULL},
    };
    Str head = S("GET / HTTP/1.1\r\nUpgrade:  websocket \r\n"
                 "connection: keep-alive , UPGRADE\r\n");
    for (int i = 0; i < COUNT(rows); i++) {
        Str method = {0};
        Str target = {0};
        unit_at(rows[i].head);
        bool ok = loop_request(rows[i].head, &method, &target);
        CHECK_INT(ok, rows[i].method != NULL);
        if (!ok || !rows[i].method)
            continue;
        CHECK_STR(method, str_from(rows[i].method));
        CHECK_STR(target, str_from(rows[i].target));
    }
    unit_at(head);
    CHECK_STR(loop_field(head, S("upgrade")), S("websocket"));
    CHECK_STR(loop_field(head, S("GET / HTTP/1.1")), S(""));
    CHECK_STR(loop_field(head, S("Origin")), S(""));
    CHECK(loop_field_has(head, S("Connection"), S("upgrade")));
    CHECK(!loop_field_has(head, S("Connection"), S("grade")));
}

/* The example of RFC 6455, 1.3. */
static void test_loop_accept(void)
{
    Arena arena = {0};
    unit_at(S("RFC 6455"));
    CHECK_STR(loop_accept(&arena, S("dGhlIHNhbXBsZSBub25jZQ==")),
              S("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    arena_free(&arena);
}

/* Listening fails, and so does accepting: nothing stays open. */
static void test_loop_open(void)
{
    static LoopServer server;
    LoopApp app = {0};
    int before = dup(STDIN_FILENO);
    for (int n = 1; n < 4; n++) {
        unit_at(n == 1   ? S("the first socket")
                : n == 2 ? S("the second socket")
                         : S("no socket"));
        os_test_errno = EMFILE;
        os_test_countdown = n;
        int code = loop_open(&server, &app, 0);
        CHECK_INT(code, n < 3 && os_test_countdown == 0 ? EMFILE : 0);
        os_test_countdown = 0;
        CHECK(code || (server.port > 0 && server.listening > 0));
        loop_close(&server);
    }
    os_test_errno = EIO;
    close(before);
    int after = dup(STDIN_FILENO);
    CHECK_INT(after, before);
    close(after);
}

/* ---- 11 Config ---------------------------------------------------------- */

/* A config made of text, through a file. */
static bool unit_config(Arena *arena, Str text, ConfigForm form, Config *config,
                        Err *err)
{
    unit_write_file("config.yml", text);
    return config_read_file(arena, S("config.yml"), form, config, err);
}

#define TWO_ACCOUNTS \
    "defaultAccount: 2\nhttpTimeout: 1000\naccounts:\n" \
    "  - name: one\n    accountId: 1\n    env: prod\n" \
    "    authType: personalaccesskey\n    personalAccessKey: key-one\n" \
    "  - name: two\n    accountId: '2'\n    env: QA\n    custom: kept\n" \
    "    authType: oauth2\n    auth:\n      clientId: c\n" \
    "      clientSecret: s\n      tokenInfo:\n        accessToken: t\n" \
    "        refreshToken: r\n        expiresAt: '2026-11-23T19:30:00.000Z'\n"

static void test_config_read(void)
{
    Arena arena = {0};
    Err err = {0};
    Config config;
    unit_at(S("read a config"));
    CHECK(
        unit_config(&arena, S(TWO_ACCOUNTS), CONFIG_DEPRECATED, &config, &err));
    CHECK_INT(config.form, CONFIG_GLOBAL);
    CHECK_INT(config.count, 2);
    CHECK_INT(config.timeout, CONFIG_TIMEOUT_MIN_MS);
    CHECK_STR(config.default_account, S("2"));
    CHECK_STR(secret_text(config.accounts[0].key), S("key-one"));
    CHECK_INT(config.accounts[0].auth, CONFIG_AUTH_KEY);
    CHECK_INT(config_expiry(&config.accounts[0]), -1);
    CHECK_INT(config.accounts[1].id, 2);
    CHECK(config.accounts[1].qa && !config.accounts[0].qa);
    CHECK_STR(secret_text(config.accounts[1].refresh_token), S("r"));
    CHECK_INT(config_expiry(&config.accounts[1]),
              unit_utc(2026, 11, 23, 19, 30, 0));
    CHECK(config_validate(&config, &err));
    unit_at(S("the deprecated form"));
    CHECK(unit_config(&arena,
                      S("defaultPortal: x\nportals:\n- portalId: 7\n"
                        "  name: x\n  sandboxAccountType: DEVELOPER\n"),
                      CONFIG_GLOBAL, &config, &err));
    CHECK_INT(config.form, CONFIG_DEPRECATED);
    CHECK_INT(config.accounts[0].id, 7);
    CHECK_STR(config.accounts[0].type, S("DEVELOPMENT_SANDBOX"));
    CHECK_STR(config.default_account, S("x"));
    CHECK_INT(config.timeout, CONFIG_TIMEOUT_MS);
    arena_free(&arena);
}

static void test_config_faults(void)
{
    static const struct {
        Str text;
        const char *fault; /* in the message; NULL: valid */
    } rows[] = {
        {L(TWO_ACCOUNTS), NULL},
        {L("accounts: []\n"), NULL}, /* the last one was removed */
        {L("portals: []\n"), NULL},
        {L("accounts: ~\n"), "is incomplete; another program may be writing"},
        {L("defaultAccount: 5\n"), "(it has no list of accounts)"},
        {L("httpTimeout: 5000\nmine: 1\n"), "(it has no list of accounts)"},
        {L(""), "is incomplete; another program may be writing it (it is emp"},
        {L(" \n\n"), "(it is empty)"},
        {L("accounts:\n- name: 'a"), "is incomplete; another program may be"},
        {L("services:\n  web: {image: nginx}\n"), "it is not a HubSpot config"},
        {L("{\"name\": \"x\"}\n"), "it is not a HubSpot config"},
        {L("{}\n"), "it is not a HubSpot config"},
        {L("# a comment\n"), "it does not hold settings (a map)"},
        {L("a: 1\n---\nb: 2\n"), "cannot read config.yml: line 2: a second "},
        {L("accounts: 5\n"), "line 1: accounts is not a list"},
        {L("accounts: {a: 1}\n"), "line 1: accounts is not a list"},
#define KEY_ACCOUNT(id, key) \
    "authType: personalaccesskey, " id ", personalAccessKey: " key "}\n"
        {L("accounts:\n- {" KEY_ACCOUNT(
             "accountId: 1", "k") "portals:\n"
                                  "- {" KEY_ACCOUNT("portalId: 1", "k")),
         NULL},
        {L("accounts:\n- {" KEY_ACCOUNT(
             "accountId: 1", "k") "portals:\n"
                                  "- {" KEY_ACCOUNT("portalId: 2", "k")),
         "its accounts and portals disagree"},
        {L("accounts:\n- {" KEY_ACCOUNT(
             "accountId: 1", "k") "portals:\n"
                                  "- {" KEY_ACCOUNT("portalId: 1", "other")),
         "its accounts and portals disagree"},
        {L("accounts:\n- {" KEY_ACCOUNT("accountId: 1", "k") "portals: []\n"),
         "its accounts and portals disagree"},
        {L("accounts: []\nportals:\n- {" KEY_ACCOUNT("portalId: 1", "k")),
         "its accounts and portals disagree"},
        {L("accounts:\n- {" KEY_ACCOUNT("accountId: 1", "k") "portals: ~\n"),
         NULL},
        {L("accounts:\n- {" KEY_ACCOUNT("accountId: 1, portalId: 2", "k")),
         "accountId and portalId of an account disagree"},
        {L("accounts:\n- {" KEY_ACCOUNT("accountId: 1, portalId: '1'", "k")),
         NULL},
        {L("defaultAccount: 1\ndefaultPortal: a\naccounts:\n"
           "- {name: a, " KEY_ACCOUNT("accountId: 1", "k")),
         NULL},
        {L("defaultAccount: 1\ndefaultPortal: b\naccounts:\n"
           "- {name: a, " KEY_ACCOUNT(
               "accountId: 1", "k") "- {name: b, " KEY_ACCOUNT("accountId: 2",
                                                               "k")),
         "its defaultAccount and defaultPortal disagree"},
        {L("defaultAccount: 1\ndefaultPortal: 2\nportals:\n"
           "- {name: a, " KEY_ACCOUNT(
               "portalId: 1", "k") "- {name: b, " KEY_ACCOUNT("portalId: 2",
                                                              "k")),
         "its defaultAccount and defaultPortal disagree"},
        {L("accounts: [5]\n"), "account 1, line 1: it has no valid account"},
        {L("accounts: [~]\n"), "it has no valid account id"},
        {L("accounts: [[]]\n"), "it has no valid account id"},
        {L("accounts:\n- {accountId: x, authType: apikey, apiKey: k}\n"),
         "account 1, line 2: it has no valid account id"},
        {L("accounts:\n- {accountId: 0, authType: apikey, apiKey: k}\n"),
         "it has no valid account id"},
        {L("accounts:\n- {accountId: -1, authType: apikey, apiKey: k}\n"),
         "it has no valid account id"},
        {L("accounts:\n- {accountId: 1.5, authType: apikey, apiKey: k}\n"),
         "it has no valid account id"},
        {L("accounts:\n- {accountId: 1, name: n}\n"),
         "account 1 (n), line 2: it has no authType"},
        {L("accounts:\n- {accountId: 1, authType: magic}\n"),
         "its authType is unknown"},
        {L("accounts:\n- {accountId: 1, authType: personalaccesskey}\n"),
         "it has no key"},
        {L("accounts:\n- {accountId: 1, authType: apikey,"
           " personalAccessKey: k}\n"),
         "it has no key"},
        {L("accounts:\n- {accountId: 1, authType: oauth2}\n"),
         "its auth block is incomplete"},
        {L("accounts:\n- {accountId: 1, authType: oauth2, auth: 7}\n"),
         "its auth block is incomplete"},
        {L("accounts:\n- {accountId: 1, authType: apikey, apiKey: k,"
           " name: 'a b'}\n"),
         "its name has white space"},
        {L("accounts:\n- {accountId: 1, authType: apikey, apiKey: k}\n"
           "- {accountId: 1, authType: apikey, apiKey: k}\n"),
         "account 2, line 3: its id stands twice"},
        {L("accounts:\n- {accountId: 1, name: A, authType: apikey,"
           " apiKey: k}\n"
           "- {accountId: 2, name: a, authType: apikey, apiKey: k}\n"),
         "account 2 (a), line 3: its name stands twice"},
        {L("- a\n"), "it does not hold settings (a map)"},
        {L("text\n"), "it does not hold settings (a map)"},
        {L("a: [\n"), "line 2: "},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        Err err = {0};
        Config config = {0};
        unit_at(rows[i].text);
        bool ok = unit_config(&arena, rows[i].text, CONFIG_GLOBAL, &config,
                              &err) &&
                  config_validate(&config, &err);
        CHECK_INT(ok, !rows[i].fault);
        CHECK_INT(err.code, rows[i].fault ? EXIT_CONFIG : 0);
        if (rows[i].fault && !strstr(err.message, rows[i].fault) &&
            !strstr(err.row, rows[i].fault)) {
            CHECK(false);
            printf("    no '%s' in: %s\n", rows[i].fault, err.message);
        }
        arena_free(&arena);
    }
}

/* The official client empties a config and writes it from its beginning, so
 * every beginning of one can be seen. A file that is young must look whole;
 * only at the end of an account is that more than a reader can tell. */
static void test_config_torn(void)
{
    const Str text = S(
        "defaultAccount: 1\ndefaultCmsPublishMode: publish\n"
        "httpTimeout: 30000\naccounts:\n"
        "  - name: acme\n    accountId: 1\n    env: prod\n"
        "    authType: personalaccesskey\n    personalAccessKey: >-\n"
        "      CiRuYTEtMDEyMzQ1Njc4OWFiY2RlZg\n    auth:\n      tokenInfo:\n"
        "        accessToken: >-\n          CJjkT0k3n\n"
        "        expiresAt: '2026-11-23T19:30:00.000Z'\n"
        "  - name: beta\n    accountId: 2\n    authType: personalaccesskey\n"
        "    personalAccessKey: k2\n    auth:\n      tokenInfo: {}\n");
    ptrdiff_t key = str_find(text, S("    auth:\n"));
    ptrdiff_t beta = str_find(text, S("  - name: beta\n"));
    for (ptrdiff_t n = 0; n <= text.len; n++) {
        Arena arena = {0};
        Err err = {0};
        Config config = {.path = S("it")};
        char *copy = malloc((size_t)n + 1); /* a guard for sanitizers */
        memcpy(copy, text.ptr, (size_t)n);
        Str part = {copy, n};
        snprintf(unit_row, sizeof(unit_row), "the first %td bytes", n);
        bool line = n && text.ptr[n - 1] == '\n';
        bool whole = line && ((n >= key && n <= beta) ||
                              n >= str_find(text, S("k2\n")) + 3);
        CHECK_INT(config_is_whole(&arena, part, true), whole);
        ConfigState state = config_parse(&arena, part, &config, &err);
        CHECK(state != CONFIG_BAD);
        config = (Config){.path = S("it")};
        if (state == CONFIG_TORN) {
            CHECK(config_salvage(&arena, part, &config));
            CHECK(config.count >= (n > beta));
        }
        free(copy);
        arena_free(&arena);
    }
}

/* As JavaScript's parseInt(text) gives, and no number that is no id. */
static void test_config_override(void)
{
    static const struct {
        Str text;
        int64_t id; /* 0: refused */
    } rows[] = {
        {L("123"), 123},
        {L("123\n"), 123},
        {L("123\r\n"), 123},
        {L("\xef\xbb\xbf"
           "123\r\n"),
         123},
        {L(" \t\v\f\n\xc2\xa0\xe2\x80\xa8 123 "), 123},
        {L("123 # acme"), 123},
        {L("123# acme"), 123},
        {L("123 // acme\n456\n"), 123},
        {L("123abc"), 123},
        {L("123.9"), 123},
        {L("1,234"), 1},
        {L("1e3"), 1},
        {L("1_000"), 1},
        {L("+123"), 123},
        {L("00123"), 123},
        {L("0x1F"), 31},
        {L("0X1fg"), 31},
        {L("000000000000000000123"), 123},
        {L("999999999999999"), 999999999999999},
        {L("9999999999999999"), 0},
        {L("99999999999999999999999999"), 0},
        {L(""), 0},
        {L("\n"), 0},
        {L("0"), 0},
        {L("0x"), 0},
        {L("-5"), 0},
        {L("- 5"), 0},
        {L("# 123"), 0},
        {L("acme 123"), 0},
        {L("'123'"), 0},
        {L("\0"
           "123"),
         0},
        {L("\xff\xfe"
           "1\0"
           "2\0"),
         0},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        int64_t id = 0;
        unit_at(rows[i].text);
        CHECK_INT(config_parse_override(rows[i].text, &id), rows[i].id > 0);
        if (rows[i].id)
            CHECK_INT(id, rows[i].id);
    }
}

static void test_config_from_env(void)
{
    static const struct {
        const char *set; /* NAME=value words */
        bool ok;
        int64_t id;
        ConfigAuth auth;
    } rows[] = {
        {"HUBSPOT_ACCOUNT_ID=7 HUBSPOT_PERSONAL_ACCESS_KEY=k", true, 7,
         CONFIG_AUTH_KEY},
        {"HUBSPOT_PORTAL_ID=7 HUBSPOT_API_KEY=k", true, 7, CONFIG_AUTH_API_KEY},
        {"HUBSPOT_ACCOUNT_ID=7 HUBSPOT_CLIENT_ID=c HUBSPOT_CLIENT_SECRET=s "
         "HUBSPOT_REFRESH_TOKEN=r",
         true, 7, CONFIG_AUTH_OAUTH2},
        {"HUBSPOT_PERSONAL_ACCESS_KEY=k", false, 0, CONFIG_AUTH_UNKNOWN},
        {"HUBSPOT_ACCOUNT_ID=x HUBSPOT_PERSONAL_ACCESS_KEY=k", false, 0,
         CONFIG_AUTH_UNKNOWN},
        {"HUBSPOT_ACCOUNT_ID=-1 HUBSPOT_PERSONAL_ACCESS_KEY=k", false, 0,
         CONFIG_AUTH_UNKNOWN},
        {"HUBSPOT_ACCOUNT_ID=7", false, 0, CONFIG_AUTH_UNKNOWN},
        {"HUBSPOT_ACCOUNT_ID=7 HUBSPOT_CLIENT_ID=c", false, 0,
         CONFIG_AUTH_UNKNOWN},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        Err err = {0};
        Config config = {0};
        Str rest = str_from(rows[i].set);
        unit_at(rest);
        while (rest.len) {
            Str value = str_cut(&rest, ' ');
            Str name = str_cut(&value, '=');
            setenv(arena_cstr(&arena, name), arena_cstr(&arena, value), 1);
        }
        CHECK_INT(config_from_env(&arena, &(ConfigWhere){0}, &config, &err),
                  rows[i].ok);
        if (rows[i].ok && config.count) {
            CHECK_INT(config.accounts[0].id, rows[i].id);
            CHECK_INT(config.accounts[0].auth, rows[i].auth);
        }
        rest = str_from(rows[i].set);
        while (rest.len) {
            Str value = str_cut(&rest, ' ');
            unsetenv(arena_cstr(&arena, str_cut(&value, '=')));
        }
        arena_free(&arena);
    }
}

static void unit_remove(const char *path)
{
    CHECK(!unlink(path) || errno == ENOENT);
}

/* Which account a command works on, and by whose word. */
static void test_config_choose(void)
{
    static const struct {
        const char *which;
        const char *settings;
        const char *override;
        ConfigForm form;
        const char *want; /* the id, or a part of the error */
    } rows[] = {
        {"", NULL, NULL, CONFIG_GLOBAL, "2"},
        {"one", NULL, NULL, CONFIG_GLOBAL, "1"},
        {"1", NULL, NULL, CONFIG_GLOBAL, "1"},
        {"3", NULL, NULL, CONFIG_GLOBAL, "4"}, /* a name of digits */
        {"One", NULL, NULL, CONFIG_GLOBAL, "Did you mean 'one'?"},
        {"zzzzzz", NULL, NULL, CONFIG_GLOBAL, "there is no account 'zzzzzz'"},
        {"", "{\"localDefaultAccount\":1,\"accounts\":[1]}", "4", CONFIG_GLOBAL,
         "1"},
        {"two", "{\"localDefaultAccount\":1}", "4", CONFIG_GLOBAL, "2"},
        {"", "{\"localDefaultAccount\":\"1\"}", NULL, CONFIG_GLOBAL, "1"},
        {"", "{\"accounts\":[1]}", "4", CONFIG_GLOBAL, "4"},
        {"", "{}", NULL, CONFIG_GLOBAL, "2"},
        {"", "{\"localDefaultAccount\":99}", NULL, CONFIG_GLOBAL,
         "names account 99, which is not in"},
        {"", "[]", NULL, CONFIG_GLOBAL, "it is not a JSON object"},
        {"", "{", NULL, CONFIG_GLOBAL, "is incomplete; another program may be"},
        {"", "{\"localDefaultAccount\":1,\"localDefaultAccount\":2}", NULL,
         CONFIG_GLOBAL, "duplicate key 'localDefaultAccount'"},
        {"", "{\"localDefaultAccount\":1,\"localDefault\\u0041ccount\":2}",
         NULL, CONFIG_GLOBAL, "duplicate key 'localDefaultAccount'"},
        {"", "{\"mine\":[{},{\"x\":1,\"y\":{},\"x\":1}]}", NULL, CONFIG_GLOBAL,
         "duplicate key 'x'"},
        {"", "{\"mine\":{\"accounts\":[1]},\"accounts\":[2],\"ACCOUNTS\":3}",
         "4", CONFIG_GLOBAL, "4"},
        {"", NULL, "4", CONFIG_GLOBAL, "4"},
        {"", NULL, " 4\n", CONFIG_GLOBAL, "4"},
        {"", NULL, "4", CONFIG_DEPRECATED, "2"},
        {"", NULL, "one", CONFIG_GLOBAL, "it does not hold an account id"},
        {"", NULL, "", CONFIG_GLOBAL, "it does not hold an account id"},
        {"", NULL, "0", CONFIG_GLOBAL, "it does not hold an account id"},
        {"", NULL, "99", CONFIG_GLOBAL, "names account 99, which is not in"},
        {"", "{\"localDefaultAccount\":1}", "4", CONFIG_ENVIRONMENT, "2"},
    };
    ConfigAccount accounts[] = {
        {.name = S("one"), .id = 1},
        {.name = S("two"), .id = 2},
        {.name = S("3"), .id = 4},
    };
    CHECK(!mkdir(".hs", 0700) || errno == EEXIST);
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        Err err = {0};
        ConfigChoice choice = {0};
        Config config = {.form = rows[i].form,
                         .is_global = rows[i].form == CONFIG_GLOBAL,
                         .path = S("config.yml"),
                         .accounts = accounts,
                         .count = 3,
                         .default_account = S("two")};
        snprintf(unit_row, sizeof(unit_row), "choice row %d", i);
        if (rows[i].settings)
            unit_write_file(".hs/settings.json", str_from(rows[i].settings));
        if (rows[i].override)
            unit_write_file(".hsaccount", str_from(rows[i].override));
        bool ok = config_choose(&arena, &config, str_from(rows[i].which),
                                &choice, &err);
        bool id = str_is_digit(rows[i].want[0]);
        CHECK_INT(ok, id);
        if (ok && id)
            CHECK_INT(choice.account->id, rows[i].want[0] - '0');
        else
            CHECK(strstr(err.message, rows[i].want) ||
                  strstr(err.hint, rows[i].want));
        unit_remove(".hs/settings.json");
        unit_remove(".hsaccount");
        arena_free(&arena);
    }
    Arena arena = {0};
    Err err = {0};
    ConfigChoice choice = {0};
    Config config = {.path = S("p"), .accounts = accounts, .count = 3};
    unit_at(S("no default"));
    CHECK(!config_choose(&arena, &config, S(""), &choice, &err));
    CHECK(strstr(err.message, "has no default"));
    rmdir(".hs");
    arena_free(&arena);
}

static void test_config_kebab(void)
{
    static const Str rows[][2] = {
        {L("HTTPServer2 east"), L("http-server2-east")},
        {L("My Portal"), L("my-portal")},
        {L("myPortal"), L("my-portal")},
        {L("MyPortal"), L("my-portal")},
        {L("my-portal"), L("myportal")},
        {L("my_portal"), L("myportal")},
        {L("Acme, Inc."), L("acme-inc")},
        {L("O'Brien & Sons"), L("o-brien-sons")},
        {L("  a \t b  "), L("a-b")},
        {L("ABC"), L("abc")},
        {L("ABc"), L("a-bc")},
        {L("ABCd"), L("ab-cd")},
        {L("ABC123"), L("a-b-c-123")},
        {L("Abc123"), L("abc123")},
        {L("abc123def"), L("abc123-def")},
        {L("123abc"), L("123-abc")},
        {L("2024 Portal"), L("2024-portal")},
        {L("a1B2"), L("a1-b-2")},
        {L("A"), L("a")},
        {L("AB CD"), L("ab-cd")},
        {L("iPhone"), L("i-phone")},
        {L("a/b.c:d;e"), L("abcde")},
        {L("(a) {b} ~c~ `d` \"e\" #f !g $h %i ^j *k =l"),
         L("a-b-c-d-e-f-g-h-i-j-k-l")},
        {L("a@b"), L("a-b")},
        {L("a+b"), L("a-b")},
        {L("R<D>x[1]|\\?"), L("r-d-x-1")},
        {L(""), L("")},
        {L(" "), L("")},
        {L("!!!"), L("")},
        {L("\n"), L("")},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        unit_at(rows[i][0]);
        CHECK_STR(config_kebab_case(&arena, rows[i][0]), rows[i][1]);
        arena_free(&arena);
    }
}

static void test_config_names(void)
{
    static const struct {
        Str name;
        bool ok;
    } rows[] = {
        {L("new"), true},    {L("\xc3\xbc"), true}, {L("own"), true},
        {L("OWN"), true},    {L("123"), true},      {L("1"), true},
        {L(""), false},      {L("a b"), false},     {L("a\tb"), false},
        {L("a\nb"), false},  {L("\x7f"), false},    {L("other"), false},
        {L("OTHER"), false}, {L("2"), false},       {L("\0"), false},
        {L("\xff"), false}, /* could not be written as YAML */
    };
    ConfigAccount accounts[] = {{.name = S("own"), .id = 1},
                                {.name = S("other"), .id = 2}};
    Config config = {.accounts = accounts, .count = 2};
    for (int i = 0; i < COUNT(rows); i++) {
        Err err = {0};
        unit_at(rows[i].name);
        CHECK_INT(config_check_name(&config, rows[i].name, 1, &err),
                  rows[i].ok);
        CHECK_INT(err.code, rows[i].ok ? 0 : EXIT_USAGE);
    }
}

static bool unit_apply(ConfigEdit *edit, void *context, Err *err)
{
    const ConfigAccount *account = context;
    if (!config_edit_put(edit, account, err))
        return false;
    config_edit_default(edit, account);
    return true;
}

/* Changes one account, or adds it, as a sign-in does. */
static bool unit_sign_in(Str path, ConfigAccount *account, Err *err)
{
    Arena arena = {0};
    ConfigChange change = {.place = {path, CONFIG_GLOBAL, true},
                           .brief = true,
                           .apply = unit_apply,
                           .context = account};
    bool ok = config_change(&arena, &change, err);
    arena_free(&arena);
    return ok;
}

static ConfigAccount unit_account(int64_t id)
{
    return (ConfigAccount){
        .name = S("new"),
        .id = id,
        .auth = CONFIG_AUTH_KEY,
        .auth_name = S("personalaccesskey"),
        .type = S("STANDARD"),
        .key = secret_from(S("new-key")),
        .access_token = secret_from(S("new-token")),
        .expires_at = 1795474007000,
    };
}

static void test_config_edit(void)
{
    Arena arena = {0};
    Err err = {0};
    ConfigAccount account = unit_account(3);
    unit_at(S("a new file"));
    CHECK(unit_sign_in(S("fresh/config.yml"), &account, &err));
    CHECK_STR(unit_read_file(&arena, "fresh/config.yml"),
              S("defaultAccount: 3\n"
                "accounts:\n- name: new\n  accountId: 3\n  env: prod\n"
                "  authType: personalaccesskey\n  accountType: STANDARD\n"
                "  personalAccessKey: new-key\n  auth:\n    tokenInfo:\n"
                "      accessToken: new-token\n"
                "      expiresAt: '2026-11-23T22:46:47.000Z'\n"));
    struct stat st = {0};
    CHECK(!stat("fresh/config.yml", &st) && (st.st_mode & 0777) == 0600);
    CHECK(!stat("fresh", &st) && (st.st_mode & 0777) == 0700);
    CHECK(!os_exists(&arena, S("fresh/" OS_TMP)));
    unit_remove("fresh/config.yml");
    rmdir("fresh");
    unit_at(S("in place, what is unknown kept, a link followed"));
    unit_write_file("real.yml", S(TWO_ACCOUNTS));
    CHECK(!symlink("real.yml", "link.yml"));
    account = unit_account(2);
    CHECK(unit_sign_in(S("link.yml"), &account, &err));
    CHECK(!lstat("link.yml", &st) && S_ISLNK(st.st_mode));
    Str text = unit_read_file(&arena, "real.yml");
    CHECK(str_find(text, S("  custom: kept\n")) > 0);
    CHECK(str_find(text, S("      clientId: c\n")) < 0 ||
          str_find(text, S("clientSecret: s\n")) > 0);
    CHECK(str_find(text, S("key-one")) > 0);
    CHECK(str_starts(text, S("defaultAccount: 2\nhttpTimeout: 1000\n")));
    unit_remove("link.yml");
    unit_remove("real.yml");
    arena_free(&arena);
}

/* Another program that opened a file before it was replaced writes into the old
 * one, which has no name any more; one that opens it later, into the new one. */
static void test_config_stays(void)
{
    Arena arena = {0};
    const Str theirs = S("httpTimeout: 9000\n" TWO_ACCOUNTS);
    unit_at(S("what is written into the replaced file is kept"));
    unit_write_file("stays.yml", S(TWO_ACCOUNTS));
    ConfigFile file = {.arena = &arena,
                       .source = {.path = S("stays.yml"),
                                  .max = YAML_MAX,
                                  .is_whole = config_is_whole},
                       .real = S("stays.yml")};
    CHECK_INT(config_view(&arena, &file.source, &file.view), 0);
    int other = open("stays.yml", O_WRONLY | O_CLOEXEC);
    file.stamp = file.view.stamp;
    CHECK_INT(os_replace_file(&arena, S("stays.yml"), S("accounts: []\n"), 0600,
                              &file.stamp),
              0);
    CHECK(config_stays(&file));
    CHECK(!ftruncate(other, 0) && !os_write_all(other, theirs));
    close(other);
    CHECK(!config_stays(&file));
    CHECK_STR(file.rescued, theirs);
    os_close(file.view.fd);
    unit_at(S("a write in place undoes, a new file is another run's"));
    file.view.fd = -1;
    unit_write_file("stays.yml", theirs);
    CHECK(!config_stays(&file));
    CHECK(!file.rescued.len);
    CHECK_INT(os_replace_file(&arena, S("stays.yml"), theirs, 0600, NULL), 0);
    CHECK(config_stays(&file));
    unit_at(S("only the version that was read is replaced"));
    file.stamp.size++;
    CHECK_INT(
        os_replace_file(&arena, S("stays.yml"), S("x"), 0600, &file.stamp),
        ESTALE);
    CHECK_STR(unit_read_file(&arena, "stays.yml"), theirs);
    file.stamp = (OsStamp){0};
    CHECK_INT(
        os_replace_file(&arena, S("stays.yml"), S("x"), 0600, &file.stamp),
        ESTALE);
    unit_remove("stays.yml");
    arena_free(&arena);
}

/* Never fewer accounts than there were, but for those that were removed. */
static void test_config_loss(void)
{
    ConfigAccount some[] = {{.id = 1}, {.id = 2}, {.id = 3}, {.id = 3}};
    const Config three = {.accounts = some, .count = 3, .path = S("p")};
    const Config two = {.accounts = some, .count = 2, .path = S("p")};
    const Config twins = {.accounts = some + 1, .count = 3, .path = S("p")};
    const Config none = {.path = S("p")};
    Err err = {0};
    CHECK(config_check_loss(&two, &three, 0, &err));
    CHECK(config_check_loss(&three, &two, 1, &err));
    CHECK(config_check_loss(&none, &two, 0, &err));
    CHECK_INT(err.code, 0);
    CHECK(!config_check_loss(&three, &two, 0, &err));
    CHECK(!config_check_loss(&three, &none, 2, &err));
    CHECK(!config_check_loss(&three, &twins, 0, &err)); /* 1 became another */
    CHECK_INT(err.code, EXIT_CONFIG);
}

/* Accounts that share a block by an alias or a merge key: the token of one
 * must not become the other's. */
static void test_config_shared_block(void)
{
    static const Str files[] = {
        L("accounts:\n- &one\n  accountId: 1\n"
          "  authType: personalaccesskey\n  personalAccessKey: k1\n"
          "  auth: &a {tokenInfo: {accessToken: token-one}}\n"
          "- accountId: 2\n  authType: personalaccesskey\n"
          "  personalAccessKey: k2\n  auth: *a\n"),
        L("accounts:\n- &one\n  accountId: 1\n"
          "  authType: personalaccesskey\n  personalAccessKey: k1\n"
          "  auth: {tokenInfo: {accessToken: token-one}}\n"
          "- <<: *one\n  accountId: 2\n  personalAccessKey: k2\n"),
        L("accounts:\n- accountId: 1\n"
          "  authType: personalaccesskey\n  personalAccessKey: k1\n"
          "  auth: {tokenInfo: &t {accessToken: token-one}}\n"
          "- accountId: 2\n  authType: personalaccesskey\n"
          "  personalAccessKey: k2\n  auth: {tokenInfo: *t}\n"),
        L("accounts:\n- &one\n  accountId: 1\n"
          "  authType: personalaccesskey\n  personalAccessKey: k1\n"
          "  auth: {tokenInfo: {expiresAt: 2026-11-23, accessToken: token-one}}"
          "\n- <<: *one\n  accountId: 2\n  personalAccessKey: k2\n"),
    };
    for (int i = 0; i < COUNT(files); i++) {
        Arena arena = {0};
        Err err = {0};
        Config config = {0};
        ConfigAccount account = unit_account(2);
        unit_at(files[i]);
        unit_write_file("shared.yml", files[i]);
        CHECK(unit_sign_in(S("shared.yml"), &account, &err));
        CHECK(config_read_file(&arena, S("shared.yml"), CONFIG_GLOBAL, &config,
                               &err));
        CHECK_INT(config.count, 2);
        CHECK_STR(secret_text(config.accounts[0].access_token), S("token-one"));
        CHECK_STR(secret_text(config.accounts[1].access_token), S("new-token"));
        unit_remove("shared.yml");
        arena_free(&arena);
    }
}

/* What a save leaves can be read again, or the save was refused and the file
 * is as it was: at the limit of bytes, and where libyaml's emitter writes a
 * tag that its parser does not take. */
static void test_config_unwritable(void)
{
    Arena arena = {0};
    Str big = arena_printf(&arena, "x: %.*s\n" TWO_ACCOUNTS,
                           P(unit_repeat(&arena, S("x"), MIB - 700)));
    const Str files[] = {
        big,
        S("x: !<tag:yaml.org,2002:a,b> 1\n" TWO_ACCOUNTS),
    };
    ConfigAccount account = unit_account(3);
    for (int i = 0; i < COUNT(files); i++) {
        Err err = {0};
        Config config = {0};
        snprintf(unit_row, sizeof(unit_row), "unwritable %d", i);
        CHECK(files[i].len <= YAML_MAX);
        unit_write_file("big.yml", files[i]);
        bool ok = unit_sign_in(S("big.yml"), &account, &err);
        CHECK_INT(err.code, ok ? 0 : EXIT_CONFIG);
        CHECK(ok || str_eq(unit_read_file(&arena, "big.yml"), files[i]));
        err = (Err){0};
        CHECK(config_read_file(&arena, S("big.yml"), CONFIG_GLOBAL, &config,
                               &err));
        CHECK_INT(config.count, ok ? 3 : 2);
        unit_remove("big.yml");
    }
    arena_free(&arena);
}

/* After a failed save: no temporary file, no lock left held. */
static void unit_nothing_left(Arena *arena)
{
    int lock = -1;
    CHECK(!os_exists(arena, S(OS_TMP)));
    CHECK_INT(os_lock(arena, S("fault.yml"), 0, &lock), 0);
    os_unlock(arena, S("fault.yml"), lock);
}

/*
 * SQLite's way: the first system call fails, then the second, and so on until
 * the run succeeds. The file is the old one to the byte, or, where the call
 * came after the rename, the new one to the byte.
 */
static void test_config_faulty_disk(void)
{
    static const int codes[] = {EIO, ENOSPC, EACCES};
    const Str old = S(TWO_ACCOUNTS "# a comment\n");
    ConfigAccount account = unit_account(2);
    for (int c = 0; c < COUNT(codes); c++) {
        Arena arena = {0};
        Err err = {0};
        bool done = false;
        int changed = 0;
        unit_write_file("fault.yml", old);
        CHECK(unit_sign_in(S("fault.yml"), &account, &err));
        Str new = unit_read_file(&arena, "fault.yml");
        CHECK(!str_eq(old, new));
        for (int n = 1; n < 100 && !done; n++) {
            snprintf(unit_row, sizeof(unit_row), "call %d fails: %s", n,
                     strerror(codes[c]));
            unit_write_file("fault.yml", old);
            err = (Err){0};
            os_test_errno = codes[c];
            os_test_countdown = n;
            bool ok = unit_sign_in(S("fault.yml"), &account, &err);
            done = os_test_countdown > 0;
            os_test_countdown = 0;
            CHECK_INT(ok, done);
            CHECK_INT(err.code, ok ? 0 : EXIT_CONFIG);
            Str now = unit_read_file(&arena, "fault.yml");
            CHECK(str_eq(now, ok ? new : old) || (!ok && str_eq(now, new)));
            changed += !ok && str_eq(now, new);
            unit_nothing_left(&arena);
        }
        CHECK(done);
        CHECK_INT(changed, 1); /* only the sync of the folder comes after */
        unit_remove("fault.yml");
        arena_free(&arena);
    }
}

/* The same for a file that is not there yet: it is whole, or absent. */
static void test_config_faulty_start(void)
{
    ConfigAccount account = unit_account(2);
    bool done = false;
    os_test_errno = ENOSPC;
    for (int n = 1; n < 100 && !done; n++) {
        Arena arena = {0};
        Err err = {0};
        Config config = {0};
        snprintf(unit_row, sizeof(unit_row), "new file, call %d fails", n);
        os_test_countdown = n;
        bool ok = unit_sign_in(S("new/config.yml"), &account, &err);
        done = os_test_countdown > 0;
        os_test_countdown = 0;
        CHECK_INT(ok, done);
        if (os_exists(&arena, S("new/config.yml")))
            CHECK(config_read_file(&arena, S("new/config.yml"), CONFIG_GLOBAL,
                                   &config, &err) ||
                  err.code == EXIT_CONFIG);
        else
            CHECK(!ok);
        CHECK_INT(config.count, os_exists(&arena, S("new/config.yml")));
        CHECK(!os_exists(&arena, S("new/" OS_TMP)));
        unit_remove("new/config.yml");
        CHECK(!rmdir("new") || errno == ENOENT);
        arena_free(&arena);
    }
    CHECK(done);
}

/* ---- 11 Config: accounts, linked folders, migration ---------------------- */

/* The text of a copy of `text`'s root; empty where there was none. */
static Str unit_cloned(Arena *arena, Str text, int depth, int room)
{
    Err err = {0};
    YamlNode *root = NULL;
    Str out = {0};
    CHECK(yaml_read(arena, text, &root, &err));
    YamlNode *copy = root ? yaml_clone(arena, root, depth, &room) : NULL;
    CHECK(!copy || yaml_write(arena, copy, &out));
    return out;
}

static void test_yaml_clone(void)
{
    static const struct {
        Str text;
        Str copy;
    } rows[] = {
        {L("a: 1\nb: '1'\nc: ~\nd: []\ne: {}\n"),
         L("a: 1\nb: '1'\nc: ~\nd: []\ne: {}\n")},
        {L("a: &x {k: 1}\nb: *x\nc: [*x]\n"),
         L("a: {k: 1}\nb: {k: 1}\nc: [{k: 1}]\n")},
        {L("a: &x t\nb: *x\n"), L("a: t\nb: t\n")},
        {L("a: &x {k: 1, l: 2}\nb:\n  <<: *x\n  k: own\n"),
         L("a: {k: 1, l: 2}\nb:\n  k: own\n  l: 2\n")},
        {L("a: &x {k: 1}\nb: &y {k: 2, l: 3}\nc:\n  <<: [*x, *y]\n"),
         L("a: {k: 1}\nb: {k: 2, l: 3}\nc:\n  k: 1\n  l: 3\n")},
        {L("a: &x {k: 1}\nb: &y\n  <<: *x\n  l: 2\nc:\n  <<: *y\n"),
         L("a: {k: 1}\nb:\n  l: 2\n  k: 1\nc:\n  l: 2\n  k: 1\n")},
        {L("- &x [1]\n- *x\n"), L("- [1]\n- [1]\n")},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        unit_at(rows[i].text);
        CHECK_STR(unit_cloned(&arena, rows[i].text, YAML_DEPTH, YAML_NODES),
                  rows[i].copy);
        arena_free(&arena);
    }
}

/* Aliases of aliases make a small file a large one: the copy has bounds. */
static void test_yaml_clone_limits(void)
{
    Arena arena = {0};
    Str bomb = S("a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\n"
                 "c: &c [*b, *b, *b, *b]\nd: [*c, *c, *c, *c]\n");
    /* 1 root; 5, 21, 85 and 341 nodes */
    unit_at(S("clone: room"));
    CHECK(unit_cloned(&arena, bomb, YAML_DEPTH, 453).len > 0);
    CHECK(!unit_cloned(&arena, bomb, YAML_DEPTH, 452).len);
    CHECK(!unit_cloned(&arena, bomb, YAML_DEPTH, 0).len);
    unit_at(S("clone: depth"));
    CHECK(unit_cloned(&arena, bomb, 6, 453).len > 0);
    CHECK(!unit_cloned(&arena, bomb, 5, 453).len);
    CHECK(!unit_cloned(&arena, bomb, 0, 453).len);
    arena_free(&arena);
}

/* A copy is nobody else's: what is changed in it stays there. */
static void test_yaml_clone_is_apart(void)
{
    Arena arena = {0};
    Err err = {0};
    Str out = {0};
    int room = YAML_NODES;
    YamlNode *root = NULL;
    unit_at(S("clone: apart"));
    CHECK(yaml_read(&arena, S("a: &x {k: 1}\nb: *x\n"), &root, &err));
    YamlNode *copy = yaml_clone(&arena, root, YAML_DEPTH, &room);
    CHECK_INT(room, YAML_NODES - 5);
    if (copy) {
        yaml_set(&arena, yaml_get(copy, "b"), "k", yaml_new_int(&arena, 2));
        yaml_remove_key(copy, "a");
        CHECK(yaml_write(&arena, copy, &out));
        CHECK_STR(out, S("b: {k: 2}\n"));
    }
    CHECK(yaml_write(&arena, root, &out));
    CHECK_STR(out, S("a: &x {k: 1}\nb: *x\n"));
    arena_free(&arena);
}

static void test_yaml_remove(void)
{
    static const struct {
        const char *key;
        Str left;
    } rows[] = {
        {"a", L("b: 2\nc: 3\nz: 0\n")},
        {"b", L("a: 1\nc: 3\nz: 0\n")},
        {"c", L("a: 1\nb: 2\nz: 0\n")},
        {"none", L("a: 1\nb: 2\nc: 3\nz: 0\n")},
    };
    Arena arena = {0};
    Err err = {0};
    Str out = {0};
    YamlNode *root = NULL;
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(str_from(rows[i].key));
        CHECK(yaml_read(&arena, S("a: 1\nb: 2\nc: 3\n"), &root, &err));
        yaml_remove_key(root, rows[i].key);
        yaml_set(&arena, root, "z", yaml_new_int(&arena, 0));
        CHECK_INT(root->count, i == COUNT(rows) - 1 ? 4 : 3);
        CHECK(yaml_write(&arena, root, &out));
        CHECK_STR(out, rows[i].left);
    }
    unit_at(S("all of a list, then one again"));
    CHECK(yaml_read(&arena, S("- 1\n- 2\n"), &root, &err));
    yaml_remove(root, root->last);
    yaml_remove(root, root->first);
    CHECK(!root->first && !root->last && !root->count);
    yaml_append(root, yaml_new_int(&arena, 3));
    CHECK(yaml_write(&arena, root, &out));
    CHECK_STR(out, S("- 3\n"));
    arena_free(&arena);
}

/* Requests that fail at once, many at a time: each is told of once. */
typedef struct {
    HttpReq req;
    int count;
    int begun;
    int told[HTTP_ACTIVE];
    int failed;
} UnitMany;

static bool unit_many_next(void *to, HttpReq *req, void **mark)
{
    UnitMany *many = to;
    if (many->begun == many->count)
        return false;
    *req = many->req;
    *mark = &many->told[many->begun++];
    return true;
}

static void unit_many_ended(void *to, void *mark, const HttpResult *result)
{
    UnitMany *many = to;
    int *told = mark;
    ++*told;
    many->failed += !result->res && result->err->code == EXIT_USAGE;
}

static void test_http_run_many(void)
{
    static const int rows[][2] = {{0, 1},  {1, 1},  {5, 1},   {5, 2},
                                  {5, 5},  {5, 16}, {16, 16}, {17, 16},
                                  {64, 3}, {64, 64}};
    for (int i = 0; i < COUNT(rows); i++) {
        HttpPool pool = {0};
        UnitMany told = {
            .req = {.method = S("GET"),
                    .url = {.host = S("h"), .port = 443, .path = S("/\n")}},
            .count = rows[i][0]};
        HttpMany many = {.to = &told,
                         .width = rows[i][1],
                         .next = unit_many_next,
                         .ended = unit_many_ended};
        snprintf(unit_row, sizeof(unit_row), "%d requests, %d at a time",
                 rows[i][0], rows[i][1]);
        pool_run_many(&pool, &many);
        CHECK_INT(told.failed, told.count);
        for (int k = 0; k < COUNT(told.told); k++)
            CHECK_INT(told.told[k], k < told.count);
        CHECK(!pool.active);
    }
}

#define OLD_ACME \
    "defaultPortal: acme\nportals:\n- {name: acme, portalId: 1, " \
    "authType: personalaccesskey, personalAccessKey: k}\n"
#define NEW_ACME(id) \
    "defaultAccount: " #id "\naccounts:\n- {name: acme, accountId: " #id \
    ", authType: personalaccesskey, personalAccessKey: k}\n"

/* What a migration has to decide, as "key now old;" or "#id name renamed;". */
static void test_config_find_clashes(void)
{
    static const struct {
        Str old;
        Str now;
        Str clashes;
    } rows[] = {
        {L(OLD_ACME), L(NEW_ACME(1)), L("")},
        {L("httpTimeout: 1\n" OLD_ACME), L("httpTimeout: 1\n" NEW_ACME(1)),
         L("")},
        {L("httpTimeout: 1\n" OLD_ACME), L("httpTimeout: '1'\n" NEW_ACME(1)),
         L("")},
        {L("httpTimeout: 1\n" OLD_ACME), L("httpTimeout: 2\n" NEW_ACME(1)),
         L("httpTimeout 2 1;")},
        {L("httpTimeout: 1\n" OLD_ACME), L(NEW_ACME(1)), L("")},
        {L(OLD_ACME), L("httpTimeout: 1\n" NEW_ACME(1)), L("")},
        {L("httpTimeout: ~\n" OLD_ACME), L("httpTimeout: 1\n" NEW_ACME(1)),
         L("")},
        {L("httpTimeout: 1\n" OLD_ACME), L("httpTimeout: ~\n" NEW_ACME(1)),
         L("")},
        {L("defaultMode: draft\n" OLD_ACME),
         L("defaultCmsPublishMode: publish\n" NEW_ACME(1)),
         L("defaultCmsPublishMode publish draft;")},
        {L("defaultMode: draft\n" OLD_ACME),
         L("defaultCmsPublishMode: draft\n" NEW_ACME(1)), L("")},
        {L("flags: [a]\n" OLD_ACME), L("flags: [b]\n" NEW_ACME(1)), L("")},
        {L("mine: 1\n" OLD_ACME), L("mine: 2\n" NEW_ACME(1)), L("mine 2 1;")},
        {L("mine: [1]\n" OLD_ACME), L("mine: 2\n" NEW_ACME(1)),
         L("mine 2 (a list or map);")},
        /* the name is another account's: with it, the default differs */
        {L(OLD_ACME), L(NEW_ACME(2)),
         L("defaultAccount acme acme;"
           "#1 acme acme_1;")},
        {L("defaultPortal: none\nportals:\n- {name: ACME, portalId: 1, "
           "authType: apikey, apiKey: k}\n"),
         L(NEW_ACME(2)), L("#1 ACME ACME_1;")},
        /* white space goes, and what has no key is no account to take over */
        {L("portals:\n- {name: ' acme', portalId: 1, authType: apikey, "
           "apiKey: k}\n"),
         L(NEW_ACME(2)), L("#1 acme acme_1;")},
        {L("portals:\n- {name: ACME, portalId: 1, authType: apikey}\n"),
         L(NEW_ACME(2)), L("")},
        {L("portals:\n- {name: other, portalId: 2}\n"), L(NEW_ACME(2)), L("")},
        {L("portals:\n- {portalId: 1}\n- {name: acme}\n"), L(NEW_ACME(2)),
         L("")},
        {L(""), L(NEW_ACME(2)), L("")},
        {L(OLD_ACME), L(""), L("")},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        Err err = {0};
        Config old = {.form = CONFIG_DEPRECATED};
        Config now = {.form = CONFIG_GLOBAL};
        Buf out = buf_new(&arena, 4 * KIB);
        unit_at(rows[i].old);
        if (rows[i].old.len)
            CHECK(unit_config(&arena, rows[i].old, CONFIG_DEPRECATED, &old,
                              &err));
        if (rows[i].now.len)
            CHECK(unit_config(&arena, rows[i].now, CONFIG_GLOBAL, &now, &err));
        ConfigClashes list = config_find_clashes(&arena, &old, &now);
        for (int k = 0; k < list.count; k++) {
            const ConfigClash *clash = &list.clash[k];
            CHECK(!clash->take);
            if (clash->key.len)
                buf_printf(&out, "%.*s %.*s %.*s;", P(clash->key),
                           P(clash->now), P(clash->old));
            else
                buf_printf(&out, "#%" PRId64 " %.*s %.*s;", clash->id,
                           P(clash->old), P(clash->renamed));
        }
        CHECK_STR(buf_str(&out), rows[i].clashes);
        arena_free(&arena);
    }
    unit_remove("config.yml");
}

static void test_config_free_name(void)
{
    static const struct {
        Str wanted;
        Str name;
    } rows[] = {
        {L("free"), L("free")},     {L("own"), L("own")},
        {L("other"), L("own_1_2")}, {L("OTHER"), L("own_1_2")},
        {L("third"), L("own_1_2")}, {L(""), L("")},
    };
    ConfigAccount accounts[] = {{.name = S("own"), .id = 1},
                                {.name = S("other"), .id = 2},
                                {.name = S("third"), .id = 3},
                                {.name = S("OWN_1_2"), .id = 4},
                                {.name = S("own_1_3"), .id = 5}};
    Config config = {.accounts = accounts, .count = 3};
    Arena arena = {0};
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(rows[i].wanted);
        CHECK_STR(
            config_free_name(&arena, &config, &accounts[0], rows[i].wanted),
            rows[i].name);
    }
    unit_at(S("the next ones are taken, too"));
    config.count = COUNT(accounts);
    CHECK_STR(config_free_name(&arena, &config, &accounts[0], S("other")),
              S("own_1_4"));
    arena_free(&arena);
}

/* Links account 7 in a folder, as hs account link does. */
static bool unit_link(Str path, Err *err)
{
    Arena arena = {0};
    bool ok = config_save_link_default(&arena, path, 7, err);
    arena_free(&arena);
    return ok;
}

/* Each system call of a link save fails in turn: the settings are the old
 * ones or the new ones, whole; in a new folder, absent or whole. */
static void unit_faulty_link(Str old, int code)
{
    const char *const path = "lk/settings.json";
    bool done = false;
    Arena arena = {0};
    Str new = {0};
    for (int n = 0; n < 100 && !done; n++) {
        Err err = {0};
        snprintf(unit_row, sizeof(unit_row), "link, %s, call %d fails: %s",
                 old.len ? "again" : "new", n, strerror(code));
        unlink("lk/README.txt");
        unlink(path);
        CHECK(!rmdir("lk") || errno == ENOENT);
        if (old.len) {
            CHECK(!mkdir("lk", 0700));
            unit_write_file(path, old);
        }
        os_test_errno = code;
        os_test_countdown = n; /* 0: none fails */
        bool ok = unit_link(S("lk/settings.json"), &err);
        done = n && os_test_countdown > 0;
        os_test_countdown = 0;
        CHECK_INT(ok, !n || done);
        CHECK_INT(err.code, ok ? 0 : EXIT_CONFIG);
        bool there = os_exists(&arena, S("lk/settings.json"));
        Str now = there ? unit_read_file(&arena, path) : S("");
        new = n ? new : now;
        CHECK(str_eq(now, new) || (!ok && str_eq(now, old)));
        CHECK(!os_exists(&arena, S("lk/" OS_TMP)));
    }
    CHECK(done);
    CHECK(str_find(new, S("7")) > 0 && !str_eq(new, old));
    unlink("lk/README.txt");
    unit_remove(path);
    rmdir("lk");
    arena_free(&arena);
}

static void test_config_faulty_link(void)
{
    static const int codes[] = {EIO, ENOSPC, EACCES};
    for (int c = 0; c < COUNT(codes); c++) {
        unit_faulty_link(S(""), codes[c]);
        unit_faulty_link(S("{\"accounts\": [1], \"mine\": \"kept\"}"),
                         codes[c]);
    }
}

#define MIGRATE_OLD \
    "httpTimeout: 9000\n" OLD_ACME "- {name: beta, portalId: 2, " \
    "authType: personalaccesskey, personalAccessKey: k2}\n"

/* A folder with a deprecated config, in a work tree of git's; `now` is the
 * global config, empty: none. */
static void unit_migrate_prepare(Str now)
{
    static const char *const gone[] = {
        "mg/home/config.yml", "mg/archived.hubspot.config.yml",
        "mg/hubspot.config.yml", "mg/.gitignore"};
    static const char *const folders[] = {"mg", "mg/.git", "mg/.git/objects",
                                          "mg/.git/refs"};
    for (int i = 0; i < COUNT(gone); i++)
        CHECK(!unlink(gone[i]) || errno == ENOENT || errno == ENOTDIR);
    CHECK(!rmdir("mg/home") || errno == ENOENT);
    for (int i = 0; i < COUNT(folders); i++)
        CHECK(!mkdir(folders[i], 0700) || errno == EEXIST);
    unit_write_file("mg/.git/HEAD", S("ref: refs/heads/main\n"));
    unit_write_file("mg/.gitignore", S("x\n"));
    unit_write_file("mg/hubspot.config.yml", S(MIGRATE_OLD));
    if (!now.len)
        return;
    CHECK(!mkdir("mg/home", 0700));
    unit_write_file("mg/home/config.yml", now);
}

static void unit_migrate_clear(void)
{
    static const char *const folders[] = {"mg/.git/objects", "mg/.git/refs",
                                          "mg/.git", "mg"};
    unit_migrate_prepare(S(""));
    unit_remove("mg/.git/HEAD");
    unit_remove("mg/.gitignore");
    unit_remove("mg/hubspot.config.yml");
    for (int i = 0; i < COUNT(folders); i++)
        CHECK(!rmdir(folders[i]));
}

/* Migrates as --force does. */
static bool unit_migrate(Arena *arena, Err *err)
{
    Str from = S("mg/hubspot.config.yml");
    Str to = S("mg/home/config.yml");
    Config old = {0};
    Config now = {.form = CONFIG_GLOBAL, .path = to};
    ConfigMigrated done;
    if (!config_read_file(arena, from, CONFIG_DEPRECATED, &old, err) ||
        (os_exists(arena, to) &&
         !config_read_file(arena, to, CONFIG_GLOBAL, &now, err)))
        return false;
    ConfigClashes clashes = config_find_clashes(arena, &old, &now);
    for (int i = 0; i < clashes.count; i++)
        clashes.clash[i].take = true;
    return config_migrate(arena, from, to, &clashes, &done, err);
}

/* The text of a file, empty where it is not there. */
static Str unit_text(Arena *arena, const char *path)
{
    return os_exists(arena, str_from(path)) ? unit_read_file(arena, path)
                                            : S("");
}

/* After a migration whose call failed: the old file is whole, at its place
 * or as the archive, and the global one is what it was, or what it is to be. */
static void unit_migrate_check(Arena *arena, Str now, Str new, bool ok)
{
    static const char *const litter[] = {"mg/" OS_TMP, "mg/home/" OS_TMP};
    Str old = unit_text(arena, "mg/hubspot.config.yml");
    Str archive = unit_text(arena, "mg/archived.hubspot.config.yml");
    Str global = unit_text(arena, "mg/home/config.yml");
    Str ignore = unit_text(arena, "mg/.gitignore");
    CHECK_STR(old.len ? old : archive, S(MIGRATE_OLD));
    CHECK(!old.len || !archive.len);
    CHECK(str_eq(global, new) || (old.len && str_eq(global, now)));
    CHECK(!ok || (archive.len && str_eq(global, new)));
    CHECK(str_starts(ignore, S("x\n")) && str_ends(ignore, S("\n")));
    CHECK(ignore.len == 2 ||
          str_find(ignore, S("\narchived.hubspot.config.yml\n")) > 0);
    for (int i = 0; i < COUNT(litter); i++)
        CHECK(!os_exists(arena, str_from(litter[i])));
}

/* Each system call of a migration fails in turn; what is run again then comes
 * to the same end. */
static void unit_faulty_migrate(Str now, int code)
{
    bool done = false;
    Arena kept = {0};
    Str new = {0};
    int halfway = 0;
    for (int n = 0; n < 300 && !done; n++) {
        Arena arena = {0};
        Err err = {0};
        snprintf(unit_row, sizeof(unit_row), "migrate, %s, call %d fails: %s",
                 now.len ? "merging" : "new", n, strerror(code));
        unit_migrate_prepare(now);
        os_test_errno = code;
        os_test_countdown = n; /* 0: none fails */
        bool ok = unit_migrate(&arena, &err);
        done = n && os_test_countdown > 0;
        os_test_countdown = 0;
        CHECK(ok || (n && !done));
        CHECK_INT(err.code, ok ? 0 : EXIT_CONFIG);
        if (!n)
            new = arena_copy(&kept, unit_text(&arena, "mg/home/config.yml"));
        unit_migrate_check(&arena, now, new, ok);
        if (os_exists(&arena, S("mg/hubspot.config.yml"))) {
            halfway += str_eq(unit_text(&arena, "mg/home/config.yml"), new);
            err = (Err){0};
            CHECK(unit_migrate(&arena, &err));
            unit_migrate_check(&arena, now, new, true);
        }
        arena_free(&arena);
    }
    CHECK(done);
    CHECK(halfway > 0); /* the archive's own calls were among them */
    CHECK(str_find(new, S("beta")) > 0);
    unit_migrate_clear();
    arena_free(&kept);
}

static void test_config_faulty_migrate(void)
{
    static const int codes[] = {EIO, ENOSPC, EACCES};
    for (int c = 0; c < COUNT(codes); c++) {
        unit_faulty_migrate(S(""), codes[c]);
        unit_faulty_migrate(S("httpTimeout: 3000\nmine: 1\n" NEW_ACME(5)),
                            codes[c]);
    }
}

/* ---- 12 HubSpot --------------------------------------------------------- */

static void test_hub_check_key(void)
{
    static const struct {
        Str key;
        bool ok;
    } rows[] = {
        {L("CiRuYTEtMDEyMzQ1Njc4OWFiY2RlZg"), true},
        {L("abcdefghijklmnopqrst"), true},
        {L("Aa0+/=_-.~Aa0+/=_-.~"), true},
        {L("abcdefghijklmnopqrs"), false},
        {L(""), false},
        {L("pat-na1-01234567-89ab-cdef-0123-456789abcdef"), false},
        {L("abcdefghij klmnopqrst"), false},
        {L("abcdefghijklmnopqrst\n"), false},
        {L("\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2"
           "\xe2\x80\xa2\xe2\x80\xa2"),
         false},
        {L("*********************"), false},
        {L("abcdefghijklmnopqrst\0"), false},
        {L("\"abcdefghijklmnopqrst\""), false},
        {L("abcdefghijklmnopqrst\x7f"), false},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Err err = {0};
        unit_at(rows[i].key);
        CHECK_INT(hub_check_key(rows[i].key, &err), rows[i].ok);
        CHECK_INT(err.code, rows[i].ok ? 0 : EXIT_USAGE);
        CHECK(rows[i].ok || err.hint[0]);
        CHECK(!rows[i].key.len || rows[i].ok ||
              !memmem(err.message, strlen(err.message), rows[i].key.ptr,
                      (size_t)rows[i].key.len));
    }
    Arena arena = {0};
    Err err = {0};
    unit_at(S("long keys"));
    CHECK(hub_check_key(unit_repeat(&arena, S("k"), HUB_KEY_MAX), &err));
    CHECK(!hub_check_key(unit_repeat(&arena, S("k"), HUB_KEY_MAX + 1), &err));
    arena_free(&arena);
}

static void test_hub_may_open(void)
{
    static const struct {
        Str origin;
        bool ok;
    } rows[] = {
        {L("https://app.hubspot.com"), true},
        {L("https://local.hubspotqa.com"), true},
        {L("https://app-eu1.hubspot.com"), true},
        {L("http://app.hubspot.com"), false},
        {L("https://app.hubspot.com."), false},
        {L("https://app.hubspot.com:443"), false},
        {L("https://app.hubspot.com/"), false},
        {L("https://app-eu2.hubspot.com"), false},
        {L("https://app hubspot.com"), false},
        {L("https://.hubspot.com"), false},
        {L("https://hubspot.com"), false},
        {L("https://app."), false},
        {L("https://app.hubspot.com hubspotqa.com"), false},
        {L("null"), false},
        {L(""), false},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(rows[i].origin);
        CHECK_INT(signin_may_open(NULL, rows[i].origin), rows[i].ok);
    }
}

static void test_hub_callback(void)
{
    static const struct {
        Str address;
        SigninCallback got;
        const char *text; /* the code, or the fault */
    } rows[] = {
        {L("/oauth-callback?code=a%2Bb+c&state=tok"), SIGNIN_GIVEN, "a+b c"},
        {L("http://localhost:3000/oauth-callback?state=tok&code=x#y"),
         SIGNIN_GIVEN, "x"},
        {L("?code=1&state=tok&code=2"), SIGNIN_GIVEN, "1"},
        {L("?code=1&error=denied&state=tok"), SIGNIN_DENIED, "denied"},
        {L("?state=tok"), SIGNIN_DENIED, "there is no code in the answer"},
        {L("?code=1"), SIGNIN_FOREIGN, ""},
        {L("?code=1&state="), SIGNIN_FOREIGN, ""},
        {L("?code=1&state=tokk&state=tok"), SIGNIN_FOREIGN, ""},
        {L("?code=1#?state=tok"), SIGNIN_FOREIGN, ""},
        {L("?error=x&state=TOK"), SIGNIN_FOREIGN, ""},
        {L("code=1&state=tok"), SIGNIN_FOREIGN, ""},
        {L(""), SIGNIN_FOREIGN, ""},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        static SigninVisit visit;
        Arena arena = {0};
        memset(&visit, 0, sizeof(visit));
        visit.arena = &arena;
        visit.token = S("tok");
        unit_at(rows[i].address);
        CHECK_INT(signin_read_callback(&visit, rows[i].address), rows[i].got);
        CHECK_INT(visit.meanwhile.over, rows[i].got != SIGNIN_FOREIGN);
        CHECK_STR(visit.fault.len ? visit.fault : secret_text(visit.got),
                  str_from(rows[i].text));
        arena_free(&arena);
    }
}

static void test_hub_uuid(void)
{
    Arena arena = {0};
    Err err = {0};
    Str one = {0};
    Str two = {0};
    CHECK(signin_uuid(&arena, &one, &err) && signin_uuid(&arena, &two, &err));
    unit_at(one);
    CHECK_INT(one.len, 36);
    CHECK(one.len == 36 && one.ptr[8] == '-' && one.ptr[14] == '4');
    CHECK(!str_eq(one, two));
    CHECK(secret_eq(one, one) && !secret_eq(one, two));
    CHECK(!secret_eq(one, str_slice(one, 0, 35)));
    arena_free(&arena);
}

/* ---- 13 Commands -------------------------------------------------------- */

static void test_cmd_browser_words(void)
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

/* ---- 14 Command line ---------------------------------------------------- */

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
        {"account list extra", NULL, "an argument too many"},
        {"account list --jsn", NULL, "Did you mean --json?"},
        {"account list --pak x", NULL, "unknown option --pak"},
        {"account list -z", NULL, "unknown option -z"},
        {"account list --json=maybe", NULL, "true or false"},
        {"api /a -a", NULL, "--account needs a value"},
        {"api /a -a --json", NULL, "--account needs a value"},
        {"api /a -a \"\"", NULL, "it is empty"},
        {"api /a --account=", NULL, "it is empty"},
        {"api \"\"", NULL, "an argument is empty"},
        {"api /a -X FETCH", NULL, "--method is"},
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

/* One name is a flag here and a text there; a text may stand more than once;
 * a flag takes the word after it where that is true or false. */
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
        {"config set --allow-usage-tracking false", &opt_allow_tracking, 0,
         NULL},
        {"config set --allowAutoUpdates", &opt_allow_updates, 1, NULL},
        {"config set --no-auto-open-browser", &opt_open_browser, 0, NULL},
        {"config set --no-autoOpenBrowser", &opt_open_browser, 0, NULL},
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
        for (int k = 0; cli_option(command, k); k++) {
            const CliOption *option = cli_option(command, k);
            CHECK(option->name && option->help);
            CHECK((option->kind == CLI_FLAG) == !option->value);
            for (int other = 0; cli_option(command, other); other++)
                CHECK(!unit_options_clash(command, k, other));
        }
    }
}

/* ---- main --------------------------------------------------------------- */

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
        {L("A=1\n\nB"), L("3: no = stands after the name; ")},
        {L("A B=1\nC: 1\n=2\n9=3\nD=ok\n-=4"),
         L("1: no = stands after the name; 2: no = stands after the name; "
           "3: no name stands before the value; "
           "4: no name stands before the value; "
           "6: no name stands before the value; ")},
        {L("A=$B\nC='ok'\nD=\"x\ny$\"\nE=x\n\nF=\"\\t\"\n"),
         L("1: some programs expand $ without quotes; "
           "3: some programs expand $ in double quotes; "
           "7: an escape in double quotes that is not \\n means different "
           "things to different programs; ")},
        {L("A='x\nB=$C\nD=1\n"), L("1: the quote is never closed; "
                                   "2: some programs expand $ without "
                                   "quotes; ")},
        {L("A=\"x\\\"\nB='it\\'s'\nC='a\\'\nD=1"),
         L("1: an escape in double quotes that is not \\n means different "
           "things to different programs; "
           "2: \\\\ and \\' in single quotes mean different things to "
           "different programs; "
           "3: \\\\ and \\' in single quotes mean different things to "
           "different programs; ")},
        {L("A='x' y\nB=\nC= # x\nD=\"\"\nE=a#b"),
         L("1: there is text after the closing quote; "
           "2: the value is empty; 3: a value with # needs quotes; "
           "4: the value is empty; 5: a value with # needs quotes; ")},
        {L("A=1\nB=2\nA=3\nB=4"), L("3: A stands in line 1 already; "
                                    "4: B stands in line 2 already; ")},
        {L("A=\xff\nB='\0'\n# \xff\nC=1\n"),
         L("1: the value is not UTF-8 text; 2: the value holds a NUL byte; "
           "3: it is not UTF-8 text; ")},
        {L("A='a\rb'\n# a\rB=1\nC='x\r\ny'\nD=a\rb"),
         L("1: some programs read a CR as a line break; "
           "2: some programs read a CR as a line break; "
           "3: some programs keep the CR of a CRLF line break in quotes; "
           "5: a control character without quotes; ")},
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

/* No fault quotes a value: wherever a file is cut or spoilt, what is said is
 * ours. */
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

static void test_secret_names(void)
{
    static const struct {
        Str name;
        bool ok;
    } rows[] = {
        {L("A"), true},         {L("..."), true},   {L("a/../b"), true},
        {L("\xc3\xa4"), true},  {L(""), false},     {L("."), false},
        {L(".."), false},       {L("a\n"), false},  {L("a\0"), false},
        {L("\xc2\x9b"), false}, {L("\xff"), false},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Err err = {0};
        unit_at(rows[i].name);
        CHECK(secrets_check_name(rows[i].name, &err) == rows[i].ok);
    }
}

/* A name is one segment of the path, whatever is in it. */
static void test_secret_path(void)
{
    Arena arena = {0};
    Hub hub = {.arena = &arena};
    HubChange change = {.act = HUB_SECRET_DELETE,
                        .name = S("A/../B?c=%2F#d e")};
    unit_at(change.name);
    CHECK_STR(hub_secret_call(&hub, &change).path,
              S("/cms/v3/functions/secrets/A%2F..%2FB%3Fc%3D%252F%23d%20e"));
    change.act = HUB_SECRET_ADD;
    CHECK_STR(hub_secret_call(&hub, &change).path,
              S("/cms/v3/functions/secrets"));
    arena_free(&arena);
}

static void unit_base(void)
{
    test_str_utf8();
    test_str_int();
    test_str_cut();
    test_str_parts();
    test_str_distance();
    test_time_parse();
    test_time_days();
    test_buf();
    test_arena();
    test_err();
    test_os_paths();
    test_os_read_file();
    test_os_lock();
    test_os_address();
}

static void unit_terminal(void)
{
    test_term_visible();
    test_err_rows();
    test_term_talk();
    test_term_cut_error();
    test_term_foreign();
    test_term_width();
    test_ask_line();
    test_ask_keys();
    test_ask_choice();
    test_ask_checkbox();
    test_ask_numbers();
    test_ask_page();
    test_ask_resize();
    test_ask_frame();
}

static void unit_formats(void)
{
    test_json_grammar();
    test_json_pieces();
    test_json_indent();
    test_json_limits();
    test_json_int();
    test_json_document();
    test_json_keep_numbers();
    test_yaml_round_trip();
    test_yaml_faults();
    test_yaml_limits();
    test_yaml_quoting();
    test_yaml_long_text();
    test_yaml_set();
    test_yaml_get();
    test_yaml_clone();
    test_yaml_clone_limits();
    test_yaml_clone_is_apart();
    test_yaml_remove();
}

static void unit_ignore(void)
{
    test_ignore_match();
    test_ignore_is_bounded();
    test_ignore_text();
    test_ignore_judge();
    test_ignore_reach();
    test_ignore_own_text();
    test_follow_links();
    test_ignore_files();
    test_ignore_git();
}

static void unit_network(void)
{
    test_url_parse();
    test_url_encoding();
    test_url_no_proxy();
    test_tls_base64();
    test_tls_pem();
    test_tls_anchor();
    test_tls_built_in();
    test_tls_der();
    test_tls_host();
    test_tls_messages();
    test_http_head();
    test_http_headers();
    test_http_framing();
    test_http_chunks();
    test_http_length();
    test_http_asked_pause();
    test_http_redirect();
    test_http_pause();
    test_http_request();
    test_http_add();
    test_http_proxy();
    test_http_proxy_basic();
    test_http_pace();
    test_http_idle();
    test_url_redact();
    test_os_take_addresses();
    test_loop_frame();
    test_loop_close_code();
    test_loop_request();
    test_loop_accept();
    test_loop_open();
    test_http_run_many();
}

static void unit_program(void)
{
    test_config_read();
    test_config_faults();
    test_config_from_env();
    test_config_choose();
    test_config_kebab();
    test_config_names();
    test_config_torn();
    test_config_stays();
    test_config_loss();
    test_config_override();
    test_config_edit();
    test_config_shared_block();
    test_config_unwritable();
    test_config_faulty_disk();
    test_config_faulty_start();
    test_config_find_clashes();
    test_config_free_name();
    test_config_faulty_link();
    test_config_faulty_migrate();
    test_hub_check_key();
    test_hub_may_open();
    test_hub_callback();
    test_hub_uuid();
    test_cmd_browser_words();
    test_env_read();
    test_env_faults();
    test_env_many();
    test_env_quotes_nothing();
    test_secret_names();
    test_secret_path();
    test_cli_long();
    test_cli_parse();
    test_cli_values();
    test_cli_lists();
    test_cli_flags();
    test_cli_table();
}

/* Leaves nothing of the caller's environment that the tests could see. */
static void unit_clean_environment(void)
{
    static const char *const names[] = {
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
        "INIT_CWD",
        "XDG_CONFIG_HOME",
        "HUBSPOT_ACCOUNT_ID",
        "HUBSPOT_PORTAL_ID",
        "HUBSPOT_PERSONAL_ACCESS_KEY",
        "HUBSPOT_CLIENT_ID",
        "HUBSPOT_CLIENT_SECRET",
        "HUBSPOT_API_KEY",
        "HUBSPOT_REFRESH_TOKEN",
        "HUBSPOT_ENVIRONMENT",
        "HTTP_TIMEOUT",
        "HTTP_USE_LOCALHOST",
        "HUBSPOT_CONFIG_PATH",
    };
    for (int i = 0; i < COUNT(names); i++)
        unsetenv(names[i]);
}

/*
 * Asks one prompt, for test_ask.py: KIND QUESTION [PRESET | LABEL...]. Labels
 * of a checkbox begin with "+" where they are preset, "-" where they are
 * fixed, and a space. Prints the answer to stdout; exits as hs does.
 */
static int unit_prompt(char **argv, int count)
{
    static Term term;
    Arena arena = {0};
    Err err = {0};
    Str kind = str_from(argv[1]);
    Str *labels = arena_array(&arena, count, sizeof(*labels));
    AskItem *items = arena_array(&arena, count, sizeof(*items));
    Str text = {0};
    int at = 0;
    bool yes = false;
    bool ok = false;
    os_init();
    term_init(&term, &arena);
    for (int i = 0; i < count; i++) {
        labels[i] = str_from(argv[3 + i]);
        items[i] = (AskItem){
            str_slice(labels[i], 2, labels[i].len),
            labels[i].len && labels[i].ptr[0] == '+',
            labels[i].len && labels[i].ptr[0] == '-' ? "linked already" : NULL};
    }
    if (str_eq(kind, S("select")))
        ok = ask_select(&term, argv[2], (AskLabels){labels, count}, &at, &err);
    else if (str_eq(kind, S("checkbox")))
        ok = ask_checkbox(&term, argv[2], items, count, &err);
    else if (str_eq(kind, S("confirm")))
        ok = ask_confirm(&term, argv[2], count > 0, &yes, &err);
    else
        ok = ask_text(&term, &arena,
                      &(Question){.text = argv[2],
                                  .preset = count ? labels[0] : text,
                                  .masked = str_eq(kind, S("masked"))},
                      &text, &err);
    if (!ok)
        term_error(&term, &err);
    else if (str_eq(kind, S("select")))
        printf("got %d", at);
    else if (str_eq(kind, S("confirm")))
        printf("got %s", yes ? "yes" : "no");
    else
        printf("got%s%.*s", text.len ? " " : "", P(text));
    for (int i = 0; ok && i < count && str_eq(kind, S("checkbox")); i++)
        printf("%s", items[i].chosen ? arena_printf(&arena, " %d", i).ptr : "");
    printf(ok ? "\n" : "");
    arena_free(&arena);
    return ok ? 0 : err.code;
}

int main(int argc, char **argv)
{
    if (argc >= 3)
        return unit_prompt(argv, argc - 3);
    char folder[] = "unit-XXXXXX";
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || !mkdtemp(folder) ||
        chdir(folder)) {
        printf("unit: cannot make a folder here\n");
        return 1;
    }
    close(nothing);
    umask(022);
    setlocale(LC_CTYPE, "C.UTF-8");
    json_init();
    unit_clean_environment();
    unit_base();
    unit_terminal();
    unit_formats();
    unit_ignore();
    unit_network();
    unit_program();
    unit_remove("config.yml");
    if (chdir("..") || rmdir(folder))
        printf("unit: %s is not empty at the end\n", folder);
    if (unit_failures) {
        printf("unit: %d of %d checks failed\n", unit_failures, unit_checks);
        return 1;
    }
    printf("unit: %d checks passed\n", unit_checks);
    return 0;
}
