/* SPDX-License-Identifier: MIT */
/* A source with somebody who looks at its pages, and the name of its mapping. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "sync/tap.h"

static void the_name_of_a_mapping_is_its_path_without_folder_and_ending(void **state)
{
    static const struct {
        const char *path, *name;
    } cases[] = {
        {"mappings/oracle_fusion/item.lua", "oracle_fusion/item"},
        {"mappings/a.lua", "a"},
        {"mappings/.lua", ""},
        {"none", ""},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tn_source source = {.mapping = cases[i].path};
        char name[64];
        memset(name, '?', sizeof name);
        tn_source_mapping(&source, name, sizeof name);
        assert_string_equal(name, cases[i].name);
    }
    struct tn_source source = {.mapping = "mappings/oracle_fusion/item.lua"};
    char small[7];
    tn_source_mapping(&source, small, sizeof small);
    assert_string_equal(small, "oracle");
}

/* ---- a source of three pages ---- */

struct world {
    int asked, released, closed; /* what the source was told */
    int looked, tap_closed;      /* what the tap saw */
    int got, ended;              /* what the run got */
    bool looked_first;
};

static void next(void *self, tn_source_fn done, void *arg)
{
    struct world *w = self;
    struct tn_source_page page = {.text = TN_STR("[]"), .total = 3};
    struct tn_err none = {.kind = TN_E_none};
    if (w->asked++ < 3)
        done(arg, &page, NULL);
    else
        done(arg, NULL, &none);
}

static void release(void *self, const struct tn_source_page *page)
{
    struct world *w = self;
    assert_int_equal(page->total, 3);
    w->released++;
}

static void close_source(void *self)
{
    struct world *w = self;
    w->closed++;
}

static void look(void *arg, const struct tn_source_page *page)
{
    struct world *w = arg;
    assert_string_equal(page->text.p, "[]");
    w->looked_first = w->looked == w->got;
    w->looked++;
}

static void tap_closed(void *arg)
{
    struct world *w = arg;
    w->tap_closed++;
}

static void on_page(void *arg, const struct tn_source_page *page, const struct tn_err *err)
{
    struct world *w = arg;
    if (page)
        w->got++;
    else if (err->kind == TN_E_none)
        w->ended++;
}

static void each_page_is_seen_before_the_run_gets_it(void **state)
{
    static const struct tn_source_ops ops = {
        .next = next, .release = release, .close = close_source};
    static const struct tn_tap tap = {.look = look, .closed = tap_closed};
    struct world w = {0};
    struct tn_source source = {.ops = &ops, .self = &w};
    struct tn_source_page page = {.total = 3};
    (void)state;
    tn_source_tap(&source, &tap, &w);
    for (int i = 1; i <= 3; i++) {
        source.ops->next(source.self, on_page, &w);
        assert_int_equal(w.looked, i);
        assert_int_equal(w.got, i);
        assert_true(w.looked_first);
        source.ops->release(source.self, &page);
        assert_int_equal(w.released, i);
    }
    source.ops->next(source.self, on_page, &w);
    assert_int_equal(w.ended, 1);
    assert_int_equal(w.looked, 3);
    source.ops->close(source.self);
    assert_int_equal(w.closed, 1);
    assert_int_equal(w.tap_closed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_name_of_a_mapping_is_its_path_without_folder_and_ending),
        cmocka_unit_test(each_page_is_seen_before_the_run_gets_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
