/* Tables as text. The first byte says how the rest is read:
 *   bit 0       targets are numbers
 *   bit 1       what follows the first zero byte is the test's file
 *   bits 2, 3   --label: the last, 1, 2, or "b"
 *   bit 4       the files are compressed first                                                   */
#include "fuzz/sources.h"

#include <stdio.h>
#include <string.h>

enum { MOST = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const label[] = {NULL, "1", "2", "b"};
    char name[100];
    uint8_t how = fuzz_byte(&data, &size);
    const uint8_t *end = size && how & 2 ? memchr(data, 0, size) : NULL;
    size_t first = end ? (size_t)(end - data) : size;
    if (size > MOST)
        return -1;
    int n = snprintf(name, sizeof name, "csv:%s", fuzz_packed(0, how & 16, data, first));
    if (end)
        snprintf(name + n, sizeof name - (size_t)n, ",%s",
                 fuzz_packed(1, how & 16, end + 1, size - first - 1));
    fuzz_load(name, label[how >> 2 & 3], how & 1);
    return 0;
}
