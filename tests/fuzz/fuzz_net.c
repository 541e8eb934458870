/* Networks as text, of --model net:@FILE. The first byte of an input is the shape of the samples
 * and the number of outputs. A text that is read is printed and read again; a small network is
 * built, printed for PyTorch, and computes the gradient of a minibatch.                         */
#include "fuzz/fuzz.h"

#include "base/mem.h"
#include "base/memstream.h"
#include "model/model.h"
#include "model/pytorch.h"

#include <string.h>

enum { BATCH = 3, MOST_TEXT = 4000, MOST_FLOATS = 1 << 18, MOST_FLOPS = 10000000 };

static const struct tsgd_shape shapes[] = {{1, 1, 4}, {2, 6, 5}, {8, 3, 3}, {3, 16, 16}};

static void compute(const struct tsgd_net *net)
{
    uint16_t labels[BATCH];
    uint32_t correct;
    float *w = NULL, *grad = NULL, *scratch = NULL;
    size_t floats = tsgd_net_scratch(net, BATCH, true), in = tsgd_shape_size(net->in);
    MUST(tsgd_net_scratch(net, BATCH, false) <= SIZE_MAX / sizeof *w);
    MUST(TSGD_NEW(&w, net->dim, "w", NULL) == TSGD_OK);
    MUST(TSGD_NEW(&grad, net->dim, "w", NULL) == TSGD_OK);
    MUST(TSGD_NEW(&scratch, floats, "w", NULL) == TSGD_OK);
    tsgd_net_random(net, 1, w);
    for (size_t i = 0; i < in * tsgd_net_ld(BATCH); i++)
        scratch[i] = (float)(i % 7) - 3;
    for (uint32_t s = 0; s < BATCH; s++)
        labels[s] = (uint16_t)(s % net->outputs);
    double loss = tsgd_net_gradient(net, w, tsgd_labelled(labels), BATCH, grad, scratch);
    fuzz_look(grad, net->dim * sizeof *grad);
    memset(scratch, 0, floats * sizeof *scratch);
    for (size_t i = 0; i < in * tsgd_net_ld(BATCH); i++)
        scratch[i] = (float)(i % 7) - 3;
    double again = tsgd_net_evaluate(net, w, tsgd_labelled(labels), BATCH, scratch, &correct);
    MUST(correct <= BATCH && (loss == again || (loss != loss && again != again)));
    free(w);
    free(grad);
    free(scratch);
}

static void build(struct tsgd_netspec *s, struct tsgd_shape in, uint32_t outputs)
{
    static struct tsgd_backend on;
    struct tsgd_net net = TSGD_NET_INIT;
    struct tsgd_error err;
    char *python = NULL;
    size_t bytes;
    if (!on.kernels)
        MUST(tsgd_backend_init(&on, NULL, NULL) == TSGD_OK);
    enum tsgd_status st = tsgd_netspec_build(s, &net, in, outputs, &on, &err);
    if (st != TSGD_OK) {
        fuzz_refused(st, &err);
        MUST(!net.layer);
        return;
    }
    FILE *f = open_memstream(&python, &bytes);
    MUST(f);
    st = tsgd_pytorch_print(s, "x", f, &err);
    MUST(tsgd_memstream_close(f, &python));
    if (st != TSGD_OK)
        fuzz_refused(st, &err);
    MUST((st == TSGD_OK) == (bytes > 0));
    free(python);
    if (net.dim <= MOST_FLOATS && net.step_flops <= MOST_FLOPS &&
        tsgd_net_scratch(&net, BATCH, true) <= 8 * MOST_FLOATS)
        compute(&net);
    tsgd_net_release(&net);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tsgd_netspec s = TSGD_NETSPEC_INIT, again = TSGD_NETSPEC_INIT;
    struct tsgd_error err;
    char text[MOST_TEXT + 1], *plain, *same;
    uint8_t how = fuzz_byte(&data, &size);
    if (size > MOST_TEXT)
        return -1;
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    enum tsgd_status st = tsgd_netspec_parse(&s, text, "TEXT", &err);
    if (st != TSGD_OK) {
        fuzz_refused(st, &err);
        MUST(!s.layer && strstr(err.text, "TEXT: line "));
        return 0;
    }
    MUST(tsgd_netspec_text(&s, &plain, &err) == TSGD_OK);
    MUST(tsgd_netspec_parse(&again, plain, "TEXT", &err) == TSGD_OK);
    MUST(tsgd_netspec_text(&again, &same, &err) == TSGD_OK);
    MUST(!strcmp(plain, same) && s.n == again.n);
    for (uint32_t i = 0; i < s.n; i++)
        MUST(!memcmp(&s.layer[i], &again.layer[i], sizeof s.layer[i]));
    build(&again, shapes[how % 4], 1 + how / 4 % 16);
    free(plain);
    free(same);
    tsgd_netspec_release(&s);
    tsgd_netspec_release(&again);
    return 0;
}
