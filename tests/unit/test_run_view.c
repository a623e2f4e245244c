/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/limits.h"
#include "sync/run_view.h"

static void fill(struct tn_run_view *v)
{
    tn_run_view_init(v);
    snprintf(v->id, sizeof v->id, "0190a5b8-0000-7000-8000-000000000001");
    snprintf(v->integration, sizeof v->integration, "0190a5b8-0000-7000-8000-000000000002");
    snprintf(v->operation, sizeof v->operation, "sync_items");
    snprintf(v->trigger, sizeof v->trigger, "API");
    v->status = TN_RUN_partial;
    v->attempt = 2;
    v->pages = 7;
    v->created_at = 1767225600000;
    v->started_at = 1767225600100;
    v->finished_at = 1767225600350;
    v->total = 12;
    v->counts = (struct tn_run_counts){10, 4, 3, 2, 1};
    v->filters = TN_STR("{\"a\":1.0}");
    v->cursor = TN_STR("{\"offset\":500}");
    v->errors = TN_STR("[{\"record\":\"x\"}]");
}

static void write(void (*fn)(const struct tn_run_view *, struct tn_jw *),
                  const struct tn_run_view *v, struct tn_buf *out)
{
    struct tn_jw w;
    tn_buf_init(out, 1 << 20);
    tn_jw_init(&w, out);
    fn(v, &w);
}

static void the_answer_of_a_sync_has_the_documented_shape(void **state)
{
    struct tn_run_view v;
    struct tn_buf out;
    (void)state;
    fill(&v);
    write(tn_run_view_result, &v, &out);
    assert_string_equal(out.p,
                        "{\"success\":false,\"status\":\"PARTIAL\",\"recordsProcessed\":10,"
                        "\"recordsCreated\":4,\"recordsUpdated\":3,\"recordsUnchanged\":2,"
                        "\"recordsFailed\":1,\"errors\":[{\"record\":\"x\"}],\"duration\":250,"
                        "\"runId\":\"0190a5b8-0000-7000-8000-000000000001\",\"generation\":null}");
    tn_buf_clear(&out);
}

static void a_log_row_has_the_documented_members(void **state)
{
    static const char *const names[] = {
        "id",           "operation",  "direction",    "status",       "recordCount",
        "successCount", "errorCount", "createdCount", "updatedCount", "unchangedCount",
        "duration",     "createdAt",  "finishedAt",   "generation",   "attempt"};
    struct tn_json *json = tn_json_new();
    struct tn_run_view v;
    struct tn_buf out;
    struct tn_err err;
    int64_t n = 0;
    (void)state;
    fill(&v);
    write(tn_run_view_detail, &v, &out);
    assert_true(tn_json_parse(json, tn_buf_str(&out), &err));
    struct tn_jval row = tn_json_root(json);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_not_equal(tn_jtype(tn_jget_z(row, names[i])), TN_JSON_absent);
    assert_true(tn_jint(tn_jget_z(row, "successCount"), &n));
    assert_int_equal(n, 9);
    assert_true(tn_jint(tn_jget_z(tn_jget_z(row, "progress"), "total"), &n));
    assert_int_equal(n, 12);
    assert_int_equal(tn_jcount(tn_jget_z(row, "errors")), 1);
    tn_json_free(json);
    tn_buf_clear(&out);
}

static void a_row_survives_the_store(void **state)
{
    struct tn_run_view v, back;
    struct tn_buf body;
    struct tn_err err;
    (void)state;
    fill(&v);
    v.open = v.cancel = true;
    v.crashes = 2;
    tn_buf_init(&body, 1 << 20);
    tn_run_view_encode(&v, &body);
    tn_run_view_init(&back);
    assert_true(tn_run_view_decode(tn_buf_str(&body), &back, &err));
    assert_string_equal(back.integration, v.integration);
    assert_string_equal(back.operation, "sync_items");
    assert_int_equal(back.status, TN_RUN_partial);
    assert_memory_equal(&back.counts, &v.counts, sizeof v.counts);
    assert_true(tn_str_eq(back.cursor, v.cursor));
    assert_true(tn_str_eq(back.filters, v.filters));
    assert_true(tn_str_eq(back.errors, v.errors));
    assert_int_equal(back.finished_at, v.finished_at);
    assert_int_equal(back.crashes, 2);
    assert_true(back.open && back.cancel);
    tn_run_view_clear(&back);
    tn_buf_clear(&body);
}

static void what_is_no_run_is_refused(void **state)
{
    static const char unknown[] = "{\"integration\":\"x\",\"operation\":\"y\",\"status\":\"DONE\"}";
    static const char *const bodies[] = {"{}", "[]", "{\"integration\":\"x\"", "", unknown};
    struct tn_run_view v;
    struct tn_err err;
    (void)state;
    tn_run_view_init(&v);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        assert_false(tn_run_view_decode(tn_str(bodies[i]), &v, &err));
        assert_int_equal(err.kind, TN_E_corrupt);
    }
    tn_run_view_clear(&v);
}

static void status_follows_the_counts(void **state)
{
    (void)state;
    assert_int_equal(tn_run_status_of(&(struct tn_run_counts){0}), TN_RUN_success);
    assert_int_equal(tn_run_status_of(&(struct tn_run_counts){.processed = 3, .created = 3}),
                     TN_RUN_success);
    assert_int_equal(tn_run_status_of(&(struct tn_run_counts){.processed = 3, .failed = 1}),
                     TN_RUN_partial);
    assert_int_equal(tn_run_status_of(&(struct tn_run_counts){.processed = 3, .failed = 3}),
                     TN_RUN_failure);
}

static void errors_stay_an_array(void **state)
{
    struct tn_run_fault f = {
        .code = "ERR_DATA_MAPPING", .record = TN_STR("a\"b"), .message = TN_STR("no"), .line = 4};
    struct tn_json *json = tn_json_new();
    struct tn_buf errors;
    struct tn_err err;
    (void)state;
    tn_buf_init(&errors, 1 << 20);
    for (size_t i = 1; i <= 3; i++) {
        tn_run_fault_add(&errors, &f);
        assert_true(tn_json_parse(json, tn_buf_str(&errors), &err));
        assert_int_equal(tn_jcount(tn_json_root(json)), i);
    }
    tn_buf_reset(&errors);
    tn_buf_adds(&errors, "[]");
    tn_run_fault_add(&errors, &f);
    assert_true(tn_json_parse(json, tn_buf_str(&errors), &err));
    assert_int_equal(tn_jcount(tn_json_root(json)), 1);
    tn_json_free(json);
    tn_buf_clear(&errors);
}

static void a_copy_stands_alone(void **state)
{
    struct tn_run_view v, copy;
    char cursor[] = "{\"offset\":1}";
    (void)state;
    fill(&v);
    v.cursor = tn_str(cursor);
    tn_run_view_init(&copy);
    tn_run_view_copy(&copy, &v);
    cursor[0] = 'x';
    assert_true(tn_str_is(copy.cursor, "{\"offset\":1}"));
    assert_string_equal(copy.id, v.id);
    tn_run_view_clear(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_of_a_sync_has_the_documented_shape),
        cmocka_unit_test(a_log_row_has_the_documented_members),
        cmocka_unit_test(a_row_survives_the_store),
        cmocka_unit_test(what_is_no_run_is_refused),
        cmocka_unit_test(status_follows_the_counts),
        cmocka_unit_test(errors_stay_an_array),
        cmocka_unit_test(a_copy_stands_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
