#include "mpi/mpi.h"

#include "base/clock.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A message of LONG bytes is a long one. Copying BYTES_PER_NS of them takes a nanosecond or so. */
enum { LONG = 16384, BYTES_PER_NS = 8 };

#define OTHERS_SPEAK_WITHIN_NS 3000000000u
enum { WINDOW = 64, FIRST_ROOM = 256, LEAST_NAP_NS = 10000, MOST_NAP_NS = 1000000 };

/* By itself Open MPI announces what is longer than 4 KiB, and whoever receives it fetches it, in a
 * call of the system for every 16 pages. Up to a mebibyte, header included, goes at once instead,
 * through memory that both ranks have mapped: half the time and less where it fits a cache. So
 * large are all buffers of messages then; a rank has few of them at first, and more one by one. */
static const struct {
    const char *variable, *value;
} preferences[] = {
    {"OMPI_MCA_btl_vader_eager_limit", "1048576"},
    {"OMPI_MCA_btl_vader_segment_size", "8388608"},
    {"OMPI_MCA_btl_vader_free_list_num", "2"},
    {"OMPI_MCA_btl_vader_free_list_inc", "1"},
};

static const uint64_t SIGN = (uint64_t)1 << 63;

static _Noreturn void give_up(const struct tsgd_mpi *m, const char *what, const char *why)
{
    fprintf(stderr, "telesgd: rank %u: %s: %s\n", m->transport.rank, what, why);
    MPI_Abort(MPI_COMM_WORLD, 1);
    abort();
}

/* Where a call fails, mostly another rank has died: its witness says so, and mpirun ends this one,
 * which then has nothing to say. Spoken and aborted at once it would be taken for the one that
 * failed, and MPICH's mpirun might end before it passes on what the witness says.              */
static void await_the_end(const struct tsgd_mpi *m)
{
    uint64_t start = tsgd_now_ns();
    while (m->transport.ranks > 1 && tsgd_ns_since(start) < OTHERS_SPEAK_WITHIN_NS)
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
}

static void check(const struct tsgd_mpi *m, int code, const char *call)
{
    char why[MPI_MAX_ERROR_STRING] = "";
    int length;
    if (code == MPI_SUCCESS)
        return;
    await_the_end(m);
    MPI_Error_string(code, why, &length);
    give_up(m, call, why);
}

/* A place for one more, in which the caller's MPI call puts its request. */
static MPI_Request *add(struct tsgd_mpi *m, struct tsgd_mpi_posted what)
{
    if (m->n == m->room) {
        size_t room = m->room ? 2 * m->room : FIRST_ROOM;
        MPI_Request *request = realloc(m->request, room * sizeof *request);
        if (request)
            m->request = request;
        struct tsgd_mpi_posted *posted = realloc(m->posted, room * sizeof *posted);
        if (posted)
            m->posted = posted;
        if (!request || !posted)
            give_up(m, "messages under way", "there is no memory for more of them");
        m->room = room;
    }
    m->posted[m->n] = what;
    return &m->request[m->n++];
}

static void post_now(struct tsgd_mpi *m, const struct tsgd_mpi_send *s)
{
    check(m, MPI_Isend(s->data, s->bytes, MPI_BYTE, (int)s->to, (int)s->tag,
                       m->channel[s->channel],
                       add(m, (struct tsgd_mpi_posted){s->label, TSGD_MPI_SEND, s->bytes, s->to})),
          "MPI_Isend");
    tsgd_bell_sent(&m->bells, s->to);
    if (s->bytes < LONG)
        return;
    m->way[s->to].posted++;
    m->way[s->to].look = m->looks;
    m->way[s->to].ns = tsgd_now_ns();
}

/* The one before has been taken, or should have been. */
static bool is_free(const struct tsgd_mpi_way *w, const struct tsgd_mpi_send *s)
{
    return s->bytes < LONG || w->posted == 0 ||
           tsgd_now_ns() - w->ns > (uint64_t)s->bytes / BYTES_PER_NS;
}

static void put_off(struct tsgd_mpi *m, const struct tsgd_mpi_send *s)
{
    if (m->n_put_off == m->room_put_off) {
        size_t room = m->room_put_off ? 2 * m->room_put_off : FIRST_ROOM;
        struct tsgd_mpi_send *more = realloc(m->put_off, room * sizeof *more);
        if (!more)
            give_up(m, "messages to be sent", "there is no memory for more of them");
        m->put_off = more;
        m->room_put_off = room;
    }
    m->put_off[m->n_put_off++] = *s;
    m->way[s->to].put_off++;
}

/* What may be posted now of what was put off; to each rank in the order in which it came. */
static void post_put_off(struct tsgd_mpi *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->n_put_off; i++) {
        struct tsgd_mpi_send s = m->put_off[i];
        struct tsgd_mpi_way *w = &m->way[s.to];
        if (w->stays != m->looks && is_free(w, &s)) {
            w->put_off--;
            post_now(m, &s);
        } else {
            w->stays = m->looks;
            m->put_off[kept++] = s;
        }
    }
    m->n_put_off = kept;
    m->looks++;
}

/* What is sent between two looks belongs together, and is not torn apart. */
static void post_send(struct tsgd_transport *t, uint32_t to, enum tsgd_channel channel,
                      uint32_t tag, const void *data, size_t bytes, uint64_t label)
{
    struct tsgd_mpi *m = (struct tsgd_mpi *)t;
    const struct tsgd_mpi_way *w = &m->way[to];
    assert(bytes <= INT32_MAX && tag <= t->most_tag);
    struct tsgd_mpi_send s = {label, data, (int)bytes, to, tag, channel};
    if (w->put_off == 0 && (s.bytes < LONG || !tsgd_bell_is_here(&m->bells, to) ||
                            w->look == m->looks || is_free(w, &s)))
        post_now(m, &s);
    else
        put_off(m, &s);
}

static void post_receive(struct tsgd_transport *t, uint32_t from, enum tsgd_channel channel,
                         uint32_t tag, void *data, size_t bytes, uint64_t label)
{
    struct tsgd_mpi *m = (struct tsgd_mpi *)t;
    assert(bytes <= INT32_MAX && tag <= t->most_tag);
    check(m, MPI_Irecv(data, (int)bytes, MPI_BYTE, (int)from, (int)tag, m->channel[channel],
                       add(m, (struct tsgd_mpi_posted){label, TSGD_MPI_RECEIVE, (int)bytes, from})),
          "MPI_Irecv");
}

static void post_largest(struct tsgd_transport *t, const uint64_t *in, uint64_t *out, uint32_t n,
                         uint64_t label)
{
    struct tsgd_mpi *m = (struct tsgd_mpi *)t;
    struct tsgd_mpi_largest *l = &m->largest;
    assert(n <= TSGD_MPI_NUMBERS);
    l->to = out;
    l->n = n;
    for (uint32_t i = 0; i < n; i++)
        l->in[i] = (int64_t)(in[i] ^ SIGN);
    MPI_Request *request =
        add(m, (struct tsgd_mpi_posted){.label = label, .kind = TSGD_MPI_LARGEST});
    check(m, MPI_Iallreduce(l->in, l->out, (int)n, MPI_INT64_T, MPI_MAX, m->all, request),
          "MPI_Iallreduce");
    tsgd_bell_all(&m->bells, t->ranks);
}

/* What was received must be as long as what was awaited: else ranks do not agree on what it is. */
static void finish(struct tsgd_mpi *m, const struct tsgd_mpi_posted *p,
                   const MPI_Status *status)
{
    int bytes;
    for (uint32_t i = 0; p->kind == TSGD_MPI_LARGEST && i < m->largest.n; i++)
        m->largest.to[i] = (uint64_t)m->largest.out[i] ^ SIGN;
    if (p->kind == TSGD_MPI_SEND) {
        tsgd_bell_left(&m->bells);
        m->way[p->rank].posted -= p->bytes >= LONG;
    }
    if (p->kind != TSGD_MPI_RECEIVE)
        return;
    check(m, MPI_Get_count(status, MPI_BYTE, &bytes), "MPI_Get_count");
    if (bytes != p->bytes)
        give_up(m, "a message", "is not as long as it has to be");
    tsgd_bell_taken(&m->bells, p->rank);
}

/* Closes the gaps of the window, from behind, so that nothing moves into one that is a gap too. */
static void forget_complete(struct tsgd_mpi *m, size_t window)
{
    for (size_t i = m->at + window; i-- > m->at;) {
        if (m->request[i] != MPI_REQUEST_NULL)
            continue;
        m->n--;
        m->request[i] = m->request[m->n];
        m->posted[i] = m->posted[m->n];
    }
}

static size_t look(struct tsgd_transport *t, uint64_t *label, size_t max)
{
    struct tsgd_mpi *m = (struct tsgd_mpi *)t;
    MPI_Status status[WINDOW];
    int index[WINDOW], done;
    tsgd_bell_hark(&m->bells);
    post_put_off(m);
    if (m->at >= m->n)
        m->at = 0;
    size_t window = m->n - m->at < WINDOW ? m->n - m->at : WINDOW;
    if (window > max)
        window = max;
    if (window == 0)
        return 0;
    int code = MPI_Testsome((int)window, m->request + m->at, &done, index, status);
    for (int i = 0; code == MPI_ERR_IN_STATUS && i < done; i++)
        check(m, status[i].MPI_ERROR, "MPI_Testsome");
    check(m, code, "MPI_Testsome");
    assert(done != MPI_UNDEFINED);
    for (int i = 0; i < done; i++) {
        const struct tsgd_mpi_posted *p = &m->posted[m->at + (size_t)index[i]];
        finish(m, p, &status[i]);
        label[i] = p->label;
    }
    if (done)
        forget_complete(m, window);
    post_put_off(m);
    m->at += window;                    /* what moved into a gap has its turn in the next round */
    return (size_t)done;
}

/* Calls of MPI that wait keep a core busy, and whoever is waited for may have much to do. */
static void await(const struct tsgd_mpi *m, MPI_Request request)
{
    struct timespec nap = {0, LEAST_NAP_NS};
    int done = 0;
    for (;;) {
        check(m, MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
        if (done)
            return;
        nanosleep(&nap, NULL);
        if (nap.tv_nsec < MOST_NAP_NS)
            nap.tv_nsec += nap.tv_nsec / 4;
    }
}

static void broadcast(struct tsgd_transport *t, void *data, size_t bytes, uint32_t from)
{
    struct tsgd_mpi *m = (struct tsgd_mpi *)t;
    MPI_Request request;
    assert(bytes <= INT32_MAX);
    check(m, MPI_Ibcast(data, (int)bytes, MPI_BYTE, (int)from, m->all, &request), "MPI_Ibcast");
    await(m, request);
}

static void gather(struct tsgd_transport *t, const void *mine, size_t bytes, void *all)
{
    struct tsgd_mpi *m = (struct tsgd_mpi *)t;
    MPI_Request request;
    assert(bytes <= INT32_MAX);
    check(m, MPI_Iallgather(mine, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE, m->all,
                            &request), "MPI_Iallgather");
    await(m, request);
}

static void rest(struct tsgd_transport *t, uint64_t ns)
{
    tsgd_bell_rest(&((struct tsgd_mpi *)t)->bells, ns);
}

static const struct tsgd_transport_ops ops = {
    .send = post_send, .receive = post_receive, .largest = post_largest, .look = look,
    .rest = rest, .broadcast = broadcast, .gather = gather,
};

/* Tools that watch MPI show the name. */
static void open_channel(struct tsgd_mpi *m, MPI_Comm *out, const char *name)
{
    check(m, MPI_Comm_dup(MPI_COMM_WORLD, out), "MPI_Comm_dup");
    check(m, MPI_Comm_set_name(*out, name), "MPI_Comm_set_name");
    check(m, MPI_Comm_set_errhandler(*out, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
}

void tsgd_mpi_prefer(void)
{
    if (getenv(preferences[0].variable))
        return;                         /* the others go with it */
    for (size_t i = 0; i < sizeof preferences / sizeof *preferences; i++)
        setenv(preferences[i].variable, preferences[i].value, 0);
}

void tsgd_mpi_init(struct tsgd_mpi *m)
{
    static const char *const name[TSGD_CHANNELS] = {
        [TSGD_CHANNEL_ROWS] = "telesgd rows",
        [TSGD_CHANNEL_EVALUATION] = "telesgd evaluation",
        [TSGD_CHANNEL_CONTROL] = "telesgd control",
        [TSGD_CHANNEL_FILES] = "telesgd files",
    };
    int rank, ranks, *most_tag, found;
    *m = (struct tsgd_mpi){.n = 0};
    check(m, MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN),
          "MPI_Comm_set_errhandler");
    check(m, MPI_Comm_rank(MPI_COMM_WORLD, &rank), "MPI_Comm_rank");
    check(m, MPI_Comm_size(MPI_COMM_WORLD, &ranks), "MPI_Comm_size");
    check(m, MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &most_tag, &found),
          "MPI_Comm_get_attr");
    m->transport = (struct tsgd_transport){
        .ops = &ops, .rank = (uint32_t)rank, .ranks = (uint32_t)ranks,
        .most_tag = found ? (uint32_t)*most_tag : 32767,    /* as many as MPI promises */
    };
    m->looks = 1;               /* no way has been used at any of them */
    for (size_t i = 0; i < TSGD_CHANNELS; i++)
        open_channel(m, &m->channel[i], name[i]);
    open_channel(m, &m->all, "telesgd all");
    m->way = calloc((size_t)ranks, sizeof *m->way);
    if (!m->way)
        give_up(m, "messages", "there is no memory to count them");
    tsgd_bells_init(&m->bells, m->all);
    m->transport.rings = m->bells.all;
}

void tsgd_mpi_release(struct tsgd_mpi *m)
{
    tsgd_bells_release(&m->bells);
    for (size_t i = 0; i < TSGD_CHANNELS; i++)
        check(m, MPI_Comm_free(&m->channel[i]), "MPI_Comm_free");
    check(m, MPI_Comm_free(&m->all), "MPI_Comm_free");
    free(m->request);
    free(m->posted);
    free(m->put_off);
    free(m->way);
    *m = (struct tsgd_mpi){.n = 0};
}
