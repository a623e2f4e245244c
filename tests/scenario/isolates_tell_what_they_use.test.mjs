// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";

story("calls, time, memory and overruns of each integration are in metrics and API", async (stage) => {
  const site = stage.site();
  site.write(
    mappingFile,
    mapping({
      partName: `function(src)
      if src.ItemNumber == "PN-000003" then while true do end end
      return src.ItemDescription
    end`,
    }),
  );
  const { tenon } = await stage.plant({ items: 30, site, workers: 1 });
  await tenon.rest.sync("fusion");
  const { worker, isolates } = await tenon.rest.get("/scripts/isolates");
  assert.equal(worker, 1);
  assert.ok(isolates.some((i) => i.isolate === "core" && i.unit === "core"));
  const used = isolates.find((i) => i.isolate === "integrations:fusion");
  assert.ok(used.calls >= 30, JSON.stringify(used));
  assert.ok(used.cpuMs >= 50 && used.bytes > 1000 && used.peakBytes >= used.bytes, JSON.stringify(used));
  assert.ok(used.besideLoop >= 1, JSON.stringify(used)); // the endless one, when its slice was over
  assert.deepEqual([used.unit, used.overruns, used.tasks, used.quarantined], ["oracle_fusion", 1, 0, false]);

  const { text } = await tenon.rest.send("GET", "//metrics");
  const of = (metric) =>
    Number(text.match(new RegExp(`^${metric}\\{worker="1",isolate="integrations:fusion"\\} (.*)$`, "m"))?.[1]);
  assert.equal(of("tenon_isolate_overruns_total"), 1);
  assert.ok(of("tenon_isolate_beside_loop_total") >= 1);
  assert.ok(of("tenon_isolate_calls_total") >= used.calls);
  assert.ok(of("tenon_isolate_cpu_seconds_total") >= 0.05);
  assert.ok(of("tenon_isolate_bytes") > 1000);
});
