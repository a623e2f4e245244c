/* SPDX-License-Identifier: MIT */
/* testing.h - an isolate that runs tests of scripts (cli/cli_test.c). Its scripts get the time
 * and the answers of peers from the test; bind_test.c lets the test set them. */
#ifndef TN_BIND_TESTING_H
#define TN_BIND_TESTING_H

#include "base/time.h"
#include "bind/bind.h"

struct bind_owner;
struct tn_mapping;

/* The state of one isolate that runs tests; bind_context.test points to it. */
struct bind_testing {
    struct tn_clock *clock;   /* the time that scripts get */
    struct bind_owner *owner; /* owner of the isolate; each test gets a new team, so that it begins
                                 without records */
    int64_t *teams;           /* number of teams so far; NULL: there is no store */
    /* Finds a mapping to try by its name; NULL: there is none. */
    const struct tn_mapping *(*mapping)(const void *arg, const char *name);
    const void *arg;
    /* Checks config against the declaration of the adapter under ref and writes it with its
     * defaults; NULL: it is taken as it is. */
    bool (*config)(struct tn_isolate *iso, const char *file, int ref, struct tn_jval config,
                   struct tn_jw *w, struct tn_err *err);
};

/* NULL: the isolate runs no tests. */
struct bind_testing *bind_testing_of(lua_State *L);
/* Pops the function that answers requests from now on; nil: none are answered. */
void bind_testing_answer_by(lua_State *L);
/* The time for scripts: the real one, or the test's. */
int64_t bind_now(lua_State *L);
/* Sleeps without taking time when a test has set the clock. False: this is no test, or it uses
 * the real time. */
bool bind_testing_sleep(lua_State *L, int64_t ms);
/* In a test: calls the test's function with the request at index and its url. Pushes the table
 * that the function returned, or raises. False: this is no test. */
bool bind_testing_answer(lua_State *L, int index, const char *url);

#endif
