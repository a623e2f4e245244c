/* SPDX-License-Identifier: MIT */
#include "api/entity_tag.h"

#include <stdio.h>

void api_tag(int64_t version, char out[API_TAG_LEN])
{
    snprintf(out, API_TAG_LEN, "\"%lld\"", (long long)version);
}

static void skip_blanks(struct tn_str *s)
{
    while (s->n && (*s->p == ' ' || *s->p == '\t')) s->p++, s->n--;
}

/* Takes the next tag off the list; with its quotes.  False: there is none, or it is malformed. */
static bool take_tag(struct tn_str *list, struct tn_str *tag, bool *is_weak)
{
    size_t n = 1;
    skip_blanks(list);
    *is_weak = tn_str_starts(*list, "W/");
    if (*is_weak) list->p += 2, list->n -= 2;
    if (!list->n || *list->p != '"') return false;
    while (n < list->n && (unsigned char)list->p[n] > ' ' && list->p[n] != '"' &&
           list->p[n] != 0x7f)
        n++;
    if (n == list->n || list->p[n] != '"') return false;
    *tag = (struct tn_str){list->p, n + 1};
    list->p += n + 1, list->n -= n + 1;
    skip_blanks(list);
    return true;
}

static bool take_comma(struct tn_str *list)
{
    if (!list->n || *list->p != ',') return false;
    list->p++, list->n--;
    return true;
}

static bool is_any(struct tn_str tags)
{
    return tn_str_is(tn_str_trim(tags), "*");
}

bool api_tags_wellformed(struct tn_str tags, const char *header, struct tn_err *err)
{
    struct tn_str tag;
    bool is_weak, more = true, ok = true;
    if (is_any(tags)) return true;
    while (ok && more) {
        ok = take_tag(&tags, &tag, &is_weak);
        more = ok && take_comma(&tags);
    }
    if (ok && !tags.n) return true;
    tn_fail(err, TN_E_syntax, "%s has to be a list of tags such as \"7\" in quotes, or *", header);
    return tn_fail_field(err, "%s", header);
}

bool api_tags_have(struct tn_str tags, int64_t version, bool weak)
{
    char own[API_TAG_LEN];
    struct tn_str tag;
    bool is_weak, more = true;
    if (is_any(tags)) return true;
    api_tag(version, own);
    while (more && take_tag(&tags, &tag, &is_weak)) {
        if (tn_str_is(tag, own) && (weak || !is_weak)) return true;
        more = take_comma(&tags);
    }
    return false;
}
