/* SPDX-License-Identifier: MIT */
#include "scripts/decl_line.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static bool name_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static const char *skip_blank(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t')) p++;
    return p;
}

/* Does the name at p..p+n of the line stand where a key can stand: key =, ["key"] =, or as the
 * 'name' of a field? */
static bool is_key(const char *line, const char *p, size_t n, const char *end)
{
    const char *after = p + n;
    if (p > line && name_byte(p[-1])) return false;
    if (after < end && name_byte(*after)) return false;
    if (p > line && (p[-1] == '"' || p[-1] == '\'')) {
        if (after >= end || *after != p[-1]) return false;
        const char *before = p - 1;
        if (before > line && before[-1] == '[') return true;
        while (before > line && (before[-1] == ' ' || before[-1] == '(')) before--;
        return before > line && name_byte(before[-1]);
    }
    after = skip_blank(after, end);
    return after < end && *after == '=' && (after + 1 == end || after[1] != '=');
}

static bool line_has(const char *line, const char *end, const char *key)
{
    size_t n = strlen(key);
    const char *comment = memmem(line, (size_t)(end - line), "--", 2);
    if (comment) end = comment;
    for (const char *p = line; p < end; p++) {
        p = memmem(p, (size_t)(end - p), key, n);
        if (!p) return false;
        if (is_key(line, p, n, end)) return true;
    }
    return false;
}

int tn_decl_line_of(struct tn_str text, int line, const char *key)
{
    struct tn_str row;
    if (!key[0] || !text.p) return line;
    for (int at = 1; tn_str_split(&text, '\n', &row); at++)
        if (at >= line && line_has(row.p, row.p + row.n, key)) return at;
    return line;
}
