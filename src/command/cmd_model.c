/* telesgd model: what a network is made of, without training. */
#include "cli/parse.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/memstream.h"
#include "cli/human.h"
#include "cli/table.h"
#include "model/model.h"
#include "model/pytorch.h"
#include "run/shelf.h"

#include <stdlib.h>
#include <string.h>

struct network {
    char *model;                /* as files carry it */
    struct tsgd_netspec spec;
    struct tsgd_net net;        /* of the same layers, some of which are computed together */
    uint64_t batch;
};

static enum tsgd_status find_input(const struct tsgd_settings *s, struct tsgd_shape *in,
                                   uint32_t *outputs, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_settings *own = NULL;
    struct tsgd_shelf *shelf = NULL;
    const struct tsgd_dataset *data = NULL;
    if (s->data && (s->input || TSGD_GIVEN(s, classes)))
        return tsgd_fail(err, TSGD_EINVAL, "--%s: cannot go with --data, which has it; leave one "
                         "out", s->input ? "input" : "classes");
    if (!s->data && !s->input)
        return tsgd_fail(err, TSGD_EINVAL, "--data or --input: must be given: the samples that the "
                         "network is for, as in --data fashion-mnist or --input 3x32x32");
    if (s->input && !tsgd_shape_parse(s->input, in))
        return tsgd_fail(err, TSGD_EINVAL, "--input: found '%.80s', want channels, height and "
                         "width, as in 3x32x32, or a number of features", s->input);
    *outputs = (uint32_t)s->classes;
    if (s->input)
        return TSGD_OK;
    TRY(tsgd_settings_copy(&own, s, err));
    TRY(tsgd_shelf_resolve(own, err));
    TRY(tsgd_shelf_create(&shelf, err));
    TRY(tsgd_shelf_data(shelf, own, &data, err));
    *in = data->shape;
    *outputs = data->outputs;
done:
    tsgd_shelf_free(shelf);
    tsgd_settings_free(own);
    return st;
}

static enum tsgd_status make(struct network *n, const char *model, const struct tsgd_settings *s,
                             struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_backend on;
    struct tsgd_shape in;
    uint32_t outputs = 0;
    n->batch = s->batch;
    TRY(tsgd_model_read(&n->spec, model, &n->model, err));
    TRY(find_input(s, &in, &outputs, err));
    TRY(tsgd_backend_init(&on, NULL, err));
    TRY(tsgd_model_make(&n->net, &n->spec, model, in, outputs, &on, err));
done:
    return st;
}

static void release(struct network *n)
{
    tsgd_net_release(&n->net);
    tsgd_netspec_release(&n->spec);
    free(n->model);
}

/* ---- what is told of it ---- */

/* Floating-point operations of the forward pass for a sample. */
static uint64_t flops(const struct tsgd_layer *l)
{
    return l->ops->flops ? l->ops->flops(l) : 0;
}

static uint64_t all_flops(const struct network *n)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n->spec.n; i++)
        sum += flops(&n->spec.layer[i]);
    return sum;
}

static size_t activation_bytes(const struct tsgd_layer *l)
{
    return tsgd_mul(tsgd_shape_size(l->out), sizeof(float));
}

/* Of all layers' outputs for a sample. */
static size_t all_activation_bytes(const struct network *n)
{
    size_t sum = 0;
    for (uint32_t i = 0; i < n->spec.n; i++)
        sum = tsgd_add(sum, activation_bytes(&n->spec.layer[i]));
    return sum;
}

/* What a worker needs beside parameters for a minibatch: activations, gradients of some, and what
 * kernels ask for.                                                                              */
static size_t scratch_bytes(const struct network *n)
{
    return tsgd_mul(tsgd_net_scratch(&n->net, n->batch, true), sizeof(float));
}

/* A layer as the text has it; for the caller to free. NULL: no memory. */
static char *layer_text(const struct tsgd_netspec *s, uint32_t i)
{
    char *text = NULL;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);
    if (f)
        tsgd_netspec_print_layer(s, i, f);
    return tsgd_memstream_close(f, &text) ? text : NULL;
}

/* ---- as text ---- */

enum { COLUMNS = 5 };

static void add_residual(struct tsgd_table *t, const char *name, int depth)
{
    tsgd_table_add(t, "%*s%s%sresidual {", 2 * depth, "", name, *name ? ": " : "");
    for (int c = 1; c < COLUMNS; c++)
        tsgd_table_add(t, "%s", "");
}

static void add_figures(struct tsgd_table *t, const struct tsgd_layer *l)
{
    char number[TSGD_HUMAN];
    tsgd_table_add(t, "%s", l->params ? tsgd_human_count(l->params, number) : "");
    tsgd_table_add(t, "%s", flops(l) ? tsgd_human_short((double)flops(l), number) : "");
    tsgd_table_add(t, "%s", tsgd_human_bytes((double)activation_bytes(l), number));
    tsgd_table_add(t, "%ux%ux%u", l->out.channels, l->out.height, l->out.width);
}

static enum tsgd_status print_layers(const struct network *n, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_netspec *s = &n->spec;
    struct tsgd_table t = TSGD_TABLE_INIT(COLUMNS);
    int depth = 0;
    char *text = NULL;
    const char *const heading[COLUMNS] = {"layer", "parameters", "FLOPs", "activation", "output"};
    for (int c = 0; c < COLUMNS; c++)
        tsgd_table_add(&t, "%s", heading[c]);
    for (uint32_t i = 0; i < s->n; i++) {
        const struct tsgd_layer *l = &s->layer[i];
        for (uint32_t j = s->n; j-- > i + 1;)
            if (tsgd_netspec_ends(s, j) && tsgd_netspec_begin(s, j) == i)
                add_residual(&t, s->place[j].name, depth++);
        free(text);
        text = layer_text(s, i);
        if (!text)
            TRY(tsgd_fail(err, TSGD_ENOMEM, "no memory for the table of layers"));
        bool ends = tsgd_netspec_ends(s, i);
        depth -= ends;
        tsgd_table_add(&t, "%*s%s%s%s", 2 * depth, "", l->name, *l->name ? ": " : "",
                       ends ? "}" : text);
        add_figures(&t, l);
    }
    TRY(tsgd_table_print(&t, stdout, err));
done:
    free(text);
    tsgd_table_release(&t);
    return st;
}

static enum tsgd_status print_text(const struct network *n, struct tsgd_error *err)
{
    char a[TSGD_HUMAN], b[TSGD_HUMAN];
    const struct tsgd_net *net = &n->net;
    char title[TSGD_MODEL_SHORT];
    tsgd_model_short(n->model, title, sizeof title);
    printf("%s, for samples of %ux%ux%u, %u outputs\n\n", title, net->in.channels, net->in.height,
           net->in.width, net->outputs);
    enum tsgd_status st = print_layers(n, err);
    if (st != TSGD_OK)
        return st;
    printf("\nparameters     %s, %s\n", tsgd_human_count(net->dim, a),
           tsgd_human_bytes(4 * (double)net->dim, b));
    printf("FLOPs          %s forward, %s with the gradient, for a sample\n",
           tsgd_human_short((double)all_flops(n), a),
           tsgd_human_short((double)net->step_flops, b));
    printf("activations    %s for a sample\n",
           tsgd_human_bytes((double)all_activation_bytes(n), a));
    printf("a step         %s FLOPs, %s of scratch for a thread, with --batch %llu\n",
           tsgd_human_short((double)net->step_flops * (double)n->batch, a),
           tsgd_human_bytes((double)scratch_bytes(n), b), (unsigned long long)n->batch);
    return TSGD_OK;
}

/* ---- as JSON; NULL: no memory ---- */

static json_t *shape_of(struct tsgd_shape s)
{
    return json_pack("[I, I, I]", (json_int_t)s.channels, (json_int_t)s.height,
                     (json_int_t)s.width);
}

static json_t *tensors_of(const struct tsgd_layer *l)
{
    json_t *all = json_array();
    for (uint32_t i = 0; all && i < l->n_tensors; i++) {
        json_t *extent = json_array();
        bool good = extent;
        for (uint32_t r = 0; good && r < l->tensors[i].rank; r++)
            good = !json_array_append_new(extent, json_integer(l->tensors[i].extent[r]));
        json_t *t = good ? json_pack("{s:s, s:O}", "name", l->tensors[i].name, "shape", extent) :
                           NULL;
        json_decref(extent);
        if (json_array_append_new(all, t) != 0) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

static json_t *layer_of(const struct tsgd_netspec *s, uint32_t i)
{
    const struct tsgd_layer *l = &s->layer[i];
    char *text = layer_text(s, i);
    json_t *o = text ? json_pack("{s:s, s:o, s:o, s:I, s:I, s:I, s:o}", "layer", text,
                                 "input", shape_of(l->in), "output", shape_of(l->out),
                                 "parameters", (json_int_t)l->params,
                                 "flops", (json_int_t)flops(l),
                                 "activation_bytes", (json_int_t)activation_bytes(l),
                                 "tensors", tensors_of(l)) : NULL;
    free(text);
    if (o && tsgd_netspec_ends(s, i) &&
        json_object_set_new(o, "from", json_integer(tsgd_netspec_begin(s, i))) != 0) {
        json_decref(o);
        o = NULL;
    }
    return o;
}

static enum tsgd_status print_json(const struct network *n, struct tsgd_error *err)
{
    json_t *layers = json_array();
    bool good = layers;
    for (uint32_t i = 0; good && i < n->spec.n; i++)
        good = !json_array_append_new(layers, layer_of(&n->spec, i));
    json_t *o = good ? json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:O}",
                                 "model", n->model, "input", shape_of(n->net.in),
                                 "outputs", (json_int_t)n->net.outputs,
                                 "parameters", (json_int_t)n->net.dim,
                                 "forward_flops", (json_int_t)all_flops(n),
                                 "step_flops", (json_int_t)n->net.step_flops,
                                 "activation_bytes", (json_int_t)all_activation_bytes(n),
                                 "batch", (json_int_t)n->batch,
                                 "scratch_bytes", (json_int_t)scratch_bytes(n),
                                 "layers", layers) : NULL;
    enum tsgd_status st = tsgd_json_print(stdout, o, JSON_COMPACT, err);
    json_decref(o);
    json_decref(layers);
    return st;
}

static enum tsgd_exit run(const struct tsgd_command *self, const struct tsgd_cli *cli)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_error err;
    const struct tsgd_settings *s = cli->settings;
    struct network n = {.model = NULL, .spec = TSGD_NETSPEC_INIT, .net = TSGD_NET_INIT};
    if (s->json && s->pytorch)
        TRY(tsgd_fail(&err, TSGD_EINVAL, "--json: cannot go with --pytorch; leave one out"));
    TRY(make(&n, cli->operand[0], s, &err));
    if (s->pytorch)
        TRY(tsgd_pytorch_print(&n.spec, n.model, stdout, &err));
    else
        TRY(s->json ? print_json(&n, &err) : print_text(&n, &err));
done:
    release(&n);
    if (st == TSGD_OK)
        return TSGD_EXIT_DONE;
    tsgd_complain(self, &err);
    return TSGD_EXIT_USAGE;
}

static const char about[] =
    "Shows the layers of a network for samples of --data, or of the shape --input: parameters, "
    "floating-point operations of the forward pass for a sample, bytes of what each layer gives "
    "for a sample, and its shape. A network is one of 'telesgd list models', or your own: layers "
    "behind net:, with ; between them, or in a file, net:@FILE, with a layer a line.\n";

static const char closing[] =
    "# Examples\n"
    "    telesgd model lenet --data fashion-mnist\n"
    "    telesgd model 'net:conv 16 3 pad 1; relu; maxpool 2; dense' --input 3x32x32\n"
    "The module of PyTorch that loads what 'telesgd train --save' writes:\n"
    "    telesgd model net:@mine.net --data fashion-mnist --pytorch > mine.py\n";

static const struct tsgd_option_help options[] = {
    {"data", "none", "the samples that it is for; see 'telesgd list data'"},
    {"batch", NULL, "samples in a minibatch, for the figures of a step"},
    {"seed", NULL, "of generated data, as in the training"},
    {NULL, NULL, NULL},
};

const struct tsgd_command tsgd_command_model = {
    .name = "model",
    .options = TSGD_FOR_MODEL,
    .own_help = options,
    .min_operands = 1,
    .max_operands = 1,
    .usage = "NETWORK --data DATA | --input CxHxW [OPTION]...",
    .summary = "the layers of a network, its sizes, its module in PyTorch",
    .about = about,
    .closing = closing,
    .run = run,
};
