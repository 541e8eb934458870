/* tests/faults/shim.c: preloaded into the program under test. An allocation, also of the
 * libraries' own, finds no memory; and system calls are announced to the tracer (watch.h), which so
 * sees those from within the C library too. All begins when the program and its libraries are
 * loaded, and children of the program are left alone.                                           */
#include "faults/shim.h"

#include <errno.h>
#include <execinfo.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *p, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

static struct shim *shim;           /* NULL: nothing fails */
static uintptr_t base;              /* where the program is loaded */

/* Who has called. Two frames are the shim's own. */
static void note_callers(void)
{
    void *frame[SHIM_FRAMES + 2];
    int n = backtrace(frame, SHIM_FRAMES + 2);
    for (int i = 2; i < n; i++)
        shim->frame[i - 2] = (uintptr_t)frame[i] - base;
    shim->n_frames = n > 2 ? (uint32_t)n - 2 : 0;
    shim->failed = 1;
}

static bool no_memory(void)
{
    uint64_t n = shim ? __atomic_add_fetch(&shim->memory, 1, __ATOMIC_RELAXED) : 0;
    if (n == 0 || n < shim->fail_memory || n > shim->fail_memory_to)
        return false;
    if (n == shim->fail_memory)
        note_callers();
    errno = ENOMEM;
    return true;
}

void *malloc(size_t bytes) { return no_memory() ? NULL : __libc_malloc(bytes); }
void *realloc(void *p, size_t bytes) { return no_memory() ? NULL : __libc_realloc(p, bytes); }

void *calloc(size_t count, size_t bytes)
{
    return no_memory() ? NULL : __libc_calloc(count, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return no_memory() ? NULL : __libc_memalign(alignment, bytes);
}

void *memalign(size_t alignment, size_t bytes)
{
    return no_memory() ? NULL : __libc_memalign(alignment, bytes);
}

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    void *p = no_memory() ? NULL : __libc_memalign(alignment, bytes);
    *out = p ? p : *out;
    return p ? 0 : ENOMEM;
}

/* A filter that stops the program at these system calls until its tracer has looked. */
static bool announce(const uint32_t *call, uint32_t n)
{
    struct sock_filter f[SHIM_CALLS + 3];
    struct sock_fprog program = {.len = (unsigned short)(n + 3), .filter = f};
    f[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                        offsetof(struct seccomp_data, nr));
    for (uint32_t i = 0; i < n; i++)
        f[1 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call[i],
                                                (uint8_t)(n - i), 0);
    f[1 + n] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    f[2 + n] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int find_program(struct dl_phdr_info *info, size_t size, void *found)
{
    (void)size;
    *(uintptr_t *)found = info->dlpi_addr;
    return 1;                       /* the first is the program */
}

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv(SHIM_FILE);
    void *frame[2];
    if (!text)
        return;
    int fd = atoi(text);
    void *page = mmap(NULL, sizeof *shim, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    unsetenv(SHIM_FILE);
    unsetenv("LD_PRELOAD");
    if (page == MAP_FAILED)
        _exit(99);
    backtrace(frame, 2);            /* loads a library the first time */
    dl_iterate_phdr(find_program, &base);
    const struct shim *asked = page;
    if (asked->n_calls && !announce(asked->call, asked->n_calls))
        _exit(99);
    shim = page;
}
