// SPDX-License-Identifier: MIT
// tenon.mjs - the real program under test: start, stop, kill, look at its processes.
// TENON names the binary; without it, build/dev/tenon of this tree.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { childrenOf, inGroup, killGroup, launch } from "./process.mjs";
import { Rest } from "./rest.mjs";
import { waitFor, within } from "./wait.mjs";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const binary = process.env.TENON ?? join(root, "build/dev/tenon");

const sanitizers = {
  ASAN_OPTIONS: "abort_on_error=0:detect_leaks=1:handle_abort=1:detect_stack_use_after_return=0",
  UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
  TSAN_OPTIONS: "halt_on_error=1",
};
const findings =
  /ERROR: \w*Sanitizer|WARNING: ThreadSanitizer|: runtime error:|SUMMARY: \w+Sanitizer/;

// The environment of this test without what would change the program under test.
export function environment(extra) {
  const quiet = {
    INTEGRATION_ENCRYPTION_KEY: undefined,
    TENON_FAULTS: undefined,
    http_proxy: undefined,
    https_proxy: undefined,
    HTTP_PROXY: undefined,
    HTTPS_PROXY: undefined,
    ALL_PROXY: undefined,
    all_proxy: undefined,
  };
  return { ...quiet, ...sanitizers, ...extra };
}

// Runs one command of the program to its end: {code, signal, stdout, stderr, json}.
export async function command(args, { data, site, input, env, timeout = 30_000 } = {}) {
  const all = [...args, ...(data ? ["--data", data] : []), ...(site ? ["--site", site] : [])];
  const run = launch(binary, all, { input, env: environment(env) });
  let end;
  try {
    end = await within(timeout, `tenon ${all.join(" ")}`, run.ended);
  } catch (error) {
    killGroup(run.pid);
    throw new Error(`${error.message}\n${run.output}`);
  }
  assert.doesNotMatch(run.output, findings, run.output);
  return {
    ...end,
    stdout: run.stdout,
    stderr: run.stderr,
    output: run.output,
    get json() {
      return JSON.parse(run.stdout);
    },
  };
}

export class Tenon {
  // data: its folder.  Options: site, workers, watch, env, args, key, loopback (may upstreams be here?).
  constructor(
    data,
    { site, workers = 2, watch = false, env = {}, args = [], loopback = true } = {},
  ) {
    assert.ok(existsSync(binary), `${binary} is not built`);
    Object.assign(this, { data, site, workers, watch, env, extra: args, loopback });
    this.log = ""; // all that it ever printed, over its restarts
    this.rest = null;
  }

  get arguments() {
    return [
      "serve",
      "--data",
      this.data,
      "--listen",
      "127.0.0.1:0",
      "--workers",
      this.workers,
      ...(this.site ? ["--site", this.site.path ?? this.site] : []),
      ...(this.watch ? ["--watch"] : []),
      ...(this.loopback ? ["--allow-net", "127.0.0.0/8"] : []),
      ...this.extra,
    ].map(String);
  }

  // Until it is ready.  Fails with all that it said.
  async start() {
    this.run = launch(binary, this.arguments, { env: environment(this.env) });
    const address = await Promise.race([
      waitFor(
        'the line "listening on"',
        () => /^listening on (http:\/\/\S+)$/m.exec(this.run.stdout),
        { within: 20_000, every: 10 },
      ).catch((error) => {
        throw new Error(this.#told(error.message));
      }),
      this.run.ended.then((end) => {
        throw new Error(this.#told(`it ended with ${end.code ?? end.signal}`));
      }),
    ]);
    this.url = address[1];
    this.port = +new URL(this.url).port;
    this.key ??= readFileSync(join(this.data, "admin.key"), "utf8").trim();
    this.rest?.close();
    this.rest = new Rest(this.port, this.key);
    return this;
  }

  // Starts where a start must fail: {code, output}.
  async startFails({ timeout = 15_000 } = {}) {
    this.run = launch(binary, this.arguments, { env: environment(this.env) });
    const end = await within(timeout, "the end of a start that must fail", this.run.ended).catch(
      (error) => {
        killGroup(this.run.pid);
        throw new Error(this.#told(error.message));
      },
    );
    const { output } = this.run;
    this.#keep();
    return { ...end, output };
  }

  get pid() {
    return this.run.pid;
  }
  get output() {
    return this.log + (this.run?.output ?? "");
  }

  // The nth line of the log that matches, once it is there: it comes by a pipe, after the answer.
  logged(pattern, nth = 1, options = {}) {
    const found = () => this.output.split("\n").filter((line) => pattern.test(line));
    return waitFor(`${pattern} in the log`, () => found()[nth - 1], options);
  }

  // Asks it to end and expects that it does, with code 0 and no process left.
  async stop({ timeout = 15_000 } = {}) {
    if (!this.run) return;
    const { run } = this;
    process.kill(run.pid, "SIGTERM");
    const end = await within(timeout, "the end after SIGTERM", run.ended).catch((error) => {
      throw new Error(this.#told(error.message));
    });
    this.#keep();
    assert.deepEqual(end, { code: 0, signal: null }, this.#told("SIGTERM ends it with code 0"));
    await waitFor("the end of every process", () => inGroup(run.pid).length === 0);
  }

  // kill -9 of all its processes at one blow, as a power cut does.
  async killGroup() {
    const { run } = this;
    killGroup(run.pid);
    await within(10_000, "the end after kill -9", run.ended);
    await waitFor("the end of every process", () => inGroup(run.pid).length === 0);
    this.#keep();
  }

  // Its processes besides the supervisor whose title begins with a role: "worker", "store".
  children(role = "") {
    return childrenOf(this.pid).filter((p) => p.title.startsWith(`tenon: ${role}`));
  }

  // kill -9 of one child; waits until another has its role.
  async replace(child) {
    process.kill(child.pid, "SIGKILL");
    const role = child.title;
    return waitFor(`another "${role}"`, () =>
      childrenOf(this.pid).find((p) => p.title === role && p.pid !== child.pid),
    );
  }

  // Looks once through a connection to each worker; gives the answers of the looks.  They are to be
  // asserted on: an assertion inside a look would only be tried again.
  async eachWorker(look) {
    const seen = new Map();
    await waitFor("a connection to each worker", async () => {
      this.rest.agent.destroy(); // the next connection may go to another one
      const { worker } = await this.rest.get("/scripts/isolates");
      if (!seen.has(worker)) seen.set(worker, await look(worker));
      return seen.size === this.workers;
    });
    return [...seen.values()];
  }

  // How often any of its processes was replaced.
  async restarts() {
    const { processes } = await this.rest.get("/status");
    assert.equal(processes.length, this.workers + 1, JSON.stringify(processes));
    return processes.reduce((sum, { restarts }) => sum + restarts, 0);
  }

  ready() {
    return waitFor("readyz", async () => (await this.rest.send("GET", "//readyz")).status === 200);
  }

  command(args, options = {}) {
    return command(args, { data: this.data, ...options });
  }

  // What a sanitizer found in any of its processes.
  findings() {
    return findings.test(this.output) ? this.output : null;
  }

  end() {
    this.rest?.close();
    if (this.run) killGroup(this.run.pid);
  }

  #keep() {
    this.log += this.run.output;
    this.rest?.close();
    this.rest = null;
    this.run = null;
  }

  #told(what) {
    return `${what}\n--- tenon said\n${this.output}`;
  }
}
