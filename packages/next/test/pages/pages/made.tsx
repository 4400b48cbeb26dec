import type { GetStaticProps } from "next";

export const getStaticProps: GetStaticProps<{ at: string }> = () => ({ props: { at: "build" }, revalidate: 60 });

export default function Made({ at }: { at: string }) {
  return <p id="seen">{at}</p>;
}
