/* Trust anchors: PEM text as a file holds it, and one certificate's bytes. */
#define HS_TEST 1
#include "../../hs.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena = {0};
    TlsAnchors to = {.arena = &arena};
    Str input = {(const char *)data, (ptrdiff_t)size};
    tls_add_pem(&to, input);
    int before = to.count;
    tls_add_certificate(&to, input);
    if (to.count > before + 1)
        abort();
    for (int i = 0; i < to.count; i++) {
        TlsCert cert = tls_anchor_certificate(&to.anchors[i]);
        if (!str_eq(cert.subject, to.anchors[i].subject))
            abort();
    }
    arena_free(&arena);
    return 0;
}
