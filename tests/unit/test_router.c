/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "net/router.h"

static void handle(void *arg, struct tn_http_exchange *x)
{
    (void)arg, (void)x;
}

#define ROW(m, p, f)                                                                               \
    {                                                                                              \
        .method = m, .pattern = p, .handle = handle, .flags = f                                    \
    }

static const struct tn_route routes[] = {
    ROW("GET", "/", 1),
    ROW("GET", "/api/v1/items", 2),
    ROW("POST", "/api/v1/items", 3),
    ROW("GET", "/api/v1/items/{id}", 4),
    ROW("DELETE", "/api/v1/items/{id}", 5),
    ROW("GET", "/api/v1/items/bulk", 6),
    ROW("GET", "/api/v1/{resource}/{id}/history", 7),
    ROW("*", "/files/{path*}", 8),
    ROW("GET", "/files/index", 9),
    ROW("OPTIONS", "/own", 10),
};

struct looked_up {
    enum tn_route_result result;
    struct tn_route_match m;
    struct tn_http_path path;
    char text[256];
};

static const struct looked_up *find(struct tn_router *r, const char *method, const char *raw)
{
    static struct looked_up l;
    struct tn_http_refusal why;
    assert_true(tn_http_path_decode(tn_str(raw), l.text, &l.path, &why));
    l.result = tn_router_find(r, tn_str(method), &l.path, &l.m);
    return &l;
}

static void expect(struct tn_router *r, const char *method, const char *raw, unsigned flags)
{
    const struct looked_up *l = find(r, method, raw);
    assert_int_equal(l->result, TN_ROUTE_found);
    assert_int_equal(l->m.route->flags, flags);
}

static int setup(void **state)
{
    struct tn_err err;
    *state = tn_router_new(routes, sizeof routes / sizeof *routes, &err);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    tn_router_unref(*state);
    return 0;
}

static void test_finds(void **state)
{
    struct tn_router *r = *state;
    expect(r, "GET", "/", 1);
    expect(r, "GET", "/api/v1/items", 2);
    expect(r, "GET", "/api/v1/items/", 2);
    expect(r, "POST", "/api/v1/items", 3);
    expect(r, "GET", "/api/v1/items/7", 4);
    expect(r, "DELETE", "/api/v1/items/7", 5);
    expect(r, "GET", "/api/v1/items/bulk", 6);
    expect(r, "GET", "/api/v1/items/7/history", 7);
    expect(r, "GET", "/api/v1/items/bulk/history", 7);
    expect(r, "PUT", "/files/a/b", 8);
    expect(r, "GET", "/files", 8);
    expect(r, "GET", "/files/index", 9);
    expect(r, "GET", "/files/index/x", 8);
    expect(r, "HEAD", "/api/v1/items", 2);
}

static void test_parameters(void **state)
{
    const struct looked_up *l = find(*state, "GET", "/api/v1/items/A%2FB%20c");
    assert_int_equal(l->m.n, 1);
    assert_true(tn_str_is(l->m.names[0], "id"));
    assert_true(tn_str_is(l->m.values[0], "A/B c"));
    l = find(*state, "GET", "/api/v1/orders/9/history/");
    assert_int_equal(l->m.n, 2);
    assert_true(tn_str_is(l->m.names[0], "resource"));
    assert_true(tn_str_is(l->m.values[0], "orders"));
    assert_true(tn_str_is(l->m.values[1], "9"));
    l = find(*state, "GET", "/files/a/b.txt");
    assert_true(tn_str_is(l->m.names[0], "path"));
    assert_true(tn_str_is(l->m.values[0], "a/b.txt"));
    l = find(*state, "GET", "/files/");
    assert_int_equal(l->m.values[0].n, 0);
}

static void test_misses(void **state)
{
    struct tn_router *r = *state;
    static const char *const wrong[] = {
        "/api",           "/api/v1",   "/api/v1/item",    "/api/v1/items/7/x", "/API/v1/items",
        "/api//v1/items", "/api/v1//", "/api/v1/items//", "/itemsx",           "/api/v1//7/history",
        "/api%2Fv1/items"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const struct looked_up *l = find(r, "GET", wrong[i]);
        if (l->result != TN_ROUTE_no_path) print_error("found: %s\n", wrong[i]);
        assert_int_equal(l->result, TN_ROUTE_no_path);
        assert_string_equal(l->m.allow, "");
        assert_null(l->m.route);
    }
}

static void test_methods(void **state)
{
    const struct looked_up *l = find(*state, "PUT", "/api/v1/items/7");
    assert_int_equal(l->result, TN_ROUTE_no_method);
    assert_string_equal(l->m.allow, "GET, DELETE, HEAD");
    assert_int_equal(find(*state, "get", "/api/v1/items")->result, TN_ROUTE_no_method);
    l = find(*state, "OPTIONS", "/api/v1/items");
    assert_int_equal(l->result, TN_ROUTE_options);
    assert_string_equal(l->m.allow, "GET, POST, HEAD");
    assert_int_equal(find(*state, "OPTIONS", "/nope")->result, TN_ROUTE_no_path);
    expect(*state, "OPTIONS", "/own", 10);
    struct tn_http_path star = {.text = TN_STR("*")};
    struct tn_route_match m;
    assert_int_equal(tn_router_find(*state, TN_STR("OPTIONS"), &star, &m), TN_ROUTE_options);
}

static void test_refuses_bad_tables(void **state)
{
    static const struct tn_route bad[] = {
        ROW("GET", "items", 0),
        ROW("GET", "/a//b", 0),
        ROW("GET", "/{a*}/b", 0),
        ROW("GET", "/a{b}", 0),
        ROW("", "/a", 0),
        ROW("GET", "/{}", 0),
        {.method = "GET", .pattern = "/a"},
        ROW("GET", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", 0),
    };
    struct tn_err err;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(tn_router_new(&bad[i], 1, &err));
        assert_int_equal(err.kind, TN_E_invalid);
    }
    static const struct tn_route twice[] = {ROW("GET", "/a/{b}", 0), ROW("GET", "/a/{c}", 0)};
    assert_null(tn_router_new(twice, 2, &err));
    assert_non_null(strstr(err.text, "two routes for GET /a/{c}"));
}

static void test_same_path_other_names(void **state)
{
    static const struct tn_route rows[] = {ROW("GET", "/a/{b}", 1), ROW("PUT", "/a/{c}", 2)};
    struct tn_err err;
    (void)state;
    struct tn_router *r = tn_router_new(rows, 2, &err);
    assert_non_null(r);
    assert_true(tn_str_is(find(r, "GET", "/a/1")->m.names[0], "b"));
    assert_true(tn_str_is(find(r, "PUT", "/a/1")->m.names[0], "c"));
    assert_int_equal(tn_router_row(r, 1)->flags, 2);
    assert_null(tn_router_row(r, 2));
    tn_router_unref(r);
}

/* Deep tables of parameters that nearly match must not cost more than a little. */
static void test_no_blow_up(void **state)
{
    static const struct tn_route rows[] = {
        ROW("GET", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}", 1),
        ROW("GET", "/x/{b}/{c}/{d}/{e}/{f}/{g}/{h}", 2),
        ROW("GET", "/x/x/{c}/{d}/{e}/{f}/{g}/{h}", 3),
        ROW("GET", "/x/x/x/{d}/{e}/{f}/{g}/{h}", 4),
        ROW("GET", "/{a}/x/x/x/x/x/x/x", 5),
        ROW("GET", "/x/x/x/x/x/x/x/y", 6),
    };
    struct tn_err err;
    (void)state;
    struct tn_router *r = tn_router_new(rows, sizeof rows / sizeof *rows, &err);
    assert_non_null(r);
    assert_int_equal(find(r, "GET", "/x/x/x/x/x/x/x/x/x")->result, TN_ROUTE_no_path);
    expect(r, "GET", "/x/x/x/x/x/x/x/z", 4);
    expect(r, "GET", "/x/x/x/x/x/x/x/y", 6);
    tn_router_unref(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_finds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parameters, setup, teardown),
        cmocka_unit_test_setup_teardown(test_misses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_methods, setup, teardown),
        cmocka_unit_test(test_refuses_bad_tables),
        cmocka_unit_test(test_same_path_other_names),
        cmocka_unit_test(test_no_blow_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
