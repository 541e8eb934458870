/* tests/faults/watch.h: the program, run while its calls are counted and looked at, and one of them
 * may fail, or one and all after it. System calls are those that the kernel sees, whoever in the
 * process makes them; the allocations are those of the C library's names. Linux on x86-64.      */
#ifndef TESTS_FAULTS_WATCH_H
#define TESTS_FAULTS_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What is counted. Each but the first stands for some system calls. */
enum watch_kind {
    WATCH_MEMORY,
    WATCH_WRITE, WATCH_SYNC, WATCH_RENAME, WATCH_OPEN, WATCH_TRUNCATE, WATCH_CLOSE, WATCH_READ,
    WATCH_SEEK, WATCH_STAT, WATCH_LOCK, WATCH_FOLDER, WATCH_MAP,
    WATCH_START,                    /* of threads and of processes */
    WATCH_UNLINK,
    WATCH_KINDS
};
extern const char *const watch_kind_name[WATCH_KINDS];

struct watch_call {
    pid_t thread;
    long number;                    /* of the system call */
    enum watch_kind kind;
    uint64_t argument[6];
    long result;                    /* below 0: -errno; only afterwards */
};

/* For a fault that cuts a write or a read to half of its bytes, in place of an errno. */
enum { WATCH_SHORT = -1 };

struct watch_fault {
    enum watch_kind kind;
    uint64_t nth;                   /* from 1 on; 0: nothing fails */
    int why;                        /* errno, or WATCH_SHORT */
    bool stays;                     /* all later ones fail too, but what is told on stderr */
};

struct watch {
    const char *program, *shim;     /* files */
    const char *folder;             /* where it runs */
    char *const *argv;
    unsigned kinds;                 /* a bit for each kind that is counted */
    struct watch_fault fault;
    unsigned seconds;               /* until it is killed as one that hangs */
    /* Called after each call that is looked at, in the order of their ends; NULL: nothing. */
    void (*done)(const struct watch_call *call, void *user);
    void *user;
};

enum { WATCH_FRAMES = 12 };

struct watch_end {
    int code;                       /* -1: not by itself */
    int signal;                     /* that killed it, or 0 */
    bool hung;
    bool failed;                    /* the fault has happened */
    int failed_fd;                  /* of the call that failed, or -1 */
    uint64_t calls[WATCH_KINDS];
    char *out, *err;                /* what it printed; the caller frees them */
    size_t out_bytes;
    long most_kib;                  /* its greatest resident set */
    /* Where the call that failed was made from, as offsets within the program. */
    uint64_t frame[WATCH_FRAMES];
    uint32_t n_frames;
};

/* Ends the process with a sentence when the machine does not let it work. */
struct watch_end watch_run(const struct watch *w);
void watch_end_release(struct watch_end *end);

/* The functions of the program from which the call that failed was made, innermost first; of a
 * system call what looks like it on the stack.                                                  */
void watch_callers(const char *program, const struct watch_end *end, char *out, size_t room);

/* Reads `n` bytes at `address` of a process that is stopped in a call. */
bool watch_peek(pid_t thread, uint64_t address, void *out, size_t n);

/* A text that ends with a zero byte. */
bool watch_peek_text(pid_t thread, uint64_t address, char *out, size_t room);

#endif
