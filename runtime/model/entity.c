/* SPDX-License-Identifier: MIT */
#include "model/entity.h"

enum { NAMES = 200 };

const char *const tn_system_fields[] = {"id", "version", "createdAt", "updatedAt", NULL};

static bool named(const char *const *names, struct tn_str name)
{
    for (; names && *names; names++)
        if (tn_str_is(name, *names)) return true;
    return false;
}

bool tn_is_system_field(struct tn_str name)
{
    return named(tn_system_fields, name);
}

size_t tn_entity_key_length(const struct tn_entity *e)
{
    size_t n = 0;
    while (e->key && e->key[n] && n < TN_STORE_KEY_MAX) n++;
    return n;
}

static bool has_secrets(const struct tn_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fields[i].type == TN_FIELD_secret || has_secrets(fields[i].fields, fields[i].n_fields))
            return true;
    return false;
}

bool tn_entity_key_in(const struct tn_entity *e, struct tn_jval body, struct tn_arena *arena,
                      struct tn_str key[TN_STORE_KEY_MAX])
{
    size_t n = tn_entity_key_length(e);
    for (size_t i = 0; i < n; i++) {
        struct tn_jval v = tn_jget_z(body, e->key[i]);
        if (tn_jis(v, TN_JSON_absent) || tn_jis(v, TN_JSON_null)) return false;
        if (!tn_jtext(v, arena, &key[i])) key[i] = tn_jraw(v);
    }
    return n > 0;
}

bool tn_entity_has_secrets(const struct tn_entity *e)
{
    return has_secrets(e->fields, e->n_fields);
}

static bool has_references(const struct tn_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fields[i].ref || has_references(fields[i].fields, fields[i].n_fields)) return true;
    return false;
}

bool tn_entity_has_references(const struct tn_entity *e)
{
    return has_references(e->fields, e->n_fields);
}

/* ---- the table ---- */

static enum tn_column_type column_type(enum tn_field_type type)
{
    switch (type) {
    case TN_FIELD_int: return TN_COLUMN_int;
    case TN_FIELD_decimal: return TN_COLUMN_real;
    case TN_FIELD_bool: return TN_COLUMN_bool;
    case TN_FIELD_time: return TN_COLUMN_time;
    default: return TN_COLUMN_text;
    }
}

static bool has_column(const struct tn_field *f)
{
    return f->type != TN_FIELD_list && f->type != TN_FIELD_object && f->type != TN_FIELD_secret &&
           !tn_is_system_field(tn_str(f->name));
}

static bool is_indexed(const struct tn_entity *e, const struct tn_field *f)
{
    struct tn_str name = tn_str(f->name);
    return named(e->key, name) || named(e->filter, name) || named(e->sort, name);
}

/* A field that is looked for needs its column; the others have one as long as there is room. */
static bool is_sought(const struct tn_entity *e, const struct tn_field *f)
{
    return has_column(f) && (f->unique || is_indexed(e, f));
}

size_t tn_entity_sought(const struct tn_entity *e)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n_fields; i++) n += is_sought(e, &e->fields[i]);
    return n;
}

void tn_entity_table(const struct tn_entity *e, struct tn_column *columns, struct tn_table *out)
{
    *out = (struct tn_table){
        .name = e->plural, .columns = columns, .event = e->name, .history = e->history};
    size_t rest = TN_STORE_COLUMNS_MAX - tn_entity_sought(e);
    for (size_t i = 0; i < e->n_fields; i++) {
        const struct tn_field *f = &e->fields[i];
        bool sought = is_sought(e, f);
        if (!has_column(f) || (!sought && rest == 0)) continue;
        rest -= !sought;
        columns[out->column_count++] = (struct tn_column){
            f->name, column_type(f->type),
            (is_indexed(e, f) ? TN_USE_indexed : TN_USE_shown) | (f->unique ? TN_USE_unique : 0)};
    }
    for (size_t i = 0; i < tn_entity_key_length(e); i++) out->key[i] = e->key[i];
}

/* ---- all of them ---- */

const struct tn_entity *tn_entities_find(const struct tn_entities *all, struct tn_str name)
{
    for (size_t i = 0; all && i < all->n; i++)
        if (tn_str_is(name, all->v[i]->name)) return all->v[i];
    return NULL;
}

const struct tn_entity *tn_entities_of_table(const struct tn_entities *all, struct tn_str plural)
{
    for (size_t i = 0; all && i < all->n; i++)
        if (tn_str_is(plural, all->v[i]->plural)) return all->v[i];
    return NULL;
}

struct tn_hint tn_entities_hint(const struct tn_entities *all, struct tn_str name)
{
    const char *names[NAMES] = {NULL};
    for (size_t i = 0; all && i < all->n && i < NAMES - 1; i++) names[i] = all->v[i]->name;
    return tn_did_you_mean(name, names);
}
