// SPDX-License-Identifier: MIT
// ran-reporter.mjs - a reporter for node --test: one line a test with file, name and result, which
// features.mjs reads.
export default async function* ran(events) {
  for await (const { type, data } of events) {
    if ((type !== "test:pass" && type !== "test:fail") || data.nesting) continue;
    const left = data.skip !== undefined || data.todo !== undefined;
    yield `${data.file}\t${data.name}\t${left ? "skip" : type.slice(5)}\n`;
  }
}
