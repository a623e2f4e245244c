/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/time.h"
#include "model/check.h"

static const char *const states[] = {"new", "running", "done", NULL};
static const char *const from_new[] = {"running", NULL};
static const char *const from_running[] = {"done", NULL};
static const char *const may_begin[] = {"running", NULL};
static const struct tn_transition moves[] = {
    {"new", from_new}, {"running", from_running}, {NULL, NULL}};
static const struct tn_field tool[] = {{.name = "toolId", .type = TN_FIELD_uuid, .ref = "tool"}};
static const struct tn_field tools[] = {
    {.name = "element", .type = TN_FIELD_object, .fields = tool, .n_fields = 1}};
static const struct tn_field fields[] = {
    {.name = "number", .type = TN_FIELD_text, .required = true, .max = "5"},
    {.name = "priority", .type = TN_FIELD_int, .min = "1", .max = "5", .default_json = "1"},
    {.name = "status",
     .type = TN_FIELD_state,
     .values = states,
     .initial = "new",
     .first = may_begin,
     .moves = moves,
     .default_json = "\"new\""},
    {.name = "routingId", .type = TN_FIELD_uuid, .ref = "routing"},
    {.name = "tools", .type = TN_FIELD_list, .fields = tools, .n_fields = 1},
    {.name = "token", .type = TN_FIELD_uuid, .generated = true},
    {.name = "begunAt", .type = TN_FIELD_time, .generated = true},
    {.name = "pin", .type = TN_FIELD_secret},
};
static const char *const key[] = {"number", NULL};
static const struct tn_entity order = {.name = "order",
                                       .plural = "orders",
                                       .fields = fields,
                                       .n_fields = sizeof fields / sizeof *fields,
                                       .key = key};

static const struct tn_field locks[] = {
    {.name = "code", .type = TN_FIELD_secret, .required = true},
    {.name = "hint", .type = TN_FIELD_secret},
};
static const struct tn_entity vault = {
    .name = "vault", .plural = "vaults", .fields = locks, .n_fields = 2};

struct sides {
    struct tn_json *before, *after;
    struct tn_faults faults;
};

static int set_up(void **state)
{
    static struct sides s;
    s = (struct sides){tn_json_new(), tn_json_new(), {0}};
    tn_faults_init(&s.faults);
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    struct sides *s = *state;
    tn_json_free(s->before);
    tn_json_free(s->after);
    tn_faults_clear(&s->faults);
    return 0;
}

static struct tn_jval parse(struct tn_json *json, const char *text)
{
    static const struct tn_jval none;
    struct tn_err err;
    if (!text) return none;
    assert_true(tn_json_parse(json, tn_str(text), &err));
    return tn_json_root(json);
}

static bool check(struct sides *s, const char *before, const char *after)
{
    tn_faults_clear(&s->faults);
    return tn_check(&order, parse(s->before, before), parse(s->after, after), TN_FIELD_FROM_OUTSIDE,
                    &s->faults);
}

static void assert_fault(const struct sides *s, size_t i, enum tn_kind kind, const char *code,
                         const char *path, const char *params)
{
    assert_true(i < s->faults.n);
    assert_int_equal(s->faults.v[i].kind, kind);
    assert_string_equal(tn_code_name(s->faults.v[i].code), code);
    assert_string_equal(s->faults.v[i].field, path);
    assert_string_equal(s->faults.v[i].params, params);
}

static void every_fault_is_listed_with_code_path_and_values(void **state)
{
    struct sides *s = *state;
    assert_false(check(s, NULL,
                       "{\"number\":\"1234567\",\"priority\":9,\"status\":\"lost\","
                       "\"routingId\":7,\"wrong\":1}"));
    assert_int_equal(s->faults.total, 5);
    assert_fault(s, 0, TN_E_invalid, "too_long", "number", "{\"max\":5,\"is\":7}");
    assert_fault(s, 1, TN_E_invalid, "too_big", "priority", "{\"max\":5}");
    assert_fault(s, 2, TN_E_invalid, "one_of", "status",
                 "{\"values\":[\"new\",\"running\",\"done\"]}");
    assert_fault(s, 3, TN_E_invalid, "type", "routingId",
                 "{\"expected\":\"uuid\",\"is\":\"a number\"}");
    assert_fault(s, 4, TN_E_invalid, "unknown", "wrong", "{\"name\":\"wrong\"}");
    assert_false(check(s, NULL, "[]"));
    assert_fault(s, 0, TN_E_invalid, "type", "", "{\"expected\":\"object\",\"is\":\"an array\"}");
}

static void a_hundred_faults_are_kept_and_all_are_counted(void **state)
{
    struct sides *s = *state;
    char body[4096] = "{\"number\":\"1\"";
    size_t n = strlen(body);
    for (int i = 0; i < 150; i++) n += (size_t)snprintf(body + n, sizeof body - n, ",\"x%d\":1", i);
    snprintf(body + n, sizeof body - n, "}");
    assert_false(check(s, NULL, body));
    assert_int_equal(s->faults.n, TN_FAULTS_MAX);
    assert_int_equal(s->faults.total, 150);
}

static void a_record_begins_and_moves_only_as_declared(void **state)
{
    struct sides *s = *state;
    assert_true(check(s, NULL, "{\"number\":\"1\"}"));
    assert_true(check(s, NULL, "{\"number\":\"1\",\"status\":\"running\"}"));
    assert_false(check(s, NULL, "{\"number\":\"1\",\"status\":\"done\"}"));
    assert_fault(s, 0, TN_E_invalid, "start", "status", "{\"first\":\"new\"}");
    assert_true(check(s, "{\"number\":\"1\",\"status\":\"new\"}",
                      "{\"number\":\"1\",\"status\":\"running\"}"));
    assert_false(check(s, "{\"number\":\"1\",\"status\":\"new\"}",
                       "{\"number\":\"1\",\"status\":\"done\"}"));
    assert_fault(s, 0, TN_E_state, "move", "status", "{\"from\":\"new\",\"to\":\"done\"}");
}

static void what_was_read_may_be_sent_back(void **state)
{
    struct sides *s = *state;
    static const char stored[] = "{\"number\":\"1\",\"begunAt\":\"2026-01-01T00:00:00.000Z\"}";
    assert_true(check(s, stored,
                      "{\"id\":\"x\",\"version\":3,\"createdAt\":\"y\",\"updatedAt\":\"z\","
                      "\"number\":\"1\",\"begunAt\":\"2026-01-01T00:00:00.000Z\"}"));
    assert_false(check(s, stored, "{\"number\":\"1\",\"begunAt\":\"2027-01-01T00:00:00.000Z\"}"));
    assert_fault(s, 0, TN_E_invalid, "read_only", "begunAt", "");
}

static struct tn_str fill(struct sides *s, const char *before, const char *after,
                          struct tn_buf *out)
{
    struct tn_jw w;
    tn_buf_reset(out);
    tn_jw_init(&w, out);
    tn_check_fill(&order, parse(s->before, before), parse(s->after, after), 0, 1000, &w);
    return tn_buf_str(out);
}

static void defaults_and_generated_fields_are_filled_in_once(void **state)
{
    struct sides *s = *state;
    struct tn_buf out;
    struct tn_id id;
    struct tn_str token;
    struct tn_arena arena;
    char first[TN_ID_LEN + 1];
    tn_arena_init(&arena);
    tn_buf_init(&out, 4096);
    struct tn_str filled = fill(s, NULL, "{\"id\":\"x\",\"number\":\"1\"}", &out);
    struct tn_jval v = parse(s->after, filled.p);
    assert_true(tn_jis(tn_jget_z(v, "id"), TN_JSON_absent));
    assert_true(tn_str_is(tn_jraw(tn_jget_z(v, "priority")), "1"));
    assert_true(tn_str_is(tn_jraw(tn_jget_z(v, "status")), "\"new\""));
    assert_true(tn_str_is(tn_jraw(tn_jget_z(v, "begunAt")), "\"1970-01-01T00:00:01.000Z\""));
    assert_true(tn_jtext(tn_jget_z(v, "token"), &arena, &token));
    assert_true(tn_id_parse(token, &id));
    snprintf(first, sizeof first, "%.*s", TN_FMT(token));
    char stored[1024];
    snprintf(stored, sizeof stored, "%.*s", TN_FMT(filled));
    filled = fill(s, stored, "{\"number\":\"2\"}", &out);
    v = parse(s->after, filled.p);
    assert_true(tn_jtext(tn_jget_z(v, "token"), &arena, &token));
    assert_true(tn_str_is(token, first));
    tn_buf_clear(&out);
    tn_arena_clear(&arena);
}

static void a_masked_or_absent_secret_stays(void **state)
{
    struct sides *s = *state;
    struct tn_buf out;
    tn_buf_init(&out, 4096);
    static const char stored[] = "{\"number\":\"1\",\"pin\":\"sealed\",\"status\":\"new\"}";
    struct tn_str filled = fill(s, stored, "{\"number\":\"1\",\"pin\":\"********\"}", &out);
    assert_non_null(strstr(filled.p, "\"pin\":\"sealed\""));
    filled = fill(s, stored, "{\"number\":\"1\"}", &out);
    assert_non_null(strstr(filled.p, "\"pin\":\"sealed\""));
    filled = fill(s, stored, "{\"number\":\"1\",\"pin\":null}", &out);
    assert_non_null(strstr(filled.p, "\"pin\":null"));
    tn_buf_clear(&out);
}

static bool check_merged(struct sides *s, const char *before, const char *after)
{
    tn_faults_clear(&s->faults);
    return tn_check(&vault, parse(s->before, before), parse(s->after, after),
                    TN_FIELD_FROM_OUTSIDE | TN_CHECK_MERGED, &s->faults);
}

static void the_mask_of_a_secret_that_is_not_stored_is_a_fault(void **state)
{
    struct sides *s = *state;
    static const char masked[] = "{\"number\":\"1\",\"pin\":\"********\"}";
    static const char *const before[] = {NULL, "{\"number\":\"1\"}",
                                         "{\"number\":\"1\",\"pin\":null}"};
    for (size_t i = 0; i < 3; i++) {
        assert_false(check(s, before[i], masked));
        assert_int_equal(s->faults.n, 1);
        assert_fault(s, 0, TN_E_invalid, "mask", "pin", "");
    }
    assert_true(check(s, "{\"number\":\"1\",\"pin\":\"sealed\"}", masked));
}

static void a_patch_that_takes_a_secret_away_removes_it(void **state)
{
    struct sides *s = *state;
    static const char stored[] = "{\"code\":\"sealed\",\"hint\":\"sealed\"}";
    struct tn_buf out;
    struct tn_jw w;
    tn_buf_init(&out, 4096);
    tn_jw_init(&w, &out);
    assert_true(check_merged(s, stored, "{\"code\":\"sealed\"}"));
    tn_check_fill(&vault, parse(s->before, stored), parse(s->after, "{\"code\":\"sealed\"}"),
                  TN_CHECK_MERGED, 1000, &w);
    assert_string_equal(out.p, "{\"code\":\"sealed\"}");
    assert_false(check_merged(s, stored, "{\"hint\":\"sealed\"}"));
    assert_fault(s, 0, TN_E_invalid, "required", "code", "");
    tn_buf_clear(&out);
}

struct met {
    char paths[256];
};

static void note_path(void *arg, const struct tn_field *field, struct tn_str path,
                      const struct tn_id *id)
{
    struct met *m = arg;
    size_t n = strlen(m->paths);
    (void)id;
    snprintf(m->paths + n, sizeof m->paths - n, "%.*s=%s ", TN_FMT(path), field->ref);
}

static void references_are_found_wherever_they_stand(void **state)
{
    struct sides *s = *state;
    struct met m = {""};
    struct tn_err err;
    struct tn_id id = {{0}};
    tn_check_references(
        &order,
        parse(s->after,
              "{\"routingId\":\"0192f7a0-0000-7000-8000-000000000001\",\"tools\":[{},"
              "{\"toolId\":\"0192f7a0-0000-7000-8000-000000000002\"},{\"toolId\":\"no\"}]}"),
        note_path, &m);
    assert_string_equal(m.paths, "routingId=routing tools[1].toolId=tool ");
    tn_check_no_such(&fields[3], TN_STR("routingId"), &id, &err);
    assert_string_equal(tn_code_name(err.code), "reference");
    assert_string_equal(err.text, "routingId: there is no routing "
                                  "'00000000-0000-0000-0000-000000000000'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_fault_is_listed_with_code_path_and_values, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_hundred_faults_are_kept_and_all_are_counted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_record_begins_and_moves_only_as_declared, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_was_read_may_be_sent_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(defaults_and_generated_fields_are_filled_in_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_masked_or_absent_secret_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_mask_of_a_secret_that_is_not_stored_is_a_fault, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_patch_that_takes_a_secret_away_removes_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(references_are_found_wherever_they_stand, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
