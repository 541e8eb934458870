/* Runs are guests of their process: several at once with different kernels, on small stacks. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "linalg/isa.h"
#include "sim/settings.h"
#include "telesgd.h"
#include "twin.h"

static struct tsgd_run *create(const char *model, const char *data, const char *isa)
{
    struct tsgd_error err;
    struct tsgd_run *run;
    const struct tsgd_settings *s = settings_of("model=%s data=%s nodes=4 active=2 rounds=6 "
                                                "lr=0.05 momentum=0.9 threads=1 isa=%s", model,
                                                data, isa);
    cr_assert(tsgd_run_create(&run, s, &err) == TSGD_OK, "%s", err.text);
    return run;
}

static uint64_t train(struct tsgd_run *run)
{
    struct tsgd_summary end;
    struct tsgd_error err;
    cr_assert(tsgd_run_train(run, NULL, NULL, &end, &err) == TSGD_OK, "%s", err.text);
    tsgd_run_free(run);
    return end.last.state_hash;
}

struct job {
    struct tsgd_run *run;
    uint64_t hash;
};

static void *train_job(void *arg)
{
    struct job *j = arg;
    j->hash = train(j->run);
    return NULL;
}

static const struct { const char *model, *data; } tasks[] = {
    {"lenet", "blobs:600,1x16x16,10"}, {"mlp:40,20", "digits"}, {"resnet20", "digits"},
};
enum { TASKS = sizeof tasks / sizeof *tasks };

/* On a machine with one instruction set the two runs are alike, and the test says less. */
ParameterizedTestParameters(backend, runs_at_once_keep_their_own_kernels)
{
    return twin_rows(TASKS);
}

ParameterizedTest(size_t *row, backend, runs_at_once_keep_their_own_kernels, .timeout = 240)
{
    const char *isa[2] = {tsgd_isa_table(0)->isa, tsgd_isa_table(twin_isas() - 1)->isa};
    const char *model = tasks[*row].model, *data = tasks[*row].data;
    uint64_t alone[2];
    struct job job[2];
    pthread_t thread[2];
    for (int i = 0; i < 2; i++)
        alone[i] = train(create(model, data, isa[i]));
    cr_assert(twin_isas() == 1 || alone[0] != alone[1], "%s: no kernel tells the two apart", model);
    for (int i = 0; i < 2; i++)
        job[i].run = create(model, data, isa[i]);
    for (int i = 0; i < 2; i++)
        cr_assert(pthread_create(&thread[i], NULL, train_job, &job[i]) == 0);
    for (int i = 0; i < 2; i++) {
        cr_assert(pthread_join(thread[i], NULL) == 0);
        cr_expect(job[i].hash == alone[i], "%s on %s", model, isa[i]);
    }
}

/* What telesgd.h promises to need; sanitizers put more onto a stack. */
enum { STACK = TWIN_SLOW ? 1 << 20 : 64 << 10, BELOW = 512 << 10, POISON = 0xa5 };

struct stack_job {
    const char *model, *data;
    uint64_t hash;
};

static void *create_and_train(void *arg)
{
    struct stack_job *j = arg;
    j->hash = train(create(j->model, j->data, ""));
    return NULL;
}

ParameterizedTestParameters(backend, a_small_stack_gives_the_same_bits)
{
    return twin_rows(TASKS);
}

/* Memory below the stack is somebody else's, as it is where hosts cut stacks out of a pool. */
ParameterizedTest(size_t *row, backend, a_small_stack_gives_the_same_bits, .timeout = 240)
{
    struct stack_job job = {tasks[*row].model, tasks[*row].data, 0};
    uint8_t *memory = mmap(NULL, BELOW + STACK, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t want = train(create(job.model, job.data, ""));
    size_t changed = 0;
    pthread_attr_t attr;
    pthread_t thread;
    cr_assert(memory != MAP_FAILED);
    memset(memory, POISON, BELOW);
    cr_assert(pthread_attr_init(&attr) == 0);
    cr_assert(pthread_attr_setstack(&attr, memory + BELOW, STACK) == 0);
    cr_assert(pthread_create(&thread, &attr, create_and_train, &job) == 0);
    cr_assert(pthread_join(thread, NULL) == 0);
    for (size_t i = 0; i < BELOW; i++)
        changed += memory[i] != POISON;
    cr_expect(changed == 0, "%s: %zu bytes below the stack were written", job.model, changed);
    cr_expect(job.hash == want, "%s", job.model);
    pthread_attr_destroy(&attr);
    munmap(memory, BELOW + STACK);
}
