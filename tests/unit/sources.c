#include "sources.h"

#include "base/text.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct scratch scratch;

void sources_enter(void) { scratch_enter(&scratch, "sources"); }
void sources_leave(void) { scratch_leave(&scratch); }

void sources_write(const char *path, const char *text) { scratch_write(path, text, strlen(text)); }

void sources_python(const char *script)
{
    FILE *f = popen("/usr/bin/python3 - 2>errors", "w");
    cr_assert(f && fprintf(f, "import numpy as np\n%s", script) > 0);
    int status = pclose(f);
    cr_assert(status == 0, "%d; see %s/errors", status, scratch.folder);
}

void sources_floats(const char *path, float *to, size_t n)
{
    FILE *f = fopen(path, "rb");
    cr_assert(f && fread(to, sizeof *to, n, f) == n && getc(f) == EOF, "%s", path);
    fclose(f);
}

static enum tsgd_status load(const char *data, const char *label, bool numbers,
                             struct tsgd_dataset *out, struct tsgd_error *err)
{
    struct tsgd_spec spec;
    cr_assert(tsgd_spec_parse(&spec, data, "--data", NULL) == TSGD_OK);
    const struct tsgd_request r = {.arg = spec.arg, .label = label, .numbers = numbers};
    for (size_t i = 0; i < tsgd_n_sources; i++)
        if (!strcmp(tsgd_sources[i]->name, spec.name))
            return tsgd_sources[i]->load(&r, out, err);
    cr_assert_fail("no source '%s'", spec.name);
    return TSGD_EINVAL;
}

struct tsgd_dataset sources_load(const char *data, const char *label, bool numbers)
{
    struct tsgd_dataset d;
    struct tsgd_error err = {TSGD_OK, ""};
    cr_assert(load(data, label, numbers, &d, &err) == TSGD_OK, "%s: %s", data, err.text);
    return d;
}

void sources_refuse(const char *data, const char *label, bool numbers, enum tsgd_status want,
                    const char *part)
{
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct tsgd_error err = {TSGD_OK, ""};
    d.classes = 12345;
    cr_expect(load(data, label, numbers, &d, &err) == want, "%s: status %d, '%s'", data,
              (int)err.status, err.text);
    cr_expect(strstr(err.text, part), "'%s' in '%s'", part, err.text);
    cr_expect(d.classes == 12345 && !d.train.floats && !d.train.bytes && !d.class_name);
}
