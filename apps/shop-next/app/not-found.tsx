import type { Metadata } from "next";
import Link from "next/link";
import { Notice } from "../components/notice";

export const metadata: Metadata = { title: "It is dark in here" };

export default function NotFound() {
  return (
    <Notice title="It is dark in here" text="There is no such page, or no such lamp any more.">
      <Link className="button" href="/">
        Back to the lamps
      </Link>
    </Notice>
  );
}
