/* SPDX-License-Identifier: MIT */
/* tenon backup, tenon restore - a copy of the running server's database, and the way back. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/scratch.h"
#include "loop/loop.h"
#include "store/server.h"

enum { PATH_BYTES = 4096, TABLES_MAX = 1000 };

/* ------------------------------------------------------------------ backup */

/* Makes the path absolute, since the server runs in another folder. */
static bool whole_path(const char *name, char out[PATH_BYTES], struct tn_err *err)
{
    char here[PATH_BYTES];
    int n;
    if (name[0] == '/') {
        n = snprintf(out, PATH_BYTES, "%s", name);
    } else {
        if (!getcwd(here, sizeof here)) return tn_fail_errno(err, errno, "the current folder");
        n = snprintf(out, PATH_BYTES, "%s/%s", here, name);
    }
    return n < PATH_BYTES || tn_fail(err, TN_E_invalid, "%s: the path is too long", name);
}

static bool ask(struct tn_client *client, const char *path, struct tn_err *err)
{
    struct tn_buf body;
    struct tn_jw w;
    struct tn_str reply;
    tn_buf_init(&body, 64 * TN_KIB);
    tn_jw_init(&w, &body);
    tn_jw_object(&w);
    tn_jw_kz(&w, "path", path);
    tn_jw_end(&w);
    bool ok = tn_client_call(client, "POST", "/api/v1/backup", tn_buf_str(&body), &reply, err);
    tn_buf_clear(&body);
    return ok;
}

int tn_cli_backup(int argc, char **argv)
{
    const char *data = "./tenon-data", *file[1];
    char path[PATH_BYTES];
    size_t n;
    int64_t bytes = 0;
    struct tn_err err;
    const struct tn_arg table[] = {{"data", TN_ARG_text, &data, "DIR", "the server's folder"},
                                   {NULL, TN_ARG_flag, NULL, NULL, NULL}};
    if (!tn_args_parse(table, argc, argv, file, 1, &n, &err)) return tn_cli_usage(&err, "backup");
    if (n != 1) {
        tn_fail(&err, TN_E_invalid, "which file shall be written?");
        return tn_cli_usage(&err, "backup");
    }
    if (!whole_path(file[0], path, &err)) return tn_cli_fail(&err);
    struct tn_client *client = tn_client_open(data, &err);
    bool ok = client && ask(client, path, &err);
    if (ok) tn_jint(tn_jget_z(tn_client_json(client), "bytes"), &bytes);
    tn_client_close(client);
    if (!ok) return tn_cli_fail(&err);
    printf("%s: %lld bytes, checked\n", path, (long long)bytes);
    fprintf(stderr,
            "the master key is not in it: keep %s/master.key (or whatever holds the key) "
            "in another place\n",
            data);
    return TN_EXIT_ok;
}

/* ------------------------------------------------------------------ trying a backup out */

struct counts {
    size_t n;
    struct count {
        char table[TN_STORE_NAME_MAX + 1];
        int64_t records[2]; /* of the backup, of the folder; -1: no such table */
    } c[TABLES_MAX];
    int which;
};

static void count(void *arg, const char *table, int64_t records)
{
    struct counts *all = arg;
    struct count *c = NULL;
    for (size_t i = 0; i < all->n && !c; i++)
        if (strcmp(all->c[i].table, table) == 0) c = &all->c[i];
    if (!c && all->n == TABLES_MAX) return;
    if (!c) {
        c = &all->c[all->n++];
        snprintf(c->table, sizeof c->table, "%s", table);
        c->records[0] = c->records[1] = -1;
    }
    c->records[all->which] = records;
}

static void print_number(int64_t n)
{
    if (n < 0)
        printf(" %12s", "-");
    else
        printf(" %12lld", (long long)n);
}

static void print_counts(const struct counts *all, const char *data)
{
    size_t differ = 0;
    printf("%-32s %12s %12s\n", "TABLE", "BACKUP", data ? "FOLDER" : "");
    for (size_t i = 0; i < all->n; i++) {
        const struct count *c = &all->c[i];
        bool same = !data || c->records[0] == c->records[1];
        printf("%-32s", c->table);
        print_number(c->records[0]);
        if (data) print_number(c->records[1]);
        puts(same ? "" : "  differs");
        differ += !same;
    }
    if (data) printf("%zu of %zu tables differ in number from %s\n", differ, all->n, data);
}

/* Opens a store process over the copy, as a start would: it locks, checks, migrates and ends. */
static bool serve_once(const char *dir, struct tn_err *err)
{
    char path[PATH_BYTES + 16];
    snprintf(path, sizeof path, "%s/store.sock", dir);
    struct tn_loop *loop = tn_loop_new(err);
    int fd = loop ? tn_store_listen(path, err) : -1;
    struct tn_server_options o = {.dir = dir, .listen_fd = fd};
    struct tn_store_server *server = fd >= 0 ? tn_store_server_open(loop, &o, err) : NULL;
    tn_store_server_close(server);
    if (fd >= 0) close(fd);
    tn_loop_free(loop);
    return server != NULL;
}

static bool try_out(const char *file, const char *data, struct counts *all, bool *compared,
                    struct tn_err *err)
{
    char dir[TN_SCRATCH_PATH], path[TN_SCRATCH_PATH + 16];
    if (!tn_scratch_make(dir, err)) return false;
    snprintf(path, sizeof path, "%s/tenon.db", dir);
    all->which = 0;
    bool ok = tn_store_restore(dir, file, false, err) && serve_once(dir, err) &&
              tn_store_survey(path, count, all, err);
    tn_scratch_remove(dir);
    snprintf(path, sizeof path, "%s/tenon.db", data);
    *compared = ok && access(path, F_OK) == 0;
    all->which = 1;
    return ok && (!*compared || tn_store_survey(path, count, all, err));
}

static int verify(const char *file, const char *data)
{
    struct counts *all = TN_NEW(struct counts);
    struct tn_err err;
    bool compared;
    bool ok = try_out(file, data, all, &compared, &err);
    if (ok) {
        print_counts(all, compared ? data : NULL);
        printf("%s: sound, and a server starts on it\n", file);
    }
    tn_free(all);
    return ok ? TN_EXIT_ok : tn_cli_fail(&err);
}

/* ------------------------------------------------------------------ restore */

/* While a supervisor replaces its store process it holds this lock alone. */
static int lock_serving(const char *data, struct tn_err *err)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/serve.lock", data);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
    close(fd);
    tn_fail(err, TN_E_busy, "%s is in use by a tenon serve: stop it first", data);
    return -1;
}

static int restore(const char *file, const char *data, bool force)
{
    struct tn_err err;
    tn_err_clear(&err);
    int lock = lock_serving(data, &err);
    bool ok = !err.kind && tn_store_restore(data, file, force, &err);
    if (lock >= 0) close(lock);
    if (!ok) return tn_cli_fail(&err);
    printf("%s is the database of %s; start with the master key that it was made under\n", file,
           data);
    return TN_EXIT_ok;
}

int tn_cli_restore(int argc, char **argv)
{
    const char *data = "./tenon-data", *file[1];
    bool try = false, force = false;
    size_t n;
    struct tn_err err;
    const struct tn_arg table[] = {
        {"data", TN_ARG_text, &data, "DIR", "the folder to restore into"},
        {"verify", TN_ARG_flag, &try, NULL, "only try the backup out, in a scratch folder"},
        {"force", TN_ARG_flag, &force, NULL, "replace the database that is there"},
        {NULL, TN_ARG_flag, NULL, NULL, NULL}};
    if (!tn_args_parse(table, argc, argv, file, 1, &n, &err)) return tn_cli_usage(&err, "restore");
    if (n != 1) {
        tn_fail(&err, TN_E_invalid, "which backup?");
        return tn_cli_usage(&err, "restore");
    }
    return try ? verify(file[0], data) : restore(file[0], data, force);
}
