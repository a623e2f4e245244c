/* SPDX-License-Identifier: MIT */
#include "unit/store_rig.h"

#include "access/secrets.h"
#include "scripts/rows.h"

static struct rig rig;
static struct tn_secrets secrets;
static struct tn_rows *rows;
static struct tn_id plant;
static char id[TN_ID_LEN + 1];
static int64_t version;

static void put(const char *display_name)
{
    struct tn_commit *c = tn_commit_new(rig.store);
    struct tn_integration i;
    struct tn_err err;
    tn_integration_init(&i);
    i.id = plant;
    i.team = 1;
    i.name = TN_STR("plant_7");
    i.display_name = tn_str(display_name);
    i.type = TN_STR("ERP");
    i.adapter = TN_STR("oracle_fusion");
    tn_buf_adds(&i.config, "{}");
    assert_true(tn_integration_put(&i, c, &secrets, version++, &err));
    tn_integration_clear(&i);
    if (!rig_commit(&rig, c)) fail_msg("%s", rig.err.text);
}

static int set_up(void **state)
{
    struct tn_err err;
    (void)state;
    assert_true(
        tn_secrets_from(&secrets, TN_STR("a pass phrase of some length"), TN_STR(""), &err));
    rig_open(&rig);
    rows = tn_rows_new(rig.store, &secrets);
    plant = tn_id_new();
    tn_id_text(&plant, id);
    version = 0;
    put("first");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tn_rows_free(rows);
    rig_close(&rig);
    return 0;
}

struct answer {
    bool done;
    struct tn_err err;
};

static void on_row(void *arg, const struct tn_err *err)
{
    struct answer *a = arg;
    a->done = true;
    tn_err_clear(&a->err);
    if (err) a->err = *err;
}

static enum tn_kind read_it(int64_t team, const char *wanted)
{
    struct answer a = {.done = false};
    tn_rows_read(rows, team, wanted, on_row, &a);
    assert_false(a.done);
    while (!a.done) tn_loop_turn(rig.loop, true);
    return a.err.kind;
}

static void expect_at_hand(const char *wanted, const char *display_name)
{
    struct tn_integration i;
    struct tn_err err;
    tn_integration_init(&i);
    if (!tn_rows_find(rows, 1, wanted, &i, &err)) fail_msg("%s", err.text);
    assert_true(tn_str_is(i.display_name, display_name));
    tn_integration_clear(&i);
}

static void a_row_is_at_hand_once_it_was_read_in_its_team_alone(void **state)
{
    struct tn_integration i;
    struct tn_err err;
    (void)state;
    tn_integration_init(&i);
    assert_false(tn_rows_has(rows, 1, id));
    assert_false(tn_rows_find(rows, 1, id, &i, &err));
    assert_int_equal(err.kind, TN_E_unavailable);
    assert_int_equal(read_it(1, id), TN_E_none);
    assert_int_equal(read_it(1, "plant_7"), TN_E_none);
    expect_at_hand(id, "first");
    expect_at_hand("plant_7", "first");
    assert_int_equal(read_it(2, id), TN_E_not_found);
    assert_false(tn_rows_has(rows, 2, id));
    tn_integration_clear(&i);
}

static void one_that_changed_is_at_hand_no_more_under_either_name(void **state)
{
    (void)state;
    assert_int_equal(read_it(1, id), TN_E_none);
    assert_int_equal(read_it(1, "plant_7"), TN_E_none);
    put("second");
    tn_rows_drop(rows, id);
    assert_false(tn_rows_has(rows, 1, id));
    assert_false(tn_rows_has(rows, 1, "plant_7"));
    assert_int_equal(read_it(1, id), TN_E_none);
    expect_at_hand(id, "second");
    tn_rows_forget(rows);
    assert_false(tn_rows_has(rows, 1, id));
}

static void on_change(void *arg, const struct tn_changes *changes)
{
    (void)arg, (void)changes;
    tn_rows_drop(rows, id);
}

/* An answer from before the change would stay at hand for ever. */
static void one_that_changes_while_it_is_read_is_read_again(void **state)
{
    const char *const by[] = {id, "plant_7"};
    (void)state;
    tn_store_on_change(rig.store, on_change, NULL);
    for (size_t k = 0; k < 2; k++) {
        struct answer a = {.done = false};
        char now[24];
        snprintf(now, sizeof now, "now %zu", k);
        tn_rows_read(rows, 1, by[k], on_row, &a);
        put(now);
        while (!a.done) tn_loop_turn(rig.loop, true);
        assert_int_equal(a.err.kind, TN_E_none);
        if (tn_rows_has(rows, 1, by[k]))
            expect_at_hand(by[k], now);
        else
            assert_int_equal(read_it(1, by[k]), TN_E_none);
        expect_at_hand(by[k], now);
    }
    tn_store_off_change(rig.store, on_change, NULL);
}

static void a_read_that_is_stopped_calls_nobody(void **state)
{
    (void)state;
    tn_rows_stop(tn_rows_read(rows, 1, id, NULL, NULL));
    assert_int_equal(read_it(1, id), TN_E_none);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_row_is_at_hand_once_it_was_read_in_its_team_alone),
        T(one_that_changed_is_at_hand_no_more_under_either_name),
        T(one_that_changes_while_it_is_read_is_read_again),
        T(a_read_that_is_stopped_calls_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
