/* Unit tests: TLS. */
#include "check.h"

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
        {L("Zm9v=mFyYmFy"), L("foo")},
        {L("Z\nm9vYmFyYmF6"), L("foobarbaz")},
        {L("Zm9vYm\nFyYmF6cXV4"), L("foobarbazqux")},
        {L("Zm9vYm\xff"
           "FyYmF6"),
         L("foobarbaz")},
        {L("Zm9vYmFyYmF"), L("foobarba")},
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
        {"the END label differs from the BEGIN label",
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
    CHECK(!(cert.flags & TLS_HAS_PATH_LEN));
    CHECK_INT(cert.from, 1795474979);
    CHECK_INT(cert.until, 2110834979);
    CHECK(cert.key.key_type == BR_KEYTYPE_EC && cert.key.key.ec.qlen == 65);
    CHECK_STR(tls_common_name(cert.subject), S("Unit CA"));
    CHECK_STR(tls_common_name(to.anchors[299].subject), S("Unit CA"));
    CHECK(tls_same_name(cert.subject, cert.issuer));
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
        limited += (cert.flags & TLS_HAS_PATH_LEN) != 0;
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
    const Str start = S("TLS with h.x failed: ");
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

/* Types of records (RFC 5246, 6.2.1). */
enum { UNIT_HANDSHAKE = 22, UNIT_DATA = 23 };

/* A client and a server, which is BearSSL's own, in one process. */
typedef struct {
    Arena arena;
    Tls *tls;
    br_ssl_server_context server;
    unsigned char buffer[BR_SSL_BUFSIZE_BIDI];
    int fds[2]; /* of the client and the server */
} UnitTls;

/* The key of the server, P-256: a private key of 1, and so its generator. */
static unsigned char unit_tls_key[] = {1};
static unsigned char unit_tls_public[BR_EC_KBUF_PUB_MAX_SIZE];

/* Instead of tls_chain_end(): any certificate is that of the key above. */
static unsigned unit_tls_chain_end(const br_x509_class **at)
{
    const br_ec_private_key key = {BR_EC_secp256r1, unit_tls_key, 1};
    br_ec_public_key public = {0};
    TlsJudge *judge = tls_judge_of(at);
    br_ec_compute_pub(br_ec_get_default(), &public, unit_tls_public, &key);
    judge->key = (br_x509_pkey){.key_type = BR_KEYTYPE_EC, .key.ec = public};
    return 0;
}

/* Moves the server's records, as far as the socket allows. */
static void unit_tls_serve(UnitTls *t)
{
    br_ssl_engine_context *engine = &t->server.eng;
    for (ptrdiff_t n = 1; n > 0;) {
        unsigned state = br_ssl_engine_current_state(engine);
        size_t size = 0;
        n = 0;
        if (state & BR_SSL_SENDREC) {
            unsigned char *out = br_ssl_engine_sendrec_buf(engine, &size);
            n = os_send(t->fds[1], out, (ptrdiff_t)size, OS_LAST);
            if (n > 0)
                br_ssl_engine_sendrec_ack(engine, (size_t)n);
        } else if (state & BR_SSL_RECVREC) {
            unsigned char *in = br_ssl_engine_recvrec_buf(engine, &size);
            n = os_receive(t->fds[1], in, (ptrdiff_t)size);
            if (n > 0)
                br_ssl_engine_recvrec_ack(engine, (size_t)n);
        }
    }
}

/* Sends one record from the server. */
static void unit_tls_send(UnitTls *t, int type, Str bytes)
{
    size_t space = 0;
    t->server.eng.record_type_out = (uint8_t)type;
    unsigned char *to = br_ssl_engine_sendapp_buf(&t->server.eng, &space);
    CHECK(to && (ptrdiff_t)space >= bytes.len);
    memcpy(to, bytes.ptr, (size_t)bytes.len);
    br_ssl_engine_sendapp_ack(&t->server.eng, (size_t)bytes.len);
    br_ssl_engine_flush(&t->server.eng, 0);
    unit_tls_serve(t);
}

/* Connects the two. */
static void unit_tls_connect(UnitTls *t)
{
    static br_x509_class validator;
    static const TlsTrust trust;
    static unsigned char der[] = "a certificate";
    static const br_x509_certificate chain = {der, sizeof(der)};
    static const br_ec_private_key key = {BR_EC_secp256r1, unit_tls_key, 1};
    validator = tls_validator;
    validator.end_chain = unit_tls_chain_end;
    CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, t->fds));
    br_ssl_server_init_minf2g(&t->server, &chain, 1, &key);
    br_ssl_engine_set_buffer(&t->server.eng, t->buffer, sizeof(t->buffer), 1);
    br_ssl_engine_inject_entropy(&t->server.eng, "not random, for tests", 21);
    CHECK(br_ssl_server_reset(&t->server));
    t->tls = tls_new(&t->arena, &trust);
    t->tls->judge.vtable = &validator;
    CHECK(tls_start(t->tls, "h.x", NULL, os_now() + 1000));
    for (int i = 0; i < 10; i++) {
        CHECK(!tls_pump(t->tls, t->fds[0], &(TlsPump){0}));
        unit_tls_serve(t);
    }
    CHECK(tls_is_ready(t->tls) && !tls_failed(t->tls));
}

/* A record that ends with the start of another handshake message must not leave
 * a connection on which nothing is ever read again. */
static void test_tls_stuck(void)
{
    static const struct {
        Str bytes; /* of a record with handshake messages */
        bool fails;
    } rows[] = {
        {L("\0\0\0\0"), false}, /* HelloRequest */
        {L("\0\0\0\0\0"), true},
        {L("\0\0\0\0\0\0\0\0"), true},
        {L("\x14\0\0\x0c"), true}, /* Finished */
    };
    for (int i = 0; i < COUNT(rows); i++) {
        UnitTls *t = calloc(1, sizeof(*t));
        TlsPump pump = {0};
        char data[8];
        unit_tls_connect(t);
        unit_at(rows[i].bytes);
        unit_tls_send(t, UNIT_HANDSHAKE, rows[i].bytes);
        CHECK(!tls_pump(t->tls, t->fds[0], &pump));
        CHECK_INT(tls_failed(t->tls), rows[i].fails);
        if (!rows[i].fails) {
            unit_tls_send(t, UNIT_DATA, S("data"));
            CHECK(!tls_pump(t->tls, t->fds[0], &pump));
            ptrdiff_t n = tls_read(t->tls, data, sizeof(data));
            CHECK_STR(((Str){data, n}), S("data"));
        }
        close(t->fds[0]);
        close(t->fds[1]);
        arena_free(&t->arena);
        free(t);
    }
}

/* Certificates made for these tests, in base64 and valid until 2081: R signs M,
 * which signs L, the certificate of a.b.c and d.e.f. OTHER has M's name and key,
 * but is another certificate. */
#define KNOWN_ROOT \
    "MIIBLTCB1aADAgECAhQ/tGPMXiqQP9PhykGBC4OtGyPf9jAKBggqhkjOPQQDAjAM" \
    "MQowCAYDVQQDDAFSMCAXDTIwMDEyNjIxMTEyNVoYDzIwODEwOTAyMjExMTI1WjAM" \
    "MQowCAYDVQQDDAFSMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEOLieoe+48hhu" \
    "9ybavVpn6wlrv6Ib4k0/XirBJD8rKqwP2fT2sJZ6ba5MmZWOptYt8TSt6sYoR8Vo" \
    "NPJ+DUi7h6MTMBEwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiBB" \
    "n+460NpOT9vuFmLlLL6wvMf60lPHkA6Mp5UjMDo9jwIgL2vy2Yax418NAx6dbjbs" \
    "KOSugzgIvbqXmApKPpGNEHg="
#define KNOWN_MIDDLE \
    "MIIBLzCB1aADAgECAhQ2npJjA/cN0Pm0CIAidcXX/lwYwDAKBggqhkjOPQQDAjAM" \
    "MQowCAYDVQQDDAFSMCAXDTIwMDEyNjIxMTEyNVoYDzIwODEwOTAyMjExMTI1WjAM" \
    "MQowCAYDVQQDDAFNMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEiwM4KhMcwTM9" \
    "Z4Cj3ScPOu4yzEhhrsBlnxr9oJoKDFP4FC0n6wuUF+5LoW2n26QOmIgWBtZz6kQz" \
    "7eYDQI7hy6MTMBEwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA" \
    "pJ5yepC1BHzhL2z6JZG/sYk1PJzaeD3l7ekeHuD2+WkCIQDXafHzvveXUyoN9ECy" \
    "Zwi8HjzD+hQyOF368dx+Rl9iRQ=="
#define KNOWN_LEAF \
    "MIIBNjCB3aADAgECAhRUG7cWm3OukFJD9BFd0m04ky9v8DAKBggqhkjOPQQDAjAM" \
    "MQowCAYDVQQDDAFNMCAXDTIwMDEyNjIxMTEyNVoYDzIwODEwOTAyMjExMTI1WjAM" \
    "MQowCAYDVQQDDAFMMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGW9OrewL6dUj" \
    "UBCcdXoGDOEaqecmSaAV8Ae7QEft8uEcbkZ669JuRLvXSV9Ldd9CMdu1hzbR0p/C" \
    "NzrKDQj8I6MbMBkwFwYDVR0RBBAwDoIFYS5iLmOCBWQuZS5mMAoGCCqGSM49BAMC" \
    "A0gAMEUCIBqEQKNdi/CCX536PecKCCgHfAqsFQ02dB8uN4drD3nkAiEAixPacnwH" \
    "D/liKPNm7cCh4skf4GZHDCC6GvWmPR9Q7Ig="
#define KNOWN_OTHER \
    "MIIBLzCB1aADAgECAhRX86BaDBTn2rxCUkST+y54MX2pdjAKBggqhkjOPQQDAjAM" \
    "MQowCAYDVQQDDAFSMCAXDTIwMDEyNjIxMTEyNVoYDzIwODEwOTAyMjExMTI1WjAM" \
    "MQowCAYDVQQDDAFNMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEiwM4KhMcwTM9" \
    "Z4Cj3ScPOu4yzEhhrsBlnxr9oJoKDFP4FC0n6wuUF+5LoW2n26QOmIgWBtZz6kQz" \
    "7eYDQI7hy6MTMBEwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA" \
    "12QVWzXkwiopTnPqSHYOFSnMSHO9KHo7XkMxYBE1+SECIQDVKgLnawr6buH+9Nki" \
    "oW7QmNvEyQQwfV3msdo3l/DFgw=="

/* Judges these certificates with the validator. They are in base64, separated
 * by blanks; "-" joins the one before it and the one after it. */
static TlsFault unit_judge(const TlsTrust *trust, const char *host, Str chain)
{
    static TlsJudge judge;
    Arena arena = {0};
    judge = (TlsJudge){.vtable = &tls_validator,
                       .trust = trust,
                       .arena = &arena,
                       .until = os_now() + 60000};
    const br_x509_class **at = &judge.vtable;
    tls_validator.start_chain(at, host);
    while (chain.len) {
        Str text = str_cut(&chain, ' ');
        Buf der = buf_new(&arena, 200L * KIB);
        while (text.len)
            buf_add(&der, tls_base64(&arena, str_cut(&text, '-')));
        tls_validator.start_cert(at, (uint32_t)der.len);
        tls_validator.append(at, (const unsigned char *)der.ptr,
                             (size_t)der.len);
        tls_validator.end_cert(at);
    }
    unsigned code = tls_validator.end_chain(at);
    const br_x509_pkey *key = tls_validator.get_pkey(at, NULL);
    CHECK(!code == !judge.fault && !judge.fault == !!key);
    CHECK(!key || (key->key_type == BR_KEYTYPE_EC && key->key.ec.qlen == 65 &&
                   (char *)key->key.ec.q > judge.chain.ptr &&
                   (char *)key->key.ec.q < judge.chain.ptr + judge.chain.len));
    TlsFault fault = judge.fault;
    arena_free(&arena);
    return fault;
}

/* A trust store with the root of the known chains. */
static TlsTrust unit_known_root(Arena *arena, TlsKnown *known)
{
    TlsAnchors to = {.arena = arena};
    tls_add_certificate(&to, tls_base64(arena, S(KNOWN_ROOT)), false);
    return (TlsTrust){.anchors = to.anchors, .count = 1, .known = known};
}

/* What is valid once stays valid without anchors, which shows that it is known;
 * and nothing else is. */
static void test_tls_known(void)
{
    static const struct {
        const char *row;
        const char *host;
        Str chain;
    } rows[] = {
        {"another host name", "d.e.f", L(KNOWN_LEAF " " KNOWN_MIDDLE)},
        {"the same name in capitals", "A.B.C", L(KNOWN_LEAF " " KNOWN_MIDDLE)},
        {"a name that it does not have", "x.y.z",
         L(KNOWN_LEAF " " KNOWN_MIDDLE)},
        {"another authority", "a.b.c", L(KNOWN_LEAF " " KNOWN_OTHER)},
        {"no authority", "a.b.c", L(KNOWN_LEAF)},
        {"one more", "a.b.c", L(KNOWN_LEAF " " KNOWN_MIDDLE " " KNOWN_ROOT)},
        {"one twice", "a.b.c", L(KNOWN_LEAF " " KNOWN_MIDDLE " " KNOWN_MIDDLE)},
        {"an empty one", "a.b.c", L(KNOWN_LEAF " " KNOWN_MIDDLE " =")},
        {"a byte more", "a.b.c", L(KNOWN_LEAF " " KNOWN_MIDDLE "-AA")},
        {"another order", "a.b.c", L(KNOWN_MIDDLE " " KNOWN_LEAF)},
        {"two in one", "a.b.c", L(KNOWN_LEAF "-" KNOWN_MIDDLE)},
        {"nothing", "a.b.c", L("")},
    };
    const Str chain = S(KNOWN_LEAF " " KNOWN_MIDDLE);
    Arena arena = {0};
    TlsKnown known = {0};
    const TlsTrust full = unit_known_root(&arena, &known);
    const TlsTrust bare = {.known = &known};
    unit_at(S("known"));
    CHECK_INT(unit_judge(&bare, "a.b.c", chain), TLS_UNTRUSTED);
    CHECK_INT(unit_judge(&full, "x.y.z", chain), TLS_OTHER_NAME);
    CHECK_INT(unit_judge(&full, "a.b.c", S(KNOWN_LEAF)), TLS_UNTRUSTED);
    CHECK_INT(known.count, 0); /* none was valid */
    CHECK_INT(unit_judge(&full, "a.b.c", chain), TLS_OK);
    CHECK_INT(unit_judge(&full, "a.b.c", chain), TLS_OK);
    CHECK_INT(known.count, 1);
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(str_from(rows[i].row));
        CHECK(unit_judge(&bare, rows[i].host, rows[i].chain) != TLS_OK);
        CHECK_INT(unit_judge(&bare, "a.b.c", chain), TLS_OK);
    }
    unit_at(S("other anchors"));
    const TlsTrust others[] = {{.known = &(TlsKnown){0}}, {0}};
    for (int i = 0; i < COUNT(others); i++)
        CHECK_INT(unit_judge(&others[i], "a.b.c", chain), TLS_UNTRUSTED);
    arena_free(&arena);
}

/* A known chain is validated again once a certificate of its path has expired,
 * or the anchor. Only the newest chains are kept. */
static void test_tls_known_limits(void)
{
    const Str chain = S(KNOWN_LEAF " " KNOWN_MIDDLE);
    const int64_t now = os_wall() / 1000;
    Arena arena = {0};
    TlsKnown known = {0};
    const TlsTrust full = unit_known_root(&arena, &known);
    const TlsTrust bare = {.known = &known};
    unit_at(S("dates"));
    CHECK_INT(unit_judge(&full, "a.b.c", chain), TLS_OK);
    TlsCert leaf = {0};
    Str der = tls_base64(&arena, S(KNOWN_LEAF));
    CHECK(tls_read_certificate(&der, &leaf));
    CHECK(known.chains[0].from >= leaf.from && known.chains[0].from < now);
    CHECK(known.chains[0].until <= leaf.until && known.chains[0].until > now);
    known.chains[0].until = now - 1;
    CHECK_INT(unit_judge(&bare, "a.b.c", chain), TLS_UNTRUSTED);
    known.chains[0].from = now + 60;
    known.chains[0].until = now + 90;
    CHECK_INT(unit_judge(&bare, "a.b.c", chain), TLS_UNTRUSTED);
    CHECK_INT(unit_judge(&full, "a.b.c", chain), TLS_OK);
    CHECK_INT(known.count, 1); /* in its old place */
    CHECK_INT(unit_judge(&bare, "a.b.c", chain), TLS_OK);
    unit_at(S("the dates of an anchor"));
    TlsCert certs[1] = {{.from = 100, .until = 900}};
    TlsSearch search = {.certs = certs, .from = 300, .until = 700};
    unsigned char id[br_sha256_SIZE] = {1};
    tls_add_known(&known, id, &search);
    CHECK_INT(known.chains[1].from, 300);
    CHECK_INT(known.chains[1].until, 700);
    unit_at(S("the newest"));
    for (; known.count <= TLS_KNOWN; id[0]++)
        tls_add_known(&known, id, &search);
    CHECK_INT(known.count, TLS_KNOWN + 1);
    CHECK_INT(unit_judge(&bare, "a.b.c", chain), TLS_UNTRUSTED);
    id[0] = 1;
    CHECK(tls_find_known(&known, id) == &known.chains[1]);
    arena_free(&arena);
}

/* A chain that does not fit is refused, even if its start is known. */
static void test_tls_known_long(void)
{
    Arena arena = {0};
    TlsKnown known = {0};
    Buf chain = buf_new(&arena, MIB);
    Buf many = buf_new(&arena, MIB);
    const TlsTrust full = unit_known_root(&arena, &known);
    const TlsTrust bare = {.known = &known};
    unit_at(S("long"));
    CHECK_INT(unit_judge(&full, "a.b.c", S(KNOWN_LEAF " " KNOWN_MIDDLE)),
              TLS_OK);
    buf_add(&chain, S(KNOWN_LEAF " " KNOWN_MIDDLE " "));
    for (int i = 0; i < TLS_CHAIN_MAX; i += 3)
        buf_add(&chain, S("AAAA"));
    CHECK_INT(unit_judge(&full, "a.b.c", buf_str(&chain)), TLS_CHAIN_SIZE);
    CHECK_INT(unit_judge(&full, "a.b.c", buf_str(&chain)), TLS_CHAIN_SIZE);
    CHECK_INT(known.count, 1);
    unit_at(S("many"));
    buf_add(&many, S(KNOWN_LEAF " " KNOWN_MIDDLE));
    for (int i = 0; i < 2 * TLS_CHAIN_COUNT; i++)
        buf_add(&many, S(" AAAA"));
    CHECK_INT(unit_judge(&bare, "a.b.c", buf_str(&many)), TLS_UNTRUSTED);
    CHECK_INT(unit_judge(&full, "a.b.c", buf_str(&many)), TLS_OK);
    CHECK_INT(unit_judge(&bare, "a.b.c", buf_str(&many)), TLS_OK);
    arena_free(&arena);
}

static void test_tls_known_trust(void)
{
    Arena arena = {0};
    TlsTrust trust = {0};
    Err err = {0};
    unit_at(S("the trust of a run"));
    unit_write_file("root.pem", S(PEM_BEGIN KNOWN_ROOT "\n" PEM_END));
    CHECK(
        tls_load_trust(&arena, S("root.pem"), os_now() + 60000, &trust, &err));
    const Str chain = S(KNOWN_LEAF " " KNOWN_MIDDLE);
    CHECK_INT(unit_judge(&trust, "a.b.c", chain), TLS_OK);
    trust.count = 0;
    CHECK_INT(unit_judge(&trust, "a.b.c", chain), TLS_OK);
    CHECK_INT(unit_judge(&trust, "d.e.f", chain), TLS_UNTRUSTED);
    unit_remove("root.pem");
    arena_free(&arena);
}
