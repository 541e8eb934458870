/* The operations of transport/transport.h over MPI, by any number of ranks: what is sent arrives
 * whole, in the order in which it was sent on its channel and tag, and each label is told once;
 * more messages at once than an array begins with; an all-reduce beside them; what all do together;
 * that a message which must wait for another does not do so for good; that a rest ends when one
 * comes. What never comes ends the program after PATIENCE seconds.
 *     mpirun -n R ops [SEED]                                                                    */
#include "mpi/mpi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGES = 40, TAGS = 3, MOST = 70000, GATES = 5, PATIENCE = 300 };

static struct tsgd_mpi mpi;
static struct tsgd_transport *const t = &mpi.transport;

static void want(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "rank %u: %s\n", t->rank, what);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

/* A message is known by who sends it to whom, its channel and tag, and its place among those. */
struct message {
    uint32_t from, to, channel, tag, number;
};

static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t key(struct message m, uint64_t seed)
{
    return mix(mix(mix(seed + 1 + m.from) + 1 + m.to) + m.channel * 1000003u + m.tag * 1009u +
               m.number);
}

/* Some are empty, most fit an eager message, some do not. */
static size_t length_of(struct message m, uint64_t seed)
{
    uint64_t k = key(m, seed);
    return k % 7 == 0 ? 0 : k % 5 == 0 ? (size_t)(k >> 8) % MOST : (size_t)(k >> 8) % 500;
}

static unsigned char byte_of(struct message m, uint64_t seed, size_t i)
{
    return (unsigned char)(key(m, seed) >> (i % 56)) ^ (unsigned char)i;
}

struct held {
    struct message m;
    unsigned char *data;
    size_t bytes;
    int told;
};

static struct held *held;
static size_t n_held;

static void add(struct message m, uint64_t seed, int receives)
{
    struct held *h = &held[n_held];
    *h = (struct held){.m = m, .bytes = length_of(m, seed)};
    h->data = malloc(h->bytes + 1);
    want(h->data != NULL, "no memory");
    for (size_t i = 0; i < h->bytes; i++)
        h->data[i] = receives ? 0 : byte_of(m, seed, i);
    if (receives)
        t->ops->receive(t, m.from, (enum tsgd_channel)m.channel, m.tag, h->data, h->bytes, n_held);
    else
        t->ops->send(t, m.to, (enum tsgd_channel)m.channel, m.tag, h->data, h->bytes, n_held);
    n_held++;
}

/* Sends and receives turn by turn, in another order on every rank but for messages of one kind. */
static void post_all(uint64_t seed)
{
    const size_t kinds = (size_t)t->ranks * TSGD_CHANNELS * TAGS * 2;
    uint32_t *next = calloc(kinds, sizeof *next);
    size_t left = kinds * MESSAGES;
    held = calloc(left, sizeof *held);
    want(next && held, "no memory");
    for (uint64_t i = 0; left > 0; i++) {
        size_t kind = (size_t)(mix(seed * 77 + t->rank + i * 1000) % kinds), k = kind / 2;
        struct message m = {t->rank, t->rank, (uint32_t)(k / TAGS % TSGD_CHANNELS),
                            k % TAGS == 2 ? t->most_tag : (uint32_t)(k % TAGS), next[kind]};
        if (next[kind] == MESSAGES)
            continue;
        *(kind & 1 ? &m.from : &m.to) = (uint32_t)(k / TAGS / TSGD_CHANNELS);
        add(m, seed, kind & 1);
        next[kind]++;
        left--;
    }
    free(next);
}

static void check_data(const struct held *h, uint64_t seed)
{
    for (size_t i = 0; i < h->bytes; i++)
        want(h->data[i] == byte_of(h->m, seed, i), "a message is not what was sent");
}

/* Looks until all is told, with an all-reduce under way all the time. */
static void await_all(uint64_t seed)
{
    const uint64_t gate = UINT64_MAX;
    uint64_t in[2] = {0, 0}, out[2], label[100];
    size_t left = n_held, gates = 0;
    in[0] = t->rank;
    in[1] = t->rank == 0 ? UINT64_MAX : 0;
    t->ops->largest(t, in, out, 2, gate);
    while (left > 0 || gates < GATES) {
        size_t n = t->ops->look(t, label, 1 + (size_t)(mix(seed + left) % 100));
        for (size_t i = 0; i < n; i++) {
            if (label[i] == gate) {
                want(out[0] == t->ranks - 1 + gates && out[1] == UINT64_MAX - gates,
                     "an all-reduce is not the largest");
                in[0] = t->rank + ++gates;
                in[1] = t->rank == gates % t->ranks ? UINT64_MAX - gates : 0;
                if (gates < GATES)
                    t->ops->largest(t, in, out, 2, gate);
                continue;
            }
            want(label[i] < n_held && !held[label[i]].told++, "a label is told twice, or is none");
            check_data(&held[label[i]], seed);
            left--;
        }
    }
    want(t->ops->look(t, label, 100) == 0, "a look tells of what is not there");
}

static void check_together(uint64_t seed)
{
    uint32_t *all = calloc(t->ranks, 2 * sizeof *all);
    want(all != NULL, "no memory");
    for (uint32_t from = 0; from < t->ranks; from++) {
        char text[32] = "";
        if (t->rank == from)
            snprintf(text, sizeof text, "rank %u says %u", from, (unsigned)seed);
        t->ops->broadcast(t, text, sizeof text, from);
        char wanted[32] = "";
        snprintf(wanted, sizeof wanted, "rank %u says %u", from, (unsigned)seed);
        want(!strcmp(text, wanted), "a broadcast is not what was said");
    }
    t->ops->gather(t, (uint32_t[]){t->rank, t->rank * 7}, 2 * sizeof *all, all);
    for (uint32_t r = 0; r < t->ranks; r++)
        want(all[2 * r] == r && all[2 * r + 1] == 7 * r, "a gather is not what was given");
    free(all);
}

/* Looks until so many are told, and rests in between for as long as that. */
static void await_told(size_t n, uint64_t rest_ns)
{
    uint64_t label[8];
    for (;;) {
        n -= t->ops->look(t, label, 8);
        if (n == 0)
            return;
        if (rest_ns)
            t->ops->rest(t, rest_ns);
    }
}

/* Rank 1 takes the last of rank 0's long messages first. */
static void check_reversed(void)
{
    enum { N = 4, BYTES = 100000 };
    static unsigned char data[N][BYTES];
    for (int i = 0; i < N && t->rank < 2; i++) {
        uint32_t tag = (uint32_t)(t->rank == 0 ? i : N - 1 - i);
        if (t->rank == 0) {
            memset(data[i], i + 1, BYTES);
            t->ops->send(t, 1, TSGD_CHANNEL_ROWS, tag, data[i], BYTES, tag);
            t->ops->look(t, NULL, 0);
        } else {
            t->ops->receive(t, 0, TSGD_CHANNEL_ROWS, tag, data[tag], BYTES, tag);
            await_told(1, 0);
        }
    }
    if (t->rank == 0)
        await_told(N, 0);
    for (int i = 0; i < N && t->rank == 1; i++)
        want(data[i][0] == i + 1 && !memcmp(data[i], data[i] + 1, BYTES - 1), "not what was sent");
}

/* Of one tag, shorter ones behind longer ones, as fast as they can be sent. */
static void check_order(void)
{
    enum { N = 64, BYTES = 1000000 };
    static const size_t bytes[] = {BYTES, BYTES, 8, BYTES / 4, 0, BYTES / 20, 100, BYTES / 2};
    static unsigned char out[BYTES], in[N][BYTES];
    for (uint32_t i = 0; i < N && t->rank == 0; i++) {
        t->ops->send(t, 1, TSGD_CHANNEL_FILES, 0, out, bytes[i % 8], i);
        t->ops->look(t, NULL, 0);
    }
    for (uint32_t i = 0; i < N && t->rank == 1; i++)
        t->ops->receive(t, 0, TSGD_CHANNEL_FILES, 0, in[i], bytes[i % 8], i);
    if (t->rank < 2)
        await_told(N, 0);           /* a message that is not as long as it has to be ends it */
}

/* Rank 1 rests for an hour unless somebody rings. Rank 0 sends when it surely does. A long message
 * may pass in pieces of which nobody tells, so then rests are short.                            */
static void check_rings(void)
{
    static unsigned char data[100000];
    if (t->rank > 1 || !t->rings)
        return;
    for (uint32_t i = 0; i < 6; i++) {
        size_t bytes = i % 2 ? 100 : sizeof data;
        if (t->rank == 0) {
            nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
            t->ops->send(t, 1, TSGD_CHANNEL_ROWS, i, data, bytes, i);
        } else {
            t->ops->receive(t, 0, TSGD_CHANNEL_ROWS, i, data, bytes, i);
        }
        await_told(1, bytes == sizeof data ? 1000000 : (uint64_t)3600 * 1000000000);
    }
}

/* What Open MPI goes by is what it was asked for, or what the user had set before. */
static void check_preference(const char *set)
{
    const char *name = "btl_vader_eager_limit";
    MPI_T_cvar_handle handle;
    int level, index, count;
    size_t limit;
    MPI_T_init_thread(MPI_THREAD_SERIALIZED, &level);
    if (MPI_T_cvar_get_index(name, &index) == MPI_SUCCESS) {
        MPI_T_cvar_handle_alloc(index, NULL, &handle, &count);
        MPI_T_cvar_read(handle, &limit);
        want(limit == (set ? strtoul(set, NULL, 10) : 1048576), name);
        MPI_T_cvar_handle_free(&handle);
    }
    MPI_T_finalize();
}

int main(int argc, char **argv)
{
    int level;
    const char *set = getenv("OMPI_MCA_btl_vader_eager_limit");
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    tsgd_mpi_prefer();
    MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &level);
    tsgd_mpi_init(&mpi);
    alarm(PATIENCE);
    want(level >= MPI_THREAD_SERIALIZED, "no threads");
    check_preference(set);
    check_together(seed);
    post_all(seed);
    await_all(seed);
    check_together(seed + 1);
    if (t->ranks > 1) {
        check_reversed();
        check_order();
        check_rings();
        check_together(seed + 2);
    }
    for (size_t i = 0; i < n_held; i++)
        free(held[i].data);
    free(held);
    if (t->rank == 0)
        printf("ops: %u ranks, %zu messages each, tags to %u, %s: right\n", t->ranks, n_held,
               t->most_tag, t->rings ? "with bells" : "without bells");
    tsgd_mpi_release(&mpi);
    MPI_Finalize();
    return 0;
}
