/*
 * anchors: turns certificates into C source, at build time.
 *
 *     anchors VERSION FILE.crt... > anchors.h
 *
 * Each FILE holds one certificate in PEM, which BearSSL decodes: a trust anchor
 * is a name, a public key, its days of validity and the number of
 * authorities that may follow it. What BearSSL cannot decode is left out and
 * named on stderr, and so is what limits an authority in any other way: a key
 * that must not sign certificates, purposes, names.
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

/* Finds an extension by its OID: points behind the header of its value, which
 * is a SEQUENCE, or a BIT STRING. NULL if there is none. In what is Mozilla's
 * the bytes of an OID mean nothing else. */
static const unsigned char *extension(const Bytes *der, int number)
{
    for (size_t i = 0; i + 16 < der->len; i++) {
        const unsigned char *at = der->data + i;

        if (at[0] == 6 && at[1] == 3 && at[2] == 0x55 && at[3] == 0x1d &&
            at[4] == number) {
            at += at[5] == 1 ? 8 : 5; /* critical */
            return at + 4;
        }
    }
    return NULL;
}

enum {
    DAYS_TO_1970 = 719528,
    KEY_USAGE = 15,
    BASIC = 19,
    NAMES = 30,
    PURPOSES = 37
};

/* May the authority sign any server's certificate? `*path_len` is how many
 * others may come between, -1 without a limit. */
static bool is_free(const Bytes *der, int *path_len)
{
    const unsigned char *usage = extension(der, KEY_USAGE);
    const unsigned char *basic = extension(der, BASIC);

    if (!basic || extension(der, NAMES) || extension(der, PURPOSES) ||
        (usage && !(usage[1] & 4))) {
        return false;
    }
    /* SEQUENCE { BOOLEAN TRUE, INTEGER OPTIONAL } */
    *path_len = basic[-1] >= 6 && basic[3] == 2 ? basic[5] : -1;
    return true;
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
    int path_len;
    uint32_t from, until;
    br_x509_decoder_context x509;
    const br_x509_pkey *key;
    const char *slash = strrchr(path, '/');

    if (!pem_read(path, &der)) {
        return false;
    }
    br_x509_decoder_init(&x509, bytes_append, &name);
    br_x509_decoder_push(&x509, der.data, der.len);
    key = br_x509_decoder_get_pkey(&x509);
    if (!key || name.overflow || !br_x509_decoder_isCA(&x509) ||
        !is_free(&der, &path_len)) {
        return false;
    }
    from = x509.notbefore_days - DAYS_TO_1970;
    until = x509.notafter_days - DAYS_TO_1970;
    if (from > 65535 || until > 65535) {
        return false;
    }
    printf("\n    /* %s */", slash ? slash + 1 : path);
    print_bytes(name.data, name.len);
    if (key->key_type == BR_KEYTYPE_RSA) {
        print_bytes(key->key.rsa.n, key->key.rsa.nlen);
        print_bytes(key->key.rsa.e, key->key.rsa.elen);
        snprintf(row, 64, "{0, %zu, %zu, %zu, %u, %u, %d}", name.len,
                 key->key.rsa.nlen, key->key.rsa.elen, from, until, path_len);
    } else {
        print_bytes(key->key.ec.q, key->key.ec.qlen);
        snprintf(row, 64, "{%d, %zu, %zu, 0, %u, %u, %d}", key->key.ec.curve,
                 name.len, key->key.ec.qlen, from, until, path_len);
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
    printf("\n};\n\n/* How the bytes are cut up: a curve of 0 means RSA. The "
           "first and the last day\n * since 1970; the path's length, -1 "
           "without a limit. */\n"
           "static const struct {\n"
           "    unsigned short curve, name, n_or_q, e, from, until;\n"
           "    short path_len;\n"
           "} ANCHORS[] = {\n");
    for (int i = 0; i < count; i++) {
        printf("    %s,\n", rows[i]);
    }
    printf("};\n");
    return fflush(stdout) || ferror(stdout) || count == 0;
}
