// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import { noting, place, rule, shop } from "../harness/orders.mjs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

const WAIT = { within: 20_000 };
const emit = (tenon, type) => tenon.rest.want(202, "POST", `//shop/events/${type}`, {});
const rules = async (tenon) => {
  const { consumers } = await tenon.rest.get("/consumers");
  assert.deepEqual(consumers.map((c) => c.name), ["rules"]);
  return consumers[0];
};
// The metrics of consumers and queues: {"tenon_consumer_lag{...}": 0}
const metrics = async (tenon) => {
  const { text } = await tenon.rest.send("GET", "//metrics");
  const rows = text.matchAll(/^(tenon_(?:consumer|queue)_\w+\{[^}]*\}) (\S+)$/gm);
  return Object.fromEntries([...rows].map(([, name, value]) => [name, Number(value)]));
};
const behind = (c) => c.partitions.filter((p) => p.position < c.head);
const of = (name) => `tenon_consumer_${name}{consumer="rules"}`;
const doctor = async (tenon) => {
  const { json } = await tenon.command(["doctor", "--json"]);
  return json.filter((row) => row.check === "consumers");
};
// Asks both workers; their answers are the same.
const both = async (tenon, ask) => {
  const [one, other] = await tenon.eachWorker(() => ask(tenon));
  assert.deepEqual(one, other, "both workers tell the same");
  return one;
};

story("what fails, is given up or hangs is told alike by every worker, by metrics and by doctor", async (stage) => {
  const site = shop(stage, {
    note_orders: noting("order.created"),
    later: rule("shop.later", 'error("the press is cold")', '\n  retry = { "1h" },'),
    never: rule("shop.never", 'error("the press is on fire")', "\n  retry = {},"),
    hangs: rule("shop.hangs", 'require("tenon.time").sleep(50)'),
  });
  const tenon = await stage.tenon({ site, workers: 2 });
  await place(tenon, "A");
  const calm = await waitFor(
    "a consumer at the head of the log, its partitions shared",
    async () => {
      const c = await rules(tenon);
      return c.head > 0 && c.position === c.head && c.held === 16 && c;
    },
    WAIT,
  );
  assert.deepEqual(await both(tenon, rules), calm);
  assert.deepEqual({ ...calm, head: 0, position: 0, partitions: [] }, {
    name: "rules",
    operation: "rule",
    head: 0,
    position: 0,
    lag: 0,
    oldestWaitingAt: null,
    retries: 0,
    retriesOldestAt: null,
    deadLetters: 0,
    partitions: [],
    held: 16,
  });
  assert.deepEqual(
    calm.partitions,
    Array.from({ length: 16 }, (_, number) => ({ number, position: calm.head, idle: false })),
  );
  assert.deepEqual((await doctor(tenon)).map((row) => row.verdict), ["ok"]);

  const before = Date.now();
  await emit(tenon, "shop.later");
  await emit(tenon, "shop.never");
  await waitFor(
    "a retry and a dead letter, and nothing else that waits",
    async () => {
      const c = await rules(tenon);
      return c.retries === 1 && c.deadLetters === 1 && c.lag === 0;
    },
    WAIT,
  );
  await emit(tenon, "shop.hangs");
  const last = await waitFor(
    "the one that hangs, and those before it out of the way",
    async () => {
      const c = await rules(tenon);
      return behind(c).length === 1 && c.lag === 1 && c;
    },
    WAIT,
  );
  assert.deepEqual(await both(tenon, rules), last);
  assert.equal(last.position, last.head - 1, "it waits for the newest event");
  assert.deepEqual(behind(last).map((p) => p.position), [last.position]);
  for (const at of [last.oldestWaitingAt, last.retriesOldestAt])
    assert.ok(Date.parse(at) >= before && Date.parse(at) <= Date.now(), at);

  const seen = await tenon.eachWorker(() => metrics(tenon));
  assert.equal(seen.length, 2);
  for (const m of seen) {
    assert.equal(m[of("lag")], 1);
    assert.equal(m[of("retries")], 1);
    assert.equal(m[of("dead_letters")], 1);
    assert.equal(m[of("partitions_held")], 16);
    const most = (Date.now() - before) / 1000;
    for (const age of [m[of("oldest_waiting_seconds")], m[of("retries_oldest_seconds")]])
      assert.ok(age > 0 && age <= most, `${age} of ${most}`);
    for (const queue of ["inbound", "run"]) {
      assert.equal(m[`tenon_queue_entries{queue="${queue}"}`], 0);
      assert.equal(m[`tenon_queue_oldest_seconds{queue="${queue}"}`], 0);
    }
  }
  const told = await doctor(tenon);
  assert.deepEqual(told.map((row) => row.verdict), ["warning", "warning"]);
  assert.match(told[0].finding, /^rules: 1 delivery waits for another try, since 20/);
  assert.match(told[1].finding, /^rules: 1 delivery was given up/);
  assert.match(told[1].advice, /^tenon quarantine --operation rule --group tells why/);
  const advised = await tenon.command(["quarantine", "--operation", "rule", "--group"]);
  assert.match(advised.stdout, /the press is on fire/);
});

// A server that answers so for the consumers stands in a folder that is locked as by a running one: no
// real one may be late for a minute in a test.
async function standIn(stage, tenon) {
  const answers = { status: 200, row: {} };
  const server = createServer((request, response) => {
    const row = { ...answers.row, partitions: Array(16).fill({}) };
    const error = { code: "SERVICE_UNAVAILABLE", message: "the store does not answer" };
    const asked = request.url === "/api/v1/consumers";
    const body = asked && (answers.status === 200 ? { consumers: [row] } : { error });
    response.writeHead(asked ? answers.status : 404, { "content-type": "application/json" });
    response.end(JSON.stringify(body || {}));
  });
  const lock = spawn("flock", [join(tenon.data, "serve.lock"), "sh", "-c", "echo locked; cat"]);
  stage.defer(() => {
    server.closeAllConnections();
    server.close();
    lock.stdin.end();
  });
  await once(lock.stdout, "data");
  server.listen(join(tenon.data, "tenon.sock"));
  await once(server, "listening");
  return answers;
}

story("doctor warns of what is late and of what nobody reads", async (stage) => {
  const tenon = await stage.tenon({ site: shop(stage) });
  await tenon.stop();
  const answers = await standIn(stage, tenon);
  const late = new Date(Date.now() - 62_000).toISOString();
  const now = new Date().toISOString();
  const fine = {
    name: "rules", operation: "rule", lag: 0, oldestWaitingAt: null, retries: 0, deadLetters: 0, held: 16,
  };
  for (const [row, verdict, says, advises] of [
    [fine, "ok", "rules: no event waits for long, none is tried again or given up"],
    [{ ...fine, lag: 9, oldestWaitingAt: now }, "ok",
      "rules: no event waits for long, none is tried again or given up"],
    [{ ...fine, lag: 9, oldestWaitingAt: late }, "warning",
      `rules: 9 events wait in the log, since ${late}`, /quarantine/],
    [{ ...fine, held: 13 }, "warning", "rules: no worker reads 3 of the 16 partitions", /look again/],
    [{ ...fine, retries: 2, retriesOldestAt: now }, "warning",
      `rules: 2 deliveries wait for another try, since ${now}`, /log/],
    [{ ...fine, deadLetters: 2 }, "warning", "rules: 2 deliveries were given up",
      /^tenon quarantine --operation rule --group/],
  ]) {
    answers.row = row;
    const told = await doctor(tenon);
    assert.deepEqual(told.map((r) => [r.verdict, r.finding]), [[verdict, says]]);
    if (advises) assert.match(told[0].advice, advises);
  }
  answers.status = 503;
  const told = await doctor(tenon);
  assert.deepEqual(told.map((r) => [r.verdict, r.finding]), [["warning", "the store does not answer"]]);
});

story("what waits in quarantine for another reason is no dead letter of a consumer", async (stage) => {
  const site = shop(stage, { never: rule("shop.never", 'error("no")', "\n  retry = {},") });
  const tenon = await stage.tenon({ site, workers: 2 });
  await emit(tenon, "shop.never");
  await waitFor("a dead letter", async () => (await rules(tenon)).deadLetters === 1, WAIT);
  const { json } = await tenon.command(["doctor", "--json"]);
  const records = json.filter((row) => row.check === "quarantine");
  assert.deepEqual(records.map((row) => row.finding), ["no record waits there"]);
  await tenon.command(["quarantine", "discard", "--operation", "rule", "--yes"]);
  await waitFor("none any more", async () => (await rules(tenon)).deadLetters === 0, WAIT);
  assert.deepEqual((await doctor(tenon)).map((row) => row.verdict), ["ok"]);
});

story("without rules a consumer is idle, and nothing waits for it", async (stage) => {
  const tenon = await stage.tenon({ site: shop(stage), workers: 2 });
  await place(tenon, "A");
  const c = await waitFor(
    "sixteen that are held",
    async () => {
      const now = await rules(tenon);
      return now.held === 16 && now.head > 0 && now;
    },
    WAIT,
  );
  assert.deepEqual([c.position, c.lag, c.oldestWaitingAt], [null, 0, null]);
  assert.ok(c.partitions.every((p) => p.idle && p.position === null));
  assert.equal((await metrics(tenon))[of("lag")], 0);
});

story("consumers are for who has consumer:read, and take no parameter", async (stage) => {
  const tenon = await stage.tenon({ site: shop(stage) });
  await tenon.rest.refused(400, "BAD_REQUEST", "GET", "/consumers?team=1");
  const { key } = await tenon.rest.want(201, "POST", "/keys", { name: "screen", role: "viewer" });
  const answer = await tenon.rest.send("GET", "/consumers", undefined, { authorization: `Bearer ${key}` });
  assert.equal(answer.status, 403, answer.text);
});
