// SPDX-License-Identifier: MIT
// rest.mjs - records over REST with a key, 64 connections: GET of one, a list of 50, POST and PATCH
// that are durable before the answer, against peers/rest.mjs in turn.  Needs wrk.
//   node rest.mjs [--items 5000] [--rounds 3] [--seconds 2] [--connections 64] [--processes 2] [--json]
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { bench, Lines, median, options, report, Tenon, wrk } from "./bench.mjs";

const given = options({
  items: 5000,
  rounds: 3,
  seconds: 2,
  connections: 64,
  processes: Math.min(4, availableParallelism()),
});
const works = { get: "GET one", list: "list of 50", post: "POST, durable", patch: "PATCH, durable" };

// Makes the records that are read and patched, over REST.
async function fill(rest) {
  const ids = [];
  while (ids.length < given.items) {
    const some = Array.from({ length: 64 }, (_, i) =>
      rest.want(201, "POST", "/items", {
        partNumber: `PN-${ids.length + i}`,
        partName: `Bracket no. ${i}`,
        organizationCode: "M1",
        status: "Active",
      }),
    );
    ids.push(...(await Promise.all(some)).map((record) => record.id));
  }
  return ids;
}

await bench(async (place) => {
  const tenon = new Tenon(join(place.folder, "data"), { workers: given.processes });
  place.defer(() => tenon.end());
  await tenon.start();
  const file = (name, ids) => {
    const path = join(place.folder, name);
    writeFileSync(path, `${ids.join("\n")}\n`);
    return path;
  };
  const ours = file("ours", await fill(tenon.rest));
  const peer = new Lines("peers/rest.mjs", [join(place.folder, "peer.db"), tenon.key, given.items], place);
  const { port, ids } = await peer.line();
  const targets = { ours: [tenon.port, ours], peer: [port, file("peer", ids)] };
  const rows = [];
  for (const [work, name] of Object.entries(works)) {
    const seen = { ours: [], peer: [] };
    for (let round = 0; round < given.rounds; round++) {
      for (const [who, [to, list]] of Object.entries(targets)) {
        const result = await wrk("rest.lua", [work, list, tenon.key, round], { port: to, ...given });
        if (result.bad) throw new Error(`${name}, ${who}: ${result.bad} requests failed`);
        seen[who].push(result);
      }
    }
    const of = (who, what) => median(seen[who].map((result) => result[what]));
    const row = (what) => ({ ours: of("ours", what), peer: of("peer", what) });
    const late = name.includes("durable") ? "< 1x" : "";
    rows.push(
      { work: name, ...row("perSecond"), goal: ">= 2x", unit: "requests/s" },
      { work: `${name}, p99`, ...row("p99"), goal: late, unit: "ms, less is better" },
    );
  }
  report(`records over REST, ${given.connections} connections, median of ${given.rounds}`, rows, given);
  await tenon.stop();
});
