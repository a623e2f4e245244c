/* SPDX-License-Identifier: MIT */
#include "store_rig.h"

#include <time.h>

#include "base/time.h"
#include "store/read.h"

static const struct tn_column item_columns[] = {
    {"part_number", TN_COLUMN_text, true},
    {"quantity", TN_COLUMN_int, true},
    {"name", TN_COLUMN_text, false},
};
static const struct tn_table items = {
    "items", item_columns, 3, {"part_number"}, "item", true,
};
static const struct tn_table others = {"others", item_columns, 3, {NULL}, NULL, false};
static struct tn_origin source = {.entity = {"item", 4}};

static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    memset(&source.integration, 7, sizeof source.integration);
    rig_open(r);
    assert_true(rig_define(r, &items));
    assert_true(rig_define(r, &others));
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    rig_close(*state);
    free(*state);
    return 0;
}

/* ------------------------------------------------------------------ asking */

struct answer {
    int calls;
    struct tn_found *found; /* kept */
    struct tn_err err;
};

static void answered(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct answer *a = arg;
    a->calls++;
    assert_true((found != NULL) != (err != NULL));
    if (found) a->found = tn_found_ref(found);
    if (err) a->err = *err;
}

static void forget(struct answer *a)
{
    tn_found_unref(a->found);
    *a = (struct answer){0};
}

/* Waits; the caller forgets the answer. */
static struct answer ask(struct rig *r, struct tn_read *read)
{
    struct answer a = {0};
    assert_non_null(tn_store_read(r->store, read, NULL, answered, &a));
    assert_int_equal(a.calls, 0);
    while (!a.calls) tn_loop_turn(r->loop, true);
    return a;
}

static enum tn_kind kind_of(const struct answer *a, size_t question)
{
    const struct tn_err *err = tn_found_err(a->found, question);
    return err ? err->kind : TN_E_none;
}

/* ------------------------------------------------------------------ writing */

static struct tn_id put(struct rig *r, int64_t team, const char *body)
{
    struct tn_id id = tn_id_new();
    struct tn_err err;
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(tn_commit_put(c, team, "items", &id, tn_str(body), TN_NEW_ONLY, &err));
    assert_true(rig_commit(r, c));
    return id;
}

static void put_again(struct rig *r, int64_t team, const struct tn_id *id, const char *body)
{
    struct tn_err err;
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(tn_commit_put(c, team, "items", id, tn_str(body), TN_ANY, &err));
    assert_true(rig_commit(r, c));
}

static void hash_of(unsigned char out[TN_HASH_LEN], unsigned n)
{
    memset(out, 0, TN_HASH_LEN);
    memcpy(out, &n, sizeof n);
}

static struct tn_id upsert(struct rig *r, const char *external_id, unsigned hash, const char *body)
{
    struct tn_err err;
    struct tn_commit *c = tn_commit_new(r->store);
    struct tn_upsert u = {.team = 1,
                          .table = "items",
                          .source = source,
                          .external_id = tn_str(external_id),
                          .body = tn_str(body)};
    hash_of(u.hash, hash);
    assert_true(tn_commit_upsert(c, &u, &err));
    assert_true(rig_commit(r, c));
    return r->ops[0].id;
}

static void kv_set(struct rig *r, int64_t team, const char *key, const char *value)
{
    struct tn_err err;
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(tn_commit_kv_set(c, team, "box", tn_str(key), tn_str(value), TN_ANY, 0, &err));
    assert_true(rig_commit(r, c));
}

/* ------------------------------------------------------------------ each kind of question */

static void a_record_is_found_in_each_way(void **state)
{
    struct rig *r = *state;
    struct tn_str key = TN_STR("A");
    struct tn_id id = upsert(r, "x1", 1, "{\"part_number\":\"A\",\"quantity\":3}");
    struct tn_read *read = tn_read_new(1);
    assert_int_equal(tn_read_get(read, "items", &id), 0);
    assert_int_equal(tn_read_key(read, "items", &key, 1), 1);
    assert_int_equal(tn_read_link(read, "items", &source, TN_STR("x1")), 2);
    struct answer a = ask(r, read);
    for (size_t q = 0; q < 3; q++) {
        const struct tn_row *row = tn_found_row(a.found, q, 0);
        assert_non_null(row);
        assert_memory_equal(&row->id, &id, sizeof id);
        assert_true(tn_str_is(row->body, "{\"part_number\":\"A\",\"quantity\":3}"));
        assert_int_equal(row->team, 1);
        assert_int_equal(row->version, 1);
        assert_int_equal(tn_found_list(a.found, q)->count, 1);
        assert_null(tn_found_row(a.found, q, 1));
    }
    forget(&a);
}

static void what_is_not_there_is_said_question_by_question(void **state)
{
    struct rig *r = *state;
    struct tn_id there = put(r, 1, "{\"part_number\":\"A\"}"), nobody = tn_id_new();
    struct tn_str key = TN_STR("Z"), two[2] = {TN_STR("A"), TN_STR("B")};
    struct tn_read *read = tn_read_new(1);
    tn_read_get(read, "items", &nobody);
    tn_read_get(read, "items", &there);
    tn_read_key(read, "items", &key, 1);
    tn_read_link(read, "items", &source, TN_STR("x"));
    tn_read_links(read, "items", &nobody);
    tn_read_kv(read, "box", TN_STR("k"));
    tn_read_versions(read, "items", &nobody, 0);
    tn_read_as_of(read, "items", &there, 9, 0);
    tn_read_get(read, "nothing", &there);
    tn_read_count(read, "nothing");
    tn_read_key(read, "items", two, 2);
    struct answer a = ask(r, read);
    const enum tn_kind expected[] = {TN_E_not_found, TN_E_none,      TN_E_not_found, TN_E_not_found,
                                     TN_E_not_found, TN_E_not_found, TN_E_not_found, TN_E_not_found,
                                     TN_E_not_found, TN_E_not_found, TN_E_invalid};
    for (size_t q = 0; q < 11; q++) {
        assert_int_equal(kind_of(&a, q), expected[q]);
        assert_int_equal(tn_found_list(a.found, q)->count, q == 1);
    }
    assert_null(tn_found_row(a.found, 0, 0));
    assert_non_null(tn_found_row(a.found, 1, 0));
    forget(&a);
}

static void a_question_that_breaks_a_rule_is_answered_with_invalid(void **state)
{
    struct rig *r = *state;
    struct tn_str key[TN_STORE_KEY_MAX + 1], value = TN_STR("no number");
    for (size_t i = 0; i <= TN_STORE_KEY_MAX; i++) key[i] = TN_STR("x");
    struct tn_filter filter = {"quantity", TN_FILTER_eq, &value, 1};
    struct tn_query far = {.table = "items", .offset = 100001},
                    bad = {.table = "items", .filters = &filter, .filter_count = 1};
    struct tn_read *read = tn_read_new(1);
    tn_read_key(read, "items", key, TN_STORE_KEY_MAX + 1);
    tn_read_query(read, &far);
    tn_read_query(read, &bad);
    struct answer a = ask(r, read);
    for (size_t q = 0; q < 3; q++) assert_int_equal(kind_of(&a, q), TN_E_invalid);
    assert_string_equal(tn_found_err(a.found, 2)->field, "quantity");
    forget(&a);
}

static void a_query_gives_its_page_and_the_next_one(void **state)
{
    struct rig *r = *state;
    char body[64];
    for (int i = 0; i < 5; i++) {
        snprintf(body, sizeof body, "{\"part_number\":\"P%d\",\"quantity\":%d}", i, i);
        put(r, 1, body);
    }
    char column[] = "quantity", text[] = "1";
    struct tn_str value = {text, 1};
    struct tn_filter filter = {column, TN_FILTER_ge, &value, 1};
    struct tn_query q = {.team = 99, /* the read's team counts */
                         .table = "items",
                         .filters = &filter,
                         .filter_count = 1,
                         .sort = {{column, true}},
                         .sort_count = 1,
                         .limit = 3,
                         .total = true};
    struct tn_read *read = tn_read_new(1);
    tn_read_query(read, &q);
    tn_read_count(read, "items");
    memset(column, 'x', sizeof column - 1); /* all was copied */
    text[0] = 'x';
    struct answer a = ask(r, read);
    const struct tn_list *list = tn_found_list(a.found, 0);
    assert_int_equal(kind_of(&a, 0), TN_E_none);
    assert_int_equal(list->count, 3);
    assert_int_equal(list->total, 4);
    assert_true(list->more);
    assert_true(
        tn_str_is(tn_found_row(a.found, 0, 0)->body, "{\"part_number\":\"P4\",\"quantity\":4}"));
    assert_int_equal(tn_found_list(a.found, 1)->total, 5);
    memcpy(column, "quantity", 8);
    text[0] = '1';
    q.cursor = list->next;
    read = tn_read_new(1);
    tn_read_query(read, &q);
    struct answer b = ask(r, read);
    assert_int_equal(tn_found_list(b.found, 0)->count, 1);
    assert_false(tn_found_list(b.found, 0)->more);
    forget(&a);
    forget(&b);
}

static void links_and_histories_are_found(void **state)
{
    struct rig *r = *state;
    struct tn_id id = upsert(r, "x1", 1, "{\"part_number\":\"A\",\"quantity\":1}");
    upsert(r, "x1", 2, "{\"part_number\":\"A\",\"quantity\":2}");
    struct tn_read *read = tn_read_new(1);
    tn_read_links(read, "items", &id);
    tn_read_versions(read, "items", &id, 1);
    tn_read_versions(read, "items", &id, 0);
    tn_read_as_of(read, "items", &id, 1, 0);
    struct answer a = ask(r, read);
    assert_int_equal(tn_found_list(a.found, 0)->count, 1);
    const struct tn_link *link = tn_found_link(a.found, 0, 0);
    assert_true(tn_str_is(link->external_id, "x1"));
    assert_true(tn_str_eq(link->source.entity, source.entity));
    assert_true(tn_str_is(link->agreed, "{\"part_number\":\"A\",\"quantity\":2}"));
    assert_int_equal(tn_found_list(a.found, 1)->count, 1);
    assert_true(tn_found_list(a.found, 1)->more);
    assert_int_equal(tn_found_list(a.found, 2)->count, 2);
    assert_false(tn_found_list(a.found, 2)->more);
    assert_true(tn_found_version(a.found, 2, 0)->current);
    assert_int_equal(tn_found_version(a.found, 2, 1)->version, 1);
    assert_true(
        tn_str_is(tn_found_row(a.found, 3, 0)->body, "{\"part_number\":\"A\",\"quantity\":1}"));
    forget(&a);
}

static struct tn_commit *totals(struct rig *r, int64_t team, const struct tn_id *id, int64_t runs,
                                int64_t last)
{
    const struct tn_total_change changes[] = {{"runs", TN_TOTAL_add, runs},
                                              {"last", TN_TOTAL_raise, last}};
    struct tn_err err;
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(tn_commit_totals(c, team, "items", id, changes, 2, &err));
    return c;
}

static void totals_are(struct rig *r, int64_t team, const struct tn_id *id, int64_t runs,
                       int64_t last)
{
    struct tn_read *read = tn_read_new(team);
    tn_read_totals(read, "items", id);
    tn_read_totals(read, "nothing", id);
    struct answer a = ask(r, read);
    assert_int_equal(kind_of(&a, 0), TN_E_none);
    assert_int_equal(tn_found_total(a.found, 0, "runs"), runs);
    assert_int_equal(tn_found_total(a.found, 0, "last"), last);
    assert_int_equal(tn_found_total(a.found, 0, "never"), 0);
    assert_int_equal(kind_of(&a, 1), TN_E_not_found);
    forget(&a);
}

static void totals_that_come_at_once_all_count_and_make_no_version(void **state)
{
    struct rig *r = *state;
    struct tn_id id = put(r, 1, "{\"part_number\":\"A\"}"), nobody = tn_id_new();
    struct tn_err err;
    int64_t head = rig_head(r);
    totals_are(r, 1, &id, 0, 0);
    int answers = r->answers;
    for (int i = 1; i <= 20; i++) /* the later is the smaller */
        tn_store_commit(r->store, totals(r, 1, &id, 2, 1000 - i), rig_committed, r);
    rig_wait(r, answers + 20);
    totals_are(r, 1, &id, 40, 999);
    assert_true(rig_commit(r, totals(r, 1, &id, -3, 0)));
    assert_int_equal(r->ops[0].kind, TN_DONE_updated);
    assert_int_equal(r->ops[0].version, 1);
    totals_are(r, 1, &id, 37, 999);
    assert_int_equal(rig_head(r), head);
    assert_true(rig_commit(r, totals(r, 1, &nobody, 1, 1)));
    assert_int_equal(r->ops[0].kind, TN_DONE_unchanged);
    totals_are(r, 1, &nobody, 0, 0);
    assert_true(rig_commit(r, totals(r, 2, &id, 1, 1)));
    totals_are(r, 2, &id, 0, 0);
    put_again(r, 1, &id, "{\"part_number\":\"B\"}");
    totals_are(r, 1, &id, 37, 999);
    struct tn_commit *c = totals(r, 1, &id, 100, 100000);
    assert_true(tn_commit_expect(c, 1, "items", &id, 1, &err)); /* it is at 2 */
    assert_false(rig_commit(r, c));
    totals_are(r, 1, &id, 37, 999);
    c = tn_commit_new(r->store);
    assert_true(tn_commit_delete(c, 1, "items", &id, TN_ANY, &err));
    assert_true(tn_commit_put(c, 1, "items", &id, TN_STR("{}"), TN_NEW_ONLY, &err));
    assert_true(rig_commit(r, c));
    totals_are(r, 1, &id, 0, 0);
}

static void events_and_key_values_are_found(void **state)
{
    struct rig *r = *state;
    struct tn_id id = put(r, 1, "{\"part_number\":\"A\"}");
    put(r, 1, "{\"part_number\":\"B\"}");
    kv_set(r, 1, "a1", "one");
    kv_set(r, 1, "a2", "two");
    kv_set(r, 1, "b1", "three");
    struct tn_read *read = tn_read_new(1);
    tn_read_tail(read, TN_PARTITION_DEFAULT, 0, 1);
    tn_read_tail(read, TN_PARTITION_DEFAULT, 0, 0);
    tn_read_kv(read, "box", TN_STR("a2"));
    tn_read_kv_list(read, "box", TN_STR("a"), TN_STR(""), 0);
    tn_read_kv_list(read, "box", TN_STR(""), TN_STR("a1"), 1);
    struct answer a = ask(r, read);
    const struct tn_event *e = tn_found_event(a.found, 0, 0);
    assert_true(tn_str_is(e->type, "item.created"));
    assert_true(tn_str_is(e->table, "items"));
    assert_memory_equal(&e->record, &id, sizeof id);
    assert_int_equal(tn_found_tail(a.found, 0)->last, 1);
    assert_int_equal(tn_found_tail(a.found, 0)->head, 2);
    assert_true(tn_found_list(a.found, 0)->more);
    assert_int_equal(tn_found_list(a.found, 1)->count, 2);
    assert_true(tn_str_is(tn_found_kv(a.found, 2, 0)->value, "two"));
    assert_int_equal(tn_found_kv(a.found, 2, 0)->version, 1);
    assert_int_equal(tn_found_list(a.found, 3)->count, 2);
    assert_true(tn_str_is(tn_found_kv(a.found, 3, 1)->key, "a2"));
    assert_false(tn_found_list(a.found, 3)->more);
    assert_true(tn_str_is(tn_found_kv(a.found, 4, 0)->key, "a2"));
    assert_true(tn_found_list(a.found, 4)->more);
    forget(&a);
}

static void a_page_of_a_sync_is_one_question(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    upsert(r, "same", 1, "{\"part_number\":\"S\"}");
    struct tn_id changed = upsert(r, "changed", 1, "{\"part_number\":\"C\"}");
    upsert(r, "changed", 2, "{\"part_number\":\"C\",\"quantity\":2}");
    struct tn_id linked = upsert(r, "holder", 1, "{\"part_number\":\"H\"}");
    struct tn_id alone = put(r, 1, "{\"part_number\":\"L\"}"), other = tn_id_new();
    struct tn_commit *c = tn_commit_new(r->store);
    unsigned char hash[TN_HASH_LEN];
    hash_of(hash, 1);
    assert_true(tn_commit_put(c, 1, "others", &other, TN_STR("{}"), TN_NEW_ONLY, &err));
    assert_true(tn_commit_link(c, 1, "others", &other, &source, TN_STR("elsewhere"), hash, &err));
    assert_true(rig_commit(r, c));

    struct tn_source_item list[] = {
        {.external_id = TN_STR("same")},
        {.external_id = TN_STR("changed")},
        {.external_id = TN_STR("new 1"), .key = {TN_STR("H")}},
        {.external_id = TN_STR("new 2"), .key = {TN_STR("L")}},
        {.external_id = TN_STR("new 3"), .key = {TN_STR("nobody")}},
        {.external_id = TN_STR("new 4")},
        {.external_id = TN_STR("elsewhere")},
    };
    for (size_t i = 0; i < 7; i++) hash_of(list[i].hash, i ? 9 : 1);
    struct tn_page_of page = {
        .table = "items", .source = source, .items = list, .count = 7, .key_count = 1};
    struct tn_read *read = tn_read_new(1);
    tn_read_page(read, &page);
    page.bodies = true;
    page.key_count = 0;
    tn_read_page(read, &page);
    memset(list, 0, sizeof list); /* all was copied */
    struct answer a = ask(r, read);
    for (size_t q = 0; q < 2; q++) {
        static const enum tn_seen_state states[] = {TN_SEEN_same,   TN_SEEN_changed, TN_SEEN_new,
                                                    TN_SEEN_new,    TN_SEEN_new,     TN_SEEN_new,
                                                    TN_SEEN_changed};
        assert_int_equal(tn_found_list(a.found, q)->count, 7);
        for (size_t i = 0; i < 7; i++)
            assert_int_equal(tn_found_seen(a.found, q, i)->state, states[i]);
    }
    static const struct tn_id none;
    assert_memory_equal(&tn_found_seen(a.found, 0, 1)->record, &none, sizeof none);
    assert_int_equal(tn_found_seen(a.found, 0, 1)->version, 0);
    assert_memory_equal(&tn_found_seen(a.found, 1, 1)->record, &changed, sizeof changed);
    assert_int_equal(tn_found_seen(a.found, 1, 1)->version, 2);
    assert_null(tn_found_seen(a.found, 0, 1)->body.p);
    assert_true(
        tn_str_is(tn_found_seen(a.found, 1, 1)->body, "{\"part_number\":\"C\",\"quantity\":2}"));
    assert_memory_equal(&tn_found_seen(a.found, 0, 2)->record, &linked, sizeof linked);
    assert_true(tn_str_is(tn_found_seen(a.found, 0, 2)->holder, "holder"));
    assert_memory_equal(&tn_found_seen(a.found, 0, 3)->record, &alone, sizeof alone);
    assert_null(tn_found_seen(a.found, 0, 3)->holder.p);
    assert_memory_equal(&tn_found_seen(a.found, 0, 4)->record, &none, sizeof none);
    assert_memory_equal(&tn_found_seen(a.found, 0, 5)->record, &none, sizeof none);
    assert_memory_equal(&tn_found_seen(a.found, 0, 6)->record, &none, sizeof none);
    assert_memory_equal(&tn_found_seen(a.found, 1, 2)->record, &none, sizeof none);
    forget(&a);
}

static void another_team_sees_nothing(void **state)
{
    struct rig *r = *state;
    struct tn_id id = upsert(r, "x1", 1, "{\"part_number\":\"A\"}");
    kv_set(r, 1, "k", "v");
    struct tn_str key = TN_STR("A");
    struct tn_query query = {.team = 1, .table = "items"};
    struct tn_source_item item = {.external_id = TN_STR("x1"), .key = {TN_STR("A")}};
    hash_of(item.hash, 1);
    struct tn_page_of page = {
        .table = "items", .source = source, .items = &item, .count = 1, .key_count = 1};
    struct tn_read *read = tn_read_new(2);
    tn_read_get(read, "items", &id);
    tn_read_key(read, "items", &key, 1);
    tn_read_link(read, "items", &source, TN_STR("x1"));
    tn_read_links(read, "items", &id);
    tn_read_kv(read, "box", TN_STR("k"));
    tn_read_versions(read, "items", &id, 0);
    tn_read_as_of(read, "items", &id, 1, 0);
    for (size_t i = 7; i < 9; i++) tn_read_query(read, &query), tn_read_count(read, "items");
    tn_read_kv_list(read, "box", TN_STR(""), TN_STR(""), 0);
    tn_read_tail(read, TN_PARTITION_DEFAULT, 0, 0);
    tn_read_page(read, &page);
    struct answer a = ask(r, read);
    for (size_t q = 0; q < 7; q++) assert_int_equal(kind_of(&a, q), TN_E_not_found);
    assert_int_equal(tn_found_list(a.found, 7)->count, 0);
    assert_int_equal(tn_found_list(a.found, 8)->total, 0);
    assert_int_equal(tn_found_list(a.found, 11)->count, 0);
    assert_int_equal(tn_found_list(a.found, 12)->count, 0);
    assert_int_equal(tn_found_seen(a.found, 13, 0)->state, TN_SEEN_new);
    assert_null(tn_found_seen(a.found, 13, 0)->holder.p);
    forget(&a);
}

static void a_log_partition_that_is_not_there_is_named(void **state)
{
    struct rig *r = *state;
    put(r, 1, "{\"part_number\":\"A\"}");
    struct tn_read *read = tn_read_new(1);
    tn_read_tail(read, 1, 0, 0);
    tn_read_tail(read, -1, 0, 0);
    tn_read_tail(read, TN_PARTITION_DEFAULT, 0, 0);
    struct answer a = ask(r, read);
    assert_int_equal(kind_of(&a, 0), TN_E_invalid);
    assert_string_equal(tn_found_err(a.found, 0)->text,
                        "there is no log partition 1: this store has one, 0");
    assert_int_equal(kind_of(&a, 1), TN_E_invalid);
    assert_int_equal(tn_found_list(a.found, 2)->count, 1);
    forget(&a);
}

/* ------------------------------------------------------------------ calls */

static void an_empty_read_is_answered(void **state)
{
    struct rig *r = *state;
    struct answer a = ask(r, tn_read_new(1));
    assert_non_null(a.found);
    forget(&a);
    tn_read_free(tn_read_new(1));
    tn_read_free(NULL);
    tn_found_unref(NULL);
    tn_call_cancel(NULL);
}

static void a_call_that_is_cancelled_is_not_answered(void **state)
{
    struct rig *r = *state;
    struct tn_id id = put(r, 1, "{}");
    struct answer a[3] = {0};
    struct tn_call *calls[3];
    for (size_t i = 0; i < 3; i++) {
        struct tn_read *read = tn_read_new(1);
        tn_read_get(read, "items", &id);
        calls[i] = tn_store_read(r->store, read, NULL, answered, &a[i]);
    }
    tn_call_cancel(calls[0]);
    tn_call_cancel(calls[1]);
    while (!a[2].calls) tn_loop_turn(r->loop, true);
    assert_int_equal(a[0].calls + a[1].calls, 0);
    forget(&a[2]);
}

/* Owns a call, and cancels it in its free, which its own callback calls. */
struct owner {
    struct rig *rig;
    struct tn_call *call, *other;
    bool *dead;
};

static void owner_free(struct owner *o)
{
    tn_call_cancel(o->call);
    tn_call_cancel(o->other);
    *o->dead = true;
    free(o);
}

static void last_words(void *arg, struct tn_found *found, const struct tn_err *err)
{
    (void)err;
    assert_non_null(found);
    owner_free(arg);
}

static void an_owner_may_die_in_its_own_answer(void **state)
{
    struct rig *r = *state;
    bool dead = false;
    struct tn_id id = put(r, 1, "{}");
    struct owner *o = calloc(1, sizeof *o);
    *o = (struct owner){.rig = r, .dead = &dead};
    for (int i = 0; i < 2; i++) {
        struct tn_read *read = tn_read_new(1);
        tn_read_get(read, "items", &id);
        struct tn_call *call = tn_store_read(r->store, read, NULL, last_words, o);
        *(i ? &o->other : &o->call) = call;
    }
    while (!dead) tn_loop_turn(r->loop, true);
    struct answer a = ask(r, tn_read_new(1));
    forget(&a);
}

static void what_waits_when_the_store_closes_is_cancelled(void **state)
{
    struct rig *r = *state;
    struct tn_store *second = rig_connect(r);
    struct answer a[3] = {0};
    struct tn_call *calls[3];
    for (size_t i = 0; i < 3; i++)
        calls[i] = tn_store_read(second, tn_read_new(1), NULL, answered, &a[i]);
    tn_call_cancel(calls[1]);
    tn_store_close(second);
    assert_int_equal(a[0].calls, 1);
    assert_int_equal(a[0].err.kind, TN_E_cancelled);
    assert_int_equal(a[1].calls, 0);
    assert_int_equal(a[2].err.kind, TN_E_cancelled);
}

static void a_store_that_is_not_ready_is_unavailable(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct tn_store_options o = {.dir = r->dir, .socket = r->socket, .holder = tn_id_new()};
    struct tn_store *late = tn_store_open(r->loop, &o, &err);
    struct answer a = {0};
    struct tn_read *read = tn_read_new(1);
    assert_non_null(late);
    tn_read_count(read, "items");
    tn_store_read(late, read, NULL, answered, &a);
    while (!a.calls) tn_loop_turn(r->loop, true);
    assert_int_equal(a.err.kind, TN_E_unavailable);
    forget(&a);
    tn_store_close(late);
}

static void an_answer_outlives_its_store(void **state)
{
    struct rig *r = *state;
    struct tn_store *first = r->store;
    struct tn_id id = put(r, 1, "{\"name\":\"kept\"}");
    r->store = rig_connect(r);
    struct tn_read *read = tn_read_new(1);
    tn_read_get(read, "items", &id);
    struct answer a = ask(r, read);
    tn_store_close(r->store);
    r->store = first;
    assert_true(tn_str_is(tn_found_row(a.found, 0, 0)->body, "{\"name\":\"kept\"}"));
    forget(&a);
}

/* ------------------------------------------------------------------ order and time */

struct counter {
    struct rig *rig;
    struct tn_id id;
    int64_t seen, told, answers;
    bool ordered;
};

static void counted(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct counter *c = arg;
    assert_null(err);
    c->answers++;
    assert_true(tn_found_row(found, 0, 0)->version >= c->told);
}

/* At the moment a commit is acknowledged a read is asked, which has to see it. */
static void read_behind(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct counter *c = arg;
    assert_null(err);
    c->told = done->ops[0].version;
    struct tn_read *read = tn_read_new(1);
    tn_read_get(read, "items", &c->id);
    tn_store_read(c->rig->store, read, NULL, counted, c);
}

static void acknowledged_commits_are_seen(struct rig *r)
{
    struct counter c = {.rig = r, .id = put(r, 1, "{\"quantity\":0}")};
    enum { ROUNDS = 60 };
    struct tn_err err;
    for (int i = 0; i < ROUNDS; i++) {
        char body[40];
        snprintf(body, sizeof body, "{\"quantity\":%d}", i);
        struct tn_commit *commit = tn_commit_new(r->store);
        assert_true(tn_commit_put(commit, 1, "items", &c.id, tn_str(body), TN_ANY, &err));
        tn_store_commit(r->store, commit, read_behind, &c);
        if (i % 7 == 0) tn_loop_turn(r->loop, true);
    }
    while (c.answers < ROUNDS) tn_loop_turn(r->loop, true);
}

static void a_read_sees_what_was_acknowledged_before(void **state)
{
    acknowledged_commits_are_seen(*state);
}

static void the_newest_event_is_known_in_place(void **state)
{
    struct rig *r = *state;
    assert_int_equal(tn_store_head(r->store), 0);
    put(r, 1, "{\"part_number\":\"A\"}");
    put(r, 2, "{\"part_number\":\"B\"}");
    assert_int_equal(tn_store_head(r->store), 2);
    struct tn_store *second = rig_connect(r);
    assert_int_equal(tn_store_head(second), 2);
    tn_store_close(second);
}

struct order {
    int64_t *last, number;
    long *answers, *steps;
};

static void in_order(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct order *o = arg;
    assert_null(err);
    (void)found;
    *o->steps += o->number < *o->last;
    *o->last = o->number;
    ++*o->answers;
}

/* Asks many at once; how many came before one that was asked earlier. */
static long steps_back(struct rig *r, size_t reads)
{
    struct order *orders = calloc(reads, sizeof *orders);
    struct tn_id id = put(r, 1, "{}");
    int64_t last = -1;
    long answers = 0, steps = 0;
    for (size_t i = 0; i < reads; i++) {
        struct tn_read *read = tn_read_new(1);
        orders[i] = (struct order){&last, (int64_t)i, &answers, &steps};
        tn_read_get(read, "items", &id);
        tn_store_read(r->store, read, NULL, in_order, &orders[i]);
    }
    while (answers < (long)reads) tn_loop_turn(r->loop, true);
    free(orders);
    return steps;
}

static void answers_come_in_the_order_of_the_reads(void **state)
{
    assert_int_equal(steps_back(*state, 200), 0);
}

static void tick(void *arg)
{
    ++*(long *)arg;
}

static void many_reads_leave_the_loop_to_others(void **state)
{
    struct rig *r = *state;
    enum { READS = 400, ROWS = 300 };
    struct tn_err err;
    struct tn_commit *c = tn_commit_new(r->store);
    for (int i = 0; i < ROWS; i++)
        assert_true(
            tn_commit_put(c, 1, "items", NULL, TN_STR("{\"quantity\":1}"), TN_NEW_ONLY, &err));
    assert_true(rig_commit(r, c));
    struct answer *answers = calloc(READS, sizeof *answers);
    struct tn_query query = {.table = "items"};
    for (size_t i = 0; i < READS; i++) {
        struct tn_read *read = tn_read_new(1);
        tn_read_query(read, &query);
        tn_read_query(read, &query);
        tn_store_read(r->store, read, NULL, answered, &answers[i]);
    }
    long turns = 0;
    clock_t from = clock();
    struct tn_timer *timer = tn_timer_new(r->loop, tick, &turns);
    while (!answers[READS - 1].calls) {
        if (!tn_timer_armed(timer)) tn_timer_set(timer, 0);
        tn_loop_turn(r->loop, true);
    }
    /* A turn reads for 5 ms and finishes the question at hand: 20 ms of CPU are far from it. */
    assert_true(turns >= (clock() - from) / (CLOCKS_PER_SEC / 50));
    for (size_t i = 0; i < READS; i++) {
        assert_int_equal(tn_found_list(answers[i].found, 1)->count, ROWS);
        forget(&answers[i]);
    }
    tn_timer_free(timer);
    free(answers);
}

static void an_answer_has_a_limit(void **state)
{
    struct rig *r = *state;
    struct tn_buf body;
    struct tn_id id = tn_id_new();
    struct tn_err err;
    tn_buf_init(&body, TN_LIMIT_RECORD);
    tn_buf_adds(&body, "{\"name\":\"");
    while (body.n < 3 * TN_MIB) tn_buf_adds(&body, "a long text of a large record ");
    tn_buf_adds(&body, "\"}");
    struct tn_commit *c = tn_commit_new(r->store);
    assert_true(tn_commit_put(c, 1, "items", &id, tn_buf_str(&body), TN_NEW_ONLY, &err));
    for (int i = 0; i < 3; i++)
        assert_true(tn_commit_put(c, 1, "items", NULL, tn_buf_str(&body), TN_NEW_ONLY, &err));
    assert_true(rig_commit(r, c));
    struct tn_query query = {.table = "items"};
    struct tn_read *read = tn_read_new(1);
    tn_read_query(read, &query);
    for (int i = 0; i < 12; i++) tn_read_get(read, "items", &id);
    struct answer a = ask(r, read);
    assert_int_equal(tn_found_list(a.found, 0)->count, 3); /* 8 MiB were reached */
    assert_true(tn_found_list(a.found, 0)->more);
    assert_int_equal(kind_of(&a, 7), TN_E_none);
    assert_int_equal(kind_of(&a, 12), TN_E_too_large);
    forget(&a);
    tn_buf_clear(&body);
}

/* ------------------------------------------------------------------ shuffled */

static struct tn_store *shuffling(struct rig *r, const char *how)
{
    setenv("TENON_STORE_READS", how, 1);
    struct tn_store *s = rig_connect(r);
    unsetenv("TENON_STORE_READS");
    return s;
}

static void shuffled_reads_keep_the_promises(void **state)
{
    struct rig *r = *state;
    struct tn_store *plain = r->store;
    r->store = shuffling(r, "random:4711");
    assert_true(steps_back(r, 200) > 0);
    acknowledged_commits_are_seen(r);
    struct answer a[50] = {0};
    struct tn_call *calls[50];
    for (size_t i = 0; i < 50; i++) {
        struct tn_read *read = tn_read_new(1);
        tn_read_count(read, "items");
        calls[i] = tn_store_read(r->store, read, NULL, answered, &a[i]);
    }
    for (size_t i = 1; i < 50; i += 2) tn_call_cancel(calls[i]);
    for (int answers = 0; !answers; tn_loop_turn(r->loop, true))
        for (size_t i = 0; i < 50; i++) answers += a[i].calls;
    tn_store_close(r->store); /* whatever still waits is cancelled */
    r->store = plain;
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(a[i].calls, i % 2 == 0);
        forget(&a[i]);
    }
}

struct parts {
    struct rig *rig;
    struct tn_id id;
    int answers, torn, left;
};

enum { PARTS = 40 };

static void compared(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct parts *p = arg;
    assert_null(err);
    int64_t first = tn_found_row(found, 0, 0)->version;
    p->torn += tn_found_row(found, PARTS - 1, 0)->version != first;
    p->answers++;
}

static void bump(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct parts *p = arg;
    struct tn_err failed;
    (void)done;
    assert_null(err);
    if (--p->left == 0) return;
    struct tn_commit *c = tn_commit_new(p->rig->store);
    assert_true(tn_commit_put(c, 1, "items", &p->id, TN_STR("{}"), TN_ANY, &failed));
    assert_true(tn_commit_put(c, 1, "items", &p->id, TN_STR("{\"quantity\":1}"), TN_ANY, &failed));
    tn_store_commit(p->rig->store, c, bump, p);
}

/* Reads one record again and again in one read value while it is written. */
static int torn_reads(struct rig *r, bool one_snapshot)
{
    struct parts p = {.rig = r, .id = put(r, 1, "{}"), .left = 100000};
    struct tn_read_options o = {.one_snapshot = one_snapshot};
    struct tn_committed none = {0};
    bump(&p, &none, NULL);
    for (int i = 0; i < 5; i++) {
        struct tn_read *read = tn_read_new(1);
        for (int k = 0; k < PARTS; k++) tn_read_get(read, "items", &p.id);
        tn_store_read(r->store, read, &o, compared, &p);
    }
    while (p.answers < 5) tn_loop_turn(r->loop, true);
    p.left = 1;
    while (p.left) tn_loop_turn(r->loop, true);
    return p.torn;
}

static void one_snapshot_is_one_state_of_the_store(void **state)
{
    struct rig *r = *state;
    struct tn_store *plain = r->store;
    r->store = shuffling(r, "random:11");
    assert_true(torn_reads(r, false) > 0); /* the shuffle pauses between questions */
    assert_int_equal(torn_reads(r, true), 0);
    tn_store_close(r->store);
    r->store = plain;
}

/* ------------------------------------------------------------------ against the other reads */

static uint64_t state64;

static unsigned dice(unsigned n)
{
    state64 = state64 * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state64 >> 33) % n;
}

enum { RECORDS = 60, ASKED_MAX = 12 };
struct world {
    struct rig *rig;
    struct tn_id ids[RECORDS];
    char external[RECORDS][12];
};

struct asked {
    struct tn_query query;
    struct tn_filter filter;
    struct tn_str value;
    unsigned kind, record, n;
    char text[12];
};

/* A read beside its questions as they were asked. */
struct asking {
    struct world *w;
    struct asked list[ASKED_MAX];
    size_t count;
    int64_t team;
    int answers;
};

struct compare {
    struct tn_found *found;
    size_t question, i;
};

static void same_row(const struct tn_row *a, const struct tn_row *b)
{
    assert_non_null(b);
    assert_memory_equal(&a->id, &b->id, sizeof a->id);
    assert_int_equal(a->team, b->team);
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->created_ms, b->created_ms);
    assert_int_equal(a->updated_ms, b->updated_ms);
    assert_int_equal(a->hashed, b->hashed);
    assert_memory_equal(a->hash, b->hash, TN_HASH_LEN);
    assert_true(tn_str_eq(a->body, b->body));
}

static bool next_row(void *arg, const struct tn_row *row)
{
    struct compare *c = arg;
    same_row(row, tn_found_row(c->found, c->question, c->i++));
    return true;
}

static bool next_link(void *arg, const struct tn_link *link)
{
    struct compare *c = arg;
    const struct tn_link *mine = tn_found_link(c->found, c->question, c->i++);
    assert_non_null(mine);
    assert_true(tn_str_eq(link->external_id, mine->external_id));
    assert_true(tn_str_eq(link->agreed, mine->agreed));
    assert_int_equal(link->version, mine->version);
    return true;
}

static bool next_version(void *arg, const struct tn_version *v)
{
    struct compare *c = arg;
    const struct tn_version *mine = tn_found_version(c->found, c->question, c->i++);
    assert_non_null(mine);
    assert_int_equal(v->version, mine->version);
    assert_int_equal(v->at_ms, mine->at_ms);
    assert_int_equal(v->current, mine->current);
    return true;
}

static bool next_event(void *arg, const struct tn_event *e)
{
    struct compare *c = arg;
    const struct tn_event *mine = tn_found_event(c->found, c->question, c->i++);
    assert_non_null(mine);
    assert_int_equal(e->seq, mine->seq);
    assert_int_equal(e->number, mine->number);
    assert_true(tn_str_eq(e->type, mine->type));
    assert_memory_equal(&e->record, &mine->record, sizeof e->record);
    return true;
}

static bool next_kv(void *arg, struct tn_str key, struct tn_str value, int64_t version)
{
    struct compare *c = arg;
    const struct tn_kv *mine = tn_found_kv(c->found, c->question, c->i++);
    assert_non_null(mine);
    assert_true(tn_str_eq(key, mine->key));
    assert_true(tn_str_eq(value, mine->value));
    assert_int_equal(version, mine->version);
    return true;
}

static void add_question(struct asking *a, struct tn_read *read, struct asked *q)
{
    const struct tn_id *id = &a->w->ids[q->record];
    struct tn_str external = tn_str(a->w->external[q->record]);
    q->kind = dice(12);
    q->n = dice(8);
    snprintf(q->text, sizeof q->text, "P%u", dice(RECORDS + 5));
    q->value = tn_str(q->text);
    switch (q->kind) {
    case 0: tn_read_get(read, "items", id); break;
    case 1: tn_read_key(read, "items", &q->value, 1); break;
    case 2: tn_read_link(read, "items", &source, external); break;
    case 3: tn_read_links(read, "items", id); break;
    case 4:
        q->filter = (struct tn_filter){"part_number", TN_FILTER_ge, &q->value, 1};
        q->query = (struct tn_query){.team = a->team,
                                     .table = "items",
                                     .filters = &q->filter,
                                     .filter_count = dice(2),
                                     .sort = {{dice(2) ? "quantity" : "part_number", dice(2)}},
                                     .sort_count = dice(2),
                                     .limit = 1 + dice(20),
                                     .total = dice(2)};
        tn_read_query(read, &q->query);
        break;
    case 5: tn_read_count(read, "items"); break;
    case 6: tn_read_kv(read, "box", q->value); break;
    case 7: tn_read_kv_list(read, "box", TN_STR("P"), q->value, q->n); break;
    case 8: tn_read_versions(read, "items", id, q->n); break;
    case 9: tn_read_as_of(read, "items", id, q->n, tn_now_ms()); break;
    case 10: tn_read_tail(read, TN_PARTITION_DEFAULT, q->n * 10, q->n); break;
    case 11: {
        struct tn_source_item item = {.external_id = external};
        hash_of(item.hash, q->n);
        tn_read_page(read, &(struct tn_page_of){
                               .table = "items", .source = source, .items = &item, .count = 1});
    } break;
    }
}

static void compare_page(struct asking *a, struct tn_found *f, size_t i, const struct asked *q)
{
    unsigned char hash[1][TN_HASH_LEN], now[TN_HASH_LEN];
    bool known;
    struct tn_err err;
    struct tn_str external = tn_str(a->w->external[q->record]);
    assert_true(
        tn_store_link_hashes(a->w->rig->store, a->team, &source, &external, 1, hash, &known, &err));
    hash_of(now, q->n);
    bool same = known && memcmp(now, hash[0], TN_HASH_LEN) == 0;
    assert_int_equal(tn_found_seen(f, i, 0)->state, same    ? TN_SEEN_same
                                                    : known ? TN_SEEN_changed
                                                            : TN_SEEN_new);
}

static void compare_question(struct asking *a, struct tn_found *f, size_t i, const struct asked *q)
{
    struct tn_store *s = a->w->rig->store;
    const struct tn_id *id = &a->w->ids[q->record];
    struct tn_str external = tn_str(a->w->external[q->record]);
    struct compare c = {f, i, 0};
    struct tn_buf hold;
    struct tn_row row;
    struct tn_page page;
    struct tn_tail tail;
    struct tn_err err = {0};
    int64_t number = -1, version;
    bool ok = true, one = false;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    tn_page_init(&page);
    switch (q->kind) {
    case 0: one = ok = tn_store_get(s, a->team, "items", id, &row, &hold, &err); break;
    case 1:
        one = ok = tn_store_get_by_key(s, a->team, "items", &q->value, 1, &row, &hold, &err);
        break;
    case 2:
        one = ok = tn_store_get_by_link(s, a->team, "items", &source, external, &row, &hold, &err);
        break;
    case 3: ok = tn_store_links(s, a->team, "items", id, next_link, &c, &err); break;
    case 4:
        ok = tn_store_query(s, &q->query, next_row, &c, &page, &err);
        assert_int_equal(page.more, tn_found_list(f, i)->more);
        if (page.more) assert_true(tn_str_eq(tn_buf_str(&page.next), tn_found_list(f, i)->next));
        number = page.total;
        break;
    case 5: ok = tn_store_count(s, a->team, "items", &number, &err); break;
    case 6:
        ok = tn_store_kv_get(s, a->team, "box", q->value, &hold, &version, &err);
        if (ok) next_kv(&c, q->value, tn_buf_str(&hold), version);
        break;
    case 7:
        ok = tn_store_kv_list(s, a->team, "box", TN_STR("P"), q->value, q->n, next_kv, &c, &err);
        break;
    case 8: ok = tn_store_versions(s, a->team, "items", id, q->n, next_version, &c, &err); break;
    case 9:
        one = ok = tn_store_as_of(s, a->team, "items", id, q->n, tn_now_ms(), &row, &hold, &err);
        break;
    case 10:
        ok = tn_store_tail(s, a->team, q->n * 10, q->n, next_event, &c, &tail, &err);
        assert_memory_equal(&tail, tn_found_tail(f, i), sizeof tail);
        break;
    default: compare_page(a, f, i, q); break;
    }
    if (one) next_row(&c, &row);
    const struct tn_err *mine = tn_found_err(f, i);
    assert_int_equal(ok, mine == NULL);
    if (mine) assert_int_equal(mine->kind, err.kind);
    if (q->kind < 11) assert_int_equal(c.i, tn_found_list(f, i)->count);
    assert_int_equal(number, tn_found_list(f, i)->total);
    tn_buf_clear(&hold);
    tn_page_clear(&page);
}

static void compare_all(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct asking *a = arg;
    assert_null(err);
    a->answers++;
    for (size_t i = 0; i < a->count; i++) compare_question(a, found, i, &a->list[i]);
}

static void populate(struct world *w)
{
    struct rig *r = w->rig;
    for (int i = 0; i < RECORDS; i++) {
        char body[80], key[12];
        snprintf(w->external[i], sizeof w->external[i], "x%d", i * 7);
        snprintf(body, sizeof body, "{\"part_number\":\"P%d\",\"quantity\":%u}", i, dice(9));
        w->ids[i] = dice(3) ? upsert(r, w->external[i], dice(8), body) : put(r, 1, body);
        if (dice(2)) put_again(r, 1, &w->ids[i], body);
        snprintf(key, sizeof key, "P%u", dice(RECORDS));
        if (dice(2)) kv_set(r, 1, key, body);
    }
}

static void mixtures_agree(struct rig *r, int rounds)
{
    struct world *w = calloc(1, sizeof *w);
    const char *given = getenv("TENON_SEED");
    state64 = given ? strtoull(given, NULL, 10) : (uint64_t)tn_now_ms();
    print_message("TENON_SEED=%llu\n", (unsigned long long)state64);
    w->rig = r;
    populate(w);
    enum { AT_ONCE = 8 };
    struct asking *all = calloc(AT_ONCE, sizeof *all);
    for (int round = 0; round < rounds; round++) {
        memset(all, 0, AT_ONCE * sizeof *all);
        for (int i = 0; i < AT_ONCE; i++) {
            struct asking *a = &all[i];
            struct tn_read_options o = {.one_snapshot = dice(2)};
            a->w = w;
            a->team = dice(5) ? 1 : 2;
            a->count = dice(ASKED_MAX + 1);
            struct tn_read *read = tn_read_new(a->team);
            for (size_t k = 0; k < a->count; k++) {
                a->list[k].record = dice(RECORDS);
                add_question(a, read, &a->list[k]);
            }
            tn_store_read(r->store, read, &o, compare_all, a);
        }
        for (int i = 0; i < AT_ONCE; i++)
            while (!all[i].answers) tn_loop_turn(r->loop, true);
        unsigned n = dice(RECORDS);
        put_again(r, 1, &w->ids[n], "{\"quantity\":5}");
    }
    for (int i = 0; i < AT_ONCE; i++) assert_int_equal(all[i].answers, 1);
    free(all);
    free(w);
}

static void random_mixtures_are_answered_as_the_other_reads_answer(void **state)
{
    mixtures_agree(*state, 60);
}

static void shuffled_mixtures_are_answered_alike(void **state)
{
    struct rig *r = *state;
    struct tn_store *plain = r->store;
    r->store = shuffling(r, "random");
    mixtures_agree(r, 15);
    tn_store_close(r->store);
    r->store = plain;
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    /* The whole suite may run shuffled; what is asserted here is the order without. */
    unsetenv("TENON_STORE_READS");
    const struct CMUnitTest tests[] = {
        STORY(a_record_is_found_in_each_way),
        STORY(what_is_not_there_is_said_question_by_question),
        STORY(a_question_that_breaks_a_rule_is_answered_with_invalid),
        STORY(a_query_gives_its_page_and_the_next_one),
        STORY(links_and_histories_are_found),
        STORY(totals_that_come_at_once_all_count_and_make_no_version),
        STORY(events_and_key_values_are_found),
        STORY(a_log_partition_that_is_not_there_is_named),
        STORY(a_page_of_a_sync_is_one_question),
        STORY(another_team_sees_nothing),
        STORY(an_empty_read_is_answered),
        STORY(a_call_that_is_cancelled_is_not_answered),
        STORY(an_owner_may_die_in_its_own_answer),
        STORY(what_waits_when_the_store_closes_is_cancelled),
        STORY(a_store_that_is_not_ready_is_unavailable),
        STORY(an_answer_outlives_its_store),
        STORY(a_read_sees_what_was_acknowledged_before),
        STORY(the_newest_event_is_known_in_place),
        STORY(answers_come_in_the_order_of_the_reads),
        STORY(many_reads_leave_the_loop_to_others),
        STORY(an_answer_has_a_limit),
        STORY(shuffled_reads_keep_the_promises),
        STORY(one_snapshot_is_one_state_of_the_store),
        STORY(random_mixtures_are_answered_as_the_other_reads_answer),
        STORY(shuffled_mixtures_are_answered_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
