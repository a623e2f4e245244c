/* SPDX-License-Identifier: MIT */
#include "cli/scratch.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "loop/loop.h"
#include "scripts/resource_check.h"
#include "store/server.h"

/* ---- a folder ---- */

bool tn_scratch_make(char dir[TN_SCRATCH_PATH], struct tn_err *err)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, TN_SCRATCH_PATH, "%s/tenon-scratch-XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(dir) || tn_fail_errno(err, errno, dir);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void tn_scratch_remove(const char *dir)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- a store ---- */

struct tn_scratch_store {
    char dir[TN_SCRATCH_PATH];
    int fd;
    struct tn_store_server *server;
    struct tn_store *store;
    bool answered;
    struct tn_err err;
};

static void is_ready(void *arg)
{
    ((struct tn_scratch_store *)arg)->answered = true;
}

static void defined(void *arg, const struct tn_err *err)
{
    struct tn_scratch_store *s = arg;
    s->answered = true;
    tn_err_clear(&s->err);
    if (err) s->err = *err;
}

static void wait(struct tn_scratch_store *s, struct tn_loop *loop)
{
    while (!s->answered) tn_loop_turn(loop, true);
    s->answered = false;
}

static bool define(struct tn_scratch_store *s, struct tn_loop *loop, const struct tn_units *units,
                   struct tn_err *err)
{
    for (size_t i = 0; i < tn_units_resources(units); i++) {
        struct tn_column columns[TN_STORE_COLUMNS_MAX];
        struct tn_table table;
        tn_entity_table(&tn_units_resource_at(units, i)->resource, columns, &table);
        tn_store_define(s->store, &table, defined, s);
        wait(s, loop);
        *err = s->err;
        if (err->kind != TN_E_none) return false;
    }
    return true;
}

static bool serve(struct tn_scratch_store *s, struct tn_loop *loop, const struct tn_clock *clock,
                  struct tn_err *err)
{
    char path[TN_SCRATCH_PATH + 16];
    snprintf(path, sizeof path, "%s/store.sock", s->dir);
    s->fd = tn_store_listen(path, err);
    if (s->fd < 0) return false;
    struct tn_server_options so = {.dir = s->dir, .listen_fd = s->fd, .clock = clock};
    struct tn_store_options o = {
        .dir = s->dir, .socket = path, .holder = tn_id_new(), .clock = clock};
    s->server = tn_store_server_open(loop, &so, err);
    s->store = s->server ? tn_store_open(loop, &o, err) : NULL;
    if (!s->store) return false;
    tn_store_on_ready(s->store, is_ready, s);
    wait(s, loop);
    return true;
}

struct tn_scratch_store *tn_scratch_store_open(struct tn_loop *loop, const struct tn_units *units,
                                               const struct tn_clock *clock, struct tn_err *err)
{
    struct tn_scratch_store *s = TN_NEW(struct tn_scratch_store);
    s->fd = -1;
    if (!tn_scratch_make(s->dir, err))
        s->dir[0] = '\0';
    else if (serve(s, loop, clock, err) && define(s, loop, units, err))
        return s;
    tn_scratch_store_close(s);
    return NULL;
}

struct tn_store *tn_scratch_store_of(const struct tn_scratch_store *s)
{
    return s->store;
}

void tn_scratch_store_close(struct tn_scratch_store *s)
{
    if (!s) return;
    tn_store_close(s->store);
    tn_store_server_close(s->server);
    if (s->fd >= 0) close(s->fd);
    if (s->dir[0]) tn_scratch_remove(s->dir);
    tn_free(s);
}
