/* SPDX-License-Identifier: MIT */
/* tenon quarantine - the records that could not be stored: see, retry, give up. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/client.h"

enum { WORDS_MAX = 500, PATH_BYTES = 4000, POLL_MS = 100, SHOWN = 5, BODY_MAX = 1024 * 1024 };

struct wish {
    const char *data, *integration, *operation, *code, *reason;
    int64_t limit;
    bool group, json, payload, yes;
    const char *words[WORDS_MAX];
    size_t n;
    struct tn_client *client;
};

static int64_t number(struct tn_jval v, const char *key)
{
    int64_t n = 0;
    tn_jint(tn_jget_z(v, key), &n);
    return n;
}

static struct tn_str text(struct tn_jval v, const char *key, struct tn_arena *arena)
{
    struct tn_str s = TN_STR("");
    tn_jtext(tn_jget_z(v, key), arena, &s);
    return s;
}

static bool get(struct wish *wish, const struct tn_buf *path, struct tn_str *reply,
                struct tn_err *err)
{
    return tn_buf_ok(path, "the request", err) &&
           tn_client_call(wish->client, "GET", path->p, (struct tn_str){0}, reply, err);
}

static void add_filter(struct tn_buf *path, const char *name, const char *value)
{
    if (!value) return;
    tn_buf_addf(path, "%c%s=", memchr(path->p, '?', path->n) ? '&' : '?', name);
    tn_client_part(path, value);
}

/* ---- list and groups ---- */

/* The integration that a record comes from, or the rule that an event was for. */
static struct tn_str whose(struct tn_jval record, struct tn_arena *arena)
{
    struct tn_jval integration = tn_jget_z(record, "integration");
    struct tn_str name = text(integration, "name", arena);
    if (!name.n) name = text(integration, "id", arena);
    return name.n ? name : text(record, "entity", arena);
}

static void print_record(struct tn_jval r)
{
    struct tn_arena arena;
    tn_arena_init(&arena);
    struct tn_str external = text(r, "externalId", &arena), field = text(r, "field", &arena);
    struct tn_str status = text(r, "status", &arena);
    printf("%.*s  %-16.*s %-14.*s %-20.*s ", TN_FMT(text(r, "id", &arena)),
           TN_FMT(whose(r, &arena)), TN_FMT(text(r, "operation", &arena)),
           TN_FMT(external.n ? external : TN_STR("(no id)")));
    if (!tn_str_is(status, "open")) printf("[%.*s] ", TN_FMT(status));
    printf("%.*s%s%.*s\n", TN_FMT(field), field.n ? ": " : "", TN_FMT(text(r, "reason", &arena)));
    tn_arena_clear(&arena);
}

static void print_group(struct tn_jval g)
{
    struct tn_arena arena;
    tn_arena_init(&arena);
    struct tn_str field = text(g, "field", &arena), file = text(g, "file", &arena);
    printf("%6lld  %-16.*s %-14.*s %.*s%s%.*s", (long long)number(g, "count"),
           TN_FMT(whose(g, &arena)), TN_FMT(text(g, "operation", &arena)), TN_FMT(field),
           field.n ? ": " : "", TN_FMT(text(g, "reason", &arena)));
    if (file.n && number(g, "line"))
        printf("  [%.*s:%lld]", TN_FMT(file), (long long)number(g, "line"));
    printf("\n%32s since %.*s, for example %.*s\n", "", TN_FMT(text(g, "firstAt", &arena)),
           TN_FMT(text(g, "sampleId", &arena)));
    tn_arena_clear(&arena);
}

static void print_list(const struct wish *wish, struct tn_jval answer)
{
    struct tn_jval records = tn_jget_z(answer, "records");
    long long total = (long long)number(answer, "total"), listed = (long long)tn_jcount(records);
    if (!total) {
        printf("Nothing waits in quarantine.\n");
        return;
    }
    printf("%-36s  %-16s %-14s %-20s %s\n", "ID", "INTEGRATION/RULE", "OPERATION", "RECORD",
           "REASON");
    for (struct tn_jiter it = tn_jiter(records); tn_jnext(&it);) print_record(it.value);
    if (listed < total)
        printf("%lld of %lld; --limit %lld shows more, --group groups them by cause\n", listed,
               total, (long long)wish->limit * 10);
    else
        printf("%lld record%s\n", total, total == 1 ? "" : "s");
}

static void print_groups(struct tn_jval answer)
{
    struct tn_jval groups = tn_jget_z(answer, "groups");
    bool capped = false;
    if (!tn_jcount(groups)) {
        printf("Nothing waits in quarantine.\n");
        return;
    }
    printf("%6s  %-16s %-14s %s\n", "COUNT", "INTEGRATION/RULE", "OPERATION", "CAUSE");
    for (struct tn_jiter it = tn_jiter(groups); tn_jnext(&it);) print_group(it.value);
    tn_jbool(tn_jget_z(answer, "capped"), &capped);
    if (capped)
        printf("there are more: the newest %lld of %lld records were looked at\n",
               (long long)number(answer, "looked"), (long long)number(answer, "total"));
}

static bool list(struct wish *wish, struct tn_err *err)
{
    struct tn_buf path;
    struct tn_str reply;
    tn_buf_init(&path, PATH_BYTES);
    tn_buf_adds(&path, wish->group ? "/api/v1/quarantine/groups" : "/api/v1/quarantine");
    add_filter(&path, "status", "open");
    add_filter(&path, "integration", wish->n ? wish->words[0] : wish->integration);
    add_filter(&path, "operation", wish->operation);
    add_filter(&path, "code", wish->code);
    if (!wish->group) tn_buf_addf(&path, "&limit=%lld", (long long)wish->limit);
    bool ok = get(wish, &path, &reply, err);
    if (ok && wish->json)
        printf("%.*s\n", TN_FMT(reply));
    else if (ok && wish->group)
        print_groups(tn_client_json(wish->client));
    else if (ok)
        print_list(wish, tn_client_json(wish->client));
    tn_buf_clear(&path);
    return ok;
}

/* ---- one ---- */

/* The rules that it breaks. */
static void print_faults(struct tn_jval faults, struct tn_arena *arena)
{
    for (struct tn_jiter it = tn_jiter(faults); tn_jnext(&it);)
        printf("%-12s %.*s: %.*s\n", "rule", TN_FMT(text(it.value, "code", arena)),
               TN_FMT(text(it.value, "message", arena)));
}

static void print_details(struct tn_jval r)
{
    static const char *const lines[][2] = {{"id", "id"},
                                           {"operation", "operation"},
                                           {"entity", "entity"},
                                           {"record", "externalId"},
                                           {"status", "status"},
                                           {"code", "code"},
                                           {"reason", "reason"},
                                           {"field", "field"},
                                           {"file", "file"},
                                           {"line", "line"},
                                           {"generation", "generation"},
                                           {"run", "runId"},
                                           {"attempts", "attempts"},
                                           {"since", "createdAt"},
                                           {"last tried", "updatedAt"},
                                           {"given up by", "discardedBy"},
                                           {"because", "discardReason"}};
    struct tn_arena arena;
    tn_arena_init(&arena);
    printf("%-12s %.*s\n", "integration", TN_FMT(whose(r, &arena)));
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct tn_jval v = tn_jget_z(r, lines[i][1]);
        struct tn_str shown = tn_jraw(v);
        if (tn_jis(v, TN_JSON_absent) || tn_jis(v, TN_JSON_null)) continue;
        if (tn_jis(v, TN_JSON_string)) tn_jtext(v, &arena, &shown);
        printf("%-12s %.*s\n", lines[i][0], TN_FMT(shown));
    }
    print_faults(tn_jget_z(r, "faults"), &arena);
    tn_arena_clear(&arena);
}

static bool show(struct wish *wish, struct tn_err *err)
{
    struct tn_buf path;
    struct tn_str reply;
    tn_buf_init(&path, PATH_BYTES);
    tn_buf_adds(&path, "/api/v1/quarantine/");
    tn_client_part(&path, wish->words[1]);
    if (wish->payload) tn_buf_adds(&path, "/payload");
    bool ok = get(wish, &path, &reply, err);
    if (ok && wish->payload)
        fwrite(reply.p, 1, reply.n, stdout);
    else if (ok && wish->json)
        printf("%.*s\n", TN_FMT(reply));
    else if (ok)
        print_details(tn_client_json(wish->client));
    tn_buf_clear(&path);
    return ok;
}

/* ---- plans ---- */

static void write_filter(const struct wish *wish, struct tn_jw *w)
{
    tn_jw_key(w, TN_STR("filter"));
    tn_jw_object(w);
    if (wish->integration) tn_jw_kz(w, "integration", wish->integration);
    if (wish->operation) tn_jw_kz(w, "operation", wish->operation);
    if (wish->code) tn_jw_kz(w, "code", wish->code);
    tn_jw_end(w);
}

/* The body of a plan's making: the records by the ids of the command line, else by the filter. */
static void write_request(const struct wish *wish, bool discard, struct tn_buf *body)
{
    struct tn_jw w;
    tn_jw_init(&w, body);
    tn_jw_object(&w);
    if (wish->n == 1) {
        write_filter(wish, &w);
    } else {
        tn_jw_key(&w, TN_STR("ids"));
        tn_jw_array(&w);
        for (size_t i = 1; i < wish->n; i++) tn_jw_z(&w, wish->words[i]);
        tn_jw_end(&w);
    }
    if (discard && wish->reason) tn_jw_kz(&w, "reason", wish->reason);
    tn_jw_end(&w);
}

/* The server's sentence of what will happen, and the first records that it happens to. */
static void print_plan(struct tn_jval plan)
{
    struct tn_jval samples = tn_jget_z(plan, "samples");
    struct tn_arena arena;
    size_t n = 0;
    tn_arena_init(&arena);
    printf("%.*s\n", TN_FMT(text(plan, "effects", &arena)));
    for (struct tn_jiter it = tn_jiter(samples); n < SHOWN && tn_jnext(&it); n++)
        print_record(it.value);
    if (number(plan, "count") > (int64_t)n)
        printf("  and %lld more\n", (long long)(number(plan, "count") - (int64_t)n));
    tn_arena_clear(&arena);
}

/* Nobody who could be asked has not said yes. */
static bool agreed(const struct wish *wish, struct tn_err *err)
{
    char line[16] = "";
    if (wish->yes) return true;
    if (!isatty(STDIN_FILENO))
        return tn_fail(err, TN_E_invalid,
                       "nothing was done: there is nobody to ask; --yes does it without asking");
    printf("Go on? [y/N] ");
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y')) return true;
    return tn_fail(err, TN_E_cancelled, "nothing was done");
}

static void print_outcome(struct tn_jval plan)
{
    struct tn_jval o = tn_jget_z(plan, "outcome");
    if (tn_cli_terminal()) printf("\r\033[K");
    if (!tn_jis(tn_jget_z(o, "discarded"), TN_JSON_absent)) {
        printf("%lld discarded\n", (long long)number(o, "discarded"));
        return;
    }
    if (!tn_jis(tn_jget_z(o, "sent"), TN_JSON_absent)) {
        printf("%lld sent again; one that is given up again comes back here\n",
               (long long)number(o, "sent"));
        if (number(plan, "left"))
            printf("%lld are left, since one commit has no room for more: do it again\n",
                   (long long)number(plan, "left"));
        return;
    }
    printf("%lld of %lld repaired, %lld failed again, %lld were not there any more\n",
           (long long)number(o, "repaired"), (long long)number(o, "total"),
           (long long)number(o, "failed"), (long long)number(o, "skipped"));
    if (number(o, "failed")) printf("tenon quarantine --group tells why they fail now\n");
}

/* Until it is done; its last answer is the client's. */
static bool follow(struct wish *wish, const char *path, struct tn_str *reply, struct tn_err *err)
{
    struct timespec pause = {0, POLL_MS * 1000000L};
    while (tn_client_call(wish->client, "GET", path, (struct tn_str){0}, reply, err)) {
        struct tn_jval plan = tn_client_json(wish->client), o = tn_jget_z(plan, "outcome");
        if (tn_str_is(tn_jraw(tn_jget_z(plan, "state")), "\"done\"")) return true;
        if (tn_cli_terminal()) {
            printf("\r%lld of %lld records ",
                   (long long)(number(o, "total") - number(o, "waiting")),
                   (long long)number(o, "total"));
            fflush(stdout);
        }
        nanosleep(&pause, NULL);
    }
    return false;
}

/* The plan of the client's last answer, to its end. */
static bool carry_out(struct wish *wish, struct tn_str *reply, struct tn_err *err)
{
    struct tn_arena arena;
    char path[128], run[160];
    tn_arena_init(&arena);
    snprintf(path, sizeof path, "/api/v1/plans/%.*s",
             TN_FMT(text(tn_client_json(wish->client), "id", &arena)));
    snprintf(run, sizeof run, "%s/run", path);
    tn_arena_clear(&arena);
    return tn_client_call(wish->client, "POST", run, (struct tn_str){0}, reply, err) &&
           follow(wish, path, reply, err);
}

/* Makes a plan, shows it, asks, and carries it out. */
static bool act(struct wish *wish, bool discard, struct tn_err *err)
{
    struct tn_buf body;
    struct tn_str reply = {0};
    tn_buf_init(&body, BODY_MAX);
    write_request(wish, discard, &body);
    bool ok = tn_buf_ok(&body, "the request", err) &&
              tn_client_call(wish->client, "POST",
                             discard ? "/api/v1/quarantine/discard" : "/api/v1/quarantine/retry",
                             tn_buf_str(&body), &reply, err);
    if (ok && !wish->json) print_plan(tn_client_json(wish->client));
    ok = ok && agreed(wish, err) && carry_out(wish, &reply, err);
    if (ok && wish->json)
        printf("%.*s\n", TN_FMT(reply));
    else if (ok)
        print_outcome(tn_client_json(wish->client));
    tn_buf_clear(&body);
    return ok;
}

/* ---- the command ---- */

enum verb { LIST, SHOW, RETRY, DISCARD };

static enum verb verb_of(const struct wish *wish)
{
    static const char *const verbs[] = {[SHOW] = "show", [RETRY] = "retry", [DISCARD] = "discard"};
    for (int v = SHOW; wish->n && v <= DISCARD; v++)
        if (strcmp(wish->words[0], verbs[v]) == 0) return v;
    return LIST;
}

static bool makes_sense(const struct wish *wish, enum verb verb, struct tn_err *err)
{
    bool filter = wish->integration || wish->operation || wish->code;
    if (verb == LIST && wish->n > 1)
        return tn_fail(err, TN_E_invalid, "quarantine lists one integration, or all of them");
    if (verb == SHOW && wish->n != 2)
        return tn_fail(err, TN_E_invalid, "quarantine show takes the id of one record");
    if (verb < RETRY || filter != (wish->n > 1)) return true;
    return tn_fail(err, TN_E_invalid, "quarantine %s takes either ids or --integration NAME",
                   wish->words[0]);
}

int tn_cli_quarantine(int argc, char **argv)
{
    struct wish wish = {.data = "./tenon-data", .limit = 50};
    struct tn_err err;
    const struct tn_arg table[] = {
        {"integration", TN_ARG_text, &wish.integration, "NAME",
         "take the records of this integration"},
        {"operation", TN_ARG_text, &wish.operation, "NAME", "take the records of this operation"},
        {"code", TN_ARG_text, &wish.code, "CODE", "take the records that failed with this code"},
        {"group", TN_ARG_flag, &wish.group, NULL, "group them by cause"},
        {"limit", TN_ARG_num, &wish.limit, "N", "list so many records; 50"},
        {"payload", TN_ARG_flag, &wish.payload, NULL, "print the record as it came"},
        {"reason", TN_ARG_text, &wish.reason, "TEXT", "say why they are given up"},
        {"yes", TN_ARG_flag, &wish.yes, NULL, "do not ask"},
        {"data", TN_ARG_text, &wish.data, "DIR", "the server's folder"},
        {"json", TN_ARG_flag, &wish.json, NULL, "the answer as JSON"},
        {NULL, TN_ARG_flag, NULL, NULL, NULL}};
    if (!tn_args_parse(table, argc, argv, wish.words, WORDS_MAX, &wish.n, &err))
        return tn_cli_usage(&err, "quarantine");
    enum verb verb = verb_of(&wish);
    if (!makes_sense(&wish, verb, &err)) return tn_cli_usage(&err, "quarantine");
    wish.client = tn_client_open(wish.data, &err);
    bool ok = wish.client && (verb == LIST   ? list(&wish, &err)
                              : verb == SHOW ? show(&wish, &err)
                                             : act(&wish, verb == DISCARD, &err));
    tn_client_close(wish.client);
    return ok ? TN_EXIT_ok : tn_cli_fail(&err);
}
