#include "faults/watch.h"

#include "faults/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __x86_64__
#error "the tests of faults read the registers of x86-64"
#endif

const char *const watch_kind_name[WATCH_KINDS] = {
    "memory", "write", "sync", "rename", "open", "truncate", "close", "read", "seek", "stat",
    "lock", "folder", "map", "start", "unlink",
};

static const struct {
    long number;
    enum watch_kind kind;
} known[] = {
    {SYS_write, WATCH_WRITE}, {SYS_pwrite64, WATCH_WRITE}, {SYS_writev, WATCH_WRITE},
    {SYS_fsync, WATCH_SYNC}, {SYS_fdatasync, WATCH_SYNC}, {SYS_syncfs, WATCH_SYNC},
    {SYS_rename, WATCH_RENAME}, {SYS_renameat, WATCH_RENAME}, {SYS_renameat2, WATCH_RENAME},
    {SYS_link, WATCH_RENAME}, {SYS_linkat, WATCH_RENAME},
    {SYS_open, WATCH_OPEN}, {SYS_openat, WATCH_OPEN}, {SYS_creat, WATCH_OPEN},
    {SYS_ftruncate, WATCH_TRUNCATE}, {SYS_truncate, WATCH_TRUNCATE},
    {SYS_close, WATCH_CLOSE},
    {SYS_read, WATCH_READ}, {SYS_pread64, WATCH_READ}, {SYS_readv, WATCH_READ},
    {SYS_lseek, WATCH_SEEK},
    {SYS_stat, WATCH_STAT}, {SYS_lstat, WATCH_STAT}, {SYS_fstat, WATCH_STAT},
    {SYS_newfstatat, WATCH_STAT}, {SYS_statx, WATCH_STAT}, {SYS_access, WATCH_STAT},
    {SYS_faccessat, WATCH_STAT}, {SYS_faccessat2, WATCH_STAT}, {SYS_readlink, WATCH_STAT},
    {SYS_fchmod, WATCH_STAT},
    {SYS_fcntl, WATCH_LOCK}, {SYS_flock, WATCH_LOCK},
    {SYS_getdents64, WATCH_FOLDER}, {SYS_mkdir, WATCH_FOLDER}, {SYS_mkdirat, WATCH_FOLDER},
    {SYS_mmap, WATCH_MAP},
    {SYS_clone, WATCH_START}, {SYS_clone3, WATCH_START}, {SYS_vfork, WATCH_START},
    {SYS_fork, WATCH_START},
    {SYS_unlink, WATCH_UNLINK}, {SYS_unlinkat, WATCH_UNLINK},
};
enum { KNOWN = sizeof known / sizeof *known, MOST_THREADS = 256 };
_Static_assert((int)KNOWN <= (int)SHIM_CALLS, "the page has room for all calls");
_Static_assert((int)WATCH_FRAMES == (int)SHIM_FRAMES, "frames are copied");

/* A thread of the program, or of a child of it. */
struct thread {
    pid_t id;
    bool own;                       /* of the program itself */
    bool within;                    /* in a call whose end is awaited */
    struct watch_call call;
};

struct tracer {
    const struct watch *w;
    struct watch_end *end;
    pid_t program;
    struct thread thread[MOST_THREADS];
    int n_threads;
};

static volatile sig_atomic_t hanging;   /* the process to kill when its time is over */
static volatile sig_atomic_t hung;

static void die(const char *what)
{
    fprintf(stderr, "faults: %s: %s\n", what, strerror(errno));
    exit(99);
}

static void kill_it(int number)
{
    (void)number;
    hung = 1;
    kill(hanging, SIGKILL);
}

static void limit(pid_t child, unsigned seconds)
{
    struct sigaction action = {.sa_handler = kill_it, .sa_flags = SA_RESTART};
    struct itimerval time = {.it_value.tv_sec = seconds};
    hanging = child;
    hung = 0;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &time, NULL);
}

bool watch_peek(pid_t thread, uint64_t address, void *out, size_t n)
{
    struct iovec to = {out, n}, from = {(void *)(uintptr_t)address, n};
    return process_vm_readv(thread, &to, 1, &from, 1, 0) == (ssize_t)n;
}

bool watch_peek_text(pid_t thread, uint64_t address, char *out, size_t room)
{
    for (size_t i = 0; i < room; i++) {
        if (!watch_peek(thread, address + i, out + i, 1))
            return false;
        if (!out[i])
            return true;
    }
    return false;
}

/* ---- one stop after the other ---- */

static struct thread *thread_of(struct tracer *t, pid_t id)
{
    char path[64];
    for (int i = 0; i < t->n_threads; i++)
        if (t->thread[i].id == id)
            return &t->thread[i];
    if (t->n_threads == MOST_THREADS) {
        errno = EAGAIN;
        die("too many threads");
    }
    snprintf(path, sizeof path, "/proc/%ld/task/%ld", (long)t->program, (long)id);
    struct thread *new = &t->thread[t->n_threads++];
    *new = (struct thread){.id = id, .own = access(path, F_OK) == 0};
    return new;
}

static void forget(struct tracer *t, pid_t id)
{
    for (int i = 0; i < t->n_threads; i++)
        if (t->thread[i].id == id) {
            t->thread[i] = t->thread[--t->n_threads];
            return;
        }
}

/* Of fcntl only what locks can fail. */
static bool is_lock(int command)
{
    return command == F_SETLK || command == F_OFD_SETLK || command == F_OFD_GETLK;
}

static enum watch_kind kind_of(long number, int second)
{
    if (number == SYS_fcntl && !is_lock(second))
        return WATCH_KINDS;
    for (int i = 0; i < KNOWN; i++)
        if (known[i].number == number)
            return known[i].kind;
    return WATCH_KINDS;
}

/* Makes the call fail, or ask for half. False: it has nothing that could be halved. */
static bool spoil(struct tracer *t, struct watch_call *call, struct user_regs_struct *r)
{
    int why = t->w->fault.why;
    if (why == WATCH_SHORT) {
        if (r->rdx < 2 || (call->number != SYS_write && call->number != SYS_read &&
                           call->number != SYS_pwrite64 && call->number != SYS_pread64))
            return false;
        r->rdx /= 2;
        call->argument[2] = r->rdx;
    } else {
        r->orig_rax = (unsigned long long)-1;       /* no call is made, */
        r->rax = (unsigned long long)-why;          /* and this is what it returns */
    }
    if (ptrace(PTRACE_SETREGS, call->thread, NULL, r) != 0)
        die("cannot set registers");
    t->end->failed = true;
    bool has_fd = call->kind != WATCH_OPEN && call->kind != WATCH_RENAME;
    t->end->failed_fd = has_fd ? (int)call->argument[0] : -1;
    return true;
}

/* What looks like return addresses into the program on the stack of a call. */
static void note_callers(struct tracer *t, const struct user_regs_struct *r)
{
    enum { WORDS = 512 };
    uint64_t stack[WORDS], low = UINT64_MAX, high = 0;
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%ld/maps", (long)t->program);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        unsigned long from, to;
        const char *name = strrchr(line, '/');
        if (!name || strncmp(name, strrchr(t->w->program, '/'), strcspn(name, "\n")) != 0 ||
            sscanf(line, "%lx-%lx", &from, &to) != 2)
            continue;
        low = from < low ? from : low;
        high = to > high ? to : high;
    }
    if (f)
        fclose(f);
    size_t n = WORDS;
    while (n > 1 && !watch_peek(t->program, r->rsp, stack, n * 8))
        n /= 2;
    for (size_t i = 0; n > 1 && i < n && t->end->n_frames < WATCH_FRAMES; i++)
        if (stack[i] > low && stack[i] < high)
            t->end->frame[t->end->n_frames++] = stack[i] - low;
}

/* The program is about to make a call. True: its end is wanted. */
static bool before(struct tracer *t, struct thread *of)
{
    const struct watch_fault *f = &t->w->fault;
    struct user_regs_struct r;
    if (!of->own)
        return false;
    if (ptrace(PTRACE_GETREGS, of->id, NULL, &r) != 0)
        return false;               /* killed meanwhile */
    enum watch_kind kind = kind_of((long)r.orig_rax, (int)r.rsi);
    if (kind == WATCH_KINDS)
        return false;
    of->call = (struct watch_call){
        .thread = of->id, .number = (long)r.orig_rax, .kind = kind,
        .argument = {r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9},
    };
    uint64_t n = ++t->end->calls[kind];
    if (kind == f->kind && f->nth > 0 && n >= f->nth &&
        (n == f->nth || (f->stays && r.rdi != STDERR_FILENO))) {
        if (n == f->nth)
            note_callers(t, &r);
        spoil(t, &of->call, &r);
    }
    of->within = t->w->done != NULL;
    return of->within;
}

static void after(struct tracer *t, struct thread *of)
{
    struct user_regs_struct r;
    of->within = false;
    if (ptrace(PTRACE_GETREGS, of->id, NULL, &r) != 0)
        return;
    of->call.result = (long)r.rax;
    t->w->done(&of->call, t->w->user);
}

/* Lets a stopped thread go on. */
static void look(struct tracer *t, pid_t id, int status)
{
    struct thread *of = thread_of(t, id);
    int event = status >> 16, number = WSTOPSIG(status);
    enum __ptrace_request how = PTRACE_CONT;
    long deliver = 0;
    if (event == PTRACE_EVENT_SECCOMP)
        how = before(t, of) ? PTRACE_SYSCALL : PTRACE_CONT;
    else if (event == 0 && number == (SIGTRAP | 0x80) && of->within)
        after(t, of);
    else if (event == 0 && number != (SIGTRAP | 0x80))
        deliver = number;
    ptrace(how, id, NULL, deliver);
}

static void follow(struct tracer *t)
{
    struct watch_end *end = t->end;
    struct rusage used;
    int status;
    pid_t id;
    while ((id = wait4(-1, &status, __WALL, &used)) > 0 || errno == EINTR) {
        if (id < 0)
            continue;
        if (WIFSTOPPED(status)) {
            look(t, id, status);
            continue;
        }
        forget(t, id);
        if (id != t->program)
            continue;
        end->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        end->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        end->most_kib = used.ru_maxrss;
    }
}

/* ---- a run ---- */

static int memory_file(const char *name, size_t bytes)
{
    int fd = memfd_create(name, 0);
    if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0)
        die("no file in memory");
    return fd;
}

/* All that a file holds, with a zero byte behind it; closes it. */
static char *contents(int fd, size_t *n)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = malloc((size_t)size + 1);
    if (!text || pread(fd, text, (size_t)size, 0) != (ssize_t)size)
        die("cannot read what was printed");
    text[size] = 0;
    close(fd);
    if (n)
        *n = (size_t)size;
    return text;
}

static void become(const struct watch *w, int page, int out, int err, int go)
{
    char number[16], byte;
    snprintf(number, sizeof number, "%d", page);
    int nothing = open("/dev/null", O_RDONLY);
    if (read(go, &byte, 1) != 1 || chdir(w->folder) != 0)
        _exit(99);
    close(go);
    dup2(nothing, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(nothing);
    close(out);
    close(err);
    setenv(SHIM_FILE, number, 1);
    setenv("LD_PRELOAD", w->shim, 1);
    setenv("LC_ALL", "C", 1);
    execv(w->program, w->argv);
    _exit(99);
}

struct watch_end watch_run(const struct watch *w)
{
    struct watch_end end = {.code = -1, .failed_fd = -1};
    struct tracer t = {.w = w, .end = &end};
    int go[2], out = memory_file("out", 0), err = memory_file("err", 0);
    int shared = memory_file("shim", sizeof(struct shim));
    struct shim *page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
    if (page == MAP_FAILED || pipe2(go, O_CLOEXEC) != 0)
        die("no pipe or memory");
    if (w->fault.kind == WATCH_MEMORY && w->fault.nth > 0) {
        page->fail_memory = w->fault.nth;
        page->fail_memory_to = w->fault.stays ? UINT64_MAX : w->fault.nth;
    }
    for (int i = 0; i < KNOWN; i++)
        if (w->kinds >> known[i].kind & 1)
            page->call[page->n_calls++] = (uint32_t)known[i].number;
    t.program = fork();
    if (t.program < 0)
        die("no process");
    if (t.program == 0)
        become(w, shared, out, err, go[0]);
    close(shared);
    limit(t.program, w->seconds);
    if (ptrace(PTRACE_SEIZE, t.program, NULL,
               PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD |
               PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK) != 0)
        die("ptrace is not allowed here");
    if (write(go[1], "", 1) != 1)
        die("cannot start");
    close(go[0]);
    close(go[1]);
    follow(&t);
    end.hung = hung;
    limit(t.program, 0);
    end.calls[WATCH_MEMORY] = page->memory;
    if (page->failed) {
        end.failed = true;
        end.n_frames = page->n_frames;
        memcpy(end.frame, page->frame, sizeof end.frame);
    }
    end.out = contents(out, &end.out_bytes);
    end.err = contents(err, NULL);
    munmap(page, sizeof *page);
    return end;
}

void watch_end_release(struct watch_end *end)
{
    free(end->out);
    free(end->err);
}

void watch_callers(const char *program, const struct watch_end *end, char *out, size_t room)
{
    char command[1024], name[256], place[256];
    size_t n = (size_t)snprintf(command, sizeof command, "addr2line -f -e '%s'", program);
    for (uint32_t i = 0; i < end->n_frames && n < sizeof command - 32; i++)
        n += (size_t)snprintf(command + n, sizeof command - n, " 0x%lx",
                              (unsigned long)end->frame[i] - 1);
    *out = 0;
    FILE *f = end->n_frames ? popen(command, "r") : NULL;
    while (f && fgets(name, sizeof name, f) && fgets(place, sizeof place, f)) {
        size_t used = strlen(out);
        name[strcspn(name, "\n")] = 0;
        if (*name != '?' && *name != '_')
            snprintf(out + used, room - used, "%s%s", used ? " < " : "", name);
    }
    if (f)
        pclose(f);
}
