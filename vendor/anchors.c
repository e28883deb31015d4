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

static void print_bytes(const unsigned char *p, size_t len)
{
    for (size_t n = 0; n < len; n++) {
        printf(n % 19 == 0 ? "\n    %d," : "%d,", p[n]);
    }
}

/* The bytes of an anchor: its name, then RSA's n and e, or a curve's q. Their
 * lengths go to `row`. */
static bool print_anchor(const char *path, char row[64])
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
    printf("\n    /* %s */", slash ? slash + 1 : path);
    print_bytes(name.data, name.len);
    if (key->key_type == BR_KEYTYPE_RSA) {
        print_bytes(key->key.rsa.n, key->key.rsa.nlen);
        print_bytes(key->key.rsa.e, key->key.rsa.elen);
        snprintf(row, 64, "{0, %zu, %zu, %zu}", name.len, key->key.rsa.nlen,
                 key->key.rsa.elen);
    } else {
        print_bytes(key->key.ec.q, key->key.ec.qlen);
        snprintf(row, 64, "{%d, %zu, %zu, 0}", key->key.ec.curve, name.len,
                 key->key.ec.qlen);
    }
    return true;
}

int main(int argc, char **argv)
{
    static char rows[512][64];
    int count = 0;

    if (argc < 3 || argc > 512) {
        fprintf(stderr, "usage: anchors VERSION FILE.crt...\n");
        return 2;
    }
    printf("/* Made by vendor/anchors.c from ca-certificates %s. No pointers "
           "in it:\n * each would cost a relocation whenever hs starts. */\n"
           "static const unsigned char ANCHOR_BYTES[] = {",
           argv[1]);
    for (int i = 2; i < argc; i++) {
        if (print_anchor(argv[i], rows[count])) {
            count++;
        } else {
            fprintf(stderr, "anchors: left out: %s\n", argv[i]);
        }
    }
    printf("\n};\n\n/* How the bytes are cut up. A curve of 0 means RSA. */\n"
           "static const struct {\n"
           "    unsigned short curve, name, n_or_q, e;\n"
           "} ANCHORS[] = {\n");
    for (int i = 0; i < count; i++) {
        printf("    %s,\n", rows[i]);
    }
    printf("};\n");
    return fflush(stdout) || ferror(stdout) || count == 0;
}
