#include "run/shelf.h"

#include "base/mem.h"
#include "data/source.h"
#include "run/own_data.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

/* Things on the shelf are known by a text with all that they depend on. */
struct data_on_shelf {
    char *key;
    struct tsgd_dataset data;
    struct data_on_shelf *next;
};

struct shares_on_shelf {
    char *key;
    struct tsgd_shares shares;
    struct shares_on_shelf *next;
};

struct tsgd_shelf {
    pthread_mutex_t lock;       /* of both lists: what is asked for twice at once is loaded once */
    struct data_on_shelf *data;
    struct shares_on_shelf *shares;
};

enum tsgd_status tsgd_shelf_create(struct tsgd_shelf **out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_NEW(out, 1, "data", err);
    if (st != TSGD_OK)
        *out = NULL;
    else
        pthread_mutex_init(&(*out)->lock, NULL);
    return st;
}

static void release_shares(struct tsgd_shares *s)
{
    tsgd_split_release(&s->split);
    free(s->held);
}

void tsgd_shelf_free(struct tsgd_shelf *shelf)
{
    if (!shelf)
        return;
    while (shelf->data) {
        struct data_on_shelf *d = shelf->data;
        shelf->data = d->next;
        tsgd_dataset_release(&d->data);
        free(d->key);
        free(d);
    }
    while (shelf->shares) {
        struct shares_on_shelf *s = shelf->shares;
        shelf->shares = s->next;
        release_shares(&s->shares);
        free(s->key);
        free(s);
    }
    pthread_mutex_destroy(&shelf->lock);
    free(shelf);
}

enum tsgd_status tsgd_shelf_resolve(struct tsgd_settings *s, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_own_data_check(s, err));
    if (s->split && s->subset)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--subset: cannot go with --split, which lists its "
                      "samples"));
    if (s->split && TSGD_GIVEN(s, partition))
        TRY(tsgd_fail(err, TSGD_EINVAL, "--partition: cannot go with --split, which says whose "
                      "each sample is"));
    if (s->split)
        TRY(TSGD_FILL(s, partition, NULL, err));
    if (!TSGD_HAS(s, split_seed))
        TRY(TSGD_FILL_COUNT(s, split_seed, s->seed, err));
done:
    return st;
}

/* A text between two others cannot be taken for a part of them: its length stands in front. */
static enum tsgd_status make_key(char **out, size_t n, const char *const *text,
                                 const uint64_t number[5], struct tsgd_error *err)
{
    enum { NUMBER = 24 };       /* characters that one takes, with what separates it */
    enum tsgd_status st = TSGD_OK;
    size_t bytes = (n + 5) * NUMBER + 1, used = 0;
    for (size_t i = 0; i < n; i++)
        bytes += text[i] ? strlen(text[i]) : 0;
    TRY(TSGD_NEW(out, bytes, "data", err));
    for (size_t i = 0; i < n; i++)
        used += (size_t)snprintf(*out + used, bytes - used, "%zd:%s ",
                                 text[i] ? (ssize_t)strlen(text[i]) : -1, text[i] ? text[i] : "");
    for (size_t i = 0; i < 5; i++)
        used += (size_t)snprintf(*out + used, bytes - used, "%" PRIu64 " ", number[i]);
done:
    return st;
}

/* Data that come out of files do not depend on a seed. */
static bool is_generated(const char *data)
{
    size_t n = strcspn(data, ":");
    for (size_t i = 0; i < tsgd_n_sources; i++)
        if (strlen(tsgd_sources[i]->name) == n && !strncmp(tsgd_sources[i]->name, data, n))
            return !tsgd_sources[i]->has_files;
    return true;                /* there is no such source, as load will say */
}

enum tsgd_status tsgd_shelf_load(struct tsgd_dataset *out, const struct tsgd_settings *s,
                                 struct tsgd_sieve *sieve, struct tsgd_error *err)
{
    return tsgd_dataset_load(out, s->data, &(struct tsgd_request){
            .dir = s->data_dir, .label = s->label, .seed = s->split_seed,
            .test_share = TSGD_HAS(s, test_share) ? s->test_share : 0,
            .share_given = TSGD_GIVEN(s, test_share),
            .numbers = !strcmp(s->loss, "mse"), .sieve = sieve,
        }, err);
}

static enum tsgd_status find_data(struct tsgd_shelf *shelf, const struct tsgd_settings *s,
                                  const char *key, const struct tsgd_dataset **out,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct data_on_shelf *d = shelf->data, *new = NULL;
    while (d && strcmp(d->key, key))
        d = d->next;
    if (d) {
        *out = &d->data;
        return TSGD_OK;
    }
    TRY(TSGD_NEW(&new, 1, "data", err));
    new->key = strdup(key);
    if (!new->key)
        TRY(tsgd_fail(err, TSGD_ENOMEM, "no memory for data"));
    TRY(tsgd_shelf_load(&new->data, s, NULL, err));
    new->next = shelf->data;
    shelf->data = new;
    *out = &new->data;
    return TSGD_OK;
done:
    if (new)
        free(new->key);
    free(new);
    return st;
}

enum tsgd_status tsgd_shelf_data(struct tsgd_shelf *shelf, const struct tsgd_settings *s,
                                 const struct tsgd_dataset **out, struct tsgd_error *err)
{
    char *key = NULL;
    if (s->memory) {
        *out = &s->memory->dataset;
        return TSGD_OK;
    }
    const char *text[] = {s->data, s->data_dir, s->label, s->text[TSGD_SET_test_share], s->loss};
    uint64_t number[5] = {is_generated(s->data) ? s->split_seed : 0};
    enum tsgd_status st = make_key(&key, sizeof text / sizeof *text, text, number, err);
    if (st != TSGD_OK)
        return st;
    pthread_mutex_lock(&shelf->lock);
    st = find_data(shelf, s, key, out, err);
    pthread_mutex_unlock(&shelf->lock);
    free(key);
    return st;
}

enum tsgd_status tsgd_shelf_split(struct tsgd_split *out, const struct tsgd_settings *s,
                                  const struct tsgd_dataset *data, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    if (s->split)
        TRY(tsgd_split_read(out, s->split, (uint32_t)s->nodes, data->train.count, s->allow_empty,
                            err));
    else
        TRY(tsgd_split_draw(out, s->partition, (uint32_t)s->nodes, &data->train, data->classes,
                            s->subset, s->allow_empty, s->split_seed, err));
    if (out->test_share > 0 &&
        (out->test_share != data->test_share || out->test_seed != data->test_seed))
        TRY(tsgd_fail(err, TSGD_EINVAL, "--split: the numbers in '%.200s' are of what --test-share "
                      "%g and --split-seed %llu leave of the samples; give these", s->split,
                      out->test_share, (unsigned long long)out->test_seed));
    out->test_share = data->test_share;
    out->test_seed = data->test_seed;
done:
    return st;
}

/* With this share of it held out, as a text too; NULL: with none. What is held out is taken from a
 * copy of the whole, which stands on the shelf as well.                                         */
static enum tsgd_status find_shares(struct tsgd_shelf *shelf, const struct tsgd_settings *s,
                                    const struct tsgd_dataset *data, const char *validation,
                                    double share, struct tsgd_shares **out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct shares_on_shelf *on = shelf->shares, *new = NULL;
    struct tsgd_shares *whole = NULL;
    const char *text[] = {s->split, s->partition, validation};
    uint64_t number[5] = {s->nodes, s->subset, s->allow_empty, s->split_seed,
                          (uint64_t)(uintptr_t)data};
    TRY(TSGD_NEW(&new, 1, "split", err));
    TRY(make_key(&new->key, 3, text, number, err));
    while (on && strcmp(on->key, new->key))
        on = on->next;
    if (on) {
        *out = &on->shares;
        goto done;
    }
    if (validation) {
        TRY(find_shares(shelf, s, data, NULL, NAN, &whole, err));
        TRY(tsgd_split_copy(&new->shares.split, &whole->split, err));
        TRY(tsgd_split_hold_out(&new->shares.split, share, s->split_seed, &new->shares.held,
                                &new->shares.n_held, err));
    } else {
        TRY(tsgd_shelf_split(&new->shares.split, s, data, err));
    }
    new->shares.whole = whole ? &whole->split : &new->shares.split;
    new->next = shelf->shares;
    shelf->shares = new;
    *out = &new->shares;
    return TSGD_OK;
done:
    if (new) {
        release_shares(&new->shares);
        free(new->key);
    }
    free(new);
    return st;
}

enum tsgd_status tsgd_shelf_shares(struct tsgd_shelf *shelf, const struct tsgd_settings *s,
                                   const struct tsgd_dataset *data,
                                   const struct tsgd_shares **out, struct tsgd_error *err)
{
    struct tsgd_shares *found = NULL;
    pthread_mutex_lock(&shelf->lock);
    enum tsgd_status st = find_shares(shelf, s, data, s->text[TSGD_SET_validation], s->validation,
                                      &found, err);
    pthread_mutex_unlock(&shelf->lock);
    *out = found;
    return st;
}

size_t tsgd_shelf_bytes(struct tsgd_shelf *shelf)
{
    size_t bytes = 0;
    pthread_mutex_lock(&shelf->lock);
    for (const struct data_on_shelf *d = shelf->data; d; d = d->next)
        bytes = tsgd_add(bytes, tsgd_dataset_bytes(&d->data));
    for (const struct shares_on_shelf *s = shelf->shares; s; s = s->next)
        bytes = tsgd_add(bytes, tsgd_split_bytes(&s->shares.split));
    pthread_mutex_unlock(&shelf->lock);
    return bytes;
}
