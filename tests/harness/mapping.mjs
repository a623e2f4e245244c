// SPDX-License-Identifier: MIT
// mapping.mjs - a site's own mapping of Fusion items, as an integrator would write it.
export const mappingFile = "mappings/oracle_fusion/item.lua";

// Each line of `set` can be replaced; head comes before the declaration.
export const mapping = ({
  head = "",
  partName = 'from "ItemDescription" :text()',
  more = "",
} = {}) => `\
local map = require "tenon.map"
local from = map.from
${head}
return map {
  reads = "oracle_fusion.item", writes = "item", key = "partNumber",
  set = {
    partNumber = from "ItemNumber" :text() :required(),
    partName = ${partName},
    partType = from "ItemClass" :lookup {
      Root = "ASSEMBLY", Purchased = "COMPONENT", Manufactured = "ASSEMBLY", Model = "MODEL",
      default = "COMPONENT",
    },
    unitOfMeasure = map.first { from "PrimaryUOMCode", from "PrimaryUOMValue" },
    ${more}
  },
}
`;

// The line that carries what must not change by a digit.
export const exactly = `attributes = map.object {
      itemId = from "ItemId", itemIdText = from "ItemId" :text(), weight = from "UnitWeight",
      price = from "ListPrice", revision = from "Revision", attachments = from "Attachments",
      flexfields = from "Flexfields",
    },`;

// One item gets another name, one fails, all others are as with the plain mapping.
export const mixed = mapping({
  partName: `function(src)
      if src.ItemNumber == "PN-000002" then error("cannot") end
      if src.ItemNumber == "PN-000003" then return "another" end
      return src.ItemDescription
    end`,
});

// A plant that has synced items once with the plain mapping.
export async function synced(stage, options = {}) {
  const site = stage.site();
  site.write(mappingFile, mapping());
  const { tenon, fusion } = await stage.plant({ items: 60, site, ...options });
  await tenon.rest.sync("fusion");
  return { site, tenon, fusion };
}
