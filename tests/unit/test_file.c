#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static char dir[32], path[64];

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
    char missing[96];
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

static mode_t mode_of(const char *name)
{
    struct stat s;
    cr_assert(stat(name, &s) == 0);
    return s.st_mode & 07777;
}

static void replace(const char *text)
{
    struct tsgd_outfile o;
    cr_assert(tsgd_outfile_open(&o, path, "--log", NULL) == TSGD_OK);
    fputs(text, o.f);
    cr_assert(tsgd_outfile_commit(&o, NULL) == TSGD_OK);
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
