// One WebSocket with ttyd 1.7.7: the first byte of a message says what it is.

const OUTPUT = 0x30; // "0", from ttyd; everything else from there is of no use here
const INPUT = 0x30; // "0", to ttyd
const CHUNK = 16 * 1024; // of pasted text, so that a terminal's input buffer keeps up

/** An id that no other connection has. */
function freshId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** `onOutput` is given bytes, which may end in the middle of a character; `onEnd` comes exactly once. */
export class Connection {
  #socket;
  #encoder = new TextEncoder();
  #over = false;
  #onEnd;

  constructor(address, { columns, rows, onOutput, onEnd }) {
    this.id = freshId();
    this.#onEnd = onEnd;
    this.#socket = new WebSocket(address(this.id), ["tty"]);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => this.#say(JSON.stringify({ AuthToken: "", columns, rows }));
    this.#socket.onmessage = ({ data }) => {
      if (this.#over || !(data instanceof ArrayBuffer)) return;
      const bytes = new Uint8Array(data);
      if (bytes[0] === OUTPUT) onOutput(bytes.subarray(1));
    };
    this.#socket.onclose = () => this.close();
  }

  /** Text that a person typed, or pasted. */
  type(text) {
    this.bytes(this.#encoder.encode(text));
  }

  bytes(bytes) {
    for (let start = 0; start < bytes.length; start += CHUNK) {
      const chunk = bytes.subarray(start, start + CHUNK);
      const message = new Uint8Array(chunk.length + 1);
      message[0] = INPUT;
      message.set(chunk, 1);
      this.#say(message);
    }
  }

  resize(columns, rows) {
    this.#say(`1${JSON.stringify({ columns, rows })}`);
  }

  /** Heed nothing more of it. */
  close() {
    if (this.#over) return;
    this.#over = true;
    this.#socket.close();
    this.#onEnd();
  }

  #say(message) {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(typeof message === "string" ? this.#encoder.encode(message) : message);
  }
}
