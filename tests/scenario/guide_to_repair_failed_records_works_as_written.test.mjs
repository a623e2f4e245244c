// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";

const guide = readFileSync(
  new URL("../../docs/how-to/repair-failed-records.md", import.meta.url),
  "utf8",
);

// The commands of the guide in their order, as lists of words.
const commands = [...guide.matchAll(/```sh\n([^`]*)```/g)]
  .flatMap((block) => block[1].trim().split("\n"))
  .map((line) => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((m) => m[1] ?? m[2]).slice(1));

const refusing = (n) =>
  mapping({
    partName: `function(src)
      if tonumber(src.ItemNumber:match("%d+$")) <= ${n} then error("no name for " .. src.ItemNumber) end
      return src.ItemDescription
    end`,
  });

story("the guide to repairing failed records works word for word", async (stage) => {
  const site = stage.site();
  site.write(mappingFile, refusing(43));
  const { tenon } = await stage.plant({ items: 50, site });
  await tenon.rest.sync("fusion");
  const doctor = await tenon.command(["doctor"]);
  assert.match(doctor.stdout, /warning +quarantine +fusion: 43 records could not be stored/);
  assert.match(doctor.stdout, /tenon quarantine fusion --group/);
  const { records } = await tenon.rest.get("/quarantine?limit=100");
  const { id, externalId } = records.find((record) => record.reason.includes("PN-000001"));

  const said = [];
  for (const words of commands) {
    if (words[0] === "reload") site.write(mappingFile, refusing(2));
    const end = await tenon.command(words.map((word) => (word === "$ID" ? id : word)));
    assert.equal(end.code, 0, `${words.join(" ")}: ${end.output}`);
    said.push(end.stdout);
  }
  const [groups, one, payload, , retry, discard] = said;
  assert.match(groups, /^ +43 +fusion +sync_items +partName: .*no name for PN-#/m);
  assert.match(one, new RegExp(`^record +${externalId}$`, "m"));
  assert.match(one, /^attempts +1$/m);
  assert.equal(JSON.parse(payload).ItemNumber, "PN-000001");
  assert.match(retry, /^43 records of sync_items of fusion will go through the mapping/);
  assert.match(retry, /and 38 more/);
  assert.match(retry, /^41 of 43 repaired, 2 failed again, 0 were not there any more$/m);
  assert.match(discard, /^1 discarded$/m);

  const left = await tenon.command(["quarantine", "fusion"]);
  assert.match(left.stdout, /PN-000002[^]*\n1 record\n$/);
  const json = await tenon.command(["quarantine", "--json", "--limit", "5"]);
  assert.equal(json.json.total, 1);
  const asked = await tenon.command(["quarantine", "retry", "--integration", "fusion"]);
  assert.equal(asked.code, 1);
  assert.match(asked.stderr, /nothing was done: .*--yes/);
  for (const words of [["retry"], ["show"], ["discard", id, "--integration", "fusion"], ["a", "b"]])
    assert.equal((await tenon.command(["quarantine", ...words])).code, 2, words.join(" "));
  const none = await tenon.command(["quarantine", "retry", "--integration", "nobody", "--yes"]);
  assert.match(none.stderr, /^tenon: no open record in quarantine fits this filter/);
});
