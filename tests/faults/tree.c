#include "faults/tree.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void die(const char *what, const char *path)
{
    fprintf(stderr, "faults: %s '%s': %s\n", what, path, strerror(errno));
    exit(99);
}

/* nftw passes nothing on to its function. */
static struct tree *reading;
static size_t skipped;

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct tree_file *)a)->path, ((const struct tree_file *)b)->path);
}

static void load(struct tree_file *f, const char *path, size_t n)
{
    FILE *in = fopen(path, "rb");
    f->bytes = calloc(1, n + 1);
    f->n = n;
    if (!in || !f->bytes || fread(f->bytes, 1, n, in) != n || fclose(in) != 0)
        die("cannot read", path);
}

static int add(const char *path, const struct stat *s, int type, struct FTW *at)
{
    bool is_folder = type == FTW_D;
    if (at->level == 0)
        return 0;
    void *grown = realloc(reading->file, (reading->n + 1) * sizeof *reading->file);
    if (!grown)
        die("no memory for", path);
    reading->file = grown;
    struct tree_file *f = &reading->file[reading->n++];
    *f = (struct tree_file){.path = NULL};
    if (asprintf(&f->path, "%s%s", path + skipped, is_folder ? "/" : "") < 0)
        die("no memory for", path);
    if (is_folder)
        f->bytes = calloc(1, 1);
    else
        load(f, path, (size_t)s->st_size);
    return 0;
}

void tree_sort(struct tree *t)
{
    if (t->n)
        qsort(t->file, t->n, sizeof *t->file, by_path);
}

struct tree tree_read(const char *folder)
{
    struct tree t = {.n = 0};
    reading = &t;
    skipped = strlen(folder) + 1;
    if (nftw(folder, add, 8, FTW_PHYS) != 0)
        die("cannot read", folder);
    tree_sort(&t);
    return t;
}

void tree_release(struct tree *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free(t->file[i].path);
        free(t->file[i].bytes);
    }
    free(t->file);
    *t = (struct tree){.n = 0};
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
    (void)s, (void)type;
    return at->level > 0 && remove(path) != 0;
}

void tree_restore(const struct tree *t, const char *folder)
{
    char path[PATH_MAX];
    if (nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0)
        die("cannot empty", folder);
    for (size_t i = 0; i < t->n; i++) {
        const struct tree_file *f = &t->file[i];
        snprintf(path, sizeof path, "%s/%s", folder, f->path);
        if (path[strlen(path) - 1] == '/') {
            if (mkdir(path, 0777) != 0)
                die("cannot make", path);
            continue;
        }
        FILE *out = fopen(path, "wb");
        if (!out || fwrite(f->bytes, 1, f->n, out) != f->n || fclose(out) != 0)
            die("cannot write", path);
    }
}

const struct tree_file *tree_find(const struct tree *t, const char *path)
{
    struct tree_file key = {.path = (char *)(size_t)path};
    return t->n ? bsearch(&key, t->file, t->n, sizeof *t->file, by_path) : NULL;
}

/* ---- masks ---- */

static const char *const varying[] = {
    "wall_seconds", "samples_per_second", "share_step", "share_mix", "share_eval", "share_wait",
    "share_other", "share_ran", "share_slept", "share_taken", "workers", "steals", "sleeps", "date",
    "cpu", "machine", "threads", "pin", "gossip", "memory_bytes", "checkpoint", "checkpoint-every",
    "keep", "resume",
};

/* What a run on one rank does not have. */
static const char *const of_ranks[] = {"ranks", "bytes_between_ranks", "share_messages"};

static bool is_one_of(const char *const *names, size_t many, const char *name, size_t n)
{
    for (size_t i = 0; i < many; i++)
        if (strlen(names[i]) == n && !memcmp(names[i], name, n))
            return true;
    return false;
}

static bool varies(const char *name, size_t n)
{
    return is_one_of(varying, sizeof varying / sizeof *varying, name, n);
}

/* Where a JSON value ends: a text, an array, an object without others in it, or a number. */
static const char *value_end(const char *v)
{
    if (*v == '"' || *v == '[' || *v == '{') {
        char last = *v == '"' ? '"' : *v == '[' ? ']' : '}';
        const char *end = strchr(v + 1, last);
        return end ? end + 1 : v + strlen(v);
    }
    return v + strcspn(v, ",}\n");
}

static char *mask_json(const char *text, char *out)
{
    while (*text) {
        size_t n = *text == '"' ? strcspn(text + 1, "\"") : 0;
        size_t added = !strncmp(text, ",\"", 2) ? strcspn(text + 2, "\"") : 0;
        if (added && !strncmp(text + 2 + added, "\":", 2) &&
            is_one_of(of_ranks, sizeof of_ranks / sizeof *of_ranks, text + 2, added)) {
            text = value_end(text + added + 4);
        } else if (n && text[n + 1] == '"' && text[n + 2] == ':' && varies(text + 1, n)) {
            memcpy(out, text, n + 3);
            out += n + 3;
            text += n + 3;
            if (*text)
                *out++ = '#';
            text = value_end(text);
        } else {
            *out++ = *text++;
        }
    }
    return out;
}

/* The first line names the columns. No field of these files has a comma in it. */
static char *mask_csv(const char *text, char *out)
{
    bool mask[128] = {false};
    bool heading = true;
    size_t column = 0;
    while (*text) {
        size_t n = strcspn(text, ",\n");
        if (heading && column < 128)
            mask[column] = varies(text, n);
        if (!heading && column < 128 && mask[column]) {
            *out++ = '#';
        } else {
            memcpy(out, text, n);
            out += n;
        }
        text += n;
        column++;
        if (*text == '\n') {
            heading = false;
            column = 0;
        }
        if (*text)
            *out++ = *text++;
    }
    return out;
}

/* Lines of reports that tell of speed, or of the processor. */
static char *mask_report(const char *text, char *out)
{
    static const char *const line[] = {"speed ", "workers' time ", "workers' CPU ", "time ",
                                       "trace ", "spent ", "# expected time "};
    while (*text) {
        size_t n = strcspn(text, "\n"), kept = n;
        for (size_t i = 0; i < sizeof line / sizeof *line; i++)
            if (!strncmp(text, line[i], strlen(line[i])))
                kept = strlen(line[i]);
        const char *kernels = memmem(text, n, ", BLIS kernels", 14);
        if (kernels && *text == '#') {
            text = kernels;
            kept = n = strcspn(text, "\n");
        }
        memcpy(out, text, kept);
        out += kept;
        text += n;
        if (*text)
            *out++ = *text++;
    }
    return out;
}

static bool ends_in(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n >= m && !strcmp(path + n - m, end);
}

struct tree_file tree_mask(const struct tree_file *f)
{
    struct tree_file m = {.path = f->path, .bytes = malloc(2 * f->n + 1)};
    char *end;
    if (!m.bytes)
        die("no memory for", f->path);
    if (ends_in(f->path, ".jsonl") || (ends_in(f->path, "stdout") && f->bytes[0] == '{')) {
        end = mask_json(f->bytes, m.bytes);
    } else if (ends_in(f->path, ".csv")) {
        end = mask_csv(f->bytes, m.bytes);
    } else if (ends_in(f->path, "stdout")) {
        end = mask_report(f->bytes, m.bytes);
    } else {
        memcpy(m.bytes, f->bytes, f->n);
        end = m.bytes + f->n;
    }
    m.n = (size_t)(end - m.bytes);
    m.bytes[m.n] = 0;
    return m;
}

void tree_differ(const struct tree_file *got, const struct tree_file *want, char *out, size_t room)
{
    struct tree_file x = tree_mask(got), y = tree_mask(want);
    size_t at = 0;
    while (at < x.n && at < y.n && x.bytes[at] == y.bytes[at])
        at++;
    size_t from = at < 30 ? 0 : at - 30;
    snprintf(out, room, "%zu bytes, want %zu; '%.80s', want '%.80s'", x.n, y.n, x.bytes + from,
             y.bytes + from);
    free(x.bytes);
    free(y.bytes);
}

/* With `whole` a line that is these bytes, else one that starts with them. */
static bool has_line(const struct tree_file *f, const char *line, size_t n, bool whole)
{
    for (const char *at = f->bytes; at; at = strchr(at, '\n')) {
        at += at != f->bytes;
        if (!strncmp(at, line, n) && (!whole || at[n] == '\n' || !at[n]))
            return true;
    }
    return false;
}

bool tree_has_line(const struct tree_file *f, const char *line, size_t n)
{
    return has_line(f, line, n, true);
}

static bool is_search(const struct tree_file *f)
{
    return strstr(f->bytes, "\"command\":\"tune\"") != NULL;
}

/* Whether each line is one of the others; the last may be cut. */
static bool has_lines(const struct tree_file *got, const struct tree_file *want)
{
    bool right = true;
    for (const char *line = got->bytes; right && *line; line = strchrnul(line, '\n')) {
        line += line != got->bytes;
        size_t n = strcspn(line, "\n");
        right = has_line(want, line, n, line[n] == '\n');
    }
    return right;
}

bool tree_same(const struct tree_file *a, const struct tree_file *b)
{
    struct tree_file x = tree_mask(a), y = tree_mask(b);
    bool same = x.n == y.n && (is_search(b) ? has_lines(&x, &y) && has_lines(&y, &x) :
                                              !memcmp(x.bytes, y.bytes, x.n));
    free(x.bytes);
    free(y.bytes);
    return same;
}

bool tree_starts(const struct tree_file *part, const struct tree_file *whole)
{
    struct tree_file x = tree_mask(part), y = tree_mask(whole);
    bool same = is_search(whole) ? has_lines(&x, &y) :
                                   x.n <= y.n && !memcmp(x.bytes, y.bytes, x.n);
    free(x.bytes);
    free(y.bytes);
    return same;
}
