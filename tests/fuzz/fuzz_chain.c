/* The validator: certificates in DER, the last of which is also the anchor. A
 * chain that is accepted begins with a key that BearSSL can use, and stays
 * accepted if each certificate is sent twice. It is known then: it stays accepted
 * without an anchor, as long as nothing changes. */
#define HS_TEST 1
#include "../../hs.c"

static bool fuzz_judge(TlsJudge *judge, Str chain, int times)
{
    const br_x509_class **at = &judge->vtable;
    tls_validator.start_chain(at, "api.hubapi.com");
    while (chain.len) {
        Str one = {0};
        if (!tls_der_whole(&chain, DER_SEQUENCE, &one)) {
            one = chain;
            chain = (Str){0};
        }
        for (int i = 0; i < times; i++) {
            tls_validator.start_cert(at, (uint32_t)one.len);
            tls_validator.append(at, (const unsigned char *)one.ptr,
                                 (size_t)one.len);
            tls_validator.end_cert(at);
        }
    }
    unsigned code = tls_validator.end_chain(at);
    if (!code != !judge->fault || (!code && !judge->key.key_type))
        abort();
    return !code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static TlsJudge judge;
    Arena arena = {0};
    TlsAnchors to = {.arena = &arena};
    Str chain = {(const char *)data, (ptrdiff_t)size};
    Str last = chain;
    for (Str rest = chain, one = {0}; tls_der_whole(&rest, DER_SEQUENCE, &one);)
        last = one;
    tls_add_certificate(&to, last, false);
    TlsKnown known = {0};
    TlsTrust trust = {
        .anchors = to.anchors, .count = to.count, .known = &known};
    judge = (TlsJudge){.vtable = &tls_validator,
                       .trust = &trust,
                       .arena = &arena,
                       .until = os_now() + 1000};
    bool good = fuzz_judge(&judge, chain, 1);
    if (good && size < TLS_CHAIN_MAX / 2 && !fuzz_judge(&judge, chain, 2) &&
        judge.count < TLS_CHAIN_COUNT)
        abort();
    trust.count = 0;
    if (fuzz_judge(&judge, chain, 1) != good)
        abort();
    chain.len -= chain.len > 0;
    if (fuzz_judge(&judge, chain, 1) && judge.count < TLS_CHAIN_COUNT)
        abort();
    arena_free(&arena);
    return 0;
}
