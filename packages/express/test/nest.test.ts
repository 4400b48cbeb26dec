import "reflect-metadata";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Recorder, recorder } from "@kmkit/core";
import {
  type CallHandler,
  type CanActivate,
  Controller,
  type ExecutionContext,
  ForbiddenException,
  Get,
  type MiddlewareConsumer,
  Module,
  type NestInterceptor,
  Post,
  Redirect,
  Req,
  type Type,
  UseGuards,
  UseInterceptors,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { ExpressAdapter, type NestExpressApplication } from "@nestjs/platform-express";
import express, { type Request } from "express";
import { describe, expect, it, onTestFinished } from "vitest";
import { km } from "../src/index.ts";
import { Shop, sessions } from "./shop.ts";

class MembersOnly implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { km } = context.switchToHttp().getRequest<Request>();
    if (km.anonymous) km.record("Turned Away");
    return !km.anonymous;
  }
}
class Counting implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    context.switchToHttp().getRequest<Request>().km.record("Counted");
    return next.handle();
  }
}

@Controller()
class ShopController {
  @Get()
  @UseInterceptors(Counting)
  home(@Req() req: Request): string {
    return req.km.identity;
  }

  @Post("login")
  @Redirect("/", 303)
  async login(@Req() req: Request): Promise<void> {
    await new Promise((resolve) => req.session.regenerate(resolve));
    req.km.identify(req.body.email);
    req.km.record("Logged In");
  }

  @Post("logout")
  @Redirect("/", 303)
  logout(@Req() req: Request): void {
    req.km.identify(null);
  }

  @Get("account")
  @UseGuards(MembersOnly)
  account(@Req() req: Request): { identity: string } {
    req.km.record("Viewed Account");
    return { identity: req.km.identity };
  }

  @Get("closed")
  closed(@Req() req: Request): never {
    req.km.record("Knocked");
    throw new ForbiddenException();
  }
}

@Module({ controllers: [ShopController] })
class AppModule {}

async function open(module: Type, prepare: (app: NestExpressApplication, rec: Recorder) => void = (app, rec) => app.use(km(rec.client))) {
  const rec = recorder();
  const app = await NestFactory.create<NestExpressApplication>(module, { logger: false });
  app.use(sessions());
  prepare(app, rec);
  await app.listen(0, "localhost");
  onTestFinished(() => app.close());
  return { shop: new Shop(app.getHttpServer(), rec), rec };
}

const form = (email: string) => ({
  method: "POST",
  headers: { "content-type": "application/x-www-form-urlencoded" },
  body: String(new URLSearchParams({ email })),
});

describe("NestJS 11 on Express: app.use(km()) and no more", () => {
  it("knows the visitor in controllers, guards and interceptors, before and after log in", async () => {
    const { shop } = await open(AppModule);
    const visitor = shop.browser();
    expect((await visitor.page("/account")).status).toBe(403);
    const first = visitor.anonymous;
    expect((await visitor.page("/")).text).toBe(first);
    visitor.take(await visitor.ask("/login", form("bob@bob.com")));
    expect((await visitor.page("/account")).text).toBe('{"identity":"bob@bob.com"}');
    await visitor.form("/logout");
    const second = visitor.anonymous;
    await visitor.page("/");
    visitor.take(await visitor.ask("/login", form("bill@bob.com")));
    expect(await shop.heard()).toEqual([
      `${first}: Turned Away`,
      `${first}: Counted`,
      `${first} = bob@bob.com`,
      "bob@bob.com: Logged In",
      "bob@bob.com: Viewed Account",
      `${second}: Counted`,
      `${second} = bill@bob.com`,
      "bill@bob.com: Logged In",
    ]);
  });

  it("counts what a handler did before it threw, and keeps Nest's own answer", async () => {
    const { shop } = await open(AppModule);
    const visitor = shop.browser();
    const answer = await visitor.page("/closed");
    expect(answer).toMatchObject({ status: 403, text: expect.stringContaining("Forbidden") });
    expect(answer.ours).toHaveLength(2);
    expect(await shop.heard()).toEqual([`${visitor.anonymous}: Knocked`]);
  });

  it("may also stand in a module's configure()", async () => {
    const rec = recorder();
    @Module({ controllers: [ShopController] })
    class WithMiddleware {
      configure(consumer: MiddlewareConsumer): void {
        consumer.apply(km(rec.client)).forRoutes("{*path}");
      }
    }
    const { shop } = await open(WithMiddleware, () => {});
    const visitor = shop.browser();
    expect((await visitor.page("/")).text).toBe(visitor.anonymous);
    await shop.quiet();
    expect(rec.commands).toMatchObject([{ name: "Counted", identity: visitor.anonymous }]);
  });

  it("and in an Express app that Nest is given", async () => {
    const rec = recorder();
    const server = express().use(km(rec.client));
    const app = await NestFactory.create(AppModule, new ExpressAdapter(server), { logger: false });
    await app.init();
    const listening = createServer(server).listen(0, "localhost");
    await new Promise((resolve) => listening.once("listening", resolve));
    onTestFinished(async () => {
      listening.close();
      await app.close();
    });
    expect((listening.address() as AddressInfo).port).toBeGreaterThan(0);
    const shop = new Shop(listening, rec);
    const visitor = shop.browser();
    expect((await visitor.page("/")).text).toBe(visitor.anonymous);
    expect(await shop.heard()).toEqual([`${visitor.anonymous}: Counted`]);
  });
});
