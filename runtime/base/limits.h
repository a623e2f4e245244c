/* SPDX-License-Identifier: MIT */
/* limits.h - how large anything from outside may get. All limits are defined here, and only
 * here. */
#ifndef TN_BASE_LIMITS_H
#define TN_BASE_LIMITS_H

#define TN_KIB 1024u
#define TN_MIB (1024u * 1024u)

/* HTTP: requests that we get */
#define TN_LIMIT_REQUEST_LINE        (8 * TN_KIB)  /* bytes; above: 414 */
#define TN_LIMIT_HEADER_BYTES        (64 * TN_KIB) /* all fields of a message; above: 431 */
#define TN_LIMIT_HEADER_FIELDS       100
#define TN_LIMIT_BODY                TN_MIB         /* a request body; above: 413 */
#define TN_LIMIT_SCRIPTS_BODY        (16 * TN_MIB)  /* request bodies that may carry script files */
#define TN_LIMIT_HEADER_MS           10000          /* from first byte to the end of the header */
#define TN_LIMIT_BODY_MS             60000          /* plus 1 s per 16 KiB */
#define TN_LIMIT_KEEPALIVE_MS        75000          /* an idle connection */
#define TN_LIMIT_CONNECTIONS         10000          /* per worker */
#define TN_LIMIT_ADDRESS_CONNECTIONS 200            /* per worker and peer address */
#define TN_LIMIT_BODIES              (256 * TN_MIB) /* request bodies held by one worker */
#define TN_LIMIT_PIPELINE            16             /* requests of a connection in one turn */

/* HTTP: answers that we fetch */
#define TN_LIMIT_REPLY         (10 * TN_MIB) /* after decompression */
#define TN_LIMIT_REPLY_HEADERS (64 * TN_KIB)
#define TN_LIMIT_CONNECT_MS    10000
#define TN_LIMIT_FETCH_MS      60000
#define TN_LIMIT_STREAM        (4096ull * TN_MIB) /* of one streamed answer, after decompression */
#define TN_LIMIT_STREAM_MS     900000 /* one streamed answer, unless the caller asks for more */
#define TN_LIMIT_RETRY_AFTER_S 86400  /* the longest Retry-After that is obeyed */

/* JSON and records */
#define TN_LIMIT_JSON_DEPTH 64
#define TN_LIMIT_RECORD     (4 * TN_MIB)
#define TN_LIMIT_NUMBER     1024      /* characters of one number */
#define TN_LIMIT_EXPONENT   999999999 /* of ten, positive or negative */
#define TN_LIMIT_DECIMAL    950       /* significant digits of one number, read or calculated */

/* Store */
#define TN_LIMIT_COMMIT       (16 * TN_MIB) /* bytes of one commit value */
#define TN_LIMIT_COMMIT_QUEUE (64 * TN_MIB) /* bytes of unanswered commits in one process */
#define TN_LIMIT_GROUP        4096          /* commits in one transaction */
#define TN_LIMIT_PAGE         500           /* rows of one query */
#define TN_LIMIT_OFFSET       100000        /* rows that a query passes over */
#define TN_LIMIT_READ         (32 * TN_MIB) /* bytes of one answer; further questions are refused */
#define TN_LIMIT_READ_MS      5             /* of reading in one turn of the loop */
#define TN_LIMIT_SOURCE       200           /* bytes of the name of a source's entity */
#define TN_LIMIT_EXTERNAL_ID  512           /* bytes */
#define TN_LIMIT_KV_KEY       1024          /* bytes */
#define TN_LIMIT_QUEUE_KEY    512           /* bytes of the key of a queue's entry */

/* Scripts */
#define TN_LIMIT_ISOLATE_BYTES (64 * TN_MIB)
#define TN_LIMIT_CALL_MS       1000 /* of CPU, one call into a script */
#define TN_LIMIT_SLICE_MS      1    /* of CPU, then a script continues beside the loop */
#define TN_LIMIT_SIDE_SLICE_MS                                                                     \
    5 /* of CPU there, then it gives way if somebody waits for its isolate */
#define TN_LIMIT_SIDE_THREADS 8 /* threads of a worker for scripts beside the loop */
#define TN_LIMIT_HEAVY_BYTES                                                                       \
    (8 * TN_MIB) /* a larger isolate runs beside the loop: its collector is slow */
#define TN_LIMIT_HELD_MS                                                                           \
    5 /* of CPU, for a script that should give way and cannot (in load, in a metamethod) */
#define TN_LIMIT_SIDE_HELD_MS     200     /* the same beside the loop, or in a required file */
#define TN_LIMIT_MAP_CALL_MS      50      /* of CPU, a mapping's function for one record */
#define TN_LIMIT_EXAMPLES_MS      500     /* of CPU, all examples of a mapping when it is loaded */
#define TN_LIMIT_OVERRUNS         3       /* in a row, then the isolate is in quarantine */
#define TN_LIMIT_DRAIN_MS         1800000 /* a run may continue with replaced scripts */
#define TN_LIMIT_LOAD_MS          1000    /* of CPU, loading a unit */
#define TN_LIMIT_SCRIPT_FILE      TN_MIB
#define TN_LIMIT_CHUNKS           (8 * TN_MIB) /* compiled files that a process keeps */
#define TN_LIMIT_SCRIPT_FILES     2000
#define TN_LIMIT_TASKS            10000 /* per isolate */
#define TN_LIMIT_ISOLATE_REQUESTS 20    /* sent at once; more wait their turn */
#define TN_LIMIT_HOST_REQUESTS                                                                     \
    8 /* of these to one host and port, unless an option says more or fewer */
#define TN_LIMIT_ISOLATE_WAITING 1000           /* requests that wait; more are refused */
#define TN_LIMIT_ISOLATE_PASSES  1000           /* passes through gates, held or waited for */
#define TN_LIMIT_ISOLATE_STREAMS 4              /* streamed answers at once; more are refused */
#define TN_LIMIT_ISOLATE_WALKS   64             /* open iterations over rows or records */
#define TN_LIMIT_LOG_LINES       200            /* a second and isolate; more are only counted */
#define TN_LIMIT_TOKEN           (64 * TN_KIB)  /* a JSON Web Token */
#define TN_LIMIT_CJSON_BYTES     (256 * TN_KIB) /* of a text that cjson reads, of texts it writes */
#define TN_LIMIT_CJSON_VALUES    20000          /* keys and values that cjson writes in one call */
#define TN_LIMIT_ERROR_TEXT      (4 * TN_KIB)

#define TN_LIMIT_ANSWER (10 * TN_MIB) /* bytes that a surface's handler may answer */

/* What scripts do with the store */
#define TN_LIMIT_QUERY_BYTES    (8 * TN_MIB)  /* bodies of one query: then the page is full */
#define TN_LIMIT_QUERY_TEXT     (64 * TN_KIB) /* a text to compare with, a cursor */
#define TN_LIMIT_QUERY_TEXTS    TN_MIB        /* all texts of one query together */
#define TN_LIMIT_EACH           100000        /* records of one store.each */
#define TN_LIMIT_TX_READS       1000          /* records that a transaction reads */
#define TN_LIMIT_TX_WRITES      1000          /* records, events and key-values it writes */
#define TN_LIMIT_TX_TRIES       8             /* runs of a transaction that meets conflicts */
#define TN_LIMIT_EVENT          (64 * TN_KIB) /* bytes of an event's data */
#define TN_LIMIT_EVENT_PATTERNS 50   /* patterns of event types in one event.after or rule */
#define TN_LIMIT_EVENT_PATTERN  100  /* bytes of one pattern, '*' included */
#define TN_LIMIT_EVENT_SCAN     5000 /* events that one event.after looks at */

/* Rules */
#define TN_LIMIT_RULE_DEPTH     8  /* rules that set off one another in a row */
#define TN_LIMIT_RULE_TASKS     16 /* at work at once */
#define TN_LIMIT_AHEAD          32 /* deliveries of one partition of the log that wait or go on */
#define TN_LIMIT_AHEAD_BYTES    (1 * TN_MIB) /* of their events; one larger event is taken alone */
#define TN_LIMIT_RULE_MS        60000        /* of time, one run, waits included */
#define TN_LIMIT_RULE_ONCE_DAYS 30           /* how long an id of `once` is known */

/* Evidence: the latest samples of each integration and operation */
#define TN_LIMIT_EVIDENCE_PAGES 10
#define TN_LIMIT_EVIDENCE_ROWS  20 /* records of a sample */

/* Shadow: live pages that are tried with the replaced scripts, too */
#define TN_LIMIT_SHADOW_BYTES   (16 * TN_MIB) /* waiting pages; more are left out and counted */
#define TN_LIMIT_SHADOW_MINUTES 10080
#define TN_LIMIT_PREVIEW_DAYS   7 /* how long a required preview counts */

/* Sync */
#define TN_LIMIT_SYNC_PAGES      1000000       /* pages of one run */
#define TN_LIMIT_SYNC_CURSOR     (64 * TN_KIB) /* bytes of a run's cursor */
#define TN_LIMIT_SYNC_ERRORS     100           /* errors that a run lists; all are counted */
#define TN_LIMIT_SYNC_WARNED     20            /* warnings that a run lists; all are counted */
#define TN_LIMIT_SYNC_QUARANTINE 10000         /* records that one run may put into quarantine */
#define TN_LIMIT_SYNC_DIFFS      100           /* changed records that a dry run lists */

#endif
