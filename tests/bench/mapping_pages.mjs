// SPDX-License-Identifier: MIT
// mapping_pages.mjs DIR PAGES: pages of 500 items as Oracle Fusion answers them, some 1.3 KB each.
// The same pages every time: a small generator with a fixed seed.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [dir, pages] = [process.argv[2], Number(process.argv[3] ?? 100)];
let seed = 20260131n;
const next = (n) => {
  seed = (seed * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
  return Number((seed >> 33n) % BigInt(n));
};
const pick = (list) => list[next(list.length)];
const words = "bolt washer bracket housing shaft bearing seal plate cover spring valve pump motor sensor".split(" ");
const two = (n) => String(n).padStart(2, "0");

// Written as text, so that prices keep their digits as a real answer's do.
function item(i) {
  const number = `AS${54000 + i}-${pick("ABCDEF")}`;
  const price = `${next(9000)}.${two(next(100))}${pick(["", "5", "25", "125"])}`;
  const day = `20${two(20 + next(6))}-${two(1 + next(12))}-${two(1 + next(28))}`;
  const clock = `${two(next(24))}:${two(next(60))}:${two(next(60))}.${two(next(100))}0`;
  const time = `${day}T${clock}${pick(["+00:00", "+02:00", "-05:00"])}`;
  const words4 = [0, 1, 2, 3].map(() => pick(words)).join(" ");
  const self =
    `https://fusion.example.com/fscmRestApi/resources/11.13.18.05/itemsV2/00020000000EACED00057708000110F08494FB${i}`;
  return `{"ItemId":${300000047274444n + BigInt(i)},"OrganizationId":${204},` +
    `"OrganizationCode":"${pick(["V1", "M1", "D2"])}","ItemNumber":"${number}",` +
    `"ItemDescription":"${words4}, ${next(90)} mm",` +
    `"ItemClass":"${pick(["Root", "Purchased", "Manufactured", "Model", "Service"])}",` +
    `"ItemStatusValue":"${pick(["Active", "Active", "Inactive"])}",` +
    `"LifecyclePhaseValue":"Production","PrimaryUOMValue":"Each","PrimaryUOMCode":"${pick(["EA", "KG", "M"])}",` +
    `"ListPrice":${price},"CurrencyCode":"USD","InventoryItemFlag":${pick(["true", "false"])},` +
    `"StockEnabledFlag":true,"TransactionEnabledFlag":true,"BomItemType":4,` +
    `"LeadTimeDays":${next(90)},"UnitWeight":${next(50)}.${next(1000)},"WeightUOM":"kg",` +
    `"SafetyStockQuantity":${next(500)},"MinimumOrderQuantity":${next(100)},"BuyerName":null,` +
    `"PlannerCode":${next(3) ? `"PL${next(40)}"` : "null"},` +
    `"LongDescription":"${words4} \\"${pick(words)}\\" for assembly ${number}, drawing D-${next(100000)}, revision ` +
    `${pick("ABC")}; see the instruction sheet before use",` +
    `"CreatedBy":"SCM_INTEGRATION","CreationDate":"2019-05-04T10:11:12.000+00:00","LastUpdatedBy":"SCM_INTEGRATION",` +
    `"LastUpdateDate":"${time}","Attribute1":"${pick(words)}","Attribute2":null,"Attribute3":${next(100)},` +
    `"links":[{"rel":"self","href":"${self}","name":"itemsV2","kind":"item",` +
    `"properties":{"changeIndicator":"ACED0005737200136A6176612E7574696C2E41727261794C697374"}},{"rel":"canonical",` +
    `"href":"${self}","name":"itemsV2","kind":"item"}]}`;
}

mkdirSync(dir, { recursive: true });
for (let p = 0; p < pages; p++) {
  const items = Array.from({ length: 500 }, (_, k) => item(p * 500 + k));
  writeFileSync(join(dir, `page_${String(p).padStart(4, "0")}.json`),
    `{"items":[${items.join(",")}],"count":500,"hasMore":true,"limit":500,"offset":${p * 500}}`);
}
