/* Unit tests: Base. */
#include "check.h"

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

/* Every element is found, however the keys were chosen, and no other. */
static void test_hash_table(void)
{
    enum { COUNT_OF = 5000 };
    static const uint64_t steps[] = {
        0, 1, 64, 4096, (uint64_t)1 << 40, 0x9e3779b97f4a7c15u};
    unit_at(S("hash table"));
    for (int k = 0; k < COUNT(steps); k++) {
        Arena arena = {0};
        HashTable table = hash_table(&arena, COUNT_OF);
        int64_t looks = 0;
        bool found = true;
        for (int round = 0; round < 2; round++)
            for (int i = 0; i < COUNT_OF; i++) {
                uint64_t key = (uint64_t)i * steps[k] + !steps[k] * (unsigned)i;
                int *slot = hash_first(&table, key);
                for (; *slot && *slot != i + 1; looks++)
                    slot = hash_next(&table, slot);
                found &= !*slot == !round;
                *slot = i + 1;
            }
        CHECK(found);
        CHECK(looks < 20L * COUNT_OF);
        arena_free(&arena);
    }
    Arena arena = {0};
    HashTable none = hash_table(&arena, 0);
    CHECK(!*hash_first(&none, 7));
    CHECK(hash_name(&none, S("Acme")) == hash_name(&none, S("aCME")));
    CHECK(hash_name(&none, S("acme")) != hash_name(&none, S("acmf")));
    arena_free(&arena);
}
