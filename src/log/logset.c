/* Many logs: those that were named, and those in folders. */
#include "log/runlog.h"

#include "cli/command.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Reads one more log. Errors of the file are told of, and count. */
static enum tsgd_status read_one(struct tsgd_logset *set, const struct tsgd_command *command,
                                 const char *path, uint64_t wanted, struct tsgd_error *err)
{
    struct tsgd_error why;
    struct tsgd_runlog *more = realloc(set->log, (set->n + 1) * sizeof *more);
    if (!more)
        return tsgd_fail(err, TSGD_ENOMEM, "%s: no memory for another log", path);
    set->log = more;
    if (tsgd_runlog_read(&set->log[set->n], path, wanted, &why) == TSGD_OK) {
        set->n++;
    } else {
        tsgd_complain(command, &why);
        set->unreadable++;
    }
    return TSGD_OK;
}

static int is_log_name(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return n > 6 && entry->d_name[0] != '.' && !strcmp(entry->d_name + n - 6, ".jsonl");
}

/* Not as alphasort, which follows the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum tsgd_status read_folder(struct tsgd_logset *set, const struct tsgd_command *command,
                                    const char *folder, uint64_t wanted, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_error why;
    struct dirent **entry = NULL;
    char *path = NULL;
    int n = scandir(folder, &entry, is_log_name, by_name);
    if (n <= 0) {
        if (n < 0)
            tsgd_fail(&why, TSGD_EIO, "cannot read '%s': %s", folder, strerror(errno));
        else
            tsgd_fail(&why, TSGD_EFORMAT, "%s: has no file NAME.jsonl; want a folder with logs",
                      folder);
        tsgd_complain(command, &why);
        set->unreadable++;
    }
    for (int i = 0; i < n; i++) {
        bool ends_so = folder[strlen(folder) - 1] == '/';
        free(path);
        if (asprintf(&path, "%s%s%s", folder, ends_so ? "" : "/", entry[i]->d_name) < 0) {
            path = NULL;
            TRY(tsgd_fail(err, TSGD_ENOMEM, "%s: no memory for the name of a file", folder));
        }
        TRY(read_one(set, command, path, wanted, err));
    }
done:
    for (int i = 0; i < n; i++)
        free(entry[i]);
    free(entry);
    free(path);
    return st;
}

enum tsgd_status tsgd_logset_read(struct tsgd_logset *out, const struct tsgd_command *command,
                                  char *const *path, size_t n, uint64_t wanted,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    *out = (struct tsgd_logset)TSGD_LOGSET_INIT;
    for (size_t i = 0; i < n && st == TSGD_OK; i++) {
        struct stat s;
        bool is_folder = stat(path[i], &s) == 0 && S_ISDIR(s.st_mode);
        st = (is_folder ? read_folder : read_one)(out, command, path[i], wanted, err);
    }
    return st;
}

void tsgd_logset_release(struct tsgd_logset *set)
{
    for (size_t i = 0; i < set->n; i++)
        tsgd_runlog_release(&set->log[i]);
    free(set->log);
    *set = (struct tsgd_logset)TSGD_LOGSET_INIT;
}
