// The packed columns (triagebot/columns.py) back into numbers and words, piece by piece, so that the tab never freezes.

const PIECE = 1 << 18; // characters of base64 at a time; a multiple of 4
const NUMBERS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };

/** Lets the browser paint and answer. */
const pause = () => (globalThis.scheduler?.yield ? scheduler.yield() : new Promise((go) => setTimeout(go)));

/** All columns: `numbers` and `words` by name, and `told`. */
async function unpacked(element) {
  const text = element.textContent;
  element.remove();
  const whole = await inflated(text);
  const begin = 4 + new DataView(whole.buffer).getUint32(0, true);
  const decoder = new TextDecoder();
  const header = JSON.parse(decoder.decode(whole.subarray(4, begin)));
  const held = { numbers: {}, words: {}, told: header.told };
  for (const [name, [width, at, count]] of Object.entries(header.numbers)) {
    held.numbers[name] = new NUMBERS[width](whole.buffer, begin + at, count);
  }
  for (const [name, [at, length, count]] of Object.entries(header.words)) {
    await pause();
    held.words[name] = count ? decoder.decode(whole.subarray(begin + at, begin + at + length)).split("\n") : [];
  }
  return held;
}

async function inflated(text) {
  const gunzip = new DecompressionStream("gzip");
  const fed = feed(gunzip.writable.getWriter(), text);
  const pieces = [];
  let size = 0;
  for (const reader = gunzip.readable.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value);
    size += value.length;
  }
  await fed;
  await pause();
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

async function feed(writer, text) {
  for (let at = 0; at < text.length; at += PIECE) {
    const raw = atob(text.slice(at, at + PIECE));
    const bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    await writer.ready;
    writer.write(bytes).catch(() => {}); // the reader is told too
    await pause();
  }
  await writer.close();
}
