/* Unit tests: Terminal. */
#include "check.h"

static void test_term_visible(void)
{
    static const struct {
        Str text;
        Str piece; /* inside a line */
        Str line;  /* as a complete line */
    } rows[] = {
        {L("plain \xc3\xbc"), L("plain \xc3\xbc"), L("plain \xc3\xbc")},
        {L("a\tb\nc\rd"), L("a\\tb\\nc\\rd"), L("a\\tb\\nc\\rd")},
        {L("\x1b[31m"), L("\\u001b[31m"), L("\\u001b[31m")},
        {L("\b\a\0"), L("\\u0008\\u0007\\u0000"), L("\\u0008\\u0007\\u0000")},
        {L("\x7f"), L("\\u007f"), L("\\u007f")},
        {L("\xc2\x80\xc2\x9b\xc2\xa0"), L("\\u0080\\u009b\xc2\xa0"),
         L("\\u0080\\u009b\xc2\xa0")},
        {L("\x9b"), L("\\x9b"), L("\\x9b")},
        {L("\xff\xfe"), L("\\xff\\xfe"), L("\\xff\\xfe")},
        {L("\xed\xa0\x80"), L("\\xed\\xa0\\x80"), L("\\xed\\xa0\\x80")},
        {L("\xe2\x82"), L("\\xe2\\x82"), L("\\xe2\\x82")},
        {L("a\xe2\x80\xa8"
           "b\xe2\x80\xa9"),
         L("a\\u2028b\\u2029"), L("a\\u2028b\\u2029")},
        {L("\xe2\x80\xaegpj.\xe2\x81\xa6\xd8\x9c\xe2\x80\x8f"),
         L("\\u202egpj.\\u2066\\u061c\\u200f"),
         L("\\u202egpj.\\u2066\\u061c\\u200f")},
        {L("\xe2\x80\x94\xe2\x81\xa5"), L("\xe2\x80\x94\xe2\x81\xa5"),
         L("\xe2\x80\x94\xe2\x81\xa5")},
        {L("x\n::stop-commands::t"), L("x\\n::stop-commands::t"),
         L("x\\n::stop-commands::t")},
        {L("::error::x"), L("::error::x"), L("\\u003a:error::x")},
        {L("  \xc2\xa0\xe3\x80\x80::x"), L("  \xc2\xa0\xe3\x80\x80::x"),
         L("  \xc2\xa0\xe3\x80\x80\\u003a:x")},
        {L("\t::x"), L("\\t::x"), L("\\t::x")},
        {L(":"), L(":"), L(":")},
        {L("a##[group]b"), L("a\\u0023#[group]b"), L("a\\u0023#[group]b")},
        {L("##vso[task.x]##"), L("\\u0023#vso[task.x]##"),
         L("\\u0023#vso[task.x]##")},
        {L("###[x] ## [ #[ ##1["), L("#\\u0023#[x] ## [ #[ ##1["),
         L("#\\u0023#[x] ## [ #[ ##1[")},
        {L(""), L(""), L("")},
    };
    Arena arena = {0};
    for (int i = 0; i < COUNT(rows); i++) {
        Buf piece = buf_new(&arena, KIB);
        Buf line = buf_new(&arena, KIB);
        snprintf(unit_row, sizeof(unit_row), "visible row %d", i);
        term_add_visible(&piece, rows[i].text);
        term_add_line(&line, rows[i].text);
        CHECK_STR(buf_str(&piece), rows[i].piece);
        CHECK_STR(buf_str(&line), rows[i].line);
        CHECK_INT(term_width(rows[i].text), term_width(rows[i].piece));
        for (int n = 0; n < 12; n++) {
            Str head = term_clip(rows[i].text, n);
            CHECK(term_width(head) <= n);
        }
    }
    arena_free(&arena);
}

static void test_err_rows(void)
{
    static Err err;
    char name[KIB];
    err = (Err){0};
    memset(name, 'n', sizeof(name));
    unit_at(S("rows of an error"));
    err_set(&err, EXIT_CONFIG, "list");
    for (int i = 0; i < 2; i++)
        CHECK(!err_row(&err, "row %d", i));
    CHECK_INT(err.rows, 2);
    CHECK(!strcmp(err.row, "row 0") && !strcmp(err.row + 6, "row 1"));
    for (int i = 0; i < 4; i++)
        err_row(&err, "%.*s", (int)sizeof(name), name);
    err_row(&err, "short");
    CHECK_INT(err.rows, 4);
    CHECK_INT(err.rows_left_out, 3);
}

/* From here on stderr is a pipe; unit_caught() ends that. */
static int unit_stderr = -1;
static int unit_pipe[2];

static void unit_catch(void)
{
    unit_stderr = dup(STDERR_FILENO);
    if (pipe2(unit_pipe, O_NONBLOCK | O_CLOEXEC) ||
        dup2(unit_pipe[1], STDERR_FILENO) < 0)
        abort();
}

/* What went to stderr since unit_catch(). */
static Str unit_caught(Arena *arena)
{
    char *text = arena_alloc(arena, 64L * KIB);
    dup2(unit_stderr, STDERR_FILENO);
    close(unit_stderr);
    close(unit_pipe[1]);
    ssize_t n = read(unit_pipe[0], text, 64L * KIB);
    close(unit_pipe[0]);
    return (Str){text, n < 0 ? 0 : n};
}

static void test_term_write_line(void)
{
    static const Str rows[][2] = {
        {L("nothing"), L("nothing\n")},
        {L("a secret-key-0123456789 b"), L("a [hidden] b\n")},
        {L("secret-key-0123456789"), L("[hidden]\n")},
        {L("secret-key-0123456789secret-key-0123456789"),
         L("[hidden][hidden]\n")},
        {L("other-secret-9 secret-key-0123456789"), L("[hidden] [hidden]\n")},
        /* cut at the end of the line */
        {L("key: secret-key-01"), L("key: [hidden]\n")},
        {L("key: secret-key-012 b"), L("key: [hidden] b\n")},
        {L("key: secret-"), L("key: secret-\n")},
        /* one secret is the beginning of another */
        {L("other-secret-9-and-more"), L("[hidden]\n")},
        {L("short-1"), L("short-1\n")},
        {L("\x1b[2J\x9b secret-key-0123456789"),
         L("\\u001b[2J\\x9b [hidden]\n")},
    };
    static Term term;
    Arena arena = {0};
    term.arena = &arena;
    term_hide(&term, secret_from(S("secret-key-0123456789")));
    term_hide(&term, secret_from(S("secret-key-0123456789")));
    term_hide(&term, secret_from(S("other-secret-9")));
    term_hide(&term, secret_from(S("other-secret-9-and-more")));
    term_hide(&term, secret_from(S("short-1")));
    unit_at(S("secrets"));
    CHECK_INT(term.secrets, 3);
    for (int i = 0; i < COUNT(rows); i++) {
        unit_at(rows[i][0]);
        unit_catch();
        term_say(&term, "%.*s", P(rows[i][0]));
        CHECK_STR(unit_caught(&arena), rows[i][1]);
    }
    arena_free(&arena);
}

/* A message that was cut in the middle of a secret, as main says it. */
static void test_term_cut_error(void)
{
    static Term term;
    Arena arena = {0};
    Err err = {0};
    Str secret = S("CiRuYTEtMDEyMzQ1Njc4OWFiY2RlZg");
    unit_at(S("a secret cut by the end of an error's message"));
    term.arena = &arena;
    term_hide(&term, secret_from(secret));
    Str pad = unit_repeat(&arena, S("x"), (int)sizeof(err.message) - 21);
    err_set(&err, EXIT_CONFIG, "%.*s%.*s", P(pad), P(secret));
    unit_catch();
    term_error(&term, &err);
    Str shown = unit_caught(&arena);
    CHECK_INT(str_find(shown, str_slice(secret, 0, 8)), -1);
    unit_at(S("a secret cut by the end of a line"));
    pad = unit_repeat(&arena, S("y"), 4 * KIB - 22);
    unit_catch();
    term_say(&term, "%.*s%.*s", P(pad), P(secret));
    shown = unit_caught(&arena);
    CHECK(str_ends(shown, S("\n")));
    CHECK_INT(str_find(shown, str_slice(secret, 0, 8)), -1);
    arena_free(&arena);
}

static void test_term_foreign(void)
{
    static Term term;
    unit_at(S("foreign output"));
    term.out_terminal = true;
    term_out_foreign(&term, S("a\x1b[\n\t\x7f \xc3\xbc\xc2"));
    term_out_foreign(&term, S("\x9b."));
    CHECK_STR(((Str){term.out, term.out_len}),
              S("a\\u001b[\n\t\\u007f \xc3\xbc\\u009b."));
    term.out_len = 0;
    term_out_foreign(&term, S("\x9b[\xe4\xb8"));
    term_out_foreign(&term, S("\x80\x9b\xf0\x9f\x8e\x88\x88\xff\x9b\xe4.\x9b"));
    CHECK_STR(
        ((Str){term.out, term.out_len}),
        S("\\x9b[\xe4\xb8\x80\\x9b\xf0\x9f\x8e\x88\\x88\\xff\\x9b\\xe4.\\x9b"));
    term.out_len = 0;
    term_out_foreign(&term, S("\xe2\x80\xae\xe2\x80"));
    term_out_character(&term);
    CHECK_STR(((Str){term.out, term.out_len}), S("\\u202e\\xe2\\x80"));
    term.out_len = 0;
    term.out_terminal = false;
    term_out_foreign(&term, S("a\x1b[\xc2\x9b"));
    CHECK_STR(((Str){term.out, term.out_len}), S("a\x1b[\xc2\x9b"));
}

static void test_term_width(void)
{
    unit_at(S("width"));
    CHECK_INT(term_width(S("abc")), 3);
    CHECK_INT(term_width(S("\xe6\xbc\xa2")), 2);
    CHECK_INT(term_width(S("e\xcc\x81")), 1);
    CHECK_INT(term_width(S("\xff")), 4);
    CHECK_INT(term_width(S("\n\xe2\x80\xae##[x]")), 2 + 6 + 6 + 4);
    CHECK_STR(term_clip(S("a\xe6\xbc\xa2z"), 2), S("a"));
    CHECK_STR(term_clip(S("a\xe6\xbc\xa2z"), 3), S("a\xe6\xbc\xa2"));
    CHECK_STR(term_clip(S("abc"), 0), S(""));
    CHECK_STR(term_clip(S("abc"), -1), S(""));
}

/* Feeds bytes to a prompt's line as the terminal would send them; gives the
 * key that ended it. */
static Key unit_type(Line *line, Str bytes)
{
    static Term term;
    Ask ask = {.term = &term};
    Key key = KEY_NONE;
    memcpy(ask.bytes, bytes.ptr, (size_t)bytes.len);
    ask.len = (int)bytes.len;
    while (ask.at < ask.len) {
        key = ask_key(&ask);
        if (key == KEY_ENTER || key == KEY_EOF || key == KEY_STOP)
            break;
        ask_line_edit(line, key, ask.text);
    }
    return key;
}

static void test_ask_line(void)
{
    static const struct {
        Str keys;
        Str text;
        int at;
    } rows[] = {
        {L("abc"), L("abc"), 3},
        {L("abc\x7f\x08"), L("a"), 1},
        {L("\x7f\x7f"), L(""), 0},
        {L("abc\x02\x02x"), L("axbc"), 2},
        {L("abc\x1b[D\x1b[D\x1b[3~"), L("ac"), 1},
        {L("abc\x1b[3~"), L("abc"), 3},
        {L("abc\x01x\x05z"), L("xabcz"), 5},
        {L("abc\x1b[Hx\x1b[Fz"), L("xabcz"), 5},
        {L("abc\x1bOHx\x1bOFz"), L("xabcz"), 5},
        {L("abc\x1b[1~x\x1b[4~z"), L("xabcz"), 5},
        {L("abc\x02\x0b"), L("ab"), 2},
        {L("abc\x02\x15"), L("c"), 0},
        {L("one two  \x17"), L("one "), 4},
        {L("one\x17\x17"), L(""), 0},
        {L("\x1b[D\x1b[D\x1b[Cx"), L("x"), 1},
        /* characters of more than one byte */
        {L("\xc3\xbc\xe2\x82\xac\x7f"), L("\xc3\xbc"), 2},
        {L("\xc3\xbc\xe2\x82\xac\x02\x02x"), L("x\xc3\xbc\xe2\x82\xac"), 1},
        {L("\xc3\xbc\xe2\x82\xac\x01\x06\x1b[3~"), L("\xc3\xbc"), 2},
        {L("\xf0\x9f\x98\x80\x02\x1b[3~"), L(""), 0},
        /* what combines goes with its character */
        {L("ae\xcc\x81\x7f"), L("a"), 1},
        {L("ae\xcc\x81\xcc\xa3\x02x"), L("axe\xcc\x81\xcc\xa3"), 2},
        {L("e\xcc\x81"
           "b\x01\x06x"),
         L("e\xcc\x81"
           "xb"),
         4},
        {L("e\xcc\x81"
           "b\x01\x1b[3~"),
         L("b"), 0},
        {L("\xcc\x81x\x7f\x7f"), L(""), 0},
        {L("\xe6\xbc\xa2\xe5\xad\x97\x02\x7f"), L("\xe5\xad\x97"), 0},
        /* what no prompt knows */
        {L("a\x1b[1;5Cb"), L("ab"), 2},
        {L("a\x1b[15~b"), L("ab"), 2},
        {L("a\x1bxb"), L("ab"), 2},
        {L("a\x03\x0c\x1c"), L("a"), 1},
        /* paste: line breaks do not answer, control bytes are no keys */
        {L("\x1b[200~a\rb\nc\x1b[201~d"), L("abcd"), 4},
        {L("\x1b[200~\x15\x04x\x1b[201~"), L("x"), 1},
    };
    Line line;
    for (int i = 0; i < COUNT(rows); i++) {
        snprintf(unit_row, sizeof(unit_row), "line row %d", i);
        memset(&line, 0, sizeof(line));
        unit_type(&line, rows[i].keys);
        CHECK_STR(((Str){line.text, line.len}), rows[i].text);
        CHECK_INT(line.at, rows[i].at);
    }
    unit_at(S("a full line"));
    memset(&line, 0, sizeof(line));
    for (int i = 0; i < ASK_MAX + 10; i++)
        ask_line_edit(&line, KEY_TEXT, 'x');
    CHECK_INT(line.len, ASK_MAX);
    ask_line_edit(&line, KEY_CUT_LINE, 0);
    CHECK_INT(line.len, 0);
}

static void test_ask_keys(void)
{
    static const struct {
        Str bytes;
        Key key;
    } rows[] = {
        {L("\r"), KEY_ENTER},
        {L("\n"), KEY_ENTER},
        {L("\x04"), KEY_EOF},
        {L("\x1b[A"), KEY_UP},
        {L("\x1bOA"), KEY_UP},
        {L("\x1b[B"), KEY_DOWN},
        {L("\x10"), KEY_UP},
        {L("\x0e"), KEY_DOWN},
        {L("\x1b[5~"), KEY_PAGE_UP},
        {L("\x1b[6~"), KEY_PAGE_DOWN},
        {L("\x1b[7~"), KEY_HOME},
        {L("\x1b[8~"), KEY_END},
        {L("\x1b"), KEY_ESCAPE},
        {L("\x1b["), KEY_NONE},
        {L("\x1b[9"), KEY_NONE},
        {L(""), KEY_STOP},
        {L("\x1b[123456789012345678901~"), KEY_NONE},
    };
    static Term term;
    for (int i = 0; i < COUNT(rows); i++) {
        Ask ask = {.term = &term};
        memcpy(ask.bytes, rows[i].bytes.ptr, (size_t)rows[i].bytes.len);
        ask.len = (int)rows[i].bytes.len;
        snprintf(unit_row, sizeof(unit_row), "key row %d", i);
        CHECK_INT(ask_key(&ask), rows[i].key);
    }
}

/* Plays keys on a list: capitals stand for those that are no text. */
static void unit_choose(Choice *choice, const char *keys)
{
    static const struct {
        char name;
        Key key;
    } known[] = {
        {'U', KEY_UP},     {'D', KEY_DOWN},      {'H', KEY_HOME},
        {'E', KEY_END},    {'P', KEY_PAGE_UP},   {'N', KEY_PAGE_DOWN},
        {'X', KEY_ESCAPE}, {'B', KEY_BACKSPACE}, {'C', KEY_CUT_LINE},
    };
    for (; *keys; keys++) {
        Key key = KEY_TEXT;
        for (int i = 0; i < COUNT(known); i++)
            if (known[i].name == *keys)
                key = known[i].key;
        ask_choice_key(choice, key, *keys);
    }
}

static void test_ask_choice(void)
{
    static const struct {
        const char *keys;
        int matches;
        int at;
    } rows[] = {
        {"", 3, 0},    {"U", 3, 2},  {"UD", 3, 0},  {"D", 3, 1},
        {"DDU", 3, 1}, {"E", 3, 2},  {"EH", 3, 0},  {"N", 3, 2},
        {"NP", 3, 0},  {"m", 1, 0},  {"mx", 0, 0},  {"mxUEN", 0, 0},
        {"mxC", 3, 0}, {"mC", 3, 2}, {"mX", 3, 2},  {"mBD", 3, 0},
        {"et", 1, 0},  {" ", 3, 0},  {"j", 0, 0},   {"/j", 0, 0},
        {"/BD", 3, 1}, {"ta", 1, 0}, {"Det", 1, 0}, {"et a", 0, 0},
    };
    AskItem items[] = {
        {.label = S("alpha")}, {.label = S("beta")}, {.label = S("gamma")}};
    int shown[3];
    static Choice choice;
    for (int i = 0; i < COUNT(rows); i++) {
        choice = (Choice){.items = items, .count = 3, .shown = shown};
        choice.page = 3;
        snprintf(unit_row, sizeof(unit_row), "choice: %s", rows[i].keys);
        ask_choice_filter(&choice);
        unit_choose(&choice, rows[i].keys);
        CHECK_INT(choice.matches, rows[i].matches);
        CHECK_INT(choice.at, rows[i].at);
        CHECK_INT(ask_choice_chosen(&choice), 0);
    }
}

/* Which entries of a checkbox are chosen: "x" each, "-" where fixed. */
static void test_ask_checkbox(void)
{
    static const struct {
        const char *keys;
        const char *chosen;
    } rows[] = {
        {"", ".x-."},     {" ", "xx-."},       {"  ", ".x-."},
        {"j ", "..-."},   {"a", "xx-x"},       {"aa", "..-."},
        {"i", "x.-x"},    {"ii", ".x-."},      {"jj ", ".x-."},
        {"E ", ".x-x"},   {"/delta ", ".x-x"}, {"/aX ", "xx-."},
        {"/aBa", "xx-x"}, {"/ai", ".x-."},     {"zq", ".x-."},
    };
    int shown[4];
    static Choice choice;
    AskItem items[4]; /* they outlive the loop in `choice` */
    for (int i = 0; i < COUNT(rows); i++) {
        items[0] = (AskItem){.label = S("alpha")};
        items[1] = (AskItem){.label = S("beta"), .chosen = true};
        items[2] = (AskItem){.label = S("gamma"), .fixed = "linked already"};
        items[3] = (AskItem){.label = S("delta")};
        char chosen[5] = "....";
        choice = (Choice){.items = items, .count = 4, .shown = shown};
        choice.many = true;
        choice.page = 4;
        snprintf(unit_row, sizeof(unit_row), "checkbox: %s", rows[i].keys);
        ask_choice_filter(&choice);
        unit_choose(&choice, rows[i].keys);
        for (int k = 0; k < 4; k++)
            chosen[k] = items[k].fixed ? '-' : items[k].chosen ? 'x' : '.';
        CHECK_STR(str_from(chosen), str_from(rows[i].chosen));
        CHECK(!items[2].chosen);
    }
    unit_at(S("the notices of a checkbox"));
    unit_choose(&choice, "XjX");
    CHECK(!choice.notice);
    choice.at = 2;
    unit_choose(&choice, " ");
    CHECK_STR(str_from(choice.notice), S("linked already"));
    ask_choice_key(&choice, KEY_NONE, 0);
    CHECK(choice.notice != NULL);
    unit_choose(&choice, "j");
    CHECK(!choice.notice);
}

static void test_ask_numbers(void)
{
    static const struct {
        Str answer;
        const char *many; /* what it chooses in a checkbox; "" is refused */
        const char *one;
    } rows[] = {
        {L("1"), "x.-.", "x..."},
        {L("4"), "..-x", "...x"},
        {L("1,4"), "x.-x", ""},
        {L("1 4"), "x.-x", ""},
        {L("4, 1,"), "x.-x", ""},
        {L("1,1"), "x.-.", ""},
        {L("all"), "xx-x", ""},
        {L("ALL"), "xx-x", ""},
        {L("none"), "", ""},
        {L(""), "", ""},
        {L(","), "", ""},
        {L("0"), "", ""},
        {L("5"), "", ""},
        {L("-1"), "", ""},
        {L("3"), "", "..x."},
        {L("1,3"), "", ""},
        {L("1 x"), "", ""},
        {L("1.5"), "", ""},
        {L("99999999999999999999"), "", ""},
    };
    for (int i = 0; i < COUNT(rows) * 2; i++) {
        bool many = i % 2;
        const char *want = many ? rows[i / 2].many : rows[i / 2].one;
        AskItem items[4] = {{.chosen = false}};
        Choice *choice = calloc(1, sizeof(*choice));
        char chosen[5] = "";
        snprintf(unit_row, sizeof(unit_row), "numbers row %d", i);
        items[2].fixed = many ? "linked already" : NULL;
        choice->items = items;
        choice->count = 4;
        choice->many = many;
        bool ok = ask_choice_parse(choice, rows[i / 2].answer);
        for (int k = 0; k < 4; k++)
            chosen[k] = items[k].fixed ? '-' : items[k].chosen ? 'x' : '.';
        CHECK_INT(ok, want[0] != 0);
        CHECK_STR(str_from(chosen), str_from(ok     ? want
                                             : many ? "..-."
                                                    : "...."));
        free(choice);
    }
}

static void test_ask_page(void)
{
    static const struct {
        int matches, at, first, page, want;
    } rows[] = {
        {3, 0, 0, 10, 0},     {3, 2, 0, 10, 0},   {30, 0, 0, 10, 0},
        {30, 8, 0, 10, 0},    {30, 9, 0, 10, 1},  {30, 29, 0, 10, 20},
        {30, 20, 20, 10, 19}, {30, 0, 20, 10, 0}, {30, 5, 20, 1, 5},
        {30, 5, 0, 2, 4},     {30, 5, 0, 3, 4},   {0, 0, 5, 10, 0},
        {4, 3, 20, 10, 0},
    };
    static Choice choice;
    for (int i = 0; i < COUNT(rows); i++) {
        snprintf(unit_row, sizeof(unit_row), "page row %d", i);
        choice.matches = rows[i].matches;
        choice.at = rows[i].at;
        choice.first = rows[i].first;
        choice.page = rows[i].page;
        CHECK_INT(ask_choice_first(&choice), rows[i].want);
    }
}

/* Where the frame is after a resize, and the terminal's report about it. */
static void test_ask_resize(void)
{
    static const struct {
        Str bytes;
        int column;
        Str left;
    } rows[] = {
        {L("\x1b[7;12R"), 12, L("")},
        {L("ab\x1b[7;12Rc\x1b[A"), 12, L("abc\x1b[A")},
        {L("\x1b[A\x1b[1;1R"), 1, L("\x1b[A")},
        {L("\x1b[7;12"), 0, L("\x1b[7;12")},
        {L("R\x1b[R"), 0, L("R\x1b[R")},
        {L("\x1b[1;0R"), 0, L("\x1b[1;0R")},
        {L("\x1b[1;999999999999R"), 0, L("\x1b[1;999999999999R")},
        {L(""), 0, L("")},
    };
    unit_at(S("rows above the cursor"));
    CHECK_INT(ask_rows_above(45, 20, 6), 2);
    CHECK_INT(ask_rows_above(45, 20, 20), 0);
    CHECK_INT(ask_rows_above(45, 20, 0), 0);
    CHECK_INT(ask_rows_above(40, 20, 1), 2);
    CHECK_INT(ask_rows_above(40, 20, 20), 1);
    CHECK_INT(ask_rows_above(20, 20, 20), 0);
    for (int i = 0; i < COUNT(rows); i++) {
        Ask ask = {.len = (int)rows[i].bytes.len};
        snprintf(unit_row, sizeof(unit_row), "report row %d", i);
        memcpy(ask.bytes, rows[i].bytes.ptr, (size_t)rows[i].bytes.len);
        CHECK_INT(ask_take_report(&ask), rows[i].column);
        CHECK_STR(((Str){ask.bytes, ask.len}), rows[i].left);
    }
}

/* The first row of a frame: nothing of it is wider than it may be, and the
 * cursor stands beside the text before it. */
static void test_ask_frame(void)
{
    static Term term;
    static Line line;
    Ask ask = {.term = &term};
    Str text = S("ab\xe6\xbc\xa2"
                 "e\xcc\x81"
                 "cdefghij\xe6\xbc\xa2\xe6\xbc\xa2klm\xff");
    memcpy(line.text, text.ptr, (size_t)text.len);
    line.len = (int)text.len;
    for (int columns = 1; columns < 60; columns++) {
        for (int at = 0; at <= line.len; at = ask_line_step(&line, at, 1)) {
            for (int masked = 0; masked < 2; masked++) {
                Frame frame;
                snprintf(unit_row, sizeof(unit_row), "%d columns, at %d",
                         columns, at);
                line.at = at;
                ask_frame_begin(&frame, &ask);
                frame.columns = frame.left = columns;
                frame.out.len = 0;
                ask.masked = masked;
                ask.whole_question = S("Q\xc3\xbc:");
                ask_begin_question(&ask);
                int column = ask_frame_line(&frame, &ask, &line);
                Str row = buf_str(&frame.out);
                while (str_index(row, '\n') >= 0)
                    str_cut(&row, '\n');
                CHECK(term_width(row) <= columns);
                CHECK(column >= 0 && column <= columns);
                CHECK_INT(term_width(row), columns - frame.left);
                arena_free(&frame.arena);
            }
            if (at == line.len)
                break;
        }
    }
}
