/* telesgd eval: how good saved parameters are. */
#include "cli/parse.h"

#include "base/json.h"
#include "cli/human.h"

#include <math.h>
#include <stdlib.h>

static enum tsgd_status evaluate(const struct tsgd_settings *s, struct tsgd_evaluated *out,
                                 struct tsgd_error *err)
{
    if (!s->init)
        return tsgd_fail(err, TSGD_EINVAL, "--init: must be given: the file to evaluate%s",
                         s->data ? "" : "; and --data: what to evaluate it on");
    if (!s->data)
        return tsgd_fail(err, TSGD_EINVAL, "--data: must be given: what to evaluate it on");
    return tsgd_evaluate_file(s->init, s, out, err);
}

static void print_text(const char *data, const struct tsgd_evaluated *e)
{
    char parameters[TSGD_HUMAN], samples[TSGD_HUMAN];
    printf("%s, %s parameters, on %s test samples of %s\n", e->model,
           tsgd_human_count(e->parameters, parameters), tsgd_human_count(e->test_samples, samples),
           data);
    if (isfinite(e->test_accuracy))
        printf("  test accuracy  %.2f %%\n", 100 * e->test_accuracy);
    if (isfinite(e->test_r2))
        printf("  test R2        %.4f\n", e->test_r2);
    printf("  test loss      %.6g\n", e->test_loss);
}

/* A number that is not finite is left out: JSON has no word for it. */
static enum tsgd_status print_json(const struct tsgd_evaluated *e, struct tsgd_error *err)
{
    json_t *o = json_pack("{s:s, s:I, s:I}", "model", e->model, "parameters",
                          (json_int_t)e->parameters, "test_samples", (json_int_t)e->test_samples);
    bool bad = !o || (isfinite(e->test_loss) &&
                      json_object_set_new(o, "test_loss", json_real(e->test_loss)) != 0) ||
               (isfinite(e->test_accuracy) &&
                json_object_set_new(o, "test_accuracy", json_real(e->test_accuracy)) != 0) ||
               (isfinite(e->test_r2) &&
                json_object_set_new(o, "test_r2", json_real(e->test_r2)) != 0);
    enum tsgd_status st = tsgd_json_print(stdout, bad ? NULL : o,
                                          JSON_COMPACT | JSON_REAL_PRECISION(9), err);
    json_decref(o);
    return st;
}

static enum tsgd_exit run(const struct tsgd_command *self, const struct tsgd_cli *cli)
{
    struct tsgd_error err;
    struct tsgd_evaluated e;
    if (evaluate(cli->settings, &e, &err)) {
        tsgd_complain(self, &err);
        return TSGD_EXIT_USAGE;
    }
    if (!cli->settings->json) {
        print_text(cli->settings->data, &e);
    } else if (print_json(&e, &err)) {
        tsgd_complain(self, &err);
        return TSGD_EXIT_FAILED;
    }
    return TSGD_EXIT_DONE;
}

static const char about[] =
    "Measures parameters that 'telesgd train --save' wrote, on the test samples of --data. The "
    "file says which model it is. Of a checkpoint of 'telesgd train' the mean of the tokens is "
    "measured.\n";

static const char closing[] =
    "# Example\n"
    "    telesgd eval --init lenet.safetensors --data fashion-mnist\n";

static const struct tsgd_option_help options[] = {
    {"init", "must be given",
     "the parameters to evaluate, as --save of 'telesgd train' wrote them, or a checkpoint"},
    {"seed", NULL, "of generated data, where --split-seed does not say otherwise: as in the "
                   "training"},
    {"split-seed", "as in the training, where test samples were drawn",
     "of generated data: as in the training"},
    {"test-share", "as in the training", "the share that was drawn for the test"},
    {NULL, NULL, NULL},
};

const struct tsgd_command tsgd_command_eval = {
    .name = "eval",
    .options = TSGD_FOR_EVAL,
    .own_help = options,
    .usage = "--init FILE [OPTION]...",
    .summary = "loss and accuracy of saved parameters",
    .about = about,
    .closing = closing,
    .run = run,
};
