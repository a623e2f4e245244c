/* SPDX-License-Identifier: MIT */
/* tenon key - API keys of the running server, and a fresh master key. */
#include <stdio.h>

#include "access/roles.h"
#include "base/id.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "crypto/cipher.h"

static int generate(void)
{
    unsigned char bytes[TN_KEY_LEN];
    char hex[2 * TN_KEY_LEN + 1];
    tn_random(bytes, sizeof bytes);
    tn_hex(bytes, sizeof bytes, hex);
    puts(hex);
    return TN_EXIT_ok;
}

static void print_list(struct tn_jval keys)
{
    struct tn_arena arena;
    tn_arena_init(&arena);
    printf("%-36s  %-18s %-14s %s\n", "ID", "PREFIX", "ROLE", "NAME");
    for (struct tn_jiter it = tn_jiter(keys); tn_jnext(&it);) {
        struct tn_str id = tn_jtext_or(it.value, "id", &arena, ""),
                      prefix = tn_jtext_or(it.value, "prefix", &arena, ""),
                      role = tn_jtext_or(it.value, "role", &arena, ""),
                      name = tn_jtext_or(it.value, "name", &arena, "");
        printf("%-36.*s  %-18.*s %-14.*s %.*s\n", TN_FMT(id), TN_FMT(prefix), TN_FMT(role),
               TN_FMT(name));
    }
    tn_arena_clear(&arena);
}

static void print_new(struct tn_jval key)
{
    struct tn_arena arena;
    tn_arena_init(&arena);
    struct tn_str token = tn_jtext_or(key, "key", &arena, "");
    struct tn_str id = tn_jtext_or(key, "id", &arena, ""),
                  role = tn_jtext_or(key, "role", &arena, "");
    printf("%.*s\n", TN_FMT(token));
    fprintf(stderr, "role %.*s, id %.*s; this is the only time that the key is shown\n",
            TN_FMT(role), TN_FMT(id));
    tn_arena_clear(&arena);
}

static void write_request(struct tn_buf *body, const char *name, const char *role)
{
    struct tn_jw w;
    tn_jw_init(&w, body);
    tn_jw_object(&w);
    tn_jw_kz(&w, "name", name);
    tn_jw_kz(&w, "role", role);
    tn_jw_end(&w);
}

int tn_cli_key(int argc, char **argv)
{
    const char *data = "./tenon-data", *role = "read_only", *words[2];
    bool json = false, ok = false;
    size_t n;
    char path[256], roles[256];
    struct tn_err err;
    struct tn_str reply = {0};
    struct tn_buf body;
    size_t used = (size_t)snprintf(roles, sizeof roles, "one of your own, or ");
    tn_role_names(roles + used, sizeof roles - used);
    const struct tn_arg table[] = {{"data", TN_ARG_text, &data, "DIR", "the server's folder"},
                                   {"role", TN_ARG_text, &role, "ROLE", roles},
                                   {"json", TN_ARG_flag, &json, NULL, "the answer as JSON"},
                                   {NULL, TN_ARG_flag, NULL, NULL, NULL}};
    if (!tn_args_parse(table, argc, argv, words, 2, &n, &err)) return tn_cli_usage(&err, "key");
    const char *verb = n ? words[0] : "";
    bool create = !strcmp(verb, "create") && n == 2, list = !strcmp(verb, "list") && n == 1;
    bool revoke = !strcmp(verb, "revoke") && n == 2;
    if (!strcmp(verb, "generate") && n == 1) return generate();
    if (!create && !list && !revoke) {
        tn_fail(&err, TN_E_invalid, "key takes: create NAME, list, revoke ID, or generate");
        return tn_cli_usage(&err, "key");
    }
    tn_buf_init(&body, 64 * 1024);
    struct tn_client *client = tn_client_open(data, &err);
    if (client && create) {
        write_request(&body, words[1], role);
        ok = tn_client_call(client, "POST", "/api/v1/keys", tn_buf_str(&body), &reply, &err);
    } else if (client) {
        snprintf(path, sizeof path, "/api/v1/keys%s%.100s", revoke ? "/" : "",
                 revoke ? words[1] : "");
        ok = tn_client_call(client, revoke ? "DELETE" : "GET", path, (struct tn_str){0}, &reply,
                            &err);
    }
    if (ok && json)
        printf("%.*s\n", TN_FMT(reply));
    else if (ok && create)
        print_new(tn_client_json(client));
    else if (ok && revoke)
        printf("revoked\n");
    else if (ok && list)
        print_list(tn_jget_z(tn_client_json(client), "keys"));
    tn_buf_clear(&body);
    tn_client_close(client);
    return ok ? TN_EXIT_ok : tn_cli_fail(&err);
}
