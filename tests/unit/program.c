#include "program.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a test has read; freed when it is over. */
static char *texts[1024];
static json_t *arrays[64];
static size_t n_texts, n_arrays;

static char folder[] = "/tmp/telesgd-cli-XXXXXX";
static char program[PATH_MAX];

/* The program lies beside the program of the tests. */
void enter_folder(void)
{
#ifdef TSGD_PROGRAM
    cr_assert(realpath(TSGD_PROGRAM, program) != NULL, "no program at " TSGD_PROGRAM);
#else
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 16);
    cr_assert(n > 0);
    program[n] = 0;
    strcpy(strrchr(program, '/'), "/telesgd");
#endif
    cr_assert(access(program, X_OK) == 0, "%s is not built", program);
    cr_assert(mkdtemp(folder) != NULL && chdir(folder) == 0);
}

void use_program(const char *name)
{
    char *slash = strrchr(program, '/');
    cr_assert(slash + 1 + strlen(name) < program + sizeof program);
    strcpy(slash + 1, name);
    cr_assert(access(program, X_OK) == 0, "%s is not built", program);
}

bool find_python(char name[64], const char *lines)
{
    static const char *const names[] = {"python3", "/usr/bin/python3"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char command[128];
        snprintf(command, sizeof command, "%s -c '%s' 2>/dev/null", names[i], lines);
        if (system(command) == 0)
            return strcpy(name, names[i]);
    }
    return false;
}

void program_path(char path[PATH_MAX]) { strcpy(path, program); }

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
    (void)s, (void)type, (void)at;
    return remove(path);
}

void leave_folder(void)
{
    cr_assert(chdir("/") == 0);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    while (n_texts)
        free(texts[--n_texts]);
    while (n_arrays)
        json_decref(arrays[--n_arrays]);
}

/* ---- running it ---- */

/* Replaces the process by the program; words are separated by spaces; \037 is a space in one. */
static void become(const char *words)
{
    char *text = strdup(words), *argv[64] = {program};
    int n = 1;
    for (char *rest = text, *w; (w = strsep(&rest, " ")) && n < 63;) {
        if (*w)
            argv[n++] = w;
        for (; *w; w++)
            *w = *w == '\037' ? ' ' : *w;
    }
    signal(SIGINT, SIG_DFL);    /* whoever started the tests may have had it ignored */
    execv(program, argv);
    _exit(127);
}

/* What limit_next was told; RLIM_INFINITY: nothing. */
static int limited;
static rlim_t limit = RLIM_INFINITY;

void limit_next(int resource, rlim_t most)
{
    limited = resource;
    limit = most;
}

static void give(int fd, int stream)
{
    if (fd < 0)
        close(stream);
    else
        dup2(fd, stream);
}

pid_t start(int out, int err, rlim_t file_size, const char *words)
{
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        struct rlimit of_files = {file_size, file_size}, other = {limit, limit};
        signal(SIGXFSZ, SIG_DFL);
        setrlimit(RLIMIT_FSIZE, &of_files);
        give(out, STDOUT_FILENO);
        give(err, STDERR_FILENO);
        if (limit != RLIM_INFINITY)
            setrlimit((__rlimit_resource_t)limited, &other);
        become(words);
    }
    limit = RLIM_INFINITY;
    return child;
}

int code_of(pid_t child)
{
    int status;
    cr_assert(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

char *keep(char *text)
{
    cr_assert(n_texts < sizeof texts / sizeof *texts);
    return texts[n_texts++] = text;
}

/* All that is left to read of f, which is closed. */
char *contents(FILE *f)
{
    char *text = NULL;
    size_t room = 0;
    if (getdelim(&text, &room, 0, f) < 0)
        text[0] = 0;
    fclose(f);
    return keep(text);
}

char *read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    cr_assert(f != NULL, "no file %s", path);
    return contents(f);
}

void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    cr_assert(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

struct result run_limited(rlim_t file_size, const char *words)
{
    FILE *out = tmpfile(), *err = tmpfile();
    cr_assert(out && err);
    int code = code_of(start(fileno(out), fileno(err), file_size, words));
    rewind(out);
    rewind(err);
    return (struct result){code, contents(out), contents(err)};
}

struct result run(const char *words)
{
    return run_limited(RLIM_INFINITY, words);
}

void expect_code(const struct result *r, int code)
{
    cr_assert(r->code == code, "code %d, want %d; stdout: %s stderr: %s", r->code, code, r->out,
              r->err);
}

int count_files(void)
{
    int n = 0;
    DIR *d = opendir(".");
    cr_assert(d != NULL);
    for (struct dirent *e; (e = readdir(d));)
        n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
    closedir(d);
    return n;
}

/* JSON lines as an array of objects; fails the test if one is not. */
json_t *parse_lines(const char *text)
{
    json_t *lines = json_array();
    json_error_t why;
    cr_assert(n_arrays < sizeof arrays / sizeof *arrays);
    arrays[n_arrays++] = lines;
    while (*text) {
        size_t n = strcspn(text, "\n");
        cr_assert(text[n] == '\n', "the last line is cut: %s", text);
        json_t *line = json_loadb(text, n, 0, &why);
        cr_assert(json_is_object(line), "not a JSON object: %.*s", (int)n, text);
        json_array_append_new(lines, line);
        text += n + 1;
    }
    return lines;
}

json_t *last_line(const json_t *lines)
{
    return json_array_get(lines, json_array_size(lines) - 1);
}

double number(const json_t *line, const char *name)
{
    const json_t *value = json_object_get(line, name);
    cr_assert(json_is_number(value), "no number %s", name);
    return json_number_value(value);
}

bool has_type(const json_t *line, const char *type)
{
    const char *found = json_string_value(json_object_get(line, "type"));
    return found && !strcmp(found, type);
}

void expect_program_refuses(const char *words, int code, const char *sentence)
{
    struct result r = run(words);
    cr_expect(r.code == code && strstr(r.err, sentence), "%s: code %d, want %d; '%s', want '%s'",
              words, r.code, code, r.err, sentence);
}
