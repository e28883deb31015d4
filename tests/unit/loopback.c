/* Unit tests: Loopback. */
#include "check.h"

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
        CHECK_INT(frame.header, rows[i].head);
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
        bool ok = loop_parse_request(rows[i].head, &method, &target);
        CHECK_INT(ok, rows[i].method != NULL);
        if (!ok || !rows[i].method)
            continue;
        CHECK_STR(method, str_from(rows[i].method));
        CHECK_STR(target, str_from(rows[i].target));
    }
    unit_at(head);
    str_cut(&head, '\n');
    CHECK_STR(http_find_field(head, S("upgrade")), S("websocket"));
    CHECK_STR(http_find_field(head, S("GET / HTTP/1.1")), S(""));
    CHECK_STR(http_find_field(head, S("Origin")), S(""));
    CHECK(http_field_has(head, S("Connection"), S("upgrade")));
    CHECK(!http_field_has(head, S("Connection"), S("grade")));
}

/* The example of RFC 6455, 1.3. */
static void test_loop_accept(void)
{
    Arena arena = {0};
    unit_at(S("RFC 6455"));
    CHECK_STR(loop_accept_key(&arena, S("dGhlIHNhbXBsZSBub25jZQ==")),
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
