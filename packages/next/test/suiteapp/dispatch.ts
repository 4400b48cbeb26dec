import type { KmHandler, KmRequest, NextOptions } from "@kmkit/next";
import type { Setup, Stream, Turn } from "@kmkit/testkit";
import { cookies } from "next/headers";
import { notFound, redirect } from "next/navigation";
import type { NextRequest } from "next/server";
import { suite } from "./suite";

/** The sandbox has a clock of its own. */
export function turnClock(): void {
  if (suite !== undefined) Object.defineProperty(globalThis, "Date", { get: () => suite?.clock() });
}

type Handler = (request: NextRequest, context: unknown) => Promise<Response>;
type WithKm = (handler: KmHandler<unknown>, options: NextOptions) => Handler;

/** The one handler of the app: it hands each request on to the app of its test, which is wrapped once. */
export function handlerOf(withKm: WithKm): Handler {
  const apps = new WeakMap<Setup, Handler>();
  return (request, context) => {
    const setup = suite?.mounts.get(request.headers.get("x-mount") ?? "");
    if (setup === undefined) throw new Error("no such mount");
    const app = apps.get(setup) ?? appOf(setup, withKm);
    apps.set(setup, app);
    return app(request, context);
  };
}

function appOf(setup: Setup, withKm: WithKm): Handler {
  const options = setup.km as NextOptions;
  const times = setup.twice !== true ? 1 : setup.prefix === undefined ? 2 : 3;
  let app: Handler = (request) => answer(setup, request as KmRequest);
  for (let time = 0; time < times; time += 1) app = withKm(app, options);
  return app;
}

async function answer({ routes, prefix = "" }: Setup, request: KmRequest): Promise<Response> {
  // Other frameworks have a middleware that sees every request. Here a GET handler that never looks at `request.km` stays as static as it was.
  void request.km;
  const method = request.method === "HEAD" ? "GET" : request.method;
  const route = routes.find((one) => one.method === method && prefix + one.path === request.nextUrl.pathname);
  if (route === undefined) notFound();
  const jar = await cookies();
  // A handler answers by what it returns; what it does after `send` it does behind the answer's back.
  const answered = new Promise<Response>((resolve, reject) => {
    const work = async () => route.handle(turnOf(request, jar, resolve));
    work().catch(reject);
  });
  return watched(answered);
}

/** Lets the test know how the handler fares. */
async function watched(answered: Promise<Response>): Promise<Response> {
  const visit = suite?.visit();
  visit?.begins();
  try {
    return await answered;
  } catch (thrown) {
    visit?.throws(thrown as object);
    throw thrown;
  } finally {
    visit?.ends();
  }
}

function turnOf(request: KmRequest, jar: Awaited<ReturnType<typeof cookies>>, resolve: (response: Response) => void): Turn {
  const headers = new Headers();
  return {
    km: request.km,
    native: request,
    header: (name) => request.headers.get(name) ?? undefined,
    form: async () => Object.fromEntries((await request.formData()) as unknown as Iterable<[string, string]>),
    session: undefined,
    regenerate: noSession,
    destroy: noSession,
    setHeader: (name, value) => {
      if (typeof value === "string") headers.set(name, value);
      else for (const line of value) headers.append(name, line);
    },
    cookie: (name, value) => void jar.set(name, value),
    send: (text, status = 200) => resolve(new Response(status === 204 || status === 304 ? null : text, { status, headers })),
    // It throws, and what it throws goes through the handler to Next.
    redirect: (path) => redirect(path),
    stream: () => streamOf((body) => resolve(new Response(body, { headers }))),
  };
}

async function noSession(): Promise<never> {
  throw new Error("Next has no session");
}

function streamOf(answer: (body: ReadableStream<Uint8Array>) => void): Stream {
  const encoder = new TextEncoder();
  let sink: ReadableStreamDefaultController<Uint8Array> | undefined;
  answer(
    new ReadableStream<Uint8Array>({
      start: (controller) => {
        sink = controller;
      },
      cancel: () => {
        sink = undefined;
      },
    }),
  );
  return {
    write: (chunk) => sink?.enqueue(encoder.encode(chunk)),
    end: () => sink?.close(),
  };
}
