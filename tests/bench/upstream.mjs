// SPDX-License-Identifier: MIT
// upstream.mjs - a Fusion for benches: every page is rendered before it is asked for, so that the
// upstream costs the same next to nothing for whoever asks.  A process of its own.
//   node upstream.mjs ITEMS      prints {"port":…}; POST /change changes 1 % of the items
import http from "node:http";

const count = +(process.argv[2] ?? 100_000);
const size = 500;
const path = "/fscmRestApi/resources/11.13.18.05/itemsV2";
const classes = ["Root", "Purchased", "Manufactured", "Model"];
const filler = Object.entries({
  ItemStatusValue: "Active",
  LifecyclePhaseValue: "Production",
  UserItemTypeValue: "Finished good",
  PlanningMethod: "MRP planning",
  BuyerName: "Buyer of mechanical parts",
  PlannerCode: "PLN-07",
  InventoryItemFlag: true,
  StockEnabledFlag: true,
  PurchasableFlag: true,
  TransactableFlag: true,
  ContainerTypeValue: null,
  LotControlValue: "No lot control",
  SerialGenerationValue: "At receipt",
  ShelfLifeControlValue: "None",
  DefaultShippingOrganization: "M1",
  OutsideProcessingUnitType: null,
  LongDescription:
    "Bracket for mounting the drive unit on the frame, zinc plated, with four holes for " +
    "M8 screws and two pins; deburred, packed by twenty in cartons of the plant",
  EngineeredItemFlag: false,
  CreatedBy: "integration.user",
  LastUpdatedBy: "integration.user",
})
  .map(([name, value]) => `"${name}":${JSON.stringify(value)}`)
  .join(",");

let version = 0;

// Every hundredth item carries the version, so that a change touches 1 % of them, on every page.
function item(i) {
  const touched = i % 100 === 42 ? ` rev ${version}` : "";
  return (
    `{"ItemId":${300000047274444 + i},"OrganizationId":300000001548368,"OrganizationCode":"M1",` +
    `"ItemNumber":"PN-${String(i).padStart(7, "0")}","ItemDescription":"Bracket no. ${i}${touched}",` +
    `"ItemClass":"${classes[i % 4]}","PrimaryUOMCode":"EA","UnitWeight":${i % 90}.${i % 10}0,` +
    `"ListPrice":${i}.50,"LastUpdateDate":"2026-0${1 + (i % 9)}-11T08:30:00+00:00",${filler}}`
  );
}

function page(offset) {
  const rows = [];
  for (let i = offset; i < Math.min(offset + size, count); i++) rows.push(item(i));
  return Buffer.from(
    `{"items":[${rows.join(",")}],"count":${rows.length},` +
      `"hasMore":${offset + rows.length < count},"limit":${size},"offset":${offset},"links":[]}`,
  );
}

let pages;
const render = () => {
  pages = Array.from({ length: Math.max(1, Math.ceil(count / size)) }, (_, n) => page(n * size));
};
render();

const token = Buffer.from(
  JSON.stringify({ access_token: "b".repeat(1200), token_type: "Bearer", expires_in: 3600 }),
);
const server = http.createServer((request, response) => {
  request.resume();
  const url = new URL(request.url, "http://x");
  let body = null;
  if (url.pathname === path)
    body = pages[+(url.searchParams.get("offset") ?? 0) / size] ?? page(count);
  else if (url.pathname === "/token") body = token;
  else if (url.pathname === "/change") {
    version++;
    render();
    body = Buffer.from("{}");
  }
  response.writeHead(body ? 200 : 404, {
    "content-type": "application/json",
    "content-length": body?.length ?? 0,
  });
  response.end(body);
});
server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
process.on("disconnect", () => process.exit(0));
