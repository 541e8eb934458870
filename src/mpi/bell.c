#include "mpi/bell.h"

#include <linux/futex.h>
#include <stdalign.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* So many looks after a ring may bring something. Open MPI takes a message in by one, and tells by
 * the next that it is complete; an all-reduce goes on by yet another.                           */
enum { LOOKS = 4 };

/* Of a rest when nothing is under way. A stage of an all-reduce among more than two ranks may come
 * unsaid.                                                                                       */
enum { LONG_NS = 500000 };

struct tsgd_bell {
    alignas(128) _Atomic uint32_t rings;        /* the futex word; only grows */
    _Atomic uint32_t sleeps;                    /* whether its rank does */
    _Atomic uint32_t sent;                      /* messages to its rank; only grows */
};

/* MPI aligns memory less than a bell wants; all ranks see it at the same place of a page. */
enum { BELL_BYTES = 2 * sizeof(struct tsgd_bell) };

static struct tsgd_bell *bell_in(void *memory)
{
    uintptr_t at = (uintptr_t)memory, within = at % alignof(struct tsgd_bell);
    return (struct tsgd_bell *)(within ? at + alignof(struct tsgd_bell) - within : at);
}

/* Fills in `of`; false: that cannot be. */
static bool find_bells(struct tsgd_bells *b, MPI_Comm comm, int ranks)
{
    MPI_Group here, all;
    int n;
    if (MPI_Comm_size(b->here, &n) || MPI_Comm_group(b->here, &here) || MPI_Comm_group(comm, &all))
        return false;
    b->of = calloc((size_t)ranks, sizeof(struct tsgd_bell *));
    bool found = b->of != NULL;
    for (int i = 0; found && i < n; i++) {
        MPI_Aint bytes;
        int unit, rank;
        void *memory;
        found = !MPI_Group_translate_ranks(here, 1, &i, all, &rank) &&
                !MPI_Win_shared_query(b->memory, i, &bytes, &unit, &memory);
        if (found)
            b->of[rank] = bell_in(memory);
    }
    b->all = n == ranks;
    MPI_Group_free(&here);
    MPI_Group_free(&all);
    return found;
}

static bool open_bells(struct tsgd_bells *b, MPI_Comm comm, int rank, int ranks)
{
    if (MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &b->here))
        return false;
    MPI_Comm_set_errhandler(b->here, MPI_ERRORS_RETURN);
    void *memory;
    if (MPI_Win_allocate_shared(BELL_BYTES, 1, MPI_INFO_NULL, b->here, &memory, &b->memory))
        return false;
    b->mine = bell_in(memory);
    *b->mine = (struct tsgd_bell){.rings = 0};
    return find_bells(b, comm, ranks);
}

void tsgd_bells_init(struct tsgd_bells *b, MPI_Comm comm)
{
    int rank, ranks;
    *b = (struct tsgd_bells){.here = MPI_COMM_NULL, .memory = MPI_WIN_NULL};
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    /* All have theirs before anybody rings; or nobody has one. */
    int open = open_bells(b, comm, rank, ranks), everywhere;
    if (!MPI_Allreduce(&open, &everywhere, 1, MPI_INT, MPI_MIN, comm) && everywhere)
        return;
    free(b->of);
    b->of = NULL;
    b->all = false;
}

void tsgd_bells_release(struct tsgd_bells *b)
{
    free(b->of);
    if (b->memory != MPI_WIN_NULL)
        MPI_Win_free(&b->memory);
    if (b->here != MPI_COMM_NULL)
        MPI_Comm_free(&b->here);
}

bool tsgd_bell_is_here(const struct tsgd_bells *b, uint32_t rank)
{
    return b->of && b->of[rank];
}

/* Not FUTEX_PRIVATE_FLAG: the word is in memory of several processes. */
static void ring(struct tsgd_bell *bell)
{
    /* Sequentially consistent, both, and the store in rest: either this sees that the rank sleeps,
     * or the rank's kernel sees that the count has changed, and it does not sleep.              */
    atomic_fetch_add_explicit(&bell->rings, 1, memory_order_seq_cst);
    if (atomic_load_explicit(&bell->sleeps, memory_order_seq_cst))
        syscall(SYS_futex, &bell->rings, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Relaxed, the counts of messages: they only say how long a rest may be. */

void tsgd_bell_sent(struct tsgd_bells *b, uint32_t to)
{
    atomic_fetch_add_explicit(&b->leaving, 1, memory_order_relaxed);
    if (!tsgd_bell_is_here(b, to))
        return;
    atomic_fetch_add_explicit(&b->of[to]->sent, 1, memory_order_relaxed);
    ring(b->of[to]);
}

void tsgd_bell_left(struct tsgd_bells *b)
{
    atomic_fetch_sub_explicit(&b->leaving, 1, memory_order_relaxed);
}

void tsgd_bell_taken(struct tsgd_bells *b, uint32_t from)
{
    atomic_fetch_add_explicit(&b->taken, 1, memory_order_relaxed);
    if (tsgd_bell_is_here(b, from))
        ring(b->of[from]);
}

void tsgd_bell_all(struct tsgd_bells *b, uint32_t ranks)
{
    for (uint32_t r = 0; r < ranks; r++)
        if (tsgd_bell_is_here(b, r) && b->of[r] != b->mine)
            ring(b->of[r]);
}

void tsgd_bell_hark(struct tsgd_bells *b)
{
    if (!b->of)
        return;
    /* Acquire, pairs with ring: who has rung before this has handed its message to MPI before. */
    uint32_t rings = atomic_load_explicit(&b->mine->rings, memory_order_acquire);
    b->looks = rings == b->rings ? b->looks + 1 : 1;
    b->rings = rings;
    /* Relaxed: an older count makes rest come back at once, and look again. */
    if (b->looks >= LOOKS)
        atomic_store_explicit(&b->heard, rings, memory_order_relaxed);
}

static bool is_under_way(struct tsgd_bells *b)
{
    return atomic_load_explicit(&b->leaving, memory_order_relaxed) != 0 ||
           atomic_load_explicit(&b->mine->sent, memory_order_relaxed) !=
               atomic_load_explicit(&b->taken, memory_order_relaxed);
}

void tsgd_bell_rest(struct tsgd_bells *b, uint64_t ns)
{
    if (b->all && ns < LONG_NS && !is_under_way(b))
        ns = LONG_NS;
    struct timespec most = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    if (!b->of) {
        nanosleep(&most, NULL);
        return;
    }
    uint32_t heard = atomic_load_explicit(&b->heard, memory_order_relaxed);
    atomic_store_explicit(&b->mine->sleeps, 1, memory_order_seq_cst);   /* see ring */
    syscall(SYS_futex, &b->mine->rings, FUTEX_WAIT, heard, &most, NULL, 0);
    /* Relaxed: a bell rung for one who is awake costs time and nothing else. */
    atomic_store_explicit(&b->mine->sleeps, 0, memory_order_relaxed);
}
