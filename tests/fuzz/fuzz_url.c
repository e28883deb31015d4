/* URLs and NO_PROXY: parts lie within the text, what is encoded decodes. */
#define HS_TEST 1
#include "../../hs.c"

static void fuzz_check(bool ok)
{
    if (!ok)
        abort();
}

static void fuzz_url(Str text)
{
    Url url;
    if (!url_parse(text, &url))
        return;
    fuzz_check(url.host.len > 0 && url.host.len < 254);
    fuzz_check(url.port >= 0 && url.port < 65536);
    fuzz_check(url.path.len > 0 && strchr("/?", url.path.ptr[0]));
    fuzz_check(http_is_clean(url.host));
    fuzz_check(str_index(url.path, '#') < 0);
    fuzz_check(str_index(url.host, '/') < 0 && str_index(url.host, '@') < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena = {0};
    Str rest = {(const char *)data, (ptrdiff_t)size};
    Str all = rest;
    Str host = str_cut(&rest, '\n');
    Buf encoded = buf_new(&arena, all.len * 3 + 16);
    fuzz_url(all);
    fuzz_url(host);
    url_add_encoded(&encoded, all, "");
    fuzz_check(!encoded.full);
    fuzz_check(str_eq(url_decode(&arena, buf_str(&encoded)), all));
    url_decode(&arena, all);
    url_has_query(all, S("portalId"));
    url_bypasses_proxy(rest, host, 443);
    if (url_is_host(host) && str_index(host, ':') < 0 && host.ptr[0] != '.')
        fuzz_check(url_bypasses_proxy(host, host, 443));
    arena_free(&arena);
    return 0;
}
