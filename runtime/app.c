/* SPDX-License-Identifier: MIT */
/* app.c - makes every part of a process in order and unmakes it in reverse order. */
#include "app.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "access/keys.h"
#include "api/api.h"
#include "base/alloc.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/time.h"
#include "cli/cli.h"
#include "events/consumer.h"
#include "loop/folder.h"
#include "loop/loop.h"
#include "loop/shared.h"
#include "model/audit.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "options.h"
#include "scripts/rules.h"
#include "scripts/scripts.h"
#include "store/commit.h"
#include "store/read.h"
#include "store/server.h"
#include "sync/inbound.h"
#include "sync/runner.h"

enum { BEAT_MS = 250, WATCH_QUIET_MS = 100, FIRST_TEAM = 1, DRAIN_LIMIT_MS = 15000 };

static int say(const struct tn_err *err)
{
    return tn_cli_fail(err);
}

/* ---- the store process ---- */

static void stop_loop(void *arg)
{
    tn_loop_stop(arg);
}

/* Tells the supervisor that the loop turns. */
struct heart {
    struct tn_shared_process *page;
    struct tn_timer *timer;
};

static void beat(void *arg)
{
    struct heart *h = arg;
    h->page->beat_us = tn_mono_us();
    tn_timer_set(h->timer, BEAT_MS);
}

static void heart_start(struct heart *h, struct tn_loop *loop, struct tn_shared_process *page)
{
    h->page = page;
    h->timer = tn_timer_new(loop, beat, h);
    beat(h);
}

static struct tn_retention retention_of(const struct tn_options *o)
{
    const int64_t day_ms = 86400000;
    struct tn_retention r = tn_retention_default;
    r.runs = o->runs_days * day_ms;
    r.audit = o->audit_days * day_ms;
    r.inbound = o->inbound_days * day_ms;
    r.plans = o->plans_days * day_ms;
    r.settled = o->settled_days * day_ms;
    r.events = o->events_days * day_ms;
    r.history = o->history_days * day_ms;
    return r;
}

/* Of the store process and the workers: the first who meets it says so. */
static void damaged(void *arg, const char *table)
{
    const struct tn_prepared *p = arg;
    if (!tn_shared_damaged(p->shared, table)) return;
    tn_log(p->log, TN_LOG_error, "store",
           "the table %s has a damaged page: what lies on it cannot be read, other tables go on; "
           "tenon doctor shows what is damaged, tenon restore puts a backup in its place",
           table);
}

int tn_app_store(const struct tn_prepared *p)
{
    struct tn_retention retention = retention_of(p->options);
    struct tn_err err;
    struct tn_loop *loop = tn_loop_new(&err);
    if (!loop) return say(&err);
    struct tn_server_options o = {.dir = p->data,
                                  .listen_fd = p->store_fd,
                                  .workers_live = p->shared->store.restarts > 0,
                                  .log = p->log,
                                  .retention = &retention,
                                  .damaged = damaged,
                                  .damaged_arg = (void *)p};
    struct tn_store_server *server = tn_store_server_open(loop, &o, &err);
    struct heart heart = {.timer = NULL};
    if (server) {
        heart_start(&heart, loop, &p->shared->store);
        close(p->tcp_fd);
        close(p->unix_fd);
        tn_loop_on_signal(loop, SIGTERM, stop_loop, loop);
        signal(SIGINT, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        p->shared->store.state = TN_PROCESS_ready;
        tn_loop_run(loop);
    }
    tn_timer_free(heart.timer);
    tn_store_server_close(server);
    tn_loop_free(loop);
    return server ? 0 : say(&err);
}

/* ---- a worker ---- */

struct tn_app {
    const struct tn_prepared *p;
    struct tn_shared_process *page;
    int number, status;
    bool first, booted, stopping, drained, runs_ended,
        saved; /* saved: a file was saved before the boot had ended */

    struct tn_loop *loop;
    struct heart heart;
    struct tn_timer *drain_limit;
    struct tn_id holder; /* claims work in the store's queues */
    struct tn_store *store;
    struct tn_http_client *http;
    struct tn_host *host;
    struct bind_env env;
    struct tn_scripts *scripts;
    struct tn_keys *keys;
    struct tn_runner *runner;
    struct tn_inbound *inbound;
    struct tn_rules *rules;
    struct tn_consumer *rule_consumer;
    struct tn_api *api;
    struct tn_http_server *server;
    struct tn_folder *folder;
    char admin_token[TN_TOKEN_LEN + 1];
};

static void fail(struct tn_app *app, const struct tn_err *err)
{
    app->status = say(err);
    tn_loop_stop(app->loop);
}

/* Payloads of failed records are stored encrypted. */
static bool unseal_payload(void *arg, struct tn_str sealed, struct tn_buf *out, struct tn_err *err)
{
    const struct tn_secrets *secrets = arg;
    return tn_unseal(&secrets->payload, sealed, TN_STR("quarantine"), out, err);
}

static bool seal_payload(void *arg, struct tn_str payload, struct tn_buf *out, struct tn_err *err)
{
    const struct tn_secrets *secrets = arg;
    tn_seal(&secrets->payload, payload, TN_STR("quarantine"), out);
    return tn_buf_ok(out, "a record that failed", err);
}

/* ---- last steps: runner, API, server ---- */

static bool fits(void *arg, struct tn_units *units, tn_fault_fn each, void *each_arg,
                 struct tn_err *err)
{
    (void)arg;
    return tn_api_fits(units, each, each_arg, err);
}

static void swapped(void *arg)
{
    struct tn_app *app = arg;
    struct tn_err err;
    app->env.serving = tn_scripts_units(app->scripts);
    if (app->rule_consumer) tn_consumer_wake(app->rule_consumer);
    if (app->api && !tn_api_refresh(app->api, &err))
        tn_log(app->p->log, TN_LOG_error, "scripts", "the paths of the new scripts clash: %s",
               err.text);
}

static void reload_said(void *arg, const struct tn_activation_report *report,
                        const struct tn_err *err)
{
    (void)arg, (void)report, (void)err; /* it was logged */
}

static void reload(struct tn_app *app, const char *who)
{
    struct tn_wish wish = {.by = {.kind = TN_ACTOR_SERVER}};
    snprintf(wish.by.name, sizeof wish.by.name, "%s", who);
    tn_scripts_change(app->scripts, &wish, reload_said, NULL);
}

static void reload_signal(void *arg)
{
    struct tn_app *app = arg;
    tn_log_reopen(app->p->log);
    if (app->scripts && app->booted) reload(app, "SIGHUP");
}

static void reload_folder(void *arg)
{
    struct tn_app *app = arg;
    if (app->booted)
        reload(app, "watch");
    else
        app->saved = true;
}

/* Begins to watch before the boot reads the folder, so that no save in between is missed. */
static bool watch_folder(struct tn_app *app, struct tn_err *err)
{
    const struct tn_options *o = app->p->options;
    if (app->number != 1 || !o->watch || !o->site) return true;
    app->folder = tn_folder_watch(app->loop, o->site, WATCH_QUIET_MS, reload_folder, app, err);
    return app->folder != NULL;
}

/* A worker that replaces another boots from the store, so it has to load files that were saved
 * while no worker watched. */
static void catch_up_folder(struct tn_app *app)
{
    if (app->folder && (app->saved || !app->first)) reload_folder(app);
}

static void open_runner(struct tn_app *app)
{
    struct tn_runner_options o = {.loop = app->loop,
                                  .store = app->store,
                                  .log = app->p->log,
                                  .counters = &app->page->counters,
                                  .adapters = &tn_scripts_adapters,
                                  .adapters_self = app->scripts,
                                  .seal = seal_payload,
                                  .unseal = unseal_payload,
                                  .seal_arg = (void *)&app->p->secrets,
                                  .sealer = app->env.sealer};
    app->page->counters.runs_active = 0; /* a worker that died left its own */
    app->runner = tn_runner_open(&o);
    app->inbound = tn_inbound_open(app->loop, app->store, app->runner, app->p->log);
    app->env.runner = app->runner;
}

static bool rules_quarantined(void *arg)
{
    const struct tn_app *app = arg;
    return tn_scripts_quarantined(app->scripts, tn_rules_name);
}

/* Workers that live or begin; one that is being replaced is none. */
static unsigned count_workers(void *arg)
{
    const struct tn_app *app = arg;
    const struct tn_shared *s = app->p->shared;
    unsigned n = 0;
    for (int i = 0; i < s->worker_count; i++)
        n += s->workers[i].state == TN_PROCESS_starting || s->workers[i].state == TN_PROCESS_ready;
    return n;
}

static void open_rules(struct tn_app *app)
{
    struct tn_consumer_options o = {.loop = app->loop,
                                    .store = app->store,
                                    .log = app->p->log,
                                    .sink = &tn_rules_sink,
                                    .self = app->rules,
                                    .workers = count_workers,
                                    .workers_arg = app,
                                    .seal = seal_payload,
                                    .seal_arg = (void *)&app->p->secrets};
    app->env.serving = tn_scripts_units(app->scripts);
    app->rule_consumer = tn_consumer_open(&o);
}

static bool open_api(struct tn_app *app, struct tn_err *err)
{
    struct tn_api_parts parts = {.loop = app->loop,
                                 .log = app->p->log,
                                 .store = app->store,
                                 .keys = app->keys,
                                 .secrets = &app->p->secrets,
                                 .tools = app->env.tools,
                                 .runner = app->runner,
                                 .shared = app->p->shared,
                                 .counters = &app->page->counters,
                                 .scripts = app->scripts,
                                 .version = TENON_VERSION,
                                 .team = FIRST_TEAM,
                                 .worker = app->number};
    app->api = tn_api_open(&parts, err);
    return app->api != NULL;
}

static bool open_server(struct tn_app *app, struct tn_err *err)
{
    struct tn_http_server_options o = {.max_body = 0};
    tn_api_serve(app->api, &o);
    app->server = tn_http_server_new(app->loop, &o);
    return tn_http_server_listen(app->server, app->p->tcp_fd, err) &&
           tn_http_server_listen(app->server, app->p->unix_fd, err);
}

static void booted(void *arg, const struct tn_err *err)
{
    struct tn_app *app = arg;
    struct tn_err why;
    if (err) {
        fail(app, err);
        return;
    }
    app->booted = true;
    open_runner(app);
    open_rules(app);
    if (!open_api(app, &why) || !open_server(app, &why)) {
        fail(app, &why);
        return;
    }
    catch_up_folder(app);
    tn_scripts_tell_quarantines(app->scripts);
    app->page->state = TN_PROCESS_ready;
}

static void boot_scripts(struct tn_app *app)
{
    struct tn_err err;
    if (!watch_folder(app, &err)) {
        fail(app, &err);
        return;
    }
    tn_scripts_boot(app->scripts, app->first, booted, app);
}

/* ---- first steps of the first worker: the key check, the team, the admin key ---- */

static const char check_space[] = "system", check_key_name[] = "key check", check_text[] = "tenon";

static bool write_admin_key(const struct tn_app *app, struct tn_err *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/admin.key", app->p->data);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, app->admin_token, TN_TOKEN_LEN) == TN_TOKEN_LEN &&
              write(fd, "\n", 1) == 1 && fsync(fd) == 0;
    if (!ok) tn_fail_errno(err, errno, path);
    if (fd >= 0) close(fd);
    return ok;
}

static void prepared(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct tn_app *app = arg;
    struct tn_err why;
    (void)done;
    if (err)
        fail(app, err);
    else if (!write_admin_key(app, &why))
        fail(app, &why);
    else
        boot_scripts(app);
}

/* Prepares a new data folder: its team, a first admin key, and a value that only this master key
 * opens. */
static void prepare_folder(struct tn_app *app)
{
    const struct tn_actor starter = {.kind = TN_ACTOR_SERVER, .name = "start"};
    struct tn_commit *commit = tn_commit_new(app->store);
    struct tn_buf sealed;
    struct tn_id team = tn_id_new(), key;
    struct tn_err err;
    tn_buf_init(&sealed, 1024);
    tn_seal(&app->p->secrets.config, tn_str(check_text), tn_str(check_key_name), &sealed);
    if (tn_commit_kv_set(commit, TN_TEAM_SYSTEM, check_space, tn_str(check_key_name),
                         tn_buf_str(&sealed), TN_NEW_ONLY, 0, &err) &&
        tn_commit_put(commit, TN_TEAM_SYSTEM, "team", &team,
                      TN_STR("{\"slug\":\"default\",\"number\":1,\"name\":\"Default\"}"),
                      TN_NEW_ONLY, &err) &&
        tn_keys_make(app->keys, commit, FIRST_TEAM, TN_STR("first admin"), TN_STR("admin"), NULL, 0,
                     app->admin_token, &key, &err) &&
        tn_audit(commit, FIRST_TEAM, &starter, "folder.create", "", TN_STR(""), &err)) {
        tn_store_commit(app->store, commit, prepared, app);
    } else {
        tn_commit_free(commit);
        fail(app, &err);
    }
    tn_buf_clear(&sealed);
}

static void check_key(struct tn_app *app, struct tn_str sealed)
{
    struct tn_buf plain;
    struct tn_err err;
    tn_buf_init(&plain, 64);
    if (tn_unseal(&app->p->secrets.config, sealed, tn_str(check_key_name), &plain, &err)) {
        boot_scripts(app);
    } else {
        tn_fail(&err, TN_E_invalid,
                "the master key (%s) is not the one that this data folder was sealed with: "
                "start with that one; nothing was changed",
                app->p->secrets.source);
        fail(app, &err);
    }
    tn_buf_clear(&plain);
}

static void key_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_app *app = arg;
    const struct tn_err *why = err ? err : tn_found_err(found, 0);
    if (!why)
        check_key(app, tn_found_kv(found, 0, 0)->value);
    else if (why->kind == TN_E_not_found)
        prepare_folder(app);
    else if (why->kind != TN_E_cancelled)
        fail(app, why);
}

static void check_folder(struct tn_app *app)
{
    struct tn_read *read;
    if (!app->first) {
        boot_scripts(app);
        return;
    }
    read = tn_read_new(TN_TEAM_SYSTEM);
    tn_read_kv(read, check_space, tn_str(check_key_name));
    tn_store_read(app->store, read, NULL, key_found, app);
}

/* From here on a successor can find the claims of this worker. */
static void released(void *arg, const struct tn_err *err)
{
    struct tn_app *app = arg;
    if (err) {
        fail(app, err);
        return;
    }
    memcpy(app->page->holder, app->holder.b, sizeof app->page->holder);
    check_folder(app);
}

/* Frees the claims of a dead worker of this place before anything else happens. */
static void store_ready(void *arg)
{
    static const struct tn_id nobody;
    struct tn_app *app = arg;
    struct tn_id before;
    if (app->keys) return; /* the store process was replaced and is back */
    app->keys = tn_keys_open(app->store, &app->p->secrets);
    memcpy(before.b, app->page->holder, sizeof before.b);
    if (memcmp(&before, &nobody, sizeof before) == 0)
        released(app, NULL);
    else
        tn_store_release(app->store, &before, released, app);
}

/* ---- stop ---- */

static void runner_closed(void *arg)
{
    struct tn_app *app = arg;
    app->runs_ended = true;
    if (app->drained) tn_loop_stop(app->loop);
}

static void drained(void *arg)
{
    struct tn_app *app = arg;
    app->drained = true;
    if (app->runs_ended) tn_loop_stop(app->loop);
}

static void give_up(void *arg)
{
    struct tn_app *app = arg;
    tn_log(app->p->log, TN_LOG_warn, "worker", "stops before everything was finished");
    tn_loop_stop(app->loop);
}

/* Runs stop at their next page and wait for the restart, and callers that wait for one are told so;
 * then the server finishes the requests that it has accepted. */
static void stop(void *arg)
{
    struct tn_app *app = arg;
    if (app->stopping) return;
    app->stopping = true;
    app->page->state = TN_PROCESS_stopping;
    tn_timer_set(app->drain_limit, TN_FAULT("app.drain") ? 0 : DRAIN_LIMIT_MS);
    if (!app->server) {
        tn_loop_stop(app->loop);
        return;
    }
    tn_http_server_drain(app->server, drained, app);
    tn_inbound_close(app->inbound);
    app->inbound = NULL;
    tn_consumer_close(app->rule_consumer);
    app->rule_consumer = NULL;
    app->env.runner = NULL;
    tn_runner_close(app->runner, runner_closed, app);
}

/* ---- open and close ---- */

static bool open_parts(struct tn_app *app, struct tn_err *err)
{
    const struct tn_prepared *p = app->p;
    static const char sock[] = "/store.sock";
    char path[4096];
    snprintf(path, sizeof path, "%s%s", p->data, sock);
    app->holder = tn_id_new();
    struct tn_store_options so = {.dir = p->data,
                                  .socket = path,
                                  .holder = app->holder,
                                  .log = p->log,
                                  .damaged = damaged,
                                  .damaged_arg = (void *)p};
    struct tn_http_client_options ho = {
        .egress = p->egress, .user_agent = "tenon/" TENON_VERSION, .ca_file = p->options->ca_file};
    app->drain_limit = tn_timer_new(app->loop, give_up, app);
    heart_start(&app->heart, app->loop, app->page);
    app->store = tn_store_open(app->loop, &so, err);
    if (!app->store) return false;
    app->http = tn_http_client_new(app->loop, &ho, err);
    if (!app->http) return false;
    tn_alloc_steady();
    app->host = tn_host_new(app->loop, p->log, err);
    if (!app->host) return false;
    _Static_assert((int)TN_HOST_SLOT == (int)TN_UNIT_NAME, "the slot is that of the page");
    tn_host_on_enter(app->host, app->page->unit);
    app->env = (struct bind_env){.host = app->host,
                                 .log = p->log,
                                 .http = app->http,
                                 .store = app->store,
                                 .tools = tn_tx_tools_new(),
                                 .sealer = {tn_secrets_seal, &p->secrets},
                                 .secrets = &p->secrets,
                                 .adapters = &tn_units_operations};
    app->rules = tn_rules_new(&app->env, rules_quarantined, app);
    struct tn_scripts_options scripts = {.loop = app->loop,
                                         .env = &app->env,
                                         .rules = app->rules,
                                         .shared = p->shared,
                                         .site = p->options->site,
                                         .worker = app->number,
                                         .require_preview = p->options->require_preview,
                                         .evidence_days = p->options->evidence_days,
                                         .fits = fits,
                                         .swapped = swapped,
                                         .arg = app};
    app->scripts = tn_scripts_open(&scripts);
    tn_store_on_ready(app->store, store_ready, app);
    return true;
}

static void close_parts(struct tn_app *app)
{
    tn_host_call_home(app->host);
    tn_folder_free(app->folder);
    tn_inbound_close(app->inbound);
    tn_consumer_close(app->rule_consumer);
    /* All that may call back into the API ends before it: requests that are under way answer
     * nobody, but their code still runs (api/handler.h). */
    tn_http_server_free(app->server);
    tn_store_stop(app->store);
    tn_runner_free(app->runner);
    tn_keys_close(app->keys);
    tn_scripts_close(app->scripts);
    tn_rules_free(app->rules);
    tn_host_stop(app->host); /* tasks hold requests of the client, and answer for surfaces */
    tn_http_client_free(app->http);
    tn_api_close(app->api);
    tn_store_close(app->store);
    tn_host_free(app->host);
    tn_tx_tools_free(app->env.tools);
    tn_timer_free(app->heart.timer);
    tn_timer_free(app->drain_limit);
    tn_loop_free(app->loop);
}

int tn_app_worker(const struct tn_prepared *p, int number, bool first)
{
    struct tn_app app = {
        .p = p, .page = &p->shared->workers[number - 1], .number = number, .first = first};
    struct tn_err err;
    app.loop = tn_loop_new(&err);
    if (!app.loop) return say(&err);
    tn_loop_on_signal(app.loop, SIGTERM, stop, &app);
    tn_loop_on_signal(app.loop, SIGHUP, reload_signal, &app);
    signal(SIGINT, SIG_IGN); /* the supervisor gets the signal and stops the workers in order */
    if (open_parts(&app, &err))
        tn_loop_run(app.loop);
    else
        app.status = say(&err);
    close_parts(&app);
    return app.status;
}
