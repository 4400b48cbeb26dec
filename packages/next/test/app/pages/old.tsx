import { withKmPage } from "../lib/km";

interface Seen extends Record<string, unknown> {
  readonly identity: string;
}

export const getServerSideProps = withKmPage<Seen, Parameters<import("next").GetServerSideProps>[0]>(async ({ req, res, query }) => {
  req.km.record("Viewed Old");
  if (query.how !== undefined) res.setHeader("set-cookie", ["raw=2; Path=/", "byProps=4; Path=/"]);
  if (query.how === "redirect") return { redirect: { destination: "/product", permanent: false } };
  if (query.how === "missing") return { notFound: true };
  if (query.how === "throw") throw new Error("on purpose");
  return { props: { identity: req.km.identity } };
});

export default function Old({ identity }: Seen) {
  return <p id="seen">{identity}</p>;
}
