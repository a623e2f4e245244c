/* SPDX-License-Identifier: MIT */
/* question.h - for store/ alone: a read value as a driver gets it (tn_store_ops.read) and fills it
 * in.  The questions were checked; what they point to is the read's own.
 * Life in a driver: get a call; fill in the found part of each question in any number of turns;
 * tn_read_answer, in a later turn than the one in which the call came. */
#ifndef TN_STORE_QUESTION_H
#define TN_STORE_QUESTION_H

#include "base/alloc.h"
#include "store/driver.h"
#include "store/read.h"

enum tn_question_kind {
    TN_QUESTION_get,
    TN_QUESTION_key,
    TN_QUESTION_link,
    TN_QUESTION_links,
    TN_QUESTION_totals,
    TN_QUESTION_query,
    TN_QUESTION_count,
    TN_QUESTION_kv,
    TN_QUESTION_kv_list,
    TN_QUESTION_versions,
    TN_QUESTION_as_of,
    TN_QUESTION_tail,
    TN_QUESTION_queue,
    TN_QUESTION_page,
    TN_QUESTION_COUNT
};

struct tn_question {
    enum tn_question_kind kind;
    const char *name; /* name of the table or the space */
    struct tn_id id;
    struct tn_origin source;
    struct tn_str text;       /* external id, key, or prefix */
    struct tn_str after_text; /* for kv_list */
    const struct tn_str *texts;
    size_t text_count;
    int64_t version, number; /* as_of; number: a time or an event */
    int partition;           /* tail */
    size_t limit;
    const struct tn_query *query;
    const struct tn_page_of *page;

    struct tn_err *err; /* NULL: no failure yet */
    struct tn_list list;
    void *rows; /* list.count rows; their type depends on the kind of the question */
    size_t room, bytes;
    struct tn_tail tail;
    struct tn_queue_state queue;
};

struct tn_read {
    int64_t team;
    struct tn_arena arena;
    struct tn_question *questions;
    size_t count, room, bytes;
};

/* A read under way.  A driver may chain it, keep its place in it and a time. */
struct tn_read_call {
    struct tn_call call; /* first */
    struct tn_read_call *next;
    struct tn_store *store;
    struct tn_read *read;
    bool one_snapshot;
    tn_read_fn done;
    void *arg;
    size_t at;      /* index of the next question */
    uint64_t turn;  /* number of the turn in which it came */
    int64_t due_us; /* the driver waits until then */
};
/* Calls done, unless the call was cancelled, and frees the call. err NULL: all questions are
 * answered. */
void tn_read_answer(struct tn_read_call *call, const struct tn_err *err);

/* Copies the row to the question's results. False: the answer is full, ask for no more. */
bool tn_question_row(struct tn_read *read, struct tn_question *q, const struct tn_row *row);
bool tn_question_link(struct tn_read *read, struct tn_question *q, const struct tn_link *link);
bool tn_question_total(struct tn_read *read, struct tn_question *q, const struct tn_total *total);
bool tn_question_version(struct tn_read *read, struct tn_question *q, const struct tn_version *v);
bool tn_question_event(struct tn_read *read, struct tn_question *q, const struct tn_event *e);
bool tn_question_kv(struct tn_read *read, struct tn_question *q, struct tn_str key,
                    struct tn_str value, int64_t version);
struct tn_seen *tn_question_seen(struct tn_read *read, struct tn_question *q); /* zeroed */
bool tn_question_full(const struct tn_question *q);
/* Copies text into the answer; counts its bytes. */
struct tn_str tn_question_text(struct tn_read *read, struct tn_question *q, struct tn_str text);
/* Stores the failure in the question. False: a failure of this kind fails the whole read. */
bool tn_question_fail(struct tn_read *read, struct tn_question *q, const struct tn_err *err);

#endif
