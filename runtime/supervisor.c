/* SPDX-License-Identifier: MIT */
#include "supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time.h"
#include "loop/process.h"
#include "loop/shared.h"

enum {
    TICK_MS = 100,
    HANG_US = 10 * 1000000,       /* a worker whose loop did not turn for so long is dead */
    STORE_HANG_US = 60 * 1000000, /* the store may wait for a slow disk */
    STOP_US = 20 * 1000000,       /* how long a graceful stop may take */
    PAUSE_MIN_US = 50000,
    PAUSE_MAX_US = 5000000,
    STEADY_US = 10 * 1000000, /* a process that lived this long is replaced at once */
};

/* One supervised process: slot 0 is the store, slot n worker n. */
struct child {
    struct supervisor *of;
    struct tn_shared_process *page;
    int number;
    pid_t pid;
    int64_t started_us, again_us, pause_us;
};

struct supervisor {
    struct tn_shared *shared;
    const struct tn_supervised *what;
    struct tn_log *log;
    struct child children[TN_WORKERS_MAX + 1];
    int count; /* the store and the workers */
    int up;    /* how many have ever been started */
    bool served, stopping, quiet, failed;
    int64_t stop_us;
};

static void name_of(const struct child *c, char out[24])
{
    if (c->number == 0)
        snprintf(out, 24, "store");
    else
        snprintf(out, 24, "worker %d", c->number);
}

static int child_main(void *arg)
{
    struct child *c = arg;
    struct supervisor *s = c->of;
    char name[24], title[40];
    name_of(c, name);
    snprintf(title, sizeof title, "tenon: %s", name);
    tn_process_title(title);
    tn_log_name(s->log, name);
    c->page->pid = getpid();
    if (c->number == 0) return s->what->store(s->what->arg);
    return s->what->worker(s->what->arg, c->number, !s->served && c->number == 1);
}

static void start(struct child *c)
{
    c->started_us = tn_mono_us();
    c->page->beat_us = c->started_us;
    c->page->unit[0] = '\0';
    c->page->state = TN_PROCESS_starting;
    c->pid = tn_process_start(child_main, c);
    if (c->pid > 0) return;
    tn_log(c->of->log, TN_LOG_error, "supervisor", "a process cannot be started: %s",
           strerror(errno));
    c->pid = 0;
    c->again_us = c->started_us + PAUSE_MAX_US;
}

static void describe(int status, char *out, size_t n)
{
    if (WIFSIGNALED(status))
        snprintf(out, n, "was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(out, n, "ended with status %d", WEXITSTATUS(status));
}

static void blame_unit(struct child *c)
{
    struct supervisor *s = c->of;
    const char *unit = c->page->unit, *then = "";
    if (!unit[0]) return;
    if (!tn_shared_blame(s->shared, unit))
        then = "; that cannot be noted, as there is no room for more in quarantine";
    else if (tn_shared_quarantined(s->shared, unit))
        then = "; it is in quarantine until it is changed";
    tn_log(s->log, TN_LOG_error, "supervisor", "unit %s was running when the worker died%s", unit,
           then);
}

static void died(struct child *c, int status)
{
    struct supervisor *s = c->of;
    char name[24], how[96];
    bool was_ready = c->page->state == TN_PROCESS_ready;
    c->pid = 0;
    c->page->state = TN_PROCESS_none;
    if (s->stopping) return;
    name_of(c, name);
    describe(status, how, sizeof how);
    if (!s->served &&
        !was_ready) { /* the process has logged why, and there is nothing to fall back to */
        s->failed = true;
        return;
    }
    tn_log(s->log, TN_LOG_error, "supervisor", "%s %s; another one starts", name, how);
    if (c->number > 0) blame_unit(c);
    int64_t now = tn_mono_us();
    bool steady = now - c->started_us > STEADY_US;
    c->pause_us = steady || !c->pause_us ? PAUSE_MIN_US : c->pause_us * 2;
    if (c->pause_us > PAUSE_MAX_US) c->pause_us = PAUSE_MAX_US;
    c->again_us = now + c->pause_us;
    c->page->restarts++;
}

static void reap(struct supervisor *s)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (int i = 0; i < s->count; i++)
            if (s->children[i].pid == pid) died(&s->children[i], status);
}

/* The store comes first, then the first worker alone (it prepares what all share), then the rest.
 */
static void start_next(struct supervisor *s)
{
    bool ready = true;
    for (int i = 0; i < s->up; i++) ready = ready && s->children[i].page->state == TN_PROCESS_ready;
    if (!ready) return;
    int upto = s->up < 2 ? s->up + 1 : s->count;
    while (s->up < upto && s->up < s->count) start(&s->children[s->up++]);
    if (s->served || s->up < s->count) return;
    for (int i = 0; i < s->count; i++)
        if (s->children[i].page->state != TN_PROCESS_ready) return;
    s->served = true;
    s->what->ready(s->what->arg);
}

/* A store may take long to open a large database; a worker has nothing to wait for. */
static bool hangs(const struct child *c, int64_t now)
{
    int64_t silence = now - c->page->beat_us;
    if (c->number == 0) return c->page->state == TN_PROCESS_ready && silence > STORE_HANG_US;
    return silence > HANG_US;
}

static void check_children(struct supervisor *s)
{
    int64_t now = tn_mono_us();
    for (int i = 0; i < s->up; i++) {
        struct child *c = &s->children[i];
        if (!c->pid) {
            if (s->served && now >= c->again_us) start(c);
        } else if (hangs(c, now)) {
            char name[24];
            name_of(c, name);
            tn_log(s->log, TN_LOG_error, "supervisor", "%s hangs and is killed", name);
            kill(c->pid, SIGKILL);
            c->page->beat_us = now;
        }
    }
}

static bool any_alive(const struct supervisor *s, int from)
{
    for (int i = from; i < s->count; i++)
        if (s->children[i].pid) return true;
    return false;
}

static void signal_all(struct supervisor *s, int from, int signo)
{
    for (int i = from; i < s->count; i++)
        if (s->children[i].pid) kill(s->children[i].pid, signo);
}

/* Workers first: they finish what they have accepted, and for that they need the store. */
static void stop(struct supervisor *s)
{
    s->stopping = true;
    s->stop_us = tn_mono_us() + STOP_US;
    signal_all(s, 1, SIGTERM);
}

/* Closes the sockets, so that a client that connects now is refused at once. */
static void close_door(struct supervisor *s)
{
    for (int i = 1; i < s->count; i++)
        if (s->children[i].pid && s->children[i].page->state == TN_PROCESS_ready) return;
    s->quiet = true;
    s->what->quiet(s->what->arg);
}

static bool stopped(struct supervisor *s)
{
    if (!s->quiet) close_door(s);
    if (tn_mono_us() > s->stop_us) signal_all(s, 0, SIGKILL);
    if (any_alive(s, 1)) return false;
    if (!s->children[0].pid) return true;
    if (s->children[0].page->state != TN_PROCESS_stopping) {
        s->children[0].page->state = TN_PROCESS_stopping;
        kill(s->children[0].pid, SIGTERM);
    }
    return false;
}

static void take_signal(struct supervisor *s, int signo)
{
    if (signo == SIGCHLD) reap(s);
    if ((signo == SIGTERM || signo == SIGINT) && !s->stopping) stop(s);
    if (signo != SIGHUP) return;
    tn_log_reopen(s->log);
    for (int i = 1; i < s->count; i++) {
        if (s->children[i].page->state != TN_PROCESS_ready) continue;
        kill(s->children[i].pid, SIGHUP);
        return;
    }
}

int tn_supervise(struct tn_shared *shared, int workers, const struct tn_supervised *what,
                 struct tn_log *log)
{
    struct supervisor s = {.shared = shared, .what = what, .log = log, .count = workers + 1};
    struct timespec tick = {0, TICK_MS * 1000000L};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    shared->worker_count = workers;
    for (int i = 0; i < s.count; i++)
        s.children[i] = (struct child){
            .of = &s, .number = i, .page = i ? &shared->workers[i - 1] : &shared->store};
    while (!s.stopping || !stopped(&s)) {
        if (!s.stopping && !s.failed) start_next(&s);
        if (s.failed && !s.stopping) stop(&s);
        tick.tv_nsec = (s.served && !s.stopping ? TICK_MS : 5) * 1000000L;
        int signo = sigtimedwait(&signals, NULL, &tick);
        if (signo > 0) take_signal(&s, signo);
        reap(&s);
        if (!s.stopping) check_children(&s);
    }
    return s.failed ? 1 : 0;
}
