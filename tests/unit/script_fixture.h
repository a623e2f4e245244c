/* SPDX-License-Identifier: MIT */
/* script_fixture.h - a host and isolates for the tests of script/ and bind/. */
#ifndef TN_TESTS_SCRIPT_FIXTURE_H
#define TN_TESTS_SCRIPT_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>
#include <lauxlib.h>

#include "loop/loop.h"
#include "script/isolate.h"
#include "script/task.h"

struct fixture {
    struct tn_loop *loop;
    struct tn_host *host;
    char slot[TN_HOST_SLOT];
};

static inline int fixture_open(void **state)
{
    static struct fixture f;
    struct tn_err err;
    f.loop = tn_loop_new(&err);
    f.host = tn_host_new(f.loop, NULL, &err);
    assert_non_null(f.host);
    *state = &f;
    return 0;
}

static inline int fixture_close(void **state)
{
    struct fixture *f = *state;
    tn_host_free(f->host);
    tn_loop_free(f->loop);
    return 0;
}

static inline struct tn_isolate *fixture_isolate(struct fixture *f,
                                                 const struct tn_isolate_options *o)
{
    struct tn_err err;
    struct tn_isolate_options plain = {.name = "test", .call_ms = 200, .load_ms = 1000};
    struct tn_isolate *iso = tn_isolate_new(f->host, o ? o : &plain, &err);
    if (!iso) fail_msg("isolate: %s", err.text);
    return iso;
}

/* Loads text as scripts/test.lua; fails the test when that fails. */
static inline int fixture_load(struct tn_isolate *iso, const char *text)
{
    struct tn_err err;
    int ref;
    if (!tn_isolate_load_text(iso, "scripts/test.lua", tn_str(text), &ref, &err))
        fail_msg("%s:%d: %s", err.file, err.line, err.text);
    return ref;
}

struct fixture_text {
    char text[4096];
};

static inline void fixture_take(lua_State *L, int n, void *arg)
{
    struct fixture_text *out = arg;
    size_t at = 0;
    out->text[0] = '\0';
    for (int i = 1; i <= n && at < sizeof out->text; i++) {
        at += (size_t)snprintf(out->text + at, sizeof out->text - at, "%s%s", i > 1 ? " " : "",
                               luaL_tolstring(L, i, NULL));
        lua_pop(L, 1);
    }
}

/* Runs text as the body of a function and gives its results as one text, or "kind: message". */
static inline const char *fixture_run(struct tn_isolate *iso, struct fixture_text *out,
                                      const char *text)
{
    struct tn_err err;
    int ref;
    char *chunk = NULL;
    assert_true(asprintf(&chunk, "return function(...) %s\nend", text) > 0);
    bool ok = tn_isolate_load_text(iso, "scripts/test.lua", tn_str(chunk), &ref, &err) &&
              tn_isolate_call(iso, ref, NULL, fixture_take, out, &err);
    if (!ok) snprintf(out->text, sizeof out->text, "%s: %s", tn_kind_name(err.kind), err.text);
    tn_isolate_release(iso, ref);
    free(chunk);
    return out->text;
}

/* Turns the loop until *done or it is clear that it will not come. */
/* What became of a task. */
struct fixture_end {
    int done;
    struct tn_err err;
    struct fixture_text out;
};

static inline void fixture_end_take(lua_State *L, int n, void *arg)
{
    fixture_take(L, n, &((struct fixture_end *)arg)->out);
}

static inline void fixture_end_done(void *arg, const struct tn_err *err)
{
    struct fixture_end *end = arg;
    end->done++;
    tn_err_clear(&end->err);
    if (err) end->err = *err;
}

static const struct tn_task_call fixture_end_call = {.take = fixture_end_take,
                                                     .done = fixture_end_done};

static inline void fixture_turn(struct fixture *f, const int *done)
{
    for (int i = 0; i < 100000 && !*done; i++) tn_loop_turn(f->loop, true);
    assert_true(*done);
}

#endif
