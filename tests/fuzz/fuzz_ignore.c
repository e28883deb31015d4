/* Ignore rules: the matcher agrees with a slow and simple one on any
 * pattern and path; any text makes rules, any config is read. */
#define HS_TEST 1
#include "../../hs.c"

enum { FUZZ_MOST = 96 };

typedef struct {
    Str pattern;
    Str text;
    char known[FUZZ_MOST + 1][FUZZ_MOST + 1]; /* 0, or 'y' or 'n' */
} Fuzz;

static void fuzz_check(bool ok)
{
    if (!ok)
        abort();
}

/* Does the pattern from `p` match the text from `t`? All ways are tried; what
 * is known of a place is kept. */
static bool fuzz_matches(Fuzz *fuzz, ptrdiff_t p, ptrdiff_t t)
{
    char *known = &fuzz->known[p][t];
    bool hit = false;
    if (*known)
        return *known == 'y';
    if (p == fuzz->pattern.len) {
        hit = t == fuzz->text.len;
    } else if (fuzz->pattern.ptr[p] == '*') {
        ptrdiff_t next = p;
        IgnoreStars reach = ignore_skip_stars(fuzz->pattern, &next);
        hit = reach == IGNORE_TO_END ||
              (reach != IGNORE_OVER_FOLDER && fuzz_matches(fuzz, next, t));
        for (ptrdiff_t i = t; i < fuzz->text.len && !hit; i++) {
            bool slash = fuzz->text.ptr[i] == '/';
            if (reach == IGNORE_IN_NAME && slash)
                break;
            if (reach == IGNORE_IN_NAME || slash)
                hit = fuzz_matches(fuzz, next, i + 1);
        }
    } else if (t < fuzz->text.len) {
        ptrdiff_t next = p;
        hit = ignore_match_one(fuzz->pattern, &next, fuzz->text.ptr[t]) &&
              fuzz_matches(fuzz, next, t + 1);
    }
    *known = hit ? 'y' : 'n';
    return hit;
}

static void fuzz_match(Str pattern, Str text)
{
    static Fuzz fuzz;
    fuzz = (Fuzz){.pattern = pattern, .text = text};
    if (pattern.len <= FUZZ_MOST && text.len <= FUZZ_MOST)
        fuzz_check(ignore_match(pattern, text) == fuzz_matches(&fuzz, 0, 0));
    else if (pattern.len <= IGNORE_PATTERN_MAX && text.len <= PATH_MAX)
        ignore_match(pattern, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena = {0};
    Str all = {(const char *)data, (ptrdiff_t)size};
    Str rest = all;
    Str path = str_cut(&rest, '\n');
    Str value = {0};
    IgnoreRules rules = {.arena = &arena};
    fuzz_match(str_slice(rest, 0, str_index(rest, '\n')), path);
    fuzz_match(rest, path);
    ignore_add_text(&rules, S("/b"), S("fuzz"), rest);
    for (int i = 0; i < rules.count; i++) {
        const IgnoreRule *rule = &rules.rule[i];
        fuzz_check(rule->pattern.len > rule->negated + rule->folders_only);
        fuzz_check(rule->line > 0 && str_index(rule->pattern, '\n') < 0);
    }
    Str full = arena_printf(&arena, "/b/%.*s", P(path));
    IgnoreRules wide = {
        .arena = &arena, .reach = IGNORE_BESIDE, .any_case = true};
    ignore_add_text(&wide, S("/b/c"), S("fuzz"), rest);
    Str clean = os_path_clean(&arena, full);
    for (int i = 0; i < wide.count && i < rules.count; i++) /* no less */
        fuzz_check(!ignore_applies(&rules, &rules.rule[i], clean, true) ||
                   wide.rule[i].anchored || str_eq(clean, S("/b/c")) ||
                   ignore_applies(&wide, &wide.rule[i], clean, true));
    ignore_text_fault(all);
    config_is_own_name(path);
    const IgnoreRule *rule = ignore_judge(&rules, S("/b"), full, IGNORE_FILE);
    fuzz_check(!rule || !rule->negated);
    rule = ignore_find(&rules, full, IGNORE_FILE);
    if (rule && !rule->negated)
        fuzz_check(ignore_judge(&rules, S("/b"), full, IGNORE_FILE) != NULL);
    ignore_read_config(&arena, all, &value);
    fuzz_check(value.len <= all.len);
    arena_free(&arena);
    return 0;
}
