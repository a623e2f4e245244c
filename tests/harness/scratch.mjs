// SPDX-License-Identifier: MIT
// scratch.mjs - folders that live as long as a story.  KEEP_SCRATCH=1 leaves them for a look.
import {
  mkdtempSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export function scratchFolder() {
  const path = mkdtempSync(join(tmpdir(), "tenon-"));
  const clear = () => {
    if (!process.env.KEEP_SCRATCH) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  };
  return { path, clear };
}

// Every plain file below a folder, with its bytes.  What vanishes meanwhile is left out.
export function* filesBelow(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) {
      try {
        yield { path, bytes: readFileSync(path) };
      } catch (error) {
        if (error.code !== "ENOENT") throw error;
      }
    }
  }
}

// A site folder: the user's own scripts and mappings.
export class Site {
  constructor(path) {
    this.path = path;
    mkdirSync(path, { recursive: true });
  }

  // As an editor saves: a new file takes the old one's place in one step.
  write(name, text) {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.new~`, text);
    renameSync(`${path}.new~`, path);
    return path;
  }

  read(name) {
    return readFileSync(join(this.path, name), "utf8");
  }

  edit(name, from, to) {
    const text = this.read(name);
    if (!text.includes(from)) throw new Error(`${name} has no ${from}`);
    this.write(name, text.replace(from, to));
  }

  remove(name) {
    rmSync(join(this.path, name));
  }

  // The line, from 1, on which a text first stands.
  lineOf(name, text) {
    const at = this.read(name).indexOf(text);
    if (at < 0) throw new Error(`${name} has no ${text}`);
    return this.read(name).slice(0, at).split("\n").length;
  }
}

export const modeOf = (path) => statSync(path).mode & 0o777;
