/* model/parameters.h: parameters to start from or to measure: those of a saved file, or the mean of
 * the tokens in a checkpoint of a run, which is what evaluations of the run measure.            */
#ifndef TSGD_MODEL_PARAMETERS_H
#define TSGD_MODEL_PARAMETERS_H

#include "model/safetensors.h"

/* As tsgd_safetensors_read, _check and _read_list, also of checkpoints; TSGD_EINVAL: of one that is
 * of a search, whose populations have no mean. TSGD_EFORMAT: a checkpoint that is damaged.      */
enum tsgd_status tsgd_parameters_read(const char *path, const struct tsgd_net *net, float *x,
                                      struct tsgd_error *err);
enum tsgd_status tsgd_parameters_check(const char *path, const struct tsgd_net *net,
                                       struct tsgd_error *err);
enum tsgd_status tsgd_parameters_read_list(const char *path,
                                           const struct tsgd_tensor *const *tensors, uint32_t n,
                                           float *x, struct tsgd_error *err);

#endif
