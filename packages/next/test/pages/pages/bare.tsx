export const getServerSideProps = async () => ({ props: { at: "request" } });

export default function Bare({ at }: { at: string }) {
  return <p id="seen">{at}</p>;
}
