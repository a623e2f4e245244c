/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"

struct scene {
    char path[64], text[20000];
    struct tn_log *log;
};

static void open_log(struct scene *s, bool json, const char *debug)
{
    struct tn_err err;
    snprintf(s->path, sizeof s->path, "/tmp/tenon-test-log-XXXXXX");
    int fd = mkstemp(s->path);
    assert_true(fd >= 0);
    close(fd);
    s->log = tn_log_open(
        &(struct tn_log_options){.file = s->path, .json = json, .quiet = true, .debug = debug},
        &err);
    assert_non_null(s->log);
    tn_log_name(s->log, "worker-1");
}

/* What was written, without time, and the file gone. */
static const char *close_log(struct scene *s)
{
    tn_log_close(s->log);
    FILE *f = fopen(s->path, "rb");
    assert_non_null(f);
    s->text[fread(s->text, 1, sizeof s->text - 1, f)] = '\0';
    fclose(f);
    unlink(s->path);
    return s->text[0] == '{' || strlen(s->text) < 25 ? s->text : s->text + 25;
}

static void a_fact_is_a_line(void **state)
{
    struct scene s;
    (void)state;
    open_log(&s, false, NULL);
    tn_log(s.log, TN_LOG_warn, "sync", "%d of %s", 3, "x");
    assert_string_equal(close_log(&s), "warn  worker-1   [sync] 3 of x\n");
    tn_log(NULL, TN_LOG_error, "sync", "nowhere");
}

static void no_input_can_forge_a_line(void **state)
{
    struct scene s;
    (void)state;
    open_log(&s, false, NULL);
    tn_log(s.log, TN_LOG_info, "a\nb", "x\n2026 error\r\x1b[31m\x7f \xC2\x9B\xFF \xC3\xA9");
    assert_string_equal(close_log(&s), "info  worker-1   [a\\x0ab] x\\x0a2026 "
                                       "error\\x0d\\x1b[31m\\x7f \\xc2\\x9b\\xff \xC3\xA9\n");
}

static void json_lines_are_json_whatever_was_logged(void **state)
{
    struct scene s;
    struct tn_json *json = tn_json_new();
    struct tn_err err;
    struct tn_str text;
    (void)state;
    open_log(&s, true, NULL);
    tn_log(s.log, TN_LOG_error, "http", "\"q\" \xFF\n\xC3");
    assert_true(tn_json_parse(json, tn_str(close_log(&s)), &err));
    assert_true(tn_jtext(tn_jget_z(tn_json_root(json), "area"), NULL, &text) &&
                tn_str_is(text, "http"));
    assert_string_equal(strstr(s.text, "\"text\""), "\"text\":\"\\\"q\\\" ?\\n?\"}\n");
    tn_json_free(json);
}

static void debug_is_asked_for_by_area(void **state)
{
    struct scene s;
    (void)state;
    open_log(&s, false, "sync,integrations:*");
    assert_true(tn_log_wants(s.log, TN_LOG_debug, "sync"));
    assert_true(tn_log_wants(s.log, TN_LOG_debug, "integrations:erp"));
    assert_false(tn_log_wants(s.log, TN_LOG_debug, "http"));
    assert_true(tn_log_wants(s.log, TN_LOG_info, "http"));
    tn_log_debug_areas(s.log, "*");
    assert_true(tn_log_wants(s.log, TN_LOG_debug, "http"));
    tn_log_debug_areas(s.log, NULL);
    assert_false(tn_log_wants(s.log, TN_LOG_debug, "sync"));
    tn_log(s.log, TN_LOG_debug, "sync", "not written");
    assert_string_equal(close_log(&s), "");
}

static void secrets_never_appear(void **state)
{
    struct scene s;
    char filler[5000];
    (void)state;
    open_log(&s, false, NULL);
    tn_log_secret(s.log, TN_STR("hunter2"));
    tn_log_secret(s.log, TN_STR("hunter2-and-more"));
    tn_log_secret(s.log, TN_STR("er2-and-more-still"));
    tn_log_secret(s.log, TN_STR("text"));
    tn_log(s.log, TN_LOG_info, "x", "hunter2 hunter2hunter2 text");
    tn_log(s.log, TN_LOG_info, "x", "a hunter2-and-more b");
    tn_log(s.log, TN_LOG_info, "x", "hunter2-and-more-still");
    memset(filler, 'f', sizeof filler);
    for (int cut = 1; cut < 8; cut++)
        tn_log(s.log, TN_LOG_info, "x", "%.*shunter2", 4095 - cut, filler);
    const char *text = close_log(&s);
    assert_non_null(strstr(text, "] ******* ************** text\n"));
    assert_non_null(strstr(text, "] a **************** b\n"));
    assert_non_null(strstr(text, "] **********************\n"));
    assert_null(strstr(text, "fh"));
}

static void a_file_that_cannot_be_opened_is_told(void **state)
{
    struct tn_err err;
    (void)state;
    assert_null(
        tn_log_open(&(struct tn_log_options){.file = "/nonexistent/log", .quiet = true}, &err));
    assert_int_equal(err.kind, TN_E_io);
}

static void after_a_rotation_a_new_file_begins(void **state)
{
    struct scene s;
    char old[80];
    (void)state;
    open_log(&s, false, NULL);
    snprintf(old, sizeof old, "%s.1", s.path);
    assert_int_equal(rename(s.path, old), 0);
    tn_log(s.log, TN_LOG_info, "x", "into the old one");
    tn_log_reopen(s.log);
    tn_log(s.log, TN_LOG_info, "x", "into the new one");
    assert_string_equal(close_log(&s), "info  worker-1   [x] into the new one\n");
    unlink(old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fact_is_a_line),
        cmocka_unit_test(no_input_can_forge_a_line),
        cmocka_unit_test(json_lines_are_json_whatever_was_logged),
        cmocka_unit_test(debug_is_asked_for_by_area),
        cmocka_unit_test(secrets_never_appear),
        cmocka_unit_test(a_file_that_cannot_be_opened_is_told),
        cmocka_unit_test(after_a_rotation_a_new_file_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
