/* HTTP responses: the header, the framing, the body in any pieces, as they come
 * from a connection without TLS. In pieces, the result must be the same. */
#define HS_TEST 1
#include "../../hs.c"

typedef struct {
    bool ok;
    int status;
    int64_t received;
    Str body;
    char message[256];
} FuzzAnswer;

/* Moves the next piece of the answer into the connection's buffer. */
static bool fuzz_feed(HttpConn *conn, Str *wire, ptrdiff_t step)
{
    Str piece = str_slice(*wire, 0, step < HTTP_IN ? step : HTTP_IN);
    *wire = str_slice(*wire, piece.len, wire->len);
    memcpy(conn->in, piece.ptr, (size_t)piece.len);
    conn->in_at = 0;
    conn->in_len = (int)piece.len;
    return piece.len > 0;
}

static bool fuzz_head(HttpXfer *x, Str *wire, ptrdiff_t step)
{
    while (!http_header_is_complete(buf_str(&x->header))) {
        if (x->conn->in_at == x->conn->in_len &&
            !fuzz_feed(x->conn, wire, step))
            return false;
        http_read_line(x);
        if (x->header.full)
            return false;
    }
    return http_parse_header(x);
}

static FuzzAnswer fuzz_answer(Arena *arena, Str wire, ptrdiff_t step)
{
    Arena own = {0};
    FuzzAnswer answer = {0};
    HttpXfer *x = arena_alloc(&own, sizeof(*x));
    HttpConn *conn = arena_alloc(&own, sizeof(*conn));
    x->arena = own;
    x->conn = conn;
    x->req.url = (Url){
        .scheme = S("https"), .host = S("h"), .port = 443, .path = S("/a/b?c")};
    x->req.follow = true;
    http_reset_response(x);
    bool ok = fuzz_head(x, &wire, step) && x->res.status >= 200 &&
              http_find_framing(x);
    while (ok && x->framing != HTTP_NO_BODY) {
        if (conn->in_at == conn->in_len && !fuzz_feed(conn, &wire, step)) {
            ok = x->framing == HTTP_TO_CLOSE;
            break;
        }
        ok = http_take_body(x);
    }
    answer.ok = ok;
    answer.status = x->res.status;
    answer.received = x->res.received;
    answer.body = arena_copy(arena, buf_str(&x->hold));
    snprintf(answer.message, sizeof(answer.message), "%s", x->err.message);
    http_requested_pause(&x->res);
    http_field_has(x->res.fields, S("Connection"), S("close"));
    Url to = {0};
    while (http_is_redirect(&x->res) && !http_resolve_redirect(x, &to)) {
        http_follow_redirect(x, &to);
        if (!http_is_clean(x->req.url.path) ||
            !http_is_clean(x->req.url.host) ||
            !str_starts(x->req.url.path, S("/")))
            abort();
    }
    own = x->arena;
    arena_free(&own);
    return answer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena = {0};
    if (size < 2)
        return 0;
    Str wire = {(const char *)data + 1, (ptrdiff_t)size - 1};
    FuzzAnswer whole = fuzz_answer(&arena, wire, HTTP_IN);
    FuzzAnswer pieces = fuzz_answer(&arena, wire, 1 + data[0] % 64);
    if (whole.ok != pieces.ok || whole.status != pieces.status ||
        whole.received != pieces.received || !str_eq(whole.body, pieces.body) ||
        strcmp(whole.message, pieces.message) != 0)
        abort();
    if (whole.received > wire.len)
        abort();
    arena_free(&arena);
    return 0;
}
