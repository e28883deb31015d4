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
 *   07 Ignore rules  ignore_
 *   08 TLS           tls_
 *   09 HTTP          http_
 *   10 Loopback      loop_
 *   11 Config        config_
 *   12 HubSpot       hub_
 *   13 Commands      cmd_
 *   14 Command line  cli_
 *   15 Main          main
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
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

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
 *
 * A message is one line: a line break in it comes from untrusted text. A list
 * of details goes into `rows`, which are printed below the message, a line
 * each; `row` holds them one after the other, each with its NUL.
 */
typedef struct {
    ExitCode code;
    int rows;
    int rows_left_out; /* for want of room */
    int row_len;
    int line; /* where libyaml could not go on, from 1; 0: elsewhere */
    char message[4096];
    char hint[KIB];
    char row[3 * KIB];
} Err;

/* Text that must not be shown. Take it out with secret_text(), on purpose. */
typedef struct {
    Str hidden;
} Secret;

enum { ARENA_ALIGN = 16, ARENA_CHUNK = 16 * KIB, ARENA_GROWN = 512 * KIB };

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

/* Writes the bytes of `s` to `to`. Most are few, and for those musl's memcpy()
 * (rep movs) takes its time to begin. Eight at a time, the last ones maybe
 * twice. */
static void str_put(char *to, Str s)
{
    ptrdiff_t i = 0;
    if (s.len > 128) {
        memcpy(to, s.ptr, (size_t)s.len);
        return;
    }
    for (; s.len >= 8 && i < s.len; i += 8) {
        ptrdiff_t at = i < s.len - 8 ? i : s.len - 8;
        memcpy(to + at, s.ptr + at, 8);
    }
    for (; i < s.len; i++)
        to[i] = s.ptr[i];
}

/* The part of `s` from `from` up to, not including, `to`; both clamped. */
static Str str_slice(Str s, ptrdiff_t from, ptrdiff_t to)
{
    from = from < 0 ? 0 : from > s.len ? s.len : from;
    to = to < from ? from : to > s.len ? s.len : to;
    return (Str){s.len ? s.ptr + from : s.ptr, to - from};
}

/* Are these `n` bytes the same? Eight at a time, the last ones maybe twice;
 * musl's memcmp() goes byte by byte. */
static bool str_same(const char *a, const char *b, ptrdiff_t n)
{
    ptrdiff_t i = 0;
    for (; n >= 8 && i < n; i += 8) {
        ptrdiff_t at = i < n - 8 ? i : n - 8;
        uint64_t x = 0;
        uint64_t y = 0;
        memcpy(&x, a + at, 8);
        memcpy(&y, b + at, 8);
        if (x != y)
            return false;
    }
    for (; i < n; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

/* Most texts that differ do so in length: this much is inlined. */
static inline bool str_eq(Str a, Str b)
{
    return a.len == b.len && str_same(a.ptr, b.ptr, a.len);
}

static char str_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* ASCII letters only: protocol words, not people's names. */
static bool str_eq_nocase(Str a, Str b)
{
    if (a.len != b.len)
        return false;
    for (ptrdiff_t i = a.len; i-- > 0;) /* names differ at their ends */
        if (a.ptr[i] != b.ptr[i] && str_lower(a.ptr[i]) != str_lower(b.ptr[i]))
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
/* The number of the line that byte `at` of a text stands in, from 1. */
static int str_line(Str s, ptrdiff_t at)
{
    int line = 1;
    for (ptrdiff_t i = 0; i < at && i < s.len; i++)
        line += s.ptr[i] == '\n';
    return line;
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
    typedef uint64_t Halves __attribute__((vector_size(16)));
    ptrdiff_t i = 0;
    for (; i + 16 <= s.len; i += 16) {
        Block block;
        memcpy(&block, s.ptr + i, sizeof(block));
        /* Ones in the bytes that end the run. */
        Halves odd = (Halves)(block - ' ' > '~' - ' ');
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

/* Is it UTF-8, whole? */
static bool str_is_utf8(Str s)
{
    uint32_t c = 0;
    while (s.len) {
        ptrdiff_t n = str_printable_run(s);
        if (!n)
            n = str_utf8(s, &c);
        if (!n)
            return false;
        s = str_slice(s, n, s.len);
    }
    return true;
}

/* Is it UTF-16, as PowerShell writes it: with a byte order mark, or with a NUL
 * as one half of its first character? */
static bool str_is_utf16(Str s)
{
    return str_starts(s, S("\xff\xfe")) || str_starts(s, S("\xfe\xff")) ||
           (s.len > 1 && s.len % 2 == 0 && !s.ptr[0] != !s.ptr[1]);
}

/* Removes the byte order marks (U+FEFF) at the start of UTF-8 text, which
 * editors and PowerShell write. Were there any? */
static bool str_unmark(Str *text)
{
    static const Str mark = {"\xef\xbb\xbf", 3};
    bool had = str_starts(*text, mark);
    while (str_starts(*text, mark))
        *text = str_slice(*text, mark.len, text->len);
    return had;
}

/* How many edits of a character, or swaps of two neighbours, lead from `a` to
 * `b`; words over 32 bytes count as far apart. For suggestions. */
static int str_distance(Str a, Str b)
{
    enum { MOST = 32 };
    int rows[3][MOST + 1] = {{0}}; /* this one and the two before, in turn */
    if (a.len > MOST || b.len > MOST)
        return 99;
    for (int i = 0; i <= a.len; i++) {
        int *row = rows[i % 3];
        const int *last = rows[(i + 2) % 3];
        const int *before = rows[(i + 1) % 3];
        for (int j = 0; j <= b.len; j++) {
            row[j] = i + j;
            if (!i || !j)
                continue;
            int shorter = last[j] < row[j - 1] ? last[j] : row[j - 1];
            int changed = last[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);
            bool swapped = i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] &&
                           a.ptr[i - 2] == b.ptr[j - 1];
            row[j] = shorter + 1 < changed ? shorter + 1 : changed;
            if (swapped && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
    }
    return rows[a.len % 3][b.len];
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

/* Are they the same? The time that it takes says nothing about where they
 * differ. */
static bool secret_eq(Str a, Str b)
{
    unsigned char differ = 0;
    if (a.len != b.len)
        return false;
    for (ptrdiff_t i = 0; i < a.len; i++)
        differ |= (unsigned char)(a.ptr[i] ^ b.ptr[i]);
    return !differ;
}

/* Are both set, and the same? */
static bool secret_same(Secret a, Secret b)
{
    return secret_is_set(a) && secret_eq(secret_text(a), secret_text(b));
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

/* A new chunk with room for `size` bytes, which is checked and rounded up. */
static ArenaChunk *arena_grow(Arena *arena, ptrdiff_t size)
{
    ptrdiff_t head = (ptrdiff_t)(sizeof(ArenaChunk) + ARENA_ALIGN - 1) &
                     -ARENA_ALIGN;
    ptrdiff_t least = arena->chunks ? 2 * arena->chunks->size : ARENA_CHUNK;
    ptrdiff_t room = least < ARENA_GROWN ? least : ARENA_GROWN;
    if (room < head + size)
        room = head + size;
    ArenaChunk *chunk = malloc((size_t)room);
    if (!chunk)
        arena_exhausted();
    *chunk = (ArenaChunk){arena->chunks, room, head, false};
    arena->chunks = chunk;
    return chunk;
}

/* Gives `size` bytes as arena_alloc() does, but not zeroed: for what is
 * written before it is read, since touching memory twice costs time. */
static void *arena_take(Arena *arena, ptrdiff_t size)
{
    ArenaChunk *chunk = arena->chunks;
    if (size < 0 || size > PTRDIFF_MAX - ARENA_GROWN)
        arena_exhausted();
    size = (size + ARENA_ALIGN - 1) & -ARENA_ALIGN;
    if (!chunk || chunk->size - chunk->used < size)
        chunk = arena_grow(arena, size);
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
    char *copy = arena_take(arena, s.len + 1);
    str_put(copy, s);
    copy[s.len] = '\0';
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
        str_put(text + len, parts[i]);
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
    if (buf->ptr && buf->len) {
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
    str_put(buf->ptr + buf->len, s);
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

/* Appends a character as UTF-8 (RFC 3629). */
static void buf_add_utf8(Buf *buf, uint32_t c)
{
    int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    if (!more)
        buf_add_char(buf, (char)c);
    else
        buf_add_char(buf, (char)(0xff00u >> (more + 1) | c >> 6 * more));
    while (more--)
        buf_add_char(buf, (char)(0x80 | (c >> 6 * more & 0x3f)));
}

/* Is this a character that file systems which ignore case pass over? HFS+ does
 * so for those of git's is_hfs_dotgit(); Linux (casefold) for all that have the
 * property Default_Ignorable_Code_Point. */
static bool str_is_passed_over(uint32_t c)
{
    static const uint32_t ranges[][2] = {
        {0xad, 0xad},       {0x34f, 0x34f},     {0x61c, 0x61c},
        {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},
        {0x200b, 0x200f},   {0x202a, 0x202e},   {0x2060, 0x206f},
        {0x3164, 0x3164},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},
        {0xffa0, 0xffa0},   {0xfff0, 0xfff8},   {0x1bca0, 0x1bca3},
        {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    };
    for (int i = 0; i < COUNT(ranges); i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}

/* The text as file systems that ignore case compare it: all letters in one
 * case, ligatures as letters, without what they pass over. Bytes that are not
 * UTF-8 are kept. */
static Str str_fold(Arena *arena, Str s)
{
    Buf out = buf_new(arena, 2 * s.len + 4);
    while (s.len) {
        uint32_t c = 0;
        int n = str_utf8(s, &c);
        if (n < 2)
            buf_add_char(&out, str_lower(s.ptr[0]));
        else if (c == 0xfb01)
            buf_add(&out, S("fi"));
        else if (!str_is_passed_over(c))
            buf_add_utf8(&out, (uint32_t)towlower(towupper((wint_t)c)));
        s = str_slice(s, n ? n : 1, s.len);
    }
    return buf_str(&out);
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

/* Adds a row below the message. The first one that does not fit, and all that
 * follow, are only counted. Returns false. */
__attribute__((format(printf, 2, 3))) static bool
err_row(Err *err, const char *format, ...)
{
    va_list args;
    int room = COUNT(err->row) - err->row_len;
    va_start(args, format);
    int len = vsnprintf(err->row + err->row_len, (size_t)room, format, args);
    va_end(args);
    if (len < 0 || len >= room || err->rows_left_out) {
        err->rows_left_out++;
        return false;
    }
    err->row_len += len + 1;
    err->rows++;
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
    for (; s->len && *any_of; any_of++)
        if (s->ptr[0] == *any_of) {
            *s = str_slice(*s, 1, s->len);
            return true;
        }
    return false;
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
    return day <= 28 ||
           *days < time_days(year + (month == 12), month % 12 + 1, 1);
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
 * one restores the terminal and ends the program at once. While a prompt is
 * open, SIGWINCH, SIGTSTP and SIGCONT set flags as well: os_terminal_events().
 *
 * Names are looked up by a forked child that calls getaddrinfo() and sends
 * the addresses through a pipe: the one way to put a deadline on it and to
 * stop at Ctrl-C without threads.
 */

/* The most addresses of one name that are tried. */
enum { OS_ADDRESSES = 24 };

typedef struct {
    struct sockaddr_storage at[OS_ADDRESSES];
    int count;
} OsAddresses;
_Static_assert(sizeof(OsAddresses) <= PIPE_BUF, "it is written in one piece");

/* What befell the terminal of a prompt. */
typedef enum {
    OS_RESIZED = 1,
    OS_STOP_ASKED = 2, /* Ctrl-Z */
    OS_CONTINUED = 4   /* fg: others may have set the mode meanwhile */
} OsTerminalEvent;

static volatile sig_atomic_t os_signal;
static volatile sig_atomic_t os_terminal_fd = -1; /* whose mode to restore */
static volatile sig_atomic_t os_terminal_keys;    /* and bracketed paste */
static volatile sig_atomic_t os_terminal_news;    /* OsTerminalEvent bits */
static struct termios os_terminal_old;
static bool os_terminal_hushed; /* see os_terminal_hush() */
static int os_signal_pipe[2] = {-1, -1};
/* Signals that are ignored: SIGXFSZ, so that a file that may not grow is an
 * ordinary error (EFBIG); SIGIO goes to the holder of a lease. */
static const int os_ignored[] = {SIGPIPE, SIGXFSZ, SIGIO};
static struct sigaction os_before[COUNT(os_ignored)]; /* at the start */

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

/*
 * Puts the terminal back as it was before a prompt: bracketed paste off, then
 * the mode. In the background it is left alone: the mode is that of another
 * job, and setting it would stop this one (SIGTTOU). `when` is TCSADRAIN, or
 * TCSAFLUSH to drop what was typed, or TCSANOW in a signal handler.
 */
static void os_terminal_leave(int when)
{
    static const char paste_off[] = "\x1b[?2004l";
    int fd = os_terminal_fd;
    pid_t owner = fd < 0 ? -1 : tcgetpgrp(fd);
    os_terminal_fd = -1;
    if (fd < 0 || (owner > 0 && owner != getpgrp()))
        return;
    ssize_t ignored = 0;
    if (os_terminal_keys)
        ignored = write(STDERR_FILENO, paste_off, sizeof(paste_off) - 1);
    (void)ignored;
    while (tcsetattr(fd, when, &os_terminal_old) && errno == EINTR)
        when = TCSANOW;
}

/* For the ways out that pass ask_close() by: exit() and the second signal. */
static void os_terminal_undo(void)
{
    os_terminal_leave(TCSANOW);
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

/* Keeps what befell the terminal for os_terminal_events(); wakes os_poll(). */
static void os_on_terminal(int number)
{
    int saved = errno;
    int event = number == SIGWINCH  ? OS_RESIZED
                : number == SIGTSTP ? OS_STOP_ASKED
                                    : OS_CONTINUED;
    __atomic_fetch_or(&os_terminal_news, event, __ATOMIC_SEQ_CST);
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
 * written (O_PATH: EBADF, as before), so that no socket or config file becomes
 * "stdout". /dev/stdin leads to it: the folder contains no files. */
static void os_fill_standard_fds(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/proc/self/fd", O_PATH | O_DIRECTORY) < 0 &&
            open("/", O_PATH | O_DIRECTORY) < 0)
            _exit(EXIT_FAILED);
}

/* Is the descriptor closed, or not open for reading? Poll would wait for ever
 * on the end of a pipe that is for writing. */
static bool os_is_unreadable(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 || flags & O_PATH || (flags & O_ACCMODE) == O_WRONLY;
}

/* Sets what a signal does, unless whoever started the program has it ignored:
 * nohup, or a shell for its background. Then it stays so. */
static void os_handle(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    struct sigaction old = {0};
    sigaction(number, &action, &old);
    if (old.sa_handler == SIG_IGN)
        sigaction(number, &old, NULL);
}

/* Puts back, for a program that is to run instead, what os_init() ignores.
 * (Handlers end with exec by themselves.) */
static void os_restore_signals(void)
{
    for (int i = 0; i < COUNT(os_ignored); i++)
        sigaction(os_ignored[i], &os_before[i], NULL);
}

/* Signals, no core file with keys in it, no other process of this user
 * reading this one's memory, UTF-8 widths. Never fails. */
static void os_init(void)
{
    struct rlimit no_core = {0, 0};
    struct sigaction alarmed = {.sa_handler = os_on_alarm};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    os_fill_standard_fds();
    setrlimit(RLIMIT_CORE, &no_core);
    prctl(PR_SET_DUMPABLE, 0);
    os_handle(SIGINT, os_on_signal);
    os_handle(SIGTERM, os_on_signal);
    os_handle(SIGHUP, os_on_signal);
    os_handle(SIGQUIT, os_on_signal);
    atexit(os_terminal_undo);
    sigaction(SIGALRM, &alarmed, NULL);
    for (int i = 0; i < COUNT(os_ignored); i++)
        sigaction(os_ignored[i], &ignore, &os_before[i]);
    setlocale(LC_CTYPE, "C.UTF-8");
}

/* An environment variable; empty where it is unset or empty. */
static Str os_env(const char *name)
{
    return str_from(getenv(name));
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

/* Opens the pipe through which signal handlers wake os_poll(). */
static void os_open_signal_pipe(void)
{
    if (os_signal_pipe[0] < 0 && pipe2(os_signal_pipe, O_CLOEXEC | O_NONBLOCK))
        os_signal_pipe[0] = os_signal_pipe[1] = -1;
}

/*
 * Waits for events on `fds`, whose last entry, at fds[count], is lent to this
 * function for the signal pipe. `timeout` in milliseconds, -1 for ever.
 * Gives how many are ready; 0 on a time-out or a signal.
 */
static int os_poll(struct pollfd *fds, int count, int64_t timeout)
{
    char woken[64];
    os_open_signal_pipe();
    fds[count] = (struct pollfd){os_signal_pipe[0], POLLIN, 0};
    int wait = timeout > INT_MAX ? INT_MAX : (int)timeout;
    if (os_interrupted())
        return 0;
    int ready = poll(fds, (nfds_t)count + 1, wait);
    if (ready > 0 && fds[count].revents) {
        ssize_t ignored = read(os_signal_pipe[0], woken, sizeof(woken));
        (void)ignored;
        ready--;
    }
    return ready < 0 || os_interrupted() ? 0 : ready;
}

/* Waits until `fd` is ready for `events`; false on a time-out or signal. */
static bool os_wait(int fd, short events, int64_t timeout)
{
    struct pollfd fds[2] = {{fd, events, 0}};
    return os_poll(fds, 1, timeout) > 0;
}

/* How long the run waits for what another process holds (--max-wait), and who
 * is told of a long wait. The command line sets it once. */
enum { OS_TELL_MS = 2000 };
static struct {
    int64_t most; /* milliseconds */
    void (*tell)(void *to, Str path);
    void *to;
} os_patience = {.most = INT64_MAX};

/* A limit of so many milliseconds, or what --max-wait leaves of it. */
static int64_t os_bounded(int64_t millis)
{
    return millis < os_patience.most ? millis : os_patience.most;
}

/* Sleeps; a signal ends it early. */
static void os_sleep(int64_t millis)
{
    struct pollfd fds[1];
    os_poll(fds, 0, millis);
}

/* Reads once. Gives bytes, 0 at the end, or -errno. EINTR where a signal
 * asked to end, or something befell the terminal of a prompt. */
static ptrdiff_t os_read(int fd, void *to, ptrdiff_t size)
{
    for (;;) {
        ssize_t n = os_fails() ? -1 : read(fd, to, (size_t)size);
        if (n >= 0)
            return n;
        if (errno == EAGAIN && !os_interrupted())
            os_wait(fd, POLLIN, -1);
        else if (errno != EINTR || os_interrupted() || os_terminal_news)
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

/* The process's current directory; empty if it no longer exists. */
static Str os_process_cwd(Arena *arena)
{
    char here[PATH_MAX];
    return getcwd(here, sizeof(here)) ? arena_copy(arena, str_from(here))
                                      : (Str){0};
}

/* The folder that the user works in: INIT_CWD, where npm set it, else the
 * process's own; empty where it is gone. */
static Str os_cwd(Arena *arena)
{
    Str init = os_env("INIT_CWD");
    return str_starts(init, S("/")) ? init : os_process_cwd(arena);
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

/* An absolute path without "." and "..", as text: a ".." after a symbolic link
 * removes the link's name. */
static Str os_path_clean(Arena *arena, Str path)
{
    Buf out = buf_new(arena, path.len + 2);
    while (path.len) {
        Str name = str_cut(&path, '/');
        if (str_eq(name, S(".."))) {
            while (out.len && out.ptr[--out.len] != '/')
                continue;
        } else if (name.len && !str_eq(name, S("."))) {
            buf_add_char(&out, '/');
            buf_add(&out, name);
        }
    }
    return out.len ? buf_str(&out) : S("/");
}

/*
 * Follows an absolute path one symbolic link at a time. forms[0] is the path
 * as it was given, each further one the path after one more link, all without
 * "." and ".."; the last one has no link. Gives their number, or 0 if there
 * are more than `max`. What does not exist counts as no link.
 */
static int os_follow_links(Arena *arena, Str path, Str *forms, int max)
{
    char text[PATH_MAX];
    Str rest = path;
    Str done = S("/");
    int count = 0;
    forms[count++] = os_path_clean(arena, path);
    while (rest.len) {
        Str name = str_cut(&rest, '/');
        if (!name.len || str_eq(name, S(".")))
            continue;
        if (str_eq(name, S(".."))) {
            done = os_path_dir(done);
            continue;
        }
        Str at = os_path_join(arena, done, name);
        ssize_t n = readlink(arena_cstr(arena, at), text, sizeof(text));
        if (n <= 0) {
            done = at;
            continue;
        }
        Str to = arena_copy(arena, (Str){text, n});
        if (to.ptr[0] != '/')
            to = os_path_join(arena, done, to);
        rest = os_path_join(arena, to, rest);
        done = S("/");
        if (count == max)
            return 0;
        forms[count++] = os_path_clean(arena, rest);
    }
    if (!str_eq(done, forms[count - 1]) && count < max)
        forms[count++] = done;
    return str_eq(done, forms[count - 1]) ? count : 0;
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

/* Reads once from a descriptor that does not block, waiting up to `until`
 * (os_now()). Gives bytes, 0 at the end, or -errno: ETIMEDOUT. The read comes
 * before the wait: poll() does not wake for a pipe that never had a writer. */
static ptrdiff_t os_read_until(int fd, void *to, ptrdiff_t size, int64_t until)
{
    for (;;) {
        ssize_t n = os_fails() ? -1 : read(fd, to, (size_t)size);
        int64_t left = until - os_now();
        if (n >= 0)
            return n;
        if (os_interrupted())
            return -EINTR;
        if (errno == EAGAIN && left <= 0)
            return -ETIMEDOUT;
        if (errno == EAGAIN)
            os_wait(fd, POLLIN, left);
        else if (errno != EINTR)
            return -errno;
    }
}

/*
 * Reads a file, or what a pipe holds, whole. Gives 0, or an errno: EFBIG
 * where it holds more than `max` bytes, EISDIR for a folder. `until` is 0, or
 * the end of os_now() for a descriptor that does not block.
 */
static int os_read_whole(Arena *arena, int fd, ptrdiff_t max, int64_t until,
                         Str *out)
{
    struct stat st = {0};
    Buf buf = buf_new(arena, max + 1);
    if (os_is_unreadable(fd))
        return EBADF;
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
        ptrdiff_t n = -EINTR;
        if (until)
            n = os_read_until(fd, buf.ptr + buf.len, room, until);
        else if (S_ISREG(st.st_mode) || os_wait(fd, POLLIN, -1))
            n = os_read(fd, buf.ptr + buf.len, room);
        if (n < 0)
            return (int)-n;
        if (!n)
            break;
        buf.len += n;
    }
    *out = buf_str(&buf);
    return buf.len > max ? EFBIG : 0;
}

static int os_read_fd(Arena *arena, int fd, ptrdiff_t max, Str *out)
{
    return os_read_whole(arena, fd, max, 0, out);
}

/* Reads a file whole, a pipe up to `until` (os_now(); then ETIMEDOUT). A named
 * pipe without a writer is empty; it is not waited for. */
static int os_read_file_until(Arena *arena, Str path, ptrdiff_t max,
                              int64_t until, Str *out)
{
    int fd = os_fails() ? -1
                        : open(arena_cstr(arena, path),
                               O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return errno;
    int code = os_read_whole(arena, fd, max, until, out);
    close(fd);
    return code;
}

/* One version of a file's content: another write, or another file of that
 * name, has another stamp. Zero: there is no file. */
typedef struct {
    uint64_t device;
    uint64_t inode;
    int64_t size;
    int64_t changed; /* nanoseconds since 1970 */
} OsStamp;

static bool os_stamp_eq(OsStamp a, OsStamp b)
{
    return a.device == b.device && a.inode == b.inode && a.size == b.size &&
           a.changed == b.changed;
}

static OsStamp os_stamp_of(const struct stat *st)
{
    return (OsStamp){st->st_dev, st->st_ino, st->st_size,
                     (int64_t)st->st_mtim.tv_sec * 1000000000 +
                         st->st_mtim.tv_nsec};
}

/* The stamp of what a path leads to now; zero where it leads to nothing. */
static OsStamp os_stamp(Arena *arena, Str path)
{
    struct stat st;
    if (stat(arena_cstr(arena, path), &st))
        return (OsStamp){0};
    return os_stamp_of(&st);
}

static OsStamp os_stamp_fd(int fd)
{
    struct stat st;
    return fstat(fd, &st) ? (OsStamp){0} : os_stamp_of(&st);
}

/* A file that was written this long ago may be part of what is to come. */
enum { OS_YOUNG_MS = 1000, OS_CALM_MS = 60 };

/* What was read of a file that other programs write, too. */
typedef struct {
    int fd; /* open at it; negative: it is not */
    Str text;
    OsStamp stamp;
    bool regular; /* not a pipe or a device: what is read once is gone there */
    bool young;
    bool busy; /* another program writes it, or may be doing so */
} OsView;

/*
 * Reads the file that `out->fd` is open at, whole, and says whether another
 * program is at it. Where the last write is younger than OS_YOUNG_MS, a read
 * lease (fcntl(2)) tells: it is refused while anybody has the file open to
 * write, and whoever opens it waits for as long as it is held. Where there are
 * no leases (NFS, FUSE, another user's file), a file counts as busy until it is
 * OS_CALM_MS old.
 */
static int os_view_fd(Arena *arena, ptrdiff_t max, OsView *out)
{
    struct stat st = {0};
    int fd = out->fd;
    lseek(fd, 0, SEEK_SET);
    int code = fstat(fd, &st) ? errno : 0;
    out->stamp = os_stamp_of(&st);
    out->regular = S_ISREG(st.st_mode);
    int64_t age = os_wall() - out->stamp.changed / 1000000;
    out->young = out->regular && age < OS_YOUNG_MS;
    bool held = out->young && !fcntl(fd, F_SETLEASE, F_RDLCK);
    out->busy = out->young && !held && (errno == EAGAIN || age < OS_CALM_MS);
    code = code ? code : os_read_fd(arena, fd, max, &out->text);
    if (held)
        fcntl(fd, F_SETLEASE, F_UNLCK);
    if (out->regular && !os_stamp_eq(out->stamp, os_stamp_fd(fd)))
        out->busy = true;
    return code;
}

/* Opens a file and reads it so. The caller closes `out->fd`, where it is not
 * negative. */
static int os_view(Arena *arena, Str path, ptrdiff_t max, OsView *out)
{
    *out = (OsView){0};
    out->fd = os_fails() ? -1
                         : open(arena_cstr(arena, path),
                                O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return out->fd < 0 ? errno : os_view_fd(arena, max, out);
}

/* As os_read_fd(), then closes the file. */
static int os_read_open(Arena *arena, int fd, ptrdiff_t max, Str *out)
{
    int code = os_read_fd(arena, fd, max, out);
    close(fd);
    return code;
}

static int os_read_file(Arena *arena, Str path, ptrdiff_t max, Str *out)
{
    if (str_eq(path, S("/dev/stdin")) && os_is_unreadable(STDIN_FILENO))
        return EBADF; /* it would lead to os_fill_standard_fds()'s folder */
    int fd = os_fails() ? -1
                        : open(arena_cstr(arena, path),
                               O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? errno : os_read_open(arena, fd, max, out);
}

/* Opens a regular file, with more `flags` than usual. Anything else, also a
 * link that leads nowhere, is ENXIO: a pipe is never waited for. */
static int os_open_regular(int dir, const char *name, int flags, int *out)
{
    struct stat st;
    int fd = os_fails()
                 ? -1
                 : openat(dir, name,
                          O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags);
    if (fd < 0) {
        int code = errno;
        bool link = code == ENOENT &&
                    !fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW);
        return link ? ENXIO : code;
    }
    int code = fstat(fd, &st) ? errno : S_ISREG(st.st_mode) ? 0 : ENXIO;
    if (code)
        close(fd);
    else
        *out = fd;
    return code;
}

/* Reads a regular file of the folder `dir`; links are followed. */
static int os_read_regular(Arena *arena, int dir, const char *name,
                           ptrdiff_t max, Str *out)
{
    int fd = -1;
    int code = os_open_regular(dir, name, 0, &fd);
    return code ? code : os_read_open(arena, fd, max, out);
}

/* Reads a regular file; ELOOP where the path's last name is a symbolic
 * link. */
static int os_read_own_file(Arena *arena, Str path, ptrdiff_t max, Str *out)
{
    int fd = -1;
    int code = os_open_regular(AT_FDCWD, arena_cstr(arena, path), O_NOFOLLOW,
                               &fd);
    return code ? code : os_read_open(arena, fd, max, out);
}

/* Is there a plain file at the path, or at the end of a symbolic link there?
 * To open a pipe would wait for its writer. */
static bool os_is_file(Arena *arena, Str path)
{
    struct stat st;
    return stat(arena_cstr(arena, path), &st) == 0 && S_ISREG(st.st_mode);
}

/* Is there a plain file at the path, not a symbolic link to one? */
static bool os_is_own_file(Arena *arena, Str path)
{
    struct stat st;
    return lstat(arena_cstr(arena, path), &st) == 0 && S_ISREG(st.st_mode);
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

/* Removes a file; one that is gone already is fine. */
static int os_unlink(Arena *arena, Str path)
{
    if (os_fails() || unlink(arena_cstr(arena, path)))
        return errno == ENOENT ? 0 : errno;
    return 0;
}

/* The permission bits of what is at a path; -1 where that cannot be told. */
static int os_mode(Arena *arena, Str path)
{
    struct stat st;
    return stat(arena_cstr(arena, path), &st) ? -1 : (int)(st.st_mode & 0777);
}

static bool os_same_file(Arena *arena, Str a, Str b)
{
    struct stat x;
    struct stat y;
    return !stat(arena_cstr(arena, a), &x) && !stat(arena_cstr(arena, b), &y) &&
           x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* What stands at a name, seen without following a symbolic link. */
typedef enum { OS_NOTHING, OS_FILE, OS_FOLDER, OS_LINK, OS_OTHER } OsKind;

typedef struct {
    OsKind kind;
    int64_t size;
    int64_t changed; /* the content, milliseconds since 1970 */
    int64_t id;      /* one for all its names; 0: a file with hard links */
    mode_t mode;     /* of a plain file: who may read, write and run it */
    uint64_t device; /* with `inode`, one for all its names */
    uint64_t inode;
} OsEntry;

static OsEntry os_entry(const struct stat *st)
{
    return (OsEntry){
        .kind = S_ISREG(st->st_mode)   ? OS_FILE
                : S_ISDIR(st->st_mode) ? OS_FOLDER
                : S_ISLNK(st->st_mode) ? OS_LINK
                                       : OS_OTHER,
        .size = st->st_size,
        .changed = (int64_t)st->st_mtim.tv_sec * 1000 +
                   st->st_mtim.tv_nsec / 1000000,
        .id = st->st_nlink == 1 || S_ISDIR(st->st_mode)
                  ? (int64_t)(st->st_ino ^ st->st_dev << 48)
                  : 0,
        .mode = st->st_mode & 0777,
        .device = st->st_dev,
        .inode = st->st_ino,
    };
}

/* Looks at a name in the folder `dir` (AT_FDCWD: the working one). That there
 * is nothing is no error. */
static int os_look(int dir, const char *name, OsEntry *out)
{
    struct stat st;
    *out = (OsEntry){0};
    if (os_fails() || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? 0 : errno;
    *out = os_entry(&st);
    return 0;
}

/* As os_look(), at the end of a link; OS_NOTHING if that cannot be told. */
static OsEntry os_look_through(Arena *arena, Str path)
{
    struct stat st;
    return stat(arena_cstr(arena, path), &st) ? (OsEntry){0} : os_entry(&st);
}

/* How many descriptors may be open at once (ulimit -n). */
static int64_t os_most_descriptors(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > INT_MAX
               ? INT_MAX
               : (int64_t)limit.rlim_cur;
}

/* Can `count` more descriptors be opened, at most 8? */
static bool os_can_open(int count)
{
    int fds[8];
    int n = 0;
    while (n < count &&
           (fds[n] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)) >= 0)
        n++;
    for (int i = 0; i < n; i++)
        close(fds[i]);
    return n == count;
}

static int os_look_fd(int fd, OsEntry *out)
{
    struct stat st;
    if (os_fails() || fstat(fd, &st))
        return errno;
    *out = os_entry(&st);
    return 0;
}

/* Opens a folder that a person named: links on the way are followed. */
static int os_open_dir(const char *path, int *out)
{
    *out = os_fails() ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *out < 0 ? errno : 0;
}

/* Opens a folder in the folder `dir`; ENOTDIR or ELOOP where the last name is
 * a symbolic link. */
static int os_open_folder(int dir, const char *name, int *out)
{
    *out = os_fails() ? -1
                      : openat(dir, name,
                               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *out < 0 ? errno : 0;
}

/* As os_open_folder(), but it is made where it is missing. */
static int os_enter(int dir, const char *name, int *out)
{
    if (os_fails() || (mkdirat(dir, name, 0777) && errno != EEXIST))
        return errno;
    return os_open_folder(dir, name, out);
}

/* Opens a file to read; never a link, and it does not wait for a pipe. */
static int os_open_file(int dir, const char *name, int *out)
{
    *out = os_fails() ? -1
                      : openat(dir, name,
                               O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
                                   O_CLOEXEC);
    return *out < 0 ? errno : 0;
}

/* Reads from an offset on. Gives bytes, 0 at the end, or -errno. */
static ptrdiff_t os_read_at(int fd, void *to, ptrdiff_t size, int64_t at)
{
    ssize_t n = -1;
    do
        n = os_fails() ? -1 : pread(fd, to, (size_t)size, at);
    while (n < 0 && errno == EINTR && !os_interrupted());
    return n < 0 ? -errno : n;
}

/* Writes all of `data` at an offset of a file. */
static int os_write_at(int fd, Str data, int64_t at)
{
    while (data.len) {
        ssize_t n = os_fails() ? -1
                               : pwrite(fd, data.ptr, (size_t)data.len, at);
        if (n < 0 && (errno != EINTR || os_interrupted()))
            return errno;
        n = n < 0 ? 0 : n;
        data = str_slice(data, n, data.len);
        at += n;
    }
    return 0;
}

static int os_set_size(int fd, int64_t size)
{
    return os_fails() || ftruncate(fd, size) ? errno : 0;
}

/* Is `fd` open at what is called so now? */
static bool os_is_named(int fd, int dir, const char *name)
{
    struct stat x;
    struct stat y;
    return !fstat(fd, &x) && !fstatat(dir, name, &y, AT_SYMLINK_NOFOLLOW) &&
           x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Is this what a file system answers that cannot do a thing, rather than a
 * failure of the disk? (EBADF: flock() over NFS, fsync() of an O_PATH.) */
static bool os_unsupported(int code)
{
    static const int codes[] = {ENOSYS, EOPNOTSUPP, EINVAL,
                                EPERM,  EROFS,      EBADF};
    for (int i = 0; i < COUNT(codes); i++)
        if (code == codes[i])
            return true;
    return false;
}

/* What a file system could not do; the run goes on without it. */
typedef enum { OS_NO_LOCK = 1, OS_NO_SYNC = 2, OS_NO_MODE = 4 } OsLack;

static int os_lacked;      /* OsLack bits */
static int os_lacked_code; /* the first errno */

static void os_lack(OsLack what, int code)
{
    os_lacked_code = os_lacked ? os_lacked_code : code;
    os_lacked |= what;
}

/* Which guarantees the run did without, as OsLack bits, and why. */
static int os_lacks(int *code)
{
    *code = os_lacked_code;
    return os_lacked;
}

/* Has what was written to the file reach the disk, where the file system
 * can. */
static int os_sync(int fd)
{
    int code = 0;
    do
        code = os_fails() || fsync(fd) ? errno : 0;
    while (code == EINTR && !os_interrupted());
    if (!os_unsupported(code))
        return code;
    os_lack(OS_NO_SYNC, code);
    return 0;
}

/* Has what was written to the files reach the disk. Where there are many, the
 * whole file system is told at once: that is a wait for all of them. */
static int os_sync_files(const int *fds, int count)
{
    enum { MANY = 4 };
    int code = 0;
    if (count > MANY && !os_fails() && !syncfs(fds[0]))
        return 0;
    for (int i = 0; i < count && !code; i++)
        code = os_sync(fds[i]);
    return code;
}

/* What it means that setting a mode failed with `code`: some file systems have
 * no modes, or let nobody set them. That is not an error. */
static int os_mode_fault(int code, mode_t now, mode_t mode)
{
    if (!os_unsupported(code) && code != EACCES)
        return code;
    if (now & 077 & ~mode)
        os_lack(OS_NO_MODE, code);
    return 0;
}

/* Sets who may read, write and run a new file. */
static int os_set_mode(int fd, mode_t mode)
{
    struct stat st;
    if (os_fails() || fstat(fd, &st))
        return errno;
    bool set = (st.st_mode & 07777) == mode || !fchmod(fd, mode);
    return set ? 0 : os_mode_fault(errno, st.st_mode, mode);
}

static int os_chmod(Arena *arena, Str path, mode_t mode)
{
    struct stat st;
    const char *name = arena_cstr(arena, path);
    if (os_fails() || stat(name, &st))
        return errno;
    bool set = (st.st_mode & 07777) == mode || !chmod(name, mode);
    return set ? 0 : os_mode_fault(errno, st.st_mode, mode);
}

/* Renames a whole file. Without `replace`, EEXIST where the new name is taken;
 * a symbolic link of that name is replaced itself. The second way is for
 * kernels before 3.15 and some file systems, the third for file systems
 * without hard links: a name taken in the very instant would be replaced. */
static int os_rename_at(int from, const char *old, int to, const char *new,
                        bool replace)
{
    OsEntry entry;
    if (!replace) {
        enum { NOREPLACE = 1 };
        if (!os_fails() &&
            !syscall(SYS_renameat2, from, old, to, new, NOREPLACE))
            return 0;
        if (!os_unsupported(errno))
            return errno;
        if (!os_fails() && !linkat(from, old, to, new, 0)) {
            if (!unlinkat(from, old, 0))
                return 0;
            int code = errno;
            unlinkat(to, new, 0);
            return code;
        }
        if (!os_unsupported(errno) && errno != EMLINK && errno != EXDEV)
            return errno;
        if (!os_look(to, new, &entry) && entry.kind != OS_NOTHING)
            return EEXIST;
    }
    return os_fails() || renameat(from, old, to, new) ? errno : 0;
}

/* Renames a file to a name that nothing has: EEXIST where something does. */
static int os_rename_new(Arena *arena, Str from, Str to)
{
    return os_rename_at(AT_FDCWD, arena_cstr(arena, from), AT_FDCWD,
                        arena_cstr(arena, to), false);
}

/* ---- Files that are not whole yet, and locks ----
 *
 * Both are kept in a folder beside the file that they are for: OS_TMP. A run
 * that is killed leaves them there, and git must not add them: a half-written
 * config holds keys. Git neither adds nor reads what is called .git, whatever
 * it is told (treat_path() in its dir.c), and a .git without HEAD is no
 * repository, so that OS_TMP is an empty folder to it. Root and the owner of
 * the folder share one OS_TMP; others who may write there have their own.
 *
 * Who uses a file there holds its lock (flock()). What has none is a killed
 * run's, and os_tmp_leave() removes it. Names are new each time, but those of
 * locks, so that two runs are safe from each other even without locks; what
 * they leave there is removed when it is a day old.
 */

#define OS_TMP ".hs-tmp"

typedef struct {
    char top[32];
    uid_t owner; /* of the folder that it is in */
} OsTmp;

enum {
    OS_BLOCKED = 4096, /* no errno: OS_TMP is somebody else's, or no folder */
    OS_TRIES = 100,    /* of what another run's clearing up has undone */
    OS_TMP_DAY = 24 * 60 * 60
};

/* What an error code means, of errno or OS_BLOCKED. */
static const char *os_error(int code)
{
    if (code == EBADF)
        return "it is closed, or not open for this";
    return code == OS_BLOCKED ? "the " OS_TMP
                                " in its folder is in the way, or "
                                "another user's: remove it"
                              : strerror(code);
}

/* Locks a file without waiting. EWOULDBLOCK where another run has it; any
 * other error says that the file system has no locks. */
static int os_try_lock(int fd)
{
    while (flock(fd, LOCK_EX | LOCK_NB))
        if (errno != EINTR)
            return errno;
    return 0;
}

/* What OS_TMP is called for this user in the folder `dir`. */
static int os_tmp_find(int dir, OsTmp *out)
{
    struct stat st;
    if (fstat(dir, &st))
        return errno;
    out->owner = st.st_uid;
    bool shared = !geteuid() || geteuid() == st.st_uid;
    snprintf(out->top, sizeof(out->top), shared ? OS_TMP : OS_TMP "-%u",
             (unsigned)geteuid());
    return 0;
}

/* Opens OS_TMP in the folder `dir`, if it is there; -1 where it is not. */
static int os_tmp_top(int dir, OsTmp *tmp)
{
    if (os_tmp_find(dir, tmp))
        return -1;
    return openat(dir, tmp->top,
                  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Opens a folder for nobody else, making it where it is missing. `owner` has
 * it afterwards, where root made it in a user's folder. */
static int os_tmp_enter(int dir, const char *name, uid_t owner, int *out)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    *out = os_fails() ? -1 : openat(dir, name, flags);
    if (*out >= 0 || errno != ENOENT)
        return *out < 0 ? errno : 0;
    mode_t old = umask(0);
    int code = os_fails() || mkdirat(dir, name, 0700) ? errno : 0;
    umask(old);
    if (code && code != EEXIST)
        return code;
    *out = os_fails() ? -1 : openat(dir, name, flags);
    if (*out < 0)
        return errno;
    if (!code && owner != geteuid() && fchown(*out, owner, (gid_t)-1))
        return 0; /* it stays ours */
    return 0;
}

/*
 * Opens the folder for unfinished files in the folder `dir`, making it. It may
 * go as long as it is empty, when another run leaves: ENOENT then, here or
 * when a file is made in it.
 */
static int os_tmp_open(int dir, int *out)
{
    struct stat st;
    OsTmp tmp;
    int top = -1;
    int code = os_tmp_find(dir, &tmp);
    if (code)
        return code;
    code = os_tmp_enter(dir, tmp.top, tmp.owner, &top);
    if (code == EACCES && !fstatat(dir, tmp.top, &st, AT_SYMLINK_NOFOLLOW))
        return OS_BLOCKED;
    if (!code && (os_fails() || fstat(top, &st)))
        code = errno;
    else if (!code && st.st_uid != geteuid() && st.st_uid != tmp.owner)
        code = OS_BLOCKED; /* who owns it could exchange what is in it */
    else if (!code)
        code = os_tmp_enter(top, ".git", tmp.owner, out);
    if (top >= 0)
        close(top);
    return code == ENOTDIR || code == ELOOP ? OS_BLOCKED : code;
}

/* Removes a file that no run uses. */
static void os_remove_dead(int dir, const char *name)
{
    struct stat st;
    int fd = openat(dir, name,
                    O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return;
    int code = os_try_lock(fd);
    bool dead = code ? code != EWOULDBLOCK && !fstat(fd, &st) &&
                           st.st_mtim.tv_sec < os_wall() / 1000 - OS_TMP_DAY
                     : os_is_named(fd, dir, name);
    if (dead)
        unlinkat(dir, name, 0);
    close(fd);
}

/* Removes the folder for unfinished files, and what killed runs left in it,
 * unless another run uses it. */
static void os_tmp_leave(int dir)
{
    int place = -1;
    OsTmp tmp;
    int top = os_tmp_top(dir, &tmp);
    if (top < 0)
        return;
    bool full = unlinkat(top, ".git", AT_REMOVEDIR) && errno != ENOENT;
    if (full && !os_tmp_open(dir, &place)) {
        DIR *stream = fdopendir(place);
        struct dirent *entry = NULL;
        while (stream && (entry = readdir(stream)))
            if (entry->d_name[0] != '.')
                os_remove_dead(place, entry->d_name);
        if (stream)
            closedir(stream);
        else
            close(place);
        unlinkat(top, ".git", AT_REMOVEDIR);
    }
    close(top);
    unlinkat(dir, tmp.top, AT_REMOVEDIR);
}

/* The name in OS_TMP of what belongs to the file called `base`: short enough,
 * and cut between characters. It never begins with a dot. */
static const char *os_tmp_name(Arena *arena, Str base, Str end)
{
    enum { MOST = 200 };
    ptrdiff_t n = base.len < MOST ? base.len : MOST;
    while (n < base.len && n > 0 && ((unsigned char)base.ptr[n] & 0xc0) == 0x80)
        n--;
    return arena_printf(arena, "_%.*s.%.*s", P(str_slice(base, 0, n)), P(end))
        .ptr;
}

/* A file that is not whole yet. */
typedef struct {
    int fd;
    const char *name; /* in OS_TMP */
} OsPart;

/* Makes the file that what is to be called `base` in the folder `dir` is
 * written to. os_part_publish() or os_part_remove() follows; in the end, and
 * also after a failure, os_tmp_leave(). */
static int os_part_create(Arena *arena, int dir, Str base, mode_t mode,
                          OsPart *out)
{
    int code = ENOENT;
    for (int tries = 0; tries < OS_TRIES && code == ENOENT; tries++) {
        int place = -1;
        code = os_tmp_open(dir, &place);
        if (code)
            continue;
        Str end = arena_printf(arena, "%08x.hs-part",
                               (unsigned)os_random((int64_t)1 << 32));
        out->name = os_tmp_name(arena, base, end);
        out->fd = os_fails() ? -1
                             : openat(place, out->name,
                                      O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW |
                                          O_CLOEXEC,
                                      mode);
        code = out->fd < 0 ? errno : os_try_lock(out->fd);
        if (out->fd >= 0 && code != EWOULDBLOCK &&
            os_is_named(out->fd, place, out->name)) {
            close(place);
            return 0;
        }
        if (out->fd >= 0) { /* a run that is leaving took it for a dead one's */
            close(out->fd);
            unlinkat(place, out->name, 0);
            code = ENOENT;
        }
        close(place);
        code = code == EEXIST ? ENOENT : code;
    }
    return code;
}

/* Gives a whole file its name, as os_rename_at() does. */
static int os_part_publish(int dir, const char *part, const char *name,
                           bool replace)
{
    int place = -1;
    int code = os_tmp_open(dir, &place);
    if (code)
        return code;
    code = os_rename_at(place, part, dir, name, replace);
    close(place);
    return code;
}

/* Removes from OS_TMP the file that `fd` is open at, if it is still there. */
static void os_part_remove(int dir, const char *part, int fd)
{
    char path[NAME_MAX + 8];
    OsTmp tmp;
    int top = os_tmp_top(dir, &tmp);
    if (top < 0)
        return;
    snprintf(path, sizeof(path), ".git/%s", part);
    if (os_is_named(fd, top, path))
        unlinkat(top, path, 0);
    close(top);
}

/* A folder being read, entry by entry, in no order. */
typedef struct {
    DIR *stream;
} OsDir;

/* Begins to read the folder that `fd` is open at, which is the OsDir's from
 * then on, also after a failure. */
static int os_dir_open(int fd, OsDir *out)
{
    out->stream = os_fails() ? NULL : fdopendir(fd);
    if (out->stream)
        return 0;
    int code = errno;
    close(fd);
    return code;
}

static int os_dir_fd(const OsDir *dir)
{
    return dirfd(dir->stream);
}

/* The next entry's name, valid until the next call. NULL at the end, or with
 * `*code` set where the folder cannot be read on. */
static const char *os_dir_next(const OsDir *dir, int *code)
{
    for (;;) {
        errno = 0;
        struct dirent *entry = os_fails() ? NULL : readdir(dir->stream);
        *code = entry ? 0 : errno;
        if (!entry)
            return NULL;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return entry->d_name;
    }
}

static void os_dir_close(OsDir *dir)
{
    if (dir->stream)
        closedir(dir->stream);
    dir->stream = NULL;
}

/* Opens a journal to append lines to, 0600. `anew`: a file that is there is
 * replaced by an empty one. What is no plain file (a link, a pipe, a device)
 * stays, and is opened. */
static int os_open_journal(const char *path, bool anew, int *out)
{
    OsEntry there = {0};
    int code = anew ? os_look(AT_FDCWD, path, &there) : 0;
    if (code || (there.kind == OS_FILE && unlink(path)))
        return code ? code : errno;
    *out = os_fails() ? -1
                      : open(path,
                             O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC |
                                 O_NOCTTY | (anew ? O_TRUNC : 0),
                             0600);
    return *out < 0 ? errno : 0;
}

/* Opens the folder that a path is in. One that may not be read can be written
 * to all the same; it cannot be synced. */
static int os_open_parent(Arena *arena, Str path, int *out)
{
    const char *dir = arena_cstr(arena, os_path_dir(path));
    *out = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*out < 0 && errno == EACCES)
        *out = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return *out < 0 ? errno : 0;
}

/* Fills the new file that shall replace `name`: the bytes, the owner, the
 * mode, and all of it on the disk. */
static int os_fill_part(int fd, int dir, const char *name, Str data,
                        mode_t mode)
{
    struct stat old;
    int code = os_write_all(fd, data);
    bool fresh = fstatat(dir, name, &old, 0) != 0;
    if (!code && fresh && errno != ENOENT)
        code = errno;
    if (!code && !fresh && old.st_uid != geteuid() &&
        fchown(fd, old.st_uid, old.st_gid))
        code = errno; /* root must not take a user's file away */
    if (!code && (!fresh || !(mode & 077)))
        code = os_set_mode(fd, mode);
    code = code ? code : os_sync(fd);
    /* Some file systems tell only at close() that there was no room. */
    int twin = code ? -1 : dup(fd);
    return twin >= 0 && close(twin) ? errno : code;
}

/*
 * Replaces a file as a whole, or not at all: a new file (os_part_create())
 * is filled, synced and renamed over it, and the folder synced. The caller
 * holds the path's lock; os_unlock() clears up. `path` must be free of symbolic
 * links. A new file that others may read gets no more of `mode` than the umask
 * leaves.
 *
 * With a `stamp`, only that version is replaced: ESTALE where there is another
 * by now. It becomes the stamp of the new file.
 */
static int os_replace_file(Arena *arena, Str path, Str data, mode_t mode,
                           OsStamp *stamp)
{
    int dir = -1;
    OsPart part;
    Str base = os_path_base(path);
    const char *name = arena_cstr(arena, base);
    int code = os_fails() ? errno : os_open_parent(arena, path, &dir);
    if (code)
        return code;
    code = os_part_create(arena, dir, base, mode, &part);
    if (!code) {
        code = os_fill_part(part.fd, dir, name, data, mode);
        OsStamp written = os_stamp_fd(part.fd);
        if (!code && stamp && !os_stamp_eq(*stamp, os_stamp(arena, path)))
            code = ESTALE;
        code = code ? code : os_part_publish(dir, part.name, name, true);
        if (code)
            os_part_remove(dir, part.name, part.fd);
        else if (stamp)
            *stamp = written;
        close(part.fd);
        code = code ? code : os_sync(dir);
    }
    close(dir);
    return code;
}

/* Opens the file whose lock guards what is called `base` in the folder. */
static int os_open_lock(Arena *arena, int dir, Str base, int *place, int *out)
{
    int code = os_tmp_open(dir, place);
    if (code)
        return code;
    *out = os_fails() ? -1
                      : openat(*place, os_tmp_name(arena, base, S("lock")),
                               O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    code = *out < 0 ? errno : 0;
    if (code)
        close(*place);
    return code == EACCES ? OS_BLOCKED : code;
}

/* Removes what versions before 2026-12 left beside a file when they were
 * killed: a lock, empty, and a new config half written. */
static void os_remove_old(Arena *arena, int dir, Str base)
{
    struct stat st;
    const char *lock = arena_printf(arena, "%.*s.lock", P(base)).ptr;
    int fd = openat(dir, lock, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        return;
    bool own = fd < 0 || (!fstat(fd, &st) && S_ISREG(st.st_mode) &&
                          !st.st_size && !os_try_lock(fd));
    if (own) {
        unlinkat(dir, arena_printf(arena, ".%.*s.hs-new", P(base)).ptr, 0);
        if (fd >= 0)
            unlinkat(dir, lock, 0);
    }
    if (fd >= 0)
        close(fd);
}

/* Waits for the lock of an open file, as os_lock() says. */
static int os_await_lock(int fd, Str path, int64_t deadline)
{
    int code = 0;
    int64_t began = os_now();
    bool told = !os_patience.tell;
    while ((code = os_try_lock(fd)) == EWOULDBLOCK) {
        if (os_now() > deadline || os_interrupted())
            return os_interrupted() ? EINTR : EAGAIN;
        if (!told && os_now() - began >= OS_TELL_MS) {
            told = true;
            os_patience.tell(os_patience.to, path);
        }
        os_sleep(2 + os_random(8));
    }
    if (code)
        os_lack(OS_NO_LOCK, code);
    return 0;
}

/*
 * Takes the lock that guards `path`: a file in OS_TMP, 0600. It waits up to
 * `timeout` milliseconds (then EAGAIN; EINTR after a signal). os_unlock()
 * removes the file while it still holds the lock, so a lock that was won on a
 * file which is no longer the one in the folder is given back and tried anew.
 * Where the file system has no locks, the run goes on, and os_lacks() tells.
 */
static int os_lock(Arena *arena, Str path, int64_t timeout, int *out)
{
    Str base = os_path_base(path);
    int64_t deadline = os_now() + os_bounded(timeout);
    int dir = -1;
    int code = os_fails() ? errno : os_open_parent(arena, path, &dir);
    for (int tries = 0; !code; tries++) {
        int place = -1;
        code = os_open_lock(arena, dir, base, &place, out);
        if (code == ENOENT && tries < OS_TRIES) {
            code = 0; /* a run that left removed the folder */
            continue;
        }
        if (code)
            break;
        code = os_await_lock(*out, path, deadline);
        bool named = os_is_named(*out, place,
                                 os_tmp_name(arena, base, S("lock")));
        close(place);
        if (!code && named)
            break;
        close(*out);
        if (!code && os_now() > deadline && tries >= OS_TRIES)
            code = EAGAIN;
    }
    if (dir >= 0 && code)
        os_tmp_leave(dir);
    else if (!code)
        os_remove_old(arena, dir, base);
    if (dir >= 0)
        close(dir);
    return code;
}

static void os_unlock(Arena *arena, Str path, int fd)
{
    int dir = -1;
    const char *name = os_tmp_name(arena, os_path_base(path), S("lock"));
    os_open_parent(arena, path, &dir);
    if (dir >= 0)
        os_part_remove(dir, name, fd);
    close(fd); /* first: over NFS an open file stays */
    if (dir >= 0) {
        os_tmp_leave(dir);
        close(dir);
    }
}

/* The loopback addresses, which "localhost" means also where no /etc/hosts
 * says so (RFC 6761, 6.3). */
static void os_add_loopback(OsAddresses *out)
{
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->at[out->count++];
    v6->sin6_family = AF_INET6;
    v6->sin6_addr = in6addr_loopback;
    struct sockaddr_in *v4 = (struct sockaddr_in *)&out->at[out->count++];
    v4->sin_family = AF_INET;
    v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

/* The first address of this family in a list; NULL: none. */
static const struct addrinfo *os_next_address(const struct addrinfo *a,
                                              int family)
{
    while (a && a->ai_family != family)
        a = a->ai_next;
    return a;
}

/* Adds an address, unless it is there already or the list is full. */
static void os_add_address(OsAddresses *out, const struct addrinfo *a)
{
    struct sockaddr_storage at = {0};
    memcpy(&at, a->ai_addr, a->ai_addrlen);
    for (int i = 0; i < out->count; i++)
        if (!memcmp(&out->at[i], &at, sizeof(at)))
            return;
    if (out->count < OS_ADDRESSES)
        out->at[out->count++] = at;
}

/* Takes the addresses of both families in turn, in the order that each has,
 * and first of the family that stands first (RFC 8305, 4): if there are too
 * many, some of each are left. */
static void os_take_addresses(const struct addrinfo *list, OsAddresses *out)
{
    bool v4 = list && list->ai_family == AF_INET;
    int families[] = {v4 ? AF_INET : AF_INET6, v4 ? AF_INET6 : AF_INET};
    const struct addrinfo *next[2];
    for (int i = 0; i < 2; i++)
        next[i] = os_next_address(list, families[i]);
    for (int i = 0; next[0] || next[1]; i = !i) {
        if (!next[i])
            continue;
        os_add_address(out, next[i]);
        next[i] = os_next_address(next[i]->ai_next, families[i]);
    }
}

/* Looks a name up. musl keeps 48 addresses of it, those of IPv6 first: where
 * they leave no room, those of IPv4 are asked for alone. */
static int os_look_up(const char *host, OsAddresses *out)
{
    struct addrinfo want = {.ai_socktype = SOCK_STREAM,
                            .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    struct addrinfo *more = NULL;
    int count = 0;
    int code = getaddrinfo(host, NULL, &want, &list);
    for (const struct addrinfo *a = list; a; a = a->ai_next)
        count++;
    want.ai_family = AF_INET;
    if (count > OS_ADDRESSES && !os_next_address(list, AF_INET) &&
        !getaddrinfo(host, NULL, &want, &more)) {
        struct addrinfo *last = list;
        while (last->ai_next)
            last = last->ai_next;
        last->ai_next = more;
    }
    if (!code)
        os_take_addresses(list, out);
    return code;
}

/* The child's half of os_lookup_start(): never returns. The answer is an
 * OsAddresses, or an error code of getaddrinfo() alone. It holds copies of
 * every open file and port, so it must not outlive its `parent`. */
static _Noreturn void os_lookup_child(const char *host, int fd, pid_t parent)
{
    OsAddresses found = {0};
    ssize_t sent = 0;
    os_handle(SIGINT, SIG_DFL);
    os_handle(SIGTERM, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    int code = os_look_up(host, &found);
    if (code && str_eq_nocase(str_from(host), S("localhost"))) {
        os_add_loopback(&found);
        code = 0;
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
    pid_t own = getpid();
    *pid = fork();
    if (!*pid)
        os_lookup_child(host, ends[1], own);
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

/* Bytes that were written to a socket and have not reached the other side;
 * 0 where the system does not say. */
static int os_unsent(int fd)
{
    int bytes = 0;
    return ioctl(fd, TIOCOUTQ, &bytes) ? 0 : bytes;
}

/* One non-blocking write; -EAGAIN where the socket is full. `more` will follow
 * at once: the system may wait for it to fill a packet. */
static ptrdiff_t os_send(int fd, const void *from, ptrdiff_t size, bool more)
{
    int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
    ssize_t n = os_fails() ? -1 : send(fd, from, (size_t)size, flags);
    return n < 0 ? (errno == EINTR ? -EAGAIN : -errno) : n;
}

/*
 * Listens on loopback, 127.0.0.1 or ::1, at `*port`; 0 has the system choose
 * one, which `*port` is then. Gives 0 and the socket, or an errno:
 * EADDRNOTAVAIL or EAFNOSUPPORT where the machine has no such address.
 */
static int os_listen(int family, int *port, int *out)
{
    struct sockaddr_storage at = {.ss_family = (sa_family_t)family};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&at;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&at;
    socklen_t len = family == AF_INET ? sizeof(*v4) : sizeof(*v6);
    int on = 1;
    int fd = os_fails()
                 ? -1
                 : socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                          IPPROTO_TCP);
    if (fd < 0)
        return errno;
    if (family == AF_INET) {
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        v4->sin_port = htons((uint16_t)*port);
    } else {
        v6->sin6_addr = in6addr_loopback;
        v6->sin6_port = htons((uint16_t)*port);
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    }
    /* A run before this one may have left connections in TIME_WAIT. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&at, len) || listen(fd, 16) ||
        getsockname(fd, (struct sockaddr *)&at, &len)) {
        int code = errno;
        close(fd);
        return code;
    }
    *port = ntohs(family == AF_INET ? v4->sin_port : v6->sin6_port);
    *out = fd;
    return 0;
}

/* Takes a connection off a listener; -1 where there is none. */
static int os_accept(int listener)
{
    int on = 1;
    int fd = os_fails()
                 ? -1
                 : accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

/* Ends what is sent on a socket; what comes can still be read. */
static void os_shut(int fd)
{
    shutdown(fd, SHUT_WR);
}

static void os_close(int fd)
{
    close(fd);
}

/* The path of a program: `name` itself where it has a slash, else the first
 * one in PATH that may be run; empty where there is none. */
static Str os_find_program(Arena *arena, Str name)
{
    Str dirs = os_env("PATH");
    struct stat st;
    bool own = str_index(name, '/') >= 0;
    while (name.len && (own || dirs.len)) {
        Str dir = own ? S("") : str_cut(&dirs, ':');
        Str path = own ? name
                       : os_path_join(arena, dir.len ? dir : S("."), name);
        const char *text = arena_cstr(arena, path);
        if (!stat(text, &st) && S_ISREG(st.st_mode) && !access(text, X_OK))
            return path;
        if (own)
            break;
    }
    return (Str){0};
}

/* The file that this program runs from; /proc is not everywhere. */
static bool os_own_file(struct stat *out)
{
    /* NOLINTNEXTLINE: the kernel passes a pointer as a number */
    const char *name = (const char *)getauxval(AT_EXECFN);
    return !stat("/proc/self/exe", out) || (name && !stat(name, out));
}

/*
 * The first program `name` in PATH that is another file than this one (links
 * followed), and comes after this one if PATH leads to it; empty: none.
 * Relative entries are left out: what is there depends on the directory.
 */
static Str os_find_other(Arena *arena, Str name)
{
    Str dirs = os_env("PATH");
    Str found = {0};
    struct stat own;
    struct stat st;
    bool past = !os_own_file(&own);
    while (dirs.len) {
        Str dir = str_cut(&dirs, ':');
        Str path = os_path_join(arena, dir, name);
        const char *text = arena_cstr(arena, path);
        if (!str_starts(dir, S("/")) || stat(text, &st) ||
            !S_ISREG(st.st_mode) || access(text, X_OK))
            continue;
        bool same = st.st_dev == own.st_dev && st.st_ino == own.st_ino;
        if (same && !past)
            found = (Str){0};
        past |= same;
        if (!same && !found.len)
            found = path;
    }
    return found;
}

/* Becomes another program, with these arguments and this environment, and
 * `mark` set in it. Gives an errno if that fails. */
static int os_become(const char *path, char **argv, const char *mark)
{
    if (os_fails() || setenv(mark, "1", 1))
        return errno;
    os_restore_signals();
    execv(path, argv);
    return errno;
}

/* Takes the variables whose names begin with `prefix` out of the environment:
 * for a child, which then has an array of its own. */
static void os_drop_env(Str prefix)
{
    char **to = environ;
    for (char **from = environ; *from; from++)
        if (!str_starts(str_from(*from), prefix))
            *to++ = *from;
    *to = NULL;
}

/* The grandchild's half of os_launch(): never returns. What fails before the
 * program runs goes through the pipe. */
static _Noreturn void os_launch_child(const char *path, char **argv, int report)
{
    int null = open("/dev/null", O_RDWR);
    sigset_t none;
    ssize_t sent = 0;
    os_restore_signals();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
        dup2(null, STDOUT_FILENO) >= 0 && dup2(null, STDERR_FILENO) >= 0) {
        if (null > STDERR_FILENO)
            close(null);
        execv(path, argv);
    }
    int code = errno;
    sent = write(report, &code, sizeof(code));
    _exit(sent < 0 ? 126 : 127);
}

/*
 * Starts a program of its own: no terminal, no descriptors but /dev/null, in
 * a session where Ctrl-C does not reach it. It is nobody's child, so that no
 * zombie stays; the process between is waited for. `argv` ends with a NULL
 * and goes to the program as it is, through no shell. It does not inherit the
 * variables whose names begin with `secret`. Gives 0 once it runs, or the errno
 * of what failed.
 */
static int os_launch(const char *path, char **argv, Str secret)
{
    int ends[2];
    int code = 0;
    if (os_fails() || pipe2(ends, O_CLOEXEC))
        return errno;
    pid_t pid = fork();
    if (!pid) {
        pid_t own = setsid() < 0 ? -1 : fork();
        if (!own) {
            os_drop_env(secret);
            os_launch_child(path, argv, ends[1]);
        }
        code = errno;
        ssize_t sent = own < 0 ? write(ends[1], &code, sizeof(code)) : 0;
        _exit(sent < 0);
    }
    if (pid < 0)
        code = errno;
    close(ends[1]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (pid > 0 &&
        os_read(ends[0], &code, sizeof(code)) != (ptrdiff_t)sizeof(code))
        code = 0;
    close(ends[0]);
    return code;
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

/* The height of the terminal at `fd` in rows; 24 where it does not say. */
static int os_rows(int fd)
{
    struct winsize size = {0};
    if (ioctl(fd, TIOCGWINSZ, &size) || !size.ws_row)
        return 24;
    return size.ws_row;
}

/* Has signals about the terminal kept for os_terminal_events(), or not. Where
 * the parent wants no Ctrl-Z (SIGTSTP is ignored), it stays so. */
static void os_watch_terminal(bool on)
{
    static const int numbers[] = {SIGWINCH, SIGTSTP, SIGCONT};
    struct sigaction action = {.sa_handler = on ? os_on_terminal : SIG_DFL};
    os_open_signal_pipe();
    for (int i = 0; i < COUNT(numbers); i++) {
        struct sigaction old = {0};
        sigaction(numbers[i], NULL, &old);
        if (numbers[i] != SIGTSTP || old.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

/* What befell the terminal since the last call: OsTerminalEvent bits. */
static int os_terminal_events(void)
{
    return __atomic_exchange_n(&os_terminal_news, 0, __ATOMIC_SEQ_CST);
}

/* Sets the mode of a prompt: no echo, and with `keys` no line editing, so that
 * each key comes at once, and bracketed paste. Signals stay on; they drop no
 * input. In the background it waits for the foreground. Gives an errno. */
static int os_terminal_set(int fd, bool keys)
{
    struct termios mode = os_terminal_old;
    mode.c_lflag &= ~(tcflag_t)(keys ? ECHO | ICANON | IEXTEN : ECHO);
    if (keys) {
        mode.c_lflag |= NOFLSH;
        mode.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
        mode.c_cc[VMIN] = 1;
        mode.c_cc[VTIME] = 0;
    }
    os_watch_terminal(true);
    while (tcsetattr(fd, TCSADRAIN, &mode)) {
        int code = errno;
        if (code == EINTR && !os_interrupted())
            continue;
        os_watch_terminal(false);
        return code;
    }
    os_terminal_keys = keys;
    os_terminal_fd = fd;
    if (keys)
        os_write_all(STDERR_FILENO, S("\x1b[?2004h"));
    return 0;
}

/* Keeps the terminal's mode for os_terminal_restore(), and sets a prompt's.
 * tcdrain() comes first because it stops a job in the background (SIGTTOU):
 * the mode that stands there meanwhile is the shell's. */
static int os_terminal_mode(int fd, bool keys)
{
    while (tcdrain(fd) && errno == EINTR && !os_interrupted())
        continue;
    if (!os_terminal_hushed && tcgetattr(fd, &os_terminal_old))
        return errno;
    return os_terminal_set(fd, keys);
}

/* Turns echo off until the program ends, so that a secret that is typed ahead
 * of its prompt is not shown. Prompts set their own mode meanwhile. Not in the
 * background, where it would stop the program. */
static void os_terminal_hush(int fd)
{
    if (tcgetpgrp(fd) != getpgrp() || tcgetattr(fd, &os_terminal_old))
        return;
    struct termios mode = os_terminal_old;
    mode.c_lflag &= ~(tcflag_t)ECHO;
    os_terminal_hushed = true;
    os_terminal_keys = false;
    os_terminal_fd = fd;
    tcsetattr(fd, TCSANOW, &mode);
}

/* Drops what was typed and not read: the rest of a secret is not for who reads
 * the terminal next. */
static void os_drop_input(int fd)
{
    tcflush(fd, TCIFLUSH);
}

/* Ends a prompt's mode. After a signal to end, what was typed is dropped. */
static void os_terminal_restore(void)
{
    os_terminal_leave(os_interrupted() ? TCSAFLUSH : TCSADRAIN);
    os_watch_terminal(false);
    os_terminal_events();
}

/* Stops, as Ctrl-Z does, until somebody continues the program. At once where
 * nobody could (POSIX: an orphaned process group). The mode is restored. */
static void os_stop(void)
{
    raise(SIGTSTP);
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
 * and neither --no-input nor CI is set. What they use of ECMA-48: CR to the
 * line's start, CSI n C moves right, CSI n A moves up, CSI K clears to the
 * line's end and CSI J to the screen's, CSI 6 n asks where the cursor is; of
 * xterm: CSI ?2004h/l for bracketed paste, so that a pasted line break does
 * not answer the prompt, and CSI ?7l/h against wrapping, should the terminal
 * think a character wider than we do. With TERM=dumb there are no escape
 * sequences: lines are read as they come.
 *
 * A frame is one write. Its rows are clipped to the width, and the cursor
 * rests in the first one, so that all from there on is erased, however the
 * terminal wrapped or cut the rows below when its size changed. The frame is
 * erased before the program stops for Ctrl-Z, and is drawn again after fg.
 * An answer leaves one line.
 */

enum {
    TERM_SECRETS = 4096,
    TERM_SECRET_PART = 12, /* bytes of one that are hidden by themselves */
    TERM_OUT_BUFFER = 32 * KIB,
    TERM_FORM = 8,     /* room for a character's visible form */
    TERM_AHEAD = 512,  /* bytes read from the terminal at once */
    ASK_MAX = 4 * KIB, /* bytes of one answer */
    ASK_ROWS = 10      /* entries of a list on the screen */
};

typedef struct {
    Arena *arena;
    bool out_terminal;
    bool err_terminal;
    bool color; /* of stderr */
    bool interactive;
    const char *mute; /* what forbids to ask; NULL: the want of a terminal */
    bool dumb;
    bool debug;
    bool links;                           /* of stderr: it knows hyperlinks */
    const struct AskMeanwhile *meanwhile; /* what the prompt waits for too */
    bool drawn;      /* a progress display stands on the screen */
    char foreign[4]; /* the bytes of a character that is not whole yet */
    int foreign_len;
    int foreign_whole; /* the bytes that it will have */
    int out_error;     /* the first errno of writing to stdout */
    int out_len;
    char out_last; /* the last byte for stdout; 0: none yet */
    int secrets;
    char out[TERM_OUT_BUFFER]; /* beside what is used: fewer pages */
    Str secret[TERM_SECRETS];
    int echoes;
    Str echo[TERM_SECRETS]; /* what a server may repeat: see term_unecho() */
    int ahead_len;          /* keys typed ahead, for the next prompt */
    char ahead[TERM_AHEAD];
} Term;

/* Does the terminal at stderr know OSC 8, the hyperlink? Those that do say who
 * they are in one of these; the others are shown none, since some would show
 * its bytes. */
static bool term_knows_links(void)
{
    Str vte = os_env("VTE_VERSION");
    Str name = os_env("TERM");
    int64_t version = 0;
    return (str_int(vte, &version) && version >= 5000) ||
           str_in_words(os_env("TERM_PROGRAM"),
                        "iTerm.app WezTerm vscode ghostty Hyper") ||
           os_env("WT_SESSION").len || os_env("KONSOLE_VERSION").len ||
           str_in_words(name, "xterm-kitty xterm-ghostty alacritty foot "
                              "foot-extra wezterm");
}

/* Sets up the terminal from what stdin, stdout, stderr and the environment
 * are. `*term` is zero before. */
static void term_init(Term *term, Arena *arena)
{
    Str name = os_env("TERM");
    Str ci = os_env("CI");
    term->arena = arena;
    term->out_terminal = os_is_terminal(STDOUT_FILENO);
    term->err_terminal = os_is_terminal(STDERR_FILENO);
    term->dumb = !name.len || str_eq(name, S("dumb"));
    term->color = term->err_terminal && !term->dumb &&
                  !os_env("NO_COLOR").len &&
                  !str_eq(os_env("CLICOLOR"), S("0"));
    term->interactive = term->err_terminal && os_is_terminal(STDIN_FILENO);
    if (os_is_unreadable(STDIN_FILENO))
        term->mute = "stdin is closed";
    if (term->interactive && ci.len && !str_in_words(ci, "false 0")) {
        term->interactive = false;
        term->mute = "CI is set";
    }
    term->links = term->err_terminal && !term->dumb && term_knows_links();
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

/* Has term_unecho() hide this text, of which it keeps a copy. */
static void term_hide_echo(Term *term, Secret secret)
{
    Str text = secret_text(secret);
    for (int i = 0; i < term->echoes; i++)
        if (str_eq(term->echo[i], text))
            return;
    if (text.len && term->echoes < TERM_SECRETS)
        term->echo[term->echoes++] = arena_copy(term->arena, text);
}

/* How many bytes at the start of `s` are one of these secrets: all of it, or
 * at least TERM_SECRET_PART of its first (a message may have been cut); 0:
 * none. */
static ptrdiff_t term_secret_at(const Str *secrets, int count, Str s)
{
    ptrdiff_t most = 0;
    for (int i = 0; i < count; i++) {
        Str secret = secrets[i];
        ptrdiff_t n = 0;
        while (n < s.len && n < secret.len && s.ptr[n] == secret.ptr[n])
            n++;
        if ((n == secret.len || n >= TERM_SECRET_PART) && n > most)
            most = n;
    }
    return most;
}

/* Is this a character that a terminal or a log obeys rather than shows? The
 * controls C0, DEL and C1, the line and paragraph separators, and the
 * bidirectional controls (Unicode Standard Annex 9, 2), which reorder text. */
static bool term_is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e ||
           c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

/* Does the text begin with "##word[", the word maybe empty? The runners of
 * GitHub, Azure Pipelines and TeamCity obey it anywhere in a line. */
static bool term_is_command(Str s)
{
    ptrdiff_t at = 2;
    if (!str_starts(s, S("##")))
        return false;
    while (at < s.len && s.ptr[at] >= 'a' && s.ptr[at] <= 'z')
        at++;
    return at < s.len && s.ptr[at] == '[';
}

/* How many bytes of printable ASCII `s` begins with, up to a command. */
static ptrdiff_t term_plain_run(Str s)
{
    ptrdiff_t run = str_printable_run(s);
    for (ptrdiff_t at = 0; at < run; at++) {
        ptrdiff_t next = str_index(str_slice(s, at, run), '#');
        if (next < 0)
            return run;
        at += next;
        if (term_is_command(str_slice(s, at, s.len)))
            return at;
    }
    return run;
}

/*
 * Takes the next piece off untrusted text and returns what a terminal and a
 * log may show of it: the piece itself, or its visible form in `form`. This is
 * the one place that decides; tables, messages, prompts and progress use it.
 *
 * Controls become \n, \r, \t, \u001b or \u202e, and the first # of a command
 * \u0023, all as in JSON, which thus stays JSON; a byte that is not UTF-8
 * becomes \xff. A piece is a run of printable ASCII or one character.
 */
static Str term_take_visible(Str *rest, char form[TERM_FORM])
{
    Str s = *rest;
    uint32_t c = 0;
    ptrdiff_t n = term_plain_run(s);
    if (n) {
        *rest = str_slice(s, n, s.len);
        return str_slice(s, 0, n);
    }
    n = str_utf8(s, &c);
    *rest = str_slice(s, n ? n : 1, s.len);
    if (n && c != '#' && !term_is_control(c))
        return str_slice(s, 0, n);
    if (c == '\n' || c == '\r' || c == '\t')
        n = snprintf(form, TERM_FORM, "\\%c",
                     c == '\n'   ? 'n'
                     : c == '\r' ? 'r'
                                 : 't');
    else if (n)
        n = snprintf(form, TERM_FORM, "\\u%04x", (unsigned)c);
    else
        n = snprintf(form, TERM_FORM, "\\x%02x", (unsigned char)s.ptr[0]);
    return (Str){form, n};
}

/* Adds untrusted text in its visible form. */
static void term_add_visible(Buf *buf, Str s)
{
    char form[TERM_FORM];
    while (s.len)
        buf_add(buf, term_take_visible(&s, form));
}

/* Is it white space for .NET's TrimStart()? Controls do not matter here. */
static bool term_is_blank(uint32_t c)
{
    return c == ' ' || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f ||
           c == 0x3000;
}

/* Adds a line that may begin with untrusted text, in its visible form. GitHub's
 * runner obeys a line that begins with "::", after white space or not, so the
 * first colon becomes \u003a. */
static void term_add_line(Buf *buf, Str line)
{
    Str rest = line;
    uint32_t c = 0;
    while (rest.len) {
        int n = str_utf8(rest, &c);
        if (!n || !term_is_blank(c))
            break;
        rest = str_slice(rest, n, rest.len);
    }
    bool command = str_starts(rest, S("::"));
    buf_add(buf, str_slice(line, 0, line.len - rest.len));
    buf_add(buf, command ? S("\\u003a") : S(""));
    term_add_visible(buf, str_slice(rest, command, rest.len));
}

/* How long the name of a query's secret is, with its "=", if `s` begins with
 * it: an API key is hidden by its place, however short it is. */
static ptrdiff_t term_parameter(Str s)
{
    static const Str name = {"hapikey=", 8};
    return str_eq_nocase(str_slice(s, 0, name.len), name) ? name.len : 0;
}

/* The text with the secrets of the run hidden, in `arena`. */
static Str term_hidden(const Term *term, Arena *arena, Str text)
{
    Buf hidden = buf_new(arena, 64 * KIB);
    while (text.len) {
        ptrdiff_t n = term_parameter(text);
        if (n) {
            buf_add(&hidden, str_slice(text, 0, n));
            text = str_slice(text, n, text.len);
            n = 0;
            while (n < text.len && text.ptr[n] > ' ' &&
                   !strchr("&#\"'", text.ptr[n]))
                n++;
        } else {
            n = term_secret_at(term->secret, term->secrets, text);
        }
        buf_add(&hidden, n ? S("[hidden]") : str_slice(text, 0, 1));
        text = str_slice(text, n ? n : 1, text.len);
    }
    return buf_str(&hidden);
}

/*
 * A server's text without the secrets' values that it repeats, in `arena`; only
 * values of at least `least` bytes are looked for. Values are whatever a user
 * chose, so hs's own text is not searched for them. One that is shorter than
 * TERM_WORD is hidden only as a word of its own: "1" is not repeated in "10".
 */
static Str term_unecho(const Term *term, Arena *arena, Str text, int least)
{
    enum { TERM_WORD = 4 };
    Buf hidden = buf_new(arena, 64 * KIB);
    ptrdiff_t at = 0;
    while (at < text.len) {
        Str rest = str_slice(text, at, text.len);
        ptrdiff_t n = term_secret_at(term->echo, term->echoes, rest);
        bool inside = (at && isalnum((unsigned char)text.ptr[at - 1])) ||
                      (n < rest.len && isalnum((unsigned char)rest.ptr[n]));
        if (n < least || (n < TERM_WORD && inside))
            n = 0;
        buf_add(&hidden, n ? S("[hidden]") : str_slice(rest, 0, 1));
        at += n ? n : 1;
    }
    return buf_str(&hidden);
}

/* Writes a line to stderr in one write: secrets hidden, controls visible.
 * `head` is hs's own and precedes it in `color` (SGR, ECMA-48 8.3.117). */
static void term_talk(Term *term, const char *color, const char *head, Str line)
{
    Arena scratch = {0};
    Buf safe = buf_new(&scratch, 64 * KIB);
    if (term->drawn)
        buf_add(&safe, S("\r\x1b[J"));
    term->drawn = false;
    if (head[0] && term->color)
        buf_printf(&safe, "\x1b[%sm%s\x1b[0m ", color, head);
    else if (head[0])
        buf_printf(&safe, "%s ", head);
    line = term_hidden(term, &scratch, line);
    if (head[0])
        term_add_visible(&safe, line);
    else
        term_add_line(&safe, line);
    buf_add_char(&safe, '\n');
    os_write_all(STDERR_FILENO, buf_str(&safe));
    arena_free(&scratch);
}

static void term_vsay(Term *term, const char *color, const char *head,
                      const char *format, va_list args)
{
    char text[8 * KIB];
    int n = vsnprintf(text, sizeof(text), format, args);
    ptrdiff_t len = n < 0 ? 0 : n < COUNT(text) ? n : COUNT(text) - 1;
    term_talk(term, color, head, (Str){text, len});
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

/* Says one line that ends with a URL, which is a hyperlink where the terminal
 * knows them: OSC 8 ; ; URL ST, the text, OSC 8 ; ; ST. */
static void term_link(Term *term, const char *text, Str url)
{
    Arena scratch = {0};
    Buf line = buf_new(&scratch, 64 * KIB);
    if (!term->links) {
        term_say(term, "%s %.*s", text, P(url));
        return;
    }
    buf_printf(&line, "%s \x1b]8;;", text);
    term_add_visible(&line, url);
    buf_add(&line, S("\x1b\\"));
    term_add_visible(&line, url);
    buf_add(&line, S("\x1b]8;;\x1b\\\n"));
    os_write_all(STDERR_FILENO, buf_str(&line));
    arena_free(&scratch);
}

__attribute__((format(printf, 2, 3))) static void
term_warn(Term *term, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    term_vsay(term, "33", "hs: warning:", format, args);
    va_end(args);
}

/* Says, at the end of a run, what the file system could not do for it. */
static void term_warn_lacks(Term *term)
{
    static const struct {
        OsLack what;
        const char *text;
    } rows[] = {
        {OS_NO_LOCK, "locks (do not run hs twice at the same time)"},
        {OS_NO_SYNC, "sync (a power failure may undo what was written)"},
        {OS_NO_MODE, "permissions (other users may read what was written)"},
    };
    Arena scratch = {0};
    Buf list = buf_new(&scratch, KIB);
    int code = 0;
    int lacks = os_lacks(&code);
    for (int i = 0; i < COUNT(rows); i++)
        if (lacks & rows[i].what)
            buf_printf(&list, "%s%s", list.len ? ", " : "", rows[i].text);
    if (list.len)
        term_warn(term, "this file system does not support %.*s: %s",
                  P(buf_str(&list)), os_error(code));
    arena_free(&scratch);
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
    const char *row = err->row;
    term_complain(term, "%s", err->message);
    for (int i = 0; i < err->rows; i++, row += strlen(row) + 1)
        term_say(term, "  %s", row);
    if (err->rows_left_out)
        term_say(term, "  and %d more", err->rows_left_out);
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
    if (data.len)
        term->out_last = data.ptr[data.len - 1];
    while (data.len && !term->out_error) {
        ptrdiff_t room = TERM_OUT_BUFFER - term->out_len;
        ptrdiff_t n = data.len < room ? data.len : room;
        str_put(term->out + term->out_len, (Str){data.ptr, n});
        term->out_len += (int)n;
        data = str_slice(data, n, data.len);
        if (term->out_len == TERM_OUT_BUFFER)
            term_flush(term);
    }
}

/* Does the next byte for stdout begin a line? */
static bool term_out_at_start(const Term *term)
{
    return !term->out_last || term->out_last == '\n';
}

/*
 * Formats a line, or a part of one, to stdout for people. The format has a line
 * break only at its end (build.sh lint checks it): any other comes from
 * untrusted text and becomes visible, as controls do.
 */
__attribute__((format(printf, 2, 3))) static void
term_printf(Term *term, const char *format, ...)
{
    Arena scratch = {0};
    char small[KIB];
    char *text = small;
    Buf line = buf_new(&scratch, MIB);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    if (n >= COUNT(small)) {
        text = arena_take(&scratch, (ptrdiff_t)n + 1);
        va_start(args, format);
        vsnprintf(text, (size_t)n + 1, format, args);
        va_end(args);
    }
    Str rest = {text, n < 0 ? 0 : n};
    bool ends = rest.len && str_ends(str_from(format), S("\n"));
    rest.len -= ends;
    if (term_out_at_start(term))
        term_add_line(&line, rest);
    else
        term_add_visible(&line, rest);
    buf_add(&line, ends ? S("\n") : S(""));
    term_out(term, buf_str(&line));
    arena_free(&scratch);
}

/* Shows the character that term_out_foreign() has gathered. */
static void term_out_character(Term *term)
{
    char form[TERM_FORM];
    Str s = {term->foreign, term->foreign_len};
    term->foreign_len = 0;
    while (s.len)
        term_out(term, term_take_visible(&s, form));
}

/*
 * Adds a server's bytes to stdout: as they are, or, if stdout is a terminal,
 * with controls in their visible form; line breaks and tabs stay. The data
 * comes in pieces, which may cut a character: its bytes are kept until it is
 * whole, or until term_finish().
 */
static void term_out_foreign(Term *term, Str data)
{
    if (!term->out_terminal) {
        term_out(term, data);
        return;
    }
    for (ptrdiff_t i = 0; i < data.len; i++) {
        unsigned char c = (unsigned char)data.ptr[i];
        if ((c & 0xc0) != 0x80)
            term_out_character(term);
        if (c == '\n' || c == '\t' || (c >= ' ' && c <= '~')) {
            term_out(term, str_slice(data, i, i + 1));
            continue;
        }
        term->foreign[term->foreign_len++] = (char)c;
        int whole = c < 0xc0 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (term->foreign_len == 1)
            term->foreign_whole = whole ? whole : 1;
        if (term->foreign_len >= term->foreign_whole)
            term_out_character(term);
    }
}

/* Sends all that is left for stdout, at the end of the run. */
static void term_finish(Term *term)
{
    term_out_character(term);
    term_flush(term);
}

/* The bytes of the first character of `s`, which is not empty; `*columns` is
 * how many its visible form takes: a wide one two, a combining one none. */
static int term_char(Str s, int *columns)
{
    char form[TERM_FORM];
    Str rest = s;
    uint32_t c = 0;
    *columns = 1;
    if (term_plain_run(str_slice(s, 0, term_is_command(s) ? s.len : 1)))
        return 1;
    Str shown = term_take_visible(&rest, form);
    if (shown.ptr == form)
        *columns = (int)shown.len;
    else if (str_utf8(s, &c))
        *columns = wcwidth((wchar_t)c) < 0 ? 1 : wcwidth((wchar_t)c);
    return (int)(s.len - rest.len);
}

/* How many columns the visible form of the text takes. */
static int term_width(Str s)
{
    ptrdiff_t at = term_plain_run(s);
    int width = (int)at;
    while (at < s.len) {
        int columns = 0;
        at += term_char(str_slice(s, at, s.len), &columns);
        width += columns;
    }
    return width;
}

/* The longest head of `s` whose visible form fits into `columns`. */
static Str term_clip(Str s, int columns)
{
    ptrdiff_t at = 0;
    int width = 0;
    while (at < s.len) {
        int more = 0;
        int n = term_char(str_slice(s, at, s.len), &more);
        width += more;
        if (width > columns)
            break;
        at += n;
    }
    return str_slice(s, 0, at);
}

/*
 * Prints rows of `columns` cells each to stdout as a table, the first row as
 * its heading: columns padded to their widest cell, two spaces between them.
 * Cells are untrusted text.
 */
static void term_table(Term *term, const Str *cells, int rows, int columns)
{
    Buf line = buf_new(term->arena, MIB);
    int *widest = arena_array(term->arena, columns, sizeof(*widest));
    for (int i = 0; i < rows * columns; i++) {
        int width = term_width(cells[i]);
        if (width > widest[i % columns])
            widest[i % columns] = width;
    }
    for (int i = 0; i < rows * columns; i++) {
        int column = i % columns;
        if (column)
            term_add_visible(&line, cells[i]);
        else
            term_add_line(&line, cells[i]);
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
    KEY_NONE, /* nothing that a prompt knows; the frame may need drawing */
    KEY_TEXT, /* bytes to insert: typed, or pasted */
    KEY_ENTER,
    KEY_ESCAPE,
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
    KEY_OVER, /* what went on meanwhile makes the answer needless */
    KEY_STOP  /* a signal, or the terminal is gone */
} Key;

/* What ask_byte() gives beside bytes. */
enum { ASK_END = -1, ASK_WOKEN = -2, ASK_OVER = -3 };

/*
 * What goes on while a prompt waits for keys. wait() is called with `to`: it
 * waits for input on `fd`, up to `timeout` milliseconds (-1: for ever), and
 * does its work meanwhile. It gives true where there is input, and may give
 * false at any time. Where it sets `over`, the prompt goes without an answer.
 */
typedef struct AskMeanwhile {
    bool (*wait)(void *to, int fd, int64_t timeout);
    void *to;
    bool over;
} AskMeanwhile;

/* A prompt under way: where its frame is, and the keys read ahead. */
typedef struct {
    Term *term;
    Str whole_question;
    Str whole_hint; /* stands after the question until it is answered */
    Str question;   /* what of them is in the frame; the rows before it */
    Str hint;       /* were wrapped, and stand above */
    bool wrapped;
    int room; /* columns for the answer; 0: as for a line of text */
    bool raw; /* the terminal has a prompt's mode */
    bool masked;
    bool pasting;
    int64_t escaped_until; /* a '[' before this time continues an Esc */
    int cursor;            /* the column that the cursor was left in */
    int above; /* rows of the frame above the cursor, after a resize */
    int len;
    int at;
    char bytes[TERM_AHEAD];
    char text; /* the byte of a KEY_TEXT */
} Ask;

/* A frame being built. A row that is added to beyond `left` is clipped. */
typedef struct {
    Arena arena;
    Buf out;
    bool color;
    int columns; /* that a row may take: the last one stays free */
    int left;    /* of them, in the present row */
    int rows;    /* below the first */
} Frame;

/* A line under edit: `len` bytes of UTF-8, the cursor at byte `at`. */
typedef struct {
    char text[ASK_MAX];
    int len;
    int at;
    bool broken;  /* a line break of a paste was left out */
    bool lost;    /* the line is not what was given: see ask_line_note() */
    bool follows; /* more lines were pasted with it */
} Line;

/* An entry of a checkbox list. */
typedef struct {
    Str label;
    bool chosen;       /* before: preset; after: the answer */
    const char *fixed; /* why it cannot be chosen ("linked already"), or NULL */
} AskItem;

/* A list to choose from: which entries pass the filter, where the cursor is. */
typedef struct {
    const char *question;
    AskItem *items;
    int count;
    bool many;  /* a checkbox: any number of entries, not one */
    int *shown; /* indices of the items that pass the filter */
    int matches;
    int at;    /* index into `shown` */
    int first; /* of the page on the screen, as `at` */
    int page;  /* entries on the screen */
    bool typing;
    const char *notice; /* shown in place of the help, until the next key */
    Line filter;
} Choice;

/* May this run ask? If not, the error names the option that answers. */
static bool ask_allowed(const Term *term, const char *what, const char *option,
                        Err *err)
{
    if (term->interactive)
        return true;
    if (term->mute)
        err_set(err, EXIT_USAGE, "%s is needed, and %s: nobody is asked", what,
                term->mute);
    else
        err_set(err, EXIT_USAGE,
                "%s is needed, and there is no terminal to ask on", what);
    return err_hint(err, "Give it with %s.", option);
}

/* A secret will be asked for: from now on, nothing that is typed is shown. */
static void ask_hush(const Term *term)
{
    if (term->interactive)
        os_terminal_hush(STDIN_FILENO);
}

/* Puts the terminal into a prompt's mode; ask_close() is its other half. */
static bool ask_open(Ask *ask, Term *term, bool masked, Err *err)
{
    *ask = (Ask){.term = term, .masked = masked};
    if (term->dumb && !masked) { /* no mode; but fg brings the label back */
        os_terminal_undo();
        os_watch_terminal(true);
        return true;
    }
    int code = os_terminal_mode(STDIN_FILENO, !term->dumb);
    if (code)
        return err_set(err, EXIT_FAILED, "cannot set up the terminal: %s",
                       os_error(code));
    ask->raw = true;
    ask->len = term->ahead_len;
    memcpy(ask->bytes, term->ahead, sizeof(ask->bytes));
    secret_wipe(term->ahead, sizeof(term->ahead));
    term->ahead_len = 0;
    return true;
}

/* Ends a prompt. What was typed beyond its answer is the next one's; not so
 * beyond a masked one, where it may be the rest of a pasted secret. */
static void ask_close(Ask *ask)
{
    Term *term = ask->term;
    term->ahead_len = ask->masked ? 0 : ask->len - ask->at;
    memcpy(term->ahead, ask->bytes + ask->at, (size_t)term->ahead_len);
    if (ask->raw || (term->dumb && !ask->masked))
        os_terminal_restore();
    if (os_terminal_hushed && !os_interrupted())
        os_terminal_hush(STDIN_FILENO);
    secret_wipe(ask->bytes, sizeof(ask->bytes));
}

/* Starts a frame in the place of the one before. CSI J is given in the second
 * column: in the first one of the screen, tmux saves what it erases. */
static void ask_frame_begin(Frame *frame, const Ask *ask)
{
    int columns = os_columns(STDERR_FILENO);
    *frame = (Frame){.color = ask->term->color};
    frame->columns = columns > 1 ? columns - 1 : 1;
    frame->left = frame->columns;
    frame->out = buf_new(&frame->arena, 256 * KIB);
    if (ask->above > 0)
        buf_printf(&frame->out, "\x1b[%dA", ask->above);
    buf_add(&frame->out, S("\r\x1b[K\x1b[C\x1b[J\r\x1b[?7l"));
}

/* Adds foreign text to the row, in `color` (SGR, ECMA-48 8.3.117; or ""). */
static void ask_frame_add(Frame *frame, const char *color, Str text)
{
    Str shown = term_clip(text, frame->left);
    bool colored = frame->color && color[0] && shown.len;
    if (colored)
        buf_printf(&frame->out, "\x1b[%sm", color);
    term_add_visible(&frame->out, shown);
    if (colored)
        buf_add(&frame->out, S("\x1b[0m"));
    frame->left -= term_width(shown);
}

/* Starts the frame's next row. */
static void ask_frame_row(Frame *frame)
{
    buf_add(&frame->out, S("\r\n"));
    frame->left = frame->columns;
    frame->rows++;
}

/* Shows the frame, and leaves the cursor in that column of its first row. */
static void ask_frame_show(Frame *frame, Ask *ask, int column)
{
    if (frame->rows)
        buf_printf(&frame->out, "\x1b[%dA", frame->rows);
    buf_add(&frame->out, S("\r"));
    if (column)
        buf_printf(&frame->out, "\x1b[%dC", column);
    buf_add(&frame->out, S("\x1b[?7h"));
    os_write_all(STDERR_FILENO, buf_str(&frame->out));
    arena_free(&frame->arena);
    ask->cursor = column;
    ask->above = 0;
}

/* Takes the first row off a text that is longer than `columns`, broken at a
 * space if there is one. */
static Str ask_take_row(Str *text, int columns)
{
    int more = 0;
    Str row = term_clip(*text, columns);
    ptrdiff_t end = row.len;
    while (end && row.len < text->len && text->ptr[end] != ' ')
        end--;
    if (end)
        row.len = end;
    if (!row.len)
        row = str_slice(*text, 0, term_char(*text, &more));
    *text = str_slice(*text, row.len, text->len);
    while (str_starts(*text, S(" ")))
        *text = str_slice(*text, 1, text->len);
    return row;
}

static void ask_frame_mark(Frame *frame, Ask *ask)
{
    ask_frame_add(frame, "32", ask->wrapped ? S(" ") : S("?"));
    ask_frame_add(frame, "", S(" "));
}

/*
 * Adds the question, its hint and a space to the frame, with room for an answer
 * in the same row if that is wide enough. What does not fit is wrapped:
 * the rows before the last one are written once, above the frame, where they
 * scroll and reflow as other text does, and leave ask->question and ask->hint.
 */
static void ask_frame_question(Frame *frame, Ask *ask)
{
    enum { MARK = 2 };
    int most = frame->columns > MARK ? frame->columns - MARK : 1;
    int room = ask->room             ? ask->room
               : frame->columns > 48 ? 24
                                     : frame->columns / 3;
    int own = most > room + 1 ? most - room - 1 : 1;
    for (;;) {
        int question = term_width(ask->question);
        int hint = term_width(ask->hint);
        ask_frame_mark(frame, ask);
        if (question + (question && hint) + hint <= own ||
            (!question && hint < most))
            break;
        Str *first = question ? &ask->question : &ask->hint;
        ask_frame_add(frame, "", ask_take_row(first, most));
        buf_add(&frame->out, S("\r\n"));
        frame->left = frame->columns;
        ask->wrapped = true;
    }
    ask_frame_add(frame, "", ask->question);
    if (ask->question.len && ask->hint.len)
        ask_frame_add(frame, "", S(" "));
    ask_frame_add(frame, "", ask->hint);
    if (ask->question.len || ask->hint.len)
        ask_frame_add(frame, "", S(" "));
}

/* Starts the question over: nothing of it is on the screen. */
static void ask_begin_question(Ask *ask)
{
    ask->question = ask->whole_question;
    ask->hint = ask->whole_hint;
    ask->wrapped = false;
}

/* Replaces the frame by a line: the question and its answer. Not after a
 * signal to end while stopped: the screen is another job's. */
static void ask_answered(Ask *ask, Str answer)
{
    Frame frame;
    if (!ask->raw)
        return;
    ask_frame_begin(&frame, ask);
    ask->hint = (Str){0};
    if (ask->question.len || answer.len) {
        ask_frame_question(&frame, ask);
        ask_frame_add(&frame, "36", answer);
        buf_add(&frame.out, S("\r\n"));
    }
    buf_add(&frame.out, S("\x1b[?7h"));
    os_write_all(STDERR_FILENO, buf_str(&frame.out));
    arena_free(&frame.arena);
    ask->cursor = 0;
    ask->above = 0;
}

/* Where the cursor stands after the terminal became `columns` wide: how many
 * rows below the one that it was left in, in column `cursor`. It is reported
 * in column `now` (from 1), or nowhere (0). */
static int ask_rows_above(int cursor, int columns, int now)
{
    int rows = cursor / columns;
    if (now - 1 == cursor % columns)
        return rows; /* it went with its character: the row was wrapped anew */
    if (rows && cursor % columns == 0 && now == columns)
        return rows - 1; /* likewise, and waits at the end of a row */
    return 0;            /* the row was cut */
}

/* Takes the terminal's report on the cursor, CSI row ; column R, out of the
 * bytes read ahead. Gives the column, or 0 where there is none. */
static int ask_take_report(Ask *ask)
{
    for (int i = ask->at; i < ask->len; i++) {
        Str s = {ask->bytes + i, ask->len - i};
        ptrdiff_t end = str_index(s, 'R');
        int64_t row = 0;
        int64_t column = 0;
        if (!str_starts(s, S("\x1b[")) || end < 0)
            continue;
        Str both = str_slice(s, 2, end);
        if (!str_int(str_cut(&both, ';'), &row) || !str_int(both, &column) ||
            column < 1 || column > INT16_MAX)
            continue;
        memmove(ask->bytes + i, ask->bytes + i + end + 1,
                (size_t)(s.len - end - 1));
        ask->len -= (int)end + 1;
        return (int)column;
    }
    return 0;
}

/* The width once it has not changed for a moment: a window that is being
 * dragged would change again under a frame on its way. */
static int ask_settled_columns(void)
{
    enum { MOMENT_MS = 50 };
    int columns = os_columns(STDERR_FILENO);
    int64_t settled = os_now() + MOMENT_MS;
    while (os_now() < settled && !os_interrupted()) {
        os_sleep(settled - os_now());
        int now = os_columns(STDERR_FILENO);
        if (now != columns)
            settled = os_now() + MOMENT_MS;
        columns = now;
    }
    return columns;
}

/*
 * Finds the frame after the terminal's size changed. Where the cursor's
 * column is gone, some terminals have wrapped the row anew and others have
 * cut it; only the terminal knows. One that does not answer in time is taken
 * for the simple kind. Keys that come first stay read ahead.
 */
static void ask_find_frame(Ask *ask)
{
    int columns = ask_settled_columns();
    int64_t deadline = os_now() + 250;
    int column = 0;
    if (ask->cursor < columns)
        return;
    os_write_all(STDERR_FILENO, S("\x1b[6n"));
    ask->len -= ask->at;
    memmove(ask->bytes, ask->bytes + ask->at, (size_t)ask->len);
    ask->at = 0;
    while (!column && ask->len < COUNT(ask->bytes) && os_now() < deadline &&
           !os_interrupted()) {
        if (!os_wait(STDIN_FILENO, POLLIN, deadline - os_now()))
            continue;
        ptrdiff_t n = os_read(STDIN_FILENO, ask->bytes + ask->len,
                              COUNT(ask->bytes) - ask->len);
        if (n <= 0)
            break;
        ask->len += (int)n;
        column = ask_take_report(ask);
    }
    ask->above = ask_rows_above(ask->cursor, columns, column);
}

/* Stops for Ctrl-Z: the screen and the mode are as before the prompt until
 * the program is continued. */
static void ask_suspend(Ask *ask)
{
    if (!ask->term->dumb) {
        Frame frame;
        ask_frame_begin(&frame, ask);
        ask_frame_show(&frame, ask, 0);
        ask_begin_question(ask);
    }
    os_terminal_restore();
    ask->raw = false;
    os_stop();
}

/* Deals with what befell the terminal while a key was awaited; the caller
 * draws the prompt again. False where it cannot go on. */
static bool ask_woken(Ask *ask)
{
    int events = os_terminal_events();
    if (events & OS_STOP_ASKED)
        ask_suspend(ask);
    if (os_interrupted())
        return false;
    if (events & OS_STOP_ASKED && ask->term->dumb && !ask->masked)
        os_watch_terminal(true);
    else if (events & (OS_STOP_ASKED | OS_CONTINUED) &&
             (!ask->term->dumb || ask->masked)) {
        ask->raw = !os_terminal_set(STDIN_FILENO, !ask->term->dumb);
        ask->pasting = false;
        if (!ask->raw)
            return false;
    }
    if (events & OS_RESIZED)
        ask_find_frame(ask);
    return true;
}

/* The next byte from the terminal; ASK_END at its end, on a signal, or where
 * none comes within `timeout` milliseconds. Without a time-out (-1), also
 * ASK_WOKEN: ask_woken() has something to do; and ASK_OVER. */
static int ask_byte(Ask *ask, int64_t timeout)
{
    int64_t deadline = timeout < 0 ? INT64_MAX : os_now() + timeout;
    while (ask->at == ask->len) {
        if (os_interrupted())
            return ASK_END;
        if (timeout < 0 && os_terminal_news)
            return ASK_WOKEN;
        const AskMeanwhile *meanwhile = timeout < 0 ? ask->term->meanwhile
                                                    : NULL;
        if (meanwhile && meanwhile->over)
            return ASK_OVER;
        int64_t left = timeout < 0 ? -1 : deadline - os_now();
        if (meanwhile ? !meanwhile->wait(meanwhile->to, STDIN_FILENO, -1)
                      : !os_wait(STDIN_FILENO, POLLIN, left < -1 ? 0 : left)) {
            if (os_now() >= deadline)
                return ASK_END;
            continue;
        }
        if (timeout < 0 && os_terminal_news)
            return ASK_WOKEN;
        ptrdiff_t n = os_read(STDIN_FILENO, ask->bytes, sizeof(ask->bytes));
        if (n == -EINTR)
            continue;
        if (n <= 0)
            return ASK_END;
        ask->len = (int)n;
        ask->at = 0;
    }
    return (unsigned char)ask->bytes[ask->at++];
}

/*
 * Reads the rest of an escape sequence: CSI or SS3, a number, a final byte.
 * Over a slow line its bytes come apart. An ESC that is followed by nothing for
 * a moment is the Esc key; if '[' or 'O' then follows within a second, it was
 * the start of a sequence after all (nobody types that), and is no text.
 */
static Key ask_escape(Ask *ask)
{
    enum { MOMENT_MS = 50, LATE_MS = 1000 };
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
    if (!ask->escaped_until) {
        int first = ask_byte(ask, MOMENT_MS);
        if (first < 0) {
            ask->escaped_until = os_now() + LATE_MS;
            return KEY_ESCAPE;
        }
        if (first != '[' && first != 'O')
            return KEY_NONE;
    }
    ask->escaped_until = 0;
    for (int n = 0; n < COUNT(text) - 1; n++) {
        int c = ask_byte(ask, LATE_MS);
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
    if (c == ASK_WOKEN && ask_woken(ask))
        return KEY_NONE;
    if (c == ASK_OVER)
        return KEY_OVER;
    if (c < 0)
        return KEY_STOP;
    bool late = (c == '[' || c == 'O') && os_now() < ask->escaped_until;
    if (!late)
        ask->escaped_until = 0;
    if (c == 0x1b || late)
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

/* Does the character at byte `at` combine with the one before? */
static bool ask_line_combines(const Line *line, int at)
{
    int columns = 1;
    if (at > 0 && at < line->len)
        term_char(str_slice((Str){line->text, line->len}, at, line->len),
                  &columns);
    return !columns;
}

/* The start of the character before, or after, byte `at` of the line. What
 * combines with a character belongs to it. */
static int ask_line_step(const Line *line, int at, int by)
{
    do
        at += by;
    while (at > 0 && at < line->len &&
           ((line->text[at] & 0xc0) == 0x80 || ask_line_combines(line, at)));
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

/* The line up to byte `end`, as it is shown: a masked one as a star for each
 * character. */
static Str ask_line_text(Arena *arena, const Line *line, int end, bool masked)
{
    if (!masked)
        return (Str){line->text, end};
    Buf stars = buf_new(arena, ASK_MAX);
    for (int at = 0; at < end; at = ask_line_step(line, at, 1))
        buf_add_char(&stars, '*');
    return buf_str(&stars);
}

/* Adds the question and as much of the line as fits around its cursor to the
 * first row. Gives the cursor's column. */
static int ask_frame_line(Frame *frame, Ask *ask, const Line *line)
{
    Str text = ask_line_text(&frame->arena, line, line->len, ask->masked);
    Str before = ask_line_text(&frame->arena, line, line->at, ask->masked);
    Str after = str_slice(text, before.len, text.len);
    ask_frame_question(frame, ask);
    int width = term_width(before);
    bool cut = false;
    while (before.len) {
        int columns = 0;
        int n = term_char(before, &columns);
        if (width < frame->left && (columns || !cut))
            break;
        before = str_slice(before, n, before.len);
        width -= columns;
        cut = true;
    }
    ask_frame_add(frame, "", before);
    int column = frame->columns - frame->left;
    ask_frame_add(frame, "", after);
    return column;
}

static bool ask_stopped(Err *err)
{
    if (os_interrupted())
        return err_set(err, (ExitCode)(128 + os_interrupted()), "interrupted");
    return err_set(err, EXIT_USAGE, "the input ended before an answer");
}

static bool ask_is_over(const Term *term)
{
    return term->meanwhile && term->meanwhile->over;
}

/* Does more come right after the line break of a masked prompt? Then lines
 * were pasted, into a terminal that does not mark what is pasted. */
static bool ask_more_follows(Ask *ask)
{
    enum { PASTE_MS = 50 };
    if (ask->at < ask->len && ask->bytes[ask->at] == '\n')
        ask->at++; /* of CR LF */
    return ask->at < ask->len || os_wait(STDIN_FILENO, POLLIN, PASTE_MS);
}

/* Reads a line from a terminal without escape sequences. The kernel cuts one of
 * 4096 bytes, its line break among them; what comes right after a masked one
 * was pasted with it. */
static bool ask_line_dumb(Ask *ask, Str label, Line *line, Err *err)
{
    os_write_all(STDERR_FILENO, label);
    for (;;) {
        int c = ask_byte(ask, -1);
        bool lost = c == ASK_WOKEN && os_terminal_news != OS_RESIZED;
        if (c == ASK_WOKEN && ask_woken(ask)) {
            os_write_all(STDERR_FILENO, lost ? label : S(""));
            continue;
        }
        if (c < 0 && c != ASK_OVER)
            return ask_stopped(err);
        if (c < 0)
            line->len = 0;
        if (c == '\n' || c < 0)
            break;
        ask_line_edit(line, KEY_TEXT, (char)c);
    }
    if (ask->raw || ask_is_over(ask->term))
        os_write_all(STDERR_FILENO, S("\n"));
    line->lost = line->len >= ASK_MAX - 1;
    line->follows = ask->masked && ask_more_follows(ask);
    return true;
}

/* Notes what the line is about to lose of what is given: a line break inside
 * a paste, or what does not fit. A line that is emptied starts afresh. */
static void ask_line_note(Line *line, const Ask *ask, Key key)
{
    bool line_break = ask->text == '\n' || ask->text == '\r';
    if (!line->len)
        line->broken = line->lost = false;
    if (key == KEY_NONE && ask->pasting && line_break && line->len)
        line->broken = true;
    if (key == KEY_TEXT && (line->broken || line->len == ASK_MAX))
        line->lost = true;
}

/* Reads a line key by key. */
static bool ask_line_keys(Ask *ask, Line *line, Err *err)
{
    for (;;) {
        if (ask->at == ask->len) {
            Frame frame;
            ask_frame_begin(&frame, ask);
            int column = ask_frame_line(&frame, ask, line);
            ask_frame_show(&frame, ask, column);
        }
        Key key = ask_key(ask);
        if (key == KEY_STOP || (key == KEY_EOF && !line->len))
            return ask_stopped(err);
        if (key == KEY_OVER)
            line->len = 0;
        if (key == KEY_ENTER && ask->masked)
            line->follows = ask_more_follows(ask);
        if (key == KEY_ENTER || key == KEY_OVER)
            return true;
        ask_line_note(line, ask, key);
        ask_line_edit(line, key, ask->text);
    }
}

/* A question whose answer is a line. */
typedef struct {
    const char *text;
    Str hint;   /* shown after the question until it is answered */
    Str preset; /* shown for an empty answer, and what that means */
    bool masked;
    bool whole; /* refuse a line that lost its line breaks, or its end */
    int room;   /* as in Ask */
} Question;

/* What ask_text() and ask_confirm() share. The answer lives in `arena`. A
 * masked line with which more lines were pasted is refused. */
static bool ask_line(Term *term, Arena *arena, const Question *question,
                     Str *out, Err *err)
{
    Ask ask;
    Arena scratch = {0};
    Buf dumb = buf_new(&scratch, 64 * KIB);
    Line *line = arena_alloc(&scratch, sizeof(*line));
    bool ok = ask_open(&ask, term, question->masked, err);
    ask.whole_question = str_from(question->text);
    ask.whole_hint = question->hint;
    ask.room = question->room;
    ask_begin_question(&ask);
    if (ok && term->dumb) {
        Str label = arena_printf(&scratch, "? %s%s%.*s ", question->text,
                                 question->hint.len ? " " : "",
                                 P(question->hint));
        term_add_visible(&dumb, label);
        ok = ask_line_dumb(&ask, buf_str(&dumb), line, err);
    } else if (ok) {
        ok = ask_line_keys(&ask, line, err);
        Str text = ask_line_text(&scratch, line, line->len, question->masked);
        Str shown = str_trim(text);
        ask_answered(&ask, shown.len || !ok ? shown : question->preset);
    }
    ask_close(&ask);
    Str answer = str_trim((Str){line->text, line->len});
    if (ok && (line->follows || (question->whole && line->lost))) {
        os_drop_input(STDIN_FILENO);
        ok = err_set(err, EXIT_USAGE,
                     "a prompt takes one line of up to %d bytes, and "
                     "what was pasted is more",
                     term->dumb ? ASK_MAX - 2 : ASK_MAX);
    }
    if (ok)
        *out = answer.len ? arena_copy(arena, answer) : question->preset;
    arena_free(&scratch);
    return ok;
}

/*
 * Asks for a line of text; the answer, trimmed, lives in `arena`. `preset`
 * is what an empty answer means, and may be empty. `masked` shows stars.
 * Ctrl-C and the input's end are errors. The caller checked ask_allowed().
 */
static bool ask_text(Term *term, Arena *arena, const char *question, Str preset,
                     bool masked, Str *out, Err *err)
{
    Question line = {.text = question, .preset = preset, .masked = masked};
    if (preset.len)
        line.hint = arena_printf(arena, "(%.*s)", P(preset));
    return ask_line(term, arena, &line, out, err);
}

/* Asks for a secret, masked, as ask_text() does, and whole. */
static bool ask_secret(Term *term, Arena *arena, const char *question,
                       Secret *out, Err *err)
{
    Str text = {0};
    Question line = {.text = question, .masked = true, .whole = true};
    bool ok = ask_line(term, arena, &line, &text, err);
    *out = secret_from(text);
    return ok;
}

/* As ask_text(), but something else goes on meanwhile and may make the answer
 * needless: then `*out` is empty, what was typed is dropped, and
 * `meanwhile->over` says so. */
static bool ask_text_while(Term *term, Arena *arena, const char *question,
                           bool masked, const AskMeanwhile *meanwhile, Str *out,
                           Err *err)
{
    term->meanwhile = meanwhile;
    bool ok = ask_text(term, arena, question, (Str){0}, masked, out, err);
    term->meanwhile = NULL;
    return ok;
}

/* Asks for yes or no; an empty answer is `preset`. */
static bool ask_confirm(Term *term, const char *question, bool preset,
                        bool *out, Err *err)
{
    for (;;) {
        Arena scratch = {0};
        Str answer = {0};
        Question line = {.text = question,
                         .hint = str_from(preset ? "[Y/n]" : "[y/N]"),
                         .preset = str_from(preset ? "yes" : "no"),
                         .room = 4};
        bool ok = ask_line(term, &scratch, &line, &answer, err);
        bool yes = str_in_words(answer, "y yes");
        bool no = str_in_words(answer, "n no");
        arena_free(&scratch);
        if (!ok)
            return false;
        if (yes || no) {
            *out = yes;
            return true;
        }
    }
}

/* Sets which entries pass the filter. The cursor stays on its entry, if that
 * one does. */
static void ask_choice_filter(Choice *choice)
{
    Str want = {choice->filter.text, choice->filter.len};
    int kept = choice->matches ? choice->shown[choice->at] : -1;
    choice->matches = 0;
    for (int i = 0; i < choice->count; i++) {
        Str item = choice->items[i].label;
        bool match = !want.len;
        for (ptrdiff_t k = 0; !match && k + want.len <= item.len; k++)
            match = str_eq_nocase(str_slice(item, k, k + want.len), want);
        if (match && i == kept)
            choice->at = choice->matches;
        if (match)
            choice->shown[choice->matches++] = i;
    }
    if (choice->at >= choice->matches)
        choice->at = choice->matches ? choice->matches - 1 : 0;
}

/* The first entry of a page that shows the cursor's one, moved no further
 * than it takes, and one more on either side where the page has room. */
static int ask_choice_first(const Choice *choice)
{
    int page = choice->page;
    int margin = page >= 3;
    int first = choice->first;
    if (first > choice->at - margin)
        first = choice->at - margin;
    if (first < choice->at + margin - page + 1)
        first = choice->at + margin - page + 1;
    if (first > choice->matches - page)
        first = choice->matches - page;
    return first < 0 ? 0 : first;
}

/* Adds the row of an entry: the cursor or, at an end of the page, a sign
 * that there are more; its box; its label. */
static void ask_choice_row(Frame *frame, const Choice *choice, int i)
{
    const AskItem *item = &choice->items[choice->shown[i]];
    int last = choice->first + choice->page - 1;
    const char *color = i == choice->at ? "36" : item->fixed ? "2" : "";
    const char *mark = i == choice->at                           ? "> "
                       : i == choice->first && i > 0             ? "^ "
                       : i == last && choice->matches > last + 1 ? "v "
                                                                 : "  ";
    const char *box = !choice->many  ? ""
                      : item->fixed  ? "[-] "
                      : item->chosen ? "[x] "
                                     : "[ ] ";
    Str row = arena_printf(&frame->arena, "%s%s%.*s%s%s%s", mark, box,
                           P(item->label), item->fixed ? " (" : "",
                           item->fixed ? item->fixed : "",
                           item->fixed ? ")" : "");
    ask_frame_row(frame);
    ask_frame_add(frame, color, row);
}

/* The line below the list. */
static const char *ask_choice_help(const Choice *choice)
{
    if (choice->notice)
        return choice->notice;
    if (!choice->matches)
        return "Nothing matches; Esc shows all entries";
    if (choice->typing)
        return choice->many ? "Space marks, Enter ends, Esc shows all"
                            : "Enter selects, Esc shows all entries";
    return choice->many ? "Space marks, a all, i invert, / filter"
                        : "Up/Down, type to filter, Enter selects";
}

/* Draws the list. The frame is never higher than the screen, unless that has
 * a single row; help comes where there are four. */
static void ask_choice_draw(Ask *ask, Choice *choice)
{
    Frame frame;
    int rows = os_rows(STDERR_FILENO);
    bool help = choice->notice || rows > 3;
    int page = rows - 1 - help;
    choice->page = page < 1 ? 1 : page > ASK_ROWS ? ASK_ROWS : page;
    choice->first = ask_choice_first(choice);
    ask_frame_begin(&frame, ask);
    int column = ask_frame_line(&frame, ask, &choice->filter);
    for (int i = choice->first;
         i < choice->matches && i < choice->first + choice->page; i++)
        ask_choice_row(&frame, choice, i);
    if (help) {
        ask_frame_row(&frame);
        ask_frame_add(&frame, choice->notice ? "33" : "2",
                      str_from(ask_choice_help(choice)));
    }
    ask_frame_show(&frame, ask, column);
}

/* Chooses all entries, or none where all are chosen; or turns each over. */
static void ask_choice_toggle_all(Choice *choice, bool invert)
{
    bool all = true;
    for (int i = 0; i < choice->count; i++)
        if (!choice->items[i].fixed && !choice->items[i].chosen)
            all = false;
    for (int i = 0; i < choice->count; i++)
        if (!choice->items[i].fixed)
            choice->items[i].chosen = invert ? !choice->items[i].chosen : !all;
}

/* Turns the cursor's entry over. One that is fixed says why. */
static void ask_choice_toggle(Choice *choice)
{
    if (!choice->many || !choice->matches)
        return;
    AskItem *item = &choice->items[choice->shown[choice->at]];
    if (item->fixed)
        choice->notice = item->fixed;
    else
        item->chosen = !item->chosen;
}

/*
 * What a typed byte means while a list is not filtered. In a list where one is
 * chosen it filters; in a checkbox letters are keys, and "/" starts the filter.
 * Returns KEY_TEXT if the byte belongs to the filter.
 */
static Key ask_choice_letter(Choice *choice, char text)
{
    if (choice->many && (text == 'j' || text == 'k'))
        return text == 'j' ? KEY_DOWN : KEY_UP;
    if (text == 'a' && choice->many)
        ask_choice_toggle_all(choice, false);
    else if (text == 'i' && choice->many)
        ask_choice_toggle_all(choice, true);
    else if (text == '/' && choice->many)
        choice->typing = true;
    else if (!choice->many)
        return KEY_TEXT;
    return KEY_NONE;
}

/* Applies a key to a list. */
static void ask_choice_key(Choice *choice, Key key, char text)
{
    int last = choice->matches - 1;
    if (key != KEY_NONE)
        choice->notice = NULL;
    if (key == KEY_TEXT && text == ' ' && (choice->many || !choice->typing)) {
        ask_choice_toggle(choice);
        return;
    }
    if (key == KEY_TEXT && !choice->typing)
        key = ask_choice_letter(choice, text);
    if (key == KEY_NONE)
        return;
    if (key == KEY_UP)
        choice->at = choice->at > 0 ? choice->at - 1 : last;
    else if (key == KEY_DOWN)
        choice->at = choice->at < last ? choice->at + 1 : 0;
    else if (key == KEY_HOME || key == KEY_PAGE_UP)
        choice->at = key == KEY_HOME ? 0 : choice->at - choice->page;
    else if (key == KEY_END || key == KEY_PAGE_DOWN)
        choice->at = key == KEY_END ? last : choice->at + choice->page;
    else {
        if (key == KEY_ESCAPE)
            ask_line_cut(&choice->filter, 0, choice->filter.len);
        ask_line_edit(&choice->filter, key, text);
        choice->typing = choice->filter.len > 0;
    }
    if (choice->at > last)
        choice->at = last;
    if (choice->at < 0)
        choice->at = 0;
    ask_choice_filter(choice);
}

/* How many entries are chosen. */
static int ask_choice_chosen(const Choice *choice)
{
    int chosen = 0;
    for (int i = 0; i < choice->count; i++)
        chosen += choice->items[i].chosen && !choice->items[i].fixed;
    return chosen;
}

/* May Enter end the list? If not, the notice says why. */
static bool ask_choice_done(Choice *choice)
{
    if (!choice->many)
        return choice->matches > 0;
    if (!ask_choice_chosen(choice))
        choice->notice = "Mark at least one, with Space.";
    return ask_choice_chosen(choice) > 0;
}

/* The answer as it stays on the screen. */
static Str ask_choice_answer(Arena *arena, const Choice *choice)
{
    Buf text = buf_new(arena, 64 * KIB);
    if (!choice->many)
        return choice->items[choice->shown[choice->at]].label;
    for (int i = 0; i < choice->count; i++) {
        if (!choice->items[i].chosen || choice->items[i].fixed)
            continue;
        buf_add(&text, text.len ? S(", ") : S(""));
        buf_add(&text, choice->items[i].label);
    }
    return buf_str(&text);
}

static bool ask_choice_keys(Ask *ask, Choice *choice, Err *err)
{
    Arena scratch = {0};
    Key key = KEY_NONE;
    for (;;) {
        if (ask->at == ask->len)
            ask_choice_draw(ask, choice);
        key = ask_key(ask);
        if (key == KEY_STOP || key == KEY_EOF ||
            (key == KEY_ENTER && ask_choice_done(choice)))
            break;
        if (ask->pasting && key == KEY_TEXT)
            choice->typing = true;
        if (key != KEY_ENTER)
            ask_choice_key(choice, key, ask->text);
    }
    Str answer = {0};
    if (key == KEY_ENTER)
        answer = ask_choice_answer(&scratch, choice);
    ask_answered(ask, answer);
    arena_free(&scratch);
    return key == KEY_ENTER || ask_stopped(err);
}

/* Takes an answer in numbers, separated by commas and spaces, or "all"; for a
 * list where one is chosen, one number. False where it is none of these, and
 * then nothing is chosen. */
static bool ask_choice_parse(Choice *choice, Str answer)
{
    bool all = choice->many && str_eq_nocase(answer, S("all"));
    bool ok = true;
    int count = 0;
    for (int i = 0; i < choice->count; i++)
        choice->items[i].chosen = all && !choice->items[i].fixed;
    while (!all && ok && answer.len) {
        ptrdiff_t n = 0;
        int64_t number = 0;
        while (n < answer.len && answer.ptr[n] != ',' &&
               !str_is_space(answer.ptr[n]))
            n++;
        ok = !n ||
             (str_int(str_slice(answer, 0, n), &number) && number >= 1 &&
              number <= choice->count && !choice->items[number - 1].fixed &&
              (choice->many || !count++));
        if (ok && n)
            choice->items[number - 1].chosen = true;
        answer = str_slice(answer, n + 1, answer.len);
    }
    for (int i = 0; !ok && i < choice->count; i++)
        choice->items[i].chosen = false;
    return ok && ask_choice_chosen(choice) > 0;
}

/* Asks with numbered lines, on a terminal without escape sequences. An empty
 * answer to a checkbox is what was preset. */
static bool ask_choice_dumb(Term *term, Choice *choice, Err *err)
{
    Arena scratch = {0};
    Question line = {.text = choice->question};
    Buf preset = buf_new(&scratch, 64 * KIB);
    bool ok = true;
    for (int i = 0; i < choice->count; i++) {
        const AskItem *item = &choice->items[i];
        if (item->fixed)
            term_say(term, "  -  %.*s (%s)", P(item->label), item->fixed);
        else
            term_say(term, "%3d  %.*s", i + 1, P(item->label));
        if (item->chosen && !item->fixed)
            buf_printf(&preset, "%s%d", preset.len ? "," : "", i + 1);
    }
    if (choice->many && preset.len) {
        line.hint = arena_printf(&scratch, "(%.*s)", P(buf_str(&preset)));
        line.preset = buf_str(&preset);
    }
    for (;;) {
        Str answer = {0};
        ok = ask_line(term, &scratch, &line, &answer, err);
        if (!ok || ask_choice_parse(choice, answer))
            break;
        if (choice->many)
            term_say(term, "Numbers from 1 to %d, or all, please.",
                     choice->count);
        else
            term_say(term, "A number from 1 to %d, please.", choice->count);
    }
    arena_free(&scratch);
    return ok;
}

/* What ask_select() and ask_checkbox() share. The answer is what is chosen
 * in `items`. The cursor starts at entry `at`. */
static bool ask_choice(Term *term, const char *question, AskItem *items,
                       int count, int at, bool many, Err *err)
{
    Ask ask;
    Arena scratch = {0};
    Choice *choice = arena_alloc(&scratch, sizeof(*choice));
    choice->question = question;
    choice->items = items;
    choice->count = count;
    choice->many = many;
    choice->shown = arena_array(&scratch, count, sizeof(int));
    choice->at = at;
    ask_choice_filter(choice);
    bool ok = true;
    if (term->dumb) {
        ok = ask_choice_dumb(term, choice, err);
    } else if ((ok = ask_open(&ask, term, false, err))) {
        ask.whole_question = str_from(choice->question);
        ask.room = 4;
        ask_begin_question(&ask);
        ok = ask_choice_keys(&ask, choice, err);
        ask_close(&ask);
        if (ok && !many)
            items[choice->shown[choice->at]].chosen = true;
    }
    arena_free(&scratch);
    return ok;
}

/*
 * Asks for one of `count` items (at least one): arrows move, typing filters,
 * Enter selects. `*out` is its index; before, the one to start at.
 */
static bool ask_select(Term *term, const char *question, const Str *items,
                       int count, int *out, Err *err)
{
    Arena scratch = {0};
    AskItem *list = arena_array(&scratch, count, sizeof(*list));
    for (int i = 0; i < count; i++)
        list[i].label = items[i];
    bool ok = ask_choice(term, question, list, count, *out, false, err);
    for (int i = 0; ok && i < count; i++)
        if (list[i].chosen)
            *out = i;
    arena_free(&scratch);
    return ok;
}

/*
 * Asks for any of `count` items, and at least one: as ask_select(), but Space
 * marks, a marks all or none, i inverts, "/" starts a filter. Entries that
 * are `fixed` are shown with the reason, and stay as they are. An error where
 * all of them are.
 */
static bool ask_checkbox(Term *term, const char *question, AskItem *items,
                         int count, Err *err)
{
    int first = 0;
    while (first < count && items[first].fixed)
        first++;
    if (first == count)
        return err_set(err, EXIT_USAGE, "there is nothing to choose from");
    return ask_choice(term, question, items, count, first, true, err);
}

/* ---- Progress: some rows that are drawn again and again ---- */

/* Can progress be drawn? It needs a terminal that understands the sequences
 * above, to itself: with --debug the talk would tear it. */
static bool term_can_draw(const Term *term)
{
    return term->err_terminal && !term->dumb && !term->debug;
}

/* Shows the rows in place of those shown before; they are clipped to the
 * width. Whatever is said next takes their place. */
static void term_draw(Term *term, const Str *rows, int count)
{
    Ask ask = {.term = term};
    Frame frame;
    ask_frame_begin(&frame, &ask);
    for (int i = 0; i < count; i++) {
        if (i)
            ask_frame_row(&frame);
        ask_frame_add(&frame, "", rows[i]);
    }
    ask_frame_show(&frame, &ask, 0);
    term->drawn = true;
}

/* Takes the rows off the screen. */
static void term_undraw(Term *term)
{
    if (term->drawn)
        os_write_all(STDERR_FILENO, S("\r\x1b[J"));
    term->drawn = false;
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

/* Is the text the beginning of a JSON document, and no more than that? */
static bool json_ends_early(Str text)
{
    JsonScan scan = {.max_depth = JSON_DOC_DEPTH};
    for (ptrdiff_t i = 0; i < text.len; i++)
        if (json_step(&scan, text.ptr[i]) == JSON_BAD)
            return false;
    return !json_is_whole(&scan);
}

/* Refuses a document with two members of one name in an object, at any depth:
 * readers differ in which of them counts. So many members that the look would
 * take long are refused as well. */
static bool json_check_keys(const cJSON *document, Err *err)
{
    enum { MOST = 1 << 22 }; /* comparisons: some 2,900 members in an object */
    const cJSON *open[JSON_DOC_DEPTH];
    int depth = 0;
    int compared = 0;
    for (const cJSON *item = document; item;) {
        const cJSON *k = depth ? open[depth - 1]->child : item;
        for (; item->string && k != item; k = k->next) {
            if (++compared > MOST)
                return err_set(err, EXIT_CONFIG, "it has too many keys");
            if (!strcmp(k->string, item->string))
                return err_set(err, EXIT_CONFIG, "duplicate key '%s'",
                               item->string);
        }
        if (item->child && depth < JSON_DOC_DEPTH) {
            open[depth++] = item;
            item = item->child;
            continue;
        }
        while (item && !item->next)
            item = depth ? open[--depth] : NULL;
        item = item ? item->next : NULL;
    }
    return true;
}

/* The integer that a value is, a number or digits in a string; -1: neither. */
static int64_t json_int_of(const cJSON *item)
{
    int64_t value = -1;
    if (cJSON_IsString(item) || cJSON_IsRaw(item))
        return str_int(str_from(item->valuestring), &value) && value >= 0
                   ? value
                   : -1;
    if (!cJSON_IsNumber(item) || item->valuedouble < 0 ||
        item->valuedouble > 9007199254740992.0)
        return -1;
    value = (int64_t)item->valuedouble;
    return (double)value < item->valuedouble ? -1 : value;
}

/* Takes the next number off the text of a valid document. */
static Str json_take_number(Str *text)
{
    ptrdiff_t at = 0;
    bool quoted = false;
    for (; at < text->len; at++) {
        char c = text->ptr[at];
        if (quoted && c == '\\')
            at++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '-' || str_is_digit(c)))
            break;
    }
    ptrdiff_t end = at;
    while (end < text->len && strchr("+-.eE0123456789", text->ptr[end]))
        end++;
    Str number = str_slice(*text, at, end);
    *text = str_slice(*text, end, text->len);
    return number;
}

/* Makes a number raw text, as it is written, where it is more than a short
 * integer: a double may not hold it. */
static void json_keep_number(cJSON *item, Str number)
{
    int64_t plain = 0;
    if (number.len <= 15 && str_int(number, &plain))
        return;
    item->valuestring = json_block_new((size_t)number.len + 1);
    if (!item->valuestring)
        arena_exhausted();
    memcpy(item->valuestring, number.ptr, (size_t)number.len);
    item->valuestring[number.len] = 0;
    item->type = cJSON_Raw;
}

/* Has a document that json_read() made of `text` keep its numbers to the last
 * digit. For documents that go back to where they came from. */
static void json_keep_numbers(cJSON *document, Str text)
{
    cJSON *open[JSON_DOC_DEPTH];
    int depth = 0;
    for (cJSON *item = document; item;) {
        if (cJSON_IsNumber(item))
            json_keep_number(item, json_take_number(&text));
        if (item->child && depth < JSON_DOC_DEPTH) {
            open[depth++] = item;
            item = item->child;
            continue;
        }
        while (item && !item->next)
            item = depth ? open[--depth] : NULL;
        item = item ? item->next : NULL;
    }
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

/* Adds a number; null where it is not known (less than 0). */
static void json_add_count(cJSON *object, const char *name, int64_t value)
{
    json_add(object, name,
             value >= 0 ? cJSON_CreateNumber((double)value)
                        : cJSON_CreateNull());
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
 * no small file grows large; what aliases stand for is counted, so that none
 * takes long to look into. Its emitter knows no types: yaml_reads_as_text()
 * decides which strings need quotes, wide enough for YAML 1.1 and 1.2.
 */

enum {
    YAML_MAX = MIB,
    YAML_DEPTH = 64,
    YAML_NODES = 100000,
    YAML_ENTRIES = 2000, /* of one map: its keys are looked up in a row */
    YAML_ANCHORS = 1000,
    YAML_MERGES = 8,       /* maps merged into maps: so far they are followed */
    YAML_MERGED = 1 << 20, /* entries that aliases and merges stand for */
    YAML_FOLD_FROM = 80    /* longer strings are written as `>-` blocks */
};

typedef enum { YAML_TEXT, YAML_LIST, YAML_MAP, YAML_ALIAS } YamlKind;

typedef struct YamlNode YamlNode; /* forward: a node holds nodes */
struct YamlNode {                 /* 48 bytes: files have thousands */
    uint8_t kind;                 /* a YamlKind */
    uint8_t style;                /* of a text: a yaml_scalar_style_t */
    bool merges;                  /* a map with a key << */
    bool flow;                    /* a list or map in brackets */
    bool open;                    /* while reading: not yet at its end */
    bool written;                 /* while writing: an alias may follow */
    bool named;                   /* it is the head of a YamlNamed */
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
    YamlNode *key; /* of a map's entry */
    YamlNode *next;
};

/* A node with a tag, an anchor or both, which few nodes have. A node is copied
 * with yaml_new_like(), never by itself. */
typedef struct YamlNamed {
    YamlNode node;
    const char *tag;        /* NULL: none */
    const char *anchor;     /* its name, where aliases may refer to it */
    struct YamlNamed *twin; /* the next one of the same anchor, in a ring;
                               NULL: there is none */
} YamlNamed;

typedef struct {
    Arena *arena;
    YamlNode *open[YAML_DEPTH];
    YamlNode *key[YAML_DEPTH]; /* of a map: the key whose value comes next */
    uint64_t bits[YAML_DEPTH]; /* of a map: yaml_key_bit() of all its keys */
    int depth;
    int nodes;
    int documents;
    YamlNode *root;
    YamlNamed **anchors; /* YAML_ANCHORS; NULL before the first */
    int anchor_count;
    int merged; /* entries that aliases and merges stand for, so far */
} YamlReader;

static YamlNode *yaml_new(Arena *arena, YamlKind kind)
{
    YamlNode *node = arena_take(arena, sizeof(*node));
    *node = (YamlNode){.kind = (uint8_t)kind};
    return node;
}

static const char *yaml_tag(const YamlNode *node)
{
    return node->named ? ((const YamlNamed *)node)->tag : NULL;
}

static const char *yaml_anchor(const YamlNode *node)
{
    return node->named ? ((const YamlNamed *)node)->anchor : NULL;
}

/* A copy of a node, its tag too, but not its anchor. */
static YamlNode *yaml_new_like(Arena *arena, const YamlNode *node)
{
    YamlNamed *copy = arena_take(arena, sizeof(*copy));
    *copy = (YamlNamed){.node = *node, .tag = yaml_tag(node)};
    copy->node.named = true;
    return &copy->node;
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
    return str_eq(entry->key->text, key);
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
    /* inline, so that the compiler measures the key */
    return yaml_follow(
        yaml_find(map, (Str){key, (ptrdiff_t)strlen(key)}, YAML_MERGES));
}

/* Adds to `*sum` the entries that a look for a key goes through where the map
 * has it not, as yaml_find() does; false past YAML_MERGED. It calls itself, no
 * deeper than `depth`. */
static bool yaml_weigh(const YamlNode *map, int depth, int *sum)
{
    YamlNode *merge = NULL;
    if (!map || map->kind != YAML_MAP)
        return true;
    *sum += map->count + 1;
    if (*sum > YAML_MERGED)
        return false;
    if (map->merges && depth)
        merge = yaml_follow(yaml_own_entry(map, S("<<")));
    if (!merge || merge->kind != YAML_LIST)
        return yaml_weigh(merge, depth - 1, sum);
    *sum += merge->count;
    for (YamlNode *item = merge->first; item; item = item->next)
        if (!yaml_weigh(yaml_follow(item), depth - 1, sum))
            return false;
    return *sum <= YAML_MERGED;
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
    return !node ||
           (node->kind == YAML_TEXT && node->style == YAML_PLAIN_SCALAR_STYLE &&
            !yaml_tag(node) &&
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

/* Takes a node out of the list or map that it stands in. */
static void yaml_remove(YamlNode *parent, const YamlNode *node)
{
    YamlNode *last = NULL;
    YamlNode **link = &parent->first;
    while (*link && *link != node) {
        last = *link;
        link = &(*link)->next;
    }
    if (!*link)
        return;
    *link = node->next;
    if (parent->last == node)
        parent->last = last;
    parent->count--;
}

/* Takes a map's own entry of this key out, where there is one. */
static void yaml_remove_key(YamlNode *map, const char *key)
{
    const YamlNode *entry = yaml_own_entry(map, str_from(key));
    if (entry)
        yaml_remove(map, entry);
}

/* Moves into `map` what the value of its `<<`, a map or a list of maps that
 * nobody else needs, has under keys that the map has not. */
static void yaml_take_merged(YamlNode *map, YamlNode *merged)
{
    YamlNode *next = NULL;
    YamlNode *item = merged->kind == YAML_LIST ? merged->first : merged;
    for (; item; item = item->next)
        for (YamlNode *entry = item->kind == YAML_MAP ? item->first : NULL;
             entry; entry = next) {
            next = entry->next;
            if (!yaml_own_entry(map, entry->key->text))
                yaml_append(map, entry);
        }
}

/*
 * A copy of a node for another document, in `arena`: aliases and merges are
 * replaced by what they stand for, anchors are dropped. It calls itself, no
 * deeper than `depth`. NULL where the copy would be deeper than that, or hold
 * more than `*room` nodes, which it counts down.
 */
static YamlNode *yaml_clone(Arena *arena, YamlNode *from, int depth, int *room)
{
    from = yaml_follow(from);
    if (!from || !depth || --*room < 0)
        return NULL;
    YamlNode *copy = yaml_new_like(arena, from);
    copy->key = copy->next = NULL;
    if (from->kind == YAML_TEXT)
        return copy;
    copy->first = copy->last = NULL;
    copy->count = 0;
    copy->merges = false;
    for (int pass = 0; pass < 2; pass++) { /* its own entries come first */
        for (YamlNode *entry = from->first; entry; entry = entry->next) {
            bool merges = from->merges && entry->key &&
                          yaml_key_is(entry, S("<<"));
            if (merges != (pass == 1))
                continue;
            YamlNode *inner = yaml_clone(arena, entry, depth - 1, room);
            if (!inner)
                return NULL;
            if (merges) {
                yaml_take_merged(copy, inner);
                continue;
            }
            if (entry->key)
                inner->key = yaml_new_text(arena, entry->key->text);
            yaml_append(copy, inner);
        }
    }
    return copy;
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
    while (*link && *link != old)
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

/* Opens a list or map: what comes next stands in it. */
static void yaml_enter(YamlReader *reader, YamlNode *node)
{
    node->open = true;
    reader->key[reader->depth] = NULL;
    reader->bits[reader->depth] = 0;
    reader->open[reader->depth++] = node;
}

/* One of 64 bits, the same for the same key: a map whose keys have not set it
 * need not be searched. */
static uint64_t yaml_key_bit(Str key)
{
    unsigned last = key.len ? (unsigned char)key.ptr[key.len - 1] : 0;
    return (uint64_t)1 << (((unsigned)key.len * 5 + last) % 64);
}

/* Adds a map's next key. Gives NULL, or the fault. */
static const char *yaml_add_key(YamlReader *reader, YamlNode *key)
{
    YamlNode *map = reader->open[reader->depth - 1];
    if (++reader->nodes > YAML_NODES)
        return "the file has too many values";
    if (key->kind != YAML_TEXT)
        return "a key must be plain text";
    uint64_t bit = yaml_key_bit(key->text);
    uint64_t *bits = &reader->bits[reader->depth - 1];
    if ((*bits & bit) && yaml_own_entry(map, key->text))
        return "a key stands twice in one map";
    *bits |= bit;
    map->merges |= str_eq(key->text, S("<<"));
    reader->key[reader->depth - 1] = key;
    return NULL;
}

/* Adds the root, an item of a list, or the value of the key that was added
 * last. Gives NULL, or the fault. */
static const char *yaml_add_value(YamlReader *reader, YamlNode *node)
{
    if (++reader->nodes > YAML_NODES)
        return "the file has too many values";
    if (!reader->depth) {
        reader->root = node;
        return NULL;
    }
    YamlNode *parent = reader->open[reader->depth - 1];
    node->key = reader->key[reader->depth - 1];
    reader->key[reader->depth - 1] = NULL;
    yaml_append(parent, node);
    return parent->kind == YAML_MAP && parent->count > YAML_ENTRIES
               ? "a map has too many entries"
               : NULL;
}

/* Puts a node where it belongs: the root, a list, a map's key or value. */
static bool yaml_attach(YamlReader *reader, YamlNode *node, Err *err)
{
    int top = reader->depth - 1;
    const YamlNode *parent = top < 0 ? NULL : reader->open[top];
    if (parent && parent->flow && node->kind == YAML_TEXT &&
        str_index(node->text, ':') >= 0)
        yaml_unflow(reader);
    bool is_key = parent && parent->kind == YAML_MAP && !reader->key[top];
    const char *fault = is_key ? yaml_add_key(reader, node)
                               : yaml_add_value(reader, node);
    return !fault || yaml_fault(err, (size_t)node->line - 1, fault);
}

static const char *yaml_copy(Arena *arena, const yaml_char_t *text)
{
    return text ? arena_cstr(arena, str_from((const char *)text)) : NULL;
}

/* Puts a node with an anchor into the ring of those whose anchors have the same
 * name: an alias means the last one that stands before it. */
static void yaml_join_twins(const YamlReader *reader, YamlNamed *named)
{
    for (int i = reader->anchor_count - 1; i >= 0 && !named->twin; i--) {
        YamlNamed *other = reader->anchors[i];
        if (strcmp(other->anchor, named->anchor) != 0)
            continue;
        named->twin = other->twin ? other->twin : other;
        other->twin = named;
    }
}

/* A node of the file with its tag and anchor (NULL: none), the anchor kept
 * for the aliases that follow; NULL, and an error, where there are too many. */
static YamlNode *yaml_new_named(YamlReader *reader, YamlKind kind, size_t line,
                                const yaml_char_t *tag,
                                const yaml_char_t *anchor, Err *err)
{
    YamlNamed *named = arena_alloc(reader->arena, sizeof(*named));
    named->node.kind = (uint8_t)kind;
    named->node.line = (int)line + 1;
    named->node.named = true;
    named->tag = yaml_copy(reader->arena, tag);
    named->anchor = yaml_copy(reader->arena, anchor);
    if (!anchor)
        return &named->node;
    if (reader->anchor_count == YAML_ANCHORS) {
        yaml_fault(err, line, "the file has too many anchors");
        return NULL;
    }
    if (!reader->anchors)
        reader->anchors = arena_array(reader->arena, YAML_ANCHORS,
                                      sizeof(*reader->anchors));
    yaml_join_twins(reader, named);
    reader->anchors[reader->anchor_count++] = named;
    return &named->node;
}

static bool yaml_on_alias(YamlReader *reader, const yaml_event_t *event,
                          Err *err)
{
    const char *name = (const char *)event->data.alias.anchor;
    YamlNode *node = yaml_new(reader->arena, YAML_ALIAS);
    node->line = (int)event->start_mark.line + 1;
    for (int i = reader->anchor_count - 1; i >= 0 && !node->target; i--)
        if (!strcmp(reader->anchors[i]->anchor, name))
            node->target = &reader->anchors[i]->node;
    if (!node->target)
        return yaml_fault(err, event->start_mark.line,
                          "an alias names no anchor");
    if (node->target->open)
        return yaml_fault(err, event->start_mark.line,
                          "an alias stands inside its own anchor");
    if (!yaml_weigh(node->target, YAML_MERGES, &reader->merged))
        return yaml_fault(err, event->start_mark.line,
                          "the aliases stand for too much");
    return yaml_attach(reader, node, err);
}

static bool yaml_on_text(YamlReader *reader, const yaml_event_t *event,
                         Err *err)
{
    YamlNode *node = yaml_new_named(reader, YAML_TEXT, event->start_mark.line,
                                    event->data.scalar.tag,
                                    event->data.scalar.anchor, err);
    if (!node)
        return false;
    node->style = (uint8_t)event->data.scalar.style;
    node->text = arena_copy(reader->arena,
                            (Str){(const char *)event->data.scalar.value,
                                  (ptrdiff_t)event->data.scalar.length});
    return yaml_attach(reader, node, err);
}

/* A list or map begins. */
static bool yaml_on_open(YamlReader *reader, const yaml_event_t *event,
                         Err *err)
{
    bool map = event->type == YAML_MAPPING_START_EVENT;
    YamlNode *node = yaml_new_named(
        reader, map ? YAML_MAP : YAML_LIST, event->start_mark.line,
        map ? event->data.mapping_start.tag : event->data.sequence_start.tag,
        map ? event->data.mapping_start.anchor
            : event->data.sequence_start.anchor,
        err);
    if (!node)
        return false;
    node->flow = map ? event->data.mapping_start.style ==
                           YAML_FLOW_MAPPING_STYLE
                     : event->data.sequence_start.style ==
                           YAML_FLOW_SEQUENCE_STYLE;
    if (reader->depth == YAML_DEPTH)
        return yaml_fault(err, event->start_mark.line,
                          "it is nested too deeply");
    if (!yaml_attach(reader, node, err))
        return false;
    yaml_enter(reader, node);
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
    if (node->merges && !yaml_weigh(node, YAML_MERGES, &reader->merged))
        return yaml_fault(err, event->start_mark.line,
                          "the aliases stand for too much");
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
    bool dash;  /* it is an item of a list */
    int line;
    int column[YAML_DEPTH]; /* where the entries of each open one stand */
    YamlNode *keys[16];     /* seen last, to be shared */
    unsigned turn;
} YamlShort;

/* Takes the next line. False where it is empty, or not plain to read. */
static bool yaml_short_next(YamlShort *in)
{
    Str s = in->rest;
    ptrdiff_t at = 0;
    in->line++;
    in->indent = -1;
    in->dash = false;
    if (!s.len)
        return true;
    while (at + 2 <= s.len && s.ptr[at] == ' ' && s.ptr[at + 1] == ' ')
        at += 2;
    at += at < s.len && s.ptr[at] == ' ';
    ptrdiff_t end = at + str_printable_run((Str){s.ptr + at, s.len - at});
    if (at == end || end == s.len || s.ptr[end] != '\n')
        return false;
    in->indent = (int)at;
    in->body = (Str){s.ptr + at, end - at};
    in->rest = (Str){s.ptr + end + 1, s.len - end - 1};
    in->dash = s.ptr[at] == '-' && s.ptr[at + 1] == ' ';
    return s.ptr[end - 1] != ' ';
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
            str_same(known->text.ptr, s.ptr, known->text.len))
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
    for (ptrdiff_t i = 1; i < s.len; i++)
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
    if (reader->depth == YAML_DEPTH || yaml_add_value(reader, node))
        return false;
    in->column[reader->depth] = column;
    yaml_enter(reader, node);
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
        bool list = in->dash;
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
    return !yaml_add_value(reader, node) && yaml_short_next(in) &&
           in->indent <= column;
}

/* One entry: an item of a list, or a key and its value. */
static bool yaml_short_entry(YamlShort *in)
{
    YamlReader *reader = in->reader;
    Str value = {0};
    int column = in->indent;
    bool dash = in->dash;
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
    return key && !yaml_add_key(reader, key) &&
           yaml_short_value(in, value, column);
}

/* Closes the lists and maps that the line under way no longer belongs to; at
 * the end of the file, all of them. */
static void yaml_short_close(YamlShort *in)
{
    YamlReader *reader = in->reader;
    while (reader->depth) {
        YamlNode *node = reader->open[reader->depth - 1];
        int column = in->column[reader->depth - 1];
        if (in->indent > column ||
            (in->indent == column && (in->dash || node->kind == YAML_MAP)))
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
    YamlReader reader = {.arena = arena};
    bool more = true;
    bool ok = true;
    if (text.len > YAML_MAX)
        return err_set(err, EXIT_CONFIG, "it is larger than 1 MiB");
    if (yaml_short_read(&reader, text)) {
        *root = reader.root;
        return true;
    }
    reader = (YamlReader){.arena = arena};
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
            err->line = (int)line + 1;
            break;
        }
        more = event.type != YAML_STREAM_END_EVENT;
        ok = yaml_on_event(&reader, &event, err);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    *root = reader.root;
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

/* The node is written: an alias may follow. One to another node of the same
 * anchor would mean this one from here on. */
static void yaml_mark_written(YamlNode *node)
{
    node->written = true;
    if (!node->named)
        return;
    YamlNamed *own = (YamlNamed *)node;
    for (YamlNamed *twin = own->twin; twin && twin != own; twin = twin->twin)
        twin->node.written = false;
}

/* Emits a text, an alias, or the start of a list or map. */
static bool yaml_emit_node(yaml_emitter_t *emitter, YamlNode *node)
{
    yaml_event_t event = {0};
    yaml_char_t *anchor = yaml_name(yaml_anchor(node));
    yaml_char_t *tag = yaml_name(yaml_tag(node));
    int ok = 0;
    if (node->kind == YAML_ALIAS)
        ok = node->target->written &&
             yaml_alias_event_initialize(&event,
                                         yaml_name(yaml_anchor(node->target)));
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
    yaml_mark_written(node);
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
 * not fit, or an alias would not stand after what it refers to, or after
 * another node of that anchor.
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

/* The length of the scheme that a reference begins with (RFC 3986, 3.1); 0: it
 * is a relative one. */
static ptrdiff_t url_scheme_length(Str text)
{
    for (ptrdiff_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == ':')
            return i;
        if (!isalpha(c) &&
            (!i || (!isdigit(c) && c != '+' && c != '-' && c != '.')))
            break;
    }
    return 0;
}

/* Adds a path, which begins with a slash, without its "." and ".." segments
 * (RFC 3986, 5.2.4), and the query behind it. */
static void url_add_resolved(Buf *out, Str path)
{
    ptrdiff_t start = out->len;
    ptrdiff_t end = str_index(path, '?');
    Str query = str_slice(path, end < 0 ? path.len : end, path.len);
    Str rest = str_slice(path, 1, end < 0 ? path.len : end);
    bool more = true;
    while (more) {
        more = str_index(rest, '/') >= 0;
        Str segment = str_cut(&rest, '/');
        bool up = str_eq(segment, S(".."));
        bool here = up || str_eq(segment, S("."));
        while (up && out->len > start && out->ptr[--out->len] != '/')
            continue;
        if (!here || !more)
            buf_add_char(out, '/');
        if (!here)
            buf_add(out, segment);
    }
    buf_add(out, query);
}

/*
 * Where a reference leads, seen from `base` (RFC 3986, 5.2). Its user and
 * password and its fragment are left out. False if it is malformed.
 */
static bool url_resolve(Arena *arena, const Url *base, Str text, Url *out)
{
    Str ref = str_cut(&text, '#');
    ptrdiff_t scheme = url_scheme_length(ref);
    Str rest = base->path;
    Str own = str_cut(&rest, '?');
    Str kept = {0}; /* of the base's path */
    *out = *base;
    out->user = (Str){0};
    if (scheme || str_starts(ref, S("//"))) {
        if (!scheme)
            ref = arena_printf(arena, "%.*s:%.*s", P(base->scheme), P(ref));
        else if (!str_starts(str_slice(ref, scheme, ref.len), S("://")))
            return false;
        if (!url_parse(ref, out))
            return false;
        ref = out->path;
        own = S("/");
    }
    if (!ref.len)
        kept = base->path;
    else if (ref.ptr[0] == '?')
        kept = own;
    else if (ref.ptr[0] != '/')
        for (kept = own; kept.len && kept.ptr[kept.len - 1] != '/';)
            kept.len--;
    const Str parts[] = {kept, ref};
    Buf path = buf_new(arena, kept.len + ref.len + 1);
    url_add_resolved(&path, arena_join(arena, parts, 2));
    out->path = buf_str(&path);
    return true;
}

/* An address as it may be shown: without user and password, query and
 * fragment, which can hold secrets. */
static Str url_shown(Arena *arena, Str address)
{
    ptrdiff_t end = 0;
    while (end < address.len && str_index(S("?#"), address.ptr[end]) < 0)
        end++;
    Str shown = str_slice(address, 0, end);
    ptrdiff_t host = str_find(shown, S("//")) + 2;
    ptrdiff_t at = host;
    for (ptrdiff_t i = host; host > 1 && i < end && shown.ptr[i] != '/'; i++)
        at = shown.ptr[i] == '@' ? i + 1 : at;
    const Str parts[] = {str_slice(shown, 0, host > 1 ? host : 0),
                         str_slice(shown, host > 1 ? at : 0, end),
                         end == address.len        ? S("")
                         : address.ptr[end] == '?' ? S("?...")
                                                   : S("#...")};
    return arena_join(arena, parts, 3);
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

/* The value of the first parameter of this name in a URL's query, decoded as
 * HTML forms encode it (a plus is a space); empty where it is missing. */
static Str url_query_value(Arena *arena, Str url, Str name)
{
    Str query = str_cut(&url, '#');
    str_cut(&query, '?');
    while (query.len) {
        Str pair = str_cut(&query, '&');
        if (!str_eq(str_cut(&pair, '='), name))
            continue;
        Str value = arena_copy(arena, pair);
        Buf spaced = buf_new(arena, value.len + 1);
        for (ptrdiff_t i = 0; i < value.len; i++)
            buf_add_char(&spaced, value.ptr[i] == '+' ? ' ' : value.ptr[i]);
        return url_decode(arena, buf_str(&spaced));
    }
    return (Str){0};
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

/* ==== 07 Ignore rules ==================================================== *
 *
 * Judges paths by ignore files as git does, for two ends: whether git leaves
 * a path alone, so that a file with keys is not committed by mistake, and
 * which files an upload leaves out (.hsignore, with rules that are built in).
 * For the second, a list of rules may match more than git would match: in any
 * case, as the official client does, or by name outside of the rules' folder
 * (IgnoreReach). An .hsignore that cannot be read as text is an error, so that
 * its rules are never missed silently.
 *
 * What is promised: a path gets the same answer as from `git check-ignore
 * --no-index`, which tests/test_ignore.py asks. Patterns are bytes, not
 * characters: `?` is one byte, as with git. Matching takes no recursion and
 * no memory, and at most about pattern times path steps.
 *
 * Where it parts from git, on purpose:
 *   - "foo**" followed by a slash is what the page says, "foo*" (git up to
 *     2.52 lets the stars span folders where nothing but plain text stands
 *     before them).
 *   - GIT_DIR, GIT_WORK_TREE and the other GIT_ variables are not looked at;
 *     of git's config only core.excludesFile is read, without [include] and
 *     without "~user/". So core.worktree, core.bare, core.ignoreCase and
 *     config.worktree change nothing here.
 *   - A .git file that leads nowhere ends git's run; here the search goes on
 *     upwards. It crosses mount points too: what lies in a mounted folder of
 *     a work tree can still be added to it.
 *   - Ignore files are read up to 1 MiB, patterns up to 4 KiB; a longer one
 *     matches nothing.
 *
 * Paths are in one form: no "." or "..", no slash at the end. A rule's Strs
 * point into what the caller gave, which lives as long as the rules.
 *
 * Sources: gitignore(5), gitrepository-layout(5), git-config(1) (syntax, and
 * core.excludesFile), git 2.39's answers where the pages are silent.
 */

enum { IGNORE_FILE = MIB, IGNORE_PATTERN = 4 * KIB };

typedef struct {
    Str pattern; /* as it stands in the file, less the blanks at its end */
    Str base;    /* the folder that it is relative to: an absolute path, or
                    "" for the root of what is judged */
    Str file;    /* where the rule stands, or a name such as "built-in" */
    Str folded;  /* without "!" and slashes, in one case: for `any_case` */
    int line;
    bool negated;      /* takes back what an earlier rule ignores */
    bool folders_only; /* a slash stands at the end */
    bool anchored;     /* judges the path from `base` on, not the name alone */
} IgnoreRule;

/* What rules can match. A rule with a slash inside matches only below its
 * base; the others match a name, and some lists use them elsewhere too. */
typedef enum {
    IGNORE_BELOW,   /* below the base, as in git */
    IGNORE_BESIDE,  /* also what is neither below the base nor above it */
    IGNORE_ANYWHERE /* any path */
} IgnoreReach;

/* Rules in the order of their weight: the last that matches counts. `arena`
 * is set by the owner and holds the array; `reach` and `any_case` are set
 * before rules are added. */
typedef struct {
    Arena *arena;
    IgnoreReach reach;
    bool any_case; /* rules match in any case */
    IgnoreRule *rule;
    int count;
    int cap;
} IgnoreRules;

/* A git work tree; all paths absolute, links resolved. */
typedef struct {
    Str root;       /* the folder that holds .git */
    Str git_dir;    /* the work tree's own part: HEAD, index */
    Str common_dir; /* what work trees share: config, info/exclude */
} GitTree;

/* The length of the name in a "[:name:]" at the start of `s`; -1 where none
 * stands there. */
static ptrdiff_t ignore_class_len(Str s)
{
    Str name = str_slice(s, 2, s.len);
    ptrdiff_t end = str_starts(s, S("[:")) ? str_index(name, ']') : -1;
    return end > 0 && name.ptr[end - 1] == ':' ? end - 1 : -1;
}

/* Is `c` in the class of this name? ASCII only, whatever the locale. -1 where
 * there is no such class. git's blanks lack the vertical tab and form feed. */
static int ignore_in_class(Str name, unsigned char c)
{
    static const char names[] = "alnum alpha blank cntrl digit graph lower "
                                "print punct space upper xdigit";
    bool digit = c >= '0' && c <= '9';
    bool lower = c >= 'a' && c <= 'z';
    bool upper = c >= 'A' && c <= 'Z';
    bool graph = c > ' ' && c <= '~';
    bool alnum = digit || lower || upper;
    bool hex = digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    bool blank = c == ' ' || c == '\t';
    const bool in[] = {
        alnum,           lower || upper,
        blank,           c < ' ' || c == 0x7f,
        digit,           graph,
        lower,           graph || c == ' ',
        graph && !alnum, blank || c == '\n' || c == '\r',
        upper,           hex,
    };
    Str rest = str_from(names);
    for (int i = 0; i < COUNT(in); i++)
        if (str_eq(str_cut(&rest, ' '), name))
            return in[i];
    return -1;
}

/*
 * Is `c` one of the set that begins at pattern[*at], such as "[a-z]"? Then
 * `*at` is moved past it. A slash is in no set. A set that does not end, or
 * that names a class which does not exist, has no members.
 */
static bool ignore_in_set(Str pattern, ptrdiff_t *at, unsigned char c)
{
    Str s = str_slice(pattern, *at + 1, pattern.len);
    bool negated = s.len && (s.ptr[0] == '!' || s.ptr[0] == '^');
    bool found = false;
    int low = 0; /* where a range may begin: the member before; 0 for none */
    s = str_slice(s, negated, s.len);
    for (bool first = true; s.len && (first || s.ptr[0] != ']');
         first = false) {
        ptrdiff_t class_len = ignore_class_len(s);
        if (class_len >= 0) {
            int in = ignore_in_class(str_slice(s, 2, class_len + 2), c);
            if (in < 0)
                return false;
            found = found || in;
            low = 0;
            s = str_slice(s, class_len + 4, s.len);
            continue;
        }
        bool range = low && s.len > 1 && s.ptr[0] == '-' && s.ptr[1] != ']';
        s = str_slice(s, range, s.len);
        s = str_slice(s, s.ptr[0] == '\\', s.len);
        if (!s.len)
            return false;
        unsigned char high = (unsigned char)s.ptr[0];
        found = found || (c <= high && c >= (range ? low : high));
        low = range ? 0 : high;
        s = str_slice(s, 1, s.len);
    }
    if (!s.len)
        return false;
    *at = pattern.len - s.len + 1;
    return found != negated && c != '/';
}

/* Does the one item at pattern[*at], no star, match `c`? Then `*at` is moved
 * past it. */
static bool ignore_match_one(Str pattern, ptrdiff_t *at, char c)
{
    char item = pattern.ptr[*at];
    if (item == '[')
        return ignore_in_set(pattern, at, (unsigned char)c);
    bool escaped = item == '\\';
    if (escaped && *at + 1 == pattern.len)
        return false;
    if (!escaped && item == '?' ? c == '/' : pattern.ptr[*at + escaped] != c)
        return false;
    *at += 1 + escaped;
    return true;
}

/*
 * Moves `*at` past the stars that stand there. Gives how far they reach: '*'
 * up to the next slash, '/' over whole folders ("**" and a slash, which is
 * passed too), 'e' to the end of the path, '\\' as '/' but over one folder at
 * least (the slash is escaped, and git does not see that it may go as well).
 */
static char ignore_take_stars(Str pattern, ptrdiff_t *at)
{
    ptrdiff_t from = *at;
    ptrdiff_t to = from;
    while (to < pattern.len && pattern.ptr[to] == '*')
        to++;
    *at = to;
    Str rest = str_slice(pattern, to, pattern.len);
    if (to - from < 2 || (from && pattern.ptr[from - 1] != '/'))
        return '*';
    if (!rest.len)
        return 'e';
    bool escaped = str_starts(rest, S("\\/"));
    if (!escaped && rest.ptr[0] != '/')
        return '*';
    *at += escaped ? 2 : 1;
    return rest.ptr[0];
}

/*
 * Does the pattern match the whole of `text`? Where an item does not fit, the
 * last star takes one byte more, then the last folder stars one folder more;
 * the ones before need no second try: what they span ends at a fixed slash,
 * or was the least that let the pattern come this far.
 */
static bool ignore_match(Str pattern, Str text)
{
    ptrdiff_t p = 0;
    ptrdiff_t t = 0;
    ptrdiff_t star = -1;    /* behind the last star in the pattern, and where */
    ptrdiff_t star_end = 0; /* in the text that star ends for now */
    ptrdiff_t deep = -1;
    ptrdiff_t deep_end = 0;
    while (p < pattern.len || t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            char reach = ignore_take_stars(pattern, &p);
            if (reach == 'e')
                return true;
            star = reach == '*' ? p : -1;
            star_end = t;
            if (reach == '*')
                continue;
            deep = p;
            deep_end = t;
            if (reach == '/')
                continue;
        } else if (p < pattern.len && t < text.len &&
                   ignore_match_one(pattern, &p, text.ptr[t])) {
            t++;
            continue;
        }
        if (star >= 0 && star_end < text.len && text.ptr[star_end] != '/') {
            p = star;
            t = ++star_end;
            continue;
        }
        Str rest = str_slice(text, deep_end, text.len);
        ptrdiff_t slash = deep < 0 ? -1 : str_index(rest, '/');
        if (slash < 0)
            return false;
        p = deep;
        t = deep_end += slash + 1;
        star = -1;
    }
    return true;
}

/* Is `path` below the folder `base`? Then `*rest` is the part below it. */
static bool ignore_below(Str base, Str path, Str *rest)
{
    while (str_ends(base, S("/")))
        base.len--;
    *rest = str_slice(path, base.len, path.len);
    if (!str_starts(path, base) || (base.len && !str_starts(*rest, S("/"))))
        return false;
    *rest = str_slice(*rest, str_starts(*rest, S("/")), rest->len);
    return rest->len > 0;
}

/* The pattern without its "!" and the slashes at its ends. */
static Str ignore_core(const IgnoreRule *rule)
{
    Str core = str_slice(rule->pattern, rule->negated,
                         rule->pattern.len - rule->folders_only);
    return str_slice(core, str_starts(core, S("/")), core.len);
}

/* Can a rule with this base match `path` at all? Then `*text` is what it is
 * matched against. */
static bool ignore_reaches(const IgnoreRules *rules, const IgnoreRule *rule,
                           Str path, Str *text)
{
    Str rest = {0};
    if (ignore_below(rule->base, path, text)) {
        if (!rule->anchored)
            *text = os_path_base(*text);
        return true;
    }
    if (rule->anchored || rules->reach == IGNORE_BELOW ||
        (rules->reach == IGNORE_BESIDE &&
         (str_eq(path, rule->base) || ignore_below(path, rule->base, &rest))))
        return false;
    *text = os_path_base(path);
    return true;
}

/* The text with one byte for each character, two for those beyond U+FFFF: as
 * much as "?" and "[...]" are for the official client. Other characters can get
 * the same byte. */
static Str ignore_narrow(Arena *arena, Str s)
{
    Buf out = buf_new(arena, s.len + 1);
    while (s.len) {
        uint32_t c = 0;
        int n = str_utf8(s, &c);
        buf_add_char(&out, n > 1 ? (char)(0x80 | (c & 0x7f)) : s.ptr[0]);
        if (n == 4)
            buf_add_char(&out, (char)0x80);
        s = str_slice(s, n ? n : 1, s.len);
    }
    return buf_str(&out);
}

/* As ignore_match(), but as the official client does: in any case, and with
 * "?" for a character. */
static bool ignore_match_folded(Str folded, Str text)
{
    _Alignas(max_align_t) char memory[4 * KIB];
    Arena scratch = arena_in(memory, sizeof(memory));
    text = str_fold(&scratch, text);
    bool hit = ignore_match(folded, text);
    if (!hit && (str_index(folded, '?') >= 0 || str_index(folded, '[') >= 0))
        hit = ignore_match(ignore_narrow(&scratch, folded),
                           ignore_narrow(&scratch, text));
    arena_free(&scratch);
    return hit;
}

static bool ignore_applies(const IgnoreRules *rules, const IgnoreRule *rule,
                           Str path, bool folder)
{
    Str text = {0};
    if ((rule->folders_only && !folder) ||
        !ignore_reaches(rules, rule, path, &text))
        return false;
    return ignore_match(ignore_core(rule), text) ||
           (rules->any_case && ignore_match_folded(rule->folded, text));
}

static Str ignore_skip_mark(Str text)
{
    return str_slice(text, str_starts(text, S("\xef\xbb\xbf")) ? 3 : 0,
                     text.len);
}

/* The line without spaces at its end; a backslash keeps the one after it. */
static Str ignore_trim(Str line)
{
    ptrdiff_t end = 0;
    for (ptrdiff_t i = 0; i < line.len; i++) {
        if (line.ptr[i] == ' ')
            continue;
        i += line.ptr[i] == '\\';
        end = i + 1;
    }
    return str_slice(line, 0, end);
}

static void ignore_add_rule(IgnoreRules *rules, IgnoreRule rule)
{
    Str core = rule.pattern;
    rule.negated = str_starts(core, S("!"));
    core = str_slice(core, rule.negated, core.len);
    rule.folders_only = str_ends(core, S("/"));
    core.len -= rule.folders_only;
    rule.anchored = str_index(core, '/') >= 0;
    if (!core.len || core.len > IGNORE_PATTERN)
        return;
    if (rules->any_case)
        rule.folded = str_fold(rules->arena, ignore_core(&rule));
    if (rules->count == rules->cap) {
        int cap = rules->cap ? 2 * rules->cap : 32;
        IgnoreRule *grown = arena_array(rules->arena, cap, sizeof(*grown));
        if (rules->count)
            memcpy(grown, rules->rule, sizeof(*grown) * (size_t)rules->count);
        rules->rule = grown;
        rules->cap = cap;
    }
    rules->rule[rules->count++] = rule;
}

/*
 * Adds the lines of an ignore file's text, which weigh more than the rules
 * before them. Lines may end in CR LF, and a byte order mark is skipped, both
 * as git does. Nothing is copied: `base`, `file` and `text` stay where the
 * rules are.
 */
static void ignore_add_text(IgnoreRules *rules, Str base, Str file, Str text)
{
    text = ignore_skip_mark(text);
    for (int line = 1; text.len; line++) {
        Str tail = str_cut(&text, '\n');
        tail.len -= str_ends(tail, S("\r"));
        Str pattern = str_cut(&tail, '\0'); /* git's strings end there */
        if (!str_starts(pattern, S("#")))
            ignore_add_rule(rules, (IgnoreRule){.pattern = ignore_trim(pattern),
                                                .base = base,
                                                .file = file,
                                                .line = line});
    }
}

/*
 * Adds the lines of the file at `path`, if there is one: a missing file and
 * what is not a regular one are no error. `own` is for a work tree's
 * .gitignore, which counts only where it is no symbolic link (git 2.32). False
 * and `err` where it cannot be read or has more than 1 MiB. `base` and `path`
 * are kept by the rules.
 */
static bool ignore_add_file(IgnoreRules *rules, Str base, Str path, bool own,
                            Err *err)
{
    Str text = {0};
    int code = own ? os_read_own_file(rules->arena, path, IGNORE_FILE, &text)
                   : os_read_regular(rules->arena, AT_FDCWD,
                                     arena_cstr(rules->arena, path),
                                     IGNORE_FILE, &text);
    if (!code)
        ignore_add_text(rules, base, path, text);
    if (!code || code == ENOENT || code == ENOTDIR || code == ENXIO ||
        (own && code == ELOOP))
        return true;
    return err_set(err, EXIT_FAILED, "cannot read %.*s: %s", P(path),
                   code == EFBIG ? "it is larger than 1 MiB" : os_error(code));
}

/*
 * The last rule that matches `path` itself, or NULL: look at its `negated`.
 * `path` is absolute or relative as the bases are; `folder` says what is
 * there (a link to a folder is none). Parents are not looked at.
 */
static const IgnoreRule *ignore_find(const IgnoreRules *rules, Str path,
                                     bool folder)
{
    for (int i = rules->count; i-- > 0;)
        if (ignore_applies(rules, &rules->rule[i], path, folder))
            return &rules->rule[i];
    return NULL;
}

/* Where the name after path[at] ends: at the next slash or the path's end. */
static ptrdiff_t ignore_name_end(Str path, ptrdiff_t at)
{
    while (at < path.len && path.ptr[at] == '/')
        at++;
    while (at < path.len && path.ptr[at] != '/')
        at++;
    return at;
}

/*
 * The rule that ignores `path`, which lies below `top`; NULL where none does.
 * As ignore_find(), but each folder between them is judged first, from `top`
 * downwards: what lies in an ignored folder cannot be taken back.
 */
static const IgnoreRule *ignore_judge(const IgnoreRules *rules, Str top,
                                      Str path, bool folder)
{
    Str rest = {0};
    ptrdiff_t at = top.len;
    if (!ignore_below(top, path, &rest))
        return NULL;
    while (at < path.len) {
        at = ignore_name_end(path, at);
        bool is_folder = folder || at < path.len;
        const IgnoreRule *rule = ignore_find(rules, str_slice(path, 0, at),
                                             is_folder);
        if (rule && !rule->negated)
            return rule;
    }
    return NULL;
}

/* A folder with links resolved; what is not there yet stays as it is. */
static Str ignore_real_folder(Arena *arena, Str dir)
{
    Str there = dir;
    while (there.len > 1 && !os_is_there(arena, there))
        there = os_path_dir(there);
    Str rest = {0};
    Str real = os_resolve_links(arena, there);
    return ignore_below(there, dir, &rest) ? os_path_join(arena, real, rest)
                                           : real;
}

/* The text of a small file with one line, less the line's end; empty where it
 * cannot be read. */
static Str ignore_read_line(Arena *arena, Str dir, Str name)
{
    Str text = {0};
    if (os_read_regular(arena, AT_FDCWD,
                        arena_cstr(arena, os_path_join(arena, dir, name)),
                        8 * KIB, &text))
        return S("");
    while (str_ends(text, S("\n")) || str_ends(text, S("\r")))
        text.len--;
    return text;
}

/* A path that was read in a file of git's, relative to `dir`. */
static Str ignore_path_in(Arena *arena, Str dir, Str path)
{
    if (!str_starts(path, S("/")))
        path = os_path_join(arena, dir, path);
    return os_resolve_links(arena, path);
}

/* Does a HEAD's line name a branch or a commit? */
static bool ignore_is_head(Str line)
{
    ptrdiff_t digits = 0;
    if (str_starts(line, S("ref:")))
        return str_starts(str_trim(str_slice(line, 4, line.len)), S("refs/"));
    while (digits < line.len && isxdigit((unsigned char)line.ptr[digits]))
        digits++;
    return digits >= 40;
}

/* Is `dir` a repository's folder, as git tells it: HEAD, objects and refs?
 * Then `git_dir` and `common_dir` are set. */
static bool ignore_is_git_dir(Arena *arena, Str dir, GitTree *out)
{
    if (!ignore_is_head(ignore_read_line(arena, dir, S("HEAD"))))
        return false;
    Str common = ignore_read_line(arena, dir, S("commondir"));
    out->git_dir = os_resolve_links(arena, dir);
    out->common_dir = common.len ? ignore_path_in(arena, dir, common)
                                 : out->git_dir;
    return os_is_there(arena,
                       os_path_join(arena, out->common_dir, S("objects"))) &&
           os_is_there(arena, os_path_join(arena, out->common_dir, S("refs")));
}

/*
 * Finds the root of the git work tree that `dir` (absolute; it need not be
 * there yet) lies in, up to the root of the file system. False where there is
 * none, also inside a bare repository or a .git folder. A .git may be a file
 * ("gitdir: path": further work trees, submodules); one that leads to no
 * repository does not count.
 */
static bool ignore_git_tree(Arena *arena, Str dir, GitTree *out)
{
    Str at = ignore_real_folder(arena, dir);
    for (;; at = os_path_dir(at)) {
        Str line = ignore_read_line(arena, at, S(".git"));
        Str git_dir = os_path_join(arena, at, S(".git"));
        *out = (GitTree){.root = at};
        if (str_starts(line, S("gitdir: ")))
            git_dir = ignore_path_in(arena, at, str_slice(line, 8, line.len));
        if (ignore_is_git_dir(arena, git_dir, out))
            return true;
        if (at.len <= 1 || ignore_is_git_dir(arena, at, out))
            return false;
    }
}

/* Takes what a backslash in a config stands before; 0 for a line that goes
 * on in the next one. */
static char ignore_take_escape(Str *rest)
{
    if (str_starts(*rest, S("\r\n")))
        *rest = str_slice(*rest, 1, rest->len);
    char c = rest->len ? rest->ptr[0] : '\n';
    *rest = str_slice(*rest, 1, rest->len);
    return (char)(c == '\n'  ? 0
                  : c == 'n' ? '\n'
                  : c == 't' ? '\t'
                  : c == 'b' ? '\b'
                             : c);
}

/* Takes a config's value off `*rest`, to the end of its line: without quotes,
 * escapes, comment and the blanks around it. */
static Str ignore_take_value(Arena *arena, Str *rest)
{
    Buf out = buf_new(arena, rest->len + 1);
    ptrdiff_t solid = 0; /* the length up to the blanks at the end */
    bool quoted = false;
    bool comment = false;
    while (rest->len) {
        char c = rest->ptr[0];
        *rest = str_slice(*rest, 1, rest->len);
        if (c == '\n')
            break;
        comment = comment || (!quoted && (c == '#' || c == ';'));
        if (comment)
            continue;
        if (!quoted && str_is_space(c)) {
            if (out.len)
                buf_add_char(&out, c);
            continue;
        }
        if (c == '"')
            quoted = !quoted;
        else if (c != '\\' || (c = ignore_take_escape(rest)))
            buf_add_char(&out, c);
        solid = out.len;
    }
    return str_slice(buf_str(&out), 0, solid);
}

/* Reads core.excludesFile in the text of a git config. The last one wins; it
 * may be empty, for no file. False, `*out` untouched, where there is none. */
static bool ignore_read_config(Arena *arena, Str text, Str *out)
{
    bool core = false;
    bool found = false;
    Str rest = ignore_skip_mark(text);
    while (rest.len) {
        char c = rest.ptr[0];
        ptrdiff_t end = 0;
        if (str_is_space(c)) {
            rest = str_slice(rest, 1, rest.len);
            continue;
        }
        if (c == '[') {
            Str section = str_cut(&rest, ']');
            core = str_eq_nocase(section, S("[core"));
            continue;
        }
        while (end < rest.len &&
               (isalnum((unsigned char)rest.ptr[end]) || rest.ptr[end] == '-'))
            end++;
        Str key = str_slice(rest, 0, end);
        while (end < rest.len &&
               (rest.ptr[end] == ' ' || rest.ptr[end] == '\t'))
            end++;
        rest = str_slice(rest, end, rest.len);
        if (!str_starts(rest, S("="))) { /* a comment, or no value */
            str_cut(&rest, '\n');
            continue;
        }
        rest = str_slice(rest, 1, rest.len);
        Str value = ignore_take_value(arena, &rest);
        if (core && str_eq_nocase(key, S("excludesfile"))) {
            *out = value;
            found = true;
        }
    }
    return found;
}

/* The ignore file that git reads for every work tree of this user; empty for
 * none. Configs that cannot be read are passed by: a HOME that is another
 * user's is common under sudo and in containers. */
static Str ignore_excludes_file(Arena *arena, const GitTree *tree)
{
    Str home = os_home(arena);
    Str user = os_env("XDG_CONFIG_HOME");
    Str value = {0};
    bool found = false;
    if (!user.len && home.len)
        user = os_path_join(arena, home, S(".config"));
    const Str configs[] = {
        S("/etc/gitconfig"),
        user.len ? os_path_join(arena, user, S("git/config")) : S(""),
        home.len ? os_path_join(arena, home, S(".gitconfig")) : S(""),
        os_path_join(arena, tree->common_dir, S("config")),
    };
    for (int i = 0; i < COUNT(configs); i++) {
        Str text = {0};
        if (configs[i].len &&
            !os_read_regular(arena, AT_FDCWD, arena_cstr(arena, configs[i]),
                             IGNORE_FILE, &text))
            found = ignore_read_config(arena, text, &value) || found;
    }
    if (!found)
        return user.len ? os_path_join(arena, user, S("git/ignore")) : S("");
    if (str_starts(value, S("~/")))
        return home.len
                   ? os_path_join(arena, home, str_slice(value, 2, value.len))
                   : S("");
    return value.len && value.ptr[0] != '/'
               ? os_path_join(arena, tree->root, value)
               : value;
}

/* Adds all the rules by which git judges what lies in `dir`, a folder of the
 * work tree. Of the files outside of it, one that cannot be read is passed by,
 * as git does. */
static bool ignore_add_git(IgnoreRules *rules, const GitTree *tree, Str dir,
                           Err *err)
{
    Arena *arena = rules->arena;
    Err passed = {0};
    Str excludes = ignore_excludes_file(arena, tree);
    ptrdiff_t at = tree->root.len;
    if (excludes.len)
        ignore_add_file(rules, tree->root, excludes, false, &passed);
    ignore_add_file(rules, tree->root,
                    os_path_join(arena, tree->common_dir, S("info/exclude")),
                    false, &passed);
    for (;; at = ignore_name_end(dir, at)) {
        Str folder = str_slice(dir, 0, at);
        Str path = os_path_join(arena, folder, S(".gitignore"));
        if (!ignore_add_file(rules, folder, path, true, err))
            return false;
        if (at >= dir.len)
            return true;
    }
}

/*
 * Does git ignore `path` (absolute, inside `tree`; it need not be there)?
 * Looks at core.excludesFile, the tree's info/exclude and every .gitignore
 * from the root down to the path's folder. A path outside the tree is not
 * covered. False and `err` where a .gitignore cannot be read.
 */
static bool ignore_git_covers(Arena *arena, const GitTree *tree, Str path,
                              bool folder, bool *covered, Err *err)
{
    IgnoreRules rules = {.arena = arena};
    Str dir = ignore_real_folder(arena, os_path_dir(path));
    Str real = os_path_join(arena, dir, os_path_base(path));
    Str rest = {0};
    *covered = false;
    if (!ignore_below(tree->root, real, &rest))
        return true;
    if (!ignore_add_git(&rules, tree, dir, err))
        return false;
    *covered = ignore_judge(&rules, tree->root, real, folder) != NULL;
    return true;
}

/* The path of the nearest .gitignore that counts, from `dir` (absolute) up to
 * the tree's root; empty where there is none. */
static Str ignore_git_nearest(Arena *arena, const GitTree *tree, Str dir)
{
    Str rest = {0};
    Str at = ignore_real_folder(arena, dir);
    for (;; at = os_path_dir(at)) {
        bool is_root = str_eq(at, tree->root);
        Str path = os_path_join(arena, at, S(".gitignore"));
        if (!is_root && !ignore_below(tree->root, at, &rest))
            return S("");
        if (os_is_own_file(arena, path))
            return path;
        if (is_root)
            return S("");
    }
}

/* Why a text cannot be the rules of an .hsignore; NULL: it can. PowerShell
 * writes UTF-16, in which no rule would match anything. */
static const char *ignore_text_fault(Str text)
{
    Str rest = text;
    ptrdiff_t nul = str_index(text, '\0');
    bool wide = (nul == 0 || nul == 1) && text.len % 2 == 0;
    if (wide || str_starts(text, S("\xff\xfe")) ||
        str_starts(text, S("\xfe\xff")))
        return "it is in UTF-16";
    if (nul >= 0)
        return "it contains a NUL byte";
    while (rest.len) {
        Str line = str_cut(&rest, '\n');
        if (line.len > IGNORE_PATTERN && !str_starts(line, S("#")))
            return "a line is longer than 4 KiB";
    }
    return NULL;
}

/* An .hsignore: `path` is its name in the folder `dir`, or from there on (the
 * last name counts where `dir` is not AT_FDCWD). `arena` holds what the rules
 * point into. */
typedef struct {
    Arena *arena;
    int dir;
    Str base;
    Str path;
} IgnoreSource;

/* Adds the rules of an .hsignore, if it exists. False and `err` if it cannot
 * be read or is not a text file: what it excludes would be published. */
static bool ignore_add_own(IgnoreRules *rules, const IgnoreSource *from,
                           Err *err)
{
    Str text = {0};
    Str name = from->dir == AT_FDCWD ? from->path : os_path_base(from->path);
    int code = os_read_regular(from->arena, from->dir,
                               arena_cstr(from->arena, name), IGNORE_FILE,
                               &text);
    if (code == ENOENT || code == ENOTDIR)
        return true;
    const char *fault = code ? NULL : ignore_text_fault(text);
    if (code == ENXIO || code == ELOOP)
        fault = "it is not a regular file";
    if (code == EFBIG)
        fault = "it is larger than 1 MiB";
    if (!code && !fault) {
        ignore_add_text(rules, from->base, from->path, text);
        return true;
    }
    err_set(err, fault ? EXIT_USAGE : EXIT_FAILED, "cannot use %.*s: %s",
            P(from->path), fault ? fault : os_error(code));
    if (!code)
        return err_hint(err, "Save it as UTF-8 text (in PowerShell: "
                             "Set-Content -Encoding utf8).");
    return err_hint(err, "Without its rules, hs would upload files that it "
                         "excludes.");
}

/* Adds the .hsignore files of the folders from `top` down to `dir`, which is
 * `top` or below it. */
static bool ignore_add_chain(IgnoreRules *rules, Str top, Str dir, Err *err)
{
    Str rest = {0};
    if (!str_eq(top, dir) && !ignore_below(top, dir, &rest))
        return true;
    for (ptrdiff_t at = top.len;; at = ignore_name_end(dir, at)) {
        Str folder = str_slice(dir, 0, at);
        const IgnoreSource from = {
            rules->arena, AT_FDCWD, folder,
            os_path_join(rules->arena, folder, S(".hsignore"))};
        if (!ignore_add_own(rules, &from, err))
            return false;
        if (at >= dir.len)
            return true;
    }
}

/* The nearest folder at or above `dir` (absolute) that has an .hsignore, or
 * the highest one; empty: none. */
static Str ignore_folder(Arena *arena, Str dir, bool highest)
{
    Str found = {0};
    for (; dir.len; dir = os_path_dir(dir)) {
        OsEntry entry = {0};
        Str path = os_path_join(arena, dir, S(".hsignore"));
        if (!os_look(AT_FDCWD, arena_cstr(arena, path), &entry) &&
            entry.kind != OS_NOTHING)
            found = dir;
        if (dir.len == 1 || (found.len && !highest))
            break;
    }
    return found;
}

/* The folder from which on .hsignore files count in `dir`: the root of its git
 * work tree, else the highest folder with such a file; empty: none. */
static Str ignore_top(Arena *arena, Str dir)
{
    GitTree tree;
    Str rest = {0};
    if (ignore_git_tree(arena, dir, &tree) &&
        (str_eq(tree.root, dir) || ignore_below(tree.root, dir, &rest)))
        return tree.root;
    return ignore_folder(arena, dir, true);
}

/* The pattern that matches just this name (gitignore(5)). */
static Str ignore_quote(Arena *arena, Str name)
{
    Buf out = buf_new(arena, name.len * 2 + 1);
    for (ptrdiff_t i = 0; i < name.len; i++) {
        bool edge = (!i && strchr("#!", name.ptr[i])) ||
                    (i == name.len - 1 && name.ptr[i] == ' ');
        if (edge || strchr("*?[\\", name.ptr[i]))
            buf_add_char(&out, '\\');
        buf_add_char(&out, name.ptr[i]);
    }
    return buf_str(&out);
}

/* ==== 08 TLS ============================================================= *
 *
 * TLS 1.2 (RFC 5246) by BearSSL on a non-blocking socket: ECDHE with AES-GCM
 * or ChaCha20-Poly1305, X25519, P-256 and P-384, RSA keys of 2048 to 4096
 * bits, no SHA-1, no renegotiation, always a server name. BearSSL knows no
 * TLS 1.3 and no revocation: the README says so.
 *
 * Trust, in this order: --ca-file; SSL_CERT_FILE and SSL_CERT_DIR; the
 * system's bundle; the anchors built in. NODE_EXTRA_CA_CERTS adds to any. A
 * certificate that cannot be read is counted and skipped.
 *
 * BearSSL's own validator wants each issuer right after the certificate that
 * it signed, and knows neither name constraints nor an anchor's limits. So the
 * engine is given a validator from here (RFC 5280, 6): it keeps the chain that
 * the server sends and searches it for a path to an anchor. Order, duplicates
 * and unrelated certificates do not matter. Signatures are BearSSL's. Where
 * RFC 5280 leaves a choice, the decisions are OpenSSL's, which curl and Node
 * use; tests/test_trust.py compares them.
 *
 * Ownership: a Tls points into itself and must not move; it lives in its
 * connection's arena, as does the chain. An anchor keeps the signed part of
 * its certificate. Limits: 100 KiB and 256 certificates a chain, 16 a path.
 */

enum {
    TLS_FILE_MAX = 8 * MIB,
    TLS_CHAIN_MAX = 100 * KIB, /* what OpenSSL accepts */
    TLS_CHAIN_COUNT = 256,
    TLS_PATH_MAX = 16,
    TLS_CHECKS = 256,          /* issuers tried within one chain */
    TLS_NAMES_WORK = 64 * MIB, /* bytes of names times those of their limits */
    TLS_CHECKS_FREE = 16,      /* issuers before the clock is looked at */
    TLS_RSA_MIN = 256,         /* bytes of a modulus */
    TLS_RSA_MAX = 512,
    TLS_RSA_EXPONENT = 8, /* more would be slow */
    TLS_AHEAD = 64 * KIB, /* read from the socket at once */
    TLS_TURN = 1000       /* steps that bring no data, in one go */
};

/* Why a certificate is refused; see tls_fault_text(). */
typedef enum {
    TLS_OK,
    TLS_UNTRUSTED,
    TLS_SELF_SIGNED,
    TLS_MALFORMED,
    TLS_CHAIN_SIZE,
    TLS_EXPIRED,
    TLS_NOT_YET,
    TLS_OTHER_NAME,
    TLS_CRITICAL,
    TLS_KEY_KIND,
    TLS_KEY_WEAK,
    TLS_KEY_LARGE,
    TLS_ALGORITHM,
    TLS_PURPOSE,
    TLS_USAGE,
    TLS_NO_SIGNER,
    TLS_NOT_CA,
    TLS_PATH_LENGTH,
    TLS_NAMES,
    TLS_SIGNATURE,
    TLS_REJECTED,
    TLS_TOO_LONG
} TlsFault;

/* What a certificate's extensions say (RFC 5280, 4.2.1). */
enum {
    TLS_IS_V1 = 1,
    TLS_HAS_BASIC = 2, /* basicConstraints, */
    TLS_IS_CA = 4,     /* which say that it is an authority */
    TLS_HAS_USAGE = 8, /* keyUsage, of which: */
    TLS_MAY_SIGN = 16,
    TLS_MAY_ENCRYPT = 32, /* or agree on a key */
    TLS_MAY_CERTIFY = 64,
    TLS_HAS_PURPOSE = 128, /* extKeyUsage, */
    TLS_FOR_SERVERS = 256, /* with serverAuth */
    TLS_UNKNOWN = 512      /* a critical extension that is not known here */
};

/* A certificate as read. Everything points into its bytes. */
typedef struct {
    Str tbs;    /* what is signed */
    Str issuer; /* names, with their header */
    Str subject;
    Str algorithm; /* of the signature, an OID; none of an anchor */
    Str signature;
    Str names;     /* subjectAltName */
    Str limits;    /* nameConstraints */
    Str own_id;    /* subjectKeyIdentifier */
    Str issuer_id; /* the key of authorityKeyIdentifier */
    Str key_kind;  /* an OID */
    int64_t from;  /* seconds since 1970 */
    int64_t until;
    br_x509_pkey key; /* its type is 0 where BearSSL has no use for it */
    int path_len;     /* -1: no limit */
    unsigned flags;
} TlsCert;

/* A certificate that is trusted. Its `tbs` is read again when it is needed;
 * one that is built in has its row of ANCHORS instead. */
typedef struct {
    Str subject;
    Str tbs;
    int row;
    bool rejected; /* OpenSSL's trust settings say so */
} TlsAnchor;

typedef struct {
    const TlsAnchor *anchors;
    int count;
    int skipped; /* certificates that could not be read */
    Str source;  /* where they come from, for people */
    Str warning; /* what else there is to say, or empty */
} TlsTrust;

/* Trust anchors being gathered from files. */
typedef struct {
    Arena *arena;
    TlsAnchor *anchors;
    int count;
    int cap;
    int skipped;
    int64_t until;   /* no pipe is waited for any longer (os_now()) */
    char label[32];  /* of a PEM block that is no certificate, or empty */
    const char *why; /* what a file is that held no certificate */
    const char *fix; /* a command that makes PEM of it, or NULL */
} TlsAnchors;

/* The engine's X.509 validator: keeps the chain, then judges it. */
typedef struct {
    const br_x509_class *vtable; /* first: the engine's pointer is to this */
    const TlsTrust *trust;
    Arena *arena;
    const char *host;
    int64_t until;
    Buf chain;
    int count;
    int ends[TLS_CHAIN_COUNT]; /* in `chain` */
    br_x509_pkey key;
    int64_t took; /* milliseconds; see tls_judged() */
    TlsFault fault;
    char about[80];  /* the authority at fault; empty: the server */
    char detail[80]; /* a date, a name, an algorithm; or empty */
} TlsJudge;

typedef struct {
    br_ssl_client_context client;
    TlsJudge judge;
    br_ec_impl curves;
    unsigned char buffer[BR_SSL_BUFSIZE_BIDI];
    int ahead_at; /* what was read, and is for the engine yet */
    int ahead_len;
    unsigned char ahead[TLS_AHEAD];
} Tls;

/* ---- Certificates: DER (X.690) and X.509 (RFC 5280) ---- */

enum {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BITS = 0x03,
    DER_OCTETS = 0x04,
    DER_OID = 0x06,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_CONTEXT = 0x80, /* plus the number */
    DER_INNER = 0xa0    /* the same, constructed */
};

/* Takes an element off `*from`: sets its content, gives its tag; -1 where
 * there is no whole one. */
static int tls_der_next(Str *from, Str *content)
{
    const unsigned char *bytes = (const unsigned char *)from->ptr;
    ptrdiff_t at = 2;
    if (from->len < 2 || (bytes[0] & 0x1f) == 0x1f)
        return -1;
    ptrdiff_t size = bytes[1];
    if (size & 0x80) {
        ptrdiff_t end = at + (size & 0x7f);
        if (end == at || end > at + 3 || end > from->len)
            return -1;
        for (size = 0; at < end; at++)
            size = size << 8 | bytes[at];
    }
    if (size > from->len - at)
        return -1;
    *content = str_slice(*from, at, at + size);
    *from = str_slice(*from, at + size, from->len);
    return bytes[0];
}

/* Takes an element off `*from` if it has this tag. */
static bool tls_der(Str *from, int tag, Str *content)
{
    Str rest = *from;
    if (tls_der_next(&rest, content) != tag)
        return false;
    *from = rest;
    return true;
}

/* The same, but with the element's header. */
static bool tls_der_whole(Str *from, int tag, Str *whole)
{
    Str before = *from;
    Str content = {0};
    if (!tls_der(from, tag, &content))
        return false;
    *whole = str_slice(before, 0, before.len - from->len);
    return true;
}

/* Takes the bytes of a BIT STRING or of an INTEGER that is not negative,
 * without the zeros before it. */
static bool tls_der_bytes(Str *from, int tag, Str *bytes)
{
    if (!tls_der(from, tag, bytes) || !bytes->len)
        return false;
    if (tag == DER_BITS && bytes->ptr[0])
        return false;
    if (tag == DER_BITS)
        *bytes = str_slice(*bytes, 1, bytes->len);
    while (tag == DER_INTEGER && bytes->len && !bytes->ptr[0])
        *bytes = str_slice(*bytes, 1, bytes->len);
    return true;
}

/* Takes a UTCTime or a GeneralizedTime, to the second (4.1.2.5). */
static bool tls_der_time(Str *from, int64_t *out)
{
    Str text = {0};
    int64_t days = 0;
    int tag = tls_der_next(from, &text);
    int digits = tag == 0x17 ? 2 : 4;
    if ((tag != 0x17 && tag != 0x18) || text.len != digits + 11 ||
        text.ptr[text.len - 1] != 'Z')
        return false;
    for (ptrdiff_t i = 0; i < text.len - 1; i++)
        if (!str_is_digit(text.ptr[i]))
            return false;
    int64_t year = time_take_number(&text, digits);
    int64_t month = time_take_number(&text, 2);
    int64_t day = time_take_number(&text, 2);
    int64_t hour = time_take_number(&text, 2);
    int64_t minute = time_take_number(&text, 2);
    int64_t second = time_take_number(&text, 2);
    if (tag == 0x17)
        year += year < 50 ? 2000 : 1900;
    *out = second + 60 * (minute + 60 * hour);
    if (!time_date(year, month, day, &days) || *out > 86400)
        return false;
    *out += days * 86400;
    return true;
}

/* BearSSL's pointers are not to const, though it writes through none. */
static unsigned char *tls_bytes(Str s)
{
    return (unsigned char *)(uintptr_t)s.ptr;
}

static br_x509_pkey tls_rsa_key(Str n, Str e)
{
    br_x509_pkey key = {.key_type = BR_KEYTYPE_RSA};
    key.key.rsa = (br_rsa_public_key){tls_bytes(n), (size_t)n.len, tls_bytes(e),
                                      (size_t)e.len};
    return key;
}

static br_x509_pkey tls_ec_key(int curve, Str q)
{
    br_x509_pkey key = {.key_type = BR_KEYTYPE_EC};
    key.key.ec = (br_ec_public_key){curve, tls_bytes(q), (size_t)q.len};
    return key;
}

/* Takes the public key (4.1.2.7). One of an unknown kind is no mistake. */
static bool tls_read_key(Str *from, TlsCert *cert)
{
    static const struct {
        Str oid;
        int curve;
    } curves[] = {
        {{"\x2a\x86\x48\xce\x3d\x03\x01\x07", 8}, BR_EC_secp256r1},
        {{"\x2b\x81\x04\x00\x22", 5}, BR_EC_secp384r1},
        {{"\x2b\x81\x04\x00\x23", 5}, BR_EC_secp521r1},
    };
    Str info = {0};
    Str kind = {0};
    Str bits = {0};
    Str curve = {0};
    if (!tls_der(from, DER_SEQUENCE, &info) ||
        !tls_der(&info, DER_SEQUENCE, &kind) ||
        !tls_der(&kind, DER_OID, &cert->key_kind) ||
        !tls_der_bytes(&info, DER_BITS, &bits))
        return false;
    if (str_eq(cert->key_kind, S("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"))) {
        Str key = {0};
        Str n = {0};
        Str e = {0};
        if (!tls_der(&bits, DER_SEQUENCE, &key) ||
            !tls_der_bytes(&key, DER_INTEGER, &n) ||
            !tls_der_bytes(&key, DER_INTEGER, &e))
            return false;
        if (e.len <= TLS_RSA_EXPONENT)
            cert->key = tls_rsa_key(n, e);
    } else if (str_eq(cert->key_kind, S("\x2a\x86\x48\xce\x3d\x02\x01")) &&
               tls_der(&kind, DER_OID, &curve)) {
        for (int i = 0; i < COUNT(curves); i++)
            if (str_eq(curve, curves[i].oid))
                cert->key = tls_ec_key(curves[i].curve, bits);
    }
    return true;
}

/* basicConstraints (4.2.1.9) */
static bool tls_read_basic(Str value, TlsCert *cert)
{
    Str basic = {0};
    Str part = {0};
    if (!tls_der(&value, DER_SEQUENCE, &basic))
        return false;
    cert->flags |= TLS_HAS_BASIC;
    if (tls_der(&basic, DER_BOOLEAN, &part) && part.len && part.ptr[0])
        cert->flags |= TLS_IS_CA;
    if (!tls_der_bytes(&basic, DER_INTEGER, &part))
        return !basic.len;
    cert->path_len = part.len > 1 ? INT_MAX
                     : part.len   ? (unsigned char)part.ptr[0]
                                  : 0;
    return true;
}

/* keyUsage (4.2.1.3) */
static bool tls_read_usage(Str value, TlsCert *cert)
{
    Str bits = {0};
    if (!tls_der(&value, DER_BITS, &bits) || bits.len < 1)
        return false;
    int use = bits.len > 1 ? (unsigned char)bits.ptr[1] : 0;
    cert->flags |= TLS_HAS_USAGE | (use & 0x80 ? TLS_MAY_SIGN : 0) |
                   (use & 0x28 ? TLS_MAY_ENCRYPT : 0) |
                   (use & 0x04 ? TLS_MAY_CERTIFY : 0);
    return true;
}

/* Is serverAuth, or with `any` also anyExtendedKeyUsage, one of these OIDs? */
static bool tls_lists_servers(Str oids, bool any)
{
    Str oid = {0};
    while (tls_der(&oids, DER_OID, &oid))
        if (str_eq(oid, S("\x2b\x06\x01\x05\x05\x07\x03\x01")) ||
            (any && str_eq(oid, S("\x55\x1d\x25\x00"))))
            return true;
    return false;
}

/*
 * Reads the extension 2.5.29.`number`. False: it is malformed. Those that are
 * known and not read here do not change what is valid: nobody asks for a
 * policy, and where a CRL lies is of no use.
 */
static bool tls_read_extension(int number, bool critical, Str value,
                               TlsCert *cert)
{
    Str list = {0};
    switch (number) {
    case 14:
        cert->flags |= critical ? TLS_UNKNOWN : 0;
        return tls_der(&value, DER_OCTETS, &cert->own_id);
    case 15:
        return tls_read_usage(value, cert);
    case 17:
        if (!tls_der(&value, DER_SEQUENCE, &cert->names))
            return false;
        for (list = cert->names; list.len;)
            if (tls_der_next(&list, &value) < 0)
                return false;
        return true;
    case 19:
        return tls_read_basic(value, cert);
    case 30: /* an empty one would limit nothing; it is not allowed */
        return tls_der(&value, DER_SEQUENCE, &cert->limits) && cert->limits.len;
    case 35:
        cert->flags |= critical ? TLS_UNKNOWN : 0;
        if (!tls_der(&value, DER_SEQUENCE, &list))
            return false;
        tls_der(&list, DER_CONTEXT, &cert->issuer_id);
        return true;
    case 37:
        if (!tls_der(&value, DER_SEQUENCE, &list))
            return false;
        cert->flags |= TLS_HAS_PURPOSE |
                       (tls_lists_servers(list, false) ? TLS_FOR_SERVERS : 0);
        return true;
    case 31: /* where its CRL is */
    case 32: /* policies, their mapping and their limits */
    case 33:
    case 36:
    case 54:
        return true;
    default:
        cert->flags |= critical ? TLS_UNKNOWN : 0;
        return true;
    }
}

/* Reads all extensions; none may occur twice (4.2). */
static bool tls_read_extensions(Str list, TlsCert *cert)
{
    uint64_t seen = 0;
    while (list.len) {
        Str extension = {0};
        Str oid = {0};
        Str flag = {0};
        Str value = {0};
        if (!tls_der(&list, DER_SEQUENCE, &extension) ||
            !tls_der(&extension, DER_OID, &oid))
            return false;
        bool critical = tls_der(&extension, DER_BOOLEAN, &flag) && flag.len &&
                        flag.ptr[0];
        if (!tls_der(&extension, DER_OCTETS, &value))
            return false;
        bool known = oid.len == 3 && str_starts(oid, S("\x55\x1d")) &&
                     (unsigned char)oid.ptr[2] < 64;
        if (known && seen >> oid.ptr[2] & 1)
            return false;
        if (known)
            seen |= (uint64_t)1 << oid.ptr[2];
        if (!tls_read_extension(known ? oid.ptr[2] : -1, critical, value, cert))
            return false;
    }
    return true;
}

/* Reads the signed part of a certificate. `*algorithm` is the one that it says
 * it is signed with. */
static bool tls_read_tbs(Str tbs, TlsCert *cert, Str *algorithm)
{
    Str all = tbs;
    Str body = {0};
    Str part = {0};
    Str list = {0};
    *cert = (TlsCert){.tbs = tbs, .path_len = -1};
    if (!tls_der(&all, DER_SEQUENCE, &body))
        return false;
    if (!tls_der(&body, DER_INNER, &part))
        cert->flags |= TLS_IS_V1;
    if (!tls_der(&body, DER_INTEGER, &part) ||
        !tls_der(&body, DER_SEQUENCE, algorithm) ||
        !tls_der_whole(&body, DER_SEQUENCE, &cert->issuer) ||
        !tls_der(&body, DER_SEQUENCE, &part) ||
        !tls_der_time(&part, &cert->from) ||
        !tls_der_time(&part, &cert->until) ||
        !tls_der_whole(&body, DER_SEQUENCE, &cert->subject) ||
        !tls_read_key(&body, cert))
        return false;
    tls_der(&body, DER_CONTEXT + 1, &part);
    tls_der(&body, DER_CONTEXT + 2, &part);
    if (!tls_der(&body, DER_INNER + 3, &part))
        return !body.len;
    return tls_der(&part, DER_SEQUENCE, &list) &&
           tls_read_extensions(list, cert);
}

/* Takes a certificate off `*der`. Both places that name its algorithm must
 * agree (4.1.1.2). */
static bool tls_read_certificate(Str *der, TlsCert *cert)
{
    Str body = {0};
    Str tbs = {0};
    Str inner = {0};
    Str outer = {0};
    return tls_der(der, DER_SEQUENCE, &body) &&
           tls_der_whole(&body, DER_SEQUENCE, &tbs) &&
           tls_read_tbs(tbs, cert, &inner) &&
           tls_der(&body, DER_SEQUENCE, &outer) && str_eq(inner, outer) &&
           tls_der(&outer, DER_OID, &cert->algorithm) &&
           tls_der_bytes(&body, DER_BITS, &cert->signature) && !body.len;
}

/* ---- Names ---- */

/* Is this the tag of a string whose characters are ASCII, or begin so? */
static bool tls_is_text(int tag)
{
    return tag == 12 || tag == 19 || tag == 20 || tag == 22 || tag == 26;
}

/* Takes the next character of a name's text: letters in lower case, any white
 * space as one blank. -1 at the end. */
static int tls_fold(Str *text)
{
    if (!text->len)
        return -1;
    char c = text->ptr[0];
    ptrdiff_t n = 1;
    while (str_is_space(c) && n < text->len && str_is_space(text->ptr[n]))
        n++;
    *text = str_slice(*text, n, text->len);
    return str_is_space(c) ? ' ' : (unsigned char)str_lower(c);
}

/* Are two values of a name the same (7.1, in short)? */
static bool tls_same_value(int tag_a, Str a, int tag_b, Str b)
{
    if (tag_a == tag_b && str_eq(a, b))
        return true;
    if (!tls_is_text(tag_a) || !tls_is_text(tag_b))
        return false;
    a = str_trim(a);
    b = str_trim(b);
    for (;;) {
        int c = tls_fold(&a);
        if (c != tls_fold(&b))
            return false;
        if (c < 0)
            return true;
    }
}

/* Takes an attribute off a set of them. */
static int tls_take_attribute(Str *set, Str *oid, Str *value)
{
    Str pair = {0};
    if (!tls_der(set, DER_SEQUENCE, &pair) || !tls_der(&pair, DER_OID, oid))
        return -1;
    return tls_der_next(&pair, value);
}

/* Do two names agree, or, with `below`, does `name` begin with all of `other`?
 */
static bool tls_same_name(Str name, Str other, bool below)
{
    Str a = {0};
    Str b = {0};
    if (str_eq(name, other))
        return true;
    if (!tls_der(&name, DER_SEQUENCE, &a) || !tls_der(&other, DER_SEQUENCE, &b))
        return false;
    while (a.len && b.len) {
        Str set_a = {0};
        Str set_b = {0};
        if (!tls_der(&a, DER_SET, &set_a) || !tls_der(&b, DER_SET, &set_b))
            return false;
        while (set_a.len && set_b.len) {
            Str oid_a = {0};
            Str oid_b = {0};
            Str value_a = {0};
            Str value_b = {0};
            int tag_a = tls_take_attribute(&set_a, &oid_a, &value_a);
            int tag_b = tls_take_attribute(&set_b, &oid_b, &value_b);
            if (tag_a < 0 || tag_b < 0 || !str_eq(oid_a, oid_b) ||
                !tls_same_value(tag_a, value_a, tag_b, value_b))
                return false;
        }
        if (set_a.len || set_b.len)
            return false;
    }
    return !b.len && (below || !a.len);
}

/* The text of a name's last attribute of this kind; empty: it has none. */
static Str tls_attribute(Str name, Str kind)
{
    Str list = {0};
    Str set = {0};
    Str found = {0};
    tls_der(&name, DER_SEQUENCE, &list);
    while (tls_der(&list, DER_SET, &set)) {
        Str oid = {0};
        Str value = {0};
        while (tls_take_attribute(&set, &oid, &value) >= 0)
            if (str_eq(oid, kind))
                found = value;
    }
    return found;
}

static Str tls_common_name(Str name)
{
    return tls_attribute(name, S("\x55\x04\x03"));
}

/* What people may know the holder of a name by. */
static Str tls_title(Str name)
{
    Str title = tls_common_name(name);
    if (!title.len)
        title = tls_attribute(name, S("\x55\x04\x0b")); /* its unit */
    return title.len ? title : tls_attribute(name, S("\x55\x04\x0a"));
}

/* Does a name of a certificate, maybe "*.x.y", stand for this host? The star
 * is one label; as in curl, two must follow it. */
static bool tls_is_for(Str name, Str host)
{
    if (str_eq_nocase(name, host))
        return true;
    ptrdiff_t dot = str_index(host, '.');
    Str rest = str_slice(name, 1, name.len);
    return dot > 0 && str_starts(name, S("*.")) &&
           str_index(str_slice(rest, 1, rest.len), '.') > 0 &&
           str_eq_nocase(rest, str_slice(host, dot, host.len));
}

enum { TLS_EMAIL = 0x81, TLS_DNS = 0x82, TLS_DIRECTORY = 0xa4, TLS_IP = 0x87 };

/* Has the certificate a DNS name or an address? Then its common name does not
 * count (RFC 6125, 6.4.4). */
static bool tls_has_names(const TlsCert *cert)
{
    Str names = cert->names;
    Str name = {0};
    while (names.len) {
        int tag = tls_der_next(&names, &name);
        if (tag == TLS_DNS || tag == TLS_IP)
            return true;
        if (tag < 0)
            break;
    }
    return false;
}

static bool tls_is_named(const TlsCert *cert, Str host)
{
    Str names = cert->names;
    Str name = {0};
    if (!tls_has_names(cert))
        return host.len && tls_is_for(tls_common_name(cert->subject), host);
    while (names.len) {
        int tag = tls_der_next(&names, &name);
        if (tag == TLS_DNS && tls_is_for(name, host))
            return true;
        if (tag < 0)
            break;
    }
    return false;
}

/* ---- Name constraints (4.2.1.10) ---- */

/* Is the name in the subtree `base`, which is of the same kind? */
static bool tls_is_within(int tag, Str name, Str base)
{
    if (tag == TLS_DIRECTORY)
        return tls_same_name(name, base, true);
    if (tag == TLS_IP) {
        if (base.len != 2 * name.len)
            return false;
        for (ptrdiff_t i = 0; i < name.len; i++)
            if ((name.ptr[i] ^ base.ptr[i]) & base.ptr[name.len + i])
                return false;
        return true;
    }
    ptrdiff_t at = name.len - base.len;
    return !base.len ||
           (at >= 0 && str_eq_nocase(str_slice(name, at, name.len), base) &&
            (!at || base.ptr[0] == '.' || name.ptr[at - 1] == '.'));
}

/* Do the constraints allow this name? A kind that they limit and that is not
 * understood here is not allowed. */
static bool tls_allows_name(Str limits, int tag, Str name)
{
    bool known = tag == TLS_DNS || tag == TLS_DIRECTORY || tag == TLS_IP;
    while (limits.len) {
        Str list = {0};
        bool limited = false;
        bool within = false;
        int kind = tls_der_next(&limits, &list);
        if (kind != DER_INNER && kind != DER_INNER + 1)
            return false;
        while (list.len) {
            Str tree = {0};
            Str base = {0};
            if (!tls_der(&list, DER_SEQUENCE, &tree))
                return false;
            if (tls_der_next(&tree, &base) != tag)
                continue;
            if (!known || tree.len)
                return false;
            limited = true;
            within |= tls_is_within(tag, name, base);
        }
        if (limited && within != (kind == DER_INNER))
            return false;
    }
    return true;
}

/* Do the constraints allow all names of a certificate? `host` is what the
 * server is called, empty where the certificate is an authority's. */
static bool tls_allows(Str limits, const TlsCert *cert, Str host)
{
    Str names = cert->names;
    Str name = cert->subject;
    Str email = tls_attribute(name, S("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"));
    if (!limits.len)
        return true;
    if (limits.len > TLS_NAMES_WORK / (names.len + 1))
        return false;
    if ((name.len > 2 && !tls_allows_name(limits, TLS_DIRECTORY, name)) ||
        (email.len && !tls_allows_name(limits, TLS_EMAIL, email)) ||
        (host.len && !tls_allows_name(limits, TLS_DNS, host)))
        return false;
    while (names.len) {
        int tag = tls_der_next(&names, &name);
        if (tag < 0 || !tls_allows_name(limits, tag, name))
            return false;
    }
    return true;
}

/* ---- Trust anchors ---- */

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

static TlsAnchor *tls_add_anchor(TlsAnchors *to)
{
    if (to->count == to->cap) {
        int cap = to->cap ? to->cap * 2 : 256;
        TlsAnchor *grown = arena_array(to->arena, cap, sizeof(*grown));
        if (to->count)
            memcpy(grown, to->anchors, (size_t)to->count * sizeof(*grown));
        to->anchors = grown;
        to->cap = cap;
    }
    return &to->anchors[to->count++];
}

/*
 * Does OpenSSL's CertAux, which follows a TRUSTED CERTIFICATE, keep it from
 * vouching for servers? It lists the purposes that it is trusted for, if any,
 * and those for which it is rejected:
 *     SEQUENCE { trust SEQUENCE OF OID OPTIONAL,
 *                reject [0] SEQUENCE OF OID OPTIONAL, ... }
 */
static bool tls_is_rejected(Str aux)
{
    Str settings = {0};
    Str list = {0};
    if (!aux.len)
        return false;
    if (!tls_der(&aux, DER_SEQUENCE, &settings))
        return true;
    if (tls_der(&settings, DER_SEQUENCE, &list) &&
        !tls_lists_servers(list, true))
        return true;
    return tls_der(&settings, DER_INNER, &list) &&
           tls_lists_servers(list, true);
}

/* Makes one certificate (DER) an anchor. */
static void tls_add_certificate(TlsAnchors *to, Str der)
{
    TlsCert cert = {0};
    if (!tls_read_certificate(&der, &cert)) {
        to->skipped++;
        return;
    }
    Str tbs = arena_copy(to->arena, cert.tbs);
    ptrdiff_t at = cert.subject.ptr - cert.tbs.ptr;
    *tls_add_anchor(to) = (TlsAnchor){
        .subject = str_slice(tbs, at, at + cert.subject.len),
        .tbs = tbs,
        .rejected = tls_is_rejected(der)};
}

/* Takes what comes before the next PEM boundary (RFC 7468) off `*text`, and
 * that line. Gives its label, without "BEGIN " or "END "; NULL: there is none.
 */
static Str tls_next_boundary(Str *text, Str *before, bool *begins)
{
    const Str dashes = S("-----");
    Str all = *text;
    for (;;) {
        ptrdiff_t at = str_index(*text, '-');
        if (at < 0)
            return (Str){0};
        Str line = str_slice(*text, at, text->len);
        Str label = str_slice(line, dashes.len, line.len);
        *text = str_slice(line, 1, line.len);
        *begins = str_starts(label, S("BEGIN "));
        if (!str_starts(line, dashes) ||
            (!*begins && !str_starts(label, S("END "))))
            continue;
        label = str_slice(label, *begins ? 6 : 4, 80);
        ptrdiff_t end = str_find(label, dashes);
        label = str_slice(label, 0, end);
        if (end <= 0 || str_index(label, '\n') >= 0)
            continue;
        *before = str_slice(all, 0, line.ptr - all.ptr);
        *text = str_slice(all, label.ptr + end + dashes.len - all.ptr, all.len);
        return label;
    }
}

static bool tls_is_certificate_label(Str label)
{
    return str_eq(label, S("CERTIFICATE")) ||
           str_eq(label, S("X509 CERTIFICATE")) ||
           str_eq(label, S("TRUSTED CERTIFICATE"));
}

/* Adds every certificate of a PEM text; a signal ends it early. */
static void tls_add_pem(TlsAnchors *to, Str text)
{
    Str open = {0}; /* the label of the block that has begun */
    Str body = {0};
    bool begins = false;
    while (!os_interrupted()) {
        Str label = tls_next_boundary(&text, &body, &begins);
        bool whole = label.len && !begins && str_eq(label, open);
        if (tls_is_certificate_label(open) && whole) {
            Arena scratch = {0};
            tls_add_certificate(to, tls_base64(&scratch, body));
            arena_free(&scratch);
        } else if (tls_is_certificate_label(open)) {
            to->skipped++; /* its end is missing; the next may be whole */
        } else if (open.len && !to->label[0]) {
            snprintf(to->label, sizeof(to->label), "%.*s", P(open));
        }
        open = begins ? label : (Str){0};
        if (!label.len)
            break;
    }
}

/* What a file is that holds no certificate in PEM. `*fix` is the begin of a
 * command that makes one of it, or stays NULL. */
static const char *tls_file_kind(Str text, const char *label, const char **fix)
{
    TlsCert cert = {0};
    Str der = text;
    Str body = {0};
    Str part = {0};
    if (str_starts(text, S("\xff\xfe")) || str_starts(text, S("\xfe\xff")) ||
        (text.len > 3 && !text.ptr[0] != !text.ptr[1] &&
         !text.ptr[2] != !text.ptr[3])) {
        *fix = "iconv -f UTF-16 -t UTF-8";
        return "it is in UTF-16";
    }
    if (tls_read_certificate(&der, &cert)) {
        *fix = "openssl x509 -inform der -in";
        return "it is in DER, the binary format";
    }
    der = text;
    if (tls_der(&der, DER_SEQUENCE, &body)) {
        if (tls_der(&body, DER_OID, &part)) {
            *fix = "openssl pkcs7 -inform der -print_certs -in";
            return "it is PKCS#7 in DER, the binary format";
        }
        if (tls_der(&body, DER_INTEGER, &part) && str_eq(part, S("\x03"))) {
            *fix = "openssl pkcs12 -cacerts -nokeys -in";
            return "it is PKCS#12";
        }
        return "it is in DER, the binary format, and not a certificate";
    }
    if (!strcmp(label, "PKCS7") || !strcmp(label, "CMS")) {
        *fix = "openssl pkcs7 -print_certs -in";
        return "it is PKCS#7";
    }
    if (strstr(label, "PRIVATE KEY"))
        return "it holds a private key and no certificate";
    if (strstr(label, "REQUEST"))
        return "it holds a request for a certificate and no certificate";
    return text.len ? "there is no certificate in it" : "it is empty";
}

/* Adds the certificates of a file. Gives an errno, or 0; where there are none,
 * to->why says why. */
static int tls_add_file(TlsAnchors *to, Str path)
{
    Arena scratch = {0};
    Str text = {0};
    int count = to->count;
    int skipped = to->skipped;
    int code = os_read_file_until(&scratch, path, TLS_FILE_MAX, to->until,
                                  &text);
    to->label[0] = 0;
    to->fix = NULL;
    if (!code)
        tls_add_pem(to, text);
    if (!code && to->count == count)
        to->why = to->skipped > skipped
                      ? "no certificate in it can be read"
                      : tls_file_kind(text, to->label, &to->fix);
    arena_free(&scratch);
    return code;
}

/* Adds all files of the folders in `list`, separated by colons. What is no
 * certificate adds nothing. Gives ETIMEDOUT, or 0. */
static int tls_add_folders(TlsAnchors *to, Str list)
{
    enum { SOME = 512 }; /* files, read whatever the time */
    while (list.len) {
        Arena scratch = {0};
        Str folder = str_cut(&list, ':');
        Str *names = NULL;
        int count = os_list(&scratch, folder, &names);
        bool late = false;
        for (int i = 0; i < count && !late; i++) {
            Str path = os_path_join(&scratch, folder, names[i]);
            if (os_is_file(&scratch, path))
                tls_add_file(to, path);
            late = i >= SOME && os_now() > to->until;
        }
        arena_free(&scratch);
        if (late)
            return ETIMEDOUT;
    }
    to->why = "no file in it holds a certificate in PEM";
    to->fix = NULL;
    return 0;
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

static void tls_add_built_in(TlsAnchors *to)
{
    Str bytes = {(const char *)ANCHOR_BYTES, sizeof(ANCHOR_BYTES)};
    ptrdiff_t at = 0;
    to->cap = COUNT(ANCHORS) + 256;
    to->anchors = arena_array(to->arena, to->cap, sizeof(*to->anchors));
    for (int i = 0; i < COUNT(ANCHORS); i++) {
        ptrdiff_t end = at + ANCHORS[i].name;
        *tls_add_anchor(to) = (TlsAnchor){str_slice(bytes, at, end), {0}, i, 0};
        at = end + ANCHORS[i].n_or_q + ANCHORS[i].e;
    }
}

/* An anchor as a certificate. It has been read before. */
static TlsCert tls_anchor_certificate(const TlsAnchor *anchor)
{
    TlsCert cert = {0};
    Str ignored = {0};
    if (anchor->tbs.len) {
        tls_read_tbs(anchor->tbs, &cert, &ignored);
        return cert;
    }
    int size = ANCHORS[anchor->row].n_or_q;
    const char *key = anchor->subject.ptr + anchor->subject.len;
    cert.issuer = cert.subject = anchor->subject;
    cert.from = ANCHORS[anchor->row].from * INT64_C(86400);
    cert.until = (ANCHORS[anchor->row].until + 1) * INT64_C(86400) - 1;
    cert.path_len = ANCHORS[anchor->row].path_len;
    cert.flags = TLS_HAS_BASIC | TLS_IS_CA;
    if (ANCHORS[anchor->row].curve)
        cert.key = tls_ec_key(ANCHORS[anchor->row].curve, (Str){key, size});
    else
        cert.key = tls_rsa_key((Str){key, size},
                               (Str){key + size, ANCHORS[anchor->row].e});
    return cert;
}

/* Says why a file or a folder gives no anchor. `code` is an errno, or 0. */
static bool tls_no_anchor(const TlsAnchors *to, const char *what, Str where,
                          int code, Err *err)
{
    const char *why = code == EFBIG       ? "it is larger than 8 MiB"
                      : code == EISDIR    ? "it is a directory"
                      : code == ETIMEDOUT ? "reading it took too long"
                      : code              ? os_error(code)
                                          : to->why;
    if (os_interrupted())
        return err_set(err, (ExitCode)(128 + os_interrupted()), "interrupted");
    err_set(err, EXIT_NETWORK, "cannot use %s %.*s: %s", what, P(where), why);
    if (code == EISDIR)
        return err_hint(err, "A directory of CA files is for SSL_CERT_DIR.");
    if (code == ETIMEDOUT)
        return err_hint(err, "--max-wait limits the time.");
    return !code && to->fix
               ? err_hint(err, "Convert it to PEM: %s %.*s > ca.pem", to->fix,
                          P(where))
               : err_hint(err, "It must be a PEM file of CA certificates.");
}

/* Where the anchors come from, and what says so, for people. */
static Str tls_source(Arena *arena, Str ca_file, Str file, Str folders,
                      Str system)
{
    if (ca_file.len)
        return arena_printf(arena, "%.*s (--ca-file)", P(ca_file));
    if (file.len && folders.len)
        return arena_printf(arena,
                            "%.*s (SSL_CERT_FILE) and %.*s (SSL_CERT_DIR)",
                            P(file), P(folders));
    if (file.len || folders.len)
        return arena_printf(arena, "%.*s (%s)", P(file.len ? file : folders),
                            file.len ? "SSL_CERT_FILE" : "SSL_CERT_DIR");
    return system.len ? arena_printf(arena, "%.*s (the system's)", P(system))
                      : S("the certificates built in");
}

/* Adds the anchors of NODE_EXTRA_CA_CERTS. Node goes on without a file that is
 * missing, and warns; so does this. */
static bool tls_add_extra(TlsAnchors *to, TlsTrust *out, Err *err)
{
    Str extra = os_env("NODE_EXTRA_CA_CERTS");
    int before = to->count;
    if (!extra.len)
        return true;
    int code = tls_add_file(to, extra);
    if (code == ENOENT || code == ENOTDIR) {
        out->warning = arena_printf(to->arena,
                                    "NODE_EXTRA_CA_CERTS: cannot read %.*s: "
                                    "%s; it is ignored",
                                    P(extra), os_error(code));
        return true;
    }
    if (code || to->count == before)
        return tls_no_anchor(to, "NODE_EXTRA_CA_CERTS", extra, code, err);
    out->source = arena_printf(to->arena, "%.*s and %.*s (NODE_EXTRA_CA_CERTS)",
                               P(out->source), P(extra));
    return true;
}

/*
 * Gathers the trust anchors (see the room's head). `ca_file` is that of
 * --ca-file and may be empty. A store that was named and holds nothing is an
 * error; it never falls back to a wider one. Pipes are read up to `until`
 * (os_now()); a signal ends it.
 */
static bool tls_load_trust(Arena *arena, Str ca_file, int64_t until,
                           TlsTrust *out, Err *err)
{
    TlsAnchors to = {.arena = arena, .until = until};
    Str file = ca_file.len ? ca_file : os_env("SSL_CERT_FILE");
    Str folders = ca_file.len ? S("") : os_env("SSL_CERT_DIR");
    Str system = {0};
    bool named = file.len || folders.len;
    if (file.len) {
        int code = tls_add_file(&to, file);
        if (code || (!to.count && !folders.len))
            return tls_no_anchor(&to, "the CA file", file, code, err);
    }
    int code = tls_add_folders(&to, folders);
    if (code || (named && !to.count))
        return tls_no_anchor(&to, "the CA folder", folders, code, err);
    if (!named)
        system = tls_add_system(&to);
    if (!to.count)
        tls_add_built_in(&to);
    *out = (TlsTrust){
        .source = tls_source(arena, ca_file, file, folders, system)};
    if (!tls_add_extra(&to, out, err))
        return false;
    if (os_interrupted())
        return err_set(err, (ExitCode)(128 + os_interrupted()), "interrupted");
    out->anchors = to.anchors;
    out->count = to.count;
    out->skipped = to.skipped;
    return true;
}

/* ---- Path validation (RFC 5280, 6) ---- */

/* How certificates are signed (RFC 4055, RFC 5758, RFC 8410). One without a
 * hash is known, and not accepted. */
typedef struct {
    Str oid;
    const char *name;
    int key;
    const br_hash_class *hash;
    const char *hash_oid; /* as PKCS#1 has it: its length first */
} TlsAlgorithm;

static const TlsAlgorithm *tls_algorithm(Str oid)
{
    static const char sha224[] = "\x09\x60\x86\x48\x01\x65\x03\x04\x02\x04";
    static const char sha256[] = "\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01";
    static const char sha384[] = "\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02";
    static const char sha512[] = "\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03";
    enum { RSA = BR_KEYTYPE_RSA, EC = BR_KEYTYPE_EC };
    static const TlsAlgorithm known[] = {
        {{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", 9},
         "",
         RSA,
         &br_sha256_vtable,
         sha256},
        {{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", 9},
         "",
         RSA,
         &br_sha384_vtable,
         sha384},
        {{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", 9},
         "",
         RSA,
         &br_sha512_vtable,
         sha512},
        {{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0e", 9},
         "",
         RSA,
         &br_sha224_vtable,
         sha224},
        {{"\x2a\x86\x48\xce\x3d\x04\x03\x02", 8},
         "",
         EC,
         &br_sha256_vtable,
         NULL},
        {{"\x2a\x86\x48\xce\x3d\x04\x03\x03", 8},
         "",
         EC,
         &br_sha384_vtable,
         NULL},
        {{"\x2a\x86\x48\xce\x3d\x04\x03\x04", 8},
         "",
         EC,
         &br_sha512_vtable,
         NULL},
        {{"\x2a\x86\x48\xce\x3d\x04\x03\x01", 8},
         "",
         EC,
         &br_sha224_vtable,
         NULL},
        {{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", 9}, "SHA-1", 0, NULL, NULL},
        {{"\x2a\x86\x48\xce\x3d\x04\x01", 7}, "SHA-1", 0, NULL, NULL},
        {{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04", 9}, "MD5", 0, NULL, NULL},
        {{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", 9}, "RSA-PSS", 0, NULL, NULL},
        {{"\x2b\x65\x70", 3}, "Ed25519", 0, NULL, NULL},
        {{"\x2b\x65\x71", 3}, "Ed448", 0, NULL, NULL},
    };
    for (int i = 0; i < COUNT(known); i++)
        if (str_eq(known[i].oid, oid))
            return &known[i];
    return NULL;
}

/* The search for a path: `path` begins with the server's certificate. */
typedef struct {
    TlsJudge *judge;
    const TlsCert *certs;
    int count;
    int64_t now; /* seconds since 1970 */
    int checks;  /* of signatures */
    int issuers; /* in the chain that were looked at */
    int depth;   /* of the last one in `path` */
    int path[TLS_PATH_MAX];
    int next[TLS_PATH_MAX];     /* the issuer to try next for each */
    int tried[TLS_CHAIN_COUNT]; /* the least depth at which it led nowhere */
} TlsSearch;

/* Keeps the first fault. `cert` is whose it is, NULL the server's. */
static void tls_blame(TlsJudge *judge, TlsFault fault, const TlsCert *cert,
                      Str detail)
{
    if (judge->fault || !fault)
        return;
    judge->fault = fault;
    Str title = cert ? tls_title(cert->subject) : (Str){0};
    snprintf(judge->about, sizeof(judge->about), "%.*s",
             P(cert && !title.len ? S("?") : title));
    snprintf(judge->detail, sizeof(judge->detail), "%.*s", P(detail));
}

/* The faults that any certificate of a path can have. `*detail` is a date or
 * the name of an algorithm, in `room`. */
static TlsFault tls_judge_any(const TlsCert *cert, int64_t now, Arena *scratch,
                              Str *detail)
{
    const br_x509_pkey *key = &cert->key;
    bool early = now < cert->from;
    if (early || now > cert->until) {
        int64_t when = early ? cert->from : cert->until;
        *detail = str_slice(time_iso(scratch, when * 1000), 0, 10);
        return early ? TLS_NOT_YET : TLS_EXPIRED;
    }
    if (cert->flags & TLS_UNKNOWN)
        return TLS_CRITICAL;
    if (!key->key_type) {
        const TlsAlgorithm *kind = tls_algorithm(cert->key_kind);
        *detail = kind ? str_from(kind->name) : (Str){0};
        return TLS_KEY_KIND;
    }
    if (key->key_type == BR_KEYTYPE_RSA && key->key.rsa.nlen < TLS_RSA_MIN)
        return TLS_KEY_WEAK;
    if (key->key_type == BR_KEYTYPE_RSA && key->key.rsa.nlen > TLS_RSA_MAX)
        return TLS_KEY_LARGE;
    return cert->flags & TLS_HAS_PURPOSE && !(cert->flags & TLS_FOR_SERVERS)
               ? TLS_PURPOSE
               : TLS_OK;
}

/* What else the server's own certificate must be. */
static TlsFault tls_judge_server(const TlsCert *cert, Str host, Str *detail)
{
    unsigned use = cert->key.key_type == BR_KEYTYPE_EC
                       ? TLS_MAY_SIGN
                       : TLS_MAY_SIGN | TLS_MAY_ENCRYPT;
    if (!tls_is_named(cert, host)) {
        Str names = cert->names;
        int tag = tls_der_next(&names, detail);
        if (tag != TLS_DNS)
            *detail = tls_common_name(cert->subject);
        return TLS_OTHER_NAME;
    }
    return cert->flags & TLS_HAS_USAGE && !(cert->flags & use) ? TLS_USAGE
                                                               : TLS_OK;
}

/*
 * What else an issuer of the path's last certificate must be. An anchor may be
 * older than basicConstraints: it says itself whose it is (version 1), or that
 * it certifies (keyUsage).
 */
static TlsFault tls_judge_issuer(const TlsSearch *search, const TlsCert *cert,
                                 bool anchor)
{
    int below = 0;
    bool old = anchor && ((cert->flags & TLS_IS_V1 &&
                           tls_same_name(cert->subject, cert->issuer, false)) ||
                          cert->flags & TLS_HAS_USAGE);
    if (cert->flags & TLS_HAS_USAGE && !(cert->flags & TLS_MAY_CERTIFY))
        return TLS_NO_SIGNER;
    if (cert->flags & TLS_HAS_BASIC ? !(cert->flags & TLS_IS_CA) : !old)
        return TLS_NOT_CA;
    for (int i = 0; i <= search->depth; i++) {
        const TlsCert *other = &search->certs[search->path[i]];
        bool self = tls_same_name(other->subject, other->issuer, false);
        if (i && self)
            continue;
        below += i > 0;
        if (!tls_allows(cert->limits, other,
                        i ? S("") : str_from(search->judge->host)))
            return TLS_NAMES;
    }
    return cert->path_len >= 0 && below > cert->path_len ? TLS_PATH_LENGTH
                                                         : TLS_OK;
}

/* Is the certificate signed with this key? */
static TlsFault tls_check_signature(const TlsCert *cert,
                                    const br_x509_pkey *key)
{
    const TlsAlgorithm *how = tls_algorithm(cert->algorithm);
    unsigned char hash[64];
    unsigned char signed_hash[64];
    br_hash_compat_context context;
    if (!how || !how->hash)
        return TLS_ALGORITHM;
    if (how->key != key->key_type)
        return TLS_SIGNATURE;
    size_t size = how->hash->desc >> BR_HASHDESC_OUT_OFF & BR_HASHDESC_OUT_MASK;
    how->hash->init(&context.vtable);
    how->hash->update(&context.vtable, cert->tbs.ptr, (size_t)cert->tbs.len);
    how->hash->out(&context.vtable, hash);
    const unsigned char *signature = tls_bytes(cert->signature);
    size_t length = (size_t)cert->signature.len;
    bool good = how->key == BR_KEYTYPE_RSA
                    ? br_rsa_pkcs1_vrfy_get_default()(
                          signature, length,
                          (const unsigned char *)how->hash_oid, size,
                          &key->key.rsa, signed_hash) &&
                          !memcmp(hash, signed_hash, size)
                    : br_ecdsa_vrfy_asn1_get_default()(br_ec_get_default(),
                                                       hash, size, &key->key.ec,
                                                       signature, length);
    return good ? TLS_OK : TLS_SIGNATURE;
}

/* Has the search taken its time, or is it to end? */
static bool tls_is_late(const TlsSearch *search)
{
    return search->checks + search->issuers > TLS_CHECKS_FREE &&
           (os_interrupted() || os_now() >= search->judge->until);
}

/* Can it be the issuer, going by its name and the id of its key? */
static bool tls_may_be_issuer(const TlsCert *cert, const TlsCert *issuer)
{
    return tls_same_name(cert->issuer, issuer->subject, false) &&
           (!issuer->own_id.len || !cert->issuer_id.len ||
            str_eq(issuer->own_id, cert->issuer_id));
}

/* Is `issuer`, which has the right name, the issuer of the path's last
 * certificate? Notes what is wrong with it. */
static bool tls_is_issuer(TlsSearch *search, const TlsCert *issuer, bool anchor)
{
    TlsJudge *judge = search->judge;
    const TlsCert *cert = &search->certs[search->path[search->depth]];
    const TlsAlgorithm *how = tls_algorithm(cert->algorithm);
    Arena scratch = {0};
    Str detail = {0};
    TlsFault fault = tls_judge_any(issuer, search->now, &scratch, &detail);
    if (!fault)
        fault = tls_judge_issuer(search, issuer, anchor);
    tls_blame(judge, fault, issuer, detail);
    arena_free(&scratch);
    if (fault)
        return false;
    search->checks++;
    fault = tls_check_signature(cert, &issuer->key);
    tls_blame(judge, fault, search->depth ? cert : NULL,
              fault == TLS_ALGORITHM && how ? str_from(how->name) : S(""));
    return !fault;
}

/* The anchor that is this very certificate; NULL: there is none. */
static const TlsAnchor *tls_same_anchor(const TlsTrust *trust,
                                        const TlsCert *cert)
{
    for (int i = 0; i < trust->count; i++)
        if (str_eq(trust->anchors[i].tbs, cert->tbs))
            return &trust->anchors[i];
    return NULL;
}

/* Is the path's last certificate an anchor, or signed by one? */
static bool tls_is_anchored(TlsSearch *search)
{
    const TlsTrust *trust = search->judge->trust;
    const TlsCert *cert = &search->certs[search->path[search->depth]];
    Str last = {0}; /* many an anchor is there twice */
    if (tls_same_anchor(trust, cert))
        return true;
    for (int i = 0; i < trust->count && !tls_is_late(search); i++) {
        const TlsAnchor *anchor = &trust->anchors[i];
        if (!tls_same_name(cert->issuer, anchor->subject, false) ||
            (last.len && str_eq(last, anchor->tbs)))
            continue;
        TlsCert issuer = tls_anchor_certificate(anchor);
        last = anchor->tbs;
        if (anchor->rejected)
            tls_blame(search->judge, TLS_REJECTED, &issuer, S(""));
        else if (tls_may_be_issuer(cert, &issuer) &&
                 tls_is_issuer(search, &issuer, true))
            return true;
    }
    return false;
}

/* The next certificate of the chain that is the issuer of the path's last one;
 * -1: there is none. One that led nowhere from as near is not tried again. */
static int tls_next_issuer(TlsSearch *search)
{
    int depth = search->depth + 1;
    const TlsCert *cert = &search->certs[search->path[search->depth]];
    int *next = &search->next[search->depth];
    while (depth < TLS_PATH_MAX && *next < search->count &&
           search->issuers < TLS_CHECKS && !tls_is_late(search)) {
        int i = (*next)++;
        const TlsCert *issuer = &search->certs[i];
        if ((search->tried[i] && search->tried[i] <= depth) ||
            !tls_may_be_issuer(cert, issuer))
            continue;
        search->issuers++;
        const TlsAnchor *anchor = tls_same_anchor(search->judge->trust, issuer);
        if (anchor && anchor->rejected)
            tls_blame(search->judge, TLS_REJECTED, issuer, S(""));
        else if (tls_is_issuer(search, issuer, false)) {
            search->tried[i] = depth;
            return i;
        }
    }
    return -1;
}

/* Looks for a path from the first certificate to an anchor: depth first, and
 * for each of its certificates the anchors before the rest of the chain. */
static bool tls_find_path(TlsSearch *search)
{
    bool found = tls_is_anchored(search);
    search->tried[0] = 1;
    while (!found && search->depth >= 0) {
        int issuer = tls_next_issuer(search);
        if (issuer < 0) {
            search->depth--;
            continue;
        }
        search->path[++search->depth] = issuer;
        search->next[search->depth] = 0;
        found = tls_is_anchored(search);
    }
    return found;
}

/* Reads the chain, without what is there twice or is no certificate. Gives how
 * many there are; 0 where the server's own, the first, cannot be read. */
static int tls_read_chain(const TlsJudge *judge, TlsCert *certs)
{
    Str bytes = buf_str(&judge->chain);
    int count = 0;
    int at = 0;
    for (int i = 0; i < judge->count; at = judge->ends[i++]) {
        Str der = str_slice(bytes, at, judge->ends[i]);
        TlsCert *cert = &certs[count];
        bool good = tls_read_certificate(&der, cert) && !der.len;
        if (!good && !i)
            return 0;
        for (int k = 0; k < count && good; k++)
            good = !str_eq(certs[k].tbs, cert->tbs);
        count += good;
    }
    return count;
}

/* Judges the server's certificate by itself, then looks for a path from it. */
static void tls_judge_path(TlsJudge *judge, TlsSearch *search, Arena *scratch)
{
    const TlsCert *cert = search->certs;
    Str detail = {0};
    const TlsAnchor *anchor = tls_same_anchor(judge->trust, cert);
    tls_blame(judge, tls_judge_any(cert, search->now, scratch, &detail), NULL,
              detail);
    tls_blame(judge, tls_judge_server(cert, str_from(judge->host), &detail),
              NULL, detail);
    if (anchor && anchor->rejected)
        tls_blame(judge, TLS_REJECTED, NULL, S(""));
    if (judge->fault)
        return;
    if (tls_find_path(search)) {
        judge->fault = TLS_OK;
        judge->key = cert->key;
        return;
    }
    if (tls_is_late(search))
        judge->fault = TLS_OK;
    if (tls_is_late(search))
        tls_blame(judge, TLS_TOO_LONG, NULL, tls_title(cert->issuer));
    else if (tls_same_name(cert->issuer, cert->subject, false))
        tls_blame(judge, TLS_SELF_SIGNED, NULL, S(""));
    else
        tls_blame(judge, TLS_UNTRUSTED, NULL, tls_title(cert->issuer));
}

/* ---- The validator, as BearSSL's engine calls it ---- */

static TlsJudge *tls_judge_of(const br_x509_class **at)
{
    return (TlsJudge *)(void *)at;
}

static void tls_chain_start(const br_x509_class **at, const char *host)
{
    TlsJudge *judge = tls_judge_of(at);
    judge->chain = buf_new(judge->arena, TLS_CHAIN_MAX);
    judge->host = host;
    judge->count = 0;
    judge->fault = TLS_OK;
}

static void tls_chain_start_one(const br_x509_class **at, uint32_t size)
{
    TlsJudge *judge = tls_judge_of(at);
    if (judge->count < TLS_CHAIN_COUNT)
        buf_reserve(&judge->chain, size);
}

static void tls_chain_append(const br_x509_class **at,
                             const unsigned char *bytes, size_t size)
{
    TlsJudge *judge = tls_judge_of(at);
    if (judge->count < TLS_CHAIN_COUNT)
        buf_add(&judge->chain, (Str){(const char *)bytes, (ptrdiff_t)size});
}

static void tls_chain_end_one(const br_x509_class **at)
{
    TlsJudge *judge = tls_judge_of(at);
    if (judge->count < TLS_CHAIN_COUNT)
        judge->ends[judge->count++] = (int)judge->chain.len;
}

/* Gives 0 where the chain is good. */
static unsigned tls_chain_end(const br_x509_class **at)
{
    TlsJudge *judge = tls_judge_of(at);
    int64_t began = os_now();
    Arena scratch = {0};
    TlsSearch *search = arena_alloc(&scratch, sizeof(*search));
    TlsCert *certs = arena_array(&scratch, judge->count + 1, sizeof(*certs));
    *search = (TlsSearch){.judge = judge, .certs = certs};
    search->count = judge->chain.full ? 0 : tls_read_chain(judge, certs);
    search->now = os_wall() / 1000;
    if (search->count)
        tls_judge_path(judge, search, &scratch);
    else
        tls_blame(judge, judge->chain.full ? TLS_CHAIN_SIZE : TLS_MALFORMED,
                  NULL, S(""));
    arena_free(&scratch);
    judge->took += os_now() - began;
    return judge->fault ? BR_ERR_X509_NOT_TRUSTED : 0;
}

/* The server's key, for signatures: with ECDHE it needs no other use. */
static const br_x509_pkey *tls_chain_key(const br_x509_class *const *at,
                                         unsigned *usages)
{
    const TlsJudge *judge = (const TlsJudge *)(const void *)at;
    if (usages)
        *usages = BR_KEYTYPE_SIGN;
    return judge->fault ? NULL : &judge->key;
}

static const br_x509_class tls_validator = {
    sizeof(TlsJudge),  tls_chain_start, tls_chain_start_one, tls_chain_append,
    tls_chain_end_one, tls_chain_end,   tls_chain_key,
};

/* ---- The engine ---- */

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
                                    (uint32_t)1 << BR_EC_secp256r1 |
                                    (uint32_t)1 << BR_EC_secp384r1;
    br_ssl_engine_set_ec(engine, &tls->curves);
    br_ssl_engine_add_flags(engine, BR_OPT_NO_RENEGOTIATION);
    br_ssl_engine_set_x509(engine, &tls->judge.vtable);
    br_ssl_engine_set_buffer(engine, tls->buffer, sizeof(tls->buffer), 1);
}

static Tls *tls_new(Arena *arena, const TlsTrust *trust)
{
    Tls *tls = arena_alloc(arena, sizeof(*tls));
    tls->judge.vtable = &tls_validator;
    tls->judge.arena = arena;
    tls->judge.trust = trust;
    return tls;
}

/*
 * Prepares a connection to `host`; tls_pump() then does the handshake.
 * `session` holds the parameters of an earlier one to the same host, or NULL.
 * A chain is not searched for longer than `until` (os_now()).
 */
static bool tls_start(Tls *tls, const char *host,
                      const br_ssl_session_parameters *session, int64_t until)
{
    unsigned char seed[48];
    br_ssl_client_zero(&tls->client);
    tls->judge.until = until;
    tls_init_engine(tls);
    if (os_entropy(seed, sizeof(seed)))
        br_ssl_engine_inject_entropy(&tls->client.eng, seed, sizeof(seed));
    secret_wipe(seed, sizeof(seed));
    if (session)
        br_ssl_engine_set_session_parameters(&tls->client.eng, session);
    return br_ssl_client_reset(&tls->client, host, session != NULL);
}

/* Why the server's certificate is refused, and what to do about it. */
static bool tls_fail_judged(const TlsJudge *judge, Str host, Err *err)
{
    static const char *const texts[] = {
        [TLS_OK] = "",
        [TLS_UNTRUSTED] = "comes from an authority that is not trusted here",
        [TLS_SELF_SIGNED] = "is self-signed, and not trusted here",
        [TLS_MALFORMED] = "cannot be read",
        [TLS_CHAIN_SIZE] = "comes with a chain of more than 100 KiB",
        [TLS_EXPIRED] = "has expired",
        [TLS_NOT_YET] = "is not valid yet",
        [TLS_OTHER_NAME] = "is for another name",
        [TLS_CRITICAL] = "has a critical extension that hs does not know",
        [TLS_KEY_KIND] = "has a key of a kind that hs does not support",
        [TLS_KEY_WEAK] = "has an RSA key of less than 2048 bits",
        [TLS_KEY_LARGE] = "has an RSA key of more than 4096 bits, the most "
                          "that hs supports",
        [TLS_ALGORITHM] = "is signed with an algorithm that hs does not accept",
        [TLS_PURPOSE] = "must not be used for servers (extended key usage)",
        [TLS_USAGE] = "must not be used for TLS (key usage)",
        [TLS_NO_SIGNER] = "must not sign certificates (key usage)",
        [TLS_NOT_CA] = "is not an authority's (basic constraints)",
        [TLS_PATH_LENGTH] = "does not allow as many authorities below it "
                            "(path length)",
        [TLS_NAMES] = "does not allow it to vouch for this name (name "
                      "constraints)",
        [TLS_SIGNATURE] = "has a wrong signature, or an authority that is not "
                          "trusted here has the name of a trusted one",
        [TLS_REJECTED] = "is marked as rejected in the CA file",
        [TLS_TOO_LONG] = "took too long to check: too many trusted "
                         "authorities have the name of its issuer",
    };
    const char *detail = judge->detail;
    const char *about = judge->about;
    err_set(err, EXIT_NETWORK, "cannot verify %.*s: %s%s%s %s%s%s%s", P(host),
            about[0] ? "the certificate of the authority '" : "its certificate",
            about, about[0] ? "'" : "", texts[judge->fault],
            detail[0] ? " (" : "", detail, detail[0] ? ")" : "");
    switch (judge->fault) {
    case TLS_UNTRUSTED:
    case TLS_SELF_SIGNED:
    case TLS_SIGNATURE:
        return err_hint(err, "Behind a proxy that opens TLS, pass its CA with "
                             "--ca-file or SSL_CERT_FILE.");
    case TLS_EXPIRED:
    case TLS_NOT_YET:
        return err_hint(err, "Check this machine's clock, or the proxy in "
                             "HTTPS_PROXY.");
    default:
        return false;
    }
}

/* The name of an alert (RFC 5246, 7.2; RFC 6066; RFC 8446). */
static const char *tls_alert(int alert)
{
    static const struct {
        int alert;
        const char *name;
    } names[] = {
        {0, "close_notify"},
        {10, "unexpected_message"},
        {20, "bad_record_mac"},
        {22, "record_overflow"},
        {40, "handshake_failure"},
        {42, "bad_certificate"},
        {43, "unsupported_certificate"},
        {44, "certificate_revoked"},
        {45, "certificate_expired"},
        {46, "certificate_unknown"},
        {47, "illegal_parameter"},
        {48, "unknown_ca"},
        {49, "access_denied"},
        {50, "decode_error"},
        {51, "decrypt_error"},
        {70, "protocol_version"},
        {71, "insufficient_security"},
        {80, "internal_error"},
        {86, "inappropriate_fallback"},
        {90, "user_canceled"},
        {100, "no_renegotiation"},
        {109, "missing_extension"},
        {110, "unsupported_extension"},
        {112, "unrecognized_name"},
        {113, "bad_certificate_status_response"},
        {116, "certificate_required"},
        {120, "no_application_protocol"},
    };
    for (int i = 0; i < COUNT(names); i++)
        if (names[i].alert == alert)
            return names[i].name;
    return "unknown";
}

/* What went wrong in the engine, in words, and what to do about it. */
static bool tls_fail(const Tls *tls, Str host, Err *err)
{
    static const struct {
        int code;
        const char *text;
    } known[] = {
        {BR_ERR_BAD_VERSION, "it does not speak TLS"},
        {BR_ERR_UNSUPPORTED_VERSION, "it offers no TLS 1.2, or does not speak "
                                     "TLS"},
        {BR_ERR_RECV_FATAL_ALERT + 70, "it offers no TLS 1.2"},
        {BR_ERR_NO_RANDOM, "the system gives no random bytes"},
        {BR_ERR_BAD_MAC, "what it sent was changed on the way"},
        {BR_ERR_BAD_FINISHED, "what it sent was changed on the way"},
        {BR_ERR_BAD_SIGNATURE, "it does not have the key of its certificate"},
        {BR_ERR_WRONG_KEY_USAGE, "its key does not fit the cipher that it "
                                 "chose"},
        {BR_ERR_BAD_CIPHER_SUITE, "it chose a cipher that hs did not offer"},
        {BR_ERR_INVALID_ALGORITHM, "it chose an algorithm that hs did not "
                                   "offer"},
        {BR_ERR_BAD_SECRENEG, "it renegotiates, which hs does not allow"},
        {BR_ERR_NO_CLIENT_AUTH, "it asks for a client certificate, and hs has "
                                "none"},
    };
    int code = br_ssl_engine_last_error(&tls->client.eng);
    const char *text = NULL;
    if (tls->judge.fault)
        return tls_fail_judged(&tls->judge, host, err);
    for (int i = 0; i < COUNT(known) && !text; i++)
        if (known[i].code == code)
            text = known[i].text;
    if (text)
        err_set(err, EXIT_NETWORK, "no secure connection to %.*s: %s", P(host),
                text);
    else if (code >= BR_ERR_RECV_FATAL_ALERT)
        err_set(err, EXIT_NETWORK,
                "no secure connection to %.*s: %s with alert %d (%s)", P(host),
                code >= BR_ERR_SEND_FATAL_ALERT ? "hs ended it" : "it refused",
                code & 0xff, tls_alert(code & 0xff));
    else
        err_set(err, EXIT_NETWORK,
                "no secure connection to %.*s: it breaks the rules of TLS 1.2 "
                "(BearSSL's error %d)",
                P(host), code);
    if (code == BR_ERR_RECV_FATAL_ALERT + 40 ||
        code == BR_ERR_RECV_FATAL_ALERT + 71)
        return err_hint(err, "hs offers TLS 1.2, ECDHE ciphers with AES-GCM or "
                             "ChaCha20-Poly1305, and server keys of RSA, P-256 "
                             "or P-384.");
    if (code == BR_ERR_RECV_FATAL_ALERT + 70 ||
        code == BR_ERR_UNSUPPORTED_VERSION)
        return err_hint(err, "This program speaks TLS 1.2 and no other "
                             "version; the server must allow it.");
    return code == BR_ERR_RECV_FATAL_ALERT + 116 ||
                   (code >= BR_ERR_RECV_FATAL_ALERT + 42 &&
                    code <= BR_ERR_RECV_FATAL_ALERT + 46)
               ? err_hint(err, "It may ask for a client certificate; hs has "
                               "none.")
               : false;
}

typedef struct {
    short wants; /* poll events to wait for */
    bool moved;  /* bytes went through */
    bool busy;   /* TLS_TURN of them brought nothing: others have their turn */
    bool ended;  /* the peer closed: see tls_ended_cleanly() */
} TlsPump;

/* Feeds the engine with what the socket has. It asks for each record in two
 * parts; read as they come, that would be two system calls a record. Gives
 * bytes, 0 at the end, or -errno. */
static ptrdiff_t tls_feed(Tls *tls, int fd)
{
    size_t size = 0;
    unsigned char *in = br_ssl_engine_recvrec_buf(&tls->client.eng, &size);
    if (tls->ahead_at == tls->ahead_len) {
        ptrdiff_t n = os_receive(fd, tls->ahead, TLS_AHEAD);
        if (n <= 0)
            return n;
        tls->ahead_at = 0;
        tls->ahead_len = (int)n;
    }
    int n = tls->ahead_len - tls->ahead_at;
    n = (size_t)n < size ? n : (int)size;
    memcpy(in, tls->ahead + tls->ahead_at, (size_t)n);
    tls->ahead_at += n;
    br_ssl_engine_recvrec_ack(&tls->client.eng, (size_t)n);
    return n;
}

/*
 * Moves records between the engine and the socket until one of them blocks
 * or data has come for the caller. Gives 0, or an errno of the socket; the
 * engine's own state says whether it failed. A socket that cannot be written
 * any more is still read: a server may refuse a request before its end. A
 * caller that has `more` to give has the turn again as soon as there is room
 * for it, before the socket is read. A peer that sends warnings or empty
 * records without an end is left after TLS_TURN steps.
 */
static int tls_pump(Tls *tls, int fd, bool more, TlsPump *pump)
{
    br_ssl_engine_context *engine = &tls->client.eng;
    int broken = 0;
    *pump = (TlsPump){0};
    for (int steps = 0;; steps++) {
        unsigned state = br_ssl_engine_current_state(engine);
        ptrdiff_t n = -EAGAIN;
        size_t size = 0;
        if (state & BR_SSL_CLOSED) {
            pump->ended = true;
            return 0;
        }
        if (more && pump->moved && (state & BR_SSL_SENDAPP))
            return 0;
        pump->busy = steps == TLS_TURN;
        if (pump->busy)
            return 0;
        if (state & BR_SSL_SENDREC) {
            unsigned char *out = br_ssl_engine_sendrec_buf(engine, &size);
            n = os_send(fd, out, (ptrdiff_t)size, more);
            if (n > 0)
                br_ssl_engine_sendrec_ack(engine, (size_t)n);
            else if (n == -EAGAIN)
                pump->wants |= POLLOUT;
            else
                broken = (int)-n;
        }
        if (n <= 0 && (state & BR_SSL_RECVREC)) {
            n = tls_feed(tls, fd);
            if (n == 0)
                pump->ended = true;
            else if (n == -EAGAIN)
                pump->wants |= POLLIN;
            else if (n < 0)
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

/* How long the server's chain has been judged since the last call. */
static int64_t tls_judged(Tls *tls)
{
    int64_t took = tls->judge.took;
    tls->judge.took = 0;
    return took;
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

/* Where the engine takes bytes to encrypt, and how many it has room for: for
 * those who can read right into it. NULL: there is no room now. */
static char *tls_room(Tls *tls, ptrdiff_t *room)
{
    size_t size = 0;
    unsigned char *to = br_ssl_engine_sendapp_buf(&tls->client.eng, &size);
    *room = (ptrdiff_t)size;
    return (char *)to;
}

/* Says that `n` bytes were put where tls_room() said; `last` as tls_give() has
 * it. */
static void tls_filled(Tls *tls, ptrdiff_t n, bool last)
{
    br_ssl_engine_sendapp_ack(&tls->client.eng, (size_t)n);
    if (last)
        br_ssl_engine_flush(&tls->client.eng, 0);
}

/* ==== 09 HTTP ============================================================ *
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
 * move, those too that the system still holds. Retries: network trouble where
 * the request is safe to repeat or none of it was sent, and the statuses that
 * mean "later". All pauses and failed waiting of a run share one bound,
 * `max_wait`.
 *
 * Answers: up to HTTP_HOLD bytes of a body are held until it is whole, so a
 * broken one can be fetched again before anybody has seen a part of it. A
 * larger body streams to the request's sink, piece by piece. The sink of a
 * download writes by offset and sees every byte at once. A request's body is
 * text, or comes from a source that reads right into the TLS engine's buffer.
 *
 * Pacing: where answers of the API say how many requests are left until when
 * (the X-HubSpot-RateLimit headers), no more are begun to it than are left;
 * what is under way counts as used. No other host, a CDN or a proxy, sets the
 * pace of the API. `max_wait` bounds these waits too, and a wait of two
 * seconds or more is announced.
 *
 * Credentials go to the host that the request names and to no other: a
 * redirect to another host is followed without them, to plain http never.
 */

enum {
    HTTP_CONNECT_MS = 10000,
    HTTP_MOST_MS = 24 * 60 * 60 * 1000, /* whatever the config says */
    HTTP_STAGGER_MS = 250,              /* RFC 8305, 5 */
    HTTP_HEAD_MAX = 64 * KIB,
    HTTP_HOLD = 512 * KIB,
    HTTP_IN = 16 * KIB,
    HTTP_TURN = MIB, /* bytes that one transfer moves before the next one */
    HTTP_IDLE = 16,  /* connections kept for later */
    HTTP_IDLE_MS = 100 * 1000, /* and how long: servers and NATs forget them */
    HTTP_PACE = 256,           /* requests whose beginning is remembered */
    HTTP_REDIRECTS = 5,
    HTTP_RESERVED = 10,   /* descriptors that all else needs */
    HTTP_DESCRIPTORS = 3, /* that a new connection needs for a while */
    HTTP_TRIES = 4,       /* of one request, on network trouble */
    HTTP_LEAST_MS = 500,  /* a try that would have less is not begun */
    HTTP_TICK_MS = 1000,
    HTTP_TELL_MS = 2000, /* a wait of this length is announced */
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
    Str fields;       /* the header's lines, unfolded: see http_next_field() */
    Str body;         /* what is held: all of it, unless it streamed */
    int64_t received; /* bytes of the body so far */
    bool again;       /* a try that told nothing may have been carried out */
    bool effect;      /* it is refused, but may have changed something */
    /* Of a redirect that was not followed: why ("it is …"); else NULL. */
    const char *unfollowed;
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
    /* Where the body is not `body`: gives up to `room` bytes of it from the
     * offset `at` on, at least one; less is a failure that `err` explains.
     * All in all it gives `body_size`; another try begins at 0 again. */
    ptrdiff_t (*source)(void *from, int64_t at, char *into, ptrdiff_t room,
                        Err *err);
    void *from;
    int64_t body_size;
    bool repeatable; /* doing it twice is the same as once */
    bool changes;    /* what it does stays: a failure says if it may be done */
    bool api;        /* the rate limit of HubSpot's API counts it */
    bool follow;     /* follow redirects */
    int64_t timeout; /* milliseconds */
    /* Is this answer, whose status says "later", final all the same? */
    bool (*is_final)(const HttpRes *res);
    /* Takes the body. NULL: it is held, and may not pass HTTP_HOLD. The last
     * piece, maybe an empty one, comes with `last`. */
    bool (*sink)(void *to, const HttpRes *res, Str piece, bool last, Err *err);
    void *to;
    /* The body of a 2xx answer is not held: the sink sees it as it comes. A
     * piece stands at the offset res->received - piece.len; a try that breaks
     * off is repeated, and begins at 0 again. */
    bool direct;
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
    int64_t idle_since;
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
    const Url *proxy; /* that a new connection goes through; NULL: none */
    int64_t wake_at;  /* of WAIT */
    int64_t deadline; /* of the phase */
    int64_t try_began;
    int64_t spent; /* milliseconds of the try before it was sent */
    int64_t asked; /* the pause that a proxy asked for; 0: none */
    int tries;     /* that have failed, or were answered "later" */
    int losses;    /* of them, those by network trouble */
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
    int64_t body_at; /* of what the source gives */
    int socks_stage;
    int unsent;      /* of it, at the last look, with the system still */
    int64_t look_at; /* the next one */
    bool sent;       /* a byte of the request has left */
    bool unsure;     /* a try may have been carried out that told nothing */
    bool may_pass;   /* the failure is one that another try may mend */
    int connect_error;

    Buf request; /* its memory, and that of the next two, serves every try */
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
    bool eager;    /* it could go on, but it is another's turn */
};

/* The rate limit of the API's host: what it says, and what was sent to it.
 * Zero: nothing is known. */
typedef struct {
    char host[256];
    int64_t most;     /* requests in an interval */
    int64_t said;     /* the interval in milliseconds */
    int64_t interval; /* and with some more: see http_note_pace() */
    int64_t left;     /* requests that may begin now, as far as it says */
    int64_t begun;
    int64_t at[HTTP_PACE]; /* when the last ones began: a ring */
} HttpPace;

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
    int64_t hold_until; /* a rate limit: no request of the API starts before */
    int64_t told_until; /* a wait until then has been announced */
    HttpPace pace;
    void (*tick)(void *to); /* called each HTTP_TICK_MS of a wait, if set */
    void *tick_to;
    int64_t tick_at;
    HttpXfer *active;
    HttpConn *idle;
    bool has_session;
    char session_host[256];
    br_ssl_session_parameters session;
} HttpPool;

/* SOCKS has one byte for the length of each (RFC 1929). */
static bool http_check_socks_user(const HttpPool *pool, Err *err)
{
    Str password = pool->proxy.user;
    bool alone = str_index(password, ':') < 0;
    Str user = url_decode(pool->arena, str_cut(&password, ':'));
    password = url_decode(pool->arena, password);
    if (user.len <= 255 && password.len <= 255)
        return true;
    return err_set(err, EXIT_USAGE,
                   "the %s of the SOCKS proxy in %.*s is longer than 255 bytes",
                   alone || user.len > 255 ? "user" : "password",
                   P(pool->proxy_from));
}

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
    if (pool->has_proxy && pool->socks)
        return http_check_socks_user(pool, err);
    if (pool->has_proxy && str_eq_nocase(pool->proxy.scheme, S("http")))
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

/* Takes the next header off `*fields`; false at the end. */
static bool http_next_field(Str *fields, HttpHeader *out)
{
    while (fields->len) {
        Str value = str_cut(fields, '\n');
        if (str_index(value, ':') < 0)
            continue; /* the empty line */
        out->name = str_cut(&value, ':');
        out->value = str_trim(value);
        return true;
    }
    return false;
}

/* Takes the next header of this name off `*fields`; false at the end. */
static bool http_next_named(Str *fields, Str name, Str *value)
{
    HttpHeader field;
    while (http_next_field(fields, &field)) {
        if (!str_eq_nocase(field.name, name))
            continue;
        *value = field.value;
        return true;
    }
    return false;
}

/* The first header of this name; empty if there is none. */
static Str http_header(const HttpRes *res, Str name)
{
    Str fields = res->fields;
    Str value = {0};
    http_next_named(&fields, name, &value);
    return value;
}

/* Is `word` among the elements of this list header (all its lines)? */
static bool http_header_has(const HttpRes *res, Str name, Str word)
{
    Str fields = res->fields;
    Str list;
    while (http_next_named(&fields, name, &list))
        while (list.len)
            if (str_eq_nocase(str_trim(str_cut(&list, ',')), word))
                return true;
    return false;
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
    int64_t limit = x->req.timeout < HTTP_MOST_MS ? x->req.timeout
                                                  : HTTP_MOST_MS;
    if (state < HTTP_SEND && limit > HTTP_CONNECT_MS)
        limit = HTTP_CONNECT_MS;
    int64_t patience = http_patience(pool) -
                       (state < HTTP_SEND ? os_now() - x->try_began : x->spent);
    if (patience < HTTP_LEAST_MS) /* a try that has begun gets its chance */
        patience = HTTP_LEAST_MS;
    if (pool->max_wait && limit > patience)
        limit = patience;
    x->state = state;
    x->deadline = os_now() + limit;
}

/* Trouble that another try would not mend: the message says what failed and
 * with whom, be it the proxy. */
static bool http_trouble(HttpXfer *x, const char *what)
{
    bool socks = x->proxy && str_starts(x->proxy->scheme, S("socks"));
    if (x->proxy && x->state <= HTTP_PROXY)
        return err_set(
            &x->err, EXIT_NETWORK, "the %sproxy %.*s, on the way to %.*s: %s",
            socks ? "SOCKS " : "", P(x->proxy->host), P(x->req.url.host), what);
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
    return !tls_pump(conn->tls, conn->fd, false, &pump) && !pump.ended &&
           !pump.busy && !tls_failed(conn->tls) && !tls_has_data(conn->tls);
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
        if (os_now() - conn->idle_since < HTTP_IDLE_MS && http_is_silent(conn))
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

static int64_t http_body_size(const HttpReq *req)
{
    return req->source ? req->body_size : req->body.len;
}

/* Empties a buffer of the transfer for another try: a request that waits out
 * many refusals is not to need more memory with each of them. */
static Buf *http_anew(HttpXfer *x, Buf *buf, ptrdiff_t max)
{
    buf->arena = &x->arena;
    buf->max = max;
    buf->len = 0;
    buf->full = false;
    return buf;
}

/* Writes the request into x->out: head and body in one piece, or the head
 * alone where the body comes from a source. */
static void http_build_request(HttpXfer *x)
{
    const HttpReq *req = &x->req;
    Buf *out = http_anew(x, &x->request,
                         req->url.path.len + req->body.len +
                             secret_text(req->authorization).len + 4 * KIB);
    buf_add(out, req->method);
    buf_add_char(out, ' ');
    buf_add(out, req->url.path);
    buf_add(out, S(" HTTP/1.1\r\nHost: "));
    http_add_host(out, &req->url, false);
    buf_add(out, S("\r\n"));
    if (!x->foreign && secret_is_set(req->authorization))
        http_add_line(out, S("Authorization"), secret_text(req->authorization));
    http_add_line(out, S("User-Agent"), S("hs/" HS_VERSION));
    http_add_line(out, S("Accept"), req->accept);
    http_add_line(out, S("Accept-Encoding"), S("identity"));
    if (req->has_body)
        http_add_line(out, S("Content-Type"), req->content_type);
    if (req->has_body || str_in_words(req->method, "POST PUT PATCH"))
        buf_printf(out, "Content-Length: %" PRId64 "\r\n", http_body_size(req));
    buf_add(out, S("\r\n"));
    buf_add(out, req->body);
    x->out = buf_str(out);
    x->out_at = 0;
    x->body_at = 0;
}

/* Fills the head's limits for a new answer. */
static void http_begin_answer(HttpXfer *x)
{
    x->res = (HttpRes){0};
    http_anew(x, &x->head, HTTP_HEAD_MAX);
    http_anew(x, &x->hold, HTTP_HOLD);
    x->framing = HTTP_NO_BODY;
    x->streamed = false;
}

/* What --debug shows of an address. That of a file on another host may be a
 * signed one, good for whoever has it: its query stays hidden. So does that of
 * a redirect, unless it gives a path alone. */
static Str http_shown(HttpXfer *x, Str address)
{
    if (!x->req.direct && !x->foreign && str_starts(address, S("/")) &&
        !str_starts(address, S("//")))
        return address;
    return url_shown(&x->arena, address);
}

static void http_debug_request(HttpPool *pool, HttpXfer *x)
{
    Str host = x->req.url.host;
    if (!pool->term->debug)
        return;
    term_debug(pool->term, "> %.*s https://%.*s%.*s%s", P(x->req.method),
               P(host), P(http_shown(x, x->req.url.path)),
               x->conn && x->conn->used ? " (connection kept)" : "");
    if (x->req.has_body)
        term_debug(pool->term, "> %.*s, %" PRId64 " bytes",
                   P(x->req.content_type), http_body_size(&x->req));
}

static void http_begin_send(HttpPool *pool, HttpXfer *x)
{
    http_build_request(x);
    http_begin_answer(x);
    http_debug_request(pool, x);
    x->unsent = 0;
    x->spent = os_now() - x->try_began;
    x->look_at = x->req.has_body ? os_now() + HTTP_TICK_MS : INT64_MAX;
    http_enter(pool, x, HTTP_SEND);
}

static void http_begin_connect(HttpPool *pool, HttpXfer *x)
{
    http_enter(pool, x, HTTP_CONNECT);
    x->next_attempt_at = 0;
    x->connect_error = 0;
}

/* Closes the idle connections. */
static void http_close_idle(HttpPool *pool)
{
    while (pool->idle) {
        HttpConn *conn = pool->idle;
        pool->idle = conn->next;
        http_close(conn);
    }
}

/* Starts a try: on an idle connection, or by looking up the peer. */
static bool http_begin(HttpPool *pool, HttpXfer *x)
{
    int port = 0;
    x->proxy = http_uses_proxy(pool, x) ? &pool->proxy : NULL;
    x->try_began = os_now();
    x->may_pass = false;
    x->sent = false;
    x->spent = 0;
    x->asked = 0;
    x->conn = http_take_idle(pool, x);
    if (x->conn) {
        http_begin_send(pool, x);
        return true;
    }
    if (pool->idle && !os_can_open(HTTP_DESCRIPTORS))
        http_close_idle(pool);
    Str peer = http_peer(pool, x, &port);
    const char *name = arena_cstr(&x->arena, peer);
    http_enter(pool, x, HTTP_LOOKUP);
    if (os_address_literal(name, &x->addresses)) {
        http_begin_connect(pool, x);
        return true;
    }
    int code = os_lookup_start(name, &x->lookup_fd, &x->lookup_pid);
    return code ? http_socket_trouble(x, code) : true;
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
        x->may_pass = code == EAI_AGAIN;
        err_set(&x->err, EXIT_NETWORK, "cannot find the address of %.*s: %s",
                P(peer),
                x->may_pass ? "no name server had an answer"
                            : gai_strerror(code));
        return err_hint(&x->err, "Check the network and its DNS, or set "
                                 "HTTPS_PROXY.");
    }
    http_begin_connect(pool, x);
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
    http_anew(x, &x->head, HTTP_HEAD_MAX);
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

/* Notes why an attempt failed. That this machine has no way to an address, as
 * without IPv6, says less than any other reason. */
static void http_note_failure(HttpXfer *x, int code)
{
    if (!x->connect_error || x->connect_error == ENETUNREACH ||
        x->connect_error == EADDRNOTAVAIL || x->connect_error == EAFNOSUPPORT)
        x->connect_error = code;
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
        int result = os_connect_result(x->attempt[i]);
        if (!result) {
            http_connected(pool, x, i);
            return true;
        }
        http_note_failure(x, result);
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
    if (code)
        http_note_failure(x, code);
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
        int code = tls_pump(conn->tls, conn->fd, false, &pump);
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
        if (pump.ended || pump.busy || !pump.moved)
            break;
    }
    if (conn->in_len)
        return conn->in_len;
    x->eager |= pump.busy;
    conn->ended = pump.ended;
    return pump.ended ? 0 : -EAGAIN;
}

/* Moves what the engine has towards the socket. `gave`: the engine has just
 * been given bytes. False where there is nothing more to do for now, or after
 * an error. */
static bool http_push(HttpXfer *x, bool gave, short *wants)
{
    HttpConn *conn = x->conn;
    TlsPump pump = {0};
    bool more = x->req.source && x->body_at < x->req.body_size;
    int code = tls_pump(conn->tls, conn->fd, more, &pump);
    if (tls_has_data(conn->tls))
        return false; /* an answer already: see http_on_send() */
    if (code)
        return http_socket_trouble(x, code);
    if (tls_failed(conn->tls))
        return tls_fail(conn->tls, x->req.url.host, &x->err);
    *wants = pump.wants;
    if (!gave && pump.ended)
        return http_lost(x, "the connection was closed");
    x->eager |= pump.busy;
    return gave || (pump.moved && !pump.busy);
}

/* Sends x->out; true when all of it is with the socket or the engine. */
static bool http_send_out(HttpXfer *x, short *wants)
{
    HttpConn *conn = x->conn;
    bool more = x->state == HTTP_SEND && x->req.source;
    while (x->out_at < x->out.len) {
        Str rest = str_slice(x->out, x->out_at, x->out.len);
        ptrdiff_t n = 0;
        if (conn->tls) {
            n = tls_give(conn->tls, rest, !more);
            x->out_at += n;
            if (!http_push(x, n > 0, wants))
                return false;
            continue;
        }
        n = os_send(conn->fd, rest.ptr, rest.len, false);
        *wants = POLLOUT;
        if (n == -EAGAIN)
            return false;
        if (n < 0)
            return http_socket_trouble(x, (int)-n);
        x->out_at += n;
    }
    return true;
}

/* Sends what the source gives, after the head and in the same record where it
 * fits; true as http_send_out(). An answer before the end is looked for once a
 * turn, and where the socket is full. */
static bool http_send_body(HttpXfer *x, short *wants)
{
    const HttpReq *req = &x->req;
    Tls *tls = x->conn->tls;
    int64_t turn = x->body_at + HTTP_TURN;
    if (x->body_at && !http_push(x, true, wants))
        return false;
    while (x->body_at < req->body_size) {
        ptrdiff_t room = 0;
        char *into = tls_room(tls, &room);
        int64_t left = req->body_size - x->body_at;
        ptrdiff_t n = 0;
        if (x->body_at >= turn) {
            x->eager = true;
            return false;
        }
        if (into) {
            n = req->source(req->from, x->body_at, into,
                            left < room ? (ptrdiff_t)left : room, &x->err);
            if (n <= 0)
                return err_set(&x->err, EXIT_FAILED,
                               "the request's body ended too early");
            x->body_at += n;
            tls_filled(tls, n, x->body_at == req->body_size);
        }
        if (!http_push(x, n > 0, wants))
            return false;
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

/* Is this a header's line: `name: value`, the name one token (RFC 9112, 5)? */
static bool http_is_field(Str line)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    ptrdiff_t colon = str_index(line, ':');
    for (ptrdiff_t i = 0; i < colon; i++)
        if (!isalnum((unsigned char)line.ptr[i]) && !strchr(marks, line.ptr[i]))
            return false;
    return colon > 0;
}

/*
 * Checks the header's lines, which begin at `at` in the head, and joins a line
 * that begins with white space to the one before it (obs-fold: RFC 9112, 5.2).
 */
static bool http_check_fields(HttpXfer *x, ptrdiff_t at)
{
    Str rest = str_slice(buf_str(&x->head), at, x->head.len);
    bool first = true;
    while (rest.len) {
        ptrdiff_t begins = x->head.len - rest.len;
        Str line = str_cut(&rest, '\n');
        if (!first && line.len && (line.ptr[0] == ' ' || line.ptr[0] == '\t')) {
            x->head.ptr[begins - 1] = ' ';
            if (x->head.ptr[begins - 2] == '\r')
                x->head.ptr[begins - 2] = ' ';
            continue;
        }
        first = false;
        if (line.len && !str_eq(line, S("\r")) && !http_is_field(line))
            return false;
    }
    return true;
}

/* Reads a whole head into x->res. False if it is malformed or has a NUL. */
static bool http_parse_head(HttpXfer *x)
{
    Str rest = buf_str(&x->head);
    Str line = str_cut(&rest, '\n');
    HttpRes *res = &x->res;
    int64_t status = 0;
    if (str_ends(line, S("\r")))
        line.len--;
    *res = (HttpRes){.fields = rest};
    if (str_index(buf_str(&x->head), 0) >= 0 ||
        !str_starts(line, S("HTTP/1.")) || line.len < 12 ||
        !str_is_digit(line.ptr[7]) || line.ptr[8] != ' ' ||
        !str_int(str_slice(line, 9, 12), &status) || status < 100 ||
        (line.len > 12 && line.ptr[12] != ' '))
        return false;
    res->status = (int)status;
    res->reason = str_trim(str_slice(line, 12, line.len));
    return http_check_fields(x, x->head.len - rest.len);
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
    conn->tls = tls_new(&conn->arena, pool->trust);
    http_enter(pool, x, HTTP_TLS);
    int64_t until = x->deadline;
    if (os_now() + http_patience(pool) > until)
        until = os_now() + http_patience(pool);
    if (tls_start(conn->tls, conn->host, resume ? &pool->session : NULL, until))
        return true;
    return tls_fail(conn->tls, x->req.url.host, &x->err);
}

/* Adds bytes as base64 (RFC 4648, with padding). */
static void http_add_base64(Buf *out, Str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    for (ptrdiff_t i = 0; i < bytes.len; i += 3) {
        uint32_t bits = 0;
        for (int k = 0; k < 3; k++)
            bits = bits << 8 |
                   (i + k < bytes.len ? (unsigned char)bytes.ptr[i + k] : 0);
        for (int k = 0; k < 4; k++)
            buf_add_char(out, i + k > bytes.len
                                  ? '='
                                  : digits[bits >> (18 - 6 * k) & 63]);
    }
}

/* `user:password` of the proxy, as Basic wants it (RFC 7617). */
static Str http_proxy_basic(const HttpPool *pool, Arena *arena)
{
    bool alone = str_index(pool->proxy.user, ':') < 0;
    Str user = url_decode(
        arena,
        arena_printf(arena, "%.*s%s", P(pool->proxy.user), alone ? ":" : ""));
    Buf out = buf_new(arena, user.len * 2 + 8);
    http_add_base64(&out, user);
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
        Str password = pool->proxy.user;
        str_cut(&password, ':');
        term_hide(pool->term, secret_from(basic));
        term_hide(pool->term, secret_from(password));
        term_hide(pool->term, secret_from(url_decode(&x->arena, password)));
        buf_add(&out, S("Proxy-Authorization: Basic "));
        buf_add(&out, basic);
        buf_add(&out, S("\r\n"));
    }
    buf_add(&out, S("\r\n"));
    return buf_str(&out);
}

/* Adds the scheme of one challenge, unless it is a parameter of the one before
 * or is there already. */
static void http_add_scheme(Buf *out, Str challenge)
{
    Str rest = str_trim(challenge);
    Str word = str_cut(&rest, ' ');
    Str there = buf_str(out);
    if (!word.len || str_index(word, '=') >= 0 || str_starts(rest, S("=")))
        return;
    while (there.len)
        if (str_eq_nocase(str_trim(str_cut(&there, ',')), word))
            return;
    buf_printf(out, "%s%.*s", out->len ? ", " : "", P(str_slice(word, 0, 40)));
}

/* The sign-in schemes that a proxy offers (RFC 9110, 11.6.1), for a message. */
static Str http_schemes(Arena *arena, const HttpRes *res)
{
    Buf out = buf_new(arena, 200);
    Str fields = res->fields;
    Str list;
    while (http_next_named(&fields, S("Proxy-Authenticate"), &list)) {
        bool quoted = false;
        ptrdiff_t begins = 0;
        for (ptrdiff_t i = 0; i < list.len; i++) {
            if (list.ptr[i] == '"')
                quoted = !quoted;
            else if (quoted && list.ptr[i] == '\\')
                i++;
            else if (!quoted && list.ptr[i] == ',') {
                http_add_scheme(&out, str_slice(list, begins, i));
                begins = i + 1;
            }
        }
        http_add_scheme(&out, str_slice(list, begins, list.len));
    }
    return buf_str(&out);
}

/* What to do about a 407. */
static bool http_hint_sign_in(const HttpPool *pool, HttpXfer *x)
{
    Str from = pool->proxy_from;
    Str schemes = http_schemes(&x->arena, &x->res);
    bool basic = !schemes.len || str_find(schemes, S("asic")) >= 0;
    Str offers = schemes.len
                     ? arena_printf(&x->arena, " (the proxy offers %.*s)",
                                    P(schemes))
                     : S("");
    if (!basic)
        return err_hint(&x->err,
                        "The proxy offers %.*s, but hs supports only Basic "
                        "(user and password in %.*s).",
                        P(schemes), P(from));
    if (pool->proxy.user.len)
        return err_hint(&x->err,
                        "It refused the user and password in %.*s. hs "
                        "supports only Basic%.*s.",
                        P(from), P(offers));
    return err_hint(&x->err,
                    "It wants a user and password: %.*s="
                    "http://user:password@host:port. hs supports only "
                    "Basic%.*s.",
                    P(from), P(offers));
}

/* The tunnel through an HTTP proxy (RFC 9110, 9.3.6). */
static bool http_on_connect_proxy(HttpPool *pool, HttpXfer *x, short *wants)
{
    if (!x->out.len)
        x->out = http_connect_request(pool, x);
    if (!http_send_out(x, wants) || !http_read_head(x, wants)) {
        if (x->err.code)
            err_hint(&x->err, "%.*s names it: is it an HTTP proxy?",
                     P(pool->proxy_from));
        return false;
    }
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
    x->may_pass = x->res.status == 429 || x->res.status == 502 ||
                  x->res.status == 503 || x->res.status == 504;
    int64_t asked = http_asked_pause(&x->res);
    x->asked = x->may_pass && asked > 0 ? asked : 0;
    return x->res.status == 407 ? http_hint_sign_in(pool, x) : false;
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
                     : http_trouble(x, "the connection was closed");
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

/* Not every server at a port that is taken for a SOCKS proxy is one. */
static bool http_socks_unknown(const HttpPool *pool, HttpXfer *x, int version)
{
    http_trouble(x, "it does not speak SOCKS 5");
    if (version == 'H') /* HTTP/1.1 400 … */
        return err_hint(&x->err, "It answers in HTTP: use http:// in %.*s.",
                        P(pool->proxy_from));
    return err_hint(&x->err, "%.*s names it: is it a SOCKS 5 proxy?",
                    P(pool->proxy_from));
}

/* Checks the method that the proxy has chosen of those that it was offered. */
static bool http_socks_method(const HttpPool *pool, HttpXfer *x, int method)
{
    bool user = pool->proxy.user.len > 0;
    if (method == 0 || (method == 2 && user))
        return true;
    if (method == 0xff && user)
        return http_trouble(x, "it accepts neither a user and password nor "
                               "none; hs supports no other sign-in");
    http_trouble(x, method == 0xff
                        ? "it accepts nobody who does not sign in"
                        : "it chose a sign-in method that was not offered");
    return err_hint(&x->err,
                    "hs supports a user and password: %.*s="
                    "socks5://user:password@host:port.",
                    P(pool->proxy_from));
}

static bool http_socks_refused(const HttpPool *pool, HttpXfer *x, int code)
{
    static const char *const reasons[] = {
        "",
        "general failure",
        "its rules forbid it",
        "network unreachable",
        "host unreachable",
        "connection refused",
        "the time-to-live expired",
        "it does not support CONNECT",
        "it does not support host names",
    };
    return err_set(&x->err, EXIT_NETWORK,
                   "the SOCKS proxy %.*s does not connect to %.*s: %s (code "
                   "%d)",
                   P(pool->proxy.host), P(x->req.url.host),
                   code < COUNT(reasons) ? reasons[code] : "unknown reason",
                   code);
}

/* The answer to the request: its length depends on the address's type. */
static bool http_on_socks_answer(HttpPool *pool, HttpXfer *x, short *wants)
{
    HttpConn *conn = x->conn;
    const unsigned char *in = (unsigned char *)conn->in + conn->in_at;
    if (!http_need(x, 2, wants))
        return false;
    if (in[0] != 5)
        return http_trouble(x, "its answer is malformed");
    if (in[1]) /* what follows may be missing */
        return http_socks_refused(pool, x, in[1]);
    if (!http_need(x, 5, wants))
        return false;
    int size = in[3] == 1 ? 10 : in[3] == 4 ? 22 : in[3] == 3 ? 7 + in[4] : 0;
    if (!size)
        return http_trouble(x, "its answer is malformed");
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
    if (!http_need(x, 1, wants))
        return false;
    int version = (unsigned char)conn->in[conn->in_at];
    if (x->socks_stage == 0 && version != 5)
        return http_socks_unknown(pool, x, version);
    if (x->socks_stage == 1 && version != 1)
        return http_trouble(x, "its answer to the user and password is "
                               "malformed");
    if (!http_need(x, 2, wants))
        return false;
    int method = (unsigned char)conn->in[conn->in_at + 1];
    conn->in_at += 2;
    if (x->socks_stage == 1 && method) {
        http_trouble(x, "it refused the user and password");
        return err_hint(&x->err, "They come from %.*s.", P(pool->proxy_from));
    }
    if (x->socks_stage == 0 && !http_socks_method(pool, x, method))
        return false;
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
    int code = tls_pump(conn->tls, conn->fd, false, &pump);
    x->deadline += tls_judged(conn->tls); /* the server was not silent then */
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
    x->eager |= pump.busy;
    return pump.moved && !pump.busy;
}

/* Sends the request. An answer that comes before its end (a refusal) is read
 * in the next state. */
static bool http_on_send(HttpPool *pool, HttpXfer *x, short *wants)
{
    int64_t before = x->out_at + x->body_at;
    bool all = http_send_out(x, wants) &&
               (!x->req.source || http_send_body(x, wants));
    int64_t after = x->out_at + x->body_at;
    x->sent |= after > 0;
    if (x->err.code)
        return false;
    if (all || after > before) {
        x->try_began = os_now();
        http_enter(pool, x, all ? HTTP_HEAD : HTTP_SEND);
    }
    if (!all && tls_has_data(x->conn->tls))
        x->state = HTTP_HEAD; /* this alone gives it no more time */
    return x->state == HTTP_HEAD;
}

/*
 * Is the body chunked? Proxies repeat the word, which then still means one
 * coding, as no sender may apply it twice (RFC 9112, 6.1). Any other coding
 * was not asked for: false.
 */
static bool http_find_coding(const HttpRes *res, bool *chunked)
{
    Str fields = res->fields;
    Str list;
    *chunked = false;
    while (http_next_named(&fields, S("Transfer-Encoding"), &list)) {
        while (list.len) {
            Str coding = str_trim(str_cut(&list, ','));
            if (str_eq_nocase(coding, S("chunked")))
                *chunked = true;
            else if (coding.len && !str_eq_nocase(coding, S("identity")))
                return false;
        }
    }
    return true;
}

/* The body's length; -1 if no header says it. False if one is no number, or if
 * two of them differ, be it in one line ("8, 8" is fine: RFC 9110, 8.6). */
static bool http_find_length(const HttpRes *res, int64_t *length)
{
    Str fields = res->fields;
    Str list;
    *length = -1;
    while (http_next_named(&fields, S("Content-Length"), &list)) {
        bool more = true;
        while (more) {
            int64_t value = 0;
            more = str_index(list, ',') >= 0;
            Str digits = str_trim(str_cut(&list, ','));
            if (!digits.len || !str_is_digit(digits.ptr[0]) ||
                !str_int(digits, &value) || (*length >= 0 && value != *length))
                return false;
            *length = value;
        }
    }
    return true;
}

/* How the body is framed (RFC 9112, 6.3). False where it cannot be told. */
static bool http_find_framing(HttpXfer *x)
{
    HttpRes *res = &x->res;
    int64_t length = -1;
    bool chunked = false;
    if (res->status == 204 || res->status == 304) {
        x->framing = HTTP_NO_BODY;
        return true;
    }
    if (!http_find_coding(res, &chunked))
        return http_trouble(x, "the answer has an unknown Transfer-Encoding");
    if (chunked) {
        x->framing = HTTP_CHUNKED;
        x->chunk = HTTP_CHUNK_SIZE;
        x->left = x->chunk_line = x->trailer = 0;
        x->chunk_digits_over = x->chunk_cr = false;
        return true;
    }
    if (!http_find_length(res, &length))
        return http_trouble(x, "the answer's Content-Length is malformed");
    x->framing = length < 0   ? HTTP_TO_CLOSE
                 : length > 0 ? HTTP_LENGTH
                              : HTTP_NO_BODY;
    x->left = length;
    return true;
}

/* Has all of the request gone out? */
static bool http_is_sent(const HttpXfer *x)
{
    return x->out_at == x->out.len &&
           (!x->req.source || x->body_at == x->req.body_size);
}

/* Reads the head of the answer. One that only says that the real answer will
 * follow may come while the request is on its way, which then goes on. */
static bool http_on_head(HttpPool *pool, HttpXfer *x, short *wants)
{
    if (!http_read_head(x, wants))
        return false;
    if (x->res.status < 200) {
        if (x->res.status == 101)
            return http_trouble(x, "the server switched protocols unasked");
        x->head.len = 0;
        if (!http_is_sent(x) && x->conn->in_at == x->conn->in_len)
            x->state = HTTP_SEND;
        return true;
    }
    term_debug(pool->term, "< %d %.*s, %" PRId64 " ms", x->res.status,
               P(x->res.reason), os_now() - x->try_began);
    Str fields = x->res.fields;
    HttpHeader field;
    while (pool->term->debug && http_next_field(&fields, &field)) {
        if (str_eq_nocase(field.name, S("Location")))
            field.value = http_shown(x, field.value);
        field.value = term_unecho(pool->term, &x->arena, field.value, 8);
        term_debug(pool->term, "< %.*s: %.*s", P(field.name), P(field.value));
    }
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
    bool direct = req->direct && x->res.status / 100 == 2;
    x->res.received += piece.len;
    if (!x->streamed && !direct && piece.len <= HTTP_HOLD - x->hold.len) {
        buf_add(&x->hold, piece);
        return true;
    }
    if (!req->sink)
        return http_trouble(x, "the answer is larger than 512 KiB");
    if (!x->streamed && !direct &&
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
    if (!c)
        return false;
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
                conn->in_at == conn->in_len && http_is_sent(x) &&
                !http_header_has(&x->res, S("Connection"), S("close"));
    x->conn = NULL;
    if (!keep) {
        http_close(conn);
        return;
    }
    conn->used = true;
    conn->idle_since = os_now();
    conn->next = pool->idle;
    pool->idle = conn;
    int count = 0; /* the newest ones stay */
    for (HttpConn **link = &pool->idle; *link; link = &(*link)->next) {
        if (++count <= HTTP_IDLE)
            continue;
        HttpConn *oldest = *link;
        *link = NULL;
        http_close(oldest);
        return;
    }
}

static bool http_is_redirect(const HttpRes *res)
{
    int status = res->status;
    return status == 301 || status == 302 || status == 303 || status == 307 ||
           status == 308;
}

/* Where a redirect leads; or why it is not followed, else NULL. */
static const char *http_find_redirect(HttpXfer *x, Url *to)
{
    Str location = arena_copy(&x->arena, http_header(&x->res, S("Location")));
    Buf path = buf_new(&x->arena, HTTP_HEAD_MAX);
    if (!location.len)
        return "it is missing";
    if (!x->req.follow)
        return "hs follows redirects of a GET only";
    if (x->streamed)
        return "too much comes with it";
    if (x->redirects == HTTP_REDIRECTS)
        return "it is one redirect too many";
    if (!http_is_clean(location) ||
        !url_resolve(&x->arena, &x->req.url, location, to))
        return "it is malformed";
    if (!str_eq_nocase(to->scheme, S("https")))
        return str_eq_nocase(to->scheme, S("http")) ? "it is plain http"
                                                    : "it is not https";
    url_add_encoded(&path, to->path, URL_PATH_MARKS);
    to->path = buf_str(&path);
    return path.full ? "it is too long" : NULL;
}

/* Follows a redirect; false if there is none, or none to be followed. */
static bool http_redirect(HttpXfer *x)
{
    Url to = {0};
    if (!http_is_redirect(&x->res))
        return false;
    x->res.unfollowed = http_find_redirect(x, &to);
    if (x->res.unfollowed)
        return false;
    x->redirects++;
    x->foreign |= !str_eq_nocase(to.host, x->req.url.host) ||
                  to.port != x->req.url.port;
    x->req.url = to;
    return true;
}

/* Adds where a redirect that was not followed leads, and why it was not. */
static void http_add_redirect(Buf *out, const HttpRes *res)
{
    Arena scratch = {0};
    Str to = url_shown(&scratch, http_header(res, S("Location")));
    if (res->unfollowed && to.len)
        buf_printf(out, ": it leads to %.*s, which was not followed: %s",
                   P(str_slice(to, 0, 300)), res->unfollowed);
    else if (res->unfollowed)
        buf_printf(out, ": a redirect that says not where to");
    arena_free(&scratch);
}

/* Does it go to HubSpot's API, and not where a redirect led? */
static bool http_is_api(const HttpXfer *x)
{
    return x->req.api && !x->foreign;
}

/* Is this request one of those that the host's rate limit counts? */
static bool http_is_paced(const HttpPool *pool, const HttpXfer *x)
{
    return http_is_api(x) &&
           str_eq_nocase(str_from(pool->pace.host), x->req.url.host);
}

static void http_pace_host(HttpPace *pace, Str host)
{
    if (str_eq_nocase(str_from(pace->host), host))
        return;
    *pace = (HttpPace){0};
    memcpy(pace->host, host.ptr, (size_t)host.len);
}

/* Learns from an answer how many requests the host has left. Those under way
 * may not be counted in it yet. Requests do not all take the same time to
 * arrive, so that the interval is taken as somewhat longer. */
static void http_note_pace(HttpPool *pool, const HttpXfer *x)
{
    HttpPace *pace = &pool->pace;
    int64_t most = 0;
    int64_t left = 0;
    int64_t interval = 0;
    if (!http_is_api(x) ||
        !str_int(http_header(&x->res, S("X-HubSpot-RateLimit-Max")), &most) ||
        !str_int(http_header(&x->res, S("X-HubSpot-RateLimit-Remaining")),
                 &left) ||
        !str_int(http_header(&x->res,
                             S("X-HubSpot-RateLimit-Interval-Milliseconds")),
                 &interval) ||
        most < 1 || left < 0 || left > most || interval < 1 || interval > 60000)
        return;
    http_pace_host(pace, x->req.url.host);
    pace->most = most;
    pace->said = interval;
    pace->interval = interval + interval / 16 + 20;
    pace->left = left;
    for (const HttpXfer *other = pool->active; other; other = other->next)
        if (other != x && other->state > HTTP_WAIT &&
            other->state < HTTP_DONE && http_is_paced(pool, other))
            pace->left--;
}

/* When the transfer, which is in HTTP_WAIT, may begin as far as the rate limit
 * goes: when no more than what is allowed began within an interval, and, with
 * none left, when the last one is so long ago. */
static int64_t http_pace_until(const HttpPool *pool, const HttpXfer *x)
{
    const HttpPace *pace = &pool->pace;
    int64_t back = pace->left > 0 ? pace->most : 1;
    if (!pace->interval || !http_is_paced(pool, x) || back > pace->begun ||
        back > HTTP_PACE)
        return 0;
    return pace->at[(pace->begun - back) % HTTP_PACE] + pace->interval;
}

/* When a transfer in HTTP_WAIT may begin. */
static int64_t http_wake_at(const HttpPool *pool, const HttpXfer *x)
{
    int64_t at = http_pace_until(pool, x);
    if (http_is_api(x) && at < pool->hold_until)
        at = pool->hold_until;
    return at > x->wake_at ? at : x->wake_at;
}

/* Begins a transfer whose time has come, and counts it. */
static bool http_begin_paced(HttpPool *pool, HttpXfer *x)
{
    HttpPace *pace = &pool->pace;
    if (http_is_api(x))
        http_pace_host(pace, x->req.url.host);
    if (http_is_paced(pool, x)) {
        if (pace->left <= 0)
            pace->left = pace->most;
        pace->left--;
        pace->at[pace->begun++ % HTTP_PACE] = os_now();
    }
    return http_begin(pool, x);
}

/* Announces a wait for a rate limit once, if it is long, whoever waits. */
static void http_tell_limit(HttpPool *pool, const HttpXfer *x, int64_t wait)
{
    const HttpPace *pace = &pool->pace;
    char limit[96] = "";
    if (wait < HTTP_TELL_MS || os_now() + wait < pool->told_until)
        return;
    pool->told_until = os_now() + wait + HTTP_TICK_MS;
    if (http_is_paced(pool, x) && pace->interval)
        snprintf(limit, sizeof(limit),
                 " (limit: %" PRId64 " requests per %" PRId64 "%s)", pace->most,
                 pace->said % 1000 ? pace->said : pace->said / 1000,
                 pace->said % 1000 ? " ms" : " s");
    term_say(pool->term, "Rate limited; waiting %" PRId64 " s%s",
             (wait + 500) / 1000, limit);
}

/* Begins a transfer when its time has come. A wait for the rate limit that
 * would be longer than --max-wait allows is not begun. */
static bool http_on_wait(HttpPool *pool, HttpXfer *x)
{
    int64_t wait = http_wake_at(pool, x) - os_now();
    if (wait <= 0)
        return http_begin_paced(pool, x);
    if (http_wake_at(pool, x) == x->wake_at)
        return false; /* a pause of its own, which http_try_later() allowed */
    if (wait <= http_patience(pool)) {
        http_tell_limit(pool, x, wait);
        return false;
    }
    err_set(&x->err, EXIT_RATE_LIMIT,
            "%.*s: rate limited: the next request may start in %" PRId64 " s",
            P(x->req.url.host), (wait + 999) / 1000);
    return err_hint(&x->err,
                    "Try again later, or wait longer with --max-wait.");
}

/* A pause between two requests; false if --max-wait does not allow it, or
 * after a signal. */
static bool http_rest(HttpPool *pool, int64_t millis)
{
    if (millis > http_patience(pool))
        return false;
    os_sleep(millis);
    pool->waited += millis;
    return !os_interrupted();
}

/* Does the answer mean "later" for this request? A 503 says so only with
 * Retry-After: without it, the request may have been carried out. */
static bool http_is_later(const HttpXfer *x)
{
    int status = x->res.status;
    bool any = status == 429 || status == 423 || status == 477 ||
               (status == 503 && http_asked_pause(&x->res) >= 0);
    bool safe = status == 502 || status == 503 || status == 504 ||
                status == 521 || status == 523 || status == 524;
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
    if (pause < HTTP_TELL_MS)
        term_debug(pool->term, "trying again in %" PRId64 " ms: %s", pause,
                   why);
    else if (!x->err.code && x->res.status == 429)
        http_tell_limit(pool, x, pause);
    else
        term_say(pool->term, "hs: %s; trying again in %" PRId64 " s", why,
                 (pause + 500) / 1000);
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
    http_note_pace(pool, x);
    x->res.again = x->unsure;
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
        bool limited = x->res.status == 429 && http_is_api(x);
        x->unsure |= x->res.status >= 500;
        if (http_try_later(pool, x, pause, why)) {
            if (limited && x->wake_at > pool->hold_until)
                pool->hold_until = x->wake_at;
            return true;
        }
    }
    x->state = HTTP_DONE;
    const HttpReq *req = &x->req;
    x->res.effect = req->changes && (x->unsure || x->res.status >= 500);
    Str rest = x->streamed ? S("") : x->res.body;
    if (req->sink && !req->sink(req->to, &x->res, rest, true, &x->err))
        x->state = HTTP_FAILED;
    return false;
}

/* Takes what has come of the body. After HTTP_TURN bytes the other transfers
 * have their turn. */
static bool http_on_body(HttpPool *pool, HttpXfer *x, short *wants)
{
    bool moved = false;
    int64_t turn = x->res.received + HTTP_TURN;
    while (x->framing != HTTP_NO_BODY) {
        ptrdiff_t n = http_fill(x, wants);
        bool over = n > 0 && x->res.received >= turn;
        x->eager |= over;
        if (n == -EAGAIN || over) {
            if (moved) {
                x->try_began = os_now();
                http_enter(pool, x, HTTP_BODY);
            }
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
    char what[64];
    snprintf(what, sizeof(what), "timed out while %s", phases[x->state]);
    http_lost(x, what);
    err_hint(&x->err, "The limits are httpTimeout of the config and "
                      "--max-wait.");
}

/* The transfer has failed for good. What may have been done all the same is
 * said: the caller must not take it for undone. */
static void http_give_up(HttpXfer *x)
{
    ptrdiff_t at = (ptrdiff_t)strlen(x->err.message);
    if (x->req.changes && (x->unsure || (x->sent && http_is_sent(x))))
        snprintf(x->err.message + at, sizeof(x->err.message) - (size_t)at,
                 "; the request may have taken effect");
    http_drop(x);
    x->state = HTTP_FAILED;
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
    bool safe = (!x->streamed || x->req.direct) &&
                (x->req.repeatable || !x->sent);
    Err err = x->err;
    if (x->err.code != EXIT_NETWORK || os_interrupted() || !safe ||
        !x->may_pass) {
        http_give_up(x);
        return false;
    }
    if (!x->tries)
        pool->waited += os_now() - x->try_began + x->spent;
    x->unsure |= x->sent;
    int64_t pause = stale ? 0 : http_pause(x->tries + 1);
    if (pause < x->asked)
        pause = x->asked;
    x->tries++;
    x->losses += !x->asked;
    if (x->losses < HTTP_TRIES && http_try_later(pool, x, pause, err.message))
        return true;
    http_give_up(x);
    return false;
}

/* A body that the system has taken may be long on its way, where the line is
 * slow or others share it: while it gets less, no time-out runs. */
static void http_look_at_line(HttpPool *pool, HttpXfer *x)
{
    bool sends = x->state == HTTP_SEND || x->state == HTTP_HEAD;
    if (!sends || os_now() < x->look_at)
        return;
    int unsent = os_unsent(x->conn->fd);
    if (unsent < x->unsent) {
        x->try_began = os_now();
        http_enter(pool, x, x->state);
    }
    x->unsent = unsent;
    x->look_at = os_now() + HTTP_TICK_MS;
}

/* Takes a transfer as far as it goes without waiting. `*wants` says which
 * events of the connection's socket it waits for. */
static void http_advance(HttpPool *pool, HttpXfer *x, short *wants)
{
    bool again = true;
    x->eager = false;
    http_look_at_line(pool, x);
    while (again && !os_interrupted()) {
        *wants = 0;
        switch (x->state) {
        case HTTP_WAIT:
            again = http_on_wait(pool, x);
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
    if (x->eager)
        return 0;
    if (x->state == HTTP_WAIT)
        return http_wake_at(pool, x);
    if (x->state == HTTP_CONNECT && x->attempts < x->addresses.count &&
        x->next_attempt_at < x->deadline)
        return x->next_attempt_at;
    if ((x->state == HTTP_SEND || x->state == HTTP_HEAD) &&
        x->look_at < x->deadline)
        return x->look_at;
    return x->deadline;
}

/* Does the transfer do nothing but wait after a failure, its own or that of
 * another one? */
static bool http_is_stuck(const HttpPool *pool, const HttpXfer *x)
{
    if (x->state == HTTP_WAIT)
        return os_now() < http_wake_at(pool, x);
    return x->tries && x->state != HTTP_SEND && x->state != HTTP_BODY;
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
        err_set(&x->err, (ExitCode)(128 + os_interrupted()), "interrupted");
        http_give_up(x);
    }
    pool->active = NULL;
}

/* One turn of the loop: each transfer as far as it goes, then a wait of at
 * most `most` milliseconds, or none where one has ended: the next one may
 * have its place at once. */
static void http_turn(HttpPool *pool, int64_t most)
{
    struct pollfd fds[HTTP_ACTIVE * (OS_ADDRESSES + 1) + 1];
    int64_t look = INT64_MAX;
    bool stuck = true;
    bool ended = false;
    int count = 0;
    for (HttpXfer *x = pool->active; x; x = x->next) {
        short wants = 0;
        http_advance(pool, x, &wants);
        ended |= x->state >= HTTP_DONE;
        if (x->state >= HTTP_DONE)
            continue;
        count += http_poll_set(x, wants, fds + count);
        look = http_next_look(pool, x) < look ? http_next_look(pool, x) : look;
        stuck &= http_is_stuck(pool, x);
    }
    http_sweep(pool);
    if (!pool->active || ended)
        return;
    int64_t began = os_now();
    if (pool->tick && began >= pool->tick_at) {
        pool->tick(pool->tick_to);
        pool->tick_at = began + HTTP_TICK_MS;
    }
    if (pool->tick && pool->tick_at < look)
        look = pool->tick_at;
    int64_t wait = look > began ? look - began : 0;
    os_poll(fds, count, wait < most ? wait : most);
    if (stuck)
        pool->waited += os_now() - began;
}

/* Drives the pool until this transfer has ended; the others move on with it. */
static void http_run(HttpPool *pool, const HttpXfer *x)
{
    while (x->state < HTTP_DONE && !os_interrupted())
        http_turn(pool, INT_MAX);
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
 * where there was no whole answer: then of `res` only `again` counts. A status
 * of 400 or more is no failure here.
 */
static bool http_do(HttpPool *pool, Arena *arena, const HttpReq *req,
                    HttpRes *res, Err *err)
{
    HttpXfer *x = http_add(pool, req);
    http_run(pool, x);
    bool ok = x->state == HTTP_DONE;
    *res = (HttpRes){.again = x->unsure || x->sent};
    if (ok) {
        *res = x->res;
        res->body = arena_copy(arena, res->body);
        res->reason = arena_copy(arena, res->reason);
        res->fields = arena_copy(arena, res->fields);
    } else {
        err_set(err, x->err.code, "%s", x->err.message);
        err_hint(err, "%s", x->err.hint);
    }
    http_end(x);
    return ok;
}

/* Whoever gives http_run_many() its requests and takes what comes of them. */
typedef struct {
    void *to;
    int width;    /* requests at a time, 1 to HTTP_ACTIVE */
    int64_t tick; /* milliseconds: how often `turned` is called at least */
    /* Gives the next request, and a mark to know it by. False: none for now;
     * it is asked again in each turn, until none is under way either. */
    bool (*next)(void *to, HttpReq *req, void **mark);
    /* One has ended, well or not; the transfer is gone when this returns. */
    void (*ended)(void *to, void *mark, const HttpXfer *x);
    void (*turned)(void *to); /* may be NULL */
} HttpMany;

/*
 * Drives requests, many at a time, until there are no more. Both callbacks
 * may use http_do(); the other transfers move on meanwhile. The bound on
 * waiting is one for the time between two successes: a long run is not to fail
 * for many short pauses. After a signal no request is begun, and those under
 * way end with its code.
 */
static void http_run_many(HttpPool *pool, const HttpMany *many)
{
    HttpXfer *running[HTTP_ACTIVE];
    void *marks[HTTP_ACTIVE];
    int64_t most = (os_most_descriptors() - HTTP_RESERVED) / HTTP_DESCRIPTORS;
    int n = 0;
    for (;;) {
        HttpReq req = {0};
        while (n < many->width && (n < most || !n) && !os_interrupted() &&
               many->next(many->to, &req, &marks[n])) {
            running[n++] = http_add(pool, &req);
            req = (HttpReq){0};
        }
        if (!n)
            return;
        if (os_interrupted())
            http_interrupt(pool);
        else if (pool->active)
            http_turn(pool, many->tick ? many->tick : INT_MAX);
        for (int i = n - 1; i >= 0; i--) {
            HttpXfer *x = running[i];
            void *mark = marks[i];
            if (x->state < HTTP_DONE)
                continue;
            running[i] = running[--n];
            marks[i] = marks[n];
            if (x->state == HTTP_DONE && x->res.status < 400)
                pool->waited = 0;
            many->ended(many->to, mark, x);
            http_end(x);
        }
        if (many->turned)
            many->turned(many->to);
    }
}

static void http_free(HttpPool *pool)
{
    http_close_idle(pool);
    secret_wipe(&pool->session, sizeof(pool->session));
}

/* ==== 10 Loopback ======================================================== *
 *
 * A server for one browser, on 127.0.0.1 and ::1: what a sign-in needs, where
 * HubSpot's page hands something to the program that opened it. It speaks
 * HTTP/1.1 (GET alone, one request a connection) and WebSocket (RFC 6455, no
 * extensions). What is asked and answered is the caller's, a LoopApp.
 *
 * Anything on the machine can connect, and every page that the browser shows
 * can have it connect. So all of it is bounded: connections, the bytes of a
 * head, a frame and a message, the time for a head and for leaving. Where all
 * places are taken the oldest connection makes room, one without a WebSocket
 * first. A frame that is too large is refused by its header alone. No
 * connection can hold another up: nothing here waits but loop_turn(), in one
 * poll.
 *
 * Who asks is told by its origin, or by what it brings back, never by the Host
 * that it names: a name that a page has rebound to loopback gains nothing.
 *
 * Memory is the caller's arena's, all of it from the start; what a connection
 * received is wiped when it ends.
 */

enum {
    LOOP_CONNS = 8,
    LOOP_HEAD = 8 * KIB,
    LOOP_MESSAGE = 16 * KIB,     /* bytes of a message */
    LOOP_IN = LOOP_MESSAGE + 14, /* with a frame's header */
    LOOP_OUT = 4 * KIB,          /* not yet sent */
    LOOP_ANSWER = 1 * KIB,       /* the most that a frame is answered with */
    LOOP_HEAD_MS = 10 * 1000,    /* for a request to come whole */
    LOOP_LEAVE_MS = 1000,        /* for a last answer to be taken */
    LOOP_FINISH_MS = 500         /* the same, when nobody else is awaited */
};

/* Opcodes (RFC 6455, 5.2) and close codes (7.4.1). */
enum {
    LOOP_MORE = 0,
    LOOP_TEXT = 1,
    LOOP_BINARY = 2,
    LOOP_CLOSE = 8,
    LOOP_PING = 9,
    LOOP_PONG = 10,
    LOOP_NORMAL = 1000,
    LOOP_PROTOCOL = 1002,
    LOOP_NOT_TEXT = 1003,
    LOOP_NOT_UTF8 = 1007,
    LOOP_POLICY = 1008,
    LOOP_TOO_BIG = 1009
};

/* A page for the browser. All text is ours: nothing in it is escaped. */
typedef struct {
    int status;
    const char *title;
    const char *text;
    bool later; /* loop_answer() will give it; the rest counts for nothing */
} LoopPage;

/* What the server is for. */
typedef struct {
    void *to;
    /* The page for a GET of `target`, a path and query as they came. */
    LoopPage (*get)(void *to, Str target);
    /* May a page of this origin open a WebSocket? NULL: there are none. */
    bool (*may_open)(void *to, Str origin);
    Str greeting; /* the first message to whom may */
    /* Takes a text message. Gives the answer, empty for none, which lives on;
     * a `*close` other than 0 is the code to close with after it. */
    Str (*message)(void *to, Str text, int *close);
} LoopApp;

typedef enum {
    LOOP_FREE,
    LOOP_ASKING,  /* its request is coming */
    LOOP_HELD,    /* its answer is loop_answer()'s */
    LOOP_OPEN,    /* a WebSocket */
    LOOP_LEAVING, /* the last bytes go out, what comes is dropped */
    LOOP_SHUT     /* they are out: the other side's end is awaited */
} LoopState;

typedef struct {
    LoopState state;
    int fd;
    int64_t since;
    int64_t deadline; /* INT64_MAX: none */
    int in_len;
    int out_at;
    int out_len;
    int message_len;
    bool in_message; /* a fragment of one is there */
    char in[LOOP_IN];
    char out[LOOP_OUT];
    char message[LOOP_MESSAGE];
} LoopConn;

typedef struct {
    LoopApp app;
    int port;
    int listeners[2];
    int listening;
    LoopConn conns[LOOP_CONNS];
} LoopServer;

typedef struct {
    int opcode;
    bool fin;
    ptrdiff_t head; /* bytes of the header */
    ptrdiff_t size; /* of the payload */
    unsigned char mask[4];
} LoopFrame;

/*
 * Reads the header of a client's frame (RFC 6455, 5.2). `room` is how much of
 * a message may still come. Gives 1 and the frame; 0 where the header is not
 * whole; or the code to close with.
 */
static int loop_frame(Str in, ptrdiff_t room, LoopFrame *frame)
{
    const unsigned char *bytes = (const unsigned char *)in.ptr;
    if (in.len < 2)
        return 0;
    *frame = (LoopFrame){.opcode = bytes[0] & 15, .fin = bytes[0] >> 7};
    bool control = frame->opcode >= LOOP_CLOSE;
    int more = (bytes[1] & 127) == 127 ? 8 : (bytes[1] & 127) == 126 ? 2 : 0;
    if (bytes[0] & 0x70 || frame->opcode > LOOP_PONG ||
        (frame->opcode > LOOP_BINARY && !control) || bytes[1] < 128 ||
        (control && (!frame->fin || more)))
        return LOOP_PROTOCOL;
    if (in.len < 2 + more)
        return 0;
    uint64_t size = more ? 0 : bytes[1] & 127;
    for (int i = 0; i < more; i++)
        size = size << 8 | bytes[2 + i];
    if ((more == 2 && size < 126) || (more == 8 && size <= UINT16_MAX) ||
        size > INT64_MAX)
        return LOOP_PROTOCOL;
    if (!control && size > (uint64_t)room)
        return LOOP_TOO_BIG;
    if (in.len < 6 + more)
        return 0;
    memcpy(frame->mask, bytes + 2 + more, 4);
    frame->head = 6 + more;
    frame->size = (ptrdiff_t)size;
    return 1;
}

/* The answer to a client's key: base64 of the SHA-1 of it and of a constant
 * of the protocol (RFC 6455, 4.2.2). `to` takes its 28 bytes. */
static Str loop_accept(Arena *arena, Str key)
{
    br_sha1_context sha1;
    char hash[br_sha1_SIZE];
    Str magic = S("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    Buf out = buf_new(arena, 64);
    br_sha1_init(&sha1);
    br_sha1_update(&sha1, key.ptr, (size_t)key.len);
    br_sha1_update(&sha1, magic.ptr, (size_t)magic.len);
    br_sha1_out(&sha1, hash);
    http_add_base64(&out, (Str){hash, sizeof(hash)});
    return buf_str(&out);
}

/* What to answer a close frame with: its own code, or that it breaks the
 * rules (RFC 6455, 5.5.1 and 7.4). */
static int loop_close_code(Str payload)
{
    const unsigned char *bytes = (const unsigned char *)payload.ptr;
    if (!payload.len)
        return LOOP_NORMAL;
    if (payload.len == 1)
        return LOOP_PROTOCOL;
    int code = bytes[0] << 8 | bytes[1];
    if (!((code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
          (code >= 3000 && code <= 4999)))
        return LOOP_PROTOCOL;
    return str_is_utf8(str_slice(payload, 2, payload.len)) ? code
                                                           : LOOP_NOT_UTF8;
}

static void loop_drop(LoopConn *conn)
{
    if (conn->state == LOOP_FREE)
        return;
    os_close(conn->fd);
    secret_wipe(conn, sizeof(*conn));
}

/* Queues bytes; where they do not fit, the connection is broken off. */
static void loop_queue(LoopConn *conn, Str bytes)
{
    if (conn->state == LOOP_FREE)
        return;
    if (bytes.len > LOOP_OUT - conn->out_len) {
        loop_drop(conn);
        return;
    }
    memcpy(conn->out + conn->out_len, bytes.ptr, (size_t)bytes.len);
    conn->out_len += (int)bytes.len;
}

/* Sends what is queued, as far as it goes now. */
static void loop_send(LoopConn *conn)
{
    while (conn->out_at < conn->out_len) {
        ptrdiff_t n = os_send(conn->fd, conn->out + conn->out_at,
                              conn->out_len - conn->out_at, false);
        if (n == -EAGAIN)
            return;
        if (n < 0) {
            loop_drop(conn);
            return;
        }
        conn->out_at += (int)n;
    }
    conn->out_at = conn->out_len = 0;
    if (conn->state == LOOP_LEAVING) {
        os_shut(conn->fd);
        conn->state = LOOP_SHUT;
    }
}

/* Nothing more will be answered; closing at once would have the other side's
 * bytes on their way answered with a reset, which loses what was sent. */
static void loop_leave(LoopConn *conn)
{
    if (conn->state == LOOP_FREE)
        return;
    secret_wipe(conn->in, sizeof(conn->in));
    secret_wipe(conn->message, sizeof(conn->message));
    conn->in_len = conn->message_len = 0;
    conn->state = LOOP_LEAVING;
    conn->deadline = os_now() + LOOP_LEAVE_MS;
    loop_send(conn);
}

/* Queues a frame of the server's: whole, not masked, below 64 KiB. */
static void loop_queue_frame(LoopConn *conn, int opcode, Str payload)
{
    char head[4] = {(char)(0x80 | opcode), (char)payload.len};
    bool wide = payload.len > 125;
    if (wide) {
        head[1] = 126;
        head[2] = (char)(payload.len >> 8);
        head[3] = (char)payload.len;
    }
    loop_queue(conn, (Str){head, wide ? 4 : 2});
    loop_queue(conn, payload);
}

static void loop_close_socket(LoopConn *conn, int code)
{
    const char payload[2] = {(char)(code >> 8), (char)code};
    loop_queue_frame(conn, LOOP_CLOSE, (Str){payload, 2});
    loop_leave(conn);
}

/* Answers a request with a page and leaves. Nothing may keep, frame or refer
 * to a page whose address holds a code. */
static void loop_page(LoopConn *conn, const LoopPage *page)
{
    Arena scratch = {0};
    Str body = arena_printf(
        &scratch,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width\">\n"
        "<title>hs: %s</title>\n"
        "<style>body{font:1.1em sans-serif;max-width:34em;margin:4em auto;"
        "padding:0 1em;color-scheme:light dark}</style>\n"
        "<h1>%s</h1>\n<p>%s</p>\n</html>\n",
        page->title, page->title, page->text);
    Str head = arena_printf(
        &scratch,
        "HTTP/1.1 %d %s\r\nContent-Type: text/html; charset=utf-8\r\n"
        "Content-Length: %td\r\nConnection: close\r\n"
        "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
        "Content-Security-Policy: default-src 'none'; "
        "style-src 'unsafe-inline'; frame-ancestors 'none'\r\n"
        "X-Content-Type-Options: nosniff\r\n%s\r\n",
        page->status, page->status == 200 ? "OK" : "Refused", body.len,
        page->status == 405   ? "Allow: GET\r\n"
        : page->status == 426 ? "Sec-WebSocket-Version: 13\r\n"
                              : "");
    conn->out_at = conn->out_len = 0;
    loop_queue(conn, head);
    loop_queue(conn, body);
    loop_leave(conn);
    arena_free(&scratch);
}

static void loop_refuse(LoopConn *conn, int status, const char *text)
{
    LoopPage page = {status, "No", text, false};
    loop_page(conn, &page);
}

/* The value of a field in a request's head; empty where it is missing. */
static Str loop_field(Str head, Str name)
{
    str_cut(&head, '\n');
    while (head.len) {
        Str line = str_cut(&head, '\n');
        if (str_eq_nocase(str_cut(&line, ':'), name))
            return str_trim(line);
    }
    return (Str){0};
}

/* Is the word one of those in a field, which commas separate? */
static bool loop_field_has(Str head, Str name, Str word)
{
    Str list = loop_field(head, name);
    while (list.len)
        if (str_eq_nocase(str_trim(str_cut(&list, ',')), word))
            return true;
    return false;
}

/*
 * Checks a head, all up to its empty line, and takes the request's method and
 * target from it. False where it is no HTTP/1 request.
 */
static bool loop_request(Str head, Str *method, Str *target)
{
    Str rest = head;
    Str line = str_trim(str_cut(&rest, '\n'));
    for (ptrdiff_t i = 0; i < head.len; i++) {
        unsigned char c = (unsigned char)head.ptr[i];
        bool ends = c == '\n' && i > 0 && head.ptr[i - 1] == '\r';
        bool begins = c == '\r' && i + 1 < head.len && head.ptr[i + 1] == '\n';
        if ((c < 0x20 && c != '\t' && !ends && !begins) || c == 0x7f)
            return false;
    }
    *method = str_cut(&line, ' ');
    *target = str_cut(&line, ' ');
    if (!method->len || !str_starts(*target, S("/")) ||
        (!str_eq(line, S("HTTP/1.1")) && !str_eq(line, S("HTTP/1.0"))))
        return false;
    while (rest.len) {
        line = str_cut(&rest, '\n');
        ptrdiff_t colon = str_index(line, ':');
        if (colon < 1 || str_is_space(line.ptr[0]) ||
            str_is_space(line.ptr[colon - 1]))
            return false;
    }
    return true;
}

/* Opens a WebSocket (RFC 6455, 4.2). An origin that may not is told so by a
 * close frame: a page can read that, and no HTTP status. */
static void loop_upgrade(LoopServer *server, LoopConn *conn, Str head)
{
    Arena scratch = {0};
    Str key = loop_field(head, S("Sec-WebSocket-Key"));
    bool sound = key.len == 24 && str_ends(key, S("==")) &&
                 loop_field_has(head, S("Connection"), S("upgrade"));
    if (!str_eq(loop_field(head, S("Sec-WebSocket-Version")), S("13"))) {
        loop_refuse(conn, 426, "This is version 13 of WebSocket alone.");
        return;
    }
    if (!sound) {
        loop_refuse(conn, 400, "This is no WebSocket handshake.");
        return;
    }
    Str accept = loop_accept(&scratch, key);
    bool may = server->app.may_open(server->app.to,
                                    loop_field(head, S("Origin")));
    loop_queue(conn, arena_printf(&scratch,
                                  "HTTP/1.1 101 Switching Protocols\r\n"
                                  "Upgrade: websocket\r\n"
                                  "Connection: Upgrade\r\n"
                                  "Sec-WebSocket-Accept: %.*s\r\n\r\n",
                                  P(accept)));
    arena_free(&scratch);
    conn->state = LOOP_OPEN;
    conn->deadline = INT64_MAX;
    if (may)
        loop_queue_frame(conn, LOOP_TEXT, server->app.greeting);
    else
        loop_close_socket(conn, LOOP_POLICY);
}

static void loop_asked(LoopServer *server, LoopConn *conn, Str head)
{
    Str method = {0};
    Str target = {0};
    if (!loop_request(head, &method, &target)) {
        loop_refuse(conn, 400, "This is no request that a browser makes.");
    } else if (!str_eq(method, S("GET"))) {
        loop_refuse(conn, 405, "Only GET works here.");
    } else if (server->app.may_open &&
               loop_field_has(head, S("Upgrade"), S("websocket"))) {
        loop_upgrade(server, conn, head);
    } else {
        LoopPage page = server->app.get(server->app.to, target);
        if (page.later) {
            conn->state = LOOP_HELD;
            conn->deadline = INT64_MAX;
        } else {
            loop_page(conn, &page);
        }
    }
}

/* Takes `size` bytes off the front of what has come. */
static void loop_take(LoopConn *conn, ptrdiff_t size)
{
    if (conn->state == LOOP_FREE || size > conn->in_len)
        return;
    conn->in_len -= (int)size;
    memmove(conn->in, conn->in + size, (size_t)conn->in_len);
}

/* Looks for the head of a request in what has come; false: not whole yet. */
static bool loop_head(LoopServer *server, LoopConn *conn)
{
    Str in = {conn->in, conn->in_len};
    ptrdiff_t end = str_find(in, S("\r\n\r\n"));
    if (end < 0 && conn->in_len <= LOOP_HEAD)
        return false;
    if (end < 0 || end > LOOP_HEAD) {
        loop_refuse(conn, 431, "The request is too long.");
        return true;
    }
    loop_asked(server, conn, str_slice(in, 0, end + 2));
    if (conn->state == LOOP_OPEN)
        loop_take(conn, end + 4);
    return true;
}

/* A data frame is whole: adds it to its message, and hands that over where it
 * is whole as well. */
static void loop_data(LoopServer *server, LoopConn *conn,
                      const LoopFrame *frame, Str payload)
{
    int code = 0;
    if (frame->opcode == LOOP_BINARY)
        code = LOOP_NOT_TEXT;
    else if ((frame->opcode == LOOP_MORE) != conn->in_message)
        code = LOOP_PROTOCOL;
    if (code) {
        loop_close_socket(conn, code);
        return;
    }
    memcpy(conn->message + conn->message_len, payload.ptr, (size_t)payload.len);
    conn->message_len += (int)payload.len;
    conn->in_message = !frame->fin;
    if (!frame->fin)
        return;
    Str text = {conn->message, conn->message_len};
    if (!str_is_utf8(text)) {
        loop_close_socket(conn, LOOP_NOT_UTF8);
        return;
    }
    Str answer = server->app.message(server->app.to, text, &code);
    secret_wipe(conn->message, conn->message_len);
    conn->message_len = 0;
    if (answer.len)
        loop_queue_frame(conn, LOOP_TEXT, answer);
    if (code && conn->state == LOOP_OPEN)
        loop_close_socket(conn, code);
}

/* Takes the next frame that has come whole; false: there is none. */
static bool loop_next_frame(LoopServer *server, LoopConn *conn)
{
    LoopFrame frame;
    ptrdiff_t room = LOOP_MESSAGE - conn->message_len;
    int got = loop_frame((Str){conn->in, conn->in_len}, room, &frame);
    if (got > 1)
        loop_close_socket(conn, got);
    if (got != 1 || conn->in_len < frame.head + frame.size)
        return false;
    char *bytes = conn->in + frame.head;
    for (ptrdiff_t i = 0; i < frame.size; i++)
        bytes[i] ^= (char)frame.mask[i & 3];
    Str payload = {bytes, frame.size};
    if (frame.opcode == LOOP_PING)
        loop_queue_frame(conn, LOOP_PONG, payload);
    else if (frame.opcode == LOOP_CLOSE)
        loop_close_socket(conn, loop_close_code(payload));
    else if (frame.opcode != LOOP_PONG)
        loop_data(server, conn, &frame, payload);
    loop_take(conn, frame.head + frame.size);
    return conn->state == LOOP_OPEN;
}

/* Deals with all that has come on a connection, as long as there is room for
 * what has to be answered. */
static void loop_digest(LoopServer *server, LoopConn *conn)
{
    bool more = true;
    while (more) {
        if (LOOP_OUT - conn->out_len < LOOP_ANSWER)
            loop_send(conn);
        if (LOOP_OUT - conn->out_len < LOOP_ANSWER)
            return;
        more = conn->state == LOOP_ASKING ? loop_head(server, conn)
               : conn->state == LOOP_OPEN ? loop_next_frame(server, conn)
                                          : false;
    }
    if (conn->state != LOOP_FREE)
        loop_send(conn);
}

/* Reads once what is there. A connection that leaves is read to its end, and
 * no further than its deadline. */
static void loop_receive(LoopServer *server, LoopConn *conn)
{
    bool leaving = conn->state >= LOOP_LEAVING;
    int at = leaving ? 0 : conn->in_len;
    ptrdiff_t n = os_receive(conn->fd, conn->in + at, LOOP_IN - at);
    if (n == -EAGAIN)
        return;
    if (n <= 0) {
        loop_drop(conn);
        return;
    }
    if (leaving)
        return;
    conn->in_len += (int)n;
    loop_digest(server, conn);
}

/* A place for a new connection: a free one, else that of the oldest, of those
 * with a WebSocket only where all have one. NULL where all answers are held. */
static LoopConn *loop_place(LoopServer *server)
{
    LoopConn *oldest = NULL;
    bool oldest_open = false;
    for (int i = 0; i < LOOP_CONNS; i++) {
        LoopConn *conn = &server->conns[i];
        bool open = conn->state == LOOP_OPEN;
        if (conn->state == LOOP_FREE)
            return conn;
        if (conn->state != LOOP_HELD &&
            (!oldest || (open == oldest_open ? conn->since < oldest->since
                                             : oldest_open))) {
            oldest = conn;
            oldest_open = open;
        }
    }
    if (oldest)
        loop_drop(oldest);
    return oldest;
}

static void loop_accept_one(LoopServer *server, int listener)
{
    int fd = os_accept(listener);
    LoopConn *conn = fd < 0 ? NULL : loop_place(server);
    if (conn) {
        conn->state = LOOP_ASKING;
        conn->fd = fd;
        conn->since = os_now();
        conn->deadline = conn->since + LOOP_HEAD_MS;
    } else if (fd >= 0) {
        os_close(fd);
    }
}

/* Which events a connection waits for. While something is still to be sent,
 * nothing more is taken in. */
static short loop_events(const LoopConn *conn)
{
    if (conn->state == LOOP_OPEN)
        return conn->out_len ? POLLOUT : POLLIN;
    return conn->out_len ? POLLIN | POLLOUT : POLLIN;
}

/*
 * Waits once, up to `timeout` milliseconds (-1: for ever), for the browser
 * and for input on `fd` (-1: none), and deals with what the browser does.
 * True where there is input; false also on a signal.
 */
static bool loop_turn(LoopServer *server, int fd, int64_t timeout)
{
    struct pollfd fds[1 + COUNT(server->listeners) + LOOP_CONNS + 1] = {
        {fd, POLLIN, 0}};
    LoopConn *conns[LOOP_CONNS];
    int first = 1 + server->listening;
    int n = 0;
    int64_t now = os_now();
    for (int i = 0; i < server->listening; i++)
        fds[1 + i] = (struct pollfd){server->listeners[i], POLLIN, 0};
    for (int i = 0; i < LOOP_CONNS; i++) {
        LoopConn *conn = &server->conns[i];
        if (conn->state == LOOP_FREE || conn->state == LOOP_HELD)
            continue;
        if (conn->deadline <= now) {
            loop_drop(conn);
            continue;
        }
        if (conn->deadline != INT64_MAX &&
            (timeout < 0 || conn->deadline - now < timeout))
            timeout = conn->deadline - now;
        conns[n] = conn;
        fds[first + n++] = (struct pollfd){conn->fd, loop_events(conn), 0};
    }
    if (!os_poll(fds, first + n, timeout))
        return false;
    for (int i = 0; i < n; i++) {
        short events = fds[first + i].revents;
        if (events & POLLOUT) {
            loop_send(conns[i]);
            loop_digest(server, conns[i]);
        } else if (events) {
            loop_receive(server, conns[i]);
        }
    }
    for (int i = 0; i < server->listening; i++)
        if (fds[1 + i].revents)
            loop_accept_one(server, server->listeners[i]);
    return fds[0].revents != 0;
}

/* Ends listening and every connection at once. */
static void loop_close(LoopServer *server)
{
    for (int i = 0; i < server->listening; i++)
        os_close(server->listeners[i]);
    server->listening = 0;
    for (int i = 0; i < LOOP_CONNS; i++)
        loop_drop(&server->conns[i]);
}

/*
 * Starts to listen at `port`, or with 0 at one that the system chooses: the
 * same one on 127.0.0.1 and on ::1, since "localhost" may be either. A
 * machine without one of them is fine. Gives 0, or an errno.
 */
static int loop_open(LoopServer *server, const LoopApp *app, int port)
{
    int code = 0;
    for (int tries = 0; tries < 8; tries++) {
        server->app = *app;
        server->port = port;
        server->listening = 0;
        for (int i = 0; i < COUNT(server->listeners); i++) {
            code = os_listen(i ? AF_INET6 : AF_INET, &server->port,
                             &server->listeners[server->listening]);
            if (!code)
                server->listening++;
            else if (code != EADDRNOTAVAIL && code != EAFNOSUPPORT)
                break;
            else if (server->listening)
                code = 0;
        }
        if (!code)
            return 0;
        loop_close(server);
        if (port || code != EADDRINUSE)
            break;
    }
    return code;
}

/* Answers the request that was to be answered later. */
static void loop_answer(LoopServer *server, const LoopPage *page)
{
    for (int i = 0; i < LOOP_CONNS; i++)
        if (server->conns[i].state == LOOP_HELD)
            loop_page(&server->conns[i], page);
}

/* Ends all, but has a moment's patience for answers on their way. */
static void loop_finish(LoopServer *server)
{
    int64_t deadline = os_now() + LOOP_FINISH_MS;
    bool leaving = true;
    for (int i = 0; i < server->listening; i++)
        os_close(server->listeners[i]);
    server->listening = 0;
    while (leaving && os_now() < deadline && !os_interrupted()) {
        leaving = false;
        for (int i = 0; i < LOOP_CONNS; i++) {
            LoopConn *conn = &server->conns[i];
            if (conn->state >= LOOP_LEAVING)
                leaving = true;
            else
                loop_drop(conn);
        }
        if (leaving)
            loop_turn(server, -1, deadline - os_now());
    }
    loop_close(server);
}

/* ==== 11 Config ========================================================== *
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
    CONFIG_SETTLE_MS = 1000, /* what is being written is waited for */
#ifdef HS_TEST
    CONFIG_STAY_MS = 0, /* the unit tests write a thousand times */
#else
    CONFIG_STAY_MS = 60, /* a change is watched after it was written */
#endif
    CONFIG_AGAIN = 5, /* times that a lost change is made again */
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
    bool qa;
    ConfigAuth auth;
    Str auth_name; /* as the file spells it */
    Str type;      /* STANDARD, DEVELOPMENT_SANDBOX, …; empty: unknown */
    int64_t parent;
    Secret key; /* the personal access key, or the API key */
    Secret access_token;
    Str expires;        /* of the access token, as the file spells it, and */
    int64_t expires_at; /* as it was learnt since; 0: config_expiry() reads */
    Str client_id;
    Secret client_secret;
    Secret refresh_token;
    Str scopes; /* to be written, separated by spaces: config_scopes() reads */
} ConfigAccount;

typedef struct {
    ConfigForm form;
    Str path;
    YamlNode *root;
    ConfigAccount *accounts;
    int count;
    bool is_global;      /* the file is ~/.hscli/config.yml, by default */
    Str why;             /* what chose this config, for people */
    Str default_account; /* a name or an id, as it stands */
    int64_t timeout;     /* milliseconds */
    bool use_localhost;
    bool no_browser; /* none may be opened by itself */
    bool torn;       /* the file is incomplete: this is what could be saved */
    Str bom;         /* the variable whose file began with a BOM, or empty */
} Config;

/* A secret of the environment. */
typedef struct {
    Secret value;
    Str from; /* the variable that is set */
    bool had_bom;
} ConfigSecret;

/* What the command line says about where the config is. */
typedef struct {
    bool use_env;
    Str file;
} ConfigWhere;

/* The account that a command works on, and what chose it. */
typedef struct {
    const ConfigAccount *account;
    Str why;  /* an option, or the path of a file */
    int line; /* in that file; 0: none */
} ConfigChoice;

/* .hs/settings.json: a linked folder. Zero where there is none. */
typedef struct {
    Str path;
    cJSON *document;
    int64_t default_account; /* -1: none */
    int default_line;        /* where the file says so */
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

/* The key of the other form, which the official client reads, too. */
static const char *config_other_default_key(const Config *config)
{
    return config->form == CONFIG_DEPRECATED ? "defaultAccount"
                                             : "defaultPortal";
}

static const char *config_other_accounts_key(const Config *config)
{
    return config->form == CONFIG_DEPRECATED ? "accounts" : "portals";
}

static const char *config_id_key(const Config *config)
{
    return config->form == CONFIG_DEPRECATED ? "portalId" : "accountId";
}

/* Is a name one of these, as file systems that ignore case compare it? Windows
 * passes over dots and spaces at its end. */
static bool config_name_in(Str name, const char *const *patterns, int count)
{
    _Alignas(max_align_t) char memory[2 * KIB];
    Arena scratch = arena_in(memory, sizeof(memory));
    Str folded = str_fold(&scratch, name);
    bool found = false;
    while (str_ends(folded, S(".")) || str_ends(folded, S(" ")))
        folded.len--;
    for (int i = 0; i < count && !found; i++)
        found = ignore_match(str_from(patterns[i]), folded);
    arena_free(&scratch);
    return found;
}

/*
 * Is this the name of a file or folder that belongs to hs: a config, an older
 * one, what links a folder to accounts, or what hs makes while it writes one
 * of them? An upload never sends such a file, nor anything in such a folder.
 * Names are compared as file systems that ignore case do. To protect another
 * kind of file, add its pattern here.
 */
static bool config_is_own_name(Str name)
{
    static const char *const patterns[] = {
        "hubspot.config.y*ml",
        "archived.hubspot.config*",
        ".hscli",
        ".hs",
        ".hsaccount",
        OS_TMP "*",
        ".*.hs-new", /* these, and locks, of versions before 2026-12 */
        ".*.hs-part",
    };
    Str end = str_slice(name, name.len - 5, name.len);
    if (str_eq_nocase(end, S(".lock")))
        name.len -= 5;
    return config_name_in(name, patterns, COUNT(patterns));
}

/*
 * Would hs read a file or folder of this name as configuration or rules? Then a
 * download never writes it. Besides what is hs's own, that is .hsignore, and
 * git's .gitignore and .git, which say whether a config can be committed by
 * mistake (and what is in .git, git runs).
 */
static bool config_is_read_name(Str name)
{
    static const char *const patterns[] = {".hsignore", ".gitignore", ".git"};
    return config_is_own_name(name) ||
           config_name_in(name, patterns, COUNT(patterns));
}

/* Would it on a disk of Windows? There a colon begins the name of a stream, a
 * backslash ends a folder's, and a long name has a short one (NTFS, 8.3). */
static bool config_is_read_on_windows(Str name)
{
    static const char *const patterns[] = {
        "hubspo~[0-9]*", "archiv~[0-9]*", "hscli~[0-9]*", "hs~[0-9]*",
        "hsacco~[0-9]*", "hsigno~[0-9]*", "git~[0-9]*",   "gitign~[0-9]*",
    };
    while (name.len) {
        ptrdiff_t at = 0;
        while (at < name.len && !strchr(":\\", name.ptr[at]))
            at++;
        Str part = str_slice(name, 0, at);
        if (config_is_read_name(part) ||
            config_name_in(part, patterns, COUNT(patterns)))
            return true;
        name = str_slice(name, at + 1, name.len);
    }
    return false;
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

enum { CONFIG_OWN = 16 };

/* A file or folder that is never uploaded or fetched, whatever its name. */
typedef struct {
    Str path; /* links resolved; it need not exist */
    const char *what;
    OsEntry entry; /* when it was added */
} ConfigOwn;

typedef struct {
    ConfigOwn own[CONFIG_OWN];
    int count;
} ConfigOwns;

static void config_add_own(Arena *arena, ConfigOwns *list, Str path,
                           const char *what)
{
    if (!path.len || list->count == CONFIG_OWN)
        return;
    Str dir = os_resolve_links(arena, os_path_dir(path));
    path = os_path_join(arena, dir, os_path_base(path));
    path = os_resolve_links(arena, path);
    list->own[list->count++] = (ConfigOwn){path, what,
                                           os_look_through(arena, path)};
}

/* Lists what hs reads keys from in this run, or could. */
static void config_list_own(Arena *arena, const ConfigWhere *where,
                            ConfigOwns *list)
{
    const Str configs[] = {where->file, os_env("HUBSPOT_CONFIG_PATH"),
                           config_global_path(arena),
                           config_deprecated_path(arena)};
    for (int i = 0; i < COUNT(configs); i++) {
        config_add_own(arena, list, configs[i], "it is the config of hs");
        if (configs[i].len && i < 2)
            config_add_own(arena, list,
                           arena_printf(arena, "%.*s.lock", P(configs[i])),
                           "it is the lock of the config of hs");
    }
    if (configs[2].len)
        config_add_own(arena, list, os_path_dir(configs[2]),
                       "it is the folder of hs's config");
    config_add_own(arena, list, os_env("HUBSPOT_PERSONAL_ACCESS_KEY_FILE"),
                   "HUBSPOT_PERSONAL_ACCESS_KEY_FILE names it");
    config_add_own(arena, list, os_env("HUBSPOT_ACCESS_TOKEN_FILE"),
                   "HUBSPOT_ACCESS_TOKEN_FILE names it");
}

/* Why a file is never uploaded, by what it is: one of the list, also under
 * another name; NULL: it is none of them. */
static const char *config_own_entry(const ConfigOwns *list,
                                    const OsEntry *entry)
{
    for (int i = 0; i < list->count; i++) {
        const OsEntry *own = &list->own[i].entry;
        if (entry->kind != OS_NOTHING && entry->inode == own->inode &&
            entry->device == own->device && entry->kind == own->kind)
            return list->own[i].what;
    }
    return NULL;
}

/* As config_own_entry(), and asks what is at the paths of the list now: this
 * run, or another program, may have replaced a file. */
static const char *config_own_now(const ConfigOwns *list, const OsEntry *entry)
{
    const char *what = config_own_entry(list, entry);
    Arena scratch = {0};
    for (int i = 0; i < list->count && !what; i++) {
        OsEntry now = os_look_through(&scratch, list->own[i].path);
        if (entry->kind != OS_NOTHING && now.kind == entry->kind &&
            now.inode == entry->inode && now.device == entry->device)
            what = list->own[i].what;
    }
    arena_free(&scratch);
    return what;
}

/* The same by its path, without links: the file need not exist yet. */
static const char *config_own_path(const ConfigOwns *list, Str path)
{
    for (int i = 0; i < list->count; i++)
        if (str_eq(list->own[i].path, path))
            return list->own[i].what;
    return NULL;
}

/* The account type; files from before `accountType` say it for sandboxes. */
static Str config_type_of(const YamlNode *node)
{
    Str type = yaml_text(yaml_get(node, "accountType"));
    if (type.len)
        return type;
    Str sandbox = yaml_text(yaml_get(node, "sandboxAccountType"));
    if (!sandbox.len)
        return sandbox;
    return str_eq_nocase(sandbox, S("DEVELOPER")) ? S("DEVELOPMENT_SANDBOX")
                                                  : S("STANDARD_SANDBOX");
}

/* What names that differ in no more than case have in common (FNV-1a). */
static uint32_t config_name_hash(Str name)
{
    uint32_t hash = 2166136261u;
    for (ptrdiff_t i = 0; i < name.len; i++)
        hash = (hash ^ (uint8_t)str_lower(name.ptr[i])) * 16777619u;
    return hash;
}

/* One account. An access token counts only where it stands in the account
 * itself: what an alias or a merge shares is another account's. */
static void config_read_account(YamlNode *node, ConfigAccount *account)
{
    const YamlNode *name = yaml_get(node, "name");
    const YamlNode *auth = yaml_get(node, "auth");
    const YamlNode *token = yaml_get(auth, "tokenInfo");
    const YamlNode *own = yaml_get_own(yaml_get_own(node, "auth"), "tokenInfo");
    int64_t id = yaml_int(yaml_get(node, "accountId"));
    int64_t parent = yaml_int(yaml_get(node, "parentAccountId"));
    Str auth_name = yaml_text(yaml_get(node, "authType"));
    ConfigAuth kind = config_auth_from(auth_name);
    const YamlNode *key = kind == CONFIG_AUTH_API_KEY
                              ? yaml_get(node, "apiKey")
                              : yaml_get(node, "personalAccessKey");
    *account = (ConfigAccount){
        .node = node,
        .name = yaml_text(name),
        .name_is_odd = name && name->kind != YAML_TEXT,
        .id = id >= 0 ? id : yaml_int(yaml_get(node, "portalId")),
        .qa = str_eq_nocase(yaml_text(yaml_get(node, "env")), S("qa")),
        .auth = kind,
        .auth_name = auth_name,
        .type = config_type_of(node),
        .parent = parent > 0 ? parent : 0,
        .key = secret_from(yaml_text(key)),
        .access_token = secret_from(yaml_text(yaml_get(own, "accessToken"))),
        .expires = yaml_text(yaml_get(own, "expiresAt")),
    };
    if (kind != CONFIG_AUTH_OAUTH2)
        return;
    account->client_id = yaml_text(yaml_get(auth, "clientId"));
    account->client_secret = secret_from(
        yaml_text(yaml_get(auth, "clientSecret")));
    account->refresh_token = secret_from(
        yaml_text(yaml_get(token, "refreshToken")));
}

/* When the account's access token ends; -1: unknown. */
static int64_t config_expiry(const ConfigAccount *account)
{
    if (account->expires_at)
        return account->expires_at;
    return account->expires.len ? time_parse(account->expires) : -1;
}

/* What names the default account; NULL: nothing does. */
static const YamlNode *config_default_node(const Config *config)
{
    const YamlNode *own = yaml_get(config->root, config_default_key(config));
    return yaml_is_null(own)
               ? yaml_get(config->root, config_other_default_key(config))
               : own;
}

/* What the tree names as the default account: an id or a name. */
static Str config_default_text(const Config *config)
{
    return yaml_text(config_default_node(config));
}

/* Builds the typed view of the tree. */
static void config_read_tree(Arena *arena, Config *config)
{
    const YamlNode *root = config->root;
    const YamlNode *list = yaml_get(root, config_accounts_key(config));
    int64_t timeout = yaml_int(yaml_get(root, "httpTimeout"));
    config->default_account = config_default_text(config);
    config->timeout = timeout < 0                       ? CONFIG_TIMEOUT_MS
                      : timeout < CONFIG_TIMEOUT_MIN_MS ? CONFIG_TIMEOUT_MIN_MS
                                                        : timeout;
    config->use_localhost = yaml_is_true(yaml_get(root, "httpUseLocalhost"));
    config->no_browser = str_eq_nocase(
        yaml_text(yaml_get(root, "autoOpenBrowser")), S("false"));
    config->count = 0;
    if (!list || list->kind != YAML_LIST)
        return;
    config->accounts = arena_take(
        arena, list->count * (ptrdiff_t)sizeof(*config->accounts));
    for (YamlNode *item = list->first; item; item = item->next)
        config_read_account(yaml_follow(item),
                            &config->accounts[config->count++]);
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

/* Do both sign in by the same key, or by the same app? */
static bool config_same_sign_in(const ConfigAccount *a, const ConfigAccount *b)
{
    return a->auth == b->auth &&
           secret_eq(secret_text(a->key), secret_text(b->key)) &&
           str_eq(a->client_id, b->client_id) &&
           secret_eq(secret_text(a->client_secret),
                     secret_text(b->client_secret));
}

static void config_fault(Err *faults, const ConfigAccount *account, int number,
                         const char *what)
{
    Arena scratch = {0};
    Str name = {0};
    Str line = {0};
    if (account->name.len)
        name = arena_printf(&scratch, " (%.*s)", P(account->name));
    if (account->node && account->node->line)
        line = arena_printf(&scratch, ", line %d", account->node->line);
    err_row(faults, "account %d%.*s%.*s: %s", number + 1, P(name), P(line),
            what);
    arena_free(&scratch);
}

/* The faults of one account by itself. */
static void config_check_account(Err *faults, const ConfigAccount *account,
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

/* The form that a tree has: by its keys, else `preset`. */
static ConfigForm config_form_of(const YamlNode *root, ConfigForm preset)
{
    if (!yaml_is_null(yaml_get(root, "accounts")))
        return CONFIG_GLOBAL;
    return yaml_is_null(yaml_get(root, "portals")) ? preset : CONFIG_DEPRECATED;
}

/* The keys that no config of another program has, or hardly any. */
static const char config_keys[] =
    "defaultAccount defaultPortal accounts portals defaultCmsPublishMode "
    "defaultMode httpTimeout allowUsageTracking httpUseLocalhost "
    "allowAutoUpdates autoOpenBrowser";

/* Does the map have one of the keys, separated by blanks? */
static bool config_has_any(const YamlNode *map, const char *keys)
{
    for (Str rest = str_from(keys); rest.len;)
        if (yaml_find(map, str_cut(&rest, ' '), YAML_MERGES))
            return true;
    return false;
}

/* Are the config's accounts accounts of HubSpot, although each may have faults?
 * Another program's list of that name is not to be added to. */
static bool config_has_ours(const Config *config)
{
    const YamlNode *list = yaml_get(config->root, config_accounts_key(config));
    for (int i = 0; i < config->count; i++)
        if (config_has_any(config->accounts[i].node,
                           "accountId portalId authType personalAccessKey "
                           "apiKey auth"))
            return true;
    return !config->count && (yaml_is_null(list) || list->kind == YAML_LIST);
}

static bool config_not_ours(Str path, Err *err)
{
    err_set(err, EXIT_CONFIG,
            "cannot use %.*s: it is not a HubSpot config (no accounts)",
            P(path));
    return err_hint(err, "Is the path right? Nothing was changed.");
}

/* Are the two lists of one file the same, account by account? */
static bool config_same_lists(const Config *a, const Config *b)
{
    bool same = a->count == b->count;
    for (int i = 0; same && i < a->count; i++)
        same = a->accounts[i].id == b->accounts[i].id &&
               str_eq(a->accounts[i].name, b->accounts[i].name) &&
               a->accounts[i].qa == b->accounts[i].qa &&
               config_same_sign_in(&a->accounts[i], &b->accounts[i]);
    return same;
}

/*
 * Refuses a file that says the same thing in both forms, and differently: the
 * official client would use one account, and we another.
 */
static bool config_check_forms(Arena *arena, const Config *config, Err *err)
{
    const YamlNode *root = config->root;
    const YamlNode *other = yaml_get(root, config_other_accounts_key(config));
    Str preset = yaml_text(yaml_get(root, config_default_key(config)));
    Str twin = yaml_text(yaml_get(root, config_other_default_key(config)));
    const char *keys = NULL;
    if (!yaml_is_null(other)) {
        Config second = *config;
        second.form = config->form == CONFIG_GLOBAL ? CONFIG_DEPRECATED
                                                    : CONFIG_GLOBAL;
        config_read_tree(arena, &second);
        if (other->kind != YAML_LIST || !config_same_lists(config, &second))
            keys = "accounts and portals";
    }
    if (preset.len && twin.len && !str_eq(preset, twin) &&
        config_find(config, preset) != config_find(config, twin))
        keys = "defaultAccount and defaultPortal";
    for (int i = 0; i < config->count && !keys; i++) {
        const YamlNode *node = config->accounts[i].node;
        const YamlNode *id = yaml_get(node, "accountId");
        const YamlNode *old = yaml_get(node, "portalId");
        if (!yaml_is_null(id) && !yaml_is_null(old) &&
            yaml_int(id) != yaml_int(old))
            keys = "accountId and portalId of an account";
    }
    if (!keys)
        return true;
    err_set(err, EXIT_CONFIG, "cannot use %.*s: its %s disagree",
            P(config->path), keys);
    return err_hint(err, "Remove the one that is wrong from the file.");
}

/* What a config file's text is. */
typedef enum {
    CONFIG_WHOLE,
    CONFIG_TORN, /* it ends early: another program may be writing it */
    CONFIG_BAD   /* no config, or not a usable one: the error says why */
} ConfigState;

/* The number of the last line that is not blank; 0: all are. */
static int config_last_line(Str text)
{
    ptrdiff_t end = text.len;
    if (str_eq(text, S("\xef\xbb\xbf"))) /* a byte order mark alone */
        return 0;
    while (end && str_is_space(text.ptr[end - 1]))
        end--;
    return end ? str_line(text, end - 1) : 0;
}

/* Has the last account all that it needs? */
static bool config_last_is_good(const Config *config)
{
    Err faults = {0};
    if (config->count)
        config_check_account(&faults, &config->accounts[config->count - 1], 0);
    return !faults.rows && !faults.rows_left_out;
}

/* Does the text begin with a key of a config, or with a part of one? */
static bool config_begins(Str text)
{
    Str line = str_cut(&text, '\n');
    for (Str rest = str_from(config_keys); rest.len;) {
        Str key = str_cut(&rest, ' ');
        if (line.len > key.len
                ? str_starts(line, key) && line.ptr[key.len] == ':'
                : line.len && str_starts(key, line))
            return true;
    }
    return false;
}

/*
 * Reads a config file's text. `config` needs its path, and the form that a file
 * without accounts has. The error of a torn one is for config_incomplete().
 *
 * Another program may be writing the file: the official client empties it, and
 * then writes it from its beginning. A text that is blank, stops in the middle
 * of its YAML or of a line of its last account, or has settings and no accounts
 * (both clients write these last) is the beginning of one. `text` must live as
 * long as the arena.
 */
static ConfigState config_parse(Arena *arena, Str text, Config *config,
                                Err *err)
{
    Err fault = {0};
    int last = config_last_line(text);
    YamlNode *root = NULL;
    if (!last || !yaml_read(arena, text, &root, &fault)) {
        bool torn = !last || fault.line >= last;
        err_set(err, EXIT_CONFIG, torn ? "%.*s%s" : "cannot read %.*s: %s",
                torn ? 0 : (int)config->path.len, config->path.ptr,
                last ? fault.message : "it is empty");
        return torn ? CONFIG_TORN : CONFIG_BAD;
    }
    if (root && root->kind == YAML_TEXT && last == 1 && config_begins(text)) {
        err_set(err, EXIT_CONFIG, "it has no list of accounts");
        return CONFIG_TORN;
    }
    if (!root || root->kind != YAML_MAP) {
        err_set(err, EXIT_CONFIG,
                "cannot read %.*s: it does not hold settings (a map)",
                P(config->path));
        return CONFIG_BAD;
    }
    config->root = root;
    config->form = config_form_of(root, config->form);
    config_read_tree(arena, config);
    if (!config_has_any(root, config_keys)) {
        config_not_ours(config->path, err);
        return CONFIG_BAD;
    }
    if (!config_check_forms(arena, config, err))
        return CONFIG_BAD;
    const YamlNode *list = yaml_get(root, config_accounts_key(config));
    if (yaml_is_null(list))
        err_set(err, EXIT_CONFIG, "it has no list of accounts");
    else if (str_ends(text, S("\n")) || list->flow ||
             config_last_is_good(config))
        return CONFIG_WHOLE;
    else
        err_set(err, EXIT_CONFIG, "its last account is cut off");
    return CONFIG_TORN;
}

/* A file that other programs write, too, and what a whole one looks like. */
typedef struct {
    Str path;
    ptrdiff_t max;
    bool doubted; /* look at an old file as well as at a young one */
    bool (*is_whole)(Arena *scratch, Str text, bool young);
} ConfigSource;

/*
 * Reads a file. One that another program is writing is read again for up to
 * CONFIG_SETTLE_MS; what it is then counts. Gives 0, or an errno; the caller
 * closes `out->fd`, where it is not negative.
 */
static int config_view(Arena *arena, const ConfigSource *source, OsView *out)
{
    int64_t deadline = os_now() + CONFIG_SETTLE_MS;
    for (bool first = true;; first = false) {
        Arena scratch = {0}; /* what is read again and again goes at once */
        int code = os_view(first ? arena : &scratch, source->path, source->max,
                           out);
        bool look = out->young || source->doubted;
        bool good = code || !out->regular ||
                    (!out->busy &&
                     (!look ||
                      source->is_whole(&scratch, out->text, out->young)));
        if (good || os_now() >= deadline || os_interrupted()) {
            if (!first)
                out->text = arena_copy(arena, out->text);
            arena_free(&scratch);
            return code;
        }
        arena_free(&scratch);
        os_close(out->fd);
        os_sleep(5);
    }
}

/*
 * Does the text look like a whole config? Of a file that was written just now
 * more is asked, since the beginning of a config can be valid YAML: a line
 * break at the end, a default that is one of the accounts, and all that the
 * last account needs.
 */
static bool config_is_whole(Arena *scratch, Str text, bool young)
{
    Err ignored = {0};
    Config config = {.form = CONFIG_GLOBAL, .path = S("it")};
    ConfigState state = config_parse(scratch, text, &config, &ignored);
    if (state != CONFIG_WHOLE || !young)
        return state != CONFIG_TORN;
    return str_ends(text, S("\n")) && config_last_is_good(&config) &&
           (!config.default_account.len ||
            config_find(&config, config.default_account));
}

/* A file that another program may be writing, and how that shows. */
static bool config_incomplete(Str path, const char *how, Err *err)
{
    err_set(err, EXIT_CONFIG,
            "%.*s is incomplete; another program may be writing it (%s)",
            P(path), how);
    return err_hint(err, "Nothing was changed. Try again.");
}

/* A pipe, or a device, must not be replaced by a file. */
static bool config_not_regular(Str path, Err *err)
{
    return err_set(err, EXIT_CONFIG,
                   "cannot write %.*s: it is not a regular file", P(path));
}

static bool config_cannot_read(Str path, int code, Err *err)
{
    return err_set(err, EXIT_CONFIG, "cannot read %.*s: %s", P(path),
                   code == EFBIG ? "it is larger than 1 MiB" : os_error(code));
}

/*
 * What can be used of a config that ends early: its accounts up to the first
 * line from which on it cannot be read, without the last one if that has
 * faults. False where nothing can.
 */
static bool config_salvage(Arena *arena, Str text, Config *config)
{
    enum { LINES = 64 };
    Err ignored = {0};
    const Config blank = *config;
    for (int i = 0; i < LINES && config_last_line(text); i++) {
        Arena scratch = {0};
        Config some = blank;
        ConfigState state = config_parse(&scratch, text, &some, &ignored);
        bool usable = some.root && state != CONFIG_BAD &&
                      config_last_is_good(&some);
        arena_free(&scratch);
        if (usable)
            return config_parse(arena, text, config, &ignored) != CONFIG_BAD;
        if (config_last_line(text) == 1)
            return config_begins(text);
        do
            text.len--;
        while (text.len && text.ptr[text.len - 1] != '\n');
    }
    return !config_last_line(text);
}

/* How a config is read: where it is, and what becomes of a torn one. */
typedef struct {
    Str path;
    ConfigForm form; /* of a file that does not say */
    bool anew;       /* one that stays torn is begun anew: auth, init */
} ConfigPlace;

/* Reads a config file that must be there. One that stays torn has no root, or
 * what could be saved of it, where it may be begun anew. */
static bool config_read_place(Arena *arena, const ConfigPlace *place,
                              Config *config, Err *err)
{
    ConfigSource source = {
        .path = place->path, .max = YAML_MAX, .is_whole = config_is_whole};
    const Config blank = {.path = place->path, .form = place->form};
    /* before it is opened, which could wait for the writer of a pipe */
    if (place->anew && os_exists(arena, place->path) &&
        !os_is_file(arena, place->path))
        return config_not_regular(place->path, err);
    for (;;) {
        OsView view;
        Err fault = {0};
        int code = config_view(arena, &source, &view);
        if (view.fd >= 0)
            os_close(view.fd);
        if (code)
            return config_cannot_read(place->path, code, err);
        *config = blank;
        ConfigState state = config_parse(arena, view.text, config, &fault);
        if (state == CONFIG_WHOLE)
            return !place->anew || config_has_ours(config) ||
                   config_not_ours(place->path, err);
        if (state == CONFIG_BAD) {
            *err = fault;
            return false;
        }
        if (!source.doubted && view.regular) {
            source.doubted = true;
            continue;
        }
        *config = blank;
        config->torn = true;
        return (place->anew && config_salvage(arena, view.text, config)) ||
               config_incomplete(place->path, fault.message, err);
    }
}

static bool config_read_file(Arena *arena, Str path, ConfigForm form,
                             Config *config, Err *err)
{
    ConfigPlace place = {.path = path, .form = form};
    return config_read_place(arena, &place, config, err);
}

/* A variable of the environment, without the white space around it: what a CI
 * system keeps as a secret often ends with a line break. */
static Str config_env(const char *name)
{
    return str_trim(os_env(name));
}

/* The variable that says which account the environment's is. */
static const char *config_env_id(void)
{
    return config_env("HUBSPOT_ACCOUNT_ID").len ||
                   !config_env("HUBSPOT_PORTAL_ID").len
               ? "HUBSPOT_ACCOUNT_ID"
               : "HUBSPOT_PORTAL_ID";
}

/* ---- Secrets of the environment: NAME, or a file, NAME_FILE ---- */

static Str config_env_file(const char *name)
{
    char file[64];
    snprintf(file, sizeof(file), "%s_FILE", name);
    return os_env(file);
}

/* Which of NAME and NAME_FILE is set, for messages; NAME if neither is. */
static const char *config_env_source(Arena *arena, const char *name)
{
    bool file = !config_env(name).len && config_env_file(name).len;
    return file ? arena_printf(arena, "%s_FILE", name).ptr : name;
}

/* Is this a secret where a path should be? Then no message may quote it. */
static bool config_is_no_path(Str path)
{
    bool token = str_starts(path, S("pat-"));
    bool relative = !str_starts(path, S("/")) && !str_starts(path, S("."));
    return token || (relative && path.len >= 32);
}

/*
 * Reads the file that NAME_FILE names. Only a regular file will do: a FIFO
 * could block for ever. No message quotes what the file holds.
 */
static bool config_read_secret(Arena *arena, const char *name, Str path,
                               ConfigSecret *out, Err *err)
{
    enum { MOST = 64 * KIB };
    Str text = {0};
    const char *fault = NULL;
    int code = os_read_regular(arena, AT_FDCWD, arena_cstr(arena, path), MOST,
                               &text);
    if (code == EFBIG)
        fault = "it is larger than 64 KiB";
    else if (code == ENXIO)
        fault = "it is not a regular file";
    else if (code)
        fault = os_error(code);
    else if (str_is_utf16(text))
        fault = "it is in UTF-16: save it as UTF-8";
    out->had_bom = str_unmark(&text);
    text = str_trim(text);
    if (!fault && !text.len)
        fault = "it is empty";
    if (!fault && (str_index(text, '\n') >= 0 || str_index(text, '\r') >= 0))
        fault = "it has more than one line";
    out->value = secret_from(text);
    if (!fault)
        return true;
    if (code && config_is_no_path(path)) {
        err_set(err, EXIT_USAGE, "%s_FILE does not name a file", name);
        return err_hint(err, "If it is the secret itself, set %s instead.",
                        name);
    }
    return err_set(err, EXIT_USAGE, "cannot use %.*s, which %s_FILE names: %s",
                   P(path), name, fault);
}

/* The secret that NAME, or the file of NAME_FILE, holds; not set if neither
 * variable is. White space around it is not a part of it. */
static bool config_env_secret(Arena *arena, const char *name, ConfigSecret *out,
                              Err *err)
{
    Str text = config_env(name);
    Str file = config_env_file(name);
    bool had_bom = str_unmark(&text);
    *out = (ConfigSecret){.value = secret_from(text),
                          .had_bom = had_bom,
                          .from = str_from(config_env_source(arena, name))};
    if (text.len && file.len) {
        err_set(err, EXIT_USAGE, "%s and %s_FILE are both set", name, name);
        return err_hint(err, "Unset one of them.");
    }
    return !file.len || config_read_secret(arena, name, file, out, err);
}

/* The credentials of --use-env. */
static bool config_env_sign_in(Arena *arena, ConfigAccount *account,
                               Config *config, Err *err)
{
    ConfigSecret key;
    ConfigSecret api_key;
    ConfigSecret secret;
    ConfigSecret refresh;
    if (!config_env_secret(arena, "HUBSPOT_PERSONAL_ACCESS_KEY", &key, err) ||
        !config_env_secret(arena, "HUBSPOT_API_KEY", &api_key, err) ||
        !config_env_secret(arena, "HUBSPOT_CLIENT_SECRET", &secret, err) ||
        !config_env_secret(arena, "HUBSPOT_REFRESH_TOKEN", &refresh, err))
        return false;
    account->key = key.value;
    account->client_id = config_env("HUBSPOT_CLIENT_ID");
    account->client_secret = secret.value;
    account->refresh_token = refresh.value;
    if (secret_is_set(key.value)) {
        account->auth = CONFIG_AUTH_KEY;
        account->auth_name = S("personalaccesskey");
        config->bom = key.had_bom ? key.from : (Str){0};
    } else if (account->client_id.len && secret_is_set(secret.value) &&
               secret_is_set(refresh.value)) {
        account->auth = CONFIG_AUTH_OAUTH2;
        account->auth_name = S("oauth2");
    } else if (secret_is_set(api_key.value)) {
        account->auth = CONFIG_AUTH_API_KEY;
        account->auth_name = S("apikey");
        account->key = api_key.value;
    } else {
        err_set(err, EXIT_CONFIG, "--use-env finds no key in the environment");
        return err_hint(err, "Set HUBSPOT_PERSONAL_ACCESS_KEY, or "
                             "HUBSPOT_PERSONAL_ACCESS_KEY_FILE.");
    }
    return true;
}

/* The config that the environment spells out; nothing of it is written. */
static bool config_from_env(Arena *arena, const ConfigWhere *where,
                            Config *config, Err *err)
{
    const char *name = config_env_id();
    Str id_text = config_env(name);
    Str time_text = config_env("HTTP_TIMEOUT");
    int64_t id = 0;
    int64_t timeout = 0;
    if (!str_int(id_text, &id) || id <= 0) {
        err_set(err, EXIT_CONFIG,
                id_text.len ? "%s is not a number" : "--use-env needs %s",
                name);
        return err_hint(err, "Set it to the account's id, and "
                             "HUBSPOT_PERSONAL_ACCESS_KEY to its key.");
    }
    bool timed = str_int(time_text, &timeout);
    if (!timed && time_text.len)
        return err_set(err, EXIT_CONFIG, "HTTP_TIMEOUT is not a number");
    ConfigAccount account = {
        .name = id_text,
        .id = id,
        .qa = str_eq_nocase(config_env("HUBSPOT_ENVIRONMENT"), S("qa")),
    };
    *config = (Config){0};
    if (!config_env_sign_in(arena, &account, config, err))
        return false;
    *config = (Config){
        .form = CONFIG_ENVIRONMENT,
        .path = S("the environment"),
        .why = where->use_env ? S("--use-env")
                              : S("USE_ENVIRONMENT_HUBSPOT_CONFIG"),
        .accounts = arena_alloc(arena, sizeof(account)),
        .count = 1,
        .default_account = id_text,
        .timeout = !timed                            ? CONFIG_TIMEOUT_MS
                   : timeout < CONFIG_TIMEOUT_MIN_MS ? CONFIG_TIMEOUT_MIN_MS
                                                     : timeout,
        .use_localhost = str_eq_nocase(config_env("HTTP_USE_LOCALHOST"),
                                       S("true")),
        .bom = config->bom,
    };
    config->accounts[0] = account;
    return true;
}

/* Not every command takes it, and those that do are named. */
#define CONFIG_ENV_HINT \
    "Without a config, hs api, secrets and filemanager use " \
    "HUBSPOT_ACCESS_TOKEN or --use-env; hs sandbox uses --use-env."

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
    return err_hint(err, "Set HOME or HUBSPOT_CONFIG_PATH. " CONFIG_ENV_HINT);
}

static bool config_missing(Arena *arena, const ConfigWhere *where, Str path,
                           Err *err)
{
    if (os_exists(arena, path))
        return false;
    err_set(err, EXIT_CONFIG, "there is no config: %.*s does not exist",
            P(path));
    err_hint(err, where->file.len
                      ? "--config names it: is the path right?"
                      : "Run hs account auth to sign in. " CONFIG_ENV_HINT);
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
        return config_from_env(arena, where, config, err);
    }
    if (!config_locate(arena, where, &path, &form, err) ||
        config_missing(arena, where, path, err))
        return false;
    if (!config_read_file(arena, path, form, config, err))
        return false;
    bool named = config_named_path(where).len > 0;
    config->is_global = !named && form == CONFIG_GLOBAL;
    config->why = where->file.len ? S("--config")
                  : named         ? S("HUBSPOT_CONFIG_PATH")
                  : config->is_global
                      ? S("the global config: it is there")
                      : S("the nearest upward; there is no global config");
    return true;
}

/* Adds a hash to a set of them; was it there? It may say so wrongly where it
 * was not, never the other way. */
static bool config_saw(uint64_t *seen, int words, uint64_t hash)
{
    uint64_t *word = &seen[hash / 64 % (uint64_t)words];
    uint64_t bit = 1ull << hash % 64;
    bool saw = *word & bit;
    *word |= bit;
    return saw;
}

/* Whether an account has the id, or the name, of one before it; what is not to
 * be looked for is false. */
static void config_check_twins(Err *faults, const Config *config, int number,
                               bool id, bool name)
{
    const ConfigAccount *account = &config->accounts[number];
    for (int k = 0; k < number && (id || name); k++) {
        const ConfigAccount *other = &config->accounts[k];
        if (id && account->id == other->id) {
            config_fault(faults, account, number, "its id stands twice");
            id = false;
        }
        if (name && str_eq_nocase(account->name, other->name)) {
            config_fault(faults, account, number, "its name stands twice");
            name = false;
        }
    }
}

/*
 * Is every account usable (facts of the file format)? If not, the error has a
 * row for each fault. No account at all is no fault: the last one was removed.
 */
static bool config_validate(const Config *config, Err *err)
{
    Err faults = {0};
    uint64_t ids[128] = {0};
    uint64_t names[128] = {0};
    const YamlNode *list = yaml_get(config->root, config_accounts_key(config));
    if (list && list->kind != YAML_LIST)
        err_row(&faults, "line %d: %s is not a list", list->line,
                config_accounts_key(config));
    for (int i = 0; i < config->count; i++) {
        const ConfigAccount *account = &config->accounts[i];
        bool same_id = account->id > 0 &&
                       config_saw(ids, COUNT(ids), (uint64_t)account->id);
        bool same_name = account->name.len &&
                         config_saw(names, COUNT(names),
                                    config_name_hash(account->name));
        config_check_account(&faults, account, i);
        config_check_twins(&faults, config, i, same_id, same_name);
    }
    if (!faults.rows && !faults.rows_left_out)
        return true;
    err_set(&faults, EXIT_CONFIG,
            "the config %.*s is not valid:", P(config->path));
    err_hint(&faults, "Fix the file, or sign in again with hs account auth.");
    if (!err->code)
        *err = faults;
    return false;
}

/* An account's name for people: its id where it has none. */
static Str config_label(Arena *arena, const ConfigAccount *account)
{
    return account->name.len ? account->name
                             : arena_printf(arena, "%" PRId64, account->id);
}

/* Refuses a config without accounts, where one is needed. */
static bool config_need_any(const Config *config, Err *err)
{
    if (config->count)
        return true;
    err_set(err, EXIT_CONFIG, "there are no accounts in %.*s", P(config->path));
    return err_hint(err, "Run hs account auth to sign in.");
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
    if (!config_need_any(config, err))
        return false;
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

/* The settings of the linked folder that the user works in: the nearest
 * .hs/settings.json upward; empty: none. */
static Str config_links_path(Arena *arena)
{
    return config_find_upward(arena, S(".hs/settings.json"), S(""));
}

/* Builds the typed view of a linked folder's settings. */
static void config_view_links(ConfigLinks *links)
{
    const cJSON *item = NULL;
    links->default_account = json_int(links->document, "localDefaultAccount");
    links->count = 0;
    cJSON_ArrayForEach(item, json_get(links->document, "accounts"))
    {
        if (links->count < CONFIG_LINKED && json_int_of(item) > 0)
            links->linked[links->count++] = json_int_of(item);
    }
}

/* Says where a folder's settings link more accounts than we keep in mind: none
 * is to be left out in silence. */
static bool config_too_many_links(const cJSON *document, Str path, Err *err)
{
    if (cJSON_GetArraySize(json_get(document, "accounts")) <= CONFIG_LINKED)
        return false;
    err_set(err, EXIT_CONFIG, "cannot use %.*s: it links more than %d accounts",
            P(path), CONFIG_LINKED);
    return true;
}

/* Reads the text of a linked folder's settings. */
static bool config_parse_links(Arena *arena, Str text, ConfigLinks *links,
                               Err *err)
{
    Str path = links->path;
    Err fault = {0};
    if (json_ends_early(text))
        return config_incomplete(path, "its JSON has no end", err);
    cJSON *document = json_read(arena, text);
    if (!cJSON_IsObject(document)) {
        err_set(err, EXIT_CONFIG, "cannot read %.*s: it is not a JSON object",
                P(path));
        return err_hint(err, "Mend it, or remove it.");
    }
    if (!json_check_keys(document, &fault)) {
        err_set(err, EXIT_CONFIG, "cannot use %.*s: %s", P(path),
                fault.message);
        return err_hint(err, "Remove one of the two from the file.");
    }
    if (config_too_many_links(document, path, err))
        return false;
    json_keep_numbers(document, text);
    links->document = document;
    config_view_links(links);
    ptrdiff_t at = str_find(text, S("\"localDefaultAccount\""));
    links->default_line = str_line(text, at);
    const cJSON *preset = json_get(document, "localDefaultAccount");
    if (preset && !cJSON_IsNull(preset) && links->default_account <= 0) {
        err_set(err, EXIT_CONFIG,
                "cannot use %.*s: its localDefaultAccount is no account id",
                P(path));
        return err_hint(err, "Mend it, or remove it.");
    }
    return true;
}

static bool config_links_are_whole(Arena *scratch, Str text, bool young)
{
    (void)scratch;
    (void)young;
    return !json_ends_early(text);
}

static ConfigSource config_links_source(Str path)
{
    return (ConfigSource){.path = path,
                          .max = JSON_DOC_MAX,
                          .doubted = true,
                          .is_whole = config_links_are_whole};
}

/* Reads the settings of a linked folder. A file that is not there, or no path,
 * is no error: then `links` is empty. */
static bool config_read_links_at(Arena *arena, Str path, ConfigLinks *links,
                                 Err *err)
{
    ConfigSource source = config_links_source(path);
    OsView view;
    *links = (ConfigLinks){.path = path, .default_account = -1};
    if (!path.len || !os_exists(arena, path))
        return true;
    int code = config_view(arena, &source, &view);
    if (view.fd >= 0)
        os_close(view.fd);
    if (!code)
        return config_parse_links(arena, view.text, links, err);
    config_cannot_read(path, code, err);
    return err_hint(err, "Mend it, or remove it.");
}

/* Reads the nearest .hs/settings.json. */
static bool config_read_links(Arena *arena, ConfigLinks *links, Err *err)
{
    return config_read_links_at(arena, config_links_path(arena), links, err);
}

static bool config_is_linked(const ConfigLinks *links, int64_t id)
{
    for (int i = 0; i < links->count; i++)
        if (links->linked[i] == id)
            return true;
    return false;
}

/* White space to the official client's parseInt(). */
static bool config_is_js_space(uint32_t c)
{
    return c == ' ' || (c >= 9 && c <= 13) || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
           c == 0x202f || c == 0x205f || c == 0x3000 || c == 0xfeff;
}

/*
 * The id in an .hsaccount, as the official client reads it, with JavaScript's
 * parseInt(): white space and a byte order mark before it are skipped, and
 * whatever follows its digits (a line break, a comment) is ignored. 0x begins
 * a hexadecimal number. False where there is no id.
 */
static bool config_parse_override(Str text, int64_t *id)
{
    enum { MOST_DIGITS = 15 }; /* up to 2^53 a double is exact */
    uint32_t c = 0;
    int n = 0;
    while ((n = str_utf8(text, &c)) > 0 && config_is_js_space(c))
        text = str_slice(text, n, text.len);
    if (str_starts(text, S("+")))
        text = str_slice(text, 1, text.len);
    bool hex = str_starts(text, S("0x")) || str_starts(text, S("0X"));
    text = str_slice(text, hex ? 2 : 0, text.len);
    int digits = 0;
    *id = 0;
    for (ptrdiff_t i = 0; i < text.len && digits <= MOST_DIGITS; i++) {
        char lower = str_lower(text.ptr[i]);
        bool letter = hex && lower >= 'a' && lower <= 'f';
        if (!str_is_digit(lower) && !letter)
            break;
        *id = *id * (hex ? 16 : 10) + (letter ? lower - 'a' + 10 : lower - '0');
        digits += *id > 0;
    }
    return *id > 0 && digits <= MOST_DIGITS;
}

static bool config_override_is_whole(Arena *scratch, Str text, bool young)
{
    (void)scratch;
    (void)young;
    return str_trim(text).len > 0;
}

static ConfigSource config_override_source(Str path)
{
    return (ConfigSource){.path = path,
                          .max = 64 * KIB,
                          .doubted = true,
                          .is_whole = config_override_is_whole};
}

/* The nearest .hsaccount. */
typedef struct {
    Str path;   /* empty: there is none */
    Str text;   /* all that it holds */
    int64_t id; /* -1: none */
} ConfigOverride;

static bool config_read_override_at(Arena *arena, Str path, ConfigOverride *out,
                                    Err *err)
{
    OsView view;
    ConfigSource source = config_override_source(path);
    int code = config_view(arena, &source, &view);
    if (view.fd >= 0)
        os_close(view.fd);
    *out = (ConfigOverride){.path = path, .text = view.text, .id = -1};
    if (!code && config_parse_override(out->text, &out->id))
        return true;
    out->id = -1;
    err_set(err, EXIT_CONFIG, "cannot use %.*s: %s", P(path),
            code ? os_error(code) : "it does not hold an account id");
    return err_hint(err, "Mend it, or remove it.");
}

static bool config_read_override(Arena *arena, ConfigOverride *out, Err *err)
{
    Str path = config_find_upward(arena, S(".hsaccount"), S(""));
    *out = (ConfigOverride){.id = -1};
    return !path.len || config_read_override_at(arena, path, out, err);
}

/* A file that would choose the account cannot be read: for those who need no
 * more than the choice there is another way out. */
static void config_hint_choice(Err *err)
{
    err->hint[0] = '\0';
    err_hint(err, "Mend it, remove it, or name an account with "
                  "--account.");
}

/* The account that a file names by id; an error names the file. */
static bool config_choose_by_file(const Config *config, Str path, int line,
                                  int64_t id, ConfigChoice *choice, Err *err)
{
    *choice = (ConfigChoice){config_find_id(config, id), path, line};
    if (choice->account)
        return true;
    err_set(err, EXIT_CONFIG,
            "%.*s names account %" PRId64 ", which is not in %.*s", P(path), id,
            P(config->path));
    return err_hint(err, "Sign in to it with hs account auth, change the file, "
                         "or name an account with --account.");
}

/* A name or id for a message. One that looks like a key or a token, set in the
 * wrong place by mistake, is not shown. */
static Str config_shown(Str text)
{
    bool seen[3] = {false, false, false}; /* digits, capitals, small letters */
    bool uuid = text.len == 36 && text.ptr[8] == '-' && text.ptr[13] == '-';
    for (ptrdiff_t i = 0; i < text.len; i++)
        seen[str_is_digit(text.ptr[i])                  ? 0
             : text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? 1
                                                        : 2] = true;
    bool mixed = text.len >= 20 && seen[0] && seen[1] && seen[2];
    return uuid || mixed || str_starts(text, S("pat-")) ? S("[hidden]") : text;
}

/* The config's own default. */
static bool config_choose_default(const Config *config, ConfigChoice *choice,
                                  Err *err)
{
    const YamlNode *node = config_default_node(config);
    Str shown = config_shown(config->default_account);
    *choice = (ConfigChoice){config_find(config, config->default_account),
                             config->path, node ? node->line : 0};
    if (config->form == CONFIG_ENVIRONMENT)
        choice->why = str_from(config_env_id());
    if (choice->account)
        return true;
    if (config->default_account.len)
        err_set(err, EXIT_CONFIG, "the default account '%.*s' is not in %.*s",
                P(shown), P(config->path));
    else
        err_set(err, EXIT_CONFIG, "no account is chosen: %.*s has no default",
                P(config->path));
    return err_hint(err, "Name one with --account, or set the default with "
                         "hs account use.");
}

/*
 * Chooses the account where none is named: the linked folder's default, else
 * .hsaccount (with the global config only), else the config's default. `links`
 * is zero where no folder is linked, and with the environment.
 */
static bool config_choose_unnamed(Arena *arena, const Config *config,
                                  const ConfigLinks *links,
                                  ConfigChoice *choice, Err *err)
{
    ConfigOverride override;
    *choice = (ConfigChoice){0};
    if (!config_need_any(config, err))
        return false;
    if (links->default_account > 0)
        return config_choose_by_file(config, links->path, links->default_line,
                                     links->default_account, choice, err);
    if (config->is_global) {
        if (!config_read_override(arena, &override, err)) {
            config_hint_choice(err);
            return false;
        }
        if (override.id > 0)
            return config_choose_by_file(config, override.path, 1, override.id,
                                         choice, err);
    }
    return config_choose_default(config, choice, err);
}

/* Chooses the account: `which` (of --account) where it is given, else as
 * config_choose_unnamed() does. */
static bool config_choose(Arena *arena, const Config *config, Str which,
                          ConfigChoice *choice, Err *err)
{
    ConfigLinks links = {0};
    if (which.len) {
        *choice = (ConfigChoice){.why = S("--account")};
        return config_require(config, which, &choice->account, err);
    }
    if (config->form != CONFIG_ENVIRONMENT &&
        !config_read_links(arena, &links, err)) {
        *choice = (ConfigChoice){0};
        config_hint_choice(err);
        return false;
    }
    return config_choose_unnamed(arena, config, &links, choice, err);
}

/*
 * The account that the directory names: in the nearest .hs/settings.json, else
 * in the nearest .hsaccount.
 */
typedef struct {
    Str path; /* empty: none names one */
    int line;
    int64_t id; /* 0: those that are linked, without a default */
    ConfigLinks links;
} ConfigFolder;

static bool config_read_folder(Arena *arena, ConfigFolder *out, Err *err)
{
    ConfigLinks *links = &out->links;
    ConfigOverride override;
    *out = (ConfigFolder){0};
    bool ok = config_read_links(arena, links, err);
    if (ok && links->default_account > 0) {
        out->path = links->path;
        out->line = links->default_line;
        out->id = links->default_account;
    } else if (ok && (ok = config_read_override(arena, &override, err))) {
        bool named = override.id > 0;
        out->path = named          ? override.path
                    : links->count ? links->path
                                   : (Str){0};
        out->id = named ? override.id : 0;
        out->line = named ? 1 : 0;
    }
    if (!ok)
        config_hint_choice(err);
    return ok;
}

/* Does what the directory names agree with an account that is chosen without
 * the config? `id` 0: it is not known which. */
static bool config_folder_agrees(const ConfigFolder *folder, int64_t id)
{
    if (!folder->path.len)
        return true;
    return folder->id ? folder->id == id
                      : id > 0 && config_is_linked(&folder->links, id);
}

/* The config file, where others may read or write it, or the global one's
 * folder, where others may replace the file; empty: neither. A folder that
 * others may only look into shows them no key. */
static Str config_loose(Arena *arena, const Config *config)
{
    if (config->form == CONFIG_ENVIRONMENT)
        return S("");
    int mode = os_mode(arena, config->path);
    if (mode > 0 && mode & 077)
        return config->path;
    mode = config->is_global ? os_mode(arena, os_path_dir(config->path)) : 0;
    return mode > 0 && mode & 022 ? os_path_dir(config->path) : S("");
}

/* What a person was asked about is no longer so. */
static bool config_meanwhile(Str path, Err *err)
{
    err_set(err, EXIT_CONFIG, "%.*s has just been changed", P(path));
    return err_hint(err, "It was left as it is now. Try again.");
}

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

/* Has a folder be its owner's alone, where it is not; as far as may be. */
static void config_tighten(Arena *arena, Str dir)
{
    if (os_mode(arena, dir) & 077)
        os_chmod(arena, dir, 0700);
}

/*
 * One change of a file that other programs write, too, without locks: all
 * that is shared with them is written by config_transact(). `change` makes of
 * `text` what is to be there, `next`, or sets `done` where nothing is to be
 * written. It is called again whenever the file turns out to be another one
 * than it was called for, so it must not count on being called once.
 */
typedef struct ConfigFile ConfigFile;
struct ConfigFile {
    Arena *arena;
    ConfigSource source;
    bool secret;  /* 0600, whatever the old file's mode is */
    bool no_link; /* a symbolic link at the path is refused */
    bool brief;   /* a change that may be lost is not watched */
    bool (*change)(ConfigFile *file, Err *err);
    void *context;
    /* for `change` */
    bool exists;
    bool again; /* it was written before, and another program undid it */
    bool done;
    Str text;
    Str next;
    /* within config_transact() */
    Str real;      /* the path, symbolic links resolved */
    OsView view;   /* of the file that was replaced */
    OsStamp stamp; /* of the file that was written */
    Str rescued;   /* what another program wrote into the replaced file */
};

typedef enum {
    CONFIG_FAILED,
    CONFIG_DONE,
    CONFIG_CHANGED, /* another program was faster */
    CONFIG_GONE     /* another program undid the change */
} ConfigTurn;

/* Reads the file, changes it, and writes it, under its lock. CONFIG_GONE:
 * written, and it is to be seen whether it stays. */
static ConfigTurn config_turn_locked(ConfigFile *file, Err *err)
{
    Arena *arena = file->arena;
    Str path = file->source.path;
    OsView *view = &file->view;
    file->exists = os_exists(arena, path);
    bool odd = os_look_through(arena, path).kind == OS_OTHER; /* do not wait */
    int code = file->exists && !odd ? config_view(arena, &file->source, view)
                                    : 0;
    if (!code && file->exists && file->no_link && !os_is_own_file(arena, path))
        code = ELOOP;
    if (code == ENOENT)
        return CONFIG_CHANGED;
    if (code)
        return config_cannot_read(path, code, err);
    if (file->exists && (odd || !view->regular)) {
        config_not_regular(path, err);
        return CONFIG_FAILED;
    }
    if (view->busy)
        return CONFIG_CHANGED;
    OsStamp stamp = view->stamp;
    file->text = view->text;
    if (file->rescued.len && os_stamp_eq(stamp, file->stamp))
        file->text = file->rescued;
    file->done = false;
    if (!file->change(file, err))
        return CONFIG_FAILED;
    if (file->done)
        return CONFIG_DONE;
    int mode = file->exists ? os_mode(arena, file->real) : 0644;
    mode = file->secret || mode < 0 ? 0600 : mode;
    code = os_replace_file(arena, file->real, file->next, (mode_t)mode, &stamp);
    file->stamp = stamp;
    if (code == ESTALE)
        return CONFIG_CHANGED;
    return code ? config_cannot_write(path, code, err) : CONFIG_GONE;
}

/* Another program opened the file before it was replaced, and wrote into the
 * old one, which has no name any more: what it wrote is to be kept. */
static void config_rescue(ConfigFile *file)
{
    int64_t deadline = os_now() + CONFIG_SETTLE_MS;
    OsView view = {.fd = file->view.fd};
    for (;;) {
        Arena scratch = {0};
        int code = os_view_fd(&scratch, file->source.max, &view);
        bool good = !code && !view.busy &&
                    file->source.is_whole(&scratch, view.text, true);
        if (good)
            file->rescued = arena_copy(file->arena, view.text);
        arena_free(&scratch);
        if (code || good || os_now() >= deadline || os_interrupted())
            return;
        os_sleep(5);
    }
}

/*
 * Does a change that was written stay? It is lost where another program has
 * read the old file, and writes that back with a change of its own: in place,
 * or into the old file. Who replaces the file, as we do, is taken to have read
 * ours.
 */
static bool config_stays(ConfigFile *file)
{
    int64_t until = os_now() + (file->brief ? 0 : CONFIG_STAY_MS);
    file->rescued = (Str){0};
    for (;;) {
        OsStamp now = os_stamp(file->arena, file->real);
        if (file->view.fd >= 0 &&
            !os_stamp_eq(os_stamp_fd(file->view.fd), file->view.stamp)) {
            config_rescue(file);
            return false;
        }
        if (!os_stamp_eq(now, file->stamp))
            return now.inode && now.inode != file->stamp.inode;
        if (os_now() >= until || os_interrupted())
            return true;
        os_sleep(5);
    }
}

static ConfigTurn config_turn(ConfigFile *file, Err *err)
{
    int lock = -1;
    file->view = (OsView){.fd = -1};
    file->real = file->no_link
                     ? file->source.path
                     : os_resolve_links(file->arena, file->source.path);
    int code = os_lock(file->arena, file->real, CONFIG_LOCK_MS, &lock);
    if (code)
        return config_cannot_write(file->source.path, code, err);
    ConfigTurn turn = config_turn_locked(file, err);
    os_unlock(file->arena, file->real, lock);
    if (turn == CONFIG_GONE && config_stays(file))
        turn = CONFIG_DONE;
    if (file->view.fd >= 0)
        os_close(file->view.fd);
    return turn;
}

/*
 * Changes a file: reads it under its lock, waits while another program writes
 * it, replaces it only if it is still what was read, and looks at it for a
 * while afterwards. A change that another program undid is made again, up to
 * CONFIG_AGAIN times.
 */
static bool config_transact(ConfigFile *file, Err *err)
{
    int64_t deadline = os_now() + os_bounded(CONFIG_LOCK_MS);
    int again = 0;
    while (again <= CONFIG_AGAIN && os_now() < deadline) {
        ConfigTurn turn = config_turn(file, err);
        if (turn == CONFIG_FAILED)
            return false;
        if (turn == CONFIG_DONE)
            return true;
        if (turn == CONFIG_GONE) {
            again++;
            file->again = true;
        }
        if (os_interrupted())
            return config_cannot_write(file->source.path, EINTR, err);
    }
    err_set(err, EXIT_CONFIG,
            "cannot write %.*s: another program keeps writing it",
            P(file->source.path));
    return err_hint(err, "The change may be missing. Stop that program, and "
                         "try again.");
}

/* A config file that is being changed. */
typedef struct {
    Arena *arena;
    Config config;
    bool again;  /* see ConfigFile */
    bool done;   /* nothing is to be written */
    int removed; /* accounts that were taken out */
} ConfigEdit;

/* How a config file is changed: `apply` changes the tree. */
typedef struct {
    ConfigPlace place;
    bool brief; /* see ConfigFile */
    bool (*apply)(ConfigEdit *edit, void *context, Err *err);
    void *context;
} ConfigChange;

/* The changed tree as text, which must read again as what it is: a limit
 * passed, or a tag that libyaml writes and does not read, must not take the old
 * file's place. */
static bool config_edit_text(const ConfigEdit *edit, Str *text, Config *again,
                             Err *err)
{
    Err fault = {0};
    Str path = edit->config.path;
    if (!yaml_write(edit->arena, edit->config.root, text))
        return err_set(err, EXIT_CONFIG, "cannot write %.*s: %s", P(path),
                       text->len > YAML_MAX
                           ? "it would be larger than 1 MiB"
                           : "an alias in it would not name what it does now");
    *again = (Config){.path = path, .form = edit->config.form};
    if (!yaml_read(edit->arena, *text, &again->root, &fault))
        return err_set(err, EXIT_CONFIG,
                       "cannot write %.*s: it could not be read again: %s",
                       P(path), fault.message);
    config_read_tree(edit->arena, again);
    return true;
}

/* Never write a config with fewer accounts than there were, but for those that
 * were to be removed. */
static bool config_check_loss(const Config *before, const Config *after,
                              int removed, Err *err)
{
    int missing = 0;
    for (int i = 0; i < before->count; i++)
        missing += !config_find_id(after, before->accounts[i].id);
    if (missing <= removed && after->count >= before->count - removed)
        return true;
    return err_set(err, EXIT_CONFIG,
                   "cannot write %.*s: accounts in it would be lost",
                   P(before->path));
}

/* The settings come before the accounts, also those that are new. */
static void config_edit_accounts_last(ConfigEdit *edit)
{
    YamlNode *root = edit->config.root;
    YamlNode *list = yaml_own_entry(
        root, str_from(config_accounts_key(&edit->config)));
    if (!list)
        return;
    yaml_remove(root, list);
    yaml_append(root, list);
}

/* A file that says the same thing in both forms keeps one of them: otherwise
 * they would disagree from now on. */
static void config_edit_unify(ConfigEdit *edit)
{
    Config *config = &edit->config;
    YamlNode *root = config->root;
    Str preset = config->default_account;
    yaml_remove_key(root, config_other_accounts_key(config));
    if (!yaml_own_entry(root, str_from(config_other_default_key(config))))
        return;
    yaml_remove_key(root, config_other_default_key(config));
    if (preset.len && !config_default_text(config).len) {
        yaml_set(edit->arena, root, config_default_key(config),
                 yaml_new_text(edit->arena, preset));
        config_edit_accounts_last(edit);
    }
}

/* Reads the text that is to be changed; an empty tree where there is none. */
static bool config_edit_parse(const ConfigFile *file, Config *config, Err *err)
{
    const ConfigChange *change = file->context;
    const ConfigPlace *place = &change->place;
    const Config blank = {.path = place->path, .form = place->form};
    Err fault = {0};
    ConfigState state = CONFIG_WHOLE;
    *config = blank;
    if (file->exists)
        state = config_parse(file->arena, file->text, config, &fault);
    if (state == CONFIG_BAD) {
        *err = fault;
        return false;
    }
    if (state == CONFIG_TORN) {
        *config = blank;
        if (!place->anew || !config_salvage(file->arena, file->text, config))
            return config_incomplete(place->path, fault.message, err);
    }
    if (!config->root)
        config->root = yaml_new(file->arena, YAML_MAP);
    return config_has_ours(config) || config_not_ours(place->path, err);
}

/* The change of a config file as one of its text. */
static bool config_change_text(ConfigFile *file, Err *err)
{
    const ConfigChange *change = file->context;
    ConfigEdit edit = {.arena = file->arena, .again = file->again};
    Config before;
    Config after;
    Str present = {0};
    if (!config_edit_parse(file, &edit.config, err))
        return false;
    if (file->again && !config_edit_text(&edit, &present, &after, err))
        return false;
    /* parsed twice: what is changed is no longer what there was, and a tree
     * that was written cannot be written again */
    if (!config_edit_parse(file, &before, err) ||
        !config_edit_parse(file, &edit.config, err))
        return false;
    config_edit_unify(&edit);
    if (!change->apply(&edit, change->context, err))
        return false;
    file->done = edit.done;
    if (edit.done)
        return true;
    if (!config_edit_text(&edit, &file->next, &after, err) ||
        !config_check_loss(&before, &after, edit.removed, err))
        return false;
    file->done = file->again && str_eq(present, file->next);
    return true;
}

/* Makes the folder of a config that is to be new: ~/.hscli, for its owner. */
static bool config_make_folder(Arena *arena, Str path, Err *err)
{
    int code = os_mkdir(arena, os_path_dir(path), 0700);
    return code ? config_cannot_write(path, code, err) : true;
}

/* Changes a config file, or makes one. */
static bool config_change(Arena *arena, ConfigChange *change, Err *err)
{
    Str path = change->place.path;
    ConfigFile file = {
        .arena = arena,
        .source = {.path = path, .max = YAML_MAX, .is_whole = config_is_whole},
        .secret = true,
        .brief = change->brief,
        .change = config_change_text,
        .context = change};
    /* what begins a config anew, a sign-in, has waited when it began */
    file.source.doubted = !change->place.anew;
    if (!os_exists(arena, path) && change->place.form == CONFIG_GLOBAL &&
        !config_make_folder(arena, path, err))
        return false;
    if (!config_transact(&file, err))
        return false;
    if (str_eq(path, config_global_path(arena)))
        config_tighten(arena, os_path_dir(path));
    return true;
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
    Str key = str_from(config_default_key(config));
    bool fresh = !yaml_own_entry(config->root, key);
    yaml_set(edit->arena, config->root, key.ptr,
             by_name ? yaml_new_text(edit->arena, account->name)
                     : yaml_new_int(edit->arena, account->id));
    if (fresh)
        config_edit_accounts_last(edit);
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
    to->merges |= from->merges;
    for (YamlNode *entry = from->first; entry; entry = entry->next) {
        YamlNode *copy = yaml_new_like(arena, entry);
        if (entry->kind == YAML_MAP) {
            copy->first = copy->last = NULL;
            copy->count = 0;
        }
        for (YamlNode *e = entry->first; entry->kind == YAML_MAP && e;
             e = e->next) {
            yaml_append(copy, yaml_new_like(arena, e));
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
                    time_iso(arena, config_expiry(account)));
    if (account->auth == CONFIG_AUTH_OAUTH2)
        config_set_text(arena, token, "refreshToken",
                        secret_text(account->refresh_token));
}

/* Writes the app of an OAuth2 account, and what it may do. */
static void config_put_client(Arena *arena, YamlNode *node,
                              const ConfigAccount *account)
{
    YamlNode *auth = config_submap(arena, node, "auth");
    YamlNode *scopes = yaml_new(arena, YAML_LIST);
    config_set_text(arena, auth, "clientId", account->client_id);
    config_set_text(arena, auth, "clientSecret",
                    secret_text(account->client_secret));
    for (Str rest = account->scopes; rest.len;)
        yaml_append(scopes, yaml_new_text(arena, str_cut(&rest, ' ')));
    yaml_set(arena, auth, "scopes", scopes);
    yaml_remove_key(node, "personalAccessKey");
}

/* The scopes of an OAuth2 account in a file, separated by spaces. */
static Str config_scopes(Arena *arena, const ConfigAccount *account)
{
    Buf out = buf_new(arena, 8 * KIB);
    const YamlNode *list = yaml_get(yaml_get(account->node, "auth"), "scopes");
    for (const YamlNode *item = list ? list->first : NULL; item;
         item = item->next) {
        Str scope = yaml_text(item);
        buf_add(&out, scope.len && out.len ? S(" ") : S(""));
        buf_add(&out, scope);
    }
    return buf_str(&out);
}

/* The account that the tree's default names among those of the typed view; 0:
 * none. */
static int64_t config_edit_default_id(const ConfigEdit *edit)
{
    const Config *config = &edit->config;
    const ConfigAccount *account = config_find(config,
                                               config_default_text(config));
    return account ? account->id : 0;
}

/*
 * Adds an account to the file, or updates the one of the same id in place.
 * What stands in its node beside the fields of `account` is kept. A default
 * that goes by a name of digits stays what it is where they are the new id.
 */
static bool config_edit_put(ConfigEdit *edit, const ConfigAccount *account,
                            Err *err)
{
    Arena *arena = edit->arena;
    const ConfigAccount *old = config_find_id(&edit->config, account->id);
    int64_t preset = config_edit_default_id(edit);
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
    if (account->auth == CONFIG_AUTH_OAUTH2)
        config_put_client(arena, node, account);
    config_put_token(arena, node, account);
    if (account->parent > 0)
        yaml_set(arena, node, "parentAccountId",
                 yaml_new_int(arena, account->parent));
    if (!old)
        yaml_append(list, node);
    config_read_tree(arena, &edit->config);
    if (!preset || config_edit_default_id(edit) == preset)
        return true;
    config_edit_default(edit, &(ConfigAccount){.id = preset});
    config_read_tree(arena, &edit->config);
    return true;
}

/* Changes a setting, whose value is a word or a number. A new one stands
 * before the accounts; in a deprecated file it gets today's name. */
static void config_edit_setting(ConfigEdit *edit, const char *key, Str value)
{
    YamlNode *root = edit->config.root;
    if (!strcmp(key, "defaultCmsPublishMode") &&
        edit->config.form == CONFIG_DEPRECATED)
        yaml_remove_key(root, "defaultMode");
    bool fresh = !yaml_own_entry(root, str_from(key));
    yaml_set(edit->arena, root, key, yaml_new_plain(edit->arena, value));
    if (fresh)
        config_edit_accounts_last(edit);
}

/* Takes an account out of the file; the default goes with it where it named
 * this one. Those after it move up in the typed view: to read the tree anew for
 * each of many would cost their square. */
static void config_edit_remove(ConfigEdit *edit, const ConfigAccount *account)
{
    Config *config = &edit->config;
    YamlNode *list = yaml_get(config->root, config_accounts_key(config));
    if (config_find(config, config->default_account) == account)
        yaml_remove_key(config->root, config_default_key(config));
    edit->removed++;
    for (YamlNode *item = list->first; item; item = item->next)
        if (yaml_follow(item) == account->node) {
            yaml_remove(list, item);
            break;
        }
    config->default_account = config_default_text(config);
    config->count--;
    for (ptrdiff_t i = account - config->accounts; i < config->count; i++)
        config->accounts[i] = config->accounts[i + 1];
}

/* Gives an account another name; a default that goes by the name follows. */
static void config_edit_rename(ConfigEdit *edit, const ConfigAccount *account,
                               Str name)
{
    Config *config = &edit->config;
    bool is_default = config_find(config, config->default_account) == account;
    ConfigAccount renamed = *account;
    renamed.name = name;
    config_set_text(edit->arena, account->node, "name", name);
    if (is_default)
        config_edit_default(edit, &renamed);
    config_read_tree(edit->arena, config);
}

/* Puts the token into the account, if it is still the one that the token was
 * fetched for, and another program has not fetched a later one. */
static bool config_apply_token(ConfigEdit *edit, void *context, Err *err)
{
    const ConfigAccount *account = context;
    const ConfigAccount *there = config_find_id(&edit->config, account->id);
    (void)err;
    edit->done = !there || !config_same_sign_in(there, account) ||
                 (edit->again && secret_is_set(there->access_token) &&
                  config_expiry(there) >= config_expiry(account));
    if (!edit->done)
        config_put_token(edit->arena, there->node, account);
    return true;
}

/*
 * Keeps a fresh access token in the file. The account may be gone from it
 * meanwhile, or another run may have signed in to it anew, with a key that
 * the token does not belong to: then nothing is written. A key's token that is
 * lost is fetched again by the next run, but a refresh token may not be.
 */
static bool config_save_token(Arena *arena, const Config *config,
                              const ConfigAccount *account, Err *err)
{
    ConfigAccount copy = *account;
    ConfigChange change = {
        .place = {.path = config->path, .form = config->form},
        .brief = account->auth != CONFIG_AUTH_OAUTH2,
        .apply = config_apply_token,
        .context = &copy};
    if (!account->node || config->form == CONFIG_ENVIRONMENT)
        return true;
    return config_change(arena, &change, err);
}

/* What a .gitignore is to cover. */
typedef struct {
    const GitTree *tree;
    Str path; /* of the file that we write */
    Str name; /* the line that covers it */
    bool added;
} ConfigHide;

/* A .gitignore that was emptied just now is being written. */
static bool config_ignore_is_whole(Arena *scratch, Str text, bool young)
{
    (void)scratch;
    return !young || text.len;
}

/* Adds a line to a .gitignore, unless another run has added it meanwhile. */
static bool config_change_ignored(ConfigFile *file, Err *err)
{
    ConfigHide *hide = file->context;
    Str text = file->text;
    bool ended = !text.len || str_ends(text, S("\n"));
    if (!ignore_git_covers(file->arena, hide->tree, hide->path, false,
                           &file->done, err))
        return false;
    const Str parts[] = {text,
                         ended ? S("") : S("\n"),
                         text.len ? S("\n") : S(""),
                         S("# HubSpot CLI: local settings and keys\n"),
                         ignore_quote(file->arena, hide->name),
                         S("\n")};
    file->next = arena_join(file->arena, parts, COUNT(parts));
    hide->added |= !file->done;
    return true;
}

/*
 * Has git ignore a file that we write, where it lies in a work tree and no
 * ignore file covers it: the name of `entry`, the file or the folder that it
 * is in, goes to the nearest .gitignore, or to a new one beside it. `*changed`
 * is that file, or empty.
 */
static bool config_hide_from_git(Arena *arena, Str path, Str entry,
                                 Str *changed, Err *err)
{
    GitTree tree;
    bool covered = false;
    Str dir = os_resolve_links(arena, os_path_dir(entry));
    ptrdiff_t base = entry.len - os_path_base(entry).len;
    Str rest = str_slice(path, base, path.len); /* from the folder on */
    path = os_path_join(arena, dir, rest);
    *changed = S("");
    if (!ignore_git_tree(arena, dir, &tree))
        return true;
    if (!ignore_git_covers(arena, &tree, path, false, &covered, err))
        return false;
    if (covered)
        return true;
    Str file = ignore_git_nearest(arena, &tree, dir);
    if (!file.len)
        file = os_path_join(arena, dir, S(".gitignore"));
    ConfigHide hide = {
        .tree = &tree, .path = path, .name = os_path_base(entry)};
    /* Git reads no .gitignore that is a symbolic link, and what such a one
     * leads to is not ours to change. */
    ConfigFile ignore = {.arena = arena,
                         .source = {.path = file,
                                    .max = MIB,
                                    .is_whole = config_ignore_is_whole},
                         .no_link = true,
                         .change = config_change_ignored,
                         .context = &hide};
    if (!config_transact(&ignore, err))
        return false;
    *changed = hide.added ? file : S("");
    return true;
}

/* What an .hsaccount is to become. */
typedef struct {
    Str id;
    const Str *before; /* what it was when it was asked about; NULL: any */
} ConfigOverrideChange;

static bool config_change_override(ConfigFile *file, Err *err)
{
    const ConfigOverrideChange *override = file->context;
    file->next = override->id;
    file->done = file->exists && str_eq(file->text, file->next);
    if (file->done || file->again || !override->before ||
        str_eq(file->text, *override->before))
        return true;
    return config_meanwhile(file->source.path, err);
}

/* Writes an .hsaccount: the id and no more. With `before` it replaces no other
 * one than that. */
static bool config_write_override(Arena *arena, Str path, int64_t id,
                                  const Str *before, Err *err)
{
    ConfigOverrideChange override = {arena_int(arena, id), before};
    ConfigFile file = {.arena = arena,
                       .source = config_override_source(path),
                       .change = config_change_override,
                       .context = &override};
    return config_transact(&file, err);
}

/* Removes an .hsaccount that is still what it was when it was read. */
static bool config_remove_override(Arena *arena, const ConfigOverride *override,
                                   Err *err)
{
    Err ignored = {0};
    ConfigOverride now;
    if (!override->path.len || !os_exists(arena, override->path))
        return true;
    config_read_override_at(arena, override->path, &now, &ignored);
    if (!str_eq(now.text, override->text))
        return config_meanwhile(override->path, err);
    int code = os_unlink(arena, override->path);
    return code ? config_cannot_write(override->path, code, err) : true;
}

/* How a linked folder's settings are to change. */
typedef struct {
    const int64_t *add;
    int add_count;
    const int64_t *drop;
    int drop_count;
    bool keep_default; /* unless it is dropped */
    int64_t preset;    /* else the folder's default; 0: none, and then the
                          config's counts */
} ConfigLinkChange;

/* Sets the folder's default; 0: none. */
static void config_links_default(ConfigLinks *links, int64_t id)
{
    if (id > 0)
        json_set(links->document, "localDefaultAccount",
                 cJSON_CreateNumber((double)id));
    else
        cJSON_DeleteItemFromObjectCaseSensitive(links->document,
                                                "localDefaultAccount");
    config_view_links(links);
}

static void config_links_add(ConfigLinks *links, int64_t id)
{
    cJSON *list = json_get(links->document, "accounts");
    if (!cJSON_IsArray(list)) {
        list = cJSON_CreateArray();
        json_set(links->document, "accounts", list);
    }
    for (const cJSON *item = list->child; item; item = item->next)
        if (json_int_of(item) == id)
            return;
    if (!cJSON_AddItemToArray(list, cJSON_CreateNumber((double)id)))
        arena_exhausted();
    config_view_links(links);
}

/* Takes an account out; the folder's default goes with it where it is that. */
static void config_links_drop(ConfigLinks *links, int64_t id)
{
    cJSON *list = json_get(links->document, "accounts");
    for (int i = cJSON_GetArraySize(list) - 1; i >= 0; i--)
        if (json_int_of(cJSON_GetArrayItem(list, i)) == id)
            cJSON_DeleteItemFromArray(list, i);
    if (links->default_account == id)
        config_links_default(links, 0);
    config_view_links(links);
}

/* Explains the folder to who finds it; what is there already is kept. */
static bool config_explain_links(Arena *arena, Str dir, Err *err)
{
    Str path = os_path_join(arena, dir, S("README.txt"));
    if (os_exists(arena, path))
        return true;
    int code = os_replace_file(
        arena, path,
        S("This folder belongs to the HubSpot CLI (hs).\n\n"
          "settings.json says which HubSpot accounts are linked to the folder\n"
          "above and which of them commands use there. It holds ids and no\n"
          "secrets. hs account link and hs account unlink change it.\n"),
        0644, NULL);
    return code ? config_cannot_write(path, code, err) : true;
}

/* The change of a folder's settings as one of their text. */
static bool config_change_links_text(ConfigFile *file, Err *err)
{
    const ConfigLinkChange *change = file->context;
    Arena *arena = file->arena;
    Str path = file->source.path;
    ConfigLinks links = {.path = path, .default_account = -1};
    if (file->exists && !config_parse_links(arena, file->text, &links, err))
        return false;
    if (!file->exists && !config_explain_links(arena, os_path_dir(path), err))
        return false;
    if (!links.document)
        links.document = json_new(arena);
    Str present = file->again ? json_write(arena, links.document, true)
                              : (Str){0};
    for (int i = 0; i < change->drop_count; i++)
        config_links_drop(&links, change->drop[i]);
    for (int i = 0; i < change->add_count; i++)
        config_links_add(&links, change->add[i]);
    if (!change->keep_default)
        config_links_default(&links, change->preset);
    if (config_too_many_links(links.document, path, err))
        return false;
    file->next = json_write(arena, links.document, true);
    file->done = file->again && str_eq(present, file->next);
    /* What could not be read again must not take the old file's place. */
    return file->next.len <= JSON_DOC_MAX ||
           config_cannot_write(path, EFBIG, err);
}

/* Changes the settings at `path`, which need not exist yet; a README.txt is
 * put beside new ones first. */
static bool config_change_links(Arena *arena, Str path,
                                const ConfigLinkChange *change, Err *err)
{
    ConfigLinkChange copy = *change;
    ConfigFile file = {.arena = arena,
                       .source = config_links_source(path),
                       .change = config_change_links_text,
                       .context = &copy};
    int code = os_exists(arena, path)
                   ? 0
                   : os_mkdir(arena, os_path_dir(path), 0755);
    return code ? config_cannot_write(path, code, err)
                : config_transact(&file, err);
}

/*
 * Makes `id` the default of the linked folder whose settings are at `path`,
 * and one of its linked accounts.
 */
static bool config_save_link_default(Arena *arena, Str path, int64_t id,
                                     Err *err)
{
    const ConfigLinkChange change = {.add = &id, .add_count = 1, .preset = id};
    return config_change_links(arena, path, &change, err);
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

/* Is the name letters and digits in lower case, joined with single dashes? */
static bool config_is_kebab(Str name)
{
    bool inside = false; /* a word: a dash may follow */
    for (ptrdiff_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool word = (c >= 'a' && c <= 'z') || str_is_digit(c);
        if (!word && (c != '-' || !inside))
            return false;
        inside = word;
    }
    return inside;
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

/* The name that a person chose, in kebab-case. One that is in it stays as it
 * is, where the official client would drop its dashes. */
static Str config_new_name(Arena *arena, Str name)
{
    return config_is_kebab(name) ? name : config_kebab_case(arena, name);
}

/* The characters that config_new_name() drops from a name, each once and with
 * spaces between; empty: none. */
static Str config_kebab_dropped(Arena *arena, Str name)
{
    Buf out = buf_new(arena, name.len * 2 + 1);
    if (config_is_kebab(name))
        return S("");
    while (name.len) {
        uint32_t c = 0;
        int n = str_utf8(name, &c);
        Str one = str_slice(name, 0, n ? n : 1);
        bool control = (c < ' ' && (c < '\t' || c > '\r')) ||
                       (c >= 0x7f && c < 0xa0);
        bool white = config_is_white(c) && !control; /* it becomes a dash */
        bool kept = n && (white || (c < 0x80 && isalnum((int)c)));
        if (!kept && str_find(buf_str(&out), one) < 0) {
            buf_add(&out, out.len ? S(" ") : S(""));
            buf_add(&out, one);
        }
        name = str_slice(name, one.len, name.len);
    }
    return buf_str(&out);
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
            return false;
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
            return false;
        }
    }
    return true;
}

/*
 * What the deprecated config and the global one hold differently: a setting
 * with two values, the default account, or an account's name that the global
 * config gives to another id. A person, or --force, says what is to be done.
 */
typedef struct {
    Str key;     /* of a setting, in the global form; empty: an account */
    int64_t id;  /* of the account */
    Str now;     /* the global config's value */
    Str old;     /* the deprecated one's; of an account: its name */
    bool take;   /* the old value counts; the account is taken over */
    Str renamed; /* the account's name from now on */
} ConfigClash;

typedef struct {
    ConfigClash *clash;
    int count;
} ConfigClashes;

/* What a migration did. */
typedef struct {
    Str *added; /* accounts, by their labels */
    int added_count;
    Str *kept; /* those that were in the global config already */
    int kept_count;
    Str *left; /* those that were left out */
    int left_count;
    Str *broken; /* those that no command could use, left out too */
    int broken_count;
    Str archive;   /* what the old file is called now */
    Str gitignore; /* the ignore file that was changed, or empty */
    Str exposed;   /* why git does not ignore the archive, or empty */
} ConfigMigrated;

/* The key that a deprecated file's setting has in the global form. */
static Str config_global_key(Str key)
{
    return str_eq(key, S("defaultMode")) ? S("defaultCmsPublishMode") : key;
}

/* Is it a setting, other than the accounts, their default, and flags? */
static bool config_is_setting(const YamlNode *entry)
{
    static const char *const others[] = {"accounts",       "portals",
                                         "defaultAccount", "defaultPortal",
                                         "flags",          "<<"};
    for (int i = 0; i < COUNT(others); i++)
        if (yaml_key_is(entry, str_from(others[i])))
            return false;
    return true;
}

/* A value for a person to compare. */
static Str config_value_text(const YamlNode *node)
{
    return !node || node->kind != YAML_TEXT ? S("(a list or map)") : node->text;
}

static YamlNode *config_get(const Config *config, Str key)
{
    YamlNode *entry = yaml_own_entry(config->root, key);
    if (!entry && str_eq(key, S("defaultCmsPublishMode")) &&
        config->form == CONFIG_DEPRECATED)
        entry = yaml_own_entry(config->root, S("defaultMode"));
    return yaml_follow(entry);
}

static void config_add_clash(ConfigClashes *list, ConfigClash clash)
{
    list->clash[list->count++] = clash;
}

/* Can commands use this account, whatever it is called? */
static bool config_is_usable(const ConfigAccount *account)
{
    Err faults = {0};
    ConfigAccount nameless = *account;
    nameless.name = (Str){0};
    nameless.name_is_odd = false;
    config_check_account(&faults, &nameless, 0);
    return !faults.rows && !faults.rows_left_out;
}

/* The account's name, or one like it where a config with that one would be
 * refused. */
static Str config_good_name(Arena *arena, const ConfigAccount *account)
{
    Err fault = {0};
    if ((!account->name.len && !account->name_is_odd) ||
        config_check_name(&(Config){0}, account->name, 0, &fault))
        return account->name;
    Str name = config_kebab_case(arena, account->name);
    return name.len ? name
                    : arena_printf(arena, "account-%" PRId64, account->id);
}

/* `<name>_<id>`: what an account is called whose name is taken. */
static Str config_other_name(Arena *arena, const ConfigAccount *account)
{
    return arena_printf(arena, "%.*s_%" PRId64,
                        P(config_good_name(arena, account)), account->id);
}

/* The account, if another than `id`, that has this name. */
static const ConfigAccount *config_name_taken(const Config *config, Str name,
                                              int64_t id)
{
    for (int i = 0; name.len && i < config->count; i++)
        if (config->accounts[i].id != id &&
            str_eq_nocase(config->accounts[i].name, name))
            return &config->accounts[i];
    return NULL;
}

/* A name that no account of the config has. */
static Str config_free_name(Arena *arena, const Config *config,
                            const ConfigAccount *account, Str wanted)
{
    Str name = wanted;
    for (int n = 2; config_name_taken(config, name, account->id); n++)
        name = arena_printf(arena, "%.*s_%d",
                            P(config_other_name(arena, account)), n);
    return name;
}

/* Finds what a migration from `old` to `now` has to decide; the list and its
 * texts live in `arena`. */
static ConfigClashes config_find_clashes(Arena *arena, const Config *old,
                                         const Config *now)
{
    int most = old->count + (old->root ? old->root->count : 0) + 1;
    ConfigClashes list = {arena_array(arena, most, sizeof(*list.clash)), 0};
    const ConfigAccount *a = config_find(old, old->default_account);
    const ConfigAccount *b = config_find(now, now->default_account);
    if (a && b && a->id != b->id && config_is_usable(a))
        config_add_clash(&list, (ConfigClash){.key = S("defaultAccount"),
                                              .now = config_label(arena, b),
                                              .old = config_label(arena, a)});
    for (YamlNode *entry = old->root ? old->root->first : NULL; entry;
         entry = entry->next) {
        Str key = config_global_key(entry->key->text);
        const YamlNode *there = config_get(now, key);
        ConfigClash clash = {.key = key,
                             .now = config_value_text(there),
                             .old = config_value_text(yaml_follow(entry))};
        if (config_is_setting(entry) && !yaml_is_null(there) &&
            !yaml_is_null(yaml_follow(entry)) && !str_eq(clash.now, clash.old))
            config_add_clash(&list, clash);
    }
    for (int i = 0; i < old->count; i++) {
        const ConfigAccount *account = &old->accounts[i];
        Str name = config_good_name(arena, account);
        ConfigClash clash = {.id = account->id, .old = name};
        if (!config_is_usable(account) || config_find_id(now, account->id) ||
            !config_name_taken(now, name, account->id))
            continue;
        clash.renamed = config_free_name(arena, now, account,
                                         config_other_name(arena, account));
        config_add_clash(&list, clash);
    }
    return list;
}

/* What was decided about a setting, or about an account; NULL: nothing. */
static const ConfigClash *config_decision(const ConfigClashes *list, Str key,
                                          int64_t id)
{
    for (int i = 0; i < list->count; i++)
        if (list->clash[i].id == id && str_eq(list->clash[i].key, key))
            return &list->clash[i];
    return NULL;
}

/* Takes the settings over that the global config has not, or that were
 * decided for. What the old file lacks changes nothing. */
static bool config_merge_settings(ConfigEdit *edit, const Config *old,
                                  const ConfigClashes *decided, Err *err)
{
    int room = YAML_NODES;
    for (YamlNode *entry = old->root->first; entry; entry = entry->next) {
        Str key = config_global_key(entry->key->text);
        const ConfigClash *clash = config_decision(decided, key, 0);
        bool missing = yaml_is_null(config_get(&edit->config, key));
        if (!config_is_setting(entry) || yaml_is_null(yaml_follow(entry)) ||
            (!missing && (!clash || !clash->take)))
            continue;
        YamlNode *copy = yaml_clone(edit->arena, entry, YAML_DEPTH, &room);
        if (!copy)
            return err_set(err, EXIT_CONFIG, "%.*s is too large to take over",
                           P(old->path));
        yaml_set(edit->arena, edit->config.root, arena_cstr(edit->arena, key),
                 copy);
    }
    return true;
}

/* Adds the flags that the global config has not. */
static void config_merge_flags(ConfigEdit *edit, const Config *old)
{
    const YamlNode *from = yaml_get(old->root, "flags");
    YamlNode *to = yaml_get(edit->config.root, "flags");
    if (!from || from->kind != YAML_LIST || (to && to->kind != YAML_LIST))
        return;
    if (!to) {
        to = yaml_new(edit->arena, YAML_LIST);
        yaml_set(edit->arena, edit->config.root, "flags", to);
    }
    for (YamlNode *flag = from->first; flag; flag = flag->next) {
        Str name = yaml_text(yaml_follow(flag));
        bool there = false;
        for (YamlNode *own = to->first; own && !there; own = own->next)
            there = str_eq(yaml_text(yaml_follow(own)), name);
        if (name.len && !there)
            yaml_append(to, yaml_new_text(edit->arena, name));
    }
}

/* A copy of an account's map in the global form; NULL: it is too large for the
 * nodes that `*room` is left for. */
static YamlNode *config_global_account(Arena *arena,
                                       const ConfigAccount *account, int *room)
{
    YamlNode *node = yaml_clone(arena, account->node, YAML_DEPTH, room);
    YamlNode *id = node ? yaml_own_entry(node, S("portalId")) : NULL;
    if (!node)
        return NULL;
    if (id && !yaml_own_entry(node, S("accountId")))
        id->key = yaml_new_text(arena, S("accountId"));
    /* The official client lists no account that has no type. */
    if (!yaml_text(yaml_own_entry(node, S("accountType"))).len)
        config_set_text(arena, node, "accountType",
                        account->type.len ? account->type : S("STANDARD"));
    yaml_remove_key(node, "sandboxAccountType");
    return node;
}

/* Makes room in the typed view for `more` accounts, which config_merge_add()
 * adds: to read the tree anew for each would cost its square. */
static void config_merge_room(ConfigEdit *edit, int more)
{
    Config *config = &edit->config;
    ConfigAccount *accounts = arena_array(
        edit->arena, (ptrdiff_t)config->count + more, sizeof(*accounts));
    for (int i = 0; i < config->count; i++)
        accounts[i] = config->accounts[i];
    config->accounts = accounts;
}

static void config_merge_add(ConfigEdit *edit, YamlNode *list, YamlNode *node)
{
    Config *config = &edit->config;
    yaml_append(list, node);
    config_read_account(node, &config->accounts[config->count++]);
}

/* Takes the accounts over that the global config has not. */
static bool config_merge_accounts(ConfigEdit *edit, const Config *old,
                                  const ConfigClashes *decided,
                                  ConfigMigrated *done, Err *err)
{
    Arena *arena = edit->arena;
    YamlNode *list = config_edit_list(edit, err);
    int room = YAML_NODES;
    config_merge_room(edit, old->count);
    for (int i = 0; list && i < old->count; i++) {
        const ConfigAccount *account = &old->accounts[i];
        Str label = config_label(arena, account);
        const ConfigClash *clash = config_decision(decided, S(""), account->id);
        if (config_find_id(&edit->config, account->id)) {
            done->kept[done->kept_count++] = label;
            continue;
        }
        if (!config_is_usable(account)) {
            done->broken[done->broken_count++] = label;
            continue;
        }
        if (clash && !clash->take) {
            done->left[done->left_count++] = label;
            continue;
        }
        YamlNode *node = config_global_account(arena, account, &room);
        if (!node)
            return err_set(err, EXIT_CONFIG, "%.*s is too large to take over",
                           P(old->path));
        Str name = clash ? clash->renamed : config_good_name(arena, account);
        if (!clash && config_name_taken(&edit->config, name, account->id))
            name = config_other_name(arena, account);
        name = config_free_name(arena, &edit->config, account, name);
        if (!str_eq(name, account->name))
            config_set_text(arena, node, "name", name);
        config_merge_add(edit, list, node);
        done->added[done->added_count++] = name.len ? name : label;
    }
    return list != NULL;
}

/* The default: the old one where there was none, or where that was decided. It
 * is set first of all, so that a new file begins with it; by its id, since its
 * name may become another account's, or change. */
static void config_merge_default(ConfigEdit *edit, const Config *old,
                                 const ConfigClashes *decided)
{
    const Config *now = &edit->config;
    const ConfigAccount *wanted = config_find(old, old->default_account);
    const ConfigClash *clash = config_decision(decided, S("defaultAccount"), 0);
    if (!wanted || !config_is_usable(wanted))
        return;
    const ConfigClash *account = config_decision(decided, S(""), wanted->id);
    bool present = config_find(now, now->default_account) != NULL;
    if ((present && (!clash || !clash->take)) || (account && !account->take))
        return;
    config_edit_default(edit, &(ConfigAccount){.id = wanted->id});
}

/* Renames a file that is no longer used to archived.hubspot.config.yml, or
 * to the first name like that which is free. Nobody else may read it, and
 * git ignores it as well. */
static bool config_archive(Arena *arena, Str path, ConfigMigrated *done,
                           Err *err)
{
    enum { MOST = 100 };
    Err fault = {0};
    int code = os_chmod(arena, path, 0600);
    for (int n = 1; !code && n < MOST; n++) {
        Str name = n == 1 ? S("archived.hubspot.config.yml")
                          : arena_printf(arena,
                                         "archived.hubspot.config-%d.yml", n);
        done->archive = os_path_join(arena, os_path_dir(path), name);
        if (os_exists(arena, done->archive))
            continue;
        if (!config_hide_from_git(arena, done->archive, done->archive,
                                  &done->gitignore, &fault))
            done->exposed = arena_copy(arena, str_from(fault.message));
        code = os_rename_new(arena, path, done->archive);
        if (!code)
            return true;
        code = code == EEXIST ? 0 : code;
    }
    return err_set(err, EXIT_CONFIG,
                   "the accounts are in the global config now, but %.*s cannot "
                   "be renamed: %s",
                   P(path), os_error(code ? code : EEXIST));
}

/* A migration under way. */
typedef struct {
    Config old;
    const ConfigClashes *decided;
    ConfigMigrated *done;
} ConfigMigration;

static bool config_is_among(const Str *names, int count, Str name)
{
    for (int i = 0; i < count; i++)
        if (str_eq(names[i], name))
            return true;
    return false;
}

/* Merges the old config into the global one. Where it was done before, and
 * another program undid a part of it, what was new then is new still. */
static bool config_apply_migration(ConfigEdit *edit, void *context, Err *err)
{
    ConfigMigration *migration = context;
    ConfigMigrated *done = migration->done;
    const Config *old = &migration->old;
    const ConfigMigrated first = *done;
    Arena *arena = edit->arena;
    done->added = arena_array(arena, old->count, sizeof(Str));
    done->kept = arena_array(arena, old->count, sizeof(Str));
    done->left = arena_array(arena, old->count, sizeof(Str));
    done->broken = arena_array(arena, old->count, sizeof(Str));
    done->added_count = done->kept_count = 0;
    done->left_count = done->broken_count = 0;
    for (int i = 0; i < old->count; i++) { /* changed since it was taken over */
        const ConfigAccount *there = config_find_id(&edit->config,
                                                    old->accounts[i].id);
        if (there && !config_same_sign_in(there, &old->accounts[i]) &&
            config_is_among(first.added, first.added_count,
                            config_label(arena, there)))
            config_edit_remove(edit, there);
    }
    config_merge_default(edit, old, migration->decided);
    config_merge_flags(edit, old);
    if (!config_merge_settings(edit, old, migration->decided, err) ||
        !config_merge_accounts(edit, old, migration->decided, done, err))
        return false;
    config_edit_accounts_last(edit);
    int kept = 0;
    for (int i = 0; i < done->kept_count; i++)
        if (config_is_among(first.added, first.added_count, done->kept[i]))
            done->added[done->added_count++] = done->kept[i];
        else
            done->kept[kept++] = done->kept[i];
    done->kept_count = kept;
    return true;
}

/*
 * Takes over what the deprecated config at `from` holds, and archives it, under
 * the old file's lock. Should another program write it in between, what it
 * wrote is taken over, too: before the file is renamed, and afterwards.
 */
static bool config_migrate_locked(Arena *arena, Str from, ConfigChange *change,
                                  Err *err)
{
    ConfigMigration *migration = change->context;
    ConfigMigrated *done = migration->done;
    Str source = from;
    for (int i = 0; i <= CONFIG_AGAIN; i++) {
        OsStamp stamp = os_stamp(arena, source);
        migration->old = (Config){0};
        if (!config_read_file(arena, source, CONFIG_DEPRECATED, &migration->old,
                              err) ||
            !config_change(arena, change, err))
            return false;
        if (!os_stamp_eq(stamp, os_stamp(arena, source)))
            continue;
        if (done->archive.len)
            return true;
        if (!config_archive(arena, from, done, err))
            return false;
        source = done->archive;
        if (os_stamp_eq(stamp, os_stamp(arena, source)))
            return true;
    }
    err_set(err, EXIT_CONFIG,
            "cannot migrate %.*s: another program keeps writing it", P(source));
    return err_hint(err, "Stop that program, and try again.");
}

/*
 * Takes over what the deprecated config at `from` holds into the global one
 * at `to`, which is made where it is missing, as `decided` says, and archives
 * the old file. Both are read anew under their locks. `*done` says what was
 * done; its texts live in `arena`.
 */
static bool config_migrate(Arena *arena, Str from, Str to,
                           const ConfigClashes *decided, ConfigMigrated *done,
                           Err *err)
{
    int lock = -1;
    ConfigMigration migration = {.decided = decided, .done = done};
    ConfigChange change = {.place = {.path = to, .form = CONFIG_GLOBAL},
                           .apply = config_apply_migration,
                           .context = &migration};
    *done = (ConfigMigrated){0};
    Str real = os_resolve_links(arena, from);
    int code = os_lock(arena, real, CONFIG_LOCK_MS, &lock);
    if (code)
        return config_cannot_write(from, code, err);
    bool ok = config_migrate_locked(arena, from, &change, err);
    os_unlock(arena, real, lock);
    return ok;
}

/* ==== 12 HubSpot ========================================================= *
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
    HUB_FRESH_MS = 60 * 1000,     /* and then not so soon again */
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
    int64_t fresh_until; /* of a token that this run fetched: see os_now() */
    bool oauth_v1;       /* HubSpot does not know the dated token call */
    int64_t foreign; /* the account that a fresh token belongs to, if another */
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
    bool reads; /* a POST that changes nothing, and may be repeated */
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
static const char *hub_site(bool qa)
{
    return qa ? "https://app.hubspotqa.com" : "https://app.hubspot.com";
}

static const char *hub_website(const Hub *hub)
{
    return hub_site(hub->account.qa);
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

/* Is `scope` one of those that `out` lists? "files" is no part of
 * "files.ui_hidden.read". */
static bool hub_has_scope(Str out, Str scope)
{
    while (out.len)
        if (str_eq(str_trim(str_cut(&out, ',')), scope))
            return true;
    return false;
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
            if (scope.len && !hub_has_scope(buf_str(out), scope))
                buf_printf(out, "%s%.*s", out->len ? ", " : "", P(scope));
        }
    }
}

/* The environment variable that has the account's credential. */
static const char *hub_variable(const Hub *hub)
{
    static const char *const names[] = {
        [CONFIG_AUTH_UNKNOWN] = "HUBSPOT_PERSONAL_ACCESS_KEY",
        [CONFIG_AUTH_KEY] = "HUBSPOT_PERSONAL_ACCESS_KEY",
        [CONFIG_AUTH_OAUTH2] = "HUBSPOT_REFRESH_TOKEN",
        [CONFIG_AUTH_API_KEY] = "HUBSPOT_API_KEY",
        [CONFIG_AUTH_TOKEN] = "HUBSPOT_ACCESS_TOKEN",
    };
    return config_env_source(hub->arena, names[hub->account.auth]);
}

/* What to do where HubSpot refuses the credential itself. */
static const char *hub_again(const Hub *hub)
{
    const Config *config = hub->config;
    bool from_env = !config || config->form == CONFIG_ENVIRONMENT;
    const char *command = config && config->form == CONFIG_DEPRECATED
                              ? "auth"
                              : "account auth";
    const char *what = hub_variable(hub);
    if (!from_env && hub->account.auth == CONFIG_AUTH_API_KEY)
        what = "The config's apiKey";
    else if (!from_env && hub->account.auth == CONFIG_AUTH_OAUTH2)
        return arena_printf(hub->arena,
                            "Sign in again: hs %s --auth-type oauth2 "
                            "--account %" PRId64,
                            command, hub->account.id)
            .ptr;
    else if (!from_env)
        return arena_printf(hub->arena, "Sign in again with hs %s.", command)
            .ptr;
    return arena_printf(hub->arena, "%s is not, or no longer, good.", what).ptr;
}

/* Names the missing scopes, and where they are given. */
static void hub_hint_scopes(Arena *arena, const Hub *hub, Str scopes, Err *err)
{
    const ConfigAccount *account = &hub->account;
    bool key = account->auth != CONFIG_AUTH_TOKEN &&
               account->auth != CONFIG_AUTH_OAUTH2;
    Str where = S("Add them to its app.");
    if (account->auth == CONFIG_AUTH_OAUTH2)
        where = S("Sign in again with --scopes.");
    else if (key)
        where = arena_printf(arena,
                             "Add them at %s/personal-access-key/%" PRId64 ".",
                             hub_website(hub), account->id);
    err_hint(err, "The %s lacks scopes%s%.*s. %.*s", key ? "key" : "token",
             scopes.len ? ": " : "", P(scopes), P(where));
}

/* Is it a web page? Then a proxy or a login page of the network has sent it,
 * or HubSpot's edge, and nothing in it is about the key. */
static bool hub_is_page(const HttpRes *res)
{
    Str type = http_header(res, S("Content-Type"));
    bool html = str_in_words(str_trim(str_cut(&type, ';')),
                             "text/html application/xhtml+xml");
    Str body = str_slice(res->body, 0, KIB);
    if (str_starts(body, S("\xef\xbb\xbf")))
        body = str_slice(body, 3, body.len);
    body = str_trim(body);
    return str_starts(body, S("<")) || (html && !str_starts(body, S("{")));
}

/* The account's data is in another region, a Hublet, than the host's (488). A
 * token must not follow there by itself: the answer could name any host. */
static void hub_hint_region(const Hub *hub, const HttpRes *res,
                            const cJSON *body, Err *err)
{
    Str region = json_text(body, "correctHublet");
    ptrdiff_t letters = 0;
    if (!region.len)
        region = http_header(res, S("X-HubSpot-Correct-Hublet"));
    while (letters < region.len && islower((unsigned char)region.ptr[letters]))
        letters++;
    ptrdiff_t end = letters;
    while (end < region.len && str_is_digit(region.ptr[end]))
        end++;
    bool known = letters >= 2 && letters <= 4 && end == region.len &&
                 end - letters >= 1 && end - letters <= 2;
    if (known)
        err_hint(err,
                 "The account is in the region %.*s. Its API host: "
                 "HUBAPI_DOMAIN_OVERRIDE=api-%.*s.hubapi",
                 P(region), P(region));
    else
        err_hint(err,
                 "Account %" PRId64 " is in another region of HubSpot's, or "
                 "does not exist.",
                 hub->account.id);
}

/* The hint that belongs to a refused answer. */
static void hub_hint(Arena *arena, const Hub *hub, const HttpRes *res,
                     const cJSON *body, Err *err)
{
    Buf scopes = buf_new(arena, 800);
    const cJSON *fault = NULL;
    hub_add_scopes(&scopes, json_get(body, "context"));
    const cJSON *errors = json_get(body, "errors");
    cJSON_ArrayForEach(fault, errors)
    {
        hub_add_scopes(&scopes, json_get(fault, "context"));
    }
    bool missing = str_eq(json_text(body, "category"), S("MISSING_SCOPES"));
    if (missing || scopes.len)
        hub_hint_scopes(arena, hub, buf_str(&scopes), err);
    if (str_eq(json_text(body, "policyName"), S("DAILY")))
        err_hint(err, "The daily limit ends at midnight of the account's time "
                      "zone; trying again before is no use.");
    if (res->status == 429)
        err_hint(err, "Try again later, or wait longer with --max-wait.");
    if (res->status == 488)
        hub_hint_region(hub, res, body, err);
    if (hub_is_page(res) && res->status < 500 && res->status != 404)
        err_hint(err, "A web page came with it: a proxy or a login page of the "
                      "network may have answered, not HubSpot.");
    if (res->status == 401)
        err_hint(err, "%s", hub_again(hub));
}

/* The id that HubSpot's support asks for; a web page has it in its header. */
static void hub_add_correlation(Buf *text, const HttpRes *res,
                                const cJSON *body)
{
    Str id = json_text(body, "correlationId");
    if (!id.len)
        id = http_header(res, S("X-HubSpot-Correlation-Id"));
    if (id.len)
        buf_printf(text, " (correlation id %.*s)", P(str_slice(id, 0, 80)));
}

/* What a refusal says, and its code if `status` is one (that of OAuth2 is). */
static void hub_add_reason(const Hub *hub, Buf *text, const cJSON *body)
{
    static const char *const names[] = {"message", "error_description",
                                        "error"};
    Str message = {0};
    Str code = json_text(body, "status");
    bool is_code = code.len > 0 && code.len <= 60;
    const cJSON *fault = NULL;
    for (int i = 0; i < COUNT(names) && !message.len; i++)
        message = json_text(body, names[i]);
    message = term_unecho(hub->term, text->arena, message, 1);
    code = term_unecho(hub->term, text->arena, code, 1);
    for (ptrdiff_t i = 0; i < code.len; i++)
        is_code &= code.ptr[i] == '_' || str_is_digit(code.ptr[i]) ||
                   (code.ptr[i] >= 'A' && code.ptr[i] <= 'Z');
    if (message.len)
        buf_printf(text, ": %.*s", P(str_slice(message, 0, 400)));
    if (is_code)
        buf_printf(text, " [%.*s]", P(code));
    cJSON_ArrayForEach(fault, json_get(body, "errors"))
    {
        Str detail = term_unecho(hub->term, text->arena,
                                 json_text(fault, "message"), 1);
        if (detail.len && !str_eq(detail, message) && text->len < 600)
            buf_printf(text, "; %.*s", P(str_slice(detail, 0, 200)));
    }
}

/*
 * Reads a response. cJSON's strings end at a NUL, so that "a\u0000.png" would
 * pass for "a": such a NUL becomes another control character, which no name and
 * no token may have either.
 */
static const cJSON *hub_read_json(Arena *arena, Str body)
{
    char *text = arena_take(arena, body.len + 1);
    str_put(text, body);
    for (ptrdiff_t i = 0; i + 5 < body.len; i++) {
        if (text[i] != '\\')
            continue;
        if (!memcmp(text + i + 1, "u0000", 5))
            text[i + 5] = '1';
        i++;
    }
    return json_read(arena, (Str){text, body.len});
}

/* Makes an error of an answer with a status of 300 or more. */
static bool hub_refused(Arena *arena, const Hub *hub, const HttpRes *res,
                        Err *err)
{
    const cJSON *body = hub_read_json(arena, res->body);
    Buf text = buf_new(arena, 2 * KIB);
    Str reason = term_unecho(hub->term, arena, res->reason, 1);
    buf_printf(&text, "HubSpot answered %d", res->status);
    if (reason.len)
        buf_printf(&text, " %.*s", P(str_slice(reason, 0, 80)));
    http_add_redirect(&text, res);
    hub_add_reason(hub, &text, body);
    hub_add_correlation(&text, res, body);
    if (res->effect)
        buf_add(&text, S("; the request may have taken effect"));
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
        daily = str_eq(
            json_text(hub_read_json(&scratch, res->body), "policyName"),
            S("DAILY"));
    arena_free(&scratch);
    return daily;
}

/* Does a key or token have only the characters that one can have (RFC 6750,
 * 2.1)? */
static bool hub_is_plain(Str key)
{
    bool plain = true;
    for (ptrdiff_t i = 0; i < key.len; i++)
        plain &= key.ptr[i] > ' ' && key.ptr[i] < 0x7f &&
                 (isalnum((unsigned char)key.ptr[i]) ||
                  strchr("+/=_-.~", key.ptr[i]));
    return plain;
}

/* An access token is sent as it is. `from` is the variable that it is from. */
static bool hub_check_token(Str token, Str from, Err *err)
{
    if (hub_is_plain(token))
        return true;
    err_set(err, EXIT_USAGE,
            "%.*s is not an access token: it has spaces, quotes or other "
            "characters that no token has",
            P(from));
    return err_hint(err, "Set it to the token alone, without quotes.");
}

/* A token or key of a response, before it is used or kept: it goes into a
 * header and into the config. */
static bool hub_check_response(Str token, Err *err)
{
    if (hub_is_plain(token))
        return true;
    err_set(err, EXIT_FAILED,
            "HubSpot's response has a token with characters that no token has; "
            "it is not used");
    return err_hint(err, "A proxy may have changed the response. Try again.");
}

/* What is no personal access key is refused before anything is sent. */
static bool hub_check_key(Str key, Err *err)
{
    bool plain = hub_is_plain(key);
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
        .api = true,
        .timeout = hub->timeout,
        .is_final = hub_is_final,
    };
}

/*
 * A web page came where a token was due, or a redirect, say to a login page:
 * HubSpot has not judged the key. What calls itself JSON under a good status
 * is as likely a fault of HubSpot's.
 */
static bool hub_page_came(const Hub *hub, const HttpRes *res, Err *err)
{
    Buf text = buf_new(hub->arena, 2 * KIB);
    Str type = http_header(res, S("Content-Type"));
    bool fault = res->status == 200 && str_find(type, S("json")) >= 0;
    buf_printf(&text, "%.*s: %s came instead of a token: %d %.*s",
               P(hub_host(hub->arena, hub, true)),
               http_is_redirect(res) ? "a redirect" : "a web page", res->status,
               P(str_slice(res->reason, 0, 80)));
    http_add_redirect(&text, res);
    hub_add_correlation(&text, res, NULL);
    err_set(err, fault ? EXIT_FAILED : EXIT_NETWORK, "%.*s", P(buf_str(&text)));
    return err_hint(err,
                    "A proxy or a login page of the network may have sent it; "
                    "HubSpot has not refused the sign-in.%s%.*s%s",
                    hub->pool->has_proxy ? " Check " : "",
                    P(hub->pool->has_proxy ? hub->pool->proxy_from : S("")),
                    hub->pool->has_proxy ? "." : "");
}

/* Is it no answer of the token call's, but what hub_page_came() is for? A page
 * with a rate limit is one of HubSpot's edge. */
static bool hub_is_stray(const HttpRes *res)
{
    return http_is_redirect(res) || (res->status != 429 && hub_is_page(res));
}

/* The token call says no. These refusals are about the key. */
static bool hub_key_refused(const Hub *hub, const HttpRes *res, Err *err)
{
    if (hub_is_stray(res))
        return hub_page_came(hub, res, err);
    bool key = res->status == 400 || res->status == 401 || res->status == 403 ||
               res->status == 404;
    if (key)
        err_hint(err,
                 "The key is not, or no longer, good. Make a new one at "
                 "%s/l/personal-access-key and %s.",
                 hub_website(hub),
                 hub->config && hub->config->form == CONFIG_ENVIRONMENT
                     ? "set HUBSPOT_PERSONAL_ACCESS_KEY to it"
                     : "run hs account auth");
    hub_refused(hub->arena, hub, res, err);
    if (key)
        err->code = EXIT_AUTH;
    return false;
}

/* The request for an access token for the account's personal access key (POST
 * /localdevauth/v1/auth/refresh). */
static HttpReq hub_key_request(const Hub *hub)
{
    Arena *arena = hub->arena;
    const ConfigAccount *account = &hub->account;
    cJSON *body = json_new(arena);
    json_add_text(body, "encodedOAuthRefreshToken", secret_text(account->key));
    Str path = S("/localdevauth/v1/auth/refresh");
    if (account->id > 0)
        path = arena_printf(arena, "%.*s?portalId=%" PRId64, P(path),
                            account->id);
    HttpReq req = hub_token_request(arena, hub, path);
    req.content_type = S("application/json");
    req.body = json_write(arena, body, false);
    return req;
}

/* The account that a response names under `name`; -1 if it names none, or
 * repeats the name: parsers differ in which of the values they use. */
static int64_t hub_named_id(const cJSON *answer, const char *name)
{
    const cJSON *item = json_get(answer, name);
    const cJSON *other = item ? item->next : NULL;
    for (; other; other = other->next)
        if (other->string && !strcmp(other->string, name))
            return -1;
    return json_int_of(item);
}

/* Explains a credential from the config that belongs to account `id`. */
static bool hub_wrong_account(const Hub *hub, int64_t id, Err *err)
{
    const ConfigAccount *account = &hub->account;
    bool oauth = account->auth == CONFIG_AUTH_OAUTH2;
    const char *what = oauth ? "refresh token" : "key";
    if (account->name.len)
        err_set(err, EXIT_CONFIG,
                "the %s of '%.*s' (%" PRId64 ") belongs to account %" PRId64,
                what, P(account->name), account->id, id);
    else
        err_set(err, EXIT_CONFIG,
                "the %s of account %" PRId64 " belongs to account %" PRId64,
                what, account->id, id);
    return err_hint(err, "Sign in again: hs %s%s --account %" PRId64 ".",
                    hub->config->form == CONFIG_DEPRECATED ? "auth"
                                                           : "account auth",
                    oauth ? " --auth-type oauth2" : "", account->id);
}

/*
 * Is a new token for the account that it was requested for? `id` is the
 * account that HubSpot's response names. A token of another account is never
 * sent or kept, whatever the config says (design.md, "Other programs"). While
 * the account is unknown, at a first sign-in, any is right.
 */
static bool hub_check_owner(const Hub *hub, int64_t id, Err *err)
{
    const ConfigAccount *account = &hub->account;
    bool from_env = hub->config && hub->config->form == CONFIG_ENVIRONMENT;
    if (id > 0 && (account->id <= 0 || id == account->id))
        return true;
    if (id <= 0) {
        err_set(err, EXIT_FAILED,
                "HubSpot's response does not say which account the token is "
                "for");
        return err_hint(err, "The token was not used. Try again.");
    }
    if (from_env || account->auth == CONFIG_AUTH_TOKEN) {
        err_set(err, EXIT_CONFIG,
                "%s belongs to account %" PRId64 ", not to %" PRId64 " (%s)",
                hub_variable(hub), id, account->id, config_env_id());
        return err_hint(err, "Set %s to the account of the %s.",
                        config_env_id(),
                        account->auth == CONFIG_AUTH_KEY ? "key" : "token");
    }
    if (hub->config)
        return hub_wrong_account(hub, id, err);
    if (account->auth == CONFIG_AUTH_OAUTH2)
        err_set(err, EXIT_CONFIG,
                "access was given to account %" PRId64 ", not to %" PRId64, id,
                account->id);
    else
        err_set(err, EXIT_CONFIG,
                "the key belongs to account %" PRId64 ", not to %" PRId64, id,
                account->id);
    return err_hint(err,
                    "Nothing was saved. To sign in to account %" PRId64
                    ", pass --account %" PRId64 ".",
                    id, id);
}

/* Reads the response to a personal access key, for the hub's account. What it
 * gives is in `arena`. */
static bool hub_read_token(Arena *arena, const Hub *hub, Str body,
                           HubToken *token, Err *err)
{
    const cJSON *answer = hub_read_json(arena, body);
    Str access = json_text(answer, "oauthAccessToken");
    int64_t expires = json_int(answer, "expiresAtMillis");
    if (!access.len)
        return err_set(err, EXIT_FAILED,
                       "HubSpot's answer to the key holds no access token");
    if (!hub_check_response(access, err))
        return false;
    *token = (HubToken){
        .id = hub_named_id(answer, "hubId"),
        .name = json_text(answer, "hubName"),
        .type = json_text(answer, "accountType"),
        .access_token = secret_from(access),
        .expires_at = expires > 0 ? expires : os_wall(),
        .scopes = json_get(answer, "scopeGroups"),
    };
    return hub_check_owner(hub, token->id, err);
}

/* Fetches an access token for a personal access key. A refused key is
 * EXIT_AUTH. A key of another account is EXIT_CONFIG, and `token->id` is that
 * account. */
static bool hub_fetch_token(const Hub *hub, HubToken *token, Err *err)
{
    HttpRes res;
    if (hub->config && hub->config->form == CONFIG_ENVIRONMENT &&
        !hub_check_key(secret_text(hub->account.key), err))
        return false;
    HttpReq req = hub_key_request(hub);
    if (!http_do(hub->pool, hub->arena, &req, &res, err))
        return false;
    if (res.status != 200 || hub_is_stray(&res))
        return hub_key_refused(hub, &res, err);
    bool ok = hub_read_token(hub->arena, hub, res.body, token, err);
    term_hide(hub->term, token->access_token);
    return ok;
}

static void hub_add_form(Buf *form, const char *name, Str value)
{
    if (form->len)
        buf_add_char(form, '&');
    buf_add(form, str_from(name));
    buf_add_char(form, '=');
    url_add_encoded(form, value, "");
}

/* The response to an OAuth2 call may name the account of its token. */
static bool hub_check_hub_id(Hub *hub, const cJSON *answer, Err *err)
{
    const cJSON *named = json_get(answer, "hub_id");
    int64_t id = hub_named_id(answer, "hub_id");
    if (!named || cJSON_IsNull(named) || hub_check_owner(hub, id, err))
        return true;
    hub->foreign = id;
    return false;
}

/* The dated version of the token call. HubSpot ends its predecessor, v1, on
 * 2027-02-16. */
#define HUB_OAUTH_VERSION "2026-03"

/* Takes the tokens from an answer of the token call. The end is kept as
 * three quarters of the token's life from now, as the official client keeps
 * it. */
static bool hub_take_tokens(Hub *hub, const HttpRes *res, Err *err)
{
    ConfigAccount *account = &hub->account;
    const cJSON *answer = hub_read_json(hub->arena, res->body);
    Str access = json_text(answer, "access_token");
    Str refresh = json_text(answer, "refresh_token");
    int64_t life = json_int(answer, "expires_in");
    if (!access.len)
        return err_set(err, EXIT_FAILED,
                       "HubSpot's answer holds no access token");
    if (!hub_check_response(access, err) || !hub_check_response(refresh, err))
        return false;
    if (!hub_check_hub_id(hub, answer, err))
        return false;
    account->access_token = secret_from(access);
    if (refresh.len)
        account->refresh_token = secret_from(refresh);
    if (life < 0 || life > 366 * 86400)
        life = 0;
    account->expires_at = os_wall() + life * 750;
    return true;
}

/* The token call of OAuth2 says no. `hint` is for what is not about the app. */
static bool hub_oauth_refused(const Hub *hub, const HttpRes *res,
                              const char *hint, Err *err)
{
    const cJSON *body = hub_read_json(hub->arena, res->body);
    bool app = str_eq(json_text(body, "error"), S("invalid_client")) ||
               str_starts(json_text(body, "status"), S("BAD_CLIENT_"));
    if (app)
        err_hint(err, "The app's client ID or client secret is wrong: "
                      "HUBSPOT_CLIENT_ID and HUBSPOT_CLIENT_SECRET set them, "
                      "also to sign in again.");
    else if (res->status < 500 && res->status != 429 && res->status != 488)
        err_hint(err, "%s", hint);
    hub_refused(hub->arena, hub, res, err);
    if (res->status == 400)
        err->code = EXIT_AUTH;
    return false;
}

/* Makes the token call of OAuth2 with a form that says what for. `hint` is
 * for a refusal, which is EXIT_AUTH where it is about the form. That HubSpot
 * is busy or has a fault is none. */
static bool hub_call_oauth(Hub *hub, Buf *form, bool repeatable,
                           const char *hint, Err *err)
{
    HttpRes res;
    const ConfigAccount *account = &hub->account;
    hub_add_form(form, "client_id", account->client_id);
    hub_add_form(form, "client_secret", secret_text(account->client_secret));
    for (;;) {
        HttpReq req = hub_token_request(
            hub->arena, hub,
            hub->oauth_v1 ? S("/oauth/v1/token")
                          : S("/oauth/" HUB_OAUTH_VERSION "/token"));
        req.content_type = S("application/x-www-form-urlencoded");
        req.repeatable = repeatable;
        req.body = buf_str(form);
        if (!http_do(hub->pool, hub->arena, &req, &res, err))
            return false;
        if (res.status != 404 || hub->oauth_v1)
            break;
        hub->oauth_v1 = true;
    }
    if (hub_is_stray(&res))
        return hub_page_came(hub, &res, err);
    if (res.status == 200)
        return hub_take_tokens(hub, &res, err);
    return hub_oauth_refused(hub, &res, hint, err);
}

/* Renews an OAuth2 account's token. */
static bool hub_refresh_oauth(Hub *hub, Err *err)
{
    Buf form = buf_new(hub->arena, 16 * KIB);
    const ConfigAccount *account = &hub->account;
    if (!secret_is_set(account->refresh_token)) {
        err_set(err, EXIT_AUTH, "account %" PRId64 " has no refresh token",
                account->id);
        return err_hint(err, "%s", hub_again(hub));
    }
    hub_add_form(&form, "grant_type", S("refresh_token"));
    hub_add_form(&form, "refresh_token", secret_text(account->refresh_token));
    return hub_call_oauth(hub, &form, true, hub_again(hub), err);
}

/* The page that the browser comes back to, as it is known to HubSpot. */
static const char HUB_CALLBACK[] = "http://localhost:3000/oauth-callback";

/* Trades the code that the browser brought for tokens, which the account then
 * has. A code is good for one call: that is not repeated. */
static bool hub_trade_code(Hub *hub, Secret code, Err *err)
{
    Buf form = buf_new(hub->arena, 16 * KIB);
    hub_add_form(&form, "grant_type", S("authorization_code"));
    hub_add_form(&form, "redirect_uri", str_from(HUB_CALLBACK));
    hub_add_form(&form, "code", secret_text(code));
    term_hide(hub->term, code);
    return hub_call_oauth(hub, &form, false,
                          "Check the client's id and secret, and that "
                          "http://localhost:3000/oauth-callback is one of the "
                          "app's redirect URLs.",
                          err);
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

/* The access token is new: for a while it is not fetched again, not for a 401
 * and not for its end, which the clock of this machine may put in the past. */
static void hub_mark_fresh(Hub *hub)
{
    hub->fresh_until = os_now() + HUB_FRESH_MS;
}

static bool hub_is_fresh(const Hub *hub)
{
    return os_now() < hub->fresh_until;
}

/* Fetches a new access token and keeps it in the config. That it cannot be
 * kept is worth a line, and no error: the next run fetches again. */
static bool hub_renew(Hub *hub, Err *err)
{
    HubToken token = {0};
    Err unsaved = {0};
    Str before = secret_text(hub->account.refresh_token);
    bool ok = true;
    if (hub->foreign) /* it will not be another one next time */
        return hub_check_owner(hub, hub->foreign, err);
    if (hub->account.auth == CONFIG_AUTH_OAUTH2) {
        ok = hub_refresh_oauth(hub, err);
    } else if ((ok = hub_fetch_token(hub, &token, err))) {
        hub->account.access_token = token.access_token;
        hub->account.expires_at = token.expires_at;
    } else if (secret_is_set(token.access_token)) {
        hub->foreign = token.id;
    }
    if (!ok)
        return false;
    bool renewed = hub->account.auth == CONFIG_AUTH_OAUTH2 &&
                   !str_eq(before, secret_text(hub->account.refresh_token));
    hub_mark_fresh(hub);
    hub_hide(hub);
    if (hub->config &&
        !config_save_token(hub->arena, hub->config, &hub->account, &unsaved))
        term_warn(hub->term, "the %s is not kept: %s",
                  renewed ? "new refresh token" : "access token",
                  unsaved.message);
    else if (renewed &&
             (!hub->config || hub->config->form == CONFIG_ENVIRONMENT))
        term_warn(hub->term, "HubSpot has replaced the refresh token, and the "
                             "environment cannot keep the new one");
    return true;
}

static bool hub_has_tokens(const Hub *hub)
{
    return hub->account.auth == CONFIG_AUTH_KEY ||
           hub->account.auth == CONFIG_AUTH_OAUTH2;
}

/*
 * Does the config have the account's credentials for another account as well?
 * A key belongs to one account, so the token beside it may be that of the
 * other: only a new one says which.
 */
static bool hub_is_shared(const Hub *hub)
{
    const ConfigAccount *own = &hub->account;
    for (int i = 0; hub->config && i < hub->config->count; i++) {
        const ConfigAccount *other = &hub->config->accounts[i];
        if (other->id != own->id &&
            (secret_same(own->key, other->key) ||
             secret_same(own->access_token, other->access_token) ||
             secret_same(own->refresh_token, other->refresh_token)))
            return true;
    }
    return false;
}

/* Has an access token ready, where the account's kind needs one. */
static bool hub_need_token(Hub *hub, Err *err)
{
    const ConfigAccount *account = &hub->account;
    if (!hub_has_tokens(hub))
        return true;
    if (secret_is_set(account->access_token) &&
        hub_is_plain(secret_text(account->access_token)) &&
        (hub_is_fresh(hub) ||
         (config_expiry(account) > os_wall() + HUB_EARLY_MS &&
          !hub_is_shared(hub))))
        return true;
    return hub_renew(hub, err);
}

/* What HubSpot says of an account's key. */
typedef enum {
    HUB_UNCHECKED, /* no answer, or one that says neither */
    HUB_ACTIVE,
    HUB_INACTIVE /* the account is deactivated, or gone */
} HubStanding;

typedef struct {
    const ConfigAccount *account;
    HubStanding standing;
    ExitCode code; /* why it is unchecked */
    Str reason;
} HubCheck;

typedef struct {
    Hub *hubs;
    HubCheck *checks;
    int count;
    int begun;
} HubChecks;

/* These two refusals, and no other error, mean that an account is inactive. */
static bool hub_is_inactive(const HttpRes *res)
{
    Arena scratch = {0};
    const cJSON *body = hub_read_json(&scratch, res->body);
    Str sub = json_text(body, "subCategory");
    bool named = str_eq(json_text(body, "category"),
                        S("INVALID_AUTHENTICATION"));
    bool gone = (res->status == 401 &&
                 str_eq(sub, S("LocalDevAuthErrorType.PORTAL_NOT_ACTIVE"))) ||
                (res->status == 404 &&
                 str_eq(sub, S("LocalDevAuthErrorType.INVALID_PORTAL_ID")));
    arena_free(&scratch);
    return named && gone;
}

static bool hub_next_check(void *to, HttpReq *req, void **mark)
{
    HubChecks *all = to;
    if (all->begun == all->count)
        return false;
    *mark = &all->checks[all->begun];
    *req = hub_key_request(&all->hubs[all->begun++]);
    return true;
}

static void hub_on_check(void *to, void *mark, const HttpXfer *x)
{
    const HubChecks *all = to;
    HubCheck *check = mark;
    const Hub *hub = &all->hubs[check - all->checks];
    Err fault = x->err;
    HubToken token = {0};
    Arena scratch = {0};
    if (x->state == HTTP_DONE && x->res.status == 200 &&
        !hub_is_stray(&x->res) &&
        hub_read_token(&scratch, hub, x->res.body, &token, &fault)) {
        check->standing = HUB_ACTIVE;
    } else if (x->state == HTTP_DONE && hub_is_inactive(&x->res)) {
        check->standing = HUB_INACTIVE;
    } else {
        if (x->state == HTTP_DONE && !fault.code)
            hub_key_refused(hub, &x->res, &fault);
        check->code = fault.code;
        check->reason = arena_copy(hub->arena, str_from(fault.message));
    }
    arena_free(&scratch);
}

/* Asks HubSpot about the keys of the accounts that `checks` names, many at
 * once, and fills in what it says. */
static void hub_check_keys(Arena *arena, Term *term, HttpPool *pool,
                           const Config *config, HubCheck *checks, int count)
{
    enum { AT_ONCE = 16 };
    HubChecks all = {arena_array(arena, count, sizeof(Hub)), checks, count, 0};
    HttpMany many = {.to = &all,
                     .width = AT_ONCE,
                     .next = hub_next_check,
                     .ended = hub_on_check};
    for (int i = 0; i < count; i++)
        all.hubs[i] = hub_open(arena, term, pool, config, checks[i].account);
    http_run_many(pool, &many);
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
        .repeatable = call->reads || !str_in_words(method, "POST PATCH"),
        .changes = !call->reads && !str_eq(method, S("GET")),
        .api = true,
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
        HubGate gate = {call, hub_has_tokens(hub) && !hub_is_fresh(hub)};
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

/*
 * A transfer made with hub_request() was answered 401. True where it is worth
 * to make it once more: the token was another one than now, or the present one
 * could be renewed. `used` is the request's authorization.
 */
static bool hub_renew_for(Hub *hub, Secret used, Err *err)
{
    Str text = secret_text(used);
    if (!hub_has_tokens(hub))
        return false;
    if (!str_ends(text, secret_text(hub->account.access_token)))
        return true;
    return !hub_is_fresh(hub) && hub_renew(hub, err);
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
    *out = hub_read_json(hub->arena, res.body);
    if (*out)
        return true;
    err_set(err, EXIT_FAILED, "HubSpot's answer is %s",
            hub_is_page(&res) ? "a web page, not JSON" : "not JSON");
    return !hub_is_page(&res) ? false
                              : err_hint(err, "A proxy or a login page of the "
                                              "network may have sent it.");
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

/* ---- secrets ---- */

typedef enum { HUB_SECRET_ADD, HUB_SECRET_UPDATE, HUB_SECRET_DELETE } HubAct;

/* A change of one secret, and how it went. */
typedef struct HubChange {
    HubAct act;
    Str name;
    Secret value;
    bool done;     /* HubSpot accepted it */
    bool unseen;   /* the list says otherwise: see hub_check_listed() */
    ExitCode code; /* why it is not done; 0: it was not tried */
    Str reason;
    bool renewed;           /* a 401 was met with another token */
    struct HubChange *next; /* of those to be sent once more */
} HubChange;

typedef struct {
    Hub *hub;
    HubChange *changes;
    int count;
    int begun;
    HubChange *again; /* to be sent once more */
} HubChanges;

static const char HUB_SECRETS[] = "/cms/v3/functions/secrets";

/* Lists the names of the account's secrets, of all pages; their values cannot
 * be read. */
static bool hub_list_secrets(Hub *hub, Str **names, int *count, Err *err)
{
    enum { PAGES = 100 };
    Str after = {0};
    *count = 0;
    *names = NULL;
    for (int page = 0; page < PAGES; page++) {
        const cJSON *answer = NULL;
        const cJSON *item = NULL;
        Buf path = buf_new(hub->arena, 16 * KIB);
        buf_add(&path, str_from(HUB_SECRETS));
        if (after.len)
            url_add_query(&path, S("after"), after);
        if (!hub_get_json(hub, buf_str(&path), &answer, err))
            return false;
        const cJSON *results = json_get(answer, "results");
        Str *all = arena_array(hub->arena, *count + cJSON_GetArraySize(results),
                               sizeof(*all));
        for (int i = 0; i < *count; i++)
            all[i] = (*names)[i];
        *names = all;
        cJSON_ArrayForEach(item, results)
        {
            if (cJSON_IsString(item))
                all[(*count)++] = str_from(item->valuestring);
        }
        Str cursor = json_text(json_get(json_get(answer, "paging"), "next"),
                               "after");
        if (!cursor.len || str_eq(cursor, after))
            return true;
        after = cursor;
    }
    return err_set(err, EXIT_FAILED,
                   "HubSpot's list of secrets has no end (%d pages)", PAGES);
}

/* The call that makes a change. A name is one segment of a path: every mark
 * in it is encoded. */
static HubCall hub_secret_call(const Hub *hub, const HubChange *change)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE"};
    HubCall call = {.method = str_from(methods[change->act])};
    Buf path = buf_new(hub->arena, change->name.len * 3 + KIB);
    buf_add(&path, str_from(HUB_SECRETS));
    if (change->act == HUB_SECRET_DELETE) {
        buf_add_char(&path, '/');
        url_add_encoded(&path, change->name, "");
    } else {
        cJSON *body = json_new(hub->arena);
        json_add_text(body, "key", change->name);
        json_add_text(body, "secret", secret_text(change->value));
        call.body = json_write(hub->arena, body, false);
        call.has_body = true;
    }
    call.path = buf_str(&path);
    return call;
}

/* Judges the answer to a change. What is not there any more at the second try
 * was deleted by the first. */
static bool hub_secret_judge(const Hub *hub, const HubChange *change,
                             const HttpRes *res, Err *err)
{
    return res->status < 300 ||
           (change->act == HUB_SECRET_DELETE && res->status == 404 &&
            res->again) ||
           hub_refused(hub->arena, hub, res, err);
}

/* Makes one change. An addition whose answer was lost may have been made. */
static bool hub_change_secret(Hub *hub, const HubChange *change, Err *err)
{
    HttpRes res = {0};
    HubCall call = hub_secret_call(hub, change);
    if (hub_call(hub, &call, &res, err) &&
        hub_secret_judge(hub, change, &res, err))
        return true;
    if (res.again && change->act == HUB_SECRET_ADD) {
        err->hint[0] = 0;
        err_hint(err, "It may have been added all the same: hs secrets list "
                      "shows it.");
    }
    return false;
}

static bool hub_next_change(void *to, HttpReq *req, void **mark)
{
    HubChanges *all = to;
    HubChange *change = all->again;
    if (all->hub->foreign)
        return false;
    if (change)
        all->again = change->next;
    else if (all->begun < all->count)
        change = &all->changes[all->begun++];
    else
        return false;
    HubCall call = hub_secret_call(all->hub, change);
    *mark = change;
    *req = hub_request(all->hub, &call);
    return true;
}

static void hub_on_change(void *to, void *mark, const HttpXfer *x)
{
    HubChanges *all = to;
    HubChange *change = mark;
    Err fault = x->err;
    if (x->state == HTTP_DONE && x->res.status == 401 && !change->renewed &&
        hub_renew_for(all->hub, x->req.authorization, &fault)) {
        change->renewed = true;
        change->next = all->again;
        all->again = change;
        return;
    }
    change->done = x->state == HTTP_DONE &&
                   hub_secret_judge(all->hub, change, &x->res, &fault);
    change->code = change->done ? EXIT_DONE : fault.code;
    change->reason = change->done
                         ? S("")
                         : arena_copy(all->hub->arena, str_from(fault.message));
}

/* Makes changes, several at a time; one that fails stops no other. A call
 * before this one has seen to it that the access token is good. */
static void hub_change_secrets(Hub *hub, HubChange *changes, int count)
{
    enum { AT_ONCE = 8 };
    HubChanges all = {.hub = hub, .changes = changes, .count = count};
    HttpMany many = {.to = &all,
                     .width = AT_ONCE,
                     .next = hub_next_change,
                     .ended = hub_on_change};
    http_run_many(hub->pool, &many);
}

/* Counts the accepted changes that a list of names does not show, and marks
 * them: a name that should be listed and is not, or the reverse. */
static int hub_mark_unseen(HubChange *changes, int count, const Str *names,
                           int listed)
{
    int unseen = 0;
    for (int i = 0; i < count; i++) {
        HubChange *change = &changes[i];
        bool found = false;
        for (int k = 0; k < listed && change->done; k++)
            found |= str_eq(names[k], change->name);
        change->unseen = change->done &&
                         found == (change->act == HUB_SECRET_DELETE);
        unseen += change->unseen;
    }
    return unseen;
}

/*
 * Lists the secrets until the list shows the changes that HubSpot accepted,
 * for up to HUB_LISTED_MS, and within --max-wait. What it does not show then
 * is `unseen`: users have seen additions that were accepted and never listed.
 * False where a list fails: then that is not known.
 */
static bool hub_check_listed(Hub *hub, HubChange *changes, int count, Err *err)
{
    enum { HUB_LISTED_MS = 10000, TELL_MS = 2000 };
    int64_t began = os_now();
    int64_t most = hub->pool->max_wait;
    int64_t pause = 250;
    bool told = false;
    bool ok = true;
    if (most > hub->pool->waited + HUB_LISTED_MS)
        hub->pool->max_wait = hub->pool->waited + HUB_LISTED_MS;
    for (;;) {
        Str *names = NULL;
        int listed = 0;
        ok = hub_list_secrets(hub, &names, &listed, err);
        int64_t left = began + HUB_LISTED_MS - os_now();
        if (!ok || !hub_mark_unseen(changes, count, names, listed) || left <= 0)
            break;
        if (!told && os_now() - began >= TELL_MS)
            term_say(hub->term, "Waiting for HubSpot's list of secrets to "
                                "show the change");
        told |= os_now() - began >= TELL_MS;
        if (!http_rest(hub->pool, pause < left ? pause : left))
            break;
        pause = pause < 1000 ? pause * 2 : 2000;
    }
    hub->pool->max_wait = most;
    if (os_interrupted())
        return err_set(err, (ExitCode)(128 + os_interrupted()), "interrupted");
    return ok;
}

/* ---- sandboxes: all with the parent account's token ---- */

/* How many sandboxes of a kind there are; -1: HubSpot does not say. */
typedef struct {
    int64_t used;
    int64_t available;
    int64_t limit;
} HubUsage;

/* The refusals that have a sentence of their own; the rest is as ever. */
static bool hub_sandbox_refused(const Hub *hub, const HttpRes *res, Err *err)
{
    static const struct {
        int status;
        const char *sub;
        const char *text;
        const char *hint;
    } known[] = {
        {403, "SandboxErrors.USER_ACCESS_NOT_ALLOWED",
         "the key's user is not a super admin of the account",
         "Only super admins make and delete sandboxes: ask one of them, or "
         "for that right."},
        {403, "SandboxErrors.DEVELOPMENT_SANDBOX_ACCESS_NOT_ALLOWED",
         "the account's plan has no development sandboxes",
         "See the account's plan, or make a standard sandbox."},
        {404, "SandboxErrors.SANDBOX_NOT_FOUND", "there is no such sandbox",
         "It may have been deleted already."},
    };
    Str sub = json_text(hub_read_json(hub->arena, res->body), "subCategory");
    Err fault = {0};
    hub_refused(hub->arena, hub, res, &fault);
    for (int i = 0; i < COUNT(known); i++) {
        if (res->status != known[i].status ||
            !str_eq(sub, str_from(known[i].sub)))
            continue;
        err_set(err, fault.code, "%s (%" PRId64 "): %s", known[i].text,
                hub->account.id, fault.message);
        return err_hint(err, "%s", known[i].hint);
    }
    err_set(err, fault.code, "%s", fault.message);
    if (fault.code == EXIT_AUTH && res->status == 401)
        err_hint(err,
                 "The key of account %" PRId64 " is not, or no longer, good: "
                 "sign in to it again with hs account auth.",
                 hub->account.id);
    return err_hint(err, "%s", fault.hint);
}

/* How many sandboxes of `kind` (STANDARD, DEVELOPER) the account has. */
static bool hub_sandbox_usage(Hub *hub, const char *kind, HubUsage *out,
                              Err *err)
{
    HttpRes res;
    HubCall call = {.path = arena_printf(
                        hub->arena, "/sandbox-hubs/v1/parent/%" PRId64 "/usage",
                        hub->account.id)};
    if (!hub_call(hub, &call, &res, err))
        return false;
    if (res.status >= 300)
        return hub_sandbox_refused(hub, &res, err);
    const cJSON *usage = json_get(hub_read_json(hub->arena, res.body), "usage");
    const cJSON *of = json_get(usage, kind);
    *out = (HubUsage){json_int(of, "used"), json_int(of, "available"),
                      json_int(of, "limit")};
    if (out->available < 0 && out->used >= 0 && out->limit >= 0)
        out->available = out->limit > out->used ? out->limit - out->used : 0;
    return true;
}

/*
 * Makes a sandbox; `*id` is its account. After a failure `*unsure` says that
 * it may have been made all the same: the answer was lost, or HubSpot broke
 * down over it, be it at an earlier try.
 */
static bool hub_create_sandbox(Hub *hub, Str name, const char *kind,
                               bool contacts, int64_t *id, bool *unsure,
                               Err *err)
{
    HttpRes res = {0};
    cJSON *body = json_new(hub->arena);
    json_add_text(body, "name", name);
    json_add_text(body, "type", str_from(kind));
    json_add_bool(body, "syncObjectRecords", contacts);
    HubCall call = {.method = S("POST"),
                    .path = S("/sandbox-hubs/v2/sandboxes"),
                    .body = json_write(hub->arena, body, false),
                    .has_body = true};
    bool whole = hub_call(hub, &call, &res, err);
    *unsure = res.again || (whole && res.status >= 500);
    if (!whole)
        return false;
    if (res.status >= 300)
        return hub_sandbox_refused(hub, &res, err);
    *id = json_int(hub_read_json(hub->arena, res.body), "sandboxHubId");
    *unsure = *id <= 0;
    return *id > 0 || err_set(err, EXIT_FAILED,
                              "HubSpot's answer does not say the sandbox's id");
}

/* Has HubSpot make a personal access key for a sandbox. */
static bool hub_sandbox_key(Hub *hub, int64_t id, Secret *key, Err *err)
{
    HttpRes res;
    HubCall call = {.method = S("POST"), .has_body = true};
    call.path = arena_printf(
        hub->arena,
        "/sandbox-hubs/v2/sandboxes/%" PRId64 "/personal-access-key", id);
    if (!hub_call(hub, &call, &res, err))
        return false;
    if (res.status >= 300)
        return hub_sandbox_refused(hub, &res, err);
    const cJSON *answer = hub_read_json(hub->arena, res.body);
    *key = secret_from(json_text(json_get(answer, "personalAccessKey"),
                                 "encodedOAuthRefreshToken"));
    term_hide(hub->term, *key);
    if (!secret_is_set(*key))
        return err_set(err, EXIT_FAILED, "HubSpot's answer holds no key");
    return hub_check_response(secret_text(*key), err);
}

/* Deletes a sandbox. `*gone`: HubSpot says that there is none (any more),
 * which is an error here and may be none for the caller. */
static bool hub_delete_sandbox(Hub *hub, int64_t id, bool *gone, Err *err)
{
    HttpRes res;
    HubCall call = {.method = S("DELETE")};
    call.path = arena_printf(hub->arena, "/sandbox-hubs/v1/%" PRId64, id);
    *gone = false;
    if (!hub_call(hub, &call, &res, err))
        return false;
    if (res.status < 300)
        return true;
    const cJSON *body = hub_read_json(hub->arena, res.body);
    *gone = res.status == 404 &&
            str_eq(json_text(body, "category"), S("OBJECT_NOT_FOUND")) &&
            str_eq(json_text(body, "subCategory"),
                   S("SandboxErrors.SANDBOX_NOT_FOUND"));
    return hub_sandbox_refused(hub, &res, err);
}

/* ---- The file manager ---- */

/* A file, or a folder, as the file manager shows it. */
typedef struct {
    int64_t id; /* -1: not told */
    Str name;   /* with its extension */
    Str url;
    int64_t size;    /* -1: not told */
    int64_t updated; /* milliseconds since 1970; -1: not told */
    bool archived;
    bool hidden;
    bool is_private;
    bool is_folder;
} HubFile;

/* A page of a listing. */
typedef struct {
    HubFile *files;
    int count;
    int64_t total; /* of all pages, as the server has it; -1: not told */
} HubPage;

/* A file on its way up: `fd` is open for reading and stays the caller's. */
typedef struct {
    int fd;
    OsEntry entry; /* what it was when it was opened */
    Str folder;    /* "/" for the top */
    Str name;
    Str local;      /* its name on this machine, which tells its type */
    Str access;     /* PUBLIC_INDEXABLE and the like */
    bool replace;   /* a file of that name */
    int64_t *moved; /* set to how much of the file was taken */
    Str head;       /* of the multipart body: what stands before the file */
    Str tail;       /* and behind it */
} HubUpload;

/* Makes a request for a transfer of the pool, in its `arena`. It carries the
 * present token; false where none is to be had. */
static bool hub_prepare(Hub *hub, Arena *arena, const HubCall *call,
                        HttpReq *req, Err *err)
{
    if (!hub_need_token(hub, err))
        return false;
    Hub scoped = *hub;
    scoped.arena = arena;
    *req = hub_request(&scoped, call);
    return true;
}

/* Media types and their extensions, as the official client sends them (it asks
 * the npm package mime-types 2.1.35, mime-db 1.52.0): those that people keep in
 * a file manager. Sorted; tests/test_files_upload.py compares them. */
static const char hub_media_types[] =
    "application/atom+xml atom\n"
    "application/dash+xml mpd\n"
    "application/dash-patch+xml mpp\n"
    "application/epub+zip epub\n"
    "application/geo+json geojson\n"
    "application/gpx+xml gpx\n"
    "application/gzip gz\n"
    "application/java-archive jar\n"
    "application/javascript js mjs\n"
    "application/json json map\n"
    "application/ld+json jsonld\n"
    "application/manifest+json webmanifest\n"
    "application/msword doc dot\n"
    "application/node cjs\n"
    "application/oxps oxps\n"
    "application/pdf pdf\n"
    "application/postscript ai eps ps\n"
    "application/rss+xml rss\n"
    "application/rtf rtf\n"
    "application/toml toml\n"
    "application/vnd.amazon.ebook azw\n"
    "application/vnd.android.package-archive apk\n"
    "application/vnd.apple.keynote key\n"
    "application/vnd.apple.mpegurl m3u8\n"
    "application/vnd.apple.numbers numbers\n"
    "application/vnd.apple.pages pages\n"
    "application/vnd.google-earth.kml+xml kml\n"
    "application/vnd.google-earth.kmz kmz\n"
    "application/vnd.ms-excel xla xls xlt xlw\n"
    "application/vnd.ms-excel.sheet.binary.macroenabled.12 xlsb\n"
    "application/vnd.ms-excel.sheet.macroenabled.12 xlsm\n"
    "application/vnd.ms-fontobject eot\n"
    "application/vnd.ms-outlook msg\n"
    "application/vnd.ms-powerpoint pot pps ppt\n"
    "application/vnd.ms-powerpoint.presentation.macroenabled.12 pptm\n"
    "application/vnd.ms-word.document.macroenabled.12 docm\n"
    "application/vnd.ms-word.template.macroenabled.12 dotm\n"
    "application/vnd.ms-works wps\n"
    "application/vnd.ms-xpsdocument xps\n"
    "application/vnd.oasis.opendocument.graphics odg\n"
    "application/vnd.oasis.opendocument.presentation odp\n"
    "application/vnd.oasis.opendocument.presentation-template otp\n"
    "application/vnd.oasis.opendocument.spreadsheet ods\n"
    "application/vnd.oasis.opendocument.spreadsheet-template ots\n"
    "application/vnd.oasis.opendocument.text odt\n"
    "application/vnd.oasis.opendocument.text-template ott\n"
    "application/vnd.openxmlformats-officedocument.presentationml.presentation "
    "pptx\n"
    "application/vnd.openxmlformats-officedocument.presentationml.slideshow "
    "ppsx\n"
    "application/vnd.openxmlformats-officedocument.presentationml.template "
    "potx\n"
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx\n"
    "application/vnd.openxmlformats-officedocument.spreadsheetml.template "
    "xltx\n"
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document "
    "docx\n"
    "application/vnd.openxmlformats-officedocument.wordprocessingml.template "
    "dotx\n"
    "application/vnd.rar rar\n"
    "application/vnd.visio vsd\n"
    "application/wasm wasm\n"
    "application/x-7z-compressed 7z\n"
    "application/x-apple-diskimage dmg\n"
    "application/x-bzip2 bz2\n"
    "application/x-httpd-php php\n"
    "application/x-iso9660-image iso\n"
    "application/x-mobipocket-ebook mobi\n"
    "application/x-msaccess mdb\n"
    "application/x-msdos-program exe\n"
    "application/x-msdownload msi\n"
    "application/x-mspublisher pub\n"
    "application/x-sh sh\n"
    "application/x-shockwave-flash swf\n"
    "application/x-sql sql\n"
    "application/x-subrip srt\n"
    "application/x-tar tar\n"
    "application/x-xz xz\n"
    "application/xhtml+xml xhtml\n"
    "application/xml xml xsl\n"
    "application/xslt+xml xslt\n"
    "application/zip zip\n"
    "audio/midi mid midi\n"
    "audio/mp4 m4a\n"
    "audio/mpeg mp3\n"
    "audio/ogg oga ogg opus\n"
    "audio/wave wav\n"
    "audio/webm weba\n"
    "audio/x-aac aac\n"
    "audio/x-aiff aif aiff\n"
    "audio/x-flac flac\n"
    "audio/x-mpegurl m3u\n"
    "audio/x-ms-wma wma\n"
    "font/collection ttc\n"
    "font/otf otf\n"
    "font/ttf ttf\n"
    "font/woff woff\n"
    "font/woff2 woff2\n"
    "image/apng apng\n"
    "image/avif avif\n"
    "image/bmp bmp\n"
    "image/gif gif\n"
    "image/heic heic\n"
    "image/heif heif\n"
    "image/jp2 jp2\n"
    "image/jpeg jpe jpeg jpg\n"
    "image/png png\n"
    "image/svg+xml svg svgz\n"
    "image/tiff tif tiff\n"
    "image/vnd.adobe.photoshop psd\n"
    "image/vnd.djvu djvu\n"
    "image/vnd.dwg dwg\n"
    "image/vnd.dxf dxf\n"
    "image/vnd.microsoft.icon ico\n"
    "image/webp webp\n"
    "message/rfc822 eml\n"
    "model/gltf+json gltf\n"
    "model/gltf-binary glb\n"
    "model/obj obj\n"
    "model/stl stl\n"
    "model/vnd.usdz+zip usdz\n"
    "text/calendar ics\n"
    "text/css css\n"
    "text/csv csv\n"
    "text/html htm html shtml\n"
    "text/jsx jsx\n"
    "text/less less\n"
    "text/markdown markdown md\n"
    "text/plain conf ini log text txt\n"
    "text/tab-separated-values tsv\n"
    "text/vtt vtt\n"
    "text/x-handlebars-template hbs\n"
    "text/x-scss scss\n"
    "text/x-vcard vcf\n"
    "text/yaml yaml yml\n"
    "video/3gpp 3gp\n"
    "video/3gpp2 3g2\n"
    "video/mp2t ts\n"
    "video/mp4 mp4\n"
    "video/mpeg mpeg mpg\n"
    "video/ogg ogv\n"
    "video/quicktime mov qt\n"
    "video/webm webm\n"
    "video/x-flv flv\n"
    "video/x-m4v m4v\n"
    "video/x-matroska mkv\n"
    "video/x-ms-wmv wmv\n"
    "video/x-msvideo avi\n";

/* The media type that a file's extension stands for. */
static Str hub_media_type(Str name)
{
    Str rest = str_from(hub_media_types);
    ptrdiff_t at = name.len;
    while (at && name.ptr[at - 1] != '.')
        at--;
    Str extension = str_slice(name, at, name.len);
    while (at > 1 && extension.len && rest.len) {
        Str known = str_cut(&rest, '\n');
        Str type = str_cut(&known, ' ');
        while (known.len)
            if (str_eq_nocase(str_cut(&known, ' '), extension))
                return type;
    }
    return S("application/octet-stream");
}

/* Adds a part's head; the file's has its name and type too. What would end
 * the quoted name is percent-encoded, as browsers do (HTML, 4.10.21.8), and so
 * are all control bytes: a local name may have any. */
static void hub_add_part(Buf *out, Str boundary, const char *part, Str filename)
{
    buf_printf(out, "--%.*s\r\nContent-Disposition: form-data; name=\"%s\"",
               P(boundary), part);
    if (filename.len) {
        buf_add(out, S("; filename=\""));
        for (ptrdiff_t i = 0; i < filename.len; i++) {
            unsigned char c = (unsigned char)filename.ptr[i];
            if (c == '"' || c < ' ' || c == 0x7f)
                buf_printf(out, "%%%02X", c);
            else
                buf_add_char(out, (char)c);
        }
        buf_printf(out, "\"\r\nContent-Type: %.*s",
                   P(hub_media_type(filename)));
    }
    buf_add(out, S("\r\n\r\n"));
}

/* A boundary that no file can hold but by a chance of one in 2^128. */
static bool hub_boundary(Arena *arena, Str *out, Err *err)
{
    unsigned char bytes[16];
    if (!os_entropy(bytes, sizeof(bytes)))
        return err_set(err, EXIT_FAILED, "the system gives no random bytes");
    Buf text = buf_new(arena, 64);
    buf_add(&text, S("hs-"));
    for (int i = 0; i < COUNT(bytes); i++)
        buf_printf(&text, "%02x", bytes[i]);
    *out = buf_str(&text);
    return true;
}

/* The source of an upload's body: head, file, tail. The file must still be
 * what it was when the tail is due, else the server must not take it. */
static ptrdiff_t hub_upload_source(void *from, int64_t at, char *into,
                                   ptrdiff_t room, Err *err)
{
    HubUpload *up = from;
    OsEntry now = {0};
    int64_t end = up->head.len + up->entry.size;
    ptrdiff_t n = 0;
    if (at < up->head.len || at >= end) {
        Str part = at < up->head.len ? up->head : up->tail;
        ptrdiff_t skip = (ptrdiff_t)(at < end ? at : at - end);
        char more = 0;
        if (at >= end &&
            (os_look_fd(up->fd, &now) || now.size != up->entry.size ||
             now.changed != up->entry.changed ||
             os_read_at(up->fd, &more, 1, now.size))) {
            err_set(err, EXIT_FAILED, "it changed while it was read");
            return -1;
        }
        part = str_slice(part, skip, skip + room);
        str_put(into, part);
        n = part.len;
    } else {
        int64_t left = end - at;
        n = os_read_at(up->fd, into, left < room ? (ptrdiff_t)left : room,
                       at - up->head.len);
        if (!n)
            err_set(err, EXIT_FAILED, "it became shorter while it was read");
        if (n < 0)
            err_set(err, EXIT_FAILED, "cannot read it: %s", os_error((int)-n));
    }
    int64_t moved = at + n - up->head.len;
    *up->moved = moved < 0                ? 0
                 : moved > up->entry.size ? up->entry.size
                                          : moved;
    return n;
}

/*
 * The request that uploads a file (POST /filemanager/api/v3/files/upload). To
 * repeat it where no answer came is safe only while it replaces a file of the
 * same name: else the second one would find what the first one made.
 */
static bool hub_upload_request(Hub *hub, Arena *arena, HubUpload *up,
                               HttpReq *req, Err *err)
{
    HubCall call = {.method = S("POST"),
                    .path = S("/filemanager/api/v3/files/upload")};
    Str boundary = {0};
    if (!hub_boundary(arena, &boundary, err) ||
        !hub_prepare(hub, arena, &call, req, err))
        return false;
    Buf head = buf_new(arena, 4 * KIB + 4 * up->local.len);
    Buf tail = buf_new(arena, 4 * KIB + 2 * up->name.len + up->folder.len);
    hub_add_part(&head, boundary, "file", up->local);
    buf_add(&tail, S("\r\n"));
    hub_add_part(&tail, boundary, "fileName", (Str){0});
    buf_add(&tail, up->name);
    buf_add(&tail, S("\r\n"));
    hub_add_part(&tail, boundary, "options", (Str){0});
    buf_printf(&tail, "{\"access\":\"%.*s\",\"overwrite\":%s}\r\n",
               P(up->access), up->replace ? "true" : "false");
    hub_add_part(&tail, boundary, "folderPath", (Str){0});
    buf_add(&tail, up->folder);
    buf_printf(&tail, "\r\n--%.*s--\r\n", P(boundary));
    up->head = buf_str(&head);
    up->tail = buf_str(&tail);
    req->content_type = arena_printf(
        arena, "multipart/form-data; boundary=%.*s", P(boundary));
    req->has_body = true;
    req->source = hub_upload_source;
    req->from = up;
    req->body_size = up->head.len + up->entry.size + up->tail.len;
    req->repeatable = up->replace;
    return true;
}

/* Reads one object of the file manager; its text is copied into `arena`. */
static HubFile hub_read_file(Arena *arena, const cJSON *object, bool folder)
{
    Str name = json_text(object, "name");
    Str extension = folder ? S("") : json_text(object, "extension");
    Str access = json_text(object, "access");
    Str time = json_text(object, "updated");
    int64_t updated = json_int(object, "updated");
    const Str parts[] = {name, S("."), extension};
    return (HubFile){
        .id = json_int(object, "id"),
        .name = arena_join(arena, parts, extension.len ? 3 : 1),
        .url = arena_copy(arena, json_text(object, "url")),
        .size = json_int(object, "size"),
        .updated = updated >= 0 ? updated : time_parse(time),
        .archived = cJSON_IsTrue(json_get(object, "archived")),
        .hidden = cJSON_IsTrue(json_get(object, "hidden")),
        .is_private = str_eq(access, S("PRIVATE")) ||
                      str_ends(access, S("_PRIVATE")),
        .is_folder = folder,
    };
}

/* What an upload's answer says about the file that was made. It may say
 * nothing; but a web page, or an error under a good status, is no yes. */
static bool hub_upload_answer(Hub *hub, Arena *arena, const HttpRes *res,
                              HubFile *out, Err *err)
{
    if (res->status >= 300)
        return hub_refused(arena, hub, res, err);
    const cJSON *answer = hub_read_json(arena, res->body);
    const cJSON *first = json_get(answer, "objects");
    if ((res->body.len && !cJSON_IsObject(answer)) ||
        str_eq(json_text(answer, "status"), S("error")))
        return err_set(err, EXIT_FAILED,
                       "HubSpot answered %d, but not that it has the file",
                       res->status);
    first = cJSON_IsArray(first) ? first->child : answer;
    *out = hub_read_file(arena, first, false);
    return true;
}

/* Finds a file or folder by its path (GET …/files/stat/<path>). */
static bool hub_find_file(Hub *hub, Str path, HubFile *out, Err *err)
{
    HttpRes res;
    Buf full = buf_new(hub->arena, path.len * 3 + KIB);
    buf_add(&full, S("/filemanager/api/v2/files/stat/"));
    url_add_encoded(&full, path, "/");
    HubCall call = {.path = buf_str(&full)};
    if (!hub_call(hub, &call, &res, err))
        return false;
    if (res.status == 404)
        err_hint(err, "Is it spelt as in the file manager, from its top?");
    if (res.status != 200)
        return hub_refused(hub->arena, hub, &res, err);
    const cJSON *answer = hub_read_json(hub->arena, res.body);
    const cJSON *file = json_get(answer, "file");
    const cJSON *folder = json_get(answer, "folder");
    if (!cJSON_IsObject(file) && !cJSON_IsObject(folder))
        return err_set(err, EXIT_NOT_FOUND,
                       "HubSpot has no file and no folder %.*s", P(path));
    bool is_folder = !cJSON_IsObject(file);
    *out = hub_read_file(hub->arena, is_folder ? folder : file, is_folder);
    return true;
}

/* The request for a page of what is in a folder (id 0: the top), its files or
 * its folders. */
static bool hub_page_request(Hub *hub, Arena *arena, int64_t folder,
                             bool folders, int64_t offset, bool archived,
                             HttpReq *req, Err *err)
{
    Str id = folder ? arena_int(arena, folder) : S("None");
    HubCall call = {
        .path = arena_printf(arena,
                             "/filemanager/api/v2/%s/?hidden=0&offset=%" PRId64
                             "&%s=%.*s%s",
                             folders ? "folders" : "files", offset,
                             folders ? "parent_folder_id" : "folder_id", P(id),
                             folders || archived ? "" : "&archived=0")};
    return hub_prepare(hub, arena, &call, req, err);
}

/* Reads a page; its text is copied into `arena`. */
static bool hub_read_page(Hub *hub, Arena *arena, const HttpRes *res,
                          bool folders, HubPage *out, Err *err)
{
    Arena scratch = {0};
    const cJSON *item = NULL;
    if (res->status != 200)
        return hub_refused(arena, hub, res, err);
    const cJSON *answer = hub_read_json(&scratch, res->body);
    const cJSON *objects = json_get(answer, "objects");
    bool ok = cJSON_IsArray(objects);
    *out = (HubPage){.total = json_int(answer, "total_count")};
    if (ok) {
        out->files = arena_array(arena, cJSON_GetArraySize(objects),
                                 sizeof(HubFile));
        cJSON_ArrayForEach(item, objects)
        {
            out->files[out->count++] = hub_read_file(arena, item, folders);
        }
    }
    arena_free(&scratch);
    return ok || err_set(err, EXIT_FAILED, "HubSpot's answer holds no list");
}

/* The request for an address at which a private file can be had for a while. */
static bool hub_signed_request(Hub *hub, Arena *arena, int64_t id, HttpReq *req,
                               Err *err)
{
    HubCall call = {.path = arena_printf(
                        arena, "/files/v3/files/%" PRId64 "/signed-url", id)};
    return hub_prepare(hub, arena, &call, req, err);
}

static bool hub_signed_answer(Hub *hub, Arena *arena, const HttpRes *res,
                              Str *url, Err *err)
{
    if (res->status != 200)
        return hub_refused(arena, hub, res, err);
    *url = arena_copy(arena, json_text(hub_read_json(arena, res->body), "url"));
    return url->len || err_set(err, EXIT_FAILED,
                               "HubSpot's answer holds no address of the file");
}

/*
 * The request for a file's bytes, without credentials and without portalId,
 * which would break a signed address. What is listed as plain http is asked
 * for by TLS at the same place.
 */
static bool hub_download_request(const Hub *hub, Arena *arena, Str url,
                                 HttpReq *req, Err *err)
{
    Url to = {0};
    Str full = str_starts(url, S("//"))
                   ? arena_printf(arena, "https:%.*s", P(url))
                   : url;
    bool ok = url_parse(full, &to);
    if (ok && str_eq_nocase(to.scheme, S("http"))) {
        to.scheme = S("https");
        to.port = to.port == 80 ? 443 : to.port;
    }
    if (!ok || !str_eq_nocase(to.scheme, S("https")))
        return err_set(err, EXIT_FAILED,
                       "HubSpot names no address for it that can be used");
    Buf path = buf_new(arena, to.path.len * 3 + 1);
    if (!str_starts(to.path, S("/")))
        buf_add_char(&path, '/');
    url_add_encoded(&path, to.path, URL_PATH_MARKS);
    to.path = buf_str(&path);
    *req = (HttpReq){
        .method = S("GET"),
        .url = to,
        .accept = S("application/octet-stream"),
        .repeatable = true,
        .follow = true,
        .direct = true,
        .timeout = hub->timeout,
    };
    return true;
}

/*
 * Asks HubSpot which account a fresh token is for, and what type it has.
 * False where that is another one than it was got for. That it cannot be
 * asked is no error: an app may lack the scope.
 */
static bool hub_check_account(Hub *hub, Err *err)
{
    Err unknown = {0};
    const cJSON *answer = NULL;
    if (!hub_get_json(hub, S("/account-info/v3/details"), &answer, &unknown)) {
        if (os_interrupted())
            return err_set(err, unknown.code, "%s", unknown.message);
        term_debug(hub->term, "the account's type is unknown: %s",
                   unknown.message);
        return true;
    }
    int64_t id = hub_named_id(answer, "portalId");
    if (id > 0 && !hub_check_owner(hub, id, err))
        return false;
    hub->account.type = json_text(answer, "accountType");
    return true;
}

/*
 * Looks up the account of a token that came alone (HUBSPOT_ACCESS_TOKEN without
 * HUBSPOT_ACCOUNT_ID). A service key or a private app may lack the scope of the
 * first request; the second needs none, but knows only their tokens.
 */
static bool hub_look_up_account(Hub *hub, Err *err)
{
    HttpRes res = {0};
    Err ignored = {0};
    const cJSON *answer = NULL;
    if (hub->account.id > 0)
        return true;
    hub_get_json(hub, S("/account-info/v3/details"), &answer, err);
    int64_t id = hub_named_id(answer, "portalId");
    hub->account.type = json_text(answer, "accountType");
    if (id <= 0 && !os_interrupted() && err->code != EXIT_NETWORK) {
        cJSON *body = json_new(hub->arena);
        json_add_text(body, "tokenKey", secret_text(hub->account.key));
        HubCall call = {
            .method = S("POST"),
            .path = S("/oauth/v2/private-apps/get/access-token-info"),
            .body = json_write(hub->arena, body, false),
            .has_body = true,
            .reads = true};
        if (hub_call(hub, &call, &res, &ignored) && res.status < 300)
            id = hub_named_id(hub_read_json(hub->arena, res.body), "hubId");
    }
    if (id <= 0) {
        err_set(err, EXIT_CONFIG, "HubSpot does not name the token's account");
        return err_hint(err, "Set HUBSPOT_ACCOUNT_ID to the account's ID.");
    }
    hub->account.id = id;
    *err = (Err){0};
    return true;
}

/* ---- What a browser brings ---- */

/*
 * A sign-in in which a browser has a part: a page of HubSpot's is to be opened
 * at `url`, and what it gives comes to a server on loopback. While it is
 * awaited, `meanwhile` lets a prompt stand; it is over when the browser has
 * answered, or the time is.
 */
typedef struct {
    Arena *arena;
    LoopServer server;
    AskMeanwhile meanwhile;
    int64_t patience; /* milliseconds, from the start */
    int64_t deadline;
    Str url;
    Str token;  /* random: who does not bring it back is somebody else */
    Secret got; /* the personal access key, or the code */
    Str fault;  /* why there is none, as HubSpot calls it */
} HubVisit;

/* A random UUID (RFC 4122, version 4). */
static bool hub_uuid(Arena *arena, Str *out, Err *err)
{
    unsigned char b[16];
    Buf text = buf_new(arena, 64);
    if (!os_entropy(b, sizeof(b)))
        return err_set(err, EXIT_FAILED, "the system gives no random bytes");
    b[6] = (unsigned char)((b[6] & 15) | 0x40);
    b[8] = (unsigned char)((b[8] & 63) | 0x80);
    for (int i = 0; i < COUNT(b); i++)
        buf_printf(&text, "%s%02x",
                   i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
    *out = buf_str(&text);
    return true;
}

/* Where a key is made or shown: for one account (`id`), or for the one that
 * is chosen there (0). */
static Str hub_key_page(Arena *arena, bool qa, int64_t id)
{
    const char *site = hub_site(qa);
    return id > 0 ? arena_printf(arena, "%s/personal-access-key/%" PRId64, site,
                                 id)
                  : arena_printf(arena, "%s/l/personal-access-key", site);
}

/* The pages that may hand a key over: those of HubSpot's website. */
static bool hub_may_open(void *to, Str origin)
{
    (void)to;
    if (!str_starts(origin, S("https://")))
        return false;
    Str domain = str_slice(origin, 8, origin.len);
    Str host = str_cut(&domain, '.');
    return str_in_words(host, "local app app-na2 app-na3 app-ap1 app-eu1") &&
           str_in_words(domain, "hubspot.com hubspotqa.com");
}

/* A message of the page: the first key with the right token counts. */
static Str hub_take_key(void *to, Str text, int *close)
{
    HubVisit *visit = to;
    Arena scratch = {0};
    const cJSON *message = json_read(&scratch, text);
    const cJSON *data = json_get(message, "data");
    Str answer = {0};
    Str text_of_key = json_text(data, "personalAccessKey");
    bool key = text_of_key.len && str_eq(json_text(message, "type"),
                                         S("client:personalAccessKey"));
    if (key &&
        (visit->meanwhile.over ||
         !secret_eq(json_text(data, "cliCallbackToken"), visit->token))) {
        answer = S("{\"type\":\"server:authFailed\",\"data\":{\"reason\":"
                   "\"cliCallbackTokenMismatch\"}}");
        *close = LOOP_POLICY;
    } else if (key) {
        visit->got = secret_from(arena_copy(visit->arena, text_of_key));
        visit->meanwhile.over = true;
        answer = S("{\"type\":\"server:authReceived\"}");
        *close = LOOP_NORMAL;
    }
    arena_free(&scratch);
    return answer;
}

static LoopPage hub_no_page(void *to, Str target)
{
    (void)to;
    (void)target;
    return (LoopPage){404, "Nothing here",
                      "hs waits here for a page of HubSpot's.", false};
}

/* What an address that the browser came back to says. */
typedef enum {
    HUB_FOREIGN, /* it does not belong to this sign-in */
    HUB_DENIED,  /* access was not given; `fault` says why */
    HUB_GIVEN    /* `got` is the code */
} HubCallback;

/* Reads such an address, or a target of it. Without the state that this run
 * made up it is not believed, whatever it says (RFC 6749, 10.12). */
static HubCallback hub_read_callback(HubVisit *visit, Str address)
{
    Arena *arena = visit->arena;
    Str code = url_query_value(arena, address, S("code"));
    Str fault = url_query_value(arena, address, S("error"));
    if (!secret_eq(url_query_value(arena, address, S("state")), visit->token))
        return HUB_FOREIGN;
    visit->meanwhile.over = true;
    if (code.len && !fault.len) {
        visit->got = secret_from(code);
        return HUB_GIVEN;
    }
    visit->fault = fault.len ? fault : S("there is no code in the answer");
    if (str_printable_run(fault) < fault.len) /* RFC 6749, 4.1.2.1 */
        visit->fault = S("for a reason that is not in plain letters");
    return HUB_DENIED;
}

/* The browser comes back from the consent page. How it went is told once the
 * code is traded. */
static LoopPage hub_take_code(void *to, Str target)
{
    HubVisit *visit = to;
    Str query = target;
    if (!str_eq(str_cut(&query, '?'), S("/oauth-callback")))
        return hub_no_page(to, target);
    if (visit->meanwhile.over)
        return (LoopPage){409, "Too late", "An answer is there already.",
                          false};
    switch (hub_read_callback(visit, target)) {
    case HUB_GIVEN:
        return (LoopPage){.later = true};
    case HUB_DENIED:
        return (LoopPage){200, "Not signed in",
                          "HubSpot gave no access. The terminal says more.",
                          false};
    case HUB_FOREIGN:
    default:
        return (LoopPage){400, "Not signed in",
                          "This page does not belong to the sign-in that hs "
                          "waits for, which goes on.",
                          false};
    }
}

/* Lets the browser in until the time is over: see AskMeanwhile. */
static bool hub_visit_wait(void *to, int fd, int64_t timeout)
{
    HubVisit *visit = to;
    int64_t left = visit->deadline - os_now();
    if (left <= 0)
        visit->meanwhile.over = true;
    if (visit->meanwhile.over)
        return false;
    bool ready = loop_turn(&visit->server, fd,
                           timeout < 0 || left < timeout ? left : timeout);
    return ready && !visit->meanwhile.over;
}

/* What both kinds of a visit begin with; `patience` in milliseconds. */
static HubVisit *hub_visit_new(Arena *arena, int64_t patience, Err *err)
{
    HubVisit *visit = arena_alloc(arena, sizeof(*visit));
    visit->arena = arena;
    visit->patience = patience;
    visit->deadline = os_now() + patience;
    visit->meanwhile.wait = hub_visit_wait;
    visit->meanwhile.to = visit;
    return hub_uuid(arena, &visit->token, err) ? visit : NULL;
}

/* Awaits a personal access key from HubSpot's page, over WebSocket. NULL with
 * the error where that cannot be. */
static HubVisit *hub_visit_for_key(Arena *arena, bool qa, int64_t id,
                                   int64_t patience, Err *err)
{
    HubVisit *visit = hub_visit_new(arena, patience, err);
    Buf url = buf_new(arena, 512);
    if (!visit)
        return NULL;
    LoopApp app = {.to = visit,
                   .get = hub_no_page,
                   .may_open = hub_may_open,
                   .message = hub_take_key,
                   .greeting = S("{\"type\":\"server:cliMetadata\",\"data\":"
                                 "{\"cliVersion\":\"" HS_VERSION
                                 "\",\"accountAuthWebsocketServerVersion\":1"
                                 "}}")};
    int code = loop_open(&visit->server, &app, 0);
    if (code) {
        err_set(err, EXIT_FAILED, "cannot listen on loopback: %s",
                os_error(code));
        return NULL;
    }
    buf_add(&url, hub_key_page(arena, qa, id));
    url_add_query(&url, S("cliCallbackPort"),
                  arena_int(arena, visit->server.port));
    url_add_query(&url, S("cliCallbackToken"), visit->token);
    visit->url = buf_str(&url);
    return visit;
}

/* Awaits the code of an OAuth2 account, at the one address that the app has
 * told HubSpot. `scopes` are separated by spaces. */
static HubVisit *hub_visit_for_code(Arena *arena, const ConfigAccount *account,
                                    Str scopes, int64_t patience, Err *err)
{
    enum { PORT = 3000 };
    HubVisit *visit = hub_visit_new(arena, patience, err);
    Buf url = buf_new(arena, 16 * KIB);
    if (!visit)
        return NULL;
    LoopApp app = {.to = visit, .get = hub_take_code};
    int code = loop_open(&visit->server, &app, PORT);
    if (code) {
        err_set(err, EXIT_FAILED, "cannot listen on port %d of localhost: %s",
                PORT,
                code == EADDRINUSE ? "another program does" : os_error(code));
        err_hint(err, "HubSpot sends the browser there. End what listens "
                      "(ss -ltnp shows it) and try again.");
        return NULL;
    }
    buf_printf(&url, "%s/oauth/%" PRId64 "/authorize", hub_site(account->qa),
               account->id);
    url_add_query(&url, S("client_id"), account->client_id);
    url_add_query(&url, S("scope"), scopes);
    url_add_query(&url, S("redirect_uri"), str_from(HUB_CALLBACK));
    url_add_query(&url, S("state"), visit->token);
    visit->url = buf_str(&url);
    return visit;
}

/* Whether the visit brought what it was for. */
static bool hub_visit_result(const HubVisit *visit, Err *err)
{
    if (os_interrupted())
        return err_set(err, (ExitCode)(128 + os_interrupted()), "interrupted");
    if (secret_is_set(visit->got))
        return true;
    if (visit->fault.len) {
        err_set(err, EXIT_AUTH, "HubSpot gave no access: %.*s",
                P(str_slice(visit->fault, 0, 200)));
        return err_hint(err, "Try again, and allow what the page asks for.");
    }
    err_set(err, EXIT_FAILED,
            "no answer from the browser within %" PRId64 " seconds",
            visit->patience / 1000);
    return err_hint(err, "Try again; --max-wait sets how long to wait.");
}

/* Ends a visit: the browser that still waits learns how it went, and the port
 * is free. */
static void hub_visit_end(HubVisit *visit, bool ok)
{
    LoopPage page = {200, "Not signed in",
                     "That did not work. The terminal says why.", false};
    if (ok)
        page = (LoopPage){200, "Signed in",
                          "HubSpot has given access. Go on in the terminal; "
                          "this page can be closed.",
                          false};
    loop_answer(&visit->server, &page);
    loop_finish(&visit->server);
}

/* ==== 13 Commands ======================================================== *
 *
 * One section a command group, in the order of `hs --help`. A command takes a
 * Cmd, the parsed command line with all that a run needs, and gives true, or
 * false with the error that main turns into a message and an exit code. It
 * prints data on stdout and says the rest on stderr.
 */

/* The options, by what they mean; room 14 has their names and help. */
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
    OPT_FORCE,
    OPT_NEW_DEFAULT,
    OPT_ACCOUNTS,
    OPT_LINK_DEFAULT,
    OPT_ALL,
    OPT_WHY,
    OPT_AUTH_TYPE,
    OPT_PUBLISH_MODE,
    OPT_HTTP_TIMEOUT,
    OPT_ALLOW_TRACKING,
    OPT_ALLOW_UPDATES,
    OPT_OPEN_BROWSER,
    OPT_CLIENT_ID,
    OPT_CLIENT_SECRET_STDIN,
    OPT_SCOPES,
    OPT_CONCURRENCY,
    OPT_INCLUDE,
    OPT_EXCLUDE,
    OPT_ACCESS,
    OPT_REPLACE,
    OPT_OVERWRITE,
    OPT_ARCHIVED,
    OPT_FAIL_FAST,
    OPT_MANIFEST,
    OPT_RESUME,
    OPT_VALUE_STDIN,
    OPT_VALUE_FILE,
    OPT_VALUE_ENV,
    OPT_KEEP_NEWLINE,
    OPT_DELETE_FORCE,
    OPT_FILE,
    OPT_PRUNE,
    OPT_DRY_RUN,
    OPT_SANDBOX_NAME,
    OPT_SANDBOX_TYPE,
    OPT_COPY_CONTACTS,
    OPT_SECRET_NAME,
    OPT_DEST,
    OPT_COUNT
} CmdOption;

enum { CMD_VALUES = 64 }; /* of an option that may stand more than once */

typedef struct {
    bool set;
    bool on; /* of a flag */
    Str text;
    int64_t number;
    Str *list; /* each value, where it may stand more than once */
    int count;
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
    bool online;   /* trust and pool are set up */
    int64_t began; /* what takes long, for its progress */
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

/* A secret was read from a file that an editor or PowerShell has marked. */
static void cmd_note_bom(Cmd *cmd, Str from)
{
    term_say(cmd->term, "Removed the byte order mark at the start of %.*s.",
             P(from));
}

/* Says where the config has a time-out that cannot be what was meant, or is
 * open to others' eyes: to other users of the machine, or to who can read the
 * git repository. */
static void cmd_warn_config(Cmd *cmd, const Config *config)
{
    Arena *arena = cmd->arena;
    GitTree tree;
    Err fault = {0};
    bool covered = true;
    Str loose = config_loose(arena, config);
    if (config->bom.len)
        cmd_note_bom(cmd, config->bom);
    const YamlNode *timeout = yaml_get(config->root, "httpTimeout");
    if (!yaml_is_null(timeout) && yaml_int(timeout) != config->timeout)
        term_warn(cmd->term,
                  "httpTimeout of %.*s is no number of milliseconds from %d "
                  "on: %" PRId64 " counts",
                  P(config->path), CONFIG_TIMEOUT_MIN_MS, config->timeout);
    if (loose.len)
        term_warn(cmd->term,
                  "%.*s can be %s by other users (mode %04o); the next write "
                  "closes it",
                  P(loose), str_eq(loose, config->path) ? "read" : "written to",
                  (unsigned)os_mode(arena, loose));
    if (config->form != CONFIG_DEPRECATED)
        return;
    Str path = os_resolve_links(arena, config->path);
    if (ignore_git_tree(arena, os_path_dir(path), &tree) &&
        ignore_git_covers(arena, &tree, path, false, &covered, &fault) &&
        !covered)
        term_warn(cmd->term,
                  "%.*s holds keys, and git does not ignore it: add it to "
                  ".gitignore",
                  P(config->path));
}

/* Loads the config and refuses one that is not valid. */
static bool cmd_load_config(Cmd *cmd, Err *err)
{
    ConfigWhere where = cmd_where(cmd);
    if (!config_load(cmd->arena, &where, &cmd->config, err))
        return false;
    cmd_warn_config(cmd, &cmd->config);
    return config_validate(&cmd->config, err);
}

/* Loads a config that is to be changed: the environment's cannot be. */
static bool cmd_load_file(Cmd *cmd, Err *err)
{
    if (!cmd_load_config(cmd, err))
        return false;
    if (cmd->config.form != CONFIG_ENVIRONMENT)
        return true;
    return err_set(err, EXIT_USAGE,
                   "the config is the environment's: there is nothing to "
                   "change");
}

/* A person said no. That is no success, and nothing was touched. */
static bool cmd_declined(Err *err)
{
    return err_set(err, EXIT_FAILED, "cancelled: nothing was changed");
}

/* --force, whichever of its two spellings the command has. */
static bool cmd_forced(const Cmd *cmd)
{
    return cmd_on(cmd, OPT_FORCE) || cmd_on(cmd, OPT_DELETE_FORCE);
}

/* A yes from a person, or --force; anything else is an error. `what` is what
 * a run without a terminal lacks; an empty answer means `preset`. */
static bool cmd_confirm(Cmd *cmd, const char *what, Str question, bool preset,
                        Err *err)
{
    bool yes = cmd_forced(cmd);
    if (yes)
        return true;
    if (!ask_allowed(cmd->term, what, "--force", err) ||
        !ask_confirm(cmd->term, arena_cstr(cmd->arena, question), preset, &yes,
                     err))
        return false;
    return yes || cmd_declined(err);
}

/* A secret that comes on stdin must not be typed: it would be seen. */
static bool cmd_stdin_hides(Err *err)
{
    return !os_is_terminal(STDIN_FILENO) ||
           err_set(err, EXIT_USAGE,
                   "stdin is a terminal, which would show what is "
                   "typed: use a pipe, or a file");
}

/* What is read from a file, or from stdin where `path` is empty; `what` is for
 * messages ("the key"). */
typedef struct {
    const char *what;
    Str path;
    ptrdiff_t most; /* bytes */
} CmdInput;

static bool cmd_read_input(Cmd *cmd, const CmdInput *in, Str *out, Err *err)
{
    int code = in->path.len
                   ? os_read_file(cmd->arena, in->path, in->most, out)
                   : os_read_fd(cmd->arena, STDIN_FILENO, in->most, out);
    if (code == EINTR && os_interrupted())
        return err_set(err, (ExitCode)(128 + os_interrupted()), "interrupted");
    if (code == EBADF && !in->path.len)
        return err_set(err, EXIT_USAGE,
                       "cannot read %s: stdin is closed, or not open for "
                       "reading",
                       in->what);
    bool large = in->most >= MIB;
    Str fault = str_from(os_error(code));
    if (code == EFBIG)
        fault = arena_printf(cmd->arena, "it is too large (over %d %s)",
                             (int)(in->most / (large ? MIB : KIB)),
                             large ? "MiB" : "KiB");
    return !code ||
           err_set(err, EXIT_USAGE, "cannot read %s from %.*s: %.*s", in->what,
                   P(in->path.len ? in->path : S("stdin")), P(fault));
}

/* Removes the byte order mark of a key, a value or a dotenv file, and says so;
 * refuses UTF-16. `what` as in CmdInput. */
static bool cmd_unmark(Cmd *cmd, const char *what, Str *text, Err *err)
{
    if (str_is_utf16(*text)) {
        err_set(err, EXIT_USAGE, "%s is in UTF-16, not in UTF-8", what);
        return err_hint(err, "Save it as UTF-8. In PowerShell: Set-Content "
                             "-Encoding ascii, or utf8NoBOM.");
    }
    if (str_unmark(text))
        cmd_note_bom(cmd, str_from(what));
    return true;
}

/* As cmd_read_input(), of something secret: stdin may not be a terminal, and
 * cmd_unmark() applies. */
static bool cmd_read_secret(Cmd *cmd, const CmdInput *in, Str *out, Err *err)
{
    return (in->path.len || cmd_stdin_hides(err)) &&
           cmd_read_input(cmd, in, out, err) &&
           cmd_unmark(cmd, in->what, out, err);
}

/* --max-wait in milliseconds. */
static int64_t cmd_max_wait(const Cmd *cmd)
{
    const CmdValue *wait = &cmd->options[OPT_MAX_WAIT];
    return wait->set ? wait->number * 1000 : 60000;
}

/* The same for waits on this machine, which are short as a rule: a limit of 0
 * must not make them fail. */
static int64_t cmd_local_wait(const Cmd *cmd)
{
    int64_t wait = cmd_max_wait(cmd);
    return wait < 1000 ? 1000 : wait;
}

/* Gets ready for HTTP: trust anchors, proxy, the pool. */
static bool cmd_go_online(Cmd *cmd, Err *err)
{
    if (cmd->online)
        return true;
    if (!tls_load_trust(cmd->arena, cmd_text(cmd, OPT_CA_FILE),
                        os_now() + cmd_local_wait(cmd), &cmd->trust, err) ||
        !http_init(&cmd->pool, cmd->arena, cmd->term, &cmd->trust,
                   cmd_max_wait(cmd), err))
        return false;
    term_debug(cmd->term, "trust: %d authorities from %.*s", cmd->trust.count,
               P(cmd->trust.source));
    if (cmd->trust.skipped)
        term_debug(cmd->term, "trust: %d certificates could not be read",
                   cmd->trust.skipped);
    if (cmd->trust.warning.len)
        term_warn(cmd->term, "%.*s", P(cmd->trust.warning));
    if (cmd->pool.has_proxy)
        term_debug(cmd->term, "proxy: %.*s port %d, from %.*s",
                   P(cmd->pool.proxy.host), cmd->pool.proxy.port,
                   P(cmd->pool.proxy_from));
    cmd->online = true;
    return true;
}

/* Prints JSON that hs made. Controls that cJSON leaves as they are, and
 * runners' commands, are escaped: names come from servers and files. A byte
 * that is not UTF-8 has no escape in JSON. */
static void cmd_print_json_text(Cmd *cmd, Str text)
{
    char form[TERM_FORM];
    uint32_t c = 0;
    while (text.len) {
        if (text.ptr[0] != '\n' && str_utf8(text, &c)) {
            term_out(cmd->term, term_take_visible(&text, form));
            continue;
        }
        term_out_foreign(cmd->term, str_slice(text, 0, 1));
        text = str_slice(text, 1, text.len);
    }
}

static void cmd_print_json(Cmd *cmd, const cJSON *document)
{
    cmd_print_json_text(cmd, json_write(cmd->arena, document, true));
}

/* "acme [standard] (1000001)", as messages name an account. */
static Str cmd_account_title(const Cmd *cmd, const ConfigAccount *account)
{
    Str type = hub_type_label(account->type);
    Buf out = buf_new(cmd->arena, 4 * KIB);
    if (account->id <= 0 && !account->name.len)
        return arena_printf(
            cmd->arena, "the account of %s",
            config_env_source(cmd->arena, "HUBSPOT_ACCESS_TOKEN"));
    if (account->name.len)
        buf_printf(&out, "%.*s ", P(account->name));
    if (type.len)
        buf_printf(&out, "[%.*s] ", P(type));
    if (account->id > 0)
        buf_printf(&out, "(%" PRId64 ")", account->id);
    return str_trim(buf_str(&out));
}

/* When an access token ends; empty: unknown. */
static Str cmd_expiry(Arena *arena, const ConfigAccount *account)
{
    int64_t expires_at = config_expiry(account);
    return expires_at > 0 ? time_iso(arena, expires_at) : S("");
}

/* The account that --account, the folder or the config chooses. */
static bool cmd_choose_account(Cmd *cmd, ConfigChoice *choice, Err *err)
{
    Str which = cmd_text(cmd, OPT_ACCOUNT);
    if (cmd_on(cmd, OPT_USE_ENV) && which.len) {
        err_set(err, EXIT_USAGE, "--use-env does not go with --account");
        return false;
    }
    if (!cmd_load_config(cmd, err) ||
        !config_choose(cmd->arena, &cmd->config, which, choice, err) ||
        !choice->account)
        return false;
    term_debug(cmd->term, "account: %.*s, chosen by %.*s",
               P(cmd_account_title(cmd, choice->account)), P(choice->why));
    return true;
}

/* ---- HUBSPOT_ACCESS_TOKEN: an account by itself ---- */

typedef struct {
    bool decides;          /* it is the account of commands that name none */
    ConfigAccount account; /* id 0: HUBSPOT_ACCOUNT_ID is not set */
    Str from;              /* the variable that it is from */
    ConfigFolder folder;
} CmdToken;

/*
 * Reads the token of the environment, and what the directory says. An account,
 * config or environment that the command line names takes precedence: then
 * `token->decides` is false.
 */
static bool cmd_read_token(Cmd *cmd, CmdToken *token, Err *err)
{
    const char *name = config_env_id();
    Str id = config_env(name);
    ConfigSecret secret = {0};
    ConfigWhere where = cmd_where(cmd);
    *token = (CmdToken){0};
    if (cmd_text(cmd, OPT_ACCOUNT).len || config_uses_env(&where) ||
        config_named_path(&where).len)
        return true;
    if (!config_env_secret(cmd->arena, "HUBSPOT_ACCESS_TOKEN", &secret, err))
        return false;
    if (!secret_is_set(secret.value))
        return true;
    if (secret.had_bom)
        cmd_note_bom(cmd, secret.from);
    token->from = secret.from;
    token->account = (ConfigAccount){
        .auth = CONFIG_AUTH_TOKEN,
        .auth_name = S("accesstoken"),
        .key = secret.value,
        .qa = str_eq_nocase(config_env("HUBSPOT_ENVIRONMENT"), S("qa"))};
    term_hide(cmd->term, secret.value);
    if (id.len && (!str_int(id, &token->account.id) || token->account.id <= 0))
        return err_set(err, EXIT_CONFIG, "%s is not a number", name);
    token->decides = hub_check_token(secret_text(secret.value), token->from,
                                     err) &&
                     config_read_folder(cmd->arena, &token->folder, err);
    return token->decides;
}

/* The account of the token, for people: empty if it is not known. */
static Str cmd_token_account(Cmd *cmd, const CmdToken *token)
{
    return token->account.id > 0
               ? arena_printf(cmd->arena, "account %" PRId64 " (%s)",
                              token->account.id, config_env_id())
               : S("");
}

/* A token is not sent from a directory that names another account, or one
 * that may be another. */
static bool cmd_token_agrees(Cmd *cmd, const CmdToken *token, Err *err)
{
    const ConfigFolder *folder = &token->folder;
    Str own = cmd_token_account(cmd, token);
    if (!token->decides || config_folder_agrees(folder, token->account.id))
        return true;
    Str names = folder->id ? arena_printf(cmd->arena, "names account %" PRId64,
                                          folder->id)
                           : S("links other accounts");
    err_set(err, EXIT_CONFIG, "%.*s is %s%.*s, but %.*s %.*s", P(token->from),
            own.len ? "for " : "set", P(own), P(folder->path), P(names));
    if (own.len)
        return err_hint(err, "Pass --account, or unset %.*s.", P(token->from));
    return err_hint(err,
                    "Set HUBSPOT_ACCOUNT_ID to the token's account, pass "
                    "--account, or unset %.*s.",
                    P(token->from));
}

/* Says that the token is used where the config has a default. A config that
 * cannot be read is no concern of a run that does not use it. */
static void cmd_token_note(Cmd *cmd, const CmdToken *token)
{
    Config config = {0};
    Err ignored = {0};
    ConfigWhere where = cmd_where(cmd);
    Str own = cmd_token_account(cmd, token);
    if (!config_load(cmd->arena, &where, &config, &ignored))
        return;
    const ConfigAccount *preset = config_find(&config, config.default_account);
    if (preset)
        term_say(cmd->term,
                 "%.*s is used, for %.*s, instead of the default account %.*s",
                 P(token->from),
                 P(own.len ? own : S("the account that it belongs to")),
                 P(cmd_account_title(cmd, preset)));
}

/* Opens the account for calls: the environment's token, unless the command
 * line names another account, else the one that is chosen from the config. */
static bool cmd_open_account(Cmd *cmd, Hub *hub, Err *err)
{
    CmdToken token;
    ConfigChoice choice = {0};
    if (!cmd_read_token(cmd, &token, err) ||
        !cmd_token_agrees(cmd, &token, err))
        return false;
    if (token.decides) {
        cmd_token_note(cmd, &token);
        term_debug(cmd->term, "account: that of %.*s", P(token.from));
        *hub = hub_open(cmd->arena, cmd->term, &cmd->pool, NULL,
                        &token.account);
        return true;
    }
    if (!cmd_choose_account(cmd, &choice, err))
        return false;
    *hub = hub_open(cmd->arena, cmd->term, &cmd->pool, &cmd->config,
                    choice.account);
    return true;
}

/* The fields of an account that are no secret. */
static cJSON *cmd_account_json(Arena *arena, const ConfigAccount *account)
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
    json_add_text(object, "tokenExpiresAt", cmd_expiry(arena, account));
    return object;
}

/* ---- Migration: hs config migrate, and offered by hs account auth ---- */

/* Asks about one thing that both configs have. */
static bool cmd_migrate_ask(Cmd *cmd, const Config *now, ConfigClash *clash,
                            Err *err)
{
    Arena *arena = cmd->arena;
    int at = 0;
    if (clash->key.len) {
        const Str values[] = {
            arena_printf(arena, "%.*s  (the global config)", P(clash->now)),
            arena_printf(arena, "%.*s  (the deprecated one)", P(clash->old))};
        Str question = arena_printf(arena, "%.*s:", P(clash->key));
        if (!ask_select(cmd->term, question.ptr, values, 2, &at, err))
            return false;
        clash->take = at == 1;
        return true;
    }
    const Str ways[] = {
        arena_printf(arena, "Take it over as %.*s", P(clash->renamed)),
        S("Take it over with another name"), S("Leave it out")};
    Str question = arena_printf(arena,
                                "The name %.*s is taken:", P(clash->old));
    if (!ask_select(cmd->term, question.ptr, ways, COUNT(ways), &at, err))
        return false;
    clash->take = at < 2;
    while (at == 1) {
        Str name = {0};
        Err fault = {0};
        if (!ask_text(cmd->term, arena, "New name:", clash->renamed, false,
                      &name, err))
            return false;
        if (config_check_name(now, name, clash->id, &fault)) {
            clash->renamed = name;
            break;
        }
        term_error(cmd->term, &fault);
    }
    return true;
}

/* Decides every clash: --force takes the old values over and renames. */
static bool cmd_migrate_decide(Cmd *cmd, const Config *now,
                               ConfigClashes *clashes, Err *err)
{
    for (int i = 0; i < clashes->count; i++) {
        ConfigClash *clash = &clashes->clash[i];
        clash->take = true;
        if (cmd_on(cmd, OPT_FORCE))
            continue;
        if (!ask_allowed(cmd->term, "a decision on what both configs have",
                         "--force: the deprecated file's values count, and "
                         "accounts whose name is taken are renamed",
                         err) ||
            !cmd_migrate_ask(cmd, now, clash, err))
            return false;
    }
    return true;
}

static void cmd_migrate_names(Cmd *cmd, const char *what, const Str *names,
                              int count)
{
    Buf list = buf_new(cmd->arena, 64 * KIB);
    for (int i = 0; i < count; i++) {
        buf_add(&list, i ? S(", ") : S(""));
        buf_add(&list, names[i]);
    }
    if (count)
        term_say(cmd->term, "%s: %.*s", what, P(buf_str(&list)));
}

static cJSON *cmd_names_json(const Str *names, int count)
{
    cJSON *list = cJSON_CreateArray();
    Arena scratch = {0};
    for (int i = 0; i < count; i++)
        if (!cJSON_AddItemToArray(
                list, cJSON_CreateString(arena_cstr(&scratch, names[i]))))
            arena_exhausted();
    arena_free(&scratch);
    return list;
}

static void cmd_migrate_report(Cmd *cmd, Str to, const ConfigMigrated *done)
{
    cmd_migrate_names(cmd, "Taken over", done->added, done->added_count);
    cmd_migrate_names(cmd, "In the global config already", done->kept,
                      done->kept_count);
    cmd_migrate_names(cmd, "Left out", done->left, done->left_count);
    cmd_migrate_names(cmd, "Left out, since its id, authType or key is missing",
                      done->broken, done->broken_count);
    term_say(cmd->term, "The config is now %.*s; the old file is %.*s", P(to),
             P(done->archive));
    if (done->gitignore.len)
        term_say(cmd->term, "Added to %.*s, so that git ignores it.",
                 P(done->gitignore));
    if (done->exposed.len)
        term_warn(cmd->term, "git does not ignore %.*s: %.*s", P(done->archive),
                  P(done->exposed));
}

static void cmd_migrate_json(Cmd *cmd, Str to, const ConfigMigrated *done)
{
    cJSON *answer = json_new(cmd->arena);
    json_add_text(answer, "config", to);
    json_add_text(answer, "archived", done->archive);
    json_add(answer, "added", cmd_names_json(done->added, done->added_count));
    json_add(answer, "present", cmd_names_json(done->kept, done->kept_count));
    json_add(answer, "leftOut", cmd_names_json(done->left, done->left_count));
    json_add(answer, "unusable",
             cmd_names_json(done->broken, done->broken_count));
    cmd_print_json(cmd, answer);
}

/* Takes the accounts of the deprecated config at `from` over to `to`. */
static bool cmd_migrate_run(Cmd *cmd, Str from, Str to, ConfigMigrated *done,
                            Err *err)
{
    Arena *arena = cmd->arena;
    Config old = {0};
    Config now = {.form = CONFIG_GLOBAL, .path = to};
    if (!config_read_file(arena, from, CONFIG_DEPRECATED, &old, err) ||
        (os_exists(arena, to) &&
         !config_read_file(arena, to, CONFIG_GLOBAL, &now, err)))
        return false;
    bool any = now.count > 0;
    for (int i = 0; i < old.count; i++)
        any |= config_is_usable(&old.accounts[i]);
    if (!any)
        return err_set(err, EXIT_CONFIG, "%.*s has no account to move",
                       P(from));
    ConfigClashes clashes = config_find_clashes(arena, &old, &now);
    if (!cmd_migrate_decide(cmd, &now, &clashes, err) ||
        !config_migrate(arena, from, to, &clashes, done, err))
        return false;
    cmd_migrate_report(cmd, to, done);
    return true;
}

static cJSON *cmd_ids_json(const int64_t *ids, int count)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < count; i++)
        if (!cJSON_AddItemToArray(list, cJSON_CreateNumber((double)ids[i])))
            arena_exhausted();
    return list;
}

/* Prints an account as the JSON answer of a command. */
static void cmd_print_account(Cmd *cmd, const ConfigAccount *account)
{
    cJSON *answer = json_new(cmd->arena);
    json_add(answer, "account", cmd_account_json(cmd->arena, account));
    cmd_print_json(cmd, answer);
}

/* Another run has taken the account away. */
static bool cmd_gone(const Config *config, Err *err)
{
    return err_set(err, EXIT_CONFIG,
                   "the account has just been removed from %.*s",
                   P(config->path));
}

/* ---- hs account auth ---- */

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

/* Who is at the browser, or at the terminal, has this long (milliseconds). */
static int64_t cmd_patience(const Cmd *cmd)
{
    const CmdValue *wait = &cmd->options[OPT_MAX_WAIT];
    return wait->set ? wait->number * 1000 : 5 * 60 * 1000;
}

/* May a browser be opened? Not where the user says no, nor where it would not
 * be on the screen that the user looks at. */
static bool cmd_may_browse(const Cmd *cmd, const Config *config)
{
    return cmd->term->interactive && !config->no_browser &&
           !str_eq_nocase(os_env("BROWSER"), S("none")) &&
           (os_env("DISPLAY").len || os_env("WAYLAND_DISPLAY").len) &&
           !os_env("SSH_CONNECTION").len && !os_env("SSH_TTY").len;
}

/* The words of a browser's command, the URL in the place of each %s, or as
 * the last one. Blanks separate words, and nothing quotes. */
static char **cmd_browser_words(Arena *arena, Str command, Str url)
{
    enum { WORDS = 16 };
    char **words = arena_array(arena, WORDS + 2, sizeof(*words));
    int n = 0;
    bool placed = false;
    while (command.len && n < WORDS) {
        Str word = str_cut(&command, ' ');
        Buf out = buf_new(arena, 16 * KIB);
        for (ptrdiff_t at = 0; (at = str_find(word, S("%s"))) >= 0;) {
            buf_add(&out, str_slice(word, 0, at));
            buf_add(&out, url);
            word = str_slice(word, at + 2, word.len);
            placed = true;
        }
        buf_add(&out, word);
        buf_add_char(&out, '\0');
        if (out.len > 1)
            words[n++] = out.ptr;
    }
    if (n && !placed) {
        Buf out = buf_new(arena, url.len + 1);
        buf_add(&out, url);
        buf_add_char(&out, '\0');
        words[n] = out.ptr;
    }
    return words;
}

/* Opens a URL with the first of BROWSER's commands, xdg-open, open and
 * wslview that there is. False where none of them starts. */
static bool cmd_browse(Cmd *cmd, Str url)
{
    Arena *arena = cmd->arena;
    Str list = arena_printf(arena, "%.*s:xdg-open:open:wslview",
                            P(os_env("BROWSER")));
    while (list.len) {
        char **words = cmd_browser_words(arena, str_cut(&list, ':'), url);
        Str path = words[0] ? os_find_program(arena, str_from(words[0]))
                            : (Str){0};
        if (!path.len)
            continue;
        int code = os_launch(arena_cstr(arena, path), words, S("HUBSPOT_"));
        if (!code)
            return true;
        term_debug(cmd->term, "cannot run %.*s: %s", P(path), os_error(code));
    }
    return false;
}

/* Awaits a key from the browser, where one opens; else NULL. */
static HubVisit *cmd_auth_visit(Cmd *cmd, const Config *config, bool qa,
                                int64_t id)
{
    Err fault = {0};
    if (!cmd_may_browse(cmd, config))
        return NULL;
    HubVisit *visit = hub_visit_for_key(cmd->arena, qa, id, cmd_patience(cmd),
                                        &fault);
    if (!visit) {
        term_debug(cmd->term, "no browser: %s", fault.message);
        return NULL;
    }
    if (cmd_browse(cmd, visit->url))
        return visit;
    term_debug(cmd->term, "no browser: nothing opens one");
    hub_visit_end(visit, false);
    return NULL;
}

/* Asks a person for the key: in the browser, or by pasting it, which works at
 * any time. `again`: the first one was no good; then only the prompt asks. */
static bool cmd_auth_ask_key(Cmd *cmd, const Config *config, bool again,
                             Str *text, Err *err)
{
    static const char question[] = "Personal access key:";
    int64_t id = 0;
    if (again)
        return ask_text(cmd->term, cmd->arena, question, (Str){0}, true, text,
                        err);
    if (!cmd_auth_wanted(cmd, config, &id, err))
        return false;
    const ConfigAccount *old = config_find_id(config, id);
    bool qa = cmd_on(cmd, OPT_QA) || (old && old->qa);
    HubVisit *visit = cmd_auth_visit(cmd, config, qa, id);
    if (!visit) {
        term_link(cmd->term, "Make or copy a key at",
                  hub_key_page(cmd->arena, qa, id));
        return ask_text(cmd->term, cmd->arena, question, (Str){0}, true, text,
                        err);
    }
    term_link(cmd->term, "Opened in the browser:", visit->url);
    term_say(cmd->term,
             "Hand the key over there, or paste it here, within %" PRId64
             " seconds.",
             visit->patience / 1000);
    bool ok = true;
    while (ok && !text->len && !visit->meanwhile.over)
        ok = ask_text_while(cmd->term, cmd->arena, question, true,
                            &visit->meanwhile, text, err);
    if (ok && !text->len) {
        ok = hub_visit_result(visit, err);
        *text = secret_text(visit->got);
    }
    hub_visit_end(visit, ok);
    return ok;
}

/* A key, and whether a person was asked for it. */
typedef struct {
    Secret key;
    bool asked; /* the prompt, or the browser, gave an answer */
    bool again; /* in: the answer before was no good */
} CmdKey;

/* Reads the key from what the command line and the environment give, else
 * asks. `err` names the ways to give it. */
static bool cmd_auth_key(Cmd *cmd, const Config *config, CmdKey *key, Err *err)
{
    Str text = cmd_text(cmd, OPT_PAK);
    ConfigSecret env = {0};
    const CmdInput in = {.what = "the key", .most = 64 * KIB};
    if (text.len && cmd_on(cmd, OPT_PAK_STDIN))
        return err_set(err, EXIT_USAGE,
                       "--pak and --pak-stdin are two ways to "
                       "give one key: use one of them");
    if (cmd_on(cmd, OPT_PAK_STDIN)) {
        if (!cmd_stdin_hides(err))
            return err_hint(err, "Without --pak-stdin the key is asked for.");
        if (!cmd_read_secret(cmd, &in, &text, err))
            return false;
    } else if (!text.len &&
               !config_env_secret(cmd->arena, "HUBSPOT_PERSONAL_ACCESS_KEY",
                                  &env, err)) {
        return false;
    } else if (!text.len && secret_is_set(env.value)) {
        text = secret_text(env.value);
        if (env.had_bom)
            cmd_note_bom(cmd, env.from);
    } else if (!text.len) {
        if (!ask_allowed(cmd->term, "a personal access key",
                         "--pak-stdin, HUBSPOT_PERSONAL_ACCESS_KEY or "
                         "HUBSPOT_PERSONAL_ACCESS_KEY_FILE",
                         err) ||
            !cmd_auth_ask_key(cmd, config, key->again, &text, err))
            return false;
        key->asked = true;
    }
    if (!cmd_unmark(cmd, in.what, &text, err))
        return false;
    key->key = secret_from(str_trim(text));
    term_hide(cmd->term, key->key);
    return hub_check_key(secret_text(key->key), err);
}

/* What a sign-in is to write, and where. */
typedef struct {
    Str path; /* of the config */
    ConfigForm form;
    Config config; /* what is there now */
    ConfigAccount account;
    Str hub_name;
    bool is_default;
    bool own_name; /* nobody chose the name: it is made of the hub's */
    bool is_first; /* the default for want of another */
    bool for_use;  /* the caller sets the default */
} CmdAuth;

/* The global config's path, or an error where there is no home. */
static bool cmd_global_path(Cmd *cmd, Str *path, Err *err)
{
    *path = config_global_path(cmd->arena);
    if (path->len)
        return true;
    err_set(err, EXIT_CONFIG, "there is no home folder to keep a config in");
    return err_hint(err, "Set HOME or HUBSPOT_CONFIG_PATH; or keep nothing "
                         "and use --use-env.");
}

/* Where hs account auth writes: the file that HUBSPOT_CONFIG_PATH names, else
 * the global one, even where a deprecated one is near. */
static bool cmd_auth_path(Cmd *cmd, CmdAuth *auth, Err *err)
{
    ConfigWhere where = cmd_where(cmd);
    auth->path = config_named_path(&where);
    auth->form = auth->path.len ? CONFIG_DEPRECATED : CONFIG_GLOBAL;
    return auth->path.len || cmd_global_path(cmd, &auth->path, err);
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
static bool cmd_auth_name(Cmd *cmd, const Config *config, CmdAuth *auth,
                          Err *err)
{
    ConfigAccount *account = &auth->account;
    const ConfigAccount *old = config_find_id(config, account->id);
    Str wanted = cmd_text(cmd, OPT_NAME);
    if (wanted.len) {
        account->name = wanted;
        return config_check_name(config, wanted, account->id, err) ||
               err_hint(err, "Choose another with --name.");
    }
    if (old && old->name.len) {
        account->name = old->name;
        return true;
    }
    Str preset = cmd_auth_default_name(cmd, config, auth->hub_name,
                                       account->id);
    account->name = preset;
    auth->own_name = cmd_on(cmd, OPT_USE_DEFAULT_NAME) ||
                     !cmd->term->interactive;
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
static bool cmd_auth_default(Cmd *cmd, const Config *config, CmdAuth *auth,
                             Err *err)
{
    const ConfigAccount *present = config_find(config, config->default_account);
    auth->is_default = !present || present->id == auth->account.id;
    auth->is_first = !present && !cmd_on(cmd, OPT_DEFAULT);
    if (cmd->options[OPT_DEFAULT].set) {
        auth->is_default |= cmd_on(cmd, OPT_DEFAULT);
        return true;
    }
    if (auth->is_default || auth->for_use)
        return true;
    if (cmd->term->interactive)
        return ask_confirm(cmd->term, "Make it the default account?", false,
                           &auth->is_default, err);
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
    hub.account.id = wanted;
    if (!hub_check_owner(&hub, token.id, err))
        return false;
    account->id = token.id;
    account->type = token.type;
    account->access_token = token.access_token;
    account->expires_at = token.expires_at;
    hub.account = *account;
    hub_mark_fresh(&hub);
    account->parent = hub_parent(&hub);
    *hub_name = token.name;
    return true;
}

/* Signs in with a key. A person who was asked for it is asked again if it is
 * empty or mistyped, or if HubSpot refuses it. */
static bool cmd_auth_with_key(Cmd *cmd, CmdAuth *auth, Err *err)
{
    CmdKey key = {0};
    for (;;) {
        Err fault = {0};
        bool read = cmd_auth_key(cmd, &auth->config, &key, &fault);
        if (read && cmd_auth_sign_in(cmd, &auth->config, key.key,
                                     &auth->account, &auth->hub_name, &fault))
            return true;
        if (!key.asked || (read && fault.code != EXIT_AUTH)) {
            *err = fault;
            return false;
        }
        term_error(cmd->term, &fault);
        key = (CmdKey){.again = true};
    }
}

/* ---- OAuth2: hs auth, hs init and hs account auth --auth-type oauth2 ---- */

static bool cmd_is_oauth(const Cmd *cmd)
{
    return str_eq_nocase(cmd_text(cmd, OPT_AUTH_TYPE), S("oauth2"));
}

/* Options of one way to sign in, given for the other, are a mistake. */
static bool cmd_oauth_options(const Cmd *cmd, Err *err)
{
    bool key = cmd->options[OPT_PAK].set || cmd_on(cmd, OPT_PAK_STDIN);
    bool client = cmd->options[OPT_CLIENT_ID].set ||
                  cmd->options[OPT_SCOPES].set ||
                  cmd_on(cmd, OPT_CLIENT_SECRET_STDIN);
    if (cmd_is_oauth(cmd) && key)
        return err_set(err, EXIT_USAGE,
                       "OAuth2 takes no personal access key: leave --pak and "
                       "--pak-stdin out");
    if (!cmd_is_oauth(cmd) && client)
        return err_set(err, EXIT_USAGE,
                       "--client-id, --client-secret-stdin and --scopes are "
                       "for --auth-type oauth2");
    return true;
}

/* The account that access is asked for: --account, or asked. */
static bool cmd_oauth_account(Cmd *cmd, const Config *config, int64_t *id,
                              Err *err)
{
    Str text = {0};
    if (!cmd_auth_wanted(cmd, config, id, err))
        return false;
    if (cmd_text(cmd, OPT_ACCOUNT).len && *id <= 0)
        return err_set(err, EXIT_USAGE, "'%.*s' is no account id",
                       P(cmd_text(cmd, OPT_ACCOUNT)));
    if (*id > 0)
        return true;
    if (!ask_allowed(cmd->term, "an account id", "--account", err))
        return false;
    while (*id <= 0) {
        if (!ask_text(cmd->term, cmd->arena, "Account id:", (Str){0}, false,
                      &text, err))
            return false;
        if (!str_int(text, id) || *id <= 0)
            term_say(cmd->term, "That is a number, please.");
    }
    return true;
}

/* A client's id and secret are UUIDs. */
static bool cmd_oauth_check(const char *what, Str text, Err *err)
{
    bool plain = text.len == 36;
    for (ptrdiff_t i = 0; i < text.len; i++)
        plain &= text.ptr[i] == '-' || isalnum((unsigned char)text.ptr[i]);
    if (plain)
        return true;
    err_set(err, EXIT_USAGE,
            "this is no client %s: that has 36 letters, digits and dashes",
            what);
    return err_hint(err, "Both are on the Auth tab of the app in HubSpot.");
}

/* Asks until the answer can be a client's id, or secret. */
static bool cmd_oauth_ask(Cmd *cmd, const char *what, bool masked, Str *text,
                          Err *err)
{
    Str question = arena_printf(cmd->arena, "Client %s:", what);
    for (;;) {
        Err fault = {0};
        if (!ask_text(cmd->term, cmd->arena, question.ptr, (Str){0}, masked,
                      text, err))
            return false;
        if (cmd_oauth_check(what, *text, &fault))
            return true;
        term_error(cmd->term, &fault);
    }
}

/* The app's id and secret: from options and the environment, from what the
 * account in the config has, or asked. */
static bool cmd_oauth_client(Cmd *cmd, ConfigAccount *account, Err *err)
{
    Str id = cmd_text(cmd, OPT_CLIENT_ID);
    Str secret = {0};
    ConfigSecret env = {0};
    const CmdInput in = {.what = "the client secret", .most = 64 * KIB};
    if (cmd_on(cmd, OPT_CLIENT_SECRET_STDIN)) {
        if (!cmd_stdin_hides(err))
            return err_hint(err, "Without --client-secret-stdin the secret is "
                                 "asked for.");
        if (!cmd_read_secret(cmd, &in, &secret, err))
            return false;
        secret = str_trim(secret);
        if (!secret.len)
            return err_set(err, EXIT_USAGE, "the client secret is empty");
    }
    if (!id.len)
        id = str_trim(os_env("HUBSPOT_CLIENT_ID"));
    if (!secret.len &&
        !config_env_secret(cmd->arena, "HUBSPOT_CLIENT_SECRET", &env, err))
        return false;
    if (!secret.len)
        secret = secret_text(env.value);
    if (env.had_bom)
        cmd_note_bom(cmd, env.from);
    bool same = !id.len || str_eq(id, account->client_id);
    if (same)
        id = account->client_id;
    if (same && !secret.len)
        secret = secret_text(account->client_secret);
    if ((!id.len && !ask_allowed(cmd->term, "a client id",
                                 "--client-id or HUBSPOT_CLIENT_ID", err)) ||
        (!secret.len &&
         !ask_allowed(cmd->term, "a client secret",
                      "--client-secret-stdin or HUBSPOT_CLIENT_SECRET", err)))
        return false;
    bool ok = (id.len || cmd_oauth_ask(cmd, "id", false, &id, err)) &&
              (secret.len || cmd_oauth_ask(cmd, "secret", true, &secret, err));
    account->client_id = id;
    account->client_secret = secret_from(secret);
    return ok && cmd_oauth_check("id", id, err) &&
           cmd_oauth_check("secret", secret, err);
}

/* Checks what --scopes says, separated by commas or spaces, and gives it
 * separated by spaces. */
static bool cmd_oauth_parse(Cmd *cmd, Str text, Str *out, Err *err)
{
    Buf scopes = buf_new(cmd->arena, 8 * KIB);
    while (text.len) {
        Str rest = str_cut(&text, ',');
        while (rest.len) {
            Str scope = str_cut(&rest, ' ');
            for (ptrdiff_t i = 0; i < scope.len; i++)
                if (!isalnum((unsigned char)scope.ptr[i]) &&
                    (!scope.ptr[i] || !strchr("._-", scope.ptr[i])))
                    return err_set(err, EXIT_USAGE, "'%.*s' is no scope",
                                   P(scope));
            buf_add(&scopes, scope.len && scopes.len ? S(" ") : S(""));
            buf_add(&scopes, scope);
        }
    }
    *out = buf_str(&scopes);
    return (out->len && !scopes.full) ||
           err_set(err, EXIT_USAGE, "--scopes names no scopes");
}

/* What access is asked for: --scopes, or chosen, with what the account has had
 * as the default. */
static bool cmd_oauth_scopes(Cmd *cmd, ConfigAccount *account, Err *err)
{
    Str preset = account->scopes.len ? account->scopes : S("content");
    Str known = S("content hubdb files");
    ptrdiff_t most = preset.len + known.len + 2; /* of bytes, and of scopes */
    AskItem *items = arena_array(cmd->arena, most, sizeof(*items));
    Buf chosen = buf_new(cmd->arena, most);
    int count = 0;
    account->scopes = preset;
    if (cmd->options[OPT_SCOPES].set)
        return cmd_oauth_parse(cmd, cmd_text(cmd, OPT_SCOPES), &account->scopes,
                               err);
    if (!cmd->term->interactive) {
        term_say(cmd->term,
                 "Asking for these scopes: %.*s. --scopes asks for "
                 "others.",
                 P(preset));
        return true;
    }
    const char *had = arena_cstr(cmd->arena, preset);
    const char *offered = arena_cstr(cmd->arena, known);
    for (Str rest = known; rest.len;) {
        Str scope = str_cut(&rest, ' ');
        items[count++] = (AskItem){scope, str_in_words(scope, had), NULL};
    }
    for (Str rest = preset; rest.len;) {
        Str scope = str_cut(&rest, ' ');
        if (!str_in_words(scope, offered))
            items[count++] = (AskItem){scope, true, NULL};
    }
    if (!ask_checkbox(cmd->term, "Scopes:", items, count, err))
        return false;
    for (int i = 0; i < count; i++) {
        if (!items[i].chosen)
            continue;
        buf_add(&chosen, chosen.len ? S(" ") : S(""));
        buf_add(&chosen, items[i].label);
    }
    account->scopes = buf_str(&chosen);
    return true;
}

/* Waits for the browser to come back, or for a person to paste the address
 * that it ended on: that may be a browser elsewhere. */
static bool cmd_oauth_wait(Cmd *cmd, HubVisit *visit, bool opened, Err *err)
{
    bool ok = true;
    term_link(cmd->term,
              opened ? "Opened in the browser:" : "Open this in a browser:",
              visit->url);
    if (!cmd->term->interactive) {
        term_say(cmd->term,
                 "Waiting %" PRId64 " seconds for the browser to "
                 "come back to this machine.",
                 visit->patience / 1000);
        while (!visit->meanwhile.over && !os_interrupted())
            hub_visit_wait(visit, -1, -1);
        return hub_visit_result(visit, err);
    }
    term_say(cmd->term,
             "Allow access there, within %" PRId64 " seconds. Should the "
             "browser end on a page that it cannot load, paste the page's "
             "address here.",
             visit->patience / 1000);
    while (ok && !visit->meanwhile.over) {
        Str text = {0};
        ok = ask_text_while(cmd->term, cmd->arena, "Address:", true,
                            &visit->meanwhile, &text, err);
        if (ok && text.len && hub_read_callback(visit, text) == HUB_FOREIGN)
            term_say(cmd->term,
                     "That is not the address of this sign-in: it "
                     "begins with %s?code= and has this run's "
                     "state.",
                     HUB_CALLBACK);
    }
    return ok && hub_visit_result(visit, err);
}

/* Signs in with OAuth2: consent in the browser, the code, the tokens. */
static bool cmd_oauth_sign_in(Cmd *cmd, const Config *config,
                              ConfigAccount *account, Err *err)
{
    int64_t id = 0;
    if (!cmd_oauth_account(cmd, config, &id, err))
        return false;
    const ConfigAccount *old = config_find_id(config, id);
    *account = (ConfigAccount){.id = id,
                               .auth = CONFIG_AUTH_OAUTH2,
                               .auth_name = S("oauth2"),
                               .qa = cmd_on(cmd, OPT_QA) || (old && old->qa)};
    if (old) {
        account->client_id = old->client_id;
        account->client_secret = old->client_secret;
        account->scopes = config_scopes(cmd->arena, old);
        account->type = old->type;
    }
    if (!cmd_oauth_client(cmd, account, err) ||
        !cmd_oauth_scopes(cmd, account, err) || !cmd_go_online(cmd, err))
        return false;
    Hub hub = hub_open(cmd->arena, cmd->term, &cmd->pool, NULL, account);
    HubVisit *visit = hub_visit_for_code(cmd->arena, account, account->scopes,
                                         cmd_patience(cmd), err);
    if (!visit)
        return false;
    bool opened = cmd_may_browse(cmd, config) && cmd_browse(cmd, visit->url);
    bool ok = cmd_oauth_wait(cmd, visit, opened, err) &&
              hub_trade_code(&hub, visit->got, err);
    hub_mark_fresh(&hub);
    hub_hide(&hub);
    ok = ok && hub_check_account(&hub, err);
    hub_visit_end(visit, ok);
    *account = hub.account;
    return ok;
}

/* A sign-in that is to be written. */
typedef struct {
    Cmd *cmd;
    CmdAuth *auth;
} CmdAuthSave;

/* What is there now counts, not what was there when the key was asked for: of
 * runs at the same time each gets a name of its own, and the first one the
 * default. */
static bool cmd_auth_apply(ConfigEdit *edit, void *context, Err *err)
{
    CmdAuthSave *save = context;
    CmdAuth *auth = save->auth;
    ConfigAccount *account = &auth->account;
    Err taken = {0};
    const Config *now = &edit->config;
    const ConfigAccount *preset = config_find(now, now->default_account);
    const ConfigAccount *there = config_find_id(now, account->id);
    if (auth->is_first && preset && preset->id != account->id)
        auth->is_default = false;
    if (auth->own_name &&
        !config_check_name(now, account->name, account->id, &taken))
        account->name = cmd_auth_default_name(save->cmd, now, auth->hub_name,
                                              account->id);
    if (!config_check_name(now, account->name, account->id, err))
        return err_hint(err, "Choose another with --name.");
    if (auth->is_default)
        config_edit_default(edit, account);
    /* another program may have fetched a later token with this key */
    bool stays = edit->again && there && config_same_sign_in(there, account) &&
                 str_eq(there->name, account->name);
    return stays || config_edit_put(edit, account, err);
}

static bool cmd_auth_save(Cmd *cmd, CmdAuth *auth, Err *err)
{
    CmdAuthSave save = {cmd, auth};
    ConfigChange change = {.place = {auth->path, auth->form, true},
                           .apply = cmd_auth_apply,
                           .context = &save};
    return config_change(cmd->arena, &change, err);
}

/* Signs in and writes the account to the config that `auth` names. */
static bool cmd_auth_run(Cmd *cmd, CmdAuth *auth, Err *err)
{
    Str name = cmd_text(cmd, OPT_NAME);
    Config *config = &auth->config;
    *config = (Config){.form = auth->form, .path = auth->path};
    if (!cmd_oauth_options(cmd, err))
        return false;
    if (name.len && cmd_on(cmd, OPT_USE_DEFAULT_NAME))
        return err_set(err, EXIT_USAGE,
                       "--name and --use-default-name exclude each other");
    if (os_exists(cmd->arena, auth->path)) {
        ConfigPlace place = {auth->path, auth->form, true};
        if (!config_read_place(cmd->arena, &place, config, err))
            return false;
        config->is_global = auth->form == CONFIG_GLOBAL;
        if (!cmd->config.path.len) /* else it was said when it was loaded */
            cmd_warn_config(cmd, config);
    }
    if (name.len && !config_check_name(&(Config){0}, name, 0, err))
        return err_hint(err, "Choose another with --name.");
    bool signed_in = cmd_is_oauth(cmd)
                         ? cmd_oauth_sign_in(cmd, config, &auth->account, err)
                         : cmd_auth_with_key(cmd, auth, err);
    return signed_in && cmd_auth_name(cmd, config, auth, err) &&
           cmd_auth_default(cmd, config, auth, err) &&
           cmd_auth_save(cmd, auth, err);
}

/* Says what a sign-in has done. */
static void cmd_auth_say(Cmd *cmd, const CmdAuth *auth)
{
    term_say(cmd->term, "Signed in to %.*s%s. Saved in %.*s",
             P(cmd_account_title(cmd, &auth->account)),
             auth->is_default ? ", now the default account" : "",
             P(auth->path));
}

static void cmd_auth_report(Cmd *cmd, const CmdAuth *auth)
{
    if (cmd_on(cmd, OPT_JSON)) {
        cJSON *answer = json_new(cmd->arena);
        json_add(answer, "account",
                 cmd_account_json(cmd->arena, &auth->account));
        json_add_bool(answer, "default", auth->is_default);
        json_add_text(answer, "config", auth->path);
        cmd_print_json(cmd, answer);
    }
    cmd_auth_say(cmd, auth);
}

/* Where a deprecated config is near and no global one is there, offers to
 * take its accounts over first; without a terminal it only says so. */
static bool cmd_auth_migrate_first(Cmd *cmd, const CmdAuth *auth, Err *err)
{
    bool migrate = true;
    ConfigMigrated done = {0};
    ConfigWhere where = cmd_where(cmd);
    Str old = config_deprecated_path(cmd->arena);
    if (!old.len || config_named_path(&where).len ||
        os_exists(cmd->arena, auth->path))
        return true;
    if (!cmd->term->interactive) {
        term_warn(cmd->term,
                  "%.*s is no longer used once %.*s exists; hs config migrate "
                  "moves its accounts over",
                  P(old), P(auth->path));
        return true;
    }
    term_say(cmd->term, "There is a deprecated config: %.*s", P(old));
    if (!ask_confirm(cmd->term, "Move its accounts to the global config first?",
                     true, &migrate, err))
        return false;
    return !migrate || cmd_migrate_run(cmd, old, auth->path, &done, err);
}

static bool cmd_account_auth(Cmd *cmd, Err *err)
{
    CmdAuth auth = {0};
    ask_hush(cmd->term);
    if (!cmd_auth_path(cmd, &auth, err) ||
        !cmd_auth_migrate_first(cmd, &auth, err) ||
        !cmd_auth_run(cmd, &auth, err))
        return false;
    cmd_auth_report(cmd, &auth);
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

/* Names the environment's token, if commands use it instead of the default:
 * in `answer`, or (NULL) as text. */
static void cmd_list_token(Cmd *cmd, cJSON *answer)
{
    CmdToken token;
    Err fault = {0};
    bool ok = cmd_read_token(cmd, &token, &fault) &&
              cmd_token_agrees(cmd, &token, &fault);
    if (!ok)
        term_warn(cmd->term, "%s", fault.message);
    if (answer && token.decides) {
        cJSON *row = cJSON_CreateObject();
        json_add(answer, "accessToken", row);
        json_add_text(row, "source", token.from);
        json_add_id(row, "accountId", token.account.id);
        json_add_bool(row, "used", ok);
    } else if (ok && token.decides) {
        Str own = cmd_token_account(cmd, &token);
        term_printf(cmd->term, "Access token: %.*s%s%.*s\n", P(token.from),
                    own.len ? ", for " : "", P(own));
        term_out(cmd->term, S("  hs api, secrets and filemanager use it "
                              "instead of the default account\n\n"));
    }
}

static void cmd_list_json(Cmd *cmd, const CmdListRow *rows,
                          const ConfigChoice *choice, const ConfigLinks *links)
{
    cJSON *answer = json_new(cmd->arena);
    cJSON *list = cJSON_CreateArray();
    json_add_text(answer, "config", cmd->config.path);
    json_add_id(answer, "defaultAccount",
                choice->account ? choice->account->id : 0);
    json_add_text(answer, "defaultSource",
                  choice->account ? choice->why : (Str){0});
    json_add(answer, "linkedAccounts",
             cmd_ids_json(links->linked, links->count));
    cmd_list_token(cmd, answer);
    json_add(answer, "accounts", list);
    for (int i = 0; i < cmd->config.count; i++) {
        cJSON *row = cmd_account_json(cmd->arena, rows[i].account);
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
    bool read = cmd->config.form == CONFIG_ENVIRONMENT ||
                config_read_links(cmd->arena, &links, &unchosen);
    if (!read || !config_choose_unnamed(cmd->arena, &cmd->config, &links,
                                        &choice, &unchosen))
        choice.account = NULL;
    CmdListRow *rows = cmd_list_rows(cmd);
    if (unchosen.code && cmd->config.count)
        term_warn(cmd->term, "%s", unchosen.message);
    if (cmd_on(cmd, OPT_JSON)) {
        cmd_list_json(cmd, rows, &choice, &links);
        return true;
    }
    cmd_list_token(cmd, NULL);
    if (choice.account) {
        term_printf(cmd->term, "Default account: %.*s\n",
                    P(cmd_account_title(cmd, choice.account)));
        term_printf(cmd->term, "  from %.*s\n", P(choice.why));
        term_out(cmd->term, S("\n"));
    }
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
        term_out(cmd->term, S("\n"));
    }
    if (cmd->config.count)
        cmd_list_table(cmd, rows);
    else
        term_printf(cmd->term, "There are no accounts in %.*s.\n",
                    P(cmd->config.path));
    return true;
}

/* ---- hs account info ---- */

/* One line of facts; what the value holds stays on it. */
static void cmd_print_field(Cmd *cmd, const char *label, Str value)
{
    term_printf(cmd->term, label[0] ? "%-13s %.*s\n" : "%-1s %.*s\n", label,
                P(value));
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
    Str expiry = cmd_expiry(cmd->arena, account);
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
    if (expiry.len)
        cmd_print_field(cmd, "Token until:", expiry);
    if (!cmd_on(cmd, OPT_WHY))
        cmd_print_field(cmd, "Chosen by:", choice->why);
    cmd_info_scopes(cmd, token->scopes);
}

/* What chose what this run uses, as `hs account info --why` says it. */
typedef struct {
    Str account;
    Str token; /* why the environment's token is not used, or empty */
    Str config;
    Str proxy;
    Str ca;
    Str other; /* the hs that runs the official client's commands, or empty */
} CmdWhy;

static CmdWhy cmd_why(Cmd *cmd, const Hub *hub, const ConfigChoice *choice)
{
    Arena *arena = cmd->arena;
    const HttpPool *pool = &cmd->pool;
    Str host = hub_host(arena, hub, false);
    CmdWhy why = {.account = choice->why,
                  .config = S("none"),
                  .proxy = S("none"),
                  .ca = cmd->trust.source,
                  .other = os_find_other(arena, S("hs"))};
    if (cmd->config.path.len)
        why.config = arena_printf(arena, "%.*s (%.*s)", P(cmd->config.path),
                                  P(cmd->config.why));
    if (choice->line)
        why.account = arena_printf(arena, "%.*s, line %d", P(choice->why),
                                   choice->line);
    if (pool->has_proxy && url_bypasses_proxy(pool->no_proxy, host, 443))
        why.proxy = arena_printf(arena,
                                 "none for %.*s (NO_PROXY), else that of %.*s",
                                 P(host), P(pool->proxy_from));
    else if (pool->has_proxy)
        why.proxy = arena_printf(arena, "%.*s port %d (%.*s)",
                                 P(pool->proxy.host), pool->proxy.port,
                                 P(pool->proxy_from));
    return why;
}

static void cmd_why_print(Cmd *cmd, const CmdWhy *why)
{
    cmd_print_field(cmd, "Chosen by:", why->account);
    if (why->token.len)
        cmd_print_field(cmd, "Access token:", why->token);
    cmd_print_field(cmd, "Config:", why->config);
    cmd_print_field(cmd, "Proxy:", why->proxy);
    cmd_print_field(cmd, "CA store:", why->ca);
    cmd_print_field(cmd, "Other hs:", why->other.len ? why->other : S("none"));
}

static void cmd_info_json(Cmd *cmd, const ConfigChoice *choice,
                          const HubToken *token, const CmdWhy *why)
{
    cJSON *answer = cmd_account_json(cmd->arena, choice->account);
    cJSON *scopes = token->scopes ? cJSON_Duplicate(token->scopes, true)
                                  : cJSON_CreateArray();
    arena_defer(cmd->arena, json_release, answer);
    json_add_text(answer, "hubName", token->name);
    json_add_text(answer, "source", choice->why);
    json_add(answer, "scopes", scopes);
    if (cmd_on(cmd, OPT_WHY)) {
        cJSON *reasons = cJSON_CreateObject();
        json_add(answer, "why", reasons);
        json_add_text(reasons, "account", why->account);
        if (why->token.len)
            json_add_text(reasons, "accessToken", why->token);
        json_add_text(reasons, "config", why->config);
        json_add_text(reasons, "proxy", why->proxy);
        json_add_text(reasons, "ca", why->ca);
        json_add_text(reasons, "otherHs", why->other);
    }
    cmd_print_json(cmd, answer);
}

/* Asks HubSpot about a key account, and keeps the token that this gives. */
static bool cmd_fetch_token(Cmd *cmd, ConfigAccount *account, HubToken *token,
                            Err *err)
{
    Err unsaved = {0};
    if (account->auth != CONFIG_AUTH_KEY)
        return true;
    Hub hub = hub_open(cmd->arena, cmd->term, &cmd->pool, &cmd->config,
                       account);
    if (!hub_fetch_token(&hub, token, err))
        return false;
    account->access_token = token->access_token;
    account->expires_at = token->expires_at;
    if (!config_save_token(cmd->arena, &cmd->config, account, &unsaved))
        term_warn(cmd->term, "the access token is not kept: %s",
                  unsaved.message);
    return true;
}

/* Has HubSpot say whose the environment's token is. */
static bool cmd_info_ask_token(Cmd *cmd, const CmdToken *token,
                               ConfigAccount *account, Err *err)
{
    Hub hub = hub_open(cmd->arena, cmd->term, &cmd->pool, NULL, account);
    hub.account.id = 0; /* what HubSpot says counts */
    if (!hub_look_up_account(&hub, err))
        return false;
    int64_t id = hub.account.id;
    hub.account.id = token->account.id;
    account->id = id;
    account->type = hub.account.type;
    return hub_check_owner(&hub, id, err);
}

/* Prints an account, after a call that shows what HubSpot says of it. Why is
 * what one asks where that does not work: it comes first, and also if HubSpot
 * cannot be reached. */
static bool cmd_info_show(Cmd *cmd, const ConfigChoice *chosen,
                          const CmdToken *token, Err *err)
{
    ConfigAccount account = *chosen->account;
    ConfigChoice choice = *chosen;
    bool own = account.auth == CONFIG_AUTH_TOKEN;
    bool asked = cmd_on(cmd, OPT_WHY);
    HubToken answer = {0};
    CmdWhy why = {0};
    Err fault = {0};
    choice.account = &account;
    if ((account.auth == CONFIG_AUTH_KEY || own || asked) &&
        !cmd_go_online(cmd, err))
        return false;
    if (asked) {
        Hub hub = hub_open(cmd->arena, cmd->term, &cmd->pool,
                           own ? NULL : &cmd->config, &account);
        why = cmd_why(cmd, &hub, &choice);
    }
    if (!cmd_token_agrees(cmd, token, &fault))
        why.token = str_from(fault.message);
    if (asked && !cmd_on(cmd, OPT_JSON))
        cmd_why_print(cmd, &why);
    bool ok = own ? cmd_info_ask_token(cmd, token, &account, err)
                  : cmd_fetch_token(cmd, &account, &answer, err);
    if (cmd_on(cmd, OPT_JSON) && (ok || asked))
        cmd_info_json(cmd, &choice, &answer, &why);
    else if (ok)
        cmd_info_print(cmd, &choice, &answer);
    return ok;
}

static bool cmd_account_info(Cmd *cmd, Err *err)
{
    ConfigChoice choice = {0};
    CmdToken token = {0};
    Err fault = {0};
    if (!cmd->args[0].len && !cmd_read_token(cmd, &token, err))
        return false;
    if (cmd_token_agrees(cmd, &token, &fault) && token.decides) {
        ConfigWhere where = cmd_where(cmd);
        Str own = cmd_token_account(cmd, &token);
        Err ignored = {0};
        config_load(cmd->arena, &where, &cmd->config, &ignored);
        choice.account = &token.account;
        choice.why = arena_printf(cmd->arena, "%.*s%s%.*s", P(token.from),
                                  own.len ? ", for " : "", P(own));
        return cmd_info_show(cmd, &choice, &token, err);
    }
    if (fault.code && !cmd_on(cmd, OPT_WHY)) {
        *err = fault;
        return false;
    }
    if (!cmd_load_config(cmd, err) ||
        !config_choose(cmd->arena, &cmd->config, cmd->args[0], &choice, err))
        return false;
    if (cmd->args[0].len)
        choice.why = S("the command line");
    return cmd_info_show(cmd, &choice, &token, err);
}

/* ---- hs account use ---- */

/* A choice among the config's accounts. */
typedef struct {
    bool (*fits)(const ConfigAccount *); /* NULL: any */
    const char *what;                    /* what it is for */
    const char *how;                     /* how a script says it */
    const char *other;                   /* a last entry, or NULL */
} CmdPick;

/* Has a person pick one of the config's accounts; the cursor starts at the
 * default. `*out` is NULL for the last entry, `pick->other`. */
static bool cmd_pick_account(Cmd *cmd, const CmdPick *pick,
                             const ConfigAccount **out, Err *err)
{
    const Config *config = &cmd->config;
    Str *items = arena_array(cmd->arena, config->count + 1, sizeof(*items));
    const ConfigAccount **list = arena_array(cmd->arena, config->count + 1,
                                             sizeof(*list));
    const ConfigAccount *present = config_find(config, config->default_account);
    int count = 0;
    int at = 0;
    if (!ask_allowed(cmd->term, "an account", pick->how, err))
        return false;
    for (int i = 0; i < config->count; i++) {
        const ConfigAccount *account = &config->accounts[i];
        if (pick->fits && !pick->fits(account))
            continue;
        if (account == present)
            at = count;
        list[count] = account;
        items[count++] = cmd_account_title(cmd, account);
    }
    if (pick->other)
        items[count++] = str_from(pick->other);
    if (!count) {
        err_set(err, EXIT_CONFIG, "there is no %s in %.*s",
                pick->fits ? "sandbox" : "account", P(config->path));
        err_hint(err, "hs account auth signs in to one%s.",
                 pick->fits ? "; hs sandbox create makes one" : "");
        return false;
    }
    if (!ask_select(cmd->term, pick->what, items, count, &at, err))
        return false;
    *out = list[at];
    return true;
}

/* The account of the first argument, or the one that a person picks. */
static bool cmd_arg_account(Cmd *cmd, const CmdPick *pick,
                            const ConfigAccount **out, Err *err)
{
    return cmd->args[0].len
               ? config_require(&cmd->config, cmd->args[0], out, err)
               : cmd_pick_account(cmd, pick, out, err);
}

/* The account to use: that of the argument, one that a person picks, or one
 * that the person signs in to now. */
static bool cmd_use_account(Cmd *cmd, const ConfigAccount **out, Err *err)
{
    CmdPick pick = {.what = "Default account:",
                    .how = "its name or id: hs account use ACCOUNT",
                    .other = "Sign in to another account"};
    CmdAuth auth = {.for_use = true};
    if (!cmd_arg_account(cmd, &pick, out, err))
        return false;
    if (*out)
        return true;
    auth.path = cmd->config.path;
    auth.form = cmd->config.form;
    if (!cmd_auth_run(cmd, &auth, err))
        return false;
    cmd_auth_say(cmd, &auth);
    if (!cmd_load_config(cmd, err))
        return false;
    *out = config_find_id(&cmd->config, auth.account.id);
    return *out || cmd_gone(&cmd->config, err);
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

/* Changes the config that the command has loaded. */
static bool cmd_change_config(Cmd *cmd,
                              bool (*apply)(ConfigEdit *, void *, Err *),
                              void *context, Err *err)
{
    ConfigChange change = {
        .place = {.path = cmd->config.path, .form = cmd->config.form},
        .apply = apply,
        .context = context};
    return config_change(cmd->arena, &change, err);
}

static bool cmd_use_apply(ConfigEdit *edit, void *context, Err *err)
{
    const ConfigAccount *account = context;
    const ConfigAccount *there = config_find_id(&edit->config, account->id);
    if (!there)
        return cmd_gone(&edit->config, err);
    config_edit_default(edit, there);
    return true;
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

/* Says where the environment's token takes precedence over any default. */
static void cmd_use_warn_token(Cmd *cmd)
{
    CmdToken token;
    Err fault = {0};
    if (!cmd_read_token(cmd, &token, &fault) ||
        !cmd_token_agrees(cmd, &token, &fault))
        term_warn(cmd->term, "%s", fault.message);
    else if (token.decides)
        term_warn(cmd->term,
                  "%.*s is set: hs api, secrets and filemanager use its "
                  "account, not the default",
                  P(token.from));
}

static bool cmd_account_use(Cmd *cmd, Err *err)
{
    const ConfigAccount *account = NULL;
    ConfigLinks links = {0};
    bool here = false;
    if (!cmd_load_file(cmd, err) || !cmd_use_account(cmd, &account, err) ||
        !config_read_links(cmd->arena, &links, err) ||
        !cmd_use_where(cmd, account, &links, &here, err))
        return false;
    if (here &&
        !config_save_link_default(cmd->arena, links.path, account->id, err))
        return false;
    ConfigAccount wanted = *account;
    if (!here && !cmd_change_config(cmd, cmd_use_apply, &wanted, err))
        return false;
    Str path = here ? links.path : cmd->config.path;
    term_say(cmd->term, "The default account%s is now %.*s, in %.*s",
             here ? " of this folder" : "", P(cmd_account_title(cmd, account)),
             P(path));
    if (!here)
        cmd_use_warn(cmd, account);
    cmd_use_warn_token(cmd);
    if (cmd_on(cmd, OPT_JSON)) {
        cJSON *answer = json_new(cmd->arena);
        json_add(answer, "account", cmd_account_json(cmd->arena, account));
        json_add_text(answer, "source", path);
        cmd_print_json(cmd, answer);
    }
    return true;
}

/* ---- hs account rename ---- */

/* `context` is the account with its new name. */
static bool cmd_rename_apply(ConfigEdit *edit, void *context, Err *err)
{
    const ConfigAccount *renamed = context;
    const ConfigAccount *there = config_find_id(&edit->config, renamed->id);
    if (!there)
        return cmd_gone(&edit->config, err);
    if (!config_check_name(&edit->config, renamed->name, renamed->id, err))
        return false;
    config_edit_rename(edit, there, renamed->name);
    return true;
}

static bool cmd_account_rename(Cmd *cmd, Err *err)
{
    const ConfigAccount *account = NULL;
    Str which = cmd_text(cmd, OPT_ACCOUNT);
    if (!cmd_load_file(cmd, err) ||
        !config_require(&cmd->config, cmd->args[0], &account, err))
        return false;
    if (which.len && config_find(&cmd->config, which) != account)
        return err_set(err, EXIT_USAGE,
                       "--account and the argument name two accounts");
    Str name = config_new_name(cmd->arena, cmd->args[1]);
    Str dropped = config_kebab_dropped(cmd->arena, cmd->args[1]);
    if (!name.len)
        return err_set(err, EXIT_USAGE,
                       "'%.*s' leaves no name: letters and digits are needed",
                       P(cmd->args[1]));
    ConfigAccount renamed = *account;
    renamed.name = name;
    if (!cmd_change_config(cmd, cmd_rename_apply, &renamed, err))
        return false;
    if (dropped.len)
        term_say(cmd->term, "Dropped from '%.*s': %.*s", P(cmd->args[1]),
                 P(dropped));
    if (cmd_on(cmd, OPT_JSON))
        cmd_print_account(cmd, &renamed);
    term_say(cmd->term, "%.*s is now called %.*s, in %.*s",
             P(config_label(cmd->arena, account)), P(name),
             P(cmd->config.path));
    return true;
}

/* ---- hs account remove ---- */

static bool cmd_is_among(const int64_t *ids, int count, int64_t id)
{
    for (int i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* Has a person pick one of the accounts that stay. */
static bool cmd_pick_next(Cmd *cmd, const int64_t *gone, int count,
                          int64_t *next, Err *err)
{
    const Config *config = &cmd->config;
    Str *items = arena_array(cmd->arena, config->count, sizeof(*items));
    int64_t *ids = arena_array(cmd->arena, config->count, sizeof(*ids));
    int left = 0;
    int at = 0;
    for (int i = 0; i < config->count; i++) {
        const ConfigAccount *account = &config->accounts[i];
        if (cmd_is_among(gone, count, account->id))
            continue;
        ids[left] = account->id;
        items[left++] = cmd_account_title(cmd, account);
    }
    *next = left ? ids[0] : 0;
    if (left < 2)
        return true;
    if (!ask_allowed(cmd->term, "another default account",
                     "--new-default ACCOUNT", err) ||
        !ask_select(cmd->term, "New default account:", items, left, &at, err))
        return false;
    *next = ids[at];
    return true;
}

/*
 * Decides which account is the default once those of `gone` have left the
 * config: --new-default, the only one that stays, or what a person picks.
 * `*next` is 0 where the default does not change, or nothing stays.
 */
static bool cmd_next_default(Cmd *cmd, const int64_t *gone, int count,
                             int64_t *next, Err *err)
{
    const Config *config = &cmd->config;
    const ConfigAccount *wanted = NULL;
    const ConfigAccount *present = config_find(config, config->default_account);
    Str which = cmd_text(cmd, OPT_NEW_DEFAULT);
    *next = 0;
    if (which.len) {
        if (!config_require(config, which, &wanted, err))
            return false;
        if (cmd_is_among(gone, count, wanted->id))
            return err_set(err, EXIT_USAGE,
                           "--new-default names an account that is removed");
    }
    bool stays = present && !cmd_is_among(gone, count, present->id);
    if (wanted && !stays)
        *next = wanted->id;
    return wanted || stays || !present ||
           cmd_pick_next(cmd, gone, count, next, err);
}

/* Accounts that are to leave the config, as they were when that was decided. */
typedef struct {
    const ConfigAccount **accounts;
    bool *kept; /* those that were changed since: they stay */
    int count;
    int64_t next; /* the default, should the present one leave; 0: none */
} CmdRemoval;

static CmdRemoval cmd_removal(Arena *arena, int most)
{
    return (CmdRemoval){
        .accounts = arena_array(arena, most, sizeof(ConfigAccount *)),
        .kept = arena_array(arena, most, sizeof(bool))};
}

/* Is an account still what it was: not signed in to again, not renamed? A new
 * access token counts as well: its key works. */
static bool cmd_is_unchanged(const ConfigAccount *now, const ConfigAccount *old)
{
    return config_same_sign_in(now, old) && str_eq(now->name, old->name) &&
           secret_eq(secret_text(now->access_token),
                     secret_text(old->access_token)) &&
           secret_eq(secret_text(now->refresh_token),
                     secret_text(old->refresh_token));
}

/* Takes the accounts out of the config, and sets the default that is next.
 * Where another run has changed the default meanwhile, so that none would be
 * left, nothing is done. */
static bool cmd_remove_apply(ConfigEdit *edit, void *context, Err *err)
{
    CmdRemoval *removal = context;
    const Config *now = &edit->config;
    const ConfigAccount *preset = config_find_id(now, removal->next);
    const ConfigAccount *present = config_find(now, now->default_account);
    int left = 0;
    bool leaves = false;
    for (int i = 0; i < removal->count; i++) {
        const ConfigAccount *old = removal->accounts[i];
        const ConfigAccount *there = config_find_id(now, old->id);
        removal->kept[i] = there && !cmd_is_unchanged(there, old);
        left += there && !removal->kept[i];
        leaves |= there && there == present && !removal->kept[i];
    }
    if (leaves && preset) /* first, so that the key keeps its place */
        config_edit_default(edit, preset);
    else
        removal->next = 0;
    config_read_tree(edit->arena, &edit->config);
    for (int i = 0; i < removal->count; i++) {
        const ConfigAccount *there = config_find_id(now,
                                                    removal->accounts[i]->id);
        if (there && !removal->kept[i])
            config_edit_remove(edit, there);
    }
    edit->done = !left;
    return !leaves || preset || !now->count ||
           err_set(err, EXIT_CONFIG,
                   "the default account of %.*s has just been changed: "
                   "nothing was removed",
                   P(now->path));
}

/* An account that was to be removed has been changed meanwhile. */
static bool cmd_not_removed(Cmd *cmd, const ConfigAccount *account, Err *err)
{
    err_set(err, EXIT_CONFIG,
            "%.*s was not removed: it was signed in to again, or changed, "
            "meanwhile",
            P(cmd_account_title(cmd, account)));
    return err_hint(err, "Run the command again to remove it all the same.");
}

/* Takes one account out of the config. `*next` is the default that is to
 * follow, and 0 afterwards where it did not become that. */
static bool cmd_remove_one(Cmd *cmd, const ConfigAccount *account,
                           int64_t *next, Err *err)
{
    CmdRemoval removal = cmd_removal(cmd->arena, 1);
    removal.accounts[removal.count++] = account;
    removal.next = *next;
    if (!cmd_change_config(cmd, cmd_remove_apply, &removal, err))
        return false;
    *next = removal.next;
    return !removal.kept[0] || cmd_not_removed(cmd, account, err);
}

/* Asks about a file that names a removed account: `*yes` without a terminal
 * only with --force. */
static bool cmd_forget_ask(Cmd *cmd, int64_t id, Str path, const char *question,
                           bool *yes, Err *err)
{
    const ConfigAccount *account = config_find_id(&cmd->config, id);
    ConfigAccount unknown = {.id = id};
    Str title = cmd_account_title(cmd, account ? account : &unknown);
    *yes = cmd_on(cmd, OPT_FORCE);
    if (*yes)
        return true;
    if (cmd->term->interactive) {
        term_say(cmd->term, "%.*s names %.*s.", P(path), P(title));
        return ask_confirm(cmd->term, question, true, yes, err);
    }
    term_warn(cmd->term, "%.*s still names %.*s; with --force it would not",
              P(path), P(title));
    return true;
}

/* What the folder says of an account that leaves the config, and is to go. */
typedef struct {
    ConfigOverride override; /* the .hsaccount that names it, or none */
    Str links;               /* the settings that have it linked, or empty */
} CmdForget;

/* Decides that, before anything is written. An .hsaccount is of no other config
 * than the global one, where the account may well stay. */
static bool cmd_forget_decide(Cmd *cmd, int64_t id, CmdForget *forget, Err *err)
{
    ConfigOverride override;
    ConfigLinks links = {0};
    Err ignored = {0};
    bool yes = false;
    *forget = (CmdForget){0};
    if (cmd->config.is_global &&
        config_read_override(cmd->arena, &override, &ignored) &&
        override.id == id) {
        if (!cmd_forget_ask(cmd, id, override.path, "Remove that file?", &yes,
                            err))
            return false;
        if (yes)
            forget->override = override;
    }
    if (!config_read_links(cmd->arena, &links, &ignored) ||
        (!config_is_linked(&links, id) && links.default_account != id))
        return true;
    if (!cmd_forget_ask(cmd, id, links.path, "Unlink it there?", &yes, err))
        return false;
    forget->links = yes ? links.path : (Str){0};
    return true;
}

/* Does what was decided, once the account has left the config. */
static bool cmd_forget(Cmd *cmd, int64_t id, const CmdForget *forget, Err *err)
{
    const ConfigLinkChange change = {
        .drop = &id, .drop_count = 1, .keep_default = true};
    return config_remove_override(cmd->arena, &forget->override, err) &&
           (!forget->links.len ||
            config_change_links(cmd->arena, forget->links, &change, err));
}

/* Says what the default is now, where it changed. */
static void cmd_say_default(Cmd *cmd, int64_t next)
{
    const ConfigAccount *account = next ? config_find_id(&cmd->config, next)
                                        : NULL;
    if (account)
        term_say(cmd->term, "The default account is now %.*s",
                 P(cmd_account_title(cmd, account)));
}

static bool cmd_account_remove(Cmd *cmd, Err *err)
{
    static const CmdPick pick = {
        .what = "Account to remove:",
        .how = "its name or id: hs account remove ACCOUNT"};
    const ConfigAccount *account = NULL;
    int64_t next = 0;
    CmdForget forget;
    if (!cmd_load_file(cmd, err) ||
        !cmd_arg_account(cmd, &pick, &account, err) ||
        !cmd_next_default(cmd, &account->id, 1, &next, err) ||
        !cmd_forget_decide(cmd, account->id, &forget, err) ||
        !cmd_remove_one(cmd, account, &next, err) ||
        !cmd_forget(cmd, account->id, &forget, err))
        return false;
    term_say(cmd->term, "Removed %.*s from %.*s",
             P(cmd_account_title(cmd, account)), P(cmd->config.path));
    cmd_say_default(cmd, next);
    if (cmd_on(cmd, OPT_JSON))
        cmd_print_account(cmd, account);
    return true;
}

/* ---- hs account clean ---- */

/* The accounts that turned out to be inactive. */
typedef struct {
    CmdRemoval removal;
    HubCheck **checks; /* of each of them */
} CmdClean;

/* The accounts whose keys are tried: those of the environment that is meant,
 * with a key. */
static HubCheck *cmd_clean_list(Cmd *cmd, int *count)
{
    const Config *config = &cmd->config;
    HubCheck *checks = arena_array(cmd->arena, config->count, sizeof(*checks));
    *count = 0;
    for (int i = 0; i < config->count; i++) {
        const ConfigAccount *account = &config->accounts[i];
        if (account->auth == CONFIG_AUTH_KEY &&
            account->qa == cmd_on(cmd, OPT_QA))
            checks[(*count)++] = (HubCheck){.account = account};
    }
    return checks;
}

static void cmd_clean_json(Cmd *cmd, const HubCheck *checks, int count)
{
    static const char *const names[] = {"unchecked", "active", "removed"};
    cJSON *answer = json_new(cmd->arena);
    for (int standing = COUNT(names) - 1; standing >= 0; standing--) {
        cJSON *list = cJSON_CreateArray();
        json_add(answer, names[standing], list);
        for (int i = 0; i < count; i++) {
            if ((int)checks[i].standing != standing)
                continue;
            cJSON *row = cmd_account_json(cmd->arena, checks[i].account);
            if (standing == HUB_UNCHECKED)
                json_add_text(row, "reason", checks[i].reason);
            cJSON_AddItemToArray(list, row);
        }
    }
    cmd_print_json(cmd, answer);
}

/* Names what the checks found, and keeps in mind which are inactive. */
static void cmd_clean_say(Cmd *cmd, HubCheck *checks, int count,
                          CmdClean *clean)
{
    for (int i = 0; i < count; i++) {
        HubCheck *check = &checks[i];
        Str title = cmd_account_title(cmd, check->account);
        if (check->standing == HUB_INACTIVE) {
            CmdRemoval *removal = &clean->removal;
            clean->checks[removal->count] = check;
            removal->accounts[removal->count++] = check->account;
            term_say(cmd->term, "Inactive: %.*s", P(title));
        } else if (check->standing == HUB_UNCHECKED) {
            term_warn(cmd->term, "%.*s could not be checked: %.*s", P(title),
                      P(check->reason));
        }
    }
}

/* Accounts that could not be checked are a failure: of some, or of all. A key
 * of another account decides the exit code: that will not pass by itself. */
static bool cmd_clean_result(const HubCheck *checks, int count, Err *err)
{
    int unchecked = 0;
    bool foreign = false;
    ExitCode code = EXIT_FAILED;
    if (os_interrupted())
        return err_set(err, (ExitCode)(128 + os_interrupted()), "interrupted");
    for (int i = 0; i < count; i++)
        if (checks[i].standing == HUB_UNCHECKED) {
            unchecked++;
            foreign |= checks[i].code == EXIT_CONFIG;
            code = foreign ? EXIT_CONFIG : checks[i].code;
        }
    if (!unchecked)
        return true;
    return err_set(err, foreign || unchecked == count ? code : EXIT_PARTIAL,
                   "%d of %d accounts could not be checked; they were left as "
                   "they are",
                   unchecked, count);
}

/* Asks whether to remove what is inactive. */
static bool cmd_clean_confirm(Cmd *cmd, int inactive, Err *err)
{
    Str question = arena_printf(cmd->arena,
                                "Remove %d inactive account%s from the config?",
                                inactive, inactive == 1 ? "" : "s");
    return cmd_confirm(cmd, "a yes to their removal", question, true, err);
}

/* Counts those as unchecked that were changed since: what was found out about
 * them is no longer so. Gives how many are gone. */
static int cmd_clean_gone(Cmd *cmd, const CmdClean *clean)
{
    const CmdRemoval *removal = &clean->removal;
    int gone = 0;
    for (int i = 0; i < removal->count; i++) {
        Err kept = {0};
        gone += !removal->kept[i];
        if (!removal->kept[i])
            continue;
        cmd_not_removed(cmd, removal->accounts[i], &kept);
        term_warn(cmd->term, "%s", kept.message);
        clean->checks[i]->standing = HUB_UNCHECKED;
        clean->checks[i]->code = EXIT_FAILED;
        clean->checks[i]->reason = S("it was signed in to again, or changed");
    }
    return gone;
}

/* Takes what is inactive out of the config, and out of what the folder says;
 * all that has to be asked is asked before. */
static bool cmd_clean_remove(Cmd *cmd, CmdClean *clean, Err *err)
{
    CmdRemoval *removal = &clean->removal;
    int count = removal->count;
    CmdForget *forget = arena_array(cmd->arena, count, sizeof(*forget));
    int64_t *ids = arena_array(cmd->arena, count, sizeof(*ids));
    for (int i = 0; i < count; i++)
        ids[i] = removal->accounts[i]->id;
    if (!cmd_clean_confirm(cmd, count, err) ||
        !cmd_next_default(cmd, ids, count, &removal->next, err))
        return false;
    for (int i = 0; i < count; i++)
        if (!cmd_forget_decide(cmd, ids[i], &forget[i], err))
            return false;
    bool ok = cmd_change_config(cmd, cmd_remove_apply, removal, err);
    for (int i = 0; ok && i < count; i++)
        ok = removal->kept[i] || cmd_forget(cmd, ids[i], &forget[i], err);
    return ok;
}

static bool cmd_account_clean(Cmd *cmd, Err *err)
{
    int count = 0;
    if (!cmd_load_file(cmd, err) || !cmd_go_online(cmd, err))
        return false;
    HubCheck *checks = cmd_clean_list(cmd, &count);
    CmdClean clean = {
        .removal = cmd_removal(cmd->arena, count),
        .checks = arena_array(cmd->arena, count, sizeof(HubCheck *))};
    hub_check_keys(cmd->arena, cmd->term, &cmd->pool, &cmd->config, checks,
                   count);
    if (os_interrupted())
        return cmd_clean_result(checks, count, err);
    cmd_clean_say(cmd, checks, count, &clean);
    if (clean.removal.count && !cmd_clean_remove(cmd, &clean, err))
        return false;
    int gone = cmd_clean_gone(cmd, &clean);
    if (cmd_on(cmd, OPT_JSON))
        cmd_clean_json(cmd, checks, count);
    term_say(cmd->term, "%d account%s checked, %d removed.", count,
             count == 1 ? "" : "s", gone);
    cmd_say_default(cmd, clean.removal.next);
    return cmd_clean_result(checks, count, err);
}

/* ---- hs account link ---- */

/* What a linked folder is to hold. */
typedef struct {
    Str path; /* of the settings */
    ConfigLinks links;
    int64_t *ids; /* to link, or to unlink */
    int count;
    int64_t preset;          /* the folder's default; 0: as it is */
    ConfigOverride override; /* an .hsaccount that is to go, or none */
} CmdLink;

/* Linked folders belong to the global config's world. */
static bool cmd_no_deprecated(Cmd *cmd, Err *err)
{
    Str old = config_deprecated_path(cmd->arena);
    if (!old.len)
        return true;
    err_set(err, EXIT_CONFIG, "%.*s is in use here: it knows no linked folders",
            P(old));
    return err_hint(err, "Run hs config migrate first.");
}

/* Reads the folder's settings, or says where new ones will be. */
static bool cmd_link_begin(Cmd *cmd, CmdLink *link, Err *err)
{
    /* Those linked, those on the command line, those ticked. */
    int most = CONFIG_LINKED + CMD_VALUES + cmd->config.count;
    link->ids = arena_array(cmd->arena, most, sizeof(*link->ids));
    link->path = config_links_path(cmd->arena);
    Str here = os_path_join(cmd->arena, os_cwd(cmd->arena),
                            S(".hs/settings.json"));
    if (!link->path.len)
        link->path = here;
    else if (!str_eq(link->path, here))
        term_say(cmd->term, "Using the settings of a parent directory: %.*s",
                 P(link->path));
    return config_read_links_at(cmd->arena, link->path, &link->links, err);
}

/* The accounts of the option --account, which may stand more than once. */
static bool cmd_link_named(Cmd *cmd, CmdLink *link, Err *err)
{
    const CmdValue *value = &cmd->options[OPT_ACCOUNTS];
    for (int i = 0; i < value->count; i++) {
        const ConfigAccount *account = NULL;
        if (!config_require(&cmd->config, value->list[i], &account, err))
            return false;
        if (!cmd_is_among(link->ids, link->count, account->id))
            link->ids[link->count++] = account->id;
    }
    return true;
}

/* Signs in to another account, which is then linked. */
static bool cmd_link_sign_in(Cmd *cmd, CmdLink *link, Err *err)
{
    CmdAuth auth = {.path = cmd->config.path, .form = cmd->config.form};
    if (!cmd_auth_run(cmd, &auth, err))
        return false;
    cmd_auth_say(cmd, &auth);
    link->ids[link->count++] = auth.account.id;
    return cmd_load_config(cmd, err);
}

/* Has a person tick the accounts to link; those that are linked already
 * cannot be chosen again, that of an .hsaccount is ticked. */
static bool cmd_link_tick(Cmd *cmd, CmdLink *link, int64_t override, Err *err)
{
    const Config *config = &cmd->config;
    AskItem *items = arena_array(cmd->arena, config->count, sizeof(*items));
    int open = 0;
    for (int i = 0; i < config->count; i++) {
        const ConfigAccount *account = &config->accounts[i];
        bool linked = config_is_linked(&link->links, account->id);
        items[i] = (AskItem){.label = cmd_account_title(cmd, account),
                             .chosen = account->id == override && !linked,
                             .fixed = linked ? "linked already" : NULL};
        open += !linked;
    }
    if (!open)
        return err_set(err, EXIT_USAGE,
                       "every account of the config is linked already");
    if (!ask_checkbox(cmd->term, "Accounts to link:", items, config->count,
                      err))
        return false;
    for (int i = 0; i < config->count; i++)
        if (items[i].chosen && !items[i].fixed)
            link->ids[link->count++] = config->accounts[i].id;
    return true;
}

static bool cmd_link_ask(Cmd *cmd, CmdLink *link, int64_t override, Err *err)
{
    static const char *const ways[] = {"Link accounts that are signed in",
                                       "Sign in to another account", "Cancel"};
    Str items[COUNT(ways)];
    int at = 0;
    if (!ask_allowed(cmd->term, "an account to link", "--account ACCOUNT", err))
        return false;
    for (int i = 0; i < COUNT(ways); i++)
        items[i] = str_from(ways[i]);
    if (!ask_select(cmd->term, "What to do?", items, COUNT(ways), &at, err))
        return false;
    return at == 0   ? cmd_link_tick(cmd, link, override, err)
           : at == 1 ? cmd_link_sign_in(cmd, link, err)
                     : cmd_declined(err);
}

/* An .hsaccount that names one of the accounts gives way to the settings: a
 * person is asked whether it stays the default, and the file goes. In a
 * script it is the default unless --default says otherwise, and it stays
 * unless --force is given. */
static bool cmd_link_override(Cmd *cmd, CmdLink *link,
                              const ConfigOverride *override, Err *err)
{
    bool keep = true;
    int64_t id = override->id;
    Str path = override->path;
    const ConfigAccount *account = config_find_id(&cmd->config, id);
    if (!account || (!cmd_is_among(link->ids, link->count, id) &&
                     !config_is_linked(&link->links, id)))
        return true;
    if (!cmd->term->interactive || cmd_on(cmd, OPT_FORCE)) {
        link->preset = link->preset ? link->preset : id;
        if (cmd_on(cmd, OPT_FORCE))
            link->override = *override;
        else
            term_say(cmd->term,
                     "%.*s no longer counts here; --force would remove it.",
                     P(path));
        return true;
    }
    term_say(cmd->term, "%.*s names %.*s.", P(path),
             P(cmd_account_title(cmd, account)));
    if (!link->preset &&
        !ask_confirm(cmd->term, "Keep it as the folder's default?", true, &keep,
                     err))
        return false;
    if (!link->preset && keep)
        link->preset = id;
    link->override = *override;
    return true;
}

/* Has a person pick the folder's default from its accounts. */
static bool cmd_link_pick(Cmd *cmd, CmdLink *link, const int64_t *ids,
                          int count, const char *option, Err *err)
{
    Str *items = arena_array(cmd->arena, count, sizeof(*items));
    int at = 0;
    if (!ask_allowed(cmd->term, "the folder's default account", option, err))
        return false;
    for (int i = 0; i < count; i++) {
        ConfigAccount unknown = {.id = ids[i]};
        const ConfigAccount *account = config_find_id(&cmd->config, ids[i]);
        items[i] = cmd_account_title(cmd, account ? account : &unknown);
        if (ids[i] == link->links.default_account)
            at = i;
    }
    if (!ask_select(cmd->term, "Default account of this folder:", items, count,
                    &at, err))
        return false;
    link->preset = ids[at];
    return true;
}

/* Decides the folder's default: what is set already, the only account, or
 * what a person picks; a script names it where there are several. */
static bool cmd_link_default(Cmd *cmd, CmdLink *link, Err *err)
{
    int most = link->links.count + link->count;
    int64_t *ids = arena_array(cmd->arena, most, sizeof(*ids));
    int count = 0;
    for (int i = 0; i < link->links.count; i++)
        ids[count++] = link->links.linked[i];
    for (int i = 0; i < link->count; i++)
        if (!cmd_is_among(ids, count, link->ids[i]))
            ids[count++] = link->ids[i];
    if (link->preset) {
        if (cmd_is_among(ids, count, link->preset))
            return true;
        return err_set(err, EXIT_USAGE,
                       "--default names an account that is not linked here");
    }
    if (link->links.default_account > 0 && !cmd->term->interactive) {
        link->preset = link->links.default_account;
        return true;
    }
    if (count == 1)
        link->preset = ids[0];
    return count == 1 ||
           cmd_link_pick(cmd, link, ids, count, "--default ACCOUNT", err);
}

/* Writes the settings and has git ignore them; removes the .hsaccount that
 * has given way. */
static bool cmd_link_save(Cmd *cmd, const CmdLink *link, Err *err)
{
    Str changed = {0};
    Err fault = {0};
    const ConfigLinkChange change = {
        .add = link->ids, .add_count = link->count, .preset = link->preset};
    bool ok = config_change_links(cmd->arena, link->path, &change, err);
    if (!ok || !config_remove_override(cmd->arena, &link->override, err))
        return false;
    if (link->override.path.len)
        term_say(cmd->term, "Removed %.*s.", P(link->override.path));
    if (!config_hide_from_git(cmd->arena, link->path, os_path_dir(link->path),
                              &changed, &fault))
        term_warn(cmd->term, "git does not ignore %.*s: %s", P(link->path),
                  fault.message);
    if (changed.len)
        term_say(cmd->term, "Added .hs to %.*s.", P(changed));
    return true;
}

static void cmd_link_json(Cmd *cmd, Str path, const ConfigLinks *links)
{
    cJSON *answer = json_new(cmd->arena);
    json_add_text(answer, "settings", path);
    json_add_id(answer, "localDefaultAccount", links->default_account);
    json_add(answer, "accounts", cmd_ids_json(links->linked, links->count));
    cmd_print_json(cmd, answer);
}

/* Says which accounts the folder is linked with now. */
static bool cmd_link_report(Cmd *cmd, Str path, Err *err)
{
    ConfigLinks now;
    if (!config_read_links_at(cmd->arena, path, &now, err))
        return false;
    term_say(cmd->term, "Linked in %.*s:%s", P(path),
             now.count ? "" : " no account");
    for (int i = 0; i < now.count; i++) {
        ConfigAccount unknown = {.id = now.linked[i]};
        const ConfigAccount *account = config_find_id(&cmd->config,
                                                      now.linked[i]);
        term_say(cmd->term, "  %.*s%s",
                 P(cmd_account_title(cmd, account ? account : &unknown)),
                 now.linked[i] == now.default_account ? ", the default" : "");
    }
    if (cmd_on(cmd, OPT_JSON))
        cmd_link_json(cmd, path, &now);
    return true;
}

static bool cmd_account_link(Cmd *cmd, Err *err)
{
    CmdLink link = {0};
    ConfigOverride override;
    const ConfigAccount *preset = NULL;
    Str wanted = cmd_text(cmd, OPT_LINK_DEFAULT);
    if (!cmd_no_deprecated(cmd, err) || !cmd_load_file(cmd, err) ||
        !cmd_link_begin(cmd, &link, err) ||
        (wanted.len && !config_require(&cmd->config, wanted, &preset, err)) ||
        !config_read_override(cmd->arena, &override, err))
        return false;
    link.preset = preset ? preset->id : 0;
    bool named = cmd->options[OPT_ACCOUNTS].count || preset;
    if (!(named ? cmd_link_named(cmd, &link, err)
                : cmd_link_ask(cmd, &link, override.id, err)) ||
        !cmd_link_override(cmd, &link, &override, err) ||
        !cmd_link_default(cmd, &link, err) || !cmd_link_save(cmd, &link, err))
        return false;
    return cmd_link_report(cmd, link.path, err);
}

/* ---- hs account unlink ---- */

/* Has a person tick the accounts to unlink. */
static bool cmd_unlink_tick(Cmd *cmd, CmdLink *link, Err *err)
{
    const ConfigLinks *links = &link->links;
    AskItem *items = arena_array(cmd->arena, links->count, sizeof(*items));
    if (!ask_allowed(cmd->term, "an account to unlink",
                     "--account ACCOUNT or --all", err))
        return false;
    for (int i = 0; i < links->count; i++) {
        ConfigAccount unknown = {.id = links->linked[i]};
        const ConfigAccount *account = config_find_id(&cmd->config,
                                                      links->linked[i]);
        items[i].label = cmd_account_title(cmd, account ? account : &unknown);
    }
    if (!ask_checkbox(cmd->term, "Accounts to unlink:", items, links->count,
                      err))
        return false;
    for (int i = 0; i < links->count; i++)
        if (items[i].chosen)
            link->ids[link->count++] = links->linked[i];
    return true;
}

/* The linked accounts of --account. One that has left the config can still be
 * named by its id. */
static bool cmd_unlink_named(Cmd *cmd, CmdLink *link, Err *err)
{
    const CmdValue *value = &cmd->options[OPT_ACCOUNTS];
    for (int i = 0; i < value->count; i++) {
        const ConfigAccount *account = config_find(&cmd->config,
                                                   value->list[i]);
        int64_t id = account ? account->id : 0;
        if (!account)
            str_int(value->list[i], &id);
        if (!config_is_linked(&link->links, id)) {
            err_set(err, EXIT_CONFIG, "'%.*s' is not linked in %.*s",
                    P(value->list[i]), P(link->path));
            return err_hint(err, "hs account list shows what is.");
        }
        if (!cmd_is_among(link->ids, link->count, id))
            link->ids[link->count++] = id;
    }
    return true;
}

/* Which default the folder has once the accounts have left it: --default, the
 * only one that stays, or of several what a person picks. */
static bool cmd_unlink_default(Cmd *cmd, CmdLink *link, Err *err)
{
    int64_t *ids = arena_array(cmd->arena, link->links.count, sizeof(*ids));
    int count = 0;
    const ConfigAccount *preset = NULL;
    Str wanted = cmd_text(cmd, OPT_LINK_DEFAULT);
    if (wanted.len && !config_require(&cmd->config, wanted, &preset, err))
        return false;
    link->preset = link->links.default_account;
    for (int i = 0; i < link->links.count; i++)
        if (!cmd_is_among(link->ids, link->count, link->links.linked[i]))
            ids[count++] = link->links.linked[i];
    if (preset && !cmd_is_among(ids, count, preset->id))
        return err_set(err, EXIT_USAGE,
                       "--default names an account that is not linked here");
    if (preset)
        link->preset = preset->id;
    if (!cmd_is_among(link->ids, link->count, link->preset))
        return true;
    link->preset = count == 1 ? ids[0] : 0;
    return count < 2 ||
           cmd_link_pick(cmd, link, ids, count, "--default ACCOUNT", err);
}

static bool cmd_account_unlink(Cmd *cmd, Err *err)
{
    CmdLink link = {0};
    bool all = cmd_on(cmd, OPT_ALL);
    bool named = cmd->options[OPT_ACCOUNTS].count > 0;
    if (all && named)
        return err_set(err, EXIT_USAGE,
                       "--all and --account exclude each "
                       "other");
    if (!cmd_no_deprecated(cmd, err) || !cmd_load_file(cmd, err) ||
        !cmd_link_begin(cmd, &link, err))
        return false;
    if (!link.links.count && !named) {
        term_say(cmd->term, "No account is linked here.");
        if (cmd_on(cmd, OPT_JSON))
            cmd_link_json(cmd, link.path, &link.links);
        return true;
    }
    for (int i = 0; all && i < link.links.count; i++)
        link.ids[link.count++] = link.links.linked[i];
    if ((!all && !(named ? cmd_unlink_named(cmd, &link, err)
                         : cmd_unlink_tick(cmd, &link, err))) ||
        !cmd_unlink_default(cmd, &link, err))
        return false;
    const ConfigLinkChange change = {
        .drop = link.ids, .drop_count = link.count, .preset = link.preset};
    return config_change_links(cmd->arena, link.path, &change, err) &&
           cmd_link_report(cmd, link.path, err);
}

/* ---- hs account create-override, remove-override ---- */

/* .hsaccount counts with the global config only. */
static bool cmd_needs_global(const Cmd *cmd, Err *err)
{
    if (cmd->config.is_global)
        return true;
    err_set(err, EXIT_CONFIG,
            ".hsaccount counts with the global config only, and %.*s is in use",
            P(cmd->config.path));
    return err_hint(err, "Run hs config migrate first.");
}

/* An .hsaccount that stands in the folder already is replaced only with a yes
 * or --force. `*before` is what it holds. */
static bool cmd_override_replace(Cmd *cmd, Str path, int64_t id, Str *before,
                                 Err *err)
{
    Err ignored = {0};
    ConfigOverride present;
    *before = (Str){0};
    if (!os_exists(cmd->arena, path))
        return true;
    config_read_override_at(cmd->arena, path, &present, &ignored);
    *before = present.text;
    return present.id == id ||
           cmd_confirm(cmd, "a yes to replacing .hsaccount",
                       S("Replace the .hsaccount that is here?"), true, err);
}

static bool cmd_account_create_override(Cmd *cmd, Err *err)
{
    static const CmdPick pick = {
        .what = "Account for this folder:",
        .how = "its name or id: hs account create-override ACCOUNT"};
    const ConfigAccount *account = NULL;
    ConfigLinks links = {0};
    Str before;
    Str path = os_path_join(cmd->arena, os_cwd(cmd->arena), S(".hsaccount"));
    if (!cmd_load_file(cmd, err) || !cmd_needs_global(cmd, err) ||
        !cmd_arg_account(cmd, &pick, &account, err) ||
        !config_read_links(cmd->arena, &links, err) ||
        !cmd_override_replace(cmd, path, account->id, &before, err) ||
        !config_write_override(cmd->arena, path, account->id,
                               cmd_forced(cmd) ? NULL : &before, err))
        return false;
    term_say(cmd->term, "%.*s is now used below this folder, by %.*s",
             P(cmd_account_title(cmd, account)), P(path));
    if (links.default_account > 0)
        term_warn(cmd->term, "%.*s goes before it", P(links.path));
    if (cmd_on(cmd, OPT_JSON))
        cmd_print_account(cmd, account);
    return true;
}

static bool cmd_account_remove_override(Cmd *cmd, Err *err)
{
    Err ignored = {0};
    ConfigOverride override;
    Str path = config_find_upward(cmd->arena, S(".hsaccount"), S(""));
    if (!path.len) {
        term_say(cmd->term, "There is no .hsaccount here or above.");
        return true;
    }
    if (cmd->term->interactive && !cmd_forced(cmd))
        term_say(cmd->term, "The .hsaccount in use is %.*s", P(path));
    config_read_override_at(cmd->arena, path, &override, &ignored);
    if (!cmd_confirm(cmd, "a yes to the removal", S("Remove that file?"), true,
                     err) ||
        !config_remove_override(cmd->arena, &override, err))
        return false;
    term_say(cmd->term, "Removed %.*s", P(path));
    return true;
}

/* ---- hs auth, hs init: the deprecated config ---- */

/* The deprecated config is for machines without a global one. */
static bool cmd_refuse_global(Cmd *cmd, Err *err)
{
    ConfigWhere where = cmd_where(cmd);
    Str global = config_global_path(cmd->arena);
    if (config_named_path(&where).len || !global.len ||
        !os_exists(cmd->arena, global))
        return true;
    err_set(err, EXIT_CONFIG, "the global config %.*s is in use", P(global));
    return err_hint(err, "Use hs account auth; this command is for the "
                         "deprecated hubspot.config.yml.");
}

static bool cmd_auth_old(Cmd *cmd, Err *err)
{
    ConfigWhere where = cmd_where(cmd);
    CmdAuth auth = {.form = CONFIG_DEPRECATED};
    ask_hush(cmd->term);
    if (!cmd_refuse_global(cmd, err))
        return false;
    auth.path = config_named_path(&where);
    if (!auth.path.len)
        auth.path = config_deprecated_path(cmd->arena);
    if (!auth.path.len || !os_exists(cmd->arena, auth.path)) {
        if (auth.path.len)
            err_set(err, EXIT_CONFIG, "there is no config: %.*s does not exist",
                    P(auth.path));
        else
            err_set(err, EXIT_CONFIG,
                    "there is no hubspot.config.yml here or above");
        return err_hint(err, "hs account auth signs in without one; hs init "
                             "makes one.");
    }
    if (!cmd_auth_run(cmd, &auth, err))
        return false;
    cmd_auth_report(cmd, &auth);
    return true;
}

/* Is a config so incomplete that it can be begun anew? */
static bool cmd_is_torn(Cmd *cmd, Str path)
{
    Config config;
    Err ignored = {0};
    ConfigPlace place = {path, CONFIG_DEPRECATED, true};
    return config_read_place(cmd->arena, &place, &config, &ignored) &&
           config.torn;
}

static bool cmd_init(Cmd *cmd, Err *err)
{
    ConfigWhere where = cmd_where(cmd);
    CmdAuth auth = {.form = CONFIG_DEPRECATED};
    Str changed = {0};
    Err fault = {0};
    ask_hush(cmd->term);
    if (!cmd_refuse_global(cmd, err))
        return false;
    Str named = config_named_path(&where);
    Str there = named.len && os_exists(cmd->arena, named) ? named : S("");
    if (!named.len)
        there = config_deprecated_path(cmd->arena);
    if (there.len && !cmd_is_torn(cmd, there)) {
        err_set(err, EXIT_CONFIG, "there is a config already: %.*s", P(there));
        return err_hint(err, "hs auth adds an account to it.");
    }
    auth.path = there.len   ? there
                : named.len ? named
                            : os_path_join(cmd->arena, os_cwd(cmd->arena),
                                           S("hubspot.config.yml"));
    if (!cmd_auth_run(cmd, &auth, err))
        return false;
    cmd_auth_report(cmd, &auth);
    if (!config_hide_from_git(cmd->arena, auth.path, auth.path, &changed,
                              &fault))
        term_warn(cmd->term, "git does not ignore %.*s: %s", P(auth.path),
                  fault.message);
    if (changed.len)
        term_say(cmd->term, "Added %.*s to %.*s.", P(os_path_base(auth.path)),
                 P(changed));
    return true;
}

/* ---- hs config set ---- */

/* The settings that can be set, in the order of the config file. */
static const struct {
    CmdOption option;
    const char *key;
    const char *help;
} cmd_settings[] = {
    {OPT_PUBLISH_MODE, "defaultCmsPublishMode",
     "CMS publish mode: draft or publish"},
    {OPT_HTTP_TIMEOUT, "httpTimeout", "HTTP time-out in milliseconds"},
    {OPT_ALLOW_TRACKING, "allowUsageTracking",
     "Usage tracking by the official client"},
    {OPT_ALLOW_UPDATES, "allowAutoUpdates",
     "Automatic updates of the official client"},
    {OPT_OPEN_BROWSER, "autoOpenBrowser", "Opening a browser by itself"},
};

/* Has a person choose a setting and its value. */
static bool cmd_set_ask(Cmd *cmd, Err *err)
{
    Str items[COUNT(cmd_settings)];
    const Str modes[] = {S("draft"), S("publish")};
    int at = 0;
    int mode = 0;
    Str text = {0};
    if (!ask_allowed(cmd->term, "a setting",
                     "--default-cms-publish-mode, --http-timeout, "
                     "--allow-usage-tracking, --allow-auto-updates or "
                     "--auto-open-browser",
                     err))
        return false;
    for (int i = 0; i < COUNT(cmd_settings); i++)
        items[i] = str_from(cmd_settings[i].help);
    if (!ask_select(cmd->term, "Setting:", items, COUNT(items), &at, err))
        return false;
    CmdValue *value = &cmd->options[cmd_settings[at].option];
    value->set = true;
    if (cmd_settings[at].option == OPT_PUBLISH_MODE) {
        bool ok = ask_select(cmd->term, "Publish mode:", modes, 2, &mode, err);
        value->text = modes[mode];
        return ok;
    }
    if (cmd_settings[at].option != OPT_HTTP_TIMEOUT)
        return ask_confirm(cmd->term, "Allow it?", true, &value->on, err);
    for (;;) {
        if (!ask_text(cmd->term, cmd->arena, "Milliseconds:", S("15000"), false,
                      &text, err))
            return false;
        if (str_int(text, &value->number) &&
            value->number >= CONFIG_TIMEOUT_MIN_MS)
            return true;
        term_complain(cmd->term, "enter a number of at least %d",
                      CONFIG_TIMEOUT_MIN_MS);
    }
}

static Str cmd_set_text(const Cmd *cmd, int setting)
{
    const CmdValue *value = &cmd->options[cmd_settings[setting].option];
    if (cmd_settings[setting].option == OPT_PUBLISH_MODE)
        return value->text;
    if (cmd_settings[setting].option == OPT_HTTP_TIMEOUT)
        return arena_int(cmd->arena, value->number);
    return value->on ? S("true") : S("false");
}

static bool cmd_set_apply(ConfigEdit *edit, void *context, Err *err)
{
    const Cmd *cmd = context;
    (void)err;
    for (int i = 0; i < COUNT(cmd_settings); i++)
        if (cmd->options[cmd_settings[i].option].set)
            config_edit_setting(edit, cmd_settings[i].key,
                                cmd_set_text(cmd, i));
    return true;
}

static bool cmd_config_set(Cmd *cmd, Err *err)
{
    bool any = false;
    if (!cmd_load_file(cmd, err))
        return false;
    for (int i = 0; i < COUNT(cmd_settings); i++)
        any |= cmd->options[cmd_settings[i].option].set;
    if ((!any && !cmd_set_ask(cmd, err)) ||
        !cmd_change_config(cmd, cmd_set_apply, cmd, err))
        return false;
    cJSON *answer = json_new(cmd->arena);
    for (int i = 0; i < COUNT(cmd_settings); i++) {
        if (!cmd->options[cmd_settings[i].option].set)
            continue;
        Str text = cmd_set_text(cmd, i);
        json_add_text(answer, cmd_settings[i].key, text);
        term_say(cmd->term, "%s is now %.*s, in %.*s", cmd_settings[i].key,
                 P(text), P(cmd->config.path));
    }
    if (cmd_on(cmd, OPT_JSON))
        cmd_print_json(cmd, answer);
    return true;
}

/* ---- hs config migrate ---- */

static bool cmd_config_migrate(Cmd *cmd, Err *err)
{
    ConfigWhere where = cmd_where(cmd);
    ConfigMigrated done = {0};
    Str to = {0};
    Str from = config_named_path(&where);
    if (!cmd_global_path(cmd, &to, err))
        return false;
    if (!from.len)
        from = config_deprecated_path(cmd->arena);
    if (from.len && !os_exists(cmd->arena, from))
        return err_set(err, EXIT_CONFIG,
                       "there is nothing to migrate: %.*s does not exist",
                       P(from));
    if (!from.len)
        return err_set(err, EXIT_CONFIG,
                       "there is nothing to migrate: no hubspot.config.yml "
                       "here or above");
    if (os_same_file(cmd->arena, from, to))
        return err_set(err, EXIT_USAGE, "%.*s is the global config itself",
                       P(from));
    if (cmd->term->interactive && !cmd_forced(cmd))
        term_say(cmd->term, "The deprecated config is %.*s", P(from));
    if (!cmd_confirm(cmd, "a yes to the migration",
                     S("Move the accounts to the global config?"), true, err))
        return false;
    if (!cmd_migrate_run(cmd, from, to, &done, err))
        return false;
    if (cmd_on(cmd, OPT_JSON))
        cmd_migrate_json(cmd, to, &done);
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
    CmdInput in = {.what = "--data", .most = MOST};
    bool is_file = str_starts(data, S("@"));
    *out = data;
    if (is_file && data.len == 1)
        return err_set(err, EXIT_USAGE, "--data @ names no file");
    if (is_file)
        in.path = str_slice(data, 1, data.len);
    if ((is_file || str_eq(data, S("-"))) &&
        !cmd_read_input(cmd, &in, out, err))
        return false;
    bool marked = str_starts(*out, S("\xef\xbb\xbf")) ||
                  str_starts(*out, S("\xff\xfe")) ||
                  str_starts(*out, S("\xfe\xff"));
    if (marked)
        err_set(err, EXIT_USAGE, "--data begins with a byte order mark");
    else if (!str_is_utf8(*out))
        err_set(err, EXIT_USAGE, "--data is not UTF-8");
    else if (json_validate(*out, JSON_DEPTH, &fault))
        return true;
    err_set(err, EXIT_USAGE, "--data is %s", fault.message);
    return err_hint(err, "It takes JSON in UTF-8: text, @file, or - for "
                         "stdin.");
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
    if (!cmd_open_account(cmd, &hub, err) ||
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

/* ---- Dotenv files, for hs secrets apply ---- */

/*
 * Programs read dotenv files differently, and a secret that came out wrong
 * cannot be read back. So a line is accepted only if dotenv (npm), Node's
 * --env-file, python-dotenv, godotenv and docker-compose all read the same
 * value from it; tests/test_dotenv.py checks this against these programs.
 *
 * A file has lines NAME=value, blank lines and comments from # on; `export `
 * may precede a name. A value without quotes is the rest of the line, without
 * the white space at its ends, and ends before " #". Quotes may hold several
 * lines. Single quotes keep their text as it is; in double quotes, \n is a
 * line feed. What each place refuses, and which program differs, is beside
 * the check. All faulty lines of a file are found in one run. No message
 * quotes a value.
 */
enum {
    CMD_SECRETS_MOST = 50, /* secrets of one account: HubSpot's limit */
    CMD_SECRET_MAX = 64 * KIB,
    CMD_SECRET_NAME_MAX = 256,
    CMD_ENV_MAX = MIB,
    CMD_ENV_FAULTS = 20 /* that are listed; the others are counted */
};

typedef struct {
    Str name;
    Secret value;
    int line;
} CmdEnvItem;

/* Why a line is refused, and what to do about it. */
typedef struct {
    int line;
    const char *what; /* NULL: nothing is wrong */
    const char *fix;
} CmdEnvFault;

/* A file: what it holds, and which of its lines are refused. */
typedef struct {
    CmdEnvItem items[CMD_SECRETS_MOST];
    int count;
    int more; /* items beyond those */
    CmdEnvFault faults[CMD_ENV_FAULTS];
    int fault_count; /* maybe more than are kept */
} CmdEnvFile;

/* What is left of the file; `line` is that of its first byte. */
typedef struct {
    Arena *arena;
    Str rest;
    int line;
    CmdEnvFault fault; /* the first one of the present item */
} CmdEnv;

static const char CMD_ENV_SINGLE[] = "Put the value in single quotes.";
static const char CMD_ENV_QUOTE[] = "Put the value in quotes.";
static const char CMD_ENV_LF[] = "Save the file with LF line breaks.";
static const char CMD_ENV_UTF8[] = "Save the file as UTF-8.";
static const char CMD_ENV_ADD[] = "Set this one with hs secrets add.";

static bool cmd_env_fault(CmdEnv *env, const char *what, const char *fix)
{
    if (!env->fault.what)
        env->fault = (CmdEnvFault){.what = what, .fix = fix};
    return false;
}

/* The next byte; a line feed at the end. */
static char cmd_env_peek(const CmdEnv *env)
{
    return env->rest.len ? env->rest.ptr[0] : '\n';
}

static char cmd_env_take(CmdEnv *env)
{
    char c = cmd_env_peek(env);
    env->line += c == '\n';
    env->rest = str_slice(env->rest, 1, env->rest.len);
    return c;
}

/* Takes the blanks at the start of a line, or at its "=". Node 20 leaves out
 * spaces there, and no tabs. */
static void cmd_env_blanks(CmdEnv *env)
{
    while (cmd_env_peek(env) == ' ' || cmd_env_peek(env) == '\t')
        if (cmd_env_take(env) == '\t')
            cmd_env_fault(env, "some programs read a tab here as text",
                          "Use spaces, or none.");
}

/* Takes the rest of the line and its line break. */
static void cmd_env_skip_line(CmdEnv *env)
{
    while (cmd_env_peek(env) != '\n')
        cmd_env_take(env);
    cmd_env_take(env);
}

/* Takes what may end a line: blanks, a comment, the line break. */
static bool cmd_env_line_end(CmdEnv *env)
{
    while (cmd_env_peek(env) == ' ' || cmd_env_peek(env) == '\t')
        cmd_env_take(env);
    if (cmd_env_peek(env) == '#')
        while (cmd_env_peek(env) != '\n')
            cmd_env_take(env);
    if (str_starts(env->rest, S("\r\n")))
        cmd_env_take(env);
    if (cmd_env_peek(env) != '\n')
        return false;
    cmd_env_take(env);
    return true;
}

/* What no line may have, in quotes, in a comment or elsewhere. A CR of its own
 * is a line break to dotenv, Node and python-dotenv; U+2028 and U+2029 end a
 * comment for dotenv. */
static void cmd_env_check_chars(CmdEnv *env, Str text)
{
    while (text.len) {
        uint32_t c = 0;
        int n = str_utf8(text, &c);
        if (!n)
            cmd_env_fault(env, "it is not UTF-8 text", CMD_ENV_UTF8);
        else if (!c)
            cmd_env_fault(env, "it holds a NUL byte", CMD_ENV_UTF8);
        else if (c == 0x2028 || c == 0x2029)
            cmd_env_fault(env, "some programs read U+2028 as a line break",
                          "Remove the character.");
        else if (c == '\r' && text.len > 1 && text.ptr[1] != '\n')
            cmd_env_fault(env, "some programs read a CR as a line break",
                          CMD_ENV_LF);
        text = str_slice(text, n ? n : 1, text.len);
    }
}

/* godotenv refuses "-" in a name. */
static bool cmd_env_name(CmdEnv *env, Str *name)
{
    Str s = env->rest;
    ptrdiff_t n = 0;
    while (n < s.len && (isalnum((unsigned char)s.ptr[n]) ||
                         (s.ptr[n] && strchr("_.-", s.ptr[n]))))
        n++;
    *name = str_slice(s, 0, n);
    env->rest = str_slice(s, n, s.len);
    if (!n || str_is_digit(s.ptr[0]) || strchr(".-", s.ptr[0]))
        return cmd_env_fault(env, "no name stands before the value",
                             "A name has letters, digits, _ and ., a letter "
                             "or _ first.");
    if (n > CMD_SECRET_NAME_MAX)
        return cmd_env_fault(env, "the name is too long",
                             "A name has at most 256 bytes.");
    return str_index(*name, '-') < 0 ||
           cmd_env_fault(env, "some programs refuse a name with -",
                         CMD_ENV_ADD);
}

/*
 * A backslash in quotes, which was taken. \n in double quotes is the only
 * escape that all know. In single quotes, a backslash is text unless another
 * one or a quote follows: python-dotenv reads these as escapes. After a fault,
 * a quote that follows is the last one only if the line has no other.
 */
static void cmd_env_backslash(CmdEnv *env, char quote, Buf *value)
{
    char c = cmd_env_peek(env);
    Str rest = env->rest;
    if (quote == '\'' && c != '\\' && c != '\'') {
        buf_add_char(value, '\\');
        return;
    }
    if (quote == '"' && c == 'n') {
        cmd_env_take(env);
        buf_add_char(value, '\n');
        return;
    }
    if (quote == '"')
        cmd_env_fault(env,
                      "an escape in double quotes that is not \\n means "
                      "different things to different programs",
                      CMD_ENV_SINGLE);
    else
        cmd_env_fault(env,
                      "\\\\ and \\' in single quotes mean different things to "
                      "different programs",
                      CMD_ENV_ADD);
    Str line = str_slice(str_cut(&rest, '\n'), 1, PTRDIFF_MAX);
    if (c == '\\' || (c == quote && str_index(line, quote) >= 0))
        cmd_env_take(env);
}

/* A "$" in a value, before `rest`. The Go programs expand it without quotes
 * (`quote` is 0) and in double quotes; python-dotenv expands ${ everywhere. */
static void cmd_env_dollar(CmdEnv *env, Str rest, char quote)
{
    if (str_starts(rest, S("{")))
        cmd_env_fault(env, "some programs expand ${, in single quotes too",
                      CMD_ENV_ADD);
    else if (quote != '\'')
        cmd_env_fault(env,
                      quote ? "some programs expand $ in double quotes"
                            : "some programs expand $ without quotes",
                      CMD_ENV_SINGLE);
}

/* Takes a value in quotes. False where the line does not end after it. */
static bool cmd_env_quoted(CmdEnv *env, Str *out)
{
    int line = env->line;
    char quote = cmd_env_take(env);
    Buf value = buf_new(env->arena, CMD_SECRET_MAX + 1);
    while (env->rest.len && cmd_env_peek(env) != quote) {
        if (str_starts(env->rest, S("\r\n"))) /* docker-compose keeps the CR */
            cmd_env_fault(env,
                          "some programs keep the CR of a CRLF line break in "
                          "quotes",
                          CMD_ENV_LF);
        char c = cmd_env_take(env);
        if (c == '\\') {
            cmd_env_backslash(env, quote, &value);
            continue;
        }
        if (c == '$')
            cmd_env_dollar(env, env->rest, quote);
        buf_add_char(&value, c);
    }
    if (!env->rest.len) {
        env->fault = (CmdEnvFault){
            .what = "the quote is never closed",
            .fix = "Close it. A value with a ' or \" of its own needs the "
                   "other kind around it."};
        return false;
    }
    cmd_env_take(env);
    *out = buf_str(&value);
    if (value.full)
        out->len = CMD_SECRET_MAX + 1; /* too long; see cmd_secret_fault() */
    if (env->line > line)
        return cmd_env_line_end(env) ||
               cmd_env_fault(env,
                             "something stands after the closing quote, in a "
                             "later line",
                             "Close the quote where the value ends.");
    return cmd_env_line_end(env) ||
           cmd_env_fault(env, "something stands after the closing quote",
                         "Only a comment may follow. A value with both kinds "
                         "of quotes needs hs secrets add.");
}

/* White space to some programs, which leave it out at the ends of a value,
 * and text to others; beside the control characters. */
static bool cmd_env_is_odd_space(uint32_t c)
{
    return c == '\t' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f ||
           c == 0x3000 || c == 0xfeff;
}

/*
 * Checks the comment after a value without quotes, from its "#" on. `before`
 * is what is before it. dotenv and Node begin a comment at any "#",
 * docker-compose at the first " #", godotenv at the last "#" after white
 * space, U+0085 and U+00A0 among it.
 */
static void cmd_env_check_comment(CmdEnv *env, Str before, Str comment)
{
    if (before.len < 2 || !str_ends(before, S(" "))) {
        cmd_env_fault(env, "a value with # needs quotes",
                      "Put it in quotes; a comment begins with a space and #.");
        return;
    }
    for (ptrdiff_t i = 2; i < comment.len; i++)
        if (comment.ptr[i] == '#' && (str_is_space(comment.ptr[i - 1]) ||
                                      strchr("\x85\xa0", comment.ptr[i - 1])))
            cmd_env_fault(env,
                          "programs disagree on which # begins the comment",
                          "Put the value in quotes, or remove the second #.");
}

/* Takes a value without quotes: the rest of the line. */
static void cmd_env_plain(CmdEnv *env, Str *out)
{
    Str line = str_cut(&env->rest, '\n');
    ptrdiff_t comment = str_index(line, '#');
    env->line++;
    if (str_ends(line, S("\r")))
        line.len--;
    if (comment >= 0) {
        cmd_env_check_comment(env, str_slice(line, 0, comment),
                              str_slice(line, comment, line.len));
        line.len = comment;
    }
    while (str_ends(line, S(" ")))
        line.len--;
    *out = line;
    for (Str rest = *out; rest.len;) {
        uint32_t c = 0;
        int n = str_utf8(rest, &c);
        bool end = rest.len == out->len || n == rest.len;
        if (n && ((c < ' ' && c != '\t') || c == 0x7f))
            cmd_env_fault(env, "a control character without quotes",
                          CMD_ENV_QUOTE);
        else if (c == '$')
            cmd_env_dollar(env, str_slice(rest, 1, rest.len), 0);
        else if (end && cmd_env_is_odd_space(c))
            cmd_env_fault(env,
                          "programs disagree on the white space at the end of "
                          "the value",
                          CMD_ENV_QUOTE);
        rest = str_slice(rest, n ? n : 1, rest.len);
    }
}

/* What keeps a value from being a secret's; NULL: nothing. */
static const char *cmd_secret_fault(Str value)
{
    if (!value.len)
        return "the value is empty";
    if (value.len > CMD_SECRET_MAX)
        return "the value is larger than 64 KiB";
    if (!str_is_utf8(value))
        return "the value is not UTF-8 text";
    return str_index(value, 0) < 0 ? NULL : "the value holds a NUL byte";
}

/* Takes the name, and the = after it. For Node, what follows `export ` belongs
 * to the name, and another white space there is no `export`. */
static bool cmd_env_assignment(CmdEnv *env, Str *name)
{
    Str after = str_slice(env->rest, 6, env->rest.len);
    if (str_starts(env->rest, S("export")) && after.len > 1 &&
        strchr(" \t", after.ptr[0])) {
        if (after.ptr[0] == '\t' || strchr(" \t", after.ptr[1]))
            return cmd_env_fault(env,
                                 "some programs know export only with one "
                                 "space after it",
                                 "Put one space after export.");
        env->rest = str_slice(after, 1, after.len);
    }
    if (!cmd_env_name(env, name))
        return false;
    cmd_env_blanks(env);
    if (cmd_env_peek(env) != '=')
        return cmd_env_fault(env, "no = stands after the name",
                             "Write NAME=value.");
    cmd_env_take(env);
    cmd_env_blanks(env);
    return true;
}

/* Takes a line that is empty or a comment; false where it is neither. Node 20
 * reads the blanks of an empty line, and a comment after blanks, as part of
 * the next name, and a comment with "=" in the last line, without its line
 * break, as a variable. */
static bool cmd_env_idle_line(CmdEnv *env)
{
    Str rest = env->rest;
    ptrdiff_t all = rest.len;
    Str line = str_cut(&rest, '\n');
    bool last = line.len == all;
    cmd_env_blanks(env);
    char c = cmd_env_peek(env);
    bool indented = env->rest.len < all;
    if (c == '#' && (indented || (last && str_index(line, '=') >= 0)))
        cmd_env_fault(env, "some programs read this comment as a variable",
                      indented ? "Remove the white space before the #."
                               : "End the line with a line break.");
    if (!cmd_env_line_end(env))
        return false;
    if (c != '#' && indented)
        cmd_env_fault(env,
                      "some programs read the white space of an empty line as "
                      "part of the next name",
                      "Remove it.");
    return true;
}

/* Takes one line, or the lines of one value. `*item` has no name where it is
 * blank or a comment. False where the line is left in its middle. */
static bool cmd_env_take_item(CmdEnv *env, CmdEnvItem *item)
{
    Str value = {0};
    if (cmd_env_idle_line(env))
        return true;
    if (!cmd_env_assignment(env, &item->name))
        return false;
    char c = cmd_env_peek(env);
    bool quoted = c == '"' || c == '\'';
    if (c == '`') {
        cmd_env_fault(env, "some programs read backticks as quotes",
                      CMD_ENV_SINGLE);
        quoted = str_index(str_slice(env->rest, 1, env->rest.len), c) >= 0;
    }
    if (!quoted)
        cmd_env_plain(env, &value);
    else if (!cmd_env_quoted(env, &value))
        return false;
    item->value = secret_from(value);
    const char *fault = cmd_secret_fault(value);
    const char *fix = CMD_ENV_UTF8;
    if (!value.len || value.len > CMD_SECRET_MAX)
        fix = "A secret has 1 byte to 64 KiB.";
    if (fault)
        cmd_env_fault(env, fault, fix);
    return true;
}

/* Keeps the item, or the fault of its line. */
static void cmd_env_keep(CmdEnv *env, CmdEnvFile *file, const CmdEnvItem *item)
{
    for (int i = 0; i < file->count && !env->fault.what; i++)
        if (item->name.len && str_eq(file->items[i].name, item->name))
            cmd_env_fault(env,
                          arena_printf(env->arena,
                                       "%.*s stands in line %d already",
                                       P(item->name), file->items[i].line)
                              .ptr,
                          "Remove one of them.");
    if (env->fault.what) {
        env->fault.line = item->line;
        if (file->fault_count++ < CMD_ENV_FAULTS)
            file->faults[file->fault_count - 1] = env->fault;
    } else if (item->name.len && file->count < CMD_SECRETS_MOST) {
        file->items[file->count++] = *item;
    } else {
        file->more += item->name.len > 0;
    }
}

/* Reads a dotenv file's text. What it gives is in `arena` or in `text`. */
static void cmd_env_read(Arena *arena, Str text, CmdEnvFile *file)
{
    CmdEnv env = {.arena = arena, .rest = text, .line = 1};
    *file = (CmdEnvFile){0};
    while (env.rest.len) {
        CmdEnv start = env;
        CmdEnvItem item = {.line = env.line};
        env.fault = (CmdEnvFault){0};
        if (!cmd_env_take_item(&env, &item)) {
            env.rest = start.rest; /* a quote may have taken more lines */
            env.line = start.line;
            cmd_env_skip_line(&env);
        }
        cmd_env_check_chars(
            &env, str_slice(start.rest, 0, start.rest.len - env.rest.len));
        cmd_env_keep(&env, file, &item);
    }
}

/* ---- hs secrets ---- */

/* The secrets of an account, and the one that a command is about. */
typedef struct {
    Hub hub;
    Str *names;
    int count;
    HubChange change;
} CmdSecrets;

/* Can this be a name in HubSpot? `whose` is as in "a secret's name". */
static bool cmd_check_name(const char *whose, Str name, int most, Err *err)
{
    bool clean = name.len > 0;
    for (Str rest = name; rest.len;) {
        uint32_t c = 0;
        int n = str_utf8(rest, &c);
        clean &= n && c >= ' ' && !(c >= 0x7f && c < 0xa0);
        rest = str_slice(rest, n ? n : 1, rest.len);
    }
    if (!clean)
        return err_set(err, EXIT_USAGE,
                       "a %s name may not be empty, nor have control "
                       "characters or bytes that are no UTF-8",
                       whose);
    return name.len <= most ||
           err_set(err, EXIT_USAGE, "a %s name has at most %d bytes", whose,
                   most);
}

/* Is this a name that can be sent? "." and ".." cannot stand in a path. */
static bool cmd_secret_check_name(Str name, Err *err)
{
    if (str_eq(name, S(".")) || str_eq(name, S("..")))
        return err_set(err, EXIT_USAGE, "'%.*s' cannot be a secret's name",
                       P(name));
    return cmd_check_name("secret's", name, CMD_SECRET_NAME_MAX, err);
}

/* Checks the name of a change. A value that was typed with it (NAME=value) is
 * not sent, nor shown. */
static bool cmd_secret_check_new(const HubChange *change, Err *err)
{
    if (change->act == HUB_SECRET_DELETE || str_index(change->name, '=') < 0)
        return cmd_secret_check_name(change->name, err);
    err_set(err, EXIT_USAGE,
            "a secret's name has no =, and its value is never "
            "taken from an argument");
    return err_hint(err, "Give it on stdin, with --value-file, --value-env, "
                         "or at the prompt.");
}

/* The name where it is an argument; without one a terminal is needed. */
static bool cmd_secret_arg(Cmd *cmd, HubChange *change, Err *err)
{
    static const char *const ways[] = {
        [HUB_SECRET_ADD] = "an argument: hs secrets add NAME",
        [HUB_SECRET_UPDATE] = "an argument: hs secrets update NAME",
        [HUB_SECRET_DELETE] = "an argument: hs secrets delete NAME"};
    change->name = cmd->args[0];
    if (!change->name.len)
        return ask_allowed(cmd->term, "the secret's name", ways[change->act],
                           err);
    return cmd_secret_check_new(change, err);
}

/* Asks for the name of a new secret, until it is one. */
static bool cmd_secret_ask_name(Cmd *cmd, HubChange *change, Err *err)
{
    while (!change->name.len) {
        Err fault = {0};
        if (!ask_text(cmd->term, cmd->arena, "Name of the secret:", (Str){0},
                      false, &change->name, err))
            return false;
        if (cmd_secret_check_new(change, &fault))
            return true;
        term_say(cmd->term, "%s", fault.message);
        change->name = (Str){0};
    }
    return true;
}

/* Has the value, and each longer line of it, be hidden in what HubSpot says. */
static void cmd_secret_hide(Cmd *cmd, Secret value)
{
    Str rest = secret_text(value);
    term_hide_echo(cmd->term, value);
    while (rest.len) {
        Str line = str_trim(str_cut(&rest, '\n'));
        if (line.len >= 8)
            term_hide_echo(cmd->term, secret_from(line));
    }
}

/*
 * Takes the value from where the command line says it is, else from stdin
 * where that is no terminal, else leaves it to the prompt. One line break at
 * the end of a file or of stdin is not the value's, without --keep-newline.
 */
static bool cmd_secret_value(Cmd *cmd, Secret *out, Err *err)
{
    const CmdOption ways[] = {OPT_VALUE_STDIN, OPT_VALUE_FILE, OPT_VALUE_ENV};
    Str name = cmd_text(cmd, OPT_VALUE_ENV);
    Str value = {0};
    CmdInput in = {"the value", cmd_text(cmd, OPT_VALUE_FILE),
                   CMD_SECRET_MAX + 8}; /* with marks and a line break */
    int given = 0;
    for (int i = 0; i < COUNT(ways); i++)
        given += cmd->options[ways[i]].set;
    if (given > 1)
        return err_set(err, EXIT_USAGE,
                       "--value-stdin, --value-file and "
                       "--value-env exclude each other");
    if (!given && os_is_terminal(STDIN_FILENO)) {
        ask_hush(cmd->term);
        return ask_allowed(cmd->term, "the secret's value",
                           "stdin, --value-file or --value-env", err);
    }
    if (name.len) {
        const char *text = getenv(arena_cstr(cmd->arena, name));
        if (!text) /* what is named may be the value itself, by mistake */
            return err_set(err, EXIT_USAGE,
                           "the variable that --value-env names is not set");
        value = str_from(text);
        if (!cmd_unmark(cmd, in.what, &value, err))
            return false;
    } else if (!cmd_read_secret(cmd, &in, &value, err)) {
        return false;
    } else if (!cmd_on(cmd, OPT_KEEP_NEWLINE) && str_ends(value, S("\n"))) {
        value.len--;
        value.len -= str_ends(value, S("\r"));
    }
    *out = secret_from(value);
    cmd_secret_hide(cmd, *out);
    const char *fault = cmd_secret_fault(value);
    if (!fault)
        return true;
    err_set(err, EXIT_USAGE, "%s", fault);
    if (!given && !value.len)
        err_hint(err, "It was read from stdin, which is no terminal; there "
                      "are --value-file and --value-env, too.");
    return false;
}

/* Opens the account and lists its secrets. */
static bool cmd_secrets_open(Cmd *cmd, CmdSecrets *s, Err *err)
{
    return cmd_open_account(cmd, &s->hub, err) && cmd_go_online(cmd, err) &&
           hub_list_secrets(&s->hub, &s->names, &s->count, err);
}

static bool cmd_secret_exists(const CmdSecrets *s, Str name)
{
    for (int i = 0; i < s->count; i++)
        if (str_eq(s->names[i], name))
            return true;
    return false;
}

/* Has a person pick one of the secrets. */
static bool cmd_secret_pick(Cmd *cmd, CmdSecrets *s, const char *question,
                            Err *err)
{
    int at = 0;
    if (!s->count)
        return err_set(err, EXIT_NOT_FOUND, "the account has no secrets");
    if (!ask_select(cmd->term, question, s->names, s->count, &at, err))
        return false;
    s->change.name = s->names[at];
    return cmd_secret_check_name(s->change.name, err);
}

/* The secret must be there: the closest name is suggested. */
static bool cmd_secret_require(Cmd *cmd, const CmdSecrets *s, Err *err)
{
    const Str name = s->change.name;
    Str close = {0};
    int best = 3;
    if (cmd_secret_exists(s, name))
        return true;
    for (int i = 0; i < s->count; i++) {
        int distance = str_distance(s->names[i], name);
        if (distance < best) {
            best = distance;
            close = s->names[i];
        }
    }
    err_set(err, EXIT_NOT_FOUND, "there is no secret %.*s in %.*s", P(name),
            P(cmd_account_title(cmd, &s->hub.account)));
    if (close.len)
        return err_hint(err, "Did you mean %.*s?", P(close));
    return err_hint(err, "hs secrets list shows those that there are.");
}

/* Asks for the value where nothing gave it. */
static bool cmd_secret_ask(Cmd *cmd, HubChange *change, Err *err)
{
    Str question = arena_printf(cmd->arena, "Value of %.*s:", P(change->name));
    if (secret_is_set(change->value))
        return true;
    if (!ask_secret(cmd->term, cmd->arena, question.ptr, &change->value, err))
        return err_hint(err, "Give it with --value-file, or on stdin.");
    cmd_secret_hide(cmd, change->value);
    const char *fault = cmd_secret_fault(secret_text(change->value));
    return !fault || err_set(err, EXIT_USAGE, "%s", fault);
}

static const char *cmd_secret_unseen(const HubChange *change)
{
    return change->act == HUB_SECRET_DELETE ? "accepted, but still listed"
                                            : "accepted, but not listed";
}

/* Makes sure that the list of secrets shows the change. */
static bool cmd_secret_verify(CmdSecrets *s, Err *err)
{
    HubChange *change = &s->change;
    Err fault = {0};
    change->done = true;
    if (!hub_check_listed(&s->hub, change, 1, &fault)) {
        err_set(err, fault.code,
                "the change of secret %.*s was accepted, but whether it is "
                "listed is not known: %s",
                P(change->name), fault.message);
        return err_hint(err, "Check it with hs secrets list.");
    }
    if (!change->unseen)
        return true;
    err_set(err, EXIT_FAILED, "secret %.*s: %s", P(change->name),
            cmd_secret_unseen(change));
    return err_hint(err, "HubSpot may not have stored the change. Look again "
                         "with hs secrets list, then repeat it.");
}

/* Makes the change and says so. */
static bool cmd_secret_change(Cmd *cmd, CmdSecrets *s, Err *err)
{
    static const char *const said[] = {"Added", "Updated", "Deleted"};
    static const char *const words[] = {"added", "updated", "deleted"};
    const HubChange *change = &s->change;
    if (!hub_change_secret(&s->hub, change, err) || !cmd_secret_verify(s, err))
        return false;
    term_say(cmd->term, "%s the secret %.*s %s %.*s%s", said[change->act],
             P(change->name), change->act == HUB_SECRET_ADD ? "to" : "of",
             P(cmd_account_title(cmd, &s->hub.account)),
             change->act == HUB_SECRET_UPDATE
                 ? ". It can take a minute until functions see the new value."
                 : "");
    if (cmd_on(cmd, OPT_JSON)) {
        cJSON *answer = json_new(cmd->arena);
        json_add_text(answer, "secret", change->name);
        json_add_text(answer, "action", str_from(words[change->act]));
        json_add_id(answer, "accountId", s->hub.account.id);
        cmd_print_json(cmd, answer);
    }
    return true;
}

static bool cmd_secrets_list(Cmd *cmd, Err *err)
{
    CmdSecrets s = {0};
    if (!cmd_secrets_open(cmd, &s, err))
        return false;
    if (cmd_on(cmd, OPT_JSON)) {
        cJSON *answer = json_new(cmd->arena);
        json_add(answer, "secrets", cmd_names_json(s.names, s.count));
        cmd_print_json(cmd, answer);
        return true;
    }
    for (int i = 0; i < s.count; i++)
        term_printf(cmd->term, "%.*s\n", P(s.names[i]));
    if (!s.count)
        term_say(cmd->term, "%.*s has no secrets.",
                 P(cmd_account_title(cmd, &s.hub.account)));
    return true;
}

/* A name that is there already: a person may change its value instead. */
static bool cmd_secret_taken(Cmd *cmd, CmdSecrets *s, Err *err)
{
    bool yes = false;
    Str title = cmd_account_title(cmd, &s->hub.account);
    if (!cmd_secret_exists(s, s->change.name))
        return true;
    if (!cmd->term->interactive) {
        err_set(err, EXIT_USAGE, "there is a secret %.*s in %.*s already",
                P(s->change.name), P(title));
        return err_hint(err, "hs secrets update changes its value.");
    }
    term_say(cmd->term, "There is a secret %.*s in %.*s already.",
             P(s->change.name), P(title));
    if (!ask_confirm(cmd->term, "Change its value?", false, &yes, err))
        return false;
    s->change.act = HUB_SECRET_UPDATE;
    return yes || cmd_declined(err);
}

static bool cmd_secrets_add(Cmd *cmd, Err *err)
{
    CmdSecrets s = {.change = {.act = HUB_SECRET_ADD}};
    return cmd_secret_arg(cmd, &s.change, err) &&
           cmd_secret_value(cmd, &s.change.value, err) &&
           cmd_secrets_open(cmd, &s, err) &&
           cmd_secret_ask_name(cmd, &s.change, err) &&
           cmd_secret_taken(cmd, &s, err) &&
           cmd_secret_ask(cmd, &s.change, err) &&
           cmd_secret_change(cmd, &s, err);
}

static bool cmd_secrets_update(Cmd *cmd, Err *err)
{
    CmdSecrets s = {.change = {.act = HUB_SECRET_UPDATE}};
    if (!cmd_secret_arg(cmd, &s.change, err) ||
        !cmd_secret_value(cmd, &s.change.value, err) ||
        !cmd_secrets_open(cmd, &s, err))
        return false;
    if (!s.change.name.len &&
        !cmd_secret_pick(cmd, &s, "Secret to update:", err))
        return false;
    return cmd_secret_require(cmd, &s, err) &&
           cmd_secret_ask(cmd, &s.change, err) &&
           cmd_secret_change(cmd, &s, err);
}

static bool cmd_secrets_delete(Cmd *cmd, Err *err)
{
    CmdSecrets s = {.change = {.act = HUB_SECRET_DELETE}};
    if (!cmd_secret_arg(cmd, &s.change, err) ||
        (!cmd_forced(cmd) &&
         !ask_allowed(cmd->term, "a yes to the deletion", "--force", err)) ||
        !cmd_secrets_open(cmd, &s, err))
        return false;
    if (!s.change.name.len &&
        !cmd_secret_pick(cmd, &s, "Secret to delete:", err))
        return false;
    Str question = arena_printf(cmd->arena, "Delete the secret %.*s of %.*s?",
                                P(s.change.name),
                                P(cmd_account_title(cmd, &s.hub.account)));
    return cmd_secret_require(cmd, &s, err) &&
           cmd_confirm(cmd, "a yes to the deletion", question, false, err) &&
           cmd_secret_change(cmd, &s, err);
}

/* ---- hs secrets apply ---- */

/* What a file changes: additions and updates first, then deletions. */
typedef struct {
    CmdSecrets secrets;
    Str file; /* its name, for messages */
    CmdEnvFile env;
    HubChange *changes;
    int count; /* of them */
    int adds;
    int deletes;  /* the last ones */
    Err unlisted; /* why the list could not be read afterwards */
} CmdApply;

/* Makes an error of the lines that are refused: of one by itself, of several
 * after a list of them. */
static bool cmd_apply_refuse(Cmd *cmd, const CmdApply *apply, Err *err)
{
    const CmdEnvFault *faults = apply->env.faults;
    int count = apply->env.fault_count;
    int more = count - CMD_ENV_FAULTS;
    if (count == 1) {
        err_set(err, EXIT_USAGE, "%.*s: line %d: %s", P(apply->file),
                faults[0].line, faults[0].what);
        return err_hint(err, "%s", faults[0].fix);
    }
    for (int i = 0; i < count && i < CMD_ENV_FAULTS; i++)
        term_say(cmd->term, "  line %d: %s. %s", faults[i].line, faults[i].what,
                 faults[i].fix);
    if (more > 0)
        term_say(cmd->term, "  and %d more lines", more);
    return err_set(err, EXIT_USAGE,
                   "%.*s: %d lines mean different things to different "
                   "programs, or nothing; nothing was changed",
                   P(apply->file), count);
}

/* Reads and checks the whole file before anything is asked or sent. */
static bool cmd_apply_read(Cmd *cmd, CmdApply *apply, Err *err)
{
    CmdInput in = {"the secrets", cmd_text(cmd, OPT_FILE), CMD_ENV_MAX};
    CmdEnvFile *env = &apply->env;
    Str text = {0};
    if (!in.path.len) {
        err_set(err, EXIT_USAGE, "hs secrets apply needs a file");
        return err_hint(err, "Name it with --file, or - for stdin: hs secrets "
                             "apply -f .env");
    }
    if (str_eq(in.path, S("-")))
        in.path = (Str){0};
    apply->file = in.path.len ? in.path : S("stdin");
    in.what = arena_cstr(cmd->arena, apply->file);
    if (!cmd_read_secret(cmd, &in, &text, err))
        return false;
    cmd_env_read(cmd->arena, text, env);
    if (env->fault_count)
        return cmd_apply_refuse(cmd, apply, err);
    if (env->more)
        return err_set(err, EXIT_USAGE,
                       "%.*s holds more than %d secrets, and an account "
                       "can have no more",
                       P(apply->file), CMD_SECRETS_MOST);
    for (int i = 0; i < env->count; i++) /* the lines come after the values */
        term_hide_echo(cmd->term, env->items[i].value);
    for (int i = 0; i < env->count; i++)
        cmd_secret_hide(cmd, env->items[i].value);
    return env->count ||
           err_set(err, EXIT_USAGE, "%.*s holds no secret", P(apply->file));
}

static bool cmd_apply_has(const CmdApply *apply, Str name)
{
    for (int i = 0; i < apply->env.count; i++)
        if (str_eq(apply->env.items[i].name, name))
            return true;
    return false;
}

/* Compares the file with what the account has. */
static void cmd_apply_plan(Cmd *cmd, CmdApply *apply)
{
    const CmdSecrets *s = &apply->secrets;
    apply->changes = arena_array(cmd->arena, apply->env.count + s->count,
                                 sizeof(HubChange));
    for (int i = 0; i < apply->env.count; i++) {
        const CmdEnvItem *item = &apply->env.items[i];
        bool there = cmd_secret_exists(s, item->name);
        apply->adds += !there;
        apply->changes[apply->count++] = (HubChange){
            .act = there ? HUB_SECRET_UPDATE : HUB_SECRET_ADD,
            .name = item->name,
            .value = item->value};
    }
    for (int i = 0; i < s->count && cmd_on(cmd, OPT_PRUNE); i++) {
        Err ignored = {0};
        if (cmd_apply_has(apply, s->names[i]) ||
            !cmd_secret_check_name(s->names[i], &ignored))
            continue;
        apply->deletes++;
        apply->changes[apply->count++] = (HubChange){.act = HUB_SECRET_DELETE,
                                                     .name = s->names[i]};
    }
}

/* Would the account have more secrets than it can? */
static bool cmd_apply_fits(const CmdApply *apply, Err *err)
{
    int after = apply->secrets.count - apply->deletes + apply->adds;
    if (after <= CMD_SECRETS_MOST || !apply->adds)
        return true;
    err_set(err, EXIT_FAILED,
            "the account would have %d secrets, and it can have no more than "
            "%d; nothing was changed",
            after, CMD_SECRETS_MOST);
    return err_hint(err,
                    "It has %d, of which the file names %d. --prune "
                    "deletes the others.",
                    apply->secrets.count, apply->env.count - apply->adds);
}

/* Asks about the deletions, by name. */
static bool cmd_apply_confirm(Cmd *cmd, const CmdApply *apply, Err *err)
{
    if (!apply->deletes || cmd_forced(cmd))
        return true;
    Str title = cmd_account_title(cmd, &apply->secrets.hub.account);
    Str question = arena_printf(cmd->arena, "Delete %d secret%s of %.*s?",
                                apply->deletes, apply->deletes == 1 ? "" : "s",
                                P(title));
    for (int i = apply->count - apply->deletes; i < apply->count; i++)
        term_say(cmd->term, "Not in %.*s: %.*s", P(apply->file),
                 P(apply->changes[i].name));
    return cmd_confirm(cmd, "a yes to the deletions of --prune", question,
                       false, err);
}

/* Makes sure that the list of secrets shows the changes that were accepted. */
static void cmd_apply_verify(CmdApply *apply)
{
    bool any = false;
    for (int i = 0; i < apply->count; i++)
        any |= apply->changes[i].done;
    if (!any || !hub_check_listed(&apply->secrets.hub, apply->changes,
                                  apply->count, &apply->unlisted))
        return;
    for (int i = 0; i < apply->count; i++) {
        HubChange *change = &apply->changes[i];
        if (!change->unseen)
            continue;
        change->done = false;
        change->code = EXIT_FAILED;
        change->reason = str_from(cmd_secret_unseen(change));
    }
}

/* Makes the changes. Deletions come last, so that a failure costs nothing,
 * unless the additions need their room. */
static void cmd_apply_run(CmdApply *apply)
{
    Hub *hub = &apply->secrets.hub;
    int puts = apply->count - apply->deletes;
    bool full = apply->secrets.count + apply->adds > CMD_SECRETS_MOST;
    if (full)
        hub_change_secrets(hub, apply->changes + puts, apply->deletes);
    hub_change_secrets(hub, apply->changes, puts);
    if (!full)
        hub_change_secrets(hub, apply->changes + puts, apply->deletes);
    cmd_apply_verify(apply);
}

/* Prints what is planned, or was done, as JSON. */
static void cmd_apply_json(Cmd *cmd, const CmdApply *apply, bool dry)
{
    static const char *const words[] = {"added", "updated", "deleted"};
    static const char *const acts[] = {"add", "update", "delete"};
    cJSON *answer = json_new(cmd->arena);
    Str *names = arena_array(cmd->arena, apply->count, sizeof(*names));
    json_add_id(answer, "accountId", apply->secrets.hub.account.id);
    json_add_bool(answer, "dryRun", dry);
    for (int act = 0; act < COUNT(words); act++) {
        int count = 0;
        for (int i = 0; i < apply->count; i++)
            if ((int)apply->changes[i].act == act &&
                (dry || apply->changes[i].done))
                names[count++] = apply->changes[i].name;
        json_add(answer, words[act], cmd_names_json(names, count));
    }
    cJSON *failed = cJSON_CreateArray();
    json_add(answer, "failed", failed);
    for (int i = 0; i < apply->count && !dry; i++) {
        const HubChange *change = &apply->changes[i];
        if (change->done)
            continue;
        cJSON *row = cJSON_CreateObject();
        cJSON_AddItemToArray(failed, row);
        json_add_text(row, "name", change->name);
        json_add_text(row, "action", str_from(acts[change->act]));
        json_add_text(row, "message",
                      term_hidden(cmd->term, cmd->arena, change->reason));
    }
    cmd_print_json(cmd, answer);
}

/* Says how each change went. False where some were not made. */
static bool cmd_apply_report(Cmd *cmd, const CmdApply *apply, Err *err)
{
    static const char *const said[] = {"Added", "Updated", "Deleted"};
    static const char *const acts[] = {"add", "update", "delete"};
    int failed = 0;
    ExitCode code = EXIT_FAILED;
    for (int i = 0; i < apply->count; i++) {
        const HubChange *change = &apply->changes[i];
        if (change->done) {
            term_say(cmd->term, "%s %.*s", said[change->act], P(change->name));
            continue;
        }
        failed++;
        code = change->code ? change->code : code;
        term_warn(cmd->term, "cannot %s %.*s: %.*s", acts[change->act],
                  P(change->name),
                  P(change->code ? change->reason : S("it was not tried")));
    }
    if (apply->count - apply->adds > apply->deletes)
        term_say(cmd->term, "It can take a minute until functions see the new "
                            "values.");
    if (apply->unlisted.code && !failed) {
        err_set(err, apply->unlisted.code,
                "the changes were accepted, but whether they are listed is not "
                "known: %s",
                apply->unlisted.message);
        return err_hint(err, "Check them with hs secrets list.");
    }
    if (apply->unlisted.code)
        term_say(cmd->term,
                 "Whether the accepted changes are listed is not known: %s",
                 apply->unlisted.message);
    if (!failed)
        return true;
    if (apply->secrets.hub.foreign)
        return hub_check_owner(&apply->secrets.hub, apply->secrets.hub.foreign,
                               err);
    err_set(err, failed == apply->count ? code : EXIT_PARTIAL,
            "%d of %d changes to the secrets of %.*s failed", failed,
            apply->count,
            P(cmd_account_title(cmd, &apply->secrets.hub.account)));
    return err_hint(err, "Running it again does no harm to what was done.");
}

static bool cmd_secrets_apply(Cmd *cmd, Err *err)
{
    static const char *const acts[] = {"add", "update", "delete"};
    CmdApply *apply = arena_alloc(cmd->arena, sizeof(*apply));
    bool dry = cmd_on(cmd, OPT_DRY_RUN);
    if (!cmd_apply_read(cmd, apply, err) ||
        !cmd_secrets_open(cmd, &apply->secrets, err))
        return false;
    cmd_apply_plan(cmd, apply);
    if (!cmd_apply_fits(apply, err) ||
        (!dry && !cmd_apply_confirm(cmd, apply, err)))
        return false;
    for (int i = 0; i < apply->count && dry && !cmd_on(cmd, OPT_JSON); i++)
        term_printf(cmd->term, "%s %.*s\n", acts[apply->changes[i].act],
                    P(apply->changes[i].name));
    if (!dry)
        cmd_apply_run(apply);
    if (cmd_on(cmd, OPT_JSON))
        cmd_apply_json(cmd, apply, dry);
    if (!dry)
        return cmd_apply_report(cmd, apply, err);
    term_say(cmd->term, "Nothing was changed: --dry-run.");
    return true;
}

/* ---- hs sandbox create ---- */

enum { CMD_SANDBOX_MS = 60000, CMD_SANDBOX_NAME_MAX = 256 };

typedef struct {
    Hub hub; /* the parent's */
    Str name;
    const char *kind; /* as HubSpot spells it: STANDARD, DEVELOPER */
    bool contacts;
    HubUsage usage;
    int64_t began;
    ConfigAccount made; /* zero until it is */
    bool saved;
} CmdSandbox;

/* What people call a kind of sandbox. */
static const char *cmd_sandbox_word(const char *kind)
{
    return strcmp(kind, "STANDARD") ? "developer" : "standard";
}

static bool cmd_is_sandbox(const ConfigAccount *account)
{
    return str_ends(account->type, S("_SANDBOX"));
}

/* Learns an account's type from its key, where the config does not say it. */
static bool cmd_learn_type(Cmd *cmd, ConfigAccount *account, Err *err)
{
    HubToken token = {0};
    if (account->type.len)
        return true;
    if (!cmd_go_online(cmd, err) || !cmd_fetch_token(cmd, account, &token, err))
        return false;
    account->type = token.type;
    return true;
}

/* Sandboxes are made, and deleted, by production accounts. One whose type
 * cannot be told (OAuth2) is HubSpot's to judge. */
static bool cmd_sandbox_parent(Cmd *cmd, const ConfigAccount *chosen, Hub *hub,
                               Err *err)
{
    ConfigAccount account = *chosen;
    if (!cmd_learn_type(cmd, &account, err))
        return false;
    if (account.type.len && !str_eq_nocase(account.type, S("STANDARD"))) {
        err_set(err, EXIT_CONFIG,
                "%.*s is not a production account, and only those have "
                "sandboxes",
                P(cmd_account_title(cmd, &account)));
        return err_hint(err, "Name one of type standard with --account; hs "
                             "account list shows the types.");
    }
    *hub = hub_open(cmd->arena, cmd->term, &cmd->pool, &cmd->config, &account);
    if (hub->timeout < CMD_SANDBOX_MS)
        hub->timeout = CMD_SANDBOX_MS;
    return cmd_go_online(cmd, err);
}

static bool cmd_sandbox_check_name(Str name, Err *err)
{
    return cmd_check_name("sandbox's", name, CMD_SANDBOX_NAME_MAX, err);
}

/* Copying contacts is for standard sandboxes. */
static bool cmd_sandbox_check_copy(const Cmd *cmd, const CmdSandbox *s,
                                   Err *err)
{
    if (!cmd_on(cmd, OPT_COPY_CONTACTS) || !strcmp(s->kind, "STANDARD"))
        return true;
    return err_set(err, EXIT_USAGE,
                   "--copy-contacts is for standard sandboxes: a developer "
                   "sandbox has none");
}

/* What the options say. Without a terminal they must say it all. */
static bool cmd_sandbox_options(Cmd *cmd, CmdSandbox *s, Err *err)
{
    Str type = cmd_text(cmd, OPT_SANDBOX_TYPE);
    s->name = str_trim(cmd_text(cmd, OPT_SANDBOX_NAME));
    if (type.len)
        s->kind = str_eq(type, S("standard")) ? "STANDARD" : "DEVELOPER";
    if (cmd->options[OPT_SANDBOX_NAME].set &&
        !cmd_sandbox_check_name(s->name, err))
        return false;
    return (s->kind
                ? cmd_sandbox_check_copy(cmd, s, err)
                : ask_allowed(cmd->term, "the sandbox's type",
                              "--type developer or --type standard", err)) &&
           (s->name.len ||
            ask_allowed(cmd->term, "the sandbox's name", "--name NAME", err));
}

/* Is there room for one more of this kind, as far as HubSpot says? */
static bool cmd_sandbox_room(Cmd *cmd, CmdSandbox *s, const char *kind,
                             Err *err)
{
    if (!hub_sandbox_usage(&s->hub, kind, &s->usage, err))
        return false;
    if (s->usage.available != 0)
        return true;
    err_set(err, EXIT_FAILED,
            "%.*s has no room for another %s sandbox: %" PRId64 " of %" PRId64
            " are in use",
            P(cmd_account_title(cmd, &s->hub.account)), cmd_sandbox_word(kind),
            s->usage.used, s->usage.limit);
    return err_hint(err, "Use one that there is, or delete one with hs "
                         "sandbox delete.");
}

/* Asks what the options do not say. */
static bool cmd_sandbox_ask(Cmd *cmd, CmdSandbox *s, Err *err)
{
    const Str kinds[] = {S("Development sandbox"), S("Standard sandbox")};
    int at = 0;
    if (!s->kind) {
        if (!ask_select(cmd->term, "Type of the sandbox:", kinds, 2, &at, err))
            return false;
        s->kind = at ? "STANDARD" : "DEVELOPER";
        if (!cmd_sandbox_check_copy(cmd, s, err))
            return false;
    }
    if (!cmd_sandbox_room(cmd, s, s->kind, err))
        return false;
    while (!s->name.len) {
        Err fault = {0};
        if (!ask_text(cmd->term, cmd->arena, "Name of the sandbox:", (Str){0},
                      false, &s->name, err))
            return false;
        if (cmd_sandbox_check_name(s->name, &fault))
            break;
        term_error(cmd->term, &fault);
        s->name = (Str){0};
    }
    s->contacts = cmd_on(cmd, OPT_COPY_CONTACTS);
    if (strcmp(s->kind, "STANDARD") != 0 || cmd->options[OPT_COPY_CONTACTS].set)
        return true;
    if (cmd->term->interactive && !cmd_on(cmd, OPT_FORCE))
        return ask_confirm(cmd->term,
                           "Copy the 5,000 contacts that changed last, and "
                           "what belongs to them?",
                           false, &s->contacts, err);
    term_say(cmd->term, "Contacts are not copied; --copy-contacts does it.");
    return true;
}

static void cmd_sandbox_tick(void *to)
{
    Cmd *cmd = to;
    int64_t seconds = (os_now() - cmd->began) / 1000;
    Str row = arena_printf(cmd->arena, "Creating the sandbox: %" PRId64 " s",
                           seconds);
    term_draw(cmd->term, &row, 1);
}

/* Sends the request, and shows on a terminal how long it takes. */
static bool cmd_sandbox_send(Cmd *cmd, CmdSandbox *s, bool *unsure, Err *err)
{
    bool draws = term_can_draw(cmd->term);
    term_say(cmd->term,
             "Creating the %s sandbox %.*s of %.*s. This can take a minute.",
             cmd_sandbox_word(s->kind), P(s->name),
             P(cmd_account_title(cmd, &s->hub.account)));
    cmd->began = os_now();
    cmd->pool.tick = draws ? cmd_sandbox_tick : NULL;
    cmd->pool.tick_to = cmd;
    bool ok = hub_create_sandbox(&s->hub, s->name, s->kind, s->contacts,
                                 &s->made.id, unsure, err);
    cmd->pool.tick = NULL;
    term_undraw(cmd->term);
    return ok;
}

/*
 * The request failed in a way that leaves open whether the sandbox was made.
 * There is no list to look into, only the count of sandboxes: it is looked at
 * a few times, as HubSpot may still be at it. `fault` is what went wrong.
 */
static bool cmd_sandbox_look(Cmd *cmd, CmdSandbox *s, const Err *fault,
                             Err *err)
{
    enum { LOOKS = 3, PAUSE_MS = 1000 };
    HubUsage now = {0};
    Err blind = {0};
    const char *word = cmd_sandbox_word(s->kind);
    Str place = arena_printf(
        cmd->arena, "Sandboxes in the settings of account %" PRId64 " (%s)",
        s->hub.account.id, hub_website(&s->hub));
    if (os_interrupted()) {
        term_warn(cmd->term, "the sandbox may be made all the same: see %.*s",
                  P(place));
        return err_set(err, fault->code, "%s", fault->message);
    }
    term_say(cmd->term, "%s. Looking whether the sandbox was made.",
             fault->message);
    for (int i = 0; i < LOOKS && !blind.code; i++) {
        if (i && !http_rest(&cmd->pool, (int64_t)i * PAUSE_MS))
            break;
        if (!hub_sandbox_usage(&s->hub, s->kind, &now, &blind))
            break;
        if (s->usage.used >= 0 && now.used > s->usage.used) {
            err_set(err, fault->code,
                    "the sandbox was made, but HubSpot's answer with its id "
                    "was lost: the count of %s sandboxes went from %" PRId64
                    " to %" PRId64,
                    word, s->usage.used, now.used);
            return err_hint(err,
                            "Find it under %.*s, and sign in to it with hs "
                            "account auth.",
                            P(place));
        }
    }
    if (blind.code || now.used < 0 || s->usage.used < 0) {
        err_set(err, fault->code,
                "it is not known whether the sandbox was "
                "made: %s",
                fault->message);
        return err_hint(err, "See %.*s before you try again.", P(place));
    }
    err_set(err, fault->code,
            "the sandbox was not made: the count of %s sandboxes is still "
            "%" PRId64 " (%s)",
            word, now.used, fault->message);
    return err_hint(err, "Should it still come, it stands under %.*s.",
                    P(place));
}

/* The name in the config: lower case, dashes for white space, and the id
 * after it where the name is taken. */
static Str cmd_sandbox_config_name(Cmd *cmd, const Config *config, Str name,
                                   int64_t id)
{
    Buf out = buf_new(cmd->arena, name.len + 32);
    Err taken = {0};
    for (Str rest = name; rest.len;) {
        uint32_t c = 0;
        int n = str_utf8(rest, &c);
        if (!n || config_is_white(c))
            buf_add_char(&out, '-');
        else if (c < 0x80)
            buf_add_char(&out, str_lower((char)c));
        else
            buf_add(&out, str_slice(rest, 0, n));
        rest = str_slice(rest, n ? n : 1, rest.len);
    }
    if (!config_check_name(config, buf_str(&out), id, &taken))
        buf_printf(&out, "_%" PRId64, id);
    return buf_str(&out);
}

/* A sandbox that is to be written. */
typedef struct {
    Cmd *cmd;
    CmdSandbox *sandbox;
} CmdSandboxSave;

/* The name is decided under the lock. */
static bool cmd_sandbox_apply(ConfigEdit *edit, void *context, Err *err)
{
    CmdSandboxSave *save = context;
    CmdSandbox *s = save->sandbox;
    const ConfigAccount *there = config_find_id(&edit->config, s->made.id);
    if (edit->again && there && config_same_sign_in(there, &s->made))
        return true;
    s->made.name = cmd_sandbox_config_name(save->cmd, &edit->config, s->name,
                                           s->made.id);
    return config_edit_put(edit, &s->made, err);
}

/* Adds the sandbox to the config. */
static bool cmd_sandbox_save(Cmd *cmd, CmdSandbox *s, Err *err)
{
    CmdSandboxSave save = {cmd, s};
    s->saved = cmd_change_config(cmd, cmd_sandbox_apply, &save, err);
    return s->saved;
}

/* Fills in what the sandbox's own token says. A key that turns out to be of
 * another account is dropped. */
static bool cmd_sandbox_token(Cmd *cmd, CmdSandbox *s, Err *err)
{
    HubToken token = {0};
    Hub own = hub_open(cmd->arena, cmd->term, &cmd->pool, NULL, &s->made);
    own.timeout = s->hub.timeout;
    if (!hub_fetch_token(&own, &token, err)) {
        if (token.id > 0 && token.id != s->made.id)
            s->made.key = (Secret){0};
        return false;
    }
    if (token.type.len)
        s->made.type = token.type;
    s->made.access_token = token.access_token;
    s->made.expires_at = token.expires_at;
    return true;
}

/* Gets the sandbox's key and keeps it, also where the first sign-in with it
 * fails: what is made is not to be lost. */
static bool cmd_sandbox_keep(Cmd *cmd, CmdSandbox *s, Err *err)
{
    Err unsigned_in = {0};
    ConfigAccount *made = &s->made;
    made->auth = CONFIG_AUTH_KEY;
    made->auth_name = S("personalaccesskey");
    made->qa = s->hub.account.qa;
    made->parent = s->hub.account.id;
    made->name = s->name;
    made->type = strcmp(s->kind, "STANDARD") ? S("DEVELOPMENT_SANDBOX")
                                             : S("STANDARD_SANDBOX");
    if (cmd->config.form == CONFIG_ENVIRONMENT)
        return true;
    if (!hub_sandbox_key(&s->hub, made->id, &made->key, err))
        return false;
    bool signed_in = cmd_sandbox_token(cmd, s, &unsigned_in);
    if (!secret_is_set(made->key))
        return err_set(err, unsigned_in.code, "%s", unsigned_in.message);
    if (!cmd_sandbox_save(cmd, s, err))
        return false;
    if (signed_in)
        return true;
    err_set(err, unsigned_in.code, "%s", unsigned_in.message);
    return err_hint(err, "hs account info %.*s tries again.", P(made->name));
}

static void cmd_sandbox_json(Cmd *cmd, const CmdSandbox *s)
{
    cJSON *answer = json_new(cmd->arena);
    json_add_text(answer, "sandbox", s->name);
    json_add_text(answer, "type", str_from(cmd_sandbox_word(s->kind)));
    json_add_bool(answer, "saved", s->saved);
    json_add(answer, "account", cmd_account_json(cmd->arena, &s->made));
    cmd_print_json(cmd, answer);
}

/* Says what was made. `fault` is what failed afterwards, and empty where
 * nothing did. */
static bool cmd_sandbox_report(Cmd *cmd, const CmdSandbox *s, const Err *fault,
                               Err *err)
{
    int64_t id = s->made.id;
    if (cmd_on(cmd, OPT_JSON))
        cmd_sandbox_json(cmd, s);
    if (!fault->code && s->saved) {
        term_say(cmd->term, "Created %.*s. Saved in %.*s",
                 P(cmd_account_title(cmd, &s->made)), P(cmd->config.path));
        return true;
    }
    if (!fault->code) {
        term_say(cmd->term, "Created the sandbox %.*s (%" PRId64 ")",
                 P(s->name), id);
        term_warn(cmd->term, "it is not saved: the config is the "
                             "environment's");
        return true;
    }
    if (os_interrupted()) /* main will say no more than that */
        term_warn(cmd->term, "the sandbox %.*s (%" PRId64 ") was made",
                  P(s->name), id);
    err_set(err, fault->code, "the sandbox %.*s (%" PRId64 ") was made%s: %s",
            P(s->name), id,
            s->saved ? " and is in the config, but it could not be signed in to"
                     : ", but it is not in the config",
            fault->message);
    if (s->saved)
        return err_hint(err, "%s", fault->hint);
    return err_hint(err,
                    "Sign in to it with hs account auth and a key from "
                    "%s/personal-access-key/%" PRId64 ".",
                    hub_website(&s->hub), id);
}

static bool cmd_sandbox_create(Cmd *cmd, Err *err)
{
    CmdSandbox s = {0};
    ConfigChoice choice = {0};
    Err fault = {0};
    bool unsure = false;
    if (!cmd_sandbox_options(cmd, &s, err) ||
        !cmd_choose_account(cmd, &choice, err) ||
        !cmd_sandbox_parent(cmd, choice.account, &s.hub, err) ||
        !cmd_sandbox_ask(cmd, &s, err))
        return false;
    if (!cmd_sandbox_send(cmd, &s, &unsure, &fault)) {
        if (unsure)
            return cmd_sandbox_look(cmd, &s, &fault, err);
        *err = fault;
        return false;
    }
    cmd_sandbox_keep(cmd, &s, &fault);
    return cmd_sandbox_report(cmd, &s, &fault, err);
}

/* ---- hs sandbox delete ---- */

typedef struct {
    Hub hub;               /* the parent's */
    ConfigAccount sandbox; /* only its id with the environment's config */
    bool gone;
    int64_t next; /* the default account from then on; 0: as before */
    CmdForget forget;
} CmdSandboxEnd;

/* The sandbox of the config that is meant, with its type. */
static bool cmd_sandbox_pick(Cmd *cmd, ConfigAccount *sandbox, Err *err)
{
    const ConfigAccount *account = NULL;
    static const CmdPick pick = {.fits = cmd_is_sandbox,
                                 .what = "Sandbox to delete:",
                                 .how = "--account ACCOUNT"};
    Str which = cmd_text(cmd, OPT_ACCOUNT);
    if (which.len ? !config_require(&cmd->config, which, &account, err)
                  : !cmd_pick_account(cmd, &pick, &account, err))
        return false;
    *sandbox = *account;
    if (!cmd_learn_type(cmd, sandbox, err))
        return false;
    if (cmd_is_sandbox(sandbox))
        return true;
    err_set(err, EXIT_CONFIG, "%.*s is not a sandbox",
            P(cmd_account_title(cmd, sandbox)));
    return err_hint(err, "hs account remove takes any account out of the "
                         "config.");
}

/* The account above the sandbox, whose key deletes it: the config says which
 * it is, else the sandbox itself does. */
static bool cmd_sandbox_above(Cmd *cmd, CmdSandboxEnd *end, Err *err)
{
    int64_t id = end->sandbox.parent;
    if (id <= 0) {
        if (!cmd_go_online(cmd, err))
            return false;
        Hub own = hub_open(cmd->arena, cmd->term, &cmd->pool, &cmd->config,
                           &end->sandbox);
        id = hub_parent(&own);
        end->sandbox = own.account; /* it may have a new token by now */
    }
    const ConfigAccount *parent = config_find_id(&cmd->config, id);
    if (parent)
        return cmd_sandbox_parent(cmd, parent, &end->hub, err);
    Str title = cmd_account_title(cmd, &end->sandbox);
    if (id > 0)
        err_set(err, EXIT_CONFIG,
                "%.*s is deleted with the key of its parent account %" PRId64
                ", which is not in %.*s",
                P(title), id, P(cmd->config.path));
    else
        err_set(err, EXIT_CONFIG, "the parent account of %.*s is not known",
                P(title));
    return err_hint(err, "Sign in to the parent account first: hs account "
                         "auth.");
}

/* With the environment's config its one account is the parent, and --account
 * is the sandbox's id. */
static bool cmd_sandbox_of_env(Cmd *cmd, CmdSandboxEnd *end, Err *err)
{
    ConfigChoice choice = {0};
    Str which = cmd_text(cmd, OPT_ACCOUNT);
    if (!str_int(which, &end->sandbox.id) || end->sandbox.id <= 0) {
        err_set(err, EXIT_USAGE, "the id of the sandbox is needed");
        return err_hint(err, "Give it with --account ID: the account of the "
                             "environment is its parent.");
    }
    if (!config_choose(cmd->arena, &cmd->config, S(""), &choice, err) ||
        !choice.account)
        return false;
    if (choice.account->id == end->sandbox.id)
        return err_set(err, EXIT_USAGE,
                       "account %" PRId64 " is the environment's own: a "
                       "sandbox is deleted with its parent's key",
                       end->sandbox.id);
    return cmd_sandbox_parent(cmd, choice.account, &end->hub, err);
}

/* Decides the next default, before anything is deleted: --force takes the
 * parent. */
static bool cmd_sandbox_next(Cmd *cmd, CmdSandboxEnd *end, Err *err)
{
    const Config *config = &cmd->config;
    const ConfigAccount *present = config_find(config, config->default_account);
    if (!cmd_forced(cmd) || cmd_text(cmd, OPT_NEW_DEFAULT).len)
        return cmd_next_default(cmd, &end->sandbox.id, 1, &end->next, err);
    if (present && present->id == end->sandbox.id)
        end->next = end->hub.account.id;
    return true;
}

/* Deletes it at HubSpot. One that is gone already is as good as deleted, if
 * the config knew it; a mere id may be a slip. */
static bool cmd_sandbox_remove(Cmd *cmd, CmdSandboxEnd *end, Err *err)
{
    Err fault = {0};
    Str title = cmd_account_title(cmd, &end->sandbox);
    bool known = cmd->config.form != CONFIG_ENVIRONMENT;
    bool ok = hub_delete_sandbox(&end->hub, end->sandbox.id, &end->gone,
                                 &fault);
    if (!ok && !(end->gone && known)) {
        *err = fault;
        return false;
    }
    if (end->gone)
        term_say(cmd->term, "HubSpot has no sandbox %.*s any more.", P(title));
    else
        term_say(cmd->term, "Deleted the sandbox %.*s", P(title));
    return true;
}

/* Takes it out of the config, and out of what the folder says. */
static bool cmd_sandbox_drop(Cmd *cmd, const CmdSandboxEnd *end, Err *err)
{
    Err fault = {0};
    int64_t id = end->sandbox.id;
    int64_t next = end->next;
    if (cmd->config.form == CONFIG_ENVIRONMENT)
        return true;
    if (!cmd_remove_one(cmd, &end->sandbox, &next, &fault)) {
        err_set(err, fault.code,
                "the sandbox is deleted, but still in the config: %s",
                fault.message);
        return err_hint(err, "Take it out with hs account remove %" PRId64 ".",
                        id);
    }
    term_say(cmd->term, "Removed it from %.*s", P(cmd->config.path));
    cmd_say_default(cmd, next);
    return cmd_forget(cmd, id, &end->forget, err);
}

static bool cmd_sandbox_delete(Cmd *cmd, Err *err)
{
    CmdSandboxEnd end = {0};
    if (!cmd_text(cmd, OPT_ACCOUNT).len &&
        !ask_allowed(cmd->term, "the sandbox", "--account ACCOUNT", err))
        return false;
    if ((!cmd_forced(cmd) &&
         !ask_allowed(cmd->term, "a yes to the deletion", "--force", err)) ||
        !cmd_load_config(cmd, err))
        return false;
    bool known = cmd->config.form != CONFIG_ENVIRONMENT;
    bool ok = known ? cmd_sandbox_pick(cmd, &end.sandbox, err) &&
                          cmd_sandbox_above(cmd, &end, err) &&
                          cmd_sandbox_next(cmd, &end, err)
                    : cmd_sandbox_of_env(cmd, &end, err);
    Str question = arena_printf(
        cmd->arena, "Delete the sandbox %.*s, and all that is in it?",
        P(cmd_account_title(cmd, &end.sandbox)));
    if (!ok ||
        !cmd_confirm(cmd, "a yes to the deletion", question, false, err) ||
        (known && !cmd_forget_decide(cmd, end.sandbox.id, &end.forget, err)) ||
        !cmd_sandbox_remove(cmd, &end, err))
        return false;
    if (cmd_on(cmd, OPT_JSON)) {
        cJSON *answer = json_new(cmd->arena);
        json_add(answer, "account", cmd_account_json(cmd->arena, &end.sandbox));
        json_add_bool(answer, "wasGone", end.gone);
        cmd_print_json(cmd, answer);
    }
    return cmd_sandbox_drop(cmd, &end, err);
}

/* ---- hs filemanager: what upload and fetch share ---- */

enum {
    FILES_WIDTH = 8,     /* transfers at a time, unless --concurrency says */
    FILES_DEPTH = 128,   /* folders in folders */
    FILES_TICK_MS = 200, /* between two drawings of the progress */
    FILES_NAMED = 20,    /* failures and ignored paths that the end names */
    FILES_STREAK = 16,   /* refusals of one kind in a row that end a run */
    FILES_LANDING = 32,  /* whole files that are synced in one go */
    FILES_LANDING_MS = 300,
    FILES_LINE = 64 * KIB,  /* of a manifest */
    FILES_FIRST_LINE = MIB, /* which tells whether it is one */
    FILES_DESCRIPTORS = 6   /* that a transfer needs for a while */
};

/* A set of 64-bit hashes: what is left of a name that must be known again. */
typedef struct {
    Arena arena;
    uint64_t *slot;
    int64_t cap;
    int64_t count;
} CmdSet;

typedef enum {
    CMD_ITEM_DONE,
    CMD_ITEM_SKIPPED, /* on purpose */
    CMD_ITEM_KNOWN,   /* skipped: the manifest lists it as done */
    CMD_ITEM_FAILED
} CmdItemEnd;

typedef enum { CMD_FETCH_LIST, CMD_FETCH_SIGN, CMD_FETCH_GET } CmdFetchStage;

/* A folder of the file manager that is being fetched. It lives while `refs`
 * are held: by the stack of those to be listed, pages, items, children. */
typedef struct CmdFolder CmdFolder;
struct CmdFolder {
    CmdFolder *parent;
    CmdFolder *next; /* on the stack, or among the free ones */
    int refs;
    int depth;
    int fd;       /* the folder on this machine; -1: not made yet */
    bool written; /* a file was begun in it */
    int64_t id;
    bool folders; /* the listing has come to the folders */
    int64_t offset;
    int64_t total; /* of what is listed, as far as a page has told */
    uint64_t page; /* a hash of the last one, to see it repeat itself */
    CmdSet taken;  /* names here, and files, that are this run's */
    char name[NAME_MAX + 1];
};

/* A file on its way, or a page of a listing. All of it, and what its transfer
 * needs, is in its arena. */
typedef struct CmdItem CmdItem;
struct CmdItem {
    CmdItem *next;
    Arena arena;
    Str path;   /* on this machine, from the folder that was given */
    Str remote; /* in the file manager */
    HubFile file;
    int64_t changed; /* of the source, milliseconds since 1970; or -1 */
    int64_t written; /* likewise of the file that a fetch wrote */
    int64_t moved;
    int fd; /* the local file; -1: none */
    Secret used;
    bool renewed; /* a 401 was met with another token */
    Err err;
    HubUpload up;
    CmdFolder *folder;
    CmdFetchStage stage;
    const char *name; /* of the local file, and of the unfinished one */
    const char *part;
    int lookups; /* of an address */
    OsEntry old; /* what the file replaces */
    Term *out;   /* where a fetched file goes, if it is not a file here */
};

/* A run of many transfers. */
typedef struct {
    Cmd *cmd;
    Hub hub;
    const char *verb; /* "uploaded" */
    int width;
    bool json;
    bool draws;
    bool fail_fast;
    bool plans;   /* nothing is sent (--dry-run) */
    bool prints;  /* a file goes to stdout */
    bool single;  /* one file was asked for, not a folder */
    bool counted; /* `found` will not grow */
    int64_t began;
    CmdItem *active; /* on their way */
    CmdItem *again;  /* to be sent once more */
    int64_t found;
    int64_t found_bytes;
    int64_t done;
    int64_t skipped;
    int64_t failed;
    int64_t cut;   /* under way when the run was interrupted */
    int64_t bytes; /* of those done */
    int64_t tried; /* bytes of all that ended */
    int64_t moved; /* of these, over the wire */
    int64_t drawn_at;
    int64_t drawn_bytes;
    int64_t rate; /* bytes a second, smoothed */
    int journal;  /* -1: none */
    Str journal_path;
    Str go_on;        /* the hint that names it */
    CmdSet known;     /* what the manifest lists as done */
    int64_t stranger; /* an account of which it has an entry */
    Str access;   /* of an upload: PUBLIC_INDEXABLE and the like; and whether */
    bool replace; /* it replaces files */
    Str into;     /* of a fetch: the destination, absolute */
    bool stopped; /* nothing more is begun */
    Err fatal;    /* what ended the run, where it was no item's failure */
    Err first;    /* failure */
    bool mixed;   /* failures of more than one kind */
    int streak;
    int listed; /* items in the JSON output */
    Str named[FILES_NAMED];
} CmdFiles;

/* Goes on with a hash (FNV-1a), a separator behind each text. */
static uint64_t cmd_hash(uint64_t hash, Str s)
{
    hash = hash ? hash : 0xcbf29ce484222325u;
    for (ptrdiff_t i = 0; i < s.len; i++)
        hash = (hash ^ (unsigned char)s.ptr[i]) * 0x100000001b3u;
    hash = (hash ^ 0xff) * 0x100000001b3u;
    return hash ? hash : 1;
}

static uint64_t cmd_hash_int(uint64_t hash, int64_t value)
{
    return cmd_hash(hash, (Str){(const char *)&value, sizeof(value)});
}

/* Where a hash stands in the set, or would. The set is not full. */
static uint64_t *cmd_set_find(const CmdSet *set, uint64_t hash)
{
    uint64_t at = (hash ^ hash >> 29) * 0x9e3779b97f4a7c15u >> 20;
    while (set->slot[at & (uint64_t)(set->cap - 1)] &&
           set->slot[at & (uint64_t)(set->cap - 1)] != hash)
        at++;
    return &set->slot[at & (uint64_t)(set->cap - 1)];
}

static bool cmd_set_has(const CmdSet *set, uint64_t hash)
{
    return set->cap && *cmd_set_find(set, hash) == hash;
}

/* Adds a hash, which is not 0; false where it is in the set already. */
static bool cmd_set_add(CmdSet *set, uint64_t hash)
{
    if (cmd_set_has(set, hash))
        return false;
    if (set->count >= set->cap - set->cap / 5) {
        CmdSet grown = {.cap = set->cap ? 2 * set->cap : 256};
        grown.slot = arena_array(&grown.arena, grown.cap, sizeof(uint64_t));
        for (int64_t i = 0; i < set->cap; i++)
            if (set->slot[i])
                *cmd_set_find(&grown, set->slot[i]) = set->slot[i];
        grown.count = set->count;
        arena_free(&set->arena);
        *set = grown;
    }
    *cmd_set_find(set, hash) = hash;
    set->count++;
    return true;
}

/* Adds a file's size to a sum. What servers say may be far too much for one:
 * the sum stays where adding a few more to it is safe. */
static void cmd_add_size(int64_t *sum, int64_t size)
{
    const int64_t most = INT64_MAX / 4;
    if (size > 0)
        *sum = size < most - *sum ? *sum + size : most;
}

/* "12 B", "4.0 KiB", "1.5 GiB" */
static Str cmd_size(Arena *arena, int64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    int64_t tenths = bytes < INT64_MAX / 10 ? bytes * 10 : INT64_MAX;
    if (bytes < KIB)
        return arena_printf(arena, "%" PRId64 " B", bytes);
    for (; tenths >= 10LL * KIB && unit < COUNT(units) - 1; unit++)
        tenths /= KIB;
    return arena_printf(arena, "%" PRId64 ".%" PRId64 " %s", tenths / 10,
                        tenths % 10, units[unit]);
}

/* "48 s", "12 min", "3 h 20 min" */
static Str cmd_span(Arena *arena, int64_t seconds)
{
    if (seconds < 100)
        return arena_printf(arena, "%" PRId64 " s", seconds);
    if (seconds < 6000)
        return arena_printf(arena, "%" PRId64 " min", (seconds + 30) / 60);
    return arena_printf(arena, "%" PRId64 " h %" PRId64 " min", seconds / 3600,
                        seconds % 3600 / 60);
}

/* A new item; cmd_item_free() frees all that is in its arena. */
static CmdItem *cmd_item_new(Str path, Str remote)
{
    Arena arena = {0};
    CmdItem *item = arena_alloc(&arena, sizeof(*item));
    item->path = arena_copy(&arena, path);
    item->remote = arena_copy(&arena, remote);
    item->file = (HubFile){.id = -1, .size = -1};
    item->changed = item->written = -1;
    item->fd = -1;
    item->arena = arena;
    return item;
}

static void cmd_item_free(CmdItem *item)
{
    Arena arena = item->arena;
    if (item->fd >= 0)
        close(item->fd);
    arena_free(&arena);
}

static void cmd_item_link(CmdItem **list, CmdItem *item)
{
    item->next = *list;
    *list = item;
}

static void cmd_item_unlink(CmdItem **list, const CmdItem *item)
{
    while (*list && *list != item)
        list = &(*list)->next;
    if (*list)
        *list = item->next;
}

static CmdItem *cmd_item_take(CmdItem **list)
{
    CmdItem *item = *list;
    if (item)
        *list = item->next;
    return item;
}

/* An item as an entry of a manifest. */
static cJSON *cmd_files_entry(const CmdFiles *run, Arena *arena,
                              const CmdItem *item, const char *status)
{
    cJSON *entry = json_new(arena);
    json_add_text(entry, "path", item->path);
    json_add_text(entry, "remote", item->remote);
    json_add_id(entry, "id", item->file.id);
    json_add_text(entry, "url", item->file.url);
    json_add_count(entry, "bytes", item->file.size);
    json_add_count(entry, "modified", item->changed);
    json_add_id(entry, "account", run->hub.account.id);
    if (run->access.len) {
        json_add_text(entry, "access", run->access);
        json_add_bool(entry, "overwrite", run->replace);
    }
    if (run->into.len) {
        json_add_text(entry, "into", run->into);
        json_add_count(entry, "written", item->written);
    }
    json_add_text(entry, "status", str_from(status));
    if (item->err.code)
        json_add_text(entry, "reason", str_from(item->err.message));
    return entry;
}

/* What --resume knows a file by: its source, where it goes, its size and time,
 * and the options that change the result. An upload has no id before. */
static uint64_t cmd_files_key(const cJSON *entry)
{
    static const char *const texts[] = {"path", "remote", "access", "into"};
    static const char *const numbers[] = {"account", "bytes", "modified",
                                          "written", "id"};
    bool fetched = json_text(entry, "into").len > 0;
    uint64_t hash = 0;
    for (int i = 0; i < COUNT(texts); i++)
        hash = cmd_hash(hash, json_text(entry, texts[i]));
    for (int i = 0; i < COUNT(numbers) - !fetched; i++)
        hash = cmd_hash_int(hash, json_int(entry, numbers[i]));
    return cmd_hash_int(hash, cJSON_IsTrue(json_get(entry, "overwrite")));
}

/* Does the manifest that --resume named list this one as done? */
static bool cmd_files_knows(const CmdFiles *run, const CmdItem *item)
{
    Arena scratch = {0};
    if (!run->known.count)
        return false;
    uint64_t key = cmd_files_key(cmd_files_entry(run, &scratch, item, ""));
    arena_free(&scratch);
    return cmd_set_has(&run->known, key);
}

/* Is this JSON an entry of a manifest? */
static bool cmd_files_is_entry(const cJSON *entry)
{
    return json_text(entry, "path").len && json_text(entry, "remote").len &&
           str_in_words(json_text(entry, "status"),
                        "uploaded fetched skipped failed");
}

/* Reads one line of a manifest; one that is not a whole entry is passed over.
 * EXDEV for an entry of another account, or of none. */
static int cmd_files_learn(CmdFiles *run, Str line)
{
    Arena scratch = {0};
    const cJSON *entry = json_read(&scratch, line);
    int64_t account = json_int(entry, "account");
    int code = 0;
    if (cmd_files_is_entry(entry) && account != run->hub.account.id) {
        run->stranger = account;
        code = EXDEV;
    } else if (str_in_words(json_text(entry, "status"), "uploaded fetched")) {
        cmd_set_add(&run->known, cmd_files_key(entry));
    }
    arena_free(&scratch);
    return code;
}

/* Can a file that begins with this text be a manifest? Its first line is an
 * entry, or the beginning of one where the disk was full at the first. */
static bool cmd_files_is_manifest(Arena *arena, Str text)
{
    Str rest = text;
    Str line = str_cut(&rest, '\n');
    return !text.len || cmd_files_is_entry(json_read(arena, line)) ||
           (line.len == text.len && str_starts(line, S("{\"path\":\"")) &&
            !json_read(arena, line));
}

/* Can the manifest be written here? EBADMSG if there is a file, or a link to
 * one, that is not a manifest: a mistyped name must not cost its content. */
static int cmd_files_look_journal(Arena *arena, Str path)
{
    Arena scratch = {0};
    int fd = -1;
    Str real = os_resolve_links(arena, path);
    if (!os_is_own_file(arena, real) ||
        os_open_file(AT_FDCWD, arena_cstr(arena, real), &fd))
        return 0; /* to open it tells what is wrong */
    char *text = arena_take(&scratch, FILES_FIRST_LINE);
    ptrdiff_t n = os_read_at(fd, text, FILES_FIRST_LINE, 0);
    close(fd);
    bool ok = n >= 0 && cmd_files_is_manifest(&scratch, (Str){text, n});
    arena_free(&scratch);
    return n < 0 ? (int)-n : ok ? 0 : EBADMSG;
}

/* Reads the manifest line by line. A last line without an end was torn when a
 * run was killed: it is ended, so that the next one is whole. */
static int cmd_files_read_journal(CmdFiles *run)
{
    Arena scratch = {0};
    char *text = arena_take(&scratch, FILES_LINE);
    int64_t at = 0;
    ptrdiff_t len = 0;
    ptrdiff_t n = 0;
    int code = 0;
    bool skip = false;
    while (!code && (n = os_read_at(run->journal, text + len, FILES_LINE - len,
                                    at)) > 0) {
        at += n;
        len += n;
        Str rest = {text, len};
        while (!code && str_index(rest, '\n') >= 0) {
            Str line = str_cut(&rest, '\n');
            code = skip ? 0 : cmd_files_learn(run, line);
            skip = false;
        }
        skip |= rest.len == FILES_LINE; /* no entry is so long */
        len = skip ? 0 : rest.len;
        memmove(text, rest.ptr, (size_t)len);
    }
    arena_free(&scratch);
    if (!code && !n && (len || skip))
        return os_write_all(run->journal, S("\n"));
    return code ? code : (int)-n;
}

/* Says why the manifest cannot be used. */
static bool cmd_files_journal_fault(const CmdFiles *run, int code, Err *err)
{
    Str path = run->journal_path;
    if (code == EXDEV && run->stranger > 0)
        err_set(err, EXIT_CONFIG,
                "the manifest %.*s is of account %" PRId64 ", not %" PRId64,
                P(path), run->stranger, run->hub.account.id);
    else if (code == EXDEV)
        err_set(err, EXIT_CONFIG, "the manifest %.*s does not name its account",
                P(path));
    else
        return err_set(
            err, EXIT_FAILED, "cannot use the manifest %.*s: %s", P(path),
            code == EBADMSG ? "the file exists and is not a manifest of hs"
                            : os_error(code));
    return err_hint(err, "Nothing was sent. Start another one with "
                         "--manifest FILE.");
}

/* Opens the manifest that --manifest or --resume names. Its entries need the
 * account's ID. */
static bool cmd_files_open_journal(CmdFiles *run, Err *err)
{
    Cmd *cmd = run->cmd;
    Str resume = cmd_text(cmd, OPT_RESUME);
    Str path = resume.len ? resume : cmd_text(cmd, OPT_MANIFEST);
    run->journal = -1;
    if (resume.len && cmd_text(cmd, OPT_MANIFEST).len)
        return err_set(err, EXIT_USAGE,
                       "--resume goes on with its file, so that --manifest "
                       "does not go with it");
    if (!path.len)
        return true;
    run->journal_path = path;
    int code = cmd_files_look_journal(cmd->arena, path);
    if (!code && !hub_look_up_account(&run->hub, err))
        return false;
    if (!code)
        code = os_open_journal(arena_cstr(cmd->arena, path), !resume.len,
                               &run->journal);
    if (!code && resume.len)
        code = cmd_files_read_journal(run);
    return !code || cmd_files_journal_fault(run, code, err);
}

/* An item as one line of JSON. */
static Str cmd_files_line(const CmdFiles *run, Arena *arena,
                          const CmdItem *item, const char *status)
{
    return json_write(arena, cmd_files_entry(run, arena, item, status), false);
}

/* Adds a JSON text to the list on stdout. */
static void cmd_files_list(CmdFiles *run, Str line)
{
    term_out(run->cmd->term, run->listed++ ? S(",\n") : S("{\"items\":[\n"));
    cmd_print_json_text(run->cmd, line);
}

/* The files that have come to an end. */
static int64_t cmd_files_over(const CmdFiles *run)
{
    return run->done + run->skipped + run->failed;
}

/* The files that were found, and not begun. */
static int64_t cmd_files_untried(const CmdFiles *run)
{
    return run->plans ? 0 : run->found - cmd_files_over(run) - run->cut;
}

/* Ends the list on stdout, with the counts. */
static void cmd_files_end_list(CmdFiles *run)
{
    Term *term = run->cmd->term;
    if (!run->listed)
        term_out(term, S("{\"items\":["));
    term_out(term, S("\n"));
    term_printf(term,
                "],\"%s\":%" PRId64 ",\"skipped\":%" PRId64
                ",\"failed\":%" PRId64 ",\"interrupted\":%" PRId64
                ",\"notTried\":%" PRId64 ",\"bytes\":%" PRId64 "}\n",
                run->verb, run->done, run->skipped, run->failed, run->cut,
                cmd_files_untried(run), run->bytes);
}

/* The manifest cannot be written, unless `code` is 0: the run ends. */
static void cmd_files_journal_lost(CmdFiles *run, int code)
{
    if (!code)
        return;
    err_set(&run->fatal, EXIT_FAILED, "cannot write the manifest %.*s: %s",
            P(run->journal_path), os_error(code));
    run->stopped = true;
}

/* Writes an item down: in the manifest, with one write, and on stdout. */
static void cmd_files_note(CmdFiles *run, const CmdItem *item,
                           const char *status, bool known)
{
    Arena scratch = {0};
    if (run->journal < 0 && !run->json)
        return;
    Str text = cmd_files_line(run, &scratch, item, status);
    Buf line = buf_new(&scratch, text.len + 1);
    buf_add(&line, text);
    if (run->json)
        cmd_files_list(run, buf_str(&line));
    buf_add_char(&line, '\n');
    int code = run->journal < 0 || known
                   ? 0
                   : os_write_all(run->journal, buf_str(&line));
    cmd_files_journal_lost(run, code);
    arena_free(&scratch);
}

/* Says a failure, and keeps it for the end. */
static void cmd_files_failed(CmdFiles *run, const CmdItem *item)
{
    Str reason = str_slice(str_from(item->err.message), 0, 300);
    if (run->failed == 1)
        run->first = item->err;
    run->mixed |= run->first.code != item->err.code;
    if (run->failed <= FILES_NAMED)
        run->named[run->failed - 1] = arena_printf(
            run->cmd->arena, "%.*s: %.*s", P(str_slice(item->path, 0, 200)),
            P(reason));
    if (!run->single)
        term_say(run->cmd->term, "failed %.*s: %s", P(item->path),
                 item->err.message);
    run->stopped |= run->fail_fast;
}

/* An item has come to its end: it is counted, written down, said and freed. */
static void cmd_files_ended(CmdFiles *run, CmdItem *item, CmdItemEnd end)
{
    Term *term = run->cmd->term;
    Arena scratch = {0};
    bool failed = end == CMD_ITEM_FAILED;
    const char *status = end == CMD_ITEM_DONE ? run->verb
                         : failed             ? "failed"
                                              : "skipped";
    int64_t size = item->file.size > 0 ? item->file.size : 0;
    cmd_item_unlink(&run->active, item);
    run->done += end == CMD_ITEM_DONE;
    run->failed += failed;
    run->skipped += end == CMD_ITEM_SKIPPED || end == CMD_ITEM_KNOWN;
    cmd_add_size(&run->bytes, end == CMD_ITEM_DONE ? size : 0);
    cmd_add_size(&run->tried, size);
    run->moved += item->moved;
    if (end == CMD_ITEM_DONE)
        run->streak = 0;
    cmd_files_note(run, item, status, end == CMD_ITEM_KNOWN);
    if (failed)
        cmd_files_failed(run, item);
    else if (end == CMD_ITEM_SKIPPED)
        term_say(term, "skipped %.*s: %s", P(item->path), item->err.message);
    else if (end == CMD_ITEM_DONE && !run->draws)
        term_say(term, "%s %.*s (%.*s)", run->verb, P(item->path),
                 P(cmd_size(&scratch, size)));
    arena_free(&scratch);
    cmd_item_free(item);
}

/* Looks at a refusal by the API: does it concern all that is to come? Then
 * nothing more is begun. */
static void cmd_files_refused(CmdFiles *run, const HttpXfer *x, ExitCode code)
{
    bool same = code == EXIT_AUTH || code == EXIT_RATE_LIMIT ||
                code == EXIT_NETWORK;
    bool all = x->state == HTTP_DONE &&
               (x->res.status == 401 || hub_is_final(&x->res));
    run->streak = same ? run->streak + 1 : 0;
    run->stopped |= all || run->streak >= FILES_STREAK;
}

/* Takes over what a transfer failed with, or that it was refused with 401 and
 * shall be made once more (true). */
static bool cmd_files_again(CmdFiles *run, CmdItem *item, const HttpXfer *x)
{
    if (x->state != HTTP_DONE) {
        item->err = x->err;
        return false;
    }
    if (x->res.status != 401 || item->renewed || run->stopped ||
        !secret_is_set(x->req.authorization) ||
        !hub_renew_for(&run->hub, x->req.authorization, &item->err))
        return false;
    item->renewed = true;
    cmd_item_link(&run->again, item);
    return true;
}

/* A run ends while an item was to be tried once more. Has the item failed? Not
 * if a signal ended the run: then it was interrupted. */
static bool cmd_files_is_over(CmdFiles *run, CmdItem *item)
{
    bool failed = !os_interrupted();
    run->cut += !failed;
    if (failed)
        err_set(&item->err, EXIT_FAILED,
                "the run was stopped before its second try");
    return failed;
}

/* Must the next transfer wait until one that is under way ends, for want of
 * descriptors? If none is, connections that are kept open make room. */
static bool cmd_files_waits(const CmdFiles *run, bool under_way)
{
    if (os_can_open(FILES_DESCRIPTORS))
        return false;
    if (!under_way)
        http_close_idle(&run->cmd->pool);
    return under_way;
}

/* The row of a transfer: how far it is, how much, what. */
static Str cmd_files_row(Arena *arena, const CmdItem *item)
{
    int64_t size = item->file.size;
    Str moved = cmd_size(arena, item->moved);
    Str part = size > 0 ? arena_printf(arena, "%3d %%",
                                       (int)(item->moved * 100 / size))
                        : S("     ");
    return arena_printf(arena, "  %.*s  %10.*s  %.*s", P(part), P(moved),
                        P(item->path));
}

/* The row of the whole run. */
static Str cmd_files_total(const CmdFiles *run, Arena *arena, int64_t moving)
{
    Buf row = buf_new(arena, KIB);
    int64_t left = run->found_bytes - run->tried - moving;
    int64_t ended = cmd_files_over(run);
    buf_printf(&row, "%" PRId64 " of %" PRId64 "%s files, %.*s of %.*s", ended,
               run->found, run->counted ? "" : "+",
               P(cmd_size(arena, run->tried + moving)),
               P(cmd_size(arena, run->found_bytes)));
    if (run->rate)
        buf_printf(&row, ", %.*s/s", P(cmd_size(arena, run->rate)));
    if (run->rate && run->counted && left > 0)
        buf_printf(&row, ", %.*s left",
                   P(cmd_span(arena, left / run->rate + 1)));
    if (run->failed)
        buf_printf(&row, ", %" PRId64 " failed", run->failed);
    return buf_str(&row);
}

/* Draws the progress, unless that was done just now. */
static void cmd_files_draw(CmdFiles *run)
{
    Arena arena = {0};
    Str rows[HTTP_ACTIVE + 1];
    int64_t now = os_now();
    int64_t since = now - run->drawn_at;
    int count = 0;
    int64_t moving = 0;
    if (!run->draws || since < FILES_TICK_MS)
        return;
    int most = os_rows(STDERR_FILENO) - 2;
    for (const CmdItem *item = run->active; item; item = item->next) {
        moving += item->moved;
        if (count < most && count < HTTP_ACTIVE)
            rows[count++] = cmd_files_row(&arena, item);
    }
    int64_t bytes = run->moved + moving;
    int64_t rate = (bytes - run->drawn_bytes) * 1000 / since;
    if (run->drawn_at)
        run->rate = run->rate ? (7 * run->rate + rate) / 8 : rate;
    run->drawn_at = now;
    run->drawn_bytes = bytes;
    rows[count++] = cmd_files_total(run, &arena, moving);
    term_draw(run->cmd->term, rows, count);
    arena_free(&arena);
}

/* Reads the options that both commands take, opens the account and then the
 * manifest. */
static bool cmd_files_begin(CmdFiles *run, Cmd *cmd, const char *verb, Err *err)
{
    const CmdValue *width = &cmd->options[OPT_CONCURRENCY];
    run->cmd = cmd;
    run->hub = (Hub){
        .arena = cmd->arena, .term = cmd->term, .pool = &cmd->pool};
    run->verb = verb;
    run->width = width->set ? (int)width->number : FILES_WIDTH;
    run->json = cmd_on(cmd, OPT_JSON);
    run->fail_fast = cmd_on(cmd, OPT_FAIL_FAST);
    run->draws = term_can_draw(cmd->term) &&
                 !((run->json || run->prints) && cmd->term->out_terminal);
    run->began = os_now();
    return cmd_open_account(cmd, &run->hub, err) && cmd_go_online(cmd, err) &&
           cmd_files_open_journal(run, err);
}

/* Says what was done, and what failed by name. */
static void cmd_files_say_end(CmdFiles *run)
{
    Term *term = run->cmd->term;
    Arena arena = {0};
    Buf text = buf_new(&arena, KIB);
    buf_printf(&text, "%s: %" PRId64 " file%s, %.*s, in %.1f s", run->verb,
               run->done, run->done == 1 ? "" : "s",
               P(cmd_size(&arena, run->bytes)),
               (double)(os_now() - run->began) / 1000);
    if (run->skipped)
        buf_printf(&text, "; skipped: %" PRId64, run->skipped);
    if (run->failed)
        buf_printf(&text, "; failed: %" PRId64, run->failed);
    if (run->cut)
        buf_printf(&text, "; interrupted: %" PRId64, run->cut);
    if (cmd_files_untried(run))
        buf_printf(&text, "; not tried: %s%" PRId64,
                   run->counted ? "" : "at least ", cmd_files_untried(run));
    if (!run->single || !run->failed)
        term_say(term, "%.*s", P(buf_str(&text)));
    for (int i = 0; !run->single && i < run->failed && i < FILES_NAMED; i++)
        term_say(term, "    %.*s", P(run->named[i]));
    if (run->failed > FILES_NAMED)
        term_say(term, "    and %" PRId64 " more, said above",
                 run->failed - FILES_NAMED);
    arena_free(&arena);
}

/* Text as one word of a shell. */
static Str cmd_shell_word(Arena *arena, Str text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+./:@%";
    Buf out = buf_new(arena, 4 * text.len + 3);
    ptrdiff_t at = 0;
    while (at < text.len && memchr(plain, text.ptr[at], sizeof(plain) - 1))
        at++;
    if (text.len && at == text.len)
        return text;
    buf_add_char(&out, '\'');
    for (ptrdiff_t i = 0; i < text.len; i++)
        buf_add(&out,
                text.ptr[i] == '\'' ? S("'\\''") : str_slice(text, i, i + 1));
    buf_add_char(&out, '\'');
    return buf_str(&out);
}

/* Ends the manifest. The hint of a run that did not come through names it. */
static void cmd_files_close_journal(CmdFiles *run)
{
    Arena *arena = run->cmd->arena;
    OsEntry entry = {0};
    if (run->journal < 0)
        return;
    if (!run->fatal.code && !os_look_fd(run->journal, &entry) &&
        entry.kind == OS_FILE)
        run->go_on = arena_printf(arena, "Run again with --resume %.*s.",
                                  P(cmd_shell_word(arena, run->journal_path)));
    cmd_files_journal_lost(run, os_sync_files(&run->journal, 1));
    close(run->journal);
    run->journal = -1;
}

/* Ends a run: the summary, the manifest, and the error where there is one. */
static bool cmd_files_finish(CmdFiles *run, Err *err)
{
    term_undraw(run->cmd->term);
    if (run->json)
        cmd_files_end_list(run);
    cmd_files_say_end(run);
    cmd_files_close_journal(run);
    arena_free(&run->known.arena);
    int64_t untried = cmd_files_untried(run);
    const char *hint = run->failed ? run->first.hint : "";
    if (os_interrupted()) {
        err_set(err, (ExitCode)(128 + os_interrupted()), "interrupted");
        return err_hint(err, "%.*s", P(run->go_on));
    }
    if (run->fatal.code) {
        *err = run->fatal;
        return false;
    }
    if (!run->failed && !(run->counted && untried))
        return true;
    if (!run->failed)
        err_set(err, EXIT_PARTIAL,
                "%" PRId64 " of %" PRId64 " files went away before their turn",
                untried, run->found);
    else if (run->single)
        err_set(err, run->first.code, "%.*s", P(run->named[0]));
    else if (!run->done && !run->skipped && !run->mixed)
        err_set(err, run->first.code, "nothing was %s: %s", run->verb,
                run->first.message);
    else
        err_set(err, EXIT_PARTIAL, "%" PRId64 " of %" PRId64 " files failed",
                run->failed, cmd_files_over(run));
    return err_hint(err, "%s%s%.*s", hint, *hint && run->go_on.len ? " " : "",
                    P(run->go_on));
}

/* A path that a person gave, absolute. */
static Str cmd_files_absolute(Cmd *cmd, Str path)
{
    return str_starts(path, S("/"))
               ? path
               : os_path_join(cmd->arena, os_cwd(cmd->arena), path);
}

/* Lists the files that this run uses: what hs reads keys from, and the run's
 * own manifest. Gives the latter's description. */
static const char *cmd_files_list_own(Cmd *cmd, ConfigOwns *list)
{
    ConfigWhere where = cmd_where(cmd);
    Str resume = cmd_text(cmd, OPT_RESUME);
    const char *manifest = resume.len ? "the manifest of --resume"
                                      : "the manifest of --manifest";
    config_list_own(cmd->arena, &where, list);
    config_add_own(cmd->arena, list,
                   resume.len ? resume : cmd_text(cmd, OPT_MANIFEST), manifest);
    return manifest;
}

/* A path in the file manager without empty and "." components. */
static bool cmd_files_remote(Arena *arena, Str text, Str *out, Err *err)
{
    Buf path = buf_new(arena, text.len + 1);
    Str rest = text;
    if (str_starts(text, S("/")))
        buf_add_char(&path, '/');
    while (rest.len) {
        Str part = str_cut(&rest, '/');
        if (str_eq(part, S("..")) || !str_is_utf8(part) || !http_is_clean(part))
            return err_set(err, EXIT_USAGE,
                           "'%.*s' cannot be a path in the file manager",
                           P(text));
        if (!part.len || str_eq(part, S(".")))
            continue;
        if (path.len && !str_ends(buf_str(&path), S("/")))
            buf_add_char(&path, '/');
        buf_add(&path, part);
    }
    *out = buf_str(&path);
    return true;
}

/* ---- hs filemanager upload ---- */

/*
 * What an upload leaves out. A path is excluded if one of these excludes it:
 *   - the built-in rules and the nearest .hsignore at or above the current
 *     directory, which are all that the official client reads (CmdPlace);
 *   - the .hsignore files from the top down to the path's own folder, as git
 *     reads them (CmdForm above the source, `within` below it). A "!" there
 *     takes nothing back from the former.
 * Both are asked about the source as it was given and after each link that it
 * leads through (CmdForm), down to the file. --exclude takes precedence. hs's
 * own files are never sent (ConfigOwns). Links below the source are not
 * followed.
 */

/* Excluded unless the nearest .hsignore or --exclude takes it back. */
static const char cmd_ignored[] = "fields.output.json\n"
                                  "hubspot.config.yml\n"
                                  "hubspot.config.yaml\n"
                                  "node_modules\n"
                                  ".*\n"
                                  "*.log\n"
                                  "*.swp\n"
                                  ".env\n"
                                  "Icon[\r]\n"
                                  "__MACOSX\n"
                                  "~\n"
                                  "*~\n"
                                  "Thumbs.db\n"
                                  "ehthumbs.db\n"
                                  "Desktop.ini\n"
                                  "@eaDir\n"
                                  "package-lock.json\n";

enum { FILES_FORMS = 42, FILES_PLACES = 2 };

/* The rules at a current directory. Outside of their folders they match names
 * only. */
typedef struct {
    Str top;             /* see ignore_top() */
    IgnoreRules nearest; /* after the built-in ones */
    IgnoreRules around;  /* of the files from the top down: for other paths */
} CmdPlace;

/* The source as it was given, or after some of its links. */
typedef struct {
    Str path;
    IgnoreRules above; /* of the files from the top down to its folder */
} CmdForm;

typedef struct {
    CmdPlace places[FILES_PLACES];
    int place_count;
    CmdForm forms[FILES_FORMS]; /* the last one is without links */
    int form_count;
    IgnoreRules within;  /* of the source's folders, the walk's own */
    IgnoreRules options; /* --exclude, from the source on */
    IgnoreRules back;    /* --exclude '!...', also for what is above it */
    ConfigOwns own;
} CmdRules;

typedef enum {
    CMD_WALK_FILE,
    CMD_WALK_IGNORED,
    CMD_WALK_LEFT_OUT, /* no --include matches */
    CMD_WALK_ODD,      /* a link, a pipe, a device */
    CMD_WALK_FAILED
} CmdWalkKind;

/* One thing that was found. Its text is good until the next step. */
typedef struct {
    CmdWalkKind kind;
    Str path; /* from the folder that is walked */
    bool is_folder;
    int dir; /* the folder that it is in, and its name there */
    const char *name;
    OsEntry entry;
    const IgnoreRule *rule;
    const char *fault; /* of what failed, or is ignored without a rule */
} CmdStep;

/* A walk through a folder and those below it, one entry at a time. */
typedef struct {
    CmdRules *rules;
    const IgnoreRules *includes;
    OsDir dirs[FILES_DEPTH];
    int lens[FILES_DEPTH];    /* of the path up to each of them */
    int marks[FILES_DEPTH];   /* of the rules within before each of them */
    Arena texts[FILES_DEPTH]; /* each one's .hsignore */
    Err err;                  /* an .hsignore that cannot be used: the end */
    int depth;
    int root; /* the length of the path of the folder walked */
    char path[PATH_MAX];
} CmdWalk;

typedef struct {
    CmdFiles run;
    CmdWalk walk;
    Str source; /* absolute, links resolved, ended by a NUL */
    Str name;   /* of a single file, as it was given: a link has its own */
    OsEntry entry;
    Str dest; /* the folder, or the path of the file */
    CmdRules rules;
    IgnoreRules includes;
    bool begun; /* of a single file */
    int64_t ignored;
    int64_t manifests;    /* of these: the run's own */
    int64_t ruled;        /* of these: by a rule */
    const char *manifest; /* how the run's own manifest is called */
    int64_t left_out;
    int64_t odd;
    Str examples[FILES_NAMED]; /* of what was ignored */
} CmdUpload;

/* The rule of the current directory that excludes a path; NULL: none. The
 * official client ignores case, git does not: with "!" lines, each can exclude
 * what the other does not. */
static const IgnoreRule *cmd_place_find(const CmdPlace *place, Str full,
                                        bool folder)
{
    Str rest = {0};
    IgnoreRules exact = place->nearest;
    exact.any_case = false;
    const IgnoreRules *lists[] = {&place->nearest, &exact, &place->around};
    int count = ignore_below(place->top, full, &rest) ? 2 : 3;
    for (int i = 0; i < count; i++) {
        const IgnoreRule *rule = ignore_find(lists[i], full, folder);
        if (rule && !rule->negated)
            return rule;
    }
    return NULL;
}

/* The rule that excludes `full`, which is `rel` below a form of the source
 * (empty: the source itself, or above it); NULL: none. */
static const IgnoreRule *cmd_rules_find(const CmdRules *rules,
                                        const CmdForm *form, Str full, Str rel,
                                        bool folder)
{
    const IgnoreRule *rule = rel.len ? ignore_find(&rules->options, rel, folder)
                                     : NULL;
    if (!rule)
        rule = ignore_find(&rules->back, full, folder);
    if (rule)
        return rule->negated ? NULL : rule;
    for (int i = 0; i < rules->place_count; i++) {
        rule = cmd_place_find(&rules->places[i], full, folder);
        if (rule)
            return rule;
    }
    rule = rel.len ? ignore_find(&rules->within, rel, folder) : NULL;
    if (!rule)
        rule = ignore_find(&form->above, full, folder);
    return rule && !rule->negated ? rule : NULL;
}

/* The rule that excludes what is `rel` below the source, whose folders are
 * not excluded; NULL: none. */
static const IgnoreRule *cmd_rules_judge(const CmdRules *rules, Str rel,
                                         bool folder)
{
    _Alignas(max_align_t) char memory[2 * PATH_MAX];
    Arena scratch = arena_in(memory, sizeof(memory));
    const IgnoreRule *rule = NULL;
    for (int i = 0; i < rules->form_count && !rule; i++) {
        const CmdForm *form = &rules->forms[i];
        Str full = os_path_join(&scratch, form->path, rel);
        rule = cmd_rules_find(rules, form, full, rel, folder);
    }
    arena_free(&scratch);
    return rule;
}

/* Why a local name cannot be that of an uploaded file; NULL: it can. */
static const char *cmd_local_name_fault(Str name)
{
    if (!str_is_utf8(name))
        return "its name is not UTF-8";
    return http_is_clean(name) ? NULL : "its name contains control characters";
}

/* Leaves the innermost folder, and forgets its rules. */
static void cmd_walk_leave(CmdWalk *walk)
{
    os_dir_close(&walk->dirs[--walk->depth]);
    walk->rules->within.count = walk->marks[walk->depth];
    arena_free(&walk->texts[walk->depth]);
}

/* Goes into a folder; NULL, or why it cannot be read. */
static const char *cmd_walk_enter(CmdWalk *walk, int dir, const char *name,
                                  int len)
{
    int fd = -1;
    int depth = walk->depth;
    if (depth == FILES_DEPTH)
        return "there are more than 128 folders in each other";
    int code = os_open_folder(dir, name, &fd);
    if (code)
        return os_error(code);
    Arena *text = &walk->texts[depth];
    Str folder = {walk->path, len};
    const IgnoreSource from = {
        text, fd, str_slice(folder, walk->root + 1, len),
        os_path_join(text, len ? folder : S("/"), S(".hsignore"))};
    walk->marks[depth] = walk->rules->within.count;
    bool known = ignore_add_own(&walk->rules->within, &from, &walk->err);
    code = os_dir_open(fd, &walk->dirs[depth]);
    walk->lens[depth] = len;
    walk->depth++;
    if (known && !code)
        return NULL;
    cmd_walk_leave(walk);
    return known ? os_error(code) : walk->err.message;
}

/* Begins a walk at an absolute path. */
static const char *cmd_walk_begin(CmdWalk *walk, Str root, CmdRules *rules,
                                  const IgnoreRules *includes)
{
    root.len -= str_eq(root, S("/"));
    walk->rules = rules;
    walk->includes = includes;
    walk->depth = 0;
    if (root.len >= PATH_MAX)
        return os_error(ENAMETOOLONG);
    str_put(walk->path, root);
    walk->path[root.len] = '\0';
    walk->root = (int)root.len;
    return cmd_walk_enter(walk, AT_FDCWD, root.len ? walk->path : "/",
                          walk->root);
}

/* Judges the entry whose path is in the walk. */
static void cmd_walk_judge(const CmdWalk *walk, int len, CmdStep *step)
{
    Str full = {walk->path, len};
    const char *own = config_is_own_name(os_path_base(full))
                          ? "it is one of hs's own files"
                          : config_own_entry(&walk->rules->own, &step->entry);
    own = own ? own : config_own_path(&walk->rules->own, full);
    if (!own)
        step->rule = cmd_rules_judge(walk->rules, step->path, step->is_folder);
    if (own || step->rule) {
        step->kind = CMD_WALK_IGNORED;
        step->fault = own;
    } else if (step->entry.kind == OS_LINK || step->entry.kind == OS_OTHER) {
        step->kind = CMD_WALK_ODD;
    } else if (!step->is_folder && walk->includes->count &&
               !ignore_judge(walk->includes, S(""), step->path, false)) {
        step->kind = CMD_WALK_LEFT_OUT;
    } else if (!step->is_folder) {
        step->fault = cmd_local_name_fault(step->path);
        step->kind = step->fault ? CMD_WALK_FAILED : CMD_WALK_FILE;
    }
}

/* Looks at the entry `name` of the innermost folder. False where there is
 * nothing to tell: a folder that was entered, or a name that has gone. */
static bool cmd_walk_look(CmdWalk *walk, const char *name, CmdStep *step)
{
    int dir = os_dir_fd(&walk->dirs[walk->depth - 1]);
    int from = walk->lens[walk->depth - 1];
    int len = from + 1 + (int)strlen(name);
    *step = (CmdStep){.dir = dir, .name = name};
    if (len >= PATH_MAX) {
        step->kind = CMD_WALK_FAILED;
        step->path = str_from(name);
        step->fault = os_error(ENAMETOOLONG);
        return true;
    }
    walk->path[from] = '/';
    memcpy(walk->path + from + 1, name, strlen(name) + 1);
    step->path = str_slice((Str){walk->path, len}, walk->root + 1, len);
    int code = os_look(dir, name, &step->entry);
    if (code) {
        step->kind = CMD_WALK_FAILED;
        step->fault = os_error(code);
        return true;
    }
    step->is_folder = step->entry.kind == OS_FOLDER;
    cmd_walk_judge(walk, len, step);
    if (step->entry.kind == OS_NOTHING)
        return false;
    if (!step->is_folder || step->kind == CMD_WALK_IGNORED)
        return true;
    step->fault = cmd_walk_enter(walk, dir, name, len);
    step->kind = CMD_WALK_FAILED;
    return step->fault != NULL;
}

/* Takes the next thing that is to be told of; false at the end. */
static bool cmd_walk_next(CmdWalk *walk, CmdStep *step)
{
    while (walk->depth > 0 && !walk->err.code) {
        int code = 0;
        OsDir *dir = &walk->dirs[walk->depth - 1];
        const char *name = os_dir_next(dir, &code);
        if (name && cmd_walk_look(walk, name, step) && !walk->err.code)
            return true;
        if (name)
            continue;
        int len = walk->lens[walk->depth - 1];
        cmd_walk_leave(walk);
        if (!code)
            continue;
        *step = (CmdStep){.kind = CMD_WALK_FAILED,
                          .is_folder = true,
                          .fault = os_error(code)};
        step->path = str_slice((Str){walk->path, len}, walk->root + 1, len);
        return true;
    }
    return false;
}

static void cmd_walk_end(CmdWalk *walk)
{
    while (walk->depth > 0)
        cmd_walk_leave(walk);
}

/* Why something is ignored: the rule and where it stands, or what it is. */
static Str cmd_ignored_why(Arena *arena, const CmdStep *step)
{
    const IgnoreRule *rule = step->rule;
    return rule ? arena_printf(arena, "%.*s line %d: %.*s", P(rule->file),
                               rule->line, P(rule->pattern))
                : str_from(step->fault);
}

/* The rules at a current directory. */
static bool cmd_rules_add_place(CmdRules *rules, Arena *arena, Str cwd,
                                Err *err)
{
    CmdPlace *place = &rules->places[rules->place_count++];
    Str nearest = ignore_folder(arena, cwd, false);
    Str top = ignore_top(arena, cwd);
    place->top = top;
    place->nearest = (IgnoreRules){
        .arena = arena, .reach = IGNORE_BESIDE, .any_case = true};
    place->around = (IgnoreRules){.arena = arena, .reach = IGNORE_BESIDE};
    Str base = nearest.len ? nearest : top.len ? top : cwd;
    ignore_add_text(&place->nearest, base, S("built-in"),
                    str_from(cmd_ignored));
    const IgnoreSource from = {arena, AT_FDCWD, nearest,
                               os_path_join(arena, nearest, S(".hsignore"))};
    if (nearest.len && (!ignore_add_own(&place->nearest, &from, err) ||
                        !ignore_add_chain(&place->around, top, cwd, err)))
        return false;
    /* git adds no repository, whatever the rules are. */
    ignore_add_text(&place->nearest, base, S("built-in"), S(".git\n"));
    return true;
}

/* The source after some of its links, and the rules above it there. */
static bool cmd_rules_add_form(CmdRules *rules, Arena *arena, Str path,
                               Err *err)
{
    CmdForm *form = &rules->forms[rules->form_count++];
    Str top = {0};
    Str rest = {0};
    *form = (CmdForm){.path = path, .above = {.arena = arena}};
    for (int i = 0; i < rules->place_count && !top.len; i++) {
        Str known = rules->places[i].top;
        if (str_eq(known, path) || ignore_below(known, path, &rest))
            top = known;
    }
    if (!top.len)
        top = ignore_top(arena, path);
    return !top.len ||
           ignore_add_chain(&form->above, top, os_path_dir(path), err);
}

/* Adds the patterns of an option, which count from the folder `base` on. With
 * `back`, only those that take something back. */
static void cmd_upload_patterns(const CmdUpload *up, IgnoreRules *rules,
                                CmdOption option, Str base, bool back)
{
    const CmdValue *value = &up->run.cmd->options[option];
    for (int i = 0; i < value->count; i++)
        if (!back || str_starts(value->list[i], S("!")))
            ignore_add_text(rules, base,
                            option == OPT_EXCLUDE ? S("--exclude")
                                                  : S("--include"),
                            value->list[i]);
}

/* The patterns of --exclude and --include. Those that take back what an ignore
 * file excludes may be as they are there, so they also count from the folders
 * that rules are relative to. */
static void cmd_upload_options(CmdUpload *up, Str cwd)
{
    CmdRules *rules = &up->rules;
    Arena *arena = up->run.cmd->arena;
    up->includes.arena = rules->options.arena = rules->back.arena = arena;
    rules->back.reach = IGNORE_ANYWHERE;
    cmd_upload_patterns(up, &up->includes, OPT_INCLUDE, S(""), false);
    cmd_upload_patterns(up, &rules->options, OPT_EXCLUDE, S(""), false);
    cmd_upload_patterns(up, &rules->back, OPT_EXCLUDE, cwd, true);
    for (int i = 0; i < rules->place_count; i++) {
        const CmdPlace *place = &rules->places[i];
        cmd_upload_patterns(up, &rules->back, OPT_EXCLUDE,
                            place->nearest.rule[0].base, true);
        cmd_upload_patterns(up, &rules->back, OPT_EXCLUDE, place->top, true);
    }
}

/* Gathers the rules about the source, which `forms` lists, and hs's own
 * files. */
static bool cmd_upload_rules(CmdUpload *up, const Str *forms, int count,
                             Err *err)
{
    Cmd *cmd = up->run.cmd;
    CmdRules *rules = &up->rules;
    Str cwd = os_resolve_links(cmd->arena, os_cwd(cmd->arena));
    Str own = os_process_cwd(cmd->arena);
    rules->within.arena = cmd->arena;
    up->manifest = cmd_files_list_own(cmd, &rules->own);
    if (!cmd_rules_add_place(rules, cmd->arena, cwd.len ? cwd : S("/"), err) ||
        (own.len && !str_eq(own, cwd) &&
         !cmd_rules_add_place(rules, cmd->arena, own, err)))
        return false;
    for (int i = 0; i < count; i++)
        if (!cmd_rules_add_form(rules, cmd->arena, forms[i], err))
            return false;
    cmd_upload_options(up, cwd);
    return true;
}

/* A path as people know it: from the current directory on, if it is there. */
static Str cmd_files_shown(Cmd *cmd, Str path)
{
    Str rest = {0};
    return ignore_below(os_cwd(cmd->arena), path, &rest) ? rest : path;
}

/* Refuses the source because a rule excludes it, or a folder above it. */
static bool cmd_upload_excluded(const CmdUpload *up, const IgnoreRule *rule,
                                Str path, bool folder, Err *err)
{
    Cmd *cmd = up->run.cmd;
    Str shown = cmd_files_shown(cmd, path);
    if (str_eq(rule->file, S("--exclude")))
        return err_set(err, EXIT_USAGE,
                       "nothing to upload: --exclude '%.*s' excludes '%.*s'",
                       P(rule->pattern), P(shown));
    if (str_eq(rule->file, S("built-in")))
        err_set(err, EXIT_USAGE,
                "nothing to upload: the built-in rule '%.*s' excludes '%.*s'",
                P(rule->pattern), P(shown));
    else
        err_set(err, EXIT_USAGE,
                "nothing to upload: %.*s line %d ('%.*s') excludes '%.*s'",
                P(cmd_files_shown(cmd, rule->file)), rule->line,
                P(rule->pattern), P(shown));
    Str name = ignore_quote(cmd->arena, os_path_base(path));
    Str pattern = arena_printf(cmd->arena, "!%.*s%s", P(name),
                               folder ? "/" : "");
    return err_hint(err, "Upload it anyway with --exclude %.*s.",
                    P(cmd_shell_word(cmd->arena, pattern)));
}

static bool cmd_upload_hint_manifest(const CmdUpload *up, Err *err)
{
    return err_hint(err,
                    "A run does not upload its own manifest: pass another "
                    "file to --%s.",
                    cmd_text(up->run.cmd, OPT_RESUME).len ? "resume"
                                                          : "manifest");
}

/* Refuses the source if it is a file of hs, or in a folder of hs. */
static bool cmd_upload_is_own(const CmdUpload *up, Str path, Err *err)
{
    Cmd *cmd = up->run.cmd;
    Arena scratch = {0};
    OsEntry entry = os_look_through(&scratch, path);
    const char *own = config_is_own_name(os_path_base(path))
                          ? "it is one of hs's own files"
                          : config_own_entry(&up->rules.own, &entry);
    own = own ? own : config_own_path(&up->rules.own, path);
    arena_free(&scratch);
    if (!own)
        return false;
    err_set(err, EXIT_USAGE, "cannot upload '%.*s': %s",
            P(cmd_files_shown(cmd, path)), own);
    if (own == up->manifest)
        cmd_upload_hint_manifest(up, err);
    else
        err_hint(err, "hs never uploads its configs and keys; --include and "
                      "--exclude do not change that.");
    return true;
}

/* Judges the source and the folders above it, in all forms. False and `err`
 * if it must not be uploaded. */
static bool cmd_upload_judge(const CmdUpload *up, Err *err)
{
    for (int i = 0; i < up->rules.form_count; i++) {
        const CmdForm *form = &up->rules.forms[i];
        for (ptrdiff_t at = 1; at < form->path.len;) {
            at = ignore_name_end(form->path, at);
            Str path = str_slice(form->path, 0, at);
            bool last = at == form->path.len;
            bool folder = !last || !up->run.single;
            if (cmd_upload_is_own(up, path, err))
                return false;
            Str rel = folder ? S("") : os_path_base(path);
            const IgnoreRule *rule = cmd_rules_find(&up->rules, form, path, rel,
                                                    folder);
            if (rule)
                return cmd_upload_excluded(up, rule, path, folder, err);
        }
    }
    return true;
}

/* Where a file goes: the folder and the name in the file manager. */
static Str cmd_upload_remote(const CmdUpload *up, Arena *arena, Str path)
{
    return up->run.single ? up->dest : os_path_join(arena, up->dest, path);
}

/* Counts what a step of the first walk has found, and keeps some of what was
 * ignored for the error that nothing is left. */
static void cmd_upload_count(CmdUpload *up, const CmdStep *step)
{
    Arena *arena = up->run.cmd->arena;
    if (step->kind == CMD_WALK_LEFT_OUT)
        up->left_out++;
    if (step->kind == CMD_WALK_IGNORED) {
        up->manifests += step->fault == up->manifest;
        up->ruled += step->rule != NULL;
    }
    if (step->kind == CMD_WALK_IGNORED && up->ignored++ < 5)
        up->examples[up->ignored - 1] = arena_printf(
            arena, "%.*s%s: %.*s", P(str_slice(step->path, 0, 200)),
            step->is_folder ? "/" : "", P(cmd_ignored_why(arena, step)));
    if (step->kind == CMD_WALK_IGNORED || step->kind == CMD_WALK_LEFT_OUT)
        return;
    up->odd += step->kind == CMD_WALK_ODD;
    up->run.found++;
    if (step->kind == CMD_WALK_FILE)
        cmd_add_size(&up->run.found_bytes, step->entry.size);
}

/* Shows a step of the plan (--dry-run). */
static void cmd_upload_show(CmdUpload *up, const CmdStep *step)
{
    static const char *const words[] = {"upload", "ignore", "leave out", "skip",
                                        "fail"};
    Term *term = up->run.cmd->term;
    Arena arena = {0};
    const char *word = words[step->kind];
    up->run.failed += step->kind == CMD_WALK_FAILED;
    Str remote = step->kind == CMD_WALK_FILE
                     ? cmd_upload_remote(up, &arena, step->path)
                     : S("");
    Str why = step->kind == CMD_WALK_IGNORED    ? cmd_ignored_why(&arena, step)
              : step->kind == CMD_WALK_LEFT_OUT ? S("no --include matches it")
              : step->kind == CMD_WALK_ODD      ? S("a link or no plain file")
                                                : str_from(step->fault);
    if (up->run.json) {
        cJSON *entry = json_new(&arena);
        json_add_text(entry, "path", step->path);
        json_add_text(entry, "remote", remote);
        json_add_count(entry, "bytes",
                       step->kind == CMD_WALK_FILE ? step->entry.size : -1);
        json_add_text(entry, "status", str_from(word));
        json_add_text(entry, "reason", why);
        cmd_files_list(&up->run, json_write(&arena, entry, false));
    } else if (remote.len) {
        term_printf(term, "%s %.*s -> %.*s (%.*s)\n", word, P(step->path),
                    P(remote), P(cmd_size(&arena, step->entry.size)));
    } else {
        term_printf(term, "%s %.*s%s (%.*s)\n", word, P(step->path),
                    step->is_folder ? "/" : "", P(why));
    }
    arena_free(&arena);
}

/* The one step of an upload of a single file. */
static CmdStep cmd_upload_step(const CmdUpload *up)
{
    CmdStep step = {.path = up->name, .entry = up->entry};
    if (up->includes.count &&
        !ignore_judge(&up->includes, S(""), step.path, false))
        step.kind = CMD_WALK_LEFT_OUT;
    return step;
}

/* Nothing is left to upload: says which rules saw to that. */
static bool cmd_upload_nothing(const CmdUpload *up, Err *err)
{
    Buf list = buf_new(up->run.cmd->arena, 2 * KIB);
    for (int i = 0; i < up->ignored && i < 5; i++) {
        buf_add(&list, i ? S("; ") : S(""));
        buf_add(&list, up->examples[i]);
    }
    if (up->ignored > 5)
        buf_printf(&list, "; and %" PRId64 " more", up->ignored - 5);
    if (up->left_out)
        buf_printf(&list, "%s%" PRId64 " files that no --include matches",
                   list.len ? "; " : "", up->left_out);
    if (up->odd)
        buf_printf(&list, "%s%" PRId64 " links or no plain files",
                   list.len ? "; " : "", up->odd);
    if (!list.len)
        return err_set(err, EXIT_USAGE, "%.*s holds no file",
                       P(up->run.cmd->args[0]));
    err_set(err, EXIT_USAGE, "nothing to upload in %.*s: %.*s",
            P(up->run.cmd->args[0]), P(buf_str(&list)));
    if (up->ruled)
        err_hint(err, "--exclude '!NAME' takes back what a rule ignores; "
                      "--dry-run shows all.");
    else if (up->manifests)
        cmd_upload_hint_manifest(up, err);
    return false;
}

/* Begins a walk through the folder, of which there are two. */
static bool cmd_upload_walk(CmdUpload *up, Err *err)
{
    const char *fault = cmd_walk_begin(&up->walk, up->source, &up->rules,
                                       &up->includes);
    if (up->walk.err.code)
        *err = up->walk.err;
    return !fault || err_set(err, EXIT_FAILED, "cannot read %.*s: %s",
                             P(up->run.cmd->args[0]), fault);
}

/* The first walk: counts, or shows the plan. */
static bool cmd_upload_plan(CmdUpload *up, bool show, Err *err)
{
    CmdStep step;
    if (up->run.single) {
        step = cmd_upload_step(up);
        cmd_upload_count(up, &step);
        if (show)
            cmd_upload_show(up, &step);
    } else {
        if (!cmd_upload_walk(up, err))
            return false;
        while (!os_interrupted() && cmd_walk_next(&up->walk, &step)) {
            cmd_upload_count(up, &step);
            if (show)
                cmd_upload_show(up, &step);
        }
        cmd_walk_end(&up->walk);
    }
    if (up->walk.err.code) {
        *err = up->walk.err;
        return false;
    }
    up->run.counted = true;
    if (os_interrupted())
        return err_set(err, (ExitCode)(128 + os_interrupted()), "interrupted");
    return up->run.found > up->odd || cmd_upload_nothing(up, err);
}

/* Opens the file of a step for its transfer. False where it is not to be sent:
 * then `*end` says how it ended. */
static bool cmd_upload_open(CmdUpload *up, CmdItem *item, const CmdStep *step,
                            CmdItemEnd *end)
{
    OsEntry *entry = &item->up.entry;
    char more = 0;
    *end = CMD_ITEM_FAILED;
    if (step->kind == CMD_WALK_ODD) {
        *end = CMD_ITEM_SKIPPED;
        return err_set(&item->err, EXIT_FAILED,
                       step->entry.kind == OS_LINK
                           ? "a symbolic link is not followed"
                           : "it is no plain file");
    }
    const char *fault = cmd_local_name_fault(item->path);
    if (fault)
        return err_set(&item->err, EXIT_FAILED, "%s", fault);
    if (step->kind == CMD_WALK_FAILED)
        return err_set(&item->err, EXIT_FAILED, "cannot read it: %s",
                       step->fault);
    int code = os_open_file(step->dir, step->name, &item->fd);
    code = code ? code : os_look_fd(item->fd, entry);
    if (code)
        return err_set(&item->err, EXIT_FAILED, "cannot read it: %s",
                       os_error(code));
    if (entry->kind != OS_FILE)
        return err_set(&item->err, EXIT_FAILED, "it is no plain file");
    fault = config_own_now(&up->rules.own, entry);
    if (fault)
        return err_set(&item->err, EXIT_FAILED, "%s", fault);
    if (os_read_at(item->fd, &more, 1, entry->size) > 0)
        return err_set(&item->err, EXIT_FAILED,
                       "it holds more than the %" PRId64
                       " bytes that the system reports; upload a copy of it",
                       entry->size);
    item->file.size = entry->size;
    item->changed = entry->changed;
    *end = CMD_ITEM_KNOWN;
    return !cmd_files_knows(&up->run, item);
}

/* The next file that is to be sent; NULL at the end. */
static CmdItem *cmd_upload_item(CmdUpload *up)
{
    CmdStep step;
    while (!up->run.stopped && !os_interrupted()) {
        CmdItemEnd end;
        if (up->run.single && up->begun)
            return NULL;
        if (up->run.single) {
            up->begun = true;
            step = cmd_upload_step(up);
            step.dir = AT_FDCWD;
            step.name = up->source.ptr;
        } else if (!cmd_walk_next(&up->walk, &step)) {
            if (up->walk.err.code)
                up->run.fatal = up->walk.err;
            return NULL;
        }
        if (step.kind == CMD_WALK_IGNORED || step.kind == CMD_WALK_LEFT_OUT)
            continue;
        Arena scratch = {0};
        CmdItem *item = cmd_item_new(
            step.path, cmd_upload_remote(up, &scratch, step.path));
        arena_free(&scratch);
        if (cmd_upload_open(up, item, &step, &end))
            return item;
        cmd_files_ended(&up->run, item, end);
    }
    return NULL;
}

static bool cmd_upload_next(void *to, HttpReq *req, void **mark)
{
    CmdUpload *up = to;
    for (;;) {
        CmdItem *item = up->run.stopped ? NULL : cmd_item_take(&up->run.again);
        if (!item && cmd_files_waits(&up->run, up->run.active != NULL))
            return false;
        if (!item)
            item = cmd_upload_item(up);
        if (!item)
            return false;
        Str folder = os_path_dir(item->remote);
        item->up.fd = item->fd;
        item->up.moved = &item->moved;
        item->up.folder = str_eq(folder, S(".")) ? S("/") : folder;
        item->up.name = os_path_base(item->remote);
        item->up.local = os_path_base(item->path);
        item->up.access = up->run.access;
        item->up.replace = up->run.replace;
        *mark = item;
        if (hub_upload_request(&up->run.hub, &item->arena, &item->up, req,
                               &item->err)) {
            cmd_item_link(&up->run.active, item);
            return true;
        }
        up->run.stopped = true; /* without a token no other one will do */
        cmd_files_ended(&up->run, item, CMD_ITEM_FAILED);
    }
}

static void cmd_upload_ended(void *to, void *mark, const HttpXfer *x)
{
    CmdUpload *up = to;
    CmdFiles *run = &up->run;
    CmdItem *item = mark;
    HubFile made = {0};
    cmd_item_unlink(&run->active, item);
    if (os_interrupted() && x->state != HTTP_DONE) {
        run->cut++;
        cmd_item_free(item);
        return;
    }
    if (cmd_files_again(run, item, x))
        return;
    if (!item->err.code && hub_upload_answer(&run->hub, &item->arena, &x->res,
                                             &made, &item->err)) {
        item->file.id = made.id;
        item->file.url = made.url;
        cmd_files_ended(run, item, CMD_ITEM_DONE);
        return;
    }
    cmd_files_refused(run, x, item->err.code);
    cmd_files_ended(run, item, CMD_ITEM_FAILED);
}

static void cmd_upload_turned(void *to)
{
    CmdUpload *up = to;
    cmd_files_draw(&up->run);
}

/* Says once who will be able to read the files. */
static void cmd_upload_notice(const CmdUpload *up)
{
    Term *term = up->run.cmd->term;
    bool said = cmd_text(up->run.cmd, OPT_ACCESS).len > 0;
    if (str_eq(up->run.access, S("PUBLIC_INDEXABLE")) && said)
        return;
    if (str_eq(up->run.access, S("PUBLIC_INDEXABLE")))
        term_say(term, "The files become public: everybody who has their "
                       "address can read them, and search engines may list "
                       "them. --access private keeps them private.");
    else if (str_eq(up->run.access, S("PUBLIC_NOT_INDEXABLE")))
        term_say(term, "The files become public: everybody who has their "
                       "address can read them.");
}

/* The destination. A slash at the end, or a bare one, says that it is a
 * folder. */
static bool cmd_upload_dest(CmdUpload *up, Str text, Err *err)
{
    Arena *arena = up->run.cmd->arena;
    bool folder = str_ends(text, S("/")) || str_eq(text, S("."));
    if (!cmd_files_remote(arena, text, &up->dest, err))
        return false;
    if (up->run.single && folder)
        up->dest = os_path_join(arena, up->dest, up->name);
    return true;
}

/* What is to be uploaded, how and where to. */
static bool cmd_upload_begin(CmdUpload *up, Err *err)
{
    static const char *const accesses[][2] = {
        {"public", "PUBLIC_INDEXABLE"},
        {"public-noindex", "PUBLIC_NOT_INDEXABLE"},
        {"private", "PRIVATE"},
    };
    Cmd *cmd = up->run.cmd;
    const CmdValue *replace = &cmd->options[OPT_REPLACE];
    Str forms[FILES_FORMS];
    Str path = cmd_files_absolute(cmd, cmd->args[0]);
    int count = str_starts(path, S("/"))
                    ? os_follow_links(cmd->arena, path, forms, COUNT(forms))
                    : 0;
    int code = count ? 0 : ELOOP;
    up->source = arena_copy(cmd->arena, count ? forms[count - 1] : path);
    code = code ? code
                : os_look(AT_FDCWD, arena_cstr(cmd->arena, up->source),
                          &up->entry);
    if (code || up->entry.kind == OS_NOTHING)
        return err_set(err, EXIT_USAGE, "cannot read %.*s: %s", P(cmd->args[0]),
                       os_error(code ? code : ENOENT));
    up->run.single = up->entry.kind == OS_FILE;
    up->name = os_path_base(cmd->args[0]);
    if (!up->run.single && up->entry.kind != OS_FOLDER)
        return err_set(err, EXIT_USAGE, "%.*s is no file and no folder",
                       P(cmd->args[0]));
    up->run.replace = !replace->set || replace->on;
    up->run.access = str_from(accesses[0][1]);
    for (int i = 0; i < COUNT(accesses); i++)
        if (str_eq_nocase(cmd_text(cmd, OPT_ACCESS), str_from(accesses[i][0])))
            up->run.access = str_from(accesses[i][1]);
    const char *fault = cmd_local_name_fault(os_path_base(forms[0]));
    fault = fault ? fault : cmd_local_name_fault(os_path_base(up->source));
    if (fault)
        return err_set(err, EXIT_USAGE, "cannot upload '%.*s': %s",
                       P(cmd->args[0]), fault);
    return cmd_upload_dest(up, cmd->args[1], err) &&
           cmd_upload_rules(up, forms, count, err) && cmd_upload_judge(up, err);
}

static bool cmd_filemanager_upload(Cmd *cmd, Err *err)
{
    CmdUpload *up = arena_alloc(cmd->arena, sizeof(*up));
    bool show = cmd_on(cmd, OPT_DRY_RUN);
    up->run.cmd = cmd;
    up->run.json = cmd_on(cmd, OPT_JSON);
    up->run.plans = show;
    up->run.verb = "uploaded";
    if (!cmd_upload_begin(up, err))
        return false;
    bool planned = cmd_upload_plan(up, show, err);
    if (show && up->run.json)
        cmd_files_end_list(&up->run);
    if (!planned)
        return false;
    if (show) {
        return !up->run.failed ||
               err_set(err, EXIT_PARTIAL,
                       "%" PRId64 " of %" PRId64 " files would fail",
                       up->run.failed, up->run.found);
    }
    HttpMany many = {.to = up,
                     .tick = FILES_TICK_MS,
                     .next = cmd_upload_next,
                     .ended = cmd_upload_ended,
                     .turned = cmd_upload_turned};
    if (!cmd_files_begin(&up->run, cmd, "uploaded", err))
        return false;
    many.width = up->run.width;
    cmd_upload_notice(up);
    if (!up->run.single)
        cmd_upload_walk(up, &up->run.fatal);
    http_run_many(&cmd->pool, &many);
    cmd_walk_end(&up->walk);
    for (CmdItem *item; (item = cmd_item_take(&up->run.again));) {
        if (cmd_files_is_over(&up->run, item))
            cmd_files_ended(&up->run, item, CMD_ITEM_FAILED);
        else
            cmd_item_free(item);
    }
    return cmd_files_finish(&up->run, err);
}

/* ---- hs filemanager fetch ---- */

/* A page of files that wait for their turn. */
typedef struct CmdPage CmdPage;
struct CmdPage {
    CmdPage *next;
    Arena arena;
    CmdFolder *folder;
    HubPage page;
    int at;
};

typedef struct {
    CmdFiles run;
    Str dest;         /* the folder on this machine, for messages */
    Str above;        /* what stands before a path in the file manager */
    CmdFolder top;    /* that folder */
    CmdFolder *stack; /* folders to be listed, the innermost first */
    CmdFolder *spare;
    CmdPage *pages; /* of files to be fetched, in order */
    CmdPage **pages_end;
    int64_t waiting;  /* files in them */
    int moving;       /* files under way; listings have a place beside them */
    int listing;      /* listings under way */
    CmdItem *landing; /* whole, but not synced and named */
    int landing_count;
    int64_t landing_since;
    CmdSet listed;  /* folders */
    ConfigOwns own; /* files that the run itself uses */
    bool overwrite;
    bool archived;
} CmdFetch;

/* Gives up a hold on a folder; with the last one it is closed, and so is the
 * hold on its parent. */
static void cmd_folder_drop(CmdFetch *fetch, CmdFolder *folder)
{
    while (folder && !--folder->refs) {
        CmdFolder *parent = folder->parent;
        if (folder->written)
            os_tmp_leave(folder->fd);
        if (folder->fd >= 0)
            close(folder->fd);
        arena_free(&folder->taken.arena);
        folder->next = fetch->spare;
        fetch->spare = folder;
        folder = parent;
    }
}

static CmdFolder *cmd_folder_hold(CmdFolder *folder)
{
    folder->refs++;
    return folder;
}

/* A folder below `parent`, held once. The name fits. */
static CmdFolder *cmd_folder_new(CmdFetch *fetch, CmdFolder *parent,
                                 const HubFile *file)
{
    CmdFolder *folder = fetch->spare;
    if (folder)
        fetch->spare = folder->next;
    else
        folder = arena_alloc(fetch->run.cmd->arena, sizeof(*folder));
    *folder = (CmdFolder){.parent = cmd_folder_hold(parent),
                          .refs = 1,
                          .depth = parent->depth + 1,
                          .fd = -1,
                          .id = file->id};
    str_put(folder->name, file->name);
    return folder;
}

/* The path of what is called `name` in a folder, from the destination on. */
static Str cmd_folder_path(Arena *arena, const CmdFolder *folder, Str name)
{
    const CmdFolder *chain[FILES_DEPTH + 2];
    Buf out = buf_new(arena, (FILES_DEPTH + 2) * (NAME_MAX + 2) + name.len);
    int n = 0;
    for (; folder && n < COUNT(chain); folder = folder->parent)
        chain[n++] = folder;
    while (n-- > 0) {
        buf_add(&out, str_from(chain[n]->name));
        if (chain[n]->name[0] && (n || name.len))
            buf_add_char(&out, '/');
    }
    buf_add(&out, name);
    return buf_str(&out);
}

/* Why a name from the server cannot be that of a file here; NULL: it can. */
static const char *cmd_name_fault(Str name)
{
    if (!name.len)
        return "it has no name";
    if (name.len > NAME_MAX)
        return "its name is too long for a file";
    if (str_eq(name, S(".")) || str_eq(name, S("..")) ||
        str_index(name, '/') >= 0)
        return "its name would lead out of the folder";
    if (!http_is_clean(name) || !str_is_utf8(name))
        return "its name holds control characters, or is not UTF-8";
    if (str_ends(name, S(".hs-part")))
        return "its name is one of those that unfinished files have";
    return NULL;
}

/* Is this a name that a download may have here? EXIT_PARTIAL, also for a single
 * file, where hs would read it: others are not the worse for it. */
static bool cmd_fetch_name(Str name, Err *err)
{
    const char *fault = cmd_name_fault(name);
    if (fault)
        return err_set(err, EXIT_FAILED, "%s", fault);
    return !config_is_read_on_windows(name) ||
           err_set(err, EXIT_PARTIAL,
                   "skipped, because hs or git would read it as configuration "
                   "or rules");
}

/* Ends an item of a fetch: what is unfinished of its file is removed. */
static void cmd_fetch_end(CmdFetch *fetch, CmdItem *item, CmdItemEnd end)
{
    CmdFolder *folder = item->folder;
    if (item->fd >= 0 && item->part)
        os_part_remove(folder->fd, item->part, item->fd);
    if (item->fd >= 0)
        close(item->fd);
    item->fd = -1;
    cmd_files_ended(&fetch->run, item, end);
    cmd_folder_drop(fetch, folder);
}

/* Drops an item without a word: the run was interrupted. */
static void cmd_fetch_drop(CmdFetch *fetch, CmdItem *item)
{
    CmdFolder *folder = item->folder;
    if (item->fd >= 0 && item->part)
        os_part_remove(folder->fd, item->part, item->fd);
    cmd_item_free(item);
    cmd_folder_drop(fetch, folder);
}

static CmdItem *cmd_fetch_item(CmdFetch *fetch, CmdFolder *folder, Str name)
{
    Arena scratch = {0};
    Str path = cmd_folder_path(&scratch, folder, name);
    const Str parts[] = {fetch->above, path};
    CmdItem *item = cmd_item_new(path, arena_join(&scratch, parts, 2));
    item->folder = cmd_folder_hold(folder);
    arena_free(&scratch);
    return item;
}

/* Something in a folder cannot be fetched. */
static void cmd_fetch_fault(CmdFetch *fetch, CmdFolder *folder, Str name,
                            const Err *fault)
{
    CmdItem *item = cmd_fetch_item(fetch, folder, name);
    item->err = *fault;
    fetch->run.found++;
    cmd_fetch_end(fetch, item, CMD_ITEM_FAILED);
}

/* Is this file or folder one that the run has come to by another name? So it
 * is where the file system takes "A" and "a" for one. */
static bool cmd_fetch_is_other(CmdFolder *folder, const OsEntry *there)
{
    return there->kind != OS_NOTHING && there->id &&
           !cmd_set_add(&folder->taken, cmd_hash_int(1, there->id));
}

/* Whole files get their names, after what was written to them has reached the
 * disk: many at once, since that wait is as long for one. */
static void cmd_fetch_land(CmdFetch *fetch)
{
    int fds[FILES_LANDING];
    OsEntry entry = {0};
    int n = 0;
    if (fetch->landing_count < FILES_LANDING &&
        cmd_files_waits(&fetch->run, fetch->moving + fetch->listing > 0))
        return; /* a name takes descriptors, too */
    for (const CmdItem *item = fetch->landing; item; item = item->next)
        fds[n++] = item->fd;
    int code = n ? os_sync_files(fds, n) : 0;
    fetch->landing_count = 0;
    for (CmdItem *item; (item = cmd_item_take(&fetch->landing));) {
        int dir = item->folder->fd;
        int fault = code ? code
                         : os_part_publish(dir, item->part, item->name,
                                           fetch->overwrite);
        if (fault) {
            err_set(&item->err, EXIT_FAILED, "cannot write it: %s",
                    os_error(fault));
            cmd_fetch_end(fetch, item, CMD_ITEM_FAILED);
            continue;
        }
        if (!os_look_fd(item->fd, &entry)) {
            cmd_fetch_is_other(item->folder, &entry); /* no: it is new */
            item->written = entry.changed;
        }
        item->part = NULL;
        cmd_fetch_end(fetch, item, CMD_ITEM_DONE);
    }
}

/* A file is whole and waits to be synced. */
static void cmd_fetch_whole(CmdFetch *fetch, CmdItem *item)
{
    if (!fetch->landing_count++)
        fetch->landing_since = os_now();
    cmd_item_link(&fetch->landing, item);
    if (fetch->landing_count == FILES_LANDING)
        cmd_fetch_land(fetch);
}

/* Takes a name in a folder. False where another one of this run has it. */
static bool cmd_fetch_claim(CmdFolder *folder, Str name)
{
    return cmd_set_add(&folder->taken, cmd_hash(0, name));
}

/* Would the file replace one that this run uses? As cmd_fetch_name(). */
static bool cmd_fetch_is_used(const CmdFetch *fetch, CmdItem *item)
{
    Arena scratch = {0};
    Str full = os_path_join(&scratch, fetch->run.into, item->path);
    OsEntry entry = os_look_through(&scratch, full);
    const char *own = config_own_now(&fetch->own, &entry);
    own = own ? own : config_own_path(&fetch->own, full);
    if (own)
        err_set(&item->err, EXIT_PARTIAL,
                "skipped, because hs uses the file here (%s)", own);
    arena_free(&scratch);
    return own != NULL;
}

/* Looks whether a listed file is to be fetched, and to be fetched here. If
 * not, `*end` says how it ends and the item's error why. */
static bool cmd_fetch_check(CmdFetch *fetch, CmdItem *item, CmdItemEnd *end)
{
    const HubFile *file = &item->file;
    CmdFolder *folder = item->folder;
    OsEntry there = {0};
    *end = CMD_ITEM_SKIPPED;
    if (file->hidden)
        return err_set(&item->err, EXIT_FAILED, "it is hidden");
    if (file->archived && !fetch->archived)
        return err_set(&item->err, EXIT_FAILED,
                       "it is archived; --include-archived fetches it");
    *end = CMD_ITEM_FAILED;
    if (!cmd_fetch_name(file->name, &item->err))
        return false;
    if (!cmd_fetch_claim(folder, file->name))
        return err_set(&item->err, EXIT_FAILED,
                       "another file of this name is fetched: this one has "
                       "the id %" PRId64,
                       file->id);
    int code = os_look(folder->fd, item->name, &there);
    if (code)
        return err_set(&item->err, EXIT_FAILED, "cannot write it: %s",
                       os_error(code));
    if (there.kind == OS_FOLDER)
        return err_set(&item->err, EXIT_FAILED, "there is a folder so called");
    if (cmd_fetch_is_other(folder, &there))
        return err_set(&item->err, EXIT_FAILED,
                       "here its name is that of another file of this run");
    *end = CMD_ITEM_KNOWN;
    item->written = there.kind == OS_FILE ? there.changed : -1;
    if (there.kind == OS_FILE && there.size == file->size &&
        cmd_files_knows(&fetch->run, item))
        return false;
    *end = CMD_ITEM_SKIPPED;
    if (there.kind != OS_NOTHING && !fetch->overwrite)
        return err_set(&item->err, EXIT_FAILED,
                       "it is there already; --overwrite replaces it");
    *end = CMD_ITEM_FAILED;
    item->written = -1;
    item->old = there;
    return !cmd_fetch_is_used(fetch, item);
}

/* Takes the next file off the pages. NULL where it came to its end at once. */
static CmdItem *cmd_fetch_file(CmdFetch *fetch)
{
    CmdPage *page = fetch->pages;
    HubFile file = page->page.files[page->at++];
    CmdItem *item = cmd_fetch_item(fetch, page->folder, file.name);
    CmdItemEnd end;
    fetch->waiting--;
    item->file = file;
    item->changed = file.updated;
    item->file.name = arena_copy(&item->arena, file.name);
    item->file.url = arena_copy(&item->arena, file.url);
    item->name = item->file.name.ptr;
    item->stage = file.is_private || !file.url.len ? CMD_FETCH_SIGN
                                                   : CMD_FETCH_GET;
    if (page->at == page->page.count) {
        Arena arena = page->arena;
        fetch->pages = page->next;
        if (!fetch->pages)
            fetch->pages_end = &fetch->pages;
        cmd_folder_drop(fetch, page->folder);
        arena_free(&arena);
    }
    item->out = fetch->run.prints ? fetch->run.cmd->term : NULL;
    if (item->out)
        return item;
    if (!cmd_fetch_check(fetch, item, &end)) {
        cmd_fetch_end(fetch, item, end);
        return NULL;
    }
    OsPart part;
    item->folder->written = true;
    int code = os_part_create(&item->arena, item->folder->fd, item->file.name,
                              0666, &part);
    if (!code) {
        item->part = part.name;
        item->fd = part.fd;
        if (item->old.kind == OS_FILE) /* before anything can be read */
            code = os_set_mode(item->fd, item->old.mode);
    }
    if (!code)
        return item;
    err_set(&item->err, EXIT_FAILED, "cannot write it: %s", os_error(code));
    cmd_fetch_end(fetch, item, CMD_ITEM_FAILED);
    return NULL;
}

/* Makes the folder here, or opens the one that exists. A link is not followed:
 * it could lead anywhere. */
static bool cmd_fetch_make(CmdFolder *folder, Err *err)
{
    OsEntry made = {0};
    int above = folder->parent->fd;
    int code = os_enter(above, folder->name, &folder->fd);
    if (code) {
        folder->fd = -1;
        bool seen = !os_look(above, folder->name, &made);
        return err_set(err, EXIT_FAILED, "cannot make the folder: %s",
                       seen && made.kind == OS_LINK
                           ? "a symbolic link has its name, and is not followed"
                       : seen && made.kind == OS_FILE ? "a file has its name"
                                                      : os_error(code));
    }
    code = os_look_fd(folder->fd, &made);
    if (code)
        return err_set(err, EXIT_FAILED, "cannot make the folder: %s",
                       os_error(code));
    return !cmd_fetch_is_other(folder->parent, &made) ||
           err_set(err, EXIT_FAILED,
                   "cannot make the folder: here its name is that of another "
                   "one");
}

/* Takes the next folder to be listed; it is made here first. NULL where that
 * failed. */
static CmdItem *cmd_fetch_folder(CmdFetch *fetch)
{
    Err fault = {0};
    CmdFolder *folder = fetch->stack;
    fetch->stack = folder->next;
    if (folder->fd < 0 && folder->parent && !cmd_fetch_make(folder, &fault)) {
        cmd_fetch_fault(fetch, folder, S(""), &fault);
        cmd_folder_drop(fetch, folder);
        return NULL;
    }
    CmdItem *item = cmd_fetch_item(fetch, folder, S(""));
    cmd_folder_drop(fetch, folder); /* the item holds it now */
    item->stage = CMD_FETCH_LIST;
    return item;
}

static bool cmd_fetch_sink(void *to, const HttpRes *res, Str piece, bool last,
                           Err *err)
{
    CmdItem *item = to;
    int code = 0;
    if (res->status != 200)
        return true;
    if (item->file.size >= 0 && res->received > item->file.size)
        return err_set(err, EXIT_FAILED,
                       "more came than the %" PRId64
                       " bytes that HubSpot lists",
                       item->file.size);
    if (item->out && last && item->file.size > res->received)
        return true; /* it is said later */
    if (item->out) {
        term_out_foreign(item->out, piece);
        if (last)
            term_flush(item->out);
        code = item->out->out_error;
    } else {
        code = os_write_at(item->fd, piece, res->received - piece.len);
    }
    item->moved = res->received;
    return !code || err_set(err, EXIT_FAILED, "cannot write %s: %s",
                            item->out ? "to stdout" : "it", os_error(code));
}

/* Makes the request of an item's present stage. */
static bool cmd_fetch_request(CmdFetch *fetch, CmdItem *item, HttpReq *req)
{
    Hub *hub = &fetch->run.hub;
    const CmdFolder *folder = item->folder;
    if (item->stage == CMD_FETCH_LIST)
        return hub_page_request(hub, &item->arena, folder->id, folder->folders,
                                folder->offset, fetch->archived, req,
                                &item->err);
    if (item->stage == CMD_FETCH_SIGN) {
        item->lookups++;
        return hub_signed_request(hub, &item->arena, item->file.id, req,
                                  &item->err);
    }
    if (!hub_download_request(hub, &item->arena, item->file.url, req,
                              &item->err))
        return false;
    req->sink = cmd_fetch_sink;
    req->to = item;
    req->direct = !item->out; /* what was printed cannot be taken back */
    return true;
}

static bool cmd_fetch_next(void *to, HttpReq *req, void **mark)
{
    CmdFetch *fetch = to;
    CmdFiles *run = &fetch->run;
    while (!run->stopped && !os_interrupted()) {
        bool full = fetch->moving >= run->width;
        bool lists = fetch->stack && fetch->waiting < run->width;
        if (!lists && (full || (!run->again && !fetch->pages)))
            return false;
        if (!os_can_open(FILES_DESCRIPTORS))
            cmd_fetch_land(fetch);
        if (cmd_files_waits(run, fetch->moving + fetch->listing > 0))
            return false;
        CmdItem *item = full ? NULL : cmd_item_take(&run->again);
        if (!item && lists) {
            item = cmd_fetch_folder(fetch);
            if (!item)
                continue;
        } else if (!item && fetch->pages && !full) {
            item = cmd_fetch_file(fetch);
            if (!item)
                continue;
        }
        if (!item)
            return false;
        if (cmd_fetch_request(fetch, item, req)) {
            fetch->listing += item->stage == CMD_FETCH_LIST;
            if (item->stage != CMD_FETCH_LIST) {
                cmd_item_link(&run->active, item);
                fetch->moving++;
            }
            *mark = item;
            return true;
        }
        run->stopped |= item->stage != CMD_FETCH_GET; /* no token */
        cmd_fetch_end(fetch, item, CMD_ITEM_FAILED);
    }
    return false;
}

/* Can this folder be fetched? Then its name in `folder` is its own. */
static bool cmd_fetch_check_folder(CmdFetch *fetch, CmdFolder *folder,
                                   const HubFile *child, Err *err)
{
    const char *fault = NULL;
    if (!cmd_fetch_name(child->name, err))
        return false;
    if (folder->depth == FILES_DEPTH)
        fault = "there are more than 128 folders in each other";
    else if (child->id <= 0 ||
             !cmd_set_add(&fetch->listed, cmd_hash_int(0, child->id)))
        fault = "the folder was listed before";
    else if (!cmd_fetch_claim(folder, child->name))
        fault = "another one of this name is fetched";
    return !fault || err_set(err, EXIT_FAILED, "%s", fault);
}

/* Puts the folders of a page on the stack. */
static void cmd_fetch_add_folders(CmdFetch *fetch, CmdFolder *folder,
                                  const HubPage *page)
{
    for (int i = page->count - 1; i >= 0; i--) {
        const HubFile *child = &page->files[i];
        Err fault = {0};
        if (!cmd_fetch_check_folder(fetch, folder, child, &fault)) {
            cmd_fetch_fault(fetch, folder, child->name, &fault);
            continue;
        }
        CmdFolder *made = cmd_folder_new(fetch, folder, child);
        made->next = fetch->stack;
        fetch->stack = made;
    }
}

/* Adds the page's files to those that wait. The page goes with the last. */
static void cmd_fetch_add_files(CmdFetch *fetch, CmdPage *page)
{
    fetch->run.found += page->page.count;
    fetch->waiting += page->page.count;
    for (int i = 0; i < page->page.count; i++)
        cmd_add_size(&fetch->run.found_bytes, page->page.files[i].size);
    *fetch->pages_end = page;
    fetch->pages_end = &page->next;
    cmd_folder_hold(page->folder);
}

/* Does the listing end with this page? What is wrong with it is a failure: a
 * file that is not listed is one that would be missed. */
static bool cmd_fetch_is_last(CmdFetch *fetch, CmdFolder *folder,
                              const HubPage *page)
{
    const char *what = folder->folders ? "folders" : "files";
    uint64_t hash = 0;
    Err fault = {0};
    for (int i = 0; i < page->count; i++)
        hash = cmd_hash(cmd_hash_int(hash, page->files[i].id),
                        page->files[i].name);
    if (page->count && folder->page == hash) {
        err_set(&fault, EXIT_FAILED,
                "HubSpot sends the same %s again and again", what);
        cmd_fetch_fault(fetch, folder, S(""), &fault);
        return true;
    }
    folder->page = hash;
    if (page->total >= 0)
        folder->total = page->total;
    if (!page->count && folder->total > folder->offset) {
        err_set(&fault, EXIT_FAILED,
                "HubSpot counts %" PRId64 " %s here, but lists %" PRId64,
                folder->total, what, folder->offset);
        cmd_fetch_fault(fetch, folder, S(""), &fault);
    }
    folder->offset += page->count;
    return !page->count || folder->offset == page->total;
}

/* A page of a listing has come. */
static void cmd_fetch_on_page(CmdFetch *fetch, CmdItem *item, const HttpXfer *x)
{
    Arena arena = {0};
    CmdPage *page = arena_alloc(&arena, sizeof(*page));
    CmdFolder *folder = cmd_folder_hold(item->folder);
    if (item->err.code ||
        !hub_read_page(&fetch->run.hub, &arena, &x->res, folder->folders,
                       &page->page, &item->err)) {
        cmd_files_refused(&fetch->run, x, item->err.code);
        fetch->run.found++;
        cmd_fetch_end(fetch, item, CMD_ITEM_FAILED);
        cmd_folder_drop(fetch, folder);
        arena_free(&arena);
        return;
    }
    uint64_t before = folder->page;
    bool last = cmd_fetch_is_last(fetch, folder, &page->page);
    bool repeats = page->page.count && before == folder->page;
    bool folders = folder->folders;
    if (last) {
        folder->page = 0;
        folder->offset = 0;
        folder->total = 0;
        folder->folders = true;
    }
    if (!last || !folders) { /* it goes on */
        folder->next = fetch->stack;
        fetch->stack = cmd_folder_hold(folder);
    }
    page->arena = arena;
    page->folder = folder;
    if (folders && !repeats)
        cmd_fetch_add_folders(fetch, folder, &page->page);
    if (!folders && !repeats && page->page.count)
        cmd_fetch_add_files(fetch, page);
    else
        arena_free(&arena);
    cmd_fetch_drop(fetch, item);
    cmd_folder_drop(fetch, folder);
}

/* An address of a private file has come, or was refused. */
static void cmd_fetch_on_address(CmdFetch *fetch, CmdItem *item,
                                 const HttpXfer *x)
{
    if (item->err.code ||
        !hub_signed_answer(&fetch->run.hub, &item->arena, &x->res,
                           &item->file.url, &item->err)) {
        cmd_files_refused(&fetch->run, x, item->err.code);
        cmd_fetch_end(fetch, item, CMD_ITEM_FAILED);
        return;
    }
    item->stage = CMD_FETCH_GET;
    cmd_item_link(&fetch->run.again, item);
}

/* A file's bytes have come, or were refused: an address that has run out is
 * looked up once more. */
static void cmd_fetch_on_file(CmdFetch *fetch, CmdItem *item, const HttpXfer *x)
{
    int status = x->res.status;
    bool expired = status == 401 || status == 403 || status == 404 ||
                   status == 410;
    if (!item->err.code && expired && item->lookups < 2 && item->file.id > 0) {
        item->lookups++;
        item->stage = CMD_FETCH_SIGN;
        cmd_item_link(&fetch->run.again, item);
        return;
    }
    if (!item->err.code && status != 200) {
        Buf more = buf_new(&item->arena, KIB);
        http_add_redirect(&more, &x->res);
        err_set(&item->err, hub_exit_code(status), "%.*s answered %d %.*s%.*s",
                P(x->req.url.host), status, P(x->res.reason),
                P(buf_str(&more)));
    }
    if (!item->err.code && item->file.size >= 0 &&
        x->res.received != item->file.size)
        err_set(&item->err, EXIT_FAILED,
                "%" PRId64 " bytes came, but HubSpot lists %" PRId64,
                x->res.received, item->file.size);
    int code = item->err.code || item->out
                   ? 0
                   : os_set_size(item->fd, x->res.received);
    if (code)
        err_set(&item->err, EXIT_FAILED, "cannot write it: %s", os_error(code));
    if (item->err.code) {
        cmd_fetch_end(fetch, item, CMD_ITEM_FAILED);
        return;
    }
    item->file.size = item->moved = x->res.received;
    if (item->out)
        cmd_fetch_end(fetch, item, CMD_ITEM_DONE);
    else
        cmd_fetch_whole(fetch, item);
}

static void cmd_fetch_ended(void *to, void *mark, const HttpXfer *x)
{
    CmdFetch *fetch = to;
    CmdItem *item = mark;
    cmd_item_unlink(&fetch->run.active, item);
    fetch->moving -= item->stage != CMD_FETCH_LIST;
    fetch->listing -= item->stage == CMD_FETCH_LIST;
    if (os_interrupted() && x->state != HTTP_DONE) {
        fetch->run.cut += item->stage != CMD_FETCH_LIST;
        cmd_fetch_drop(fetch, item);
    } else if (cmd_files_again(&fetch->run, item, x))
        return;
    else if (item->stage == CMD_FETCH_LIST)
        cmd_fetch_on_page(fetch, item, x);
    else if (item->stage == CMD_FETCH_SIGN)
        cmd_fetch_on_address(fetch, item, x);
    else
        cmd_fetch_on_file(fetch, item, x);
}

static void cmd_fetch_turned(void *to)
{
    CmdFetch *fetch = to;
    bool idle = !fetch->run.active && !fetch->pages && !fetch->stack;
    if (fetch->landing_count &&
        (idle || os_now() - fetch->landing_since > FILES_LANDING_MS))
        cmd_fetch_land(fetch);
    fetch->run.counted = !fetch->stack;
    cmd_files_draw(&fetch->run);
}

/* Is the destination, as given and where its links lead, outside of what hs
 * reads as configuration or rules? */
static bool cmd_fetch_may_go(const CmdFetch *fetch, Str path, Err *err)
{
    while (path.len) {
        Str name = str_cut(&path, '/');
        if (!config_is_read_name(name))
            continue;
        err_set(err, EXIT_USAGE,
                "cannot write to %.*s: hs or git would read what is in '%.*s' "
                "as configuration or rules",
                P(fetch->dest), P(name));
        return err_hint(err, "Pass another folder.");
    }
    return true;
}

/* Opens the destination, making what is missing of it. */
static bool cmd_fetch_open(CmdFetch *fetch, Err *err)
{
    Arena *arena = fetch->run.cmd->arena;
    Str path = cmd_files_absolute(fetch->run.cmd, fetch->dest);
    Str made = path;
    OsEntry there = {0};
    int code = 0;
    for (ptrdiff_t i = 1; i <= path.len && !code; i++) {
        if (i < path.len && path.ptr[i] != '/')
            continue;
        made = str_slice(path, 0, i);
        code = os_mkdir(arena, made, 0777);
    }
    if (!code || code == EROFS || code == EACCES)
        code = os_open_dir(arena_cstr(arena, path), &fetch->top.fd);
    fetch->run.into = os_resolve_links(arena, path);
    if (!code) /* a link may lead on where a folder was missing before */
        return cmd_fetch_may_go(fetch, fetch->run.into, err);
    for (int i = 0; i < 2; i++, made = os_path_dir(made))
        if (!os_look(AT_FDCWD, arena_cstr(arena, made), &there) &&
            there.kind == OS_LINK)
            return err_set(err, EXIT_FAILED,
                           "cannot write to %.*s: %s (%.*s is a symbolic link)",
                           P(fetch->dest), os_error(code),
                           P(os_path_base(made)));
    return err_set(err, EXIT_FAILED, "cannot write to %.*s: %s", P(fetch->dest),
                   os_error(code));
}

/* The page with the one file that was asked for. */
static bool cmd_fetch_one(CmdFetch *fetch, const HubFile *file, Str source,
                          Err *err)
{
    Arena arena = {0};
    if (file->hidden)
        return err_set(err, EXIT_FAILED, "%.*s is hidden", P(source));
    if (file->archived && !fetch->archived) {
        err_set(err, EXIT_FAILED, "%.*s is archived", P(source));
        return err_hint(err, "--include-archived fetches it all the same.");
    }
    CmdPage *page = arena_alloc(&arena, sizeof(*page));
    page->page.files = arena_alloc(&arena, sizeof(HubFile));
    page->page.files[0] = *file;
    page->page.count = 1;
    page->folder = &fetch->top;
    page->arena = arena;
    fetch->run.single = true;
    cmd_fetch_add_files(fetch, page);
    return true;
}

/* Finds what is to be fetched: the top, where the path has no name in it. A
 * folder lands in one of its own name. */
static bool cmd_fetch_find(CmdFetch *fetch, Str source, Err *err)
{
    HubFile found = {.id = 0, .is_folder = true};
    if (str_starts(source, S("/")))
        source = str_slice(source, 1, source.len);
    bool all = !source.len;
    if (!all && !hub_find_file(&fetch->run.hub, source, &found, err))
        return false;
    Str above = os_path_dir(source);
    fetch->above = all || str_eq(above, S("."))
                       ? S("")
                       : arena_printf(fetch->run.cmd->arena, "%.*s/", P(above));
    Err fault = {0};
    if (fetch->run.prints && found.is_folder)
        return err_set(err, EXIT_USAGE,
                       "%.*s is a folder: only a file can be written to stdout",
                       P(all ? S("/") : source));
    if (!all && !fetch->run.prints && !cmd_fetch_name(found.name, &fault))
        return err_set(err, fault.code, "%.*s: %s", P(source), fault.message);
    if (!fetch->run.prints && !cmd_fetch_open(fetch, err))
        return false;
    if (!found.is_folder)
        return cmd_fetch_one(fetch, &found, source, err);
    if (!all && found.id <= 0)
        return err_set(err, EXIT_FAILED, "HubSpot gives no id for %.*s",
                       P(source));
    CmdFolder *folder = all ? cmd_folder_hold(&fetch->top)
                            : cmd_folder_new(fetch, &fetch->top, &found);
    fetch->stack = folder;
    return true;
}

/* Lets go of what a run that was stopped has not come to. */
static void cmd_fetch_clear(CmdFetch *fetch)
{
    for (CmdItem *item; (item = cmd_item_take(&fetch->run.again));) {
        if (item->stage != CMD_FETCH_LIST &&
            cmd_files_is_over(&fetch->run, item))
            cmd_fetch_end(fetch, item, CMD_ITEM_FAILED);
        else
            cmd_fetch_drop(fetch, item);
    }
    while (fetch->pages) {
        Arena arena = fetch->pages->arena;
        cmd_folder_drop(fetch, fetch->pages->folder);
        fetch->pages = fetch->pages->next;
        arena_free(&arena);
    }
    while (fetch->stack) {
        CmdFolder *folder = fetch->stack;
        fetch->stack = folder->next;
        cmd_folder_drop(fetch, folder);
    }
    arena_free(&fetch->listed.arena);
    cmd_folder_drop(fetch, &fetch->top);
}

/* Checks the destination before anything is asked for. */
static bool cmd_fetch_prepare(CmdFetch *fetch, Err *err)
{
    Cmd *cmd = fetch->run.cmd;
    if (!fetch->run.prints) {
        const Str trusted[] = {cmd_text(cmd, OPT_CA_FILE),
                               os_env("SSL_CERT_FILE"),
                               os_env("NODE_EXTRA_CA_CERTS")};
        cmd_files_list_own(cmd, &fetch->own);
        for (int i = 0; i < COUNT(trusted); i++)
            config_add_own(cmd->arena, &fetch->own, trusted[i],
                           "it is a CA file");
        Str dest = cmd_files_absolute(cmd, fetch->dest);
        return cmd_fetch_may_go(fetch, dest, err) &&
               cmd_fetch_may_go(fetch, os_resolve_links(cmd->arena, dest), err);
    }
    if (!cmd_on(cmd, OPT_JSON) && !cmd_text(cmd, OPT_MANIFEST).len &&
        !cmd_text(cmd, OPT_RESUME).len)
        return true;
    err_set(err, EXIT_USAGE,
            "the file goes to stdout: --json, --manifest and --resume do not "
            "go with that");
    return err_hint(err, "For a folder that is called -, pass ./-");
}

static bool cmd_filemanager_fetch(Cmd *cmd, Err *err)
{
    CmdFetch *fetch = arena_alloc(cmd->arena, sizeof(*fetch));
    Str source = {0};
    HttpMany many = {.to = fetch,
                     .tick = FILES_TICK_MS,
                     .next = cmd_fetch_next,
                     .ended = cmd_fetch_ended,
                     .turned = cmd_fetch_turned};
    fetch->dest = cmd->arg_count > 1 ? cmd->args[1] : S(".");
    fetch->run.cmd = cmd;
    fetch->run.prints = str_eq(fetch->dest, S("-"));
    fetch->overwrite = cmd_on(cmd, OPT_OVERWRITE);
    fetch->archived = cmd_on(cmd, OPT_ARCHIVED);
    fetch->pages_end = &fetch->pages;
    fetch->top = (CmdFolder){.refs = 1, .fd = -1};
    if (!cmd_files_remote(cmd->arena, cmd->args[0], &source, err) ||
        !cmd_fetch_prepare(fetch, err) ||
        !cmd_files_begin(&fetch->run, cmd, "fetched", err) ||
        !cmd_fetch_find(fetch, source, err))
        return false;
    many.width = fetch->run.width + (fetch->run.width < HTTP_ACTIVE);
    http_run_many(&cmd->pool, &many);
    cmd_fetch_land(fetch);
    fetch->run.counted = !fetch->stack;
    cmd_fetch_clear(fetch);
    return cmd_files_finish(&fetch->run, err);
}

/* ==== 14 Command line ==================================================== *
 *
 * The commands and options as data, and all that is made of it: parsing,
 * help, suggestions, completion. One table drives all, so that they cannot
 * disagree.
 *
 * What people type for the official client works: `--flag value` and
 * `--flag=value`; flags also as `--no-flag` and `--flag=true|false`; long
 * names in camelCase too; short ones joined; options before and after the
 * arguments; `--` ends them. An empty value is an error and not a default:
 * `-a "$ACCOUNT"` with an unset variable must not reach another account.
 */

typedef enum {
    CLI_FLAG,
    CLI_TEXT,
    CLI_LIST, /* a text that may stand more than once */
    CLI_NUMBER
} CliKind;

typedef struct {
    const char *name;
    const char *alias; /* a second long name */
    char letter;
    CliKind kind;
    bool hidden;
    bool secret;         /* wiped from argv */
    const char *value;   /* its name in the help */
    const char *choices; /* words separated by spaces, in any case */
    const char *help;
    int64_t least; /* of a number */
    int64_t most;  /* 0: 86400 */
} CliOption;

enum { CLI_OPTIONS = 16, CLI_NUMBER_MOST = 86400 };

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
                    "GET POST PUT PATCH DELETE",
                    "GET, POST, PUT, PATCH or DELETE"},
    [OPT_DATA] = {"data", NULL, 0, CLI_TEXT, false, false, "JSON", NULL,
                  "The body: JSON, @file, or - for stdin"},
    [OPT_JSON_SCHEMA] = {"json-schema", NULL, 0, CLI_FLAG, false, false, NULL,
                         NULL, "Print the JSON schema of the output and end"},
    [OPT_RAW] = {"raw", NULL, 0, CLI_FLAG, false, false, NULL, NULL,
                 "Print the answer byte for byte, not re-indented"},
    [OPT_FORCE] = {"force", NULL, 'f', CLI_FLAG, false, false, NULL, NULL,
                   "Take every question for answered with yes"},
    [OPT_NEW_DEFAULT] = {"new-default", NULL, 0, CLI_TEXT, false, false,
                         "ACCOUNT", NULL,
                         "The next default, where the default goes"},
    [OPT_ACCOUNTS] = {"account", NULL, 'a', CLI_LIST, false, false, "ACCOUNT",
                      NULL, "An account, by its name or id; may be repeated"},
    [OPT_LINK_DEFAULT] = {"default", NULL, 0, CLI_TEXT, false, false, "ACCOUNT",
                          NULL, "The default account of this folder"},
    [OPT_ALL] = {"all", NULL, 0, CLI_FLAG, false, false, NULL, NULL,
                 "Every account that is linked here"},
    [OPT_WHY] = {"why", NULL, 0, CLI_FLAG, false, false, NULL, NULL,
                 "Say what chose account, config, proxy and CAs"},
    [OPT_AUTH_TYPE] = {"auth-type", NULL, 0, CLI_TEXT, false, false, "TYPE",
                       "personalaccesskey oauth2",
                       "personalaccesskey (the default) or oauth2"},
    [OPT_PUBLISH_MODE] = {"default-cms-publish-mode", NULL, 0, CLI_TEXT, false,
                          false, "MODE", "draft publish", "draft or publish"},
    [OPT_HTTP_TIMEOUT] = {"http-timeout", NULL, 0, CLI_NUMBER, false, false,
                          "MS", NULL,
                          "How long to wait for an answer, at least 3000",
                          CONFIG_TIMEOUT_MIN_MS, INT_MAX},
    [OPT_ALLOW_TRACKING] = {"allow-usage-tracking", NULL, 0, CLI_FLAG, false,
                            false, NULL, NULL,
                            "May the official client track usage?"},
    [OPT_ALLOW_UPDATES] = {"allow-auto-updates", NULL, 0, CLI_FLAG, false,
                           false, NULL, NULL,
                           "May the official client update itself?"},
    [OPT_OPEN_BROWSER] = {"auto-open-browser", NULL, 0, CLI_FLAG, false, false,
                          NULL, NULL, "May a browser be opened by itself?"},
    [OPT_CLIENT_ID] = {"client-id", NULL, 0, CLI_TEXT, false, false, "ID", NULL,
                       "OAuth2: the app's client id"},
    [OPT_CLIENT_SECRET_STDIN] = {"client-secret-stdin", NULL, 0, CLI_FLAG,
                                 false, false, NULL, NULL,
                                 "OAuth2: read the client secret from stdin"},
    [OPT_SCOPES] = {"scopes", NULL, 0, CLI_TEXT, false, false, "LIST", NULL,
                    "OAuth2: what to ask for (content,hubdb,files)"},
    [OPT_CONCURRENCY] = {"concurrency", NULL, 0, CLI_NUMBER, false, false, "N",
                         NULL, "How many files at a time, 1 to 64 (8)", 1, 64},
    [OPT_INCLUDE] = {"include", NULL, 0, CLI_LIST, false, false, "PATTERN",
                     NULL, "Only files that match; may be repeated"},
    [OPT_EXCLUDE] = {"exclude", NULL, 0, CLI_LIST, false, false, "PATTERN",
                     NULL,
                     "A line more for .hsignore, '!x' too; may be repeated"},
    [OPT_ACCESS] = {"access", NULL, 0, CLI_TEXT, false, false, "WHO",
                    "public public-noindex private",
                    "public (the default), public-noindex or private"},
    [OPT_REPLACE] = {"overwrite", NULL, 0, CLI_FLAG, false, false, NULL, NULL,
                     "Replace files (the default); --no-overwrite: do not"},
    [OPT_OVERWRITE] = {"overwrite", NULL, 'o', CLI_FLAG, false, false, NULL,
                       NULL, "Replace files that are there already"},
    [OPT_ARCHIVED] = {"include-archived", NULL, 'i', CLI_FLAG, false, false,
                      NULL, NULL, "Fetch archived files too"},
    [OPT_FAIL_FAST] = {"fail-fast", NULL, 0, CLI_FLAG, false, false, NULL, NULL,
                       "Begin no more files after one has failed"},
    [OPT_MANIFEST] = {"manifest", NULL, 0, CLI_TEXT, false, false, "FILE", NULL,
                      "Write down each file as it ends, a line of JSON each"},
    [OPT_RESUME] = {"resume", NULL, 0, CLI_TEXT, false, false, "FILE", NULL,
                    "Go on with a manifest: skip what it lists as done"},
    [OPT_VALUE_STDIN] = {"value-stdin", NULL, 0, CLI_FLAG, false, false, NULL,
                         NULL, "Read the value from stdin"},
    [OPT_VALUE_FILE] = {"value-file", NULL, 0, CLI_TEXT, false, false, "FILE",
                        NULL, "Read the value from this file"},
    [OPT_VALUE_ENV] = {"value-env", NULL, 0, CLI_TEXT, false, true, "VAR", NULL,
                       "Take the value of this environment variable"},
    [OPT_KEEP_NEWLINE] = {"keep-newline", NULL, 0, CLI_FLAG, false, false, NULL,
                          NULL, "Keep a line break at the end of the value"},
    [OPT_DELETE_FORCE] = {"force", NULL, 0, CLI_FLAG, false, false, NULL, NULL,
                          "Delete without asking"},
    [OPT_FILE] = {"file", NULL, 'f', CLI_TEXT, false, false, "FILE", NULL,
                  "The dotenv file, or - for stdin"},
    [OPT_PRUNE] = {"prune", NULL, 0, CLI_FLAG, false, false, NULL, NULL,
                   "Delete the secrets that are not in the file"},
    [OPT_DRY_RUN] = {"dry-run", NULL, 0, CLI_FLAG, false, false, NULL, NULL,
                     "Print what would be done, and change nothing"},
    [OPT_SANDBOX_NAME] = {"name", NULL, 0, CLI_TEXT, false, false, "NAME", NULL,
                          "The sandbox's name"},
    [OPT_SANDBOX_TYPE] = {"type", NULL, 0, CLI_TEXT, false, false, "TYPE",
                          "dev developer development standard",
                          "developer (dev, development) or standard"},
    [OPT_COPY_CONTACTS] = {"copy-contacts", NULL, 0, CLI_FLAG, false, false,
                           NULL, NULL,
                           "Copy contacts (standard); --no-copy-contacts: do "
                           "not"},
    [OPT_SECRET_NAME] = {"name", NULL, 0, CLI_TEXT, true, false, "NAME", NULL,
                         "The same as the argument [name]"},
    [OPT_DEST] = {"dest", NULL, 0, CLI_TEXT, true, false, "DEST", NULL,
                  "The same as the argument [dest]"},
};

/* Options that every command takes. */
static const CmdOption cli_common[] = {
    OPT_HELP,          OPT_DEBUG,
    OPT_NO_INPUT,      OPT_NO_COLOR,
    OPT_CA_FILE,       OPT_MAX_WAIT,
    OPT_VERSION,       OPT_NETWORK_DEBUG,
    OPT_NO_HYPERLINKS, OPT_DISABLE_USAGE_TRACKING,
};

/* The scripts know nothing of hs: they hand the line, as far as it is typed, to
 * `hs __complete`, which prints a line for each word that could follow (a tab
 * goes before its description), or ":files". See cli_complete(). */
static const struct {
    const char *shell;
    const char *script;
} cli_scripts[] = {
    {"bash", "# Completion of hs for bash, from `hs completion bash`.\n"
             "_hs_complete() {\n"
             "    local word words=() # without the = that bash cuts out\n"
             "    for word in \"${COMP_WORDS[@]:0:COMP_CWORD}\"; do\n"
             "        [[ $word == = ]] || words+=(\"$word\")\n"
             "    done\n"
             "    mapfile -t COMPREPLY < <(command hs __complete \\\n"
             "        \"${words[@]}\" \"$2\" 2>/dev/null)\n"
             "    COMPREPLY=(\"${COMPREPLY[@]%%$'\\t'*}\")\n"
             "    if [[ ${COMPREPLY[0]-} == :files ]]; then\n"
             "        COMPREPLY=()\n"
             "        compopt -o default\n"
             "    fi\n"
             "}\n"
             "complete -F _hs_complete hs\n"},
    {"zsh",
     "#compdef hs\n"
     "# Completion of hs for zsh, from `hs completion zsh`.\n"
     "_hs() {\n"
     "    local -a found\n"
     "    found=(\"${(@f)$(command hs __complete \\\n"
     "        \"${(@Q)words[1,CURRENT-1]}\" \"${(Q)PREFIX}\" 2>/dev/null)}\")\n"
     "    if [[ $found[1] == :files ]]; then\n"
     "        [[ $PREFIX != --*=* ]] || compset -P '*='\n"
     "        _files\n"
     "    elif [[ -n $found[1] ]]; then\n"
     "        found=(\"${(@)found/$'\\t'/:}\")\n"
     "        _describe hs found\n"
     "    fi\n"
     "}\n"
     "if [[ $funcstack[1] == _hs ]]; then\n"
     "    _hs \"$@\"\n"
     "else\n"
     "    (( $+functions[compdef] )) || { autoload -Uz compinit; compinit -i; "
     "}\n"
     "    compdef _hs hs\n"
     "fi\n"},
    {"fish",
     "# Completion of hs for fish, from `hs completion fish`.\n"
     "function __hs_complete\n"
     "    command -q hs; or return\n"
     "    set -l now (commandline -ct)\n"
     "    set -l found (command hs __complete (commandline -opc) \"$now\" "
     "2>/dev/null)\n"
     "    if test \"$found[1]\" = :files\n"
     "        set -l head (string match -r -- '^--[^=]*=' \"$now\")\n"
     "        for path in (__fish_complete_path "
     "(string replace -- \"$head\" '' \"$now\"))\n"
     "            echo \"$head$path\"\n"
     "        end\n"
     "    else\n"
     "        string join -- \\n $found\n"
     "    end\n"
     "end\n"
     "complete -c hs -f -a '(__hs_complete)'\n"},
};

/* hs completion: a shell that it was not told is guessed. */
static bool cli_completion(Cmd *cmd, Err *err)
{
    Str shell = cmd->arg_count ? cmd->args[0] : os_path_base(os_env("SHELL"));
    const char *script = cmd->arg_count ? NULL : cli_scripts[0].script;
    for (int i = 0; i < COUNT(cli_scripts); i++)
        if (str_eq(shell, str_from(cli_scripts[i].shell)))
            script = cli_scripts[i].script;
    if (!script)
        return err_set(err, EXIT_USAGE,
                       "hs completion is for bash, zsh or fish, not '%.*s'",
                       P(shell));
    term_out(cmd->term, str_from(script));
    return true;
}

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
     "that HUBSPOT_PERSONAL_ACCESS_KEY_FILE names, --personal-access-key, the\n"
     "browser, or a masked prompt. An account that is in the config is "
     "updated\n"
     "in place. --auth-type oauth2 signs in with an app's id and secret.",
     "hs account auth --pak-stdin < key.txt\n"
     "hs account auth --name my-portal --default",
     cmd_account_auth,
     {OPT_ACCOUNT, OPT_PAK, OPT_PAK_STDIN, OPT_NAME, OPT_USE_DEFAULT_NAME,
      OPT_DEFAULT, OPT_JSON, OPT_QA, OPT_DISABLE_TRACKING, OPT_AUTH_TYPE,
      OPT_CLIENT_ID, OPT_CLIENT_SECRET_STDIN, OPT_SCOPES}},
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
     "hs account info\nhs account info my-portal --json\n"
     "hs account info --why",
     cmd_account_info,
     {OPT_WHY, OPT_CONFIG, OPT_JSON, OPT_ACCOUNT}},
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
     {OPT_JSON, OPT_ACCOUNT}},
    {"account",
     "accounts",
     "rename",
     NULL,
     "<account> <new-name>",
     2,
     2,
     "Give an account another name",
     "The new name is written in kebab-case: \"My Portal\" becomes "
     "my-portal.",
     "hs account rename my-portal acme",
     cmd_account_rename,
     {OPT_CONFIG, OPT_JSON, OPT_ACCOUNT}},
    {"account",
     "accounts",
     "remove",
     NULL,
     "[account]",
     0,
     1,
     "Remove an account from the config",
     "Where it was the default, --new-default names the next one. --force\n"
     "also takes it out of .hsaccount and the folder's linked accounts.",
     "hs account remove my-portal\n"
     "hs account remove my-portal --new-default acme",
     cmd_account_remove,
     {OPT_NEW_DEFAULT, OPT_FORCE, OPT_CONFIG, OPT_JSON, OPT_ACCOUNT}},
    {"account",
     "accounts",
     "clean",
     NULL,
     "",
     0,
     0,
     "Remove the accounts that are no longer active",
     "Every key is tried. Only what HubSpot calls inactive is removed; "
     "trouble\n"
     "with the network or a key is no reason.",
     "hs account clean\nhs account clean --force",
     cmd_account_clean,
     {OPT_FORCE, OPT_NEW_DEFAULT, OPT_CONFIG, OPT_JSON, OPT_QA}},
    {"account",
     "accounts",
     "link",
     NULL,
     "",
     0,
     0,
     "Link accounts to this folder",
     "The folder's accounts and their default stand in .hs/settings.json,\n"
     "and count for every command in it and below it. An .hsaccount that\n"
     "names one of them is offered for removal; --force removes it.",
     "hs account link\n"
     "hs account link --account acme --account acme-sandbox --default acme",
     cmd_account_link,
     {OPT_ACCOUNTS, OPT_LINK_DEFAULT, OPT_FORCE, OPT_CONFIG, OPT_JSON}},
    {"account",
     "accounts",
     "unlink",
     NULL,
     "",
     0,
     0,
     "Unlink accounts from this folder",
     NULL,
     "hs account unlink --account acme\nhs account unlink --all",
     cmd_account_unlink,
     {OPT_ACCOUNTS, OPT_ALL, OPT_LINK_DEFAULT, OPT_CONFIG, OPT_JSON}},
    {"account",
     "accounts",
     "create-override",
     NULL,
     "[account]",
     0,
     1,
     "Write an .hsaccount file (older than link)",
     "The file names the account that commands in this folder and below use.\n"
     "hs account link is the newer way.",
     "hs account create-override my-portal",
     cmd_account_create_override,
     {OPT_FORCE, OPT_JSON, OPT_ACCOUNT}},
    {"account",
     "accounts",
     "remove-override",
     NULL,
     "",
     0,
     0,
     "Remove the nearest .hsaccount file",
     NULL,
     "hs account remove-override --force",
     cmd_account_remove_override,
     {OPT_FORCE}},
    {NULL,
     NULL,
     "auth",
     NULL,
     "",
     0,
     0,
     "Sign in, into a deprecated hubspot.config.yml",
     "For folders that still have that file; elsewhere it is hs account auth.",
     "hs auth --pak-stdin < key.txt",
     cmd_auth_old,
     {OPT_AUTH_TYPE, OPT_ACCOUNT, OPT_PAK, OPT_PAK_STDIN, OPT_NAME,
      OPT_USE_DEFAULT_NAME, OPT_DEFAULT, OPT_CONFIG, OPT_JSON, OPT_QA,
      OPT_CLIENT_ID, OPT_CLIENT_SECRET_STDIN, OPT_SCOPES}},
    {NULL,
     NULL,
     "init",
     NULL,
     "",
     0,
     0,
     "Make a deprecated hubspot.config.yml here",
     "It signs in and adds the file to .gitignore. hs account auth is the\n"
     "newer way, with one config for all folders.",
     "hs init --pak-stdin < key.txt",
     cmd_init,
     {OPT_AUTH_TYPE, OPT_ACCOUNT, OPT_PAK, OPT_PAK_STDIN, OPT_NAME,
      OPT_USE_DEFAULT_NAME, OPT_CONFIG, OPT_JSON, OPT_QA, OPT_DISABLE_TRACKING,
      OPT_CLIENT_ID, OPT_CLIENT_SECRET_STDIN, OPT_SCOPES}},
    {"config",
     NULL,
     "set",
     NULL,
     "",
     0,
     0,
     "Change settings of the config",
     NULL,
     "hs config set --http-timeout 30000\n"
     "hs config set --default-cms-publish-mode draft --no-auto-open-browser",
     cmd_config_set,
     {OPT_PUBLISH_MODE, OPT_HTTP_TIMEOUT, OPT_ALLOW_TRACKING, OPT_ALLOW_UPDATES,
      OPT_OPEN_BROWSER, OPT_CONFIG, OPT_JSON}},
    {"config",
     NULL,
     "migrate",
     NULL,
     "",
     0,
     0,
     "Move hubspot.config.yml to the global config",
     "What both configs have is asked about; --force takes the deprecated\n"
     "file's values and renames accounts whose name is taken. The old file\n"
     "stays, as archived.hubspot.config.yml.",
     "hs config migrate\nhs config migrate --force",
     cmd_config_migrate,
     {OPT_FORCE, OPT_CONFIG, OPT_JSON}},
    {NULL,
     NULL,
     "api",
     NULL,
     "<endpoint>",
     1,
     1,
     "Make an authenticated request to HubSpot's API",
     "The answer's body goes to stdout with every digit as HubSpot sent it;\n"
     "the request and the status go to stderr.\n\n"
     "HUBSPOT_ACCESS_TOKEN, or the file that HUBSPOT_ACCESS_TOKEN_FILE names,\n"
     "takes precedence over the config's default account.",
     "hs api /crm/v3/objects/contacts\n"
     "hs api /crm/v3/objects/contacts --data '{\"properties\":{}}'\n"
     "hs api /crm/v3/objects/contacts/1 -X PATCH --data @contact.json",
     cmd_api,
     {OPT_METHOD, OPT_DATA, OPT_RAW, OPT_JSON, OPT_JSON_SCHEMA, OPT_ACCOUNT,
      OPT_CONFIG, OPT_USE_ENV}},
    {"secrets",
     "secret",
     "list",
     NULL,
     "",
     0,
     0,
     "List the names of the account's secrets",
     "HubSpot does not give the values back.",
     "hs secrets list\nhs secrets list --json",
     cmd_secrets_list,
     {OPT_ACCOUNT, OPT_CONFIG, OPT_USE_ENV, OPT_JSON}},
    {"secrets",
     "secret",
     "add",
     NULL,
     "[name]",
     0,
     1,
     "Add a secret",
     "The value comes from a masked prompt; from stdin, where that is no\n"
     "terminal, all of it but one line break at the end; from a file; or from\n"
     "the environment. It is never an argument, which others could see.",
     "hs secrets add API_KEY\n"
     "hs secrets add API_KEY < key.txt\n"
     "hs secrets add API_KEY --value-env UPSTREAM_KEY",
     cmd_secrets_add,
     {OPT_VALUE_STDIN, OPT_VALUE_FILE, OPT_VALUE_ENV, OPT_KEEP_NEWLINE,
      OPT_ACCOUNT, OPT_CONFIG, OPT_USE_ENV, OPT_JSON, OPT_SECRET_NAME}},
    {"secrets",
     "secret",
     "update",
     NULL,
     "[name]",
     0,
     1,
     "Change the value of a secret",
     "The value comes from where hs secrets add takes it.",
     "hs secrets update API_KEY --value-file key.txt",
     cmd_secrets_update,
     {OPT_VALUE_STDIN, OPT_VALUE_FILE, OPT_VALUE_ENV, OPT_KEEP_NEWLINE,
      OPT_ACCOUNT, OPT_CONFIG, OPT_USE_ENV, OPT_JSON, OPT_SECRET_NAME}},
    {"secrets",
     "secret",
     "delete",
     NULL,
     "[name]",
     0,
     1,
     "Delete a secret",
     NULL,
     "hs secrets delete API_KEY --force",
     cmd_secrets_delete,
     {OPT_DELETE_FORCE, OPT_ACCOUNT, OPT_CONFIG, OPT_USE_ENV, OPT_JSON,
      OPT_SECRET_NAME}},
    {"secrets",
     "secret",
     "apply",
     NULL,
     "",
     0,
     0,
     "Add and update all secrets of a dotenv file",
     "The file has lines NAME=value; values in quotes may have several lines.\n"
     "It is checked as a whole before anything is sent.",
     "hs secrets apply -f .env --dry-run\n"
     "hs secrets apply -f .env --prune --force",
     cmd_secrets_apply,
     {OPT_FILE, OPT_PRUNE, OPT_DRY_RUN, OPT_DELETE_FORCE, OPT_ACCOUNT,
      OPT_CONFIG, OPT_USE_ENV, OPT_JSON}},
    {"sandbox",
     "sandboxes",
     "create",
     NULL,
     "",
     0,
     0,
     "Create a sandbox of a production account",
     "The sandbox is signed in to and kept in the config.",
     "hs sandbox create\n"
     "hs sandbox create --name \"My box\" --type developer",
     cmd_sandbox_create,
     {OPT_SANDBOX_NAME, OPT_SANDBOX_TYPE, OPT_COPY_CONTACTS, OPT_FORCE,
      OPT_ACCOUNT, OPT_CONFIG, OPT_USE_ENV, OPT_JSON, OPT_QA}},
    {"sandbox",
     "sandboxes",
     "delete",
     NULL,
     "",
     0,
     0,
     "Delete a sandbox, and take it out of the config",
     "It is deleted with the key of the account above it. Where it was the\n"
     "default account, --new-default names the next one; --force takes the\n"
     "account above it. With --use-env, --account is the sandbox's id.",
     "hs sandbox delete --account my-box --force",
     cmd_sandbox_delete,
     {OPT_ACCOUNT, OPT_FORCE, OPT_NEW_DEFAULT, OPT_CONFIG, OPT_USE_ENV,
      OPT_JSON, OPT_QA}},
    {"filemanager",
     "files",
     "upload",
     NULL,
     "<src> <dest>",
     2,
     2,
     "Upload a file, or a folder with all below it",
     "A file goes to the path <dest>, or into it where it ends in a slash; "
     "what\n"
     "is in a folder goes below <dest>. The nearest .hsignore, at or above "
     "the\n"
     "folder, says what is left out, by the rules of .gitignore.",
     "hs filemanager upload logo.png images/logo.png\n"
     "hs filemanager upload ./assets site/assets --dry-run\n"
     "hs filemanager upload ./assets site/assets --manifest done.jsonl\n"
     "hs filemanager upload ./assets site/assets --resume done.jsonl",
     cmd_filemanager_upload,
     {OPT_INCLUDE, OPT_EXCLUDE, OPT_DRY_RUN, OPT_ACCESS, OPT_REPLACE,
      OPT_CONCURRENCY, OPT_FAIL_FAST, OPT_MANIFEST, OPT_RESUME, OPT_JSON,
      OPT_ACCOUNT, OPT_CONFIG, OPT_USE_ENV}},
    {"filemanager",
     "files",
     "fetch",
     NULL,
     "<src> [dest]",
     1,
     2,
     "Fetch a file, or a folder with all below it",
     "A file lands in the folder [dest], a folder in one of its own name in "
     "it;\n"
     "/ is everything. Files that are there already are skipped. If [dest] is "
     "-, one\n"
     "file is written to stdout.",
     "hs filemanager fetch images/logo.png\n"
     "hs filemanager fetch site/prices.csv - | head\n"
     "hs filemanager fetch site/assets ./backup --manifest done.jsonl",
     cmd_filemanager_fetch,
     {OPT_OVERWRITE, OPT_ARCHIVED, OPT_CONCURRENCY, OPT_FAIL_FAST, OPT_MANIFEST,
      OPT_RESUME, OPT_JSON, OPT_ACCOUNT, OPT_CONFIG, OPT_USE_ENV, OPT_DEST}},
    {NULL,
     NULL,
     "completion",
     NULL,
     "[bash|zsh|fish]",
     0,
     1,
     "Print a script that has a shell complete hs",
     "Without an argument it is for the shell that SHELL names, else bash. "
     "The\n"
     "script asks hs itself, which looks into the config for account names.",
     "hs completion >> ~/.bashrc\n"
     "hs completion zsh >> ~/.zshrc\n"
     "hs completion fish > ~/.config/fish/completions/hs.fish",
     cli_completion,
     {OPT_NONE}},
};

static const struct {
    const char *name;
    const char *summary;
} cli_groups[] = {
    {"account", "Accounts: sign in, list, choose, link to folders"},
    {"config", "The config file: settings, migration"},
    {"secrets", "Secrets of an account's serverless functions"},
    {"sandbox", "Sandboxes: create, delete"},
    {"filemanager", "Files of the file manager: upload, fetch"},
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
    bool debug_letter; /* -d was used, not --debug */
    CmdOption twice;   /* a repeated option that only the help accepts */
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

/* Does the command take the option? Without one (NULL) only the common options
 * are taken. */
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

/* The option of this long name, and of the command where two commands have
 * options of one name; OPT_NONE where there is none. */
static CmdOption cli_find_name(const CliCommand *command, Str name, bool flag)
{
    CmdOption found = OPT_NONE;
    for (int i = 1; i < OPT_COUNT; i++) {
        const CliOption *option = &cli_options[i];
        if ((flag && option->kind != CLI_FLAG) ||
            (!cli_is_long(name, option->name) &&
             !cli_is_long(name, option->alias)))
            continue;
        if (cli_takes(command, (CmdOption)i))
            return (CmdOption)i;
        if (!found)
            found = (CmdOption)i;
    }
    return found;
}

/* As cli_find_name(); `*negated` where it is a flag written as --no-flag. */
static CmdOption cli_find_long(const CliCommand *command, Str name,
                               bool *negated)
{
    CmdOption found = cli_find_name(command, name, false);
    *negated = !found && str_starts(name, S("no-"));
    return *negated ? cli_find_name(command, str_slice(name, 3, name.len), true)
                    : found;
}

static CmdOption cli_find_letter(const CliCommand *command, char letter)
{
    CmdOption found = OPT_NONE;
    for (int i = 1; i < OPT_COUNT; i++) {
        if (cli_options[i].letter != letter)
            continue;
        if (cli_takes(command, (CmdOption)i))
            return (CmdOption)i;
        if (!found)
            found = (CmdOption)i;
    }
    return found;
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
    if (!words.len && parse->group)
        words = str_from(parse->group);
    return err_hint(err, "See hs %.*s%s--help.", P(words),
                    words.len ? " " : "");
}

/* curl's -d sends data. Here it is --debug, so the data looks like an argument
 * or like more letters. Was -d used with a command that has --data? */
static bool cli_means_data(const CliParse *parse)
{
    return parse->debug_letter && parse->command &&
           cli_takes(parse->command, OPT_DATA);
}

static bool cli_hint_data(Err *err)
{
    return err_hint(err, "Did you mean --data? -d is --debug.");
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
    if (cli_means_data(parse) && !str_starts(written, S("--")))
        return cli_hint_data(err);
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

/* A number within the option's bounds. */
static bool cli_set_number(const CliOption *option, Str value, int64_t *out,
                           Err *err)
{
    int64_t most = option->most ? option->most : CLI_NUMBER_MOST;
    if (str_int(value, out) && *out >= option->least && *out <= most)
        return true;
    return err_set(err, EXIT_USAGE,
                   "--%s is a number from %" PRId64 " to %" PRId64
                   ", not '%.*s'",
                   option->name, option->least, most, P(value));
}

/* One of the option's choices, as the table spells it. */
static bool cli_set_choice(const CliOption *option, Str value, Str *out,
                           Err *err)
{
    Str rest = str_from(option->choices);
    while (rest.len) {
        *out = str_cut(&rest, ' ');
        if (str_eq_nocase(*out, value))
            return true;
    }
    return err_set(err, EXIT_USAGE, "--%s is %s, not '%.*s'", option->name,
                   option->help, P(value));
}

/* Does a second value of this option leave open which account or config the
 * command works on? */
static bool cli_chooses(CmdOption which)
{
    return which == OPT_ACCOUNT || which == OPT_CONFIG ||
           which == OPT_NEW_DEFAULT || which == OPT_LINK_DEFAULT;
}

static bool cli_refuse_twice(CmdOption which, Err *err)
{
    err_set(err, EXIT_USAGE, "--%s is given more than once",
            cli_options[which].name);
    return which == OPT_CONFIG
               ? err_hint(err, "A command uses one config.")
               : err_hint(err,
                          "A command works on one account; only hs account "
                          "link and unlink accept several.");
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
    if (option->kind == CLI_NUMBER)
        return cli_set_number(option, value, &slot->number, err);
    if (option->choices)
        return cli_set_choice(option, value, &slot->text, err);
    if (option->kind != CLI_LIST)
        return true;
    if (!slot->list)
        slot->list = arena_array(cmd->arena, CMD_VALUES, sizeof(Str));
    if (slot->count == CMD_VALUES)
        return err_set(err, EXIT_USAGE, "--%s stands more than %d times",
                       option->name, CMD_VALUES);
    slot->list[slot->count++] = slot->text;
    return true;
}

/* Overwrites a secret in argv, where every user of the machine can read it
 * with ps; the copy in the arena is what counts from here on. */
static void cli_wipe_argv(char *text)
{
    secret_wipe(text, (ptrdiff_t)strlen(text));
}

/* Is the next argument a flag's value: `--flag false`? */
static bool cli_flag_follows(const CliParse *parse)
{
    return parse->at < parse->argc &&
           str_in_words(str_from(parse->argv[parse->at]), "true false");
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
        if (!has_value && !negated && cli_flag_follows(parse)) {
            has_value = true;
            value = str_from(parse->argv[parse->at++]);
        }
        if (has_value && !cli_flag_value(option, value, &on, err))
            return false;
        slot->set = true;
        slot->on = on != negated;
        return true;
    }
    if (slot->set && cli_chooses(which))
        parse->twice = which;
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
    CmdOption which = cli_find_long(parse->command, name, &negated);
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
        CmdOption which = cli_find_letter(parse->command, rest.ptr[0]);
        Str letter = str_slice(rest, 0, 1);
        rest = str_slice(rest, 1, rest.len);
        if (which == OPT_NONE || !cli_takes(parse->command, which))
            return cli_unknown_option(
                parse, arena_printf(parse->cmd->arena, "-%.*s", P(letter)),
                letter, err);
        bool flag = cli_options[which].kind == CLI_FLAG;
        bool equals = str_starts(rest, S("="));
        parse->debug_letter |= which == OPT_DEBUG;
        Str value = equals ? str_slice(rest, 1, rest.len) : rest;
        bool has_value = equals || (!flag && rest.len);
        if (!cli_take_option(parse, which, false, has_value, value, err)) {
            if (which == OPT_DEBUG && cli_means_data(parse))
                cli_hint_data(err);
            return false;
        }
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

/* "hs account list or hs secrets list": the commands of this name in the
 * groups, for who left the group's name out. Empty where there is none. */
static Str cli_in_groups(Arena *arena, Str word)
{
    Buf out = buf_new(arena, KIB);
    for (int i = 0; i < COUNT(cli_commands); i++) {
        const CliCommand *command = &cli_commands[i];
        if (command->group && (cli_is_word(word, command->name) ||
                               cli_is_word(word, command->alias)))
            buf_printf(&out, "%shs %s %s", out.len ? " or " : "",
                       command->group, command->name);
    }
    return buf_str(&out);
}

/* Commands of the official client (8.14) that hs does not have; their other
 * names; those that older versions had. */
static const char cli_foreign[] =
    "project app cms hubdb custom-object test-account get-started feedback "
    "open doctor mcp upgrade";
static const char cli_foreign_also[] =
    "projects apps custom-objects co test-accounts update";
static const char cli_foreign_old[] =
    "create fetch function functions lint list logs marketplace-validate "
    "module mv remove theme upload watch";

/* Set for the program that cli_hand_over() starts: no loop, should that be a
 * script that leads back to this one. */
static const char CLI_HANDED_OVER[] = "HS_HANDED_OVER";

/* No such command: the closest of those that could stand here. */
static bool cli_unknown_command(const CliParse *parse, Str word, Err *err)
{
    const char *close = NULL;
    Str meant = {0};
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
    if (!parse->group)
        meant = cli_in_groups(parse->cmd->arena, word);
    err_set(err, EXIT_USAGE, "there is no command '%s%s%.*s'",
            parse->group ? parse->group : "", parse->group ? " " : "", P(word));
    if (!parse->group && (str_in_words(word, cli_foreign) ||
                          str_in_words(word, cli_foreign_also) ||
                          (!meant.len && str_in_words(word, cli_foreign_old))))
        return err_hint(err, "The official client (@hubspot/cli) has it.");
    if (meant.len && str_in_words(word, "upload fetch list")) /* as of old */
        return err_hint(err,
                        "Did you mean %.*s? For CMS assets the official "
                        "client has hs cms %.*s.",
                        P(meant), P(word));
    if (meant.len)
        return err_hint(err, "Did you mean %.*s?", P(meant));
    if (close)
        return err_hint(err, "Did you mean hs %s%s%s?",
                        parse->group ? parse->group : "",
                        parse->group ? " " : "", close);
    return err_hint(err, "See hs %s%s--help.", parse->group ? parse->group : "",
                    parse->group ? " " : "");
}

/* A word that is no option: a part of the command's name, or an argument.
 * `help` is for help before a command, and where no argument can stand. */
static bool cli_take_word(CliParse *parse, Str word, Err *err)
{
    Cmd *cmd = parse->cmd;
    if (cli_is_word(word, "help") &&
        (!parse->command || cmd->arg_count == parse->command->most)) {
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
        (cli_takes(parse->command, OPT_PAK) ||
         cli_takes(parse->command, OPT_VALUE_STDIN))) {
        bool key = cli_takes(parse->command, OPT_PAK);
        term_hide(cmd->term, secret_from(word)); /* it may be the secret */
        cli_wipe_argv(parse->argv[parse->at - 1]);
        err_set(err, EXIT_USAGE, "there is an argument too many");
        return err_hint(err, key ? "Give the key on stdin, with --pak-stdin."
                                 : "The value is never an argument: give it "
                                   "on stdin, with --value-file or "
                                   "--value-env, or at the prompt.");
    }
    bool data = cli_means_data(parse);
    if (cmd->arg_count == parse->command->most ||
        (data && strchr("{[@\"", word.ptr[0]))) { /* not an endpoint */
        err_set(err, EXIT_USAGE, "there is an argument too many: '%.*s'",
                P(word));
        return data ? cli_hint_data(err) : cli_hint_help(parse, err);
    }
    cmd->args[cmd->arg_count++] = word;
    return true;
}

/* Does this letter stand for an option with a value? Where commands differ
 * over that, `some` of them are enough. */
static bool cli_letter_takes(char letter, bool some)
{
    bool any = false;
    bool all = true;
    for (int i = 1; i < OPT_COUNT; i++) {
        bool takes = cli_options[i].kind != CLI_FLAG;
        if (cli_options[i].letter != letter)
            continue;
        any |= takes;
        all &= takes;
    }
    return any && (all || some);
}

/* Does this option take its value from the next argument, `next` (NULL: there
 * is none)? `text` begins with a dash; letters that take none may stand before
 * one that does. The command is not known yet: see cli_letter_takes(). */
static bool cli_takes_next(const char *text, const char *next, bool some)
{
    bool negated = false;
    Str rest = str_from(text + 1);
    bool word = next && str_in_words(str_from(next), "true false");
    if (text[1] == '-') {
        rest = str_slice(rest, 1, rest.len);
        CmdOption which = cli_find_long(NULL, rest, &negated);
        return which &&
               (cli_options[which].kind != CLI_FLAG || (word && !negated));
    }
    for (; rest.len; rest = str_slice(rest, 1, rest.len)) {
        if (cli_letter_takes(rest.ptr[0], some))
            return rest.len == 1;
    }
    return word;
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
        if (!cli_options[cli_find_long(parse->command, name, &negated)].secret)
            continue;
        if (here)
            cli_wipe_argv(parse->argv[i] + 2 + name.len + 1);
        else if (i + 1 < parse->argc)
            cli_wipe_argv(parse->argv[++i]);
    }
}

/* Finds the command, since options may stand before its name: the words that
 * are no options, and no option's value, in their order. NULL where there is
 * none. */
static const CliCommand *cli_look(const CliParse *parse, bool some)
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
        else if (cli_takes_next(text, look.argv[look.at + 1], some))
            look.at++;
        if (ignored.code)
            break;
    }
    return look.command;
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
    const CliCommand *found = cli_look(parse, false);
    found = found ? found : cli_look(parse, true);
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
    if (strlen(left) < 24) {
        term_printf(term, "  %-24s  %s\n", left, option->help);
    } else {
        term_printf(term, "  %s\n", left);
        term_printf(term, "  %-24s  %s\n", "", option->help);
    }
}

static void cli_print_common(Term *term)
{
    term_out(term, S("\nOptions of every command:\n"));
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
    term_printf(term, "%s\n", command->summary);
    term_out(term, S("\n"));
    term_printf(term, "Usage: hs %.*s%s%s [options]\n", P(words),
                command->args[0] ? " " : "", command->args);
    if (command->alias)
        term_printf(term, "Also:  hs %s %s\n", command->group, command->alias);
    if (command->more) {
        term_out(term, S("\n"));
        cli_print_lines(term, command->more, "");
    }
    if (command->options[0])
        term_out(term, S("\nOptions:\n"));
    for (int i = 0; i < CLI_OPTIONS && command->options[i]; i++)
        cli_print_option(term, command->options[i]);
    cli_print_common(term);
    term_out(term, S("\nExamples:\n"));
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
        if (left.len <= 24) {
            term_printf(term, "  %-24.*s  %s\n", P(left), command->summary);
        } else {
            term_printf(term, "  %.*s\n", P(left));
            term_printf(term, "  %-24s  %s\n", "", command->summary);
        }
        arena_free(&scratch);
    }
}

/* The group's other name, or NULL. */
static const char *cli_group_alias(const char *group)
{
    for (int i = 0; i < COUNT(cli_commands); i++)
        if (cli_is_word(str_from(group), cli_commands[i].group))
            return cli_commands[i].group_alias;
    return NULL;
}

static void cli_help_group(Term *term, const char *group)
{
    const char *alias = cli_group_alias(group);
    for (int i = 0; i < COUNT(cli_groups); i++)
        if (!strcmp(cli_groups[i].name, group))
            term_printf(term, "%s\n", cli_groups[i].summary);
    term_out(term, S("\n"));
    term_printf(term, "Usage: hs %s <command> [options]\n", group);
    if (alias)
        term_printf(term, "Also:  hs %s <command>\n", alias);
    term_out(term, S("\nCommands:\n"));
    cli_print_commands(term, group);
    cli_print_common(term);
}

static void cli_help_all(Term *term)
{
    term_out(term, S("HubSpot accounts, API requests, secrets and sandboxes "
                     "from one binary.\n\nUsage: hs <command> [options]\n\n"
                     "Commands:\n"));
    cli_print_commands(term, NULL);
    cli_print_common(term);
    term_out(term, S("\nCommands of the official client (project, cms, hubdb, "
                     "...) run its hs, if it is\nfurther along PATH.\n"));
    term_out(term, S("\nExit codes:\n"));
    for (int i = 0; i < COUNT(cli_exit_codes); i++)
        term_printf(term, "  %3d  %s\n", cli_exit_codes[i].code,
                    cli_exit_codes[i].help);
    term_out(term, S("\nhs help <command> shows more.\n"));
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

/* A word that a shell asks about, and what may be printed. */
typedef struct {
    Cmd *cmd;
    Str word;   /* what is written of it so far */
    Str before; /* "--account=", where that stands in the same word */
    bool bare;  /* neither descriptions nor ":files" */
    bool found;
} CliOffer;

/* Offers dashes and text, where the word begins so. */
static void cli_offer(CliOffer *offer, const char *dashes, Str text,
                      const char *about)
{
    Arena *arena = offer->cmd->arena;
    Str whole = arena_printf(arena, "%s%.*s", dashes, P(text));
    about = offer->bare ? "" : about;
    if (!text.len || !str_starts(whole, offer->word))
        return;
    offer->found = true;
    term_printf(offer->cmd->term, "%.*s%.*s", P(offer->before), P(whole));
    term_out(offer->cmd->term, about[0] ? S("\t") : S(""));
    term_printf(offer->cmd->term, "%s\n", about);
}

static void cli_offer_words(CliOffer *offer, Str words, char sep)
{
    while (words.len)
        cli_offer(offer, "", str_cut(&words, sep), "");
}

static void cli_offer_files(const CliOffer *offer)
{
    if (!offer->bare)
        term_out(offer->cmd->term, S(":files\n"));
}

/* A name that no shell reads as anything else, wherever it is put, and hs not
 * as an option: names in a config are foreign text. */
static bool cli_is_plain(Str name)
{
    if (!name.len || name.ptr[0] == '-')
        return false;
    while (name.len) {
        uint32_t c = 0;
        int n = str_utf8(name, &c);
        bool good = c < 0x80
                        ? isalnum((int)c) || str_index(S("-_.@+"), (char)c) >= 0
                        : c > 0xa0;
        if (!n || !good)
            return false;
        name = str_slice(name, n, name.len);
    }
    return true;
}

/* The accounts of the config, where that is a file which can be read: by name,
 * and by id where the name will not do or a digit is written. */
static void cli_offer_accounts(CliOffer *offer)
{
    Arena *arena = offer->cmd->arena;
    ConfigWhere where = cmd_where(offer->cmd);
    ConfigForm form = CONFIG_GLOBAL;
    Config config = {0};
    Str path = {0};
    Err ignored = {0};
    bool digit = offer->word.len && str_is_digit(offer->word.ptr[0]);
    if (!config_locate(arena, &where, &path, &form, &ignored) ||
        !os_is_file(arena, path) ||
        !config_load(arena, &where, &config, &ignored))
        return;
    for (int i = 0; i < config.count; i++) {
        const ConfigAccount *account = &config.accounts[i];
        Str id = arena_printf(arena, "%" PRId64, account->id);
        bool named = cli_is_plain(account->name) &&
                     config_find(&config, account->name) == account;
        if (named)
            cli_offer(offer, "", account->name, arena_cstr(arena, id));
        if (account->id > 0 && (digit || !named))
            cli_offer(offer, "", id, "");
    }
}

static void cli_offer_value(CliOffer *offer, const CliOption *option)
{
    if (option->choices)
        cli_offer_words(offer, str_from(option->choices), ' ');
    else if (!strcmp(option->value, "ACCOUNT"))
        cli_offer_accounts(offer);
    else if (!strcmp(option->value, "FILE"))
        cli_offer_files(offer);
}

/* The options that may still come; --no-flag only once "--no-" is written. */
static void cli_offer_options(CliOffer *offer, const CliCommand *command)
{
    for (int i = 1; i < OPT_COUNT; i++) {
        const CliOption *option = &cli_options[i];
        bool set = offer->cmd->options[i].set && option->kind != CLI_LIST;
        if (option->hidden || set || !cli_takes(command, (CmdOption)i))
            continue;
        cli_offer(offer, "--", str_from(option->name), option->help);
        if (option->alias && strlen(option->alias) < 8)
            cli_offer(offer, "--", str_from(option->alias), option->help);
        if (option->kind == CLI_FLAG && !cli_takes(NULL, (CmdOption)i) &&
            str_starts(offer->word, S("--no-")))
            cli_offer(offer, "--no-", str_from(option->name), option->help);
    }
}

/* The commands that another hs runs, if there is one. */
static void cli_offer_foreign(CliOffer *offer)
{
    Str words = str_from(cli_foreign);
    if (!os_find_other(offer->cmd->arena, S("hs")).len)
        return;
    while (words.len)
        cli_offer(offer, "", str_cut(&words, ' '), "Run the official client");
}

/* The commands of a group (NULL: groups and the commands without one). Their
 * other names come only where no name fits. */
static void cli_offer_commands(CliOffer *offer, const char *group)
{
    for (int others = 0; others < 2 && !offer->found; others++) {
        for (int i = 0; !group && i < COUNT(cli_groups); i++) {
            const char *name = cli_groups[i].name;
            cli_offer(offer, "",
                      str_from(others ? cli_group_alias(name) : name),
                      cli_groups[i].summary);
        }
        for (int i = 0; i < COUNT(cli_commands); i++) {
            const CliCommand *command = &cli_commands[i];
            if (group ? cli_is_word(str_from(group), command->group)
                      : !command->group)
                cli_offer(offer, "",
                          str_from(others ? command->alias : command->name),
                          command->summary);
        }
        if (!group && !others)
            cli_offer(offer, "", S("help"), cli_options[OPT_HELP].help);
        if (!group && !others)
            cli_offer_foreign(offer);
    }
}

/* The next argument, by what the usage line calls it. */
static void cli_offer_argument(CliOffer *offer, const CliCommand *command)
{
    Str rest = str_from(command->args);
    Str name = {0};
    for (int i = 0; i <= offer->cmd->arg_count; i++)
        name = str_cut(&rest, ' ');
    name = str_slice(name, 1, name.len - 1);
    if ((command->run == cmd_filemanager_upload && str_eq(name, S("src"))) ||
        (command->run == cmd_filemanager_fetch && str_eq(name, S("dest"))))
        cli_offer_files(offer);
    else if (str_eq(name, S("account")))
        cli_offer_accounts(offer);
    else if (str_index(name, '|') >= 0)
        cli_offer_words(offer, name, '|');
}

/* The option whose value comes after this word. */
static CmdOption cli_awaits(const CliCommand *command, Str word)
{
    bool negated = false;
    CmdOption which = OPT_NONE;
    if (str_starts(word, S("--")))
        which = cli_find_long(command, str_slice(word, 2, word.len), &negated);
    else if (str_starts(word, S("-")))
        for (ptrdiff_t i = 1; i < word.len; i++) {
            which = cli_find_letter(command, word.ptr[i]);
            if (cli_options[which].kind != CLI_FLAG && i + 1 < word.len)
                return OPT_NONE; /* the rest is its value */
        }
    return cli_options[which].kind == CLI_FLAG ? OPT_NONE : which;
}

/* Offers what could stand in the place of the word, after `parse`. */
static void cli_offer_next(CliOffer *offer, const CliParse *parse, bool ok)
{
    const CliCommand *command = parse->command;
    bool dash = str_starts(offer->word, S("-")) && !parse->options_over;
    ptrdiff_t equals = dash ? str_index(offer->word, '=') : -1;
    Str option = {0}; /* whose value the word may be */
    if (equals > 0) {
        option = str_slice(offer->word, 0, equals);
        offer->before = str_slice(offer->word, 0, equals + 1);
        offer->word = str_slice(offer->word, equals + 1, offer->word.len);
    } else if (!parse->options_over && parse->argc > 1) {
        option = str_from(parse->argv[parse->argc - 1]);
    }
    CmdOption which = cli_awaits(command, option);
    bool takes = ok && command && !parse->help &&
                 offer->cmd->arg_count < command->most;
    bool done = ok && command && !takes && !parse->options_over;
    if (which)
        cli_offer_value(offer, &cli_options[which]);
    else if (dash || (done && !offer->word.len))
        cli_offer_options(offer, command);
    else if (takes)
        cli_offer_argument(offer, command);
    else if (ok && !command)
        cli_offer_commands(offer, parse->group);
}

/* `hs __complete hs words…`: what the last word could become. The scripts of
 * the official client ask by its own name, and are answered, too. Nothing is
 * said on stderr. */
static void cli_complete(Cmd *cmd, int argc, char **argv)
{
    CliOffer offer = {.cmd = cmd, .bare = argv[1][0] == '-'};
    CliParse parse = {.cmd = cmd, .argc = argc - 3, .argv = argv + 2};
    Err ignored = {0};
    if (argc < 4)
        return;
    if (strcmp(argv[argc - 1], "=") != 0)
        offer.word = str_from(argv[argc - 1]);
    argv[argc - 1] = NULL;
    bool ok = cli_parse(&parse, &ignored);
    cli_offer_next(&offer, &parse, ok);
}

/* A lock is held by another run for more than a moment. */
static void cli_tell_lock(void *to, Str path)
{
    term_say(to, "Waiting for another run of hs, which holds %.*s", P(path));
}

/* What the common options change about the terminal. */
static void cli_apply(Cmd *cmd)
{
    Term *term = cmd->term;
    os_patience.most = cmd_local_wait(cmd);
    os_patience.tell = cli_tell_lock;
    os_patience.to = term;
    term->debug = cmd->options[OPT_DEBUG].on ||
                  cmd->options[OPT_NETWORK_DEBUG].on;
    if (cmd->options[OPT_NO_COLOR].on)
        term->color = false;
    if (cmd->options[OPT_NO_INPUT].on && term->interactive) {
        term->interactive = false;
        term->mute = "--no-input is given";
    }
    if (cmd->options[OPT_NO_HYPERLINKS].on)
        term->links = false;
}

/* An argument that may be left out can also be given by its name, --account X
 * for [account]: the official client's parser takes arguments so, too. */
static bool cli_take_named(Cmd *cmd, const CliCommand *command, Err *err)
{
    static const struct {
        const char *args;
        CmdOption option;
        int at;
    } named[] = {{"[account]", OPT_ACCOUNT, 0},
                 {"[name]", OPT_SECRET_NAME, 0},
                 {"<src> [dest]", OPT_DEST, 1}};
    for (int i = 0; i < COUNT(named); i++) {
        const CmdValue *value = &cmd->options[named[i].option];
        const char *name = cli_options[named[i].option].name;
        if (!value->set || strcmp(command->args, named[i].args) != 0)
            continue;
        if (cmd->arg_count > named[i].at)
            return err_set(err, EXIT_USAGE,
                           "the %s is given twice: --%s %.*s and '%.*s'", name,
                           name, P(value->text), P(cmd->args[named[i].at]));
        cmd->args[cmd->arg_count++] = value->text;
    }
    return true;
}

/* The word that names the command, or its group: options may come before. */
static Str cli_first_word(char **argv)
{
    int at = 1;
    bool help = false;
    while (argv[0] && argv[at]) {
        const char *text = argv[at++];
        if (!strcmp(text, "--"))
            return str_from(argv[at]);
        bool word = text[0] != '-' || !text[1];
        if (word && (help || !cli_is_word(str_from(text), "help")))
            return str_from(text);
        help |= word;
        if (!word && argv[at] && cli_takes_next(text, argv[at], false))
            at++;
    }
    return (Str){0};
}

/*
 * Becomes the official client for a command that only that has, if its hs is
 * further along PATH. To be called before anything is set up or taken from the
 * arguments: the other program finds all as this one did. Returns if this
 * program is to go on; false if the other one cannot be started.
 */
static bool cli_hand_over(Arena *arena, char **argv, Err *err)
{
    Str word = cli_first_word(argv);
    if ((!str_in_words(word, cli_foreign) &&
         !str_in_words(word, cli_foreign_also) &&
         !str_in_words(word, cli_foreign_old)) ||
        os_env(CLI_HANDED_OVER).len)
        return true;
    Str other = os_find_other(arena, S("hs"));
    if (!other.len)
        return true;
    int code = os_become(arena_cstr(arena, other), argv, CLI_HANDED_OVER);
    err_set(err, EXIT_FAILED, "cannot run %.*s: %s", P(other),
            code == ENOENT ? "its interpreter is missing" : os_error(code));
    return err_hint(err, "hs %.*s is a command of the official client.",
                    P(word));
}

/* Parses the command line and runs what it says. */
static bool cli_run(Cmd *cmd, int argc, char **argv, Err *err)
{
    CliParse parse = {.cmd = cmd, .argc = argc, .argv = argv};
    if (argc > 1 && (!strcmp(argv[1], "__complete") ||
                     !strcmp(argv[1], "--get-yargs-completions"))) {
        cli_complete(cmd, argc, argv);
        return true;
    }
    bool ok = cli_parse(&parse, err);
    cli_apply(cmd);
    if (!ok)
        return false;
    if (cmd->options[OPT_VERSION].on) {
        term_out(cmd->term, S(HS_VERSION "\n")); /* no printf: half the pages */
        return true;
    }
    if (parse.help || cmd->options[OPT_HELP].on || !parse.command) {
        cli_help(cmd->term, &parse);
        return true;
    }
    if (parse.twice)
        return cli_refuse_twice(parse.twice, err);
    if (cmd->arg_count < parse.command->least) {
        Str args = str_from(parse.command->args);
        ptrdiff_t end = str_find(args, S(" [")); /* the rest is optional */
        err_set(err, EXIT_USAGE, "hs %.*s needs %.*s",
                P(cli_words(cmd->arena, parse.command)),
                P(str_slice(args, 0, end < 0 ? args.len : end)));
        return cli_hint_help(&parse, err);
    }
    return cli_take_named(cmd, parse.command, err) &&
           parse.command->run(cmd, err);
}

/* ==== 15 Main ============================================================ *
 *
 * Sets up, runs, turns the result into words and an exit code. Output that
 * could not be written is a failure, whatever the command said.
 */

#ifndef HS_TEST
int main(int argc, char **argv)
{
    /* Static: it costs no more than what is touched. Most runs need no
     * malloc(). */
    static _Alignas(max_align_t) char memory[256 * KIB];
    static Term term;
    static Cmd cmd;
    static Err err;
    static Arena arena;
    arena = arena_in(memory, sizeof(memory));
    bool ok = cli_hand_over(&arena, argv, &err);
    os_init();
    json_init();
    term_init(&term, &arena);
    cmd.arena = &arena;
    cmd.term = &term;
    ok = ok && cli_run(&cmd, argc, argv, &err);
    term_finish(&term);
    if (os_interrupted() && (!ok || term.out_error)) {
        if (err.code != (ExitCode)(128 + os_interrupted()))
            err = (Err){0};
        ok = err_set(&err, (ExitCode)(128 + os_interrupted()), "interrupted");
    }
    if (term.out_error && ok)
        ok = err_set(&err, EXIT_FAILED, "cannot write to stdout: %s",
                     os_error(term.out_error));
    term_warn_lacks(&term);
    if (!ok)
        term_error(&term, &err);
    http_free(&cmd.pool);
    arena_free(&arena);
    return ok ? EXIT_DONE : err.code ? err.code : EXIT_FAILED;
}
#endif
