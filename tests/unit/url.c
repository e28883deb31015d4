/* Unit tests: URL. */
#include "check.h"

static void test_url_parse(void)
{
    static const struct {
        Str text;
        bool ok;
        Str host;
        int port;
        Str path;
        Str user;
    } rows[] = {
        {L("https://api.hubapi.com/a?b=c"), true, L("api.hubapi.com"), 443,
         L("/a?b=c"), L("")},
        {L("http://h"), true, L("h"), 80, L("/"), L("")},
        {L("HTTPS://H"), true, L("H"), 443, L("/"), L("")},
        {L("https://h:8443/x"), true, L("h"), 8443, L("/x"), L("")},
        {L("https://h:/x"), true, L("h"), 443, L("/x"), L("")},
        {L("https://h/x#frag"), true, L("h"), 443, L("/x"), L("")},
        {L("https://h#frag"), true, L("h"), 443, L("/"), L("")},
        {L("https://h?q=1"), true, L("h"), 443, L("?q=1"), L("")},
        {L("https://u:p@h/x"), true, L("h"), 443, L("/x"), L("u:p")},
        {L("https://a@b@h/x"), true, L("h"), 443, L("/x"), L("a@b")},
        {L("https://h/a@b"), true, L("h"), 443, L("/a@b"), L("")},
        {L("https://h?a@b"), true, L("h"), 443, L("?a@b"), L("")},
        {L("https://[::1]/x"), true, L("::1"), 443, L("/x"), L("")},
        {L("https://[::1]:8443"), true, L("::1"), 8443, L("/"), L("")},
        {L("socks5://p:1"), true, L("p"), 1, L("/"), L("")},
        {L("socks5h://p"), true, L("p"), 1080, L("/"), L("")},
        {L("https://h:65535"), true, L("h"), 65535, L("/"), L("")},
        {L(""), false, L(""), 0, L(""), L("")},
        {L("h/x"), false, L(""), 0, L(""), L("")},
        {L("://h"), false, L(""), 0, L(""), L("")},
        {L("https://"), false, L(""), 0, L(""), L("")},
        {L("https:///x"), false, L(""), 0, L(""), L("")},
        {L("https://:443/x"), false, L(""), 0, L(""), L("")},
        {L("https://u@/x"), false, L(""), 0, L(""), L("")},
        {L("https://h:0"), false, L(""), 0, L(""), L("")},
        {L("https://h:65536"), false, L(""), 0, L(""), L("")},
        {L("https://h:-1"), false, L(""), 0, L(""), L("")},
        {L("https://h:+80"), false, L(""), 0, L(""), L("")},
        {L("https://h:8x"), false, L(""), 0, L(""), L("")},
        {L("https://h:1:2"), false, L(""), 0, L(""), L("")},
        {L("https://[::1"), false, L(""), 0, L(""), L("")},
        {L("https://[::1]x"), false, L(""), 0, L(""), L("")},
        {L("https://[]"), false, L(""), 0, L(""), L("")},
        {L("https://a b/"), false, L(""), 0, L(""), L("")},
        {L("https://h\\@evil/"), true, L("evil"), 443, L("/"), L("h\\")},
        {L("https://h\\evil/"), false, L(""), 0, L(""), L("")},
        {L("https://h\r\nX: y/"), false, L(""), 0, L(""), L("")},
        {L("https://h\0.evil/"), false, L(""), 0, L(""), L("")},
        {L("https://h\xc3\xbc/"), false, L(""), 0, L(""), L("")},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Url url = {0};
        unit_at(rows[i].text);
        bool ok = url_parse(rows[i].text, &url);
        CHECK_INT(ok, rows[i].ok);
        if (!ok || !rows[i].ok)
            continue;
        CHECK_STR(url.host, rows[i].host);
        CHECK_INT(url.port, rows[i].port);
        CHECK_STR(url.path, rows[i].path);
        CHECK_STR(url.user, rows[i].user);
    }
    Arena arena = {0};
    Url url;
    unit_at(S("long host"));
    CHECK(url_parse(arena_printf(&arena, "https://%.*s",
                                 P(unit_repeat(&arena, S("h"), 253))),
                    &url));
    CHECK(!url_parse(arena_printf(&arena, "https://%.*s",
                                  P(unit_repeat(&arena, S("h"), 254))),
                     &url));
    arena_free(&arena);
}

static void test_url_redact(void)
{
    static const Str rows[][2] = {
        {L("https://h/x?sig=1"), L("https://h/x?...")},
        {L("https://u:p@h/x#f?y"), L("https://h/x#...")},
        {L("https://u:p@q@h"), L("https://h")},
        {L("//u@h/a@b?c@d"), L("//h/a@b?...")},
        {L("/a@b?c"), L("/a@b?...")},
        {L("a//b@c"), L("a//c")},
        {L("?"), L("?...")},
        {L("#f"), L("#...")},
        {L(""), L("")},
    };
    Arena arena = {0};
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(rows[i][0]);
        CHECK_STR(url_redact(&arena, rows[i][0]), rows[i][1]);
    }
    arena_free(&arena);
}

/* Addresses of both families in turn, none twice, and at most OS_ADDRESSES:
 * the digit is the family, the letter the address. */
static void test_os_add_addresses(void)
{
    static const char *const rows[][2] = {
        {"4a4b6c", "4a6c4b"},
        {"6a6b4c4d", "6a4c6b4d"},
        {"4a", "4a"},
        {"4a4b4c6d6e", "4a6d4b6e4c"},
        {"6a6b", "6a6b"},
        {"6a6a4b6a4b", "6a4b"},
        {"6a6b6c6d6e6f6g6h4i", "6a4i6b6c6d6e6f6g6h"},
        {"", ""},
    };
    static const char many[] = "6a6b6c6d6e6f6g6h6i6j6k6l6m6n6o6p6q6r6s6t6u6v6w"
                               "6x6y6z4a";
    for (int i = 0; i <= COUNT(rows); i++) {
        const char *from = i < COUNT(rows) ? rows[i][0] : many;
        const char *want = i < COUNT(rows)
                               ? rows[i][1]
                               : "6a4a6b6c6d6e6f6g6h6i6j6k6l6m6n6o6p6q6r6s6t6u"
                                 "6v6w";
        struct addrinfo list[40] = {0};
        struct sockaddr_in6 v6[40] = {0};
        struct sockaddr_in v4[40] = {0};
        OsAddresses out = {0};
        char text[2 * OS_ADDRESSES + 1] = {0};
        int n = (int)strlen(from) / 2;
        for (int k = 0; k < n; k++) {
            bool is4 = from[2 * k] == '4';
            v4[k].sin_family = AF_INET;
            v4[k].sin_addr.s_addr = (in_addr_t)from[2 * k + 1];
            v6[k].sin6_family = AF_INET6;
            v6[k].sin6_addr.s6_addr[0] = (uint8_t)from[2 * k + 1];
            list[k].ai_family = is4 ? AF_INET : AF_INET6;
            list[k].ai_addr = is4 ? (struct sockaddr *)&v4[k]
                                  : (struct sockaddr *)&v6[k];
            list[k].ai_addrlen = is4 ? sizeof(v4[k]) : sizeof(v6[k]);
            list[k].ai_next = k + 1 < n ? &list[k + 1] : NULL;
        }
        os_add_addresses(n ? list : NULL, &out);
        for (int k = 0; k < out.count; k++) {
            bool is4 = out.at[k].ss_family == AF_INET;
            text[2 * k] = is4 ? '4' : '6';
            text[2 * k + 1] =
                is4 ? (char)((struct sockaddr_in *)&out.at[k])->sin_addr.s_addr
                    : (char)((struct sockaddr_in6 *)&out.at[k])
                          ->sin6_addr.s6_addr[0];
        }
        unit_at(str_from(from));
        CHECK_STR(str_from(text), str_from(want));
    }
}

static void test_url_encoding(void)
{
    static const struct {
        Str text;
        Str encoded;
        Str decoded; /* of the text itself */
    } rows[] = {
        {L("aZ09-._~"), L("aZ09-._~"), L("aZ09-._~")},
        {L("a b&c=d"), L("a%20b%26c%3Dd"), L("a b&c=d")},
        {L("\xc3\xbc\0\xff"), L("%C3%BC%00%FF"), L("\xc3\xbc\0\xff")},
        {L("%41%zz%4"), L("%2541%25zz%254"), L("A%zz%4")},
        {L("%"), L("%25"), L("%")},
        {L("%00%0a"), L("%2500%250a"), L("\0\n")},
        {L("a+b"), L("a%2Bb"), L("a+b")},
        {L(""), L(""), L("")},
    };
    Arena arena = {0};
    for (int i = 0; i < COUNT(rows); i++) {
        Buf out = buf_new(&arena, KIB);
        unit_at(rows[i].text);
        url_add_encoded(&out, rows[i].text, "");
        CHECK_STR(buf_str(&out), rows[i].encoded);
        CHECK_STR(url_decode(&arena, rows[i].text), rows[i].decoded);
        CHECK_STR(url_decode(&arena, buf_str(&out)), rows[i].text);
    }
    Buf path = buf_new(&arena, KIB);
    unit_at(S("query"));
    buf_add(&path, S("/a"));
    url_add_query(&path, S("x y"), S("1&2"));
    url_add_query(&path, S("z"), S(""));
    CHECK_STR(buf_str(&path), S("/a?x%20y=1%262&z="));
    CHECK(url_has_query(S("/a?b=1&portalId=2"), S("portalId")));
    CHECK(url_has_query(S("/a?portalId"), S("portalId")));
    CHECK(!url_has_query(S("/portalId=1?b=portalId"), S("portalId")));
    CHECK(!url_has_query(S("/a"), S("portalId")));
    CHECK(!url_has_query(S("/a?portalIds=1"), S("portalId")));
    arena_free(&arena);
}

static void test_url_no_proxy(void)
{
    static const struct {
        const char *list;
        const char *host;
        int port;
        bool bypass;
    } rows[] = {
        {"", "api.hubapi.com", 443, false},
        {"*", "api.hubapi.com", 443, true},
        {"hubapi.com", "api.hubapi.com", 443, true},
        {".hubapi.com", "api.hubapi.com", 443, true},
        {"*.hubapi.com", "api.hubapi.com", 443, true},
        {"hubapi.com", "hubapi.com", 443, true},
        {".hubapi.com", "hubapi.com", 443, true},
        {"HubApi.COM", "api.hubapi.com", 443, true},
        {"hubapi.com", "evilhubapi.com", 443, false},
        {"api.hubapi.com", "hubapi.com", 443, false},
        {"a.com,hubapi.com", "api.hubapi.com", 443, true},
        {"a.com , hubapi.com", "api.hubapi.com", 443, true},
        {"a.com hubapi.com", "api.hubapi.com", 443, true},
        {",, ,hubapi.com,", "api.hubapi.com", 443, true},
        {"a.com,b.com", "api.hubapi.com", 443, false},
        {"hubapi.com:443", "api.hubapi.com", 443, true},
        {"hubapi.com:8443", "api.hubapi.com", 443, false},
        {"*:443", "x", 443, true},
        {"*:80", "x", 443, false},
        {"hubapi.com:x", "hubapi.com", 443, false},
        {"10.0.0.1", "10.0.0.1", 443, true},
        {"10.0.0.1", "10.0.0.11", 443, false},
        {"10.0.0.1", "110.0.0.1", 443, false},
        {"10.0.0.0/8", "10.255.1.2", 443, true},
        {"10.0.0.0/8", "11.0.0.1", 443, false},
        {"192.168.1.0/25", "192.168.1.127", 443, true},
        {"192.168.1.0/25", "192.168.1.128", 443, false},
        {"0.0.0.0/0", "8.8.8.8", 443, true},
        {"0.0.0.0/0", "host", 443, false},
        {"10.0.0.1/32", "10.0.0.1", 443, true},
        {"10.0.0.0/33", "10.0.0.1", 443, false},
        {"10.0.0.0/-1", "10.0.0.1", 443, false},
        {"10.0.0.0/", "10.0.0.1", 443, false},
        {"10.0.0.0/8x", "10.0.0.1", 443, false},
        {"::1", "::1", 443, true},
        {"[::1]", "::1", 443, true},
        {"[::1]:443", "::1", 443, true},
        {"[::1]:80", "::1", 443, false},
        {"fd00::/8", "fd12::1", 443, true},
        {"fd00::/8", "fe80::1", 443, false},
        {"fd00::/8", "10.0.0.1", 443, false},
        {"::/0", "2001:db8::1", 443, true},
        {"::/129", "::1", 443, false},
        {".", "host", 443, false},
        {"*.", "host", 443, false},
        {":443", "host", 443, false},
        {"longer.than.the.host", "h", 443, false},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        snprintf(unit_row, sizeof(unit_row), "NO_PROXY=%s %s:%d", rows[i].list,
                 rows[i].host, rows[i].port);
        CHECK_INT(url_bypasses_proxy(str_from(rows[i].list),
                                     str_from(rows[i].host), rows[i].port),
                  rows[i].bypass);
    }
}
