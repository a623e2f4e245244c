/* SPDX-License-Identifier: MIT */
/* store_rig.h - a store process and a worker's handle on one loop, over a real socket, in a scratch
 * folder; and the calls of store.h made synchronous for tests. */
#ifndef TN_TEST_STORE_RIG_H
#define TN_TEST_STORE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "at_once.h"
#include "base/fault.h"
#include "base/limits.h"
#include "loop/loop.h"
#include "store/commit.h"
#include "store/server.h"
#include "store/store.h"

struct rig {
    char dir[64], socket[96];
    int fd;
    struct tn_loop *loop;
    struct tn_store_server *server;
    struct tn_store *store;
    /* the last answer */
    int answers;
    bool ok;
    struct tn_err err;
    struct tn_op_outcome ops[1024];
    struct tn_err whys[64];
    size_t count;
};

static int rig_unlink(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline void rig_serve(struct rig *r)
{
    struct tn_err err;
    struct tn_server_options o = {
        .dir = r->dir, .listen_fd = r->fd, .workers_live = r->store != NULL};
    r->server = tn_store_server_open(r->loop, &o, &err);
    if (!r->server) fail_msg("%s", err.text);
}

static inline struct tn_store *rig_connect(struct rig *r)
{
    struct tn_err err;
    struct tn_store_options o = {.dir = r->dir, .socket = r->socket, .holder = tn_id_new()};
    struct tn_store *s = tn_store_open(r->loop, &o, &err);
    if (!s) fail_msg("%s", err.text);
    while (!tn_store_ready(s)) tn_loop_turn(r->loop, true);
    return s;
}

static inline void rig_folder(struct rig *r)
{
    struct tn_err err;
    memset(r, 0, sizeof *r);
    snprintf(r->dir, sizeof r->dir, "/tmp/tenon-store-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->socket, sizeof r->socket, "%s/store.sock", r->dir);
    r->loop = tn_loop_new(&err);
    assert_non_null(r->loop);
    r->fd = tn_store_listen(r->socket, &err);
    assert_true(r->fd >= 0);
}

static inline void rig_open(struct rig *r)
{
    rig_folder(r);
    rig_serve(r);
    r->store = rig_connect(r);
}

static inline void rig_close(struct rig *r)
{
    tn_store_close(r->store);
    tn_store_server_close(r->server);
    close(r->fd);
    tn_loop_free(r->loop);
    nftw(r->dir, rig_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static void rig_committed(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct rig *r = arg;
    r->answers++;
    r->ok = done != NULL;
    tn_err_clear(&r->err);
    if (err) r->err = *err;
    r->count = 0;
    if (!done) return;
    r->count = done->count;
    for (size_t i = 0, why = 0; i < done->count && i < 1024; i++) {
        struct tn_op_outcome *o = &r->ops[i];
        *o = done->ops[i];
        if (o->why && why < 64) {
            r->whys[why] = *o->why;
            o->why = &r->whys[why++];
        }
    }
}

static void rig_done(void *arg, const struct tn_err *err)
{
    struct rig *r = arg;
    r->answers++;
    r->ok = !err;
    tn_err_clear(&r->err);
    if (err) r->err = *err;
}

static inline void rig_wait(struct rig *r, int answers)
{
    while (r->answers < answers) tn_loop_turn(r->loop, true);
}

/* Commits and waits. */
static inline bool rig_commit(struct rig *r, struct tn_commit *c)
{
    tn_store_commit(r->store, c, rig_committed, r);
    rig_wait(r, r->answers + 1);
    return r->ok;
}

static inline bool rig_no_event(void *arg, const struct tn_event *e)
{
    (void)arg, (void)e;
    return false;
}

/* The number of the newest event. */
static inline int64_t rig_head(struct rig *r)
{
    struct tn_tail tail;
    struct tn_err err;
    if (!tn_store_tail(r->store, TN_TEAM_ALL, INT64_MAX - 1, 1, rig_no_event, NULL, &tail, &err))
        fail_msg("%s", err.text);
    return tail.head;
}

static inline bool rig_define(struct rig *r, const struct tn_table *t)
{
    tn_store_define(r->store, t, rig_done, r);
    rig_wait(r, r->answers + 1);
    return r->ok;
}

#endif
