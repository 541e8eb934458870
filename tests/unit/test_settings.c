/* The table of settings, and settings as the library's callers use them. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/settings.h"
#include "sim/settings.h"

static const char *get(const struct tsgd_settings *s, const char *name)
{
    const char *text = tsgd_settings_get(s, name);
    return text ? text : "(none)";
}

Test(settings, every_row_says_what_it_is_whose_it_is_and_what_stands_in_for_it)
{
    size_t n = tsgd_setting_count();
    cr_assert(n > 60 && tsgd_setting_at(n) == NULL);
    for (size_t i = 0; i < n; i++) {
        const struct tsgd_setting *s = tsgd_setting_at(i);
        const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
        cr_expect(s->name && *s->name && s->group && s->help && islower((unsigned char)*s->name));
        for (size_t j = 0; j < i; j++)
            cr_expect(strcmp(s->name, tsgd_setting_at(j)->name), "%s twice", s->name);
        cr_expect(s->owner && *s->owner, "%s is nobody's", s->name);
        cr_expect(!s->default_text == !!s->unset, "%s: a default, or words", s->name);
        cr_expect((row->type == TSGD_TYPE_FLAG) == (s->argument == NULL), "%s", s->name);
        cr_expect((row->type == TSGD_TYPE_CHOICE) == (s->choices != NULL), "%s", s->name);
        cr_expect(row->commands & ~(unsigned)TSGD_FOR_MOST, "%s: no command takes it", s->name);
        bool works = s->changes_result || s->of_run || s->of_search;
        cr_expect(!s->of_program || !works, "%s", s->name);
    }
}

Test(settings, rows_of_a_group_stand_together)
{
    for (size_t i = 1; i < tsgd_setting_count(); i++)
        for (size_t j = 0; j + 1 < i; j++)
            cr_expect(strcmp(tsgd_setting_at(i)->group, tsgd_setting_at(j)->group) ||
                      !strcmp(tsgd_setting_at(i)->group, tsgd_setting_at(i - 1)->group), "%s",
                      tsgd_setting_at(i)->name);
}

Test(settings, about_a_dozen_are_common)
{
    size_t common = 0;
    for (size_t i = 0; i < TSGD_SETTINGS; i++)
        common += !!(tsgd_setting_rows[i].commands & TSGD_FOR_MOST);
    cr_expect(common >= 10 && common <= 14, "%zu", common);
}

Test(settings, what_a_run_and_a_search_say_they_take_they_take)
{
    for (size_t i = 0; i < tsgd_setting_count(); i++) {
        const struct tsgd_setting *s = tsgd_setting_at(i);
        struct tsgd_settings *quadratic = settings_of("model=quadratic nodes=4 rounds=2");
        struct tsgd_error err;
        bool asks = s->default_text && strcmp(s->default_text, "false");
        if (s->of_program || !asks || strcmp(s->owner, "every run"))
            continue;
        cr_assert(tsgd_settings_set(quadratic, s->name, s->default_text, NULL) == TSGD_OK);
        bool run = settings_try_run(quadratic, "nodes=9 batch=1", &err) == TSGD_OK;
        bool search = settings_try_tune(quadratic, "nodes=9 batch=1", &err) == TSGD_OK;
        cr_expect(run == s->of_run && search == s->of_search, "%s: %s", s->name, err.text);
    }
}

Test(settings, a_new_one_has_the_defaults_of_the_table_as_text_and_as_fields)
{
    const struct tsgd_settings *s = settings_of("%s", "");
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        const struct tsgd_setting *row = tsgd_setting_at(i);
        const char *text = tsgd_settings_get(s, row->name);
        cr_expect(row->default_text ? text && !strcmp(text, row->default_text) : text == NULL, "%s",
                  row->name);
        cr_expect(!s->given[i]);
    }
    cr_expect(s->lr == 0.1 && s->batch == 32 && !s->nesterov && !strcmp(s->momentum_home, "token"));
    cr_expect(s->data == NULL && s->subset == 0 && isnan(s->bandwidth) && s->lr_grid.n == 0);
}

Test(settings, a_value_is_copied_and_shown_in_its_usual_form)
{
    struct tsgd_settings *s = settings_of("%s", "");
    char value[] = "1e-1";
    cr_assert(tsgd_settings_set(s, "lr", value, NULL) == TSGD_OK);
    value[0] = '9';
    cr_expect(!strcmp(get(s, "lr"), "0.1") && s->lr == 0.1 && TSGD_GIVEN(s, lr));
    settings_change(s, "batch=007 lr-grid=0.50,1e-3 data=blobs:10");
    cr_expect(!strcmp(get(s, "batch"), "7") && s->batch == 7);
    cr_expect(!strcmp(get(s, "lr-grid"), "0.5,0.001") && s->lr_grid.n == 2);
    cr_expect(!strcmp(get(s, "data"), "blobs:10"));
    cr_assert(tsgd_settings_set(s, "batch", NULL, NULL) == TSGD_OK);
    cr_expect(!strcmp(get(s, "batch"), "32") && s->batch == 32 && !TSGD_GIVEN(s, batch));
    cr_expect(tsgd_settings_get(s, "bacth") == NULL);
}

Test(settings, the_text_of_a_number_gives_every_bit_back)
{
    static const char *const numbers[] = {"0.30000000000000004", "0.1", "1e-300", "123456789.125",
                                          "0.333333333333333314829616256247", "5"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct tsgd_settings *s = settings_of("bandwidth=%s", numbers[i]);
        struct tsgd_settings *back = settings_of("bandwidth=%s", get(s, "bandwidth"));
        cr_expect(s->bandwidth == strtod(numbers[i], NULL) && back->bandwidth == s->bandwidth,
                  "%s became %s", numbers[i], get(s, "bandwidth"));
    }
    cr_expect(!strcmp(get(settings_of("lr=0.1"), "lr"), "0.1"));
}

Test(settings, a_copy_is_its_own)
{
    struct tsgd_settings *s = settings_of("lr=0.5 model=lenet"), *copy;
    cr_assert(tsgd_settings_copy(&copy, s, NULL) == TSGD_OK);
    cr_assert(tsgd_settings_set(s, "lr", "0.25", NULL) == TSGD_OK);
    cr_assert(tsgd_settings_set(s, "model", "mlp", NULL) == TSGD_OK);
    cr_expect(copy->lr == 0.5 && !strcmp(copy->model, "lenet") && TSGD_GIVEN(copy, lr));
    cr_expect(!TSGD_GIVEN(copy, batch));
    tsgd_settings_free(copy);
    tsgd_settings_free(NULL);
}

static const struct { const char *name, *value, *sentence; } wrong[] = {
    {"momentun", "0.9", "unknown setting 'momentun'; did you mean 'momentum'?"},
    {"zzzzzzzzzz", "1", "unknown setting 'zzzzzzzzzz'"},
    {"log", "l", "--log: belongs to the program telesgd alone, not to its library; leave it out"},
    {"dry-run", "true", "--dry-run: belongs to the program telesgd alone"},
    {"lr", "", "--lr: '' is not a number above 0"},
    {"lr", "0,5", "--lr: '0,5' is not a number above 0"},
    {"lr", "inf", "--lr: 'inf' is not finite, want a number above 0"},
    {"lr", "NaN", "--lr: 'NaN' is not finite, want a number above 0"},
    {"lr", "1e400", "--lr: '1e400' is not finite, want a number above 0"},
    {"lr", "info", "--lr: 'info' is not a number above 0"},
    {"lr", "1e-400", "--lr: '1e-400' is 0 in single precision, want a number that it can hold"},
    {"lr", "0e1", "--lr: '0e1' is not a number above 0"},
    {"zeta2", "1e-400", "--zeta2: '1e-400' is 0 in double precision, want a number that it can"},
    {"momentum", "-infinity", "--momentum: '-infinity' is not finite, want a number from 0 up to"},
    {"rounds", "inf", "--rounds: 'inf' is not a whole number from 1 up"},
    {"lr", "1e60", "--lr: '1e60' is inf in single precision, want a number that it can hold"},
    {"lr", "1e-60", "--lr: '1e-60' is 0 in single precision"},
    {"momentum", "0.99999999", "--momentum: '0.99999999' is not a number from 0 up to but not"},
    {"nodes", "0", "--nodes: '0' is not a whole number from 1 up"},
    {"nodes", "4294967295", "--nodes: '4294967295' is more than 4294967294"},
    {"threads", "65537", "--threads: '65537' is more than 65536"},
    {"samples", "9223372036854775808", "is more than 9223372036854775807"},
    {"samples", "99999999999999999999999", "is more than 9223372036854775807"},
    {"rounds", "4294967280", "--rounds: '4294967280' is more than 4294967279"},
    {"validation", "1", "--validation: '1' is not a number above 0 and below 1"},
    {"availability", "1.5", "--availability: '1.5' is not a number above 0 and at most 1"},
    {"offline", "hol", "--offline: unknown 'hol'; did you mean 'hold'?"},
    {"offline", "hold|isolate", "--offline: unknown 'hold|isolate'"},
    {"pin", "yes", "--pin: 'yes' is not true or false"},
    {"data", "", "--data: the value is empty"},
    {"lr-grid", "0.1,", "--lr-grid: '' is not a number above 0"},
    {"lr-grid", "0.1,1e-1", "--lr-grid: '1e-1' stands there twice"},
};

Test(settings, a_value_that_is_none_is_refused_and_changes_nothing)
{
    struct tsgd_settings *s = settings_of("lr=0.5 nodes=7 offline=isolate data=d");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct tsgd_error err = {TSGD_OK, ""};
        char before[64];
        snprintf(before, sizeof before, "%s", get(s, wrong[i].name));
        cr_expect(tsgd_settings_set(s, wrong[i].name, wrong[i].value, &err) == TSGD_EINVAL);
        cr_expect(strstr(err.text, wrong[i].sentence), "wants '%s', says '%s'", wrong[i].sentence,
                  err.text);
        cr_expect(!strcmp(get(s, wrong[i].name), before), "%s", wrong[i].name);
    }
    cr_expect(s->lr == 0.5 && s->nodes == 7 && !strcmp(s->data, "d"));
}

Test(settings, every_option_of_the_program_is_refused_and_every_other_one_is_taken)
{
    struct tsgd_settings *s = settings_of("%s", "");
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        const struct tsgd_setting *row = tsgd_setting_at(i);
        enum tsgd_status st = tsgd_settings_set(s, row->name, row->default_text, NULL);
        cr_expect((st == TSGD_OK) == !row->of_program, "%s", row->name);
    }
}

/* A value that the row can have. */
static const char *some(const struct tsgd_setting_row *row)
{
    static char first[32];
    if (row->type == TSGD_TYPE_CHOICE) {
        snprintf(first, sizeof first, "%.*s", (int)strcspn(row->shown.choices, "|"),
                 row->shown.choices);
        return first;
    }
    if (row->type == TSGD_TYPE_COUNT)
        return "1";
    return row->type == TSGD_TYPE_FLAG ? "true" : row->type == TSGD_TYPE_TEXT ? "ring" :
           row->above || row->below ? "0.5" : "1";
}

/* Without churn, a simulated network, a trace: all of their settings are refused, and those of the
 * other kind of model; the sentence names the setting.                                          */
Test(settings, what_has_no_owner_in_the_run_is_refused)
{
    static const char *const models[] = {"model=quadratic", "model=logistic data=blobs:100,4,2"};
    size_t refused[2] = {0};
    for (int m = 0; m < 2; m++)
        for (size_t i = 0; i < TSGD_SETTINGS; i++) {
            const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
            const struct tsgd_settings *s = settings_of("%s nodes=4 active=2 rounds=2", models[m]);
            struct tsgd_error err = {TSGD_OK, ""};
            char change[64], name[40];
            bool owned = row->owner == TSGD_OWNER_RUN || row->owner == TSGD_OWNER_METHOD ||
                         row->owner == (m ? TSGD_OWNER_DATA : TSGD_OWNER_QUADRATIC) ||
                         (!m && row->owner == TSGD_OWNER_DIM);
            bool taken = row->commands & TSGD_FOR_TRAIN;
            if (row->shown.of_program || (owned && taken))
                continue;
            snprintf(change, sizeof change, "%s=%s", row->shown.name, some(row));
            snprintf(name, sizeof name, "--%s: ", row->shown.name);
            cr_expect(settings_try_run(s, change, &err) == TSGD_EINVAL, "%s was accepted", change);
            cr_expect(!strncmp(err.text, name, strlen(name)), "%s: %s", change, err.text);
            refused[m]++;
        }
    cr_expect(refused[0] > 15 && refused[1] > 10, "%zu and %zu", refused[0], refused[1]);
}

Test(settings, a_flag_that_is_false_asks_for_nothing)
{
    struct tsgd_error err;
    const struct tsgd_settings *s = settings_of("model=quadratic nodes=4 active=2 rounds=2");
    cr_expect(settings_try_run(s, "allow-empty=false trace-layers=false", &err) == TSGD_OK, "%s",
              err.text);
}

Test(settings, defaults_apply_where_their_owner_is)
{
    struct tsgd_run *run;
    const struct tsgd_settings *s = settings_of("model=quadratic nodes=4 active=2 rounds=2");
    cr_assert(tsgd_run_create(&run, s, NULL) == TSGD_OK);
    const struct tsgd_settings *r = tsgd_run_info(run)->resolved;
    cr_expect(!strcmp(get(r, "dim"), "50") && !strcmp(get(r, "batch"), "1"));
    cr_expect(!strcmp(get(r, "partition"), "(none)") && !strcmp(get(r, "tau"), "(none)"));
    cr_expect(!strcmp(get(r, "offline"), "(none)") && !strcmp(get(r, "validation"), "(none)"));
    tsgd_run_free(run);
    s = settings_of("model=logistic data=blobs:100,4,2 nodes=4 active=2 rounds=2 seed=5 "
                    "link-cost=preferred availability=0.5");
    cr_assert(tsgd_run_create(&run, s, NULL) == TSGD_OK);
    r = tsgd_run_info(run)->resolved;
    cr_expect(!strcmp(get(r, "dim"), "(none)") && !strcmp(get(r, "batch"), "32"));
    cr_expect(!strcmp(get(r, "partition"), "iid") && !strcmp(get(r, "tau"), "5"));
    cr_expect(!strcmp(get(r, "link-topology"), "ring") && !strcmp(get(r, "link-seconds"), "1"));
    cr_expect(!strcmp(get(r, "offline"), "hold") && !strcmp(get(r, "split-seed"), "5"));
    cr_expect(!strcmp(get(r, "eval-every"), "1") && !strcmp(get(r, "step-parts"), "1"));
    tsgd_run_free(run);
    s = settings_of("model=logistic data=blobs:100,4,2 nodes=4 rounds=2 link-cost=slow-links:0.5 "
                    "bandwidth=10");
    cr_assert(tsgd_run_create(&run, s, NULL) == TSGD_OK);
    r = tsgd_run_info(run)->resolved;
    cr_expect(!strcmp(get(r, "link-topology"), "(none)") && !strcmp(get(r, "link-seconds"), "0"));
    cr_expect(!strcmp(get(r, "active"), "4"), "fewer nodes than the default of active ones");
    tsgd_run_free(run);
}

static const struct { const char *text, *nodes, *active, *rounds; } sizes[] = {
    {"", "100", "8", "2000"},
    {"nodes=5", "5", "5", "2000"},
    {"nodes=30 active=3 rounds=7", "30", "3", "7"},
    {"samples=1000", "100", "8", "(none)"},
    {"samples=1000 rounds=9", "100", "8", "9"},
    {"method=dsgd nodes=30", "30", "30", "2000"},
    {"method=qg-dsgdm momentum=0.5 nodes=30", "30", "(none)", "2000"},
};

Test(settings, a_model_alone_is_enough_to_train)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct tsgd_run *run;
        struct tsgd_error err;
        const struct tsgd_settings *s = settings_of("model=quadratic %s", sizes[i].text);
        cr_assert(tsgd_run_create(&run, s, &err) == TSGD_OK, "%s", err.text);
        const struct tsgd_info *info = tsgd_run_info(run);
        cr_expect(!strcmp(get(info->resolved, "nodes"), sizes[i].nodes), "%s", sizes[i].text);
        cr_expect(!strcmp(get(info->resolved, "active"), sizes[i].active), "%s", sizes[i].text);
        cr_expect(!strcmp(get(info->resolved, "rounds"), sizes[i].rounds), "%s", sizes[i].text);
        const char *tokens = *sizes[i].active == '(' ? "30" : sizes[i].active;
        cr_expect(info->tokens == strtoull(tokens, NULL, 10), "%s", sizes[i].text);
        tsgd_run_free(run);
    }
}

Test(settings, a_run_and_a_search_copy_what_they_need)
{
    struct tsgd_settings *s;
    struct tsgd_run *run;
    struct tsgd_tune *tune;
    struct tsgd_summary end;
    struct tsgd_tuning found;
    char data[] = "blobs:600,12,4";
    for (int i = 0; i < 2; i++) {
        cr_assert(tsgd_settings_create(&s, NULL) == TSGD_OK);
        cr_assert(tsgd_settings_set(s, "data", data, NULL) == TSGD_OK);
        cr_assert(tsgd_settings_set(s, "model", "mlp:8", NULL) == TSGD_OK);
        cr_assert(tsgd_settings_set(s, "nodes", "9", NULL) == TSGD_OK);
        cr_assert(tsgd_settings_set(s, "rounds", "5", NULL) == TSGD_OK);
        enum tsgd_status st = i ? tsgd_tune_create(&tune, s, NULL) : tsgd_run_create(&run, s, NULL);
        cr_assert(st == TSGD_OK);
        tsgd_settings_set(s, "data", "elsewhere", NULL);
        tsgd_settings_free(s);
        if (i) {
            cr_expect(tsgd_tune_run(tune, NULL, NULL, &found, NULL) == TSGD_OK);
            cr_expect(!strcmp(get(tsgd_tune_info(tune)->resolved, "data"), data));
            tsgd_tune_free(tune);
        } else {
            cr_expect(tsgd_run_train(run, NULL, NULL, &end, NULL) == TSGD_OK);
            cr_expect(!strcmp(get(tsgd_run_info(run)->resolved, "data"), data));
            tsgd_run_free(run);
        }
    }
}

/* Settings that changes_result leaves out give the same bits whatever they are. */
Test(settings, what_is_said_not_to_change_the_result_does_not)
{
    static const char *const others[] = {"threads=3", "gossip=rows", "gossip=slices", "pin=true",
                                         "trace=/dev/shm/telesgd-test-trace",
                                         "save-split=/dev/shm/telesgd-test-split"};
    uint64_t want = 0;
    for (size_t i = 0; i <= sizeof others / sizeof *others; i++) {
        struct tsgd_run *run;
        struct tsgd_summary end;
        struct tsgd_error err;
        const char *other = i ? others[i - 1] : "";
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(other, "="), other);
        cr_expect(!i || !tsgd_setting_find(name, ~0u)->shown.changes_result, "%s", name);
        const struct tsgd_settings *s = settings_of("data=blobs:300,4,2 model=logistic nodes=9 "
                                                    "active=4 rounds=9 threads=2 %s", other);
        cr_assert(tsgd_run_create(&run, s, &err) == TSGD_OK, "%s", err.text);
        cr_assert(tsgd_run_train(run, NULL, NULL, &end, &err) == TSGD_OK, "%s", err.text);
        want = i ? want : end.last.state_hash;
        cr_expect(end.last.state_hash == want, "%s", other);
        tsgd_run_free(run);
    }
    remove("/dev/shm/telesgd-test-split");
}
