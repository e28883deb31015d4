/* Config files: any YAML is read, judged, searched, given a new account and
 * written; then it holds that account, and the others as they were. The same
 * bytes are read as .hs/settings.json is. */
#define HS_TEST 1
#include "../../hs.c"

static void fuzz_read(Arena *arena, Config *config, YamlNode *root)
{
    *config = (Config){.path = S("fuzz"), .root = root};
    config->form = config_form_of(root, CONFIG_GLOBAL);
    config_read_tree(arena, config);
}

static void fuzz_put(Arena *arena, Config *config, bool odd)
{
    Err err = {0};
    Str text = {0};
    ConfigEdit edit = {.arena = arena, .config = *config};
    const ConfigAccount account = {
        .name = S("fuzz-name"),
        .id = 77,
        .auth = CONFIG_AUTH_KEY,
        .auth_name = S("personalaccesskey"),
        .key = secret_from(S("fuzz-key")),
        .access_token = secret_from(S("fuzz-token")),
        .expires_at = 1795474007000,
    };
    if (!config_edit_put(&edit, &account, &err))
        return;
    config_edit_default(&edit, &account);
    /* An alias to what was replaced: refused, nothing is written. */
    if (!yaml_write(arena, edit.config.root, &text) || text.len > YAML_MAX)
        return;
    YamlNode *back = NULL;
    if (!yaml_read(arena, text, &back, &err)) {
        /* A tree at a limit grows past it; tags are not all escaped. Then
         * config_edit_text() refuses. */
        if (strstr(err.message, "too") || strstr(err.message, "larger") || odd)
            return;
        fprintf(stderr, "%s\n%.*s\n", err.message, P(text));
        abort();
    }
    fuzz_read(arena, config, back);
    const ConfigAccount *found = config_find_id(config, 77);
    if (!found || !str_eq(found->name, S("fuzz-name")) ||
        !str_eq(secret_text(found->key), S("fuzz-key")) ||
        !str_eq(secret_text(found->access_token), S("fuzz-token"))) {
        fprintf(stderr, "lost:\n%.*s\n", P(text));
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena = {0};
    Err err = {0};
    YamlNode *root = NULL;
    Config config = {0};
    const ConfigAccount *account = NULL;
    Str input = {(const char *)data, (ptrdiff_t)size};
    if (yaml_read(&arena, input, &root, &err) &&
        (yaml_is_null(root) || root->kind == YAML_MAP)) {
        if (yaml_is_null(root))
            root = yaml_new(&arena, YAML_MAP);
        fuzz_read(&arena, &config, root);
        config_validate(&config, &err);
        config_require(&config, S("name"), &account, &err);
        config_find(&config, S("7"));
        for (int i = 0; i < config.count; i++)
            config_label(&arena, &config.accounts[i]);
        fuzz_put(&arena, &config, str_index(input, '!') >= 0);
    }
    json_init(NULL);
    cJSON *document = json_read(&arena, input);
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, json_get(document, "accounts"))
    {
        json_int_of(item);
    }
    arena_free(&arena);
    return 0;
}
