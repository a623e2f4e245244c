/* SPDX-License-Identifier: MIT */
#include "model/query.h"

#include "base/limits.h"

enum { NAMES = 200 };

/* The system fields, and the names of their columns in the store. */
static const struct {
    const char *field, *column;
} system_columns[] = {
    {"id", "id"}, {"version", "version"}, {"createdAt", "created"}, {"updatedAt", "updated"}};
enum { SYSTEM_COLUMNS = sizeof system_columns / sizeof *system_columns };

static const struct {
    const char *word;
    enum tn_filter_op op;
} ops[] = {{"eq", TN_FILTER_eq}, {"ne", TN_FILTER_ne},         {"in", TN_FILTER_in},
           {"lt", TN_FILTER_lt}, {"le", TN_FILTER_le},         {"gt", TN_FILTER_gt},
           {"ge", TN_FILTER_ge}, {"prefix", TN_FILTER_prefix}, {"contains", TN_FILTER_contains}};

void tn_list_query_init(struct tn_list_query *l, const struct tn_entity *e, int64_t team,
                        bool declared)
{
    *l = (struct tn_list_query){.entity = e, .declared = declared};
    l->q.team = tn_entity_team(e, team);
    l->q.table = e->plural;
    l->q.limit = (size_t)e->page;
    l->q.filters = l->filters;
    tn_arena_init(&l->texts);
}

void tn_list_query_clear(struct tn_list_query *l)
{
    tn_arena_clear(&l->texts);
}

bool tn_filter_op_of(struct tn_str word, enum tn_filter_op *out)
{
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (!tn_str_is(word, ops[i].word)) continue;
        *out = ops[i].op;
        return true;
    }
    return false;
}

static bool listed(const char *const *names, struct tn_str name)
{
    for (; names && *names; names++)
        if (tn_str_is(name, *names)) return true;
    return false;
}

static bool refuse(const struct tn_list_query *l, const char *const *names, struct tn_str field,
                   const char *cannot, struct tn_err *err)
{
    tn_fail(err, TN_E_syntax, "%s cannot be %s '%.*s'%s", l->entity->plural, cannot, TN_FMT(field),
            tn_did_you_mean(field, names).text);
    tn_fail_field(err, "%.*s", TN_FMT(field));
    return tn_fail_code(err, TN_CODE_parameter, "%s", "");
}

/* The column of a field. declared: the fields that the list permits. NULL: err. */
static const char *column_of(const struct tn_list_query *l, const char *const *declared,
                             struct tn_str field, const char *cannot, struct tn_err *err)
{
    const struct tn_entity *e = l->entity;
    const char *names[NAMES] = {NULL};
    bool may = !l->declared || listed(declared, field);
    for (size_t i = 0; i < SYSTEM_COLUMNS; i++)
        if (tn_str_is(field, system_columns[i].field)) return system_columns[i].column;
    const struct tn_field *f = tn_field_find(e->fields, e->n_fields, field);
    if (f && may) return f->name;
    for (size_t i = 0; !l->declared && i < e->n_fields && i < NAMES - 1; i++)
        names[i] = e->fields[i].name;
    (void)refuse(l, l->declared ? declared : names, field, cannot, err);
    return NULL;
}

static struct tn_str keep(struct tn_list_query *l, struct tn_str text)
{
    return (struct tn_str){tn_arena_strndup(&l->texts, text.p ? text.p : "", text.n), text.n};
}

bool tn_list_query_where(struct tn_list_query *l, struct tn_str field, enum tn_filter_op op,
                         const struct tn_str *values, size_t n, struct tn_err *err)
{
    const char *column = column_of(l, l->entity->filter, field, "filtered by", err);
    if (!column) return false;
    if (l->q.filter_count == TN_STORE_FILTERS_MAX) {
        tn_fail(err, TN_E_syntax, "a list takes %d conditions at most", TN_STORE_FILTERS_MAX);
        return tn_fail_code(err, TN_CODE_parameter, "%s", "");
    }
    struct tn_str *copies = tn_arena_alloc(&l->texts, (n + 1) * sizeof *copies);
    for (size_t i = 0; i < n; i++) copies[i] = keep(l, values[i]);
    l->filters[l->q.filter_count++] = (struct tn_filter){column, op, copies, n};
    return true;
}

bool tn_list_query_sort(struct tn_list_query *l, struct tn_str field, bool descending,
                        struct tn_err *err)
{
    const char *column = column_of(l, l->entity->sort, field, "sorted by", err);
    if (!column) return false;
    if (l->q.sort_count == TN_STORE_SORT_MAX) {
        tn_fail(err, TN_E_syntax, "a list is sorted by %d fields at most", TN_STORE_SORT_MAX);
        return tn_fail_code(err, TN_CODE_parameter, "%s", "");
    }
    l->q.sort[l->q.sort_count++] = (struct tn_sort){column, descending};
    return true;
}

void tn_list_query_page(struct tn_list_query *l, size_t limit, size_t offset, struct tn_str cursor,
                        bool total)
{
    size_t most = (size_t)l->entity->page_max;
    l->q.limit = limit == 0 ? (size_t)l->entity->page : limit > most ? most : limit;
    l->q.offset = offset;
    l->q.total = total;
    l->q.cursor = (struct tn_str){NULL, 0};
    if (cursor.p) l->q.cursor = keep(l, cursor);
}
