// Blocks of the page, decoded on first use.

const KINDS = { f4: Float32Array, f8: Float64Array, i4: Int32Array, i2: Int16Array, u1: Uint8Array };
const unpackedBlocks = new Map();

const inflated = async (base64) => {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};

// first bytes of all numbers, then second ones, …, back to numbers
const joinedBytes = (planes, size) => {
  const count = planes.length / size, bytes = new Uint8Array(planes.length);
  for (let plane = 0; plane < size; plane += 1) {
    for (let at = 0; at < count; at += 1) bytes[at * size + plane] = planes[plane * count + at];
  }
  return bytes.buffer;
};

const decoded = async (kind, base64) => {
  const bytes = await inflated(base64);
  if (kind === "document") return bytes;
  if (kind === "text") return JSON.parse(new TextDecoder().decode(bytes));
  const type = KINDS[kind];
  return new type(joinedBytes(bytes, type.BYTES_PER_ELEMENT));
};

const unpack = (number) => {
  if (!unpackedBlocks.has(number)) {
    const block = document.getElementById(`block-${number}`);
    unpackedBlocks.set(number, decoded(block.dataset.kind, block.textContent));
  }
  return unpackedBlocks.get(number);
};
