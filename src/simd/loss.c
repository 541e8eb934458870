/* Softmax cross-entropy and squared error, a vector of samples at a time. */
#include "base/elementary.h"
#include "simd/exponential.h"

double TSGD_FN(cross_entropy)(const float *logits, const uint16_t *labels, size_t classes,
                              size_t batch, size_t ld, float *dlogits, uint32_t *correct)
{
    double loss = 0;
    uint32_t right = 0;
    const float share = 1 / (float)batch;
    for (size_t s = 0; s < ld; s += VL) {
        const float *z = logits + s;
        vf best = load(z), at = {0}, zeros = {0}, sum = {0};
        size_t lanes = s >= batch ? 0 : batch - s < VL ? batch - s : VL;
        for (size_t c = 0; c < classes; c++) {
            vf v = load(z + c * ld);
            vm more = greater(v, best);
            zeros += 0 * v;             /* NaN as soon as one logit is not finite */
            best = choose(more, v, best);
            at = choose(more, all((float)c), at);
        }
        for (size_t c = 0; c < classes; c++) {
            vf e = exponential(load(z + c * ld) - best);
            sum += e;
            if (dlogits)
                store(dlogits + c * ld + s, e);
        }
        for (size_t i = 0; i < lanes; i++) {
            size_t label = labels[s + i];
            loss += tsgd_log((double)sum[i]) - ((double)z[label * ld + i] - (double)best[i]) +
                    (double)zeros[i];
            right += at[i] == (float)label;
        }
        if (!dlogits)
            continue;
        vf scale = share / sum;
        for (size_t i = lanes; i < VL; i++)
            scale[i] = 0;
        for (size_t c = 0; c < classes; c++)
            store(dlogits + c * ld + s, load(dlogits + c * ld + s) * scale);
        for (size_t i = 0; i < lanes; i++)
            dlogits[labels[s + i] * ld + s + i] -= share;
    }
    if (correct)
        *correct = right;
    return loss;
}

double TSGD_FN(squared_error)(const float *z, const float *targets, size_t outputs, size_t batch,
                              size_t ld, float *dz)
{
    double loss = 0;
    const float share = 2 / ((float)batch * (float)outputs);
    for (size_t s = 0; s < ld; s += VL) {
        size_t lanes = s >= batch ? 0 : batch - s < VL ? batch - s : VL;
        vf sum = {0}, scale = all(share);
        for (size_t i = lanes; i < VL; i++)
            scale[i] = 0;
        for (size_t c = 0; c < outputs; c++) {
            vf off = load(z + c * ld + s) - load(targets + c * ld + s);
            sum += off * off;
            if (dz)
                store(dz + c * ld + s, off * scale);
        }
        for (size_t i = 0; i < lanes; i++)
            loss += (double)sum[i] / (double)outputs;
    }
    return loss;
}
