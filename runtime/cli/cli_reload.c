/* SPDX-License-Identifier: MIT */
/* tenon reload - the running server loads its site folder anew. */
#include <stdio.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/client.h"

static void print_change(struct tn_jval change)
{
    struct tn_arena arena;
    struct tn_str unit = {0}, now = TN_STR("-"), before = TN_STR("-");
    tn_arena_init(&arena);
    tn_jtext(tn_jget_z(change, "unit"), &arena, &unit);
    tn_jtext(tn_jget_z(change, "generation"), &arena, &now);
    tn_jtext(tn_jget_z(change, "previous"), &arena, &before);
    printf("  %-20.*s %.12s -> %.12s\n", TN_FMT(unit), before.p, now.p);
    tn_arena_clear(&arena);
}

static void print_rolled_back(struct tn_jval unit)
{
    struct tn_arena arena;
    struct tn_str name = {0}, now = TN_STR("-"), site = TN_STR("-");
    tn_arena_init(&arena);
    tn_jtext(tn_jget_z(unit, "unit"), &arena, &name);
    tn_jtext(tn_jget_z(unit, "generation"), &arena, &now);
    tn_jtext(tn_jget_z(unit, "siteGeneration"), &arena, &site);
    printf("  %-20.*s is rolled back to %.12s; the site folder has %.12s\n", TN_FMT(name), now.p,
           site.p);
    tn_arena_clear(&arena);
}

void tn_cli_print_reload(struct tn_jval answer)
{
    int64_t unchanged = 0, ms = 0;
    struct tn_jval changed = tn_jget_z(answer, "changed");
    tn_jint(tn_jget_z(answer, "unchanged"), &unchanged);
    tn_jint(tn_jget_z(answer, "duration"), &ms);
    printf("%zu changed, %lld as before, %lld ms\n", tn_jcount(changed), (long long)unchanged,
           (long long)ms);
    for (struct tn_jiter it = tn_jiter(changed); tn_jnext(&it);) print_change(it.value);
    for (struct tn_jiter it = tn_jiter(tn_jget_z(answer, "rolledBack")); tn_jnext(&it);)
        print_rolled_back(it.value);
    if (tn_jis(tn_jget_z(answer, "shadowUntil"), TN_JSON_null))
        printf("  nothing changed, so there is nothing to compare: no shadow was started\n");
    if (tn_jis(tn_jget_z(answer, "shadowUntil"), TN_JSON_string))
        printf("  the scripts that served before are compared until %.*s: tenon shadow\n",
               TN_FMT(tn_jraw(tn_jget_z(answer, "shadowUntil"))));
}

static void write_wish(struct tn_buf *body, const char *expect, const char *shadow)
{
    struct tn_jw w;
    uint64_t minutes;
    tn_jw_init(&w, body);
    tn_jw_object(&w);
    if (expect) tn_jw_kz(&w, "generation", expect);
    if (shadow && tn_str_u64(tn_str(shadow), &minutes))
        tn_jw_kint(&w, "shadowMinutes", (int64_t)minutes);
    else if (shadow)
        tn_jw_kz(&w, "shadowMinutes", shadow); /* the server says what is wrong with the value */
    tn_jw_end(&w);
}

int tn_cli_reload(int argc, char **argv)
{
    const char *data = "./tenon-data", *expect = NULL, *shadow = NULL, *rest[1], *path;
    bool json = false;
    size_t n;
    struct tn_err err;
    struct tn_str reply;
    struct tn_buf body;
    const struct tn_arg table[] = {
        {"expect", TN_ARG_text, &expect, "HASH", "only if it is what tenon preview looked at"},
        {"shadow", TN_ARG_text, &shadow, "MINUTES",
         "let the scripts that serve now go on beside the new ones for so long, and compare"},
        {"data", TN_ARG_text, &data, "DIR", "the server's folder"},
        {"json", TN_ARG_flag, &json, NULL, "the answer as JSON"},
        {NULL, TN_ARG_flag, NULL, NULL, NULL}};
    if (!tn_args_parse(table, argc, argv, rest, 0, &n, &err)) return tn_cli_usage(&err, "reload");
    tn_buf_init(&body, 4096);
    write_wish(&body, expect, shadow);
    struct tn_client *client = tn_client_open(data, &err);
    path = expect ? "/api/v1/scripts/activate" : "/api/v1/scripts/reload";
    bool ok = client && tn_client_call(client, "POST", path, tn_buf_str(&body), &reply, &err);
    if (ok && json)
        printf("%.*s\n", TN_FMT(reply));
    else if (ok)
        tn_cli_print_reload(tn_client_json(client));
    tn_client_close(client);
    tn_buf_clear(&body);
    return ok ? TN_EXIT_ok : tn_cli_fail(&err);
}
