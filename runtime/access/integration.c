/* SPDX-License-Identifier: MIT */
#include "access/integration.h"

#include <openssl/crypto.h>
#include <stdio.h>

#include "access/secrets.h"
#include "base/json.h"
#include "base/limits.h"
#include "store/commit.h"
#include "store/read.h"

static const char table[] = "integration";

void tn_integration_init(struct tn_integration *i)
{
    *i = (struct tn_integration){.enabled = true};
    tn_arena_init(&i->memory);
    tn_buf_init(&i->config, TN_MIB);
}

void tn_integration_clear(struct tn_integration *i)
{
    if (i->config.p) OPENSSL_cleanse(i->config.p, i->config.room);
    tn_buf_clear(&i->config);
    tn_arena_clear(&i->memory);
}

/* The name that a config is sealed with, so that it opens in its own row alone. */
static struct tn_str belongs(const struct tn_integration *i, char out[64])
{
    char id[TN_ID_LEN + 1];
    tn_id_text(&i->id, id);
    int n = snprintf(out, 64, "integration/%s/config", id);
    return (struct tn_str){out, (size_t)n};
}

static bool text(struct tn_integration *i, struct tn_jval body, const char *key, struct tn_str *out)
{
    struct tn_str value;
    if (!tn_jtext(tn_jget_z(body, key), &i->memory, &value)) return false;
    *out = (struct tn_str){tn_arena_strndup(&i->memory, value.p, value.n), value.n};
    return true;
}

bool tn_integration_decode(struct tn_integration *i, const struct tn_row *row,
                           const struct tn_secrets *secrets, struct tn_err *err)
{
    struct tn_json *json = tn_json_new();
    char aad[64];
    struct tn_str sealed;
    bool ok = false;
    i->id = row->id;
    i->team = row->team;
    i->version = row->version;
    i->created_ms = row->created_ms;
    i->updated_ms = row->updated_ms;
    if (!tn_json_parse(json, row->body, err)) goto out;
    struct tn_jval body = tn_json_root(json);
    if (!text(i, body, "name", &i->name) || !text(i, body, "displayName", &i->display_name) ||
        !text(i, body, "type", &i->type) || !text(i, body, "adapter", &i->adapter) ||
        !tn_jbool(tn_jget_z(body, "enabled"), &i->enabled) ||
        !tn_jtext(tn_jget_z(body, "config"), &i->memory, &sealed)) {
        tn_fail(err, TN_E_corrupt, "the stored integration is damaged: a member is missing");
        goto out;
    }
    tn_buf_reset(&i->config);
    ok = !secrets || tn_unseal(&secrets->config, sealed, belongs(i, aad), &i->config, err);
    if (!ok) tn_fail_in(err, "integration %.*s", TN_FMT(i->name));
out:
    tn_json_free(json);
    return ok;
}

size_t tn_integration_ask(struct tn_read *read, struct tn_str id_or_name)
{
    struct tn_id id;
    if (tn_id_parse(id_or_name, &id)) return tn_read_get(read, table, &id);
    return tn_read_key(read, table, &id_or_name, 1);
}

bool tn_integration_found(struct tn_integration *i, const struct tn_found *found, size_t question,
                          const struct tn_secrets *secrets, struct tn_str id_or_name,
                          struct tn_err *err)
{
    const struct tn_err *why = tn_found_err(found, question);
    if (!why) return tn_integration_decode(i, tn_found_row(found, question, 0), secrets, err);
    *err = *why;
    if (err->kind != TN_E_not_found) return false;
    return tn_fail(err, TN_E_not_found, "there is no integration '%.*s'", TN_FMT(id_or_name));
}

bool tn_integration_put(const struct tn_integration *i, struct tn_commit *commit,
                        const struct tn_secrets *secrets, int64_t based_on, struct tn_err *err)
{
    struct tn_buf body, sealed;
    struct tn_jw w;
    char aad[64];
    tn_buf_init(&body, 4 * TN_MIB);
    tn_buf_init(&sealed, 2 * TN_MIB);
    tn_seal(&secrets->config, tn_buf_str(&i->config), belongs(i, aad), &sealed);
    tn_jw_init(&w, &body);
    tn_jw_object(&w);
    tn_jw_kstr(&w, "name", i->name);
    tn_jw_kstr(&w, "displayName", i->display_name);
    tn_jw_kstr(&w, "type", i->type);
    tn_jw_kstr(&w, "adapter", i->adapter);
    tn_jw_kbool(&w, "enabled", i->enabled);
    tn_jw_kstr(&w, "config", tn_buf_str(&sealed));
    tn_jw_end(&w);
    bool ok = tn_buf_ok(&sealed, "the configuration", err) &&
              tn_buf_ok(&body, "the integration", err) &&
              tn_commit_put(commit, i->team, table, &i->id, tn_buf_str(&body), based_on, err);
    tn_buf_clear(&body);
    tn_buf_clear(&sealed);
    return ok;
}
