/** Cuts a byte stream into lines, as a watch response is framed: one JSON document a line, chunked anywhere. */
import { StringDecoder } from 'node:string_decoder';

/** The longest line accepted; the API server refuses objects above some 3 MB. */
const MAX_LINE_LENGTH = 16 * 1024 * 1024;

export class LineReader {
  readonly #onLine: (line: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #parts: string[] = [];
  #length = 0;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** Calls back once for every line that the chunk completes; empty lines are skipped. Throws on an endless line. */
  push(chunk: Uint8Array): void {
    let text = this.#decoder.write(chunk);
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
      const line = this.#parts.join('') + text.slice(0, end);
      this.#parts = [];
      this.#length = 0;
      text = text.slice(end + 1);
      if (line.trim() !== '') this.#onLine(line);
    }
    if (text === '') return;
    this.#parts.push(text);
    this.#length += text.length;
    if (this.#length > MAX_LINE_LENGTH) throw new Error(`a line of the response exceeds ${MAX_LINE_LENGTH} characters`);
  }
}
