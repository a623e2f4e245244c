/* SPDX-License-Identifier: MIT */
/* The store process: takes requests from all workers, runs all that wait as one group in one
 * transaction, tells every worker what changed, then answers. Between groups it does one step of
 * long work (remaking a table, retention). */
#include "store/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "loop/channel.h"
#include "loop/loop.h"
#include "store/helper.h"
#include "store/retain.h"
#include "store/shape.h"
#include "store/sqlite.h"
#include "store/tables.h"
#include "store/wire.h"
#include "store/writer.h"

enum {
    REMAKE_ROWS = 1000, /* rows in one step */
    WAL_PAGES = 1000,   /* when the log has so many new pages, a thread writes them back */
    CLAIM_BYTES = 8 * 1024 * 1024,
    GROUP_BYTES = 32 * 1024 * 1024,
    DAY_MS = 86400000,
};

const struct tn_retention tn_retention_default = {
    .events = 30ll * DAY_MS,
    .history = 365ll * DAY_MS,
    .runs = 90ll * DAY_MS,
    .audit = 365ll * DAY_MS,
    .inbound = 30ll * DAY_MS,
    .plans = 30ll * DAY_MS,
    .settled = 365ll * DAY_MS,
    .expired = 1,
    .answers = DAY_MS,
    .every = DAY_MS / 24,
};

/* A worker's connection. */
struct conn {
    struct conn *next;
    struct tn_store_server *server;
    struct tn_channel *channel;
    unsigned char client[TN_CLIENT_LEN];
    bool known;           /* the worker has said hello */
    int64_t recorded;     /* number of its newest commit that is recorded as done */
    int64_t acknowledged; /* it has got our answers up to this number */
    int64_t forgotten;    /* answers up to this number were removed from the record */
};

/* A request that waits. conn NULL: the connection was lost before the request began. */
struct job {
    struct job *next;
    struct conn *conn;
    uint32_t type;
    uint64_t number;
    uint32_t answer; /* type of the answer; 0: the answer comes later */
    struct tn_buf result;
    size_t n;
    char payload[];
};

/* Long work. Its request is answered when it has ended. */
struct chore {
    struct chore *next;
    enum { CHORE_remake, CHORE_retain, CHORE_backup } what;
    struct conn *conn;
    uint64_t number;
    char table[TN_STORE_NAME_MAX + 1];
    struct tn_retaining retain;
    struct tn_helper *helper;
};

struct tn_store_server {
    struct tn_loop *loop;
    struct tn_log *log;
    char *dir, *path;
    int lock_fd;
    struct tn_writer writer;
    tn_damaged_fn damaged;
    void *damaged_arg;
    bool open, suspect; /* suspect: a sync failed; nothing counts before a new opening */
    struct tn_file_id db_id, wal_id; /* as they were when they were opened; zero: not looked at */
    struct tn_watch *listening;
    int listen_fd;
    struct conn *conns;
    struct job *jobs, **jobs_end;
    size_t job_bytes;
    struct tn_timer *group_timer, *step_timer, *retain_timer;
    struct tn_retention retention;
    int64_t retained_at, retained_told[TN_RETAIN_KINDS]; /* number in the last log line about it;
                                                            times by the clock */
    struct chore *chores;
    struct tn_helper *checkpointer;
    int wal_pages, wal_cared; /* pages in the log; pages at the last write-back */
    bool sweeping;
    struct tn_store_stats stats;
};

/* ------------------------------------------------------------------ answers and notes */

static void answer(struct conn *c, uint32_t type, uint64_t number, const struct tn_buf *b)
{
    if (c) tn_channel_send(c->channel, type, number, tn_buf_str(b));
}

static void answer_done(struct conn *c, uint64_t number, const struct tn_err *err)
{
    struct tn_buf b;
    tn_buf_init(&b, 4 * TN_KIB);
    tn_put_err(&b, err);
    answer(c, TN_WIRE_done, number, &b);
    tn_buf_clear(&b);
}

static void put_log(const struct tn_store_server *s, struct tn_buf *b)
{
    tn_put_i64(b, s->wal_id.device);
    tn_put_i64(b, s->wal_id.inode);
}

static void send_note(struct tn_store_server *s, const struct tn_buf *b)
{
    for (struct conn *c = s->conns; c; c = c->next)
        if (c->known) tn_channel_send(c->channel, TN_WIRE_note, 0, tn_buf_str(b));
}

/* Call it before writing to a new log: workers that still read by the removed log then open the new
 * one. */
static void tell_log(struct tn_store_server *s)
{
    struct tn_buf b;
    tn_buf_init(&b, TN_KIB);
    put_log(s, &b);
    tn_put_i64(&b, s->stats.head);
    tn_put_u32(&b, 0);
    send_note(s, &b);
    tn_buf_clear(&b);
}

static void tell_all(struct tn_store_server *s)
{
    struct tn_writer *w = &s->writer;
    struct tn_buf b;
    struct tn_err ignored;
    struct tn_tally *head = tn_tally(w, "event", -1, &ignored);
    bool events = head && head->value != s->stats.head; /* also for events that count no record */
    if (!w->note_count && !events) return;
    s->stats.head = head ? head->value : s->stats.head;
    tn_buf_init(&b, TN_MIB);
    put_log(s, &b);
    tn_put_i64(&b, s->stats.head);
    tn_put_u32(&b, (uint32_t)w->note_count);
    for (size_t i = 0; i < w->note_count; i++) {
        const struct tn_note *n = &w->notes[i];
        tn_put_u8(&b, n->kind);
        tn_put_str(&b, tn_str(n->name));
        tn_put_u8(&b, n->more || w->note_all);
        tn_put_u32(&b, (uint32_t)n->count);
        tn_buf_add(&b, n->ids, n->count * sizeof n->ids[0]);
    }
    send_note(s, &b);
    tn_buf_clear(&b);
}

/* ------------------------------------------------------------------ commits */

static bool record(struct tn_store_server *s, const struct job *j, struct tn_err *err)
{
    struct tn_writer *w = &s->writer;
    sqlite3_stmt *st =
        tn_db_sql(&w->db, "INSERT OR REPLACE INTO tn_done VALUES (?1, ?2, ?3, ?4)", err);
    if (!st) return false;
    tn_bind_blob(st, 1, j->conn->client, TN_CLIENT_LEN);
    sqlite3_bind_int64(st, 2, (int64_t)j->number);
    sqlite3_bind_int64(st, 3, w->now);
    tn_bind_blob(st, 4, j->result.p, j->result.n);
    return tn_writer_run(w, st, "recording an answer", err);
}

/* Answers a commit that was sent again, from the recorded answer. 1: found, 0: there is none, -1:
 * err says why. */
static int replay(struct tn_store_server *s, struct job *j, struct tn_err *err)
{
    if ((int64_t)j->number > j->conn->recorded) return 0;
    sqlite3_stmt *st = tn_db_sql(&s->writer.db,
                                 "SELECT result FROM tn_done WHERE client = ?1 AND "
                                 "number = ?2",
                                 err);
    if (!st) return -1;
    tn_bind_blob(st, 1, j->conn->client, TN_CLIENT_LEN);
    sqlite3_bind_int64(st, 2, (int64_t)j->number);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        tn_buf_addstr(&j->result, tn_column_str(st, 0));
    else if (rc != SQLITE_DONE)
        tn_writer_broken(&s->writer, "reading an answer", err);
    sqlite3_reset(st);
    if (rc == SQLITE_ROW) s->stats.replays++;
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

/* The transaction was rolled back, so the answers that it removed are recorded again. */
static void remember_all(struct tn_store_server *s)
{
    for (struct conn *c = s->conns; c; c = c->next) c->forgotten = 0;
}

static bool run_commit(struct tn_store_server *s, struct job *j, bool alone, struct tn_err *err)
{
    struct tn_str value = {j->payload, j->n};
    struct tn_wire in = tn_wire(value);
    int64_t acknowledged = tn_take_i64(&in);
    if (acknowledged > j->conn->acknowledged) j->conn->acknowledged = acknowledged;
    j->answer = TN_WIRE_result;
    int known = replay(s, j, err);
    if (known) return known > 0;
    enum tn_step step = tn_writer_apply(&s->writer, value, alone, &j->result, err);
    if (step == TN_STEP_broken) return false;
    if (step == TN_STEP_refused) {
        s->stats.failed++;
        if (alone) remember_all(s);
        return true;
    }
    s->stats.commits++;
    return record(s, j, err);
}

/* Removes recorded answers that have arrived. Runs first in a group, so that the group's own
 * answers reuse the freed pages. */
static bool forget_acknowledged(struct tn_store_server *s, struct tn_err *err)
{
    for (struct conn *c = s->conns; c; c = c->next) {
        if (c->forgotten >= c->acknowledged) continue;
        sqlite3_stmt *st = tn_db_sql(&s->writer.db,
                                     "DELETE FROM tn_done WHERE client = ?1 AND "
                                     "number <= ?2",
                                     err);
        if (!st) return false;
        tn_bind_blob(st, 1, c->client, TN_CLIENT_LEN);
        sqlite3_bind_int64(st, 2, c->acknowledged);
        if (!tn_writer_run(&s->writer, st, "forgetting answers", err)) return false;
        c->forgotten = c->acknowledged;
    }
    return true;
}

/* ------------------------------------------------------------------ queues */

struct claim {
    bool resent;
    struct tn_id holder;
    struct tn_str queue;
    size_t max;
    int64_t lease_ms;
};

static void put_entry(sqlite3_stmt *st, struct tn_buf *out, bool fresh)
{
    struct tn_id id = tn_column_id(st, 1);
    tn_put_id(out, &id);
    tn_put_i64(out, sqlite3_column_int64(st, 2));
    tn_put_i64(out, sqlite3_column_int64(st, 3));
    tn_put_i64(out, sqlite3_column_int64(st, 4) + fresh);
    tn_put_str(out, tn_column_str(st, 5));
    tn_put_str(out, tn_column_str(st, 6));
    tn_put_str(out, tn_column_str(st, 7));
}

#define ENTRY_COLUMNS "n, id, team, due, attempts, key, ord, payload"

/* Finds the entries that this request claimed before its answer was lost. */
static bool claimed_before(struct tn_store_server *s, const struct job *j, const struct claim *c,
                           struct tn_buf *entries, uint32_t *count, struct tn_err *err)
{
    sqlite3_stmt *st = tn_db_sql(&s->writer.db,
                                 "SELECT " ENTRY_COLUMNS " FROM tn_queue WHERE "
                                 "holder = ?1 AND claim = ?2 AND queue = ?3",
                                 err);
    if (!st) return false;
    tn_bind_id(st, 1, &c->holder);
    sqlite3_bind_int64(st, 2, (int64_t)j->number);
    tn_bind_str(st, 3, c->queue);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        put_entry(st, entries, false);
        (*count)++;
    }
    if (rc != SQLITE_DONE) tn_writer_broken(&s->writer, "claiming", err);
    sqlite3_reset(st);
    return rc == SQLITE_DONE;
}

static bool lease(struct tn_store_server *s, const struct job *j, const struct claim *c, int64_t n,
                  struct tn_err *err)
{
    sqlite3_stmt *st = tn_db_sql(&s->writer.db,
                                 "UPDATE tn_queue SET due = ?2, attempts = attempts + 1, "
                                 "holder = ?3, claim = ?4 WHERE n = ?1",
                                 err);
    if (!st) return false;
    sqlite3_bind_int64(st, 1, n);
    sqlite3_bind_int64(st, 2, s->writer.now + c->lease_ms);
    tn_bind_id(st, 3, &c->holder);
    sqlite3_bind_int64(st, 4, (int64_t)j->number);
    return tn_writer_run(&s->writer, st, "claiming", err);
}

/* Collects the rows first, because an update moves them within the index that is being read. */
static bool claim_due(struct tn_store_server *s, const struct job *j, const struct claim *c,
                      struct tn_buf *entries, uint32_t *count, struct tn_err *err)
{
    int64_t found[TN_LIMIT_PAGE];
    size_t n = 0;
    int rc = SQLITE_DONE;
    sqlite3_stmt *st = tn_db_sql(&s->writer.db,
                                 "SELECT " ENTRY_COLUMNS " FROM tn_queue WHERE queue = ?1 "
                                 "AND due <= ?2 ORDER BY due LIMIT ?3",
                                 err);
    if (!st) return false;
    tn_bind_str(st, 1, c->queue);
    sqlite3_bind_int64(st, 2, s->writer.now);
    sqlite3_bind_int64(st, 3, (int64_t)c->max);
    while (n < c->max && entries->n < CLAIM_BYTES && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        put_entry(st, entries, true);
        found[n++] = sqlite3_column_int64(st, 0);
    }
    if (rc != SQLITE_DONE && rc != SQLITE_ROW) tn_writer_broken(&s->writer, "claiming", err);
    sqlite3_reset(st);
    bool ok = rc == SQLITE_DONE || rc == SQLITE_ROW;
    for (size_t i = 0; ok && i < n; i++) ok = lease(s, j, c, found[i], err);
    *count += (uint32_t)n;
    return ok;
}

static bool run_claim(struct tn_store_server *s, struct job *j, struct tn_err *err)
{
    struct tn_wire in = tn_wire((struct tn_str){j->payload, j->n});
    struct claim c = {.resent = tn_take_u8(&in), .holder = tn_take_id(&in)};
    struct tn_buf entries;
    uint32_t count = 0;
    c.queue = tn_take_str(&in);
    c.max = tn_take_u32(&in);
    c.lease_ms = tn_take_i64(&in);
    if (in.bad || c.max > TN_LIMIT_PAGE) return tn_fail(err, TN_E_internal, "a damaged request");
    tn_buf_init(&entries, TN_LIMIT_COMMIT);
    bool ok = !c.resent || claimed_before(s, j, &c, &entries, &count, err);
    if (ok && count == 0) ok = claim_due(s, j, &c, &entries, &count, err);
    sqlite3_stmt *st = ok ? tn_db_sql(&s->writer.db,
                                      "SELECT due FROM tn_queue WHERE queue = ?1 "
                                      "AND due < ?2 ORDER BY due LIMIT 1",
                                      err)
                          : NULL;
    if (st) {
        tn_bind_str(st, 1, c.queue);
        sqlite3_bind_int64(st, 2, TN_QUEUE_BEHIND);
        bool waits = tn_db_row(&s->writer.db, st, "claiming", &ok, err);
        int64_t next_due = waits ? sqlite3_column_int64(st, 0) : 0;
        sqlite3_reset(st);
        tn_put_err(&j->result, NULL);
        tn_put_i64(&j->result, next_due);
        tn_put_u32(&j->result, count);
        tn_buf_addstr(&j->result, tn_buf_str(&entries));
    }
    j->answer = TN_WIRE_entries;
    ok = ok && st && tn_buf_ok(&entries, "a claim", err);
    tn_buf_clear(&entries);
    return ok;
}

static bool note_queues_of(struct tn_store_server *s, const struct tn_id *holder,
                           struct tn_err *err)
{
    sqlite3_stmt *st =
        tn_db_sql(&s->writer.db, "SELECT DISTINCT queue FROM tn_queue WHERE holder = ?1", err);
    if (!st) return false;
    tn_bind_id(st, 1, holder);
    bool ok = true;
    while (tn_db_row(&s->writer.db, st, "releasing", &ok, err))
        tn_writer_note(&s->writer, TN_CHANGED_queue, tn_column_str(st, 0), NULL);
    sqlite3_reset(st);
    return ok;
}

static bool run_release(struct tn_store_server *s, struct job *j, struct tn_err *err)
{
    struct tn_wire in = tn_wire((struct tn_str){j->payload, j->n});
    struct tn_id holder = tn_take_id(&in);
    if (!note_queues_of(s, &holder, err)) return false;
    sqlite3_stmt *st = tn_db_sql(&s->writer.db,
                                 "UPDATE tn_queue SET due = ?2, holder = NULL WHERE "
                                 "holder = ?1",
                                 err);
    if (!st) return false;
    tn_bind_id(st, 1, &holder);
    sqlite3_bind_int64(st, 2, s->writer.now);
    if (!tn_writer_run(&s->writer, st, "releasing", err)) return false;
    tn_put_err(&j->result, NULL);
    j->answer = TN_WIRE_done;
    return true;
}

/* ------------------------------------------------------------------ other requests */

/* conn NULL: no worker waits for it. */
static struct chore *chore_add(struct tn_store_server *s, int what, struct conn *conn,
                               uint64_t number)
{
    struct chore *c = TN_NEW(struct chore), **end = &s->chores;
    c->what = what;
    c->conn = conn;
    c->number = number;
    while (*end) end = &(*end)->next;
    *end = c;
    tn_timer_set(s->step_timer, 0);
    return c;
}

static struct chore *chore_new(struct tn_store_server *s, int what, const struct job *j)
{
    return chore_add(s, what, j->conn, j->number);
}

static void chore_end(struct tn_store_server *s, struct chore *c, const struct tn_err *err)
{
    struct chore **at = &s->chores;
    while (*at != c) at = &(*at)->next;
    *at = c->next;
    answer_done(c->conn, c->number, err);
    tn_helper_free(c->helper);
    tn_free(c);
}

static bool name_of_declaration(struct tn_writer *w, struct tn_str text, char *out, size_t size)
{
    struct tn_err ignored;
    struct tn_shape *d = tn_shape_parse(w->json, text, &ignored);
    if (d) snprintf(out, size, "%s", d->table.name);
    tn_shape_unref(d);
    return d != NULL;
}

/* A fault in the declaration fails only this request; any other failure fails the transaction. */
static bool run_define(struct tn_store_server *s, struct job *j, struct tn_err *err)
{
    struct tn_str text = {j->payload, j->n};
    bool pending = false;
    if (!tn_writer_define(&s->writer, text, &pending, err)) {
        if (err->kind != TN_E_invalid && err->kind != TN_E_syntax) return false;
        tn_put_err(&j->result, err);
        j->answer = TN_WIRE_done;
        return true;
    }
    if (pending) {
        struct chore *c = chore_new(s, CHORE_remake, j);
        name_of_declaration(&s->writer, text, c->table, sizeof c->table);
        return true;
    }
    tn_put_err(&j->result, NULL);
    j->answer = TN_WIRE_done;
    return true;
}

static bool run_retain(struct tn_store_server *s, struct job *j)
{
    struct tn_wire in = tn_wire((struct tn_str){j->payload, j->n});
    struct chore *c = chore_new(s, CHORE_retain, j);
    c->retain.what = (enum tn_retain)tn_take_u8(&in);
    c->retain.before = tn_take_i64(&in);
    return true;
}

static void backed_up(void *arg, const struct tn_err *err)
{
    struct chore *c = arg;
    struct tn_err copy;
    if (err) copy = *err;
    /* The chore's connection may be lost, so the helper's argument leads to the server. */
    chore_end(*(struct tn_store_server **)c->table, c, err ? &copy : NULL);
}

static bool run_backup(struct tn_store_server *s, struct job *j, struct tn_err *err)
{
    struct tn_wire in = tn_wire((struct tn_str){j->payload, j->n});
    struct tn_str to = tn_take_str(&in);
    char path[4096];
    (void)err;
    snprintf(path, sizeof path, "%.*s", TN_FMT(to));
    struct chore *c = chore_new(s, CHORE_backup, j);
    struct tn_err why;
    memcpy(c->table, &s, sizeof s);
    c->helper = tn_helper_backup(s->loop, s->path, path, backed_up, c, &why);
    if (!c->helper) chore_end(s, c, &why);
    return true;
}

static int64_t size_of(const char *path, const char *suffix)
{
    char full[4096];
    struct stat st;
    snprintf(full, sizeof full, "%s%s", path, suffix);
    return stat(full, &st) == 0 ? (int64_t)st.st_size : 0;
}

static bool run_stats(struct tn_store_server *s, struct job *j)
{
    struct statvfs fs;
    struct tn_err ignored;
    struct tn_tally *head = tn_tally(&s->writer, "event", -1, &ignored);
    int pages = 0, unused;
    sqlite3_db_status(s->writer.db.sq, SQLITE_DBSTATUS_CACHE_WRITE, &pages, &unused, 0);
    s->stats.pages = pages;
    s->stats.head = head ? head->value : 0;
    s->stats.queue_bytes = (int64_t)s->job_bytes;
    s->stats.wal_bytes = size_of(s->path, "-wal");
    s->stats.db_bytes = size_of(s->path, "");
    s->stats.tables = (int64_t)s->writer.tables.count;
    if (statvfs(s->dir, &fs) == 0)
        s->stats.free_bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    tn_buf_add(&j->result, &s->stats, sizeof s->stats);
    j->answer = TN_WIRE_figures;
    return true;
}

/* ------------------------------------------------------------------ groups */

static bool run_job(struct tn_store_server *s, struct job *j, bool alone, struct tn_err *err)
{
    switch (j->type) {
    case TN_WIRE_commit: return run_commit(s, j, alone, err);
    case TN_WIRE_claim: return run_claim(s, j, err);
    case TN_WIRE_release: return run_release(s, j, err);
    case TN_WIRE_define: return run_define(s, j, err);
    case TN_WIRE_retain: return run_retain(s, j);
    case TN_WIRE_backup: return run_backup(s, j, err);
    case TN_WIRE_stats: return run_stats(s, j);
    default: return true;
    }
}

static void answer_failed(struct job *j, const struct tn_err *err)
{
    static const uint32_t answers[] = {
        [TN_WIRE_commit] = TN_WIRE_result,
        [TN_WIRE_claim] = TN_WIRE_entries,
        [TN_WIRE_stats] = TN_WIRE_figures,
    };
    struct tn_buf b;
    uint32_t type = j->type < sizeof answers / sizeof answers[0] ? answers[j->type] : 0;
    tn_buf_init(&b, 4 * TN_KIB);
    tn_put_err(&b, err);
    answer(j->conn, type ? type : TN_WIRE_done, j->number, &b);
    tn_buf_clear(&b);
}

/* Drops chores that a job began, when its transaction was rolled back. */
static void drop_chores_of(struct tn_store_server *s, const struct job *j)
{
    for (struct chore **at = &s->chores, *c; (c = *at);) {
        if (c->conn != j->conn || c->number != j->number || c->what == CHORE_backup) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        tn_free(c);
    }
}

static void job_free(struct job *j)
{
    tn_buf_clear(&j->result);
    tn_free(j);
}

/* ------------------------------------------------------------------ are the files unchanged? */

/* Is the database file still there? One that was removed or replaced while open still takes writes,
 * and loses them when the process ends. So then nothing is acknowledged, and no new file is
 * made. */
static bool database_stands(struct tn_store_server *s, struct tn_err *err)
{
    struct tn_file_id now;
    bool there = tn_file_id(s->path, "", &now);
    if (there && !s->db_id.inode) s->db_id = now;
    if (there && tn_file_id_eq(&now, &s->db_id)) return true;
    return tn_fail(err, TN_E_unavailable,
                   "%s was %s while Tenon runs: nothing is written any more; "
                   "stop Tenon, put the file back (or restore a backup), start again",
                   s->path, there ? "replaced" : "removed");
}

/* Is the log file still there? A removed log still has what was committed, so it is written back
 * before anything is acknowledged. Opening the database again then makes a new log, which has to
 * begin at its first page. */
static bool log_stands(struct tn_store_server *s, struct tn_err *err)
{
    struct tn_file_id now;
    bool there = tn_file_id(s->path, "-wal", &now);
    if (there && !s->wal_id.inode) s->wal_id = now;
    if (there && tn_file_id_eq(&now, &s->wal_id)) return true;
    tn_log(s->log, TN_LOG_error, "store",
           "%s-wal was removed while Tenon runs; it is written back "
           "and made anew",
           s->path);
    s->suspect = true;
    int rc =
        sqlite3_wal_checkpoint_v2(s->writer.db.sq, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    return rc == SQLITE_OK || tn_db_fail(&s->writer.db, "writing back", err);
}

/* Opens the database for writing; a writer that is open was closed before. */
static bool open_writer(struct tn_store_server *s, const struct tn_clock *clock, struct tn_err *err)
{
    s->open = tn_writer_open(&s->writer, s->path, s->log, clock, err);
    if (!s->open) return false;
    s->writer.db.damaged = s->damaged;
    s->writer.db.damaged_arg = s->damaged_arg;
    return true;
}

/* A sync that failed may have lost pages that the cache calls clean: only opening the database
 * again and writing back the whole log tells what is on the disk. */
static bool trust_again(struct tn_store_server *s, struct tn_err *err)
{
    if (!database_stands(s, err)) return false;
    if (s->open && !s->suspect) return true;
    s->wal_id = (struct tn_file_id){0};
    if (s->open) tn_writer_close(&s->writer);
    if (!open_writer(s, s->writer.clock, err)) {
        if (err->kind == TN_E_corrupt && s->damaged) s->damaged(s->damaged_arg, TN_DAMAGED_UNKNOWN);
        return false;
    }
    int rc =
        sqlite3_wal_checkpoint_v2(s->writer.db.sq, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY) return tn_db_fail(&s->writer.db, "writing back", err);
    s->suspect = false;
    if (tn_file_id(s->path, "-wal", &s->wal_id)) tell_log(s);
    return true;
}

static void look_for_trouble(struct tn_store_server *s, const struct tn_err *err)
{
    /* Who is told of damage says so, once a table. */
    if (err->kind != TN_E_corrupt || !s->damaged)
        tn_log(s->log, TN_LOG_error, "store", "%s", err->text);
    if (err->kind == TN_E_io || err->kind == TN_E_corrupt) s->suspect = true;
}

/* The helper owns err. */
static void checkpointed(void *arg, const struct tn_err *err)
{
    struct tn_store_server *s = arg;
    bool ok = !err;
    if (err) look_for_trouble(s, err);
    tn_helper_free(s->checkpointer);
    s->checkpointer = NULL;
    s->stats.checkpoints++;
    if (!ok || !s->open) return;
    sqlite3_wal_checkpoint_v2(s->writer.db.sq, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    s->stats.checkpoints++;
}

/* When the log has grown by WAL_PAGES, a thread writes it back. This process then writes back the
 * few pages that were committed meanwhile, and the log starts again from its beginning. */
static void care_for_log(struct tn_store_server *s)
{
    struct tn_err err;
    if (s->wal_pages < s->wal_cared) s->wal_cared = 0; /* the log started again */
    if (s->wal_pages < s->wal_cared + WAL_PAGES || s->checkpointer) return;
    s->wal_cared = s->wal_pages;
    s->checkpointer = tn_helper_checkpoint(s->loop, s->path, checkpointed, s, &err);
    if (!s->checkpointer) tn_log(s->log, TN_LOG_warn, "store", "%s", err.text);
}

static int on_wal(void *arg, sqlite3 *sq, const char *name, int pages)
{
    struct tn_store_server *s = arg;
    (void)sq, (void)name;
    s->wal_pages = pages;
    return SQLITE_OK;
}

/* Takes the jobs of the next group off the queue. */
static struct job *take_group(struct tn_store_server *s)
{
    struct job *first = s->jobs, **at = &first;
    size_t count = 0, bytes = 0;
    for (; *at && count < TN_LIMIT_GROUP && bytes < GROUP_BYTES; at = &(*at)->next) {
        count++;
        bytes += (*at)->n;
    }
    s->jobs = *at;
    *at = NULL;
    if (!s->jobs) s->jobs_end = &s->jobs;
    s->job_bytes -= bytes;
    return first;
}

static bool run_group(struct tn_store_server *s, struct job *first, struct tn_err *err)
{
    if (!trust_again(s, err)) return false;
    sqlite3_wal_hook(s->writer.db.sq, on_wal, s);
    if (!tn_writer_begin(&s->writer, err)) return false;
    bool alone = !first->next, ok = forget_acknowledged(s, err);
    for (struct job *j = first; j && ok; j = j->next) ok = !j->conn || run_job(s, j, alone, err);
    if (!ok) {
        tn_writer_abort(&s->writer);
        return false;
    }
    int64_t from = tn_mono_us();
    ok = tn_writer_end(&s->writer, err);
    int64_t took = tn_mono_us() - from;
    if (took > s->stats.sync_us_max) s->stats.sync_us_max = took;
    return ok && database_stands(s, err) && log_stands(s, err);
}

static void do_group(struct tn_store_server *s, struct job *first);

/* One of them met a damaged page; the others are not to fail with it. */
static void do_apart(struct tn_store_server *s, struct job *first)
{
    for (struct job *j = first, *next; j; j = next) {
        next = j->next;
        j->next = NULL;
        j->answer = 0;
        tn_buf_reset(&j->result);
        drop_chores_of(s, j);
        do_group(s, j);
    }
}

static void do_group(struct tn_store_server *s, struct job *first)
{
    struct tn_err err;
    int64_t commits = s->stats.commits;
    tn_err_clear(&err);
    bool ok = run_group(s, first, &err);
    if (!ok) s->stats.commits = commits;
    if (!ok) {
        look_for_trouble(s, &err);
        remember_all(s);
    } else {
        tell_all(s);
    }
    if (!ok && err.kind == TN_E_corrupt && first->next) {
        do_apart(s, first);
        return;
    }
    for (struct job *j = first, *next; j; j = next) {
        next = j->next;
        if (!ok) drop_chores_of(s, j);
        if (!ok)
            answer_failed(j, &err);
        else if (j->answer)
            answer(j->conn, j->answer, j->number, &j->result);
        job_free(j);
    }
    s->stats.groups++;
    if (ok) care_for_log(s);
}

static void group(void *arg)
{
    struct tn_store_server *s = arg;
    int64_t from = tn_mono_us();
    struct job *first = take_group(s);
    if (!first) return;
    do_group(s, first);
    s->stats.group_us += tn_mono_us() - from;
    if (!tn_timer_armed(s->step_timer) && tn_writer_remaking(&s->writer))
        tn_timer_set(s->step_timer, 0);
    if (s->jobs) tn_timer_set(s->group_timer, 0);
}

/* ------------------------------------------------------------------ chores, a step at a time */

static void remade(struct tn_store_server *s, const char *table, const struct tn_err *err)
{
    for (struct chore *c = s->chores, *next; c; c = next) {
        next = c->next;
        if (c->what == CHORE_remake && strcmp(c->table, table) == 0) chore_end(s, c, err);
    }
    s->sweeping = true;
}

/* Does one step of long work in a transaction of its own. False: there is none left. It cleans up
 * after a finished remake first, because the next remake of that table needs its name. */
static bool step_once(struct tn_store_server *s, struct tn_err *err)
{
    bool sweep = s->sweeping;
    struct tn_wtable *t = sweep ? NULL : tn_writer_remaking(&s->writer);
    struct chore *c = sweep || t ? NULL : s->chores;
    while (c && c->what != CHORE_retain) c = c->next;
    if (!sweep && !t && !c) return false;
    if (!tn_writer_begin(&s->writer, err)) return true;
    char table[TN_STORE_NAME_MAX + 1] = "";
    enum tn_step step = TN_STEP_ok;
    struct tn_err why;
    bool done = false;
    if (t) {
        snprintf(table, sizeof table, "%s", t->decl->table.name);
        step = tn_writer_remake(&s->writer, t, REMAKE_ROWS, &done, err);
        why = *err;
    } else if (!(sweep ? tn_writer_sweep(&s->writer, REMAKE_ROWS, &done, err)
                       : tn_retain_step(&s->writer, &c->retain, &done, err))) {
        step = TN_STEP_broken;
    }
    if (step == TN_STEP_broken) {
        tn_writer_abort(&s->writer);
        /* A damaged page is there the next time, too, and other chores wait. */
        if (c && err->kind == TN_E_corrupt) chore_end(s, c, err);
        return true;
    }
    if (!tn_writer_end(&s->writer, err)) return true;
    tell_all(s);
    if (c) s->stats.retained[c->retain.what] += c->retain.removed;
    if (t && (done || step == TN_STEP_refused))
        remade(s, table, step == TN_STEP_refused ? &why : NULL);
    else if (c && done)
        chore_end(s, c, NULL);
    else if (sweep && done)
        s->sweeping = false;
    tn_err_clear(err);
    return true;
}

static void step(void *arg)
{
    struct tn_store_server *s = arg;
    struct tn_err err;
    tn_err_clear(&err);
    if (!trust_again(s, &err)) {
        tn_timer_set(s->step_timer, 1000);
        return;
    }
    if (!step_once(s, &err)) return;
    if (err.kind)
        look_for_trouble(s, &err);
    else
        care_for_log(s);
    tn_timer_set(s->step_timer, err.kind ? 1000 : 0);
}

static void retain_one(struct tn_store_server *s, enum tn_retain what, int64_t keep_ms)
{
    for (struct chore *c = s->chores; c; c = c->next)
        if (c->what == CHORE_retain && !c->conn && c->retain.what == what)
            return; /* still at it: the last pass has not ended */
    if (keep_ms <= 0) return;
    struct chore *c = chore_add(s, CHORE_retain, NULL, 0);
    c->retain.what = what;
    c->retain.before = tn_clock_ms(s->writer.clock) - keep_ms;
}

/* Logs a line a day, by the clock that dates the rows. */
static void tell_retained(struct tn_store_server *s)
{
    int64_t now = tn_clock_ms(s->writer.clock);
    char text[TN_RETAIN_KINDS * 40] = "";
    size_t n = 0;
    if (!s->retained_at || now < s->retained_at) s->retained_at = now;
    if (now - s->retained_at < DAY_MS) return;
    s->retained_at = now;
    for (int i = 0; i < TN_RETAIN_KINDS; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%lld %s", i ? ", " : "",
                              (long long)(s->stats.retained[i] - s->retained_told[i]),
                              tn_retain_name((enum tn_retain)i));
        s->retained_told[i] = s->stats.retained[i];
    }
    tn_log(s->log, TN_LOG_info, "store", "retention removed since the last such line: %s", text);
}

static void retain_all(void *arg)
{
    struct tn_store_server *s = arg;
    const struct tn_retention *r = &s->retention;
    tell_retained(s);
    retain_one(s, TN_RETAIN_runs, r->runs);
    retain_one(s, TN_RETAIN_audit, r->audit);
    retain_one(s, TN_RETAIN_inbound, r->inbound);
    retain_one(s, TN_RETAIN_plans, r->plans);
    retain_one(s, TN_RETAIN_quarantine, r->settled);
    retain_one(s, TN_RETAIN_events, r->events);
    retain_one(s, TN_RETAIN_history, r->history);
    retain_one(s, TN_RETAIN_kv_expired, r->expired);
    retain_one(s, TN_RETAIN_answers, r->answers);
    if (r->every > 0) tn_timer_set(s->retain_timer, r->every);
}

/* ------------------------------------------------------------------ connections */

static void conn_free(struct conn *c)
{
    struct tn_store_server *s = c->server;
    struct conn **at = &s->conns;
    while (*at != c) at = &(*at)->next;
    *at = c->next;
    for (struct job *j = s->jobs; j; j = j->next)
        if (j->conn == c) j->conn = NULL;
    for (struct chore *ch = s->chores; ch; ch = ch->next)
        if (ch->conn == c) ch->conn = NULL;
    tn_channel_free(c->channel);
    tn_free(c);
}

static void hello(struct conn *c, const struct tn_message *m)
{
    struct tn_wire in = tn_wire(m->payload);
    struct tn_buf b;
    struct tn_err err;
    tn_take(&in, c->client, sizeof c->client);
    if (!trust_again(c->server, &err)) {
        conn_free(c);
        return;
    }
    struct tn_db *db = &c->server->writer.db;
    sqlite3_stmt *st = tn_db_sql(db, "SELECT max(number) FROM tn_done WHERE client = ?1", &err);
    bool ok = st && !in.bad;
    if (st) {
        /* Without the recorded numbers, a commit that is sent again would be done again. */
        tn_bind_blob(st, 1, c->client, sizeof c->client);
        if (tn_db_row(db, st, "reading", &ok, &err)) c->recorded = sqlite3_column_int64(st, 0);
        sqlite3_reset(st);
    }
    if (!ok) {
        conn_free(c);
        return;
    }
    c->known = true;
    tn_buf_init(&b, TN_KIB);
    put_log(c->server, &b);
    tn_channel_send(c->channel, TN_WIRE_welcome, 0, tn_buf_str(&b));
    tn_buf_clear(&b);
}

static void on_message(void *arg, const struct tn_message *m)
{
    struct conn *c = arg;
    struct tn_store_server *s = c->server;
    if (m->type == TN_WIRE_hello) {
        hello(c, m);
        return;
    }
    struct job *j = tn_alloc(sizeof *j + m->payload.n + 1);
    j->conn = c;
    j->type = m->type;
    j->number = m->number;
    j->n = m->payload.n;
    tn_buf_init(&j->result, TN_LIMIT_COMMIT + TN_MIB);
    memcpy(j->payload, m->payload.p, m->payload.n);
    *s->jobs_end = j;
    s->jobs_end = &j->next;
    s->job_bytes += j->n;
    if (!tn_timer_armed(s->group_timer)) tn_timer_set(s->group_timer, 0);
}

static void on_closed(void *arg)
{
    conn_free(arg);
}

static const struct tn_channel_ops channel_ops = {.message = on_message, .closed = on_closed};

static void on_connect(void *arg, int ready)
{
    struct tn_store_server *s = arg;
    int fd;
    (void)ready;
    while ((fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        struct conn *c = TN_NEW(struct conn);
        c->server = s;
        c->next = s->conns;
        s->conns = c;
        c->channel = tn_channel_new(s->loop, fd, TN_LIMIT_COMMIT + TN_MIB, &channel_ops, c);
    }
}

/* ------------------------------------------------------------------ opening */

static bool lock_folder(struct tn_store_server *s, struct tn_err *err)
{
    if (mkdir(s->dir, 0700) != 0 && errno != EEXIST) return tn_fail_errno(err, errno, s->dir);
    s->lock_fd = tn_store_lock(s->dir, err);
    return s->lock_fd >= 0;
}

static bool define_system_tables(struct tn_store_server *s, struct tn_err *err)
{
    struct tn_buf text;
    bool ok = true, pending;
    tn_buf_init(&text, 64 * TN_KIB);
    for (size_t i = 0; ok && i < tn_system_table_count; i++) {
        struct tn_shape *d = tn_shape_new(&tn_system_tables[i], err);
        tn_buf_reset(&text);
        if (d) tn_shape_write(d, &text);
        ok = d && tn_writer_define(&s->writer, tn_buf_str(&text), &pending, err);
        tn_shape_unref(d);
    }
    tn_buf_clear(&text);
    return ok;
}

/* Frees queue entries that earlier workers had claimed, and removes the recorded answers to
 * them. */
static bool clear_leftovers(struct tn_store_server *s, bool workers_live, struct tn_err *err)
{
    char sql[256];
    if (workers_live) return true;
    snprintf(sql, sizeof sql,
             "UPDATE tn_queue SET due = %lld, holder = NULL WHERE holder IS NOT NULL; "
             "DELETE FROM tn_done WHERE at < %lld;",
             (long long)s->writer.now, (long long)(s->writer.now - DAY_MS));
    return tn_db_exec(&s->writer.db, sql, err);
}

static bool make_ready(struct tn_store_server *s, const struct tn_server_options *o,
                       struct tn_err *err)
{
    if (!lock_folder(s, err) || !open_writer(s, o->clock, err) || !tn_writer_begin(&s->writer, err))
        return false;
    if (define_system_tables(s, err) && clear_leftovers(s, o->workers_live, err))
        return tn_writer_end(&s->writer, err);
    tn_writer_abort(&s->writer);
    return false;
}

struct tn_store_server *tn_store_server_open(struct tn_loop *loop,
                                             const struct tn_server_options *o, struct tn_err *err)
{
    struct tn_store_server *s = TN_NEW(struct tn_store_server);
    char path[4096];
    snprintf(path, sizeof path, "%s/tenon.db", o->dir);
    *s = (struct tn_store_server){.loop = loop,
                                  .log = o->log,
                                  .dir = tn_strdup(o->dir),
                                  .path = tn_strdup(path),
                                  .lock_fd = -1,
                                  .listen_fd = o->listen_fd,
                                  .damaged = o->damaged,
                                  .damaged_arg = o->damaged_arg,
                                  .sweeping = true};
    s->jobs_end = &s->jobs;
    s->group_timer = tn_timer_new(loop, group, s);
    s->step_timer = tn_timer_new(loop, step, s);
    s->retain_timer = tn_timer_new(loop, retain_all, s);
    s->retention = o->retention ? *o->retention : tn_retention_default;
    if (!make_ready(s, o, err)) {
        tn_store_server_close(s);
        return NULL;
    }
    fcntl(o->listen_fd, F_SETFL, fcntl(o->listen_fd, F_GETFL) | O_NONBLOCK);
    s->listening = tn_watch_new(loop, o->listen_fd, on_connect, s);
    tn_watch_for(s->listening, TN_READ);
    tn_timer_set(s->step_timer, 0);
    if (s->retention.every > 0) tn_timer_set(s->retain_timer, s->retention.every);
    return s;
}

void tn_store_server_close(struct tn_store_server *s)
{
    if (!s) return;
    tn_watch_free(s->listening);
    tn_helper_free(s->checkpointer);
    while (s->chores) {
        struct chore *c = s->chores;
        s->chores = c->next;
        tn_helper_free(c->helper);
        tn_free(c);
    }
    while (s->conns) conn_free(s->conns);
    for (struct job *j = s->jobs, *next; j; j = next) {
        next = j->next;
        job_free(j);
    }
    tn_timer_free(s->group_timer);
    tn_timer_free(s->step_timer);
    tn_timer_free(s->retain_timer);
    if (s->open) tn_writer_close(&s->writer);
    if (s->lock_fd >= 0) close(s->lock_fd);
    tn_free(s->dir);
    tn_free(s->path);
    tn_free(s);
}

int tn_store_listen(const char *path, struct tn_err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = -1;
    if (strlen(path) >= sizeof address.sun_path) {
        tn_fail(err, TN_E_invalid,
                "%s: the path is too long for a socket; give --data a shorter one", path);
        return -1;
    }
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    unlink(path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t before = umask(0177);
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
              listen(fd, 128) == 0;
    int no = errno;
    umask(before);
    if (ok) return fd;
    tn_fail_errno(err, no, path);
    if (fd >= 0) close(fd);
    return -1;
}
