/* SPDX-License-Identifier: MIT */
#include "net/http_parse.h"

/* Classes of bytes: where each may stand. */
enum {
    TOKEN = 1,  /* tchar of RFC 9110 */
    VALUE = 2,  /* in a field value: visible, space, tab, obs-text */
    TARGET = 4, /* in a request target */
    HOST = 8,   /* in Host */
    ID = 16,    /* in X-Request-ID */
};

#define ALNUM    (TOKEN | VALUE | TARGET | HOST | ID)
#define ROW8(x)  x, x, x, x, x, x, x, x
#define ROW64(x) ROW8(x), ROW8(x), ROW8(x), ROW8(x), ROW8(x), ROW8(x), ROW8(x), ROW8(x)

static const unsigned char class_of[256] = {
    ROW8(0),
    0,
    VALUE,
    0,
    0,
    0,
    0,
    0,
    0, /* HT */
    ROW8(0),
    ROW8(0),
    VALUE,
    TOKEN | VALUE | TARGET | HOST,
    VALUE,
    TOKEN | VALUE, /* SP ! " # */
    TOKEN | VALUE | TARGET | HOST,
    TOKEN | VALUE | TARGET | HOST, /* $ % */
    TOKEN | VALUE | TARGET | HOST,
    TOKEN | VALUE | TARGET | HOST, /* & ' */
    VALUE | TARGET | HOST,
    VALUE | TARGET | HOST, /* ( ) */
    TOKEN | VALUE | TARGET | HOST,
    TOKEN | VALUE | TARGET | HOST, /* * + */
    VALUE | TARGET,
    TOKEN | VALUE | TARGET | HOST | ID, /* , - */
    TOKEN | VALUE | TARGET | HOST,
    VALUE | TARGET, /* . / */
    ROW8(ALNUM),
    ALNUM,
    ALNUM, /* 0-9 */
    VALUE | TARGET | HOST,
    VALUE | TARGET | HOST, /* : ; */
    VALUE,
    VALUE | TARGET | HOST,
    VALUE,
    VALUE | TARGET, /* < = > ? */
    VALUE | TARGET,
    ROW8(ALNUM),
    ROW8(ALNUM),
    ROW8(ALNUM),
    ALNUM,
    ALNUM, /* @ A-Z */
    VALUE | TARGET | HOST,
    VALUE,
    VALUE | TARGET | HOST, /* [ \ ] */
    TOKEN | VALUE | TARGET,
    TOKEN | VALUE | TARGET | HOST | ID, /* ^ _ */
    TOKEN | VALUE | TARGET,
    ROW8(ALNUM),
    ROW8(ALNUM),
    ROW8(ALNUM),
    ALNUM,
    ALNUM, /* ` a-z */
    VALUE | TARGET,
    TOKEN | VALUE | TARGET,
    VALUE | TARGET, /* { | } */
    TOKEN | VALUE | TARGET | HOST,
    0, /* ~ DEL */
    ROW64(VALUE),
    ROW64(VALUE),
};

static bool is(char c, unsigned classes)
{
    return (class_of[(unsigned char)c] & classes) != 0;
}

static bool all(struct tn_str s, unsigned classes)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is(s.p[i], classes)) return false;
    return true;
}

static bool refuse(struct tn_http_refusal *why, int status, const char *text)
{
    *why = (struct tn_http_refusal){status, text};
    return false;
}

static enum tn_http_step bad(struct tn_http_refusal *why, int status, const char *text)
{
    refuse(why, status, text);
    return TN_HTTP_bad;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static struct tn_str cut(struct tn_str s, size_t from)
{
    return (struct tn_str){s.p + from, s.n - from};
}

/* The request line: method, one space, target, one space, version. */
struct first {
    struct tn_str method, target;
    unsigned minor;
};

static bool version_parse(struct tn_str v, unsigned *minor, struct tn_http_refusal *why)
{
    if (v.n != 8 || memcmp(v.p, "HTTP/", 5) != 0 || v.p[6] != '.' || v.p[5] < '0' || v.p[5] > '9' ||
        v.p[7] < '0' || v.p[7] > '9')
        return refuse(why, 400, "the request line has no valid HTTP version");
    if (v.p[5] != '1' || v.p[7] > '1')
        return refuse(why, 505, "only HTTP/1.1 and HTTP/1.0 are supported");
    *minor = (unsigned)(v.p[7] - '0');
    return true;
}

static bool first_parse(struct tn_str line, struct first *f, struct tn_http_refusal *why)
{
    if (!tn_str_split(&line, ' ', &f->method) || !f->method.n || !all(f->method, TOKEN))
        return refuse(why, 400, "the request line does not start with a method");
    if (!tn_str_split(&line, ' ', &f->target) || !f->target.n)
        return refuse(why, 400, "the request line has no target");
    if (!all(f->target, TARGET))
        return refuse(why, 400, "the target has a character that must be escaped");
    return version_parse(line, &f->minor, why);
}

void tn_http_scan_init(struct tn_http_scan *s)
{
    *s = (struct tn_http_scan){0};
}

static enum tn_http_step scan_limits(const struct tn_http_scan *s, size_t n,
                                     struct tn_http_refusal *why)
{
    if (!s->fields && n - s->lead > TN_LIMIT_REQUEST_LINE)
        return bad(why, 414, "the request line is too long");
    if (s->fields && n - s->fields > TN_LIMIT_HEADER_BYTES)
        return bad(why, 431, "the header is too large");
    return TN_HTTP_more;
}

/* A header that comes in pieces is refused for its first line before the rest is here. */
static enum tn_http_step scan_wait(struct tn_http_scan *s, const char *p, size_t n,
                                   struct tn_http_refusal *why)
{
    struct first f;
    if (s->fields && !s->checked) {
        struct tn_str line = {p + s->lead, s->fields - 2 - s->lead};
        if (!first_parse(line, &f, why)) return TN_HTTP_bad;
        s->checked = true;
    }
    return scan_limits(s, n, why);
}

enum tn_http_step tn_http_scan_feed(struct tn_http_scan *s, const char *p, size_t n, size_t *head_n,
                                    struct tn_http_refusal *why)
{
    const char *lf;
    while (s->seen < n && (lf = memchr(p + s->seen, '\n', n - s->seen))) {
        size_t end = (size_t)(lf - p) + 1, length = end - s->line;
        if (length < 2 || lf[-1] != '\r') return bad(why, 400, "a line does not end with CR LF");
        if (length == 2 && end == 2) {
            s->lead = 2; /* accepts one empty line before a request */
        } else if (!s->fields) {
            if (length == 2) return bad(why, 400, "the request line is empty");
            s->fields = end;
            if (end - s->lead > TN_LIMIT_REQUEST_LINE)
                return bad(why, 414, "the request line is too long");
        } else if (length == 2) {
            if (scan_limits(s, end, why) == TN_HTTP_bad) return TN_HTTP_bad;
            *head_n = end;
            return TN_HTTP_done;
        }
        s->line = s->seen = end;
    }
    s->seen = n;
    return scan_wait(s, p, n, why);
}

/* The fields of this header that were read so far. */
struct seen {
    bool host, length, coding, id, close, keep_alive;
};

static bool take_host(struct tn_http_head *h, struct seen *seen, struct tn_str v,
                      struct tn_http_refusal *why)
{
    if (seen->host) return refuse(why, 400, "Host was sent twice");
    seen->host = true;
    if (!v.n || !all(v, HOST)) return refuse(why, 400, "Host is not a host name");
    h->host = v;
    return true;
}

static bool take_length(struct tn_http_head *h, struct seen *seen, struct tn_str v,
                        struct tn_http_refusal *why)
{
    if (seen->length) return refuse(why, 400, "Content-Length was sent twice");
    seen->length = true;
    if (!tn_str_u64(v, &h->length) || h->length > INT64_MAX)
        return refuse(why, 400, "Content-Length is not a number of bytes");
    return true;
}

static bool take_coding(struct tn_http_head *h, struct seen *seen, struct tn_str v,
                        struct tn_http_refusal *why)
{
    if (seen->coding) return refuse(why, 400, "Transfer-Encoding was sent twice");
    seen->coding = true;
    if (h->minor == 0) return refuse(why, 400, "Transfer-Encoding does not exist in HTTP/1.0");
    if (!tn_str_eq_nocase(v, TN_STR("chunked")))
        return refuse(why, 501, "chunked is the only supported transfer coding");
    h->chunked = true;
    return true;
}

static bool take_expect(struct tn_http_head *h, struct tn_str v, struct tn_http_refusal *why)
{
    if (!tn_str_eq_nocase(v, TN_STR("100-continue")))
        return refuse(why, 417, "100-continue is the only supported expectation");
    h->expect_continue = h->minor > 0;
    return true;
}

static void take_id(struct tn_http_head *h, struct seen *seen, struct tn_str v)
{
    h->request_id = seen->id ? (struct tn_str){NULL, 0} : v;
    seen->id = true;
}

/* Takes the few fields that decide where the body ends. Compares lengths first, so that other
 * fields cost one comparison. */
static bool take_known(struct tn_http_head *h, struct seen *seen, const struct tn_http_field *f,
                       struct tn_http_refusal *why)
{
    switch (f->name.n) {
    case 4:
        if (tn_str_eq_nocase(f->name, TN_STR("host"))) return take_host(h, seen, f->value, why);
        break;
    case 6:
        if (tn_str_eq_nocase(f->name, TN_STR("expect"))) return take_expect(h, f->value, why);
        break;
    case 10:
        if (tn_str_eq_nocase(f->name, TN_STR("connection"))) {
            seen->close |= tn_http_list_has(f->value, "close");
            seen->keep_alive |= tn_http_list_has(f->value, "keep-alive");
        }
        break;
    case 12:
        if (tn_str_eq_nocase(f->name, TN_STR("x-request-id"))) take_id(h, seen, f->value);
        break;
    case 14:
        if (tn_str_eq_nocase(f->name, TN_STR("content-length")))
            return take_length(h, seen, f->value, why);
        break;
    case 17:
        if (tn_str_eq_nocase(f->name, TN_STR("transfer-encoding")))
            return take_coding(h, seen, f->value, why);
        break;
    default: break;
    }
    return true;
}

/* Parses one field line without its CR LF. A name with a space, a folded line and an empty name all
 * fail the same test: the text before the colon must be a token. */
static bool field_parse(struct tn_str line, struct tn_http_field *f, struct tn_http_refusal *why)
{
    size_t n = 0;
    while (n < line.n && is(line.p[n], TOKEN)) n++;
    if (!n || n == line.n || line.p[n] != ':')
        return refuse(why, 400, "a header field has no valid name");
    f->name = (struct tn_str){line.p, n};
    f->value = cut(line, n + 1);
    if (!all(f->value, VALUE)) return refuse(why, 400, "a header field has a control character");
    f->value = tn_str_trim(f->value);
    return true;
}

/* Sets path and query. The target may be an absolute URL; then its authority has to equal Host. */
static bool target_parse(struct tn_http_head *h, struct tn_http_refusal *why)
{
    struct tn_str t = h->target;
    if (t.n == 1 && t.p[0] == '*') {
        if (!tn_str_is(h->method, "OPTIONS")) return refuse(why, 400, "only OPTIONS may ask for *");
        h->path = t;
        return true;
    }
    if (t.p[0] != '/') {
        size_t scheme = t.n > 7 && tn_str_eq_nocase((struct tn_str){t.p, 7}, TN_STR("http://")) ? 7
                        : t.n > 8 && tn_str_eq_nocase((struct tn_str){t.p, 8}, TN_STR("https://"))
                            ? 8
                            : 0;
        size_t end = scheme;
        if (!scheme) return refuse(why, 400, "the target is not a path");
        while (end < t.n && t.p[end] != '/' && t.p[end] != '?') end++;
        struct tn_str authority = {t.p + scheme, end - scheme};
        if (!h->host.p || !tn_str_eq_nocase(authority, h->host))
            return refuse(why, 400, "the target names another host than Host");
        h->absolute = true;
        t = cut(t, end);
        if (!t.n || t.p[0] != '/') return refuse(why, 400, "the target has no path");
    }
    h->query = t;
    tn_str_split(&h->query, '?', &h->path);
    return true;
}

static bool head_settle(struct tn_http_head *h, const struct seen *seen,
                        struct tn_http_refusal *why)
{
    if (seen->coding && seen->length)
        return refuse(why, 400, "Transfer-Encoding and Content-Length exclude each other");
    if (h->minor == 1 && !seen->host) return refuse(why, 400, "Host is missing");
    if (tn_str_is(h->method, "CONNECT")) return refuse(why, 501, "this is not a proxy");
    h->has_body = h->chunked || h->length > 0;
    h->expect_continue = h->expect_continue && h->has_body;
    h->keep_alive = h->minor == 1 ? !seen->close : seen->keep_alive && !seen->close;
    return target_parse(h, why);
}

bool tn_http_head_parse(struct tn_http_head *h, const char *p, size_t n,
                        struct tn_http_refusal *why)
{
    struct seen seen = {0};
    struct first first;
    struct tn_str rest = {p, n}, line;
    if (n >= 2 && p[0] == '\r' && p[1] == '\n') rest = cut(rest, 2);
    if (!tn_str_split(&rest, '\n', &line) || !line.n)
        return refuse(why, 400, "the request line is empty");
    line.n--;
    if (!first_parse(line, &first, why)) return false;
    h->method = first.method;
    h->target = first.target;
    h->minor = first.minor;
    h->path = h->query = h->host = h->request_id = (struct tn_str){NULL, 0};
    h->length = 0;
    h->chunked = h->expect_continue = h->absolute = false;
    for (h->nfields = 0; tn_str_split(&rest, '\n', &line) && line.n > 1; h->nfields++) {
        line.n--;
        if (h->nfields == TN_LIMIT_HEADER_FIELDS)
            return refuse(why, 431, "the header has too many fields");
        if (!field_parse(line, &h->fields[h->nfields], why)) return false;
        if (!take_known(h, &seen, &h->fields[h->nfields], why)) return false;
    }
    return head_settle(h, &seen, why);
}

struct tn_str tn_http_head_get(const struct tn_http_head *h, const char *name)
{
    struct tn_str wanted = tn_str(name);
    for (unsigned i = 0; i < h->nfields; i++)
        if (tn_str_eq_nocase(h->fields[i].name, wanted)) return h->fields[i].value;
    return (struct tn_str){NULL, 0};
}

unsigned tn_http_head_count(const struct tn_http_head *h, const char *name)
{
    struct tn_str wanted = tn_str(name);
    unsigned n = 0;
    for (unsigned i = 0; i < h->nfields; i++) n += tn_str_eq_nocase(h->fields[i].name, wanted);
    return n;
}

/* States of a body. A chunked one goes through SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF,
 * SIZE ... and after the size 0 through TRAILER, once a line. */
enum {
    LENGTH,
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
    END
};

enum { CHUNK_OVERHEAD = 4 * 1024, SIZE_DIGITS = 16 };

void tn_http_decoder_init(struct tn_http_decoder *d, const struct tn_http_head *h, uint64_t max)
{
    *d = (struct tn_http_decoder){.max = max, .chunked = h->chunked};
    if (h->chunked)
        d->state = SIZE;
    else
        d->left = h->length, d->state = h->length ? LENGTH : END;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum tn_http_step size_byte(struct tn_http_decoder *d, char c, struct tn_http_refusal *why)
{
    int digit = hex(c);
    if (digit < 0) {
        if (!d->digits || (c != '\r' && c != ';'))
            return bad(why, 400, "a chunk has no valid size");
        d->state = c == ';' ? EXTENSION : SIZE_LF;
        return TN_HTTP_more;
    }
    if (++d->digits > SIZE_DIGITS || d->left > (INT64_MAX >> 4))
        return bad(why, 400, "a chunk size is out of range");
    d->left = d->left << 4 | (uint64_t)digit;
    return TN_HTTP_more;
}

static enum tn_http_step size_end(struct tn_http_decoder *d, struct tn_http_refusal *why)
{
    d->state = d->left ? DATA : TRAILER;
    d->digits = 0;
    if (d->left > d->max - d->total) return bad(why, 413, "the body is larger than allowed");
    return TN_HTTP_more;
}

static enum tn_http_step trailer_byte(struct tn_http_decoder *d, char c,
                                      struct tn_http_refusal *why)
{
    if (d->state == TRAILER && c == '\r') {
        d->state = LAST_LF;
    } else if (d->state == TRAILER_NAME && c == ':') {
        d->state = TRAILER_VALUE;
    } else if (d->state == TRAILER_VALUE && c == '\r') {
        d->state = TRAILER_LF;
    } else if (d->state == TRAILER_VALUE ? !is(c, VALUE) : !is(c, TOKEN)) {
        return bad(why, 400, "a trailer field is malformed");
    } else if (d->state == TRAILER) {
        d->state = TRAILER_NAME;
    }
    return TN_HTTP_more;
}

static enum tn_http_step line_feed(struct tn_http_decoder *d, char c, int next,
                                   struct tn_http_refusal *why)
{
    if (c != '\n') return bad(why, 400, "a line of the chunked body does not end with CR LF");
    d->state = next;
    return TN_HTTP_more;
}

/* Takes one byte of the chunked coding that is not data. */
static enum tn_http_step coding_byte(struct tn_http_decoder *d, char c, struct tn_http_refusal *why)
{
    switch (d->state) {
    case SIZE: return size_byte(d, c, why);
    case EXTENSION:
        if (c == '\r')
            d->state = SIZE_LF;
        else if (!is(c, VALUE))
            return bad(why, 400, "a chunk extension is malformed");
        break;
    case SIZE_LF:
        if (line_feed(d, c, DATA, why) == TN_HTTP_bad) return TN_HTTP_bad;
        return size_end(d, why);
    case DATA_CR:
        if (c != '\r') return bad(why, 400, "a chunk is longer than its size");
        d->state = DATA_LF;
        return TN_HTTP_more;
    case DATA_LF: return line_feed(d, c, SIZE, why);
    case TRAILER_LF: return line_feed(d, c, TRAILER, why);
    case LAST_LF:
        if (line_feed(d, c, END, why) == TN_HTTP_bad) return TN_HTTP_bad;
        return TN_HTTP_done;
    default:
        if (trailer_byte(d, c, why) == TN_HTTP_bad) return TN_HTTP_bad;
        break;
    }
    if (++d->overhead > CHUNK_OVERHEAD)
        return bad(why, d->state == EXTENSION || d->state == SIZE_LF ? 400 : 431,
                   "chunk extensions or trailers are too large");
    return TN_HTTP_more;
}

static void take_data(struct tn_http_decoder *d, const char *p, size_t n, size_t *used,
                      struct tn_str *data)
{
    data->p = p;
    data->n = n < d->left ? n : (size_t)d->left;
    d->left -= data->n;
    d->total += data->n;
    *used += data->n;
}

enum tn_http_step tn_http_decoder_feed(struct tn_http_decoder *d, const char *p, size_t n,
                                       size_t *used, struct tn_str *data,
                                       struct tn_http_refusal *why)
{
    *used = 0;
    *data = (struct tn_str){p, 0};
    if (d->state == END) return TN_HTTP_done;
    if (!d->chunked) {
        if (d->left > d->max - d->total) return bad(why, 413, "the body is larger than allowed");
        take_data(d, p, n, used, data);
        if (!d->left) d->state = END;
        return d->left ? TN_HTTP_more : TN_HTTP_done;
    }
    while (*used < n) {
        if (d->state == DATA) {
            take_data(d, p + *used, n - *used, used, data);
            if (!d->left) d->state = DATA_CR;
            return TN_HTTP_more;
        }
        enum tn_http_step step = coding_byte(d, p[(*used)++], why);
        if (step != TN_HTTP_more) return step;
    }
    return TN_HTTP_more;
}

/* Decodes one byte at p[*i] and moves *i on. False: a bad escape or a control character. */
static bool unescape(struct tn_str s, size_t *i, char *out)
{
    char c = s.p[*i];
    *i += 1;
    if (c == '%') {
        if (s.n - *i < 2) return false;
        int high = hex(s.p[*i]), low = hex(s.p[*i + 1]);
        if (high < 0 || low < 0) return false;
        c = (char)(high << 4 | low);
        *i += 2;
    }
    *out = c;
    return (unsigned char)c >= 0x20 && c != 0x7f;
}

/* Is one of the parts between slashes or backslashes "." or ".."? */
static bool has_dots(struct tn_str s)
{
    size_t start = 0;
    for (size_t i = 0; i <= s.n; i++) {
        if (i < s.n && s.p[i] != '/' && s.p[i] != '\\') continue;
        size_t n = i - start;
        if ((n == 1 || n == 2) && s.p[start] == '.' && s.p[i - 1] == '.') return true;
        start = i + 1;
    }
    return false;
}

bool tn_http_path_decode(struct tn_str raw, char *out, struct tn_http_path *path,
                         struct tn_http_refusal *why)
{
    char *at = out, *start;
    path->n = 0;
    path->slash = false;
    if (!raw.n || raw.p[0] != '/') return refuse(why, 400, "the path does not start with a slash");
    for (size_t i = 0; i < raw.n;) {
        *at++ = '/';
        start = at;
        for (i++; i < raw.n && raw.p[i] != '/'; at++)
            if (!unescape(raw, &i, at)) return refuse(why, 400, "the path has a bad escape");
        struct tn_str segment = {start, (size_t)(at - start)};
        path->slash = !segment.n;
        if (!segment.n && i >= raw.n) break;
        if (path->n == TN_HTTP_SEGMENTS) return refuse(why, 400, "the path has too many segments");
        path->segments[path->n++] = segment;
    }
    path->text = (struct tn_str){out, (size_t)(at - out)};
    if (has_dots(path->text)) return refuse(why, 400, "the path has a dot segment");
    if (!tn_utf8_valid(path->text.p, path->text.n))
        return refuse(why, 400, "the path is not UTF-8");
    return true;
}

/* Decodes s to *out and moves *out on. */
static bool form_decode(struct tn_str s, char **out, struct tn_str *value)
{
    char *start = *out, *at = start;
    for (size_t i = 0; i < s.n; at++) {
        if (s.p[i] == '+') {
            *at = ' ';
            i++;
        } else if (!unescape(s, &i, at)) {
            return false;
        }
    }
    *out = at;
    *value = (struct tn_str){start, (size_t)(at - start)};
    return tn_utf8_valid(start, value->n);
}

enum tn_http_step tn_http_query_next(struct tn_str *query, char *out, struct tn_str *name,
                                     struct tn_str *value, struct tn_http_refusal *why)
{
    struct tn_str pair;
    do {
        if (!tn_str_split(query, '&', &pair)) return TN_HTTP_done;
    } while (!pair.n);
    struct tn_str raw_value = pair, raw_name;
    tn_str_split(&raw_value, '=', &raw_name);
    if (!form_decode(raw_name, &out, name) || !form_decode(raw_value, &out, value))
        return bad(why, 400, "the query has a bad escape or is not UTF-8");
    return TN_HTTP_more;
}

bool tn_http_list_has(struct tn_str list, const char *token)
{
    struct tn_str part, wanted = tn_str(token);
    while (tn_str_split(&list, ',', &part))
        if (tn_str_eq_nocase(tn_str_trim(part), wanted)) return true;
    return false;
}

bool tn_http_request_id_ok(struct tn_str id)
{
    return id.n >= 1 && id.n <= 64 && all(id, ID);
}

bool tn_http_name_ok(struct tn_str name)
{
    return name.n > 0 && all(name, TOKEN);
}

bool tn_http_value_ok(struct tn_str value)
{
    return all(value, VALUE);
}

const char *tn_http_reason(int status)
{
    switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 207: return "Multi-Status";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 423: return "Locked";
    case 425: return "Too Early";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return status < 400 ? "OK" : "Error";
    }
}
