#include "model/loss.h"

#include "linalg/isa.h"

double tsgd_cross_entropy(const float *logits, const uint8_t *labels, size_t classes, size_t batch,
                          size_t ld, float *dlogits, uint32_t *correct)
{
    return tsgd_kernels->cross_entropy(logits, labels, classes, batch, ld, dlogits, correct);
}
