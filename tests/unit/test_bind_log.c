/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <unistd.h>

#include "script_fixture.h"

#include "base/log.h"
#include "bind/bind.h"

static const struct tn_module modules[] = {{"tenon.log", luaopen_tenon_log}, {NULL, NULL}};

/* Runs body against a log in a file; *lines gets the number of lines that hold needle. */
static void run(const char *body, const char *needle, int *lines)
{
    char path[] = "/tmp/tenon-log-XXXXXX";
    close(mkstemp(path));
    struct tn_err err;
    struct tn_log_options options = {.file = path, .quiet = true};
    struct tn_log *log = tn_log_open(&options, &err);
    struct tn_loop *loop = tn_loop_new(&err);
    struct tn_host *host = tn_host_new(loop, log, &err);
    struct bind_context context = {.log = log, .area = "integrations:plant_7"};
    struct tn_isolate_options o = {
        .name = "log", .modules = modules, .context = &context, .call_ms = 5000};
    struct tn_isolate *iso = tn_isolate_new(host, &o, &err);
    struct fixture_text out;
    char text[512], row[8192];
    assert_non_null(iso);
    snprintf(text, sizeof text, "local log = require 'tenon.log' %s", body);
    assert_string_equal(fixture_run(iso, &out, text), "");
    tn_isolate_unref(iso);
    tn_host_free(host);
    tn_loop_free(loop);
    tn_log_close(log);
    FILE *f = fopen(path, "r");
    *lines = 0;
    while (fgets(row, sizeof row, f))
        if (strstr(row, needle)) ++*lines;
    fclose(f);
    unlink(path);
}

static void lines_are_written(void **state)
{
    int n;
    (void)state;
    run("log.info('page %d: %s', 3, 'x') log.warn('50%') log.error({}) log.info(nil)",
        "integrations:plant_7", &n);
    assert_int_equal(n, 4);
    run("log.info('page %d: %s', 3, 'x')", "page 3: x", &n);
    assert_int_equal(n, 1);
    run("log.debug('quiet')", "quiet", &n);
    assert_int_equal(n, 0);
    run("log.info('a\\nforged')", "\nforged", &n);
    assert_int_equal(n, 0);
    run("print('said', 1, nil)", "said", &n);
    assert_int_equal(n, 1);
}

static void floods_are_cut(void **state)
{
    int n;
    (void)state;
    run("for i = 1, 100000 do log.info('flood') end", "flood", &n);
    assert_true(n >= (int)TN_LIMIT_LOG_LINES && n <= 20 * (int)TN_LIMIT_LOG_LINES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines_are_written),
                                       cmocka_unit_test(floods_are_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
