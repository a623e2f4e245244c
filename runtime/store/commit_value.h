/* SPDX-License-Identifier: MIT */
/* commit_value.h - the inside of a commit: the bytes that go to the store process, and those that
 * come back. For the drivers of store/ only. */
#ifndef TN_STORE_COMMIT_VALUE_H
#define TN_STORE_COMMIT_VALUE_H

#include "base/alloc.h"
#include "base/map.h"
#include "store/store.h"

struct tn_commit_source;
struct tn_commit_named;
struct tn_shape;

struct tn_commit {
    struct tn_store *store;
    struct tn_buf value; /* the bytes that go to the store process (wire.h) */
    struct tn_arena arena;
    size_t count;
    struct tn_shape **tables;
    size_t table_count;
    struct tn_commit_source *sources;
    size_t source_count;
    struct tn_map named; /* records that upserts name, to struct tn_commit_named */
    size_t named_count;
};
/* Returns the complete value; the commit still owns it. */
struct tn_str tn_commit_value(struct tn_commit *commit);
/* Parses a result message and calls done. */
void tn_commit_answer(struct tn_str result, tn_commit_fn done, void *arg);
/* Bytes in front of the operations of a commit value. */
enum { TN_COMMIT_HEADER = 25 }; /* acknowledged number, origin, depth */

#endif
