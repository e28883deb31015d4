/* Unit tests: Ignore. */
#include "check.h"

static void test_ignore_match(void)
{
    static const struct {
        const char *pattern;
        const char *path; /* a slash at its end: a folder */
        bool hit;
    } rows[] = {
        /* names, at any depth */
        {"a", "a", true},
        {"a", "x/a", true},
        {"a", "a/x", false},
        {"a", "A", false},
        {"*.log", "x/y/.log", true},
        {"a*b*c", "aXbYbZc", true},
        {"a*b*c", "aXbYbZ", false},
        {"?", "\xc3\xa9", false}, /* bytes, as with git */
        {"\?\?", "\xc3\xa9", true},
        {"a**b", "a--b", true},
        {"**", "x/y", true},
        /* folders */
        {"a/", "a/", true},
        {"a/", "a", false},
        {"a/", "x/a/", true},
        /* a slash ties the pattern to its base */
        {"/a", "a", true},
        {"/a", "x/a", false},
        {"a/b", "a/b", true},
        {"a/b", "x/a/b", false},
        {"a/*", "a/b", true},
        {"a/*", "a/b/c", false},
        {"a/?b", "a//b", false},
        {"a[/]b", "a/b", false},
        {"a[!x]b", "a/b", false},
        {"//a", "a", false},
        /* two stars between slashes */
        {"**/a", "a", true},
        {"**/a", "x/y/a", true},
        {"**/a", "x/ya", false},
        {"a/**", "a/b/c", true},
        {"a/**", "a", false},
        {"a/**/b", "a/b", true},
        {"a/**/b", "a/x/y/b", true},
        {"a/**/b", "a/x/yb", false},
        {"a/**/b/**/c", "a/x/b/b/y/c", true},
        {"a/***/b", "a/x/y/b", true},
        {"a/**/*.c", "a/x/y/.c", true},
        {"**/x*/y", "x/x1/z/x2/y", true},
        {"a/x**/b", "a/xy/b", true},
        {"a/x**/b", "a/x/y/b", false},
        {"foo**/bar", "foo/x/bar", false}, /* git before 2.53: true */
        {"foo**/bar", "foox/bar", true},
        {"a/**\\/b", "a/b", false},
        {"a/**\\/b", "a/x/b", true},
        /* sets */
        {"[a-c]", "b", true},
        {"[!a-c]", "b", false},
        {"[^a-c]", "d", true},
        {"[]]", "]", true},
        {"[!]a]", "]", false},
        {"[a-]", "-", true},
        {"[-a]", "-", true},
        {"[a-c-e]", "d", false},
        {"[a-c-e]", "-", true},
        {"[\\]]", "]", true},
        {"[\\a-\\c]", "b", true},
        {"[[]", "[", true},
        {"[[:digit:]x]", "7", true},
        {"[[:digit:]x]", "x", true},
        {"[![:digit:]]", "7", false},
        {"[[:digit:]-z]", "-", true},
        {"[[:space:]]", "\v", false},
        {"[[:space:]]", "\t", true},
        {"[[:punct:]]", "_", true},
        {"[[:alpha:]]", "\xe9", false},
        {"[[:nope:]]", "n", false},
        {"[[:a]", ":", true},
        {"[\xe0-\xef]", "\xe9", true},
        /* what does not end matches nothing, not even itself */
        {"[a", "[a", false},
        {"[]", "[]", false},
        {"[[:alpha:", "a", false},
        {"a\\", "a\\", false},
        /* escapes */
        {"\\a", "a", true},
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"\\!a", "!a", true},
        {"\\#a", "#a", true},
        {"a\\/b", "a/b", true},
        {"", "a", false},
        {"/", "a/", false},
        {"!", "a", false},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        IgnoreRules rules = {.arena = &arena};
        Str path = str_from(rows[i].path);
        bool folder = str_ends(path, S("/"));
        path.len -= folder;
        snprintf(unit_row, sizeof(unit_row), "'%s' on '%s'", rows[i].pattern,
                 rows[i].path);
        ignore_add_text(&rules, S(""), S("rows"), str_from(rows[i].pattern));
        CHECK_INT(ignore_find(&rules, path, folder) != NULL, rows[i].hit);
        arena_free(&arena);
    }
}

/* What would take an innocent matcher longer than the world has been. */
static void test_ignore_is_bounded(void)
{
    Arena arena = {0};
    IgnoreRules rules = {.arena = &arena};
    const Str patterns[] = {
        unit_repeat(&arena, S("a*"), 1000),
        unit_repeat(&arena, S("a/**/"), 500),
        unit_repeat(&arena, S("*a/**/*a*/"), 200),
        unit_repeat(&arena, S("*[a-z]"), 500),
        unit_repeat(&arena, S("**/*a*"), 400),
    };
    const Str paths[] = {
        unit_repeat(&arena, S("a"), 4000),
        unit_repeat(&arena, S("a/"), 2000),
        unit_repeat(&arena, S("aaaaaaaaaaaaaaa/"), 250),
    };
    for (int i = 0; i < COUNT(patterns); i++)
        ignore_add_text(&rules, S(""), S("rows"),
                        arena_printf(&arena, "%.*sb\n", P(patterns[i])));
    unit_at(S("long patterns"));
    CHECK_INT(rules.count, COUNT(patterns));
    for (int i = 0; i < COUNT(paths); i++) {
        Str path = arena_printf(&arena, "%.*sc", P(paths[i]));
        CHECK(!ignore_find(&rules, path, IGNORE_FILE));
    }
    ignore_add_text(&rules, S(""), S("rows"),
                    unit_repeat(&arena, S("*"), IGNORE_PATTERN_MAX + 1));
    CHECK_INT(rules.count, COUNT(patterns));
    arena_free(&arena);
}

static void test_ignore_text(void)
{
    Arena arena = {0};
    IgnoreRules rules = {.arena = &arena};
    static const struct {
        Str pattern;
        int line;
        bool negated, folders_only, anchored;
    } rows[] = {
        {L("a"), 1, false, false, false},
        {L("!b/"), 4, true, true, false},
        {L("/c"), 5, false, false, true},
        {L("d\\ "), 6, false, false, false},
        {L("e\t"), 7, false, false, false},
        {L("f\r"), 8, false, false, false},
        {L("\\#g"), 9, false, false, false},
        {L(" #h"), 10, false, false, false},
        {L("i"), 11, false, false, false},
        {L("j/k/"), 12, false, true, true},
    };
    ignore_add_text(&rules, S("/base"), S("name"),
                    S("\xef\xbb\xbf"
                      "a  \r\n#\n\r\n!b/\n/c\nd\\  \ne\t\nf\r\r\n\\#g\n #h\n"
                      "i\0x\nj/k/"));
    unit_at(S("lines"));
    CHECK_INT(rules.count, COUNT(rows));
    for (int i = 0; i < COUNT(rows) && i < rules.count; i++) {
        const IgnoreRule *rule = &rules.rule[i];
        unit_at(rows[i].pattern);
        CHECK_STR(rule->pattern, rows[i].pattern);
        CHECK_STR(rule->base, S("/base"));
        CHECK_STR(rule->file, S("name"));
        CHECK_INT(rule->line, rows[i].line);
        CHECK_INT(rule->negated, rows[i].negated);
        CHECK_INT(rule->folders_only, rows[i].folders_only);
        CHECK_INT(rule->anchored, rows[i].anchored);
    }
    arena_free(&arena);
}

/* The line of the rule that decides; 0 if nothing is ignored. */
static void test_ignore_judge(void)
{
    static const struct {
        const char *top;
        const char *path;
        int find, judge;
    } rows[] = {
        {"/t", "/t/a.log", 1, 1},
        {"/t", "/t/keep.log", 2, 0},
        {"/t", "/t/sub/keep.log", 2, 0},
        {"/t", "/t/out/keep.log", 2, 3}, /* its folder is ignored */
        {"/t", "/t/out/x", 0, 3},
        {"/t", "/t/out", 0, 0}, /* a file of that name */
        {"/t/out", "/t/out/x", 0, 0},
        {"/t/", "/t/out/x", 0, 3},
        {"/", "/t/out/x", 0, 3},
        {"", "/t/out/x", 0, 3},
        {"/t", "/t", 0, 0},
        {"/t", "/tt/a.log", 0, 0},
        {"/t", "/u/a.log", 0, 0},
        {"/t", "/t/sub/only", 4, 4},
        {"/t", "/t/only", 0, 0},
    };
    Arena arena = {0};
    IgnoreRules rules = {.arena = &arena};
    ignore_add_text(&rules, S("/t"), S("top"), S("*.log\n!keep.log\nout/\n"));
    ignore_add_text(&rules, S("/t/sub"), S("sub"), S("\n\n\n/only"));
    for (int i = 0; i < COUNT(rows); i++) {
        Str path = str_from(rows[i].path);
        const IgnoreRule *found = ignore_find(&rules, path, IGNORE_FILE);
        const IgnoreRule *judged = ignore_judge(&rules, str_from(rows[i].top),
                                                path, IGNORE_FILE);
        snprintf(unit_row, sizeof(unit_row), "%s below %s", rows[i].path,
                 rows[i].top);
        CHECK_INT(found ? found->line : 0, rows[i].find);
        CHECK_INT(judged ? judged->line : 0, rows[i].judge);
    }
    unit_at(S("the root as base, and no base"));
    IgnoreRules wide = {.arena = &arena};
    ignore_add_text(&wide, S("/"), S("root"), S("/a\n"));
    ignore_add_text(&wide, S(""), S("built-in"), S("/b/c\nd\n"));
    CHECK(ignore_find(&wide, S("/a"), IGNORE_FILE));
    CHECK(ignore_find(&wide, S("b/c"), IGNORE_FILE));
    CHECK(ignore_find(&wide, S("/x/d"), IGNORE_FILE));
    CHECK(!ignore_find(&wide, S(""), IGNORE_FOLDER));
    CHECK(!ignore_find(&wide, S("/"), IGNORE_FOLDER));
    arena_free(&arena);
}

/* Which paths a list of rules reaches outside of its folder, and in any
 * case. */
static void test_ignore_reach(void)
{
    static const struct {
        const char *path;
        int below, beside, anywhere, any_case; /* the line that matches */
    } rows[] = {
        {"/p/q/a", 1, 1, 1, 1},
        {"/p/q/A", 0, 0, 0, 1},
        {"/p/a", 0, 1, 1, 1},
        {"/x/a", 0, 1, 1, 1},
        {"/p/q/b/c", 2, 2, 2, 2},
        {"/x/b/c", 0, 0, 0, 0},
        {"/p/q", 0, 0, 3, 0},
        {"/x/q", 0, 3, 3, 3},
        {"/p", 0, 0, 4, 0},
        {"/p/q/p", 4, 4, 4, 4},
        {"/p/q/\xc3\x84", 0, 0, 0, 5},
        {"/p/q/\xc3\xa4", 5, 5, 5, 5},
        {"/", 0, 0, 0, 0},
        {"/p/q/B/C", 0, 0, 0, 2},
    };
    Arena arena = {0};
    for (int kind = 0; kind < 4; kind++) {
        IgnoreRules rules = {
            .arena = &arena,
            .reach = kind == 3 ? IGNORE_BESIDE : (IgnoreReach)kind,
            .any_case = kind == 3,
        };
        ignore_add_text(&rules, S("/p/q"), S("rows"),
                        S("a\nb/c\nq\np\n\xc3\xa4\n"));
        for (int i = 0; i < COUNT(rows); i++) {
            const int want[] = {rows[i].below, rows[i].beside, rows[i].anywhere,
                                rows[i].any_case};
            const IgnoreRule *rule = ignore_find(&rules, str_from(rows[i].path),
                                                 true);
            snprintf(unit_row, sizeof(unit_row), "%s, list %d", rows[i].path,
                     kind);
            CHECK_INT(rule ? rule->line : 0, want[kind]);
        }
    }
    arena_free(&arena);
}

static void test_ignore_own_text(void)
{
    static const struct {
        Str text;
        const char *fault;
    } rows[] = {
        {L(""), NULL},
        {L("*.key\r\n"), NULL},
        {L("\xef\xbb\xbf*.key\n"), NULL},
        {L("\xe4.key\n"), NULL},
        {L("\xff\xfe*\0"), "UTF-16"},
        {L("\xfe\xff\0*"), "UTF-16"},
        {L("*\0\n\0"), "UTF-16"},
        {L("\0*\0\n"), "UTF-16"},
        {L("a\0b"), "NUL"},
        {L("*.key\n\0"), "NUL"},
    };
    Arena arena = {0};
    for (int i = 0; i < COUNT(rows); i++) {
        const char *fault = ignore_text_fault(rows[i].text);
        unit_at(rows[i].text);
        CHECK(rows[i].fault ? fault && strstr(fault, rows[i].fault) : !fault);
    }
    unit_at(S("long lines"));
    CHECK(!ignore_text_fault(unit_repeat(&arena, S("x"), IGNORE_PATTERN_MAX)));
    CHECK(
        ignore_text_fault(unit_repeat(&arena, S("x"), IGNORE_PATTERN_MAX + 1)));
    CHECK(!ignore_text_fault(
        unit_repeat(&arena, S("#"), IGNORE_PATTERN_MAX + 1)));
    arena_free(&arena);
}

static void test_follow_links(void)
{
    Arena arena = {0};
    Str forms[8];
    Str here = os_resolve_links(&arena, os_process_cwd(&arena));
    unit_at(S("links"));
    CHECK(!mkdir("real", 0700) && !mkdir("real/sub", 0700));
    CHECK(!symlink("real/sub", "one") && !symlink("one", "two"));
    CHECK(!symlink("loop", "loop"));
    Str path = arena_printf(&arena, "%.*s/./two//../x", P(here));
    CHECK_INT(os_follow_links(&arena, path, forms, COUNT(forms)), 3);
    const char *const want[] = {"/x", "/x", "/real/x"};
    for (int i = 0; i < COUNT(want); i++)
        CHECK_STR(forms[i], arena_printf(&arena, "%.*s%s", P(here), want[i]));
    path = os_path_join(&arena, here, S("loop"));
    CHECK_INT(os_follow_links(&arena, path, forms, COUNT(forms)), 0);
    CHECK_INT(os_follow_links(&arena, S("/../.."), forms, 1), 1);
    CHECK_STR(forms[0], S("/"));
    CHECK_INT(os_follow_links(&arena, here, forms, 1), 1);
    CHECK_STR(forms[0], here);
    unlink("loop");
    unlink("two");
    unlink("one");
    rmdir("real/sub");
    rmdir("real");
    arena_free(&arena);
}

static void test_ignore_files(void)
{
    Arena arena = {0};
    IgnoreRules rules = {.arena = &arena};
    Err err = {0};
    unit_at(S("ignore files"));
    CHECK(ignore_add_file(&rules, S(""), S("nothing/.hsignore"), IGNORE_FOLLOW,
                          &err));
    CHECK_INT(rules.count, 0);
    unit_write_file(".hsignore", S("a\nb\n"));
    CHECK(ignore_add_file(&rules, S(""), S(".hsignore"), IGNORE_FOLLOW, &err));
    CHECK(
        ignore_add_file(&rules, S(""), S(".hsignore/x"), IGNORE_FOLLOW, &err));
    CHECK_INT(rules.count, 2);
    CHECK(!symlink(".hsignore", ".gitignore") && !symlink(".hsignore", "x"));
    CHECK(
        ignore_add_file(&rules, S(""), S(".gitignore"), IGNORE_NO_LINK, &err));
    CHECK_INT(rules.count, 2);
    CHECK(ignore_add_file(&rules, S(""), S("x"), IGNORE_FOLLOW, &err));
    CHECK_INT(rules.count, 4);
    CHECK_INT(err.code, 0);
    os_test_countdown = 1;
    CHECK(!ignore_add_file(&rules, S(""), S(".hsignore"), IGNORE_FOLLOW, &err));
    CHECK_INT(err.code, EXIT_FAILED);
    CHECK(strstr(err.message, ".hsignore"));
    err = (Err){0};
    unit_write_file(".hsignore", unit_repeat(&arena, S("#"), MIB + 1));
    CHECK(!ignore_add_file(&rules, S(""), S(".hsignore"), IGNORE_FOLLOW, &err));
    CHECK(strstr(err.message, "larger than 1 MiB"));
    unlink(".gitignore");
    unlink(".hsignore");
    unlink("x");
    arena_free(&arena);
}

static void test_ignore_git(void)
{
    Arena arena = {0};
    Err err = {0};
    GitTree tree = {0};
    bool covered = false;
    Str here = os_resolve_links(&arena, S("."));
    Str root = os_path_join(&arena, here, S("tree"));
    Str deep = os_path_join(&arena, root, S("sub/deep"));
    unit_at(S("a work tree"));
    static const char *const folders[] = {
        "tree",           "tree/.git", "tree/.git/objects",
        "tree/.git/refs", "tree/sub",  "tree/sub/deep"};
    for (int i = 0; i < COUNT(folders); i++)
        CHECK_INT(os_mkdir(&arena, str_from(folders[i]), 0755), 0);
    unit_write_file("tree/.git/HEAD", S("ref: refs/heads/main\n"));
    unit_write_file("tree/sub/.gitignore", S("*.yml\n!b.yml\n"));
    CHECK(ignore_git_tree(&arena, deep, &tree));
    CHECK_STR(tree.root, root);
    CHECK_STR(tree.git_dir, os_path_join(&arena, root, S(".git")));
    CHECK_STR(tree.common_dir, tree.git_dir);
    CHECK_STR(ignore_git_nearest(&arena, &tree, deep),
              os_path_join(&arena, root, S("sub/.gitignore")));
    CHECK_STR(ignore_git_nearest(&arena, &tree, root), S(""));
    CHECK_STR(ignore_git_nearest(&arena, &tree, here), S(""));
    static const struct {
        Str path;
        bool covered;
    } rows[] = {
        {L("sub/a.yml"), true},       {L("sub/b.yml"), false},
        {L("a.yml"), false},          {L("sub/deep/new/a.yml"), true},
        {L("sub/deep/b.yml"), false}, {L("../a.yml"), false},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(rows[i].path);
        CHECK(ignore_git_covers(&tree, os_path_join(&arena, root, rows[i].path),
                                IGNORE_FILE, &covered, &err));
        CHECK_INT(covered, rows[i].covered);
    }
    unlink("tree/.git/HEAD");
    unlink("tree/sub/.gitignore");
    for (int i = COUNT(folders); i-- > 0;)
        rmdir(folders[i]);
    arena_free(&arena);
}
