/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/field.h"

static const char *const dialects[] = {"reference", "real", NULL};
static const char *const to_running[] = {"running", "cancelled", NULL};
static const char *const states[] = {"new", "running", "cancelled", NULL};
static const struct tn_transition moves[] = {{"new", to_running}, {NULL, NULL}};
static const struct tn_field text_element[] = {{.name = "element", .type = TN_FIELD_text}};
static const struct tn_field part_members[] = {
    {.name = "number", .type = TN_FIELD_text, .required = true},
    {.name = "amount", .type = TN_FIELD_decimal, .default_json = "1"},
    {.name = "pin", .type = TN_FIELD_secret},
};
static const struct tn_field part[] = {
    {.name = "element", .type = TN_FIELD_object, .fields = part_members, .n_fields = 3}};
static const struct tn_field fields[] = {
    {.name = "id", .type = TN_FIELD_uuid, .generated = true, .required = true},
    {.name = "base_url", .type = TN_FIELD_url, .required = true},
    {.name = "password", .type = TN_FIELD_secret},
    {.name = "batch", .type = TN_FIELD_int, .min = "1", .max = "500", .default_json = "100"},
    {.name = "price", .type = TN_FIELD_decimal, .min = "0.10"},
    {.name = "active", .type = TN_FIELD_bool},
    {.name = "since", .type = TN_FIELD_time},
    {.name = "day", .type = TN_FIELD_date},
    {.name = "dialect", .type = TN_FIELD_text, .values = dialects, .default_json = "\"reference\""},
    {.name = "code", .type = TN_FIELD_text, .min = "2", .max = "4", .pattern = "^%u+$"},
    {.name = "status", .type = TN_FIELD_state, .values = states, .initial = "new", .moves = moves},
    {.name = "scopes", .type = TN_FIELD_list, .fields = text_element, .n_fields = 1, .max = "2"},
    {.name = "parts", .type = TN_FIELD_list, .fields = part, .n_fields = 1},
    {.name = "extra", .type = TN_FIELD_any},
    {.name = "key", .type = TN_FIELD_text, .required = true, .null = true},
};
enum { N = sizeof fields / sizeof *fields };
#define GOOD "\"base_url\":\"https://x.example/a\",\"key\":\"k\""

static const struct {
    const char *json, *field, *says; /* field NULL: it is good */
    unsigned flags;
} cases[] = {
    {"{" GOOD "}", NULL, NULL, 0},
    {"{}", "config.base_url", "it is required", 0},
    {"{}", NULL, NULL, TN_FIELD_PARTIAL},
    {"[]", "config", "it has to be an object, not an array", 0},
    {"{" GOOD ",\"batchsize\":1}", "config.batchsize", "there is no such field", 0},
    {"{" GOOD ",\"batc\":1}", "config.batc", "there is no such field; did you mean 'batch'?", 0},
    {"{" GOOD ",\"batc\":1}", NULL, NULL, TN_FIELD_OPEN},
    {"{" GOOD ",\"id\":\"x\"}", "config.id", "it is set by the system", TN_FIELD_FROM_OUTSIDE},
    {"{" GOOD ",\"id\":\"x\"}", "config.id", "it has to be a UUID", 0},
    {"{\"base_url\":\"ftp://x\",\"key\":\"\"}", "config.base_url",
     "it has to be an address that begins with", 0},
    {"{\"base_url\":\"https://\",\"key\":\"\"}", "config.base_url", "it has to be an address", 0},
    {"{\"base_url\":\"https://x y\",\"key\":\"k\"}", "config.base_url", "it has to be an address",
     0},
    {"{\"base_url\":null,\"key\":\"k\"}", "config.base_url", "it is required and may not be null",
     0},
    {"{\"base_url\":\"http://x\",\"key\":null}", NULL, NULL, 0},
    {"{\"base_url\":\"http://x\",\"key\":\"\"}", "config.key", "it may not be empty", 0},
    {"{" GOOD ",\"password\":null}", NULL, NULL, 0},
    {"{" GOOD ",\"batch\":0}", "config.batch", "it has to be 1 or more", 0},
    {"{" GOOD ",\"batch\":501}", "config.batch", "it has to be 500 or less", 0},
    {"{" GOOD ",\"batch\":1.5}", "config.batch", "it has to be a whole number of at most 64 bits",
     0},
    {"{" GOOD ",\"batch\":\"1\"}", "config.batch", "it has to be a whole number, not a string", 0},
    {"{" GOOD ",\"batch\":1e2}", NULL, NULL, 0},
    {"{" GOOD ",\"batch\":123456789012345678901}", "config.batch",
     "it has to be a whole number of at most", 0},
    {"{" GOOD ",\"price\":0.1}", NULL, NULL, 0},
    {"{" GOOD ",\"price\":0.09}", "config.price", "it has to be 0.10 or more", 0},
    {"{" GOOD ",\"price\":-1e999}", "config.price", "it has to be 0.10 or more", 0},
    {"{" GOOD ",\"active\":1}", "config.active", "it has to be true or false, not a number", 0},
    {"{" GOOD ",\"since\":\"2026-01-31T08:00:00Z\"}", NULL, NULL, 0},
    {"{" GOOD ",\"since\":\"2026-01-31\"}", "config.since", "it has to be a time", 0},
    {"{" GOOD ",\"day\":\"2026-02-30\"}", "config.day", "it has to be a date", 0},
    {"{" GOOD ",\"day\":\"2026-02-28\"}", NULL, NULL, 0},
    {"{" GOOD ",\"dialect\":\"reel\"}", "config.dialect",
     "one of reference, real; did you mean 'real'?", 0},
    {"{" GOOD ",\"code\":\"AB\"}", NULL, NULL, 0},
    {"{" GOOD ",\"code\":\"Ab\"}", "config.code", "it does not have the form ^%u+$", 0},
    {"{" GOOD ",\"code\":\"A\"}", "config.code", "it has 1 characters; the least is 2", 0},
    {"{" GOOD ",\"code\":\"ABCDE\"}", "config.code", "it has 5 characters; the most is 4", 0},
    {"{" GOOD ",\"status\":\"done\"}", "config.status",
     "it has to be one of new, running, cancelled", 0},
    {"{" GOOD ",\"scopes\":[\"a\",1]}", "config.scopes[1]", "it has to be a text, not a number", 0},
    {"{" GOOD ",\"scopes\":[\"a\",\"b\",\"c\"]}", "config.scopes",
     "it has 3 elements; the most is 2", 0},
    {"{" GOOD ",\"scopes\":\"a\"}", "config.scopes", "it has to be a list, not a string", 0},
    {"{" GOOD ",\"parts\":[{\"number\":\"1\"},{}]}", "config.parts[1].number", "it is required", 0},
    {"{" GOOD ",\"parts\":[{\"number\":\"1\",\"x\":1}]}", "config.parts[0].x",
     "there is no such field", 0},
    {"{" GOOD ",\"parts\":[7]}", "config.parts[0]", "it has to be an object, not a number", 0},
    {"{" GOOD ",\"extra\":[{}]}", NULL, NULL, 0},
};

static void records_are_checked(void **state)
{
    struct tn_json *json = tn_json_new();
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tn_err err;
        assert_true(tn_json_parse(json, tn_str(cases[i].json), &err));
        bool ok = tn_field_check(fields, N, tn_json_root(json), "config", cases[i].flags, &err);
        if (ok != !cases[i].field) fail_msg("%s: %s", cases[i].json, ok ? "accepted" : err.text);
        if (ok) continue;
        assert_int_equal(err.kind, TN_E_invalid);
        if (strcmp(err.field, cases[i].field) != 0 || !strstr(err.text, cases[i].says))
            fail_msg("%s\n -> %s: %s", cases[i].json, err.field, err.text);
    }
    tn_json_free(json);
}

static void count(void *arg, const struct tn_err *fault)
{
    assert_int_equal(fault->kind, TN_E_invalid);
    ++*(int *)arg;
}

static void all_faults_are_told(void **state)
{
    struct tn_json *json = tn_json_new();
    struct tn_err err;
    int seen = 0;
    (void)state;
    assert_true(tn_json_parse(json, TN_STR("{\"batch\":0,\"active\":1,\"x\":1}"), &err));
    assert_int_equal(tn_field_check_all(fields, N, tn_json_root(json), "", 0, count, &seen), 5);
    assert_int_equal(seen, 5);
    tn_json_free(json);
}

static void defaults_are_filled_in_and_secrets_masked(void **state)
{
    struct tn_json *json = tn_json_new();
    struct tn_buf out;
    struct tn_jw w;
    struct tn_err err;
    (void)state;
    tn_buf_init(&out, 4096);
    assert_true(tn_json_parse(
        json,
        TN_STR("{\"price\":0.10,\"parts\":[{\"pin\":\"1234\"}],\"password\":\"geheim\","
               "\"z\":[ 1 ]}"),
        &err));
    tn_jw_init(&w, &out);
    tn_field_fill(fields, N, tn_json_root(json), &w);
    assert_string_equal(
        out.p,
        "{\"price\":0.10,\"parts\":[{\"pin\":\"1234\",\"amount\":1}],\"password\":\"geheim\","
        "\"z\":[ 1 ],\"batch\":100,\"dialect\":\"reference\"}");
    tn_buf_reset(&out);
    tn_jw_init(&w, &out);
    tn_field_mask(fields, N, tn_json_root(json), "***", &w);
    assert_string_equal(
        out.p, "{\"price\":0.10,\"parts\":[{\"pin\":\"***\"}],\"password\":\"***\",\"z\":[ 1 ]}");
    tn_buf_clear(&out);
    tn_json_free(json);
}

static void states_move_as_declared(void **state)
{
    const struct tn_field *f = tn_field_find(fields, N, TN_STR("status"));
    (void)state;
    assert_true(tn_field_may_move(f, TN_STR("new"), TN_STR("running")));
    assert_false(tn_field_may_move(f, TN_STR("running"), TN_STR("new")));
    assert_true(tn_field_may_move(f, TN_STR("running"), TN_STR("running")));
    assert_null(tn_field_find(fields, N, TN_STR("statu")));
    assert_int_equal(tn_field_type_of(TN_STR("uuid")), TN_FIELD_uuid);
    assert_int_equal(tn_field_type_of(TN_STR("uid")), TN_FIELD_types);
    assert_string_equal(tn_field_type_name(TN_FIELD_any), "any");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(records_are_checked),
                                       cmocka_unit_test(all_faults_are_told),
                                       cmocka_unit_test(defaults_are_filled_in_and_secrets_masked),
                                       cmocka_unit_test(states_move_as_declared)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
