/* SPDX-License-Identifier: MIT */
/* json_tape.h - how a parsed text lies in memory, for code that has to read it fast (mapping/).
 * Nodes lie in document order: a container, then all that is inside it.  An object's members are
 * pairs of a key node and a value node.  Node 0 is absent, node 1 the root.
 *
 *     const struct tn_jnode *n = tn_jtape(v.json);
 *     for (uint32_t k = v.at + 1; k < n[v.at].next; k = n[k + 1].next) ... n[k] key, n[k + 1] value
 *
 * walks an object with no call; a key that came twice shows up twice (the last counts), and the
 * bytes of a key with TN_JNODE_ESCAPED are not its text: ask tn_jkey. */
#ifndef TN_BASE_JSON_TAPE_H
#define TN_BASE_JSON_TAPE_H

#include "base/json.h"
#include "base/names.h"

struct tn_jnode {
    uint32_t start, end; /* offsets of the source bytes, quotes and brackets included */
    uint32_t next;       /* the node behind this value and all inside it; of a key with escapes:
                            its number in keys */
    uint32_t info;       /* enum tn_json_type, flags, count of members << TN_JNODE_COUNT_SHIFT */
};

enum {
    TN_JNODE_TYPE = 7,
    TN_JNODE_ESCAPED = 1 << 3,   /* string or key with a backslash in it */
    TN_JNODE_INTEGER = 1 << 4,   /* the number is all digits, perhaps with a sign */
    TN_JNODE_KEYS_SEEN = 1 << 5, /* object: it was checked for double keys */
    TN_JNODE_DOUBLED = 1 << 6,   /* object: it has double keys */
    TN_JNODE_STALE = 1 << 7,     /* key: the same key comes later in the object */
    TN_JNODE_TRUE = 1 << 3,      /* bool */
    TN_JNODE_COUNT_SHIFT = 8,
};

/* The members of a row that a reader is to keep. The other members are checked, too, but do not
 * come onto the tape. */
struct tn_json_pick {
    struct tn_names names;
    uint32_t count;
};

/* The first member of struct tn_json. */
struct tn_json_head {
    const char *text;
    size_t n; /* of text */
    struct tn_jnode *tape;
    const struct tn_json_pick *pick; /* the pick that the row was read with; NULL: all members
                                        are on the tape */
    uint32_t *picked;                /* with a pick: the node of each name's value (the last
                                        one), or 0 */
};
static inline const struct tn_json_head *tn_json_head(const struct tn_json *json)
{
    return (const struct tn_json_head *)(const void *)json;
}
static inline const struct tn_jnode *tn_jtape(const struct tn_json *json)
{
    return tn_json_head(json)->tape;
}
static inline const char *tn_jsource(const struct tn_json *json)
{
    return tn_json_head(json)->text;
}
static inline struct tn_str tn_jnode_raw(const struct tn_json *json, uint32_t at)
{
    const struct tn_jnode *n = tn_jtape(json) + at;
    return (struct tn_str){tn_jsource(json) + n->start, n->end - n->start};
}
/* The decoded text of a key node; lives until the next parse. */
struct tn_str tn_jkey(const struct tn_json *json, uint32_t key);

#endif
