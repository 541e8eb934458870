#include "model/pytorch.h"

#include <string.h>

/* ---- names: the parts of layer1.0.conv1 are modules within each other ---- */

/* Python's keywords, and what a module of PyTorch, or a dictionary of modules, calls otherwise. */
static const char taken[] =
    " False None True and as assert async await break class continue def del elif else except "
    "finally for from global if import in is lambda nonlocal not or pass raise return try while "
    "with yield T_destination add_module apply bfloat16 buffers call_super_init children clear "
    "compile cpu cuda double dump_patches eval extra_repr float forward get_buffer "
    "get_extra_state get_parameter get_submodule half ipu items keys load_state_dict modules mtia "
    "named_buffers named_children named_modules named_parameters parameters pop register_buffer "
    "register_module register_parameter requires_grad_ set_extra_state set_submodule share_memory "
    "state_dict to to_empty train training type update values xpu zero_grad ";

/* Names that begin with two underscores are Python's own, with one PyTorch's. */
static bool is_taken(const char *name, size_t n)
{
    char word[40];
    snprintf(word, sizeof word, " %.*s ", (int)n, name);
    return name[0] == '_' || strstr(taken, word);
}

static enum tsgd_status check_name(const char *name, struct tsgd_error *err)
{
    for (const char *part = name;; part++) {
        size_t n = strcspn(part, ".");
        if (is_taken(part, n))
            return tsgd_fail(err, TSGD_EINVAL, "--pytorch: a module of PyTorch cannot call a layer "
                             "'%s', for '%.*s' means something else there; give it another name",
                             name, (int)n, part);
        part += n;
        if (!*part)
            return TSGD_OK;
    }
}

/* The first n characters of a name as an expression: self.layer1["0"]["conv1"] */
static void print_name(const char *name, size_t n, FILE *out)
{
    size_t at = strcspn(name, ".");
    fprintf(out, "self.%.*s", (int)(at < n ? at : n), name);
    while (at < n) {
        size_t length = strcspn(name + at + 1, ".");
        fprintf(out, "[\"%.*s\"]", (int)length, name + at + 1);
        at += 1 + length;
    }
}

/* Whether a layer before i stands within the same n first characters. */
static bool is_there(const struct tsgd_netspec *s, uint32_t i, size_t n)
{
    const char *name = s->layer[i].name;
    for (uint32_t j = 0; j < i; j++)
        if (!strncmp(s->layer[j].name, name, n) && s->layer[j].name[n] == '.')
            return true;
    return false;
}

static void print_module(const struct tsgd_netspec *s, uint32_t i, FILE *out)
{
    const struct tsgd_layer *l = &s->layer[i];
    size_t n = strcspn(l->name, ".");
    for (; l->name[n]; n += 1 + strcspn(l->name + n + 1, "."))
        if (!is_there(s, i, n)) {
            fputs("        ", out);
            print_name(l->name, n, out);
            fputs(" = nn.ModuleDict()\n", out);
        }
    fputs("        ", out);
    print_name(l->name, n, out);
    fputs(" = ", out);
    l->ops->pytorch(l, NULL, out);
    fputc('\n', out);
}

/* ---- forward ---- */

/* What is passed by residuals, of which at most so many stand within each other. */
struct passed {
    uint32_t n;
    bool flat[TSGD_NETSPEC_DEPTH];
};

/* [N, C * H * W] as [N, C, H, W] */
static void print_pixels(const char *what, struct tsgd_shape shape, FILE *out)
{
    fprintf(out, "        %s = %s.reshape(-1, %u, %u, %u)\n", what, what, shape.channels,
            shape.height, shape.width);
}

static void print_begins(const struct tsgd_netspec *s, uint32_t i, bool flat, struct passed *p,
                         FILE *out)
{
    for (uint32_t j = i + 1; j < s->n; j++)
        if (tsgd_netspec_ends(s, j) && tsgd_netspec_begin(s, j) == i) {
            fprintf(out, "        passed%u = x\n", p->n);
            p->flat[p->n++] = flat;
        }
}

/* What is added must have as many dimensions as what it is added to. */
static bool print_end(const struct tsgd_layer *l, bool flat, struct passed *p, FILE *out)
{
    char from[16];
    bool other = p->flat[--p->n];
    bool same = l->in.channels == l->from.channels && l->in.height == l->from.height &&
                l->in.width == l->from.width;
    snprintf(from, sizeof from, "passed%u", p->n);
    if (flat && !(same && other))
        print_pixels("x", l->in, out);
    if (other && !(same && flat))
        print_pixels(from, l->from, out);
    fputs("        x = ", out);
    l->ops->pytorch(l, from, out);
    fputc('\n', out);
    return flat && same && other;
}

/* Returns whether x is [N, numbers] after the layer. */
static bool print_layer(const struct tsgd_layer *l, bool flat, FILE *out)
{
    enum tsgd_layer_takes takes = l->ops->takes;
    if (takes == TSGD_TAKES_SHAPE)
        takes = l->in.height == 1 && l->in.width == 1 ? TSGD_TAKES_FLAT : TSGD_TAKES_PIXELS;
    if (takes == TSGD_TAKES_FLAT && !flat)
        fputs("        x = x.flatten(1)\n", out);
    if (takes == TSGD_TAKES_PIXELS && flat)
        print_pixels("x", l->in, out);
    fputs("        x = ", out);
    if (l->ops->prefix) {
        print_name(l->name, strlen(l->name), out);
        fputs("(x)", out);
    } else {
        l->ops->pytorch(l, NULL, out);
    }
    fputc('\n', out);
    return takes == TSGD_TAKES_EITHER ? flat : takes == TSGD_TAKES_FLAT;
}

enum tsgd_status tsgd_pytorch_print(const struct tsgd_netspec *s, const char *model, FILE *out,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct passed passed = {.n = 0};
    bool flat = false;
    for (uint32_t i = 0; i < s->n; i++)
        if (s->layer[i].ops->prefix)
            TRY(check_name(s->layer[i].name, err));
    const struct tsgd_shape in = s->layer[0].in, end = s->layer[s->n - 1].out;
    fprintf(out, "# %s\n"
            "# for samples of %ux%ux%u, %zu outputs; written by telesgd model --pytorch\n"
            "import torch.nn as nn\nimport torch.nn.functional as F\n\n\n"
            "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n",
            model, in.channels, in.height, in.width, tsgd_shape_size(end));
    for (uint32_t i = 0; i < s->n; i++)
        if (s->layer[i].ops->prefix)
            print_module(s, i, out);
    fputs("\n    def forward(self, x):\n", out);
    for (uint32_t i = 0; i < s->n; i++) {
        print_begins(s, i, flat, &passed, out);
        flat = tsgd_netspec_ends(s, i) ? print_end(&s->layer[i], flat, &passed, out) :
                                         print_layer(&s->layer[i], flat, out);
    }
    if (!flat)
        fputs("        x = x.flatten(1)\n", out);
    fputs("        return x\n", out);
done:
    return st;
}
