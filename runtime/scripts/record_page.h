/* SPDX-License-Identifier: MIT */
/* record_page.h - makes a page of JSON records (sync/source.h) from an answer in another format,
 * or from records that a script built. Life: new; rows and bad records in any order; end; free. */
#ifndef TN_SCRIPTS_RECORD_PAGE_H
#define TN_SCRIPTS_RECORD_PAGE_H

#include "base/alloc.h"
#include "base/buf.h"
#include "sync/source.h"

enum { RECORD_PAGE_ROWS = 500, RECORD_PAGE_BYTES = 256 * 1024 };

struct record_page {
    struct tn_buf text; /* {"page":1,"rows":[...]} */
    size_t rows;
    struct tn_arena memory; /* of bad */
    struct tn_source_bad *bad;
    size_t bad_count, bad_room;
};

/* number: counts the pages of one answer. It stands in the text, so that no two of these pages
 * are equal. */
struct record_page *record_page_new(size_t number);
void record_page_free(struct record_page *p); /* NULL does nothing */
/* The buffer to which the caller appends the next record's JSON. */
struct tn_buf *record_page_row(struct record_page *p);
void record_page_bad(struct record_page *p, size_t line, const struct tn_err *why,
                     struct tn_str bytes);
static inline size_t record_page_count(const struct record_page *p)
{
    return p->rows + p->bad_count;
}
static inline bool record_page_full(const struct record_page *p)
{
    return record_page_count(p) >= RECORD_PAGE_ROWS || p->text.n >= RECORD_PAGE_BYTES;
}
/* Closes the text and fills view: text, rows, bad. */
void record_page_end(struct record_page *p, struct tn_source_page *view);

#endif
