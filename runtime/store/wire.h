/* SPDX-License-Identifier: MIT */
/* wire.h - the bytes between a worker and the store process: numbers of fixed width in the
 * machine's order (both sides are one machine and one program), and strings with their length. A
 * reader that runs past the end is marked bad and gives zeros from then on: check once, at the
 * end. */
#ifndef TN_STORE_WIRE_H
#define TN_STORE_WIRE_H

#include "base/buf.h"
#include "base/id.h"

/* tn_queue.due of an entry that waits for an earlier one of its order */
#define TN_QUEUE_BEHIND INT64_MAX

/* Message types; answers carry the number of the request. */
enum tn_wire_type {
    TN_WIRE_hello = 1, /* client id, holder */
    TN_WIRE_welcome,   /* device and inode of the log */
    TN_WIRE_commit,    /* acknowledged number, commit value */
    TN_WIRE_result,
    TN_WIRE_define, /* declaration as JSON */
    TN_WIRE_claim,  /* resent, holder, queue, max, lease */
    TN_WIRE_entries,
    TN_WIRE_release, /* holder */
    TN_WIRE_retain,  /* what, before */
    TN_WIRE_backup,  /* path */
    TN_WIRE_done,    /* a failure or none */
    TN_WIRE_stats,
    TN_WIRE_figures,
    TN_WIRE_note, /* server to all: device and inode of the log, newest event, changes */
};

/* Operations of a commit value. */
enum tn_op {
    TN_OP_table = 1, /* slot, name, columns: comes before the table's first use */
    TN_OP_source,    /* slot, team, integration, entity: comes before the source's first use */
    TN_OP_named,     /* table, team, id of a record that upserts name: comes before its first use */
    TN_OP_put,
    TN_OP_patch,
    TN_OP_delete,
    TN_OP_erase,
    TN_OP_expect,
    TN_OP_upsert,
    TN_OP_link,
    TN_OP_unlink,
    TN_OP_event,
    TN_OP_kv_set,
    TN_OP_kv_delete,
    TN_OP_queue_put,
    TN_OP_settle,
    TN_OP_reschedule,
    TN_OP_dequeue,
    TN_OP_totals,
};

/* Flags of an upsert. */
enum { TN_UPSERT_merge = 1, TN_UPSERT_id = 2, TN_UPSERT_names = 4 };
/* A flag in the kind of an outcome: adopted, or left out and adoptable. */
enum { TN_OUTCOME_adopted = 0x80 };

/* tn_queue.due of an entry that waits for an earlier one of its order */
#define TN_QUEUE_BEHIND INT64_MAX

enum tn_wire_value { TN_VALUE_null, TN_VALUE_int, TN_VALUE_real, TN_VALUE_text };

static inline void tn_put_u8(struct tn_buf *b, unsigned v)
{
    tn_buf_addc(b, (char)v);
}
static inline void tn_put_u16(struct tn_buf *b, unsigned v)
{
    uint16_t x = (uint16_t)v;
    tn_buf_add(b, &x, sizeof x);
}
static inline void tn_put_u32(struct tn_buf *b, uint32_t v)
{
    tn_buf_add(b, &v, sizeof v);
}
static inline void tn_put_i64(struct tn_buf *b, int64_t v)
{
    tn_buf_add(b, &v, sizeof v);
}
static inline void tn_put_real(struct tn_buf *b, double v)
{
    tn_buf_add(b, &v, sizeof v);
}
static inline void tn_put_id(struct tn_buf *b, const struct tn_id *id)
{
    tn_buf_add(b, id->b, sizeof id->b);
}
static inline void tn_put_str(struct tn_buf *b, struct tn_str s)
{
    tn_put_u32(b, (uint32_t)s.n);
    tn_buf_add(b, s.p, s.n);
}

struct tn_wire {
    const char *p, *end;
    bool bad;
};
static inline struct tn_wire tn_wire(struct tn_str s)
{
    return (struct tn_wire){s.p, s.p + s.n, false};
}
static inline void tn_take(struct tn_wire *w, void *out, size_t n)
{
    if (w->bad || (size_t)(w->end - w->p) < n) {
        w->bad = true;
        memset(out, 0, n);
        return;
    }
    memcpy(out, w->p, n);
    w->p += n;
}
static inline unsigned tn_take_u8(struct tn_wire *w)
{
    uint8_t v;
    tn_take(w, &v, sizeof v);
    return v;
}
static inline unsigned tn_take_u16(struct tn_wire *w)
{
    uint16_t v;
    tn_take(w, &v, sizeof v);
    return v;
}
static inline uint32_t tn_take_u32(struct tn_wire *w)
{
    uint32_t v;
    tn_take(w, &v, sizeof v);
    return v;
}
static inline int64_t tn_take_i64(struct tn_wire *w)
{
    int64_t v;
    tn_take(w, &v, sizeof v);
    return v;
}
static inline double tn_take_real(struct tn_wire *w)
{
    double v;
    tn_take(w, &v, sizeof v);
    return v;
}
static inline struct tn_id tn_take_id(struct tn_wire *w)
{
    struct tn_id id;
    tn_take(w, &id, sizeof id);
    return id;
}
/* The string points into the message. */
static inline struct tn_str tn_take_str(struct tn_wire *w)
{
    size_t n = tn_take_u32(w);
    if (w->bad || (size_t)(w->end - w->p) < n) {
        w->bad = true;
        return (struct tn_str){"", 0};
    }
    struct tn_str s = {w->p, n};
    w->p += n;
    return s;
}

/* Appends a failure. */
void tn_put_err(struct tn_buf *b, const struct tn_err *err); /* NULL: success */
void tn_take_err(struct tn_wire *w, struct tn_err *err);

#endif
