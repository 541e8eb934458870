/* Split files. The first two bytes of an input are the number of nodes less one, in four bits, with
 * whether nodes may be empty in the highest one, and the number of samples less one.            */
#include "data/partition.h"
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

/* Every sample at most once, nodes one after the other. */
static void look_at(const struct tsgd_split *s, uint32_t samples, bool allow_empty)
{
    bool seen[256] = {false};
    MUST(s->start[0] == 0 && s->start[s->nodes] > 0 && s->start[s->nodes] <= samples);
    for (uint32_t i = 0; i < s->nodes; i++) {
        MUST(s->start[i] <= s->start[i + 1]);
        MUST(allow_empty || s->start[i] < s->start[i + 1]);
    }
    for (uint32_t i = 0; i < s->start[s->nodes]; i++) {
        MUST(s->index[i] < samples && !seen[s->index[i]]);
        seen[s->index[i]] = true;
    }
}

/* As it is written it is read back; with one digit of its header's hash changed it is refused. */
static void write_and_read(const struct tsgd_split *s, uint32_t samples)
{
    struct tsgd_split again = TSGD_SPLIT_INIT;
    struct tsgd_error err;
    char *text;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    MUST(f && tsgd_split_write(s, f) == TSGD_OK && fclose(f) == 0);
    MUST(tsgd_split_read(&again, fuzz_file(1, text, n), s->nodes, samples, true, NULL) == TSGD_OK);
    MUST(again.hash == s->hash);
    MUST(!memcmp(again.start, s->start, (s->nodes + 1) * sizeof *s->start));
    MUST(!memcmp(again.index, s->index, s->start[s->nodes] * sizeof *s->index));
    tsgd_split_release(&again);
    char *digit = strstr(text, "hash=") + 5;
    *digit = *digit == '0' ? '1' : '0';
    MUST(tsgd_split_read(&again, fuzz_file(1, text, n), s->nodes, samples, true, &err) ==
         TSGD_EFORMAT);
    fuzz_refused(TSGD_EFORMAT, &err);
    MUST(!again.index);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tsgd_split s = TSGD_SPLIT_INIT;
    struct tsgd_error err;
    uint8_t how = fuzz_byte(&data, &size);
    uint32_t nodes = how % 16 + 1, samples = fuzz_byte(&data, &size) + 1u;
    bool allow_empty = how & 128;
    const char *path = fuzz_file(0, data, size);
    enum tsgd_status st = tsgd_split_read(&s, path, nodes, samples, allow_empty, &err);
    if (st == TSGD_OK) {
        MUST(s.nodes == nodes);
        look_at(&s, samples, allow_empty);
        write_and_read(&s, samples);
    } else {
        fuzz_refused(st, &err);
        MUST(!s.index && !s.start);
    }
    tsgd_split_release(&s);
    return 0;
}
