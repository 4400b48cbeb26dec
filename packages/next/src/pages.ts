import type { IncomingMessage, ServerResponse } from "node:http";
import type { Km } from "@kmkit/core";
import type { GetServerSidePropsContext, GetServerSidePropsResult, NextApiRequest, NextApiResponse } from "next";
import { beneath } from "./beneath.ts";
import { clientOf } from "./client.ts";
import type { NextNative, NextOptions } from "./edge/options.ts";
import { visitOf } from "./visit.ts";

/** The request of the Pages Router, which has `km`. */
export type WithKm<Request> = Request & { readonly km: Km };

/**
 * Wraps an API route of the Pages Router, so that `request.km` is there.
 *
 * @example
 * export default withKmApi((request, response) => {
 *   request.km.record("Signed Up", { Plan: "Pro" });
 *   response.json({ ok: true });
 * });
 */
export function withKmApi(
  handler: (request: WithKm<NextApiRequest>, response: NextApiResponse) => unknown,
  options: NextOptions = {},
): (request: NextApiRequest, response: NextApiResponse) => Promise<unknown> {
  return async function withKm(request, response) {
    return handler(await opened(request, response, options), response);
  };
}

/**
 * Wraps `getServerSideProps` of the Pages Router, so that `context.req.km` is there.
 *
 * @example
 * export const getServerSideProps = withKmPage(async ({ req }) => {
 *   req.km.record("Viewed Product");
 *   return { props: {} };
 * });
 */
export function withKmPage<
  Props extends object = object,
  Context extends GetServerSidePropsContext = GetServerSidePropsContext,
  // For `InferGetServerSidePropsType`: a function that answers in several ways tells its props by them, and not as one type.
  Result extends GetServerSidePropsResult<Props> = GetServerSidePropsResult<Props>,
>(
  get: (context: Context & { req: WithKm<Context["req"]> }) => Promise<Result>,
  options: NextOptions = {},
): (context: Context) => Promise<Result> {
  return async function withKm(context) {
    await opened(context.req, context.res, options);
    return get(context as Context & { req: WithKm<Context["req"]> });
  };
}

type PagesRequest = IncomingMessage & { readonly cookies: Partial<Record<string, string>> };

async function opened<Request extends PagesRequest>(
  request: Request,
  response: ServerResponse,
  options: NextOptions,
): Promise<WithKm<Request>> {
  const native = nativeOf(request);
  const visit = visitOf(beneath() ?? { request, response }, options, native);
  visit.exchange.inner = true;
  await visit.session.ask(options, native, () => clientOf(options));
  return Object.assign(request, { km: visit.km });
}

function nativeOf(request: PagesRequest): NextNative {
  const header = (name: string) => request.headers[name.toLowerCase()]?.toString();
  return {
    headers: { get: (name) => header(name) ?? null, has: (name) => header(name) !== undefined },
    cookies: {
      get: (name) => {
        const value = request.cookies[name];
        return value === undefined ? undefined : { name, value };
      },
    },
  };
}
