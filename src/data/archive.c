#include "data/archive.h"

#include "base/file.h"
#include "base/text.h"

#include <string.h>
#include <zip.h>

static enum tsgd_status fail(const char *path, const char *name, zip_error_t *e,
                             struct tsgd_error *err)
{
    int code = zip_error_code_zip(e);
    enum tsgd_status st = code == ZIP_ER_MEMORY ? TSGD_ENOMEM :
                          code == ZIP_ER_READ || code == ZIP_ER_SEEK || code == ZIP_ER_OPEN ||
                          code == ZIP_ER_TELL ? TSGD_EIO : TSGD_EFORMAT;
    return tsgd_fail(err, st, "%s:%s%s cannot be read as part of a zip archive: %s", path,
                     name ? " " : "", name ? name : "", zip_error_strerror(e));
}

enum tsgd_status tsgd_archive_open(struct tsgd_archive *a, const char *path,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const char *why;
    zip_error_t e;
    zip_source_t *source = NULL;
    *a = (struct tsgd_archive){NULL, path};
    FILE *f = tsgd_open_input(path, false, &why);
    if (!f)
        return tsgd_fail(err, TSGD_EIO, "%s: cannot open: %s", path, why);
    zip_error_init(&e);
    source = zip_source_filep_create(f, 0, -1, &e);     /* which then owns f */
    if (!source)
        fclose(f);
    else if (!(a->zip = zip_open_from_source(source, ZIP_RDONLY, &e)))
        zip_source_free(source);
    if (!a->zip)
        st = zip_error_code_zip(&e) == ZIP_ER_NOZIP
                 ? tsgd_fail(err, TSGD_EFORMAT, "%s: is no zip archive, want one as numpy.savez "
                             "writes it", path)
                 : fail(path, NULL, &e, err);
    zip_error_fini(&e);
    return st;
}

bool tsgd_archive_has(const struct tsgd_archive *a, const char *name)
{
    return zip_name_locate(a->zip, name, 0) >= 0;
}

const char *tsgd_archive_show(const struct tsgd_archive *a, char to[TSGD_MEMBERS_SHOWN])
{
    zip_int64_t n = zip_get_num_entries(a->zip, 0);
    strcpy(to, n > 0 ? "" : "nothing");
    for (zip_int64_t i = 0; i < n; i++) {
        char shown[TSGD_SHOWN];
        const char *name = zip_get_name(a->zip, (zip_uint64_t)i, 0);
        size_t used = strlen(to);
        tsgd_show(shown, name ? name : "?", name ? strlen(name) : 1);
        if (used + strlen(shown) + 8 > TSGD_MEMBERS_SHOWN) {
            strcat(to, ", ..");
            break;
        }
        strcat(strcat(to, i ? ", " : ""), shown);
    }
    return to;
}

enum tsgd_status tsgd_member_open(struct tsgd_member *m, const struct tsgd_archive *a,
                                  const char *name, struct tsgd_error *err)
{
    *m = (struct tsgd_member){zip_fopen(a->zip, name, 0), a->path, name};
    return m->file ? TSGD_OK : fail(a->path, name, zip_get_error(a->zip), err);
}

enum tsgd_status tsgd_member_read(struct tsgd_member *m, void *to, size_t n, size_t *got,
                                  struct tsgd_error *err)
{
    zip_int64_t more = 1;
    for (*got = 0; *got < n && more > 0; *got += (size_t)more) {
        more = zip_fread(m->file, (char *)to + *got, n - *got);
        if (more < 0)
            return fail(m->path, m->name, zip_file_get_error(m->file), err);
    }
    return TSGD_OK;
}

void tsgd_member_close(struct tsgd_member *m)
{
    if (m->file)
        zip_fclose(m->file);
    m->file = NULL;
}

void tsgd_archive_close(struct tsgd_archive *a)
{
    if (a->zip)
        zip_discard(a->zip);
    a->zip = NULL;
}
