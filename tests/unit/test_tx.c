/* SPDX-License-Identifier: MIT */
#include "unit/store_rig.h"

#include "base/fault.h"
#include "model/tx.h"
#include "store/read.h"

static const char *const states[] = {"new", "running", "done", NULL};
static const char *const from_new[] = {"running", NULL};
static const char *const from_running[] = {"done", NULL};
static const struct tn_transition moves[] = {
    {"new", from_new}, {"running", from_running}, {NULL, NULL}};
static const struct tn_field order_fields[] = {
    {.name = "number", .type = TN_FIELD_text, .required = true},
    {.name = "priority", .type = TN_FIELD_int, .min = "1", .default_json = "1"},
    {.name = "status",
     .type = TN_FIELD_state,
     .values = states,
     .initial = "new",
     .moves = moves,
     .default_json = "\"new\""},
    {.name = "routingId", .type = TN_FIELD_uuid, .ref = "routing"},
    {.name = "pin", .type = TN_FIELD_secret},
};
static const struct tn_field routing_fields[] = {{.name = "name", .type = TN_FIELD_text}};
static const char *const order_key[] = {"number", NULL}, *const routing_key[] = {"name", NULL};
static const struct tn_entity order = {
    .name = "order", .plural = "orders", .fields = order_fields, .n_fields = 5, .key = order_key};
static const struct tn_entity routing = {.name = "routing",
                                         .plural = "routings",
                                         .global = true,
                                         .fields = routing_fields,
                                         .n_fields = 1,
                                         .key = routing_key};
static const struct tn_entity *all[] = {&order, &routing};
static const struct tn_entities entities = {all, 2};

/* Each letter is the next one. */
static void seal(const void *self, struct tn_str secret, struct tn_str belongs, struct tn_buf *out)
{
    (void)self;
    tn_buf_addf(out, "%.*s:", TN_FMT(belongs));
    for (size_t i = 0; i < secret.n; i++) tn_buf_addc(out, (char)(secret.p[i] + 1));
}

struct bench {
    struct rig r;
    struct tn_tx_env env;
    struct tn_actor actor;
};

static void define(struct rig *r, const struct tn_entity *e)
{
    struct tn_column columns[TN_STORE_COLUMNS_MAX];
    struct tn_table table;
    tn_entity_table(e, columns, &table);
    assert_true(rig_define(r, &table));
}

static int set_up(void **state)
{
    static struct bench b;
    memset(&b, 0, sizeof b);
    rig_open(&b.r);
    define(&b.r, &order);
    define(&b.r, &routing);
    b.env = (struct tn_tx_env){.store = b.r.store,
                               .entities = &entities,
                               .sealer = {seal, NULL},
                               .tools = tn_tx_tools_new(),
                               .kv_team = 1,
                               .kv_space = "kv"};
    b.actor = (struct tn_actor){.team = 1, .name = "key night shift", .grants = "*:*"};
    *state = &b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    tn_tx_tools_free(b->env.tools);
    rig_close(&b->r);
    return 0;
}

static struct tn_tx *begin(struct bench *b)
{
    return tn_tx_new(&b->env, &b->actor);
}

static void fetch(struct bench *b, struct tn_tx *tx)
{
    int before = b->r.answers;
    tn_tx_fetch(tx, rig_done, &b->r);
    assert_int_equal(b->r.answers, before);
    rig_wait(&b->r, before + 1);
    assert_true(b->r.ok);
}

static bool commit(struct bench *b, struct tn_tx *tx)
{
    int before = b->r.answers;
    tn_tx_commit(tx, rig_done, &b->r);
    assert_int_equal(b->r.answers, before);
    rig_wait(&b->r, before + 1);
    return b->r.ok;
}

static struct tn_id create(struct bench *b, const struct tn_entity *e, const char *body)
{
    struct tn_tx *tx = begin(b);
    struct tn_id id = {{0}};
    struct tn_err err;
    if (!tn_tx_create(tx, e, &id, tn_str(body), &err)) fail_msg("%s", err.text);
    if (!commit(b, tx)) fail_msg("%s", b->r.err.text);
    tn_tx_free(tx);
    return id;
}

/* The record in a transaction that has fetched it. */
static struct tn_tx *with(struct bench *b, const struct tn_entity *e, const struct tn_id *id,
                          struct tn_tx_record **out)
{
    struct tn_tx *tx = begin(b);
    struct tn_err err;
    tn_tx_ask(tx, e, id);
    fetch(b, tx);
    assert_false(tn_tx_asks(tx));
    assert_true(tn_tx_get(tx, e, id, out, &err));
    return tx;
}

static void assert_body(struct bench *b, const struct tn_id *id, const char *body)
{
    struct tn_tx_record *r;
    struct tn_tx *tx = with(b, &order, id, &r);
    if (body)
        assert_string_equal(r->body.p, body);
    else
        assert_null(r);
    tn_tx_free(tx);
}

/* ---- stories ---- */

static void a_record_is_made_changed_and_deleted(void **state)
{
    struct bench *b = *state;
    struct tn_id id = create(b, &order, "{\"number\":\"A\"}");
    struct tn_tx_record *r;
    struct tn_err err;
    bool was_there;
    assert_body(b, &id, "{\"number\":\"A\",\"priority\":1,\"status\":\"new\"}");
    struct tn_tx *tx = with(b, &order, &id, &r);
    assert_true(tn_tx_patch(tx, &order, &id, TN_STR("{\"status\":\"running\"}"), &err));
    assert_true(commit(b, tx));
    assert_int_equal(tn_tx_version(tx, r), 2);
    tn_tx_free(tx);
    tx = with(b, &order, &id, &r);
    assert_true(tn_tx_put(tx, &order, &id, TN_STR("{\"number\":\"B\",\"status\":\"done\"}"), &err));
    assert_true(commit(b, tx));
    tn_tx_free(tx);
    assert_body(b, &id, "{\"number\":\"B\",\"status\":\"done\",\"priority\":1}");
    tx = with(b, &order, &id, &r);
    assert_true(tn_tx_delete(tx, &order, &id, false, &was_there, &err));
    assert_true(was_there);
    assert_true(commit(b, tx));
    tn_tx_free(tx);
    assert_body(b, &id, NULL);
}

static void what_breaks_a_rule_is_told_whole_and_nothing_is_stored(void **state)
{
    struct bench *b = *state;
    struct tn_tx *tx = begin(b);
    struct tn_id id = {{0}};
    struct tn_err err;
    assert_false(
        tn_tx_create(tx, &order, &id, TN_STR("{\"priority\":0,\"status\":\"done\"}"), &err));
    assert_int_equal(err.kind, TN_E_invalid);
    assert_string_equal(err.field, "priority");
    assert_int_equal(tn_tx_faults(tx)->n, 3);
    assert_int_equal(tn_tx_faults(tx)->v[1].code, TN_CODE_required);
    assert_int_equal(tn_tx_faults(tx)->v[2].code, TN_CODE_start);
    tn_tx_free(tx);
    id = create(b, &order, "{\"number\":\"A\"}");
    struct tn_tx_record *r;
    tx = with(b, &order, &id, &r);
    assert_false(tn_tx_patch(tx, &order, &id, TN_STR("{\"status\":\"done\"}"), &err));
    assert_int_equal(err.kind, TN_E_state);
    assert_string_equal(err.text, "status: it may not go from 'new' to 'done'");
    tn_tx_free(tx);
}

static void who_read_what_another_changed_is_in_conflict(void **state)
{
    struct bench *b = *state;
    struct tn_id id = create(b, &order, "{\"number\":\"A\"}");
    struct tn_tx_record *r;
    struct tn_err err;
    struct tn_tx *late = with(b, &order, &id, &r), *early = with(b, &order, &id, &r);
    assert_true(tn_tx_patch(early, &order, &id, TN_STR("{\"priority\":2}"), &err));
    assert_true(commit(b, early));
    assert_true(tn_tx_patch(late, &order, &id, TN_STR("{\"priority\":3}"), &err));
    assert_false(commit(b, late));
    assert_int_equal(b->r.err.kind, TN_E_conflict);
    tn_tx_free(late);
    tn_tx_free(early);
    late = with(b, &order, &id, &r);
    assert_true(tn_tx_expect(late, &order, &id, 2, &err));
    assert_false(tn_tx_expect(late, &order, &id, 1, &err));
    assert_int_equal(err.kind, TN_E_stale);
    assert_string_equal(err.params, "{\"version\":2}");
    tn_tx_free(late);
}

static void a_reference_names_a_record_that_is_there(void **state)
{
    struct bench *b = *state;
    struct tn_id there = create(b, &routing, "{\"name\":\"R\"}"), gone = tn_id_new(), id = {{0}};
    char text[TN_ID_LEN + 1], body[200];
    struct tn_err err;
    tn_id_text(&there, text);
    snprintf(body, sizeof body, "{\"number\":\"A\",\"routingId\":\"%s\"}", text);
    (void)create(b, &order, body);
    tn_id_text(&gone, text);
    snprintf(body, sizeof body, "{\"number\":\"B\",\"routingId\":\"%s\"}", text);
    struct tn_tx *tx = begin(b);
    assert_true(tn_tx_create(tx, &order, &id, tn_str(body), &err));
    assert_false(commit(b, tx));
    assert_int_equal(b->r.err.kind, TN_E_invalid);
    assert_int_equal(b->r.err.code, TN_CODE_reference);
    assert_string_equal(b->r.err.field, "routingId");
    assert_int_equal(tn_tx_faults(tx)->n, 1);
    tn_tx_free(tx);
    assert_body(b, &id, NULL);
}

static void a_reference_may_be_to_what_the_same_transaction_makes(void **state)
{
    struct bench *b = *state;
    struct tn_tx *tx = begin(b);
    struct tn_id made = {{0}}, id = {{0}};
    char text[TN_ID_LEN + 1], body[200];
    struct tn_err err;
    assert_true(tn_tx_create(tx, &routing, &made, TN_STR("{\"name\":\"R\"}"), &err));
    tn_id_text(&made, text);
    snprintf(body, sizeof body, "{\"number\":\"A\",\"routingId\":\"%s\"}", text);
    assert_true(tn_tx_create(tx, &order, &id, tn_str(body), &err));
    assert_true(commit(b, tx));
    tn_tx_free(tx);
}

static void a_reference_that_is_deleted_meanwhile_is_a_conflict(void **state)
{
    struct bench *b = *state;
    struct tn_id there = create(b, &routing, "{\"name\":\"R\"}"), id = {{0}};
    struct tn_tx_record *r;
    char text[TN_ID_LEN + 1], body[200];
    struct tn_err err;
    bool was_there;
    tn_id_text(&there, text);
    snprintf(body, sizeof body, "{\"number\":\"A\",\"routingId\":\"%s\"}", text);
    struct tn_tx *tx = begin(b), *other = with(b, &routing, &there, &r);
    tn_tx_ask(tx, &routing, &there);
    fetch(b, tx);
    assert_true(tn_tx_create(tx, &order, &id, tn_str(body), &err));
    assert_true(tn_tx_delete(other, &routing, &there, false, &was_there, &err));
    assert_true(commit(b, other));
    assert_false(commit(b, tx));
    assert_int_equal(b->r.err.kind, TN_E_conflict);
    tn_tx_free(tx);
    tn_tx_free(other);
}

static void records_are_found_by_key_as_the_transaction_has_them(void **state)
{
    struct bench *b = *state;
    struct tn_id id = create(b, &order, "{\"number\":\"A\"}");
    struct tn_str a = TN_STR("A"), c = TN_STR("C");
    struct tn_tx_record *r;
    struct tn_err err;
    struct tn_tx *tx = begin(b);
    tn_tx_ask_key(tx, &order, &a);
    tn_tx_ask_key(tx, &order, &c);
    fetch(b, tx);
    assert_true(tn_tx_find(tx, &order, &a, &r, &err));
    assert_true(r && tn_id_eq(&r->id, &id));
    assert_true(tn_tx_find(tx, &order, &c, &r, &err));
    assert_null(r);
    assert_true(tn_tx_patch(tx, &order, &id, TN_STR("{\"number\":\"C\"}"), &err));
    assert_true(tn_tx_find(tx, &order, &c, &r, &err));
    assert_true(r && tn_id_eq(&r->id, &id));
    assert_true(tn_tx_find(tx, &order, &a, &r, &err));
    assert_null(r);
    tn_tx_free(tx);
}

static void an_actor_writes_only_what_it_is_permitted(void **state)
{
    struct bench *b = *state;
    struct tn_id id = create(b, &order, "{\"number\":\"A\"}"), other = {{0}};
    struct tn_tx_record *r;
    struct tn_err err;
    bool was_there;
    snprintf(b->actor.grants, sizeof b->actor.grants, "*:read order:update");
    struct tn_tx *tx = with(b, &order, &id, &r);
    assert_true(tn_tx_patch(tx, &order, &id, TN_STR("{\"priority\":2}"), &err));
    assert_false(tn_tx_create(tx, &order, &other, TN_STR("{\"number\":\"B\"}"), &err));
    assert_int_equal(err.kind, TN_E_forbidden);
    assert_string_equal(err.text,
                        "key night shift may not do this: it needs the permission order:create");
    assert_false(tn_tx_delete(tx, &order, &id, false, &was_there, &err));
    assert_int_equal(err.kind, TN_E_forbidden);
    tn_tx_free(tx);
}

static void delete_it(struct bench *b, const struct tn_id *id, bool hard)
{
    struct tn_tx_record *r;
    struct tn_err err;
    bool was_there;
    struct tn_tx *tx = with(b, &order, id, &r);
    assert_true(tn_tx_delete(tx, &order, id, hard, &was_there, &err));
    assert_true(was_there);
    assert_true(commit(b, tx));
    tn_tx_free(tx);
}

/* The table has no history. */
static void the_last_state_is_kept_unless_it_is_deleted_with_its_history(void **state)
{
    struct bench *b = *state;
    struct tn_id soft = create(b, &order, "{\"number\":\"A\"}");
    struct tn_id hard = create(b, &order, "{\"number\":\"B\"}");
    struct tn_buf hold;
    struct tn_row row;
    struct tn_err err;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    delete_it(b, &soft, false);
    delete_it(b, &hard, true);
    assert_body(b, &soft, NULL);
    assert_body(b, &hard, NULL);
    assert_true(tn_store_as_of(b->r.store, 1, "orders", &soft, 1, 0, &row, &hold, &err));
    assert_string_equal(row.body.p, "{\"number\":\"A\",\"priority\":1,\"status\":\"new\"}");
    assert_false(tn_store_as_of(b->r.store, 1, "orders", &hard, 1, 0, &row, &hold, &err));
    assert_int_equal(err.kind, TN_E_not_found);
    tn_buf_clear(&hold);
}

static void a_written_record_has_the_times_of_the_store(void **state)
{
    struct bench *b = *state;
    struct tn_tx *tx = begin(b);
    struct tn_id id = {{0}};
    struct tn_tx_record *r, *stored;
    struct tn_err err;
    assert_true(tn_tx_create(tx, &order, &id, TN_STR("{\"number\":\"A\"}"), &err));
    assert_true(commit(b, tx));
    assert_true(tn_tx_get(tx, &order, &id, &r, &err));
    struct tn_tx *other = with(b, &order, &id, &stored);
    assert_int_equal(r->created_ms, stored->created_ms);
    assert_int_equal(r->updated_ms, stored->updated_ms);
    tn_tx_free(other);
    tn_tx_free(tx);
}

static void a_secret_is_sealed_for_its_place_and_kept(void **state)
{
    struct bench *b = *state;
    struct tn_id id = create(b, &order, "{\"number\":\"A\",\"pin\":\"abc\"}");
    struct tn_tx_record *r;
    char text[TN_ID_LEN + 1], expected[200];
    struct tn_err err;
    tn_id_text(&id, text);
    snprintf(expected, sizeof expected,
             "{\"number\":\"A\",\"pin\":\"%s/order/pin:bcd\",\"priority\":1,\"status\":\"new\"}",
             text);
    assert_body(b, &id, expected);
    struct tn_tx *tx = with(b, &order, &id, &r);
    assert_true(tn_tx_patch(tx, &order, &id, TN_STR("{\"pin\":\"********\"}"), &err));
    assert_true(commit(b, tx));
    tn_tx_free(tx);
    assert_body(b, &id, expected);
}

static void key_values_are_written_with_the_records(void **state)
{
    struct bench *b = *state;
    struct tn_str value;
    struct tn_err err;
    for (int i = 0; i < 2; i++) {
        struct tn_tx *tx = begin(b);
        tn_tx_ask_kv(tx, TN_STR("n"));
        fetch(b, tx);
        assert_true(tn_tx_kv_get(tx, TN_STR("n"), &value, &err));
        assert_true(i ? tn_str_is(value, "one") : !value.p);
        assert_true(tn_tx_kv_set(tx, TN_STR("n"), TN_STR("one"), 0, &err));
        assert_true(commit(b, tx));
        tn_tx_free(tx);
    }
}

static void two_records_exchange_their_keys(void **state)
{
    struct bench *b = *state;
    struct tn_id one = create(b, &order, "{\"number\":\"A\"}");
    struct tn_id two = create(b, &order, "{\"number\":\"B\"}");
    struct tn_err err;
    struct tn_tx *tx = begin(b);
    tn_tx_ask(tx, &order, &one);
    tn_tx_ask(tx, &order, &two);
    fetch(b, tx);
    assert_true(tn_tx_patch(tx, &order, &one, TN_STR("{\"number\":\"B\"}"), &err));
    assert_true(tn_tx_patch(tx, &order, &two, TN_STR("{\"number\":\"A\"}"), &err));
    if (!commit(b, tx)) fail_msg("%s", b->r.err.text);
    tn_tx_free(tx);
}

static void a_transaction_may_be_freed_at_any_time(void **state)
{
    struct bench *b = *state;
    struct tn_id id = create(b, &order, "{\"number\":\"A\"}"), made = {{0}};
    struct tn_err err;
    int before = b->r.answers;
    struct tn_tx *tx = begin(b);
    tn_tx_ask(tx, &order, &id);
    tn_tx_fetch(tx, rig_done, &b->r);
    tn_tx_free(tx);
    tx = begin(b);
    assert_true(tn_tx_create(tx, &order, &made, TN_STR("{\"number\":\"B\"}"), &err));
    tn_tx_commit(tx, rig_done, &b->r);
    tn_tx_free(tx);
    (void)create(b, &order, "{\"number\":\"C\"}");
    assert_int_equal(b->r.answers, before + 1);
    assert_body(b, &made, "{\"number\":\"B\",\"priority\":1,\"status\":\"new\"}");
}

static void what_was_not_fetched_is_a_fault_of_the_caller(void **state)
{
    struct bench *b = *state;
    struct tn_id id = tn_id_new();
    struct tn_tx_record *r;
    struct tn_err err;
    struct tn_tx *tx = begin(b);
    assert_false(tn_tx_get(tx, &order, &id, &r, &err));
    assert_int_equal(err.kind, TN_E_internal);
    tn_tx_free(tx);
}

static void assert_taken(struct bench *b, struct tn_tx *tx)
{
    assert_false(commit(b, tx));
    assert_int_equal(b->r.err.kind, TN_E_key_taken);
    assert_int_equal(b->r.err.code, TN_CODE_taken);
    assert_string_equal(b->r.err.text, "number: another order has 'A' already");
    assert_string_equal(b->r.err.field, "number");
    tn_tx_free(tx);
}

static void a_key_that_is_taken_is_named(void **state)
{
    static const struct tn_str a = TN_STR("{\"number\":\"A\"}");
    struct bench *b = *state;
    struct tn_id first = {{0}}, second = {{0}};
    struct tn_str key = TN_STR("A");
    struct tn_tx_record *r;
    struct tn_err err;
    struct tn_tx *tx = begin(b), *late;
    assert_true(tn_tx_create(tx, &order, &first, a, &err));
    assert_true(tn_tx_create(tx, &order, &second, a, &err));
    assert_taken(b, tx);
    late = begin(b);
    tn_tx_ask_key(late, &order, &key);
    fetch(b, late);
    (void)create(b, &order, a.p);
    second = first = (struct tn_id){{0}};
    tx = begin(b);
    assert_true(tn_tx_create(tx, &order, &first, a, &err));
    assert_taken(b, tx);
    /* It looked before: made anew, its steps find the other one. */
    assert_true(tn_tx_find(late, &order, &key, &r, &err));
    assert_null(r);
    assert_true(tn_tx_create(late, &order, &second, a, &err));
    assert_false(commit(b, late));
    assert_int_equal(b->r.err.kind, TN_E_conflict);
    assert_int_equal(b->r.err.code, TN_CODE_none);
    tn_tx_free(late);
}

/* The disk, which would fail, is not asked. */
static void what_does_nothing_commits_nothing(void **state)
{
    struct bench *b = *state;
    struct tn_tx *tx = begin(b);
    struct tn_str value;
    struct tn_err err;
    tn_tx_ask_kv(tx, TN_STR("none"));
    fetch(b, tx);
    assert_true(tn_tx_kv_get(tx, TN_STR("none"), &value, &err));
    tn_fault_arm("store.commit=fail:1+");
    bool ok = commit(b, tx);
    tn_fault_arm(NULL);
    assert_true(ok);
    tn_tx_free(tx);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_record_is_made_changed_and_deleted),
        T(what_breaks_a_rule_is_told_whole_and_nothing_is_stored),
        T(who_read_what_another_changed_is_in_conflict),
        T(a_reference_names_a_record_that_is_there),
        T(a_reference_may_be_to_what_the_same_transaction_makes),
        T(a_reference_that_is_deleted_meanwhile_is_a_conflict),
        T(records_are_found_by_key_as_the_transaction_has_them),
        T(an_actor_writes_only_what_it_is_permitted),
        T(the_last_state_is_kept_unless_it_is_deleted_with_its_history),
        T(a_written_record_has_the_times_of_the_store),
        T(a_secret_is_sealed_for_its_place_and_kept),
        T(key_values_are_written_with_the_records),
        T(two_records_exchange_their_keys),
        T(a_transaction_may_be_freed_at_any_time),
        T(what_was_not_fetched_is_a_fault_of_the_caller),
        T(what_does_nothing_commits_nothing),
        T(a_key_that_is_taken_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
