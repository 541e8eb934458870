#include "explorer.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

enum { WORDS = 48, MESSAGES = 24, DATA = 64, CHOICES = 4096, STACK = 64 << 10 };

/* ---- views ---- */

struct view {
    uint8_t seen[WORDS];                /* number of the message, in the order of creation */
    uint16_t clock[MOST_THREADS];
};

struct message {
    uint64_t value;
    struct view view;
    bool updates;                       /* a read-modify-write: nothing comes between it and the
                                         * message before it */
};

/* An atomic word. order[i] is the i-th message in modification order, at[] the opposite. */
static struct word {
    const void *place;
    int n;
    struct message message[MESSAGES];
    uint8_t order[MESSAGES], at[MESSAGES];
} word[WORDS];
static int n_words;

static struct datum {
    const void *place;
    int writer;                         /* -1: written before the threads began */
    uint16_t written, read[MOST_THREADS];
} datum[DATA];
static int n_data;

enum kind { BEGINS, READS, WRITES, UPDATES, FENCES, WAITS };

/* A thread's view now, what it would take over at an acquire fence, and what its relaxed stores
 * carry since its last release fence. */
static struct thread {
    ucontext_t context;                 /* to begin with; then where it stands */
    jmp_buf where;
    struct view now, acquired, released;
    bool over, asleep;
    enum kind next;                     /* what it does when it goes on, and to which word */
    int place;
} thread[MOST_THREADS];
static int n_threads, self = -1;        /* -1: before and after the threads */

static struct view all_fences;          /* of sequentially consistent fences */
static jmp_buf scheduler;
static char *stacks;
static const struct program *program;
static const char *wrong;
bool explorer_reduces = true;
static bool cut;                        /* this execution is one that was explored already */

static bool is_behind(int w, int a, int b) { return word[w].at[a] > word[w].at[b]; }

static void join(struct view *into, const struct view *from)
{
    for (int w = 0; w < n_words; w++)
        if (is_behind(w, from->seen[w], into->seen[w]))
            into->seen[w] = from->seen[w];
    for (int i = 0; i < MOST_THREADS; i++)
        if (from->clock[i] > into->clock[i])
            into->clock[i] = from->clock[i];
}

/* ---- choices: the path through the tree of all executions ---- */

static struct {
    int n, taken;
} choice[CHOICES];
static int depth, known;

/* One of n: on the path as last time, then always the first. */
static int choose(int n)
{
    if (depth == CHOICES) {
        fprintf(stderr, "explorer: %s: more than %d choices\n", program->name, CHOICES);
        exit(2);
    }
    if (depth == known) {
        choice[known].n = n;
        choice[known++].taken = 0;
    }
    return choice[depth++].taken;
}

/* The next path, in depth-first order; false: there is none. */
static bool advance(void)
{
    while (known > 0 && choice[known - 1].taken + 1 == choice[known - 1].n)
        known--;
    if (known == 0)
        return false;
    choice[known - 1].taken++;
    return true;
}

/* ---- orders ---- */

struct explorer_site explorer_sites[SITES];
int explorer_n_sites;
bool explorer_site_used[SITES];
static int weak_site = -1;
static enum explorer_order weak_order;

void explorer_weaken(int site, enum explorer_order to)
{
    weak_site = site;
    weak_order = to;
}

static enum explorer_order order_of(struct explorer_site s)
{
    if (s.order == memory_order_relaxed || s.line == 0)     /* 0: not in the engine's text */
        return s.order;
    int i = 0;
    while (i < explorer_n_sites && (explorer_sites[i].line != s.line ||
                                    explorer_sites[i].order != s.order ||
                                    strcmp(explorer_sites[i].operation, s.operation) ||
                                    strcmp(explorer_sites[i].file, s.file)))
        i++;
    if (i == SITES) {
        fprintf(stderr, "explorer: more than %d orders\n", SITES);
        exit(2);
    }
    if (i == explorer_n_sites)
        explorer_sites[explorer_n_sites++] = s;
    explorer_site_used[i] = true;
    return i == weak_site ? weak_order : s.order;
}

static bool acquires(enum explorer_order o)
{
    return o == memory_order_acquire || o >= memory_order_acq_rel;
}

static bool releases(enum explorer_order o) { return o >= memory_order_release; }

/* ---- words ---- */

static int word_of(const void *place)
{
    for (int w = 0; w < n_words; w++)
        if (word[w].place == place)
            return w;
    fprintf(stderr, "explorer: %s: a word without an initial value\n", program->name);
    exit(2);
}

void explorer_init(const void *place, uint64_t value)
{
    int w = 0;
    while (w < n_words && word[w].place != place)
        w++;
    if (w == WORDS) {
        fprintf(stderr, "explorer: %s: more than %d words\n", program->name, WORDS);
        exit(2);
    }
    n_words += w == n_words;
    struct word *x = &word[w];
    x->place = place;
    x->n = 1;
    x->order[0] = x->at[0] = 0;
    x->message[0] = (struct message){.value = value};
}

/* Back to the scheduler, until this thread is chosen to do its next step; never, if this execution
 * has gone wrong.                                                                                */
static void step(enum kind kind, int place)
{
    struct thread *t = &thread[self];
    t->next = kind;
    t->place = place;
    if (!_setjmp(t->where))
        _longjmp(scheduler, 1);
    t->now.clock[self]++;
}

static bool is_updated(int w, int m)
{
    int next = word[w].at[m] + 1;
    return next < word[w].n && word[w].message[word[w].order[next]].updates;
}

/* The message that a read takes. updates: one that nobody has updated yet; an exchange that fails,
 * because it finds another value than *fails_not_on, may take any.                               */
static int choose_message(int w, bool updates, const uint64_t *fails_not_on)
{
    const struct word *x = &word[w];
    int list[MESSAGES], n = 0;
    for (int i = x->at[thread[self].now.seen[w]]; i < x->n; i++) {
        int m = x->order[i];
        if (updates && is_updated(w, m) && (!fails_not_on || x->message[m].value == *fails_not_on))
            continue;
        list[n++] = m;
    }
    return list[choose(n)];
}

static void take_over(int w, int m, enum explorer_order o)
{
    struct thread *t = &thread[self];
    if (is_behind(w, m, t->now.seen[w]))
        t->now.seen[w] = (uint8_t)m;
    join(&t->acquired, &word[w].message[m].view);
    if (acquires(o))
        join(&t->now, &word[w].message[m].view);
    join(&t->acquired, &t->now);
}

/* A new message at a place in modification order; before: the one that it updates, or -1. */
static void put(int w, int at, uint64_t value, enum explorer_order o, int before)
{
    struct word *x = &word[w];
    struct thread *t = &thread[self];
    if (x->n == MESSAGES) {
        fprintf(stderr, "explorer: %s: more than %d messages\n", program->name, MESSAGES);
        exit(2);
    }
    int m = x->n++;
    memmove(&x->order[at + 1], &x->order[at], (size_t)(m - at));
    x->order[at] = (uint8_t)m;
    for (int i = 0; i < x->n; i++)
        x->at[x->order[i]] = (uint8_t)i;
    struct message *msg = &x->message[m];
    *msg = (struct message){.value = value, .view = releases(o) ? t->now : t->released,
                            .updates = before >= 0};
    if (before >= 0)                    /* the release sequence goes on */
        join(&msg->view, &x->message[before].view);
    t->now.seen[w] = msg->view.seen[w] = (uint8_t)m;
    join(&t->acquired, &t->now);
}

uint64_t explorer_load(const void *place, struct explorer_site site)
{
    int w = word_of(place);
    enum explorer_order o = order_of(site);
    step(READS, w);
    int m = choose_message(w, false, NULL);
    take_over(w, m, o);
    return word[w].message[m].value;
}

void explorer_store(const void *place, uint64_t value, struct explorer_site site)
{
    int w = word_of(place);
    const struct word *x = &word[w];
    enum explorer_order o = order_of(site);
    step(WRITES, w);
    int list[MESSAGES + 1], n = 0;
    for (int at = x->n; at > x->at[thread[self].now.seen[w]]; at--)
        if (at == x->n || !x->message[x->order[at]].updates)
            list[n++] = at;
    put(w, list[choose(n)], value, o, -1);
}

bool explorer_exchange_if(const void *place, uint64_t *expected, uint64_t value,
                          struct explorer_site site)
{
    int w = word_of(place);
    enum explorer_order o = order_of(site);
    step(UPDATES, w);
    int m = choose_message(w, true, expected);
    bool won = word[w].message[m].value == *expected;
    take_over(w, m, won ? o : memory_order_relaxed);
    *expected = word[w].message[m].value;
    if (won)
        put(w, word[w].at[m] + 1, value, o, m);
    return won;
}

static uint64_t update(const void *place, bool adds, uint64_t what, struct explorer_site site)
{
    int w = word_of(place);
    enum explorer_order o = order_of(site);
    step(UPDATES, w);
    int m = choose_message(w, true, NULL);
    uint64_t old = word[w].message[m].value;
    take_over(w, m, o);
    put(w, word[w].at[m] + 1, adds ? old + what : what, o, m);
    return old;
}

uint64_t explorer_add(const void *place, uint64_t what, struct explorer_site site)
{
    return update(place, true, what, site);
}

uint64_t explorer_swap(const void *place, uint64_t value, struct explorer_site site)
{
    return update(place, false, value, site);
}

void explorer_fence(struct explorer_site site)
{
    enum explorer_order o = order_of(site);
    struct thread *t = &thread[self];
    if (o == memory_order_seq_cst)
        step(FENCES, -1);
    if (acquires(o))
        t->now = t->acquired;
    if (o == memory_order_seq_cst) {
        join(&t->now, &all_fences);
        all_fences = t->now;
        t->acquired = t->now;
    }
    if (releases(o))
        t->released = t->now;
}

/* ---- data that is not atomic ---- */

static struct datum *datum_of(const void *place)
{
    int i = 0;
    while (i < n_data && datum[i].place != place)
        i++;
    if (i == DATA) {
        fprintf(stderr, "explorer: %s: more than %d data\n", program->name, DATA);
        exit(2);
    }
    if (i == n_data)
        datum[n_data++] = (struct datum){.place = place, .writer = -1};
    return &datum[i];
}

static bool is_before_now(int by, uint16_t clock)
{
    return by < 0 || by == self || clock <= thread[self].now.clock[by];
}

void explorer_read(const void *data, const char *what)
{
    struct datum *d = datum_of(data);
    if (self < 0)
        return;
    if (!is_before_now(d->writer, d->written))
        explorer_wrong(what);
    d->read[self] = thread[self].now.clock[self];
}

void explorer_write(const void *data, const char *what)
{
    struct datum *d = datum_of(data);
    if (self < 0)
        return;
    for (int i = 0; i < n_threads; i++)
        if (d->read[i] && !is_before_now(i, d->read[i]))
            explorer_wrong(what);
    if (!is_before_now(d->writer, d->written))
        explorer_wrong(what);
    d->writer = self;
    d->written = thread[self].now.clock[self];
}

void explorer_wrong(const char *what)
{
    if (!wrong)
        wrong = what;
}

/* ---- sleeping ---- */

/* The kernel compares under a lock that the waker takes too, hence the newest value; who was told
 * that it is another one does not go back behind it.                                            */
void explorer_futex_wait(const void *place, uint64_t value)
{
    int w = word_of(place);
    step(WAITS, w);
    int newest = word[w].order[word[w].n - 1];
    take_over(w, newest, memory_order_relaxed);
    if (word[w].message[newest].value != value)
        return;
    thread[self].asleep = true;
    step(WAITS, w);
}

/* The woken one knows no more than before; what it sees, the words must tell it. */
long explorer_futex_wake(const void *place, int n)
{
    int w = word_of(place), sleepers[MOST_THREADS], found;
    long woken = 0;
    step(WAITS, w);
    while (woken < n) {
        found = 0;
        for (int i = 0; i < n_threads; i++)
            if (thread[i].asleep && thread[i].place == w)
                sleepers[found++] = i;
        if (!found)
            break;
        thread[sleepers[choose(found)]].asleep = false;
        woken++;
    }
    return woken;
}

/* ---- one execution ---- */

int explorer_self(void) { return self; }

uint64_t explorer_last(const void *place)
{
    const struct word *x = &word[word_of(place)];
    return x->message[x->order[x->n - 1]].value;
}

static void enter(void)
{
    step(BEGINS, -1);
    program->thread[self]();
    thread[self].over = true;
    _longjmp(scheduler, 1);
}

static void start_threads(void)
{
    for (n_threads = 0; n_threads < MOST_THREADS && program->thread[n_threads]; n_threads++) {
        struct thread *t = &thread[n_threads];
        memset(&t->now, 0, sizeof t->now);
        t->acquired = t->released = t->now;
        t->over = t->asleep = false;
        t->next = BEGINS;
        t->place = -1;
        getcontext(&t->context);
        t->context.uc_stack.ss_sp = stacks + (size_t)n_threads * STACK;
        t->context.uc_stack.ss_size = STACK;
        makecontext(&t->context, enter, 0);
        self = n_threads;               /* up to its first step, which is to begin */
        if (!_setjmp(scheduler))
            setcontext(&t->context);
        self = -1;
    }
}

/* Whether the next steps of two threads may change places without a difference. */
static bool commute(const struct thread *a, const struct thread *b)
{
    if (a->next == BEGINS || b->next == BEGINS)
        return true;
    if (a->next == FENCES || b->next == FENCES)
        return a->next != b->next;
    if (a->place != b->place)
        return true;
    return a->next == READS && b->next == READS;
}

/* Runs the threads, one step after the other. */
static void schedule(void)
{
    bool sleeping[MOST_THREADS] = {false};      /* explored before from a state like this one */
    for (;;) {
        int list[MOST_THREADS], n = 0, left = 0, can = 0;
        for (int i = 0; i < n_threads; i++) {
            left += !thread[i].over;
            can += !thread[i].over && !thread[i].asleep;
            if (!thread[i].over && !thread[i].asleep && !sleeping[i])
                list[n++] = i;
        }
        if (left == 0)
            return;
        if (can == 0) {
            wrong = "all that are left sleep for ever";
            return;
        }
        if (n == 0) {
            cut = true;
            return;
        }
        int taken = choose(n), next = list[taken];
        for (int i = 0; i < taken; i++)
            sleeping[list[i]] = explorer_reduces;
        for (int i = 0; i < n_threads; i++)
            sleeping[i] = sleeping[i] && i != next && commute(&thread[i], &thread[next]);
        self = next;
        if (!_setjmp(scheduler))
            _longjmp(thread[next].where, 1);
        self = -1;
        if (wrong)
            return;
    }
}

static void execute(void)
{
    n_words = n_data = depth = 0;
    wrong = NULL;
    cut = false;
    memset(&all_fences, 0, sizeof all_fences);
    self = -1;
    program->begin();
    start_threads();
    schedule();
    if (!wrong && !cut && program->end && !program->end())
        wrong = "what must not be was seen at the end";
}

struct result explorer_run(const struct program *p)
{
    struct result r = {0};
    if (!stacks)
        stacks = malloc((size_t)MOST_THREADS * STACK);
    if (!stacks) {
        fprintf(stderr, "explorer: no memory for the stacks of threads\n");
        exit(2);
    }
    program = p;
    known = 0;
    do {
        execute();
        r.executions += !cut;
        r.wrong = wrong;
    } while (!wrong && advance());
    return r;
}
