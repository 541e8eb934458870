/* A network of one's own: its layers follow `net:`, or stand in a file. */
#include "model/model.h"

#include "base/file.h"
#include "base/lines.h"
#include "base/mem.h"
#include "base/memstream.h"

#include <string.h>

static enum tsgd_status read_file(char **out, const char *path, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const char *why;
    size_t bytes, all = 0;
    struct tsgd_lines lines = {.path = path, .most = TSGD_LINE_OF_TEXT};
    FILE *f = NULL;
    lines.f = tsgd_open_input(path, true, &why);
    if (!lines.f)
        return tsgd_fail(err, TSGD_EIO, "--model: cannot open '%.200s': %s", path, why);
    f = open_memstream(out, &bytes);
    for (bool found = true; f && found;) {
        TRY(tsgd_lines_next(&lines, &found, err));
        all += found ? lines.length : 0;
        if (all > TSGD_NETSPEC_TEXT)
            TRY(tsgd_fail(err, TSGD_EINVAL, "%.200s: has more than %d characters, which is too "
                          "much for a network", path, TSGD_NETSPEC_TEXT));
        if (found)
            fwrite(lines.text, 1, lines.length, f);
    }
done:
    if (!tsgd_memstream_close(f, out) && st == TSGD_OK)
        st = tsgd_fail(err, TSGD_ENOMEM, "no memory for '%.200s'", path);
    if (st != TSGD_OK) {
        free(*out);
        *out = NULL;
    }
    tsgd_lines_release(&lines);
    fclose(lines.f);
    return st;
}

static enum tsgd_status spell(char **out, const char *arg, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    if (!arg || !*arg)
        return tsgd_fail(err, TSGD_EINVAL, "--model net: the layers are missing; give them, as in "
                         "'net:conv 16 3; relu; dense', or a file of them, as in net:@FILE");
    if (*arg == '@')
        return read_file(out, arg + 1, err);
    TRY(TSGD_NEW(out, strlen(arg) + 1, "--model", err));
    strcpy(*out, arg);
done:
    return st;
}

const struct tsgd_model tsgd_model_net = {
    .name = "net",
    .usage = "net:LAYERS | net:@FILE",
    .summary = "a network of your own, as text",
    .spell = spell,
};
