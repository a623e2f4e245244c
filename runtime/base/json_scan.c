/* SPDX-License-Identifier: MIT */
#include "base/json_scan.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

void tn_json_scan_begin(struct tn_json_scan *s, struct tn_str text, size_t at)
{
    tn_json_scan_fn run = s->run;
    *s = (struct tn_json_scan){
        .text = text.p, .n = text.n, .at = at, .utf8_at = at, .bad = SIZE_MAX, .run = run};
}

/* Drops the tokens at or after the first bad UTF-8 sequence, since the text is refused there. */
static size_t cut(const struct tn_json_scan *s, const uint32_t *out, size_t count)
{
    while (count && out[count - 1] >= s->bad) count--;
    return count;
}

size_t tn_json_scan_window(struct tn_json_scan *s, uint32_t *out)
{
    size_t left = s->n - s->at;
    size_t end = left > TN_JSON_WINDOW ? s->at + TN_JSON_WINDOW : s->n;
    size_t count = s->run(s, end, out);
    if (s->bad == SIZE_MAX) return count;
    s->at = s->n;
    return cut(s, out, count);
}

/* Checks text[s->utf8_at, end). A sequence that continues behind end is checked in the next window,
 * unless the text ends there. */
static void check_utf8(struct tn_json_scan *s, size_t end)
{
    size_t at = s->utf8_at;
    while (at < end) {
        if ((unsigned char)s->text[at] < 0x80) {
            uint64_t eight = 0;
            at++;
            while (end - at >= 8) {
                memcpy(&eight, s->text + at, sizeof eight);
                if (eight & TN_JSON_EACH(0x80)) break;
                at += 8;
            }
            continue;
        }
        size_t step = tn_utf8_step(s->text + at, s->n - at);
        if (!step) {
            if (s->bad > at) s->bad = at;
            break;
        }
        if (at + step > end && end < s->n) break;
        at += step;
    }
    s->utf8_at = at;
}

/* Portable engine: takes one byte after the other, but skips ordinary bytes in strings. Tests
 * compare the vector engines with it. */

enum { SPACE = 1, OPERATOR = 2, QUOTE = 3, BACKSLASH = 4 };

static const unsigned char class_of[256] = {
    [' '] = SPACE,    ['\t'] = SPACE,   ['\n'] = SPACE,   ['\r'] = SPACE,
    ['{'] = OPERATOR, ['}'] = OPERATOR, ['['] = OPERATOR, [']'] = OPERATOR,
    [','] = OPERATOR, [':'] = OPERATOR, ['"'] = QUOTE,    ['\\'] = BACKSLASH,
};

/* Returns whether the byte at i is a token. */
static inline bool step(struct tn_json_scan *s, unsigned char c)
{
    unsigned class = class_of[c];
    bool escaped = s->escaped;
    s->escaped = class == BACKSLASH && !escaped;
    if (class == QUOTE && !escaped) {
        s->in_string = !s->in_string;
        s->in_scalar = 0;
        return true;
    }
    if (s->in_string) return s->escaped || c < 0x20;
    bool more = s->in_scalar;
    s->in_scalar = class != SPACE && class != OPERATOR;
    return class == OPERATOR || (s->in_scalar && !more);
}

static size_t scan_portable(struct tn_json_scan *s, size_t end, uint32_t *out)
{
    struct tn_json_scan now = *s;
    size_t count = 0;
    for (size_t i = now.at; i < end; i++) {
        if (now.in_string && !now.escaped) {
            while (end - i >= 8 && !tn_json_eight_odd(now.text + i)) i += 8;
            if (i == end) break;
        }
        out[count] = (uint32_t)i;
        count += step(&now, (unsigned char)now.text[i]);
    }
    check_utf8(&now, end);
    now.at = end;
    *s = now;
    return count;
}

#if defined(__x86_64__)

/* Vector engines: 64 bytes at a time become bit masks, one bit a byte (mark: one of {}[],:). The
 * rest is arithmetic on the masks (after Langdale and Lemire, Parsing Gigabytes of JSON per Second,
 * 2019). */

struct masks {
    uint64_t quote, backslash, mark, space, control, high;
};

#define INLINE static inline __attribute__((always_inline))

/* Returns the bytes that follow an odd number of backslashes; *starts are the backslashes that
 * begin an escape. */
INLINE uint64_t find_escaped(struct tn_json_scan *s, uint64_t backslash, uint64_t *starts)
{
    const uint64_t odd = 0xAAAAAAAAAAAAAAAAu;
    uint64_t carry = s->escaped;
    if (!backslash) {
        s->escaped = 0;
        *starts = 0;
        return carry;
    }
    uint64_t potential = backslash & ~carry;
    uint64_t series = (((potential << 1) | odd) - potential) ^ odd;
    *starts = series & backslash;
    s->escaped = *starts >> 63;
    return series ^ (backslash | carry);
}

/* Gives the token bits of 64 bytes. inside is the prefix xor of the quotes: each bit says whether
 * an odd number of quotes stands at or before it. */
INLINE uint64_t token_bits(struct tn_json_scan *s, const struct masks *m, uint64_t quote,
                           uint64_t starts, uint64_t inside)
{
    uint64_t in_string = inside ^ (0 - s->in_string);
    s->in_string = in_string >> 63;
    uint64_t scalar = ~(m->mark | m->space);
    uint64_t plain = scalar & ~quote;
    uint64_t follows = plain << 1 | s->in_scalar;
    s->in_scalar = plain >> 63;
    uint64_t outside = (m->mark | (scalar & ~follows)) & ~in_string;
    return quote | outside | (in_string & (starts | m->control));
}

/* Defines a vector engine from three functions: classify 64 bytes, xor prefixes, write down
 * tokens. */
#define ENGINE(name, features, classify, prefix_xor, emit)                                         \
    __attribute__((target(features))) static size_t name(struct tn_json_scan *s, size_t end,       \
                                                         uint32_t *out)                            \
    {                                                                                              \
        struct tn_json_scan now = *s;                                                              \
        uint32_t *const first = out;                                                               \
        for (size_t at = now.at; at < end; at += 64) {                                             \
            char tail[64];                                                                         \
            const char *block = now.text + at;                                                     \
            size_t stop = at + 64;                                                                 \
            if (stop > end) {                                                                      \
                memset(tail, ' ', sizeof tail);                                                    \
                block = memcpy(tail, block, end - at);                                             \
                stop = end;                                                                        \
            }                                                                                      \
            struct masks m;                                                                        \
            classify(block, &m);                                                                   \
            uint64_t starts, quote = m.quote & ~find_escaped(&now, m.backslash, &starts);          \
            uint64_t tokens = token_bits(&now, &m, quote, starts, prefix_xor(quote));              \
            if (stop == end && end - at < 64) tokens &= ((uint64_t)1 << (end - at)) - 1;           \
            out = emit(out, tokens, (uint32_t)at);                                                 \
            if (m.high || now.utf8_at < at)                                                        \
                check_utf8(&now, stop);                                                            \
            else                                                                                   \
                now.utf8_at = stop;                                                                \
        }                                                                                          \
        now.at = end;                                                                              \
        *s = now;                                                                                  \
        return (size_t)(out - first);                                                              \
    }

#define AVX2 "avx2,bmi,pclmul,popcnt"

__attribute__((target(AVX2))) INLINE uint64_t clmul_prefix(uint64_t bits)
{
    __m128i all = _mm_set1_epi8((char)0xFF);
    return (uint64_t)_mm_cvtsi128_si64(
        _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)bits), all, 0));
}

__attribute__((target(AVX2))) INLINE uint64_t bits2(__m256i low, __m256i high)
{
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
                                                     << 32;
}

/* Finds spaces and operators: a table, indexed by the low nibble of a byte, gives back the byte if
 * it is one of them. 'X' | 0x20 maps [ ] onto { }. */
__attribute__((target(AVX2))) INLINE void classify_avx2(const char *p, struct masks *m)
{
    const __m256i spaces = _mm256_setr_epi8(' ', 100, 100, 100, 17, 100, 113, 2, 100, '\t', '\n',
                                            112, 100, '\r', 100, 100, ' ', 100, 100, 100, 17, 100,
                                            113, 2, 100, '\t', '\n', 112, 100, '\r', 100, 100);
    const __m256i operators =
        _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0, 0, 0, 0, 0, 0, 0,
                         0, 0, 0, 0, ':', '{', ',', '}', 0, 0);
    const __m256i quote = _mm256_set1_epi8('"'), slash = _mm256_set1_epi8('\\');
    const __m256i fold = _mm256_set1_epi8(0x20), last = _mm256_set1_epi8(0x1F);
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    m->quote = bits2(_mm256_cmpeq_epi8(a, quote), _mm256_cmpeq_epi8(b, quote));
    m->backslash = bits2(_mm256_cmpeq_epi8(a, slash), _mm256_cmpeq_epi8(b, slash));
    m->space = bits2(_mm256_cmpeq_epi8(a, _mm256_shuffle_epi8(spaces, a)),
                     _mm256_cmpeq_epi8(b, _mm256_shuffle_epi8(spaces, b)));
    m->control = bits2(_mm256_cmpeq_epi8(_mm256_min_epu8(a, last), a),
                       _mm256_cmpeq_epi8(_mm256_min_epu8(b, last), b));
    m->mark = bits2(_mm256_cmpeq_epi8(_mm256_or_si256(a, fold), _mm256_shuffle_epi8(operators, a)),
                    _mm256_cmpeq_epi8(_mm256_or_si256(b, fold), _mm256_shuffle_epi8(operators, b)));
    m->mark &= ~m->control; /* 0x0c and 0x1a are mapped onto , and : too */
    m->high = bits2(a, b);
}

__attribute__((target(AVX2))) INLINE uint32_t *emit_avx2(uint32_t *out, uint64_t bits, uint32_t at)
{
    unsigned count = (unsigned)__builtin_popcountll(bits);
    for (uint32_t *p = out; bits;) {
        for (int k = 0; k < 8; k++, bits &= bits - 1) *p++ = at + (uint32_t)_tzcnt_u64(bits);
    }
    return out + count;
}

ENGINE(scan_avx2, AVX2, classify_avx2, clmul_prefix, emit_avx2)

#define AVX512 "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi,pclmul,popcnt"

__attribute__((target(AVX512))) INLINE uint64_t clmul_prefix512(uint64_t bits)
{
    __m128i all = _mm_set1_epi8((char)0xFF);
    return (uint64_t)_mm_cvtsi128_si64(
        _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)bits), all, 0));
}

__attribute__((target(AVX512))) INLINE void classify_avx512(const char *p, struct masks *m)
{
    const __m512i spaces = _mm512_broadcast_i32x4(_mm_setr_epi8(
        ' ', 100, 100, 100, 17, 100, 113, 2, 100, '\t', '\n', 112, 100, '\r', 100, 100));
    const __m512i operators = _mm512_broadcast_i32x4(
        _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0));
    __m512i a = _mm512_loadu_si512(p);
    m->quote = _mm512_cmpeq_epi8_mask(a, _mm512_set1_epi8('"'));
    m->backslash = _mm512_cmpeq_epi8_mask(a, _mm512_set1_epi8('\\'));
    m->space = _mm512_cmpeq_epi8_mask(a, _mm512_shuffle_epi8(spaces, a));
    m->control = _mm512_cmple_epu8_mask(a, _mm512_set1_epi8(0x1F));
    m->mark = _mm512_cmpeq_epi8_mask(_mm512_or_si512(a, _mm512_set1_epi8(0x20)),
                                     _mm512_shuffle_epi8(operators, a)) &
              ~m->control;
    m->high = _mm512_movepi8_mask(a);
}

/* Always writes 64 tokens, also when there are fewer: the room behind the last window is for
 * that. */
__attribute__((target(AVX512))) INLINE uint32_t *emit_avx512(uint32_t *out, uint64_t bits,
                                                             uint32_t at)
{
    const __m512i count_up = _mm512_set_epi8(
        63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41,
        40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18,
        17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    unsigned count = (unsigned)__builtin_popcountll(bits);
    __m512i where = _mm512_maskz_compress_epi8(bits, count_up), base = _mm512_set1_epi32((int)at);
    _mm512_storeu_si512(
        out, _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(where)), base));
    if (count > 16)
        _mm512_storeu_si512(
            out + 16,
            _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(where, 1)), base));
    if (count > 32) {
        _mm512_storeu_si512(
            out + 32,
            _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(where, 2)), base));
        _mm512_storeu_si512(
            out + 48,
            _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(where, 3)), base));
    }
    return out + count;
}

ENGINE(scan_avx512, AVX512, classify_avx512, clmul_prefix512, emit_avx512)

static tn_json_scan_fn vector_engine(const char *name)
{
    __builtin_cpu_init();
    bool bmi = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("pclmul") &&
               __builtin_cpu_supports("popcnt");
    bool avx512 = bmi && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                  __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2");
    if (avx512 && (!name || strcmp(name, "avx512") == 0)) return scan_avx512;
    bool avx2 = bmi && __builtin_cpu_supports("avx2");
    if (avx2 && (!name || strcmp(name, "avx2") == 0)) return scan_avx2;
    return NULL;
}

#else

static tn_json_scan_fn vector_engine(const char *name)
{
    (void)name;
    return NULL;
}

#endif

tn_json_scan_fn tn_json_scan_engine(const char *name)
{
    if (name && strcmp(name, "portable") == 0) return scan_portable;
    tn_json_scan_fn vector = vector_engine(name);
    return vector || name ? vector : scan_portable;
}
