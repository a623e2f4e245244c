/* SPDX-License-Identifier: MIT */
#include "api/figures.h"

#include <stdio.h>

#include "api/integrations.h"
#include "base/alloc.h"
#include "scripts/scripts.h"
#include "store/read.h"

struct reading {
    struct tn_api *api;
    struct api_figures figures;
    struct tn_read *read; /* a question for each integration, then one for each operation */
    int64_t team;
    api_figures_fn done;
    void *arg;
};

static void finish(struct reading *r)
{
    r->done(r->arg, &r->figures);
    tn_free(r);
}

static void figures_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct reading *r = arg;
    struct api_figures *f = &r->figures;
    struct tn_err ignored;
    if (err) f->integration_count = f->operation_count = 0;
    for (size_t i = 0; i < f->integration_count; i++)
        if (!tn_run_totals_found(found, i, &f->integrations[i].runs, &ignored))
            f->integrations[i].runs = (struct tn_run_totals){0};
    for (size_t i = 0; i < f->operation_count; i++) {
        size_t question = f->integration_count + i;
        if (!tn_found_err(found, question))
            f->operations[i].waiting = tn_found_list(found, question)->total;
    }
    finish(r);
}

static void add_operation(struct api_figures *f, size_t of, const char *operation)
{
    if (f->operation_count == API_FIGURES_OPERATIONS) {
        f->capped = true;
        return;
    }
    struct api_operation_figures *to = &f->operations[f->operation_count++];
    to->of = of;
    snprintf(to->operation, sizeof to->operation, "%s", operation);
}

static void add_integration(struct reading *r, struct tn_json *json, const struct tn_row *row)
{
    struct api_figures *f = &r->figures;
    struct api_integration_figures *to = &f->integrations[f->integration_count];
    struct tn_arena arena;
    struct tn_err err;
    tn_arena_init(&arena);
    if (tn_json_parse(json, row->body, &err)) {
        struct tn_jval root = tn_json_root(json);
        const struct tn_decl *d = api_adapter(r->api, tn_jtext_or(root, "adapter", &arena, ""));
        to->id = row->id;
        to->team = row->team;
        snprintf(to->name, sizeof to->name, "%.*s", TN_FMT(tn_jtext_or(root, "name", &arena, "")));
        tn_run_totals_ask(r->read, &row->id);
        for (const struct tn_operation *o = d ? d->adapter.operations : NULL; o && o->name; o++)
            add_operation(f, f->integration_count, o->name);
        f->integration_count++;
    }
    tn_arena_clear(&arena);
}

static void ask_waiting(struct tn_read *read, const struct tn_id *integration,
                        const char *operation)
{
    char id[TN_ID_LEN + 1];
    tn_id_text(integration, id);
    struct tn_str values[] = {tn_str(id), tn_str(operation), TN_STR("open")};
    struct tn_filter filters[] = {{"integration", TN_FILTER_eq, &values[0], 1},
                                  {"operation", TN_FILTER_eq, &values[1], 1},
                                  {"status", TN_FILTER_eq, &values[2], 1}};
    tn_read_query(read, &(struct tn_query){.table = "quarantine",
                                           .filters = filters,
                                           .filter_count = 3,
                                           .limit = 1,
                                           .total = true});
}

/* The totals first, so that question i is about integration i. */
static void integrations_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct reading *r = arg;
    struct api_figures *f = &r->figures;
    struct tn_json *json = tn_json_new();
    if (!err) err = tn_found_err(found, 0);
    const struct tn_list *list = err ? NULL : tn_found_list(found, 0);
    r->read = tn_read_new(r->team);
    for (size_t i = 0; list && i < list->count; i++)
        add_integration(r, json, tn_found_row(found, 0, i));
    for (size_t i = 0; i < f->operation_count; i++)
        ask_waiting(r->read, &f->integrations[f->operations[i].of].id, f->operations[i].operation);
    f->capped = f->capped || (list && list->more);
    tn_json_free(json);
    if (f->integration_count) {
        tn_store_read(r->api->p.store, r->read, NULL, figures_found, r);
        return;
    }
    tn_read_free(r->read);
    finish(r);
}

void api_figures_read(struct tn_api *api, int64_t team, api_figures_fn done, void *arg)
{
    struct reading *r = TN_NEW(struct reading);
    struct tn_read *read = tn_read_new(team);
    r->api = api;
    r->team = team;
    r->done = done;
    r->arg = arg;
    tn_read_query(read,
                  &(struct tn_query){.table = "integration", .limit = API_FIGURES_INTEGRATIONS});
    tn_store_read(api->p.store, read, NULL, integrations_found, r);
}
