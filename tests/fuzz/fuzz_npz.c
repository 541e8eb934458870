/* NumPy's arrays. The first byte says what the rest is:
 *   bits 0, 1   0: an archive, whole; 1: x.npy and y.npy, as files; 2: the same as members of an
 *               archive that is made of them, stored; 3: compressed
 *   bit 2       targets are numbers
 *   bit 3       the arrays are the test too
 * Two arrays: a byte with the length of x in steps of 4, then x and y.                           */
#include "fuzz/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { MOST = 1 << 16, X = 0, Y = 1, ARCHIVE = 2 };

static const char *const names[] = {"x.npy", "y.npy", "a.npz", NULL};

/* Bytes that are put together, of which there is room for all. */
struct out {
    uint8_t byte[4 * MOST];
    size_t n;
};

static void put(struct out *to, const void *bytes, size_t n)
{
    MUST(n <= sizeof to->byte - to->n);
    memcpy(to->byte + to->n, bytes, n);
    to->n += n;
}

static void put_number(struct out *to, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        put(to, &(uint8_t){i < 8 ? (uint8_t)(v >> 8 * i) : 0}, 1);
}

struct member {
    const char *name;
    const uint8_t *data;
    size_t n, packed, at;
};

/* What both headers of a member have in common. */
static void put_facts(struct out *to, const struct member *m, bool deflated)
{
    put_number(to, 20, 2);
    put_number(to, 0, 2);
    put_number(to, deflated ? 8 : 0, 2);
    put_number(to, 0, 4);
    put_number(to, crc32(0, m->data, (unsigned)m->n), 4);
    put_number(to, m->packed, 4);
    put_number(to, m->n, 4);
    put_number(to, strlen(m->name), 2);
}

static void put_member(struct out *to, struct member *m, bool deflated)
{
    static uint8_t packed[2 * MOST];
    const uint8_t *data = m->data;
    m->packed = m->n;
    m->at = to->n;
    if (deflated) {
        z_stream z = {.next_in = (uint8_t *)(uintptr_t)m->data, .avail_in = (unsigned)m->n};
        MUST(deflateInit2(&z, 1, Z_DEFLATED, -15, 1, Z_DEFAULT_STRATEGY) == Z_OK);
        z.next_out = packed;
        z.avail_out = sizeof packed;
        MUST(deflate(&z, Z_FINISH) == Z_STREAM_END);
        m->packed = z.total_out;
        data = packed;
        deflateEnd(&z);
    }
    put(to, "PK\3\4", 4);
    put_facts(to, m, deflated);
    put_number(to, 0, 2);
    put(to, m->name, strlen(m->name));
    put(to, data, m->packed);
}

static void put_archive(struct out *to, struct member m[2], bool deflated)
{
    to->n = 0;
    for (int i = 0; i < 2; i++)
        put_member(to, &m[i], deflated);
    size_t list = to->n;
    for (int i = 0; i < 2; i++) {
        put(to, "PK\1\2\24\0", 6);
        put_facts(to, &m[i], deflated);
        put_number(to, 0, 12);
        put_number(to, m[i].at, 4);
        put(to, m[i].name, strlen(m[i].name));
    }
    size_t bytes = to->n - list;
    put(to, "PK\5\6", 4);
    put_number(to, 0, 4);
    put_number(to, 2, 2);
    put_number(to, 2, 2);
    put_number(to, bytes, 4);
    put_number(to, list, 4);
    put_number(to, 0, 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *folder;
    static struct out made;
    char name[1300], one[600];
    uint8_t how = fuzz_byte(&data, &size);
    if (size > MOST)
        return -1;
    if (!folder)
        folder = fuzz_folder(names);
    if ((how & 3) == 0) {
        fuzz_file(ARCHIVE, data, size);
    } else {
        size_t n = (size_t)fuzz_byte(&data, &size) * 4;
        n = n < size ? n : size;
        struct member m[2] = {{.name = names[X], .data = data, .n = n},
                              {.name = names[Y], .data = data + n, .n = size - n}};
        fuzz_file(X, m[X].data, m[X].n);
        fuzz_file(Y, m[Y].data, m[Y].n);
        put_archive(&made, m, (how & 3) == 3);
        fuzz_file(ARCHIVE, made.byte, made.n);
    }
    if ((how & 3) == 1)
        snprintf(one, sizeof one, "%s/x.npy+%s/y.npy", folder, folder);
    else
        snprintf(one, sizeof one, "%s/a.npz", folder);
    snprintf(name, sizeof name, "npz:%s%s%s", one, how & 8 ? "," : "", how & 8 ? one : "");
    fuzz_load(name, NULL, how & 4);
    return 0;
}
