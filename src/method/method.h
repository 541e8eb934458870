/* method/method.h: training methods. One engine runs them all: a method says who holds a token,
 * which matrices tokens mix by, and which rule updates them.                                    */
#ifndef TSGD_METHOD_METHOD_H
#define TSGD_METHOD_METHOD_H

#include "method/sgd.h"
#include "topology/topology.h"

/* One row of method/list.h. */
struct tsgd_method {
    const char *name, *summary;
    bool teleports;             /* each round k distinct nodes are drawn; else k = n and token a
                                 * stays at node a */
    bool may_teleport;          /* it does when --active is given, for every k */
    const char *topology;       /* the only one that the method takes; NULL: --topology decides */

    /* NULL: SGD with momentum (method/sgd.h). Else a rule of its own, which names its rows; what
     * follows says which hyperparameters it takes, and concerns methods that have one.           */
    const struct tsgd_rule *rule;
    bool needs_momentum;        /* its rule is made of --momentum; else it takes none */
    bool takes_nesterov;
    bool one_step;              /* one step of every token in every round: no --local-steps */
    bool every_step;            /* and none is left out: no --allow-empty */
    bool every_mix;             /* tokens mix by one matrix in every round: no --mix-every */
    /* What it asks of the matrices, beyond what every method does; NULL: nothing. As
     * tsgd_method_check_mixing.                                                                 */
    enum tsgd_status (*check_mixing)(const struct tsgd_mixing *mixing, const char *topology,
                                     struct tsgd_error *err);
};

extern const struct tsgd_method *const tsgd_methods[];
extern const size_t tsgd_n_methods;

/* TSGD_EINVAL: no such method; suggests the nearest. */
enum tsgd_status tsgd_method_find(const struct tsgd_method **out, const char *name,
                                  struct tsgd_error *err);

/* What a method may take or refuse, by the options of these names. */
struct tsgd_method_options {
    double momentum, weight_decay;
    bool nesterov;
    const char *momentum_home;  /* "token", "node", "mixed" */
    uint64_t local_steps;
    uint64_t mix_every;         /* 0: as 1 */
    bool away;                  /* nodes can be away: --availability below 1, or a trace */
    bool allow_empty;
};
#define TSGD_METHOD_OPTIONS_INIT {.momentum_home = "token", .local_steps = 1}

/* The method's update rule with these options. TSGD_EINVAL: one of them is missing, or the method
 * does not take it; the sentence says which.                                                    */
enum tsgd_status tsgd_method_rule(struct tsgd_rule *out, const struct tsgd_method *m,
                                   const struct tsgd_method_options *o, struct tsgd_error *err);

/* TSGD_EINVAL: the method diverges with these matrices, whatever the step size; the sentence says
 * what is wrong with `topology`. TSGD_ENOMEM.                                                   */
enum tsgd_status tsgd_method_check_mixing(const struct tsgd_method *m,
                                          const struct tsgd_mixing *mixing, const char *topology,
                                          struct tsgd_error *err);

/* Has gossip apply the matrices in the form that the method's rule needs (linalg/mix.h). To be
 * called before the engine is created.                                                          */
void tsgd_method_suit_mixing(const struct tsgd_method *m, struct tsgd_mixing *mixing);

#endif
