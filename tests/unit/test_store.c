/* SPDX-License-Identifier: MIT */
#include "store_rig.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "base/time.h"

static const struct tn_column item_columns[] = {
    {"part_number", TN_COLUMN_text, true}, {"status", TN_COLUMN_text, true},
    {"quantity", TN_COLUMN_int, true},     {"weight", TN_COLUMN_real, true},
    {"open", TN_COLUMN_bool, true},        {"due", TN_COLUMN_time, true},
    {"name", TN_COLUMN_text, false},
};
static const struct tn_table items = {
    "items", item_columns, 7, {"part_number"}, "item", true,
};

static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    rig_open(r);
    assert_true(rig_define(r, &items));
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    tn_fault_arm(NULL);
    rig_close(*state);
    free(*state);
    return 0;
}

static struct tn_id put(struct rig *r, int64_t team, const char *body, int64_t based_on)
{
    struct tn_id id = tn_id_new();
    struct tn_err err;
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(tn_commit_put(c, team, "items", &id, tn_str(body), based_on, &err));
    rig_commit(r, c);
    return id;
}

static void expect_body(struct rig *r, int64_t team, const struct tn_id *id, const char *body,
                        int64_t version)
{
    struct tn_buf hold;
    struct tn_row row;
    struct tn_err err;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    if (!tn_store_get(r->store, team, "items", id, &row, &hold, &err)) fail_msg("%s", err.text);
    assert_true(tn_str_is(row.body, body));
    assert_int_equal(row.version, version);
    assert_int_equal(row.team, team);
    tn_buf_clear(&hold);
}

static enum tn_kind get_kind(struct rig *r, int64_t team, const char *table, const struct tn_id *id)
{
    struct tn_buf hold;
    struct tn_row row;
    struct tn_err err;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    enum tn_kind kind =
        tn_store_get(r->store, team, table, id, &row, &hold, &err) ? TN_E_none : err.kind;
    tn_buf_clear(&hold);
    return kind;
}

/* ------------------------------------------------------------------ records */

static void a_key_or_external_id_with_a_nul_is_refused(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct tn_id id = put(r, 1, "{\"part_number\":\"A\"}", TN_NEW_ONLY);
    struct tn_str bad = TN_STR("{\"part_number\":\"A\\u0000\"}");
    struct tn_upsert u = {.team = 1,
                          .table = "items",
                          .source = {.entity = TN_STR("item")},
                          .external_id = TN_STR("x"),
                          .body = bad};
    struct tn_commit *c = tn_commit_new(r->store);
    assert_false(tn_commit_put(c, 1, "items", &id, bad, TN_ANY, &err));
    assert_int_equal(err.kind, TN_E_invalid);
    assert_string_equal(err.field, "part_number");
    assert_false(tn_commit_patch(c, 1, "items", &id, bad, TN_ANY, &err));
    assert_int_equal(err.kind, TN_E_invalid);
    assert_false(tn_commit_upsert(c, &u, &err));
    assert_int_equal(err.kind, TN_E_invalid);
    u.body = TN_STR("{\"part_number\":\"B\",\"status\":\"\\u0000\"}"); /* no key */
    u.external_id = TN_STR("x\0y");
    assert_false(tn_commit_upsert(c, &u, &err));
    assert_int_equal(err.kind, TN_E_invalid);
    assert_false(tn_commit_link(c, 1, "items", &id, &u.source, u.external_id, u.hash, &err));
    assert_int_equal(err.kind, TN_E_invalid);
    assert_int_equal(tn_commit_count(c), 0);
    u.external_id = TN_STR("x");
    assert_true(tn_commit_upsert(c, &u, &err));
    assert_true(rig_commit(r, c));
}

static void a_record_comes_back_as_it_was_given(void **state)
{
    struct rig *r = *state;
    const char *body = "{ \"part_number\":\"A-1\", \"big\":123456789012345678901234567890,"
                       "\"decimal\":0.10,\"empty\":[],\"none\":null,\"text\":\"\\u00e9\\u0000x\" }";
    struct tn_id id = put(r, 1, body, TN_NEW_ONLY);
    assert_true(r->ok);
    assert_int_equal(r->ops[0].kind, TN_DONE_created);
    assert_int_equal(r->ops[0].version, 1);
    assert_memory_equal(&r->ops[0].id, &id, sizeof id);
    expect_body(r, 1, &id, body, 1);
}

static void another_team_sees_nothing(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct tn_id id = put(r, 1, "{\"part_number\":\"A\"}", TN_NEW_ONLY);
    assert_int_equal(get_kind(r, 2, "items", &id), TN_E_not_found);
    assert_int_equal(get_kind(r, TN_TEAM_ALL, "items", &id), TN_E_none);
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(tn_commit_patch(c, 2, "items", &id, tn_str("{\"x\":1}"), TN_ANY, &err));
    assert_false(rig_commit(r, c));
    assert_int_equal(r->err.kind, TN_E_conflict);
    c = tn_commit_new(r->store);
    assert_true(tn_commit_delete(c, 2, "items", &id, TN_ANY, &err));
    assert_true(rig_commit(r, c));
    assert_int_equal(r->ops[0].kind, TN_DONE_unchanged);
    c = tn_commit_new(r->store);
    assert_true(tn_commit_put(c, 2, "items", &id, tn_str("{}"), TN_ANY, &err));
    assert_false(rig_commit(r, c));
    assert_int_equal(r->err.kind, TN_E_conflict);
    put(r, 2, "{\"part_number\":\"A\"}", TN_NEW_ONLY); /* the key is the team's own */
    assert_true(r->ok);
    expect_body(r, 1, &id, "{\"part_number\":\"A\"}", 1);
    struct tn_str key = TN_STR("A");
    struct tn_buf hold;
    struct tn_row row;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    assert_true(tn_store_get_by_key(r->store, 2, "items", &key, 1, &row, &hold, &err));
    assert_int_equal(row.team, 2);
    assert_false(tn_store_get_by_key(r->store, 3, "items", &key, 1, &row, &hold, &err));
    assert_int_equal(err.kind, TN_E_not_found);
    tn_buf_clear(&hold);
}

static void versions_are_checked(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct tn_id id = put(r, 1, "{\"part_number\":\"A\",\"n\":1}", TN_NEW_ONLY);
    const struct {
        int64_t based_on;
        bool ok;
    } tries[] = {
        {TN_NEW_ONLY, false}, {2, false}, {1, true}, {1, false}, {TN_ANY, true},
    };
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        char body[64];
        snprintf(body, sizeof body, "{\"part_number\":\"A\",\"n\":%zu}", i + 10);
        struct tn_commit *c = tn_commit_new(r->store);
        assert_true(tn_commit_put(c, 1, "items", &id, tn_str(body), tries[i].based_on, &err));
        assert_int_equal(rig_commit(r, c), tries[i].ok);
        if (tries[i].ok) continue;
        assert_int_equal(r->err.kind, TN_E_conflict);
        assert_string_equal(r->err.field, "0");
    }
    expect_body(r, 1, &id, "{\"part_number\":\"A\",\"n\":14}", 3);
    struct tn_id other = tn_id_new();
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(tn_commit_put(c, 1, "items", &other, tn_str("{}"), 1, &err));
    assert_false(rig_commit(r, c));
    c = tn_commit_new(r->store);
    assert_true(tn_commit_expect(c, 1, "items", &id, 3, &err));
    assert_true(tn_commit_expect(c, 1, "items", &other, 0, &err));
    assert_true(rig_commit(r, c));
    c = tn_commit_new(r->store);
    assert_true(tn_commit_expect(c, 1, "items", &id, 2, &err));
    assert_false(rig_commit(r, c));
}

static void a_conflict_takes_the_whole_commit_back(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    int64_t head;
    struct tn_id taken = put(r, 1, "{\"part_number\":\"A\"}", TN_NEW_ONLY), other = tn_id_new();
    head = rig_head(r);
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(tn_commit_put(c, 1, "items", &other, tn_str("{\"part_number\":\"B\"}"), 0, &err));
    assert_true(tn_commit_kv_set(c, 1, "s", TN_STR("k"), TN_STR("v"), TN_ANY, 0, &err));
    assert_true(tn_commit_queue_put(
        c, &(struct tn_queue_put){.team = 1, .queue = "q", .payload = TN_STR("p")}, &err));
    assert_true(tn_commit_put(c, 1, "items", &taken, tn_str("{}"), 0, &err));
    assert_false(rig_commit(r, c));
    assert_string_equal(r->err.field, "3");
    assert_int_equal(get_kind(r, 1, "items", &other), TN_E_not_found);
    struct tn_buf value;
    tn_buf_init(&value, 100);
    assert_false(tn_store_kv_get(r->store, 1, "s", TN_STR("k"), &value, NULL, &err));
    tn_buf_clear(&value);
    int64_t count;
    assert_true(tn_store_count(r->store, 1, "items", &count, &err));
    assert_int_equal(count, 1);
    put(r, 1, "{\"part_number\":\"C\"}", TN_NEW_ONLY);
    assert_int_equal(rig_head(r), head + 1); /* no hole */
}

static void neighbours_of_a_conflict_do_not_notice(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct tn_id taken = put(r, 1, "{\"part_number\":\"T\"}", TN_NEW_ONLY), ids[3];
    int before = r->answers;
    for (int i = 0; i < 3; i++) {
        char body[64];
        snprintf(body, sizeof body, "{\"part_number\":\"N%d\"}", i);
        ids[i] = i == 1 ? taken : tn_id_new();
        struct tn_commit *c = tn_commit_new(r->store);
        assert_true(tn_commit_put(c, 1, "items", &ids[i], tn_str(body), 0, &err));
        tn_store_commit(r->store, c, rig_committed, r);
    }
    rig_wait(r, before + 3);
    expect_body(r, 1, &ids[0], "{\"part_number\":\"N0\"}", 1);
    expect_body(r, 1, &taken, "{\"part_number\":\"T\"}", 1);
    expect_body(r, 1, &ids[2], "{\"part_number\":\"N2\"}", 1);
    int64_t count;
    assert_true(tn_store_count(r->store, 1, "items", &count, &err));
    assert_int_equal(count, 3);
}

static void neighbours_of_a_taken_key_do_not_notice(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    int before = r->answers;
    int64_t count, head = rig_head(r);
    put(r, 1, "{\"part_number\":\"T\"}", TN_NEW_ONLY);
    for (int i = 0; i < 3; i++) { /* of one group, each a record alone */
        const char *body = i == 1 ? "{\"part_number\":\"T\"}" : "{\"n\":1}";
        struct tn_commit *c = tn_commit_new(r->store);
        assert_true(tn_commit_put(c, 1, "items", NULL, tn_str(body), TN_NEW_ONLY, &err));
        tn_store_commit(r->store, c, rig_committed, r);
    }
    rig_wait(r, before + 4);
    assert_true(tn_store_count(r->store, 1, "items", &count, &err));
    assert_int_equal(count, 3);
    assert_int_equal(rig_head(r), head + 3); /* no hole */
    put(r, 1, "{\"n\":2}", TN_NEW_ONLY);
    assert_int_equal(rig_head(r), head + 4);
}

static void keys_are_unique_in_a_team(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    char holder[TN_ID_LEN + 1], text[200];
    struct tn_id first = put(r, 1, "{\"part_number\":\"A\"}", TN_NEW_ONLY);
    put(r, 1, "{\"part_number\":\"A\"}", TN_NEW_ONLY);
    assert_false(r->ok);
    assert_int_equal(r->err.kind, TN_E_key_taken);
    tn_id_text(&first, holder);
    snprintf(text, sizeof text, "operation 0: key part_number 'A' is held by item %s", holder);
    assert_string_equal(r->err.text, text);
    assert_string_equal(r->err.field, "0");
    snprintf(text, sizeof text, "{\"key\":{\"part_number\":\"A\"},\"holder\":\"%s\"}", holder);
    assert_string_equal(r->err.params, text);
    struct tn_id free_id = put(r, 1, "{\"part_number\":null}", TN_NEW_ONLY);
    assert_true(r->ok);
    put(r, 1, "{}", TN_NEW_ONLY);
    assert_true(r->ok);
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(
        tn_commit_patch(c, 1, "items", &free_id, tn_str("{\"part_number\":\"A\"}"), TN_ANY, &err));
    assert_false(rig_commit(r, c));
    c = tn_commit_new(r->store);
    assert_true(
        tn_commit_patch(c, 1, "items", &free_id, tn_str("{\"part_number\":\"B\"}"), TN_ANY, &err));
    assert_true(rig_commit(r, c));
}

static void a_patch_leaves_the_rest_alone(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct tn_id id =
        put(r, 1, "{\"a\":0.10,\"b\":{\"c\":1,\"d\":[ 1 ]},\"e\":\"x\"}", TN_NEW_ONLY);
    const char *patch =
        "{\"e\":null,\"b\":{\"c\":300000047272744,\"x\":{\"y\":null,\"z\":1}},\"n\":[]}";
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(tn_commit_patch(c, 1, "items", &id, tn_str(patch), 1, &err));
    assert_true(rig_commit(r, c));
    assert_int_equal(r->ops[0].kind, TN_DONE_updated);
    expect_body(r, 1, &id,
                "{\"a\":0.10,\"b\":{\"c\":300000047272744,\"d\":[ 1 ],\"x\":{\"z\":1}},\"n\":[]}",
                2);
    c = tn_commit_new(r->store);
    assert_true(tn_commit_patch(c, 1, "items", &id, tn_str("{\"n\":[]}"), 2, &err));
    assert_true(rig_commit(r, c));
    assert_int_equal(r->ops[0].kind, TN_DONE_unchanged);
    assert_int_equal(r->ops[0].version, 2);
}

static void bad_operations_are_refused_at_once(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct tn_id id = tn_id_new();
    struct tn_commit *c = tn_commit_new(r->store);
    size_t empty = tn_commit_bytes(c);
    assert_false(tn_commit_put(c, 1, "items", &id, tn_str("[1]"), 0, &err));
    assert_int_equal(err.kind, TN_E_invalid);
    assert_false(tn_commit_put(c, 1, "items", &id, tn_str("{"), 0, &err));
    assert_int_equal(err.kind, TN_E_syntax);
    assert_false(tn_commit_put(c, 1, "nothing", &id, tn_str("{}"), 0, &err));
    assert_int_equal(err.kind, TN_E_not_found);
    assert_false(tn_commit_put(c, TN_TEAM_ALL, "items", &id, tn_str("{}"), 0, &err));
    assert_false(tn_commit_put(c, 1, "items", &id, tn_str("{}"), -2, &err));
    assert_false(tn_commit_event(c, 1, "", NULL, NULL, tn_str(""), &err));
    assert_false(tn_commit_event(c, 1, "x.y", NULL, NULL, tn_str("{"), &err));
    assert_int_equal(tn_commit_bytes(c), empty);
    assert_int_equal(tn_commit_count(c), 0);
    assert_true(rig_commit(r, c)); /* an empty one is fine */
    assert_int_equal(r->count, 0);
    char *large = malloc(TN_LIMIT_RECORD + 10);
    memset(large, ' ', TN_LIMIT_RECORD + 10);
    c = tn_commit_new(r->store);
    assert_false(
        tn_commit_put(c, 1, "items", &id, (struct tn_str){large, TN_LIMIT_RECORD + 1}, 0, &err));
    assert_int_equal(err.kind, TN_E_too_large);
    memcpy(large, "{}", 2);
    for (int i = 0; i < 3; i++) {
        struct tn_id next = tn_id_new();
        assert_true(
            tn_commit_put(c, 1, "items", &next, (struct tn_str){large, TN_LIMIT_RECORD}, 0, &err));
    }
    size_t before = tn_commit_bytes(c);
    id = tn_id_new();
    assert_false(
        tn_commit_put(c, 1, "items", &id, (struct tn_str){large, TN_LIMIT_RECORD}, 0, &err));
    assert_int_equal(err.kind, TN_E_too_large);
    assert_int_equal(tn_commit_bytes(c), before);
    assert_true(rig_commit(r, c));
    assert_int_equal(r->count, 3);
    free(large);
}

/* ------------------------------------------------------------------ upserts and links */

static struct tn_origin source = {.entity = {"item", 4}};

static bool upsert_from(struct rig *r, const struct tn_origin *from, const char *external_id,
                        const char *body, char hash, bool merge)
{
    struct tn_err err;
    struct tn_commit *c = tn_commit_new(r->store);
    struct tn_upsert u = {.team = 1,
                          .table = "items",
                          .source = *from,
                          .merge = merge,
                          .external_id = tn_str(external_id),
                          .body = tn_str(body)};
    memset(u.hash, hash, sizeof u.hash);
    assert_true(tn_commit_upsert(c, &u, &err));
    return rig_commit(r, c);
}

static enum tn_outcome_kind upsert(struct rig *r, const char *external_id, const char *body,
                                   char hash)
{
    assert_true(upsert_from(r, &source, external_id, body, hash, false));
    return r->ops[0].kind;
}

static void an_upsert_creates_updates_or_does_nothing(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    assert_int_equal(upsert(r, "300000047272744", "{\"part_number\":\"A\",\"v\":1}", 'a'),
                     TN_DONE_created);
    struct tn_id id = r->ops[0].id;
    int64_t head = rig_head(r);
    assert_int_equal(upsert(r, "300000047272744", "{\"part_number\":\"A\",\"v\":1}", 'a'),
                     TN_DONE_unchanged);
    assert_int_equal(rig_head(r), head);
    assert_memory_equal(&r->ops[0].id, &id, sizeof id);
    assert_int_equal(upsert(r, "300000047272744", "{\"part_number\":\"A\",\"v\":2}", 'b'),
                     TN_DONE_updated);
    assert_int_equal(rig_head(r), head + 1);
    expect_body(r, 1, &id, "{\"part_number\":\"A\",\"v\":2}", 2);
    unsigned char hashes[4][TN_HASH_LEN];
    bool found[4];
    const struct tn_str wanted[4] = {TN_STR("x"), TN_STR("300000047272744"), TN_STR("0"),
                                     TN_STR("300000047272744")};
    assert_true(tn_store_link_hashes(r->store, 1, &source, wanted, 4, hashes, found, &err));
    assert_false(found[0] || found[2]);
    assert_true(found[1] && found[3] && hashes[1][31] == 'b' && hashes[3][0] == 'b');
    assert_true(tn_store_link_hashes(r->store, 2, &source, wanted, 4, hashes, found, &err));
    assert_false(found[0] || found[1] || found[2] || found[3]);
    struct tn_buf hold;
    struct tn_row row;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    assert_true(tn_store_get_by_link(r->store, 1, "items", &source, wanted[1], &row, &hold, &err));
    assert_true(row.hashed && row.hash[0] == 'b');
    assert_false(tn_store_get_by_link(r->store, 2, "items", &source, wanted[1], &row, &hold, &err));
    tn_buf_clear(&hold);
}

/* ---- unique columns ---- */

static const struct tn_column unique_item_columns[] = {
    {"part_number", TN_COLUMN_text, true},
    {"serial", TN_COLUMN_text, TN_USE_unique},
    {"slot", TN_COLUMN_int, TN_USE_indexed | TN_USE_unique},
};
static const struct tn_table unique_items = {
    "items", unique_item_columns, 3, {"part_number"}, "item", true};

static void patch_to(struct tn_commit *c, const struct tn_id *id, const char *patch)
{
    struct tn_err err;
    assert_true(tn_commit_patch(c, 1, "items", id, tn_str(patch), TN_ANY, &err));
}

static void unique_columns_are_judged_each_by_itself(void **state)
{
    struct rig *r = *state;
    char holder[TN_ID_LEN + 1], text[200];
    assert_true(rig_define(r, &unique_items));
    struct tn_id a = put(r, 1, "{\"part_number\":\"A\",\"serial\":\"S1\",\"slot\":1}", 0);
    tn_id_text(&a, holder);
    put(r, 1, "{\"part_number\":\"B\",\"serial\":\"S1\",\"slot\":2}", 0);
    assert_int_equal(r->err.kind, TN_E_key_taken);
    snprintf(text, sizeof text, "operation 0: key serial 'S1' is held by item %s", holder);
    assert_string_equal(r->err.text, text);
    snprintf(text, sizeof text, "{\"key\":{\"serial\":\"S1\"},\"holder\":\"%s\"}", holder);
    assert_string_equal(r->err.params, text);
    put(r, 1, "{\"part_number\":\"B\",\"serial\":\"S2\",\"slot\":1}", 0);
    assert_int_equal(r->err.kind, TN_E_key_taken);
    assert_non_null(strstr(r->err.text, "key slot '1' is held by item"));
    put(r, 1, "{\"part_number\":\"B\",\"slot\":null}", 0); /* none is no value */
    assert_true(r->ok);
    put(r, 1, "{\"part_number\":\"C\"}", 0);
    assert_true(r->ok);
    put(r, 2, "{\"part_number\":\"A\",\"serial\":\"S1\",\"slot\":1}", 0);
    assert_true(r->ok);
}

static void records_exchange_one_unique_value_and_keep_the_others(void **state)
{
    struct rig *r = *state;
    assert_true(rig_define(r, &unique_items));
    struct tn_id a = put(r, 1, "{\"part_number\":\"A\",\"serial\":\"S1\",\"slot\":1}", 0),
                 b = put(r, 1, "{\"part_number\":\"B\",\"serial\":\"S2\",\"slot\":2}", 0);
    struct tn_commit *c = tn_commit_new(r->store);
    patch_to(c, &a, "{\"serial\":\"S2\"}");
    patch_to(c, &b, "{\"serial\":\"S1\",\"slot\":3}");
    patch_to(c, &a, "{\"slot\":2}"); /* while it waits for its serial */
    assert_true(rig_commit(r, c));
    expect_body(r, 1, &a, "{\"part_number\":\"A\",\"serial\":\"S2\",\"slot\":2}", 3);
    expect_body(r, 1, &b, "{\"part_number\":\"B\",\"serial\":\"S1\",\"slot\":3}", 2);
    put(r, 1, "{\"part_number\":\"C\",\"serial\":\"S2\"}", 0);
    assert_int_equal(r->err.kind, TN_E_key_taken);
    put(r, 1, "{\"part_number\":\"C\",\"slot\":3}", 0);
    assert_int_equal(r->err.kind, TN_E_key_taken);
    put(r, 1, "{\"part_number\":\"A\"}", 0);
    assert_int_equal(r->err.kind, TN_E_key_taken);
    c = tn_commit_new(r->store); /* one key of a record waits: nobody gets its other ones */
    patch_to(c, &a, "{\"slot\":3}");
    patch_to(c, &b, "{\"serial\":\"S2\",\"slot\":4}");
    assert_false(rig_commit(r, c));
    assert_string_equal(r->err.field, "1");
    assert_non_null(strstr(r->err.text, "key serial 'S2' is held by item"));
}

static void a_record_is_not_adopted_by_the_value_of_a_unique_column(void **state)
{
    struct rig *r = *state;
    assert_true(rig_define(r, &unique_items));
    struct tn_id a = put(r, 1, "{\"part_number\":\"A\",\"serial\":\"S1\"}", 0);
    assert_int_equal(upsert(r, "1", "{\"part_number\":\"B\",\"serial\":\"S1\"}", 'a'),
                     TN_DONE_conflict);
    assert_false(r->ops[0].adoptable);
    assert_int_equal(r->ops[0].why->kind, TN_E_key_taken);
    assert_int_equal(upsert(r, "1", "{\"part_number\":\"A\",\"serial\":\"S1\"}", 'b'),
                     TN_DONE_unchanged);
    assert_true(r->ops[0].adopted);
    assert_memory_equal(&r->ops[0].id, &a, sizeof a);
}

static void a_column_becomes_unique_only_where_no_two_records_have_one_value(void **state)
{
    struct rig *r = *state;
    char one[TN_ID_LEN + 1], other[TN_ID_LEN + 1], text[300];
    struct tn_id a = put(r, 1, "{\"part_number\":\"A\",\"serial\":\"S1\",\"slot\":1}", 0),
                 b = put(r, 1, "{\"part_number\":\"B\",\"serial\":\"S1\",\"slot\":2}", 0);
    tn_id_text(&a, one);
    tn_id_text(&b, other);
    assert_false(rig_define(r, &unique_items));
    assert_int_equal(r->err.kind, TN_E_conflict);
    snprintf(text, sizeof text,
             "table items keeps its shape: the records %s and %s both have serial 'S1', which "
             "would have to be unique: change one of them first",
             one, other);
    assert_string_equal(r->err.text, text);
    put(r, 1, "{\"part_number\":\"C\",\"serial\":\"S1\"}", 0); /* the stored table goes on */
    assert_true(r->ok);
    struct tn_commit *c = tn_commit_new(r->store);
    patch_to(c, &b, "{\"serial\":\"S2\"}");
    patch_to(c, &r->ops[0].id, "{\"serial\":null}");
    assert_true(rig_commit(r, c));
    assert_true(rig_define(r, &unique_items));
    put(r, 1, "{\"part_number\":\"D\",\"serial\":\"S2\"}", 0);
    assert_int_equal(r->err.kind, TN_E_key_taken);
    assert_true(rig_define(r, &items)); /* without the word the index is gone */
    put(r, 1, "{\"part_number\":\"D\",\"serial\":\"S2\"}", 0);
    assert_true(r->ok);
}

static void put_many(struct rig *r, int n)
{
    struct tn_err err;
    char body[64];
    struct tn_commit *c = tn_commit_new(r->store);
    for (int i = 0; i < n; i++) {
        snprintf(body, sizeof body, "{\"part_number\":\"P%d\"}", i);
        assert_true(tn_commit_put(c, 1, "items", NULL, tn_str(body), TN_NEW_ONLY, &err));
    }
    assert_true(rig_commit(r, c));
}

static void a_value_that_comes_twice_while_a_column_becomes_unique_ends_that(void **state)
{
    struct rig *r = *state;
    char one[TN_ID_LEN + 1], other[TN_ID_LEN + 1], text[300];
    struct tn_id a = put(r, 1, "{\"part_number\":\"A\",\"serial\":\"S1\"}", 0),
                 b = put(r, 1, "{\"part_number\":\"B\"}", 0);
    put_many(r, 20000); /* twenty steps of the copy */
    int before = r->answers;
    tn_store_define(r->store, &unique_items, rig_done, r);
    for (int i = 0; i < 3; i++) { /* the first ones let the copy get beyond both records */
        struct tn_commit *c = tn_commit_new(r->store);
        patch_to(c, &b, i < 2 ? "{\"note\":1}" : "{\"serial\":\"S1\"}");
        tn_store_commit(r->store, c, rig_committed, r);
        rig_wait(r, before + i + 1);
    }
    rig_wait(r, before + 4);
    assert_int_equal(r->err.kind, TN_E_conflict); /* of the declaration, which is answered last */
    tn_id_text(&a, one);
    tn_id_text(&b, other);
    snprintf(text, sizeof text, "the records %s and %s both have serial 'S1'", one, other);
    assert_non_null(strstr(r->err.text, text));
}

/* ---- keys that a commit moves about ---- */

static void patch_key(struct tn_commit *c, const struct tn_id *id, const char *key)
{
    struct tn_err err;
    char patch[64];
    snprintf(patch, sizeof patch, "{\"part_number\":\"%s\"}", key);
    assert_true(tn_commit_patch(c, 1, "items", id, tn_str(patch), TN_ANY, &err));
}

static void expect_key(struct rig *r, const char *key, const struct tn_id *id)
{
    struct tn_str wanted = tn_str(key);
    struct tn_buf hold;
    struct tn_row row;
    struct tn_err err;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    bool there = tn_store_get_by_key(r->store, 1, "items", &wanted, 1, &row, &hold, &err);
    assert_int_equal(there, id != NULL);
    if (id) assert_memory_equal(&row.id, id, sizeof *id);
    tn_buf_clear(&hold);
}

static void records_exchange_and_shift_their_keys(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct tn_id a = put(r, 1, "{\"part_number\":\"A\"}", 0),
                 b = put(r, 1, "{\"part_number\":\"B\"}", 0),
                 d = put(r, 1, "{\"part_number\":\"D\"}", 0);
    struct tn_commit *c = tn_commit_new(r->store);
    patch_key(c, &a, "B");
    patch_key(c, &b, "A");
    assert_true(rig_commit(r, c));
    expect_key(r, "B", &a);
    expect_key(r, "A", &b);
    c = tn_commit_new(r->store); /* a chain, in which each takes what the next still has */
    patch_key(c, &a, "A");
    patch_key(c, &b, "D");
    patch_key(c, &d, "E");
    assert_true(rig_commit(r, c));
    expect_key(r, "A", &a);
    expect_key(r, "D", &b);
    expect_key(r, "E", &d);
    for (int first = 0; first < 2; first++) { /* the new one before the old one goes, and after */
        struct tn_id fresh = tn_id_new();
        c = tn_commit_new(r->store);
        if (first) assert_true(tn_commit_delete(c, 1, "items", &d, TN_ANY, &err));
        assert_true(
            tn_commit_put(c, 1, "items", &fresh, tn_str("{\"part_number\":\"E\"}"), 0, &err));
        if (!first) assert_true(tn_commit_delete(c, 1, "items", &d, TN_ANY, &err));
        assert_true(rig_commit(r, c));
        expect_key(r, "E", &fresh);
        d = fresh;
    }
    c = tn_commit_new(r->store); /* nothing of a chain that ends at a key that stays is done */
    patch_key(c, &a, "D");
    patch_key(c, &b, "E");
    assert_false(rig_commit(r, c));
    assert_int_equal(r->err.kind, TN_E_key_taken);
    assert_string_equal(r->err.field, "1");
    expect_key(r, "A", &a);
    expect_key(r, "D", &b);
}

static void say_key(struct tn_commit *c, const char *external_id, const char *key, char hash)
{
    struct tn_err err;
    char body[64];
    snprintf(body, sizeof body, "{\"part_number\":\"%s\",\"v\":%d}", key, hash);
    struct tn_upsert u = {.team = 1,
                          .table = "items",
                          .source = source,
                          .external_id = tn_str(external_id),
                          .body = tn_str(body)};
    memset(u.hash, hash, sizeof u.hash);
    assert_true(tn_commit_upsert(c, &u, &err));
}

/* 1 to 60 with keys K1 to K60. */
static void page_of_sixty(struct rig *r, int shift, char hash, bool last_too)
{
    struct tn_commit *c = tn_commit_new(r->store);
    for (int i = 1; i <= 60; i++) {
        char external_id[16], key[16];
        snprintf(external_id, sizeof external_id, "%d", i);
        snprintf(key, sizeof key, "K%d", i + shift);
        if (i < 60 || last_too) say_key(c, external_id, key, hash);
    }
    assert_true(rig_commit(r, c));
}

static void a_page_shifts_its_keys(void **state)
{
    struct rig *r = *state;
    page_of_sixty(r, 0, 'a', true);
    page_of_sixty(r, 1, 'b', true);
    for (size_t i = 0; i < 60; i++) assert_int_equal(r->ops[i].kind, TN_DONE_updated);
    expect_key(r, "K1", NULL);
    expect_key(r, "K61", &r->ops[59].id);
    page_of_sixty(r, 0, 'c', true);
    for (size_t i = 0; i < 60; i++) assert_int_equal(r->ops[i].kind, TN_DONE_updated);
    /* the last does not move: none of those before it can */
    int64_t head = rig_head(r);
    page_of_sixty(r, 1, 'd', false);
    for (size_t i = 0; i < 59; i++) {
        char text[32];
        assert_int_equal(r->ops[i].kind, TN_DONE_conflict);
        snprintf(text, sizeof text, "key part_number 'K%zu' is held", i + 2);
        assert_memory_equal(r->ops[i].why->text, text, strlen(text));
        assert_int_equal(r->ops[i].why->kind, TN_E_key_taken);
    }
    assert_int_equal(rig_head(r), head);
    page_of_sixty(r, 0, 'e', true);
    for (size_t i = 0; i < 60; i++) assert_int_equal(r->ops[i].kind, TN_DONE_updated);
}

/* Sixty records, of which every third names the second record, the others the first. */
static void an_upsert_whose_named_record_is_gone_is_left_out_alone(void **state)
{
    struct rig *r = *state;
    const struct tn_named named[] = {{"items", 1, put(r, 1, "{\"part_number\":\"A\"}", 0)},
                                     {"items", 1, put(r, 1, "{\"part_number\":\"B\"}", 0)}};
    for (int round = 0; round < 2; round++) { /* made, then changed */
        struct tn_commit *c = tn_commit_new(r->store);
        struct tn_err err;
        char external_id[16], body[64];
        for (int i = 0; i < 60; i++) {
            snprintf(external_id, sizeof external_id, "%d", i);
            snprintf(body, sizeof body, "{\"part_number\":\"P%d\",\"v\":%d}", i, round);
            struct tn_upsert u = {.team = 1,
                                  .table = "items",
                                  .source = source,
                                  .external_id = tn_str(external_id),
                                  .body = tn_str(body),
                                  .named = i % 3 ? &named[0] : named,
                                  .named_count = i % 3 ? 1 : 2};
            memset(u.hash, 'a' + round, sizeof u.hash);
            assert_true(tn_commit_upsert(c, &u, &err));
        }
        assert_int_equal(tn_commit_count(c), 60);
        assert_true(rig_commit(r, c));
        for (int i = 0; i < 60; i++) {
            bool left_out = round && i % 3 == 0;
            assert_int_equal(r->ops[i].kind, left_out ? TN_DONE_conflict
                                             : round  ? TN_DONE_updated
                                                      : TN_DONE_created);
            if (left_out) assert_int_equal(r->ops[i].why->code, TN_CODE_stale);
        }
        c = tn_commit_new(r->store);
        assert_true(tn_commit_delete(c, 1, "items", &named[1].id, TN_ANY, &err));
        assert_true(rig_commit(r, c));
    }
}

static enum tn_outcome_kind said_alone(struct rig *r, const char *external_id, const char *key,
                                       char hash)
{
    struct tn_commit *c = tn_commit_new(r->store);
    say_key(c, external_id, key, hash);
    assert_true(rig_commit(r, c));
    return r->ops[0].kind;
}

static void a_record_made_anew_is_left_out_and_can_be_adopted(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    char holder[TN_ID_LEN + 1], text[300];
    said_alone(r, "1", "C", 'a');
    struct tn_id id = r->ops[0].id;
    tn_id_text(&id, holder);
    assert_int_equal(said_alone(r, "9", "C", 'b'), TN_DONE_conflict);
    assert_true(r->ops[0].adoptable);
    snprintf(text, sizeof text,
             "key part_number 'C' is held by item %s (external id 1 of this source)", holder);
    assert_string_equal(r->ops[0].why->text, text);
    snprintf(text, sizeof text,
             "{\"key\":{\"part_number\":\"C\"},\"holder\":\"%s\",\"externalId\":\"1\"}", holder);
    assert_string_equal(r->ops[0].why->params, text);
    /* without the link of its former external id it is adopted */
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(tn_commit_unlink(c, 1, &source, TN_STR("1"), &err));
    say_key(c, "9", "C", 'b');
    assert_true(rig_commit(r, c));
    assert_int_equal(r->ops[1].kind, TN_DONE_updated);
    assert_true(r->ops[1].adopted);
    assert_memory_equal(&r->ops[1].id, &id, sizeof id);
    assert_int_equal(said_alone(r, "9", "C", 'b'), TN_DONE_unchanged);
    /* one that gives its key away in the same page is not adopted */
    c = tn_commit_new(r->store);
    say_key(c, "12", "C", 'x');
    say_key(c, "9", "D", 'x');
    assert_true(rig_commit(r, c));
    assert_int_equal(r->ops[0].kind, TN_DONE_created);
    assert_int_equal(r->ops[1].kind, TN_DONE_updated);
    expect_key(r, "D", &id);
}

static void a_stale_version_names_the_version_there_is(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct tn_id id = put(r, 1, "{\"part_number\":\"A\"}", 0);
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(tn_commit_put(c, 1, "items", &id, tn_str("{}"), 4, &err));
    assert_false(rig_commit(r, c));
    assert_int_equal(r->err.kind, TN_E_conflict);
    assert_string_equal(r->err.params, "{\"basedOn\":4,\"version\":1}");
}

static void an_upsert_adopts_a_record_with_the_same_key(void **state)
{
    struct rig *r = *state;
    struct tn_id id = put(r, 1, "{\"part_number\":\"A\",\"local\":1}", TN_NEW_ONLY);
    assert_int_equal(upsert(r, "X", "{\"part_number\":\"A\",\"v\":1}", 'a'), TN_DONE_updated);
    assert_true(r->ops[0].adopted);
    assert_memory_equal(&r->ops[0].id, &id, sizeof id);
    assert_int_equal(upsert(r, "X", "{\"part_number\":\"A\",\"v\":1}", 'a'), TN_DONE_unchanged);
    assert_false(r->ops[0].adopted);
    /* the same key under another external id of this source is left out */
    assert_int_equal(upsert(r, "Y", "{\"part_number\":\"A\",\"v\":3}", 'c'), TN_DONE_conflict);
    expect_body(r, 1, &id, "{\"part_number\":\"A\",\"v\":1}", 2);
    /* but another source may know it by its own name */
    struct tn_origin other = {.integration = tn_id_new(), .entity = source.entity};
    assert_true(upsert_from(r, &other, "Y", "{\"part_number\":\"A\",\"v\":1}", 'd', false));
    assert_int_equal(r->ops[0].kind, TN_DONE_unchanged);
    assert_true(r->ops[0].adopted);
    /* a linked record that is given the key of another is left out, too */
    assert_int_equal(upsert(r, "Z", "{\"part_number\":\"B\"}", 'z'), TN_DONE_created);
    assert_int_equal(upsert(r, "Z", "{\"part_number\":\"A\"}", 'y'), TN_DONE_conflict);
    assert_int_equal(upsert(r, "Z", "{\"part_number\":\"B\",\"w\":1}", 'x'), TN_DONE_updated);
}

/* ---- a page at once against one by one ---- */

enum { NAMES = 60 };

/* One random thing that a source says: of few records, so that they come again, take each other's
 * keys, and find records that are there already. */
struct saying {
    char external_id[16], body[64];
    char hash;
};

static struct saying say(unsigned *seed, int among)
{
    struct saying s;
    int name = (int)(rand_r(seed) % (unsigned)among), key = name, v = rand_r(seed) % 3;
    if (rand_r(seed) % 12 == 0) key = (int)(rand_r(seed) % NAMES);
    snprintf(s.external_id, sizeof s.external_id, "E%d", name);
    snprintf(s.body, sizeof s.body, "{\"part_number\":\"P%d\",\"v\":%d}", key, v);
    s.hash = (char)(key * 3 + v);
    return s;
}

static void add_saying(struct tn_commit *c, int64_t team, const struct saying *s)
{
    struct tn_err err;
    struct tn_upsert u = {.team = team,
                          .table = "items",
                          .source = source,
                          .external_id = tn_str(s->external_id),
                          .body = tn_str(s->body)};
    memset(u.hash, s->hash, sizeof u.hash);
    assert_true(tn_commit_upsert(c, &u, &err));
}

static void expect_same(struct rig *r, int64_t a_team, int64_t b_team)
{
    struct tn_buf a, b;
    struct tn_row x, y;
    struct tn_err err;
    int64_t mine, theirs;
    int found = 0;
    tn_buf_init(&a, TN_LIMIT_RECORD);
    tn_buf_init(&b, TN_LIMIT_RECORD);
    for (int i = 0; i < NAMES; i++) {
        char id[16];
        snprintf(id, sizeof id, "E%d", i);
        bool one =
            tn_store_get_by_link(r->store, a_team, "items", &source, tn_str(id), &x, &a, &err);
        bool two =
            tn_store_get_by_link(r->store, b_team, "items", &source, tn_str(id), &y, &b, &err);
        assert_int_equal(one, two);
        if (!one) continue;
        found++;
        assert_true(tn_str_eq(x.body, y.body));
        assert_int_equal(x.version, y.version);
        assert_memory_equal(x.hash, y.hash, sizeof x.hash);
    }
    assert_true(found > 0);
    assert_true(tn_store_count(r->store, a_team, "items", &mine, &err));
    assert_true(tn_store_count(r->store, b_team, "items", &theirs, &err));
    assert_int_equal(mine, theirs);
    tn_buf_clear(&a);
    tn_buf_clear(&b);
}

/* Something between two upserts keeps the store process from writing them at once. */
static void add_apart(struct tn_commit *c, int64_t team, const struct saying *s)
{
    struct tn_err err;
    add_saying(c, team, s);
    assert_true(tn_commit_kv_set(c, team, "apart", TN_STR("k"), TN_STR(""), TN_ANY, 0, &err));
}

/* The store process writes the records of a page many at a time; each still ends as if it had been
 * written alone: new ones, known ones, doubles, keys that are taken, in any mixture. */
static void a_page_ends_as_its_records_would_one_by_one(void **state)
{
    struct rig *r = *state;
    unsigned seed = 1;
    for (int round = 0; round < 60; round++) {
        int64_t paged = 1 + round / 10 * 2, single = paged + 1; /* teams that have nothing yet */
        struct saying s[70];
        enum tn_outcome_kind kinds[70];
        bool adopted[70];
        int n = 1 + rand_r(&seed) % 70, among = round % 3 ? NAMES : 1 + rand_r(&seed) % NAMES;
        for (int i = 0; i < NAMES && round % 20 == 0; i += 7) { /* records of their own */
            char body[64];
            snprintf(body, sizeof body, "{\"part_number\":\"P%d\",\"ours\":1}", i);
            put(r, paged, body, TN_NEW_ONLY);
            put(r, single, body, TN_NEW_ONLY);
        }
        struct tn_commit *page = tn_commit_new(r->store);
        for (int i = 0; i < n; i++) {
            s[i] = say(&seed, among);
            add_saying(page, paged, &s[i]);
        }
        assert_true(rig_commit(r, page));
        for (int i = 0; i < n; i++) {
            kinds[i] = r->ops[i].kind;
            adopted[i] = r->ops[i].adopted;
        }
        struct tn_commit *apart = tn_commit_new(r->store);
        for (int i = 0; i < n; i++) add_apart(apart, single, &s[i]);
        assert_true(rig_commit(r, apart));
        for (int i = 0; i < n; i++) {
            assert_int_equal(r->ops[2 * i].kind, kinds[i]);
            assert_int_equal(r->ops[2 * i].adopted, adopted[i]);
        }
        expect_same(r, paged, single);
    }
}

static void a_merging_upsert_keeps_local_fields(void **state)
{
    struct rig *r = *state;
    struct tn_id id = put(r, 1, "{\"part_number\":\"A\",\"local\":0.10}", TN_NEW_ONLY);
    assert_true(upsert_from(r, &source, "X", "{\"part_number\":\"A\",\"v\":null}", 'a', true));
    expect_body(r, 1, &id, "{\"part_number\":\"A\",\"local\":0.10,\"v\":null}", 2);
}

static struct tn_link seen_link;
static char seen_agreed[200];
static bool see_link(void *arg, const struct tn_link *l)
{
    (*(int *)arg)++;
    seen_link = *l;
    snprintf(seen_agreed, sizeof seen_agreed, "%.*s", TN_FMT(l->agreed));
    return true;
}

static void an_upsert_keeps_what_another_source_agreed_on(void **state)
{
    struct rig *r = *state;
    struct tn_origin other = {.entity = {"order", 5}};
    struct tn_link link;
    struct tn_buf hold;
    struct tn_err err;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    upsert_from(r, &source, "X", "{\"part_number\":\"A\",\"v\":1}", 'a', false);
    assert_true(upsert_from(r, &other, "Y", "{\"part_number\":\"A\",\"v\":2}", 'b', false));
    assert_true(upsert_from(r, &other, "Y", "{\"part_number\":\"A\",\"v\":3}", 'c', false));
    assert_true(tn_store_link(r->store, 1, &source, TN_STR("X"), &link, &hold, &err));
    assert_int_equal(link.version, 1);
    assert_true(tn_str_is(link.agreed, "{\"part_number\":\"A\",\"v\":1}"));
    assert_true(tn_store_link(r->store, 1, &other, TN_STR("Y"), &link, &hold, &err));
    assert_int_equal(link.version, 3);
    assert_true(tn_str_is(link.agreed, "{\"part_number\":\"A\",\"v\":3}"));
    tn_buf_clear(&hold);
}

static void links_remember_what_both_sides_agreed_on(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    int n = 0;
    upsert(r, "X", "{\"part_number\":\"A\",\"v\":1}", 'a');
    struct tn_id id = r->ops[0].id;
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(tn_commit_patch(c, 1, "items", &id, tn_str("{\"v\":2}"), 1, &err));
    assert_true(rig_commit(r, c));
    c = tn_commit_new(r->store);
    assert_true(tn_commit_patch(c, 1, "items", &id, tn_str("{\"v\":3}"), 2, &err));
    assert_true(rig_commit(r, c));
    struct tn_link link;
    struct tn_buf hold;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    assert_true(tn_store_link(r->store, 1, &source, TN_STR("X"), &link, &hold, &err));
    assert_int_equal(link.version, 1);
    assert_true(tn_str_is(link.agreed, "{\"part_number\":\"A\",\"v\":1}"));
    assert_true(tn_store_links(r->store, 1, "items", &id, see_link, &n, &err));
    assert_int_equal(n, 1);
    assert_string_equal(seen_agreed, "{\"part_number\":\"A\",\"v\":1}");
    upsert(r, "X", "{\"part_number\":\"A\",\"v\":4}", 'b');
    assert_true(tn_store_link(r->store, 1, &source, TN_STR("X"), &link, &hold, &err));
    assert_int_equal(link.version, 4);
    assert_true(tn_str_is(link.agreed, "{\"part_number\":\"A\",\"v\":4}"));
    c = tn_commit_new(r->store);
    assert_true(tn_commit_delete(c, 1, "items", &id, 4, &err));
    assert_true(rig_commit(r, c));
    assert_false(tn_store_link(r->store, 1, &source, TN_STR("X"), &link, &hold, &err));
    assert_int_equal(err.kind, TN_E_not_found);
    tn_buf_clear(&hold);
    assert_int_equal(upsert(r, "X", "{\"part_number\":\"A\",\"v\":4}", 'b'), TN_DONE_created);
}

static void links_are_made_and_taken_off_by_hand(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    int n = 0;
    unsigned char hash[TN_HASH_LEN] = {7};
    struct tn_id id = put(r, 1, "{\"part_number\":\"A\"}", TN_NEW_ONLY), other = put(r, 1, "{}", 0);
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(tn_commit_link(c, 1, "items", &id, &source, TN_STR("L"), hash, &err));
    assert_true(rig_commit(r, c));
    assert_int_equal(r->ops[0].kind, TN_DONE_created);
    c = tn_commit_new(r->store);
    assert_true(tn_commit_link(c, 1, "items", &other, &source, TN_STR("L"), hash, &err));
    assert_false(rig_commit(r, c));
    c = tn_commit_new(r->store);
    assert_true(tn_commit_link(c, 1, "items", &id, &source, TN_STR("M"), hash, &err));
    assert_false(rig_commit(r, c));
    assert_true(tn_store_source_links(r->store, 1, &source, TN_STR(""), 0, see_link, &n, &err));
    assert_int_equal(n, 1);
    assert_memory_equal(&seen_link.record, &id, sizeof id);
    c = tn_commit_new(r->store);
    assert_true(tn_commit_unlink(c, 1, &source, TN_STR("L"), &err));
    assert_true(tn_commit_unlink(c, 1, &source, TN_STR("L"), &err));
    assert_true(rig_commit(r, c));
    assert_int_equal(r->ops[0].kind, TN_DONE_deleted);
    assert_int_equal(r->ops[1].kind, TN_DONE_unchanged);
    n = 0;
    assert_true(tn_store_links(r->store, 1, "items", &id, see_link, &n, &err));
    assert_int_equal(n, 0);
    expect_body(r, 1, &id, "{\"part_number\":\"A\"}", 1);
}

/* ------------------------------------------------------------------ events and history */

struct seen {
    struct tn_event e[64];
    char type[64][32];
    size_t n;
};
static bool see_event(void *arg, const struct tn_event *e)
{
    struct seen *s = arg;
    snprintf(s->type[s->n], 32, "%.*s", TN_FMT(e->type));
    s->e[s->n++] = *e;
    return true;
}

static void events_are_numbered_without_holes(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct tn_tail tail;
    struct seen all = {0}, mine = {0}, rest = {0};
    struct tn_id a = put(r, 1, "{\"part_number\":\"A\"}", 0),
                 b = put(r, 2, "{\"part_number\":\"B\"}", 0);
    struct tn_commit *c = tn_commit_new(r->store);
    tn_commit_origin(c, &a, 0);
    assert_true(tn_commit_patch(c, 1, "items", &a, tn_str("{\"x\":1}"), TN_ANY, &err));
    assert_true(
        tn_commit_event(c, 1, "item.checked", "items", &a, tn_str("{\"by\":\"me\"}"), &err));
    assert_true(tn_commit_delete(c, 1, "items", &a, TN_ANY, &err));
    assert_true(rig_commit(r, c));
    assert_int_equal(rig_head(r), 5);
    assert_true(tn_store_tail(r->store, TN_TEAM_ALL, 0, 0, see_event, &all, &tail, &err));
    assert_int_equal(all.n, 5);
    assert_int_equal(tail.last, 5);
    assert_int_equal(tail.head, 5);
    assert_false(tail.gap);
    const char *const types[] = {"item.created", "item.created", "item.updated", "item.checked",
                                 "item.deleted"};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(all.e[i].seq, i + 1);
        assert_string_equal(all.type[i], types[i]);
    }
    assert_memory_equal(&all.e[1].record, &b, sizeof b);
    assert_int_equal(all.e[3].version, 2);
    assert_memory_equal(&all.e[3].origin, &a, sizeof a);
    assert_true(tn_store_tail(r->store, 1, 0, 0, see_event, &mine, &tail, &err));
    assert_int_equal(mine.n, 4);
    for (size_t i = 0; i < 4; i++) assert_int_equal(mine.e[i].number, i + 1);
    assert_true(tn_store_tail(r->store, 1, 3, 1, see_event, &rest, &tail, &err));
    assert_int_equal(rest.n, 1);
    assert_int_equal(rest.e[0].seq, 4);
    assert_int_equal(tail.last, 4);
}

static void behind_the_largest_number_is_no_event(void **state)
{
    struct rig *r = *state;
    const int64_t teams[] = {1, TN_TEAM_ALL};
    struct tn_err err;
    struct tn_tail tail;
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(tn_commit_event(c, 1, "a.b", NULL, NULL, TN_STR("{}"), &err));
    assert_true(rig_commit(r, c));
    for (size_t i = 0; i < 2; i++) {
        struct seen s = {0};
        assert_true(tn_store_tail(r->store, teams[i], INT64_MAX, 10, see_event, &s, &tail, &err));
        assert_int_equal(s.n, 0);
        assert_true(tail.last == INT64_MAX);
    }
}

static void many_like_events_can_be_read_from_the_middle(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct tn_tail tail;
    struct tn_commit *c = tn_commit_new(r->store);
    for (int i = 0; i < 50; i++) {
        char ext[16], body[64];
        snprintf(ext, sizeof ext, "%d", i);
        snprintf(body, sizeof body, "{\"part_number\":\"P%d\"}", i);
        struct tn_upsert u = {.team = 1,
                              .table = "items",
                              .source = source,
                              .external_id = tn_str(ext),
                              .body = tn_str(body)};
        assert_true(tn_commit_upsert(c, &u, &err));
    }
    assert_true(rig_commit(r, c));
    for (int64_t after = 0; after < 50; after += 7) {
        struct seen s = {0};
        assert_true(tn_store_tail(r->store, 1, after, 10, see_event, &s, &tail, &err));
        assert_int_equal(s.n, after > 40 ? 50 - after : 10);
        for (size_t i = 0; i < s.n; i++) {
            assert_int_equal(s.e[i].seq, after + 1 + (int64_t)i);
            assert_memory_equal(&s.e[i].record, &r->ops[after + (int64_t)i].id, 16);
        }
    }
    tn_store_retain(r->store, TN_RETAIN_events, INT64_MAX, rig_done, r);
    rig_wait(r, r->answers + 1);
    assert_true(r->ok);
    struct seen s = {0};
    assert_true(tn_store_tail(r->store, 1, 20, 10, see_event, &s, &tail, &err));
    assert_int_equal(s.n, 0);
    assert_true(tail.gap);
    assert_true(tn_store_tail(r->store, 1, 50, 10, see_event, &s, &tail, &err));
    assert_false(tail.gap);
}

static bool count_version(void *arg, const struct tn_version *v)
{
    int64_t *next = arg;
    assert_int_equal(v->version, (*next)--);
    return true;
}

static void former_versions_can_be_read(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    char bodies[6][80];
    struct tn_id id = tn_id_new();
    struct tn_buf hold;
    struct tn_row row;
    for (int i = 0; i < 6; i++) {
        snprintf(bodies[i], sizeof bodies[i], "{\"part_number\":\"A\",\"v\":%.*s%d,\"tail\":[]}", i,
                 "1111111", i);
        struct tn_commit *c = tn_commit_new(r->store);
        assert_true(tn_commit_put(c, 1, "items", &id, tn_str(bodies[i]), i, &err));
        assert_true(rig_commit(r, c));
    }
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < 6; i++) {
            assert_true(tn_store_as_of(r->store, 1, "items", &id, i + 1, 0, &row, &hold, &err));
            assert_true(tn_str_is(row.body, bodies[i]));
            assert_int_equal(row.version, i + 1);
        }
        assert_false(tn_store_as_of(r->store, 1, "items", &id, 7, 0, &row, &hold, &err));
        assert_false(tn_store_as_of(r->store, 2, "items", &id, 1, 0, &row, &hold, &err));
        assert_false(tn_store_as_of(r->store, 1, "items", &id, 0, 1000, &row, &hold, &err));
        assert_int_equal(err.kind, TN_E_not_found);
        int64_t next = 6;
        assert_true(tn_store_versions(r->store, 1, "items", &id, 0, count_version, &next, &err));
        assert_int_equal(next, 0);
        if (pass) break;
        assert_true(tn_store_as_of(r->store, 1, "items", &id, 0, INT64_MAX, &row, &hold, &err));
        struct tn_commit *c = tn_commit_new(r->store);
        assert_true(tn_commit_delete(c, 1, "items", &id, 6, &err));
        assert_true(rig_commit(r, c));
        assert_false(tn_store_as_of(r->store, 1, "items", &id, 0, INT64_MAX, &row, &hold, &err));
    }
    tn_store_retain(r->store, TN_RETAIN_history, INT64_MAX, rig_done, r);
    rig_wait(r, r->answers + 1);
    assert_true(r->ok);
    assert_false(tn_store_as_of(r->store, 1, "items", &id, 2, 0, &row, &hold, &err));
    tn_buf_clear(&hold);
}

struct end {
    int versions;
    bool deleted, current;
};
static bool see_version(void *arg, const struct tn_version *v)
{
    struct end *end = arg;
    end->versions++;
    end->deleted |= v->deleted;
    end->current |= v->current;
    return true;
}

static struct end end_of(struct rig *r, const struct tn_id *id)
{
    struct end end = {0};
    struct tn_err err;
    assert_true(tn_store_versions(r->store, 1, "items", id, 0, see_version, &end, &err) ||
                err.kind == TN_E_not_found);
    return end;
}

static void of_an_erased_record_nothing_is_kept(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct tn_buf hold;
    struct tn_row row;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    for (int deleted_first = 0; deleted_first < 2; deleted_first++) {
        upsert(r, "X", "{\"part_number\":\"A\"}", 'a');
        struct tn_id id = r->ops[0].id;
        upsert(r, "X", "{\"part_number\":\"A\",\"v\":2}", 'b');
        struct tn_commit *c = tn_commit_new(r->store);
        if (deleted_first) {
            assert_true(tn_commit_delete(c, 1, "items", &id, 2, &err));
            assert_true(rig_commit(r, c));
            struct end end = end_of(r, &id);
            assert_true(end.versions == 2 && end.deleted && !end.current);
            assert_true(tn_store_as_of(r->store, 1, "items", &id, 2, 0, &row, &hold, &err));
            assert_true(tn_str_is(row.body, "{\"part_number\":\"A\",\"v\":2}"));
            c = tn_commit_new(r->store);
            assert_true(tn_commit_erase(c, 2, "items", &id, TN_ANY, &err));
            assert_true(rig_commit(r, c)); /* another team finds nothing */
            assert_int_equal(r->ops[0].kind, TN_DONE_unchanged);
            c = tn_commit_new(r->store);
        }
        assert_true(tn_commit_erase(c, 1, "items", &id, deleted_first ? TN_ANY : 2, &err));
        assert_true(rig_commit(r, c));
        assert_int_equal(r->ops[0].kind, TN_DONE_deleted);
        assert_int_equal(end_of(r, &id).versions, 0);
        assert_false(tn_store_as_of(r->store, 1, "items", &id, 1, 0, &row, &hold, &err));
        assert_false(tn_store_as_of(r->store, 1, "items", &id, 2, 0, &row, &hold, &err));
        c = tn_commit_new(r->store);
        assert_true(tn_commit_erase(c, 1, "items", &id, TN_ANY, &err));
        assert_true(rig_commit(r, c));
        assert_int_equal(r->ops[0].kind, TN_DONE_unchanged);
    }
    tn_buf_clear(&hold);
}

/* ------------------------------------------------------------------ key-values and queues */

static void keys_keep_versions_and_expire(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct tn_buf value;
    int64_t version;
    tn_buf_init(&value, 1000);
    const struct {
        const char *v;
        int64_t based_on;
        bool ok;
    } tries[] = {
        {"a", 1, false}, {"a", TN_NEW_ONLY, true}, {"b", TN_NEW_ONLY, false},
        {"b", 1, true},  {"c", 1, false},          {"d", TN_ANY, true},
    };
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        struct tn_commit *c = tn_commit_new(r->store);
        assert_true(tn_commit_kv_set(c, 1, "space", TN_STR("k\0x"), tn_str(tries[i].v),
                                     tries[i].based_on, 0, &err));
        assert_int_equal(rig_commit(r, c), tries[i].ok);
    }
    assert_true(tn_store_kv_get(r->store, 1, "space", TN_STR("k\0x"), &value, &version, &err));
    assert_true(tn_str_is(tn_buf_str(&value), "d"));
    assert_int_equal(version, 3);
    assert_false(tn_store_kv_get(r->store, 2, "space", TN_STR("k\0x"), &value, &version, &err));
    assert_false(tn_store_kv_get(r->store, 1, "space", TN_STR("k"), &value, &version, &err));
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(tn_commit_kv_set(c, 1, "space", TN_STR("old"), TN_STR("v"), TN_ANY, 1, &err));
    assert_true(tn_commit_kv_delete(c, 1, "space", TN_STR("k\0x"), 3, &err));
    assert_true(rig_commit(r, c));
    assert_false(tn_store_kv_get(r->store, 1, "space", TN_STR("old"), &value, &version, &err));
    assert_false(tn_store_kv_get(r->store, 1, "space", TN_STR("k\0x"), &value, &version, &err));
    c = tn_commit_new(r->store);
    assert_true(tn_commit_kv_set(c, 1, "space", TN_STR("old"), TN_STR("w"), TN_NEW_ONLY, 0, &err));
    assert_true(rig_commit(r, c)); /* what expired is not there */
    tn_buf_clear(&value);
}

static bool join_keys(void *arg, struct tn_str key, struct tn_str value, int64_t version)
{
    struct tn_buf *b = arg;
    (void)value, (void)version;
    tn_buf_addf(b, "%.*s ", TN_FMT(key));
    return true;
}

static void keys_are_listed_by_prefix(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct tn_buf b;
    struct tn_commit *c = tn_commit_new(r->store);
    const char *const keys[] = {"b/2", "a/1", "b/1", "c", "b/3"};
    for (size_t i = 0; i < 5; i++)
        assert_true(tn_commit_kv_set(c, 1, "s", tn_str(keys[i]), TN_STR("v"), TN_ANY, 0, &err));
    assert_true(rig_commit(r, c));
    tn_buf_init(&b, 1000);
    assert_true(
        tn_store_kv_list(r->store, 1, "s", TN_STR("b/"), TN_STR(""), 0, join_keys, &b, &err));
    tn_buf_addc(&b, '|');
    assert_true(
        tn_store_kv_list(r->store, 1, "s", TN_STR("b/"), TN_STR("b/1"), 1, join_keys, &b, &err));
    tn_buf_addc(&b, '|');
    assert_true(tn_store_kv_list(r->store, 1, "s", TN_STR(""), TN_STR(""), 0, join_keys, &b, &err));
    assert_string_equal(b.p, "b/1 b/2 b/3 |b/2 |a/1 b/1 b/2 b/3 c ");
    tn_buf_clear(&b);
}

struct claimed {
    int answers;
    size_t count;
    struct tn_entry e[10];
    char payload[10][32];
    int64_t next_due;
};
static void on_claimed(void *arg, const struct tn_entry *entries, size_t count, int64_t next_due,
                       const struct tn_err *err)
{
    struct claimed *c = arg;
    assert_null(err);
    c->answers++;
    c->count = count;
    c->next_due = next_due;
    for (size_t i = 0; i < count && i < 10; i++) {
        c->e[i] = entries[i];
        snprintf(c->payload[i], 32, "%.*s", TN_FMT(entries[i].payload));
    }
}
static void claim(struct rig *r, struct tn_store *s, size_t max, int64_t lease_ms,
                  struct claimed *c)
{
    int before = c->answers;
    tn_store_claim(s, "q", max, lease_ms, on_claimed, c);
    while (c->answers == before) tn_loop_turn(r->loop, true);
}

static void enqueue(struct rig *r, const char *key, int64_t due, const char *payload)
{
    struct tn_err err;
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(tn_commit_queue_put(
        c,
        &(struct tn_queue_put){
            .team = 1, .queue = "q", .key = tn_str(key), .due_ms = due, .payload = tn_str(payload)},
        &err));
    assert_true(rig_commit(r, c));
}

static void entries_are_claimed_once_and_settled(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct claimed a = {0}, b = {0};
    struct tn_store *other = rig_connect(r);
    int64_t later = tn_now_ms() + 3600000;
    enqueue(r, "", 2, "second");
    enqueue(r, "once", 1, "first");
    enqueue(r, "once", 1, "again");
    assert_int_equal(r->ops[0].kind, TN_DONE_unchanged);
    enqueue(r, "", later, "later");
    claim(r, r->store, 1, 3600000, &a);
    assert_int_equal(a.count, 1);
    assert_string_equal(a.payload[0], "first");
    assert_int_equal(a.e[0].attempts, 1);
    claim(r, other, 10, 3600000, &b);
    assert_int_equal(b.count, 1);
    assert_string_equal(b.payload[0], "second");
    assert_true(b.next_due > tn_now_ms());
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(tn_commit_settle(c, &a.e[0].id, a.e[0].lease + 1, &err));
    assert_false(rig_commit(r, c));
    assert_int_equal(r->err.kind, TN_E_conflict);
    c = tn_commit_new(r->store);
    assert_true(tn_commit_settle(c, &a.e[0].id, a.e[0].lease, &err));
    assert_true(rig_commit(r, c));
    c = tn_commit_new(r->store);
    assert_true(tn_commit_settle(c, &a.e[0].id, a.e[0].lease, &err));
    assert_false(rig_commit(r, c));
    c = tn_commit_new(r->store);
    assert_true(
        tn_commit_reschedule(c, &b.e[0].id, b.e[0].lease, 5, (struct tn_str){NULL, 0}, &err));
    assert_true(rig_commit(r, c));
    claim(r, r->store, 10, 0, &a);
    assert_int_equal(a.count, 1);
    assert_string_equal(a.payload[0], "second");
    assert_int_equal(a.e[0].attempts, 2);
    claim(r, other, 10, 3600000, &b); /* a lease of 0 ms is over at once */
    assert_int_equal(b.count, 1);
    c = tn_commit_new(r->store);
    assert_true(tn_commit_settle(c, &a.e[0].id, a.e[0].lease, &err));
    assert_false(rig_commit(r, c));
    tn_store_close(other);
}

static void leases_of_the_dead_are_released(void **state)
{
    struct rig *r = *state;
    struct claimed a = {0};
    struct tn_err err;
    struct tn_store_options o = {.dir = r->dir, .socket = r->socket, .holder = tn_id_new()};
    struct tn_store *dead = tn_store_open(r->loop, &o, &err);
    enqueue(r, "", 1, "x");
    claim(r, dead, 10, 3600000, &a);
    assert_int_equal(a.count, 1);
    tn_store_close(dead);
    claim(r, r->store, 10, 3600000, &a);
    assert_int_equal(a.count, 0);
    tn_store_release(r->store, &o.holder, rig_done, r);
    rig_wait(r, r->answers + 1);
    claim(r, r->store, 10, 3600000, &a);
    assert_int_equal(a.count, 1);
    /* all leases are void when everything starts anew */
    tn_store_close(r->store);
    r->store = NULL;
    tn_store_server_close(r->server);
    rig_serve(r);
    r->store = rig_connect(r);
    claim(r, r->store, 10, 3600000, &a);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.e[0].attempts, 3);
}

/* ------------------------------------------------------------------ queries */

static bool join_rows(void *arg, const struct tn_row *row)
{
    struct tn_buf *b = arg;
    const char *at = strstr(row->body.p, "\"part_number\":\"");
    for (at = at ? at + 15 : "?\""; *at != '"'; at++) tn_buf_addc(b, *at);
    tn_buf_addc(b, ' ');
    return true;
}

static const char *const stock[] = {
    "{\"part_number\":\"A\",\"status\":\"open\",\"quantity\":5,\"weight\":0.10,\"open\":true,"
    "\"due\":\"2026-01-01T00:00:00Z\"}",
    "{\"part_number\":\"B\",\"status\":\"Open_50%\",\"quantity\":7,\"weight\":2.5,\"open\":false}",
    "{\"part_number\":\"C\",\"status\":\"closed\",\"quantity\":5,\"due\":\"2026-03-01T01:00:00+01:"
    "00\"}",
    "{\"part_number\":\"D\",\"quantity\":9007199254740993}",
    "{\"part_number\":\"E\",\"status\":\"open\",\"quantity\":-1,\"weight\":null}",
};

static void expect_query(struct rig *r, const struct tn_query *q, const char *rows)
{
    struct tn_page page;
    struct tn_err err;
    struct tn_buf b;
    tn_page_init(&page);
    tn_buf_init(&b, 1000);
    tn_buf_adds(&b, "");
    if (!tn_store_query(r->store, q, join_rows, &b, &page, &err)) fail_msg("%s", err.text);
    assert_string_equal(b.p ? b.p : "", rows);
    tn_buf_clear(&b);
    tn_page_clear(&page);
}

static void filters_select(void **state)
{
    struct rig *r = *state;
    for (size_t i = 0; i < 5; i++) put(r, 1, stock[i], 0);
    put(r, 2, "{\"part_number\":\"other\",\"status\":\"open\",\"quantity\":5}", 0);
    const struct {
        const char *column;
        enum tn_filter_op op;
        const char *values[2];
        const char *rows;
    } rows[] = {
        {"status", TN_FILTER_eq, {"open"}, "A E "},
        {"status", TN_FILTER_ne, {"open"}, "B C D "},
        {"status", TN_FILTER_in, {"closed", "open"}, "A C E "},
        {"status", TN_FILTER_prefix, {"o"}, "A E "},
        {"status", TN_FILTER_contains, {"OPEN"}, "A B E "},
        {"status", TN_FILTER_contains, {"%"}, "B "},
        {"status", TN_FILTER_contains, {"_"}, "B "},
        {"status", TN_FILTER_null, {NULL}, "D "},
        {"status", TN_FILTER_not_null, {NULL}, "A B C E "},
        {"quantity", TN_FILTER_eq, {"9007199254740993"}, "D "},
        {"quantity", TN_FILTER_gt, {"5"}, "B D "},
        {"quantity", TN_FILTER_ge, {"5"}, "A B C D "},
        {"quantity", TN_FILTER_lt, {"5"}, "E "},
        {"quantity", TN_FILTER_le, {"-1"}, "E "},
        {"weight", TN_FILTER_eq, {"0.1"}, "A "},
        {"open", TN_FILTER_eq, {"true"}, "A "},
        {"open", TN_FILTER_eq, {"false"}, "B "},
        {"due", TN_FILTER_gt, {"2026-02-01"}, "C "},
        {"due", TN_FILTER_eq, {"2026-03-01T00:00:00Z"}, "C "},
        {"version", TN_FILTER_eq, {"1"}, "A B C D E "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tn_str values[2] = {tn_str(rows[i].values[0]), tn_str(rows[i].values[1])};
        struct tn_filter f = {rows[i].column, rows[i].op, values,
                              (rows[i].values[0] != NULL) + (rows[i].values[1] != NULL)};
        struct tn_query q = {.team = 1, .table = "items", .filters = &f, .filter_count = 1};
        expect_query(r, &q, rows[i].rows);
    }
    struct tn_query q = {
        .team = 1, .table = "items", .in_text = {"status", "part_number"}, .text = TN_STR("C")};
    expect_query(r, &q, "C ");
    q = (struct tn_query){.team = TN_TEAM_ALL, .table = "items"};
    expect_query(r, &q, "A B C D E other ");
}

static void bad_queries_name_the_field(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct tn_page page;
    struct tn_str v = TN_STR("x");
    tn_page_init(&page);
    const struct {
        const char *column;
        enum tn_filter_op op;
        const char *field;
    } bad[] = {
        {"nothing", TN_FILTER_eq, "nothing"},
        {"name", TN_FILTER_eq, "name"},
        {"quantity", TN_FILTER_eq, "quantity"},
        {"quantity", TN_FILTER_prefix, "quantity"},
        {"due", TN_FILTER_lt, "due"},
        {"open", TN_FILTER_eq, "open"},
        {"id", TN_FILTER_lt, "id"},
        {"team", TN_FILTER_eq, "team"},
        {"status\" = 1 OR \"status", TN_FILTER_eq, "status\" = 1 OR \"status"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct tn_filter f = {bad[i].column, bad[i].op, &v, 1};
        struct tn_query q = {.team = 1, .table = "items", .filters = &f, .filter_count = 1};
        struct tn_buf b;
        tn_buf_init(&b, 100);
        assert_false(tn_store_query(r->store, &q, join_rows, &b, &page, &err));
        assert_int_equal(err.kind, TN_E_invalid);
        assert_string_equal(err.field, bad[i].field);
    }
    struct tn_query q = {.team = 1, .table = "items", .cursor = TN_STR("zz")};
    assert_false(tn_store_query(r->store, &q, join_rows, NULL, &page, &err));
    assert_string_equal(err.field, "cursor");
    q = (struct tn_query){.team = 1, .table = "items; DROP TABLE tn_kv"};
    assert_false(tn_store_query(r->store, &q, join_rows, NULL, &page, &err));
    assert_int_equal(err.kind, TN_E_not_found);
    tn_page_clear(&page);
}

static void ids_can_be_filtered(void **state)
{
    struct rig *r = *state;
    char text[2][TN_ID_LEN + 1];
    struct tn_id given = put(r, 1, stock[0], 0);
    upsert(r, "X", stock[1], 'x');
    tn_id_text(&given, text[0]);
    tn_id_text(&r->ops[0].id, text[1]);
    struct tn_str values[3] = {tn_str(text[0]), TN_STR("nonsense"), tn_str(text[1])};
    struct tn_filter f = {"id", TN_FILTER_in, values, 3};
    struct tn_query q = {.team = 1, .table = "items", .filters = &f, .filter_count = 1};
    expect_query(r, &q, "A B ");
    q.team = 2;
    expect_query(r, &q, "");
}

static void pages_follow_on_in_every_order(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    static const struct tn_sort orders[][2] = {
        {{NULL, false}},
        {{"quantity", false}},
        {{"quantity", true}},
        {{"status", false}},
        {{"status", true}},
        {{"weight", true}},
        {{"status", false}, {"quantity", true}},
        {{"due", false}, {"part_number", false}},
        {{"part_number", true}},
        {{"created", true}},
        {{"id", false}},
    };
    for (size_t i = 0; i < 5; i++) put(r, 1, stock[i], 0);
    put(r, 2, "{\"part_number\":\"other\"}", 0);
    for (size_t o = 0; o < sizeof orders / sizeof orders[0]; o++) {
        for (size_t limit = 1; limit < 6; limit++) {
            struct tn_query q = {.team = 1, .table = "items"};
            struct tn_page page;
            struct tn_buf whole, parts, cursor;
            for (size_t i = 0; i < 2 && orders[o][i].column; i++)
                q.sort[q.sort_count++] = orders[o][i];
            tn_page_init(&page);
            tn_buf_init(&whole, 1000);
            tn_buf_init(&parts, 1000);
            tn_buf_init(&cursor, 1000);
            assert_true(tn_store_query(r->store, &q, join_rows, &whole, &page, &err));
            assert_false(page.more);
            assert_int_equal(page.count, 5);
            q.limit = limit;
            do {
                if (!tn_store_query(r->store, &q, join_rows, &parts, &page, &err))
                    fail_msg("%s", err.text);
                tn_buf_reset(&cursor);
                tn_buf_addstr(&cursor, tn_buf_str(&page.next));
                q.cursor = tn_buf_str(&cursor);
            } while (page.more);
            assert_string_equal(parts.p, whole.p);
            tn_buf_clear(&whole);
            tn_buf_clear(&parts);
            tn_buf_clear(&cursor);
            tn_page_clear(&page);
        }
    }
}

static void without_a_sort_records_come_in_the_order_of_creation(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct tn_page page;
    struct tn_buf rows, cursor;
    struct tn_query q = {.team = 1, .table = "items", .limit = 1};
    struct tn_id ids[3];
    for (size_t i = 0; i < 3; i++) ids[2 - i] = tn_id_new();
    for (size_t i = 0; i < 3; i++) { /* the ids descend */
        struct tn_commit *c = tn_commit_new(r->store);
        assert_true(tn_commit_put(c, 1, "items", &ids[i], tn_str(stock[i]), TN_NEW_ONLY, &err));
        assert_true(rig_commit(r, c));
    }
    tn_page_init(&page);
    tn_buf_init(&rows, 1000);
    tn_buf_init(&cursor, 1000);
    do {
        assert_true(tn_store_query(r->store, &q, join_rows, &rows, &page, &err));
        tn_buf_reset(&cursor);
        tn_buf_addstr(&cursor, tn_buf_str(&page.next));
        q.cursor = tn_buf_str(&cursor);
    } while (page.more);
    assert_string_equal(rows.p, "A B C ");
    tn_buf_clear(&rows);
    tn_buf_clear(&cursor);
    tn_page_clear(&page);
}

static void a_cursor_stays_good_under_inserts(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct tn_page page;
    struct tn_buf rows, cursor;
    tn_page_init(&page);
    tn_buf_init(&rows, 1000);
    tn_buf_init(&cursor, 1000);
    put(r, 1, "{\"part_number\":\"b\"}", 0);
    put(r, 1, "{\"part_number\":\"d\"}", 0);
    put(r, 1, "{\"part_number\":\"f\"}", 0);
    struct tn_query q = {.team = 1,
                         .table = "items",
                         .sort = {{"part_number", false}},
                         .sort_count = 1,
                         .limit = 1,
                         .total = true};
    assert_true(tn_store_query(r->store, &q, join_rows, &rows, &page, &err));
    assert_int_equal(page.total, 3);
    put(r, 1, "{\"part_number\":\"a\"}", 0);
    put(r, 1, "{\"part_number\":\"c\"}", 0);
    tn_buf_addstr(&cursor, tn_buf_str(&page.next));
    q.cursor = tn_buf_str(&cursor);
    q.limit = 10;
    assert_true(tn_store_query(r->store, &q, join_rows, &rows, &page, &err));
    assert_string_equal(rows.p, "b c d f ");
    assert_int_equal(page.total, 5);
    q.sort[0].descending = true; /* a cursor of another query */
    assert_false(tn_store_query(r->store, &q, join_rows, &rows, &page, &err));
    tn_buf_clear(&rows);
    tn_buf_clear(&cursor);
    tn_page_clear(&page);
}

/* ------------------------------------------------------------------ notes, tables, files */

struct notes {
    int calls;
    bool all;
    char names[512];
};
static void on_change(void *arg, const struct tn_changes *changes)
{
    struct notes *n = arg;
    n->calls++;
    n->all |= changes->all;
    for (size_t i = 0; i < changes->count; i++) {
        size_t at = strlen(n->names);
        snprintf(n->names + at, sizeof n->names - at, "%d:%.*s/%zu%s ", changes->items[i].kind,
                 TN_FMT(changes->items[i].name), changes->items[i].count,
                 changes->items[i].more ? "+" : "");
    }
}

static void everybody_is_told_before_the_answer(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct notes mine = {0}, theirs = {0};
    struct tn_store *other = rig_connect(r);
    tn_store_on_change(r->store, on_change, &mine);
    tn_store_on_change(other, on_change, &theirs);
    struct tn_commit *c = tn_commit_new(r->store);
    struct tn_id id = tn_id_new();
    assert_true(tn_commit_put(c, 1, "items", &id, tn_str("{}"), 0, &err));
    assert_true(tn_commit_kv_set(c, 1, "s", TN_STR("k"), TN_STR("v"), TN_ANY, 0, &err));
    assert_true(tn_commit_queue_put(
        c, &(struct tn_queue_put){.team = 1, .queue = "q", .due_ms = 1, .payload = TN_STR("p")},
        &err));
    assert_true(rig_commit(r, c));
    assert_string_equal(mine.names, "0:items/1 2:s/0 3:q/1 ");
    while (!theirs.calls) tn_loop_turn(r->loop, true);
    assert_string_equal(theirs.names, mine.names);
    tn_store_off_change(r->store, on_change, &mine);
    put(r, 1, "{}", 0);
    assert_int_equal(mine.calls, 1);
    tn_store_close(other);
}

static void a_table_can_change_while_it_is_used(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    static const struct tn_column changed[] = {
        {"part_number", TN_COLUMN_text, true},
        {"quantity", TN_COLUMN_text, true},
        {"colour", TN_COLUMN_text, true},
    };
    struct tn_table next = {"items", changed, 3, {"part_number"}, "item", true};
    struct tn_commit *c = tn_commit_new(r->store);
    for (int i = 0; i < 500; i++) {
        char ext[16], body[100];
        snprintf(ext, sizeof ext, "%d", i);
        snprintf(body, sizeof body, "{\"part_number\":\"P%d\",\"colour\":\"c%d\",\"quantity\":%d}",
                 i, i % 3, i);
        struct tn_upsert u = {.team = 1,
                              .table = "items",
                              .source = source,
                              .external_id = tn_str(ext),
                              .body = tn_str(body)};
        assert_true(tn_commit_upsert(c, &u, &err));
    }
    assert_true(rig_commit(r, c));
    struct tn_id first = r->ops[0].id, second = r->ops[1].id;
    int before = r->answers;
    tn_store_define(r->store, &next, rig_done, r);
    struct tn_id id = tn_id_new();
    c = tn_commit_new(r->store); /* by the old declaration */
    assert_true(tn_commit_put(c, 1, "items", &id,
                              tn_str("{\"part_number\":\"new\",\"colour\":\"c1\"}"), 0, &err));
    assert_true(
        tn_commit_patch(c, 1, "items", &first, tn_str("{\"colour\":\"c1\"}"), TN_ANY, &err));
    tn_store_commit(r->store, c, rig_committed, r);
    c = tn_commit_new(r->store); /* the keys are exchanged there and in what is being made */
    patch_key(c, &first, "P1");
    patch_key(c, &second, "P0");
    tn_store_commit(r->store, c, rig_committed, r);
    rig_wait(r, before + 3);
    assert_true(r->ok);
    expect_key(r, "P1", &first);
    expect_key(r, "P0", &second);
    c = tn_commit_new(r->store);
    patch_key(c, &first, "P0");
    patch_key(c, &second, "P1");
    assert_true(rig_commit(r, c));
    struct tn_str v = TN_STR("c1");
    struct tn_filter f = {"colour", TN_FILTER_eq, &v, 1};
    struct tn_query q = {
        .team = 1, .table = "items", .filters = &f, .filter_count = 1, .total = true, .limit = 1};
    struct tn_page page;
    struct tn_buf rows;
    tn_page_init(&page);
    tn_buf_init(&rows, 1000);
    if (!tn_store_query(r->store, &q, join_rows, &rows, &page, &err)) fail_msg("%s", err.text);
    assert_int_equal(page.total, 167 + 2);
    f.column = "status";
    assert_false(tn_store_query(r->store, &q, join_rows, &rows, &page, &err));
    tn_page_clear(&page);
    tn_buf_clear(&rows);
    assert_true(rig_define(r, &next)); /* the same again is nothing */
    assert_int_equal(upsert(r, "7", "{\"part_number\":\"P7\"}", 'n'), TN_DONE_updated);
    struct tn_table bad = {"items", changed, 3, {"colour"}, "item", true};
    assert_false(rig_define(r, &bad)); /* colours are not unique */
    assert_int_equal(r->err.kind, TN_E_conflict);
    assert_true(rig_define(r, &items));
    expect_body(r, 1, &first, "{\"part_number\":\"P0\",\"colour\":\"c1\",\"quantity\":0}", 4);
}

static void bad_declarations_are_refused(void **state)
{
    struct rig *r = *state;
    static const struct tn_column one[] = {{"a", TN_COLUMN_text, true},
                                           {"A", TN_COLUMN_text, true}};
    static const struct tn_column taken[] = {{"team", TN_COLUMN_text, true}};
    static const struct tn_column quote[] = {{"a\"b", TN_COLUMN_text, true}};
    const struct tn_table bad[] = {
        {"tn_kv", one, 1, {NULL}, NULL, false}, {"1a", one, 1, {NULL}, NULL, false},
        {"a b", one, 1, {NULL}, NULL, false},   {"x", one, 2, {NULL}, NULL, false},
        {"x", taken, 1, {NULL}, NULL, false},   {"x", quote, 1, {NULL}, NULL, false},
        {"x", one, 1, {"b"}, NULL, false},      {"data_x", one, 1, {NULL}, NULL, false},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(rig_define(r, &bad[i]));
        assert_int_equal(r->err.kind, TN_E_invalid);
    }
}

static void people_can_query_with_plain_sql(void **state)
{
    struct rig *r = *state;
    char path[96], text[TN_ID_LEN + 1];
    sqlite3 *db;
    sqlite3_stmt *st;
    struct tn_id id = put(r, 1, stock[0], 0);
    tn_id_text(&id, text);
    snprintf(path, sizeof path, "%s/tenon.db", r->dir);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT id, part_number, due, quantity FROM items", -1, &st, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_string_equal(sqlite3_column_text(st, 0), text);
    assert_string_equal(sqlite3_column_text(st, 1), "A");
    assert_string_equal(sqlite3_column_text(st, 2), "2026-01-01T00:00:00Z");
    assert_int_equal(sqlite3_column_int(st, 3), 5);
    sqlite3_finalize(st);
    sqlite3_close(db);
}

static void a_backup_is_whole(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    char path[96];
    put(r, 1, stock[0], 0);
    snprintf(path, sizeof path, "%s/backup.db", r->dir);
    tn_store_backup(r->store, path, rig_done, r);
    rig_wait(r, r->answers + 1);
    if (!r->ok) fail_msg("%s", r->err.text);
    assert_true(tn_store_verify(path, &err));
    tn_store_backup(r->store, path, rig_done, r);
    rig_wait(r, r->answers + 1);
    assert_int_equal(r->err.kind, TN_E_conflict);
    assert_int_equal(truncate(path, 20000), 0);
    assert_false(tn_store_verify(path, &err));
}

static void on_stats(void *arg, const struct tn_store_stats *stats, const struct tn_err *err)
{
    assert_null(err);
    *(struct tn_store_stats *)arg = *stats;
}

static void figures_are_told(void **state)
{
    struct rig *r = *state;
    struct tn_store_stats stats = {0};
    put(r, 1, stock[0], 0);
    tn_store_stats(r->store, on_stats, &stats);
    while (!stats.groups) tn_loop_turn(r->loop, true);
    assert_int_equal(stats.commits, 1);
    assert_int_equal(stats.head, 1);
    assert_true(stats.free_bytes > 0 && stats.db_bytes > 0 && stats.wal_bytes > 0 &&
                stats.tables > 10);
}

static void what_waits_at_close_is_cancelled(void **state)
{
    struct rig *r = *state;
    tn_store_server_close(r->server);
    r->server = NULL;
    struct tn_commit *c = tn_commit_new(r->store);
    int before = r->answers;
    tn_store_commit(r->store, c, rig_committed, r);
    tn_store_close(r->store);
    r->store = NULL;
    assert_int_equal(r->answers, before + 1);
    assert_int_equal(r->err.kind, TN_E_cancelled);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_record_comes_back_as_it_was_given),
        T(a_key_or_external_id_with_a_nul_is_refused),
        T(another_team_sees_nothing),
        T(versions_are_checked),
        T(a_conflict_takes_the_whole_commit_back),
        T(neighbours_of_a_conflict_do_not_notice),
        T(neighbours_of_a_taken_key_do_not_notice),
        T(keys_are_unique_in_a_team),
        T(unique_columns_are_judged_each_by_itself),
        T(records_exchange_one_unique_value_and_keep_the_others),
        T(a_record_is_not_adopted_by_the_value_of_a_unique_column),
        T(a_column_becomes_unique_only_where_no_two_records_have_one_value),
        T(a_value_that_comes_twice_while_a_column_becomes_unique_ends_that),
        T(a_patch_leaves_the_rest_alone),
        T(bad_operations_are_refused_at_once),
        T(an_upsert_creates_updates_or_does_nothing),
        T(an_upsert_adopts_a_record_with_the_same_key),
        T(records_exchange_and_shift_their_keys),
        T(a_page_shifts_its_keys),
        T(a_record_made_anew_is_left_out_and_can_be_adopted),
        T(an_upsert_whose_named_record_is_gone_is_left_out_alone),
        T(a_stale_version_names_the_version_there_is),
        T(a_page_ends_as_its_records_would_one_by_one),
        T(a_merging_upsert_keeps_local_fields),
        T(links_remember_what_both_sides_agreed_on),
        T(an_upsert_keeps_what_another_source_agreed_on),
        T(links_are_made_and_taken_off_by_hand),
        T(events_are_numbered_without_holes),
        T(behind_the_largest_number_is_no_event),
        T(many_like_events_can_be_read_from_the_middle),
        T(former_versions_can_be_read),
        T(of_an_erased_record_nothing_is_kept),
        T(keys_keep_versions_and_expire),
        T(keys_are_listed_by_prefix),
        T(entries_are_claimed_once_and_settled),
        T(leases_of_the_dead_are_released),
        T(filters_select),
        T(bad_queries_name_the_field),
        T(ids_can_be_filtered),
        T(pages_follow_on_in_every_order),
        T(without_a_sort_records_come_in_the_order_of_creation),
        T(a_cursor_stays_good_under_inserts),
        T(everybody_is_told_before_the_answer),
        T(a_table_can_change_while_it_is_used),
        T(bad_declarations_are_refused),
        T(people_can_query_with_plain_sql),
        T(a_backup_is_whole),
        T(figures_are_told),
        T(what_waits_at_close_is_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
