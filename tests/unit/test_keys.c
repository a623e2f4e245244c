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
    if (!tn_keys_make(keys, c, team, TN_STR("a key"), tn_str(role), NULL, 0, token, &id, &err))
        fail_msg("%s", err.text);
    if (!rig_commit(&rig, c)) fail_msg("%s", rig.err.text);
    return id;
}

struct checked {
    struct tn_actor *who;
    struct tn_err err;
    int answers;
    bool ok;
};

static void on_checked(void *arg, const struct tn_actor *who, const struct tn_err *err)
{
    struct checked *c = arg;
    assert_true((who != NULL) != (err != NULL));
    c->answers++;
    c->ok = who != NULL;
    if (who) *c->who = *who;
    if (err) c->err = *err;
}

/* How the key is found matters not here. */
static bool opens(const char *token, struct tn_actor *who)
{
    struct checked c = {.who = who};
    enum tn_key_state state = tn_keys_check(keys, tn_str(token), who, &c.err, on_checked, &c);
    assert_int_equal(c.answers, 0);
    if (state == TN_KEY_asked)
        while (!c.answers) tn_loop_turn(rig.loop, true);
    else
        c.ok = state == TN_KEY_good;
    if (!c.ok) assert_int_equal(c.err.kind, TN_E_unauthorized);
    return c.ok;
}

static void a_key_opens_for_its_team_and_role(void **state)
{
    char token[TN_TOKEN_LEN + 1];
    struct tn_actor who;
    (void)state;
    make(7, "read_only", token);
    assert_int_equal(strlen(token), TN_TOKEN_LEN);
    assert_true(tn_token_wellformed(tn_str(token)));
    assert_true(opens(token, &who));
    assert_int_equal(who.team, 7);
    assert_string_equal(who.name, "a key");
    assert_true(tn_actor_may(&who, "item", "read"));
    assert_false(tn_actor_may(&who, "item", "create"));
}

static void put_role(struct tn_id *id, int64_t team, const char *body, int64_t based_on)
{
    struct tn_commit *c = tn_commit_new(rig.store);
    struct tn_err err;
    assert_true(tn_commit_put(c, team, "role", id, tn_str(body), based_on, &err));
    assert_true(rig_commit(&rig, c));
}

/* Of its own team, at once when the role changes, and nothing once it is gone. */
static void a_role_that_a_team_made_grants_what_its_record_says_now(void **state)
{
    char token[TN_TOKEN_LEN + 1];
    struct tn_id id = tn_id_new(), others = tn_id_new();
    struct tn_row own = {.id = id, .version = 1};
    struct tn_actor who;
    struct tn_err err;
    (void)state;
    put_role(&others, 8, "{\"name\":\"picker\",\"grants\":[\"*:*\"]}", TN_NEW_ONLY);
    put_role(&id, 7, "{\"name\":\"picker\",\"grants\":[\"item:read\",\"key:read\"]}", TN_NEW_ONLY);
    struct tn_commit *c = tn_commit_new(rig.store);
    assert_true(tn_keys_make(keys, c, 7, TN_STR("a key"), TN_STR("picker"), &own, 0, token,
                             &(struct tn_id){{0}}, &err));
    assert_true(rig_commit(&rig, c));
    assert_true(opens(token, &who));
    assert_string_equal(who.grants, "item:read key:read");
    put_role(&id, 7, "{\"name\":\"picker\",\"grants\":[\"order:*\"]}", TN_ANY);
    assert_true(opens(token, &who));
    assert_string_equal(who.grants, "order:*");
    c = tn_commit_new(rig.store);
    assert_true(tn_commit_delete(c, 7, "role", &id, TN_ANY, &err));
    assert_true(rig_commit(&rig, c));
    assert_true(opens(token, &who));
    assert_string_equal(who.grants, "");
    /* A key is made of the role as it was read, or not at all. */
    c = tn_commit_new(rig.store);
    assert_true(tn_keys_make(keys, c, 7, TN_STR("late"), TN_STR("picker"), &own, 0, token,
                             &(struct tn_id){{0}}, &err));
    assert_false(rig_commit(&rig, c));
    assert_int_equal(rig.err.kind, TN_E_conflict);
}

static void every_other_key_is_refused(void **state)
{
    char token[TN_TOKEN_LEN + 1], other[TN_TOKEN_LEN + 1];
    struct tn_actor who;
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
    struct tn_actor who;
    struct tn_err err;
    (void)state;
    struct tn_id id = make(1, "admin", token);
    assert_true(opens(token, &who)); /* and is cached now */
    struct tn_commit *c = tn_commit_new(rig.store);
    assert_true(tn_commit_delete(c, 1, "key", &id, TN_ANY, &err));
    assert_true(rig_commit(&rig, c));
    assert_false(opens(token, &who));
}

static void a_key_is_read_once_and_then_known(void **state)
{
    char token[TN_TOKEN_LEN + 1];
    struct tn_actor who;
    struct checked c = {.who = &who};
    (void)state;
    make(1, "admin", token);
    assert_int_equal(tn_keys_check(keys, tn_str(token), &who, &c.err, on_checked, &c),
                     TN_KEY_asked);
    while (!c.answers) tn_loop_turn(rig.loop, true);
    assert_int_equal(tn_keys_check(keys, tn_str(token), &who, &c.err, on_checked, &c), TN_KEY_good);
    make(1, "admin", token); /* a note: forget all */
    assert_int_equal(tn_keys_check(keys, tn_str(token), &who, &c.err, on_checked, &c),
                     TN_KEY_asked);
    while (c.answers < 2) tn_loop_turn(rig.loop, true);
}

/* The look-up is on its way while the note of a revocation comes. */
static void what_was_read_before_a_note_is_not_kept(void **state)
{
    char token[TN_TOKEN_LEN + 1], other[TN_TOKEN_LEN + 1];
    struct tn_actor who;
    struct tn_err err;
    (void)state;
    struct tn_id id = make(1, "admin", token);
    struct tn_store *plain = rig.store;
    for (int i = 0; i < 20; i++) {
        struct checked c = {.who = &who};
        setenv("TENON_STORE_READS", "random", 1);
        rig.store = rig_connect(&rig);
        unsetenv("TENON_STORE_READS");
        tn_keys_close(keys);
        keys = tn_keys_open(rig.store, &secrets);
        assert_int_equal(tn_keys_check(keys, tn_str(token), &who, &err, on_checked, &c),
                         TN_KEY_asked);
        if (i == 19) {
            struct tn_commit *commit = tn_commit_new(rig.store);
            assert_true(tn_commit_delete(commit, 1, "key", &id, TN_ANY, &err));
            assert_true(rig_commit(&rig, commit));
        } else {
            make(1, "admin", other);
        }
        while (!c.answers) tn_loop_turn(rig.loop, true);
        assert_int_equal(opens(token, &who), i < 19);
        tn_keys_close(keys);
        keys = NULL;
        tn_store_close(rig.store);
    }
    rig.store = plain;
}

static void a_look_up_is_cancelled_at_close(void **state)
{
    char token[TN_TOKEN_LEN + 1];
    struct tn_actor who;
    struct checked c = {.who = &who};
    (void)state;
    make(1, "admin", token);
    assert_int_equal(tn_keys_check(keys, tn_str(token), &who, &c.err, on_checked, &c),
                     TN_KEY_asked);
    tn_keys_close(keys);
    keys = NULL;
    assert_int_equal(c.answers, 1);
    assert_int_equal(c.err.kind, TN_E_cancelled);
    for (int i = 0; i < 5; i++) tn_loop_turn(rig.loop, false);
    assert_int_equal(c.answers, 1);
}

static void another_pepper_opens_nothing(void **state)
{
    char token[TN_TOKEN_LEN + 1];
    struct tn_actor who;
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
    assert_false(tn_keys_make(keys, c, 1, TN_STR("x"), TN_STR("king"), NULL, 0, token, &id, &err));
    assert_string_equal(err.field, "role");
    assert_non_null(strstr(err.text, "plant_manager"));
    tn_commit_free(c);
}

int main(void)
{
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_STORE(a_key_opens_for_its_team_and_role),
        WITH_STORE(a_role_that_a_team_made_grants_what_its_record_says_now),
        WITH_STORE(every_other_key_is_refused),
        WITH_STORE(a_revoked_key_is_refused_at_once),
        WITH_STORE(a_key_is_read_once_and_then_known),
        WITH_STORE(what_was_read_before_a_note_is_not_kept),
        WITH_STORE(a_look_up_is_cancelled_at_close),
        WITH_STORE(another_pepper_opens_nothing),
        WITH_STORE(an_unknown_role_is_refused_with_the_known_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
