/* The life of a run and of a search: what comes out of order is told so, and does nothing. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/settings.h"
#include "telesgd.h"

static const char small[] = "data=digits model=logistic nodes=10 active=4 rounds=5 threads=3";

static struct tsgd_run *create(const char *text)
{
    struct tsgd_settings *s = settings_of("%s", text);
    struct tsgd_run *run;
    struct tsgd_error err;
    cr_assert(tsgd_run_create(&run, s, &err) == TSGD_OK, "%s", err.text);
    tsgd_settings_free(s);
    return run;
}

static void expect_refused(enum tsgd_status st, const struct tsgd_error *err, const char *sentence)
{
    cr_expect(st == TSGD_EINVAL, "status %d", st);
    cr_expect(strstr(err->text, sentence), "'%s' lacks '%s'", err->text, sentence);
}

Test(life, nothing_is_to_be_had_of_a_run_before_it_is_trained, .timeout = 60)
{
    struct tsgd_error err;
    struct tsgd_traced traced;
    struct tsgd_run *run = create(small);
    expect_refused(tsgd_run_save(run, "/tmp/never-written", &err), &err,
                   "tsgd_run_save: it has not been trained yet");
    cr_expect(access("/tmp/never-written", F_OK) != 0);
    expect_refused(tsgd_run_save_trace(run, &traced, &err), &err, "it has not been trained yet");
    cr_expect(tsgd_run_token(run, 0) == NULL && tsgd_run_mean(run) == NULL);
    struct tsgd_worker_shares shares;
    expect_refused(tsgd_run_worker_shares(run, 0, &shares, &err), &err,
                   "tsgd_run_worker_shares: it has not been trained yet");
    tsgd_run_free(run);
}

Test(life, a_run_is_trained_once, .timeout = 60)
{
    struct tsgd_error err;
    struct tsgd_summary first, second = {.wall_seconds = -1};
    struct tsgd_run *run = create(small);
    cr_expect(tsgd_run_step_seconds(run) > 0);
    cr_assert(tsgd_run_train(run, NULL, NULL, &first, &err) == TSGD_OK);
    expect_refused(tsgd_run_train(run, NULL, NULL, &second, &err), &err,
                   "tsgd_run_train: it has been trained already");
    cr_expect(second.wall_seconds == -1, "nothing was written");
    cr_expect(tsgd_run_token(run, 0) != NULL);
    cr_expect(isnan(tsgd_run_step_seconds(run)));
    tsgd_run_free(run);
}

Test(life, what_a_run_does_not_have_it_does_not_give, .timeout = 60)
{
    struct tsgd_error err;
    struct tsgd_placement place;
    struct tsgd_run *run = create(small);
    cr_assert(tsgd_run_train(run, NULL, NULL, NULL, NULL) == TSGD_OK, "a summary may be NULL");
    uint64_t tokens = tsgd_run_info(run)->tokens, threads = tsgd_run_info(run)->threads;
    cr_expect(tsgd_run_token(run, tokens - 1) != NULL && tsgd_run_token(run, tokens) == NULL);
    cr_expect(tsgd_run_token(run, 99999) == NULL && tsgd_run_token(run, UINT64_MAX) == NULL);
    cr_expect(tsgd_run_place(run, threads - 1, &place, &err) == TSGD_OK);
    expect_refused(tsgd_run_place(run, threads, &place, &err), &err,
                   "tsgd_run_place: found worker");
    expect_refused(tsgd_run_save_trace(run, NULL, &err), &err, "--trace: is not set");
    struct tsgd_worker_shares shares;
    expect_refused(tsgd_run_worker_shares(run, threads, &shares, &err), &err,
                   "tsgd_run_worker_shares: found worker");
    tsgd_run_free(run);
}

/* Each worker's shares are of its own time, so those of all lie between the least and the most. */
Test(life, a_run_tells_how_each_worker_spent_its_time, .timeout = 60)
{
    struct tsgd_run *run = create("model=quadratic nodes=9 active=5 rounds=500 lr=0.01 threads=3");
    struct tsgd_summary end;
    struct tsgd_worker_shares s;
    double least[5] = {1, 1, 1, 1, 1}, most[5] = {0};
    cr_assert(tsgd_run_train(run, NULL, NULL, &end, NULL) == TSGD_OK);
    const double all[] = {end.share_step, end.share_mix, end.share_eval, end.share_wait,
                          end.share_other};
    for (uint64_t i = 0; i < 3; i++) {
        cr_assert(tsgd_run_worker_shares(run, i, &s, NULL) == TSGD_OK);
        const double own[] = {s.step, s.mix, s.eval, s.wait, s.other};
        double sum = 0;
        for (int j = 0; j < 5; j++) {
            sum += own[j];
            least[j] = fmin(least[j], own[j]);
            most[j] = fmax(most[j], own[j]);
        }
        cr_expect(fabs(sum - 1) < 1e-9, "worker %d: %g", (int)i, sum);
    }
    for (int j = 0; j < 5; j++)
        cr_expect(least[j] - 1e-9 <= all[j] && all[j] <= most[j] + 1e-9, "%d: %g to %g, of all %g",
                  j, least[j], most[j], all[j]);
    tsgd_run_free(run);
}

Test(life, a_run_that_diverged_has_no_result, .timeout = 60)
{
    struct tsgd_run *run = create("model=quadratic nodes=4 active=2 rounds=500 lr=100");
    struct tsgd_error err;
    cr_assert(tsgd_run_train(run, NULL, NULL, NULL, &err) == TSGD_EDIVERGED);
    expect_refused(tsgd_run_save(run, "/tmp/never-written", &err), &err, "came to no result");
    cr_expect(tsgd_run_token(run, 0) == NULL && tsgd_run_mean(run) == NULL);
    tsgd_run_free(run);
}

static bool train_again(const struct tsgd_eval *e, void *user)
{
    struct tsgd_error err;
    (void)e;
    expect_refused(tsgd_run_train(user, NULL, NULL, NULL, &err), &err, "it is being trained");
    expect_refused(tsgd_run_save(user, "/tmp/never-written", &err), &err, "it is being trained");
    cr_expect(isnan(tsgd_run_step_seconds(user)));
    return false;
}

Test(life, a_run_is_not_trained_while_it_is_trained, .timeout = 60)
{
    struct tsgd_run *run = create(small);
    cr_assert(tsgd_run_train(run, train_again, run, NULL, NULL) == TSGD_OK);
    tsgd_run_free(run);
}

/* The child has the memory, but none of the threads: it is told so, and may free; the parent trains
 * on as if nothing had been. A child that waits for threads which do not exist is ended by its
 * alarm.                                                                                         */
Test(life, a_forked_child_may_free_a_run_and_nothing_else, .timeout = 60)
{
    struct tsgd_run *run = create(small);
    struct tsgd_error err;
    int status;
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        bool told = tsgd_run_train(run, NULL, NULL, NULL, &err) == TSGD_EINVAL &&
                    strstr(err.text, "the process has forked since this was created");
        tsgd_run_free(run);
        _exit(told ? 0 : 1);
    }
    cr_assert(child > 0 && waitpid(child, &status, 0) == child);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child's status is %#x", status);
    cr_expect(tsgd_run_train(run, NULL, NULL, NULL, NULL) == TSGD_OK);
    tsgd_run_free(run);
}

Test(life, a_search_is_run_once_and_saves_what_it_chose, .timeout = 60)
{
    struct tsgd_settings *s = settings_of("data=blobs:300,5,3 model=logistic nodes=4 rounds=5");
    struct tsgd_tune *t;
    struct tsgd_error err;
    cr_assert(tsgd_tune_create(&t, s, &err) == TSGD_OK, "%s", err.text);
    expect_refused(tsgd_tune_save(t, "/tmp/never-written", &err), &err,
                   "tsgd_tune_save: it has not been trained yet");
    cr_assert(tsgd_tune_run(t, NULL, NULL, NULL, &err) == TSGD_OK, "%s", err.text);
    expect_refused(tsgd_tune_run(t, NULL, NULL, NULL, &err), &err,
                   "tsgd_tune_run: it has been trained already");
    expect_refused(tsgd_tune_save_trace(t, NULL, &err), &err, "--trace: is not set");
    tsgd_tune_free(t);
    tsgd_settings_free(s);
}
