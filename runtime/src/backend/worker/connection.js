// WebSockets of the worker itself.

/** Opens a connection. Its messages wait until Wasm asks for them with `next`. */
export function openConnection() {
  const { 0: client, 1: socket } = new WebSocketPair();
  const received = [];
  let ended, wake;
  const add = (item) => {
    received.push(item);
    wake?.();
  };
  const end = (code, reason) => {
    if (ended) return;
    ended = true;
    add({ code, reason });
  };
  socket.accept();
  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", ({ data }) => add({ data }));
  socket.addEventListener("error", () => end(1006, ""));
  socket.addEventListener("close", ({ code, reason }) => {
    end(code, reason);
    // The answer, which newer compatibility dates send themselves.
    try { socket.close(code === 1005 ? undefined : code, reason); } catch {}
  });

  const next = () => new Promise((resolve) => {
    const check = () => {
      if (received.length === 0) return;
      wake = undefined;
      resolve(received.shift());
    };
    wake = check;
    check();
  });
  return { client, socket, next };
}
