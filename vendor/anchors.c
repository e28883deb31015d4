/*
 * anchors: turns certificates into C source, at build time.
 *
 *     anchors VERSION FILE.crt... > anchors.h
 *
 * Each FILE holds one certificate in PEM. BearSSL, the library that will use
 * the result, decodes it, so that hs parses no certificate of its own at run
 * time: a trust anchor is a name and a public key. What BearSSL cannot decode
 * is left out and named on stderr.
 */
#include <bearssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    unsigned char data[8192];
    size_t len;
    bool overflow;
} Bytes;

static void bytes_append(void *to, const void *data, size_t len)
{
    Bytes *b = to;

    if (len > sizeof b->data - b->len) {
        b->overflow = true;
        return;
    }
    memcpy(b->data + b->len, data, len);
    b->len += len;
}

/* Decodes the first PEM object of a text; true when it is a whole one. */
static bool pem_decode(const unsigned char *text, size_t len, Bytes *der)
{
    br_pem_decoder_context pem;

    br_pem_decoder_init(&pem);
    while (len > 0) {
        size_t n = br_pem_decoder_push(&pem, text, len);

        text += n;
        len -= n;
        switch (br_pem_decoder_event(&pem)) {
        case BR_PEM_BEGIN_OBJ:
            br_pem_decoder_setdest(&pem, bytes_append, der);
            break;
        case BR_PEM_END_OBJ:
            return !der->overflow;
        case BR_PEM_ERROR:
            return false;
        }
    }
    return false;
}

static bool pem_read(const char *path, Bytes *der)
{
    unsigned char text[sizeof der->data * 2];
    FILE *f = fopen(path, "rb");
    size_t len;

    if (!f) {
        return false;
    }
    len = fread(text, 1, sizeof text, f);
    fclose(f);
    return pem_decode(text, len, der);
}

static void print_bytes(const char *what, int i, const unsigned char *p,
                        size_t len)
{
    printf("static const unsigned char %s_%d[] = {", what, i);
    for (size_t n = 0; n < len; n++) {
        printf(n % 19 == 0 ? "\n    %d," : "%d,", p[n]);
    }
    printf("\n};\n");
}

/* The bytes of anchor i, and the macro that puts them together. */
static bool print_anchor(const char *path, int i)
{
    Bytes der = {0}, name = {0};
    br_x509_decoder_context x509;
    const br_x509_pkey *key;
    const char *slash = strrchr(path, '/');

    if (!pem_read(path, &der)) {
        return false;
    }
    br_x509_decoder_init(&x509, bytes_append, &name);
    br_x509_decoder_push(&x509, der.data, der.len);
    key = br_x509_decoder_get_pkey(&x509);
    if (!key || name.overflow || !br_x509_decoder_isCA(&x509)) {
        return false;
    }
    printf("\n/* %s */\n", slash ? slash + 1 : path);
    print_bytes("ANCHOR_NAME", i, name.data, name.len);
    if (key->key_type == BR_KEYTYPE_RSA) {
        print_bytes("ANCHOR_N", i, key->key.rsa.n, key->key.rsa.nlen);
        print_bytes("ANCHOR_E", i, key->key.rsa.e, key->key.rsa.elen);
        printf("#define ANCHOR_%d ANCHOR_RSA(%d)\n", i, i);
    } else {
        print_bytes("ANCHOR_Q", i, key->key.ec.q, key->key.ec.qlen);
        printf("#define ANCHOR_%d ANCHOR_EC(%d, %d)\n", i, i,
               key->key.ec.curve);
    }
    return true;
}

/* BearSSL's pointers are not to const, though it writes through none. */
static void print_head(const char *version)
{
    printf("/* Made by vendor/anchors.c from ca-certificates %s. */\n"
           "\n"
           "#pragma GCC diagnostic push\n"
           "#pragma GCC diagnostic ignored \"-Wcast-qual\"\n"
           "\n"
           "#define ANCHOR_BYTES(a) (unsigned char *)a, sizeof a\n"
           "#define ANCHOR_RSA(i) {{ANCHOR_BYTES(ANCHOR_NAME_##i)}, "
           "BR_X509_TA_CA, \\\n"
           "    {BR_KEYTYPE_RSA, {.rsa = {ANCHOR_BYTES(ANCHOR_N_##i), \\\n"
           "    ANCHOR_BYTES(ANCHOR_E_##i)}}}}\n"
           "#define ANCHOR_EC(i, curve) {{ANCHOR_BYTES(ANCHOR_NAME_##i)}, "
           "BR_X509_TA_CA, \\\n"
           "    {BR_KEYTYPE_EC, {.ec = {curve, "
           "ANCHOR_BYTES(ANCHOR_Q_##i)}}}}\n",
           version);
}

int main(int argc, char **argv)
{
    int count = 0;

    if (argc < 3) {
        fprintf(stderr, "usage: anchors VERSION FILE.crt...\n");
        return 2;
    }
    print_head(argv[1]);
    for (int i = 2; i < argc; i++) {
        if (print_anchor(argv[i], count)) {
            count++;
        } else {
            fprintf(stderr, "anchors: left out: %s\n", argv[i]);
        }
    }
    printf("\nstatic const br_x509_trust_anchor ANCHORS[] = {\n");
    for (int i = 0; i < count; i++) {
        printf("    ANCHOR_%d,\n", i);
    }
    printf("};\n\nenum { ANCHORS_LEN = %d };\n\n"
           "#pragma GCC diagnostic pop\n",
           count);
    return fflush(stdout) || ferror(stdout) || count == 0;
}
