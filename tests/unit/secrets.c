/* Unit tests: Secrets. */
#include "check.h"

static void test_secret_names(void)
{
    static const struct {
        Str name;
        bool ok;
    } rows[] = {
        {L("A"), true},         {L("..."), true},   {L("a/../b"), true},
        {L("\xc3\xa4"), true},  {L(""), false},     {L("."), false},
        {L(".."), false},       {L("a\n"), false},  {L("a\0"), false},
        {L("\xc2\x9b"), false}, {L("\xff"), false},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Err err = {0};
        unit_at(rows[i].name);
        CHECK(secrets_check_name(rows[i].name, &err) == rows[i].ok);
    }
}

/* A name is always one segment of the path. */
static void test_secret_path(void)
{
    Arena arena = {0};
    Hub hub = {.arena = &arena};
    HubChange change = {.act = HUB_SECRET_DELETE,
                        .name = S("A/../B?c=%2F#d e")};
    unit_at(change.name);
    CHECK_STR(hub_secret_call(&hub, &change).path,
              S("/cms/v3/functions/secrets/A%2F..%2FB%3Fc%3D%252F%23d%20e"));
    change.act = HUB_SECRET_ADD;
    CHECK_STR(hub_secret_call(&hub, &change).path,
              S("/cms/v3/functions/secrets"));
    arena_free(&arena);
}
