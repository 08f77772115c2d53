/**
 * Files and folders that are there only for as long as some work takes. Whoever makes one adds its path, and takes it
 * away when the file has gone or is finished; a process that has to end at once can tell then what it leaves.
 */
export const unfinished = new Set<string>();
