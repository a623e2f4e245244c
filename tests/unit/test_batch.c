/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "mapping/plan.h"
#include "sync/batch.h"
#include "sync/source.h"

/* hang: it never ends; slow: it is done when it is asked for the fifth time. */
static enum tn_fn_end overrun(void *arg, struct tn_fn_stream *stream, int fn, struct tn_jval record,
                              struct tn_jw *out, struct tn_err *err)
{
    static int turns;
    bool hang = false, slow = false;
    (void)arg, (void)fn;
    (void)tn_jbool(tn_jget_z(record, "hang"), &hang);
    (void)tn_jbool(tn_jget_z(record, "slow"), &slow);
    if (hang) tn_fail(err, TN_E_budget, "it ran too long");
    if (!slow) return hang ? TN_FN_failed : TN_FN_done;
    stream->session = &turns;
    if (++turns % 5) {
        stream->wake(stream->arg);
        return TN_FN_paused;
    }
    tn_jw_int(out, turns);
    return TN_FN_done;
}

static void wakes(void *arg)
{
    (void)arg;
}

static void end_nothing(void *arg, void *session)
{
    (void)arg, (void)session;
}

static struct tn_plan *make_plan(void)
{
    static const struct tn_spec_op text = {.op = TN_OP_text, .line = 3};
    static const struct tn_spec_value id = {
        .from = TN_FROM_path, .line = 3, .text = {"Id", 2}, .ops = &text, .op_count = 1};
    static const struct tn_spec_value name = {.from = TN_FROM_path, .line = 4, .text = {"Name", 4}};
    static const struct tn_spec_value slow = {.from = TN_FROM_fn, .line = 5, .fn = 0};
    static const struct tn_spec_field fields[] = {
        {.target = {"externalId", 10}, .line = 3, .required = true, .value = &id},
        {.target = {"name", 4}, .line = 4, .required = true, .value = &name},
        {.target = {"slow", 4}, .line = 5, .value = &slow},
    };
    struct tn_spec spec = {.file = "mappings/test/item.lua",
                           .line = 1,
                           .key = {"externalId", 10},
                           .fields = fields,
                           .field_count = 3,
                           .fn = overrun,
                           .fn_end = end_nothing};
    struct tn_err err;
    struct tn_plan *plan = tn_plan_new(&spec, &err);
    if (!plan) fail_msg("%s", err.text);
    return plan;
}

struct bench {
    struct tn_plan *plan;
    struct tn_mapper *mapper;
    struct tn_batch batch;
};

static int set_up(void **state)
{
    struct bench *b = TN_NEW(struct bench);
    b->plan = make_plan();
    b->mapper = tn_mapper_new(b->plan, wakes, NULL);
    tn_batch_init(&b->batch);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    tn_mapper_free(b->mapper);
    tn_plan_free(b->plan);
    tn_batch_clear(&b->batch);
    tn_free(b);
    return 0;
}

static enum tn_mapped map_all(struct bench *b, const char *text, const char *rows,
                              struct tn_err *err)
{
    enum tn_mapped how;
    tn_err_clear(err);
    tn_batch_reset(&b->batch);
    if (!tn_mapper_begin(b->mapper, &b->batch, tn_str(text), tn_str(rows), err))
        return TN_MAPPED_broken;
    do how = tn_mapper_slice(b->mapper, 0, err);
    while (how == TN_MAPPED_more || how == TN_MAPPED_waits);
    return how;
}

static void records_are_mapped_and_hashed(void **state)
{
    struct bench *b = *state;
    struct tn_err err;
    assert_int_equal(map_all(b,
                             "{\"items\":[{\"Id\":300000047274444,\"Name\":\"a\"},"
                             "{\"Id\":\"2\",\"Name\":\"b\"}]}",
                             "items", &err),
                     TN_MAPPED_all);
    assert_int_equal(b->batch.count, 2);
    assert_true(tn_str_is(b->batch.items[0].external_id, "300000047274444"));
    assert_true(tn_str_is(tn_batch_body(&b->batch, &b->batch.items[1]),
                          "{\"externalId\":\"2\",\"name\":\"b\"}"));
    assert_memory_not_equal(b->batch.items[0].hash, b->batch.items[1].hash, 32);
}

static void a_bad_record_is_one_bad_record(void **state)
{
    struct bench *b = *state;
    struct tn_err err;
    assert_int_equal(map_all(b,
                             "[{\"Id\":1,\"Name\":\"a\"},{\"Id\":2},{\"Name\":\"c\"},"
                             "{\"Id\":4,\"Name\":\"d\"},{\"Id\":\"\",\"Name\":\"e\"}, 7]",
                             "", &err),
                     TN_MAPPED_all);
    assert_int_equal(b->batch.rows, 6);
    assert_int_equal(b->batch.count, 2);
    assert_int_equal(b->batch.bad_count, 4);
    const struct tn_batch_bad *bad = b->batch.bad;
    assert_true(tn_str_is(bad[0].fault.record, "2"));
    assert_true(tn_str_is(bad[0].fault.field, "name"));
    assert_true(tn_str_is(bad[0].fault.file, "mappings/test/item.lua"));
    assert_int_equal(bad[0].fault.line, 4);
    assert_true(tn_str_is(bad[0].payload, "{\"Id\":2}"));
    assert_true(tn_str_is(bad[1].fault.record, "#3"));
    assert_string_equal(bad[1].fault.code, "ERR_DATA_MAPPING");
    assert_true(tn_str_is(bad[2].fault.record, "#5"));
}

static void what_could_not_be_read_is_bad_with_its_bytes(void **state)
{
    struct bench *b = *state;
    const struct tn_source_bad bad = {.message = TN_STR("line 7: 3 cells, but the header has 2"),
                                      .payload = TN_STR("1;\xe4;3"),
                                      .line = 7};
    struct tn_err err;
    struct tn_run_counts counts = {0};
    tn_batch_reset(&b->batch);
    assert_true(tn_mapper_begin(b->mapper, &b->batch, TN_STR("[{\"Id\":1,\"Name\":\"a\"}]"),
                                TN_STR(""), &err));
    tn_mapper_unreadable(b->mapper, &bad, 1);
    while (tn_mapper_slice(b->mapper, 0, &err) == TN_MAPPED_more) continue;
    assert_int_equal(b->batch.rows, 2);
    assert_int_equal(b->batch.count, 1);
    assert_int_equal(b->batch.bad_count, 1);
    assert_true(tn_str_is(b->batch.bad[0].payload, "1;\xe4;3"));
    assert_true(tn_str_is(b->batch.bad[0].fault.record, "line 7"));
    assert_true(tn_str_is(b->batch.bad[0].fault.message, "line 7: 3 cells, but the header has 2"));
    tn_batch_tally(&b->batch, &counts);
    assert_int_equal(counts.processed, 2);
    assert_int_equal(counts.failed, 1);
    tn_mapper_undo(b->mapper);
    assert_int_equal(b->batch.rows + b->batch.bad_count, 0);
}

static void of_doubled_records_the_last_counts(void **state)
{
    struct bench *b = *state;
    struct tn_run_counts c = {0};
    struct tn_err err;
    assert_int_equal(map_all(b,
                             "[{\"Id\":1,\"Name\":\"old\"},{\"Id\":2,\"Name\":\"x\"},"
                             "{\"Id\":1,\"Name\":\"new\"}]",
                             "", &err),
                     TN_MAPPED_all);
    assert_int_equal(b->batch.items[0].state, TN_ITEM_twice);
    assert_int_equal(b->batch.items[2].state, TN_ITEM_new);
    tn_batch_tally(&b->batch, &c);
    assert_int_equal(c.processed, 2);
    assert_int_equal(c.created, 2);
}

static void many_doubles_are_found_across_growth(void **state)
{
    struct bench *b = *state;
    struct tn_run_counts c = {0};
    struct tn_buf text;
    struct tn_err err;
    tn_buf_init(&text, 1 << 24);
    tn_buf_addc(&text, '[');
    for (int i = 0; i < 6000; i++)
        tn_buf_addf(&text, "%s{\"Id\":%d,\"Name\":\"n%d\"}", i ? "," : "", i % 3000, i);
    tn_buf_addc(&text, ']');
    assert_int_equal(map_all(b, text.p, "", &err), TN_MAPPED_all);
    tn_batch_tally(&b->batch, &c);
    assert_int_equal(c.processed, 3000);
    for (size_t i = 0; i < b->batch.count; i++)
        assert_int_equal(b->batch.items[i].state == TN_ITEM_twice, i < 3000);
    tn_buf_clear(&text);
}

static void a_broken_page_says_so(void **state)
{
    static const struct {
        const char *text, *rows;
    } pages[] = {{"{\"items\":[{\"Id\":1,\"Name\":\"a\"},{\"Id\":", "items"},
                 {"<html>sign in</html>", "items"},
                 {"{\"rows\":[]}", "items"},
                 {"", "items"}};
    struct bench *b = *state;
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        struct tn_err err;
        assert_int_equal(map_all(b, pages[i].text, pages[i].rows, &err), TN_MAPPED_broken);
        assert_int_equal(err.kind, TN_E_bad_answer);
    }
}

static void a_function_that_is_paused_goes_on_in_later_slices(void **state)
{
    struct bench *b = *state;
    struct tn_err err;
    const char *slow = "{\"Id\":%d,\"Name\":\"a\",\"slow\":true}";
    char one[64], two[64], text[1024];
    snprintf(one, sizeof one, slow, 1);
    snprintf(two, sizeof two, slow, 3);
    snprintf(text, sizeof text, "[%s,{\"Id\":2,\"Name\":\"b\"},%s]", one, two);
    assert_int_equal(map_all(b, text, "", &err), TN_MAPPED_all);
    assert_int_equal(b->batch.rows, 3);
    assert_int_equal(b->batch.count, 3);
    assert_int_equal(b->batch.bad_count, 0);
    assert_non_null(strstr(b->batch.bodies.p, "\"externalId\":\"1\",\"name\":\"a\",\"slow\":5"));
    assert_non_null(strstr(b->batch.bodies.p, "\"externalId\":\"3\",\"name\":\"a\",\"slow\":10"));
}

static void a_function_that_hangs_again_and_again_stops_the_page(void **state)
{
    struct bench *b = *state;
    struct tn_err err;
    const char *hang = "{\"Id\":1,\"Name\":\"a\",\"hang\":true}",
               *fine = "{\"Id\":2,\"Name\":\"b\"}";
    char text[1024];
    snprintf(text, sizeof text, "[%s,%s,%s,%s,%s]", hang, hang, fine, hang, hang);
    assert_int_equal(map_all(b, text, "", &err), TN_MAPPED_all);
    assert_int_equal(b->batch.bad_count, 4);
    snprintf(text, sizeof text, "[%s,%s,%s,%s]", fine, hang, hang, hang);
    assert_int_equal(map_all(b, text, "", &err), TN_MAPPED_broken);
    assert_int_equal(err.kind, TN_E_budget);
    assert_string_equal(err.file, "mappings/test/item.lua");
}

static enum tn_mapped add_page(struct bench *b, const char *text, struct tn_err *err)
{
    enum tn_mapped how;
    assert_true(tn_mapper_begin(b->mapper, &b->batch, tn_str(text), TN_STR(""), err));
    do how = tn_mapper_slice(b->mapper, 0, err);
    while (how == TN_MAPPED_more || how == TN_MAPPED_waits);
    return how;
}

static void a_page_can_be_taken_back(void **state)
{
    struct bench *b = *state;
    struct tn_run_counts c = {0};
    struct tn_err err;
    tn_batch_reset(&b->batch);
    assert_int_equal(add_page(b,
                              "[{\"Id\":1,\"Name\":\"a\"},{\"Id\":1,\"Name\":\"b\"},"
                              "{\"Id\":2,\"Name\":\"c\"},{\"Id\":3}]",
                              &err),
                     TN_MAPPED_all);
    assert_int_equal(add_page(b,
                              "[{\"Id\":2,\"Name\":\"d\"},{\"Id\":4,\"Name\":\"e\"},{\"Id\":5},"
                              "{\"Id\":",
                              &err),
                     TN_MAPPED_broken);
    assert_int_equal(b->batch.items[2].state, TN_ITEM_twice);
    tn_mapper_undo(b->mapper);
    assert_int_equal(b->batch.count, 3);
    assert_int_equal(b->batch.items[0].state, TN_ITEM_twice);
    assert_int_equal(b->batch.items[2].state, TN_ITEM_new);
    tn_batch_tally(&b->batch, &c);
    assert_int_equal(c.processed, 3);
    assert_int_equal(c.failed, 1);
    assert_int_equal(add_page(b, "[{\"Id\":2,\"Name\":\"f\"}]", &err), TN_MAPPED_all);
    assert_int_equal(b->batch.items[2].state, TN_ITEM_twice);
    assert_true(tn_str_is(tn_batch_body(&b->batch, &b->batch.items[3]),
                          "{\"externalId\":\"2\",\"name\":\"f\"}"));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(records_are_mapped_and_hashed),
        TEST(a_bad_record_is_one_bad_record),
        TEST(what_could_not_be_read_is_bad_with_its_bytes),
        TEST(of_doubled_records_the_last_counts),
        TEST(many_doubles_are_found_across_growth),
        TEST(a_broken_page_says_so),
        TEST(a_page_can_be_taken_back),
        TEST(a_function_that_is_paused_goes_on_in_later_slices),
        TEST(a_function_that_hangs_again_and_again_stops_the_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
