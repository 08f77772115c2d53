/** Who this server lives for: it ends soon after the editor that started it, however that ended. */

/** Milliseconds between two looks. */
const INTERVAL = 400;

/** Calls back once the process is not there any more. */
export function onDeath(processId: number, callback: () => void): Disposable {
  const timer = setInterval(() => {
    if (isAlive(processId)) return;
    clearInterval(timer);
    callback();
  }, INTERVAL).unref();
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
    },
  };
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    // Another user's, which may not be sent signals.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
