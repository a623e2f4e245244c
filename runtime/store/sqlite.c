/* SPDX-License-Identifier: MIT */
/* The worker's side of the driver: sends requests to the store process, and opens the database for
 * reading. */
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "loop/channel.h"
#include "loop/loop.h"
#include "store/commit.h"
#include "store/commit_value.h"
#include "store/shape.h"
#include "store/wire.h"

enum { RETRY_MIN_MS = 10, RETRY_MAX_MS = 1000, CHANGES_MAX = 256 };

/* A request that was not answered yet. */
struct tn_request {
    struct tn_call call; /* first */
    struct tn_request *next;
    uint64_t number;
    uint32_t type;
    struct tn_buf payload; /* empty if the commit holds the bytes */
    struct tn_commit *commit;
    union {
        tn_commit_fn commit;
        tn_store_done_fn done;
        tn_claim_fn claim;
        tn_stats_fn stats;
    } fn;
    void *arg;
    struct tn_err refused;
};

static const struct tn_store_ops ops;

/* ------------------------------------------------------------------ requests */

static struct tn_str bytes_of(const struct tn_request *r)
{
    return r->commit ? tn_commit_value(r->commit) : tn_buf_str(&r->payload);
}

static struct tn_request *request_new(uint32_t type, void *arg)
{
    struct tn_request *r = TN_NEW(struct tn_request);
    r->type = type;
    r->arg = arg;
    tn_buf_init(&r->payload, TN_MIB);
    return r;
}

static void request_free(struct tn_request *r)
{
    tn_commit_free(r->commit);
    tn_buf_clear(&r->payload);
    tn_free(r);
}

static void answer_err(struct tn_request *r, const struct tn_err *err)
{
    if (r->call.cancelled) return;
    switch (r->type) {
    case TN_WIRE_commit: r->fn.commit(r->arg, NULL, err); break;
    case TN_WIRE_claim: r->fn.claim(r->arg, NULL, 0, 0, err); break;
    case TN_WIRE_stats: r->fn.stats(r->arg, NULL, err); break;
    default: r->fn.done(r->arg, err); break;
    }
}

static void refuse_now(void *arg)
{
    struct tn_sqlite *s = arg;
    struct tn_request *r = s->refused;
    s->refused = NULL;
    s->refused_tail = &s->refused;
    for (struct tn_request *next; r; r = next) {
        next = r->next;
        answer_err(r, &r->refused);
        request_free(r);
    }
}

/* Answers with r->refused in a later turn. */
static void refuse(struct tn_sqlite *s, struct tn_request *r)
{
    *s->refused_tail = r;
    s->refused_tail = &r->next;
    tn_timer_set(s->refuse, 0);
}

static void post(struct tn_sqlite *s, struct tn_request *r)
{
    struct tn_str bytes = bytes_of(r);
    if (r->commit) {
        /* Requests older than the oldest that waits were answered, so the store may forget those
         * answers. */
        int64_t acknowledged = (int64_t)s->head->number - 1;
        memcpy(r->commit->value.p, &acknowledged, sizeof acknowledged);
    }
    tn_channel_send(s->channel, r->type, r->number, bytes);
}

static void ask(struct tn_sqlite *s, struct tn_request *r)
{
    if (!s->socket) {
        tn_fail(&r->refused, TN_E_unavailable, "the store was opened for reading only");
        refuse(s, r);
        return;
    }
    if (s->bytes && s->bytes + bytes_of(r).n > TN_LIMIT_COMMIT_QUEUE) {
        tn_fail(&r->refused, TN_E_overloaded, "%zu bytes of commits wait already", s->bytes);
        refuse(s, r);
        return;
    }
    r->number = s->next_number++;
    *s->tail = r;
    s->tail = &r->next;
    s->bytes += bytes_of(r).n;
    if (s->channel) post(s, r);
}

/* Nobody works on entries whose claim was cancelled: they are due again. */
static void hand_back(struct tn_sqlite *s, const struct tn_entry *entries, size_t count)
{
    const struct tn_str as_it_was = {NULL, 0};
    for (size_t i = 0; i < count; i++) {
        struct tn_commit *c = tn_commit_new(&s->base);
        struct tn_err err;
        if (tn_commit_reschedule(c, &entries[i].id, entries[i].lease, tn_store_now(&s->base),
                                 as_it_was, &err))
            tn_store_commit(&s->base, c, NULL, NULL);
        else
            tn_commit_free(c);
    }
}

static void take_entries(struct tn_sqlite *s, struct tn_request *r, struct tn_str payload)
{
    struct tn_wire w = tn_wire(payload);
    struct tn_err err;
    tn_take_err(&w, &err);
    if (err.kind) {
        answer_err(r, &err);
        return;
    }
    int64_t next_due = tn_take_i64(&w);
    size_t count = tn_take_u32(&w), i = 0;
    struct tn_entry *entries = tn_alloc((count + 1) * sizeof *entries);
    for (; i < count && !w.bad; i++) {
        entries[i].id = tn_take_id(&w);
        entries[i].team = tn_take_i64(&w);
        entries[i].due_ms = tn_take_i64(&w);
        entries[i].attempts = entries[i].lease = tn_take_i64(&w);
        entries[i].key = tn_take_str(&w);
        entries[i].order = tn_take_str(&w);
        entries[i].payload = tn_take_str(&w);
    }
    if (r->call.cancelled)
        hand_back(s, entries, i);
    else
        r->fn.claim(r->arg, entries, i, next_due, NULL);
    tn_free(entries);
}

static void take_figures(struct tn_request *r, struct tn_str payload)
{
    struct tn_store_stats stats;
    if (payload.n != sizeof stats) {
        struct tn_wire w = tn_wire(payload);
        struct tn_err err;
        tn_take_err(&w, &err);
        r->fn.stats(r->arg, NULL, &err);
        return;
    }
    memcpy(&stats, payload.p, sizeof stats);
    r->fn.stats(r->arg, &stats, NULL);
}

static void take_done(struct tn_request *r, struct tn_str payload)
{
    struct tn_wire w = tn_wire(payload);
    struct tn_err err;
    tn_take_err(&w, &err);
    r->fn.done(r->arg, err.kind ? &err : NULL);
}

static void answered(struct tn_sqlite *s, const struct tn_message *m)
{
    struct tn_request **at = &s->head, *r;
    while (*at && (*at)->number != m->number) at = &(*at)->next;
    if (!(r = *at)) return;
    *at = r->next;
    if (s->tail == &r->next) s->tail = at;
    s->bytes -= bytes_of(r).n;
    switch (m->type) {
    case TN_WIRE_result:
        if (!r->call.cancelled) tn_commit_answer(m->payload, r->fn.commit, r->arg);
        break;
    case TN_WIRE_entries: take_entries(s, r, m->payload); break;
    case TN_WIRE_figures: take_figures(r, m->payload); break;
    case TN_WIRE_done: take_done(r, m->payload); break;
    }
    request_free(r);
}

/* ------------------------------------------------------------------ connection */

static void again(struct tn_sqlite *s)
{
    tn_timer_set(s->retry, s->wait_ms);
    s->wait_ms = s->wait_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : s->wait_ms * 2;
}

static void hang_up(struct tn_sqlite *s)
{
    tn_channel_free(s->channel);
    s->channel = NULL;
    s->welcomed = false;
    tn_store_lost(&s->base);
    again(s);
}

/* Looks up the log first: if another one takes its place meanwhile, the next note shows it. */
static bool open_reading(struct tn_sqlite *s, struct tn_err *err)
{
    if (s->reading) return true;
    if (!tn_file_id(s->path, "-wal", &s->log_id)) s->log_id = (struct tn_file_id){0};
    if (!tn_db_open(&s->db, s->path, TN_DB_read, err)) return false;
    s->db.damaged = s->damaged;
    s->db.damaged_arg = s->damaged_arg;
    if (tn_db_check_ours(&s->db, err)) return s->reading = true;
    tn_db_close(&s->db);
    return false;
}

/* Opens the database again if the log was replaced: the connection still has the removed log, which
 * shows an old state. False: it cannot be opened, and the connection to the store was closed. */
static bool follow_log(struct tn_sqlite *s, struct tn_wire *in)
{
    struct tn_file_id log = {.device = tn_take_i64(in)};
    struct tn_err err;
    log.inode = tn_take_i64(in);
    if (!s->reading || !log.inode || tn_file_id_eq(&log, &s->log_id)) return true;
    tn_db_close(&s->db);
    s->reading = false;
    bool ok = open_reading(s, &err);
    s->log_id = log;
    if (ok) return true;
    tn_log(s->base.log, TN_LOG_error, "store", "%s", err.text);
    hang_up(s);
    return false;
}

/* ------------------------------------------------------------------ notes */

static void noted(struct tn_sqlite *s, struct tn_str payload)
{
    struct tn_wire w = tn_wire(payload);
    struct tn_change items[CHANGES_MAX];
    struct tn_id ids[TN_STORE_NOTE_IDS * 4];
    struct tn_changes changes = {.items = items};
    size_t used = 0;
    if (!follow_log(s, &w)) return;
    changes.head = tn_take_i64(&w);
    for (size_t count = tn_take_u32(&w); count && !w.bad; count--) {
        struct tn_change c = {.kind = (enum tn_change_kind)tn_take_u8(&w)};
        c.name = tn_take_str(&w);
        c.more = tn_take_u8(&w);
        size_t n = tn_take_u32(&w);
        bool fits = used + n <= sizeof ids / sizeof ids[0];
        c.ids = &ids[fits ? used : 0];
        for (size_t i = 0; i < n && !w.bad; i++) {
            struct tn_id id = tn_take_id(&w);
            if (fits) ids[used++] = id;
        }
        c.count = fits ? n : 0;
        c.more |= !fits;
        if (c.kind == TN_CHANGED_definition) tn_sqlite_forget_decls(s);
        if (changes.count == CHANGES_MAX)
            changes.all = true;
        else
            items[changes.count++] = c;
    }
    tn_store_tell_changes(&s->base, &changes);
}

static void forget_all(struct tn_sqlite *s, int64_t head)
{
    struct tn_changes changes = {.all = true, .head = head};
    tn_sqlite_forget_decls(s);
    tn_store_tell_changes(&s->base, &changes);
}

/* ------------------------------------------------------------------ messages */

static void welcomed(struct tn_sqlite *s, struct tn_str payload)
{
    struct tn_wire in = tn_wire(payload);
    struct tn_err err;
    int64_t head;
    if (!follow_log(s, &in)) return;
    if (!open_reading(s, &err) ||
        !tn_db_int(&s->db, "SELECT value FROM tn_tally WHERE name = 'event' AND team = -1", &head,
                   &err)) {
        tn_log(s->base.log, TN_LOG_error, "store", "%s", err.text);
        hang_up(s);
        return;
    }
    s->welcomed = true;
    s->wait_ms = RETRY_MIN_MS;
    forget_all(s, head);
    tn_store_tell_ready(&s->base);
}

static void on_message(void *arg, const struct tn_message *m)
{
    struct tn_sqlite *s = arg;
    if (m->type == TN_WIRE_welcome)
        welcomed(s, m->payload);
    else if (m->type == TN_WIRE_note)
        noted(s, m->payload);
    else
        answered(s, m);
}

static void on_closed(void *arg)
{
    hang_up(arg);
}

static const struct tn_channel_ops channel_ops = {.message = on_message, .closed = on_closed};

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    close(fd);
    return -1;
}

static void connect_now(void *arg)
{
    struct tn_sqlite *s = arg;
    struct tn_buf hello;
    int fd = connect_to(s->socket);
    if (fd < 0) {
        again(s);
        return;
    }
    s->channel = tn_channel_new(s->base.loop, fd, TN_LIMIT_COMMIT + TN_MIB, &channel_ops, s);
    tn_buf_init(&hello, TN_KIB);
    tn_buf_add(&hello, s->client, sizeof s->client);
    tn_put_id(&hello, &s->holder);
    tn_channel_send(s->channel, TN_WIRE_hello, 0, tn_buf_str(&hello));
    tn_buf_clear(&hello);
    for (struct tn_request *r = s->head; r; r = r->next) {
        if (r->type == TN_WIRE_claim) r->payload.p[0] = 1;
        post(s, r);
    }
}

struct tn_store *tn_store_open(struct tn_loop *loop, const struct tn_store_options *o,
                               struct tn_err *err)
{
    struct tn_sqlite *s = TN_NEW(struct tn_sqlite);
    struct tn_buf path;
    tn_store_init(&s->base, &ops, loop, o);
    tn_buf_init(&path, 4 * TN_KIB);
    tn_buf_addf(&path, "%s/tenon.db", o->dir);
    s->path = tn_buf_take(&path, NULL);
    s->socket = tn_strdup(o->socket);
    s->holder = o->holder;
    s->damaged = o->damaged;
    s->damaged_arg = o->damaged_arg;
    tn_random(s->client, sizeof s->client);
    s->next_number = 1;
    s->tail = &s->head;
    s->refused_tail = &s->refused;
    s->wait_ms = RETRY_MIN_MS;
    tn_map_init(&s->decls);
    s->answerer = tn_answerer_open(s);
    s->retry = tn_timer_new(loop, connect_now, s);
    s->refuse = tn_timer_new(loop, refuse_now, s);
    if (s->socket)
        tn_timer_set(s->retry, 0);
    else if (!open_reading(s, err)) {
        tn_store_close(&s->base);
        return NULL;
    }
    return &s->base;
}

static void cancel_all(struct tn_sqlite *s)
{
    struct tn_err err;
    tn_fail(&err, TN_E_cancelled, "the store was closed");
    refuse_now(s);
    while (s->head) {
        struct tn_request *r = s->head;
        s->head = r->next;
        if (!s->head) s->tail = &s->head; /* the callback may ask for more */
        answer_err(r, &err);
        request_free(r);
    }
}

static void stop_store(struct tn_store *base)
{
    struct tn_sqlite *s = tn_sqlite(base);
    tn_channel_free(s->channel);
    s->channel = NULL;
    tn_timer_cancel(s->retry);
    do {
        cancel_all(s);
        tn_answerer_stop(s->answerer);
    } while (s->head || s->refused); /* what the callbacks asked for */
}

static void close_store(struct tn_store *base)
{
    struct tn_sqlite *s = tn_sqlite(base);
    stop_store(base);
    tn_answerer_free(s->answerer);
    tn_timer_free(s->retry);
    tn_timer_free(s->refuse);
    tn_sqlite_forget_decls(s);
    if (s->reading) tn_db_close(&s->db);
    tn_map_clear(&s->decls, NULL);
    tn_store_clear(&s->base);
    tn_free(s->path);
    tn_free(s->socket);
    tn_free(s);
}

static bool is_ready(const struct tn_store *base)
{
    const struct tn_sqlite *s = (const struct tn_sqlite *)base;
    return s->reading && (s->welcomed || !s->socket);
}

/* ------------------------------------------------------------------ table of functions */

static void define(struct tn_store *base, const struct tn_table *table, tn_store_done_fn done,
                   void *arg)
{
    struct tn_sqlite *s = tn_sqlite(base);
    struct tn_request *r = request_new(TN_WIRE_define, arg);
    struct tn_shape *d = tn_shape_new(table, &r->refused);
    r->fn.done = done;
    if (!d) {
        refuse(s, r);
        return;
    }
    tn_shape_write(d, &r->payload);
    tn_shape_unref(d);
    ask(s, r);
}

static struct tn_call *commit(struct tn_store *base, struct tn_commit *commit_give,
                              tn_commit_fn done, void *arg)
{
    struct tn_request *r = request_new(TN_WIRE_commit, arg);
    r->fn.commit = done;
    r->call.cancelled = !done;
    r->commit = commit_give;
    ask(tn_sqlite(base), r);
    return &r->call;
}

static size_t pending(const struct tn_store *base)
{
    return ((const struct tn_sqlite *)base)->bytes;
}

static struct tn_call *claim(struct tn_store *base, const char *queue, size_t max, int64_t lease_ms,
                             tn_claim_fn done, void *arg)
{
    struct tn_sqlite *s = tn_sqlite(base);
    struct tn_request *r = request_new(TN_WIRE_claim, arg);
    r->fn.claim = done;
    tn_put_u8(&r->payload, 0);
    tn_put_id(&r->payload, &s->holder);
    tn_put_str(&r->payload, tn_str(queue));
    tn_put_u32(&r->payload, (uint32_t)max);
    tn_put_i64(&r->payload, lease_ms);
    ask(s, r);
    return &r->call;
}

static void release(struct tn_store *base, const struct tn_id *holder, tn_store_done_fn done,
                    void *arg)
{
    struct tn_request *r = request_new(TN_WIRE_release, arg);
    r->fn.done = done;
    tn_put_id(&r->payload, holder);
    ask(tn_sqlite(base), r);
}

static void retain(struct tn_store *base, enum tn_retain what, int64_t before_ms,
                   tn_store_done_fn done, void *arg)
{
    struct tn_request *r = request_new(TN_WIRE_retain, arg);
    r->fn.done = done;
    tn_put_u8(&r->payload, what);
    tn_put_i64(&r->payload, before_ms);
    ask(tn_sqlite(base), r);
}

static void backup(struct tn_store *base, const char *path, tn_store_done_fn done, void *arg)
{
    struct tn_request *r = request_new(TN_WIRE_backup, arg);
    r->fn.done = done;
    tn_put_str(&r->payload, tn_str(path));
    ask(tn_sqlite(base), r);
}

static void stats(struct tn_store *base, tn_stats_fn done, void *arg)
{
    struct tn_request *r = request_new(TN_WIRE_stats, arg);
    r->fn.stats = done;
    ask(tn_sqlite(base), r);
}

static const struct tn_store_ops ops = {
    .stop = stop_store,
    .close = close_store,
    .ready = is_ready,
    .decl = tn_sqlite_decl,
    .define = define,
    .read = tn_sqlite_read,
    .commit = commit,
    .pending = pending,
    .claim = claim,
    .release = release,
    .retain = retain,
    .backup = backup,
    .stats = stats,
};
