"use client";

import { Notice } from "../components/notice";

export default function Failed() {
  return (
    <Notice title="A fuse has blown" text="Something went wrong on our side. Please try once more.">
      <a className="button" href="/">
        Back to the lamps
      </a>
    </Notice>
  );
}
