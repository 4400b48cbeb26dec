import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { sleep, track } from "../harness/children.js";
import { APP_CORE, pins, works } from "../harness/machine.js";

/** Whether nginx is on this machine, under its own name on the PATH. */
export const hasNginx = works("nginx", ["-v"]);

/** A port that is free now. */
async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** nginx as one would set it up to collect pixels: `empty_gif`, every request a line in the access log, one worker. @param {string} directory */
export async function startNginx(directory) {
  const port = await freePort();
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${join(directory, kind)};`).join(" ");
  const file = join(directory, "nginx.conf");
  const log = join(directory, "error.log");
  writeFileSync(
    file,
    `daemon off; master_process off; worker_processes 1; pid ${join(directory, "pid")}; error_log ${log};
     events { worker_connections 1024; }
     http { access_log ${join(directory, "access.log")}; keepalive_requests 1000000000; ${paths}
       server { listen 127.0.0.1:${port}; location / { empty_gif; } } }`,
  );
  const call = ["-e", log, "-c", file];
  const child = track(spawn(pins ? "taskset" : "nginx", pins ? ["-c", String(APP_CORE), "nginx", ...call] : call, { stdio: "ignore" }));
  const ended = once(child, "exit");
  for (let tries = 0; ; tries++) {
    const there = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    if (there?.ok) break;
    if (tries === 100 || child.exitCode !== null) throw new Error(`nginx does not answer: ${readFileSync(log, "utf8").slice(-1000)}`);
    await sleep(50);
  }
  return {
    port,
    log: () => readFileSync(log, "utf8"),
    kill: () => {
      child.kill("SIGKILL");
      return ended;
    },
  };
}
