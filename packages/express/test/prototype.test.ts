import { once } from "node:events";
import { createServer, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import express4 from "express4";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type Km, km, recorder } from "../src/index.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function listen(app: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer(app as never).listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("what km() puts on Express' shared prototypes", () => {
  it("gives req.km only to requests that came by", async () => {
    const heard = recorder();
    const with_ = express();
    with_.use(km(heard.client));
    with_.get("/", (req, res) => void res.send(typeof req.km));
    const without = express();
    without.get("/", (req, res) => void res.send(typeof req.km));
    const [a, b] = [await listen(with_), await listen(without)];
    expect(await (await fetch(a)).text()).toBe("object");
    const answer = await fetch(b);
    expect(await answer.text()).toBe("undefined");
    expect(answer.headers.getSetCookie()).toEqual([]);
  });

  it("serves two copies of this package on one Express", async () => {
    vi.resetModules();
    const copy = await import("../src/index.ts");
    expect(copy.km).not.toBe(km);
    const [heard, other] = [recorder(), copy.recorder()];
    const urls: string[] = [];
    for (const middleware of [km(heard.client), copy.km(other.client)]) {
      const app = express();
      app.use(middleware);
      app.get("/", (req, res) => {
        req.km.record("Viewed Home");
        res.send("ok");
      });
      urls.push(await listen(app));
    }
    // Each of them again after the other one has been there.
    for (const url of [...urls, ...urls]) {
      const answer = await fetch(url);
      expect(answer.status).toBe(200);
      expect(answer.headers.getSetCookie().filter((line) => line.startsWith("km_ai="))).toHaveLength(1);
    }
    await expect.poll(() => [heard.commands.length, other.commands.length]).toEqual([2, 2]);
  });

  it("asks Express whether the client spoke https, also where an app says so in its own way", async () => {
    const heard = recorder();
    const app = express();
    Object.defineProperty(app.request, "secure", { configurable: true, get: () => true });
    app.use(km(heard.client));
    app.get("/", (req, res) => {
      req.km.record("Viewed Home");
      res.send("ok");
    });
    const answer = await fetch(await listen(app));
    expect(answer.headers.getSetCookie().find((line) => line.startsWith("km_ai="))).toContain("Secure");
  });

  it("lets a stand-in take the place of one request's km", async () => {
    const names: string[] = [];
    const app = express();
    const heard = recorder();
    app.use(km(heard.client));
    app.use("/stub", (req, _res, next) => {
      req.km = { record: (name: string) => void names.push(name) } as unknown as Km;
      next();
    });
    app.get("/{*any}", (req, res) => {
      req.km.record(`Viewed ${req.path}`);
      res.send("ok");
    });
    const url = await listen(app);
    await (await fetch(`${url}/stub`)).text();
    await (await fetch(`${url}/real`)).text();
    await expect.poll(() => heard.commands.length).toBe(1);
    expect(names).toEqual(["Viewed /stub"]);
    expect(heard.commands).toMatchObject([{ name: "Viewed /real" }]);
  });

  it("leaves another response to the same request alone", async () => {
    const app = express();
    const heard = recorder();
    app.use(km(heard.client));
    let inner: string | string[] | number | undefined = "unset";
    app.get("/", (req, res) => {
      const other = Object.setPrototypeOf(new ServerResponse(req), Object.getPrototypeOf(res)) as ServerResponse;
      other.writeHead(204);
      inner = other.getHeader("set-cookie");
      req.km.record("Viewed Home");
      res.send("ok");
    });
    const answer = await fetch(await listen(app));
    expect(inner).toBeUndefined();
    expect(answer.headers.getSetCookie().join()).toContain("km_ai=");
  });

  it("calls what somebody has put there before", async () => {
    // Nothing here has used this one yet.
    const { response } = express4;
    const status: number[] = [];
    Object.defineProperty(response, "writeHead", {
      configurable: true,
      writable: true,
      value(this: ServerResponse, ...args: [number]) {
        status.push(args[0]);
        return Reflect.apply(ServerResponse.prototype.writeHead, this, args);
      },
    });
    const heard = recorder();
    const app = express4();
    app.use(km(heard.client));
    app.get("/", (req, res) => {
      req.km.record("Viewed Home");
      res.status(201).send("ok");
    });
    const answer = await fetch(await listen(app));
    expect(answer.status).toBe(201);
    expect(status).toEqual([201]);
    expect(answer.headers.getSetCookie().join()).toContain("km_ai=");
  });
});
