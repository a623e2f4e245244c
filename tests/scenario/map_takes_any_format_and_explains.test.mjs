// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { mapping, mappingFile } from "../harness/mapping.mjs";
import { story } from "../harness/story.mjs";
import { command } from "../harness/tenon.mjs";

const name = "oracle_fusion/item";
const map = (args, input) => command(["map", name, ...args], { input });
const wanted = { externalId: "7", partNumber: "A-1", partName: "Äsche", partType: "ASSEMBLY", listPrice: 1249.5 };
const lines = (text) => text.trimEnd().split("\n").map((line) => JSON.parse(line));

story("one mapping serves JSON, CSV, XML and fixed width alike", async () => {
  const record = { ItemId: 7, ItemNumber: "A-1", ItemDescription: "Äsche", ItemClass: "Root", ListPrice: "1249.50" };
  const csv = "\ufeffItemId;ItemNumber;ItemDescription;ItemClass;ListPrice\r\n7;A-1;\"Äsche\";Root;1.249,50\r\n";
  const elements = Object.entries(record).map(([k, v]) => `<e:${k}>${v}</e:${k}>`).join("");
  const xml = `<e:E xmlns:e="urn:e"><L><Item>${elements}</Item></L></e:E>`;
  const fixed = "7   A-1 Äsche Root1249.50\n";
  const columns = "ItemId:1-4,ItemNumber:5-8,ItemDescription:9-14,ItemClass:15-18,ListPrice:19-26";
  const ways = [
    [["--from", "ndjson"], `${JSON.stringify(record)}\n`],
    [["--from", "json"], JSON.stringify([record], null, 1)],
    [["--rows", "d.results"], JSON.stringify({ d: { results: [record] } })],
    [["--from", "ndjson", "--rows", "items"], `${JSON.stringify({ items: [record] })}\n`],
    [["--from", "csv", "--delimiter", ";", "--decimal-comma", "ListPrice"], csv],
    [["--from", "xml", "--rows", "E.L.Item"], xml],
    [["--from", "fixed", "--columns", columns], fixed],
  ];
  for (const [args, input] of ways) {
    const run = await map(args, input);
    assert.equal(run.code, 0, run.output);
    assert.deepEqual(lines(run.stdout), [wanted], args.join(" "));
  }
  const table = await map(["--to", "csv"], JSON.stringify({ ItemNumber: "A", ItemDescription: "=1+1" }));
  assert.match(table.stdout, /^externalId,partNumber,partName,[^\r]*\r\nA,A,"'=1\+1",COMPONENT/);
  const list = await map(["--to", "json"], `${JSON.stringify(record)}\n${JSON.stringify(record)}\n`);
  assert.deepEqual(JSON.parse(list.stdout), [wanted, wanted]);
  assert.equal((await map(["--to", "json"], "")).stdout, "[]\n");
});

story("a bad row of CSV is lost alone, an entity ends the reading", async () => {
  const rows = await map(["--from", "csv", "--json"], "ItemId,ItemNumber\n1,A\n2\n3,\n4,D\n");
  assert.equal(rows.code, 1);
  assert.deepEqual(lines(rows.stdout).map((r) => r.externalId), ["1", "4"]);
  const [short, empty] = lines(rows.stderr);
  assert.deepEqual([short.record, short.rejected, short.message], [2, true, "line 3: 1 cells, but the header has 2"]);
  assert.deepEqual([empty.record, empty.field, empty.externalId, empty.kind], [3, "partNumber", "3", "mapping"]);
  assert.ok(empty.file.endsWith("item.lua") && empty.line > 0);
  const doctype = await map(["--from", "xml"], "<!DOCTYPE r [<!ENTITY x 'y'>]><r/>");
  assert.equal(doctype.code, 1);
  assert.match(doctype.stderr, /DOCTYPE declares the entity/);
  const wrongs = [["--from", "yaml"], ["--to", "xml"], ["--from", "fixed"], ["--delimiter", "ab"]];
  for (const wrong of [...wrongs, ["--explain", "--coverage"]])
    assert.equal((await map(wrong, "")).code, 2, wrong.join(" "));
});

story("case 18: tenon map reads what gzip packed, in several members too", async () => {
  const packed = Buffer.concat([gzipSync("ItemId,ItemNumber\n1,A\n"), gzipSync("2,B\n")]);
  const whole = await map(["--from", "csv"], packed);
  assert.deepEqual(lines(whole.stdout).map((r) => r.externalId), ["1", "2"], whole.output);
  const cut = await map(["--from", "csv"], packed.subarray(0, -3));
  assert.equal(cut.code, 1);
  assert.match(cut.stderr, /the gzip data is cut off/);
  const json = await map([], gzipSync('{"ItemId":1,"ItemNumber":"A"}'));
  assert.deepEqual(lines(json.stdout).map((r) => r.externalId), ["1"], json.output);
});

story("case 13: CSV as banks and ERP systems export it", async () => {
  const csv = (input, ...args) => map(["--from", "csv", "--delimiter", ";", ...args], input);
  const ids = async (...args) => {
    const run = await csv(...args);
    assert.equal(run.code, 0, run.output);
    return lines(run.stdout).map((r) => r.externalId);
  };
  assert.deepEqual(await ids("ItemId;ItemNumber;\n007;A;\n"), ["007"]);
  assert.deepEqual(await ids("ItemId;ItemNumber\n007;A;\n"), ["007"]);
  const report = "Report 2026\nItemId;ItemNumber\n007;A\n# checked\nTotals:;;1\n";
  assert.deepEqual(await ids(report, "--skip-lines", "1", "--skip-footer", "1", "--comment", "#"), ["007"]);
  assert.deepEqual(await ids("sep=|\nItemId|ItemNumber\n007|A\n"), ["007"]);
  assert.deepEqual(await ids("ItemId;ItemNumber;Note;Note\n007;A;x;y\n"), ["007"]);
  const doubled = await csv("ItemId;ItemNumber;ItemNumber\n7;A;B\n");
  assert.equal(doubled.code, 1, doubled.output);
  assert.match(doubled.stderr, /ItemNumber/);
  for (const wrong of [["--skip-lines", "-1"], ["--skip-footer", "101"], ["--comment", "//"]])
    assert.equal((await csv("", ...wrong)).code, 2, wrong.join(" "));
  assert.equal((await map(["--skip-lines", "1"], "")).code, 2);
});

story("case 12: one row is an object, no row is no member", async () => {
  const item = '{"ItemId":7,"ItemNumber":"A"}';
  const ids = async (rows, input) => {
    const run = await map(["--rows", rows], input);
    assert.equal(run.code, 0, run.output);
    return run.stdout ? lines(run.stdout).map((r) => r.externalId) : [];
  };
  assert.deepEqual(await ids("items", `{"items":${item}}`), ["7"]);
  assert.deepEqual(await ids("items", '{"items":null}'), []);
  assert.deepEqual(await ids("items?", '{"count":0,"hasMore":false}'), []);
  assert.deepEqual(await ids("items?", `{"items":[${item},${item}]}`), ["7", "7"]);
  const missing = await map(["--rows", "items"], '{"count":0,"hasMore":false}');
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /there is no member "items"; there are "count", "hasMore"/);
});

story("case 23: JSON with a byte order mark", async () => {
  const item = '{"ItemId":7,"ItemNumber":"A"}';
  const page = `{"items":[${item}]}`;
  for (const [args, input] of [[["--rows", "items"], page], [[], `[${item}]`], [[], item],
    [["--from", "ndjson"], `${item}\n`], [["--from", "ndjson", "--rows", "items"], `${page}\n`]]) {
    const run = await map(args, `\ufeff${input}`);
    assert.deepEqual(lines(run.stdout).map((r) => r.externalId), ["7"], run.output);
  }
});

story("case 30: --rows that finds nothing says so", async () => {
  const xml = "<items><item><ItemId>1</ItemId><ItemNumber>A</ItemNumber></item></items>";
  for (const rows of ["itemz", "items.itemz"]) {
    const run = await map(["--from", "xml", "--rows", rows], xml);
    assert.equal(run.code, 1, run.output);
    assert.match(run.stderr, new RegExp(`--rows ${rows} found nothing in the input`));
  }
  const none = await map(["--from", "xml", "--rows", "items.part?"], "<items/>");
  assert.equal(none.code, 0, none.output);
  const other = await map(["--from", "xml", "--rows", "list.part?"], "<items/>");
  assert.equal(other.code, 0, other.output);
  const edi = await map(["--from", "edifact", "--rows", "LIN"], "UNB+UNOY:4+A+B+C+9'UNZ+0+9'");
  assert.equal(edi.code, 1, edi.output);
  assert.match(edi.stderr, /--rows LIN found nothing/);
});

story("case 14: any format in any encoding, by its mark, its declaration or the option", async () => {
  const csv = "ItemId,ItemNumber,ItemDescription\r\n7,A,Äsche\r\n";
  const name = async (args, input) => {
    const run = await map(args, input);
    assert.equal(run.code, 0, run.output);
    return lines(run.stdout).map((r) => r.partName);
  };
  const utf16 = (text) => Buffer.from(`\ufeff${text}`, "utf16le");
  const latin = (text) => Buffer.from(text, "latin1");
  assert.deepEqual(await name(["--from", "csv"], utf16(csv)), ["Äsche"]);
  assert.deepEqual(await name(["--from", "csv"], gzipSync(utf16(csv))), ["Äsche"]);
  assert.deepEqual(await name(["--from", "csv"], utf16(csv).subarray(2)), ["Äsche"]);
  assert.deepEqual(await name(["--from", "csv"], utf16(csv).swap16()), ["Äsche"]);
  assert.deepEqual(await name(["--from", "csv", "--encoding", "iso-8859-1"], latin(csv)), ["Äsche"]);
  const json = '{"ItemId":7,"ItemNumber":"A","ItemDescription":"Äsche"}';
  assert.deepEqual(await name([], utf16(json)), ["Äsche"]);
  assert.deepEqual(await name(["--encoding", "iso-8859-1"], latin(json)), ["Äsche"]);
  const item = "<i><ItemId>7</ItemId><ItemNumber>A</ItemNumber><ItemDescription>Äsche €</ItemDescription></i>";
  const xml = latin(`<?xml version="1.0" encoding="ISO-8859-15"?><r>${item.replace("€", "\xa4")}</r>`);
  assert.deepEqual(await name(["--from", "xml", "--rows", "i"], xml), ["Äsche €"]);
  const undeclared = latin(`<r>${item.replace("€", "\xa4")}</r>`);
  assert.deepEqual(await name(["--from", "xml", "--rows", "i", "--encoding", "iso-8859-15"], undeclared), ["Äsche €"]);
  const fixed = ["--from", "fixed", "--columns", "ItemId:1-1,ItemNumber:2-2,ItemDescription:3-7"];
  assert.deepEqual(await name(fixed, utf16("7AÄsche\n")), ["Äsche"]);
  assert.deepEqual(await name([...fixed, "--encoding", "iso-8859-1"], latin("7AÄsche\n")), ["Äsche"]);
  const wrong = await map(["--from", "csv", "--encoding", "windows-1252"], utf16(csv));
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /byte order mark of UTF-16LE, but its encoding is said to be windows-1252/);
  const bad = await map(["--from", "csv", "--encoding", "windows-1250"], latin(`${csv}8,B,\x81\r\n9,C,x\r\n`));
  assert.deepEqual(lines(bad.stdout).map((r) => r.externalId), ["7", "9"]);
  assert.match(bad.stderr, /line 3: column 3 has bytes that are no character/);
  for (const no of ["latin", "utf-8//IGNORE"])
    assert.equal((await map(["--encoding", no], "")).code, 2, no);
});

story("case 17: lines of fixed width of another kind are passed over and counted", async () => {
  const fixed = ["--from", "fixed", "--columns", "kind:1-1,ItemId:2-5,ItemNumber:2-5"];
  const input = "H20260305ACME\nD0001 Bolt\nT0000002\n";
  const run = await map([...fixed, "--only", "kind=D"], input);
  assert.equal(run.code, 0, run.output);
  assert.deepEqual(lines(run.stdout).map((r) => r.externalId), ["0001"]);
  assert.match(run.stderr, /note: --only kind=D passed over 2 lines/);
  const counted = await map([...fixed, "--only", "kind=D", "--stats", "--json"], input);
  const stats = JSON.parse(counted.stderr);
  assert.deepEqual([stats.records, stats.skipped], [1, 2]);
  assert.equal((await map([...fixed, "--only", "typ=D"], "")).code, 2);
  assert.equal((await map(["--only", "kind=D"], "")).code, 2);
});

story("options of EDI and IDocs are checked before anything is read", async () => {
  const wrongs = [["--groups", "LIN"], ["--segments", "E1=A:1"], ["--from", "edifact", "--groups", "LIN("],
    ["--from", "idoc", "--segments", "E1EDK03"], ["--from", "x12", "--rows", "lin"]];
  for (const wrong of wrongs) assert.equal((await map(wrong, "")).code, 2, wrong.join(" "));
});

story("an option that means nothing for the format is refused", async () => {
  const wrongs = [["--delimiter", ";"], ["--decimal-comma", "a"], ["--comment", "#"], ["--columns", "a:1-2"],
    ["--bytes"], ["--from", "csv", "--rows", "items"], ["--from", "fixed", "--columns", "a:1-2", "--rows", "items"],
    ["--from", "csv", "--columns", "a:1-2"], ["--from", "xml", "--only", "a=1"]];
  for (const wrong of wrongs) {
    const run = await map(wrong, "");
    assert.equal(run.code, 2, wrong.join(" "));
    assert.match(run.stderr, /needs --from|means nothing with --from/);
  }
});

story("tenon map says where a value comes from and what nobody reads", async () => {
  const item = { ItemId: 7, ItemNumber: "A", LastUpdateDate: "2026-01-31T00:00:00Z", Flex: { Color: ["red"] } };
  const record = JSON.stringify(item);
  const told = await map(["--explain"], record);
  assert.match(told.stdout, /^partType\tItemClass\tlookup\tmappings\/oracle_fusion\/item\.lua:\d+$/m);
  assert.match(told.stdout, /^partType\tout says/m);
  assert.match(
    told.stdout,
    /lastUpdated = "2026-01-31T00:00:00\.000Z"\n +from LastUpdateDate = "2026-01-31T00:00:00Z" {2}by time {2}at /,
  );
  const json = lines((await map(["--explain", "--json"], record)).stdout);
  const id = json.find((value) => value.target === "externalId");
  assert.deepEqual([id.source, id.from, id.value, id.operators, id.record], ["ItemId", 7, "7", "text", 1]);
  const report = JSON.parse((await map(["--coverage", "--json"], record)).stdout);
  assert.deepEqual(report.neverRead, [{ source: "Flex.Color", count: 1 }]);
  assert.ok(report.neverSet.includes("partName") && !report.neverSet.includes("partNumber"));
  assert.match((await map(["--coverage"], record)).stdout, /never read: Flex\.Color \(1 value\)/);
});

story("the same file maps back, and says what is one-way", async (stage) => {
  const back = await map(["--back"], JSON.stringify(wanted));
  assert.deepEqual(lines(back.stdout), [
    { ItemClass: "Manufactured", ItemId: "7", ItemNumber: "A-1", ItemDescription: "Äsche", ListPrice: 1249.5 },
  ]);
  const site = stage.site();
  site.write(mappingFile, mapping({ partName: 'from "ItemDescription" :sub(1, 10)' }));
  const checked = await command(["check"], { site: site.path });
  assert.equal(checked.code, 0, checked.output);
  assert.match(checked.stdout, /item\.lua:\d+: partName is one-way: a part of the text does not tell the rest/);
  const report = (await command(["check", "--json"], { site: site.path })).json;
  assert.ok(report.ok && report.oneWay.some((way) => way.field === "partName"));
  const refused = await command(["map", name, "--back"], { site: site.path, input: "{}" });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /cannot send back .*partName \(a part of the text/);
});
