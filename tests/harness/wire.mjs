// SPDX-License-Identifier: MIT
// wire.mjs - HTTP/1.1 over a bare socket: what is sent is just these bytes.
import net from "node:net";

// Takes one answer off the front of a buffer: {status, headers, body, size}; null: not all there.
export function takeAnswer(bytes, method = "GET") {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const [first, ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
  const status = /^HTTP\/1\.1 (\d{3})/.exec(first);
  if (!status) throw new Error(`no status line: ${first}`);
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const code = +status[1];
  const empty = method === "HEAD" || code < 200 || code === 204 || code === 304;
  const from = end + 4;
  if (!empty && headers["transfer-encoding"] === "chunked") {
    return takeChunked(bytes, { status: code, headers }, from);
  }
  const length = empty ? 0 : +(headers["content-length"] ?? 0);
  if (bytes.length < from + length) return null;
  return {
    status: code,
    headers,
    body: bytes.toString("utf8", from, from + length),
    size: from + length,
  };
}

function takeChunked(bytes, answer, from) {
  const parts = [];
  for (let at = from; ;) {
    const line = bytes.indexOf("\r\n", at);
    if (line < 0) return null;
    const size = parseInt(bytes.toString("latin1", at, line), 16);
    const next = line + 2 + size + 2;
    if (bytes.length < next) return null;
    if (size === 0) {
      return { ...answer, body: Buffer.concat(parts).toString("utf8"), size: next };
    }
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = next;
  }
}

// Sends bytes, in several pieces if it is a list, and reads until the peer closes or is silent for
// `quiet` ms after an answer: {answers, closed, rest}.  method: what the answers belong to.
export function talk(port, bytes, { quiet = 300, timeout = 10_000, method = "GET" } = {}) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: "127.0.0.1", port });
    let seen = Buffer.alloc(0);
    let timer = setTimeout(() => finish(false), timeout);
    const finish = (closed) => {
      clearTimeout(timer);
      socket.destroy();
      const answers = [];
      try {
        for (let one; (one = takeAnswer(seen, method));) {
          answers.push(one);
          seen = seen.subarray(one.size);
        }
        resolve({ answers, closed, rest: seen.toString("latin1") });
      } catch (error) {
        reject(error);
      }
    };
    socket.on("connect", () => {
      for (const b of [].concat(bytes)) socket.write(b, "latin1");
    });
    socket.on("data", (part) => {
      seen = Buffer.concat([seen, part]);
      clearTimeout(timer);
      timer = setTimeout(() => finish(false), quiet);
    });
    socket.on("error", (error) => {
      if (error.code === "ECONNREFUSED") reject(error);
      else finish(true);
    });
    socket.on("close", () => finish(true));
  });
}
