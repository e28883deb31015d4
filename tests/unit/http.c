/* Unit tests: HTTP exchange and HTTP pool. */
#include "check.h"

/* A transfer whose response has this header so far, and a connection without
 * a socket, whose input is `bytes`. */
static HttpXfer *unit_xfer(Arena *arena, Str head, Str bytes)
{
    HttpXfer *x = arena_alloc(arena, sizeof(*x));
    HttpConn *conn = arena_alloc(arena, sizeof(*conn));
    x->arena = *arena;
    x->req.url = (Url){
        .scheme = S("https"), .host = S("h"), .port = 443, .path = S("/")};
    x->conn = conn;
    http_reset_response(x);
    buf_add(&x->header, head);
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
        bool ok = http_parse_header(x);
        CHECK_INT(ok, rows[i].ok);
        if (ok && rows[i].ok) {
            CHECK_INT(x->res.status, rows[i].status);
            CHECK_STR(x->res.reason, rows[i].reason);
            Str fields = x->res.fields;
            HttpField field;
            int headers = 0;
            while (http_next_field(&fields, &field))
                headers++;
            CHECK_INT(headers, rows[i].headers);
        }
        unit_xfer_end(&arena, x);
    }
    unit_at(S("whole heads"));
    CHECK(http_header_is_complete(S("HTTP/1.1 200 OK\r\n\r\n")));
    CHECK(http_header_is_complete(S("HTTP/1.1 200 OK\n\n")));
    CHECK(!http_header_is_complete(S("HTTP/1.1 200 OK\r\n")));
    CHECK(!http_header_is_complete(S("HTTP/1.1 200 OK\r\n\r")));
}

static void test_http_headers(void)
{
    Arena arena = {0};
    Buf many = buf_new(&arena, HTTP_HEADER_MAX);
    buf_add(&many, S("HTTP/1.1 200 OK\r\n"));
    for (int i = 0; i < 3000; i++)
        buf_printf(&many, "H%d: %d\r\n", i, i);
    Arena other = {0};
    HttpXfer *x = unit_xfer(&other, buf_str(&many), S(""));
    unit_at(S("3000 headers"));
    CHECK(!many.full);
    CHECK(http_parse_header(x));
    CHECK_STR(http_header(&x->res, S("h0")), S("0"));
    CHECK_STR(http_header(&x->res, S("h2999")), S("2999"));
    CHECK_STR(http_header(&x->res, S("h3000")), S(""));
    unit_xfer_end(&other, x);
    x = unit_xfer(&other,
                  S("HTTP/1.1 200 OK\r\nA:\r\n b\r\n\t c \r\n  \r\nB: d\r\n"
                    "\r\n"),
                  S(""));
    unit_at(S("folded headers"));
    CHECK(http_parse_header(x));
    CHECK_STR(http_header(&x->res, S("a")), S("b  \t c"));
    CHECK_STR(http_header(&x->res, S("b")), S("d"));
    unit_xfer_end(&other, x);
    x = unit_xfer(&other,
                  S("HTTP/1.1 200 OK\r\nConnection: keep-alive, Close\r\n"
                    "connection: x\r\n\r\n"),
                  S(""));
    unit_at(S("list headers"));
    CHECK(http_parse_header(x));
    CHECK(http_field_has(x->res.fields, S("connection"), S("close")));
    CHECK(http_field_has(x->res.fields, S("connection"), S("x")));
    CHECK(!http_field_has(x->res.fields, S("connection"), S("keep")));
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
        buf_add(&x->header, rows[i].head);
        CHECK(http_parse_header(x));
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
        buf_add(&x->header, rows[i].head);
        CHECK(http_parse_header(x));
        int64_t pause = http_requested_pause(&x->res);
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
    CHECK(http_requested_pause(&res) > 27000 &&
          http_requested_pause(&res) <= 30000);
    arena_free(&arena);
}

/* Follows a redirect, unless it may not be followed. */
static bool unit_follow(HttpXfer *x)
{
    Url to = {0};
    if (!http_is_redirect(&x->res) || http_resolve_redirect(x, &to))
        return false;
    http_follow_redirect(x, &to);
    return true;
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
        bool followed = unit_follow(x);
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
    while (hops < 100 && unit_follow(x))
        hops++;
    unit_at(S("redirects without end"));
    CHECK_INT(hops, HTTP_REDIRECTS);
    x->redirects = 0;
    x->res.fields = S("Location: https://h/\r\n");
    CHECK(unit_follow(x) && x->foreign); /* once away, always away */
    unit_xfer_end(&arena, x);
}

static void test_http_pause(void)
{
    for (int tries = 1; tries < 40; tries++) {
        int64_t base = tries > 6 ? 16000 : 500LL << (tries - 1);
        bool fits = true;
        for (int i = 0; i < 50; i++) {
            int64_t pause = pool_backoff(tries);
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
        HttpPool pool = {.arena = &arena};
        unit_at(str_from(rows[i].value));
        setenv(rows[i].name, rows[i].value, 1);
        CHECK_INT(pool_init(&pool, &err), rows[i].ok);
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
    HttpPool pool = {.arena = &arena};
    setenv("HTTP_PROXY", "http://c", 1);
    setenv("ALL_PROXY", "http://b", 1);
    setenv("HTTPS_PROXY", "http://a", 1);
    CHECK(pool_init(&pool, &err));
    CHECK_STR(pool.proxy.host, S("a"));
    unsetenv("HTTPS_PROXY");
    pool = (HttpPool){.arena = &arena};
    CHECK(pool_init(&pool, &err));
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

/* Transfers to the same host share one look-up, and keep its addresses until
 * none of them works. ("localhost" needs no name server.) */
static void test_http_names(void)
{
    Arena arena = {0};
    HttpPool pool = {.arena = &arena};
    Arena own[3] = {{0}};
    HttpXfer *x[3];
    for (int i = 0; i < COUNT(x); i++) {
        x[i] = unit_xfer(&own[i], S(""), S(""));
        x[i]->conn = NULL;
        x[i]->req.url.host = i ? S("localhost") : S("LocalHost");
        x[i]->req.url.port = 1;
        x[i]->req.timeout = HTTP_CONNECT_MS;
    }
    unit_at(S("a look-up for two"));
    CHECK_INT(http_begin(&pool, x[0]), STEP_AGAIN);
    CHECK_INT(http_begin(&pool, x[1]), STEP_AGAIN);
    HttpName *name = pool.names;
    CHECK(x[0]->waits && x[1]->waits && x[1]->name == name && !name->next);
    http_drop(x[1]);
    CHECK(name->waiting == 1 && name->lookup);
    CHECK_INT(http_begin(&pool, x[1]), STEP_AGAIN);
    while (http_on_lookup(&pool, x[0]) == STEP_WAIT)
        os_sleep(1);
    CHECK_INT(http_on_lookup(&pool, x[1]), STEP_AGAIN);
    CHECK(pool.resolved && !name->waiting && !name->lookup && name->good);
    CHECK(x[1]->addresses.count > 0 && x[1]->state == HTTP_CONNECT);
    CHECK_INT(name->turn, x[1]->turn);
    unit_at(S("the addresses are kept"));
    CHECK_INT(http_begin(&pool, x[2]), STEP_AGAIN);
    CHECK(x[2]->kept && !x[2]->waits && x[2]->state == HTTP_CONNECT);
    unit_at(S("the fastest one is tried first"));
    name->addresses.at[1] = name->addresses.at[0];
    name->addresses.at[1].ss_family = 77;
    name->addresses.count = 2;
    x[2]->addresses = name->addresses;
    http_prefer_address(x[2], 1);
    CHECK_INT(name->addresses.at[0].ss_family, 77);
    unit_at(S("none of them works"));
    CHECK_INT(http_fail_connect(&pool, x[2]), STEP_AGAIN);
    CHECK(!name->good && x[2]->waits && !x[2]->kept);
    CHECK_INT(http_fail_connect(&pool, x[0]), STEP_FAILED);
    unit_at(S("the last one that waits ends the look-up"));
    http_drop(x[2]);
    CHECK(!name->waiting && !name->lookup);
    name->good = true;
    name->known_at = os_now() - HTTP_NAME_MS - 1;
    CHECK_INT(http_begin(&pool, x[2]), STEP_AGAIN);
    CHECK(!x[2]->kept && x[2]->waits);
    unit_at(S("many hosts"));
    for (int i = 0; i < 2 * HTTP_NAMES; i++)
        http_find_name(&pool, arena_printf(&arena, "host-%d", i));
    int count = 0;
    for (const HttpName *n = pool.names; n; n = n->next)
        count++;
    CHECK(count <= HTTP_NAMES + 1 && x[2]->name == name && name->lookup);
    CHECK_STR(name->host, S("LocalHost"));
    for (int i = 0; i < COUNT(x); i++) {
        http_drop(x[i]);
        unit_xfer_end(&own[i], x[i]);
    }
    CHECK(!name->waiting && !name->lookup);
    arena_free(&arena);
}
