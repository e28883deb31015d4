/* Unit tests: Config. */
#include "check.h"

#define TWO_ACCOUNTS \
    "defaultAccount: 2\nhttpTimeout: 1000\naccounts:\n" \
    "  - name: one\n    accountId: 1\n    env: prod\n" \
    "    authType: personalaccesskey\n    personalAccessKey: key-one\n" \
    "  - name: two\n    accountId: '2'\n    env: QA\n    custom: kept\n" \
    "    authType: oauth2\n    auth:\n      clientId: c\n" \
    "      clientSecret: s\n      tokenInfo:\n        accessToken: t\n" \
    "        refreshToken: r\n        expiresAt: '2026-11-23T19:30:00.000Z'\n"

static void test_config_read(void)
{
    Arena arena = {0};
    Err err = {0};
    Config config;
    unit_at(S("read a config"));
    CHECK(
        unit_config(&arena, S(TWO_ACCOUNTS), CONFIG_DEPRECATED, &config, &err));
    CHECK_INT(config.form, CONFIG_GLOBAL);
    CHECK_INT(config.count, 2);
    CHECK_INT(config_number(&config, "httpTimeout"), 3000);
    CHECK_STR(config.default_account, S("2"));
    CHECK_STR(secret_text(config.accounts[0].key), S("key-one"));
    CHECK_INT(config.accounts[0].auth, CONFIG_AUTH_KEY);
    CHECK_INT(config_expiry(&config.accounts[0]), -1);
    CHECK_INT(config.accounts[1].id, 2);
    CHECK(config.accounts[1].qa && !config.accounts[0].qa);
    CHECK_STR(secret_text(config.accounts[1].refresh_token), S("r"));
    CHECK_INT(config_expiry(&config.accounts[1]),
              unit_utc(2026, 11, 23, 19, 30, 0));
    CHECK(config_validate(&config, &err));
    unit_at(S("the deprecated form"));
    CHECK(unit_config(&arena,
                      S("defaultPortal: x\nportals:\n- portalId: 7\n"
                        "  name: x\n  sandboxAccountType: DEVELOPER\n"),
                      CONFIG_GLOBAL, &config, &err));
    CHECK_INT(config.form, CONFIG_DEPRECATED);
    CHECK_INT(config.accounts[0].id, 7);
    CHECK_STR(config.accounts[0].type, S("DEVELOPMENT_SANDBOX"));
    CHECK_STR(config.default_account, S("x"));
    CHECK_INT(config_number(&config, "httpTimeout"), 15000);
    arena_free(&arena);
}

static void test_config_faults(void)
{
    static const struct {
        Str text;
        const char *fault; /* in the message; NULL: valid */
    } rows[] = {
        {L(TWO_ACCOUNTS), NULL},
        {L("accounts: []\n"), NULL}, /* the last one was removed */
        {L("portals: []\n"), NULL},
        {L("accounts: ~\n"), "is incomplete; another program may be writing"},
        {L("defaultAccount: 5\n"), "no list of accounts"},
        {L("httpTimeout: 5000\nmine: 1\n"), "no list of accounts"},
        {L(""), "is incomplete; another program may be writing it"},
        {L(" \n\n"), "the file is empty"},
        {L("accounts:\n- name: 'a"), "is incomplete; another program may be"},
        {L("services:\n  web: {image: nginx}\n"),
         "not a HubSpot config (no accounts)"},
        {L("{\"name\": \"x\"}\n"), "not a HubSpot config (no accounts)"},
        {L("{}\n"), "not a HubSpot config (no accounts)"},
        {L("# a comment\n"), "not a YAML map with settings"},
        {L("a: 1\n---\nb: 2\n"),
         "cannot read config.yml: line 2: more than one document"},
        {L("accounts: 5\n"), "line 1: accounts is not a list"},
        {L("accounts: {a: 1}\n"), "line 1: accounts is not a list"},
#define KEY_ACCOUNT(id, key) \
    "authType: personalaccesskey, " id ", personalAccessKey: " key "}\n"
        {L("accounts:\n- {" KEY_ACCOUNT(
             "accountId: 1", "k") "portals:\n"
                                  "- {" KEY_ACCOUNT("portalId: 1", "k")),
         NULL},
        {L("accounts:\n- {" KEY_ACCOUNT(
             "accountId: 1", "k") "portals:\n"
                                  "- {" KEY_ACCOUNT("portalId: 2", "k")),
         "config.yml: accounts and portals disagree"},
        {L("accounts:\n- {" KEY_ACCOUNT(
             "accountId: 1", "k") "portals:\n"
                                  "- {" KEY_ACCOUNT("portalId: 1", "other")),
         "config.yml: accounts and portals disagree"},
        {L("accounts:\n- {" KEY_ACCOUNT("accountId: 1", "k") "portals: []\n"),
         "config.yml: accounts and portals disagree"},
        {L("accounts: []\nportals:\n- {" KEY_ACCOUNT("portalId: 1", "k")),
         "config.yml: accounts and portals disagree"},
        {L("accounts:\n- {" KEY_ACCOUNT("accountId: 1", "k") "portals: ~\n"),
         NULL},
        {L("accounts:\n- {" KEY_ACCOUNT("accountId: 1, portalId: 2", "k")),
         "accountId and portalId of an account disagree"},
        {L("accounts:\n- {" KEY_ACCOUNT("accountId: 1, portalId: '1'", "k")),
         NULL},
        {L("defaultAccount: 1\ndefaultPortal: a\naccounts:\n"
           "- {name: a, " KEY_ACCOUNT("accountId: 1", "k")),
         NULL},
        {L("defaultAccount: 1\ndefaultPortal: b\naccounts:\n"
           "- {name: a, " KEY_ACCOUNT(
               "accountId: 1", "k") "- {name: b, " KEY_ACCOUNT("accountId: 2",
                                                               "k")),
         "config.yml: defaultAccount and defaultPortal disagree"},
        {L("defaultAccount: 1\ndefaultPortal: 2\nportals:\n"
           "- {name: a, " KEY_ACCOUNT(
               "portalId: 1", "k") "- {name: b, " KEY_ACCOUNT("portalId: 2",
                                                              "k")),
         "config.yml: defaultAccount and defaultPortal disagree"},
        {L("accounts: [5]\n"), "account 1, line 1: no valid account ID"},
        {L("accounts: [~]\n"), "no valid account ID"},
        {L("accounts: [[]]\n"), "no valid account ID"},
        {L("accounts:\n- {accountId: x, authType: apikey, apiKey: k}\n"),
         "account 1, line 2: no valid account ID"},
        {L("accounts:\n- {accountId: 0, authType: apikey, apiKey: k}\n"),
         "no valid account ID"},
        {L("accounts:\n- {accountId: -1, authType: apikey, apiKey: k}\n"),
         "no valid account ID"},
        {L("accounts:\n- {accountId: 1.5, authType: apikey, apiKey: k}\n"),
         "no valid account ID"},
        {L("accounts:\n- {accountId: 1, name: n}\n"),
         "account 1 (n), line 2: no authType"},
        {L("accounts:\n- {accountId: 1, authType: magic}\n"),
         "unknown authType"},
        {L("accounts:\n- {accountId: 1, authType: personalaccesskey}\n"),
         "no key"},
        {L("accounts:\n- {accountId: 1, authType: apikey,"
           " personalAccessKey: k}\n"),
         "no key"},
        {L("accounts:\n- {accountId: 1, authType: oauth2}\n"),
         "incomplete auth block"},
        {L("accounts:\n- {accountId: 1, authType: oauth2, auth: 7}\n"),
         "incomplete auth block"},
        {L("accounts:\n- {accountId: 1, authType: apikey, apiKey: k,"
           " name: 'a b'}\n"),
         "white space in the name"},
        {L("accounts:\n- {accountId: 1, authType: apikey, apiKey: k}\n"
           "- {accountId: 1, authType: apikey, apiKey: k}\n"),
         "account 2, line 3: duplicate ID"},
        {L("accounts:\n- {accountId: 1, name: A, authType: apikey,"
           " apiKey: k}\n"
           "- {accountId: 2, name: a, authType: apikey, apiKey: k}\n"),
         "account 2 (a), line 3: duplicate name"},
        {L("- a\n"), "not a YAML map with settings"},
        {L("text\n"), "not a YAML map with settings"},
        {L("a: [\n"), "line 2: "},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        Err err = {0};
        Config config = {0};
        unit_at(rows[i].text);
        bool ok = unit_config(&arena, rows[i].text, CONFIG_GLOBAL, &config,
                              &err) &&
                  config_validate(&config, &err);
        CHECK_INT(ok, !rows[i].fault);
        CHECK_INT(err.code, rows[i].fault ? EXIT_CONFIG : 0);
        if (rows[i].fault && !strstr(err.message, rows[i].fault) &&
            !strstr(err.row, rows[i].fault)) {
            CHECK(false);
            printf("    no '%s' in: %s\n", rows[i].fault, err.message);
        }
        arena_free(&arena);
    }
}

/* The official client empties a config and writes it from its beginning, so
 * every beginning of one can be seen. A file that is young must look whole;
 * only at the end of an account is that more than a reader can tell. */
static void test_config_torn(void)
{
    const Str text = S(
        "defaultAccount: 1\ndefaultCmsPublishMode: publish\n"
        "httpTimeout: 30000\naccounts:\n"
        "  - name: acme\n    accountId: 1\n    env: prod\n"
        "    authType: personalaccesskey\n    personalAccessKey: >-\n"
        "      CiRuYTEtMDEyMzQ1Njc4OWFiY2RlZg\n    auth:\n      tokenInfo:\n"
        "        accessToken: >-\n          CJjkT0k3n\n"
        "        expiresAt: '2026-11-23T19:30:00.000Z'\n"
        "  - name: beta\n    accountId: 2\n    authType: personalaccesskey\n"
        "    personalAccessKey: k2\n    auth:\n      tokenInfo: {}\n");
    ptrdiff_t key = str_find(text, S("    auth:\n"));
    ptrdiff_t beta = str_find(text, S("  - name: beta\n"));
    for (ptrdiff_t n = 0; n <= text.len; n++) {
        Arena arena = {0};
        Err err = {0};
        Config config = {.path = S("it")};
        char *copy = malloc((size_t)n + 1); /* a guard for sanitizers */
        memcpy(copy, text.ptr, (size_t)n);
        Str part = {copy, n};
        snprintf(unit_row, sizeof(unit_row), "the first %td bytes", n);
        bool line = n && text.ptr[n - 1] == '\n';
        bool whole = line && ((n >= key && n <= beta) ||
                              n >= str_find(text, S("k2\n")) + 3);
        CHECK_INT(config_is_whole(&arena, part, true), whole);
        ConfigState state = config_parse(&arena, part, &config, &err);
        CHECK(state != CONFIG_BAD);
        config = (Config){.path = S("it")};
        if (state == CONFIG_TORN) {
            CHECK(config_salvage(&arena, part, &config));
            CHECK(config.count >= (n > beta));
        }
        free(copy);
        arena_free(&arena);
    }
}

/* As JavaScript's parseInt(), without numbers that cannot be IDs. */
static void test_config_override(void)
{
    static const struct {
        Str text;
        int64_t id; /* 0: refused */
    } rows[] = {
        {L("123"), 123},
        {L("123\n"), 123},
        {L("123\r\n"), 123},
        {L("\xef\xbb\xbf"
           "123\r\n"),
         123},
        {L(" \t\v\f\n\xc2\xa0\xe2\x80\xa8 123 "), 123},
        {L("123 # acme"), 123},
        {L("123# acme"), 123},
        {L("123 // acme\n456\n"), 123},
        {L("123abc"), 123},
        {L("123.9"), 123},
        {L("1,234"), 1},
        {L("1e3"), 1},
        {L("1_000"), 1},
        {L("+123"), 123},
        {L("00123"), 123},
        {L("0x1F"), 31},
        {L("0X1fg"), 31},
        {L("000000000000000000123"), 123},
        {L("999999999999999"), 999999999999999},
        {L("9999999999999999"), 0},
        {L("99999999999999999999999999"), 0},
        {L(""), 0},
        {L("\n"), 0},
        {L("0"), 0},
        {L("0x"), 0},
        {L("-5"), 0},
        {L("- 5"), 0},
        {L("# 123"), 0},
        {L("acme 123"), 0},
        {L("'123'"), 0},
        {L("\0"
           "123"),
         0},
        {L("\xff\xfe"
           "1\0"
           "2\0"),
         0},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        int64_t id = 0;
        unit_at(rows[i].text);
        CHECK_INT(config_parse_override(rows[i].text, &id), rows[i].id > 0);
        if (rows[i].id)
            CHECK_INT(id, rows[i].id);
    }
}

static void test_config_from_env(void)
{
    static const struct {
        const char *set; /* NAME=value words */
        bool ok;
        int64_t id;
        ConfigAuth auth;
    } rows[] = {
        {"HUBSPOT_ACCOUNT_ID=7 HUBSPOT_PERSONAL_ACCESS_KEY=k", true, 7,
         CONFIG_AUTH_KEY},
        {"HUBSPOT_PORTAL_ID=7 HUBSPOT_API_KEY=k", true, 7, CONFIG_AUTH_API_KEY},
        {"HUBSPOT_ACCOUNT_ID=7 HUBSPOT_CLIENT_ID=c HUBSPOT_CLIENT_SECRET=s "
         "HUBSPOT_REFRESH_TOKEN=r",
         true, 7, CONFIG_AUTH_OAUTH2},
        {"HUBSPOT_PERSONAL_ACCESS_KEY=k", false, 0, CONFIG_AUTH_UNKNOWN},
        {"HUBSPOT_ACCOUNT_ID=x HUBSPOT_PERSONAL_ACCESS_KEY=k", false, 0,
         CONFIG_AUTH_UNKNOWN},
        {"HUBSPOT_ACCOUNT_ID=-1 HUBSPOT_PERSONAL_ACCESS_KEY=k", false, 0,
         CONFIG_AUTH_UNKNOWN},
        {"HUBSPOT_ACCOUNT_ID=7", false, 0, CONFIG_AUTH_UNKNOWN},
        {"HUBSPOT_ACCOUNT_ID=7 HUBSPOT_CLIENT_ID=c", false, 0,
         CONFIG_AUTH_UNKNOWN},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        Err err = {0};
        Config config = {0};
        Str rest = str_from(rows[i].set);
        unit_at(rest);
        while (rest.len) {
            Str value = str_cut(&rest, ' ');
            Str name = str_cut(&value, '=');
            setenv(arena_cstr(&arena, name), arena_cstr(&arena, value), 1);
        }
        CHECK_INT(config_from_env(&arena, &(ConfigWhere){0}, &config, &err),
                  rows[i].ok);
        if (rows[i].ok && config.count) {
            CHECK_INT(config.accounts[0].id, rows[i].id);
            CHECK_INT(config.accounts[0].auth, rows[i].auth);
        }
        rest = str_from(rows[i].set);
        while (rest.len) {
            Str value = str_cut(&rest, ' ');
            unsetenv(arena_cstr(&arena, str_cut(&value, '=')));
        }
        arena_free(&arena);
    }
}

/* Which account a command uses, and what chose it. */
static void test_config_choose(void)
{
    static const struct {
        const char *which;
        const char *settings;
        const char *override;
        ConfigForm form;
        const char *want; /* the id, or a part of the error */
    } rows[] = {
        {"", NULL, NULL, CONFIG_GLOBAL, "2"},
        {"one", NULL, NULL, CONFIG_GLOBAL, "1"},
        {"1", NULL, NULL, CONFIG_GLOBAL, "1"},
        {"3", NULL, NULL, CONFIG_GLOBAL, "4"}, /* a name of digits */
        {"One", NULL, NULL, CONFIG_GLOBAL, "Did you mean 'one'?"},
        {"zzzzzz", NULL, NULL, CONFIG_GLOBAL, "no account named 'zzzzzz'"},
        {"", "{\"localDefaultAccount\":1,\"accounts\":[1]}", "4", CONFIG_GLOBAL,
         "1"},
        {"two", "{\"localDefaultAccount\":1}", "4", CONFIG_GLOBAL, "2"},
        {"", "{\"localDefaultAccount\":\"1\"}", NULL, CONFIG_GLOBAL, "1"},
        {"", "{\"accounts\":[1]}", "4", CONFIG_GLOBAL, "4"},
        {"", "{}", NULL, CONFIG_GLOBAL, "2"},
        {"", "{\"localDefaultAccount\":99}", NULL, CONFIG_GLOBAL,
         "names account 99, which is not in"},
        {"", "[]", NULL, CONFIG_GLOBAL, "not a JSON object"},
        {"", "{", NULL, CONFIG_GLOBAL, "is incomplete; another program may be"},
        {"", "{\"localDefaultAccount\":1,\"localDefaultAccount\":2}", NULL,
         CONFIG_GLOBAL, "duplicate key 'localDefaultAccount'"},
        {"", "{\"localDefaultAccount\":1,\"localDefault\\u0041ccount\":2}",
         NULL, CONFIG_GLOBAL, "duplicate key 'localDefaultAccount'"},
        {"", "{\"mine\":[{},{\"x\":1,\"y\":{},\"x\":1}]}", NULL, CONFIG_GLOBAL,
         "duplicate key 'x'"},
        {"", "{\"mine\":{\"accounts\":[1]},\"accounts\":[2],\"ACCOUNTS\":3}",
         "4", CONFIG_GLOBAL, "4"},
        {"", NULL, "4", CONFIG_GLOBAL, "4"},
        {"", NULL, " 4\n", CONFIG_GLOBAL, "4"},
        {"", NULL, "4", CONFIG_DEPRECATED, "2"},
        {"", NULL, "one", CONFIG_GLOBAL, "no account ID in it"},
        {"", NULL, "", CONFIG_GLOBAL, "no account ID in it"},
        {"", NULL, "0", CONFIG_GLOBAL, "no account ID in it"},
        {"", NULL, "99", CONFIG_GLOBAL, "names account 99, which is not in"},
        {"", "{\"localDefaultAccount\":1}", "4", CONFIG_ENVIRONMENT, "2"},
    };
    ConfigAccount accounts[] = {
        {.name = S("one"), .id = 1},
        {.name = S("two"), .id = 2},
        {.name = S("3"), .id = 4},
    };
    CHECK(!mkdir(".hs", 0700) || errno == EEXIST);
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        Err err = {0};
        ConfigChoice choice = {0};
        Config config = {.form = rows[i].form,
                         .is_global = rows[i].form == CONFIG_GLOBAL,
                         .path = S("config.yml"),
                         .accounts = accounts,
                         .count = 3,
                         .default_account = S("two")};
        snprintf(unit_row, sizeof(unit_row), "choice row %d", i);
        if (rows[i].settings)
            unit_write_file(".hs/settings.json", str_from(rows[i].settings));
        if (rows[i].override)
            unit_write_file(".hsaccount", str_from(rows[i].override));
        bool ok = config_choose(&arena, &config, str_from(rows[i].which),
                                &choice, &err);
        bool id = str_is_digit(rows[i].want[0]);
        CHECK_INT(ok, id);
        if (ok && id)
            CHECK_INT(choice.account->id, rows[i].want[0] - '0');
        else
            CHECK(strstr(err.message, rows[i].want) ||
                  strstr(err.hint, rows[i].want));
        unit_remove(".hs/settings.json");
        unit_remove(".hsaccount");
        arena_free(&arena);
    }
    Arena arena = {0};
    Err err = {0};
    ConfigChoice choice = {0};
    Config config = {.path = S("p"), .accounts = accounts, .count = 3};
    unit_at(S("no default"));
    CHECK(!config_choose(&arena, &config, S(""), &choice, &err));
    CHECK(strstr(err.message, "has no default"));
    rmdir(".hs");
    arena_free(&arena);
}

static void test_config_kebab(void)
{
    static const Str rows[][2] = {
        {L("HTTPServer2 east"), L("http-server2-east")},
        {L("My Portal"), L("my-portal")},
        {L("myPortal"), L("my-portal")},
        {L("MyPortal"), L("my-portal")},
        {L("my-portal"), L("myportal")},
        {L("my_portal"), L("myportal")},
        {L("Acme, Inc."), L("acme-inc")},
        {L("O'Brien & Sons"), L("o-brien-sons")},
        {L("  a \t b  "), L("a-b")},
        {L("ABC"), L("abc")},
        {L("ABc"), L("a-bc")},
        {L("ABCd"), L("ab-cd")},
        {L("ABC123"), L("a-b-c-123")},
        {L("Abc123"), L("abc123")},
        {L("abc123def"), L("abc123-def")},
        {L("123abc"), L("123-abc")},
        {L("2024 Portal"), L("2024-portal")},
        {L("a1B2"), L("a1-b-2")},
        {L("A"), L("a")},
        {L("AB CD"), L("ab-cd")},
        {L("iPhone"), L("i-phone")},
        {L("a/b.c:d;e"), L("abcde")},
        {L("(a) {b} ~c~ `d` \"e\" #f !g $h %i ^j *k =l"),
         L("a-b-c-d-e-f-g-h-i-j-k-l")},
        {L("a@b"), L("a-b")},
        {L("a+b"), L("a-b")},
        {L("R<D>x[1]|\\?"), L("r-d-x-1")},
        {L(""), L("")},
        {L(" "), L("")},
        {L("!!!"), L("")},
        {L("\n"), L("")},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        unit_at(rows[i][0]);
        CHECK_STR(config_kebab_case(&arena, rows[i][0]), rows[i][1]);
        arena_free(&arena);
    }
}

static void test_config_names(void)
{
    static const struct {
        Str name;
        bool ok;
    } rows[] = {
        {L("new"), true},    {L("\xc3\xbc"), true}, {L("own"), true},
        {L("OWN"), true},    {L("123"), true},      {L("1"), true},
        {L(""), false},      {L("a b"), false},     {L("a\tb"), false},
        {L("a\nb"), false},  {L("\x7f"), false},    {L("other"), false},
        {L("OTHER"), false}, {L("2"), false},       {L("\0"), false},
        {L("\xff"), false}, /* could not be written as YAML */
    };
    ConfigAccount accounts[] = {{.name = S("own"), .id = 1},
                                {.name = S("other"), .id = 2}};
    Config config = {.accounts = accounts, .count = 2};
    for (int i = 0; i < COUNT(rows); i++) {
        Err err = {0};
        unit_at(rows[i].name);
        CHECK_INT(config_check_name(&config, rows[i].name, 1, &err),
                  rows[i].ok);
        CHECK_INT(err.code, rows[i].ok ? 0 : EXIT_USAGE);
    }
}

static bool unit_apply(ConfigEdit *edit, void *context, Err *err)
{
    const ConfigAccount *account = context;
    if (!config_edit_put(edit, account, err))
        return false;
    config_edit_default(edit, account);
    return true;
}

/* Changes one account, or adds it, as a sign-in does. */
static bool unit_sign_in(Str path, ConfigAccount *account, Err *err)
{
    Arena arena = {0};
    ConfigChange change = {.place = {path, CONFIG_GLOBAL, true},
                           .brief = true,
                           .apply = unit_apply,
                           .context = account};
    bool ok = config_change(&arena, &change, err);
    arena_free(&arena);
    return ok;
}

static ConfigAccount unit_account(int64_t id)
{
    return (ConfigAccount){
        .name = S("new"),
        .id = id,
        .auth = CONFIG_AUTH_KEY,
        .auth_name = S("personalaccesskey"),
        .type = S("STANDARD"),
        .key = secret_from(S("new-key")),
        .access_token = secret_from(S("new-token")),
        .expires_at = 1795474007000,
    };
}

static void test_config_edit(void)
{
    Arena arena = {0};
    Err err = {0};
    ConfigAccount account = unit_account(3);
    unit_at(S("a new file"));
    CHECK(unit_sign_in(S("fresh/config.yml"), &account, &err));
    CHECK_STR(unit_read_file(&arena, "fresh/config.yml"),
              S("defaultAccount: 3\n"
                "accounts:\n- name: new\n  accountId: 3\n  env: prod\n"
                "  authType: personalaccesskey\n  accountType: STANDARD\n"
                "  personalAccessKey: new-key\n  auth:\n    tokenInfo:\n"
                "      accessToken: new-token\n"
                "      expiresAt: '2026-11-23T22:46:47.000Z'\n"));
    struct stat st = {0};
    CHECK(!stat("fresh/config.yml", &st) && (st.st_mode & 0777) == 0600);
    CHECK(!stat("fresh", &st) && (st.st_mode & 0777) == 0700);
    CHECK(!os_exists(&arena, S("fresh/" OS_TMP)));
    unit_remove("fresh/config.yml");
    rmdir("fresh");
    unit_at(S("in place, what is unknown kept, a link followed"));
    unit_write_file("real.yml", S(TWO_ACCOUNTS));
    CHECK(!symlink("real.yml", "link.yml"));
    account = unit_account(2);
    CHECK(unit_sign_in(S("link.yml"), &account, &err));
    CHECK(!lstat("link.yml", &st) && S_ISLNK(st.st_mode));
    Str text = unit_read_file(&arena, "real.yml");
    CHECK(str_find(text, S("  custom: kept\n")) > 0);
    CHECK(str_find(text, S("      clientId: c\n")) < 0 ||
          str_find(text, S("clientSecret: s\n")) > 0);
    CHECK(str_find(text, S("key-one")) > 0);
    CHECK(str_starts(text, S("defaultAccount: 2\nhttpTimeout: 1000\n")));
    unit_remove("link.yml");
    unit_remove("real.yml");
    arena_free(&arena);
}

/* A program that opened a file before it was replaced writes to the old file,
 * which no longer has a name; one that opens it later writes to the new one. */
static void test_config_stays(void)
{
    Arena arena = {0};
    const Str theirs = S("httpTimeout: 9000\n" TWO_ACCOUNTS);
    unit_at(S("what is written into the replaced file is kept"));
    unit_write_file("stays.yml", S(TWO_ACCOUNTS));
    ConfigFile file = {.arena = &arena,
                       .source = {.path = S("stays.yml"),
                                  .max = YAML_MAX,
                                  .is_whole = config_is_whole},
                       .real = S("stays.yml")};
    CHECK_INT(config_read_stable(&arena, &file.source, &file.view), 0);
    int other = open("stays.yml", O_WRONLY | O_CLOEXEC);
    file.stamp = file.view.stamp;
    CHECK_INT(os_replace_file(&arena, S("stays.yml"), S("accounts: []\n"), 0600,
                              &file.stamp),
              0);
    CHECK(config_change_stays(&file));
    CHECK(!ftruncate(other, 0) && !os_write_all(other, theirs));
    close(other);
    CHECK(!config_change_stays(&file));
    CHECK_STR(file.rescued, theirs);
    os_view_close(&file.view);
    unit_at(S("a write in place undoes the change, a new file does not"));
    unit_write_file("stays.yml", theirs);
    CHECK(!config_change_stays(&file));
    CHECK(!file.rescued.len);
    CHECK_INT(os_replace_file(&arena, S("stays.yml"), theirs, 0600, NULL), 0);
    CHECK(config_change_stays(&file));
    unit_at(S("only the version that was read is replaced"));
    file.stamp.size++;
    CHECK_INT(
        os_replace_file(&arena, S("stays.yml"), S("x"), 0600, &file.stamp),
        ESTALE);
    CHECK_STR(unit_read_file(&arena, "stays.yml"), theirs);
    file.stamp = (OsStamp){0};
    CHECK_INT(
        os_replace_file(&arena, S("stays.yml"), S("x"), 0600, &file.stamp),
        ESTALE);
    unit_remove("stays.yml");
    arena_free(&arena);
}

/* Never fewer accounts than before, except for those that were removed. */
static void test_config_loss(void)
{
    ConfigAccount some[] = {{.id = 1}, {.id = 2}, {.id = 3}, {.id = 3}};
    const Config three = {.accounts = some, .count = 3, .path = S("p")};
    const Config two = {.accounts = some, .count = 2, .path = S("p")};
    const Config twins = {.accounts = some + 1, .count = 3, .path = S("p")};
    const Config none = {.path = S("p")};
    Arena arena = {0};
    const ConfigIds ids_none = config_ids(&arena, &none);
    const ConfigIds ids_two = config_ids(&arena, &two);
    const ConfigIds ids_three = config_ids(&arena, &three);
    Err err = {0};
    CHECK(config_check_loss(&ids_two, &three, 0, &err));
    CHECK(config_check_loss(&ids_three, &two, 1, &err));
    CHECK(config_check_loss(&ids_none, &two, 0, &err));
    CHECK_INT(err.code, 0);
    CHECK(!config_check_loss(&ids_three, &two, 0, &err));
    CHECK(!config_check_loss(&ids_three, &none, 2, &err));
    CHECK(
        !config_check_loss(&ids_three, &twins, 0, &err)); /* 1 became another */
    CHECK_INT(err.code, EXIT_CONFIG);
    arena_free(&arena);
}

/* Accounts that share a block by an alias or a merge key: the token of one
 * must not become the other's. */
static void test_config_shared_block(void)
{
    static const Str files[] = {
        L("accounts:\n- &one\n  accountId: 1\n"
          "  authType: personalaccesskey\n  personalAccessKey: k1\n"
          "  auth: &a {tokenInfo: {accessToken: token-one}}\n"
          "- accountId: 2\n  authType: personalaccesskey\n"
          "  personalAccessKey: k2\n  auth: *a\n"),
        L("accounts:\n- &one\n  accountId: 1\n"
          "  authType: personalaccesskey\n  personalAccessKey: k1\n"
          "  auth: {tokenInfo: {accessToken: token-one}}\n"
          "- <<: *one\n  accountId: 2\n  personalAccessKey: k2\n"),
        L("accounts:\n- accountId: 1\n"
          "  authType: personalaccesskey\n  personalAccessKey: k1\n"
          "  auth: {tokenInfo: &t {accessToken: token-one}}\n"
          "- accountId: 2\n  authType: personalaccesskey\n"
          "  personalAccessKey: k2\n  auth: {tokenInfo: *t}\n"),
        L("accounts:\n- &one\n  accountId: 1\n"
          "  authType: personalaccesskey\n  personalAccessKey: k1\n"
          "  auth: {tokenInfo: {expiresAt: 2026-11-23, accessToken: token-one}}"
          "\n- <<: *one\n  accountId: 2\n  personalAccessKey: k2\n"),
    };
    for (int i = 0; i < COUNT(files); i++) {
        Arena arena = {0};
        Err err = {0};
        Config config = {0};
        ConfigAccount account = unit_account(2);
        unit_at(files[i]);
        unit_write_file("shared.yml", files[i]);
        CHECK(unit_sign_in(S("shared.yml"), &account, &err));
        CHECK(config_read_file(&arena, S("shared.yml"), CONFIG_GLOBAL, &config,
                               &err));
        CHECK_INT(config.count, 2);
        CHECK_STR(secret_text(config.accounts[0].access_token), S("token-one"));
        CHECK_STR(secret_text(config.accounts[1].access_token), S("new-token"));
        unit_remove("shared.yml");
        arena_free(&arena);
    }
}

/* What a save leaves can be read again, or the save was refused and the file
 * is as it was: at the limit of bytes, and where libyaml's emitter writes a
 * tag that its parser does not take. */
static void test_config_unwritable(void)
{
    Arena arena = {0};
    Str big = arena_printf(&arena, "x: %.*s\n" TWO_ACCOUNTS,
                           P(unit_repeat(&arena, S("x"), MIB - 700)));
    const Str files[] = {
        big,
        S("x: !<tag:yaml.org,2002:a,b> 1\n" TWO_ACCOUNTS),
    };
    ConfigAccount account = unit_account(3);
    for (int i = 0; i < COUNT(files); i++) {
        Err err = {0};
        Config config = {0};
        snprintf(unit_row, sizeof(unit_row), "unwritable %d", i);
        CHECK(files[i].len <= YAML_MAX);
        unit_write_file("big.yml", files[i]);
        bool ok = unit_sign_in(S("big.yml"), &account, &err);
        CHECK_INT(err.code, ok ? 0 : EXIT_CONFIG);
        CHECK(ok || str_eq(unit_read_file(&arena, "big.yml"), files[i]));
        err = (Err){0};
        CHECK(config_read_file(&arena, S("big.yml"), CONFIG_GLOBAL, &config,
                               &err));
        CHECK_INT(config.count, ok ? 3 : 2);
        unit_remove("big.yml");
    }
    arena_free(&arena);
}

/* After a failed save: no temporary file, no lock left held. */
static void unit_nothing_left(Arena *arena)
{
    int lock = -1;
    CHECK(!os_exists(arena, S(OS_TMP)));
    CHECK_INT(os_lock(arena, S("fault.yml"), 0, &lock), 0);
    os_unlock(arena, S("fault.yml"), lock);
}

/*
 * SQLite's way: the first system call fails, then the second, and so on until
 * the run succeeds. The file is the old one to the byte, or, where the call
 * came after the rename, the new one to the byte.
 */
static void test_config_faulty_disk(void)
{
    static const int codes[] = {EIO, ENOSPC, EACCES};
    const Str old = S(TWO_ACCOUNTS "# a comment\n");
    ConfigAccount account = unit_account(2);
    for (int c = 0; c < COUNT(codes); c++) {
        Arena arena = {0};
        Err err = {0};
        bool done = false;
        int changed = 0;
        unit_write_file("fault.yml", old);
        CHECK(unit_sign_in(S("fault.yml"), &account, &err));
        Str new = unit_read_file(&arena, "fault.yml");
        CHECK(!str_eq(old, new));
        for (int n = 1; n < 100 && !done; n++) {
            snprintf(unit_row, sizeof(unit_row), "call %d fails: %s", n,
                     strerror(codes[c]));
            unit_write_file("fault.yml", old);
            err = (Err){0};
            os_test_errno = codes[c];
            os_test_countdown = n;
            bool ok = unit_sign_in(S("fault.yml"), &account, &err);
            done = os_test_countdown > 0;
            os_test_countdown = 0;
            CHECK_INT(ok, done);
            CHECK_INT(err.code, ok ? 0 : EXIT_CONFIG);
            Str now = unit_read_file(&arena, "fault.yml");
            CHECK(str_eq(now, ok ? new : old) || (!ok && str_eq(now, new)));
            changed += !ok && str_eq(now, new);
            unit_nothing_left(&arena);
        }
        CHECK(done);
        CHECK_INT(changed, 1); /* only the sync of the folder comes after */
        unit_remove("fault.yml");
        arena_free(&arena);
    }
}

/* The same for a file that does not exist yet: it is complete, or missing. */
static void test_config_faulty_start(void)
{
    ConfigAccount account = unit_account(2);
    bool done = false;
    os_test_errno = ENOSPC;
    for (int n = 1; n < 100 && !done; n++) {
        Arena arena = {0};
        Err err = {0};
        Config config = {0};
        snprintf(unit_row, sizeof(unit_row), "new file, call %d fails", n);
        os_test_countdown = n;
        bool ok = unit_sign_in(S("new/config.yml"), &account, &err);
        done = os_test_countdown > 0;
        os_test_countdown = 0;
        CHECK_INT(ok, done);
        if (os_exists(&arena, S("new/config.yml")))
            CHECK(config_read_file(&arena, S("new/config.yml"), CONFIG_GLOBAL,
                                   &config, &err) ||
                  err.code == EXIT_CONFIG);
        else
            CHECK(!ok);
        CHECK_INT(config.count, os_exists(&arena, S("new/config.yml")));
        CHECK(!os_exists(&arena, S("new/" OS_TMP)));
        unit_remove("new/config.yml");
        CHECK(!rmdir("new") || errno == ENOENT);
        arena_free(&arena);
    }
    CHECK(done);
}
