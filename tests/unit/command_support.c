/* Unit tests: Command support. */
#include "check.h"

static void test_cmd_browser_words(void)
{
    static const struct {
        Str command;
        const char *words; /* each followed by a bar */
    } rows[] = {
        {L("firefox"), "firefox|URL|"},
        {L("  firefox   -P x "), "firefox|-P|x|URL|"},
        {L("lynx %s -dump"), "lynx|URL|-dump|"},
        {L("b --u=%s,%s"), "b|--u=URL,URL|"},
        {L("sh -c 'x; %s'"), "sh|-c|'x;|URL'|"},
        {L("b %%s %d"), "b|%URL|%d|"},
        {L(""), ""},
        {L("   "), ""},
        {L("a 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7"),
         "a|1|2|3|4|5|6|7|8|9|0|1|2|3|4|5|URL|"},
    };
    for (int i = 0; i < COUNT(rows); i++) {
        Arena arena = {0};
        Buf all = buf_new(&arena, 4 * KIB);
        char **words = os_browser_words(&arena, rows[i].command, S("URL"));
        for (; *words; words++)
            buf_printf(&all, "%s|", *words);
        unit_at(rows[i].command);
        CHECK_STR(buf_str(&all), str_from(rows[i].words));
        arena_free(&arena);
    }
}
