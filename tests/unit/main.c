/*
 * Unit tests: tables of input and expected result, one function per topic, one
 * file per section of hs.c.
 *
 * hs.c is included whole, so that the tests can call its static functions. A
 * failed check prints its file, its line and the row under test, and the run
 * goes on. Prints "unit: N checks passed" and exits 0, else 1.
 * With arguments it asks one prompt instead; see unit_prompt().
 *
 * The tests write to a temporary folder in the working directory, and use no
 * network.
 */
#include "check.h"

/* A test that is missing from the list below is an error. */
#pragma GCC diagnostic error "-Wunused-function"

#include "base.c"
#include "system.c"
#include "terminal.c"
#include "json.c"
#include "yaml.c"
#include "url.c"
#include "ignore.c"
#include "dotenv.c"
#include "tls.c"
#include "http.c"
#include "false_start.c"
#include "loopback.c"
#include "config.c"
#include "config_changes.c"
#include "hubspot.c"
#include "command_support.c"
#include "secrets.c"
#include "command_line.c"

/* Every test, in the order of the run. */
static void (*const unit_tests[])(void) = {
    test_str_utf8,
    test_str_int,
    test_str_cut,
    test_str_parts,
    test_str_distance,
    test_time_parse,
    test_time_days,
    test_buf,
    test_arena,
    test_err,
    test_hash_table,
    test_os_paths,
    test_os_read_file,
    test_os_lock,
    test_os_address,
    test_term_visible,
    test_err_rows,
    test_term_write_line,
    test_term_cut_error,
    test_term_foreign,
    test_term_width,
    test_ask_line,
    test_ask_keys,
    test_ask_choice,
    test_ask_checkbox,
    test_ask_numbers,
    test_ask_page,
    test_ask_resize,
    test_ask_frame,
    test_json_grammar,
    test_json_pieces,
    test_json_indent,
    test_json_limits,
    test_json_int,
    test_json_document,
    test_json_keep_numbers,
    test_json_first_blocks,
    test_yaml_round_trip,
    test_yaml_faults,
    test_yaml_limits,
    test_yaml_quoting,
    test_yaml_long_text,
    test_yaml_set,
    test_yaml_get,
    test_yaml_clone,
    test_yaml_clone_limits,
    test_yaml_clone_is_apart,
    test_yaml_remove,
    test_ignore_match,
    test_ignore_is_bounded,
    test_ignore_text,
    test_ignore_judge,
    test_ignore_reach,
    test_ignore_own_text,
    test_follow_links,
    test_ignore_files,
    test_ignore_git,
    test_url_parse,
    test_url_encoding,
    test_url_no_proxy,
    test_tls_base64,
    test_tls_pem,
    test_tls_anchor,
    test_tls_built_in,
    test_tls_der,
    test_tls_host,
    test_tls_messages,
    test_tls_stuck,
    test_tls_known,
    test_tls_known_limits,
    test_tls_known_long,
    test_tls_known_trust,
    test_http_head,
    test_http_headers,
    test_http_framing,
    test_http_chunks,
    test_http_length,
    test_http_asked_pause,
    test_http_redirect,
    test_http_pause,
    test_http_request,
    test_http_add,
    test_http_proxy,
    test_http_proxy_basic,
    test_http_pace,
    test_http_idle,
    test_http_names,
    test_false_start,
    test_false_start_forged,
    test_false_start_closed,
    test_false_start_not,
    test_false_start_protocol,
    test_false_start_when,
    test_url_redact,
    test_os_add_addresses,
    test_loop_frame,
    test_loop_close_code,
    test_loop_request,
    test_loop_accept,
    test_loop_open,
    test_http_run_many,
    test_config_read,
    test_config_faults,
    test_config_from_env,
    test_config_choose,
    test_config_kebab,
    test_config_names,
    test_config_torn,
    test_config_stays,
    test_config_loss,
    test_config_override,
    test_config_edit,
    test_config_shared_block,
    test_config_unwritable,
    test_config_faulty_disk,
    test_config_faulty_start,
    test_config_find_clashes,
    test_config_free_name,
    test_config_faulty_link,
    test_config_faulty_migrate,
    test_hub_check_key,
    test_hub_may_open,
    test_hub_callback,
    test_hub_uuid,
    test_os_browser_words,
    test_env_read,
    test_env_faults,
    test_env_many,
    test_env_quotes_nothing,
    test_secret_names,
    test_secret_path,
    test_cli_long,
    test_cli_parse,
    test_cli_values,
    test_cli_lists,
    test_cli_flags,
    test_cli_table,
};

/* Leaves nothing of the caller's environment that the tests could see. */
static void unit_clean_environment(void)
{
    static const char *const names[] = {
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
        "INIT_CWD",
        "XDG_CONFIG_HOME",
        "HUBSPOT_ACCOUNT_ID",
        "HUBSPOT_PORTAL_ID",
        "HUBSPOT_PERSONAL_ACCESS_KEY",
        "HUBSPOT_CLIENT_ID",
        "HUBSPOT_CLIENT_SECRET",
        "HUBSPOT_API_KEY",
        "HUBSPOT_REFRESH_TOKEN",
        "HUBSPOT_ENVIRONMENT",
        "HTTP_TIMEOUT",
        "HTTP_USE_LOCALHOST",
        "HUBSPOT_CONFIG_PATH",
    };
    for (int i = 0; i < COUNT(names); i++)
        unsetenv(names[i]);
}

/*
 * Asks one prompt, for test_ask.py: KIND QUESTION [PRESET | LABEL...]. Labels
 * of a checkbox begin with "+" if they are preset, "-" if they are
 * fixed, and a space. Prints the answer to stdout; exits as hs does.
 */
static int unit_prompt(char **argv, int count)
{
    static Term term;
    Arena arena = {0};
    Err err = {0};
    Str kind = str_from(argv[1]);
    Str *labels = arena_array(&arena, count, sizeof(*labels));
    AskItem *items = arena_array(&arena, count, sizeof(*items));
    Str text = {0};
    int at = 0;
    bool yes = false;
    bool ok = false;
    os_init();
    term_init(&term, &arena);
    for (int i = 0; i < count; i++) {
        labels[i] = str_from(argv[3 + i]);
        items[i] = (AskItem){
            str_slice(labels[i], 2, labels[i].len),
            labels[i].len && labels[i].ptr[0] == '+',
            labels[i].len && labels[i].ptr[0] == '-' ? "linked already" : NULL};
    }
    if (str_eq(kind, S("select")))
        ok = ask_select(&term, argv[2], (AskLabels){labels, count}, &at, &err);
    else if (str_eq(kind, S("checkbox")))
        ok = ask_checkbox(&term, argv[2], items, count, &err);
    else if (str_eq(kind, S("confirm")))
        ok = ask_confirm(&term, argv[2], count > 0, &yes, &err);
    else
        ok = ask_text(&term, &arena,
                      &(Question){.text = argv[2],
                                  .preset = count ? labels[0] : text,
                                  .masked = str_eq(kind, S("masked"))},
                      &text, &err);
    if (!ok)
        term_error(&term, &err);
    else if (str_eq(kind, S("select")))
        printf("got %d", at);
    else if (str_eq(kind, S("confirm")))
        printf("got %s", yes ? "yes" : "no");
    else
        printf("got%s%.*s", text.len ? " " : "", P(text));
    for (int i = 0; ok && i < count && str_eq(kind, S("checkbox")); i++)
        printf("%s", items[i].chosen ? arena_printf(&arena, " %d", i).ptr : "");
    printf(ok ? "\n" : "");
    arena_free(&arena);
    return ok ? 0 : err.code;
}

int main(int argc, char **argv)
{
    if (argc >= 3)
        return unit_prompt(argv, argc - 3);
    char folder[] = "unit-XXXXXX";
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || !mkdtemp(folder) ||
        chdir(folder)) {
        printf("unit: cannot create a directory\n");
        return 1;
    }
    close(nothing);
    umask(022);
    setlocale(LC_CTYPE, "C.UTF-8");
    json_init(NULL);
    unit_clean_environment();
    for (int i = 0; i < COUNT(unit_tests); i++)
        unit_tests[i]();
    unit_remove("config.yml");
    if (chdir("..") || rmdir(folder))
        printf("unit: %s is not empty at the end\n", folder);
    if (unit_failures) {
        printf("unit: %d of %d checks failed\n", unit_failures, unit_checks);
        return 1;
    }
    printf("unit: %d checks passed\n", unit_checks);
    return 0;
}
