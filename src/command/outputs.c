#include "command/outputs.h"

#include "base/file.h"
#include "base/json.h"
#include "base/lines.h"
#include "base/trace.h"
#include "compare/plot.h"
#include "data/partition.h"
#include "data/source.h"
#include "log/logfile.h"
#include "model/sealed.h"
#include "web/page.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folder that a path names a file of: into `s`; false if there is none. */
static bool stat_folder(const char *path, struct stat *s)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return stat(".", s) == 0;
    char *folder = strndup(path, (size_t)(slash - path) + 1);
    bool ok = folder && stat(folder, s) == 0;
    free(folder);
    return ok;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Whether files that are not there yet would be one: they have one folder and one name there. */
static bool same_place(const char *a, const char *b)
{
    struct stat s, t;
    return stat_folder(a, &s) && stat_folder(b, &t) && s.st_dev == t.st_dev &&
           s.st_ino == t.st_ino && !strcmp(last_part(a), last_part(b));
}

/* Files that are there are compared themselves, others by where their links lead. Devices and pipes
 * may be written twice.                                                                         */
bool tsgd_outputs_same(const char *a, const char *b)
{
    struct stat s, t;
    bool there = stat(a, &s) == 0;
    if (there != (stat(b, &t) == 0))
        return false;
    if (there)
        return S_ISREG(s.st_mode) && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
    char *at_end_of_a = tsgd_follow_links(a), *at_end_of_b = tsgd_follow_links(b);
    bool same = at_end_of_a && at_end_of_b && same_place(at_end_of_a, at_end_of_b);
    free(at_end_of_a);
    free(at_end_of_b);
    return same;
}

struct named {
    const char *option, *path;
};

/* The log, unless it is the standard output. */
static const char *log_file(const struct tsgd_settings *s)
{
    return s->log && strcmp(s->log, "-") ? s->log : NULL;
}

/* An output must not be one of the files of the data set. */
static enum tsgd_status check_data(const struct named *out, const struct tsgd_settings *s,
                                   struct tsgd_error *err)
{
    char path[PATH_MAX];
    if (!out->path || !s->data)
        return TSGD_OK;
    for (size_t i = 0; tsgd_dataset_file(s->data, s->data_dir, i, path, sizeof path); i++)
        if (tsgd_outputs_same(out->path, path))
            return tsgd_fail(err, TSGD_EINVAL, "%s: '%s' is a file of --data %s; want another",
                             out->option, out->path, s->data);
    return TSGD_OK;
}

/* The file of --topology file:PATH, or NULL. */
static const char *graph_file(const struct tsgd_settings *s)
{
    return s->topology && !strncmp(s->topology, "file:", 5) ? s->topology + 5 : NULL;
}

/* The file of --model net:@FILE, or NULL. */
static const char *layers_file(const struct tsgd_settings *s)
{
    return s->model && !strncmp(s->model, "net:@", 5) ? s->model + 5 : NULL;
}

enum tsgd_status tsgd_outputs_check_names(const struct tsgd_settings *s, struct tsgd_error *err)
{
    enum { OUTPUTS = 5 };
    const struct named file[] = {       /* what is written, then what is read */
        {"--log", log_file(s)}, {"--save", s->save}, {"--save-split", s->save_split},
        {"--trace", s->trace}, {"--checkpoint", s->checkpoint},
        {"--config", s->config}, {"--resume", s->resume}, {"--split", s->split},
        {"--init", s->init},
        {"--availability-trace", s->availability_trace}, {"--topology", graph_file(s)},
        {"--model", layers_file(s)},
    };
    for (size_t i = 0; i < OUTPUTS; i++)
        if (check_data(&file[i], s, err))
            return TSGD_EINVAL;
    for (size_t i = 0; i < OUTPUTS; i++)
        for (size_t j = i + 1; j < sizeof file / sizeof *file; j++) {
            if (!file[i].path || !file[j].path || !tsgd_outputs_same(file[i].path, file[j].path))
                continue;
            if (file[i].path == s->save && file[j].path == s->init)
                continue;               /* going on in place: the old file stays until the end */
            if (file[i].path == s->checkpoint && file[j].path == s->resume)
                continue;
            return tsgd_fail(err, TSGD_EINVAL, "%s: '%s' is the file of %s too; want another",
                             file[i].option, file[i].path, file[j].option);
        }
    return TSGD_OK;
}

/* Files that a training may have open beside those that it was started with: the log, an output and
 * its folder, what is found there, and what the system is asked.                                */
enum { OPEN_AT_ONCE = 8 };

static enum tsgd_status probe(const char *path, const char *option, struct tsgd_error *err)
{
    struct tsgd_outfile f = TSGD_OUTFILE_INIT;
    enum tsgd_status st = path ? tsgd_outfile_open(&f, path, option, err) : TSGD_OK;
    tsgd_outfile_abandon(&f);
    return st;
}

/* A log that is there is written in place, and may be a pipe or a device. */
static enum tsgd_status probe_log(const char *path, struct tsgd_error *err)
{
    struct stat s;
    if (!path || stat(path, &s) != 0)
        return probe(path, "--log", err);
    if (S_ISDIR(s.st_mode))
        errno = EISDIR;
    else if (access(path, W_OK) == 0)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EIO, "--log: cannot write '%s': %s", path, strerror(errno));
}

/* ---- what an output would replace ---- */

/* Logs of other programs may begin with a config line too, but not with such a one. */
static bool is_log(const char *path)
{
    const char *why;
    FILE *f = tsgd_is_foreign(path, TSGD_LOG_HEADER) ? NULL : tsgd_open_input(path, false, &why);
    struct tsgd_lines l = {.f = f, .path = path, .most = TSGD_LINE_OF_LOG, .zeros = true};
    struct tsgd_json_fault fault;
    bool found = false;
    json_t *line = f && tsgd_lines_next(&l, &found, NULL) == TSGD_OK && found ?
                   tsgd_json_read(l.text, l.length, false, &fault) : NULL;
    bool own = json_is_string(json_object_get(line, "version")) &&
               json_is_string(json_object_get(line, "command"));
    json_decref(line);
    tsgd_lines_release(&l);
    if (f)
        fclose(f);
    return own;
}

static bool is_split(const char *path) { return !tsgd_is_foreign(path, TSGD_SPLIT_HEADER); }
static bool is_trace(const char *path) { return !tsgd_is_foreign(path, TSGD_TRACE_HEADER); }

static bool is_saved(const char *path)
{
    struct tsgd_saved saved = {.model = ""};
    bool own = tsgd_safetensors_identify(path, &saved, NULL) == TSGD_OK && *saved.model;
    tsgd_saved_release(&saved);
    return own;
}

/* A checkpoint of a run that has not been gone on with is hours of work. */
static enum tsgd_status check_checkpoint(const struct tsgd_settings *s, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_tensor_file file = {.f = NULL};
    struct stat info;
    const char *path = s->checkpoint;
    if (!path || stat(path, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0 ||
        (s->resume && tsgd_outputs_same(path, s->resume)))
        return TSGD_OK;
    const char *round = tsgd_tensor_file_open(&file, path, NULL) == TSGD_OK ?
        tsgd_sealed_meta(&file, "telesgd.round") : NULL;
    if (round)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--checkpoint: '%s' holds a run at round %.20s; go on with "
                      "it by --resume '%s', or give --force to replace it", path, round, path));
    TRY(tsgd_fail(err, TSGD_EINVAL, "--checkpoint: '%s' is there, and is no checkpoint of telesgd; "
                  "want another name, or --force to replace it", path));
done:
    tsgd_tensor_file_close(&file);
    return st;
}

/* Refuses to replace a file of somebody else. Empty ones, pipes and devices are nobody's. */
static enum tsgd_status check_replaced(const char *path, const char *option, const char *kind,
                                       bool (*is_own)(const char *path), struct tsgd_error *err)
{
    struct stat s;
    if (!path || stat(path, &s) != 0 || !S_ISREG(s.st_mode) || s.st_size == 0 || is_own(path))
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "%s: '%s' is there, and is no %s of telesgd; want another "
                     "name, or --force to replace it", option, path, kind);
}

enum tsgd_status tsgd_outputs_check_replaced(const struct tsgd_settings *s, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    if (s->force)
        return TSGD_OK;
    TRY(check_replaced(log_file(s), "--log", "log", is_log, err));
    TRY(check_replaced(s->save, "--save", "file of parameters", is_saved, err));
    TRY(check_replaced(s->save_split, "--save-split", "split", is_split, err));
    TRY(check_replaced(s->trace, "--trace", "trace", is_trace, err));
    TRY(check_checkpoint(s, err));
done:
    return st;
}

enum tsgd_status tsgd_outputs_check_plot(const struct tsgd_settings *s, struct tsgd_error *err)
{
    return s->force ? TSGD_OK :
           check_replaced(s->plot, "--plot", "plot", tsgd_plot_is_own, err);
}

static bool is_page(const char *path) { return !tsgd_is_foreign(path, TSGD_WEBPAGE_HEADER); }

enum tsgd_status tsgd_outputs_check_page(const struct tsgd_settings *s, struct tsgd_error *err)
{
    return s->force ? TSGD_OK : check_replaced(s->output, "--output", "report", is_page, err);
}

enum tsgd_status tsgd_outputs_probe(const struct tsgd_settings *s, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_check_descriptors(OPEN_AT_ONCE, err));
    TRY(probe(s->save, "--save", err));
    TRY(probe(s->save_split, "--save-split", err));
    TRY(probe(s->trace, "--trace", err));
    TRY(probe(s->checkpoint, "--checkpoint", err));
    TRY(probe_log(log_file(s), err));
done:
    return st;
}
