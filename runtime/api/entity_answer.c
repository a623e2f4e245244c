/* SPDX-License-Identifier: MIT */
#include "api/entity_answer.h"

#include "base/time.h"
#include "model/check.h"

static void write_masked(struct tn_jw *w, struct tn_json *json, const struct tn_entity *e,
                         struct tn_str body)
{
    struct tn_err err;
    if (!tn_json_parse(json, body, &err)) return;
    for (struct tn_jiter it = tn_jiter(tn_json_root(json)); tn_jnext(&it);) {
        const struct tn_field *f = tn_field_find(e->fields, e->n_fields, it.key);
        bool secret = f && f->type == TN_FIELD_secret && !tn_jis(it.value, TN_JSON_null);
        tn_jw_key(w, it.key);
        tn_jw_raw(w, secret ? TN_STR("\"" TN_SECRET_MASK "\"") : tn_jraw(it.value));
    }
}

void api_record_write(struct tn_jw *w, struct tn_json *json, const struct tn_entity *e,
                      const struct tn_row *row)
{
    char id[TN_ID_LEN + 1], created[TN_TIME_LEN + 1], updated[TN_TIME_LEN + 1];
    struct tn_str inside = {row->body.p + 1, row->body.n - 2};
    tn_id_text(&row->id, id);
    tn_time_text(row->created_ms, created);
    tn_time_text(row->updated_ms, updated);
    tn_jw_object(w);
    tn_jw_kz(w, "id", id);
    if (tn_entity_has_secrets(e)) {
        write_masked(w, json, e, row->body);
    } else if (tn_str_trim(inside).n) {
        tn_jw_members(w, inside);
    }
    tn_jw_kz(w, "createdAt", created);
    tn_jw_kz(w, "updatedAt", updated);
    tn_jw_kint(w, "version", row->version);
    tn_jw_end(w);
}
