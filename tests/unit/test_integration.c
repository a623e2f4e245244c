/* SPDX-License-Identifier: MIT */
#include "unit/store_rig.h"

#include "access/integration.h"
#include "access/secrets.h"
#include "store/read.h"

static const char config[] = "{\"clientId\":\"c\",\"clientSecret\":\"canary-7f3a9c\"}";
static struct rig rig;
static struct tn_secrets secrets;

static int set_up(void **state)
{
    struct tn_err err;
    (void)state;
    assert_true(
        tn_secrets_from(&secrets, TN_STR("a pass phrase of some length"), TN_STR(""), &err));
    rig_open(&rig);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

static struct tn_id put(int64_t team, const char *name)
{
    struct tn_commit *c = tn_commit_new(rig.store);
    struct tn_integration i;
    struct tn_err err;
    tn_integration_init(&i);
    i.id = tn_id_new();
    i.team = team;
    i.name = i.display_name = tn_str(name);
    i.type = TN_STR("ERP");
    i.adapter = TN_STR("oracle_fusion");
    tn_buf_adds(&i.config, config);
    assert_true(tn_integration_put(&i, c, &secrets, TN_NEW_ONLY, &err));
    struct tn_id id = i.id;
    tn_integration_clear(&i);
    if (!rig_commit(&rig, c)) fail_msg("%s", rig.err.text);
    return id;
}

static void keep(void *arg, struct tn_found *found, const struct tn_err *err)
{
    assert_null(err);
    *(struct tn_found **)arg = tn_found_ref(found);
}

static bool load(int64_t team, const char *wanted, const struct tn_secrets *s, struct tn_err *err)
{
    struct tn_integration i;
    struct tn_found *found = NULL;
    struct tn_read *read = tn_read_new(team);
    size_t question = tn_integration_ask(read, tn_str(wanted));
    tn_integration_init(&i);
    tn_store_read(rig.store, read, NULL, keep, &found);
    while (!found) tn_loop_turn(rig.loop, true);
    bool ok = tn_integration_found(&i, found, question, s, tn_str(wanted), err);
    if (ok) assert_string_equal(i.config.p, config);
    tn_found_unref(found);
    tn_integration_clear(&i);
    return ok;
}

static void it_is_found_by_id_and_by_name_in_its_team_alone(void **state)
{
    char id[TN_ID_LEN + 1];
    struct tn_err err;
    (void)state;
    struct tn_id made = put(1, "plant_7");
    tn_id_text(&made, id);
    assert_true(load(1, "plant_7", &secrets, &err));
    assert_true(load(1, id, &secrets, &err));
    assert_false(load(2, "plant_7", &secrets, &err));
    assert_int_equal(err.kind, TN_E_not_found);
    assert_false(load(2, id, &secrets, &err));
    assert_int_equal(err.kind, TN_E_not_found);
    assert_false(load(1, "plant_8", &secrets, &err));
    assert_non_null(strstr(err.text, "plant_8"));
}

static bool contains_canary(const char *path)
{
    static char bytes[8 << 20];
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    return memmem(bytes, n, "canary-7f3a9c", 13) != NULL;
}

static void no_file_holds_the_secret_in_clear(void **state)
{
    static const char *const files[] = {"tenon.db", "tenon.db-wal", "tenon.db-shm"};
    char path[128];
    (void)state;
    put(1, "plant_7");
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", rig.dir, files[i]);
        assert_false(contains_canary(path));
    }
}

static bool copy_body(void *arg, const struct tn_row *row)
{
    tn_buf_addstr(arg, row->body);
    return false;
}

static void a_config_that_was_moved_to_another_row_does_not_open(void **state)
{
    struct tn_buf body;
    struct tn_page page;
    struct tn_err err;
    char id_text[TN_ID_LEN + 1];
    struct tn_id id = tn_id_new();
    struct tn_query q = {.team = 1, .table = "integration", .limit = 1};
    (void)state;
    put(1, "plant_7");
    tn_buf_init(&body, 1 << 20);
    tn_page_init(&page);
    assert_true(tn_store_query(rig.store, &q, copy_body, &body, &page, &err));
    memcpy(strstr(body.p, "plant_7"), "plant_9", 7);
    struct tn_commit *c = tn_commit_new(rig.store);
    assert_true(tn_commit_put(c, 1, "integration", &id, tn_buf_str(&body), TN_NEW_ONLY, &err));
    assert_true(rig_commit(&rig, c));
    tn_id_text(&id, id_text);
    assert_false(load(1, id_text, &secrets, &err));
    assert_int_equal(err.kind, TN_E_corrupt);
    tn_page_clear(&page);
    tn_buf_clear(&body);
}

int main(void)
{
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_STORE(it_is_found_by_id_and_by_name_in_its_team_alone),
        WITH_STORE(no_file_holds_the_secret_in_clear),
        WITH_STORE(a_config_that_was_moved_to_another_row_does_not_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
