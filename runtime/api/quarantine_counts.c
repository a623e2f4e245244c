/* SPDX-License-Identifier: MIT */
#include "api/quarantine_counts.h"

#include <stdio.h>

#include "api/integrations.h"
#include "base/alloc.h"
#include "scripts/scripts.h"
#include "store/read.h"

struct counting {
    struct tn_api *api;
    int64_t team;
    struct api_quarantine_counts counts;
    struct tn_read *read; /* a question for each of counts */
    api_quarantine_counts_fn done;
    void *arg;
};

static void finish(struct counting *c)
{
    c->done(c->arg, &c->counts);
    tn_free(c);
}

static void counted(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct counting *c = arg;
    if (err) c->counts.count = 0;
    for (size_t i = 0; i < c->counts.count; i++)
        if (!tn_found_err(found, i)) c->counts.list[i].records = tn_found_list(found, i)->total;
    finish(c);
}

static void ask(struct counting *c, struct tn_str name, const char *id, const char *operation)
{
    struct tn_str values[] = {tn_str(id), tn_str(operation), TN_STR("open")};
    struct tn_filter filters[] = {{"integration", TN_FILTER_eq, &values[0], 1},
                                  {"operation", TN_FILTER_eq, &values[1], 1},
                                  {"status", TN_FILTER_eq, &values[2], 1}};
    if (c->counts.count == API_QUARANTINE_COUNTS) {
        c->counts.capped = true;
        return;
    }
    struct api_quarantine_count *to = &c->counts.list[c->counts.count++];
    snprintf(to->integration, sizeof to->integration, "%.*s", TN_FMT(name));
    snprintf(to->operation, sizeof to->operation, "%s", operation);
    tn_read_query(c->read, &(struct tn_query){.table = "quarantine",
                                              .filters = filters,
                                              .filter_count = 3,
                                              .limit = 1,
                                              .total = true});
}

static void ask_integration(struct counting *c, struct tn_json *json, const struct tn_row *row)
{
    struct tn_arena arena;
    struct tn_str name, adapter;
    struct tn_err err;
    char id[TN_ID_LEN + 1];
    tn_arena_init(&arena);
    tn_id_text(&row->id, id);
    if (tn_json_parse(json, row->body, &err) &&
        tn_jtext(tn_jget_z(tn_json_root(json), "name"), &arena, &name) &&
        tn_jtext(tn_jget_z(tn_json_root(json), "adapter"), &arena, &adapter)) {
        const struct tn_decl *d = api_adapter(c->api, adapter);
        for (const struct tn_operation *o = d ? d->adapter.operations : NULL; o && o->name; o++)
            ask(c, name, id, o->name);
    }
    tn_arena_clear(&arena);
}

static void integrations_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct counting *c = arg;
    struct tn_json *json = tn_json_new();
    if (!err) err = tn_found_err(found, 0);
    const struct tn_list *list = err ? NULL : tn_found_list(found, 0);
    c->read = tn_read_new(c->team);
    for (size_t i = 0; list && i < list->count; i++)
        ask_integration(c, json, tn_found_row(found, 0, i));
    if (list && list->more) c->counts.capped = true;
    tn_json_free(json);
    if (c->counts.count) {
        tn_store_read(c->api->p.store, c->read, NULL, counted, c);
        return;
    }
    tn_read_free(c->read);
    finish(c);
}

void api_quarantine_count_all(struct tn_api *api, int64_t team, api_quarantine_counts_fn done,
                              void *arg)
{
    struct counting *c = TN_NEW(struct counting);
    struct tn_read *read = tn_read_new(team);
    c->api = api;
    c->team = team;
    c->done = done;
    c->arg = arg;
    tn_read_query(read, &(struct tn_query){.table = "integration", .limit = API_QUARANTINE_COUNTS});
    tn_store_read(api->p.store, read, NULL, integrations_found, c);
}
