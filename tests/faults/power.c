/* tests/faults/power.c: the machine loses power while the program writes. A run is watched, and its
 * operations on files are noted in order. After each of them the power goes: then of every file
 * what was not synced is there, lacking, zero or half, and of the names in the folder any of the
 * changes since its last sync may have reached the disk. In each such state a file that the run
 * replaces must be whole: the old one or the new one; and once the run has ended with code 0 the
 * new one. Of checkpoints the newest or the one before it must be whole, under the name of the
 * file or of one that is kept, and each of them must lead to the end that the run came to; with
 * what is there of the log it must lead to the whole log. The judgement is tried too: with syncs
 * ignored it must find broken states.
 *     power PROGRAM SHIM                                                                        */
#include "faults/tree.h"
#include "faults/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SAVED "run.safetensors"
#define LOG "run.jsonl"
enum { MOST_NODES = 256, MOST_NAMES = 64, MOST_PENDING = 8, NO_ANSWER = 99 };

static void die(const char *what)
{
    fprintf(stderr, "power: %s: %s\n", what, strerror(errno));
    exit(NO_ANSWER);
}

/* ---- what a run does to files ---- */

/* Operations on contents, and then on names. */
enum kind { WRITE, TRUNCATE, SYNC, SYNC_FOLDER, CREATE, RENAME, LINK, UNLINK };

struct operation {
    enum kind kind;
    size_t node;                    /* of contents: whose; else: the file that gets a name */
    uint64_t at;                    /* of the bytes, or the new length */
    char *bytes;
    size_t n;
    char *name, *from;              /* `from` loses its name */
};

/* Files and not names: what is renamed stays the same one. Nodes 0.. are there at the start. */
struct record {
    char folder[PATH_MAX];
    ino_t folder_inode;
    ino_t inode[MOST_NODES];        /* of a node; used anew when a file is gone */
    size_t n_nodes;
    struct {
        char *name;
        size_t node;
    } name[MOST_NAMES];             /* as the program sees them */
    size_t n_names;
    struct operation *operation;
    size_t n;
};

static struct operation *note(struct record *r, enum kind kind, size_t node)
{
    struct operation *more = realloc(r->operation, (r->n + 1) * sizeof *more);
    if (!more)
        die("no memory for an operation");
    r->operation = more;
    more[r->n] = (struct operation){.kind = kind, .node = node};
    return &more[r->n++];
}

static size_t place_of(const struct record *r, const char *name)
{
    size_t i = 0;
    while (i < r->n_names && strcmp(r->name[i].name, name))
        i++;
    return i;
}

static void set_name(struct record *r, const char *name, size_t node)
{
    size_t i = place_of(r, name);
    if (i == MOST_NAMES)
        die("too many names");
    if (i == r->n_names)
        r->name[r->n_names++].name = strdup(name);
    r->name[i].node = node;
}

static void drop_name(struct record *r, const char *name)
{
    size_t i = place_of(r, name);
    if (i == r->n_names)
        return;
    free(r->name[i].name);
    r->name[i] = r->name[--r->n_names];
}

static size_t new_node(struct record *r, ino_t inode)
{
    if (r->n_nodes == MOST_NODES)
        die("too many files");
    r->inode[r->n_nodes] = inode;
    return r->n_nodes++;
}

/* The youngest with this number. MOST_NODES: no file of the folder. */
static size_t node_of(const struct record *r, ino_t inode)
{
    for (size_t i = r->n_nodes; i-- > 0;)
        if (r->inode[i] == inode)
            return i;
    return MOST_NODES;
}

static bool stat_of(const struct watch_call *c, uint64_t fd, struct stat *s)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)c->thread, (int)fd);
    return stat(path, s) == 0;
}

static uint64_t position_of(const struct watch_call *c, uint64_t fd)
{
    char path[64];
    unsigned long long at = 0;
    snprintf(path, sizeof path, "/proc/%ld/fdinfo/%d", (long)c->thread, (int)fd);
    FILE *f = fopen(path, "r");
    if (!f || fscanf(f, "pos: %llu", &at) != 1)
        die(path);
    fclose(f);
    return at;
}

/* The name in the folder that a call means by a path from an open folder. False: it has none. */
static bool name_of(const struct record *r, const struct watch_call *c, uint64_t from,
                    uint64_t address, char name[PATH_MAX])
{
    char path[PATH_MAX];
    struct stat s;
    size_t n = strlen(r->folder);
    if (!watch_peek_text(c->thread, address, path, sizeof path))
        return false;
    const char *last = path;
    if (*path == '/') {
        if (strncmp(path, r->folder, n) || path[n] != '/')
            return false;
        last = path + n + 1;
    } else if ((int)from != AT_FDCWD && (!stat_of(c, from, &s) || s.st_ino != r->folder_inode)) {
        return false;
    }
    last += !strncmp(last, "./", 2) ? 2 : 0;
    strcpy(name, last);
    return *last && !strchr(last, '/');
}

static void note_open(struct record *r, const struct watch_call *c)
{
    struct stat s;
    char name[PATH_MAX];
    bool at = c->number == SYS_openat;
    uint64_t flags = c->argument[at ? 2 : 1];
    if (!name_of(r, c, at ? c->argument[0] : (uint64_t)AT_FDCWD, c->argument[at ? 1 : 0], name) ||
        !stat_of(c, (uint64_t)c->result, &s) || !S_ISREG(s.st_mode))
        return;
    if (flags & O_CREAT && place_of(r, name) == r->n_names) {
        size_t node = new_node(r, s.st_ino);
        note(r, CREATE, node)->name = strdup(name);
        set_name(r, name, node);
    } else if (flags & O_TRUNC) {
        note(r, TRUNCATE, node_of(r, s.st_ino));
    }
}

static void note_write(struct record *r, const struct watch_call *c)
{
    struct stat s;
    size_t node = stat_of(c, c->argument[0], &s) ? node_of(r, s.st_ino) : MOST_NODES;
    if (node == MOST_NODES)
        return;
    if (c->number == SYS_writev) {
        errno = ENOSYS;
        die("writev is not understood");
    }
    struct operation *o = note(r, WRITE, node);
    o->n = (size_t)c->result;
    o->bytes = malloc(o->n + 1);
    o->at = c->number == SYS_pwrite64 ? c->argument[3] : position_of(c, c->argument[0]) - o->n;
    if (!o->bytes || !watch_peek(c->thread, c->argument[1], o->bytes, o->n))
        die("cannot see what is written");
}

static void note_sync(struct record *r, const struct watch_call *c)
{
    struct stat s;
    if (!stat_of(c, c->argument[0], &s))
        return;
    if (s.st_ino == r->folder_inode)
        note(r, SYNC_FOLDER, 0);
    else if (node_of(r, s.st_ino) != MOST_NODES)
        note(r, SYNC, node_of(r, s.st_ino));
}

/* rename(from, to), renameat(folder, from, folder, to), and so for links. */
static void note_rename(struct record *r, const struct watch_call *c)
{
    char from[PATH_MAX], to[PATH_MAX];
    bool at = c->number != SYS_rename && c->number != SYS_link;
    bool is_link = c->number == SYS_link || c->number == SYS_linkat;
    uint64_t here = (uint64_t)AT_FDCWD;
    bool known = name_of(r, c, at ? c->argument[0] : here, c->argument[at ? 1 : 0], from);
    if (!name_of(r, c, at ? c->argument[2] : here, c->argument[at ? 3 : 1], to))
        return;
    if (!known || place_of(r, from) == r->n_names) {
        errno = ENOENT;
        die(from);
    }
    size_t node = r->name[place_of(r, from)].node;
    struct operation *o = note(r, is_link ? LINK : RENAME, node);
    o->name = strdup(to);
    o->from = is_link ? NULL : strdup(from);
    set_name(r, to, node);
    if (!is_link)
        drop_name(r, from);
}

static void note_unlink(struct record *r, const struct watch_call *c)
{
    char name[PATH_MAX];
    bool at = c->number == SYS_unlinkat;
    if (!name_of(r, c, at ? c->argument[0] : (uint64_t)AT_FDCWD, c->argument[at ? 1 : 0], name) ||
        place_of(r, name) == r->n_names)
        return;
    note(r, UNLINK, r->name[place_of(r, name)].node)->from = strdup(name);
    drop_name(r, name);
}

static void note_call(const struct watch_call *c, void *user)
{
    struct record *r = user;
    struct stat s;
    if (c->result < 0)
        return;
    switch (c->kind) {
    case WATCH_OPEN: note_open(r, c); break;
    case WATCH_WRITE: note_write(r, c); break;
    case WATCH_SYNC: note_sync(r, c); break;
    case WATCH_RENAME: note_rename(r, c); break;
    case WATCH_UNLINK: note_unlink(r, c); break;
    case WATCH_TRUNCATE:
        if (stat_of(c, c->argument[0], &s) && node_of(r, s.st_ino) != MOST_NODES)
            note(r, TRUNCATE, node_of(r, s.st_ino))->at = c->argument[1];
        break;
    default: break;
    }
}

/* ---- what the disk may hold ---- */

struct contents {
    char *bytes;
    size_t n;
};

/* What a file holds when the power is back. */
enum survival { LACKING, ALL, ZEROS, HALF, SURVIVALS };

static void write_to(struct contents *c, const struct operation *o, size_t n, bool zeros)
{
    if (o->at + n > c->n) {
        c->bytes = realloc(c->bytes, o->at + n + 1);
        if (!c->bytes)
            die("no memory for a file");
        memset(c->bytes + c->n, 0, o->at + n + 1 - c->n);
        c->n = o->at + n;
    }
    if (zeros)
        memset(c->bytes + o->at, 0, n);
    else
        memcpy(c->bytes + o->at, o->bytes, n);
    c->bytes[c->n] = 0;
}

/* Of a node after the first `end` operations. ignore: as if its syncs were not there. */
static struct contents contents_of(const struct record *r, const struct tree *before, size_t node,
                                   size_t end, enum survival how, bool ignore)
{
    struct contents c = {calloc(1, 1), 0};
    size_t synced = 0, last = SIZE_MAX;
    if (node < before->n)
        write_to(&c, &(struct operation){.bytes = before->file[node].bytes}, before->file[node].n,
                 false);
    for (size_t i = 0; i < end; i++) {
        const struct operation *o = &r->operation[i];
        if (o->node != node)
            continue;
        if (o->kind == SYNC && !ignore)
            synced = i;
        if (o->kind == WRITE)
            last = i;
    }
    for (size_t i = 0; i < end; i++) {
        const struct operation *o = &r->operation[i];
        bool sure = i < synced;
        if (o->node != node || (!sure && how == LACKING))
            continue;
        if (o->kind == WRITE)
            write_to(&c, o, !sure && how == HALF && i == last ? o->n / 2 : o->n,
                     !sure && how == ZEROS);
        if (o->kind == TRUNCATE && o->at < c.n)
            c.n = o->at;
    }
    return c;
}

/* The names after the first `end` operations, of whose changes since the last sync of the folder
 * those in `kept` have reached the disk. Returns how many such changes there are.               */
static unsigned names_of(struct record *at, const struct record *r, const struct tree *before,
                         size_t end, uint64_t kept, bool ignore)
{
    size_t synced = 0;
    unsigned pending = 0;
    *at = (struct record){.n = 0};
    for (size_t i = 0; i < before->n; i++)
        set_name(at, before->file[i].path, i);
    for (size_t i = 0; i < end; i++)
        if (r->operation[i].kind == SYNC_FOLDER && !ignore)
            synced = i;
    for (size_t i = 0; i < end; i++) {
        const struct operation *o = &r->operation[i];
        if (o->kind < CREATE || (i >= synced && !(kept >> pending++ & 1)))
            continue;
        size_t from = o->from ? place_of(at, o->from) : at->n_names;
        if (from < at->n_names && at->name[from].node == o->node)
            drop_name(at, o->from);
        if (o->name)
            set_name(at, o->name, o->node);
    }
    return pending;
}

static void release_names(struct record *at)
{
    while (at->n_names)
        free(at->name[--at->n_names].name);
}

/* ---- judging a state ---- */

struct test {
    const char *name, *words;
    const char *old[4];             /* commands that make what is there before, or NULL */
    const char *target;             /* the file that is replaced */
    const char *resume;             /* target is a checkpoint: what goes on from it */
};

static const char *program, *shim;
static char scratch[PATH_MAX];

struct found {
    uint64_t states;
    uint64_t broken;                /* neither the old one nor the new one */
    uint64_t lost;                  /* not the new one, though the run has ended */
};

static bool is(const struct contents *c, const struct tree_file *f)
{
    return f && c->n == f->n && !memcmp(c->bytes, f->bytes, f->n);
}

/* The node that was the how-manieth to get the name of the target, from 1 on; 0: the one that had
 * it before. MOST_NODES: there is none. It gets the name by a rename, when it is whole.         */
static size_t version(const struct record *r, const struct tree *before, const char *target,
                      size_t number)
{
    const struct tree_file *old = tree_find(before, target);
    if (number == 0)
        return old ? (size_t)(old - before->file) : MOST_NODES;
    for (size_t i = 0; i < r->n; i++)
        if (r->operation[i].kind == RENAME && !strcmp(r->operation[i].name, target) &&
            --number == 0)
            return r->operation[i].node;
    return MOST_NODES;
}

/* How many have got it before this operation. */
static size_t versions(const struct record *r, const char *target, size_t end)
{
    size_t n = 0;
    for (size_t i = 0; i < end; i++)
        n += r->operation[i].kind == RENAME && !strcmp(r->operation[i].name, target);
    return n;
}

/* A checkpoint beside what there is of the log. */
struct pair {
    size_t node;
    struct contents log;
};

struct pairs {
    struct pair *pair;
    size_t n;
};

/* Takes `log` over. */
static void remember(struct pairs *p, size_t node, struct contents log)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->pair[i].node == node && p->pair[i].log.n == log.n &&
            !memcmp(p->pair[i].log.bytes, log.bytes, log.n)) {
            free(log.bytes);
            return;
        }
    struct pair *more = realloc(p->pair, (p->n + 1) * sizeof *more);
    if (!more)
        die("no memory for a state");
    p->pair = more;
    more[p->n++] = (struct pair){node, log};
}

/* A loss of power after the first `end` operations, and what a file then holds. */
struct loss {
    const struct test *t;
    const struct record *r;
    const struct tree *before;
    size_t end;
    enum survival how;
    bool no_syncs, no_folder_syncs; /* as if they were not there */
    char whole[MOST_NODES];         /* 0: not looked at yet, 'y', 'n' */
    struct pairs *pairs;            /* NULL: nobody wants to know */
};

/* Whether a file holds all that it was to hold. */
static bool is_whole(struct loss *l, size_t node)
{
    if (!l->whole[node]) {
        struct contents c = contents_of(l->r, l->before, node, l->end, l->how, l->no_syncs);
        struct contents want = contents_of(l->r, l->before, node, l->r->n, ALL, false);
        l->whole[node] = c.n == want.n && !memcmp(c.bytes, want.bytes, c.n) ? 'y' : 'n';
        free(c.bytes);
        free(want.bytes);
    }
    return l->whole[node] == 'y';
}

/* FILE, or FILE.1, FILE.2.. that are kept. */
static bool is_of_target(const struct loss *l, const char *name)
{
    return !strncmp(name, l->t->target, strlen(l->t->target));
}

/* Whether version `number` or a newer one is on the disk, whole. */
static bool has_version(struct loss *l, const struct record *at, size_t number)
{
    bool found = false;
    for (size_t node; (node = version(l->r, l->before, l->t->target, number)) != MOST_NODES &&
                      !found; number++)
        for (size_t i = 0; i < at->n_names && !found; i++)
            found = at->name[i].node == node && is_of_target(l, at->name[i].name) &&
                    is_whole(l, node);
    return found;
}

static void judge_state(struct loss *l, const struct record *at, struct found *found)
{
    size_t n = versions(l->r, l->t->target, l->end), needed = n > 0 ? n - 1 : 0;
    bool good = true;
    for (size_t i = 0; i < at->n_names; i++)
        good &= !is_of_target(l, at->name[i].name) || is_whole(l, at->name[i].node);
    if (version(l->r, l->before, l->t->target, needed) != MOST_NODES)
        good &= has_version(l, at, needed);
    size_t file = place_of(at, l->t->target), log = place_of(at, LOG);
    if (l->pairs && l->t->resume && file < at->n_names && log < at->n_names &&
        is_whole(l, at->name[file].node))
        remember(l->pairs, at->name[file].node,
                 contents_of(l->r, l->before, at->name[log].node, l->end, l->how, false));
    found->states++;
    found->broken += !good;
    found->lost += l->end == l->r->n && !has_version(l, at, n);
}

/* All states after the first `end` operations. Of many changes of names the last ones may each have
 * reached the disk or not; those before them all have, or none has.                             */
static void judge(struct loss l, struct found *found)
{
    struct record at;
    unsigned pending = names_of(&at, l.r, l.before, l.end, 0, l.no_folder_syncs);
    unsigned early = pending > MOST_PENDING ? pending - MOST_PENDING : 0;
    release_names(&at);
    for (l.how = 0; l.how < SURVIVALS; l.how++) {
        memset(l.whole, 0, sizeof l.whole);
        for (uint64_t kept = 0; kept < 1ull << (pending - early) << (early > 0); kept++) {
            uint64_t late = kept >> (early > 0) << early;
            uint64_t those_before = early > 0 && kept & 1 ? (1ull << early) - 1 : 0;
            names_of(&at, l.r, l.before, l.end, late | those_before, l.no_folder_syncs);
            judge_state(&l, &at, found);
            release_names(&at);
        }
    }
}

static struct watch_end run(const char *words, const char *folder, struct record *r)
{
    char *text = strdup(words), *argv[64] = {(char *)(size_t)"telesgd"}, *rest = text;
    int n = 1;
    for (char *w; text && (w = strsep(&rest, " ")) && n < 63;)
        if (*w)
            argv[n++] = w;
    struct watch_end end = watch_run(&(struct watch){
        .program = program, .shim = shim, .folder = folder, .argv = argv, .seconds = 60,
        .kinds = r ? 1u << WATCH_WRITE | 1u << WATCH_SYNC | 1u << WATCH_RENAME | 1u << WATCH_OPEN |
                     1u << WATCH_TRUNCATE | 1u << WATCH_UNLINK : 0,
        .done = r ? note_call : NULL, .user = r,
    });
    free(text);
    return end;
}

static void must_run(const char *words, const char *folder, struct record *r)
{
    struct watch_end end = run(words, folder, r);
    if (end.code != 0) {
        fprintf(stderr, "power: telesgd %s: code %d: %s\n", words, end.code, end.err);
        exit(NO_ANSWER);
    }
    watch_end_release(&end);
}

/* The files that are there, as nodes. */
static void begin_record(struct record *r, const struct tree *before, const char *folder)
{
    char path[2 * PATH_MAX];
    struct stat s;
    *r = (struct record){.n = 0};
    if (!realpath(folder, r->folder) || stat(folder, &s) != 0)
        die(folder);
    r->folder_inode = s.st_ino;
    for (size_t i = 0; i < before->n; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, before->file[i].path);
        if (stat(path, &s) != 0)
            die(path);
        set_name(r, before->file[i].path, new_node(r, s.st_ino));
    }
}

static void release_record(struct record *r)
{
    release_names(r);
    for (size_t i = 0; i < r->n; i++) {
        free(r->operation[i].bytes);
        free(r->operation[i].name);
        free(r->operation[i].from);
    }
    free(r->operation);
}

/* Whether what was noted, all of it applied, is what the folder holds. */
static bool is_understood(const struct record *r, const struct tree *before,
                          const struct tree *after)
{
    bool right = r->n_names == after->n;
    for (size_t i = 0; right && i < r->n_names; i++) {
        struct contents c = contents_of(r, before, r->name[i].node, r->n, ALL, false);
        right = is(&c, tree_find(after, r->name[i].name));
        free(c.bytes);
    }
    return right;
}

/* Goes on from these files, and compares what the last one comes to be with what it was. */
static bool leads_to(const struct test *t, const char *words, struct tree *from,
                     const struct tree *after, const char *result, const char *folder)
{
    tree_restore(from, folder);
    struct watch_end end = run(words, folder, NULL);
    struct tree now = tree_read(folder);
    const struct tree_file *got = tree_find(&now, result), *want = tree_find(after, result);
    bool same = end.code == 0 && got && want && tree_same(got, want);
    if (!same) {
        char why[400] = "";
        if (got && want)
            tree_differ(got, want, why, sizeof why);
        printf("%s: going on does not lead to the same %s: code %d, %s%s\n", t->name, result,
               end.code, why, end.err);
    }
    tree_release(&now);
    watch_end_release(&end);
    return same;
}

/* From each checkpoint that there was. */
static bool all_lead_to_the_end(const struct test *t, const struct record *r,
                                const struct tree *before, const struct tree *after,
                                const char *folder)
{
    bool good = true;
    for (size_t i = 0; i <= versions(r, t->target, r->n); i++) {
        size_t node = version(r, before, t->target, i);
        if (node == MOST_NODES)
            continue;
        struct contents c = contents_of(r, before, node, r->n, ALL, false);
        struct tree_file file = {(char *)(size_t)t->target, c.bytes, c.n};
        good &= leads_to(t, t->resume, &(struct tree){&file, 1}, after, SAVED, folder);
        free(c.bytes);
    }
    return good;
}

/* And with each log that was beside it after a loss of power. */
static bool all_lead_to_the_log(const struct test *t, const struct record *r,
                                const struct tree *before, const struct tree *after,
                                const struct pairs *p, const char *folder)
{
    char words[300];
    bool good = true;
    snprintf(words, sizeof words, "%s --log " LOG, t->resume);
    for (size_t i = 0; i < p->n; i++) {
        struct contents c = contents_of(r, before, p->pair[i].node, r->n, ALL, false);
        struct tree_file file[] = {
            {(char *)(size_t)t->target, c.bytes, c.n},
            {(char *)(size_t)LOG, p->pair[i].log.bytes, p->pair[i].log.n},
        };
        good &= leads_to(t, words, &(struct tree){file, 2}, after, LOG, folder);
        free(c.bytes);
        free(p->pair[i].log.bytes);
    }
    free(p->pair);
    return good;
}

static bool test(const struct test *t)
{
    char folder[PATH_MAX + 8];
    struct record r;
    struct pairs pairs = {.n = 0};
    struct found found = {0}, no_syncs = {0}, no_folder_syncs = {0};
    snprintf(folder, sizeof folder, "%s/run", scratch);
    if (mkdir(folder, 0777) != 0)
        die(folder);
    for (size_t i = 0; i < sizeof t->old / sizeof *t->old && t->old[i]; i++) {
        must_run(t->old[i], folder, NULL);
    }
    struct tree before = tree_read(folder);
    begin_record(&r, &before, folder);
    must_run(t->words, folder, &r);
    struct tree after = tree_read(folder);
    bool understood = is_understood(&r, &before, &after);
    for (size_t i = 0; understood && i <= r.n; i++) {
        struct loss l = {.t = t, .r = &r, .before = &before, .end = i, .pairs = &pairs};
        judge(l, &found);
        l.pairs = NULL;
        l.no_syncs = true;
        judge(l, &no_syncs);
        l.no_syncs = false;
        l.no_folder_syncs = i == r.n;   /* what has ended must be there */
        if (l.no_folder_syncs)
            judge(l, &no_folder_syncs);
    }
    bool good = understood && !found.broken && !found.lost;
    bool tried = no_syncs.broken > 0 && no_folder_syncs.lost > 0;
    printf("%-14s %3zu operations, %5" PRIu64 " states after a loss of power: %" PRIu64 " broken, %"
           PRIu64 " lost; without fsync %" PRIu64 " broken, without that of the folder %" PRIu64
           " lost\n", t->name, r.n, found.states, found.broken, found.lost, no_syncs.broken,
           no_folder_syncs.lost);
    if (!understood)
        printf("%s: what was noted does not make the files that are there\n", t->name);
    else if (!tried)
        printf("%s: broken states are not found where there must be some\n", t->name);
    if (t->resume) {
        size_t n = versions(&r, t->target, r.n);
        good &= n > 0 && all_lead_to_the_end(t, &r, &before, &after, folder);
        good &= all_lead_to_the_log(t, &r, &before, &after, &pairs, folder);
        printf("%s: %zu checkpoints, from each of which the run goes on; beside the log in %zu "
               "states\n", t->name, n, pairs.n);
    }
    tree_restore(&(struct tree){.n = 0}, folder);
    rmdir(folder);
    tree_release(&before);
    tree_release(&after);
    release_record(&r);
    return good && tried;
}

#define RUN "train --data digits --model mlp:60 --nodes 8 --active 4 --momentum 0.9" \
    " --local-steps 20 --rounds 150 --progress off --save " SAVED
#define CHECKPOINTS " --checkpoint run.checkpoint --checkpoint-every 10"
#define RESUMED "train --resume run.checkpoint --checkpoint-every never --progress off" \
    " --save " SAVED
#define SMALL " --data digits --model logistic --nodes 6 --rounds 4 --progress off"

static const struct test tests[] = {
    {"save", "train" SMALL " --active 3 --seed 2 --log run.jsonl --save run.safetensors",
        {"train" SMALL " --active 3 --seed 1 --save run.safetensors"}, "run.safetensors", NULL},
    {"save-new", "train" SMALL " --active 3 --save run.safetensors", {NULL}, "run.safetensors",
        NULL},
    {"save-large", "train --data digits --model mlp:300 --nodes 6 --active 3 --rounds 2 "
        "--progress off --save run.safetensors",
        {"train --data digits --model mlp:200 --nodes 6 --active 3 --rounds 2 --progress off "
         "--save run.safetensors"}, "run.safetensors", NULL},
    {"trace", "train" SMALL " --active 3 --trace run.json",
        {"train" SMALL " --active 3 --trace run.json"}, "run.json", NULL},
    {"split", "split --data digits --nodes 5 --save-split run.split",
        {"split --data digits --nodes 4 --save-split run.split"}, "run.split", NULL},
    {"report", "report run.jsonl -o run.html",
        {"train" SMALL " --active 3 --log run.jsonl", "report run.jsonl -o run.html",
         "train" SMALL " --active 2 --log run.jsonl"}, "run.html", NULL},
    {"checkpoint", RUN CHECKPOINTS, {NULL}, "run.checkpoint", RESUMED},
    {"checkpoint-3", RUN CHECKPOINTS " --keep 3", {NULL}, "run.checkpoint", RESUMED},
    {"log", "train --data digits --model mlp:60 --nodes 8 --active 4 --local-steps 20 --rounds 120 "
        "--progress off --eval-every 8 --log " LOG " --save " SAVED CHECKPOINTS, {NULL},
        "run.checkpoint", RESUMED},
    {"resume", RUN " --resume run.checkpoint --checkpoint-every 10 --keep 2",
        {RUN " --checkpoint run.checkpoint --checkpoint-every 80"}, "run.checkpoint", RESUMED},
};

int main(int argc, char **argv)
{
    static char path[2][PATH_MAX];
    const char *tmp = getenv("TMPDIR");
    bool good = true;
    if (argc != 3 || !realpath(argv[1], path[0]) || !realpath(argv[2], path[1])) {
        fprintf(stderr, "usage: power PROGRAM SHIM\n");
        return NO_ANSWER;
    }
    program = path[0];
    shim = path[1];
    snprintf(scratch, sizeof scratch, "%s/telesgd-power-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(scratch))
        die("no folder to work in");
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        good &= test(&tests[i]);
    rmdir(scratch);
    return good ? 0 : 1;
}
