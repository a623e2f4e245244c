// SPDX-License-Identifier: MIT
// load.mjs - keep-alive clients that ask without pause or at a set rate, and count what comes back.
import net from "node:net";
import { pause } from "./wait.mjs";
import { takeAnswer } from "./wire.mjs";

// Milliseconds in their order: the middle, the slow end, how many there are.
export function spread(times) {
  const sorted = Float64Array.from(times).sort();
  const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
  return { p50: at(0.5), p99: at(0.99), max: at(1), counted: sorted.length };
}

// What became of a request:
//   answered    a whole answer came
//   cut         part of an answer came, then the connection ended
//   unanswered  it was sent, and the connection ended without a byte of an answer
// A refused connection is none of these: nothing was asked (counted in .refused).
export class Load {
  // next(i) gives {method, path, body, headers, tag} for the i-th request, or null to end.
  // onAnswer(request, answer) sees every whole answer.  rate: requests a second of all together.
  constructor(
    port,
    { next, key, connections = 8, rate = 0, onAnswer = () => {}, patience = 15_000 },
  ) {
    Object.assign(this, { port, next, key, rate, onAnswer, patience });
    this.sent = this.answered = this.cut = this.unanswered = this.refused = 0;
    this.statuses = new Map();
    this.times = [];
    this.trouble = [];
    this.ended = false;
    this.began = performance.now();
    this.clients = Array.from({ length: connections }, () => this.#client());
  }

  // Ends after the answers that are under way: the statistics.
  async stop() {
    this.ended = true;
    await Promise.all(this.clients);
    return this.sum();
  }

  // Waits until `count` more requests were answered.
  async more(count, bound = 20_000) {
    const goal = this.answered + count;
    const end = Date.now() + bound;
    while (this.answered < goal) {
      if (Date.now() > end)
        throw new Error(`only ${this.answered - goal + count} of ${count} answers`);
      await pause(10);
    }
  }

  sum() {
    const { sent, answered, cut, unanswered, refused, trouble } = this;
    return {
      sent,
      answered,
      cut,
      unanswered,
      refused,
      trouble: trouble.slice(0, 10),
      statuses: Object.fromEntries(this.statuses),
      perSecond: answered / ((performance.now() - this.began) / 1000),
      ...spread(this.times),
    };
  }

  async #client() {
    let link = null;
    while (!this.ended) {
      const request = this.next(this.sent);
      if (!request) break;
      const began = await this.#turn(this.sent++);
      link = await this.#ask(link, request, began);
    }
    link?.socket.destroy();
  }

  // Waits for the moment at which request number n is due; gives the one from which its time counts:
  // that moment, when the answers before it came too late for it, so that a halt of the server counts
  // in all requests that it held up.
  async #turn(n) {
    if (!this.rate) return performance.now();
    const due = this.began + (n / this.rate) * 1000;
    const wait = due - performance.now();
    if (wait < 0) return due;
    if (wait > 1) await pause(wait);
    return performance.now();
  }

  // One request over link, or over a new connection; gives the connection if it can go on.
  async #ask(link, request, began) {
    if (!link || link.over) {
      link = await connect(this.port);
      if (!link) {
        this.refused++;
        this.sent--;
        await pause(20);
        return null;
      }
    }
    const { answer, seen } = await link.ask(this.#bytes(request), request.method, this.patience);
    if (!answer) {
      this[seen ? "cut" : "unanswered"]++;
      this.trouble.push(`${request.method} ${request.path}: ${seen ? "cut" : "unanswered"}`);
      link.socket.destroy();
      return null;
    }
    this.times.push(performance.now() - began);
    this.answered++;
    this.statuses.set(answer.status, (this.statuses.get(answer.status) ?? 0) + 1);
    this.onAnswer(request, answer);
    if (/close/i.test(answer.headers.connection ?? "")) {
      link.socket.destroy();
      return null;
    }
    return link;
  }

  #bytes({ method, path, body, headers = {} }) {
    const text = body === undefined ? "" : JSON.stringify(body);
    let head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n`;
    if (this.key) head += `Authorization: Bearer ${this.key}\r\n`;
    for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
    if (text)
      head += `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n`;
    return Buffer.from(`${head}\r\n${text}`);
  }
}

function connect(port) {
  return new Promise((resolve) => {
    const socket = net.connect({ host: "127.0.0.1", port, noDelay: true });
    socket.on("error", () => resolve(null));
    socket.on("connect", () => resolve(new Link(socket)));
  });
}

class Link {
  constructor(socket) {
    this.socket = socket;
    this.seen = Buffer.alloc(0);
    this.over = false;
    this.done = null;
    socket.on("data", (part) => {
      this.seen = this.seen.length ? Buffer.concat([this.seen, part]) : part;
      const answer = takeAnswer(this.seen, this.method);
      if (!answer) return;
      this.seen = this.seen.subarray(answer.size);
      this.done?.({ answer });
    });
    socket.on("close", () => {
      this.over = true;
      this.done?.({ answer: null, seen: this.seen.length });
    });
  }

  ask(bytes, method, patience) {
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => this.done?.({ answer: null, seen: this.seen.length }),
        patience,
      );
      this.method = method;
      this.done = (result) => {
        clearTimeout(timer);
        this.done = null;
        resolve(result);
      };
      if (this.over) this.done({ answer: null, seen: 0 });
      else this.socket.write(bytes);
    });
  }
}
