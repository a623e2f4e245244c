/* SPDX-License-Identifier: MIT */
#include "scripts/record_page.h"

#include <stdio.h>

#include "base/limits.h"

enum { TEXT_MAX = 16 * TN_LIMIT_RECORD };

struct record_page *record_page_new(size_t number)
{
    struct record_page *p = TN_NEW(struct record_page);
    tn_buf_init(&p->text, TEXT_MAX);
    tn_arena_init(&p->memory);
    tn_buf_addf(&p->text, "{\"page\":%zu,\"rows\":[", number);
    return p;
}

void record_page_free(struct record_page *p)
{
    if (!p) return;
    tn_buf_clear(&p->text);
    tn_arena_clear(&p->memory);
    tn_free(p->bad);
    tn_free(p);
}

struct tn_buf *record_page_row(struct record_page *p)
{
    if (p->rows++) tn_buf_adds(&p->text, ",\n");
    return &p->text;
}

void record_page_bad(struct record_page *p, size_t line, const struct tn_err *why,
                     struct tn_str bytes)
{
    char message[sizeof why->text + 32];
    if (p->bad_count == p->bad_room) {
        p->bad_room = p->bad_room ? p->bad_room * 2 : 16;
        p->bad = tn_realloc(p->bad, p->bad_room * sizeof *p->bad);
    }
    int n = snprintf(message, sizeof message, "line %zu: %s", line, why->text);
    p->bad[p->bad_count++] = (struct tn_source_bad){
        .message = {tn_arena_strndup(&p->memory, message, (size_t)n), (size_t)n},
        .payload = {tn_arena_strndup(&p->memory, bytes.n ? bytes.p : "", bytes.n), bytes.n},
        .line = line};
}

void record_page_end(struct record_page *p, struct tn_source_page *view)
{
    tn_buf_adds(&p->text, "]}");
    view->text = tn_buf_str(&p->text);
    view->rows = TN_STR("rows");
    view->bad = p->bad;
    view->bad_count = p->bad_count;
}
