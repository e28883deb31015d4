/*
 * hs - HubSpot's account tooling as one static binary.
 *
 * It signs in with a personal access key, keeps accounts in the same files
 * as the official client, and calls HubSpot's API over verified TLS. It needs
 * no runtime: no Node, no shared library, no terminal, no CA files.
 *
 * Build:  ./build.sh          (musl, static PIE, ends with build/hs)
 * Test:   ./build.sh test     Lint: ./build.sh lint
 *
 * The rooms, in the order of dependence: a function stands below everything
 * that it calls, so reading from the end upwards is reading from the command
 * line to the wire. `build.sh lint` checks this list and that order.
 *
 *   01 Base          str_ buf_ arena_ err_ secret_ time_
 *   02 System        os_
 *   03 Terminal      term_ ask_
 *   04 JSON          json_
 *   05 YAML          yaml_
 *   06 URL           url_
 *   07 TLS           tls_
 *   08 HTTP          http_
 *   09 Config        config_
 *   10 HubSpot       hub_
 *   11 Commands      cmd_
 *   12 Command line  cli_
 *   13 Main          main
 *
 * Invariants:
 *   - stdout is data, stderr is talk; a failure never exits 0.
 *   - A secret reaches the config file and HubSpot's API origin, no other
 *     place: Secret cannot be printed, and everything on stderr is searched
 *     for the secrets of the run before it leaves.
 *   - Every file is written beside its goal, synced and renamed.
 *   - Memory comes from arenas and is bounded: each buffer has a cap.
 *   - Zero is a valid start state of every struct.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <locale.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include <bearssl.h>
#include <cJSON.h>
#include <yaml.h>

#include "anchors.h"

#define HS_VERSION "0.1.0"

/* ==== 01 Base ============================================================ *
 *
 * Slices, bounded buffers, arenas, errors, dates: what every room uses.
 *
 * A Str is a view: bytes and a length, never NUL-terminated by promise. Text
 * for libc and the vendors is made by arena_cstr() at the edge. All memory of
 * the run comes from an Arena and goes with it; arena_free() wipes before it
 * frees, so that no secret outlives its arena. Sizes are signed; every
 * growable buffer has a cap. Running out of memory ends the program: there is
 * nothing sensible left to do, and no half-written file, because files are
 * only renamed into place when they are whole.
 */

typedef struct {
    const char *ptr;
    ptrdiff_t len;
} Str;

/* A Str of a string literal. */
#define S(literal) ((Str){"" literal, (ptrdiff_t)sizeof(literal) - 1})
/* The two arguments of a "%.*s" for a Str, which is evaluated twice. */
#define P(s) (int)(s).len, (s).ptr
#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

enum { KIB = 1024, MIB = 1024 * 1024 };

/* The exit codes: help, README and tests name these and no others. */
typedef enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_CONFIG = 3,
    EXIT_AUTH = 4,
    EXIT_NOT_FOUND = 5,
    EXIT_RATE_LIMIT = 6,
    EXIT_NETWORK = 7,
    EXIT_PARTIAL = 8,
    EXIT_INTERRUPTED = 130
} ExitCode;

/*
 * What went wrong. The first error wins: err_set() on an Err that is already
 * set changes nothing. `hint` says what to do next and may be empty.
 */
typedef struct {
    ExitCode code;
    char message[4096];
    char hint[512];
} Err;

/* Text that must not be shown. Take it out with secret_text(), on purpose. */
typedef struct {
    Str hidden;
} Secret;

typedef struct ArenaChunk ArenaChunk;
struct ArenaChunk {
    ArenaChunk *next;
    ptrdiff_t size;
    ptrdiff_t used;
    bool lent; /* not from malloc() */
};

/* A vendor's object that arena_free() has to release. */
typedef struct ArenaHook ArenaHook;
struct ArenaHook {
    ArenaHook *next;
    void (*release)(void *object);
    void *object;
};

typedef struct {
    ArenaChunk *chunks;
    ArenaHook *hooks;
} Arena;

/* A growable buffer in an arena. Past `max` bytes it drops what is added
 * and sets `full`; the owner checks that once, at the end. */
typedef struct {
    Arena *arena;
    char *ptr;
    ptrdiff_t len;
    ptrdiff_t cap;
    ptrdiff_t max;
    bool full;
} Buf;

static Str str_from(const char *text)
{
    return (Str){text, text ? (ptrdiff_t)strlen(text) : 0};
}

/* The part of `s` from `from` up to, not including, `to`; both clamped. */
static Str str_slice(Str s, ptrdiff_t from, ptrdiff_t to)
{
    from = from < 0 ? 0 : from > s.len ? s.len : from;
    to = to < from ? from : to > s.len ? s.len : to;
    return (Str){s.len ? s.ptr + from : s.ptr, to - from};
}

/* Eight bytes at a time, the last ones maybe twice; musl's memcmp() goes byte
 * by byte. */
static bool str_eq(Str a, Str b)
{
    ptrdiff_t i = 0;
    if (a.len != b.len)
        return false;
    for (; a.len >= 8 && i < a.len; i += 8) {
        ptrdiff_t at = i < a.len - 8 ? i : a.len - 8;
        uint64_t x = 0;
        uint64_t y = 0;
        memcpy(&x, a.ptr + at, 8);
        memcpy(&y, b.ptr + at, 8);
        if (x != y)
            return false;
    }
    for (; i < a.len; i++)
        if (a.ptr[i] != b.ptr[i])
            return false;
    return true;
}

/* ASCII letters only: protocol words, not people's names. */
static bool str_eq_nocase(Str a, Str b)
{
    if (a.len != b.len)
        return false;
    for (ptrdiff_t i = a.len; i-- > 0;) /* names differ at their ends */
        if (a.ptr[i] != b.ptr[i] && tolower((unsigned char)a.ptr[i]) !=
                                        tolower((unsigned char)b.ptr[i]))
            return false;
    return true;
}

static bool str_starts(Str s, Str prefix)
{
    return str_eq(str_slice(s, 0, prefix.len), prefix);
}

static bool str_ends(Str s, Str suffix)
{
    return s.len >= suffix.len &&
           str_eq(str_slice(s, s.len - suffix.len, s.len), suffix);
}

/* The index of the first `c` in `s`, or -1. */
static ptrdiff_t str_index(Str s, char c)
{
    const char *at = s.len ? memchr(s.ptr, c, (size_t)s.len) : NULL;
    return at ? at - s.ptr : -1;
}

/* The index of the first `needle` in `s`, or -1. */
static ptrdiff_t str_find(Str s, Str needle)
{
    const char *at = !s.len ? NULL
                            : memmem(s.ptr, (size_t)s.len, needle.ptr,
                                     (size_t)needle.len);
    return at ? at - s.ptr : -1;
}

static bool str_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool str_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* How many bytes at the start of `s` are printable ASCII, 16 at a time. */
static ptrdiff_t str_printable_run(Str s)
{
    typedef uint8_t Block __attribute__((vector_size(16)));
    ptrdiff_t i = 0;
    for (; i + 16 <= s.len; i += 16) {
        Block block;
        uint64_t odd[2]; /* ones in the bytes that end the run */
        memcpy(&block, s.ptr + i, sizeof(block));
        Block odd_bytes = (Block)(block - ' ' > '~' - ' ');
        memcpy(odd, &odd_bytes, sizeof(odd));
        if (!(odd[0] | odd[1]))
            continue;
        if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
            break;
        return i + (odd[0] ? __builtin_ctzll(odd[0])
                           : 64 + __builtin_ctzll(odd[1])) /
                       8;
    }
    while (i < s.len && s.ptr[i] >= ' ' && s.ptr[i] <= '~')
        i++;
    return i;
}

static Str str_trim(Str s)
{
    while (s.len && str_is_space(s.ptr[0]))
        s = str_slice(s, 1, s.len);
    while (s.len && str_is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/*
 * Takes the part of `*rest` before the first `sep` off it and gives it; the
 * whole where there is none. `*rest` is left after the separator, or empty.
 */
static Str str_cut(Str *rest, char sep)
{
    ptrdiff_t at = str_index(*rest, sep);
    Str head = str_slice(*rest, 0, at < 0 ? rest->len : at);
    *rest = str_slice(*rest, at < 0 ? rest->len : at + 1, rest->len);
    return head;
}

/* True where `s` is a decimal integer that fits; then `*out` is it. */
static bool str_int(Str s, int64_t *out)
{
    bool minus = s.len && s.ptr[0] == '-';
    ptrdiff_t i = minus || (s.len && s.ptr[0] == '+');
    int64_t value = 0;
    if (i == s.len)
        return false;
    for (; i < s.len; i++) {
        if (!str_is_digit(s.ptr[i]) ||
            __builtin_mul_overflow(value, (int64_t)10, &value) ||
            __builtin_add_overflow(value, (int64_t)(s.ptr[i] - '0'), &value))
            return false;
    }
    *out = minus ? -value : value;
    return true;
}

/* True where one of the words in `list` (separated by spaces) is `s`. */
static bool str_in_words(Str s, const char *list)
{
    Str rest = str_from(list);
    while (rest.len)
        if (str_eq_nocase(str_cut(&rest, ' '), s))
            return true;
    return false;
}

/*
 * Decodes one UTF-8 character at the start of `s` (RFC 3629: no overlong
 * forms, no surrogates). Gives its length in bytes, or 0 where the bytes are
 * not UTF-8 or `s` is empty.
 */
static int str_utf8(Str s, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)s.ptr;
    int n = 0;
    uint32_t c = 0;
    if (!s.len)
        return 0;
    n = p[0] < 0x80           ? 1
        : (p[0] >> 5) == 0x06 ? 2
        : (p[0] >> 4) == 0x0e ? 3
        : (p[0] >> 3) == 0x1e ? 4
                              : 0;
    if (!n || n > s.len)
        return 0;
    c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
    for (int i = 1; i < n; i++) {
        if ((p[i] >> 6) != 2)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *out = c;
    return n;
}

/* How many single-character edits lead from `a` to `b`; words over 32 bytes
 * count as far apart. For suggestions. */
static int str_distance(Str a, Str b)
{
    int row[33];
    if (a.len > 32 || b.len > 32)
        return 99;
    for (int j = 0; j <= b.len; j++)
        row[j] = j;
    for (int i = 1; i <= a.len; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= b.len; j++) {
            int change = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
            int best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            diagonal = row[j];
            row[j] = change < best ? change : best;
        }
    }
    return row[b.len];
}

/* Wipes memory in a way that the compiler may not leave out. */
static void secret_wipe(void *memory, ptrdiff_t size)
{
    if (size > 0)
        explicit_bzero(memory, (size_t)size);
}

static Secret secret_from(Str text)
{
    return (Secret){text};
}

/* The secret itself: for the wire and the config file only. */
static Str secret_text(Secret secret)
{
    return secret.hidden;
}

static bool secret_is_set(Secret secret)
{
    return secret.hidden.len > 0;
}

static _Noreturn void arena_exhausted(void)
{
    static const char text[] = "hs: out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);
    (void)ignored;
    exit(EXIT_FAILED);
}

/* An arena that uses up `memory`, aligned for any type, before malloc()'s. */
static Arena arena_in(void *memory, ptrdiff_t size)
{
    ArenaChunk *chunk = memory;
    *chunk = (ArenaChunk){NULL, size, (sizeof(*chunk) + 15) & ~15UL, true};
    return (Arena){chunk, NULL};
}

/* Gives `size` bytes as arena_alloc() does, but not zeroed: for what is
 * written before it is read, since touching memory twice costs time. */
static void *arena_take(Arena *arena, ptrdiff_t size)
{
    enum { ALIGN = 16, CHUNK = 16 * KIB, GROWN = 512 * KIB };
    ptrdiff_t head = (ptrdiff_t)(sizeof(ArenaChunk) + ALIGN - 1) & -ALIGN;
    ArenaChunk *chunk = arena->chunks;
    if (size < 0 || size > PTRDIFF_MAX - head - GROWN)
        arena_exhausted();
    size = (size + ALIGN - 1) & -ALIGN;
    if (!chunk || chunk->size - chunk->used < size) {
        ptrdiff_t least = chunk ? 2 * chunk->size : CHUNK;
        ptrdiff_t room = least < GROWN ? least : GROWN;
        if (room < head + size)
            room = head + size;
        chunk = malloc((size_t)room);
        if (!chunk)
            arena_exhausted();
        *chunk = (ArenaChunk){arena->chunks, room, head, false};
        arena->chunks = chunk;
    }
    void *memory = (char *)chunk + chunk->used;
    chunk->used += size;
    return memory;
}

/*
 * Gives `size` zeroed bytes, aligned for any type, that live as long as the
 * arena. Never gives NULL: without memory the program ends (exit 1).
 */
static void *arena_alloc(Arena *arena, ptrdiff_t size)
{
    void *memory = arena_take(arena, size);
    return size ? memset(memory, 0, (size_t)size) : memory;
}

/* An array of `count` zeroed objects of `size` bytes. */
static void *arena_array(Arena *arena, ptrdiff_t count, ptrdiff_t size)
{
    ptrdiff_t total = 0;
    if (count < 0 || __builtin_mul_overflow(count, size, &total))
        arena_exhausted();
    return arena_alloc(arena, total);
}

/* Has arena_free() call `release(object)`. For objects of the vendors. */
static void arena_defer(Arena *arena, void (*release)(void *), void *object)
{
    ArenaHook *hook = arena_alloc(arena, sizeof(*hook));
    *hook = (ArenaHook){arena->hooks, release, object};
    arena->hooks = hook;
}

/* Releases what was deferred, wipes and frees all memory of the arena. */
static void arena_free(Arena *arena)
{
    for (ArenaHook *hook = arena->hooks; hook; hook = hook->next)
        hook->release(hook->object);
    while (arena->chunks) {
        ArenaChunk *chunk = arena->chunks;
        bool lent = chunk->lent;
        arena->chunks = chunk->next;
        secret_wipe(chunk, chunk->used);
        if (!lent)
            free(chunk);
    }
    *arena = (Arena){0};
}

static Str arena_copy(Arena *arena, Str s)
{
    char *copy = arena_alloc(arena, s.len + 1);
    if (s.len)
        memcpy(copy, s.ptr, (size_t)s.len);
    return (Str){copy, s.len};
}

/* A NUL-terminated copy for libc and the vendors. `s` has no NUL inside, or
 * what follows it is lost: check first where that matters. */
static const char *arena_cstr(Arena *arena, Str s)
{
    return arena_copy(arena, s).ptr;
}

__attribute__((format(printf, 2, 3))) static Str
arena_printf(Arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        return (Str){0};
    char *text = arena_alloc(arena, (ptrdiff_t)len + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return (Str){text, len};
}

/* The parts, one after the other. */
static Str arena_join(Arena *arena, const Str *parts, int count)
{
    ptrdiff_t len = 0;
    for (int i = 0; i < count; i++)
        len += parts[i].len;
    char *text = arena_take(arena, len);
    len = 0;
    for (int i = 0; i < count; i++) {
        if (parts[i].len)
            memcpy(text + len, parts[i].ptr, (size_t)parts[i].len);
        len += parts[i].len;
    }
    return (Str){text, len};
}

/* A number as text. */
static Str arena_int(Arena *arena, int64_t value)
{
    enum { MOST = 20 };
    char *text = arena_take(arena, MOST);
    char *at = text + MOST;
    uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do
        *--at = (char)('0' + left % 10);
    while (left /= 10);
    if (value < 0)
        *--at = '-';
    return (Str){at, text + MOST - at};
}

static Buf buf_new(Arena *arena, ptrdiff_t max)
{
    return (Buf){.arena = arena, .max = max};
}

static Str buf_str(const Buf *buf)
{
    return (Str){buf->ptr, buf->len};
}

/* Makes room for `more` bytes; false, and `full`, where the cap forbids it.
 * Old copies are wiped: they may have held a secret. */
static bool buf_reserve(Buf *buf, ptrdiff_t more)
{
    if (buf->full || more > buf->max - buf->len) {
        buf->full = true;
        return false;
    }
    if (buf->cap - buf->len >= more)
        return true;
    ptrdiff_t cap = buf->cap ? buf->cap : 256;
    while (cap - buf->len < more)
        cap = cap > buf->max / 2 ? buf->max : cap * 2;
    if (!buf->len && more > KIB)
        cap = more; /* the caller knows what is to come */
    char *grown = arena_take(buf->arena, cap);
    if (buf->len) {
        memcpy(grown, buf->ptr, (size_t)buf->len);
        secret_wipe(buf->ptr, buf->len);
    }
    buf->ptr = grown;
    buf->cap = cap;
    return true;
}

static void buf_add(Buf *buf, Str s)
{
    if (!s.len || !buf_reserve(buf, s.len))
        return;
    memcpy(buf->ptr + buf->len, s.ptr, (size_t)s.len);
    buf->len += s.len;
}

static void buf_add_char(Buf *buf, char c)
{
    buf_add(buf, (Str){&c, 1});
}

static void buf_add_repeat(Buf *buf, char c, ptrdiff_t count)
{
    if (count <= 0 || !buf_reserve(buf, count))
        return;
    memset(buf->ptr + buf->len, c, (size_t)count);
    buf->len += count;
}

/* Formats into the buffer. Not for secrets: it makes a second copy. */
__attribute__((format(printf, 2, 3))) static void
buf_printf(Buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len <= 0 || !buf_reserve(buf, (ptrdiff_t)len + 1))
        return;
    va_start(args, format);
    vsnprintf(buf->ptr + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += len;
}

/* Sets the error unless one is set already; always gives false, so that a
 * fallible function can end with `return err_set(…)`. */
__attribute__((format(printf, 3, 4))) static bool
err_set(Err *err, ExitCode code, const char *format, ...)
{
    va_list args;
    if (err->code)
        return false;
    err->code = code;
    va_start(args, format);
    vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    return false;
}

/* Says what to do about the error; the first hint wins. Gives false. */
__attribute__((format(printf, 2, 3))) static bool
err_hint(Err *err, const char *format, ...)
{
    va_list args;
    if (err->hint[0])
        return false;
    va_start(args, format);
    vsnprintf(err->hint, sizeof(err->hint), format, args);
    va_end(args);
    return false;
}

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar. */
static int64_t time_days(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
           719468;
}

/* Takes up to `most` digits off `*s`; -1 where there is none. */
static int64_t time_take_number(Str *s, int most)
{
    int64_t value = 0;
    int n = 0;
    while (n < most && n < s->len && str_is_digit(s->ptr[n]))
        value = value * 10 + (s->ptr[n++] - '0');
    *s = str_slice(*s, n, s->len);
    return n ? value : -1;
}

static bool time_take_char(Str *s, const char *any_of)
{
    if (!s->len || !strchr(any_of, s->ptr[0]) || !s->ptr[0])
        return false;
    *s = str_slice(*s, 1, s->len);
    return true;
}

/* Takes hh:mm[:ss[.fff]] off `*s`; milliseconds of the day, or -1. */
static int64_t time_take_clock(Str *s)
{
    int64_t hour = time_take_number(s, 2);
    int64_t minute = time_take_char(s, ":") ? time_take_number(s, 2) : -1;
    int64_t second = 0;
    int64_t milli = 0;
    if (hour < 0 || hour > 24 || minute < 0 || minute > 59)
        return -1;
    if (time_take_char(s, ":"))
        second = time_take_number(s, 2);
    if (second < 0 || second > 60)
        return -1;
    if (time_take_char(s, ".,")) {
        for (int64_t unit = 100; s->len && str_is_digit(s->ptr[0]); unit /= 10)
            milli += time_take_number(s, 1) * unit;
    }
    return ((hour * 60 + minute) * 60 + second) * 1000 + milli;
}

/* Takes Z, GMT, UTC, +hh:mm, -hhmm or nothing (UTC), and a comment in round
 * brackets; minutes east. False where anything else follows. */
static bool time_take_zone(Str *s, int64_t *east)
{
    *s = str_trim(*s);
    *east = 0;
    if (str_starts(*s, S("GMT")) || str_starts(*s, S("UTC")))
        *s = str_slice(*s, 3, s->len);
    else
        time_take_char(s, "Zz");
    int64_t sign = str_starts(*s, S("-")) ? -1 : 1;
    if (time_take_char(s, "+-")) {
        int64_t hours = time_take_number(s, 2);
        time_take_char(s, ":");
        int64_t minutes = time_take_number(s, 2);
        *east = sign * (hours * 60 + (minutes < 0 ? 0 : minutes));
        if (hours < 0)
            return false;
    }
    *s = str_trim(*s);
    return !s->len || s->ptr[0] == '(';
}

/* The days since 1970 of a date that the calendar has; else false. */
static bool time_date(int64_t year, int64_t month, int64_t day, int64_t *days)
{
    if (year < 0 || month < 1 || month > 12 || day < 1)
        return false;
    *days = time_days(year, month, day);
    return *days < time_days(year + (month == 12), month % 12 + 1, 1);
}

/* Takes a date with a month's name, "Mon Nov 23 2026" or "Mon, 23 Nov 2026",
 * as JavaScript and RFC 5322 write it, off `*s`; days since 1970. */
static bool time_take_named_date(Str *s, int64_t *days)
{
    static const char names[] = "jan feb mar apr may jun jul aug sep oct nov "
                                "dec";
    int64_t month = 0;
    int64_t day = -1;
    int64_t year = -1;
    for (int words = 0; words < 4 && (year < 0 || !month); words++) {
        *s = str_trim(*s);
        Str word = str_cut(s, ' ');
        Str digits = word;
        int64_t number = time_take_number(&digits, 4);
        if (number > 31)
            year = number;
        else if (number > 0)
            day = number;
        for (int m = 0; number < 0 && word.len >= 3 && m < 12; m++)
            if (str_eq_nocase(str_slice(word, 0, 3), (Str){names + m * 4L, 3}))
                month = m + 1;
    }
    return time_date(year, month, day, days);
}

/*
 * Reads a point in time in the forms that clients have written into configs:
 * ISO 8601 (date and time, or date alone), JavaScript's Date.toString(), RFC
 * 5322, or milliseconds since 1970. Gives milliseconds since 1970, or -1.
 */
static int64_t time_parse(Str text)
{
    Str s = str_trim(text);
    int64_t days = 0;
    int64_t clock = 0;
    int64_t east = 0;
    int64_t number = 0;
    if (str_int(s, &number))
        return number < 0 ? -1 : number;
    if (s.len >= 10 && str_is_digit(s.ptr[0]) && s.ptr[4] == '-') {
        int64_t year = time_take_number(&s, 4);
        int64_t month = time_take_char(&s, "-") ? time_take_number(&s, 2) : -1;
        int64_t day = time_take_char(&s, "-") ? time_take_number(&s, 2) : -1;
        if (!time_date(year, month, day, &days) ||
            (s.len && !time_take_char(&s, "Tt ")))
            return -1;
    } else if (!time_take_named_date(&s, &days)) {
        return -1;
    }
    s = str_trim(s);
    if (s.len && (clock = time_take_clock(&s)) < 0)
        return -1;
    if (!time_take_zone(&s, &east))
        return -1;
    return days * 86400000 + clock - east * 60000;
}

/* Writes milliseconds since 1970 as ISO 8601 in UTC with milliseconds, the
 * form in which both clients keep `expiresAt`. */
static Str time_iso(Arena *arena, int64_t millis)
{
    time_t seconds = (time_t)(millis / 1000);
    struct tm tm = {0};
    if (millis < 0 || !gmtime_r(&seconds, &tm))
        return S("1970-01-01T00:00:00.000Z");
    return arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                        tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                        tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(millis % 1000));
}

/* ==== 02 System ========================================================== *
 *
 * Every system call that the program makes stands here: files, the lock, the
 * environment, clocks, random bytes, sockets, signals, the terminal's mode.
 * Functions that can fail give an errno value, 0 for success, and leave the
 * sentence to the room that knows what it wanted. Paths are NUL-terminated.
 *
 * Waiting: all of it goes through os_poll(), which also watches a pipe that
 * the signal handler writes to, so that no signal is lost between a check and
 * a wait; a read() or write() that blocks all the same is ended by an alarm a
 * second later. SIGINT, SIGTERM, SIGHUP and SIGQUIT only set a flag; a second
 * one restores the terminal and ends the program at once.
 *
 * Names are looked up by a forked child that calls getaddrinfo() and sends
 * the addresses through a pipe: the one way to put a deadline on it and to
 * stop at Ctrl-C without threads.
 */

/* The most addresses of one name that are tried. */
enum { OS_ADDRESSES = 8 };

typedef struct {
    struct sockaddr_storage at[OS_ADDRESSES];
    int count;
} OsAddresses;

static volatile sig_atomic_t os_signal;
static volatile sig_atomic_t os_terminal_fd = -1; /* whose mode to restore */
static struct termios os_terminal_old;
static int os_signal_pipe[2] = {-1, -1};

#ifdef HS_TEST
/* Tests set a countdown: the call of the seam that brings it to 0 fails with
 * this errno. See unit.c. */
static int os_test_countdown;
static int os_test_errno = EIO;

static bool os_fails(void)
{
    if (!os_test_countdown || --os_test_countdown)
        return false;
    errno = os_test_errno;
    return true;
}
#else
static bool os_fails(void)
{
    return false;
}
#endif

/* Puts the terminal back as it was before a prompt. For the ways out that
 * pass ask_close() by: exit() and the second signal. */
static void os_terminal_undo(void)
{
    if (os_terminal_fd >= 0)
        tcsetattr(os_terminal_fd, TCSANOW, &os_terminal_old);
    os_terminal_fd = -1;
}

/* Does nothing, but ends a system call that blocks. */
static void os_on_alarm(int number)
{
    (void)number;
}

/* Keeps the signal for os_interrupted() and wakes os_poll(). A read() or
 * write() that was about to begin when the signal came blocks all the same:
 * the alarm ends it a second later. */
static void os_on_signal(int number)
{
    int saved = errno;
    if (os_signal) {
        os_terminal_undo();
        _exit(128 + number);
    }
    os_signal = number;
    alarm(1);
    ssize_t ignored = write(os_signal_pipe[1], "!", 1);
    (void)ignored;
    errno = saved;
}

/* The signal that asked the program to end, or 0. */
static int os_interrupted(void)
{
    return os_signal;
}

/* Fills closed standard descriptors with one that can neither be read nor
 * written, so that no socket or config file becomes "stdout". */
static void os_fill_standard_fds(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/", O_RDONLY | O_DIRECTORY) < 0)
            _exit(EXIT_FAILED);
}

/* Signals, no core file with keys in it, no other process of this user
 * reading this one's memory, UTF-8 widths. Never fails. */
static void os_init(void)
{
    struct rlimit no_core = {0, 0};
    struct sigaction action = {.sa_handler = os_on_signal};
    struct sigaction alarmed = {.sa_handler = os_on_alarm};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    os_fill_standard_fds();
    setrlimit(RLIMIT_CORE, &no_core);
    prctl(PR_SET_DUMPABLE, 0);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGQUIT, &action, NULL);
    atexit(os_terminal_undo);
    sigaction(SIGALRM, &alarmed, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    setlocale(LC_CTYPE, "C.UTF-8");
}

/* An environment variable; empty where it is unset or empty. */
static Str os_env(const char *name)
{
    return str_from(getenv(name));
}

static const char *os_error(int code)
{
    return strerror(code);
}

/* Milliseconds that only go forward, for deadlines. */
static int64_t os_now(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Milliseconds since 1970, for expiry dates and certificates. */
static int64_t os_wall(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Fills `to` with random bytes fit for keys; false where the system gives
 * none. Kernels before 3.17 have /dev/urandom only. */
static bool os_entropy(void *to, ptrdiff_t size)
{
    if (getrandom(to, (size_t)size, 0) == size)
        return true;
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, to, (size_t)size);
    close(fd);
    return n == size;
}

/* A number from 0 to `below`-1 for jitter; not for keys. */
static int64_t os_random(int64_t below)
{
    uint64_t value = 0;
    if (getrandom(&value, sizeof(value), GRND_NONBLOCK) != sizeof(value))
        value = (uint64_t)os_wall() * 6364136223846793005u;
    return below > 0 ? (int64_t)(value % (uint64_t)below) : 0;
}

/*
 * Waits for events on `fds`, whose last entry, at fds[count], is lent to this
 * function for the signal pipe. `timeout` in milliseconds, -1 for ever.
 * Gives how many are ready; 0 on a time-out or a signal.
 */
static int os_poll(struct pollfd *fds, int count, int64_t timeout)
{
    if (os_signal_pipe[0] < 0 && pipe2(os_signal_pipe, O_CLOEXEC | O_NONBLOCK))
        os_signal_pipe[0] = os_signal_pipe[1] = -1;
    fds[count] = (struct pollfd){os_signal_pipe[0], POLLIN, 0};
    int wait = timeout > INT_MAX ? INT_MAX : (int)timeout;
    if (os_interrupted())
        return 0;
    int ready = poll(fds, (nfds_t)count + 1, wait);
    return ready < 0 || os_interrupted() ? 0 : ready;
}

/* Waits until `fd` is ready for `events`; false on a time-out or signal. */
static bool os_wait(int fd, short events, int64_t timeout)
{
    struct pollfd fds[2] = {{fd, events, 0}};
    return os_poll(fds, 1, timeout) > 0;
}

/* Sleeps; a signal ends it early. */
static void os_sleep(int64_t millis)
{
    struct pollfd fds[1];
    os_poll(fds, 0, millis);
}

/* Reads once. Gives bytes, 0 at the end, or -errno. EINTR where a signal
 * asked to end. */
static ptrdiff_t os_read(int fd, void *to, ptrdiff_t size)
{
    for (;;) {
        ssize_t n = os_fails() ? -1 : read(fd, to, (size_t)size);
        if (n >= 0)
            return n;
        if (errno == EAGAIN && !os_interrupted())
            os_wait(fd, POLLIN, -1);
        else if (errno != EINTR || os_interrupted())
            return -errno;
    }
}

/* Writes all of `data`, waiting where it must. */
static int os_write_all(int fd, Str data)
{
    while (data.len) {
        ssize_t n = os_fails() ? -1 : write(fd, data.ptr, (size_t)data.len);
        if (n >= 0)
            data = str_slice(data, n, data.len);
        if (n >= 0 && data.len && os_interrupted())
            return EINTR; /* the reader does not keep up */
        if (n >= 0)
            continue;
        if (errno == EAGAIN && !os_interrupted())
            os_wait(fd, POLLOUT, -1);
        else if (errno != EINTR || os_interrupted())
            return errno;
    }
    return 0;
}

/* The path's folder: "." where it names none. */
static Str os_path_dir(Str path)
{
    while (path.len > 1 && path.ptr[path.len - 1] != '/')
        path.len--;
    if (!path.len || path.ptr[path.len - 1] != '/')
        return S(".");
    while (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    return path;
}

static Str os_path_base(Str path)
{
    ptrdiff_t at = path.len;
    while (at && path.ptr[at - 1] != '/')
        at--;
    return str_slice(path, at, path.len);
}

static Str os_path_join(Arena *arena, Str dir, Str name)
{
    bool slash = str_ends(dir, S("/")) || !dir.len;
    const Str parts[] = {dir, slash ? S("") : S("/"), name, S("\0")};
    Str path = arena_join(arena, parts, COUNT(parts));
    return str_slice(path, 0, path.len - 1);
}

/* The home folder: HOME, else the user's entry in /etc/passwd; empty where
 * there is neither. */
static Str os_home(Arena *arena)
{
    Str home = os_env("HOME");
    if (home.len)
        return home;
    struct passwd *user = getpwuid(getuid());
    return user ? arena_copy(arena, str_from(user->pw_dir)) : (Str){0};
}

/* The folder that the user works in: INIT_CWD, where npm set it, else the
 * process's own; empty where it is gone. */
static Str os_cwd(Arena *arena)
{
    char here[PATH_MAX];
    Str init = os_env("INIT_CWD");
    if (init.len && init.ptr[0] == '/')
        return init;
    return getcwd(here, sizeof(here)) ? arena_copy(arena, str_from(here))
                                      : (Str){0};
}

/* The path with symbolic links resolved, also where the last one leads to a
 * file that is not there yet. */
static Str os_resolve_links(Arena *arena, Str path)
{
    char text[PATH_MAX];
    for (int hops = 0; hops < 16; hops++) {
        const char *name = arena_cstr(arena, path);
        if (realpath(name, text))
            return arena_copy(arena, str_from(text));
        ssize_t n = readlink(name, text, sizeof(text));
        if (n <= 0)
            break;
        Str to = arena_copy(arena, (Str){text, n});
        path = to.ptr[0] == '/' ? to
                                : os_path_join(arena, os_path_dir(path), to);
    }
    return path;
}

/* Is there something at the path, and within reach? */
static bool os_is_there(Arena *arena, Str path)
{
    struct stat st;
    return stat(arena_cstr(arena, path), &st) == 0;
}

/* Is there something at the path? Where that cannot be told (no permission),
 * yes: whoever opens it then learns why it cannot be used. */
static bool os_exists(Arena *arena, Str path)
{
    struct stat st;
    return stat(arena_cstr(arena, path), &st) == 0 ||
           (errno != ENOENT && errno != ENOTDIR);
}

/*
 * Reads a file, or what a pipe holds, whole. Gives 0, or an errno: EFBIG
 * where it holds more than `max` bytes, EISDIR for a folder.
 */
static int os_read_fd(Arena *arena, int fd, ptrdiff_t max, Str *out)
{
    struct stat st = {0};
    Buf buf = buf_new(arena, max + 1);
    if (fstat(fd, &st))
        return errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    if (S_ISREG(st.st_mode) && st.st_size < max)
        buf_reserve(&buf, (ptrdiff_t)st.st_size + 1);
    for (;;) {
        ptrdiff_t room = buf.cap - buf.len;
        if (!room) {
            ptrdiff_t more = buf.max - buf.len < 16 * KIB ? buf.max - buf.len
                                                          : 16 * KIB;
            if (more <= 0 || !buf_reserve(&buf, more))
                return EFBIG;
            continue;
        }
        bool ready = S_ISREG(st.st_mode) || os_wait(fd, POLLIN, -1);
        ptrdiff_t n = ready ? os_read(fd, buf.ptr + buf.len, room) : -EINTR;
        if (n < 0)
            return (int)-n;
        if (!n)
            break;
        buf.len += n;
    }
    *out = buf_str(&buf);
    return buf.len > max ? EFBIG : 0;
}

static int os_read_file(Arena *arena, Str path, ptrdiff_t max, Str *out)
{
    int fd = os_fails() ? -1
                        : open(arena_cstr(arena, path),
                               O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return errno;
    int code = os_read_fd(arena, fd, max, out);
    close(fd);
    return code;
}

/* The names of a folder's entries, hidden ones left out, in no order. Gives
 * how many; 0 where it cannot be read. */
static int os_list(Arena *arena, Str path, Str **out)
{
    enum { MOST = 4096 };
    DIR *dir = os_fails() ? NULL : opendir(arena_cstr(arena, path));
    struct dirent *entry = NULL;
    int count = 0;
    if (!dir)
        return 0;
    *out = arena_array(arena, MOST, sizeof(Str));
    while (count < MOST && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            (*out)[count++] = arena_copy(arena, str_from(entry->d_name));
    closedir(dir);
    return count;
}

/* Makes a folder; one that is there already is fine. */
static int os_mkdir(Arena *arena, Str path, mode_t mode)
{
    if (os_fails() || mkdir(arena_cstr(arena, path), mode))
        return errno == EEXIST ? 0 : errno;
    return 0;
}

/* Has a folder's new entries reach the disk, where the file system can. */
static int os_sync_dir(Arena *arena, Str dir)
{
    int fd = open(arena_cstr(arena, dir), O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    if (fd < 0)
        return errno;
    int code = os_fails() || fsync(fd) ? errno : 0;
    close(fd);
    return code == EINVAL || code == ENOTSUP ? 0 : code;
}

/*
 * Replaces a file as a whole, or not at all: a new file beside it (same
 * folder, O_EXCL), synced, renamed over it, the folder synced. The caller
 * holds the path's lock, so a left-over of the same temporary name is a dead
 * run's and is removed. `path` must be free of symbolic links.
 */
static int os_replace_file(Arena *arena, Str path, Str data, mode_t mode)
{
    struct stat old;
    Str dir = os_path_dir(path);
    Str name = arena_printf(arena, ".%.*s.hs-new", P(os_path_base(path)));
    const char *temp = arena_cstr(arena, os_path_join(arena, dir, name));
    unlink(temp);
    int fd = os_fails()
                 ? -1
                 : open(temp,
                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                        mode);
    if (fd < 0)
        return errno;
    int code = os_write_all(fd, data);
    if (!code && !stat(arena_cstr(arena, path), &old) &&
        old.st_uid != geteuid() && fchown(fd, old.st_uid, old.st_gid))
        code = errno; /* root must not take a user's file away */
    if (!code && (os_fails() || fchmod(fd, mode) || fsync(fd)))
        code = errno;
    if (close(fd) && !code)
        code = errno;
    if (!code && (os_fails() || rename(temp, arena_cstr(arena, path))))
        code = errno;
    if (code)
        unlink(temp);
    return code ? code : os_sync_dir(arena, dir);
}

/*
 * Takes the lock that guards `path`: flock() on `<path>.lock`, 0600. It waits
 * up to `timeout` milliseconds (then EAGAIN; EINTR after a signal).
 * os_unlock() removes the file while it still holds the lock, so a lock that
 * was won on a file which is no longer the one in the folder is given back and
 * tried anew.
 */
static int os_lock(Arena *arena, Str path, int64_t timeout, int *out)
{
    Str name = arena_printf(arena, "%.*s.lock", P(path));
    int64_t deadline = os_now() + timeout;
    for (;;) {
        struct stat held = {0};
        struct stat there = {0};
        int fd = os_fails()
                     ? -1
                     : open(name.ptr, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                            0600);
        if (fd < 0)
            return errno;
        while (flock(fd, LOCK_EX | LOCK_NB)) {
            int code = errno;
            bool busy = code == EWOULDBLOCK || code == EINTR;
            if (!busy || os_now() > deadline || os_interrupted()) {
                close(fd);
                return os_interrupted() ? EINTR : busy ? EAGAIN : code;
            }
            os_sleep(2 + os_random(8));
        }
        if (!fstat(fd, &held) && !stat(name.ptr, &there) &&
            held.st_ino == there.st_ino && held.st_dev == there.st_dev) {
            *out = fd;
            return 0;
        }
        close(fd);
    }
}

static void os_unlock(Arena *arena, Str path, int fd)
{
    unlink(arena_printf(arena, "%.*s.lock", P(path)).ptr);
    close(fd);
}

/* The child's half of os_lookup_start(): never returns. The answer is an
 * OsAddresses, or an error code of getaddrinfo() alone. */
static _Noreturn void os_lookup_child(const char *host, int fd)
{
    struct addrinfo want = {.ai_socktype = SOCK_STREAM,
                            .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    OsAddresses found = {0};
    ssize_t sent = 0;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    int code = getaddrinfo(host, NULL, &want, &list);
    for (struct addrinfo *a = list; a && found.count < OS_ADDRESSES;
         a = a->ai_next) {
        if (a->ai_family != AF_INET && a->ai_family != AF_INET6)
            continue;
        memcpy(&found.at[found.count++], a->ai_addr, a->ai_addrlen);
    }
    if (code || !found.count)
        sent = write(fd, &code, sizeof(code));
    else
        sent = write(fd, &found, sizeof(found));
    _exit(sent < 0);
}

/* Starts looking a name up: `*fd` becomes readable when the answer is there;
 * os_lookup_end() takes it. */
static int os_lookup_start(const char *host, int *fd, pid_t *pid)
{
    int ends[2];
    if (os_fails() || pipe2(ends, O_CLOEXEC))
        return errno;
    *pid = fork();
    if (!*pid)
        os_lookup_child(host, ends[1]);
    int code = errno;
    close(ends[1]);
    if (*pid > 0) {
        *fd = ends[0];
        return 0;
    }
    close(ends[0]);
    return code;
}

/* Ends a look-up, answered or not, and reaps the child. Gives 0 with at least
 * one address, or an EAI_ code of getaddrinfo(). */
static int os_lookup_end(int fd, pid_t pid, OsAddresses *out)
{
    OsAddresses found = {0};
    ptrdiff_t n = os_wait(fd, POLLIN, 0) ? os_read(fd, &found, sizeof(found))
                                         : -1;
    int code = 0;
    close(fd);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    if (n == (ptrdiff_t)sizeof(found)) {
        *out = found;
        return 0;
    }
    if (n == (ptrdiff_t)sizeof(code))
        memcpy(&code, &found, sizeof(code));
    return code ? code : EAI_AGAIN;
}

/* True where `host` is an address in figures; then `*out` holds just it. */
static bool os_address_literal(const char *host, OsAddresses *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&out->at[0];
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->at[0];
    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1)
        v4->sin_family = AF_INET;
    else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1)
        v6->sin6_family = AF_INET6;
    else
        return false;
    out->count = 1;
    return true;
}

/* Starts a TCP connection without waiting for it. Gives 0 and the socket
 * (TCP_NODELAY: a request goes out as it is written), or an errno. */
static int os_connect(const struct sockaddr_storage *to, int port, int *out)
{
    struct sockaddr_storage at = *to;
    socklen_t len = sizeof(struct sockaddr_in);
    int on = 1;
    if (at.ss_family == AF_INET6) {
        ((struct sockaddr_in6 *)&at)->sin6_port = htons((uint16_t)port);
        len = sizeof(struct sockaddr_in6);
    } else {
        ((struct sockaddr_in *)&at)->sin_port = htons((uint16_t)port);
    }
    int fd = os_fails() ? -1
                        : socket(at.ss_family,
                                 SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                                 IPPROTO_TCP);
    if (fd < 0)
        return errno;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, (struct sockaddr *)&at, len) && errno != EINPROGRESS) {
        int code = errno;
        close(fd);
        return code;
    }
    *out = fd;
    return 0;
}

/* How a connection that os_connect() started has ended: 0 or an errno. */
static int os_connect_result(int fd)
{
    int code = 0;
    socklen_t len = sizeof(code);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) ? errno : code;
}

/* One non-blocking read; -EAGAIN where nothing is there yet. */
static ptrdiff_t os_receive(int fd, void *to, ptrdiff_t size)
{
    ssize_t n = os_fails() ? -1 : recv(fd, to, (size_t)size, 0);
    return n < 0 ? (errno == EINTR ? -EAGAIN : -errno) : n;
}

/* One non-blocking write; -EAGAIN where the socket is full. */
static ptrdiff_t os_send(int fd, const void *from, ptrdiff_t size)
{
    ssize_t n = os_fails() ? -1 : send(fd, from, (size_t)size, MSG_NOSIGNAL);
    return n < 0 ? (errno == EINTR ? -EAGAIN : -errno) : n;
}

static bool os_is_terminal(int fd)
{
    return isatty(fd) == 1;
}

/* The width of the terminal at `fd` in columns; 80 where it does not say. */
static int os_columns(int fd)
{
    struct winsize size = {0};
    if (ioctl(fd, TIOCGWINSZ, &size) || !size.ws_col)
        return 80;
    return size.ws_col;
}

/* Reads the terminal's mode into `*saved` and turns off echo and, with
 * `keys`, line editing: each key comes at once. Signals stay on. */
static int os_terminal_mode(int fd, bool keys, struct termios *saved)
{
    struct termios mode;
    if (tcgetattr(fd, saved))
        return errno;
    mode = *saved;
    os_terminal_old = *saved;
    os_terminal_fd = fd;
    mode.c_cc[VSUSP] = _POSIX_VDISABLE; /* else the shell gets this mode */
    mode.c_lflag &= ~(tcflag_t)(keys ? ECHO | ICANON | IEXTEN : ECHO);
    if (keys) {
        mode.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
        mode.c_cc[VMIN] = 1;
        mode.c_cc[VTIME] = 0;
    }
    return tcsetattr(fd, TCSADRAIN, &mode) ? errno : 0;
}

static void os_terminal_restore(int fd, const struct termios *saved)
{
    tcsetattr(fd, TCSADRAIN, saved);
    os_terminal_fd = -1;
}

/* ==== 03 Terminal ======================================================== *
 *
 * stdout carries data and nothing else; stderr carries talk. Data is written
 * through one buffer whose failures (a closed pipe, a full disk) are kept
 * until the end, where main turns them into exit 1. Talk goes out a line at a
 * time, searched for the secrets of the run and stripped of control bytes,
 * since much of it quotes files and servers.
 *
 * Prompts are drawn on stderr, and only where stdin and stderr are terminals
 * and neither --no-input nor CI is set. A frame is one write. What they use
 * of ECMA-48: CR to the line's start, CSI K clears to its end, CSI n C moves
 * right, CSI n A moves up, CSI J clears below; and CSI ?2004h/l for bracketed
 * paste (xterm), so that a pasted line break does not answer the prompt. With
 * TERM=dumb there are no escape sequences: lines are read as they come.
 */

enum {
    TERM_SECRETS = 256,
    TERM_SECRET_PART = 12, /* bytes of one that are hidden by themselves */
    TERM_OUT_BUFFER = 32 * KIB,
    ASK_MAX = 4 * KIB, /* bytes of one answer */
    ASK_ROWS = 10      /* entries of a list on the screen */
};

typedef struct {
    Arena *arena;
    bool out_terminal;
    bool err_terminal;
    bool color; /* of stderr */
    bool interactive;
    bool dumb;
    bool debug;
    char foreign_last; /* the last byte that term_out_foreign() passed */
    int out_error;     /* the first errno of writing to stdout */
    int out_len;
    int secrets;
    Str secret[TERM_SECRETS];
    char out[TERM_OUT_BUFFER];
} Term;

/* Sets up the terminal from what stdin, stdout, stderr and the environment
 * are. `*term` is zero before. */
static void term_init(Term *term, Arena *arena)
{
    Str name = os_env("TERM");
    term->arena = arena;
    term->out_terminal = os_is_terminal(STDOUT_FILENO);
    term->err_terminal = os_is_terminal(STDERR_FILENO);
    term->dumb = !name.len || str_eq(name, S("dumb"));
    term->color = term->err_terminal && !term->dumb &&
                  !os_env("NO_COLOR").len &&
                  !str_eq(os_env("CLICOLOR"), S("0"));
    term->interactive = term->err_terminal && os_is_terminal(STDIN_FILENO) &&
                        !os_env("CI").len;
}

/* Has term_talk() hide this text, of which it keeps a copy, wherever it
 * stands. Short words are not secrets: hiding them would garble the rest. */
static void term_hide(Term *term, Secret secret)
{
    Str text = secret_text(secret);
    for (int i = 0; i < term->secrets; i++)
        if (str_eq(term->secret[i], text))
            return;
    if (text.len >= 8 && term->secrets < TERM_SECRETS)
        term->secret[term->secrets++] = arena_copy(term->arena, text);
}

/* How many bytes at the start of `s` are a secret's: all of it, or at least
 * TERM_SECRET_PART of its first (a message may have been cut); 0: none. */
static ptrdiff_t term_secret_at(const Term *term, Str s)
{
    ptrdiff_t most = 0;
    for (int i = 0; i < term->secrets; i++) {
        Str secret = term->secret[i];
        ptrdiff_t n = 0;
        while (n < s.len && n < secret.len && s.ptr[n] == secret.ptr[n])
            n++;
        if ((n == secret.len || n >= TERM_SECRET_PART) && n > most)
            most = n;
    }
    return most;
}

/*
 * Adds foreign text to a line for a terminal: control characters (C0, DEL and
 * the C1 block, which some terminals obey) and bytes that are not UTF-8
 * become '?', a tab and, with `lines`, a line feed stay.
 */
static void term_add_safe(Buf *buf, Str s, bool lines)
{
    while (s.len) {
        uint32_t c = 0;
        ptrdiff_t run = str_printable_run(s);
        buf_add(buf, str_slice(s, 0, run));
        s = str_slice(s, run, s.len);
        if (!s.len)
            break;
        int n = str_utf8(s, &c);
        bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
        bool kept = c == '\t' || (lines && c == '\n');
        if (!n || (control && !kept))
            buf_add_char(buf, '?');
        else
            buf_add(buf, str_slice(s, 0, n));
        s = str_slice(s, n ? n : 1, s.len);
    }
}

/* Writes text to stderr: secrets hidden, control bytes stripped, one write.
 * `head` is ours and goes before it in `color` (SGR, ECMA-48 8.3.117). */
static void term_talk(Term *term, const char *color, const char *head, Str text)
{
    Arena scratch = {0};
    Buf hidden = buf_new(&scratch, 64 * KIB);
    Buf safe = buf_new(&scratch, 64 * KIB);
    while (text.len) {
        ptrdiff_t n = term_secret_at(term, text);
        buf_add(&hidden, n ? S("[hidden]") : str_slice(text, 0, 1));
        text = str_slice(text, n ? n : 1, text.len);
    }
    if (head[0] && term->color)
        buf_printf(&safe, "\x1b[%sm%s\x1b[0m ", color, head);
    else if (head[0])
        buf_printf(&safe, "%s ", head);
    term_add_safe(&safe, buf_str(&hidden), true);
    os_write_all(STDERR_FILENO, buf_str(&safe));
    arena_free(&scratch);
}

static void term_vsay(Term *term, const char *color, const char *head,
                      const char *format, va_list args)
{
    char text[8 * KIB];
    int n = vsnprintf(text, sizeof(text) - 1, format, args);
    ptrdiff_t len = n < 0 ? 0 : n;
    if (len > (ptrdiff_t)sizeof(text) - 2)
        len = (ptrdiff_t)sizeof(text) - 2;
    text[len] = '\n';
    term_talk(term, color, head, (Str){text, len + 1});
    secret_wipe(text, sizeof(text));
}

/* Says one line on stderr. */
__attribute__((format(printf, 2, 3))) static void
term_say(Term *term, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    term_vsay(term, "", "", format, args);
    va_end(args);
}

__attribute__((format(printf, 2, 3))) static void
term_warn(Term *term, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    term_vsay(term, "33", "hs: warning:", format, args);
    va_end(args);
}

/* Says one line on stderr with --debug. */
__attribute__((format(printf, 2, 3))) static void
term_debug(Term *term, const char *format, ...)
{
    va_list args;
    if (!term->debug)
        return;
    va_start(args, format);
    term_vsay(term, "2", "debug:", format, args);
    va_end(args);
}

/* Says why a run fails. */
__attribute__((format(printf, 2, 3))) static void
term_complain(Term *term, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    term_vsay(term, "31", "hs:", format, args);
    va_end(args);
}

static void term_error(Term *term, const Err *err)
{
    term_complain(term, "%s", err->message);
    if (err->hint[0])
        term_say(term, "    %s", err->hint);
}

/* Sends what is buffered for stdout. After a failure it does nothing more. */
static void term_flush(Term *term)
{
    Str text = {term->out, term->out_len};
    term->out_len = 0;
    if (!term->out_error)
        term->out_error = os_write_all(STDOUT_FILENO, text);
}

/* Adds data to stdout, byte for byte. */
static void term_out(Term *term, Str data)
{
    while (data.len && !term->out_error) {
        ptrdiff_t room = TERM_OUT_BUFFER - term->out_len;
        ptrdiff_t n = data.len < room ? data.len : room;
        memcpy(term->out + term->out_len, data.ptr, (size_t)n);
        term->out_len += (int)n;
        data = str_slice(data, n, data.len);
        if (term->out_len == TERM_OUT_BUFFER)
            term_flush(term);
    }
}

/* Formats to stdout, for people: control bytes become '?'. */
__attribute__((format(printf, 2, 3))) static void
term_printf(Term *term, const char *format, ...)
{
    char text[4 * KIB];
    _Alignas(max_align_t) char memory[8 * KIB]; /* most need no malloc() */
    Arena scratch = arena_in(memory, sizeof(memory));
    Buf safe = buf_new(&scratch, (ptrdiff_t)sizeof(text));
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n > 0)
        term_add_safe(&safe, (Str){text, n < COUNT(text) ? n : COUNT(text) - 1},
                      true);
    term_out(term, buf_str(&safe));
    arena_free(&scratch);
}

/*
 * Adds a server's bytes to stdout: as they are, or, where stdout is a
 * terminal, with control bytes as '?'. It works on pieces: a C1 control is
 * two bytes in UTF-8 (C2 80 to C2 9F), and the pieces may cut between them.
 */
static void term_out_foreign(Term *term, Str data)
{
    if (!term->out_terminal) {
        term_out(term, data);
        return;
    }
    for (ptrdiff_t i = 0; i < data.len; i++) {
        unsigned char c = (unsigned char)data.ptr[i];
        bool c1 = term->foreign_last == '\xc2' && c >= 0x80 && c < 0xa0;
        bool control = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f || c1;
        term_out(term, control ? S("?") : str_slice(data, i, i + 1));
        term->foreign_last = (char)c;
    }
}

/* How many columns the text takes: wide characters two, combining none. */
static int term_width(Str s)
{
    ptrdiff_t at = str_printable_run(s);
    int width = (int)at;
    while (at < s.len) {
        uint32_t c = 0;
        int n = str_utf8(str_slice(s, at, s.len), &c);
        int w = n ? wcwidth((wchar_t)c) : 1;
        width += w < 0 ? 1 : w;
        at += n ? n : 1;
    }
    return width;
}

/* The longest head of `s` that fits into `columns`. */
static Str term_clip(Str s, int columns)
{
    ptrdiff_t at = 0;
    int width = 0;
    while (at < s.len) {
        uint32_t c = 0;
        int n = str_utf8(str_slice(s, at, s.len), &c);
        int w = n ? wcwidth((wchar_t)c) : 1;
        width += w < 0 ? 1 : w;
        if (width > columns)
            break;
        at += n ? n : 1;
    }
    return str_slice(s, 0, at);
}

/*
 * Prints rows of `columns` cells each to stdout as a table, the first row as
 * its heading: columns padded to their widest cell, two spaces between them.
 * Cells are foreign text.
 */
static void term_table(Term *term, const Str *cells, int rows, int columns)
{
    Buf line = buf_new(term->arena, 64 * KIB);
    int *widest = arena_array(term->arena, columns, sizeof(*widest));
    for (int i = 0; i < rows * columns; i++) {
        int width = term_width(cells[i]);
        if (width > widest[i % columns])
            widest[i % columns] = width;
    }
    for (int i = 0; i < rows * columns; i++) {
        int column = i % columns;
        term_add_safe(&line, cells[i], false);
        if (column < columns - 1) {
            buf_add_repeat(&line, ' ',
                           widest[column] + 2 - term_width(cells[i]));
            continue;
        }
        buf_add_char(&line, '\n');
        term_out(term, buf_str(&line));
        line.len = 0;
    }
}

typedef enum {
    KEY_NONE, /* nothing that a prompt knows */
    KEY_TEXT, /* bytes to insert: typed, or pasted */
    KEY_ENTER,
    KEY_BACKSPACE,
    KEY_DELETE,
    KEY_LEFT,
    KEY_RIGHT,
    KEY_UP,
    KEY_DOWN,
    KEY_HOME,
    KEY_END,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
    KEY_CUT_LINE,
    KEY_CUT_WORD,
    KEY_CUT_REST,
    KEY_EOF,
    KEY_STOP /* a signal, or the terminal is gone */
} Key;

/* A prompt under way: the terminal's old mode and the keys read ahead. */
typedef struct {
    Term *term;
    struct termios saved;
    bool raw;
    bool pasting;
    int rows; /* rows of the frame on the screen, below the first */
    int len;
    int at;
    char bytes[512];
    char text; /* the byte of a KEY_TEXT */
} Ask;

/* May this run ask? If not, the error names the option that answers. */
static bool ask_allowed(const Term *term, const char *what, const char *option,
                        Err *err)
{
    if (term->interactive)
        return true;
    err_set(err, EXIT_USAGE, "%s is needed, and there is no terminal to ask on",
            what);
    return err_hint(err, "Give it with %s.", option);
}

/* Puts the terminal into a prompt's mode; ask_close() is its other half. */
static bool ask_open(Ask *ask, Term *term, bool masked, Err *err)
{
    *ask = (Ask){.term = term};
    if (term->dumb && !masked)
        return true;
    int code = os_terminal_mode(STDIN_FILENO, !term->dumb, &ask->saved);
    if (code)
        return err_set(err, EXIT_FAILED, "cannot set up the terminal: %s",
                       os_error(code));
    ask->raw = true;
    if (!term->dumb)
        os_write_all(STDERR_FILENO, S("\x1b[?2004h"));
    return true;
}

static void ask_close(Ask *ask)
{
    if (ask->raw && !ask->term->dumb)
        os_write_all(STDERR_FILENO, S("\x1b[?2004l"));
    if (ask->raw)
        os_terminal_restore(STDIN_FILENO, &ask->saved);
    secret_wipe(ask->bytes, sizeof(ask->bytes));
}

/* The next byte from the terminal; -1 at its end, on a signal, or where none
 * comes within `timeout` milliseconds (-1: for ever). */
static int ask_byte(Ask *ask, int64_t timeout)
{
    if (ask->at == ask->len) {
        if (!os_wait(STDIN_FILENO, POLLIN, timeout))
            return -1;
        ptrdiff_t n = os_read(STDIN_FILENO, ask->bytes, sizeof(ask->bytes));
        if (n <= 0)
            return -1;
        ask->len = (int)n;
        ask->at = 0;
    }
    return (unsigned char)ask->bytes[ask->at++];
}

/* Reads the rest of an escape sequence: CSI or SS3, a number, a final. */
static Key ask_escape(Ask *ask)
{
    static const struct {
        const char *text;
        Key key;
    } known[] = {
        {"A", KEY_UP},         {"B", KEY_DOWN},    {"C", KEY_RIGHT},
        {"D", KEY_LEFT},       {"H", KEY_HOME},    {"F", KEY_END},
        {"1~", KEY_HOME},      {"4~", KEY_END},    {"7~", KEY_HOME},
        {"8~", KEY_END},       {"3~", KEY_DELETE}, {"5~", KEY_PAGE_UP},
        {"6~", KEY_PAGE_DOWN},
    };
    char text[16] = {0};
    int first = ask_byte(ask, 50);
    if (first != '[' && first != 'O')
        return KEY_NONE;
    for (int n = 0; n < COUNT(text) - 1; n++) {
        int c = ask_byte(ask, 50);
        if (c < 0)
            return KEY_NONE;
        text[n] = (char)c;
        if (c >= 0x40 && c <= 0x7e)
            break;
    }
    if (!strcmp(text, "200~") || !strcmp(text, "201~")) {
        ask->pasting = text[2] == '0';
        return KEY_NONE;
    }
    for (int i = 0; i < COUNT(known); i++)
        if (!strcmp(text, known[i].text))
            return known[i].key;
    return KEY_NONE;
}

/* Waits for the next key. Inside a paste everything is text. */
static Key ask_key(Ask *ask)
{
    int c = ask_byte(ask, -1);
    if (c < 0)
        return KEY_STOP;
    if (c == 0x1b)
        return ask_escape(ask);
    ask->text = (char)c;
    if (ask->pasting)
        return c < ' ' ? KEY_NONE : KEY_TEXT;
    switch (c) {
    case '\r':
    case '\n':
        return KEY_ENTER;
    case 0x7f:
    case 0x08:
        return KEY_BACKSPACE;
    case 0x01:
        return KEY_HOME;
    case 0x05:
        return KEY_END;
    case 0x02:
        return KEY_LEFT;
    case 0x06:
        return KEY_RIGHT;
    case 0x10:
        return KEY_UP;
    case 0x0e:
        return KEY_DOWN;
    case 0x04:
        return KEY_EOF;
    case 0x0b:
        return KEY_CUT_REST;
    case 0x15:
        return KEY_CUT_LINE;
    case 0x17:
        return KEY_CUT_WORD;
    default:
        return c < ' ' ? KEY_NONE : KEY_TEXT;
    }
}

/* A line under edit: `len` bytes of UTF-8, the cursor at byte `at`. */
typedef struct {
    char text[ASK_MAX];
    int len;
    int at;
} Line;

/* The start of the character before, or after, byte `at` of the line. */
static int ask_line_step(const Line *line, int at, int by)
{
    do
        at += by;
    while (at > 0 && at < line->len && (line->text[at] & 0xc0) == 0x80);
    return at < 0 ? 0 : at > line->len ? line->len : at;
}

static void ask_line_cut(Line *line, int from, int to)
{
    memmove(line->text + from, line->text + to, (size_t)(line->len - to));
    line->len -= to - from;
    line->at = from;
}

/* Applies a key to a line. What does not fit into it is dropped. */
static void ask_line_edit(Line *line, Key key, char text)
{
    int at = line->at;
    if (key == KEY_TEXT && line->len < ASK_MAX) {
        memmove(line->text + at + 1, line->text + at, (size_t)(line->len - at));
        line->text[line->at++] = text;
        line->len++;
    } else if (key == KEY_LEFT) {
        line->at = ask_line_step(line, at, -1);
    } else if (key == KEY_RIGHT) {
        line->at = ask_line_step(line, at, 1);
    } else if (key == KEY_HOME || key == KEY_END) {
        line->at = key == KEY_HOME ? 0 : line->len;
    } else if (key == KEY_BACKSPACE) {
        ask_line_cut(line, ask_line_step(line, at, -1), at);
    } else if (key == KEY_DELETE && at < line->len) {
        ask_line_cut(line, at, ask_line_step(line, at, 1));
    } else if (key == KEY_CUT_LINE || key == KEY_CUT_REST) {
        ask_line_cut(line, key == KEY_CUT_LINE ? 0 : at,
                     key == KEY_CUT_LINE ? at : line->len);
    } else if (key == KEY_CUT_WORD) {
        while (at > 0 && line->text[at - 1] == ' ')
            at--;
        while (at > 0 && line->text[at - 1] != ' ')
            at--;
        ask_line_cut(line, at, line->at);
    }
}

/*
 * Draws a prompt's line: the label, then as much of the text as fits around
 * the cursor, or a star for each character of a masked one.
 */
static void ask_line_draw(Str label, const Line *line, bool masked)
{
    Arena scratch = {0};
    Buf frame = buf_new(&scratch, 64 * KIB);
    Buf shown = buf_new(&scratch, 2 * ASK_MAX);
    int columns = os_columns(STDERR_FILENO);
    Str text = {line->text, line->len};
    if (masked) {
        for (int i = 0; i < line->len; i++)
            if ((line->text[i] & 0xc0) != 0x80)
                buf_add_char(&shown, '*');
        text = buf_str(&shown);
    }
    Str head = term_clip(label, columns > 48 ? columns - 24 : columns / 2);
    int room = columns - term_width(head) - 1;
    ptrdiff_t cursor = line->at;
    if (masked) {
        cursor = 0;
        for (int i = 0; i < line->at; i++)
            cursor += (line->text[i] & 0xc0) != 0x80;
    }
    Str before = str_slice(text, 0, cursor);
    while (term_width(before) >= room && before.len) {
        uint32_t c = 0;
        int n = str_utf8(before, &c);
        before = str_slice(before, n ? n : 1, before.len);
    }
    int used = term_width(before);
    buf_add(&frame, S("\r\x1b[K"));
    term_add_safe(&frame, head, false);
    term_add_safe(&frame, before, false);
    term_add_safe(&frame,
                  term_clip(str_slice(text, cursor, text.len), room - used),
                  false);
    buf_printf(&frame, "\r\x1b[%dC", term_width(head) + used);
    os_write_all(STDERR_FILENO, buf_str(&frame));
    arena_free(&scratch);
}

static bool ask_stopped(Err *err)
{
    if (os_interrupted())
        return err_set(err, (ExitCode)(128 + os_interrupted()), "interrupted");
    return err_set(err, EXIT_USAGE, "the input ended before an answer");
}

/* Reads a line from a terminal without escape sequences. */
static bool ask_line_dumb(Ask *ask, Str label, Line *line, Err *err)
{
    os_write_all(STDERR_FILENO, label);
    for (;;) {
        int c = ask_byte(ask, -1);
        if (c < 0)
            return ask_stopped(err);
        if (c == '\n')
            break;
        ask_line_edit(line, KEY_TEXT, (char)c);
    }
    if (ask->raw)
        os_write_all(STDERR_FILENO, S("\n"));
    return true;
}

static bool ask_line_keys(Ask *ask, Str label, Line *line, bool masked,
                          Err *err)
{
    for (;;) {
        if (ask->at == ask->len)
            ask_line_draw(label, line, masked);
        Key key = ask_key(ask);
        if (key == KEY_STOP || (key == KEY_EOF && !line->len)) {
            os_write_all(STDERR_FILENO, S("\r\n"));
            return ask_stopped(err);
        }
        if (key == KEY_ENTER)
            break;
        ask_line_edit(line, key, ask->text);
    }
    ask_line_draw(label, line, masked);
    os_write_all(STDERR_FILENO, S("\r\n"));
    return true;
}

/*
 * Asks for a line of text; the answer, trimmed, lives in `arena`. `preset`
 * is what an empty answer means, and may be empty. `masked` shows stars.
 * Ctrl-C and the input's end are errors. The caller checked ask_allowed().
 */
static bool ask_text(Term *term, Arena *arena, const char *question, Str preset,
                     bool masked, Str *out, Err *err)
{
    Ask ask;
    Arena scratch = {0};
    Line *line = arena_alloc(&scratch, sizeof(*line));
    Str label = preset.len ? arena_printf(&scratch, "? %s (%.*s) ", question,
                                          P(preset))
                           : arena_printf(&scratch, "? %s ", question);
    bool ok = ask_open(&ask, term, masked, err);
    if (ok) {
        ok = term->dumb ? ask_line_dumb(&ask, label, line, err)
                        : ask_line_keys(&ask, label, line, masked, err);
        ask_close(&ask);
    }
    Str answer = str_trim((Str){line->text, line->len});
    if (ok)
        *out = answer.len ? arena_copy(arena, answer) : preset;
    arena_free(&scratch);
    return ok;
}

/* Asks for yes or no; an empty answer is `preset`. */
static bool ask_confirm(Term *term, const char *question, bool preset,
                        bool *out, Err *err)
{
    for (;;) {
        Arena scratch = {0};
        Str answer = {0};
        Str label = arena_printf(&scratch, "%s [%s]", question,
                                 preset ? "Y/n" : "y/N");
        bool ok = ask_text(term, &scratch, label.ptr, (Str){0}, false, &answer,
                           err);
        bool yes = str_in_words(answer, "y yes");
        bool no = str_in_words(answer, "n no");
        bool empty = !answer.len;
        arena_free(&scratch);
        if (!ok)
            return false;
        if (yes || no || empty) {
            *out = yes || (empty && preset);
            return true;
        }
    }
}

/* A list to choose from: which entries pass the filter, where the cursor is. */
typedef struct {
    const Str *items;
    int count;
    int *shown; /* indices of the items that pass the filter */
    int matches;
    int at;
    Line filter;
} Choice;

static void ask_choice_filter(Choice *choice)
{
    Str want = {choice->filter.text, choice->filter.len};
    choice->matches = 0;
    for (int i = 0; i < choice->count; i++) {
        Str item = choice->items[i];
        bool match = !want.len;
        for (ptrdiff_t k = 0; !match && k + want.len <= item.len; k++)
            match = str_eq_nocase(str_slice(item, k, k + want.len), want);
        if (match)
            choice->shown[choice->matches++] = i;
    }
    if (choice->at >= choice->matches)
        choice->at = choice->matches ? choice->matches - 1 : 0;
}

static void ask_choice_draw(Ask *ask, const char *question,
                            const Choice *choice)
{
    Arena scratch = {0};
    Buf frame = buf_new(&scratch, 256 * KIB);
    int columns = os_columns(STDERR_FILENO);
    int first = choice->at < ASK_ROWS ? 0 : choice->at - ASK_ROWS + 1;
    if (ask->rows)
        buf_printf(&frame, "\x1b[%dA", ask->rows);
    buf_add(&frame, S("\r\x1b[J"));
    Str head = arena_printf(&scratch, "? %s %.*s", question, choice->filter.len,
                            choice->filter.text);
    term_add_safe(&frame, term_clip(head, columns - 1), false);
    ask->rows = 0;
    for (int i = first; i < choice->matches && i < first + ASK_ROWS; i++) {
        Str row = arena_printf(&scratch, "%s %.*s", i == choice->at ? ">" : " ",
                               P(choice->items[choice->shown[i]]));
        buf_add(&frame, S("\r\n"));
        term_add_safe(&frame, term_clip(row, columns - 1), false);
        ask->rows++;
    }
    os_write_all(STDERR_FILENO, buf_str(&frame));
    arena_free(&scratch);
}

static void ask_choice_key(Choice *choice, Key key, char text)
{
    int last = choice->matches - 1;
    bool typing = choice->filter.len > 0;
    if (key == KEY_TEXT && !typing && (text == 'j' || text == 'k'))
        key = text == 'j' ? KEY_DOWN : KEY_UP;
    if (key == KEY_UP)
        choice->at = choice->at > 0 ? choice->at - 1 : last;
    else if (key == KEY_DOWN)
        choice->at = choice->at < last ? choice->at + 1 : 0;
    else if (key == KEY_HOME || key == KEY_PAGE_UP)
        choice->at = key == KEY_HOME ? 0 : choice->at - ASK_ROWS;
    else if (key == KEY_END || key == KEY_PAGE_DOWN)
        choice->at = key == KEY_END ? last : choice->at + ASK_ROWS;
    else
        ask_line_edit(&choice->filter, key, text);
    if (choice->at > last)
        choice->at = last;
    if (choice->at < 0)
        choice->at = 0;
    ask_choice_filter(choice);
}

static bool ask_choice_keys(Ask *ask, const char *question, Choice *choice,
                            Err *err)
{
    for (;;) {
        ask_choice_draw(ask, question, choice);
        Key key = ask_key(ask);
        bool done = key == KEY_ENTER && choice->matches;
        if (done || key == KEY_STOP || key == KEY_EOF) {
            Arena scratch = {0};
            Str answer = done ? choice->items[choice->shown[choice->at]]
                              : (Str){0};
            Buf end = buf_new(&scratch, 64 * KIB);
            if (ask->rows)
                buf_printf(&end, "\x1b[%dA", ask->rows);
            buf_printf(&end, "\r\x1b[J? %s ", question);
            term_add_safe(&end, answer, false);
            buf_add(&end, S("\r\n"));
            os_write_all(STDERR_FILENO, buf_str(&end));
            arena_free(&scratch);
            return done || ask_stopped(err);
        }
        ask_choice_key(choice, key, ask->text);
    }
}

/* Asks for one of numbered lines, on a terminal without escape sequences. */
static bool ask_choice_dumb(Term *term, const char *question,
                            const Choice *choice, int *out, Err *err)
{
    for (int i = 0; i < choice->count; i++)
        term_say(term, "%3d  %.*s", i + 1, P(choice->items[i]));
    for (;;) {
        Arena scratch = {0};
        Str answer = {0};
        int64_t number = 0;
        bool ok = ask_text(term, &scratch, question, (Str){0}, false, &answer,
                           err);
        bool fits = ok && str_int(answer, &number) && number >= 1 &&
                    number <= choice->count;
        arena_free(&scratch);
        if (!ok)
            return false;
        if (fits) {
            *out = (int)number - 1;
            return true;
        }
        term_say(term, "A number from 1 to %d, please.", choice->count);
    }
}

/*
 * Asks for one of `count` items (at least one): arrows or j and k move, typing
 * filters, Enter takes. `*out` is its index; before, the one to start at.
 */
static bool ask_select(Term *term, const char *question, const Str *items,
                       int count, int *out, Err *err)
{
    Ask ask;
    Arena scratch = {0};
    Choice *choice = arena_alloc(&scratch, sizeof(*choice));
    choice->items = items;
    choice->count = count;
    choice->shown = arena_array(&scratch, count, sizeof(int));
    choice->at = *out;
    ask_choice_filter(choice);
    bool ok = true;
    if (term->dumb) {
        ok = ask_choice_dumb(term, question, choice, out, err);
    } else if ((ok = ask_open(&ask, term, false, err))) {
        ok = ask_choice_keys(&ask, question, choice, err);
        ask_close(&ask);
        if (ok)
            *out = choice->shown[choice->at];
    }
    arena_free(&scratch);
    return ok;
}

/* ==== 04 JSON ============================================================ *
 *
 * Two tools. The scanner (RFC 8259) walks JSON a byte at a time: it validates
 * and re-indents without holding the document and without touching a digit,
 * which is how a server's answer and a user's --data pass through. cJSON is
 * for documents that the program builds or looks into (tokens, error
 * envelopes, its own --json output); no user's payload goes through it, since
 * it keeps numbers as doubles. It is wrapped here once: input is scanned
 * first, so that depth is bounded and nothing follows the end; names are
 * matched with their case; its memory is wiped when it is freed.
 */

enum {
    JSON_DEPTH = 512,    /* what the scanner follows */
    JSON_DOC_DEPTH = 64, /* of a document that we look into */
    JSON_DOC_MAX = MIB
};

typedef enum {
    JSON_BAD,   /* this byte cannot stand here */
    JSON_SPACE, /* white space between tokens */
    JSON_BYTE,  /* part of a string, number or word */
    JSON_OPEN,
    JSON_CLOSE,
    JSON_COMMA,
    JSON_COLON
} JsonStep;

typedef enum {
    JSON_VALUE, /* a value must come */
    JSON_VALUE_OR_END,
    JSON_KEY,
    JSON_KEY_OR_END,
    JSON_AFTER_KEY,
    JSON_AFTER_VALUE,
    JSON_STRING,
    JSON_ESCAPE,
    JSON_HEX,
    JSON_WORD, /* inside true, false, null */
    JSON_MINUS,
    JSON_ZERO,
    JSON_DIGITS,
    JSON_POINT,
    JSON_FRACTION,
    JSON_E,
    JSON_E_SIGN,
    JSON_EXPONENT
} JsonState;

typedef struct {
    JsonState state;
    bool key;         /* the string under way is a key */
    int hex;          /* hex digits still to come */
    const char *word; /* what is left of true, false or null */
    int max_depth;    /* 0: JSON_DEPTH */
    bool too_deep;    /* that is why a byte was bad */
    int depth;
    bool line_ended; /* by the last byte */
    int64_t line;    /* of the last byte, from 0 */
    int64_t column;  /* of the last byte, from 1 */
    char open[JSON_DEPTH];
} JsonScan;

static JsonState json_number_next(JsonState state, char c)
{
    bool digit = str_is_digit(c);
    bool e = c == 'e' || c == 'E';
    switch (state) {
    case JSON_MINUS:
        return c == '0' ? JSON_ZERO : digit ? JSON_DIGITS : JSON_VALUE;
    case JSON_ZERO:
        return c == '.' ? JSON_POINT : e ? JSON_E : JSON_AFTER_VALUE;
    case JSON_DIGITS:
        return digit      ? JSON_DIGITS
               : c == '.' ? JSON_POINT
               : e        ? JSON_E
                          : JSON_AFTER_VALUE;
    case JSON_POINT:
        return digit ? JSON_FRACTION : JSON_VALUE;
    case JSON_FRACTION:
        return digit ? JSON_FRACTION : e ? JSON_E : JSON_AFTER_VALUE;
    case JSON_E:
        return c == '+' || c == '-' ? JSON_E_SIGN
               : digit              ? JSON_EXPONENT
                                    : JSON_VALUE;
    case JSON_E_SIGN:
        return digit ? JSON_EXPONENT : JSON_VALUE;
    default:
        return digit ? JSON_EXPONENT : JSON_AFTER_VALUE;
    }
}

/* The first byte of a value. */
static JsonStep json_begin(JsonScan *scan, char c)
{
    int most = scan->max_depth ? scan->max_depth : JSON_DEPTH;
    if (c == '{' || c == '[') {
        scan->too_deep = scan->depth >= most;
        if (scan->too_deep)
            return JSON_BAD;
        scan->open[scan->depth++] = c;
        scan->state = c == '{' ? JSON_KEY_OR_END : JSON_VALUE_OR_END;
        return JSON_OPEN;
    }
    if (c == '"') {
        scan->state = JSON_STRING;
        scan->key = false;
    } else if (c == '-') {
        scan->state = JSON_MINUS;
    } else if (str_is_digit(c)) {
        scan->state = c == '0' ? JSON_ZERO : JSON_DIGITS;
    } else if (c == 't' || c == 'f' || c == 'n') {
        scan->state = JSON_WORD;
        scan->word = c == 't' ? "rue" : c == 'f' ? "alse" : "ull";
    } else {
        return JSON_BAD;
    }
    return JSON_BYTE;
}

/* A byte where a comma or a bracket may follow. */
static JsonStep json_follow(JsonScan *scan, char c)
{
    char open = scan->depth ? scan->open[scan->depth - 1] : 0;
    if (c == ',' && open) {
        scan->state = open == '{' ? JSON_KEY : JSON_VALUE;
        return JSON_COMMA;
    }
    if ((c == '}' && open == '{') || (c == ']' && open == '[')) {
        scan->depth--;
        scan->state = JSON_AFTER_VALUE;
        return JSON_CLOSE;
    }
    return JSON_BAD;
}

static JsonStep json_in_string(JsonScan *scan, char c)
{
    if (scan->state == JSON_ESCAPE) {
        if (!c || !strchr("\"\\/bfnrtu", c))
            return JSON_BAD;
        scan->state = c == 'u' ? JSON_HEX : JSON_STRING;
        scan->hex = 4;
    } else if (scan->state == JSON_HEX) {
        if (!isxdigit((unsigned char)c))
            return JSON_BAD;
        if (!--scan->hex)
            scan->state = JSON_STRING;
    } else if (c == '"') {
        scan->state = scan->key ? JSON_AFTER_KEY : JSON_AFTER_VALUE;
    } else if (c == '\\') {
        scan->state = JSON_ESCAPE;
    } else if ((unsigned char)c < 0x20) {
        return JSON_BAD;
    }
    return JSON_BYTE;
}

/* A byte between tokens, where no number is under way. */
static JsonStep json_between(JsonScan *scan, char c)
{
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
        return JSON_SPACE;
    switch (scan->state) {
    case JSON_VALUE_OR_END:
        return c == ']' ? json_follow(scan, c) : json_begin(scan, c);
    case JSON_VALUE:
        return json_begin(scan, c);
    case JSON_KEY_OR_END:
        if (c == '}')
            return json_follow(scan, c);
        /* fall through */
    case JSON_KEY:
        scan->state = JSON_STRING;
        scan->key = true;
        return c == '"' ? JSON_BYTE : JSON_BAD;
    case JSON_AFTER_KEY:
        scan->state = JSON_VALUE;
        return c == ':' ? JSON_COLON : JSON_BAD;
    default:
        return json_follow(scan, c);
    }
}

/* Takes the next byte of a document. After JSON_BAD the scan is over. */
static JsonStep json_step(JsonScan *scan, char c)
{
    if (scan->line_ended) {
        scan->line++;
        scan->column = 0;
    }
    scan->column++;
    scan->line_ended = c == '\n';
    if (scan->state >= JSON_STRING && scan->state <= JSON_HEX)
        return json_in_string(scan, c);
    if (scan->state == JSON_WORD) {
        if (c != *scan->word++)
            return JSON_BAD;
        if (!*scan->word)
            scan->state = JSON_AFTER_VALUE;
        return JSON_BYTE;
    }
    if (scan->state >= JSON_MINUS) {
        scan->state = json_number_next(scan->state, c);
        if (scan->state == JSON_VALUE)
            return JSON_BAD;
        if (scan->state != JSON_AFTER_VALUE)
            return JSON_BYTE;
    }
    return json_between(scan, c);
}

/* May the document end here? */
static bool json_is_whole(const JsonScan *scan)
{
    return !scan->depth &&
           (scan->state == JSON_AFTER_VALUE || scan->state == JSON_ZERO ||
            scan->state == JSON_DIGITS || scan->state == JSON_FRACTION ||
            scan->state == JSON_EXPONENT);
}

/* Is `text` one JSON document, at most `depth` deep? Else `err` says where it
 * ends to be one. */
static bool json_validate(Str text, int depth, Err *err)
{
    JsonScan scan = {.max_depth = depth};
    for (ptrdiff_t i = 0; i < text.len; i++)
        if (json_step(&scan, text.ptr[i]) == JSON_BAD)
            return err_set(err, EXIT_USAGE,
                           "not valid JSON%s: line %" PRId64
                           ", column %" PRId64,
                           scan.too_deep ? ", it is nested too deeply" : "",
                           scan.line + 1, scan.column);
    if (!json_is_whole(&scan))
        return err_set(err, EXIT_USAGE, "not valid JSON: it ends too early");
    return true;
}

/* Re-indents JSON as it streams by. Starts as zero, but for `sink`; what it
 * holds back goes out with json_indent_flush(). */
typedef struct {
    JsonScan scan;
    bool opened; /* the last token opened an object or array */
    bool broken; /* it was not JSON: the rest passes as it is */
    int gaps;    /* bytes of white space after a whole document, in `gap` */
    char gap[64];
    void (*sink)(void *to, Str text);
    void *to;
    ptrdiff_t len;
    char out[4 * KIB];
} JsonIndent;

static void json_indent_flush(JsonIndent *indent)
{
    Str text = {indent->out, indent->len};
    indent->len = 0;
    if (text.len)
        indent->sink(indent->to, text);
}

static void json_indent_put(JsonIndent *indent, Str text)
{
    if (text.len > (ptrdiff_t)sizeof(indent->out) - indent->len)
        json_indent_flush(indent);
    if (text.len > (ptrdiff_t)sizeof(indent->out)) {
        indent->sink(indent->to, text);
        return;
    }
    memcpy(indent->out + indent->len, text.ptr, (size_t)text.len);
    indent->len += text.len;
}

static void json_indent_line(JsonIndent *indent, int depth)
{
    static const char spaces[] = "\n                                ";
    int left = depth * 2;
    json_indent_put(indent, (Str){spaces, left > 32 ? 33 : 1 + left});
    for (left -= 32; left > 0; left -= 32)
        json_indent_put(indent, (Str){spaces + 1, left > 32 ? 32 : left});
}

/* How many bytes from `at` on need no look: the plain text of a string, the
 * digits of a number. */
static ptrdiff_t json_plain_run(const JsonScan *scan, Str s, ptrdiff_t at)
{
    ptrdiff_t end = at;
    if (scan->state == JSON_STRING)
        while (end < s.len && s.ptr[end] != '"' && s.ptr[end] != '\\' &&
               (unsigned char)s.ptr[end] >= 0x20)
            end++;
    else if (scan->state == JSON_DIGITS || scan->state == JSON_FRACTION)
        while (end < s.len && str_is_digit(s.ptr[end]))
            end++;
    return end - at;
}

/* One byte of a document that is not inside a plain run. */
static void json_indent_step(JsonIndent *indent, Str c)
{
    int before = indent->scan.depth;
    bool opened = indent->opened;
    bool whole = json_is_whole(&indent->scan);
    JsonStep step = json_step(&indent->scan, c.ptr[0]);
    if (step == JSON_SPACE) {
        if (whole && indent->gaps < COUNT(indent->gap))
            indent->gap[indent->gaps++] = c.ptr[0];
        return;
    }
    if (step == JSON_BAD)
        json_indent_put(indent, (Str){indent->gap, indent->gaps});
    if (opened && step != JSON_CLOSE && step != JSON_BAD)
        json_indent_line(indent, before);
    if (step == JSON_CLOSE && !opened)
        json_indent_line(indent, before - 1);
    json_indent_put(indent, c);
    if (step == JSON_COMMA)
        json_indent_line(indent, before);
    if (step == JSON_COLON)
        json_indent_put(indent, S(" "));
    indent->opened = step == JSON_OPEN;
    indent->broken = step == JSON_BAD;
}

/* Takes a piece of a document, and gives it on two spaces a level. Where the
 * text ends to be JSON, the rest passes unchanged. */
static void json_indent(JsonIndent *indent, Str piece)
{
    for (ptrdiff_t i = 0; i < piece.len;) {
        if (indent->broken) {
            json_indent_put(indent, str_slice(piece, i, piece.len));
            return;
        }
        ptrdiff_t run = json_plain_run(&indent->scan, piece, i);
        if (run) {
            json_indent_put(indent, (Str){piece.ptr + i, run});
            indent->scan.column += run;
            i += run;
            continue;
        }
        json_indent_step(indent, (Str){piece.ptr + i, 1});
        i++;
    }
}

/* The size stands before each block, so that it can be wiped when freed. */
static void *json_block_new(size_t size)
{
    enum { HEAD = 16 };
    char *block = size > SIZE_MAX - HEAD ? NULL : malloc(size + HEAD);
    if (!block)
        return NULL;
    memcpy(block, &size, sizeof(size));
    return block + HEAD;
}

static void json_block_free(void *memory)
{
    enum { HEAD = 16 };
    size_t size = 0;
    if (!memory)
        return;
    char *block = (char *)memory - HEAD;
    memcpy(&size, block, sizeof(size));
    secret_wipe(block, (ptrdiff_t)size + HEAD);
    free(block);
}

/* Has cJSON wipe what it frees. Called once, before any other of its uses. */
static void json_init(void)
{
    cJSON_Hooks hooks = {json_block_new, json_block_free};
    cJSON_InitHooks(&hooks);
}

static void json_release(void *document)
{
    cJSON_Delete(document);
}

/* Reads a document to look into; it lives as long as the arena. NULL where
 * the text is not JSON, is deeper than JSON_DOC_DEPTH, or over 1 MiB. */
static cJSON *json_read(Arena *arena, Str text)
{
    Err ignored = {0};
    if (text.len > JSON_DOC_MAX ||
        !json_validate(text, JSON_DOC_DEPTH, &ignored))
        return NULL;
    cJSON *document = cJSON_ParseWithLength(text.ptr, (size_t)text.len);
    if (document)
        arena_defer(arena, json_release, document);
    return document;
}

/* A new object to build; it lives as long as the arena. */
static cJSON *json_new(Arena *arena)
{
    cJSON *document = cJSON_CreateObject();
    if (!document)
        arena_exhausted();
    arena_defer(arena, json_release, document);
    return document;
}

/* The member of an object, NULL where there is none (or no object). */
static cJSON *json_get(const cJSON *object, const char *name)
{
    return cJSON_IsObject(object)
               ? cJSON_GetObjectItemCaseSensitive(object, name)
               : NULL;
}

/* A member's text; empty where it is missing or not a string. */
static Str json_text(const cJSON *object, const char *name)
{
    return str_from(cJSON_GetStringValue(json_get(object, name)));
}

/* The integer that a value is, a number or digits in a string; -1: neither. */
static int64_t json_int_of(const cJSON *item)
{
    int64_t value = -1;
    if (cJSON_IsString(item))
        return str_int(str_from(item->valuestring), &value) && value >= 0
                   ? value
                   : -1;
    if (!cJSON_IsNumber(item) || item->valuedouble < 0 ||
        item->valuedouble > 9007199254740992.0)
        return -1;
    value = (int64_t)item->valuedouble;
    return (double)value < item->valuedouble ? -1 : value;
}

static int64_t json_int(const cJSON *object, const char *name)
{
    return json_int_of(json_get(object, name));
}

/* Sets a member: in its place where it is there, else at the end. */
static void json_set(cJSON *object, const char *name, cJSON *value)
{
    bool there = json_get(object, name) != NULL;
    if (!value ||
        !(there ? cJSON_ReplaceItemInObjectCaseSensitive(object, name, value)
                : cJSON_AddItemToObject(object, name, value)))
        arena_exhausted();
}

static void json_add(cJSON *object, const char *name, cJSON *value)
{
    if (!value || !cJSON_AddItemToObject(object, name, value))
        arena_exhausted();
}

/* Adds text; null where it is empty, so that a reader can tell. */
static void json_add_text(cJSON *object, const char *name, Str text)
{
    Arena scratch = {0};
    json_add(object, name,
             text.len ? cJSON_CreateString(arena_cstr(&scratch, text))
                      : cJSON_CreateNull());
    arena_free(&scratch);
}

/* Adds an id; null where there is none (0 or less). */
static void json_add_id(cJSON *object, const char *name, int64_t id)
{
    json_add(object, name,
             id > 0 ? cJSON_CreateNumber((double)id) : cJSON_CreateNull());
}

static void json_add_bool(cJSON *object, const char *name, bool value)
{
    json_add(object, name, cJSON_CreateBool(value));
}

static void json_to_buf(void *to, Str text)
{
    buf_add(to, text);
}

/* The document as text, `indented` by two spaces with a final newline, or on
 * one line as it goes over the wire. */
static Str json_write(Arena *arena, const cJSON *document, bool indented)
{
    char *text = cJSON_PrintUnformatted(document);
    if (!text)
        arena_exhausted();
    Buf out = buf_new(arena, 16 * MIB);
    JsonIndent indent = {.sink = json_to_buf, .to = &out};
    if (indented) {
        json_indent(&indent, str_from(text));
        json_indent_flush(&indent);
        buf_add_char(&out, '\n');
    } else {
        buf_add(&out, str_from(text));
    }
    json_block_free(text);
    return buf_str(&out);
}

/* ==== 05 YAML ============================================================ *
 *
 * Config files: libyaml's events to an ordered tree, changes to the tree, and
 * the tree back to text. What the program does not know survives, in its
 * place: keys, order, styles, tags, anchors and aliases (comments do not, for
 * libyaml drops them).
 *
 * libyaml's parser is quadratic on nested flow collections and follows no
 * limits of its own: bytes, depth, nodes and entries are capped here, and an
 * alias inside its own anchor is refused. An alias stays a reference, so that
 * no small file grows large. Its emitter knows no types: yaml_reads_as_text()
 * decides which strings need quotes, wide enough for YAML 1.1 and 1.2.
 */

enum {
    YAML_MAX = MIB,
    YAML_DEPTH = 64,
    YAML_NODES = 100000,
    YAML_ENTRIES = 2000, /* of one map: its keys are looked up in a row */
    YAML_ANCHORS = 1000,
    YAML_FOLD_FROM = 80 /* longer strings are written as `>-` blocks */
};

typedef enum { YAML_TEXT, YAML_LIST, YAML_MAP, YAML_ALIAS } YamlKind;

typedef struct YamlNode YamlNode; /* forward: a node holds nodes */
struct YamlNode {                 /* 64 bytes: files have thousands */
    uint8_t kind;                 /* a YamlKind */
    uint8_t style;                /* of a text: a yaml_scalar_style_t */
    bool merges;                  /* a map with a key << */
    bool flow;                    /* a list or map in brackets */
    bool open;                    /* while reading: not yet at its end */
    bool written;                 /* while writing: an alias may follow */
    int line;                     /* in the file, from 1; 0: made by us */
    int count;
    union { /* by its kind */
        Str text;
        YamlNode *target; /* of an alias */
        struct {          /* of a list or map */
            YamlNode *first;
            YamlNode *last;
        };
    };
    const char *tag;    /* NULL: none */
    const char *anchor; /* its name, where aliases may refer to it */
    YamlNode *key;      /* of a map's entry */
    YamlNode *next;
};

typedef struct {
    Arena *arena;
    YamlNode *open[YAML_DEPTH];
    YamlNode *key[YAML_DEPTH]; /* of a map: the key whose value comes next */
    int depth;
    int nodes;
    int documents;
    YamlNode *root;
    YamlNode *anchors[YAML_ANCHORS];
    int anchor_count;
} YamlReader;

static YamlNode *yaml_new(Arena *arena, YamlKind kind)
{
    YamlNode *node = arena_alloc(arena, sizeof(*node));
    node->kind = (uint8_t)kind;
    return node;
}

/* The node itself, or what the alias stands for. NULL for NULL. */
static YamlNode *yaml_follow(YamlNode *node)
{
    return node && node->kind == YAML_ALIAS ? node->target : node;
}

static void yaml_append(YamlNode *parent, YamlNode *node)
{
    node->next = NULL;
    if (parent->last)
        parent->last->next = node;
    else
        parent->first = node;
    parent->last = node;
    parent->count++;
}

static bool yaml_key_is(const YamlNode *entry, Str key)
{
    return entry->key->text.len == key.len && str_eq(entry->key->text, key);
}

static YamlNode *yaml_own_entry(const YamlNode *map, Str key)
{
    if (!map || map->kind != YAML_MAP)
        return NULL;
    for (YamlNode *entry = map->first; entry; entry = entry->next)
        if (yaml_key_is(entry, key))
            return entry;
    return NULL;
}

static YamlNode *yaml_find(const YamlNode *map, Str key, int depth); /* forward:
    a merged map can merge another */

/* Looks into the maps that `<<: *a` or `<<: [*a, *b]` merges into a map, down
 * to a depth that no sane file needs. */
static YamlNode *yaml_find_merged(const YamlNode *map, Str key, int depth)
{
    if (!map || !map->merges)
        return NULL;
    YamlNode *merge = yaml_follow(yaml_own_entry(map, S("<<")));
    YamlNode *found = NULL;
    if (!merge || !depth)
        return NULL;
    if (merge->kind == YAML_MAP)
        return yaml_find(merge, key, depth - 1);
    if (merge->kind != YAML_LIST)
        return NULL;
    for (YamlNode *item = merge->first; item && !found; item = item->next)
        found = yaml_find(yaml_follow(item), key, depth - 1);
    return found;
}

/* The entry of a key, the map's own or a merged one. */
static YamlNode *yaml_find(const YamlNode *map, Str key, int depth)
{
    YamlNode *entry = yaml_own_entry(map, key);
    return entry ? entry : yaml_find_merged(map, key, depth);
}

/* The value under a key, aliases and merges followed; NULL: none. */
static inline __attribute__((always_inline)) YamlNode *
yaml_get(const YamlNode *map, const char *key)
{
    enum { MERGES = 8 }; /* inline, so that the compiler measures the key */
    return yaml_follow(
        yaml_find(map, (Str){key, (ptrdiff_t)strlen(key)}, MERGES));
}

/* The value that stands under a key in the map itself: no alias, no merge.
 * NULL: none. */
static YamlNode *yaml_get_own(const YamlNode *map, const char *key)
{
    YamlNode *entry = yaml_own_entry(map, str_from(key));
    return entry && entry->kind != YAML_ALIAS ? entry : NULL;
}

/* Is it a plain `null`, `~` or nothing? A missing node counts as null. */
static bool yaml_is_null(const YamlNode *node)
{
    return !node || (node->kind == YAML_TEXT &&
                     node->style == YAML_PLAIN_SCALAR_STYLE && !node->tag &&
                     (!node->text.len || str_eq(node->text, S("~")) ||
                      str_eq_nocase(node->text, S("null"))));
}

/* A scalar's text, whatever its type; empty for null, lists, maps, NULL. */
static Str yaml_text(const YamlNode *node)
{
    if (yaml_is_null(node) || node->kind != YAML_TEXT)
        return (Str){0};
    return node->text;
}

/* A scalar's integer, plain or quoted; -1: not a number of 0 or more. */
static int64_t yaml_int(const YamlNode *node)
{
    int64_t value = 0;
    return str_int(yaml_text(node), &value) && value >= 0 ? value : -1;
}

static bool yaml_is_true(const YamlNode *node)
{
    return str_eq_nocase(yaml_text(node), S("true"));
}

/*
 * Would a plain `s` be read as text by every reader? Anything that starts
 * like a number, and the words of YAML 1.1 and 1.2 for null and booleans, the
 * merge key and the value key, would not, or not by all.
 */
static bool yaml_reads_as_text(Str s)
{
    static const char words[] = "null ~ true false yes no on off y n << =";
    if (!s.len || strchr("+-.0123456789", s.ptr[0]))
        return false;
    return !str_in_words(s, words);
}

/* A string to write: quoted where it would read as something else, a folded
 * block where it is long and has no line break, as the official client does. */
static YamlNode *yaml_new_text(Arena *arena, Str text)
{
    YamlNode *node = yaml_new(arena, YAML_TEXT);
    bool block = text.len > YAML_FOLD_FROM && str_index(text, '\n') < 0 &&
                 str_index(text, ' ') < 0;
    node->text = arena_copy(arena, text);
    node->style = !yaml_reads_as_text(text) ? YAML_SINGLE_QUOTED_SCALAR_STYLE
                                            : YAML_PLAIN_SCALAR_STYLE;
    if (block)
        node->style = YAML_FOLDED_SCALAR_STYLE;
    return node;
}

static YamlNode *yaml_new_plain(Arena *arena, Str text)
{
    YamlNode *node = yaml_new(arena, YAML_TEXT);
    node->text = text;
    node->style = YAML_PLAIN_SCALAR_STYLE;
    return node;
}

static YamlNode *yaml_new_int(Arena *arena, int64_t value)
{
    return yaml_new_plain(arena, arena_printf(arena, "%" PRId64, value));
}

/* Sets a map's entry: in its place where the key is there, else at the end. */
static void yaml_set(Arena *arena, YamlNode *map, const char *key,
                     YamlNode *value)
{
    YamlNode *old = yaml_own_entry(map, str_from(key));
    value->key = old ? old->key : yaml_new_text(arena, str_from(key));
    if (!old) {
        yaml_append(map, value);
        return;
    }
    YamlNode **link = &map->first;
    while (*link != old)
        link = &(*link)->next;
    value->next = old->next;
    *link = value;
    if (map->last == old)
        map->last = value;
}

static bool yaml_fault(Err *err, size_t line, const char *what)
{
    return err_set(err, EXIT_CONFIG, "line %zu: %s", line + 1, what);
}

/* Has the open lists and maps be written as blocks: inside brackets libyaml
 * quotes a plain text with a colon, and a time would become a string. */
static void yaml_unflow(YamlReader *reader)
{
    for (int i = 0; i < reader->depth; i++)
        reader->open[i]->flow = false;
}

/* Puts a node where it belongs: the root, a list, a map's key or value. */
static bool yaml_attach(YamlReader *reader, YamlNode *node, Err *err)
{
    size_t line = (size_t)node->line - 1;
    if (++reader->nodes > YAML_NODES)
        return yaml_fault(err, line, "the file has too many values");
    if (!reader->depth) {
        reader->root = node;
        return true;
    }
    YamlNode *parent = reader->open[reader->depth - 1];
    if (parent->flow && node->kind == YAML_TEXT &&
        str_index(node->text, ':') >= 0)
        yaml_unflow(reader);
    if (parent->kind == YAML_MAP) {
        YamlNode **key = &reader->key[reader->depth - 1];
        if (!*key) {
            if (node->kind != YAML_TEXT)
                return yaml_fault(err, line, "a key must be plain text");
            if (yaml_own_entry(parent, node->text))
                return yaml_fault(err, line, "a key stands twice in one map");
            parent->merges |= str_eq(node->text, S("<<"));
            *key = node;
            return true;
        }
        node->key = *key;
        *key = NULL;
    }
    yaml_append(parent, node);
    if (parent->kind == YAML_MAP && parent->count > YAML_ENTRIES)
        return yaml_fault(err, line, "a map has too many entries");
    return true;
}

static const char *yaml_copy(Arena *arena, const yaml_char_t *text)
{
    return arena_cstr(arena, str_from((const char *)text));
}

/* Keeps a node's anchor for the aliases that follow. */
static bool yaml_anchor(YamlReader *reader, YamlNode *node,
                        const yaml_char_t *name, Err *err)
{
    if (!name)
        return true;
    if (reader->anchor_count == YAML_ANCHORS)
        return yaml_fault(err, (size_t)node->line - 1,
                          "the file has too many anchors");
    node->anchor = yaml_copy(reader->arena, name);
    reader->anchors[reader->anchor_count++] = node;
    return true;
}

static bool yaml_on_alias(YamlReader *reader, const yaml_event_t *event,
                          Err *err)
{
    const char *name = (const char *)event->data.alias.anchor;
    YamlNode *node = yaml_new(reader->arena, YAML_ALIAS);
    node->line = (int)event->start_mark.line + 1;
    for (int i = reader->anchor_count - 1; i >= 0 && !node->target; i--)
        if (!strcmp(reader->anchors[i]->anchor, name))
            node->target = reader->anchors[i];
    if (!node->target)
        return yaml_fault(err, event->start_mark.line,
                          "an alias names no anchor");
    if (node->target->open)
        return yaml_fault(err, event->start_mark.line,
                          "an alias stands inside its own anchor");
    return yaml_attach(reader, node, err);
}

static bool yaml_on_text(YamlReader *reader, const yaml_event_t *event,
                         Err *err)
{
    YamlNode *node = yaml_new(reader->arena, YAML_TEXT);
    node->line = (int)event->start_mark.line + 1;
    node->style = (uint8_t)event->data.scalar.style;
    node->text = arena_copy(reader->arena,
                            (Str){(const char *)event->data.scalar.value,
                                  (ptrdiff_t)event->data.scalar.length});
    if (event->data.scalar.tag)
        node->tag = yaml_copy(reader->arena, event->data.scalar.tag);
    return yaml_anchor(reader, node, event->data.scalar.anchor, err) &&
           yaml_attach(reader, node, err);
}

/* A list or map begins. */
static bool yaml_on_open(YamlReader *reader, const yaml_event_t *event,
                         Err *err)
{
    bool map = event->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *tag = map ? event->data.mapping_start.tag
                                 : event->data.sequence_start.tag;
    YamlNode *node = yaml_new(reader->arena, map ? YAML_MAP : YAML_LIST);
    node->line = (int)event->start_mark.line + 1;
    node->open = true;
    node->flow = map ? event->data.mapping_start.style ==
                           YAML_FLOW_MAPPING_STYLE
                     : event->data.sequence_start.style ==
                           YAML_FLOW_SEQUENCE_STYLE;
    if (tag)
        node->tag = yaml_copy(reader->arena, tag);
    if (!yaml_anchor(reader, node,
                     map ? event->data.mapping_start.anchor
                         : event->data.sequence_start.anchor,
                     err))
        return false;
    if (reader->depth == YAML_DEPTH)
        return yaml_fault(err, event->start_mark.line,
                          "it is nested too deeply");
    if (!yaml_attach(reader, node, err))
        return false;
    reader->key[reader->depth] = NULL;
    reader->open[reader->depth++] = node;
    return true;
}

/* A list or map ends. */
static bool yaml_on_close(YamlReader *reader, const yaml_event_t *event,
                          Err *err)
{
    YamlNode *node = reader->depth ? reader->open[--reader->depth] : NULL;
    if (!node)
        return yaml_fault(err, event->start_mark.line, "an end has no start");
    node->open = false;
    return true;
}

static bool yaml_on_event(YamlReader *reader, const yaml_event_t *event,
                          Err *err)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (reader->documents++)
            return yaml_fault(err, event->start_mark.line,
                              "a second document begins");
        return true;
    case YAML_ALIAS_EVENT:
        return yaml_on_alias(reader, event, err);
    case YAML_SCALAR_EVENT:
        return yaml_on_text(reader, event, err);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return yaml_on_open(reader, event, err);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return yaml_on_close(reader, event, err);
    default:
        return true;
    }
}

/*
 * The short way: what both clients write is a small part of YAML, and reading
 * that part takes a tenth of libyaml's time (a file of 100 accounts took ten
 * times as long as starting the program). It knows printable ASCII, block maps
 * and lists, keys of letters, digits, _ and -, and scalars on one line: plain,
 * quoted without escapes, `>-` with one line below. It decides nothing: at
 * anything else, faults too, it gives up and libyaml reads the whole file.
 * Texts are slices of the file, not copies.
 */
typedef struct {
    YamlReader *reader;
    Str rest;
    Str body;   /* the line under way, without its indentation */
    int indent; /* of it; -1 at the end of the file */
    int line;
    int column[YAML_DEPTH]; /* where the entries of each open one stand */
    YamlNode *keys[16];     /* seen last, to be shared */
    unsigned turn;
    Err ignored;
} YamlShort;

/* Takes the next line. False where it is empty, or not plain to read. */
static bool yaml_short_next(YamlShort *in)
{
    in->line++;
    in->indent = -1;
    in->body = (Str){0};
    if (!in->rest.len)
        return true;
    ptrdiff_t end = str_printable_run(in->rest);
    ptrdiff_t at = 0;
    if (end == in->rest.len || in->rest.ptr[end] != '\n')
        return false;
    while (at + 2 <= end && !memcmp(in->rest.ptr + at, "  ", 2))
        at += 2;
    at += at < end && in->rest.ptr[at] == ' ';
    in->indent = (int)at;
    in->body = str_slice(in->rest, at, end);
    in->rest = str_slice(in->rest, end + 1, in->rest.len);
    return in->body.len && in->body.ptr[in->body.len - 1] != ' ';
}

static bool yaml_short_letter(char c)
{
    unsigned char lower = (unsigned char)(c | 0x20);
    return (lower >= 'a' && lower <= 'z') || str_is_digit(c) || c == '_';
}

/* The length of the key that the line starts with, 0: none. */
static ptrdiff_t yaml_short_key_len(Str s)
{
    ptrdiff_t n = 0;
    while (n < s.len && (yaml_short_letter(s.ptr[n]) || (n && s.ptr[n] == '-')))
        n++;
    return n <= 128 && n < s.len && s.ptr[n] == ':' ? n : 0;
}

/* Takes `key:` off the line; its node, NULL where there is none. Nodes of
 * keys are shared: accounts have the same ones, in the same order. */
static YamlNode *yaml_short_key(YamlShort *in, Str *value)
{
    Str s = in->body;
    YamlNode *key = NULL;
    for (int i = 0; i < COUNT(in->keys) && !key; i++) {
        YamlNode *known = in->keys[++in->turn % (unsigned)COUNT(in->keys)];
        if (known && known->text.len < s.len && s.ptr[known->text.len] == ':' &&
            str_eq(known->text, (Str){s.ptr, known->text.len}))
            key = known;
    }
    ptrdiff_t n = key ? key->text.len : yaml_short_key_len(s);
    if (!n || (n + 1 < s.len && (s.ptr[n + 1] != ' ' || s.ptr[n + 2] == ' ')))
        return NULL;
    *value = n + 1 < s.len ? (Str){s.ptr + n + 2, s.len - n - 2} : (Str){0};
    if (key)
        return key;
    key = yaml_new(in->reader->arena, YAML_TEXT);
    key->line = in->line;
    key->style = YAML_PLAIN_SCALAR_STYLE;
    key->text = str_slice(s, 0, n);
    in->keys[++in->turn % (unsigned)COUNT(in->keys)] = key;
    return key;
}

static bool yaml_short_dash(const YamlShort *in)
{
    return in->body.len > 1 && in->body.ptr[0] == '-' && in->body.ptr[1] == ' ';
}

/* The text of a scalar on one line, and its style; false: not a plain case. */
static bool yaml_short_scalar(Str s, Str *text, uint8_t *style)
{
    char first = s.ptr[0];
    *text = s;
    *style = YAML_PLAIN_SCALAR_STYLE;
    if (first == '\'' || first == '"') {
        *text = str_slice(s, 1, s.len - 1);
        *style = first == '"' ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
                              : YAML_SINGLE_QUOTED_SCALAR_STYLE;
        return s.len >= 2 && s.ptr[s.len - 1] == first &&
               str_index(*text, first) < 0 && str_index(*text, '\\') < 0;
    }
    for (ptrdiff_t i = str_index(s, ' '); i > 0 && i < s.len; i++)
        if (s.ptr[i] == ' ' && (s.ptr[i - 1] == ':' || s.ptr[i + 1] == '#'))
            return false;
    return (yaml_short_letter(first) || first == '/') &&
           s.ptr[s.len - 1] != ':';
}

/* Opens the list or map that begins on this line. */
static bool yaml_short_open(YamlShort *in, YamlKind kind, int column)
{
    YamlReader *reader = in->reader;
    YamlNode *node = yaml_new(reader->arena, kind);
    node->line = in->line;
    node->open = true;
    if (reader->depth == YAML_DEPTH || !yaml_attach(reader, node, &in->ignored))
        return false;
    in->column[reader->depth] = column;
    reader->key[reader->depth] = NULL;
    reader->open[reader->depth++] = node;
    return true;
}

/* The value of a key or the item of a list whose entries stand at `column`;
 * takes the lines that belong to it and the one after them. */
static bool yaml_short_value(YamlShort *in, Str value, int column)
{
    YamlReader *reader = in->reader;
    YamlNode *parent = reader->open[reader->depth - 1];
    int line = in->line;
    if (!value.len) {
        if (!yaml_short_next(in))
            return false;
        bool list = yaml_short_dash(in);
        bool indented = in->indent > column || (list && in->indent == column &&
                                                parent->kind == YAML_MAP);
        return indented &&
               yaml_short_open(in, list ? YAML_LIST : YAML_MAP, in->indent);
    }
    bool map = str_eq(value, S("{}"));
    bool flow = map || str_eq(value, S("[]"));
    YamlNode *node = yaml_new(reader->arena, map    ? YAML_MAP
                                             : flow ? YAML_LIST
                                                    : YAML_TEXT);
    node->line = line;
    node->flow = flow;
    if (str_eq(value, S(">-"))) {
        if (!yaml_short_next(in) || in->indent <= column)
            return false;
        node->text = in->body;
        node->style = YAML_FOLDED_SCALAR_STYLE;
    } else if (!flow && !yaml_short_scalar(value, &node->text, &node->style)) {
        return false;
    }
    return yaml_attach(reader, node, &in->ignored) && yaml_short_next(in) &&
           in->indent <= column;
}

/* One entry: an item of a list, or a key and its value. */
static bool yaml_short_entry(YamlShort *in)
{
    YamlReader *reader = in->reader;
    Str value = {0};
    int column = in->indent;
    bool dash = yaml_short_dash(in);
    if (dash != (reader->open[reader->depth - 1]->kind == YAML_LIST))
        return false;
    if (dash) {
        in->body = str_slice(in->body, 2, in->body.len);
        column += 2;
    }
    YamlNode *key = yaml_short_key(in, &value);
    if (dash && !key)
        return in->body.ptr[0] != ' ' &&
               yaml_short_value(in, in->body, column - 2);
    if (dash && !yaml_short_open(in, YAML_MAP, column))
        return false;
    return key && yaml_attach(reader, key, &in->ignored) &&
           yaml_short_value(in, value, column);
}

/* Closes the lists and maps that the line under way no longer belongs to; at
 * the end of the file, all of them. */
static void yaml_short_close(YamlShort *in)
{
    YamlReader *reader = in->reader;
    bool dash = yaml_short_dash(in);
    while (reader->depth) {
        YamlNode *node = reader->open[reader->depth - 1];
        int column = in->column[reader->depth - 1];
        if (in->indent > column ||
            (in->indent == column && (dash || node->kind == YAML_MAP)))
            break;
        node->open = false;
        reader->depth--;
    }
}

/* Reads a file by the short way; false where libyaml must. */
static bool yaml_short_read(YamlReader *reader, Str text)
{
    YamlShort in = {.reader = reader, .rest = text};
    if (!str_ends(text, S("\n")) || !yaml_short_next(&in) || in.indent ||
        !yaml_short_open(&in, YAML_MAP, 0))
        return false;
    for (;;) {
        yaml_short_close(&in);
        if (in.indent < 0)
            return true;
        if (!reader->depth || in.indent != in.column[reader->depth - 1] ||
            !yaml_short_entry(&in))
            return false;
    }
}

/*
 * Reads one YAML document. Gives its root, NULL for an empty one; false with
 * the fault and its line where it is not valid or goes past a limit. `text`
 * must live as long as the arena.
 */
static bool yaml_read(Arena *arena, Str text, YamlNode **root, Err *err)
{
    yaml_parser_t parser;
    YamlReader *reader = arena_alloc(arena, sizeof(*reader));
    bool more = true;
    bool ok = true;
    reader->arena = arena;
    if (text.len > YAML_MAX)
        return err_set(err, EXIT_CONFIG, "it is larger than 1 MiB");
    if (yaml_short_read(reader, text)) {
        *root = reader->root;
        return true;
    }
    *reader = (YamlReader){.arena = arena};
    if (!yaml_parser_initialize(&parser))
        arena_exhausted();
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr,
                                 (size_t)text.len);
    while (ok && more) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            const char *what = parser.problem ? parser.problem : "not YAML";
            size_t line = parser.problem_mark.line;
            if (parser.error == YAML_READER_ERROR) /* it has no mark */
                for (size_t i = 0; i < parser.problem_offset; i++)
                    line += i < (size_t)text.len && text.ptr[i] == '\n';
            ok = yaml_fault(err, line, what);
            break;
        }
        more = event.type != YAML_STREAM_END_EVENT;
        ok = yaml_on_event(reader, &event, err);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    *root = reader->root;
    return ok;
}

static int yaml_to_buf(void *to, unsigned char *text, size_t size)
{
    buf_add(to, (Str){(const char *)text, (ptrdiff_t)size});
    return !((Buf *)to)->full;
}

/* libyaml says const nowhere, but copies what it is given. */
static yaml_char_t *yaml_name(const char *name)
{
    return (yaml_char_t *)(uintptr_t)name;
}

/* Emits a text, an alias, or the start of a list or map. */
static bool yaml_emit_node(yaml_emitter_t *emitter, YamlNode *node)
{
    yaml_event_t event = {0};
    yaml_char_t *anchor = yaml_name(node->anchor);
    yaml_char_t *tag = yaml_name(node->tag);
    int ok = 0;
    if (node->kind == YAML_ALIAS)
        ok = node->target->written &&
             yaml_alias_event_initialize(&event,
                                         yaml_name(node->target->anchor));
    else if (node->kind == YAML_TEXT) {
        Str text = node->text;
        if (yaml_is_null(node) && !text.len)
            text = S("null"); /* the emitter would write '' for nothing */
        ok = yaml_scalar_event_initialize(
            &event, anchor, tag, (const yaml_char_t *)text.ptr, (int)text.len,
            !tag, !tag, (yaml_scalar_style_t)node->style);
    } else if (node->kind == YAML_LIST)
        ok = yaml_sequence_start_event_initialize(
            &event, anchor, tag, !tag,
            node->flow ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE);
    else
        ok = yaml_mapping_start_event_initialize(
            &event, anchor, tag, !tag,
            node->flow ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE);
    node->written = true;
    return ok && yaml_emitter_emit(emitter, &event);
}

static bool yaml_emit_end(yaml_emitter_t *emitter, YamlKind kind)
{
    yaml_event_t event = {0};
    if (kind == YAML_LIST)
        yaml_sequence_end_event_initialize(&event);
    else
        yaml_mapping_end_event_initialize(&event);
    return yaml_emitter_emit(emitter, &event);
}

/* Emits a tree, keeping the way down in a stack of its own. */
static bool yaml_emit_tree(yaml_emitter_t *emitter, YamlNode *root)
{
    YamlNode *open[YAML_DEPTH + 4] = {NULL};
    YamlNode *next[YAML_DEPTH + 4] = {NULL};
    int depth = 0;
    YamlNode *node = root;
    for (;;) {
        if (node) {
            bool branch = node->kind == YAML_LIST || node->kind == YAML_MAP;
            if (node->key && !yaml_emit_node(emitter, node->key))
                return false;
            if (!yaml_emit_node(emitter, node))
                return false;
            if (branch && depth == COUNT(open))
                return false;
            if (branch) {
                open[depth] = node;
                next[depth++] = node->first;
            }
        } else if (!depth || !yaml_emit_end(emitter, open[--depth]->kind)) {
            return false;
        }
        if (!depth)
            return true;
        node = next[depth - 1];
        if (node)
            next[depth - 1] = node->next;
    }
}

/*
 * Writes a tree as YAML text, at most 2 * YAML_MAX bytes. False where it does
 * not fit, or an alias would stand before what it refers to.
 */
static bool yaml_write(Arena *arena, YamlNode *root, Str *out)
{
    yaml_emitter_t emitter;
    yaml_event_t event = {0};
    Buf text = buf_new(arena, 2L * YAML_MAX);
    if (!yaml_emitter_initialize(&emitter))
        arena_exhausted();
    yaml_emitter_set_output(&emitter, yaml_to_buf, &text);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING);
    bool ok = yaml_emitter_emit(&emitter, &event);
    yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1);
    ok = ok && yaml_emitter_emit(&emitter, &event);
    ok = ok && yaml_emit_tree(&emitter, root);
    yaml_document_end_event_initialize(&event, 1);
    ok = ok && yaml_emitter_emit(&emitter, &event);
    yaml_stream_end_event_initialize(&event);
    ok = ok && yaml_emitter_emit(&emitter, &event) &&
         yaml_emitter_flush(&emitter);
    yaml_emitter_delete(&emitter);
    *out = buf_str(&text);
    return ok;
}

/* ==== 06 URL ============================================================= *
 *
 * URLs as far as an HTTP client needs them (RFC 3986): split into parts,
 * percent-encode, add to a query, and decide with NO_PROXY. Nothing is
 * normalised: what a user wrote in a path reaches the server.
 */

typedef struct {
    Str scheme; /* lower case is not enforced: compare without case */
    Str user;   /* what stands before '@', still percent-encoded */
    Str host;   /* without the brackets of an IPv6 address */
    int port;   /* of the scheme where the text names none; 0: unknown */
    Str path;   /* path and query, "/" where there is none */
} Url;

static int url_default_port(Str scheme)
{
    if (str_eq_nocase(scheme, S("https")))
        return 443;
    if (str_eq_nocase(scheme, S("http")))
        return 80;
    return str_starts(scheme, S("socks")) ? 1080 : 0;
}

/* Can the host be a name or an address (RFC 1123; 253 bytes)? */
static bool url_is_host(Str s)
{
    for (ptrdiff_t i = 0; i < s.len; i++)
        if (!isalnum((unsigned char)s.ptr[i]) &&
            (!s.ptr[i] || !strchr("-._:%", s.ptr[i])))
            return false;
    return s.len > 0 && s.len < 254;
}

/* Splits host and port; an IPv6 address stands in brackets. */
static bool url_split_host(Str text, Url *url)
{
    int64_t port = 0;
    Str rest = text;
    if (str_starts(text, S("["))) {
        rest = str_slice(text, 1, text.len);
        if (str_index(rest, ']') < 0)
            return false;
        url->host = str_cut(&rest, ']');
        if (rest.len && rest.ptr[0] != ':')
            return false;
        rest = str_slice(rest, 1, rest.len);
    } else {
        url->host = str_cut(&rest, ':');
    }
    if (rest.len) {
        if (!str_is_digit(rest.ptr[0]) || !str_int(rest, &port) || port < 1 ||
            port > 65535)
            return false;
        url->port = (int)port;
    }
    return url_is_host(url->host);
}

/* Splits an absolute URL; the parts point into `text`. A fragment is left
 * out. False where it is none: no scheme, no host, a bad port. */
static bool url_parse(Str text, Url *url)
{
    ptrdiff_t colon = str_find(text, S("://"));
    *url = (Url){0};
    if (colon < 1)
        return false;
    url->scheme = str_slice(text, 0, colon);
    url->port = url_default_port(url->scheme);
    Str rest = str_slice(text, colon + 3, text.len);
    ptrdiff_t end = 0;
    while (end < rest.len && str_index(S("/?#"), rest.ptr[end]) < 0)
        end++;
    Str authority = str_slice(rest, 0, end);
    rest = str_slice(rest, end, rest.len);
    url->path = str_cut(&rest, '#');
    for (ptrdiff_t i = authority.len - 1; i >= 0; i--) {
        if (authority.ptr[i] == '@') {
            url->user = str_slice(authority, 0, i);
            authority = str_slice(authority, i + 1, authority.len);
            break;
        }
    }
    if (!url->path.len)
        url->path = S("/");
    return url_split_host(authority, url);
}

/* What may stand in a path and query as it is (RFC 3986, 3.3 and 3.4), the
 * percent sign among it: what is encoded already stays so. */
static const char URL_PATH_MARKS[] = "%/?&=+:,;@!$'()*[]|";

/* Adds text percent-encoded: all but the unreserved characters and those in
 * `keep`. */
static void url_add_encoded(Buf *buf, Str s, const char *keep)
{
    for (ptrdiff_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool plain = isalnum(c) ||
                     (c && (strchr("-._~", c) || strchr(keep, c)));
        if (plain)
            buf_add_char(buf, (char)c);
        else
            buf_printf(buf, "%%%02X", c);
    }
}

/* Text with its percent-encoding taken off; what is no encoding stays. */
static Str url_decode(Arena *arena, Str s)
{
    Buf out = buf_new(arena, s.len + 1);
    for (ptrdiff_t i = 0; i < s.len; i++) {
        Str hex = str_slice(s, i + 1, i + 3);
        char digits[3] = {0};
        if (s.ptr[i] == '%' && hex.len == 2 &&
            isxdigit((unsigned char)hex.ptr[0]) &&
            isxdigit((unsigned char)hex.ptr[1])) {
            memcpy(digits, hex.ptr, 2);
            buf_add_char(&out, (char)strtol(digits, NULL, 16));
            i += 2;
        } else {
            buf_add_char(&out, s.ptr[i]);
        }
    }
    return buf_str(&out);
}

/* Adds `name=value` to a path with or without a query. */
static void url_add_query(Buf *path, Str name, Str value)
{
    Str before = buf_str(path);
    if (str_index(before, '?') < 0)
        buf_add_char(path, '?');
    else if (!str_ends(before, S("?")) && !str_ends(before, S("&")))
        buf_add_char(path, '&');
    url_add_encoded(path, name, "");
    buf_add_char(path, '=');
    url_add_encoded(path, value, "");
}

/* Does the query of `path` have a parameter of this name? */
static bool url_has_query(Str path, Str name)
{
    Str query = path;
    str_cut(&query, '?');
    while (query.len) {
        Str pair = str_cut(&query, '&');
        if (str_eq(str_cut(&pair, '='), name))
            return true;
    }
    return false;
}

/* Is the address inside a CIDR block such as 10.0.0.0/8 or fd00::/8? */
static bool url_in_block(Arena *arena, Str host, Str block)
{
    unsigned char a[16] = {0};
    unsigned char b[16] = {0};
    Str bits_text = block;
    Str net = str_cut(&bits_text, '/');
    int64_t bits = -1;
    int family = str_index(net, ':') < 0 ? AF_INET : AF_INET6;
    int most = family == AF_INET ? 32 : 128;
    if (!str_int(bits_text, &bits) || bits < 0 || bits > most ||
        inet_pton(family, arena_cstr(arena, net), b) != 1 ||
        inet_pton(family, arena_cstr(arena, host), a) != 1)
        return false;
    for (int i = 0; i < bits; i++)
        if (((a[i / 8] ^ b[i / 8]) >> (7 - i % 8)) & 1)
            return false;
    return true;
}

/*
 * Does NO_PROXY name this host? It is a list, separated by commas or spaces,
 * of `*`, host names (each stands for its subdomains too, with or without a
 * leading dot), addresses and CIDR blocks, each but the last with an optional
 * `:port`.
 */
static bool url_bypasses_proxy(Str no_proxy, Str host, int port)
{
    Arena scratch = {0};
    bool hit = false;
    while (no_proxy.len && !hit) {
        Str spaced = str_trim(str_cut(&no_proxy, ','));
        while (spaced.len && !hit) {
            Str entry = str_cut(&spaced, ' ');
            Str tail = entry;
            Str head = str_cut(&tail, ':');
            int64_t number = 0;
            if (str_starts(entry, S("["))) { /* [IPv6] or [IPv6]:port */
                tail = str_slice(entry, 1, entry.len);
                entry = head = str_cut(&tail, ']');
                tail = str_slice(tail, 1, tail.len);
            }
            bool one_colon = tail.len && str_index(tail, ':') < 0;
            if (one_colon && str_int(tail, &number)) {
                if (number != port)
                    continue;
                entry = head;
            }
            if (str_starts(entry, S("*.")))
                entry = str_slice(entry, 1, entry.len);
            if (str_starts(entry, S(".")))
                entry = str_slice(entry, 1, entry.len);
            Str end = str_slice(host, host.len - entry.len, host.len);
            ptrdiff_t dot = host.len - entry.len - 1;
            hit = str_eq(entry, S("*")) ||
                  (entry.len && str_eq_nocase(end, entry) &&
                   (dot == -1 || (dot >= 0 && host.ptr[dot] == '.'))) ||
                  url_in_block(&scratch, host, entry);
        }
    }
    arena_free(&scratch);
    return hit;
}

/* ==== 07 TLS ============================================================= *
 *
 * TLS 1.2 (RFC 5246) by BearSSL on a non-blocking socket: ECDHE with AES-GCM
 * or ChaCha20-Poly1305, X25519 and P-256, RSA keys of 2048 bits or more, no
 * SHA-1, no renegotiation, always a server name. BearSSL knows no TLS 1.3, no
 * revocation and no name constraints: the README says so.
 *
 * Trust, in this order: --ca-file; SSL_CERT_FILE and SSL_CERT_DIR; the
 * system's bundle; the anchors built in. NODE_EXTRA_CA_CERTS adds to any. A
 * certificate that cannot be read is counted and skipped.
 *
 * A Tls holds the engine and its buffers; it points into itself and must not
 * move. It lives in its connection's arena.
 */

enum { TLS_FILE_MAX = 8 * MIB, TLS_RSA_BYTES = 256 };

typedef struct {
    const br_x509_trust_anchor *anchors;
    int count;
    int skipped; /* certificates that could not be read */
    Str source;  /* where they come from, for people */
} TlsTrust;

/* Trust anchors being gathered from files. */
typedef struct {
    Arena *arena;
    br_x509_trust_anchor *anchors;
    int count;
    int cap;
    int skipped;
} TlsAnchors;

typedef struct {
    br_ssl_client_context client;
    br_x509_minimal_context x509;
    br_ec_impl curves;
    unsigned char buffer[BR_SSL_BUFSIZE_BIDI];
} Tls;

static int tls_base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (str_is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* The bytes of base64 text (RFC 4648); line breaks are passed over, and so
 * is everything else that is no base64 character. */
static Str tls_base64(Arena *arena, Str text)
{
    char *bytes = arena_alloc(arena, text.len / 4 * 3 + 3);
    ptrdiff_t n = 0;
    uint32_t bits = 0;
    int have = 0;
    for (ptrdiff_t i = 0; i < text.len && text.ptr[i] != '='; i++) {
        int value = tls_base64_value(text.ptr[i]);
        if (value < 0)
            continue;
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            bytes[n++] = (char)(bits >> have);
        }
    }
    return (Str){bytes, n};
}

static void tls_add_name(void *to, const void *bytes, size_t size)
{
    buf_add(to, (Str){bytes, (ptrdiff_t)size});
}

static unsigned char *tls_copy(Arena *arena, const unsigned char *bytes,
                               size_t size)
{
    unsigned char *copy = arena_alloc(arena, (ptrdiff_t)size);
    memcpy(copy, bytes, size);
    return copy;
}

/* The key as a copy that outlives the decoder. */
static br_x509_pkey tls_copy_key(Arena *arena, const br_x509_pkey *key)
{
    br_x509_pkey copy = *key;
    if (key->key_type == BR_KEYTYPE_RSA) {
        copy.key.rsa.n = tls_copy(arena, key->key.rsa.n, key->key.rsa.nlen);
        copy.key.rsa.e = tls_copy(arena, key->key.rsa.e, key->key.rsa.elen);
    } else {
        copy.key.ec.q = tls_copy(arena, key->key.ec.q, key->key.ec.qlen);
    }
    return copy;
}

/* Makes one certificate (DER) an anchor. */
static void tls_add_certificate(TlsAnchors *to, Str der)
{
    br_x509_decoder_context decoder;
    Buf name = buf_new(to->arena, 8 * KIB);
    br_x509_decoder_init(&decoder, tls_add_name, &name);
    br_x509_decoder_push(&decoder, der.ptr, (size_t)der.len);
    br_x509_pkey *key = br_x509_decoder_get_pkey(&decoder);
    if (!key || name.full) {
        to->skipped++;
        return;
    }
    if (to->count == to->cap) {
        int cap = to->cap ? to->cap * 2 : 256;
        br_x509_trust_anchor *grown = arena_array(to->arena, cap,
                                                  sizeof(*grown));
        if (to->count)
            memcpy(grown, to->anchors, (size_t)to->count * sizeof(*grown));
        to->anchors = grown;
        to->cap = cap;
    }
    to->anchors[to->count++] = (br_x509_trust_anchor){
        .dn = {(unsigned char *)name.ptr, (size_t)name.len},
        .flags = br_x509_decoder_isCA(&decoder) ? BR_X509_TA_CA : 0,
        .pkey = tls_copy_key(to->arena, key)};
}

/* Adds every certificate of a PEM text (RFC 7468). */
static void tls_add_pem(TlsAnchors *to, Str text)
{
    const Str begin = S("-----BEGIN CERTIFICATE-----");
    const Str end = S("-----END CERTIFICATE-----");
    Arena scratch = {0};
    for (;;) {
        ptrdiff_t at = str_find(text, begin);
        if (at < 0)
            break;
        text = str_slice(text, at + begin.len, text.len);
        ptrdiff_t stop = str_find(text, end);
        if (stop < 0) {
            to->skipped++;
            break;
        }
        ptrdiff_t again = str_find(str_slice(text, 0, stop), begin);
        if (again >= 0) { /* its end is missing; the next may be whole */
            to->skipped++;
            text = str_slice(text, again, text.len);
            continue;
        }
        Str der = tls_base64(&scratch, str_slice(text, 0, stop));
        tls_add_certificate(to, der);
        text = str_slice(text, stop, text.len);
    }
    arena_free(&scratch);
}

static int tls_add_file(TlsAnchors *to, Str path)
{
    Arena scratch = {0};
    Str text = {0};
    int code = os_read_file(&scratch, path, TLS_FILE_MAX, &text);
    if (!code)
        tls_add_pem(to, text);
    arena_free(&scratch);
    return code;
}

/* Adds all files of the folders in `list`, separated by colons. What is no
 * certificate adds nothing. */
static void tls_add_folders(TlsAnchors *to, Str list)
{
    while (list.len) {
        Arena scratch = {0};
        Str folder = str_cut(&list, ':');
        Str *names = NULL;
        int count = os_list(&scratch, folder, &names);
        for (int i = 0; i < count; i++)
            tls_add_file(to, os_path_join(&scratch, folder, names[i]));
        arena_free(&scratch);
    }
}

/* The first of the system's bundles that has an anchor. */
static Str tls_add_system(TlsAnchors *to)
{
    static const char *const bundles[] = {
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/ssl/ca-bundle.pem",
        "/etc/pki/tls/cacert.pem",
        "/etc/ssl/cert.pem",
    };
    for (int i = 0; i < COUNT(bundles); i++) {
        tls_add_file(to, str_from(bundles[i]));
        if (to->count)
            return str_from(bundles[i]);
    }
    return (Str){0};
}

/* BearSSL's pointers are not to const, though it writes through none. */
static unsigned char *tls_built_in_part(const unsigned char **from, size_t size)
{
    const unsigned char *part = *from;
    *from += size;
    return (unsigned char *)(uintptr_t)part;
}

static void tls_add_built_in(TlsAnchors *to)
{
    const unsigned char *from = ANCHOR_BYTES;
    to->cap = COUNT(ANCHORS) + 256;
    to->anchors = arena_array(to->arena, to->cap, sizeof(*to->anchors));
    for (to->count = 0; to->count < COUNT(ANCHORS); to->count++) {
        size_t name = ANCHORS[to->count].name;
        size_t size = ANCHORS[to->count].n_or_q;
        size_t e = ANCHORS[to->count].e;
        br_x509_trust_anchor *anchor = &to->anchors[to->count];
        br_x509_pkey *key = &anchor->pkey;
        anchor->flags = BR_X509_TA_CA;
        anchor->dn.data = tls_built_in_part(&from, name);
        anchor->dn.len = name;
        if (ANCHORS[to->count].curve) {
            key->key_type = BR_KEYTYPE_EC;
            key->key.ec.curve = ANCHORS[to->count].curve;
            key->key.ec.q = tls_built_in_part(&from, size);
            key->key.ec.qlen = size;
        } else {
            key->key_type = BR_KEYTYPE_RSA;
            key->key.rsa.n = tls_built_in_part(&from, size);
            key->key.rsa.nlen = size;
            key->key.rsa.e = tls_built_in_part(&from, e);
            key->key.rsa.elen = e;
        }
    }
}

static bool tls_no_anchor(Err *err, const char *what, Str where, int code)
{
    err_set(err, EXIT_NETWORK, "cannot use %s %.*s: %s", what, P(where),
            code ? os_error(code) : "no certificate in it can be read");
    return err_hint(err, "It must be a PEM file of CA certificates.");
}

/*
 * Gathers the trust anchors (see the room's head). `ca_file` is that of
 * --ca-file and may be empty. A store that was named and holds nothing is an
 * error; it never falls back to a wider one.
 */
static bool tls_load_trust(Arena *arena, Str ca_file, TlsTrust *out, Err *err)
{
    TlsAnchors to = {.arena = arena};
    Str file = ca_file.len ? ca_file : os_env("SSL_CERT_FILE");
    Str folders = ca_file.len ? S("") : os_env("SSL_CERT_DIR");
    Str extra = os_env("NODE_EXTRA_CA_CERTS");
    Str source = file.len ? file : folders;
    if (file.len) {
        int code = tls_add_file(&to, file);
        if (code || (!to.count && !folders.len))
            return tls_no_anchor(err, "the CA file", file, code);
    }
    tls_add_folders(&to, folders);
    if (source.len && !to.count)
        return tls_no_anchor(err, "the CA folder", folders, 0);
    if (!source.len)
        source = tls_add_system(&to);
    if (!to.count) {
        tls_add_built_in(&to);
        source = S("the certificates built in");
    }
    if (extra.len) {
        int before = to.count;
        int code = tls_add_file(&to, extra);
        if (code || to.count == before)
            return tls_no_anchor(err, "NODE_EXTRA_CA_CERTS", extra, code);
        source = arena_printf(arena, "%.*s and %.*s", P(source), P(extra));
    }
    *out = (TlsTrust){to.anchors, to.count, to.skipped, source};
    return true;
}

/* The X.509 validator: SHA-2 signatures, today's date. */
static void tls_init_x509(Tls *tls, const TlsTrust *trust)
{
    int64_t now = os_wall() / 1000;
    br_x509_minimal_context *x509 = &tls->x509;
    br_x509_minimal_init(x509, &br_sha256_vtable, trust->anchors,
                         (size_t)trust->count);
    br_x509_minimal_set_rsa(x509, br_rsa_pkcs1_vrfy_get_default());
    br_x509_minimal_set_ecdsa(x509, br_ec_get_default(),
                              br_ecdsa_vrfy_asn1_get_default());
    br_x509_minimal_set_hash(x509, br_sha256_ID, &br_sha256_vtable);
    br_x509_minimal_set_hash(x509, br_sha384_ID, &br_sha384_vtable);
    br_x509_minimal_set_hash(x509, br_sha512_ID, &br_sha512_vtable);
    br_x509_minimal_set_minrsa(x509, TLS_RSA_BYTES);
    /* BearSSL counts days from the year 0. */
    br_x509_minimal_set_time(x509, (uint32_t)(now / 86400 + 719528),
                             (uint32_t)(now % 86400));
}

static void tls_init_engine(Tls *tls)
{
    static const uint16_t suites[] = {
        BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    };
    br_ssl_engine_context *engine = &tls->client.eng;
    br_ssl_engine_set_versions(engine, BR_TLS12, BR_TLS12);
    br_ssl_engine_set_suites(engine, suites, COUNT(suites));
    br_ssl_engine_set_hash(engine, br_sha256_ID, &br_sha256_vtable);
    br_ssl_engine_set_hash(engine, br_sha384_ID, &br_sha384_vtable);
    br_ssl_engine_set_hash(engine, br_sha512_ID, &br_sha512_vtable);
    br_ssl_engine_set_prf_sha256(engine, &br_tls12_sha256_prf);
    br_ssl_engine_set_prf_sha384(engine, &br_tls12_sha384_prf);
    br_ssl_engine_set_default_aes_gcm(engine);
    br_ssl_engine_set_default_chapol(engine);
    br_ssl_engine_set_default_rsavrfy(engine);
    br_ssl_engine_set_default_ecdsa(engine);
    tls->curves = *br_ec_get_default();
    tls->curves.supported_curves &= (uint32_t)1 << BR_EC_curve25519 |
                                    (uint32_t)1 << BR_EC_secp256r1;
    br_ssl_engine_set_ec(engine, &tls->curves);
    br_ssl_engine_add_flags(engine, BR_OPT_NO_RENEGOTIATION);
    br_ssl_engine_set_x509(engine, &tls->x509.vtable);
    br_ssl_engine_set_buffer(engine, tls->buffer, sizeof(tls->buffer), 1);
}

/*
 * Prepares a connection to `host`; tls_pump() then does the handshake.
 * `session` holds the parameters of an earlier one to the same host, or NULL.
 */
static bool tls_start(Tls *tls, const TlsTrust *trust, const char *host,
                      const br_ssl_session_parameters *session)
{
    unsigned char seed[48];
    br_ssl_client_zero(&tls->client);
    tls_init_x509(tls, trust);
    tls_init_engine(tls);
    if (os_entropy(seed, sizeof(seed)))
        br_ssl_engine_inject_entropy(&tls->client.eng, seed, sizeof(seed));
    secret_wipe(seed, sizeof(seed));
    if (session)
        br_ssl_engine_set_session_parameters(&tls->client.eng, session);
    return br_ssl_client_reset(&tls->client, host, session != NULL);
}

/* What went wrong in the engine, in words, and what to do about it. */
static bool tls_fail(const Tls *tls, Str host, Err *err)
{
    static const struct {
        int code;
        const char *text;
    } known[] = {
        {BR_ERR_X509_EXPIRED, "its certificate has expired, or is not valid "
                              "yet"},
        {BR_ERR_X509_BAD_SERVER_NAME, "its certificate is for another name"},
        {BR_ERR_X509_NOT_TRUSTED, "its certificate comes from an authority "
                                  "that is not trusted here"},
        {BR_ERR_X509_WEAK_PUBLIC_KEY, "its certificate has a key of less than "
                                      "2048 bits"},
        {BR_ERR_X509_BAD_SIGNATURE, "a signature of its certificate is wrong"},
        {BR_ERR_X509_UNSUPPORTED, "its certificate is signed in a way that is "
                                  "not accepted (SHA-1, or an unknown one)"},
        {BR_ERR_X509_FORBIDDEN_KEY_USAGE, "its certificate may not be used "
                                          "for this"},
        {BR_ERR_X509_NOT_CA, "its certificate is signed by one that is no "
                             "authority"},
        {BR_ERR_BAD_VERSION, "it does not speak TLS"},
        {BR_ERR_UNSUPPORTED_VERSION, "it offers no TLS 1.2, or does not speak "
                                     "TLS"},
        {BR_ERR_RECV_FATAL_ALERT + 70, "it offers no TLS 1.2"},
        {BR_ERR_RECV_FATAL_ALERT + 40, "it shares no cipher with this "
                                       "program, or offers no TLS 1.2"},
        {BR_ERR_NO_RANDOM, "the system gives no random bytes"},
    };
    int code = br_ssl_engine_last_error(&tls->client.eng);
    const char *text = NULL;
    for (int i = 0; i < COUNT(known) && !text; i++)
        if (known[i].code == code)
            text = known[i].text;
    if (text)
        err_set(err, EXIT_NETWORK, "no secure connection to %.*s: %s", P(host),
                text);
    else if (code >= BR_ERR_RECV_FATAL_ALERT)
        err_set(err, EXIT_NETWORK,
                "no secure connection to %.*s: it refused with alert %d",
                P(host), code & 0xff);
    else
        err_set(err, EXIT_NETWORK, "no secure connection to %.*s: TLS error %d",
                P(host), code);
    if (code == BR_ERR_X509_NOT_TRUSTED)
        return err_hint(err, "Behind a proxy that opens TLS, name its CA with "
                             "--ca-file or SSL_CERT_FILE.");
    if (code == BR_ERR_X509_EXPIRED)
        return err_hint(err, "Is the clock of this machine right?");
    if (text && strstr(text, "TLS 1.2"))
        return err_hint(err, "This program speaks TLS 1.2 and no other "
                             "version; the server must allow it.");
    return false;
}

typedef struct {
    short wants; /* poll events to wait for */
    bool moved;  /* bytes went through */
    bool ended;  /* the peer closed: see tls_ended_cleanly() */
} TlsPump;

/*
 * Moves records between the engine and the socket until one of them blocks
 * or data has come for the caller. Gives 0, or an errno of the socket; the
 * engine's own state says whether it failed. A socket that cannot be written
 * any more is still read: a server may refuse a request before its end.
 */
static int tls_pump(Tls *tls, int fd, TlsPump *pump)
{
    br_ssl_engine_context *engine = &tls->client.eng;
    int broken = 0;
    *pump = (TlsPump){0};
    for (;;) {
        unsigned state = br_ssl_engine_current_state(engine);
        ptrdiff_t n = -EAGAIN;
        size_t size = 0;
        if (state & BR_SSL_CLOSED) {
            pump->ended = true;
            return 0;
        }
        if (state & BR_SSL_SENDREC) {
            unsigned char *out = br_ssl_engine_sendrec_buf(engine, &size);
            n = os_send(fd, out, (ptrdiff_t)size);
            if (n > 0)
                br_ssl_engine_sendrec_ack(engine, (size_t)n);
            else if (n == -EAGAIN)
                pump->wants |= POLLOUT;
            else
                broken = (int)-n;
        }
        if (n <= 0 && (state & BR_SSL_RECVREC)) {
            unsigned char *in = br_ssl_engine_recvrec_buf(engine, &size);
            n = os_receive(fd, in, (ptrdiff_t)size);
            if (n > 0)
                br_ssl_engine_recvrec_ack(engine, (size_t)n);
            else if (n == 0)
                pump->ended = true;
            else if (n == -EAGAIN)
                pump->wants |= POLLIN;
            else
                broken = (int)-n;
        }
        pump->moved |= n > 0;
        if (n <= 0 || (state & BR_SSL_RECVAPP))
            return n > 0 ? 0 : broken;
    }
}

/* Is there decrypted data to take? */
static bool tls_has_data(const Tls *tls)
{
    return (br_ssl_engine_current_state(&tls->client.eng) & BR_SSL_RECVAPP) !=
           0;
}

/* Did the peer say that it closes (close_notify), and nothing fail? */
static bool tls_ended_cleanly(const Tls *tls)
{
    const br_ssl_engine_context *engine = &tls->client.eng;
    return br_ssl_engine_current_state(engine) == BR_SSL_CLOSED &&
           br_ssl_engine_last_error(engine) == BR_ERR_OK;
}

static bool tls_failed(const Tls *tls)
{
    return br_ssl_engine_last_error(&tls->client.eng) != BR_ERR_OK;
}

/* Is the handshake done? */
static bool tls_is_ready(const Tls *tls)
{
    return (br_ssl_engine_current_state(&tls->client.eng) &
            (BR_SSL_SENDAPP | BR_SSL_RECVAPP)) != 0;
}

/* Takes up to `size` decrypted bytes; 0 where there are none now. */
static ptrdiff_t tls_take(Tls *tls, void *to, ptrdiff_t size)
{
    br_ssl_engine_context *engine = &tls->client.eng;
    size_t have = 0;
    unsigned char *from = br_ssl_engine_recvapp_buf(engine, &have);
    if (!from)
        return 0;
    ptrdiff_t n = (ptrdiff_t)have < size ? (ptrdiff_t)have : size;
    memcpy(to, from, (size_t)n);
    br_ssl_engine_recvapp_ack(engine, (size_t)n);
    return n;
}

/* Gives the engine bytes to encrypt; how many it took, maybe 0. `last`: no
 * more will follow soon, so they go out now. */
static ptrdiff_t tls_give(Tls *tls, Str data, bool last)
{
    br_ssl_engine_context *engine = &tls->client.eng;
    size_t room = 0;
    unsigned char *to = br_ssl_engine_sendapp_buf(engine, &room);
    if (!to)
        return 0;
    ptrdiff_t n = data.len < (ptrdiff_t)room ? data.len : (ptrdiff_t)room;
    memcpy(to, data.ptr, (size_t)n);
    br_ssl_engine_sendapp_ack(engine, (size_t)n);
    if (last && n == data.len)
        br_ssl_engine_flush(engine, 0);
    return n;
}

/* ==== 08 HTTP ============================================================ *
 *
 * An HTTP/1.1 client (RFC 9112) over TLS. A transfer (HttpXfer) is one request
 * and its answer as a state machine; a pool (HttpPool) drives any number of
 * them with one poll loop. Nothing blocks but os_poll().
 *
 *   WAIT -> LOOKUP -> CONNECT -> PROXY -> TLS -> SEND -> HEAD -> BODY -> DONE
 *
 * Connections are kept alive and used again; a new one to the same host
 * resumes the TLS session. Addresses are tried as RFC 8305 says: families in
 * turn, a new one every 250 ms while the older ones go on.
 *
 * Deadlines: each phase up to TLS has HTTP_CONNECT_MS; the answer's head has
 * the request's time-out; sending and receiving have it anew whenever bytes
 * move. Retries: network trouble where the request is safe to repeat or none
 * of it was sent, and the statuses that mean "later". All pauses and failed
 * waiting of a run share one bound, `max_wait`.
 *
 * Answers: up to HTTP_HOLD bytes of a body are held until it is whole, so a
 * broken one can be fetched again before anybody has seen a part of it. A
 * larger body streams to the request's sink, piece by piece.
 *
 * Credentials go to the host that the request names and to no other: a
 * redirect to another host is followed without them, to plain http never.
 */

enum {
    HTTP_CONNECT_MS = 10000,
    HTTP_STAGGER_MS = 250, /* RFC 8305, 5 */
    HTTP_HEAD_MAX = 64 * KIB,
    HTTP_HEADERS = 128,
    HTTP_HOLD = 512 * KIB,
    HTTP_IN = 16 * KIB,
    HTTP_REDIRECTS = 5,
    HTTP_TRIES = 4,      /* of one request, on network trouble */
    HTTP_LEAST_MS = 500, /* a try that would have less is not begun */
    HTTP_ACTIVE = 64
};

typedef struct {
    Str name;
    Str value;
} HttpHeader;

/* The answer. Its text lives as long as the transfer's arena. */
typedef struct {
    int status;
    Str reason;
    HttpHeader headers[HTTP_HEADERS];
    int header_count;
    Str body;         /* what is held: all of it, unless it streamed */
    int64_t received; /* bytes of the body so far */
} HttpRes;

/*
 * The request. What it points to must outlive the transfer. No part may hold
 * a control byte: http_add() checks that.
 */
typedef struct {
    Str method;
    Url url;
    Str accept;
    Str content_type; /* of the body; empty where there is none */
    Secret authorization;
    Str body;
    bool has_body;
    bool repeatable; /* doing it twice is the same as once */
    bool follow;     /* follow redirects */
    int64_t timeout; /* milliseconds */
    /* Is this answer, whose status says "later", final all the same? */
    bool (*is_final)(const HttpRes *res);
    /* Takes the body. NULL: it is held, and may not pass HTTP_HOLD. The last
     * piece, maybe an empty one, comes with `last`. */
    bool (*sink)(void *to, const HttpRes *res, Str piece, bool last, Err *err);
    void *to;
} HttpReq;

typedef enum {
    HTTP_WAIT, /* to be started, or a pause before the next try */
    HTTP_LOOKUP,
    HTTP_CONNECT,
    HTTP_PROXY,
    HTTP_TLS,
    HTTP_SEND,
    HTTP_HEAD,
    HTTP_BODY,
    HTTP_DONE,
    HTTP_FAILED
} HttpState;

typedef enum {
    HTTP_NO_BODY,
    HTTP_LENGTH,
    HTTP_CHUNKED,
    HTTP_TO_CLOSE
} HttpFraming;

typedef enum {
    HTTP_CHUNK_SIZE,
    HTTP_CHUNK_DATA,
    HTTP_CHUNK_END,
    HTTP_CHUNK_TRAILER
} HttpChunk;

/* A connection, in use by a transfer or idle in the pool. */
typedef struct HttpConn HttpConn;
struct HttpConn {
    Arena arena;
    HttpConn *next;
    char host[256];
    int port;
    int fd;
    Tls *tls; /* NULL before TLS starts */
    bool used;
    bool ended; /* no more bytes will come */
    int in_at;
    int in_len;
    char in[HTTP_IN];
};

typedef struct HttpXfer HttpXfer;
struct HttpXfer {
    HttpXfer *next;
    Arena arena;
    HttpReq req;
    HttpRes res;
    HttpState state;
    Err err;
    HttpConn *conn;
    int64_t wake_at;  /* of WAIT */
    int64_t deadline; /* of the phase */
    int64_t try_began;
    int tries;
    int redirects;
    bool foreign; /* redirected to another host: no credentials */

    int lookup_fd;
    pid_t lookup_pid;
    OsAddresses addresses;
    int attempt[OS_ADDRESSES]; /* sockets under way, -1: none */
    int attempts;
    int64_t next_attempt_at;

    Str out; /* what is being sent, to the proxy or the server */
    ptrdiff_t out_at;
    int socks_stage;
    bool sent;     /* a byte of the request has left */
    bool may_pass; /* the failure is one that another try may mend */
    int connect_error;

    Buf head;
    HttpFraming framing;
    int64_t left; /* bytes of the body, or of the chunk */
    HttpChunk chunk;
    int chunk_line; /* bytes of the line under way */
    bool chunk_digits_over;
    bool chunk_cr; /* the last byte of the line was a CR */
    int trailer;   /* bytes of the trailer so far */
    Buf hold;
    bool streamed; /* the sink has seen a piece */
};

typedef struct {
    Arena *arena;
    Term *term;
    const TlsTrust *trust;
    bool has_proxy;
    bool socks;
    Url proxy;
    Str proxy_from; /* the variable that named it */
    Str no_proxy;
    int64_t max_wait;   /* milliseconds */
    int64_t waited;     /* of it, used up */
    int64_t hold_until; /* a rate limit: nothing starts before */
    HttpXfer *active;
    HttpConn *idle;
    bool has_session;
    char session_host[256];
    br_ssl_session_parameters session;
} HttpPool;

/* Takes the proxy from the environment: HTTPS_PROXY, ALL_PROXY, HTTP_PROXY,
 * each in lower case first, as curl does. */
static bool http_find_proxy(HttpPool *pool, Err *err)
{
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY",
                                        "all_proxy",   "ALL_PROXY",
                                        "http_proxy",  "HTTP_PROXY"};
    Str text = {0};
    const char *name = NULL;
    for (int i = 0; i < COUNT(names) && !text.len; i++) {
        name = names[i];
        text = str_trim(os_env(name));
    }
    if (!text.len)
        return true;
    if (str_find(text, S("://")) < 0)
        text = arena_printf(pool->arena, "http://%.*s", P(text));
    Str lower = os_env("no_proxy");
    pool->no_proxy = lower.len ? lower : os_env("NO_PROXY");
    pool->proxy_from = str_from(name);
    pool->has_proxy = url_parse(text, &pool->proxy);
    pool->socks = pool->has_proxy &&
                  str_in_words(pool->proxy.scheme, "socks5 socks5h");
    if (pool->has_proxy &&
        (pool->socks || str_eq_nocase(pool->proxy.scheme, S("http"))))
        return true;
    err_set(err, EXIT_USAGE, "cannot use the proxy that %s names", name);
    return err_hint(err, "It must be http://, socks5:// or socks5h://"
                         "[user:password@]host[:port].");
}

/* `max_wait` in milliseconds bounds all pauses and retries of the pool. */
static bool http_init(HttpPool *pool, Arena *arena, Term *term,
                      const TlsTrust *trust, int64_t max_wait, Err *err)
{
    *pool = (HttpPool){
        .arena = arena, .term = term, .trust = trust, .max_wait = max_wait};
    return http_find_proxy(pool, err);
}

/* The first header of this name; empty where there is none. */
static Str http_header(const HttpRes *res, Str name)
{
    for (int i = 0; i < res->header_count; i++)
        if (str_eq_nocase(res->headers[i].name, name))
            return res->headers[i].value;
    return (Str){0};
}

/* Is `word` among the elements of this list header (all its lines)? */
static bool http_header_has(const HttpRes *res, Str name, Str word)
{
    for (int i = 0; i < res->header_count; i++) {
        Str list = res->headers[i].value;
        if (!str_eq_nocase(res->headers[i].name, name))
            continue;
        while (list.len)
            if (str_eq_nocase(str_trim(str_cut(&list, ',')), word))
                return true;
    }
    return false;
}

static bool http_is_clean(Str s)
{
    for (ptrdiff_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
            return false;
    return true;
}

static bool http_uses_proxy(const HttpPool *pool, const HttpXfer *x)
{
    return pool->has_proxy &&
           !url_bypasses_proxy(pool->no_proxy, x->req.url.host,
                               x->req.url.port);
}

static void http_close(HttpConn *conn)
{
    Arena arena = conn->arena;
    if (conn->fd >= 0)
        close(conn->fd);
    arena_free(&arena);
}

/* Ends what a transfer has open: its look-up, its attempts, its connection. */
static void http_drop(HttpXfer *x)
{
    OsAddresses ignored;
    if (x->lookup_fd >= 0)
        os_lookup_end(x->lookup_fd, x->lookup_pid, &ignored);
    x->lookup_fd = -1;
    for (int i = 0; i < x->attempts; i++)
        if (x->attempt[i] >= 0)
            close(x->attempt[i]);
    x->attempts = 0;
    if (x->conn)
        http_close(x->conn);
    x->conn = NULL;
}

/* What is left of the pool's patience, in milliseconds. */
static int64_t http_patience(const HttpPool *pool)
{
    int64_t left = pool->max_wait - pool->waited;
    return left > 0 ? left : 0;
}

/* Enters a phase: sets the state and its deadline. */
static void http_enter(HttpPool *pool, HttpXfer *x, HttpState state)
{
    int64_t limit = x->req.timeout;
    if (state < HTTP_SEND && limit > HTTP_CONNECT_MS)
        limit = HTTP_CONNECT_MS;
    int64_t patience = http_patience(pool);
    if (patience < HTTP_LEAST_MS) /* a try that has begun gets its chance */
        patience = HTTP_LEAST_MS;
    if (pool->max_wait && limit > patience)
        limit = patience;
    x->state = state;
    x->deadline = os_now() + limit;
}

/* Trouble that another try would not mend: the message says what failed and
 * with whom. */
static bool http_trouble(HttpXfer *x, const char *what)
{
    return err_set(&x->err, EXIT_NETWORK, "%.*s: %s", P(x->req.url.host), what);
}

/* Trouble that may pass. */
static bool http_lost(HttpXfer *x, const char *what)
{
    x->may_pass = true;
    return http_trouble(x, what);
}

static bool http_socket_trouble(HttpXfer *x, int code)
{
    if (code == ECONNRESET || code == EPIPE)
        return http_lost(x, "the connection was reset");
    return http_lost(x, os_error(code));
}

/* The name and port that the socket goes to. */
static Str http_peer(const HttpPool *pool, const HttpXfer *x, int *port)
{
    const Url *to = http_uses_proxy(pool, x) ? &pool->proxy : &x->req.url;
    *port = to->port;
    return to->host;
}

/* Is an idle connection still open and silent? One that has been closed would
 * lose a request, and what a server says unasked must not become the answer to
 * the next. */
static bool http_is_silent(HttpConn *conn)
{
    TlsPump pump = {0};
    return !tls_pump(conn->tls, conn->fd, &pump) && !pump.ended &&
           !tls_failed(conn->tls) && !tls_has_data(conn->tls);
}

/* An idle connection to the request's host; NULL: none. */
static HttpConn *http_take_idle(HttpPool *pool, const HttpXfer *x)
{
    for (HttpConn **link = &pool->idle; *link;) {
        HttpConn *conn = *link;
        if (conn->port != x->req.url.port ||
            !str_eq_nocase(str_from(conn->host), x->req.url.host)) {
            link = &conn->next;
            continue;
        }
        *link = conn->next;
        conn->next = NULL;
        if (http_is_silent(conn))
            return conn;
        http_close(conn);
    }
    return NULL;
}

static HttpConn *http_new_conn(const HttpXfer *x, int fd)
{
    Arena arena = {0};
    HttpConn *conn = arena_alloc(&arena, sizeof(*conn));
    conn->fd = fd;
    conn->port = x->req.url.port;
    memcpy(conn->host, x->req.url.host.ptr, (size_t)x->req.url.host.len);
    conn->arena = arena;
    return conn;
}

static void http_add_line(Buf *out, Str name, Str value)
{
    buf_add(out, name);
    buf_add(out, S(": "));
    buf_add(out, value);
    buf_add(out, S("\r\n"));
}

static void http_add_host(Buf *out, const Url *url, bool with_port)
{
    bool v6 = str_index(url->host, ':') >= 0;
    buf_printf(out, v6 ? "[%.*s]" : "%.*s", P(url->host));
    if (with_port || url->port != 443)
        buf_printf(out, ":%d", url->port);
}

/* Writes the request, head and body in one piece, into x->out. */
static void http_build_request(HttpXfer *x)
{
    const HttpReq *req = &x->req;
    Buf out = buf_new(&x->arena, req->url.path.len + req->body.len +
                                     secret_text(req->authorization).len +
                                     4 * KIB);
    buf_add(&out, req->method);
    buf_add_char(&out, ' ');
    buf_add(&out, req->url.path);
    buf_add(&out, S(" HTTP/1.1\r\nHost: "));
    http_add_host(&out, &req->url, false);
    buf_add(&out, S("\r\n"));
    if (!x->foreign && secret_is_set(req->authorization))
        http_add_line(&out, S("Authorization"),
                      secret_text(req->authorization));
    http_add_line(&out, S("User-Agent"), S("hs/" HS_VERSION));
    http_add_line(&out, S("Accept"), req->accept);
    http_add_line(&out, S("Accept-Encoding"), S("identity"));
    if (req->has_body)
        http_add_line(&out, S("Content-Type"), req->content_type);
    if (req->has_body || str_in_words(req->method, "POST PUT PATCH"))
        buf_printf(&out, "Content-Length: %td\r\n", req->body.len);
    buf_add(&out, S("\r\n"));
    buf_add(&out, req->body);
    x->out = buf_str(&out);
    x->out_at = 0;
}

/* Fills the head's limits for a new answer. */
static void http_begin_answer(HttpXfer *x)
{
    x->res = (HttpRes){0};
    x->head = buf_new(&x->arena, HTTP_HEAD_MAX);
    x->hold = buf_new(&x->arena, HTTP_HOLD);
    x->framing = HTTP_NO_BODY;
    x->streamed = false;
}

static void http_debug_request(HttpPool *pool, const HttpXfer *x)
{
    Str host = x->req.url.host;
    if (!pool->term->debug)
        return;
    term_debug(pool->term, "> %.*s https://%.*s%.*s%s", P(x->req.method),
               P(host), P(x->req.url.path),
               x->conn && x->conn->used ? " (connection kept)" : "");
    if (x->req.has_body)
        term_debug(pool->term, "> %.*s, %td bytes", P(x->req.content_type),
                   x->req.body.len);
}

static void http_begin_send(HttpPool *pool, HttpXfer *x)
{
    http_build_request(x);
    http_begin_answer(x);
    http_debug_request(pool, x);
    x->sent = false;
    http_enter(pool, x, HTTP_SEND);
}

/* Starts a try: on an idle connection, or by looking up the peer. */
static bool http_begin(HttpPool *pool, HttpXfer *x)
{
    int port = 0;
    x->try_began = os_now();
    x->may_pass = false;
    x->conn = http_take_idle(pool, x);
    if (x->conn) {
        http_begin_send(pool, x);
        return true;
    }
    Str peer = http_peer(pool, x, &port);
    const char *name = arena_cstr(&x->arena, peer);
    http_enter(pool, x, HTTP_LOOKUP);
    if (os_address_literal(name, &x->addresses)) {
        http_enter(pool, x, HTTP_CONNECT);
        x->next_attempt_at = 0;
        return true;
    }
    int code = os_lookup_start(name, &x->lookup_fd, &x->lookup_pid);
    return code ? http_socket_trouble(x, code) : true;
}

/* The first address not taken yet, of this family (0: any); -1: none. */
static int http_pick(const OsAddresses *list, const bool *taken, int family)
{
    for (int i = 0; i < list->count; i++)
        if (!taken[i] && (!family || list->at[i].ss_family == family))
            return i;
    return -1;
}

/* Puts the families in turn, keeping the order in each (RFC 8305, 4). */
static void http_interleave(OsAddresses *list)
{
    OsAddresses out = {0};
    bool taken[OS_ADDRESSES] = {false};
    int family = 0;
    while (out.count < list->count) {
        int pick = http_pick(list, taken, family);
        if (pick < 0)
            pick = http_pick(list, taken, 0);
        if (pick < 0)
            break;
        taken[pick] = true;
        family = list->at[pick].ss_family == AF_INET ? AF_INET6 : AF_INET;
        out.at[out.count++] = list->at[pick];
    }
    *list = out;
}

static bool http_on_lookup(HttpPool *pool, HttpXfer *x)
{
    int port = 0;
    Str peer = http_peer(pool, x, &port);
    if (!os_wait(x->lookup_fd, POLLIN, 0))
        return false;
    int code = os_lookup_end(x->lookup_fd, x->lookup_pid, &x->addresses);
    x->lookup_fd = -1;
    if (code) {
        err_set(&x->err, EXIT_NETWORK, "cannot find the address of %.*s: %s",
                P(peer), gai_strerror(code));
        return err_hint(&x->err, "Check the network and its DNS, or set "
                                 "HTTPS_PROXY.");
    }
    http_interleave(&x->addresses);
    http_enter(pool, x, HTTP_CONNECT);
    x->next_attempt_at = 0;
    return true;
}

/* Connected: the other attempts end, the connection begins. */
static void http_connected(HttpPool *pool, HttpXfer *x, int winner)
{
    int fd = x->attempt[winner];
    x->attempt[winner] = -1;
    for (int i = 0; i < x->attempts; i++)
        if (x->attempt[i] >= 0)
            close(x->attempt[i]);
    x->attempts = 0;
    x->conn = http_new_conn(x, fd);
    x->out = (Str){0};
    x->out_at = 0;
    x->socks_stage = 0;
    x->head = buf_new(&x->arena, HTTP_HEAD_MAX);
    http_enter(pool, x, HTTP_PROXY);
}

static bool http_refused(const HttpPool *pool, HttpXfer *x)
{
    int port = 0;
    Str peer = http_peer(pool, x, &port);
    err_set(&x->err, EXIT_NETWORK, "cannot connect to %.*s port %d: %s",
            P(peer), port, os_error(x->connect_error));
    if (http_uses_proxy(pool, x))
        err_hint(&x->err, "That is the proxy of %.*s.", P(pool->proxy_from));
    return false;
}

/* Looks at the attempts under way and starts the next where it is time. */
static bool http_on_connect(HttpPool *pool, HttpXfer *x)
{
    int open = 0;
    int port = 0;
    http_peer(pool, x, &port);
    for (int i = 0; i < x->attempts; i++) {
        if (x->attempt[i] < 0)
            continue;
        open++;
        if (!os_wait(x->attempt[i], POLLOUT, 0))
            continue;
        x->connect_error = os_connect_result(x->attempt[i]);
        if (!x->connect_error) {
            http_connected(pool, x, i);
            return true;
        }
        close(x->attempt[i]);
        x->attempt[i] = -1;
        x->next_attempt_at = 0;
        open--;
    }
    if (x->attempts == x->addresses.count)
        return open ? false : http_refused(pool, x);
    if (open && os_now() < x->next_attempt_at)
        return false;
    int fd = -1;
    int code = os_connect(&x->addresses.at[x->attempts], port, &fd);
    x->attempt[x->attempts++] = fd;
    x->next_attempt_at = code ? 0 : os_now() + HTTP_STAGGER_MS;
    x->connect_error = code;
    return code != 0;
}

/*
 * Reads from the connection into its buffer. Gives the bytes there, 0 at the
 * end, or -EAGAIN; another negative number after an error, which it sets.
 */
static ptrdiff_t http_fill(HttpXfer *x, short *wants)
{
    HttpConn *conn = x->conn;
    TlsPump pump = {0};
    if (conn->in_at < conn->in_len)
        return conn->in_len - conn->in_at;
    conn->in_at = conn->in_len = 0;
    if (!conn->tls) {
        ptrdiff_t n = os_receive(conn->fd, conn->in, HTTP_IN);
        *wants = POLLIN;
        if (n < 0 && n != -EAGAIN)
            http_socket_trouble(x, (int)-n);
        conn->in_len = n > 0 ? (int)n : 0;
        return n;
    }
    conn->in_len = (int)tls_take(conn->tls, conn->in, HTTP_IN);
    while (!conn->in_len) {
        int code = tls_pump(conn->tls, conn->fd, &pump);
        *wants = pump.wants;
        conn->in_len = (int)tls_take(conn->tls, conn->in, HTTP_IN);
        if (code && !conn->in_len) {
            http_socket_trouble(x, code);
            return -code;
        }
        if (tls_failed(conn->tls) && !conn->in_len) {
            tls_fail(conn->tls, x->req.url.host, &x->err);
            return -EPROTO;
        }
        if (pump.ended || !pump.moved)
            break;
    }
    if (conn->in_len)
        return conn->in_len;
    conn->ended = pump.ended;
    return pump.ended ? 0 : -EAGAIN;
}

/* Sends x->out; true when all of it is with the socket or the engine. */
static bool http_send_out(HttpXfer *x, short *wants)
{
    HttpConn *conn = x->conn;
    while (x->out_at < x->out.len) {
        Str rest = str_slice(x->out, x->out_at, x->out.len);
        TlsPump pump = {0};
        ptrdiff_t n = 0;
        if (conn->tls) {
            n = tls_give(conn->tls, rest, true);
            int code = tls_pump(conn->tls, conn->fd, &pump);
            x->out_at += n;
            if (tls_has_data(conn->tls))
                return false; /* an answer already: see http_on_send() */
            if (code)
                return http_socket_trouble(x, code);
            if (tls_failed(conn->tls))
                return tls_fail(conn->tls, x->req.url.host, &x->err);
            *wants = pump.wants;
            if (!n && pump.ended)
                return http_lost(x, "the connection was closed");
            if (!n && !pump.moved)
                return false;
            continue;
        }
        n = os_send(conn->fd, rest.ptr, rest.len);
        *wants = POLLOUT;
        if (n == -EAGAIN)
            return false;
        if (n < 0)
            return http_socket_trouble(x, (int)-n);
        x->out_at += n;
    }
    return true;
}

/* Takes one line off the connection's buffer into x->head, up to and with
 * its LF. False where the buffer ended before. */
static bool http_take_line(HttpXfer *x)
{
    HttpConn *conn = x->conn;
    Str have = {conn->in + conn->in_at, conn->in_len - conn->in_at};
    ptrdiff_t at = str_index(have, '\n');
    Str line = str_slice(have, 0, at < 0 ? have.len : at + 1);
    buf_add(&x->head, line);
    conn->in_at += (int)line.len;
    return at >= 0;
}

/* Does the head that has come so far end with an empty line? */
static bool http_head_is_whole(Str head)
{
    return str_ends(head, S("\n\r\n")) || str_ends(head, S("\n\n"));
}

/* A header's line: `name: value`, the name one token (RFC 9112, 5). */
static bool http_parse_field(HttpRes *res, Str line)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    Str value = line;
    if (str_index(line, ':') < 1 || res->header_count == HTTP_HEADERS)
        return false;
    Str name = str_cut(&value, ':');
    for (ptrdiff_t i = 0; i < name.len; i++)
        if (!isalnum((unsigned char)name.ptr[i]) &&
            (!name.ptr[i] || !strchr(marks, name.ptr[i])))
            return false;
    res->headers[res->header_count++] = (HttpHeader){name, str_trim(value)};
    return true;
}

/* Reads a whole head into x->res. False where it is malformed. */
static bool http_parse_head(HttpXfer *x)
{
    Str rest = buf_str(&x->head);
    Str line = str_cut(&rest, '\n');
    HttpRes *res = &x->res;
    int64_t status = 0;
    if (str_ends(line, S("\r")))
        line.len--;
    *res = (HttpRes){0};
    if (!str_starts(line, S("HTTP/1.")) || line.len < 12 ||
        !str_is_digit(line.ptr[7]) || line.ptr[8] != ' ' ||
        !str_int(str_slice(line, 9, 12), &status) || status < 100 ||
        (line.len > 12 && line.ptr[12] != ' '))
        return false;
    res->status = (int)status;
    res->reason = str_trim(str_slice(line, 12, line.len));
    while (rest.len) {
        line = str_cut(&rest, '\n');
        if (str_ends(line, S("\r")))
            line.len--;
        if (line.len && !http_parse_field(res, line))
            return false;
    }
    return true;
}

/*
 * Reads a head, the proxy's or the server's, into x->head and x->res. True
 * when it is whole; else it waits, or has set an error.
 */
static bool http_read_head(HttpXfer *x, short *wants)
{
    while (!http_head_is_whole(buf_str(&x->head))) {
        ptrdiff_t n = http_fill(x, wants);
        if (n == 0)
            return http_lost(x, x->head.len
                                    ? "the answer ended in its head"
                                    : "the connection was closed before "
                                      "an answer");
        if (n < 0)
            return false;
        http_take_line(x);
        if (x->head.full)
            return http_trouble(x, "the answer's head is larger than 64 KiB");
        if (x->head.len >= 5 && !str_starts(buf_str(&x->head), S("HTTP/")))
            return http_trouble(x, "the answer is not HTTP");
    }
    if (!http_parse_head(x))
        return http_trouble(x, "the answer's head is malformed");
    return true;
}

static bool http_begin_tls(HttpPool *pool, HttpXfer *x)
{
    HttpConn *conn = x->conn;
    bool resume = pool->has_session && !strcmp(pool->session_host, conn->host);
    if (conn->in_at != conn->in_len) /* never to be taken for the server's */
        return http_trouble(x, "the proxy sent bytes before TLS began");
    conn->in_at = conn->in_len = 0;
    conn->tls = arena_alloc(&conn->arena, sizeof(*conn->tls));
    http_enter(pool, x, HTTP_TLS);
    if (tls_start(conn->tls, pool->trust, conn->host,
                  resume ? &pool->session : NULL))
        return true;
    return tls_fail(conn->tls, x->req.url.host, &x->err);
}

/* `user:password` of the proxy, as Basic wants it (RFC 7617). */
static Str http_proxy_basic(const HttpPool *pool, Arena *arena)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    bool alone = str_index(pool->proxy.user, ':') < 0;
    Str user = url_decode(
        arena,
        arena_printf(arena, "%.*s%s", P(pool->proxy.user), alone ? ":" : ""));
    Buf out = buf_new(arena, user.len * 2 + 8);
    for (ptrdiff_t i = 0; i < user.len; i += 3) {
        uint32_t bits = 0;
        for (int k = 0; k < 3; k++)
            bits = bits << 8 |
                   (i + k < user.len ? (unsigned char)user.ptr[i + k] : 0);
        for (int k = 0; k < 4; k++)
            buf_add_char(&out, i + k > user.len
                                   ? '='
                                   : digits[bits >> (18 - 6 * k) & 63]);
    }
    return buf_str(&out);
}

static Str http_connect_request(const HttpPool *pool, HttpXfer *x)
{
    Buf out = buf_new(&x->arena, 16 * KIB);
    buf_add(&out, S("CONNECT "));
    http_add_host(&out, &x->req.url, true);
    buf_add(&out, S(" HTTP/1.1\r\nHost: "));
    http_add_host(&out, &x->req.url, true);
    buf_add(&out, S("\r\n"));
    http_add_line(&out, S("User-Agent"), S("hs/" HS_VERSION));
    if (pool->proxy.user.len) {
        Str basic = http_proxy_basic(pool, &x->arena);
        term_hide(pool->term, secret_from(basic));
        buf_add(&out, S("Proxy-Authorization: Basic "));
        buf_add(&out, basic);
        buf_add(&out, S("\r\n"));
    }
    buf_add(&out, S("\r\n"));
    return buf_str(&out);
}

/* The tunnel through an HTTP proxy (RFC 9110, 9.3.6). */
static bool http_on_connect_proxy(HttpPool *pool, HttpXfer *x, short *wants)
{
    if (!x->out.len)
        x->out = http_connect_request(pool, x);
    if (!http_send_out(x, wants) || !http_read_head(x, wants))
        return false;
    if (x->res.status >= 200 && x->res.status < 300)
        return http_begin_tls(pool, x);
    if (x->res.status < 200) {
        x->head.len = 0; /* the real answer follows */
        return true;
    }
    err_set(&x->err, EXIT_NETWORK,
            "the proxy %.*s does not connect to %.*s: %d %.*s",
            P(pool->proxy.host), P(x->req.url.host), x->res.status,
            P(x->res.reason));
    if (x->res.status == 407)
        err_hint(&x->err,
                 "It wants a user and password: %.*s="
                 "http://user:password@host:port.",
                 P(pool->proxy_from));
    return false;
}

/* Waits for at least `size` bytes in the connection's buffer. */
static bool http_need(HttpXfer *x, int size, short *wants)
{
    HttpConn *conn = x->conn;
    while (conn->in_len - conn->in_at < size) {
        *wants = POLLIN;
        ptrdiff_t n = os_receive(conn->fd, conn->in + conn->in_len,
                                 HTTP_IN - conn->in_len);
        if (n == -EAGAIN)
            return false;
        if (n <= 0)
            return n ? http_socket_trouble(x, (int)-n)
                     : http_trouble(x, "the SOCKS proxy closed");
        conn->in_len += (int)n;
    }
    return true;
}

/* What to send at each stage: the methods, the password (RFC 1929), the
 * request with the host's name, which the proxy resolves. */
static Str http_socks_message(const HttpPool *pool, HttpXfer *x)
{
    Buf out = buf_new(&x->arena, KIB);
    Str password = pool->proxy.user;
    Str user = url_decode(&x->arena, str_cut(&password, ':'));
    password = url_decode(&x->arena, password);
    if (x->socks_stage == 0) {
        buf_add(&out, pool->proxy.user.len ? S("\x05\x02\x00\x02")
                                           : S("\x05\x01\x00"));
    } else if (x->socks_stage == 1) {
        user = str_slice(user, 0, 255);
        password = str_slice(password, 0, 255);
        buf_add_char(&out, 1);
        buf_add_char(&out, (char)user.len);
        buf_add(&out, user);
        buf_add_char(&out, (char)password.len);
        buf_add(&out, password);
    } else {
        buf_add(&out, S("\x05\x01\x00\x03"));
        buf_add_char(&out, (char)x->req.url.host.len);
        buf_add(&out, x->req.url.host);
        buf_add_char(&out, (char)(x->req.url.port >> 8));
        buf_add_char(&out, (char)(x->req.url.port & 0xff));
    }
    return buf_str(&out);
}

static bool http_socks_refused(const HttpPool *pool, HttpXfer *x, int code)
{
    static const char *const reasons[] = {
        "",
        "it failed",
        "its rules forbid it",
        "network unreachable",
        "host unreachable",
        "connection refused",
        "timed out",
        "it cannot do that",
        "it cannot use such an address",
    };
    return err_set(&x->err, EXIT_NETWORK,
                   "the SOCKS proxy %.*s does not connect to %.*s: %s",
                   P(pool->proxy.host), P(x->req.url.host),
                   code > 0 && code < COUNT(reasons) ? reasons[code]
                                                     : "no reason given");
}

/* The answer to the request: its length depends on the address's type. */
static bool http_on_socks_answer(HttpPool *pool, HttpXfer *x, short *wants)
{
    HttpConn *conn = x->conn;
    if (!http_need(x, 5, wants))
        return false;
    const unsigned char *in = (unsigned char *)conn->in + conn->in_at;
    int size = in[3] == 1 ? 10 : in[3] == 4 ? 22 : in[3] == 3 ? 7 + in[4] : 0;
    if (in[0] != 5 || !size)
        return http_trouble(x, "the SOCKS proxy's answer is malformed");
    if (in[1])
        return http_socks_refused(pool, x, in[1]);
    if (!http_need(x, size, wants))
        return false;
    conn->in_at = conn->in_len = 0;
    return http_begin_tls(pool, x);
}

/* The tunnel through a SOCKS 5 proxy (RFC 1928), one stage after another:
 * 0 methods, 1 password, 2 request. */
static bool http_on_socks(HttpPool *pool, HttpXfer *x, short *wants)
{
    HttpConn *conn = x->conn;
    if (!x->out.len)
        x->out = http_socks_message(pool, x);
    if (!http_send_out(x, wants))
        return false;
    if (x->socks_stage == 2)
        return http_on_socks_answer(pool, x, wants);
    if (!http_need(x, 2, wants))
        return false;
    int method = (unsigned char)conn->in[conn->in_at + 1];
    conn->in_at += 2;
    if (x->socks_stage == 1 && method)
        return http_trouble(x, "the SOCKS proxy refused the password");
    if (x->socks_stage == 0 && method != 0 && method != 2)
        return http_trouble(x, "the SOCKS proxy wants a user and password");
    x->socks_stage = x->socks_stage == 0 && method == 2 ? 1 : 2;
    x->out = (Str){0};
    x->out_at = 0;
    return true;
}

static bool http_on_proxy(HttpPool *pool, HttpXfer *x, short *wants)
{
    if (!http_uses_proxy(pool, x))
        return http_begin_tls(pool, x);
    return pool->socks ? http_on_socks(pool, x, wants)
                       : http_on_connect_proxy(pool, x, wants);
}

static bool http_on_tls(HttpPool *pool, HttpXfer *x, short *wants)
{
    HttpConn *conn = x->conn;
    TlsPump pump = {0};
    int code = tls_pump(conn->tls, conn->fd, &pump);
    *wants = pump.wants;
    if (code) {
        x->may_pass = true;
        return err_set(&x->err, EXIT_NETWORK,
                       "%.*s: the connection was lost while TLS was set up: "
                       "%s",
                       P(x->req.url.host), os_error(code));
    }
    if (tls_failed(conn->tls)) {
        pool->has_session = false;
        return tls_fail(conn->tls, x->req.url.host, &x->err);
    }
    if (tls_is_ready(conn->tls)) {
        br_ssl_engine_get_session_parameters(&conn->tls->client.eng,
                                             &pool->session);
        memcpy(pool->session_host, conn->host, sizeof(conn->host));
        pool->has_session = true;
        http_begin_send(pool, x);
        return true;
    }
    if (pump.ended)
        return http_lost(x, "the connection was closed while TLS was set up");
    return pump.moved;
}

/* Sends the request. An answer that comes before its end (a refusal) is read
 * in the next state. */
static bool http_on_send(HttpPool *pool, HttpXfer *x, short *wants)
{
    ptrdiff_t before = x->out_at;
    bool all = http_send_out(x, wants);
    x->sent |= x->out_at > 0;
    if (x->err.code)
        return false;
    if (all || tls_has_data(x->conn->tls)) {
        x->try_began = os_now();
        http_enter(pool, x, HTTP_HEAD);
        return true;
    }
    if (x->out_at > before)
        http_enter(pool, x, HTTP_SEND);
    return false;
}

/* How the body is framed (RFC 9112, 6.3). False where it cannot be told. */
static bool http_find_framing(HttpXfer *x)
{
    HttpRes *res = &x->res;
    int64_t length = -1;
    if (res->status == 204 || res->status == 304) {
        x->framing = HTTP_NO_BODY;
        return true;
    }
    int codings = 0;
    for (int i = 0; i < res->header_count; i++)
        if (str_eq_nocase(res->headers[i].name, S("Transfer-Encoding")))
            codings += str_eq_nocase(res->headers[i].value, S("chunked")) ? 1
                                                                          : 2;
    if (codings > 1)
        return http_trouble(x, "the answer has an unknown Transfer-Encoding");
    if (codings) {
        x->framing = HTTP_CHUNKED;
        x->chunk = HTTP_CHUNK_SIZE;
        x->left = x->chunk_line = x->trailer = 0;
        x->chunk_digits_over = x->chunk_cr = false;
        return true;
    }
    for (int i = 0; i < res->header_count; i++) {
        int64_t value = 0;
        if (!str_eq_nocase(res->headers[i].name, S("Content-Length")))
            continue;
        if (!str_int(res->headers[i].value, &value) || value < 0 ||
            !str_is_digit(res->headers[i].value.ptr[0]) ||
            (length >= 0 && value != length))
            return http_trouble(x, "the answer's Content-Length is malformed");
        length = value;
    }
    x->framing = length < 0   ? HTTP_TO_CLOSE
                 : length > 0 ? HTTP_LENGTH
                              : HTTP_NO_BODY;
    x->left = length;
    return true;
}

static bool http_on_head(HttpPool *pool, HttpXfer *x, short *wants)
{
    if (!http_read_head(x, wants))
        return false;
    if (x->res.status < 200) {
        if (x->res.status == 101)
            return http_trouble(x, "the server switched protocols unasked");
        x->head.len = 0; /* the real answer follows */
        return true;
    }
    term_debug(pool->term, "< %d %.*s, %" PRId64 " ms", x->res.status,
               P(x->res.reason), os_now() - x->try_began);
    for (int i = 0; pool->term->debug && i < x->res.header_count; i++)
        term_debug(pool->term, "< %.*s: %.*s", P(x->res.headers[i].name),
                   P(x->res.headers[i].value));
    Str coding = http_header(&x->res, S("Content-Encoding"));
    if (coding.len && !str_eq_nocase(coding, S("identity"))) {
        err_set(&x->err, EXIT_NETWORK,
                "%.*s: the answer came as %.*s, though none was asked for",
                P(x->req.url.host), P(coding));
        return false;
    }
    if (!http_find_framing(x))
        return false;
    http_enter(pool, x, HTTP_BODY);
    return true;
}

/* Passes a piece of the body on: held while it fits, else to the sink. */
static bool http_deliver(HttpXfer *x, Str piece)
{
    const HttpReq *req = &x->req;
    x->res.received += piece.len;
    if (!x->streamed && piece.len <= HTTP_HOLD - x->hold.len) {
        buf_add(&x->hold, piece);
        return true;
    }
    if (!req->sink)
        return http_trouble(x, "the answer is larger than 512 KiB");
    if (!x->streamed &&
        !req->sink(req->to, &x->res, buf_str(&x->hold), false, &x->err))
        return false;
    x->streamed = true;
    return req->sink(req->to, &x->res, piece, false, &x->err);
}

static int http_hex_value(char c)
{
    if (str_is_digit(c))
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A byte of a chunk's size line; what follows the digits is an extension and
 * passed over (RFC 9112, 7.1). False where it is malformed. */
static bool http_chunk_size_byte(HttpXfer *x, char c)
{
    int digit = x->chunk_digits_over ? -1 : http_hex_value(c);
    if (c == '\n') {
        x->chunk = x->left ? HTTP_CHUNK_DATA : HTTP_CHUNK_TRAILER;
        bool any = x->chunk_line > 0;
        x->chunk_line = 0;
        x->chunk_digits_over = false;
        return any;
    }
    if (c == '\r')
        return true;
    if (digit < 0) {
        bool extension = x->chunk_digits_over || c == ';' || c == ' ' ||
                         c == '\t';
        if (!x->chunk_line || !extension)
            return false;
        x->chunk_digits_over = true;
    } else if (x->left >> 55) {
        return false;
    } else {
        x->left = x->left * 16 + digit;
    }
    return ++x->chunk_line < 4 * KIB;
}

/* One byte of a chunked body that is no data. False: malformed. */
static bool http_chunk_byte(HttpXfer *x, char c)
{
    if (x->chunk_cr && c != '\n')
        return false;
    x->chunk_cr = c == '\r';
    if (x->chunk == HTTP_CHUNK_SIZE)
        return http_chunk_size_byte(x, c);
    if (x->chunk == HTTP_CHUNK_END) {
        if (c == '\n')
            x->chunk = HTTP_CHUNK_SIZE;
        return c == '\n' || c == '\r';
    }
    if (c == '\n' && !x->chunk_line)
        x->framing = HTTP_NO_BODY; /* the empty line after the trailer */
    if (c == '\n')
        x->chunk_line = 0;
    else if (c != '\r')
        x->chunk_line++;
    return ++x->trailer < HTTP_HEAD_MAX;
}

/* Takes what the buffer holds of the body. */
static bool http_take_body(HttpXfer *x)
{
    HttpConn *conn = x->conn;
    Str have = {conn->in + conn->in_at, conn->in_len - conn->in_at};
    bool counted = x->framing == HTTP_LENGTH ||
                   (x->framing == HTTP_CHUNKED && x->chunk == HTTP_CHUNK_DATA);
    if (x->framing == HTTP_CHUNKED && !counted) {
        conn->in_at++;
        return http_chunk_byte(x, have.ptr[0]) ||
               http_trouble(x, "a chunk of the answer is malformed");
    }
    if (counted && have.len > x->left)
        have.len = (ptrdiff_t)x->left;
    conn->in_at += (int)have.len;
    if (!http_deliver(x, have))
        return false;
    x->left -= counted ? have.len : 0;
    if (x->framing == HTTP_LENGTH && !x->left)
        x->framing = HTTP_NO_BODY;
    if (x->framing == HTTP_CHUNKED && !x->left)
        x->chunk = HTTP_CHUNK_END;
    return true;
}

/* Gives the connection back to the pool, or closes it. */
static void http_release_conn(HttpPool *pool, HttpXfer *x, bool to_close)
{
    HttpConn *conn = x->conn;
    bool old = str_starts(buf_str(&x->head), S("HTTP/1.0"));
    bool keep = !to_close && !conn->ended && !old &&
                conn->in_at == conn->in_len && x->out_at == x->out.len &&
                !http_header_has(&x->res, S("Connection"), S("close"));
    x->conn = NULL;
    if (!keep) {
        http_close(conn);
        return;
    }
    conn->used = true;
    conn->next = pool->idle;
    pool->idle = conn;
}

/* Where a redirect leads; false where it is not to be followed. */
static bool http_redirect(HttpXfer *x)
{
    Str location = http_header(&x->res, S("Location"));
    int status = x->res.status;
    Url to = x->req.url;
    bool redirect = status == 301 || status == 302 || status == 303 ||
                    status == 307 || status == 308;
    if (!x->req.follow || !redirect || !location.len || x->streamed ||
        x->redirects++ == HTTP_REDIRECTS || !http_is_clean(location))
        return false;
    location = arena_copy(&x->arena, location);
    if (str_starts(location, S("/")) && !str_starts(location, S("//")))
        to.path = str_cut(&location, '#');
    else if (!url_parse(location, &to) || !str_eq_nocase(to.scheme, S("https")))
        return false;
    Buf path = buf_new(&x->arena, HTTP_HEAD_MAX * 3L);
    if (!str_starts(to.path, S("/")))
        buf_add_char(&path, '/');
    url_add_encoded(&path, to.path, URL_PATH_MARKS);
    to.path = buf_str(&path);
    x->foreign |= !str_eq_nocase(to.host, x->req.url.host) ||
                  to.port != x->req.url.port;
    x->req.url = to;
    return true;
}

/* The pause that the server asks for in milliseconds; -1: it does not say. */
static int64_t http_asked_pause(const HttpRes *res)
{
    Str text = http_header(res, S("Retry-After"));
    int64_t seconds = 0;
    if (str_int(text, &seconds) && seconds >= 0)
        return seconds > 86400 ? 86400000 : seconds * 1000;
    int64_t at = text.len ? time_parse(text) : -1;
    if (at >= 0)
        return at > os_wall() ? at - os_wall() : 0;
    int64_t interval = 0;
    int64_t remaining = -1;
    if (res->status == 429 &&
        str_int(http_header(res, S("X-HubSpot-RateLimit-Remaining")),
                &remaining) &&
        remaining == 0 &&
        str_int(
            http_header(res, S("X-HubSpot-RateLimit-Interval-Milliseconds")),
            &interval) &&
        interval <= 60000)
        return interval;
    return -1;
}

/* Does the answer mean "later" for this request? */
static bool http_is_later(const HttpXfer *x)
{
    int status = x->res.status;
    bool any = status == 429 || status == 423 || status == 477 || status == 503;
    bool safe = status == 502 || status == 504 || status == 521 ||
                status == 523 || status == 524;
    if (x->streamed || !(any || (safe && x->req.repeatable)))
        return false;
    return !x->req.is_final || !x->req.is_final(&x->res);
}

/* Half a second, doubled with each try, at most 16 s, and up to a fifth of
 * it more by chance, so that many runs do not come back at once. */
static int64_t http_pause(int tries)
{
    int64_t base = 500LL << (tries > 6 ? 5 : tries - 1);
    base = base > 16000 ? 16000 : base;
    return base + os_random(base / 5);
}

/* Plans the next try after `pause` ms, if the patience allows it. */
static bool http_try_later(HttpPool *pool, HttpXfer *x, int64_t pause,
                           const char *why)
{
    if (pause + HTTP_LEAST_MS > http_patience(pool))
        return false;
    if (pause >= 2000)
        term_say(pool->term, "hs: %s; trying again in %" PRId64 " s", why,
                 (pause + 500) / 1000);
    else
        term_debug(pool->term, "trying again in %" PRId64 " ms: %s", pause,
                   why);
    http_drop(x);
    x->err = (Err){0};
    x->state = HTTP_WAIT;
    x->wake_at = os_now() + pause;
    return true;
}

/* The answer is whole: done, or a redirect, or another try. */
static bool http_on_whole(HttpPool *pool, HttpXfer *x)
{
    char why[64];
    bool to_close = x->framing == HTTP_TO_CLOSE;
    int64_t asked = http_asked_pause(&x->res);
    x->res.body = buf_str(&x->hold);
    http_release_conn(pool, x, to_close);
    if (http_redirect(x)) {
        x->state = HTTP_WAIT;
        x->wake_at = 0;
        return true;
    }
    if (http_is_later(x)) {
        int64_t pause = http_pause(++x->tries);
        snprintf(why, sizeof(why), "status %d", x->res.status);
        if (x->res.status == 423 && pause < 2000)
            pause = 2000;
        if (asked > 0) /* "0" is no leave to hammer */
            pause = asked;
        bool limited = x->res.status == 429;
        if (http_try_later(pool, x, pause, why)) {
            if (limited)
                pool->hold_until = x->wake_at;
            return true;
        }
    }
    x->state = HTTP_DONE;
    const HttpReq *req = &x->req;
    Str rest = x->streamed ? S("") : x->res.body;
    if (req->sink && !req->sink(req->to, &x->res, rest, true, &x->err))
        x->state = HTTP_FAILED;
    return false;
}

static bool http_on_body(HttpPool *pool, HttpXfer *x, short *wants)
{
    bool moved = false;
    while (x->framing != HTTP_NO_BODY) {
        ptrdiff_t n = http_fill(x, wants);
        if (n == -EAGAIN) {
            if (moved)
                http_enter(pool, x, HTTP_BODY);
            return false;
        }
        if (n < 0)
            return false;
        if (n == 0) {
            if (x->framing == HTTP_TO_CLOSE && tls_ended_cleanly(x->conn->tls))
                break;
            char text[96];
            snprintf(text, sizeof(text),
                     "the answer broke off after %" PRId64 " bytes",
                     x->res.received);
            return http_lost(x, text);
        }
        if (!http_take_body(x))
            return false;
        moved = true;
        if (os_interrupted())
            return false;
    }
    return http_on_whole(pool, x);
}

/* The sentence for a phase that took too long. */
static void http_timed_out(HttpXfer *x)
{
    static const char *const phases[] = {
        [HTTP_WAIT] = "waiting",
        [HTTP_LOOKUP] = "looking up its address",
        [HTTP_CONNECT] = "connecting",
        [HTTP_PROXY] = "talking to the proxy",
        [HTTP_TLS] = "setting up TLS",
        [HTTP_SEND] = "sending the request",
        [HTTP_HEAD] = "waiting for an answer",
        [HTTP_BODY] = "receiving the answer",
    };
    x->may_pass = true;
    err_set(&x->err, EXIT_NETWORK, "%.*s: timed out while %s",
            P(x->req.url.host), phases[x->state]);
    err_hint(&x->err, "The limits are httpTimeout of the config and "
                      "--max-wait.");
}

/*
 * A try has failed. A kept connection that the server closed meanwhile is
 * replaced at once; else the request is repeated after a pause where that is
 * safe and may help.
 */
static bool http_on_failure(HttpPool *pool, HttpXfer *x)
{
    bool stale = x->conn && x->conn->used && x->state <= HTTP_HEAD &&
                 !x->head.len;
    bool safe = !x->streamed && (x->req.repeatable || !x->sent);
    Err err = x->err;
    if (x->err.code != EXIT_NETWORK || os_interrupted() || !safe ||
        !x->may_pass) {
        http_drop(x);
        x->state = HTTP_FAILED;
        return false;
    }
    if (!x->tries)
        pool->waited += os_now() - x->try_began;
    int64_t pause = stale ? 0 : http_pause(x->tries + 1);
    if (++x->tries < HTTP_TRIES && http_try_later(pool, x, pause, err.message))
        return true;
    http_drop(x);
    x->state = HTTP_FAILED;
    return false;
}

/* Takes a transfer as far as it goes without waiting. `*wants` says which
 * events of the connection's socket it waits for. */
static void http_advance(HttpPool *pool, HttpXfer *x, short *wants)
{
    bool again = true;
    while (again && !os_interrupted()) {
        *wants = 0;
        switch (x->state) {
        case HTTP_WAIT:
            again = os_now() >= x->wake_at && os_now() >= pool->hold_until &&
                    http_begin(pool, x);
            break;
        case HTTP_LOOKUP:
            again = http_on_lookup(pool, x);
            break;
        case HTTP_CONNECT:
            again = http_on_connect(pool, x);
            break;
        case HTTP_PROXY:
            again = http_on_proxy(pool, x, wants);
            break;
        case HTTP_TLS:
            again = http_on_tls(pool, x, wants);
            break;
        case HTTP_SEND:
            again = http_on_send(pool, x, wants);
            break;
        case HTTP_HEAD:
            again = http_on_head(pool, x, wants);
            break;
        case HTTP_BODY:
            again = http_on_body(pool, x, wants);
            break;
        default:
            return;
        }
        if (!x->err.code && !os_interrupted() && x->state < HTTP_DONE &&
            x->state > HTTP_WAIT && os_now() >= x->deadline)
            http_timed_out(x);
        if (x->err.code && x->state < HTTP_DONE)
            again = http_on_failure(pool, x);
    }
}

/* Adds what a transfer waits for to the poll set; gives how many entries. */
static int http_poll_set(const HttpXfer *x, short wants, struct pollfd *fds)
{
    int n = 0;
    if (x->state == HTTP_LOOKUP)
        fds[n++] = (struct pollfd){x->lookup_fd, POLLIN, 0};
    for (int i = 0; x->state == HTTP_CONNECT && i < x->attempts; i++)
        if (x->attempt[i] >= 0)
            fds[n++] = (struct pollfd){x->attempt[i], POLLOUT, 0};
    if (x->conn)
        fds[n++] = (struct pollfd){x->conn->fd, wants, 0};
    return n;
}

/* When a transfer next needs a look without any event. */
static int64_t http_next_look(const HttpPool *pool, const HttpXfer *x)
{
    if (x->state == HTTP_WAIT)
        return x->wake_at > pool->hold_until ? x->wake_at : pool->hold_until;
    if (x->state == HTTP_CONNECT && x->attempts < x->addresses.count &&
        x->next_attempt_at < x->deadline)
        return x->next_attempt_at;
    return x->deadline;
}

/* Does the transfer do nothing but wait after a failure? */
static bool http_is_stuck(const HttpXfer *x)
{
    return x->state == HTTP_WAIT ||
           (x->tries && x->state != HTTP_SEND && x->state != HTTP_BODY);
}

/* Takes the finished ones out of the list. */
static void http_sweep(HttpPool *pool)
{
    for (HttpXfer **link = &pool->active; *link;)
        if ((*link)->state >= HTTP_DONE)
            *link = (*link)->next;
        else
            link = &(*link)->next;
}

static void http_interrupt(HttpPool *pool)
{
    for (HttpXfer *x = pool->active; x; x = x->next) {
        http_drop(x);
        x->state = HTTP_FAILED;
        err_set(&x->err, (ExitCode)(128 + os_interrupted()), "interrupted");
    }
    pool->active = NULL;
}

/* One turn of the loop: each transfer as far as it goes, then a wait. */
static void http_turn(HttpPool *pool)
{
    struct pollfd fds[HTTP_ACTIVE * (OS_ADDRESSES + 1) + 1];
    int64_t look = INT64_MAX;
    bool stuck = true;
    int count = 0;
    for (HttpXfer *x = pool->active; x; x = x->next) {
        short wants = 0;
        http_advance(pool, x, &wants);
        if (x->state >= HTTP_DONE)
            continue;
        count += http_poll_set(x, wants, fds + count);
        look = http_next_look(pool, x) < look ? http_next_look(pool, x) : look;
        stuck &= http_is_stuck(x);
    }
    http_sweep(pool);
    if (!pool->active)
        return;
    int64_t began = os_now();
    os_poll(fds, count, look > began ? look - began : 0);
    if (stuck)
        pool->waited += os_now() - began;
}

/* Drives every transfer of the pool to its end. */
static void http_run(HttpPool *pool)
{
    while (pool->active && !os_interrupted())
        http_turn(pool);
    if (os_interrupted())
        http_interrupt(pool);
}

/*
 * Adds a request to the pool; http_run() drives it. At most HTTP_ACTIVE at a
 * time. The transfer lives until http_end(). A request that could not be
 * written safely (a control byte in it) fails at once.
 */
static HttpXfer *http_add(HttpPool *pool, const HttpReq *req)
{
    Arena arena = {0};
    HttpXfer *x = arena_alloc(&arena, sizeof(*x));
    x->arena = arena;
    x->req = *req;
    x->lookup_fd = -1;
    x->next = pool->active;
    int active = 0;
    x->state = HTTP_FAILED;
    for (const HttpXfer *other = pool->active; other; other = other->next)
        active++;
    if (active >= HTTP_ACTIVE) {
        err_set(&x->err, EXIT_FAILED, "too many requests at once");
        return x;
    }
    if (!url_is_host(req->url.host)) {
        err_set(&x->err, EXIT_USAGE, "'%.*s' cannot be a host's name",
                P(str_slice(req->url.host, 0, 100)));
        return x;
    }
    if (!http_is_clean(req->method) || !http_is_clean(req->url.path) ||
        !http_is_clean(req->content_type) ||
        !http_is_clean(secret_text(req->authorization))) {
        err_set(&x->err, EXIT_USAGE,
                "the request would hold a line break or another control byte");
        return x;
    }
    x->state = HTTP_WAIT;
    pool->active = x;
    return x;
}

/* Ends a transfer: wipes and frees all that it held. */
static void http_end(HttpXfer *x)
{
    Arena arena = x->arena;
    http_drop(x);
    arena_free(&arena);
}

/*
 * One request, one answer. The answer's text is copied into `arena`. False
 * where there was no whole answer; a status of 400 or more is no failure here.
 */
static bool http_do(HttpPool *pool, Arena *arena, const HttpReq *req,
                    HttpRes *res, Err *err)
{
    HttpXfer *x = http_add(pool, req);
    http_run(pool);
    bool ok = x->state == HTTP_DONE;
    if (ok) {
        *res = x->res;
        res->body = arena_copy(arena, res->body);
        res->reason = arena_copy(arena, res->reason);
        for (int i = 0; i < res->header_count; i++) {
            HttpHeader *h = &res->headers[i];
            h->name = arena_copy(arena, h->name);
            h->value = arena_copy(arena, h->value);
        }
    } else {
        err_set(err, x->err.code, "%s", x->err.message);
        err_hint(err, "%s", x->err.hint);
    }
    http_end(x);
    return ok;
}

/* Closes the idle connections. */
static void http_free(HttpPool *pool)
{
    while (pool->idle) {
        HttpConn *conn = pool->idle;
        pool->idle = conn->next;
        http_close(conn);
    }
    secret_wipe(&pool->session, sizeof(pool->session));
}

/* ==== 09 Config ========================================================== *
 *
 * Which accounts there are, which one a command means, and where that is
 * written down. Three sources: the environment (--use-env), a file named with
 * --config or HUBSPOT_CONFIG_PATH, else ~/.hscli/config.yml, else the nearest
 * hubspot.config.yml upward. The official client reads and writes the same
 * files; a file keeps the form (global or deprecated) that it has.
 *
 * A Config is a typed view of the YAML tree that it keeps: every change is
 * made in the tree, so that what is not known here survives. To change a file,
 * open a ConfigEdit: it takes the lock and reads the file anew, so that runs
 * at the same time lose nothing.
 */

enum {
    CONFIG_LOCK_MS = 20000,
    CONFIG_TIMEOUT_MS = 15000,
    CONFIG_TIMEOUT_MIN_MS = 3000,
    CONFIG_LINKED = 256 /* accounts linked to one folder */
};

typedef enum {
    CONFIG_GLOBAL,
    CONFIG_DEPRECATED,
    CONFIG_ENVIRONMENT
} ConfigForm;

typedef enum {
    CONFIG_AUTH_UNKNOWN,
    CONFIG_AUTH_KEY,    /* personalaccesskey */
    CONFIG_AUTH_OAUTH2, /* oauth2 */
    CONFIG_AUTH_API_KEY,
    CONFIG_AUTH_TOKEN /* HUBSPOT_ACCESS_TOKEN: a bearer token as it is */
} ConfigAuth;

typedef struct {
    YamlNode *node; /* NULL where it is not from a file */
    Str name;
    bool name_is_odd; /* a list or a map */
    int64_t id;       /* 0: none (only for CONFIG_AUTH_TOKEN) */
    uint32_t name_hash;
    bool qa;
    ConfigAuth auth;
    Str auth_name; /* as the file spells it */
    Str type;      /* STANDARD, DEVELOPMENT_SANDBOX, …; empty: unknown */
    int64_t parent;
    Secret key; /* the personal access key, or the API key */
    Secret access_token;
    int64_t expires_at; /* of the access token; -1: unknown */
    Str client_id;
    Secret client_secret;
    Secret refresh_token;
} ConfigAccount;

typedef struct {
    ConfigForm form;
    Str path;
    YamlNode *root;
    ConfigAccount *accounts;
    int count;
    bool is_global;      /* the file is ~/.hscli/config.yml, by default */
    Str default_account; /* a name or an id, as it stands */
    int64_t timeout;     /* milliseconds */
    bool use_localhost;
} Config;

/* What the command line says about where the config is. */
typedef struct {
    bool use_env;
    Str file;
} ConfigWhere;

/* The account that a command works on, and what chose it. */
typedef struct {
    const ConfigAccount *account;
    Str why;
} ConfigChoice;

/* .hs/settings.json: a linked folder. Zero where there is none. */
typedef struct {
    Str path;
    cJSON *document;
    int64_t default_account; /* -1: none */
    int64_t linked[CONFIG_LINKED];
    int count;
} ConfigLinks;

static const char *config_default_key(const Config *config)
{
    return config->form == CONFIG_DEPRECATED ? "defaultPortal"
                                             : "defaultAccount";
}

static const char *config_accounts_key(const Config *config)
{
    return config->form == CONFIG_DEPRECATED ? "portals" : "accounts";
}

static const char *config_id_key(const Config *config)
{
    return config->form == CONFIG_DEPRECATED ? "portalId" : "accountId";
}

static ConfigAuth config_auth_from(Str name)
{
    if (str_eq_nocase(name, S("personalaccesskey")))
        return CONFIG_AUTH_KEY;
    if (str_eq_nocase(name, S("oauth2")))
        return CONFIG_AUTH_OAUTH2;
    return str_eq_nocase(name, S("apikey")) ? CONFIG_AUTH_API_KEY
                                            : CONFIG_AUTH_UNKNOWN;
}

/* The nearest file of one of these names (the second may be empty) in the
 * folder that the user works in, or one above it; empty: none. Folders that
 * may not be looked into, above a container's work folder say, have none. */
static Str config_find_upward(Arena *arena, Str name, Str other)
{
    Str dir = os_cwd(arena);
    while (dir.len) {
        Str path = os_path_join(arena, dir, name);
        if (os_is_there(arena, path))
            return path;
        path = os_path_join(arena, dir, other);
        if (other.len && os_is_there(arena, path))
            return path;
        if (dir.len == 1)
            break;
        dir = os_path_dir(dir);
    }
    return (Str){0};
}

static Str config_global_path(Arena *arena)
{
    Str home = os_home(arena);
    return home.len ? os_path_join(arena, home, S(".hscli/config.yml"))
                    : (Str){0};
}

static Str config_deprecated_path(Arena *arena)
{
    return config_find_upward(arena, S("hubspot.config.yml"),
                              S("hubspot.config.yaml"));
}

/* The file that --config or HUBSPOT_CONFIG_PATH names; empty: none. */
static Str config_named_path(const ConfigWhere *where)
{
    return where->file.len ? where->file : os_env("HUBSPOT_CONFIG_PATH");
}

static bool config_uses_env(const ConfigWhere *where)
{
    return where->use_env ||
           str_eq_nocase(os_env("USE_ENVIRONMENT_HUBSPOT_CONFIG"), S("true"));
}

/* The account type; files from before `accountType` say it for sandboxes. */
static Str config_type_of(const YamlNode *node)
{
    Str type = yaml_text(yaml_get(node, "accountType"));
    Str sandbox = yaml_text(yaml_get(node, "sandboxAccountType"));
    if (type.len || !sandbox.len)
        return type;
    return str_eq_nocase(sandbox, S("DEVELOPER")) ? S("DEVELOPMENT_SANDBOX")
                                                  : S("STANDARD_SANDBOX");
}

/* One account. An access token counts only where it stands in the account
 * itself: what an alias or a merge shares is another account's. */
/* What names that differ in no more than case have in common (FNV-1a). */
static uint32_t config_name_hash(Str name)
{
    uint32_t hash = 2166136261u;
    for (ptrdiff_t i = 0; i < name.len; i++)
        hash = (hash ^ (uint32_t)tolower((unsigned char)name.ptr[i])) *
               16777619u;
    return hash;
}

static ConfigAccount config_read_account(YamlNode *node)
{
    const YamlNode *auth = yaml_get(node, "auth");
    const YamlNode *token = yaml_get(auth, "tokenInfo");
    const YamlNode *own = yaml_get_own(yaml_get_own(node, "auth"), "tokenInfo");
    int64_t id = yaml_int(yaml_get(node, "accountId"));
    int64_t parent = yaml_int(yaml_get(node, "parentAccountId"));
    ConfigAccount account = {
        .node = node,
        .name = yaml_text(yaml_get(node, "name")),
        .id = id >= 0 ? id : yaml_int(yaml_get(node, "portalId")),
        .qa = str_eq_nocase(yaml_text(yaml_get(node, "env")), S("qa")),
        .auth_name = yaml_text(yaml_get(node, "authType")),
        .type = config_type_of(node),
        .parent = parent > 0 ? parent : 0,
        .access_token = secret_from(yaml_text(yaml_get(own, "accessToken"))),
        .expires_at = -1,
        .client_id = yaml_text(yaml_get(auth, "clientId")),
        .client_secret = secret_from(yaml_text(yaml_get(auth, "clientSecret"))),
        .refresh_token = secret_from(
            yaml_text(yaml_get(token, "refreshToken"))),
    };
    const YamlNode *name = yaml_get(node, "name");
    account.name_is_odd = name && name->kind != YAML_TEXT;
    Str expires = yaml_text(yaml_get(own, "expiresAt"));
    if (expires.len)
        account.expires_at = time_parse(expires);
    account.auth = config_auth_from(account.auth_name);
    account.name_hash = config_name_hash(account.name);
    account.key = secret_from(yaml_text(yaml_get(
        node,
        account.auth == CONFIG_AUTH_API_KEY ? "apiKey" : "personalAccessKey")));
    return account;
}

/* Builds the typed view of the tree. */
static void config_read_tree(Arena *arena, Config *config)
{
    const YamlNode *root = config->root;
    const YamlNode *list = yaml_get(root, config_accounts_key(config));
    int64_t timeout = yaml_int(yaml_get(root, "httpTimeout"));
    config->default_account = yaml_text(
        yaml_get(root, config_default_key(config)));
    config->timeout = timeout < 0                       ? CONFIG_TIMEOUT_MS
                      : timeout < CONFIG_TIMEOUT_MIN_MS ? CONFIG_TIMEOUT_MIN_MS
                                                        : timeout;
    config->use_localhost = yaml_is_true(yaml_get(root, "httpUseLocalhost"));
    config->count = 0;
    if (!list || list->kind != YAML_LIST)
        return;
    config->accounts = arena_array(arena, list->count,
                                   sizeof(*config->accounts));
    for (YamlNode *item = list->first; item; item = item->next)
        config->accounts[config->count++] = config_read_account(
            yaml_follow(item));
}

/* The form that a tree has: by its keys, else `preset`. */
static ConfigForm config_form_of(const YamlNode *root, ConfigForm preset)
{
    if (yaml_get(root, "accounts"))
        return CONFIG_GLOBAL;
    return yaml_get(root, "portals") ? CONFIG_DEPRECATED : preset;
}

/* Reads a config file that must be there. An empty one gives no root. */
static bool config_read_file(Arena *arena, Str path, ConfigForm form,
                             Config *config, Err *err)
{
    Str text = {0};
    Err fault = {0};
    YamlNode *root = NULL;
    int code = os_read_file(arena, path, YAML_MAX, &text);
    if (code)
        return err_set(err, EXIT_CONFIG, "cannot read %.*s: %s", P(path),
                       code == EFBIG ? "it is larger than 1 MiB"
                                     : os_error(code));
    if (!yaml_read(arena, text, &root, &fault))
        return err_set(err, EXIT_CONFIG, "cannot read %.*s: %s", P(path),
                       fault.message);
    if (yaml_is_null(root))
        root = NULL;
    if (root && root->kind != YAML_MAP)
        return err_set(err, EXIT_CONFIG,
                       "cannot read %.*s: it does not hold settings (a map)",
                       P(path));
    *config = (Config){.path = path, .root = root};
    config->form = config_form_of(root, form);
    config_read_tree(arena, config);
    return true;
}

/* The config that the environment spells out; nothing of it is written. */
static bool config_from_env(Arena *arena, Config *config, Err *err)
{
    const char *name = os_env("HUBSPOT_ACCOUNT_ID").len ||
                               !os_env("HUBSPOT_PORTAL_ID").len
                           ? "HUBSPOT_ACCOUNT_ID"
                           : "HUBSPOT_PORTAL_ID";
    Str id_text = os_env(name);
    int64_t id = 0;
    int64_t timeout = 0;
    if (!str_int(id_text, &id) || id <= 0) {
        err_set(err, EXIT_CONFIG,
                id_text.len ? "%s is not a number" : "--use-env needs %s",
                name);
        return err_hint(err, "Set it to the account's id, and "
                             "HUBSPOT_PERSONAL_ACCESS_KEY to its key.");
    }
    ConfigAccount account = {
        .name = id_text,
        .id = id,
        .qa = str_eq_nocase(os_env("HUBSPOT_ENVIRONMENT"), S("qa")),
        .key = secret_from(os_env("HUBSPOT_PERSONAL_ACCESS_KEY")),
        .expires_at = -1,
        .client_id = os_env("HUBSPOT_CLIENT_ID"),
        .client_secret = secret_from(os_env("HUBSPOT_CLIENT_SECRET")),
        .refresh_token = secret_from(os_env("HUBSPOT_REFRESH_TOKEN")),
    };
    if (secret_is_set(account.key)) {
        account.auth = CONFIG_AUTH_KEY;
        account.auth_name = S("personalaccesskey");
    } else if (account.client_id.len && secret_is_set(account.client_secret) &&
               secret_is_set(account.refresh_token)) {
        account.auth = CONFIG_AUTH_OAUTH2;
        account.auth_name = S("oauth2");
    } else if (os_env("HUBSPOT_API_KEY").len) {
        account.auth = CONFIG_AUTH_API_KEY;
        account.auth_name = S("apikey");
        account.key = secret_from(os_env("HUBSPOT_API_KEY"));
    } else {
        err_set(err, EXIT_CONFIG, "--use-env finds no key in the environment");
        return err_hint(err, "Set HUBSPOT_PERSONAL_ACCESS_KEY.");
    }
    bool timed = str_int(os_env("HTTP_TIMEOUT"), &timeout);
    *config = (Config){
        .form = CONFIG_ENVIRONMENT,
        .path = S("the environment"),
        .accounts = arena_alloc(arena, sizeof(account)),
        .count = 1,
        .default_account = id_text,
        .timeout = !timed                            ? CONFIG_TIMEOUT_MS
                   : timeout < CONFIG_TIMEOUT_MIN_MS ? CONFIG_TIMEOUT_MIN_MS
                                                     : timeout,
        .use_localhost = str_eq_nocase(os_env("HTTP_USE_LOCALHOST"), S("true")),
    };
    config->accounts[0] = account;
    return true;
}

/* The file that the config is in, and the form of a new one there. False
 * where no file can be named: no home. */
static bool config_locate(Arena *arena, const ConfigWhere *where, Str *path,
                          ConfigForm *form, Err *err)
{
    *path = config_named_path(where);
    *form = CONFIG_DEPRECATED;
    if (path->len)
        return true;
    Str global = config_global_path(arena);
    Str deprecated = {0};
    if (!global.len || !os_exists(arena, global))
        deprecated = config_deprecated_path(arena);
    *form = deprecated.len ? CONFIG_DEPRECATED : CONFIG_GLOBAL;
    *path = deprecated.len ? deprecated : global;
    if (path->len)
        return true;
    err_set(err, EXIT_CONFIG, "there is no home folder to keep a config in");
    return err_hint(err, "Set HOME or HUBSPOT_CONFIG_PATH, or use --use-env.");
}

static bool config_missing(Arena *arena, Str path, Err *err)
{
    if (os_exists(arena, path))
        return false;
    err_set(err, EXIT_CONFIG, "there is no config: %.*s does not exist",
            P(path));
    err_hint(err, "Run hs account auth to sign in, or use --use-env.");
    return true;
}

/* Loads the config that the command line and the environment choose. */
static bool config_load(Arena *arena, const ConfigWhere *where, Config *config,
                        Err *err)
{
    Str path = {0};
    ConfigForm form = CONFIG_GLOBAL;
    if (config_uses_env(where)) {
        if (config_named_path(where).len)
            return err_set(err, EXIT_USAGE,
                           "--use-env does not go with a "
                           "config file (--config or "
                           "HUBSPOT_CONFIG_PATH)");
        return config_from_env(arena, config, err);
    }
    if (!config_locate(arena, where, &path, &form, err) ||
        config_missing(arena, path, err))
        return false;
    if (!config_read_file(arena, path, form, config, err))
        return false;
    config->is_global = !config_named_path(where).len && form == CONFIG_GLOBAL;
    return true;
}

static void config_fault(Buf *faults, const ConfigAccount *account, int number,
                         const char *what)
{
    buf_printf(faults, "\n  account %d", number + 1);
    if (account->name.len)
        buf_printf(faults, " (%.*s)", P(account->name));
    if (account->node && account->node->line)
        buf_printf(faults, ", line %d", account->node->line);
    buf_printf(faults, ": %s", what);
}

/* The faults of one account by itself. */
static void config_check_account(Buf *faults, const ConfigAccount *account,
                                 int number)
{
    if (account->id <= 0)
        config_fault(faults, account, number, "it has no valid account id");
    if (!account->auth_name.len)
        config_fault(faults, account, number, "it has no authType");
    else if (account->auth == CONFIG_AUTH_UNKNOWN)
        config_fault(faults, account, number, "its authType is unknown");
    if ((account->auth == CONFIG_AUTH_KEY ||
         account->auth == CONFIG_AUTH_API_KEY) &&
        !secret_is_set(account->key))
        config_fault(faults, account, number, "it has no key");
    if (account->name_is_odd)
        config_fault(faults, account, number, "its name is not text");
    if (account->auth == CONFIG_AUTH_OAUTH2 &&
        (!account->client_id.len || !secret_is_set(account->client_secret)))
        config_fault(faults, account, number, "its auth block is incomplete");
    for (ptrdiff_t i = 0; i < account->name.len; i++)
        if (str_is_space(account->name.ptr[i])) {
            config_fault(faults, account, number, "its name has white space");
            break;
        }
}

/* Whether an account has the id or the name of one before it. */
static void config_check_twins(Buf *faults, const Config *config, int number)
{
    const ConfigAccount *account = &config->accounts[number];
    for (int k = 0; k < number; k++) {
        const ConfigAccount *other = &config->accounts[k];
        if (account->id != other->id && account->name_hash != other->name_hash)
            continue;
        if (account->id > 0 && account->id == other->id)
            config_fault(faults, account, number, "its id stands twice");
        if (account->name.len && str_eq_nocase(account->name, other->name))
            config_fault(faults, account, number, "its name stands twice");
    }
}

/*
 * Is every account usable (facts of the file format)? If not, the error names
 * every fault that it has room for.
 */
static bool config_validate(const Config *config, Err *err)
{
    Arena scratch = {0};
    Buf faults = buf_new(&scratch, 3 * KIB);
    const YamlNode *list = yaml_get(config->root, config_accounts_key(config));
    if (list && list->kind != YAML_LIST && !yaml_is_null(list))
        buf_printf(&faults, "\n  line %d: %s is not a list", list->line,
                   config_accounts_key(config));
    else if (!config->count)
        buf_add(&faults, S("\n  it has no account"));
    for (int i = 0; i < config->count; i++) {
        config_check_account(&faults, &config->accounts[i], i);
        config_check_twins(&faults, config, i);
    }
    bool ok = !faults.len;
    if (!ok) {
        err_set(err, EXIT_CONFIG, "the config %.*s is not valid:%.*s",
                P(config->path), P(buf_str(&faults)));
        err_hint(err, "Mend the file, or sign in again with hs account auth.");
    }
    arena_free(&scratch);
    return ok;
}

/* The account that `which` names: an id where it is a number, then a name.
 * NULL: none. */
static const ConfigAccount *config_find(const Config *config, Str which)
{
    int64_t id = 0;
    if (str_int(which, &id))
        for (int i = 0; i < config->count; i++)
            if (config->accounts[i].id == id)
                return &config->accounts[i];
    for (int i = 0; which.len && i < config->count; i++)
        if (str_eq(config->accounts[i].name, which))
            return &config->accounts[i];
    return NULL;
}

static const ConfigAccount *config_find_id(const Config *config, int64_t id)
{
    for (int i = 0; i < config->count; i++)
        if (config->accounts[i].id == id)
            return &config->accounts[i];
    return NULL;
}

/* An account's name for people: its id where it has none. */
static Str config_label(Arena *arena, const ConfigAccount *account)
{
    return account->name.len ? account->name
                             : arena_printf(arena, "%" PRId64, account->id);
}

/* The account that was asked for by name or id, or an error that helps. */
static bool config_require(const Config *config, Str which,
                           const ConfigAccount **out, Err *err)
{
    Str close = {0};
    int best = 3;
    *out = config_find(config, which);
    if (*out)
        return true;
    for (int i = 0; i < config->count; i++) {
        int distance = str_distance(config->accounts[i].name, which);
        if (distance < best) {
            best = distance;
            close = config->accounts[i].name;
        }
    }
    err_set(err, EXIT_CONFIG, "there is no account '%.*s' in %.*s", P(which),
            P(config->path));
    if (close.len)
        return err_hint(err, "Did you mean '%.*s'?", P(close));
    return err_hint(err, "hs account list shows the accounts.");
}

/* Reads the nearest .hs/settings.json. A folder without one is no error:
 * then `links` is zero. */
static bool config_read_links(Arena *arena, ConfigLinks *links, Err *err)
{
    Str text = {0};
    *links = (ConfigLinks){.default_account = -1};
    Str path = config_find_upward(arena, S(".hs/settings.json"), S(""));
    if (!path.len)
        return true;
    int code = os_read_file(arena, path, JSON_DOC_MAX, &text);
    cJSON *document = code ? NULL : json_read(arena, text);
    if (!cJSON_IsObject(document)) {
        err_set(err, EXIT_CONFIG, "cannot read %.*s: %s", P(path),
                code ? os_error(code) : "it is not a JSON object");
        return err_hint(err, "Mend it, remove it, or name an account with "
                             "--account.");
    }
    links->path = path;
    links->document = document;
    const cJSON *preset = json_get(document, "localDefaultAccount");
    links->default_account = json_int_of(preset);
    if (preset && !cJSON_IsNull(preset) && links->default_account <= 0) {
        err_set(err, EXIT_CONFIG,
                "cannot use %.*s: its localDefaultAccount is no account id",
                P(path));
        return err_hint(err, "Mend it, or name an account with --account.");
    }
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, json_get(document, "accounts"))
    {
        if (links->count < CONFIG_LINKED && json_int_of(item) > 0)
            links->linked[links->count++] = json_int_of(item);
    }
    return true;
}

static bool config_is_linked(const ConfigLinks *links, int64_t id)
{
    for (int i = 0; i < links->count; i++)
        if (links->linked[i] == id)
            return true;
    return false;
}

/* The nearest .hsaccount: `*id` is what it holds, -1 where there is none. */
static bool config_read_override(Arena *arena, Str *path, int64_t *id, Err *err)
{
    Str text = {0};
    *id = -1;
    *path = config_find_upward(arena, S(".hsaccount"), S(""));
    if (!path->len)
        return true;
    int code = os_read_file(arena, *path, KIB, &text);
    if (!code && str_int(str_trim(text), id) && *id > 0)
        return true;
    err_set(err, EXIT_CONFIG, "cannot use %.*s: %s", P(*path),
            code ? os_error(code) : "it does not hold an account id");
    return err_hint(err, "Remove the file, or name an account with "
                         "--account.");
}

/* The account that a file names by id; an error names the file. */
static bool config_choose_by_file(const Config *config, Str path, int64_t id,
                                  ConfigChoice *choice, Err *err)
{
    choice->account = config_find_id(config, id);
    choice->why = path;
    if (choice->account)
        return true;
    err_set(err, EXIT_CONFIG,
            "%.*s names account %" PRId64 ", which is not in %.*s", P(path), id,
            P(config->path));
    return err_hint(err, "Sign in to it with hs account auth, change the file, "
                         "or name an account with --account.");
}

/*
 * Chooses the account: `which` (of --account) where it is given, else the
 * linked folder's default, else .hsaccount (with the global config only), else
 * the config's default.
 */
static bool config_choose(Arena *arena, const Config *config, Str which,
                          ConfigChoice *choice, Err *err)
{
    ConfigLinks links;
    Str override = {0};
    int64_t id = -1;
    if (which.len) {
        choice->why = S("--account");
        return config_require(config, which, &choice->account, err);
    }
    if (config->form != CONFIG_ENVIRONMENT) {
        if (!config_read_links(arena, &links, err))
            return false;
        if (links.default_account > 0)
            return config_choose_by_file(config, links.path,
                                         links.default_account, choice, err);
    }
    if (config->is_global) {
        if (!config_read_override(arena, &override, &id, err))
            return false;
        if (id > 0)
            return config_choose_by_file(config, override, id, choice, err);
    }
    choice->why = config->path;
    choice->account = config_find(config, config->default_account);
    if (choice->account)
        return true;
    if (config->default_account.len)
        err_set(err, EXIT_CONFIG, "the default account '%.*s' is not in %.*s",
                P(config->default_account), P(config->path));
    else
        err_set(err, EXIT_CONFIG, "no account is chosen: %.*s has no default",
                P(config->path));
    return err_hint(err, "Name one with --account, or set the default with "
                         "hs account use.");
}

/* A config file under its lock, to be changed. */
typedef struct {
    Arena *arena;
    Config config;
    Str real; /* the path, symbolic links resolved */
    int lock;
} ConfigEdit;

static bool config_cannot_write(Str path, int code, Err *err)
{
    if (code == EINTR && os_interrupted())
        return err_set(err, (ExitCode)(128 + os_interrupted()), "interrupted");
    err_set(err, EXIT_CONFIG, "cannot write %.*s: %s", P(path),
            code == EAGAIN ? "another run holds its lock" : os_error(code));
    if (code == EBUSY)
        return err_hint(err, "A file that is mounted by itself cannot be "
                             "replaced: mount its folder.");
    return false;
}

/* Makes the folder of a config that is to be new: ~/.hscli, for its owner. */
static bool config_make_folder(Arena *arena, Str path, Err *err)
{
    int code = os_mkdir(arena, os_path_dir(path), 0700);
    return code ? config_cannot_write(path, code, err) : true;
}

/* Gives the lock back. What was not committed is forgotten. */
static void config_edit_end(ConfigEdit *edit)
{
    os_unlock(edit->arena, edit->real, edit->lock);
}

/*
 * Opens a config file to change it: takes its lock, reads it. A file that is
 * not there is a new one, of form `form`. The caller must call
 * config_edit_end().
 */
static bool config_edit_begin(Arena *arena, Str path, ConfigForm form,
                              ConfigEdit *edit, Err *err)
{
    *edit = (ConfigEdit){.arena = arena};
    bool fresh = !os_exists(arena, path);
    if (fresh && form == CONFIG_GLOBAL && !config_make_folder(arena, path, err))
        return false;
    edit->real = os_resolve_links(arena, path);
    int code = os_lock(arena, edit->real, CONFIG_LOCK_MS, &edit->lock);
    if (code)
        return config_cannot_write(path, code, err);
    edit->config = (Config){.form = form, .path = path};
    bool ok = true;
    if (os_exists(arena, path))
        ok = config_read_file(arena, path, form, &edit->config, err);
    if (ok && !edit->config.root)
        edit->config.root = yaml_new(arena, YAML_MAP);
    if (!ok)
        config_edit_end(edit);
    return ok;
}

/* Writes the changed tree: the whole file, or nothing of it. */
static bool config_edit_commit(ConfigEdit *edit, Err *err)
{
    Str text = {0};
    const Config *config = &edit->config;
    if (!yaml_write(edit->arena, config->root, &text))
        return err_set(err, EXIT_CONFIG,
                       "cannot write %.*s: an alias in it would name nothing",
                       P(config->path));
    /* What could not be read again (a limit passed, a tag that libyaml writes
     * and does not read) must not take the old file's place. */
    Err fault = {0};
    YamlNode *again = NULL;
    if (!yaml_read(edit->arena, text, &again, &fault))
        return err_set(err, EXIT_CONFIG,
                       "cannot write %.*s: it could not be read again: %s",
                       P(config->path), fault.message);
    int code = os_replace_file(edit->arena, edit->real, text, 0600);
    return code ? config_cannot_write(config->path, code, err) : true;
}

/* The list of accounts in the tree, made where it is missing. Something else
 * in its place is not replaced: NULL, and an error. */
static YamlNode *config_edit_list(ConfigEdit *edit, Err *err)
{
    const char *key = config_accounts_key(&edit->config);
    YamlNode *list = yaml_get(edit->config.root, key);
    if (yaml_is_null(list)) {
        list = yaml_new(edit->arena, YAML_LIST);
        yaml_set(edit->arena, edit->config.root, key, list);
    }
    if (list->kind != YAML_LIST) {
        err_set(err, EXIT_CONFIG, "cannot add to %.*s: line %d: %s is no list",
                P(edit->config.path), list->line, key);
        return NULL;
    }
    list->flow = false;
    return list;
}

static void config_edit_default(ConfigEdit *edit, const ConfigAccount *account)
{
    const Config *config = &edit->config;
    bool by_name = config->form == CONFIG_DEPRECATED && account->name.len;
    yaml_set(edit->arena, config->root, config_default_key(config),
             by_name ? yaml_new_text(edit->arena, account->name)
                     : yaml_new_int(edit->arena, account->id));
}

static void config_set_text(Arena *arena, YamlNode *map, const char *key,
                            Str text)
{
    if (text.len)
        yaml_set(arena, map, key, yaml_new_text(arena, text));
}

/*
 * Adds to a map what stands in a shared one: without its anchors, which may
 * not stand twice. The maps in it are copied as well, since they will be
 * changed; deeper down both share what neither changes.
 */
static void config_copy_map(Arena *arena, YamlNode *to, const YamlNode *from)
{
    for (YamlNode *entry = from->first; entry; entry = entry->next) {
        YamlNode *copy = yaml_new(arena, entry->kind);
        *copy = *entry;
        copy->anchor = NULL;
        if (entry->kind == YAML_MAP) {
            copy->first = copy->last = NULL;
            copy->count = 0;
        }
        for (YamlNode *e = entry->first; entry->kind == YAML_MAP && e;
             e = e->next) {
            YamlNode *inner = yaml_new(arena, e->kind);
            *inner = *e;
            inner->anchor = NULL;
            yaml_append(copy, inner);
        }
        yaml_append(to, copy);
    }
}

/* The account's own map under `key`, to be changed: made where it is missing,
 * a copy where an alias or a merge shares it with others. */
static YamlNode *config_submap(Arena *arena, YamlNode *map, const char *key)
{
    YamlNode *own = yaml_get_own(map, key);
    const YamlNode *shared = yaml_get(map, key);
    if (own && own->kind == YAML_MAP)
        return own;
    own = yaml_new(arena, YAML_MAP);
    if (shared && shared->kind == YAML_MAP)
        config_copy_map(arena, own, shared);
    yaml_set(arena, map, key, own);
    return own;
}

/* Writes the token into an account's node. */
static void config_put_token(Arena *arena, YamlNode *node,
                             const ConfigAccount *account)
{
    YamlNode *auth = config_submap(arena, node, "auth");
    YamlNode *token = config_submap(arena, auth, "tokenInfo");
    auth->flow = token->flow = false;
    config_set_text(arena, token, "accessToken",
                    secret_text(account->access_token));
    config_set_text(arena, token, "expiresAt",
                    time_iso(arena, account->expires_at));
    if (account->auth == CONFIG_AUTH_OAUTH2)
        config_set_text(arena, token, "refreshToken",
                        secret_text(account->refresh_token));
}

/*
 * Adds an account to the file, or updates the one of the same id in place.
 * What stands in its node beside the fields of `account` is kept.
 */
static bool config_edit_put(ConfigEdit *edit, const ConfigAccount *account,
                            Err *err)
{
    Arena *arena = edit->arena;
    const ConfigAccount *old = config_find_id(&edit->config, account->id);
    YamlNode *list = config_edit_list(edit, err);
    if (!list)
        return false;
    YamlNode *node = old ? old->node : yaml_new(arena, YAML_MAP);
    config_set_text(arena, node, "name", account->name);
    yaml_set(arena, node, config_id_key(&edit->config),
             yaml_new_int(arena, account->id));
    config_set_text(arena, node, "env", account->qa ? S("qa") : S("prod"));
    config_set_text(arena, node, "authType", account->auth_name);
    config_set_text(arena, node, "accountType", account->type);
    config_set_text(arena, node,
                    account->auth == CONFIG_AUTH_API_KEY ? "apiKey"
                                                         : "personalAccessKey",
                    secret_text(account->key));
    config_put_token(arena, node, account);
    if (account->parent > 0)
        yaml_set(arena, node, "parentAccountId",
                 yaml_new_int(arena, account->parent));
    if (!old)
        yaml_append(list, node);
    config_read_tree(arena, &edit->config);
    return true;
}

/*
 * Keeps a fresh access token in the file. The account may be gone from it
 * meanwhile: then nothing is written.
 */
static bool config_save_token(Arena *arena, const Config *config,
                              const ConfigAccount *account, Err *err)
{
    ConfigEdit edit;
    if (!account->node || config->form == CONFIG_ENVIRONMENT)
        return true;
    if (!config_edit_begin(arena, config->path, config->form, &edit, err))
        return false;
    const ConfigAccount *there = config_find_id(&edit.config, account->id);
    bool ok = true;
    if (there) {
        config_put_token(arena, there->node, account);
        ok = config_edit_commit(&edit, err);
    }
    config_edit_end(&edit);
    return ok;
}

/*
 * Makes `id` the default of the linked folder whose settings are at `path`,
 * and one of its linked accounts.
 */
static bool config_save_link_default(Arena *arena, Str path, int64_t id,
                                     Err *err)
{
    ConfigLinks links;
    Str real = os_resolve_links(arena, path);
    int lock = -1;
    int code = os_lock(arena, real, CONFIG_LOCK_MS, &lock);
    if (code)
        return config_cannot_write(path, code, err);
    bool ok = config_read_links(arena, &links, err);
    if (ok) {
        cJSON *accounts = json_get(links.document, "accounts");
        json_set(links.document, "localDefaultAccount",
                 cJSON_CreateNumber((double)id));
        if (!cJSON_IsArray(accounts)) {
            accounts = cJSON_CreateArray();
            json_set(links.document, "accounts", accounts);
        }
        if (!config_is_linked(&links, id) &&
            !cJSON_AddItemToArray(accounts, cJSON_CreateNumber((double)id)))
            arena_exhausted();
        code = os_replace_file(arena, real,
                               json_write(arena, links.document, true), 0644);
        ok = code ? config_cannot_write(path, code, err) : true;
    }
    os_unlock(arena, real, lock);
    return ok;
}

/* How many bytes from `at` on `test` holds for. */
static ptrdiff_t config_run_of(Str s, ptrdiff_t at, int (*test)(int))
{
    ptrdiff_t end = at;
    while (end < s.len && test((unsigned char)s.ptr[end]))
        end++;
    return end - at;
}

/*
 * The next word of a name for config_kebab_case(): two or more capitals before
 * a capitalised word or a word's end; an optional capital with lower-case
 * letters and trailing digits; one capital; digits; else one byte.
 */
static ptrdiff_t config_word_at(Str s, ptrdiff_t at)
{
    ptrdiff_t capitals = config_run_of(s, at, isupper);
    ptrdiff_t after = at + capitals;
    bool lower_next = after < s.len && islower((unsigned char)s.ptr[after]);
    bool digit_next = after < s.len && str_is_digit(s.ptr[after]);
    if (capitals >= 2 && !lower_next && !digit_next)
        return capitals;
    if (capitals > 2 && lower_next)
        return capitals - 1;
    ptrdiff_t first = capitals ? at + 1 : at;
    ptrdiff_t lower = config_run_of(s, first, islower);
    if (lower)
        return first - at + lower + config_run_of(s, first + lower, isdigit);
    if (capitals)
        return 1;
    ptrdiff_t digits = config_run_of(s, at, isdigit);
    return digits ? digits : 1;
}

/*
 * An account's name made of a hub's: some punctuation dropped, split at all
 * else that is no ASCII letter or digit (the official client makes the same
 * name of it) and where the case or the kind of letters changes, joined with
 * '-', in lower case ("HTTPServer2 east" -> "http-server2-east"). May be empty.
 */
static Str config_kebab_case(Arena *arena, Str name)
{
    Buf clean = buf_new(arena, name.len + 1);
    Buf out = buf_new(arena, name.len * 2 + 2);
    for (ptrdiff_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (isalnum((unsigned char)c))
            buf_add_char(&clean, c);
        else if (!c || !strchr(".,/#!$%^&*;:{}=-_'\"`~()", c))
            buf_add_char(&clean, ' ');
    }
    Str s = buf_str(&clean);
    for (ptrdiff_t at = 0; at < s.len;) {
        ptrdiff_t len = config_word_at(s, at);
        Str word = str_slice(s, at, at + len);
        at += len;
        if (str_eq(word, S(" ")))
            continue;
        if (out.len)
            buf_add_char(&out, '-');
        for (ptrdiff_t i = 0; i < word.len; i++)
            buf_add_char(&out, (char)tolower((unsigned char)word.ptr[i]));
    }
    return buf_str(&out);
}

/* White space as JavaScript knows it (the official client refuses it in a
 * name), and control characters. */
static bool config_is_white(uint32_t c)
{
    return c <= ' ' || (c >= 0x7f && c <= 0xa0) || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
           c == 0x202f || c == 0x205f || c == 0x3000 || c == 0xfeff;
}

/*
 * May an account be called this? Not with white space or control bytes, not
 * as another account (`id` is its own) is called, or is numbered.
 */
static bool config_check_name(const Config *config, Str name, int64_t id,
                              Err *err)
{
    int64_t number = 0;
    if (!name.len)
        return err_set(err, EXIT_USAGE, "an account's name may not be empty");
    for (Str rest = name; rest.len;) {
        uint32_t c = 0;
        int n = str_utf8(rest, &c);
        if (!n || config_is_white(c)) {
            err_set(err, EXIT_USAGE,
                    "an account's name may not have %s: '%.*s'",
                    n ? "white space or control characters"
                      : "bytes that are no UTF-8",
                    P(name));
            return err_hint(err, "Choose another with --name.");
        }
        rest = str_slice(rest, n, rest.len);
    }
    for (int i = 0; i < config->count; i++) {
        const ConfigAccount *other = &config->accounts[i];
        if (other->id == id)
            continue;
        if (str_eq_nocase(other->name, name) ||
            (str_int(name, &number) && number == other->id)) {
            err_set(err, EXIT_USAGE,
                    "the name '%.*s' is taken by account %" PRId64, P(name),
                    other->id);
            return err_hint(err, "Choose another with --name.");
        }
    }
    return true;
}

/* ==== 10 HubSpot ========================================================= *
 *
 * What HubSpot's servers want and answer: origins, tokens, the error
 * envelope, and one function for each endpoint that we call. A Hub is an
 * account in use. Its access token comes from the config while it is good,
 * else from HubSpot, and a fresh one is written back; a token that the API
 * refuses (401) is fetched again once, and the call repeated.
 *
 * Answers are read with tolerance: every field may be missing.
 */

enum {
    HUB_EARLY_MS = 5 * 60 * 1000, /* a token is renewed before its end */
    HUB_KEY_MIN = 20,
    HUB_KEY_MAX = 3 * KIB
};

typedef struct {
    Arena *arena;
    Term *term;
    HttpPool *pool;
    const Config *config; /* NULL: nothing to write tokens to */
    ConfigAccount account;
    int64_t timeout;
    bool use_localhost;
    bool fresh; /* the access token was fetched by this run */
} Hub;

/* What the token call says about a key. */
typedef struct {
    int64_t id;
    Str name; /* of the hub */
    Str type;
    Secret access_token;
    int64_t expires_at;
    const cJSON *scopes; /* an array, or NULL */
} HubToken;

/* A call of the API. Zero is a GET that asks for JSON. */
typedef struct {
    Str method;
    Str path; /* percent-encoded, with its query, without portalId */
    Str body;
    bool has_body;
    bool (*sink)(void *to, const HttpRes *res, Str piece, bool last, Err *err);
    void *to;
} HubCall;

/* The API's host for an account; the token call is never local. */
static Str hub_host(Arena *arena, const Hub *hub, bool for_token)
{
    bool qa = hub->account.qa;
    Str override = os_env("HUBAPI_DOMAIN_OVERRIDE");
    if (override.len)
        return arena_printf(arena, "%.*s%s.com", P(override), qa ? "qa" : "");
    return arena_printf(arena, "%s.hubapi%s.com",
                        hub->use_localhost && !for_token ? "local" : "api",
                        qa ? "qa" : "");
}

/* The website's origin, for addresses that people open. */
static const char *hub_website(const Hub *hub)
{
    return hub->account.qa ? "https://app.hubspotqa.com"
                           : "https://app.hubspot.com";
}

/* The account type as the tables name it; empty where it is not known. */
static Str hub_type_label(Str type)
{
    static const struct {
        const char *type;
        const char *label;
    } known[] = {
        {"STANDARD", "standard"},
        {"APP_DEVELOPER", "dev account"},
        {"DEVELOPER_TEST", "test account"},
        {"STANDARD_SANDBOX", "standard sandbox"},
        {"DEVELOPMENT_SANDBOX", "dev sandbox"},
    };
    for (int i = 0; i < COUNT(known); i++)
        if (str_eq_nocase(type, str_from(known[i].type)))
            return str_from(known[i].label);
    return type;
}

static ExitCode hub_exit_code(int status)
{
    if (status == 401 || status == 403)
        return EXIT_AUTH;
    if (status == 404)
        return EXIT_NOT_FOUND;
    return status == 429 ? EXIT_RATE_LIMIT : EXIT_FAILED;
}

/* Adds the strings of every list in `context`, where the missing scopes
 * stand under names that differ from API to API. */
static void hub_add_scopes(Buf *out, const cJSON *context)
{
    const cJSON *list = NULL;
    const cJSON *item = NULL;
    if (!cJSON_IsObject(context))
        return;
    cJSON_ArrayForEach(list, context)
    {
        if (!cJSON_IsArray(list) || !list->string ||
            !strcasestr(list->string, "scope"))
            continue;
        cJSON_ArrayForEach(item, list)
        {
            Str scope = str_from(cJSON_GetStringValue(item));
            if (scope.len && str_find(buf_str(out), scope) < 0)
                buf_printf(out, "%s%.*s", out->len ? ", " : "", P(scope));
        }
    }
}

/* The hint that belongs to a refused answer. */
static void hub_hint(Arena *arena, const Hub *hub, const HttpRes *res,
                     const cJSON *body, Err *err)
{
    Buf scopes = buf_new(arena, 300);
    const cJSON *fault = NULL;
    hub_add_scopes(&scopes, json_get(body, "context"));
    const cJSON *errors = json_get(body, "errors");
    cJSON_ArrayForEach(fault, errors)
    {
        hub_add_scopes(&scopes, json_get(fault, "context"));
    }
    bool missing = str_eq(json_text(body, "category"), S("MISSING_SCOPES"));
    if (missing || scopes.len)
        err_hint(err,
                 "The key lacks scopes%s%.*s. Add them at "
                 "%s/personal-access-key/%" PRId64 ".",
                 scopes.len ? ": " : "", P(buf_str(&scopes)), hub_website(hub),
                 hub->account.id);
    if (str_eq(json_text(body, "policyName"), S("DAILY")))
        err_hint(err, "The daily limit ends at midnight of the account's time "
                      "zone; trying again before is no use.");
    if (res->status == 429)
        err_hint(err, "Try again later, or wait longer with --max-wait.");
    if (res->status == 401)
        err_hint(err, "Sign in again with hs account auth.");
}

/* Makes an error of an answer with a status of 300 or more. */
static bool hub_refused(Arena *arena, const Hub *hub, const HttpRes *res,
                        Err *err)
{
    const cJSON *body = json_read(arena, res->body);
    Str message = json_text(body, "message");
    Str correlation = json_text(body, "correlationId");
    Buf text = buf_new(arena, 900);
    const cJSON *fault = NULL;
    buf_printf(&text, "HubSpot answered %d", res->status);
    if (res->reason.len)
        buf_printf(&text, " %.*s", P(str_slice(res->reason, 0, 80)));
    if (message.len)
        buf_printf(&text, ": %.*s", P(str_slice(message, 0, 400)));
    cJSON_ArrayForEach(fault, json_get(body, "errors"))
    {
        Str detail = json_text(fault, "message");
        if (detail.len && !str_eq(detail, message) && text.len < 600)
            buf_printf(&text, "; %.*s", P(str_slice(detail, 0, 200)));
    }
    if (correlation.len)
        buf_printf(&text, " (correlation id %.*s)",
                   P(str_slice(correlation, 0, 80)));
    err_set(err, hub_exit_code(res->status), "%.*s", P(buf_str(&text)));
    hub_hint(arena, hub, res, body, err);
    return false;
}

/* A 429 for the day is final: waiting is no use. */
static bool hub_is_final(const HttpRes *res)
{
    Arena scratch = {0};
    bool daily = false;
    if (res->status == 429)
        daily = str_eq(json_text(json_read(&scratch, res->body), "policyName"),
                       S("DAILY"));
    arena_free(&scratch);
    return daily;
}

/* What is no personal access key is refused before anything is sent. */
static bool hub_check_key(Str key, Err *err)
{
    bool plain = true;
    for (ptrdiff_t i = 0; i < key.len; i++)
        plain &= key.ptr[i] > ' ' && key.ptr[i] < 0x7f &&
                 (isalnum((unsigned char)key.ptr[i]) ||
                  strchr("+/=_-.~", key.ptr[i]));
    if (!key.len)
        err_set(err, EXIT_USAGE, "the personal access key is empty");
    else if (str_starts(key, S("pat-")))
        err_set(err, EXIT_USAGE,
                "this is an access token (pat-…), not a "
                "personal access key");
    else if (!plain)
        err_set(err, EXIT_USAGE,
                "this is not a personal access key: it has "
                "spaces, bullets or other characters that no "
                "key has");
    else if (key.len < HUB_KEY_MIN || key.len > HUB_KEY_MAX)
        err_set(err, EXIT_USAGE,
                "this is not a personal access key: it is too "
                "%s",
                key.len < HUB_KEY_MIN ? "short" : "long");
    if (!err->code)
        return true;
    if (str_starts(key, S("pat-")))
        return err_hint(err, "Use it as it is: HUBSPOT_ACCESS_TOKEN=… hs api "
                             "…");
    return err_hint(err, "Copy it whole from https://app.hubspot.com/l/"
                         "personal-access-key (\"Show\" first).");
}

static HttpReq hub_token_request(Arena *arena, const Hub *hub, Str path)
{
    return (HttpReq){
        .method = S("POST"),
        .url = {.scheme = S("https"),
                .host = hub_host(arena, hub, true),
                .port = 443,
                .path = path},
        .accept = S("application/json"),
        .has_body = true,
        .repeatable = true, /* a token more does no harm */
        .timeout = hub->timeout,
        .is_final = hub_is_final,
    };
}

/* The token call says no. These refusals are about the key. */
static bool hub_key_refused(const Hub *hub, const HttpRes *res, Err *err)
{
    bool key = res->status == 400 || res->status == 401 || res->status == 403 ||
               res->status == 404;
    if (key)
        err_hint(err,
                 "The key is not, or no longer, good. Make a new one at "
                 "%s/l/personal-access-key and run hs account auth.",
                 hub_website(hub));
    hub_refused(hub->arena, hub, res, err);
    if (key)
        err->code = EXIT_AUTH;
    return false;
}

/*
 * Fetches an access token for a personal access key (POST
 * /localdevauth/v1/auth/refresh). A refused key is EXIT_AUTH.
 */
static bool hub_fetch_token(const Hub *hub, HubToken *token, Err *err)
{
    Arena *arena = hub->arena;
    const ConfigAccount *account = &hub->account;
    HttpRes res;
    cJSON *body = json_new(arena);
    json_add_text(body, "encodedOAuthRefreshToken", secret_text(account->key));
    Str path = S("/localdevauth/v1/auth/refresh");
    if (account->id > 0)
        path = arena_printf(arena, "%.*s?portalId=%" PRId64, P(path),
                            account->id);
    HttpReq req = hub_token_request(arena, hub, path);
    req.content_type = S("application/json");
    req.body = json_write(arena, body, false);
    if (!http_do(hub->pool, arena, &req, &res, err))
        return false;
    if (res.status != 200)
        return hub_key_refused(hub, &res, err);
    const cJSON *answer = json_read(arena, res.body);
    Str access = json_text(answer, "oauthAccessToken");
    if (!access.len || json_int(answer, "hubId") <= 0)
        return err_set(err, EXIT_FAILED,
                       "HubSpot's answer to the key holds no access token");
    int64_t expires = json_int(answer, "expiresAtMillis");
    *token = (HubToken){
        .id = json_int(answer, "hubId"),
        .name = json_text(answer, "hubName"),
        .type = json_text(answer, "accountType"),
        .access_token = secret_from(access),
        .expires_at = expires > 0 ? expires : os_wall(),
        .scopes = json_get(answer, "scopeGroups"),
    };
    term_hide(hub->term, token->access_token);
    return true;
}

static void hub_add_form(Buf *form, const char *name, Str value)
{
    if (form->len)
        buf_add_char(form, '&');
    buf_add(form, str_from(name));
    buf_add_char(form, '=');
    url_add_encoded(form, value, "");
}

/* Renews an OAuth2 account's token (POST /oauth/v1/token). The end is kept
 * as three quarters of the token's life from now, as the official client
 * keeps it. */
static bool hub_refresh_oauth(Hub *hub, Err *err)
{
    Arena *arena = hub->arena;
    ConfigAccount *account = &hub->account;
    HttpRes res;
    Buf form = buf_new(arena, 16 * KIB);
    if (!secret_is_set(account->refresh_token)) {
        err_set(err, EXIT_AUTH, "account %" PRId64 " has no refresh token",
                account->id);
        return err_hint(err, "Sign in to it again.");
    }
    hub_add_form(&form, "grant_type", S("refresh_token"));
    hub_add_form(&form, "client_id", account->client_id);
    hub_add_form(&form, "client_secret", secret_text(account->client_secret));
    hub_add_form(&form, "refresh_token", secret_text(account->refresh_token));
    HttpReq req = hub_token_request(arena, hub, S("/oauth/v1/token"));
    req.content_type = S("application/x-www-form-urlencoded");
    req.body = buf_str(&form);
    if (!http_do(hub->pool, arena, &req, &res, err))
        return false;
    if (res.status != 200) {
        hub_refused(arena, hub, &res, err);
        if (res.status == 400)
            err->code = EXIT_AUTH;
        return err_hint(err, "Sign in again: the authorization may have been "
                             "taken back.");
    }
    const cJSON *answer = json_read(arena, res.body);
    Str access = json_text(answer, "access_token");
    Str refresh = json_text(answer, "refresh_token");
    int64_t life = json_int(answer, "expires_in");
    if (!access.len)
        return err_set(err, EXIT_FAILED,
                       "HubSpot's answer holds no access token");
    account->access_token = secret_from(access);
    if (refresh.len)
        account->refresh_token = secret_from(refresh);
    if (life < 0 || life > 366 * 86400)
        life = 0;
    account->expires_at = os_wall() + life * 750;
    return true;
}

/* Has every secret of the account be hidden on stderr. */
static void hub_hide(const Hub *hub)
{
    Str key = secret_text(hub->account.key);
    Buf encoded = buf_new(hub->arena, key.len * 3 + 1); /* as in hapikey= */
    url_add_encoded(&encoded, key, "");
    term_hide(hub->term, secret_from(buf_str(&encoded)));
    term_hide(hub->term, hub->account.key);
    term_hide(hub->term, hub->account.access_token);
    term_hide(hub->term, hub->account.refresh_token);
    term_hide(hub->term, hub->account.client_secret);
}

/* Opens an account for calls. Nothing is sent yet. */
static Hub hub_open(Arena *arena, Term *term, HttpPool *pool,
                    const Config *config, const ConfigAccount *account)
{
    Hub hub = {
        .arena = arena,
        .term = term,
        .pool = pool,
        .config = config,
        .account = *account,
        .timeout = config ? config->timeout : CONFIG_TIMEOUT_MS,
        .use_localhost = config && config->use_localhost,
    };
    hub_hide(&hub);
    return hub;
}

/* Fetches a new access token and keeps it in the config. That it cannot be
 * kept is worth a line, and no error: the next run fetches again. */
static bool hub_renew(Hub *hub, Err *err)
{
    HubToken token = {0};
    Err unsaved = {0};
    bool ok = true;
    if (hub->account.auth == CONFIG_AUTH_OAUTH2) {
        ok = hub_refresh_oauth(hub, err);
    } else if ((ok = hub_fetch_token(hub, &token, err))) {
        hub->account.access_token = token.access_token;
        hub->account.expires_at = token.expires_at;
    }
    if (!ok)
        return false;
    hub->fresh = true;
    hub_hide(hub);
    if (hub->config &&
        !config_save_token(hub->arena, hub->config, &hub->account, &unsaved))
        term_warn(hub->term, "the access token is not kept: %s",
                  unsaved.message);
    return true;
}

static bool hub_has_tokens(const Hub *hub)
{
    return hub->account.auth == CONFIG_AUTH_KEY ||
           hub->account.auth == CONFIG_AUTH_OAUTH2;
}

/* Has an access token ready, where the account's kind needs one. */
static bool hub_need_token(Hub *hub, Err *err)
{
    const ConfigAccount *account = &hub->account;
    if (!hub_has_tokens(hub))
        return true;
    if (secret_is_set(account->access_token) &&
        account->expires_at > os_wall() + HUB_EARLY_MS)
        return true;
    return hub_renew(hub, err);
}

/* The path with what every call carries: portalId last, and the API key of
 * an account that has one. */
static Str hub_full_path(const Hub *hub, Str path)
{
    const ConfigAccount *account = &hub->account;
    Buf full = buf_new(hub->arena, path.len + 16 * KIB);
    buf_add(&full, path);
    if (account->id > 0 && !url_has_query(path, S("portalId")))
        url_add_query(&full, S("portalId"),
                      arena_printf(hub->arena, "%" PRId64, account->id));
    if (account->auth == CONFIG_AUTH_API_KEY)
        url_add_query(&full, S("hapikey"), secret_text(account->key));
    return buf_str(&full);
}

static HttpReq hub_request(const Hub *hub, const HubCall *call)
{
    const ConfigAccount *account = &hub->account;
    Str method = call->method.len ? call->method : S("GET");
    Str token = secret_text(account->auth == CONFIG_AUTH_TOKEN
                                ? account->key
                                : account->access_token);
    Buf bearer = buf_new(hub->arena, token.len + 16);
    HttpReq req = {
        .method = method,
        .url = {.scheme = S("https"),
                .host = hub_host(hub->arena, hub, false),
                .port = 443,
                .path = hub_full_path(hub, call->path)},
        .accept = S("application/json"),
        .content_type = call->has_body ? S("application/json") : (Str){0},
        .body = call->body,
        .has_body = call->has_body,
        .repeatable = !str_in_words(method, "POST PATCH"),
        .follow = str_eq(method, S("GET")),
        .timeout = hub->timeout,
        .is_final = hub_is_final,
    };
    if (account->auth != CONFIG_AUTH_API_KEY) {
        buf_add(&bearer, S("Bearer "));
        buf_add(&bearer, token);
        req.authorization = secret_from(buf_str(&bearer));
    }
    return req;
}

/* Stands between a call's sink and the transfer: the body of a 401 that will
 * be answered with a fresh token is not for the caller. */
typedef struct {
    const HubCall *call;
    bool may_renew;
} HubGate;

static bool hub_gate(void *to, const HttpRes *res, Str piece, bool last,
                     Err *err)
{
    const HubGate *gate = to;
    if (res->status == 401 && gate->may_renew)
        return true;
    return gate->call->sink(gate->call->to, res, piece, last, err);
}

/*
 * Makes a call with the account's credentials. False where there is no whole
 * answer; the status is the caller's to judge. A 401 on a token from the
 * config is met once with a fresh token.
 */
static bool hub_call(Hub *hub, const HubCall *call, HttpRes *res, Err *err)
{
    if (!hub_need_token(hub, err))
        return false;
    for (;;) {
        HubGate gate = {call, hub_has_tokens(hub) && !hub->fresh};
        HttpReq req = hub_request(hub, call);
        if (call->sink) {
            req.sink = hub_gate;
            req.to = &gate;
        }
        if (!http_do(hub->pool, hub->arena, &req, res, err))
            return false;
        if (res->status != 401 || !gate.may_renew)
            return true;
        term_debug(hub->term, "the access token was refused: fetching another");
        if (!hub_renew(hub, err))
            return false;
    }
}

/* A call whose answer is a JSON object to look into. */
static bool hub_get_json(Hub *hub, Str path, const cJSON **out, Err *err)
{
    HttpRes res;
    HubCall call = {.path = path};
    if (!hub_call(hub, &call, &res, err))
        return false;
    if (res.status != 200)
        return hub_refused(hub->arena, hub, &res, err);
    *out = json_read(hub->arena, res.body);
    return *out || err_set(err, EXIT_FAILED, "HubSpot's answer is not JSON");
}

/* The account above a sandbox or test account; 0 where it has none, or where
 * it cannot be told. */
static int64_t hub_parent(Hub *hub)
{
    Err ignored = {0};
    const cJSON *answer = NULL;
    bool sandbox = str_ends(hub->account.type, S("_SANDBOX"));
    bool test = str_eq(hub->account.type, S("DEVELOPER_TEST"));
    if (!sandbox && !test)
        return 0;
    if (!hub_get_json(hub,
                      sandbox ? S("/sandbox-hubs/v1/self")
                              : S("/integrators/test-portals/v2/self"),
                      &answer, &ignored)) {
        term_debug(hub->term, "the parent account is unknown: %s",
                   ignored.message);
        return 0;
    }
    int64_t id = json_int(answer, sandbox ? "parentHubId" : "parentPortalId");
    return id > 0 ? id : 0;
}

/* ==== 11 Commands ======================================================== *
 *
 * One section a command group, in the order of `hs --help`. A command takes a
 * Cmd, the parsed command line with all that a run needs, and gives true, or
 * false with the error that main turns into a message and an exit code. It
 * prints data on stdout and says the rest on stderr.
 */

/* The options, by what they mean; room 12 has their names and help. */
typedef enum {
    OPT_NONE,
    OPT_HELP,
    OPT_VERSION,
    OPT_JSON,
    OPT_DEBUG,
    OPT_NETWORK_DEBUG,
    OPT_NO_INPUT,
    OPT_NO_COLOR,
    OPT_NO_HYPERLINKS,
    OPT_DISABLE_TRACKING,
    OPT_DISABLE_USAGE_TRACKING,
    OPT_CA_FILE,
    OPT_MAX_WAIT,
    OPT_ACCOUNT,
    OPT_CONFIG,
    OPT_USE_ENV,
    OPT_QA,
    OPT_PAK,
    OPT_PAK_STDIN,
    OPT_NAME,
    OPT_USE_DEFAULT_NAME,
    OPT_DEFAULT,
    OPT_METHOD,
    OPT_DATA,
    OPT_RAW,
    OPT_JSON_SCHEMA,
    OPT_COUNT
} CmdOption;

typedef struct {
    bool set;
    bool on; /* of a flag */
    Str text;
    int64_t number;
} CmdValue;

typedef struct {
    Arena *arena;
    Term *term;
    CmdValue options[OPT_COUNT];
    Str args[4];
    int arg_count;
    Config config;
    TlsTrust trust;
    HttpPool pool;
    bool online; /* trust and pool are set up */
} Cmd;

static bool cmd_on(const Cmd *cmd, CmdOption option)
{
    return cmd->options[option].on;
}

static Str cmd_text(const Cmd *cmd, CmdOption option)
{
    return cmd->options[option].text;
}

static ConfigWhere cmd_where(const Cmd *cmd)
{
    return (ConfigWhere){cmd_on(cmd, OPT_USE_ENV), cmd_text(cmd, OPT_CONFIG)};
}

/* Loads the config and refuses one that is not valid. */
static bool cmd_load_config(Cmd *cmd, Err *err)
{
    ConfigWhere where = cmd_where(cmd);
    return config_load(cmd->arena, &where, &cmd->config, err) &&
           config_validate(&cmd->config, err);
}

/* Gets ready for HTTP: trust anchors, proxy, the pool. */
static bool cmd_go_online(Cmd *cmd, Err *err)
{
    const CmdValue *wait = &cmd->options[OPT_MAX_WAIT];
    int64_t max_wait = wait->set ? wait->number * 1000 : 60000;
    if (cmd->online)
        return true;
    if (!tls_load_trust(cmd->arena, cmd_text(cmd, OPT_CA_FILE), &cmd->trust,
                        err) ||
        !http_init(&cmd->pool, cmd->arena, cmd->term, &cmd->trust, max_wait,
                   err))
        return false;
    term_debug(cmd->term, "trust: %d authorities from %.*s", cmd->trust.count,
               P(cmd->trust.source));
    if (cmd->trust.skipped)
        term_debug(cmd->term, "trust: %d certificates could not be read",
                   cmd->trust.skipped);
    if (cmd->pool.has_proxy)
        term_debug(cmd->term, "proxy: %.*s port %d, from %.*s",
                   P(cmd->pool.proxy.host), cmd->pool.proxy.port,
                   P(cmd->pool.proxy_from));
    cmd->online = true;
    return true;
}

/* Prints a document that we made. DEL and the C1 controls, which cJSON leaves
 * as they are, are escaped: names in it come from servers and files. */
static void cmd_print_json(Cmd *cmd, const cJSON *document)
{
    Str text = json_write(cmd->arena, document, true);
    while (text.len) {
        uint32_t c = 0;
        int n = str_utf8(text, &c);
        if (c >= 0x7f && c < 0xa0)
            term_printf(cmd->term, "\\u%04x", c);
        else
            term_out(cmd->term, str_slice(text, 0, n ? n : 1));
        text = str_slice(text, n ? n : 1, text.len);
    }
}

/* "acme [standard] (1000001)", as messages name an account. */
static Str cmd_account_title(const Cmd *cmd, const ConfigAccount *account)
{
    Str type = hub_type_label(account->type);
    Buf out = buf_new(cmd->arena, 4 * KIB);
    if (account->name.len) {
        term_add_safe(&out, account->name, false);
        buf_add_char(&out, ' ');
    }
    if (type.len) {
        buf_add_char(&out, '[');
        term_add_safe(&out, type, false);
        buf_add(&out, S("] "));
    }
    buf_printf(&out, "(%" PRId64 ")", account->id);
    return buf_str(&out);
}

/* The fields of an account that are no secret. */
static cJSON *cmd_account_json(const ConfigAccount *account)
{
    cJSON *object = cJSON_CreateObject();
    if (!object)
        arena_exhausted();
    json_add_text(object, "name", account->name);
    json_add_id(object, "accountId", account->id);
    json_add_text(object, "accountType", account->type);
    json_add_text(object, "authType", account->auth_name);
    json_add_text(object, "env", account->qa ? S("qa") : S("prod"));
    json_add_id(object, "parentAccountId", account->parent);
    return object;
}

/* ---- hs account auth ---- */

/* Takes the key from what the command line and the environment give, else
 * asks. `err` names the ways to give it. */
static bool cmd_auth_key(Cmd *cmd, Secret *key, Err *err)
{
    Str text = cmd_text(cmd, OPT_PAK);
    Str file = os_env("HUBSPOT_PERSONAL_ACCESS_KEY_FILE");
    int code = 0;
    if (text.len && cmd_on(cmd, OPT_PAK_STDIN))
        return err_set(err, EXIT_USAGE,
                       "--pak and --pak-stdin are two ways to "
                       "give one key: use one of them");
    if (cmd_on(cmd, OPT_PAK_STDIN)) {
        code = os_read_fd(cmd->arena, STDIN_FILENO, 64 * KIB, &text);
        if (code)
            return err_set(err, EXIT_USAGE,
                           "cannot read the key from stdin: "
                           "%s",
                           os_error(code));
    } else if (!text.len && os_env("HUBSPOT_PERSONAL_ACCESS_KEY").len) {
        text = os_env("HUBSPOT_PERSONAL_ACCESS_KEY");
    } else if (!text.len && file.len) {
        code = os_read_file(cmd->arena, file, 64 * KIB, &text);
        if (code)
            return err_set(err, EXIT_USAGE, "cannot read the key from %.*s: %s",
                           P(file), os_error(code));
    } else if (!text.len) {
        if (!ask_allowed(cmd->term, "a personal access key",
                         "--pak-stdin, HUBSPOT_PERSONAL_ACCESS_KEY or "
                         "HUBSPOT_PERSONAL_ACCESS_KEY_FILE",
                         err))
            return false;
        term_say(cmd->term, "Make or copy a key at "
                            "https://app.hubspot.com/l/personal-access-key");
        if (!ask_text(cmd->term, cmd->arena, "Personal access key:", (Str){0},
                      true, &text, err))
            return false;
    }
    *key = secret_from(str_trim(text));
    term_hide(cmd->term, *key);
    return hub_check_key(secret_text(*key), err);
}

/* Where sign-in writes: the file that HUBSPOT_CONFIG_PATH names, else the
 * global one, even where a deprecated one is near. */
static bool cmd_auth_path(Cmd *cmd, Str *path, ConfigForm *form, Err *err)
{
    ConfigWhere where = cmd_where(cmd);
    *path = config_named_path(&where);
    *form = CONFIG_DEPRECATED;
    if (path->len)
        return true;
    *form = CONFIG_GLOBAL;
    *path = config_global_path(cmd->arena);
    if (!path->len) {
        err_set(err, EXIT_CONFIG,
                "there is no home folder to keep a config "
                "in");
        return err_hint(err, "Set HOME or HUBSPOT_CONFIG_PATH; or keep nothing "
                             "and use --use-env.");
    }
    Str old = config_deprecated_path(cmd->arena);
    if (old.len && !os_exists(cmd->arena, *path))
        term_warn(cmd->term,
                  "%.*s is no longer used once %.*s exists; hs config migrate "
                  "of the official client moves its accounts over",
                  P(old), P(*path));
    return true;
}

/* `--account X` says which account the key must be for: its id in `*id`, or 0
 * where the option is not given. */
static bool cmd_auth_wanted(const Cmd *cmd, const Config *config, int64_t *id,
                            Err *err)
{
    Str which = cmd_text(cmd, OPT_ACCOUNT);
    const ConfigAccount *wanted = config_find(config, which);
    *id = wanted ? wanted->id : 0;
    if (!which.len || wanted || str_int(which, id))
        return true;
    err_set(err, EXIT_CONFIG, "there is no account '%.*s' in %.*s", P(which),
            P(config->path));
    return err_hint(err, "To give a new account this name, use --name.");
}

/* A name that nothing else has: the hub's, with the id where it is taken. */
static Str cmd_auth_default_name(Cmd *cmd, const Config *config, Str hub_name,
                                 int64_t id)
{
    Err taken = {0};
    Str name = config_kebab_case(cmd->arena, hub_name);
    if (name.len && config_check_name(config, name, id, &taken))
        return name;
    return arena_printf(cmd->arena, "%.*s%s%" PRId64, P(name),
                        name.len ? "-" : "account-", id);
}

/* Decides the account's name: --name, the one it has, or the default, which a
 * person is asked about. */
static bool cmd_auth_name(Cmd *cmd, const Config *config,
                          ConfigAccount *account, Str hub_name, Err *err)
{
    const ConfigAccount *old = config_find_id(config, account->id);
    Str wanted = cmd_text(cmd, OPT_NAME);
    if (wanted.len) {
        account->name = wanted;
        return config_check_name(config, wanted, account->id, err);
    }
    if (old && old->name.len) {
        account->name = old->name;
        return true;
    }
    Str preset = cmd_auth_default_name(cmd, config, hub_name, account->id);
    account->name = preset;
    if (cmd_on(cmd, OPT_USE_DEFAULT_NAME))
        return true;
    if (!cmd->term->interactive) {
        term_say(cmd->term,
                 "The account is named '%.*s'; --name gives it "
                 "another name.",
                 P(preset));
        return true;
    }
    for (;;) {
        Err fault = {0};
        if (!ask_text(cmd->term, cmd->arena, "Name of the account:", preset,
                      false, &account->name, err))
            return false;
        if (config_check_name(config, account->name, account->id, &fault))
            return true;
        term_error(cmd->term, &fault);
    }
}

/* Shall the account be the default? The first one is, and one that is it
 * already stays it. */
static bool cmd_auth_default(Cmd *cmd, const Config *config,
                             const ConfigAccount *account, bool *out, Err *err)
{
    const ConfigAccount *present = config_find(config, config->default_account);
    *out = !present || present->id == account->id;
    if (cmd->options[OPT_DEFAULT].set) {
        *out |= cmd_on(cmd, OPT_DEFAULT);
        return true;
    }
    if (*out)
        return true;
    if (cmd->term->interactive)
        return ask_confirm(cmd->term, "Make it the default account?", false,
                           out, err);
    term_say(cmd->term, "The default account stays %.*s; --default changes it.",
             P(cmd_account_title(cmd, present)));
    return true;
}

/* Signs in with the key and learns what it is for. */
static bool cmd_auth_sign_in(Cmd *cmd, const Config *config, Secret key,
                             ConfigAccount *account, Str *hub_name, Err *err)
{
    HubToken token = {0};
    int64_t wanted = 0;
    if (!cmd_auth_wanted(cmd, config, &wanted, err))
        return false;
    const ConfigAccount *old = config_find_id(config, wanted);
    *account = (ConfigAccount){.auth = CONFIG_AUTH_KEY,
                               .auth_name = S("personalaccesskey"),
                               .key = key};
    account->qa = cmd_on(cmd, OPT_QA) || (old && old->qa);
    if (!cmd_go_online(cmd, err))
        return false;
    Hub hub = hub_open(cmd->arena, cmd->term, &cmd->pool, NULL, account);
    if (!hub_fetch_token(&hub, &token, err))
        return false;
    if (wanted && wanted != token.id)
        return err_set(err, EXIT_AUTH,
                       "the key is for account %" PRId64 ", not for %" PRId64,
                       token.id, wanted);
    account->id = token.id;
    account->type = token.type;
    account->access_token = token.access_token;
    account->expires_at = token.expires_at;
    hub.account = *account;
    hub.fresh = true;
    account->parent = hub_parent(&hub);
    *hub_name = token.name;
    return true;
}

/* Writes the account under the lock; what is there now counts, not what was
 * there when the key was asked for. */
static bool cmd_auth_save(Cmd *cmd, Str path, ConfigForm form,
                          const ConfigAccount *account, bool is_default,
                          Err *err)
{
    ConfigEdit edit;
    if (!config_edit_begin(cmd->arena, path, form, &edit, err))
        return false;
    bool ok = config_check_name(&edit.config, account->name, account->id, err);
    if (ok) {
        if (is_default)
            config_edit_default(&edit, account);
        ok = config_edit_put(&edit, account, err) &&
             config_edit_commit(&edit, err);
    }
    config_edit_end(&edit);
    return ok;
}

static bool cmd_account_auth(Cmd *cmd, Err *err)
{
    Config config = {0};
    ConfigForm form = CONFIG_GLOBAL;
    ConfigAccount account = {0};
    Secret key = {0};
    Str path = {0};
    Str hub_name = {0};
    Str name = cmd_text(cmd, OPT_NAME);
    bool is_default = false;
    if (name.len && cmd_on(cmd, OPT_USE_DEFAULT_NAME))
        return err_set(err, EXIT_USAGE,
                       "--name and --use-default-name exclude each other");
    if (!cmd_auth_path(cmd, &path, &form, err))
        return false;
    config = (Config){.form = form, .path = path};
    if (os_exists(cmd->arena, path) &&
        !config_read_file(cmd->arena, path, form, &config, err))
        return false;
    if (name.len && !config_check_name(&(Config){0}, name, 0, err))
        return false;
    if (!cmd_auth_key(cmd, &key, err) ||
        !cmd_auth_sign_in(cmd, &config, key, &account, &hub_name, err) ||
        !cmd_auth_name(cmd, &config, &account, hub_name, err) ||
        !cmd_auth_default(cmd, &config, &account, &is_default, err) ||
        !cmd_auth_save(cmd, path, form, &account, is_default, err))
        return false;
    if (cmd_on(cmd, OPT_JSON)) {
        cJSON *answer = json_new(cmd->arena);
        json_add(answer, "account", cmd_account_json(&account));
        json_add_bool(answer, "default", is_default);
        json_add_text(answer, "config", path);
        cmd_print_json(cmd, answer);
    }
    term_say(cmd->term, "Signed in to %.*s%s. Saved in %.*s",
             P(cmd_account_title(cmd, &account)),
             is_default ? ", now the default account" : "", P(path));
    return true;
}

/* ---- hs account list ---- */

typedef struct {
    const ConfigAccount *account;
    bool child;
} CmdListRow;

/* Orders the accounts: each parent with what stands under it. */
static CmdListRow *cmd_list_rows(Cmd *cmd)
{
    const Config *config = &cmd->config;
    CmdListRow *rows = arena_array(cmd->arena, config->count, sizeof(*rows));
    bool children = false;
    int n = 0;
    for (int i = 0; i < config->count; i++)
        children |= config->accounts[i].parent != 0;
    for (int i = 0; i < config->count; i++) {
        const ConfigAccount *top = &config->accounts[i];
        if (top->parent && config_find_id(config, top->parent))
            continue;
        rows[n++] = (CmdListRow){top, false};
        for (int k = 0; children && k < config->count; k++) {
            const ConfigAccount *child = &config->accounts[k];
            if (child->parent == top->id && child != top)
                rows[n++] = (CmdListRow){child, true};
        }
    }
    for (int i = 0; n < config->count; i++) { /* parents of each other */
        bool listed = false;
        for (int k = 0; k < n && !listed; k++)
            listed = rows[k].account == &config->accounts[i];
        if (!listed)
            rows[n++] = (CmdListRow){&config->accounts[i], true};
    }
    return rows;
}

static void cmd_list_table(Cmd *cmd, const CmdListRow *rows)
{
    enum { COLUMNS = 3 };
    int count = cmd->config.count + 1;
    Str *cells = arena_array(cmd->arena, (ptrdiff_t)count * COLUMNS,
                             sizeof(*cells));
    cells[0] = S("Name");
    cells[1] = S("Account ID");
    cells[2] = S("Auth type");
    for (int i = 1; i < count; i++) {
        const ConfigAccount *account = rows[i - 1].account;
        Str type = hub_type_label(account->type);
        Str *row = &cells[(ptrdiff_t)i * COLUMNS];
        Str name = config_label(cmd->arena, account);
        const Str label[] = {rows[i - 1].child ? S("  ") : S(""), name, S(" ["),
                             type, S("]")};
        row[0] = arena_join(cmd->arena, label, type.len ? 5 : 2);
        row[1] = arena_int(cmd->arena, account->id);
        row[2] = account->auth_name;
    }
    term_table(cmd->term, cells, count, COLUMNS);
}

static void cmd_list_json(Cmd *cmd, const CmdListRow *rows,
                          const ConfigChoice *choice, const ConfigLinks *links)
{
    cJSON *answer = json_new(cmd->arena);
    cJSON *list = cJSON_CreateArray();
    cJSON *linked = cJSON_CreateArray();
    json_add_text(answer, "config", cmd->config.path);
    json_add_id(answer, "defaultAccount",
                choice->account ? choice->account->id : 0);
    json_add_text(answer, "defaultSource",
                  choice->account ? choice->why : (Str){0});
    json_add(answer, "linkedAccounts", linked);
    for (int i = 0; i < links->count; i++)
        cJSON_AddItemToArray(linked,
                             cJSON_CreateNumber((double)links->linked[i]));
    json_add(answer, "accounts", list);
    for (int i = 0; i < cmd->config.count; i++) {
        cJSON *row = cmd_account_json(rows[i].account);
        json_add_bool(row, "default", rows[i].account == choice->account);
        cJSON_AddItemToArray(list, row);
    }
    cmd_print_json(cmd, answer);
}

static bool cmd_account_list(Cmd *cmd, Err *err)
{
    ConfigChoice choice = {0};
    ConfigLinks links = {0};
    Err unchosen = {0};
    if (!cmd_load_config(cmd, err))
        return false;
    if (!config_choose(cmd->arena, &cmd->config, (Str){0}, &choice, &unchosen))
        choice.account = NULL;
    if (cmd->config.form != CONFIG_ENVIRONMENT && !unchosen.code &&
        !config_read_links(cmd->arena, &links, err))
        return false;
    CmdListRow *rows = cmd_list_rows(cmd);
    if (unchosen.code)
        term_warn(cmd->term, "%s", unchosen.message);
    if (cmd_on(cmd, OPT_JSON)) {
        cmd_list_json(cmd, rows, &choice, &links);
        return true;
    }
    if (choice.account)
        term_printf(cmd->term, "Default account: %.*s\n  from %.*s\n\n",
                    P(cmd_account_title(cmd, choice.account)), P(choice.why));
    if (links.count) {
        term_printf(cmd->term, "Linked accounts, from %.*s:\n", P(links.path));
        for (int i = 0; i < links.count; i++) {
            const ConfigAccount *account = config_find_id(&cmd->config,
                                                          links.linked[i]);
            ConfigAccount unknown = {.id = links.linked[i]};
            term_printf(cmd->term, "  %.*s%s\n",
                        P(cmd_account_title(cmd, account ? account : &unknown)),
                        account ? "" : " is not in the config");
        }
        term_printf(cmd->term, "\n");
    }
    cmd_list_table(cmd, rows);
    return true;
}

/* ---- hs account info ---- */

/* One line of facts; what the value holds stays on it. */
static void cmd_print_field(Cmd *cmd, const char *label, Str value)
{
    Buf line = buf_new(cmd->arena, 4 * KIB);
    term_add_safe(&line, value, false);
    term_printf(cmd->term, label[0] ? "%-13s %.*s\n" : "%-1s %.*s\n", label,
                P(buf_str(&line)));
}

static void cmd_info_scopes(Cmd *cmd, const cJSON *scopes)
{
    const cJSON *scope = NULL;
    if (!scopes)
        return;
    term_printf(cmd->term, "Scopes:\n");
    cJSON_ArrayForEach(scope, scopes)
    {
        cmd_print_field(cmd, "", str_from(cJSON_GetStringValue(scope)));
    }
}

static void cmd_info_print(Cmd *cmd, const ConfigChoice *choice,
                           const HubToken *token)
{
    const ConfigAccount *account = choice->account;
    Str type = hub_type_label(account->type);
    cmd_print_field(cmd, "Name:", config_label(cmd->arena, account));
    term_printf(cmd->term, "%-13s %" PRId64 "\n", "Account ID:", account->id);
    if (token->name.len)
        cmd_print_field(cmd, "Hub name:", token->name);
    cmd_print_field(cmd, "Type:", type.len ? type : S("unknown"));
    cmd_print_field(cmd, "Auth type:", account->auth_name);
    cmd_print_field(cmd, "Environment:", account->qa ? S("qa") : S("prod"));
    if (account->parent)
        term_printf(cmd->term, "%-13s %" PRId64 "\n",
                    "Parent:", account->parent);
    cmd_print_field(cmd, "Chosen by:", choice->why);
    cmd_info_scopes(cmd, token->scopes);
}

static void cmd_info_json(Cmd *cmd, const ConfigChoice *choice,
                          const HubToken *token)
{
    cJSON *answer = cmd_account_json(choice->account);
    cJSON *scopes = token->scopes ? cJSON_Duplicate(token->scopes, true)
                                  : cJSON_CreateArray();
    arena_defer(cmd->arena, json_release, answer);
    json_add_text(answer, "hubName", token->name);
    json_add_text(answer, "source", choice->why);
    json_add(answer, "scopes", scopes);
    cmd_print_json(cmd, answer);
}

static bool cmd_account_info(Cmd *cmd, Err *err)
{
    ConfigChoice choice = {0};
    HubToken token = {0};
    Err unsaved = {0};
    if (!cmd_load_config(cmd, err) ||
        !config_choose(cmd->arena, &cmd->config, cmd->args[0], &choice, err))
        return false;
    if (cmd->args[0].len)
        choice.why = S("the command line");
    if (choice.account->auth == CONFIG_AUTH_KEY) {
        if (!cmd_go_online(cmd, err))
            return false;
        Hub hub = hub_open(cmd->arena, cmd->term, &cmd->pool, &cmd->config,
                           choice.account);
        if (!hub_fetch_token(&hub, &token, err))
            return false;
        hub.account.access_token = token.access_token;
        hub.account.expires_at = token.expires_at;
        if (!config_save_token(cmd->arena, &cmd->config, &hub.account,
                               &unsaved))
            term_warn(cmd->term, "the access token is not kept: %s",
                      unsaved.message);
    }
    if (cmd_on(cmd, OPT_JSON))
        cmd_info_json(cmd, &choice, &token);
    else
        cmd_info_print(cmd, &choice, &token);
    return true;
}

/* ---- hs account use ---- */

/* Asks which account to use. */
static bool cmd_use_ask(Cmd *cmd, const ConfigAccount **out, Err *err)
{
    const Config *config = &cmd->config;
    Str *items = arena_array(cmd->arena, config->count, sizeof(*items));
    const ConfigAccount *present = config_find(config, config->default_account);
    int at = 0;
    if (!ask_allowed(cmd->term, "an account",
                     "its name or id: hs account use "
                     "ACCOUNT",
                     err))
        return false;
    for (int i = 0; i < config->count; i++) {
        items[i] = cmd_account_title(cmd, &config->accounts[i]);
        if (&config->accounts[i] == present)
            at = i;
    }
    if (!ask_select(cmd->term, "Default account:", items, config->count, &at,
                    err))
        return false;
    *out = &config->accounts[at];
    return true;
}

/* In a linked folder the folder's default changes; an account that is not
 * linked there is linked on request, else the config's default changes. */
static bool cmd_use_where(Cmd *cmd, const ConfigAccount *account,
                          const ConfigLinks *links, bool *here, Err *err)
{
    *here = links->count && config_is_linked(links, account->id);
    if (!links->count || *here)
        return true;
    if (cmd->term->interactive) {
        term_say(cmd->term, "%.*s is not linked in %.*s.",
                 P(cmd_account_title(cmd, account)), P(links->path));
        return ask_confirm(cmd->term, "Link it here and use it?", true, here,
                           err);
    }
    term_say(cmd->term,
             "%.*s is not linked in %.*s: the default of the config is set "
             "instead.",
             P(cmd_account_title(cmd, account)), P(links->path));
    return true;
}

static bool cmd_use_save(Cmd *cmd, const ConfigAccount *account, Err *err)
{
    ConfigEdit edit;
    if (!config_edit_begin(cmd->arena, cmd->config.path, cmd->config.form,
                           &edit, err))
        return false;
    const ConfigAccount *there = config_find_id(&edit.config, account->id);
    bool ok = there != NULL;
    if (ok) {
        config_edit_default(&edit, there);
        ok = config_edit_commit(&edit, err);
    } else {
        err_set(err, EXIT_CONFIG, "the account has just been removed from %.*s",
                P(cmd->config.path));
    }
    config_edit_end(&edit);
    return ok;
}

/* Says where another file goes before the config's default. */
static void cmd_use_warn(Cmd *cmd, const ConfigAccount *account)
{
    Err ignored = {0};
    ConfigChoice choice = {0};
    Config after = cmd->config;
    after.default_account = arena_printf(cmd->arena, "%" PRId64, account->id);
    if (!config_choose(cmd->arena, &after, (Str){0}, &choice, &ignored)) {
        term_warn(cmd->term, "%s", ignored.message);
        return;
    }
    if (!str_eq(choice.why, after.path))
        term_warn(cmd->term, "in this folder %.*s goes before it: %.*s",
                  P(choice.why), P(cmd_account_title(cmd, choice.account)));
}

static bool cmd_account_use(Cmd *cmd, Err *err)
{
    const ConfigAccount *account = NULL;
    ConfigLinks links = {0};
    bool here = false;
    if (!cmd_load_config(cmd, err))
        return false;
    if (cmd->config.form == CONFIG_ENVIRONMENT)
        return err_set(err, EXIT_USAGE,
                       "the config is the environment's: "
                       "there is no default to set");
    bool chosen = cmd->args[0].len ? config_require(&cmd->config, cmd->args[0],
                                                    &account, err)
                                   : cmd_use_ask(cmd, &account, err);
    if (!chosen || !config_read_links(cmd->arena, &links, err) ||
        !cmd_use_where(cmd, account, &links, &here, err))
        return false;
    if (here &&
        !config_save_link_default(cmd->arena, links.path, account->id, err))
        return false;
    if (!here && !cmd_use_save(cmd, account, err))
        return false;
    Str path = here ? links.path : cmd->config.path;
    term_say(cmd->term, "The default account%s is now %.*s, in %.*s",
             here ? " of this folder" : "", P(cmd_account_title(cmd, account)),
             P(path));
    if (!here)
        cmd_use_warn(cmd, account);
    if (cmd_on(cmd, OPT_JSON)) {
        cJSON *answer = json_new(cmd->arena);
        json_add(answer, "account", cmd_account_json(account));
        json_add_text(answer, "source", path);
        cmd_print_json(cmd, answer);
    }
    return true;
}

/* ---- hs api ---- */

/* Where the answer's body goes: to stdout, re-indented where it is JSON. */
typedef struct {
    Cmd *cmd;
    bool raw;
    bool started;
    bool json;
    char last; /* the last byte written */
    JsonIndent indent;
} CmdApiOut;

static void cmd_api_write(void *to, Str text)
{
    CmdApiOut *out = to;
    if (!text.len)
        return;
    term_out_foreign(out->cmd->term, text);
    out->last = text.ptr[text.len - 1];
}

/* Does the media type say JSON (RFC 8259, RFC 6839)? */
static bool cmd_api_json_type(const HttpRes *res)
{
    Str type = http_header(res, S("Content-Type"));
    Str name = str_trim(str_cut(&type, ';'));
    Str end = str_slice(name, name.len - 5, name.len);
    return str_in_words(name, "application/json text/json") ||
           (name.len > 5 && str_eq_nocase(end, S("+json")));
}

/* Is this body JSON? A whole one is checked; of one that streams the type
 * must do. */
static bool cmd_api_is_json(const HttpRes *res, Str piece, bool whole)
{
    Err ignored = {0};
    Str text = str_trim(str_slice(piece, 0, KIB));
    if (!whole)
        return cmd_api_json_type(res);
    return (cmd_api_json_type(res) ||
            (text.len && strchr("{[", text.ptr[0]))) &&
           json_validate(piece, JSON_DEPTH, &ignored);
}

static bool cmd_api_sink(void *to, const HttpRes *res, Str piece, bool last,
                         Err *err)
{
    CmdApiOut *out = to;
    Term *term = out->cmd->term;
    if (!out->started) {
        out->started = true;
        term_say(term, "%d %.*s", res->status, P(res->reason));
        out->json = !out->raw && cmd_api_is_json(res, piece, last);
        out->indent.sink = cmd_api_write;
        out->indent.to = out;
    }
    if (out->raw)
        term_out(term, piece);
    else if (out->json)
        json_indent(&out->indent, piece);
    else
        cmd_api_write(out, piece);
    json_indent_flush(&out->indent);
    bool line = out->json ? !out->indent.broken : term->out_terminal;
    if (last && line && res->received && out->last != '\n')
        cmd_api_write(out, S("\n"));
    if (term->out_error)
        return err_set(err, EXIT_FAILED, "cannot write to stdout: %s",
                       os_error(term->out_error));
    return true;
}

/* The JSON that --data gives: text, @file, or - for stdin. It goes over the
 * wire as it is, digit for digit. */
static bool cmd_api_data(Cmd *cmd, Str *out, Err *err)
{
    enum { MOST = 32 * MIB };
    Str data = cmd_text(cmd, OPT_DATA);
    Err fault = {0};
    int code = 0;
    *out = data;
    if (str_eq(data, S("-")))
        code = os_read_fd(cmd->arena, STDIN_FILENO, MOST, out);
    else if (str_starts(data, S("@")))
        code = os_read_file(cmd->arena, str_slice(data, 1, data.len), MOST,
                            out);
    if (code == EINTR && os_interrupted())
        return err_set(err, (ExitCode)(128 + os_interrupted()), "interrupted");
    if (code)
        return err_set(err, EXIT_USAGE, "cannot read --data %.*s: %s", P(data),
                       code == EFBIG ? "it is larger than 32 MiB"
                                     : os_error(code));
    if (json_validate(*out, JSON_DEPTH, &fault))
        return true;
    err_set(err, EXIT_USAGE, "--data is %s", fault.message);
    return err_hint(err, "It takes JSON text, @file, or - for stdin.");
}

/*
 * The path of an endpoint: with or without a leading slash, or a whole URL of
 * this API and no other host. What may not stand in a path is percent-encoded;
 * control bytes are refused.
 */
static bool cmd_api_path(Cmd *cmd, const Hub *hub, Str endpoint, Str *out,
                         Err *err)
{
    Url url = {0};
    Str host = hub_host(cmd->arena, hub, false);
    Buf path = buf_new(cmd->arena, 48 * KIB);
    for (ptrdiff_t i = 0; i < endpoint.len; i++)
        if ((unsigned char)endpoint.ptr[i] < ' ' || endpoint.ptr[i] == 0x7f)
            return err_set(err, EXIT_USAGE,
                           "the endpoint holds a line break or another control "
                           "byte");
    ptrdiff_t scheme = str_find(endpoint, S("://"));
    ptrdiff_t query = str_index(endpoint, '?');
    if (scheme >= 0 && (query < 0 || scheme < query)) {
        bool ours = url_parse(endpoint, &url) &&
                    str_eq_nocase(url.scheme, S("https")) && !url.user.len &&
                    url.port == 443 && str_eq_nocase(url.host, host);
        if (!ours) {
            err_set(err, EXIT_USAGE,
                    "the endpoint is on another host than "
                    "%.*s: the account's token goes nowhere "
                    "else",
                    P(host));
            return err_hint(err, "Give the path alone: hs api "
                                 "/crm/v3/objects/contacts");
        }
        endpoint = url.path;
    }
    while (str_starts(endpoint, S("/")))
        endpoint = str_slice(endpoint, 1, endpoint.len);
    buf_add_char(&path, '/');
    url_add_encoded(&path, endpoint, URL_PATH_MARKS);
    *out = buf_str(&path);
    return !path.full || err_set(err, EXIT_USAGE, "the endpoint is too long");
}

/* The account for `hs api`: HUBSPOT_ACCESS_TOKEN is one by itself, unless the
 * command line names another. */
static bool cmd_api_account(Cmd *cmd, Hub *hub, Err *err)
{
    Str token = str_trim(os_env("HUBSPOT_ACCESS_TOKEN"));
    Str which = cmd_text(cmd, OPT_ACCOUNT);
    ConfigChoice choice = {0};
    if (cmd_on(cmd, OPT_USE_ENV) && which.len)
        return err_set(err, EXIT_USAGE, "--use-env does not go with --account");
    ConfigWhere where = cmd_where(cmd);
    if (token.len && !which.len && !config_uses_env(&where) &&
        !config_named_path(&where).len) {
        ConfigAccount bare = {
            .auth = CONFIG_AUTH_TOKEN,
            .key = secret_from(token),
            .qa = str_eq_nocase(os_env("HUBSPOT_ENVIRONMENT"), S("qa"))};
        if (os_env("HUBSPOT_ACCOUNT_ID").len &&
            !str_int(os_env("HUBSPOT_ACCOUNT_ID"), &bare.id))
            return err_set(err, EXIT_CONFIG,
                           "HUBSPOT_ACCOUNT_ID is not a number");
        term_debug(cmd->term, "account: that of HUBSPOT_ACCESS_TOKEN");
        *hub = hub_open(cmd->arena, cmd->term, &cmd->pool, NULL, &bare);
        return true;
    }
    if (!cmd_load_config(cmd, err) ||
        !config_choose(cmd->arena, &cmd->config, which, &choice, err))
        return false;
    term_debug(cmd->term, "account: %.*s, chosen by %.*s",
               P(cmd_account_title(cmd, choice.account)), P(choice.why));
    *hub = hub_open(cmd->arena, cmd->term, &cmd->pool, &cmd->config,
                    choice.account);
    return true;
}

/* Any JSON can be an endpoint's answer, and that is what the schema says. */
static bool cmd_api_schema(Cmd *cmd)
{
    cJSON *schema = json_new(cmd->arena);
    json_add_text(schema, "$schema",
                  S("https://json-schema.org/draft/2020-12/schema"));
    json_add_text(schema, "title", S("The answer of the endpoint"));
    cmd_print_json(cmd, schema);
    return true;
}

static bool cmd_api(Cmd *cmd, Err *err)
{
    Hub hub = {.arena = cmd->arena, .term = cmd->term, .pool = &cmd->pool};
    HttpRes res;
    HubCall call = {.method = cmd_text(cmd, OPT_METHOD)};
    CmdApiOut out = {.cmd = cmd, .raw = cmd_on(cmd, OPT_RAW)};
    if (cmd_on(cmd, OPT_JSON_SCHEMA))
        return cmd_api_schema(cmd);
    call.has_body = cmd->options[OPT_DATA].set;
    if (!call.method.len)
        call.method = call.has_body ? S("POST") : S("GET");
    call.sink = cmd_api_sink;
    call.to = &out;
    if (!cmd_api_account(cmd, &hub, err) ||
        !cmd_api_path(cmd, &hub, cmd->args[0], &call.path, err) ||
        (call.has_body && !cmd_api_data(cmd, &call.body, err)) ||
        !cmd_go_online(cmd, err))
        return false;
    term_say(cmd->term, "%.*s https://%.*s%.*s", P(call.method),
             P(hub_host(cmd->arena, &hub, false)), P(call.path));
    if (!hub_call(&hub, &call, &res, err))
        return false;
    term_flush(cmd->term);
    if (res.status >= 300)
        return hub_refused(cmd->arena, &hub, &res, err);
    return true;
}

/* ==== 12 Command line ==================================================== *
 *
 * The commands and options as data, and all that is made of it: parsing,
 * help, suggestions. One table drives all, so that they cannot disagree.
 *
 * What people type for the official client works: `--flag value` and
 * `--flag=value`; flags also as `--no-flag` and `--flag=true|false`; long
 * names in camelCase too; short ones joined; options before and after the
 * arguments; `--` ends them. An empty value is an error and not a default:
 * `-a "$ACCOUNT"` with an unset variable must not reach another account.
 */

typedef enum { CLI_FLAG, CLI_TEXT, CLI_NUMBER } CliKind;

typedef struct {
    const char *name;
    const char *alias; /* a second long name */
    char letter;
    CliKind kind;
    bool hidden;
    bool secret;         /* wiped from argv */
    const char *value;   /* its name in the help */
    const char *choices; /* words separated by spaces, in lower case */
    const char *help;
} CliOption;

enum { CLI_OPTIONS = 12, CLI_WIDTH = 80 };

typedef struct {
    const char *group; /* "account", or NULL */
    const char *group_alias;
    const char *name;
    const char *alias;
    const char *args; /* in the usage line */
    int least;        /* arguments */
    int most;
    const char *summary;
    const char *more; /* a paragraph for the help, or NULL */
    const char *examples;
    bool (*run)(Cmd *cmd, Err *err);
    CmdOption options[CLI_OPTIONS];
} CliCommand;

static const CliOption cli_options[OPT_COUNT] = {
    [OPT_HELP] = {"help", NULL, 'h', CLI_FLAG, false, false, NULL, NULL,
                  "Show the help of a command"},
    [OPT_VERSION] = {"version", NULL, 'v', CLI_FLAG, false, false, NULL, NULL,
                     "Show the version"},
    [OPT_JSON] = {"json", "format-output-as-json", 0, CLI_FLAG, false, false,
                  NULL, NULL, "Print the result as JSON"},
    [OPT_DEBUG] = {"debug", NULL, 'd', CLI_FLAG, false, false, NULL, NULL,
                   "Say what happens on stderr, without secrets"},
    [OPT_NETWORK_DEBUG] = {"network-debug", NULL, 0, CLI_FLAG, true, false,
                           NULL, NULL, "The same as --debug"},
    [OPT_NO_INPUT] = {"no-input", NULL, 0, CLI_FLAG, false, false, NULL, NULL,
                      "Never ask; end where an answer is missing"},
    [OPT_NO_COLOR] = {"no-color", NULL, 0, CLI_FLAG, false, false, NULL, NULL,
                      "No colour on stderr"},
    [OPT_NO_HYPERLINKS] = {"no-hyperlinks", NULL, 0, CLI_FLAG, true, false,
                           NULL, NULL, "No hyperlinks"},
    [OPT_DISABLE_TRACKING] = {"disable-tracking", NULL, 0, CLI_FLAG, true,
                              false, NULL, NULL, "Accepted; nothing tracks"},
    [OPT_DISABLE_USAGE_TRACKING] = {"disable-usage-tracking", NULL, 0, CLI_FLAG,
                                    true, false, NULL, NULL,
                                    "Accepted; nothing tracks"},
    [OPT_CA_FILE] = {"ca-file", NULL, 0, CLI_TEXT, false, false, "FILE", NULL,
                     "Trust the CA certificates of this file alone"},
    [OPT_MAX_WAIT] = {"max-wait", NULL, 0, CLI_NUMBER, false, false, "SECONDS",
                      NULL, "The most to wait and retry in all (60)"},
    [OPT_ACCOUNT] = {"account", NULL, 'a', CLI_TEXT, false, false, "ACCOUNT",
                     NULL, "The account, by its name or id"},
    [OPT_CONFIG] = {"config", NULL, 'c', CLI_TEXT, false, false, "FILE", NULL,
                    "Use this config file"},
    [OPT_USE_ENV] = {"use-env", NULL, 0, CLI_FLAG, false, false, NULL, NULL,
                     "Take the account from the environment"},
    [OPT_QA] = {"qa", NULL, 0, CLI_FLAG, true, false, NULL, NULL,
                "Use HubSpot's QA environment"},
    [OPT_PAK] = {"personal-access-key", "pak", 0, CLI_TEXT, false, true, "KEY",
                 NULL, "The key; better through --pak-stdin, out of sight"},
    [OPT_PAK_STDIN] = {"pak-stdin", NULL, 0, CLI_FLAG, false, false, NULL, NULL,
                       "Read the key from stdin"},
    [OPT_NAME] = {"name", NULL, 0, CLI_TEXT, false, false, "NAME", NULL,
                  "The account's name in the config"},
    [OPT_USE_DEFAULT_NAME] = {"use-default-name", NULL, 0, CLI_FLAG, false,
                              false, NULL, NULL,
                              "Name it after the hub, without asking"},
    [OPT_DEFAULT] = {"default", NULL, 0, CLI_FLAG, false, false, NULL, NULL,
                     "Make it the default account; --no-default: do not"},
    [OPT_METHOD] = {"method", NULL, 'X', CLI_TEXT, false, false, "METHOD",
                    "get post put patch delete",
                    "GET, POST, PUT, PATCH or DELETE"},
    [OPT_DATA] = {"data", NULL, 0, CLI_TEXT, false, false, "JSON", NULL,
                  "The body: JSON, @file, or - for stdin"},
    [OPT_JSON_SCHEMA] = {"json-schema", NULL, 0, CLI_FLAG, false, false, NULL,
                         NULL, "Print the JSON schema of the output and end"},
    [OPT_RAW] = {"raw", NULL, 0, CLI_FLAG, false, false, NULL, NULL,
                 "Print the answer byte for byte, not re-indented"},
};

/* Options that every command takes. */
static const CmdOption cli_common[] = {
    OPT_HELP,          OPT_DEBUG,
    OPT_NO_INPUT,      OPT_NO_COLOR,
    OPT_CA_FILE,       OPT_MAX_WAIT,
    OPT_VERSION,       OPT_NETWORK_DEBUG,
    OPT_NO_HYPERLINKS, OPT_DISABLE_USAGE_TRACKING,
};

static const CliCommand cli_commands[] = {
    {"account",
     "accounts",
     "auth",
     NULL,
     "",
     0,
     0,
     "Sign in to an account with a personal access key",
     "The key comes from --pak-stdin, HUBSPOT_PERSONAL_ACCESS_KEY, the file\n"
     "that HUBSPOT_PERSONAL_ACCESS_KEY_FILE names, --personal-access-key, or\n"
     "a masked prompt. An account that is in the config is updated in place.",
     "hs account auth --pak-stdin < key.txt\n"
     "hs account auth --name my-portal --default",
     cmd_account_auth,
     {OPT_ACCOUNT, OPT_PAK, OPT_PAK_STDIN, OPT_NAME, OPT_USE_DEFAULT_NAME,
      OPT_DEFAULT, OPT_JSON, OPT_QA, OPT_DISABLE_TRACKING}},
    {"account",
     "accounts",
     "list",
     "ls",
     "",
     0,
     0,
     "List the accounts, and where the default comes from",
     NULL,
     "hs account list\nhs account list --json",
     cmd_account_list,
     {OPT_CONFIG, OPT_JSON}},
    {"account",
     "accounts",
     "info",
     NULL,
     "[account]",
     0,
     1,
     "Show an account and the scopes of its key",
     "Without an argument it is the account that commands here would use.",
     "hs account info\nhs account info my-portal --json",
     cmd_account_info,
     {OPT_CONFIG, OPT_JSON}},
    {"account",
     "accounts",
     "use",
     NULL,
     "[account]",
     0,
     1,
     "Set the default account",
     "In a linked folder (.hs/settings.json) this sets the folder's default.",
     "hs account use my-portal\nhs account use 123456",
     cmd_account_use,
     {OPT_JSON}},
    {NULL,
     NULL,
     "api",
     NULL,
     "<endpoint>",
     1,
     1,
     "Make an authenticated request to HubSpot's API",
     "The answer's body goes to stdout with every digit as HubSpot sent it;\n"
     "the request and the status go to stderr.",
     "hs api /crm/v3/objects/contacts\n"
     "hs api /crm/v3/objects/contacts --data '{\"properties\":{}}'\n"
     "hs api /crm/v3/objects/contacts/1 -X PATCH --data @contact.json",
     cmd_api,
     {OPT_METHOD, OPT_DATA, OPT_RAW, OPT_JSON, OPT_JSON_SCHEMA, OPT_ACCOUNT,
      OPT_CONFIG, OPT_USE_ENV}},
};

static const struct {
    const char *name;
    const char *summary;
} cli_groups[] = {
    {"account", "Accounts: sign in, list, choose"},
};

static const struct {
    ExitCode code;
    const char *help;
} cli_exit_codes[] = {
    {EXIT_DONE, "done"},
    {EXIT_FAILED, "failed"},
    {EXIT_USAGE, "usage, or invalid input"},
    {EXIT_CONFIG, "config or account"},
    {EXIT_AUTH, "authentication or permission"},
    {EXIT_NOT_FOUND, "not found"},
    {EXIT_RATE_LIMIT, "rate limit"},
    {EXIT_NETWORK, "network or TLS"},
    {EXIT_PARTIAL, "some of many items failed"},
    {EXIT_INTERRUPTED, "interrupted"},
};

/* The line under way: what it means so far. */
typedef struct {
    Cmd *cmd;
    int argc;
    char **argv;
    int at;
    bool options_over;
    const CliCommand *command;
    const char *group; /* the group's name, where one was given */
    bool help;         /* `hs help …` */
} CliParse;

static bool cli_is_word(Str text, const char *name)
{
    return name && str_eq(text, str_from(name));
}

/* Is `text` the long name, written with dashes or in camelCase? */
static bool cli_is_long(Str text, const char *name)
{
    ptrdiff_t i = 0;
    if (!name)
        return false;
    if (cli_is_word(text, name))
        return true;
    for (; *name; name++, i++) {
        char want = *name;
        if (want == '-' && name[1])
            want = (char)toupper((unsigned char)*++name);
        if (i >= text.len || text.ptr[i] != want)
            return false;
    }
    return i == text.len;
}

/* Does the command (NULL: none yet) take the option? Before the command's
 * name is known every option is looked at again once it is. */
static bool cli_takes(const CliCommand *command, CmdOption option)
{
    for (int i = 0; i < COUNT(cli_common); i++)
        if (cli_common[i] == option)
            return true;
    for (int i = 0; command && i < CLI_OPTIONS && command->options[i]; i++)
        if (command->options[i] == option)
            return true;
    return false;
}

/* The option of this long name; OPT_NONE where there is none. `*negated`
 * where it is a flag written as --no-flag. */
static CmdOption cli_find_long(Str name, bool *negated)
{
    *negated = false;
    for (int i = 1; i < OPT_COUNT; i++)
        if (cli_is_long(name, cli_options[i].name) ||
            cli_is_long(name, cli_options[i].alias))
            return (CmdOption)i;
    if (!str_starts(name, S("no-")))
        return OPT_NONE;
    name = str_slice(name, 3, name.len);
    *negated = true;
    for (int i = 1; i < OPT_COUNT; i++)
        if (cli_options[i].kind == CLI_FLAG &&
            (cli_is_long(name, cli_options[i].name) ||
             cli_is_long(name, cli_options[i].alias)))
            return (CmdOption)i;
    return OPT_NONE;
}

static CmdOption cli_find_letter(char letter)
{
    for (int i = 1; i < OPT_COUNT; i++)
        if (cli_options[i].letter == letter)
            return (CmdOption)i;
    return OPT_NONE;
}

/* The command's words, "account list", or "" where there is none. */
static Str cli_words(Arena *arena, const CliCommand *command)
{
    if (!command)
        return S("");
    return arena_printf(arena, "%s%s%s", command->group ? command->group : "",
                        command->group ? " " : "", command->name);
}

static bool cli_hint_help(const CliParse *parse, Err *err)
{
    Str words = cli_words(parse->cmd->arena, parse->command);
    return err_hint(err, "See hs %.*s%s--help.", P(words),
                    words.len ? " " : "");
}

/* An option that the command does not take: the closest one is suggested. */
static bool cli_unknown_option(const CliParse *parse, Str written, Str name,
                               Err *err)
{
    const char *close = NULL;
    int best = name.len < 5 ? 2 : 3;
    for (int i = 1; i < OPT_COUNT; i++) {
        int distance = str_distance(str_from(cli_options[i].name), name);
        if (cli_takes(parse->command, (CmdOption)i) && !cli_options[i].hidden &&
            distance < best) {
            best = distance;
            close = cli_options[i].name;
        }
    }
    err_set(err, EXIT_USAGE, "unknown option %.*s", P(written));
    if (close)
        return err_hint(err, "Did you mean --%s?", close);
    return cli_hint_help(parse, err);
}

static bool cli_flag_value(const CliOption *option, Str value, bool *on,
                           Err *err)
{
    if (str_in_words(value, "true false")) {
        *on = str_eq_nocase(value, S("true"));
        return true;
    }
    return err_set(err, EXIT_USAGE, "--%s is true or false, not '%.*s'",
                   option->name, P(value));
}

/* Sets a text or a number, checked against what the option allows. */
static bool cli_set_value(Cmd *cmd, CmdOption which, Str value, Err *err)
{
    const CliOption *option = &cli_options[which];
    CmdValue *slot = &cmd->options[which];
    if (!value.len && which != OPT_DATA) /* whose text is checked as JSON */
        return err_set(err, EXIT_USAGE, "--%s needs a value, and it is empty",
                       option->name);
    slot->set = true;
    slot->text = arena_copy(cmd->arena, value);
    if (option->kind == CLI_NUMBER &&
        (!str_int(value, &slot->number) || slot->number < 0 ||
         slot->number > 86400))
        return err_set(err, EXIT_USAGE,
                       "--%s is a number from 0 to 86400, not '%.*s'",
                       option->name, P(value));
    if (option->choices) {
        if (!str_in_words(value, option->choices))
            return err_set(err, EXIT_USAGE, "--%s is %s, not '%.*s'",
                           option->name, option->help, P(value));
        char *text = arena_alloc(cmd->arena, value.len);
        for (ptrdiff_t i = 0; i < value.len; i++)
            text[i] = (char)toupper((unsigned char)value.ptr[i]);
        slot->text = (Str){text, value.len};
    }
    return true;
}

/* Overwrites a secret in argv, where every user of the machine can read it
 * with ps; the copy in the arena is what counts from here on. */
static void cli_wipe_argv(char *text)
{
    secret_wipe(text, (ptrdiff_t)strlen(text));
}

/* One option with its value, given with it (`has_value`) or in the next
 * argument. */
static bool cli_take_option(CliParse *parse, CmdOption which, bool negated,
                            bool has_value, Str value, Err *err)
{
    const CliOption *option = &cli_options[which];
    CmdValue *slot = &parse->cmd->options[which];
    if (option->kind == CLI_FLAG) {
        bool on = true;
        if (has_value && !cli_flag_value(option, value, &on, err))
            return false;
        slot->set = true;
        slot->on = on != negated;
        return true;
    }
    if (has_value)
        return cli_set_value(parse->cmd, which, value, err);
    if (parse->at == parse->argc ||
        str_starts(str_from(parse->argv[parse->at]), S("--"))) {
        err_set(err, EXIT_USAGE, "--%s needs a value", option->name);
        return cli_hint_help(parse, err);
    }
    char *next = parse->argv[parse->at++];
    bool ok = cli_set_value(parse->cmd, which, str_from(next), err);
    if (option->secret)
        cli_wipe_argv(next);
    return ok;
}

static bool cli_take_long(CliParse *parse, char *text, Err *err)
{
    Str value = str_from(text + 2);
    bool has_value = str_index(value, '=') >= 0;
    bool negated = false;
    Str name = str_cut(&value, '=');
    CmdOption which = cli_find_long(name, &negated);
    if (which == OPT_NONE || !cli_takes(parse->command, which))
        return cli_unknown_option(
            parse, arena_printf(parse->cmd->arena, "--%.*s", P(name)), name,
            err);
    bool ok = cli_take_option(parse, which, negated, has_value, value, err);
    if (cli_options[which].secret && has_value)
        cli_wipe_argv((char *)(text + 2 + name.len + 1));
    return ok;
}

/* Short options, joined or not: -d, -dX POST, -XPOST, -X=POST. */
static bool cli_take_short(CliParse *parse, const char *text, Err *err)
{
    for (Str rest = str_from(text + 1); rest.len;) {
        CmdOption which = cli_find_letter(rest.ptr[0]);
        Str letter = str_slice(rest, 0, 1);
        rest = str_slice(rest, 1, rest.len);
        if (which == OPT_NONE || !cli_takes(parse->command, which))
            return cli_unknown_option(
                parse, arena_printf(parse->cmd->arena, "-%.*s", P(letter)),
                letter, err);
        bool flag = cli_options[which].kind == CLI_FLAG;
        bool equals = str_starts(rest, S("="));
        Str value = equals ? str_slice(rest, 1, rest.len) : rest;
        bool has_value = equals || (!flag && rest.len);
        if (!cli_take_option(parse, which, false, has_value, value, err))
            return false;
        if (has_value)
            return true;
    }
    return true;
}

/* The command of a word in a group (NULL: at the top). */
static const CliCommand *cli_find_command(const char *group, Str word)
{
    for (int i = 0; i < COUNT(cli_commands); i++) {
        const CliCommand *command = &cli_commands[i];
        bool same = group ? command->group && !strcmp(command->group, group)
                          : !command->group;
        if (same && (cli_is_word(word, command->name) ||
                     cli_is_word(word, command->alias)))
            return command;
    }
    return NULL;
}

static const char *cli_find_group(Str word)
{
    for (int i = 0; i < COUNT(cli_commands); i++)
        if (cli_is_word(word, cli_commands[i].group) ||
            cli_is_word(word, cli_commands[i].group_alias))
            return cli_commands[i].group;
    return NULL;
}

/* No such command: the closest of those that could stand here. */
static bool cli_unknown_command(const CliParse *parse, Str word, Err *err)
{
    const char *close = NULL;
    int best = 3;
    for (int i = 0; i < COUNT(cli_commands); i++) {
        const CliCommand *command = &cli_commands[i];
        bool here = parse->group ? command->group &&
                                       !strcmp(command->group, parse->group)
                                 : true;
        const char *name = !parse->group && command->group ? command->group
                                                           : command->name;
        int distance = str_distance(str_from(name), word);
        if (here && distance < best) {
            best = distance;
            close = name;
        }
    }
    err_set(err, EXIT_USAGE, "there is no command '%s%s%.*s'",
            parse->group ? parse->group : "", parse->group ? " " : "", P(word));
    if (close)
        return err_hint(err, "Did you mean hs %s%s%s?",
                        parse->group ? parse->group : "",
                        parse->group ? " " : "", close);
    return err_hint(err, "See hs %s%s--help.", parse->group ? parse->group : "",
                    parse->group ? " " : "");
}

/* A word that is no option: a part of the command's name, or an argument. */
static bool cli_take_word(CliParse *parse, Str word, Err *err)
{
    Cmd *cmd = parse->cmd;
    if (!parse->command && !parse->group && !parse->help &&
        cli_is_word(word, "help")) {
        parse->help = true;
        return true;
    }
    if (!parse->command) {
        parse->command = cli_find_command(parse->group, word);
        if (parse->command)
            return true;
        if (!parse->group && (parse->group = cli_find_group(word)))
            return true;
        return cli_unknown_command(parse, word, err);
    }
    if (!word.len)
        return err_set(err, EXIT_USAGE, "an argument is empty");
    if (cmd->arg_count == parse->command->most &&
        cli_takes(parse->command, OPT_PAK)) { /* it may be the key */
        err_set(err, EXIT_USAGE, "there is an argument too many");
        return err_hint(err, "Give the key on stdin, with --pak-stdin.");
    }
    if (cmd->arg_count == parse->command->most) {
        err_set(err, EXIT_USAGE, "there is an argument too many: '%.*s'",
                P(word));
        return cli_hint_help(parse, err);
    }
    cmd->args[cmd->arg_count++] = word;
    return true;
}

/* Does this option take its value from the next argument? `text` begins with
 * a dash; letters that take none may stand before one that does. */
static bool cli_takes_next(const char *text)
{
    bool negated = false;
    Str rest = str_from(text + 1);
    if (text[1] == '-') {
        rest = str_slice(rest, 1, rest.len);
        CmdOption which = cli_find_long(rest, &negated);
        return which && cli_options[which].kind != CLI_FLAG;
    }
    for (; rest.len; rest = str_slice(rest, 1, rest.len)) {
        CmdOption which = cli_find_letter(rest.ptr[0]);
        if (which && cli_options[which].kind != CLI_FLAG)
            return rest.len == 1;
    }
    return false;
}

/* Wipes the secrets among the arguments that were not taken yet. */
static void cli_wipe_rest(const CliParse *parse)
{
    bool negated = false;
    for (int i = parse->at; i < parse->argc; i++) {
        Str value = str_from(parse->argv[i]);
        bool here = str_index(value, '=') >= 0;
        if (!str_starts(value, S("--")))
            continue;
        value = str_slice(value, 2, value.len);
        Str name = str_cut(&value, '=');
        if (!cli_options[cli_find_long(name, &negated)].secret)
            continue;
        if (here)
            cli_wipe_argv(parse->argv[i] + 2 + name.len + 1);
        else if (i + 1 < parse->argc)
            cli_wipe_argv(parse->argv[++i]);
    }
}

/* Finds the command first, since options may stand before its name: the words
 * that are no options, and no option's value, in their order. */
static void cli_find_words(CliParse *parse)
{
    CliParse look = *parse;
    Err ignored = {0};
    bool over = false;
    for (look.at = 1; look.at < look.argc && !look.command; look.at++) {
        const char *text = look.argv[look.at];
        if (!over && !strcmp(text, "--"))
            over = true;
        else if (over || text[0] != '-' || !text[1])
            cli_take_word(&look, str_from(text), &ignored);
        else if (cli_takes_next(text))
            look.at++;
        if (ignored.code)
            break;
    }
    parse->command = look.command;
}

/* A key that strays into an argument is not to be quoted in an error: what
 * looks like one is hidden from here on. */
static void cli_hide_keys(const CliParse *parse)
{
    for (int i = 1; i < parse->argc; i++) {
        Str text = str_from(parse->argv[i]);
        ptrdiff_t at = str_starts(text, S("-")) ? str_index(text, '=') + 1 : 0;
        Str value = str_slice(text, at, text.len);
        if (value.len >= 32 &&
            (str_starts(value, S("Ci")) || str_starts(value, S("pat-"))))
            term_hide(parse->cmd->term, secret_from(value));
    }
}

/* Parses argv into the command, its arguments and options. Keys are hidden
 * from errors before anything else, and wiped from argv, also after a fault. */
static bool cli_parse(CliParse *parse, Err *err)
{
    cli_hide_keys(parse);
    cli_find_words(parse);
    const CliCommand *found = parse->command;
    parse->command = NULL;
    for (parse->at = 1; parse->at < parse->argc;) {
        char *text = parse->argv[parse->at++];
        bool ok = true;
        if (!parse->options_over && !strcmp(text, "--")) {
            parse->options_over = true;
        } else if (parse->options_over || text[0] != '-' || !text[1]) {
            ok = cli_take_word(parse, str_from(text), err);
        } else {
            const CliCommand *named = parse->command;
            parse->command = found;
            ok = text[1] == '-' ? cli_take_long(parse, text, err)
                                : cli_take_short(parse, text, err);
            parse->command = ok ? named : found;
        }
        if (!ok) {
            cli_wipe_rest(parse);
            return false;
        }
    }
    return true;
}

static void cli_print_option(Term *term, CmdOption which)
{
    const CliOption *option = &cli_options[which];
    char left[64];
    char letter[8] = "    ";
    if (!option->help || option->hidden)
        return;
    if (option->letter)
        snprintf(letter, sizeof(letter), "-%c, ", option->letter);
    snprintf(left, sizeof(left), "%s--%s%s%s%s%s", letter, option->name,
             option->alias && strlen(option->alias) < 8 ? ", --" : "",
             option->alias && strlen(option->alias) < 8 ? option->alias : "",
             option->value ? " " : "", option->value ? option->value : "");
    if (strlen(left) < 24)
        term_printf(term, "  %-24s  %s\n", left, option->help);
    else
        term_printf(term, "  %s\n  %-24s  %s\n", left, "", option->help);
}

static void cli_print_common(Term *term)
{
    term_printf(term, "\nOptions of every command:\n");
    for (int i = 0; i < COUNT(cli_common); i++)
        cli_print_option(term, cli_common[i]);
}

/* Prints lines, each indented. */
static void cli_print_lines(Term *term, const char *text, const char *indent)
{
    Str rest = str_from(text);
    while (rest.len) {
        Str line = str_cut(&rest, '\n');
        term_printf(term, "%s%.*s\n", indent, P(line));
    }
}

static void cli_help_command(Term *term, const CliCommand *command)
{
    Arena scratch = {0};
    Str words = cli_words(&scratch, command);
    term_printf(term, "%s\n\nUsage: hs %.*s%s%s [options]\n", command->summary,
                P(words), command->args[0] ? " " : "", command->args);
    if (command->alias)
        term_printf(term, "Also:  hs %s %s\n", command->group, command->alias);
    if (command->more) {
        term_printf(term, "\n");
        cli_print_lines(term, command->more, "");
    }
    if (command->options[0])
        term_printf(term, "\nOptions:\n");
    for (int i = 0; i < CLI_OPTIONS && command->options[i]; i++)
        cli_print_option(term, command->options[i]);
    cli_print_common(term);
    term_printf(term, "\nExamples:\n");
    cli_print_lines(term, command->examples, "  ");
    arena_free(&scratch);
}

/* The commands of a group (NULL: all), a line each. */
static void cli_print_commands(Term *term, const char *group)
{
    for (int i = 0; i < COUNT(cli_commands); i++) {
        const CliCommand *command = &cli_commands[i];
        Arena scratch = {0};
        if (group && (!command->group || strcmp(command->group, group) != 0))
            continue;
        Str left = arena_printf(&scratch, "%.*s%s%s",
                                P(cli_words(&scratch, command)),
                                command->args[0] ? " " : "", command->args);
        term_printf(term, "  %-24.*s  %s\n", P(left), command->summary);
        arena_free(&scratch);
    }
}

static void cli_help_group(Term *term, const char *group)
{
    for (int i = 0; i < COUNT(cli_groups); i++)
        if (!strcmp(cli_groups[i].name, group))
            term_printf(term, "%s\n", cli_groups[i].summary);
    term_printf(term, "\nUsage: hs %s <command> [options]\n\nCommands:\n",
                group);
    cli_print_commands(term, group);
    cli_print_common(term);
}

static void cli_help_all(Term *term)
{
    term_printf(term, "HubSpot accounts, sign-in and API requests from one "
                      "binary.\n\nUsage: hs <command> [options]\n\n"
                      "Commands:\n");
    cli_print_commands(term, NULL);
    cli_print_common(term);
    term_printf(term, "\nExit codes:\n");
    for (int i = 0; i < COUNT(cli_exit_codes); i++)
        term_printf(term, "  %3d  %s\n", cli_exit_codes[i].code,
                    cli_exit_codes[i].help);
    term_printf(term, "\nhs help <command> shows more.\n");
}

static void cli_help(Term *term, const CliParse *parse)
{
    if (parse->command)
        cli_help_command(term, parse->command);
    else if (parse->group)
        cli_help_group(term, parse->group);
    else
        cli_help_all(term);
}

/* What the common options change about the terminal. */
static void cli_apply(Cmd *cmd)
{
    Term *term = cmd->term;
    term->debug = cmd->options[OPT_DEBUG].on ||
                  cmd->options[OPT_NETWORK_DEBUG].on;
    if (cmd->options[OPT_NO_COLOR].on)
        term->color = false;
    if (cmd->options[OPT_NO_INPUT].on)
        term->interactive = false;
}

/* Parses the command line and runs what it says. */
static bool cli_run(Cmd *cmd, int argc, char **argv, Err *err)
{
    CliParse parse = {.cmd = cmd, .argc = argc, .argv = argv};
    bool ok = cli_parse(&parse, err);
    cli_apply(cmd);
    if (!ok)
        return false;
    if (cmd->options[OPT_VERSION].on) {
        term_out(cmd->term, S(HS_VERSION "\n")); /* no printf: half the pages */
        return true;
    }
    bool nothing = !parse.command && !parse.group;
    if (parse.help || cmd->options[OPT_HELP].on || nothing) {
        cli_help(cmd->term, &parse);
        return true;
    }
    if (!parse.command) {
        err_set(err, EXIT_USAGE, "hs %s needs a command", parse.group);
        return err_hint(err, "See hs %s --help.", parse.group);
    }
    if (cmd->arg_count < parse.command->least) {
        err_set(err, EXIT_USAGE, "hs %.*s needs %s",
                P(cli_words(cmd->arena, parse.command)), parse.command->args);
        return cli_hint_help(&parse, err);
    }
    return parse.command->run(cmd, err);
}

/* ==== 13 Main ============================================================ *
 *
 * Sets up, runs, turns the result into words and an exit code. Output that
 * could not be written is a failure, whatever the command said.
 */

#ifndef HS_TEST
int main(int argc, char **argv)
{
    static Term term;
    /* Costs no more than what is touched, and most runs need no malloc(). */
    static _Alignas(max_align_t) char memory[256 * KIB];
    Arena arena = arena_in(memory, sizeof(memory));
    Err err = {0};
    os_init();
    json_init();
    term_init(&term, &arena);
    Cmd cmd = {.arena = &arena, .term = &term};
    bool ok = cli_run(&cmd, argc, argv, &err);
    term_flush(&term);
    if (os_interrupted() && (!ok || term.out_error)) {
        err = (Err){0};
        ok = err_set(&err, (ExitCode)(128 + os_interrupted()), "interrupted");
    }
    if (term.out_error && ok)
        ok = err_set(&err, EXIT_FAILED, "cannot write to stdout: %s",
                     os_error(term.out_error));
    if (!ok)
        term_error(&term, &err);
    http_free(&cmd.pool);
    arena_free(&arena);
    return ok ? EXIT_DONE : err.code ? err.code : EXIT_FAILED;
}
#endif
