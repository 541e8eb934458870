#include "data/paths.h"

#include "base/mem.h"

#include <string.h>

enum tsgd_status tsgd_paths_init(struct tsgd_paths *out, const char *arg, const char *usage,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    char *text = NULL;
    size_t n = arg ? strlen(arg) : 0;
    const char *comma = arg ? strchr(arg, ',') : NULL;
    if (n == 0 || comma == arg || (comma && (!comma[1] || strchr(comma + 1, ','))))
        return tsgd_fail(err, TSGD_EINVAL, "--data: found '%s%.80s', want %s, whose names have no "
                         "comma", arg ? ":" : "", arg ? arg : "", usage);
    TRY(TSGD_NEW(&text, n + 1, "--data", err));
    memcpy(text, arg, n);
    if (comma)
        text[comma - arg] = 0;
    *out = (struct tsgd_paths){.train = text, .test = comma ? text + (comma - arg) + 1 : NULL};
done:
    return st;
}

#define PAIR ".npy+"

char *tsgd_paths_cut(char *pair)
{
    char *plus = strstr(pair, PAIR);
    if (!plus)
        return NULL;
    plus += strlen(PAIR);
    plus[-1] = 0;
    return plus;
}

bool tsgd_paths_file(const char *arg, size_t i, char *path, size_t size)
{
    struct tsgd_paths paths = {NULL, NULL};
    size_t at = 0;
    bool found = false;
    if (tsgd_paths_init(&paths, arg, "", NULL) != TSGD_OK)
        return false;
    for (char *part = paths.train; part; part = part == paths.train ? paths.test : NULL) {
        const char *name[] = {part, tsgd_paths_cut(part)};
        for (int k = 0; k < 2; k++)
            if (name[k] && at++ == i && strlen(name[k]) < size) {
                strcpy(path, name[k]);
                found = true;
            }
    }
    free(paths.train);
    return found;
}
