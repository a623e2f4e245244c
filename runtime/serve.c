/* SPDX-License-Identifier: MIT */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app.h"
#include "base/log.h"
#include "cli/cli.h"
#include "loop/shared.h"
#include "net/egress.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "options.h"
#include "store/server.h"
#include "supervisor.h"

enum { PATH_BYTES = 4096, WORKERS_USUAL_MAX = 4 };

struct serving {
    struct tn_options options;
    struct tn_prepared p;
    char data[PATH_BYTES];
    int lock_fd;
};

static int store_main(void *arg)
{
    return tn_app_store(arg);
}

static int worker_main(void *arg, int number, bool first)
{
    const struct tn_prepared *p = arg;
    umask(p->mask); /* workers write into the site folder, where other users work, too */
    return tn_app_worker(arg, number, first);
}

static void ready(void *arg)
{
    const struct tn_prepared *p = arg;
    printf("listening on http://%s\n", p->bound);
    fflush(stdout);
}

static void quiet(void *arg)
{
    const struct tn_prepared *p = arg;
    shutdown(p->tcp_fd, SHUT_RDWR);
    shutdown(p->unix_fd, SHUT_RDWR);
}

/* Makes the folder private and locks it. *fresh: it was empty. */
static bool take_folder(struct serving *s, bool *fresh, struct tn_err *err)
{
    char path[PATH_BYTES + 16];
    const char *dir = s->options.data;
    struct stat st;
    if (mkdir(dir, 0700) < 0 && errno != EEXIST) return tn_fail_errno(err, errno, dir);
    if (stat(dir, &st) == 0 && !S_ISDIR(st.st_mode))
        return tn_fail(err, TN_E_invalid, "--data %s is not a folder", dir);
    if (!realpath(dir, s->data)) return tn_fail_errno(err, errno, dir);
    s->p.data = s->data;
    snprintf(path, sizeof path, "%s/serve.lock", s->data);
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0) return tn_fail_errno(err, errno, path);
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return tn_fail(err, TN_E_busy,
                       "%s is in use by another tenon serve: stop that one, or give "
                       "this one a folder of its own with --data",
                       s->data);
    snprintf(path, sizeof path, "%s/tenon.db", s->data);
    *fresh = access(path, F_OK) != 0;
    return true;
}

static const char *path_of(const struct serving *s, const char *name, char out[PATH_BYTES + 16])
{
    snprintf(out, PATH_BYTES + 16, "%s/%s", s->data, name);
    return out;
}

static bool open_sockets(struct serving *s, struct tn_err *err)
{
    char path[PATH_BYTES + 16];
    s->p.unix_fd = tn_http_listen_unix(path_of(s, "tenon.sock", path), 0600, err);
    if (s->p.unix_fd < 0) return false;
    s->p.store_fd = tn_store_listen(path_of(s, "store.sock", path), err);
    return s->p.store_fd >= 0;
}

/* Removes the files of our sockets. The lock is still held, so no other process has made new ones.
 */
static void remove_sockets(const struct serving *s)
{
    char path[PATH_BYTES + 16];
    if (s->p.unix_fd >= 0) unlink(path_of(s, "tenon.sock", path));
    if (s->p.store_fd >= 0) unlink(path_of(s, "store.sock", path));
}

static bool open_egress(struct serving *s, struct tn_err *err)
{
    s->p.egress = tn_egress_new();
    for (size_t i = 0; i < s->options.allow_net.n; i++) {
        if (!tn_egress_allow(s->p.egress, s->options.allow_net.items[i], err)) return false;
        tn_log(s->p.log, TN_LOG_warn, "egress", "addresses in %s may be called (--allow-net)",
               s->options.allow_net.items[i]);
    }
    return true;
}

static bool check_site(const struct serving *s, struct tn_err *err)
{
    struct stat st;
    if (!s->options.site) return true;
    if (stat(s->options.site, &st) < 0) {
        tn_fail_errno(err, errno, s->options.site);
        return tn_fail_in(err, "the site folder (--site)");
    }
    return S_ISDIR(st.st_mode) ||
           tn_fail(err, TN_E_invalid, "--site %s is not a folder", s->options.site);
}

static bool prepare(struct serving *s, struct tn_err *err)
{
    bool fresh = false;
    struct tn_log_options lo = {
        .file = s->options.log_file, .json = s->options.log_json, .debug = s->options.debug};
    s->p.options = &s->options;
    s->p.log = tn_log_open(&lo, err);
    s->p.shared = tn_shared_new();
    if (!s->p.log) return false;
    if (!s->p.shared) return tn_fail_errno(err, errno, "shared memory");
    tn_log_name(s->p.log, "supervisor");
    s->p.tcp_fd = tn_http_listen_tcp(s->options.listen, s->p.bound, err);
    if (s->p.tcp_fd < 0 || !check_site(s, err) || !tn_ca_file_check(s->options.ca_file, err) ||
        !take_folder(s, &fresh, err) ||
        !tn_secrets_load(&s->p.secrets, s->data, s->options.key_file, fresh, err))
        return false;
    if (s->p.secrets.generated)
        tn_log(s->p.log, TN_LOG_warn, "secrets",
               "a new master key was written to %s: keep a copy, "
               "nothing opens the stored configurations without it",
               s->p.secrets.source);
    return open_egress(s, err) && open_sockets(s, err);
}

static int worker_count(const struct tn_options *o)
{
    long n = o->workers ? (long)o->workers : sysconf(_SC_NPROCESSORS_ONLN);
    if (!o->workers && n > WORKERS_USUAL_MAX) n = WORKERS_USUAL_MAX;
    if (n < 1) n = 1;
    return n > TN_WORKERS_MAX ? TN_WORKERS_MAX : (int)n;
}

/* Forbids core files, which would hold secrets, and allows enough descriptors for our limits. */
static void set_limits(void)
{
    struct rlimit none = {0, 0}, files;
    setrlimit(RLIMIT_CORE, &none);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

static void clear(struct serving *s)
{
    remove_sockets(s);
    int fds[] = {s->p.tcp_fd, s->p.unix_fd, s->p.store_fd, s->lock_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0) close(fds[i]);
    tn_egress_free(s->p.egress);
    tn_secrets_wipe(&s->p.secrets);
    tn_log_close(s->p.log);
    tn_shared_free(s->p.shared);
    tn_options_clear(&s->options);
}

int tn_serve(int argc, char **argv)
{
    static const struct tn_supervised template = {
        .store = store_main, .worker = worker_main, .ready = ready, .quiet = quiet};
    struct serving s = {.lock_fd = -1, .p = {.tcp_fd = -1, .unix_fd = -1, .store_fd = -1}};
    struct tn_supervised what = template;
    struct tn_err err;
    int status;
    what.arg = &s.p;
    s.p.mask = umask(077); /* only the owner may read files that are made in the data folder */
    set_limits();
    if (!tn_options_parse(&s.options, argc, argv, &err))
        status = tn_cli_usage(&err, "serve");
    else if (prepare(&s, &err))
        status = tn_supervise(s.p.shared, worker_count(&s.options), &what, s.p.log);
    else
        status = tn_cli_fail(&err);
    clear(&s);
    return status;
}
