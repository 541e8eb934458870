#include "data/inflate.h"

#include "base/file.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { ROOM = 1 << 17, GZIP_ONLY = 31 };        /* 31: a window of 2^15, and gzip's header */

static enum tsgd_status cannot_read(const char *path, struct tsgd_error *err)
{
    return tsgd_fail(err, TSGD_EIO, "%s: cannot read: %s", path, strerror(errno));
}

static enum tsgd_status refill(struct tsgd_inflate *z, struct tsgd_error *err)
{
    z->z.next_in = z->in;
    z->z.avail_in = (unsigned)fread(z->in, 1, ROOM, z->f);
    return ferror(z->f) ? cannot_read(z->path, err) : TSGD_OK;
}

/* The first bytes of z->f, which say whether it is gzip. On error z is closed. */
static enum tsgd_status begin(struct tsgd_inflate *z, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(TSGD_NEW(&z->in, ROOM, z->path, err));
    TRY(refill(z, err));
    z->gzip = z->z.avail_in >= 2 && z->in[0] == 0x1f && z->in[1] == 0x8b;
    if (z->gzip && inflateInit2(&z->z, GZIP_ONLY) != Z_OK) {
        z->gzip = false;
        st = tsgd_fail(err, TSGD_ENOMEM, "%s: no memory to inflate it", z->path);
    }
done:
    if (st != TSGD_OK)
        tsgd_inflate_close(z);
    return st;
}

enum tsgd_status tsgd_inflate_open(struct tsgd_inflate *z, const char *path, bool streams,
                                   bool *found, struct tsgd_error *err)
{
    const char *why;
    *z = (struct tsgd_inflate){.f = tsgd_open_input(path, streams, &why), .path = path};
    *found = z->f || (errno != ENOENT && errno != ENOTDIR);
    if (!*found)
        return TSGD_OK;
    if (!z->f)
        return tsgd_fail(err, TSGD_EIO, "%s: cannot open: %s", path, why);
    return begin(z, err);
}

enum tsgd_status tsgd_inflate_open_memory(struct tsgd_inflate *z, const void *bytes, size_t n,
                                          const char *path, struct tsgd_error *err)
{
    assert(n > 0);
    /* A stream opened for reading does not write through the pointer. */
    *z = (struct tsgd_inflate){.f = fmemopen((void *)(uintptr_t)bytes, n, "rb"), .path = path};
    if (!z->f)
        return tsgd_fail(err, TSGD_ENOMEM, "%s: cannot open: %s", path, strerror(errno));
    return begin(z, err);
}

/* At the end of a member: another one may follow, or the end; nothing else. */
static enum tsgd_status next_member(struct tsgd_inflate *z, struct tsgd_error *err)
{
    if (z->z.next_in[0] != 0x1f || inflateReset(&z->z) != Z_OK)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: goes on after the end of its gzip data", z->path);
    z->between = false;
    return TSGD_OK;
}

static enum tsgd_status inflate_some(struct tsgd_inflate *z, struct tsgd_error *err)
{
    switch (inflate(&z->z, Z_NO_FLUSH)) {
    case Z_STREAM_END:
        z->between = true;
        return TSGD_OK;
    case Z_OK:
    case Z_BUF_ERROR:           /* it wants more input or room, and gets it */
        return TSGD_OK;
    case Z_MEM_ERROR:
        return tsgd_fail(err, TSGD_ENOMEM, "%s: no memory to inflate it", z->path);
    default:
        return tsgd_fail(err, TSGD_EFORMAT, "%s: the gzip data are corrupt", z->path);
    }
}

static enum tsgd_status read_gzip(struct tsgd_inflate *z, void *to, size_t n, size_t *got,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const size_t most = 1 << 30;        /* zlib counts in unsigned */
    while (*got < n) {
        unsigned room = (unsigned)(n - *got < most ? n - *got : most);
        if (z->z.avail_in == 0)
            TRY(refill(z, err));
        if (z->z.avail_in == 0 && z->between)
            break;
        if (z->between)
            TRY(next_member(z, err));
        if (z->z.avail_in == 0)
            TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: the gzip data break off before their end",
                          z->path));
        z->z.next_out = (unsigned char *)to + *got;
        z->z.avail_out = room;
        TRY(inflate_some(z, err));
        *got += room - z->z.avail_out;
    }
done:
    return st;
}

static enum tsgd_status read_plain(struct tsgd_inflate *z, void *to, size_t n, size_t *got,
                                   struct tsgd_error *err)
{
    size_t first = n < z->z.avail_in ? n : z->z.avail_in;
    memcpy(to, z->z.next_in, first);
    z->z.next_in += first;
    z->z.avail_in -= (unsigned)first;
    *got = first + (n > first ? fread((char *)to + first, 1, n - first, z->f) : 0);
    return ferror(z->f) ? cannot_read(z->path, err) : TSGD_OK;
}

enum tsgd_status tsgd_inflate_read(struct tsgd_inflate *z, void *to, size_t n, size_t *got,
                                   struct tsgd_error *err)
{
    *got = 0;
    return z->gzip ? read_gzip(z, to, n, got, err) : read_plain(z, to, n, got, err);
}

void tsgd_inflate_close(struct tsgd_inflate *z)
{
    if (z->gzip)
        inflateEnd(&z->z);
    if (z->f)
        fclose(z->f);
    free(z->in);
    *z = (struct tsgd_inflate)TSGD_INFLATE_INIT;
}
