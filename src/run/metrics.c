#include "run/metrics.h"

#include "base/text.h"
#include "model/objective.h"

#include <math.h>
#include <string.h>

const struct tsgd_metric tsgd_metrics[] = {
#define U64(field) {#field, TSGD_METRIC_U64, offsetof(struct tsgd_eval, field)}
#define REAL(field) {#field, TSGD_METRIC_REAL, offsetof(struct tsgd_eval, field)}
    U64(round), U64(samples), U64(gradients), U64(bytes_gossip), U64(bytes_teleport),
    REAL(sim_seconds), REAL(wall_seconds), REAL(train_loss), REAL(test_loss), REAL(test_accuracy),
    REAL(test_r2), REAL(validation_loss), REAL(validation_accuracy), REAL(validation_r2),
    REAL(test_loss_mean), REAL(test_loss_worst),
    REAL(test_accuracy_mean), REAL(test_accuracy_worst), REAL(test_r2_mean), REAL(test_r2_worst),
    REAL(validation_loss_mean), REAL(validation_loss_worst),
    REAL(validation_accuracy_mean), REAL(validation_accuracy_worst),
    REAL(validation_r2_mean), REAL(validation_r2_worst),
    REAL(consensus), REAL(grad_norm2), REAL(grad_norm2_tokens),
    REAL(objective), REAL(suboptimality), REAL(suboptimality_mean), REAL(suboptimality_worst),
    REAL(distance2), REAL(lr),
    {"state_hash", TSGD_METRIC_HASH, offsetof(struct tsgd_eval, state_hash)},
#undef U64
#undef REAL
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

enum tsgd_status tsgd_until_parse(struct tsgd_until *out, const char *text,
                                  const struct tsgd_objective *objective, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
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
    int own = tsgd_objective_metric_find(objective, name);
    if (own >= 0) {
        u.metric = (struct tsgd_metric){NULL, TSGD_METRIC_REAL, offsetof(struct tsgd_eval, metric) +
                                                                (size_t)own * sizeof (double)};
    } else {
        TRY(tsgd_metric_find(&known, name, "--until", err));
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
