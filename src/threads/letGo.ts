/** Memory that is given back before the garbage collector would see to it. */
import { MessageChannel } from "node:worker_threads";

/** What is transferred to it is gone at once, where garbage would wait until there are tens of megabytes of it. */
const nowhere = new MessageChannel().port1;
nowhere.close();

export function letGo(memory: ArrayBuffer): void {
  nowhere.postMessage(undefined, [memory]);
}
