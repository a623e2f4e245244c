/* SPDX-License-Identifier: MIT */
/* tenon shadow - what the scripts that served before would have made of what came since. */
#include <stdio.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/client.h"

static void print(struct tn_jval answer)
{
    struct tn_arena arena;
    struct tn_str state = TN_STR("-"), now = TN_STR("-"), before = TN_STR("-"), until = TN_STR("-");
    int64_t left_out = 0, unreadable = 0;
    tn_arena_init(&arena);
    tn_jtext(tn_jget_z(answer, "state"), &arena, &state);
    tn_jtext(tn_jget_z(answer, "generation"), &arena, &now);
    tn_jtext(tn_jget_z(answer, "previous"), &arena, &before);
    tn_jtext(tn_jget_z(answer, "until"), &arena, &until);
    tn_jint(tn_jget_z(answer, "pagesLeftOut"), &left_out);
    tn_jint(tn_jget_z(answer, "workersUnreadable"), &unreadable);
    printf("set %.12s beside set %.12s, which serves: %.*s, until %.*s\n", before.p, now.p,
           TN_FMT(state), TN_FMT(until));
    if (left_out)
        printf("  %lld pages were left out: they came faster than they could be tried\n",
               (long long)left_out);
    if (unreadable)
        printf(
            "  what %lld workers found cannot be read: it is damaged, or of another master key\n",
            (long long)unreadable);
    tn_cli_print_findings(answer);
    if (!tn_jcount(tn_jget_z(answer, "mappings")))
        printf("  nothing that these changes touch has come yet (what is told is up to a second "
               "old)\n");
    tn_arena_clear(&arena);
}

int tn_cli_shadow(int argc, char **argv)
{
    const char *data = "./tenon-data", *rest[1];
    bool json = false, end = false;
    size_t n;
    struct tn_err err;
    struct tn_str reply;
    const struct tn_arg table[] = {{"end", TN_ARG_flag, &end, NULL, "end it now"},
                                   {"data", TN_ARG_text, &data, "DIR", "the server's folder"},
                                   {"json", TN_ARG_flag, &json, NULL, "the answer as JSON"},
                                   {NULL, TN_ARG_flag, NULL, NULL, NULL}};
    if (!tn_args_parse(table, argc, argv, rest, 0, &n, &err)) return tn_cli_usage(&err, "shadow");
    struct tn_client *client = tn_client_open(data, &err);
    bool ok = client && tn_client_call(client, end ? "DELETE" : "GET", "/api/v1/scripts/shadow",
                                       TN_STR(""), &reply, &err);
    if (ok && !end && json)
        printf("%.*s\n", TN_FMT(reply));
    else if (ok && !end)
        print(tn_client_json(client));
    tn_client_close(client);
    return ok ? TN_EXIT_ok : tn_cli_fail(&err);
}
