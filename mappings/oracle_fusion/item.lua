-- mappings/oracle_fusion/item.lua: from an item of Oracle Fusion (itemsV2) to ours
local map  = require "tenon.map"
local from = map.from

return map {
  reads = "oracle_fusion.item", writes = "item",
  -- itemsV2 has one row per organization, all with the same ItemId
  key = map.first {
    map.template "{ItemId}/{OrganizationId}",   from "ItemId" :text(),
    map.template "{ItemNumber}/{OrganizationId}", from "ItemNumber" :text(),
  },
  set = {
    externalId       = map.first { from "ItemId" :text(), from "ItemNumber" :text() },
    partNumber       = from "ItemNumber" :text():required(),
    partName         = from "ItemDescription",
    partType         = from "ItemClass" :lookup {
      Root         = "ASSEMBLY",
      Purchased    = "COMPONENT",
      Manufactured = "ASSEMBLY",
      Model        = "MODEL",
      default      = "COMPONENT",
    },
    -- the reference names PrimaryUOMCode; the real resource has PrimaryUOMValue, the word "Each"
    unitOfMeasure    = map.first {
      from "PrimaryUOMCode",
      map.when(from "PrimaryUOMValue" :is "Each", map.const "EA", from "PrimaryUOMValue"),
    },
    organizationCode = from "OrganizationCode" :text(),
    status           = from "ItemStatusValue",
    listPrice        = from "ListPrice" :decimal():on_fault "warn",
    lastUpdated      = map.first { "LastUpdateDateTime", "LastUpdateDate" } :time { zone = "UTC" },
  },
  -- what goes back where the lines above cannot be inverted
  out = {
    ItemClass = from "partType" :lookup {
      ASSEMBLY = "Manufactured", COMPONENT = "Purchased", MODEL = "Model",
    },
    LastUpdateDateTime = false,
    lastUpdated        = false,
  },
  examples = {
    {
      give   = [[{ "ItemId": 300000047274444, "OrganizationCode": "V1", "ItemNumber": "AS54888",
                   "ItemDescription": "Standard Desktop", "ItemClass": "Root",
                   "ItemStatusValue": "Active", "PrimaryUOMCode": "EA", "ListPrice": 1249.50,
                   "LastUpdateDate": "2024-03-05T16:34:12.220+02:00" }]],
      expect = [[{ "externalId": "300000047274444", "organizationCode": "V1",
                   "partNumber": "AS54888", "partName": "Standard Desktop",
                   "partType": "ASSEMBLY", "status": "Active", "unitOfMeasure": "EA",
                   "listPrice": 1249.50, "lastUpdated": "2024-03-05T14:34:12.220Z" }]],
    },
    {
      give   = { ItemNumber = "CM1", PrimaryUOMValue = "Each" },
      expect = { externalId = "CM1", partNumber = "CM1", partType = "COMPONENT",
                 unitOfMeasure = "EA" },
    },
    { give = { ItemId = 7, ItemDescription = "without a number" }, expect = map.reject },
  },
}
