/* SPDX-License-Identifier: MIT */
#include "api/consumers.h"

#include "base/alloc.h"
#include "base/time.h"
#include "scripts/rules.h"
#include "store/read.h"
#include "sync/sink.h"

enum { COUNT_MAX = 100000 };

/* Those that app.c opens; each is a row here. */
static const struct tn_sink *const sinks[] = {&tn_rules_sink};
/* The other queues of tickets that the metrics show. */
static const char *const queues[] = {"inbound", TN_RUN_QUEUE};

#define COUNT(array) (sizeof(array) / sizeof *(array))
_Static_assert(COUNT(sinks) <= API_CONSUMERS_MAX, "raise API_CONSUMERS_MAX");
_Static_assert(COUNT(queues) <= API_QUEUES_MAX, "raise API_QUEUES_MAX");

/* Two reads: positions belong to the system, what waits to all teams; and the position says which
 * event is looked for. */
struct looking {
    struct tn_api *api;
    struct api_consumers c;
    api_consumers_fn done;
    void *arg;
};

static void finish(struct looking *l, const struct tn_err *err)
{
    l->done(l->arg, err ? NULL : &l->c, err);
    tn_free(l);
}

/* ---- what waits ---- */

enum { TAIL, RETRIES, LEASES, DEAD, QUESTIONS }; /* of each consumer, in this order */

static void ask_waiting(struct tn_read *read, const struct api_consumer *one)
{
    char leases[TN_POSITION_NAME];
    struct tn_str values[] = {tn_str(one->sink->noun), TN_STR("open")};
    const struct tn_filter filters[] = {{"operation", TN_FILTER_eq, &values[0], 1},
                                        {"status", TN_FILTER_eq, &values[1], 1},
                                        {.column = "integration", .op = TN_FILTER_null}};
    tn_position_leases(one->sink, leases);
    tn_read_tail(read, TN_PARTITION_DEFAULT, one->position < 0 ? 0 : one->position, 1);
    tn_read_queue(read, one->sink->name, TN_STR(""), COUNT_MAX);
    tn_read_queue(read, leases, TN_STR(""), TN_PARTITIONS);
    tn_read_query(read, &(struct tn_query){.table = "quarantine",
                                           .filters = filters,
                                           .filter_count = COUNT(filters),
                                           .limit = 1,
                                           .total = true});
}

static void take_waiting(struct api_consumer *one, const struct tn_found *found, size_t from)
{
    const struct tn_event *next = tn_found_event(found, from + TAIL, 0);
    one->head = tn_found_tail(found, from + TAIL)->head;
    one->oldest_ms = next && one->position >= 0 ? next->at_ms : 0;
    one->retries = *tn_found_queue(found, from + RETRIES);
    one->leases = *tn_found_queue(found, from + LEASES);
    one->dead = tn_found_list(found, from + DEAD)->total;
}

static void waiting_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct looking *l = arg;
    size_t questions = l->c.count * QUESTIONS + l->c.queue_count;
    for (size_t i = 0; !err && i < questions; i++) err = tn_found_err(found, i);
    for (size_t i = 0; !err && i < l->c.count; i++)
        take_waiting(&l->c.list[i], found, i * QUESTIONS);
    for (size_t i = 0; !err && i < l->c.queue_count; i++)
        l->c.queues[i].state = *tn_found_queue(found, l->c.count * QUESTIONS + i);
    l->c.now_ms = tn_store_now(l->api->p.store);
    finish(l, err);
}

/* ---- positions ---- */

/* A position that is not there: no worker has read the log for this consumer yet. */
static bool take_position(struct tn_position *out, const struct tn_found *found, size_t question,
                          struct tn_json *json, struct tn_err *err)
{
    const struct tn_err *failed = tn_found_err(found, question);
    *out = (struct tn_position){.idle = true};
    if (failed && failed->kind == TN_E_not_found) return true;
    if (failed) *err = *failed;
    if (failed || !tn_json_parse(json, tn_found_kv(found, question, 0)->value, err)) return false;
    *out = tn_position_of(tn_json_root(json));
    return true;
}

static bool take_positions(struct api_consumer *one, const struct tn_found *found, size_t from,
                           struct tn_json *json, struct tn_err *err)
{
    one->position = -1;
    for (size_t i = 0; i < TN_PARTITIONS; i++) {
        const struct tn_position *p = &one->parts[i];
        if (!take_position(&one->parts[i], found, from + i, json, err)) return false;
        if (!p->idle && (one->position < 0 || p->seq < one->position)) one->position = p->seq;
    }
    return true;
}

static void positions_found(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct looking *l = arg;
    struct tn_json *json = tn_json_new();
    struct tn_err err;
    for (size_t i = 0; !failed && i < l->c.count; i++)
        if (!take_positions(&l->c.list[i], found, i * TN_PARTITIONS, json, &err)) failed = &err;
    tn_json_free(json);
    if (failed) {
        finish(l, failed);
        return;
    }
    struct tn_read *read = tn_read_new(TN_TEAM_ALL);
    for (size_t i = 0; i < l->c.count; i++) ask_waiting(read, &l->c.list[i]);
    for (size_t i = 0; i < l->c.queue_count; i++)
        tn_read_queue(read, l->c.queues[i].name, TN_STR(""), COUNT_MAX);
    tn_store_read(l->api->p.store, read, NULL, waiting_found, l);
}

static void ask_positions(struct tn_read *read, const struct tn_sink *sink)
{
    char key[TN_POSITION_NAME];
    for (unsigned i = 0; i < TN_PARTITIONS; i++) {
        tn_position_key(sink, i, key);
        tn_read_kv(read, TN_POSITION_SPACE, tn_str(key));
    }
}

void api_consumers_look(struct tn_api *api, api_consumers_fn done, void *arg)
{
    struct looking *l = TN_NEW(struct looking);
    struct tn_read *read = tn_read_new(TN_TEAM_SYSTEM);
    *l = (struct looking){.api = api, .done = done, .arg = arg};
    for (size_t i = 0; i < COUNT(sinks); i++) {
        l->c.list[l->c.count++].sink = sinks[i];
        ask_positions(read, sinks[i]);
    }
    for (size_t i = 0; i < COUNT(queues); i++) l->c.queues[l->c.queue_count++].name = queues[i];
    tn_store_read(api->p.store, read, NULL, positions_found, l);
}

static int64_t lag_of(const struct api_consumer *one)
{
    return one->position >= 0 && one->head > one->position ? one->head - one->position : 0;
}

/* ---- metrics ---- */

enum metric { LAG, OLDEST, TICKETS, TICKETS_OLDEST, DEAD_LETTERS, HELD, METRICS };

static const struct {
    const char *name, *help;
    int decimals;
} metrics[METRICS] = {
    [LAG] = {"tenon_consumer_lag",
             "Events after the stored position, which is up to 5 s behind: alert on the age.", 0},
    [OLDEST] = {"tenon_consumer_oldest_waiting_seconds",
                "Age of the event after the stored position; 0: none.", 3},
    [TICKETS] = {"tenon_consumer_retries",
                 "Deliveries that failed and wait for another try, and those behind them.", 0},
    [TICKETS_OLDEST] = {"tenon_consumer_retries_oldest_seconds",
                        "Since the oldest of them failed first; 0: none.", 3},
    [DEAD_LETTERS] = {"tenon_consumer_dead_letters",
                      "Deliveries that were given up and are open in quarantine.", 0},
    [HELD] = {"tenon_consumer_partitions_held", "Partitions of 16 that a worker reads.", 0},
};

static double seconds_since(const struct api_consumers *c, int64_t ms)
{
    return ms && ms < c->now_ms ? (double)(c->now_ms - ms) / 1e3 : 0;
}

static double value_of(const struct api_consumers *c, const struct api_consumer *one,
                       enum metric metric)
{
    switch (metric) {
    case LAG: return (double)lag_of(one);
    case OLDEST: return seconds_since(c, one->oldest_ms);
    case TICKETS: return (double)one->retries.entries;
    case TICKETS_OLDEST: return seconds_since(c, one->retries.oldest_ms);
    case DEAD_LETTERS: return (double)one->dead;
    default: return (double)one->leases.leased;
    }
}

void api_consumers_metrics(const struct api_consumers *c, struct tn_buf *out)
{
    for (enum metric m = 0; m < METRICS; m++) {
        tn_metric_head(out, metrics[m].name, "gauge", metrics[m].help);
        for (size_t i = 0; i < c->count; i++)
            tn_buf_addf(out, "%s{consumer=\"%s\"} %.*f\n", metrics[m].name, c->list[i].sink->name,
                        metrics[m].decimals, value_of(c, &c->list[i], m));
    }
    tn_metric_head(out, "tenon_queue_entries", "gauge", "Tickets that wait or are worked on.");
    for (size_t i = 0; i < c->queue_count; i++)
        tn_buf_addf(out, "tenon_queue_entries{queue=\"%s\"} %lld\n", c->queues[i].name,
                    (long long)c->queues[i].state.entries);
    tn_metric_head(out, "tenon_queue_oldest_seconds", "gauge",
                   "Age of the oldest ticket; 0: there is none.");
    for (size_t i = 0; i < c->queue_count; i++)
        tn_buf_addf(out, "tenon_queue_oldest_seconds{queue=\"%s\"} %.3f\n", c->queues[i].name,
                    seconds_since(c, c->queues[i].state.oldest_ms));
}

/* ---- REST ---- */

/* null: there is none. */
static void write_time(struct tn_jw *w, const char *key, int64_t ms)
{
    char text[TN_TIME_LEN + 1];
    tn_time_text(ms, text);
    tn_jw_kz(w, key, ms ? text : NULL);
}

static void write_place(struct tn_jw *w, const char *key, int64_t seq)
{
    if (seq < 0)
        tn_jw_knull(w, key);
    else
        tn_jw_kint(w, key, seq);
}

static void write_partitions(struct tn_jw *w, const struct api_consumer *one)
{
    tn_jw_key(w, TN_STR("partitions"));
    tn_jw_array(w);
    for (int i = 0; i < TN_PARTITIONS; i++) {
        const struct tn_position *p = &one->parts[i];
        tn_jw_object(w);
        tn_jw_kint(w, "number", i);
        write_place(w, "position", p->idle ? -1 : p->seq);
        tn_jw_kbool(w, "idle", p->idle);
        tn_jw_end(w);
    }
    tn_jw_end(w);
}

static void write_consumer(struct tn_jw *w, const struct api_consumer *one)
{
    tn_jw_object(w);
    tn_jw_kz(w, "name", one->sink->name);
    tn_jw_kz(w, "operation", one->sink->noun);
    tn_jw_kint(w, "head", one->head);
    write_place(w, "position", one->position);
    tn_jw_kint(w, "lag", lag_of(one));
    write_time(w, "oldestWaitingAt", one->oldest_ms);
    tn_jw_kint(w, "retries", one->retries.entries);
    write_time(w, "retriesOldestAt", one->retries.oldest_ms);
    tn_jw_kint(w, "deadLetters", one->dead);
    write_partitions(w, one);
    tn_jw_kint(w, "held", one->leases.leased);
    tn_jw_end(w);
}

static void answer(void *arg, const struct api_consumers *c, const struct tn_err *err)
{
    struct tn_http_exchange *x = arg;
    struct tn_answer a;
    if (err) {
        tn_answer_err(x, err);
        return;
    }
    tn_answer_begin(&a, x);
    tn_jw_object(&a.w);
    tn_jw_key(&a.w, TN_STR("consumers"));
    tn_jw_array(&a.w);
    for (size_t i = 0; i < c->count; i++) write_consumer(&a.w, &c->list[i]);
    tn_jw_end(&a.w);
    tn_jw_end(&a.w);
    tn_answer_send(&a, 200);
}

void api_consumers_list(void *arg, struct tn_http_exchange *x)
{
    static const char *const parameters[] = {NULL};
    if (api_query_known(x, parameters)) api_consumers_look(arg, answer, x);
}
