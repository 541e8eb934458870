#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

static char dir[32], path[320];

static void make_dir(void)
{
    strcpy(dir, "/tmp/tsgd-file-XXXXXX");
    cr_assert(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/out", dir);
}

static void remove_dir(void)
{
    unlink(path);
    cr_expect(rmdir(dir) == 0, "something was left in %s", dir);
}

/* In place of the C library's, which it calls: what is synced, in order, "f" a file and "d" a
 * folder, and whether the target was there by then. Folders may be made to fail.                */
static char synced[16];
static bool there_when_synced;
static int folder_fails_with;

int fsync(int fd)
{
    struct stat s;
    bool folder = fstat(fd, &s) == 0 && S_ISDIR(s.st_mode);
    if (strlen(synced) + 1 < sizeof synced)
        strcat(synced, folder ? "d" : "f");
    there_when_synced = access(path, F_OK) == 0;
    errno = folder ? folder_fails_with : 0;
    return errno ? -1 : (int)syscall(SYS_fsync, fd);
}

TestSuite(file, .init = make_dir, .fini = remove_dir, .timeout = 60);

static void put(const char *text)
{
    FILE *f = fopen(path, "w");
    cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

/* Does the target hold exactly this? NULL: is there none? */
static bool holds(const char *text)
{
    char found[64] = "";
    FILE *f = fopen(path, "r");
    if (!f || !text)
        return !f && !text;
    size_t n = fread(found, 1, sizeof found - 1, f);
    fclose(f);
    return n == strlen(text) && !strcmp(found, text);
}

static int entries(void)
{
    int n = -2;                 /* . and .. */
    DIR *d = opendir(dir);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

Test(file, a_committed_file_holds_what_was_written)
{
    struct tsgd_outfile o;
    cr_assert(tsgd_outfile_open(&o, path, "--log", NULL) == TSGD_OK);
    fputs("new", o.f);
    cr_assert(tsgd_outfile_commit(&o, NULL) == TSGD_OK);
    cr_expect(holds("new"));
    cr_expect(entries() == 1);
}

Test(file, until_the_commit_a_reader_sees_the_old_file)
{
    struct tsgd_outfile o;
    put("old");
    cr_assert(tsgd_outfile_open(&o, path, "--log", NULL) == TSGD_OK);
    fputs("new", o.f);
    fflush(o.f);
    cr_expect(holds("old"));
    cr_assert(tsgd_outfile_commit(&o, NULL) == TSGD_OK);
    cr_expect(holds("new"));
}

Test(file, an_abandoned_file_leaves_no_trace)
{
    struct tsgd_outfile o;
    cr_assert(tsgd_outfile_open(&o, path, "--log", NULL) == TSGD_OK);
    fputs("new", o.f);
    tsgd_outfile_abandon(&o);
    cr_expect(entries() == 0);
    tsgd_outfile_abandon(&o);
}

Test(file, an_abandoned_file_leaves_the_old_one)
{
    struct tsgd_outfile o;
    put("old");
    cr_assert(tsgd_outfile_open(&o, path, "--log", NULL) == TSGD_OK);
    tsgd_outfile_abandon(&o);
    cr_expect(holds("old"));
    cr_expect(entries() == 1);
}

Test(file, a_committed_file_survives_being_abandoned)
{
    struct tsgd_outfile o;
    cr_assert(tsgd_outfile_open(&o, path, "--log", NULL) == TSGD_OK);
    fputs("new", o.f);
    cr_assert(tsgd_outfile_commit(&o, NULL) == TSGD_OK);
    tsgd_outfile_abandon(&o);
    cr_expect(holds("new"));
}

Test(file, a_place_that_is_missing_is_refused_at_once)
{
    struct tsgd_outfile o = TSGD_OUTFILE_INIT;
    struct tsgd_error err;
    char missing[360];
    snprintf(missing, sizeof missing, "%s/no/out", dir);
    cr_expect(tsgd_outfile_open(&o, missing, "--save", &err) == TSGD_EIO);
    cr_expect(strstr(err.text, "--save") && strstr(err.text, missing), "%s", err.text);
    cr_expect(o.f == NULL);
}

Test(file, a_directory_is_not_a_file)
{
    struct tsgd_outfile o = TSGD_OUTFILE_INIT;
    cr_expect(tsgd_outfile_open(&o, dir, "--save", NULL) == TSGD_EIO);
    cr_expect(tsgd_outfile_open(&o, "", "--save", NULL) == TSGD_EIO);
}

Test(file, a_failed_write_keeps_the_old_file)
{
    struct tsgd_outfile o;
    struct tsgd_error err;
    put("old");
    cr_assert(tsgd_outfile_open(&o, path, "--log", NULL) == TSGD_OK);
    o.f = freopen("/dev/full", "w", o.f);
    cr_assert(o.f);
    fputs("new", o.f);
    cr_expect(tsgd_outfile_commit(&o, &err) == TSGD_EIO);
    cr_expect(strstr(err.text, path), "%s", err.text);
    cr_expect(holds("old"));
    cr_expect(entries() == 1);
}

static void replace(const char *text)
{
    struct tsgd_outfile o;
    cr_assert(tsgd_outfile_open(&o, path, "--log", NULL) == TSGD_OK);
    fputs(text, o.f);
    cr_assert(tsgd_outfile_commit(&o, NULL) == TSGD_OK);
}

Test(file, the_folder_is_synced_after_the_file_got_its_name)
{
    replace("new");
    cr_expect(!strcmp(synced, "fd") && there_when_synced, "%s", synced);
}

Test(file, a_folder_that_cannot_be_synced_is_told)
{
    struct tsgd_outfile o;
    struct tsgd_error err = {.text = ""};
    folder_fails_with = EIO;
    cr_assert(tsgd_outfile_open(&o, path, "--log", NULL) == TSGD_OK);
    fputs("new", o.f);
    cr_expect(tsgd_outfile_commit(&o, &err) == TSGD_EIO);
    cr_expect(strstr(err.text, "its folder cannot be synced: Input/output error"), "%s", err.text);
    cr_expect(holds("new") && entries() == 1);
}

Test(file, a_file_system_whose_folders_cannot_be_synced_will_do)
{
    folder_fails_with = EINVAL;
    replace("new");
    cr_expect(holds("new"));
}

/* 255 bytes, the most that Linux allows, at the end of `in`. */
static void longest_name(char *to, size_t room, const char *in)
{
    size_t n = (size_t)snprintf(to, room, "%s/", in);
    memset(to + n, 'n', 255);
    to[n + 255] = 0;
}

Test(file, a_name_may_be_as_long_as_names_can_be)
{
    longest_name(path, sizeof path, dir);
    replace("new");
    cr_expect(holds("new") && entries() == 1);
}

Test(file, a_name_that_is_too_long_is_refused_at_once)
{
    struct tsgd_outfile o = TSGD_OUTFILE_INIT;
    struct tsgd_error err = {.text = ""};
    longest_name(path, sizeof path - 1, dir);
    strcat(path, "n");
    cr_expect(tsgd_outfile_open(&o, path, "--save", &err) == TSGD_EIO);
    cr_expect(strstr(err.text, "File name too long"), "%s", err.text);
    cr_expect(entries() == 0);
}

/* Opens the target in a process that is killed then; its end is awaited. */
static void be_killed_while_writing(void)
{
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        struct tsgd_outfile o;
        if (tsgd_outfile_open(&o, path, "--log", NULL) == TSGD_OK && fputs("half", o.f) >= 0)
            kill(getpid(), SIGKILL);
        _exit(1);
    }
    int status;
    cr_assert(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

Test(file, what_a_killed_process_left_is_removed_by_the_next_one)
{
    be_killed_while_writing();
    be_killed_while_writing();
    cr_expect(entries() == 1, "%d entries", entries());
    replace("new");
    cr_expect(holds("new") && entries() == 1, "%d entries", entries());
}

Test(file, what_is_being_written_is_not_removed)
{
    struct tsgd_outfile one, other;
    char second[400];
    cr_assert(tsgd_outfile_open(&one, path, "--log", NULL) == TSGD_OK);
    fputs("one", one.f);
    cr_assert(fflush(one.f) == 0);
    pid_t child = fork();               /* another process, and a file of the same one */
    cr_assert(child >= 0);
    if (child == 0)
        _exit(tsgd_outfile_open(&other, path, "--log", NULL) == TSGD_OK ? 0 : 1);
    int status;
    cr_assert(waitpid(child, &status, 0) == child && status == 0);
    snprintf(second, sizeof second, "%s.2", path);
    cr_assert(tsgd_outfile_open(&other, second, "--log", NULL) == TSGD_OK);
    tsgd_outfile_abandon(&other);
    cr_assert(tsgd_outfile_commit(&one, NULL) == TSGD_OK);
    cr_expect(holds("one"));
}

Test(file, files_that_only_look_like_temporary_ones_stay)
{
    static const char *const names[] = {".telesgd-", ".telesgd-12345678-1", "out.tmp-1-0",
                                        ".telesgd-00000000-12-0", ".telesgd-notes"};
    enum { N = sizeof names / sizeof *names };
    char at[64];
    for (size_t i = 0; i < N; i++) {
        snprintf(at, sizeof at, "%s/%s", dir, names[i]);
        FILE *f = fopen(at, "w");
        cr_assert(f && fclose(f) == 0);
    }
    replace("new");
    cr_expect(entries() == N + 1, "%d entries", entries());
    for (size_t i = 0; i < N; i++) {
        snprintf(at, sizeof at, "%s/%s", dir, names[i]);
        unlink(at);
    }
}

/* Nobody who may only write in it can list it, or sync it alone. Root may do all. */
Test(file, a_folder_that_may_be_written_but_not_read_will_do)
{
    cr_assert(chmod(dir, 0300) == 0);
    if (geteuid() == 0)
        cr_assert(chown(dir, 65534, 65534) == 0 && seteuid(65534) == 0);
    replace("new");
    cr_assert(seteuid(getuid()) == 0 && chmod(dir, 0700) == 0);
    cr_expect(holds("new") && entries() == 1);
}

static mode_t mode_of(const char *name)
{
    struct stat s;
    cr_assert(stat(name, &s) == 0);
    return s.st_mode & 07777;
}

Test(file, a_new_file_has_the_permissions_that_the_umask_leaves)
{
    static const mode_t masks[] = {022, 077, 002, 0};
    for (size_t i = 0; i < 4; i++) {
        umask(masks[i]);
        replace("new");
        cr_expect(mode_of(path) == (0666 & ~masks[i]), "%o with umask %o", mode_of(path), masks[i]);
        unlink(path);
    }
}

Test(file, a_file_that_is_replaced_keeps_its_permissions)
{
    put("old");
    cr_assert(chmod(path, 0640) == 0);
    umask(022);
    replace("new");
    cr_expect(holds("new") && mode_of(path) == 0640, "%o", mode_of(path));
}

Test(file, a_link_stays_and_what_it_leads_to_is_replaced)
{
    char target[80];
    struct stat s;
    snprintf(target, sizeof target, "%s/target", dir);
    FILE *f = fopen(target, "w");
    cr_assert(f && fclose(f) == 0 && symlink("target", path) == 0);
    replace("new");
    cr_expect(lstat(path, &s) == 0 && S_ISLNK(s.st_mode) && holds("new"));
    cr_expect(stat(target, &s) == 0 && s.st_size == 3);
    unlink(target);
}

Test(file, a_link_to_nothing_yet_stays_and_what_it_leads_to_is_made)
{
    char target[80], second[80];
    struct stat s;
    snprintf(target, sizeof target, "%s/target", dir);
    snprintf(second, sizeof second, "%s/second", dir);
    cr_assert(symlink(second, path) == 0 && symlink("target", second) == 0);
    replace("new");
    cr_expect(lstat(path, &s) == 0 && S_ISLNK(s.st_mode) && holds("new"));
    cr_expect(lstat(second, &s) == 0 && S_ISLNK(s.st_mode));
    cr_expect(lstat(target, &s) == 0 && S_ISREG(s.st_mode) && entries() == 3);
    unlink(target);
    unlink(second);
}

Test(file, a_link_that_leads_to_no_file_is_refused)
{
    static const struct { const char *to, *sentence; } bad[] = {
        {"out", "Too many levels of symbolic links"}, {"no/out", "No such file or directory"},
        {"new/", "is not a file that can be written"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tsgd_outfile o = TSGD_OUTFILE_INIT;
        struct tsgd_error err = {.text = ""};
        cr_assert(symlink(bad[i].to, path) == 0);
        cr_expect(tsgd_outfile_open(&o, path, "--save", &err) == TSGD_EIO, "%s", bad[i].to);
        cr_expect(strstr(err.text, bad[i].sentence) && strstr(err.text, path), "%s", err.text);
        cr_expect(entries() == 1);
        tsgd_outfile_abandon(&o);
        unlink(path);
    }
}
