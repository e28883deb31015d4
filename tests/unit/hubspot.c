/* Unit tests: HubSpot. */
#include "check.h"

static void test_hub_check_key(void)
{
    static const struct {
        Str key;
        bool ok;
    } rows[] = {
        {L("CiRuYTEtMDEyMzQ1Njc4OWFiY2RlZg"), true},
        {L("abcdefghijklmnopqrst"), true},
        {L("Aa0+/=_-.~Aa0+/=_-.~"), true},
        {L("abcdefghijklmnopqrs"), false},
        {L(""), false},
        {L("pat-na1-01234567-89ab-cdef-0123-456789abcdef"), false},
        {L("abcdefghij klmnopqrst"), false},
        {L("abcdefghijklmnopqrst\n"), false},
        {L("\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2"
           "\xe2\x80\xa2\xe2\x80\xa2"),
         false},
        {L("*********************"), false},
        {L("abcdefghijklmnopqrst\0"), false},
        {L("\"abcdefghijklmnopqrst\""), false},
        {L("abcdefghijklmnopqrst\x7f"), false},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Err err = {0};
        unit_at(rows[i].key);
        CHECK_INT(hub_check_key(rows[i].key, &err), rows[i].ok);
        CHECK_INT(err.code, rows[i].ok ? 0 : EXIT_USAGE);
        CHECK(rows[i].ok || err.hint[0]);
        CHECK(!rows[i].key.len || rows[i].ok ||
              !memmem(err.message, strlen(err.message), rows[i].key.ptr,
                      (size_t)rows[i].key.len));
    }
    Arena arena = {0};
    Err err = {0};
    unit_at(S("long keys"));
    CHECK(hub_check_key(unit_repeat(&arena, S("k"), HUB_KEY_MAX), &err));
    CHECK(!hub_check_key(unit_repeat(&arena, S("k"), HUB_KEY_MAX + 1), &err));
    arena_free(&arena);
}

static void test_hub_may_open(void)
{
    static const struct {
        Str origin;
        bool ok;
    } rows[] = {
        {L("https://app.hubspot.com"), true},
        {L("https://local.hubspotqa.com"), true},
        {L("https://app-eu1.hubspot.com"), true},
        {L("http://app.hubspot.com"), false},
        {L("https://app.hubspot.com."), false},
        {L("https://app.hubspot.com:443"), false},
        {L("https://app.hubspot.com/"), false},
        {L("https://app-eu2.hubspot.com"), false},
        {L("https://app hubspot.com"), false},
        {L("https://.hubspot.com"), false},
        {L("https://hubspot.com"), false},
        {L("https://app."), false},
        {L("https://app.hubspot.com hubspotqa.com"), false},
        {L("null"), false},
        {L(""), false},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(rows[i].origin);
        CHECK_INT(signin_may_open(NULL, rows[i].origin), rows[i].ok);
    }
}

static void test_hub_callback(void)
{
    static const struct {
        Str address;
        SigninCallback got;
        const char *text; /* the code, or the fault */
    } rows[] = {
        {L("/oauth-callback?code=a%2Bb+c&state=tok"), SIGNIN_GIVEN, "a+b c"},
        {L("http://localhost:3000/oauth-callback?state=tok&code=x#y"),
         SIGNIN_GIVEN, "x"},
        {L("?code=1&state=tok&code=2"), SIGNIN_GIVEN, "1"},
        {L("?code=1&error=denied&state=tok"), SIGNIN_DENIED, "denied"},
        {L("?state=tok"), SIGNIN_DENIED, "the response has no code"},
        {L("?code=1"), SIGNIN_FOREIGN, ""},
        {L("?code=1&state="), SIGNIN_FOREIGN, ""},
        {L("?code=1&state=tokk&state=tok"), SIGNIN_FOREIGN, ""},
        {L("?code=1#?state=tok"), SIGNIN_FOREIGN, ""},
        {L("?error=x&state=TOK"), SIGNIN_FOREIGN, ""},
        {L("code=1&state=tok"), SIGNIN_FOREIGN, ""},
        {L(""), SIGNIN_FOREIGN, ""},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        static SigninVisit visit;
        Arena arena = {0};
        memset(&visit, 0, sizeof(visit));
        visit.arena = &arena;
        visit.token = S("tok");
        unit_at(rows[i].address);
        CHECK_INT(signin_read_callback(&visit, rows[i].address), rows[i].got);
        CHECK_INT(visit.meanwhile.over, rows[i].got != SIGNIN_FOREIGN);
        CHECK_STR(visit.fault.len ? visit.fault : secret_text(visit.got),
                  str_from(rows[i].text));
        arena_free(&arena);
    }
}

static void test_hub_uuid(void)
{
    Arena arena = {0};
    Err err = {0};
    Str one = {0};
    Str two = {0};
    CHECK(signin_uuid(&arena, &one, &err) && signin_uuid(&arena, &two, &err));
    unit_at(one);
    CHECK_INT(one.len, 36);
    CHECK(one.len == 36 && one.ptr[8] == '-' && one.ptr[14] == '4');
    CHECK(!str_eq(one, two));
    CHECK(secret_eq(one, one) && !secret_eq(one, two));
    CHECK(!secret_eq(one, str_slice(one, 0, 35)));
    arena_free(&arena);
}
