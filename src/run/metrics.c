#include "run/metrics.h"

#include "base/text.h"
#include "model/objective.h"

#include <math.h>
#include <string.h>

/* What a run must be for its evaluations to have a metric: bits. */
enum {
    DATA = 1, TESTS = 2, HELD_OUT = 4, CLASSES = 8, TARGETS = 16, CLOCK = 32, QUADRATIC = 64,
    DISTANCE = 128, OPTIMUM = 256, TOKENS = 512,
};

static bool has_data(const struct tsgd_settings *s) { return s->data; }
static bool tests(const struct tsgd_settings *s) { return !TSGD_HAS(s, validation); }
static bool holds_out(const struct tsgd_settings *s) { return TSGD_HAS(s, validation); }
static bool has_classes(const struct tsgd_settings *s) { return strcmp(s->loss, "mse"); }
static bool has_targets(const struct tsgd_settings *s) { return !strcmp(s->loss, "mse"); }
static bool has_clock(const struct tsgd_settings *s) { return TSGD_HAS(s, link_seconds); }
static bool is_quadratic(const struct tsgd_settings *s) { return !s->data && !s->objective.size; }
static bool has_optimum(const struct tsgd_settings *s) { return s->optimum; }
static bool has_distance(const struct tsgd_settings *s) { return is_quadratic(s) || s->optimum; }
static bool looks_at_tokens(const struct tsgd_settings *s)
{
    return s->eval && !strcmp(s->eval, "tokens");
}

/* The first that is not met is told, so data come before what only they have. */
static const struct condition {
    unsigned need;
    bool (*met)(const struct tsgd_settings *s);
    const char *line, *option;      /* what would meet it, in a settings file and as an option */
} conditions[] = {
    {DATA, has_data, "data", "--data"},
    {TESTS, tests, "no validation", "a metric of held-out samples (validation_..), or no "
                                    "--validation"},
    {HELD_OUT, holds_out, "validation, such as validation = 0.1", "--validation, such as "
                                                                  "--validation 0.1"},
    {CLASSES, has_classes, "loss = cross-entropy", "--loss cross-entropy"},
    {TARGETS, has_targets, "loss = mse", "--loss mse"},
    {CLOCK, has_clock, "a clock, such as link-seconds = 1", "a clock, such as --link-seconds 1"},
    {QUADRATIC, is_quadratic, "model = quadratic", "--model quadratic"},
    {DISTANCE, has_distance, "model = quadratic, or optimum = true", "--model quadratic, or "
                                                                     "--optimum"},
    {OPTIMUM, has_optimum, "optimum = true", "--optimum"},
    {TOKENS, looks_at_tokens, "eval = tokens", "--eval tokens"},
};

const struct tsgd_metric tsgd_metrics[] = {
#define U64(field) {#field, TSGD_METRIC_U64, offsetof(struct tsgd_eval, field), 0}
#define REAL(field, needs) {#field, TSGD_METRIC_REAL, offsetof(struct tsgd_eval, field), needs}
#define OF_TOKENS(field, needs) REAL(field##_mean, (needs) | TOKENS), \
                                REAL(field##_worst, (needs) | TOKENS)
    U64(round), U64(samples), U64(gradients), U64(bytes_gossip), U64(bytes_teleport),
    REAL(sim_seconds, CLOCK), REAL(wall_seconds, 0), REAL(train_loss, 0),
    REAL(test_loss, DATA | TESTS), REAL(test_accuracy, DATA | TESTS | CLASSES),
    REAL(test_r2, DATA | TESTS | TARGETS),
    REAL(validation_loss, DATA | HELD_OUT), REAL(validation_accuracy, DATA | HELD_OUT | CLASSES),
    REAL(validation_r2, DATA | HELD_OUT | TARGETS),
    OF_TOKENS(test_loss, DATA | TESTS), OF_TOKENS(test_accuracy, DATA | TESTS | CLASSES),
    OF_TOKENS(test_r2, DATA | TESTS | TARGETS),
    OF_TOKENS(validation_loss, DATA | HELD_OUT),
    OF_TOKENS(validation_accuracy, DATA | HELD_OUT | CLASSES),
    OF_TOKENS(validation_r2, DATA | HELD_OUT | TARGETS),
    REAL(consensus, 0), REAL(grad_norm2, QUADRATIC), REAL(grad_norm2_tokens, QUADRATIC),
    REAL(objective, OPTIMUM), REAL(suboptimality, OPTIMUM), OF_TOKENS(suboptimality, OPTIMUM),
    REAL(distance2, DISTANCE), REAL(lr, 0),
    {"state_hash", TSGD_METRIC_HASH, offsetof(struct tsgd_eval, state_hash), 0},
#undef U64
#undef REAL
#undef OF_TOKENS
};
const size_t tsgd_n_metrics = sizeof tsgd_metrics / sizeof *tsgd_metrics;

double tsgd_metric_value(const struct tsgd_metric *m, const struct tsgd_eval *e)
{
    const char *at = (const char *)e + m->offset;
    uint64_t count;
    double real;
    if (m->type == TSGD_METRIC_REAL) {
        memcpy(&real, at, sizeof real);
        return real;
    }
    memcpy(&count, at, sizeof count);
    return m->type == TSGD_METRIC_U64 ? (double)count : NAN;
}

enum tsgd_status tsgd_metric_find(const struct tsgd_metric **out, const char *name,
                                  const char *where, struct tsgd_error *err)
{
    const char *names[sizeof tsgd_metrics / sizeof *tsgd_metrics];
    size_t known = 0;
    for (size_t i = 0; i < tsgd_n_metrics; i++) {
        if (tsgd_metrics[i].type == TSGD_METRIC_HASH)
            continue;
        if (!strcmp(name, tsgd_metrics[i].name)) {
            *out = &tsgd_metrics[i];
            return TSGD_OK;
        }
        names[known++] = tsgd_metrics[i].name;
    }
    return tsgd_unknown_name(where, name, names, known, err);
}

const char *tsgd_metric_wants(const struct tsgd_metric *m, const struct tsgd_settings *s,
                              bool as_option)
{
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
        const struct condition *c = &conditions[i];
        if ((m->needs & c->need) && !c->met(s))
            return as_option ? c->option : c->line;
    }
    return NULL;
}

enum tsgd_status tsgd_until_parse(struct tsgd_until *out, const struct tsgd_settings *s,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const char *text = s->until, *wants;
    const struct tsgd_metric *known = NULL;
    char name[64];
    struct tsgd_until u = {0};
    size_t n = strcspn(text, "<>");
    const char *op = text + n;
    if (!*op || op[1] != '=' || n == 0 || n >= sizeof name || !tsgd_parse_double(op + 2, &u.value))
        return tsgd_fail(err, TSGD_EINVAL,
                         "--until: '%.80s' is not METRIC<=VALUE or METRIC>=VALUE", text);
    memcpy(name, text, n);
    name[n] = 0;
    u.at_least = *op == '>';
    int own = tsgd_objective_metric_find(&s->objective, name);
    if (own >= 0) {
        u.metric = (struct tsgd_metric){NULL, TSGD_METRIC_REAL, offsetof(struct tsgd_eval, metric) +
                                                                (size_t)own * sizeof (double), 0};
    } else {
        TRY(tsgd_metric_find(&known, name, "--until", err));
        /* Earlier versions took such a one: their checkpoints go on, and never meet it. */
        wants = s->resume ? NULL : tsgd_metric_wants(known, s, true);
        if (wants)
            TRY(tsgd_fail(err, TSGD_EINVAL, "--until: found '%s', but this run has no %s; want %s",
                          text, name, wants));
        u.metric = *known;
    }
    *out = u;
done:
    return st;
}

bool tsgd_until_met(const struct tsgd_until *u, const struct tsgd_eval *e)
{
    double v = tsgd_metric_value(&u->metric, e);
    return u->at_least ? v >= u->value : v <= u->value;     /* false for NaN */
}
