import { withKmPage } from "@kmkit/next";

export const getServerSideProps = withKmPage(async ({ req }) => {
  req.km.record("Read Story");
  return { props: { title: "How lamps are made" } };
});

export default function Story({ title }: { title: string }) {
  return <h1>{title}</h1>;
}
