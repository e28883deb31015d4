/*
 * Unit tests: TLS False Start (RFC 7918), with BearSSL's server on the other end
 * of a socket pair. The test moves its records, and makes its own with the keys
 * of the connection, as somebody could who has tampered with the handshake.
 * tests/test_false_start.py has the attacks that need no keys.
 */
#include "check.h"

/* A certificate for false-start.test, made for these tests, and its key. */
#define FS_HOST "false-start.test"
#define FS_PEM \
    "-----BEGIN CERTIFICATE-----\n" \
    "MIIBhzCCASygAwIBAgIUSSTTpMOCOzY49C2p8DVZpKbs06MwCgYIKoZIzj0EAwIw\n" \
    "GzEZMBcGA1UEAwwQZmFsc2Utc3RhcnQudGVzdDAgFw0yMDAxMjYyMTA4NDBaGA8y\n" \
    "MDUxMDcyMjIxMDg0MFowGzEZMBcGA1UEAwwQZmFsc2Utc3RhcnQudGVzdDBZMBMG\n" \
    "ByqGSM49AgEGCCqGSM49AwEHA0IABO9TwtjGxle2WsJsNyVCYb5iT0cHX7Hq9gg+\n" \
    "A2EEvCuEEliCUXA96duaJYdaKE3KVVxZGb6Dp5w5c9x+zaawL3WjTDBKMBsGA1Ud\n" \
    "EQQUMBKCEGZhbHNlLXN0YXJ0LnRlc3QwDAYDVR0TAQH/BAIwADAdBgNVHQ4EFgQU\n" \
    "mZR9OvbS1riKrj04Dk78YI+Jf+IwCgYIKoZIzj0EAwIDSQAwRgIhAPVDzmQoyBy9\n" \
    "dr9Ha5tv7sH4P5rsazq9Lzp8Iwua4wQTAiEAyCDVsSnK7IrCvMHyzx2a4OLYOGm4\n" \
    "/z96ZTFtTmHQhJQ=\n" \
    "-----END CERTIFICATE-----\n"
static unsigned char fs_key[] =
    "\xf4\x76\xf3\x98\x88\xa6\x4c\x6b\xc1\xb0\xb1\x59\xf1\x38\x64\x39"
    "\x20\x93\xfe\xbb\xde\x61\x23\x0b\x24\x2f\x0b\x8c\xcb\x93\x1a\xfd";

#define FS_FORGED "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
#define FS_RESPONSE "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"

enum { FS_ALERT = 21, FS_HANDSHAKE = 22, FS_TURNS = 200 };

/* A record that the server encrypts. */
typedef struct {
    int kind; /* 0: the end of a list */
    Str data;
} FsRecord;

/* The server, which keeps the records to send in `out`. */
typedef struct {
    Arena arena;
    br_ssl_server_context server;
    br_ssl_session_cache_lru cache;
    unsigned char sessions[4096];
    unsigned char buffer[BR_SSL_BUFSIZE_BIDI];
    br_x509_certificate chain;
    br_ec_private_key key;
    TlsTrust trust;
    int fd;     /* the server's end */
    int client; /* the client's end */
    Buf out;    /* records that are not sent yet */
    Buf last;   /* those from ChangeCipherSpec on */
    Buf in;     /* decrypted data of the client */
    bool alpn;
    bool other; /* confirms a protocol that the client has not offered */
    br_ssl_server_policy_class policy;
    bool wrong; /* makes a wrong Finished, encrypted correctly */
    /* Adds records after the ChangeCipherSpec, before the Finished. */
    const FsRecord *before;
} FsServer;

static const char *fs_protocols[] = {"http/1.1"};

static FsServer *fs_new(void)
{
    Arena arena = {0};
    FsServer *fs = arena_alloc(&arena, sizeof(*fs));
    TlsAnchors anchors = {.arena = &arena};
    int fds[2] = {-1, -1};
    tls_add_pem(&anchors, S(FS_PEM));
    CHECK_INT(anchors.count, 1);
    fs->trust = (TlsTrust){.anchors = anchors.anchors, .count = 1};
    Str body = S(FS_PEM);
    str_cut(&body, '\n');
    Str der = tls_base64(&arena,
                         str_slice(body, 0, str_find(body, S("-----END"))));
    fs->chain.data = arena_alloc(&arena, der.len);
    fs->chain.data_len = (size_t)der.len;
    memcpy(fs->chain.data, der.ptr, fs->chain.data_len);
    fs->key = (br_ec_private_key){BR_EC_secp256r1, fs_key, 32};
    br_ssl_session_cache_lru_init(&fs->cache, fs->sessions,
                                  sizeof(fs->sessions));
    CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
    fs->client = fds[0];
    fs->fd = fds[1];
    fs->alpn = true;
    fs->arena = arena;
    return fs;
}

/* Chooses the cipher as BearSSL does, after the client's protocol was accepted
 * and before it is confirmed: here, another one. */
static int fs_choose(const br_ssl_server_policy_class **at,
                     const br_ssl_server_context *server,
                     br_ssl_server_choices *choices)
{
    static br_ssl_server_context plain;
    fs_protocols[0] = "h2";
    br_ssl_server_set_single_ec(&plain, NULL, 0, NULL, BR_KEYTYPE_SIGN,
                                BR_KEYTYPE_EC, NULL, NULL);
    return plain.chain_handler.vtable->choose(at, server, choices);
}

/* Prepares the server for another connection. */
static void fs_reset(FsServer *fs)
{
    br_ssl_engine_context *engine = &fs->server.eng;
    br_ssl_server_init_full_ec(&fs->server, &fs->chain, 1, BR_KEYTYPE_EC,
                               &fs->key);
    if (fs->other) {
        fs->policy = *fs->server.chain_handler.vtable;
        fs->policy.choose = fs_choose;
        fs->server.chain_handler.vtable = &fs->policy;
    }
    fs_protocols[0] = "http/1.1";
    br_ssl_engine_set_buffer(engine, fs->buffer, sizeof(fs->buffer), 1);
    br_ssl_server_set_cache(&fs->server, &fs->cache.vtable);
    if (fs->alpn)
        br_ssl_engine_set_protocol_names(engine, fs_protocols, 1);
    br_ssl_engine_inject_entropy(engine, "not random", 10);
    CHECK(br_ssl_server_reset(&fs->server));
    fs->out = buf_new(&fs->arena, MIB);
    fs->last = buf_new(&fs->arena, MIB);
    fs->in = buf_new(&fs->arena, MIB);
}

static void fs_free(FsServer *fs)
{
    Arena arena = fs->arena;
    close(fs->fd);
    close(fs->client);
    arena_free(&arena);
}

/* Encrypts a record with the server's key and next number. */
static void fs_encrypt(FsServer *fs, Buf *to, int kind, Str data)
{
    br_ssl_engine_context *engine = &fs->server.eng;
    unsigned char room[1024];
    size_t start = 5; /* after the record's header */
    size_t end = sizeof(room);
    size_t size = (size_t)data.len;
    engine->out.vtable->max_plaintext(&engine->out.vtable, &start, &end);
    memcpy(room + start, data.ptr, size);
    unsigned char *record = engine->out.vtable->encrypt(
        &engine->out.vtable, kind, BR_TLS12, room + start, &size);
    buf_add(to, (Str){(char *)record, (ptrdiff_t)size});
}

/* Moves a record of the engine to `out`, or to `last`. The record after the
 * ChangeCipherSpec is the first that is encrypted. */
static void fs_take_record(FsServer *fs)
{
    br_ssl_engine_context *engine = &fs->server.eng;
    size_t size = 0;
    unsigned char *record = br_ssl_engine_sendrec_buf(engine, &size);
    bool spec = engine->out.vtable != &br_sslrec_out_clear_vtable;
    Buf *to = spec ? &fs->last : &fs->out;
    bool first = spec && !to->len;
    buf_add(to, (Str){(char *)record, (ptrdiff_t)size});
    for (const FsRecord *more = fs->before; first && more && more->kind; more++)
        fs_encrypt(fs, to, more->kind, more->data);
    if (first && fs->wrong)
        engine->session.master_secret[0] ^= 1;
    br_ssl_engine_sendrec_ack(engine, size);
}

/* Lets the server read and calculate; it sends nothing. */
static void fs_run(FsServer *fs)
{
    br_ssl_engine_context *engine = &fs->server.eng;
    for (;;) {
        unsigned state = br_ssl_engine_current_state(engine);
        size_t size = 0;
        if (state & BR_SSL_CLOSED)
            return;
        if (state & BR_SSL_SENDREC) {
            fs_take_record(fs);
        } else if (state & BR_SSL_RECVAPP) {
            unsigned char *data = br_ssl_engine_recvapp_buf(engine, &size);
            buf_add(&fs->in, (Str){(char *)data, (ptrdiff_t)size});
            br_ssl_engine_recvapp_ack(engine, size);
        } else {
            unsigned char *to = br_ssl_engine_recvrec_buf(engine, &size);
            ssize_t n = to ? recv(fs->fd, to, size, 0) : 0;
            if (n <= 0)
                return;
            br_ssl_engine_recvrec_ack(engine, (size_t)n);
        }
    }
}

static void fs_send(FsServer *fs, Str bytes)
{
    CHECK_INT(send(fs->fd, bytes.ptr, (size_t)bytes.len, 0), bytes.len);
}

/* Sends what is in a buffer of the server, and empties it. */
static void fs_send_all(FsServer *fs, Buf *from)
{
    fs_send(fs, buf_str(from));
    from->len = 0;
}

/* A transfer whose connection is the socket pair, as after a TCP connect. */
static HttpXfer *fs_start(FsServer *fs, HttpPool *pool, Str method)
{
    static Term term;
    fs_reset(fs);
    pool->term = &term;
    pool->trust = &fs->trust;
    HttpXfer *x = pool_add(pool, &(HttpReq){.method = method,
                                            .url = {.scheme = S("https"),
                                                    .host = S(FS_HOST),
                                                    .port = 443,
                                                    .path = S("/")},
                                            .accept = S("*/*"),
                                            .changes = true,
                                            .timeout = 60000});
    x->conn = http_new_conn(x, dup(fs->client));
    x->try_began = os_now();
    http_enter(pool, x, HTTP_PROXY);
    return x;
}

/* Runs both until the client has sent its request, or all that it can: the
 * server's last records are kept. */
static void fs_exchange(FsServer *fs, HttpPool *pool)
{
    for (int i = 0; i < FS_TURNS && !fs->last.len; i++) {
        pool_turn(pool, 0);
        fs_run(fs);
        fs_send_all(fs, &fs->out);
    }
    pool_turn(pool, 0);
    fs_run(fs);
}

static void fs_end(HttpPool *pool, HttpXfer *x)
{
    pool->active = NULL;
    pool_end(x);
    pool_free(pool);
}

/* The request is with the server before it has sent its Finished. Its last
 * records, and the response, arrive one byte at a time: no session, and nothing
 * of the response, before the Finished is complete. */
static void test_false_start(void)
{
    FsServer *fs = fs_new();
    HttpPool pool = {0};
    unit_at(S("a False Start"));
    HttpXfer *x = fs_start(fs, &pool, S("POST"));
    fs_exchange(fs, &pool);
    CHECK(x->state == HTTP_HEADER && x->sent && http_is_early(x));
    CHECK(str_starts(buf_str(&fs->in), S("POST / HTTP/1.1\r\n")));
    CHECK(str_ends(buf_str(&fs->in), S("\r\n\r\n")));
    CHECK(!tls_is_ready(x->conn->tls) && !pool.sessions[0].host[0]);
    ptrdiff_t finished = fs->last.len;
    fs_encrypt(fs, &fs->last, TLS_RECORD_DATA, S(FS_RESPONSE));
    for (ptrdiff_t i = 0; i < fs->last.len; i++) {
        CHECK(x->state == HTTP_HEADER && !x->header.len);
        CHECK_INT(http_is_early(x), i < finished);
        CHECK_INT(pool.sessions[0].host[0] != 0, i >= finished);
        CHECK_INT(tls_is_ready(x->conn->tls), i >= finished);
        CHECK_INT(x->deadline - os_now() > HTTP_CONNECT_MS, i >= finished);
        fs_send(fs, str_slice(buf_str(&fs->last), i, i + 1));
        pool_turn(&pool, 0);
    }
    CHECK(x->state == HTTP_DONE && !pool.no_early);
    CHECK_STR(x->res.body, S("good"));
    CHECK_INT(pool.sessions[0].tls.session_id_len, 32);
    fs_end(&pool, x);
    fs_free(fs);
}

/* What a server that knows the keys sends before its Finished, or a wrong
 * Finished, is an error that is not retried. */
static void test_false_start_forged(void)
{
    static const FsRecord data[] = {{TLS_RECORD_DATA, L(FS_FORGED)}, {0}};
    static const FsRecord pieces[] = {
        {TLS_RECORD_DATA, L("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n")},
        {TLS_RECORD_DATA, L("\r\nevil")},
        {0}};
    static const FsRecord inside[] = {{FS_HANDSHAKE, L("\x14\0\0\x0c")},
                                      {TLS_RECORD_DATA, L(FS_FORGED)},
                                      {0}};
    static const FsRecord wrong[] = {
        {FS_HANDSHAKE, L("\x14\0\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0")},
        {TLS_RECORD_DATA, L(FS_FORGED)},
        {0}};
    static const FsRecord hello[] = {
        {FS_HANDSHAKE, L("\0\0\0\0")}, {TLS_RECORD_DATA, L(FS_FORGED)}, {0}};
    static const FsRecord alert[] = {
        {FS_ALERT, L("\x01\x5a")}, {TLS_RECORD_DATA, L(FS_FORGED)}, {0}};
    static const struct {
        const char *row;
        const FsRecord *before;
        bool wrong;
        int error;
    } rows[] = {
        {"a response before the Finished", data, false, BR_ERR_UNEXPECTED},
        {"in two records", pieces, false, BR_ERR_UNEXPECTED},
        {"within the Finished", inside, false, BR_ERR_UNEXPECTED},
        {"after a Finished of zeros", wrong, false, BR_ERR_BAD_FINISHED},
        {"after a HelloRequest", hello, false, BR_ERR_UNEXPECTED},
        {"after a warning", alert, false, BR_ERR_UNEXPECTED},
        {"a Finished with another secret", NULL, true, BR_ERR_BAD_FINISHED},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        FsServer *fs = fs_new();
        HttpPool pool = {.max_wait = 60000};
        unit_at(str_from(rows[i].row));
        fs->before = rows[i].before;
        fs->wrong = rows[i].wrong;
        HttpXfer *x = fs_start(fs, &pool, S("GET"));
        x->req.repeatable = true;
        fs_exchange(fs, &pool);
        CHECK(x->state == HTTP_HEADER && http_is_early(x));
        const Tls *tls = x->conn->tls;
        fs_encrypt(fs, &fs->last, TLS_RECORD_DATA, S(FS_FORGED));
        fs_send_all(fs, &fs->last);
        /* not with pool_turn(), which would free `tls` */
        CHECK_INT(pool_step(&pool, x), STEP_FAILED);
        CHECK_INT(br_ssl_engine_last_error(&tls->client.eng), rows[i].error);
        CHECK(http_is_early(x) && !x->header.len && !pool.sessions[0].host[0]);
        CHECK_INT(pool_on_failure(&pool, x), STEP_FAILED);
        CHECK_INT(x->err.code, EXIT_NETWORK);
        CHECK_INT(x->state, HTTP_FAILED);
        fs_end(&pool, x);
        fs_free(fs);
    }
}

/* A connection that ends before the Finished, with the warning close_notify
 * (encrypted) or without it: data that was sent early counts as sent. */
static void test_false_start_closed(void)
{
    static const FsRecord notify[] = {{FS_ALERT, L("\x01\0")}, {0}};
    for (int i = 0; i < 4; i++) {
        FsServer *fs = fs_new();
        HttpPool pool = {.max_wait = 60000};
        bool repeatable = i & 1;
        unit_at(repeatable ? S("a GET") : S("a POST"));
        fs->before = i & 2 ? notify : NULL;
        HttpXfer *x = fs_start(fs, &pool, S("X"));
        x->req.repeatable = repeatable;
        fs_exchange(fs, &pool);
        CHECK(x->state == HTTP_HEADER && x->sent && http_is_early(x));
        if (fs->before)
            fs_send_all(fs, &fs->last);
        shutdown(fs->fd, SHUT_RDWR);
        HttpStep step = STEP_AGAIN;
        while (step == STEP_AGAIN)
            step = pool_step(&pool, x);
        CHECK_INT(step, STEP_FAILED);
        CHECK_INT(pool_on_failure(&pool, x),
                  repeatable ? STEP_AGAIN : STEP_FAILED);
        CHECK_INT(x->state, repeatable ? HTTP_WAIT : HTTP_FAILED);
        CHECK(!repeatable || pool_wake_at(&pool, x) <= os_now());
        CHECK(pool.no_early && !pool.sessions[0].host[0]);
        Str message = str_from(x->err.message);
        CHECK_INT(str_find(message, S("may have taken effect")) >= 0,
                  !repeatable);
        fs_end(&pool, x);
        fs_free(fs);
    }
}

/* Without ALPN, or after a server did not support it, nothing is sent early. */
static void test_false_start_not(void)
{
    for (int i = 0; i < 2; i++) {
        FsServer *fs = fs_new();
        HttpPool pool = {.no_early = i == 1};
        unit_at(i ? S("after a failure") : S("no ALPN"));
        fs->alpn = i == 1;
        HttpXfer *x = fs_start(fs, &pool, S("GET"));
        fs_exchange(fs, &pool);
        CHECK(x->state == HTTP_TLS && !x->sent && !pool.sessions[0].host[0]);
        CHECK(!fs->in.len && !http_is_early(x));
        fs_send_all(fs, &fs->last);
        pool_turn(&pool, 0);
        fs_run(fs);
        CHECK(x->state == HTTP_HEADER && x->sent && pool.sessions[0].host[0]);
        CHECK(str_starts(buf_str(&fs->in), S("GET / HTTP/1.1\r\n")));
        fs_end(&pool, x);
        fs_free(fs);
    }
}

/* A server that confirms a protocol that was not offered is refused. */
static void test_false_start_protocol(void)
{
    FsServer *fs = fs_new();
    HttpPool pool = {.max_wait = 60000};
    unit_at(S("another protocol"));
    fs->other = true;
    HttpXfer *x = fs_start(fs, &pool, S("GET"));
    x->req.repeatable = true;
    fs_exchange(fs, &pool);
    CHECK(x->state == HTTP_FAILED && !x->sent && !fs->in.len);
    CHECK(str_find(str_from(x->err.message), S("violates the protocol")) >= 0);
    fs_end(&pool, x);
    fs_free(fs);
}

/* Runs a handshake in small steps. Returns how often a False Start could begin
 * before it was done: after all that the client has sent. */
static int fs_chances(FsServer *fs, Tls *tls)
{
    int chances = 0;
    fs_reset(fs);
    for (int i = 0; i < 20 * FS_TURNS && !tls_is_ready(tls); i++) {
        TlsPump pump = {0};
        CHECK(!tls_pump(tls, fs->client, &pump) && !tls_failed(tls));
        bool ready = tls_is_ready(tls);
        if (tls_begin_early(tls)) {
            CHECK(!ready && !tls->client.eng.application_data);
            CHECK(fs->last.len || !fs->out.len);
            chances++;
            tls->early = false;
        }
        fs_run(fs);
        Buf *from = fs->out.len ? &fs->out : &fs->last;
        if (!from->len)
            continue;
        fs_send(fs, str_slice(buf_str(from), 0, 1));
        memmove(from->ptr, from->ptr + 1, (size_t)--from->len);
    }
    CHECK(tls_is_ready(tls) && !tls_begin_early(tls));
    CHECK_INT(fs->server.eng.application_data, 1);
    return chances;
}

/* It can begin in a full handshake, only between the two Finished, and never if
 * a session is resumed. */
static void test_false_start_when(void)
{
    FsServer *fs = fs_new();
    Tls *tls = tls_new(&fs->arena, &fs->trust);
    TlsSession session;
    unit_at(S("a full handshake"));
    CHECK(!tls_begin_early(tls));
    CHECK(tls_start(tls, FS_HOST, NULL, os_now() + 60000));
    CHECK(!tls_begin_early(tls));
    /* once for each byte of the ChangeCipherSpec and the Finished, at most */
    int chances = fs_chances(fs, tls);
    CHECK(chances > 40 && chances <= 51);
    tls_save_session(tls, &session);
    unit_at(S("a resumed session"));
    tls = tls_new(&fs->arena, &fs->trust);
    CHECK(tls_start(tls, FS_HOST, &session, os_now() + 60000));
    CHECK_INT(fs_chances(fs, tls), 0);
    CHECK(!memcmp(fs->server.eng.session.master_secret, session.master_secret,
                  sizeof(session.master_secret)));
    fs_free(fs);
}
