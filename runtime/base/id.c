/* SPDX-License-Identifier: MIT */
#include "base/id.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/time.h"

void tn_random(void *out, size_t n)
{
    unsigned char *p = out;
    while (n) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            perror("tenon: getrandom");
            abort();
        }
        p += got;
        n -= (size_t)got;
    }
}

/* An id has 48 bits of milliseconds and 74 bits that start random and count up within a millisecond
 * (RFC 9562, method 2). So ids are ordered, and random bytes are fetched at most once a
 * millisecond. All threads of a process share the counter, because scripts run on several. */
struct tn_id tn_id_new(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static uint64_t last_ms, high, low;
    static pid_t seeded; /* a forked child must not continue the parent's counter */
    struct tn_id id;
    pthread_mutex_lock(&lock);
    uint64_t now = (uint64_t)tn_now_ms();
    if (now > last_ms || seeded != getpid()) {
        uint64_t seed[2];
        tn_random(seed, sizeof seed);
        if (now > last_ms) last_ms = now;
        high = seed[0] & 0x7FF; /* the top bit is clear, so that the counter can grow */
        low = seed[1] & 0x3FFFFFFFFFFFFFFF;
        seeded = getpid();
    } else {
        uint32_t step;
        step = (uint32_t)(low * 2654435761u >> 7) & 0xFFFF;
        low += step + 1;
        if (low >> 62) {
            low &= 0x3FFFFFFFFFFFFFFF;
            if (++high > 0xFFF) {
                high = 0;
                last_ms++;
            }
        }
    }
    for (int i = 0; i < 6; i++) id.b[i] = (unsigned char)(last_ms >> (40 - 8 * i));
    id.b[6] = (unsigned char)(0x70 | high >> 8);
    id.b[7] = (unsigned char)high;
    uint64_t tail = 0x8000000000000000u | low;
    for (int i = 0; i < 8; i++) id.b[8 + i] = (unsigned char)(tail >> (56 - 8 * i));
    pthread_mutex_unlock(&lock);
    return id;
}

void tn_id_text(const struct tn_id *id, char out[TN_ID_LEN + 1])
{
    static const unsigned char groups[] = {8, 4, 4, 4, 12};
    char hex[33];
    const char *from = hex;
    tn_hex(id->b, 16, hex);
    for (size_t i = 0; i < sizeof groups; i++) {
        if (i) *out++ = '-';
        memcpy(out, from, groups[i]);
        out += groups[i];
        from += groups[i];
    }
    *out = '\0';
}

bool tn_id_eq(const struct tn_id *a, const struct tn_id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

bool tn_id_parse(struct tn_str text, struct tn_id *out)
{
    char hex[32];
    size_t n = 0;
    if (text.n != TN_ID_LEN) return false;
    for (size_t i = 0; i < TN_ID_LEN; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash != (text.p[i] == '-')) return false;
        if (!dash) hex[n++] = text.p[i];
    }
    return tn_str_unhex((struct tn_str){hex, 32}, out->b, 16);
}
