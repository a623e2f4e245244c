// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

story("healthz, readyz, metrics and status show the state of the processes", async (stage) => {
  const { tenon } = await stage.plant({ items: 10 });
  const { rest } = tenon;
  await rest.sync("fusion");
  assert.deepEqual((await rest.send("GET", "//healthz")).body, { status: "ok" });
  assert.equal((await rest.send("GET", "//readyz")).status, 200);

  const metrics = await rest.send("GET", "//metrics");
  assert.match(metrics.headers["content-type"], /^text\/plain/);
  for (const line of metrics.text.trimEnd().split("\n")) {
    assert.match(
      line,
      /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? -?[0-9.e+]+)$/,
    );
  }
  assert.match(metrics.text, /^tenon_store_commits_total [1-9]/m);

  const status = await rest.get("/status");
  assert.match(status.version, /^\d+\.\d+/);
  const version = await tenon.command(["version"], { data: undefined });
  assert.equal(version.code, 0);
  assert.ok(version.stdout.includes(status.version));

  const [store] = tenon.children("store");
  await tenon.replace(store);
  await tenon.ready();
  assert.equal((await rest.send("GET", "//healthz")).status, 200);
  await waitFor("the restart in the metrics", async () =>
    /^tenon_process_restarts_total\{process="store"\} 1$/m.test(
      (await rest.send("GET", "//metrics")).text,
    ),
  );
});

// The value of the one line that begins with these words.
async function metric(rest, name) {
  const { text } = await rest.send("GET", "//metrics");
  const lines = text.split("\n").filter((line) => line.startsWith(`${name} `));
  assert.equal(lines.length, 1, name);
  return Number(lines[0].slice(name.length + 1));
}

story("metrics are those of the whole server, whichever worker answers, and outlive a worker", async (stage) => {
  const { tenon } = await stage.plant({ items: 10, workers: 3 });
  const { rest } = tenon;
  const before = Date.now() / 1000;
  for (let i = 0; i < 4; i++) await rest.sync("fusion");
  const of = '{team="1",integration="fusion"';
  const figures = async () => ({
    ended: await metric(rest, "tenon_runs_succeeded_total"),
    records: await metric(rest, "tenon_sync_records_total"),
    active: await metric(rest, "tenon_runs_active"),
    runs: await metric(rest, `tenon_integration_runs_total${of},status="success"}`),
    failures: await metric(rest, `tenon_integration_runs_total${of},status="failure"}`),
    ofAll: await metric(rest, `tenon_integration_records_total${of}}`),
    failed: await metric(rest, `tenon_integration_failed_records_total${of}}`),
  });
  const want = { ended: 4, records: 40, active: 0, runs: 4, failures: 0, ofAll: 40, failed: 0 };
  for (let i = 0; i < 6; i++) assert.deepEqual(await figures(), want);
  const last = await metric(rest, `tenon_integration_last_success_seconds${of}}`);
  assert.ok(last >= before - 1 && last <= Date.now() / 1000 + 1, `${last}`);

  const answered = await metric(rest, 'tenon_http_requests_total{class="2xx"}');
  assert.ok(answered >= 42, `${answered}`);
  assert.ok((await metric(rest, "tenon_http_request_seconds_count")) >= answered);
  assert.ok((await metric(rest, 'tenon_http_request_seconds_bucket{le="+Inf"}')) >= answered);
  await tenon.replace(tenon.children("worker")[0]);
  await tenon.ready();
  assert.deepEqual(await figures(), want);
  assert.ok((await metric(rest, 'tenon_http_requests_total{class="2xx"}')) > answered);
});

// The rows of the page's table: name, type, what it tells.
function documented() {
  const page = readFileSync(new URL("../../docs/metrics.md", import.meta.url), "utf8");
  return [...page.matchAll(/^\| `(tenon_\w+)` \| (\w+) \| (.+) \|$/gm)].map((m) => m.slice(1).join("  "));
}

story("the page of the metrics lists each of them as the server tells it", async (stage) => {
  const { tenon } = await stage.plant({ items: 1 });
  await tenon.rest.sync("fusion");
  const { text } = await tenon.rest.send("GET", "//metrics");
  const types = new Map([...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map((m) => [m[1], m[2]]));
  const told = [...text.matchAll(/^# HELP (\w+) (.+)$/gm)].map((m) => `${m[1]}  ${types.get(m[1])}  ${m[2]}`);
  if (process.env.SHOW_METRICS) console.log(`TOLD\n${told.join("\n")}\nEND`);
  assert.deepEqual(documented().sort(), told.sort());
});

story("wrong methods, paths and slashes are told apart", async (stage) => {
  const { rest } = await stage.tenon();
  const answer = await rest.send("PATCH", "/integrations");
  assert.equal(answer.status, 405);
  assert.match(answer.headers.allow, /GET/);
  assert.match(answer.headers.allow, /POST/);
  for (const path of ["/nowhere", "/integrations/a/b/c/d", "//nowhere"]) {
    assert.equal((await rest.send("GET", path)).status, 404, path);
  }
  const head = await rest.send("HEAD", "//healthz");
  assert.deepEqual([head.status, head.text], [200, ""]);
});
