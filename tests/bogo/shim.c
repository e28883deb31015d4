/*
 * The shim of BoringSSL's test runner ("BoGo"). The runner is a TLS server with
 * thousands of deliberate faults; it starts this program once a test, and
 * PORTING.md beside its sources describes the flags. The shim connects with the
 * TLS section of hs.c, as the HTTP section does, and echoes what it receives
 * with each bit inverted.
 *
 * Exit codes: 0, the connection succeeded; 1, hs refused it or it was lost, and
 * stderr has the reason; 89, the test needs what hs does not have. In that case
 * its flag is added to the file in HS_BOGO_SKIPPED.
 *
 * Certificates: the runner's are self-signed, have expired and are signed with
 * SHA-1. The validator is that of hs, but hs judges only the server's own
 * certificate, as of the day when it was made; see shim_judge().
 */
#define _GNU_SOURCE
#include <bearssl.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

/* Set by -async: each second call blocks, and the others move one byte. The
 * calls are counted apart, because one count would starve one of the two. */
static bool shim_stutters;

static ssize_t shim_recv(int fd, void *to, size_t size, int flags)
{
    static unsigned calls;
    if (!shim_stutters)
        return recv(fd, to, size, flags);
    if (calls++ % 2)
        return recv(fd, to, 1, flags);
    errno = EAGAIN;
    return -1;
}

static ssize_t shim_send(int fd, const void *from, size_t size, int flags)
{
    static unsigned calls;
    if (!shim_stutters)
        return send(fd, from, size, flags);
    if (calls++ % 2)
        return send(fd, from, 1, flags);
    errno = EAGAIN;
    return -1;
}

/* The protocols of -advertise-alpn, which replace that of hs. */
static const char *shim_protocols[8];
static size_t shim_protocol_count;

static void shim_set_protocols(br_ssl_engine_context *engine,
                               const char **names, size_t count)
{
    bool replace = shim_protocol_count > 0;
    br_ssl_engine_set_protocol_names(engine, replace ? shim_protocols : names,
                                     replace ? shim_protocol_count : count);
}

#define br_ssl_engine_set_protocol_names shim_set_protocols
#define recv shim_recv
#define send shim_send
#define HS_TEST 1
#include "../../hs.c"

enum {
    SHIM_REFUSED = 1,
    SHIM_SKIPPED = 89,
    SHIM_WAIT_MS = 5000,
    SHIM_READ_MAX = 16384,
    SHIM_TLS12 = 0x0303
};

/* The flags of one connection. */
typedef struct {
    const char *host;
    const char *protocols; /* each after its length, a byte */
    const char *protocol;
    int port;
    int resume_count;
    int read_size;
    int min_version;
    int max_version;
    int version;
    int curve;
    int cipher;
    int renegotiations;
    unsigned curves; /* a bit for each */
    bool async;
    bool writes_first;
    bool shuts_down;
    bool check_close;
    bool verify_fail;
    bool session_miss;
    bool no_session;
    bool never_done;
    bool false_start;
    bool safe_renegotiation;
    bool no_safe_renegotiation;
} ShimConfig;

/* What follows a flag, and what the shim does with it. */
typedef enum {
    SHIM_NOTHING, /* hs does so anyway */
    SHIM_ON,
    SHIM_NUMBER,
    SHIM_ANY_NUMBER, /* not used */
    SHIM_TEXT,
    SHIM_CURVE,    /* one that hs offers */
    SHIM_SIGNATURE /* one of the algorithms that hs offers */
} ShimKind;

typedef struct {
    const char *name;
    ShimKind kind;
    size_t at; /* of the field in ShimConfig */
} ShimFlag;

#define SHIM_FIELD(name) offsetof(ShimConfig, name)

static const ShimFlag shim_flags[] = {
    {"-port", SHIM_NUMBER, SHIM_FIELD(port)},
    {"-resume-count", SHIM_NUMBER, SHIM_FIELD(resume_count)},
    {"-read-size", SHIM_NUMBER, SHIM_FIELD(read_size)},
    {"-min-version", SHIM_NUMBER, SHIM_FIELD(min_version)},
    {"-max-version", SHIM_NUMBER, SHIM_FIELD(max_version)},
    {"-host-name", SHIM_TEXT, SHIM_FIELD(host)},
    {"-advertise-alpn", SHIM_TEXT, SHIM_FIELD(protocols)},
    {"-expect-alpn", SHIM_TEXT, SHIM_FIELD(protocol)},
    {"-false-start", SHIM_ON, SHIM_FIELD(false_start)},
    {"-curves", SHIM_CURVE, SHIM_FIELD(curves)},
    {"-async", SHIM_ON, SHIM_FIELD(async)},
    {"-shim-writes-first", SHIM_ON, SHIM_FIELD(writes_first)},
    {"-shim-shuts-down", SHIM_ON, SHIM_FIELD(shuts_down)},
    {"-check-close-notify", SHIM_ON, SHIM_FIELD(check_close)},
    {"-verify-fail", SHIM_ON, SHIM_FIELD(verify_fail)},
    {"-handshake-never-done", SHIM_ON, SHIM_FIELD(never_done)},
    {"-expect-version", SHIM_NUMBER, SHIM_FIELD(version)},
    {"-expect-curve-id", SHIM_NUMBER, SHIM_FIELD(curve)},
    {"-expect-cipher-aes", SHIM_NUMBER, SHIM_FIELD(cipher)},
    {"-expect-cipher", SHIM_NUMBER, SHIM_FIELD(cipher)},
    {"-expect-session-miss", SHIM_ON, SHIM_FIELD(session_miss)},
    {"-expect-no-session", SHIM_ON, SHIM_FIELD(no_session)},
    {"-expect-total-renegotiations", SHIM_NUMBER, SHIM_FIELD(renegotiations)},
    {"-expect-secure-renegotiation", SHIM_ON, SHIM_FIELD(safe_renegotiation)},
    {"-expect-no-secure-renegotiation", SHIM_ON,
     SHIM_FIELD(no_safe_renegotiation)},
    {"-expect-peer-signature-algorithm", SHIM_ANY_NUMBER, 0},
    {"-verify-prefs", SHIM_SIGNATURE, 0},
    {"-implicit-handshake", SHIM_NOTHING, 0},
    {"-verify-peer", SHIM_NOTHING, 0},
    {"-use-custom-verify-callback", SHIM_NOTHING, 0},
    {"-expect-verify-result", SHIM_NOTHING, 0},
    {"-no-ticket", SHIM_NOTHING, 0},
    {"-no-tls1", SHIM_NOTHING, 0},
    {"-no-tls11", SHIM_NOTHING, 0},
    {"-no-tls13", SHIM_NOTHING, 0},
    {"-peek-then-read", SHIM_NOTHING, 0},
    {"-renegotiate-ignore", SHIM_NOTHING, 0},
    {"-forbid-renegotiation-after-handshake", SHIM_NOTHING, 0},
    {"-enforce-rsa-key-usage", SHIM_NOTHING, 0},
    {"-expect-no-hrr", SHIM_NOTHING, 0},
    {"-expect-no-offer-early-data", SHIM_NOTHING, 0},
};

/* The curves that hs offers: their numbers on the wire are also BearSSL's. */
#define SHIM_CURVES \
    (1U << BR_EC_secp256r1 | 1U << BR_EC_secp384r1 | 1U << BR_EC_curve25519)

/* A connection, and what outlives it: the session. */
typedef struct {
    const ShimConfig *config;
    Arena arena;
    Tls *tls;
    int fd;
    bool resumes;
    bool ended;
    bool ready; /* the handshake is done and checked */
    TlsSession session;
} Shim;

/* ---- The command line ---- */

/* Ends the program: the test needs what hs does not have. */
static void shim_skip(const char *flag)
{
    const char *path = getenv("HS_BOGO_SKIPPED");
    FILE *file = path ? fopen(path, "a") : NULL;
    if (file) {
        fprintf(file, "%s\n", flag);
        fclose(file);
    }
    exit(SHIM_SKIPPED);
}

/* Does hs offer this SignatureScheme (RFC 5246, 7.4.1.4.1)? */
static bool shim_offers(int signature)
{
    int hash = signature >> 8;
    int kind = signature & 0xff;
    return hash >= br_sha256_ID && hash <= br_sha512_ID &&
           (kind == BR_KEYTYPE_RSA || kind == 3 /* ECDSA */);
}

static void shim_set(ShimConfig *config, const ShimFlag *flag,
                     const char *value)
{
    char *field = (char *)config + flag->at;
    int number = value ? atoi(value) : 0;
    switch (flag->kind) {
    case SHIM_NOTHING:
    case SHIM_ANY_NUMBER:
        break;
    case SHIM_ON:
        *(bool *)(void *)field = true;
        break;
    case SHIM_NUMBER:
        *(int *)(void *)field = number;
        break;
    case SHIM_TEXT:
        *(const char **)(void *)field = value;
        break;
    case SHIM_CURVE:
        if (number < 0 || number > 31 || !(SHIM_CURVES & 1U << number))
            shim_skip("-curves-others");
        config->curves |= 1U << number;
        break;
    case SHIM_SIGNATURE:
        if (!shim_offers(number))
            shim_skip("-verify-prefs-others");
    }
}

/* Reads the flags for the first connection, or for those that resume. */
static ShimConfig shim_read_flags(char **words, bool resumes)
{
    ShimConfig config = {.host = "example.com"};
    for (; *words; words++) {
        Str name = str_from(*words);
        bool initial = str_starts(name, S("-on-initial-"));
        bool resume = str_starts(name, S("-on-resume-"));
        if (initial || resume)
            name = str_slice(name, initial ? 11 : 10, name.len);
        else if (str_starts(name, S("-on-shim-")))
            name = str_slice(name, 8, name.len);
        const ShimFlag *flag = NULL;
        for (int i = 0; i < COUNT(shim_flags) && !flag; i++)
            if (str_eq(name, str_from(shim_flags[i].name)))
                flag = &shim_flags[i];
        if (!flag)
            shim_skip(name.ptr);
        bool valued = flag->kind != SHIM_NOTHING && flag->kind != SHIM_ON;
        if (valued && !*++words)
            shim_skip("a flag without its value");
        if (resumes ? !initial : !resume)
            shim_set(&config, flag, valued ? *words : NULL);
    }
    return config;
}

/* Ends the program if the flags demand what hs does not have. */
static void shim_check_flags(const ShimConfig *config)
{
    if (config->min_version > SHIM_TLS12)
        shim_skip("-min-version-above");
    if (config->max_version && config->max_version < SHIM_TLS12)
        shim_skip("-max-version-below");
    if (config->curves && config->curves != SHIM_CURVES)
        shim_skip("-curves-fewer");
    if (config->curve > 31 ||
        (config->curve && !(SHIM_CURVES >> config->curve & 1)))
        shim_skip("-expect-curve-id-others");
    if (config->shuts_down && config->check_close)
        shim_skip("-shim-shuts-down-notify");
}

/* ---- The validator ---- */

static bool shim_refuses_chain;

/* Judges the server's certificate alone: at its first second, and as if it had
 * the right name. Whether it is trusted, the flag -verify-fail says. */
static TlsFault shim_judge(const TlsJudge *judge, TlsCert *cert)
{
    char name[2 + 64];
    Arena scratch = {0};
    Str detail = {0};
    Str der = str_slice(buf_str(&judge->chain), 0, judge->ends[0]);
    if (!tls_read_certificate(&der, cert) || der.len)
        return TLS_MALFORMED;
    int size = snprintf(name, sizeof(name), "%c%c%s", TLS_DNS,
                        (int)strlen(judge->host), judge->host);
    cert->names = (Str){name, size};
    TlsFault fault = tls_judge_any(cert, cert->from, &scratch, &detail);
    if (!fault)
        fault = tls_judge_server(cert, str_from(judge->host), &detail);
    arena_free(&scratch);
    return fault;
}

/* The end_chain method. Calls that of hs, which also checks the size. */
static unsigned shim_chain_end(const br_x509_class **at)
{
    TlsJudge *judge = tls_judge_of(at);
    TlsCert cert = {0};
    tls_chain_end(at);
    if (shim_refuses_chain || judge->fault == TLS_MALFORMED ||
        judge->fault == TLS_CHAIN_SIZE)
        return BR_ERR_X509_NOT_TRUSTED;
    judge->fault = shim_judge(judge, &cert);
    judge->key = cert.key;
    return judge->fault ? BR_ERR_X509_NOT_TRUSTED : 0;
}

/* ---- A connection ---- */

/* Ends the program with an error. */
static void shim_fail(const char *why)
{
    fprintf(stderr, "shim: %s\n", why);
    exit(SHIM_REFUSED);
}

/* Connects to the runner, which prefers IPv6. Returns a non-blocking socket. */
static int shim_connect(int port)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6,
                               .sin6_port = htons((uint16_t)port),
                               .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in four = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int on = 1;
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&six, sizeof(six))) {
        if (fd >= 0)
            close(fd);
        fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&four, sizeof(four)))
            shim_fail("cannot connect to the runner");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* Ends the program with the error of hs. config.json translates the runner's
 * errors to these numbers. */
static void shim_fail_tls(const Shim *shim)
{
    Err err = {0};
    int code = br_ssl_engine_last_error(&shim->tls->client.eng);
    bool alert = code >= BR_ERR_RECV_FATAL_ALERT;
    tls_fail(shim->tls, str_from(shim->config->host), &err);
    fprintf(stderr, "shim: %s %d: %s\n", alert ? "alert" : "refused, error",
            alert ? code - BR_ERR_RECV_FATAL_ALERT : code, err.message);
    exit(SHIM_REFUSED);
}

/* Moves records, or waits until that is possible. */
static void shim_turn(Shim *shim)
{
    TlsPump pump = {0};
    int code = tls_pump(shim->tls, shim->fd, &pump);
    if (tls_failed(shim->tls))
        shim_fail_tls(shim);
    /* The runner may be gone before our close_notify. */
    shim->ended = pump.ended || (code && shim->tls->client.eng.shutdown_recv);
    if (code && !shim->ended)
        shim_fail(os_error(code));
    if (!shim->ended && !pump.moved && !pump.busy &&
        !os_wait(shim->fd, pump.wants, SHIM_WAIT_MS))
        shim_fail("the runner sends nothing");
}

/* Compares the result of the handshake with what the flags expect. */
static void shim_check(const Shim *shim, const TlsSession *before)
{
    const char *selected = br_ssl_engine_get_selected_protocol(
        &shim->tls->client.eng);
    const ShimConfig *config = shim->config;
    const br_ssl_engine_context *engine = &shim->tls->client.eng;
    const TlsSession *now = &engine->session;
    bool resumed = shim->resumes && now->session_id_len &&
                   now->session_id_len == before->session_id_len &&
                   !memcmp(now->session_id, before->session_id,
                           now->session_id_len);
    if (config->never_done)
        shim_fail("the handshake is done");
    if (config->protocol && strcmp(selected ? selected : "", config->protocol))
        shim_fail("another protocol");
    if (shim->resumes && resumed == config->session_miss)
        shim_fail(resumed ? "the session was resumed" : "no resumption");
    if (config->no_session && !resumed && now->session_id_len)
        shim_fail("there is a session");
    if (now->version != SHIM_TLS12 ||
        (config->version && config->version != now->version))
        shim_fail("another version");
    if (config->cipher && config->cipher != now->cipher_suite)
        shim_fail("another cipher");
    if (config->curve && !resumed && config->curve != engine->ecdhe_curve)
        shim_fail("another curve");
    if (config->renegotiations)
        shim_fail("hs never renegotiates");
    /* BearSSL: 1 if the server does not support RFC 5746, 2 if it does */
    if ((config->safe_renegotiation && engine->reneg != 2) ||
        (config->no_safe_renegotiation && engine->reneg != 1))
        shim_fail("another answer about secure renegotiation");
}

/* Once the handshake is done, checks it and keeps the session. */
static void shim_note_ready(Shim *shim)
{
    TlsSession before = shim->session;
    if (shim->ready || !tls_is_ready(shim->tls))
        return;
    shim->ready = true;
    tls_save_session(shim->tls, &shim->session);
    shim_check(shim, &before);
}

static void shim_write(Shim *shim, Str data)
{
    while (data.len) {
        ptrdiff_t n = tls_write(shim->tls, data, true);
        data = str_slice(data, n, data.len);
        if (!n)
            shim_turn(shim);
        if (shim->ended)
            shim_fail("closed while there is data to send");
    }
}

/* Echoes until the end. */
static void shim_echo(Shim *shim)
{
    char data[SHIM_READ_MAX];
    int size = shim->config->read_size ? shim->config->read_size : 512;
    while (!shim->ended) {
        ptrdiff_t n = tls_read(shim->tls, data,
                               size < SHIM_READ_MAX ? size : SHIM_READ_MAX);
        shim_note_ready(shim);
        if (n && !shim->ready)
            shim_fail("there is data before the handshake is done");
        for (ptrdiff_t i = 0; i < n; i++)
            data[i] = (char)(data[i] ^ 0xff);
        shim_write(shim, (Str){data, n});
        if (!n)
            shim_turn(shim);
    }
    if (shim->config->check_close && !tls_ended_cleanly(shim->tls))
        shim_fail("closed without close_notify");
}

/* Prepares a connection, with the session of the one before it. */
static void shim_start(Shim *shim, const TlsTrust *trust)
{
    static br_x509_class validator;
    static char names[256];
    const ShimConfig *config = shim->config;
    validator = tls_validator;
    validator.end_chain = shim_chain_end;
    shim_stutters = config->async;
    shim_refuses_chain = config->verify_fail;
    shim_protocol_count = 0;
    snprintf(names, sizeof(names), "%s",
             config->protocols ? config->protocols : "");
    for (char *name = names; *name && shim_protocol_count < 8;) {
        int size = *name;
        *name++ = '\0'; /* ends the name before it */
        shim_protocols[shim_protocol_count++] = name;
        name += size;
    }
    shim->ended = shim->ready = false;
    shim->fd = shim_connect(config->port);
    shim->tls = tls_new(&shim->arena, trust);
    shim->tls->judge.vtable = &validator;
    if (!tls_start(shim->tls, config->host,
                   shim->resumes ? &shim->session : NULL,
                   os_now() + SHIM_WAIT_MS))
        shim_fail("tls_start() failed");
}

static void shim_run(Shim *shim, const TlsTrust *trust)
{
    const ShimConfig *config = shim->config;
    shim_start(shim, trust);
    while (!tls_is_ready(shim->tls) && !shim->ended &&
           !(config->false_start && tls_begin_early(shim->tls)))
        shim_turn(shim);
    shim_note_ready(shim);
    if (config->writes_first && (shim->ready || tls_is_early(shim->tls)))
        shim_write(shim, S("hello"));
    while (!tls_is_ready(shim->tls) && !shim->ended)
        shim_turn(shim);
    shim_note_ready(shim);
    if (!shim->ready)
        shim_fail("closed during the handshake");
    if (!config->shuts_down)
        shim_echo(shim);
    shutdown(shim->fd, SHUT_WR);
    close(shim->fd);
    arena_free(&shim->arena);
}

int main(int argc, char **argv)
{
    static Shim shim;
    TlsTrust trust = {0};
    if (argc == 2 && !strcmp(argv[1], "-is-handshaker-supported")) {
        puts("No");
        return 0;
    }
    ShimConfig first = shim_read_flags(argv + 1, false);
    ShimConfig later = shim_read_flags(argv + 1, true);
    shim_check_flags(&first);
    shim_check_flags(&later);
    for (int i = 0; i <= first.resume_count; i++) {
        shim.config = i ? &later : &first;
        shim.resumes = i > 0;
        shim_run(&shim, &trust);
    }
    return 0;
}
