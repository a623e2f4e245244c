/* SPDX-License-Identifier: MIT */
/* tenon runs - the last runs of an integration, or of all. */
#include <stdio.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/client.h"

enum { PATH_LEN_MAX = 4000, ROWS = 20 };

static int64_t number(struct tn_jval v, const char *key)
{
    int64_t n = -1;
    tn_jint(tn_jget_z(v, key), &n);
    return n;
}

static struct tn_str text(struct tn_jval v, const char *key, struct tn_arena *arena)
{
    struct tn_str out = TN_STR("");
    tn_jtext(tn_jget_z(v, key), arena, &out);
    return out;
}

static void print_run(struct tn_jval run, bool all)
{
    struct tn_arena arena;
    tn_arena_init(&arena);
    printf("%-24.*s  ", TN_FMT(text(run, "createdAt", &arena)));
    if (all) printf("%-36.*s  ", TN_FMT(text(run, "integration", &arena)));
    printf("%-14.*s %-8.*s %9lld %9lld %9lld %9lld %9lld\n", TN_FMT(text(run, "operation", &arena)),
           TN_FMT(text(run, "status", &arena)), (long long)number(run, "createdCount"),
           (long long)number(run, "updatedCount"), (long long)number(run, "unchangedCount"),
           (long long)number(run, "errorCount"), (long long)number(run, "duration"));
    tn_arena_clear(&arena);
}

/* all: of every integration. */
static void print(struct tn_jval answer, bool all)
{
    printf("%-24s  ", "STARTED");
    if (all) printf("%-36s  ", "INTEGRATION");
    printf("%-14s %-8s %9s %9s %9s %9s %9s\n", "OPERATION", "STATUS", "CREATED", "UPDATED", "SAME",
           "FAILED", "MS");
    for (struct tn_jiter it = tn_jiter(tn_jget_z(answer, all ? "runs" : "logs")); tn_jnext(&it);)
        print_run(it.value, all);
}

static bool ask(struct tn_client *c, const char *name, struct tn_str *reply, struct tn_err *err)
{
    struct tn_buf path;
    tn_buf_init(&path, PATH_LEN_MAX);
    if (name) {
        tn_buf_adds(&path, "/api/v1/integrations/");
        tn_client_part(&path, name);
        tn_buf_addf(&path, "/logs?limit=%d", ROWS);
    } else {
        tn_buf_addf(&path, "/api/v1/runs?limit=%d", ROWS);
    }
    bool ok = tn_buf_ok(&path, "the name", err) &&
              tn_client_call(c, "GET", path.p, (struct tn_str){0}, reply, err);
    tn_buf_clear(&path);
    return ok;
}

int tn_cli_runs(int argc, char **argv)
{
    const char *data = "./tenon-data", *words[1];
    bool json = false;
    size_t n;
    struct tn_err err;
    struct tn_str reply = {0};
    const struct tn_arg table[] = {{"data", TN_ARG_text, &data, "DIR", "the server's folder"},
                                   {"json", TN_ARG_flag, &json, NULL, "the answer as JSON"},
                                   {NULL, TN_ARG_flag, NULL, NULL, NULL}};
    if (!tn_args_parse(table, argc, argv, words, 1, &n, &err)) return tn_cli_usage(&err, "runs");
    if (n && !words[0][0]) {
        tn_fail(&err, TN_E_invalid, "runs takes an integration's name or id, or nothing");
        return tn_cli_usage(&err, "runs");
    }
    struct tn_client *client = tn_client_open(data, &err);
    bool ok = client && ask(client, n ? words[0] : NULL, &reply, &err);
    if (ok && json)
        printf("%.*s\n", TN_FMT(reply));
    else if (ok)
        print(tn_client_json(client), n == 0);
    tn_client_close(client);
    return ok ? TN_EXIT_ok : tn_cli_fail(&err);
}
