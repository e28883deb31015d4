/*
 * Prints what the Ignore section of hs.c does with paths; test_ignore.py
 * compares it with git.
 *
 *     ignore FOLDER <paths >answers
 *
 * FOLDER is an absolute path in a work tree; each path, absolute and ended by
 * NUL, is judged as what exists there. Prints a line for the work tree ("tree"
 * and its root, or "none"), then for each path the rule that ignores it as
 * "file NUL line NUL pattern NUL", the three of them empty if none does.
 */
#define HS_TEST 1
#include "../hs.c"

static bool driver_is_folder(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The rule that ignores the path; ends the program where ignore_git_covers()
 * says otherwise. */
static const IgnoreRule *driver_judge(Arena *arena, GitTree tree, Str path)
{
    Err err = {0};
    bool covered = false;
    bool folder = driver_is_folder(arena_cstr(arena, path));
    IgnoreRules rules = {.arena = arena};
    tree.arena = arena; /* wiped after each path */
    Str dir = os_path_dir(path);
    if (!ignore_add_git(&rules, &tree, dir, &err) ||
        !ignore_git_covers(&tree, path, folder, &covered, &err)) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    const IgnoreRule *rule = ignore_judge(&rules, tree.root, path, folder);
    if (covered != (rule != NULL)) {
        fprintf(stderr, "two answers for %.*s\n", P(path));
        exit(1);
    }
    return rule;
}

int main(int argc, char **argv)
{
    Arena arena = {0};
    GitTree tree = {0};
    Str paths = {0};
    if (argc != 2 || os_read_fd(&arena, STDIN_FILENO, 16L * MIB, &paths))
        return 2;
    if (!ignore_git_tree(&arena, str_from(argv[1]), &tree)) {
        printf("none\n");
        arena_free(&arena);
        return 0;
    }
    printf("tree %.*s\n", P(tree.root));
    while (paths.len) {
        Arena scratch = {0};
        const IgnoreRule *rule = driver_judge(&scratch, tree,
                                              str_cut(&paths, '\0'));
        if (rule)
            printf("%.*s%c%d%c", P(rule->file), 0, rule->line, 0);
        else
            printf("%c%c", 0, 0);
        if (rule)
            fwrite(rule->pattern.ptr, 1, (size_t)rule->pattern.len, stdout);
        putchar(0);
        arena_free(&scratch);
    }
    arena_free(&arena);
    return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
