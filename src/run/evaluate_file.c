/* run/evaluate_file.c: how good saved parameters are. */
#include "base/mem.h"
#include "linalg/backend.h"
#include "model/model.h"
#include "model/parameters.h"
#include "model/supervised.h"
#include "run/shelf.h"

#include <math.h>
#include <string.h>

/* Parameters and data must agree on the shape of a sample and on the number of classes. */
static enum tsgd_status check_kind(const char *path, const struct tsgd_saved *saved,
                                   const char *data, const struct tsgd_dataset *d,
                                   struct tsgd_error *err)
{
    const struct tsgd_shape *a = &saved->shape, *b = &d->shape;
    if (a->channels == b->channels && a->height == b->height && a->width == b->width &&
        saved->outputs == d->outputs)
        return TSGD_OK;
    const char *what = saved->classes ? "classes" : "targets";
    return tsgd_fail(err, TSGD_EINVAL, "%s: was trained on %ux%ux%u inputs and %u %s, --data %s "
                     "has %ux%ux%u inputs and %u %s", path, a->channels, a->height, a->width,
                     saved->outputs, what, data, b->channels, b->height, b->width, d->outputs,
                     what);
}

/* Where the file's test samples were drawn, those it was not trained on are drawn again. */
static enum tsgd_status draw_as_it_was(struct tsgd_settings *s, const struct tsgd_saved *saved,
                                       const char *path, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    if (saved->test_share > 0) {
        if (TSGD_GIVEN(s, test_share) && s->test_share != saved->test_share)
            TRY(tsgd_fail(err, TSGD_EINVAL, "--test-share: found %g, but %.200s was trained on "
                          "what a share of %g left; leave it out", s->test_share, path,
                          saved->test_share));
        if (TSGD_GIVEN(s, split_seed) && s->split_seed != saved->split_seed)
            TRY(tsgd_fail(err, TSGD_EINVAL, "--split-seed: found %llu, but the test samples of "
                          "%.200s were drawn by %llu; leave it out",
                          (unsigned long long)s->split_seed, path,
                          (unsigned long long)saved->split_seed));
        TRY(TSGD_FILL_REAL(s, test_share, saved->test_share, err));
        TRY(TSGD_FILL_COUNT(s, split_seed, saved->split_seed, err));
    }
done:
    return st;
}

enum tsgd_status tsgd_evaluate_file(const char *path, const struct tsgd_settings *settings,
                                    struct tsgd_evaluated *out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_settings *own = NULL;
    struct tsgd_shelf *shelf = NULL;
    const struct tsgd_dataset *data = NULL;
    struct tsgd_dataset d;
    struct tsgd_split none = TSGD_SPLIT_INIT;
    struct tsgd_net net = TSGD_NET_INIT;
    struct tsgd_backend on;
    struct tsgd_supervised s;
    struct tsgd_saved saved = {.model = ""};
    double value[TSGD_MOST_METRICS];
    const struct tsgd_model *model = NULL;
    struct tsgd_spec spec;
    float *x = NULL;
    void *scratch = NULL;
    TRY(tsgd_given(path, "path", __func__, err));
    TRY(tsgd_given(settings, "settings", __func__, err));
    TRY(tsgd_given(out, "out", __func__, err));
    TRY(tsgd_backend_init(&on, NULL, err));
    on.direct = settings->conv && !strcmp(settings->conv, "direct");
    TRY(tsgd_safetensors_identify(path, &saved, err));
    if (!saved.model[0])
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: does not say which model it holds, want a file that "
                      "telesgd saved", path));
    TRY(tsgd_model_find(&model, &spec, saved.model, err));
    if (model->kind != TSGD_MODEL_NETWORK)
        TRY(tsgd_fail(err, TSGD_EINVAL, "%s: holds parameters of model %s, which has no data to be "
                      "evaluated on; want those of a network", path, saved.model));
    if (!settings->data)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--data: must be given; see 'telesgd list data'"));
    TRY(tsgd_settings_copy(&own, settings, err));
    TRY(TSGD_FILL(own, loss, saved.classes ? "cross-entropy" : "mse", err));
    TRY(draw_as_it_was(own, &saved, path, err));
    TRY(tsgd_shelf_resolve(own, err));
    TRY(tsgd_shelf_create(&shelf, err));
    TRY(tsgd_shelf_data(shelf, own, &data, err));
    d = *data;
    TRY(check_kind(path, &saved, own->data, &d, err));
    TRY(tsgd_saved_check_classes(&saved, path, &d, err));
    d.norm = saved.norm;
    TRY(tsgd_model_build(&net, saved.model, d.shape, d.outputs, &on, err));
    TRY(tsgd_parameters_check(path, &net, err));
    TRY(tsgd_mem_check(tsgd_mul(net.dim, 2 * sizeof *x), path, "use a smaller model", err));
    TRY(TSGD_NEW(&x, net.dim, "parameters", err));
    TRY(tsgd_parameters_read(path, &net, x, err));
    tsgd_supervised_init(&s, &net, &d, &none, (struct tsgd_batcher){.size = 1}, NULL, 0);
    TRY(tsgd_alloc(&scratch, 1, s.problem.scratch_bytes, "scratch", err));
    out->test_samples = tsgd_problem_measure(&s.problem, x, scratch, value);
    tsgd_model_short(saved.model, out->model, sizeof out->model);
    out->parameters = net.dim;
    out->test_loss = value[0];
    out->test_accuracy = saved.classes ? value[1] : NAN;
    out->test_r2 = saved.classes ? NAN : value[1];
done:
    free(scratch);
    free(x);
    tsgd_net_release(&net);
    tsgd_saved_release(&saved);
    tsgd_shelf_free(shelf);
    tsgd_settings_free(own);
    return st;
}
