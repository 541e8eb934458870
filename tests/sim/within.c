#include "sim/within.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A send or a receive, on one of the lists below. */
struct post {
    struct post *next;
    uint32_t from, to, tag;
    enum tsgd_channel channel;
    char *data;                 /* the caller's; of a send that was copied: the copy */
    size_t bytes;
    uint64_t label;
    bool copied;
    uint32_t late;              /* looks until it is complete */
    struct post *send;          /* of a receive that met it, and has yet to read it */
};

struct rank {
    struct tsgd_transport transport;    /* first */
    struct within *w;
    struct post *waiting;       /* receives that have met no send, in their order */
    struct post *come;          /* sends to this rank that have met no receive, in their order */
    struct post *ending;        /* what will be complete, in any order */
    uint64_t turn;              /* collective calls so far */
    struct post *largest;       /* posted, not complete */
    uint64_t *out;
};

struct within {
    pthread_mutex_t lock;
    pthread_cond_t all;
    uint32_t ranks, late;
    uint64_t random;
    struct rank *rank;
    uint64_t bytes[TSGD_CHANNELS];      /* sent */
    /* The collective call under way. */
    uint64_t done;              /* that are complete */
    uint32_t came, left;
    char *data;
    size_t size;
    /* The reduction under way. */
    uint64_t most[16];
    uint32_t reduced;
};

static uint64_t draw(struct within *w, uint64_t below)
{
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    return (w->random >> 33) % below;
}

static void append(struct post **list, struct post *p)
{
    while (*list)
        list = &(*list)->next;
    p->next = NULL;
    *list = p;
}

/* Takes the first of these that a send (or receive) p may meet. */
static struct post *meet(struct post **list, const struct post *p)
{
    for (; *list; list = &(*list)->next) {
        struct post *q = *list;
        if (q->from == p->from && q->to == p->to && q->tag == p->tag && q->channel == p->channel) {
            *list = q->next;
            return q;
        }
    }
    return NULL;
}

static void end_later(struct within *w, struct rank *r, struct post *p)
{
    p->late = w->late ? (uint32_t)draw(w, w->late + 1) : 0;
    append(&r->ending, p);
}

static struct post *new_post(uint32_t from, uint32_t to, enum tsgd_channel channel, uint32_t tag,
                             const void *data, size_t bytes, uint64_t label)
{
    struct post *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    *p = (struct post){.from = from, .to = to, .channel = channel, .tag = tag,
                       .data = (char *)data, .bytes = bytes, .label = label};
    return p;
}

static void pair(struct within *w, struct post *send, struct post *receive)
{
    if (send->bytes != receive->bytes) {
        fprintf(stderr, "within: %zu bytes from %u to %u, channel %d, tag %u; awaited: %zu\n",
                send->bytes, send->from, send->to, send->channel, send->tag, receive->bytes);
        abort();
    }
    receive->send = send;
    end_later(w, &w->rank[receive->to], receive);
}

static void post_send(struct tsgd_transport *t, uint32_t to, enum tsgd_channel channel,
                      uint32_t tag, const void *data, size_t bytes, uint64_t label)
{
    struct within *w = ((struct rank *)t)->w;
    struct post *p = new_post(t->rank, to, channel, tag, data, bytes, label);
    pthread_mutex_lock(&w->lock);
    w->bytes[channel] += bytes;
    if (bytes < 4096 ? draw(w, 4) != 0 : draw(w, 4) == 0) {
        struct post *own = new_post(t->rank, to, channel, tag, data, bytes, label);
        p->copied = true;
        p->data = malloc(bytes + 1);
        if (!p->data)
            abort();
        memcpy(p->data, data, bytes);
        end_later(w, (struct rank *)t, own);
    }
    struct post *receive = meet(&w->rank[to].waiting, p);
    if (receive)
        pair(w, p, receive);
    else
        append(&w->rank[to].come, p);
    pthread_mutex_unlock(&w->lock);
}

static void post_receive(struct tsgd_transport *t, uint32_t from, enum tsgd_channel channel,
                         uint32_t tag, void *data, size_t bytes, uint64_t label)
{
    struct rank *r = (struct rank *)t;
    struct post *p = new_post(from, t->rank, channel, tag, data, bytes, label);
    pthread_mutex_lock(&r->w->lock);
    struct post *send = meet(&r->come, p);
    if (send)
        pair(r->w, send, p);
    else
        append(&r->waiting, p);
    pthread_mutex_unlock(&r->w->lock);
}

/* Takes the data over; the send is then complete too. */
static void arrive(struct within *w, struct post *receive)
{
    struct post *send = receive->send;
    memcpy(receive->data, send->data, send->bytes);
    if (send->copied) {
        free(send->data);
        free(send);
    } else {
        end_later(w, &w->rank[send->from], send);
    }
}

static void post_largest(struct tsgd_transport *t, const uint64_t *in, uint64_t *out, uint32_t n,
                         uint64_t label)
{
    struct rank *r = (struct rank *)t;
    struct within *w = r->w;
    pthread_mutex_lock(&w->lock);
    if (n > 16 || r->largest)
        abort();
    r->largest = new_post(0, t->rank, TSGD_CHANNELS, n, NULL, 0, label);
    r->out = out;
    for (uint32_t i = 0; i < n; i++)
        w->most[i] = in[i] > w->most[i] || w->reduced == 0 ? in[i] : w->most[i];
    if (++w->reduced == w->ranks) {
        w->reduced = 0;
        for (uint32_t q = 0; q < w->ranks; q++) {
            memcpy(w->rank[q].out, w->most, n * sizeof *out);
            end_later(w, &w->rank[q], w->rank[q].largest);
            w->rank[q].largest = NULL;
        }
    }
    pthread_mutex_unlock(&w->lock);
}

static size_t look(struct tsgd_transport *t, uint64_t *label, size_t max)
{
    struct rank *r = (struct rank *)t;
    size_t n = 0;
    pthread_mutex_lock(&r->w->lock);
    for (struct post **at = &r->ending; *at && n < max;) {
        struct post *p = *at;
        if (p->late > 0) {
            p->late--;
            at = &p->next;
            continue;
        }
        *at = p->next;
        if (p->send)
            arrive(r->w, p);
        label[n++] = p->label;
        free(p);
    }
    for (size_t i = n; r->w->late && i > 1; i--) {      /* in any order */
        size_t j = draw(r->w, i);
        uint64_t other = label[i - 1];
        label[i - 1] = label[j];
        label[j] = other;
    }
    pthread_mutex_unlock(&r->w->lock);
    return n;
}

/* Every rank gives `bytes` at its place of data[ranks][bytes], if it has any, and gets all. */
static void together(struct rank *r, const void *mine, size_t bytes, uint32_t places,
                     uint32_t place, void *all)
{
    struct within *w = r->w;
    pthread_mutex_lock(&w->lock);
    uint64_t turn = r->turn++;
    while (w->done != turn)
        pthread_cond_wait(&w->all, &w->lock);
    if (w->came == 0) {
        w->size = bytes * places;
        w->data = calloc(1, w->size + 1);
    }
    if (!w->data || w->size != bytes * places)
        abort();
    if (mine)
        memcpy(w->data + place * bytes, mine, bytes);
    w->came++;
    pthread_cond_broadcast(&w->all);
    while (w->came < w->ranks)
        pthread_cond_wait(&w->all, &w->lock);
    memcpy(all, w->data, w->size);
    if (++w->left == w->ranks) {
        free(w->data);
        w->came = w->left = 0;
        w->done++;
        pthread_cond_broadcast(&w->all);
    }
    pthread_mutex_unlock(&w->lock);
}

static void rest(struct tsgd_transport *t, uint64_t ns)
{
    (void)t;
    nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
}

static void broadcast(struct tsgd_transport *t, void *data, size_t bytes, uint32_t from)
{
    together((struct rank *)t, t->rank == from ? data : NULL, bytes, 1, 0, data);
}

static void gather(struct tsgd_transport *t, const void *mine, size_t bytes, void *all)
{
    together((struct rank *)t, mine, bytes, t->ranks, t->rank, all);
}

static const struct tsgd_transport_ops ops = {
    .send = post_send, .receive = post_receive, .largest = post_largest, .look = look,
    .rest = rest, .broadcast = broadcast, .gather = gather,
};

struct within *within_create(uint32_t ranks, uint64_t seed, uint32_t late)
{
    struct within *w = calloc(1, sizeof *w);
    if (!w || !(w->rank = calloc(ranks, sizeof *w->rank)))
        abort();
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->all, NULL);
    w->ranks = ranks;
    w->late = late;
    w->random = seed * 2 + 1;
    for (uint32_t r = 0; r < ranks; r++) {
        w->rank[r].w = w;
        w->rank[r].transport = (struct tsgd_transport){
            .ops = &ops, .rank = r, .ranks = ranks, .most_tag = INT32_MAX};
    }
    return w;
}

struct tsgd_transport *within_rank(struct within *w, uint32_t rank)
{
    return &w->rank[rank].transport;
}

uint64_t within_bytes(struct within *w, enum tsgd_channel channel) { return w->bytes[channel]; }

bool within_is_empty(struct within *w)
{
    bool empty = true;
    for (uint32_t r = 0; r < w->ranks; r++)
        empty &= !w->rank[r].waiting && !w->rank[r].come && !w->rank[r].ending;
    return empty;
}

static void free_list(struct post *p)
{
    while (p) {
        struct post *next = p->next;
        if (p->copied)
            free(p->data);
        free(p);
        p = next;
    }
}

void within_free(struct within *w)
{
    for (uint32_t r = 0; r < w->ranks; r++) {
        free_list(w->rank[r].waiting);
        free_list(w->rank[r].come);
        free_list(w->rank[r].ending);
    }
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->all);
    free(w->rank);
    free(w);
}
