/* SPDX-License-Identifier: MIT */
#include "api/lists.h"

#include "base/limits.h"
#include "store/read.h"

struct listing {
    struct tn_http_exchange *x;
    const struct api_list *list;
};

static void found_page(void *arg, struct tn_found *found, const struct tn_err *err)
{
    const struct listing *l = arg;
    struct tn_answer a;
    if (!err) err = tn_found_err(found, 0);
    if (err) {
        tn_answer_err(l->x, err);
        return;
    }
    const struct tn_list *rows = tn_found_list(found, 0);
    tn_answer_begin(&a, l->x);
    tn_jw_object(&a.w);
    tn_jw_key(&a.w, tn_str(l->list->member));
    tn_jw_array(&a.w);
    if (l->list->first && !tn_http_query(l->x, "cursor", NULL).n) l->list->first(&a.w);
    for (size_t i = 0; i < rows->count; i++) l->list->row(tn_found_row(found, 0, i), &a.w);
    tn_jw_end(&a.w);
    tn_jw_kz(&a.w, "nextCursor", rows->more ? rows->next.p : NULL);
    tn_jw_end(&a.w);
    tn_answer_send(&a, 200);
}

void api_list(struct tn_api *api, struct tn_http_exchange *x, const struct api_list *list)
{
    static const char *const parameters[] = {"cursor", NULL};
    if (!api_query_known(x, parameters)) return;
    struct listing *l = tn_http_alloc(x, sizeof *l);
    struct tn_read *read = tn_read_new(api_actor(x)->team);
    *l = (struct listing){x, list};
    tn_read_query(read, &(struct tn_query){.table = list->table,
                                           .limit = TN_LIMIT_PAGE,
                                           .cursor = tn_http_query(x, "cursor", NULL)});
    tn_store_read(api->p.store, read, NULL, found_page, l);
}
