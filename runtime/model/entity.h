/* SPDX-License-Identifier: MIT */
/* entity.h - the declaration of one kind of record: its fields, its key, and the filters and
 * sorts of its lists. A resource file declares one; Tenon's own entities are rows in system.c.
 * Plain data that does not change; it belongs to the code that declared it. */
#ifndef TN_MODEL_ENTITY_H
#define TN_MODEL_ENTITY_H

#include "base/field.h"
#include "base/hint.h"
#include "store/store.h"

struct tn_entity {
    const char *name;   /* "item": one record of it; permissions are "item:read", ... */
    const char *plural; /* "items": its table, and the member that holds the rows of a list */
    const char *title;  /* for people; NULL: none */
    const char *path;   /* "/api/v1/items"; NULL: it has no routes of its own */
    bool global;        /* its records belong to no team, and every team sees them */
    bool history;       /* former versions are kept */
    const struct tn_field *fields;
    size_t n_fields;
    const char *const *key; /* fields that are unique together; NULL ends */
    const char *const *filter,
        *const *sort;   /* fields by which lists can be filtered and sorted; NULL ends */
    int page, page_max; /* rows of a list: by default, and at most */
};

/* The fields that every record has besides the declared ones. */
extern const char *const tn_system_fields[]; /* "id", "version", "createdAt", "updatedAt"; NULL */
bool tn_is_system_field(struct tn_str name);

/* The team to which the records belong that this team sees: the team itself, or the system when
 * the entity is global. */
static inline int64_t tn_entity_team(const struct tn_entity *e, int64_t team)
{
    return e->global ? TN_TEAM_SYSTEM : team;
}
size_t tn_entity_key_length(const struct tn_entity *e);
/* Reads the key of a body as texts, some of them in arena. False: the body lacks a part of the
 * key, so the record has no key. */
bool tn_entity_key_in(const struct tn_entity *e, struct tn_jval body, struct tn_arena *arena,
                      struct tn_str key[TN_STORE_KEY_MAX]);
bool tn_entity_has_secrets(const struct tn_entity *e);
bool tn_entity_has_references(const struct tn_entity *e);
/* How many fields are looked for (key, filter, sort, unique); no more than TN_STORE_COLUMNS_MAX. */
size_t tn_entity_sought(const struct tn_entity *e);
/* Describes the entity's table for the store. Where there are more fields than columns, those that
 * are looked for have theirs, and of the others the first. columns has room for
 * TN_STORE_COLUMNS_MAX; both borrow from e. */
void tn_entity_table(const struct tn_entity *e, struct tn_column *columns, struct tn_table *out);

/* ---- all of them ---- */

/* A list of entities in the order of their files; borrowed. */
struct tn_entities {
    const struct tn_entity **v;
    size_t n;
};
/* NULL: there is none.  all may be NULL. */
const struct tn_entity *tn_entities_find(const struct tn_entities *all, struct tn_str name);
const struct tn_entity *tn_entities_of_table(const struct tn_entities *all, struct tn_str plural);
/* The name of an entity that was probably meant. */
struct tn_hint tn_entities_hint(const struct tn_entities *all, struct tn_str name);

#endif
