/* SPDX-License-Identifier: MIT */
/* testing.h - an isolate that runs tests of scripts (cli/cli_test.c): the time that its scripts are
 * told and the answers of peers are the test's.  bind_test.c lets the tests set them. */
#ifndef TN_BIND_TESTING_H
#define TN_BIND_TESTING_H

#include "base/time.h"
#include "bind/bind.h"

struct bind_owner;
struct tn_mapping;

/* Of one isolate that runs tests; bind_context.test points here. */
struct bind_testing {
    struct tn_clock *clock;   /* what scripts are told the time is */
    struct bind_owner *owner; /* of the isolate: each test gets a new team, and so no records */
    int64_t *teams;           /* how many teams there were; NULL: there is no store */
    /* The mapping of that name that can be tried, or NULL. */
    const struct tn_mapping *(*mapping)(const void *arg, const char *name);
    const void *arg;
};

/* NULL: the isolate runs no tests. */
struct bind_testing *bind_testing_of(lua_State *L);
/* Pops a function, which answers requests from now on; nil: nothing answers them. */
void bind_testing_answer_by(lua_State *L);
/* The time for scripts: the real one, or the test's. */
int64_t bind_now(lua_State *L);
/* Sleeps without taking time, when a test has set the clock. False: this is no test, or it uses the
 * real time. */
bool bind_testing_sleep(lua_State *L, int64_t ms);
/* In a test: calls what the test gave to answer requests with the request at index and its url.
 * Pushes the table that it returned, or raises; false: this is no test. */
bool bind_testing_answer(lua_State *L, int index, const char *url);

#endif
