/* SPDX-License-Identifier: MIT */
/* All at once for TENON_SOAK_SECONDS (3 by itself): four writing workers, each with a model of what
 * its team has, readers, the checkpoints that they cause, and backups, each of which is opened and
 * checked.  Processes as in life.  In any state that anybody reads, the values of a team's accounts
 * add up to nothing. */
#include "store_rig.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/time.h"

enum { WRITERS = 4, READERS = 2, SLOTS = 60 };

static const struct tn_column columns[] = {{"slot", TN_COLUMN_int, true},
                                           {"value", TN_COLUMN_int, true}};
static const struct tn_table accounts = {"account", columns, 2, {"slot"}, "account", true};
static struct tn_origin source = {.entity = {"account", 7}};

struct account {
    struct tn_id id;
    int64_t version, value;
};
struct model {
    int64_t team, commits, key_version;
    struct account a[SLOTS];
};

static int64_t deadline_ms(void)
{
    const char *text = getenv("TENON_SOAK_SECONDS");
    return tn_now_ms() + 1000 * (text ? atoi(text) : 3);
}

static unsigned roll(unsigned below)
{
    unsigned dice;
    tn_random(&dice, sizeof dice);
    return dice % below;
}

#define OR_DIE(ok, ...)                                                                            \
    do {                                                                                           \
        if (!(ok)) {                                                                               \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fprintf(stderr, "\n");                                                                 \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

/* ------------------------------------------------------------------ what everybody may check */

static bool add_value(void *arg, const struct tn_row *row)
{
    int64_t *sum = arg;
    static const char name[] = "\"value\":";
    const char *at = memmem(row->body.p, row->body.n, name, sizeof name - 1);
    sum[0] += at ? atoll(at + sizeof name - 1) : 1000000;
    sum[1]++;
    return true;
}

/* One query is one state. */
static void expect_balance(struct tn_store *s, int64_t team)
{
    struct tn_page page;
    struct tn_err err;
    int64_t sum[2] = {0};
    struct tn_query q = {.team = team, .table = "account", .limit = SLOTS + 1};
    tn_page_init(&page);
    OR_DIE(tn_store_query(s, &q, add_value, sum, &page, &err), "a reader: %s", err.text);
    tn_page_clear(&page);
    OR_DIE(sum[0] == 0, "team %d: the accounts add up to %lld", (int)team, (long long)sum[0]);
    OR_DIE(sum[1] == 0 || sum[1] == SLOTS, "team %d: %lld accounts", (int)team, (long long)sum[1]);
}

static bool next_event(void *arg, const struct tn_event *e)
{
    int64_t *last = arg;
    OR_DIE(e->number == *last + 1, "event %lld of the team follows %lld", (long long)e->number,
           (long long)*last);
    *last = e->number;
    return true;
}

/* ------------------------------------------------------------------ a writer and its model */

static void put_account(struct tn_commit *c, const struct model *m, int slot, int64_t value)
{
    const struct account *a = &m->a[slot];
    char body[80];
    struct tn_err err;
    int n = snprintf(body, sizeof body, "{\"slot\":%d,\"value\":%lld}", slot, (long long)value);
    OR_DIE(tn_commit_put(c, m->team, "account", &a->id, (struct tn_str){body, (size_t)n},
                         a->version, &err),
           "%s", err.text);
}

static void put_key(struct tn_commit *c, const struct model *m)
{
    struct tn_err err;
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)m->commits);
    OR_DIE(tn_commit_kv_set(c, m->team, "soak", TN_STR("commits"), tn_str(text), m->key_version, 0,
                            &err) &&
               tn_commit_kv_set(c, m->team, "soak", tn_str(text), tn_str(text), TN_ANY,
                                tn_now_ms() + 500, &err),
           "%s", err.text);
}

static void found(struct rig *r, struct model *m)
{
    struct tn_commit *c = tn_commit_new(r->store);
    for (int i = 0; i < SLOTS; i++) {
        m->a[i] = (struct account){.id = tn_id_new()};
        put_account(c, m, i, 0);
        m->a[i].version = 1;
    }
    put_key(c, m);
    OR_DIE(rig_commit(r, c), "%s", r->err.text);
    m->commits = m->key_version = 1;
}

/* From one account to another, perhaps with a new record in place of the first. */
static void transfer(struct rig *r, struct model *m)
{
    int from = (int)roll(SLOTS), to = (from + 1 + (int)roll(SLOTS - 1)) % SLOTS;
    int64_t by = 1 + roll(1000);
    bool anew = roll(8) == 0, stale = roll(20) == 0;
    struct account *a = &m->a[from], *b = &m->a[to], before = *a;
    struct tn_commit *c = tn_commit_new(r->store);
    struct tn_err err;
    if (anew) {
        OR_DIE(tn_commit_delete(c, m->team, "account", &a->id, a->version, &err), "%s", err.text);
        *a = (struct account){.id = tn_id_new(), .value = a->value};
    }
    put_account(c, m, from, a->value - by);
    b->version += stale;
    put_account(c, m, to, b->value + by);
    b->version -= stale;
    OR_DIE(tn_commit_audit(
               c, m->team,
               &(struct tn_audit){.actor = "soak", .action = "transfer", .object = "account"},
               &err),
           "%s", err.text);
    put_key(c, m);
    bool ok = rig_commit(r, c);
    if (stale) {
        OR_DIE(!ok && r->err.kind == TN_E_conflict, "a stale commit was done");
        *a = before;
        return;
    }
    OR_DIE(ok, "a transfer: %s", r->err.text);
    a->value -= by;
    b->value += by;
    a->version++;
    b->version++;
    m->key_version++;
    m->commits++;
}

/* A page as a sync would bring it: fills the log. */
static void sync_page(struct rig *r, const struct model *m)
{
    struct tn_commit *c = tn_commit_new(r->store);
    struct tn_err err;
    for (int i = 0; i < 100; i++) {
        char external[24], body[400];
        snprintf(external, sizeof external, "E%u", roll(5000));
        snprintf(body, sizeof body, "{\"name\":\"%s\",\"text\":\"%0300u\"}", external,
                 roll(1u << 30));
        struct tn_upsert u = {.team = m->team,
                              .table = "synced",
                              .source = source,
                              .external_id = tn_str(external),
                              .body = tn_str(body)};
        tn_random(u.hash, sizeof u.hash);
        OR_DIE(tn_commit_upsert(c, &u, &err), "%s", err.text);
    }
    OR_DIE(rig_commit(r, c), "a page: %s", r->err.text);
}

static void expect_model(struct rig *r, const struct model *m)
{
    struct tn_buf hold;
    struct tn_row row;
    struct tn_err err;
    int64_t version, count;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    for (int i = 0; i < SLOTS; i++) {
        const struct account *a = &m->a[i];
        int64_t sum[2] = {0};
        OR_DIE(tn_store_get(r->store, m->team, "account", &a->id, &row, &hold, &err), "slot %d: %s",
               i, err.text);
        add_value(sum, &row);
        OR_DIE(row.version == a->version && sum[0] == a->value,
               "slot %d: version %lld value %lld, the model has %lld and %lld", i,
               (long long)row.version, (long long)sum[0], (long long)a->version,
               (long long)a->value);
    }
    OR_DIE(tn_store_kv_get(r->store, m->team, "soak", TN_STR("commits"), &hold, &version, &err),
           "%s", err.text);
    OR_DIE(version == m->key_version, "the key's version");
    OR_DIE(tn_store_count(r->store, m->team, "account", &count, &err) && count == SLOTS, "count");
    tn_buf_clear(&hold);
}

static int write_on(struct rig *r, int64_t team, int64_t until)
{
    struct model m = {.team = team};
    found(r, &m);
    for (int64_t i = 0; tn_now_ms() < until; i++) {
        transfer(r, &m);
        if (i % 8 == 0) sync_page(r, &m);
        if (i % 25 == 0) expect_model(r, &m);
    }
    expect_model(r, &m);
    fprintf(stderr, "team %d: %lld commits, the model agrees\n", (int)team, (long long)m.commits);
    return 0;
}

static int read_on(struct rig *r, int64_t until)
{
    int64_t last[WRITERS + 1] = {0}, after[WRITERS + 1] = {0};
    struct tn_tail tail;
    struct tn_err err;
    while (tn_now_ms() < until) {
        int64_t team = 1 + roll(WRITERS);
        expect_balance(r->store, team);
        OR_DIE(tn_store_tail(r->store, team, after[team], 0, next_event, &last[team], &tail, &err),
               "%s", err.text);
        after[team] = tail.last;
        tn_loop_turn(r->loop, false);
    }
    return 0;
}

/* ------------------------------------------------------------------ processes */

static struct rig in_child(const struct rig *r)
{
    struct rig mine = *r;
    struct tn_err err;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    mine.loop = tn_loop_new(&err);
    mine.store = rig_connect(&mine);
    return mine;
}

static pid_t fork_client(const struct rig *r, int64_t team, int64_t until)
{
    pid_t pid = fork();
    if (pid) return pid;
    struct rig mine = in_child(r);
    int status = team ? write_on(&mine, team, until) : read_on(&mine, until);
    tn_store_close(mine.store);
    tn_loop_free(mine.loop);
    exit(status);
}

static void on_stop(void *arg, int ready)
{
    (void)ready;
    *(bool *)arg = true;
}

/* Ends when the pipe does, so that leaks show. */
static pid_t fork_server(const struct rig *r, int stop, int other_end)
{
    pid_t pid = fork();
    if (pid) return pid;
    struct tn_err err;
    bool stopped = false;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(other_end);
    struct tn_loop *loop = tn_loop_new(&err);
    struct tn_server_options o = {.dir = r->dir, .listen_fd = r->fd};
    struct tn_store_server *s = tn_store_server_open(loop, &o, &err);
    OR_DIE(s, "%s", err.text);
    struct tn_watch *w = tn_watch_new(loop, stop, on_stop, &stopped);
    tn_watch_for(w, TN_READ);
    while (!stopped) tn_loop_turn(loop, true);
    tn_watch_free(w);
    tn_store_server_close(s);
    tn_loop_free(loop);
    exit(0);
}

/* ------------------------------------------------------------------ backups */

static void expect_good_backup(struct rig *r, const char *folder)
{
    struct tn_err err;
    struct tn_store_options o = {.dir = folder, .holder = tn_id_new()};
    struct tn_store *copy = tn_store_open(r->loop, &o, &err);
    OR_DIE(copy, "the backup: %s", err.text);
    for (int64_t team = 1; team <= WRITERS; team++) {
        struct tn_tail tail;
        int64_t last = 0, after = 0;
        expect_balance(copy, team);
        do {
            OR_DIE(tn_store_tail(copy, team, after, 0, next_event, &last, &tail, &err), "%s",
                   err.text);
            if (tail.last == after) break;
            after = tail.last;
        } while (true);
    }
    tn_store_close(copy);
}

static void back_up(struct rig *r)
{
    char folder[80], path[96];
    int before = r->answers;
    snprintf(folder, sizeof folder, "%s/copy", r->dir);
    mkdir(folder, 0700);
    snprintf(path, sizeof path, "%s/tenon.db", folder);
    tn_store_backup(r->store, path, rig_done, r);
    tn_store_retain(r->store, TN_RETAIN_kv_expired, tn_now_ms(), rig_done, r);
    rig_wait(r, before + 2);
    if (!r->ok) fail_msg("a backup: %s", r->err.text);
    assert_int_equal(access(path, F_OK), 0);
    expect_good_backup(r, folder);
    nftw(folder, rig_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static void keep_stats(void *arg, const struct tn_store_stats *stats, const struct tn_err *err)
{
    assert_null(err);
    *(struct tn_store_stats *)arg = *stats;
}

static void writers_readers_checkpoints_and_backups_go_on_at_once(void **state)
{
    (void)state;
    static const struct tn_column name[] = {{"name", TN_COLUMN_text, true}};
    const struct tn_table synced = {"synced", name, 1, {NULL}, "synced", true};
    struct tn_store_stats stats = {.commits = -1};
    pid_t pids[WRITERS + READERS];
    int ends[2], status, backups = 0;
    struct rig r;
    rig_folder(&r);
    assert_int_equal(pipe(ends), 0);
    pid_t server = fork_server(&r, ends[0], ends[1]);
    close(ends[0]);
    int64_t until = deadline_ms();
    r.store = rig_connect(&r);
    assert_true(rig_define(&r, &accounts));
    assert_true(rig_define(&r, &synced));
    for (int i = 0; i < WRITERS + READERS; i++)
        pids[i] = fork_client(&r, i < WRITERS ? i + 1 : 0, until);
    for (; tn_now_ms() < until; backups++) back_up(&r);
    for (int i = 0; i < WRITERS + READERS; i++) {
        waitpid(pids[i], &status, 0);
        if (status) fail_msg("process %d of the soak ended with %d", i, status);
    }
    tn_store_stats(r.store, keep_stats, &stats);
    while (stats.commits < 0) tn_loop_turn(r.loop, true);
    print_message("%lld commits in %lld groups, %lld checkpoints, %d backups\n",
                  (long long)stats.commits, (long long)stats.groups, (long long)stats.checkpoints,
                  backups);
    assert_true(backups > 0);
    assert_true(stats.checkpoints > 0);
    tn_store_close(r.store);
    close(ends[1]);
    waitpid(server, &status, 0);
    assert_int_equal(status, 0);
    close(r.fd);
    tn_loop_free(r.loop);
    nftw(r.dir, rig_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writers_readers_checkpoints_and_backups_go_on_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
