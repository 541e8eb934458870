#include "web/scene.h"

#include "base/mem.h"
#include "base/memstream.h"
#include "cli/parse.h"
#include "run/metrics.h"
#include "run/replay.h"
#include "run/split_view.h"
#include "topology/spectrum.h"
#include "web/json.h"

#include <math.h>
#include <string.h>

/* What is drawn at most: links of a graph over its period, tokens whose singular values are
 * computed, places of tokens (rounds times tokens), rounds, nodes of a split.                   */
enum { MOST_LINKS = 40000, MOST_VALUES = 128, MOST_PLACES = 16000, MOST_ROUNDS = 400,
       MOST_NODES = 1000 };

static void put_why(struct tsgd_web *w, const struct tsgd_error *why)
{
    fputs("{\"why\":", w->out);
    tsgd_web_text(w, why->text);
    putc('}', w->out);
}

/* ---- the graph ---- */

static size_t links_of(const struct tsgd_mixing *m)
{
    size_t links = 0;
    for (uint32_t r = 0; r < m->period; r++)
        links += m->w[r].ptr[m->w[r].n];
    return links;
}

/* The number of a weight among those found so far; a graph has few different ones. */
static size_t weight_number(float **weight, size_t *n, float w, struct tsgd_error *err)
{
    for (size_t i = 0; i < *n; i++)
        if ((*weight)[i] == w)
            return i;
    float *more = *n & (*n - 1) ? *weight : realloc(*weight, (*n ? 2 * *n : 1) * sizeof *more);
    if (!more) {
        (void)tsgd_fail(err, TSGD_ENOMEM, "no memory for the weights of a graph");
        return SIZE_MAX;
    }
    *weight = more;
    more[*n] = w;
    return (*n)++;
}

static enum tsgd_status put_weights(FILE *out, const struct tsgd_mixing *m, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    float *weight = NULL;
    size_t weights = 0;
    fputs(",\"rounds\":[", out);
    for (uint32_t r = 0; r < m->period; r++) {
        const struct tsgd_csr *w = &m->w[r];
        fputs(r ? ",{\"n\":[" : "{\"n\":[", out);
        for (uint32_t a = 0; a < w->n; a++)
            fprintf(out, a ? ",%u" : "%u", w->ptr[a + 1] - w->ptr[a]);
        fputs("],\"c\":[", out);
        for (uint32_t i = 0; i < w->ptr[w->n]; i++)
            fprintf(out, i ? ",%u" : "%u", w->col[i]);
        fputs("],\"w\":[", out);
        for (uint32_t i = 0; i < w->ptr[w->n]; i++) {
            size_t number = weight_number(&weight, &weights, w->val[i], err);
            if (number == SIZE_MAX) {
                st = TSGD_ENOMEM;
                goto done;
            }
            fprintf(out, i ? ",%zu" : "%zu", number);
        }
        fputs("]}", out);
    }
    fputs("],\"weights\":[", out);
    for (size_t i = 0; i < weights; i++) {
        fputs(i ? "," : "", out);
        tsgd_web_number(out, (double)weight[i], 6);
    }
    putc(']', out);
done:
    free(weight);
    return st;
}

static void put_numbers(FILE *out, const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fputs(i ? "," : "[", out);
        tsgd_web_number(out, x[i] < 1e-6 ? 0 : x[i], 5);
    }
    putc(']', out);
}

static enum tsgd_status put_values(FILE *out, const struct tsgd_mixing *m, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    double *value = NULL;
    uint32_t k = m->w[0].n;
    TRY(TSGD_NEW(&value, k, "singular values", err));
    fputs(",\"values\":[", out);
    for (uint32_t r = 0; r < m->period; r++) {
        fputs(r ? "," : "", out);
        TRY(tsgd_singular_values(value, m, r, 1, err));
        put_numbers(out, value, k);
    }
    fputs("],\"product\":", out);
    TRY(tsgd_singular_values(value, m, 0, m->period, err));
    put_numbers(out, value, k);
done:
    free(value);
    return st;
}

static enum tsgd_status put_graph(struct tsgd_web *w, const struct tsgd_replay *r,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    FILE *out = w->out;
    const struct tsgd_mixing *m = r->mixing;
    struct tsgd_spectrum s;
    TRY(tsgd_spectrum(&s, m, err));
    fputs("{\"topology\":", out);
    tsgd_web_text(w, r->setup.s->topology);
    fprintf(out, ",\"lazy\":%s,\"every\":%llu,\"tokens\":%u,\"period\":%u,\"degree\":%u,\"gap\":",
            r->setup.s->lazy ? "true" : "false", (unsigned long long)m->every,
            m->w[0].n, m->period, s.degree);
    tsgd_web_number(out, s.gap, 6);
    fputs(",\"gap_period\":", out);
    tsgd_web_number(out, s.gap_period, 6);
    fprintf(out, ",\"exact_after\":%u", s.exact_after);
    if (links_of(m) <= MOST_LINKS)
        TRY(put_weights(out, m, err));
    else
        fputs(",\"rounds\":null", out);
    if (m->w[0].n <= MOST_VALUES)
        TRY(put_values(out, m, err));
    else
        fputs(",\"values\":null", out);
    putc('}', out);
done:
    return st;
}

/* ---- who held which token ---- */

/* Rounds that the run has come through, as far as its log tells. */
static uint64_t rounds_of(const struct tsgd_runlog *log)
{
    double rounds = log->end[tsgd_metric_number("round")];
    double diverged = json_number_value(json_object_get(log->summary, "diverged_round"));
    return (uint64_t)fmax(isnan(rounds) ? 0 : rounds, diverged);
}

static enum tsgd_status put_holders(FILE *out, struct tsgd_replay *r, uint64_t rounds,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t k = r->holders.tokens, *node = NULL;
    uint64_t shown = rounds < MOST_ROUNDS ? rounds : MOST_ROUNDS;
    shown = shown * k <= MOST_PLACES ? shown : MOST_PLACES / k + 1;
    TRY(TSGD_NEW(&node, k, "holders", err));
    fprintf(out, "{\"nodes\":%u,\"tokens\":%u,\"stay\":%s,\"rounds\":%llu,\"of\":%llu,\"node\":[",
            r->holders.nodes, k, r->holders.teleports ? "false" : "true",
            (unsigned long long)shown, (unsigned long long)rounds);
    for (uint64_t t = 0; t < shown; t++) {
        tsgd_replay_round(r, t, node);
        for (uint32_t a = 0; a < k; a++)
            fprintf(out, "%s%lld", t || a ? "," : "",
                    node[a] == TSGD_AWAY ? -1 : (long long)node[a]);
    }
    fputs("]}", out);
done:
    free(node);
    return st;
}

/* ---- the split ---- */

static void put_split(struct tsgd_web *w, const struct tsgd_split_view *v)
{
    FILE *out = w->out;
    uint32_t shown = v->nodes < MOST_NODES ? v->nodes : MOST_NODES;
    fprintf(out, "{\"nodes\":%u,\"of\":%u,\"classes\":%u,\"left_out\":%u,\"counts\":[", shown,
            v->nodes, v->classes, v->left_out);
    for (size_t i = 0; i < (size_t)shown * v->classes; i++)
        fprintf(out, i ? ",%u" : "%u", v->count[i]);
    putc(']', out);
    for (uint32_t c = 0; v->class_name && c < v->classes; c++) {
        fputs(c ? "," : ",\"names\":[", out);
        tsgd_web_text(w, v->class_name[c]);
    }
    fputs(v->class_name ? "]}" : "}", out);
}

static enum tsgd_status check_split(const struct tsgd_split_view *v, const struct tsgd_runlog *log,
                                    struct tsgd_error *err)
{
    char hash[17];
    const char *wanted = json_string_value(json_object_get(log->config, "split_hash"));
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)v->hash);
    if (wanted && !strcmp(wanted, hash))
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "The data or the split have changed since the run: the hash "
                     "of the split is %s, that of the run was %.40s", hash, wanted ? wanted : "?");
}

/* ---- all of one run ---- */

/* A part of a scene, written into memory, so that it can be compared and replaced. */
struct part {
    char *text;
    size_t bytes;
    struct tsgd_web web;        /* out: NULL when it is closed */
};

enum { GRAPH, HOLDERS, SPLIT, PARTS };
static const char *const part_name[PARTS] = {"graph", "holders", "split"};

/* Errors but for a lack of memory become a sentence in place of the part, which is still empty. */
static enum tsgd_status settle(struct part *p, enum tsgd_status st, const struct tsgd_error *why,
                               struct tsgd_error *err)
{
    if (st == TSGD_ENOMEM)
        *err = *why;
    if (st == TSGD_OK || st == TSGD_ENOMEM)
        return st;
    put_why(&p->web, why);
    return TSGD_OK;
}

static const struct tsgd_command *command_of(const struct tsgd_runlog *log)
{
    return log->is_search ? &tsgd_command_tune : &tsgd_command_train;
}

static enum tsgd_status replay(struct part *part, const struct tsgd_runlog *log,
                               const struct tsgd_settings *s, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_replay r = TSGD_REPLAY_INIT;
    struct tsgd_error why;
    if (log->is_search)
        st = tsgd_fail(&why, TSGD_EINVAL, "This is the log of a search, whose candidates trained "
                       "side by side on nodes of their own");
    else
        st = tsgd_replay_init(&r, s, &why);
    if (st == TSGD_OK) {
        TRY(put_graph(&part[GRAPH].web, &r, err));
        TRY(put_holders(part[HOLDERS].web.out, &r, rounds_of(log), err));
    } else {
        enum tsgd_status found = st;
        TRY(settle(&part[GRAPH], found, &why, err));
        TRY(settle(&part[HOLDERS], found, &why, err));
    }
done:
    tsgd_replay_release(&r);
    return st;
}

static enum tsgd_status view_split(struct part *part, const struct tsgd_runlog *log,
                                   struct tsgd_shelf *shelf, const struct tsgd_settings *s,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_split_view v = TSGD_SPLIT_VIEW_INIT;
    struct tsgd_error why;
    if (!s->data)
        st = tsgd_fail(&why, TSGD_EINVAL, "The nodes have no samples: this is no training on data");
    else if (!strcmp(s->loss, "mse"))
        st = tsgd_fail(&why, TSGD_EINVAL, "The samples have no classes: their targets are numbers");
    if (st == TSGD_OK)
        st = tsgd_split_view_make(&v, shelf, s, &why);
    if (st == TSGD_OK)
        st = check_split(&v, log, &why);
    if (st == TSGD_OK)
        put_split(&part->web, &v);
    st = settle(part, st, &why, err);
    tsgd_split_view_release(&v);
    return st;
}

static enum tsgd_status make_parts(struct part part[PARTS], const struct tsgd_runlog *log,
                                   struct tsgd_shelf *shelf, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_settings *s = NULL;
    struct tsgd_error why;
    bool derived[TSGD_SETTINGS] = {false};
    for (int i = 0; i < PARTS; i++) {
        part[i].web.out = open_memstream(&part[i].text, &part[i].bytes);
        if (!part[i].web.out)
            TRY(tsgd_fail(err, TSGD_ENOMEM, "no memory for what '%s' tells", log->path));
    }
    TRY(tsgd_settings_create(&s, err));
    enum tsgd_status found = tsgd_config_read(s, log->path, command_of(log), derived, &why);
    if (found == TSGD_EIO || found == TSGD_ENOMEM) {    /* it was read a moment ago */
        *err = why;
        st = found;
        goto done;
    }
    for (size_t i = 0; i < TSGD_SETTINGS; i++)
        s->given[i] &= !derived[i];         /* --rounds, say, that follows from --epochs */
    if (found == TSGD_OK) {
        TRY(replay(part, log, s, err));
        TRY(view_split(&part[SPLIT], log, shelf, s, err));
    }
    if (found == TSGD_EIO) {                /* it was read before */
        *err = why;
        TRY(found);
    }
    for (int i = 0; i < PARTS && found != TSGD_OK; i++)
        TRY(settle(&part[i], found, &why, err));
    for (int i = 0; i < PARTS; i++) {
        if (!tsgd_memstream_close(part[i].web.out, &part[i].text) || part[i].web.no_memory)
            st = tsgd_fail(err, TSGD_ENOMEM, "no memory for what '%s' tells", log->path);
        part[i].web.out = NULL;
    }
done:
    tsgd_settings_free(s);
    return st;
}

enum tsgd_status tsgd_webscenes_write(FILE *out, const struct tsgd_logset *set, const size_t *run,
                                      size_t n, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_shelf *shelf = NULL;
    struct part (*part)[PARTS] = NULL;
    TRY(tsgd_shelf_create(&shelf, err));
    TRY(tsgd_alloc((void **)&part, n, sizeof *part, "scenes", err));
    putc('[', out);
    for (size_t i = 0; i < n; i++) {
        TRY(make_parts(part[i], &set->log[run[i]], shelf, err));
        fprintf(out, i ? ",\n{\"run\":%zu" : "{\"run\":%zu", run[i]);
        for (int p = 0; p < PARTS; p++) {
            size_t j = 0;
            while (strcmp(part[j][p].text, part[i][p].text))
                j++;
            fprintf(out, ",\"%s\":", part_name[p]);
            if (j < i)
                fprintf(out, "{\"same\":%zu}", j);
            else
                fputs(part[i][p].text, out);
        }
        putc('}', out);
    }
    putc(']', out);
done:
    for (size_t i = 0; part && i < n; i++)
        for (int p = 0; p < PARTS; p++) {
            if (part[i][p].web.out)
                fclose(part[i][p].web.out);
            free(part[i][p].text);
        }
    free(part);
    tsgd_shelf_free(shelf);
    return st;
}
