/* Files that are read: what they may be, and their lines. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/lines.h"

static char dir[32], path[64];

static void make_dir(void)
{
    strcpy(dir, "/tmp/tsgd-lines-XXXXXX");
    cr_assert(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/in", dir);
}

static void remove_dir(void)
{
    unlink(path);
    cr_expect(rmdir(dir) == 0, "something was left in %s", dir);
}

TestSuite(lines, .init = make_dir, .fini = remove_dir, .timeout = 60);

static void put(const char *bytes, size_t n)
{
    FILE *f = fopen(path, "w");
    cr_assert(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

/* All lines, with a | behind each; the status that reading ended with into *st. */
static char *joined(size_t most, bool zeros, enum tsgd_status *st, struct tsgd_error *err)
{
    static char all[4096];
    const char *why = "";
    struct tsgd_lines l = {.f = tsgd_open_input(path, true, &why), .path = path, .most = most,
                           .zeros = zeros};
    bool found = true;
    size_t n = 0;
    cr_assert(l.f, "%s", why);
    while ((*st = tsgd_lines_next(&l, &found, err)) == TSGD_OK && found) {
        cr_assert(l.text[l.length] == 0 && n + l.length + 2 < sizeof all);
        memcpy(all + n, l.text, l.length);
        n += l.length;
        all[n++] = '|';
    }
    all[n] = 0;
    fclose(l.f);
    tsgd_lines_release(&l);
    return all;
}

Test(lines, come_one_by_one_the_last_one_perhaps_without_its_end)
{
    static const struct { const char *text, *want; } all[] = {
        {"", ""}, {"\n", "\n|"}, {"a", "a|"}, {"a\n\nbc\n", "a\n|\n|bc\n|"}, {"a\nb", "a\n|b|"},
    };
    enum tsgd_status st;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        put(all[i].text, strlen(all[i].text));
        const char *found = joined(10, false, &st, NULL);
        cr_expect(st == TSGD_OK && !strcmp(found, all[i].want), "%zu: %s", i, found);
    }
}

Test(lines, may_be_as_long_as_allowed_and_no_longer)
{
    struct tsgd_error err;
    enum tsgd_status st;
    put("12345\n1234567890\n", 17);
    cr_expect(!strcmp(joined(10, false, &st, &err), "12345\n|1234567890\n|") && st == TSGD_OK);
    cr_expect(!strcmp(joined(9, false, &st, &err), "12345\n|") && st == TSGD_EFORMAT);
    cr_expect(strstr(err.text, ":2: a line of more than 9 bytes"), "%s", err.text);
}

Test(lines, with_a_zero_byte_are_refused_unless_wanted)
{
    struct tsgd_error err;
    enum tsgd_status st;
    put("a\n\0b\n", 5);
    cr_expect(!strcmp(joined(10, false, &st, &err), "a\n|") && st == TSGD_EFORMAT);
    cr_expect(strstr(err.text, ":2: a zero byte, want text"), "%s", err.text);
    cr_expect(!memcmp(joined(10, true, &st, &err), "a\n|\0b\n|", 8) && st == TSGD_OK);
}

/* Of a file of 1 GiB, of which nothing is on the disk; the process may have a fifth of that. */
#ifndef __SANITIZE_ADDRESS__
Test(lines, no_lack_of_memory_is_taken_for_the_end)
{
    struct rlimit limit = {192 << 20, 192 << 20};
    struct tsgd_error err;
    enum tsgd_status st;
    put("a\n", 2);
    cr_assert(truncate(path, 1 << 30) == 0 && setrlimit(RLIMIT_AS, &limit) == 0);
    cr_expect(!strcmp(joined(1 << 30, true, &st, &err), "a\n|"));
    cr_expect(st == TSGD_ENOMEM && strstr(err.text, "no memory for line 2"), "%s", err.text);
}
#endif

/* What is read of a descriptor that is open for writing alone. */
Test(lines, no_error_is_taken_for_the_end)
{
    struct tsgd_error err;
    struct tsgd_lines l = {.f = fopen(path, "w"), .path = path, .most = 10};
    bool found;
    cr_assert(l.f != NULL);
    cr_expect(tsgd_lines_next(&l, &found, &err) == TSGD_EIO);
    cr_expect(strstr(err.text, "Bad file descriptor"), "%s", err.text);
    fclose(l.f);
    tsgd_lines_release(&l);
}

/* ---- what is opened ---- */

Test(lines, what_is_no_regular_file_is_refused_without_waiting_where_one_is_needed)
{
    const char *why;
    cr_assert(mkfifo(path, 0600) == 0);
    cr_expect(!tsgd_open_input(path, false, &why) && strstr(why, "a pipe or a device"), "%s", why);
    cr_expect(!tsgd_open_input("/dev/zero", false, &why) && strstr(why, "want a file"));
    cr_expect(!tsgd_open_input(dir, false, &why) && errno == EISDIR);
    cr_expect(!tsgd_open_input(dir, true, &why) && errno == EISDIR);
    unlink(path);
    cr_expect(!tsgd_open_input(path, true, &why) && errno == ENOENT && strstr(why, "No such file"));
}

/* Writes "late\n" into the pipe from a process of its own. */
static pid_t write_late(void)
{
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        usleep(50000);
        int fd = open(path, O_WRONLY);
        usleep(50000);
        _exit(write(fd, "late\n", 5) == 5 ? 0 : 1);
    }
    return child;
}

Test(lines, a_pipe_is_awaited_where_it_may_be_one)
{
    enum tsgd_status st;
    int status;
    cr_assert(mkfifo(path, 0600) == 0);
    pid_t child = write_late();
    cr_expect(!strcmp(joined(10, false, &st, NULL), "late\n|") && st == TSGD_OK);
    cr_assert(waitpid(child, &status, 0) == child && status == 0);
}

/* As a shell's <(true) is one. */
Test(lines, a_pipe_whose_writer_has_gone_is_empty)
{
    const char *why;
    char name[32];
    int ends[2];
    cr_assert(pipe(ends) == 0 && close(ends[1]) == 0);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    FILE *f = tsgd_open_input(name, true, &why);
    cr_assert(f, "%s", why);
    cr_expect(getc(f) == EOF && feof(f));
    fclose(f);
}
