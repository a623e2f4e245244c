// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { OldMes } from "../fakes/old_mes.mjs";
import { story } from "../harness/story.mjs";

const mappingFile = "mappings/old_mes/part.lua";

const adapter = `\
local tn  = require "tenon"
local xml = require "tenon.xml"

local COLUMNS = { "Nummer:1-10", "Name:11-40", "Art:41-44", "Preis:45-56" }

local function csv(conn)
  local reply = conn:get("/parts.csv", nil, { raw = true })
  conn:emit(reply, { format = "csv", delimiter = ";", decimal_comma = { "Preis" } }, { done = true })
end

local function soap(conn)
  local body = xml.write { "s:Envelope", ["xmlns:s"] = "http://schemas.xmlsoap.org/soap/envelope/",
    { "s:Body", { "GetParts", xmlns = "urn:mes:parts", { "Filter", 'a<b & "c"' } } } }
  local reply = conn:post("/parts.xml", body, { raw = true, headers = { ["Content-Type"] = "text/xml" } })
  conn:emit(reply, { format = "xml", rows = "Envelope.Body.GetPartsResponse.Part" })
end

local function fixed(conn)
  local text = conn:get("/parts.txt", nil, { raw = true }):text()
  conn:emit(text, { format = "fixed", columns = COLUMNS })
end

local function lines(conn)
  conn:emit(conn:get("/parts.ndjson", nil, { raw = true }), { format = "ndjson" })
end

local function packed(conn)
  conn:emit(conn:stream "/parts.csv.gz", { format = "csv", delimiter = ";", decimal_comma = "Preis" })
end

local function edifact(conn)
  conn:emit(conn:stream "/parts.edi", { format = "edifact" })
end

local function idoc(conn)
  conn:emit(conn:get("/parts.idoc", nil, { raw = true }), { format = "idoc",
    segments = "E1MARAM=MATNR:18,ART:4,PREIS:12 E1MAKTM=SPRAS:1,MAKTX:40" })
end

-- However long it is.
local function large(conn)
  conn:emit(conn:stream "/parts.csv", { format = "csv", delimiter = ";", decimal_comma = "Preis" }, { done = true })
end

-- As much at once as an answer may be.
local function whole(conn)
  conn:emit(conn:get("/parts.csv", nil, { raw = true }), { format = "csv", delimiter = ";" })
end

local function upload(conn)
  conn:post("/parts.txt", nil, { raw = true, multipart = { { name = "plant", content = 7 },
    { name = "file", filename = 'a"b.csv', type = "text/csv", content = "1;2\\r\\n--x" } } })
end

-- What no format describes is taken apart here.
local function built(conn)
  local records = {}
  for line in conn:get("/parts.txt", nil, { raw = true }):text():gmatch "[^\\n]+" do
    records[#records + 1] = { Nummer = line:sub(1, 6), Name = line:sub(11, 40):match "^(.-) *$",
                              Art = line:sub(41, 44):match "%S+", Preis = line:sub(45):match "%S+" }
  end
  assert(conn:emit(records) == #records)
end

local function operation(run)
  return { title = "Parts", entity = "item", direction = "pull", mapping = "old_mes/part", run = run }
end

return tn.adapter {
  title = "An old MES", type = "ERP", base = "url", auth = tn.auth.none {},
  config = { tn.url "url" { required = true } },
  operations = { csv = operation(csv), soap = operation(soap), fixed = operation(fixed), lines = operation(lines),
                 packed = operation(packed), edifact = operation(edifact), idoc = operation(idoc),
                 built = operation(built), large = operation(large), whole = operation(whole),
                 upload = operation(upload) },
}
`;

const mapping = `\
local map = require "tenon.map"
local from = map.from
return map {
  reads = "old_mes.part", writes = "item", key = "partNumber",
  set = {
    partNumber = map.first { from "Nummer", from "@no", from "no", from "LIN.03",
                             from "E1MARAM.MATNR" } :text() :required(),
    partName = map.first { from "Name", from "name", from "IMD.03-4", from "E1MAKTM.MAKTX" },
    partType = map.first { from "Art", from "Kind", from "kind", from "FTX.04",
                           from "E1MARAM.ART" } :lookup { BUY = "COMPONENT", MAKE = "ASSEMBLY" },
    listPrice = map.first { from "Preis", from "Price", from "price",
                            from 'PRI[01="AAA"].01-2', from "E1MARAM.PREIS" } :decimal(),
  },
}
`;

async function plant(stage, count, edit = (text) => text) {
  const mes = await new OldMes(count).start();
  stage.defer(() => mes.stop());
  const site = stage.site();
  site.write("scripts/adapters/old_mes.lua", adapter);
  site.write(mappingFile, edit(mapping));
  const tenon = await stage.tenon({ site });
  const config = { url: mes.url };
  await tenon.rest.create({
    ...{ name: "mes", displayName: "MES", type: "ERP", integrationType: "old_mes" },
    ...{ enabled: true, config },
  });
  return { mes, tenon };
}

const counts = (answer) => [
  answer.status,
  answer.recordsProcessed,
  answer.recordsCreated,
  answer.recordsUpdated,
  answer.recordsUnchanged,
  answer.recordsFailed,
];

story("the same parts as all formats and built records are the same records", async (stage) => {
  const { mes, tenon } = await plant(stage, 1203);
  const first = await tenon.rest.sync("mes", "csv");
  assert.deepEqual(counts(first), ["SUCCESS", 1203, 1203, 0, 0, 0], JSON.stringify(first.errors));
  const item = async (number) =>
    (await tenon.rest.get(`/items?partNumber=${number}`)).items[0];
  const one = await item("P00001");
  assert.deepEqual(
    [one.partName, one.partType, one.listPrice],
    ['Bolt; <M0> & "nut"', "ASSEMBLY", 1000.5],
  );
  for (const operation of ["soap", "fixed", "lines", "built", "packed", "edifact", "idoc", "csv"]) {
    const again = await tenon.rest.sync("mes", operation);
    assert.deepEqual(
      counts(again),
      ["SUCCESS", 1203, 0, 0, 1203, 0],
      `${operation}: ${JSON.stringify(again.errors)}`,
    );
  }
  const soap = mes.requests.find((r) => r.method === "POST");
  assert.match(soap.body, /<Filter>a&lt;b &amp; "c"<\/Filter>/);
  mes.parts[700].name = "Another";
  assert.deepEqual(counts(await tenon.rest.sync("mes", "soap")), ["SUCCESS", 1203, 0, 1, 1202, 0]);
});

story("an export that is larger than an answer may be is streamed", async (stage) => {
  const { mes, tenon } = await plant(stage, 7000);
  const filler = "x".repeat(2000);
  mes.spoil = (text) => text.replaceAll("\r\n", `;${filler}\r\n`).replace(filler, "Text");
  const refused = await tenon.rest.sync("mes", "whole");
  assert.equal(refused.status, "FAILURE");
  assert.match(refused.errors[0].message, /more than 10485760 bytes/);
  const answer = await tenon.rest.sync("mes", "large");
  assert.deepEqual(counts(answer), ["SUCCESS", 7000, 7000, 0, 0, 0], JSON.stringify(answer.errors));
});

story("files and fields that scripts send are read by others", async (stage) => {
  const { mes, tenon } = await plant(stage, 1);
  const answer = await tenon.rest.sync("mes", "upload");
  assert.equal(answer.status, "SUCCESS", JSON.stringify(answer.errors));
  const { headers, body } = mes.requests.at(-1);
  const form = await new Response(body, { headers: { "content-type": headers["content-type"] } }).formData();
  assert.equal(form.get("plant"), "7");
  const file = form.get("file");
  assert.deepEqual([file.type, await file.text()], ["text/csv", "1;2\r\n--x"]);
  assert.match(file.name, /^a("|%22)b\.csv$/);
});

story("a row that cannot be read fails alone, with its line", async (stage) => {
  const { mes, tenon } = await plant(stage, 600);
  mes.spoil = (text) => text.replace(/^P00302;.*$/m, (row) => `${row};too;many`);
  const answer = await tenon.rest.sync("mes", "csv");
  assert.deepEqual(counts(answer), ["PARTIAL", 600, 599, 0, 0, 1], JSON.stringify(answer));
  const [error] = answer.errors;
  assert.match(error.message, /^line 303: 6 cells, but the header has 4$/);
  assert.equal(error.code, "ERR_INVALID_RESPONSE");

  mes.spoil = (text) => text.replace('"name":"Part 9"', '"name":Part 9');
  const lines = await tenon.rest.sync("mes", "lines");
  assert.deepEqual(counts(lines), ["PARTIAL", 600, 1, 0, 598, 1], JSON.stringify(lines));
  assert.match(lines.errors[0].message, /^line 9: /);

  mes.spoil = (text) => text;
  assert.deepEqual(counts(await tenon.rest.sync("mes", "csv")), ["SUCCESS", 600, 0, 0, 600, 0]);
});

story("a preview tries a change on records that came as CSV, as they were read", async (stage) => {
  const { tenon } = await plant(stage, 60);
  await tenon.rest.sync("mes", "csv");
  const changed = mapping.replace('from "Name"', 'from "Name" :upper()');
  const answer = await tenon.rest.want(200, "POST", "/scripts/preview", {
    files: { [mappingFile]: changed },
  });
  const [m] = answer.mappings;
  assert.deepEqual([m.mapping, m.operation, m.newlyFailing], ["old_mes/part", "csv", 0]);
  assert.ok(m.records >= 20 && m.changed === m.records, JSON.stringify(m));
  const [, example] = m.fields[0].examples;
  assert.deepEqual([example.old, example.new], ['"Part 2"', '"PART 2"'], JSON.stringify(m.fields));
});

story("an answer that breaks off fails the run and what came before it is stored", async (stage) => {
  const { mes, tenon } = await plant(stage, 1200);
  mes.spoil = (text) => text.slice(0, text.indexOf('no="P01101"') - 5);
  const answer = await tenon.rest.sync("mes", "soap");
  assert.equal(answer.status, "FAILURE");
  assert.match(answer.errors[0].message, /the answer cannot be read: line \d+, column \d+: /);
  assert.equal(answer.recordsCreated, 1100);
  mes.spoil = (text) => text.replace(/^[^\r\n]*/, ";;");
  const header = await tenon.rest.sync("mes", "csv");
  assert.equal(header.status, "FAILURE");
  assert.match(header.errors[0].message, /line 1, the header: no column has a name/);
  mes.spoil = (text) => text;
  assert.deepEqual(counts(await tenon.rest.sync("mes", "soap")), ["SUCCESS", 1200, 100, 0, 1100, 0]);
});
