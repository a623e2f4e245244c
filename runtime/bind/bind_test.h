/* SPDX-License-Identifier: MIT */
/* bind_test.h - require "tenon.test": what a test of scripts sets up (cli/cli_test.c runs them):
 * the time that scripts are told, what peers answer, and mappings to try.  Everywhere else its
 * functions raise. */
#ifndef TN_BIND_BIND_TEST_H
#define TN_BIND_BIND_TEST_H

#include "base/time.h"
#include "bind/bind.h"

struct bind_owner;
struct tn_mapping;

/* Of one isolate that runs tests; bind_context.test points here. */
struct bind_test {
    struct tn_clock *clock;   /* what scripts are told the time is */
    struct bind_owner *owner; /* of the isolate: each test gets a new team, and so no records */
    int64_t *teams;           /* how many teams there were; NULL: there is no store */
    /* The mapping of that name that can be tried, or NULL. */
    const struct tn_mapping *(*mapping)(const void *arg, const char *name);
    const void *arg;
};

/* The time for scripts: the real one, or the test's. */
int64_t bind_now(lua_State *L);
/* In a test: a sleep that takes no time.  False: no test, or it uses the real time. */
bool bind_test_sleep(lua_State *L, int64_t ms);
/* In a test: calls what the test gave to answer requests with the request at index and its url.
 * Pushes the table that it returned, or raises; false: this is no test. */
bool bind_test_answer(lua_State *L, int index, const char *url);

#endif
