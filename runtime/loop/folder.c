/* SPDX-License-Identifier: MIT */
#include "loop/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/alloc.h"

enum {
    DEPTH_MAX = 16,
    EVENTS = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_DELETE_SELF |
             IN_ONLYDIR | IN_DONT_FOLLOW
};

struct tn_folder {
    struct tn_watch *watch;
    struct tn_timer *quiet;
    tn_loop_fn fn;
    void *arg;
    char *path;
    int fd, quiet_ms;
};

/* Watches the folder and all folders below. Adding a watched one again does nothing. */
static bool add(struct tn_folder *f, const char *path, int depth)
{
    bool ok = inotify_add_watch(f->fd, path, EVENTS) >= 0;
    DIR *dir = ok && depth < DEPTH_MAX ? opendir(path) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char sub[4096];
        if (e->d_type != DT_DIR || e->d_name[0] == '.') continue;
        if (snprintf(sub, sizeof sub, "%s/%s", path, e->d_name) < (int)sizeof sub)
            add(f, sub, depth + 1);
    }
    if (dir) closedir(dir);
    return ok;
}

static void on_events(void *arg, int ready)
{
    struct tn_folder *f = arg;
    _Alignas(struct inotify_event) char events[4096];
    (void)ready;
    while (read(f->fd, events, sizeof events) > 0) continue;
    tn_timer_set(f->quiet, f->quiet_ms);
}

static void on_quiet(void *arg)
{
    struct tn_folder *f = arg;
    add(f, f->path, 0); /* watches folders that are new */
    f->fn(f->arg);
}

struct tn_folder *tn_folder_watch(struct tn_loop *loop, const char *path, int quiet_ms,
                                  tn_loop_fn fn, void *arg, struct tn_err *err)
{
    struct tn_folder *f = TN_NEW(struct tn_folder);
    *f = (struct tn_folder){.fn = fn, .arg = arg, .quiet_ms = quiet_ms};
    f->path = tn_strdup(path);
    f->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (f->fd < 0 || !add(f, path, 0)) {
        tn_fail_errno(err, errno, path);
        tn_folder_free(f);
        return NULL;
    }
    f->quiet = tn_timer_new(loop, on_quiet, f);
    f->watch = tn_watch_new(loop, f->fd, on_events, f);
    tn_watch_for(f->watch, TN_READ);
    return f;
}

void tn_folder_free(struct tn_folder *f)
{
    if (!f) return;
    tn_watch_free(f->watch);
    tn_timer_free(f->quiet);
    if (f->fd >= 0) close(f->fd);
    tn_free(f->path);
    tn_free(f);
}
