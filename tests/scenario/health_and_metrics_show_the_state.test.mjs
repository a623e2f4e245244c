// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
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
