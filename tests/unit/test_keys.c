/* SPDX-License-Identifier: MIT */
#include "unit/store_rig.h"

#include "access/keys.h"
#include "access/roles.h"
#include "access/secrets.h"

static struct rig rig;
static struct tn_secrets secrets;
static struct tn_keys *keys;

static int set_up(void **state)
{
    struct tn_err err;
    (void)state;
    assert_true(
        tn_secrets_from(&secrets, TN_STR("a pass phrase of some length"), TN_STR(""), &err));
    rig_open(&rig);
    keys = tn_keys_open(rig.store, &secrets);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tn_keys_close(keys);
    rig_close(&rig);
    return 0;
}

static struct tn_id make(int64_t team, const char *role, char token[TN_TOKEN_LEN + 1])
{
    struct tn_commit *c = tn_commit_new(rig.store);
    struct tn_err err;
    struct tn_id id;
    if (!tn_keys_make(keys, c, team, TN_STR("a key"), tn_str(role), 0, token, &id, &err))
        fail_msg("%s", err.text);
    if (!rig_commit(&rig, c)) fail_msg("%s", rig.err.text);
    return id;
}

static bool opens(const char *token, struct tn_identity *who)
{
    struct tn_err err;
    bool ok = tn_keys_check(keys, tn_str(token), who, &err);
    if (!ok) assert_int_equal(err.kind, TN_E_unauthorized);
    return ok;
}

static void a_key_opens_for_its_team_and_role(void **state)
{
    char token[TN_TOKEN_LEN + 1];
    struct tn_identity who;
    (void)state;
    make(7, "read_only", token);
    assert_int_equal(strlen(token), TN_TOKEN_LEN);
    assert_true(tn_token_wellformed(tn_str(token)));
    assert_true(opens(token, &who));
    assert_int_equal(who.team, 7);
    assert_string_equal(who.name, "a key");
    assert_true(who.permissions & TN_MAY_read_records);
    assert_false(who.permissions & TN_MAY_write_records);
}

static void every_other_key_is_refused(void **state)
{
    char token[TN_TOKEN_LEN + 1], other[TN_TOKEN_LEN + 1];
    struct tn_identity who;
    (void)state;
    make(1, "admin", token);
    for (int i = 0; i < TN_TOKEN_LEN; i++) {
        memcpy(other, token, sizeof other);
        other[i] = other[i] == 'a' ? 'b' : 'a';
        assert_false(opens(other, &who));
    }
    assert_false(opens("", &who));
    memcpy(other, token, sizeof other);
    other[TN_TOKEN_LEN - 1] = '\0';
    assert_false(opens(other, &who));
    assert_true(opens(token, &who));
}

static void a_revoked_key_is_refused_at_once(void **state)
{
    char token[TN_TOKEN_LEN + 1];
    struct tn_identity who;
    struct tn_err err;
    (void)state;
    struct tn_id id = make(1, "admin", token);
    assert_true(opens(token, &who)); /* and is cached now */
    struct tn_commit *c = tn_commit_new(rig.store);
    assert_true(tn_commit_delete(c, 1, "key", &id, TN_ANY, &err));
    assert_true(rig_commit(&rig, c));
    assert_false(opens(token, &who));
}

static void another_pepper_opens_nothing(void **state)
{
    char token[TN_TOKEN_LEN + 1];
    struct tn_identity who;
    struct tn_secrets others;
    struct tn_err err;
    (void)state;
    make(1, "admin", token);
    assert_true(tn_secrets_from(&others, TN_STR("another pass phrase, as long"), TN_STR(""), &err));
    tn_keys_close(keys);
    keys = tn_keys_open(rig.store, &others);
    assert_false(opens(token, &who));
}

static void an_unknown_role_is_refused_with_the_known_ones(void **state)
{
    struct tn_commit *c = tn_commit_new(rig.store);
    char token[TN_TOKEN_LEN + 1];
    struct tn_err err;
    struct tn_id id;
    (void)state;
    assert_false(tn_keys_make(keys, c, 1, TN_STR("x"), TN_STR("king"), 0, token, &id, &err));
    assert_string_equal(err.field, "role");
    assert_non_null(strstr(err.text, "plant_manager"));
    tn_commit_free(c);
}

int main(void)
{
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_STORE(a_key_opens_for_its_team_and_role),
        WITH_STORE(every_other_key_is_refused),
        WITH_STORE(a_revoked_key_is_refused_at_once),
        WITH_STORE(another_pepper_opens_nothing),
        WITH_STORE(an_unknown_role_is_refused_with_the_known_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
