/* SPDX-License-Identifier: MIT */
/* tenon audit - who did something, when and to what. */
#include <stdio.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/client.h"

enum { PATH_LEN_MAX = 8000 };

struct wish {
    const char *data, *actor, *action, *object, *from, *to;
    int64_t limit;
    bool system, json;
};

static void add(struct tn_buf *path, const char *name, const char *value)
{
    if (!value) return;
    tn_buf_addf(path, "&%s=", name);
    tn_client_part(path, value);
}

static bool ask(struct tn_client *c, const struct wish *w, struct tn_str *reply, struct tn_err *err)
{
    struct tn_buf path;
    tn_buf_init(&path, PATH_LEN_MAX);
    tn_buf_addf(&path, "/api/v1/audit?limit=%lld", (long long)w->limit);
    add(&path, "actor", w->actor);
    add(&path, "action", w->action);
    add(&path, "object", w->object);
    add(&path, "from", w->from);
    add(&path, "to", w->to);
    add(&path, "scope", w->system ? "system" : NULL);
    bool ok = tn_buf_ok(&path, "what was asked for", err) &&
              tn_client_call(c, "GET", path.p, (struct tn_str){0}, reply, err);
    tn_buf_clear(&path);
    return ok;
}

static struct tn_str text(struct tn_jval v, const char *key, struct tn_arena *arena)
{
    struct tn_str out = TN_STR("");
    tn_jtext(tn_jget_z(v, key), arena, &out);
    return out;
}

/* Where the act came from: the peer's address, or the user of this machine; "": the server itself.
 */
static void origin_of(struct tn_jval row, struct tn_arena *arena, char out[64])
{
    struct tn_str address = text(row, "address", arena);
    if (tn_str_is(text(row, "actorKind", arena), "local"))
        snprintf(out, 64, "local %.*s", TN_FMT(text(row, "actorId", arena)));
    else
        snprintf(out, 64, "%.*s", TN_FMT(address));
}

static void print(struct tn_jval answer)
{
    bool more = false;
    char from[64];
    printf("%-24s  %-24s  %-16s  %-24s  %s\n", "AT", "ACTOR", "FROM", "ACTION", "OBJECT");
    for (struct tn_jiter it = tn_jiter(tn_jget_z(answer, "audit")); tn_jnext(&it);) {
        struct tn_arena arena;
        tn_arena_init(&arena);
        origin_of(it.value, &arena, from);
        printf("%-24.*s  %-24.*s  %-16s  %-24.*s  %.*s\n", TN_FMT(text(it.value, "at", &arena)),
               TN_FMT(text(it.value, "actor", &arena)), from,
               TN_FMT(text(it.value, "action", &arena)), TN_FMT(text(it.value, "object", &arena)));
        tn_arena_clear(&arena);
    }
    tn_jbool(tn_jget_z(tn_jget_z(answer, "pagination"), "hasMore"), &more);
    if (more) printf("there are older ones: --limit or --to shows them\n");
}

int tn_cli_audit(int argc, char **argv)
{
    struct wish w = {.data = "./tenon-data", .limit = 50};
    const char *rest[1];
    size_t n;
    struct tn_err err;
    struct tn_str reply = {0};
    const struct tn_arg table[] = {
        {"actor", TN_ARG_text, &w.actor, "NAME", "who did it"},
        {"action", TN_ARG_text, &w.action, "NAME", "as in integration.create"},
        {"object", TN_ARG_text, &w.object, "ID", "what it was done to"},
        {"from", TN_ARG_text, &w.from, "TIME", "not before, as in 2026-01-31T08:00:00Z"},
        {"to", TN_ARG_text, &w.to, "TIME", "not after"},
        {"limit", TN_ARG_num, &w.limit, "N", "how many rows"},
        {"system", TN_ARG_flag, &w.system, NULL, "what belongs to no team: changes of scripts"},
        {"data", TN_ARG_text, &w.data, "DIR", "the server's folder"},
        {"json", TN_ARG_flag, &w.json, NULL, "the answer as JSON"},
        {NULL, TN_ARG_flag, NULL, NULL, NULL}};
    if (!tn_args_parse(table, argc, argv, rest, 0, &n, &err)) return tn_cli_usage(&err, "audit");
    struct tn_client *client = tn_client_open(w.data, &err);
    bool ok = client && ask(client, &w, &reply, &err);
    if (ok && w.json)
        printf("%.*s\n", TN_FMT(reply));
    else if (ok)
        print(tn_client_json(client));
    tn_client_close(client);
    return ok ? TN_EXIT_ok : tn_cli_fail(&err);
}
