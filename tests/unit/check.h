/*
 * What every part of the unit tests uses: hs.c itself, checks, and helpers that
 * more than one part needs. Each part includes this file, so that an editor
 * can read a part alone.
 */
#ifndef UNIT_CHECK_H
#define UNIT_CHECK_H

#define HS_TEST 1
/* The tests do not call all of hs.c. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include "../../hs.c"
#pragma GCC diagnostic pop

static int unit_checks;
static int unit_failures;
static char unit_row[256]; /* what the row under test is, for the message */

/* Where a check is, for its message. */
typedef struct {
    const char *file;
    int line;
} UnitPlace;

#define HERE ((UnitPlace){__FILE__, __LINE__})
#define CHECK(condition) unit_check(HERE, (condition), #condition)
#define CHECK_INT(got, want) unit_check_int(HERE, #got, (got), (want))
#define CHECK_STR(got, want) unit_check_str(HERE, #got, (got), (want))
/* The initializer of a Str in a static table. */
#define L(literal) \
    { \
        "" literal, (ptrdiff_t)sizeof(literal) - 1 \
    }

static void unit_fail(UnitPlace at)
{
    unit_failures++;
    printf("%s:%d: [%s] ", at.file, at.line, unit_row);
}

static void unit_check(UnitPlace at, bool ok, const char *what)
{
    unit_checks++;
    if (ok)
        return;
    unit_fail(at);
    printf("not true: %s\n", what);
}

static void unit_check_int(UnitPlace at, const char *what, int64_t got,
                           int64_t want)
{
    unit_checks++;
    if (got == want)
        return;
    unit_fail(at);
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

static void unit_check_str(UnitPlace at, const char *what, Str got, Str want)
{
    unit_checks++;
    if (str_eq(got, want))
        return;
    unit_fail(at);
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
    Buf out = buf_new(arena, 32L * MIB);
    for (int i = 0; i < count; i++)
        buf_add(&out, piece);
    return buf_str(&out);
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

/* A config made of text, through a file. */
static bool unit_config(Arena *arena, Str text, ConfigForm form, Config *config,
                        Err *err)
{
    unit_write_file("config.yml", text);
    return config_read_file(arena, S("config.yml"), form, config, err);
}

static void unit_remove(const char *path)
{
    CHECK(!unlink(path) || errno == ENOENT);
}

#endif
