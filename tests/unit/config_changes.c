/* Unit tests: Config changes. */
#include "check.h"

/* The text of a copy of `text`'s root; empty if there was none. */
static Str unit_cloned(Arena *arena, Str text, int depth, int room)
{
    Err err = {0};
    YamlNode *root = NULL;
    Str out = {0};
    CHECK(yaml_read(arena, text, &root, &err));
    YamlNode *copy = root ? yaml_clone(arena, root, depth, &room) : NULL;
    CHECK(!copy || yaml_write(arena, copy, &out));
    return out;
}

static void test_yaml_clone(void)
{
    static const struct {
        Str text;
        Str copy;
    } rows[] = {
        {L("a: 1\nb: '1'\nc: ~\nd: []\ne: {}\n"),
         L("a: 1\nb: '1'\nc: ~\nd: []\ne: {}\n")},
        {L("a: &x {k: 1}\nb: *x\nc: [*x]\n"),
         L("a: {k: 1}\nb: {k: 1}\nc: [{k: 1}]\n")},
        {L("a: &x t\nb: *x\n"), L("a: t\nb: t\n")},
        {L("a: &x {k: 1, l: 2}\nb:\n  <<: *x\n  k: own\n"),
         L("a: {k: 1, l: 2}\nb:\n  k: own\n  l: 2\n")},
        {L("a: &x {k: 1}\nb: &y {k: 2, l: 3}\nc:\n  <<: [*x, *y]\n"),
         L("a: {k: 1}\nb: {k: 2, l: 3}\nc:\n  k: 1\n  l: 3\n")},
        {L("a: &x {k: 1}\nb: &y\n  <<: *x\n  l: 2\nc:\n  <<: *y\n"),
         L("a: {k: 1}\nb:\n  l: 2\n  k: 1\nc:\n  l: 2\n  k: 1\n")},
        {L("- &x [1]\n- *x\n"), L("- [1]\n- [1]\n")},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        unit_at(rows[i].text);
        CHECK_STR(unit_cloned(&arena, rows[i].text, YAML_DEPTH, YAML_NODES),
                  rows[i].copy);
        arena_free(&arena);
    }
}

/* Aliases of aliases make a small file a large one: the copy has bounds. */
static void test_yaml_clone_limits(void)
{
    Arena arena = {0};
    Str bomb = S("a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\n"
                 "c: &c [*b, *b, *b, *b]\nd: [*c, *c, *c, *c]\n");
    /* 1 root; 5, 21, 85 and 341 nodes */
    unit_at(S("clone: limit"));
    CHECK(unit_cloned(&arena, bomb, YAML_DEPTH, 453).len > 0);
    CHECK(!unit_cloned(&arena, bomb, YAML_DEPTH, 452).len);
    CHECK(!unit_cloned(&arena, bomb, YAML_DEPTH, 0).len);
    unit_at(S("clone: depth"));
    CHECK(unit_cloned(&arena, bomb, 6, 453).len > 0);
    CHECK(!unit_cloned(&arena, bomb, 5, 453).len);
    CHECK(!unit_cloned(&arena, bomb, 0, 453).len);
    arena_free(&arena);
}

/* A change of a copy does not change the original. */
static void test_yaml_clone_is_apart(void)
{
    Arena arena = {0};
    Err err = {0};
    Str out = {0};
    int room = YAML_NODES;
    YamlNode *root = NULL;
    unit_at(S("clone: apart"));
    CHECK(yaml_read(&arena, S("a: &x {k: 1}\nb: *x\n"), &root, &err));
    YamlNode *copy = yaml_clone(&arena, root, YAML_DEPTH, &room);
    CHECK_INT(room, YAML_NODES - 5);
    if (copy) {
        yaml_set(&arena, yaml_get(copy, "b"), "k", yaml_new_int(&arena, 2));
        yaml_remove_key(copy, "a");
        CHECK(yaml_write(&arena, copy, &out));
        CHECK_STR(out, S("b: {k: 2}\n"));
    }
    CHECK(yaml_write(&arena, root, &out));
    CHECK_STR(out, S("a: &x {k: 1}\nb: *x\n"));
    arena_free(&arena);
}

static void test_yaml_remove(void)
{
    static const struct {
        const char *key;
        Str left;
    } rows[] = {
        {"a", L("b: 2\nc: 3\nz: 0\n")},
        {"b", L("a: 1\nc: 3\nz: 0\n")},
        {"c", L("a: 1\nb: 2\nz: 0\n")},
        {"none", L("a: 1\nb: 2\nc: 3\nz: 0\n")},
    };
    Arena arena = {0};
    Err err = {0};
    Str out = {0};
    YamlNode *root = NULL;
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(str_from(rows[i].key));
        CHECK(yaml_read(&arena, S("a: 1\nb: 2\nc: 3\n"), &root, &err));
        yaml_remove_key(root, rows[i].key);
        yaml_set(&arena, root, "z", yaml_new_int(&arena, 0));
        CHECK_INT(root->count, i == COUNT(rows) - 1 ? 4 : 3);
        CHECK(yaml_write(&arena, root, &out));
        CHECK_STR(out, rows[i].left);
    }
    unit_at(S("all of a list, then one again"));
    CHECK(yaml_read(&arena, S("- 1\n- 2\n"), &root, &err));
    yaml_remove(root, root->last);
    yaml_remove(root, root->first);
    CHECK(!root->first && !root->last && !root->count);
    yaml_append(root, yaml_new_int(&arena, 3));
    CHECK(yaml_write(&arena, root, &out));
    CHECK_STR(out, S("- 3\n"));
    arena_free(&arena);
}

/* Requests that fail at once, many at a time: each is reported once. */
typedef struct {
    HttpReq req;
    int count;
    int begun;
    int told[HTTP_ACTIVE];
    int failed;
} UnitMany;

static bool unit_many_next(void *to, HttpReq *req, void **mark)
{
    UnitMany *many = to;
    if (many->begun == many->count)
        return false;
    *req = many->req;
    *mark = &many->told[many->begun++];
    return true;
}

static void unit_many_ended(void *to, void *mark, const HttpResult *result)
{
    UnitMany *many = to;
    int *told = mark;
    ++*told;
    many->failed += !result->res && result->err->code == EXIT_USAGE;
}

static void test_http_run_many(void)
{
    static const int rows[][2] = {{0, 1},  {1, 1},  {5, 1},   {5, 2},
                                  {5, 5},  {5, 16}, {16, 16}, {17, 16},
                                  {64, 3}, {64, 64}};
    for (int i = 0; i < COUNT(rows); i++) {
        HttpPool pool = {0};
        UnitMany told = {
            .req = {.method = S("GET"),
                    .url = {.host = S("h"), .port = 443, .path = S("/\n")}},
            .count = rows[i][0]};
        HttpMany many = {.to = &told,
                         .width = rows[i][1],
                         .next = unit_many_next,
                         .ended = unit_many_ended};
        snprintf(unit_row, sizeof(unit_row), "%d requests, %d at a time",
                 rows[i][0], rows[i][1]);
        pool_run_many(&pool, &many);
        CHECK_INT(told.failed, told.count);
        for (int k = 0; k < COUNT(told.told); k++)
            CHECK_INT(told.told[k], k < told.count);
        CHECK(!pool.active);
    }
}

#define OLD_ACME \
    "defaultPortal: acme\nportals:\n- {name: acme, portalId: 1, " \
    "authType: personalaccesskey, personalAccessKey: k}\n"
#define NEW_ACME(id) \
    "defaultAccount: " #id "\naccounts:\n- {name: acme, accountId: " #id \
    ", authType: personalaccesskey, personalAccessKey: k}\n"

/* What a migration has to decide, as "key now old;" or "#id name renamed;". */
static void test_config_find_clashes(void)
{
    static const struct {
        Str old;
        Str now;
        Str clashes;
    } rows[] = {
        {L(OLD_ACME), L(NEW_ACME(1)), L("")},
        {L("httpTimeout: 1\n" OLD_ACME), L("httpTimeout: 1\n" NEW_ACME(1)),
         L("")},
        {L("httpTimeout: 1\n" OLD_ACME), L("httpTimeout: '1'\n" NEW_ACME(1)),
         L("")},
        {L("httpTimeout: 1\n" OLD_ACME), L("httpTimeout: 2\n" NEW_ACME(1)),
         L("httpTimeout 2 1;")},
        {L("httpTimeout: 1\n" OLD_ACME), L(NEW_ACME(1)), L("")},
        {L(OLD_ACME), L("httpTimeout: 1\n" NEW_ACME(1)), L("")},
        {L("httpTimeout: ~\n" OLD_ACME), L("httpTimeout: 1\n" NEW_ACME(1)),
         L("")},
        {L("httpTimeout: 1\n" OLD_ACME), L("httpTimeout: ~\n" NEW_ACME(1)),
         L("")},
        {L("defaultMode: draft\n" OLD_ACME),
         L("defaultCmsPublishMode: publish\n" NEW_ACME(1)),
         L("defaultCmsPublishMode publish draft;")},
        {L("defaultMode: draft\n" OLD_ACME),
         L("defaultCmsPublishMode: draft\n" NEW_ACME(1)), L("")},
        {L("flags: [a]\n" OLD_ACME), L("flags: [b]\n" NEW_ACME(1)), L("")},
        {L("mine: 1\n" OLD_ACME), L("mine: 2\n" NEW_ACME(1)), L("mine 2 1;")},
        {L("mine: [1]\n" OLD_ACME), L("mine: 2\n" NEW_ACME(1)),
         L("mine 2 (a list or map);")},
        /* the name is another account's: with it, the default differs */
        {L(OLD_ACME), L(NEW_ACME(2)),
         L("defaultAccount acme acme;"
           "#1 acme acme_1;")},
        {L("defaultPortal: none\nportals:\n- {name: ACME, portalId: 1, "
           "authType: apikey, apiKey: k}\n"),
         L(NEW_ACME(2)), L("#1 ACME ACME_1;")},
        /* white space goes, and an account without a key is not migrated */
        {L("portals:\n- {name: ' acme', portalId: 1, authType: apikey, "
           "apiKey: k}\n"),
         L(NEW_ACME(2)), L("#1 acme acme_1;")},
        {L("portals:\n- {name: ACME, portalId: 1, authType: apikey}\n"),
         L(NEW_ACME(2)), L("")},
        {L("portals:\n- {name: other, portalId: 2}\n"), L(NEW_ACME(2)), L("")},
        {L("portals:\n- {portalId: 1}\n- {name: acme}\n"), L(NEW_ACME(2)),
         L("")},
        {L(""), L(NEW_ACME(2)), L("")},
        {L(OLD_ACME), L(""), L("")},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        Err err = {0};
        Config old = {.form = CONFIG_DEPRECATED};
        Config now = {.form = CONFIG_GLOBAL};
        Buf out = buf_new(&arena, 4 * KIB);
        unit_at(rows[i].old);
        if (rows[i].old.len)
            CHECK(unit_config(&arena, rows[i].old, CONFIG_DEPRECATED, &old,
                              &err));
        if (rows[i].now.len)
            CHECK(unit_config(&arena, rows[i].now, CONFIG_GLOBAL, &now, &err));
        ConfigClashes list = config_find_clashes(&arena, &old, &now);
        for (int k = 0; k < list.count; k++) {
            const ConfigClash *clash = &list.clash[k];
            CHECK(!clash->use_old);
            if (clash->key.len)
                buf_printf(&out, "%.*s %.*s %.*s;", P(clash->key),
                           P(clash->now), P(clash->old));
            else
                buf_printf(&out, "#%" PRId64 " %.*s %.*s;", clash->id,
                           P(clash->old), P(clash->renamed));
        }
        CHECK_STR(buf_str(&out), rows[i].clashes);
        arena_free(&arena);
    }
    unit_remove("config.yml");
}

static void test_config_free_name(void)
{
    static const struct {
        Str wanted;
        Str name;
    } rows[] = {
        {L("free"), L("free")},     {L("own"), L("own")},
        {L("other"), L("own_1_2")}, {L("OTHER"), L("own_1_2")},
        {L("third"), L("own_1_2")}, {L(""), L("")},
    };
    ConfigAccount accounts[] = {{.name = S("own"), .id = 1},
                                {.name = S("other"), .id = 2},
                                {.name = S("third"), .id = 3},
                                {.name = S("OWN_1_2"), .id = 4},
                                {.name = S("own_1_3"), .id = 5}};
    Config config = {.accounts = accounts, .count = 3};
    Arena arena = {0};
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(rows[i].wanted);
        const HashTable names = config_name_table(&arena, &config, 0);
        CHECK_STR(config_unused_name(&arena, &names, &config, &accounts[0],
                                     rows[i].wanted),
                  rows[i].name);
    }
    unit_at(S("the next names are also in use"));
    config.count = COUNT(accounts);
    const HashTable names = config_name_table(&arena, &config, 0);
    CHECK_STR(
        config_unused_name(&arena, &names, &config, &accounts[0], S("other")),
        S("own_1_4"));
    arena_free(&arena);
}

/* Links account 7 in a folder, as hs account link does. */
static bool unit_link(Str path, Err *err)
{
    Arena arena = {0};
    bool ok = config_save_link_default(&arena, path, 7, err);
    arena_free(&arena);
    return ok;
}

/* Each system call of a link save fails in turn: the settings are the old
 * ones or the new ones, whole; in a new folder, absent or whole. */
static void unit_faulty_link(Str old, int code)
{
    const char *const path = "lk/settings.json";
    bool done = false;
    Arena arena = {0};
    Str new = {0};
    for (int n = 0; n < 100 && !done; n++) {
        Err err = {0};
        snprintf(unit_row, sizeof(unit_row), "link, %s, call %d fails: %s",
                 old.len ? "again" : "new", n, strerror(code));
        unlink("lk/README.txt");
        unlink(path);
        CHECK(!rmdir("lk") || errno == ENOENT);
        if (old.len) {
            CHECK(!mkdir("lk", 0700));
            unit_write_file(path, old);
        }
        os_test_errno = code;
        os_test_countdown = n; /* 0: none fails */
        bool ok = unit_link(S("lk/settings.json"), &err);
        done = n && os_test_countdown > 0;
        os_test_countdown = 0;
        CHECK_INT(ok, !n || done);
        CHECK_INT(err.code, ok ? 0 : EXIT_CONFIG);
        bool there = os_exists(&arena, S("lk/settings.json"));
        Str now = there ? unit_read_file(&arena, path) : S("");
        new = n ? new : now;
        CHECK(str_eq(now, new) || (!ok && str_eq(now, old)));
        CHECK(!os_exists(&arena, S("lk/" OS_TMP)));
    }
    CHECK(done);
    CHECK(str_find(new, S("7")) > 0 && !str_eq(new, old));
    unlink("lk/README.txt");
    unit_remove(path);
    rmdir("lk");
    arena_free(&arena);
}

static void test_config_faulty_link(void)
{
    static const int codes[] = {EIO, ENOSPC, EACCES};
    for (int c = 0; c < COUNT(codes); c++) {
        unit_faulty_link(S(""), codes[c]);
        unit_faulty_link(S("{\"accounts\": [1], \"mine\": \"kept\"}"),
                         codes[c]);
    }
}

#define MIGRATE_OLD \
    "httpTimeout: 9000\n" OLD_ACME "- {name: beta, portalId: 2, " \
    "authType: personalaccesskey, personalAccessKey: k2}\n"

/* A folder with a deprecated config, in a git work tree; `now` is the
 * global config, empty: none. */
static void unit_migrate_prepare(Str now)
{
    static const char *const gone[] = {
        "mg/home/config.yml", "mg/archived.hubspot.config.yml",
        "mg/hubspot.config.yml", "mg/.gitignore"};
    static const char *const folders[] = {"mg", "mg/.git", "mg/.git/objects",
                                          "mg/.git/refs"};
    for (int i = 0; i < COUNT(gone); i++)
        CHECK(!unlink(gone[i]) || errno == ENOENT || errno == ENOTDIR);
    CHECK(!rmdir("mg/home") || errno == ENOENT);
    for (int i = 0; i < COUNT(folders); i++)
        CHECK(!mkdir(folders[i], 0700) || errno == EEXIST);
    unit_write_file("mg/.git/HEAD", S("ref: refs/heads/main\n"));
    unit_write_file("mg/.gitignore", S("x\n"));
    unit_write_file("mg/hubspot.config.yml", S(MIGRATE_OLD));
    if (!now.len)
        return;
    CHECK(!mkdir("mg/home", 0700));
    unit_write_file("mg/home/config.yml", now);
}

static void unit_migrate_clear(void)
{
    static const char *const folders[] = {"mg/.git/objects", "mg/.git/refs",
                                          "mg/.git", "mg"};
    unit_migrate_prepare(S(""));
    unit_remove("mg/.git/HEAD");
    unit_remove("mg/.gitignore");
    unit_remove("mg/hubspot.config.yml");
    for (int i = 0; i < COUNT(folders); i++)
        CHECK(!rmdir(folders[i]));
}

/* Migrates as --force does. */
static bool unit_migrate(Arena *arena, Err *err)
{
    Str from = S("mg/hubspot.config.yml");
    Str to = S("mg/home/config.yml");
    Config old = {0};
    Config now = {.form = CONFIG_GLOBAL, .path = to};
    ConfigMigrated done;
    if (!config_read_file(arena, from, CONFIG_DEPRECATED, &old, err) ||
        (os_exists(arena, to) &&
         !config_read_file(arena, to, CONFIG_GLOBAL, &now, err)))
        return false;
    ConfigClashes clashes = config_find_clashes(arena, &old, &now);
    for (int i = 0; i < clashes.count; i++)
        clashes.clash[i].use_old = true;
    ConfigMigration migration = {
        .from = from, .to = to, .decided = &clashes, .done = &done};
    return config_migrate(arena, &migration, err);
}

/* The text of a file; empty if it does not exist. */
static Str unit_text(Arena *arena, const char *path)
{
    return os_exists(arena, str_from(path)) ? unit_read_file(arena, path)
                                            : S("");
}

/* After a migration whose call failed: the old file is complete, in place
 * or as the archive, and the global one is what it was, or what it is to be. */
static void unit_migrate_check(Arena *arena, Str now, Str new, bool ok)
{
    static const char *const litter[] = {"mg/" OS_TMP, "mg/home/" OS_TMP};
    Str old = unit_text(arena, "mg/hubspot.config.yml");
    Str archive = unit_text(arena, "mg/archived.hubspot.config.yml");
    Str global = unit_text(arena, "mg/home/config.yml");
    Str ignore = unit_text(arena, "mg/.gitignore");
    CHECK_STR(old.len ? old : archive, S(MIGRATE_OLD));
    CHECK(!old.len || !archive.len);
    CHECK(str_eq(global, new) || (old.len && str_eq(global, now)));
    CHECK(!ok || (archive.len && str_eq(global, new)));
    CHECK(str_starts(ignore, S("x\n")) && str_ends(ignore, S("\n")));
    CHECK(ignore.len == 2 ||
          str_find(ignore, S("\narchived.hubspot.config.yml\n")) > 0);
    for (int i = 0; i < COUNT(litter); i++)
        CHECK(!os_exists(arena, str_from(litter[i])));
}

/* Each system call of a migration fails in turn; running it
 * again gives the same result. */
static void unit_faulty_migrate(Str now, int code)
{
    bool done = false;
    Arena kept = {0};
    Str new = {0};
    int halfway = 0;
    for (int n = 0; n < 300 && !done; n++) {
        Arena arena = {0};
        Err err = {0};
        snprintf(unit_row, sizeof(unit_row), "migrate, %s, call %d fails: %s",
                 now.len ? "merging" : "new", n, strerror(code));
        unit_migrate_prepare(now);
        os_test_errno = code;
        os_test_countdown = n; /* 0: none fails */
        bool ok = unit_migrate(&arena, &err);
        done = n && os_test_countdown > 0;
        os_test_countdown = 0;
        CHECK(ok || (n && !done));
        CHECK_INT(err.code, ok ? 0 : EXIT_CONFIG);
        if (!n)
            new = arena_copy(&kept, unit_text(&arena, "mg/home/config.yml"));
        unit_migrate_check(&arena, now, new, ok);
        if (os_exists(&arena, S("mg/hubspot.config.yml"))) {
            halfway += str_eq(unit_text(&arena, "mg/home/config.yml"), new);
            err = (Err){0};
            CHECK(unit_migrate(&arena, &err));
            unit_migrate_check(&arena, now, new, true);
        }
        arena_free(&arena);
    }
    CHECK(done);
    CHECK(halfway > 0); /* the archive's own calls were among them */
    CHECK(str_find(new, S("beta")) > 0);
    unit_migrate_clear();
    arena_free(&kept);
}

static void test_config_faulty_migrate(void)
{
    static const int codes[] = {EIO, ENOSPC, EACCES};
    for (int c = 0; c < COUNT(codes); c++) {
        unit_faulty_migrate(S(""), codes[c]);
        unit_faulty_migrate(S("httpTimeout: 3000\nmine: 1\n" NEW_ACME(5)),
                            codes[c]);
    }
}
