import { withKmPage } from "../../lib/km";

export const getServerSideProps = withKmPage(async ({ req, params }) => {
  req.km.record("Visited", { n: String(params?.n) });
  return { props: {} };
});

export default function Visited() {
  return <p>visited</p>;
}
