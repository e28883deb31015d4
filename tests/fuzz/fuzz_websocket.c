/*
 * The loopback server's connection: a request, then frames, in any pieces, as
 * any client may send them. For any input, the server stays within its limits,
 * the response is well-formed, and it does not depend on the pieces. The first
 * byte sets the size of the pieces and the kind of sign-in; the token of the
 * key, and the state, are "t".
 */
#define HS_TEST 1
#include "../../hs.c"

typedef struct {
    SigninVisit visit;
    char answer[256 * KIB];
    ptrdiff_t len;
} FuzzRun;

static void fuzz_check(bool ok)
{
    if (!ok)
        abort();
}

/* Takes what the server has sent. */
static void fuzz_drain(FuzzRun *run, int fd)
{
    for (;;) {
        ssize_t n = recv(fd, run->answer + run->len,
                         sizeof(run->answer) - (size_t)run->len, MSG_DONTWAIT);
        if (n <= 0)
            return;
        run->len += n;
        fuzz_check(run->len < (ptrdiff_t)sizeof(run->answer));
    }
}

static void fuzz_bounds(const LoopConn *conn)
{
    fuzz_check(conn->in_len >= 0 && conn->in_len < LOOP_IN);
    fuzz_check(conn->out_len >= conn->out_at && conn->out_len <= LOOP_OUT);
    fuzz_check(conn->message_len >= 0 && conn->message_len <= LOOP_MESSAGE);
}

/* After the head: whole frames, not masked, none after a close. */
static void fuzz_frames(Str s)
{
    bool closed = false;
    while (s.len) {
        fuzz_check(!closed && s.len >= 2 && (s.ptr[0] & 0xf0) == 0x80);
        ptrdiff_t head = 2;
        ptrdiff_t size = (unsigned char)s.ptr[1];
        if (size == 126) {
            fuzz_check(s.len >= 4);
            size = (unsigned char)s.ptr[2] << 8 | (unsigned char)s.ptr[3];
            head = 4;
        }
        fuzz_check(size != 127 && !(head == 2 && size > 125));
        fuzz_check(s.len >= head + size);
        closed = (s.ptr[0] & 15) == LOOP_CLOSE;
        s = str_slice(s, head + size, s.len);
    }
}

static void fuzz_run(FuzzRun *run, Arena *arena, Str wire, ptrdiff_t step,
                     bool code)
{
    int ends[2];
    SigninVisit *visit = &run->visit;
    LoopConn *conn = &visit->server.conns[0];
    fuzz_check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends));
    visit->arena = arena;
    visit->token = S("t");
    visit->server.app = (LoopApp){.to = visit, .get = signin_take_code};
    if (!code)
        visit->server.app = (LoopApp){.to = visit,
                                      .get = signin_no_page,
                                      .may_open = signin_may_open,
                                      .message = signin_take_key,
                                      .greeting = S("{}")};
    *conn = (LoopConn){.state = LOOP_REQUEST, .fd = ends[0]};
    conn->deadline = INT64_MAX;
    while (wire.len && conn->state != LOOP_FREE) {
        Str piece = str_slice(wire, 0, step);
        fuzz_check(send(ends[1], piece.ptr, (size_t)piece.len, MSG_NOSIGNAL) ==
                   piece.len);
        wire = str_slice(wire, piece.len, wire.len);
        for (int i = 0; i < 8 && conn->state != LOOP_FREE; i++) {
            loop_send(conn);
            loop_process(&visit->server, conn);
            fuzz_drain(run, ends[1]);
            if (conn->state != LOOP_FREE && conn->state != LOOP_HELD)
                loop_receive(&visit->server, conn);
            fuzz_bounds(conn);
        }
    }
    LoopPage page = {200, "x", "y", false};
    loop_respond(&visit->server, &page);
    fuzz_drain(run, ends[1]);
    loop_close(&visit->server);
    close(ends[1]);
    Str answer = {run->answer, run->len};
    ptrdiff_t head = str_find(answer, S("\r\n\r\n"));
    fuzz_check(!answer.len || (head > 0 && str_starts(answer, S("HTTP/1.1 "))));
    if (str_starts(answer, S("HTTP/1.1 101 ")))
        fuzz_frames(str_slice(answer, head + 4, answer.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FuzzRun whole;
    static FuzzRun pieces;
    Arena arena = {0};
    if (size < 1 || size > 64 * KIB)
        return 0;
    Str wire = {(const char *)data + 1, (ptrdiff_t)size - 1};
    memset(&whole, 0, sizeof(whole));
    memset(&pieces, 0, sizeof(pieces));
    fuzz_run(&whole, &arena, wire, 8 * KIB, data[0] & 1);
    fuzz_run(&pieces, &arena, wire, 64 + (data[0] >> 1), data[0] & 1);
    fuzz_check(
        str_eq(secret_text(whole.visit.got), secret_text(pieces.visit.got)));
    fuzz_check(str_eq((Str){whole.answer, whole.len},
                      (Str){pieces.answer, pieces.len}));
    arena_free(&arena);
    return 0;
}
