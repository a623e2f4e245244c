// SPDX-License-Identifier: MIT
// rest_get.mjs - GET of one of many records with a key, 64 connections, in turn.
//   node rest_get.mjs [--items 100000] [--rounds 3] [--seconds 5] [--connections 64] [--processes 2] [--json]
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { bench, Lines, load, median, options, report, tenonOn } from "./bench.mjs";

const given = options({
  items: 100_000,
  rounds: 3,
  seconds: 5,
  connections: 64,
  processes: Math.min(4, availableParallelism()),
});

await bench(async (place) => {
  const upstream = new Lines("upstream.mjs", [given.items], place);
  const { port } = await upstream.line();
  const tenon = await tenonOn(join(place.folder, "data"), port, place, {
    workers: given.processes,
  });
  await tenon.rest.want(200, "POST", "/integrations/bench/sync", { operation: "sync_items" });
  upstream.child.kill("SIGKILL");
  const list = (await tenon.rest.allItems()).map((item) => item.id);
  if (list.length !== given.items) throw new Error(`${list.length} items are there`);
  const ids = join(place.folder, "ids");
  writeFileSync(ids, `${list.join("\n")}\n`);

  const single = new Lines(
    "peers/rest_get.mjs",
    [join(place.folder, "one.db"), ids, tenon.key],
    place,
  );
  const several = new Lines(
    "peers/rest_get.mjs",
    [join(place.folder, "more.db"), ids, tenon.key, given.processes],
    place,
  );
  const targets = {
    ours: tenon.port,
    single: (await single.line()).port,
    several: (await several.line()).port,
  };
  const seen = { ours: [], single: [], several: [] };
  for (let round = 0; round < given.rounds; round++) {
    for (const [who, to] of Object.entries(targets)) {
      const result = await load({
        port: to,
        key: tenon.key,
        ids,
        list,
        connections: given.connections,
        seconds: given.seconds,
      });
      if (result.bad) throw new Error(`${who}: ${result.bad} requests failed`);
      seen[who].push(result);
    }
  }
  const of = (who, what) => median(seen[who].map((result) => result[what]));
  report(
    `GET one of ${given.items.toLocaleString("en-US")} records, ${given.connections} connections, ` +
      `median of ${given.rounds}`,
    [
      {
        work: "against one Fastify process",
        ours: of("ours", "perSecond"),
        peer: of("single", "perSecond"),
        goal: ">= 2x",
        unit: "requests/s",
      },
      {
        work: `against a cluster of ${given.processes}`,
        ours: of("ours", "perSecond"),
        peer: of("several", "perSecond"),
        unit: "requests/s",
      },
      {
        work: "p99 (one process)",
        ours: of("ours", "p99"),
        peer: of("single", "p99"),
        unit: "ms, less is better",
      },
    ],
    given,
  );
  await tenon.stop();
});
