/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/args.h"

struct parsed {
    const char *data, *rest[3];
    int64_t workers;
    bool watch;
    struct tn_arg_list nets;
    size_t n;
    struct tn_err err;
    struct tn_arg table[5];
};

static bool parse(struct parsed *p, int argc, const char **argv)
{
    *p = (struct parsed){.data = "usual"};
    struct tn_arg table[] = {{"data", TN_ARG_text, &p->data, "DIR", ""},
                             {"workers", TN_ARG_num, &p->workers, "N", ""},
                             {"watch", TN_ARG_flag, &p->watch, NULL, ""},
                             {"allow-net", TN_ARG_list, &p->nets, "CIDR", ""},
                             {NULL, TN_ARG_flag, NULL, NULL, NULL}};
    memcpy(p->table, table, sizeof table);
    return tn_args_parse(p->table, argc, (char **)argv, p->rest, 3, &p->n, &p->err);
}

static void options_stand_anywhere_and_lists_grow(void **state)
{
    const char *words[] = {"one", "--data",    "/x", "--watch",     "--allow-net=10.0.0.0/8",
                           "two", "--workers", "3",  "--allow-net", "::1",
                           "--",  "--data"};
    struct parsed p;
    (void)state;
    assert_true(parse(&p, 12, words));
    assert_string_equal(p.data, "/x");
    assert_int_equal(p.workers, 3);
    assert_true(p.watch);
    assert_int_equal(p.nets.n, 2);
    assert_string_equal(p.nets.items[0], "10.0.0.0/8");
    assert_int_equal(p.n, 3);
    assert_string_equal(p.rest[1], "two");
    assert_string_equal(p.rest[2], "--data");
    tn_args_clear(p.table);
}

static void assert_says(const char *const *words, int n, const char *text)
{
    struct parsed p;
    assert_false(parse(&p, n, (const char **)words));
    if (!strstr(p.err.text, text)) fail_msg("'%s' does not say '%s'", p.err.text, text);
    tn_args_clear(p.table);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    assert_says((const char *[]){"--worker", "3"}, 2, "'worker'; did you mean 'workers'?");
    assert_says((const char *[]){"--nothing-like-it"}, 1, "there is no option");
    assert_says((const char *[]){"--workers", "many"}, 2, "whole number");
    assert_says((const char *[]){"--workers", "-1"}, 2, "whole number");
    assert_says((const char *[]){"--data"}, 1, "needs a value: DIR");
    assert_says((const char *[]){"--watch=maybe"}, 1, "takes no value");
    assert_says((const char *[]){"a", "b", "c", "d"}, 4, "'d' is one word too many");
}

static void help_alone_is_no_mistake(void **state)
{
    const char *words[] = {"--help"};
    struct parsed p;
    (void)state;
    assert_false(parse(&p, 1, words));
    assert_int_equal(p.err.kind, TN_E_none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_stand_anywhere_and_lists_grow),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(help_alone_is_no_mistake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
