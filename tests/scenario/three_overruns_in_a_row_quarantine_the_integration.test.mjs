// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { integration, story } from "../harness/story.mjs";

const hog = mapping({ partName: "function() while true do end end" });
const fine = mapping({ partName: 'map.const "fine"' });
const isolate = "integrations:fusion";

// A plant whose mapping overran its budget on every record.
async function hogged(stage) {
  const site = stage.site();
  site.write(mappingFile, hog);
  const { tenon, fusion } = await stage.plant({ items: 12, site });
  const first = await tenon.rest.send("POST", "/integrations/fusion/sync", { operation: "sync_items" });
  assert.equal(first.body.recordsCreated, 0, first.text);
  return { site, tenon, fusion };
}

const quarantined = async (rest) => (await rest.get("/status")).quarantine;

story("three overruns in a row stop an integration in every worker, and it is said", async (stage) => {
  const { tenon } = await hogged(stage);
  assert.deepEqual(await quarantined(tenon.rest), [isolate]);
  assert.equal((await tenon.rest.get("/integrations/fusion")).quarantined, true);
  await tenon.logged(/error .*integrations:fusion is in quarantine/);
  const answers = await tenon.eachWorker(() =>
    tenon.rest.send("POST", "/integrations/fusion/sync", { operation: "sync_items" }),
  );
  for (const answer of answers) {
    assert.match(answer.text, /quarantine/);
    assert.notEqual(answer.body.status, "SUCCESS");
  }
  const health = await tenon.rest.get("/integrations/fusion/health?fresh=1");
  assert.equal(health.connected, false);
  assert.match(health.error, /quarantine/);
  assert.equal(tenon.children("worker").length, 2, "no worker was lost");
});

story("a quarantine is in the metrics of every worker, until it ends", async (stage) => {
  const { tenon } = await hogged(stage);
  const metrics = async () => {
    const { text } = await tenon.rest.send("GET", "//metrics");
    return text.split("\n").filter((line) => /^tenon_\w+_quarantined/.test(line));
  };
  const shown = [`tenon_isolate_quarantined{isolate="${isolate}"} 1`, "tenon_isolates_quarantined 1"];
  assert.deepEqual(await tenon.eachWorker(metrics), [shown, shown]);
  await tenon.rest.want(200, "POST", "/integrations/fusion/release");
  const over = ["tenon_isolates_quarantined 0"];
  assert.deepEqual(await tenon.eachWorker(metrics), [over, over]);
});

story("every worker that has the isolate shows that it is in quarantine, until it ends", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, hog);
  const { tenon } = await stage.plant({ items: 12, site, workers: 2 });
  // What both workers show; each gets the isolate for a look at the health.
  const shown = async () => {
    const found = {};
    while (Object.keys(found).length < 2) {
      tenon.rest.agent.destroy(); // any worker
      const { worker, isolates } = await tenon.rest.get("/scripts/isolates");
      const one = isolates.find((x) => x.isolate === isolate);
      if (one) found[worker] = one.quarantined;
      else await tenon.rest.get("/integrations/fusion/health?fresh=1");
    }
    return found;
  };
  const everywhere = async (is) => assert.deepEqual(await shown(), { 1: is, 2: is });
  await everywhere(false);
  await tenon.rest.send("POST", "/integrations/fusion/sync", { operation: "sync_items" });
  await everywhere(true);
  await tenon.rest.want(200, "POST", "/integrations/fusion/release");
  await everywhere(false);
});

story("most of a page's records do not wait for a script that is in quarantine", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, hog);
  const { tenon } = await stage.plant({ items: 400, site });
  await tenon.rest.send("POST", "/integrations/fusion/sync", { operation: "sync_items" });
  const { body } = await tenon.rest.send("GET", "/integrations/fusion/logs?limit=1");
  // 400 records at 100 ms each would be 40 s of CPU time.
  const [run] = body.logs;
  assert.equal(run.status, "FAILURE", JSON.stringify(run));
  assert.ok(run.duration > 0 && run.duration < 20_000, `${run.duration} ms`);
});

story("a reload of its unit releases an integration", async (stage) => {
  const { site, tenon } = await hogged(stage);
  site.write(mappingFile, fine);
  await tenon.rest.want(200, "POST", "/scripts/reload");
  assert.deepEqual(await quarantined(tenon.rest), []);
  const answer = await tenon.rest.sync("fusion");
  assert.deepEqual([answer.status, answer.recordsCreated], ["SUCCESS", 12]);
});

story("a quarantine ends by hand, and begins again if nothing was mended", async (stage) => {
  const { tenon, site } = await hogged(stage);
  const released = await tenon.rest.want(200, "POST", "/integrations/fusion/release");
  assert.equal(released.quarantined, false);
  assert.deepEqual(await quarantined(tenon.rest), []);
  const health = await tenon.rest.get("/integrations/fusion/health?fresh=1");
  assert.equal(health.connected, true, JSON.stringify(health));
  await tenon.rest.send("POST", "/integrations/fusion/sync", { operation: "sync_items" });
  assert.deepEqual(await quarantined(tenon.rest), [isolate]);
  site.write(mappingFile, fine);
  await tenon.rest.want(200, "POST", "/scripts/reload");
  assert.equal((await tenon.rest.sync("fusion")).status, "SUCCESS");
});

story("a quarantine ends with the integration, and with its name", async (stage) => {
  const { tenon, fusion } = await hogged(stage);
  await tenon.rest.want(200, "PUT", "/integrations/fusion", integration(fusion, { displayName: "Another" }));
  assert.deepEqual(await quarantined(tenon.rest), [isolate], "what changes nothing of it leaves it there");
  await tenon.rest.want(200, "PUT", "/integrations/fusion", integration(fusion, { name: "renamed" }));
  assert.deepEqual(await quarantined(tenon.rest), []);
  await tenon.rest.send("POST", "/integrations/renamed/sync", { operation: "sync_items" });
  assert.deepEqual(await quarantined(tenon.rest), ["integrations:renamed"]);
  await tenon.rest.want(204, "DELETE", "/integrations/renamed");
  assert.deepEqual(await quarantined(tenon.rest), []);
});

story("a record now and then that overruns puts nobody into quarantine", async (stage) => {
  const site = stage.site();
  site.write(
    mappingFile,
    mapping({
      partName: `function(src)
      if src.ItemNumber:find("[369]$") then while true do end end
      return "kept"
    end`,
    }),
  );
  const { tenon } = await stage.plant({ items: 20, site });
  const answer = await tenon.rest.sync("fusion");
  assert.deepEqual([answer.status, answer.recordsFailed], ["PARTIAL", 6]);
  assert.deepEqual(await quarantined(tenon.rest), []);
});

story("of two integrations whose long names begin alike only the one that overran is in quarantine", async (stage) => {
  const { tenon, fusion } = await hogged(stage);
  const [one, two] = ["one", "two"].map((end) => `${"plant_of_a_long_name_".repeat(4)}_and_its_end_${end}`);
  for (const name of [one, two]) await tenon.rest.create(integration(fusion, { name }));
  await tenon.rest.send("POST", `/integrations/${one}/sync`, { operation: "sync_items" });
  assert.deepEqual(await quarantined(tenon.rest), [isolate, `integrations:${one}`]);
  assert.equal((await tenon.rest.get(`/integrations/${one}`)).quarantined, true);
  assert.equal((await tenon.rest.get(`/integrations/${two}`)).quarantined, false);
  assert.equal((await tenon.rest.get(`/integrations/${two}/health?fresh=1`)).connected, true);
  const released = await tenon.rest.want(200, "POST", `/integrations/${one}/release`);
  assert.equal(released.quarantined, false);
  assert.deepEqual(await quarantined(tenon.rest), [isolate]);
});

story("where quarantine has no room for another the worker that saw it refuses it, and says so", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, hog);
  const env = { TENON_FAULTS: "shared.full=fail:1+" };
  const { tenon } = await stage.plant({ items: 12, site, workers: 1, env });
  await tenon.rest.send("POST", "/integrations/fusion/sync", { operation: "sync_items" });
  await tenon.logged(
    /error .*integrations:fusion is in quarantine in this worker alone, because the shared list is full/,
  );
  const refused = await tenon.rest.send("POST", "/integrations/fusion/sync", { operation: "sync_items" });
  assert.match(JSON.stringify(refused.body), /quarantine/, refused.text);
  assert.match((await tenon.rest.get("/integrations/fusion/health?fresh=1")).error, /quarantine/);
  site.write(mappingFile, fine);
  await tenon.rest.want(200, "POST", "/scripts/reload");
  assert.equal((await tenon.rest.sync("fusion")).status, "SUCCESS");
});
