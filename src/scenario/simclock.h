/* scenario/simclock.h: the time that a run would take on a simulated network (scenario/network.h).
 * It follows the dependencies of the tokens, as the engine does; there is no barrier. Token a, in
 * round t at node i:
 *   K1  Its rows arrive: from its last node, by a transfer of what travels (E + R rows), which
 *       begins when a's mix of round t-1 ends; without one if the node is the same, and in round 0.
 *   K2  Its step begins when the rows are there and the node has ended the steps of its earlier
 *       visits, of whichever token. It takes the node's seconds for each gradient: none at a node
 *       without data. A token that sits the round out has its half-step when its mix of round t-1
 *       ends, at the node where it rests, whether that node is busy or not.
 *   K3  Its half-step (E rows) goes to the node of every token that reads a in W_t, by a transfer
 *       that is ready when the step ends; cut links carry none.
 *   K4  Its mix of round t ends when its own step has ended and all half-steps that it reads in W_t
 *       have arrived; mixing takes no time. x^t is there when the last mix of round t-1 has ended.
 *   K5  Incoming transfers of a node run in parallel, or, with --port serial, one after the other,
 *       each as soon as it is ready and those before it are through: by round, then population; in
 *       a round what teleports comes before half-steps, and half-steps by ready time, then sending
 *       token (where several tokens are at the node, as others may rest there: those for the lowest
 *       token first).
 *   K6  Within a node nothing is transferred, and it does not wait for the port.
 * Times are doubles that are added along the same paths in the same order, whatever the threads.
 * Memory: 16 bytes a node and some for each token. A round costs O(non-zeros of W_t), with --port
 * serial and a logarithm of the degree.
 * Ownership: whoever creates it frees it. Threads: the planner's alone.                         */
#ifndef TSGD_SCENARIO_SIMCLOCK_H
#define TSGD_SCENARIO_SIMCLOCK_H

#include "engine/hooks.h"
#include "scenario/network.h"

struct tsgd_simclock;

/* Borrows the network. teleport_bytes and gossip_bytes are those of one transfer. TSGD_ENOMEM. */
enum tsgd_status tsgd_simclock_create(struct tsgd_simclock **out,
                                      const struct tsgd_network *network, uint32_t tokens,
                                      uint64_t teleport_bytes, uint64_t gossip_bytes,
                                      uint32_t nodes, struct tsgd_error *err);
void tsgd_simclock_free(struct tsgd_simclock *c);

/* Bytes that create would take. */
size_t tsgd_simclock_bytes(uint32_t tokens, uint32_t nodes);

/* What token a does in its next round: it visits a node and takes so many gradients; or it sits the
 * round out where it is (before its first visit: at node a), with its links cut or not.         */
void tsgd_simclock_visit(struct tsgd_simclock *c, uint32_t a, uint32_t node, uint32_t gradients);
void tsgd_simclock_rest(struct tsgd_simclock *c, uint32_t a, bool isolated);

/* Runs that round of tokens first .. first + w->n - 1, which mix by w: each has visited or rested.
 * In round order; in a round by ascending first.                                                */
void tsgd_simclock_round(struct tsgd_simclock *c, const struct tsgd_csr *w, uint32_t first);

/* When the last of tokens first .. first + k - 1 ended its last mix; 0 before the first round. */
double tsgd_simclock_now(const struct tsgd_simclock *c, uint32_t first, uint32_t k);

/* The clock of a network, for the engine, which borrows the network; none when that is off. */
struct tsgd_clock tsgd_network_clock(const struct tsgd_network *network);

#endif
