import type { GetServerSideProps, InferGetServerSidePropsType } from "next";
import { isWhole } from "../lib/beneath";
import { withKmPage } from "../lib/km";

/** `?how=` says how it ends. */
export const getServerSideProps = withKmPage(async ({ req, res, query }) => {
  const { how, user } = query;
  if (how === "cookies") res.setHeader("set-cookie", ["before=1; Path=/", "raw=2; Path=/"]);
  req.km.record("Viewed Shop");
  if (how === "cookies") res.appendHeader("set-cookie", "after=3; Path=/");
  if (how === "overwrite") res.setHeader("set-cookie", "over=4; Path=/");
  if (user !== undefined) res.setHeader("set-cookie", `user=${user}; Path=/`);
  if (how === "cache") res.setHeader("cache-control", "public, s-maxage=60");
  if (how === "redirect") return { redirect: { destination: "/still", permanent: false } };
  if (how === "missing") return { notFound: true };
  if (how === "throw") throw new Error("on purpose");
  return { props: { identity: req.km.identity, whole: isWhole() } };
}) satisfies GetServerSideProps<{ identity: string; whole: boolean }>;

export default function Shop({ identity, whole }: InferGetServerSidePropsType<typeof getServerSideProps>) {
  return (
    <p id="seen" data-whole={whole}>
      {identity}
    </p>
  );
}
