/* SPDX-License-Identifier: MIT */
/* staged.h - what a test of scripts has staged: the time that they are told, what peers answer, and
 * mappings to try.  Tests stage it with tenon.test (bind_test.c). */
#ifndef TN_BIND_STAGED_H
#define TN_BIND_STAGED_H

#include "base/time.h"
#include "bind/bind.h"

struct bind_owner;
struct tn_mapping;

/* Of one isolate that runs tests; bind_context.test points here. */
struct bind_staged {
    struct tn_clock *clock;   /* what scripts are told the time is */
    struct bind_owner *owner; /* of the isolate: each test gets a new team, and so no records */
    int64_t *teams;           /* how many teams there were; NULL: there is no store */
    /* The mapping of that name that can be tried, or NULL. */
    const struct tn_mapping *(*mapping)(const void *arg, const char *name);
    const void *arg;
};

/* NULL: this is no test. */
struct bind_staged *bind_staged_of(lua_State *L);
/* The time for scripts: the real one, or the test's. */
int64_t bind_now(lua_State *L);
/* In a test: a sleep that takes no time.  False: no test, or it uses the real time. */
bool bind_staged_sleep(lua_State *L, int64_t ms);
/* In a test: calls what the test gave to answer requests with the request at index and its url.
 * Pushes the table that it returned, or raises; false: this is no test. */
bool bind_staged_answer(lua_State *L, int index, const char *url);
/* From now on this function answers them: the one at the top, or nil for none; it is popped. */
void bind_staged_answers(lua_State *L);

#endif
