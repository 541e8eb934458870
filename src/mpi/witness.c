#include "mpi/witness.h"

#include "base/clock.h"
#include "base/file.h"
#include "cli/command.h"
#include "model/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OTHERS_DIE_WITHIN = 10 };        /* seconds */
enum { HEARD = STDERR_FILENO + 1, HELD, FIRST_TO_CLOSE };   /* the witness's files */

/* What the parent says. */
struct word {
    enum { NOTHING, BEGINS, DONE } what;
    uint32_t rank;
    struct tsgd_witness_run run;
    bool writes;                /* checkpoints, into `checkpoint` */
    bool resumes;               /* what stands there already is of this training */
    bool was_there;             /* it was, before the training: */
    struct stat then;
    char checkpoint[PATH_MAX];
};

static int to_child = -1;
static pid_t child = -1;
static uint32_t own_rank;
static struct tsgd_witness_run own_run;

static void name_host(char *out, size_t size)
{
    out[size - 1] = 0;
    if (gethostname(out, size - 1) != 0)
        strcpy(out, "?");
}

/* Whether the file is what it was before the training. */
static bool is_old(const struct word *w)
{
    struct stat now;
    return w->was_there && stat(w->checkpoint, &now) == 0 && now.st_ino == w->then.st_ino &&
           now.st_dev == w->then.st_dev && now.st_mtim.tv_sec == w->then.st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == w->then.st_mtim.tv_nsec;
}

/* Whether the file is the last checkpoint of this training. On another host than rank 0's it may be
 * a copy, with which that rank went on.                                                         */
static bool is_last(const struct word *w, bool writes_here)
{
    return w->writes && (!is_old(w) || (w->resumes && writes_here));
}

/* As far as the file tells. */
static void tell(const struct word *w)
{
    char died[160], host[sizeof w->run.host];
    struct tsgd_tensor_file file = {.f = NULL};
    struct tsgd_error e;
    name_host(host, sizeof host);
    const bool writes_here = !strcmp(host, w->run.host);
    snprintf(died, sizeof died, "rank %u on %s has died, or was killed, and the training with it; ",
             w->rank, host);
    bool whole = is_last(w, writes_here) &&
                 tsgd_sealed_open(&file, w->checkpoint, &e) == TSGD_OK;
    const char *round = whole ? tsgd_sealed_meta(&file, "telesgd.round") : NULL;
    if (round)
        tsgd_fail(&e, TSGD_EIO, "%sthe last checkpoint, '%.600s', is of round %.20s: go on from it "
                  "by --resume '%.600s', with any number of ranks", died, w->checkpoint, round,
                  w->checkpoint);
    else if (w->writes && !writes_here)
        tsgd_fail(&e, TSGD_EIO, "%srank 0 writes checkpoints on %s, into '%.600s'; if there is "
                  "one, --resume goes on from it, with ranks that all see it", died, w->run.host,
                  w->checkpoint);
    else if (w->writes)
        tsgd_fail(&e, TSGD_EIO, "%sthere is no checkpoint yet to go on from in '%.600s'", died,
                  w->checkpoint);
    else
        tsgd_fail(&e, TSGD_EIO, "%sthere is no checkpoint to go on from: --checkpoint FILE writes "
                  "some", died);
    tsgd_complain(NULL, &e);
}

/* Whole or not at all. */
static bool hear(int from, struct word *w)
{
    size_t have = 0;
    while (have < sizeof *w) {
        ssize_t n = read(from, (char *)w + have, sizeof *w - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        have += (size_t)n;
    }
    return true;
}

/* Whether nobody on this machine has told yet. An address of the abstract kind can be taken once;
 * it is given back when this process ends.                                                      */
static bool is_first(const struct word *w)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int n = snprintf(at.sun_path + 1, sizeof at.sun_path - 1, "telesgd %016" PRIx64, w->run.number);
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return s < 0 || bind(s, (const struct sockaddr *)&at,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) == 0;
}

/* When nobody has the other end of this any more, MPICH's mpirun takes the rank for dead and kills
 * the others. So the witness keeps it until it has told: else another's might tell first. -1: there
 * is none.                                                                                      */
static int launcher_s_end(void)
{
    const char *fd = getenv("PMI_FD");
    return fd ? fcntl(atoi(fd), F_DUPFD, FIRST_TO_CLOSE) : -1;
}

/* In the child. A session of its own, because mpirun kills the whole group of a rank. */
static _Noreturn void watch(int from)
{
    struct word said = {.what = NOTHING}, w;
    int heard = fcntl(from, F_DUPFD, FIRST_TO_CLOSE), held = launcher_s_end();
    if (heard < 0)
        _exit(0);
    setsid();
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    int nowhere = open("/dev/null", O_RDWR);
    dup2(nowhere, STDIN_FILENO);
    dup2(nowhere, STDOUT_FILENO);       /* whoever reads what the parent prints need not await us */
    dup2(heard, HEARD);
    if (held >= 0)
        dup2(held, HELD);
    close_range(held >= 0 ? FIRST_TO_CLOSE : HELD, UINT_MAX, 0);
    while (said.what != DONE && hear(HEARD, &w))
        said = w;
    if (said.what == BEGINS && is_first(&said)) {
        tell(&said);
        dup2(STDOUT_FILENO, STDERR_FILENO);     /* mpirun waits until nobody can print any more */
        if (held >= 0)
            close(HELD);
        sleep(OTHERS_DIE_WITHIN);
    }
    _exit(0);
}

void tsgd_witness_start(void)
{
    int end[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end) != 0)
        return;
    child = fork();
    if (child == 0) {
        close(end[1]);
        watch(end[0]);
    }
    close(end[0]);
    if (child > 0)
        to_child = end[1];
    else
        close(end[1]);
}

static void say(const struct word *w)
{
    const char *at = (const char *)w;
    size_t left = sizeof *w;
    while (to_child >= 0 && left > 0) {
        ssize_t n = send(to_child, at, left, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;                     /* it is gone; a training needs no witness */
        at += n;
        left -= (size_t)n;
    }
}

struct tsgd_witness_run tsgd_witness_run(void)
{
    struct tsgd_witness_run run = {.number = tsgd_now_ns() ^ (uint64_t)getpid() << 32};
    name_host(run.host, sizeof run.host);
    return run;
}

void tsgd_witness_know(uint32_t rank, const struct tsgd_witness_run *run)
{
    own_rank = rank;
    own_run = *run;
}

void tsgd_witness_begins(const char *checkpoint, bool resumes)
{
    struct word w = {.what = BEGINS, .rank = own_rank, .run = own_run,
                     .writes = checkpoint != NULL, .resumes = resumes};
    if (checkpoint)
        strncpy(w.checkpoint, checkpoint, sizeof w.checkpoint - 1);
    w.was_there = checkpoint && stat(checkpoint, &w.then) == 0;
    say(&w);
}

void tsgd_witness_dismiss(void)
{
    if (to_child < 0)
        return;
    say(&(struct word){.what = DONE});
    close(to_child);
    to_child = -1;
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
}
