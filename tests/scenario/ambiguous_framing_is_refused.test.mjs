// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";
import { talk } from "../harness/wire.mjs";

let key;
const smuggled = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
const post = (...lines) =>
  `POST /api/v1/integrations HTTP/1.1\r\nHost: x\r\nX-API-Key: ${key}\r\n${lines.map((l) => `${l}\r\n`).join("")}\r\n`;
const get = (...lines) => `GET /healthz HTTP/1.1\r\n${lines.map((l) => `${l}\r\n`).join("")}\r\n`;
const chunked = (body) => post("Transfer-Encoding: chunked") + body;

// Each must give one answer of that status, and the connection is closed.
const cases = () => [
  [
    "length and chunks",
    post("Content-Length: 6", "Transfer-Encoding: chunked") + "0\r\n\r\n" + smuggled,
    [400],
  ],
  [
    "chunks and length",
    post("Transfer-Encoding: chunked", "Content-Length: 6") + "0\r\n\r\n" + smuggled,
    [400],
  ],
  ["two lengths", post("Content-Length: 0", "Content-Length: 5") + "12345" + smuggled, [400]],
  ...[
    "5, 6",
    "+5",
    "-5",
    "0x5",
    "5a",
    "1e1",
    "",
    "9223372036854775808",
    "18446744073709551621",
  ].map((length) => [
    `length "${length}"`,
    post(`Content-Length: ${length}`) + "12345" + smuggled,
    [400, 413],
  ]),
  ...["gzip, chunked", "identity", "xchunked", "chunked, chunked"].map((coding) => [
    `coding "${coding}"`,
    post(`Transfer-Encoding: ${coding}`) + "0\r\n\r\n" + smuggled,
    [400, 501],
  ]),
  [
    "two codings",
    post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + "0\r\n\r\n",
    [400, 501],
  ],
  [
    "chunks in HTTP/1.0",
    "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
    [400, 501],
  ],
  ...["0x5", "+5", " 5", "5 6", "0_5", "00000000000000005", "8000000000000000"].map((size) => [
    `chunk size "${size}"`,
    chunked(`${size}\r\n12345\r\n0\r\n\r\n`) + smuggled,
    [400, 413],
  ]),
  ["no line end after a chunk", chunked("5\r\n12345XX0\r\n\r\n") + smuggled, [400]],
  ["bare LF in a chunk extension", chunked("5;a\nb\r\n12345\r\n0\r\n\r\n") + smuggled, [400]],
  ["no Host", "GET /healthz HTTP/1.1\r\n\r\n", [400]],
  ["two Hosts", get("Host: x", "Host: y"), [400]],
  ["Host with a space", get("Host: x y"), [400]],
  ["HTTP/9.9", "GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n", [400, 505]],
  ["HTTP/1.32", "GET /healthz HTTP/1.32\r\nHost: x\r\n\r\n", [400, 505]],
  ["a version that overflows", "GET /healthz HTTP/4294967297.1\r\nHost: x\r\n\r\n", [400, 505]],
  ["space before the colon", get("Host: x", "X-A : 1"), [400]],
  ["a folded line", get("Host: x", "X-A: 1", " 2"), [400]],
  ["a line without colon", get("Host: x", "X-A"), [400]],
  ["an empty name", get("Host: x", ": 1"), [400]],
  ["NUL in a value", get("Host: x", "X-A: a\0b"), [400]],
  ["a bare CR", get("Host: x", "X-A: a\rb"), [400]],
  ["an 8-bit name", get("Host: x", "X-\xe9: a"), [400]],
  ["101 fields", get("Host: x", ...Array.from({ length: 101 }, (_, i) => `X-${i}: 1`)), [431]],
  [
    "70 KiB of header",
    get("Host: x", ...Array.from({ length: 70 }, (_, i) => `X-${i}: ${"a".repeat(1024)}`)),
    [431],
  ],
  ["a request line of 9 KiB", `GET /${"a".repeat(9000)} HTTP/1.1\r\nHost: x\r\n\r\n`, [414]],
];

story(
  "a message whose end is in doubt is refused, and no byte of a body is read as a request",
  async (stage) => {
    const { port, ...tenon } = await stage.tenon();
    key = tenon.key;
    const failures = [];
    for (const [what, bytes, statuses] of cases()) {
      const { answers, closed } = await talk(port, bytes, { quiet: 150 });
      const seen = answers.map((a) => a.status);
      if (seen.length !== 1 || !statuses.includes(seen[0]) || !closed) {
        failures.push(
          `${what}: wanted ${statuses.join(" or ")} and the end, got ${seen} ${closed ? "" : "and it stays open"}`,
        );
      }
    }
    assert.deepEqual(failures, []);
  },
);

story("paths that try to get out, and header lines that try to get in, do not", async (stage) => {
  const { port, ...tenon } = await stage.tenon();
  const paths = [
    "/../../etc/passwd",
    "/..%2f..%2fetc%2fpasswd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/api/v1/../../../etc/passwd",
    "/..\\..\\etc\\passwd",
    "/%c0%ae%c0%ae/etc/passwd",
    "/api/v1/items/%00",
    "/api/v1/items/%zz",
    "/./etc/passwd",
  ];
  for (const path of paths) {
    const { answers } = await talk(
      port,
      `GET ${path} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${tenon.key}\r\n\r\n`,
      { quiet: 100 },
    );
    assert.equal(answers.length, 1, path);
    assert.ok(answers[0].status >= 400 && answers[0].status < 500, `${path}: ${answers[0].status}`);
    assert.ok(!answers[0].body.includes("root:"), path);
  }
  const asked = await talk(port, get("Host: x", "X-Request-ID: mine-1"), { quiet: 100 });
  assert.equal(asked.answers[0].headers["x-request-id"], "mine-1");
  for (const id of ["a b", "é", "x".repeat(65), "a%0d%0aSet-Cookie: x"]) {
    const { answers } = await talk(port, get("Host: x", `X-Request-ID: ${id}`), { quiet: 100 });
    assert.match(answers[0].headers["x-request-id"], /^[A-Za-z0-9_-]{1,64}$/, id);
    assert.equal(answers[0].headers["set-cookie"], undefined);
  }
});

story("requests sent one after the other without waiting are answered in order", async (stage) => {
  const { port } = await stage.tenon();
  const many = Array.from({ length: 12 }, (_, i) => get("Host: x", `X-Request-ID: n${i}`)).join("");
  const { answers } = await talk(port, many, { quiet: 300 });
  assert.deepEqual(
    answers.map((a) => a.headers["x-request-id"]),
    Array.from({ length: 12 }, (_, i) => `n${i}`),
  );
  const slow = await talk(port, [...get("Host: x", "Connection: close")], { quiet: 1000 });
  assert.deepEqual([slow.answers.length, slow.closed], [1, true], "byte by byte is as good");
});
