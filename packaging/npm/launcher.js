#!/usr/bin/env node
// Starts the binary that npm installed for this machine, and ends as it ends.
"use strict";

const { spawn } = require("node:child_process");
const { optionalDependencies, version } = require("./package.json");

const platform = `claude-backup-${process.platform}-${process.arch}`;

function binary() {
  if (!(platform in optionalDependencies)) {
    return fail(
      `there is no binary for ${process.platform} on ${process.arch}`,
      "with Rust, `cargo install claude-backup` builds it",
    );
  }
  try {
    return require.resolve(`${platform}/bin/claude-backup`);
  } catch {
    return fail(
      `the package ${platform}, which has the binary, is not installed`,
      `install again without \`--omit=optional\`, and on this system; or \`npm install ${platform}@${version}\``,
    );
  }
}

function fail(what, hint) {
  console.error(`claude-backup: ${what}\n${hint}`);
  process.exit(1);
}

const child = spawn(binary(), process.argv.slice(2), { stdio: "inherit" });

// Ctrl-C reaches the binary from the terminal. Passed on, it would be a second one, which ends a run at once.
process.on("SIGINT", () => {});
const passedOn = ["SIGTERM", "SIGHUP"];
for (const signal of passedOn) {
  process.on(signal, () => child.kill(signal));
}

child.on("error", (error) => fail(error.message, `npm install ${platform}@${version}`));
child.on("exit", (code, signal) => {
  if (signal === null) {
    process.exit(code);
  }
  // Whoever waits for us learns of the signal too.
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
