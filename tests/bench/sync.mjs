// SPDX-License-Identifier: MIT
// sync.mjs - items over HTTP into SQLite, WAL, synchronous=FULL: first load, unchanged, 1 % changed.
//   node sync.mjs [--items 100000] [--rounds 3] [--json]
import { join } from "node:path";
import { bench, Lines, median, options, report, tenonOn } from "./bench.mjs";
import { call } from "../harness/rest.mjs";

const given = options({ items: 100_000, rounds: 3 });
const kinds = ["first", "unchanged", "changed"];

function counted(kind, { created, updated, unchanged }) {
  const changed = Math.ceil((given.items - 42) / 100);
  const want = {
    first: [given.items, 0, 0],
    unchanged: [0, 0, given.items],
    changed: [0, changed, given.items - changed],
  }[kind];
  if (String([created, updated, unchanged]) !== String(want)) {
    throw new Error(
      `${kind}: created, updated, unchanged are ${[created, updated, unchanged]}, not ${want}`,
    );
  }
}

await bench(async (place) => {
  const upstream = new Lines("upstream.mjs", [given.items], place);
  const { port } = await upstream.line();
  const took = { ours: {}, peer: {} };
  for (const who of ["ours", "peer"]) for (const kind of kinds) took[who][kind] = [];

  for (let round = 0; round < given.rounds; round++) {
    const tenon = await tenonOn(join(place.folder, `data${round}`), port, place);
    const peer = new Lines(
      "peers/sync.mjs",
      [join(place.folder, `peer${round}.db`), `http://127.0.0.1:${port}`],
      place,
    );
    for (const kind of kinds) {
      if (kind === "changed")
        await call({ host: "127.0.0.1", port }, { method: "POST", path: "/change" });
      const began = performance.now();
      const answer = await tenon.rest.want(200, "POST", "/integrations/bench/sync", {
        operation: "sync_items",
      });
      took.ours[kind].push(performance.now() - began);
      counted(kind, {
        created: answer.recordsCreated,
        updated: answer.recordsUpdated,
        unchanged: answer.recordsUnchanged,
      });
      const other = await peer.ask("run");
      took.peer[kind].push(other.ms);
      counted(kind, other);
    }
    await tenon.stop();
    peer.child.kill("SIGKILL");
  }
  const rate = (list) => given.items / (median(list) / 1000);
  const goals = { first: ">= 3x", unchanged: ">= 5x", changed: ">= 5x" };
  const names = { first: "first load", unchanged: "unchanged", changed: "1 % changed" };
  report(
    `sync of ${given.items.toLocaleString("en-US")} items, median of ${given.rounds}`,
    kinds.map((kind) => ({
      work: names[kind],
      ours: rate(took.ours[kind]),
      peer: rate(took.peer[kind]),
      goal: goals[kind],
      unit: "records/s",
    })),
    given,
  );
});
