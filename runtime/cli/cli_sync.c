/* SPDX-License-Identifier: MIT */
/* tenon sync - starts a sync on the running server and watches it to its end. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/client.h"

enum { BAR = 30, POLL_MS = 100, BODY_MAX = 64 * 1024 };

struct wish {
    const char *data;
    struct tn_arg_list filters;
    bool dry_run, json;
};

/* The answer is the result itself: for programs, and for a dry run, which leaves no run to look at
 * later.
 */
static bool waits(const struct wish *wish)
{
    return wish->dry_run || wish->json;
}

static bool write_request(struct tn_buf *body, const char *operation, const struct wish *wish,
                          struct tn_err *err)
{
    struct tn_jw w;
    tn_jw_init(&w, body);
    tn_jw_object(&w);
    tn_jw_kz(&w, "operation", operation);
    tn_jw_kbool(&w, "dryRun", wish->dry_run);
    tn_jw_kbool(&w, "wait", waits(wish));
    tn_jw_key(&w, TN_STR("filters"));
    tn_jw_object(&w);
    for (size_t i = 0; i < wish->filters.n; i++) {
        struct tn_str rest = tn_str(wish->filters.items[i]), name;
        tn_str_split(&rest, '=', &name);
        if (!rest.p)
            return tn_fail(err, TN_E_invalid, "--filter takes name=value, not '%s'",
                           wish->filters.items[i]);
        tn_jw_key(&w, name);
        tn_jw_str(&w, rest);
    }
    tn_jw_end(&w);
    tn_jw_end(&w);
    return tn_buf_ok(body, "the request", err);
}

static int64_t number(struct tn_jval v, const char *key)
{
    int64_t n = -1;
    tn_jint(tn_jget_z(v, key), &n);
    return n;
}

static void print_progress(struct tn_jval run)
{
    struct tn_jval progress = tn_jget_z(run, "progress");
    int64_t done = number(progress, "done"), total = number(progress, "total");
    char bar[BAR + 1];
    if (!tn_cli_terminal()) return;
    if (total <= 0) {
        printf("\r%lld records ", (long long)done);
    } else {
        int full = (int)(done * BAR / total);
        if (full > BAR) full = BAR;
        memset(bar, '-', BAR);
        memset(bar, '#', (size_t)full);
        bar[BAR] = '\0';
        printf("\r[%s] %lld of %lld records ", bar, (long long)done, (long long)total);
    }
    fflush(stdout);
}

static void print_error(struct tn_jval e)
{
    static const char *const keys[] = {"record", "code", "field", "message", "value", "file"};
    struct tn_str texts[6];
    struct tn_arena arena;
    int64_t line = number(e, "line");
    tn_arena_init(&arena);
    for (int i = 0; i < 6; i++) {
        texts[i] = TN_STR("");
        tn_jtext(tn_jget_z(e, keys[i]), &arena, &texts[i]);
    }
    printf("  %.*s%s%.*s", TN_FMT(texts[0]), texts[0].n ? "  " : "", TN_FMT(texts[1]));
    if (texts[2].n) printf("  %.*s", TN_FMT(texts[2]));
    printf(": %.*s", TN_FMT(texts[3]));
    if (texts[4].n) printf(" (value: %.*s)", TN_FMT(texts[4]));
    if (texts[5].n && line > 0)
        printf("  [%.*s:%lld]", TN_FMT(texts[5]), (long long)line);
    else if (texts[5].n)
        printf("  [%.*s]", TN_FMT(texts[5]));
    printf("\n");
    tn_arena_clear(&arena);
}

/* The log row's members differ in name from those of a result: created or recordsCreated. */
static int64_t count(struct tn_jval run, const char *row_key, const char *result_key)
{
    int64_t n = number(run, row_key);
    return n >= 0 ? n : number(run, result_key);
}

/* The list is cut; the count is not. */
static void print_rest(int64_t failed, size_t listed)
{
    if (failed > (int64_t)listed)
        printf("  and %lld more\n", (long long)(failed - (int64_t)listed));
}

/* Warnings of records that were stored all the same. */
static void print_warnings(struct tn_jval run)
{
    struct tn_jval list = tn_jget_z(run, "warnings");
    int64_t all = number(run, "warningCount");
    if (all <= 0) return;
    printf("%lld warning%s: fields that were left out or took their default\n", (long long)all,
           all == 1 ? "" : "s");
    for (struct tn_jiter it = tn_jiter(list); tn_jnext(&it);) print_error(it.value);
    print_rest(all, tn_jcount(list));
}

static void print_result(struct tn_jval run)
{
    struct tn_arena arena;
    struct tn_str status = TN_STR("?"), generation = TN_STR("");
    struct tn_jval errors = tn_jget_z(run, "errors");
    tn_arena_init(&arena);
    tn_jtext(tn_jget_z(run, "status"), &arena, &status);
    tn_jtext(tn_jget_z(run, "generation"), &arena, &generation);
    if (tn_cli_terminal()) printf("\r\033[K");
    printf(
        "%.*s  %lld records: %lld created, %lld updated, %lld unchanged, %lld failed, in %lld ms "
        "(generation %.12s)\n",
        TN_FMT(status), (long long)count(run, "recordCount", "recordsProcessed"),
        (long long)count(run, "createdCount", "recordsCreated"),
        (long long)count(run, "updatedCount", "recordsUpdated"),
        (long long)count(run, "unchangedCount", "recordsUnchanged"),
        (long long)count(run, "errorCount", "recordsFailed"), (long long)number(run, "duration"),
        generation.p);
    for (struct tn_jiter it = tn_jiter(errors); tn_jnext(&it);) print_error(it.value);
    print_rest(count(run, "errorCount", "recordsFailed"), tn_jcount(errors));
    print_warnings(run);
    if (tn_jis(tn_jget_z(run, "dryRun"), TN_JSON_bool))
        printf("a dry run: that is what would happen, nothing was written\n");
    tn_arena_clear(&arena);
}

static bool running(struct tn_jval run)
{
    return tn_str_is(tn_jraw(tn_jget_z(run, "status")), "\"RUNNING\"");
}

/* Follows the run until it has ended; its last answer is the client's. */
static bool follow(struct tn_client *c, const char *name, struct tn_str *reply, struct tn_err *err)
{
    struct timespec pause = {0, POLL_MS * 1000000L};
    char path[512];
    struct tn_arena arena;
    struct tn_str id = TN_STR("");
    tn_arena_init(&arena);
    tn_jtext(tn_jget_z(tn_client_json(c), "runId"), &arena, &id);
    snprintf(path, sizeof path, "/api/v1/integrations/%s/logs/%.*s", name, TN_FMT(id));
    tn_arena_clear(&arena);
    do {
        if (!tn_client_call(c, "GET", path, (struct tn_str){0}, reply, err)) return false;
        if (!running(tn_client_json(c))) return true;
        print_progress(tn_client_json(c));
        nanosleep(&pause, NULL);
    } while (true);
}

static bool run(struct tn_client *c, const char *name, const char *operation,
                const struct wish *wish, struct tn_str *reply, struct tn_err *err)
{
    struct tn_buf body;
    char path[300];
    tn_buf_init(&body, BODY_MAX);
    snprintf(path, sizeof path, "/api/v1/integrations/%s/sync", name);
    bool ok = write_request(&body, operation, wish, err) &&
              tn_client_call(c, "POST", path, tn_buf_str(&body), reply, err) &&
              (waits(wish) || follow(c, name, reply, err));
    tn_buf_clear(&body);
    return ok;
}

/* Is it a name that may stand in a path as it is? */
static bool plain_name(const char *name)
{
    return name[0] &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                        "_-.") == strlen(name) &&
           strlen(name) < 200;
}

int tn_cli_sync(int argc, char **argv)
{
    struct wish wish = {.data = "./tenon-data"};
    const char *words[2];
    size_t n;
    struct tn_err err;
    struct tn_str reply = {0};
    const struct tn_arg table[] = {
        {"data", TN_ARG_text, &wish.data, "DIR", "the server's folder"},
        {"filter", TN_ARG_list, &wish.filters, "name=value",
         "a filter of the operation; repeatable"},
        {"dry-run", TN_ARG_flag, &wish.dry_run, NULL, "say what would change, change nothing"},
        {"json", TN_ARG_flag, &wish.json, NULL, "the answer as JSON"},
        {NULL, TN_ARG_flag, NULL, NULL, NULL}};
    if (!tn_args_parse(table, argc, argv, words, 2, &n, &err)) return tn_cli_usage(&err, "sync");
    if (n != 2 || !plain_name(words[0])) {
        tn_fail(&err, TN_E_invalid,
                "sync takes an integration's name and an operation, as in: "
                "tenon sync oracle_fusion_prod sync_items");
        return tn_cli_usage(&err, "sync");
    }
    struct tn_client *client = tn_client_open(wish.data, &err);
    bool ok = client && run(client, words[0], words[1], &wish, &reply, &err), failed = false;
    if (ok) {
        failed = !tn_str_is(tn_jraw(tn_jget_z(tn_client_json(client), "status")), "\"SUCCESS\"");
        if (wish.json)
            printf("%.*s\n", TN_FMT(reply));
        else
            print_result(tn_client_json(client));
    }
    tn_client_close(client);
    tn_args_clear(table);
    if (!ok) return tn_cli_fail(&err);
    return failed ? TN_EXIT_failed : TN_EXIT_ok;
}
