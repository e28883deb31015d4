/* Trust anchors: PEM text as a file holds it, and one certificate's bytes. The
 * base64 decoder must agree with a slow one. */
#define HS_TEST 1
#include "../../hs.c"

static void fuzz_base64(Arena *arena, Str text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
                                 "tuvwxyz0123456789+/";
    Str fast = tls_base64(arena, text);
    ptrdiff_t n = 0;
    ptrdiff_t seen = 0;
    unsigned bits = 0;
    for (ptrdiff_t i = 0; i < text.len && text.ptr[i] != '='; i++) {
        const char *at = memchr(digits, text.ptr[i], sizeof(digits) - 1);
        if (!at)
            continue;
        bits = bits << 6 | (unsigned)(at - digits);
        seen++;
        if (seen % 4 == 1)
            continue;
        char byte = (char)(bits >> (6 - 2 * ((seen - 1) % 4)));
        if (n >= fast.len || fast.ptr[n++] != byte)
            abort();
    }
    if (n != fast.len)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena = {0};
    TlsAnchors to = {.arena = &arena};
    Str input = {(const char *)data, (ptrdiff_t)size};
    fuzz_base64(&arena, input);
    tls_add_pem(&to, input);
    int before = to.count;
    tls_add_certificate(&to, input, false);
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
