/* model/pytorch.h: a network as a module of PyTorch. */
#ifndef TSGD_MODEL_PYTORCH_H
#define TSGD_MODEL_PYTORCH_H

#include "model/netspec.h"

/* Prints Python code: a class Net whose state has the names and shapes of the tensors that telesgd
 * saves, and whose forward gives the numbers that go into the loss. The shapes are known
 * (tsgd_netspec_shape). `model` is for the comment alone. TSGD_EINVAL: PyTorch cannot have a layer
 * of such a name; then nothing is printed.                                                      */
enum tsgd_status tsgd_pytorch_print(const struct tsgd_netspec *s, const char *model, FILE *out,
                                    struct tsgd_error *err);

#endif
