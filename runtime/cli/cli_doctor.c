/* SPDX-License-Identifier: MIT */
/* tenon doctor - looks at a data folder, served or not, changes nothing, says what to do. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "access/secrets.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "loop/loop.h"
#include "net/http_server.h"
#include "store/read.h"

enum { PATH_BYTES = 4096, WAL_LARGE_MIB = 256, FREE_LOW_MIB = 1024, WAITS_LONG_S = 60 };

struct doctor {
    const char *data, *key_file;
    struct tn_jw *json; /* NULL: text */
    int warnings, faults;
    bool served;
};

enum verdict { FINE, WARNING, FAULT };

/* Where a finding lies in the script files. */
struct place {
    struct tn_str unit, file;
    int64_t line;
};

/* advice: what to do, told unless all is well.  place: for programs; NULL: it lies in no file. */
static void say_at(struct doctor *d, enum verdict v, const char *what, const char *finding,
                   const char *advice, const struct place *place)
{
    static const char *const words[] = {"ok", "warning", "fault"};
    d->warnings += v == WARNING;
    d->faults += v == FAULT;
    if (d->json) {
        tn_jw_object(d->json);
        tn_jw_kz(d->json, "check", what);
        tn_jw_kz(d->json, "verdict", words[v]);
        tn_jw_kz(d->json, "finding", finding);
        if (v != FINE) tn_jw_kz(d->json, "advice", advice);
        if (place) {
            tn_jw_kstr(d->json, "unit", place->unit);
            tn_jw_kstr(d->json, "file", place->file);
            tn_jw_kint(d->json, "line", place->line);
        }
        tn_jw_end(d->json);
        return;
    }
    printf("%-8s %-12s %s\n", words[v], what, finding);
    if (v != FINE && *advice) printf("%21s %s\n", "->", advice);
}

static void say(struct doctor *d, enum verdict v, const char *what, const char *finding,
                const char *advice)
{
    say_at(d, v, what, finding, advice, NULL);
}

static const char *path_of(const struct doctor *d, const char *name, char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%s/%s", d->data, name);
    return out;
}

static bool look_at_folder(struct doctor *d)
{
    struct stat st;
    char text[PATH_BYTES];
    if (stat(d->data, &st) != 0 || !S_ISDIR(st.st_mode)) {
        snprintf(text, sizeof text, "%.200s is no folder that can be read", d->data);
        say(d, FAULT, "folder", text, "name the data folder with --data");
        return false;
    }
    snprintf(text, sizeof text, "%.200s, mode %04o", d->data, (unsigned)st.st_mode & 07777);
    say(d, st.st_mode & 077 ? WARNING : FINE, "folder", text, "others may look in: chmod 700 it");
    return true;
}

/* Does a process hold the lock? Takes the lock only for the moment of asking. */
static bool is_locked(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    bool locked = flock(fd, LOCK_SH | LOCK_NB) != 0;
    close(fd);
    return locked;
}

static void look_at_server(struct doctor *d)
{
    char path[PATH_BYTES];
    d->served = is_locked(path_of(d, "serve.lock", path));
    bool socket = tn_http_unix_answers(path_of(d, "tenon.sock", path));
    if (d->served && socket)
        say(d, FINE, "server", "runs, and its socket answers", "");
    else if (d->served)
        say(d, FAULT, "server", "runs, but tenon.sock does not answer",
            "look into its log; it may be starting or stopping");
    else
        say(d, FINE, "server", "none runs on this folder", "");
}

static void look_at_sizes(struct doctor *d)
{
    struct stat st;
    struct statvfs fs;
    char path[PATH_BYTES], text[200];
    long long wal = stat(path_of(d, "tenon.db-wal", path), &st) == 0 ? st.st_size / TN_MIB : 0;
    long long db = stat(path_of(d, "tenon.db", path), &st) == 0 ? st.st_size / TN_MIB : 0;
    snprintf(text, sizeof text, "database %lld MiB, log %lld MiB", db, wal);
    say(d, wal > WAL_LARGE_MIB ? WARNING : FINE, "log", text,
        "the log should be a few tens of MiB: something reads an old state for long (a copy under "
        "way, a hanging process)");
    if (statvfs(d->data, &fs) != 0) return;
    long long left = (long long)fs.f_bavail * (long long)fs.f_frsize / TN_MIB;
    snprintf(text, sizeof text, "%lld MiB free", left);
    bool low = left < FREE_LOW_MIB || left < db / 4;
    say(d,
        left < 16 ? FAULT
        : low     ? WARNING
                  : FINE,
        "disk", text, "make room: with a full disk every write is refused");
}

static void add_table(void *arg, const char *table, int64_t records)
{
    int64_t *sum = arg;
    (void)table;
    sum[0]++;
    sum[1] += records;
}

static bool look_at_database(struct doctor *d)
{
    char path[PATH_BYTES], text[200];
    int64_t sum[2] = {0};
    struct tn_err err;
    path_of(d, "tenon.db", path);
    if (!tn_store_verify(path, &err) || !tn_store_survey(path, add_table, sum, &err)) {
        say(d, FAULT, "database", err.text,
            err.kind == TN_E_too_new ? "start the newer version"
            : err.kind == TN_E_not_found
                ? "tenon serve makes one; or tenon restore FILE"
                : "stop Tenon; tenon restore FILE puts a backup in its place");
        return false;
    }
    snprintf(text, sizeof text, "sound: %lld tables, %lld records, counts agree", (long long)sum[0],
             (long long)sum[1]);
    say(d, FINE, "database", text, "");
    return true;
}

/* The first start sealed a value (app.c) that opens only with the key of this folder. */
struct key_check {
    const struct tn_secrets *secrets;
    struct tn_loop *loop;
    bool fits;
};

static void key_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct key_check *c = arg;
    struct tn_buf plain;
    struct tn_err why;
    tn_buf_init(&plain, 64);
    c->fits = !err && !tn_found_err(found, 0) &&
              tn_unseal(&c->secrets->config, tn_found_kv(found, 0, 0)->value, TN_STR("key check"),
                        &plain, &why);
    tn_buf_clear(&plain);
    tn_loop_stop(c->loop);
}

static bool key_fits(struct doctor *d, const struct tn_secrets *secrets, struct tn_err *err)
{
    struct key_check c = {secrets, tn_loop_new(err), false};
    struct tn_store_options o = {.dir = d->data, .holder = tn_id_new()};
    struct tn_store *store = c.loop ? tn_store_open(c.loop, &o, err) : NULL;
    if (store) {
        struct tn_read *read = tn_read_new(TN_TEAM_SYSTEM);
        tn_read_kv(read, "system", TN_STR("key check"));
        tn_store_read(store, read, NULL, key_found, &c);
        tn_loop_run(c.loop);
    }
    tn_store_close(store);
    tn_loop_free(c.loop);
    return c.fits;
}

static void look_at_key(struct doctor *d, bool readable)
{
    struct tn_secrets secrets;
    struct tn_err err;
    char text[400];
    if (!tn_secrets_load(&secrets, d->data, d->key_file, false, &err)) {
        say(d, FAULT, "master key", err.text, "without it no stored configuration can be opened");
        return;
    }
    if (readable && key_fits(d, &secrets, &err)) {
        snprintf(text, sizeof text, "from %s, fits", secrets.source);
        say(d, FINE, "master key", text, "keep a copy of it apart from the backups");
    } else if (readable) {
        snprintf(text, sizeof text, "from %s: not the one that this folder was sealed with",
                 secrets.source);
        say(d, FAULT, "master key", text, "start with the right one; nothing is lost meanwhile");
    }
    tn_secrets_wipe(&secrets);
}

static void look_at_admin_key(struct doctor *d)
{
    struct stat st;
    char path[PATH_BYTES];
    if (stat(path_of(d, "admin.key", path), &st) != 0) return;
    say(d, st.st_mode & 077 ? FAULT : FINE, "admin.key",
        st.st_mode & 077 ? "others may read it" : "is there, for its owner alone",
        "chmod 600 it, or make another key and delete it");
}

/* One finding an integration; the groups of one stand anywhere in the list. */
static void tell_quarantine(struct doctor *d, struct tn_jval groups, size_t at, const char *more)
{
    struct tn_arena arena;
    struct tn_str name = TN_STR("");
    char finding[400], advice[400];
    int64_t all = 0;
    size_t i = 0;
    tn_arena_init(&arena);
    for (struct tn_jiter it = tn_jiter(groups); tn_jnext(&it); i++) {
        struct tn_jval integration = tn_jget_z(it.value, "integration");
        struct tn_str other = TN_STR("");
        int64_t n = 0;
        if (!tn_jtext(tn_jget_z(integration, "name"), &arena, &other))
            tn_jtext(tn_jget_z(integration, "id"), &arena, &other);
        if (i == at) name = other;
        if (i < at) continue;
        if (!tn_str_eq(name, other)) continue;
        tn_jint(tn_jget_z(it.value, "count"), &n);
        all += n;
    }
    snprintf(finding, sizeof finding, "%.*s: %s%lld record%s could not be stored", TN_FMT(name),
             more, (long long)all, all == 1 ? "" : "s");
    snprintf(advice, sizeof advice, "tenon quarantine %.*s --group tells why", TN_FMT(name));
    say(d, WARNING, "quarantine", finding, advice);
    tn_arena_clear(&arena);
}

/* True: an earlier group is of the same integration. */
static bool was_told(struct tn_jval groups, size_t at)
{
    struct tn_str ids[2] = {{NULL, 0}, {NULL, 0}};
    size_t i = 0;
    for (struct tn_jiter it = tn_jiter(groups); tn_jnext(&it); i++)
        if (i == at) ids[0] = tn_jraw(tn_jget_z(tn_jget_z(it.value, "integration"), "id"));
    i = 0;
    for (struct tn_jiter it = tn_jiter(groups); i < at && tn_jnext(&it); i++)
        if (tn_str_eq(tn_jraw(tn_jget_z(tn_jget_z(it.value, "integration"), "id")), ids[0]))
            return true;
    return false;
}

/* Rows of no integration are events that a consumer gave up. */
static bool of_integration(struct tn_jval group)
{
    return !tn_str_is(tn_jraw(tn_jget_z(tn_jget_z(group, "integration"), "id")), "\"\"");
}

/* The server knows; without one nothing is said. */
static void look_at_quarantine(struct doctor *d)
{
    struct tn_err err;
    struct tn_str reply;
    bool capped = false;
    struct tn_client *client = d->served ? tn_client_open(d->data, &err) : NULL;
    if (client && tn_client_call(client, "GET", "/api/v1/quarantine/groups", (struct tn_str){0},
                                 &reply, &err)) {
        struct tn_jval groups = tn_jget_z(tn_client_json(client), "groups");
        size_t i = 0, told = 0;
        tn_jbool(tn_jget_z(tn_client_json(client), "capped"), &capped);
        for (struct tn_jiter it = tn_jiter(groups); tn_jnext(&it); i++) {
            if (!of_integration(it.value) || was_told(groups, i)) continue;
            tell_quarantine(d, groups, i, capped ? "at least " : "");
            told++;
        }
        if (!told) say(d, FINE, "quarantine", "no record waits there", "");
    }
    tn_client_close(client);
}

/* A row of GET /api/v1/consumers. */
struct consumer {
    struct tn_str name, operation, oldest_at, retries_at;
    int64_t lag, waits_s, retries, dead, held, partitions;
};

static struct consumer read_consumer(struct tn_jval row, struct tn_arena *arena)
{
    struct consumer c = {.partitions = (int64_t)tn_jcount(tn_jget_z(row, "partitions"))};
    int64_t since_ms;
    tn_jtext(tn_jget_z(row, "name"), arena, &c.name);
    tn_jtext(tn_jget_z(row, "operation"), arena, &c.operation);
    tn_jtext(tn_jget_z(row, "oldestWaitingAt"), arena, &c.oldest_at);
    tn_jtext(tn_jget_z(row, "retriesOldestAt"), arena, &c.retries_at);
    tn_jint(tn_jget_z(row, "lag"), &c.lag);
    tn_jint(tn_jget_z(row, "retries"), &c.retries);
    tn_jint(tn_jget_z(row, "deadLetters"), &c.dead);
    tn_jint(tn_jget_z(row, "held"), &c.held);
    if (c.oldest_at.n && tn_time_parse(c.oldest_at, &since_ms))
        c.waits_s = (tn_now_ms() - since_ms) / 1000;
    return c;
}

static void tell_late(struct doctor *d, const struct consumer *c)
{
    char text[400];
    snprintf(text, sizeof text, "%.*s: %lld %s in the log, since %.*s", TN_FMT(c->name),
             (long long)c->lag, c->lag == 1 ? "event waits" : "events wait", TN_FMT(c->oldest_at));
    say(d, WARNING, "consumers", text,
        "the log of the server says what takes long or fails; look whether a unit is in quarantine "
        "(GET /api/v1/status)");
}

static void tell_not_held(struct doctor *d, const struct consumer *c)
{
    char text[400];
    snprintf(text, sizeof text, "%.*s: no worker reads %lld of the %lld partitions",
             TN_FMT(c->name), (long long)(c->partitions - c->held), (long long)c->partitions);
    say(d, WARNING, "consumers", text,
        "workers take them within seconds of a start or a crash: look again, then into the log of "
        "the server");
}

static void tell_retries(struct doctor *d, const struct consumer *c)
{
    char text[400];
    snprintf(text, sizeof text, "%.*s: %lld %s for another try, since %.*s", TN_FMT(c->name),
             (long long)c->retries, c->retries == 1 ? "delivery waits" : "deliveries wait",
             TN_FMT(c->retries_at));
    say(d, WARNING, "consumers", text,
        "the log of the server says why each failed; mend the cause before they are given up");
}

static void tell_dead(struct doctor *d, const struct consumer *c)
{
    char text[400], advice[400];
    snprintf(text, sizeof text, "%.*s: %lld %s given up", TN_FMT(c->name), (long long)c->dead,
             c->dead == 1 ? "delivery was" : "deliveries were");
    snprintf(advice, sizeof advice, "tenon quarantine --operation %.*s --group tells why",
             TN_FMT(c->operation));
    say(d, WARNING, "consumers", text, advice);
}

static void tell_consumer(struct doctor *d, const struct consumer *c)
{
    char text[400];
    int warnings = d->warnings;
    if (c->held < c->partitions) tell_not_held(d, c);
    if (c->waits_s > WAITS_LONG_S) tell_late(d, c);
    if (c->retries) tell_retries(d, c);
    if (c->dead) tell_dead(d, c);
    if (d->warnings > warnings) return;
    snprintf(text, sizeof text, "%.*s: no event waits for long, none is tried again or given up",
             TN_FMT(c->name));
    say(d, FINE, "consumers", text, "");
}

/* Of the whole server, whichever worker answers.  Without one nothing is said. */
static void look_at_consumers(struct doctor *d)
{
    struct tn_arena arena;
    struct tn_err err;
    struct tn_str reply;
    struct tn_client *client = d->served ? tn_client_open(d->data, &err) : NULL;
    tn_arena_init(&arena);
    if (client &&
        tn_client_call(client, "GET", "/api/v1/consumers", (struct tn_str){0}, &reply, &err)) {
        struct tn_jval consumers = tn_jget_z(tn_client_json(client), "consumers");
        for (struct tn_jiter it = tn_jiter(consumers); tn_jnext(&it);) {
            const struct consumer c = read_consumer(it.value, &arena);
            tell_consumer(d, &c);
        }
    } else if (d->served) {
        say(d, WARNING, "consumers", err.text, "look into the log of the server");
    }
    tn_arena_clear(&arena);
    tn_client_close(client);
}

/* Nothing of the unit serves: a fault; the files that served before go on: a warning. */
static void tell_refused(struct doctor *d, struct tn_jval refused)
{
    struct tn_arena arena;
    struct place at = {.line = 0};
    struct tn_str text = TN_STR(""), serves = TN_STR("");
    char finding[800];
    tn_arena_init(&arena);
    tn_jtext(tn_jget_z(refused, "unit"), &arena, &at.unit);
    tn_jtext(tn_jget_z(refused, "file"), &arena, &at.file);
    tn_jtext(tn_jget_z(refused, "message"), &arena, &text);
    tn_jtext(tn_jget_z(refused, "serves"), &arena, &serves);
    tn_jint(tn_jget_z(refused, "line"), &at.line);
    bool older = tn_str_is(serves, "older");
    snprintf(finding, sizeof finding, "%.*s is refused, %s: %.*s:%lld: %.*s", TN_FMT(at.unit),
             older ? "its older files serve" : "nothing of it serves", TN_FMT(at.file),
             (long long)at.line, TN_FMT(text));
    say_at(d, older ? WARNING : FAULT, "scripts", finding,
           "mend the file, see with tenon check that all loads, then tenon reload", &at);
    tn_arena_clear(&arena);
}

/* The units that the server refused when it started.  Without a server nothing is said. */
static void look_at_scripts(struct doctor *d)
{
    struct tn_err err;
    struct tn_str reply;
    struct tn_client *client = d->served ? tn_client_open(d->data, &err) : NULL;
    if (client &&
        tn_client_call(client, "GET", "/api/v1/scripts", (struct tn_str){0}, &reply, &err)) {
        struct tn_jval refused = tn_jget_z(tn_client_json(client), "refused");
        for (struct tn_jiter it = tn_jiter(refused); tn_jnext(&it);) tell_refused(d, it.value);
        if (!tn_jcount(refused)) say(d, FINE, "scripts", "all units of the site folder serve", "");
    }
    tn_client_close(client);
}

static void look(struct doctor *d)
{
    if (!look_at_folder(d)) return;
    look_at_server(d);
    look_at_sizes(d);
    look_at_key(d, look_at_database(d));
    look_at_admin_key(d);
    look_at_scripts(d);
    look_at_consumers(d);
    look_at_quarantine(d);
}

int tn_cli_doctor(int argc, char **argv)
{
    struct doctor d = {.data = "./tenon-data"};
    bool json = false;
    const char *rest[1];
    size_t n;
    struct tn_err err;
    struct tn_buf out;
    struct tn_jw w;
    const struct tn_arg table[] = {
        {"data", TN_ARG_text, &d.data, "DIR", "the folder to look at"},
        {"key-file", TN_ARG_text, &d.key_file, "FILE", "the master key, if it is in a file"},
        {"json", TN_ARG_flag, &json, NULL, "the findings as JSON"},
        {NULL, TN_ARG_flag, NULL, NULL, NULL}};
    if (!tn_args_parse(table, argc, argv, rest, 0, &n, &err)) return tn_cli_usage(&err, "doctor");
    tn_buf_init(&out, TN_MIB);
    tn_jw_init(&w, &out);
    if (json) {
        d.json = &w;
        tn_jw_array(&w);
    }
    look(&d);
    if (json) {
        tn_jw_end(&w);
        printf("%.*s\n", TN_FMT(tn_buf_str(&out)));
    } else {
        printf("%d faults, %d warnings\n", d.faults, d.warnings);
    }
    tn_buf_clear(&out);
    return d.faults ? TN_EXIT_failed : TN_EXIT_ok;
}
