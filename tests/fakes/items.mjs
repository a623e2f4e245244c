// SPDX-License-Identifier: MIT
// items.mjs - generated items of a fake Fusion.  Every value is raw JSON text, so that what a number
// looks like on the wire ("0.10", "1e-7", 20 digits) is what the story says and nothing rounds it.

const classes = ["Root", "Purchased", "Manufactured", "Model"];
const weights = [
  "0.10",
  "1e-7",
  "12345678901234567890",
  "0.30000000000000000004",
  "100.00",
  "9007199254740993",
  "-1.5E+3",
  "0",
];
const words = [
  "Bracket",
  "Gehäuse Ø 40",
  "ボルト M8",
  "Vis à tête \\u00e9toil\\u00e9e",
  'Винт \\"A\\"',
  "Nut \\\\ washer \\/ pin",
  "Zahnrad 🔩 x",
  "tab\\tand\\nline",
];
const begin = Date.parse("2024-10-01T00:00:00Z");

export class Items {
  constructor(count) {
    this.count = count;
    this.edits = new Map();
  }

  // The values of item i (from 0) as {name: raw JSON text}, in the order in which they are sent.
  values(i) {
    const number = String(i + 1).padStart(6, "0");
    const plain = {
      ItemId: String(300000047274444n + BigInt(i)),
      OrganizationId: "300000001548368",
      OrganizationCode: i % 3 === 2 ? '"M2"' : '"M1"',
      ItemNumber: `"PN-${number}"`,
      ItemDescription: `"${words[i % words.length]} ${number}"`,
      ItemClass: `"${classes[i % classes.length]}"`,
      PrimaryUOMCode: '"EA"',
      PrimaryUOMValue: '"Each"',
      ItemStatusValue: '"Active"',
      LifecyclePhaseValue: '"Production"',
      UnitWeight: weights[i % weights.length],
      ListPrice: `${i}.${String(i % 100).padStart(2, "0")}0`,
      Revision: i % 5 ? '"A"' : "null",
      Attachments: "[]",
      Flexfields: "{}",
      LastUpdateDate: `"${new Date(begin + i * 60_000).toISOString().replace(".000Z", "+00:00")}"`,
    };
    return { ...plain, ...this.edits.get(i) };
  }

  // Changes members of item i from now on; undefined takes a member away.
  edit(i, members) {
    this.edits.set(i, { ...this.edits.get(i), ...members });
  }

  // One member of item i as JavaScript has it.
  value(i, name) {
    return JSON.parse(this.values(i)[name]);
  }

  partNumber(i) {
    return this.value(i, "ItemNumber");
  }

  text(i, { names, links } = {}) {
    const parts = [];
    for (const [name, value] of Object.entries(this.values(i))) {
      if (value !== undefined && (!names || names.has(name))) parts.push(`"${name}":${value}`);
    }
    if (links) parts.push(`"links":[{"rel":"self","href":"${links}/${this.values(i).ItemId}"}]`);
    return `{${parts.join(",")}}`;
  }
}
