/* Points in time: what is read is a date that time_iso() writes and
 * time_parse() reads as the same. */
#define HS_TEST 1
#include "../../hs.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena = {0};
    Str text = {(const char *)data, (ptrdiff_t)size};
    int64_t at = time_parse(text);
    Str iso = time_iso(&arena, at);
    if (at >= 0 && at < 253402300800000 && time_parse(iso) != at)
        abort();
    if (size == sizeof(at)) {
        memcpy(&at, data, sizeof(at));
        time_iso(&arena, at);
    }
    arena_free(&arena);
    return 0;
}
