/* perf/bench_load.c: data sets from files in memory (memfd; archives in $TMPDIR or /tmp), by one
 * thread. MBps counts the bytes of the file as they lie there, array_MBps those of x. Twins run in
 * between. over_naive: how many times as fast as reading the file and taking it apart by
 * strtod. of_inflate, of_read: the share of the rate at which zlib inflates the same bytes in
 * memory and takes their checksum, or at which the file is read at all. The check compares all
 * numbers with the twin's or with what was written, bit for bit.                                */
#include "bench.h"

#include "base/rng.h"
#include "data/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zip.h>
#include <zlib.h>

enum { BYTES = 16 << 20, COLUMNS = 64 };

struct file {
    const char *source, *kind;
    char data[300];             /* what --data says */
    const char *path;
    size_t bytes, numbers;
    float *naive;               /* the twin's numbers, and its labels */
    unsigned char *room;        /* of the twin: the whole file */
    unsigned char *packed, *plain;      /* of archives */
    size_t packed_bytes, plain_bytes;
    unsigned long sum;
};

static const struct tsgd_source *find(const char *name)
{
    for (size_t i = 0; i < tsgd_n_sources; i++)
        if (!strcmp(tsgd_sources[i]->name, name))
            return tsgd_sources[i];
    abort();
}

static struct tsgd_dataset loaded;

static void load(void *arg)
{
    const struct file *f = arg;
    struct tsgd_error err;
    const struct tsgd_request r = {.arg = strchr(f->data, ':') + 1};
    tsgd_dataset_release(&loaded);
    if (find(f->source)->load(&r, &loaded, &err) != TSGD_OK) {
        fprintf(stderr, "bench_load: %s\n", err.text);
        exit(1);
    }
}

/* ---- text ---- */

static void read_whole(const struct file *f)
{
    FILE *in = fopen(f->path, "rb");
    if (!in || fread(f->room, 1, f->bytes, in) != f->bytes)
        abort();
    fclose(in);
    f->room[f->bytes] = 0;
}

/* All numbers in a row, labels among them. */
static void naive_csv(void *arg)
{
    struct file *f = arg;
    float *to = f->naive;
    read_whole(f);
    for (char *p = (char *)f->room; *p; p++)
        *to++ = (float)strtod(p, &p);
    f->numbers = (size_t)(to - f->naive);
}

/* The values alone. */
static void naive_libsvm(void *arg)
{
    struct file *f = arg;
    float *to = f->naive;
    read_whole(f);
    for (char *p = (char *)f->room; *p; p++) {
        strtod(p, &p);
        while (*p == ' ') {
            strtol(p, &p, 10);
            *to++ = (float)strtod(p + 1, &p);
        }
    }
    f->numbers = (size_t)(to - f->naive);
}

static bool same_csv(const struct file *f)
{
    size_t wrong = f->numbers != (size_t)loaded.train.count * (COLUMNS + 1);
    for (size_t i = 0; i < loaded.train.count && !wrong; i++) {
        const float *row = f->naive + i * (COLUMNS + 1);
        wrong += memcmp(row, loaded.train.floats + i * COLUMNS, COLUMNS * sizeof *row) != 0;
        wrong += row[COLUMNS] != (float)loaded.train.labels[i];
    }
    return !wrong;
}

static bool same_libsvm(const struct file *f)
{
    const struct tsgd_sparse *s = &loaded.train.sparse;
    return s->start[loaded.train.count] == f->numbers &&
           !memcmp(s->value, f->naive, f->numbers * sizeof *f->naive);
}

/* A file in memory, whose descriptor stays open. */
static FILE *create(struct file *f)
{
    static char path[8][40];
    static int n;
    int fd = memfd_create("bench", MFD_CLOEXEC);
    snprintf(path[n], sizeof path[n], "/proc/self/fd/%d", fd);
    f->path = path[n++];
    snprintf(f->data, sizeof f->data, "%s:%s", f->source, f->path);
    return fdopen(fd, "w+b");
}

static void write_csv(FILE *to, const char *format, double scale, struct tsgd_rng *r)
{
    for (size_t row = 0; ftell(to) < BYTES; row++) {
        for (int i = 0; i < COLUMNS; i++)
            fprintf(to, format, scale * tsgd_rng_normal(r));
        fprintf(to, "%zu\n", row % 10);
    }
}

static void write_libsvm(FILE *to, const char *format, double scale, struct tsgd_rng *r)
{
    for (size_t row = 0; ftell(to) < BYTES; row++) {
        fprintf(to, "%c1", row % 2 ? '-' : '+');
        for (uint32_t i = 1, last = 0; i <= COLUMNS; i++) {
            last += 1 + tsgd_rng_below(r, 700);
            fprintf(to, " %u:", last);
            fprintf(to, format, scale * tsgd_rng_normal(r));
        }
        fputc('\n', to);
    }
}

static bool text(const char *source, const char *kind, const char *format, double scale)
{
    bool csv = !strcmp(source, "csv");
    struct file f = {.source = source, .kind = kind};
    struct tsgd_rng r = tsgd_rng(1, TSGD_RNG_TEST, 0, 0);
    FILE *to = create(&f);
    if (!to)
        return false;
    (csv ? write_csv : write_libsvm)(to, format, scale, &r);
    f.bytes = (size_t)ftell(to);
    f.room = malloc(f.bytes + 1);
    f.naive = malloc(f.bytes / 2 * sizeof *f.naive);
    if (fflush(to) != 0 || !f.room || !f.naive)
        return false;
    struct bench_time naive = bench_run(csv ? naive_csv : naive_libsvm, &f);
    struct bench_time own = bench_run(load, &f);
    bool ok = csv ? same_csv(&f) : same_libsvm(&f);
    ok = bench_print("load", own, 0, ok, "source=%s numbers=%s bytes=%zu MBps=%.1f over_naive=%.2f",
                     source, kind, f.bytes, (double)f.bytes * 1e3 / own.median,
                     naive.median / own.median);
    free(f.room);
    free(f.naive);
    fclose(to);
    return ok;
}

/* ---- archives ---- */

static void inflate_alone(void *arg)
{
    struct file *f = arg;
    z_stream z = {.next_in = f->packed, .avail_in = (unsigned)f->packed_bytes,
                  .next_out = f->plain, .avail_out = (unsigned)f->plain_bytes};
    if (inflateInit2(&z, -15) != Z_OK || inflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    inflateEnd(&z);
    f->sum = crc32(0, f->plain, (unsigned)f->plain_bytes);
}

static void read_alone(void *arg) { read_whole(arg); }

/* Pictures, mostly black, as uint8, or floats that hardly compress. */
static void fill(unsigned char *to, size_t n, bool pictures)
{
    struct tsgd_rng r = tsgd_rng(2, TSGD_RNG_TEST, 0, 0);
    if (pictures) {
        for (size_t i = 0; i < n; i++)
            to[i] = i / 28 % 28 > 20 || i % 28 < 8 ? 0 : (unsigned char)tsgd_rng_u32(&r) & 0xf0;
        return;
    }
    for (size_t i = 0; i < n / sizeof(float); i++) {
        float v = (float)tsgd_rng_normal(&r);
        memcpy(to + i * sizeof v, &v, sizeof v);
    }
}

/* An array's header of 128 bytes, and its bytes. */
static void *array(const char *type, size_t n, const char *shape, size_t bytes, bool pictures)
{
    unsigned char *to = malloc(128 + bytes);
    if (!to)
        return NULL;
    memset(to, ' ', 128);
    memcpy(to, "\x93NUMPY\1\0\x76\0", 10);
    int used = snprintf((char *)to + 10, 118, "{'descr': '%s', 'fortran_order': False, "
                        "'shape': (%zu%s)}", type, n, shape);
    to[10 + used] = ' ';
    to[127] = '\n';
    fill(to + 128, bytes, pictures);
    return to;
}

static bool archive(const char *kind, bool pictures, bool packed)
{
    char path[200];
    const char *under = getenv("TMPDIR");
    struct file f = {.source = "npz", .kind = kind};
    size_t one = pictures ? 784 : COLUMNS * sizeof(float), n = BYTES / one, bytes = n * one;
    unsigned char *x = array(pictures ? "|u1" : "<f4", n, pictures ? ", 28, 28" : ", 64", bytes,
                             pictures);
    unsigned char *y = array("|u1", n, ",", n, true);
    int code, method = packed ? ZIP_CM_DEFLATE : ZIP_CM_STORE;
    snprintf(path, sizeof path, "%s/telesgd-bench-%ld.npz", under ? under : "/tmp",
             (long)getpid());
    zip_t *z = x && y ? zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code) : NULL;
    if (!z)
        return false;
    for (size_t i = 0; i < n; i++)
        y[128 + i] = (unsigned char)(i % 10);
    zip_file_add(z, "x.npy", zip_source_buffer(z, x, 128 + bytes, 0), 0);
    zip_file_add(z, "y.npy", zip_source_buffer(z, y, 128 + n, 0), 0);
    for (unsigned i = 0; i < 2; i++)
        zip_set_file_compression(z, i, method, 6);
    if (zip_close(z) != 0)
        return false;
    snprintf(f.data, sizeof f.data, "npz:%s", path);
    f.path = path;
    FILE *in = fopen(path, "rb");
    if (!in || fseek(in, 0, SEEK_END) != 0)
        return false;
    f.bytes = (size_t)ftell(in);
    fclose(in);
    f.room = malloc(f.bytes + 1);
    f.plain_bytes = 128 + bytes;
    f.plain = malloc(f.plain_bytes);
    if (!f.room || !f.plain)
        return false;
    read_whole(&f);
    f.packed = f.room + 30 + f.room[26] + f.room[28];       /* behind the member's own header */
    f.packed_bytes = f.bytes - (size_t)(f.packed - f.room);
    struct bench_time alone = bench_run(packed ? inflate_alone : read_alone, &f);
    struct bench_time own = bench_run(load, &f);
    const void *got = pictures ? (void *)loaded.train.bytes : (void *)loaded.train.floats;
    bool ok = !memcmp(got, x + 128, bytes) && loaded.train.labels[n - 1] == (n - 1) % 10;
    ok = bench_print("load", own, 0, ok, "source=npz numbers=%s packed=%d bytes=%zu MBps=%.1f "
                     "array_MBps=%.1f of_%s=%.2f", kind, packed, f.bytes,
                     (double)f.bytes * 1e3 / own.median, (double)bytes * 1e3 / own.median,
                     packed ? "inflate" : "read", alone.median / own.median);
    unlink(path);
    free(f.room);
    free(f.plain);
    free(x);
    free(y);
    return ok;
}

int main(int argc, char **argv)
{
    bench_arguments(argc, argv, 0, "", "How fast files of data are read: csv, libsvm and npz.");
    bool ok = text("csv", "6-digits", "%.6g,", 1);
    ok &= text("csv", "17-digits", "%.17g,", 1);
    ok &= text("csv", "whole", "%.0f,", 100);
    ok &= text("libsvm", "6-digits", "%.6g", 1);
    ok &= text("libsvm", "17-digits", "%.17g", 1);
    ok &= archive("uint8", true, true);
    ok &= archive("uint8", true, false);
    ok &= archive("float32", false, true);
    ok &= archive("float32", false, false);
    tsgd_dataset_release(&loaded);
    return ok ? 0 : 1;
}
