/** How long a reader may take nothing, in ms: what he reads keeps a query of the store open. */
const IDLE = 60_000;
/** How many lines are handed on at a time. */
const TOGETHER = 500;

/**
 * Lines as a stream that reads on only as fast as its reader takes them. One that takes nothing for a minute is cut off, and the lines' source is let
 * go of.
 *
 * @param idle how long a reader may take nothing, in ms; default a minute
 */
export function lineStream(lines: AsyncIterable<string>, idle: number = IDLE): ReadableStream<Uint8Array> {
  const iterator = lines[Symbol.asyncIterator]();
  let waiting: NodeJS.Timeout | undefined;
  return new ReadableStream({
    async pull(controller) {
      clearTimeout(waiting);
      const texts: string[] = [];
      while (texts.length < TOGETHER) {
        const { done, value } = await iterator.next();
        if (done === true) {
          if (texts.length > 0) controller.enqueue(Buffer.from(texts.join("")));
          controller.close();
          return;
        }
        texts.push(`${value}\n`);
      }
      controller.enqueue(Buffer.from(texts.join("")));
      waiting = setTimeout(() => {
        controller.error(new Error("the reader takes nothing"));
        void iterator.return?.();
      }, idle);
      waiting.unref();
    },
    async cancel() {
      clearTimeout(waiting);
      await iterator.return?.();
    },
  });
}
